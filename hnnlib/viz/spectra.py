"""Dipoles over frequency, and over time and frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import time_series
from hnnlib.analysis.spectra import PADDINGS, psd, tfr_morlet
from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole
from hnnlib.viz.colors import checked_colormap, colors_of
from hnnlib.viz.dipole import layers_of
from hnnlib.viz.series import dipoles_of, in_window, prepared
from hnnlib.viz.style import add_colorbar, finish, one_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_psd", "plot_tfr_morlet"]

MOST_COLUMNS = 1200
"""More columns of the picture than this can't be told apart."""


def plot_psd(
    dpl: Dipole | Sequence[Dipole],
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    tmin: float | None = None,
    tmax: float | None = None,
    layer: str = "agg",
    color: Any = None,
    label: str | None = None,
    ax: Any = None,
    show: bool = True,
) -> Figure:
    """Plot the power spectral density of a dipole, or the mean of those of several trials.

    The spectrum is a periodogram with a Hamming window; see `hnnlib.analysis.spectra.psd` for others.

    Parameters
    ----------
    dpl : Dipole or sequence of Dipole
        The dipole, or one per trial, scaled and sampled alike; of several, each is thin and pale and their mean thick.
    fmin, fmax : float, optional
        Plot only this band (Hz). Without ``fmax``: up to half the sampling rate.
    tmin, tmax : float, optional
        Take only this window (ms).
    layer : str
        Part of the dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``.
    color : color, optional
        Of the lines. Left out: black.
    label : str, optional
        Name of the line in a legend.
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
    InvalidType
        If ``dpl`` holds anything but dipoles, or ``ax`` is no axes.
    InvalidValue
        If scales or sampling rates differ, or a window or band is empty.
    UnknownName
        If a dipole has no such layer.
    """
    dipoles = dipoles_of(dpl, same_rate=True)
    (name,) = layers_of([layer], dipoles)
    ink = colors_of(["line"], "k" if color is None else color)["line"]
    cut = _of_one_length([prepared(d, tmin, tmax) for d in dipoles], name)
    frequencies, powers = psd(cut, dipoles[0].sfreq, fmin=fmin, fmax=fmax)
    if frequencies.size < 2:
        step = 1e3 / (cut.shape[1] * (dipoles[0].times[1] - dipoles[0].times[0]))
        allowed = f"is a band with fewer than 2 values: the spectrum has one each {step:g} Hz"
        raise InvalidValue("fmin, fmax", (fmin, fmax), allowed)
    figure, ax = one_axes(ax, size=(6.4, 3.2))
    for power in powers if len(powers) > 1 else []:
        ax.plot(frequencies, power, color=ink, lw=0.7, alpha=0.35)
    ax.plot(frequencies, powers.mean(axis=0), color=ink, lw=1.6, label=label)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="best", frameon=False)
    ax.set(xlabel="Frequency (Hz)", ylabel=f"Power density ({_unit(dipoles[0])})")
    ax.margins(x=0)
    return finish(figure, show)


def _of_one_length(dipoles: Sequence[Dipole], layer: str) -> NDArray[np.float64]:
    """Return a part of all dipoles, shape (n_dipoles, n_times), or raise unless they have one number of samples."""
    found = [d.data[layer] for d in dipoles]
    for i, x in enumerate(found):
        if x.size != found[0].size:
            raise InvalidValue(f"len(dpl[{i}].times)", x.size, f"must be that of the first dipole, {found[0].size}")
    return np.array(found)


def _unit(dpl: Dipole) -> str:
    """Return the unit of power density."""
    return "nAm²/Hz" if dpl.scale_applied == 1 else f"(nAm × {dpl.scale_applied:g})²/Hz"


