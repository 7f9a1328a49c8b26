"""One scenario, every engine, and one network, every launcher: between them they use all that these must do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import numpy as np
import pytest
from immutabledict import immutabledict

import hnnlib as hn
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.backends.protocol import join
from hnnlib.models.columns import calcium, law_2021, neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records, TrialRecord
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population, TonicBias
from hnnlib.spec.profiles import Exponential, Linear, Sampled
from hnnlib.spec.run import RunSpec

_CELLS = ("L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal")


def _column(params: Mapping[str, Any], mesh: tuple[int, int], **changes: Any) -> hn.NetworkSpec:
    return attrs.evolve(neymotin_2020(params, mesh), baseline=None, **changes)


def _evoked(weights: dict[str, dict[str, float]], location: str, **options: Any) -> EvokedDrive:
    return EvokedDrive(location=location, weights=weights, space_constant=100.0, event_seed=1, **options)


def _each_cell_by_a_bias(params):
    amplitudes = {"L2_basket": 0.4, "L2_pyramidal": 1.0, "L5_basket": 0.7, "L5_pyramidal": 2.5}
    biases = {name: TonicBias(amplitude=amplitude) for name, amplitude in amplitudes.items()}
    return _column(params, (1, 1), connections=(), biases={"on": biases}), RunSpec(tstop=60.0)


def _tuft_input(params):
    weights = {"L2_pyramidal": {"ampa": 0.02, "nmda": 0.03}, "L5_pyramidal": {"ampa": 0.1, "nmda": 0.2}}
    drive = _evoked(weights, "distal", mu=10.0, sigma=1.0, numspikes=4, n_drive_cells=1)
    return _column(params, (1, 1), connections=(), drives={"tuft": drive}), RunSpec(tstop=60.0)


def _dense_synchronous_input(params):
    weights = {name: {"ampa": 0.005, "nmda": 0.002} for name in _CELLS}
    distal = {name: weights[name] for name in _CELLS if name != "L5_basket"}
    drives = {
        "below": _evoked(weights, "proximal", mu=8.0, sigma=1.5, numspikes=40, n_drive_cells=2),
        "above": _evoked(distal, "distal", mu=20.0, sigma=0.0, numspikes=40, n_drive_cells=2),
    }
    return _column(params, (3, 2), drives=drives), RunSpec(tstop=45.0)


def _all_receptors(params):
    pyramidal = ("L2_pyramidal", "L5_pyramidal")
    every = {"ampa": 0.01, "nmda": 0.005, "gabaa": 0.004, "gabab": 0.002}
    basket = {"ampa": 0.02, "nmda": 0.003, "gabaa": 0.01}
    soma = {"gabaa": 0.003, "gabab": 0.003}
    targets = {
        "proximal": {**dict.fromkeys(pyramidal, every), **dict.fromkeys(("L2_basket", "L5_basket"), basket)},
        "distal": {**dict.fromkeys(pyramidal, every), "L2_basket": basket},
        "soma": dict.fromkeys(pyramidal, soma),
        "basal_1": dict.fromkeys(pyramidal, every),
    }
    drives = {
        f"at_{location}": SpikeTrainDrive(
            location=location, weights=weights, delays=0.7 * k, trains=[(3.0 + k, 3.01 + k, 11.0), (0.0, 6.5, 14.9)],
            n_drive_cells=2, space_constant=100.0,
        )
        for k, (location, weights) in enumerate(targets.items())
    }  # fmt: skip
    return _column(params, (1, 1), drives=drives), RunSpec(tstop=30.0)


def _stellate() -> CellSpec:
    """Return a cell whose root is no soma, with branches at both ends and membrane that varies in every way."""
    hh2 = {"gnabar": 0.12, "gkbar": 0.02, "gl": 1e-4, "el": -70.0}
    graded = {
        "hh2": {**hh2, "gnabar": Linear(start=0.05, end=0.005, reach=150.0)},
        "km": {"gbar": Exponential(scale=5.0, rate=0.004, offset=1.0)},
        "ca": {"gbar": 4.0},
        "cad": {},
        "kca": {"gbar": Sampled(values=(0.1, 0.5, 2.0, 0.0))},
    }
    leak = {"pas": {"g": 2e-4, "e": -70.0}}
    sections = {
        "twig": SectionSpec(L=70.0, diam=1.2, parent="left", nseg=2, v0=-70.0, mechanisms=leak, receptors=("fast",)),
        "stem": SectionSpec(L=40.0, diam=5.0, v0=-70.0, mechanisms=leak, receptors=("slow",)),
        "soma": SectionSpec(
            L=22.0, diam=18.0, parent="stem", parent_end=0, cm=0.9, Ra=150.0, v0=-70.0, mechanisms={"hh2": hh2},
            receptors=("fast", "instant", "slow"),
        ),
        "left": SectionSpec(
            L=200.0, diam=2.5, parent="stem", nseg=4, v0=-70.0, mechanisms=graded, receptors=("fast", "instant")
        ),
        "right": SectionSpec(
            L=130.0, diam=1.5, parent="stem", Ra=80.0, v0=-68.0, direction=(1.0, 0.0, 0.0),
            mechanisms={"hh2": {**hh2, "gkbar": 0.03}, "ar": {"gbar": 1e-5}, "cat": {"gbar": 1e-4}},
            receptors=("slow",),
        ),
        "axon": SectionSpec(L=60.0, diam=1.0, parent="soma", nseg=3, v0=-70.0, mechanisms={"hh2": hh2}),
    }  # fmt: skip
    return CellSpec(
        sections=sections,
        synapses={
            "fast": SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 3.0}),
            "slow": SynapseSpec(parameters={"e": -80.0, "tau1": 2.0, "tau2": 30.0}),
            "instant": SynapseSpec(mechanism="ExpSyn", parameters={"e": 10.0, "tau": 2.0}),
        },
        locations={"anywhere": ("soma", "left", "twig")},
        dipole_axis="left",
        spike_section="axon",
    )


def _custom_cell(params):
    points = [(15.0 * k, 4.0 * k, 100.0) for k in range(10)]
    population = Population(cell=_stellate(), place=AtPoints(points=points), layer="4", measure_dipole=True)
    loose = Population(cell=_stellate(), place=AtPoints(points=points[:1]), threshold=-30.0)

    def connection(source: str, target: str, location: str, receptor: str, weight: float, **more: Any):
        options = {"weight": weight, "space_constant": 200.0, "delay": 0.8, **more}
        return ConnectionSpec(source=source, target=target, location=location, receptor=receptor, **options)

    connections = (
        connection("grid", "grid", "anywhere", "fast", 1e-4, probability=0.6, allow_autapses=False),
        connection("grid", "loose", "left", "instant", 0.003),
        connection("loose", "grid", "right", "slow", 0.002, delay=2.3),
    )
    drives = {
        "train": SpikeTrainDrive(
            location="left", weights={"grid": {"instant": 0.02, "fast": 0.01}}, delays=0.3, space_constant=500.0,
            trains=[(2.0, 2.6, 9.0, 9.4, 21.0)], probability=0.7, conn_seed=4,
        )
    }  # fmt: skip
    network = NetworkSpec(
        populations={"grid": population, "loose": loose},
        connections=connections,
        drives=drives,
        biases={"push": {"grid": TonicBias(amplitude=0.15, t0=12.0, section="left")}},
    )
    return network, RunSpec(tstop=50.0)


def _law(params):
    return attrs.evolve(add_drives(law_2021(params, (2, 2)), params), baseline=None), RunSpec(tstop=45.0)


def _calcium(params):
    return attrs.evolve(add_drives(calcium(params, (2, 2)), params), baseline=None), RunSpec(tstop=45.0)


def _drives_of_every_kind(params):
    common = {"location": "proximal", "space_constant": 100.0, "event_seed": 3, "conn_seed": 5}
    both = {"L2_pyramidal": {"ampa": 0.02}, "L5_pyramidal": {"ampa": 0.02, "nmda": 0.01}}
    rates = {"L2_pyramidal": 80.0, "L5_pyramidal": 120.0}
    drives = {
        "bursts": BurstyDrive(
            weights=both, burst_rate=40.0, burst_std=2.0, tstart=5.0, tstart_std=1.0, numspikes=3, spike_isi=4.0,
            n_drive_cells=3, probability=0.5, delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.3}, **common,
        ),
        "noise": PoissonDrive(weights=both, rate=rates, tstart=2.0, tstop=40.0, probability=0.7, **common),
        "train": SpikeTrainDrive(
            weights={"L2_basket": {"ampa": 0.05}, "L5_basket": {"nmda": 0.05}}, trains=[(4.0, 17.3), (), (30.1,)],
            n_drive_cells=3, probability=0.5, **common,
        ),
        "jitter": _evoked({"L2_pyramidal": {"ampa": 0.05}}, "distal", mu=25.0, sigma=10.0, numspikes=2),
    }  # fmt: skip
    return _column(params, (3, 3), drives=drives), RunSpec(tstop=60.0)


def _biases_between_steps(params):
    def bias(amplitude: float, t0: float, tstop: float | None, section: str = "soma") -> TonicBias:
        return TonicBias(amplitude=amplitude, t0=t0, tstop=tstop, section=section)

    biases = {
        "long": {"L5_pyramidal": bias(1.5, 3.013, 41.987), "L2_basket": bias(0.5, 0.0125, 30.0375)},
        "dendrite": {"L5_pyramidal": bias(2.0, 10.0, 10.0625, "apical_tuft"), "L2_pyramidal": bias(0.8, 1e-9, None)},
        "pull": {"L5_pyramidal": bias(-1.0, 20.0, 25.00001), "L2_pyramidal": bias(-2.0, 7.77, 7.77, "basal_2")},
        "late": {"L5_basket": bias(0.9, 33.3, 500.0), "L2_basket": bias(5.0, 700.0, 800.0)},
    }
    return _column(params, (1, 1), biases=biases), RunSpec(tstop=50.0)


def _two_columns(params):
    return attrs.evolve(add_drives(neymotin_2020(params, (1, 2)), params), baseline=None), RunSpec(tstop=90.0)


def _short_delays(params):
    network = add_drives(neymotin_2020(params, (2, 2)), params)
    connections = tuple(attrs.evolve(c, delay=0.1, space_constant=100.0) for c in network.connections)
    return attrs.evolve(network, baseline=None, connections=connections), RunSpec(tstop=50.0)


def _autapses_and_thresholds(params):
    network = add_drives(neymotin_2020(params, (2, 1)), params)
    connections = tuple(attrs.evolve(c, allow_autapses=True, weight=2 * c.weight) for c in network.connections)
    thresholds = {"L2_basket": -20.0, "L2_pyramidal": 5.0, "L5_basket": -40.0, "L5_pyramidal": -30.0}
    populations = {n: attrs.evolve(p, threshold=thresholds[n]) for n, p in network.populations.items()}
    # above the threshold from the start: a spike at t = 0
    populations["L5_basket"] = attrs.evolve(populations["L5_basket"], threshold=-64.98)
    network = attrs.evolve(network, baseline=None, connections=connections, populations=populations)
    return network, RunSpec(tstop=45.0)


def _cooler_and_finer(params):
    network = attrs.evolve(add_drives(neymotin_2020(params, (1, 1)), params), baseline=None, celsius=35.5)
    biases = {"b": {"L5_pyramidal": TonicBias(amplitude=1.5, t0=1.0)}}
    return attrs.evolve(network, biases=biases), RunSpec(tstop=33.3333, dt=0.01)


def _coarse_steps(params):
    network = attrs.evolve(add_drives(neymotin_2020(params, (1, 1)), params), baseline=None, celsius=38.0)
    biases = {"b": {"L5_pyramidal": TonicBias(amplitude=1.5, t0=1.0)}}
    return attrs.evolve(network, biases=biases), RunSpec(tstop=41.27, dt=0.05)


SCENARIOS: Mapping[str, Callable[..., tuple[NetworkSpec, RunSpec]]] = {
    "each cell by a bias": _each_cell_by_a_bias,
    "tuft input": _tuft_input,
    "dense synchronous input": _dense_synchronous_input,
    "all receptors": _all_receptors,
    "custom cell": _custom_cell,
    "Law 2022": _law,
    "calcium": _calcium,
    "drives of every kind": _drives_of_every_kind,
    "biases between steps": _biases_between_steps,
    "two columns": _two_columns,
    "short delays": _short_delays,
    "autapses and thresholds": _autapses_and_thresholds,
    "35.5 °C, dt 0.01": _cooler_and_finer,
    "38 °C, dt 0.05": _coarse_steps,
}


@pytest.fixture(scope="session", params=SCENARIOS)
def scenario(request, default_params) -> Plan:
    """The plan of each scenario in turn."""
    return _plan(request.param, default_params)


@pytest.fixture(scope="session")
def plan_of(default_params) -> Callable[..., Plan]:
    """Return a function: name of a scenario, changes of its network, options of its run -> plan."""

    def make(name: str, changes: Mapping[str, Any] | None = None, **options: Any) -> Plan:
        return _plan(name, default_params, changes or {}, options)

    return make


def _plan(name: str, params: Any, changes: Mapping[str, Any] = (), options: Mapping[str, Any] = ()) -> Plan:
    from hnnlib.compile.build import compile_plan

    network, run = SCENARIOS[name](params)
    return compile_plan(attrs.evolve(network, **dict(changes)), attrs.evolve(run, **dict(options)))


@attrs.frozen
class Agreement:
    """How far two engines are apart in one trial."""

    n_spikes: int  # of cells
    same_gids: bool  # each cell has as many spikes
    spikes_ms: float  # largest difference of a spike's time; inf where the gids differ
    rms: float  # of the dipole, by its peak, of the component that is furthest off
    max: float


@pytest.fixture(scope="session")
def agreement() -> Callable[[Plan, TrialRecord, TrialRecord], Agreement]:
    """Return a function: plan, our trial, the other's trial -> how far they are apart."""

    def compare(plan: Plan, ours: TrialRecord, theirs: TrialRecord) -> Agreement:
        order = [np.lexsort((t.spike_times_ms, t.spike_gids)) for t in (ours, theirs)]
        gids = [t.spike_gids[o] for t, o in zip((ours, theirs), order, strict=True)]
        same = bool(np.array_equal(*gids))
        times = [t.spike_times_ms[o] for t, o in zip((ours, theirs), order, strict=True)]
        dipole, reference = ours.samples["dipole"], theirs.samples["dipole"]
        off, peak = np.abs(dipole - reference), np.abs(reference).max(axis=0)
        assert dipole.shape == reference.shape
        assert (peak > 0).all()
        return Agreement(
            n_spikes=int(np.count_nonzero(theirs.spike_gids < plan.n_cells)),
            same_gids=same,
            spikes_ms=float(np.abs(times[0] - times[1]).max(initial=0.0)) if same else np.inf,
            rms=float((np.sqrt((off**2).mean(axis=0)) / peak).max()),
            max=float((off.max(axis=0) / peak).max()),
        )

    return compare


