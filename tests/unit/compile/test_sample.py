"""Event times of drives: windows, counts, laws, and what they depend on."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

WHERE = {"location": "soma", "weights": {"left": {"ampa": 0.1}, "right": {"ampa": 0.2}}}


def compiled(network: NetworkSpec, drives: dict[str, DriveSpec], tstop: float = 100.0, **run: Any) -> Plan:
    return compile_plan(attrs.evolve(network, drives=drives), RunSpec(tstop=tstop, **run))


def events_of(network: NetworkSpec, drive: DriveSpec, tstop: float = 100.0, trial: int = 0) -> list[list[float]]:
    """Return the event times of each cell of one drive."""
    plan = compiled(network, {"d": drive}, tstop, n_trials=trial + 1)
    return [plan.events[trial].of(k).tolist() for k in range(len(plan.drive_cells))]


def evoked(**changes: Any) -> EvokedDrive:
    return EvokedDrive(**{**WHERE, "mu": 50.0, "sigma": 5.0, **changes})


def bursty(**changes: Any) -> BurstyDrive:
    return BurstyDrive(**{**WHERE, "burst_rate": 10.0, **changes})


# ------------------------------------------------------------------------------------------------ evoked


def test_an_evoked_drive_without_jitter(tiny_network):
    assert events_of(tiny_network, evoked(sigma=0.0, numspikes=2)) == [[50.0, 50.0]] * 7


def test_times_of_evoked_drives_are_normal(tiny_network):
    times = np.concatenate(events_of(tiny_network, evoked(numspikes=2000)))
    assert len(times) == 14000
    assert times.mean() == pytest.approx(50.0, abs=4 * 5.0 / math.sqrt(14000))
    assert times.std() == pytest.approx(5.0, rel=4 / math.sqrt(2 * 14000))


def test_times_are_sorted_and_within_the_run(tiny_network):
    for mu in (0.0, 100.0):
        for times in events_of(tiny_network, evoked(mu=mu, numspikes=50)):
            assert 10 < len(times) < 40
            assert times == sorted(times)
            assert 0 < times[0] <= times[-1] <= 100.0


def test_the_ends_of_the_run(tiny_network):
    """An event at the end counts, one at the start does not."""
    assert events_of(tiny_network, evoked(mu=100.0, sigma=0.0)) == [[100.0]] * 7
    assert events_of(tiny_network, evoked(mu=0.0, sigma=0.0)) == [[]] * 7


# ------------------------------------------------------------------------------------------------ Poisson


def test_intervals_of_a_poisson_drive(tiny_network):
    """Mean and standard deviation 20 ms at 50 Hz, over 100 s."""
    times = events_of(tiny_network, PoissonDrive(**WHERE, rate=50.0, n_drive_cells=1), tstop=1e5)[0]
    intervals = np.diff(times)
    assert intervals.mean() == pytest.approx(20.0, abs=1.2)
    assert intervals.std() == pytest.approx(20.0, abs=2.0)
    assert len(times) == pytest.approx(5000, abs=4 * math.sqrt(5000))


def test_the_window_of_a_poisson_drive(tiny_network):
    for times in events_of(tiny_network, PoissonDrive(**WHERE, rate=500.0, tstart=20.0, tstop=60.0)):
        assert len(times) > 5
        assert times[0] > 20.0
        assert times[-1] < 60.0


def test_rates_by_target(tiny_network):
    events = events_of(tiny_network, PoissonDrive(**WHERE, rate={"left": 10.0, "right": 200.0}), tstop=5e3)
    counts = [len(times) for times in events]
    for count, expected in zip(counts, [50] * 4 + [1000] * 3, strict=True):
        assert count == pytest.approx(expected, abs=4.5 * math.sqrt(expected))


def test_a_poisson_drive_that_starts_after_the_run(tiny_network):
    assert events_of(tiny_network, PoissonDrive(**WHERE, rate=50.0, tstart=200.0)) == [[]] * 7


# ------------------------------------------------------------------------------------------------ bursts


def test_bursts_without_jitter(tiny_network):
    """Bursts are centred at tstart and every period after it; spikes before 0 are dropped."""
    assert events_of(tiny_network, bursty(numspikes=2, spike_isi=10.0), tstop=250.0) == [[5, 95, 105, 195, 205]]
    assert events_of(tiny_network, bursty(numspikes=3, spike_isi=4.0, tstart=50.0)) == [[46, 50, 54]]


@pytest.mark.parametrize(("numspikes", "rate", "tstop"), [(1, 10.0, 450.0), (2, 10.0, 450.0), (2, 20.0, 300.0)])
def test_the_number_of_events_of_a_bursty_drive(tiny_network, numspikes, rate, tstop):
    drive = bursty(numspikes=numspikes, burst_rate=rate, spike_isi=10.0, tstart=100.0, tstop=tstop, burst_std=2.0)
    expected = numspikes * (1 + (tstop - 100.0 - 1) // (1000 / rate))
    assert [len(times) for times in events_of(tiny_network, drive, tstop=1000.0)] == [expected]


def test_the_last_burst_may_pass_the_window_of_centres(tiny_network):
    drive = bursty(numspikes=2, spike_isi=20.0, tstart=30.0, tstop=131.0)
    assert events_of(tiny_network, drive, tstop=200.0) == [[20, 40, 120, 140]]


def test_jitter_of_the_start_is_common_to_all_cells(tiny_network):
    for seed in (None, 3):
        drive = bursty(tstart=50.0, tstart_std=9.0, numspikes=1, n_drive_cells=5, event_seed=seed)
        events = events_of(tiny_network, drive)
        assert all(times == events[0] for times in events)
        assert events[0] != [50.0]
        assert events_of(tiny_network, drive, trial=1)[0] != events[0]


def test_jitter_of_bursts_is_each_cells_own(tiny_network):
    events = events_of(tiny_network, bursty(tstart=50.0, burst_std=5.0, numspikes=1, n_drive_cells=5))
    assert len({tuple(times) for times in events}) == 5


# ------------------------------------------------------------------------------------------------ spike trains


def test_spike_trains_are_taken_as_given(tiny_network):
    trains = ((40.2, 10.1), (), (0.0, 500.0))
    drive = SpikeTrainDrive(**WHERE, trains=trains, n_drive_cells=3)
    for trial in (0, 1):
        assert events_of(tiny_network, drive, trial=trial) == [list(train) for train in trains]


# ------------------------------------------------------------------------------------------------ streams


def test_trials_and_cells_differ(tiny_network):
    plan = compiled(tiny_network, {"d": evoked()}, n_trials=3)
    times = np.concatenate([events.time_ms for events in plan.events])
    assert len(np.unique(times)) == len(times) == 21


def test_equal_published_seeds_give_equal_events(tiny_network):
    plan = compiled(tiny_network, {"a": evoked(event_seed=4), "b": evoked(event_seed=4)}, n_trials=2)
    for events in plan.events:
        assert np.array_equal(events.time_ms[:7], events.time_ms[7:])


def test_drives_without_seed_have_streams_of_their_own(tiny_network):
    plan = compiled(tiny_network, {"a": evoked(), "b": evoked()})
    assert not np.isin(plan.events[0].time_ms[:7], plan.events[0].time_ms[7:]).any()


def test_the_seed_of_the_run_is_for_drives_without_their_own(tiny_network):
    drives = {"own": evoked(event_seed=4), "shared": evoked()}
    one, other = (compiled(tiny_network, drives, seed=seed).events[0].time_ms for seed in (0, 1))
    assert np.array_equal(one[:7], other[:7])
    assert not np.isin(one[7:], other[7:]).any()


def test_the_order_of_drives_does_not_matter_without_seeds(tiny_network):
    drives = {"a": evoked(), "b": PoissonDrive(**WHERE, rate=80.0)}
    one, other = (compiled(tiny_network, dict(order)) for order in (drives.items(), reversed(drives.items())))
    for name in drives:
        for k in range(7):
            cell_of = [plan.populations.gid_ranges[name].start - plan.n_cells + k for plan in (one, other)]
            assert np.array_equal(one.events[0].of(cell_of[0]), other.events[0].of(cell_of[1]))


def test_pruning_changes_no_events(tiny_network):
    assert events_of(tiny_network, evoked(probability=0.3)) == events_of(tiny_network, evoked())
