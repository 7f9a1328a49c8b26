"""Noise has the spectrum that it is named after; spikes have the rates and the intervals that they should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hnnlib.embedding.sources.noise import coloured_noise, poisson_spikes, renewal_spikes


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def slope(noise, low, high, dt_ms=1.0):
    """Return the slope of log power over log frequency."""
    tapered = (noise - noise.mean(axis=1, keepdims=True)) * np.hanning(noise.shape[1])
    power = (np.abs(np.fft.rfft(tapered)) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(noise.shape[1], dt_ms / 1000)
    band = (frequency >= low) & (frequency <= high)
    # in bins of equal width on the logarithmic axis, so that the many high frequencies don't outweigh the low
    borders = np.geomspace(low, high * (1 + 1e-9), 25)
    which = np.digitize(frequency[band], borders)
    x, y = np.log(frequency[band]), np.log(power[band])
    middle = [(x[which == k].mean(), y[which == k].mean()) for k in np.unique(which)]
    return np.polyfit(*np.transpose(middle), 1)[0]


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_power_falls_with_the_exponent_from_1_to_300_hz(rng, exponent):
    # rows are scaled each for itself, which does not touch the slope
    assert slope(coloured_noise(rng, 50, 10_000, exponent), 1, 300) == pytest.approx(-exponent, abs=0.1)


@pytest.mark.parametrize("n_times", [2, 170, 5000])
def test_noise_reaches_from_0_to_1_in_every_row(rng, n_times):
    noise = coloured_noise(rng, 7, n_times)
    assert noise.shape == (7, n_times)
    assert np.array_equal(noise.min(axis=1), np.zeros(7))
    assert np.array_equal(noise.max(axis=1), np.ones(7))


def test_rows_are_independent_and_the_end_knows_nothing_of_the_beginning(rng):
    noise = coloured_noise(rng, 400, 500, 0.0)
    assert abs(np.corrcoef(noise[::2].ravel(), noise[1::2].ravel())[0, 1]) < 4 / np.sqrt(200 * 500)
    assert abs(np.corrcoef(noise[:, 0], noise[:, -1])[0, 1]) < 4 / np.sqrt(400)


def test_one_sample_of_noise_is_the_middle(rng):
    assert coloured_noise(rng, 2, 1).tolist() == [[0.5], [0.5]]


def test_counts_of_cells_and_bins_are_poisson_about_rate_times_gain(rng):
    rate = np.array([0.0, 40.0, 5.0, 100.0])
    group = np.array([0, 1, 1, 0])
    gain = np.array([[1.0, 0.0, 2.0], [0.5, 3.0, 0.0]])
    edges = np.array([100.0, 2100.0, 2600.0, 4600.0])
    spikes = poisson_spikes(rng, rate, gain, edges, group)
    found = np.zeros((4, 3))
    np.add.at(found, (spikes.source, np.searchsorted(edges, spikes.time_ms, side="right") - 1), 1)
    expected = rate[:, None] * gain[group] * np.diff(edges) / 1000
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected)).all()
    assert spikes.time_ms.min() >= 100
    assert spikes.time_ms.max() < 4600


def test_intervals_of_a_poisson_process_are_exponential(rng):
    spikes = poisson_spikes(rng, np.array([50.0, 50.0]), np.ones((1, 1)), np.array([0.0, 20_000.0]))
    for cell in (0, 1):
        intervals = np.diff(spikes.time_ms[spikes.source == cell])
        assert stats.kstest(intervals, stats.expon(scale=20.0).cdf).pvalue > 1e-3


def test_times_are_not_whole_milliseconds_nor_shared(rng):
    spikes = poisson_spikes(rng, np.full(200, 50.0), np.ones((1, 100)), np.arange(101.0))
    assert len(np.unique(spikes.time_ms)) == len(spikes)
    assert stats.kstest(spikes.time_ms % 1, stats.uniform.cdf).pvalue > 1e-3


def test_no_cell_and_no_rate_give_no_spikes(rng):
    edges = np.array([0.0, 1000.0])
    assert len(poisson_spikes(rng, np.zeros(0), np.ones((1, 1)), edges)) == 0
    assert len(poisson_spikes(rng, np.zeros(5), np.ones((1, 1)), edges)) == 0
    assert len(renewal_spikes(rng, np.full(5, np.inf), 0.5, 0, 1000)) == 0


@pytest.mark.parametrize("noise", [0.0, 0.4, 1.0])
def test_intervals_have_a_fixed_and_a_random_part(rng, noise):
    spikes = renewal_spikes(rng, np.full(30, 40.0), noise, 0.0, 4000.0)
    order = np.lexsort((spikes.time_ms, spikes.source))
    intervals = np.diff(spikes.time_ms[order])[np.diff(spikes.source[order]) == 0]
    # a long interval is more often cut by the end: of 100 a cell that is far below 4 standard errors
    assert abs(intervals.mean() - 40) <= 4 * 40 * noise / np.sqrt(len(intervals)) + 1e-9
    assert intervals.min() >= 40 * (1 - noise) - 1e-9
    assert intervals.std() == pytest.approx(40 * noise, rel=0.1, abs=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.4, 1.0])
def test_the_rate_is_there_from_the_start(rng, noise):
    """No wave of first spikes: as many in each part of the first mean interval as later."""
    spikes = renewal_spikes(rng, np.full(20_000, 100.0), noise, 50.0, 250.0)
    counts, _ = np.histogram(spikes.time_ms, 20, (50.0, 250.0))
    assert (np.abs(counts - 2000) <= 4 * np.sqrt(2000)).all()
