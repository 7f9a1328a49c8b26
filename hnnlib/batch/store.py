"""The folder of a batch: what was done is there, whatever happens to the process that writes it.

::

    batch.json        what the runs have in common: network, run, engine, summaries, sweep
    index.csv         a row for each run that has ended: number, status ("done" or "failed"), error, seed, digest,
                      seconds (by the clock, in the worker), cpu_s (CPU seconds of its trials), kept (the file of what
                      was kept of it), then the values that were swept, by path, and the summaries
    kept/K.h5         what was kept of some runs: a group for each, by its digest, with an array for each name
    results/D.h5      the whole result of the run with digest D, as `hnnlib.read_result` reads it

A row is written in one piece, after what it names, and is never changed; one that was cut off by a crash has no end of
line and does not count. The digest of a run stands for all that its numbers follow from.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
from numpy.typing import NDArray

from hnnlib.base.atomic import atomic_write_text, remove_leftovers, replacing
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists
from hnnlib.base.pace import Pace
from hnnlib.results.result import Result

__all__ = ["COLUMNS", "BatchStore", "Row", "read_header", "read_kept", "rows_of"]

FORMAT = "hnnlib batch 1"
HEADER, INDEX, KEPT, RESULTS = "batch.json", "index.csv", "kept", "results"
COLUMNS = ("number", "status", "error", "seed", "digest", "seconds", "cpu_s", "kept")
"""Columns that every index has, before those of values and summaries."""

WAIT_S = 1.0
"""Arrays of runs that end within this time (s) after others were written go into one file; their rows follow it."""
LONGEST_WAIT_S = 10.0
MOST_BYTES = 64_000_000
"""Arrays that wait never take more room than this."""

Arrays = Mapping[str, NDArray[Any]]


@attrs.frozen(kw_only=True)
class Row:
    """A run that has ended."""

    number: int
    seed: int
    digest: str
    values: Mapping[str, Any]
    error: str = ""
    seconds: float | None = None
    cpu_s: float | None = None
    summary: Mapping[str, float] = attrs.field(factory=dict)
    kept: str = ""

    def cells(self) -> dict[str, str]:
        """Return what the index holds of it, by column."""
        fixed = {
            "number": str(self.number),
            "status": "failed" if self.error else "done",
            "error": " ".join(self.error.split()),
            "seed": str(self.seed),
            "digest": self.digest,
            "seconds": _text(self.seconds),
            "cpu_s": _text(self.cpu_s),
            "kept": self.kept,
        }
        return fixed | {name: _text(v) for name, v in (*self.values.items(), *self.summary.items())}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.isprintable():  # a row is a line
        return value
    if isinstance(value, bool | int | float):
        return repr(value)
    return json.dumps(value, default=str)


class BatchStore:
    """Takes the runs of a batch as they end, and keeps them safe.

    Parameters
    ----------
    folder : path-like
        The folder.
    header : mapping
        What the runs have in common, plain data.
    values : sequence of str
        Names of the values that are swept.
    overwrite : bool
        Whether an earlier batch of that name may be replaced.
    resume : bool
        Whether to go on with the batch that is there, if there is one.

    Raises
    ------
    OutputError
        If the folder can't be made, holds other things, or an earlier batch that may not be replaced.
    InvalidValue
        If it is to be resumed and holds another batch.
    FileFormatError
        If it is to be resumed and can't be read.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        header: Mapping[str, Any],
        values: Iterable[str],
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.folder = Path(os.path.realpath(folder))
        self._columns = [*COLUMNS, *values]
        self._waiting: list[tuple[Row, Arrays]] = []
        self._n_bytes = 0
        self._pace = Pace(WAIT_S, LONGEST_WAIT_S)
        self._index: Any = None
        found = _is_batch(self.folder)
        if found and resume:
            _check_same(self.folder, header)
        elif found and not overwrite:
            raise OutputExists(folder, "holds a batch already; go on with it (resume=True), or allow overwriting")
        self._header = json.dumps({"format": FORMAT, **header}, indent=1)
        with _told(self.folder):
            if found and not resume:
                _remove(self.folder)
            self.folder.mkdir(exist_ok=True)
            for name in (HEADER, INDEX):
                remove_leftovers(self.folder / name)
            if not (found and resume):
                atomic_write_text(self.folder / HEADER, self._header)

    def keep_known(self, planned: Iterable[tuple[int, str]]) -> set[int]:
        """Find the runs that are done already among those that are planned; write the index anew with them alone.

        Parameters
        ----------
        planned : iterable of (int, str)
            Number and digest of every run.

        Returns
        -------
        done : set of int
            Numbers of those that need not be run.

        Raises
        ------
        InvalidValue
            If runs that are done are not among the planned ones: they would be lost.
        """
        index = self.folder / INDEX
        places, columns = _places(index) if index.exists() else ({}, [])
        self._columns = list(dict.fromkeys([*self._columns, *columns]))
        lost, done = set(places), set()
        with replacing(index) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
            writer.writeheader()
            with open(index, "rb") if places else io.BytesIO() as old:
                for number, digest in planned:
                    if digest not in places:
                        continue
                    old.seek(places[digest])
                    cells = dict(zip(columns, _split(old.readline()), strict=True))
                    writer.writerow({**cells, "number": str(number)})
                    done.add(number)
                    lost.discard(digest)
            if lost:
                allowed = (
                    f"holds {len(lost)} runs that are done and not in this sweep, which may grow but not lose runs"
                )
                raise InvalidValue("out", str(self.folder), allowed)
            atomic_write_text(self.folder / HEADER, self._header)
        self._open()
        return done

    def add(self, row: Row, arrays: Arrays | None = None, result: Result | None = None) -> None:
        """Take a run that has ended.

        Parameters
        ----------
        row : Row
            What is told of it.
        arrays : mapping of str to array, optional
            What is kept of it; it waits for a moment, so that files hold several runs.
        result : Result, optional
            The whole of it, if that is kept.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        if result is not None:
            from hnnlib.io.hdf5 import write_result_hdf5

            name = f"{RESULTS}/{row.digest}.h5"
            with _told(self.folder):
                (self.folder / RESULTS).mkdir(exist_ok=True)
                write_result_hdf5(result, self.folder / name)
            row = attrs.evolve(row, kept=name)
        if not arrays:
            self._write([row])
            return
        self._waiting.append((row, arrays))
        self._n_bytes += sum(array.nbytes for array in arrays.values())
        if self._n_bytes > MOST_BYTES or self._pace.due:
            self._flush()

    def close(self) -> None:
        """Write what waits, and let go of the files.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        try:
            self._flush()
        finally:
            if self._index is not None:
                self._index.close()
                self._index = None

    def __enter__(self) -> BatchStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        """Write arrays that wait to one file, then the rows that name it."""
        if not self._waiting:
            return
        import h5py

        folder = self.folder / KEPT
        with self._pace.writing(), _told(self.folder):
            folder.mkdir(exist_ok=True)
            number = 1 + max((int(p.stem) for p in folder.glob("[0-9]*.h5")), default=-1)
            image = io.BytesIO()  # put together in memory: HDF5 can't close a file on a full disk
            with h5py.File(image, "w") as file:
                for row, arrays in self._waiting:
                    if row.digest not in file:  # the same values may stand twice in a sweep
                        group = file.create_group(row.digest)
                        for name, array in arrays.items():
                            group.create_dataset(name, data=array)
            with replacing(folder / f"{number}.h5") as temporary:
                temporary.write_bytes(image.getbuffer())
        self._write([attrs.evolve(row, kept=f"{KEPT}/{number}.h5") for row, _ in self._waiting])
        self._waiting, self._n_bytes = [], 0

    def _write(self, rows: list[Row]) -> None:
        """Append rows to the index, each in one piece."""
        cells = [row.cells() for row in rows]
        new = [name for name in dict.fromkeys(n for c in cells for n in c) if name not in self._columns]
        with _told(self.folder):
            if new:
                self._widen(new)
            text = io.StringIO()
            writer = csv.DictWriter(text, self._columns, restval="", lineterminator="\n")
            writer.writerows(cells)
            self._index.write(text.getvalue().encode())
            self._index.flush()

    def _open(self) -> None:
        with _told(self.folder):
            self._index = open(self.folder / INDEX, "ab")  # noqa: SIM115  closed by close()

    def _widen(self, new: list[str]) -> None:
        """Write the index anew with more columns; as a rule once, when the first summary is known."""
        index = self.folder / INDEX
        old = self._columns
        self._columns = [*old, *new]
        self._index.close()
        with replacing(index) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self._columns)
            for cells in _lines(index):
                writer.writerow([*cells, *[""] * len(new)])
        self._open()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Tell an error of the system as one of the folder."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(folder, f"can't be written ({error.strerror or error})") from error


