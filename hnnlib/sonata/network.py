"""Networks read from SONATA files, ready to simulate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.base.schema import from_plain
from hnnlib.compile.circuit import Trains, compile_circuit
from hnnlib.editor.models import jones_2009_model
from hnnlib.io.sonata.circuit import read_circuit
from hnnlib.io.sonata.config import SimulationConfig, read_config
from hnnlib.io.sonata.node_sets import read_json
from hnnlib.plan.circuit import Circuit, NodePopulation
from hnnlib.plan.tables import Plan, digest_of
from hnnlib.sonata.inputs import Functions, inputs_of
from hnnlib.sonata.outputs import electrodes_of, record_of
from hnnlib.sonata.points import NEST, POINT_TYPES, is_point, point_cell, with_parameters
from hnnlib.sonata.split import Origin, split_by_type
from hnnlib.sonata.tables import OF_POPULATION, SCHEMA, TEMPLATE
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population
from hnnlib.spec.points import PointCellSpec
from hnnlib.spec.run import RunSpec

__all__ = ["SonataNetwork", "read_sonata"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SonataNetwork:
    """A network whose cells, contacts and input spikes were read from SONATA files.

    `hnnlib.simulate` takes it like a `Network`; ``run`` holds what its configuration says of duration, step, trials and
    recordings.

    Parameters
    ----------
    spec : NetworkSpec
        The populations that are simulated, and what acts on and measures them.
    circuit : Circuit
        All nodes and edges; virtual populations are the drives.
    trains : mapping
        What the drives fire, by population and trial.
    sources : mapping
        Where that comes from, as plain data: files, seeds, which recorded unit became which node. It goes into the
        result's provenance.
    run : RunSpec or None
        The configuration's run; None for a circuit without a simulation.
    origin : mapping
        Population -> where its cells are in the files: population and ids.
    files : Circuit
        The circuit as it is in the files.
    config : SimulationConfig
        The configuration.
    """

    spec: NetworkSpec
    circuit: Circuit
    trains: Trains
    sources: Mapping[str, Any]
    run: RunSpec | None
    origin: Origin
    files: Circuit
    config: SimulationConfig

    def compile(self, run: RunSpec) -> Plan:
        """Return the plan of a run.

        Parameters
        ----------
        run : RunSpec
            How long, how often, what to keep. Spikes of files for several trials serve as many; those for one trial
            serve all.

        Raises
        ------
        InvalidValue
            If there are more trials than the files have spikes for, or a table breaks an invariant.
        """
        trains: dict[str, Any] = {}
        for name, trials in self.trains.items():
            if 1 < len(trials) < run.n_trials:
                raise InvalidValue(
                    "n_trials", run.n_trials, f"must be at most {len(trials)}, the trials that {name!r} has spikes for"
                )
            trains[name] = [trials[k if len(trials) > 1 else 0] for k in range(run.n_trials)]
        return compile_circuit(self.circuit, self.spec, run, trains)

    @property
    def provenance(self) -> dict[str, Any]:
        """What a result keeps of the files, as plain data; ``digest`` tells contacts and spikes apart."""
        trains = [[list(trial) for trial in trials] for trials in self.trains.values()]
        own = [nodes.dynamics_params for nodes in self.circuit.nodes.values()]
        digest = digest_of(tuple(self.circuit.edges.values()), trains, *([own] if any(own) else []))
        return {"files": {"config": self.config.file, "sources": self.sources, "digest": digest}}

    def groups(self, attribute: str) -> dict[str, np.ndarray]:
        """Return the cells that have each value of an attribute, e.g. to group a figure by it.

        Parameters
        ----------
        attribute : str
            An attribute of nodes, by node or by type: ``pop_name``, ``ei``, ``location`` and the like; ``population``
            for the populations of the files.

        Returns
        -------
        groups : dict of str to array of int
            Value -> gids, in the order in which values first occur. Cells without a value are left out.

        Raises
        ------
        UnknownName
            If no cell has such an attribute.
        """
        groups: dict[str, list[int]] = {}
        first, known = 0, {"population"}
        for name in self.spec.populations:
            nodes = self.circuit.nodes[name]
            known |= set(nodes.attribute_names)
            if attribute == "population":
                values: list[Any] = [self.origin[name][0]] * len(nodes)
            else:
                has = attribute in nodes.attribute_names
                values = nodes.column(attribute).tolist() if has else [None] * len(nodes)
            for gid, value in enumerate(values, first):
                if value is not None and value == value:  # NaN: missing among numbers
                    groups.setdefault(str(value), []).append(gid)
            first += len(nodes)
        if attribute not in known:
            raise UnknownName("attribute", attribute, "attribute of the cells", sorted(known))
        return {value: np.array(gids) for value, gids in groups.items()}

    def __repr__(self) -> str:
        cells = sum(len(self.circuit.nodes[name]) for name in self.spec.populations)
        edges = sum(len(e) for e in self.circuit.edges.values())
        return f"<SonataNetwork | {cells} cells, {len(self.trains)} inputs, {edges} edges, {self.config.file}>"


def read_sonata(path: str | os.PathLike[str], functions: Functions | None = None) -> SonataNetwork:
    """Read a network from SONATA files.

    Parameters
    ----------
    path : path-like
        A configuration, or a folder that holds ``config.json``.
    functions : mapping of str to callable, optional
        What an input of module ``function`` may name: ``function(node, sim)`` returns a node's spike times (ms), see
        `hnnlib.SpikesFromFunction`. And what ``weight_function`` of edges onto point cells may name:
        ``function(edges, sources, targets)`` gets three mappings from attributes to columns with one entry per edge,
        and returns the weight of each edge, all its synapses together. ``wmax`` is there: ``syn_weight`` by synapse.

    Returns
    -------
    network : SonataNetwork

    Raises
    ------
    MissingFile
        If a file is missing; names who asks for it.
    FileFormatError
        If a file is damaged or something else, or a population is none that hnnlib can simulate.
    InvalidValue
        If an input or report asks for what is not there.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "config.json"
    config = read_config(file)
    files = read_circuit(config)
    circuit, origin = split_by_type(with_parameters(files, functions or {}))
    populations, nodes = {}, {}
    for name, of_name in circuit.nodes.items():
        nodes[name] = of_name
        if not of_name.is_virtual:
            populations[name], nodes[name] = _population(of_name, config)
    circuit = attrs.evolve(circuit, nodes=nodes)
    points = {name for name, population in populations.items() if isinstance(population.cell, PointCellSpec)}
    inputs = inputs_of(config, files, origin, functions or {}, points)
    conditions, run = config.conditions, config.run
    spec = NetworkSpec(
        populations=populations,
        current_clamps=inputs.clamps,
        synaptic_events=inputs.events,
        electrodes=electrodes_of(config),
        threshold=float(run.get("spike_threshold", 0.0)),
        celsius=float(conditions.get("celsius", 37.0)),
        baseline=conditions.get("dipole_baseline"),
    )
    return SonataNetwork(
        spec=spec,
        circuit=circuit,
        trains=inputs.trains,
        sources=inputs.sources,
        run=_run(config, files, origin, points),
        origin=origin,
        files=files,
        config=config,
    )


