"""The network in space, its sections coloured by their voltage, still or as a film."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.cell_response import CellResponse
from hnnlib.viz.colors import checked_color, checked_colormap, ink_on
from hnnlib.viz.movie import check_movie_path, frame_numbers, write_movie
from hnnlib.viz.network import network_of, sections_of
from hnnlib.viz.style import add_colorbar, one_axes

__all__ = ["NetworkPlotter", "section_voltages"]

POINTS_PER_UM = 0.12
"""Width of lines (points per µm of diameter), and the least width (points)."""

THINNEST = 0.5


def section_voltages(
    response: CellResponse | None, gids: NDArray[np.int64], names: Sequence[str], v0: NDArray[np.float64], trial: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the voltage of each section over time.

    Parameters
    ----------
    response : CellResponse or None
        What was recorded.
    gids, names : sequence, n_sections
        The sections.
    v0 : ndarray, shape (n_sections,)
        Their voltages before a run (mV).
    trial : int
        The trial.

    Returns
    -------
    times : ndarray, shape (n_times,)
        Times (ms); only 0 where nothing was simulated.
    voltages : ndarray, shape (n_sections, n_times)
        Voltages (mV).

    Raises
    ------
    InvalidValue
        If a simulation did not record all of them.
    """
    if response is None:
        return np.zeros(1), v0[:, np.newaxis]
    traces = response.recordings.get("vsec")
    rows: dict[tuple[int, str], int] = {}
    if traces is not None and traces.sections is not None:
        rows = {key: row for row, key in enumerate(zip(traces.gids, traces.sections, strict=True))}
    wanted = list(zip(gids.tolist(), names, strict=True))
    missing = next((key for key in wanted if key not in rows), None)
    if traces is None or missing is not None:
        raise InvalidValue(
            "net", f"gid {missing[0]}, {missing[1]}" if missing else None, "must be simulated with record_vsec='all'"
        )
    order = np.array([rows[key] for key in wanted])
    data = traces.data[trial]
    return traces.times, data if np.array_equal(order, np.arange(len(data))) else data[order]


def _number(name: str, value: Any) -> float:
    return finite_number(name, value, "mV" if name in ("vmin", "vmax") else "degrees")


