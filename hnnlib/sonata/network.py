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
from hnnlib.sonata.split import Origin, split_by_type
from hnnlib.sonata.tables import OF_POPULATION, SCHEMA, TEMPLATE
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population
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
        digest = digest_of(tuple(self.circuit.edges.values()), trains)
        return {"files": {"config": self.config.file, "sources": self.sources, "digest": digest}}

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
        `hnnlib.SpikesFromFunction`.

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
    circuit, origin = split_by_type(files)
    populations = {name: _population(nodes, config) for name, nodes in circuit.nodes.items() if not nodes.is_virtual}
    inputs = inputs_of(config, files, origin, functions or {})
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
        run=_run(config),
        origin=origin,
        files=files,
        config=config,
    )


def _run(config: SimulationConfig) -> RunSpec | None:
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
        record=record_of(config, dt),
    )


def _population(nodes: NodePopulation, config: SimulationConfig) -> Population:
    row: Mapping[str, Any] = nodes.node_types.get(int(nodes.node_type_id[0]), {}) if len(nodes) else {}
    template = str(row.get("model_template", _one(nodes, "model_template")))
    if not template.startswith(SCHEMA):
        point = _one(nodes, "model_type") in ("point_neuron", "point_process")
        hint = "; point neurons need the NEST engine" if point else ""
        allowed = f"hnnlib simulates cells of its own ({TEMPLATE}, {SCHEMA}L5_pyramidal, …) and virtual ones"
        raise FileFormatError(
            config.file, f"population {nodes.name!r} has model_template {template!r}: {allowed}{hint}"
        )
    given = {field: row[field] for field in OF_POPULATION if row.get(field) is not None}
    if "measure_dipole" in given:
        given["measure_dipole"] = bool(given["measure_dipole"])
    for field in ("layer", "color", "marker"):
        if field in given:
            given[field] = _text(given[field])
    place = AtPoints(points=_points(nodes))
    if template == TEMPLATE:
        return Population(cell=_cell(row, nodes.name, config), place=place, **given)
    shipped = jones_2009_model().spec.populations
    name = template.removeprefix(SCHEMA)
    if name not in shipped:
        raise UnknownName(f"nodes[{nodes.name!r}].model_template", name, "cell of hnnlib", shipped)
    return attrs.evolve(shipped[name], place=place, **given)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _one(nodes: NodePopulation, name: str) -> Any:
    values = set(nodes.column(name).tolist()) if name in nodes.attribute_names else set()
    return values.pop() if len(values) == 1 else None


def _points(nodes: NodePopulation) -> tuple[tuple[float, float, float], ...]:
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
