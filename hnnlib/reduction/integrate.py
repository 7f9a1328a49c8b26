"""Many candidates for a cell's point model at once: what the search for parameters runs in NEST's place.

The model is NEST's ``aeif_cond_beta_multisynapse`` (adaptive exponential integrate and fire, Brette & Gerstner 2005,
J Neurophysiol 94:3637, with conductances of two exponentials). NEST integrates it with adaptive steps; here a step is
0.1 ms, and spikes agree to about a step. A search takes a hundredth of the time; what comes out is run on NEST before
it is used.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from hnnlib.backends.fast.build import kernel_library
from hnnlib.reduction.lessons import Lessons

__all__ = ["ONE", "PORT", "STEP_MS", "Schedule", "candidate_spikes", "make_schedule", "pointer"]

STEP_MS = 0.1

ONE = ("C_m", "g_L", "E_L", "V_th", "Delta_T", "a", "b", "tau_w", "V_reset", "t_ref", "V_peak")
"""Parameters of a candidate, in the kernel's order and NEST's names and units."""

PORT = ("gain", "saturation_uS", "tau_rise", "tau_decay", "E_rev")
"""Parameters of each of its ports: nS per nS of the contact, the weight that halves the gain (0: none), ms, ms, mV."""

_LANES = 16  # a multiple of the lanes of any register
_MOST_PER_CELL = 200


@attrs.frozen(kw_only=True, eq=False)
class Schedule:
    """Events of some cells by cell, then step; contacts of one event and weight, and all weak ones, are one row."""

    n_steps: int
    n_lanes: int
    n_ports: int
    first: np.ndarray  # int64 (n_lanes + 1,): events of lane k are first[k]:first[k + 1]
    step: np.ndarray  # int32
    port: np.ndarray  # int32
    weight_uS: np.ndarray  # float32
    count: np.ndarray  # float32, how many contacts of this weight


def make_schedule(lessons: Lessons, port_of_site: np.ndarray, n_ports: int, weak_uS: float = 1e-3) -> Schedule:
    """Return the events of lessons by lane and step.

    Parameters
    ----------
    lessons : Lessons
        What the cells received.
    port_of_site : array of int, shape (n_sites,)
        Port of the point cell that stands for each site; -1: none, its events are left out.
    n_ports : int
        Number of ports.
    weak_uS : float
        Weaker events are added up, since they saturate nothing.
    """
    port = port_of_site[lessons.event_site]
    step = np.ceil(lessons.event_ms / STEP_MS - 0.5).astype(np.int64)
    n_steps = round(lessons.tstop_ms / STEP_MS)
    kept = (port >= 0) & (step < n_steps)
    key = ((lessons.event_lane * n_steps + step) * n_ports + port)[kept]
    weight = lessons.event_uS[kept]
    order = np.lexsort((np.where(weight < weak_uS, 0.0, weight), key))
    key, weight = key[order], weight[order]
    strong = weight >= weak_uS
    new = np.ones(len(key), bool)
    new[1:] = (key[1:] != key[:-1]) | (strong[1:] & (weight[1:] != weight[:-1])) | (strong[1:] != strong[:-1])
    row = np.cumsum(new) - 1
    summed, count = np.bincount(row, weight), np.bincount(row).astype(float)
    single = strong[new]
    lane_step, at = np.divmod(key[new], n_ports)
    lane, when = np.divmod(lane_step, n_steps)
    return Schedule(
        n_steps=n_steps,
        n_lanes=lessons.n_lanes,
        n_ports=n_ports,
        first=np.searchsorted(lane, np.arange(lessons.n_lanes + 1)).astype(np.int64),
        step=when.astype(np.int32),
        port=at.astype(np.int32),
        weight_uS=np.where(single, summed / count, summed).astype(np.float32),
        count=np.where(single, count, 1.0).astype(np.float32),
    )


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Return where an array's data begin, for a compiled function."""
    return ctypes.c_void_p(array.ctypes.data)


def candidate_spikes(schedule: Schedule, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return when each candidate fires in each lane.

    Parameters
    ----------
    schedule : Schedule
        The events.
    given : dict of str to array
        What `ONE` names, of shape (n_candidates,), and what `PORT` names, of shape (n_candidates, n_ports).

    Returns
    -------
    spikes : array of int, shape (n_spikes, 3)
        Candidate, lane, step.
    """
    n = len(given["C_m"])
    padded = np.minimum(np.arange(-(-n // _LANES) * _LANES), n - 1)
    one = np.ascontiguousarray(np.stack([given[name][padded] for name in ONE]), np.float32)
    port = np.ascontiguousarray(np.stack([given[name][padded].T for name in PORT]), np.float32)
    room = len(padded) * schedule.n_lanes * _MOST_PER_CELL
    spikes = np.empty((room, 3), np.int32)

    kernel = kernel_library(Path(__file__).with_name("aeif.hpp").read_text(), ("HNNLIB_FLOAT",)).candidates
    kernel.restype = ctypes.c_int64
    found = kernel(
        len(padded),
        schedule.n_ports,
        schedule.n_lanes,
        schedule.n_steps,
        ctypes.c_float(STEP_MS),
        pointer(one),
        pointer(port),
        pointer(schedule.first),
        pointer(schedule.step),
        pointer(schedule.port),
        pointer(schedule.weight_uS),
        pointer(schedule.count),
        ctypes.c_int64(room),
        pointer(spikes),
    )
    spikes = spikes[: min(found, room)]
    return spikes[spikes[:, 0] < n]