def plot_tfr_morlet(
    dpl: Dipole | Sequence[Dipole],
    freqs: Any,
    *,
    n_cycles: Any = 7.0,
    tmin: float | None = None,
    tmax: float | None = None,
    layer: str = "agg",
    decim: int | Sequence[int] | None = None,
    padding: str | None = "zeros",
    ax: Any = None,
    colormap: Any = "inferno",
    colorbar: bool = True,
    colorbar_inside: bool = False,
    show: bool = True,
) -> Figure:
    """Plot the power of a dipole over time and frequency, by Morlet wavelets; the mean over trials.

    Parameters
    ----------
    dpl : Dipole or sequence of Dipole
        The dipole, or one per trial, scaled and sampled alike.
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz), all rising or all falling; falling ones turn the axis over.
    n_cycles : float or array-like, shape (n_freqs,)
        Length of the wavelets in cycles: more tell frequencies better apart, fewer times.
    tmin, tmax : float, optional
        Plot only this window (ms); the transform is of the whole dipole.
    layer : str
        Part of the dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``.
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample before the transform, as in `plot_dipole`.
    padding : 'zeros', 'mirror' or None
        What the dipole is taken to be outside its ends: zero, or itself mirrored about its end point. None: what
        hangs on that choice, within two standard deviations of the wavelet of the ends, is left white.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    colormap : str or matplotlib.colors.Colormap
        Colours of power.
    colorbar : bool
        Whether to explain the colours.
    colorbar_inside : bool
        Whether the colour bar stands within the axes, so that they keep their width.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``dpl`` holds anything but dipoles, or ``ax`` is no axes.
    InvalidValue
        If scales or sampling rates differ, or frequencies, cycles or the window are not allowed.
    UnknownName
        If there is no such padding or layer.
    """
    dipoles = dipoles_of(dpl, same_rate=True)
    (name,) = layers_of([layer], dipoles)
    if padding not in (*PADDINGS, None):
        raise UnknownName("padding", padding, "padding", [*PADDINGS, "None"])
    f = time_series("freqs", freqs)
    if f.size < 2 or not (np.all(np.diff(f) > 0) or np.all(np.diff(f) < 0)):
        raise InvalidValue("freqs", f.tolist(), "must be at least 2, all rising or all falling (Hz)")
    cmap = checked_colormap("colormap", colormap)
    whole = [prepared(d, decim=decim) for d in dipoles]
    times, data, rate = whole[0].times, _of_one_length(whole, name), whole[0].sfreq
    power = tfr_morlet(data, rate, f, n_cycles, padding or "zeros").mean(axis=0)
    if padding is None:
        reach = 2e3 * np.broadcast_to(n_cycles, f.shape) / (2 * np.pi * f)  # ms
        to_end = np.minimum(times - times[0], times[-1] - times)
        power = np.where(to_end < reach[:, np.newaxis], np.nan, power)
    times, power = in_window(times, power, tmin, tmax, None, "dipole")
    step = max(times.size // MOST_COLUMNS, 1)
    own = ax is None
    figure, ax = one_axes(ax, size=(6.8, 3.2))
    picture = _picture(ax, times[::step], f, power[:, ::step], cmap)
    ax.set(xlim=(times[0], times[-1]), ylim=(f[0], f[-1]), xlabel="Time (ms)", ylabel="Frequency (Hz)")
    if colorbar:
        label = f"Power density ({_unit(dipoles[0])})"
        add_colorbar(picture, ax, label, own=own, inside=colorbar_inside)
    return finish(figure, show)


def _picture(
    ax: Any, times: NDArray[np.float64], freqs: NDArray[np.float64], power: NDArray[np.float64], cmap: Any
) -> Any:
    if not np.allclose(np.diff(freqs), freqs[1] - freqs[0]):
        return ax.pcolormesh(times, freqs, power, shading="nearest", cmap=cmap, rasterized=True)
    # On an even grid an image, whose rows have no seams between them.
    (dt, df), up = (np.abs(np.diff(x[:2]))[0] / 2 for x in (times, freqs)), np.argsort(freqs)
    extent = (times[0] - dt, times[-1] + dt, freqs.min() - df, freqs.max() + df)
    return ax.imshow(power[up], extent=extent, origin="lower", aspect="auto", cmap=cmap, interpolation="bilinear")
