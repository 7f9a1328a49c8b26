"""A circuit by name: populations of nodes, the edges between them, and named sets of nodes.

The tables are SONATA's, in memory: a node is a row of its population and its id is that row; an attribute is given row
by row or by type, and what the row says comes before what its type says. Units are those of the model's simulator; in
hnnlib's own files weights are in µS, delays in ms, positions in µm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.plan.columns import as_column, is_text, matching, spread

__all__ = ["Circuit", "EdgePopulation", "NodePopulation", "join_circuits"]

_IDS = ("node_id", "node_ids")  # BMTK's inputs say one, its reports the other

Types = Mapping[int, Mapping[str, Any]]


def _ids(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InvalidType("ids", values, "must be one whole number per row")
    return array.astype(np.int64)


def _types(types: Any) -> Types:
    return immutabledict({int(i): immutabledict(attributes) for i, attributes in dict(types).items()})


def _columns(columns: Any) -> Mapping[str, np.ndarray]:
    return immutabledict({str(name): as_column(values) for name, values in dict(columns).items()})


def _resolved(
    path: str, name: str, type_ids: np.ndarray, types: Types, attributes: Mapping[str, np.ndarray], known: Iterable[str]
) -> np.ndarray:
    if name in attributes:
        return attributes[name]
    column = spread(type_ids, types, name)
    if column is None:
        raise UnknownName(path, name, "attribute", known)
    return column


def _names(types: Types, attributes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    return tuple(sorted({*attributes, *(name for row in types.values() for name in row)}))


@attrs.frozen(kw_only=True, eq=False)
class NodePopulation:
    """Nodes of one population, one row each; the row is the id.

    Parameters
    ----------
    name : str
        Name of the population.
    node_type_id : array of int, shape (n,)
        Type of each node; -1 where it has none.
    node_types : mapping of int to mapping
        Attributes of each type (text or numbers); an absent one is missing.
    attributes : mapping of str to array, shape (n,) or (n, k)
        Attributes by node; ``x``, ``y`` and ``z`` are the position (µm). NaN or None: missing.
    dynamics_params : mapping of str to array, shape (n,)
        Parameters of the model by node, over what the type's file of parameters says.
    """

    name: str
    node_type_id: np.ndarray = attrs.field(converter=_ids)
    node_types: Types = attrs.field(converter=_types, default=immutabledict())
    attributes: Mapping[str, np.ndarray] = attrs.field(converter=_columns, default=immutabledict())
    dynamics_params: Mapping[str, np.ndarray] = attrs.field(converter=_columns, default=immutabledict())

    def __len__(self) -> int:
        return len(self.node_type_id)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of all attributes, by node or by type."""
        return _names(self.node_types, self.attributes)

    @property
    def is_virtual(self) -> bool:
        """Whether all nodes are sources of spikes only: their ``model_type`` is ``virtual``."""
        return "model_type" in self.attribute_names and bool(np.all(self.column("model_type") == "virtual"))

    def column(self, name: str) -> np.ndarray:
        """Return an attribute of all nodes, by node if given so, else by type.

        Parameters
        ----------
        name : str
            An attribute, ``node_id``, ``node_type_id``, or ``positions`` for x, y and z together.

        Returns
        -------
        column : array, shape (n,); (n, 3) for ``positions``, µm
            The values; text as objects. Missing: NaN or None.

        Raises
        ------
        UnknownName
            If no node and no type has the attribute.
        """
        if name == "node_id":
            return np.arange(len(self))
        if name == "node_type_id":
            return self.node_type_id
        if name == "positions" and name not in self.attributes:
            return np.column_stack([self.column(axis) for axis in "xyz"]).astype(float)
        path = f"nodes[{self.name!r}]"
        return _resolved(path, name, self.node_type_id, self.node_types, self.attributes, self.attribute_names)

    def select(self, condition: Mapping[str, Any], path: str = "") -> np.ndarray:
        """Return the ids of the nodes that meet a condition.

        Parameters
        ----------
        condition : mapping of str to value
            Attribute -> value, values of which one must be met, or comparisons (`hnnlib.plan.columns.matching`); all
            must hold. ``population`` is the population's name, ``node_id`` (or ``node_ids``) an id or ids.
        path : str
            Where the condition stands, for errors.

        Returns
        -------
        node_ids : array of int64
            In ascending order; empty if none does.

        Raises
        ------
        UnknownName
            If there is no such attribute.
        InvalidValue
            If an id is out of range, or text is asked of numbers.
        """
        mask = np.ones(len(self), bool)
        for name, wanted in condition.items():
            where = f"{path}.{name}" if path else name
            if name == "population":
                mask &= self.name in _several(wanted)
            elif name in _IDS:
                mask &= np.isin(np.arange(len(self)), self._known_ids(wanted, where))
            elif name in (*self.attribute_names, "node_type_id"):
                mask &= matching(self.column(name), wanted, where)
            else:
                known = (*self.attribute_names, "population", "node_id")
                raise UnknownName(path, name, f"attribute of the nodes of {self.name!r}", known)
        return np.flatnonzero(mask)

    def _known_ids(self, wanted: Any, path: str) -> list[int]:
        ids = _several(wanted)
        for i in ids:
            if isinstance(i, bool) or not isinstance(i, int | np.integer):
                raise InvalidType(path, i, "must be a node's id, a whole number")
            if not 0 <= i < len(self):
                raise InvalidValue(path, i, f"is no node of {self.name!r}, which has ids from 0 to {len(self) - 1}")
        return ids