# ------------------------------------------------------- one network that has all that goes into a plan, for launchers


@attrs.frozen(eq=False)
class Rich:
    """All kinds of drives, a bias, pruned connections, electrodes and recordings, and how that is run."""

    net: hn.Network
    tstop: float
    record: hn.Record

    def run(self, net: hn.Network | None = None, **given: Any) -> hn.Result:
        """Simulate this network, or another, on NEURON if no other engine is named."""
        options = {"tstop": self.tstop, "record": self.record, "engine": "neuron", **given}
        return hn.simulate(self.net if net is None else net, **options)

    def assert_same(self, one: hn.Result, other: hn.Result, n_trials: int | None = None) -> None:
        """Compare bit by bit everything that was measured, in the first trials or all."""
        n = one.n_trials if n_trials is None else n_trials
        assert min(one.n_trials, other.n_trials) >= n
        dipoles = [[d.data["agg"].tobytes() for d in result.dipoles[:n]] for result in (one, other)]
        assert dipoles[0] == dipoles[1]
        assert list(one.dipoles[:n]) == list(other.dipoles[:n])
        mine, theirs = one.cell_response, other.cell_response
        assert set(mine.recordings) == set(theirs.recordings) == {"vsec", "isec", "ca"}
        for trial in range(n):
            for name in ("spike_times", "spike_gids", "spike_types"):
                np.testing.assert_array_equal(getattr(mine, name)[trial], getattr(theirs, name)[trial])
            for name in ("vsec", "isec", "ca"):
                _assert_same_tree(getattr(mine, name)[trial], getattr(theirs, name)[trial])
        assert set(one.potentials) == set(other.potentials)
        for name, potentials in one.potentials.items():
            np.testing.assert_array_equal(potentials.voltages[:n], other.potentials[name].voltages[:n])


