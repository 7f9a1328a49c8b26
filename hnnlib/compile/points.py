"""Point cells of a circuit: their ports, their parameters one by one, and how each connection works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import within
from hnnlib.compile.discretise import make_point_template
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.columns import is_text
from hnnlib.plan.tables import PointModel, Synapse, Template
from hnnlib.spec.points import PointCellSpec

__all__ = ["PORT", "STATIC", "port_of", "synapse_of", "synapses_of_edges", "template_of_points"]

PORT = "receptor_type"
"""Parameter of a connection: the number of the port that it ends in, as NEST counts them."""

STATIC = "static_synapse"


def port_of(edges: EdgePopulation) -> np.ndarray:
    """Return the port of each edge: what the edge says, else what its type says, else its type's parameters, else 0.

    Raises
    ------
    InvalidType
        If it is no whole number.
    """
    if PORT in edges.dynamics_params:
        port = edges.dynamics_params[PORT]
    elif PORT in edges.attributes:
        port = edges.attributes[PORT]
    else:
        kinds, kind = np.unique(edges.edge_type_id, return_inverse=True)
        rows = [edges.edge_types.get(int(k), {}) for k in kinds]
        port = np.array([row.get(PORT, _parameters(row).get(PORT, 0)) for row in rows])[kind]
    if is_text(port) or not np.all(np.asarray(port, float) == np.round(np.asarray(port, float))):
        raise InvalidType(PORT, port[0], "must be the number of a port of the model")
    return port.astype(np.int64)


def template_of_points(cell: PointCellSpec, nodes: NodePopulation, circuit: Circuit) -> Template:
    """Return the template of a population of point cells; its sites are the ports that edges end in.

    Parameters
    ----------
    cell : PointCellSpec
        What the cells have in common.
    nodes : NodePopulation
        The cells, with the parameters that some have of their own.
    circuit : Circuit
        Whose edges end in them.

    Raises
    ------
    InvalidValue
        If some cells lack a parameter that others have.
    """
    ports: set[int] = set()
    for name, edges in circuit.edges.items():
        if edges.target == nodes.name:
            with within(f"edges[{name!r}]"):
                ports |= set(np.unique(port_of(edges)).tolist())
    own = {name: _filled(cell, name, np.asarray(v), nodes.name) for name, v in nodes.dynamics_params.items()}
    point = PointModel(name=cell.model, parameters=cell.parameters, of_cells=own)
    numbers = sorted(ports)
    return make_point_template(nodes.name, point, [f"port {n}" for n in numbers], [{PORT: n} for n in numbers])


def _filled(cell: PointCellSpec, name: str, values: np.ndarray, population: str) -> np.ndarray:
    path = f"nodes[{population!r}].dynamics_params[{name!r}]"
    if is_text(values):
        raise InvalidType(path, values[0], "must be numbers")
    missing = np.isnan(values.astype(float)) if values.ndim == 1 else np.zeros(0, bool)
    if not missing.any():
        return values
    if name not in cell.parameters:
        node = int(np.flatnonzero(missing)[0])
        raise InvalidValue(path, f"node {node}", "has none, neither of its own nor by its type")
    return np.where(missing, cell.parameters[name], values)


def synapse_of(edge_type: Mapping[str, Any]) -> Synapse:
    """Return how edges of a type work: ``model_template`` and, apart from the port, its parameters."""
    parameters = {name: value for name, value in _parameters(edge_type).items() if name != PORT}
    return Synapse(model=str(edge_type.get("model_template") or STATIC), parameters=parameters)


def _parameters(edge_type: Mapping[str, Any]) -> Mapping[str, Any]:
    given = edge_type.get("dynamics_params")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidType("dynamics_params", given, "must be parameters: a file's name must have been read before")
    return given


def synapses_of_edges(
    synapses: Sequence[Synapse], connection: np.ndarray, own: Mapping[str, np.ndarray]
) -> tuple[Synapse, ...]:
    """Return the synapses of connections with the parameters that single contacts have.

    Parameters
    ----------
    synapses : sequence of Synapse
        One per connection.
    connection : array of int, shape (n_contacts,)
        The connection of each contact.
    own : mapping of str to array, shape (n_contacts,)
        Parameters by contact; NaN where a contact has none of its own.

    Raises
    ------
    InvalidValue
        If some contacts of a connection have a parameter of their own and others don't.
    """
    found = []
    for number, synapse in enumerate(synapses):
        mine = connection == number
        of_edges = {}
        for name, column in own.items():
            values = column[mine]
            given = ~np.isnan(values)
            if given.all() and len(values):
                of_edges[name] = values
            elif given.any():
                raise InvalidValue(f"dynamics_params[{name!r}]", None, "must be given for all edges of a type, or none")
        found.append(Synapse(model=synapse.model, parameters=synapse.parameters, of_edges=of_edges))
    return tuple(found)
