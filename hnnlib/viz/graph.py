"""The circuit as a graph: populations, drives, and arrows as wide as what they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.plan.tables import Plan
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz.circuit import Strengths, receptors_of, short_number, strengths
from hnnlib.viz.colors import COLORS, DRIVE_COLORS, colors_of, drive_colors, population_colors
from hnnlib.viz.network import network_of, plan_of
from hnnlib.viz.style import INK, STYLE, finish, one_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_connectivity_graph"]

BOX_HEIGHT = 0.42
ROW = 1.15
GAP = 1.5
"""Height of a box, distance of rows, and gap between columns: inches, and units of new axes."""

THIN, THICK = 0.7, 5.0
"""Widths of the weakest and of the strongest arrow (points)."""

EXCITES = -50.0
"""A contact with a reversal potential below this inhibits (mV): it keeps a cell from the voltage at which it fires."""


def plot_connectivity_graph(
    net: Any,
    ax: Any = None,
    receptor: str | Sequence[str] | None = None,
    drives: bool = True,
    show: bool = True,
    *,
    seed: int | None = None,
) -> Figure:
    """Plot populations and drives as a graph, with arrows as wide as the weights that they carry.

    Populations stand above each other as in the cortex: in the middle those that excite, at the right those that
    inhibit; drives stand at the left, the higher the nearer to the pia their contacts are. An arrow ends in a tip where
    most of its weight excites, and in a bar where it inhibits. Its width is the logarithm of the sum of weights on one
    target cell, as in `plot_population_matrix`.

    Parameters
    ----------
    net : Network, NetworkSpec, Result or Plan
        The network.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    receptor : str or sequence of str, optional
        Draw contacts on these receptors only. Left out: all.
    drives : bool
        Whether to draw the drives.
    show : bool
        Whether to show the figure, where the backend has windows.
    seed : int, optional
        Seed of the run, which decides which pairs remain of a connection that has ``probability < 1`` and no
        ``conn_seed``. Left out: that of a result, else 0.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``net`` is no network.
    UnknownName
        If there is no such receptor.
    """
    plan = plan_of(net, seed)
    asked = receptors_of(plan, receptor)
    found = strengths(plan, asked)
    n_cells = len(found.targets)
    names = found.sources if drives else found.targets
    inhibits = _inhibits(plan, found, asked)
    width = 0.09 * max(map(len, names)) + 0.3
    places = _places(plan, names, inhibits, width)
    xy = np.array(list(places.values()))
    # Room for boxes, for the arrows from a population to itself beside them, and for the explanation below.
    low, high = xy.min(axis=0) - [width / 2 + 0.1, 1.35], xy.max(axis=0) + np.array([width / 2 + 0.75, 0.85])
    figure, ax = one_axes(ax, size=tuple(high - low))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_axis_off()
    colors = _colors(None if isinstance(net, Plan) else network_of(net), names, n_cells)
    boxes = {
        name: _box(ax, name, at, width, colors[name], cells=i < n_cells) for i, (name, at) in enumerate(places.items())
    }
    weights = found.weight_uS[: len(names)]
    widths = _widths(weights)
    middle = xy[:n_cells, 1].mean()
    for i, j in zip(*np.nonzero(weights > 0), strict=True):
        look = _look(colors[names[i]], widths[i, j], bool(inhibits[i, j]))
        if i != j:
            _arrow(ax, [boxes[names[k]] for k in (i, j)], xy[[i, j]], look)
        else:
            _loop(ax, xy[i], width, 0 if inhibits[i, j] else (1 if xy[i, 1] >= middle else -1), look)
    _explain(ax, weights)
    return finish(figure, show)


def _inhibits(plan: Plan, found: Strengths, asked: Sequence[str] | None) -> NDArray[Any]:
    """Return whether most of what each source does to each target inhibits, shape (n_sources, n_targets)."""
    names = dict.fromkeys(
        receptor
        for t in plan.templates
        for receptor, parameters in zip(t.sites.receptors, t.sites.parameters, strict=True)
        if parameters.get("e", 0.0) < EXCITES and (asked is None or receptor in asked)
    )
    return strengths(plan, list(names)).weight_uS > found.weight_uS / 2


def _places(plan: Plan, names: Sequence[str], inhibits: NDArray[Any], width: float) -> dict[str, tuple[float, float]]:
    """Return the middle of the box of each population and drive (inches)."""
    n_cells = int(np.count_nonzero(~plan.populations.is_drive))
    z, population = plan.cells.position_um[:, 2], plan.cells.population
    depth = np.array([z[population == k].mean() if np.any(population == k) else 0.0 for k in range(n_cells)])
    rank = np.argsort(np.argsort(depth, kind="stable"), kind="stable")
    step = width + GAP
    inhibitory = [bool(row.any()) for row in inhibits[:n_cells]]
    with_drives = step if len(names) > n_cells else 0.0
    places = {
        name: (with_drives + step * inhibitory[k], ROW * float(rank[k])) for k, name in enumerate(names[:n_cells])
    }
    others = sorted(range(n_cells, len(names)), key=lambda k: -_contact_height(plan, k))
    top = ROW * max(n_cells - 1, 0)
    for place, k in enumerate(others):
        # Evenly over the height of the populations; beyond it where they are many.
        distance = max(top / max(len(others), 1), 1.5 * BOX_HEIGHT)
        places[names[k]] = (0.0, top / 2 + distance * ((len(others) - 1) / 2 - place))
    return {name: places[name] for name in names}


def _contact_height(plan: Plan, population: int) -> float:
    """Return the mean height of the contacts of a population or drive, weighted (µm)."""
    p, edges = plan.populations, plan.edges
    mine = (edges.source_gid >= p.gid_start[population]) & (edges.source_gid < p.gid_stop[population])
    if not np.any(edges.weight[mine] > 0):
        return 0.0
    total = moment = 0.0
    for number, template in enumerate(plan.templates):
        of = mine & (plan.cells.template[edges.target_gid] == number)
        s, site = template.sections, edges.site[of]
        middle = (s.start_um[:, 2] + s.end_um[:, 2]) / 2
        height = middle[template.sites.section[site]] + plan.cells.position_um[edges.target_gid[of], 2]
        moment += float(np.sum(height * edges.weight[of]))
        total += float(np.sum(edges.weight[of]))
    return moment / total


def _colors(network: NetworkSpec | None, names: Sequence[str], n_cells: int) -> Mapping[str, Any]:
    if network is not None:
        own = {**population_colors(network), **drive_colors(network)}
        return {name: own.get(name, INK) for name in names}
    return {**colors_of(names[:n_cells], cycle=COLORS), **colors_of(names[n_cells:], cycle=DRIVE_COLORS)}


def _box(ax: Any, name: str, at: tuple[float, float], width: float, color: Any, *, cells: bool) -> Any:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    pale = tuple(0.15 * c + 0.85 for c in to_rgb(color))
    shape = f"round,pad=0,rounding_size={BOX_HEIGHT / 2}" if cells else "square,pad=0"
    box = FancyBboxPatch(
        (at[0] - width / 2, at[1] - BOX_HEIGHT / 2),
        width,
        BOX_HEIGHT,
        boxstyle=shape,
        fc=pale,
        ec=color,
        lw=1.5,
        zorder=3,
    )
    ax.add_patch(box)
    ax.text(*at, name, ha="center", va="center", fontsize=STYLE["font.size"], color=INK, zorder=4)
    return box


def _widths(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return widths of arrows (points) that rise with the logarithm of the weights."""
    positive = weights[weights > 0]
    if not positive.size or positive.max() == positive.min():
        return np.full(weights.shape, (THIN + THICK) / 2)
    low, high = np.log10([positive.min(), positive.max()])
    with np.errstate(divide="ignore"):
        share = (np.log10(weights) - low) / (high - low)
    return THIN + (THICK - THIN) * np.clip(share, 0.0, 1.0)


