"""Events in bins: of time since a stimulus, by group, over a tree's distances, and over the phase of a rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, time_bins
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

__all__ = ["PhaseHistogram", "bin_events", "phase_histogram", "psth", "space_time"]

MEASURES = ("trial", "source", "rate")


def psth(
    times: Any,
    tstart: float,
    tstop: float,
    bin_width: float = 1.0,
    *,
    n_trials: int = 1,
    n_sources: int = 1,
    per: str = "trial",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the peristimulus time histogram of the events of all trials.

    Bins begin with their first time and end before the next bin's. Each trial's own rates, and smooth ones, are those
    of `spike_rates`.

    Parameters
    ----------
    times : array-like, shape (n_events,)
        When spikes, releases or other events were (ms), of all trials together, in any order.
    tstart, tstop : float
        The window (ms); its length must be a multiple of the bin's.
    bin_width : float
        Width of the bins (ms).
    n_trials : int
        Number of trials, those without an event included.
    n_sources : int
        Number of cells or synapses that the events come from, the silent ones included.
    per : str
        ``'trial'``: events in a bin, per trial. ``'source'``: events in a bin, per trial and source; with at most one
        event a bin it is the probability of one. ``'rate'``: the mean source's rate (Hz).

    Returns
    -------
    times : ndarray, shape (n_bins,)
        Centres of the bins (ms).
    values : ndarray, shape (n_bins,)
        What ``per`` says.

    Raises
    ------
    InvalidValue
        If times are not finite or not flat, the bins don't fill the window, or a number is below 1.
    UnknownName
        If ``per`` is none of these.
    """
    if per not in MEASURES:
        raise UnknownName("per", per, "measure of a PSTH", MEASURES)
    trials, sources = _count("n_trials", n_trials), _count("n_sources", n_sources)
    t = _flat("times", times)
    centres, _, counts = bin_events(t, np.zeros(t.size, np.int64), tstart, tstop, bin_width, groups=[0])
    values = counts[0, 0] / trials
    if per != "trial":
        values /= sources
    if per == "rate":
        values *= 1000.0 / bin_width
    return centres, values


def bin_events(
    times: Any,
    group: Any,
    tstart: float,
    tstop: float,
    bin_width: float = 1.0,
    *,
    trial: Any = None,
    n_trials: int = 1,
    groups: Sequence[Any] | None = None,
) -> tuple[NDArray[np.float64], tuple[Any, ...], NDArray[np.int64]]:
    """Return how many events of each group there were in each trial and bin.

    Parameters
    ----------
    times : array-like, shape (n_events,)
        When the events were (ms); those outside the window are left out.
    group : array-like, shape (n_events,)
        What each event belongs to: its synapse's population, cell type, domain, ``'exc'`` or ``'inh'``, …
    tstart, tstop : float
        The window (ms); its length must be a multiple of the bin's.
    bin_width : float
        Width of the bins (ms).
    trial : array-like of int, shape (n_events,), optional
        Trial of each event, from 0. Left out: all are of the first.
    n_trials : int
        Number of trials, those without an event included.
    groups : sequence, optional
        The groups to count, in this order; events of others are left out. Left out: those that occur, sorted.

    Returns
    -------
    times : ndarray, shape (n_bins,)
        Centres of the bins (ms).
    groups : tuple
        What was counted.
    counts : ndarray of int, shape (n_trials, n_groups, n_bins)
        Numbers of events.

    Raises
    ------
    InvalidValue
        If columns differ in length, a trial is not there, bins don't fill the window, or a group is asked for twice.
    """
    start, width, n_bins = time_bins(tstart, tstop, bin_width)
    t, labels = _flat("times", times), _column("group", group, times)
    n = _count("n_trials", n_trials)
    which = _trials(trial, t, n)
    names = tuple(np.unique(labels).tolist() if groups is None else groups)
    if len(set(names)) != len(names):
        raise InvalidValue("groups", list(names), "must name each group once")
    place = {name: i for i, name in enumerate(names)}
    seen, code = np.unique(labels, return_inverse=True)
    row = np.array([place.get(name, -1) for name in seen.tolist()], np.int64)[code.reshape(-1)]
    keep = (t >= start) & (t < tstop) & (row >= 0)
    # 0.3 / 0.1 is a little less than 3: a time on a bin's border belongs to what follows all the same
    column = np.minimum(np.floor((t[keep] - start) / width + 1e-9).astype(np.int64), n_bins - 1)
    at = (which[keep] * len(names) + row[keep]) * n_bins + column
    counts = np.bincount(at, minlength=n * len(names) * n_bins).reshape(n, len(names), n_bins)
    return start + (np.arange(n_bins, dtype=np.float64) + 0.5) * width, names, counts.astype(np.int64)


