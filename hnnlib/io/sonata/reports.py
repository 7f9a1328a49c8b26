"""SONATA's frame reports: a table of frames by time and element, for whole cells, sections or our dipoles.

What is written::

    /report/POPULATION
        data                      (n_frames, n_columns) float32, attribute units
        mapping/node_ids          (n_nodes,) uint64, attribute sorted
        mapping/index_pointers    (n_nodes + 1,) uint64: node i has columns [p[i], p[i + 1]); also as index_pointer
        mapping/element_ids       (n_columns,) uint32: the section, as index into the attribute names
        mapping/element_pos       (n_columns,) float32: 0.5, the middle of a section
        mapping/receptors         (n_columns,) uint32, index into the attribute names; of synaptic currents, ours
        mapping/time              (3,) float64: start, end, step (ms); the end is one step after the last frame

libsonata takes float32 only, so values are rounded to 7 digits; hnnlib's own HDF5 files keep them all. Read is this,
other floats, and a list of pointers that lacks its last entry.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import FileFormatError, InvalidValue
from hnnlib.io.sonata.files import get_column, get_ids, new_file, open_file, population_group, put_column
from hnnlib.results.traces import read_only

__all__ = ["FrameReport", "read_reports", "write_reports"]


def _ids(value: Any) -> NDArray[np.int64]:
    return read_only(value, np.int64)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in value)


@attrs.frozen(kw_only=True, eq=False)
class FrameReport:
    """Frames of one population.

    Parameters
    ----------
    data : ndarray, shape (n_frames, n_columns)
        One row a frame.
    unit : str
        Unit of the data; empty if not known.
    start, dt : float
        Time of the first frame and from frame to frame (ms).
    node_ids : ndarray of int64, shape (n_nodes,)
        The nodes.
    index_pointers : ndarray of int64, shape (n_nodes + 1,)
        Columns of node i are ``[index_pointers[i], index_pointers[i + 1])``.
    element_ids : ndarray of int64, shape (n_columns,)
        The section of each column; 0 where the column is of a whole cell.
    element_pos : ndarray, shape (n_columns,), optional
        Where on its section.
    element_names : tuple of str
        Name of each element id, if known.
    receptors : ndarray of int64, shape (n_columns,), optional
        The receptor of each column, as index into ``receptor_names``.
    receptor_names : tuple of str
        Names of receptors.

    Raises
    ------
    InvalidValue
        If shapes don't agree or the step is not > 0.
    """

    data: NDArray[Any] = attrs.field(converter=read_only)
    unit: str
    start: float = attrs.field(default=0.0, converter=float)
    dt: float = attrs.field(converter=float)
    node_ids: NDArray[np.int64] = attrs.field(converter=_ids)
    index_pointers: NDArray[np.int64] = attrs.field(converter=_ids)
    element_ids: NDArray[np.int64] = attrs.field(converter=_ids)
    element_pos: NDArray[Any] | None = attrs.field(default=None, converter=attrs.converters.optional(read_only))
    element_names: tuple[str, ...] = attrs.field(default=(), converter=_names)
    receptors: NDArray[np.int64] | None = attrs.field(default=None, converter=attrs.converters.optional(_ids))
    receptor_names: tuple[str, ...] = attrs.field(default=(), converter=_names)

    def __attrs_post_init__(self) -> None:
        if self.data.ndim != 2:
            raise InvalidValue("data.shape", self.data.shape, "must be (n_frames, n_columns)")
        if not (np.isfinite(self.dt) and self.dt > 0 and np.isfinite(self.start)):
            raise InvalidValue("dt", self.dt, "must be > 0 ms, and start finite")
        n_columns, p = self.data.shape[1], self.index_pointers
        if p.shape != (self.node_ids.size + 1,) or p[0] != 0 or p[-1] != n_columns or np.any(np.diff(p) < 0):
            allowed = f"must be {self.node_ids.size + 1} numbers that rise from 0 to {n_columns}"
            raise InvalidValue("index_pointers", p.tolist(), allowed)
        for name in ("element_ids", "element_pos", "receptors"):
            column = getattr(self, name)
            if column is not None and column.shape != (n_columns,):
                raise InvalidValue(f"{name}.shape", column.shape, f"must be ({n_columns},)")
        for name, ids in (("element", self.element_ids), ("receptor", self.receptors)):
            names = getattr(self, f"{name}_names")
            if names and ids is not None and ids.size and not 0 <= ids.min() <= ids.max() < len(names):
                raise InvalidValue(f"{name}_names", names, f"must have a name for each id up to {ids.max()}")

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the frames (ms), shape (n_frames,)."""
        return np.asarray(self.start + np.arange(self.data.shape[0]) * self.dt, np.float64)

    @property
    def node_of_column(self) -> NDArray[np.int64]:
        """The node of each column, shape (n_columns,)."""
        return np.repeat(self.node_ids, np.diff(self.index_pointers))

    def of_node(self, node_id: int) -> NDArray[Any]:
        """Return the frames of one node.

        Parameters
        ----------
        node_id : int
            The node.

        Returns
        -------
        frames : ndarray, shape (n_frames, n_elements)
            Its columns.

        Raises
        ------
        InvalidValue
            If it is not in the report.
        """
        rows = np.flatnonzero(self.node_ids == node_id)
        if rows.size != 1:
            raise InvalidValue("node_id", node_id, f"must be one of the {self.node_ids.size} nodes of the report")
        return self.data[:, self.index_pointers[rows[0]] : self.index_pointers[rows[0] + 1]]


