"""How often what trickles in is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Pace"]

TIME_SHARE = 20
"""At most one part in so many of the time is spent on writing."""


class Pace:
    """Says when it is time to write again; the first time, at once.

    Parameters
    ----------
    every_s : float
        What comes within this time (s) after others were written waits for those that follow.
    longest_s : float
        It waits longer where writing is slow, but never longer than this (s).
    """

    def __init__(self, every_s: float, longest_s: float = math.inf) -> None:
        self._every_s, self._longest_s, self._due_at = every_s, longest_s, 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() >= self._due_at

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Note when and for how long something is written, while the block runs; nothing is noted if that fails."""
        begin = time.monotonic()
        yield
        now = time.monotonic()
        self._due_at = now + min(max(self._every_s, TIME_SHARE * (now - begin)), self._longest_s)
