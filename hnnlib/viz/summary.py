"""One figure of all that a simulation gave."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.peaks import Peak, find_peaks
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz.colors import COLORS, colors_of, population_colors
from hnnlib.viz.dipole import layer_title, moment_label
from hnnlib.viz.network import recorded_network
from hnnlib.viz.spikes import plot_spikes_hist, plot_spikes_raster
from hnnlib.viz.style import (
    INK,
    check_figure_path,
    finish,
    legend_above,
    new_axes,
    put_title,
    save_figure,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_result"]

PANELS = (("drives", 1.0), ("dipole", 2.4), ("layers", 1.7), ("spikes", 2.6))
"""Kinds of panels from top to bottom, with their heights."""

UNIT_HEIGHT = 1.1
"""Height of a panel of height 1, with its title (inches)."""

N_PEAKS = 4
"""So many peaks are named at most: more would cover the line they belong to."""

DRIVE_BIN = 2.0
"""Width of the bins that events of drives are counted in (ms)."""

LABEL_HALF_WIDTH = 0.11
"""Half the width of a peak's label, as a part of the time axis."""

SMALLEST_PROMINENCE = 0.1
"""Peaks that stand out by less than this part of the dipole's range are not named."""


def plot_result(
    result: Result,
    scale: float = 1.0,
    smooth: float | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = True,
    title: str | None = None,
    show: bool = True,
) -> Figure:
    """Plot what a simulation gave: events of the drives, the dipole and its peaks, its layers, spikes of all cells.

    Panels for which there is nothing (no drives, no dipole) are left out.

    Parameters
    ----------
    result : Result
        The result; it is not changed.
    scale : float
        Factor for the dipoles, e.g. 3000 columns like the simulated one.
    smooth : float, optional
        Length of the Hamming window that the dipoles are smoothed with (ms).
    path : path-like, optional
        File to save the figure to; see `save_figure`.
    overwrite : bool
        Whether an existing file may be replaced.
    title : str, optional
        Title. Left out: numbers of cells and trials, and what was done to the dipole.
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
        If ``scale`` or ``smooth`` is not allowed, or the result holds neither dipoles nor spikes.
    OutputError
        If the file can't be written.
    """
    if not isinstance(result, Result):
        raise InvalidType("result", result, "must be a Result, as simulate() or read_result() return it")
    if path is not None:
        check_figure_path(path, overwrite)
    network = recorded_network(result)
    dipoles = [_processed(dpl, scale, smooth) for dpl in result.dipoles]
    panels = _panels(result, dipoles)
    if not panels:
        raise InvalidValue("result", result, "holds neither dipoles nor spikes: there is nothing to plot")
    heights = [dict(PANELS)[kind] for kind in panels]
    figure, axes = new_axes(len(panels), size=(7.6, 1.0 + UNIT_HEIGHT * sum(heights)), height_ratios=heights)
    for ax, kind in zip(axes, panels, strict=True):
        if kind == "drives":
            _draw_drives(ax, result.cell_response)
        elif kind == "dipole":
            _draw_dipole(ax, dipoles)
        elif kind == "layers":
            _draw_layers(ax, dipoles, network)
        else:
            _draw_spikes(ax, result.cell_response, network)
    axes[0].set_xlim(*_window(result))
    for ax in axes[:-1]:
        ax.set_xlabel("")
    axes[-1].set_xlabel("Time (ms)")
    figure.align_ylabels([ax for ax in axes if ax.get_ylabel()])
    figure.suptitle(_title(result, network, dipoles, smooth) if title is None else title, x=0.02, ha="left", size=11)
    if path is not None:
        save_figure(figure, path, overwrite)
    return finish(figure, show)


def _processed(dpl: Dipole, scale: float, smooth: float | None) -> Dipole:
    dpl = dpl.copy()
    if smooth is not None:
        dpl.smooth(smooth)
    return dpl.scale(scale)


