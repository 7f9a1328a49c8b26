"""What each cell of a detailed run received, and when it fired: what its point cell is taught with.

The cells of a run are taken one by one: the events that arrived at a cell (of drives and of other cells of the same
run) are given to a point cell, and its spikes are held against the detailed cell's. Errors of one cell then don't reach
the next, so that thousands of cells can be fitted at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from hnnlib.plan.tables import Plan
from hnnlib.results.records import TrialRecord

__all__ = ["Lessons", "join_lessons", "lessons_of"]

_NEGLIGIBLE_US = 1e-8  # contacts this weak add less than a thousandth of any event that counts, even a thousand of them


@attrs.frozen(kw_only=True, eq=False)
class Lessons:
    """Events and spikes of a number of cells of one type, in any order of time; lane k is one cell in one trial."""

    tstop_ms: float
    condition: np.ndarray  # int, per lane: trials of one condition have one number
    event_lane: np.ndarray  # int
    event_site: np.ndarray  # int, site of the detailed template
    event_ms: np.ndarray
    event_uS: np.ndarray
    spike_lane: np.ndarray  # int
    spike_ms: np.ndarray

    @property
    def n_lanes(self) -> int:
        """Number of cells, those of several trials counted anew."""
        return len(self.condition)

    def take(self, lanes: np.ndarray) -> Lessons:
        """Return some of the lanes, numbered anew in the order given."""
        new = np.full(self.n_lanes, -1)
        new[lanes] = np.arange(len(lanes))
        events, spikes = new[self.event_lane] >= 0, new[self.spike_lane] >= 0
        return Lessons(
            tstop_ms=self.tstop_ms,
            condition=self.condition[lanes],
            event_lane=new[self.event_lane[events]],
            event_site=self.event_site[events],
            event_ms=self.event_ms[events],
            event_uS=self.event_uS[events],
            spike_lane=new[self.spike_lane[spikes]],
            spike_ms=self.spike_ms[spikes],
        )


def lessons_of(plan: Plan, trial: TrialRecord, gids: np.ndarray, condition: int = 0) -> Lessons:
    """Return what some cells received in a trial, and when they fired.

    Parameters
    ----------
    plan : Plan
        What was run, cells with dendrites.
    trial : TrialRecord
        Spikes of all its cells and drives.
    gids : array of int
        The cells, all of one template; lane k is ``gids[k]``.
    condition : int
        Number that their lanes get.
    """
    lane = np.full(plan.n_gids, -1)
    lane[gids] = np.arange(len(gids))
    wanted = (plan.edges.weight > _NEGLIGIBLE_US) & (plan.edges.delay_ms <= plan.run.tstop_ms)
    edges = plan.edges.take(wanted & (lane[plan.edges.target_gid] >= 0))
    order = np.argsort(trial.spike_gids, kind="stable")
    times, sources = trial.spike_times_ms[order], trial.spike_gids[order]
    first = np.searchsorted(sources, edges.source_gid, "left")
    count = np.searchsorted(sources, edges.source_gid, "right") - first
    row = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    arrival = times[first[row] + nth] + edges.delay_ms[row]
    within = arrival <= plan.run.tstop_ms
    row, arrival = row[within], arrival[within]
    own = lane[trial.spike_gids] >= 0
    return Lessons(
        tstop_ms=plan.run.tstop_ms,
        condition=np.full(len(gids), condition),
        event_lane=lane[edges.target_gid[row]],
        event_site=edges.site[row].astype(np.int64),
        event_ms=arrival,
        event_uS=edges.weight[row],
        spike_lane=lane[trial.spike_gids[own]],
        spike_ms=trial.spike_times_ms[own],
    )


def join_lessons(parts: Sequence[Lessons]) -> Lessons:
    """Return lessons of several trials as one; the longest duration counts."""
    offset = np.cumsum([0, *(p.n_lanes for p in parts)])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(p, name) for p in parts])

    def lanes(name: str) -> np.ndarray:
        return np.concatenate([getattr(p, name) + offset[k] for k, p in enumerate(parts)])

    return Lessons(
        tstop_ms=max(p.tstop_ms for p in parts),
        condition=joined("condition"),
        event_lane=lanes("event_lane"),
        event_site=joined("event_site"),
        event_ms=joined("event_ms"),
        event_uS=joined("event_uS"),
        spike_lane=lanes("spike_lane"),
        spike_ms=joined("spike_ms"),
    )
