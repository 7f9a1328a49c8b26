"""SONATA's spike files.

What is written::

    /spikes                          attribute n_trials, where there are several
    /spikes/POPULATION               attribute sorting: enumeration none, by_id, by_time
        timestamps  (n,) float64     attribute units
        node_ids    (n,) uint64
        trial       (n,) uint64      only of several trials: rows are trial after trial, sorting is none

The last is ours: other programs see all trials as one. Read is this, sorting as an enumeration, as text or absent,
and the old layout: ``/spikes/timestamps`` and ``/spikes/gids`` without a population. An order that a file claims is not
relied on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, InvalidValue, UnknownName
from hnnlib.io.sonata.files import MAGIC, VERSION, get_ids, new_file, open_file, population_group
from hnnlib.io.spikes_csv import MS_PER_UNIT
from hnnlib.results.spike_data import SpikeData

__all__ = ["SonataSpikeWriter", "read_spikes_sonata", "write_spikes_sonata"]

_ORDER: Mapping[str | None, str | None] = immutabledict({"by_time": "time", "by_id": "id", "none": None, None: None})
_SORTING: Mapping[str, int] = immutabledict({"none": 0, "by_id": 1, "by_time": 2})
_SECONDS = ("s", "sec", "second", "seconds")
_MILLISECONDS = ("ms", "msec", "millisecond", "milliseconds")

FLUSH_ROWS = 65_536
"""Spikes of one population that wait before they are written: a file of one trial a block would be slow to read."""
ROOM = 1 << 18
"""Bytes that HDF5 may need beside the spikes, for its index and for pieces of datasets that are not yet full."""


def write_spikes_sonata(
    spikes: SpikeData,
    path: str | os.PathLike[str],
    sort: str | None = "by_time",
    *,
    units: str = "ms",
    compression: str | int | None = None,
    overwrite: bool = True,
) -> None:
    """Write spikes to a SONATA file.

    Parameters
    ----------
    spikes : SpikeData
        The spikes.
    path : path-like
        The file.
    sort : 'by_time', 'by_id', 'none' or None
        Order of the rows; of several trials, within each.
    units : 'ms' or 's'
        Unit of the times in the file.
    compression : 'gzip' or int, optional
        Compress; libsonata, and what is built on it, can't read that.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    UnknownName
        If ``sort`` or ``units`` is none of these.
    InvalidValue
        If a population's name can't stand in an HDF5 file, or compression is asked for several trials.
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    factor = _factor(units)
    order = _order(sort)
    if spikes.n_trials > 1:
        if compression is not None:
            raise InvalidValue("compression", compression, "must be None for several trials")
        with SonataSpikeWriter(path, sort, units=units, overwrite=overwrite) as writer:
            for trial in spikes.by_trial():
                writer.append(trial)
        return
    rows = spikes.sort(order)
    with new_file(path, compression, overwrite) as file:
        file.create_group("spikes")
        for code, name in enumerate(rows.populations):
            mine = rows.codes == code if len(rows.populations) > 1 else slice(None)
            group = population_group(file, "spikes", name)
            _put_sorting(group, f"by_{order}" if order else "none")
            group.create_dataset("timestamps", data=rows.times[mine] / factor, compression=compression)
            group["timestamps"].attrs["units"] = units
            group.create_dataset("node_ids", data=rows.node_ids[mine].astype(np.uint64), compression=compression)


def _factor(units: str) -> float:
    if units not in MS_PER_UNIT:
        raise UnknownName("units", units, "unit of time", MS_PER_UNIT)
    return MS_PER_UNIT[units]


def _order(sort: str | None) -> str | None:
    if sort not in _ORDER:
        raise UnknownName("sort", sort, "order", _SORTING)
    return _ORDER[sort]


def _put_sorting(group: Any, sorting: str) -> None:
    import h5py

    # of one byte: libsonata takes no text, BMTK no plain number
    group.attrs.create("sorting", _SORTING[sorting], dtype=h5py.enum_dtype(dict(_SORTING), basetype=np.uint8))


