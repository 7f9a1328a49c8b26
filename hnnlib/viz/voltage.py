"""Voltage along a cell: over time as a picture, and running through its branches as a film."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.spec.cells import CellSpec
from hnnlib.viz.colors import checked_colormap
from hnnlib.viz.movie import check_movie_path, frame_numbers, write_movie
from hnnlib.viz.network import network_of
from hnnlib.viz.plotter import section_voltages
from hnnlib.viz.series import in_window
from hnnlib.viz.style import INK, add_colorbar, finish, new_axes, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["export_cell_movie", "plot_cell_voltage"]


@attrs.frozen(kw_only=True, eq=False)
class _Cell:
    """The recorded voltages of one cell, its sections from the lowest to the highest."""

    gid: int
    population: str
    spec: CellSpec
    names: tuple[str, ...]
    times: NDArray[np.float64]  # (n_times,)
    voltages: NDArray[np.float64]  # (n_sections, n_times)


def plot_cell_voltage(
    net: Any,
    gid: int,
    trial_idx: int = 0,
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    vmin: float = -100.0,
    vmax: float = 50.0,
    colorbar: bool = True,
    colormap: Any = "viridis",
    show: bool = True,
) -> Figure:
    """Plot the voltage of all sections of a cell over time, the lowest section at the bottom.

    Parameters
    ----------
    net : Network or Result
        The network after `simulate_dipole` with ``record_vsec='all'``, or the result of such a run.
    gid : int
        The cell.
    trial_idx : int
        The trial.
    tmin, tmax : float, optional
        Plot only this window (ms).
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    vmin, vmax : float
        Voltages at the ends of the colours (mV).
    colorbar : bool
        Whether to explain the colours.
    colormap : str or matplotlib.colors.Colormap
        Colours of voltages.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Beside each section stands the length of the path from the root's 0 end to its middle.

    Raises
    ------
    InvalidType
        If ``net`` is neither network nor result.
    InvalidValue
        If there is no such cell or trial, or its voltages were not recorded in all sections.
    """
    cell = _cell(net, gid, trial_idx)
    cmap = checked_colormap("colormap", colormap)
    times, voltages = in_window(cell.times, cell.voltages, tmin, tmax, None, "recording")
    own = ax is None
    figure, ax = one_axes(ax, size=(7.0, 1.4 + 0.26 * len(cell.names)))
    image = _draw_map(ax, cell, times, voltages, cmap, vmin, vmax)
    put_title(ax, f"{cell.population}, gid {cell.gid}")
    if colorbar:
        add_colorbar(image, ax, "Voltage (mV)", own=own)
    return finish(figure, show)


def _cell(net: Any, gid: Any, trial: int) -> _Cell:
    network = network_of(net)
    response = getattr(net, "cell_response", None)
    if response is None:
        raise InvalidValue("net", net, "must be simulated with record_vsec='all'")
    if not 0 <= trial < response.n_trials:
        raise InvalidValue("trial_idx", trial, f"must be 0 to {response.n_trials - 1}")
    owner = np.repeat(list(network.populations), [network.gid_counts()[name] for name in network.populations])
    if isinstance(gid, bool) or not isinstance(gid, int | np.integer):
        raise InvalidType("gid", gid, "must be an integer")
    if not 0 <= gid < owner.size:
        raise InvalidValue("gid", gid, f"is no cell of the network: must be 0 to {owner.size - 1}")
    name = str(owner[gid])
    spec = network.populations[name].detailed_cell
    # By height; sections at one height by how far they are along the tree.
    ends = spec.section_ends()
    names = sorted(spec.sections, key=lambda n: (round(float(ends[n][:, 2].mean()), 3), _path(spec, n)))
    times, voltages = section_voltages(response, np.full(len(names), gid), names, np.zeros(len(names)), trial)
    return _Cell(gid=int(gid), population=name, spec=spec, names=tuple(names), times=times, voltages=voltages)


def _path(spec: CellSpec, name: str) -> float:
    """Return the length of the path from the root's 0 end to the middle of a section (µm)."""
    return spec.root_distance(name) + spec.sections[name].L / 2


