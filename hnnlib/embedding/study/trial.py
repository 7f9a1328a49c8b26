"""What one trial of a detailed cell gave, and what all trials of a study follow from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.synapses.table import Embedding, SynapseType

__all__ = [
    "DIPOLE",
    "CellTrial",
    "StudyInputs",
    "morphology_from_plain",
    "morphology_to_plain",
    "plain_data",
]

DIPOLE = "dipole"
"""Name under which the dipole is kept among the recordings."""


def _locked(array: Any, dtype: Any = None) -> np.ndarray:
    view = np.asarray(array, dtype).view()
    view.flags.writeable = False
    return view


def _samples(array: Any) -> np.ndarray:
    kept = np.asarray(array)
    return _locked(kept, None if kept.dtype in (np.float32, np.float64) else np.float64)


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class CellTrial:
    """What one trial of a detailed cell gave.

    Parameters
    ----------
    trial : int
        Its number, from 0.
    spikes : mapping of str to SourceSpikes
        Spikes of each presynaptic population.
    events : TrialEvents
        Every release. Factors that are all 1 are left out.
    soma_spikes : array, shape (n,)
        Spikes of the cell (ms), rising.
    site_spikes : mapping of str to array, shape (n,)
        Spikes at other places on it (ms), by the name of the place.
    recordings : mapping of str to array, shape (n_rows, n_times)
        What was recorded, by name, as float32 or float64.
    labels : mapping of str to mapping of str to tuple
        For each recording columns that say what its rows are, e.g. ``{"v": {"site": ("soma",), "x": (0.5,)}}``.
    units : mapping of str to str
        Unit of each recording, e.g. ``{"v": "mV"}``.
    dipole : array, shape (n_times, 3), optional
        Current dipole moment (nAm).
    times : array, shape (n_times,)
        Times of the samples (ms).
    wall_s : float
        Time that it took (s).
    host : str
        Machine that it ran on.

    Raises
    ------
    InvalidValue
        If the number is negative, or shapes and labels don't fit; names which.
    """

    trial: int
    spikes: Mapping[str, SourceSpikes] = attrs.field(converter=immutabledict)
    events: TrialEvents
    soma_spikes: np.ndarray = attrs.field(converter=lambda value: _locked(value, np.float64))
    site_spikes: Mapping[str, np.ndarray] = attrs.field(
        factory=dict, converter=lambda value: immutabledict({k: _locked(v, np.float64) for k, v in value.items()})
    )
    recordings: Mapping[str, np.ndarray] = attrs.field(
        factory=dict, converter=lambda value: immutabledict({k: _samples(v) for k, v in value.items()})
    )
    labels: Mapping[str, Mapping[str, tuple[Any, ...]]] = attrs.field(
        factory=dict,
        converter=lambda value: immutabledict(
            {k: immutabledict({c: _plain_tuple(rows) for c, rows in columns.items()}) for k, columns in value.items()}
        ),
    )
    units: Mapping[str, str] = attrs.field(factory=dict, converter=immutabledict)
    dipole: np.ndarray | None = attrs.field(default=None, converter=attrs.converters.optional(_samples))
    times: np.ndarray = attrs.field(factory=lambda: np.zeros(0), converter=lambda value: _locked(value, np.float64))
    wall_s: float = 0.0
    host: str = ""

    def __attrs_post_init__(self) -> None:
        if self.trial < 0:
            raise InvalidValue("trial", self.trial, "must be a number from 0")
        if self.events.factor is not None and (self.events.factor == 1).all():
            object.__setattr__(self, "events", attrs.evolve(self.events, factor=None))
        for path, times in {"soma_spikes": self.soma_spikes, **_paths("site_spikes", self.site_spikes)}.items():
            if times.ndim != 1:
                raise InvalidValue(path, times.shape, "must be a column of times")
        n_times = self.times.size
        for name, array in self.recordings.items():
            path = f"recordings[{name!r}]"
            if name == DIPOLE:
                raise InvalidValue(path, name, "is the name of the dipole's own recording")
            if array.ndim != 2 or array.shape[1] != n_times:
                raise InvalidValue(path, array.shape, f"must have the shape (n_rows, {n_times}), as times says")
            for column, rows in self.labels.get(name, {}).items():
                if len(rows) != len(array):
                    raise InvalidValue(f"labels[{name!r}][{column!r}]", len(rows), f"must be {len(array)}, one per row")
        if self.dipole is not None and self.dipole.shape != (n_times, 3):
            raise InvalidValue("dipole", self.dipole.shape, f"must have the shape ({n_times}, 3)")

    @cached_property
    def every_recording(self) -> dict[str, np.ndarray]:
        """The recordings and, if there is one, the dipole with axes as rows, each of shape (n_rows, n_times)."""
        return {**self.recordings, **({} if self.dipole is None else {DIPOLE: self.dipole.T})}

    def told(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each recording besides its numbers: unit, labels, shape and type."""
        units, labels = {**self.units, DIPOLE: "nAm"}, {**self.labels, DIPOLE: {"axis": ("x", "y", "z")}}
        return {
            name: {
                "unit": units.get(name, ""),
                "labels": {column: list(rows) for column, rows in labels.get(name, {}).items()},
                "shape": list(array.shape),
                "dtype": str(array.dtype),
            }
            for name, array in self.every_recording.items()
        }

    def __repr__(self) -> str:
        n_spikes = sum(len(s) for s in self.spikes.values())
        recorded = "".join(f", {name}" for name in self.every_recording)
        return (
            f"<CellTrial {self.trial} | {n_spikes} presynaptic spikes, {len(self.events)} releases, "
            f"{len(self.soma_spikes)} spikes{recorded}>"
        )


