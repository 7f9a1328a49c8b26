"""Tables of node and edge types: text separated by spaces, one row a type.

A field that holds spaces or quotes is quoted, quotes in it are doubled; ``NULL`` is missing. Lists and mappings are
written as JSON. A column that holds numbers only is one of numbers.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hnnlib.base.errors import FileFormatError, InvalidType, MissingFile

__all__ = ["read_types", "types_of", "types_text"]

Types = dict[int, dict[str, Any]]

NUMBERS = frozenset(
    (
        *("syn_weight", "delay", "nsyns", "weight_sigma", "threshold", "x", "y", "z"),
        *("rotation_angle_xaxis", "rotation_angle_yaxis", "rotation_angle_zaxis"),
        *("afferent_section_id", "afferent_section_pos", "efferent_section_id", "efferent_section_pos"),
    )
)
"""Columns that can't be text, so that a slip of the pen in one is found where it stands."""

_MISSING = frozenset(("", "NULL", "NONE", "None", "NaN", "nan"))


def read_types(file: str | os.PathLike[str], kind: str) -> dict[str | None, Types]:
    """Read a table of types.

    Parameters
    ----------
    file : path-like
        The table; its columns are separated by spaces, tabs or commas.
    kind : str
        ``node`` or ``edge``.

    Returns
    -------
    types : dict of (str or None) to dict
        Population -> type id -> attributes, missing ones left out. None: types of every population.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no such table; names the line and the column.
    """
    name = os.fspath(file)
    header, rows = _rows(name, f"{kind}_type_id")
    columns = {column: _values(name, column, [(line, row[i]) for line, row in rows]) for i, column in enumerate(header)}
    ids = columns.pop(f"{kind}_type_id")
    populations = columns.pop("population", [None] * len(rows))
    types: dict[str | None, Types] = {}
    for i, (line, _) in enumerate(rows):
        if not isinstance(ids[i], int):
            raise FileFormatError(name, f"column '{kind}_type_id': {ids[i]!r} is no whole number", line)
        table = types.setdefault(None if populations[i] is None else str(populations[i]), {})
        if ids[i] in table:
            raise FileFormatError(name, f"column '{kind}_type_id': {ids[i]} is there twice", line)
        table[ids[i]] = {column: values[i] for column, values in columns.items() if values[i] is not None}
    return types


def types_of(types: Mapping[str | None, Types], population: str) -> Types:
    """Return the types that a population may use: its own, and those that name no population."""
    return {**types.get(None, {}), **types.get(population, {})}


def types_text(tables: Mapping[str, Mapping[int, Mapping[str, Any]]], kind: str) -> str:
    """Return the text of a table of types.

    Parameters
    ----------
    tables : mapping of str to mapping
        Population -> type id -> attributes. The column ``population`` is written if there are several.
    kind : str
        ``node`` or ``edge``.

    Returns
    -------
    text : str
        What `read_types` reads.

    Raises
    ------
    InvalidType
        If an attribute can't be written as text.
    """
    rows = [(population, i, row) for population, types in tables.items() for i, row in types.items()]
    names = list(dict.fromkeys(name for *_, row in rows for name in row))
    several = len(tables) > 1
    text = io.StringIO()
    writer = csv.writer(text, delimiter=" ", quotechar='"', lineterminator="\n")
    writer.writerow([f"{kind}_type_id", *(["population"] if several else []), *names])
    for population, i, row in rows:
        fields = [_field(row.get(name), f"{kind}_types[{i}].{name}") for name in names]
        writer.writerow([i, *([population] if several else []), *fields])
    return text.getvalue()


def _rows(name: str, key: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        lines = [line.rstrip(" \r") + "\n" for line in Path(name).read_text(encoding="utf-8-sig").split("\n")]
    except FileNotFoundError:
        raise MissingFile(name) from None
    except UnicodeDecodeError:
        raise FileFormatError(name, "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(name, f"can't be read ({error.strerror or error})") from None
    separator = _separator(name, lines, key)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [field.strip(" ") for field in row]) for row in reader if row]
    except csv.Error as error:
        raise FileFormatError(name, str(error), reader.line_num) from None
    (first, header), *rest = rows
    doubled = {column for column in header if header.count(column) > 1}
    if doubled:
        raise FileFormatError(name, f"column {min(doubled)!r} is there twice", first)
    for line, row in rest:
        if len(row) != len(header):
            raise FileFormatError(name, f"has {len(row)} fields, but the header names {len(header)} columns", line)
    return header, rest


def _separator(name: str, lines: Iterable[str], key: str) -> str:
    first = next((line for line in lines if line.strip()), "")
    for separator in (" ", "\t", ","):
        fields = next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])
        if key in [field.strip() for field in fields]:
            return separator
    raise FileFormatError(name, f"the header {first[:60]!r} names no column {key!r}", 1)


def _values(name: str, column: str, fields: list[tuple[int, str]]) -> list[Any]:
    given = [(line, text) for line, text in fields if text not in _MISSING]
    for convert in (int, float):
        try:
            numbers = iter([convert(text) for _, text in given])
        except ValueError:
            continue
        return [None if text in _MISSING else next(numbers) for _, text in fields]
    if column in NUMBERS or column.endswith("_type_id"):
        line, text = next((line, text) for line, text in given if not _is_number(text))
        raise FileFormatError(name, f"column {column!r}: {text!r} is no number", line)
    return [None if text in _MISSING else _structured(text) for _, text in fields]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _structured(text: str) -> Any:
    if text[:1] not in ("[", "{"):
        return text
    for read in (json.loads, ast.literal_eval):  # BMTK's tables hold Python's spelling too
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


def _field(value: Any, path: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "NULL"
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value)
    try:
        return json.dumps(value, default=dict)
    except (TypeError, ValueError) as error:
        raise InvalidType(path, value, f"can't be written as text ({error})") from None
