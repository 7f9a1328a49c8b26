"""Smoothing: window rules, errors, and the published post-processing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.analysis.filters import savgol_filter, smooth_waveform
from hnnlib.base.errors import InvalidType, InvalidValue


@pytest.mark.parametrize("column", range(3))
def test_hamming_and_savgol_equal_the_published_post_processing(reference, column):
    arrays, _ = reference("jones_default_trial1")
    raw = arrays["dipole_nAm"][:, column]
    smoothed = smooth_waveform(raw, 30, 40_000)
    np.testing.assert_allclose(smoothed, arrays["dipole_post"][:, column] / 3000, rtol=0, atol=1e-12)
    np.testing.assert_allclose(savgol_filter(raw, 60, 40_000), arrays["dipole_savgol60"][:, column], rtol=0, atol=1e-12)


def test_smoothing_keeps_the_mean_away_from_the_ends():
    smoothed = smooth_waveform(np.full(2000, 3.0), 10, 40_000)
    np.testing.assert_allclose(smoothed[200:-200], 3.0, rtol=1e-14)
    # Outside its ends the trace counts as zero: the end sample sees about half of the window.
    assert smoothed[0] == pytest.approx(1.5, rel=0.01)


@given(st.integers(1, 60), st.integers(122, 200))
def test_smoothing_an_impulse_gives_the_window(n_window, n_times):
    impulse = np.zeros(n_times)
    impulse[n_times // 2] = 1.0
    smoothed = smooth_waveform(impulse, n_window, 1000.0)
    window = np.hamming(n_window)
    np.testing.assert_allclose(np.sort(smoothed[smoothed != 0]), np.sort(window / window.sum()), rtol=1e-12)


def test_window_must_fit_into_the_trace():
    assert smooth_waveform(np.ones(1200), 30, 40_000).shape == (1200,)
    with pytest.raises(InvalidValue, match=r"window_len: 30 must fit into the trace: .*1200 samples.*1199"):
        smooth_waveform(np.ones(1199), 30, 40_000)


def test_window_of_half_a_sample_is_too_short():
    np.testing.assert_array_equal(smooth_waveform(np.arange(5.0), 501, 1.0), np.arange(5.0))
    with pytest.raises(InvalidValue, match="half a sample, 500 ms"):
        smooth_waveform(np.arange(5.0), 500, 1.0)


@pytest.mark.parametrize("window_len", [0, 0.5, -3, np.nan, np.inf])
def test_window_below_one_ms_is_rejected(window_len):
    with pytest.raises(InvalidValue, match=r"window_len: .* must be"):
        smooth_waveform(np.ones(100), window_len, 1000)


@pytest.mark.parametrize("window_len", ["30", None, True, [30]])
def test_window_must_be_a_number(window_len):
    with pytest.raises(InvalidType, match="must be a number in ms"):
        smooth_waveform(np.ones(100), window_len, 1000)


@pytest.mark.parametrize("function", [smooth_waveform, savgol_filter])
def test_traces_and_rates_are_checked(function):
    with pytest.raises(InvalidValue, match=r"data.shape: \(2, 50\) must be \(n_times,\)"):
        function(np.ones((2, 50)), 10, 1000)
    with pytest.raises(InvalidType, match="data"):
        function(["a", "b"], 10, 1000)
    with pytest.raises(InvalidValue, match="sfreq: 0 must be > 0 Hz"):
        function(np.ones(100), 10, 0)
    with pytest.raises(InvalidType, match="sfreq"):
        function(np.ones(100), 10, "1000")


def test_savgol_keeps_a_fifth_order_polynomial():
    x = np.linspace(-1, 1, 400)
    curve = np.polyval([2.0, -1, 0.5, 3, -2, 1], x)
    np.testing.assert_allclose(savgol_filter(curve, 20, 1000), curve, atol=1e-12)


@pytest.mark.parametrize("h_freq", [0, -1, 500.1, np.nan])
def test_savgol_frequency_outside_its_range(h_freq):
    with pytest.raises(InvalidValue, match="h_freq"):
        savgol_filter(np.ones(1000), h_freq, 1000)


def test_savgol_unusable_windows():
    with pytest.raises(InvalidValue, match="h_freq: 300 is too high: its window of 3 samples"):
        savgol_filter(np.ones(1000), 300, 1000)
    with pytest.raises(InvalidValue, match="h_freq: 1 is too low: its window has 1001 samples"):
        savgol_filter(np.ones(1000), 1, 1000)
    with pytest.raises(InvalidType, match="h_freq"):
        savgol_filter(np.ones(1000), "60", 1000)