def _look(color: Any, line: float, inhibits: bool) -> dict[str, Any]:
    """Return colour, width and end of an arrow, as matplotlib takes them."""
    size = 4.0 + 2.2 * line
    head = f"|-|,widthA=0,widthB={0.5 * size}" if inhibits else f"-|>,head_length={size},head_width={0.5 * size}"
    return {"arrowstyle": head, "color": color, "lw": line, "alpha": 0.85, "zorder": 2, "mutation_scale": 1.0}


def _arrow(ax: Any, boxes: Sequence[Any], ends: NDArray[np.float64], look: Mapping[str, Any]) -> None:
    from matplotlib.patches import FancyArrowPatch

    # Bent, so that there and back are two arrows beside each other.
    shape: dict[str, Any] = {"connectionstyle": "arc3,rad=0.12", "shrinkA": 0, "shrinkB": 3}
    ax.add_patch(FancyArrowPatch(ends[0], ends[1], patchA=boxes[0], patchB=boxes[1], **shape, **look))


def _loop(ax: Any, at: NDArray[np.float64], width: float, side: int, look: Mapping[str, Any]) -> None:
    """Draw an arrow from a box to itself: at its right end for side 0, above it for 1, below it for -1."""
    from matplotlib.patches import FancyArrowPatch

    if side == 0:
        ends = at + np.array([[width / 2, 0.11], [width / 2 + 0.02, -0.11]])
    else:
        ends = at + side * np.array([[-0.2, BOX_HEIGHT / 2], [0.2, BOX_HEIGHT / 2 + 0.03]])
    ax.add_patch(FancyArrowPatch(ends[0], ends[1], connectionstyle="arc3,rad=-2.0", shrinkA=0, shrinkB=0, **look))


def _explain(ax: Any, weights: NDArray[np.float64]) -> None:
    """Say below the graph what widths and ends of arrows mean."""
    from matplotlib.lines import Line2D

    positive = weights[weights > 0]
    if not positive.size:
        return
    shown = np.unique([positive.min(), np.sqrt(positive.min() * positive.max()), positive.max()])
    handles: list[Any] = [
        Line2D([], [], color=INK, lw=width, label=f"{short_number(value)} µS")
        for value, width in zip(shown, np.linspace(THIN, THICK, len(shown)), strict=True)
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(handles),
        title="Sum of weights on one target cell; a tip excites, a bar inhibits",
        frameon=False,
        fontsize=STYLE["legend.fontsize"],
        title_fontsize=STYLE["legend.fontsize"],
    )
