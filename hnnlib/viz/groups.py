"""Cells group by group, whatever groups them: rates, and traces of single cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.rates import cell_rates
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.viz.colors import colors_of, type_colors
from hnnlib.viz.series import in_window
from hnnlib.viz.style import figure_of, finish, new_axes, one_axes, put_title, trial_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Groups", "group_colors", "groups_of", "plot_rates", "plot_traces"]

Groups = Mapping[str, Sequence[int] | NDArray[Any]]
"""Name of each group -> the gids of its cells."""


def groups_of(response: CellResponse, groups: Groups | None) -> dict[str, NDArray[np.int64]]:
    """Return the cells of each group; for None each cell type is one.

    Raises
    ------
    InvalidType
        If ``response`` is none, or groups are no mapping from names to gids.
    InvalidValue
        If no gids are known, or a gid is in two groups or is no cell.
    """
    if not isinstance(response, CellResponse):
        raise InvalidType(
            "cell_response", response, "must be a CellResponse (net.cell_response is one after simulate_dipole)"
        )
    ranges = response.gid_ranges
    if groups is None:
        if ranges is None or response.cell_type_names is None:
            raise InvalidValue("groups", groups, "must be given: the gids of this response's cells are not known")
        return {name: np.array(ranges[name], np.int64) for name in response.cell_type_names}
    if not isinstance(groups, Mapping):
        raise InvalidType("groups", groups, "must be a mapping from names to gids, e.g. network.groups('pop_name')")
    n_gids = None if ranges is None else max((r.stop for r in ranges.values()), default=0)
    owner: dict[int, str] = {}
    found = {}
    for name, gids in groups.items():
        array = np.asarray(gids)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise InvalidType(f"groups[{name!r}]", gids, "must be a list of gids")
        for gid in array.tolist():
            if gid < 0 or (n_gids is not None and gid >= n_gids):
                raise InvalidValue(f"groups[{name!r}]", gid, "is no gid of this response")
            if owner.setdefault(gid, str(name)) != str(name):
                raise InvalidValue(f"groups[{name!r}]", gid, f"is in group {owner[gid]!r} already")
        found[str(name)] = array.astype(np.int64)
    return found


def group_colors(response: CellResponse, names: Sequence[str], given: Any, argument: str) -> dict[str, Any]:
    """Return the colour of each group; a group that is called as a cell type has that type's."""
    own = type_colors(response)
    known = all(name in own for name in names)
    return colors_of(names, given, argument=argument, **({"cycle": [own[name] for name in names]} if known else {}))


def plot_rates(
    cell_response: CellResponse,
    groups: Groups | None = None,
    trial_idx: int | Iterable[int] | None = None,
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    colors: Any = None,
    show: bool = True,
) -> Figure:
    """Plot the firing rate of every cell, group by group; silent cells are there, and count for the mean.

    Parameters
    ----------
    cell_response : CellResponse
        The spikes.
    groups : dict of str to list of int, optional
        Label -> gids, e.g. what `hnnlib.SonataNetwork.groups` returns for an attribute of cells. Left out: the types.
    trial_idx : int or list of int, optional
        The trials, whose rates are averaged. Left out: all.
    tmin, tmax : float, optional
        Count spikes in this window (ms). Left out: the whole run.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    colors : color, list of color or dict of str to color, optional
        One for all, one for each group, or by group.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Within a group cells stand from the slowest to the fastest; the bar is their mean.

    Raises
    ------
    InvalidType
        If an argument is of the wrong type.
    InvalidValue
        If there is no such trial or cell, a cell is in two groups, or the window is empty.
    """
    cells = groups_of(cell_response, groups)
    trials = trial_numbers(trial_idx, cell_response.n_trials)
    palette = group_colors(cell_response, list(cells), colors, "colors")
    times, gids = cell_response.spike_times, cell_response.spike_gids
    run = cell_response.times
    if run is None and (tmin is None or tmax is None):
        raise InvalidValue("tmin, tmax", (tmin, tmax), "must be given: the duration of this run is not known")
    start = float(run[0]) if tmin is None and run is not None else tmin
    # a spike at the very end of the run counts
    stop = float(np.nextafter(run[-1], np.inf)) if tmax is None and run is not None else tmax
    figure, ax = one_axes(ax, size=(6.4, 3.4))
    labels = []
    for place, (name, members) in enumerate(cells.items()):
        rates = cell_rates([times[i] for i in trials], [gids[i] for i in trials], members, start, stop)  # type: ignore[arg-type]
        mean = np.sort(rates.mean(axis=0)) if len(members) else np.zeros(0)
        across = place + (np.linspace(-0.36, 0.36, len(mean)) if len(mean) > 1 else np.zeros(len(mean)))
        ax.plot(across, mean, ".", ms=5.0, mew=0, color=palette[name])
        if len(mean):
            ax.plot([place - 0.42, place + 0.42], [mean.mean()] * 2, color=palette[name], lw=2.0, label=name)
        silent = int(np.sum(mean == 0.0))
        labels.append(f"{name}\n{len(mean)} cells" + (f", {silent} silent" if silent else ""))
    ax.set_xticks(range(len(labels)), labels)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, len(labels) - 0.4)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.set_ylabel("Firing rate (Hz)")
    return finish(figure, show)


