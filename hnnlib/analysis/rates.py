"""Firing rates and correlograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, time_bins
from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["cell_rates", "correlogram", "spike_rates"]


def cell_rates(
    spike_times: Sequence[Any], spike_gids: Sequence[Any], gids: Sequence[int], tstart: float, tstop: float
) -> NDArray[np.float64]:
    """Return each cell's firing rate within a window, for every trial.

    Only spikes with ``tstart <= time < tstop`` count, so that windows laid side by side count each spike once.
    (HNN-core 0.6.1 counts the spikes of the whole run and divides them by the length of the window.)

    Parameters
    ----------
    spike_times : sequence of array-like, n_trials of shape (n_spikes,)
        Spike times (ms).
    spike_gids : sequence of array-like, n_trials of shape (n_spikes,)
        The cell of each spike.
    gids : sequence of int, n_cells
        The cells asked for, each once.
    tstart, tstop : float
        The window (ms).

    Returns
    -------
    rates : ndarray, shape (n_trials, n_cells)
        Rates (Hz).

    Raises
    ------
    InvalidValue
        If the window is empty, or times and gids don't match.
    """
    start, stop = finite_number("tstart", tstart, "ms"), finite_number("tstop", tstop, "ms")
    if stop <= start:
        raise InvalidValue("tstop", tstop, f"must be > tstart, {start:g} ms")
    if len(spike_times) != len(spike_gids):
        raise InvalidValue("len(spike_gids)", len(spike_gids), f"must be that of spike_times, {len(spike_times)}")
    cells = np.asarray(gids, dtype=np.int64)
    order = np.argsort(cells)
    rates = np.zeros((len(spike_times), cells.size))
    for trial, (times, owners) in enumerate(zip(spike_times, spike_gids, strict=True)):
        t, g = np.asarray(times, dtype=np.float64), np.asarray(owners, dtype=np.int64)
        if t.shape != g.shape:
            raise InvalidValue(f"spike_gids[{trial}].shape", g.shape, f"must be that of spike_times, {t.shape}")
        inside = g[(t >= start) & (t < stop) & np.isin(g, cells)]
        positions = order[np.searchsorted(cells, inside, sorter=order)]
        rates[trial] = np.bincount(positions, minlength=cells.size) * (1000.0 / (stop - start))
    return rates


def spike_rates(
    spike_times: Sequence[Any],
    n_cells: int,
    tstart: float,
    tstop: float,
    bin_width: float = 5.0,
    sigma: float | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the firing rate of a population over time.

    The rate is that of the mean cell: silent cells count.

    Parameters
    ----------
    spike_times : sequence of array-like, n_trials of shape (n_spikes,)
        Spike times (ms) of all the population's cells, in any order; those outside the window are left out.
    n_cells : int
        How many cells the population has.
    tstart, tstop : float
        The window (ms); its length must be a multiple of the bin's.
    bin_width : float
        Width of the bins (ms).
    sigma : float, optional
        Smooth over bins with a Gaussian of this standard deviation (ms). It keeps the number of spikes: what would
        reach over an end of the window is put back inside as in a mirror.

    Returns
    -------
    times : ndarray, shape (n_bins,)
        Centres of the bins (ms).
    rates : ndarray, shape (n_trials, n_bins)
        Rates (Hz).

    Raises
    ------
    InvalidValue
        If the window is empty or no multiple of the bins, or a number is not above 0.
    """
    start, width, n_bins = time_bins(tstart, tstop, bin_width)
    if isinstance(n_cells, bool) or not isinstance(n_cells, int | np.integer):
        raise InvalidType("n_cells", n_cells, "must be an integer")
    if n_cells < 1:
        raise InvalidValue("n_cells", n_cells, "must be >= 1")
    rates = np.zeros((len(spike_times), n_bins))
    for trial, times in enumerate(spike_times):
        t = _flat(f"spike_times[{trial}]", times)
        # as in cell_rates: a spike at the end of the window, or of a bin, belongs to what follows
        at = np.floor((t[(t >= start) & (t < tstop)] - start) / width).astype(int)
        rates[trial] = np.bincount(np.minimum(at, n_bins - 1), minlength=n_bins) * (1000.0 / (width * n_cells))
    if sigma is not None:
        from scipy.ndimage import gaussian_filter1d

        rates = gaussian_filter1d(rates, positive_number("sigma", sigma, "ms") / width, axis=1, mode="reflect")
    return start + (np.arange(n_bins, dtype=np.float64) + 0.5) * width, rates


def correlogram(
    spike_times: Any, other_times: Any = None, bin_width: float = 1.0, max_lag: float = 50.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how often a spike comes how long after another one.

    Parameters
    ----------
    spike_times : array-like, shape (n_spikes,)
        The spikes that lags are counted from (ms), e.g. of one cell or one population in one trial.
    other_times : array-like, shape (n_other,), optional
        The spikes that come after them (or, at negative lags, before): a cross-correlogram. Left out: ``spike_times``,
        without each spike's pair with itself: an auto-correlogram.
    bin_width : float
        Width of the bins (ms); one is centred on lag 0.
    max_lag : float
        Centre of the last bin (ms), rounded down to a multiple of the width.

    Returns
    -------
    lags : ndarray, shape (n_bins,)
        Centres of the bins (ms).
    counts : ndarray of int, shape (n_bins,)
        Number of pairs. Divided by the number of ``spike_times`` and the width it is the others' rate at that lag.

    Raises
    ------
    InvalidValue
        If times are not finite or not flat, the width is not above 0, or larger than ``max_lag``.
    """
    one = np.sort(_flat("spike_times", spike_times))
    other = one if other_times is None else np.sort(_flat("other_times", other_times))
    width, longest = positive_number("bin_width", bin_width, "ms"), positive_number("max_lag", max_lag, "ms")
    n_side = int(longest / width * (1 + 1e-12))
    if n_side < 1:
        raise InvalidValue("max_lag", max_lag, f"must be >= bin_width, {width:g} ms")
    reach = (n_side + 0.5) * width
    # for each spike the run of others within reach
    first, last = np.searchsorted(other, one - reach), np.searchsorted(other, one + reach)
    number = last - first
    source = np.repeat(np.arange(one.size), number)
    target = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number - first, number)
    lag = other[target] - one[source]
    if other_times is None:
        lag = lag[source != target]
    at = np.floor(lag / width + 0.5).astype(int) + n_side
    counts = np.bincount(at[(at >= 0) & (at <= 2 * n_side)], minlength=2 * n_side + 1)
    return np.arange(-n_side, n_side + 1, dtype=np.float64) * width, counts.astype(np.int64)


def _flat(name: str, times: Any) -> NDArray[np.float64]:
    t = np.asarray(times, dtype=np.float64)
    if t.ndim != 1:
        raise InvalidValue(f"{name}.shape", t.shape, "must be (n_spikes,)")
    if not np.isfinite(t).all():
        raise InvalidValue(name, float(t[~np.isfinite(t)][0]), "must be finite times in ms")
    return t
