"""What all figures share: the style sheet, new figures, showing and saving them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from immutabledict import immutabledict

from hnnlib.base.atomic import check_writable, replacing
from hnnlib.base.errors import InvalidType, InvalidValue, OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "INK",
    "STYLE",
    "add_colorbar",
    "check_axes",
    "check_figure_path",
    "figure_of",
    "finish",
    "legend_above",
    "new_axes",
    "one_axes",
    "put_title",
    "round_down",
    "save_figure",
    "trial_numbers",
    "whole_numbers",
    "zero_line",
]

INK = "#202020"
"""What has no colour of its own, and text."""

STYLE: Mapping[str, Any] = immutabledict(
    {
        "font.size": 10.0,
        "axes.titlesize": 10.5,
        "axes.labelsize": 10.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.edgecolor": "#404040",
        "axes.labelcolor": INK,
        "axes.formatter.use_mathtext": True,
        "xtick.labelsize": 9.0,
        "ytick.labelsize": 9.0,
        "xtick.color": "#404040",
        "ytick.color": "#404040",
        "legend.fontsize": 9.0,
        "legend.frameon": False,
        "lines.solid_capstyle": "round",
        "lines.solid_joinstyle": "round",
        "figure.facecolor": "white",
        "axes.facecolor": "white",
    }
)
"""matplotlib's settings while a figure of ours is made; axes that are handed in keep their own."""


def new_axes(
    n_rows: int = 1, n_columns: int = 1, *, size: tuple[float, float], three_d: bool = False, **layout: Any
) -> tuple[Any, list[Any]]:
    """Return a new figure and its axes; those below each other have a common time axis.

    Parameters
    ----------
    n_rows, n_columns : int
        Number of axes below each other, and beside each other.
    size : tuple of float
        Width and height (inches).
    three_d : bool
        Whether the axes have three dimensions.
    **layout
        Passed on to ``matplotlib.pyplot.subplots``, e.g. ``height_ratios``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    axes : list of matplotlib.axes.Axes
        Its axes, row by row.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    settings: Any = dict(STYLE)
    with mpl.rc_context(settings):
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=size,
            layout="constrained",
            squeeze=False,
            subplot_kw={"projection": "3d"} if three_d else None,
            **{"sharex": n_rows > 1, **layout},
        )
        axes = list(axes.ravel())
    for ax in axes:
        # Ticks are made when they are first drawn, long after the style has been left again.
        ax.tick_params(labelsize=STYLE["xtick.labelsize"], colors=STYLE["xtick.color"], width=0.8)
    return figure, axes


def one_axes(ax: Any, *, size: tuple[float, float], three_d: bool = False) -> tuple[Any, Any]:
    """Return the figure of ``ax`` and ``ax``, or new ones where it is None.

    Raises
    ------
    InvalidType
        If ``ax`` is no axes, or has not the number of dimensions that is needed.
    """
    if ax is None:
        figure, axes = new_axes(size=size, three_d=three_d)
        return figure, axes[0]
    return figure_of(check_axes("ax", ax, three_d)), ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes are in, the whole one where they are in a part of it."""
    return ax.figure.canvas.figure


