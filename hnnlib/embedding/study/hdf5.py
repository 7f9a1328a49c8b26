"""Trials of a study as HDF5 files, and its static tables.

A file of trials::

    trials                     (n_trials,) int32, rising
    times                      (n_times,) float64, ms
    tables/NAME/COLUMN         (n_rows,) of the types of `hnnlib.embedding.study.columns.TABLES`; a category as codes;
                               attribute units; absent where tables are parquet files
    tables/NAME/offsets        (n_trials + 1,) int64: the k-th trial is rows [k] to [k + 1]
    labels/CATEGORY            (n_labels,) text, of the codes
    recordings/NAME/data       (n_trials, n_rows, n_times) float32 or float64, chunks of one trial; attribute units
    recordings/NAME/labels     JSON text: columns that say what the rows are

The file of what stays has ``tables/synapses``, ``tables/segments`` and ``labels``. Compressed data carry a checksum.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hnnlib import __version__
from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, OutputError
from hnnlib.embedding.study.columns import (
    STATIC,
    TABLES,
    Labels,
    Rows,
    join_rows,
    segment_rows,
    static_labels,
    synapse_rows,
)
from hnnlib.embedding.study.parts import Places, gather, runs_of, slices
from hnnlib.embedding.study.trial import CellTrial
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.io.hdf5 import COMPRESS_ABOVE, FORMAT_VERSION, new_hdf5, open_hdf5

__all__ = ["HDF5Part", "merge_hdf5", "read_static", "write_static", "write_trials"]

OBJECT = "Trials of a detailed cell"
STATIC_OBJECT = "Embedding"
CHUNK_ROWS = 16_384
CHUNK_BYTES = 1 << 20
BATCH = 32
"""Trials whose tables are in memory at once while files are put together."""


# ------------------------------------------------------------------------------------------------- reading


@attrs.frozen
class HDF5Part:
    """Trials in a file, read when they are asked for; see `hnnlib.embedding.study.parts.Part`.

    Parameters
    ----------
    path : Path
        The file.
    trials : tuple of int
        The trials that it is to hold.
    """

    path: Path
    trials: tuple[int, ...]

    @contextmanager
    def open(self) -> Iterator[tuple[Any, dict[int, int]]]:
        """Yield the file, open for reading, and the position of each trial in it."""
        with open_hdf5(self.path, OBJECT) as file:
            position = {int(k): i for i, k in enumerate(file["trials"][()])}
            lost = set(self.trials) - set(position)
            if lost:
                raise FileFormatError(self.path, f"lacks trials that the study has in it, {min(lost)} first")
            yield file, position

    def check(self) -> None:
        """Check that the file is there, is whole, and holds the trials.

        Raises
        ------
        FileFormatError
            If not.
        """
        with self.open():
            pass

    def told(self) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
        """Return times and recordings; see `Part`."""
        with self.open() as (file, _):
            return file["times"][()], {
                name: {
                    "unit": str(group["data"].attrs["units"]),
                    "labels": json.loads(group["labels"].asstr()[()]),
                    "shape": list(group["data"].shape[1:]),
                    "dtype": str(group["data"].dtype),
                }
                for name, group in file["recordings"].items()
            }

    def rows(self, table: str, trials: Sequence[int], columns: Sequence[str]) -> Rows:
        """Return rows of a table; see `Part`."""
        with self.open() as (file, position):
            group = file["tables"][table]
            offsets = group["offsets"][()]
            pieces = [slice(offsets[s.start], offsets[s.stop]) for s in slices([position[k] for k in trials])]
            return {name: np.concatenate([group[name][piece] for piece in pieces]) for name in columns}

    def samples(self, name: str, trial: int, rows: np.ndarray | None) -> np.ndarray:
        """Return a recording; see `Part`."""
        with self.open() as (file, position):
            dataset, k = file["recordings"][name]["data"], position[trial]
            if rows is None:
                return dataset[k]
            pieces = [dataset[k, piece] for piece in slices(rows.tolist())]
            return np.concatenate([np.empty((0, dataset.shape[2]), dataset.dtype), *pieces])


def read_static(path: str | os.PathLike[str]) -> dict[str, Rows]:
    """Return the tables of synapses and segments, names as codes.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    FileFormatError
        If it can't be read.
    """
    with open_hdf5(path, STATIC_OBJECT) as file:
        return {name: {c.name: file["tables"][name][c.name][()] for c in TABLES[name]} for name in STATIC}


# ------------------------------------------------------------------------------------------------- writing


def write_static(path: str | os.PathLike[str], embedding: Embedding) -> None:
    """Write the tables of synapses and segments.

    Parameters
    ----------
    path : path-like
        The file.
    embedding : Embedding
        The synapses.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    with new_hdf5(path, STATIC_OBJECT) as file:
        _put_table(file, "synapses", synapse_rows(embedding))
        _put_table(file, "segments", segment_rows(embedding.segments))
        _put_labels(file, static_labels(embedding))


