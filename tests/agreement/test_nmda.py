"""NMDA receptors on both engines: block by the voltage, kinetics of Exp2Syn beneath it, and sums in one instance."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

KINETICS = {"tau1": 2.0, "tau2": 40.0, "e": 0.0}
WEIGHT = 0.002  # µS
LEAK = {"pas": {"g": 1e-4, "e": -70.0}}
ENGINES = {"neuron": NeuronEngine(rates="exact"), "fast": FastEngine(rates="exact")}


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]


def network(one_cell, synapses, weights, trains, cm=1.0, v0=-70.0):
    """Return a soma with a thin dendrite that has the synapses, each driven by a train of its own."""
    receptors = tuple(synapses)
    sections = {
        "soma": SectionSpec(L=20.0, diam=20.0, cm=cm, v0=v0, mechanisms=LEAK),
        "dend": SectionSpec(
            L=100.0, diam=1.0, cm=cm, v0=v0, nseg=3, parent="soma", mechanisms=LEAK, receptors=receptors
        ),
    }
    drives = {
        f"to_{name}": SpikeTrainDrive(location="dend", weights={"cell": {name: weights}}, delays=0.5, trains=[train])
        for name, train in zip(receptors, trains, strict=True)
    }
    return one_cell(CellSpec(sections=sections, synapses=synapses), drives=drives)


def run(net, engine, **options):
    plan = compile_plan(net, RunSpec(record=Record(vsec="all", isec="all"), **options))
    return engine.run(plan, [0]).trials[0].samples


@pytest.mark.parametrize("v", [-90.0, -70.0, -40.0, 0.0, 30.0])
def test_the_block_is_that_of_jahr_and_stevens(one_cell, engine, v):
    """Held by a large capacitance: with magnesium the current is 1 / (1 + mg / 3.57 exp(-0.062 v)) of that without."""
    synapses = {
        "with": SynapseSpec(mechanism="NMDA", parameters={**KINETICS, "e": 50.0, "mg": 1.3}),
        "without": SynapseSpec(mechanism="NMDA", parameters={**KINETICS, "e": 50.0, "mg": 0.0}),
        "exp2syn": SynapseSpec(parameters={**KINETICS, "e": 50.0}),
    }
    net = network(one_cell, synapses, WEIGHT, [(1.0,)] * 3, cm=1e9, v0=v)
    current = run(net, engine, tstop=30.0)["isec"][100:]
    blocked, free, exp2syn = current.T
    np.testing.assert_allclose(blocked / free, 1 / (1 + 1.3 / 3.57 * np.exp(-0.062 * v)), rtol=1e-5)
    np.testing.assert_allclose(free, exp2syn, rtol=1e-9)
    assert np.abs(free).max() == pytest.approx(WEIGHT * abs(v - 50.0), rel=1e-3)


def test_events_add_up_in_one_instance(one_cell, engine):
    """Two synapses of a segment are one that hears both trains, while the voltage moves by some 10 mV."""
    kind = SynapseSpec(mechanism="NMDA", parameters=KINETICS)
    trains = [(2.0, 9.0, 9.5), (5.0, 9.1, 30.0)]
    apart = run(network(one_cell, {"a": kind, "b": kind}, WEIGHT, trains), engine, tstop=60.0)
    together = run(network(one_cell, {"a": kind}, WEIGHT, [sorted(trains[0] + trains[1])]), engine, tstop=60.0)
    np.testing.assert_allclose(together["vsec"], apart["vsec"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(together["isec"][:, 0], apart["isec"].sum(axis=1), rtol=0, atol=1e-11)
    assert np.ptp(apart["vsec"]) > 10.0


def test_engines_agree_on_a_plateau(one_cell):
    """Strong input drives the dendrite into the range where the slope of the current is negative."""
    kind = SynapseSpec(mechanism="NMDA", parameters={**KINETICS, "mg": 1.5, "slope": 0.08})
    net = network(one_cell, {"a": kind}, 0.02, [(2.0, 4.0)])
    ours, theirs = (run(net, ENGINES[name], tstop=80.0) for name in ("fast", "neuron"))
    np.testing.assert_allclose(ours["vsec"], theirs["vsec"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours["isec"], theirs["isec"], rtol=0, atol=1e-11)
    assert theirs["vsec"].max() > -25.0  # mV: half of the channels are open


def test_time_constants_must_be_positive():
    with pytest.raises(InvalidValue, match=r"parameters\['tau1'\]: 0\.0 must be > 0 ms"):
        SynapseSpec(mechanism="NMDA", parameters={"tau1": 0})
