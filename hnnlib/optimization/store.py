"""The file of a fit: every evaluation, written as it ends, readable whenever the process is killed.

An HDF5 file in the mode for one writer and many readers (SWMR): what was flushed is there for whoever reads, and a
process that dies in the middle of a write leaves a file that can be read. A row counts once its mark in ``complete`` is
written, after the row itself. Such a file can't be opened for writing again, so whoever goes on writes a new one with
the old rows, which then takes its name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.atomic import check_writable, replacing
from hnnlib.base.errors import FileFormatError, HnnlibError, MissingFile, OutputError
from hnnlib.base.schema import to_plain
from hnnlib.optimization.problem import Evaluation

__all__ = ["FitStore", "Stored", "read_store"]

FORMAT = "hnnlib fit 1"
ERROR_LENGTH = 400
"""Bytes that are kept of why a simulation failed."""
CHUNK = 64
COLUMNS = ("number", "values", "loss", "parts", "residuals", "seed", "seconds", "error", "complete")

Rows = Mapping[int, Evaluation]


@attrs.frozen(kw_only=True)
class Stored:
    """What the file of a fit holds.

    Parameters
    ----------
    header : mapping
        What was fitted and how, plain data.
    rows : mapping of int to Evaluation
        Evaluations by their number.
    ending : mapping or None
        What was known at the end, plain data; None if the fit did not come to its end.
    traces : mapping of str to mapping of str to ndarray
        By objective: ``times`` (ms), ``target``, ``start`` and ``fit`` (nAm).
    """

    header: Mapping[str, Any]
    rows: Rows
    ending: Mapping[str, Any] | None = None
    traces: Mapping[str, Mapping[str, NDArray[np.float64]]] = attrs.field(factory=dict)


class FitStore:
    """Writes the evaluations of a fit as they end.

    Parameters
    ----------
    path : path-like
        The file.
    header : mapping
        What is fitted and how, plain data.
    rows : mapping of int to Evaluation
        Evaluations that are there already.
    overwrite : bool
        Whether the file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Mapping[str, Any], rows: Rows, overwrite: bool = True
    ) -> None:
        self._path = check_writable(path, overwrite)
        self._header, self._overwrite = header, overwrite
        self._rows: dict[int, Evaluation] = dict(rows)
        self._file: Any = None
        self._columns: dict[str, Any] = {}
        self._parts: tuple[str, ...] = ()
        self._n_residuals = 0

    def __enter__(self) -> FitStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def add(self, number: int, row: Evaluation) -> None:
        """Write an evaluation.

        Parameters
        ----------
        number : int
            Its number in the fit.
        row : Evaluation
            The evaluation.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        self._rows[number] = row
        known = set(row.parts) <= set(self._parts) and (
            row.residuals is None or row.residuals.size == self._n_residuals
        )
        try:
            if self._file is None or not known:
                self._reopen()
            else:
                _append(self._columns, number, row, self._parts)
        except (OSError, RuntimeError) as error:  # h5py gives RuntimeError where HDF5 can't flush, e.g. on a full disk
            if isinstance(error, HnnlibError):
                raise
            raise OutputError(self._path, f"could not be written ({error})") from error

    def finish(self, ending: Mapping[str, Any], traces: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> None:
        """Write the whole file once more, closed for good.

        Parameters
        ----------
        ending : mapping
            What is known at the end, plain data.
        traces : mapping
            As in `Stored`.
        """
        import h5py

        self._close()
        self._learn()
        with replacing(self._path, self._overwrite) as temporary, h5py.File(temporary, "w", libver="latest") as file:
            self._fill(file)
            _put_text(file, "ending", json.dumps(ending))
            for name, arrays in traces.items():
                group = file.create_group(f"traces/{name.replace('/', '|')}")
                for key, array in arrays.items():
                    group[key] = array

    def _reopen(self) -> None:
        import h5py

        self._close()
        self._learn()
        with replacing(self._path, self._overwrite) as temporary, h5py.File(temporary, "w", libver="latest") as file:
            self._fill(file)
        self._overwrite = True  # from now on it is our own
        self._file = h5py.File(self._path, "r+", libver="latest")
        self._file.swmr_mode = True
        self._columns = {name: self._file[name] for name in COLUMNS}

    def _learn(self) -> None:
        """Find out which columns all rows need."""
        self._parts = tuple(dict.fromkeys(name for row in self._rows.values() for name in row.parts))
        self._n_residuals = max((r.residuals.size for r in self._rows.values() if r.residuals is not None), default=0)

    def _fill(self, file: Any) -> None:
        file.attrs["format"] = FORMAT
        _put_text(file, "header", json.dumps(to_plain(self._header)))
        _put_text(file, "names of parts", json.dumps(self._parts))
        n_free = len(self._header["problem"]["free"])
        columns: tuple[tuple[str, tuple[int, ...], str, Any], ...] = (
            ("number", (), "i8", -1),
            ("values", (n_free,), "f8", np.nan),
            ("loss", (), "f8", np.nan),
            ("parts", (max(len(self._parts), 1),), "f8", np.nan),
            ("residuals", (max(self._n_residuals, 1),), "f8", np.nan),
            ("seed", (), "i8", -1),
            ("seconds", (), "f8", np.nan),
            ("error", (), f"S{ERROR_LENGTH}", b""),
            ("complete", (), "u1", 0),
        )
        made = {
            name: file.create_dataset(
                name,
                (0, *shape),
                maxshape=(None, *shape),
                chunks=(CHUNK, *shape),
                dtype=kind,
                fillvalue=fill,
            )
            for name, shape, kind, fill in columns
        }
        _write_all(made, self._rows, self._parts)

    def _close(self) -> None:
        if self._file is not None:
            self._columns = {}
            self._file.close()
            self._file = None


def _append(columns: Mapping[str, Any], number: int, row: Evaluation, parts: tuple[str, ...]) -> None:
    """Write a row, and mark it as complete when it is on its way to the disk."""
    n = columns["complete"].shape[0]
    cells: dict[str, Any] = {
        "number": number,
        "values": row.values,
        "loss": row.loss,
        "parts": [row.parts.get(name, np.nan) for name in parts],
        "residuals": row.residuals,
        "seed": row.seed,
        "seconds": row.seconds,
        "error": row.error.encode()[:ERROR_LENGTH],
    }
    for name, cell in cells.items():
        column = columns[name]
        if column.shape[0] < n + 1:
            column.resize(n + 1, axis=0)
        if cell is not None and np.size(cell):
            column[n] = cell
    columns["complete"].file.flush()
    columns["complete"].resize(n + 1, axis=0)
    columns["complete"][n] = 1
    columns["complete"].flush()


def _write_all(columns: Mapping[str, Any], rows: Rows, parts: tuple[str, ...]) -> None:
    """Write many rows at once, into a file that nobody reads yet."""
    numbers = sorted(rows)
    found = [rows[number] for number in numbers]
    for column in columns.values():
        column.resize(len(found), axis=0)
    if not found:
        return
    columns["number"][:] = numbers
    columns["values"][:] = [row.values for row in found]
    columns["loss"][:] = [row.loss for row in found]
    if parts:
        columns["parts"][:] = [[row.parts.get(name, np.nan) for name in parts] for row in found]
    lacking = np.full(columns["residuals"].shape[1], np.nan)
    columns["residuals"][:] = [lacking if row.residuals is None else row.residuals for row in found]
    columns["seed"][:] = [row.seed for row in found]
    columns["seconds"][:] = [row.seconds for row in found]
    columns["error"][:] = [row.error.encode()[:ERROR_LENGTH] for row in found]
    columns["complete"][:] = 1


def _put_text(file: Any, name: str, text: str) -> None:
    # as bytes: attributes have a limit of 64 kB, and strings of any length don't go with SWMR
    file[name] = np.frombuffer(text.encode(), dtype=np.uint8)


def _text(file: Any, name: str) -> str:
    return bytes(file[name][()]).decode()


def read_store(path: str | os.PathLike[str]) -> Stored:
    """Read the file of a fit, be it at its end, running, or killed.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no file of a fit, or is damaged.
    """
    import h5py

    if not Path(path).is_file():
        raise MissingFile(path, "there is no such file; fit(..., out=...) writes one")
    try:
        try:
            file = h5py.File(path, "r", libver="latest", swmr=True)
        except OSError:  # a file that was not written in this mode
            file = h5py.File(path, "r")
        with file:
            if file.attrs.get("format") != FORMAT:
                raise FileFormatError(path, f"is no file of a fit (its format is not {FORMAT!r})")
            ending = json.loads(_text(file, "ending")) if "ending" in file else None
            traces = {
                name.replace("|", "/"): {key: array[()] for key, array in group.items()}
                for name, group in file.get("traces", {}).items()
            }
            return Stored(header=json.loads(_text(file, "header")), rows=_rows(file), ending=ending, traces=traces)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, HnnlibError):
            raise
        raise FileFormatError(path, f"can't be read as the file of a fit ({error})") from error


def _rows(file: Any) -> dict[int, Evaluation]:
    parts = json.loads(_text(file, "names of parts"))
    # the marks first: rows that are written meanwhile are not among them
    columns = {name: file[name][()] for name in reversed(COLUMNS)}
    rows = {}
    for k in np.flatnonzero(columns["complete"]):
        residuals = columns["residuals"][k]
        lacking = bool(np.all(np.isnan(residuals)))
        found = {name: float(v) for name, v in zip(parts, columns["parts"][k], strict=False) if not np.isnan(v)}
        rows[int(columns["number"][k])] = Evaluation(
            values=columns["values"][k],
            loss=float(columns["loss"][k]),
            parts=found,
            residuals=None if lacking else residuals,
            seed=int(columns["seed"][k]),
            seconds=float(columns["seconds"][k]),
            error=columns["error"][k].decode(errors="replace"),
        )
    return rows
