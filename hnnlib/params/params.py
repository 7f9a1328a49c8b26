"""HNN's flat parameters as a dict that knows its keys, checks its values and understands wildcards."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import InvalidType, InvalidValue, nearest
from hnnlib.params.table import (
    EVOKED,
    FIXED,
    Key,
    canonical,
    default_of,
    evoked_input,
    evoked_keys,
    is_evoked_time,
    lookup,
)

__all__ = ["Params", "UnknownParameter", "check", "evoked_names", "evoked_stem", "suggestion_for", "value"]

_WILDCARDS = "*?["
_NUMBER = (int, float, np.integer, np.floating)


class UnknownParameter(InvalidValue, KeyError):
    """A key that is no flat parameter, or a wildcard pattern that matches none; fields as in `InvalidValue`."""

    # KeyError would show the message in quotes.
    __str__ = InvalidValue.__str__


class Params(dict[str, Any]):
    """Flat parameters of a network and its inputs, as HNN's parameter files hold them.

    A dict with three differences: keys may be patterns with the wildcards of a shell (``*``, ``?``, ``[...]``), only
    known keys can be set, and values are checked when they are set. Reading a pattern gives the matching part as
    `Params`; setting one sets every match.

    Parameters
    ----------
    params_input : mapping, optional
        Keys and values to start from. Missing keys get the defaults of the table; evoked inputs are those with a
        mean time ``t_evprox_1``, ``t_evdist_1``, ….

    Raises
    ------
    InvalidType
        If ``params_input`` is no mapping, or a value is of the wrong type.
    InvalidValue
        If a value is not finite or out of range.
    UnknownParameter
        If a key is not known.

    Examples
    --------
    >>> params = Params({"tstop": 170.0, "t_evprox_1": 26.6})
    >>> params["gbar_evprox_1_*_ampa"] = 0.01
    >>> params["gbar_evprox_1_L2*_ampa"]
    {
        "gbar_evprox_1_L2Basket_ampa": 0.01,
        "gbar_evprox_1_L2Pyr_ampa": 0.01
    }
    """

    def __init__(self, params_input: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if params_input is None:
            params_input = {}
        if not isinstance(params_input, Mapping):
            raise InvalidType("params_input", params_input, "must be a dict of parameters, or None")
        for name in params_input:
            if not isinstance(name, str) or all(lookup(key) is None for key in canonical(name)):
                raise UnknownParameter("params_input", name, "is no parameter", suggestion_for(name, _all_names()))
        given = up_to_date(params_input)
        stems = sorted({str(evoked_input(name)) for name in given if is_evoked_time(name)})
        for name in given:
            stem = evoked_input(name)
            if stem is not None and stem not in stems:
                raise UnknownParameter("params_input", name, f"belongs to no input: there is no 't_{stem}'")
        complete = {name: key.default for name, key in FIXED.items() if key.listed}
        for stem in stems:
            complete.update((name, key.default) for name, key in evoked_keys(stem))
        complete.update((name, check(name, item)) for name, item in given.items())
        super().update(complete)

    def __getitem__(self, name: str) -> Any:
        if isinstance(name, str) and _is_pattern(name):
            return self._part(self._matches(name))
        keys = canonical(name) if isinstance(name, str) else (name,)
        if len(keys) == 1 and keys[0] in self:
            return super().__getitem__(keys[0])
        raise UnknownParameter("params", name, "is no parameter here", suggestion_for(name, self))

    def __setitem__(self, name: str, item: Any) -> None:
        super().update(self._checked(name, item))

    def _checked(self, name: str, item: Any) -> dict[str, Any]:
        """Return the keys that setting ``name`` sets, with checked values."""
        if isinstance(name, str) and _is_pattern(name):
            return {key: check(key, item) for key in self._matches(name)}
        if not isinstance(name, str) or any(lookup(key) is None for key in canonical(name)):
            raise UnknownParameter("params", name, "is no parameter", suggestion_for(name, (*self, *_all_names())))
        stem = evoked_input(name)
        if stem is not None and not is_evoked_time(name) and name not in self and f"t_{stem}" not in self:
            raise UnknownParameter("params", name, f"belongs to no input: set 't_{stem}' first")
        return {key: check(key, item) for key in canonical(name)}

    def _matches(self, pattern: str) -> list[str]:
        found = [name for name in self if fnmatchcase(name, pattern)]
        if not found:
            raise UnknownParameter("params", pattern, "matches no parameter", _better_pattern(pattern, self))
        return found

    def _part(self, names: Iterable[str]) -> Params:
        part = type(self).__new__(type(self))
        # Past our own checks: a part needs no defaults, and its values were checked when they were set.
        dict.update(part, {name: dict.__getitem__(self, name) for name in names})
        return part

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys or patterns, or none if one of them can't be set.

        Parameters
        ----------
        *args, **kwargs
            As for `dict`.
        """
        checked: dict[str, Any] = {}
        for name, item in dict(*args, **kwargs).items():
            checked.update(self._checked(name, item))
        super().update(checked)

    def __ior__(self, other: Any) -> Params:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of a key, after setting it to ``default`` if it is missing.

        Parameters
        ----------
        name : str
            The key.
        default : object
            Its value if it is missing.
        """
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Params:
        """Return an independent copy."""
        return self._part(self)

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restore, (type(self), dict(self)))

    def __repr__(self) -> str:
        return json.dumps(self, sort_keys=True, indent=4)

    def write(self, fname: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the parameters to a flat JSON file, which `read_params` reads.

        Parameters
        ----------
        fname : path-like
            The file; its name ends in ``.json``.
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        InvalidValue
            If the name doesn't end in ``.json``.
        OutputError
            If the file can't be written; an older one is then untouched.
        """
        if not isinstance(fname, (str, os.PathLike)) or not str(fname).lower().endswith(".json"):
            raise InvalidValue("fname", fname, "must be the path of a .json file")
        atomic_write_text(fname, f"{self!r}\n", overwrite)


