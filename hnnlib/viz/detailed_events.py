"""What happens on a detailed cell: synapses' activations, dendritic events, and spikes around a stimulus or rhythm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.checks import positive_number, time_series
from hnnlib.analysis.dendritic import EVENT_KINDS, DendriticEvents, SpikeTriggeredEvents
from hnnlib.analysis.psth import PhaseHistogram
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.viz.branches import SYNAPSE_COLORS, activations_of, checked_segments, limits_of, signed_distance
from hnnlib.viz.colors import checked_colormap, colors_of
from hnnlib.viz.detailed import distance_label, panel_size, plot_detailed_cell
from hnnlib.viz.style import INK, add_colorbar, finish, legend_above, new_axes, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "plot_activations",
    "plot_dendritic_events",
    "plot_phase_histogram",
    "plot_psth",
    "plot_space_time",
    "plot_spike_triggered_events",
]

TITLES = immutabledict(na="Sodium spikes", nmda="NMDA plateaus", ca="Calcium plateaus")


def plot_activations(
    segments: Any,
    activations: Mapping[str, Any],
    *,
    soma_spikes: Any = (),
    tlim: tuple[float, float] | None = None,
    colors: Any = None,
    marker_size: float = 2.5,
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot when synapses were active, by their path distance from the soma.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    activations : dict of str to (array of int, array of float)
        Population -> segments and times (ms) of its synapses' activations.
    soma_spikes : array-like, shape (n_spikes,)
        When the soma fired (ms): lines.
    tlim : tuple of float, optional
        The part that is plotted (ms). Left out: all of it.
    colors : color, list of color or dict of str to color, optional
        Of the populations.
    marker_size : float
        Size of the dots (points).
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
        If ``colors`` names a population that is not there.
    """
    checked_segments(segments)
    events = activations_of(activations, segments)
    inks = colors_of(list(events), colors, argument="colors", cycle=SYNAPSE_COLORS)
    limits, distance = limits_of("tlim", tlim, "ms"), signed_distance(segments)
    figure, ax = one_axes(ax, size=(6.4, 4.0))
    for at in np.asarray(soma_spikes, np.float64).reshape(-1):
        ax.axvline(at, color=INK, lw=0.8, zorder=1)
    for population, (rows, times) in events.items():
        style = {"marker": "o", "ls": "", "ms": marker_size, "mew": 0, "color": inks[population]}
        ax.plot(times, distance[rows], label=f"{population} ({times.size})", **style)
    if limits is not None:
        ax.set_xlim(limits)
    else:
        ax.margins(x=0.01)
    ax.set(xlabel="Time (ms)", ylabel=distance_label(segments, upright=True))
    legend_above(ax, ax.get_legend_handles_labels()[0])
    return finish(figure, show)


