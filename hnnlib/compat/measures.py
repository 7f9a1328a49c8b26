"""HNN-core's measures of how well a dipole fits another, which its examples call by their private names."""

from __future__ import annotations

from typing import Any

from hnnlib.analysis.compare import anticorrelation as anticorrelation_of
from hnnlib.analysis.compare import rmse as rmse_of
from hnnlib.results.dipole import Dipole

__all__ = ["anticorrelation", "rmse"]


def rmse(dpl: Dipole, exp_dpl: Dipole, tstart: float = 0.0, tstop: float = 0.0, weights: Any = None) -> float:
    """Return the root-mean-square difference of two aggregate dipoles; see `hnnlib.analysis.rmse`.

    Parameters
    ----------
    dpl, exp_dpl : Dipole
        Simulated and recorded.
    tstart, tstop : float
        The window (ms); ``tstop`` 0: to the end.
    weights : array-like, optional
        Weight of each sample.
    """
    return rmse_of(*_traces(dpl, exp_dpl), tstart, tstop or None, weights)


def anticorrelation(
    dpl: Dipole, exp_dpl: Dipole, tstart: float = 0.0, tstop: float = 0.0, weights: Any = None
) -> float:
    """Return 1 minus the correlation of two aggregate dipoles; arguments as in `rmse`."""
    return anticorrelation_of(*_traces(dpl, exp_dpl), tstart, tstop or None, weights)


def _traces(dpl: Dipole, other: Dipole) -> tuple[Any, Any, Any, Any]:
    return dpl.times, dpl.data["agg"], other.times, other.data["agg"]
