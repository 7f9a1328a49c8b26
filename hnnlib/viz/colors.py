"""Colours: the palette that all figures share, and who has which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.spec.network import NetworkSpec

__all__ = [
    "COLORS",
    "DRIVE_COLORS",
    "checked_color",
    "checked_colormap",
    "colors_of",
    "drive_colors",
    "ink_on",
    "population_colors",
    "type_colors",
]

COLORS = (
    *("#CC79A7", "#0072B2", "#E69F00", "#D55E00", "#009E73", "#56B4E9", "#7B2CBF", "#692D0F"),
    *("#2D3C4B", "#6900FF", "#A5D278", "#A578FF", "#F0004B", "#E1B4B4", "#691E78", "#A52D78"),
    *("#69693C", "#00E13C", "#D20FB4", "#B42DFF", "#A53C0F", "#FF4B78", "#96C3E1", "#6900D2"),
)
"""Colours of populations that name none. The first six are Okabe & Ito's (2008), without the yellow that is faint on
white; each further one is as far as possible, in CIE L*a*b*, from all before it, for normal sight and for three kinds
of colour blindness (Machado et al. 2009, IEEE Trans Vis Comput Graph 15:1291)."""

DRIVE_COLORS = (*COLORS[4:], *COLORS[:4])
"""The same colours for drives, beginning with those that the standard populations leave free."""


def population_colors(network: NetworkSpec) -> dict[str, str]:
    """Return the colour of each population: its own, or where it has none the next that no other one has.

    Parameters
    ----------
    network : NetworkSpec
        A network; of a `Network` it is ``net.spec``.

    Returns
    -------
    colors : dict
        Population -> colour, as matplotlib knows it.
    """
    own = {p.color for p in network.populations.values()}
    free = [c for c in COLORS if c not in own] or list(COLORS)
    without = [name for name, p in network.populations.items() if not p.color]
    taken = {name: free[i % len(free)] for i, name in enumerate(without)}
    return {name: p.color or taken[name] for name, p in network.populations.items()}


def drive_colors(network: NetworkSpec) -> dict[str, str]:
    """Return the colour of each drive, and of each entry of forced synaptic events, in their order."""
    return colors_of([*network.drives, *network.synaptic_events], cycle=DRIVE_COLORS)


def type_colors(response: CellResponse) -> dict[str, str]:
    """Return the colour of each cell type and drive, in the order of gids or, where that is not known, of names.

    What is left out of a figure changes no colour in it.
    """
    cells = list(response.cell_type_names or ())
    others = [name for name in dict.fromkeys([*(response.gid_ranges or ()), *response.cell_types]) if name not in cells]
    return {**colors_of(cells), **colors_of(others, cycle=DRIVE_COLORS if cells else COLORS)}


def colors_of(
    names: Sequence[str], given: Any = None, *, argument: str = "color", cycle: Sequence[str] = COLORS
) -> dict[str, Any]:
    """Return a colour for each name.

    Parameters
    ----------
    names : sequence of str
        What is drawn.
    given : color, list of color, dict of str to color, optional
        One colour for all, one for each, or some by name; what it leaves out takes the next colour of ``cycle``.
    argument : str
        Name of the argument, for errors.
    cycle : sequence of color
        The colours where none is given.

    Returns
    -------
    colors : dict of str to color
        By name.

    Raises
    ------
    InvalidValue
        If a list has not one colour for each name, or a colour is none.
    UnknownName
        If a dict has a name that is not drawn.
    """
    colors = {name: cycle[i % len(cycle)] for i, name in enumerate(names)}
    if given is None:
        return colors
    if isinstance(given, Mapping):
        for name in given:
            if name not in colors:
                raise UnknownName(argument, name, "name of what is drawn", names)
        colors.update({name: checked_color(f"{argument}[{name!r}]", c) for name, c in given.items()})
        return colors
    if isinstance(given, list):
        if len(given) != len(names):
            raise InvalidValue(
                f"len({argument})", len(given), f"must be {len(names)}, one colour for each of {', '.join(names)}"
            )
        return {name: checked_color(f"{argument}[{i}]", given[i]) for i, name in enumerate(names)}
    return dict.fromkeys(names, checked_color(argument, given))


def checked_color(path: str, value: Any) -> Any:
    """Return ``value`` if it is a colour of matplotlib's, else raise."""
    from matplotlib.colors import is_color_like

    if not is_color_like(value):
        raise InvalidValue(path, value, "is no colour of matplotlib's, e.g. 'k', 'tab:blue', '#0072B2'")
    return value


def checked_colormap(path: str, value: Any) -> Any:
    """Return the colormap of that name, or the colormap itself, else raise."""
    from matplotlib import colormaps
    from matplotlib.colors import Colormap

    if isinstance(value, Colormap):
        return value
    if value not in list(colormaps):
        raise UnknownName(path, value, "colormap of matplotlib's", [n for n in colormaps if not n.endswith("_r")])
    return colormaps[value]


def ink_on(color: Any) -> str:
    """Return the colour of text that can be read on a background: black or white (WCAG 2.1, relative luminance)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"
