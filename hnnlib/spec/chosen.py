"""Some cells of some populations, by name and index: what forced events and current clamps act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import checked

__all__ = ["check_chosen", "chosen"]

_Chosen = Mapping[str, tuple[int, ...] | None]


def chosen(*, optional: bool = False, doc: str = "") -> Any:
    """Declare a choice of cells: population -> indices within it, or None for all of its cells.

    Parameters
    ----------
    optional : bool
        Whether None, every cell of the network, is allowed and the value when left out.
    doc : str
        What the cells are for.
    """

    def check(value: Any, path: str) -> _Chosen | None:
        if value is None and optional:
            return None
        if not isinstance(value, Mapping):
            raise InvalidType(path, value, "must be a mapping population -> indices within it, or None for all")
        if not value:
            raise InvalidValue(path, dict(value), "must choose at least one population")
        return immutabledict({name: _indices(v, f"{path}[{name!r}]") for name, v in value.items()})

    return checked(check, None, doc=doc) if optional else checked(check, doc=doc)


def _indices(value: Any, path: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidType(path, value, "must be a list of indices within the population, or None for all")
    found = list(value)
    for i in found:
        if isinstance(i, bool) or not isinstance(i, Integral) or i < 0:
            raise InvalidType(path, i, "must be an index >= 0 within its population")
    if not found:
        raise InvalidValue(path, found, "must choose at least one cell, or be None for all")
    return tuple(sorted({int(i) for i in found}))


def check_chosen(choice: _Chosen, sizes: Mapping[str, int], path: str) -> None:
    """Raise unless a choice names populations and cells that exist.

    Parameters
    ----------
    choice : mapping
        As declared by `chosen`.
    sizes : mapping
        Population -> number of its cells.
    path : str
        Where the choice stands.

    Raises
    ------
    UnknownName
        If there is no such population.
    InvalidValue
        If an index is no cell of its population.
    """
    for name, indices in choice.items():
        if name not in sizes:
            raise UnknownName(path, name, "cell type", sizes)
        if indices is not None and indices[-1] >= sizes[name]:
            raise InvalidValue(f"{path}[{name!r}]", indices[-1], f"must be below the number of cells, {sizes[name]}")
