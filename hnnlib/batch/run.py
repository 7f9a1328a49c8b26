"""Run a batch: many variants of a network, each compiled, simulated and summarised by a worker."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import attrs
import numpy as np

from hnnlib import __version__
from hnnlib.backends.protocol import Engine, Launcher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.schema import digest, put_at, to_plain
from hnnlib.batch.read import Batch, read_batch
from hnnlib.batch.store import COLUMNS, BatchStore, Row
from hnnlib.batch.summaries import DEFAULT_SUMMARIES, Summary
from hnnlib.batch.sweeps import Sweep
from hnnlib.batch.worker import RUN, Keep, Outcome, SetParams, Task, Values, run_one
from hnnlib.simulation import by_leader, chosen_engine, chosen_launcher, record_of
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import Record, RunSpec

__all__ = ["run_batch"]


def run_batch(
    net: Any,
    sweep: Sweep | Sequence[Values],
    *,
    tstop: float,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    vary_seed: bool = False,
    record: Record | Mapping[str, Any] | None = None,
    baseline: str | bool | None = True,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    summary: Summary | Sequence[Summary] = DEFAULT_SUMMARIES,
    keep: Keep = None,
    set_params: SetParams | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | Callable[[int, int], None] = False,
) -> Batch:
    """Simulate many variants of a network; keep numbers read from each, and more where that is asked for.

    Workers compile, simulate and summarise; what a run gives is written as it ends, so that 100,000 runs take no more
    memory than ten. A run that fails is noted with its error, and the others go on.

    Parameters
    ----------
    net : Network, NetworkSpec or SonataNetwork
        What to vary; it is not changed.
    sweep : Sweep, or sequence of mappings
        The values of each run, by path into the network, or after ``run.`` into what is asked of the run
        (``run.seed``, ``run.tstop``, ``run.dt``, ``run.n_trials``).
    tstop : float
        Duration (ms).
    dt : float
        Time step (ms).
    n_trials : int
        Trials of each run; summaries are of their mean.
    seed : int
        Seed of all streams that have none of their own.
    vary_seed : bool
        Whether run number k has the seed ``seed + k``. All runs have the same one otherwise, so that they differ by
        their values, not by chance.
    record : Record or dict, optional
        What to record beside spikes and dipoles, for summaries and for what is kept.
    baseline : str, None or True
        As in `simulate`.
    engine : str or Engine, optional
        As in `simulate`.
    launcher : str or Launcher, optional
        As in `simulate`; it spreads whole runs.
    summary : callable or sequence of callable
        Each is called with a run's `Result`, and gives numbers by name; left out: `DipolePeaks` and `SpikeRates`.
    keep : str or callable, optional
        What to keep of each run beside its summary: ``'dipole'``, the mean dipole; ``'result'``, everything; or a
        function of its `Result` that gives arrays by name.
    set_params : callable, optional
        Called as ``set_params(net, values)`` with a copy of the network, to change it, or to return another. The names
        in ``sweep`` are then its own, but for those after ``run.``.
    out : path-like, optional
        Folder to keep the runs in; left out: a temporary one, which is there as long as the batch that is returned.
    overwrite : bool
        Whether an earlier batch in ``out`` may be replaced.
    resume : bool
        Whether to go on with the batch that ``out`` holds: runs that are done are not run again, be the sweep the same
        or a larger one; those that failed are. Launcher and threads may be others than before. Without such a batch
        it starts from the beginning.
    progress : bool or callable
        True for a progress bar with the time left, or a function called as ``progress(n_ended, n_runs)``.

    Returns
    -------
    batch : Batch
        The table of all runs, and what was kept of each.

    Raises
    ------
    InvalidValue
        If a path leads to nothing (names the nearest), the first value for it is not allowed, or an argument is not; if
        ``out`` is to be resumed and holds another batch.
    UnsupportedPlan
        If the engine can't run the network.
    SimulationError
        If a worker dies; what was done is kept.
    OutputError
        If ``out`` can't be written.
    """
    if resume and out is None:
        raise InvalidValue("resume", resume, "needs out, the folder of the batch to go on with")
    spread_by = chosen_launcher(launcher)
    run = RunSpec(tstop=tstop, dt=dt, n_trials=n_trials, seed=seed, record=record_of(record))
    names = _names(sweep)
    task = Task(
        net=_varied(net, names, set_params),
        run=run,
        baseline=baseline,
        engine=None,
        summaries=_summaries(summary),
        keep=_checked_keep(keep),
        set_params=set_params,
    )
    _check_paths(task, names)
    first, first_run = task.variant(next(_points(sweep)))
    task = attrs.evolve(task, engine=chosen_engine(first, tstop=first_run.tstop, dt=first_run.dt, engine=engine))
    header = _header(task, sweep)
    planned = _Planned(sweep, run.seed, vary_seed, digest(header["same"]))
    with _folder(out, spread_by) as (folder, temporary):

        def open_store() -> tuple[BatchStore, set[int]]:
            store = BatchStore(folder, header, names, overwrite, resume)
            return store, store.keep_known(planned.digests())

        _run(task, planned, spread_by, open_store, progress, where=out)
        batch = read_batch(folder)
        return batch if temporary is None else attrs.evolve(batch, temporary=temporary)


@attrs.frozen(eq=False)
class _Planned:
    """The runs of a batch, made as they are asked for."""

    sweep: Any
    seed: int
    vary_seed: bool
    same: str

    def __len__(self) -> int:
        return len(self.sweep)

    def runs(self) -> Iterator[tuple[int, int, Values]]:
        """Return number, seed and values of each run."""
        for number, values in enumerate(_points(self.sweep)):
            seed = values.get(f"{RUN}seed", self.seed)
            yield number, (seed + number if self.vary_seed else seed), values

    def digest(self, seed: int, values: Values) -> str:
        """Return what stands for all that the numbers of a run follow from."""
        text = json.dumps([self.same, seed, values], default=repr)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def digests(self) -> Iterator[tuple[int, str]]:
        """Return number and digest of each run."""
        return ((number, self.digest(seed, values)) for number, seed, values in self.runs())


def _run(
    task: Task,
    planned: _Planned,
    launcher: Launcher,
    open_store: Callable[[], tuple[BatchStore, set[int]]],
    progress: bool | Callable[[int, int], None],
    where: Any,
) -> None:
    """Run what is missing, and give it to the store as it ends."""
    store: BatchStore | None = None

    def opened() -> set[int]:
        nonlocal store
        store, known = open_store()
        return known

    done = by_leader(launcher, opened)
    under_way: dict[int, tuple[int, Values]] = {}

    def items() -> Iterator[tuple[int, Values]]:
        for number, seed, values in planned.runs():
            if number not in done:
                under_way[number] = seed, values
                yield seed, values

    numbers = (number for number in range(len(planned)) if number not in done)
    n_ended = len(done)
    try:
        with (
            _shown(progress if launcher.leads else False, n_ended, len(planned)) as report,
            closing(launcher.map(run_one, items(), task, what="run", numbers=numbers)) as arriving,
        ):
            for number, outcome in arriving:
                seed, values = under_way.pop(number)
                n_ended += 1
                if store is not None:
                    _add(store, number, seed, planned.digest(seed, values), values, outcome)
                report(n_ended, isinstance(outcome, HnnlibError) or bool(outcome.error))
    except BaseException:
        if launcher.leads and where is not None:
            logger.warning("%d of %d runs are kept in %s; resume=True goes on", n_ended, len(planned), where)
        raise
    finally:
        if store is not None:
            store.close()
    launcher.share(None)  # what was written is there for all ranks that read it


def _add(store: BatchStore, number: int, seed: int, of: str, values: Values, outcome: Outcome | HnnlibError) -> None:
    if isinstance(outcome, HnnlibError):  # a bug, in what was given or in here
        outcome = Outcome(seconds=float("nan"), error=str(outcome))
    taken = [name for name in outcome.summary if name in COLUMNS or name in values]
    if taken:
        error = f"summary: {taken[0]!r} is the name of another column of the table"
        outcome = Outcome(seconds=outcome.seconds, error=error)
    row = Row(
        number=number,
        seed=seed,
        digest=of,
        values=values,
        error=outcome.error,
        seconds=outcome.seconds,
        cpu_s=outcome.cpu_s,
        summary=outcome.summary,
    )
    store.add(row, outcome.arrays, outcome.result)


# ------------------------------------------------------------------------------------------------- arguments


def _points(sweep: Any) -> Iterator[Values]:
    for values in sweep:
        if not isinstance(values, Mapping):
            raise InvalidType("sweep", values, "must be a mapping of paths to values, one for each run")
        yield {path: v.item() if isinstance(v, np.generic) else v for path, v in values.items()}


def _names(sweep: Any) -> dict[str, Any]:
    """Return each path of a sweep with the first value for it."""
    if not hasattr(sweep, "__len__") or isinstance(sweep, str | Mapping):
        raise InvalidType("sweep", sweep, "must be a Sweep, or a list of mappings of paths to values")
    if not len(sweep):
        raise InvalidValue("sweep", sweep, "must hold at least one run")
    if isinstance(sweep, Sweep):
        return dict(next(_points(sweep)))
    names: dict[str, Any] = {}
    for values in _points(sweep):
        for path, value in values.items():
            names.setdefault(path, value)
    return names


def _varied(net: Any, names: Mapping[str, Any], set_params: SetParams | None) -> Any:
    """Return the network that workers vary."""
    if set_params is not None:
        return net
    if hasattr(net, "compile"):  # read from files, with more than a spec can say
        paths = [path for path in names if not path.startswith(RUN)]
        if paths:
            allowed = "leads into no network that was read from files: give set_params, a function that changes it"
            raise InvalidValue("sweep", paths[0], allowed)
        return net
    network = getattr(net, "spec", net)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("net", net, "must be a Network, a NetworkSpec or a SonataNetwork")
    return network


def _check_paths(task: Task, names: Mapping[str, Any]) -> None:
    for path, value in names.items():
        if path in COLUMNS:
            raise InvalidValue("sweep", path, "is the name of a column that every table has")
        if path.startswith(RUN):
            put_at(task.run, path.removeprefix(RUN), value)
        elif task.set_params is None:
            put_at(task.net, path, value)


def _summaries(summary: Any) -> tuple[Summary, ...]:
    found = (summary,) if callable(summary) else tuple(summary)
    for k, one in enumerate(found):
        if not callable(one):
            raise InvalidType(f"summary[{k}]", one, "must be a function of a Result that gives numbers by name")
    return found


def _checked_keep(keep: Any) -> Keep:
    if isinstance(keep, str) and keep not in ("dipole", "result"):
        raise UnknownName("keep", keep, "choice, nor a function", ("dipole", "result"))
    if keep is not None and not isinstance(keep, str) and not callable(keep):
        raise InvalidType("keep", keep, "must be 'dipole', 'result', a function of a Result, or None")
    return keep


# ------------------------------------------------------------------------------------------------- what it is


def _header(task: Task, sweep: Any) -> dict[str, Any]:
    """Return what is written of a batch; ``same`` is what its numbers follow from, beside each run's values."""
    network = getattr(task.net, "spec", task.net)
    plain = to_plain(network) if isinstance(network, NetworkSpec) else None
    engine = task.engine
    same = {
        "network": digest(network) if plain is not None else repr(getattr(task.net, "provenance", task.net)),
        "run": to_plain(task.run),
        "baseline": task.baseline,
        "engine": None if engine is None else [engine.name, _without_threads(to_plain(engine.options))],
        "summary": [_identity(one) for one in task.summaries],
        "keep": _identity(task.keep),
        "set_params": _identity(task.set_params),
    }
    return {
        "hnnlib": __version__,
        "n_runs": len(sweep),
        "same": same,
        "sweep": sweep.described() if isinstance(sweep, Sweep) else {"method": "list", "n": len(sweep)},
        "network": plain,
    }


