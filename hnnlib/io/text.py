"""Dipoles and spikes as text: the tables that HNN users know.

A dipole has one row a time: time (ms), aggregate moment and, where there are layers, the moments of L2 and L5 (nAm). A
spike file has one row a spike: time (ms), gid and the name of its type; there is one file per trial.
"""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hnnlib.base.atomic import atomic_write_text, check_writable
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import COLUMNS, Dipole

__all__ = ["read_dipole_text", "read_spikes_text", "write_dipole_text", "write_spikes_text"]


def write_dipole_text(
    dpl: Dipole, fname: str | os.PathLike[str] | TextIO, overwrite: bool = True, decimals: int | None = None
) -> None:
    """Write a dipole as a tab-separated table.

    Parameters
    ----------
    dpl : Dipole
        The dipole: the aggregate alone, or aggregate, L2 and L5.
    fname : path-like or text stream
        Where to.
    overwrite : bool
        Whether an existing file may be replaced.
    decimals : int, optional
        Decimals of the moments (nAm). Left out: 10 significant digits.

    Raises
    ------
    InvalidValue
        If the dipole has other parts: a table without header couldn't name them.
    OutputError
        If the file can't be written.
    """
    names = list(dpl.data)
    if names not in (list(COLUMNS), list(COLUMNS[:1])):
        raise InvalidValue("data", names, "can't be told apart in a text file (only agg, or agg, L2, L5): write .hdf5")
    moment = "%.10g" if decimals is None else f"%.{decimals}f"
    # Three decimals are HNN's; where the sampling needs more, they are written, or the rate would come out wrong.
    time = "%.3f" if np.allclose(dpl.times, np.round(dpl.times, 3), rtol=0, atol=1e-6) else "%.9f"
    text = io.StringIO()
    table = np.column_stack([dpl.times, *dpl.data.values()])
    np.savetxt(text, table, fmt=[time] + [moment] * len(names), delimiter="\t")
    if isinstance(fname, str | os.PathLike):
        atomic_write_text(fname, text.getvalue(), overwrite)
    else:
        fname.write(text.getvalue())


def read_dipole_text(fname: str | os.PathLike[str] | TextIO, extension: str = ".txt") -> Dipole:
    """Read a dipole from a table.

    Parameters
    ----------
    fname : path-like or text stream
        The table: 2 columns (time, aggregate) or 4 (time, aggregate, L2, L5), in ms and nAm.
    extension : str
        ``'.txt'``: columns are separated by white space; ``'.csv'``: by commas, after one header line.

    Returns
    -------
    dipole : Dipole
        The dipole, with ``nave`` and ``scale_applied`` 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no such table; names the line.
    """
    name, text = (fname, _read(fname)) if isinstance(fname, str | os.PathLike) else ("(stream)", fname.read())
    separator = "," if extension == ".csv" else None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if (number == 1 and extension == ".csv") or not line.strip() or line.lstrip().startswith("#"):
            continue
        rows.append(_numbers(name, number, line.split(separator)))
        if len(rows[-1]) not in (2, 4):
            raise FileFormatError(
                name, f"has {len(rows[-1])} columns; must be 2 (time, agg) or 4 (time, agg, L2, L5)", number
            )
        if len(rows[-1]) != len(rows[0]):
            raise FileFormatError(name, f"has {len(rows[-1])} columns, the first row {len(rows[0])}", number)
    if len(rows) < 2:
        raise FileFormatError(name, f"has {len(rows)} rows of numbers; a dipole needs at least 2")
    table = np.array(rows)
    try:
        return Dipole(table[:, 0], table[:, 1:])
    except InvalidValue as error:
        raise FileFormatError(name, f"is no dipole: {error}") from None


def _numbers(name: object, number: int, fields: list[str]) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError:
        raise FileFormatError(name, f"{' '.join(fields)[:60]!r} are not all numbers", number) from None


def _read(fname: str | os.PathLike[str]) -> str:
    try:
        return Path(fname).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFile(os.fspath(fname)) from None
    except UnicodeDecodeError:
        raise FileFormatError(os.fspath(fname), "is not text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise FileFormatError(
            os.fspath(fname), f"can't be read ({getattr(error, 'strerror', None) or error})"
        ) from None


