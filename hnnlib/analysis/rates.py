"""Firing rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidValue

__all__ = ["cell_rates"]


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
