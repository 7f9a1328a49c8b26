"""The one NEURON of this process: its state is global, so one object owns it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hnnlib.base.errors import MechanismBuildError
from hnnlib.base.log import logger
from hnnlib.base.resources import mapped_files, mod_dir
from hnnlib.mechanisms.build import mechanism_library
from hnnlib.mechanisms.catalogue import read_mechanism

__all__ = ["Session", "session"]

# NEURON can neither load mechanisms nor simulate from two threads at once. Made at import, since a lock made on first
# use could itself be made twice.
_LOCK = threading.RLock()


class Session:
    """NEURON with hnnlib's mechanisms loaded; made by `session` only.

    Attributes
    ----------
    h : object
        NEURON's top-level interpreter object.
    pc : object
        A ``ParallelContext``.
    cvode : object
        The integrator's settings, ``CVode``.
    lock : threading.RLock
        Hold it while building, running or reading.
    library : Path or None
        The mechanism library that was loaded.
    network : object or None
        The network that is built in NEURON now; kept for the next run of the same one.
    has_run : bool
        Whether a network was built in this process.
    in_job : bool
        Whether it can exchange spikes with the other ranks of this process's MPI job.
    """

    def __init__(self, h: Any) -> None:
        self.h = h
        self.pc: Any = h.ParallelContext()
        self.cvode: Any = h.CVode()
        self.lock = _LOCK
        self.library: Path | None = None
        self.network: Any = None
        self.has_run = False
        self.in_job = False

    def load(self, library: Path) -> None:
        """Load the mechanism library, once.

        Parameters
        ----------
        library : Path
            What `hnnlib.mechanisms.build.mechanism_library` returned.

        Raises
        ------
        MechanismBuildError
            If another library was loaded before, or one of its mechanisms exists already, or it can't be loaded.
        """
        if self.library == library:
            return
        if self.library is not None:
            raise MechanismBuildError(
                f"this process runs with the mechanisms of {self.library}; NEURON can't change to {library}: "
                "use a new process"
            )
        foreign = set(mapped_files(r"[^/]*libnrnmech\.so")) - {str(library)}
        if foreign:
            taken = sorted(self._mechanisms() & {read_mechanism(file).name for file in mod_dir().glob("*.mod")})
            if taken:
                raise MechanismBuildError(
                    f"NEURON has loaded {', '.join(sorted(foreign))}, which also has {', '.join(taken)}; "
                    "run hnnlib in a process of its own, started outside a folder that holds compiled mechanisms"
                )
            logger.warning("NEURON has also loaded mechanisms from %s", ", ".join(sorted(foreign)))
        try:
            loaded = self.h.nrn_load_dll(str(library))
        except RuntimeError as error:
            raise MechanismBuildError(f"NEURON could not load {library}: {error}") from error
        if not loaded or not hasattr(self.h, "LinearProbe"):
            raise MechanismBuildError(f"NEURON could not load {library}, or it lacks hnnlib's mechanisms")
        self.library = library

    def prepare(self, dt: float, celsius: float) -> None:
        """Set everything in NEURON's global state that a run depends on.

        Parameters
        ----------
        dt : float
            Fixed time step, ms.
        celsius : float
            Temperature, °C.
        """
        self.cvode.active(0)
        self.h.secondorder = 0
        if self.pc.nthread() != 1:
            self.pc.nthread(1)
        self.pc.set_maxstep(10.0)  # ms; psolve refuses to run without, even where nothing is connected
        self.h.dt = dt
        self.h.celsius = celsius

    def _mechanisms(self) -> set[str]:
        names = set()
        for kind in (0, 1):  # density mechanisms, point processes
            types = self.h.MechanismType(kind)
            name = self.h.ref("")
            for k in range(int(types.count())):
                types.select(k)
                types.selected(name)
                names.add(name[0])
        return names


def session(extra: Sequence[Path] = ()) -> Session:
    """Return this process's NEURON, started and with the mechanisms loaded.

    Parameters
    ----------
    extra : sequence of Path
        Further NMODL files; must be the same in all calls of a process.

    Returns
    -------
    Session
        The same object each time.

    Raises
    ------
    MechanismBuildError
        If the mechanisms can't be compiled or loaded, or other ones are loaded already.
    """
    with _LOCK:
        started = _start()
        started.load(mechanism_library(extra))
        return started


@functools.cache
def _start() -> Session:
    with _outside(), _options("-nogui -nobanner"):
        from neuron import h
    started = Session(h)
    if started.pc.nhost() > 1:
        # NEURON has joined an MPI job by itself, as it does where it finds the library: each rank is alone again
        started.pc.subworlds(1)
    return started


@contextlib.contextmanager
def _outside() -> Iterator[None]:
    # NEURON loads mechanisms that it finds compiled in the current folder when it is imported.
    if "neuron" in sys.modules:
        yield
        return
    here = os.getcwd()
    os.chdir(os.sep)
    try:
        yield
    finally:
        os.chdir(here)


@contextlib.contextmanager
def _options(value: str) -> Iterator[None]:
    # -nogui: no search for a display; a user's own setting stands.
    if "NEURON_MODULE_OPTIONS" in os.environ:
        yield
        return
    os.environ["NEURON_MODULE_OPTIONS"] = value
    try:
        yield
    finally:
        del os.environ["NEURON_MODULE_OPTIONS"]
