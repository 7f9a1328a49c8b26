"""Contacts of one connection, cell by cell: who reaches whom, and how strongly."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.plan.tables import Plan
from hnnlib.viz.colors import checked_colormap
from hnnlib.viz.network import plan_of
from hnnlib.viz.style import add_colorbar, check_axes, figure_of, finish, new_axes, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_cell_connectivity", "plot_connectivity_matrix"]


@attrs.frozen(kw_only=True, eq=False)
class _Connection:
    """Peak conductance of each contact from each source to each target; NaN where there is none."""

    label: str
    source: str
    target: str
    source_gids: range
    target_gids: range
    weights_uS: NDArray[np.float64]  # (n_sources, n_targets)
    n_contacts: int  # of each pair


def plot_connectivity_matrix(
    net: Any,
    conn_idx: int,
    ax: Any = None,
    show_weight: bool = True,
    colorbar: bool = True,
    colormap: Any = "Greys",
    show: bool = True,
    *,
    seed: int | None = None,
) -> Figure:
    """Plot the weights of one connection as a matrix of source and target cells, as they are simulated.

    Parameters
    ----------
    net : Network, NetworkSpec, Result or Plan
        The network.
    conn_idx : int
        Number of the connection in ``net.connectivity``: connections between cells, then those of drives.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show_weight : bool
        Whether to show weights after their decay with distance, or only which pairs are connected.
    colorbar : bool
        Whether to explain the colours of weights.
    colormap : str or matplotlib.colors.Colormap
        Colours of weights from 0.
    show : bool
        Whether to show the figure, where the backend has windows.
    seed : int, optional
        Seed of the run, which decides which pairs remain of a connection that has ``probability < 1`` and no
        ``conn_seed``. Left out: that of a result, else 0.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Pairs that are not connected are white.

    Raises
    ------
    InvalidType
        If ``net`` is no network or ``conn_idx`` no integer.
    InvalidValue
        If there is no such connection.
    """
    connection = _connection(plan_of(net, seed), conn_idx)
    cmap = checked_colormap("colormap", colormap)
    shown = connection.weights_uS
    if not show_weight:
        shown = np.where(np.isnan(shown), np.nan, 1.0)
    own = ax is None
    figure, ax = one_axes(ax, size=(5.6, 4.6))
    first, last = connection.target_gids, connection.source_gids
    image = ax.imshow(
        shown,
        extent=(first.start - 0.5, first.stop - 0.5, last.stop - 0.5, last.start - 0.5),
        aspect="auto",
        cmap=cmap,
        vmin=0.0,
        vmax=_largest(shown),
        interpolation="nearest",
    )
    ax.set_facecolor("white")
    ax.set(xlabel=f"Target: {connection.target} (gid)", ylabel=f"Source: {connection.source} (gid)")
    put_title(ax, connection.label)
    for spine in ax.spines.values():
        spine.set_visible(True)
    if colorbar and show_weight:
        add_colorbar(image, ax, _weight_label(connection), own=own)
    return finish(figure, show)


def _connection(plan: Plan, conn_idx: Any) -> _Connection:
    """Return one connection of a plan, by its number."""
    labels = plan.edges.connection_labels
    if isinstance(conn_idx, bool):
        raise InvalidType("conn_idx", conn_idx, "must be an integer")
    try:
        number = operator.index(conn_idx)
    except TypeError:
        raise InvalidType("conn_idx", conn_idx, "must be an integer") from None
    if not 0 <= number < len(labels):
        allowed = f"must be 0 to {len(labels) - 1}" if labels else "is no connection: the network has none"
        raise InvalidValue("conn_idx", conn_idx, allowed)
    edges = plan.edges.take(plan.edges.connection == number)
    if not len(edges):
        raise InvalidValue("conn_idx", conn_idx, f"({labels[number]}) has no contacts")
    ranges = plan.populations.gid_ranges
    source, target = (
        next(name for name, gids in ranges.items() if int(side[0]) in gids)
        for side in (edges.source_gid, edges.target_gid)
    )
    sources, targets = ranges[source], ranges[target]
    if plan.n_cells <= sources.start:
        # Of a drive whose every target has a cell of its own, only those cells that serve this target.
        sources = range(int(edges.source_gid.min()), int(edges.source_gid.max()) + 1)
    weights = np.full((len(sources), len(targets)), np.nan)
    weights[edges.source_gid - sources.start, edges.target_gid - targets.start] = edges.weight
    n_pairs = np.count_nonzero(~np.isnan(weights))
    return _Connection(
        label=labels[number],
        source=source,
        target=target,
        source_gids=sources,
        target_gids=targets,
        weights_uS=weights,
        n_contacts=len(edges) // n_pairs,
    )


def _weight_label(connection: _Connection) -> str:
    n = connection.n_contacts
    return "Weight (µS)" if n == 1 else f"Weight of each of a pair's {n} contacts (µS)"


def _largest(values: NDArray[np.float64]) -> float:
    return float(np.nanmax(values)) or 1.0


def plot_cell_connectivity(
    net: Any,
    conn_idx: int,
    src_gid: int | None = None,
    axes: Any = None,
    colorbar: bool = True,
    colormap: Any = "viridis",
    show: bool = True,
    *,
    seed: int | None = None,
) -> Figure:
    """Plot which cells one source cell reaches, seen from the pia: sources at the left, targets at the right.

    Where the backend has windows, a click on a source cell shows the targets of that cell.

    Parameters
    ----------
    net : Network, NetworkSpec, Result or Plan
        The network.
    conn_idx : int
        Number of the connection in ``net.connectivity``: connections between cells, then those of drives.
    src_gid : int, optional
        The source cell. Left out: one in the middle.
    axes : list of matplotlib.axes.Axes, optional
        Two axes, for sources and targets. Left out: in a new figure.
    colorbar : bool
        Whether to explain the colours.
    colormap : str or matplotlib.colors.Colormap
        Colours of weights from 0 to the largest of the connection.
    show : bool
        Whether to show the figure, where the backend has windows.
    seed : int, optional
        Seed of the run, as in `plot_connectivity_matrix`.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Cells that are not reached are small and grey; the source is a black ring.

    Raises
    ------
    InvalidType
        If ``net`` is no network or ``conn_idx`` no integer.
    InvalidValue
        If there is no such connection, ``src_gid`` is none of its source cells, or there are not two axes.
    """
    plan = plan_of(net, seed)
    connection = _connection(plan, conn_idx)
    cmap = checked_colormap("colormap", colormap)
    gids = connection.source_gids
    if src_gid is not None and src_gid not in gids:
        allowed = f"must be {gids.start} to {gids.stop - 1}, a cell of {connection.source}"
        raise InvalidValue("src_gid", src_gid, allowed)
    own = axes is None
    figure, panels = _two_axes(axes)
    view = _CellView(plan, connection, panels, cmap)
    view.draw(view.middle() if src_gid is None else int(src_gid))
    if colorbar:
        add_colorbar(view.reached, panels[1], _weight_label(connection), own=own)
    figure.canvas.mpl_connect("button_press_event", view.click)
    # The canvas keeps methods by weak reference only: without this the view would be gone before the first click.
    panels[0]._hnnlib_view = view
    return finish(figure, show)


def _two_axes(axes: Any) -> tuple[Any, list[Any]]:
    if axes is None:
        return new_axes(n_columns=2, size=(8.6, 4.0))
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) != 2:
        raise InvalidValue("len(axes)", len(given), "must be 2, for source and target cells")
    return figure_of(given[0]), [check_axes(f"axes[{i}]", ax) for i, ax in enumerate(given)]


class _CellView:
    """Source cells and target cells, the latter coloured by the weight from one of the former."""

    def __init__(self, plan: Plan, connection: _Connection, axes: list[Any], cmap: Any) -> None:
        self._connection, self._axes = connection, axes
        targets = plan.cells.position_um[connection.target_gids.start : connection.target_gids.stop, :2]
        cells = plan.cells.position_um[:, :2]
        if connection.source_gids.start < plan.n_cells:
            self._sources = cells[connection.source_gids.start : connection.source_gids.stop]
        else:
            # Cells of a drive have no place that a plan would keep: each stands where its first target is.
            first = np.argmax(~np.isnan(connection.weights_uS), axis=1)
            self._sources = targets[first]
        left, right = axes
        left.scatter(*self._sources.T, s=26, color="#B8B8B8", lw=0)
        (self._ring,) = left.plot([], [], "o", ms=9, mfc="none", mec="k", mew=1.8)
        right.scatter(*targets.T, s=8, color="#D0D0D0", lw=0)
        self._targets = targets
        norm = {"vmin": 0.0, "vmax": _largest(connection.weights_uS)}
        self.reached = right.scatter([], [], c=[], s=44, cmap=cmap, lw=0, **norm)
        (self._mark,) = right.plot([], [], "o", ms=9, mfc="none", mec="k", mew=1.8)
        for ax in axes:
            ax.set(xlabel="x (µm)", ylabel="y (µm)")
            ax.set_aspect("equal", adjustable="datalim")
            ax.margins(0.1)

    def middle(self) -> int:
        """Return the gid of the source cell nearest to the middle of those that have targets."""
        able = np.flatnonzero(~np.isnan(self._connection.weights_uS).all(axis=1))
        places = self._sources[able]
        nearest = np.argmin(np.hypot(*(places - places.mean(axis=0)).T))
        return self._connection.source_gids[int(able[nearest])]

    def draw(self, gid: int) -> None:
        """Show the targets of a source cell."""
        c = self._connection
        weights = c.weights_uS[gid - c.source_gids.start]
        there = ~np.isnan(weights)
        at = self._sources[gid - c.source_gids.start]
        for ring in (self._ring, self._mark):
            ring.set_data(at[:1], at[1:])
        self.reached.set_offsets(self._targets[there])
        self.reached.set_array(weights[there])
        put_title(self._axes[0], f"Source: {c.source}, gid {gid}")
        put_title(self._axes[1], f"Targets: {c.target}, {np.count_nonzero(there)} of {there.size}")

    def click(self, event: Any) -> None:
        """Show the targets of the source cell that was clicked on."""
        if event.inaxes is not self._axes[0] or event.xdata is None:
            return
        distance = np.hypot(*(self._sources - [event.xdata, event.ydata]).T)
        self.draw(self._connection.source_gids[int(np.argmin(distance))])
        figure_of(self._axes[0]).canvas.draw_idle()