# ------------------------------------------------------------------------------------------------- spikes

_PLACE = re.compile(r"%(0?\d*)d|\{0?\}")


def write_spikes_text(response: CellResponse, fname: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the spikes of each trial to a tab-separated table: time (ms, 3 decimals), gid, type.

    Parameters
    ----------
    response : CellResponse
        The spikes.
    fname : path-like
        Name of the files, with ``%d``, ``%03d`` or ``{0}`` where the number of the trial (from 0) goes.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    InvalidValue
        If there are several trials and the name has no place for their number.
    OutputError
        If a file can't be written; nothing has been written if that could be known before.
    """
    name = os.fspath(fname)
    if response.n_trials == 0:
        raise InvalidValue("n_trials", 0, "there are no spikes to write: simulate first")
    if response.n_trials > 1 and not _PLACE.search(os.path.basename(name)):
        raise InvalidValue(
            "fname",
            name,
            f"must have %d or {{0}} in the file's name: there are {response.n_trials} trials, one file each",
        )
    paths = [_numbered(name, trial) for trial in range(response.n_trials)]
    for path in paths:
        check_writable(path, overwrite)
    trials = zip(response.spike_times, response.spike_gids, response.spike_types, strict=True)
    for path, (times, gids, types) in zip(paths, trials, strict=True):
        rows = zip(times.tolist(), gids.tolist(), types.tolist(), strict=True)
        atomic_write_text(path, "".join(f"{t:.3f}\t{gid}\t{kind}\n" for t, gid, kind in rows), overwrite)


def _numbered(name: str, trial: int) -> str:
    # Only in the last part of the path and only these forms: other percent signs and braces belong to the name.
    folder, base = os.path.split(name)
    base = _PLACE.sub(lambda place: f"%{place[1]}d" % trial if place[1] else str(trial), base)
    return os.path.join(folder, base)


def read_spikes_text(
    fname: str | os.PathLike[str], gid_ranges: Mapping[str, Iterable[int]] | None = None
) -> CellResponse:
    """Read the spikes of each trial from a table.

    Parameters
    ----------
    fname : path-like
        Pattern of the file names, e.g. ``'spk_*.txt'``.
    gid_ranges : mapping of str to iterable of int, optional
        The cells of each type; takes the place of the third column.

    Returns
    -------
    response : CellResponse
        The spikes, trials in the order of the numbers in the names.

    Raises
    ------
    FileNotFoundError
        If no file matches.
    FileFormatError
        If a file is no table of spikes, or has no types and ``gid_ranges`` is not given.
    """
    pattern = os.fspath(fname)
    # A name with brackets is a pattern too; an existing file of that very name is meant as itself.
    paths = [pattern] if os.path.isfile(pattern) else sorted(glob.glob(pattern), key=_natural)
    if not paths:
        raise MissingFile(pattern, "no file matches this pattern")
    times: list[list[float]] = []
    gids: list[list[int]] = []
    types: list[list[str]] = []
    for path in paths:
        rows = [_spike(path, number, line) for number, line in enumerate(_read(path).splitlines(), 1) if line.strip()]
        if gid_ranges is None and not all(kind for *_, kind in rows):
            raise FileFormatError(path, "has no third column with types: give gid_ranges to tell them by gid")
        times.append([row[0] for row in rows])
        gids.append([row[1] for row in rows])
        types.append([row[2] for row in rows])
    response = CellResponse(None, times, gids, types)
    if gid_ranges is not None:
        response.update_types(gid_ranges)
    return response


def _spike(path: str, number: int, line: str) -> tuple[float, int, str]:
    fields: list[Any] = line.split(maxsplit=2)
    try:
        return float(fields[0]), int(fields[1]), fields[2].strip() if len(fields) > 2 else ""
    except (IndexError, ValueError):
        raise FileFormatError(path, f"{line.strip()[:60]!r} is no spike: time, gid, type", number) from None


def _natural(name: str) -> list[int | str]:
    # The parts alternate between text and digits, so that numbers are compared with numbers only.
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))]
