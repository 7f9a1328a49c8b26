"""Dendritic events on traces that were made with known ones."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis import DendriticEvents, EventCriteria, dendritic_events, spike_triggered_events
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

T = np.arange(0.0, 200.05, 0.1)
REST = -70.0


def spike(at, height=60.0, rise=0.5, fall=1.5):
    """A spike that climbs in a straight line from ``at`` on and falls more slowly (mV above rest)."""
    up = np.clip((T - at) / rise, 0, 1)
    down = np.clip((T - at - rise) / fall, 0, 1)
    return height * (up - down)


def plateau(start, stop, height=45.0):
    """A plateau with edges of 4 ms: too slow for a sodium spike."""
    return height * (np.clip((T - start) / 4, 0, 1) - np.clip((T - stop) / 4, 0, 1))


def test_sodium_spikes():
    v = np.array([REST + spike(20.0) + spike(100.0, 30.0), np.full(T.size, REST), REST + spike(50.0, 25.0, 2.0)])
    found = dendritic_events(T, v, segment=[4, 7, 9])
    assert repr(found) == "<DendriticEvents | 2 na, 0 nmda, 0 ca>"
    np.testing.assert_array_equal(found.segment, [4, 4])  # 12.5 mV/ms, in row 2, is too slow
    np.testing.assert_allclose(found.t_on, [20.0, 100.0])
    np.testing.assert_allclose(found.t_off, [21.3, 101.3], atol=0.1)  # half of 1.5 ms down again
    np.testing.assert_allclose(found.magnitude, [60.0, 30.0])
    fewer = dendritic_events(T, v, criteria=EventCriteria(rise=40.0))
    np.testing.assert_allclose(fewer.t_on, [20.0])
    slower = dendritic_events(T, v, criteria=EventCriteria(upstroke=10.0))
    np.testing.assert_array_equal(slower.segment, [0, 0, 2])


def test_a_dent_in_an_upstroke_is_no_second_spike():
    v = REST + spike(20.0)
    v[202] = v[201] + 0.5  # the slope is 5 mV/ms for a moment
    assert len(dendritic_events(T, [v])) == 1
    noisy = np.tile(REST, (50, T.size)) + np.random.default_rng(0).normal(0, 0.5, (50, T.size))
    assert len(dendritic_events(T, noisy)) == 0


def test_a_fast_step_to_a_plateau_is_no_sodium_spike():
    step = np.clip((T - 20.0) / 0.5, 0, 1) * 40.0  # 80 mV/ms, and up for good
    assert len(dendritic_events(T, [REST + step])) == 0
    # a spike that rides on it is one: from -70 to -10 mV, and down to -45
    found = dendritic_events(T, [REST + 25 * step / 40 + spike(20.0, 35.0)])
    assert found.magnitude == pytest.approx([60.0])


def test_a_spike_that_the_recording_cuts():
    found = dendritic_events(T, [REST + spike(199.6)])
    assert (found.t_on[0], found.t_off[0]) == (pytest.approx(199.6), pytest.approx(200.0))


def test_nmda_plateaus():
    v = np.tile(REST, (6, T.size)) + plateau(40.0, 90.0)
    v[1] = REST + plateau(40.0, 60.0)  # too short
    shape = plateau(38.0, 80.0, 1.0)
    inward = -0.01 - 0.02 * np.clip((T - 45) / 5, 0, 1) * shape
    current = np.stack([inward, inward, np.full(T.size, -0.02), -inward, inward / 50, np.zeros(T.size)])
    found = dendritic_events(T, v, nmda_current=current)
    assert set(found.kind) == {"nmda"}
    np.testing.assert_array_equal(found.segment, [0])  # of the others the current doesn't grow, is outward, small, none
    # -40 mV, 30 of 45 mV up the edge
    assert found.t_on[0] == pytest.approx(40.0 + 4 * 30 / 45, abs=0.1)
    # 1.15 times the current at onset: 0.0115 = 0.01 + 0.02 * 0.075, at the end of an edge of 4 ms from 80 ms on
    assert found.t_off[0] == pytest.approx(80.0 + 4 * (1 - 0.075), abs=0.11)
    inside = np.clip(T, found.t_on[0], found.t_off[0]) == T
    assert found.magnitude[0] == pytest.approx(inward[inside].sum() * 0.1, rel=0.01)
    for spikes, expected in (([39.0], 0), ([10.0], 1), ([60.0], 1), ([16.0, 30.0], 0)):
        assert len(dendritic_events(T, v, nmda_current=current, soma_spikes=spikes)) == expected


def test_a_plateau_whose_onset_was_not_seen():
    v = REST + plateau(-10.0, 90.0)
    current = -0.01 - 0.02 * plateau(20.0, 60.0, 1.0)
    assert len(dendritic_events(T, [v], nmda_current=[current])) == 0
    late = dendritic_events(T, [REST + plateau(150.0, 300.0)], nmda_current=[-0.01 - 0.02 * plateau(160.0, 300.0, 1.0)])
    assert late.t_off[0] == pytest.approx(200.0)


def test_calcium_plateaus():
    v = np.tile(REST + plateau(40.0, 90.0), (3, 1))
    rest = 1e-4
    calcium = np.full((3, T.size), rest)
    calcium[0] += 4e-3 * plateau(43.0, 90.0, 1.0)
    calcium[1] *= 1.2
    found = dendritic_events(T, v, calcium=calcium, soma_spikes=[41.0])
    np.testing.assert_array_equal(found.segment, [0])
    assert found.kind[0] == "ca"
    assert found.magnitude[0] == pytest.approx(4e-3, rel=1e-3)
    assert found.t_off[0] == pytest.approx(90.0 + 4 * 15 / 45, abs=0.1)


def test_rows_of_some_segments():
    """Two rows of segment 7, one of a segment of which no voltage is there."""
    v = np.tile(REST + plateau(40.0, 90.0), (3, 1))
    current = -0.01 - 0.02 * plateau(45.0, 80.0, 1.0)
    whole = dendritic_events(T, v, segment=[5, 6, 7], nmda_current=[0 * current, 0 * current, current])
    rows = ([7, 7, 2], [0.25 * current, 0.75 * current, current])
    parts = dendritic_events(T, v, segment=[5, 6, 7], nmda_current=rows)
    assert parts.segment.tolist() == whole.segment.tolist() == [7]
    assert parts.magnitude == pytest.approx(whole.magnitude)
    assert len(dendritic_events(T, v, calcium=([], []))) == 0
    with pytest.raises(InvalidValue, match=r"nmda_current\[1\].shape: \(1, 2001\) must be \(2, 2001\)"):
        dendritic_events(T, v, nmda_current=([1, 2], [current]))


def test_events_of_one_kind():
    v = [REST + spike(20.0), REST + plateau(40.0, 90.0)]
    found = dendritic_events(T, v, calcium=[np.full(T.size, 1e-4), 1e-4 + 1e-3 * plateau(43.0, 90.0, 1.0)])
    assert [len(found.of(kind)) for kind in ("na", "nmda", "ca")] == [1, 0, 1]
    with pytest.raises(UnknownName, match=r"kind: 'K' is no kind of dendritic event"):
        found.of("K")


def test_bad_recordings():
    v = [np.full(T.size, REST)]
    with pytest.raises(InvalidValue, match=r"voltages.shape: \(2001,\) must be \(n_segments, n_times\)"):
        dendritic_events(T, v[0])
    with pytest.raises(InvalidValue, match=r"longest step: must be at most 0.5 ms"):
        dendritic_events(T[::10], [v[0][::10]])
    with pytest.raises(InvalidValue, match=r"calcium.shape: \(2, 2001\) must be that of voltages, \(1, 2001\)"):
        dendritic_events(T, v, calcium=v * 2)
    with pytest.raises(InvalidValue, match=r"segment: .* numbers of 1 segments"):
        dendritic_events(T, v, segment=[1, 2])
    with pytest.raises(InvalidValue, match=r"growth: 1.0 must be > 1"):
        EventCriteria(growth=1.0)


# ------------------------------------------------------------------------------------------ around action potentials


def table(segment, t_on):
    n = len(segment)
    t_on = np.asarray(t_on, float)
    return DendriticEvents(np.asarray(segment, np.int32), np.full(n, "na"), t_on, t_on + 1, np.ones(n))


def test_events_that_precede_every_spike():
    spikes = np.arange(100.0, 1000.0, 100.0)
    found = spike_triggered_events(
        [table(np.full(9, 3), spikes - 7.0)], [spikes], np.arange(10.0), 0.0, 1000.0, n_groups=5, window=(-20, 20)
    )
    assert found.n_spikes == 9
    np.testing.assert_allclose(found.edges, [0, 1.5, 3.5, 5.5, 7.5, 9])
    np.testing.assert_allclose(found.lags, np.arange(-19, 20, 2))
    expected = np.zeros((5, 20))
    expected[1, 6] = 1.0  # -8 to -6 ms, segments 2 and 3
    np.testing.assert_allclose(found.observed, expected)
    # 9 events in 960 ms in which action potentials may be, bins of 2 ms
    np.testing.assert_allclose(found.chance[1], 9 * 2 / 960, rtol=1e-12)
    np.testing.assert_allclose(found.additional[1, 6], 1 - 9 * 2 / 960)


def test_chance_is_the_mean_of_random_spikes():
    """With the density of events at its most uneven: all in the first 30 ms of the trial."""
    rng = np.random.default_rng(5)
    events = table(rng.integers(0, 10, 200), rng.uniform(0, 30, 200))
    spikes = rng.uniform(20, 280, 4000)
    options = {"n_groups": 1, "window": (-20.0, 20.0), "bin_width": 4.0, "burst": 0.0}
    found = spike_triggered_events([events], [spikes], np.arange(10.0), 0.0, 300.0, **options)
    np.testing.assert_allclose(found.observed, found.chance, atol=0.5)
    assert found.chance.max() > 2.5
    assert found.chance.min() < 0.1


def test_bursts_and_trials():
    coordinate = np.array([np.nan, 1.0, 2.0])
    events = [table([0, 1, 2], [148.0, 148.0, 148.0]), table([], []), table([2], [95.0])]
    spikes = [[150.0, 200.0, 205.0, 209.0], [120.0], [100.0, 99.0]]
    found = spike_triggered_events(events, spikes, coordinate, 0.0, 300.0, n_groups=2)
    assert found.n_spikes == 2  # 150 ms in the first trial, 120 ms in the second; the others come in bursts
    np.testing.assert_allclose(found.observed.sum(axis=1), [0.5, 0.5])
    none = spike_triggered_events(events[:1], [[]], coordinate, 0.0, 300.0, n_groups=2)
    assert none.n_spikes == 0
    assert np.isnan(none.observed).all()


def test_bad_averages():
    events, spikes = [table([0], [10.0])], [[20.0]]
    with pytest.raises(InvalidValue, match=r"n_groups: 10 must be 1 to 3"):
        spike_triggered_events(events, spikes, [1.0, 2.0, 3.0], 0.0, 300.0)
    with pytest.raises(InvalidValue, match=r"window: .* must be shorter than a trial, 90 ms"):
        spike_triggered_events(events, spikes, np.arange(10.0), 0.0, 90.0)
    with pytest.raises(InvalidValue, match=r"len\(soma_spikes\): 0 must be that of events, 1 trials"):
        spike_triggered_events(events, [], np.arange(10.0), 0.0, 300.0)
    with pytest.raises(InvalidValue, match=r"events\[0\].segment\[0\]: 40 has no coordinate: there are 10"):
        spike_triggered_events([table([40], [10.0])], spikes, np.arange(10.0), 0.0, 300.0)
    with pytest.raises(InvalidType, match=r"window: 5 must be two lags in ms"):
        spike_triggered_events(events, spikes, np.arange(10.0), 0.0, 300.0, window=5)