def _paths(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{path}[{name!r}]": value for name, value in values.items()}


def _plain_tuple(values: Any) -> tuple[Any, ...]:
    return tuple(v.item() if isinstance(v, np.generic) else v for v in values)


# ------------------------------------------------------------------------------------------------- inputs


def morphology_to_plain(morphology: Morphology) -> dict[str, Any]:
    """Return a morphology as plain data, exactly.

    Parameters
    ----------
    morphology : Morphology
        The form of a cell.

    Returns
    -------
    plain : dict
        ``name``, ``source`` and ``sections``, each with its name, type, domain, parent, parent_end and points: x, y, z
        and diameter (µm).
    """
    columns = (morphology.names, morphology.types, morphology.domains)
    tree = (np.asarray(morphology.parent).tolist(), np.asarray(morphology.parent_end).tolist())
    points = [np.asarray(p, float).tolist() for p in morphology.points]
    keys = ("name", "type", "domain", "parent", "parent_end", "points")
    sections = [dict(zip(keys, row, strict=True)) for row in zip(*columns, *tree, points, strict=True)]
    return {"name": morphology.name, "source": morphology.source, "sections": sections}


def morphology_from_plain(plain: Mapping[str, Any]) -> Morphology:
    """Return the morphology that `morphology_to_plain` told.

    Parameters
    ----------
    plain : mapping
        Plain data.

    Raises
    ------
    InvalidValue
        If something is missing.
    """
    try:
        sections = plain["sections"]
        return Morphology(
            names=tuple(s["name"] for s in sections),
            types=tuple(s["type"] for s in sections),
            parent=np.array([s["parent"] for s in sections], np.int32),
            parent_end=np.array([s["parent_end"] for s in sections], np.int8),
            points=tuple(np.array(s["points"], float) for s in sections),
            domains=tuple(s["domain"] for s in sections),
            name=plain["name"],
            source=plain["source"],
        )
    except (KeyError, TypeError) as error:
        raise InvalidValue("morphology", sorted(plain), f"is no morphology as plain data: it lacks {error}") from None


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class StudyInputs:
    """What all trials of a study follow from: enough to run any of them again.

    Parameters
    ----------
    embedding : Embedding
        The synapses, on their cell's segments.
    morphology : Morphology, optional
        The cell's form.
    cell : mapping
        The cell's membrane and how it is cut into segments, as plain data.
    sources : mapping
        The source of each population, as plain data. An array in it is kept as its shape and hash alone: the spikes
        that it gave are in the study.
    run : mapping
        How it is run, as plain data: ``seed``, ``tstop`` (ms), ``dt`` (ms), and what else changes a result; not the
        number of trials.
    name : str
        What the study is called.

    Raises
    ------
    InvalidType
        If something is no plain data; names where it stands.
    """

    embedding: Embedding
    morphology: Morphology | None = None
    cell: Mapping[str, Any] = attrs.field(factory=dict)
    sources: Mapping[str, Any] = attrs.field(factory=dict)
    run: Mapping[str, Any] = attrs.field(factory=dict)
    name: str = "study"

    def __attrs_post_init__(self) -> None:
        for role in ("cell", "sources", "run"):
            object.__setattr__(self, role, plain_data(getattr(self, role), role))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Everything but the tables of synapses and segments as plain data, by what it is about."""
        embedding = self.embedding
        synapses = {
            "populations": list(embedding.populations),
            "n_sources": dict(embedding.n_sources),
            "cell_types": dict(embedding.cell_types),
            "kinds": {name: to_plain(kind) for name, kind in embedding.kinds.items()},
            "section_names": list(embedding.segments.names),
            "digest": embedding.digest,
        }
        form = {} if self.morphology is None else {"morphology": morphology_to_plain(self.morphology)}
        return {**form, "cell": self.cell, "synapses": synapses, "sources": self.sources, "run": self.run}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The parameters as the text of their files."""
        long = ("morphology",)  # of which each number would get a line
        return {
            role: json.dumps(plain, indent=None if role in long else 1, ensure_ascii=False) + "\n"
            for role, plain in self.parameters.items()
        }

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each of the texts."""
        return {role: hashlib.sha256(text.encode()).hexdigest() for role, text in self.texts.items()}

    @staticmethod
    def kinds_of(plain: Mapping[str, Any]) -> dict[str, SynapseType]:
        """Return the kinds of synapses that ``parameters["synapses"]`` tells.

        Parameters
        ----------
        plain : mapping
            As it was read.
        """
        return {name: from_plain(SynapseType, kind, f"kinds[{name!r}]") for name, kind in plain["kinds"].items()}

    def check(self, trial: CellTrial) -> None:
        """Check that a trial can be one of these.

        Parameters
        ----------
        trial : CellTrial
            The trial.

        Raises
        ------
        UnknownName
            If it has spikes of another population.
        InvalidValue
            If it has an event at a synapse that there isn't, or before t = 0.
        """
        for name in trial.spikes:
            if name not in self.embedding.populations:
                raise UnknownName(f"trial {trial.trial}: spikes", name, "population", self.embedding.populations)
        events, n = trial.events, len(self.embedding)
        for bad, column, allowed in (
            ((events.synapse < 0) | (events.synapse >= n), "synapse", f"is no synapse of the embedding, which has {n}"),
            (events.time_ms < 0, "time_ms", "must be >= 0 ms"),
        ):
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                path = f"trial {trial.trial}: events.{column}[{row}]"
                raise InvalidValue(path, getattr(events, column)[row].item(), allowed)

    def __repr__(self) -> str:
        return f"<StudyInputs {self.name} | {self.embedding!r}>"


def plain_data(value: Any, path: str) -> Any:
    """Return plain data as it will come back from JSON; arrays as their shape and hash.

    Parameters
    ----------
    value : object
        Mappings, sequences, numbers, texts, specs, arrays.
    path : str
        Where it stands, for the error.

    Raises
    ------
    InvalidType
        If there is something else in it.
    """
    if attrs.has(type(value)):
        value = to_plain(value)
    if isinstance(value, Mapping):
        return {str(key): plain_data(item, f"{path}[{key!r}]") for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain_data(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": str(value.dtype), "shape": list(value.shape), "sha256": content}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InvalidType(path, value, "must be plain data, as in JSON")
