"""Dipoles and whole results as HDF5 files, exact and readable with h5py, MATLAB or h5dump alone.

Every file has the root attributes ``object_type`` (``"Dipole"`` or ``"Result"``), ``format_version`` (this page
describes version 1) and ``hnnlib_version``. Every quantity has an attribute ``units``. In the name of a layer or
electrode array, slash and percent sign are percent-encoded, since HDF5 takes the slash for itself (and dots, where
there is nothing else in the name).

Dipole, in the root of its file or as a group of a result::

    attributes  nave, scale_applied, sfreq (Hz)
    times       (n_times,) float64, ms
    data/NAME   (n_times,) float64, nAm, multiplied by scale_applied; one per part, "agg" first

Result::

    provenance                    JSON text
    dipoles/0, dipoles/1, …       one dipole per trial, as above; equal times are stored once
    cell_response/                attribute n_trials
        cell_type_names           (n_types,) text; absent if not known
        times                     (n_times,) float64, ms; absent if not known
        gid_ranges, gid_names     (n, 2) int64 first gid and the one after the last, (n,) text; absent if not known
        spikes/times              (n_spikes,) float64, ms: those of trial 0, then of trial 1, …
        spikes/gids               (n_spikes,) int64
        spikes/types              (n_spikes,) int32, index into type_names
        spikes/type_names         (n_types,) text
        spikes/trial_offsets      (n_trials + 1,) int64: trial k is rows [k] to [k + 1]
        vsec/, isec/, ca/, dipole/   only what was recorded; attribute quantity; states/NAME/ likewise
            times                 (n_times,) float64, ms
            gids, sections        (n_rows,) int64, text; dipole, which is of whole cells, has no sections
            receptors             (n_rows,) text; isec only
            data                  (n_trials, n_rows, n_times) in the precision of the run, mV, nA, mM or fAm
    potentials/NAME/              attributes conductivity (S/m), method ("" for none), min_distance (µm)
        positions                 (n_contacts, 3) float64, µm
        times                     (n_times,) float64, ms
        voltages                  (n_trials, n_contacts, n_times) float64, µV

Result of a run that has not ended, where ``provenance["trials"]`` lists the trials that are there::

    provenance                    JSON text
    trials/K                      link to the file NAME.trials/K.h5: a Result as above, of trial K and perhaps more

Arrays above 16 kB are compressed without loss (gzip with byte shuffle); those of an unfinished run are not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib import __version__
from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, HnnlibError, InvalidType, MissingFile
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces

__all__ = [
    "new_hdf5",
    "open_hdf5",
    "read_dipole_hdf5",
    "read_index_hdf5",
    "read_result_hdf5",
    "write_dipole_hdf5",
    "write_index_hdf5",
    "write_result_hdf5",
]

FORMAT_VERSION = 1
COMPRESS_ABOVE = 16_384
"""Bytes; below, the chunk index of a compressed array costs more than compression saves."""


def write_dipole_hdf5(dpl: Dipole, fname: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a dipole to an HDF5 file, exactly.

    Parameters
    ----------
    dpl : Dipole
        The dipole.
    fname : path-like
        The file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    with new_hdf5(fname, "Dipole", overwrite) as file:
        _put_dipole(file, dpl)


def read_dipole_hdf5(fname: str | os.PathLike[str]) -> Dipole:
    """Read a dipole from an HDF5 file.

    Parameters
    ----------
    fname : path-like
        A file made by `write_dipole_hdf5`.

    Returns
    -------
    dipole : Dipole
        Equal to the one that was written.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, is no HDF5 file, or holds something else.
    """
    with open_hdf5(fname, "Dipole") as file:
        return _get_dipole(file)


def write_result_hdf5(
    result: Result, fname: str | os.PathLike[str], overwrite: bool = True, compress: bool = True
) -> None:
    """Write a whole result to an HDF5 file, exactly.

    Parameters
    ----------
    result : Result
        The result.
    fname : path-like
        The file.
    overwrite : bool
        Whether an existing file may be replaced.
    compress : bool
        Whether to compress: about half the size, twenty times the time.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    InvalidType
        If the provenance is not plain data.
    """
    provenance = _json(result.provenance)
    with new_hdf5(fname, "Result", overwrite) as file:
        file.create_dataset("provenance", data=provenance)
        dipoles = _group(file, "dipoles")
        shared: Any = None
        for i, dpl in enumerate(result.dipoles):
            group = _group(dipoles, str(i))
            if shared is not None and np.array_equal(dpl.times, result.dipoles[0].times):
                group["times"] = shared  # a hard link
            _put_dipole(group, dpl, compress)
            shared = shared or group["times"]
        _put_response(_group(file, "cell_response"), result.cell_response, compress)
        potentials = _group(file, "potentials")
        for name, recording in result.potentials.items():
            _put_recording(_group(potentials, _escape(name)), recording, compress)


def read_result_hdf5(fname: str | os.PathLike[str]) -> Result:
    """Read a whole result from an HDF5 file.

    Parameters
    ----------
    fname : path-like
        A file made by `write_result_hdf5`.

    Returns
    -------
    result : Result
        Equal to the one that was written.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, is no HDF5 file, or holds something else.
    """
    with open_hdf5(fname, "Result") as file:
        dipoles = file["dipoles"]
        return Result(
            dipoles=[_get_dipole(dipoles[str(i)]) for i in range(len(dipoles))],
            cell_response=_get_response(file["cell_response"]),
            potentials={_unescape(name): _get_recording(group) for name, group in file["potentials"].items()},
            provenance=json.loads(file["provenance"].asstr()[()]),
        )


def write_index_hdf5(
    fname: str | os.PathLike[str], provenance: Mapping[str, Any], parts: Mapping[str, str], overwrite: bool = True
) -> None:
    """Write the file of a run that has not ended: how it comes about, and links to the files of its trials.

    Parameters
    ----------
    fname : path-like
        The file.
    provenance : mapping
        As in a `Result`: plain data.
    parts : mapping of str to str
        For each link its file, relative to the folder of ``fname``, with slashes.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    import h5py

    with new_hdf5(fname, "Result", overwrite) as file:
        file.create_dataset("provenance", data=_json(provenance))
        trials = _group(file, "trials")
        for name, part in parts.items():
            trials[name] = h5py.ExternalLink(part, "/")


