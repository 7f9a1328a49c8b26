"""Where cells are and which gid each has."""

from __future__ import annotations

import math

import numpy as np

from hnnlib.plan.tables import Cells, Populations
from hnnlib.spec.layout import Grid, OnGrid, Place
from hnnlib.spec.network import NetworkSpec

__all__ = ["drive_sizes", "grid_origin", "network_origin", "place_cells", "positions_of"]


def positions_of(place: Place, grid: Grid) -> np.ndarray:
    """Return the soma positions of a population.

    Parameters
    ----------
    place : OnGrid or AtPoints
        Where the population is.
    grid : Grid
        The network's grid.

    Returns
    -------
    positions : array, shape (n_cells, 3)
        x, y, z in µm. Full grids run over x outside and y inside; interleaved ones (every third x, shifted by one on odd
        y, as in HNN-core 0.6.1) are sorted by y, then x. The order decides gids.
    """
    if not isinstance(place, OnGrid):
        return np.array(place.points, float).reshape(-1, 3)
    n_x, n_y = grid.mesh_shape
    if place.pattern == "full":
        points = [(x, y) for x in range(n_x) for y in range(n_y)]
    else:
        points = [(x, y) for y in range(n_y) for x in range(y % 2, n_x, 3)]
    xy = np.array(points, float).reshape(-1, 2) * grid.inplane_distance
    z = np.full((len(xy), 1), place.depth * grid.layer_separation)
    return np.hstack([xy, z])


def grid_origin(grid: Grid) -> tuple[float, float, float]:
    """Return the grid point next to the centre, half-way up (µm)."""
    n_x, n_y = grid.mesh_shape
    d = grid.inplane_distance
    return (((n_x - 1) // 2) * d, ((n_y - 1) // 2) * d, float(math.floor(grid.layer_separation / 2)))


def network_origin(network: NetworkSpec) -> tuple[float, float, float]:
    """Return where drive cells sit (µm)."""
    return network.origin if network.origin is not None else grid_origin(network.grid)


def drive_sizes(network: NetworkSpec, sizes: dict[str, int]) -> dict[str, int]:
    """Return the number of drive cells of each drive, given the number of cells of each population."""
    return {
        name: sum(sizes[t] for t in drive.weights) if drive.cell_specific else int(drive.n_drive_cells)
        for name, drive in network.drives.items()
    }


def place_cells(network: NetworkSpec) -> tuple[Populations, Cells]:
    """Place all cells and assign gids: populations in their order, then drives in theirs."""
    positions = {name: positions_of(p.place, network.grid) for name, p in network.populations.items()}
    sizes = {name: len(xyz) for name, xyz in positions.items()}
    counts = {**sizes, **drive_sizes(network, sizes)}
    stops = np.cumsum(list(counts.values()), dtype=np.int32) if counts else np.zeros(0, np.int32)
    members = list(network.populations.values())
    n_pop, n_drives = len(members), len(network.drives)
    populations = Populations(
        names=tuple(counts),
        gid_start=(stops - np.array(list(counts.values()), np.int32)).astype(np.int32),
        gid_stop=stops,
        is_drive=np.arange(n_pop + n_drives) >= n_pop,
        layers=(*(p.layer for p in members), *(None for _ in network.drives)),
        measure_dipole=np.array([p.measure_dipole for p in members] + [False] * n_drives, bool),
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