def check_axes(path: str, ax: Any, three_d: bool = False) -> Axes:
    """Return ``ax`` if it is axes of the right number of dimensions, else raise."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise InvalidType(path, ax, "must be matplotlib axes, or None for a new figure")
    if three_d != (ax.name == "3d"):
        need = "three-dimensional, made with projection='3d'" if three_d else "two-dimensional"
        raise InvalidType(path, ax, f"must be {need}")
    return ax


def put_title(ax: Axes, text: str) -> None:
    """Write a title over the left end of the axes."""
    # Location and weight are read from the style when a title is written: by then it has been left.
    ax.set_title(text, loc="left", fontsize=STYLE["axes.titlesize"], fontweight="bold", color=INK)


def legend_above(ax: Axes, handles: Sequence[Any], *, right: bool = False, room: float = 1.0) -> int:
    """Name what is drawn above the axes, where the names hide no data.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    handles : sequence of artist
        What is named; those with a label.
    right : bool
        Whether the names end at the right, rather than start at the left.
    room : float
        Part of the axes' width that the names may take; they stand in as many columns as fit into it.

    Returns
    -------
    n_rows : int
        Number of rows of names.
    """
    points = ax.get_position().width * figure_of(ax).get_size_inches()[0] * 72.0 * room
    # A letter is 0.62 of the font's size wide on average; line or patch and spaces take as much as 5.
    widest = 0.62 * STYLE["legend.fontsize"] * (5 + max((len(str(h.get_label())) for h in handles), default=0))
    columns = int(np.clip(points // widest, 1, max(len(handles), 1)))
    rows = -(-len(handles) // columns)
    side = 1.0 if right else 0.0
    ax.legend(
        handles=handles,
        loc="lower right" if right else "lower left",
        bbox_to_anchor=(side, 1.0),
        ncols=max(-(-len(handles) // max(rows, 1)), 1),
        frameon=False,
        fontsize=STYLE["legend.fontsize"],
        handlelength=1.3,
        columnspacing=1.4,
        borderaxespad=0.15,
        borderpad=0.0,
        markerscale=2.0,
    )
    return rows


def add_colorbar(mappable: Any, ax: Axes, label: str, *, own: bool = True, inside: bool = False, **options: Any) -> Any:
    """Explain colours beside the axes, or ``inside`` them, and return the bar.

    In a figure of our ``own`` the axes keep their width, so that time axes above each other stay aligned; in a user's
    figure, whose margins are not ours to widen, the bar takes its room from the axes, as is matplotlib's custom.
    """
    from matplotlib.ticker import ScalarFormatter

    place: dict[str, Any] = {"ax": ax}
    if inside:
        place = {"cax": ax.inset_axes((0.955, 0.08, 0.02, 0.84))}
    elif own:
        place = {"cax": ax.inset_axes((1.02, 0.0, 0.025, 1.0))}
    bar = figure_of(ax).colorbar(mappable, **place, **options)
    if isinstance(bar.formatter, ScalarFormatter):
        bar.formatter.set_powerlimits((-2, 4))  # 4.5 × 10⁻⁴ once, rather than 0.00045 at each tick
        bar.formatter.set_useMathText(True)
    bar.ax.yaxis.get_offset_text().set(size=STYLE["ytick.labelsize"], color=STYLE["ytick.color"])
    bar.set_label(label, size=STYLE["axes.labelsize"], color=INK)
    bar.ax.tick_params(labelsize=STYLE["ytick.labelsize"], colors=STYLE["ytick.color"], width=0.8)
    bar.outline.set(linewidth=0.8, edgecolor=STYLE["axes.edgecolor"])
    if inside:
        # Over colours of any lightness: white letters with a black rim.
        from matplotlib.patheffects import withStroke

        bar.ax.yaxis.set_ticks_position("left")
        bar.ax.yaxis.set_label_position("left")
        bar.ax.tick_params(colors="white")
        for text in (bar.ax.yaxis.label, bar.ax.yaxis.get_offset_text(), *bar.ax.get_yticklabels()):
            text.set(color="white", path_effects=[withStroke(linewidth=2.0, foreground="black")])
    return bar


def round_down(length: float) -> float:
    """Return the largest of …, 1, 2, 5, 10, 20, … that is not above ``length``."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step * power for step in (1.0, 2.0, 5.0) if step * power <= length * (1 + 1e-9)))


def whole_numbers(axis: Any) -> None:
    """Put ticks at whole numbers only; an axis with ticks of another kind (logarithmic) is left alone."""
    from matplotlib.ticker import MaxNLocator

    locator = axis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        locator.set_params(integer=True)


def zero_line(ax: Axes) -> None:
    """Draw a faint line at zero, behind everything."""
    ax.axhline(0.0, color="#BFBFBF", lw=0.8, zorder=0)


def finish(figure: Figure, show: bool) -> Figure:
    """Show the figure if that is asked for and the backend has windows, and return it.

    A backend without windows (Agg, in scripts on servers and in tests) shows nothing, and there is no warning about it.
    """
    import matplotlib.pyplot as plt

    if show and figure.canvas.manager is not None and figure.canvas.required_interactive_framework is not None:
        plt.show()
    return figure


def trial_numbers(trial_idx: Any, n_trials: int) -> list[int]:
    """Return the trials asked for: all for None, else one or several of ``range(n_trials)``.

    Raises
    ------
    InvalidType
        If ``trial_idx`` is no integer and no list of integers.
    InvalidValue
        If a trial does not exist.
    """
    import operator

    if trial_idx is None:
        return list(range(n_trials))
    chosen: Iterable[Any] = [trial_idx] if not isinstance(trial_idx, Iterable) else trial_idx
    try:
        numbers = [operator.index(i) for i in chosen]
    except TypeError:
        raise InvalidType("trial_idx", trial_idx, "must be an integer or a list of integers") from None
    for i in numbers:
        if not 0 <= i < n_trials:
            allowed = f"must be 0 to {n_trials - 1}" if n_trials else "can't be shown: there are no trials"
            raise InvalidValue("trial_idx", i, allowed)
    return numbers


def check_figure_path(path: str | os.PathLike[str], overwrite: bool = True) -> str:
    """Check that a figure can be saved at ``path``, before hours of work depend on it.

    Parameters
    ----------
    path : path-like
        The file to be written.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    format : str
        The format that the ending stands for, e.g. ``'png'``.

    Raises
    ------
    OutputError
        If the file can't be written, or its ending is no format; names those that are.
    InvalidType
        If ``path`` is no path.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    extension = check_writable(path, overwrite).suffix.lower()
    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if extension.removeprefix(".") not in formats:
        ends = f"ends in {extension!r}" if extension else "has no ending"
        raise OutputError(path, f"{ends}; a figure's file must end in {', '.join(f'.{f}' for f in formats)}")
    return extension.removeprefix(".")


def save_figure(fig: Figure, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    path : path-like
        Where to; the ending says the format, e.g. ``.png`` (200 dots per inch), ``.pdf`` or ``.svg``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError, InvalidType
        As in `check_figure_path`.
    """
    kind = check_figure_path(path, overwrite)
    with replacing(path, overwrite) as temporary:
        fig.savefig(temporary, dpi=200, format=kind)