def check(name: str, item: Any, path: str = "params") -> Any:
    """Return ``item`` as the table wants it for key ``name``: numpy numbers become Python's, counts become int.

    Parameters
    ----------
    name : str
        A key that the table knows.
    item : object
        The value to check.
    path : str
        What the error calls the place of the key.

    Raises
    ------
    InvalidType, InvalidValue
        If the value is of the wrong type, not finite, or out of range.
    UnknownParameter
        If there is no such key.
    """
    key = lookup(name)
    if key is None:
        raise UnknownParameter(path, name, "is no parameter", suggestion_for(name, _all_names()))
    where = f"{path}[{name!r}]"
    if key.kind == "text":
        if not isinstance(item, str):
            raise InvalidType(where, item, "must be text")
        return str(item)
    if key.kind in ("flag", "record"):
        return _check_flag(key, item, where)
    return _check_number(key, item, where)


def _check_flag(key: Key, item: Any, where: str) -> bool | int | str:
    if isinstance(item, (bool, np.bool_)):
        return bool(item)
    if isinstance(item, _NUMBER) and item in (0, 1):
        return int(item)
    if key.kind == "record" and isinstance(item, str) and item in ("soma", "all"):
        return str(item)
    allowed = "must be true, false, 0 or 1" + (", or 'soma' or 'all'" if key.kind == "record" else "")
    raise (InvalidValue if isinstance(item, _NUMBER) else InvalidType)(where, item, allowed)


