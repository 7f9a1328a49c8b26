"""Membrane currents on the NEURON engine against conservation of charge and the far field of a dipole."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal
from hnnlib.plan.tables import Plan, Probe
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.network import Electrodes, TonicBias
from hnnlib.spec.run import RunSpec

pytestmark = pytest.mark.neuron

TOTAL = {"total": Electrodes(positions=[(0.0, 0.0, 0.0)], method=None)}


def synaptic_input():
    """Excite the tuft and the basal dendrites until the cell fires, then inhibit the soma."""
    return {
        name: SpikeTrainDrive(location=where, weights={"cell": {receptor: weight}}, trains=[times])
        for name, where, receptor, weight, times in [
            ("tuft", "distal", "ampa", 0.02, (5.0, 8.0)),
            ("basal", "proximal", "nmda", 0.05, (10.0,)),
            ("soma", "soma", "gabaa", 0.05, (30.0,)),
        ]
    }


@pytest.mark.parametrize("make", [l2_pyramidal, l5_pyramidal])
def test_a_cell_without_electrode_gains_no_charge(one_cell, run_trial, make):
    """What flows in at the synapses flows out elsewhere, capacitive currents included, while the cell fires too."""
    network = one_cell(make(), drives=synaptic_input(), electrodes=TOTAL)
    _, trial = run_trial(network, tstop=40.0)
    assert np.count_nonzero(trial.spike_gids == 0) > 0
    assert np.abs(trial.samples["electrodes:total"]).max() < 1e-10


def test_all_injected_current_leaves_through_the_membrane(one_cell, run_trial):
    """At every instant, while the cell fires too."""
    biases = {
        "a": {"cell": TonicBias(amplitude=1.0, t0=5.0, tstop=25.0)},
        "b": {"cell": TonicBias(amplitude=-0.3, t0=15.0, tstop=35.0, section="apical_tuft")},
    }
    _, trial = run_trial(one_cell(l2_pyramidal(), biases=biases, electrodes=TOTAL), tstop=40.0)
    assert np.count_nonzero(trial.spike_gids == 0) > 0
    found = trial.samples["electrodes:total"][:, 0]
    middle = (np.arange(1600) + 0.5) * 0.025  # of the step that a sample ends
    expected = 1.0 * ((middle > 5) & (middle < 25)) - 0.3 * ((middle > 15) & (middle < 35))
    assert found[0] == 0.0
    np.testing.assert_allclose(found[1:], expected, atol=1e-10)


def first_moment(plan: Plan) -> Probe:
    """Return the sum of membrane current times height, for a plan of one cell."""
    template = plan.templates[0]
    s, segments = template.sections, template.segments
    start, end = s.start_um[segments.section, 2], s.end_um[segments.section, 2]
    z = start + segments.x * (end - start)
    return Probe(
        name="moment",
        quantity="i_membrane",
        unit="fAm",
        every=1,
        indptr=np.array([0, len(z)]),
        index=np.arange(len(z), dtype=np.int32),
        weight=z,
        zero_first=True,
        labels={},
    )


@pytest.mark.parametrize("make", [l2_pyramidal, l5_pyramidal])
def test_the_dipole_is_the_first_moment_of_membrane_currents(one_cell, make):
    """Two ways to one quantity: axial current times length, and membrane current times place."""
    plan = compile_plan(one_cell(make(), drives=synaptic_input()), RunSpec(tstop=40.0))
    plan = attrs.evolve(plan, probes=(*plan.probes, first_moment(plan)))
    samples = NeuronEngine().run(plan, [0]).trials[0].samples
    dipole, moment = samples["dipole"][:, 0], samples["moment"][:, 0]
    assert np.abs(dipole).max() > 100.0
    np.testing.assert_allclose(moment, dipole, atol=1e-9 * np.abs(dipole).max())


@pytest.mark.parametrize("method", ["psa", "lsa"])
def test_far_away_a_cell_is_a_dipole(one_cell, run_trial, method):
    """The potential is Q cos(theta) / (4 pi sigma r²); 1 nA·µm over S/m and µm² makes 1000 µV."""
    r = 1e6
    # no contact off the axis in x: the oblique dendrite gives the dipole a small part in that direction
    contacts = [(0.0, 0.0, r), (0.0, r * math.sqrt(0.75), r / 2), (0.0, 0.0, -r)]
    network = one_cell(
        l5_pyramidal(),
        drives=synaptic_input(),
        electrodes={"far": Electrodes(positions=contacts, conductivity=0.3, method=method)},
    )
    _, trial = run_trial(network, tstop=40.0)
    expected = trial.samples["dipole"] * np.array([1.0, 0.5, -1.0]) * 1000 / (4 * math.pi * 0.3 * r**2)
    # what is left is the quadrupole: the cell's extent over the distance
    np.testing.assert_allclose(trial.samples["electrodes:far"], expected, atol=5e-3 * np.abs(expected).max())
