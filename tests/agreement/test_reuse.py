"""What NEURON computes follows from the plan alone: not from what ran before, from other trials, or from recordings."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import TrialFailed
from hnnlib.base.schema import put_at
from hnnlib.compile.build import compile_plan
from hnnlib.spec.network import Electrodes, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

TSTOP = 50.0


def run(network, trials=(0,), **options):
    """Return the records of some trials."""
    plan = compile_plan(network, RunSpec(**{"tstop": TSTOP, "n_trials": 1 + max(trials), **options}))
    return NeuronEngine().run(plan, trials)


def assert_same(one, other, probes=("dipole",)):
    """Two trials are equal to the bit, in what both recorded."""
    assert one.trial == other.trial
    assert np.array_equal(one.spike_times_ms, other.spike_times_ms)
    assert np.array_equal(one.spike_gids, other.spike_gids)
    for probe in probes:
        assert np.array_equal(one.samples[probe], other.samples[probe]), probe


@pytest.fixture(scope="module")
def first(small_column):
    """Three trials of the small column, each with spikes of cells."""
    records = run(small_column, (0, 1, 2))
    for trial in records.trials:
        assert np.count_nonzero(trial.spike_gids < 24) > 10
    return records


def test_trials_differ(first):
    assert not np.array_equal(first.trials[0].spike_times_ms, first.trials[1].spike_times_ms)


def test_a_network_is_built_once_for_all_runs(small_column, first):
    run(small_column)
    again = run(small_column)
    assert again.stats["build_cpu_s"] == 0.0
    assert_same(again.trials[0], first.trials[0])


def test_trials_do_not_depend_on_their_order(small_column, first):
    for trial in run(small_column, (2, 0)).trials:
        assert_same(trial, first.trials[trial.trial])


def test_another_network_in_between_leaves_no_trace(small_column, tiny_network, first):
    other = attrs.evolve(tiny_network, biases={"b": {"left": TonicBias(amplitude=0.1)}}, celsius=20.0, threshold=-60.0)
    run(other, tstop=5.0, dt=0.1)
    assert_same(run(small_column).trials[0], first.trials[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda n: put_at(n, "drives.evprox1.weights.L5_pyramidal.ampa", 0.05),
        lambda n: put_at(n, "drives.evprox1.mu", 15.0),
        lambda n: attrs.evolve(n, drives={"evdist1": n.drives["evdist1"]}),
        lambda n: attrs.evolve(n, drives={}),
        lambda n: attrs.evolve(n, biases={"b": {"L5_pyramidal": TonicBias(amplitude=0.5, t0=5.0)}}),
        lambda n: put_at(n, "connections.4.weight", 0.1),
        lambda n: put_at(n, "populations.L5_pyramidal.cell.sections.soma.mechanisms.hh2.gnabar", 0.1),
        lambda n: put_at(n, "threshold", -30.0),
        lambda n: put_at(n, "celsius", 36.0),
    ],
    ids=["weight", "time", "fewer drives", "no drives", "bias", "connection", "membrane", "threshold", "celsius"],
)
def test_a_changed_network_runs_as_if_built_anew(small_column, tiny_network, first, change):
    changed = change(small_column)
    run(small_column)
    after_the_first = run(changed).trials[0]
    run(tiny_network, tstop=1.0)
    built_anew = run(changed).trials[0]
    assert_same(after_the_first, built_anew)
    assert not np.array_equal(built_anew.samples["dipole"], first.trials[0].samples["dipole"])
    # and back again
    assert_same(run(small_column).trials[0], first.trials[0])


def test_recordings_change_nothing(small_column, first):
    recorded = run(small_column, record=Record(vsec="all", isec="all", ca="all")).trials[0]
    assert_same(recorded, first.trials[0])
    every = run(small_column, record=Record(vsec="all", isec="all", ca="all", every=8)).trials[0]
    for probe in ("vsec", "isec", "ca"):
        assert np.array_equal(every.samples[probe], recorded.samples[probe][::8]), probe
    some = run(small_column, record=Record(vsec=["apical_tuft"])).trials[0]
    labels = first.header.probes
    assert "vsec" not in labels
    assert some.samples["vsec"].shape == (2001, 18)


def test_electrodes_change_nothing(small_column, first):
    network = attrs.evolve(small_column, electrodes={"e": Electrodes(positions=[(0, 0, 500)])})
    assert_same(run(network).trials[0], first.trials[0])
    assert_same(run(small_column).trials[0], first.trials[0])


def test_a_longer_run_begins_as_a_shorter_one(small_column, first):
    """Connections that come to act later don't act before."""
    longer = run(small_column, tstop=2 * TSTOP).trials[0]
    early = longer.spike_times_ms <= TSTOP
    assert np.array_equal(longer.spike_times_ms[early], first.trials[0].spike_times_ms)
    assert np.array_equal(longer.spike_gids[early], first.trials[0].spike_gids)
    dipole = first.trials[0].samples["dipole"]
    assert np.array_equal(longer.samples["dipole"][: len(dipole)], dipole)


def test_progress_changes_nothing(small_column, first):
    seen = []
    plan = compile_plan(small_column, RunSpec(tstop=TSTOP))
    records = NeuronEngine().run(plan, [0], lambda trial, t: seen.append((trial, t)))
    assert_same(records.trials[0], first.trials[0])
    assert seen == sorted(seen)
    assert seen[-1] == (0, pytest.approx(TSTOP))


def test_a_trial_that_diverges_is_named_and_leaves_nothing_behind(small_column, first):
    network = attrs.evolve(small_column, biases={"b": {"L5_pyramidal": TonicBias(amplitude=1e308)}})
    with pytest.raises(TrialFailed, match=r"trial 1 failed: .*diverged.* from t = ") as error:
        run(network, (1,))
    assert error.value.trial == 1
    assert_same(run(small_column).trials[0], first.trials[0])
