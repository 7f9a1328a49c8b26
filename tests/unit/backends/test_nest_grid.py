"""Times on NEST's grid; no NEST needed."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.backends.nest.grid import delay_steps, event_steps, moved_delays, times_of, waveforms
from hnnlib.plan.tables import Biases


def currents(*rows):
    """Gid, amplitude (nA), delay, duration (ms)."""
    table = np.array(rows, float).reshape(-1, 4)
    return Biases(
        gid=table[:, 0].astype(np.int32),
        section=np.zeros(len(table), np.int32),
        amplitude_nA=table[:, 1],
        delay_ms=table[:, 2],
        duration_ms=table[:, 3],
    )


def test_delays_go_to_the_nearest_step_and_never_below_one():
    delays = np.array([0.0, 0.04, 0.12, 0.15, 0.3, 1.0, 1.3])
    np.testing.assert_array_equal(delay_steps(delays, 0.1), [1, 1, 1, 2, 3, 10, 13])


@pytest.mark.parametrize("dt", [0.025, 0.05, 0.1, 0.2])
def test_multiples_of_the_step_stay_what_they_are(dt):
    steps = np.arange(1, 20_000)
    np.testing.assert_array_equal(delay_steps(steps * dt, dt), steps)
    np.testing.assert_array_equal(event_steps(steps * dt, dt), steps)
    assert moved_delays(steps * dt, dt) is None


def test_delays_that_move_by_more_than_a_hundredth_are_counted():
    moved = moved_delays(np.array([1.0, 10.04, 0.25, 0.12]), 0.1)  # 10.04 becomes 10.0, which is 0.4 %
    assert (moved.count, moved.before_ms, moved.after_ms) == (2, 0.25, pytest.approx(0.3))


def test_events_act_at_the_next_step_and_none_at_zero():
    np.testing.assert_array_equal(event_steps(np.array([0.0, 0.05, 0.1, 1.05, 0.3 + 1e-15]), 0.1), [1, 1, 1, 11, 3])


def test_times_have_no_digits_that_a_product_adds():
    assert times_of(np.array([3]), 0.1)[0] == 0.3


def test_a_current_is_on_in_steps_whose_middle_it_covers():
    (wave,) = waveforms(currents((2, 0.5, 1.0, 2.04)), 0.1, 100)
    np.testing.assert_array_equal(wave.gids, [2])
    np.testing.assert_array_equal(wave.steps, [10, 30])
    np.testing.assert_array_equal(wave.amplitude_pA, [500.0, 0.0])


def test_currents_of_a_cell_add_up_and_cells_with_equal_ones_are_together():
    rows = [(gid, amplitude, at, 2.0) for gid in (0, 3) for amplitude, at in ((0.1, 0.0), (0.2, 1.0), (-0.3, 1.5))]
    found = waveforms(currents(*rows, (1, 0.1, 4.0, 1.0)), 0.5, 100)
    assert [wave.gids.tolist() for wave in found] == [[0, 3], [1]]
    np.testing.assert_array_equal(found[0].steps, [1, 2, 3, 4, 6, 7])  # t = 0 is the first step
    np.testing.assert_allclose(found[0].amplitude_pA, [100.0, 300.0, 0.0, -100.0, -300.0, 0.0])
    assert found[0].amplitude_pA[-1] == 0.0


def test_currents_that_never_flow_make_no_generator():
    assert waveforms(currents((0, 1.0, 20.0, 5.0), (0, 1.0, 2.0, 0.01), (0, 0.0, 1.0, 5.0)), 0.1, 100) == []
