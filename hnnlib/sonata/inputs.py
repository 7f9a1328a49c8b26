"""What a configuration's ``inputs`` mean: spikes of virtual populations, currents, forced synaptic events."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import within
from hnnlib.compile.circuit import Trains
from hnnlib.io.sonata.config import SimulationConfig
from hnnlib.params.columns import read_current, read_times
from hnnlib.plan.circuit import Circuit
from hnnlib.results.spike_data import SpikeData
from hnnlib.sonata.split import Origin
from hnnlib.sources.function import SpikesFromFunction
from hnnlib.sources.nwb import SpikesFromNWB
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.events import SynapticEvents

__all__ = ["Functions", "Inputs", "inputs_of"]

Functions = Mapping[str, Callable[[Any, Any], Any]]
"""Name -> function(node, sim) that returns a node's spike times (ms)."""

UNNAMED = "default"
"""Population of spikes whose file names none."""

_Trial = tuple[np.ndarray, np.ndarray]


@attrs.frozen(kw_only=True, eq=False)
class Inputs:
    """What acts on the cells of a circuit."""

    trains: Trains
    sources: Mapping[str, Any]  # population -> where its spikes come from, plain data
    clamps: Mapping[str, CurrentClamp]
    events: Mapping[str, SynapticEvents]


def inputs_of(
    config: SimulationConfig, circuit: Circuit, origin: Origin, functions: Functions, points: Container[str] = ()
) -> Inputs:
    """Read all inputs of a configuration.

    Parameters
    ----------
    config : SimulationConfig
        The configuration.
    circuit : Circuit
        The circuit as it is in the files.
    origin : mapping
        Where the populations that are simulated come from.
    functions : mapping of str to callable
        What ``spikes_function`` may name.
    points : container of str
        The populations of point cells. Currents into these are in pA, as NEST takes them.

    Returns
    -------
    inputs : Inputs

    Raises
    ------
    UnknownName
        If an input's type or module is unknown, or its node set names what isn't there.
    InvalidValue
        If spikes are of nodes that the node set lacks, or values don't fit each other.
    """
    trains: dict[str, list[_Trial]] = {}
    sources: dict[str, Any] = {}
    clamps: dict[str, CurrentClamp] = {}
    events: dict[str, SynapticEvents] = {}
    for name, entry in config.inputs.items():
        with within(f"inputs.{name}"):
            kind = str(entry.get("input_type", "spikes"))
            if kind == "spikes":
                for population, trials, source in _spikes(entry, config, circuit, functions):
                    trains[population] = _merged(trains.get(population), trials)
                    sources[population] = {**sources.get(population, {}), name: source}
            elif kind in ("current_clamp", "csv", "file"):
                clamps[name] = _clamp(entry, circuit, origin, config, points)
            elif kind == "syn_activity":
                events[name] = _forced(entry, circuit, origin)
            else:
                raise UnknownName("input_type", kind, "kind of input", ("spikes", "current_clamp", "syn_activity"))
    return Inputs(
        trains=immutabledict(trains),
        sources=immutabledict(sources),
        clamps=immutabledict(clamps),
        events=immutabledict(events),
    )


# ---------------------------------------------------------------------------------------------------- spikes


def _spikes(
    entry: Mapping[str, Any], config: SimulationConfig, circuit: Circuit, functions: Functions
) -> Iterator[tuple[str, list[_Trial], Mapping[str, Any]]]:
    """Yield the spikes of each virtual population that an input drives, trial by trial, and where they come from."""
    nodes = circuit.select(entry.get("node_set", "all"))
    for population in nodes:
        if not circuit.nodes[population].is_virtual:
            raise InvalidValue("node_set", population, "is no virtual population: only those get spikes from files")
    module = str(entry.get("module", "sonata"))
    made = {"function": _by_function, "ecephys_probe": _from_probe}.get(module)
    if made is not None:
        spikes = made(entry, config, circuit, nodes, functions)
        for population, ids in nodes.items():
            yield population, [_of(spikes, population, ids, circuit)], spikes.origin
        return
    files = entry.get("input_file", ())
    per_trial = [_read(module, file) for file in ([files] if isinstance(files, str) else files)]
    if not per_trial:
        raise InvalidValue("input_file", files, "must name a file of spikes")
    trials = [t for spikes in per_trial for t in (spikes.by_trial() if spikes.n_trials > 1 else (spikes,))]
    for population, ids in nodes.items():
        yield (
            population,
            [_of(spikes, population, ids, circuit) for spikes in trials],
            {"source": module, "file": files},
        )


def _by_function(
    entry: Mapping[str, Any],
    config: SimulationConfig,
    circuit: Circuit,
    nodes: Mapping[str, np.ndarray],
    functions: Functions,
) -> SpikeData:
    name = str(entry.get("spikes_function", ""))
    if name not in functions:
        raise UnknownName("spikes_function", name, "function that was given (functions={name: function})", functions)
    tstop, dt = (config.run.get(key) for key in ("tstop", "dt"))
    if tstop is None:
        raise InvalidValue("run.tstop", None, "must be given: the function is told the duration")
    columns = {
        population: {"node_id": ids}
        | {a: circuit.nodes[population].column(a)[ids] for a in circuit.nodes[population].attribute_names}
        for population, ids in nodes.items()
    }
    return SpikesFromFunction(functions[name], float(tstop), float(0.025 if dt is None else dt)).spikes(columns)


