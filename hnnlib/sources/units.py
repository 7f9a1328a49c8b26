"""Which units of NWB files are meant, which node each becomes, and which time of a session."""

from __future__ import annotations

import csv
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.schema import number
from hnnlib.io.nwb import MS_PER_S, NWBUnits

__all__ = ["UnitOfNode", "matching_rows", "matching_units", "read_units_map", "window_of"]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = immutabledict(
    {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)
CONDITION = ("operation", "value", "column")
UNIT_IDS = ("unit_id", "id")


@attrs.frozen(kw_only=True)
class UnitOfNode:
    """Which unit a node gets its spikes from.

    Parameters
    ----------
    population : str
        Population of the node.
    node_id : int
        The node.
    file : int or None
        Index of the file; None while it is not known.
    unit_id : int
        Id of the unit in that file.
    window : tuple of float, optional
        First and last time (ms of the session) that is taken, in place of the file's interval.
    """

    population: str
    node_id: int
    file: int | None
    unit_id: int
    window: tuple[float, float] | None = None


# ------------------------------------------------------------------------------------------------- conditions


def matching_rows(columns: Mapping[str, NDArray[Any]], n_rows: int, conditions: Any, path: str) -> NDArray[np.bool_]:
    """Return which rows of a table fulfil all conditions.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n_rows,)
        The table.
    n_rows : int
        Number of its rows.
    conditions : mapping
        Column -> a value that it must have, a list of values of which it must have one, or
        ``{"operation": ">=", "value": v}``, with ``"column"`` where the name is not the column's.
    path : str
        Where the conditions stand, for messages.

    Returns
    -------
    rows : ndarray of bool, shape (n_rows,)
        True where all hold.

    Raises
    ------
    UnknownName
        If there is no such column or operation.
    InvalidType
        If a text is compared with a number.
    """
    if not isinstance(conditions, Mapping):
        raise InvalidType(path, conditions, "must be a mapping column -> value, list or {'operation', 'value'}")
    rows = np.ones(n_rows, bool)
    for name, wanted in conditions.items():
        where, key, operation, value = f"{path}[{name!r}]", name, "==", wanted
        if isinstance(wanted, Mapping):
            for entry in wanted:
                if entry not in CONDITION:
                    raise UnknownName(where, entry, "part of a condition", CONDITION)
            if "operation" not in wanted or "value" not in wanted:
                raise InvalidValue(where, dict(wanted), "must have 'operation' and 'value'")
            operation, value, key = wanted["operation"], wanted["value"], wanted.get("column", name)
            if operation not in OPERATORS:
                raise UnknownName(f"{where}['operation']", operation, "operation", OPERATORS)
        if key not in columns:
            raise UnknownName(where, key, "column", sorted(columns))
        rows &= _compare(columns[key], operation, value, where)
    return rows


def _compare(column: NDArray[Any], operation: str, value: Any, path: str) -> NDArray[np.bool_]:
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        if operation not in ("==", "!="):
            raise InvalidValue(path, value, f"must be one value for {operation!r}")
        among = np.zeros(column.size, bool)
        for each in value:
            among |= _compare(column, "==", each, path)
        return among if operation == "==" else ~among
    is_text, wants_text = column.dtype.kind == "U", isinstance(value, str)
    if is_text and not wants_text:
        # numbers are kept as text where a column also holds words ("null")
        numbers = np.array([_as_number(text) for text in column.tolist()], dtype=float)
        if not np.isnan(numbers).all():
            column, is_text = numbers, False
    if is_text != wants_text or value is None:
        raise InvalidType(path, value, f"can't be compared with a column of {'text' if is_text else 'numbers'}")
    return np.asarray(OPERATORS[operation](column, value), dtype=bool)


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def matching_units(units: NWBUnits, conditions: Any) -> NDArray[np.int64]:
    """Return the ids of the units of a file that fulfil all conditions.

    Parameters
    ----------
    units : NWBUnits
        The units.
    conditions : mapping
        As in `matching_rows`, on columns of units and of their electrodes, and ``unit_id``.

    Returns
    -------
    ids : ndarray of int64, shape (n_units,)
        In the order of the file.

    Raises
    ------
    UnknownName, InvalidType
        As in `matching_rows`.
    """
    columns = {**dict.fromkeys(UNIT_IDS, units.ids), **units.columns}
    return units.ids[matching_rows(columns, units.ids.size, conditions, f"units of {units.file}: units")]


# ------------------------------------------------------------------------------------------------- windows


def window_of(units: NWBUnits, interval: Any) -> tuple[float, float]:
    """Return which time of a session is taken.

    Parameters
    ----------
    units : NWBUnits
        The units of one file.
    interval : None, pair of float, or mapping
        None: all. Two times (ms). Or ``{"interval_name": table, column: value, …, "interval_index": i or "all"}``: the
        rows of a table that fulfil the conditions; of all, or of the i-th of them (from 0, negative from the end), the
        time from the first start to the last stop.

    Returns
    -------
    window : tuple of float
        First and last time (ms of the session), both included.

    Raises
    ------
    UnknownName
        If there is no such table or column.
    InvalidValue
        If no interval matches, there is no i-th, or the window is empty.
    """
    if interval is None:
        return -np.inf, np.inf
    if not isinstance(interval, Mapping):
        return pair(interval, "interval")
    path = f"interval of {units.file}"
    conditions = dict(interval)
    if "interval_name" not in conditions:
        raise InvalidValue(path, dict(interval), "must have 'interval_name', the name of a table of intervals")
    name, index = conditions.pop("interval_name"), conditions.pop("interval_index", "all")
    table = units.intervals(name)
    starts, stops = (table[key] * MS_PER_S for key in ("start_time", "stop_time"))
    rows = np.flatnonzero(matching_rows(table, starts.size, conditions, path))
    if not rows.size:
        raise InvalidValue(path, dict(interval), f"matches none of the {starts.size} intervals of {name!r}")
    if index != "all":
        if isinstance(index, bool) or not isinstance(index, int) or not -rows.size <= index < rows.size:
            raise InvalidValue(f"{path}['interval_index']", index, f"must be 'all' or an index below {rows.size}")
        rows = rows[[index]]
    start, stop = float(starts[rows].min()), float(stops[rows].max())
    between = int(np.sum((starts < stop) & (stops > start))) - rows.size
    if between > 0:
        logger.warning(
            "%s: from the first to the last of %d intervals, %d that don't match are included", path, rows.size, between
        )
    return start, stop


def pair(value: Any, path: str) -> tuple[float, float]:
    """Return two times (ms), the second after the first."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise InvalidType(path, value, "must be two times (ms) or a mapping with 'interval_name'")
    start, stop = (number(t, f"{path}[{i}]", unit="ms") for i, t in enumerate(value))
    if stop <= start:
        raise InvalidValue(path, [start, stop], "must be two times (ms), the second after the first")
    return start, stop


# ------------------------------------------------------------------------------------------------- maps


def read_units_map(file: str | os.PathLike[str], files: Sequence[str]) -> list[UnitOfNode]:
    """Read which node gets its spikes from which unit.

    Parameters
    ----------
    file : path-like
        A table with a header, its columns separated by spaces, tabs or commas: ``node_ids`` and ``unit_ids``; and
        perhaps ``population``, ``file`` (the name of one of the NWB files, or its index), ``start_times`` and
        ``stop_times`` (ms of the session).
    files : sequence of str
        The NWB files.

    Returns
    -------
    units : list of UnitOfNode
        In the order of the file; the population is empty where the table does not say it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no such table; names line and column.
    """
    name = os.fspath(file)
    rows = _rows(name)
    first, header = next(rows, (1, []))
    for key in ("node_ids", "unit_ids"):
        if key not in header:
            raise FileFormatError(name, f"the header has no column {key!r} (has {', '.join(header)})", first)
    if ("start_times" in header) != ("stop_times" in header):
        raise FileFormatError(name, "must have both or none of start_times and stop_times", first)
    found = []
    for line, fields in rows:
        if len(fields) != len(header):
            raise FileFormatError(name, f"has {len(fields)} columns, the header {len(header)}", line)
        row = dict(zip(header, fields, strict=True))
        node, unit = (_parsed(name, line, row, key, int, "integer") for key in ("node_ids", "unit_ids"))
        window = None
        if "start_times" in row:
            start, stop = (_parsed(name, line, row, key, float, "number") for key in ("start_times", "stop_times"))
            if not start < stop:
                raise FileFormatError(name, f"start_times: {start:g} ms must be before stop_times, {stop:g} ms", line)
            window = (start, stop)
        found.append(
            UnitOfNode(
                population=row.get("population", ""),
                node_id=node,
                file=_file_index(name, line, row.get("file"), files),
                unit_id=unit,
                window=window,
            )
        )
    return found


def _rows(name: str) -> Any:
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise MissingFile(name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(name, f"can't be read as text ({error})") from None
    first = next((line for line in lines if line.strip()), "")
    separator = next((mark for mark in ",\t" if mark in first), " ")
    for number_, line in enumerate(lines, start=1):
        if line.strip():
            (fields,) = csv.reader([line.strip()], delimiter=separator, skipinitialspace=True)
            yield number_, [field.strip() for field in fields]


def _parsed(name: str, line: int, row: Mapping[str, str], key: str, kind: type, what: str) -> Any:
    try:
        value = kind(row[key])
    except ValueError:
        raise FileFormatError(name, f"column {key!r}: {row[key]!r} is no {what}", line) from None
    if not np.isfinite(value) or (kind is int and value < 0):
        raise FileFormatError(name, f"column {key!r}: {row[key]!r} must be {'>= 0' if kind is int else 'finite'}", line)
    return value


def _file_index(name: str, line: int, given: str | None, files: Sequence[str]) -> int | None:
    if given is None:
        return 0 if len(files) == 1 else None
    names = [os.path.basename(file) for file in files]
    if given in names and names.count(given) == 1:
        return names.index(given)
    if given in files:
        return files.index(given)
    if given.isdigit() and int(given) < len(files):
        return int(given)
    raise FileFormatError(name, str(UnknownName("column 'file'", given, "NWB file", names)), line)
