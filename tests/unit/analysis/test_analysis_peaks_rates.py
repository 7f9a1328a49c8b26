"""Peaks of traces and firing rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.analysis.peaks import Peak, find_peaks, largest_peaks
from hnnlib.analysis.rates import cell_rates, correlogram, spike_rates
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

T = np.arange(0, 100.0, 0.5)
BUMPS = (
    2.0 * np.exp(-(((T - 20) / 3) ** 2)) + 5.0 * np.exp(-(((T - 50) / 3) ** 2)) - 4.0 * np.exp(-(((T - 80) / 3) ** 2))
)


def test_peaks_in_the_order_of_time():
    found = find_peaks(T, BUMPS, prominence=0.5)
    assert [p.time for p in found] == [20, 50, 80]
    assert [p.amplitude for p in found] == pytest.approx([2, 5, -4])
    assert find_peaks(T, BUMPS, tmin=30, tmax=80, prominence=0.5) == found[1:]


def test_peaks_of_one_polarity():
    found = find_peaks(T, BUMPS, prominence=0.5)
    assert find_peaks(T, BUMPS, prominence=0.5, polarity="positive") == found[:2]
    assert find_peaks(T, BUMPS, prominence=0.5, polarity="negative") == found[2:]
    with pytest.raises(UnknownName, match="polarity: 'up' is no polarity"):
        find_peaks(T, BUMPS, polarity="up")


def test_largest_peaks():
    assert largest_peaks(T, BUMPS) == (Peak(50.0, pytest.approx(5.0)), Peak(80.0, pytest.approx(-4.0)))
    assert largest_peaks(T, BUMPS, tmax=40)[0] == Peak(20.0, pytest.approx(2.0))
    assert largest_peaks(T, T) == (None, None)
    assert largest_peaks(T, np.zeros_like(T)) == (None, None)


def test_no_peak_where_a_trace_of_one_sign_turns():
    # A minimum above zero is no negative peak.
    assert largest_peaks(T, 10 + np.sin(T / 5))[1] is None
    assert largest_peaks(T, -10 + np.sin(T / 5))[0] is None


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=50))
def test_peaks_mirror_with_the_sign(values):
    times = np.arange(len(values), dtype=float)
    up, down = largest_peaks(times, values)
    mirrored = largest_peaks(times, [-v for v in values])
    assert mirrored == tuple(None if p is None else Peak(p.time, -p.amplitude) for p in (down, up))


def test_peaks_errors():
    with pytest.raises(InvalidValue, match=r"data.shape: \(3,\)"):
        find_peaks(T, [1, 2, 3])
    with pytest.raises(InvalidValue, match="tmax: 1 must be >= tmin, 5 ms"):
        find_peaks(T, BUMPS, tmin=5, tmax=1)


def test_rates_count_only_the_window():
    # HNN-core 0.6.1 gives 300 Hz here: it counts the spikes of the whole run.
    rates = cell_rates([[5.0, 50.0, 90.0]], [[7, 7, 7]], [7], 0.0, 10.0)
    np.testing.assert_allclose(rates, [[100.0]])


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 5)), max_size=40),
    st.floats(1, 99),
)
def test_rates_of_two_windows_add_up(spikes, middle):
    times, gids = [s[0] for s in spikes], [s[1] for s in spikes]
    cells = [4, 0, 2]
    whole = cell_rates([times], [gids], cells, 0.0, 101.0) * 101.0
    parts = cell_rates([times], [gids], cells, 0.0, middle) * middle
    parts = parts + cell_rates([times], [gids], cells, middle, 101.0) * (101.0 - middle)
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    np.testing.assert_allclose(whole[0], [1000 * gids.count(c) for c in cells], atol=1e-6)


def test_rates_errors():
    with pytest.raises(InvalidValue, match=r"tstop: 5.0 must be > tstart, 5 ms"):
        cell_rates([[1.0]], [[1]], [1], 5.0, 5.0)
    with pytest.raises(InvalidValue, match=r"len\(spike_gids\)"):
        cell_rates([[1.0]], [], [1], 0.0, 5.0)
    with pytest.raises(InvalidValue, match=r"spike_gids\[0\].shape"):
        cell_rates([[1.0]], [[1, 2]], [1], 0.0, 5.0)


# ------------------------------------------------------------------------------------------------ rates over time


def test_rate_over_time_is_that_of_the_mean_cell():
    """Ten cells of which two fire: silent ones count."""
    times, rates = spike_rates([[0.0, 3.0, 4.999, 5.0, 12.0], []], 10, 0.0, 15.0)
    np.testing.assert_allclose(times, [2.5, 7.5, 12.5])
    np.testing.assert_allclose(rates, [[60.0, 20.0, 20.0], [0.0, 0.0, 0.0]])


def test_only_the_window_counts():
    _, rates = spike_rates([[9.9, 10.0, 19.99, 20.0]], 1, 10.0, 20.0, bin_width=10.0)
    np.testing.assert_allclose(rates, [[200.0]])


@given(st.lists(st.floats(0, 99.9), max_size=40), st.floats(0.5, 60.0))
def test_smoothing_keeps_the_number_of_spikes(spikes, sigma):
    smooth = spike_rates([spikes], 7, 0.0, 100.0, 2.0, sigma=sigma)[1]
    assert smooth.sum() * 7 * 2e-3 == pytest.approx(len(spikes), rel=1e-9, abs=1e-9)
    assert (smooth >= 0).all()


def test_smoothing_is_gaussian():
    times, rates = spike_rates([[50.5]], 1, 0.0, 101.0, 1.0, sigma=5.0)
    expected = 1000 * np.exp(-((times - 50.5) ** 2) / 50) / (5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(rates[0], expected, atol=1e-3 * expected.max())  # cut at 4 sigma


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], 0, 0.0, 10.0), "n_cells: 0 must be >= 1"),
        (([[1.0]], 1, 10.0, 10.0), "tstop: 10.0 must be > tstart"),
        (([[1.0]], 1, 0.0, 12.0), "bin_width: 5.0 must divide the window, 12 ms"),
        (([[1.0]], 1, 0.0, 10.0, -1.0), "bin_width: -1.0 must be > 0 ms"),
        (([[1.0]], 1, 0.0, 10.0, 5.0, 0.0), "sigma: 0.0 must be > 0 ms"),
        (([[np.nan]], 1, 0.0, 10.0), r"spike_times\[0\]: nan must be finite times"),
        (([1.0], 1, 0.0, 10.0), r"spike_times\[0\].shape: \(\) must be"),
    ],
)
def test_bad_rates_over_time(arguments, message):
    with pytest.raises(InvalidValue, match=message):
        spike_rates(*arguments)


def test_a_number_of_cells_is_an_integer():
    with pytest.raises(InvalidType, match=r"n_cells: 1.5 must be an integer"):
        spike_rates([[1.0]], 1.5, 0.0, 10.0)


# ------------------------------------------------------------------------------------------------ correlograms


def test_autocorrelogram_of_a_regular_train():
    lags, counts = correlogram(10.0 * np.arange(20), bin_width=5.0, max_lag=20.0)
    np.testing.assert_array_equal(lags, [-20, -15, -10, -5, 0, 5, 10, 15, 20])
    np.testing.assert_array_equal(counts, [18, 0, 19, 0, 0, 0, 19, 0, 18])


def test_crosscorrelogram_shows_the_delay():
    one = np.cumsum(np.random.default_rng(0).uniform(30, 60, 50))
    lags, counts = correlogram(one, one + 3.2, bin_width=1.0, max_lag=10.0)
    assert (lags[np.argmax(counts)], counts.max(), counts.sum()) == (3.0, 50, 50)
    np.testing.assert_array_equal(correlogram(one + 3.2, one, 1.0, 10.0)[1], counts[::-1])


@given(st.lists(st.integers(0, 300), max_size=30), st.lists(st.integers(0, 300), max_size=30), st.integers(1, 12))
def test_correlogram_counts_all_pairs(one, other, width):
    lags, counts = correlogram(one, other, bin_width=width, max_lag=60.0)
    assert lags[len(lags) // 2] == 0
    pairs = np.subtract.outer(np.array(other, float), np.array(one, float)).ravel()
    # a bin holds its lower edge and not its upper one
    expected = [np.sum((pairs >= lag - width / 2) & (pairs < lag + width / 2)) for lag in lags]
    np.testing.assert_array_equal(counts, expected)


def test_coincident_spikes_of_one_train_count():
    assert correlogram([5.0, 5.0, 5.0], max_lag=1.0)[1].tolist() == [0, 6, 0]
    assert correlogram([])[1].sum() == 0


def test_bad_correlograms():
    with pytest.raises(InvalidValue, match=r"max_lag: 1.0 must be >= bin_width, 2 ms"):
        correlogram([1.0], bin_width=2.0, max_lag=1.0)
    with pytest.raises(InvalidValue, match="other_times: inf must be finite"):
        correlogram([1.0], [np.inf])
