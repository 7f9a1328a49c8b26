"""A network of point cells against the network that it stands for: spikes and latencies of each population."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from hnnlib.compile.point_cells import PointCell
from hnnlib.compile.reduce import reduce_plan
from hnnlib.plan.tables import Plan
from hnnlib.results.records import TrialRecord

__all__ = ["Agreement", "Run", "agreement", "compare_on_nest", "run_on_nest"]

Run = tuple[str, Plan, TrialRecord]
"""A detailed run: name of its condition, what was run, what came of it."""


@attrs.frozen(kw_only=True)
class Agreement:
    """Spikes of one population in the same trials, of cells and of point cells."""

    spikes: float  # of cells, per trial
    point_spikes: float
    first_ms: float  # median over cells and trials of a cell's first spike; NaN: none fires
    point_first_ms: float

    @property
    def ratio(self) -> float:
        """Spikes of point cells per spike of cells; 1 where neither fire."""
        return 1.0 if self.spikes == self.point_spikes == 0 else self.point_spikes / max(self.spikes, 1e-9)

    @property
    def later_ms(self) -> float:
        """How much later the median first spike of point cells is; NaN where one side never fires."""
        return self.point_first_ms - self.first_ms


def agreement(plan: Plan, cells: Sequence[TrialRecord], points: Sequence[TrialRecord]) -> dict[str, Agreement]:
    """Return how the spikes of each population agree.

    Parameters
    ----------
    plan : Plan
        What was run.
    cells, points : sequence of TrialRecord
        The same trials on cells with dendrites and on point cells.
    """
    names = [n for n, drive in zip(plan.populations.names, plan.populations.is_drive, strict=True) if not drive]
    found = {}
    for name in names:
        gids = plan.populations.gid_ranges[name]
        count, first = _spikes(cells, gids)
        point_count, point_first = _spikes(points, gids)
        found[name] = Agreement(spikes=count, point_spikes=point_count, first_ms=first, point_first_ms=point_first)
    return found


def _spikes(trials: Sequence[TrialRecord], gids: range) -> tuple[float, float]:
    """Return spikes per trial, and the median over cells and trials of a cell's first."""
    count, first = 0, []
    for trial in trials:
        own = (trial.spike_gids >= gids.start) & (trial.spike_gids < gids.stop)
        order = np.argsort(trial.spike_times_ms[own], kind="stable")
        count += len(order)
        _, place = np.unique(trial.spike_gids[own][order], return_index=True)
        first.append(trial.spike_times_ms[own][order][place])
    times = np.concatenate(first) if first else np.zeros(0)
    return count / max(1, len(trials)), float(np.median(times)) if len(times) else float("nan")


def run_on_nest(plan: Plan, cells: Sequence[PointCell], dt: float = 0.1) -> list[TrialRecord]:
    """Return all trials of a plan, run on NEST with point cells in place of its cells.

    Parameters
    ----------
    plan : Plan
        Cells with dendrites.
    cells : sequence of PointCell
        What stands for them.
    dt : float
        NEST's time step (ms).

    Raises
    ------
    MissingPackage
        If NEST is not installed.
    UnsupportedPlan
        If a cell has no point model.
    """
    from hnnlib.backends.nest.engine import NestEngine

    reduced = reduce_plan(attrs.evolve(plan, probes=()), cells, dt)
    return list(NestEngine(dt=dt, dipole="none").run(reduced, range(plan.run.n_trials)).trials)


def compare_on_nest(
    cells: Sequence[PointCell],
    runs: Sequence[Run],
    dt: float = 0.1,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return how a network of point cells agrees with detailed runs of the network, by population and condition.

    Parameters
    ----------
    cells : sequence of PointCell
        One for each cell type of the runs.
    runs : sequence of Run
        Detailed runs.
    dt : float
        NEST's time step (ms).
    tell : callable
        Called as ``tell(what, done, all)``.
    """
    by_condition: dict[str, list[tuple[Plan, TrialRecord, TrialRecord]]] = {}
    for k, (condition, plan, trial) in enumerate(runs):
        tell("runs on NEST", k, len(runs))
        by_condition.setdefault(condition, []).append((plan, trial, run_on_nest(plan, cells, dt)[0]))
    table: dict[str, dict[str, dict[str, float | None]]] = {}
    for condition, done in by_condition.items():
        agreed = agreement(done[0][0], [d[1] for d in done], [d[2] for d in done])
        for name, a in agreed.items():
            later = a.later_ms
            table.setdefault(name, {})[condition] = {
                "spikes of cells": round(a.spikes, 1),
                "spikes of point cells": round(a.point_spikes, 1),
                "first spike later by (ms)": None if np.isnan(later) else round(later, 2),
            }
    return table