def space_time(
    times: Any,
    distance_um: Any,
    tstart: float,
    tstop: float,
    bin_width: float = 1.0,
    distance_width: float = 50.0,
    *,
    distance_range: tuple[float, float] | None = None,
    trial: Any = None,
    n_trials: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return how many events there were in each trial, bin of distance and bin of time.

    Parameters
    ----------
    times : array-like, shape (n_events,)
        When the events were (ms); those outside the window are left out.
    distance_um : array-like, shape (n_events,)
        How far from the soma each event was (µm); it may be negative, e.g. in basal dendrites.
    tstart, tstop : float
        The window (ms); its length must be a multiple of the bin's.
    bin_width : float
        Width of the bins in time (ms).
    distance_width : float
        Width of the bins in space (µm).
    distance_range : tuple of float, optional
        Lowest and highest distance (µm), multiples of ``distance_width``; events outside are left out. Left out: what
        holds all events.
    trial : array-like of int, shape (n_events,), optional
        Trial of each event, from 0. Left out: all are of the first.
    n_trials : int
        Number of trials, those without an event included.

    Returns
    -------
    times : ndarray, shape (n_bins,)
        Centres of the bins in time (ms).
    distances : ndarray, shape (n_distances,)
        Centres of the bins in space (µm), rising.
    counts : ndarray of int, shape (n_trials, n_distances, n_bins)
        Numbers of events.

    Raises
    ------
    InvalidValue
        If columns differ in length, a trial is not there, or bins don't fill their range.
    """
    width = positive_number("distance_width", distance_width, "µm")
    where = np.floor(_flat("distance_um", distance_um) / width).astype(np.int64)
    if distance_range is None:
        first, last = (int(where.min()), int(where.max()) + 1) if where.size else (0, 0)
    else:
        first, last = _distance_bins(distance_range, width)
    options: dict[str, Any] = {"trial": trial, "n_trials": n_trials, "groups": range(first, last)}
    centres, rows, counts = bin_events(times, where, tstart, tstop, bin_width, **options)
    return centres, (np.array(rows, np.float64) + 0.5) * width, counts


def _distance_bins(given: Any, width: float) -> tuple[int, int]:
    try:
        low, high = (finite_number("distance_range", value, "µm") for value in given)
    except (TypeError, ValueError):
        raise InvalidType("distance_range", given, "must be two numbers in µm") from None
    first, last = round(low / width), round(high / width)
    if last <= first or max(abs(first * width - low), abs(last * width - high)) > 1e-6 * width:
        raise InvalidValue("distance_range", given, f"must rise, and be multiples of distance_width, {width:g} µm")
    return first, last


@attrs.frozen(eq=False)
class PhaseHistogram:
    """How spikes are spread over the phase of a rhythm.

    Parameters
    ----------
    phases : ndarray, shape (n_bins,)
        Centres of the bins (rad), from -π to π.
    counts : ndarray of int, shape (n_bins,)
        Number of spikes in each.
    vector_strength : float
        Length of the mean of the spikes' unit vectors: 1 where all have one phase, near 0 where they have any; NaN
        without spikes.
    mean_phase : float
        Direction of that mean (rad, -π to π).
    p_value : float
        Rayleigh's test: how often as large a vector strength comes about by chance if spikes have any phase.
    """

    phases: NDArray[np.float64]
    counts: NDArray[np.int64]
    vector_strength: float
    mean_phase: float
    p_value: float


def phase_histogram(spike_times: Any, frequency: float, n_bins: int = 18, *, phase: float = 0.0) -> PhaseHistogram:
    r"""Return how spikes are spread over the phase of a rhythm of fixed frequency.

    The rhythm is :math:`\sin(2 \pi f t + \varphi)`: it is at its mean, rising, at phase 0, and largest at π/2. Spikes
    in a field whose frequency wanders are the business of `pairwise_phase_consistency`.

    Parameters
    ----------
    spike_times : array-like, shape (n_spikes,)
        Spike times (ms), of all trials together.
    frequency : float
        Frequency of the rhythm, :math:`f` (Hz).
    n_bins : int
        Number of bins, at least 2.
    phase : float
        Phase of the rhythm at time 0, :math:`\varphi` (rad).

    Returns
    -------
    histogram : PhaseHistogram
        Counts; vector strength [1]_, mean phase, and the probability of Rayleigh's test [2]_.

    Raises
    ------
    InvalidValue
        If times are not finite or not flat, the frequency is not above 0, or there are fewer than 2 bins.

    References
    ----------
    .. [1] Goldberg and Brown (1969), Journal of Neurophysiology 32:613-636, doi:10.1152/jn.1969.32.4.613
    .. [2] Zar (1999), Biostatistical Analysis, 4th edition, equation 27.4
    """
    t, f = _flat("spike_times", spike_times), positive_number("frequency", frequency, "Hz")
    bins, start = _count("n_bins", n_bins, 2), finite_number("phase", phase, "rad")
    angle = np.mod(2 * np.pi * f * t / 1000.0 + start + np.pi, 2 * np.pi) - np.pi
    at = np.minimum(((angle + np.pi) / (2 * np.pi) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(at, minlength=bins).astype(np.int64)
    phases = -np.pi + (np.arange(bins) + 0.5) * 2 * np.pi / bins
    n = t.size
    if n == 0:
        return PhaseHistogram(phases, counts, float("nan"), float("nan"), float("nan"))
    total = np.exp(1j * angle).sum()
    strength = float(min(abs(total) / n, 1.0))
    p = np.exp(np.sqrt(1 + 4 * n + 4 * n**2 * (1 - strength**2)) - (1 + 2 * n))
    return PhaseHistogram(phases, counts, strength, float(np.angle(total)), float(min(p, 1.0)))


def _count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidType(name, value, "must be an integer")
    if value < least:
        raise InvalidValue(name, value, f"must be >= {least}")
    return int(value)


def _flat(name: str, values: Any) -> NDArray[np.float64]:
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InvalidType(name, values, "must be a one-dimensional array of numbers") from None
    if column.ndim != 1:
        raise InvalidValue(f"{name}.shape", column.shape, "must be (n_events,)")
    if not np.isfinite(column).all():
        raise InvalidValue(name, float(column[~np.isfinite(column)][0]), "must be finite")
    return column


def _column(name: str, values: Any, times: Any) -> NDArray[Any]:
    column = np.asarray(values)
    if column.shape != np.shape(times):
        raise InvalidValue(f"{name}.shape", column.shape, f"must be that of times, {np.shape(times)}")
    return column


def _trials(trial: Any, t: NDArray[np.float64], n_trials: int) -> NDArray[np.int64]:
    if trial is None:
        return np.zeros(t.size, np.int64)
    column = _column("trial", trial, t)
    if column.size and column.dtype.kind not in "iu":
        raise InvalidType("trial", trial, "must be an array of integers")
    for i in np.flatnonzero((column < 0) | (column >= n_trials))[:1]:
        raise InvalidValue(f"trial[{i}]", int(column[i]), f"must be 0 to {n_trials - 1}: n_trials is {n_trials}")
    return column.astype(np.int64)
