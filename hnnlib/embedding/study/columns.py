"""The tables of a study: what columns they have, of which type and unit; and how values become columns.

`TABLES` is the one description: files, data frames and the documentation follow it. A column of the type ``category``
holds one of a few names; in files it is a code and a list of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.embedding.form.morphology import DOMAINS
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.study.trial import CellTrial
from hnnlib.embedding.synapses.table import Embedding, SynapseType

__all__ = [
    "STATIC",
    "TABLES",
    "Column",
    "Labels",
    "Rows",
    "embedding_of",
    "empty_rows",
    "join_rows",
    "segment_rows",
    "segments_of",
    "static_labels",
    "synapse_rows",
    "tables_text",
    "trial_rows",
]


@attrs.frozen
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        Its name; where it has a unit, that is the end of it.
    dtype : str
        numpy's name of its type, or ``category``.
    doc : str
        What it is.
    unit : str
        Its unit; empty for numbers of things and names.
    """

    name: str
    dtype: str
    doc: str
    unit: str = ""

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of its values as they are kept; of a category: of its codes."""
        return np.dtype("int32" if self.dtype == "category" else self.dtype)


_TRIAL = Column("trial", "int32", "number of the trial, from 0")

TABLES: Mapping[str, tuple[Column, ...]] = immutabledict(
    {
        "trials": (
            _TRIAL,
            Column("seed", "uint64", "the study's seed; a trial's streams follow from it and the trial's number"),
            Column("tstop_ms", "float64", "duration, without the time to settle", "ms"),
            Column("dt_ms", "float64", "time step", "ms"),
            Column("n_source_spikes", "int64", "spikes of all presynaptic cells"),
            Column("n_synapse_events", "int64", "releases at all synapses"),
            Column("n_soma_spikes", "int64", "spikes of the cell"),
            Column("wall_s", "float32", "time that it took", "s"),
            Column("host", "category", "machine that it ran on"),
        ),
        "synapses": (
            Column("synapse", "int32", "number of the synapse, from 0: its row"),
            Column("population", "category", "presynaptic population"),
            Column("cell_type", "category", "type of the presynaptic cell"),
            Column("source", "int32", "presynaptic cell, from 0 within its population"),
            Column("kind", "category", "what a release opens: one of the embedding's kinds of synapses"),
            Column("segment", "int32", "row of the table of segments"),
            Column("section", "int32", "section of the morphology"),
            Column("x", "float64", "place along the section, 0 to 1"),
            Column("domain", "category", "part of the cell"),
            Column("distance_um", "float32", "path distance of the segment's middle from the soma's", "µm"),
            Column("x_um", "float32", "the segment's middle", "µm"),
            Column("y_um", "float32", "the segment's middle", "µm"),
            Column("z_um", "float32", "the segment's middle", "µm"),
            Column("weight_uS", "float64", "peak conductance of a release", "µS"),
            Column("delay_ms", "float64", "from the presynaptic spike to the release", "ms"),
            Column("release_p", "float64", "probability that a spike releases"),
            Column("group", "int32", "functional group of the presynaptic cell; -1: none"),
            Column("cluster", "int32", "cluster of synapses within the group; -1: none"),
        ),
        "synapse_events": (
            _TRIAL,
            Column("synapse", "int32", "synapse that released"),
            Column("time_ms", "float64", "when the release acts: presynaptic spike plus delay", "ms"),
            Column("factor", "float64", "on the synapse's weight, by short-term plasticity; 1 without"),
        ),
        "source_spikes": (
            _TRIAL,
            Column("population", "category", "presynaptic population"),
            Column("source", "int32", "presynaptic cell, from 0 within its population"),
            Column("time_ms", "float64", "when it fired", "ms"),
        ),
        "soma_spikes": (
            _TRIAL,
            Column("time_ms", "float64", "when the soma's voltage rose over the threshold", "ms"),
        ),
        "site_spikes": (
            _TRIAL,
            Column("site", "category", "place on the cell, as it was asked for"),
            Column("time_ms", "float64", "when the voltage there rose over the threshold of the site", "ms"),
        ),
        "segments": (
            Column("segment", "int32", "number of the segment, from 0: its row"),
            Column("section", "int32", "section of the morphology"),
            Column("section_name", "category", "name of the section"),
            Column("x", "float64", "middle of the segment along the section, 0 to 1"),
            Column("domain", "category", "part of the cell"),
            Column("distance_um", "float64", "path distance of the middle from the soma's", "µm"),
            Column("branch_order", "int32", "branch points between it and the soma"),
            *(
                Column(f"{name}{axis}_um", "float64", f"{what}, {axis}", "µm")
                for name, what in (
                    ("", "the middle"),
                    ("start_", "border towards the section's 0 end"),
                    ("end_", "border towards the section's 1 end"),
                )
                for axis in "xyz"
            ),
            Column("length_um", "float64", "length", "µm"),
            Column("diam_um", "float64", "mean diameter", "µm"),
            Column("area_um2", "float64", "membrane", "µm²"),
        ),
    }
)
"""Columns of each table. Rows of tables with a column ``trial`` are sorted by it."""

STATIC = ("synapses", "segments")
"""Tables that are the same in all trials."""

Rows = dict[str, np.ndarray]
"""Columns by name, all of one length."""
Labels = Mapping[str, Sequence[str]]
"""Labels of the codes of each category, by its name."""


def tables_text() -> str:
    """Return the tables as Markdown: one after the other, a row for each column.

    Returns
    -------
    text : str
        With a heading ``### name`` for each.
    """
    lines: list[str] = []
    for name, columns in TABLES.items():
        lines += [f"### {name}", "", "| column | type | unit | what |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.doc} |" for c in columns]
        lines.append("")
    return "\n".join(lines)


def empty_rows(table: str) -> Rows:
    """Return the columns of a table without rows.

    Parameters
    ----------
    table : str
        Its name.
    """
    return {c.name: np.zeros(0, c.stored) for c in TABLES[table]}


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Return rows of a table one after the other.

    Parameters
    ----------
    parts : sequence of dict of str to array
        Columns of each part, with the same names; at least one.
    """
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _typed(table: str, rows: Mapping[str, Any]) -> Rows:
    return {c.name: np.asarray(rows[c.name]).astype(c.stored) for c in TABLES[table]}


