"""Current clamps on both engines: against the charging of a sphere, against tonic biases, against each other."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import neymotin_2020
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.network import Electrodes, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

DT = 0.025
E_LEAK, G_LEAK = -65.0, 1e-4  # mV, S/cm²
AREA_CM2 = math.pi * 20.0 * 20.0 * 1e-8
CAPACITY, LEAK = 1.0 * AREA_CM2 * 1e3, G_LEAK * AREA_CM2 * 1e6  # nF, µS

ENGINES = {"neuron": NeuronEngine, "fast": FastEngine}


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]()


@pytest.fixture
def ball(one_cell):
    """A network of one passive sphere, with an electrode that takes the sum of membrane currents."""
    soma = SectionSpec(L=20.0, diam=20.0, v0=E_LEAK, mechanisms={"pas": {"g": G_LEAK, "e": E_LEAK}})
    cell = CellSpec(sections={"soma": soma}, synapses={}, locations={})
    return one_cell(cell, electrodes={"total": Electrodes(positions=[(0.0, 0.0, 0.0)], method=None)})


def run(network, engine, tstop: float):
    """Return voltage (mV) and total membrane current (nA) at every step."""
    result = hn.simulate(network, tstop=tstop, engine=engine, record=Record(vsec="soma"))
    return result.cell_response.recordings["vsec"].data[0, 0], result.potentials["total"].voltages[0, 0]


def euler(current: np.ndarray) -> np.ndarray:
    """Return the voltage (mV) at every step, by implicit Euler steps with the current (nA) of each."""
    v = [E_LEAK]
    for now in current:
        v.append((CAPACITY / DT * v[-1] + LEAK * E_LEAK + now) / (CAPACITY / DT + LEAK))
    return np.array(v)


def test_a_sphere_is_charged(ball, engine):
    """As by theory: an exponential towards I / g, with the membrane's time constant, 10 ms."""
    ball = attrs.evolve(ball, current_clamps={"c": CurrentClamp(cells={"cell": None}, amplitude=0.01, delay=10.0)})
    v, _ = run(ball, engine, 60.0)
    t = np.arange(len(v)) * DT - 10.0
    tau = CAPACITY / LEAK
    assert tau == pytest.approx(10.0)
    rise = 0.01 / LEAK
    expected = E_LEAK + rise * -np.expm1(-np.maximum(t, 0.0) / tau)
    # implicit Euler lags by up to rise * dt / (2 e tau)
    np.testing.assert_allclose(v, expected, atol=1.01 * rise * DT / (2 * math.e * tau))
    np.testing.assert_allclose(v, E_LEAK + rise * (1 - (1 + DT / tau) ** -np.maximum(np.round(t / DT), 0)), rtol=1e-10)


def test_steps_may_overlap_and_be_negative(ball, engine):
    """Several steps of one clamp and several clamps on one section; on where a time step's middle is within."""
    steps = [(0.03, 2.0, 10.0), (-0.05, 5.01, 4.0), (0.02, 5.0126, 0.02), (0.01, 7.0, 0.0), (0.04, 18.0, 50.0)]
    amplitude, delay, duration = zip(*steps, strict=True)
    clamps = {
        "steps": CurrentClamp(cells={"cell": None}, amplitude=amplitude, delay=delay, duration=duration),
        "on": CurrentClamp(cells={"cell": [0]}, amplitude=-0.01, delay=15.0),
    }
    v, total = run(attrs.evolve(ball, current_clamps=clamps), engine, 20.0)
    middle = (np.arange(800) + 0.5) * DT
    current = -0.01 * (middle >= 15.0)
    for amp, start, length in steps:
        current += amp * ((middle >= start) & (middle < start + length))
    np.testing.assert_allclose(v, euler(current), rtol=1e-12)
    np.testing.assert_allclose(total[1:], current, atol=1e-12)


