"""Intervals and posteriors of a real column: the same for any launcher, and about the known parameters."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.optimization import infer, intervals, simulate_waveforms

KNOWN = {"drives.evoked.mu": 12.0, "drives.evoked.weights.L5_pyramidal.ampa": 0.012}


@pytest.fixture(scope="module")
def problem():
    net = hn.jones_2009_model(mesh_shape=(2, 2))
    net.add_evoked_drive(
        "evoked", mu=12.0, sigma=2.0, numspikes=1, location="proximal", weights_ampa={"L5_pyramidal": 0.012}
    )
    run = {"tstop": 35.0, "dt": 0.05, "engine": "fast"}
    recorded = hn.simulate(net, n_trials=30, seed=9, **run).dipole.smooth(5).scale(3000)
    target = hn.Target(recorded.times[::20], recorded.data["agg"][::20], n_averaged=30)
    free = [
        hn.Free("drives.evoked.mu", 6.0, 20.0),
        hn.Free("drives.evoked.weights.L5_pyramidal.ampa", 0.004, 0.04, "log"),
    ]
    return hn.Problem(net, free, hn.RMSE(target, smooth=5, scale=3000), n_trials=2, seed=1, **run)


def test_intervals_are_the_same_on_any_launcher_and_hold_what_is_known(problem):
    given = {"n_trials": 2, "n_points": 16, "rounds": 2, "level": 0.99, "seed": 5}
    here = intervals(problem, KNOWN, **given)
    there = intervals(problem, KNOWN, launcher=hn.JoblibBackend(n_jobs=2).launcher, **given)
    np.testing.assert_array_equal(here.samples, there.samples)
    assert here.covers(KNOWN).all()
    # the time of the only drive is well known
    assert here.width[0] < 0.4
    assert here.n_simulated == 64


def test_waveforms_have_drives_of_their_own(problem):
    rows = simulate_waveforms(problem, [KNOWN, KNOWN], seed=1)
    assert rows.shape == (2, 36)
    assert np.isfinite(rows).all()
    assert not np.array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows, simulate_waveforms(problem, [KNOWN, KNOWN], seed=1))


def test_a_posterior_is_learnt_from_the_column(problem):
    pytest.importorskip("sbi", reason="sbi is not installed: pip install 'hnnlib[sbi]' (a CPU build of torch first)")
    posterior = infer(problem, n_simulations=128, n_trials=2, n_components=4)
    drawn = posterior.sample(300)
    assert drawn.shape == (300, 2)
    # of its range the time of the drive has become a small part, with what is known in it
    low, high = np.quantile(drawn[:, 0], [0.005, 0.995])
    assert low < 12.0 < high
    assert np.std(drawn[:, 0]) < 0.6 * 14.0 / np.sqrt(12.0)
