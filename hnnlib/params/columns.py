"""Read times and currents from text files: a list of times, a table of a recorded current."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path

from hnnlib.base.errors import FileFormatError, InvalidType, MissingFile, UnknownName

__all__ = ["read_current", "read_times"]

TIME, CURRENT = "timestamps", "amps"


def read_times(path: str | os.PathLike[str]) -> tuple[float, ...]:
    """Read a list of times, one a line.

    Parameters
    ----------
    path : path-like
        The file; empty lines and what follows a ``#`` are left out.

    Returns
    -------
    times : tuple of float
        In ms, in the order of the file.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If a line holds something else than one time that is 0 ms or later, named with its number, or if none holds any.
    """
    times = []
    for number, line in enumerate(_lines(path), start=1):
        if said := line.split("#")[0].strip():
            times.append(_number(path, number, said, "", least=0.0))
    if not times:
        raise FileFormatError(path, "holds no time")
    return tuple(times)


def read_current(path: str | os.PathLike[str]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Read a current over time from a table.

    Parameters
    ----------
    path : path-like
        The table: fields separated by commas, semicolons, tabs or spaces, as its first line is. That line may name the
        columns: ``timestamps`` and ``amps``, in any order and beside others, which are left out. Without names there
        are two columns, times and currents. Empty lines and lines that begin with ``#`` are left out.

    Returns
    -------
    times : tuple of float
        When each current begins (ms), rising.
    amplitudes : tuple of float
        The currents (nA).

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no such table; names line and column.
    """
    rows = _rows(path)
    if not rows:
        raise FileFormatError(path, "holds no table")
    first, names = rows[0]
    if all(_is_number(field) for field in names):
        if len(names) != 2:
            reason = f"has {len(names)} columns and no line that names them; must be two, or named {TIME} and {CURRENT}"
            raise FileFormatError(path, reason, first)
        names = [TIME, CURRENT]
    else:
        rows = rows[1:]
    columns = {name: _column(path, first, names, name) for name in (TIME, CURRENT)}
    times: list[float] = []
    amplitudes: list[float] = []
    for number, fields in rows:
        if len(fields) != len(names):
            raise FileFormatError(path, f"has {len(fields)} fields, the table {len(names)} columns", number)
        t = _number(path, number, fields[columns[TIME]], TIME, least=0.0)
        if times and t <= times[-1]:
            raise FileFormatError(path, f"column {TIME!r}: {t:g} ms comes after {times[-1]:g} ms; must rise", number)
        times.append(t)
        amplitudes.append(_number(path, number, fields[columns[CURRENT]], CURRENT))
    if not times:
        raise FileFormatError(path, "has names of columns and no row")
    return tuple(times), tuple(amplitudes)


def _rows(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """Return the fields of each line with its number, 1-based."""
    lines = [(n, line.strip()) for n, line in enumerate(_lines(path), start=1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
    if not lines:
        return []
    separator = next((mark for mark in ",;\t" if mark in lines[0][1]), " ")
    reader = csv.reader((line for _, line in lines), delimiter=separator, skipinitialspace=True)
    try:
        return [(n, [f.strip() for f in fields]) for (n, _), fields in zip(lines, reader, strict=True)]
    except (csv.Error, ValueError) as error:  # ValueError: a quote that spans lines
        raise FileFormatError(path, f"is no table ({error})") from None


def _column(path: str | os.PathLike[str], line: int, names: list[str], name: str) -> int:
    if names.count(name) == 1:
        return names.index(name)
    if name in names:
        raise FileFormatError(path, f"names the column {name!r} {names.count(name)} times", line)
    raise FileFormatError(path, str(UnknownName("columns", name, "column of this table", names)), line)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _number(path: str | os.PathLike[str], line: int, field: str, column: str, least: float = -math.inf) -> float:
    where = f"column {column!r}: " if column else ""
    if not _is_number(field):
        raise FileFormatError(path, f"{where}{field[:60]!r} is no number", line)
    value = float(field)
    if not math.isfinite(value) or value < least:
        allowed = "a finite number" if least == -math.inf else "a finite time >= 0 ms"
        raise FileFormatError(path, f"{where}{field!r} must be {allowed}", line)
    return value


def _lines(path: str | os.PathLike[str]) -> Iterator[str]:
    if not isinstance(path, str | os.PathLike):
        raise InvalidType("path", path, "must be the path of a text file")
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise MissingFile(os.fspath(path)) from None
    except IsADirectoryError:
        raise FileFormatError(path, "is a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileFormatError(path, f"can't be read ({getattr(error, 'strerror', None) or error})") from None
    try:
        return iter(data.decode("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileFormatError(path, "is not text in UTF-8; is it a binary file?", line) from None
