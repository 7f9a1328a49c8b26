"""Mechanism by mechanism: compartments with each channel, held and left free, are NEURON's on the fast engine."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.schema import put_at
from hnnlib.compile.build import compile_plan
from hnnlib.mechanisms.catalogue import catalogue
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

SHELL = {"ca": {"gbar": 40.0}, "cad": {"taur": 20.0}}
CHANNELS = {
    "pas": {"pas": {"g": 1e-4, "e": -72.0}},
    "km": {"km": {"gbar": 100.0}},
    "ca": {"ca": {"gbar": 40.0}},
    "cad": SHELL,
    "kca": {**SHELL, "kca": {"gbar": 200.0}},
    "kca_without_shell": {"kca": {"gbar": 5e4}},  # calcium at rest opens 1 in 4e4
    "cat": {"cat": {"gbar": 1e-3}},
    "ar": {"ar": {"gbar": 1e-4}},
}
FIRING = {"hh2": {"gl": 1e-4, "el": -65.0}}
COMPARTMENTS = {
    "nothing": {},
    "hh2": FIRING,
    **CHANNELS,
    **{f"hh2_{name}": {**FIRING, **channel} for name, channel in CHANNELS.items()},
}
RECEPTORS = {
    "double": SynapseSpec(parameters={"e": -20.0, "tau1": 0.5, "tau2": 5.0}),
    "single": SynapseSpec(mechanism="ExpSyn", parameters={"e": -90.0, "tau": 3.0}),
    "blocked": SynapseSpec(mechanism="NMDA", parameters={"tau1": 1.0, "tau2": 20.0, "mg": 1.2}),
}


@pytest.fixture(scope="module")
def network():
    """A population of one cell for each compartment; two current steps and four events for each."""

    def population(mechanisms):
        soma = SectionSpec(L=25.0, diam=25.0, v0=-68.0, mechanisms=mechanisms, receptors=tuple(RECEPTORS))
        cell = CellSpec(sections={"soma": soma}, synapses=RECEPTORS)
        return Population(cell=cell, place=AtPoints(points=[(0.0, 0.0, 0.0)]))

    weights = {name: {"double": 2e-3, "single": 1e-3, "blocked": 1e-3} for name in COMPARTMENTS}
    return NetworkSpec(
        populations={name: population(mechanisms) for name, mechanisms in COMPARTMENTS.items()},
        origin=(0.0, 0.0, 0.0),
        drives={"d": SpikeTrainDrive(location="soma", weights=weights, delays=0.5, trains=[(4.0, 22.0, 22.3, 40.0)])},
        biases={
            "up": {name: TonicBias(amplitude=0.08, t0=5.0, tstop=35.0) for name in COMPARTMENTS},
            "down": {name: TonicBias(amplitude=-0.05, t0=30.0) for name in COMPARTMENTS},
        },
    )


@pytest.fixture(scope="module")
def both():
    """Return a function that runs a network on both engines with all traces: ours, NEURON's."""
    engines = {rates: (FastEngine(rates=rates), NeuronEngine(rates=rates)) for rates in ("exact", "tables")}

    def run(network, rates, **options):
        plan = compile_plan(network, RunSpec(record=Record(vsec="all", isec="all", ca="all"), **options))
        ours, theirs = (engine.run(plan, [0]).trials[0] for engine in engines[rates])
        assert plan.probes[0].labels["gid"] == tuple(range(len(COMPARTMENTS)))
        return ours, theirs

    return run


def column(name):
    """Return the column of a compartment in the record of voltages."""
    return list(COMPARTMENTS).index(name)


def off(ours, theirs, probe):
    """Return the largest difference of a probe, over all times, by compartment or site."""
    return np.abs(ours.samples[probe] - theirs.samples[probe]).max(axis=0)


def test_every_mechanism_of_the_catalogue_is_there():
    used = {name for mechanisms in COMPARTMENTS.values() for name in mechanisms}
    used |= {receptor.mechanism for receptor in RECEPTORS.values()}
    assert used == {name for name, mechanism in catalogue().items() if mechanism.kind != "artificial"}


@pytest.mark.parametrize("dt", [0.025, 0.1])
def test_free_compartments_with_exact_rates(network, both, dt):
    ours, theirs = both(network, "exact", tstop=50.0, dt=dt)
    np.testing.assert_array_equal(ours.spike_times_ms, theirs.spike_times_ms)
    np.testing.assert_array_equal(ours.spike_gids, theirs.spike_gids)
    np.testing.assert_array_less(off(ours, theirs, "vsec"), 1e-9)  # mV
    np.testing.assert_array_less(off(ours, theirs, "isec"), 1e-11)  # nA
    np.testing.assert_array_less(off(ours, theirs, "ca"), 1e-12)  # mM
    # the test can tell: every channel changes the voltage, and the firing compartments fire
    v = theirs.samples["vsec"]
    for name in CHANNELS:
        assert np.abs(v[:, column(name)] - v[:, column("nothing")]).max() > 0.1, name
        assert np.abs(v[:, column(f"hh2_{name}")] - v[:, column("hh2")]).max() > 0.1, name
    assert {column(n) for n in COMPARTMENTS if n.startswith("hh2")} <= set(theirs.spike_gids.tolist())


def test_free_compartments_with_tables(network, both):
    ours, theirs = both(network, "tables", tstop=50.0)
    np.testing.assert_array_equal(ours.spike_times_ms, theirs.spike_times_ms)
    np.testing.assert_array_equal(ours.spike_gids, theirs.spike_gids)
    np.testing.assert_array_less(off(ours, theirs, "vsec"), 1e-3)  # mV, at the upstroke of a spike
    np.testing.assert_array_less(off(ours, theirs, "isec"), 1e-5)
    np.testing.assert_array_less(off(ours, theirs, "ca"), 1e-6)
    # the tables are the file's, not the formula's: those move the voltage by more
    exact, _ = both(network, "exact", tstop=50.0)
    assert off(exact, theirs, "vsec")[column("hh2")] > 0.5


# with the places where a rate's formula is 0/0 or changes, and beyond the ends of the tables
@pytest.mark.parametrize("v", [-130.0, -90.0, -81.0, -65.0, -55.0, -40.0, -30.0, -27.0, -10.0, 45.0, 110.0])
def test_held_compartments(network, both, v):
    """A large capacitance holds the membrane: what moves it by some 0.01 mV is the current at that voltage."""
    still = attrs.evolve(network, biases={}, drives={})
    for name in COMPARTMENTS:
        path = f"populations.{name}.cell.sections.soma"
        still = put_at(put_at(still, f"{path}.v0", v), f"{path}.cm", 1e4)
    for rates, tolerance in (("exact", 1e-9), ("tables", 1e-7)):
        ours, theirs = both(still, rates, tstop=20.0)
        moved = np.abs(theirs.samples["vsec"] - v).max(axis=0)
        assert 1e-3 < moved[column("hh2")] < 15.0
        # a unit in the last place of the voltage counts too: 3e-14 mV at 130 mV
        np.testing.assert_array_less(off(ours, theirs, "vsec"), tolerance * moved + 1e-13)
        np.testing.assert_array_less(off(ours, theirs, "ca"), 1e-6 if rates == "tables" else 1e-12)
