"""From traced points, each with the one before it, to the sections of a morphology."""

from __future__ import annotations

import itertools
from functools import cached_property

import attrs
import numpy as np

from hnnlib.base.errors import FileFormatError
from hnnlib.embedding.form.alignment import apical_direction
from hnnlib.embedding.form.domains import label_domains
from hnnlib.embedding.form.morphology import TYPES, Morphology

__all__ = ["Trace", "morphology_of"]


@attrs.frozen(kw_only=True, eq=False)
class Trace:
    """Points of a traced cell, each after the one that it hangs on.

    Parameters
    ----------
    kind : array of int, shape (n,)
        1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, as SWC has it.
    xyz : array, shape (n, 3)
        Places (µm).
    diam : array, shape (n,)
        Diameters (µm).
    parent : array of int, shape (n,)
        Index of the point before; -1 for the first.
    line : array of int, shape (n,), optional
        Lines of the file that they stand in.
    file : str
        The file, for errors.
    """

    kind: np.ndarray
    xyz: np.ndarray
    diam: np.ndarray
    parent: np.ndarray
    line: np.ndarray | None = None
    file: str = "trace"

    def error(self, reason: str, point: int | None = None) -> FileFormatError:
        """Return an error about the file, or about one point of it.

        Parameters
        ----------
        reason : str
            What is wrong.
        point : int, optional
            The point.
        """
        line = None if point is None or self.line is None else int(self.line[point])
        return FileFormatError(self.file, reason, line)

    @cached_property
    def table(self) -> np.ndarray:
        """x, y, z and diameter of each point (µm), shape (n, 4)."""
        return np.column_stack([self.xyz, self.diam])


def morphology_of(trace: Trace, name: str, source: str) -> Morphology:
    """Return the sections that traced points make, with domains by rule.

    A section is a run of points of one type without a branch. Sections stand in the order of their first points in the
    file, the soma first, and are numbered so within their type. A section on a dendrite begins at the last point of
    that, unless its own first point lies there too and brings its own diameter. One on the soma begins at its first own
    point; if it has only that one, at the soma's point that it hangs on, or, where it branches at once, its branches
    sit on the soma themselves.

    The soma becomes one section. Two or three points in a chain are taken as they stand, as frusta. Otherwise it is a
    cylinder as long as it is thick, with the membrane of what was traced, around the middle of that, pointing to the
    middle of the apical dendrites (upwards along z if there are none): of one point, the sphere around it; of three,
    the two others of the first one's radius and at that distance of it (NeuroMorpho.org's form), the same sphere; of a
    chain that ends where it began, the contour of a body of revolution; of others, all frusta. The axon and basal
    dendrites sit on its 0 end, the apical tree on its 1 end, wherever they were drawn to.

    Parameters
    ----------
    trace : Trace
        The points.
    name, source : str
        As in `Morphology`.

    Returns
    -------
    Morphology

    Raises
    ------
    FileFormatError
        If there is no soma, or the points don't form one tree that grows out of it; or a section has no length.
    """
    _check(trace)
    rows, parents = _sections(trace)
    kinds = [int(trace.kind[own[-1]]) for own in rows]
    points = [_points(trace, rows, parents, i) for i in range(len(rows))]
    for own, path in zip(rows, points, strict=True):
        if not np.linalg.norm(np.diff(path[:, :3], axis=0), axis=1).sum() > 0:
            raise trace.error("a section has no length: all its points are at one place", own[-1])
    soma = _soma(trace, [path for path, kind in zip(points, kinds, strict=True) if kind == 4])
    types = [TYPES[kind - 1] for kind in (1, *kinds)]
    numbers = {kind: itertools.count() for kind in TYPES}
    names = ["soma", *(f"{kind}_{next(numbers[kind])}" for kind in types[1:])]
    morphology = Morphology(
        names=tuple(names),
        types=tuple(types),
        parent=np.array([-1, *(above + 1 for above in parents)], np.int32),
        parent_end=np.array(
            [0, *(above >= 0 or kind == 4 for above, kind in zip(parents, kinds, strict=True))], np.int8
        ),
        points=(soma, *points),
        domains=tuple(types),
        name=name,
        source=source,
    )
    return label_domains(morphology)


def _check(trace: Trace) -> None:
    somatic = trace.kind == 1
    if not somatic.any():
        raise trace.error("has no soma (points of type 1)")
    roots = np.flatnonzero(trace.parent < 0)
    if len(roots) > 1:
        others = "" if trace.line is None else f"; the first is in line {trace.line[roots[0]]}"
        raise trace.error(f"is a second root (parent -1){others}: a file must hold one connected cell", roots[1])
    if not somatic[roots[0]]:
        raise trace.error("the root (parent -1) must be a point of the soma, type 1", roots[0])
    lost = np.flatnonzero(somatic & (trace.parent >= 0) & ~somatic[trace.parent])
    if len(lost):
        raise trace.error("a point of the soma hangs on one of a dendrite or axon", lost[0])


