"""Each channel against its published formula, in closed form, at a voltage that is held."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy import exp

pytestmark = pytest.mark.neuron

DT = 0.025
PHI = 2.3 ** ((37 - 23 - 30.7) / 10)


def hh2_rates(v):
    """Hodgkin & Huxley (1952), rest at -65 mV; -40 and -55 mV are limits."""

    def ratio(x, y):
        return y * (1 - x / y / 2) if abs(x / y) < 1e-6 else x / (exp(x / y) - 1)

    alpha = {
        "m": 0.1 * ratio(-(v + 40), 10),
        "h": 0.07 * exp(-(v + 65) / 20),
        "n": 0.01 * ratio(-(v + 55), 10),
    }
    beta = {"m": 4 * exp(-(v + 65) / 18), "h": 1 / (1 + exp(-(v + 35) / 10)), "n": 0.125 * exp(-(v + 65) / 80)}
    return {g: (alpha[g] / (alpha[g] + beta[g]), 1 / (alpha[g] + beta[g])) for g in alpha}


def km_rates(v):
    a = 0.001 * (v + 30) / (1 - exp(-(v + 30) / 9))
    b = -0.001 * (v + 30) / (1 - exp((v + 30) / 9))
    return {"n": (a / (a + b), 1 / (PHI * (a + b)))}


def ca_rates(v):
    am, bm = 0.055 * (-27 - v) / (exp((-27 - v) / 3.8) - 1), 0.94 * exp((-75 - v) / 17)
    ah, bh = 0.000457 * exp((-13 - v) / 50), 0.0065 / (exp((-v - 15) / 28) + 1)
    return {"m": (am / (am + bm), 1 / (PHI * (am + bm))), "h": (ah / (ah + bh), 1 / (PHI * (ah + bh)))}


def cat_rates(v):
    tau_h = 0.333 * exp((v + 466) / 66.6) if v < -81 else 9.32 + 0.333 * exp((-v - 21) / 10.5)
    tau_m = 0.204 + 0.333 / (exp((v + 15.8) / 18.2) + exp((-v - 131) / 16.7))
    return {"m": (1 / (1 + exp((-v - 56) / 6.2)), tau_m), "h": (1 / (1 + exp((v + 80) / 4)), tau_h)}


def ar_rates(v):
    return {"m": (1 / (1 + exp((v + 75) / 5.5)), 1 / (exp(-14.6 - 0.086 * v) + exp(-1.87 + 0.07 * v)))}


# rates, table (v_min, v_max, number of steps), states that don't start at their steady value
CHANNELS = {
    "hh2": (hh2_rates, (-100, 100, 200), {}),
    "km": (km_rates, (-120, 100, 199), {}),
    "ca": (ca_rates, (-120, 100, 199), {}),
    "cat": (cat_rates, (-120, 40, 641), {"m": 0.0}),
    "ar": (ar_rates, (-120, 40, 641), {"m": 0.25}),
}


@pytest.fixture(scope="module")
def session():
    """The session of this process."""
    from hnnlib.backends.neuron.session import session

    return session()


@pytest.fixture
def held(session):
    """Make a compartment with some mechanisms, at a voltage that no current moves: its capacitance is immense."""
    sections = []

    def make(*mechanisms, v=-65.0, **parameters):
        section = session.h.Section(name="held")
        section.cm = 1e15
        for mechanism in mechanisms:
            section.insert(mechanism)
        for name, value in parameters.items():
            setattr(section(0.5), name, value)
        sections.append(section)
        start(session, section, v)
        return section(0.5)

    return make


def start(session, section, v):
    section.v = v
    session.prepare(DT, 37.0)
    session.h.finitialize()
    session.h.fcurrent()


def table_nodes(table):
    low, high, n = table
    return low + (high - low) * np.arange(n + 1) / n


@pytest.mark.parametrize("channel", CHANNELS)
def test_steady_states_and_time_constants_at_the_nodes_of_the_table(session, held, channel):
    rates, table, _ = CHANNELS[channel]
    segment = held(channel)
    for v in table_nodes(table)[1:-1]:
        start(session, segment.sec, v)
        for gate, (inf, tau) in rates(v).items():
            mechanism = getattr(segment, channel)
            assert getattr(mechanism, f"{gate}inf") == pytest.approx(inf, rel=1e-10, abs=1e-16), (v, gate)
            assert getattr(mechanism, f"{gate}tau") == pytest.approx(tau, rel=1e-10), (v, gate)


@pytest.mark.parametrize("channel", CHANNELS)
def test_between_nodes_the_table_is_linear_and_beyond_its_ends_constant(session, held, channel):
    rates, table, _ = CHANNELS[channel]
    segment = held(channel)
    nodes = table_nodes(table)
    for v, (left, right), share in [
        *((a + 0.3 * (b - a), (a, b), 0.3) for a, b in zip(nodes[:-1:7], nodes[1::7], strict=False)),
        (nodes[0] - 30, (nodes[0], nodes[1]), 0.0),
        (nodes[-1] + 30, (nodes[-1], nodes[-1]), 0.0),
    ]:
        start(session, segment.sec, v)
        for gate, (inf, tau) in rates(left).items():
            inf_right, tau_right = rates(right)[gate]
            mechanism = getattr(segment, channel)
            assert getattr(mechanism, f"{gate}inf") == pytest.approx(
                inf + share * (inf_right - inf), rel=1e-9, abs=1e-16
            )
            assert getattr(mechanism, f"{gate}tau") == pytest.approx(tau + share * (tau_right - tau), rel=1e-9)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("node", [30, 50, 90])
def test_gates_start_where_published_and_relax_exponentially(session, held, channel, node):
    rates, table, unsteady = CHANNELS[channel]
    v = table_nodes(table)[node]
    segment = held(channel, v=v)
    mechanism = getattr(segment, channel)
    others = {"hh2": {"m": 0.9, "h": 0.1, "n": 0.8}, "km": {"n": 0.9}, "ca": {"m": 0.9, "h": 0.2}}.get(channel, {})
    gates = rates(v)
    for gate, (inf, _) in gates.items():
        assert getattr(mechanism, gate) == pytest.approx(unsteady.get(gate, inf), rel=1e-10)
    first = {gate: unsteady.get(gate, inf) for gate, (inf, _) in gates.items()} | others
    for gate, value in others.items():
        setattr(mechanism, gate, value)
    session.pc.psolve(3.0)
    for gate, (inf, tau) in gates.items():
        expected = inf + (first[gate] - inf) * exp(-session.h.t / tau)
        assert getattr(mechanism, gate) == pytest.approx(expected, rel=1e-9), gate


def test_currents_are_conductance_times_driving_force(held):
    v = -50.0
    s = held("hh2", v=v)
    assert s.ina == pytest.approx(0.12 * s.hh2.m**3 * s.hh2.h * (v - 50), rel=1e-12)
    assert s.ik == pytest.approx(0.036 * s.hh2.n**4 * (v + 77), rel=1e-12)
    assert s.hh2.il == pytest.approx(3e-4 * (v + 54.3), rel=1e-12)
    s = held("km", v=v, gbar_km=250.0)
    assert s.ik == pytest.approx(1e-4 * PHI * 250 * s.km.n * (v + 77), rel=1e-12)
    s = held("ca", v=v, gbar_ca=60.0)
    assert s.ica == pytest.approx(1e-4 * PHI * 60 * s.ca.m**2 * s.ca.h * (v - s.ca.eca), rel=1e-12)
    s = held("cat", v=v, gbar_cat=2e-4, m_cat=0.3)
    assert s.cat.i == 0  # closed at the start
    s = held("ar", v=v, gbar_ar=1e-6)
    assert s.ar.i == pytest.approx(1e-6 * 0.25 * (v + 35), rel=1e-12)
    s = held("cad", "kca", v=v, gbar_kca=3.0)
    assert s.ik == pytest.approx(1e-4 * PHI * 3 * s.kca.n * (v + 77), rel=1e-12)


def test_low_threshold_current_once_it_is_open(session, held):
    s = held("cat", v=-50.0, gbar_cat=2e-4)
    session.pc.psolve(1.0)
    session.h.fcurrent()
    assert s.cat.m > 0.1
    assert s.cat.i == pytest.approx(2e-4 * s.cat.m**2 * s.cat.h * (-50 - 125), rel=1e-12)


def test_the_conductance_that_the_solver_uses_is_that_of_the_current(session):
    """One step of an isopotential compartment: (cm/dt + g) dv = -i, with g the slope of the current, backward Euler."""
    section = session.h.Section(name="step")
    section.L = section.diam = 20.0
    for mechanism in ("hh2", "km", "ca", "cad", "kca", "cat", "ar"):
        section.insert(mechanism)
    s = section(0.5)
    s.km.gbar, s.ca.gbar, s.kca.gbar, s.cat.gbar, s.ar.gbar = 250.0, 60.0, 50.0, 0.01, 0.01
    for v in (-80.0, -50.0, -20.0):
        start(session, section, v)
        g = (
            s.hh2.gnabar * s.hh2.m**3 * s.hh2.h
            + s.hh2.gkbar * s.hh2.n**4
            + s.hh2.gl
            + 1e-4 * PHI * (s.km.gbar * s.km.n + s.ca.gbar * s.ca.m**2 * s.ca.h + s.kca.gbar * s.kca.n)
            + s.cat.gbar * s.cat.m**2 * s.cat.h
            + s.ar.gbar * s.ar.m
        )
        i = s.ina + s.ik + s.ica + s.hh2.il + s.cat.i + s.ar.i
        session.h.fadvance()
        assert s.v - v == pytest.approx(-i / (1e-3 * section.cm / DT + g), rel=1e-9)


@pytest.mark.parametrize("taur", [20.0, 200.0])
def test_calcium_decays_to_rest_with_one_time_constant(session, held, taur):
    s = held("cad", taur_cad=taur)
    assert (s.cai, s.cad.ca) == (1e-4, 1e-4)
    s.cad.ca = 5e-3
    session.pc.psolve(10.0)
    assert s.cai == pytest.approx(1e-4 + (5e-3 - 1e-4) * exp(-session.h.t / taur), rel=1e-10)


def test_calcium_follows_inward_current_step_by_step_and_ignores_outward(session, held):
    inward = held("ca", "cad", v=-20.0, gbar_ca=60.0, taur_cad=20.0)
    outward = held("ca", "cad", v=150.0, gbar_ca=60.0, taur_cad=20.0)  # starts the first one anew too
    recorded = {
        s: (session.h.Vector().record(s._ref_ica), session.h.Vector().record(s._ref_cai)) for s in (inward, outward)
    }
    session.h.finitialize()
    session.h.fcurrent()
    session.pc.psolve(20.0)
    ica, cai = (vector.as_numpy() for vector in recorded[inward])
    assert (ica < 0).all()
    share = 1 - exp(-DT / 20.0)
    source = -1e4 * ica[1:] / (2 * 96485.3 * 0.1)
    np.testing.assert_allclose(cai[1:], cai[:-1] + share * (20.0 * source + 1e-4 - cai[:-1]), rtol=1e-11)
    assert cai[-1] > 10 * cai[0]
    ica, cai = (vector.as_numpy() for vector in recorded[outward])
    assert (ica > 0).all()
    np.testing.assert_allclose(cai, 1e-4, rtol=1e-14)


def test_calcium_opens_potassium_channels(session, held):
    s = held("cad", "kca")
    for cai in (1e-4, 2e-3, 0.1):
        s.cad.cainf = cai
        start(session, s.sec, -65.0)
        a = 0.01 * cai
        assert s.kca.n == pytest.approx(a / (a + 0.02), rel=1e-12)
        assert s.kca.ntau == pytest.approx(1 / (PHI * (a + 0.02)), rel=1e-12)


def test_calcium_reversal_is_nernst_with_the_published_constants(session, held):
    s = held("ca", "cad", v=-20.0, gbar_ca=60.0)
    assert s.ca.eca == pytest.approx(132.32668565108486, abs=1e-12)
    session.pc.psolve(5.0)
    assert s.cai > 2e-4
    nernst = 1000 * 8.3134 * (37 + 273.15) / (2 * 96485.309) * math.log(2 / s.cai)
    assert s.ca.eca == pytest.approx(nernst, rel=1e-12)


def test_temperature_factor_at_37_degrees(held):
    assert held("km").km.tadj == pytest.approx(0.2488367462, abs=1e-10)
    assert held("hh2").hh2.q == pytest.approx(1.0, abs=1e-15)
