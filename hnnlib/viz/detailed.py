"""A detailed cell: its branches from the side, and voltage along them.

Figures take the cell's segments by their columns (``section, x, domain, distance_um, start_um, end_um, diam_um``), as
``cell.segments`` has them, and arrays with one row a segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import UnknownName
from hnnlib.viz.branches import (
    SYNAPSE_COLORS,
    checked_segments,
    distance_lines,
    domain_colors,
    drawn_ends,
    is_soma,
    limits_of,
    per_segment,
    segment_numbers,
    signed_distance,
    spread_positions,
)
from hnnlib.viz.colors import checked_colormap, colors_of
from hnnlib.viz.style import INK, figure_of, finish, one_axes, put_title, round_down

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "distance_label",
    "domain_handles",
    "draw_distance",
    "panel_size",
    "plot_detailed_cell",
    "plot_voltage_distance",
    "scale_bar",
    "widths_of_lines",
]

PLANES = ("xz", "yz", "xy")

THINNEST = 0.7
"""Least width of lines (points)."""

PALE = "#BDBDBD"
"""Branches under synapses, and those without a value."""


def plot_detailed_cell(
    segments: Any,
    values: Any = None,
    label: str = "",
    *,
    synapses: Mapping[str, Any] | None = None,
    clim: tuple[float, float] | None = None,
    colormap: Any = "viridis",
    colors: Any = None,
    marker_size: float = 3.0,
    plane: str = "xz",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    title: str = "",
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot the branches of a detailed cell from the side, to the scale of the bar below them.

    Lines are as wide as the branches, or all of them up to 3 times as wide (the soma twice) where the thinnest could
    not be seen; none is thinner than 0.7 points.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    values : array-like, shape (n_segments,), optional
        What colours the branches: a voltage, a conductance, a rate of events, …; grey where it is NaN. Left out: they
        are coloured by domain or, under synapses, grey.
    label : str
        What ``values`` are, with their unit.
    synapses : dict of str to array of int, optional
        Population -> segment of each of its synapses: dots, spread along the segment.
    clim : tuple of float, optional
        Values at the ends of the colours. Left out: the smallest and the largest.
    colormap : str or matplotlib.colors.Colormap
        Colours of values.
    colors : color, list of color or dict of str to color, optional
        Of the populations of ``synapses``; without any, of the domains.
    marker_size : float
        Size of the dots (points).
    plane : str
        What is seen: ``'xz'`` (from the front, the pia above), ``'yz'`` or ``'xy'``.
    xlim, ylim : tuple of float, optional
        Limits of what is seen (µm), across and up. Left out: all of it.
    title : str
        What stands above.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType, InvalidValue
        If ``segments`` are none, or another argument doesn't fit them.
    UnknownName
        If ``colors`` names what is not drawn, or there is no such plane or colormap.
    """
    checked_segments(segments)
    if plane not in PLANES:
        raise UnknownName("plane", plane, "plane", PLANES)
    axes = ["xyz".index(letter) for letter in plane]
    given = None if values is None else per_segment("values", values, segments)
    cmap, bounds = checked_colormap("colormap", colormap), limits_of("clim", clim, "the unit of values")
    dots = {p: segment_numbers(f"synapses[{p!r}]", rows, segments) for p, rows in (synapses or {}).items()}
    inks = colors_of(list(dots), colors, argument="colors", cycle=SYNAPSE_COLORS) if dots else {}
    by_domain = domain_colors(segments, None if dots or given is not None else colors)
    box = _box(segments, axes, limits_of("xlim", xlim, "µm"), limits_of("ylim", ylim, "µm"))
    figure, ax = one_axes(ax, size=_size(box))
    order = np.argsort(is_soma(segments), kind="stable")  # the soma last, over the dendrites' beginnings
    branches = _side_view(ax, segments, order, axes, box)
    handles: list[Any] = []
    if given is not None:
        branches.set(cmap=cmap.with_extremes(bad=PALE), array=np.ma.masked_invalid(given[order]))
        branches.set_clim(*(bounds or _range(given)))
        _bar(branches, ax, label, below=bool(dots))
    elif dots:
        branches.set_color(PALE)
    else:
        branches.set_color([by_domain[d] for d in np.asarray(segments.domain)[order]])
        handles = domain_handles(by_domain)
    for population, rows in dots.items():
        places = spread_positions(segments, rows)[:, axes]
        style = {"marker": "o", "ls": "", "ms": marker_size, "mew": 0, "color": inks[population]}
        handles += ax.plot(*places.T, label=f"{population} ({rows.size})", zorder=3, **style)
    if handles:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    if title:
        put_title(ax, title)
    branches.set_linewidths(widths_of_lines(ax, segments, box)[order])
    return finish(figure, show)


