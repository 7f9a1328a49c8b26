"""Populations of several cell types, as populations of one type each: what hnnlib simulates."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation

__all__ = ["Origin", "split_by_type"]

Origin = Mapping[str, tuple[str, np.ndarray]]
"""Population of one type -> population in the files, and the id there of each of its cells."""


def split_by_type(circuit: Circuit) -> tuple[Circuit, Origin]:
    """Return the circuit with each simulated population cut into its node types, in the order of their ids.

    Parameters
    ----------
    circuit : Circuit
        Any circuit. Virtual populations, and those of one type, stay as they are.

    Returns
    -------
    circuit : Circuit
        Parts are called as their ``pop_name`` says, where that is unique, else ``POPULATION:TYPE``.
    origin : mapping
        Where the nodes of each population come from.
    """
    nodes: dict[str, NodePopulation] = {}
    origin: dict[str, tuple[str, np.ndarray]] = {}
    parts: dict[str, list[str]] = {}
    taken = set(circuit.nodes)
    for name, population in circuit.nodes.items():
        types = list(dict.fromkeys(population.node_type_id.tolist()))
        if population.is_virtual or len(types) < 2:
            nodes[name], origin[name], parts[name] = population, (name, np.arange(len(population))), [name]
            continue
        parts[name] = []
        for kind in types:
            ids = np.flatnonzero(population.node_type_id == kind)
            called = population.node_types.get(kind, {}).get("pop_name")
            label = str(called) if called and str(called) not in taken else f"{name}:{kind}"
            taken.add(label)
            nodes[label] = _take(population, label, kind, ids)
            origin[label] = (name, ids)
            parts[name].append(label)
    if len(nodes) == len(circuit.nodes):
        return circuit, origin
    edges = {
        part.name: part
        for population in circuit.edges.values()
        for part in _parts(population, parts, origin, {name: len(n) for name, n in circuit.nodes.items()})
    }
    return attrs.evolve(circuit, nodes=nodes, edges=edges), origin


def _take(population: NodePopulation, name: str, kind: int, ids: np.ndarray) -> NodePopulation:
    return NodePopulation(
        name=name,
        node_type_id=population.node_type_id[ids],
        node_types={kind: population.node_types.get(kind, {})},
        attributes={key: column[ids] for key, column in population.attributes.items()},
        dynamics_params={key: column[ids] for key, column in population.dynamics_params.items()},
    )


def _parts(
    edges: EdgePopulation, parts: Mapping[str, list[str]], origin: Origin, sizes: Mapping[str, int]
) -> list[EdgePopulation]:
    """Return the edges between each pair of parts."""
    sources, targets = parts[edges.source], parts[edges.target]
    if len(sources) == len(targets) == 1:
        return [edges]
    source_part, source_id = _numbers(sources, origin, sizes[edges.source])
    target_part, target_id = _numbers(targets, origin, sizes[edges.target])
    found = []
    for a, source in enumerate(sources):
        for b, target in enumerate(targets):
            rows = (source_part[edges.source_node_id] == a) & (target_part[edges.target_node_id] == b)
            if rows.any():
                part = edges.take(rows)
                found.append(
                    attrs.evolve(
                        part,
                        name=f"{edges.name}:{source}:{target}",
                        source=source,
                        target=target,
                        source_node_id=source_id[part.source_node_id],
                        target_node_id=target_id[part.target_node_id],
                    )
                )
    return found


def _numbers(names: list[str], origin: Origin, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each node, and its id there."""
    part, new_id = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for number, name in enumerate(names):
        ids = origin[name][1]
        part[ids], new_id[ids] = number, np.arange(len(ids))
    return part, new_id
