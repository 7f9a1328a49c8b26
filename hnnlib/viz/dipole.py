"""Dipoles over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.viz.colors import colors_of
from hnnlib.viz.series import dipoles_of, prepared
from hnnlib.viz.style import check_axes, figure_of, finish, new_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["label_panels", "layer_panels", "layer_title", "layers_of", "moment_label", "plot_dipole"]


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
        Keep every ``decim``-th sample after a low-pass filter that shifts nothing (``scipy.signal.resample_poly``); a
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
    dipoles = dipoles_of(dpl)
    layers = layers_of(layer, dipoles)
    ink = colors_of(["line"], color)["line"]
    traces = [prepared(d, tmin, tmax, decim) for d in dipoles]
    # A new list: the caller's own must not grow by the average.
    mean = prepared(average_dipoles(dipoles), tmin, tmax, decim) if average else None
    figure, axes = layer_panels(ax, layers)
    for panel, name in zip(axes, layers, strict=True):
        for i, trace in enumerate(traces):
            first = i == 0 and mean is None and label != "average"
            style = {"lw": 0.8, "alpha": 0.45} if mean is not None else {"lw": 1.2, "alpha": 1.0}
            panel.plot(trace.times, trace.data[name], color=ink, label=label if first else None, **style)
        if mean is not None:
            panel.plot(mean.times, mean.data[name], color=ink, lw=2.2, label=label)
    label_panels(axes, layers, dipoles[0], own=ax is None)
    return finish(figure, show)


def moment_label(dpl: Dipole) -> str:
    """Return the label of an axis of dipole moments: the unit, and the scale where there is one."""
    return "Dipole moment (nAm)" if dpl.scale_applied == 1 else f"Dipole moment (nAm × {dpl.scale_applied:g})"


def layer_title(name: str) -> str:
    """Return the title of a part of the dipole."""
    titles = {"agg": "All layers", "L2": "Layer 2/3"}
    return titles.get(name, f"Layer {name[1:]}" if name[:1] == "L" and name[1:].isdigit() else name)


def layers_of(layer: Any, dipoles: Sequence[Dipole]) -> list[str]:
    """Return the names of the parts asked for, or raise unless every dipole has them."""
    layers = [layer] if isinstance(layer, str) else list(layer)
    if not layers:
        raise InvalidValue("layer", layer, "must name at least one part of the dipole")
    for name in layers:
        for d in dipoles:
            if name not in d.data:
                raise UnknownName("layer", name, "part of this dipole", d.data)
    return layers


def layer_panels(ax: Any, layers: Sequence[str]) -> tuple[Any, list[Any]]:
    """Return the figure and one axes for each part of the dipole: those that are given, or new ones for None."""
    if ax is None:
        return new_axes(len(layers), size=(6.4, 1.4 + 2.1 * len(layers)))
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(layers):
        raise InvalidValue("len(ax)", len(axes), f"must be {len(layers)}, one for each of {', '.join(layers)}")
    axes = [check_axes("ax" if len(axes) == 1 else f"ax[{i}]", panel) for i, panel in enumerate(axes)]
    return figure_of(axes[0]), axes


def label_panels(axes: Sequence[Any], layers: Sequence[str], dpl: Dipole, *, own: bool) -> None:
    """Name the axes of panels of dipoles; of ``own`` panels, which share the time axis, only the last names it."""
    for panel, name in zip(axes, layers, strict=True):
        if panel.get_legend_handles_labels()[1]:
            panel.legend(loc="best", frameon=False)
        panel.set_ylabel(moment_label(dpl))
        if name != "agg" or len(layers) > 1:
            put_title(panel, layer_title(name))
        if panel is axes[-1] or not own:
            panel.set_xlabel("Time (ms)")
        panel.margins(x=0)
