"""Random functions of time, and random spikes at rates that they modulate."""

from __future__ import annotations

import numpy as np

from hnnlib.embedding.sources.spikes import SourceSpikes

__all__ = ["coloured_noise", "poisson_spikes", "renewal_spikes"]

MS_PER_S = 1000.0
LEAST_PERIOD = 4096
"""Samples that noise is made of at least, so that a short trial has parts of slow waves, too."""


def coloured_noise(rng: np.random.Generator, n_rows: int, n_times: int, exponent: float = 1.0) -> np.ndarray:
    """Return noise whose power falls with frequency as ``1 / f**exponent``.

    Independent normal Fourier coefficients of that power, transformed (Timmer & König 1995, Astron Astrophys 300:707).
    They have at least twice the period of what is returned, so that its end knows nothing of its beginning.

    Parameters
    ----------
    rng : Generator
        What is drawn from.
    n_rows, n_times : int
        Number of independent traces, and of samples of each.
    exponent : float
        0: white, 1: pink, 2: brown.

    Returns
    -------
    noise : array, shape (n_rows, n_times)
        Each row scaled to reach from 0 to 1; 0.5 where it has but one sample.
    """
    period = 1 << (max(2 * n_times, LEAST_PERIOD) - 1).bit_length()
    power = np.arange(1.0, period // 2 + 1) ** -exponent
    coefficients = np.zeros((n_rows, period // 2 + 1), complex)
    coefficients[:, 1:] = rng.standard_normal((n_rows, period)).view(complex) * np.sqrt(power)
    noise = np.fft.irfft(coefficients, period)[:, :n_times]
    low, high = noise.min(axis=1, initial=np.inf)[:, None], noise.max(axis=1, initial=-np.inf)[:, None]
    return (noise - low) / (high - low) if n_times > 1 else np.full((n_rows, n_times), 0.5)


def poisson_spikes(
    rng: np.random.Generator,
    rate_hz: np.ndarray,
    gain: np.ndarray,
    edges_ms: np.ndarray,
    group: np.ndarray | None = None,
) -> SourceSpikes:
    """Return spikes of independent Poisson processes with the rates ``rate_hz[i] * gain[group[i], bin]``.

    Drawn for all cells of a group at once: the number from its total, then for each spike the cell, in proportion to
    the cells' rates, and the time, in proportion to the gain. That is the same as cell by cell, since the sum of
    Poisson processes is one, whose events fall to the parts independently (Kingman 1993, Poisson Processes, §5.1).

    Parameters
    ----------
    rng : Generator
        What is drawn from.
    rate_hz : array, shape (n,)
        Rate of each cell (Hz), at least 0.
    gain : array, shape (n_groups, n_bins)
        What rates are multiplied with, at least 0.
    edges_ms : array, shape (n_bins + 1,)
        Borders of the bins (ms), rising.
    group : array of int, shape (n,), optional
        Row of ``gain`` of each cell. Left out: the first.

    Returns
    -------
    spikes : SourceSpikes
        At continuous times.
    """
    n_groups, n_bins = gain.shape
    group = np.zeros(len(rate_hz), np.int64) if group is None else group
    width = np.diff(edges_ms)
    mass = gain * width / MS_PER_S
    of_group = np.bincount(group, rate_hz, n_groups)
    count = rng.poisson(of_group * mass.sum(axis=1))
    row = np.repeat(np.arange(n_groups), count)
    place = _proportional(rng, mass.ravel(), np.arange(n_groups + 1) * n_bins, row) - row * n_bins
    time = edges_ms[place] + rng.random(len(row)) * width[place]
    by_group = np.argsort(group, kind="stable")
    borders = np.searchsorted(group[by_group], np.arange(n_groups + 1))
    cell = by_group[_proportional(rng, rate_hz[by_group], borders, row)]
    return SourceSpikes(source=cell, time_ms=time)


def _proportional(rng: np.random.Generator, weight: np.ndarray, borders: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return for each row an index from ``borders[row]`` up to ``borders[row + 1]``, in proportion to the weights."""
    total = np.concatenate([[0.0], np.cumsum(weight)])
    start, stop = total[borders[:-1]], total[borders[1:]]
    found = np.searchsorted(total, start[row] + rng.random(len(row)) * (stop - start)[row], side="right") - 1
    return np.clip(found, borders[:-1][row], borders[1:][row] - 1)


def renewal_spikes(
    rng: np.random.Generator, interval_ms: np.ndarray, noise: float, start: float, stop: float
) -> SourceSpikes:
    """Return spikes with independent intervals of ``(1 - noise) * mean``, plus an exponential one of ``noise * mean``.

    The cells have been firing so for ever at the start: the first interval is that of a stationary renewal process, its
    density the survivor function of intervals over their mean (Cox 1962, Renewal Theory, §5.2).

    Parameters
    ----------
    rng : Generator
        What is drawn from.
    interval_ms : array, shape (n,)
        Mean interval of each cell (ms), above 0; infinite for a silent one.
    noise : float
        0: regular, 1: Poisson.
    start, stop : float
        When (ms).

    Returns
    -------
    spikes : SourceSpikes
        At continuous times.
    """
    cell = np.flatnonzero(np.isfinite(interval_ms))
    fixed, random = (1 - noise) * interval_ms[cell], noise * interval_ms[cell]
    regular = rng.random(len(cell)) < 1 - noise
    time = start + np.where(
        regular, rng.random(len(cell)) * fixed, fixed + random * rng.standard_exponential(len(cell))
    )
    cells, times = [np.zeros(0, np.int64)], [np.zeros(0)]
    while len(cell):
        within = time < stop
        cell, time, fixed, random = cell[within], time[within], fixed[within], random[within]
        cells.append(cell)
        times.append(time)
        time = time + fixed + random * rng.standard_exponential(len(cell))
    return SourceSpikes(source=np.concatenate(cells), time_ms=np.concatenate(times))
