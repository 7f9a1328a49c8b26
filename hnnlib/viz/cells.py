"""Cells in space: where they are, what one looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.spec.cells import CellSpec, point3
from hnnlib.spec.layout import positions_of
from hnnlib.spec.network import Population
from hnnlib.viz.colors import colors_of, population_colors
from hnnlib.viz.network import network_of
from hnnlib.viz.style import INK, figure_of, finish, one_axes, round_down

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_cell_morphology", "plot_cells"]


THINNEST = 1.0
"""Width that the thinnest section's line should have (points); for it, all are widened alike, up to 3 times."""

POINTS_PER_UM = 0.25
"""Width of lines in axes that are handed in (points per µm of diameter): alike for all cells that are drawn there."""


def plot_cells(net: Any, ax: Any = None, show: bool = True) -> Figure:
    """Plot where the cells' somata and the electrodes are.

    Parameters
    ----------
    net : Network, NetworkSpec or Result
        The network.
    ax : matplotlib.axes.Axes, optional
        Where to plot, with three dimensions. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Its axes are in µm and not to scale: a column is higher than it is wide.

    Raises
    ------
    InvalidType
        If ``net`` is no network, or ``ax`` has not three dimensions.
    """
    network = network_of(net)
    figure, axes = one_axes(ax, size=(6.0, 5.6), three_d=True)
    colors = population_colors(network)
    for name, population in network.populations.items():
        points = positions_of(population.place, network.grid)
        axes.scatter(*points.T, s=28, color=colors[name], marker=population.marker or "o", label=name, depthshade=False)
    for name, electrodes in network.electrodes.items():
        points = np.array(electrodes.positions)
        axes.scatter(*points.T, s=14, color=INK, marker="s", label=f"{name} (electrodes)", depthshade=False)
    for axis in "xyz":
        getattr(axes, f"set_{axis}label")(f"{axis} (µm)", labelpad=9 if axis == "z" else 3)
    if ax is None:
        axes.set_box_aspect((1.0, 1.0, 1.15), zoom=0.98)
        axes.view_init(elev=14, azim=-62)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=5)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    else:
        axes.legend(loc="best", frameon=False)
    return finish(figure, show)


def plot_cell_morphology(
    cell: CellSpec | Population | Mapping[str, Any],
    ax: Any = None,
    color: Any = None,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    zlim: tuple[float, float] | None = None,
    show: bool = True,
) -> Axes:
    """Plot the sections of a cell as lines in space.

    In new axes the cell is seen from the front, the pia at the top, to the scale of the bar beside it. Lines are as
    wide as the sections, or all of them up to 3 times as wide where the thinnest could not be seen. In axes that are
    handed in, which may hold several cells, lines have 0.25 points for each µm of diameter.

    Parameters
    ----------
    cell : CellSpec, Population or dict
        The cell, a population of such cells (``net.spec.populations['L5_pyramidal']``), or an entry of
        ``net.cell_types``.
    ax : matplotlib.axes.Axes, optional
        Where to plot, with three dimensions, e.g. to draw several cells. Left out: in a new figure.
    color : color or dict of str to color, optional
        One for the cell, or by section. Left out: the population's, else black.
    pos : tuple of float
        Where the 0 end of the root section is (µm).
    xlim, ylim, zlim : tuple of float, optional
        Limits of the axes (µm). Left out: what is drawn.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    axes : matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidType
        If ``cell`` is no cell, ``pos`` no point, or ``ax`` has not three dimensions.
    InvalidValue
        If limits don't rise.
    UnknownName
        If ``color`` names a section that the cell has not.
    """
    spec, own_color = _cell_of(cell)
    colors = colors_of(list(spec.sections), color, cycle=(own_color or "k",))
    at = np.array(point3(pos, "pos"))
    ends = {name: line + at for name, line in spec.section_ends().items()}
    limits = [_limits(f"{axis}lim", given) for axis, given in (("x", xlim), ("y", ylim), ("z", zlim))]
    figure, axes = one_axes(ax, size=(4.0, 6.0), three_d=True)
    lines = {
        # New axes don't clip: three-dimensional ones would cut at the largest square in the figure.
        name: axes.plot(*line.T, color=colors[name], solid_capstyle="butt", label=name, clip_on=ax is not None)[0]
        for name, line in ends.items()
    }
    for axis, given in zip("xyz", limits, strict=True):
        axes.set(**{f"{axis}label": f"{axis} (µm)"}, **({} if given is None else {f"{axis}lim": given}))
    points = POINTS_PER_UM
    if ax is None:
        reach = zip(_bounds(spec, ends).T, limits, strict=True)
        _front_view(axes, np.transpose([own if given is None else given for own, given in reach]))
        to_scale = _points_per_um(axes)
        points = min(max(to_scale, THINNEST / min(s.diam for s in spec.sections.values())), 3.0 * to_scale)
    for name, line in lines.items():
        line.set(linewidth=points * spec.sections[name].diam, snap=False)
    finish(figure, show)
    return axes


