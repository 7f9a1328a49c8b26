"""The whole circuit: how strongly populations and drives act on populations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.plan.tables import Plan
from hnnlib.viz.colors import checked_colormap, ink_on
from hnnlib.viz.network import plan_of
from hnnlib.viz.style import add_colorbar, finish, one_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_drive_strength", "plot_population_matrix", "receptors_of", "short_number", "strengths"]

MEASURES = ("weight", "contacts", "probability")


@attrs.frozen(kw_only=True, eq=False)
class Strengths:
    """What each source, population or drive, does to each population."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    weight_uS: NDArray[np.float64]  # (n_sources, n_targets): sum over the contacts of one target cell, mean over them
    contacts: NDArray[np.float64]  # number of contacts of one target cell, mean over them
    probability: NDArray[np.float64]  # part of the pairs of cells that have a contact


def strengths(plan: Plan, receptors: Sequence[str] | None = None) -> Strengths:
    """Return how strongly populations and drives act on populations, from the contacts of a plan.

    Contacts of weight 0 don't count: they never act.
    """
    p, edges = plan.populations, plan.edges
    used = edges.weight > 0
    if receptors is not None:
        used &= np.isin(_receptor_of(plan), receptors)
    n_sources, n_targets = len(p.names), int(np.count_nonzero(~p.is_drive))
    sizes = (p.gid_stop - p.gid_start).astype(float)
    source = np.searchsorted(p.gid_stop, edges.source_gid[used], side="right")
    target = np.searchsorted(p.gid_stop, edges.target_gid[used], side="right")
    cell = source * n_targets + target
    shape, per_cell = (n_sources, n_targets), np.maximum(sizes[:n_targets], 1.0)

    def summed(weights: Any, where: Any) -> NDArray[np.float64]:
        return np.bincount(where, weights, minlength=n_sources * n_targets).reshape(shape).astype(float)

    pairs = np.unique(edges.source_gid[used].astype(np.int64) * plan.n_gids + edges.target_gid[used])
    pair_source = np.searchsorted(p.gid_stop, pairs // plan.n_gids, side="right")
    pair_target = np.searchsorted(p.gid_stop, pairs % plan.n_gids, side="right")
    n_pairs = np.maximum(np.outer(sizes, sizes[:n_targets]), 1.0)
    return Strengths(
        sources=p.names,
        targets=p.names[:n_targets],
        weight_uS=summed(edges.weight[used], cell) / per_cell,
        contacts=summed(None, cell) / per_cell,
        probability=summed(None, pair_source * n_targets + pair_target) / n_pairs,
    )


def _receptor_of(plan: Plan) -> NDArray[np.str_]:
    """Return the receptor of each contact."""
    longest = max((len(t.sites.receptors) for t in plan.templates), default=0)
    table = np.array([[*t.sites.receptors, *[""] * (longest - len(t.sites.receptors))] for t in plan.templates])
    return table[plan.cells.template[plan.edges.target_gid], plan.edges.site]


def receptors_of(plan: Plan, asked: Any) -> list[str] | None:
    """Return the receptors asked for, or raise unless the network has them."""
    if asked is None:
        return None
    known = list(dict.fromkeys(r for t in plan.templates for r in t.sites.receptors))
    names = [asked] if isinstance(asked, str) else list(asked)
    for name in names:
        if name not in known:
            raise UnknownName("receptor", name, "receptor of any cell", known)
    return names


def plot_population_matrix(
    net: Any,
    ax: Any = None,
    measure: str = "weight",
    receptor: str | Sequence[str] | None = None,
    drives: bool = True,
    colorbar: bool = True,
    color_scale: str = "log",
    colormap: Any = "viridis",
    show: bool = True,
    *,
    seed: int | None = None,
) -> Figure:
    """Plot how strongly each population and drive acts on each population, as it is simulated.

    Parameters
    ----------
    net : Network, NetworkSpec, Result or Plan
        The network.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    measure : 'weight', 'contacts' or 'probability'
        Weights (µS) or number of all contacts that one target cell has, mean over the cells; or the part of the pairs
        of cells that have a contact. Contacts of weight 0 don't count.
    receptor : str or sequence of str, optional
        Count contacts on these receptors only. Left out: all, excitatory and inhibitory alike.
    drives : bool
        Whether drives are among the sources.
    colorbar : bool
        Whether to explain the colours.
    color_scale : 'log' or 'linear'
        Scale of the colours; a linear one hides all but the strongest where weights differ by orders of magnitude.
    colormap : str or matplotlib.colors.Colormap
        Colours from the weakest to the strongest.
    show : bool
        Whether to show the figure, where the backend has windows.
    seed : int, optional
        Seed of the run, which decides which pairs remain of a connection that has ``probability < 1`` and no
        ``conn_seed``. Left out: that of a result, else 0.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Where nothing acts, the field is white.

    Raises
    ------
    InvalidType
        If ``net`` is no network.
    UnknownName
        If there is no such measure, receptor or scale.
    """
    _check_scale(color_scale)
    if measure not in MEASURES:
        raise UnknownName("measure", measure, "measure", MEASURES)
    plan = plan_of(net, seed)
    found = strengths(plan, receptors_of(plan, receptor))
    values = {"weight": found.weight_uS, "contacts": found.contacts, "probability": found.probability}[measure]
    n_shown = len(found.sources) if drives else len(found.targets)
    names = {"weight": "Weight on one target cell (µS)", "contacts": "Contacts on one target cell"}
    return _heat_map(
        values[:n_shown],
        found.sources[:n_shown],
        found.targets,
        ax=ax,
        label=names.get(measure, "Part of pairs connected"),
        bar=colorbar,
        cmap=checked_colormap("colormap", colormap),
        log=color_scale == "log",
        show=show,
    )


def _check_scale(color_scale: Any) -> None:
    if color_scale not in ("linear", "log"):
        raise UnknownName("color_scale", color_scale, "scale", ("linear", "log"))


def plot_drive_strength(
    net: Any,
    show_weight: bool = True,
    ax: Any = None,
    colorbar: bool = True,
    color_scale: str = "linear",
    normalize: bool = True,
    show: bool = True,
    *,
    colormap: Any = "viridis",
    seed: int | None = None,
) -> Figure:
    """Plot how strongly each drive acts on each population.

    Parameters
    ----------
    net : Network, NetworkSpec, Result or Plan
        The network.
    show_weight : bool
        Whether strength is the sum of weights on one target cell (µS), or the number of its contacts. Both are means
        over the cells of a population, and contacts of weight 0 don't count.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    colorbar : bool
        Whether to explain the colours.
    color_scale : 'linear' or 'log'
        Scale of the colours.
    normalize : bool
        Whether to show the share of each drive in all that drives do to a population (%), rather than the strength
        itself.
    show : bool
        Whether to show the figure, where the backend has windows.
    colormap : str or matplotlib.colors.Colormap
        Colours from the weakest to the strongest.
    seed : int, optional
        Seed of the run, as in `plot_population_matrix`.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Where a drive doesn't act, the field is white.

    Raises
    ------
    InvalidType
        If ``net`` is no network.
    InvalidValue
        If the network has no drives.
    UnknownName
        If ``color_scale`` is neither.
    """
    _check_scale(color_scale)
    plan = plan_of(net, seed)
    found = strengths(plan)
    n_cells = len(found.targets)
    if len(found.sources) == n_cells:
        raise InvalidValue("net", net, "has no drives")
    values = (found.weight_uS if show_weight else found.contacts)[n_cells:]
    label = "Weight on one target cell (µS)" if show_weight else "Contacts on one target cell"
    if normalize:
        total = values.sum(axis=0, keepdims=True)
        values = 100.0 * values / np.where(total > 0, total, 1.0)
        label = f"Share of all drives' {'weight' if show_weight else 'contacts'} (%)"
    return _heat_map(
        values,
        found.sources[n_cells:],
        found.targets,
        ax=ax,
        label=label,
        bar=colorbar,
        cmap=checked_colormap("colormap", colormap),
        log=color_scale == "log",
        source="Drive",
        show=show,
    )


def _heat_map(
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    ax: Any,
    label: str,
    bar: bool,
    cmap: Any,
    show: bool,
    log: bool,
    source: str = "Source",
) -> Figure:
    """Draw a matrix with its numbers in it."""
    from matplotlib.colors import LogNorm, Normalize

    own, positive = ax is None, values[values > 0]
    top = float(positive.max()) if positive.size else 1.0
    norm = (
        LogNorm(min(float(positive.min()), top / 10.0) if positive.size else 0.1, top) if log else Normalize(0.0, top)
    )
    figure, ax = one_axes(ax, size=(3.4 + 0.95 * len(columns), 1.6 + 0.42 * len(rows)))
    image = ax.imshow(np.where(values > 0, values, np.nan), cmap=cmap, norm=norm, aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel="Target", ylabel=source)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(True)
    for i, j in zip(*np.nonzero(values > 0), strict=True):
        ink = ink_on(cmap(norm(values[i, j])))
        ax.text(j, i, short_number(values[i, j]), ha="center", va="center", fontsize=9, color=ink)
    if bar:
        add_colorbar(image, ax, label, own=own)
    return finish(figure, show)


def short_number(value: float) -> str:
    """Return a number in at most six characters: ``0.21``, ``34.7``, ``8e-06``."""
    return f"{value:.3g}" if value >= 1e-3 else f"{value:.0e}".replace("e-0", "e-").replace("-", "−")
