"""Where cells are: a grid seen from the pia, with a depth for each population, or points."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, choice, documented, quantity, sequence
from hnnlib.spec.cells import point3

__all__ = ["AtPoints", "Grid", "OnGrid", "Place", "cell_count", "grid_origin", "positions_of"]


def _mesh(value: Any, path: str) -> tuple[int, int]:
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise InvalidType(path, value, "must be two integers (n_x, n_y)")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, Real) or not float(item).is_integer():
            raise InvalidType(path, value, "must be two integers (n_x, n_y)")
        if item < 1:
            raise InvalidValue(path, value, "must be two integers >= 1 (n_x, n_y)")
    return (int(float(value[0])), int(float(value[1])))


@documented
@attrs.frozen(kw_only=True)
class Grid:
    """The grid that populations share: ``n_x`` by ``n_y`` columns of cells."""

    mesh_shape: tuple[int, int] = checked(_mesh, (10, 10), doc="number of grid points along x and y")
    inplane_distance: float = quantity(1.0, unit="µm", gt=0, doc="distance of neighbours along x and y")
    layer_separation: float = quantity(1307.4, unit="µm", gt=0, doc="height of depth 1 above depth 0")


@documented
@attrs.frozen(kw_only=True)
class OnGrid:
    """Cells at grid points, all at one depth."""

    kind: ClassVar[str] = "grid"
    pattern: str = choice(("full", "interleaved"), "full", doc="every grid point, or every third, shifted on odd rows")
    depth: float = quantity(0.0, doc="height as a fraction of the grid's layer separation")


@documented
@attrs.frozen(kw_only=True)
class AtPoints:
    """Cells at given positions."""

    kind: ClassVar[str] = "points"
    points: tuple[tuple[float, float, float], ...] = sequence(of=point3, doc="soma positions (x, y, z) in µm")


Place = OnGrid | AtPoints


def cell_count(place: Place, grid: Grid) -> int:
    """Return the number of cells of a population."""
    if isinstance(place, AtPoints):
        return len(place.points)
    n_x, n_y = grid.mesh_shape
    if place.pattern == "full":
        return n_x * n_y
    return sum(len(range(y % 2, n_x, 3)) for y in range(n_y))


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
        x, y, z in µm. Full grids run over x outside and y inside; interleaved ones (every third x, shifted by one on
        odd y, as in HNN-core 0.6.1) are sorted by y, then x. The order decides gids.
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