def _cell_of(cell: Any) -> tuple[CellSpec, str | None]:
    if isinstance(cell, Population):
        return cell.detailed_cell, cell.color
    if isinstance(cell, Mapping) and isinstance(cell.get("cell_object"), CellSpec):
        return cell["cell_object"], cell.get("cell_metadata", {}).get("color")
    if not isinstance(cell, CellSpec):
        raise InvalidType("cell", cell, "must be a CellSpec, a Population or an entry of net.cell_types")
    return cell, None


def _limits(path: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise InvalidType(path, value, "must be two numbers in µm")
    low, high = (finite_number(path, v, "µm") for v in value)
    if not low < high:
        raise InvalidValue(path, value, "must be rising (µm)")
    return low, high


def _bounds(spec: CellSpec, ends: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the lowest and highest x, y, z that the sections reach, shape (2, 3) (µm)."""
    corners = [line + side * spec.sections[name].diam / 2 for name, line in ends.items() for side in (-1.0, 1.0)]
    return np.array([np.min(corners, axis=(0, 1)), np.max(corners, axis=(0, 1))])


def _front_view(axes: Any, bounds: NDArray[np.float64]) -> None:
    """Look at the x-z plane without perspective, with a scale bar in place of axes (depth would have no length)."""
    figure, low, high = figure_of(axes), bounds[0], bounds[1].copy()
    bar = round_down((high[2] - low[2]) / 6.0)
    x = high[0] + 0.05 * (high[2] - low[2])
    axes.plot([x, x], [low[1]] * 2, [low[2], low[2] + bar], color=INK, lw=2, solid_capstyle="butt", clip_on=False)
    axes.text(x, low[1], low[2] + bar / 2, f"  {bar:g} µm", ha="left", va="center", color=INK, fontsize=9)
    high[0] = x + 0.15 * (high[2] - low[2])  # room for the label
    extent = high - low
    height = 6.0
    figure.set_size_inches(min(height * extent[0] / extent[2], 2 * height), height)
    figure.set_layout_engine("none")
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set_proj_type("ortho")
    axes.view_init(elev=0, azim=-90)
    axes.set_box_aspect(tuple(extent))
    fitting = 0.92 * np.min(figure.get_size_inches() * 72.0 / extent[[0, 2]])
    axes.set_box_aspect(tuple(extent), zoom=fitting / _points_per_um(axes))


def _points_per_um(axes: Any) -> float:
    """Return how many points of the page a µm along z is at the middle of the axes."""
    from mpl_toolkits.mplot3d.proj3d import proj_transform

    figure_of(axes).draw_without_rendering()
    x, y, z = (np.mean(getattr(axes, f"get_{axis}lim")()) for axis in "xyz")
    ends = [proj_transform(x, y, z + half, axes.get_proj())[:2] for half in (-0.5, 0.5)]
    pixels = axes.transData.transform(ends)
    return float(np.linalg.norm(pixels[1] - pixels[0]) * 72.0 / figure_of(axes).dpi)
