"""Forced synaptic events on both engines: against closed forms, spikes by hand, and networks with the same contacts."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.simulation import simulate
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

DT = 0.025
E_LEAK, E_EXC = -65.0, 0.0
G_LEAK = 1e-4  # S/cm²
TAU1, TAU2 = 0.5, 5.0
WEIGHT = 0.0005
AREA_CM2 = math.pi * 20.0 * 20.0 * 1e-8

ENGINES = {"neuron": NeuronEngine, "fast": FastEngine}


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]()


@pytest.fixture
def pair() -> NetworkSpec:
    """Two cells of "pre" and one of "post", passive spheres that a threshold of -50 mV makes fire; pre to post."""
    ball = CellSpec(
        sections={
            "soma": SectionSpec(
                L=20.0, diam=20.0, v0=E_LEAK, mechanisms={"pas": {"g": G_LEAK, "e": E_LEAK}}, receptors=("exc",)
            )
        },
        synapses={"exc": SynapseSpec(parameters={"e": E_EXC, "tau1": TAU1, "tau2": TAU2})},
    )
    connection = ConnectionSpec(
        source="pre", target="post", location="soma", receptor="exc", weight=WEIGHT, delay=7.0, space_constant=1e9
    )
    return NetworkSpec(
        populations={
            "pre": Population(cell=ball, place=AtPoints(points=[(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)])),
            "post": Population(cell=ball, place=AtPoints(points=[(0.0, 1.0, 0.0)])),
        },
        connections=(connection,),
        threshold=-50.0,
    )


def forced(network: NetworkSpec, **entries: SynapticEvents) -> NetworkSpec:
    return attrs.evolve(network, synaptic_events=entries)


def conductance(times: list[float], weight: float, n_steps: int) -> np.ndarray:
    """Return the conductance (µS) of an Exp2Syn at the start of each step, by its closed form."""
    peak = TAU1 * TAU2 / (TAU2 - TAU1) * math.log(TAU2 / TAU1)
    factor = 1 / (math.exp(-peak / TAU2) - math.exp(-peak / TAU1))
    t = np.maximum(np.arange(n_steps)[:, None] * DT - np.array(times), 0.0)
    return weight * factor * (np.exp(-t / TAU2) - np.exp(-t / TAU1)).sum(axis=1)


def voltage(g: np.ndarray) -> np.ndarray:
    """Return the voltage (mV) of the sphere at every step, by implicit Euler steps."""
    capacity, leak = 1.0 * AREA_CM2 * 1e3, G_LEAK * AREA_CM2 * 1e6  # nF, µS
    v = [E_LEAK]
    for now in g:
        v.append((capacity / DT * v[-1] + leak * E_LEAK + now * E_EXC) / (capacity / DT + leak + now))
    return np.array(v)


def crossings(v: np.ndarray, threshold: float) -> np.ndarray:
    """Return the times (ms) of the first samples above a threshold."""
    above = v > threshold
    return (np.flatnonzero(above[1:] & ~above[:-1]) + 1) * DT


def spikes_of(result, name: str) -> np.ndarray:
    response = result.cell_response
    return response.spike_times[0][response.spike_types[0] == name]


# ------------------------------------------------------------------------------------------------ by hand


def test_the_conductance_is_that_of_events_at_the_given_times(pair, engine):
    """Both contacts add up; the delay of the connection, 7 ms, is not added."""
    times = [5.0, 12.5, 12.5, 20.0]
    network = forced(pair, e=SynapticEvents(times=times, weight_scale=0.2))
    result = simulate(network, tstop=40.0, engine=engine, record=Record(vsec="soma", isec="soma"))
    v, i = result.cell_response.recordings["vsec"].data[0, 2], result.cell_response.recordings["isec"].data[0, 2]
    expected = conductance(times, 2 * 0.2 * WEIGHT, 1600)
    np.testing.assert_allclose(i[1:] / (v[:-1] - E_EXC), expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(v, voltage(expected), rtol=1e-9)


def test_spikes_of_the_forced_cells(pair, engine):
    times = [5.0, 30.0, 61.0]
    network = forced(pair, e=SynapticEvents(times=times, pre={"pre": (0,)}, weight_scale=3.0))
    result = simulate(network, tstop=90.0, engine=engine, n_trials=2)
    expected = crossings(voltage(conductance(times, 3.0 * WEIGHT, 3600)), -50.0)
    assert len(expected) == 3
    np.testing.assert_allclose(spikes_of(result, "post"), expected, atol=1e-6)
    assert spikes_of(result, "e").tolist() == times  # a drive of that name
    assert spikes_of(result, "pre").size == 0
    first, second = result.cell_response.spike_times
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("mode", ["add", "replace", "isolate"])
def test_what_contacts_still_hear(pair, engine, mode):
    """Both cells of "pre" fire once, by a current; only events of cell 0 are forced."""
    pushed = attrs.evolve(pair, biases={"push": {"pre": TonicBias(amplitude=0.2, t0=2.0, tstop=4.0)}})
    network = forced(pushed, e=SynapticEvents(times=[40.0], pre={"pre": (0,)}, mode=mode))
    result = simulate(network, tstop=60.0, engine=engine, record=Record(vsec="soma"))
    fired = spikes_of(result, "pre")
    assert len(fired) == 2
    assert fired[0] == fired[1]
    arrival = [DT * round((fired[0] + 7.0) / DT)]
    heard = {"add": 2, "replace": 1, "isolate": 0}[mode]
    g = conductance([40.0], WEIGHT, 2400) + heard * conductance(arrival, WEIGHT, 2400)
    np.testing.assert_allclose(result.cell_response.recordings["vsec"].data[0, 2], voltage(g), rtol=1e-9)


# ------------------------------------------------------------------------------------------------ on the column

PRE, POST = "L2_pyramidal", "L5_pyramidal"
TIMES = (12.0, 12.0, 25.03)


@pytest.fixture(scope="module")
def column(default_params) -> NetworkSpec:
    """A small column with its drives, early enough to act, and weights that don't depend on distance."""
    network = add_drives(neymotin_2020(default_params, (2, 2)), default_params)
    connections = tuple(attrs.evolve(c, space_constant=1e9) for c in network.connections)
    drives = {n: attrs.evolve(d, mu=5.0 + 10.0 * i, sigma=1.0) for i, (n, d) in enumerate(network.drives.items())}
    return attrs.evolve(network, baseline=None, connections=connections, drives=drives)


