"""Which nodes a source is asked for, and what it gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.spike_columns import node_ids_of
from hnnlib.results.spike_data import SpikeData

__all__ = ["OTHERS", "Node", "attributes_of", "ids_by_population", "pick"]

OTHERS = ("error", "ignore")
ID = "node_id"


class Node(Mapping[str, Any]):
    """One node as a function of the user's sees it: ``node['pop_name']``, ``node.node_id``, ``node.population_name``.

    Parameters
    ----------
    population_name : str
        Its population.
    node_id : int
        Its id there.
    attributes : mapping
        What else is known of it.
    """

    def __init__(self, population_name: str, node_id: int, attributes: Mapping[str, Any]) -> None:
        self.population_name, self.node_id = population_name, node_id
        self._attributes = immutabledict({**attributes, "population": population_name, ID: node_id})

    def __getitem__(self, name: str) -> Any:
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        return f"<Node | {self.population_name} {self.node_id}>"


def ids_by_population(nodes: Any) -> dict[str, NDArray[np.int64]]:
    """Return the ids of the nodes that are asked for.

    Parameters
    ----------
    nodes : mapping of str to (sequence of int or mapping)
        Population -> ids; or population -> columns, among them ``node_id``.

    Returns
    -------
    ids : dict of str to ndarray of int64, shape (n_nodes,)
        In their order.

    Raises
    ------
    InvalidType, InvalidValue
        If it is no such mapping, or ids are negative or there twice.
    """
    if not isinstance(nodes, Mapping) or not nodes:
        raise InvalidType("nodes", nodes, "must be a mapping population -> node ids, e.g. {'LGN': range(100)}")
    found = {}
    for name, given in nodes.items():
        path = f"nodes[{name!r}]"
        if isinstance(given, Mapping):
            if ID not in given:
                raise UnknownName(path, ID, "column", [str(key) for key in given])
            path, given = f"{path}[{ID!r}]", given[ID]
        found[name] = node_ids_of(given, path)
    return found


def attributes_of(nodes: Any) -> Iterator[Node]:
    """Yield each node with its attributes.

    Parameters
    ----------
    nodes : mapping
        As in `ids_by_population`.

    Yields
    ------
    node : Node
        In their order.

    Raises
    ------
    InvalidType, InvalidValue
        If it is no such mapping, or columns differ in length.
    """
    for name, ids in ids_by_population(nodes).items():
        columns = {key: list(column) for key, column in nodes[name].items()} if isinstance(nodes[name], Mapping) else {}
        for key, column in columns.items():
            if len(column) != ids.size:
                raise InvalidValue(f"len(nodes[{name!r}][{key!r}])", len(column), f"must be {ids.size}, one a node")
        for i, node in enumerate(ids.tolist()):
            yield Node(name, node, {key: column[i] for key, column in columns.items()})


def pick(spikes: SpikeData, nodes: Any, others: str = "error") -> SpikeData:
    """Return the spikes of the nodes that are asked for; those without spikes are silent nodes of the result.

    Parameters
    ----------
    spikes : SpikeData
        What there is.
    nodes : mapping or None
        As in `ids_by_population`; None: all that there are.
    others : 'error' or 'ignore'
        What to do about spikes of other nodes of these populations. Other populations are left out.

    Returns
    -------
    spikes : SpikeData
        Population after population.

    Raises
    ------
    UnknownName
        If a population has no spikes, while others have.
    InvalidValue
        If another node of these populations has spikes, and ``others`` is ``'error'``.
    """
    if others not in OTHERS:
        raise UnknownName("others", others, "choice", OTHERS)
    if nodes is None:
        return spikes
    wanted = ids_by_population(nodes)
    parts = []
    for name, ids in wanted.items():
        if name not in spikes.populations:
            if len(spikes):
                raise UnknownName("nodes", name, "population of these spikes", spikes.populations)
            parts.append(SpikeData([], [], [], (name,), n_trials=spikes.n_trials, node_sets={name: ids}))
            continue
        part = spikes.select(name)
        stray = np.setdiff1d(part.node_ids, ids)
        if stray.size and others == "error":
            allowed = f"has spikes and is none of the {ids.size} nodes that are asked for"
            if ids.size:
                allowed += f" (ids {ids.min()} to {ids.max()})"
            raise InvalidValue(f"node_id of {name!r}", int(stray[0]), f"{allowed}; others='ignore' leaves such out")
        parts.append(part.select(name, ids))
    return attrs.evolve(parts[0].merge(*parts[1:]), origin=spikes.origin)
