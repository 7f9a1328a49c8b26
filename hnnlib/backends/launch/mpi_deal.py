"""Who computes what in an MPI job: teams of ranks, and the trials of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import attrs
import numpy as np

from hnnlib.backends.protocol import Engine, Part, Progress, SplittingEngine
from hnnlib.base.errors import HnnlibError, InvalidValue, SimulationError, TrialFailed
from hnnlib.plan.partition import largest_share, partition
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["Calls", "Task", "Work", "deal"]

Task = tuple[int, int]
"""Number of a plan, and a trial of it."""

_PER_DOUBLING = 0.15  # of a trial: on two cores, two ranks took 0.575 of the time of one for the default column


@attrs.frozen(kw_only=True, eq=False)
class Work:
    """What the ranks of a job have to do.

    Each ``team`` consecutive ranks compute trials together; ranks beyond ``n_teams * team`` have nothing to do.
    """

    engine: Engine
    plans: tuple[Plan, ...]
    tasks: tuple[Task, ...]
    team: int
    n_teams: int

    @property
    def n_ranks(self) -> int:
        """Number of ranks that have something to do."""
        return self.n_teams * self.team

    def name_of(self, number: int) -> str:
        """Return what errors call a task."""
        plan, trial = self.tasks[number]
        return f"trial {trial}" + (f" of network {plan}" if len(self.plans) > 1 else "")

    def failed(self, number: int, cause: str) -> HnnlibError:
        """Return the error of a task that could not be done."""
        return TrialFailed(self.tasks[number][1], cause)

    def of(self, rank: int) -> tuple[Task, ...]:
        """Return what a rank computes, alone or with its team: trials of one plan stay together as far as can be."""
        number = rank // self.team
        if number >= self.n_teams:
            return ()
        return tuple(self.tasks[k] for k in np.array_split(np.arange(len(self.tasks)), self.n_teams)[number])

    def team_up(self, n_ranks: int) -> None:
        """Make teams of ranks, all ranks together; an engine that can't split trials needs none."""
        if self.engine.splits_trials:
            cast(SplittingEngine, self.engine).team_up(n_ranks)

    def compute(self, task: Task, rank: int, progress: Progress | None) -> Records:
        """Compute a rank's part of a task."""
        number, trial = task
        plan = self.plans[number]
        if self.team == 1:
            return self.engine.run(plan, [trial], progress)
        place = rank % self.team
        part = Part(gids=partition(plan, self.team)[place], number=place, n_parts=self.team)
        return cast(SplittingEngine, self.engine).run(plan, [trial], progress, part)


@attrs.frozen(kw_only=True, eq=False)
class Calls:
    """A function to be called for each of many items, which ranks take one by one as they are free."""

    function: Callable[[Any, Any], Any]
    given: Any
    what: str
    n_ranks: int

    def name_of(self, number: int) -> str:
        """Return what errors call an item."""
        return f"{self.what} {number}"

    def failed(self, number: int, cause: str) -> HnnlibError:
        """Return the error of an item that could not be done."""
        return SimulationError(f"{self.what} {number} failed: {cause}")


def deal(
    engine: Engine,
    plans: Sequence[Plan],
    tasks: Sequence[Task],
    n_ranks: int,
    ranks_per_trial: int | None,
    idle_allowed: bool,
) -> Work:
    """Deal tasks to teams of ranks.

    Left open, the size k of teams is the one for which all is done soonest, the smaller of equal ones: with N ranks and
    T trials there are ``ceil(T / floor(N / k))`` rounds, and a round takes ``share(k) * (1 + 0.15 log2 k)`` of a trial,
    where share(k) is the part of a trial's cost that the dearest of k parts has.

    Parameters
    ----------
    engine : Engine
        What computes.
    plans : sequence of Plan
        What to run.
    tasks : sequence of tuple of int
        Number of the plan and trial, in the order in which to run them.
    n_ranks : int
        Ranks that there are.
    ranks_per_trial : int or None
        Size of the teams.
    idle_allowed : bool
        Whether there may be more ranks than cells in all trials together.

    Returns
    -------
    work : Work

    Raises
    ------
    InvalidValue
        If teams of that size are impossible, or there are more ranks than cells in all trials together.
    """
    if not tasks:
        return Work(engine=engine, plans=tuple(plans), tasks=(), team=1, n_teams=1)
    n_cells = min(plan.n_cells for plan in plans)
    n_trials = max(len(tasks), max(plan.run.n_trials for plan in plans))  # only some may be left to run
    if engine.splits_trials and not idle_allowed and n_ranks > n_cells * n_trials:
        raise InvalidValue(
            "n_procs",
            n_ranks,
            f"must be <= {n_cells * n_trials}: {n_cells} cells in each of {n_trials} trials",
        )
    reason = _why_whole(engine, plans)
    if ranks_per_trial is None:
        most = 1 if reason else max(1, min(n_ranks, n_cells))
        team = min(range(1, most + 1), key=lambda k: _duration(plans[0], len(tasks), n_ranks, k))
    else:
        team = ranks_per_trial
        if team > 1 and reason:
            raise InvalidValue("ranks_per_trial", team, f"must be 1: {reason}")
        if team > n_cells > 0:
            raise InvalidValue("ranks_per_trial", team, f"must be <= {n_cells}, the number of cells")
    n_teams = min(n_ranks // team, len(tasks))
    return Work(engine=engine, plans=tuple(plans), tasks=tuple(tasks), team=team, n_teams=n_teams)


def _duration(plan: Plan, n_tasks: int, n_ranks: int, team: int) -> float:
    rounds = -(-n_tasks // (n_ranks // team))
    return rounds * largest_share(plan, team) * (1.0 + _PER_DOUBLING * math.log2(team))


def _why_whole(engine: Engine, plans: Sequence[Plan]) -> str:
    """Return why a trial can't be split; empty if it can."""
    if not engine.splits_trials:
        return f"the engine {engine.name!r} computes a trial in one process"
    for plan in plans:
        between = plan.live_edges() & (plan.edges.source_gid < plan.n_cells)
        delay = plan.edges.delay_ms[between].min(initial=np.inf)
        if delay - 1e-9 <= plan.run.dt_ms:
            return (
                f"a connection between cells has a delay of {delay:g} ms, and ranks exchange spikes once per step "
                f"(dt = {plan.run.dt_ms:g} ms) at most"
            )
    return ""