def read_index_hdf5(fname: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Read what `write_index_hdf5` wrote.

    Parameters
    ----------
    fname : path-like
        The file of a run, ended or not.

    Returns
    -------
    index : tuple of dict, or None
        The provenance and the file of each link; None where the run has ended and the file holds its result.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, is no HDF5 file, or holds something else.
    """
    with open_hdf5(fname, "Result") as file:
        if "trials" not in file:
            return None
        trials = file["trials"]
        parts = {name: trials.get(name, getlink=True).filename for name in trials}
        return json.loads(file["provenance"].asstr()[()]), parts


# ------------------------------------------------------------------------------------------------- files


@contextmanager
def new_hdf5(fname: str | os.PathLike[str], object_type: str, overwrite: bool = True) -> Iterator[Any]:
    """Yield a new HDF5 file of ours, put together in memory, that is written if the block succeeds.

    Parameters
    ----------
    fname : path-like
        The file.
    object_type : str
        What it holds.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    file : h5py.File
        To be filled.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    import h5py

    # Put together in memory: HDF5 can't close a file on a full disk, and tries again and again, up to a segmentation
    # fault (h5py 3.16, HDF5 2.0).
    image = BytesIO()
    with replacing(fname, overwrite) as temporary:
        with h5py.File(image, "w", track_order=True) as file:
            file.attrs.update(object_type=object_type, format_version=FORMAT_VERSION, hnnlib_version=__version__)
            yield file
        temporary.write_bytes(image.getbuffer())


@contextmanager
def open_hdf5(fname: str | os.PathLike[str], object_type: str) -> Iterator[Any]:
    """Yield an HDF5 file of ours, open for reading.

    Parameters
    ----------
    fname : path-like
        The file.
    object_type : str
        What it is to hold.

    Yields
    ------
    file : h5py.File
        Open as long as the block runs.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, is no HDF5 file, or holds something else; and if something that the block looks for
        is missing or damaged.
    """
    import h5py

    name = os.fspath(fname)
    if not os.path.exists(name):
        raise MissingFile(name)
    if os.path.isdir(name):
        raise FileFormatError(name, "is a folder, not a file")
    try:
        with h5py.File(name, "r") as file:
            _check_kind(name, file, object_type)
            yield file
    except FileFormatError:
        raise
    except OSError as error:
        reason = (
            "can't be opened: no permission" if isinstance(error, PermissionError) else "is truncated or no HDF5 file"
        )
        raise FileFormatError(name, f"{reason} ({error})") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, HnnlibError) as error:
        # h5py tells a missing or damaged part by any of these.
        raise FileFormatError(name, f"is damaged or no {object_type} of hnnlib ({error})") from error


