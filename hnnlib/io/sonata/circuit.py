"""Whole circuits as folders of SONATA files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from immutabledict import immutabledict

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, InvalidValue, OutputError
from hnnlib.io.sonata.config import SimulationConfig, config_texts, read_config
from hnnlib.io.sonata.edges import read_edges, stage_edges
from hnnlib.io.sonata.nodes import IN_BOTH, read_nodes, stage_nodes
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.circuit_check import check_circuit

__all__ = ["read_circuit", "write_circuit"]

_OF_BIOPHYSICAL = ("morphologies_dir", "biophysical_neuron_models_dir")


def write_circuit(
    circuit: Circuit,
    folder: str | os.PathLike[str],
    *,
    in_both: Iterable[str] = IN_BOTH,
    sort: bool = True,
    compression: str | int | None = None,
    base_dir: str = ".",
    overwrite: bool = True,
) -> SimulationConfig:
    """Write a circuit as a folder of files, all of them or none.

    The files are ``circuit_config.json``, ``node_sets.json`` and, in ``network/``, ``V1_nodes.h5`` and
    ``V1_node_types.csv`` for nodes ``V1``, ``LGN_V1_edges.h5`` and ``LGN_V1_edge_types.csv`` for edges from LGN to V1.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    folder : path-like
        The folder; made if it is not there.
    in_both : iterable of str
        Attributes of node types that are written by node too; see ``hnnlib.io.sonata.nodes.write_nodes``.
    sort : bool
        Whether to sort edges by target, then source.
    compression : 'gzip' or int, optional
        Compress, which libsonata can't read; a number is gzip's level.
    base_dir : str
        What the manifest's ``$BASE_DIR`` says; see ``hnnlib.io.sonata.config.write_config``.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    config : SimulationConfig
        What the circuit's config says; with ``run``, ``inputs`` and the like added, ``write_config`` makes a simulation
        of it.

    Raises
    ------
    InvalidValue
        If the circuit breaks an invariant.
    OutputError
        If a file can't be written; older files are then as they were.
    """
    check_circuit(circuit)
    base = Path(folder).resolve()
    try:
        (base / "network").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(base / "network", f"can't be made ({error.strerror or error})") from error
    nodes = [_node_entry(base, population, circuit.components) for population in circuit.nodes.values()]
    between: dict[tuple[str, str], list[EdgePopulation]] = {}
    for edges in circuit.edges.values():
        between.setdefault((edges.source, edges.target), []).append(edges)
    ends = [_edge_entry(base, *populations) for populations in between.items()]
    config = SimulationConfig(
        file=str(base / "circuit_config.json"),
        components=circuit.components,
        networks=immutabledict(nodes=tuple(nodes), edges=tuple(ends)),
        node_sets=circuit.node_sets,
    )
    sizes = {name: len(population) for name, population in circuit.nodes.items()}
    with ExitStack() as files:
        # Files take their names in reverse order: the config, which names the others, comes last.
        texts = config_texts(config, base, base_dir)
        for name in ("circuit_config.json", "node_sets.json"):
            files.enter_context(replacing(base / name, overwrite)).write_text(texts[name], encoding="utf-8")
        for entry, population in zip(nodes, circuit.nodes.values(), strict=True):
            names = (entry["nodes_file"], entry["node_types_file"])
            stage_nodes(files, population, *names, tuple(in_both), compression, overwrite)
        for entry, populations in zip(ends, between.values(), strict=True):
            options: dict[str, Any] = {"sort": sort, "compression": compression, "overwrite": overwrite}
            stage_edges(files, populations, entry["edges_file"], entry["edge_types_file"], sizes, in_both=(), **options)
    return config


def read_circuit(config: SimulationConfig | str | os.PathLike[str]) -> Circuit:
    """Read the circuit that a configuration names.

    Parameters
    ----------
    config : SimulationConfig or path-like
        A configuration, or its file.

    Returns
    -------
    circuit : Circuit
        All populations of nodes and edges.

    Raises
    ------
    MissingFile, FileFormatError, InvalidValue
        If a file is missing, damaged or something else, a population is there twice, or the circuit breaks an
        invariant: an edge ends in a node or a population that isn't there.
    """
    if not isinstance(config, SimulationConfig):
        config = read_config(config)
    nodes: dict[str, NodePopulation] = {}
    for entry in config.networks["nodes"]:
        _add(nodes, read_nodes(entry["nodes_file"], entry.get("node_types_file")), entry["nodes_file"])
    edges: dict[str, EdgePopulation] = {}
    for entry in config.networks["edges"]:
        _add(edges, read_edges(entry["edges_file"], entry.get("edge_types_file")), entry["edges_file"])
    circuit = Circuit(nodes=nodes, edges=edges, node_sets=config.node_sets, components=config.components)
    try:
        check_circuit(circuit)
    except InvalidValue as error:
        raise FileFormatError(config.file, f"names a circuit that isn't whole: {error}") from error
    return circuit


def _add(known: dict[str, Any], new: Mapping[str, Any], file: str) -> None:
    for name, population in new.items():
        if name in known:
            raise FileFormatError(file, f"holds population {name!r}, which another file of the circuit holds too")
        known[name] = population


def _node_entry(base: Path, nodes: NodePopulation, components: Mapping[str, str]) -> Mapping[str, Any]:
    stem = base / "network" / nodes.name
    entry: dict[str, Any] = {"nodes_file": f"{stem}_nodes.h5", "node_types_file": f"{stem}_node_types.csv"}
    kinds = [kind for kind in nodes.column("model_type") if kind] if "model_type" in nodes.attribute_names else []
    # libsonata finds a population only if it is listed, and refuses the whole config if a biophysical one is listed
    # without folders of morphologies and models.
    if kinds and ("biophysical" not in kinds or all(name in components for name in _OF_BIOPHYSICAL)):
        kind = "biophysical" if "biophysical" in kinds else kinds[0]
        entry["populations"] = immutabledict({nodes.name: immutabledict(type=kind)})
    return immutabledict(entry)


def _edge_entry(base: Path, ends: tuple[str, str], edges: Iterable[EdgePopulation]) -> Mapping[str, Any]:
    stem = base / "network" / "_".join(ends)
    populations = immutabledict({population.name: immutabledict(type="chemical") for population in edges})
    return immutabledict(
        edges_file=f"{stem}_edges.h5", edge_types_file=f"{stem}_edge_types.csv", populations=populations
    )