def _check_number(key: Key, item: Any, where: str) -> int | float:
    kind = "a whole number" if key.kind == "integer" else "a finite number"
    bound = f" >= {key.low}" if key.low is not None else f" > {key.above}" if key.above is not None else ""
    allowed = f"must be {kind}{bound}{f' {key.unit}' if key.unit else ''}"
    if isinstance(item, bool) or not isinstance(item, _NUMBER):
        raise InvalidType(where, item, allowed)
    try:
        number: int | float = int(item) if isinstance(item, (int, np.integer)) else float(item)
        finite = math.isfinite(number)
    except OverflowError:  # beyond the range of float
        finite = False
    if (
        not finite
        or (key.kind == "integer" and number != int(number))
        or (key.low is not None and number < key.low)
        or (key.above is not None and number <= key.above)
    ):
        raise InvalidValue(where, item, allowed)
    return int(number) if key.kind == "integer" else number


def value(params: Mapping[str, Any], key: str) -> Any:
    """Return a parameter from any mapping, whole or partial.

    Parameters
    ----------
    params : mapping
        `Params`, or a plain dict.
    key : str
        The key, e.g. ``gbar_evprox_1_L2Pyr_ampa``.

    Returns
    -------
    value : object
        The checked value of the key; if it is missing, that of its older form (``gbar_evprox_1_L2Pyr``,
        ``Itonic_A_L2Basket``); if that is missing too, the default of the table.

    Raises
    ------
    InvalidType, InvalidValue
        If the value is not allowed.
    UnknownParameter
        If there is no such key.
    """
    if key in params:
        return check(key, params[key])
    older = key.rpartition("_")[0]
    if older in params and key in canonical(older):
        return check(key, params[older])
    if lookup(key) is None:
        raise UnknownParameter("params", key, "is no parameter", suggestion_for(key, _all_names()))
    return default_of(key)


def evoked_names(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and location of every evoked input, e.g. ``('evprox1', 'proximal')``, sorted by name.

    An input exists if its mean time (``t_evprox_1``) does. The order is the one in which networks add them.
    """
    stems = [str(evoked_input(name)) for name in params if is_evoked_time(name)]
    return sorted((stem.replace("_", ""), "proximal" if stem.startswith("evprox") else "distal") for stem in stems)


def evoked_stem(name: str) -> str:
    """Return what keys call an evoked input: ``evprox_1`` for ``evprox1``."""
    return f"{name[:6]}_{name[6:]}"


def up_to_date(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given`` with keys of older files replaced by those they stand for; a key given itself comes first."""
    older = {key: item for name, item in given.items() for key in canonical(name) if key != name}
    return older | {name: item for name, item in given.items() if canonical(name) == (name,)}


def suggestion_for(name: object, known: Iterable[str]) -> str | None:
    """Return the known key nearest to ``name``, or None; the number of an evoked input is kept."""
    names = set(known)
    stem = evoked_input(name) if isinstance(name, str) else None
    if stem is not None:
        names.update(key for key, _ in evoked_keys(stem))
    return nearest(name, sorted(names))


def _all_names() -> list[str]:
    return [*FIXED, *(pattern.replace("_N", "_1") for pattern in EVOKED)]


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in _WILDCARDS)


def _better_pattern(pattern: str, names: Iterable[str]) -> str | None:
    """Return the pattern with its literal start or end spelt as in the names, which matches most of them; or None."""
    names = list(names)
    parts = re.fullmatch(r"([^*?\[]*)(.*[*?\[\]])([^*?\[\]]*)", pattern, re.DOTALL)
    start, middle, end = parts.groups() if parts else ("", pattern, "")
    starts = sorted({name[: len(start)] for name in names if start})
    ends = sorted({name[-len(end) :] for name in names if end})
    candidates = [other + middle + end for other in difflib.get_close_matches(start, starts)]
    candidates += [start + middle + other for other in difflib.get_close_matches(end, ends)]
    # A slip of case alone is likelier than any other.
    same_letters = [new for new in candidates if new.lower() == pattern.lower()]
    hits = {new: sum(fnmatchcase(name, new) for name in names) for new in same_letters or candidates}
    best = max(hits, key=hits.__getitem__, default=None)
    return best if best is not None and hits[best] else None


def _restore(cls: type[Params], items: dict[str, Any]) -> Params:
    part = cls.__new__(cls)
    dict.update(part, items)
    return part