# ------------------------------------------------------------------------------------------------- what stays


def static_labels(embedding: Embedding) -> dict[str, tuple[str, ...]]:
    """Return the labels of the categories that follow from an embedding.

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    """
    return {
        "population": embedding.populations,
        "cell_type": tuple(dict.fromkeys(embedding.cell_types.values())),
        "kind": tuple(embedding.kinds),
        "domain": DOMAINS,
        "section_name": embedding.segments.names,
    }


def synapse_rows(embedding: Embedding) -> Rows:
    """Return the table of synapses, names as codes in `static_labels`.

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    """
    segments, segment = embedding.segments, embedding.segment
    labels = static_labels(embedding)
    types = [labels["cell_type"].index(embedding.cell_types[p]) for p in embedding.populations]
    place = embedding.position_um.reshape(-1, 3)
    return _typed(
        "synapses",
        {
            **{name: getattr(embedding, name) for name in _EMBEDDING},
            "synapse": np.arange(len(embedding)),
            "cell_type": np.array(types, np.int32)[embedding.population],
            "segment": segment,
            "domain": _codes(segments.domain, DOMAINS)[segment],
            "distance_um": embedding.distance_um,
            **{f"{axis}_um": place[:, i] for i, axis in enumerate("xyz")},
        },
    )


_EMBEDDING = ("population", "source", "kind", "section", "x", "weight_uS", "delay_ms", "release_p", "group", "cluster")
_SEGMENTS = ("section", "x", "distance_um", "branch_order", "length_um", "diam_um", "area_um2")
_POINTS = immutabledict({"position_um": "", "start_um": "start_", "end_um": "end_"})


def segment_rows(segments: SegmentTable) -> Rows:
    """Return the table of segments, names as codes in `static_labels`.

    Parameters
    ----------
    segments : SegmentTable
        The segments.
    """
    points = {
        f"{prefix}{axis}_um": getattr(segments, name).reshape(-1, 3)[:, i]
        for name, prefix in _POINTS.items()
        for i, axis in enumerate("xyz")
    }
    return _typed(
        "segments",
        {
            **{name: getattr(segments, name) for name in _SEGMENTS},
            **points,
            "segment": np.arange(len(segments)),
            "section_name": segments.section,
            "domain": _codes(segments.domain, DOMAINS),
        },
    )


