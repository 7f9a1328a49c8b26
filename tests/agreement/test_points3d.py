"""Cells of 3-D points: NEURON's geometry is ours, both engines agree, and dipoles are moments of membrane currents."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.backends.neuron.network import _Cell
from hnnlib.backends.neuron.session import session
from hnnlib.compile.build import compile_plan
from hnnlib.compile.discretise import make_template
from hnnlib.compile.probe import dipole_weights
from hnnlib.plan.tables import Probe

pytestmark = pytest.mark.neuron

BRANCHED = {
    "soma": ([(0, 0, -10, 15), (0, 0, 10, 15)], None, 1, 1),
    "apical": ([(0, 0, 10, 5), (5, 2, 80, 3.5), (-4, 6, 190, 3), (0, 8, 300, 2)], "soma", 1, 5),
    "left": ([(0, 8, 300, 1.5), (-60, 30, 380, 1), (-90, 20, 470, 0.8)], "apical", 1, 3),
    "right": ([(0, 8, 300, 1.5), (40, 0, 330, 1.2), (110, -20, 390, 0.6)], "apical", 1, 3),
    "basal": ([(3, -2, -16, 2), (40, -20, -90, 1.5), (60, -20, -160, 1)], "soma", 0, 3),  # begins beside the soma
}


def cell():
    membrane = {"pas": {"g": 1e-4, "e": -70.0}, "hh2": {"gnabar": 0.05, "gkbar": 0.01, "gl": 4e-5, "el": -70.0}}
    sections = {
        name: hn.SectionSpec.from_points(
            points, parent=parent, parent_end=end, nseg=nseg, Ra=120.0, v0=-70.0, mechanisms=membrane,
            receptors=("ampa",),
        )
        for name, (points, parent, end, nseg) in BRANCHED.items()
    }  # fmt: skip
    synapse = hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})
    return hn.CellSpec(sections=sections, synapses={"ampa": synapse}, dipole_axis="soma")


@pytest.fixture(scope="module")
def plan():
    network = hn.NetworkSpec(
        populations={
            "cell": hn.Population(cell=cell(), place=hn.AtPoints(points=((7.0, 3.0, 40.0),)), measure_dipole=True)
        },
        drives={
            "input": hn.SpikeTrainDrive(trains=((2.0, 5.5, 9.0),), location="right", weights={"cell": {"ampa": 0.01}})
        },
        electrodes={
            method: hn.Electrodes(positions=((30.0, 0.0, 100.0), (-50.0, 10.0, 350.0)), method=method)
            for method in ("psa", "lsa")
        },
        baseline=None,
    )
    made = compile_plan(network, hn.RunSpec(tstop=25.0, record=hn.Record(vsec="all")))
    n = int(made.segment_offset[-1])
    currents = Probe(
        name="currents", quantity="i_membrane", unit="nA", every=1, indptr=np.arange(n + 1),
        index=np.arange(n, dtype=np.int32), weight=np.ones(n), zero_first=False, labels={"segment": tuple(range(n))},
    )  # fmt: skip
    return attrs.evolve(made, probes=(*made.probes, currents))


@pytest.fixture(scope="module")
def trials(plan):
    return {engine.name: engine.run(plan, [0]).trials[0] for engine in (NeuronEngine(), FastEngine())}


def test_area_and_resistance_are_those_of_neuron():
    template = make_template("cell", cell())
    neuron = session()
    with neuron.lock:
        built = _Cell(neuron.h, template, np.zeros(3), "measured")
        area = [neuron.h.area(s.x, sec=section) for section in built.sections for s in section]
        resistance = [s.ri() for section in built.sections for s in section]
        diam = [s.diam for section in built.sections for s in section]
    own = template.segments
    np.testing.assert_allclose(own.area_um2, area, rtol=1e-12)
    np.testing.assert_allclose(own.diam_um, diam, rtol=1e-12)
    before = np.concatenate([[0.0], own.far_MOhm[:-1]])
    before[template.sections.first_segment] = 0.0
    kept = np.ones(len(before), bool)
    kept[0] = False  # of the root, NEURON gives the resistance to a node that carries no current
    np.testing.assert_allclose((own.near_MOhm + before)[kept], np.array(resistance)[kept], rtol=1e-12)


def test_both_engines_agree(trials):
    one, other = trials["neuron"].samples, trials["fast"].samples
    assert np.ptp(one["vsec"]) > 20
    np.testing.assert_allclose(other["vsec"], one["vsec"], rtol=0, atol=1e-4)
    for name in ("electrodes:psa", "electrodes:lsa"):
        assert np.abs(one[name]).max() > 0.01
        np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-5 * np.abs(one[name]).max())
    np.testing.assert_allclose(other["dipole"], one["dipole"], rtol=0, atol=1e-6 * np.abs(one["dipole"]).max())


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_the_dipole_is_the_moment_of_the_membrane_currents(plan, trials, engine):
    """With no current lost, axial currents times their ways are membrane currents times their places.

    The synapse's own current is part of the membrane's.
    """
    samples = trials[engine].samples
    currents, dipole = samples["currents"], samples["dipole"][:, 0]
    places = plan.templates[0].segments.centre_um[:, 2]
    assert np.abs(currents.sum(axis=1))[1:].max() < 1e-9  # nA
    moment = currents @ places  # nA µm = fAm
    assert np.abs(dipole).max() > 10
    np.testing.assert_allclose(moment[1:], dipole[1:], rtol=0, atol=1e-6 * np.abs(dipole).max())


def test_a_turned_cell_turns_its_dipole():
    template = make_template("cell", cell())
    weights = dipole_weights(template, "soma")
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # z becomes x
    turned = attrs.evolve(
        cell(),
        sections={
            name: hn.SectionSpec.from_points(
                [(*turn @ p[:3], p[3]) for p in section.points],
                **{f: getattr(section, f) for f in ("parent", "parent_end", "nseg", "Ra", "v0", "mechanisms")},
            )
            for name, section in cell().sections.items()
        },
    )
    other = dipole_weights(make_template("cell", turned), "soma")
    np.testing.assert_allclose(other, weights, rtol=0, atol=1e-12 * np.abs(weights).max())
    along_x = dipole_weights(make_template("cell", turned), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(along_x, weights, rtol=0, atol=1e-12 * np.abs(weights).max())


@pytest.mark.parametrize("make", [NeuronEngine, FastEngine])
def test_events_with_factors(plan, make):
    """Two events of half the weight at one time are one, and a factor of 0 is none."""
    events = plan.events[0]
    assert len(events.time_ms) == 3
    doubled = attrs.evolve(
        events,
        time_ms=np.array([2.0, 2.0, 5.5, 9.0, 15.0]),
        offset=np.array([0, 5]),
        factor=np.array([0.25, 0.75, 1.0, 1.0, 0.0]),
    )
    one = make().run(plan, [0]).trials[0].samples["vsec"]
    other = make().run(attrs.evolve(plan, events=(doubled,)), [0]).trials[0].samples["vsec"]
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-9)
    weaker = attrs.evolve(events, factor=np.array([0.5, 1.0, 1.0]))
    other = make().run(attrs.evolve(plan, events=(weaker,)), [0]).trials[0].samples["vsec"]
    assert np.abs(other - one).max() > 0.1
