"""From the gids of a network to (population, node id), by which files name a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["SpikesByGid", "gid_ranges_of", "nodes_of"]


class SpikesByGid(Protocol):
    """What is needed of a `CellResponse`."""

    @property
    def n_trials(self) -> int:
        """Number of trials."""

    @property
    def spike_times(self) -> list[NDArray[np.float64]]:
        """Times (ms), one array per trial."""

    @property
    def spike_gids(self) -> list[NDArray[np.int64]]:
        """Gids, one array per trial."""

    @property
    def gid_ranges(self) -> Mapping[str, range] | None:
        """The gids of each cell type and drive, if known."""


def gid_ranges_of(response: SpikesByGid, given: Mapping[str, range] | None = None) -> Mapping[str, range]:
    """Return the gids of each cell type and drive.

    Parameters
    ----------
    response : CellResponse
        Whose ``gid_ranges`` are used where none are given.
    given : mapping of str to range, optional
        E.g. ``net.gid_ranges``.

    Raises
    ------
    InvalidType
        If a range is none with step 1.
    InvalidValue
        If there are no ranges.
    """
    ranges = response.gid_ranges if given is None else given
    if ranges is None:
        raise InvalidValue("gid_ranges", None, "must be given: these spikes don't know the gids of each cell type")
    for name, gids in ranges.items():
        if not isinstance(gids, range) or gids.step != 1:
            raise InvalidType(f"gid_ranges[{name!r}]", gids, "must be a range with step 1")
    return ranges


def nodes_of(gids: Any, ranges: Mapping[str, range]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return population and node id of each gid: the first gid of a population is its node 0.

    Parameters
    ----------
    gids : array-like of int, shape (n,)
        The gids.
    ranges : mapping of str to range
        The gids of each population.

    Returns
    -------
    codes : ndarray of int32, shape (n,)
        Index of the population in ``ranges``.
    node_ids : ndarray of int64, shape (n,)
        Index of the cell in its population.

    Raises
    ------
    InvalidValue
        If a gid is in none of the ranges, or in two.
    """
    cells = np.asarray(gids, dtype=np.int64)
    starts = np.array([r.start for r in ranges.values()], np.int64)
    stops = np.array([r.stop for r in ranges.values()], np.int64)
    # empty ranges may start where others do: they own nothing and are left out of the search
    filled = np.flatnonzero(stops > starts)
    order = filled[np.argsort(starts[filled])]
    if np.any(starts[order][1:] < stops[order][:-1]):
        raise InvalidValue("gid_ranges", dict(ranges), "must not overlap")
    place = np.searchsorted(starts[order], cells, side="right") - 1
    codes = order[place] if order.size else np.zeros(cells.size, np.int64)
    inside = (place >= 0) & (cells < stops[codes]) if order.size else np.zeros(cells.size, bool)
    if not inside.all():
        raise InvalidValue("gid", int(cells[~inside][0]), f"is in none of gid_ranges {dict(ranges)}")
    return codes.astype(np.int32), cells - starts[codes] if cells.size else cells