def _check_kind(name: str, file: Any, object_type: str) -> None:
    found = file.attrs.get("object_type")
    if found is None:
        raise FileFormatError(name, "was not written by hnnlib: it has no attribute 'object_type'")
    if found != object_type:
        raise FileFormatError(name, f"holds a {found}, not a {object_type}")
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        written = file.attrs.get("hnnlib_version", "a newer version")
        raise FileFormatError(
            name, f"has format version {version}; this hnnlib reads up to {FORMAT_VERSION}: update to {written}"
        )


def _json(provenance: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(provenance), ensure_ascii=False, default=_number)
    except (TypeError, ValueError) as error:
        raise InvalidType("provenance", dict(provenance), f"must be plain data as in JSON ({error})") from None


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def _group(parent: Any, name: str) -> Any:
    return parent.create_group(name, track_order=True)


def _put(group: Any, name: str, array: Any, units: str | None = None, compress: bool = True) -> None:
    data = np.asarray(array)
    options: dict[str, Any] = {}
    if compress and data.nbytes > COMPRESS_ABOVE:
        options = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    dataset = group.create_dataset(name, data=data, **options)
    if units is not None:
        dataset.attrs["units"] = units


def _put_text(group: Any, name: str, values: Any) -> None:
    import h5py

    group.create_dataset(name, data=[str(v) for v in values], dtype=h5py.string_dtype(), shape=(len(values),))


def _get_text(dataset: Any) -> tuple[str, ...]:
    return tuple(dataset.asstr()[()].tolist())


def _escape(name: str) -> str:
    escaped = name.replace("%", "%25").replace("/", "%2F")
    return escaped.replace(".", "%2E") if not escaped.strip(".") else escaped


def _unescape(name: str) -> str:
    return name.replace("%2F", "/").replace("%2E", ".").replace("%25", "%")


# ------------------------------------------------------------------------------------------------- parts


def _put_dipole(group: Any, dpl: Dipole, compress: bool = True) -> None:
    group.attrs.update(nave=dpl.nave, scale_applied=dpl.scale_applied, sfreq=dpl.sfreq)
    if "times" not in group:
        _put(group, "times", dpl.times, "ms", compress)
    data = _group(group, "data")
    for name, moment in dpl.data.items():
        _put(data, _escape(name), moment, "nAm", compress)


def _get_dipole(group: Any) -> Dipole:
    data = {_unescape(name): dataset[()] for name, dataset in group["data"].items()}
    dpl = Dipole(group["times"][()], data, nave=int(group.attrs["nave"]))
    dpl.scale_applied = float(group.attrs["scale_applied"])
    return dpl


