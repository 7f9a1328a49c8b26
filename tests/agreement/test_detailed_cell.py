"""The detailed cells that are shipped fire as such cells do, on both engines; attenuation is NEURON's."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.neuron.network import _Cell
from hnnlib.backends.neuron.session import session
from hnnlib.embedding.membrane.attenuation import attenuation
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.membrane.protocols import bac_firing, back_propagating_spike, step_current
from hnnlib.spec.layout import AtPoints

pytestmark = pytest.mark.neuron

LENGTH = 45.0  # µm; the spikes' shapes are those of 20 µm within a few mV


@pytest.fixture(scope="module")
def l5() -> DetailedCell:
    return DetailedCell("synthetic-l5", "l5_detailed", max_segment_um=LENGTH)


@pytest.fixture(scope="module")
def l23() -> DetailedCell:
    return DetailedCell("synthetic-l23", "l23_detailed", max_segment_um=LENGTH)


# --------------------------------------------------------------------------------------------------- layer 5


@pytest.fixture(scope="module")
def l5_steps(l5):
    return step_current(l5, [-0.2, 0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.3], duration=400.0, engine="fast")


def test_l5_rests(l5_steps):
    assert -80.0 < l5_steps.rest_mV < -65.0
    assert abs(l5_steps.deflection_mV[1]) < 0.3
    assert 30.0 < l5_steps.input_MOhm < 90.0
    assert not l5_steps.rate_Hz[:3].any()


def test_l5_fires_more_the_stronger_the_current(l5_steps):
    rates = l5_steps.rate_Hz[3:]
    assert 0 < rates[0] < 15.0
    assert (np.diff(rates) > 0).all()
    assert rates[-1] < 80.0
    assert (np.diff(l5_steps.first_spike_ms[3:]) < 0).all()


def test_l5_spikes_travel_back_and_fade(l5):
    found = back_propagating_spike(l5, engine="fast")
    assert found.n_spikes == 1
    soma, *trunk = (found.near("soma", 0.0), *(found.near("apical_trunk", x) for x in (100.0, 300.0, 500.0)))
    tuft = [found.near("apical_tuft", x) for x in (750.0, 1000.0, 1250.0)]
    assert soma > 80.0
    assert (np.diff([soma, *trunk, *tuft]) < 0).all()
    assert 0.2 * soma < tuft[0] < 0.6 * soma
    late = [found.delay_ms[found.section.index(l5.nearest_section("apical_trunk", x))] for x in (100.0, 300.0, 500.0)]
    assert 0 < late[0] < late[1] < late[2] < 5.0


def test_l5_spike_and_tuft_input_make_a_plateau_and_a_burst(l5):
    """Larkum et al. 1999: the two together give more than their sum."""
    found = bac_firing(l5, engine="fast")
    alone, tuft, both = found.n_spikes.tolist()
    assert (alone, tuft) == (1, 0)
    assert both > alone + tuft
    assert found.plateau_ms[2] > 3 * found.plateau_ms[:2].sum()
    assert 25.0 < found.plateau_ms[2] < 100.0
    assert found.site_mV[2, -1] < -60.0  # it ends


# --------------------------------------------------------------------------------------------------- layer 2/3


def test_l23_fires_regularly(l23):
    found = step_current(l23, [-0.1, 0.0, 0.05, 0.2, 0.3, 0.4, 0.6], duration=400.0, engine="fast")
    assert -80.0 < found.rest_mV < -65.0
    assert abs(found.deflection_mV[1]) < 0.3
    assert 80.0 < found.input_MOhm < 250.0
    assert not found.rate_Hz[:3].any()
    assert (np.diff(found.rate_Hz[3:]) > 0).all()
    for spikes in found.spikes_ms[4:]:
        between = np.diff(spikes)
        assert between.std() / between.mean() < 0.15
        assert between.min() > 10.0  # no bursts


def test_l23_spikes_travel_back_and_fade(l23):
    found = back_propagating_spike(l23, amplitude=1.5, engine="fast")
    assert found.n_spikes == 1
    heights = [found.near("soma", 0.0), found.near("apical_trunk", 60.0), found.near("apical_trunk", 140.0)]
    assert (np.diff([*heights, found.near("apical_tuft", 300.0)]) < 0).all()


# --------------------------------------------------------------------------------------------------- engines


def test_engines_agree(l23):
    """A spike in every section: its height, and when."""
    ours, theirs = (back_propagating_spike(l23, amplitude=1.5, engine=engine) for engine in ("fast", "neuron"))
    np.testing.assert_allclose(ours.amplitude_mV, theirs.amplitude_mV, rtol=0, atol=0.05)
    np.testing.assert_allclose(ours.delay_ms, theirs.delay_ms, rtol=0, atol=0.026)
    assert ours.n_spikes == theirs.n_spikes == 1


def test_a_network_of_detailed_and_simple_cells(l23, tiny_cell):
    """Events at the tuft of a detailed cell, which is given receptors for them; its neighbour hears nothing."""
    tuft = l23.spec.locations["apical_tuft"]
    sections = {
        name: attrs.evolve(section, receptors=("ampa",)) if name in tuft else section
        for name, section in l23.spec.sections.items()
    }
    detailed = attrs.evolve(l23.spec, sections=sections, synapses={"ampa": tiny_cell.synapses["ampa"]})
    network = hn.NetworkSpec(
        populations={
            "detailed": hn.Population(cell=detailed, place=AtPoints(points=((0.0, 0.0, 0.0),)), measure_dipole=True),
            "simple": hn.Population(cell=tiny_cell, place=AtPoints(points=((50.0, 0.0, 0.0),))),
        },
        drives={
            "input": hn.SpikeTrainDrive(
                trains=((5.0, 8.0),), location="apical_tuft", weights={"detailed": {"ampa": 3e-3}}
            )
        },
        baseline=None,
    )
    result = hn.simulate(network, tstop=30.0, record={"vsec": "soma"}, engine="neuron")
    detailed_mV, simple_mV = result.cell_response.recordings["vsec"].data[0]
    assert np.ptp(simple_mV) < 1e-9
    assert detailed_mV.max() > detailed_mV[200] + 1.0  # at 5 ms
    # excitation of the tuft draws current down the trunk
    assert np.abs(result.dipoles[0].data["agg"]).max() > 0


# --------------------------------------------------------------------------------------------------- attenuation


@pytest.mark.parametrize("frequency", [0.0, 25.0, 100.0])
def test_attenuation_is_that_of_neurons_impedance(frequency):
    """On the whole layer 5 tree with a leak only."""
    passive = Biophysics(
        domains={"all": Membrane(mechanisms={"pas": {"g": 5e-5, "e": -70.0}}), "apical": Membrane(cm=2.0)}, axon="stub"
    )
    cell = DetailedCell("synthetic-l5", passive, max_segment_um=None, d_lambda=0.1)
    neuron = session()
    with neuron.lock:
        h = neuron.h
        built = _Cell(h, cell.template, np.zeros(3), "attenuated")
        h.finitialize(-70.0)
        impedance = h.Impedance()
        impedance.loc(0.5, sec=built.sections[0])
        impedance.compute(frequency)
        expected = [impedance.ratio(segment.x, sec=section) for section in built.sections for segment in section]
    found = attenuation(cell, frequency)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.min() < 0.7
