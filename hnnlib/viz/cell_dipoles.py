"""What each cell adds to the dipole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz.colors import checked_colormap, population_colors
from hnnlib.viz.network import network_of
from hnnlib.viz.series import in_window
from hnnlib.viz.style import add_colorbar, finish, legend_above, new_axes, put_title, trial_numbers, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cell_moments", "plot_cell_dipoles"]

ORDERS = ("gid", "moment")
SATURATED = 0.98
"""Part of the samples whose colour is not at an end of the scale: a few spikes must not make all else pale."""


def plot_cell_dipoles(
    result: Result,
    trial_idx: int = 0,
    tmin: float | None = None,
    tmax: float | None = None,
    order: str = "gid",
    vmax: float | None = None,
    colormap: Any = "RdBu_r",
    show: bool = True,
) -> Figure:
    """Plot what each cell adds to the dipole of one trial, and what each population does.

    What was taken off a layer's dipole (its moment at rest) is taken off its cells in equal parts, so that the cells'
    moments sum to the dipole that the result reports.

    Parameters
    ----------
    result : Result
        The result of a run with ``record=Record(cell_dipoles=True)``.
    trial_idx : int
        The trial.
    tmin, tmax : float, optional
        Plot only this window (ms).
    order : 'gid' or 'moment'
        Order of a population's cells from top to bottom: by number, or by their mean moment in the window, the largest
        at the top.
    vmax : float, optional
        Moment at the ends of the colours (fAm). Left out: what 98 % of the samples stay below.
    colormap : str or matplotlib.colors.Colormap
        Colours from ``-vmax`` to ``vmax``.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``result`` is no `Result`.
    InvalidValue
        If it has no dipoles of cells or doesn't know its network, or there is no such trial.
    UnknownName
        If there is no such order.
    """
    if not isinstance(result, Result):
        raise InvalidType("result", result, "must be a Result, as simulate() or read_result() return it")
    if order not in ORDERS:
        raise UnknownName("order", order, "order", ORDERS)
    network = network_of(result)
    (trial,) = trial_numbers([trial_idx], result.n_trials)
    times, moments = cell_moments(result, network, trial)
    cut = {name: in_window(times, x, tmin, tmax, None, "recording") for name, x in moments.items()}
    times = next(iter(cut.values()))[0]
    shown = {name: x[np.argsort(-x.mean(axis=1))] if order == "moment" else x for name, (_, x) in cut.items()}
    everything = np.concatenate(list(shown.values()))
    limit = float(np.quantile(np.abs(everything), SATURATED)) or 1.0 if vmax is None else vmax
    if not limit > 0:
        raise InvalidValue("vmax", vmax, "must be > 0 fAm")
    figure, (top, below) = new_axes(2, size=(7.2, 6.4), height_ratios=(1.0, 2.2))
    colors = population_colors(network)
    zero_line(top)
    for name, x in shown.items():
        top.plot(times, 1e-6 * x.sum(axis=0), color=colors[name], lw=1.4, label=name)
    top.set_ylabel("Moment (nAm)")
    put_title(top, "Populations")
    legend_above(top, top.get_legend_handles_labels()[0], right=True, room=0.75)
    extent = (times[0], times[-1], len(everything) - 0.5, -0.5)
    cmap = checked_colormap("colormap", colormap)
    image = below.imshow(everything, extent=extent, aspect="auto", cmap=cmap, vmin=-limit, vmax=limit)
    _name_rows(below, {name: len(x) for name, x in shown.items()}, colors)
    below.set_xlabel("Time (ms)")
    put_title(below, "Cells" + (", each population by mean moment" if order == "moment" else ", by gid"))
    add_colorbar(image, below, "Moment of one cell (fAm)", extend="both")
    top.set_xlim(times[0], times[-1])
    return finish(figure, show)


def cell_moments(
    result: Result, network: NetworkSpec, trial: int
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return what each cell adds to a layer's dipole.

    Parameters
    ----------
    result : Result
        The result.
    network : NetworkSpec
        Its network.
    trial : int
        The trial, by its place in the result.

    Returns
    -------
    times : ndarray, shape (n_times,)
        Times (ms).
    moments : dict of str to ndarray, shape (n_cells, n_times)
        Moments (fAm) of the cells of each population that is measured, gids rising.
    """
    traces = result.cell_response.recordings.get("dipole")
    if traces is None:
        raise InvalidValue("result", result, "has no dipoles of cells: simulate with Record(cell_dipoles=True)")
    raw, gids, first = np.asarray(traces.data[trial], np.float64), np.array(traces.gids), 0
    moments, layers = {}, {}
    counts = network.gid_counts()
    for name, population in network.populations.items():
        rows = np.flatnonzero((gids >= first) & (gids < first + counts[name]))
        first += counts[name]
        if rows.size:
            moments[name] = raw[rows[np.argsort(gids[rows])]]
            layers[name] = name if population.layer is None else f"L{population.layer}"
    dipole = result.dipoles[trial] if result.dipoles else None
    for layer in dict.fromkeys(layers.values()):
        members = [name for name in moments if layers[name] == layer]
        if dipole is None or layer not in dipole.data:
            continue
        total = np.sum([moments[name].sum(axis=0) for name in members], axis=0)
        reported = 1e6 / dipole.scale_applied * np.interp(traces.times, dipole.times, dipole.data[layer])
        n_cells = sum(len(moments[name]) for name in members)
        for name in members:
            moments[name] = moments[name] - (total - reported) / n_cells
    return traces.times, moments


def _name_rows(ax: Any, sizes: dict[str, int], colors: dict[str, str]) -> None:
    last = np.cumsum(list(sizes.values())) - 0.5
    for edge in last[:-1]:
        ax.axhline(edge, color="#404040", lw=0.8)
    names = [f"{name}\n{n} cell{'' if n == 1 else 's'}" for name, n in sizes.items()]
    ax.set_yticks(last - np.array(list(sizes.values())) / 2, names)
    ax.tick_params(axis="y", length=0)
    for text, name in zip(ax.get_yticklabels(), sizes, strict=True):
        text.set_color(colors[name])
