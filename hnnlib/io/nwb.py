"""Spikes in files of Neurodata Without Borders (NWB), where times are in seconds and a sorted neuron is a *unit*.

What is written is a table of units with columns ``population``, ``node_id`` and, of several trials, ``trial``: one unit
a node and trial, silent nodes too where they are known. The times of each trial start at 0.
"""

from __future__ import annotations

import datetime
import os
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, HnnlibError, InvalidValue, MissingFile, MissingPackage, UnknownName
from hnnlib.results.spike_data import SpikeData

__all__ = ["NWBUnits", "open_units", "read_spikes_nwb", "write_spikes_nwb"]

PEAK_CHANNEL = "peak_channel_id"
MS_PER_S = 1000.0


def _pynwb() -> Any:
    try:
        import pynwb
    except ImportError:
        raise MissingPackage("pynwb", "nwb") from None
    return pynwb


def write_spikes_nwb(
    spikes: SpikeData,
    path: str | os.PathLike[str],
    *,
    session_description: str = "simulated spikes",
    session_start_time: datetime.datetime | None = None,
    identifier: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write spikes as the units of an NWB file.

    Parameters
    ----------
    spikes : SpikeData
        The spikes.
    path : path-like
        The file.
    session_description : str
        What the file says of itself.
    session_start_time : datetime.datetime, optional
        When time 0 was. Left out: now.
    identifier : str, optional
        What tells the file from others. Left out: a new one.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    MissingPackage
        If pynwb is not installed.
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    pynwb = _pynwb()
    import h5py

    file = pynwb.NWBFile(
        session_description=session_description,
        identifier=identifier or str(uuid.uuid4()),
        session_start_time=session_start_time or datetime.datetime.now(datetime.timezone.utc),
    )
    file.units = _units(spikes)
    # Put together in memory: where the disk is full, HDF5 can't close its file any more, and crashes.
    image = BytesIO()
    with replacing(path, overwrite) as temporary:
        with h5py.File(image, "w") as opened, pynwb.NWBHDF5IO(file=opened, mode="w") as writer:
            writer.write(file)
        temporary.write_bytes(image.getbuffer())


def _units(spikes: SpikeData) -> Any:
    import h5py
    from hdmf.common import ElementIdentifiers, VectorData, VectorIndex
    from pynwb.misc import Units

    times, names, ids, trials = [np.empty(0)], [], [], []
    for trial, part in enumerate(spikes.by_trial()):
        for name in part.populations:
            for node, train in part.select(name).trains().items():
                times.append(train / MS_PER_S)
                names.append(name)
                ids.append(node)
                trials.append(trial)
    data = VectorData(name="spike_times", description="spike times (s)", data=np.concatenate(times))
    text = h5py.string_dtype()  # of an empty list it couldn't be told
    ends = np.cumsum([train.size for train in times[1:]], dtype=np.int64)
    columns = [
        data,
        VectorIndex(name="spike_times_index", data=ends, target=data),
        VectorData(name="population", description="population of the node", data=np.array(names, text)),
        VectorData(name="node_id", description="id of the node in its population", data=np.array(ids, np.int64)),
    ]
    if spikes.n_trials > 1:
        columns.append(VectorData(name="trial", description="trial, from 0", data=np.array(trials, np.int64)))
    return Units(
        name="units",
        description="nodes of simulated populations",
        id=ElementIdentifiers(name="id", data=np.arange(len(ids))),
        columns=columns,
        colnames=[column.name for column in columns if column.name != "spike_times_index"],
    )


def read_spikes_nwb(path: str | os.PathLike[str], population: str = "default") -> SpikeData:
    """Read the spikes of all units of an NWB file.

    Parameters
    ----------
    path : path-like
        The file.
    population : str
        Name for the population of a file whose units have no column ``population``; their ids are then the node ids.

    Returns
    -------
    spikes : SpikeData
        Unit after unit; units without spikes are among the nodes.

    Raises
    ------
    MissingPackage
        If pynwb is not installed.
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is truncated, no NWB file, or has no units.
    """
    with open_units(path) as units:
        trains = [units.times_s(row) * MS_PER_S for row in range(units.ids.size)]
        counts = [train.size for train in trains]
        names = units.columns.get("population", np.full(units.ids.size, population))
        ids = units.columns.get("node_id", units.ids).astype(np.int64)
        trials = units.columns.get("trial")
        try:
            return SpikeData.from_arrays(
                np.concatenate([np.empty(0), *trains]),
                np.repeat(ids, counts),
                np.repeat(names.astype(np.str_), counts),
                trials=None if trials is None else np.repeat(trials.astype(np.int64), counts),
                n_trials=None if trials is None or not trials.size else int(trials.max()) + 1,
                node_sets={str(name): np.unique(ids[names == name]) for name in np.unique(names.astype(np.str_))},
            )
        except InvalidValue as error:
            raise FileFormatError(units.file, str(error)) from None


@attrs.frozen(kw_only=True, eq=False)
class NWBUnits:
    """The units of an open NWB file; spike times are read when they are asked for.

    Parameters
    ----------
    file : str
        Its path.
    ids : ndarray of int64, shape (n_units,)
        Ids of the units.
    columns : mapping of str to ndarray, shape (n_units,)
        What the file says of each unit, and of the electrode whose id is its ``peak_channel_id``. Where both have a
        column of one name it is the unit's. Numbers are NaN and texts empty for a unit without such an electrode.
    interval_tables : tuple of str
        Names of its tables of intervals.
    times : callable
        Row of a unit -> its spike times (s).
    tables : mapping of str to table
        The tables of intervals.
    """

    file: str
    ids: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    interval_tables: tuple[str, ...]
    _times: Any
    _tables: Mapping[str, Any]

    def times_s(self, row: int) -> NDArray[np.float64]:
        """Return the spike times of a unit.

        Parameters
        ----------
        row : int
            Index of the unit in ``ids``.

        Returns
        -------
        times : ndarray, shape (n_spikes,)
            Times (s).
        """
        return np.asarray(self._times(row), dtype=np.float64)

    def intervals(self, name: str) -> dict[str, NDArray[Any]]:
        """Return a table of intervals.

        Parameters
        ----------
        name : str
            Its name, or what stands before ``_presentations`` in it.

        Returns
        -------
        columns : dict of str to ndarray, shape (n_intervals,)
            With ``start_time`` and ``stop_time`` (s).

        Raises
        ------
        UnknownName
            If there is no such table.
        """
        for candidate in (name, f"{name}_presentations"):
            if candidate in self._tables:
                return _flat_columns(self._tables[candidate])
        raise UnknownName(f"{self.file}, intervals", name, "table of intervals", self.interval_tables)


@contextmanager
def open_units(path: str | os.PathLike[str]) -> Iterator[NWBUnits]:
    """Open an NWB file and yield its units.

    Parameters
    ----------
    path : path-like
        The file.

    Yields
    ------
    units : NWBUnits
        Usable within the block.

    Raises
    ------
    MissingPackage
        If pynwb is not installed.
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is truncated, no NWB file, or has no units.
    """
    pynwb = _pynwb()
    from hdmf.build import ConstructError

    name = os.fspath(path)
    if not os.path.exists(name):
        raise MissingFile(name)
    if os.path.isdir(name):
        raise FileFormatError(name, "is a folder, not a file")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Ignoring .*cached namespace")  # of older files; nothing one could do
            with pynwb.NWBHDF5IO(name, mode="r") as reader:
                yield _opened(name, reader.read())
    except HnnlibError:
        raise
    except OSError as error:
        raise FileFormatError(name, f"is truncated or no HDF5 file ({error})") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, ConstructError) as error:
        raise FileFormatError(name, f"is damaged or no NWB file ({error})") from error