def _draw_map(
    ax: Any, cell: _Cell, times: NDArray[np.float64], voltages: NDArray[Any], cmap: Any, vmin: float, vmax: float
) -> Any:
    extent = (times[0], times[-1], -0.5, len(cell.names) - 0.5)
    image = ax.imshow(
        voltages, extent=extent, origin="lower", aspect="auto", cmap=cmap, vmin=vmin, vmax=vmax, interpolation="nearest"
    )
    labels = [f"{name}, {_path(cell.spec, name):.0f} µm" for name in cell.names]
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("Time (ms)")
    return image


def export_cell_movie(
    net: Any,
    gid: int,
    fname: str | os.PathLike[str],
    trial_idx: int = 0,
    fps: float = 30.0,
    dpi: float = 100.0,
    decim: int = 10,
    frame_start: int = 0,
    frame_stop: int | None = None,
    vmin: float = -100.0,
    vmax: float = 50.0,
    colormap: Any = "viridis",
    writer: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a film of one cell: its branches coloured by their voltage, beside the voltage of all sections over time.

    Parameters
    ----------
    net : Network or Result
        The network after `simulate_dipole` with ``record_vsec='all'``, or the result of such a run.
    gid : int
        The cell.
    fname : path-like
        Where to; the ending says the format: ``.gif``, ``.html`` (a page with a player) or, where there is ffmpeg,
        ``.mp4``.
    trial_idx : int
        The trial.
    fps : float
        Frames per second.
    dpi : float
        Pixels per inch.
    decim : int
        Film every ``decim``-th sample of the recording.
    frame_start, frame_stop : int
        Numbers of the first sample, and of the one before which the film ends (left out: the end).
    vmin, vmax : float
        Voltages at the ends of the colours (mV).
    colormap : str or matplotlib.colors.Colormap
        Colours of voltages.
    writer : 'pillow', 'html' or 'ffmpeg', optional
        Who writes. Left out: by the ending.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidType
        If ``net`` is neither network nor result.
    InvalidValue
        If there is no such cell or trial, or its voltages were not recorded in all sections.
    OutputError
        If the file can't be written, or its ending is no film's.
    UnknownName
        If there is no such writer.
    """
    import matplotlib.pyplot as plt

    check_movie_path(fname, writer, overwrite)
    cell = _cell(net, gid, trial_idx)
    cmap = checked_colormap("colormap", colormap)
    frames = frame_numbers(cell.times.size, decim, frame_start, frame_stop)
    figure, (left, right) = new_axes(n_columns=2, size=(9.0, 5.0), width_ratios=(1.0, 2.2))
    try:
        branches = _draw_branches(left, cell, cmap, vmin, vmax)
        image = _draw_map(right, cell, cell.times, cell.voltages, cmap, vmin, vmax)
        add_colorbar(image, right, "Voltage (mV)")
        put_title(left, f"{cell.population}, gid {cell.gid}")
        cursor = right.axvline(cell.times[frames[0]], color="white", lw=2.0)
        core = right.axvline(cell.times[frames[0]], color=INK, lw=0.8)
        clock = left.text(0.05, 0.98, "", transform=left.transAxes, va="top", fontsize=10, color=INK)

        def draw(sample: int) -> None:
            branches.set_array(cell.voltages[:, sample])
            for line in (cursor, core):
                line.set_xdata([cell.times[sample]] * 2)
            clock.set_text(f"{cell.times[sample]:.2f} ms")

        moving = [branches, cursor, core, clock]
        write_movie(figure, moving, draw, frames, fname, fps=fps, dpi=dpi, writer=writer, overwrite=overwrite)
    finally:
        plt.close(figure)


def _draw_branches(ax: Any, cell: _Cell, cmap: Any, vmin: float, vmax: float) -> Any:
    """Draw a cell from the front, in the x-z plane, with room for the thickness of its branches."""
    from matplotlib.collections import LineCollection

    ends = cell.spec.section_ends()
    lines = np.array([ends[name][:, [0, 2]] for name in cell.names])
    widths = np.clip([0.25 * cell.spec.sections[name].diam for name in cell.names], 1.2, 8.0)
    branches = LineCollection(list(lines), linewidths=widths, cmap=cmap, capstyle="round")
    branches.set_clim(vmin, vmax)
    ax.add_collection(branches)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel="x (µm)", ylabel="z (µm)")
    ax.xaxis.set_major_locator(_few_ticks())
    return branches


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)
