"""Where cells are and which gid each has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hnnlib.plan.tables import Cells, Populations
from hnnlib.spec.layout import positions_of
from hnnlib.spec.network import NetworkSpec

__all__ = ["chosen_gids", "place_cells"]


def place_cells(network: NetworkSpec) -> tuple[Populations, Cells]:
    """Place all cells and assign gids: populations, drives, entries of forced synaptic events, each in their order."""
    positions = {name: positions_of(p.place, network.grid) for name, p in network.populations.items()}
    counts = network.gid_counts()
    sizes = {name: len(xyz) for name, xyz in positions.items()}
    stops = np.cumsum(list(counts.values()), dtype=np.int32) if counts else np.zeros(0, np.int32)
    members = list(network.populations.values())
    n_pop, n_all = len(members), len(counts)
    populations = Populations(
        names=tuple(counts),
        gid_start=(stops - np.array(list(counts.values()), np.int32)).astype(np.int32),
        gid_stop=stops,
        is_drive=np.arange(n_all) >= n_pop,
        layers=(*(p.layer for p in members), *([None] * (n_all - n_pop))),
        measure_dipole=np.array([p.measure_dipole for p in members] + [False] * (n_all - n_pop), bool),
    )
    per_cell = np.repeat(np.arange(n_pop, dtype=np.int32), list(sizes.values()))
    threshold = [network.threshold if p.threshold is None else p.threshold for p in members]
    cells = Cells(
        template=per_cell,  # one template per population: populations may share a CellSpec, engines may merge them
        population=per_cell,
        position_um=np.concatenate(list(positions.values())) if positions else np.zeros((0, 3)),
        threshold_mV=np.array(threshold, float)[per_cell],
    )
    return populations, cells


def chosen_gids(cells: Mapping[str, tuple[int, ...] | None], populations: Populations) -> np.ndarray:
    """Return the gids of chosen cells, rising.

    Parameters
    ----------
    cells : mapping
        Population -> indices within it, or None for all of its cells.
    populations : Populations
        Their gids.

    Returns
    -------
    gids : array of int, shape (n_chosen,)
    """
    ranges = populations.gid_ranges
    parts = [np.array(ranges[name] if i is None else i, np.int64) for name, i in cells.items()]
    starts = [0 if i is None else ranges[name].start for name, i in cells.items()]
    return np.sort(np.concatenate([p + start for p, start in zip(parts, starts, strict=True)]))
