"""Many networks in one call give what each gives alone, and variants of one structure share its kernels."""

from __future__ import annotations

import subprocess

import attrs
import numpy as np
import pytest

import hnnlib as hn

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def variants():
    """Return a small column with another weight, delay, drive and channel density in turn."""
    base = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
    changes = {
        "connections.4.weight": 0.02,
        "connections.4.delay": 3.0,
        "drives.evprox1.mu": 10.0,
        "drives.evprox1.weights.L5_pyramidal.ampa": 0.02,
        "populations.L5_pyramidal.cell.sections.soma.mechanisms.hh2.gnabar": 0.12,
    }
    nets = [base]
    for path, value in changes.items():
        net = base.copy()
        net.put(path, value)
        nets.append(net)
    return nets


@pytest.mark.parametrize("engine", [hn.FastEngine(), hn.FastEngine(threads=2), hn.NeuronEngine()])
def test_the_same_as_one_by_one(variants, engine):
    many = hn.simulate_many(variants, tstop=40.0, n_trials=2, engine=engine)
    alone = [hn.simulate(net, tstop=40.0, n_trials=2, engine=type(engine)()) for net in variants]
    for a, b in zip(many, alone, strict=True):
        for trial in range(2):
            np.testing.assert_array_equal(a.dipoles[trial].data["agg"], b.dipoles[trial].data["agg"])
            np.testing.assert_array_equal(a.cell_response.spike_times[trial], b.cell_response.spike_times[trial])
    traces = [r.dipoles[0].data["agg"] for r in many]
    assert all(np.abs(traces[0] - t).max() > 0 for t in traces[1:])  # each change shows


def test_variants_need_no_compiler(variants, monkeypatch):
    hn.simulate_many(variants[:1], tstop=1.0, engine="fast")

    def refuse(*arguments, **options):
        raise AssertionError("a compiler was called")

    monkeypatch.setattr(subprocess, "run", refuse)
    results = hn.simulate_many(variants, tstop=5.0, engine=hn.FastEngine())
    assert len(results) == len(variants)


def test_all_are_checked_before_any_runs(variants, monkeypatch):
    engine = hn.FastEngine()
    monkeypatch.setattr(type(engine), "run_many", lambda *a, **k: pytest.fail("ran"))
    broken = attrs.evolve(variants[0].spec, connections=())
    with pytest.raises(hn.HnnlibError, match="net"):
        hn.simulate_many([broken, "no network"], tstop=5.0, engine=engine)


def test_none_gives_none():
    assert hn.simulate_many([], tstop=10.0) == []


@pytest.mark.parametrize("engine", [hn.FastEngine(), hn.NeuronEngine()])
@pytest.mark.parametrize("launcher", ["serial", "joblib"])
def test_a_network_that_fails_is_named(variants, engine, launcher):
    broken = variants[0].copy()
    broken.put("celsius", 1e5)
    with pytest.raises(hn.TrialFailed, match=r"^network 1, trial 0 failed: ") as caught:
        hn.simulate_many([variants[0], broken], tstop=5.0, engine=engine, launcher=launcher)
    assert (caught.value.network, caught.value.trial) == (1, 0)
