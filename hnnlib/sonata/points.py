"""Point networks in SONATA files: parameters from their files, weights by function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.base.schema import within
from hnnlib.io.sonata.node_sets import read_json
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.columns import is_text
from hnnlib.spec.points import PointCellSpec

__all__ = ["NEST", "POINT_TYPES", "is_point", "point_cell", "with_parameters"]

NEST = "nest:"
"""How ``model_template`` begins for a model of NEST."""

POINT_TYPES = ("point_neuron", "point_process")
"""``model_type`` of point cells: SONATA's, and BMTK's."""

MODELS, SYNAPSES = "point_neuron_models_dir", "synaptic_models_dir"
"""Components: the folders of parameters."""

Table = Mapping[str, np.ndarray]
"""Attribute -> its value at each edge."""

WeightFunction = Callable[[Table, Table, Table], Any]
"""``weight(edges, sources, targets)`` returns the weight of each edge, all of its synapses together."""


def is_point(nodes: NodePopulation) -> bool:
    """Return whether all nodes are models of NEST."""
    if not {"model_type", "model_template"} <= set(nodes.attribute_names):
        return False
    templates = nodes.column("model_template").tolist()
    return bool(np.isin(nodes.column("model_type").astype(str), POINT_TYPES).all()) and all(
        str(template).startswith(NEST) for template in templates
    )


def point_cell(nodes: NodePopulation, components: Mapping[str, str]) -> tuple[PointCellSpec, NodePopulation]:
    """Return what a population's point cells are, and the nodes with the parameters that single ones have.

    Parameters
    ----------
    nodes : NodePopulation
        Nodes of one model. Parameters come from the file that ``dynamics_params`` names, by type or by node, and from
        the nodes' own group of that name, which comes before it.
    components : mapping of str to str
        The configuration's folders.

    Raises
    ------
    InvalidValue
        If nodes are of several models, or a parameter is no number.
    MissingFile, FileFormatError
        If a file of parameters is not there, or is none.
    """
    path = f"nodes[{nodes.name!r}]"
    models = sorted(set(nodes.column("model_template").tolist()))
    if len(models) > 1:
        raise InvalidValue(f"{path}.model_template", models, "must be one: give each model a node type of its own")
    if "dynamics_params" in nodes.attribute_names:
        named = nodes.column("dynamics_params")
    else:
        named = np.full(len(nodes), None, object)
    texts = {id(v) if isinstance(v, Mapping) else v: v for v in named.tolist()}
    tables = {key: _parameters(value, MODELS, components, path) for key, value in texts.items()}
    shared, own = _shared(nodes, [tables[id(v) if isinstance(v, Mapping) else v] for v in named.tolist()], path)
    with within(f"{path}.dynamics_params"):
        cell = PointCellSpec(model=models[0].removeprefix(NEST), parameters=shared)
    return cell, attrs.evolve(nodes, dynamics_params={**own, **nodes.dynamics_params})


def _shared(
    nodes: NodePopulation, rows: list[Mapping[str, Any]], path: str
) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    """Tell parameters that all nodes have in common from those that differ."""
    first = rows[0] if rows else {}
    if all(row is first for row in rows):
        return first, {}
    names = set(first)
    for node, row in enumerate(rows):
        if set(row) != names:
            raise InvalidValue(f"{path}.dynamics_params", f"node {node}", "must give the same parameters as node 0")
    differ = sorted(name for name in names if any(row[name] != first[name] for row in rows))
    own = {name: np.array([row[name] for row in rows], float) for name in differ}
    return {name: value for name, value in first.items() if name not in differ}, own


def _parameters(named: Any, folder: str, components: Mapping[str, str], path: str) -> Mapping[str, Any]:
    """Return the parameters that a type names: those in its file, or given themselves."""
    if named is None or named != named or named in ("", "NULL"):  # NaN: missing among numbers
        return {}
    if isinstance(named, Mapping):
        return named
    if folder not in components:
        raise InvalidValue(
            f"{path}.dynamics_params", named, f"is looked for in components.{folder}, which is not given"
        )
    file = Path(components[folder]) / str(named)
    if not file.is_file():
        raise MissingFile(file, f"there is no such file, which {path} names in dynamics_params")
    found = read_json(file)
    if not isinstance(found, Mapping):
        raise FileFormatError(file, "must hold an object: parameters by name")
    return found


def with_parameters(circuit: Circuit, functions: Mapping[str, Callable[..., Any]]) -> Circuit:
    """Return a circuit in which edges onto point cells carry their parameters and weights.

    Parameters
    ----------
    circuit : Circuit
        The circuit as it is in the files.
    functions : mapping of str to callable
        What ``weight_function`` may name beside ``wmax``: ``function(edges, sources, targets)`` gets three mappings
        from attributes to columns, with one entry per edge, and returns the weight of each edge with all its synapses.

    Raises
    ------
    UnknownName
        If there is no such function.
    InvalidValue
        If it doesn't return one finite number per edge, or a parameter is none.
    MissingFile
        If a file of parameters is not there.
    """
    edges = {}
    for name, population in circuit.edges.items():
        if not is_point(circuit.nodes[population.target]):
            edges[name] = population
            continue
        types = {
            number: {
                **row,
                "model_template": str(row.get("model_template") or "static_synapse").removeprefix(NEST),
                "dynamics_params": _numbers(row, circuit, f"edge_types[{name!r}][{number}]"),
            }
            for number, row in population.edge_types.items()
        }
        with within(f"edges[{name!r}]"):
            edges[name] = _weighted(attrs.evolve(population, edge_types=types), circuit, functions)
    return attrs.evolve(circuit, edges=edges)


def _numbers(row: Mapping[str, Any], circuit: Circuit, path: str) -> Mapping[str, Any]:
    parameters = _parameters(row.get("dynamics_params"), SYNAPSES, circuit.components, path)
    for name, value in parameters.items():
        if not isinstance(value, int | float):
            where = f"{path}: {row['dynamics_params']}" if isinstance(row["dynamics_params"], str) else path
            raise InvalidValue(f"{where}[{name!r}]", value, "must be a number, a parameter of NEST's synapse")
    return parameters


def _wmax(edges: Table, sources: Table, targets: Table) -> np.ndarray:
    """Return the types' weights: each synapse has it."""
    weight: np.ndarray = edges["syn_weight"] * edges["nsyns"]
    return weight


