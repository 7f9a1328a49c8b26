"""Traces as figures take them: a window of them, and fewer samples."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.dipole import Dipole

__all__ = ["dipoles_of", "in_window", "prepared", "window_of"]


def window_of(times: NDArray[np.float64], tmin: Any, tmax: Any, what: str = "dipole") -> NDArray[np.bool_]:
    """Return which samples are within ``tmin`` and ``tmax`` (ms), both included.

    Raises
    ------
    InvalidValue
        If they are fewer than 2.
    """
    start = times[0] if tmin is None else finite_number("tmin", tmin, "ms")
    stop = times[-1] if tmax is None else finite_number("tmax", tmax, "ms")
    inside = (times >= start) & (times <= stop)
    if np.count_nonzero(inside) < 2:
        raise InvalidValue(
            "tmin, tmax",
            (tmin, tmax),
            f"is a window with fewer than 2 samples; the {what} is from {times[0]:g} to {times[-1]:g} ms",
        )
    return inside


def in_window(
    times: NDArray[np.float64], data: NDArray[np.float64], tmin: Any, tmax: Any, decim: Any, what: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and data, shape (..., n_times), decimated and within a window; the originals stay as they are."""
    for factor in _factors(decim):
        times, data = times[::factor], _decimated(data, factor)
    inside = window_of(times, tmin, tmax, what)
    return times[inside], data[..., inside]


def prepared(dpl: Dipole, tmin: Any = None, tmax: Any = None, decim: Any = None) -> Dipole:
    """Return a dipole within a window and decimated."""
    times, data = in_window(dpl.times, np.array(list(dpl.data.values())), tmin, tmax, decim, "dipole")
    found = Dipole(times, dict(zip(dpl.data, data, strict=True)), nave=dpl.nave)
    found.scale_applied = dpl.scale_applied
    return found


def _factors(decim: Any) -> list[int]:
    if decim is None:
        return []
    try:
        factors = [operator.index(d) for d in (decim if isinstance(decim, Sequence) else [decim])]
    except TypeError:
        raise InvalidType("decim", decim, "must be an integer or a list of integers") from None
    if any(factor < 1 for factor in factors):
        raise InvalidValue("decim", decim, "must be >= 1")
    return [factor for factor in factors if factor > 1]


def _decimated(x: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    from scipy import signal

    # Not signal.decimate: its Chebyshev filter, run both ways, makes every slow trace 1.2 % smaller.
    return signal.resample_poly(x, 1, factor, axis=-1, padtype="line")


def dipoles_of(dpl: Any, path: str = "dpl", *, same_rate: bool = False) -> list[Dipole]:
    """Return one or several dipoles as a list, or raise unless they can share an axis.

    Raises
    ------
    InvalidType
        If it holds anything but dipoles.
    InvalidValue
        If it is empty, or scales (and, where asked for, sampling rates) differ.
    """
    dipoles = [dpl] if isinstance(dpl, Dipole) else dpl
    if isinstance(dipoles, str) or not isinstance(dipoles, Sequence):
        raise InvalidType(path, dpl, "must be a Dipole or a list of them")
    if not dipoles:
        raise InvalidValue(path, dpl, "must hold at least one dipole")
    for i, item in enumerate(dipoles):
        if not isinstance(item, Dipole):
            raise InvalidType(f"{path}[{i}]", item, "must be a Dipole")
        for name, unit in (("scale_applied", ""), *([("sfreq", " Hz")] if same_rate else [])):
            value, first = getattr(item, name), getattr(dipoles[0], name)
            if not np.isclose(value, first, rtol=1e-9):
                allowed = f"must be that of the first dipole, {first:g}{unit}: they share an axis"
                raise InvalidValue(f"{path}[{i}].{name}", value, allowed)
    return list(dipoles)
