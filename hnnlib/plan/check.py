"""The invariants of a plan, all in one place. Engines may rely on them."""

from __future__ import annotations

import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.plan.tables import Plan, Probe

__all__ = ["check_plan"]


def check_plan(plan: Plan) -> None:
    """Raise if a plan breaks an invariant.

    Raises
    ------
    InvalidValue
        Naming the column and the first row that is wrong.
    """
    _check_points(plan)
    _check_edges(plan)
    _check_events(plan)
    _check_biases(plan)
    _check_probes(plan)


def _check_points(plan: Plan) -> None:
    for number, template in enumerate(plan.templates):
        if template.point is None:
            continue
        name = f"templates[{number}]"
        if template.n_segments != 1:
            raise InvalidValue(f"plan.{name}.segments", template.n_segments, "must be one: the cell is a point")
        n_cells = int((plan.cells.template == number).sum())
        for parameter, values in template.point.of_cells.items():
            _one_each(f"{name}.point.of_cells[{parameter!r}]", values, n_cells, "cells")
    if plan.synapses and len(plan.synapses) != len(plan.edges.connection_labels):
        raise InvalidValue("plan.synapses", len(plan.synapses), "must be one for each connection label, or none")
    for number, synapse in enumerate(plan.synapses):
        n_edges = int((plan.edges.connection == number).sum()) if synapse.of_edges else 0
        for parameter, values in synapse.of_edges.items():
            _one_each(f"synapses[{number}].of_edges[{parameter!r}]", values, n_edges, "contacts")


def _one_each(name: str, values: np.ndarray, size: int, what: str) -> None:
    if len(values) != size:
        raise InvalidValue(f"plan.{name}", len(values), f"must hold one value for each of {size} {what}")
    _finite(name, np.asarray(values, float).ravel())


def _check_edges(plan: Plan) -> None:
    edges = plan.edges
    _inside("edges.source_gid", edges.source_gid, plan.n_gids)
    _inside("edges.target_gid", edges.target_gid, plan.n_cells)
    if len(edges):
        n_sites = np.array([t.n_sites for t in plan.templates])[plan.cells.template[edges.target_gid]]
        _all("edges.site", edges.site, (edges.site >= 0) & (edges.site < n_sites), "must be a site of its target")
    _finite("edges.weight", edges.weight)
    _all("edges.delay_ms", edges.delay_ms, edges.delay_ms >= 0, "must be >= 0 ms")


def _check_events(plan: Plan) -> None:
    if len(plan.events) != plan.run.n_trials:
        raise InvalidValue(
            "plan.events", len(plan.events), f"must hold one table for each of {plan.run.n_trials} trials"
        )
    n_drive_cells = len(plan.drive_cells)
    for trial, events in enumerate(plan.events):
        name = f"events[{trial}]"
        _rows(f"{name}.offset", events.offset, n_drive_cells, len(events.time_ms), "every drive cell")
        good = np.isfinite(events.time_ms) & (events.time_ms >= 0)
        _all(f"{name}.time_ms", events.time_ms, good, "must be a time >= 0 ms")
        if events.factor is not None:
            _one_each(f"{name}.factor", events.factor, len(events.time_ms), "events")


def _check_biases(plan: Plan) -> None:
    biases = plan.biases
    _inside("biases.gid", biases.gid, plan.n_cells)
    if len(biases.gid):
        n_sections = np.array([len(t.sections.names) for t in plan.templates])[plan.cells.template[biases.gid]]
        good = (biases.section >= 0) & (biases.section < n_sections)
        _all("biases.section", biases.section, good, "must be a section of its cell")
    for name in ("amplitude_nA", "delay_ms", "duration_ms"):
        _finite(f"biases.{name}", getattr(biases, name))


def _check_probes(plan: Plan) -> None:
    n_segments, n_sites = int(plan.segment_offset[-1]), int(plan.site_offset[-1])
    limits = {"v": n_segments, "i_membrane": n_segments, "cai": n_segments, "i_synapse": n_sites}
    for probe in plan.probes:
        name = f"probes[{probe.name!r}]"
        if probe.quantity not in limits and not _of_points(plan, probe):
            raise UnknownName(f"plan.{name}.quantity", probe.quantity, "quantity", limits)
        if probe.every < 1:
            raise InvalidValue(f"plan.{name}.every", probe.every, "must be >= 1")
        _rows(f"{name}.indptr", probe.indptr, probe.n_rows, len(probe.index), "every row")
        _inside(f"{name}.index", probe.index, limits.get(probe.quantity, n_segments))
        _finite(f"{name}.weight", probe.weight)


def _of_points(plan: Plan, probe: Probe) -> bool:
    """Return whether a probe is of point cells, of which it may measure whatever their simulator knows."""
    cells = np.searchsorted(plan.segment_offset, probe.index, side="right") - 1
    inside = (cells >= 0) & (cells < plan.n_cells)
    return bool(inside.all()) and all(
        plan.templates[t].point is not None for t in np.unique(plan.cells.template[cells]).tolist()
    )


def _rows(name: str, offset: np.ndarray, n_rows: int, total: int, what: str) -> None:
    if len(offset) != n_rows + 1 or offset[0] != 0 or offset[-1] != total or np.any(np.diff(offset) < 0):
        raise InvalidValue(f"plan.{name}", offset, f"must delimit {what}: {n_rows + 1} numbers from 0 to {total}")


def _finite(name: str, column: np.ndarray) -> None:
    _all(name, column, np.isfinite(column), "must be finite")


def _inside(name: str, column: np.ndarray, size: int) -> None:
    _all(name, column, (column >= 0) & (column < size), f"must be an index below {size}")


def _all(name: str, column: np.ndarray, good: np.ndarray, allowed: str) -> None:
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise InvalidValue(f"plan.{name}[{row}]", column[row].item(), allowed)
