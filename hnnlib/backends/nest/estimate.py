"""From spikes of point cells to what points don't have: dipoles, potentials."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.nest.features import arrivals, bumps, convolve, summed_signals
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.backends.protocol import Engine
from hnnlib.plan.estimate import PopulationKernels
from hnnlib.plan.tables import Events, Plan
from hnnlib.results.records import TrialRecord

__all__ = ["beyond_training", "estimate", "most_spikes"]

Spikes = tuple[np.ndarray, np.ndarray]
"""Times (ms) and gids of the cells' spikes in a trial, in any order."""

_WINDOW_MS = 100.0
_MARGIN = 1.05  # beyond the training set is what is larger by more than 5 %


def estimate(
    plan: Plan, spikes: Mapping[int, Spikes], engine: Engine | None = None
) -> dict[int, dict[str, np.ndarray]]:
    """Return what a plan of point cells has estimated, from the spikes of its trials.

    Parameters
    ----------
    plan : Plan
        The plan that was run.
    spikes : dict
        Number of a trial -> times (ms) and gids of what its cells fired, in any order. What drive cells fire is known
        from the plan.
    engine : Engine, optional
        What runs the detailed cells of a replay; left out: the fast engine where it can, else NEURON.

    Returns
    -------
    samples : dict
        Number of the trial -> probe name -> array of shape (n_samples, n_rows). Empty dicts where nothing is estimated.

    Raises
    ------
    TrialFailed
        If the detailed cells of a replay diverge.
    """
    wanted = plan.estimate
    if wanted is None:
        return {trial: {} for trial in spikes}
    fired = {trial: _all_spikes(plan, trial, own) for trial, own in spikes.items()}
    if wanted.twin is not None:
        return _replayed(plan, wanted.twin, fired, engine)
    return {
        trial: {wanted.probes[0].name: np.stack([_moment(plan, b, *both) for b in wanted.kernels], axis=1)}
        for trial, both in fired.items()
    }


def _all_spikes(plan: Plan, trial: int, spikes: Spikes) -> Spikes:
    """Return times (ms) and gids of what cells and drive cells fire in a trial."""
    events = plan.events[trial]
    drives = np.repeat(plan.drive_cells.first_gid + np.arange(len(plan.drive_cells)), np.diff(events.offset))
    return np.concatenate([spikes[0], events.time_ms]), np.concatenate([spikes[1], drives]).astype(np.int64)


def _replayed(
    plan: Plan, twin: Plan, fired: Mapping[int, Spikes], engine: Engine | None
) -> dict[int, dict[str, np.ndarray]]:
    """Run detailed cells on which the spikes act."""
    events = tuple(
        Events(
            time_ms=times[np.lexsort((times, gids))],
            offset=np.concatenate([[0], np.cumsum(np.bincount(gids, minlength=plan.n_gids))]).astype(np.int64),
        )
        for times, gids in fired.values()
    )
    twin = attrs.evolve(twin, run=attrs.evolve(twin.run, n_trials=len(events)), events=events)
    records = (engine or _engine_for(twin)).run(twin, range(len(events)))
    return {trial: dict(record.samples) for trial, record in zip(fired, records.trials, strict=True)}


def _engine_for(twin: Plan) -> Engine:
    fast = _fast_engine()
    return NeuronEngine() if fast.obstacles(twin) else fast


@functools.lru_cache(maxsize=1)
def _fast_engine() -> FastEngine:
    """One for all calls, which keeps its compiled kernels."""
    return FastEngine()


def _moment(plan: Plan, bound: PopulationKernels, times_ms: np.ndarray, gids: np.ndarray) -> np.ndarray:
    """Return the current dipole moment (fAm) of a population at all samples of the run."""
    kernels, run = bound.kernels, plan.run
    reached = arrivals(bound, times_ms, gids, plan.n_gids, run.n_steps * run.dt_ms)
    parts = list(summed_signals(kernels, reached))
    total = np.zeros(reached.n_times)
    if parts:
        shapes = np.array([coefficients for coefficients, _ in parts]) @ bumps(kernels)
        total = convolve(np.stack([signal for _, signal in parts]), shapes).sum(axis=0)
    samples = np.arange(run.n_steps + 1) * run.dt_ms
    rest = np.interp(samples, kernels.rest_ms, kernels.rest_fAm)
    moment: np.ndarray = bound.n_cells * rest + np.interp(samples, np.arange(len(total)) * kernels.step_ms, total)
    return moment


def most_spikes(cell: np.ndarray, times_ms: np.ndarray) -> int:
    """Return the most spikes that a cell fires within 100 ms.

    Parameters
    ----------
    cell, times_ms : array, shape (n_spikes,)
        The cell of each spike, and its time.
    """
    order = np.lexsort((times_ms, cell))
    # cells one after another on one axis of time, further apart than the window
    axis = times_ms[order] + cell[order] * (times_ms.max(initial=0.0) + 2 * _WINDOW_MS)
    ahead = np.searchsorted(axis, axis + _WINDOW_MS, side="left") - np.arange(len(axis))
    return int(ahead.max(initial=0))


def beyond_training(plan: Plan, trials: Sequence[TrialRecord]) -> list[str]:
    """Return where trials leave what dipole kernels were fitted to, one phrase for each population and kind.

    Parameters
    ----------
    plan : Plan
        What was run.
    trials : sequence of TrialRecord
        Its trials.

    Returns
    -------
    phrases : list of str
        Of cells that fire more than any in the training set, and of channels in which so many events meet that more
        conductance is open. Phrases don't name numbers of the trials, so that trials of one run give the same ones.
    """
    found: dict[str, None] = {}
    for bound in () if plan.estimate is None else plan.estimate.kernels:
        for trial in trials:
            found.update(dict.fromkeys(_beyond(plan, bound, trial)))
    return list(found)


def _beyond(plan: Plan, bound: PopulationKernels, trial: TrialRecord) -> list[str]:
    found = []
    cell = trial.spike_gids - bound.gid_start
    own = (cell >= 0) & (cell < bound.n_cells)
    if most_spikes(cell[own], trial.spike_times_ms[own]) > bound.kernels.most_spikes:
        limit = f"{bound.kernels.most_spikes} times within {_WINDOW_MS:g} ms"
        found.append(f"cells of {bound.population} fire more than {limit}, the most they were fitted to")
    tstop = plan.run.n_steps * plan.run.dt_ms
    reached = arrivals(bound, trial.spike_times_ms, trial.spike_gids.astype(np.int64), plan.n_gids, tstop)
    for channel in bound.kernels.channels:
        # without any in training the weights have said it
        if 0 < _MARGIN * channel.most_open_uS < reached.conductance.get(channel.name, np.zeros(1)).max():
            limit = f"{channel.most_open_uS:.3g} µS of {channel.name}"
            found.append(f"cells of {bound.population} open more than {limit}, the most they were fitted to")
    return found
