"""A circuit from files to plan: cells, contacts and spikes are given row by row, nothing is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.schema import within
from hnnlib.compile.currents import make_biases
from hnnlib.compile.discretise import make_template
from hnnlib.compile.force import with_forced
from hnnlib.compile.place import place_cells
from hnnlib.compile.points import PORT, port_of, synapse_of, synapses_of_edges, template_of_points
from hnnlib.compile.probe import make_probes
from hnnlib.plan.check import check_plan
from hnnlib.plan.circuit import Circuit, EdgePopulation
from hnnlib.plan.tables import DriveCells, Edges, Events, Plan, Populations, Run, Synapse, Template
from hnnlib.spec.network import NetworkSpec, Population
from hnnlib.spec.points import PointCellSpec
from hnnlib.spec.run import RunSpec

__all__ = ["ROW", "Trains", "compile_circuit"]

ROW = "hnnlib_row"
"""Attribute of edges: row in the plan that was written, so that reading gives the same order back."""

Trains = Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]
"""Population of drive cells -> for each trial, times (ms) and node ids."""


def compile_circuit(circuit: Circuit, network: NetworkSpec, run: RunSpec, trains: Trains) -> Plan:
    """Return the plan of a circuit whose cells are hnnlib's own, or points.

    Parameters
    ----------
    circuit : Circuit
        Edges, and the populations of nodes at their ends. Virtual populations become drives, gids in their order.
    network : NetworkSpec
        The populations that are simulated, one of the circuit's each, with what acts on and measures them: current
        clamps, forced synaptic events, electrodes. It has no drives or connections of its own.
    run : RunSpec
        How long, how often, what to keep.
    trains : mapping
        What the virtual populations fire; those that are left out are silent.

    Returns
    -------
    plan : Plan

    Raises
    ------
    InvalidValue
        If an edge acts on a place that its target lacks, names no place, or a table breaks an invariant of plans.
    """
    placed, cells = place_cells(network)
    drives = {name: len(nodes) for name, nodes in circuit.nodes.items() if name not in network.populations}
    populations = _with_drives(placed, drives, len(network.populations))
    forced = network.synaptic_events
    templates = tuple(_template(name, p, circuit) for name, p in network.populations.items())
    live = [*(_live(circuit, name, n) for name, n in drives.items()), np.ones(len(forced), bool)]
    edges, synapses = _edges(circuit, network, populations, templates)
    with_events = with_forced(forced, populations, cells, templates, edges)
    plan = Plan(
        run=Run(tstop_ms=run.tstop, dt_ms=run.dt, n_trials=run.n_trials, celsius=network.celsius, seed=run.seed),
        populations=populations,
        templates=templates,
        cells=cells,
        edges=with_events,
        drive_cells=DriveCells(first_gid=len(cells.template), live=np.concatenate(live)),
        events=tuple(_events(drives, trains, [e.times for e in forced.values()], k) for k in range(run.n_trials)),
        biases=make_biases(network, populations, templates, run.tstop),
        probes=make_probes(network, cells, templates, run.record),
        synapses=_with_forced_synapses(synapses, edges.connection_labels, with_events.connection_labels, list(forced)),
    )
    check_plan(plan)
    return plan


def _template(name: str, population: Population, circuit: Circuit) -> Template:
    cell = population.cell
    return (
        template_of_points(cell, circuit.nodes[name], circuit)
        if isinstance(cell, PointCellSpec)
        else make_template(name, cell)
    )


def _with_drives(placed: Populations, drives: Mapping[str, int], n_cell_populations: int) -> Populations:
    """Put the virtual populations between those of cells and the entries of forced events."""
    n, k = n_cell_populations, len(drives)
    names = list(placed.names)
    sizes = (placed.gid_stop - placed.gid_start).tolist()
    sizes[n:n] = drives.values()
    names[n:n] = drives
    stop = np.cumsum(sizes, dtype=np.int32)
    return Populations(
        names=tuple(names),
        gid_start=(stop - np.array(sizes, np.int32)).astype(np.int32),
        gid_stop=stop,
        is_drive=np.arange(len(names)) >= n,
        layers=(*placed.layers, *([None] * k)),
        measure_dipole=np.concatenate([placed.measure_dipole, np.zeros(k, bool)]),
    )


def _live(circuit: Circuit, name: str, n: int) -> np.ndarray:
    nodes = circuit.nodes[name]
    return nodes.column("live").astype(bool) if "live" in nodes.attribute_names else np.ones(n, bool)


def _events(drives: Mapping[str, int], trains: Trains, forced: Sequence[tuple[float, ...]], trial: int) -> Events:
    parts, counts = [np.zeros(0)], [np.zeros(1, np.int64)]
    for name, n in drives.items():
        times, ids = trains[name][trial] if name in trains else (np.zeros(0), np.zeros(0, np.int64))
        if len(ids) and not 0 <= ids.min() <= ids.max() < n:
            bad = int(ids.max() if ids.min() >= 0 else ids.min())
            raise InvalidValue(f"spikes of {name!r}, trial {trial}", bad, f"is no node of it (ids are below {n})")
        parts.append(np.asarray(times, float)[np.argsort(ids, kind="stable")])
        counts.append(np.bincount(np.asarray(ids, np.int64), minlength=n))
    parts += [np.array(times) for times in forced]
    counts.append(np.array([len(times) for times in forced], np.int64))
    return Events(time_ms=np.concatenate(parts), offset=np.cumsum(np.concatenate(counts)).astype(np.int64))


def _edges(
    circuit: Circuit, network: NetworkSpec, populations: Populations, templates: tuple[Template, ...]
) -> tuple[Edges, tuple[Synapse, ...]]:
    """Join the circuit's edges: in the order of their rows in the plan they were written from, else as they stand.

    Where cells are points, there is a synapse for each connection; else none.
    """
    labels: dict[int, str] = {}
    synapses: dict[int, Synapse] = {}
    parts = []
    for name, edges in circuit.edges.items():
        if not len(edges):
            continue
        if edges.target not in network.populations:
            raise InvalidValue(f"edges[{name!r}].target", edges.target, "is no population that is simulated")
        with within(f"edges[{name!r}]"):
            parts.append(_contacts(edges, network, populations, templates, labels, synapses))
    columns = {key: np.concatenate([p[key] for p in parts]) if parts else np.zeros(0) for key in _COLUMNS}
    own = _own(parts)
    if parts and all(ROW in p for p in parts):
        order = np.argsort(np.concatenate([p[ROW] for p in parts]), kind="stable")
        columns, own = ({key: column[order] for key, column in table.items()} for table in (columns, own))
    n_labels = max(labels, default=-1) + 1
    edges_table = Edges(
        **{key: columns[key].astype(kind) for key, kind in _COLUMNS.items()},
        connection_labels=tuple(labels.get(k, "") for k in range(n_labels)),
    )
    if not synapses:
        return edges_table, ()
    of_labels = [synapses.get(k, Synapse()) for k in range(n_labels)]
    return edges_table, synapses_of_edges(of_labels, edges_table.connection, own)


_OWN = "parameter "


def _own(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the parameters that contacts have of their own; NaN where one has none."""
    names = dict.fromkeys(key for p in parts for key in p if key.startswith(_OWN))
    return {
        key.removeprefix(_OWN): np.concatenate([p.get(key, np.full(len(p["weight"]), np.nan)) for p in parts])
        for key in names
    }