def write_trials(path: str | os.PathLike[str], trials: Sequence[CellTrial], rows: Sequence[dict[str, Rows]]) -> None:
    """Write a file of trials.

    Parameters
    ----------
    path : path-like
        The file.
    trials : sequence of CellTrial
        By rising numbers; their recordings are alike.
    rows : sequence of dict
        The rows of each of them, as `hnnlib.embedding.study.columns.trial_rows` returns them.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    numbers = [trial.trial for trial in trials]
    first = trials[0]
    with new_hdf5(path, OBJECT) as file:
        _put_header(file, numbers, first.times)
        for name in rows[0]:
            pieces = [of_trial[name] for of_trial in rows]
            ends = np.cumsum([0, *(len(piece["trial"]) for piece in pieces)])
            _put_table(file, name, join_rows(pieces)).create_dataset("offsets", data=ends)
        for name, told in first.told().items():
            dataset = _recording(file, name, told, len(trials))
            for k, trial in enumerate(trials):
                dataset[k] = trial.every_recording[name]


def merge_hdf5(path: str | os.PathLike[str], places: Places, labels: Labels, tables: Sequence[str]) -> None:
    """Put trials of several parts into one file.

    Parameters
    ----------
    path : path-like
        The file.
    places : mapping of int to Part
        Where each trial is, trials rising.
    labels : mapping of str to sequence of str
        Labels of categories.
    tables : sequence of str
        Tables that are to be in the file besides recordings.

    Raises
    ------
    OutputError
        If it can't be written.
    FileFormatError
        If a part can't be read.
    """
    import h5py

    numbers = list(places)
    with replacing(path) as temporary:
        _check_room(path, places)
        with h5py.File(temporary, "w", track_order=True) as file:
            file.attrs.update(object_type=OBJECT, format_version=FORMAT_VERSION, hnnlib_version=__version__)
            times, told = places[numbers[0]].told()
            _put_header(file, numbers, times)
            _put_labels(file, labels)
            out = _Growing(file, tables)
            for some in batches(numbers):
                for name in tables:
                    every = gather(places, name, some, [c.name for c in TABLES[name]])
                    ends = np.searchsorted(every["trial"], some, side="right")
                    out.append(name, every, ends)
            out.end()
            for name, known in told.items():
                dataset, k = _recording(file, name, known, len(numbers)), 0
                for part, run in runs_of(places, numbers):
                    _copy(part, name, run, dataset, k)
                    k += len(run)


def batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield trials in groups whose tables fit into memory.

    Parameters
    ----------
    numbers : sequence of int
        Trials.
    """
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def _check_room(path: str | os.PathLike[str], places: Places) -> None:
    # HDF5 can't close a file on a full disk, and may end the process; in memory the whole has no room
    files = {part.path for part in places.values() if isinstance(part, HDF5Part)}
    needed = sum(file.stat().st_size for file in files if file.exists())
    free = shutil.disk_usage(Path(path).parent).free
    if free < needed * 1.1:
        raise OutputError(path, f"has no room: it needs some {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free")


