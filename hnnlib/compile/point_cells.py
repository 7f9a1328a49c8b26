"""Point models that stand for cells with dendrites: what they are, what each was fitted to, where they are kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, HnnlibError, MissingFile
from hnnlib.base.resources import param_file
from hnnlib.base.schema import documented, from_plain, mapping, quantity, sequence, text, to_plain
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.plan.tables import Template

__all__ = ["PointCell", "Port", "cell_digest", "read_point_cells", "shipped_point_cells", "write_point_cells"]

_FORMAT = "hnnlib point cells, 1"


@documented
@attrs.frozen(kw_only=True)
class Port:
    """Where events of some synapses act on a point cell.

    A contact of weight w acts with ``gain * w / (1 + w / saturation)``: a dendrite passes on no more than its own
    conductance towards the soma lets through (conductances in series).
    """

    name: str = text(doc="its name, e.g. proximal.ampa")
    sections: tuple[str, ...] = sequence(doc="sections of the cell whose synapses it stands for")
    receptor: str = text(doc="their receptor")
    gain: float = quantity(1.0, gt=0, doc="conductance that acts on the point cell, per conductance of a contact")
    saturation_uS: float | None = quantity(
        None, unit="µS", gt=0, optional=True, doc="weight at which half of it acts; None: all weights act in proportion"
    )

    def weight_nS(self, weight_uS: np.ndarray) -> np.ndarray:
        """Return what contacts of some weights (µS) are given on NEST (nS)."""
        shared = 1.0 if self.saturation_uS is None else 1.0 + weight_uS / self.saturation_uS
        return 1000.0 * self.gain * weight_uS / shared


@documented
@attrs.frozen(kw_only=True)
class PointCell:
    """A point model in place of a cell with dendrites."""

    digest: str = text(doc="`cell_digest` of the cell")
    names: tuple[str, ...] = sequence(doc="populations of the network that it was fitted in")
    model: str = text(doc="NEST's model")
    parameters: Mapping[str, Any] = mapping(doc="its parameters; lists have an entry per port")
    ports: tuple[Port, ...] = sequence(of=Port, doc="its ports; port k is receptor_type k + 1")
    provenance: Mapping[str, Any] = mapping({}, doc="what it was fitted to, and with what")
    errors: Mapping[str, Any] = mapping(
        {}, doc="how far it is from the cell, in the runs it was fitted to and in others"
    )


def cell_digest(template: Template, celsius: float) -> str:
    """Return a hash of all that decides what a cell does: tree, membrane, sites, mod files, temperature.

    Numbers count to nine digits, so that the last bits of other machines make no other cell; the name does not count.

    Parameters
    ----------
    template : Template
        The cell.
    celsius : float
        Temperature (°C).
    """
    h = hashlib.blake2b(digest_size=16)
    for part in (template.sections, template.segments, template.densities, template.sites, template.spike_segment):
        h.update(_text(part, _FOLLOWING).encode())
    if template.sections.points_um:
        h.update(_text(template.sections.points_um).encode())
    h.update(_text(celsius).encode())
    used = {d.mechanism for d in template.densities} | set(template.sites.mechanisms)
    for name in sorted(used):
        file = lookup(name).file
        h.update(name.encode() + b"\0" + (b"" if file is None else file.read_bytes()))
    return h.hexdigest()


_FOLLOWING: Mapping[str, tuple[str, ...]] = immutabledict(
    {
        "Sections": ("points_um",),
        "Segments": ("start_um", "centre_um", "end_um", "area_um2", "diam_um", "near_MOhm", "far_MOhm"),
    }
)
"""What follows from the other columns where sections are cylinders."""


def _text(value: Any, without: Mapping[str, tuple[str, ...]] = immutabledict()) -> str:
    """Write a plan's table out, numbers with nine digits."""
    if attrs.has(type(value)):
        left_out = without.get(type(value).__name__, ())
        fields = [f.name for f in attrs.fields(type(value)) if f.name not in left_out]
        return "".join(f"{name}:{_text(getattr(value, name), without)};" for name in fields)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}={_text(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, np.ndarray):
        return _text(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(_text(item, without) for item in value) + "]"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.9g}"
    return repr(value)


def read_point_cells(file: str | os.PathLike[str]) -> tuple[PointCell, ...]:
    """Read point cells as `write_point_cells` and ``hnnlib reduce`` write them.

    Parameters
    ----------
    file : path
        A JSON file.

    Returns
    -------
    cells : tuple of PointCell

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is none of these.
    """
    path = Path(file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(path) from None
    except (OSError, ValueError) as error:
        raise FileFormatError(path, str(error)) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileFormatError(path, f"is no file of point cells (its 'format' is not {_FORMAT!r})")
    try:
        cells: list[PointCell] = [
            from_plain(PointCell, item, f"cells[{k}]") for k, item in enumerate(content.get("cells", []))
        ]
    except HnnlibError as error:
        raise FileFormatError(path, str(error)) from error
    return tuple(cells)


def write_point_cells(file: str | os.PathLike[str], cells: Sequence[PointCell]) -> None:
    """Write point cells as JSON.

    Parameters
    ----------
    file : path
        Where to; what was there is replaced.
    cells : sequence of PointCell
        What to write.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    content = {"format": _FORMAT, "cells": [to_plain(cell) for cell in cells]}
    atomic_write_text(file, json.dumps(content, indent=1) + "\n")


def shipped_point_cells() -> tuple[PointCell, ...]:
    """Return the point cells that come with the package."""
    return read_point_cells(param_file("point_cells"))
