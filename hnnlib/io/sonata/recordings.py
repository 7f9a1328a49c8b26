"""Recordings and dipoles as SONATA frame reports, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.io.sonata.reports import FrameReport
from hnnlib.results.dipole import Dipole
from hnnlib.results.gids import nodes_of
from hnnlib.results.traces import Traces

__all__ = ["dipole_of", "report_of_dipole", "reports_of", "traces_of"]

DIPOLE_POPULATION = "dipole"
_QUANTITIES = (("v", "mV"), ("i", "nA"), ("cai", "mM"), ("dipole", "fAm"))


def reports_of(
    traces: Traces,
    gid_ranges: Mapping[str, range],
    *,
    trial: int = 0,
    sections: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, FrameReport]:
    """Return one trial of recorded traces as a report for each population that was recorded.

    Parameters
    ----------
    traces : Traces
        E.g. ``result.cell_response.recordings['vsec']``.
    gid_ranges : mapping of str to range
        The gids of each cell type: its first is node 0.
    trial : int
        The trial.
    sections : mapping of str to sequence of str, optional
        Cell type -> names of its sections, in the order of their ids. Left out: in the order in which
        they were recorded.

    Returns
    -------
    reports : dict of str to FrameReport
        Population -> its frames.

    Raises
    ------
    InvalidValue
        If there is no such trial, or times are not evenly spaced.
    UnknownName
        If a section is not among those given.
    """
    if isinstance(trial, bool) or not 0 <= trial < traces.n_trials:
        raise InvalidValue("trial", trial, f"must be one of the {traces.n_trials} trials, from 0")
    start, dt = _even(traces.times)
    codes, nodes = nodes_of(traces.gids, gid_ranges)
    reports = {}
    for code, name in enumerate(gid_ranges):
        rows = np.flatnonzero(codes == code)
        if not rows.size:
            continue
        labels = {key: _labels(getattr(traces, key), rows) for key in ("sections", "receptors")}
        given = (sections or {}).get(name)
        elements, element_names = _coded(labels["sections"], given, rows.size, f"sections[{name!r}]")
        receptors, receptor_names = _coded(labels["receptors"], None, rows.size, "receptors")
        # columns of a node, and within it those of a section, must stand side by side
        order = np.lexsort((receptors, elements, nodes[rows]))
        ids, counts = np.unique(nodes[rows], return_counts=True)
        reports[name] = FrameReport(
            data=traces.data[trial][rows[order]].T,
            unit=traces.unit,
            start=start,
            dt=dt,
            node_ids=ids,
            index_pointers=np.cumsum([0, *counts]),
            element_ids=elements[order],
            element_pos=None if traces.sections is None else np.full(rows.size, 0.5, np.float32),
            element_names=element_names,
            receptors=None if traces.receptors is None else receptors[order],
            receptor_names=receptor_names,
        )
    return reports


def _even(times: NDArray[np.float64]) -> tuple[float, float]:
    if times.size < 2:
        raise InvalidValue("len(times)", times.size, "must be >= 2: a report tells the step from frame to frame")
    dt = float(times[-1] - times[0]) / (times.size - 1)
    if dt <= 0 or not np.allclose(np.diff(times), dt, rtol=0, atol=1e-6 * dt + 1e-9):
        raise InvalidValue("times", times, "must be evenly spaced")
    return float(times[0]), round(dt, 12)


def _labels(labels: tuple[str, ...] | None, rows: NDArray[np.int64]) -> list[str] | None:
    return None if labels is None else [labels[row] for row in rows]


def _coded(
    labels: list[str] | None, known: Sequence[str] | None, n_rows: int, path: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if labels is None:
        return np.zeros(n_rows, np.int64), ()
    names = tuple(dict.fromkeys(labels)) if known is None else tuple(known)
    index = {name: i for i, name in enumerate(names)}
    for label in labels:
        if label not in index:
            raise UnknownName(path, label, "section", names)
    return np.array([index[label] for label in labels]), names


def traces_of(
    reports: Mapping[str, FrameReport], gid_ranges: Mapping[str, range], *, quantity: str | None = None
) -> Traces:
    """Return reports as traces of one trial: what `reports_of` makes, back again.

    Parameters
    ----------
    reports : mapping of str to FrameReport
        Population -> its frames; with the same times.
    gid_ranges : mapping of str to range
        The gids of each cell type: its first is node 0.
    quantity : 'v', 'i', 'cai' or 'dipole', optional
        What they are of. Left out: told by the unit.

    Returns
    -------
    traces : Traces
        Rows by population, node, section.

    Raises
    ------
    InvalidValue
        If times, units or kinds of the reports differ, sections have no names, or a node is in no population.
    UnknownName
        If there is no such population.
    """
    first = next(iter(reports.values()), None)
    if first is None:
        raise InvalidValue("reports", {}, "must have at least one population")
    unit = first.unit
    gids: list[int] = []
    sections: list[str] = []
    receptors: list[str] = []
    for name, report in reports.items():
        if name not in gid_ranges:
            raise UnknownName("reports", name, "population", gid_ranges)
        if report.unit != unit or report.data.shape[0] != first.data.shape[0] or report.dt != first.dt:
            raise InvalidValue(f"reports[{name!r}]", report.unit, "must have the unit and times of the others")
        nodes, cells = report.node_of_column, gid_ranges[name]
        if nodes.size and not nodes.max() < len(cells):
            raise InvalidValue(f"reports[{name!r}].node_ids", int(nodes.max()), f"must be < {len(cells)}")
        gids += (nodes + cells.start).tolist()
        if report.element_names:
            sections += [report.element_names[i] for i in report.element_ids.tolist()]
        if report.receptors is not None:
            receptors += [report.receptor_names[i] for i in report.receptors.tolist()]
    for what, labels in (("element_names", sections), ("receptors", receptors)):
        if labels and len(labels) != len(gids):
            raise InvalidValue(f"reports, {what}", len(labels), f"must be known of all {len(gids)} columns, or of none")
    return Traces(
        quantity=quantity or next((q for q, u in _QUANTITIES if u == unit), "v"),
        unit=unit,
        times=first.times,
        gids=gids,
        sections=sections or None,
        receptors=receptors or None,
        data=np.concatenate([report.data for report in reports.values()], axis=1).T[np.newaxis],
    )


# ------------------------------------------------------------------------------------------------- dipoles


def report_of_dipole(dpl: Dipole) -> dict[str, FrameReport]:
    """Return a dipole as a report, for programs that read nothing else: one node for each of its parts.

    Parameters
    ----------
    dpl : Dipole
        The dipole (nAm).

    Returns
    -------
    reports : dict of str to FrameReport
        Population ``dipole``; node 0 is the aggregate, the others are layers or populations, named as elements.
    """
    if not isinstance(dpl, Dipole):
        raise InvalidType("dpl", dpl, "must be a Dipole")
    start, dt = _even(dpl.times)
    n = len(dpl.data)
    report = FrameReport(
        data=np.column_stack(list(dpl.data.values())),
        unit="nAm",
        start=start,
        dt=dt,
        node_ids=np.arange(n),
        index_pointers=np.arange(n + 1),
        element_ids=np.arange(n),
        element_names=tuple(dpl.data),
    )
    return {DIPOLE_POPULATION: report}


def dipole_of(reports: Mapping[str, FrameReport]) -> Dipole:
    """Return what `report_of_dipole` makes as a dipole again.

    Parameters
    ----------
    reports : mapping of str to FrameReport
        With the population ``dipole``.

    Returns
    -------
    dpl : Dipole
        In the precision of the report; number of averages and scale are not kept.

    Raises
    ------
    UnknownName
        If there is no such population.
    InvalidValue
        If its parts have no names.
    """
    if DIPOLE_POPULATION not in reports:
        raise UnknownName("reports", DIPOLE_POPULATION, "population", reports)
    report = reports[DIPOLE_POPULATION]
    if not report.element_names:
        raise InvalidValue("element_names", (), "must name the parts of the dipole")
    parts = [report.element_names[i] for i in report.element_ids.tolist()]
    return Dipole(report.times, dict(zip(parts, report.data.T.astype(np.float64), strict=True)))