def segments_of(rows: Rows, names: Sequence[str]) -> SegmentTable:
    """Return the segments that `segment_rows` told.

    Parameters
    ----------
    rows : dict of str to array
        The table.
    names : sequence of str
        Names of the sections.
    """
    points = {
        name: np.stack([rows[f"{prefix}{axis}_um"] for axis in "xyz"], axis=1) for name, prefix in _POINTS.items()
    }
    domain = np.array(DOMAINS)[rows["domain"]]
    return SegmentTable(**{n: rows[n] for n in _SEGMENTS}, **points, domain=domain, names=tuple(names))


def embedding_of(
    rows: Rows,
    segments: SegmentTable,
    populations: Sequence[str],
    kinds: Mapping[str, SynapseType],
    n_sources: Mapping[str, int],
    cell_types: Mapping[str, str],
) -> Embedding:
    """Return the embedding that `synapse_rows` told.

    Parameters
    ----------
    rows : dict of str to array
        The table.
    segments : SegmentTable
        The cell's segments.
    populations : sequence of str
        Names of the populations.
    kinds : mapping of str to SynapseType
        What synapses open.
    n_sources, cell_types : mapping
        Number of cells of each population, and what they are.
    """
    columns = {name: rows[name] for name in _EMBEDDING}
    return Embedding(
        segments=segments,
        populations=tuple(populations),
        kinds=kinds,
        n_sources=n_sources,
        cell_types=cell_types,
        **columns,
    )


def _codes(names: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    found, inverse = np.unique(names, return_inverse=True)
    return np.array([labels.index(name) for name in found.tolist()], np.int32)[inverse]


# ------------------------------------------------------------------------------------------------- what a trial adds


def trial_rows(
    trial: CellTrial, run: Mapping[str, Any], labels: Labels, tables: Sequence[str] | None = None
) -> dict[str, Rows]:
    """Return the rows of a trial in the tables that are not static.

    Parameters
    ----------
    trial : CellTrial
        The trial.
    run : mapping
        ``seed``, ``tstop`` and ``dt`` of the study.
    labels : mapping of str to sequence of str
        Labels of ``population``, ``site`` and ``host``.
    tables : sequence of str, optional
        Which; left out: all.
    """
    made = {
        "trials": lambda: _of_trial(trial, run, labels),
        "synapse_events": lambda: _of_events(trial),
        "source_spikes": lambda: _of_groups(
            "population", labels["population"], {p: (s.source, s.time_ms) for p, s in trial.spikes.items()}
        ),
        "soma_spikes": lambda: {"time_ms": trial.soma_spikes},
        "site_spikes": lambda: _of_groups(
            "site", labels["site"], {site: (None, times) for site, times in trial.site_spikes.items()}
        ),
    }
    rows = {name: made[name]() for name in (made if tables is None else tables)}
    return {
        name: _typed(name, {"trial": np.full(len(next(iter(columns.values()))), trial.trial), **columns})
        for name, columns in rows.items()
    }


def _of_trial(trial: CellTrial, run: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    return {
        "seed": [run.get("seed", 0)],
        "tstop_ms": [run.get("tstop", np.nan)],
        "dt_ms": [run.get("dt", np.nan)],
        "n_source_spikes": [sum(len(spikes) for spikes in trial.spikes.values())],
        "n_synapse_events": [len(trial.events)],
        "n_soma_spikes": [len(trial.soma_spikes)],
        "wall_s": [trial.wall_s],
        "host": [list(labels["host"]).index(trial.host)],
    }


def _of_events(trial: CellTrial) -> dict[str, Any]:
    events = trial.events
    factor = np.ones(len(events)) if events.factor is None else events.factor
    return {"synapse": events.synapse, "time_ms": events.time_ms, "factor": factor}


def _of_groups(
    column: str, labels: Sequence[str], groups: Mapping[str, tuple[np.ndarray | None, np.ndarray]]
) -> dict[str, Any]:
    """Return spikes of named groups one group after the other, in the order of the labels."""
    known = [(code, *groups[name]) for code, name in enumerate(labels) if name in groups]
    codes, counts = np.array([(code, len(times)) for code, _, times in known], np.int64).reshape(-1, 2).T
    rows: dict[str, Any] = {
        column: np.repeat(codes, counts),
        "time_ms": np.concatenate([np.zeros(0), *(times for _, _, times in known)]),
    }
    if column == "population":
        rows["source"] = np.concatenate([np.zeros(0, np.int32), *(source for _, source, _ in known)])
    return rows
