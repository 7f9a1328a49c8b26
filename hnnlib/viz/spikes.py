"""Spikes: histograms and rasters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.viz.colors import colors_of, type_colors
from hnnlib.viz.dipole import layer_title, moment_label
from hnnlib.viz.groups import Groups, group_colors, groups_of
from hnnlib.viz.style import (
    finish,
    legend_above,
    one_axes,
    trial_numbers,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_response", "plot_spikes_hist", "plot_spikes_raster", "raster_types", "spikes_of"]

N_BINS = 50


def plot_spikes_hist(
    cell_response: CellResponse,
    trial_idx: int | Iterable[int] | None = None,
    ax: Any = None,
    spike_types: str | Sequence[str] | Mapping[str, Any] | None = None,
    color: Any = None,
    invert_spike_types: str | Sequence[str] | None = None,
    show: bool = True,
    **kwargs_hist: Any,
) -> Figure:
    """Plot a histogram of spike times.

    Parameters
    ----------
    cell_response : CellResponse
        The spikes.
    trial_idx : int or list of int, optional
        The trials, whose spikes are counted together. Left out: all.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    spike_types : str, list of str or dict of str to (list of) str, optional
        What to count. A string is a type or drive, or the beginning of names that are counted together (``'ev'``);
        a list has one histogram for each of its strings; a dict has its own labels. Left out: each drive, or all
        types if no drive has spikes.
    color : color, list of color or dict of str to color, optional
        One for all, one for each histogram, or by label. Left out: each type has the colour that it has in all figures.
    invert_spike_types : str or list of str, optional
        Labels of the histograms that hang from the top, on a mirrored axis at the right with the same limits.
    show : bool
        Whether to show the figure, where the backend has windows.
    **kwargs_hist
        Passed on to ``matplotlib.axes.Axes.hist``, e.g. ``bins`` (50 over the run if left out) and ``alpha``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``cell_response`` is none, or ``trial_idx`` is no list of integers.
    InvalidValue
        If a trial does not exist, or there is not one colour for each histogram.
    UnknownName
        If no spikes have such a type, or a label is not drawn.
    """
    check_response(cell_response)
    trials = trial_numbers(trial_idx, cell_response.n_trials)
    groups = _groups(cell_response, spike_types)
    inverted = [invert_spike_types] if isinstance(invert_spike_types, str) else list(invert_spike_types or ())
    for name in inverted:
        if name not in groups:
            raise UnknownName("invert_spike_types", name, "histogram", groups)
    own = type_colors(cell_response)
    colors = colors_of(list(groups), color, cycle=[own[types[0]] for types in groups.values()])
    spikes = {label: _times_of(cell_response, types, trials) for label, types in groups.items()}
    edges = _edges(cell_response, spikes, kwargs_hist)
    options = {"histtype": "stepfilled", "alpha": 0.75, "linewidth": 1.0, **kwargs_hist}
    figure, ax = one_axes(ax, size=(6.4, 2.8))
    panels = [ax, _mirror(ax)] if inverted else [ax]
    for label, times in spikes.items():
        panel = panels[-1] if label in inverted else ax
        panel.hist(times, **{"label": label, "color": colors[label], **options, "bins": edges})
    _limits(panels)
    for panel in panels:
        panel.set_ylabel(_count_label(edges, len(trials), kwargs_hist))
        if not kwargs_hist.get("density"):
            whole_numbers(panel.yaxis)
    handles = [handle for panel in panels for handle in panel.get_legend_handles_labels()[0]]
    if handles:
        legend_above(ax, handles, right=True)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel("Time (ms)")
    return finish(figure, show)


def check_response(response: Any) -> None:
    """Raise unless ``response`` is a `CellResponse`."""
    if not isinstance(response, CellResponse):
        raise InvalidType(
            "cell_response", response, "must be a CellResponse (net.cell_response is one after simulate_dipole)"
        )


def _groups(response: CellResponse, spike_types: Any) -> dict[str, list[str]]:
    """Return the types that are counted together, by label."""
    cells = list(response.cell_type_names or ())
    known = [*cells, *(name for name in response.cell_types if name not in cells)]
    if spike_types is None:
        # Which types are drives is known only where the names of the cell types are.
        drives = [name for name in known if name not in cells] if cells else []
        return {name: [name] for name in drives or known}
    if isinstance(spike_types, str):
        spike_types = [spike_types]
    if isinstance(spike_types, Mapping):
        asked = {label: [names] if isinstance(names, str) else list(names) for label, names in spike_types.items()}
    elif isinstance(spike_types, Sequence):
        asked = {name: [name] for name in spike_types}
    else:
        raise InvalidType("spike_types", spike_types, "must be a string, a list of strings, or a dict label -> strings")
    groups: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    for label, names in asked.items():
        groups[label] = list(dict.fromkeys(found for name in names for found in _matching(name, known)))
        for found in groups[label]:
            if owner.setdefault(found, label) != label:
                raise InvalidValue("spike_types", label, f"counts {found!r}, which {owner[found]!r} counts already")
    return groups


def _matching(name: Any, known: list[str]) -> list[str]:
    """Return the type of that name, or those whose names begin so."""
    if not isinstance(name, str):
        raise InvalidType("spike_types", name, "must be a string")
    found = [name] if name in known else [other for other in known if name and other.startswith(name)]
    if not found:
        raise UnknownName("spike_types", name, "type or drive with spikes, nor the beginning of one", known)
    return found


def _times_of(response: CellResponse, types: list[str], trials: list[int]) -> NDArray[np.float64]:
    times, kinds = response.spike_times, response.spike_types
    return np.concatenate([np.empty(0), *(times[i][np.isin(kinds[i], types)] for i in trials)])


def _edges(response: CellResponse, spikes: Mapping[str, NDArray[np.float64]], options: Mapping[str, Any]) -> Any:
    """Return the edges of the bins, the same for all histograms."""
    times = np.concatenate(list(spikes.values())) if spikes else np.empty(0)
    window = options.get("range")
    if window is None and response.times is not None and response.times.size > 1:
        window = (float(response.times[0]), float(response.times[-1]))
    return np.histogram_bin_edges(times, bins=options.get("bins", N_BINS), range=window)


def _mirror(ax: Any) -> Any:
    mirror = ax.twinx()
    mirror.spines["right"].set_visible(True)
    mirror.spines["top"].set_visible(False)
    mirror.tick_params(labelsize=ax.yaxis.get_ticklabels()[0].get_fontsize())
    return mirror


def _limits(panels: list[Any]) -> None:
    """Give the axes one limit; where one hangs from the top, they leave each other room."""
    if panels[0].get_yscale() != "linear":
        return  # a logarithmic axis has no zero to start at
    limit = 1.08 * sum(max(map(_height, panel.patches), default=0.0) for panel in panels) or 1.0
    panels[0].set_ylim(0, limit)
    for panel in panels[1:]:
        panel.set_ylim(limit, 0)


def _height(patch: Any) -> float:
    return float(np.max(patch.get_path().vertices[:, 1] if not hasattr(patch, "get_height") else patch.get_height()))


def _count_label(edges: NDArray[np.float64], n_trials: int, options: Mapping[str, Any]) -> str:
    if options.get("density"):
        return "Spike density (1/ms)"
    widths = np.diff(edges)
    per = f" per {widths[0]:.3g} ms" if np.allclose(widths, widths[0]) else " per bin"
    return f"Spikes{per}" + (f" in {n_trials} trials" if n_trials > 1 else "")


def plot_spikes_raster(
    cell_response: CellResponse,
    trial_idx: int | Iterable[int] | None = None,
    ax: Any = None,
    show: bool = True,
    cell_types: Sequence[str] | None = None,
    colors: Any = None,
    show_legend: bool = True,
    marker_size: float = 5.0,
    dpl: Dipole | Sequence[Dipole] | None = None,
    overlay_dipoles: bool = False,
    groups: Groups | None = None,
) -> Figure:
    """Plot which cell fired when.

    Parameters
    ----------
    cell_response : CellResponse
        The spikes.
    trial_idx : int or list of int, optional
        The trials, drawn over each other. Left out: all.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.
    cell_types : sequence of str, optional
        Types or drives to draw. Left out: all cell types, without the drives.
    colors : color, list of color or dict of str to color, optional
        One for all, one for each type, or by type.
    show_legend : bool
        Whether to name the types above the plot.
    marker_size : float
        Size of the dots (points).
    dpl : Dipole or sequence of Dipole, optional
        What ``overlay_dipoles`` draws; trials are averaged.
    overlay_dipoles : bool
        Whether to draw the dipole of each layer over the spikes, with its own axis at the right.
    groups : dict of str to list of int, optional
        Label -> gids: draw these cells, group below group, in place of types; e.g. what `hnnlib.SonataNetwork.groups`
        returns for an attribute of cells.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``cell_response`` is none, or ``trial_idx`` is no list of integers.
    InvalidValue
        If a trial does not exist, there is not one colour for each type, or ``dpl`` is missing for ``overlay_dipoles``.
    UnknownName
        If there is no such type.
    """
    check_response(cell_response)
    trials = trial_numbers(trial_idx, cell_response.n_trials)
    if groups is not None and cell_types is not None:
        raise InvalidValue("cell_types", cell_types, "can't be given beside groups, which say what is drawn")
    grouped = None if groups is None else groups_of(cell_response, groups)
    names = raster_types(cell_response, cell_types) if grouped is None else list(grouped)
    palette = group_colors(cell_response, names, colors, "colors")
    if overlay_dipoles and dpl is None:
        raise InvalidValue("dpl", dpl, "must be given to overlay dipoles")
    figure, ax = one_axes(ax, size=(6.4, 4.0))
    first = 0
    for name in names:
        if grouped is None:
            times, gids = spikes_of(cell_response, name, trials)
        else:
            times, gids = _of_group(cell_response, grouped[name], trials)
            gids, first = gids + first, first + len(grouped[name])
        ax.plot(times, gids, ".", ms=marker_size, mew=0, color=palette[name], label=name)
    if cell_response.times is not None and cell_response.times.size > 1:
        ax.set_xlim(cell_response.times[0], cell_response.times[-1])
    ax.set_xlabel("Time (ms)")
    ax.set_ylabel("Cell (gid)" if grouped is None else "Cell, group by group")
    # gids count from the upper layers down in the standard column: so they stand in the figure too.
    if not ax.yaxis_inverted():
        ax.invert_yaxis()
    whole_numbers(ax.yaxis)
    lines = _overlay(ax, dpl) if overlay_dipoles and dpl is not None else []
    if show_legend and (names or lines):
        legend_above(ax, [*ax.get_legend_handles_labels()[0], *lines])
    return finish(figure, show)


def _of_group(response: CellResponse, gids: NDArray[np.int64], trials: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times (ms) of the spikes of a group's cells, and the place of each one's cell in the group."""
    order = np.argsort(gids)
    times, owners = (
        np.concatenate([column[i] for i in trials]) for column in (response.spike_times, response.spike_gids)
    )
    mine = np.isin(owners, gids)
    return times[mine], order[np.searchsorted(gids[order], owners[mine])]


