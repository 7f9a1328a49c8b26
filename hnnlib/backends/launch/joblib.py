"""Trials over worker processes, by joblib."""

from __future__ import annotations

import functools
import os
import signal
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.protocol import Engine, Progress
from hnnlib.base.errors import InvalidType, InvalidValue, SimulationError, UnknownName
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["JoblibBackend", "JoblibLauncher"]

T = TypeVar("T")

_OF_THIS_MACHINE = ("loky", "multiprocessing", "threading", "sequential")


class JoblibLauncher:
    """Spreads trials over workers of joblib.

    The plan goes to the workers once, as a file that they map into memory, and records come back as arrays. Each worker
    builds the network once and resets it for every trial.

    Parameters
    ----------
    n_jobs : int
        Number of workers; -1 for one per core, 1 for this process.
    backend : str
        Name of a joblib backend: ``'loky'`` (processes), ``'multiprocessing'``, ``'threading'`` (for the fast engine;
        NEURON has one state per process and runs one trial at a time), or one that was registered with joblib.

    Raises
    ------
    InvalidValue
        If ``n_jobs`` is 0.
    UnknownName
        If joblib knows no backend of that name.
    """

    name = "joblib"
    leads = True

    def __init__(self, n_jobs: int = 1, backend: str = "loky") -> None:
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int):
            raise InvalidType("n_jobs", n_jobs, "must be an integer: a number of workers, or -1 for all cores")
        if n_jobs == 0:
            raise InvalidValue("n_jobs", n_jobs, "must be >= 1, or -1 for all cores")
        if backend != "loky":
            from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS

            known = sorted({*BACKENDS, *EXTERNAL_BACKENDS})
            if backend not in known:
                raise UnknownName("backend", backend, "joblib backend", known)
        self.n_jobs, self.backend = n_jobs, backend

    def share(self, value: T) -> T:
        """Return the value: workers ask for nothing."""
        return value

    def run(
        self, engine: Engine, plan: Plan, trials: Sequence[int], progress: Progress | None = None
    ) -> Generator[Records, None, None]:
        """Run trials in workers; yield the records of each as it ends.

        Raises
        ------
        TrialFailed
            If a trial fails in a worker: with its number and cause.
        SimulationError
            If a worker dies: with the trials that were running.
        """
        n_jobs = self._workers(len(trials))
        if n_jobs == 1:
            yield from SerialLauncher().run(engine, plan, trials, progress)
            return
        with _folder() as folder:
            handed = _hand_over(plan, folder) if self.backend in _OF_THIS_MACHINE else plan
            work = ((_run_one, engine, handed, k, folder) for k in trials)
            for records in self._spread(n_jobs, work, folder, "trial"):
                yield records
                if progress is not None:
                    progress(records.trials[0].trial, plan.run.tstop_ms)

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run plans in workers, all trials of one in one worker; yield number and records of each as it ends.

        Raises
        ------
        TrialFailed
            If a trial fails in a worker.
        SimulationError
            If a worker dies: with the plans that were running.
        """
        n_jobs = self._workers(len(plans))
        if n_jobs == 1:
            yield from SerialLauncher().run_many(engine, plans, progress)
            return
        with _folder() as folder:
            work = ((_run_whole, engine, plan, number, folder) for number, plan in enumerate(plans))
            for number, records in self._spread(n_jobs, work, folder, "network"):
                yield number, records
                if progress is not None:
                    progress(number, plans[number].run.tstop_ms)

    def _workers(self, n_tasks: int) -> int:
        from joblib import effective_n_jobs, parallel_config

        with parallel_config(backend=self.backend):
            return max(1, min(effective_n_jobs(self.n_jobs), n_tasks))

    def _spread(
        self, n_jobs: int, work: Iterable[tuple[Callable[..., Any], Any, Any, int, str]], folder: str, what: str
    ) -> Generator[Any, None, None]:
        """Run tasks in workers; yield what they return as it comes."""
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        # Arrays in the tasks of run_many that are above 1 MB are memory-mapped by joblib.
        pool = Parallel(n_jobs=n_jobs, backend=self.backend, return_as="generator_unordered", max_nbytes="1M")
        arriving = None
        try:
            with _ctrl_c_held():
                arriving = pool(delayed(function)(*given) for function, *given in work)
            yield from arriving
        except BrokenProcessPool as error:
            running = _running(folder)
            which = f"{what}{'s' if len(running) > 1 else ''} {', '.join(map(str, running))}" if running else "none yet"
            raise SimulationError(f"a worker process died (running: {which}): {error}") from error
        finally:
            if arriving is not None:
                arriving.close()  # ends workers that are still at work


@contextmanager
def _folder() -> Iterator[str]:
    """Make a folder for the plan and for notes of what is running; it is gone at the block's end."""
    # ignore_cleanup_errors: a worker that is being ended may still hold a file there (network file systems)
    with tempfile.TemporaryDirectory(prefix="hnnlib-", ignore_cleanup_errors=True) as folder:
        yield folder


def _hand_over(plan: Plan, folder: str) -> str:
    import joblib

    path = os.path.join(folder, "plan")
    joblib.dump(plan, path)
    return path


@functools.lru_cache(maxsize=1)
def _handed(path: str) -> Plan:
    """Return the plan of a file: its arrays are mapped into memory, so that workers of one machine share them."""
    import joblib

    plan: Plan = joblib.load(path, mmap_mode="r")
    return plan


def _run_one(engine: Engine, handed: Plan | str, trial: int, folder: str) -> Records:
    with _noted(folder, trial):
        plan = _handed(handed) if isinstance(handed, str) else handed
        return engine.run(plan, [trial])


def _run_whole(engine: Engine, plan: Plan, number: int, folder: str) -> tuple[int, Records]:
    with _noted(folder, number):
        return number, engine.run(plan, range(plan.run.n_trials))


@contextmanager
def _noted(folder: str, number: int) -> Iterator[None]:
    """Leave a note while the block runs, for the error message should this process die."""
    note = Path(folder, f"running-{number}")
    with suppress(OSError):  # a worker on another machine has no such folder, and a full disk is no reason to stop here
        note.touch()
    yield
    with suppress(OSError):
        note.unlink()


def _running(folder: str) -> list[int]:
    return sorted(int(name.removeprefix("running-")) for name in os.listdir(folder) if name.startswith("running-"))


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers are started, so that they never hear it: this process ends them, without noise.

    A blocked signal stays blocked in processes that are started meanwhile; here it is delivered at the block's end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as loky_tracker

    # before: the first worker needs both, and starting them unblocks the signal
    resource_tracker.ensure_running()
    loky_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class JoblibBackend(Backend):
    """Run trials over workers of joblib: ``with JoblibBackend(n_jobs=2): simulate_dipole(net, tstop=170.)``.

    Parameters
    ----------
    n_jobs : int
        Number of workers; -1 for one per core, 1 for this process.
    engine : str
        Name of the engine that each worker runs.
    backend : str
        Name of a joblib backend, as in `JoblibLauncher`.

    Raises
    ------
    InvalidValue
        If ``n_jobs`` is 0 or not an integer.
    UnknownName
        If joblib knows no backend of that name.
    """

    def __init__(self, n_jobs: int = 1, engine: str = "auto", backend: str = "loky") -> None:
        super().__init__(launcher=JoblibLauncher(n_jobs, backend), engine=engine)

    @property
    def n_jobs(self) -> int:
        """Number of workers asked for."""
        return self.launcher.n_jobs  # type: ignore[attr-defined]
