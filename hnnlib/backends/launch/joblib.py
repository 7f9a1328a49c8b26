"""Trials over worker processes, by joblib."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.protocol import Engine, Progress, join
from hnnlib.base.errors import InvalidType, InvalidValue, SimulationError
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["JoblibBackend", "JoblibLauncher"]


class JoblibLauncher:
    """Spreads trials over worker processes.

    Parameters
    ----------
    n_jobs : int
        Number of worker processes; -1 for one per core, 1 for this process.

    Raises
    ------
    InvalidValue
        If ``n_jobs`` is 0.
    """

    name = "joblib"

    def __init__(self, n_jobs: int = 1) -> None:
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int):
            raise InvalidType("n_jobs", n_jobs, "must be an integer: a number of processes, or -1 for all cores")
        if n_jobs == 0:
            raise InvalidValue("n_jobs", n_jobs, "must be >= 1, or -1 for all cores")
        self.n_jobs = n_jobs

    def run(self, engine: Engine, plan: Plan, progress: Progress | None = None) -> Records:
        """Run all trials of the plan, in workers that build the network once each.

        Raises
        ------
        TrialFailed
            If a trial fails in a worker: with its number and cause.
        SimulationError
            If a worker process dies.
        """
        from joblib import Parallel, delayed, effective_n_jobs
        from joblib.externals.loky.process_executor import BrokenProcessPool

        n_jobs = min(effective_n_jobs(self.n_jobs), plan.run.n_trials)
        if n_jobs == 1:
            return SerialLauncher().run(engine, plan, progress)
        # loky, since NEURON has one state per process, which neither threads nor forks of it can have twice.
        # Arrays above 1 MB are memory-mapped by joblib, so that workers share one copy of the edges.
        pool = Parallel(n_jobs=n_jobs, backend="loky", return_as="generator", max_nbytes="1M")
        parts = []
        try:
            with _ctrl_c_held():
                arriving = pool(delayed(_run_one)(engine, plan, k) for k in range(plan.run.n_trials))
            for part in arriving:
                parts.append(part)
                if progress is not None:
                    progress(part.trials[0].trial, plan.run.tstop_ms)
        except BrokenProcessPool as error:
            done = len(parts)
            raise SimulationError(f"a worker process died while running trials {done} and later: {error}") from error
        return join(parts)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers are started, so that they never hear it: this process ends them, without noise.

    A blocked signal stays blocked in processes that are started meanwhile; here it is delivered at the block's end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_one(engine: Engine, plan: Plan, trial: int) -> Records:
    return engine.run(plan, [trial])


class JoblibBackend(Backend):
    """Run trials over worker processes: ``with JoblibBackend(n_jobs=2): simulate_dipole(net, tstop=170.)``.

    Parameters
    ----------
    n_jobs : int
        Number of worker processes; -1 for one per core, 1 for this process.
    engine : str
        Name of the engine that each worker runs.

    Raises
    ------
    InvalidValue
        If ``n_jobs`` is 0 or not an integer.
    """

    def __init__(self, n_jobs: int = 1, engine: str = "auto") -> None:
        super().__init__(launcher=JoblibLauncher(n_jobs), engine=engine)

    @property
    def n_jobs(self) -> int:
        """Number of worker processes asked for."""
        return self.launcher.n_jobs  # type: ignore[attr-defined]
