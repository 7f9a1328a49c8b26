"""Figures of fits: target against fit, and how the loss fell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.viz.style import INK, finish, legend_above, one_axes, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_convergence", "plot_fit"]

FIT, START = "#0072B2", "#9A9A9A"
DECADES = 10.0
"""Losses that span a factor of more than this are drawn on a log axis."""


def plot_fit(fit: Any, part: str | None = None, ax: Any = None, show: bool = True) -> Figure:
    """Plot what a fit was to reproduce, where it started, and where it came to.

    Parameters
    ----------
    fit : Fit
        A fit that has come to its end, and whose objective compares waveforms.
    part : str, optional
        Which of the objective's parts; the first that compares waveforms when left out.
    ax : matplotlib.axes.Axes, optional
        Where to plot; a new figure when left out.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Dipoles are as the objective compares them: smoothed, scaled.

    Raises
    ------
    InvalidType
        If ``fit`` is no fit.
    InvalidValue
        If it has no waveforms.
    UnknownName
        If there is no such part.
    """
    _check(fit)
    if not fit.traces:
        why = "its objective compares no waveforms" if fit.finished else "it has not come to its end"
        raise InvalidValue("fit", fit, f"has no waveforms to draw: {why}")
    if part is not None and part not in fit.traces:
        raise UnknownName("part", part, "part with waveforms", fit.traces)
    traces = fit.traces[next(iter(fit.traces)) if part is None else part]
    figure, panel = one_axes(ax, size=(6.4, 3.4))
    zero_line(panel)
    lines = panel.plot(traces["times"], traces["target"], color=INK, lw=2.4, alpha=0.85, label="target")
    if "start" in traces:
        lines += panel.plot(traces["times"], traces["start"], color=START, lw=1.2, ls=(0, (4, 2)), label="start")
    if "fit" in traces:
        lines += panel.plot(traces["times"], traces["fit"], color=FIT, lw=1.6, label=_named(traces))
    panel.set(xlabel="Time (ms)", ylabel="Dipole moment (nAm)", xlim=(traces["times"][0], traces["times"][-1]))
    legend_above(panel, lines)
    return finish(figure, show)


def _named(traces: Any) -> str:
    target, found = traces["target"], traces["fit"]
    if np.ptp(found) == 0 or np.ptp(target) == 0:
        return "fit"
    return f"fit (r = {np.corrcoef(target, found)[0, 1]:.3f})"


def plot_convergence(fit: Any, ax: Any = None, show: bool = True) -> Figure:
    """Plot the loss of every evaluation of a fit, and the smallest so far.

    Parameters
    ----------
    fit : Fit
        The fit, at its end or not.
    ax : matplotlib.axes.Axes, optional
        Where to plot; a new figure when left out.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure. Failed simulations are marked at its upper edge.

    Raises
    ------
    InvalidType
        If ``fit`` is no fit.
    """
    _check(fit)
    losses = np.array([one.loss for one in fit.evaluations])
    number, fine = np.arange(1, losses.size + 1), np.isfinite(losses)
    figure, panel = one_axes(ax, size=(6.4, 3.0))
    drawn = panel.plot(number[fine], losses[fine], ".", color=START, ms=5, mew=0, label="an evaluation")
    drawn += panel.plot(number, fit.convergence, color=FIT, lw=1.8, drawstyle="steps-post", label="smallest so far")
    if fine.any() and 0 < losses[fine].min() < losses[fine].max() / DECADES:
        panel.set_yscale("log")
        _plain_numbers(panel.yaxis)
    if not fine.all():
        edge = panel.get_xaxis_transform()
        drawn += panel.plot(
            number[~fine],
            np.full((~fine).sum(), 0.97),
            "x",
            color="#D55E00",
            ms=4,
            transform=edge,
            label="failed simulation",
        )
    panel.set(xlabel=f"Evaluation (of {_trials(fit)} each)", ylabel="Loss", xlim=(0, losses.size + 1))
    legend_above(panel, drawn)
    return finish(figure, show)


def _plain_numbers(axis: Any) -> None:
    """Write 0.2, 0.5, 1 rather than powers of ten: losses seldom span more than two of them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _trials(fit: Any) -> str:
    n = fit.header["problem"]["n_trials"]
    return f"{n} trial{'' if n == 1 else 's'}"


def _check(fit: Any) -> None:
    if not all(hasattr(fit, name) for name in ("evaluations", "traces", "convergence")):
        raise InvalidType("fit", fit, "must be a Fit, as hnnlib.fit or hnnlib.read_fit gives it")
