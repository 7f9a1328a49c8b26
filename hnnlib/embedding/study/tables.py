"""What a study holds as tables and recordings that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, MissingPackage, UnknownName
from hnnlib.embedding.study import views
from hnnlib.embedding.study.columns import STATIC, TABLES, Labels, Rows, empty_rows
from hnnlib.embedding.study.parts import Places, gather
from hnnlib.results.result import told

__all__ = ["Recording", "Table", "chosen_trials"]


def chosen_trials(trial: int | Sequence[int] | None, places: Places) -> list[int]:
    """Return numbers of trials as a list, in the order that was asked for.

    Parameters
    ----------
    trial : int or sequence of int, optional
        Numbers; left out: all, rising.
    places : mapping of int to Part
        Where each trial is.

    Raises
    ------
    InvalidType
        If something is no number.
    InvalidValue
        If there is no such trial.
    """
    if trial is None:
        return list(places)
    wanted = list(trial) if isinstance(trial, Sequence | np.ndarray | range) else [trial]
    for k in wanted:
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise InvalidType("trial", k, "must be the number of a trial, or several")
        if int(k) not in places:
            raise InvalidValue(
                "trial", int(k), f"is no finished trial of the study, which has {told(list(places)) or 'none'}"
            )
    return [int(k) for k in wanted]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Table:
    """A table of a study; nothing is read before it is asked for.

    Parameters
    ----------
    name : str
        Which, e.g. ``synapse_events``; the page on file formats tells its columns.
    labels : mapping of str to sequence of str
        Labels of each category.
    places : mapping of int to Part
        Where each trial is.
    static : callable
        Returns the rows of a table that is the same in all trials.
    """

    name: str
    labels: Labels
    places: Places
    static: Callable[[str], Rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in TABLES[self.name])

    def numpy(
        self, trial: int | Sequence[int] | None = None, columns: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return columns as arrays, categories as text.

        Parameters
        ----------
        trial : int or sequence of int, optional
            Trials whose rows are read, and no others; rows come by rising trial. Left out: all.
        columns : sequence of str, optional
            Which; left out: all.

        Returns
        -------
        columns : dict of str to array, shape (n_rows,)

        Raises
        ------
        InvalidValue
            If there is no such trial, or the table is the same in all of them.
        UnknownName
            If there is no such column.
        FileFormatError
            If the file that it is in is damaged; other trials stay readable.
        """
        rows = self.rows(trial, columns)
        return {
            name: np.array(self.labels[name], np.str_)[column] if name in self.labels else column
            for name, column in rows.items()
        }

    def rows(self, trial: int | Sequence[int] | None = None, columns: Sequence[str] | None = None) -> Rows:
        """Return columns as arrays, categories as codes in ``labels``; as `numpy` otherwise.

        Parameters
        ----------
        trial : int or sequence of int, optional
            As in `numpy`.
        columns : sequence of str, optional
            As in `numpy`.
        """
        asked = list(self.columns if columns is None else columns)
        for name in asked:
            if name not in self.columns:
                raise UnknownName("columns", name, f"column of {self.name}", self.columns)
        if self.name not in STATIC:
            return gather(self.places, self.name, sorted(set(chosen_trials(trial, self.places))), asked)
        if trial is not None:
            raise InvalidValue("trial", trial, f"can't be asked for: {self.name} are the same in all trials")
        every = self.static(self.name)
        return {name: every[name] for name in asked}

    def to_pandas(self, trial: int | Sequence[int] | None = None, columns: Sequence[str] | None = None) -> Any:
        """Return the table as a pandas frame; names are categories, whose labels are those of the whole study.

        Parameters
        ----------
        trial : int or sequence of int, optional
            As in `numpy`.
        columns : sequence of str, optional
            As in `numpy`.

        Returns
        -------
        frame : pandas.DataFrame

        Raises
        ------
        MissingPackage
            If pandas is not installed.
        """
        return views.frame(self.rows(trial, columns), self.labels)

    def to_dask(self, columns: Sequence[str] | None = None) -> Any:
        """Return the table as a Dask frame, a partition for each trial, the labels of categories known.

        Parameters
        ----------
        columns : sequence of str, optional
            As in `numpy`.

        Returns
        -------
        frame : dask.dataframe.DataFrame
            Nothing is read before it is computed.

        Raises
        ------
        MissingPackage
            If Dask or pandas is not installed.
        """
        views.need_pandas()
        try:
            import dask.dataframe as dd
        except ImportError:
            raise MissingPackage("dask[dataframe]", "dask,tables") from None
        asked = list(self.columns if columns is None else columns)
        if self.name in STATIC or not self.places:
            return dd.from_pandas(self.to_pandas(columns=asked), npartitions=1)
        rows = {name: column for name, column in empty_rows(self.name).items() if name in asked}
        meta = views.frame({name: rows[name] for name in asked}, self.labels)
        return dd.from_map(_partition, list(self.places), args=(self, asked), meta=meta, label=self.name)

    def __repr__(self) -> str:
        trials = "" if self.name in STATIC else f"{len(self.places)} trials: "
        return f"<Table {self.name} | {trials}{', '.join(self.columns)}>"