def plot_traces(
    cell_response: CellResponse,
    name: str = "vsec",
    groups: Groups | None = None,
    trial_idx: int = 0,
    tmin: float | None = None,
    tmax: float | None = None,
    section: str = "soma",
    colors: Any = None,
    show: bool = True,
) -> Figure:
    """Plot what was recorded of each cell over time, one panel a group.

    Parameters
    ----------
    cell_response : CellResponse
        With recordings.
    name : str
        Which: ``'vsec'`` (membrane potential), ``'ca'``, or a state of point cells by NEST's name, e.g. ``'g_1'``.
    groups : dict of str to list of int, optional
        Label -> gids, e.g. what `hnnlib.SonataNetwork.groups` returns for an attribute of cells. Left out: the types.
    trial_idx : int
        The trial.
    tmin, tmax : float, optional
        Plot only this window (ms).
    section : str
        The section, where the recording has several.
    colors : color, list of color or dict of str to color, optional
        One for all, one for each group, or by group.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Groups of which nothing was recorded have no panel.

    Raises
    ------
    InvalidType
        If an argument is of the wrong type.
    InvalidValue
        If there is no such trial or cell, a cell is in two groups, or none of the groups was recorded.
    UnknownName
        If there is no such recording.
    """
    cells = groups_of(cell_response, groups)
    palette = group_colors(cell_response, list(cells), colors, "colors")
    if name not in cell_response.recordings:
        raise UnknownName("name", name, "recording of this response", cell_response.recordings)
    traces = cell_response.recordings[name]
    if isinstance(trial_idx, bool) or not isinstance(trial_idx, int | np.integer):
        raise InvalidType("trial_idx", trial_idx, "must be an integer")
    if not 0 <= trial_idx < traces.n_trials:
        raise InvalidValue("trial_idx", trial_idx, f"must be 0 to {traces.n_trials - 1}")
    there = np.full(len(traces.gids), True) if traces.sections is None else np.array(traces.sections) == section
    row_of = {traces.gids[row]: row for row in np.flatnonzero(there).tolist()}
    rows = {label: [row_of[g] for g in gids.tolist() if g in row_of] for label, gids in cells.items()}
    rows = {label: found for label, found in rows.items() if found}
    if not rows:
        raise InvalidValue("groups", list(cells), f"hold no cell of which {name!r} was recorded at {section!r}")
    figure, axes = new_axes(len(rows), size=(6.4, 0.9 + 1.1 * len(rows)))
    for ax, (label, found) in zip(axes, rows.items(), strict=True):
        times, data = in_window(traces.times, traces.data[trial_idx][found], tmin, tmax, None, "recording")
        ax.plot(times, data.T, color=palette[label], lw=0.8, alpha=1.0 if len(found) == 1 else 0.6)
        put_title(ax, label + (f" ({len(found)} cells)" if len(found) > 1 else ""))
        ax.set_xlim(times[0], times[-1])
    axes[-1].set_xlabel("Time (ms)")
    what = "Membrane potential" if name == "vsec" else name
    figure_of(axes[0]).supylabel(f"{what} ({traces.unit})" if traces.unit else what, fontsize="medium")
    return finish(figure, show)
