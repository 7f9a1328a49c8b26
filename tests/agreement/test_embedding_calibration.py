"""Unitary potentials at the soma, measured and set."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.sources.rates import Lognormal
from hnnlib.embedding.synapses.calibrate import calibrate_unitary, unitary_psps
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.table import SynapseType

pytestmark = pytest.mark.neuron

EXC = SynapseType(receptors={"ampa": hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})})
INH = SynapseType(receptors={"gabaa": hn.SynapseSpec(parameters={"e": -80.0, "tau1": 1.0, "tau2": 20.0})})
QUICK = {"window": 40.0, "settle": 20.0, "n_cells": 4, "engine": "neuron"}


def morphology():
    return Morphology(
        names=("soma", "basal_0", "apical_0"),
        types=("soma", "basal", "apical"),
        parent=np.array([-1, 0, 0], np.int32),
        parent_end=np.array([1, 0, 1], np.int8),
        points=(
            np.array([[0, 0, -8, 16.0], [0, 0, 8, 16]]),
            np.array([[0, 0, -8, 2.0], [100, 0, -60, 1]]),
            np.array([[0, 0, 8, 3.0], [0, 0, 308, 1]]),
        ),
        domains=("soma", "basal", "apical_trunk"),
    )


@pytest.fixture(scope="module")
def cell():
    """A passive cell."""
    passive = Membrane(mechanisms={"hh2": {"gnabar": 0.0, "gkbar": 0.0, "gl": 1e-4, "el": -70.0}}, v0=-70.0)
    return DetailedCell(morphology(), Biophysics(domains={"all": passive}, axon="none"), max_segment_um=40.0)


@pytest.fixture(scope="module")
def embedding(cell):
    weight = Lognormal(mean=5e-4, sd=2e-4)
    exc = random(cell, "exc", n_cells=6, contacts=3, kind=EXC, weight=weight, release_p=0.5, domain="apical")
    return exc + random(cell, "inh", n_cells=3, contacts=2, kind=INH, weight=1e-3, domain="soma")


def test_the_potential_of_a_known_conductance(cell):
    """A small synapse on a ball of membrane is a linear problem with a known answer."""
    ball = Morphology(
        names=("soma",), types=("soma",), parent=np.array([-1], np.int32), parent_end=np.array([1], np.int8),
        points=(np.array([[0, 0, -10, 20.0], [0, 0, 10, 20]]),), domains=("soma",),
    )  # fmt: skip
    alone = DetailedCell(ball, cell.biophysics, max_segment_um=40.0)
    weight, area = 1e-6, np.pi * 20 * 20 * 1e-8  # µS; cm²
    emb = random(alone, "exc", n_cells=1, kind=EXC, weight=weight)
    psps = unitary_psps(alone, emb, "exc", window=40.0, settle=10.0, dt=0.025, engine="neuron")
    # dv/dt = (w g(t) * 70 mV - G v) / C, of which the peak is found on a fine grid
    tau1, tau2, tau = 0.5, 5.0, 1.0 / (1e-4 * 1e3)  # ms; membrane: 1 µF/cm² over 1e-4 S/cm²
    t = np.arange(0, 40, 0.001)
    top = tau1 * tau2 / (tau2 - tau1) * np.log(tau2 / tau1)
    scale = weight * 70 / (area * 1e3) / (np.exp(-top / tau2) - np.exp(-top / tau1))  # mV/ms: nA / (µF) is mV/ms

    def answer(rise):
        return (np.exp(-t / rise) - np.exp(-t / tau)) / (1 / tau - 1 / rise)

    v = scale * (answer(tau2) - answer(tau1))
    assert psps.peak_mV[0] == pytest.approx(v.max(), rel=5e-3)
    assert psps.peak_ms[0] == pytest.approx(t[v.argmax()], abs=0.2)


def test_each_cell_is_tried_alone(cell, embedding):
    psps = unitary_psps(cell, embedding, "exc", **{**QUICK, "n_cells": 100})
    assert psps.source.tolist() == [0, 1, 2, 3, 4, 5]
    assert (psps.peak_mV > 0).all()
    assert not psps.fired.any()
    # nearly linear: who has more conductance moves the soma more, and all releases happen in spite of release_p
    weight = np.bincount(embedding.source[embedding.rows["exc"]], embedding.weight_uS[embedding.rows["exc"]])
    assert np.corrcoef(weight, psps.peak_mV)[0, 1] > 0.8
    some = unitary_psps(cell, embedding, "exc", **QUICK)
    assert len(some) == 4
    np.testing.assert_allclose(some.peak_mV, psps.peak_mV[some.source], rtol=1e-4)


def test_weights_are_set_to_a_target(cell, embedding):
    for population, target in (("exc", 1.0), ("inh", -0.4)):
        changed = calibrate_unitary(cell, embedding, population, target, tolerance=0.01, **QUICK)
        assert unitary_psps(cell, changed, population, **QUICK).mean_mV == pytest.approx(target, rel=0.01)
        ratio = changed.weight_uS / embedding.weight_uS
        mine = changed.where(population=population)
        np.testing.assert_allclose(ratio[mine], ratio[mine][0], rtol=1e-12)
        assert (ratio[~mine] == 1).all()
        assert np.array_equal(changed.release_p, embedding.release_p)


def test_targets_that_can_not_be_reached(cell, embedding):
    with pytest.raises(InvalidValue, match=r"target_mV: 1.0 mV can't be reached: cells of 'inh' move the soma by -"):
        calibrate_unitary(cell, embedding, "inh", 1.0, **QUICK)
    with pytest.raises(InvalidValue, match=r"target_mV: -20.0 mV is not reached in 8 rounds: with weights times"):
        calibrate_unitary(cell, embedding, "inh", -20.0, **QUICK)
    with pytest.raises(InvalidValue, match="can't be reached: cells of 'exc' move the soma by 0 mV"):
        calibrate_unitary(cell, embedding.silence(population="exc"), "exc", 1.0, **QUICK)
    with pytest.raises(InvalidValue, match="must not be 0"):
        calibrate_unitary(cell, embedding, "exc", 0.0)
    with pytest.raises(UnknownName, match="'ex' is no population of the embedding"):
        unitary_psps(cell, embedding, "ex")
