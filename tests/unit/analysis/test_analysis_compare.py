"""RMSE and correlation of a simulated and a recorded trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.analysis import anticorrelation, compare, correlation, rmse
from hnnlib.base.errors import InvalidType, InvalidValue

TIMES = np.arange(0, 170.0001, 0.1)
TRACE = np.sin(2 * np.pi * TIMES / 40) * np.exp(-(((TIMES - 80) / 40) ** 2))


def test_copy_shifted_by_a_tenth_has_rmse_a_tenth():
    assert rmse(TIMES, TRACE, TIMES, TRACE + 0.1) == pytest.approx(0.1, rel=1e-12)


@given(st.floats(-5, 5).filter(lambda s: abs(s) > 1e-3), st.floats(-10, 10))
def test_correlation_knows_shape_only(slope, offset):
    assert correlation(TIMES, TRACE, TIMES, slope * TRACE + offset) == pytest.approx(np.sign(slope), abs=1e-9)
    assert anticorrelation(TIMES, TRACE, TIMES, slope * TRACE + offset) == pytest.approx(1 - np.sign(slope), abs=1e-9)


@pytest.mark.parametrize("swapped", [False, True])
def test_finer_trace_is_resampled_to_the_coarser(swapped):
    # Periodic within the window, so that Fourier's method is exact.
    fine, coarse = np.arange(0, 100.01, 0.1), np.arange(0, 100.01, 1.0)
    pair = (fine, np.sin(2 * np.pi * fine / 20)), (coarse, np.sin(2 * np.pi * coarse / 20) + 0.5)
    (t, a), (u, b) = reversed(pair) if swapped else pair
    assert rmse(t, a, u, b) == pytest.approx(0.5, abs=1e-12)
    assert correlation(t, a, u, b) == pytest.approx(1.0, abs=1e-12)


def test_window_is_clipped_to_what_both_cover_and_leaves_out_its_end():
    other = np.where(TIMES < 50, 0.0, 1.0)
    zero = np.zeros_like(TIMES)
    assert rmse(TIMES, zero, TIMES, other, tstop=50.0) == 0.0
    assert rmse(TIMES, zero, TIMES, other, tstart=50.0) == 1.0
    assert rmse(TIMES, zero, TIMES, other, tstart=25.0, tstop=75.0) == pytest.approx(np.sqrt(0.5))
    assert rmse(TIMES, zero, TIMES, other, tstart=-100.0, tstop=1e6) == rmse(TIMES, zero, TIMES, other)
    assert rmse(TIMES, zero, TIMES[:500], other[:500]) == 0.0


def test_weights_choose_the_samples_that_count():
    other = TRACE + np.where(TIMES < 50, 0.0, 2.0)
    early = np.where(TIMES < 50, 1.0, 0.0)
    assert rmse(TIMES, TRACE, TIMES, other, weights=early) == 0.0
    assert rmse(TIMES, TRACE, TIMES, other, weights=1 - early) == pytest.approx(2.0)
    a, b = early * TRACE, early * other
    assert correlation(TIMES, TRACE, TIMES, other, weights=early) == pytest.approx(np.corrcoef(a[:-1], b[:-1])[0, 1])


def test_weights_are_resampled_with_the_trace_and_small_ones_dropped():
    from scipy import signal

    fine, coarse = np.arange(0, 100.01, 0.1), np.arange(0, 100.01, 1.0)
    weights = np.where((fine > 30) & (fine < 60), 1.0, 0.0)
    a, b = np.sin(fine / 7), np.cos(coarse / 9)
    w = signal.resample(weights[:-1], 100)
    w[w < 1e-4] = 0
    expected = np.sqrt(np.sum(w * (signal.resample(a[:-1], 100) - b[:-1]) ** 2) / np.sum(w))
    assert rmse(fine, a, coarse, b, weights=weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"other_times": TIMES + 500}, "both traces are known from 500 to 170 ms only"),
        ({"tstart": 90.0, "tstop": 80.0}, "is empty"),
        ({"data": TRACE[:-1]}, r"data.shape: \(1700,\) must be that of times"),
        ({"other_times": TIMES[::-1]}, r"other_times\[1\]: .* later than the sample before"),
        ({"weights": -np.ones(TIMES.size)}, "weights: -1.0 must be >= 0"),
        ({"weights": np.zeros(TIMES.size)}, "must not all be zero"),
        ({"weights": np.ones(7)}, "weights.shape"),
        ({"tstart": np.nan}, "tstart: nan must be a finite number"),
    ],
)
def test_errors(changes, message):
    arguments = {"times": TIMES, "data": TRACE, "other_times": TIMES, "other_data": TRACE, **changes}
    with pytest.raises(InvalidValue, match=message):
        rmse(**arguments)


def test_constant_trace_has_no_correlation():
    with pytest.raises(InvalidValue, match=r"other_data: 3.0 is the same at all times"):
        correlation(TIMES, TRACE, TIMES, np.full(TIMES.size, 3.0))


def test_text_is_no_trace():
    with pytest.raises(InvalidType, match=r"^data:"):
        rmse(TIMES, "abc", TIMES, TRACE)


# ------------------------------------------------------------------------------------------------ with a lag

RECORDED_TIMES = np.arange(-50.0, 300.0, 0.6)


def recorded(delay: float, scale: float = 1.0) -> np.ndarray:
    t = RECORDED_TIMES - delay
    return scale * np.sin(2 * np.pi * t / 40) * np.exp(-(((t - 80) / 40) ** 2))


def test_without_lag_it_is_rmse_and_correlation():
    found = compare(TIMES, TRACE, RECORDED_TIMES, recorded(4.0), 20.0, 140.0)
    arguments = (TIMES, TRACE, RECORDED_TIMES, recorded(4.0), 20.0, 140.0)
    assert (found.rmse, found.correlation) == (rmse(*arguments), correlation(*arguments))
    assert (found.lag, found.tstart, found.tstop) == (0.0, 20.0, 140.0)


@pytest.mark.parametrize("delay", [-9.0, 0.0, 4.2])
def test_the_lag_is_found_on_another_time_axis(delay):
    found = compare(TIMES, TRACE, RECORDED_TIMES, recorded(delay, 3.0), max_lag=12.0)
    assert found.lag == pytest.approx(delay, abs=0.31)  # half a step of the recorded trace
    assert found.correlation > 0.999
    # all lags are judged over one window, that the simulated trace covers at each of them
    assert (found.tstart, found.tstop) == (12.0, pytest.approx(158.0))


def test_of_equal_lags_the_smallest_is_taken():
    t = np.arange(0.0, 400.0)
    wave = np.sin(2 * np.pi * t / 20)
    assert compare(t, wave, t, wave, max_lag=50.0).lag == 0.0


def test_lags_that_leave_nothing_to_compare():
    with pytest.raises(InvalidValue, match=r"max_lag: -1\.0 must be >= 0 ms"):
        compare(TIMES, TRACE, TIMES, TRACE, max_lag=-1.0)
    with pytest.raises(InvalidValue, match="no part of the recorded trace is covered at all lags"):
        compare(TIMES, TRACE, TIMES, TRACE, max_lag=90.0)
