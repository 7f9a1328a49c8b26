"""How far a simulated trace is from a recorded one: RMSE and correlation over a window both cover, and the best lag."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, rising_times, time_series
from hnnlib.base.errors import InvalidValue

__all__ = ["Comparison", "anticorrelation", "compare", "correlation", "rmse"]

SMALLEST_WEIGHT = 1e-4
"""Resampling makes weights ring around zero; below this they count as zero (as in HNN-core 0.6.1)."""


@attrs.frozen
class Comparison:
    """How far a simulated trace is from a recorded one.

    Parameters
    ----------
    rmse : float
        Root-mean-square difference, in the unit of the traces.
    correlation : float
        Pearson's correlation.
    lag : float
        How much later (ms) the simulated trace was put to fit best.
    tstart, tstop : float
        The window of the recorded trace that was compared (ms).
    """

    rmse: float
    correlation: float
    lag: float
    tstart: float
    tstop: float


def compare(
    times: Any,
    data: Any,
    recorded_times: Any,
    recorded: Any,
    tstart: float | None = None,
    tstop: float | None = None,
    max_lag: float = 0.0,
) -> Comparison:
    """Compare a simulated with a recorded trace, each on its own time axis.

    The traces are resampled as in `rmse`. With ``max_lag`` the simulated one is moved to the lag at which the
    correlation is largest; the recorded one is compared over the same window at every lag, one that the simulated trace
    covers at all of them.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times of the simulated trace (ms), rising.
    data : array-like, shape (n_times,)
        The simulated trace.
    recorded_times : array-like, shape (n_recorded,)
        Times of the recorded trace (ms), rising.
    recorded : array-like, shape (n_recorded,)
        The recorded trace, in the unit of ``data``.
    tstart, tstop : float, optional
        The window of the recorded trace (ms). Left out: all that can be compared.
    max_lag : float
        The largest lag that is tried (ms), to both sides, in steps of the coarser trace's sampling.

    Returns
    -------
    comparison : Comparison
        RMSE, correlation, lag and window.

    Raises
    ------
    InvalidValue
        As in `correlation`, or if ``max_lag`` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(0.0, 200.0)
    >>> found = compare(t, np.sin(t / 20), t, np.sin((t - 3) / 20), max_lag=10)
    >>> found.lag
    3.0
    """
    t, _ = _trace("times", times, "data", data)
    r, _ = _trace("recorded_times", recorded_times, "recorded", recorded)
    reach = finite_number("max_lag", max_lag, "ms")
    if reach < 0:
        raise InvalidValue("max_lag", max_lag, "must be >= 0 ms")
    if t.size < 2 or r.size < 2:
        raise InvalidValue("n_times", min(t.size, r.size), "must be at least 2 samples")
    start = max(r[0], t[0] + reach, -np.inf if tstart is None else finite_number("tstart", tstart, "ms"))
    stop = min(r[-1], t[-1] - reach, np.inf if tstop is None else finite_number("tstop", tstop, "ms"))
    if start >= stop:
        raise InvalidValue("window", (tstart, tstop), "is empty: no part of the recorded trace is covered at all lags")
    step = max(np.mean(np.diff(t)), np.mean(np.diff(r)))
    n_steps = int(reach / step * (1 + 1e-12))
    # from the smallest lag outwards, so that of equal ones the smallest is taken
    lags = sorted(np.arange(-n_steps, n_steps + 1) * step, key=abs)
    found = [correlation(t + lag, data, r, recorded, start, stop) for lag in lags]
    best = int(np.argmax(found))
    lag = float(lags[best])
    return Comparison(
        rmse=rmse(t + lag, data, r, recorded, start, stop),
        correlation=found[best],
        lag=lag,
        tstart=float(start),
        tstop=float(stop),
    )


def rmse(
    times: Any,
    data: Any,
    other_times: Any,
    other_data: Any,
    tstart: float | None = None,
    tstop: float | None = None,
    weights: Any = None,
) -> float:
    r"""Return the weighted root-mean-square difference of two traces.

    .. math:: \sqrt{\sum_k w_k (a_k - b_k)^2 / \sum_k w_k}

    The window is clipped to the times that both traces cover; its ends are taken at the nearest samples, the end sample
    left out. Where the traces then differ in length, the longer one is resampled by Fourier's method to the shorter.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times of the first (simulated) trace (ms), rising.
    data : array-like, shape (n_times,)
        The first trace.
    other_times : array-like, shape (n_other,)
        Times of the second (recorded) trace (ms), rising.
    other_data : array-like, shape (n_other,)
        The second trace, in the unit of ``data``.
    tstart, tstop : float, optional
        The window (ms). Left out: all that both traces cover.
    weights : array-like, shape (n_times,), optional
        Weight of each sample of the first trace, >= 0. Left out: all 1.

    Returns
    -------
    rmse : float
        In the unit of ``data``.

    Raises
    ------
    InvalidValue
        If shapes don't match, the traces have no window in common, or the weights are negative or sum to zero.
    """
    a, b, w = _aligned(times, data, other_times, other_data, tstart, tstop, weights)
    return float(np.sqrt(np.sum(w * (a - b) ** 2) / np.sum(w)))


def correlation(
    times: Any,
    data: Any,
    other_times: Any,
    other_data: Any,
    tstart: float | None = None,
    tstop: float | None = None,
    weights: Any = None,
) -> float:
    """Return Pearson's correlation of two traces, each multiplied by the weights.

    Parameters
    ----------
    times, data : array-like, shape (n_times,)
        A trace and its times (ms).
    other_times, other_data : array-like, shape (n_others,)
        The other one.
    tstart, tstop : float, optional
        The window (ms).
    weights : array-like, optional
        Weights of the samples, as in `rmse`, which also says how window and sampling are matched.

    Returns
    -------
    r : float
        Between -1 and 1.

    Raises
    ------
    InvalidValue
        As in `rmse`, and if a trace is constant over the window, where no correlation is defined.
    """
    a, b, w = _aligned(times, data, other_times, other_data, tstart, tstop, weights)
    a, b = w * a, w * b
    for name, series in (("data", a), ("other_data", b)):
        if np.ptp(series) == 0:
            raise InvalidValue(name, float(series[0]), "is the same at all times of the window: it has no correlation")
    return float(np.corrcoef(a, b)[0, 1])


def anticorrelation(
    times: Any,
    data: Any,
    other_times: Any,
    other_data: Any,
    tstart: float | None = None,
    tstop: float | None = None,
    weights: Any = None,
) -> float:
    """Return 1 - `correlation`: 0 for traces of the same shape, 2 for opposite ones.

    Parameters
    ----------
    times, data : array-like, shape (n_times,)
        A trace and its times (ms).
    other_times, other_data : array-like, shape (n_others,)
        The other one.
    tstart, tstop : float, optional
        The window (ms).
    weights : array-like, optional
        Weights of the samples, as in `rmse`.

    Returns
    -------
    anticorrelation : float
        Between 0 and 2.

    Raises
    ------
    InvalidValue
        As in `correlation`.
    """
    return 1.0 - correlation(times, data, other_times, other_data, tstart, tstop, weights)


def _aligned(
    times: Any, data: Any, other_times: Any, other_data: Any, tstart: float | None, tstop: float | None, weights: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    from scipy import signal

    times, data = _trace("times", times, "data", data)
    other_times, other_data = _trace("other_times", other_times, "other_data", other_data)
    first, last = max(times[0], other_times[0]), min(times[-1], other_times[-1])
    start = first if tstart is None else max(first, finite_number("tstart", tstart, "ms"))
    stop = last if tstop is None else min(last, finite_number("tstop", tstop, "ms"))
    if start >= stop:
        raise InvalidValue(
            "window", (tstart, tstop), f"is empty: both traces are known from {first:g} to {last:g} ms only"
        )
    here, there = _window(times, start, stop), _window(other_times, start, stop)
    a, b = data[here], other_data[there]
    if a.size == 0 or b.size == 0:
        raise InvalidValue("window", (tstart, tstop), "holds no sample of one of the traces")
    w = _weights(weights, times.size)[here]
    if a.size > b.size:
        a = signal.resample(a, b.size)
        if weights is not None:
            w = signal.resample(w, b.size)
            w = np.where(w < SMALLEST_WEIGHT, 0.0, w)
        else:
            w = np.ones(b.size)
    elif b.size > a.size:
        b = signal.resample(b, a.size)
    if not np.sum(w) > 0:
        raise InvalidValue("weights", float(np.sum(w)), "must not all be zero within the window")
    return a, b, w


def _window(times: NDArray[np.float64], start: float, stop: float) -> slice:
    return slice(int(np.argmin(np.abs(times - start))), int(np.argmin(np.abs(times - stop))))


def _trace(times_name: str, times: Any, data_name: str, data: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, x = rising_times(times_name, times), time_series(data_name, data)
    if t.size != x.size:
        raise InvalidValue(f"{data_name}.shape", x.shape, f"must be that of {times_name}, {t.shape}")
    return t, x


def _weights(weights: Any, n_times: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(n_times)
    w = time_series("weights", weights)
    if w.size != n_times:
        raise InvalidValue("weights.shape", w.shape, f"must be that of times, ({n_times},)")
    if not np.all(w >= 0):
        raise InvalidValue("weights", float(np.min(w)), "must be >= 0")
    return w
