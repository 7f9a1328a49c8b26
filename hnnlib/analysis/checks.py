"""Checks of the numbers and traces that the analysis functions take."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["finite_number", "positive_number", "rising_times", "time_bins", "time_series", "traces"]


def finite_number(name: str, value: Any, unit: str = "") -> float:
    """Return ``value`` as a float, or raise an error that names it and its unit."""
    phrase = f" in {unit}" if unit else ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise InvalidType(name, value, f"must be a number{phrase}")
    number = float(value)
    if not math.isfinite(number):
        raise InvalidValue(name, number, f"must be a finite number{phrase}")
    return number


def positive_number(name: str, value: Any, unit: str = "") -> float:
    """Return ``value`` as a float above 0, or raise an error that names it and its unit."""
    number = finite_number(name, value, unit)
    if number <= 0:
        raise InvalidValue(name, value, f"must be > 0 {unit}".rstrip())
    return number


def rising_times(name: str, times: Any) -> NDArray[np.float64]:
    """Return ``times`` as a float64 array of shape (n_times,) that rises, or raise an error that names the sample."""
    series = time_series(name, times)
    for k in np.flatnonzero(~(np.isfinite(series) & (np.diff(series, prepend=-np.inf) > 0)))[:1]:
        raise InvalidValue(f"{name}[{k}]", float(series[k]), "must be a time in ms, later than the sample before")
    return series


def time_bins(tstart: Any, tstop: Any, bin_width: Any) -> tuple[float, float, int]:
    """Return start (ms), width (ms) and number of the bins of a window, or raise if they don't fill it."""
    start, stop = finite_number("tstart", tstart, "ms"), finite_number("tstop", tstop, "ms")
    width = positive_number("bin_width", bin_width, "ms")
    if stop <= start:
        raise InvalidValue("tstop", tstop, f"must be > tstart, {start:g} ms")
    n_bins = round((stop - start) / width)
    if n_bins < 1 or abs(n_bins * width - (stop - start)) > 1e-6 * width:
        raise InvalidValue("bin_width", bin_width, f"must divide the window, {stop - start:g} ms")
    return start, width, n_bins


def time_series(name: str, data: Any) -> NDArray[np.float64]:
    """Return ``data`` as a float64 array of shape (n_times,), or raise an error that names it."""
    try:
        series = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(name, data, "must be a one-dimensional array of numbers") from None
    if series.ndim != 1 or series.size == 0:
        raise InvalidValue(f"{name}.shape", series.shape, "must be (n_times,): one trace at a time")
    return series


def traces(name: str, data: Any, least: int = 1) -> NDArray[np.float64]:
    """Return ``data`` as a float64 array of shape (..., n_times), or raise an error that names it.

    Parameters
    ----------
    name : str
        What it is called in errors.
    data : array-like, shape (..., n_times)
        One trace, or many along the last axis.
    least : int
        How many samples there must be.

    Raises
    ------
    InvalidType
        If it is no array of numbers.
    InvalidValue
        If there are fewer samples, or one of them is not finite.
    """
    try:
        array = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(name, data, "must be an array of numbers, time along its last axis") from None
    if array.ndim == 0 or array.shape[-1] < least or array.size == 0:
        raise InvalidValue(f"{name}.shape", array.shape, f"must be (..., n_times) with at least {least} samples")
    if not np.isfinite(array).all():
        raise InvalidValue(name, float(array[~np.isfinite(array)][0]), "must be finite at all times")
    return array