class SonataSpikeWriter:
    """A SONATA file of several trials that is written as they come; only few spikes are held in memory.

    Use it in a ``with`` block: the file takes its name when the block has succeeded.

    Parameters
    ----------
    path : path-like
        The file.
    sort : 'by_time', 'by_id', 'none' or None
        Order of the rows within a trial.
    units : 'ms' or 's'
        Unit of the times in the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    UnknownName
        If ``sort`` or ``units`` is none of these.
    OutputError
        If the file can't be written, at once or later; nothing is left there, or the older file as it was.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sort: str | None = "by_time",
        *,
        units: str = "ms",
        overwrite: bool = True,
    ) -> None:
        self._path, self._overwrite, self._units = path, overwrite, units
        self._order, self._factor = _order(sort), _factor(units)
        self._next = 0
        self._early: dict[int, SpikeData] = {}
        self._waiting: dict[str, list[tuple[NDArray[Any], ...]]] = {}
        self._stack = ExitStack()
        self._size = 0

    def __enter__(self) -> SonataSpikeWriter:
        import h5py

        with ExitStack() as stack:
            self._temporary = stack.enter_context(replacing(self._path, self._overwrite))
            stack.callback(self._cut)
            self._temporary.write_bytes(bytes(ROOM))  # fails where there is not even room for an empty file
            self._file = stack.enter_context(h5py.File(self._temporary, "w"))
            self._make_sure_of_room(0)
            self._file.attrs["magic"] = np.uint32(MAGIC)
            self._file.attrs["version"] = np.array(VERSION, np.uint32)
            self._file.create_group("spikes")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        with self._stack:
            if error is None:
                self._finish()
            else:
                self._stack.__exit__(kind, error, traceback)
        return None

    def append(self, spikes: SpikeData, trial: int | None = None) -> None:
        """Add the spikes of one trial.

        Parameters
        ----------
        spikes : SpikeData
            Spikes of one trial.
        trial : int, optional
            Its number from 0; those that come early wait for their turn. Left out: the next.

        Raises
        ------
        InvalidValue
            If the spikes are of several trials or this trial was there before.
        OutputError
            If there is no room for them.
        """
        if spikes.n_trials != 1:
            raise InvalidValue("spikes.n_trials", spikes.n_trials, "must be 1: append them trial by trial")
        number = self._next if trial is None else trial
        if number < self._next or number in self._early:
            raise InvalidValue("trial", number, "has been added already")
        self._early[number] = spikes
        while self._next in self._early:
            self._take(self._early.pop(self._next))
            self._next += 1

    def _take(self, spikes: SpikeData) -> None:
        rows = spikes.sort(self._order)
        for code, name in enumerate(rows.populations):
            if name not in self._waiting:
                self._new_population(name)
            mine = rows.codes == code
            waiting = self._waiting[name]
            trial = np.full(int(mine.sum()), self._next, np.uint64)
            waiting.append((rows.times[mine] / self._factor, rows.node_ids[mine].astype(np.uint64), trial))
            if sum(part[0].size for part in waiting) >= FLUSH_ROWS:
                self._flush(name)

    def _new_population(self, name: str) -> None:
        group = population_group(self._file, "spikes", name)
        _put_sorting(group, "none")
        for column, kind in (("timestamps", np.float64), ("node_ids", np.uint64), ("trial", np.uint64)):
            group.create_dataset(column, shape=(0,), maxshape=(None,), chunks=(FLUSH_ROWS // 8,), dtype=kind)
        group["timestamps"].attrs["units"] = self._units
        self._waiting[name] = []

    def _flush(self, name: str) -> None:
        if not self._waiting[name]:
            return
        columns = [np.concatenate(parts) for parts in zip(*self._waiting[name], strict=True)]
        self._make_sure_of_room(sum(column.nbytes for column in columns))
        group = self._file["spikes"][name]
        for dataset, column in zip(("timestamps", "node_ids", "trial"), columns, strict=True):
            start = group[dataset].shape[0]
            group[dataset].resize((start + column.size,))
            group[dataset][start:] = column
        self._file.flush()
        self._waiting[name].clear()

    def _make_sure_of_room(self, n_bytes: int) -> None:
        # Where the disk is full, HDF5 can't close its file any more, and crashes. So it writes only where we have
        # written before: that can fail without harm.
        end = self._file.id.get_filesize() + n_bytes + ROOM
        with self._temporary.open("r+b") as raw:
            missing = end - raw.seek(0, os.SEEK_END)
            raw.write(bytes(max(missing, 0)))

    def _cut(self) -> None:
        """Take off what was written for HDF5 and not used."""
        os.truncate(self._temporary, min(self._size, self._temporary.stat().st_size))

    def _finish(self) -> None:
        if self._early:
            raise InvalidValue("trial", min(self._early), f"was added, and trial {self._next} before it never came")
        for name in self._waiting:
            self._flush(name)
        if self._next > 1:
            self._file["spikes"].attrs["n_trials"] = self._next
        self._file.flush()
        self._size = self._file.id.get_filesize()


def read_spikes_sonata(path: str | os.PathLike[str], population: str = "default") -> SpikeData:
    """Read spikes from a SONATA file.

    Parameters
    ----------
    path : path-like
        The file, in the present or the old layout.
    population : str
        Name for the population of a file in the old layout, which has none.

    Returns
    -------
    spikes : SpikeData
        Population after population, each in the order of the file; of several trials, if we wrote them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is truncated, no SONATA file of spikes, or has times or node ids that can't be.
    """
    import h5py

    with open_file(path, "spikes") as root:
        groups = {name: item for name, item in root.items() if isinstance(item, h5py.Group)}
        if "timestamps" in root:
            groups = {population: root}
        parts = [_get_population(name, group) for name, group in groups.items()]
        with_trials = any(part[2] is not None for part in parts)
        trials = [np.zeros(part[1].size, np.int64) if part[2] is None else part[2] for part in parts]
        return SpikeData(
            np.concatenate([np.empty(0), *(part[0] for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part[1] for part in parts)]),
            np.repeat(np.arange(len(parts)), [part[0].size for part in parts]),
            tuple(groups),
            trials=np.concatenate(trials) if with_trials else None,
            n_trials=int(root.attrs["n_trials"]) if with_trials and "n_trials" in root.attrs else None,
        )


def _get_population(name: str, group: Any) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64] | None]:
    file = group.file.filename
    if "timestamps" not in group:
        raise FileFormatError(file, f"{group.name} has no dataset 'timestamps'")
    times = group["timestamps"]
    if times.ndim != 1 or times.dtype.kind not in "fiu":
        raise FileFormatError(file, f"{times.name} is no column of numbers")
    ms = times[()].astype(np.float64) * _ms_per_unit(times)
    ids = get_ids(group, "node_ids" if "node_ids" in group else "gids")
    trials = get_ids(group, "trial") if "trial" in group else None
    for what, column in (("node ids", ids), ("trials", trials)):
        if column is not None and column.size != ms.size:
            raise FileFormatError(file, f"{group.name} has {ms.size} timestamps and {column.size} {what}")
    bad = np.flatnonzero(~(np.isfinite(ms) & (ms >= 0)))
    if bad.size:
        raise FileFormatError(file, f"{times.name}, row {bad[0]}: {times[bad[0]]} must be a finite time >= 0")
    if ids.size and ids.min() < 0:
        raise FileFormatError(file, f"{group.name}/node_ids: {ids.min()} must be >= 0 and < 2**63")
    return ms, ids, trials


def _ms_per_unit(times: Any) -> float:
    given = times.attrs.get("units", "ms")
    unit = given.decode() if isinstance(given, bytes) else str(given)
    if unit.lower() in _MILLISECONDS:
        return 1.0
    if unit.lower() in _SECONDS:
        return 1000.0
    raise FileFormatError(times.file.filename, f"{times.name} has unit {unit!r}; known are ms and s")
