"""Simulation-based inference of a simulator whose posterior is known, and summaries of waveforms."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.optimization.free import Free, Space
from hnnlib.optimization.posterior import Calibration, learn_posterior
from hnnlib.optimization.summaries import Summaries

MIXED = np.array([[1.0, 0.5], [0.0, 1.0], [0.3, -0.7]])
NOISE = 0.06


def test_summaries_tell_peaks_power_and_shape():
    times = np.arange(0.0, 200.0)
    rng = np.random.default_rng(0)
    heights = rng.uniform(1.0, 3.0, 40)
    waves = heights[:, None] * np.exp(-(((times - 60.0) / 10.0) ** 2)) - 0.5 * np.exp(-(((times - 120.0) / 8.0) ** 2))
    summaries = Summaries.learnt(times, waves, n_components=2)
    told = dict(zip(summaries.names, summaries(waves).T, strict=True))
    np.testing.assert_allclose(told["height of the positive peak"], heights, rtol=1e-6)
    np.testing.assert_allclose(told["time of the positive peak"], 60.0)
    np.testing.assert_allclose(told["height of the negative peak"], -0.5, rtol=1e-6)
    np.testing.assert_allclose(told["time of the negative peak"], 120.0)
    assert abs(np.corrcoef(told["component 1"], heights)[0, 1]) > 0.999
    # a fast wave of 50 Hz raises the power of its band alone
    fast = summaries(waves[:1] + 0.6 * np.sin(2 * np.pi * 50.0 * times / 1e3)) - summaries(waves[:1])
    more = dict(zip(summaries.names, fast[0], strict=True))
    assert more["log power 30-80 Hz"] > 1.5 > 0.3 > abs(more["log power 1-15 Hz"])
    with pytest.raises(InvalidValue, match="n_components"):
        Summaries.learnt(times, waves, n_components=40)


def test_even_ranks_are_taken_for_calibrated_and_others_not():
    rng = np.random.default_rng(0)
    even = Calibration(ranks=rng.integers(0, 101, (200, 2)), n_draws=100, names=("a", "b"))
    assert (even.p_values > 0.01).all()
    np.testing.assert_allclose(even.coverage(0.9), 0.9, atol=0.07)
    narrow = Calibration(ranks=np.repeat([[0], [100]], 100, axis=0), n_draws=100, names=("a",))
    assert narrow.p_values[0] < 1e-6
    assert narrow.coverage(0.9)[0] == 0.0


@pytest.fixture(scope="module")
def learnt():
    pytest.importorskip("sbi", reason="sbi is not installed: pip install 'hnnlib[sbi]' (a CPU build of torch first)")
    rng = np.random.default_rng(2)
    points = rng.random((1500, 2))
    numbers = points @ MIXED.T + rng.normal(0.0, NOISE, (1500, 3))
    observed = np.array([0.45, 0.55]) @ MIXED.T
    space = Space((Free("a", 0.0, 10.0), Free("b", 1.0, 100.0, "log")), (5.0, 10.0))
    return learn_posterior(space, points, numbers, observed)


def test_the_posterior_of_a_gaussian_line_is_known(learnt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = learnt.sample(2000, seed=1)
    assert ((drawn >= [0.0, 1.0]) & (drawn <= [10.0, 100.0])).all()
    unit = np.column_stack([drawn[:, 0] / 10.0, np.log10(drawn[:, 1]) / 2.0])
    covariance = NOISE**2 * np.linalg.inv(MIXED.T @ MIXED)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(unit.mean(axis=0), [0.45, 0.55], atol=0.5 * sd.max())
    np.testing.assert_allclose(unit.std(axis=0), sd, rtol=0.35)
    np.testing.assert_array_equal(drawn, learnt.sample(2000, seed=1))
    assert not np.array_equal(drawn, learnt.sample(2000, seed=2))
    # another recording: nothing is learnt anew
    elsewhere = learnt.sample(500, observed=np.array([0.7, 0.3]) @ MIXED.T)
    np.testing.assert_allclose(elsewhere[:, 0].mean() / 10.0, 0.7, atol=0.08)
    assert not list(tmp_path.iterdir())  # sbi would write logs


def test_its_ranks_are_even(learnt):
    calibration = learnt.calibration(n_draws=100)
    assert calibration.ranks.shape == (150, 2)
    assert (calibration.p_values > 1e-3).all()
    assert (np.abs(calibration.coverage(0.9) - 0.9) < 0.1).all()


def test_the_global_stream_of_torch_is_left_alone(learnt):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    learnt.sample(10, seed=3)
    assert torch.equal(torch.rand(1), expected)


def test_what_cannot_be_learnt_from_is_refused(learnt):
    points, numbers = np.random.default_rng(0).random((2, 60, 2))
    with pytest.raises(InvalidValue, match="at least 50"):
        learn_posterior(learnt.space, points[:40], numbers[:40], numbers[0])
    with pytest.raises(InvalidValue, match="must be finite"):
        learn_posterior(learnt.space, points, numbers * np.nan, numbers[0])
    with pytest.raises(InvalidValue, match=r"observed\.shape"):
        learn_posterior(learnt.space, points, numbers, numbers[0, :1])
