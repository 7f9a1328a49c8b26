"""Tables of a study as pandas frames, and in the shape that the In Silico Framework (ISF) gives them.

ISF's tables have a row for each synapse or cell that was active in a trial, with its times side by side; here synapses
are numbered over all populations, there within each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hnnlib.base.errors import MissingPackage

__all__ = ["cell_activation", "frame", "need_pandas", "spike_times", "synapse_activation"]

Rows = Mapping[str, np.ndarray]
Labels = Mapping[str, Sequence[str]]


def need_pandas() -> Any:
    """Return the package pandas.

    Raises
    ------
    MissingPackage
        If it is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingPackage("pandas", "tables") from None
    return pandas


def frame(rows: Rows, labels: Labels) -> Any:
    """Return columns as a pandas frame.

    Parameters
    ----------
    rows : mapping of str to array
        Columns, names as codes.
    labels : mapping of str to sequence of str
        Labels of the codes, by column.

    Returns
    -------
    frame : pandas.DataFrame
        Names as categories.
    """
    pd = need_pandas()
    return pd.DataFrame({name: _category(labels[name], c) if name in labels else c for name, c in rows.items()})


def synapse_activation(events: Rows, synapses: Rows, segments: Rows, labels: Labels, wide: bool) -> Any:
    """Return releases in the shape of ISF's table of that name.

    Parameters
    ----------
    events, synapses, segments : mapping of str to array
        Tables of a study, names as codes; events by trial, then synapse.
    labels : mapping of str to sequence of str
        Labels of the codes.
    wide : bool
        Whether a row is a synapse, with its times in columns 0, 1, …; else it is a release.

    Returns
    -------
    frame : pandas.DataFrame
        Indexed by trial.
    """
    first = _first_rows(synapses["population"], len(labels["population"]))
    first_segment = _first_rows(segments["section"], len(labels["section_name"]))

    def describe(keys: Rows) -> dict[str, Any]:
        rows = keys["synapse"]
        population, section = synapses["population"][rows], synapses["section"][rows]
        return {
            "synapse_type": _category(labels["population"], population),
            "synapse_ID": rows - first[population],
            "soma_distance": synapses["distance_um"][rows].astype(np.float64),
            "section_ID": section.astype(np.int64),
            "section_pt_ID": synapses["segment"][rows] - first_segment[section],
            "dendrite_label": _category(labels["domain"], synapses["domain"][rows]),
        }

    return _activation(events, ("synapse",), describe, wide)


def cell_activation(spikes: Rows, labels: Labels, wide: bool) -> Any:
    """Return presynaptic spikes in the shape of ISF's table of that name.

    Parameters
    ----------
    spikes : mapping of str to array
        Table of a study, names as codes.
    labels : mapping of str to sequence of str
        Labels of the codes.
    wide : bool
        As in `synapse_activation`.

    Returns
    -------
    frame : pandas.DataFrame
        Indexed by trial.
    """

    def describe(keys: Rows) -> dict[str, Any]:
        return {
            "presynaptic_cell_type": _category(labels["population"], keys["population"]),
            "cell_ID": keys["source"].astype(np.int64),
        }

    return _activation(spikes, ("population", "source"), describe, wide)


def spike_times(spikes: Rows, trials: Sequence[int]) -> Any:
    """Return spikes in the shape of ISF's table of that name.

    Parameters
    ----------
    spikes : mapping of str to array
        ``trial`` and ``time_ms``.
    trials : sequence of int
        Trials that get a row, rising.

    Returns
    -------
    frame : pandas.DataFrame
        Indexed by trial.
    """
    pd = need_pandas()
    order = np.lexsort((spikes["time_ms"], spikes["trial"]))
    row = np.searchsorted(trials, spikes["trial"][order])
    times = _side_by_side(row, spikes["time_ms"][order], len(trials))
    return pd.DataFrame(times, index=pd.Index(list(trials), name="trial"), columns=range(times.shape[1]))


def _category(labels: Sequence[str], codes: np.ndarray) -> Any:
    pd = need_pandas()
    return pd.Categorical.from_codes(codes, categories=list(labels))


def _first_rows(group: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the first row of each group of a sorted column."""
    return np.searchsorted(group, np.arange(n_groups)).astype(np.int64)


def _activation(rows: Rows, by: tuple[str, ...], describe: Any, wide: bool) -> Any:
    pd = need_pandas()
    keys = ("trial", *by)
    order = np.lexsort((rows["time_ms"], *(rows[name] for name in reversed(keys))))
    columns = {name: rows[name][order] for name in keys}
    times = rows["time_ms"][order]
    if not wide:
        return pd.DataFrame({**describe(columns), "time": times}, index=pd.Index(columns["trial"], name="trial"))
    new = np.zeros(len(times), bool)
    new[:1] = True
    for column in columns.values():
        new[1:] |= column[1:] != column[:-1]
    row = np.cumsum(new) - 1
    columns = {name: column[new] for name, column in columns.items()}
    beside = _side_by_side(row, times, int(new.sum()))
    index = pd.Index(columns["trial"], name="trial")
    return pd.concat(
        [
            pd.DataFrame(describe(columns), index=index),
            pd.DataFrame(beside, index=index, columns=range(beside.shape[1])),
        ],
        axis=1,
    )


def _side_by_side(row: np.ndarray, times: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the times of each row beside each other, NaN after the last; rows rise."""
    count = np.bincount(row, minlength=n_rows)
    place = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    table = np.full((n_rows, int(count.max(initial=0))), np.nan)
    table[row, place] = times
    return table
