"""Cells and trials over the ranks of an MPI job."""

from __future__ import annotations

import importlib.util
import logging
import operator
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import Any, TypeVar

from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.mpi_deal import Calls, Task, deal
from hnnlib.backends.launch.mpi_job import run_calls, run_job
from hnnlib.backends.launch.mpi_world import World, started_together
from hnnlib.backends.launch.work import numbered
from hnnlib.backends.protocol import Engine, Progress, join
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, MPIUnavailable
from hnnlib.base.log import logger
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["MPIBackend", "MPILauncher"]

T = TypeVar("T")
V = TypeVar("V")

_INSTALL = "pip install 'hnnlib[mpi]' brings one; on a cluster load its MPI module"


class MPILauncher:
    """Spreads trials, and with NEURON the cells of each trial, over the ranks of an MPI job.

    In an ordinary script it starts ``mpiexec`` for every run, and ends what it has started. In a script that itself was
    started by ``mpiexec`` or a batch system it uses the ranks that run the script: all of them get all results, and
    ``leads`` is True on the first.

    Parameters
    ----------
    n_procs : int, optional
        Number of ranks; left out: one per core, or those that the script was started with.
    mpi_cmd : str or list of str, optional
        The command that starts ranks, with options, e.g. ``'mpiexec'``, ``'srun --mpi=pmix'``; ``-n`` and the number
        of ranks come after it. Left out: ``mpiexec`` of this Python environment, else ``mpiexec`` or ``mpirun`` on the
        search path.
    ranks_per_trial : int, optional
        Number of ranks that share the cells of a trial; left out: with which the trials are done soonest.
    timeout : float, optional
        End the run when no rank gives a sign of life for that many seconds; each does so when it has started and 20
        times a trial. Left out: wait. In a script that was started by ``mpiexec`` it is not used.

    Raises
    ------
    InvalidValue
        If a number is below 1, ``ranks_per_trial`` doesn't divide ``n_procs``, or ``n_procs`` is not the number of
        processes that this script was started with.
    MPIUnavailable
        If there is no mpiexec or no mpi4py, or the processes that were started together don't see each other.
    """

    name = "mpi"

    def __init__(
        self,
        n_procs: int | None = None,
        mpi_cmd: str | Sequence[str] | None = None,
        ranks_per_trial: int | None = None,
        timeout: float | None = None,
    ) -> None:
        _check_count("n_procs", n_procs)
        _check_count("ranks_per_trial", ranks_per_trial)
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise InvalidType("timeout", timeout, "must be a number of seconds, or None to wait")
        if timeout is not None and not timeout > 0:
            raise InvalidValue("timeout", timeout, "must be > 0 s, or None to wait")
        together = started_together()
        if together > 1 and n_procs not in (None, together):
            raise InvalidValue("n_procs", n_procs, f"must be {together}, with which this script was started")
        if importlib.util.find_spec("mpi4py") is None:
            raise MPIUnavailable("mpi4py is not installed: pip install 'hnnlib[mpi]'")
        self._given = n_procs
        self._world = World(together) if together > 1 else None
        self.n_procs = together if self._world else n_procs or _n_cores()
        self.mpi_cmd = [] if self._world else _find_command(mpi_cmd)
        if ranks_per_trial is not None and self.n_procs % ranks_per_trial:
            raise InvalidValue("ranks_per_trial", ranks_per_trial, f"must divide the number of ranks, {self.n_procs}")
        self.ranks_per_trial, self.timeout = ranks_per_trial, timeout

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the run: False on all ranks of a script but the first."""
        return self._world is None or self._world.rank == 0

    def share(self, value: T) -> T:
        """Return the value that the leading process has, in every process that runs the script."""
        return value if self._world is None else self._world.share(value)

    def run(
        self, engine: Engine, plan: Plan, trials: Sequence[int], progress: Progress | None = None
    ) -> Generator[Records, None, None]:
        """Run trials on the ranks; yield the records of each as it ends.

        Raises
        ------
        InvalidValue
            If there are more ranks than cells in all trials, or the trials can't be split as was asked for.
        TrialFailed
            If a trial fails: with its number, the rank and the cause.
        SimulationError
            If a rank fails or dies outside a trial, or none gives a sign of life: with the ranks and the cause.
        MPIUnavailable
            If the ranks can't use MPI together.
        """
        with closing(self._spread(engine, [plan], [(0, int(k)) for k in trials], progress)) as arriving:
            for _, records in arriving:
                yield records

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run all trials of many plans in one job; yield number and records of each plan as it ends.

        Raises
        ------
        InvalidValue, TrialFailed, SimulationError, MPIUnavailable
            As `run`.
        """
        tasks = [(number, k) for number, plan in enumerate(plans) for k in range(plan.run.n_trials)]
        done: dict[int, list[Records]] = {}
        with closing(self._spread(engine, plans, tasks, None)) as arriving:
            for number, records in arriving:
                done.setdefault(number, []).append(records)
                run = plans[number].run
                if len(done[number]) == run.n_trials:
                    yield number, join(done.pop(number))
                    if progress is not None:
                        progress(number, run.tstop_ms)

    def map(
        self,
        function: Callable[[Any, Any], V],
        items: Iterable[Any],
        given: Any = None,
        *,
        what: str = "item",
        numbers: Iterable[int] | None = None,
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call a function for each item on the ranks, as `hnnlib.backends.protocol.Launcher` says it.

        In a script that was started by ``mpiexec`` all ranks give the same items, get all values, and read to the end.

        Raises
        ------
        SimulationError, MPIUnavailable, OutputError
            As `run`; the item is named where `run` names the trial.
        """
        n_ranks = min(self.n_procs, operator.length_hint(items, sys.maxsize))
        calls = Calls(function=function, given=given, what=what, n_ranks=n_ranks)
        if self._world is not None:
            yield from self._world.values(calls, numbered(items, numbers))
        elif n_ranks:
            yield from run_calls(calls, numbered(items, numbers), self.mpi_cmd, self.timeout)

    def _spread(
        self, engine: Engine, plans: Sequence[Plan], tasks: Sequence[Task], progress: Progress | None
    ) -> Generator[tuple[int, Records], None, None]:
        work = deal(engine, plans, tasks, self.n_procs, self.ranks_per_trial, idle_allowed=self._given is None)
        if not tasks:
            return
        used = work.n_teams * work.team
        # ranks that were asked for and have nothing to do are worth a word
        logger.log(
            logging.WARNING if self._given is not None and used < self.n_procs else logging.INFO,
            "MPI: %d of %d ranks have something to do: %d trials on engine %s, %d ranks per trial",
            *(used, self.n_procs, len(tasks), engine.name, work.team),
        )
        if self._world is None:
            yield from run_job(work, self.mpi_cmd, self.timeout, progress)
        else:
            yield from self._world.records(work, progress)


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(name, value, "must be a whole number, or None")
    if value < 1:
        raise InvalidValue(name, value, "must be >= 1")


def _n_cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _find_command(given: str | Sequence[str] | None) -> list[str]:
    """Return the command that starts ranks, with the program's full path."""
    # this Python environment's first, also where it is not activated: its mpiexec is the one that fits its mpi4py
    path = os.pathsep.join([os.path.join(sys.prefix, "bin"), os.environ.get("PATH", os.defpath)])
    if given is None:
        for name in ("mpiexec", "mpirun"):
            found = shutil.which(name, path=path)
            if found is not None:
                return [found]
        raise MPIUnavailable(f"there is neither mpiexec nor mpirun in {path}; {_INSTALL}")
    words = shlex.split(given) if isinstance(given, str) else list(given)
    if not words or not all(isinstance(word, str) for word in words):
        raise InvalidType("mpi_cmd", given, "must be a command, e.g. 'mpiexec', or a list of its words")
    found = shutil.which(words[0], path=path)
    if found is None:
        where = f"in {path}" if os.path.basename(words[0]) == words[0] else "that can be run"
        raise MPIUnavailable(f"mpi_cmd: there is no {words[0]!r} {where}; {_INSTALL}")
    return [os.path.abspath(found), *words[1:]]


class MPIBackend(Backend):
    """Run cells and trials over MPI ranks: ``with MPIBackend(n_procs=2): simulate_dipole(net, tstop=170.)``.

    Parameters
    ----------
    n_procs : int, optional
        Number of ranks; left out: one per core, or those that the script was started with.
    mpi_cmd : str or list of str, optional
        The command that starts ranks, as in `MPILauncher`.
    engine : str
        Name of the engine that the ranks run. Only NEURON shares the cells of one trial between ranks.
    ranks_per_trial : int, optional
        Number of ranks that share the cells of a trial; left out: with which the trials are done soonest.
    timeout : float, optional
        End the run when no rank gives a sign of life for that many seconds; left out: wait.

    Raises
    ------
    InvalidValue
        If a number is below 1, ``ranks_per_trial`` doesn't divide ``n_procs``, or ``n_procs`` is not the number of
        processes that this script was started with.
    MPIUnavailable
        If there is no mpiexec or no mpi4py, or the processes that were started together don't see each other.
    """

    def __init__(
        self,
        n_procs: int | None = None,
        mpi_cmd: str | Sequence[str] | None = None,
        engine: str = "auto",
        ranks_per_trial: int | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__(launcher=MPILauncher(n_procs, mpi_cmd, ranks_per_trial, timeout), engine=engine)

    @property
    def n_procs(self) -> int:
        """Number of ranks asked for."""
        return self.launcher.n_procs  # type: ignore[attr-defined]

    @property
    def mpi_cmd(self) -> list[str]:
        """The words of the command that starts ranks; empty in a script that was started by it."""
        return self.launcher.mpi_cmd  # type: ignore[attr-defined]