# ------------------------------------------------------------------------------------------------- files


def write_reports(
    reports: Mapping[str, FrameReport],
    path: str | os.PathLike[str],
    *,
    compression: str | int | None = None,
    overwrite: bool = True,
) -> None:
    """Write the reports of some populations to one file.

    Parameters
    ----------
    reports : mapping of str to FrameReport
        Population -> its frames.
    path : path-like
        The file.
    compression : 'gzip' or int, optional
        Compress; libsonata, and what is built on it, can't read that.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidValue
        If a population's name can't stand in an HDF5 file.
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    with new_file(path, compression, overwrite) as file:
        file.create_group("report")
        for name, report in reports.items():
            group = population_group(file, "report", name)
            data = put_column(group, "data", report.data.astype(np.float32), compression)
            data.attrs["units"] = report.unit
            _put_mapping(group.create_group("mapping"), report)


def _put_mapping(mapping: Any, report: FrameReport) -> None:
    ids = put_column(mapping, "node_ids", report.node_ids.astype(np.uint64))
    ids.attrs["sorted"] = np.uint8(np.all(np.diff(report.node_ids) > 0))
    put_column(mapping, "index_pointers", report.index_pointers.astype(np.uint64))
    mapping["index_pointer"] = mapping["index_pointers"]  # a hard link, with the name that BMTK looks for
    elements = put_column(mapping, "element_ids", report.element_ids.astype(np.uint32))
    _put_names(elements, report.element_names)
    if report.element_pos is not None:
        put_column(mapping, "element_pos", report.element_pos.astype(np.float32))
    if report.receptors is not None:
        _put_names(put_column(mapping, "receptors", report.receptors.astype(np.uint32)), report.receptor_names)
    stop = report.start + report.data.shape[0] * report.dt
    time = put_column(mapping, "time", np.array([report.start, stop, report.dt]))
    time.attrs["units"] = "ms"


def _put_names(dataset: Any, names: Sequence[str]) -> None:
    import h5py

    if names:
        dataset.attrs.create("names", list(names), dtype=h5py.string_dtype())


def read_reports(path: str | os.PathLike[str]) -> dict[str, FrameReport]:
    """Read the reports of all populations of a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    reports : dict of str to FrameReport
        Population -> its frames, in the precision of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is truncated, no SONATA file of reports, or its parts don't fit together.
    """
    with open_file(path, "report") as root:
        if "data" in root and "mapping" in root:  # an old layout, without populations
            return {"default": _get_report(root)}
        return {name: _get_report(root[name]) for name in root}


def _get_report(group: Any) -> FrameReport:
    file = group.file.filename
    for name in ("data", "mapping"):
        if name not in group:
            raise FileFormatError(file, f"{group.name} has no {name!r}")
    data, mapping = group["data"][()], group["mapping"]
    ids = get_ids(mapping, "node_ids" if "node_ids" in mapping else "gids")
    pointers = get_ids(mapping, "index_pointers" if "index_pointers" in mapping else "index_pointer")
    if pointers.size == ids.size:  # as the text of the format has it
        pointers = np.append(pointers, data.shape[-1])
    elements = get_ids(mapping, "element_ids" if "element_ids" in mapping else "element_id")
    start, stop, dt = (float(value) for value in mapping["time"][()])
    n_frames = round((stop - start) / dt) if dt > 0 else -1
    # one frame less: programs that write the time of the last frame for the end
    if data.shape[0] not in (n_frames, n_frames + 1):
        raise FileFormatError(file, f"{group.name} has {data.shape[0]} frames; its time says {n_frames}")
    positions = next((mapping[name][()] for name in ("element_pos", "element_position") if name in mapping), None)
    return FrameReport(
        data=data,
        unit=_text(group["data"].attrs.get("units", "")),
        start=start,
        dt=dt,
        node_ids=ids,
        index_pointers=pointers,
        element_ids=elements,
        element_pos=positions,
        element_names=_get_names(mapping, "element_ids"),
        receptors=get_column(mapping["receptors"]) if "receptors" in mapping else None,
        receptor_names=_get_names(mapping, "receptors"),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _get_names(mapping: Any, name: str) -> tuple[str, ...]:
    names = mapping[name].attrs.get("names", ()) if name in mapping else ()
    return tuple(_text(value) for value in names)
