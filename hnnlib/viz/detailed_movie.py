"""Films of a detailed cell: voltage along its branches, and the cell in space with the synapses that are active."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, rising_times, traces
from hnnlib.base.errors import InvalidValue
from hnnlib.viz.branches import (
    SYNAPSE_COLORS,
    activations_of,
    checked_segments,
    domain_colors,
    is_soma,
    limits_of,
    signed_distance,
    spread_positions,
)
from hnnlib.viz.camera import Camera, Tree
from hnnlib.viz.colors import checked_color, checked_colormap, colors_of, ink_on
from hnnlib.viz.detailed import distance_label, domain_handles, draw_distance, scale_bar
from hnnlib.viz.movie import check_movie_path, write_movie
from hnnlib.viz.style import INK, figure_of, new_axes

__all__ = ["export_morphology_movie", "export_voltage_distance_movie"]


@attrs.frozen(kw_only=True, eq=False)
class _Film:
    """What every film has: voltages and the samples that become frames."""

    segments: Any
    times: NDArray[np.float64]  # (n_times,)
    voltages: NDArray[np.float64]  # (n_segments, n_times)
    frames: NDArray[np.int64]  # samples
    somatic: NDArray[np.float64]  # (n_times,)

    @property
    def shown(self) -> NDArray[np.float64]:
        """Voltages of all frames, shape (n_segments, n_frames)."""
        return self.voltages[:, self.frames]


def _film(segments: Any, times: Any, voltages: Any, tstart: Any, tstop: Any, tstep: Any) -> _Film:
    checked_segments(segments)
    t, v = rising_times("times", times), traces("voltages", voltages)
    n = len(segments.section)
    if v.shape != (n, t.size):
        raise InvalidValue("voltages.shape", v.shape, f"must be (n_segments, n_times): ({n}, {t.size})")
    start = t[0] if tstart is None else finite_number("tstart", tstart, "ms")
    stop = t[-1] if tstop is None else finite_number("tstop", tstop, "ms")
    step = positive_number("tstep", tstep, "ms")
    if not t[0] <= start <= stop <= t[-1]:
        allowed = f"must rise, within the recording, from {t[0]:g} to {t[-1]:g} ms"
        raise InvalidValue("tstart, tstop", (tstart, tstop), allowed)
    wanted = start + step * np.arange(int((stop - start) / step * (1 + 1e-9)) + 1)
    near = np.clip(np.searchsorted(t, wanted), 1, max(t.size - 1, 1)) if t.size > 1 else np.zeros(1, np.int64)
    near = near - (wanted - t[near - 1] < t[near] - wanted) if t.size > 1 else near
    soma = np.flatnonzero(is_soma(segments))
    somatic = v[soma[soma.size // 2]] if soma.size else v[0]
    return _Film(segments=segments, times=t, voltages=v, frames=near.astype(np.int64), somatic=somatic)


class _Clock:
    """The soma's voltage over time below a film, with a line at the time that is shown."""

    def __init__(self, film: _Film, ax: Any, above: Any, ink: str, label: str) -> None:
        self._times = film.times
        seen = slice(film.frames[0], film.frames[-1] + 1)
        ax.plot(film.times[seen], film.somatic[seen], color=ink, lw=1.0)
        if film.frames[-1] > film.frames[0]:
            ax.set_xlim(film.times[film.frames[0]], film.times[film.frames[-1]])
        ax.set(xlabel="Time (ms)", ylabel="Soma (mV)" if label == "Voltage (mV)" else "Soma")
        first = film.times[film.frames[0]]
        self.line = ax.axvline(first, color="#D55E00", lw=1.5)
        self.text = above.text(
            1.0, 1.01, f"{first:.1f} ms", transform=above.transAxes, ha="right", va="bottom", color=ink
        )
        self.moving = [self.line, self.text]

    def show(self, sample: int) -> None:
        self.line.set_xdata([self._times[sample]] * 2)
        self.text.set_text(f"{self._times[sample]:.1f} ms")


