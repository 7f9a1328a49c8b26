"""Passive cables on the NEURON engine against cable theory (Rall 1959; Koch, Biophysics of Computation, ch. 2)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.network import TonicBias
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron

RA = 150.0  # Ω·cm
DIAM = 2.0  # µm
G = 1e-4  # S/cm²
REST = -70.0  # mV
TAU = 10.0  # ms: 1 µF/cm² over 1e-4 S/cm²
LENGTH_CONSTANT = 1e4 * math.sqrt(DIAM * 1e-4 / 4 / (G * RA))  # µm
MEMBRANE = {"pas": {"g": G, "e": REST}}


def chain(n_sections: int, length: float, nseg: int) -> CellSpec:
    """Return a straight cable of sections end to end; its 0 end is that of the root, "s0"."""
    return CellSpec(
        sections={
            f"s{i}": SectionSpec(
                L=length,
                diam=DIAM,
                Ra=RA,
                v0=REST,
                nseg=nseg,
                parent=None if i == 0 else f"s{i - 1}",
                mechanisms=MEMBRANE,
            )
            for i in range(n_sections)
        },
        spike_section="s0",
    )


def steady_state(x: np.ndarray, x0: float, length: float, current: float) -> np.ndarray:
    """Return the deflection (mV) of a cable with sealed ends at x (µm) for a current (nA) into x0.

    The Green's function of the cable equation: r λ cosh(x_< / λ) cosh((l - x_>) / λ) / sinh(l / λ) with the axial
    resistance per length r.
    """
    r = 0.01 * RA / (math.pi * DIAM**2 / 4)  # MΩ/µm
    low, high = np.minimum(x, x0), np.maximum(x, x0)
    lam = LENGTH_CONSTANT
    return r * lam * current * np.cosh(low / lam) * np.cosh((length - high) / lam) / np.sinh(length / lam)


def settled(one_cell, run_trial, cell: CellSpec, section: str, current: float) -> np.ndarray:
    """Return the deflection at the middle of each section, 30 time constants after the current's start."""
    network = one_cell(cell, biases={"clamp": {"cell": TonicBias(amplitude=current, section=section)}})
    # the steady state of the implicit method does not depend on the step
    _, trial = run_trial(network, tstop=30 * TAU, dt=0.5, record=Record(vsec="all"))
    return trial.samples["vsec"][-1] - REST


def errors(one_cell, run_trial, nseg: int) -> np.ndarray:
    middles = 100.0 + 200.0 * np.arange(5)
    found = settled(one_cell, run_trial, chain(5, 200.0, nseg), "s1", 0.05)
    return found / steady_state(middles, 300.0, 1000.0, 0.05) - 1


def test_steady_state_of_a_sealed_cable(one_cell, run_trial):
    """Within 1e-5 with segments of 2.2 µm, where the length constant is 577 µm."""
    assert math.isclose(LENGTH_CONSTANT, 577.35, abs_tol=0.01)
    assert np.abs(errors(one_cell, run_trial, 91)).max() < 1e-5


def test_space_is_resolved_to_second_order(one_cell, run_trial):
    """Three times as many segments leave a ninth of the error."""
    coarse, fine = (np.abs(errors(one_cell, run_trial, nseg)).max() for nseg in (9, 27))
    assert coarse < 1e-3
    assert coarse / fine == pytest.approx(9.0, rel=0.1)


def test_input_resistance_of_a_short_cell(one_cell, run_trial):
    """A cell much shorter than its length constant is one compartment: R = 1 / (g area)."""
    cell = CellSpec(
        sections={"soma": SectionSpec(L=20.0, diam=20.0, Ra=RA, v0=REST, nseg=1, mechanisms=MEMBRANE)},
    )
    conductance = G * math.pi * 20.0 * 20.0 * 1e-2  # µS
    found = settled(one_cell, run_trial, cell, "soma", 0.1)
    assert found[0] == pytest.approx(0.1 / conductance, rel=1e-10)


def decay(one_cell, run_trial, dt: float) -> np.ndarray:
    """Return the deflection of a compartment that starts 10 mV above rest."""
    cell = CellSpec(
        sections={"soma": SectionSpec(L=20.0, diam=20.0, v0=REST + 10.0, nseg=1, mechanisms=MEMBRANE)},
    )
    _, trial = run_trial(one_cell(cell), tstop=20.0, dt=dt, record=Record(vsec="all"))
    return trial.samples["vsec"][:, 0] - REST


def test_decay_is_that_of_the_implicit_euler_method(one_cell, run_trial):
    found = decay(one_cell, run_trial, 0.025)
    np.testing.assert_allclose(found, 10.0 * (1 + 0.025 / TAU) ** -np.arange(801), rtol=1e-10)


def test_decay_has_the_membrane_time_constant(one_cell, run_trial):
    """A fit of the logarithm gives tau to first order in the step."""
    found = decay(one_cell, run_trial, 0.005)
    slope = np.polyfit(np.arange(len(found)) * 0.005, np.log(found), 1)[0]
    assert -1 / slope == pytest.approx(TAU + 0.005 / 2, rel=1e-6)


def test_charging_by_a_step_of_current(one_cell, run_trial):
    cell = CellSpec(
        sections={"soma": SectionSpec(L=20.0, diam=20.0, v0=REST, nseg=1, mechanisms=MEMBRANE)},
    )
    bias = TonicBias(amplitude=0.1, t0=5.0, tstop=15.0)
    _, trial = run_trial(one_cell(cell, biases={"b": {"cell": bias}}), tstop=25.0, dt=0.025, record=Record(vsec="all"))
    found = trial.samples["vsec"][:, 0] - REST
    final = 0.1 / (G * math.pi * 20.0 * 20.0 * 1e-2)
    factor = 1 / (1 + 0.025 / TAU)
    assert np.abs(found[:200]).max() < 1e-10
    np.testing.assert_allclose(found[200:601], final * (1 - factor ** np.arange(401)), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found[600:], found[600] * factor ** np.arange(401), rtol=1e-9)
