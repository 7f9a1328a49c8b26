"""Places on a detailed cell by words, and what is recorded there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.plan.tables import Template

__all__ = ["QUANTITIES", "Recording", "recorded_rows", "recordings_of", "segment_of"]

QUANTITIES: Mapping[str, str] = immutabledict({"v": "mV", "i_membrane": "nA", "cai": "mM", "i_synapse": "nA"})
"""What can be recorded, with its unit; ``i_synapse``: by receptor, all synapses of a segment together."""

_SPOT = re.compile(r"(?P<name>\w+)(?:@(?P<distance>[\d.]+)|\((?P<x>[\d.]+)\))?")


@attrs.frozen(kw_only=True)
class Recording:
    """One quantity at some places."""

    quantity: str
    where: tuple[str, ...] | None  # None: everywhere
    every: int = 1

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return QUANTITIES[self.quantity]


def recordings_of(record: Any, every: int = 1) -> tuple[Recording, ...]:
    """Return what is to be recorded, checked.

    Parameters
    ----------
    record : mapping of str to str or sequence of str, optional
        Quantity (of `QUANTITIES`) -> places as in `segment_of`, one or a list, or ``'all'``. Left out: the soma's
        voltage.
    every : int
        Keep every so many time steps.

    Raises
    ------
    UnknownName, InvalidType, InvalidValue
        If a quantity is unknown, places are no text, or ``every`` is no number >= 1.
    """
    if record is None:
        record = {"v": "soma"}
    if not isinstance(record, Mapping):
        raise InvalidType("record", record, "must be a mapping from quantity to places")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise InvalidValue("record_every", every, "must be a whole number >= 1, of time steps")
    found = []
    for quantity, places in record.items():
        if quantity not in QUANTITIES:
            raise UnknownName("record", quantity, "quantity", QUANTITIES)
        listed = (places,) if isinstance(places, str) else places
        if not isinstance(listed, Sequence) or not listed or not all(isinstance(p, str) for p in listed):
            raise InvalidType(f"record[{quantity!r}]", places, "must be 'all', or one or more places such as 'soma'")
        found.append(Recording(quantity=quantity, where=None if "all" in listed else tuple(listed), every=every))
    return tuple(found)


def segment_of(segments: SegmentTable, place: str, path: str = "place") -> int:
    """Return the segment that a place means.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    place : str
        ``'soma'``; a section, at its middle or at x: ``'apical_12'``, ``'apical_12(0.8)'``; or the segment of a domain
        whose path distance from the soma (µm) is nearest to a number: ``'apical_tuft@600'``.
    path : str
        Where it stands, for the error.

    Raises
    ------
    UnknownName
        If there is no such section or domain on this cell.
    InvalidValue
        If it isn't of such a form.
    """
    match = _SPOT.fullmatch(place)
    if match is None:
        raise InvalidValue(path, place, "must be like 'soma', 'apical_12', 'apical_12(0.8)' or 'apical_tuft@600'")
    name, distance, x = match["name"], match["distance"], match["x"]
    if distance is None:
        if name not in segments.names:
            raise UnknownName(path, name, "section", segments.names)
        return int(segments.at(segments.names.index(name), 0.5 if x is None else float(x))[0])
    present = list(dict.fromkeys(segments.domain.tolist()))
    if any(domain.startswith("apical_") for domain in present):
        present.append("apical")
    if name not in present:
        raise UnknownName(path, name, "domain of this cell", present)
    rows = segments.select(name)
    return int(rows[np.argmin(np.abs(segments.distance_um[rows] - float(distance)))])


def recorded_rows(
    recording: Recording, cell: DetailedCell, template: Template
) -> tuple[np.ndarray, dict[str, tuple[Any, ...]]]:
    """Return what a recording's rows are.

    Parameters
    ----------
    recording : Recording
        What is recorded.
    cell : DetailedCell
        The cell.
    template : Template
        Its template with all sites.

    Returns
    -------
    index : array of int64
        Segments, or sites of ``i_synapse``.
    labels : dict of str to tuple
        Of each row: ``site`` (as it was asked for, else section and x), ``segment``; of ``i_synapse`` ``receptor``.
    """
    segments = cell.segments
    if recording.where is None:
        chosen = np.arange(len(segments))
        names = [f"{segments.names[s]}({x:.4g})" for s, x in zip(segments.section, segments.x, strict=True)]
    else:
        path = f"record[{recording.quantity!r}]"
        chosen = np.array([segment_of(segments, place, path) for place in recording.where])
        names = list(recording.where)
    if recording.quantity == "cai":
        with_calcium = [d.segments for d in template.densities if d.mechanism == "cad"]
        has = np.isin(chosen, np.concatenate(with_calcium) if with_calcium else [])
        if recording.where is not None and not has.all():
            place = names[int(np.argmin(has))]
            raise InvalidValue("record['cai']", place, "has no calcium: its membrane lacks the mechanism cad")
        chosen, names = chosen[has], [name for name, there in zip(names, has, strict=True) if there]
    if recording.quantity != "i_synapse":
        return chosen, {"site": tuple(names), "segment": tuple(chosen.tolist())}
    index = [np.flatnonzero(template.sites.segment == segment) for segment in chosen]
    rows = np.concatenate(index) if index else np.zeros(0, np.int64)
    of = np.repeat(np.arange(len(chosen)), [len(i) for i in index])
    return rows, {
        "site": tuple(names[k] for k in of),
        "segment": tuple(chosen[of].tolist()),
        "receptor": tuple(template.sites.receptors[k] for k in rows.tolist()),
    }
