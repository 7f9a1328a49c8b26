"""Spikes as a table of text, one row a spike: ``timestamps population node_ids``, as BMTK and SONATA tools have it.

What is read: columns separated by spaces, tabs or commas, in any order where a header names them. Without a header they
are times and node ids, or times, populations and node ids. The population may be missing; a column ``trial`` may be
there. Empty lines and what follows a ``#`` are left out.
"""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.results.spike_data import SpikeData

__all__ = ["MS_PER_UNIT", "read_spikes_csv", "write_spikes_csv"]

MS_PER_UNIT: Mapping[str, float] = immutabledict({"ms": 1.0, "s": 1000.0})
"""Units of time that spike files have."""

SEPARATORS = (" ", ",", "\t")
BLOCK = 50_000
"""Lines that are parsed at once: enough to be fast, few enough to take little memory."""

_NAMES: Mapping[str, str] = immutabledict(
    {
        **dict.fromkeys(("timestamps", "timestamp", "times", "time"), "timestamps"),
        **dict.fromkeys(("node_ids", "node_id", "gids", "gid"), "node_ids"),
        **dict.fromkeys(("population", "populations"), "population"),
        **dict.fromkeys(("trial", "trials"), "trial"),
    }
)
_PARSERS: Mapping[str, tuple[Any, str]] = immutabledict(
    {"timestamps": (float, "number"), "node_ids": (int, "integer"), "trial": (int, "integer")}
)
_DTYPES: Mapping[str, str] = immutabledict({"timestamps": "f8", "node_ids": "i8", "trial": "i8"})


