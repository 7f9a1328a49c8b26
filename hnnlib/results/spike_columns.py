"""The columns of `SpikeData`: what may be given for each, and what is made of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.traces import read_only

__all__ = [
    "check_known",
    "check_range",
    "chosen_trials",
    "codes",
    "flat",
    "n_trials",
    "node_ids",
    "node_ids_of",
    "node_sets",
    "origin",
    "populations",
    "times",
    "trials",
]


def flat(name: str, value: Any, dtype: Any, kinds: str, what: str) -> NDArray[Any]:
    """Return one column, read-only; ``kinds`` are numpy's letters of the types that may be given."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        raise InvalidType(name, value, f"must be a flat list of {what}") from None
    if array.size == 0:
        array = np.empty(0, dtype=dtype)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise InvalidType(name, value, f"must be a flat list of {what}")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise InvalidValue(name, int(array.max()), "must be < 2**63")
    return read_only(array, dtype)


def node_ids_of(value: Any, path: str) -> NDArray[np.int64]:
    """Return ids of nodes as an array, in their order.

    Parameters
    ----------
    value : int or sequence of int
        Ids (>= 0), each once.
    path : str
        Where they stand, for messages.

    Returns
    -------
    ids : ndarray of int64, shape (n_nodes,)
        The ids.

    Raises
    ------
    InvalidType
        If they are no integers.
    InvalidValue
        If one is negative or occurs twice.
    """
    if not isinstance(value, np.ndarray | Sequence | range) and isinstance(value, Iterable):
        value = list(value)
    ids = flat(path, [value] if isinstance(value, int | np.integer) else value, np.int64, "iu", "node ids")
    if ids.size and ids.min() < 0:
        raise InvalidValue(path, int(ids.min()), "must be a node id >= 0")
    unique, counts = np.unique(ids, return_counts=True)
    if unique.size != ids.size:
        raise InvalidValue(path, int(unique[counts > 1][0]), "is a node id that occurs twice")
    return ids


def times(value: Any) -> NDArray[np.float64]:
    """Return the column of times."""
    return flat("times", value, np.float64, "fiu", "times in ms")


def node_ids(value: Any) -> NDArray[np.int64]:
    """Return the column of node ids."""
    return flat("node_ids", value, np.int64, "iu", "integers")


def codes(value: Any) -> NDArray[np.int32]:
    """Return the column of populations, as indices."""
    return flat("codes", value, np.int32, "iu", "indices of populations")


def trials(value: Any) -> NDArray[np.int64] | None:
    """Return the column of trials, if there is one."""
    return None if value is None else flat("trials", value, np.int64, "iu", "integers")


def n_trials(value: Any) -> Any:
    """Return the number of trials, or None where the trials themselves tell it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidValue("n_trials", value, "must be an integer >= 1")
    return int(value)


def populations(value: Any) -> tuple[str, ...]:
    """Return the names of populations."""
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
    if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
        raise InvalidType("populations", value, "must be a sequence of names that are not empty")
    if len(set(names)) != len(names):
        raise InvalidValue("populations", names, "must each be another name")
    return tuple(str(name) for name in names)


def node_sets(value: Any) -> Mapping[str, NDArray[np.int64]] | None:
    """Return the nodes of each population, where they are known."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidType("nodes", value, "must be a mapping population -> node ids")
    return immutabledict({name: node_ids_of(ids, f"nodes[{name!r}]") for name, ids in value.items()})


def origin(value: Any) -> Mapping[str, Any]:
    """Return where spikes come from, as plain data."""
    if not isinstance(value, Mapping):
        raise InvalidType("origin", value, "must be a mapping of plain data")
    return immutabledict(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def check_range(name: str, column: NDArray[Any] | None, top: int | None) -> None:
    """Raise for the first entry that is negative or, where there is a top, not below it."""
    if column is None or not column.size:
        return
    bad = np.flatnonzero((column < 0) | (column >= top) if top is not None else column < 0)
    if bad.size:
        allowed = "must be >= 0" if top is None else f"must be >= 0 and < {top}"
        raise InvalidValue(f"{name}[{bad[0]}]", int(column[bad[0]]), allowed)


def check_known(path: str, ids: NDArray[np.int64], known: NDArray[np.int64], population: str) -> None:
    """Raise for the first id that is none of a population's."""
    stray = ids[~np.isin(ids, known)]
    if stray.size:
        span = f", ids {known.min()} to {known.max()}" if known.size else ""
        raise InvalidValue(path, int(stray[0]), f"is none of the {known.size} nodes of {population!r}{span}")


def chosen_trials(n_trials: int, trial: int | None) -> list[int]:
    """Return the trials that are meant: all, or one that must exist."""
    if trial is None:
        return list(range(n_trials))
    if isinstance(trial, bool) or not isinstance(trial, int | np.integer) or not 0 <= trial < n_trials:
        raise InvalidValue("trial", trial, f"must be one of the {n_trials} trials, from 0")
    return [int(trial)]