def test_a_recorded_current(ball, engine, tmp_path):
    """Values at times on the step, between steps, and at the very middle of steps, where one must end as one begins."""
    stream = np.random.default_rng(1)
    times = np.unique(np.concatenate([np.arange(0, 8, 0.0125), stream.uniform(8.0, 18.0, 300), [18.7, 19.0]]))
    amplitudes = stream.normal(0.0, 0.05, len(times)).round(3)
    path = tmp_path / "current.csv"
    path.write_text(
        "amps,timestamps\n" + "".join(f"{a},{float(t)!r}\n" for t, a in zip(times, amplitudes, strict=True))
    )
    net = hn.Network.from_spec(ball)
    net.add_current_clamp("noise", "cell", csv=path)
    v, total = run(net, engine, 20.0)
    middle = (np.arange(800) + 0.5) * DT
    # where a value begins at the very middle of a step, rounding decides whether that step has it or the one before
    at = [amplitudes[np.searchsorted(times, middle + off, side="right") - 1] for off in (1e-6, -1e-6)]
    assert np.count_nonzero(at[0] != at[1]) > 300
    found = total[1:]
    assert (np.isclose(found, at[0], rtol=0, atol=1e-12) | np.isclose(found, at[1], rtol=0, atol=1e-12)).all()
    np.testing.assert_allclose(v, euler(found), rtol=1e-10)


def test_steps_that_join_are_one(default_params, engine):
    """To the last bit, in every recorded number; the joints are on steps, in their middle, and anywhere."""
    network = attrs.evolve(neymotin_2020(default_params, (1, 1)), baseline=None)
    bias = TonicBias(amplitude=1.3, t0=5.0, tstop=40.0, section="apical_trunk")
    joints = [5.0, 10.0, 20.0125, 23.4567, 40.0]
    steps = {"amplitude": [1.3] * 4, "delay": joints[:-1], "duration": np.diff(joints).tolist()}
    assert (np.array(steps["delay"]) + steps["duration"] == joints[1:]).all()
    clamp = CurrentClamp(cells={"L5_pyramidal": None}, section="apical_trunk", **steps)
    by_bias = attrs.evolve(network, biases={"b": {"L5_pyramidal": bias}})
    by_clamp = attrs.evolve(network, current_clamps={"c": clamp})
    one, other = (
        engine.run(compile_plan(n, RunSpec(tstop=45.0, record=Record(vsec="all"))), [0]).trials[0]
        for n in (by_bias, by_clamp)
    )
    assert len(one.spike_times_ms) > 0
    assert one.spike_times_ms.tolist() == other.spike_times_ms.tolist()
    np.testing.assert_array_equal(one.samples["dipole"], other.samples["dipole"])
    np.testing.assert_array_equal(one.samples["vsec"], other.samples["vsec"])


def test_engines_agree(default_params, agreement):
    """On a column whose cells get currents in soma and dendrites, several at once."""
    net = hn.Network.from_spec(attrs.evolve(neymotin_2020(default_params, (2, 2)), baseline=None))
    stream = np.random.default_rng(2)
    net.add_current_clamp("up", "L5_pyramidal", amplitude=[2.0, -0.5], delay=[3.0, 20.0], duration=[30.0, None])
    net.add_current_clamp("noise", [1, 2, 8, 9], times=np.arange(0, 40, 0.33), amplitudes=stream.normal(0.6, 0.5, 122))
    net.add_current_clamp("tuft", {"layer": "5", "morpho_type": "pyramidal"}, amplitude=1.0, delay=10, duration=2.5,
                          section="apical_tuft")  # fmt: skip
    net.add_tonic_bias(amplitude={"L5_pyramidal": 0.2, "L2_basket": 0.4})
    plan = compile_plan(net.spec, RunSpec(tstop=45.0))
    fast, neuron = (e(rates="exact").run(plan, [0]).trials[0] for e in (FastEngine, NeuronEngine))
    found = agreement(plan, fast, neuron)
    assert found.n_spikes >= 8
    assert found.same_gids
    assert found.spikes_ms <= 1e-9
    assert found.max <= 1e-8