def _partition(trial: int, table: Table, asked: list[str], columns: Sequence[str] | None = None) -> Any:
    # Dask says in `columns` which it needs of them
    return table.to_pandas(trial, asked if columns is None else columns)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Recording:
    """What was recorded of one quantity in all trials; nothing is read before it is asked for.

    Parameters
    ----------
    name : str
        Its name.
    unit : str
        Its unit.
    labels : mapping of str to tuple
        Columns that say what the rows are.
    times : array, shape (n_times,)
        Times of the samples (ms).
    shape : tuple of int
        Trials, rows, times.
    dtype : str
        Type of the samples.
    places : mapping of int to Part
        Where each trial is.
    """

    name: str
    unit: str
    labels: Mapping[str, tuple[Any, ...]]
    times: np.ndarray
    shape: tuple[int, int, int]
    dtype: str
    places: Places

    @property
    def trial_numbers(self) -> tuple[int, ...]:
        """Numbers of the trials, in the order of the first axis."""
        return tuple(self.places)

    def numpy(
        self, trial: int | Sequence[int] | None = None, rows: Sequence[int] | np.ndarray | None = None
    ) -> np.ndarray:
        """Return the samples.

        Parameters
        ----------
        trial : int or sequence of int, optional
            Which trials are read, and no others. Left out: all.
        rows : sequence of int, optional
            Which rows; left out: all. See `where`.

        Returns
        -------
        samples : array, shape (n_trials, n_rows, n_times), or (n_rows, n_times) where ``trial`` is a number

        Raises
        ------
        InvalidValue
            If there is no such trial or row.
        FileFormatError
            If the file that they are in is damaged; other trials stay readable.
        """
        wanted = None if rows is None else np.atleast_1d(np.asarray(rows, np.int64))
        if wanted is not None and ((wanted < 0) | (wanted >= self.shape[1])).any():
            raise InvalidValue("rows", wanted.tolist(), f"must be from 0 to {self.shape[1] - 1}")
        chosen = chosen_trials(trial, self.places)
        distinct = None if wanted is None else np.unique(wanted)
        samples = np.empty(
            (len(chosen), self.shape[1] if distinct is None else len(distinct), self.shape[2]), self.dtype
        )
        for i, k in enumerate(chosen):
            samples[i] = self.places[k].samples(self.name, k, distinct)
        if wanted is not None and distinct is not None and not np.array_equal(wanted, distinct):
            samples = samples[:, np.searchsorted(distinct, wanted)]
        return samples[0] if isinstance(trial, int | np.integer) else samples

    def where(self, **labels: Any) -> np.ndarray:
        """Return the rows with some labels.

        Parameters
        ----------
        **labels : object
            Column and value, e.g. ``site="soma"``.

        Returns
        -------
        rows : array of int64
            Rising.

        Raises
        ------
        UnknownName
            If there is no such column, or no row with that label.
        """
        mask = np.ones(self.shape[1], bool)
        for column, value in labels.items():
            if column not in self.labels:
                raise UnknownName(f"recordings[{self.name!r}]", column, "column of labels", self.labels)
            if value not in self.labels[column]:
                known = [str(label) for label in dict.fromkeys(self.labels[column])]
                raise UnknownName(f"recordings[{self.name!r}].{column}", value, f"{column} that was recorded", known)
            mask &= np.array([label == value for label in self.labels[column]], bool)
        return np.flatnonzero(mask)

    def __repr__(self) -> str:
        n_trials, n_rows, n_times = self.shape
        return (
            f"<Recording {self.name} ({self.unit}) | {n_trials} trials, {n_rows} rows, {n_times} samples, {self.dtype}>"
        )