def _assert_same_tree(one: Any, other: Any) -> None:
    if isinstance(one, dict) or hasattr(one, "keys"):
        assert list(one) == list(other)
        for key in one:
            _assert_same_tree(one[key], other[key])
    else:
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="session")
def rich() -> Rich:
    """A network that has all that goes into a plan."""
    weights = {"L2_pyramidal": 0.002, "L5_pyramidal": 0.004}
    net = hn.neymotin_2020_model(mesh_shape=(3, 3))
    net.add_evoked_drive("evoked", mu=15.0, sigma=3.0, numspikes=2, location="proximal", weights_ampa=weights)
    net.add_evoked_drive(
        "together",
        mu=22.0,
        sigma=2.0,
        numspikes=1,
        location="distal",
        n_drive_cells=1,
        cell_specific=False,
        weights_nmda=weights,
        event_seed=4,
    )
    net.add_poisson_drive(
        "poisson",
        rate_constant={"L2_pyramidal": 80.0, "L5_pyramidal": 120.0},
        location="distal",
        weights_ampa=weights,
        probability=0.6,
    )
    net.add_bursty_drive(
        "bursty",
        tstart=8.0,
        tstart_std=1.0,
        burst_rate=60.0,
        burst_std=1.5,
        n_drive_cells=4,
        location="proximal",
        weights_ampa={"L2_basket": 0.01, "L5_basket": 0.01},
    )
    net.add_spike_train_drive(
        "replay", spike_data={"a": [5.0, 12.5], "b": [30.0]}, location="soma", weights_ampa={"L5_basket": 0.05}
    )
    net.add_tonic_bias(amplitude={"L2_basket": 0.3, "L5_pyramidal": 0.5}, t0=3.0, tstop=35.0)
    for i in hn.pick_connection(net, src_gids="L2_pyramidal", target_gids="L5_pyramidal"):
        net.put(f"connections.{i}.probability", 0.5)
    net.add_electrode_array("laminar", [(50.0, 50.0, z) for z in (-300.0, 500.0, 1300.0)], method="lsa")
    return Rich(net, tstop=40.0, record=hn.Record(vsec="soma", isec=("apical_tuft",), ca=("soma",), every=10))


