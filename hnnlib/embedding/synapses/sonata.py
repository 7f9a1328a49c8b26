"""Synapses as SONATA edges, from populations of virtual nodes to one node, the cell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain, within
from hnnlib.compile.circuit import ROW
from hnnlib.embedding.synapses.stretches import segments_of
from hnnlib.embedding.synapses.table import Embedding, SynapseType
from hnnlib.io.sonata.circuit import read_circuit, write_circuit
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation

__all__ = ["circuit_of", "embedding_from_sonata", "embedding_of", "embedding_to_sonata"]

_FIRST_TYPE = 100
_DIGEST = "sections_digest"
_TAG = "blake2b:"  # a hash of digits alone would be read as a number


def embedding_to_sonata(
    embedding: Embedding, folder: str | os.PathLike[str], *, target: str = "cell", overwrite: bool = True
) -> Path:
    """Write an embedding as a folder of SONATA files.

    ``network/POPULATION_cell_edges.h5`` has a row a synapse, with ``afferent_section_id`` (in the order of the cell's
    own sections), ``afferent_section_pos``, ``syn_weight`` (µS), ``delay`` (ms), ``release_probability``,
    ``functional_group`` and ``cluster``; its table of types says what the synapses open.

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    folder : path-like
        The folder; made if it is not there.
    target : str
        Name of the population whose only node is the cell.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    config : pathlib.Path
        The file ``circuit_config.json``.

    Raises
    ------
    InvalidValue
        If a presynaptic population has the name of the cell's.
    OutputError
        If a file can't be written; older files are then as they were.
    """
    return Path(write_circuit(circuit_of(embedding, target), folder, overwrite=overwrite).file)


def embedding_from_sonata(
    source: str | os.PathLike[str] | Circuit,
    cell: Any,
    *,
    target: str | None = None,
    node: int = 0,
    kinds: SynapseType | Mapping[str, SynapseType] | None = None,
) -> Embedding:
    """Read the synapses of one cell from SONATA files.

    Parameters
    ----------
    source : path-like or Circuit
        The configuration of a circuit, the folder that holds ``circuit_config.json``, or what was read from one.
    cell : DetailedCell or SegmentTable
        The cell, or its segments: its sections must be those that the files number.
    target : str, optional
        Population of the cell; left out: the only one that edges end in.
    node : int
        Node id of the cell in it.
    kinds : SynapseType or mapping of str to SynapseType, optional
        What synapses open, of all or by presynaptic population; comes before what the table of types says, which only
        hnnlib's own does.

    Returns
    -------
    embedding : Embedding
        As it was written. From other writers: weights in µS times ``nsyns``, release probability 1 where there is none.

    Raises
    ------
    MissingFile, FileFormatError
        If a file is missing or damaged.
    InvalidValue
        If the files were written for another cell, a section or place is none of the cell, or an edge lacks weight or
        place.
    UnknownName
        If there is no such population, or nothing says what its synapses open.
    """
    if not isinstance(source, Circuit):
        path = Path(source)
        source = read_circuit(path / "circuit_config.json" if path.is_dir() else path)
    return embedding_of(source, cell, target=target, node=node, kinds=kinds)


def circuit_of(embedding: Embedding, target: str = "cell") -> Circuit:
    """Return an embedding as SONATA's tables.

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    target : str
        Name of the population whose only node is the cell.

    Raises
    ------
    InvalidValue
        If a presynaptic population has that name.
    """
    if target in embedding.populations:
        raise InvalidValue("target", target, "is the name of a presynaptic population; choose another for the cell's")
    kinds = {
        _FIRST_TYPE + i: {"kind": name, "synapse": to_plain(kind)}
        for i, (name, kind) in enumerate(embedding.kinds.items())
    }
    nodes = {target: _node_of_cell(embedding, target)}
    edges = {}
    for i, (name, rows) in enumerate(embedding.rows.items()):
        type_id, n = _FIRST_TYPE + 1 + i, embedding.n_sources[name]
        of_type = {"pop_name": name, "model_type": "virtual", "cell_type": embedding.cell_types[name]}
        nodes[name] = NodePopulation(name=name, node_type_id=np.full(n, type_id), node_types={type_id: of_type})
        between = f"{name}_{target}"
        edges[between] = EdgePopulation(
            name=between,
            source=name,
            target=target,
            source_node_id=embedding.source[rows],
            target_node_id=np.zeros(rows.stop - rows.start, np.int64),
            edge_type_id=_FIRST_TYPE + embedding.kind[rows],
            edge_types=kinds,
            attributes={
                "afferent_section_id": embedding.section[rows].astype(np.uint32),
                "afferent_section_pos": embedding.x[rows],
                "syn_weight": embedding.weight_uS[rows],
                "delay": embedding.delay_ms[rows],
                "release_probability": embedding.release_p[rows],
                "functional_group": embedding.group[rows],
                "cluster": embedding.cluster[rows],
                ROW: np.arange(rows.start, rows.stop),
            },
        )
    return Circuit(nodes=nodes, edges=edges)


def _node_of_cell(embedding: Embedding, target: str) -> NodePopulation:
    of_type = {
        "pop_name": target,
        "model_type": "biophysical",
        _DIGEST: _TAG + embedding.segments.sections_digest,
    }
    position = {axis: np.zeros(1) for axis in "xyz"}
    return NodePopulation(
        name=target, node_type_id=np.array([_FIRST_TYPE]), node_types={_FIRST_TYPE: of_type}, attributes=position
    )


def embedding_of(
    circuit: Circuit,
    cell: Any,
    *,
    target: str | None = None,
    node: int = 0,
    kinds: SynapseType | Mapping[str, SynapseType] | None = None,
) -> Embedding:
    """Return the synapses that one node of a circuit has, as a table.

    Parameters
    ----------
    circuit : Circuit
        Nodes and edges.
    cell, target, node, kinds
        As in `embedding_from_sonata`.

    Raises
    ------
    InvalidValue, UnknownName
        As in `embedding_from_sonata`.
    """
    segments = segments_of(cell)
    target = _target(circuit, target, node)
    _check_cell(circuit.nodes[target], segments.sections_digest)
    table: dict[str, SynapseType] = {}
    parts, names = [], []
    for edges in circuit.edges.values():
        if edges.target != target:
            continue
        names += [] if edges.source in names else [edges.source]
        own = edges.take(edges.target_node_id == node)
        with within(f"edges[{edges.name!r}]"):
            parts.append({"population": np.full(len(own), names.index(edges.source)), **_columns(own, table, kinds)})
    columns = {key: np.concatenate([part[key] for part in parts if key in part]) for key in parts[0]}
    row = columns.pop(ROW, None)
    if row is not None and len(row) == len(columns["source"]):
        order = np.argsort(row, kind="stable")
        columns = {key: column[order] for key, column in columns.items()}
    sources = {name: circuit.nodes[name] for name in names}
    return Embedding(
        segments=segments,
        populations=tuple(names),
        kinds=table,
        n_sources={name: len(nodes) for name, nodes in sources.items()},
        cell_types={name: _cell_type(nodes) for name, nodes in sources.items()},
        **columns,
    )


def _target(circuit: Circuit, target: str | None, node: int) -> str:
    known = list(dict.fromkeys(edges.target for edges in circuit.edges.values()))
    if target is None and len(known) != 1:
        raise InvalidValue("target", target, f"must be named where edges end in several populations or none ({known})")
    name = known[0] if target is None else target
    if name not in known:
        raise UnknownName("target", name, "population that edges end in", known)
    n = len(circuit.nodes[name])
    if isinstance(node, bool) or not isinstance(node, int | np.integer) or not 0 <= node < n:
        raise InvalidValue("node", node, f"is no node of {name!r}, which has ids from 0 to {n - 1}")
    return name


def _check_cell(nodes: NodePopulation, digest: str) -> None:
    if _DIGEST in nodes.attribute_names:
        told = nodes.column(_DIGEST)[0]
        if told is not None and told != _TAG + digest:
            raise InvalidValue(
                "cell", told, f"is the hash of the cell that the files are for; this one has {_TAG}{digest}"
            )


def _cell_type(nodes: NodePopulation) -> str:
    known = "cell_type" in nodes.attribute_names and len(nodes) and nodes.column("cell_type")[0] is not None
    return str(nodes.column("cell_type")[0]) if known else nodes.name


def _columns(edges: EdgePopulation, table: dict[str, SynapseType], kinds: Any) -> dict[str, np.ndarray]:
    """Return the columns of an embedding that a population of edges gives; new kinds are put into the table."""
    n, known = len(edges), edges.attribute_names
    for name in ("afferent_section_id", "afferent_section_pos", "syn_weight"):
        if name not in known:
            raise UnknownName("attributes", name, "attribute of these edges, which must have it", known)

    def column(name: str, default: float) -> np.ndarray:
        return edges.column(name).astype(float) if name in known else np.full(n, default)

    found = {
        "source": edges.source_node_id,
        "kind": _kind_of(edges, table, kinds),
        "section": edges.column("afferent_section_id").astype(np.int64),
        "x": column("afferent_section_pos", 0.5),
        "weight_uS": column("syn_weight", 0.0) * column("nsyns", 1.0),
        "delay_ms": column("delay", 0.0),
        "release_p": column("release_probability", 1.0),
        "group": column("functional_group", -1).astype(np.int64),
        "cluster": column("cluster", -1).astype(np.int64),
    }
    return found | ({ROW: edges.attributes[ROW]} if ROW in edges.attributes else {})


def _kind_of(edges: EdgePopulation, table: dict[str, SynapseType], kinds: Any) -> np.ndarray:
    types, of = np.unique(edges.edge_type_id, return_inverse=True)
    numbers = np.zeros(len(types), np.int64)
    for i, type_id in enumerate(types.tolist()):
        told = edges.edge_types.get(type_id, {})
        given = kinds.get(edges.source) if isinstance(kinds, Mapping) else kinds
        if given is not None:
            if not isinstance(given, SynapseType):
                raise InvalidType("kinds", given, "must be a SynapseType")
            name, kind = "+".join(given.receptors), given
        elif isinstance(told.get("synapse"), Mapping):
            name, kind = (
                str(told.get("kind", type_id)),
                from_plain(SynapseType, told["synapse"], f"edge_types[{type_id}]"),
            )
        else:
            raise UnknownName(
                "kinds", edges.source, "population with a kind of synapse, in the files or given", kinds or ()
            )
        name = name if table.get(name, kind) == kind else f"{name} of {edges.source}"
        table[name] = kind
        numbers[i] = list(table).index(name)
    return numbers[of]
