"""Figures of how sure a fit is: intervals, draws of parameters, what they predict, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import rising_times, traces
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.viz.style import INK, finish, legend_above, new_axes, one_axes, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_calibration", "plot_intervals", "plot_pairs", "plot_predictive"]

DRAWS, TRUTH, FIT = "#0072B2", "#D55E00", INK
MOST_PAIRS = 8
"""More parameters than this are too small to be read beside each other."""


def plot_intervals(intervals: Any, truth: Any = None, ax: Any = None, show: bool = True) -> Figure:
    """Plot the interval of each parameter between its bounds.

    Parameters
    ----------
    intervals : Intervals
        As `hnnlib.optimization.intervals` gives them.
    truth : mapping or sequence, optional
        Known values of all parameters, to be marked.
    ax : matplotlib.axes.Axes, optional
        Where to plot; a new figure when left out.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure: a row per parameter, from its lower to its upper bound on its scale. A thick bar holds half of the
        probability, a thin one that of the interval's level; a parameter whose bar fills its row is not told by the
        data.

    Raises
    ------
    InvalidType
        If these are no intervals.
    """
    if not all(hasattr(intervals, name) for name in ("samples", "space", "level", "values")):
        raise InvalidType("intervals", intervals, "must be Intervals, as hnnlib.optimization.intervals gives them")
    free, n = intervals.space.free, len(intervals.space.free)
    figure, panel = one_axes(ax, size=(7.2, 0.9 + 0.3 * n))
    known = None if truth is None else intervals.space.values(truth)
    handles: dict[str, Any] = {}
    for row, one in enumerate(free):
        ends = [_quantile(intervals.samples[:, row], part) for part in (intervals.level, 0.5, 0.0)]
        unit = [[one.to_unit(value) for value in pair] for pair in ends]
        panel.plot([0.0, 1.0], [row, row], color="#E4E4E4", lw=9.0, solid_capstyle="butt", zorder=0)
        (thin,) = panel.plot(unit[0], [row, row], color=DRAWS, lw=2.0, label=f"{100 * intervals.level:g} %")
        (thick,) = panel.plot(unit[1], [row, row], color=DRAWS, lw=6.0, solid_capstyle="butt", label="50 %")
        (dot,) = panel.plot(unit[2][0], row, "o", color="white", mec=DRAWS, ms=5.0, label="median")
        (fit,) = panel.plot(one.to_unit(intervals.values[row]), row, "|", color=FIT, ms=11.0, mew=1.6, label="fit")
        handles = {"thin": thin, "thick": thick, "dot": dot, "fit": fit}
        if known is not None:
            (cross,) = panel.plot(one.to_unit(known[row]), row, "x", color=TRUTH, ms=6.0, mew=1.8, label="known")
            handles["cross"] = cross
        said = f"{ends[0][0]:.3g} – {ends[0][1]:.3g}{_unit(one.path)}"
        panel.text(1.03, row, said, va="center", ha="left", fontsize=9.0, color=INK)
    panel.set(yticks=range(n), ylim=(n - 0.4, -0.6), xlim=(-0.02, 1.02))
    panel.set_yticklabels([_short(one.path) for one in free])
    panel.set_xticks([0.0, 1.0], ["lower bound", "upper bound"])
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    legend_above(panel, list(handles.values()))
    return finish(figure, show)


def plot_pairs(
    samples: Any,
    space: Any,
    parameters: Sequence[str] | None = None,
    truth: Mapping[str, float] | None = None,
    show: bool = True,
) -> Figure:
    """Plot draws of parameters, each by itself and each against each.

    Parameters
    ----------
    samples : array-like, shape (n_samples, n_free)
        Draws, e.g. ``intervals.samples`` or ``posterior.sample()``.
    space : Space
        The free parameters, e.g. ``intervals.space``.
    parameters : sequence of str, optional
        Paths of those to plot, at most 8; left out: all.
    truth : mapping of str to float, optional
        Known values by path, to be marked.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure: on the diagonal how often a value was drawn, below it darker where more pairs were.

    Raises
    ------
    UnknownName
        If there is no such parameter.
    InvalidValue
        If there are more than 8, or the samples are not of these parameters.
    """
    names = list(space.names)
    chosen = names if parameters is None else list(parameters)
    for name in chosen:
        if name not in names:
            raise UnknownName("parameters", name, "free parameter", names)
    if not 1 <= len(chosen) <= MOST_PAIRS:
        raise InvalidValue("parameters", len(chosen), f"must be 1 to {MOST_PAIRS}: name those to be plotted")
    drawn = traces("samples", samples)
    if drawn.ndim != 2 or drawn.shape[1] != len(names):
        raise InvalidValue("samples.shape", drawn.shape, f"must be (n_samples, {len(names)})")
    n = len(chosen)
    side = 1.0 + 1.55 * n if n > 1 else 3.4
    figure, axes = new_axes(n, n, size=(side, side), sharex="col")
    columns = [drawn[:, names.index(name)] for name in chosen]
    frees = [space.free[names.index(name)] for name in chosen]
    for row in range(n):
        for column in range(n):
            panel = axes[row * n + column]
            if column > row:
                panel.remove()
                continue
            _scale(panel.xaxis, frees[column])
            if row == column:
                panel.hist(columns[row], bins=_bins(frees[row]), color=DRAWS, alpha=0.85)
                panel.set_yticks([])
                panel.spines["left"].set_visible(False)
            else:
                _scale(panel.yaxis, frees[row])
                bins = [_bins(frees[column]), _bins(frees[row])]
                panel.hist2d(columns[column], columns[row], bins=bins, cmap="Blues", rasterized=True)
            _mark(panel, truth, chosen[column], chosen[row] if row != column else None)
            if row == n - 1:
                panel.set_xlabel(_short(chosen[column], "\n"))
            if column == 0 and row > 0:
                panel.set_ylabel(_short(chosen[row], "\n"))
            elif column > 0 and row != column:
                panel.tick_params(labelleft=False)
    figure.align_labels()
    return finish(figure, show)


def plot_predictive(
    times: Any, waveforms: Any, target: Any = None, published: Any = None, ax: Any = None, show: bool = True
) -> Figure:
    """Plot what draws of the parameters predict, and what was recorded.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms).
    waveforms : array-like, shape (n_draws, n_times)
        A simulation for each draw (nAm), as `hnnlib.optimization.simulate_waveforms` gives them.
    target : array-like, shape (n_times,), optional
        What was recorded (nAm).
    published : array-like, shape (n_times,), optional
        Another simulation to compare with (nAm), e.g. of the parameters that a fit started from.
    ax : matplotlib.axes.Axes, optional
        Where to plot; a new figure when left out.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure: median, and bands that hold half and 90 % of the waveforms at each time.
    """
    t, rows = rising_times("times", times), traces("waveforms", waveforms)
    if rows.ndim != 2 or rows.shape[1] != t.size:
        raise InvalidValue("waveforms.shape", rows.shape, f"must be (n_draws, {t.size})")
    figure, panel = one_axes(ax, size=(6.4, 3.4))
    zero_line(panel)
    handles = []
    for part, shade in ((0.9, 0.22), (0.5, 0.4)):
        low, high = _quantile(rows, part)
        handles.append(
            panel.fill_between(t, low, high, color=DRAWS, alpha=shade, lw=0, label=f"{100 * part:g} % of draws")
        )
    handles += panel.plot(t, np.median(rows, axis=0), color=DRAWS, lw=1.6, label="median")
    if published is not None:
        handles += panel.plot(t, traces("published", published), color="#8A8A8A", lw=1.3, ls="--", label="published")
    if target is not None:
        handles += panel.plot(t, traces("target", target), color=INK, lw=1.8, label="target")
    panel.set(xlabel="Time (ms)", ylabel="Dipole moment (nAm)")
    panel.margins(x=0)
    legend_above(panel, handles)
    return finish(figure, show)


def plot_calibration(calibration: Any, show: bool = True) -> Figure:
    """Plot how often known parameters rank where among draws from their posteriors.

    Parameters
    ----------
    calibration : Calibration
        As `Posterior.calibration` gives it.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure: a panel per parameter. A posterior is right where the bars stay within the grey band, that of 99 %
        of even ranks; a hump in the middle tells that it is too wide, bars high at both ends that it is too narrow, a
        slope that it lies to one side.

    Raises
    ------
    InvalidType
        If this is no calibration.
    """
    from scipy.stats import binom

    if not all(hasattr(calibration, name) for name in ("ranks", "n_draws", "names")):
        raise InvalidType("calibration", calibration, "must be a Calibration, as Posterior.calibration gives it")
    n_tested, n = calibration.ranks.shape
    n_bins = int(np.clip(n_tested // 12, 4, 12))
    columns = min(n, 4)
    rows = -(-n // columns)
    figure, axes = new_axes(rows, columns, size=(0.7 + 1.9 * columns, 0.7 + 1.75 * rows), sharey=True)
    low, high = binom.ppf([0.005, 0.995], n_tested, 1.0 / n_bins)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    for k, panel in enumerate(axes):
        if k >= n:
            panel.remove()
            continue
        panel.axhspan(low, high, color="#DDDDDD", lw=0, zorder=0)
        panel.axhline(n_tested / n_bins, color="#8A8A8A", lw=0.8, zorder=1)
        part = (calibration.ranks[:, k] + 0.5) / (calibration.n_draws + 1)
        panel.hist(part, bins=edges, color=DRAWS, alpha=0.85, rwidth=0.9)
        panel.set_title(_short(calibration.names[k], "\n"), loc="left", fontsize=9.0, color=INK)
        panel.set(xlim=(0, 1), xticks=[0, 0.5, 1])
        if k + columns >= n:
            panel.set_xlabel("Rank of the known")
            panel.tick_params(labelbottom=True)
        if k % columns == 0:
            panel.set_ylabel("Simulations")
    return finish(figure, show)


def _quantile(values: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    return np.asarray(np.quantile(values, [0.5 - 0.5 * part, 0.5 + 0.5 * part], axis=0))


def _short(path: str, between: str = " ") -> str:
    """Return a path's telling parts: ``drives.evprox1.weights.L5_pyramidal.ampa`` → ``evprox1 L5_pyramidal ampa``."""
    words = [word for word in path.split(".") if word not in ("drives", "weights")]
    return between.join([words[0], " ".join(words[1:])]) if len(words) > 1 else path


def _unit(path: str) -> str:
    """Return the unit of a drive's parameter, where its path tells."""
    if path.endswith((".mu", ".sigma")):
        return " ms"
    return " µS" if ".weights" in path else ""


def _bins(free: Any) -> NDArray[np.float64]:
    edges = np.linspace(0.0, 1.0, 33)
    return np.array([free.from_unit(edge) for edge in edges])


def _scale(axis: Any, free: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if free.scale == "log":
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=6))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(3))
    axis.axes.set(**{f"{axis.axis_name}lim": (free.low, free.high)})


def _mark(panel: Any, truth: Mapping[str, float] | None, column: str, row: str | None) -> None:
    if truth is None or column not in truth:
        return
    panel.axvline(truth[column], color=TRUTH, lw=1.0)
    if row is not None and row in truth:
        panel.axhline(truth[row], color=TRUTH, lw=1.0)
        panel.plot(truth[column], truth[row], "o", color=TRUTH, ms=3.5)