class _Active:
    """Dots at the synapses that were active a moment ago."""

    def __init__(
        self, ax: Any, film: _Film, activations: Any, colors: Any, duration: Any, size: float, edge: str
    ) -> None:
        from matplotlib.colors import to_rgba_array

        events = {} if activations is None else activations_of(activations, film.segments)
        self.colors = colors_of(list(events), colors, argument="colors", cycle=SYNAPSE_COLORS) if events else {}
        self._times, self._for = film.times, positive_number("active_for", duration, "ms")
        when = np.concatenate([np.empty(0), *(times for _, times in events.values())])
        order = np.argsort(when, kind="stable")
        self.segment = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in events.values())])[order]
        self.places = spread_positions(film.segments, self.segment)
        number = np.repeat(np.arange(len(events)), [times.size for _, times in events.values()])[order]
        self._inks = to_rgba_array(list(self.colors.values()) or ["k"])[number] if when.size else np.zeros((0, 4))
        self._when = when[order]
        self.dots = ax.scatter([], [], s=size, linewidths=0.6, edgecolors=edge, zorder=5)

    def now(self, sample: int) -> slice:
        """Return which events are shown."""
        t = self._times[sample]
        first, last = np.searchsorted(self._when, [t - self._for, t], side="right")
        return slice(int(first), int(last))

    def show(self, places: NDArray[np.float64], which: slice) -> None:
        self.dots.set_offsets(places)
        self.dots.set_facecolors(self._inks[which])

    def handles(self) -> list[Any]:
        """Return what names the populations in a legend."""
        from matplotlib.lines import Line2D

        return [Line2D([], [], color=c, marker="o", ms=5, ls="", label=name) for name, c in self.colors.items()]


