"""What engines and launchers are, and what every engine does alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import attrs
import numpy as np

from hnnlib.base.errors import HnnlibError, SimulationError, TrialFailed
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Header, ProbeHeader, Records, TrialRecord

__all__ = [
    "RATES",
    "Engine",
    "Launcher",
    "Part",
    "Progress",
    "SplittingEngine",
    "check_finite",
    "header_of",
    "join",
    "join_parts",
    "point_populations",
    "trial_record",
]

RATES = ("tables", "exact")
"""Gating rates: as the mod files tabulate them, or the formulas themselves."""

Progress = Callable[[int, float], None]
"""Called as ``progress(trial, t_ms)`` while a trial runs and once at its end."""


V = TypeVar("V")


class Engine(Protocol):
    """Computes trials of a plan."""

    @property
    def name(self) -> str:
        """Short name, written into the provenance."""

    @property
    def options(self) -> dict[str, object]:
        """What it was made with, written into the provenance."""

    @property
    def threads(self) -> int:
        """Number of trials that it runs at the same time within one process."""

    @property
    def splits_trials(self) -> bool:
        """Whether the ranks of an MPI job can compute a trial together: it then is a `SplittingEngine`."""

    def obstacles(self, plan: Plan) -> list[str]:
        """Return what of the plan this engine can't do, one sentence each."""

    def run(self, plan: Plan, trials: Sequence[int], progress: Progress | None = None) -> Records:
        """Compute some trials of a plan, in the order given."""

    def run_many(self, plans: Sequence[Plan], progress: Progress | None = None) -> list[Records]:
        """Compute all trials of many plans."""


@attrs.frozen(kw_only=True, eq=False)
class Part:
    """The cells of a trial that one rank of a team computes.

    A team are consecutive ranks of an MPI job that compute trials together; its k-th rank has part number k.
    """

    gids: np.ndarray  # int32, sorted
    number: int
    n_parts: int


class SplittingEngine(Engine, Protocol):
    """An engine that computes parts of trials and exchanges spikes with the other parts by MPI."""

    def team_up(self, n_ranks: int) -> None:
        """Make teams of ``n_ranks`` consecutive ranks; 1: each rank is alone again. All ranks call this together."""

    def run(
        self, plan: Plan, trials: Sequence[int], progress: Progress | None = None, part: Part | None = None
    ) -> Records:
        """Compute some trials of a plan, or a part of each; the team's ranks call this together.

        Records of parts are what `join_parts` takes: rows of probes hold what the part's cells add to them.
        """


