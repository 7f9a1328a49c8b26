"""Extracellular potentials, in the layout that BMTK writes.

::

    /ecp/data          (n_times, n_channels) float64, attribute units
    /ecp/channel_id    (n_channels,) int64
    /ecp/time          (3,) float64: start, end, step (ms); the end is one step after the last row

Contacts are a table of text with the columns ``channel x_pos y_pos z_pos`` (µm), separated by spaces.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

import numpy as np

from hnnlib.base.errors import FileFormatError, MissingFile
from hnnlib.io.sonata.files import new_file, put_column
from hnnlib.results.potentials import ElectrodeRecording

__all__ = ["contacts_text", "read_contacts", "write_potentials"]

COLUMNS = ("channel", "x_pos", "y_pos", "z_pos")


def write_potentials(
    recording: ElectrodeRecording, path: str | os.PathLike[str], *, trial: int = 0, overwrite: bool = True
) -> None:
    """Write the potentials of one trial.

    Parameters
    ----------
    recording : ElectrodeRecording
        The potentials (µV).
    path : path-like
        The file.
    trial : int
        The trial.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    voltages = recording.voltages[trial].T
    dt = float(recording.times[1] - recording.times[0]) if len(recording.times) > 1 else 0.0
    with new_file(path, None, overwrite) as file:
        group = file.create_group("ecp")
        put_column(group, "data", voltages).attrs["units"] = "uV"
        put_column(group, "channel_id", np.arange(voltages.shape[1]))
        time = np.array([recording.times[0], recording.times[0] + len(recording.times) * dt, dt])
        put_column(group, "time", time).attrs["units"] = "ms"


def contacts_text(positions: Sequence[Sequence[float]]) -> str:
    """Return contacts (µm) as the text of a table.

    Parameters
    ----------
    positions : sequence of (x, y, z)
        In µm.
    """
    rows = [" ".join(COLUMNS), *(" ".join(map(str, (i, *map(float, p)))) for i, p in enumerate(positions))]
    return "\n".join(rows) + "\n"


def read_contacts(path: str | os.PathLike[str]) -> tuple[tuple[float, float, float], ...]:
    """Read contacts (µm) from a table.

    Parameters
    ----------
    path : path-like
        The table; its first line names the columns, ``channel`` may be missing.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If a column is missing or a field is no number; names line and column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=" ", skipinitialspace=True) if row]
    except FileNotFoundError:
        raise MissingFile(path) from None
    header = rows[0] if rows else []
    missing = [name for name in COLUMNS[1:] if name not in header]
    if missing:
        raise FileFormatError(path, f"has no column {missing[0]} (columns, by spaces: {' '.join(COLUMNS)})", line=1)
    where = [header.index(name) for name in COLUMNS[1:]]
    contacts = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            x, y, z = (float(row[i]) for i in where)
        except (ValueError, IndexError):
            raise FileFormatError(
                path, f"must have numbers in {', '.join(COLUMNS[1:])}: {' '.join(row)}", line
            ) from None
        contacts.append((x, y, z))
    return tuple(contacts)
