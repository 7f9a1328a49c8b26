"""Cells in space: where they are, what one looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType
from hnnlib.spec.cells import CellSpec, point3
from hnnlib.spec.layout import positions_of
from hnnlib.spec.network import NetworkSpec, Population
from hnnlib.viz.style import COLORS, colors_of, finish, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_cell_morphology", "plot_cells", "population_colors"]


def population_colors(network: NetworkSpec) -> dict[str, str]:
    """Return the colour of each population: its own, or where it has none the next that no other one has."""
    own = {p.color for p in network.populations.values()}
    free = iter([c for c in COLORS if c not in own] or COLORS)
    return {name: p.color or next(free, COLORS[-1]) for name, p in network.populations.items()}


def plot_cells(net: Any, ax: Any = None, show: bool = True) -> Figure:
    """Plot where the cells' somata and the electrodes are.

    Parameters
    ----------
    net : Network or NetworkSpec
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
    network = getattr(net, "spec", net)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("net", net, "must be a Network or a NetworkSpec")
    figure, axes = one_axes(ax, size=(6.0, 5.6), three_d=True)
    colors = population_colors(network)
    for name, population in network.populations.items():
        points = positions_of(population.place, network.grid)
        axes.scatter(*points.T, s=28, color=colors[name], marker=population.marker or "o", label=name, depthshade=False)
    for name, electrodes in network.electrodes.items():
        points = np.array(electrodes.positions)
        axes.scatter(*points.T, s=14, color="#202020", marker="s", label=f"{name} (electrodes)", depthshade=False)
    for axis in "xyz":
        getattr(axes, f"set_{axis}label")(f"{axis} (µm)")
    if ax is None:
        axes.set_box_aspect((1.0, 1.0, 1.25), zoom=0.86)
        axes.view_init(elev=14, azim=-62)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 0.9), frameon=False)
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

    In new axes the cell is seen from the front, to scale, the pia at the top, and lines are as wide as the sections.

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
    UnknownName
        If ``color`` names a section that the cell has not.
    """
    spec, own_color = _cell_of(cell)
    colors = colors_of(list(spec.sections), color if color is not None else own_color or "k", cycle=("k",))
    at = np.array(point3(pos, "pos"))
    ends = {name: line + at for name, line in _section_lines(spec).items()}
    figure, axes = one_axes(ax, size=(4.2, 6.4), three_d=True)
    for name, line in ends.items():
        axes.plot(*line.T, color=colors[name], lw=spec.sections[name].diam, solid_capstyle="butt", label=name)
    limits = {"x": xlim, "y": ylim, "z": zlim}
    for axis, given in limits.items():
        if given is not None:
            getattr(axes, f"set_{axis}lim")(*given)
        getattr(axes, f"set_{axis}label")(f"{axis} (µm)")
    if ax is None:
        _front_view(axes)
    finish(figure, show)
    return axes


def _cell_of(cell: Any) -> tuple[CellSpec, str | None]:
    if isinstance(cell, Population):
        return cell.cell, cell.color
    if isinstance(cell, Mapping) and isinstance(cell.get("cell_object"), CellSpec):
        return cell["cell_object"], cell.get("cell_metadata", {}).get("color")
    if not isinstance(cell, CellSpec):
        raise InvalidType("cell", cell, "must be a CellSpec, a Population or an entry of net.cell_types")
    return cell, None


def _section_lines(cell: CellSpec) -> dict[str, NDArray[np.float64]]:
    """Return the 0 end and the 1 end of each section, shape (2, 3), the root's 0 end at the origin (µm)."""
    lines: dict[str, NDArray[np.float64]] = {}

    def line(name: str) -> NDArray[np.float64]:
        if name not in lines:
            section = cell.sections[name]
            start = np.zeros(3) if section.parent is None else line(section.parent)[section.parent_end]
            lines[name] = np.array([start, start + section.L * np.array(section.direction)])
        return lines[name]

    for name in cell.sections:
        line(name)
    return lines


def _front_view(axes: Any) -> None:
    axes.set_proj_type("ortho")
    axes.view_init(elev=0, azim=-90)
    axes.set_aspect("equal")
