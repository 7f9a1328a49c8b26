"""Peaks of a trace: when and how large."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from hnnlib.analysis.checks import finite_number, time_series
from hnnlib.base.errors import InvalidValue, UnknownName

__all__ = ["POLARITIES", "Peak", "find_peaks", "largest_peaks"]

POLARITIES = ("both", "positive", "negative")


@attrs.frozen
class Peak:
    """One peak of a trace.

    Parameters
    ----------
    time : float
        When (ms).
    amplitude : float
        The trace there, in its own unit; negative for a trough.
    """

    time: float
    amplitude: float


def find_peaks(
    times: Any,
    data: Any,
    tmin: float | None = None,
    tmax: float | None = None,
    prominence: float | None = None,
    polarity: str = "both",
) -> tuple[Peak, ...]:
    """Return the positive peaks and negative troughs of a trace in the order of time.

    A positive peak is a local maximum above zero, a trough a local minimum below zero (``scipy.signal.find_peaks``);
    the ends of the trace are none.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms).
    data : array-like, shape (n_times,)
        The trace, in any unit.
    tmin, tmax : float, optional
        Report only peaks with ``tmin <= time <= tmax`` (ms).
    prominence : float, optional
        Report only peaks that stand out from their surroundings by at least this much (unit of ``data``).
    polarity : str
        ``'positive'``: peaks only; ``'negative'``: troughs only; ``'both'``.

    Returns
    -------
    peaks : tuple of Peak
        In the order of time.

    Raises
    ------
    UnknownName
        If there is no such polarity.
    InvalidValue
        If the shapes differ or are not (n_times,), or the window is empty.
    """
    from scipy import signal

    if polarity not in POLARITIES:
        raise UnknownName("polarity", polarity, "polarity", POLARITIES)
    t, x = time_series("times", times), time_series("data", data)
    if t.size != x.size:
        raise InvalidValue("data.shape", x.shape, f"must be that of times, {t.shape}")
    first = -np.inf if tmin is None else finite_number("tmin", tmin, "ms")
    last = np.inf if tmax is None else finite_number("tmax", tmax, "ms")
    if first > last:
        raise InvalidValue("tmax", tmax, f"must be >= tmin, {tmin} ms")
    # Two calls, not one on |data|: where a trace crosses zero, |data| has minima that are no troughs of the trace.
    signs = {"both": (1, -1), "positive": (1,), "negative": (-1,)}[polarity]
    found = np.sort(
        np.concatenate([signal.find_peaks(sign * x, height=0.0, prominence=prominence)[0] for sign in signs])
    )
    return tuple(Peak(float(t[i]), float(x[i])) for i in found if x[i] != 0 and first <= t[i] <= last)


def largest_peaks(
    times: Any, data: Any, tmin: float | None = None, tmax: float | None = None
) -> tuple[Peak | None, Peak | None]:
    """Return the largest positive and the largest negative peak of a trace.

    Parameters
    ----------
    times, data : array-like, shape (n_times,)
        Times (ms) and the trace, in any unit.
    tmin, tmax : float, optional
        Report only peaks with ``tmin <= time <= tmax`` (ms).

    Returns
    -------
    positive, negative : Peak or None
        The earliest where several are equal; None where there is none.

    Raises
    ------
    InvalidValue
        As in `find_peaks`.
    """
    found = find_peaks(times, data, tmin, tmax)
    positive = max((p for p in found if p.amplitude > 0), key=lambda p: p.amplitude, default=None)
    negative = min((p for p in found if p.amplitude < 0), key=lambda p: p.amplitude, default=None)
    return positive, negative
