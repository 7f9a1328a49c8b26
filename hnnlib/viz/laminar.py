"""Potentials and current sources over depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, rising_times
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result
from hnnlib.viz.colors import checked_color, population_colors, type_colors
from hnnlib.viz.network import recorded_network
from hnnlib.viz.series import in_window
from hnnlib.viz.spikes import plot_spikes_raster
from hnnlib.viz.style import (
    INK,
    add_colorbar,
    finish,
    legend_above,
    new_axes,
    one_axes,
    put_title,
    round_down,
    trial_numbers,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_laminar", "plot_laminar_csd", "plot_laminar_lfp"]

SINKS = immutabledict(b="RdBu_r", r="RdBu")
"""Colormap for each colour of sinks, which are negative."""

N_DEPTHS = 200
"""Rows of the picture of sources that are interpolated between contacts."""


def plot_laminar_lfp(
    times: Any,
    data: Any,
    contact_labels: Sequence[Any],
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    decim: int | Sequence[int] | None = None,
    color: Any = "cividis",
    voltage_offset: float | str | None = "auto",
    voltage_scalebar: float | str | None = "auto",
    show: bool = True,
) -> Figure:
    """Plot potentials as one trace for each contact, above each other.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms), rising.
    data : array-like, shape (n_contacts, n_times) or (n_trials, n_contacts, n_times)
        Potentials (µV); trials are drawn over each other.
    contact_labels : sequence, n_contacts
        What stands beside each trace: its z (µm), as a number, or a name.
    tmin, tmax : float, optional
        Plot only this window (ms).
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample, as in `plot_dipole`.
    color : str, color or list of color
        Name of a colormap that runs over the contacts, one colour for all, or one for each.
    voltage_offset : float, 'auto' or None
        Distance of neighbouring traces (µV). ``'auto'``: a round number that keeps most of them apart. None: all on
        one axis of potential.
    voltage_scalebar : float, 'auto' or None
        Length of the scale bar (µV). ``'auto'``: a round number. None: no bar. Without offset, the axis tells.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType, InvalidValue
        If shapes don't fit, the window is empty, or an argument is not allowed.
    """
    t, x = _traces(times, data, contact_labels)
    t, x = in_window(t, x, tmin, tmax, decim, "recording")
    inks = _inks(color, x.shape[1])
    offset = _length("voltage_offset", voltage_offset, _auto_offset(x))
    figure, ax = one_axes(ax, size=(6.4, 1.6 + min(0.22 * x.shape[1], 6.0)))
    names = [_contact_name(label) for label in contact_labels]
    places = np.arange(len(names)) * (offset or 0.0)
    if _falls(contact_labels):
        places = places[::-1]
    for name, place, traces, ink in zip(names, places, x.transpose(1, 2, 0), inks, strict=True):
        ax.plot(t, traces + place, color=ink, lw=0.9)[0].set_label(name)
    ax.set_xlabel("Time (ms)")
    ax.margins(x=0)
    if offset is None:
        ax.set_ylabel("Potential (µV)")
        return finish(figure, show)
    ax.set_yticks(*_thinned(places, names))
    ax.set_ylabel(_contacts_label(contact_labels))
    # A trace of ordinary size beyond the outermost has room; larger ones may reach further.
    shown = x + places[:, np.newaxis]
    ax.set_ylim(min(-offset, shown.min()), max(offset * len(names), shown.max()))
    bar = _length("voltage_scalebar", voltage_scalebar, round_down(2.0 * offset))
    if bar is not None:
        _scale_bar(ax, bar)
    return finish(figure, show)


def _traces(times: Any, data: Any, labels: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times, shape (n_times,), and data, shape (n_trials, n_contacts, n_times)."""
    t = rising_times("times", times)
    try:
        x = np.asarray(data, np.float64)
    except (TypeError, ValueError):
        raise InvalidType("data", data, "must be an array of numbers") from None
    shape = (len(labels), t.size)
    if x.ndim not in (2, 3) or x.shape[-2:] != shape or 0 in x.shape:
        raise InvalidValue("data.shape", x.shape, f"must be {shape} or (n_trials, {shape[0]}, {shape[1]})")
    return t, x.reshape(-1, *shape)


def _inks(color: Any, n: int) -> list[Any]:
    from matplotlib import colormaps

    if isinstance(color, str) and color in list(colormaps):
        return list(colormaps[color](np.linspace(0.0, 0.92, n)))  # the last are faint on white
    if isinstance(color, list):
        if len(color) != n:
            raise InvalidValue("len(color)", len(color), f"must be {n}, one for each contact")
        return [checked_color(f"color[{k}]", c) for k, c in enumerate(color)]
    return [checked_color("color", color)] * n


