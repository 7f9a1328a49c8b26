"""The fast engine gives the same numbers however it is used: threads, order, processes, and what ran before."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.fast import build
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.backends.protocol import join
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import column
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron  # its parser reads the mechanisms

NAME = "drives of every kind"


def same(one, other):
    """Two trials are equal to the bit."""
    assert one.trial == other.trial
    np.testing.assert_array_equal(one.spike_times_ms, other.spike_times_ms)
    np.testing.assert_array_equal(one.spike_gids, other.spike_gids)
    assert set(one.samples) == set(other.samples)
    for probe, samples in one.samples.items():
        np.testing.assert_array_equal(samples, other.samples[probe], err_msg=probe)


@pytest.fixture(scope="module")
def plan(plan_of):
    """Five trials, each with events of its own, and all traces of the somata."""
    return plan_of(NAME, n_trials=5, tstop=40.0, record=Record(vsec="soma", isec="soma", ca="soma", every=10))


@pytest.fixture(scope="module")
def trials(plan):
    """The five trials, one after another on one thread."""
    done = FastEngine().run(plan, range(5)).trials
    assert all(np.count_nonzero(t.spike_gids < plan.n_cells) > 20 for t in done)
    assert len({t.spike_times_ms.tobytes() for t in done}) == 5
    return done


def test_threads_change_nothing(plan, trials):
    for threads in (2, 5):
        done = FastEngine(threads=threads).run(plan, range(5)).trials
        assert [trial.trial for trial in done] == [0, 1, 2, 3, 4]
        for trial in done:
            same(trial, trials[trial.trial])


def test_neither_order_nor_number_of_trials_matters(plan, trials, plan_of):
    for order in ([4, 0, 2], [3]):
        done = FastEngine(threads=2).run(plan, order).trials
        assert [t.trial for t in done] == order
        for trial in done:
            same(trial, trials[trial.trial])
    three = plan_of(NAME, n_trials=3, tstop=40.0, record=Record(vsec="soma", isec="soma", ca="soma", every=10))
    done = FastEngine().run(three, range(3)).trials
    assert [trial.trial for trial in done] == [0, 1, 2]
    for trial in done:
        same(trial, trials[trial.trial])


@pytest.mark.parametrize("others", [("custom cell",), ("Law 2022", "each cell by a bias")])
def test_what_ran_before_leaves_no_trace(others, plan, trials, plan_of):
    """Kernels of several networks live in one process, each with its own tree."""
    engine = FastEngine()
    for name in others:
        engine.run(plan_of(name, tstop=2.0), [0])
        FastEngine(precision="float32").run(plan_of(name, tstop=2.0), [0])
    same(engine.run(plan, [1]).trials[0], trials[1])
    again = engine.run(plan, [1])
    same(again.trials[0], trials[1])


def test_kernels_of_single_populations_do_not_share_trees():
    """Every unit numbers its kernels from 0; those of networks in one process must not meet."""
    network = column((1, 1))
    for name in ("L5_pyramidal", "L2_pyramidal", "L2_basket", "L5_pyramidal"):
        alone = attrs.evolve(
            network,
            baseline=None,
            populations={name: attrs.evolve(network.populations[name], measure_dipole=False)},
            biases={"b": {name: hn.TonicBias(amplitude=2.0)}},
        )
        plan = compile_plan(alone, hn.RunSpec(tstop=10.0, record=Record(vsec="all")))
        ours, theirs = (e(rates="exact").run(plan, [0]).trials[0] for e in (FastEngine, NeuronEngine))
        np.testing.assert_allclose(ours.samples["vsec"], theirs.samples["vsec"], rtol=0, atol=1e-9, err_msg=name)
        np.testing.assert_array_equal(ours.spike_times_ms, theirs.spike_times_ms)
        assert len(ours.spike_times_ms)


def test_joblib_gives_what_one_process_gives(plan, trials):
    records = join(list(JoblibLauncher(n_jobs=2).run(FastEngine(), plan, range(plan.run.n_trials))))
    assert records.engine == "fast"
    assert [trial.trial for trial in records.trials] == [0, 1, 2, 3, 4]
    for trial in records.trials:
        same(trial, trials[trial.trial])


def test_an_engine_travels_by_its_choices(plan, trials):
    engine = FastEngine(rates="tables", threads=2)
    engine.run(plan, [0])
    copy = pickle.loads(pickle.dumps(engine))
    assert copy.options == engine.options == {"rates": "tables", "precision": "float64", "threads": 2}
    same(copy.run(plan, [0]).trials[0], trials[0])


def test_progress_is_told_once_a_trial_and_changes_nothing(plan, trials):
    seen = []
    watched = SerialLauncher().run(FastEngine(), plan, range(5), lambda trial, t: seen.append((trial, t)))
    records = join(list(watched))
    assert [(trial, t) for trial, t in seen if t == plan.run.tstop_ms] == [(k, 40.0) for k in range(5)]
    for trial in records.trials:
        same(trial, trials[trial.trial])


def test_another_place_in_a_block_changes_nothing(plan_of):
    """Cells are lanes of blocks: a cell computes the same in any lane, alone or beside others."""
    plan = plan_of("each cell by a bias")
    network = hn.jones_2009_model(mesh_shape=(1, 1)).spec
    points = {name: [(0.0, 0.0, 10.0 * k) for k in range(11)] for name in network.populations}
    populations = {n: attrs.evolve(p, place=AtPoints(points=points[n])) for n, p in network.populations.items()}
    biases = {"on": {n: hn.TonicBias(amplitude=a) for n, a in zip(populations, (0.4, 1.0, 0.7, 2.5), strict=True)}}
    changes = {"populations": populations, "biases": biases, "connections": (), "baseline": None}
    many = compile_plan(attrs.evolve(network, **changes), hn.RunSpec(tstop=60.0, record=Record(vsec="soma")))
    trial = FastEngine().run(many, [0]).trials[0]
    alone = FastEngine().run(plan, [0]).trials[0]
    for k in range(4):
        own = alone.spike_times_ms[alone.spike_gids == k]
        for gid in range(11 * k, 11 * (k + 1)):
            np.testing.assert_array_equal(trial.spike_times_ms[trial.spike_gids == gid], own)
            np.testing.assert_array_equal(trial.samples["vsec"][:, gid], trial.samples["vsec"][:, 11 * k])
    assert len(alone.spike_times_ms) > 15


@pytest.mark.parametrize("instructions", [("-O2",), ("-O2", "-mavx2", "-mfma")], ids=["SSE2", "AVX2"])
@pytest.mark.parametrize("rates", ["exact", "tables"])
def test_processors_with_shorter_vectors(instructions, rates, plan_of, monkeypatch):
    """Two or four lanes in place of this processor's: the same spikes, dipoles and potentials to the rounding."""
    if "-mavx2" in instructions and "__AVX2__" not in build._cpu():
        pytest.skip("this processor has no AVX2")
    plan = plan_of("custom cell", {"electrodes": {"shank": hn.Electrodes(positions=hn.laminar_probe(6, x=30.0))}})
    own = FastEngine(rates=rates).run(plan, [0]).trials[0]
    portable = tuple(flag for flag in build.compiler_flags() if flag not in ("-O3", "-march=native"))
    monkeypatch.setattr(build, "compiler_flags", lambda: (*portable, *instructions))
    build.kernel_library.cache_clear()
    try:
        other = FastEngine(rates=rates).run(plan, [0]).trials[0]
    finally:
        build.kernel_library.cache_clear()
    np.testing.assert_array_equal(other.spike_times_ms, own.spike_times_ms)
    np.testing.assert_array_equal(other.spike_gids, own.spike_gids)
    for probe in ("dipole", "electrodes:shank"):
        peak = np.abs(own.samples[probe]).max()
        np.testing.assert_allclose(other.samples[probe], own.samples[probe], rtol=0, atol=1e-9 * peak, err_msg=probe)
    assert np.count_nonzero(own.spike_gids < plan.n_cells) > 10


