"""Smoothing of traces: Hamming window and Savitzky-Golay filter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, time_series
from hnnlib.base.errors import InvalidValue

__all__ = ["savgol_filter", "smooth_waveform"]

SAVGOL_ORDER = 5
"""Polynomial order of the Savitzky-Golay filter, as in MNE-Python and HNN-core 0.6.1."""


def smooth_waveform(data: Any, window_len: float, sfreq: float) -> NDArray[np.float64]:
    """Smooth a trace with a normalised Hamming window.

    The window has ``round(window_len * sfreq / 1000)`` samples. The trace is taken as zero outside its ends, so it is
    drawn towards zero within half a window of them (as in HNN-core 0.6.1).

    Parameters
    ----------
    data : array-like, shape (n_times,)
        The trace, in any unit.
    window_len : float
        Length of the window (ms), at least 1.
    sfreq : float
        Sampling rate (Hz).

    Returns
    -------
    smoothed : ndarray, shape (n_times,)
        The smoothed trace, in the unit of ``data``.

    Raises
    ------
    InvalidValue
        If ``data`` is not one-dimensional, ``window_len`` is below 1 ms, shorter than half a sample or longer than the
        trace, or ``sfreq`` is not positive.
    InvalidType
        If ``window_len`` or ``sfreq`` is not a number, or ``data`` are not numbers.
    """
    series = time_series("data", data)
    rate = positive_number("sfreq", sfreq, "Hz")
    length = finite_number("window_len", window_len, "ms")
    if length < 1:
        raise InvalidValue("window_len", window_len, "must be >= 1 ms")
    n_window = round(1e-3 * length * rate)
    if n_window < 1:
        raise InvalidValue("window_len", window_len, f"must be longer than half a sample, {500 / rate:g} ms")
    if n_window > series.size:
        raise InvalidValue(
            "window_len",
            window_len,
            f"must fit into the trace: the window has {n_window} samples at {rate:g} Hz, the trace {series.size}",
        )
    window = np.hamming(n_window)
    return np.convolve(series, window / window.sum(), mode="same")


def savgol_filter(data: Any, h_freq: float, sfreq: float) -> NDArray[np.float64]:
    """Low-pass a trace with a Savitzky-Golay filter of fifth order.

    The window has ``2 * floor(round(sfreq / h_freq) / 2) + 1`` samples; within half a window of the ends the polynomial
    of the outermost window is used [1]_.

    Parameters
    ----------
    data : array-like, shape (n_times,)
        The trace, in any unit.
    h_freq : float
        Approximate upper cut-off frequency (Hz), above 0 and at most half the sampling rate.
    sfreq : float
        Sampling rate (Hz).

    Returns
    -------
    filtered : ndarray, shape (n_times,)
        The filtered trace, in the unit of ``data``.

    Raises
    ------
    InvalidValue
        If ``data`` is not one-dimensional, ``h_freq`` is outside its range, so high that the window holds no
        fifth-order polynomial, or so low that the window is longer than the trace.
    InvalidType
        If ``h_freq`` or ``sfreq`` is not a number, or ``data`` are not numbers.

    References
    ----------
    .. [1] Savitzky and Golay (1964), Analytical Chemistry 36:1627-1639, doi:10.1021/ac60214a047
    """
    from scipy import signal

    series = time_series("data", data)
    rate = positive_number("sfreq", sfreq, "Hz")
    cutoff = finite_number("h_freq", h_freq, "Hz")
    if not 0 < cutoff <= rate / 2:
        raise InvalidValue("h_freq", h_freq, f"must be > 0 Hz and <= {rate / 2:g} Hz, half the sampling rate")
    n_window = 2 * math.floor(round(rate / cutoff) / 2) + 1
    if n_window <= SAVGOL_ORDER:
        raise InvalidValue(
            "h_freq",
            h_freq,
            f"is too high: its window of {n_window} samples at {rate:g} Hz is too short for a polynomial of order "
            f"{SAVGOL_ORDER}",
        )
    if n_window > series.size:
        raise InvalidValue(
            "h_freq",
            h_freq,
            f"is too low: its window has {n_window} samples at {rate:g} Hz, the trace only {series.size}",
        )
    return np.asarray(signal.savgol_filter(series, n_window, SAVGOL_ORDER), dtype=np.float64)
