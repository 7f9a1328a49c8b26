"""The same numbers whoever spreads the trials, whatever was run before, and whoever watches.

What each launcher does when something dies, fails or is stopped is tested beside this file.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.schema import to_plain

pytestmark = pytest.mark.neuron


@pytest.fixture
def serial(rich_serial):
    return rich_serial


def test_there_is_something_to_compare(rich, serial):
    types = np.concatenate(serial.cell_response.spike_types)
    assert {*rich.net.spec.drives} <= set(types)
    assert sum(name in rich.net.spec.populations for name in types) > 20
    assert np.abs(serial.potentials["laminar"].voltages).max() > 0
    assert not np.array_equal(serial.dipoles[0].data["agg"], serial.dipoles[1].data["agg"])
    assert serial.provenance["launcher"] == "serial"


def test_launcher_and_engine_by_name_and_by_block(rich, serial):
    by_name = rich.run(n_trials=2, engine="neuron", launcher="joblib")
    with hn.JoblibBackend(n_jobs=2, engine="neuron"):
        by_block = rich.run(n_trials=2, engine=None)
        here = rich.run(n_trials=1, engine=None, launcher="serial")
    for other in (by_name, by_block):
        rich.assert_same(serial, other, n_trials=2)
        assert other.provenance["launcher"] == "joblib"
    rich.assert_same(serial, here, n_trials=1)
    assert here.provenance["launcher"] == "serial"
    assert rich.run(n_trials=1, tstop=1.0).provenance["launcher"] == "serial"  # the block is left


def test_the_first_trials_of_more_are_the_same(rich, serial):
    rich.assert_same(serial, rich.run(n_trials=5), n_trials=3)


def test_watching_changes_nothing(rich, serial, capsys):
    seen = []
    watched = rich.run(n_trials=3, progress=lambda trial, t_ms: seen.append((trial, t_ms)))
    rich.assert_same(serial, watched)
    assert [trial for trial, _ in seen] == sorted(trial for trial, _ in seen)
    for k in range(3):
        times = [t for trial, t in seen if trial == k]
        assert times == sorted(times)
        assert times[-1] == rich.tstop
    rich.assert_same(serial, rich.run(n_trials=3, progress=True))
    assert "Trial 3 of 3: 100%" in capsys.readouterr().err


def in_fresh_process(rich, net, folder):
    """Return one trial of a network, simulated in a process that has run nothing before."""
    program = (
        "import json, sys\n"
        "import hnnlib as hn\n"
        "from hnnlib.base.schema import from_plain\n"
        "spec = from_plain(hn.NetworkSpec, json.load(open(sys.argv[1])))\n"
        "record = from_plain(hn.Record, json.load(open(sys.argv[2])))\n"
        f"hn.simulate(spec, tstop={rich.tstop}, record=record, engine='neuron', out=sys.argv[3])\n"
    )
    names = [folder / name for name in ("network.json", "record.json", "result.h5")]
    for file, what in zip(names, (net.spec, rich.record), strict=False):
        file.write_text(json.dumps(to_plain(what)))
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return hn.read_result(names[-1])


def test_what_was_run_before_does_not_matter(rich, serial, other_network, tmp_path):
    fresh, fresh_other = (in_fresh_process(rich, net, tmp_path) for net in (rich.net, other_network))
    rich.assert_same(fresh, serial, n_trials=1)
    for _ in range(2):  # each network takes the other's place, twice
        rich.assert_same(fresh_other, rich.run(other_network))
        rich.assert_same(fresh, rich.run())
    rich.assert_same(fresh, rich.run(n_trials=1))  # built already
    changed = rich.net.copy()
    changed.put("drives.evoked.mu", 25.0)
    changed.put("connections.0.weight", 0.01)
    changed_result = rich.run(changed)
    assert not np.array_equal(changed_result.dipoles[0].data["agg"], fresh.dipoles[0].data["agg"])
    rich.assert_same(fresh, rich.run())
    rich.assert_same(changed_result, rich.run(changed))


def test_a_further_drive_changes_no_other_drives_events(rich, serial):
    more = rich.net.copy()
    more.add_poisson_drive("another", rate_constant=50.0, location="distal", weights_ampa={"L2_pyramidal": 0.001})
    found = rich.run(more, n_trials=3).cell_response
    before = serial.cell_response
    for trial in range(3):
        # HNN-core's streams, which a seed asks for, depend on the number of gids from the second trial on
        for name in [
            n for n, d in rich.net.spec.drives.items() if trial == 0 or getattr(d, "event_seed", None) is None
        ]:
            mine = before.spike_times[trial][before.spike_types[trial] == name]
            theirs = found.spike_times[trial][found.spike_types[trial] == name]
            assert len(mine) > 0
            np.testing.assert_array_equal(mine, theirs)
        assert "another" in found.spike_types[trial]


@pytest.mark.parametrize("launcher", ["serial", "joblib"])
def test_a_trial_that_fails_is_named_and_does_no_harm(rich, serial, breaking_engine, launcher):
    with pytest.raises(hn.TrialFailed, match=r"trial 2 failed: .* is no finite number from t = .* ms on") as caught:
        rich.run(n_trials=4, engine=breaking_engine, launcher=launcher)
    assert caught.value.trial == 2
    rich.assert_same(serial, rich.run(n_trials=3, launcher=launcher))