def plot_space_time(
    times: Any,
    distances: Any,
    counts: Any,
    *,
    label: str = "",
    clim: tuple[float, float] | None = None,
    colormap: Any = "viridis",
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot numbers of events over time and distance, as `hnnlib.analysis.space_time` counts them.

    Parameters
    ----------
    times : array-like, shape (n_bins,)
        Centres of the bins in time (ms).
    distances : array-like, shape (n_distances,)
        Centres of the bins in space (µm).
    counts : array-like, shape (n_distances, n_bins) or (n_trials, n_distances, n_bins)
        What colours the bins; of trials the mean is plotted.
    label : str
        What they are. Left out: events per bin, and per trial where there are several.
    clim : tuple of float, optional
        Values at the ends of the colours. Left out: 0 and the largest.
    colormap : str or matplotlib.colors.Colormap
        Colours of values.
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
        If shapes don't match, or limits don't rise.
    UnknownName
        If there is no such colormap.
    """
    t, d, c = time_series("times", times), time_series("distances", distances), np.asarray(counts, np.float64)
    if c.ndim not in (2, 3) or c.shape[-2:] != (d.size, t.size):
        raise InvalidValue("counts.shape", c.shape, f"must be ({d.size}, {t.size}) or (n_trials, {d.size}, {t.size})")
    n_trials = 1 if c.ndim == 2 else len(c)
    bounds, cmap = limits_of("clim", clim, "the unit of counts"), checked_colormap("colormap", colormap)
    own = ax is None
    figure, ax = one_axes(ax, size=(6.4, 4.0))
    mean = c if c.ndim == 2 else c.mean(axis=0)
    low, high = bounds or (0.0, float(mean.max()) or 1.0)
    image = ax.pcolormesh(_edges(t), _edges(d), mean, cmap=cmap, vmin=low, vmax=high, rasterized=True)
    ax.set(xlabel="Time (ms)", ylabel="Path distance from the soma (µm)")
    width, height = _width(t), _width(d)
    told = f"Events per {width:g} ms and {height:g} µm" + (" and trial" if n_trials > 1 else "")
    add_colorbar(image, ax, label or told, own=own)
    return finish(figure, show)


def _width(centres: NDArray[np.float64]) -> float:
    return float(centres[1] - centres[0]) if centres.size > 1 else 1.0


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(centres, centres[-1] + _width(centres)) - _width(centres) / 2


def plot_psth(
    times: Any,
    values: Any,
    *,
    label: str = "Events per trial and bin",
    onset: float | None = None,
    colors: Any = None,
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot a peristimulus time histogram, as `hnnlib.analysis.psth` makes it, or several over each other.

    Parameters
    ----------
    times : array-like, shape (n_bins,)
        Centres of the bins (ms), evenly spaced.
    values : array-like, shape (n_bins,), or dict of str to array-like
        The histogram, or name -> histogram.
    label : str
        What they are, with their unit.
    onset : float, optional
        When the stimulus was (ms): a line.
    colors : color, list of color or dict of str to color, optional
        Of the histograms.
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
    InvalidValue
        If shapes don't match.
    UnknownName
        If ``colors`` names what is not drawn.
    """
    t = time_series("times", times)
    several = isinstance(values, Mapping)
    shown = dict(values) if several else {"": values}
    series = {name: time_series(f"values[{name!r}]" if several else "values", v) for name, v in shown.items()}
    for name, v in series.items():
        if v.shape != t.shape:
            raise InvalidValue(f"values[{name!r}].shape" if several else "values.shape", v.shape, f"must be {t.shape}")
    inks = colors_of(list(series), colors, argument="colors", cycle=SYNAPSE_COLORS if several else (INK,))
    figure, ax = one_axes(ax, size=(6.4, 2.8))
    edges = _edges(t)
    for name, v in series.items():
        ax.stairs(v, edges, fill=True, alpha=0.2 if several else 0.35, color=inks[name], lw=0)
        ax.stairs(v, edges, color=inks[name], lw=1.3, label=name)
    if onset is not None:
        ax.axvline(onset, color="#8C8C8C", lw=1.0, ls="--", zorder=0)
    ax.set(xlabel="Time (ms)", ylabel=label, xlim=(edges[0], edges[-1]))
    if all((v >= 0).all() for v in series.values()):
        ax.set_ylim(bottom=0)
    if several:
        legend_above(ax, ax.get_legend_handles_labels()[0])
    return finish(figure, show)


def plot_dendritic_events(
    segments: Any,
    events: DendriticEvents | Sequence[DendriticEvents],
    duration: float,
    *,
    kinds: Sequence[str] | None = None,
    colormap: Any = "viridis",
    show: bool = True,
) -> Figure:
    """Plot how often dendritic events were in each segment: one picture of the cell for each kind.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    events : DendriticEvents or sequence of DendriticEvents, n_trials
        What `hnnlib.analysis.dendritic_events` found, in one trial or each.
    duration : float
        How long a trial was (ms).
    kinds : sequence of str, optional
        Of ``'na'``, ``'nmda'``, ``'ca'``. Left out: those that occur.
    colormap : str or matplotlib.colors.Colormap
        Colours of rates.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Segments without an event are grey.

    Raises
    ------
    InvalidType, InvalidValue
        If ``segments`` or ``events`` are none, or don't belong together.
    UnknownName
        If there is no such kind or colormap.
    """
    checked_segments(segments)
    trials = [events] if isinstance(events, DendriticEvents) else list(events)
    for i, found in enumerate(trials):
        if not isinstance(found, DendriticEvents):
            raise InvalidType(f"events[{i}]", found, "must be DendriticEvents")
    span, n = positive_number("duration", duration, "ms"), len(segments.section)
    there = [kind for kind in EVENT_KINDS if any((found.kind == kind).any() for found in trials)]
    chosen = list(there or EVENT_KINDS[:1]) if kinds is None else list(kinds)
    rates = {}
    for kind in chosen:
        where = np.concatenate([np.empty(0, np.int64), *(found.of(kind).segment for found in trials)])
        if where.size and not 0 <= where.min() <= where.max() < n:
            raise InvalidValue("events", int(where.max()), f"is no segment of the cell, which has 0 to {n - 1}")
        rates[kind] = np.bincount(where, minlength=n) * 1000.0 / (span * max(len(trials), 1))
    width, height = panel_size(segments)
    part = min(12.0 / (width * len(chosen)), 0.75)  # at most 12 inches wide
    figure, axes = new_axes(1, len(chosen), size=(part * width * len(chosen), part * height))
    for ax, (kind, rate) in zip(axes, rates.items(), strict=True):
        top = float(rate.max()) or 1.0
        seen = np.where(rate > 0, rate, np.nan)
        options: dict[str, Any] = {"clim": (0.0, top), "colormap": colormap, "title": TITLES[kind], "show": False}
        plot_detailed_cell(segments, seen, "Events per s", ax=ax, **options)
    return finish(figure, show)


def plot_spike_triggered_events(
    average: SpikeTriggeredEvents,
    label: str = "Path distance from the soma (µm)",
    *,
    title: str = "",
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot how many dendritic events there are around an action potential beyond those by chance.

    Parameters
    ----------
    average : SpikeTriggeredEvents
        What `hnnlib.analysis.spike_triggered_events` found.
    label : str
        What segments were grouped by, with its unit.
    title : str
        What stands above.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Groups, which have one height, stand from the lowest value at the bottom to the highest.

    Raises
    ------
    InvalidType
        If ``average`` is none.
    InvalidValue
        If there was no action potential.
    """
    if not isinstance(average, SpikeTriggeredEvents):
        raise InvalidType("average", average, "must be what spike_triggered_events returns")
    if average.n_spikes == 0:
        raise InvalidValue("average.n_spikes", 0, "must be at least 1: there is nothing to plot")
    own = ax is None
    figure, ax = one_axes(ax, size=(6.4, 3.8))
    most = float(np.abs(average.additional).max()) or 1.0
    groups = np.arange(average.edges.size)
    options: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most, "rasterized": True}
    image = ax.pcolormesh(_edges(average.lags), groups, average.additional, **options)
    ax.axvline(0.0, color=INK, lw=0.8, ls="--")
    form = ".0f" if np.abs(average.edges).max() >= 100 else ".3g"
    ax.set_yticks(groups, [f"{edge:{form}}" for edge in average.edges])
    ax.set(xlabel="Time from the action potential (ms)", ylabel=label)
    add_colorbar(image, ax, f"Additional events per action potential\nand {_width(average.lags):g} ms", own=own)
    put_title(ax, title or f"{average.n_spikes} action potentials")
    return finish(figure, show)


def plot_phase_histogram(
    histogram: PhaseHistogram, *, color: Any = "#0072B2", ax: Any = None, show: bool = True
) -> Figure:
    """Plot how spikes are spread over the phase of a rhythm, over two of its periods.

    Parameters
    ----------
    histogram : PhaseHistogram
        What `hnnlib.analysis.phase_histogram` found.
    color : color
        Of the bars.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. The thin line is the rhythm, a sine.

    Raises
    ------
    InvalidType
        If ``histogram`` is none.
    """
    if not isinstance(histogram, PhaseHistogram):
        raise InvalidType("histogram", histogram, "must be what phase_histogram returns")
    figure, ax = one_axes(ax, size=(4.8, 2.8))
    width = 2 * np.pi / histogram.phases.size
    edges = np.concatenate([histogram.phases - width / 2, histogram.phases - width / 2 + 2 * np.pi, [3 * np.pi]])
    counts = np.tile(histogram.counts, 2)
    ax.stairs(counts, edges, fill=True, color=color, alpha=0.8)
    top = float(counts.max()) * 1.15 or 1.0
    phase = np.linspace(-np.pi, 3 * np.pi, 200)
    ax.plot(phase, top * (0.5 + 0.45 * np.sin(phase)), color="#8C8C8C", lw=1.0)
    ax.set(xlim=(-np.pi, 3 * np.pi), ylim=(0, top), xlabel="Phase of the rhythm (rad)", ylabel="Spikes")
    ax.set_xticks(np.pi * np.arange(-1, 4), ["-π", "0", "π", "2π", "3π"])
    n = int(histogram.counts.sum())
    put_title(ax, f"{n} spikes, vector strength {histogram.vector_strength:.2f}, p = {histogram.p_value:.2g}")
    return finish(figure, show)