def read_spikes_csv(
    path: str | os.PathLike[str], population: str = "default", unit: str = "ms", separator: str | None = None
) -> SpikeData:
    """Read spikes from a table.

    Parameters
    ----------
    path : path-like
        The file.
    population : str
        Name for the population of a file without such a column.
    unit : 'ms' or 's'
        Unit of the times in the file.
    separator : ' ', ',' or tab, optional
        What separates columns; a space stands for any number of them. Left out: found in the first line.

    Returns
    -------
    spikes : SpikeData
        In the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no such table, names line and column.
    UnknownName
        If ``unit`` or ``separator`` is none of these.
    """
    name = os.fspath(path)
    factor = _factor(unit)
    if separator is not None and separator not in SEPARATORS:
        raise UnknownName("separator", separator, "separator", SEPARATORS)
    try:
        with open(name, encoding="utf-8-sig", newline=None) as file:
            return _read(name, file, population, factor, separator)
    except FileNotFoundError:
        raise MissingFile(name) from None
    except UnicodeDecodeError:
        raise FileFormatError(name, "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(name, f"can't be read ({error.strerror or error})") from None


def _factor(unit: str) -> float:
    if unit not in MS_PER_UNIT:
        raise UnknownName("unit", unit, "unit of time", MS_PER_UNIT)
    return MS_PER_UNIT[unit]


def _read(name: str, file: Any, population: str, factor: float, separator: str | None) -> SpikeData:
    first, number = "", 0
    for number, line in enumerate(file, start=1):  # noqa: B007
        first = line.partition("#")[0]
        if first.strip():
            break
    else:
        return SpikeData.from_arrays([], [], population)
    if separator is None:
        separator = next((s for s in (",", "\t") if s in first), " ")
    fields = _fields(first, separator)
    table = _Table(name=name, separator=separator, **_layout(name, number, fields))
    start = number if table.header else number - 1
    lines = file if table.header else _chain(line, file)
    parts, names = [], dict[str, int]()
    while block := list(islice(lines, BLOCK)):
        parts.append(table.parse(block, start, names))
        start += len(block)
    columns = {key: np.concatenate([part[key] for part in parts]) for key in (parts[0] if parts else ())}
    if not columns:
        return SpikeData.from_arrays([], [], population)
    return SpikeData(
        columns["timestamps"] * factor,
        columns["node_ids"],
        columns.get("population", np.zeros(columns["node_ids"].size, np.int32)),
        tuple(names) or (population,),
        trials=columns.get("trial"),
    )


def _chain(line: str, file: Any) -> Iterator[str]:
    yield line
    yield from file


def _fields(line: str, separator: str) -> list[str]:
    """Return the fields of one line, as numpy's parser sees them."""
    if separator == " ":
        line = " ".join(line.split())
    row = next(csv.reader([line.strip()], delimiter=separator, skipinitialspace=True), [])
    return [field.strip() for field in row]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _layout(name: str, number: int, fields: list[str]) -> dict[str, Any]:
    """Tell from the first line which column is which."""
    known = [_NAMES.get(field.lower()) for field in fields]
    if not any(known):
        if len(fields) == 2 and _is_number(fields[0]):
            return {"header": False, "columns": {"timestamps": 0, "node_ids": 1}, "width": 2}
        if len(fields) == 3 and _is_number(fields[0]):
            return {"header": False, "columns": {"timestamps": 0, "population": 1, "node_ids": 2}, "width": 3}
        shown = " ".join(fields)[:60]
        raise FileFormatError(
            name,
            f"{shown!r} is neither a header with timestamps, node_ids and perhaps population, nor a row of two "
            "(time, node id) or three (time, population, node id) columns",
            number,
        )
    columns: dict[str, int] = {}
    for i, key in enumerate(known):
        if key in columns:
            raise FileFormatError(name, f"columns {columns[key] + 1} and {i + 1} are both {key}", number)
        if key is not None:
            columns[key] = i
    for key in ("timestamps", "node_ids"):
        if key not in columns:
            raise FileFormatError(name, f"the header has no column {key!r} (has {', '.join(fields)})", number)
    return {"header": True, "columns": columns, "width": len(fields)}


@attrs.frozen(kw_only=True)
class _Table:
    """How the rows of one file are read."""

    name: str
    separator: str
    header: bool
    columns: Mapping[str, int]
    width: int

    def parse(self, lines: list[str], start: int, names: dict[str, int]) -> dict[str, NDArray[Any]]:
        """Return columns of lines that stand after line ``start``; new populations are added to ``names``."""
        longest = max(map(len, lines))
        dtype = [(str(i), f"U{longest}") for i in range(self.width)]
        for key, i in self.columns.items():
            dtype[i] = (str(i), _DTYPES.get(key, f"U{longest}"))
        delimiter = None if self.separator == " " else self.separator
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # some versions of numpy take 1.5 for an integer
                warnings.filterwarnings("ignore", "loadtxt: input contained no data")
                table = np.loadtxt(lines, dtype=dtype, delimiter=delimiter, quotechar='"', ndmin=1)
        except (ValueError, DeprecationWarning) as error:
            raise self._fault(lines, start) or FileFormatError(
                self.name, f"can't be read as a table ({error})", start + 1
            ) from None
        columns: dict[str, NDArray[Any]] = {key: table[str(i)] for key, i in self.columns.items()}
        bad = np.flatnonzero(~(np.isfinite(columns["timestamps"]) & (columns["timestamps"] >= 0)))
        negative = np.flatnonzero(columns["node_ids"] < 0)
        if bad.size or negative.size or ("trial" in columns and columns["trial"].min(initial=0) < 0):
            raise self._fault(lines, start) or FileFormatError(self.name, "has times or ids < 0", start + 1)
        if "population" in columns:
            columns["population"] = self._codes(columns["population"], lines, start, names)
        return columns

    def _codes(self, column: NDArray[Any], lines: list[str], start: int, names: dict[str, int]) -> NDArray[np.int32]:
        codes = np.full(column.size, -1, np.int32)
        for name, code in names.items():
            codes[column == name] = code
        while (rest := np.flatnonzero(codes < 0)).size:
            name = str(column[rest[0]])
            same = column == name
            name = name.strip()
            if not name:
                raise self._fault(lines, start) or FileFormatError(self.name, "has an empty population", start + 1)
            codes[same] = names.setdefault(name, len(names))
        return codes

    def _fault(self, lines: list[str], start: int) -> FileFormatError | None:
        """Return what is wrong with the first bad line: slow, and only asked once something is known to be wrong."""
        for number, line in enumerate(lines, start + 1):
            text = line.partition("#")[0]
            if not text.strip():
                continue
            fields = _fields(text, self.separator)
            if len(fields) != self.width:
                return FileFormatError(self.name, f"has {len(fields)} columns, the first line {self.width}", number)
            for key, i in sorted(self.columns.items(), key=lambda item: item[1]):
                reason = _field_fault(key, fields[i])
                if reason:
                    return FileFormatError(self.name, f"column {i + 1} ({key}): {fields[i]!r} {reason}", number)
        return None


def _field_fault(key: str, field: str) -> str:
    if key == "population":
        return "" if field else "is no name"
    parse, what = _PARSERS[key]
    try:
        value = parse(field)
    except ValueError:
        return f"is no {what}"
    if not 0 <= value < (np.inf if key == "timestamps" else 2**63):
        return "must be finite and >= 0" if key == "timestamps" else "must be >= 0 and < 2**63"
    return ""


def write_spikes_csv(
    spikes: SpikeData,
    path: str | os.PathLike[str],
    *,
    separator: str = " ",
    unit: str = "ms",
    overwrite: bool = True,
) -> None:
    """Write spikes as a table with the header ``timestamps population node_ids``, in their order.

    Where there are several trials, a fourth column ``trial`` tells them apart. Times in ms come back exactly.

    Parameters
    ----------
    spikes : SpikeData
        The spikes.
    path : path-like
        The file.
    separator : ' ', ',' or tab
        What separates columns.
    unit : 'ms' or 's'
        Unit of the times in the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidValue
        If the name of a population holds the separator, white space, a quote or ``#``.
    UnknownName
        If ``unit`` or ``separator`` is none of these.
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    factor = _factor(unit)
    if separator not in SEPARATORS:
        raise UnknownName("separator", separator, "separator", SEPARATORS)
    for name in spikes.populations:
        if any(letter in name for letter in (separator, '"', "#", "\n", "\r", "\t")) or name != name.strip():
            raise InvalidValue("population", name, f"can't stand in a table whose columns {separator!r} separates")
    trials = spikes.trials if spikes.n_trials > 1 else None
    header = ["timestamps", "population", "node_ids", *(["trial"] if trials is not None else [])]
    with replacing(path, overwrite) as temporary, Path(temporary).open("w", encoding="utf-8", newline="\n") as file:
        file.write(separator.join(header) + "\n")
        for start in range(0, len(spikes), BLOCK):
            rows = slice(start, start + BLOCK)
            times, ids = (spikes.times[rows] / factor).tolist(), spikes.node_ids[rows].tolist()
            ends = ["\n"] * len(ids) if trials is None else [f"{separator}{k}\n" for k in trials[rows].tolist()]
            # the name in the middle with its separators: made once, not for each row
            names = [f"{separator}{name}{separator}" for name in spikes.populations]
            middles = [names[code] for code in spikes.codes[rows].tolist()]
            file.write("".join([f"{t}{m}{i}{e}" for t, m, i, e in zip(times, middles, ids, ends, strict=True)]))
