"""The builder: nodes are added in groups, edges by rule, and come out as a circuit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError
from hnnlib.builder.connections import ConnectionMap
from hnnlib.builder.pool import NodePool
from hnnlib.io.sonata.edges import stage_edges
from hnnlib.io.sonata.nodes import stage_nodes
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.circuit_check import check_circuit
from hnnlib.plan.columns import as_column, edge_attributes, edge_default, merged, node_attributes, spread

__all__ = ["NetworkBuilder"]

FIRST_TYPE = 100


class NetworkBuilder:
    """Build one population of nodes, and edges that begin or end in it.

    Parameters
    ----------
    name : str
        Name of the population.
    seed : int
        What random numbers of rules are made from; two builders with equal name and seed build equal networks.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidType("name", name, "must be a name")
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise InvalidType("seed", seed, "must be a whole number")
        self.name, self.seed = name, int(seed)
        self._n_nodes = 0
        self._node_types: dict[int, dict[str, Any]] = {}
        self._type_ids: list[np.ndarray] = []
        self._columns: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self._dynamics: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self._edge_types: dict[int, dict[str, Any]] = {}
        self._connections: list[ConnectionMap] = []
        self._population: NodePopulation | None = None
        self._circuit: Circuit | None = None

    def __len__(self) -> int:
        return self._n_nodes

    def add_nodes(self, N: int = 1, **properties: Any) -> None:
        """Add nodes of one type; their ids follow those of earlier nodes.

        Parameters
        ----------
        N : int
            How many.
        **properties
            A scalar (number, text) is a property of the type; an array or list of length N has a value for each node,
            and a list of N tuples several. ``positions`` are x, y and z (µm). A mapping of arrays as
            ``dynamics_params`` has parameters for each node. ``node_type_id`` may be given; types count from 100.

        Raises
        ------
        InvalidValue
            If there is no node to add, an array has another length, or the type is there already.
        """
        if isinstance(N, bool) or not isinstance(N, int | np.integer) or N < 1:
            raise InvalidValue("N", N, "must be a whole number of nodes, 1 or more")
        path = f"{self.name}.add_nodes"
        type_id = _new_type(self._node_types, properties.pop("node_type_id", None), f"{path}.node_type_id")
        by_type: dict[str, Any] = {}
        by_node: dict[str, np.ndarray] = {}
        dynamics: dict[str, np.ndarray] = {}
        for name, value in properties.items():
            if name in ("node_id", "node_ids", "population", "node_set"):
                raise InvalidValue(path, name, "can't be given: nodes are numbered as they are added")
            if name == "dynamics_params" and isinstance(value, Mapping) and any(np.ndim(v) for v in value.values()):
                for parameter, values in value.items():
                    dynamics[parameter] = _rows(np.broadcast_to(values, N) if np.ndim(values) == 0 else values, N, path)
            elif _is_scalar(value):
                by_type |= {} if value is None else {name: value.item() if isinstance(value, np.generic) else value}
            else:
                by_node[name] = _rows(value, N, f"{path}.{name}")
        rows = np.arange(self._n_nodes, self._n_nodes + N)
        self._node_types[type_id] = by_type
        self._type_ids.append(np.full(N, type_id))
        self._columns.append((rows, node_attributes(by_node)))
        self._dynamics.append((rows, dynamics))
        self._n_nodes += int(N)
        self._population = self._circuit = None

    def nodes(self, **condition: Any) -> NodePool:
        """Return the nodes that have some properties, of those added so far.

        Parameters
        ----------
        **condition
            Property -> value, or values of which one must be met; all must hold. None given: all nodes.

        Returns
        -------
        nodes : NodePool
            For `add_edges`, of this builder or another.

        Raises
        ------
        UnknownName
            If no node has such a property.
        """
        population = self.population()
        return NodePool(population, population.select(condition, f"{self.name}.nodes"), condition)

    def add_edges(
        self,
        source: NodePool | Mapping[str, Any] | None = None,
        target: NodePool | Mapping[str, Any] | None = None,
        connection_rule: Any = 1,
        connection_params: Mapping[str, Any] | None = None,
        iterator: str | None = None,
        **properties: Any,
    ) -> ConnectionMap:
        """Connect nodes by rule; the rule is called when the network is built.

        Parameters
        ----------
        source, target : NodePool or mapping, optional
            Nodes at either end: what `nodes` of some builder returned, or a condition on this builder's nodes; left
            out, all of these.
        connection_rule : int, array or callable
            Number of synapses of each pair; an array has shape (n_sources, n_targets). A function returns such numbers,
            0 or None for no connection. It gets a stream of random numbers if it has a parameter ``rng``.
        connection_params : mapping, optional
            Further arguments of the function.
        iterator : str, optional
            ``one_to_one``: the function is called with each source and target and returns a number.
            ``all_to_one``: with a list of all sources and each target, and returns a number for each source.
            ``one_to_all``: with each source and all targets, and returns a number for each target.
            ``all_to_all``: once, with two `NodePool`, and returns an array of shape (n_sources, n_targets).
            Left out, it is ``all_to_all`` for functions that are marked with `takes_arrays`, else ``one_to_one``.
        **properties
            Properties of the type of these edges: ``syn_weight``, ``delay`` (ms), ``model_template`` and others.
            ``edge_type_id`` may be given; types count from 100.

        Returns
        -------
        connections : ConnectionMap
            Its ``add_properties`` gives each synapse properties of its own. Otherwise there is one edge per connected
            pair, with the number of its synapses as ``nsyns``.

        Raises
        ------
        InvalidValue
            If rule and iterator don't fit, or no node is chosen at one end.
        """
        number = len(self._connections)
        path = f"{self.name}.add_edges[{number}]"
        sources, targets = self._pool(source, f"{path}.source"), self._pool(target, f"{path}.target")
        for end, pool in (("source", sources), ("target", targets)):
            if not len(pool):
                raise InvalidValue(f"{path}.{end}", dict(pool.condition), f"chooses no node of {pool.population!r}")
        if self.name not in (sources.population, targets.population):
            raise InvalidValue(path, self.name, "must be at one end of its edges")
        edge_type_id = _new_type(self._edge_types, properties.pop("edge_type_id", None), f"{path}.edge_type_id")
        stream = (self.seed, self.name, number)
        connections = ConnectionMap(
            sources, targets, connection_rule, connection_params or {}, iterator, edge_type_id, stream
        )
        queries = {"source_query": _query(sources.condition), "target_query": _query(targets.condition)}
        given = {name: _plain(value) for name, value in properties.items() if value is not None}
        self._edge_types[edge_type_id] = {**queries, **given}
        self._connections.append(connections)
        self._circuit = None
        return connections

    def population(self) -> NodePopulation:
        """Return the nodes that were added so far."""
        if self._population is None:
            type_id = np.concatenate([np.empty(0, np.int64), *self._type_ids])
            path = f"{self.name}.add_nodes"

            def by_type(name: str) -> np.ndarray | None:
                return spread(type_id, self._node_types, name)

            self._population = NodePopulation(
                name=self.name,
                node_type_id=type_id,
                node_types=self._node_types,
                attributes=merged(len(self), self._columns, by_type, path),
                dynamics_params=merged(len(self), self._dynamics, lambda name: None, path),
            )
        return self._population

    def build(self) -> Circuit:
        """Call the rules, unless that was done since the last change.

        Returns
        -------
        circuit : Circuit
            This population, the edges that were added here, and the populations at their other ends.
            ``hnnlib.plan.circuit.join_circuits`` puts the circuits of several builders together.

        Raises
        ------
        InvalidValue
            If a rule returns what it must not.
        """
        if self._circuit is None:
            nodes = {self.name: self.population()}
            between: dict[tuple[str, str], list[ConnectionMap]] = {}
            for connections in self._connections:
                ends = (connections.sources, connections.targets)
                nodes |= {pool.population: pool.nodes for pool in ends if pool.population != self.name}
                between.setdefault((ends[0].population, ends[1].population), []).append(connections)
            edges = [self._edges(*ends, connections) for ends, connections in between.items()]
            circuit = Circuit(nodes=nodes, edges={population.name: population for population in edges})
            check_circuit(circuit)
            self._circuit = circuit
        return self._circuit

    def save(
        self, folder: str | os.PathLike[str], *, in_both: Iterable[str] = (), compression: str | int | None = None
    ) -> None:
        """Write this population and the edges that were added here, all files or none; build first if need be.

        The files are ``V1_nodes.h5`` and ``V1_node_types.csv`` for the nodes of V1, ``LGN_V1_edges.h5`` and
        ``LGN_V1_edge_types.csv`` for edges from LGN to V1.

        Parameters
        ----------
        folder : path-like
            Where to; made if it is not there.
        in_both : iterable of str
            Attributes of node types that are written by node too, such as ``model_type``: libsonata does not read the
            tables of types. None, so that these can be edited; see ``hnnlib.io.sonata.nodes.write_nodes``.
        compression : 'gzip' or int, optional
            Compress, which libsonata can't read; a number is gzip's level.

        Raises
        ------
        InvalidValue
            If a rule returns what it must not.
        OutputError
            If a file can't be written; older files are then as they were.
        """
        circuit, base = self.build(), Path(folder)
        sizes = {name: len(population) for name, population in circuit.nodes.items()}
        try:
            base.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(base, f"can't be made ({error.strerror or error})") from error
        with ExitStack() as files:
            names = (base / f"{self.name}_nodes.h5", base / f"{self.name}_node_types.csv")
            stage_nodes(files, self.population(), *names, tuple(in_both), compression, True)
            for edges in circuit.edges.values():
                stem = f"{edges.source}_{edges.target}"
                names = (base / f"{stem}_edges.h5", base / f"{stem}_edge_types.csv")
                options: dict[str, Any] = {"in_both": (), "sort": True, "compression": compression, "overwrite": True}
                stage_edges(files, edges, *names, sizes, **options)

    def _pool(self, end: Any, path: str) -> NodePool:
        if isinstance(end, NodePool):
            return end
        if end is None or isinstance(end, Mapping):
            population, condition = self.population(), end or {}
            return NodePool(population, population.select(condition, path), condition)
        raise InvalidType(path, end, "must be what nodes() returns, or a mapping of properties")

    def _edges(self, source: str, target: str, connections: list[ConnectionMap]) -> EdgePopulation:
        found = [(entry.edge_type_id, *entry.edges()) for entry in connections]
        sizes = [len(source_ids) for _, source_ids, *_ in found]
        starts = np.cumsum(sizes) - sizes
        rows = [np.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
        type_id = np.repeat([entry[0] for entry in found], sizes)
        types = {entry[0]: self._edge_types[entry[0]] for entry in found}

        groups = [(row, edge_attributes(entry[3])) for row, entry in zip(rows, found, strict=True)]
        return EdgePopulation(
            name=f"{source}_to_{target}",
            source=source,
            target=target,
            source_node_id=np.concatenate([entry[1] for entry in found]),
            target_node_id=np.concatenate([entry[2] for entry in found]),
            edge_type_id=type_id,
            edge_types=types,
            attributes=merged(
                len(type_id), groups, lambda name: edge_default(type_id, types, name), f"{self.name}.add_edges"
            ),
        )


def _new_type(types: Mapping[int, Any], given: Any, path: str) -> int:
    if given is None:
        return max([FIRST_TYPE - 1, *types]) + 1
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
        raise InvalidType(path, given, "must be a whole number >= 0")
    if given in types:
        raise InvalidValue(path, given, "is the id of an earlier type")
    return int(given)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return True
    return isinstance(value, np.ndarray) and value.ndim == 0


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _rows(value: Any, n: int, path: str) -> np.ndarray:
    values = value if isinstance(value, np.ndarray) else list(value)
    if len(values) != n:
        raise InvalidValue(path, values, f"has {len(values)} entries; must be one value, or one for each of {n} nodes")
    try:
        return as_column(values)
    except ValueError as error:  # tuples of several lengths
        raise InvalidValue(path, values, f"must have as many values for each node ({error})") from None


def _query(condition: Mapping[str, Any]) -> str:
    return "&".join(f"{name}=={value!r}" for name, value in condition.items()) or "*"
