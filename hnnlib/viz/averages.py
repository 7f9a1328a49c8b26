"""Many dipoles in one figure: their mean and how far it can be trusted, and simulated beside recorded ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.analysis.compare import correlation, rmse
from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.viz.colors import colors_of
from hnnlib.viz.dipole import label_panels, layer_panels, layers_of
from hnnlib.viz.series import dipoles_of, prepared, window_of
from hnnlib.viz.style import INK, finish, one_axes, put_title, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_comparison", "plot_grand_average"]

BANDS = ("ci", "sem", "sd", "range")


def plot_grand_average(
    dpl: Sequence[Dipole],
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    layer: str | Sequence[str] = "agg",
    decim: int | Sequence[int] | None = None,
    color: Any = "k",
    label: str = "mean",
    band: str = "ci",
    level: float = 0.95,
    show: bool = True,
) -> Figure:
    """Plot the mean of several dipoles with a band around it.

    Parameters
    ----------
    dpl : sequence of Dipole
        At least 2, e.g. the trials of a run, scaled alike and with the same times; none may be an average of trials.
    tmin, tmax : float, optional
        Plot only this window (ms).
    ax : matplotlib.axes.Axes or list of them, optional
        Where to plot, one for each layer. Left out: a new figure with one panel for each.
    layer : str or sequence of str
        Parts of the dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``.
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample, as in `plot_dipole`.
    color : color
        Of the mean; the band is paler.
    label : str
        Name of the mean in the legend.
    band : 'ci', 'sem', 'sd' or 'range'
        The confidence interval of the mean at each time (Student's t distribution: trials are taken as independent and
        normally distributed), the standard error of the mean, the standard deviation of the trials, or the least to
        the greatest.
    level : float
        Confidence of ``'ci'``, between 0 and 1.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``dpl`` holds anything but dipoles, or ``ax`` no axes.
    InvalidValue
        If there are fewer than 2, they have different times or scales, or ``level`` is not between 0 and 1.
    UnknownName
        If there is no such band or layer.
    """
    dipoles = dipoles_of(dpl)
    if len(dipoles) < 2:
        raise InvalidValue("len(dpl)", len(dipoles), "must be at least 2: one dipole has no band around it")
    if band not in BANDS:
        raise UnknownName("band", band, "band", BANDS)
    if not 0 < finite_number("level", level) < 1:
        raise InvalidValue("level", level, "must be between 0 and 1")
    layers = layers_of(layer, dipoles)
    ink = colors_of(["mean"], color)["mean"]
    mean = prepared(average_dipoles(dipoles), tmin, tmax, decim)
    trials = [prepared(d, tmin, tmax, decim) for d in dipoles]
    figure, axes = layer_panels(ax, layers)
    for panel, name in zip(axes, layers, strict=True):
        low, high = _band(np.array([trial.data[name] for trial in trials]), band, level)
        panel.fill_between(mean.times, low, high, color=ink, alpha=0.22, lw=0, label=_band_name(band, level))
        panel.plot(mean.times, mean.data[name], color=ink, lw=1.8, label=f"{label} (n = {len(dipoles)})")
    label_panels(axes, layers, dipoles[0], own=ax is None)
    for panel in axes[1:] if ax is None else []:
        panel.get_legend().remove()  # all panels show the same
    return finish(figure, show)


def _band(trials: NDArray[np.float64], band: str, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper edge of a band, shape (n_times,), over trials, shape (n_trials, n_times)."""
    if band == "range":
        return trials.min(axis=0), trials.max(axis=0)
    mean, half = trials.mean(axis=0), trials.std(axis=0, ddof=1)
    if band != "sd":
        half = half / np.sqrt(len(trials))
    if band == "ci":
        from scipy import stats

        half = half * stats.t.ppf(0.5 + level / 2, df=len(trials) - 1)
    return mean - half, mean + half


def _band_name(band: str, level: float) -> str:
    names = {"ci": f"{100 * level:g} % confidence", "sem": "± standard error", "sd": "± standard deviation"}
    return names.get(band, "least to greatest")


def plot_comparison(
    simulated: Dipole | Sequence[Dipole],
    recorded: Dipole,
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    layer: str = "agg",
    color: Any = "#0072B2",
    labels: tuple[str, str] = ("simulated", "recorded"),
    shift: float = 0.0,
    show_fit: bool = True,
    show: bool = True,
) -> Figure:
    """Plot a simulated dipole over a recorded one, and say how well they agree.

    Parameters
    ----------
    simulated : Dipole or sequence of Dipole
        The simulated dipole, or trials of it; of several, the mean is compared and the trials are thin and pale.
    recorded : Dipole
        The recorded one, scaled to the same unit; its sampling rate may differ.
    tmin, tmax : float, optional
        The window that is shown and compared (ms of the recorded one). Left out: all that both cover.
    ax : matplotlib.axes.Axes, optional
        Where to plot. Left out: in a new figure.
    layer : str
        Part of the simulated dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``.
    color : color
        Of the simulated dipole; the recorded one is black.
    labels : tuple of str
        Names of the two in the legend.
    shift : float
        Is added to the simulated times (ms), e.g. where a simulation begins before the stimulus.
    show_fit : bool
        Whether to write root-mean-square difference and correlation over the axes.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If something is no dipole, or ``ax`` no axes.
    InvalidValue
        If the two don't overlap within the window.
    UnknownName
        If the simulated dipole has no such layer.
    """
    trials = [_shifted(d, finite_number("shift", shift, "ms")) for d in dipoles_of(simulated, "simulated")]
    (target,) = dipoles_of([recorded], "recorded")
    (name,) = layers_of([layer], trials)
    ink = colors_of(["line"], color)["line"]
    mean = average_dipoles(trials) if len(trials) > 1 else trials[0]
    start = max(mean.times[0], target.times[0], -np.inf if tmin is None else finite_number("tmin", tmin, "ms"))
    stop = min(mean.times[-1], target.times[-1], np.inf if tmax is None else finite_number("tmax", tmax, "ms"))
    inside = window_of(target.times, start, stop, "recorded dipole")
    figure, ax = one_axes(ax, size=(6.4, 3.4))
    zero_line(ax)
    ax.plot(target.times[inside], target.data["agg"][inside], color=INK, lw=1.8, label=labels[1])
    for trial in trials if len(trials) > 1 else []:
        shown = prepared(trial, start, stop)
        ax.plot(shown.times, shown.data[name], color=ink, lw=0.7, alpha=0.4)
    shown, note = prepared(mean, start, stop), f" (mean of {len(trials)})" if len(trials) > 1 else ""
    ax.plot(shown.times, shown.data[name], color=ink, lw=1.8, label=f"{labels[0]}{note}")
    ax.set(xlabel="Time (ms)", ylabel="Dipole moment (nAm)")
    ax.margins(x=0)
    ax.legend(loc="best", frameon=False)
    if show_fit:
        pair = (mean.times, mean.data[name], target.times, target.data["agg"], start, stop)
        put_title(ax, f"RMSE {rmse(*pair):.3g} nAm, r = {correlation(*pair):.2f}".replace("-", "−"))
    return finish(figure, show)


def _shifted(dpl: Dipole, shift: float) -> Dipole:
    moved = Dipole(dpl.times + shift, dpl.data, nave=dpl.nave)
    moved.scale_applied = dpl.scale_applied
    return moved
