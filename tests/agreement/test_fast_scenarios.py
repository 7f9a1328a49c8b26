"""The fast engine gives NEURON's spikes and dipoles, scenario by scenario, with exact rates and with tables."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.network import Electrodes
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

EVERYTHING = Record(vsec="all", isec="all", ca="all")
ELECTRODES = {
    # six contacts: rows are multiplied four at a time, and what is left one by one
    "points": Electrodes(positions=[(0.0, 0.0, 500.0), *((30.0, 10.0, -100.0 + 300.0 * k) for k in range(5))]),
    "lines": Electrodes(positions=[(0.0, 0.0, 500.0), (2.0, 1.0, 1300.0)], method="lsa", conductivity=0.2),
    "sum": Electrodes(positions=[(0.0, 0.0, 500.0)], method=None),
}
# largest difference with exact rates, in the probe's unit: mV, nA, mM, µV, nA
EXACT = {"vsec": 1e-8, "isec": 1e-10, "ca": 1e-12, "electrodes:points": 1e-8, "electrodes:lines": 1e-8}


@pytest.fixture(scope="module")
def engines():
    """Engines by precision or simulator, and rates: each is used again, as a user would."""
    found = {("neuron", rates): NeuronEngine(rates=rates) for rates in ("exact", "tables")}
    found |= {("float64", rates): FastEngine(rates=rates) for rates in ("exact", "tables")}
    return {**found, ("float32", "tables"): FastEngine(precision="float32")}


def trial(engine, plan):
    assert engine.obstacles(plan) == []
    return engine.run(plan, [0]).trials[0]


def test_exact_rates(scenario, engines, agreement):
    found = agreement(scenario, *(trial(engines[name, "exact"], scenario) for name in ("float64", "neuron")))
    assert found.n_spikes >= 6
    assert found.same_gids
    assert found.spikes_ms <= 1e-9
    assert found.rms <= 1e-9  # of the peak
    assert found.max <= 1e-8


def test_tables(scenario, engines, agreement):
    found = agreement(scenario, *(trial(engines[name, "tables"], scenario) for name in ("float64", "neuron")))
    assert found.n_spikes >= 6
    assert found.same_gids
    assert found.spikes_ms <= scenario.run.dt_ms
    assert found.rms <= 1e-4
    assert found.max <= 1e-3


def test_single_precision(scenario, engines, agreement):
    found = agreement(
        scenario, *(trial(engines[precision, "tables"], scenario) for precision in ("float32", "float64"))
    )
    assert found.same_gids
    assert found.spikes_ms <= 2 * scenario.run.dt_ms
    assert found.rms <= 1e-3
    assert found.max <= 1e-2


# ------------------------------------------------------------------------------------------------------- probes


@pytest.mark.parametrize(
    "name", ["custom cell", "all receptors", "biases between steps", "drives of every kind", "short delays"]
)
def test_all_probes_at_every_step_from_the_first(name, plan_of, engines):
    plan = plan_of(name, {"electrodes": ELECTRODES}, record=EVERYTHING, tstop=25.0)
    ours, theirs = (trial(engines[engine, "exact"], plan) for engine in ("float64", "neuron"))
    assert [p.name for p in plan.probes] == ["dipole", "vsec", "isec", "ca", *(f"electrodes:{e}" for e in ELECTRODES)]
    for probe in plan.probes:
        found, expected = ours.samples[probe.name], theirs.samples[probe.name]
        assert found.shape == (plan.run.n_steps + 1, probe.n_rows)
        np.testing.assert_array_equal(found[0], expected[0], err_msg=probe.name)
        tolerance = EXACT.get(probe.name)
        if tolerance is not None:
            assert np.abs(expected).max() > 1e3 * tolerance
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=probe.name)
    # what leaves the membrane is what biases bring
    np.testing.assert_allclose(ours.samples["electrodes:sum"], theirs.samples["electrodes:sum"], rtol=0, atol=1e-11)
    v0 = plan.templates[plan.cells.template[0]].sections.v0_mV
    np.testing.assert_array_equal(ours.samples["vsec"][0, : len(v0)], v0)


def test_probes_with_tables_and_in_single_precision(plan_of, engines):
    plan = plan_of("custom cell", {"electrodes": ELECTRODES}, record=EVERYTHING)
    theirs = trial(engines["neuron", "tables"], plan)
    double, single = (trial(engines[precision, "tables"], plan) for precision in ("float64", "float32"))
    for probe in ("vsec", "isec", "ca", "electrodes:points", "electrodes:lines"):
        expected = theirs.samples[probe]
        peak = np.abs(expected).max()
        assert np.abs(double.samples[probe] - expected).max() <= 1e-4 * peak, probe
        assert np.abs(single.samples[probe] - expected).max() <= 1e-3 * peak, probe


@pytest.mark.parametrize(("every", "tstop"), [(7, 7.77), (40, 5.0), (3, 0.05), (1, 0.025)])
def test_decimation_keeps_every_nth_sample(every, tstop, plan_of, engines):
    changes = {"electrodes": {"points": ELECTRODES["points"]}}
    plan = plan_of("custom cell", changes, tstop=tstop, record=EVERYTHING)
    thinned = plan_of("custom cell", changes, tstop=tstop, record=Record(vsec="all", isec="all", ca="all", every=every))
    engine = engines["float64", "exact"]
    full, some = trial(engine, plan), trial(engine, thinned)
    np.testing.assert_array_equal(some.samples["dipole"], full.samples["dipole"])
    for probe in ("vsec", "isec", "ca", "electrodes:points"):
        assert len(some.samples[probe]) == plan.run.n_steps // every + 1
        np.testing.assert_array_equal(some.samples[probe], full.samples[probe][::every], err_msg=probe)


def test_sections_by_name(plan_of, engines):
    plan = plan_of("custom cell", record=Record(vsec=("axon", "twig"), isec="soma", ca=("left", "stem")), tstop=10.0)
    ours, theirs = (trial(engines[engine, "exact"], plan) for engine in ("float64", "neuron"))
    labels = {probe.name: set(probe.labels["section"]) for probe in plan.probes if probe.name != "dipole"}
    assert labels == {"vsec": {"axon", "twig"}, "isec": {"soma"}, "ca": {"left"}}
    for probe in labels:
        np.testing.assert_allclose(ours.samples[probe], theirs.samples[probe], rtol=0, atol=EXACT[probe])


# ------------------------------------------------------------------------------------------------- events and steps


@pytest.mark.parametrize("dt", [0.025, 0.03, 0.05])
def test_events_on_the_edge_between_two_steps(dt, plan_of, engines):
    """An event acts at the step start that it is nearest to; half-way between two, at the first."""
    trains = [tuple((np.arange(1, 240) * 0.0125).tolist()), tuple((np.arange(100) * 0.5 * dt).tolist())]
    drive = SpikeTrainDrive(
        location="left", weights={"grid": {"instant": 2e-3}}, delays=0.0, space_constant=500.0, trains=trains,
        n_drive_cells=2,
    )  # fmt: skip
    plan = plan_of("custom cell", {"drives": {"d": drive}}, dt=dt, tstop=4.0, record=EVERYTHING)
    ours, theirs = (trial(engines[engine, "exact"], plan) for engine in ("float64", "neuron"))
    # a current tells at which step each event was taken
    np.testing.assert_allclose(ours.samples["isec"][1:], theirs.samples["isec"][1:], rtol=0, atol=EXACT["isec"])
    assert np.array_equal(ours.spike_times_ms, theirs.spike_times_ms)


def test_delays_between_steps(plan_of, engines, agreement):
    """The window of steps between two exchanges is no longer than the shortest delay allows."""
    base = plan_of("custom cell")
    for delays in ((0.0375, 0.0625, 0.025), (0.0376, 1.0, 3.0), (0.1, 0.0499, 0.05)):
        local = base.edges.source_gid < base.n_cells
        delay = base.edges.delay_ms.copy()
        delay[local] = np.array(delays)[base.edges.connection[local]]
        plan = attrs.evolve(base, edges=attrs.evolve(base.edges, delay_ms=delay))
        ours, theirs = (trial(engines[engine, "exact"], plan) for engine in ("float64", "neuron"))
        found = agreement(plan, ours, theirs)
        assert found.n_spikes > 10
        assert found.same_gids
        assert found.spikes_ms == 0.0
        assert found.max <= 1e-8


def test_more_spikes_than_a_cell_is_expected_to_fire(one_cell, engines):
    """A passive membrane that an instant synapse pulls up and down 10 times in a ms."""
    cell = CellSpec(
        sections={
            "soma": SectionSpec(
                L=10.0, diam=10.0, v0=-70.0, mechanisms={"pas": {"g": 0.05, "e": -70.0}}, receptors=("x",)
            )
        },
        synapses={"x": SynapseSpec(mechanism="ExpSyn", parameters={"e": 50.0, "tau": 0.01})},
    )
    times = tuple((0.1 * np.arange(1, 1500)).tolist())
    drive = SpikeTrainDrive(location="soma", weights={"cell": {"x": 1.0}}, delays=0.0, trains=[times])
    plan = compile_plan(one_cell(cell, drives={"d": drive}), RunSpec(tstop=140.0))
    ours, theirs = (trial(engines[engine, "exact"], plan) for engine in ("float64", "neuron"))
    assert np.count_nonzero(theirs.spike_gids == 0) > 1300
    assert np.array_equal(ours.spike_times_ms, theirs.spike_times_ms)
    assert np.array_equal(ours.spike_gids, theirs.spike_gids)