def _weighted(edges: EdgePopulation, circuit: Circuit, functions: Mapping[str, Callable[..., Any]]) -> EdgePopulation:
    if "weight_function" not in edges.attribute_names:
        return edges
    known = {"wmax": _wmax, **functions}
    named = edges.column("weight_function")
    count = edges.column("nsyns").astype(float) if "nsyns" in edges.attribute_names else np.ones(len(edges))
    weight = np.array(edges.column("syn_weight"), float) * count if "syn_weight" in edges.attribute_names else 0 * count
    for name in dict.fromkeys(v for v in named.tolist() if isinstance(v, str) and v not in ("", "NULL")):
        if name not in known:
            raise UnknownName("weight_function", name, "function of weights (functions={name: function})", known)
        rows = np.flatnonzero(named == name)
        table = {a: edges.column(a)[rows] for a in edges.attribute_names} | {"nsyns": count[rows]}
        sources, targets = (
            _rows(circuit.nodes[population], ids[rows])
            for population, ids in ((edges.source, edges.source_node_id), (edges.target, edges.target_node_id))
        )
        found = np.asarray(known[name](table, sources, targets))
        if is_text(found) or found.shape not in ((), (len(rows),)) or not np.isfinite(found.astype(float)).all():
            raise InvalidValue(f"weight_function {name!r}", found, f"must return {len(rows)} finite numbers")
        weight[rows] = found
    ones = np.ones(len(edges), np.int64)
    return attrs.evolve(edges, attributes={**edges.attributes, "syn_weight": weight, "nsyns": ones})


def _rows(nodes: NodePopulation, ids: np.ndarray) -> dict[str, np.ndarray]:
    return {"node_id": ids} | {name: nodes.column(name)[ids] for name in nodes.attribute_names}
