"""Fit a network: search, keep every evaluation, go on after a stop."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib import __version__
from hnnlib.backends.protocol import Launcher
from hnnlib.base.atomic import check_writable
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, MissingFile
from hnnlib.base.log import logger
from hnnlib.base.schema import to_plain
from hnnlib.optimization.methods import default_method, make_search
from hnnlib.optimization.outcome import Fit, best_number, fit_of
from hnnlib.optimization.problem import Evaluation, Problem
from hnnlib.optimization.searches import Search
from hnnlib.optimization.store import FitStore, Stored, read_store
from hnnlib.simulation import chosen_launcher

__all__ = ["fit"]

Array = NDArray[np.float64]
Progress = Callable[[int, int, float], None]
"""Called as ``progress(evaluations done, evaluations at most, smallest loss)``."""


def fit(
    problem: Problem,
    method: str | Search | None = None,
    *,
    max_trials: int = 2000,
    seed: int = 0,
    launcher: str | Launcher | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = True,
    progress: bool | Progress = False,
) -> Fit:
    """Look for the values of the free parameters whose loss is smallest.

    Parameters
    ----------
    problem : Problem
        Network, free parameters, objective.
    method : str or Search, optional
        ``'regression'``, ``'least-squares'``, ``'cma'``, ``'bayesian'``, ``'multi-start'``, ``'nelder-mead'``,
        ``'cobyla'``, ``'cobyqa'``, or a search with settings of its own, e.g. ``CMAES(popsize=16)``. Left out:
        ``'regression'`` where the objective has residuals, else ``'cma'``.
    max_trials : int
        Number of trials that may be simulated in all. Two evaluations of them are kept back: at the end start and fit
        are simulated once more for the traces that are shown.
    seed : int
        Seed of the search; that of the simulations is the problem's.
    launcher : str or Launcher, optional
        What spreads the evaluations of a batch, as in `hnnlib.simulate`. The fit is the same for any.
    out : path, optional
        HDF5 file to which every evaluation is written as it ends; `read_fit` reads it, while the fit runs too.
    resume : bool
        Whether to go on with the fit that ``out`` holds: the search walks again past the evaluations that are there,
        and goes on where it was stopped, to the same end as if it had not been. Launcher and ``max_trials`` may be
        others than before. Without such a file the fit starts from the beginning.
    overwrite : bool
        Whether ``out`` may be replaced.
    progress : bool or callable
        True for a progress bar, or a function called as ``progress(done, at_most, smallest_loss)``.

    Returns
    -------
    fit : Fit
        Best values and network, every evaluation, how it came about.

    Raises
    ------
    InvalidValue
        If an argument is not allowed, the objective gives no finite number, or ``out`` is to be resumed and holds
        another fit.
    MissingPackage
        If the search's library is not installed.
    OutputError
        If ``out`` can't be written.
    SimulationError
        If a worker dies. Single simulations that fail count as infinitely bad and are recorded.
    """
    if not isinstance(problem, Problem):
        raise InvalidType("problem", problem, "must be a Problem(net, free, objective, tstop=...)")
    if isinstance(max_trials, bool) or not isinstance(max_trials, int | np.integer):
        raise InvalidType("max_trials", max_trials, "must be an integer")
    if max_trials < 3 * problem.n_trials:
        raise InvalidValue("max_trials", max_trials, f"must be at least {3 * problem.n_trials}: three evaluations")
    if resume and out is None:
        raise InvalidValue("resume", resume, "needs out, the file of the fit to go on with")
    search = make_search(method if method is not None else default_method(problem.objective))
    launcher = chosen_launcher(launcher)
    header = _header(problem, search, max_trials, seed)
    kept: dict[int, Evaluation] = {}
    if launcher.leads and out is not None:
        check_writable(out, overwrite or resume)
        kept = _kept(out, header) if resume else {}
    kept = launcher.share(kept)
    begin = time.perf_counter()
    store = FitStore(out, header, kept, overwrite or resume) if out is not None and launcher.leads else None
    with store or nullcontext(), _shown(progress if launcher.leads else False) as report:
        walk = _Walk(problem, launcher, kept, max_trials // problem.n_trials - 2, store, report)
        why = walk.follow(search, seed)
        traces, n_traces = _traces(problem, walk.rows)
        ending = {
            "why": why,
            "trials of traces": n_traces,
            "evaluations": len(walk.rows),
            "seconds": time.perf_counter() - begin,
            "seconds of evaluations": sum(row.seconds for row in walk.rows),
            "launcher": launcher.name,
            "evaluations of earlier runs": len(kept),
        }
        if store is not None:
            store.finish(ending, traces)
    logger.info("fit: %s after %d evaluations", why, len(walk.rows))
    rows = dict(enumerate(walk.rows))
    return fit_of(Stored(header=header, rows=rows, ending=ending, traces=traces), problem.network)


IDLE = 10
"""A search that asks so many times in a row for nothing but what is known has nothing more to find."""


class _Ended(Exception):
    """Ends a search from inside its function; never leaves this module."""


class _Walk:
    """Evaluates what a search asks for: from the record where it is there, else by simulation."""

    def __init__(
        self,
        problem: Problem,
        launcher: Launcher,
        kept: Mapping[int, Evaluation],
        at_most: int,
        store: FitStore | None,
        report: Progress | None,
    ) -> None:
        self.rows: list[Evaluation] = []
        self._problem, self._launcher, self._kept, self._at_most = problem, launcher, kept, at_most
        self._store, self._report = store, report
        self._known: dict[bytes, Evaluation] = {}
        self._idle = 0

    def follow(self, search: Search, seed: int) -> str:
        """Let a search ask until it has enough or the budget is spent; return which."""
        start = self._problem.space.to_unit(self._problem.space.starts)
        try:
            self.evaluate([start])
            search.run(self.evaluate, start, seed)
        except _Ended as ended:
            return str(ended)
        return "the search saw no more to gain"

    def evaluate(self, points: Sequence[Array]) -> list[Evaluation]:
        """Return the evaluations of points of the unit cube; those that were there before are not made again."""
        space = self._problem.space
        asked = [space.from_unit(point) for point in points]
        new: dict[bytes, Array] = {}
        for values in asked:
            if values.tobytes() not in self._known:
                new.setdefault(values.tobytes(), values)
        self._idle = 0 if new else self._idle + 1
        if self._idle > IDLE:
            raise _Ended("the search asked for nothing new")
        room = self._at_most - len(self.rows)
        self._record([*new.values()][:room])
        if len(new) > room:
            raise _Ended("the trials were used up")
        return [self._known[values.tobytes()] for values in asked]

    def _record(self, rows: Sequence[Array]) -> None:
        first = len(self.rows)
        found: list[Evaluation | None] = [self._from_record(first + k, values) for k, values in enumerate(rows)]
        missing = [k for k, one in enumerate(found) if one is None]

        def keep(number: int, one: Evaluation) -> None:
            found[missing[number]] = one
            if self._store is not None:
                self._store.add(first + missing[number], one)
            if self._report is not None:
                losses = [row.loss for row in [*self.rows, *found] if row is not None]
                self._report(len(losses), self._at_most, min(losses))

        if missing:
            self._problem.evaluate([rows[k] for k in missing], self._launcher, keep=keep)
        for one in found:
            if one is not None:
                self.rows.append(one)
                self._known[one.values.tobytes()] = one

    def _from_record(self, number: int, values: Array) -> Evaluation | None:
        one = self._kept.get(number)
        if one is not None and one.values.tobytes() != values.tobytes():
            raise InvalidValue(
                "resume",
                number,
                "is the first evaluation at which the search goes another way than in the file; it was written with "
                "other versions of numpy, scipy or the search's library",
            )
        return one


def _header(problem: Problem, search: Search, max_trials: int, seed: int) -> dict[str, Any]:
    kind: Any = type(search)
    settings = {one.name: repr(getattr(search, one.name)) for one in attrs.fields(kind)} if attrs.has(kind) else {}
    import scipy

    return {
        "problem": problem.describe(),
        "search": {**settings, "name": search.name},
        "seed": int(seed),
        "max_trials": int(max_trials),
        "held fixed": problem.held_fixed(),
        "provenance": {
            "hnnlib": __version__,
            "python": platform.python_version(),
            "platform": f"{sys.platform} {platform.machine()}",
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        },
    }


def _kept(out: str | os.PathLike[str], header: Mapping[str, Any]) -> dict[int, Evaluation]:
    """Return the evaluations that a file holds, of the same fit."""
    try:
        stored = read_store(out)
    except MissingFile:
        return {}
    for name in ("problem", "search", "seed"):
        theirs, ours = stored.header.get(name), to_plain(header[name])
        if theirs == ours:
            continue
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            differing = [key for key in ours if theirs.get(key) != ours[key] and key != "network digest"]
            name = f"{name}: {', '.join(differing)}"
        raise InvalidValue("resume", os.fspath(out), f"holds another fit: it differs in its {name}")
    return dict(stored.rows)


def _traces(problem: Problem, rows: Sequence[Evaluation]) -> tuple[dict[str, dict[str, Array]], int]:
    """Return target, start and fit by objective, from two more simulations; and how many trials they took."""
    before = problem.trials_run
    found: dict[str, dict[str, Array]] = {}
    for moment, number in (("start", 0), ("fit", best_number(rows))):
        try:
            result = problem.simulate(rows[number].values)
        except HnnlibError as error:
            logger.warning("no trace of the %s: %s", moment, error)
            continue
        for name, (times, target, shown) in problem.objective.traces(result).items():
            found.setdefault(name, {"times": times, "target": target})[moment] = shown
    return found, problem.trials_run - before


class _Bar:
    """A bar over the evaluations of a fit."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, done: int, at_most: int, smallest: float) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=at_most, unit="evaluation", dynamic_ncols=True)
        self._bar.set_description_str(f"smallest loss {smallest:.4g}", refresh=False)
        self._bar.update(done - self._bar.n)


def _shown(progress: bool | Progress) -> Any:
    return _Bar() if progress is True else nullcontext(progress or None)