@pytest.fixture(scope="session")
def rich_serial(rich: Rich) -> hn.Result:
    """Three trials of the rich network in this process."""
    return rich.run(n_trials=3)


@pytest.fixture(scope="session")
def other_network() -> hn.Network:
    """A network of other cells than the rich one's."""
    net = hn.law_2021_model(mesh_shape=(2, 2), add_drives_from_params=True)
    net.add_electrode_array("one", (10.0, 10.0, 500.0))
    return net


@pytest.fixture(scope="session")
def faulty_engine() -> Callable[..., Any]:
    """Return a function that makes an engine: NEURON, but another function is called first in the named trials.

    That function takes the plan and the trial and returns the plan to run, or never returns.
    """

    def make(happens: Callable[[Plan, int], Plan], trials: Iterable[int]) -> Any:
        # Classes and functions of functions travel to workers by value: those can't import a test module.
        class Faulty:
            name, options, threads, splits_trials = "faulty", immutabledict(), 1, False

            def obstacles(self, plan: Plan) -> list[str]:
                return []

            def run(self, plan: Plan, asked: Iterable[int], progress: Any = None) -> Records:
                parts = [NeuronEngine().run(happens(plan, t) if t in trials else plan, [t], progress) for t in asked]
                return join(parts)

        return Faulty()

    return make


@pytest.fixture(scope="session")
def breaking_engine(faulty_engine: Callable[..., Any]) -> Any:
    """NEURON, but the weights of trial 2 are no numbers."""

    def no_numbers(plan: Plan, trial: int) -> Plan:
        return attrs.evolve(plan, edges=attrs.evolve(plan.edges, weight=plan.edges.weight * np.nan))

    return faulty_engine(no_numbers, [2])


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Return a function that waits for what other processes do, and fails when that takes too long (s)."""

    def wait(condition: Callable[[], object], limit: float = 60.0) -> None:
        end = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < end, f"waited for {limit:g} s"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def is_gone() -> Callable[[int], bool]:
    """Return a function that tells whether there is no process of a number any more."""

    def gone(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return gone
