"""NEURON in an MPI job: teams of ranks that exchange spikes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hnnlib.backends.neuron.session import Session
from hnnlib.backends.protocol import Part
from hnnlib.base.errors import MPIUnavailable, SimulationError
from hnnlib.base.resources import mapped_files

__all__ = ["check_team", "team_up"]


def team_up(neuron: Session, n_ranks: int) -> None:
    """Make teams of ``n_ranks`` consecutive ranks, NEURON's "subworlds"; all ranks of the job call it together.

    No network may be built in NEURON. In a process that is in no MPI job, it does nothing.

    Raises
    ------
    MPIUnavailable
        If NEURON doesn't see the ranks that mpi4py sees, or has run in this process before it joined them.
    """
    from mpi4py import MPI

    size = MPI.COMM_WORLD.Get_size()
    if size == 1 or (n_ranks == 1 and neuron.has_run and not neuron.in_job):
        return
    if not neuron.in_job:
        _join_job(neuron, size)
    # NEURON 9.0 makes the tables of its spike exchange once, for the team that comes first, and goes on reading what
    # larger teams have left there. So the first are all ranks, and they leave zeros: they exchange no spike.
    neuron.pc.subworlds(size)
    neuron.pc.set_maxstep(10.0)
    neuron.h.finitialize()
    neuron.pc.psolve(neuron.h.dt)
    neuron.pc.subworlds(n_ranks)


def check_team(neuron: Session, part: Part | None) -> None:
    """Raise if this rank's place in its team is not that of the part that it is to compute.

    Raises
    ------
    SimulationError
        Naming both places.
    """
    wanted = (0, 1) if part is None else (part.number, part.n_parts)
    is_so = (int(neuron.pc.id()), int(neuron.pc.nhost()))
    if wanted != is_so:
        raise SimulationError(
            f"this rank is {is_so[0]} in a team of {is_so[1]} and can't compute part {wanted[0]} of {wanted[1]}; "
            "all ranks must team_up first"
        )


def _join_job(neuron: Session, size: int) -> None:
    from mpi4py import MPI

    if neuron.has_run:
        raise MPIUnavailable(
            "NEURON has run in this process and can no longer join its MPI job: use the MPI backend from a script's "
            "first simulation on"
        )
    # NEURON opens the MPI library by a name that the MPI wheels don't have
    library = mpi_library()
    if library is not None:
        os.environ.setdefault("MPI_LIB_NRN_PATH", library)
    neuron.h.nrnmpi_init()  # where it can't, it prints a message and goes on alone
    neuron.pc = neuron.h.ParallelContext()  # one from before the start of MPI crashes
    seen = int(neuron.pc.nhost_world())
    if seen != size:
        raise MPIUnavailable(
            f"NEURON sees {seen} of the {size} ranks of this MPI job: mpi4py uses {library or 'an unknown library'} "
            f"({' '.join(MPI.Get_library_version().split()[:6])}), NEURON was sent to "
            f"{os.environ.get('MPI_LIB_NRN_PATH', 'libmpi.so')} (MPI_LIB_NRN_PATH); it must be the same library"
        )
    neuron.in_job = True
    neuron.pc.timeout(0)  # s; by itself it ends the job when a step of another rank takes longer than 20 s


def mpi_library() -> str | None:
    """Return the file of the MPI library in this process's memory; where that can't be told, of the environment's."""
    loaded = mapped_files(r"libmpi\w*\.so[.\d]*")
    # libmpi.so of the wheels is a text for the linker, no library: only names with a version
    inside = sorted(Path(sys.prefix, "lib").glob("libmpi.so.[0-9]*")) + sorted(
        Path(sys.prefix, "lib").glob("libmpi.*.dylib")
    )
    return next(iter([*loaded, *map(str, inside)]), None)
