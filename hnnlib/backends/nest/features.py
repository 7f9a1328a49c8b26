"""Signals of cells that dipole kernels are convolved with: events that arrive, conductances, own spikes."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from hnnlib.plan.estimate import DipoleKernels, PopulationKernels, Term

__all__ = ["Arrivals", "arrivals", "bumps", "convolve", "summed_signals", "term_signal"]


@attrs.frozen(kw_only=True, eq=False)
class Arrivals:
    """What reached the cells of a population in a trial and what they fired, on the kernels' time grid.

    An event between two grid points is shared between them in proportion, which keeps its time.
    """

    events: dict[str, np.ndarray]  # channel -> (n_cells, n_times), µS; channels without events are left out
    conductance: dict[str, np.ndarray]  # channel -> (n_cells, n_times), µS
    spikes: np.ndarray  # (n_kinds, n_cells, n_times)
    n_cells: int
    n_times: int

    def total(self, channels: tuple[str, ...]) -> np.ndarray | None:
        """Return the conductance that is open in some channels together; None if there is no event in any."""
        found = [self.conductance[name] for name in channels if name in self.conductance]
        return sum(found[1:], found[0]) if found else None


def arrivals(
    bound: PopulationKernels, times_ms: np.ndarray, gids: np.ndarray, n_gids: int, tstop_ms: float
) -> Arrivals:
    """Return what reached the cells of a population and what they fired.

    Parameters
    ----------
    bound : PopulationKernels
        Cells, contacts and kernels.
    times_ms, gids : array, shape (n_spikes,)
        What all cells and drive cells fired.
    n_gids : int
        Number of gids.
    tstop_ms : float
        Duration.
    """
    step = bound.kernels.step_ms
    shape = (bound.n_cells, int(np.ceil(tstop_ms / step - 1e-9)) + 1)
    order = np.argsort(gids, kind="stable")
    counts = np.bincount(gids, minlength=n_gids)
    first, count = (np.cumsum(counts) - counts)[bound.source_gid], counts[bound.source_gid]
    row = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    when = (times_ms[order][first[row] + nth] + bound.delay_ms[row]) / step
    events = {}
    for number, channel in enumerate(bound.kernels.channels):
        mine = bound.channel[row] == number
        if mine.any():
            events[channel.name] = _on_grid(bound.cell[row[mine]], when[mine], bound.weight_uS[row[mine]], shape)
    conductance = {
        channel.name: _open(events[channel.name], channel.tau1, channel.tau2, step)
        for channel in bound.kernels.channels
        if channel.name in events
    }
    cell = gids - bound.gid_start
    own = (cell >= 0) & (cell < bound.n_cells)
    return Arrivals(
        events=events,
        conductance=conductance,
        spikes=_own_spikes(bound.kernels, cell[own], times_ms[own], shape),
        n_cells=shape[0],
        n_times=shape[1],
    )


def _on_grid(cell: np.ndarray, when: np.ndarray, weight: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return events as a table of cells and grid points; ``when`` is in steps."""
    at = np.floor(when).astype(np.int64)
    share = when - at
    total = np.zeros(shape[0] * shape[1])
    for point, part in ((at, 1.0 - share), (at + 1, share)):
        within = point < shape[1]
        total += np.bincount(cell[within] * shape[1] + point[within], (weight * part)[within], len(total))
    return total.reshape(shape)


def _open(events: np.ndarray, tau1: float, tau2: float, step: float) -> np.ndarray:
    """Return the conductance that Exp2Syn synapses have after events: the peak of each is its weight."""
    from scipy.signal import lfilter

    tau1 = min(tau1, 0.9999 * tau2)  # as Exp2Syn does
    peak = tau1 * tau2 / (tau2 - tau1) * np.log(tau2 / tau1)
    scale = 1.0 / (np.exp(-peak / tau2) - np.exp(-peak / tau1))
    decay, rise = (lfilter([scale], [1.0, -np.exp(-step / tau)], events) for tau in (tau2, tau1))
    conductance: np.ndarray = decay - rise
    return conductance


def _own_spikes(kernels: DipoleKernels, cell: np.ndarray, times: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    n_kinds = 1 + max((t.nth for t in kernels.terms if t.signal == "spike"), default=0)
    order = np.lexsort((times, cell))
    cell, times = cell[order], times[order]
    starts = np.ones(len(cell), bool)
    starts[1:] = (np.diff(cell) != 0) | (np.diff(times) > kernels.burst_ms)
    begin = np.maximum.accumulate(np.where(starts, np.arange(len(cell)), 0)) if len(cell) else np.zeros(0, np.int64)
    nth = np.minimum(np.arange(len(cell)) - begin, n_kinds - 1)
    when, one = times / kernels.step_ms, np.ones(len(cell))
    return np.stack([_on_grid(cell[nth == k], when[nth == k], one[nth == k], shape) for k in range(n_kinds)])


def term_signal(term: Term, reached: Arrivals) -> np.ndarray | None:
    """Return the signal of a term, shape (n_cells, n_times); None where it is 0 throughout."""
    if term.signal == "spike":
        return reached.spikes[term.nth]
    g = reached.total(term.channels)
    if g is None:
        return None
    if term.signal == "saturation":
        saturated: np.ndarray = g - term.level * np.log1p(g / term.level)
        return saturated
    h = reached.total(term.by)
    return None if h is None else g / (g + term.level) * (h / (h + term.by_level))


def bumps(kernels: DipoleKernels) -> np.ndarray:
    """Return the raised cosines that kernels are sums of, narrow at first and wide at last.

    Parameters
    ----------
    kernels : DipoleKernels
        Their number, length and step.

    Returns
    -------
    bumps : array, shape (n_bumps, n_times)

    Notes
    -----
    Evenly spaced on the axis ``log(t + 0.3 ms)``, two neighbours apart from peak to zero (Pillow et al. 2005, J
    Neurosci 25:11003). The first has its peak at 0, the last has gone at ``longest_ms``.
    """
    t = np.arange(round(kernels.longest_ms / kernels.step_ms)) * kernels.step_ms
    spacing = np.log((kernels.longest_ms + 0.3) / 0.3) / (kernels.n_bumps + 1)
    centre = np.log(0.3) + spacing * np.arange(kernels.n_bumps)[:, None]
    away = (np.log(t + 0.3) - centre) / (2.0 * spacing)
    table: np.ndarray = np.where(np.abs(away) < 1.0, 0.5 + 0.5 * np.cos(np.pi * away), 0.0)
    return table


def convolve(signal: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return signals (…, n_times) convolved with kernels (…, n_lags), as long as the signals."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = signal.shape[-1]
    size = next_fast_len(n + kernel.shape[-1], real=True)
    found: np.ndarray = irfft(rfft(signal, size) * rfft(kernel, size), size)[..., :n]
    return found


def summed_signals(kernels: DipoleKernels, reached: Arrivals) -> Iterator[tuple[tuple[float, ...], np.ndarray]]:
    """Yield the coefficients of each kernel, and the signal of all cells together that it is convolved with."""
    for channel in kernels.channels:
        if channel.name in reached.events:
            yield channel.kernel, reached.events[channel.name].sum(axis=0)
    for term in kernels.terms:
        signal = term_signal(term, reached)
        if signal is not None:
            yield term.kernel, signal.sum(axis=0)
