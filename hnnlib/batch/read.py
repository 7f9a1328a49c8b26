"""What a batch has kept: its table, and more of each run where that was asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.batch.store import read_header, read_kept, rows_of
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result, read_result

__all__ = ["Batch", "read_batch"]

_TEXT = ("status", "error", "digest", "kept")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Batch:
    """The runs of a batch, as `run_batch` and `read_batch` return them; those that go on meanwhile are not seen.

    Parameters
    ----------
    folder : Path
        Where it is kept.
    header : mapping
        What the runs have in common, plain data: the network, the run, the sweep, engine and summaries.
    columns : mapping of str to ndarray, shape (n_ended,)
        The table: a row for each run that has ended, in the order of numbers. ``number``, ``status`` (``'done'`` or
        ``'failed'``), ``error``, ``seed``, ``digest``, ``seconds`` (by the clock), ``cpu_s`` (CPU seconds of the
        trials), ``kept``, then the values by path, and the summaries, NaN where a run failed.
    temporary : object, optional
        What holds the folder, if that goes with this batch.
    """

    folder: Path
    header: Mapping[str, Any]
    columns: Mapping[str, NDArray[Any]]
    temporary: Any = None

    def __len__(self) -> int:
        return len(self.columns["number"])

    @property
    def n_runs(self) -> int:
        """How many runs the batch is to have."""
        return int(self.header["n_runs"])

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the runs that have not ended: it was stopped, or still goes on."""
        here = set(self.columns["number"].tolist())
        return tuple(k for k in range(self.n_runs) if k not in here)

    @property
    def failed(self) -> dict[int, str]:
        """Errors of the runs that failed, by number."""
        rows = np.flatnonzero(self.columns["status"] == "failed")
        return {int(self.columns["number"][k]): str(self.columns["error"][k]) for k in rows}

    def table(self) -> Any:
        """Return the table as a pandas DataFrame by the numbers of the runs; without pandas, as a dict of columns.

        Returns
        -------
        table : pandas.DataFrame or dict of str to ndarray
        """
        try:
            import pandas as pd
        except ImportError:
            return dict(self.columns)
        return pd.DataFrame(dict(self.columns)).set_index("number")

    def dipole(self, number: int) -> Dipole:
        """Return the mean dipole of a run.

        Parameters
        ----------
        number : int
            Of the run.

        Raises
        ------
        InvalidValue
            If no dipole was kept of that run.
        """
        kept = self._kept(number)
        if kept.startswith("results"):
            return self.result(number).dipole
        arrays = self.arrays(number)
        if "nave" not in arrays or "times" not in arrays:
            raise InvalidValue("number", number, "is a run of which no dipole was kept: keep='dipole' keeps it")
        times, nave = arrays.pop("times"), int(arrays.pop("nave"))
        return Dipole(times, arrays, nave=nave)

    def result(self, number: int) -> Result:
        """Return the whole result of a run.

        Parameters
        ----------
        number : int
            Of the run.

        Raises
        ------
        InvalidValue
            If it was not kept.
        FileFormatError
            If it can't be read.
        """
        kept = self._kept(number)
        if not kept.startswith("results"):
            raise InvalidValue("number", number, "is a run of which no result was kept: keep='result' keeps it")
        return read_result(self.folder / kept)

    def arrays(self, number: int) -> dict[str, NDArray[Any]]:
        """Return the arrays that were kept of a run.

        Parameters
        ----------
        number : int
            Of the run.

        Returns
        -------
        arrays : dict of str to ndarray
            Of ``keep='dipole'``: ``times`` (ms), the moments (nAm) by part, and ``nave``.

        Raises
        ------
        InvalidValue
            If none were kept.
        FileFormatError
            If they can't be read.
        """
        kept = self._kept(number)
        if kept.startswith("results"):
            raise InvalidValue("number", number, "is a run whose whole result was kept: see result(number)")
        return read_kept(self.folder, kept, str(self.columns["digest"][self._row(number)]))

    def _row(self, number: int) -> int:
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise InvalidType("number", number, "must be the number of a run")
        row = int(np.searchsorted(self.columns["number"], number))
        if row == len(self) or self.columns["number"][row] != number:
            raise InvalidValue("number", number, f"is none of the {len(self)} runs that have ended")
        return row

    def _kept(self, number: int) -> str:
        row = self._row(number)
        kept = str(self.columns["kept"][row])
        if not kept:
            why = str(self.columns["error"][row])
            allowed = f"failed: {why}" if why else "is a run of which nothing was kept: see keep in run_batch"
            raise InvalidValue("number", number, allowed)
        return kept

    def __repr__(self) -> str:
        n_failed = int(np.sum(self.columns["status"] == "failed"))
        text = f"<Batch | {len(self) - n_failed} of {self.n_runs} runs done"
        return f"{text}{f', {n_failed} failed' if n_failed else ''}, {self.folder}>"


def read_batch(path: str | os.PathLike[str]) -> Batch:
    """Read a batch: one that has ended, was stopped, or goes on.

    Parameters
    ----------
    path : path-like
        Its folder.

    Returns
    -------
    batch : Batch
        What was done so far.

    Raises
    ------
    FileNotFoundError
        If there is none.
    FileFormatError
        If it can't be read.
    """
    header = read_header(path)
    names, rows = rows_of(path)
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    columns = {name: _column(name, values) for name, values in zip(names, cells, strict=True)}
    return Batch(folder=Path(os.path.realpath(path)), header=header, columns=columns)


def _column(name: str, cells: tuple[str, ...]) -> NDArray[Any]:
    """Return cells as whole numbers, numbers, or text, as they all are."""
    if name in _TEXT:
        return np.array(cells, dtype=np.str_)
    try:
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    except ValueError:
        pass
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells, dtype=np.str_)