def _from_probe(
    entry: Mapping[str, Any],
    config: SimulationConfig,
    circuit: Circuit,
    nodes: Mapping[str, np.ndarray],
    functions: Functions,
) -> SpikeData:
    """Return units of recordings as BMTK's module means them."""
    mapping = str(entry.get("mapping", "sample"))
    source = SpikesFromNWB(
        files=entry.get("input_file", ()),
        units=entry.get("units", {}),
        mapping="sample" if mapping == "sample_without_replacement" else mapping,
        interval=entry.get("interval"),
        offset=float(entry.get("interval_offset", 0.0)),
        missing={"fail": "error", "warn": "silent"}.get(str(entry.get("missing_ids", "fail")), "error"),
        seed=int(entry.get("seed", config.run.get("random_seed", 0))),
    )
    return source.spikes(nodes)


def _of(spikes: SpikeData, population: str, ids: np.ndarray, circuit: Circuit) -> _Trial:
    """Return the spikes of some nodes; a file that names no population serves any."""
    if population in spikes.populations:
        mine = spikes.codes == spikes.populations.index(population)
    elif spikes.populations == (UNNAMED,):
        mine = np.ones(len(spikes), bool)
    else:
        raise UnknownName("node_set", population, "population of the file of spikes", spikes.populations)
    times, nodes = spikes.times[mine], spikes.node_ids[mine]
    n = len(circuit.nodes[population])
    if len(nodes) and nodes.max() >= n:
        raise InvalidValue("input_file", int(nodes.max()), f"is no node of {population!r} (ids are below {n})")
    kept = np.isin(nodes, ids)
    return times[kept], nodes[kept]


def _read(module: str, file: str) -> SpikeData:
    if module in ("sonata", "h5", "hdf5"):
        return SpikeData.from_sonata(file, UNNAMED)
    if module == "csv":
        return SpikeData.from_csv(file, UNNAMED)
    if module == "nwb":
        return SpikeData.from_nwb(file, UNNAMED)
    raise UnknownName("module", module, "module of spikes", ("sonata", "csv", "nwb", "function", "ecephys_probe"))


def _merged(first: list[_Trial] | None, second: list[_Trial]) -> list[_Trial]:
    if first is None:
        return second
    if len(first) != len(second):
        raise InvalidValue("input_file", len(second), f"must be as many trials as of the other inputs, {len(first)}")
    return [(np.concatenate([a, c]), np.concatenate([b, d])) for (a, b), (c, d) in zip(first, second, strict=True)]


# -------------------------------------------------------------------------------------- currents and events


def _cells(node_set: Any, circuit: Circuit, origin: Origin, path: str) -> dict[str, tuple[int, ...] | None]:
    """Return the cells that a node set means: population that is simulated -> indices within it."""
    chosen = circuit.select(node_set, path)
    found: dict[str, tuple[int, ...] | None] = {}
    for name, (population, ids) in origin.items():
        if population in chosen and not circuit.nodes[population].is_virtual:
            rows = np.flatnonzero(np.isin(ids, chosen[population]))
            if len(rows):
                found[name] = tuple(rows.tolist())
    if not found:
        raise InvalidValue(path, node_set, "holds no cell that is simulated")
    return found


def _clamp(
    entry: Mapping[str, Any], circuit: Circuit, origin: Origin, config: SimulationConfig, points: Container[str]
) -> CurrentClamp:
    """Return a clamp; currents are in nA, as NEURON takes them, or into point cells in pA, as NEST does."""
    cells = _cells(entry.get("node_set", "all"), circuit, origin, "node_set")
    of_points = [name in points for name in cells]
    if any(of_points) and not all(of_points):
        raise InvalidValue("node_set", sorted(cells), "holds points and other cells, whose currents have other units")
    to_nA = 1e-3 if any(of_points) else 1.0
    if not any(of_points) and str(config.target_simulator or "NEURON").upper() not in ("NEURON", "CORENEURON"):
        raise InvalidValue("target_simulator", config.target_simulator, "must be NEURON for cells with sections")
    section = "soma" if any(of_points) else str(entry.get("section_name", "soma"))
    for key, only in (("section_index", 0), ("section_dist", 0.5)):
        if entry.get(key, only) != only:
            raise InvalidValue(key, entry[key], f"must be {only}: currents flow into the middle of a section")
    if "file" in entry:
        times, currents = read_current(str(entry["file"]))
        return CurrentClamp.of_values(cells, times, to_nA * np.asarray(currents), section)
    if "amp" not in entry:
        raise InvalidType("amp", None, f"must be a current in {'pA' if any(of_points) else 'nA'}, or a list of them")
    given = {
        "amplitude": _scaled(entry["amp"], to_nA),
        "delay": entry.get("delay", 0.0),
        "duration": entry.get("duration"),
    }
    return CurrentClamp(cells=cells, section=section, **given)


def _scaled(amplitude: Any, factor: float) -> Any:
    """Return currents in nA; what is no number is left for the clamp to refuse."""
    if isinstance(amplitude, tuple | list):
        return tuple(_scaled(a, factor) for a in amplitude)
    numeric = isinstance(amplitude, int | float) and not isinstance(amplitude, bool)
    return amplitude * factor if numeric and factor != 1.0 else amplitude


def _forced(entry: Mapping[str, Any], circuit: Circuit, origin: Origin) -> SynapticEvents:
    """Return forced events as BMTK means them: matching contacts hear the times, the others between cells nothing."""
    if "precell_filter" not in entry:
        raise InvalidType("precell_filter", None, "must be a filter of the source cells, e.g. {'population': 'L2'}")
    times: Any = entry.get("timestamps")
    post = entry.get("postcell_filter")
    return SynapticEvents(
        times=read_times(times) if isinstance(times, str) else times,
        pre=_cells(entry["precell_filter"], circuit, origin, "precell_filter"),
        post=None if post is None else _cells(post, circuit, origin, "postcell_filter"),
        mode=str(entry.get("mode", "isolate")),
    )