def _opened(name: str, file: Any) -> NWBUnits:
    units = file.units
    if units is None or "spike_times" not in units.colnames:
        raise FileFormatError(name, "has no units with spike times")
    ids = np.asarray(units.id[:], dtype=np.int64)
    columns = _flat_columns(units)
    if PEAK_CHANNEL in columns and file.electrodes is not None:
        columns = {**_joined(columns[PEAK_CHANNEL], file.electrodes), **columns}
    tables = {table.name: table for table in (file.trials, file.epochs, file.invalid_times) if table is not None}
    tables.update(file.intervals.items() if file.intervals else {})
    return NWBUnits(
        file=name,
        ids=ids,
        columns=columns,
        interval_tables=tuple(sorted(tables)),
        times=units.get_unit_spike_times,
        tables=tables,
    )


def _flat_columns(table: Any) -> dict[str, NDArray[Any]]:
    """Return the columns that have one number or text a row."""
    columns = {}
    # indexed columns have many values a row: all spike times of a session are among them and must not be read here
    ragged = {column.target.name for column in table.columns if hasattr(column, "target")}
    for column in table.columns:
        if column.name in table.colnames and column.name not in ragged and not hasattr(column, "table"):
            values = np.asarray(column.data[:])
            if values.ndim != 1 or values.size != len(table.id):
                continue
            if values.dtype.kind in "OS":
                if not all(isinstance(v, str | bytes) for v in values.tolist()):
                    continue
                values = np.array([v.decode() if isinstance(v, bytes) else v for v in values.tolist()], dtype=np.str_)
            columns[column.name] = values
    return columns


def _joined(channels: NDArray[Any], electrodes: Any) -> dict[str, NDArray[Any]]:
    """Return the columns of each unit's electrode."""
    ids = np.asarray(electrodes.id[:])
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids[order], channels), max(ids.size - 1, 0))
    rows = order[place] if ids.size else np.zeros(channels.size, np.int64)
    found = ids[rows] == channels if ids.size else np.zeros(channels.size, bool)
    joined = {}
    for name, values in _flat_columns(electrodes).items():
        kept = values[rows] if ids.size else np.zeros(channels.size, values.dtype)
        missing = "" if values.dtype.kind == "U" else np.nan
        joined[name] = kept if found.all() else np.where(found, kept, missing)
    return joined
