"""The same numbers whoever spreads the trials, whatever was run before, and whoever watches.

One network has everything that goes into a plan: all kinds of drives, a bias, pruned connections, electrodes,
recordings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
from immutabledict import immutabledict

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.backends.protocol import join
from hnnlib.base.schema import to_plain

pytestmark = pytest.mark.neuron

RECORD = hn.Record(vsec="soma", isec=("apical_tuft",), ca=("soma",), every=10)
TSTOP = 40.0
WEIGHTS = {"L2_pyramidal": 0.002, "L5_pyramidal": 0.004}


def rich_network():
    net = hn.neymotin_2020_model(mesh_shape=(3, 3))
    net.add_evoked_drive("evoked", mu=15.0, sigma=3.0, numspikes=2, location="proximal", weights_ampa=WEIGHTS)
    net.add_evoked_drive(
        "together",
        mu=22.0,
        sigma=2.0,
        numspikes=1,
        location="distal",
        n_drive_cells=1,
        cell_specific=False,
        weights_nmda=WEIGHTS,
        event_seed=4,
    )
    net.add_poisson_drive(
        "poisson",
        rate_constant={"L2_pyramidal": 80.0, "L5_pyramidal": 120.0},
        location="distal",
        weights_ampa=WEIGHTS,
        probability=0.6,
    )
    net.add_bursty_drive(
        "bursty",
        tstart=8.0,
        tstart_std=1.0,
        burst_rate=60.0,
        burst_std=1.5,
        n_drive_cells=4,
        location="proximal",
        weights_ampa={"L2_basket": 0.01, "L5_basket": 0.01},
    )
    net.add_spike_train_drive(
        "replay", spike_data={"a": [5.0, 12.5], "b": [30.0]}, location="soma", weights_ampa={"L5_basket": 0.05}
    )
    net.add_tonic_bias(amplitude={"L2_basket": 0.3, "L5_pyramidal": 0.5}, t0=3.0, tstop=35.0)
    for i in hn.pick_connection(net, src_gids="L2_pyramidal", target_gids="L5_pyramidal"):
        net.put(f"connections.{i}.probability", 0.5)
    net.add_electrode_array("laminar", [(50.0, 50.0, z) for z in (-300.0, 500.0, 1300.0)], method="lsa")
    return net


def plain_network():
    net = hn.law_2021_model(mesh_shape=(2, 2), add_drives_from_params=True)
    net.add_electrode_array("one", (10.0, 10.0, 500.0))
    return net


@pytest.fixture(scope="module")
def net():
    return rich_network()


@pytest.fixture(scope="module")
def serial(net):
    """Three trials in this process."""
    return run(net, n_trials=3)


def run(net, **given):
    return hn.simulate(net, **{"tstop": TSTOP, "record": RECORD, "engine": "neuron", **given})


def assert_same(one, other, n_trials=None):
    """Compare bit by bit everything that was measured, in the first trials or all."""
    n = one.n_trials if n_trials is None else n_trials
    assert min(one.n_trials, other.n_trials) >= n
    assert [d.data["agg"].tobytes() for d in one.dipoles[:n]] == [d.data["agg"].tobytes() for d in other.dipoles[:n]]
    assert list(one.dipoles[:n]) == list(other.dipoles[:n])
    mine, theirs = one.cell_response, other.cell_response
    assert set(mine.recordings) == set(theirs.recordings) == {"vsec", "isec", "ca"}
    for trial in range(n):
        for name in ("spike_times", "spike_gids", "spike_types"):
            np.testing.assert_array_equal(getattr(mine, name)[trial], getattr(theirs, name)[trial])
        for name in ("vsec", "isec", "ca"):
            assert_same_tree(getattr(mine, name)[trial], getattr(theirs, name)[trial])
    assert set(one.potentials) == set(other.potentials)
    for name, potentials in one.potentials.items():
        np.testing.assert_array_equal(potentials.voltages[:n], other.potentials[name].voltages[:n])


def assert_same_tree(one, other):
    if isinstance(one, dict) or hasattr(one, "keys"):
        assert list(one) == list(other)
        for key in one:
            assert_same_tree(one[key], other[key])
    else:
        np.testing.assert_array_equal(one, other)


def test_there_is_something_to_compare(net, serial):
    types = np.concatenate(serial.cell_response.spike_types)
    assert {*net.spec.drives} <= set(types)
    assert sum(name in net.spec.populations for name in types) > 20
    assert np.abs(serial.potentials["laminar"].voltages).max() > 0
    assert not np.array_equal(serial.dipoles[0].data["agg"], serial.dipoles[1].data["agg"])
    assert serial.provenance["launcher"] == "serial"


def test_joblib_gives_what_one_process_gives(net, serial):
    spread = run(net, n_trials=3, launcher=JoblibLauncher(n_jobs=2))
    assert_same(serial, spread)
    assert (spread.provenance["engine"], spread.provenance["launcher"]) == ("neuron", "joblib")


def test_launcher_and_engine_by_name_and_by_block(net, serial):
    by_name = run(net, n_trials=2, engine="neuron", launcher="joblib")
    with hn.JoblibBackend(n_jobs=2, engine="neuron"):
        by_block = run(net, n_trials=2, engine=None)
        here = run(net, n_trials=1, engine=None, launcher="serial")
    for other in (by_name, by_block):
        assert_same(serial, other, n_trials=2)
        assert other.provenance["launcher"] == "joblib"
    assert_same(serial, here, n_trials=1)
    assert here.provenance["launcher"] == "serial"
    assert run(net, n_trials=1, tstop=1.0).provenance["launcher"] == "serial"  # the block is left


def test_the_first_trials_of_more_are_the_same(net, serial):
    assert_same(serial, run(net, n_trials=5), n_trials=3)


def test_watching_changes_nothing(net, serial, capsys):
    seen = []
    watched = run(net, n_trials=3, progress=lambda trial, t_ms: seen.append((trial, t_ms)))
    assert_same(serial, watched)
    assert [trial for trial, _ in seen] == sorted(trial for trial, _ in seen)
    for k in range(3):
        times = [t for trial, t in seen if trial == k]
        assert times == sorted(times)
        assert times[-1] == TSTOP
    assert_same(serial, run(net, n_trials=3, progress=True))
    assert "Trial 3 of 3: 100%" in capsys.readouterr().err


def in_fresh_process(net, folder):
    """Return one trial of a network, simulated in a process that has run nothing before."""
    program = (
        "import json, sys\n"
        "import hnnlib as hn\n"
        "from hnnlib.base.schema import from_plain\n"
        "spec = from_plain(hn.NetworkSpec, json.load(open(sys.argv[1])))\n"
        "record = from_plain(hn.Record, json.load(open(sys.argv[2])))\n"
        f"hn.simulate(spec, tstop={TSTOP}, record=record, engine='neuron', out=sys.argv[3])\n"
    )
    names = [folder / name for name in ("network.json", "record.json", "result.h5")]
    for file, what in zip(names, (net.spec, RECORD), strict=False):
        file.write_text(json.dumps(to_plain(what)))
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return hn.read_result(names[-1])


def test_what_was_run_before_does_not_matter(net, serial, tmp_path):
    other = plain_network()
    fresh, fresh_other = in_fresh_process(net, tmp_path), in_fresh_process(other, tmp_path)
    assert_same(fresh, serial, n_trials=1)
    for _ in range(2):  # each network takes the other's place, twice
        assert_same(fresh_other, run(other))
        assert_same(fresh, run(net))
    assert_same(fresh, run(net, n_trials=1))  # built already
    changed = net.copy()
    changed.put("drives.evoked.mu", 25.0)
    changed.put("connections.0.weight", 0.01)
    changed_result = run(changed)
    assert not np.array_equal(changed_result.dipoles[0].data["agg"], fresh.dipoles[0].data["agg"])
    assert_same(fresh, run(net))
    assert_same(changed_result, run(changed))


def test_a_further_drive_changes_no_other_drives_events(net, serial):
    more = net.copy()
    more.add_poisson_drive("another", rate_constant=50.0, location="distal", weights_ampa={"L2_pyramidal": 0.001})
    found = run(more, n_trials=3).cell_response
    before = serial.cell_response
    for trial in range(3):
        # HNN-core's streams, which a seed asks for, depend on the number of gids from the second trial on
        for name in [n for n, d in net.spec.drives.items() if trial == 0 or getattr(d, "event_seed", None) is None]:
            mine = before.spike_times[trial][before.spike_types[trial] == name]
            theirs = found.spike_times[trial][found.spike_types[trial] == name]
            assert len(mine) > 0
            np.testing.assert_array_equal(mine, theirs)
        assert "another" in found.spike_types[trial]


def breaking_engine():
    # A class of a function travels to workers by value; they can't import a test module.
    class BreaksInTrial2:
        """NEURON, but the weights of trial 2 are no numbers."""

        name, options, threads = "breaks", immutabledict(), 1

        def obstacles(self, plan):
            return []

        def run(self, plan, trials, progress=None):
            broken = attrs.evolve(plan, edges=attrs.evolve(plan.edges, weight_uS=plan.edges.weight_uS * np.nan))
            return join([NeuronEngine().run(broken if t == 2 else plan, [t], progress) for t in trials])

    return BreaksInTrial2()


def dying_engine():
    class Dies:
        name, options, threads = "dies", immutabledict(), 1

        def obstacles(self, plan):
            return []

        def run(self, plan, trials, progress=None):
            os._exit(3)

    return Dies()


def test_workers_never_hear_ctrl_c():
    """It is the parent's: a worker that hears it while it starts prints a traceback."""
    program = (
        "import signal\n"
        "from joblib import Parallel, delayed\n"
        "from hnnlib.backends.launch.joblib import _ctrl_c_held\n"
        "with _ctrl_c_held():\n"
        "    held = Parallel(2)(delayed(signal.pthread_sigmask)(signal.SIG_BLOCK, []) for _ in range(8))\n"
        "assert all(signal.SIGINT in mask for mask in held), held\n"
        "assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_that_dies_is_told(net, serial):
    with pytest.raises(hn.SimulationError, match=r"a worker process died \(running: trials? \d"):
        run(net, n_trials=2, engine=dying_engine(), launcher=JoblibLauncher(n_jobs=2))
    assert_same(serial, run(net, n_trials=2, launcher=JoblibLauncher(n_jobs=2)), n_trials=2)


@pytest.mark.parametrize("launcher", ["serial", "joblib"])
def test_a_trial_that_fails_is_named_and_does_no_harm(net, serial, launcher):
    with pytest.raises(hn.TrialFailed, match=r"trial 2 failed: .* is no finite number from t = .* ms on") as caught:
        run(net, n_trials=4, engine=breaking_engine(), launcher=launcher)
    assert caught.value.trial == 2
    assert_same(serial, run(net, n_trials=3, launcher=launcher))
