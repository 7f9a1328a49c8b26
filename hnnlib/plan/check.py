"""The invariants of a plan, all in one place. Engines may rely on them."""

from __future__ import annotations

import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.plan.tables import Plan

__all__ = ["check_plan"]


def check_plan(plan: Plan) -> None:
    """Raise if a plan breaks an invariant.

    Raises
    ------
    InvalidValue
        Naming the column and the first row that is wrong.
    """
    n_cells, n_gids = plan.n_cells, plan.n_gids
    edges = plan.edges
    _inside("edges.source_gid", edges.source_gid, n_gids)
    _inside("edges.target_gid", edges.target_gid, n_cells)
    if len(edges):
        n_sites = np.array([t.n_sites for t in plan.templates])[plan.cells.template[edges.target_gid]]
        _all("edges.site", edges.site, (edges.site >= 0) & (edges.site < n_sites), "must be a site of its target")
        _all("edges.weight_uS", edges.weight_uS, np.isfinite(edges.weight_uS), "must be finite")
        _all("edges.delay_ms", edges.delay_ms, edges.delay_ms >= 0, "must be >= 0 ms")
    if len(plan.events) != plan.run.n_trials:
        raise InvalidValue(
            "plan.events", len(plan.events), f"must hold one table for each of {plan.run.n_trials} trials"
        )
    for trial, events in enumerate(plan.events):
        name = f"events[{trial}].time_ms"
        if len(events.offset) != len(plan.drive_cells) + 1 or events.offset[-1] != len(events.time_ms):
            raise InvalidValue(f"plan.events[{trial}].offset", len(events.offset), "must delimit every drive cell")
        _all(name, events.time_ms, np.isfinite(events.time_ms) & (events.time_ms >= 0), "must be a time >= 0 ms")
    _inside("biases.gid", plan.biases.gid, n_cells)
    limits = {"i_synapse": int(plan.site_offset[-1])}
    for probe in plan.probes:
        _inside(f"probes[{probe.name!r}].index", probe.index, limits.get(probe.quantity, int(plan.segment_offset[-1])))
        _all(f"probes[{probe.name!r}].weight", probe.weight, np.isfinite(probe.weight), "must be finite")


def _inside(name: str, column: np.ndarray, size: int) -> None:
    _all(name, column, (column >= 0) & (column < size), f"must be an index below {size}")


def _all(name: str, column: np.ndarray, good: np.ndarray, allowed: str) -> None:
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise InvalidValue(f"plan.{name}[{row}]", column[row].item(), allowed)
