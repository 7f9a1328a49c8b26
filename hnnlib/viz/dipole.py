"""Dipoles over time."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.viz.style import check_axes, colors_of, figure_of, finish, new_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["layer_title", "moment_label", "plot_dipole"]


def plot_dipole(
    dpl: Dipole | Sequence[Dipole],
    tmin: float | None = None,
    tmax: float | None = None,
    ax: Any = None,
    layer: str | Sequence[str] = "agg",
    decim: int | Sequence[int] | None = None,
    color: Any = "k",
    label: str = "average",
    average: bool = False,
    show: bool = True,
) -> Figure:
    """Plot dipoles over time.

    Parameters
    ----------
    dpl : Dipole or sequence of Dipole
        The dipole, or one per trial; they must be scaled alike.
    tmin, tmax : float, optional
        Plot only this window (ms).
    ax : matplotlib.axes.Axes or list of them, optional
        Where to plot, one for each layer. Left out: a new figure with one panel for each.
    layer : str or sequence of str
        Parts of the dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``.
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample after a low-pass filter that shifts nothing (`scipy.signal.resample_poly`); a
        sequence is applied one after the other.
    color : color
        Of the lines.
    label : str
        Name of the average in the legend; of a single line where another name than ``'average'`` is given.
    average : bool
        Whether to add the mean of the trials as a thick line; the trials are then thin and pale.
    show : bool
        Whether to show the figure, where the backend has windows.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``dpl`` holds no dipoles, or ``ax`` no axes.
    InvalidValue
        If the dipoles are scaled differently, the window is empty, ``decim`` is no positive integer, or there is not
        one axes for each layer.
    UnknownName
        If a dipole has no such layer.
    """
    dipoles = _dipoles(dpl)
    layers = _layers(layer, dipoles)
    ink = colors_of(["line"], color)["line"]
    traces = [_prepared(d, tmin, tmax, decim) for d in dipoles]
    # A new list: the caller's own must not grow by the average.
    mean = _prepared(average_dipoles(dipoles), tmin, tmax, decim) if average else None
    if ax is None:
        figure, axes = new_axes(len(layers), size=(6.4, 1.4 + 2.1 * len(layers)))
    else:
        axes = _given_axes(ax, layers)
        figure = figure_of(axes[0])
    for panel, name in zip(axes, layers, strict=True):
        for i, trace in enumerate(traces):
            first = i == 0 and mean is None and label != "average"
            style = {"lw": 0.8, "alpha": 0.45} if mean is not None else {"lw": 1.2, "alpha": 1.0}
            panel.plot(trace.times, trace.data[name], color=ink, label=label if first else None, **style)
        if mean is not None:
            panel.plot(mean.times, mean.data[name], color=ink, lw=2.2, label=label)
        if panel.get_legend_handles_labels()[1]:
            panel.legend(loc="best", frameon=False)
        panel.set_ylabel(moment_label(dipoles[0]))
        if name != "agg" or len(layers) > 1:
            put_title(panel, layer_title(name))
        if panel is axes[-1] or ax is not None:
            panel.set_xlabel("Time (ms)")
        panel.margins(x=0)
    return finish(figure, show)


def moment_label(dpl: Dipole) -> str:
    """Return the label of an axis of dipole moments: the unit, and the scale where there is one."""
    return "Dipole moment (nAm)" if dpl.scale_applied == 1 else f"Dipole moment (nAm × {dpl.scale_applied:g})"


def layer_title(name: str) -> str:
    """Return the title of a part of the dipole."""
    titles = {"agg": "All layers", "L2": "Layer 2/3"}
    return titles.get(name, f"Layer {name[1:]}" if name[:1] == "L" and name[1:].isdigit() else name)


def _dipoles(dpl: Any) -> list[Dipole]:
    dipoles = [dpl] if isinstance(dpl, Dipole) else dpl
    if isinstance(dipoles, str) or not isinstance(dipoles, Sequence):
        raise InvalidType("dpl", dpl, "must be a Dipole or a list of them")
    if not dipoles:
        raise InvalidValue("dpl", dpl, "must hold at least one dipole")
    for i, item in enumerate(dipoles):
        if not isinstance(item, Dipole):
            raise InvalidType(f"dpl[{i}]", item, "must be a Dipole")
        if item.scale_applied != dipoles[0].scale_applied:
            raise InvalidValue(
                f"dpl[{i}].scale_applied",
                item.scale_applied,
                f"must be that of the first dipole, {dipoles[0].scale_applied:g}: they share an axis",
            )
    return list(dipoles)


def _layers(layer: Any, dipoles: list[Dipole]) -> list[str]:
    layers = [layer] if isinstance(layer, str) else list(layer)
    if not layers:
        raise InvalidValue("layer", layer, "must name at least one part of the dipole")
    for name in layers:
        for d in dipoles:
            if name not in d.data:
                raise UnknownName("layer", name, "part of this dipole", d.data)
    return layers


def _given_axes(ax: Any, layers: list[str]) -> list[Any]:
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(layers):
        raise InvalidValue("len(ax)", len(axes), f"must be {len(layers)}, one for each of {', '.join(layers)}")
    return [check_axes("ax" if len(axes) == 1 else f"ax[{i}]", panel) for i, panel in enumerate(axes)]


def _prepared(dpl: Dipole, tmin: float | None, tmax: float | None, decim: Any) -> Dipole:
    """Return the dipole within the window and decimated; the original is left as it was."""
    times, data = dpl.times, dict(dpl.data)
    for factor in _factors(decim):
        times, data = times[::factor], {name: _decimated(x, factor) for name, x in data.items()}
    start = times[0] if tmin is None else finite_number("tmin", tmin, "ms")
    stop = times[-1] if tmax is None else finite_number("tmax", tmax, "ms")
    inside = (times >= start) & (times <= stop)
    if np.count_nonzero(inside) < 2:
        raise InvalidValue(
            "tmin, tmax",
            (tmin, tmax),
            f"is a window with fewer than 2 samples; the dipole is from {times[0]:g} to {times[-1]:g} ms",
        )
    prepared = Dipole(times[inside], {name: x[inside] for name, x in data.items()}, nave=dpl.nave)
    prepared.scale_applied = dpl.scale_applied
    return prepared


def _factors(decim: Any) -> list[int]:
    if decim is None:
        return []
    try:
        factors = [operator.index(d) for d in (decim if isinstance(decim, Sequence) else [decim])]
    except TypeError:
        raise InvalidType("decim", decim, "must be an integer or a list of integers") from None
    if any(factor < 1 for factor in factors):
        raise InvalidValue("decim", decim, "must be >= 1")
    return [factor for factor in factors if factor > 1]


def _decimated(x: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    from scipy import signal

    # Not signal.decimate: its Chebyshev filter, run both ways, makes every slow trace 1.2 % smaller.
    return signal.resample_poly(x, 1, factor, padtype="line")
