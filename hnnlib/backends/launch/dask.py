"""Trials and whole networks over the workers of a Dask cluster, by dask.distributed."""

from __future__ import annotations

import functools
import itertools
import pickle
import queue
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from hnnlib import __version__
from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.work import call, numbered, records_of_networks, run_network, run_trial
from hnnlib.backends.protocol import Engine, Progress
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, SimulationError
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["DaskBackend", "DaskLauncher"]

T = TypeVar("T")
V = TypeVar("V")

_TIMEOUT = 8.0  # s; a local cluster takes about one to start a worker
_FETCH = 300.0  # s for the records of a trial to come over, before it is asked whether there are workers at all
_WATCH = 1.0  # s between looks at the cluster while nothing arrives


class DaskLauncher:
    """Spreads trials over the workers of a Dask cluster.

    Engine and plan go to the cluster once, as results of tasks on which all trials depend: workers hand them on to each
    other, and Dask makes them anew when the workers that held them are gone. (Scattered data would be lost then, and
    with them the count of workers that a trial has cost.) A trial whose worker dies is run again on another one.

    Workers of one thread are best: NEURON has one state per process, so that trials in one worker wait for each other.
    Whoever stops a run takes back the trials that wait; those that are being run go on to their end, since no worker of
    Dask can be interrupted.

    Parameters
    ----------
    client : distributed.Client or str, optional
        A client, which stays open; or the address of a scheduler (``'tcp://host:8786'``), to connect to for each run;
        or None: the client that is current when a run starts.
    timeout : float
        How long to wait (s) for a scheduler to answer, and for a worker while there is none. Give more where a batch
        system starts the workers.

    Raises
    ------
    InvalidValue
        If ``client`` or ``timeout`` is none of these.
    SimulationError
        If Dask is not installed.
    """

    name = "dask"
    leads = True

    def __init__(self, client: Any = None, timeout: float = _TIMEOUT) -> None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise InvalidValue("timeout", timeout, "must be a number of seconds > 0")
        distributed = _distributed()
        if isinstance(client, str):
            try:
                distributed.comm.get_address_host_port(client)
            except ValueError as error:
                allowed = f"is no address of a Dask scheduler such as 'tcp://host:8786' ({error})"
                raise InvalidValue("client", client, allowed) from error
        elif client is not None and not isinstance(client, distributed.Client):
            allowed = "must be a distributed.Client, the address of a scheduler, or None for the current client"
            raise InvalidType("client", client, allowed)
        elif client is not None and client.asynchronous:
            raise InvalidValue("client", client, "must not be asynchronous")
        self.client, self.timeout = client, float(timeout)

    def share(self, value: T) -> T:
        """Return the value: workers ask for nothing."""
        return value

    def run(
        self, engine: Engine, plan: Plan, trials: Sequence[int], progress: Progress | None = None
    ) -> Generator[Records, None, None]:
        """Run trials on the workers; yield the records of each as it ends.

        Raises
        ------
        TrialFailed
            If a trial fails: with its number and cause.
        SimulationError
            If there is no scheduler or no worker, or they are lost and don't come back; if a worker has another version
            of hnnlib; if workers die again and again while they run a trial: with its number.
        """
        tasks = ((k, k) for k in trials)
        with closing(self._spread(run_trial, tasks, (engine, plan), "trial")) as arriving:
            for trial, done in arriving:
                if isinstance(done, HnnlibError):
                    raise done
                yield done
                if progress is not None:
                    progress(trial, plan.run.tstop_ms)

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run plans on the workers, all trials of one on one worker; yield number and records of each as it ends.

        Raises
        ------
        TrialFailed, SimulationError
            As in `run`; the number of the network is named where `run` names that of the trial.
        """
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
        """Call a function for each item on the workers, as `hnnlib.backends.protocol.Launcher` says it.

        Raises
        ------
        SimulationError
            As in `run`; the number of the item is named where `run` names that of the trial.
        """
        yield from self._spread(function, numbered(items, numbers), given, what)

    def _spread(
        self, function: Callable[[Any, Any], V], tasks: Iterator[tuple[int, Any]], given: Any, what: str
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call ``function(given, item)`` on workers for all numbers and items; yield number and value of each."""
        from distributed import TimeoutError as DaskTimeout

        running: dict[Any, int] = {}
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._connected() as client:
            # the name: what another call has left in the same things is not for this one
            packed = _pack((uuid.uuid4().hex, function, given, what))
            shared = _submit(client, pickle.loads, _pack(packed))
            try:
                # by now there is work: a cluster that grows as it is needed starts workers for it
                self._wait_for_workers(client)
                _check_versions(client)
                while True:
                    # twice as many as can run: no worker waits for us, and few plans of many are under way at a time
                    wanted = max(2 * sum(client.nthreads().values()), 1)
                    for number, item in itertools.islice(tasks, max(wanted - len(running), 0)):
                        future = _submit(client, _call_packed, shared, _pack(item), number)
                        running[future] = number
                        future.add_done_callback(ended.put)
                    if not running:
                        return
                    future = self._next(client, ended)
                    try:
                        done = future.result(timeout=_FETCH)
                    except DaskTimeout:
                        future.add_done_callback(ended.put)  # lost with its worker, and run again
                        continue
                    except Exception as error:
                        raise _failure(client, what, running, future, error) from error
                    number = running.pop(future)
                    future.release()
                    yield number, done
            finally:
                if client.status == "running":
                    client.cancel([*running, shared])

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Give the block a client."""
        client = self._open()
        try:
            yield client
        except OSError as error:
            raise SimulationError(f"the Dask scheduler is gone: {error}") from error
        finally:
            if isinstance(self.client, str):
                client.close()

    def _open(self) -> Any:
        from distributed import Client, get_client

        if isinstance(self.client, str):
            try:
                return Client(self.client, timeout=self.timeout, set_as_default=False)
            except OSError as error:
                raise SimulationError(f"no Dask scheduler answers at {self.client}: {error}") from error
        try:
            client: Any = get_client() if self.client is None else self.client
        except ValueError as error:
            raise SimulationError(
                "there is no Dask client: make one (distributed.Client(...)), or give the address of a scheduler"
            ) from error
        if client.status != "running":
            raise SimulationError(f"the Dask client {client} is {client.status}")
        return client

    def _wait_for_workers(self, client: Any) -> None:
        from distributed import TimeoutError as DaskTimeout

        try:
            client.wait_for_workers(1, timeout=self.timeout)
        except DaskTimeout as error:
            raise self._no_workers(client) from error

    def _next(self, client: Any, ended: queue.SimpleQueue[Any]) -> Any:
        """Return the next task that has ended; give up when the cluster stays without workers."""
        alive = time.monotonic()
        while True:
            with suppress(queue.Empty):
                return ended.get(timeout=_WATCH)
            if client.nthreads():
                alive = time.monotonic()
            elif time.monotonic() - alive > self.timeout:
                raise self._no_workers(client)

    def _no_workers(self, client: Any) -> SimulationError:
        address = client.scheduler.address
        return SimulationError(
            f"the Dask cluster of {address} has had no worker for {self.timeout:g} s: start some "
            f"(dask worker {address}), or wait longer for them (timeout)"
        )


def _submit(client: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")  # a plan is what it is, and goes once
        # fifo_timeout: by default, what is handed in within a minute may be run in any order
        return client.submit(function, *arguments, pure=False, fifo_timeout="0s")


def _pack(value: Any) -> bytes:
    """Return a value as bytes, which the scheduler hands on without looking inside."""
    import cloudpickle

    packed: bytes = cloudpickle.dumps(value)
    return packed


@functools.lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[str, Callable[[Any, Any], Any], Any, str]:
    # kept here, not as the result of a task: Dask drops copies of that, and gets them anew from other workers
    parts: tuple[str, Callable[[Any, Any], Any], Any, str] = pickle.loads(packed)
    return parts


def _call_packed(shared: bytes, packed: bytes, number: int) -> Any:
    _, function, given, what = _unpacked(shared)
    return call(function, given, pickle.loads(packed), what, number)


def _check_versions(client: Any) -> None:
    """Raise if a worker has another hnnlib than this process, or none."""

    def version() -> str:
        # in here, so that it goes to workers by value: those without hnnlib can still answer
        from hnnlib import __version__ as theirs

        return theirs

    found = client.run(version, on_error="return")
    other = [
        f"{address} has {answer if isinstance(answer, str) else f'none ({answer})'}"
        for address, answer in sorted(found.items())
        if answer != __version__ and not isinstance(answer, OSError)  # OSError: it has just left
    ]
    if other:
        raise SimulationError(f"Dask workers need hnnlib {__version__}, as this process has: {'; '.join(other)}")


def _failure(client: Any, what: str, running: dict[Any, int], future: Any, error: Exception) -> SimulationError:
    """Return what to tell of a task that Dask could not bring to its end."""
    from distributed import KilledWorker

    if client.status != "running":
        return SimulationError(f"the Dask scheduler is gone: {error}")
    if isinstance(error, KilledWorker):
        # Dask counts against all tasks that a dead worker had been given, of which it ran one per thread
        numbers = sorted(n for f, n in running.items() if f is future or f.status == "error")
        which = f"{what} {numbers[0]} was" if len(numbers) == 1 else f"{what}s {', '.join(map(str, numbers))} were"
        return SimulationError(
            f"{which} given to {error.allowed_failures + 1} workers, and all of them died, the last at "
            f"{error.last_worker.address}: crashed, killed or out of memory; their logs may tell"
        )
    return SimulationError(f"{what} {running[future]} could not be run: {type(error).__name__}: {error}")


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise SimulationError(f"Dask's scheduler can't be loaded ({error}): pip install 'hnnlib[dask]'") from error
    return distributed


class DaskBackend(Backend):
    """Run trials on a Dask cluster: ``with DaskBackend(client): simulate_dipole(net, tstop=170.)``.

    Parameters
    ----------
    client : distributed.Client or str, optional
        A client, the address of a scheduler, or None for the current client, as in `DaskLauncher`.
    engine : str
        Name of the engine that workers run.
    timeout : float
        How long to wait (s) for a scheduler, and for a worker while there is none.

    Raises
    ------
    InvalidValue, SimulationError
        As in `DaskLauncher`.
    """

    def __init__(self, client: Any = None, engine: str = "auto", timeout: float = _TIMEOUT) -> None:
        super().__init__(launcher=DaskLauncher(client, timeout), engine=engine)