def _auto_offset(x: NDArray[np.float64]) -> float:
    size = float(np.quantile(np.ptp(x, axis=-1), 0.75)) if x.size else 0.0
    return round_down(0.6 * size) if size > 0 else 1.0


def _length(path: str, value: Any, automatic: float) -> float | None:
    if value is None:
        return None
    if value == "auto":
        return automatic
    length = finite_number(path, value, "µV")
    if length <= 0:
        raise InvalidValue(path, value, "must be > 0 µV, 'auto' or None")
    return length


def _contact_name(label: Any) -> str:
    return f"{label:g}".replace("-", "−") if isinstance(label, int | float | np.number) else str(label)


def _contacts_label(labels: Sequence[Any]) -> str:
    numbers = all(isinstance(label, int | float | np.number) for label in labels)
    return "z (µm)" if numbers else "Contact"


def _thinned(places: NDArray[Any], names: list[str]) -> tuple[NDArray[Any], list[str]]:
    """Return every n-th, so that at most 16 are left and none covers the next."""
    step = -(-len(names) // 16)
    return places[::step], names[::step]


def _scale_bar(ax: Any, length: float) -> None:
    """Draw a bar beside the axes, at the right and from the bottom: there it covers no trace."""
    low = ax.get_ylim()[0]
    ax.plot([1.015] * 2, [low, low + length], transform=ax.get_yaxis_transform(), color=INK, lw=2.5, clip_on=False)
    ax.text(
        1.03,
        low,
        f"{length:g} µV",
        transform=ax.get_yaxis_transform(),
        rotation=90,
        va="bottom",
        ha="left",
        fontsize=9,
        color=INK,
    )


def plot_laminar_csd(
    times: Any,
    data: Any,
    contact_labels: Sequence[Any],
    ax: Any = None,
    colorbar: bool = True,
    vmin: float | None = None,
    vmax: float | None = None,
    sink: str = "b",
    interpolation: str | None = "spline",
    show: bool = True,
    *,
    tmin: float | None = None,
    tmax: float | None = None,
    unit: str = "µV/µm²",
) -> Figure:
    """Plot current source density over time and depth.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms), rising.
    data : array-like, shape (n_contacts, n_times)
        Current source density, sinks negative, e.g. of `ElectrodeRecording.csd`.
    contact_labels : sequence, n_contacts
        The z of each contact (µm), evenly spaced, or names.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    colorbar : bool
        Whether to explain the colours.
    vmin, vmax : float, optional
        Densities at the ends of the colours. Left out: the largest, on both sides of 0.
    sink : 'b' or 'r'
        Whether sinks are blue and sources red, or the other way round.
    interpolation : str or None
        Between contacts: ``'spline'``, or one of ``matplotlib.axes.Axes.imshow``'s. None: none.
    show : bool
        Whether to show the figure, where the backend has windows.
    tmin, tmax : float, optional
        Plot only this window (ms).
    unit : str
        Unit of ``data``, for the label.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType, InvalidValue
        If shapes don't fit, the window is empty, or an argument is not allowed.
    UnknownName
        If ``sink`` is neither.
    """
    from matplotlib.image import interpolations_names

    t, x = _traces(times, data, contact_labels)
    if len(x) > 1:
        raise InvalidValue("data.shape", np.shape(data), "must be (n_contacts, n_times): one trial, or their mean")
    t, density = in_window(t, x[0], tmin, tmax, None, "recording")
    if sink not in SINKS:
        raise UnknownName("sink", sink, "colour of sinks", SINKS)
    known = ["spline", *sorted(interpolations_names)]
    if interpolation is not None and interpolation not in known:
        raise UnknownName("interpolation", interpolation, "interpolation", known)
    largest = float(np.abs(density).max()) or 1.0
    low = -largest if vmin is None else finite_number("vmin", vmin, unit)
    high = largest if vmax is None else finite_number("vmax", vmax, unit)
    if low >= high:
        raise InvalidValue("vmin, vmax", (low, high), "must rise")
    places = np.arange(len(density), dtype=float)
    if interpolation == "spline":
        density, interpolation = _between(places, density), "bilinear"
    own = ax is None
    figure, ax = one_axes(ax, size=(6.4, 3.6))
    image = ax.imshow(
        density,
        extent=(t[0], t[-1], -0.5, len(places) - 0.5),
        origin="lower",
        aspect="auto",
        cmap=SINKS[sink],
        vmin=low,
        vmax=high,
        interpolation=interpolation or "nearest",
    )
    ax.set_yticks(*_thinned(places, [_contact_name(label) for label in contact_labels]))
    ax.set(xlabel="Time (ms)", ylabel=_contacts_label(contact_labels))
    if _falls(contact_labels):
        ax.invert_yaxis()
    if colorbar:
        add_colorbar(image, ax, f"CSD ({unit})", own=own)
    return finish(figure, show)


def _between(places: NDArray[np.float64], density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the density on a fine grid of depths, half a contact beyond the outermost as it is there."""
    from scipy import interpolate

    edges = np.linspace(places[0] - 0.5, places[-1] + 0.5, N_DEPTHS + 1)
    centres = np.clip((edges[:-1] + edges[1:]) / 2, places[0], places[-1])
    return interpolate.make_interp_spline(places, density, k=min(3, len(places) - 1))(centres)


def _falls(labels: Sequence[Any]) -> bool:
    """Return whether contacts are numbered from top to bottom: the pia belongs to the top of the figure."""
    return _contacts_label(labels) != "Contact" and len(labels) > 1 and labels[0] > labels[-1]


def plot_laminar(
    result: Result,
    array: str | None = None,
    trial_idx: int = 0,
    tmin: float | None = None,
    tmax: float | None = None,
    decim: int | Sequence[int] | None = None,
    sink: str = "b",
    show: bool = True,
) -> Figure:
    """Plot one trial over depth: potentials, their sources and sinks, and the spikes, on a common time axis.

    Parameters
    ----------
    result : Result
        A result with potentials of a straight, evenly spaced electrode along z.
    array : str, optional
        Name of the electrode array; may be left out where there is only one.
    trial_idx : int
        The trial.
    tmin, tmax : float, optional
        Plot only this window (ms).
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample of the potentials, as in `plot_dipole`.
    sink : 'b' or 'r'
        Whether sinks are blue and sources red, or the other way round.
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
        If there are no potentials, there is no such trial, or the contacts are no laminar probe.
    UnknownName
        If there is no such array.
    """
    if not isinstance(result, Result):
        raise InvalidType("result", result, "must be a Result, as simulate() or read_result() return it")
    recording = _recording(result, array)
    (trial,) = trial_numbers([trial_idx], result.n_trials)
    density = recording.csd()[trial]
    t, x = recording.times, recording.voltages[trial]
    window = in_window(t, x, tmin, tmax, decim, "recording")[0][[0, -1]]
    labels = recording.positions[:, 2].tolist()
    figure, axes = new_axes(3, size=(7.2, 9.0), height_ratios=(1.5, 1.0, 1.0))
    plot_laminar_lfp(t, x, labels, tmin, tmax, ax=axes[0], decim=decim, show=False)
    t, density = in_window(t, density, tmin, tmax, decim, "recording")
    plot_laminar_csd(t, density, labels, ax=axes[1], colorbar=False, sink=sink, show=False)
    add_colorbar(axes[1].images[0], axes[1], "CSD (µV/µm²)")
    colors, network = type_colors(result.cell_response), recorded_network(result)
    if network is not None:
        colors |= population_colors(network)
    cells = {name: colors[name] for name in result.cell_response.cell_type_names or ()}
    plot_spikes_raster(result.cell_response, trial, ax=axes[2], colors=cells, show=False)
    for ax, title in zip(axes, ("Potentials", "Sinks and sources", "Spikes"), strict=True):
        put_title(ax, title)
        ax.set_xlabel("Time (ms)" if ax is axes[-1] else "")
    legend_above(axes[2], axes[2].get_legend_handles_labels()[0], right=True, room=0.8)
    axes[0].set_xlim(*window)
    figure.align_ylabels(axes)
    return finish(figure, show)


def _recording(result: Result, array: str | None) -> ElectrodeRecording:
    if array is None:
        if len(result.potentials) != 1:
            names = ", ".join(result.potentials) or "there is none: see Network.add_electrode_array"
            raise InvalidValue("array", array, f"must name one of the electrode arrays ({names})")
        return next(iter(result.potentials.values()))
    if array not in result.potentials:
        raise UnknownName("array", array, "electrode array of this result", result.potentials)
    return result.potentials[array]
