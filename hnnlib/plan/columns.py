"""Columns of nodes and edges: one value a row, given row by row or by type, and conditions on them.

A column is a numpy array with one entry per row: numbers, or text as an object array of str. What is missing is NaN
among numbers and None among text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

__all__ = ["as_column", "edge_attributes", "edge_default", "is_text", "matching", "merged", "node_attributes", "spread"]

_COMPARISONS = (("$gt", operator.gt), ("$gte", operator.ge), ("$lt", operator.lt), ("$lte", operator.le))


def is_text(column: np.ndarray) -> bool:
    """Return whether a column holds text."""
    return column.dtype.kind in "OUS"


def as_column(values: Any) -> np.ndarray:
    """Return values as a column: text (and numbers mixed with text or None) as objects, all else as it is."""
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "US" else array


def spread(type_ids: np.ndarray, types: Mapping[int, Mapping[str, Any]], name: str) -> np.ndarray | None:
    """Return what a table of types says of each row.

    Parameters
    ----------
    type_ids : array of int, shape (n,)
        Type of each row.
    types : mapping of int to mapping
        Attributes of each type; an absent attribute is missing.
    name : str
        The attribute.

    Returns
    -------
    column : array, shape (n,), or None
        None if no type has the attribute.
    """
    if not any(name in attributes for attributes in types.values()):
        return None
    present, row_of = np.unique(type_ids, return_inverse=True)
    values = [types.get(int(i), {}).get(name) for i in present]
    if all(v is None or isinstance(v, int | float | np.number) for v in values):
        if any(v is None for v in values):
            values = [np.nan if v is None else float(v) for v in values]
        return np.array(values)[row_of] if values else np.empty(0)
    # Filled one by one: numpy would make an array of arrays of types whose values are sequences.
    table = np.empty(len(values), object)
    for i, value in enumerate(values):
        table[i] = value
    return table[row_of]


def merged(
    n_rows: int,
    groups: Sequence[tuple[np.ndarray, Mapping[str, np.ndarray]]],
    default: Callable[[str], np.ndarray | None],
    path: str,
) -> dict[str, np.ndarray]:
    """Return one set of columns for rows that are described group by group.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    groups : sequence of (array of int, mapping of str to array)
        The rows of each group and the values it has for them.
    default : callable
        Name -> column of all rows from the types, or None; tells what a group without the attribute has.
    path : str
        Where the groups stand, for errors.

    Returns
    -------
    columns : dict of str to array, shape (n_rows, ...)
        Every attribute that some group has; NaN or None where neither group nor type has a value.

    Raises
    ------
    InvalidValue
        If groups disagree on whether an attribute is text, or on the shape of its values.
    """
    columns = {}
    for name in dict.fromkeys(name for _, columns_of in groups for name in columns_of):
        parts = [(rows, columns_of[name]) for rows, columns_of in groups if name in columns_of]
        if len(parts) == 1 and len(parts[0][0]) == n_rows and np.array_equal(parts[0][0], np.arange(n_rows)):
            columns[name] = parts[0][1]
        else:
            columns[name] = _merged_column(n_rows, parts, default(name), f"{path}/{name}")
    return columns


def _merged_column(
    n_rows: int, parts: Sequence[tuple[np.ndarray, np.ndarray]], default: np.ndarray | None, path: str
) -> np.ndarray:
    arrays = [values for rows, values in parts if len(rows)] or [values for _, values in parts]
    partial = sum(len(rows) for rows, _ in parts) < n_rows
    if partial and default is not None:
        arrays.append(default)
    kinds = {is_text(a) for a in arrays}
    shapes = {a.shape[1:] for a in arrays}
    if len(kinds) > 1:
        raise InvalidValue(path, "text and numbers", "can't be one attribute: its groups or its type differ")
    if len(shapes) > 1:
        raise InvalidValue(path, sorted(shapes), "can't be one attribute: its groups differ in shape")
    (text,), (shape,) = kinds, shapes
    if text:
        column = np.empty((n_rows, *shape), object)
    elif partial and default is None:
        column = np.full((n_rows, *shape), np.nan)
    else:
        column = np.zeros((n_rows, *shape), np.result_type(*arrays))
    if partial and default is not None:
        column[...] = default
    for rows, values in parts:
        column[rows] = values
    return column


def node_attributes(attributes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return attributes of nodes with BMTK's ``positions`` told apart into ``x``, ``y`` and ``z``."""
    positions = attributes.get("positions")
    if positions is None or positions.shape[1:] != (3,):
        return dict(attributes)
    rest = {name: column for name, column in attributes.items() if name != "positions"}
    return {"x": positions[:, 0], "y": positions[:, 1], "z": positions[:, 2]} | rest


def edge_attributes(attributes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return attributes of edges with BMTK's old names of sections replaced by SONATA's."""
    names = {"sec_id": "afferent_section_id", "sec_x": "afferent_section_pos"}
    return {names.get(name, name): c for name, c in attributes.items() if names.get(name) not in attributes}


def edge_default(type_ids: np.ndarray, types: Mapping[int, Mapping[str, Any]], name: str) -> np.ndarray | None:
    """Return what edges have whose group lacks an attribute: their type's value; as ``nsyns``, one synapse."""
    column = spread(type_ids, types, name)
    return np.ones(len(type_ids), np.int64) if column is None and name == "nsyns" else column


def matching(column: np.ndarray, wanted: Any, path: str) -> np.ndarray:
    """Return which rows of a column meet a condition.

    Parameters
    ----------
    column : array, shape (n,)
        The values.
    wanted : scalar, sequence or mapping
        A value; values of which one must be met; or comparisons that must all hold: ``$gt``, ``$gte``, ``$lt``,
        ``$lte`` (numbers) and ``$regex`` (text, found anywhere in it).
    path : str
        Where the condition stands, for errors.

    Returns
    -------
    mask : array of bool, shape (n,)
        What is missing meets nothing.

    Raises
    ------
    InvalidType
        If text is asked of numbers or numbers of text.
    UnknownName
        If there is no such comparison.
    """
    if isinstance(wanted, Mapping):
        mask = np.ones(len(column), bool)
        for name, value in wanted.items():
            mask &= _compared(column, name, value, f"{path}.{name}")
        return mask
    values = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)
    text = is_text(column)
    for value in values:
        if isinstance(value, str) != text:
            raise InvalidType(path, value, "must be text" if text else "must be a number")
    if not text:
        return np.isin(column, np.array(values, dtype=float))
    asked = set(values)
    return np.fromiter((value in asked for value in column), bool, len(column))


def _compared(column: np.ndarray, name: str, value: Any, path: str) -> np.ndarray:
    if name == "$regex":
        if not is_text(column) or not isinstance(value, str):
            raise InvalidType(path, value, "must be a regular expression, on an attribute of text")
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise InvalidValue(path, value, f"must be a regular expression ({error})") from None
        found = (v is not None and pattern.search(v) is not None for v in column)
        return np.fromiter(found, bool, len(column))
    compare = dict(_COMPARISONS).get(name)
    if compare is None:
        raise UnknownName(path.rpartition(".")[0], name, "comparison", [*dict(_COMPARISONS), "$regex"])
    if is_text(column) or not isinstance(value, int | float | np.number):
        raise InvalidType(path, value, "must be a number, on an attribute of numbers")
    mask: np.ndarray = compare(column, value)
    return mask