def _run(config: SimulationConfig, files: Circuit, origin: Origin, points: set[str]) -> RunSpec | None:
    run = config.run
    tstop = run.get("tstop", run.get("duration"))
    if tstop is None:
        return None
    if run.get("tstart", 0.0) != 0.0:
        raise InvalidValue(f"{config.file}: run.tstart", run["tstart"], "must be 0 ms")
    dt = float(run.get("dt", 0.025))
    return RunSpec(
        tstop=float(tstop),
        dt=dt,
        n_trials=int(run.get("n_trials", run.get("n_runs", 1))),
        seed=int(run.get("random_seed", 0)),
        record=record_of(config, dt, files, origin, points),
    )


def _population(nodes: NodePopulation, config: SimulationConfig) -> tuple[Population, NodePopulation]:
    """Return a population as it is simulated, and its nodes with the parameters that single ones have."""
    row: Mapping[str, Any] = nodes.node_types.get(int(nodes.node_type_id[0]), {}) if len(nodes) else {}
    template = str(row.get("model_template", _one(nodes, "model_template")))
    point = is_point(nodes)
    if not template.startswith(SCHEMA) and not point:
        allowed = (
            f"hnnlib simulates cells of its own ({TEMPLATE}, {SCHEMA}L5_pyramidal, …), points ({NEST}MODEL, of "
            f"model_type {' or '.join(POINT_TYPES)}) and virtual ones"
        )
        raise FileFormatError(config.file, f"population {nodes.name!r} has model_template {template!r}: {allowed}")
    given = {field: row[field] for field in OF_POPULATION if row.get(field) is not None}
    if "measure_dipole" in given:
        given["measure_dipole"] = bool(given["measure_dipole"])
    for field in ("layer", "color", "marker"):
        if field in given:
            given[field] = _text(given[field])
    if point:
        signs = {"e": "excitatory", "i": "inhibitory"}
        given.setdefault("electro_type", signs.get(str(row.get("ei"))))
        cell, nodes = point_cell(nodes, config.components)
        return Population(cell=cell, place=AtPoints(points=_points(nodes, needed=False)), **given), nodes
    place = AtPoints(points=_points(nodes))
    if template == TEMPLATE:
        return Population(cell=_cell(row, nodes.name, config), place=place, **given), nodes
    shipped = jones_2009_model().spec.populations
    name = template.removeprefix(SCHEMA)
    if name not in shipped:
        raise UnknownName(f"nodes[{nodes.name!r}].model_template", name, "cell of hnnlib", shipped)
    return attrs.evolve(shipped[name], place=place, **given), nodes


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _one(nodes: NodePopulation, name: str) -> Any:
    values = set(nodes.column(name).tolist()) if name in nodes.attribute_names else set()
    return values.pop() if len(values) == 1 else None


def _points(nodes: NodePopulation, needed: bool = True) -> tuple[tuple[float, float, float], ...]:
    if not needed and "x" not in nodes.attribute_names and "positions" not in nodes.attribute_names:
        return ((0.0, 0.0, 0.0),) * len(nodes)  # nothing hangs on where a point is
    if not {"x", "y", "z"} <= set(nodes.attribute_names) and "positions" not in nodes.attribute_names:
        raise UnknownName(f"nodes[{nodes.name!r}]", "x", "attribute (positions x, y, z in µm)", nodes.attribute_names)
    return tuple(map(tuple, np.asarray(nodes.column("positions"), float).tolist()))


def _cell(row: Mapping[str, Any], name: str, config: SimulationConfig) -> CellSpec:
    folder = config.components.get("biophysical_neuron_models_dir")
    named = row.get("dynamics_params")
    if folder is None or not named:
        missing = "components.biophysical_neuron_models_dir" if folder is None else "dynamics_params"
        raise FileFormatError(config.file, f"population {name!r}: the cell's file is not named ({missing})")
    file = Path(folder) / str(named)
    if not file.is_file():
        raise MissingFile(file, f"there is no such file, which population {name!r} names as its cell")
    try:
        cell: CellSpec = from_plain(CellSpec, read_json(file), "")
    except InvalidValue as error:
        raise FileFormatError(file, f"is no cell of hnnlib: {error}") from error
    return cell