def _sections(trace: Trace) -> tuple[list[list[int]], list[int]]:
    """Return the points of each section but the soma, and the section that each sits on; -1: on the soma."""
    kind, parent = trace.kind.tolist(), trace.parent.tolist()
    children = np.bincount(trace.parent[trace.kind != 1], minlength=len(kind)).tolist()
    rows: list[list[int]] = []
    parents: list[int] = []
    section: dict[int, int] = {}  # point -> its section; those of the soma and those left out are in none
    goes_on = [False] * len(kind)  # into one point of its own type
    for point, above in enumerate(parent):
        goes_on[above] = above >= 0 and children[above] == 1 and kind[above] == kind[point]
    for point, above in enumerate(parent):
        if kind[point] == 1:
            continue
        if above in section and goes_on[above]:
            section[point] = section[above]
            rows[section[point]].append(point)
            continue
        if kind[above] == 1 and children[point] and not goes_on[point]:
            continue  # the first point of several dendrites: each begins there
        section[point] = len(rows)
        parents.append(section.get(above, -1))
        rows.append([point] if above in section or kind[above] == 1 else [above, point])
    return rows, parents


def _points(trace: Trace, rows: list[list[int]], parents: list[int], i: int) -> np.ndarray:
    own = trace.table[rows[i]]
    if parents[i] >= 0:
        end = trace.table[rows[parents[i]][-1]]
        return own if (own[0, :3] == end[:3]).all() else np.vstack([end, own])
    if len(own) == 1:
        start = np.append(trace.xyz[trace.parent[rows[i][0]]], own[0, 3])
        return np.vstack([start, own])
    return own


def _soma(trace: Trace, apical: list[np.ndarray]) -> np.ndarray:
    """Return the soma's points, its 0 end away from the apical dendrites."""
    members = np.flatnonzero(trace.kind == 1)
    points = trace.table[members]
    above = np.searchsorted(members, trace.parent[members[1:]])
    if len(points) == 1 or _is_three_point_sphere(points, above):
        return _cylinder(points[0, :3], np.pi * points[0, 3] ** 2, apical)
    chain = (above == np.arange(len(above))).all()
    if chain and len(points) in (2, 3):
        if not np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1).sum() > 0:
            raise trace.error("the soma has no length: all its points are at one place", members[-1])
        upwards = apical_direction((points[0, :3] + points[-1, :3]) / 2, apical)
        return points if (points[-1, :3] - points[0, :3]) @ upwards >= 0 else points[::-1].copy()
    steps = np.linalg.norm(points[1:, :3] - points[above, :3], axis=1)
    if chain and np.linalg.norm(points[-1, :3] - points[0, :3]) <= 1.5 * steps.max():
        middle, area = _contour(points[:, :3])
    else:
        sums = points[1:, 3] + points[above, 3]
        areas = np.pi / 2 * sums * np.hypot(steps, (points[1:, 3] - points[above, 3]) / 2)
        middle, area = areas @ (points[1:, :3] + points[above, :3]) / 2 / max(areas.sum(), 1e-300), areas.sum()
    if not area > 0:
        raise trace.error("the soma has no membrane: its points lie at one place or in a line", members[-1])
    return _cylinder(middle, float(area), apical)


def _is_three_point_sphere(points: np.ndarray, above: np.ndarray) -> bool:
    if len(points) != 3 or above.tolist() != [0, 0] or (points[1:, 3] != points[0, 3]).any():
        return False
    apart = np.linalg.norm(points[1:, :3] - points[0, :3], axis=1)
    # NeuroMorpho.org rounds to 0.01 µm
    return bool((np.abs(apart - points[0, 3] / 2) <= 0.02 + 0.01 * apart).all())


def _cylinder(middle: np.ndarray, area: float, apical: list[np.ndarray]) -> np.ndarray:
    size = np.sqrt(area / np.pi)
    axis = apical_direction(middle, apical) * size / 2
    return np.column_stack([[middle - axis, middle, middle + axis], np.full(3, size)])


def _contour(outline: np.ndarray, n_slices: int = 100) -> tuple[np.ndarray, float]:
    """Return middle and side of the body that a closed outline makes when it is turned about its long axis."""
    following = np.roll(outline, -1, axis=0)
    steps = np.linalg.norm(following - outline, axis=1)
    middle = steps @ (following + outline) / 2 / steps.sum()
    halves = np.concatenate([outline, (outline + following) / 2]) - middle
    weights = np.tile(steps, 2)
    _, axes = np.linalg.eigh((halves * weights[:, None]).T @ halves)
    along, across = (outline - middle) @ axes[:, 2], (outline - middle) @ axes[:, 1]
    height = along.max() - along.min()
    stations = along.min() + height * np.linspace(0.0, 1.0, n_slices + 1)
    widths = np.zeros(n_slices + 1)
    begin, end = (along, across), (np.roll(along, -1), np.roll(across, -1))
    for k, station in enumerate(stations[1:-1], 1):
        crossing = (begin[0] > station) != (end[0] > station)
        part = (station - begin[0][crossing]) / (end[0] - begin[0])[crossing]
        places = begin[1][crossing] + part * (end[1] - begin[1])[crossing]
        widths[k] = np.ptp(places)
    sides = np.pi / 2 * (widths[1:] + widths[:-1]) * np.hypot(height / n_slices, np.diff(widths) / 2)
    return middle, float(sides.sum())