def _box(segments: Any, axes: list[int], xlim: Any, ylim: Any) -> NDArray[np.float64]:
    """Return the lowest and highest place that is seen, shape (2, 2) (µm)."""
    points = np.concatenate([segments.start_um, segments.end_um])[:, axes]
    low, high = points.min(axis=0), points.max(axis=0)
    edge = 0.02 * (high - low).max() + 0.5 * float(np.max(segments.diam_um))
    across, up = xlim or (low[0] - edge, high[0] + edge), ylim or (low[1] - edge, high[1] + edge)
    return np.array([across, up]).T


def panel_size(segments: Any) -> tuple[float, float]:
    """Return width and height (inches) of a figure of a cell from the front, with its bar of colours."""
    return _size(_box(segments, [0, 2], None, None))


def _size(box: NDArray[np.float64]) -> tuple[float, float]:
    """Return width and height of a figure (inches), with room for a legend or a bar of colours."""
    width, height = box[1] - box[0]
    tall = min(7.0, 6.0 * height / width)
    return float(max(tall * width / height, 1.5) + 1.7), float(max(tall, 3.0) + 0.3)


def _side_view(ax: Any, segments: Any, order: NDArray[np.intp], axes: list[int], box: NDArray[np.float64]) -> Any:
    """Draw the branches as one collection of lines, with a scale bar in place of axes, and return it."""
    from matplotlib.collections import LineCollection

    branches = LineCollection(list(drawn_ends(segments)[order][:, :, axes]), capstyle="round", zorder=2)
    ax.add_collection(branches, autolim=False)
    ax.set(xlim=box[:, 0], ylim=box[:, 1])
    ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()
    scale_bar(ax, box, INK)
    return branches


def scale_bar(ax: Any, box: NDArray[np.float64], ink: Any) -> None:
    """Draw a bar of round length in the lower left corner."""
    bar = round_down(float(np.max(box[1] - box[0])) / 6.0)
    x, y = box[0]
    ax.plot([x, x + bar], [y, y], color=ink, lw=2.0, solid_capstyle="butt", clip_on=False, zorder=4)
    ax.annotate(f"{bar:g} µm", (x, y), (0, -4), textcoords="offset points", va="top", ha="left", fontsize=9, color=ink)


def widths_of_lines(
    ax: Any, segments: Any, box: NDArray[np.float64], thinnest: float = THINNEST
) -> NDArray[np.float64]:
    """Return how wide each branch's line is (points), once the axes have their place and show ``box`` (µm)."""
    figure, diam = figure_of(ax), np.asarray(segments.diam_um, np.float64)
    figure.draw_without_rendering()
    pixels = np.abs(np.diff(ax.transData.transform(box), axis=0)[0])
    to_scale = float(pixels[0] / (box[1, 0] - box[0, 0]) * 72.0 / figure.dpi)
    wider = np.clip(thinnest / float(diam.min()), to_scale, 3.0 * to_scale)
    return np.maximum(np.where(is_soma(segments), min(wider, 2.0 * to_scale), wider) * diam, thinnest)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _bar(branches: Any, ax: Any, label: str, below: bool) -> None:
    """Explain the colours at the right; beside a tall cell, in the upper half; ``below`` a legend, in the lower one."""
    width, height = np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())
    low, tall = (0.02, 0.45) if below else (0.5, 0.45) if height > width else (0.0, 1.0)
    place = ax.inset_axes((1.02, low, float(0.012 * max(width, height) / width), tall))
    bar = figure_of(ax).colorbar(branches, cax=place)
    bar.set_label(label, size=10, color=INK)
    bar.ax.tick_params(labelsize=9, colors="#404040", width=0.8)
    bar.outline.set(linewidth=0.8, edgecolor="#404040")