def export_voltage_distance_movie(
    segments: Any,
    times: Any,
    voltages: Any,
    fname: str | os.PathLike[str],
    *,
    activations: Mapping[str, Any] | None = None,
    active_for: float = 2.0,
    tstart: float | None = None,
    tstop: float | None = None,
    tstep: float = 0.5,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    label: str = "Voltage (mV)",
    colors: Any = None,
    fps: float = 20.0,
    dpi: float = 100.0,
    writer: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a film of the voltage against the path distance from the soma, one line a section.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    times : array-like, shape (n_times,)
        Times of the recording (ms), rising.
    voltages : array-like, shape (n_segments, n_times)
        Voltage of each segment (mV), or another quantity that ``label`` names.
    fname : path-like
        Where to; the ending says the format: ``.gif``, ``.html`` (a page with a player) or, where there is ffmpeg,
        ``.mp4``.
    activations : dict of str to (array of int, array of float), optional
        Population -> segments and times (ms) of its synapses' activations: dots on the segments' voltage.
    active_for : float
        How long an activation is shown (ms of the simulation).
    tstart, tstop : float, optional
        The part of the recording that is filmed (ms). Left out: all of it.
    tstep : float
        Time from frame to frame (ms); frames show the nearest samples.
    xlim : tuple of float, optional
        Limits of the distance (µm); basal dendrites and the axon are at negative ones.
    ylim : tuple of float, optional
        Limits of the voltage (mV). Left out: all that is filmed.
    label : str
        What is filmed, with its unit.
    colors : dict of str to color, optional
        Of domains and populations, by name.
    fps : float
        Frames per second, at most 50 in a GIF.
    dpi : float
        Pixels per inch; the figure is 7 by 5 inches.
    writer : 'pillow', 'html' or 'ffmpeg', optional
        Who writes. Left out: by the ending.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidType, InvalidValue
        If ``segments`` are none, or another argument doesn't fit them.
    OutputError
        If the file can't be written, or its ending is no film's.
    UnknownName
        If there is no such writer, or ``colors`` names what is not drawn.
    """
    import matplotlib.pyplot as plt

    check_movie_path(fname, writer, overwrite)
    film = _film(segments, times, voltages, tstart, tstop, tstep)
    limits = limits_of("xlim", xlim, "µm"), limits_of("ylim", ylim, "the unit of voltages")
    inks, dot_inks = _shared_colors(segments, activations, colors)
    figure, (top, below) = new_axes(2, size=(7.0, 5.0), height_ratios=(3.6, 1.0), sharex=False)
    try:
        lines, at = draw_distance(top, segments, film.voltages[:, film.frames[0]], inks)
        low, high = float(film.shown.min()), float(film.shown.max())
        edge = 0.04 * (high - low) or 1.0
        top.set(xlabel=distance_label(segments), ylabel=label, ylim=limits[1] or (low - edge, high + edge))
        if limits[0] is not None:
            top.set_xlim(limits[0])
        active = _Active(top, film, activations, dot_inks, active_for, 20.0, "white")
        clock = _Clock(film, below, top, INK, label)
        handles = [*domain_handles(inks), *active.handles()]
        top.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
        distance = signed_distance(segments)

        def draw(sample: int) -> None:
            now = film.voltages[:, sample]
            lines.set_segments(at(now))
            which = active.now(sample)
            rows = active.segment[which]
            active.show(np.stack([distance[rows], now[rows]], axis=1), which)
            clock.show(sample)

        moving = [lines, active.dots, *clock.moving]
        options: dict[str, Any] = {"fps": fps, "dpi": dpi, "writer": writer, "overwrite": overwrite}
        write_movie(figure, moving, draw, film.frames.tolist(), fname, **options)
    finally:
        plt.close(figure)


def _shared_colors(segments: Any, activations: Any, given: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the colours of domains, and those that were given for populations."""
    if not isinstance(given, Mapping):
        return domain_colors(segments, given), None
    mine = {name: color for name, color in given.items() if name in (activations or {})}
    return domain_colors(segments, {name: c for name, c in given.items() if name not in mine}), mine


def export_morphology_movie(
    segments: Any,
    times: Any,
    voltages: Any,
    fname: str | os.PathLike[str],
    *,
    activations: Mapping[str, Any] | None = None,
    active_for: float = 2.0,
    tstart: float | None = None,
    tstop: float | None = None,
    tstep: float = 0.5,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    clim: tuple[float, float] = (-80.0, 20.0),
    label: str = "Voltage (mV)",
    colormap: Any = "coolwarm",
    colors: Any = None,
    bg_color: Any = "black",
    elev: float = 8.0,
    azim: float = 0.0,
    turn: float = 0.5,
    marker_size: float = 5.0,
    fps: float = 20.0,
    dpi: float = 100.0,
    writer: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a film of the cell in space, coloured by its voltage, with the active synapses, from a camera that turns.

    There is no perspective; what is farther away is paler. The soma's voltage runs along below.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments, e.g. ``cell.segments``.
    times : array-like, shape (n_times,)
        Times of the recording (ms), rising.
    voltages : array-like, shape (n_segments, n_times)
        Voltage of each segment (mV), or another quantity that ``label`` names.
    fname : path-like
        Where to; the ending says the format: ``.gif``, ``.html`` (a page with a player) or, where there is ffmpeg,
        ``.mp4``.
    activations : dict of str to (array of int, array of float), optional
        Population -> segments and times (ms) of its synapses' activations: dots, spread along the segments.
    active_for : float
        How long an activation is shown (ms of the simulation).
    tstart, tstop : float, optional
        The part of the recording that is filmed (ms). Left out: all of it.
    tstep : float
        Time from frame to frame (ms); frames show the nearest samples.
    xlim, ylim : tuple of float, optional
        Limits of what is seen across and up (µm), the middle of the soma at 0 of both. Left out: all of the cell,
        wherever the camera is.
    clim : tuple of float
        Voltages at the ends of the colours (mV).
    label : str
        What is filmed, with its unit.
    colormap : str or matplotlib.colors.Colormap
        Colours of voltages.
    colors : color, list of color or dict of str to color, optional
        Of the populations.
    bg_color : color
        Of the background.
    elev, azim : float
        Where the camera is at the beginning (degrees): above the horizon, and around the cell from the front.
    turn : float
        How far it turns from frame to frame (degrees).
    marker_size : float
        Size of the dots (points).
    fps : float
        Frames per second, at most 50 in a GIF.
    dpi : float
        Pixels per inch; the figure is 5 by 7.2 inches.
    writer : 'pillow', 'html' or 'ffmpeg', optional
        Who writes. Left out: by the ending.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidType, InvalidValue
        If ``segments`` are none, or another argument doesn't fit them.
    OutputError
        If the file can't be written, or its ending is no film's.
    UnknownName
        If there is no such writer or colormap, or ``colors`` names what is not drawn.
    """
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    check_movie_path(fname, writer, overwrite)
    film = _film(segments, times, voltages, tstart, tstop, tstep)
    camera = Camera(segments, elev, azim, turn)
    window = camera.window(limits_of("xlim", xlim, "µm"), limits_of("ylim", ylim, "µm"))
    cmap, bounds = checked_colormap("colormap", colormap), limits_of("clim", clim, "mV") or (-80.0, 20.0)
    background = checked_color("bg_color", bg_color)
    ink = ink_on(background)
    figure, (top, below) = new_axes(2, size=(5.0, 7.2), height_ratios=(6.0, 1.0), sharex=False)
    try:
        mappable = ScalarMappable(Normalize(*bounds), cmap)
        tree = Tree(top, segments, camera, film.voltages, mappable, background)
        active = _Active(top, film, activations, colors, active_for, marker_size**2, ink)
        clock = _Clock(film, below, below, ink, label)
        _dress(top, below, mappable, label, ink, background, active.handles())
        tree.fit(top, _fill(top, window, ink))

        def draw(frame: int) -> None:
            sample = int(film.frames[frame])
            tree.show(frame, sample)
            which = active.now(sample)
            active.show(camera.seen(active.places[which], frame)[:, :2], which)
            clock.show(sample)

        moving = [tree.lines, active.dots, *clock.moving]
        options: dict[str, Any] = {"fps": fps, "dpi": dpi, "writer": writer, "overwrite": overwrite}
        write_movie(figure, moving, draw, range(film.frames.size), fname, **options)
    finally:
        plt.close(figure)


def _dress(
    top: Any,
    below: Any,
    mappable: Any,
    label: str,
    ink: str,
    background: Any,
    handles: list[Any],
) -> None:
    """Set up what doesn't move: bar of colours, names of populations, colours of the axes."""
    figure = figure_of(top)
    figure.set_facecolor(background)
    top.set_axis_off()
    bar = figure.colorbar(mappable, cax=top.inset_axes((0.94, 0.3, 0.025, 0.27)))
    bar.set_label(label, size=9, color=ink)
    bar.ax.yaxis.set_label_position("left")
    bar.ax.tick_params(labelsize=8, colors=ink, width=0.8)
    bar.outline.set(linewidth=0.8, edgecolor=ink)
    if handles:
        top.legend(handles=handles, loc="upper left", frameon=False, fontsize=9, labelcolor=ink, handletextpad=0.2)
    below.set_facecolor(background)
    below.tick_params(colors=ink, labelsize=8)
    for spine in below.spines.values():
        spine.set_color(ink)
    for axis in (below.xaxis, below.yaxis):
        axis.label.set(color=ink, size=9)


def _fill(ax: Any, window: NDArray[np.float64], ink: str) -> NDArray[np.float64]:
    """Show the window, and as much round it as the axes have room for, to scale; return what is shown."""
    figure = figure_of(ax)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    room = np.array(ax.get_window_extent().size)
    shown = room * np.max((window[1] - window[0]) / room)
    middle = window.mean(axis=0)
    box = np.array([middle - shown / 2, middle + shown / 2])
    ax.set(xlim=box[:, 0], ylim=box[:, 1])
    scale_bar(ax, box + np.array([0.02, 0.03]) * shown, ink)
    return box
