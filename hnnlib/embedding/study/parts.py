"""Parts of a study: some of its trials each, in memory or in a file, all read in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

import attrs
import numpy as np

from hnnlib.embedding.study.columns import Labels, Rows, empty_rows, join_rows, trial_rows
from hnnlib.embedding.study.trial import CellTrial

__all__ = ["MemoryPart", "Part", "Places", "gather", "places_of", "runs_of", "slices"]


class Part(Protocol):
    """Some trials of a study."""

    @property
    def trials(self) -> tuple[int, ...]:
        """Their numbers, rising."""

    def told(self) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
        """Return the times of samples (ms), and of each recording unit, labels, shape and type, as `CellTrial.told`."""

    def rows(self, table: str, trials: Sequence[int], columns: Sequence[str]) -> Rows:
        """Return rows of a table, names as codes.

        Parameters
        ----------
        table : str
            Its name; none that is static.
        trials : sequence of int
            Numbers of trials of this part, rising.
        columns : sequence of str
            Names of its columns.
        """

    def samples(self, name: str, trial: int, rows: np.ndarray | None) -> np.ndarray:
        """Return a recording of one trial, shape (n_rows, n_times).

        Parameters
        ----------
        name : str
            Name of the recording.
        trial : int
            Number of a trial of this part.
        rows : array of int, optional
            Which rows, rising; left out: all.
        """


@attrs.frozen(eq=False)
class MemoryPart:
    """Trials that are held in memory.

    Parameters
    ----------
    held : mapping of int to CellTrial
        By their numbers.
    run : mapping
        As in `StudyInputs`.
    labels : mapping of str to sequence of str
        Labels of categories.
    """

    held: Mapping[int, CellTrial]
    run: Mapping[str, Any]
    labels: Labels

    @property
    def trials(self) -> tuple[int, ...]:
        """Their numbers, rising."""
        return tuple(sorted(self.held))

    def told(self) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
        """Return times and recordings; see `Part`."""
        first = self.held[self.trials[0]]
        return first.times, first.told()

    def rows(self, table: str, trials: Sequence[int], columns: Sequence[str]) -> Rows:
        """Return rows of a table; see `Part`."""
        every = [trial_rows(self.held[k], self.run, self.labels, (table,))[table] for k in trials]
        joined = join_rows([empty_rows(table), *every])
        return {name: joined[name] for name in columns}

    def samples(self, name: str, trial: int, rows: np.ndarray | None) -> np.ndarray:
        """Return a recording; see `Part`."""
        array = self.held[trial].every_recording[name]
        return np.array(array if rows is None else array[rows])


Places = Mapping[int, Part]
"""Trial -> the part that it is in."""


def places_of(parts: Sequence[Part]) -> dict[int, Part]:
    """Return which part each trial is in, trials rising.

    Parameters
    ----------
    parts : sequence of Part
        The parts of a study; where a trial is in two, the later one counts.
    """
    places = {trial: part for part in parts for trial in part.trials}
    return dict(sorted(places.items()))


def gather(places: Places, table: str, trials: Sequence[int], columns: Sequence[str]) -> Rows:
    """Return rows of a table from the parts that they are in.

    Parameters
    ----------
    places : mapping of int to Part
        Where trials are.
    table : str
        Its name; none that is static.
    trials : sequence of int
        Numbers of trials, rising.
    columns : sequence of str
        Names of its columns.
    """
    empty = {name: column for name, column in empty_rows(table).items() if name in columns}
    return join_rows([empty, *(part.rows(table, run, columns) for part, run in runs_of(places, trials))])


def runs_of(places: Places, trials: Sequence[int]) -> Iterator[tuple[Part, list[int]]]:
    """Yield trials that follow each other in one part, with the part.

    Parameters
    ----------
    places : mapping of int to Part
        Where trials are.
    trials : sequence of int
        Numbers of trials, rising.
    """
    for _, run in groupby(trials, key=lambda trial: id(places[trial])):
        some = [*run]
        yield places[some[0]], some


def slices(positions: Sequence[int]) -> list[slice]:
    """Return rising positions as slices of consecutive ones.

    Parameters
    ----------
    positions : sequence of int
        Rising.
    """
    found: list[slice] = []
    for position in positions:
        if found and found[-1].stop == position:
            found[-1] = slice(found[-1].start, position + 1)
        else:
            found.append(slice(position, position + 1))
    return found
