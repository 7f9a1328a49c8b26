"""The invariants of a circuit, all in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.columns import as_column, is_text

__all__ = ["check_circuit", "check_edges", "check_nodes"]


_NUMBERS = (
    ("syn_weight", "must be finite, for all edges or none"),
    ("delay", "must be >= 0 ms, for all edges or none"),
    ("nsyns", "must be >= 0"),
)


def check_circuit(circuit: Circuit) -> None:
    """Raise if a circuit breaks an invariant.

    Parameters
    ----------
    circuit : Circuit
        The circuit.

    Raises
    ------
    InvalidValue
        Naming population, column and the first row that is wrong.
    """
    for name, nodes in circuit.nodes.items():
        _is_called(f"nodes[{name!r}].name", nodes.name, name)
        check_nodes(nodes)
    for name, edges in circuit.edges.items():
        _is_called(f"edges[{name!r}].name", edges.name, name)
        sizes = {}
        for end in ("source", "target"):
            population = getattr(edges, end)
            if population not in circuit.nodes:
                raise UnknownName(f"edges[{name!r}].{end}", population, "population of nodes", circuit.nodes)
            sizes[end] = len(circuit.nodes[population])
        check_edges(edges, sizes["source"], sizes["target"])


def check_nodes(nodes: NodePopulation) -> None:
    """Raise if a population of nodes breaks an invariant.

    Parameters
    ----------
    nodes : NodePopulation
        The nodes.

    Raises
    ------
    InvalidValue
        If a column has another length, or a node a type that there is no row for.
    """
    path = f"nodes[{nodes.name!r}]"
    _lengths(path, len(nodes), nodes.attributes, nodes.dynamics_params)
    _have_types(f"{path}.node_type_id", nodes.node_type_id, nodes.node_types)


def check_edges(edges: EdgePopulation, n_source: int, n_target: int) -> None:
    """Raise if a population of edges breaks an invariant.

    Parameters
    ----------
    edges : EdgePopulation
        The edges.
    n_source, n_target : int
        Number of nodes at either end.

    Raises
    ------
    InvalidValue
        If a column has another length, an edge has a type that there is no row for or an end that doesn't exist, a
        weight is not finite, or a delay or a number of synapses is no number >= 0. A type may leave them out.
    """
    path = f"edges[{edges.name!r}]"
    ids = {name: getattr(edges, name) for name in ("target_node_id", "edge_type_id")}
    _lengths(path, len(edges), ids, edges.attributes, edges.dynamics_params)
    _have_types(f"{path}.edge_type_id", edges.edge_type_id, edges.edge_types)
    for column, population, size in (("source", edges.source, n_source), ("target", edges.target, n_target)):
        node_id = getattr(edges, f"{column}_node_id")
        allowed = f"is no node of {population!r}, which has {size}"
        _all(f"{path}.{column}_node_id", node_id, (node_id >= 0) & (node_id < size), allowed)
    for name, allowed in _NUMBERS:
        if name in edges.attributes:
            _are_good(f"{path}.{name}", name, edges.attributes[name], allowed)
        for type_id, row in edges.edge_types.items():
            if name in row:
                _are_good(f"edge_types[{type_id}].{name}", name, as_column([row[name]]), allowed)


def _are_good(path: str, name: str, column: np.ndarray, allowed: str) -> None:
    if is_text(column):
        raise InvalidType(path, column[0], f"is no number; {allowed}")
    # A delay may be infinite: rules by distance overflow, and such an edge never acts.
    _all(path, column, np.isfinite(column) if name == "syn_weight" else column >= 0, allowed)


def _is_called(path: str, name: str, key: str) -> None:
    if name != key:
        raise InvalidValue(path, name, f"must be the name that it is kept under, {key!r}")


def _lengths(path: str, n_rows: int, *tables: Mapping[str, np.ndarray]) -> None:
    for table in tables:
        for name, column in table.items():
            if column.ndim == 0 or len(column) != n_rows:
                raise InvalidValue(f"{path}.{name}", column.shape, f"must have one entry for each of {n_rows} rows")


def _have_types(path: str, type_ids: np.ndarray, types: Mapping[int, Any]) -> None:
    if types:
        good = np.isin(type_ids, [*types, -1])
        _all(path, type_ids, good, f"is no type; there are {', '.join(map(str, list(types)[:10]))}")


def _all(path: str, column: np.ndarray, good: np.ndarray, allowed: str) -> None:
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise InvalidValue(f"{path}[{row}]", column[row].item(), allowed)