def _panels(result: Result, dipoles: Sequence[Dipole]) -> list[str]:
    """Return the kinds of panels for which there is something, from top to bottom."""
    response = result.cell_response
    cells = set(response.cell_type_names or ())
    there = {
        "drives": bool(cells and set(response.cell_types) - cells),
        "dipole": bool(dipoles),
        "layers": bool(dipoles) and len(dipoles[0].data) > 2,
        "spikes": bool(set(response.cell_types) & cells or (response.cell_types and not cells)),
    }
    return [kind for kind, _ in PANELS if there[kind]]


def _draw_drives(ax: Any, response: CellResponse) -> None:
    """Draw the panel; the figure grows by what more than one row of names takes, else the panel would shrink."""
    start, stop = response.times[[0, -1]] if response.times is not None else (0.0, _last_spike(response))
    plot_spikes_hist(response, ax=ax, bins=np.arange(start, stop + DRIVE_BIN, DRIVE_BIN), show=False)
    put_title(ax, "Drives" + (" (all trials)" if response.n_trials > 1 else ""))
    ax.set_ylabel(f"Spikes per {DRIVE_BIN:g} ms")
    n_rows = legend_above(ax, ax.get_legend_handles_labels()[0], right=True, room=0.75)
    width, height = ax.figure.get_size_inches()
    ax.figure.set_size_inches(width, height + 0.2 * (n_rows - 1))


def _draw_dipole(ax: Any, dipoles: Sequence[Dipole]) -> None:
    mean = average_dipoles(dipoles) if len(dipoles) > 1 else dipoles[0]
    if len(dipoles) > 1:
        for i, dpl in enumerate(dipoles):
            ax.plot(dpl.times, dpl.data["agg"], color="#8C8C8C", lw=0.9, label="trials" if i == 0 else None)
    ax.plot(mean.times, mean.data["agg"], color=INK, lw=2.2 if len(dipoles) > 1 else 1.4, label="average")
    zero_line(ax)
    ax.set_ylabel(moment_label(mean))
    put_title(ax, "Current dipole")
    if len(dipoles) > 1:
        legend_above(ax, ax.get_legend_handles_labels()[0], right=True)
    ax.margins(y=0.2)
    for peak in _main_peaks(mean):
        _name_peak(ax, peak, dipoles)


def _main_peaks(dpl: Dipole) -> list[Peak]:
    """Return the largest of the peaks that stand out and whose names have room, in the order of time."""
    x = dpl.data["agg"]
    room = 2.0 * LABEL_HALF_WIDTH * np.ptp(dpl.times)
    chosen: list[Peak] = []
    found = find_peaks(dpl.times, x, prominence=SMALLEST_PROMINENCE * float(np.ptp(x)) or None)
    for peak in sorted(found, key=lambda peak: -abs(peak.amplitude)):
        # Names of peaks stand above the line, those of troughs below it.
        side = [other for other in chosen if (other.amplitude > 0) == (peak.amplitude > 0)]
        if len(chosen) < N_PEAKS and all(abs(other.time - peak.time) > room for other in side):
            chosen.append(peak)
    return sorted(chosen, key=lambda peak: peak.time)


def _name_peak(ax: Any, peak: Peak, dipoles: Sequence[Dipole]) -> None:
    up, times = peak.amplitude > 0, dipoles[0].times
    half = LABEL_HALF_WIDTH * np.ptp(times)
    near = np.abs(times - peak.time) <= half
    beyond = [(np.max if up else np.min)(dpl.data["agg"][near]) for dpl in dipoles]
    middle = float(np.clip(peak.time, times[0] + half, times[-1] - half))  # within the axes
    ax.plot(peak.time, peak.amplitude, "o", ms=5, color=INK, mec="white", mew=0.8, zorder=4)
    ax.annotate(
        f"{peak.time:.0f} ms, {peak.amplitude:.3g} nAm".replace("-", "−"),
        (middle, max(beyond) if up else min(beyond)),  # clear of all trials
        xytext=(0, 6 if up else -6),
        textcoords="offset points",
        ha="center",
        va="bottom" if up else "top",
        fontsize=9,
        color=INK,
    )