def _without_threads(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "threads"}


def _identity(what: Any) -> Any:
    """Return plain data that is the same for a function as long as its name, its code and what it holds are."""
    if what is None or isinstance(what, str):
        return what
    if attrs.has(type(what)):
        return [type(what).__qualname__, to_plain(what)]
    if isinstance(what, functools.partial):
        return [_identity(what.func), repr(what.args), repr(what.keywords)]
    function = getattr(what, "__func__", what)
    name = getattr(what, "__qualname__", type(what).__qualname__)  # not its module, which is __main__ in a script
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    held = [repr(cell.cell_contents) for cell in function.__closure__ or ()]
    text = repr([_code(code), function.__defaults__, function.__kwdefaults__, held])
    return [name, hashlib.blake2b(text.encode(), digest_size=8).hexdigest()]


def _code(code: types.CodeType) -> list[Any]:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]


# ------------------------------------------------------------------------------------------------- around it


@contextmanager
def _folder(out: Any, launcher: Launcher) -> Iterator[tuple[Any, tempfile.TemporaryDirectory[str] | None]]:
    """Give the block the folder of the batch; a temporary one goes where the block fails, else with its owner."""
    if out is not None:
        yield out, None
        return
    temporary = tempfile.TemporaryDirectory(prefix="hnnlib-batch-") if launcher.leads else None
    try:
        yield launcher.share(None if temporary is None else temporary.name), temporary
    except BaseException:
        if temporary is not None:
            temporary.cleanup()
        raise


@contextmanager
def _shown(
    progress: bool | Callable[[int, int], None], n_ended: int, n_runs: int
) -> Iterator[Callable[[int, bool], None]]:
    """Give the block a function that is told how many runs have ended, and whether the last one failed."""
    if progress is not True:
        told = progress or (lambda n, of: None)
        yield lambda n, failed: told(n, n_runs)
        return
    from tqdm import tqdm

    layout = "{percentage:3.0f}% |{bar:30}| {n_fmt}/{total_fmt} runs [{elapsed} < {remaining}{postfix}]"
    with tqdm(total=n_runs, initial=n_ended, bar_format=layout, dynamic_ncols=True) as bar:
        n_failed = 0

        def show(n: int, failed: bool) -> None:
            nonlocal n_failed
            n_failed += failed
            if failed:
                bar.set_postfix_str(f"{n_failed} failed", refresh=False)
            bar.update(n - bar.n)

        yield show
