"""NEST's one state per process, its kernel: imported silently, reset for every trial, never shared."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hnnlib.base.errors import MissingPackage, MPIUnavailable, SimulationError

__all__ = ["Kernel", "kernel", "require_nest"]

PACKAGE, EXTRA = "nest-simulator", "nest"


_OF_RANKS = ("PMI_RANK", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_SIZE")
"""What launchers of MPI tell a process that is a rank; whoever finds it in NEST without MPI ends the process."""


@contextmanager
def _no_rank() -> Iterator[None]:
    """Hide from C, not from Python, that this process is a rank; hnnlib gives ranks trials of their own."""
    for name in _OF_RANKS:
        os.unsetenv(name)
    try:
        yield
    finally:
        for name in _OF_RANKS:
            if name in os.environ:
                os.putenv(name, os.environ[name])


@contextmanager
def _as_guest() -> Iterator[None]:
    """Keep NEST, while it is imported, from greeting on standard output and from sharing what later modules load.

    It asks for shared symbols (RTLD_GLOBAL) for itself, for what it imports (h5py) and for the rest of the process. Two
    modules that each bring an HDF5 of their own, h5py and libsonata, would then use one of the two.
    """
    import h5py  # noqa: F401  now, before NEST does

    before, flags = os.environ.get("PYNEST_QUIET"), sys.getdlopenflags()
    os.environ["PYNEST_QUIET"] = "1"
    try:
        yield
    finally:
        sys.setdlopenflags(flags)
        del os.environ["PYNEST_QUIET"]
        if before is not None:
            os.environ["PYNEST_QUIET"] = before


class Kernel:
    """The module ``nest``, and who may use it.

    Raises
    ------
    MissingPackage
        If NEST is not installed.
    MPIUnavailable
        If this NEST takes several processes for one simulation.
    """

    def __init__(self) -> None:
        self.pid, self.thread = os.getpid(), threading.get_ident()
        try:
            with _as_guest(), _no_rank():
                import nest
        except ImportError as error:
            raise MissingPackage(PACKAGE, EXTRA) from error
        self.nest: Any = nest
        self.errors: type[Exception] = nest.NESTError
        n_processes = int(nest.num_processes)
        if n_processes > 1:
            raise MPIUnavailable(
                f"this NEST was built with MPI and takes all {n_processes} processes for one simulation, where each is "
                f"to run trials of its own; pip install 'hnnlib[{EXTRA}]' brings one without"
            )

    def reset(self, dt: float, seed: int, threads: int) -> None:
        """Forget everything, and begin anew.

        Parameters
        ----------
        dt : float
            Time step (ms).
        seed : int
            Seed of NEST's random numbers, 1 to 2**32 - 1.
        threads : int
            Threads of a simulation; each has random numbers of its own.
        """
        nest = self.nest
        with _no_rank():
            nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR  # messages go to standard output, from C++
        nest.set(resolution=dt, rng_seed=seed, local_num_threads=threads)


@functools.lru_cache(maxsize=1)
def _kernel() -> Kernel:
    return Kernel()


def kernel() -> Kernel:
    """Return this process's kernel.

    Raises
    ------
    MissingPackage, MPIUnavailable
        As `Kernel`.
    SimulationError
        In a process that was forked from one in which NEST runs: its threads are not there, and it may wait for them
        for ever. In another thread than that which called first: NEST keeps memory by thread, and the process can die.
    """
    found = _kernel()
    if found.pid != os.getpid():
        raise SimulationError(
            "NEST can't run in a process that was forked from one in which it runs; take processes that start afresh "
            "(JoblibBackend's backend 'loky')"
        )
    if found.thread != threading.get_ident():
        raise SimulationError(
            "NEST can't run in two threads of a process, one after the other neither; take processes (JoblibBackend's "
            "backend 'loky')"
        )
    return found


def require_nest() -> None:
    """Raise if NEST is not installed; importing it, which takes a second, is left for later.

    Raises
    ------
    MissingPackage
        With the command that installs it.
    """
    if importlib.util.find_spec("nest") is None:
        raise MissingPackage(PACKAGE, EXTRA)