def raster_types(response: CellResponse, cell_types: Sequence[str] | None) -> list[str]:
    """Return the types and drives asked for, or all cell types for None."""
    cells = list(response.cell_type_names or ())
    known = [*cells, *(name for name in response.cell_types if name not in cells)]
    if cell_types is None:
        return cells or known
    names = [cell_types] if isinstance(cell_types, str) else list(cell_types)
    for name in names:
        if name not in known:
            raise UnknownName("cell_types", name, "cell type, nor a drive with spikes", known)
    return names


def spikes_of(response: CellResponse, name: str, trials: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times (ms) and gids of the spikes of a type in some trials."""
    chosen = [response.spike_types[i] == name for i in trials]
    times = [response.spike_times[i][mask] for i, mask in zip(trials, chosen, strict=True)]
    gids = [response.spike_gids[i][mask] for i, mask in zip(trials, chosen, strict=True)]
    return np.concatenate([np.empty(0), *times]), np.concatenate([np.empty(0, np.int64), *gids])


def _overlay(ax: Any, dpl: Dipole | Sequence[Dipole]) -> list[Any]:
    """Draw the dipole of each layer behind the spikes; return the lines."""
    dipole = dpl if isinstance(dpl, Dipole) else average_dipoles(dpl)
    layers = [name for name in dipole.data if name != "agg"] or ["agg"]
    twin = ax.twinx()
    twin.spines["right"].set_visible(True)
    lines = []
    for i, name in enumerate(layers):
        grey = ("#202020", "#9A9A9A")[i % 2]
        lines += twin.plot(dipole.times, dipole.data[name], color=grey, lw=1.3, label=f"{layer_title(name)} dipole")
    twin.set_ylabel(moment_label(dipole))
    # The dots stay visible: the lines' axes go behind, and the dots' own background must then be clear.
    ax.set_zorder(twin.get_zorder() + 1)
    ax.patch.set_visible(False)
    return lines
