"""MPI as this process finds it: the job that it is part of, and the environment for one that it starts."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from hnnlib.backends.launch.mpi_deal import Calls, Task, Work
from hnnlib.backends.launch.work import call
from hnnlib.backends.protocol import Progress, join_parts
from hnnlib.base.errors import HnnlibError, MPIUnavailable, SimulationError, TrialFailed
from hnnlib.plan.tables import digest_of
from hnnlib.results.records import Records

__all__ = ["World", "connect", "end_job", "job_environment", "started_together", "wait_for_all"]

T = TypeVar("T")

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PALS_SIZE", "SLURM_STEP_NUM_TASKS")
_OF_A_JOB = ("OMPI_", "PMI_", "PMIX_", "PRTE_", "HYDI_", "MPI_LOCAL", "PALS_")
_SETTINGS = ("OMPI_MCA_", "PMIX_MCA_", "PRTE_MCA_")


def started_together(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes ``mpiexec`` or ``srun`` says it has started with this one; 1 if none has.

    Asked of the environment, since importing mpi4py starts MPI.
    """
    given = [environment.get(name, "") for name in _SIZES]
    return max((int(size) for size in given if size.isdigit()), default=1)


def job_environment(environment: Mapping[str, str], path: list[str], own_mpi: bool) -> dict[str, str]:
    """Return the environment for ``mpiexec`` and the ranks that it starts.

    Parameters
    ----------
    environment : mapping
        This process's. What it sets itself, of the settings made here, stands.
    path : list of str
        Where the ranks look for modules: this process's ``sys.path``.
    own_mpi : bool
        Whether mpiexec belongs to this Python environment.

    Returns
    -------
    environment : dict
    """
    in_job = any(name in environment for name in _SIZES[:3])
    kept = {
        name: value
        for name, value in environment.items()
        # a rank of a job that starts another: mpiexec would take its place in the first for its own
        if not name.startswith(_OF_A_JOB) or (name.startswith(_SETTINGS) and not in_job)
    }
    settings = {
        "OMP_NUM_THREADS": "1",
        # Open MPI (OMPI_: 4, PRTE_: 5) refuses root and more ranks than cores; it binds the ranks of every job to the
        # same first cores, and ranks that wait keep their cores busy.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "OMPI_MCA_mpi_yield_when_idle": "1",
    }
    if own_mpi:  # a wheel is for one machine, and its search for fast networks takes a second
        settings |= {"OMPI_MCA_mtl": "^ofi", "OMPI_MCA_btl": "^ofi"}
    absolute = [os.path.abspath(folder) for folder in path]
    return settings | kept | {"PYTHONPATH": os.pathsep.join(absolute)}