def _with_forced_synapses(
    synapses: tuple[Synapse, ...], before: tuple[str, ...], after: tuple[str, ...], forced: list[str]
) -> tuple[Synapse, ...]:
    """Return one synapse per connection when forced events have added theirs: those that they copy."""
    if not synapses or len(before) == len(after):
        return synapses
    if any(synapse.of_edges for synapse in synapses):
        raise InvalidValue("synaptic_events", forced, "can't act where single edges have parameters of their own")
    known = {f"{name}-{label}": synapse for label, synapse in zip(before, synapses, strict=True) for name in forced}
    return (*synapses, *(known[label] for label in after[len(before) :]))


_COLUMNS: Mapping[str, type] = immutabledict(
    {
        "source_gid": np.int32,
        "target_gid": np.int32,
        "site": np.int16,
        "weight": np.float64,
        "delay_ms": np.float64,
        "connection": np.int16,
    }
)


def _contacts(
    edges: EdgePopulation,
    network: NetworkSpec,
    populations: Populations,
    templates: tuple[Template, ...],
    labels: dict[int, str],
    synapses: dict[int, Synapse],
) -> dict[str, np.ndarray]:
    """Return one row per contact: an edge that names a group of sections makes one in each of them."""
    ranges = populations.gid_ranges
    template = templates[list(network.populations).index(edges.target)]
    points = template.point is not None
    edge, site = _ports(edges, template) if points else _sites(edges, network, template)
    count = edges.column("nsyns").astype(float) if "nsyns" in edges.attribute_names else np.ones(len(edges))
    columns = {
        "source_gid": ranges[edges.source].start + edges.source_node_id[edge],
        "target_gid": ranges[edges.target].start + edges.target_node_id[edge],
        "site": site,
        "weight": (edges.column("syn_weight").astype(float) * count)[edge],
        "delay_ms": edges.column("delay").astype(float)[edge],
        "connection": _connection(edges, labels, synapses if points else None)[edge],
    }
    if ROW in edges.attributes:
        columns[ROW] = edges.attributes[ROW][edge]
    if points:
        columns |= {_OWN + name: v.astype(float) for name, v in edges.dynamics_params.items() if name != PORT}
    return columns