# ------------------------------------------------------------------------------------------------- reading


def read_header(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the runs of a batch have in common.

    Parameters
    ----------
    folder : path-like
        The folder.

    Raises
    ------
    MissingFile
        If there is none.
    FileFormatError
        If it is no batch's, or can't be read.
    """
    file = Path(folder) / HEADER
    if not file.is_file():
        raise MissingFile(folder, f"is no batch: it has no {HEADER}" if Path(folder).is_dir() else "there is none")
    try:
        header: dict[str, Any] = json.loads(file.read_text("utf-8"))
        known = header["format"] == FORMAT
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise FileFormatError(file, f"can't be read as what a batch has in common ({error})") from error
    if not known:
        raise FileFormatError(file, f"is of another version than {FORMAT!r}: {header['format']!r}")
    return header


def rows_of(folder: str | os.PathLike[str]) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a batch's index and its rows in the order of their numbers.

    Parameters
    ----------
    folder : path-like
        The folder.
    """
    index = Path(folder) / INDEX
    if not index.exists():  # it was killed before its first run
        return list(COLUMNS), []
    rows = {int(cells[0]): cells for cells in _lines(index)}
    return _columns_of(index), [rows[number] for number in sorted(rows)]


def read_kept(folder: str | os.PathLike[str], kept: str, digest: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that were kept of a run.

    Parameters
    ----------
    folder : path-like
        The folder of the batch.
    kept, digest : str
        What the index says of it.

    Raises
    ------
    FileFormatError
        If they can't be read.
    """
    import h5py

    path = Path(folder) / kept
    try:
        with h5py.File(path, "r") as file:
            return {name: array[()] for name, array in file[digest].items()}
    except (OSError, KeyError) as error:
        raise FileFormatError(path, f"can't be read as what was kept of run {digest} ({error})") from error


def _is_batch(folder: Path) -> bool:
    """Return whether there is a batch; raise where there is something else."""
    if (folder / HEADER).is_file():
        return True
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(folder, f"exists, and is no batch: it has no {HEADER}")
    if not folder.parent.is_dir():
        raise OutputError(folder, f"its folder {str(folder.parent)!r} does not exist")
    return False


def _remove(folder: Path) -> None:
    """Remove a batch, but nothing else that lies in its folder; what makes it one goes last."""
    for name in (KEPT, RESULTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (INDEX, HEADER):
        (folder / name).unlink(missing_ok=True)


def _check_same(folder: Path, header: Mapping[str, Any]) -> None:
    old = read_header(folder)
    mine = json.loads(json.dumps(dict(header)))  # as it will be read
    other = [name for name in mine["same"] if old.get("same", {}).get(name) != mine["same"][name]]
    if other:
        raise InvalidValue("out", str(folder), f"holds another batch, which differs in: {', '.join(other)}")


def _split(line: bytes) -> list[str]:
    return next(csv.reader([line.decode()]))


def _columns_of(index: Path) -> list[str]:
    with open(index, "rb") as file:
        return _split(file.readline())


def _numbered_lines(index: Path) -> Iterator[tuple[int, list[str]]]:
    """Return where each whole row begins, and its cells."""
    with open(index, "rb") as file:
        columns = _split(file.readline())
        place = file.tell()
        for line in file:
            if line.endswith(b"\n"):  # else it was cut off by a crash
                cells = _split(line)
                if len(cells) == len(columns):
                    yield place, cells
            place += len(line)


def _lines(index: Path) -> Iterator[list[str]]:
    return (cells for _, cells in _numbered_lines(index))


def _places(index: Path) -> tuple[dict[str, int], list[str]]:
    """Return where the row of each run that is done begins, by digest, and the columns."""
    columns = _columns_of(index)
    status, digest = columns.index("status"), columns.index("digest")
    places = {cells[digest]: place for place, cells in _numbered_lines(index) if cells[status] == "done"}
    return places, columns