def _put_header(file: Any, numbers: Sequence[int], times: np.ndarray) -> None:
    file.create_dataset("trials", data=np.array(numbers, np.int32))
    file.create_dataset("times", data=times).attrs["units"] = "ms"
    file.create_group("recordings", track_order=True)


def _put_labels(file: Any, labels: Labels) -> None:
    import h5py

    group = file.create_group("labels", track_order=True)
    for name, values in labels.items():
        group.create_dataset(name, data=list(values), dtype=h5py.string_dtype(), shape=(len(values),))


def _put_table(file: Any, name: str, rows: Rows) -> Any:
    group = file.require_group("tables").create_group(name, track_order=True)
    for column in TABLES[name]:
        data = rows[column.name]
        options = {} if data.nbytes < COMPRESS_ABOVE else {"chunks": (min(len(data), CHUNK_ROWS),), **_filters(4)}
        dataset = group.create_dataset(column.name, data=data, **options)
        if column.unit:
            dataset.attrs["units"] = column.unit
    return group


class _Growing:
    """Tables of a new file, written piece by piece."""

    def __init__(self, file: Any, tables: Iterable[str]) -> None:
        self._group = file.create_group("tables", track_order=True)
        self._offsets: dict[str, list[int]] = {name: [0] for name in tables}
        for name in self._offsets:
            columns = self._group.create_group(name, track_order=True)
            for column in TABLES[name]:
                dataset = columns.create_dataset(
                    column.name, (0,), column.stored, maxshape=(None,), chunks=(CHUNK_ROWS,), **_filters(4)
                )
                if column.unit:
                    dataset.attrs["units"] = column.unit

    def append(self, name: str, rows: Rows, ends: np.ndarray) -> None:
        """Append the rows of some trials, which end at some of them, to a table."""
        before = self._offsets[name][-1]
        for column, values in rows.items():
            dataset = self._group[name][column]
            dataset.resize((before + len(values),))
            dataset[before:] = values
        self._offsets[name] += [before + int(end) for end in ends]

    def end(self) -> None:
        for name, offsets in self._offsets.items():
            self._group[name].create_dataset("offsets", data=np.array(offsets, np.int64))


def _filters(level: int) -> dict[str, Any]:
    return {"compression": "gzip", "compression_opts": level, "shuffle": True, "fletcher32": True}


def _recording(file: Any, name: str, told: Mapping[str, Any], n_trials: int) -> Any:
    n_rows, n_times = told["shape"]
    options: dict[str, Any] = {}
    if n_rows and n_times:
        per_chunk = max(1, min(n_rows, CHUNK_BYTES // (n_times * np.dtype(told["dtype"]).itemsize)))
        options = {"chunks": (1, per_chunk, n_times), **_filters(1)}
    group = file["recordings"].create_group(name, track_order=True)
    group.create_dataset("labels", data=json.dumps(told["labels"], ensure_ascii=False))
    dataset = group.create_dataset("data", (n_trials, n_rows, n_times), told["dtype"], **options)
    dataset.attrs["units"] = told["unit"]
    return dataset


def _copy(part: Any, name: str, trials: Sequence[int], dataset: Any, first: int) -> None:
    """Copy trials of a recording to consecutive rows; as they are compressed."""
    with getattr(part, "recorded", part).open() as (file, position):
        source = file["recordings"][name]["data"]
        if source.chunks != dataset.chunks:
            raise FileFormatError(file.filename, f"has {name} in chunks of {source.chunks}, others of {dataset.chunks}")
        for k, trial in enumerate(trials, start=first):
            for start in range(0, dataset.shape[1], dataset.chunks[1]) if dataset.chunks else ():
                mask, data = source.id.read_direct_chunk((position[trial], start, 0))
                dataset.id.write_direct_chunk((k, start, 0), data, mask)