# ---------------------------------------------------------------------------------------------------- as users say it


@pytest.fixture(scope="module")
def net():
    """The column on a 2 by 2 mesh with electrodes and its drives."""
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
    net.add_electrode_array("probe", [(10.0, 10.0, z) for z in (0.0, 500.0, 1000.0)])
    return net


def test_simulate_gives_the_same_result_by_either_engine(net):
    results = {
        engine: hn.simulate(net, tstop=60.0, n_trials=2, engine=engine, record={"vsec": "soma", "ca": "all"})
        for engine in ("fast", "neuron")
    }
    fast, neuron = results["fast"], results["neuron"]
    assert fast.provenance["engine"] == "fast"
    assert fast.provenance["engine options"]["rates"] == "tables"
    for ours, theirs in zip(fast.dipoles, neuron.dipoles, strict=True):
        assert list(ours.data) == list(theirs.data)
        np.testing.assert_array_equal(ours.times, theirs.times)
        for component, expected in theirs.data.items():
            peak = np.abs(expected).max()
            np.testing.assert_allclose(ours.data[component], expected, rtol=0, atol=1e-3 * peak, err_msg=component)
    for k in range(2):
        assert fast.cell_response.spike_types[k].tolist() == neuron.cell_response.spike_types[k].tolist()
        np.testing.assert_allclose(
            fast.cell_response.spike_times[k], neuron.cell_response.spike_times[k], rtol=0, atol=0.026
        )
        assert fast.cell_response.vsec[k].keys() == neuron.cell_response.vsec[k].keys()
        ours, theirs = (r.potentials["probe"].voltages[k] for r in (fast, neuron))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3 * np.abs(theirs).max())


def test_settling_baseline(net):
    plain, settled = (hn.simulate(net, tstop=20.0, engine="fast", baseline=b).dipoles[0] for b in (None, "settle"))
    expected = hn.simulate(net, tstop=20.0, engine="neuron", baseline="settle").dipoles[0]
    peak = np.abs(plain.data["agg"]).max()
    np.testing.assert_allclose(settled.data["agg"], expected.data["agg"], rtol=0, atol=1e-5 * peak)
    assert np.abs(settled.data["agg"]).max() < 0.5 * peak


def test_joblib_backend_by_name(net):
    with hn.JoblibBackend(n_jobs=2, engine="fast"):
        spread = hn.simulate(net, tstop=30.0, n_trials=3)
    alone = hn.simulate(net, tstop=30.0, n_trials=3, engine="fast")
    assert (spread.provenance["engine"], spread.provenance["launcher"]) == ("fast", "joblib")
    for ours, theirs in zip(spread.dipoles, alone.dipoles, strict=True):
        np.testing.assert_array_equal(ours.data["agg"], theirs.data["agg"])