def domain_handles(colors: Mapping[str, Any]) -> list[Any]:
    """Return what names the domains in a legend."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=c, lw=2.5, label=name.replace("_", " ")) for name, c in colors.items()]


def distance_label(segments: Any, upright: bool = False) -> str:
    """Return the label of an axis of `signed_distance`, in two lines where it stands upright."""
    below = [d for d in ("basal", "axon") if d in np.asarray(segments.domain)]
    if not below:
        return "Path distance from the soma (µm)"
    told = f"{' and '.join(below)} negative"
    return f"Path distance from the soma (µm)\n{told}" if upright else f"Path distance from the soma (µm; {told})"


def plot_voltage_distance(
    segments: Any,
    voltages: Any,
    *,
    label: str = "Voltage (mV)",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    colors: Any = None,
    title: str = "",
    show_legend: bool = True,
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot the voltage at one time against the path distance from the soma, one line a section.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    voltages : array-like, shape (n_segments,)
        Voltage of each segment (mV), or another quantity that ``label`` names.
    label : str
        What is plotted, with its unit.
    xlim : tuple of float, optional
        Limits of the distance (µm); basal dendrites and the axon are at negative ones.
    ylim : tuple of float, optional
        Limits of the voltage (mV).
    colors : color, list of color or dict of str to color, optional
        Of the domains.
    title : str
        What stands above.
    show_legend : bool
        Whether domains are named beside the axes.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. A line begins at the segment that its section sits on.

    Raises
    ------
    InvalidType, InvalidValue
        If ``segments`` are none, or another argument doesn't fit them.
    UnknownName
        If ``colors`` names a domain that the cell has not.
    """
    checked_segments(segments)
    values = per_segment("voltages", voltages, segments)
    inks = domain_colors(segments, colors)
    limits = limits_of("xlim", xlim, "µm"), limits_of("ylim", ylim, "the unit of voltages")
    figure, ax = one_axes(ax, size=(6.4, 3.6))
    draw_distance(ax, segments, values, inks)
    ax.set(xlabel=distance_label(segments), ylabel=label)
    for axis, given in zip("xy", limits, strict=True):
        if given is not None:
            ax.set(**{f"{axis}lim": given})
    if show_legend:
        ax.legend(handles=domain_handles(inks), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    if title:
        put_title(ax, title)
    return finish(figure, show)


def draw_distance(ax: Any, segments: Any, values: NDArray[np.float64], inks: Mapping[str, Any]) -> tuple[Any, Any]:
    """Draw one line a section; return the collection, and what turns values into its lines."""
    from matplotlib.collections import LineCollection

    rows, distance = distance_lines(segments), signed_distance(segments)
    domain = np.asarray(segments.domain)

    def lines(now: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [np.stack([distance[line], now[line]], axis=1) for line in rows]

    widths = [0.8 + 0.5 * min(float(np.mean(segments.diam_um[line[-1:]])), 3.0) for line in rows]
    drawn = LineCollection(
        lines(values), colors=[inks[domain[line[-1]]] for line in rows], linewidths=widths, capstyle="round", alpha=0.85
    )
    ax.add_collection(drawn)
    ax.autoscale_view()
    return drawn, lines