class Launcher(Protocol):
    """Spreads trials, whole networks, or calls of any function over whatever runs them."""

    @property
    def name(self) -> str:
        """Short name, written into the provenance."""

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the run: writes files, reports progress. False on all ranks but one."""

    def share(self, value: Any) -> Any:
        """Return the value that the leading process has, in every process of the run."""

    def run(
        self, engine: Engine, plan: Plan, trials: Sequence[int], progress: Progress | None = None
    ) -> Generator[Records, None, None]:
        """Run some trials of a plan; yield records as trials end, in any order.

        Whoever stops reading (an error, Ctrl-C) ends the work: closing the iterator leaves no process behind.
        """

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run all trials of many plans; yield number and records of each as it ends, in any order.

        ``progress`` is called as ``progress(number of the plan, duration of a trial)`` when a plan is done.
        """

    def map(
        self,
        function: Callable[[Any, Any], V],
        items: Iterable[Any],
        given: Any = None,
        *,
        what: str = "item",
        numbers: Iterable[int] | None = None,
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call ``function(given, item)`` for each item; yield number and value of each as it ends, in any order.

        Parameters
        ----------
        function : callable
            What to call. A closure or lambda will do.
        items : iterable
            What to call it with. They may be made while they are asked for: only a few more than can be worked on are
            taken at a time.
        given : object
            What all calls have in common. It goes to each worker once, and is the same object in all calls there: an
            engine in it keeps its compiled kernels from call to call.
        what : str
            What an item is called in errors.
        numbers : iterable of int, optional
            The number of each item; left out: 0, 1, 2, …

        Yields
        ------
        number : int
            That of the item.
        value : object
            What the function returned; or its error, for the caller to raise or to note: an `HnnlibError` as it was
            raised, any other as a `SimulationError`.

        Raises
        ------
        SimulationError
            If a worker dies, or there is none: as in `run`.
        """


def point_populations(plan: Plan) -> list[str]:
    """Return a sentence for each population of point cells: what engines for cells with sections can't do."""
    used = np.unique(plan.cells.template).tolist()
    return [
        f"population {plan.templates[t].name!r} is made of point cells, which the NEST engine simulates"
        for t in used
        if plan.templates[t].point is not None
    ]


def header_of(plan: Plan) -> Header:
    """Return the header of a plan's records."""
    names = plan.populations.names
    is_drive = plan.populations.is_drive
    cell_types = tuple(n for n, d in zip(names, is_drive, strict=True) if not d)
    return Header(
        tstop_ms=plan.run.tstop_ms,
        dt_ms=plan.run.dt_ms,
        n_steps=plan.run.n_steps,
        cell_types=cell_types,
        drives=tuple(n for n, d in zip(names, is_drive, strict=True) if d),
        gid_ranges=plan.populations.gid_ranges,
        layers=dict(zip(cell_types, plan.populations.layers, strict=False)),
        probes={
            p.name: ProbeHeader(name=p.name, quantity=p.quantity, unit=p.unit, every=p.every, labels=p.labels)
            for p in plan.measured
        },
    )


def trial_record(
    plan: Plan,
    trial: int,
    times_ms: np.ndarray,
    gids: np.ndarray,
    samples: Mapping[str, np.ndarray],
    cpu_s: float,
    part: Part | None = None,
) -> TrialRecord:
    """Put one trial's output together.

    Parameters
    ----------
    plan : Plan
        What was run.
    trial : int
        0-based index of the trial.
    times_ms, gids : array, shape (n_spikes,)
        Spikes of the cells, in any order.
    samples : dict
        Probe name -> array of shape (n_samples, n_rows).
    cpu_s : float
        CPU seconds that the trial took.
    part : Part, optional
        The cells that these are the spikes and samples of; left out: all.

    Returns
    -------
    record : TrialRecord
        With the spikes of live drive cells added (to the first part), sorted by time, then gid: the same for every
        engine and launcher.
    """
    events = plan.events[trial]
    counts = np.diff(events.offset)
    drive_gid = np.repeat(plan.drive_cells.first_gid + np.arange(len(counts)), counts)
    kept = np.repeat(plan.drive_cells.live, counts) & (events.time_ms <= plan.run.tstop_ms)
    if part is not None and part.number > 0:
        kept[:] = False
    all_times = np.concatenate([np.asarray(times_ms, float), events.time_ms[kept]])
    all_gids = np.concatenate([np.asarray(gids), drive_gid[kept]]).astype(np.int32)
    order = np.lexsort((all_gids, all_times))
    for probe in plan.measured:
        if probe.zero_first:
            samples[probe.name][0] = 0.0
    return TrialRecord(
        trial=trial,
        spike_times_ms=all_times[order],
        spike_gids=all_gids[order],
        samples=samples,
        cpu_s=cpu_s,
    )


def check_finite(plan: Plan, trial: int, samples: Mapping[str, np.ndarray]) -> None:
    """Raise where a simulation has diverged.

    Raises
    ------
    SimulationError
        Naming probe, row and time of the first value that is not a finite number.
    """
    for probe in plan.measured:
        bad = ~np.isfinite(samples[probe.name])
        if bad.any():
            step, row = (int(i) for i in np.argwhere(bad)[0])
            where = ", ".join(f"{name} {column[row]}" for name, column in probe.labels.items())
            t = step * probe.every * plan.run.dt_ms
            raise SimulationError(
                f"the simulation diverged in trial {trial}: {probe.name} ({where}) is no finite number from "
                f"t = {t:g} ms on; a smaller dt than {plan.run.dt_ms:g} ms may help"
            )


def join(parts: Sequence[Records]) -> Records:
    """Return the records of several runs of one plan as one, trials in their order."""
    trials = sorted((t for part in parts for t in part.trials), key=lambda t: t.trial)
    stats: dict[str, float] = {}
    for part in parts:
        for name, value in part.stats.items():
            stats[name] = max(stats.get(name, value), value)
    return attrs.evolve(parts[0], trials=tuple(trials), stats=stats)


def join_parts(plan: Plan, parts: Sequence[Records]) -> Records:
    """Return the records of all parts of a plan's trials as one.

    Parameters
    ----------
    plan : Plan
        What was run.
    parts : sequence of Records
        One per part, of the same trials, in the order of the parts.

    Returns
    -------
    records : Records
        Spikes of all parts in their order; samples are the sums over parts, so that a row to which only one part's
        cells add is that part's, bit by bit; ``cpu_s`` is the sum, too.

    Raises
    ------
    TrialFailed
        If a trial has diverged, as `check_finite` says it.
    """
    trials = []
    for same in zip(*(part.trials for part in parts), strict=True):
        times = np.concatenate([t.spike_times_ms for t in same])
        gids = np.concatenate([t.spike_gids for t in same])
        order = np.lexsort((gids, times))
        samples = {name: functools.reduce(np.add, [t.samples[name] for t in same]) for name in same[0].samples}
        trial = same[0].trial
        try:
            check_finite(plan, trial, samples)
        except SimulationError as error:
            raise TrialFailed(trial, str(error)) from error
        trials.append(
            TrialRecord(
                trial=trial,
                spike_times_ms=times[order],
                spike_gids=gids[order],
                samples=samples,
                cpu_s=sum(t.cpu_s for t in same),
            )
        )
    return attrs.evolve(join([attrs.evolve(part, trials=()) for part in parts]), trials=tuple(trials))
