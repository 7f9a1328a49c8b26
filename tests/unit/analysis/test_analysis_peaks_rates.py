"""Peaks of traces and firing rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.analysis.peaks import Peak, find_peaks, largest_peaks
from hnnlib.analysis.rates import cell_rates
from hnnlib.base.errors import InvalidValue

T = np.arange(0, 100.0, 0.5)
BUMPS = (
    2.0 * np.exp(-(((T - 20) / 3) ** 2)) + 5.0 * np.exp(-(((T - 50) / 3) ** 2)) - 4.0 * np.exp(-(((T - 80) / 3) ** 2))
)


def test_peaks_in_the_order_of_time():
    found = find_peaks(T, BUMPS, prominence=0.5)
    assert [p.time for p in found] == [20, 50, 80]
    assert [p.amplitude for p in found] == pytest.approx([2, 5, -4])
    assert find_peaks(T, BUMPS, tmin=30, tmax=80, prominence=0.5) == found[1:]


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
