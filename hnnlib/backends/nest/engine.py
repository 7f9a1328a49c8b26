"""The NEST engine: networks of point cells."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from hnnlib.backends.nest.check import obstacles
from hnnlib.backends.nest.grid import moved_delays
from hnnlib.backends.nest.kernel import Kernel, kernel, require_nest
from hnnlib.backends.nest.network import PointNetwork
from hnnlib.backends.protocol import Progress, check_finite, header_of, trial_record
from hnnlib.base.errors import InvalidType, InvalidValue, SimulationError, TrialFailed, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.seeds import engine_seed
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["DIPOLES", "NestEngine"]

DIPOLES = ("kernel", "replay", "none")
"""Ways to the dipole of point cells, which have none of their own."""

_SIGNS_OF_LIFE = 20
"""How often progress is told in a trial."""

_PIECE_MS = 10.0
"""Longest time that is simulated in one go (ms)."""


class NestEngine:
    """Runs plans of point cells on NEST, one trial at a time; `hnnlib.simulate` makes points of a column's cells.

    Times are whole numbers of time steps there: delays are rounded to the nearest (where that changes one by more than
    1 %, a warning says so), spikes of drives act at the next one. A current acts one step after it is switched on,
    one that is on from t = 0 two.

    Parameters
    ----------
    threads : int
        Threads of a simulation. Each has random numbers of its own, so that results hang on their number where a model
        or synapse is random; trials in several processes (`NestBackend`) are the better use of cores.
    dt : float, optional
        Time step (ms) of simulation and recordings; left out, the run's. 0.1 is usual for point cells.
    dipole : 'kernel', 'replay' or 'none'
        How a column's dipole is worked out from the spikes.
    point_cells, dipole_kernels : path, optional
        What ``hnnlib reduce`` wrote for a column's cells; left out: what comes with the package.

    Raises
    ------
    MissingPackage
        If NEST is not installed.
    InvalidValue
        If a number is out of range, or ``dipole`` is none of these.

    Notes
    -----
    Gewaltig & Diesmann 2007, Scholarpedia 2(4):1430. NEST has one state per process: a simulation forgets whatever
    else was built with it there.
    """

    name = "nest"
    points = True
    """It takes cells as points."""
    threads = 1  # trials at a time
    splits_trials = False

    def __init__(
        self,
        threads: int = 1,
        dt: float | None = None,
        dipole: str = "kernel",
        point_cells: str | os.PathLike[str] | None = None,
        dipole_kernels: str | os.PathLike[str] | None = None,
    ) -> None:
        require_nest()
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise InvalidType("threads", threads, "must be an integer")
        if threads < 1:
            raise InvalidValue("threads", threads, "must be >= 1")
        if dt is not None and not dt > 0:
            raise InvalidValue("dt", dt, "must be > 0 ms")
        if dipole not in DIPOLES:
            raise UnknownName("dipole", dipole, "way to the dipole", DIPOLES)
        self.local_num_threads, self.dt, self.dipole = threads, dt, dipole
        self.point_cells = None if point_cells is None else str(point_cells)
        self.dipole_kernels = None if dipole_kernels is None else str(dipole_kernels)

    @property
    def options(self) -> dict[str, object]:
        """What the engine was made with."""
        names = ("dt", "dipole", "point_cells", "dipole_kernels")
        return {"threads": self.local_num_threads, **{name: getattr(self, name) for name in names}}

    def obstacles(self, plan: Plan) -> list[str]:
        """Return what of the plan this engine can't do; say in the log what it does to delays.

        Parameters
        ----------
        plan : Plan
            What is to be run.

        Raises
        ------
        MissingPackage, MPIUnavailable
            If NEST is not installed, or is one that takes all ranks of an MPI job for one simulation.
        """
        found = obstacles(kernel(), plan, self.local_num_threads)
        moved = moved_delays(plan.edges.delay_ms[plan.live_edges()], plan.run.dt_ms)
        if not found and moved is not None:
            logger.warning(
                "NEST rounds delays to time steps of %g ms: %d of %d connections change by more than 1 %%, most from "
                "%g to %g ms",
                *(plan.run.dt_ms, moved.count, len(plan.edges), moved.before_ms, moved.after_ms),
            )
        return found

    def run(self, plan: Plan, trials: Sequence[int], progress: Progress | None = None) -> Records:
        """Compute some trials of a plan.

        Parameters
        ----------
        plan : Plan
            What to run.
        trials : sequence of int
            0-based indices of the trials.
        progress : callable, optional
            Called as ``progress(trial, t_ms)``.

        Returns
        -------
        records : Records

        Raises
        ------
        TrialFailed
            If a trial can't be run to its end, with its number and the cause.
        SimulationError
            In a process that was forked from one in which NEST runs, or in a second thread.
        MissingPackage, MPIUnavailable
            As `obstacles`.
        """
        nest = kernel()
        measured: dict[int, _Measured] = {}
        for trial in trials:
            try:
                measured[trial] = self._measure(nest, plan, trial, progress)
            except nest.errors as error:
                raise TrialFailed(trial, f"NEST: {error}") from error
        begin = time.process_time()
        estimated = _estimated(plan, measured)
        share_s = (time.process_time() - begin) / max(1, len(measured))
        done = []
        for trial, m in measured.items():
            samples = {**m.samples, **estimated[trial]}
            try:
                check_finite(plan, trial, samples)
            except SimulationError as error:
                raise TrialFailed(trial, str(error)) from error
            done.append(trial_record(plan, trial, m.times_ms, m.gids, samples, m.cpu_s + share_s))
        stats = {"build_cpu_s": sum(m.build_cpu_s for m in measured.values())}
        return Records(header=header_of(plan), trials=tuple(done), engine=self.name, stats=stats)

    def run_many(self, plans: Sequence[Plan], progress: Progress | None = None) -> list[Records]:
        """Compute all trials of many plans, one after another.

        Parameters
        ----------
        plans : sequence of Plan
            What to run.
        progress : callable, optional
            Called as ``progress(number of the plan, duration of a trial)`` when a plan is done.

        Returns
        -------
        records : list of Records
            One per plan, the same as from `run`.
        """
        done = []
        for number, plan in enumerate(plans):
            try:
                done.append(self.run(plan, range(plan.run.n_trials)))
            except TrialFailed as error:
                raise error.of(number) from error
            if progress is not None:
                progress(number, plan.run.tstop_ms)
        return done

    def _measure(self, kernel: Kernel, plan: Plan, trial: int, progress: Progress | None) -> _Measured:
        """Build and simulate a trial."""
        begin = time.process_time()
        kernel.reset(plan.run.dt_ms, engine_seed(plan.run.seed, self.name, trial), self.local_num_threads)
        network = PointNetwork(kernel.nest, plan)
        for number in range(len(plan.templates)):
            network.add_cells(number)
        events = plan.events[trial]
        fires = np.ones(plan.n_gids, bool)
        fires[plan.n_cells :] = np.diff(events.offset) > 0
        network.connect(np.flatnonzero(plan.live_edges() & fires[plan.edges.source_gid]), events.of)
        network.add_currents()
        recordings = {probe.name: network.record(probe) for probe in plan.probes}
        spikes = network.record_spikes()
        build_s = time.process_time() - begin
        _simulate(kernel, plan, trial, progress)
        times, gids = network.spikes(spikes)
        return _Measured(
            times_ms=times,
            gids=gids,
            samples={name: recording.samples() for name, recording in recordings.items()},
            cpu_s=time.process_time() - begin,
            build_cpu_s=build_s,
        )


@attrs.frozen(kw_only=True, eq=False)
class _Measured:
    """One trial as NEST gave it."""

    times_ms: np.ndarray
    gids: np.ndarray
    samples: dict[str, np.ndarray]
    cpu_s: float
    build_cpu_s: float


def _estimated(plan: Plan, measured: Mapping[int, _Measured]) -> Mapping[int, Mapping[str, np.ndarray]]:
    """Return the samples that point cells can't have, by trial and probe."""
    if plan.estimate is None:
        return {trial: {} for trial in measured}
    from hnnlib.backends.nest.estimate import estimate  # the engines that replays run on

    return estimate(plan, {trial: (m.times_ms, m.gids) for trial, m in measured.items()})


def _simulate(kernel: Kernel, plan: Plan, trial: int, progress: Progress | None) -> None:
    """Run the kernel to the end of the trial, and as much longer as its recorders lag behind."""
    nest, dt = kernel.nest, plan.run.dt_ms
    lag = max(1, round(nest.min_delay / dt))
    steps = plan.run.n_steps + lag
    # in pieces: while NEST runs, Python hears no Ctrl-C
    size = lag * max(1, round(min(steps / _SIGNS_OF_LIFE, _PIECE_MS / dt) / lag))
    told = 0
    with nest.RunManager():
        for first in range(0, steps, size):
            last = min(first + size, steps)
            nest.Run(round((last - first) * dt, 6))
            # the trial's end is told once, when the recorders have caught up
            due = (last - told) * _SIGNS_OF_LIFE >= steps and last < plan.run.n_steps
            if progress is not None and (due or last == steps):
                told = last
                progress(trial, min(last * dt, plan.run.tstop_ms))
