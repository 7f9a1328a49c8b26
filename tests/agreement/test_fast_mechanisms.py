"""Mechanism by mechanism: a compartment with each channel, held and left free, is NEURON's on the fast engine."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.schema import put_at
from hnnlib.compile.build import compile_plan
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

FIRING = {"hh2": {"gl": 1e-4, "el": -65.0}}
CALCIUM = {**FIRING, "ca": {"gbar": 30.0}, "cad": {"taur": 20.0}}
COMPARTMENTS = {
    "bare": {},
    "pas": {"pas": {"g": 1e-4, "e": -72.0}},
    "hh2": FIRING,
    "km": {**FIRING, "km": {"gbar": 100.0}},
    "ca": {**FIRING, "ca": {"gbar": 5.0}},
    "cad": CALCIUM,
    "kca": {**CALCIUM, "kca": {"gbar": 0.5}},
    "kca_without_shell": {**FIRING, "kca": {"gbar": 50.0}},
    "cat": {**FIRING, "cat": {"gbar": 2e-4}},
    "ar": {**FIRING, "ar": {"gbar": 2e-5}},
    "alone": {"cat": {"gbar": 1e-4}, "ar": {"gbar": 1e-5}, "km": {"gbar": 20.0}},
}
RECEPTORS = {
    "double": SynapseSpec(parameters={"e": -20.0, "tau1": 0.5, "tau2": 5.0}),
    "single": SynapseSpec(mechanism="ExpSyn", parameters={"e": -90.0, "tau": 3.0}),
}


@pytest.fixture(scope="module")
def network():
    """A population of one cell for each compartment, two current steps and four events for each."""

    def population(mechanisms):
        soma = SectionSpec(L=25.0, diam=25.0, v0=-68.0, mechanisms=mechanisms, receptors=tuple(RECEPTORS))
        cell = CellSpec(sections={"soma": soma}, synapses=RECEPTORS)
        return Population(cell=cell, place=AtPoints(points=[(0.0, 0.0, 0.0)]))

    weights = {name: {"double": 2e-3, "single": 1e-3} for name in COMPARTMENTS}
    return NetworkSpec(
        populations={name: population(mechanisms) for name, mechanisms in COMPARTMENTS.items()},
        origin=(0.0, 0.0, 0.0),
        drives={"d": SpikeTrainDrive(location="soma", weights=weights, delays=0.5, trains=[(4.0, 22.0, 22.3, 40.0)])},
        biases={
            "up": {name: TonicBias(amplitude=0.08, t0=5.0, tstop=35.0) for name in COMPARTMENTS},
            "down": {name: TonicBias(amplitude=-0.05, t0=30.0) for name in COMPARTMENTS},
        },
    )


def run(engine, network, **options):
    """Return one trial's record with all traces."""
    plan = compile_plan(network, RunSpec(record=Record(vsec="all", isec="all", ca="all"), **options))
    return engine.run(plan, [0]).trials[0]


def differences(network, rates, **options):
    """Return the largest differences of voltages (mV), by compartment, synaptic currents (nA), calcium (mM)."""
    fast, neuron = (run(make(rates=rates), network, **options) for make in (FastEngine, NeuronEngine))
    off = {name: np.abs(fast.samples[name] - neuron.samples[name]) for name in ("vsec", "isec", "ca")}
    print(rates, options, dict(zip(COMPARTMENTS, off["vsec"].max(axis=0).round(14), strict=True)), off["isec"].max(), off["ca"].max())
    return fast, neuron, off


@pytest.mark.parametrize("options", [{}, {"dt": 0.1}], ids=["dt 0.025", "dt 0.1"])
def test_free_compartments(network, options):
    fast, neuron, off = differences(network, "exact", tstop=50.0, **options)
    names = np.array([*COMPARTMENTS, "d"])
    print({name: (names[neuron.spike_gids] == name).sum() for name in names})
    assert np.array_equal(fast.spike_times_ms, neuron.spike_times_ms)


def test_free_compartments_tables(network):
    fast, neuron, off = differences(network, "tables", tstop=50.0)
    assert np.array_equal(fast.spike_times_ms, neuron.spike_times_ms)


def held(network, v):
    """Return the network with membranes that move by a thousandth as much: each channel runs at its start voltage."""
    still = network
    for name in COMPARTMENTS:
        path = f"populations.{name}.cell.sections.soma"
        still = put_at(put_at(still, f"{path}.v0", v), f"{path}.cm", 1000.0)
    return attrs.evolve(still, biases={}, drives={})


@pytest.mark.parametrize("v", [-130.0, -90.0, -65.0, -55.0, -40.0, -27.0, -10.0, 45.0, 110.0])
@pytest.mark.parametrize("rates", ["exact", "tables"])
def test_held_compartments(network, v, rates):
    fast, neuron, off = differences(held(network, v), rates, tstop=20.0)
    print({n: round(x,4) for n,x in zip(COMPARTMENTS, np.abs(neuron.samples["vsec"] - v).max(axis=0))})
    charge = np.abs(neuron.samples["vsec"] - v).max(axis=0)
    print('REL', {n: f'{x:.1e}' for n,x in zip(COMPARTMENTS, off["vsec"].max(axis=0)/charge)})
