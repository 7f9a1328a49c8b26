"""When what trickles in is written."""

from __future__ import annotations

import pytest

import hnnlib.base.pace as pace_room
from hnnlib.base.pace import Pace


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace_room, "time", clock)
    return clock


def written(pace, clock, seconds):
    with pace.writing():
        clock.now += seconds


def due_after(pace, clock, seconds):
    clock.now += seconds
    return pace.due


def test_the_first_time_is_at_once_and_the_next_after_a_while(clock):
    pace = Pace(0.5)
    assert pace.due
    written(pace, clock, 0.001)
    assert not due_after(pace, clock, 0.49)
    assert due_after(pace, clock, 0.02)


def test_slow_writing_takes_one_part_in_twenty_of_the_time(clock):
    pace = Pace(0.5)
    written(pace, clock, 1.0)
    assert not due_after(pace, clock, 19.0)
    assert due_after(pace, clock, 1.1)


def test_but_never_waits_longer_than_is_said(clock):
    pace = Pace(0.5, longest_s=10.0)
    written(pace, clock, 1.0)
    assert not due_after(pace, clock, 9.0)
    assert due_after(pace, clock, 1.1)


def test_what_failed_is_tried_again_at_once(clock):
    pace = Pace(0.5)
    with pytest.raises(OSError, match="disk"), pace.writing():
        raise OSError("no disk")
    assert pace.due