def _put_response(group: Any, response: CellResponse, compress: bool) -> None:
    group.attrs["n_trials"] = response.n_trials
    if response.cell_type_names is not None:
        _put_text(group, "cell_type_names", response.cell_type_names)
    if response.times is not None:
        _put(group, "times", response.times, "ms", compress)
    if response.gid_ranges is not None:
        _put(group, "gid_ranges", np.array([[r.start, r.stop] for r in response.gid_ranges.values()], np.int64))
        _put_text(group, "gid_names", list(response.gid_ranges))
    spikes = _group(group, "spikes")
    types = np.concatenate([np.empty(0, dtype="U1"), *response.spike_types])
    names, codes = np.unique(types, return_inverse=True)
    _put(spikes, "times", np.concatenate([np.empty(0), *response.spike_times]), "ms", compress)
    _put(spikes, "gids", np.concatenate([np.empty(0, dtype=np.int64), *response.spike_gids]), None, compress)
    _put(spikes, "types", codes.astype(np.int32), None, compress)
    _put_text(spikes, "type_names", names)
    _put(spikes, "trial_offsets", np.cumsum([0, *(times.size for times in response.spike_times)]))
    of_points = tuple(response.states)
    states = _group(group, "states") if of_points else None
    for name, traces in response.recordings.items():
        _put_traces(_group(states if name in of_points else group, name), traces, compress)


def _get_response(group: Any) -> CellResponse:
    spikes = group["spikes"]
    cuts = spikes["trial_offsets"][()][1:-1]
    names = np.array(_get_text(spikes["type_names"]), dtype=np.str_)
    kinds = names[spikes["types"][()]] if names.size else np.empty(0, dtype=np.str_)
    columns: list[list[NDArray[Any]]] = [
        np.split(column, cuts) for column in (spikes["times"][()], spikes["gids"][()], kinds)
    ]
    if int(group.attrs["n_trials"]) == 0:
        columns = [[], [], []]
    times, gids, types = columns
    return CellResponse(
        _get_text(group["cell_type_names"]) if "cell_type_names" in group else None,
        times,
        gids,
        types,
        group["times"][()] if "times" in group else None,
        vsec=_get_traces(group["vsec"]) if "vsec" in group else None,
        isec=_get_traces(group["isec"]) if "isec" in group else None,
        ca=_get_traces(group["ca"]) if "ca" in group else None,
        dipole=_get_traces(group["dipole"]) if "dipole" in group else None,
        states={name: _get_traces(state) for name, state in group["states"].items()} if "states" in group else None,
        gid_ranges=_get_ranges(group) if "gid_ranges" in group else None,
    )


def _get_ranges(group: Any) -> dict[str, range]:
    ends = group["gid_ranges"][()].astype(int).tolist()
    return {name: range(*pair) for name, pair in zip(_get_text(group["gid_names"]), ends, strict=True)}


def _put_traces(group: Any, traces: Traces, compress: bool) -> None:
    group.attrs["quantity"] = traces.quantity
    _put(group, "times", traces.times, "ms", compress)
    _put(group, "gids", np.array(traces.gids, dtype=np.int64), None, compress)
    if traces.sections is not None:
        _put_text(group, "sections", traces.sections)
    if traces.receptors is not None:
        _put_text(group, "receptors", traces.receptors)
    _put(group, "data", traces.data, traces.unit, compress)


def _get_traces(group: Any) -> Traces:
    return Traces(
        quantity=str(group.attrs["quantity"]),
        unit=str(group["data"].attrs["units"]),
        times=group["times"][()],
        gids=group["gids"][()],
        sections=_get_text(group["sections"]) if "sections" in group else None,
        receptors=_get_text(group["receptors"]) if "receptors" in group else None,
        data=group["data"][()],
    )


def _put_recording(group: Any, recording: ElectrodeRecording, compress: bool) -> None:
    group.attrs.update(
        conductivity=recording.conductivity, method=recording.method or "", min_distance=recording.min_distance
    )
    _put(group, "positions", recording.positions, "µm")
    _put(group, "times", recording.times, "ms", compress)
    _put(group, "voltages", recording.voltages, "µV", compress)


def _get_recording(group: Any) -> ElectrodeRecording:
    return ElectrodeRecording(
        positions=group["positions"][()],
        conductivity=float(group.attrs["conductivity"]),
        method=str(group.attrs["method"]) or None,
        min_distance=float(group.attrs["min_distance"]),
        times=group["times"][()],
        voltages=group["voltages"][()],
    )
