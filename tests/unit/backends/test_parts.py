"""Records of a trial's parts make the records of the trial."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.backends.protocol import Part, header_of, join_parts, trial_record
from hnnlib.base.errors import TrialFailed
from hnnlib.compile.build import compile_plan
from hnnlib.results.records import Records
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import Record, RunSpec

PARTS = (Part(gids=np.array([0, 2, 4, 6]), number=0, n_parts=2), Part(gids=np.array([1, 3, 5]), number=1, n_parts=2))


@pytest.fixture(scope="module")
def plan(tiny_network: NetworkSpec):
    """Two trials with drive cells and one row of samples per cell."""
    drive = EvokedDrive(location="soma", weights={"left": {"ampa": 0.1}}, mu=5.0, sigma=1.0)
    network = NetworkSpec(populations=tiny_network.populations, drives={"d": drive})
    return compile_plan(network, RunSpec(tstop=1.0, dt=0.5, n_trials=2, record=Record(vsec="soma")))


def records(plan, part, samples, times, gids):
    made = [
        trial_record(plan, k, np.array(times), np.array(gids), {"vsec": samples[k].copy()}, 0.5, part) for k in (1, 0)
    ]
    return Records(header=header_of(plan), trials=tuple(made), engine="e", stats={"build_cpu_s": part.number + 1.0})


def test_parts_add_up(plan):
    rng = np.random.default_rng(1)
    whole = rng.normal(size=(2, 3, 7))
    both = []
    for part, times, gids in zip(PARTS, ([0.9, 0.1], [0.1, 0.5]), ([4, 2], [1, 5]), strict=True):
        mine = np.zeros_like(whole)
        mine[:, :, part.gids] = whole[:, :, part.gids]
        both.append(records(plan, part, mine, times, gids))
    joined = join_parts(plan, both)
    assert [t.trial for t in joined.trials] == [1, 0]
    assert joined.stats == {"build_cpu_s": 2.0}
    for trial in joined.trials:
        np.testing.assert_array_equal(trial.samples["vsec"], whole[trial.trial])  # to the last bit
        assert trial.cpu_s == 1.0
        cells = trial.spike_gids < plan.n_cells
        assert trial.spike_gids[cells].tolist() == [1, 2, 5, 4]
        assert trial.spike_times_ms[cells].tolist() == [0.1, 0.1, 0.5, 0.9]
        # spikes of drive cells are there once, whatever the number of parts
        events = plan.events[trial.trial].time_ms
        assert np.count_nonzero(~cells) == np.count_nonzero(events <= plan.run.tstop_ms)


def test_rows_of_several_parts_are_sums(plan):
    ones = np.ones((2, 3, 7))
    joined = join_parts(plan, [records(plan, part, ones, [], []) for part in PARTS])
    np.testing.assert_array_equal(joined.trials[0].samples["vsec"], 2 * ones[0])


def test_a_part_that_diverged_fails_the_trial(plan):
    good = np.zeros((2, 3, 7))
    bad = good.copy()
    bad[0, 2, 5] = np.nan
    with pytest.raises(TrialFailed, match=r"trial 0 failed: the simulation diverged .*vsec \(gid 5.* from t = 1 ms on"):
        join_parts(plan, [records(plan, PARTS[0], good, [], []), records(plan, PARTS[1], bad, [], [])])
