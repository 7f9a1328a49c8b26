"""Events in dendrites (sodium spikes, NMDA and calcium plateaus) and what they have to do with action potentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, rising_times, traces
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import documented, quantity

__all__ = [
    "EVENT_KINDS",
    "DendriticEvents",
    "EventCriteria",
    "SpikeTriggeredEvents",
    "dendritic_events",
    "spike_triggered_events",
]

EVENT_KINDS = ("na", "nmda", "ca")
"""Sodium spikes, NMDA plateaus, calcium plateaus."""

COARSEST = 0.5
"""Longest step between samples (ms) that an upstroke can be judged by."""


@documented
@attrs.frozen(kw_only=True)
class EventCriteria:
    """What counts as a dendritic event.

    Level, duration and charge of an NMDA plateau, and how far its current must grow and fall again, are those of
    L5NeuronSimulation (2022), a layer 5 pyramidal cell under in-vivo-like input. Sodium spikes were crossings of a
    conductance there, and calcium plateaus those of a current; here both are told from voltage and calcium.
    """

    upstroke: float = quantity(20.0, unit="mV/ms", gt=0, doc="sodium: slope of the voltage that begins a spike")
    rise: float = quantity(20.0, unit="mV", gt=0, doc="sodium: least height of the peak above the voltage at onset")
    width: float = quantity(
        10.0, unit="ms", gt=0, doc="sodium: longest time from onset until the voltage is halfway down again"
    )
    level: float = quantity(-40.0, unit="mV", doc="plateaus: voltage that they stay at or above")
    duration: float = quantity(26.0, unit="ms", gt=0, doc="plateaus: how long at least")
    growth: float = quantity(
        1.3, gt=1, doc="plateaus: what the NMDA current, or calcium, must reach, as a multiple of its value at onset"
    )
    decay: float = quantity(
        1.15, gt=1, doc="NMDA: the plateau ends when its current is below this multiple of that at onset"
    )
    charge: float = quantity(0.1, unit="nA ms", ge=0, doc="NMDA: least inward charge")
    after_spike: float = quantity(
        26.0,
        unit="ms",
        ge=0,
        doc="NMDA: no plateau begins so soon after a spike of the soma, which lifts the voltage as well",
    )


@attrs.frozen(eq=False, repr=False)
class DendriticEvents:
    """A table of dendritic events, by segment and onset.

    Parameters
    ----------
    segment : ndarray of int32, shape (n,)
        Where.
    kind : ndarray of str, shape (n,)
        ``'na'``, ``'nmda'`` or ``'ca'``.
    t_on, t_off : ndarray, shape (n,)
        When each began and ended (ms); what lasts until the recording's end ends with it.
    magnitude : ndarray, shape (n,)
        Of sodium spikes the height above the voltage at onset (mV), of NMDA plateaus the charge (nA ms, negative:
        inward), of calcium plateaus the rise of the concentration (mM).
    """

    segment: NDArray[np.int32]
    kind: NDArray[np.str_]
    t_on: NDArray[np.float64]
    t_off: NDArray[np.float64]
    magnitude: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.segment)

    def of(self, kind: str) -> DendriticEvents:
        """Return the events of one kind.

        Parameters
        ----------
        kind : str
            ``'na'``, ``'nmda'`` or ``'ca'``.

        Raises
        ------
        UnknownName
            If there is no such kind.
        """
        if kind not in EVENT_KINDS:
            raise UnknownName("kind", kind, "kind of dendritic event", EVENT_KINDS)
        mask = self.kind == kind
        return DendriticEvents(
            self.segment[mask], self.kind[mask], self.t_on[mask], self.t_off[mask], self.magnitude[mask]
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{np.count_nonzero(self.kind == kind)} {kind}" for kind in EVENT_KINDS)
        return f"<DendriticEvents | {counts}>"


def dendritic_events(
    times: Any,
    voltages: Any,
    *,
    nmda_current: Any = None,
    calcium: Any = None,
    soma_spikes: Any = (),
    segment: Any = None,
    criteria: EventCriteria | None = None,
) -> DendriticEvents:
    """Find sodium spikes, NMDA plateaus and calcium plateaus in what was recorded of a cell's segments.

    * A sodium spike begins where the slope of the voltage reaches ``upstroke``; its peak is the next local maximum,
      which must be ``rise`` above the voltage at onset; it ends when the voltage is halfway down again, within
      ``width`` (what stays up begins a plateau). Action potentials that run back from the soma are such spikes too:
      `spike_triggered_events` tells them by their lag.
    * A plateau is a stretch of at least ``duration`` with the voltage at or above ``level``; its onset must be in the
      recording. It is an *NMDA plateau* if the synapses' NMDA current, inward at onset, grows by itself to ``growth``
      times its value there; it ends when the current has fallen below ``decay`` times that value again, or with the
      stretch; it must carry an inward ``charge``, and not begin within ``after_spike`` after a spike of the soma.
    * It is a *calcium plateau* if the concentration of calcium reaches ``growth`` times its value at onset. Such spikes
      are at home in the apical tree: hand in its segments only where others are not asked about.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times of the recording (ms), rising; for sodium spikes at most 0.5 ms apart.
    voltages : array-like, shape (n_segments, n_times)
        Voltage of each segment (mV).
    nmda_current : array-like, shape (n_segments, n_times), or tuple, optional
        Current through all NMDA receptors of each segment (nA), negative where it is inward. Where not all segments
        have receptors: ``(segments, currents)``, the segment of each row and the rows; rows of one segment add up. Left
        out: no NMDA plateaus are looked for.
    calcium : array-like, shape (n_segments, n_times), or tuple, optional
        Concentration in each segment (mM); a tuple as above where not all segments have calcium. Left out: no calcium
        plateaus are looked for.
    soma_spikes : array-like, shape (n_spikes,)
        When the soma fired (ms).
    segment : array-like of int, shape (n_segments,), optional
        Number of each row's segment. Left out: from 0.
    criteria : EventCriteria, optional
        What counts. Left out: the defaults.

    Returns
    -------
    events : DendriticEvents
        By kind, segment and onset.

    Raises
    ------
    InvalidValue
        If shapes don't match, values are not finite, or samples are too far apart.
    """
    t, v = rising_times("times", times), traces("voltages", voltages, least=2)
    if v.shape[1:] != t.shape or v.ndim != 2:
        raise InvalidValue("voltages.shape", v.shape, f"must be (n_segments, n_times), with {t.size} times")
    if np.diff(t).max() > COARSEST * (1 + 1e-6):
        raise InvalidValue("times", float(np.diff(t).max()), f"is the longest step: must be at most {COARSEST} ms")
    rule = EventCriteria() if criteria is None else criteria
    names = np.arange(len(v)) if segment is None else np.asarray(segment)
    if names.shape != v.shape[:1] or names.dtype.kind not in "iu":
        raise InvalidValue("segment", segment, f"must be the numbers of {len(v)} segments, those of voltages")
    spikes = np.sort(np.asarray(soma_spikes, np.float64).reshape(-1))
    rows: list[tuple[int, str, float, float, float]] = []
    for row, trace in enumerate(v):
        rows += [(row, "na", *found) for found in _sodium_spikes(t, trace, rule)]
    if nmda_current is not None:
        current = _like("nmda_current", nmda_current, v, names)
        for row, start, stop in _plateaus(t, v, rule):
            rows += [(row, "nmda", *found) for found in _nmda(t, current[row], start, stop, spikes, rule)]
    if calcium is not None:
        concentration = _like("calcium", calcium, v, names)
        for row, start, stop in _plateaus(t, v, rule):
            rows += [(row, "ca", *found) for found in _calcium(t, concentration[row], start, stop, rule)]
    where, kind, t_on, t_off, magnitude = zip(*rows, strict=True) if rows else ((),) * 5
    return DendriticEvents(
        names[np.array(where, np.int64)].astype(np.int32),
        np.array(kind, dtype="<U4"),
        np.array(t_on, np.float64),
        np.array(t_off, np.float64),
        np.array(magnitude, np.float64),
    )


def _like(name: str, values: Any, v: NDArray[np.float64], segment: NDArray[Any]) -> NDArray[np.float64]:
    """Return values with a row for each of ``segment``, the shape of ``v``."""
    if not isinstance(values, tuple):
        array = traces(name, values)
        if array.shape != v.shape:
            raise InvalidValue(f"{name}.shape", array.shape, f"must be that of voltages, {v.shape}")
        return array
    if len(values) != 2:
        raise InvalidType(name, values, "must be an array, or two: segments, and their rows")
    where, full = np.asarray(values[0]), np.zeros(v.shape)
    if where.size == 0:
        return full
    data = traces(f"{name}[1]", values[1])
    if data.shape != (where.size, v.shape[1]):
        raise InvalidValue(f"{name}[1].shape", data.shape, f"must be ({where.size}, {v.shape[1]})")
    row = {number: i for i, number in enumerate(segment.tolist())}
    for i, number in enumerate(where.tolist()):
        if number in row:  # of the others no voltage was handed in
            full[row[number]] += data[i]
    return full


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where runs of True begin, and the sample after each one's last."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _sodium_spikes(
    t: NDArray[np.float64], v: NDArray[np.float64], rule: EventCriteria
) -> Iterator[tuple[float, float, float]]:
    """Yield onset, end (ms) and height (mV)."""
    slope = np.diff(v) / np.diff(t)
    falling = slope <= 0
    last = -1  # sample at which the spike before ended: a dent in an upstroke makes no second one
    for first in _runs(slope >= rule.upstroke)[0]:
        if first < last:
            continue
        turns = np.argmax(falling[first:])
        peak = first + turns if falling[first + turns] else v.size - 1
        height = v[peak] - v[first]
        if height < rule.rise:
            continue
        below = np.flatnonzero(v[peak:] <= v[peak] - height / 2)
        end = int(peak + below[0]) if below.size else v.size - 1
        if t[end] - t[first] > rule.width:
            continue
        last = end
        yield float(t[first]), float(t[last]), float(height)


def _plateaus(t: NDArray[np.float64], v: NDArray[np.float64], rule: EventCriteria) -> Iterator[tuple[int, int, int]]:
    """Yield row, first and last sample of stretches that are high for long enough."""
    for row, high in enumerate(v >= rule.level):
        for start, after in zip(*_runs(high), strict=True):
            if start > 0 and t[after - 1] - t[start] >= rule.duration:
                yield row, int(start), int(after) - 1


def _nmda(
    t: NDArray[np.float64],
    current: NDArray[np.float64],
    start: int,
    stop: int,
    spikes: NDArray[np.float64],
    rule: EventCriteria,
) -> Iterator[tuple[float, float, float]]:
    """Yield onset, end (ms) and charge (nA ms) if a stretch is an NMDA plateau."""
    before = spikes[spikes <= t[start]]
    if before.size and t[start] - before[-1] < rule.after_spike:
        return
    inward = -current[start : stop + 1]
    grown = inward >= rule.growth * inward[0]
    if inward[0] <= 0 or not grown.any():
        return
    fallen = np.flatnonzero(inward[np.argmax(grown) :] < rule.decay * inward[0])
    end = start + int(np.argmax(grown) + fallen[0]) if fallen.size else stop
    during = current[start : end + 1]
    charge = float(((during[1:] + during[:-1]) / 2 * np.diff(t[start : end + 1])).sum())
    if -charge >= rule.charge:
        yield float(t[start]), float(t[end]), charge


def _calcium(
    t: NDArray[np.float64], calcium: NDArray[np.float64], start: int, stop: int, rule: EventCriteria
) -> Iterator[tuple[float, float, float]]:
    """Yield onset, end (ms) and rise (mM) if a stretch is a calcium plateau."""
    highest = calcium[start : stop + 1].max()
    if calcium[start] > 0 and highest >= rule.growth * calcium[start]:
        yield float(t[start]), float(t[stop]), float(highest - calcium[start])


@attrs.frozen(eq=False)
class SpikeTriggeredEvents:
    """How many dendritic events there are around an action potential, by where they are.

    Parameters
    ----------
    lags : ndarray, shape (n_bins,)
        Centres of the bins (ms): how long after the action potential an event began.
    edges : ndarray, shape (n_groups + 1,)
        Borders of the groups of segments, in the unit of what they were grouped by.
    observed : ndarray, shape (n_groups, n_bins)
        Events per action potential.
    chance : ndarray, shape (n_groups, n_bins)
        The same around as many random times.
    n_spikes : int
        Number of action potentials.
    """

    lags: NDArray[np.float64]
    edges: NDArray[np.float64]
    observed: NDArray[np.float64]
    chance: NDArray[np.float64]
    n_spikes: int

    @property
    def additional(self) -> NDArray[np.float64]:
        """Additional events per action potential: those observed less those by chance, shape (n_groups, n_bins)."""
        return self.observed - self.chance


def spike_triggered_events(
    events: Sequence[DendriticEvents],
    soma_spikes: Sequence[Any],
    coordinate: Any,
    tstart: float,
    tstop: float,
    *,
    window: tuple[float, float] = (-50.0, 50.0),
    bin_width: float = 2.0,
    n_groups: int = 10,
    burst: float = 10.0,
) -> SpikeTriggeredEvents:
    r"""Return how many dendritic events begin when, around an action potential, and how many do so by chance.

    Chance is what as many action potentials would meet at random times: for one that may fall anywhere in
    :math:`[A, B]`, an event at :math:`e` has the lag :math:`[l, l + w)` with the probability
    :math:`|[e - l - w, e - l] \cap [A, B]| / (B - A)`. Action potentials whose window is not all within the trial are
    left out, and with them both ends of :math:`[A, B]`.

    Parameters
    ----------
    events : sequence of DendriticEvents, n_trials
        Events of each trial; usually of one kind: ``found.of('nmda')``.
    soma_spikes : sequence of array-like, n_trials of shape (n_spikes,)
        When the soma fired in each trial (ms).
    coordinate : array-like, shape (n_segments,)
        What segments are grouped by: the path distance from the soma (µm), or the part of a voltage that reaches it.
        Segments where it is NaN are left out, with their events: so basal and apical trees are looked at one by one.
    tstart, tstop : float
        The part of each trial that was recorded (ms).
    window : tuple of float
        First and last lag (ms); their distance must be a multiple of the bin's width.
    bin_width : float
        Width of the bins (ms).
    n_groups : int
        Number of groups of segments, each with as many of them: 10 are deciles.
    burst : float
        Action potentials with another one nearer than this (ms), before or after, are left out.

    Returns
    -------
    average : SpikeTriggeredEvents
        Events per action potential, observed and by chance; NaN observed where no action potential is left.

    Raises
    ------
    InvalidValue
        If the trials of events and spikes differ in number, the window doesn't fit into a trial, or an event's segment
        has no coordinate.
    """
    place, edges = _groups(coordinate, n_groups)
    start, stop = finite_number("tstart", tstart, "ms"), finite_number("tstop", tstop, "ms")
    width, (low, high), n_bins = _window(window, bin_width)
    if len(events) != len(soma_spikes):
        raise InvalidValue("len(soma_spikes)", len(soma_spikes), f"must be that of events, {len(events)} trials")
    if stop - start <= max(high, 0.0) - min(low, 0.0):
        raise InvalidValue("window", window, f"must be shorter than a trial, {stop - start:g} ms")
    first, last = start - min(low, 0.0), stop - max(high, 0.0)
    lags = low + np.arange(n_bins, dtype=np.float64) * width
    observed, chance = np.zeros((n_groups, n_bins)), np.zeros((n_groups, n_bins))
    n_spikes = 0
    for trial, (found, fired) in enumerate(zip(events, soma_spikes, strict=True)):
        spikes = _single(np.sort(np.asarray(fired, np.float64)), finite_number("burst", burst, "ms"))
        spikes = spikes[(spikes >= first) & (spikes <= last)]
        group, onset = _located(found, place, trial)
        inside = (onset >= start) & (onset <= stop)
        group, onset = group[inside], onset[inside]
        lag = np.floor((onset[:, np.newaxis] - spikes - low) / width + 1e-9).astype(np.int64)
        seen = (lag >= 0) & (lag < n_bins)
        np.add.at(observed, (np.broadcast_to(group[:, np.newaxis], lag.shape)[seen], lag[seen]), 1.0)
        early = np.clip(onset[:, np.newaxis] - lags - width, first, last)
        overlap = np.clip(onset[:, np.newaxis] - lags, first, last) - early
        np.add.at(chance, group, overlap / (last - first) * spikes.size)
        n_spikes += spikes.size
    per = n_spikes or np.nan
    return SpikeTriggeredEvents(lags + width / 2, edges, observed / per, chance / per, n_spikes)


def _groups(coordinate: Any, n_groups: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each segment's group (-1: none) and the groups' borders."""
    if isinstance(n_groups, bool) or not isinstance(n_groups, int | np.integer):
        raise InvalidType("n_groups", n_groups, "must be an integer")
    values = np.asarray(coordinate, np.float64)
    there = np.flatnonzero(np.isfinite(values))
    if values.ndim != 1 or not 1 <= n_groups <= there.size:
        raise InvalidValue("n_groups", n_groups, f"must be 1 to {there.size}, the number of segments with a coordinate")
    # by rank, so that groups are of one size even where several segments have one coordinate
    order = there[np.argsort(values[there], kind="stable")]
    place = np.full(values.size, -1, np.int64)
    place[order] = np.arange(order.size) * n_groups // order.size
    starts = [int(np.argmax(place[order] == k)) for k in range(n_groups)]
    edges = [values[order[i]] if i == 0 else (values[order[i - 1]] + values[order[i]]) / 2 for i in starts]
    return place, np.array([*edges, values[order[-1]]])


