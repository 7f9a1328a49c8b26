"""Histograms of events over time, groups, distance and phase, on events whose place is known."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis import bin_events, phase_histogram, psth, space_time, spike_rates
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

TIMES = [0.0, 0.999, 1.0, 2.5, 2.6, 3.999, 4.0, -0.1]


@pytest.mark.parametrize(
    ("per", "expected"), [("trial", [1, 0.5, 1, 0.5]), ("source", [0.2, 0.1, 0.2, 0.1]), ("rate", [200, 100, 200, 100])]
)
def test_normalisations(per, expected):
    times, values = psth(TIMES, 0.0, 4.0, n_trials=2, n_sources=5, per=per)
    np.testing.assert_allclose(times, [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(values, expected)


def test_a_rate_is_the_mean_of_the_trials_rates():
    rng = np.random.default_rng(1)
    trials = [rng.uniform(0, 100, 30) for _ in range(3)]
    times, rate = psth(np.concatenate(trials), 0.0, 100.0, 5.0, n_trials=3, n_sources=7, per="rate")
    other_times, each = spike_rates(trials, 7, 0.0, 100.0, 5.0)
    np.testing.assert_allclose(times, other_times)
    np.testing.assert_allclose(rate, each.mean(axis=0))


def test_a_time_on_a_border_belongs_to_what_follows():
    grid = np.arange(10) * 0.1  # 3 * 0.1 is a little more than 0.3, and 0.3 / 0.1 a little less than 3
    np.testing.assert_array_equal(psth([*grid, 0.3], 0.0, 1.0, 0.1)[1], [1, 1, 1, 2, 1, 1, 1, 1, 1, 1])


def test_groups_and_trials():
    group = np.array(["b", "a", "b", "a", "c", "b", "a", "a"])
    trial = [0, 0, 1, 1, 1, 1, 1, 0]
    times, groups, counts = bin_events(TIMES, group, 0.0, 4.0, 2.0, trial=trial, n_trials=3)
    assert groups == ("a", "b", "c")
    np.testing.assert_allclose(times, [1.0, 3.0])
    expected = [[[1, 0], [1, 0], [0, 0]], [[0, 1], [1, 1], [0, 1]], [[0, 0], [0, 0], [0, 0]]]
    np.testing.assert_array_equal(counts, expected)
    _, groups, chosen = bin_events(TIMES, group, 0.0, 4.0, 2.0, trial=trial, n_trials=3, groups=["c", "none", "a"])
    assert groups == ("c", "none", "a")
    np.testing.assert_array_equal(chosen[:, [0, 2]], counts[:, [2, 0]])
    assert not chosen[:, 1].any()


def test_many_events_are_all_counted():
    rng = np.random.default_rng(2)
    n = 20_000
    times, trial, domain = rng.uniform(0, 300, n), rng.integers(0, 16, n), rng.choice(["basal", "soma", "tuft"], n)
    _, groups, counts = bin_events(times, domain, 0.0, 300.0, trial=trial, n_trials=16)
    assert counts.shape == (16, 3, 300)
    for k, name in enumerate(groups):
        np.testing.assert_array_equal(counts[:, k].sum(axis=1), np.bincount(trial[domain == name], minlength=16))


def test_space_and_time():
    distance = [-60.0, -50.0, 0.0, 49.0, 149.9, 10.0, 10.0, 10.0]
    times, distances, counts = space_time(TIMES, distance, 0.0, 4.0, 2.0)
    np.testing.assert_allclose(times, [1.0, 3.0])
    np.testing.assert_allclose(distances, [-75, -25, 25, 75, 125])
    np.testing.assert_array_equal(counts[0], [[1, 0], [1, 0], [1, 2], [0, 0], [0, 1]])
    _, distances, cut = space_time(TIMES, distance, 0.0, 4.0, 2.0, distance_range=(0, 100))
    np.testing.assert_allclose(distances, [25, 75])
    np.testing.assert_array_equal(cut, counts[:, 2:4])
    assert space_time([], [], 0.0, 4.0)[2].shape == (1, 0, 4)


def test_bad_events():
    with pytest.raises(UnknownName, match=r"per: 'trail' is no measure.*did you mean 'trial'"):
        psth(TIMES, 0.0, 4.0, per="trail")
    with pytest.raises(InvalidValue, match=r"bin_width: 3.0 must divide the window, 4 ms"):
        psth(TIMES, 0.0, 4.0, 3.0)
    with pytest.raises(InvalidValue, match=r"n_sources: 0 must be >= 1"):
        psth(TIMES, 0.0, 4.0, n_sources=0, per="source")
    with pytest.raises(InvalidValue, match=r"times: nan must be finite"):
        psth([1.0, np.nan], 0.0, 4.0)
    with pytest.raises(InvalidValue, match=r"group.shape: \(2,\) must be that of times, \(8,\)"):
        bin_events(TIMES, ["a", "b"], 0.0, 4.0)
    with pytest.raises(InvalidValue, match=r"trial\[7\]: 2 must be 0 to 1: n_trials is 2"):
        bin_events(TIMES, ["a"] * 8, 0.0, 4.0, trial=[0] * 7 + [2], n_trials=2)
    with pytest.raises(InvalidType, match=r"trial: .* must be an array of integers"):
        bin_events(TIMES, ["a"] * 8, 0.0, 4.0, trial=[0.5] * 8)
    with pytest.raises(InvalidValue, match=r"distance_range: .* multiples of distance_width, 50 µm"):
        space_time(TIMES, [0.0] * 8, 0.0, 4.0, distance_range=(0, 120))


# ------------------------------------------------------------------------------------------------------------- phases


def test_spikes_at_one_phase():
    """16 Hz, spikes at the maxima of the sine: π/2."""
    spikes = (np.arange(32) + 0.25) * 1000.0 / 16.0
    found = phase_histogram(spikes, 16.0, n_bins=9)
    assert found.vector_strength == pytest.approx(1.0)
    assert found.mean_phase == pytest.approx(np.pi / 2)
    assert found.counts.sum() == 32
    assert found.phases[np.argmax(found.counts)] == pytest.approx(np.pi / 2, abs=np.pi / 9)
    assert found.p_value < 1e-10
    later = phase_histogram(spikes, 16.0, phase=-np.pi / 2)
    assert later.mean_phase == pytest.approx(0.0, abs=1e-9)


def test_vector_strength_of_a_modulated_rate():
    """A density (1 + m sin φ) / 2π has a vector strength of m / 2."""
    depth, n = 0.6, 200_000
    rng = np.random.default_rng(3)
    times = rng.uniform(0, 10_000, n)
    kept = times[rng.uniform(0, 1 + depth, n) < 1 + depth * np.sin(2 * np.pi * 16.0 * times / 1000)]
    found = phase_histogram(kept, 16.0)
    assert found.vector_strength == pytest.approx(depth / 2, abs=4 / np.sqrt(kept.size))
    assert found.mean_phase == pytest.approx(np.pi / 2, abs=0.05)
    expected = (1 + depth * np.sin(found.phases)) * kept.size / 18
    np.testing.assert_allclose(found.counts, expected, atol=5 * np.sqrt(expected.max()))


def test_rayleigh_under_chance():
    """Of random trains, the part with p < 0.05 is 0.05; four standard deviations of a binomial are allowed."""
    rng = np.random.default_rng(4)
    p = np.array([phase_histogram(rng.uniform(0, 1000, 40), 10.0).p_value for _ in range(2000)])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))
    assert np.mean(p < 0.5) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 2000))


def test_no_spikes_have_no_phase():
    found = phase_histogram([], 16.0)
    assert np.isnan([found.vector_strength, found.mean_phase, found.p_value]).all()
    assert found.counts.sum() == 0
    with pytest.raises(InvalidValue, match=r"frequency: 0.0 must be > 0 Hz"):
        phase_histogram([1.0], 0.0)
