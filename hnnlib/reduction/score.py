"""How far a candidate's spikes are from the detailed cells'."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from hnnlib.backends.fast.build import kernel_library
from hnnlib.reduction.integrate import STEP_MS, pointer
from hnnlib.reduction.lessons import Lessons

__all__ = ["Score", "Yardstick"]


@attrs.frozen(kw_only=True, eq=False)
class Score:
    """Errors of each candidate; the smaller the better, 0: the very spikes."""

    total: np.ndarray  # (n_candidates,), what the search makes small
    trains: np.ndarray  # distance of smoothed spike trains, cell by cell; 1 for a silent candidate
    rates: np.ndarray  # the same of the population's smoothed rate
    counts: np.ndarray  # root mean square of the relative errors of spike counts, condition by condition


class Yardstick:
    """The detailed cells' spikes, ready to be compared with.

    Spike trains are smoothed by decaying exponentials and compared by their squared distance (van Rossum 2001, Neural
    Comput 13:751): cell by cell, which teaches which cells fire, and summed over the cells of a condition, which
    teaches how many fire when, whatever noise there is in single cells.

    Parameters
    ----------
    lessons : Lessons
        Events and spikes of the detailed cells.
    weights : dict of int to float, optional
        Weight of each condition; 1 where it is left out.
    widths_ms : tuple of float
        Time constants of the exponentials.
    """

    def __init__(
        self,
        lessons: Lessons,
        weights: Mapping[int, float] | None = None,
        widths_ms: tuple[float, ...] = (1.0, 3.0, 10.0),
    ) -> None:
        numbers, group = np.unique(lessons.condition, return_inverse=True)
        self._n_lanes = lessons.n_lanes
        self._n_steps = round(lessons.tstop_ms / STEP_MS)
        self._group = group.astype(np.int32)
        self._widths = np.array(widths_ms) / STEP_MS
        self._weights = np.array([(weights or {}).get(int(c), 1.0) for c in numbers], float)
        self._weights /= self._weights.sum()
        order = np.lexsort((lessons.spike_ms, lessons.spike_lane))
        self._real_step = np.rint(lessons.spike_ms[order] / STEP_MS).astype(np.int32)
        bounds = np.searchsorted(lessons.spike_lane[order], np.arange(lessons.n_lanes + 1))
        self._real_first = bounds.astype(np.int64)
        self._real_count = np.bincount(group, np.diff(bounds), minlength=len(numbers))
        # a condition in which hardly a cell fires must not count more than one in which all do
        self._least = 0.1 * np.bincount(group, minlength=len(numbers))
        power, rate_power, _ = self._distances(np.zeros((0, 3), np.int32), 1)
        self._power = np.maximum(power[0], self._least[:, None])
        self._rate_power = np.maximum(rate_power[0], self._least[:, None])

    def score(self, spikes: np.ndarray, n_candidates: int) -> Score:
        """Return the errors of candidates whose spikes `candidate_spikes` has given."""
        trains, rates, count = self._distances(spikes, n_candidates)
        train = (trains / self._power).mean(axis=2) @ self._weights
        rate = (rates / self._rate_power).mean(axis=2) @ self._weights
        counts = ((count - self._real_count) / np.maximum(self._real_count, self._least)) ** 2 @ self._weights
        return Score(total=train + 4 * rate + 5 * counts, trains=train, rates=rate, counts=np.sqrt(counts))

    def _distances(self, spikes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        groups, widths = len(self._weights), len(self._widths)
        trains, rates, count = np.zeros((n, groups, widths)), np.zeros((n, groups, widths)), np.zeros((n, groups))
        spikes = np.ascontiguousarray(spikes, np.int32)
        kernel_library(Path(__file__).with_name("distance.hpp").read_text()).distances(
            n,
            self._n_lanes,
            self._n_steps,
            groups,
            pointer(self._group),
            ctypes.c_int64(len(spikes)),
            pointer(spikes),
            pointer(self._real_first),
            pointer(self._real_step),
            widths,
            pointer(self._widths),
            pointer(trains),
            pointer(rates),
            pointer(count),
        )
        return trains, rates, count
