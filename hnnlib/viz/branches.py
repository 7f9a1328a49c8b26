"""What figures and films of a detailed cell share: its segments by their columns, colours, where synapses lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.viz.colors import COLORS, colors_of
from hnnlib.viz.style import INK

__all__ = [
    "SYNAPSE_COLORS",
    "activations_of",
    "checked_segments",
    "distance_lines",
    "domain_colors",
    "drawn_ends",
    "is_soma",
    "limits_of",
    "per_segment",
    "segment_numbers",
    "signed_distance",
    "spread_positions",
]

DOMAIN_COLORS: Mapping[str, str] = immutabledict(
    soma=INK,
    axon="#8C8C8C",
    basal="#E69F00",
    apical_trunk="#0072B2",
    apical_oblique="#009E73",
    apical_tuft="#CC79A7",
)
"""Colours of domains, the same in all figures."""

SYNAPSE_COLORS = (COLORS[3], COLORS[1], COLORS[4], COLORS[0], *COLORS[5:])
"""Colours of presynaptic populations: red and blue first, as excitation and inhibition often are."""

COLUMNS = ("section", "x", "domain", "distance_um", "start_um", "end_um", "diam_um")

GOLDEN = 0.6180339887498949
"""Multiples of the golden ratio, less their whole numbers, fill a stretch evenly however many they are."""


def checked_segments(segments: Any, path: str = "segments") -> Any:
    """Return ``segments`` if they have the columns that figures need, else raise."""
    for name in COLUMNS:
        if not hasattr(segments, name):
            raise InvalidType(path, segments, f"must have the columns of a SegmentTable; it has no {name!r}")
    if not len(segments.section):
        raise InvalidValue(path, segments, "must hold at least one segment")
    return segments


def per_segment(name: str, values: Any, segments: Any) -> NDArray[np.float64]:
    """Return ``values`` as floats, shape (n_segments,), or raise."""
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InvalidType(name, values, "must be an array of numbers") from None
    n = len(segments.section)
    if column.shape != (n,):
        raise InvalidValue(f"{name}.shape", column.shape, f"must be ({n},), one value a segment")
    return column


def segment_numbers(name: str, rows: Any, segments: Any) -> NDArray[np.int64]:
    """Return numbers of segments, shape (n,), or raise."""
    column = np.asarray(rows)
    if column.ndim != 1 or (column.size and column.dtype.kind not in "iu"):
        raise InvalidType(name, rows, "must be an array of segments' numbers")
    n = len(segments.section)
    for i in np.flatnonzero((column < 0) | (column >= n))[:1]:
        raise InvalidValue(f"{name}[{i}]", int(column[i]), f"is no segment of the cell, which has 0 to {n - 1}")
    return column.astype(np.int64)


def activations_of(activations: Any, segments: Any) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return population -> segments and times (ms) of its synapses' activations, in the order of time, or raise."""
    if not isinstance(activations, Mapping):
        raise InvalidType("activations", activations, "must be a dict of population to (segments, times)")
    found = {}
    for population, pair in activations.items():
        path = f"activations[{population!r}]"
        try:
            rows, times = pair
        except (TypeError, ValueError):
            raise InvalidType(path, pair, "must be two arrays, the segments and the times (ms)") from None
        where = segment_numbers(path, rows, segments)
        when = np.asarray(times, np.float64)
        if when.shape != where.shape:
            raise InvalidValue(f"{path}[1].shape", when.shape, f"must be that of its segments, {where.shape}")
        order = np.argsort(when, kind="stable")
        found[str(population)] = where[order], when[order]
    return found


def spread_positions(segments: Any, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a place for each synapse (µm), shape (n, 3): along its segment, apart from the segment's others."""
    order = np.argsort(rows, kind="stable")
    number = np.empty(rows.size)
    number[order] = np.arange(rows.size) - np.searchsorted(rows[order], rows[order])
    part = np.mod(0.5 + number * GOLDEN, 1.0)[:, np.newaxis]
    return np.asarray(segments.start_um[rows] * (1 - part) + segments.end_um[rows] * part)


def drawn_ends(segments: Any) -> NDArray[np.float64]:
    """Return both ends of each segment's line (µm), shape (n_segments, 2, 3).

    Lines have round caps, half as long as the line is wide: the soma's are shortened for it, so that one that is as
    long as it is thick becomes a disc.
    """
    ends = np.stack([segments.start_um, segments.end_um], axis=1).astype(np.float64)
    soma = np.flatnonzero(is_soma(segments))
    if soma.size:
        middle = ends[soma].mean(axis=(0, 1))
        length = float(np.linalg.norm(ends[soma[-1], 1] - ends[soma[0], 0]))
        thick = float(np.mean(np.asarray(segments.diam_um)[soma]))
        ends[soma] = middle + (ends[soma] - middle) * max(1.0 - thick / length if length > 0 else 0.0, 0.0)
    return ends


def is_soma(segments: Any) -> NDArray[np.bool_]:
    """Return which segments are the soma's, shape (n_segments,)."""
    return np.asarray(segments.domain).astype(str) == "soma"


def domain_colors(segments: Any, given: Any = None) -> dict[str, Any]:
    """Return the colour of each domain that a cell has, in the order of `DOMAIN_COLORS`."""
    there = np.unique(np.asarray(segments.domain).astype(str)).tolist()
    names = [*(name for name in DOMAIN_COLORS if name in there), *(name for name in there if name not in DOMAIN_COLORS)]
    cycle = [DOMAIN_COLORS.get(name, SYNAPSE_COLORS[i % len(SYNAPSE_COLORS)]) for i, name in enumerate(names)]
    return colors_of(names, given, argument="colors", cycle=cycle)


def limits_of(name: str, value: Any, unit: str) -> tuple[float, float] | None:
    """Return two rising numbers, or None for None, else raise."""
    if value is None:
        return None
    try:
        low, high = (finite_number(name, v, unit) for v in value)
    except TypeError:
        raise InvalidType(name, value, f"must be two numbers in {unit}") from None
    if low >= high:
        raise InvalidValue(name, value, f"must be rising ({unit})")
    return low, high


def signed_distance(segments: Any) -> NDArray[np.float64]:
    """Return the path distance from the soma (µm), shape (n_segments,): negative in basal dendrites and the axon."""
    domain = np.asarray(segments.domain).astype(str)
    below = np.isin(domain, ("basal", "axon")) | ((domain == "soma") & (np.asarray(segments.x) < 0.5))
    return np.where(below, -1.0, 1.0) * np.asarray(segments.distance_um, np.float64)


def distance_lines(segments: Any) -> list[NDArray[np.int64]]:
    """Return the segments along each section's line: before its own stands the one that it sits on.

    The table has no tree. A section begins where another one ends; one that begins at no other's end sits on the soma.
    """
    section, domain = np.asarray(segments.section), np.asarray(segments.domain).astype(str)
    first = np.flatnonzero(np.diff(section, prepend=-1))
    last = np.append(first[1:], section.size) - 1
    ends = {_place(segments.end_um[row]): int(row) for row in last[domain[last] != "soma"]}
    soma = np.flatnonzero(domain == "soma")
    lines = []
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        rows = list(range(start, stop + 1))
        if domain[start] != "soma":
            below = ends.get(_place(segments.start_um[start]))
            if below is not None and below not in rows:
                rows.insert(0, below)
            elif soma.size:
                rows.insert(0, int(soma[0] if domain[start] in ("basal", "axon") else soma[-1]))
        lines.append(np.array(rows, np.int64))
    return lines


def _place(point: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.round(np.asarray(point, np.float64), 2).tolist())
