"""Synaptic conductances on the NEURON engine against their closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron

DT = 0.025
E_REV = 10.0


def conductance(one_cell, run_trial, tau1, tau2, times, weight=0.003, delay=1.0, tstop=60.0) -> np.ndarray:
    """Return the conductance (µS) of a synapse at every step, from its current and the voltage.

    A step takes the current from the voltage and the conductance at its start and leaves it as the sample at its end.
    """
    cell = CellSpec(
        sections={
            "soma": SectionSpec(
                L=20.0, diam=20.0, v0=-70.0, mechanisms={"pas": {"g": 1e-4, "e": -70.0}}, receptors=("exc",)
            )
        },
        synapses={"exc": SynapseSpec(parameters={"e": E_REV, "tau1": tau1, "tau2": tau2})},
    )
    drive = SpikeTrainDrive(location="soma", weights={"cell": {"exc": weight}}, delays=delay, trains=[times])
    _, trial = run_trial(one_cell(cell, drives={"d": drive}), tstop=tstop, dt=DT, record=Record(vsec="all", isec="all"))
    v, i = trial.samples["vsec"][:, 0], trial.samples["isec"][:, 0]
    return i[1:] / (v[:-1] - E_REV)


def closed_form(t: np.ndarray, tau1: float, tau2: float) -> np.ndarray:
    """Return the conductance at times t after an event, with peak 1 (two exponentials, as in NEURON's Exp2Syn)."""
    peak = peak_time(tau1, tau2)
    factor = 1 / (math.exp(-peak / tau2) - math.exp(-peak / tau1))
    t = np.maximum(t, 0.0)
    return factor * (np.exp(-t / tau2) - np.exp(-t / tau1))


def peak_time(tau1: float, tau2: float) -> float:
    return tau1 * tau2 / (tau2 - tau1) * math.log(tau2 / tau1)


KINETICS = [(0.5, 5.0), (1.0, 20.0), (45.0, 200.0)]


@pytest.mark.parametrize(("tau1", "tau2"), KINETICS)
def test_time_course_of_one_event(one_cell, run_trial, tau1, tau2):
    found = conductance(one_cell, run_trial, tau1, tau2, [10.0])
    t = np.arange(len(found)) * DT - 11.0
    np.testing.assert_allclose(found, 0.003 * closed_form(t, tau1, tau2), rtol=1e-9, atol=1e-14)
    assert not found[t < DT / 2].any()


@pytest.mark.parametrize(("tau1", "tau2"), KINETICS[:2])
def test_the_weight_is_the_peak(one_cell, run_trial, tau1, tau2):
    found = conductance(one_cell, run_trial, tau1, tau2, [10.0], weight=0.002)
    assert np.argmax(found) * DT - 11.0 == pytest.approx(peak_time(tau1, tau2), abs=DT)
    # the curvature at the peak is -w / (tau1 tau2), so that a sample is off by less than this
    assert found.max() == pytest.approx(0.002, rel=DT**2 / (8 * tau1 * tau2))
    assert found.max() <= 0.002


def test_events_add_up(one_cell, run_trial):
    times = [5.0, 10.0, 10.0, 17.5]
    found = conductance(one_cell, run_trial, 0.5, 5.0, times)
    t = np.arange(len(found)) * DT
    expected = sum(0.003 * closed_form(t - time - 1.0, 0.5, 5.0) for time in times)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("time", "step"), [(10.0, 440), (10.005, 440), (10.012, 440), (10.013, 441), (10.024, 441)])
def test_an_event_acts_at_the_nearest_step(one_cell, run_trial, time, step):
    """Within half a step it is taken to the step before, beyond to the one after."""
    found = conductance(one_cell, run_trial, 0.5, 5.0, [time], tstop=20.0)
    assert np.flatnonzero(found)[0] == step + 1


def test_an_event_of_weight_0_does_nothing(one_cell, run_trial):
    """Leaving out what can't act changes nothing: the synapse is there for the recording alone."""
    assert not conductance(one_cell, run_trial, 0.5, 5.0, [10.0], weight=0.0).any()


def test_an_event_beyond_the_run_does_nothing(one_cell, run_trial):
    assert not conductance(one_cell, run_trial, 0.5, 5.0, [10.0], delay=55.0).any()
    assert conductance(one_cell, run_trial, 0.5, 5.0, [10.0], delay=45.0).any()
