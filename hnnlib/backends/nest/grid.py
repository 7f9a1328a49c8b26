"""Times on NEST's grid: every delay, event and change of a current is a whole number of time steps."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.plan.tables import Biases

__all__ = ["MovedDelays", "Waveform", "delay_steps", "event_steps", "moved_delays", "times_of", "waveforms"]

FUZZ = 1e-6
"""Part of a time step by which a time that lies on the grid may be off it, since it was computed."""

TIC_MS = 0.001
"""What NEST counts times in: time steps are multiples of it."""


def times_of(steps: np.ndarray, dt: float) -> np.ndarray:
    """Return times (ms) of step numbers, without the last digits that a product has."""
    return np.round(steps * dt, 6)


def delay_steps(delay_ms: np.ndarray, dt: float) -> np.ndarray:
    """Return delays as numbers of steps: the nearest, of two the larger, and 1 at least.

    Parameters
    ----------
    delay_ms : array, shape (n,)
        Delays (ms), finite.
    dt : float
        Time step (ms).

    Returns
    -------
    steps : array of int64, shape (n,)
    """
    return np.maximum(1, np.floor(delay_ms / dt + 0.5 + FUZZ)).astype(np.int64)


@attrs.frozen(kw_only=True)
class MovedDelays:
    """What rounding does to delays: how many change by more than 1 %, and the largest change (ms)."""

    count: int
    before_ms: float
    after_ms: float


def moved_delays(delay_ms: np.ndarray, dt: float) -> MovedDelays | None:
    """Return which delays the grid changes by more than 1 %, or None.

    Parameters
    ----------
    delay_ms : array, shape (n,)
        Delays (ms), finite.
    dt : float
        Time step (ms).
    """
    rounded = delay_steps(delay_ms, dt) * dt
    change = np.abs(rounded - delay_ms)
    moved = change > 0.01 * delay_ms + FUZZ * dt
    if not moved.any():
        return None
    worst = int(np.argmax(np.where(moved, change, -1.0)))
    return MovedDelays(count=int(moved.sum()), before_ms=float(delay_ms[worst]), after_ms=float(rounded[worst]))


def event_steps(time_ms: np.ndarray, dt: float) -> np.ndarray:
    """Return the steps at which events happen: the next one, and 1 at least, since nothing is sent at t = 0.

    Parameters
    ----------
    time_ms : array, shape (n,)
        Times (ms), >= 0.
    dt : float
        Time step (ms).

    Returns
    -------
    steps : array of int64, shape (n,)
    """
    return np.maximum(1, np.ceil(time_ms / dt - FUZZ)).astype(np.int64)


@attrs.frozen(kw_only=True, eq=False)
class Waveform:
    """A current that is constant from each time to the next, 0 before the first; and the cells that it flows into."""

    gids: np.ndarray  # int64
    steps: np.ndarray  # int64, rising, 1 at least
    amplitude_pA: np.ndarray


def waveforms(biases: Biases, dt: float, n_steps: int) -> list[Waveform]:
    """Return the currents of a plan, summed cell by cell; cells with the same current are together.

    A current is on during the steps whose middle lies between its onset and its end. A generator of NEST can't change
    before the first step, so a current that is on from t = 0 begins there.

    Parameters
    ----------
    biases : Biases
        The currents (nA).
    dt : float
        Time step (ms).
    n_steps : int
        Steps of the run; later changes are left out.
    """
    ends = np.stack([biases.delay_ms, biases.delay_ms + biases.duration_ms])
    on, off = np.maximum(1, np.ceil(ends / dt - 0.5 - FUZZ)).astype(np.int64)
    amplitude = 1000.0 * biases.amplitude_nA
    together: dict[bytes, tuple[list[int], np.ndarray, np.ndarray]] = {}
    order = np.argsort(biases.gid, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(biases.gid[order])) + 1) if len(order) else []:
        steps, level = _summed(on[rows], off[rows], amplitude[rows], n_steps)
        if len(steps):
            key = steps.tobytes() + level.tobytes()
            together.setdefault(key, ([], steps, level))[0].append(int(biases.gid[rows[0]]))
    return [Waveform(gids=np.array(gids), steps=steps, amplitude_pA=level) for gids, steps, level in together.values()]


def _summed(on: np.ndarray, off: np.ndarray, amplitude: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a sum of currents changes, and what it is from there on."""
    acts = (off > on) & (on < n_steps) & (amplitude != 0.0)
    at = np.concatenate([on[acts], off[acts]])
    change = np.concatenate([amplitude[acts], -amplitude[acts]])
    steps, which = np.unique(at, return_inverse=True)
    level = np.cumsum(np.bincount(which, change, minlength=len(steps)))
    # what is left of currents that have ended is a rounding error
    level[np.abs(level) < 1e-12 * np.abs(amplitude).max(initial=0.0)] = 0.0
    kept = steps < n_steps
    return steps[kept], level[kept]
