"""Trials over worker processes, by joblib."""

from __future__ import annotations

import operator
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import attrs

from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.parcel import read_parcel, write_parcel
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.launch.work import call, numbered, records_of_networks, run_network, run_trial
from hnnlib.backends.protocol import Engine, Progress
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, OutputError, SimulationError, UnknownName
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["JoblibBackend", "JoblibLauncher"]

T = TypeVar("T")
V = TypeVar("V")

_BY_FILE = ("loky", "multiprocessing")  # their workers are on this machine, and don't share this process's memory


class JoblibLauncher:
    """Spreads trials over workers of joblib.

    Engine and plan go to the workers once, as files that they map into memory, and records come back as arrays. Each
    worker builds the network once and resets it for every trial.

    Parameters
    ----------
    n_jobs : int
        Number of workers; -1 for one per core, 1 for this process.
    backend : str
        Name of a joblib backend: ``'loky'`` (processes), ``'threading'`` (for the fast engine; NEURON has one state
        per process and runs one trial at a time), ``'multiprocessing'`` (processes, but joblib hands all trials over
        at the end, and waits for ever for a worker that is killed), or one that was registered with joblib, e.g.
        ``'dask'``.

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
        InvalidValue
            If joblib's backend can't be used, e.g. because what it needs is not installed.
        OutputError
            If there is no room for the plan in the folder for temporary files.
        """
        n_jobs = self._workers(len(trials))
        if n_jobs == 1:
            yield from SerialLauncher().run(engine, plan, trials, progress)
            return
        tasks = ((k, k) for k in trials)
        with closing(self._spread(n_jobs, run_trial, tasks, (engine, plan), "trial")) as arriving:
            for trial, done in arriving:
                if isinstance(done, HnnlibError):
                    raise done
                yield done
                if progress is not None:
                    progress(trial, plan.run.tstop_ms)

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run plans in workers, all trials of one in one worker; yield number and records of each as it ends.

        Raises
        ------
        TrialFailed, SimulationError, InvalidValue, OutputError
            As in `run`; where a worker dies, the networks that were running are named.
        """
        if self._workers(len(plans)) == 1:
            yield from SerialLauncher().run_many(engine, plans, progress)
            return
        with closing(self.map(run_network, plans, engine, what="network")) as arriving:
            yield from records_of_networks(arriving, plans, progress)

    def map(
        self,
        function: Callable[[Any, Any], V],
        items: Iterable[Any],
        given: Any = None,
        *,
        what: str = "item",
        numbers: Iterable[int] | None = None,
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call a function for each item in workers, as `hnnlib.backends.protocol.Launcher` says it.

        Raises
        ------
        SimulationError, InvalidValue, OutputError
            As in `run`; where a worker dies, the items that were running are named.
        """
        n_jobs = self._workers(operator.length_hint(items, sys.maxsize))
        if n_jobs == 1:
            yield from SerialLauncher().map(function, items, given, what=what, numbers=numbers)
            return
        yield from self._spread(n_jobs, function, numbered(items, numbers), given, what)

    def _workers(self, n_tasks: int) -> int:
        from joblib import effective_n_jobs, parallel_config

        with self._joblibs_errors(), parallel_config(backend=self.backend):
            return max(1, min(effective_n_jobs(self.n_jobs), n_tasks))

    def _give(self, value: Any, folder: str, name: str) -> Any:
        """Return what a task carries for a value: the file that workers of this machine find it in, or itself."""
        if self.backend not in _BY_FILE:
            return value
        try:
            return _Parcel(write_parcel(value, os.path.join(folder, name)))
        except OSError as error:
            reason = f"can't take the network ({error.strerror}); TMPDIR names another folder"
            raise OutputError(folder, reason) from error

    def _spread(
        self, n_jobs: int, function: Callable[[Any, Any], V], tasks: Iterable[tuple[int, Any]], given: Any, what: str
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call ``function(given, item)`` in workers for all numbers and items; yield number and value of each."""
        from joblib import delayed

        broken: list[Exception] = []

        def calls(shared: Any, folder: str) -> Iterator[Any]:
            # joblib takes a task when a worker will soon be free for it: few items are made, and in files, at a time
            try:
                for number, item in tasks:
                    carried = self._give(item, folder, f"item-{number}") if isinstance(item, Plan) else item
                    yield delayed(_work)(number, shared, carried)
            except Exception as error:  # noqa: BLE001  raised below: joblib's own errors are told from it
                broken.append(error)

        with _folder() as folder:
            shared = self._give((function, given, what), folder, "given")
            with closing(self._parallel(n_jobs, calls(shared, folder), folder, what)) as arriving:
                for number, done in arriving:
                    with suppress(OSError):  # not there where items don't go by file
                        os.unlink(os.path.join(folder, f"item-{number}"))
                    yield number, done
            if broken:
                raise broken[0]

    def _parallel(
        self, n_jobs: int, calls: Iterable[Any], folder: str, what: str
    ) -> Generator[tuple[int, Any], None, None]:
        """Run joblib's tasks in workers; yield what each gives as it ends."""
        from joblib import Parallel, parallel_config
        from joblib.parallel import get_active_backend

        arriving = None
        try:
            # parallel_config: it takes the place of an enclosing one, whose settings are meant for other code
            with self._joblibs_errors(), parallel_config(backend=self.backend):
                one_by_one = get_active_backend()[0].supports_return_generator
                return_as = "generator_unordered" if one_by_one else "list"
                # one task at a time, so that a trial is at hand when it has ended; what is large is in files already
                pool = Parallel(n_jobs, return_as=return_as, batch_size=1, max_nbytes=None)
                with _ctrl_c_held() if one_by_one else nullcontext():
                    arriving = pool(calls)
            for done in arriving:  # noqa: UP028  `yield from` would close it here, where its warnings are heard
                yield done
        except BrokenExecutor as error:
            running = _running(folder)
            which = f"{what}{'s' * (len(running) > 1)} {', '.join(map(str, running))}" if running else "none yet"
            cause = " ".join(str(error).split())
            raise SimulationError(f"a worker process died (running: {which}): {cause}") from error
        finally:
            if isinstance(arriving, Generator):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # that work is given up
                    arriving.close()  # ends workers that are still at work

    @contextmanager
    def _joblibs_errors(self) -> Iterator[None]:
        try:
            yield
        except HnnlibError:
            raise
        except (ValueError, ImportError, TimeoutError) as error:  # lacks a package, a cluster, what we need of it
            raise InvalidValue("backend", self.backend, f"can't be used: {error}") from error


@attrs.frozen
class _Parcel:
    """A value in a file."""

    path: str


def _work(number: int, shared: Any, item: Any) -> tuple[int, Any]:
    """Do one task in a worker; leave a note meanwhile, for the error message should this process die."""
    if not isinstance(shared, _Parcel):
        function, given, what = shared
        return number, call(function, given, item, what, number)
    note = Path(shared.path).with_name(f"running-{number}")
    with suppress(OSError):  # a full disk is no reason to stop here
        note.touch()
    function, given, what = read_parcel(shared.path)
    done = call(function, given, read_parcel(item.path) if isinstance(item, _Parcel) else item, what, number)
    with suppress(OSError):
        note.unlink()
    return number, done


def _running(folder: str) -> list[int]:
    return sorted(int(name.removeprefix("running-")) for name in os.listdir(folder) if name.startswith("running-"))


@contextmanager
def _folder() -> Iterator[str]:
    """Make a folder for what goes to workers, and for their notes; it is gone at the block's end."""
    try:
        # ignore_cleanup_errors: a worker that is being ended may still hold a file there (network file systems)
        made = tempfile.TemporaryDirectory(prefix="hnnlib-", ignore_cleanup_errors=True)
    except OSError as error:
        reason = f"can't take a folder for the workers ({error.strerror}); TMPDIR names another place"
        raise OutputError(tempfile.gettempdir(), reason) from error
    with made as folder:
        yield folder


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
        If ``n_jobs`` is 0.
    UnknownName
        If joblib knows no backend of that name.
    """

    def __init__(self, n_jobs: int = 1, engine: str = "auto", backend: str = "loky") -> None:
        super().__init__(launcher=JoblibLauncher(n_jobs, backend), engine=engine)

    @property
    def n_jobs(self) -> int:
        """Number of workers asked for."""
        return self.launcher.n_jobs  # type: ignore[attr-defined]