def _window(window: Any, bin_width: Any) -> tuple[float, tuple[float, float], int]:
    width = positive_number("bin_width", bin_width, "ms")
    try:
        low, high = (finite_number("window", value, "ms") for value in window)
    except (TypeError, ValueError):
        raise InvalidType("window", window, "must be two lags in ms") from None
    n_bins = round((high - low) / width)
    if n_bins < 1 or abs(n_bins * width - (high - low)) > 1e-6 * width:
        raise InvalidValue("window", window, f"must rise by a multiple of bin_width, {width:g} ms")
    return width, (low, high), n_bins


def _single(spikes: NDArray[np.float64], burst: float) -> NDArray[np.float64]:
    """Return the spikes that have no neighbour nearer than ``burst``."""
    far = np.diff(spikes, prepend=-np.inf, append=np.inf) >= burst
    return spikes[far[:-1] & far[1:]] if spikes.size else spikes


def _located(
    events: DendriticEvents, place: NDArray[np.int64], trial: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return group and onset of the events of a trial, those in no group left out."""
    for i in np.flatnonzero((events.segment < 0) | (events.segment >= place.size))[:1]:
        where = f"events[{trial}].segment[{i}]"
        raise InvalidValue(where, int(events.segment[i]), f"has no coordinate: there are {place.size}")
    group = place[events.segment]
    return group[group >= 0], events.t_on[group >= 0]
