"""Stretches of membrane that synapses may be placed on: exact places, however the cell is cut into segments."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.embedding.membrane.segments import SegmentTable

__all__ = ["Stretches", "allowed_stretches", "along_section", "positions_um", "segments_of", "within_um"]

_EDGE = 1e-9  # of a segment: a place on its very border could count as its neighbour's


@attrs.frozen(kw_only=True, eq=False)
class Stretches:
    """Pieces of segments, each from ``low`` to ``high`` along its segment (0 to 1).

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    segment : array of int64, shape (n,)
        Segment of each.
    low, high : array, shape (n,)
        Where along the segment it begins and ends.
    """

    segments: SegmentTable
    segment: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def length_um(self) -> np.ndarray:
        """Length of each (µm), shape (n,)."""
        return (self.high - self.low) * self.segments.length_um[self.segment]

    def at(self, along_um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places at some lengths along the stretches, as if they were one behind the other.

        Parameters
        ----------
        along_um : array, shape (k,)
            From 0 to the sum of all lengths (µm).

        Returns
        -------
        segment : array of int64, shape (k,)
        fraction : array, shape (k,)
            Along the segment, 0 to 1.
        """
        ends = np.cumsum(self.length_um)
        row = np.minimum(np.searchsorted(ends, along_um, side="right"), len(self) - 1)
        into = along_um - (ends[row] - self.length_um[row])
        fraction = self.low[row] + into / self.segments.length_um[self.segment[row]]
        return self.segment[row], np.clip(fraction, self.low[row], self.high[row])

    def draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return places drawn at random, every micrometre as likely as any other.

        Parameters
        ----------
        rng : Generator
            What they are drawn from.
        n : int
            How many.

        Returns
        -------
        segment, fraction : array, shape (n,)
            As in `at`.
        """
        return self.at(rng.random(n) * self.length_um.sum())

    def near(self, centre_um: np.ndarray, radius: float) -> tuple[np.ndarray, Stretches]:
        """Return the parts that lie in spheres.

        Parameters
        ----------
        centre_um : array, shape (k, 3)
            Middles of the spheres (µm).
        radius : float
            Their radius (µm).

        Returns
        -------
        sphere : array of int64, shape (m,)
            Sphere of each part, rising.
        parts : Stretches
            The parts, m of them.
        """
        low, high = within_um(self.segments, self.segment, np.atleast_2d(centre_um)[:, None], radius)
        low, high = np.maximum(low, self.low), np.minimum(high, self.high)
        sphere, row = np.nonzero(high > low)
        found = attrs.evolve(self, segment=self.segment[row], low=low[sphere, row], high=high[sphere, row])
        return sphere, found


def segments_of(cell: Any) -> SegmentTable:
    """Return the segments of a cell.

    Parameters
    ----------
    cell : DetailedCell or SegmentTable
        The cell, or its segments.

    Raises
    ------
    InvalidType
        If it has none.
    """
    segments = getattr(cell, "segments", cell)
    if not isinstance(segments, SegmentTable):
        raise InvalidType("cell", cell, "must be a DetailedCell or a SegmentTable")
    return segments


def allowed_stretches(
    cell: Any, domain: Any = None, min_distance: float = 0.0, max_distance: float = np.inf, path: str = "domain"
) -> Stretches:
    """Return the segments where synapses may be.

    Parameters
    ----------
    cell : DetailedCell or SegmentTable
        The cell.
    domain, min_distance, max_distance
        As in `SegmentTable.select`.
    path : str
        What asks, for the error.

    Raises
    ------
    InvalidValue
        If there is no such segment.
    """
    segments = segments_of(cell)
    rows = segments.select(domain, min_distance, max_distance)
    if not len(rows):
        present = ", ".join(dict.fromkeys(segments.domain.tolist()))
        reach = f"{min_distance:g} to {max_distance:g} µm from the soma"
        allowed = f"has no segment {reach}; the cell has {present}, up to {segments.distance_um.max():.0f} µm"
        raise InvalidValue(path, "the whole cell" if domain is None else domain, allowed)
    return Stretches(segments=segments, segment=rows, low=np.full(len(rows), _EDGE), high=np.full(len(rows), 1 - _EDGE))


def within_um(
    segments: SegmentTable, segment: np.ndarray, centre_um: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return from where to where straight segments lie in spheres.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    segment : array of int, shape (n,)
        Which.
    centre_um : array, shape (..., 3)
        Middles of the spheres (µm); what stands before the axis of x, y, z goes with (n,).
    radius : float
        Their radius (µm).

    Returns
    -------
    low, high : array
        Along each segment, 0 to 1; ``low >= high`` where it does not touch the sphere.
    """
    start = segments.start_um[segment]
    way = segments.end_um[segment] - start
    away = start - centre_um
    # |away + t * way| = radius, a quadratic in t
    a = np.maximum((way**2).sum(-1), 1e-12)
    b = (away * way).sum(-1)
    root2 = b**2 - a * ((away**2).sum(-1) - radius**2)
    root = np.sqrt(np.maximum(root2, 0))
    low, high = np.maximum((-b - root) / a, 0), np.minimum((-b + root) / a, 1)
    return low, np.where(root2 > 0, high, low)


def along_section(segments: SegmentTable, segment: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places by section: what `SegmentTable.at` finds the segments of.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    segment : array of int, shape (n,)
        Segment of each place.
    fraction : array, shape (n,)
        Where along the segment (0 to 1).

    Returns
    -------
    section : array of int32, shape (n,)
    x : array, shape (n,)
        Along the section, 0 to 1.
    """
    section = segments.section[segment]
    return section, (segment - segments.first_of_section[section] + fraction) / segments.n_of_section[section]


def positions_um(segments: SegmentTable, section: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return where places are in space, on the straight line through each segment.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    section : array of int, shape (n,)
        Section of each place.
    x : array, shape (n,)
        Where along the section (0 to 1).

    Returns
    -------
    positions : array, shape (n, 3), µm

    Raises
    ------
    InvalidValue
        If there is no such section, or x is outside.
    """
    segment = segments.at(section, x)
    along = np.asarray(x, float) * segments.n_of_section[section]
    fraction = (along - (segment - segments.first_of_section[section]))[:, None]
    return segments.start_um[segment] * (1 - fraction) + segments.end_um[segment] * fraction
