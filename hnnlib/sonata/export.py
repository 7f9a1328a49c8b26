"""Networks and results as folders of SONATA files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import attrs

from hnnlib.base.atomic import replacing_folder
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.io.sonata.circuit import write_circuit
from hnnlib.io.sonata.config import SimulationConfig, write_config
from hnnlib.io.sonata.spikes import write_spikes_sonata
from hnnlib.plan.tables import Plan
from hnnlib.results.result import Result
from hnnlib.sonata.network import SonataNetwork
from hnnlib.sonata.outputs import of_trial, report_entries, write_outputs
from hnnlib.sonata.tables import circuit_of, clamps_of, events_of
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import Record, RunSpec

__all__ = ["write_sonata"]

_FROM_FILES = "is of a network that is in SONATA files already; hnnlib.write_circuit(network.files, folder) copies it"


def write_sonata(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    tstop: float | None = None,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    record: Record | None = None,
    overwrite: bool = True,
) -> Path:
    """Write a network, or a result and the network that gave it, as a folder of SONATA files.

    The folder is complete: `read_sonata` and ``hnnlib run FOLDER/config.json`` need nothing else and simulate the same
    numbers::

        config.json                           links circuit_config.json, simulation_config.json, node_sets.json
        network/L5_pyramidal_nodes.h5, …      each population, with its table of types; drives are virtual ones
        network/…_L5_pyramidal_edges.h5, …    each contact: section, weight (µS), delay (ms); both indices
        components/cells/NAME.json            what each cell is; components/synapses/NAME_RECEPTOR.json
        inputs/spikes.h5                      what the drives fire (spikes_0.h5, spikes_1.h5, … of several trials)
        output/                               of a result: spikes, reports of what was recorded, dipoles, result.h5

    Parameters
    ----------
    source : Network, NetworkSpec or Result
        What to write.
    folder : path-like
        The folder; it is made, or takes the place of an earlier export.
    tstop : float
        Duration (ms); a result has its own.
    dt : float
        Time step (ms); a result has its own.
    n_trials, seed : int
        Number of trials, and their seed; a result has its own.
    record : Record, optional
        As in `simulate`; a result has its own.
    overwrite : bool
        Whether an earlier export may be replaced.

    Returns
    -------
    config : pathlib.Path
        The file ``config.json``.

    Raises
    ------
    InvalidType
        If the source is none of these, or has no duration.
    OutputError
        If the folder can't be written, or holds something that is no export. What was there is then untouched.
    """
    network, run, result = _read(source, tstop, dt, n_trials, seed, record)
    plan = compile_plan(network, run)
    with replacing_folder(folder, "config.json", overwrite) as work:
        for part in ("components/cells", "components/synapses", "inputs"):
            (work / part).mkdir(parents=True)
        _write_components(work / "components", plan, network)
        for trial in range(run.n_trials):
            write_spikes_sonata(
                events_of(plan, trial), work / "inputs" / of_trial("spikes.h5", trial, run.n_trials), None
            )
        config = _config(work, plan, network, run)
        write_config(config, work)
        if result is not None:
            write_outputs(result, config, network)
    return Path(folder) / "config.json"


def _read(
    source: Any, tstop: float | None, dt: float, n_trials: int, seed: int, record: Record | None
) -> tuple[NetworkSpec, RunSpec, Result | None]:
    if isinstance(source, Result):
        plain = source.provenance
        if "files" in plain:
            raise InvalidType("source", source, _FROM_FILES)
        if "network" not in plain or "run" not in plain:
            raise InvalidValue("source.provenance", list(plain), "must hold the network and the run")
        network: NetworkSpec = from_plain(NetworkSpec, plain["network"], "network")
        run: RunSpec = from_plain(RunSpec, plain["run"], "run")
        if source.n_trials != run.n_trials:
            raise InvalidValue("source.n_trials", source.n_trials, f"must be all of the run's trials, {run.n_trials}")
        return network, run, source
    if isinstance(source, SonataNetwork):
        raise InvalidType("source", source, _FROM_FILES)
    network = getattr(source, "spec", source)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("source", source, "must be a Network, a NetworkSpec or a Result")
    if tstop is None:
        raise InvalidType("tstop", tstop, "must be a duration in ms: what the drives fire depends on it")
    return network, RunSpec(tstop=tstop, dt=dt, n_trials=n_trials, seed=seed, record=record or Record()), None


def _write_components(folder: Path, plan: Plan, network: NetworkSpec) -> None:
    for name, population in network.populations.items():
        _write_json(folder / "cells" / f"{name}.json", to_plain(population.cell))
    for template in plan.templates:
        sites = template.sites
        for receptor, mechanism, values in zip(sites.receptors, sites.mechanisms, sites.parameters, strict=True):
            synapse = {
                "level_of_detail": mechanism.lower(),
                **{"erev" if k == "e" else k: v for k, v in values.items()},
            }
            _write_json(folder / "synapses" / f"{template.name}_{receptor}.json", synapse)


def _write_json(file: Path, data: Any) -> None:
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")


def _config(work: Path, plan: Plan, network: NetworkSpec, run: RunSpec) -> SimulationConfig:
    """Write the circuit; return the configuration, with paths in the folder that is being filled."""
    drives = [n for n, is_drive in zip(plan.populations.names, plan.populations.is_drive, strict=True) if is_drive]
    files = [str(work / "inputs" / of_trial("spikes.h5", k, run.n_trials)) for k in range(run.n_trials)]
    inputs: dict[str, Any] = {
        name: {
            "input_type": "spikes",
            "module": "sonata",
            "node_set": name,
            "input_file": files[0] if len(files) == 1 else files,
        }
        for name in drives
    }
    for i, clamp in enumerate(clamps_of(plan)):
        ((population, cells),) = clamp.cells.items()
        inputs[f"clamp_{i}"] = {
            "input_type": "current_clamp",
            "module": "IClamp",
            "node_set": {"population": population, "node_id": list(cells or ())},
            "section_name": clamp.section,
            "amp": clamp.amplitude,
            "delay": clamp.delay,
            "duration": clamp.duration,
        }
    circuit = attrs.evolve(
        circuit_of(plan, network),
        components={
            "biophysical_neuron_models_dir": str(work / "components/cells"),
            "morphologies_dir": str(work / "components/cells"),  # a cell's sections stand in the same file
            "synaptic_models_dir": str(work / "components/synapses"),
        },
        node_sets={"cells": {"population": list(network.populations)}},
    )
    return attrs.evolve(
        write_circuit(circuit, work),
        run={
            "tstop": run.tstop,
            "dt": run.dt,
            "n_trials": run.n_trials,
            "random_seed": run.seed,
            "spike_threshold": network.threshold,
        },
        conditions={
            "celsius": network.celsius,
            **({} if network.baseline is None else {"dipole_baseline": network.baseline}),
        },
        output={"output_dir": str(work / "output"), "spikes_file": "spikes.h5"},
        inputs=inputs,
        reports=report_entries(run, network, work / "inputs"),
        target_simulator="NEURON",
    )
