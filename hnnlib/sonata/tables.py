"""A plan as SONATA's tables: populations of nodes, of edges, and the currents and spikes that act on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from hnnlib.compile.circuit import ROW
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.plan.tables import Plan
from hnnlib.results.spike_data import SpikeData
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.network import NetworkSpec, Population

__all__ = ["OF_POPULATION", "SCHEMA", "TEMPLATE", "circuit_of", "clamps_of", "events_of"]

SCHEMA = "hnnlib:"
"""How ``model_template`` begins for a cell of ours; a name of a shipped cell may follow, e.g. ``L5_pyramidal``."""

TEMPLATE = f"{SCHEMA}cell"
"""What it says of a cell that ``dynamics_params`` names: the file of a `CellSpec` as JSON."""

OF_POPULATION = tuple(f.name for f in attrs.fields(Population) if f.name not in ("cell", "place"))
"""Fields of a population that its node type carries."""


def circuit_of(plan: Plan, network: NetworkSpec) -> Circuit:
    """Return the nodes and edges of a plan.

    Parameters
    ----------
    plan : Plan
        What `hnnlib.compile.build.compile_plan` returned for the network.
    network : NetworkSpec
        The network.

    Returns
    -------
    circuit : Circuit
        Populations in gid order; drives are virtual. Weights in µS, delays in ms, positions in µm.
    """
    ranges = plan.populations.gid_ranges
    nodes = {}
    for number, (name, gids) in enumerate(ranges.items()):
        kind = 100 + number
        if plan.populations.is_drive[number]:
            rows = slice(gids.start - plan.n_cells, gids.stop - plan.n_cells)
            row_attributes: dict[str, Any] = {"live": plan.drive_cells.live[rows].astype(np.int8)}
            of_type: dict[str, Any] = {"pop_name": name, "model_type": "virtual"}
        else:
            row_attributes = dict(zip("xyz", plan.cells.position_um[gids.start : gids.stop].T, strict=True))
            of_type = _cell_type(name, network)
        nodes[name] = NodePopulation(
            name=name, node_type_id=np.full(len(gids), kind), node_types={kind: of_type}, attributes=row_attributes
        )
    return Circuit(nodes=nodes, edges={e.name: e for e in _edges(plan)})


def _cell_type(name: str, network: NetworkSpec) -> dict[str, Any]:
    population = network.populations[name]
    fields = {field: getattr(population, field) for field in OF_POPULATION}
    ei = {"excitatory": "e", "inhibitory": "i"}.get(str(population.electro_type))
    return {
        "pop_name": name,
        "model_type": "biophysical",
        "model_template": TEMPLATE,
        "dynamics_params": f"{name}.json",
        **({"ei": ei} if ei else {}),
        **{key: int(value) if isinstance(value, bool) else value for key, value in fields.items() if value is not None},
    }


def _edges(plan: Plan) -> Iterator[EdgePopulation]:
    """Yield the edges between each pair of populations; an edge type is a connection of the plan."""
    edges = plan.edges
    names = plan.populations.names
    start = plan.populations.gid_start
    of_gid = np.repeat(np.arange(len(names)), plan.populations.gid_stop - start)
    source, target = of_gid[edges.source_gid], of_gid[edges.target_gid]
    pair = source * len(names) + target
    order = np.argsort(pair, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(pair[order])) + 1) if len(order) else []:
        a, b = int(source[rows[0]]), int(target[rows[0]])
        sites = plan.templates[b].sites
        site = edges.site[rows]
        kind, types = _edge_types(plan, b, edges.connection[rows], site)
        yield EdgePopulation(
            name=f"{names[a]}_to_{names[b]}",
            source=names[a],
            target=names[b],
            source_node_id=edges.source_gid[rows] - start[a],
            target_node_id=edges.target_gid[rows] - start[b],
            edge_type_id=kind,
            edge_types=types,
            attributes={
                "afferent_section_id": sites.section[site].astype(np.uint32),
                "afferent_section_pos": sites.x[site].astype(np.float32),
                "syn_weight": edges.weight[rows],
                "delay": edges.delay_ms[rows],
                ROW: rows.astype(np.uint32),
            },
        )


def _edge_types(
    plan: Plan, target: int, connection: np.ndarray, site: np.ndarray
) -> tuple[np.ndarray, dict[int, dict[str, Any]]]:
    """Return the type of each edge, and the types: one for each connection and receptor."""
    sites = plan.templates[target].sites
    receptors, receptor_of_site = np.unique(np.array(sites.receptors), return_inverse=True)
    pairs = connection.astype(np.int64) * len(receptors) + receptor_of_site[site]
    found, first, kind = np.unique(pairs, return_index=True, return_inverse=True)
    types = {}
    for number, (pair, row) in enumerate(zip(found, first, strict=True)):
        at, connection_number = int(site[row]), int(pair) // len(receptors)
        types[100 + number] = {
            "connection": connection_number,
            "label": plan.edges.connection_labels[connection_number],
            "receptor": sites.receptors[at],
            "model_template": sites.mechanisms[at].lower(),
            "dynamics_params": f"{plan.templates[target].name}_{sites.receptors[at]}.json",
        }
    return 100 + kind, types


def clamps_of(plan: Plan) -> list[CurrentClamp]:
    """Return the currents of a plan, in its order; rows that follow each other and differ in their cell are one."""
    biases, populations = plan.biases, plan.populations
    number = np.searchsorted(populations.gid_stop, biases.gid, side="right")
    table = np.column_stack([number, biases.section, biases.amplitude_nA, biases.delay_ms, biases.duration_ms])
    # a cell may stand in one entry once, and its entries keep the order of gids
    apart = np.any(np.diff(table, axis=0) != 0, axis=1) | (np.diff(biases.gid) <= 0)
    clamps = []
    for rows in np.split(np.arange(len(table)), np.flatnonzero(apart) + 1) if len(table) else []:
        population, section, amplitude, delay, duration = table[rows[0]].tolist()
        clamps.append(
            CurrentClamp(
                cells={
                    populations.names[int(population)]: tuple(
                        (biases.gid[rows] - populations.gid_start[int(population)]).tolist()
                    )
                },
                section=plan.templates[int(population)].sections.names[int(section)],
                amplitude=amplitude,
                delay=delay,
                duration=duration,
            )
        )
    return clamps


def events_of(plan: Plan, trial: int) -> SpikeData:
    """Return what the drive cells fire in one trial, cell by cell."""
    events = plan.events[trial]
    k = np.repeat(np.arange(len(plan.drive_cells)), np.diff(events.offset))
    gid = k + plan.n_cells
    number = np.searchsorted(plan.populations.gid_stop, gid, side="right")
    first_drive = int(np.sum(~plan.populations.is_drive))
    return SpikeData(
        events.time_ms,
        gid - plan.populations.gid_start[number],
        number - first_drive,
        plan.populations.names[first_drive:],
    )