def _connection(edges: EdgePopulation, labels: dict[int, str], synapses: dict[int, Synapse] | None) -> np.ndarray:
    """Return the connection of each edge: its type's number, else that of its label, which is added if it is new."""
    types, kind = np.unique(edges.edge_type_id, return_inverse=True)
    numbers = []
    for t in types:
        of_type = edges.edge_types.get(int(t), {})
        label = str(of_type.get("label", f"{edges.name}:{t}"))
        given = of_type.get("connection")
        known = [k for k, other in labels.items() if other == label]
        number = int(given) if given is not None else known[0] if known else max(labels, default=-1) + 1
        labels[number] = label
        if synapses is not None:
            synapses[number] = synapse_of(of_type)
        numbers.append(number)
    return np.array(numbers, np.int64)[kind]


def _ports(edges: EdgePopulation, template: Template) -> tuple[np.ndarray, np.ndarray]:
    """Return edge and site of each contact onto point cells."""
    numbers = [int(p[PORT]) for p in template.sites.parameters]
    return np.arange(len(edges)), np.searchsorted(numbers, port_of(edges))


def _sites(edges: EdgePopulation, network: NetworkSpec, template: Template) -> tuple[np.ndarray, np.ndarray]:
    """Return edge and site of each contact, edge by edge."""
    names = template.sections.names
    receptors, receptor = np.unique(edges.column("receptor").astype(str), return_inverse=True)
    table = np.full((len(names), len(receptors)), -1)
    for site, (section, name) in enumerate(zip(template.sites.section, template.sites.receptors, strict=True)):
        table[section, receptors == name] = site
    edge, section_of = _sections(edges, network, names)
    found = table[section_of, receptor[edge]]
    if (found < 0).any():
        bad = int(np.flatnonzero(found < 0)[0])
        section, wanted = int(section_of[bad]), str(receptors[receptor[edge[bad]]])
        present = [r for s, r in zip(template.sites.section, template.sites.receptors, strict=True) if s == section]
        raise UnknownName("receptor", wanted, f"receptor of {edges.target} on {names[section]}", present)
    return edge, found


def _sections(edges: EdgePopulation, network: NetworkSpec, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return edge and section of each contact: the section that an edge names, or all of its location."""
    if "afferent_section_id" in edges.attribute_names:
        section = edges.column("afferent_section_id").astype(np.int64)
        if len(section) and not 0 <= section.min() <= section.max() < len(names):
            bad = section[(section < 0) | (section >= len(names))][0]
            raise InvalidValue("afferent_section_id", int(bad), f"is no section of {edges.target} (has {len(names)})")
        return np.arange(len(edges)), section
    cell = network.populations[edges.target].detailed_cell
    locations, location = np.unique(edges.column("location").astype(str), return_inverse=True)
    members = []
    for name in locations:
        if not cell.sections_at(name):
            known = [n for n in (*cell.locations, *cell.sections) if cell.sections_at(n)]
            raise UnknownName("location", str(name), f"location of {edges.target}", known)
        members.append(np.array([names.index(section) for section in cell.sections_at(name)]))
    sizes = np.array([len(m) for m in members])[location]
    return np.repeat(np.arange(len(edges)), sizes), np.concatenate([members[i] for i in location])