def _draw_layers(ax: Any, dipoles: Sequence[Dipole], network: NetworkSpec | None) -> None:
    mean = average_dipoles(dipoles) if len(dipoles) > 1 else dipoles[0]
    layers = [name for name in mean.data if name != "agg"]
    colors = colors_of(layers, cycle=COLORS[1::2])
    if network is not None:
        # A layer's moment comes from its measured cells, so it has their colour.
        own = population_colors(network)
        colors.update(
            {f"L{p.layer}": own[name] for name, p in network.populations.items() if p.measure_dipole and p.layer}
        )
    zero_line(ax)
    for name in layers:
        ax.plot(mean.times, mean.data[name], color=colors[name], lw=1.6, label=layer_title(name))
    ax.set_ylabel(moment_label(mean).replace("Dipole moment", "Moment"))
    put_title(ax, "Layers" + (" (average)" if len(dipoles) > 1 else ""))
    legend_above(ax, ax.get_legend_handles_labels()[0], right=True)


def _draw_spikes(ax: Any, response: CellResponse, network: NetworkSpec | None) -> None:
    drawn = response.cell_type_names or response.cell_types
    colors = {} if network is None else {n: c for n, c in population_colors(network).items() if n in drawn}
    plot_spikes_raster(response, trial_idx=0, ax=ax, colors=colors, show=False, marker_size=4.5, show_legend=False)
    put_title(ax, "Spikes" + (" (trial 0)" if response.n_trials > 1 else ""))
    if network is None or set(colors) != set(network.populations):
        return
    counts = network.gid_counts()
    sizes = [counts[name] for name in network.populations]
    last = np.cumsum(sizes) - 0.5
    for edge in last:
        ax.axhline(edge, color="#DDDDDD", lw=0.8, zorder=0)
    ax.set_ylim(last[-1], -0.5)
    # A line of text takes this many gids; where the smallest population has less than two, names go without counts.
    line = sum(sizes) / (UNIT_HEIGHT * dict(PANELS)["spikes"] * 72.0 / 13.0)
    names = list(network.populations)
    labels = [f"{name}\n{_cells(counts[name])}" for name in names] if min(sizes) > 2 * line else names
    ax.set_yticks(_spread(last - np.array(sizes) / 2, line), labels)
    ax.tick_params(axis="y", length=0)
    for text, name in zip(ax.get_yticklabels(), network.populations, strict=True):
        text.set_color(colors[name])
    ax.set_ylabel("")


def _spread(middles: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Return the places moved apart downwards, then up from the last, so that none is nearer than ``distance``."""
    places = middles.copy()
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + distance)
    places[-1] = middles[-1]
    for i in reversed(range(len(places) - 1)):
        places[i] = min(places[i], places[i + 1] - distance)
    return places


def _window(result: Result) -> tuple[float, float]:
    if result.dipoles:
        return float(result.dipoles[0].times[0]), float(result.dipoles[0].times[-1])
    times = result.cell_response.times
    if times is not None and times.size > 1:
        return float(times[0]), float(times[-1])
    return 0.0, _last_spike(result.cell_response)


def _last_spike(response: CellResponse) -> float:
    return float(max(times.max() for times in response.spike_times if times.size))


def _title(result: Result, network: NetworkSpec | None, dipoles: Sequence[Dipole], smooth: float | None) -> str:
    parts = []
    if network is not None:
        counts = network.gid_counts()
        parts.append(_cells(sum(counts[name] for name in network.populations)))
    parts.append(f"{result.n_trials} trial{'' if result.n_trials == 1 else 's'}")
    if dipoles and smooth is not None:
        parts.append(f"smoothed over {smooth:g} ms")
    return " · ".join(parts)


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"