def connect(expected: int) -> Any:
    """Start MPI and return the communicator of all ranks.

    Raises
    ------
    MPIUnavailable
        If mpi4py finds no MPI library, or doesn't see the ranks that were started together.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise MPIUnavailable(
            f"mpi4py finds no MPI library ({error}); pip install 'hnnlib[mpi]' brings one, on a cluster load its module"
        ) from error
    comm = MPI.COMM_WORLD
    if comm.Get_size() != expected:
        raise MPIUnavailable(
            f"{expected} processes were started together, but they don't see each other: mpi4py sees "
            f"{comm.Get_size()} (it uses {' '.join(MPI.Get_library_version().split()[:6])}); mpiexec and mpi4py must "
            "belong to the same MPI"
        )
    return comm


def wait_for_all(comm: Any) -> None:
    """Wait until all ranks are here, asleep: MPI itself keeps a core busy meanwhile."""
    request = comm.Ibarrier()
    pause = 1e-4
    while not request.Test():
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


def end_job(comm: Any) -> None:
    """End all ranks, this one too, after what was said has been heard."""
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(0.5)  # an mpiexec that is told to abort drops what it has not passed on yet
    comm.Abort(1)


class World:
    """The MPI job that this process was started in, with its script: all ranks run the same lines.

    An exception that nobody catches ends all ranks, which would wait forever for this one.

    Parameters
    ----------
    size : int
        Number of processes that were started together.

    Raises
    ------
    MPIUnavailable
        As `connect`.
    """

    def __init__(self, size: int) -> None:
        self._comm = connect(size)
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        if not isinstance(sys.excepthook, _EndsAll):
            sys.excepthook = _EndsAll(self._comm, sys.excepthook)

    def share(self, value: T) -> T:
        """Return the value that rank 0 has, on all ranks."""
        wait_for_all(self._comm)
        shared: T = self._comm.bcast(value)
        return shared

    def records(self, work: Work, progress: Progress | None) -> Generator[tuple[int, Records], None, None]:
        """Compute with all ranks; yield the number of the plan and the records of each trial, on every rank."""
        self._check_same(work)
        work.team_up(work.team)
        mine = work.of(self.rank)
        failed: HnnlibError | None = None
        for turn in range(len(work.of(0))):  # the first team has most tasks
            own = self._compute(work, mine[turn], progress) if turn < len(mine) else None
            wait_for_all(self._comm)
            told = self._comm.allgather(own)
            for team in range(work.n_teams):
                parts = told[team * work.team : (team + 1) * work.team]
                if parts[0] is None:
                    continue
                task = work.of(team * work.team)[turn]
                try:
                    records = _joined(work, task, parts, team * work.team)
                except HnnlibError as error:  # the same on all ranks
                    failed = failed or error
                    continue
                if progress is not None and team > 0:
                    progress(task[1], work.plans[task[0]].run.tstop_ms)
                yield task[0], records
            if failed is not None:
                break
        # not in a `finally`: were only this rank to leave early, it would wait for the others in there
        work.team_up(1)
        if failed is not None:
            raise failed

    def values(self, calls: Calls, items: Iterator[tuple[int, Any]]) -> Generator[tuple[int, Any], None, None]:
        """Call a function for each item on all ranks in turn; yield number and value of each, on every rank."""
        while True:
            turn, own = list(itertools.islice(items, self.size)), None
            if self.rank < len(turn):
                number, item = turn[self.rank]
                own = call(calls.function, calls.given, item, calls.what, number)
            wait_for_all(self._comm)
            told = self._comm.allgather((len(turn), own))
            if any(n_items != len(turn) for n_items, _ in told):
                raise SimulationError(
                    "the ranks of this MPI job have different numbers of items to work on: all ranks must run the same "
                    "script on the same input, with no random numbers of their own"
                )
            for (number, _), (_, value) in zip(turn, told, strict=False):
                yield number, value
            if len(turn) < self.size:  # not before: ranks with more items would wait for this one
                return

    def _compute(self, work: Work, task: Task, progress: Progress | None) -> Records | HnnlibError:
        """Compute this rank's part; return an error of its own, since the others must hear of it."""
        try:
            return work.compute(task, self.rank, progress if self.rank == 0 else None)
        except BaseException as error:
            if work.team == 1 and isinstance(error, HnnlibError):
                return error
            # the team is waiting in NEURON for this rank's spikes
            sys.excepthook(type(error), error, error.__traceback__)
            raise

    def _check_same(self, work: Work) -> None:
        mine = (work.engine.name, digest_of(dict(work.engine.options)), digest_of(work.plans), work.tasks, work.team)
        wait_for_all(self._comm)
        for rank, other in enumerate(self._comm.allgather(mine)):
            if other != mine:
                raise SimulationError(
                    f"ranks {self.rank} and {rank} of this MPI job are to simulate different things: all ranks must "
                    "run the same script on the same input, with no random numbers of their own"
                )


def _joined(work: Work, task: Task, parts: list[Any], first_rank: int) -> Records:
    for place, part in enumerate(parts):
        if isinstance(part, TrialFailed):
            raise TrialFailed(part.trial, f"rank {first_rank + place}: {part.cause}")
        if isinstance(part, HnnlibError):
            raise SimulationError(f"rank {first_rank + place}: {part}")
    return parts[0] if work.team == 1 else join_parts(work.plans[task[0]], parts)


class _EndsAll:
    """An exception hook: what the one before did, then the end of all ranks."""

    def __init__(self, comm: Any, before: Any) -> None:
        self._comm, self._before = comm, before

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._before(kind, error, trace)
        end_job(self._comm)