@attrs.frozen(kw_only=True, eq=False)
class EdgePopulation:
    """Edges from one population to another, one row each.

    Parameters
    ----------
    name : str
        Name of the population of edges, e.g. ``LGN_to_V1``.
    source, target : str
        Populations of nodes at either end.
    source_node_id, target_node_id : array of int, shape (n,)
        Nodes at either end.
    edge_type_id : array of int, shape (n,)
        Type of each edge; -1 where it has none.
    edge_types : mapping of int to mapping
        Attributes of each type (text or numbers); an absent one is missing.
    attributes : mapping of str to array, shape (n,)
        Attributes by edge: ``syn_weight``, ``delay`` (ms), ``nsyns`` (synapses that the row stands for),
        ``afferent_section_id`` and ``afferent_section_pos`` (0 to 1 along the section), and others.
    dynamics_params : mapping of str to array, shape (n,)
        Parameters of the synapse by edge, over what the type's file of parameters says.
    """

    name: str
    source: str
    target: str
    source_node_id: np.ndarray = attrs.field(converter=_ids)
    target_node_id: np.ndarray = attrs.field(converter=_ids)
    edge_type_id: np.ndarray = attrs.field(converter=_ids)
    edge_types: Types = attrs.field(converter=_types, default=immutabledict())
    attributes: Mapping[str, np.ndarray] = attrs.field(converter=_columns, default=immutabledict())
    dynamics_params: Mapping[str, np.ndarray] = attrs.field(converter=_columns, default=immutabledict())

    def __len__(self) -> int:
        return len(self.source_node_id)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of all attributes, by edge or by type."""
        return _names(self.edge_types, self.attributes)

    def column(self, name: str) -> np.ndarray:
        """Return an attribute of all edges, by edge if given so, else by type.

        Parameters
        ----------
        name : str
            An attribute, ``source_node_id``, ``target_node_id`` or ``edge_type_id``.

        Returns
        -------
        column : array, shape (n,)
            The values; text as objects. Missing: NaN or None.

        Raises
        ------
        UnknownName
            If no edge and no type has the attribute.
        """
        if name in ("source_node_id", "target_node_id", "edge_type_id"):
            ids: np.ndarray = getattr(self, name)
            return ids
        path = f"edges[{self.name!r}]"
        return _resolved(path, name, self.edge_type_id, self.edge_types, self.attributes, self.attribute_names)

    def take(self, rows: np.ndarray) -> EdgePopulation:
        """Return the edges of some rows.

        Parameters
        ----------
        rows : array of int or bool
            Indices, in the order that is wanted, or a mask.
        """
        changed: dict[str, Any] = {
            name: getattr(self, name)[rows] for name in ("source_node_id", "target_node_id", "edge_type_id")
        }
        for table in ("attributes", "dynamics_params"):
            changed[table] = {name: column[rows] for name, column in getattr(self, table).items()}
        return attrs.evolve(self, **changed)


@attrs.frozen(kw_only=True, eq=False)
class Circuit:
    """Nodes, edges and node sets that belong together; every population by its name.

    Parameters
    ----------
    nodes : mapping of str to NodePopulation
        The populations of nodes.
    edges : mapping of str to EdgePopulation
        The populations of edges.
    node_sets : mapping of str to filter
        Named filters; see `select`.
    components : mapping of str to str
        Folders with what types name: ``synaptic_models_dir``, ``point_neuron_models_dir`` and others.
    """

    nodes: Mapping[str, NodePopulation] = attrs.field(converter=immutabledict)
    edges: Mapping[str, EdgePopulation] = attrs.field(converter=immutabledict, default=immutabledict())
    node_sets: Mapping[str, Any] = attrs.field(converter=immutabledict, default=immutabledict())
    components: Mapping[str, str] = attrs.field(converter=immutabledict, default=immutabledict())

    def select(self, node_set: Any, path: str = "node_set") -> dict[str, np.ndarray]:
        """Return the nodes that a filter means.

        Parameters
        ----------
        node_set : str, mapping or sequence
            Name of a node set, name of a population, or ``all``; a mapping as in ``NodePopulation.select``; a list of
            names, whose nodes are joined; or a list of ids. A mapping without ``population`` means every population
            that has its attributes; ids without one mean the only population that isn't virtual.
        path : str
            Where the filter stands, for errors.

        Returns
        -------
        node_ids : dict of str to array of int64
            Ids in ascending order by population; a population without any is left out.

        Raises
        ------
        UnknownName
            If there is no such node set, population or attribute.
        InvalidValue
            If an id is out of range, a node set holds itself, or ids could mean several populations.
        """
        found = self._select(node_set, path, ())
        return {name: found[name] for name in self.nodes if name in found and len(found[name])}

    def _select(self, node_set: Any, path: str, above: tuple[str, ...]) -> dict[str, np.ndarray]:
        if isinstance(node_set, str):
            return self._named(node_set, path, above)
        if isinstance(node_set, Mapping):
            return self._matching(node_set, path)
        entries = _several(node_set)
        if all(isinstance(entry, str) for entry in entries):
            joined: dict[str, np.ndarray] = {}
            for i, entry in enumerate(entries):
                for name, ids in self._named(entry, f"{path}[{i}]", above).items():
                    joined[name] = np.union1d(joined[name], ids) if name in joined else ids
            return joined
        return self._matching({"node_id": entries}, path)

    def _named(self, name: str, path: str, above: tuple[str, ...]) -> dict[str, np.ndarray]:
        if name in above:
            raise InvalidValue(path, " > ".join([*above, name]), "is a node set that holds itself")
        if name in self.node_sets:
            return self._select(self.node_sets[name], f"node_sets[{name!r}]", (*above, name))
        if name in self.nodes:
            return {name: np.arange(len(self.nodes[name]))}
        if name == "all":
            return {population: np.arange(len(nodes)) for population, nodes in self.nodes.items()}
        raise UnknownName(path, name, "node set or population", [*self.node_sets, *self.nodes, "all"])

    def _matching(self, condition: Mapping[str, Any], path: str) -> dict[str, np.ndarray]:
        names = list(self.nodes)
        if "population" in condition:
            names = _several(condition["population"])
            for name in names:
                if name not in self.nodes:
                    raise UnknownName(f"{path}.population", name, "population", self.nodes)
        else:
            names = self._candidates(condition, path)
        return {name: self.nodes[name].select(condition, path) for name in names}

    def _candidates(self, condition: Mapping[str, Any], path: str) -> list[str]:
        asked = [name for name in condition if name not in (*_IDS, "node_type_id")]
        known = {name: set(nodes.attribute_names) for name, nodes in self.nodes.items()}
        for name in asked:
            if not any(name in attributes for attributes in known.values()):
                everything = sorted({*set().union(*known.values()), "population", "node_id"})
                raise UnknownName(path, name, "attribute of nodes", everything)
        names = [name for name in self.nodes if known[name].issuperset(asked)]
        if not names:
            raise InvalidValue(path, dict(condition), "asks for attributes that no population has together")
        if not any(name in condition for name in (*_IDS, "node_type_id")) or len(names) == 1:
            return names
        real = [name for name in names if not self.nodes[name].is_virtual]
        if len(real) != 1:
            raise InvalidValue(path, dict(condition), f"must name its population: ids exist in {', '.join(names)}")
        return real


def join_circuits(*circuits: Circuit) -> Circuit:
    """Return one circuit with all that several hold.

    Parameters
    ----------
    *circuits : Circuit
        Circuits that may share populations of nodes, e.g. because the edges of one end in another.

    Returns
    -------
    circuit : Circuit
        Populations, node sets and components by name.

    Raises
    ------
    InvalidValue
        If two different things have one name.
    """
    joined: dict[str, dict[str, Any]] = {"nodes": {}, "edges": {}, "node_sets": {}, "components": {}}
    for circuit in circuits:
        for table, entries in joined.items():
            for name, value in getattr(circuit, table).items():
                if name in entries and not _same(entries[name], value):
                    raise InvalidValue(f"{table}[{name!r}]", name, "is the name of two different things")
                entries[name] = value
    return Circuit(**joined)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if attrs.has(type(a)) and type(a) is type(b):
        return all(_same(getattr(a, field.name), getattr(b, field.name)) for field in attrs.fields(type(a)))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=not is_text(a) and not is_text(b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _several(wanted: Any) -> list[Any]:
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        return [wanted]
    return list(wanted)