def _index(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidType(name, value, "must be an integer") from None
    if number < 0:
        raise InvalidValue(name, value, "must be >= 0")
    return number


def _limits(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise InvalidType(name, value, "must be two numbers in µm")
    low, high = (finite_number(name, v, "µm") for v in value)
    if low >= high:
        raise InvalidValue(name, value, "must be rising (µm)")
    return low, high


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidType(name, value, "must be True or False")
    return value


def _check(name: str) -> Callable[[str, Any], Any] | None:
    """Return what checks a setting of a plotter, or None for its other attributes."""
    checks: dict[tuple[str, ...], Callable[[str, Any], Any]] = {
        ("vmin", "vmax", "elev", "azim"): _number,
        ("xlim", "ylim", "zlim"): _limits,
        ("trial_idx", "time_idx"): _index,
        ("bg_color",): checked_color,
        ("voltage_colormap",): checked_colormap,
        ("colorbar",): _flag,
    }
    return next((check for names, check in checks.items() if name in names), None)


class NetworkPlotter:
    """The sections of all cells in space, coloured by their voltage, which can be looked at from anywhere and filmed.

    Everything but ``net`` and ``ax`` can be changed afterwards: ``plotter.azim = 45``, ``plotter.time_idx = 120``.

    Parameters
    ----------
    net : Network or Result
        The network after `simulate_dipole` with ``record_vsec='all'``, or the result of such a run. A network that was
        not simulated has its voltages before a run.
    ax : matplotlib.axes.Axes, optional
        Where to draw, with three dimensions. Left out: in a new figure.
    vmin, vmax : float
        Voltages at the ends of the colours (mV).
    bg_color : color
        Of the background.
    colorbar : bool
        Whether to explain the colours.
    voltage_colormap : str or matplotlib.colors.Colormap
        Colours of voltages.
    elev, azim : float
        Where it is looked at from (degrees).
    xlim, ylim, zlim : tuple of float, optional
        Limits of what is seen (µm). Left out: all cells.
    trial_idx : int
        The trial.
    time_idx : int
        Number of the sample in the recording.
    inplane_distance : float, optional
        Distance of neighbours on the grid in the picture (µm), e.g. 300, where the cells of the model stand so close
        that they can't be told apart. Left out: the network's own.

    Attributes
    ----------
    fig, ax : matplotlib.figure.Figure, matplotlib.axes.Axes
        Where it is drawn.
    times : ndarray, shape (n_times,)
        Times of the recording (ms).
    vsec_array : ndarray, shape (n_sections, n_times)
        Voltage of each section (mV), cell by cell in the order of gids.

    Raises
    ------
    InvalidType, InvalidValue
        If a setting is not allowed, or a simulation did not record the voltages of all sections.
    """

    def __init__(
        self,
        net: Any,
        ax: Any = None,
        vmin: float = -100.0,
        vmax: float = 50.0,
        bg_color: Any = "black",
        colorbar: bool = True,
        voltage_colormap: Any = "viridis",
        elev: float = 10.0,
        azim: float = -500.0,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        zlim: tuple[float, float] | None = None,
        trial_idx: int = 0,
        time_idx: int = 0,
        *,
        inplane_distance: float | None = None,
    ) -> None:
        self._ready = False
        sections = sections_of(network_of(net), inplane_distance)
        self._sections, self._response = sections, getattr(net, "cell_response", None)
        low, high = sections.ends_um.min(axis=(0, 1)), sections.ends_um.max(axis=(0, 1))
        fitting = [(a - 0.03 * (b - a) - 20.0, b + 0.03 * (b - a) + 20.0) for a, b in zip(low, high, strict=True)]
        self.xlim, self.ylim, self.zlim = (
            own if given is None else given for own, given in zip(fitting, (xlim, ylim, zlim), strict=True)
        )
        self.vmin, self.vmax, self.voltage_colormap = vmin, vmax, voltage_colormap
        self.elev, self.azim, self.bg_color, self.colorbar = elev, azim, bg_color, colorbar
        self.trial_idx, self.time_idx = trial_idx, time_idx
        self._load()
        self._draw(ax)
        for setting in ("vmin", "elev", "bg_color", "time_idx"):
            self._apply(setting)
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Check a setting, keep it and show it; one that is not allowed changes nothing."""
        check = _check(name)
        before = self.__dict__.get(name)
        object.__setattr__(self, name, value if check is None else check(name, value))
        if check is None or not self._ready:
            return
        try:
            self._apply(name)
        except InvalidValue:
            object.__setattr__(self, name, before)
            raise

    @property
    def color_array(self) -> NDArray[np.float64]:
        """Colour (RGBA) of each section at each time, shape (n_sections, n_times, 4)."""
        return np.asarray(self.voltage_colormap(self._lines.norm(self.vsec_array)))

    def update_section_voltages(self, t_idx: int) -> None:
        """Show the voltages of another time.

        Parameters
        ----------
        t_idx : int
            Number of the sample in the recording.
        """
        self.time_idx = t_idx

    def _load(self) -> None:
        n_trials = 1 if self._response is None else self._response.n_trials
        if self.trial_idx >= n_trials:
            raise InvalidValue("trial_idx", self.trial_idx, f"must be 0 to {n_trials - 1}")
        s = self._sections
        self.times, self.vsec_array = section_voltages(self._response, s.gid, s.names, s.v0_mV, self.trial_idx)

    def _draw(self, ax: Any) -> None:
        from mpl_toolkits.mplot3d.art3d import Line3DCollection

        own = ax is None
        self.fig, self.ax = one_axes(ax, size=(6.4, 4.8), three_d=True)
        widths = np.maximum(POINTS_PER_UM * self._sections.diam_um, THINNEST)
        self._lines = Line3DCollection(self._sections.ends_um, linewidths=widths, capstyle="butt")
        self.ax.add_collection3d(self._lines)
        self._clock = self.ax.text2D(0.02, 0.96, "", transform=self.ax.transAxes, fontsize=10, va="top")
        self.ax.set_axis_off()
        self.cbar = add_colorbar(self._lines, self.ax, "Voltage (mV)", own=own)
        if own:
            self.fig.set_layout_engine("none")  # it leaves three-dimensional axes much unused room
            self.ax.set_position((0.0, 0.0, 0.86, 1.0))
            self.cbar.ax.set_axes_locator(None)
            self.cbar.ax.set_position((0.86, 0.12, 0.02, 0.76))

    def _apply(self, setting: str) -> None:
        """Bring the picture in line with a setting and those that go with it."""
        if setting in ("time_idx", "trial_idx"):
            self._load()
            if self.time_idx >= self.times.size:
                raise InvalidValue("time_idx", self.time_idx, f"must be 0 to {self.times.size - 1}")
            self._show(self.time_idx)
        elif setting in ("vmin", "vmax", "voltage_colormap"):
            if self.vmin >= self.vmax:
                raise InvalidValue("vmin, vmax", (self.vmin, self.vmax), "must rise (mV)")
            self._lines.set_cmap(self.voltage_colormap)
            self._lines.set_clim(self.vmin, self.vmax)
        elif setting in ("bg_color", "colorbar"):
            ink = ink_on(self.bg_color)
            self.ax.set_facecolor(self.bg_color)
            self.fig.set_facecolor(self.bg_color)
            self._clock.set_color(ink)
            self.cbar.ax.set_visible(self.colorbar)
            self.cbar.ax.tick_params(colors=ink)
            self.cbar.ax.yaxis.label.set_color(ink)
        else:
            self._look()

    def _look(self) -> None:
        """Look at the network from where the settings say, as near as shows all of it."""
        from mpl_toolkits.mplot3d.proj3d import proj_transform

        limits = np.array([self.xlim, self.ylim, self.zlim])
        self.ax.set(xlim=limits[0], ylim=limits[1], zlim=limits[2])
        self.ax.view_init(elev=self.elev, azim=self.azim)
        points = np.clip(self._sections.ends_um.reshape(-1, 3), limits[:, 0], limits[:, 1]).T
        zoom = 1.0
        for _ in range(3):  # what is nearer grows faster, so that one step does not hit it
            self.ax.set_box_aspect(np.diff(limits)[:, 0], zoom=zoom)
            self.ax.apply_aspect()
            page = np.transpose(proj_transform(*points, self.ax.get_proj())[:2])
            shown = self.ax.transAxes.inverted().transform(self.ax.transData.transform(page))
            zoom *= 0.47 / float(np.abs(shown - 0.5).max())
        self.ax.set_box_aspect(np.diff(limits)[:, 0], zoom=zoom)

    def _show(self, sample: int) -> None:
        self._lines.set_array(self.vsec_array[:, sample])
        self._clock.set_text(f"{self.times[sample]:.2f} ms")

    def export_movie(
        self,
        fname: str | os.PathLike[str],
        fps: float = 30.0,
        dpi: float = 100.0,
        decim: int = 10,
        interval: float | None = None,
        frame_start: int = 0,
        frame_stop: int | None = None,
        writer: str | None = None,
        overwrite: bool = True,
    ) -> None:
        """Write a film of the simulation, as it is seen from where the plotter looks.

        Parameters
        ----------
        fname : path-like
            Where to; the ending says the format: ``.gif``, ``.html`` (a page with a player) or, where there is ffmpeg,
            ``.mp4``.
        fps : float
            Frames per second.
        dpi : float
            Pixels per inch; the figure is 6.4 by 4.8 inches.
        decim : int
            Film every ``decim``-th sample of the recording.
        interval : float, optional
            How long each frame is shown (ms), in place of ``fps``.
        frame_start : int
            Number of the first sample.
        frame_stop : int, optional
            Number of the sample before which the film ends. Left out: the end of the recording.
        writer : 'pillow', 'html' or 'ffmpeg', optional
            Who writes. Left out: by the ending.
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        InvalidValue
            If the network was not simulated, or a number is not allowed.
        OutputError
            If the file can't be written, or its ending is no film's.
        UnknownName
            If there is no such writer.
        """
        check_movie_path(fname, writer, overwrite)
        if self.times.size < 2:
            raise InvalidValue("net", None, "must be simulated with record_vsec='all' before a film can be made of it")
        frames = frame_numbers(self.times.size, decim, frame_start, frame_stop)
        if interval is not None:
            fps = 1000.0 / finite_number("interval", interval, "ms")
        try:
            write_movie(
                self.fig,
                [self._lines, self._clock],
                self._show,
                frames,
                fname,
                fps=fps,
                dpi=dpi,
                writer=writer,
                overwrite=overwrite,
            )
        finally:
            self._show(self.time_idx)