def by_hand(network: NetworkSpec, mode: str) -> NetworkSpec:
    """Return the network with a drive cell in place of each source cell, connected as the source cells are."""
    matching = [c for c in network.connections if (c.source, c.target) == (PRE, POST)]
    drives = dict(network.drives)
    for i, c in enumerate(matching):
        drives[f"e{i}"] = SpikeTrainDrive(
            location=c.location,
            weights={POST: {c.receptor: c.weight * c.gain}},
            delays=0.0,
            space_constant=1e9,
            trains=[TIMES] * 4,
            n_drive_cells=4,
        )
    kept = {"add": network.connections, "replace": [c for c in network.connections if c not in matching], "isolate": ()}
    return attrs.evolve(network, drives=drives, connections=kept[mode])


@pytest.mark.parametrize("mode", ["add", "replace", "isolate"])
def test_the_column_with_the_same_contacts(column, engine, mode):
    events = SynapticEvents(times=TIMES, pre={PRE: None}, post={POST: None}, mode=mode)
    run = RunSpec(tstop=45.0)
    ours, theirs = (compile_plan(n, run) for n in (forced(column, e=events), by_hand(column, mode)))
    # event times of the other drives hang on the number of gids (published seeds): take those of one plan
    n = ours.events[0].offset[-2]
    theirs = attrs.evolve(theirs, events=(with_first(theirs.events[0], ours.events[0], len(ours.drive_cells) - 1),))
    assert n > 0
    ours, theirs = (engine.run(plan, [0]).trials[0] for plan in (ours, theirs))
    cells = [t.spike_gids < 12 for t in (ours, theirs)]
    assert np.count_nonzero(cells[0]) >= 8
    assert ours.spike_times_ms[cells[0]].tolist() == theirs.spike_times_ms[cells[1]].tolist()
    assert ours.spike_gids[cells[0]].tolist() == theirs.spike_gids[cells[1]].tolist()
    np.testing.assert_array_equal(ours.samples["dipole"], theirs.samples["dipole"])


def with_first(events, other, n: int):
    """Return events whose first n drive cells have those of another trial."""
    parts = [other.of(k) if k < n else events.of(k) for k in range(len(events.offset) - 1)]
    offset = np.concatenate([[0], np.cumsum([len(p) for p in parts])])
    return attrs.evolve(events, time_ms=np.concatenate(parts), offset=offset)


@pytest.mark.parametrize("mode", ["add", "replace", "isolate"])
def test_engines_agree(column, agreement, mode):
    entries = {
        "some": SynapticEvents(times=(8.0, 20.01), pre={PRE: (0, 2)}, mode=mode, weight_scale=4.0),
        "all": SynapticEvents(times=(0.0, 15.0), post={POST: (1,), "L2_basket": None}, receptor="ampa"),
    }
    plan = compile_plan(forced(column, **entries), RunSpec(tstop=45.0))
    fast, neuron = (e(rates="exact").run(plan, [0]).trials[0] for e in (FastEngine, NeuronEngine))
    found = agreement(plan, fast, neuron)
    assert found.n_spikes >= 8
    assert found.same_gids
    assert found.spikes_ms <= 1e-9
    assert found.max <= 1e-8


def test_the_spikes_of_other_drives_stay(column):
    """In the result too, where the events of forced synapses come last in gids."""
    runs = {"tstop": 30.0, "n_trials": 2, "engine": "fast"}
    plain = simulate(column, **runs).cell_response
    both = simulate(forced(column, e=SynapticEvents(times=[3.0])), **runs).cell_response
    for trial in range(2):
        for name in column.drives:
            before, after = (r.spike_times[trial][r.spike_types[trial] == name] for r in (plain, both))
            assert before.tolist() == after.tolist()
    assert both.gid_ranges == {
        **plain.gid_ranges,
        "e": range(plain.gid_ranges[name].stop, plain.gid_ranges[name].stop + 1),
    }
