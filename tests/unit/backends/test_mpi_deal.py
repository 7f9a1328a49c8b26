"""Which rank computes what, and what is refused."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.launch.mpi_deal import deal
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.run import RunSpec


@pytest.fixture(scope="module")
def plan(tiny_network):
    """Four trials of seven equal cells."""
    connection = ConnectionSpec(source="left", target="right", location="both", receptor="ampa", weight=0.1, delay=1.0)
    return compile_plan(attrs.evolve(tiny_network, connections=[connection]), RunSpec(tstop=5.0, n_trials=4))


def dealt(plan, n_ranks, n_tasks=4, engine=None, ranks_per_trial=None, idle_allowed=True):
    tasks = [(0, k) for k in range(n_tasks)]
    return deal(engine or NeuronEngine(), [plan], tasks, n_ranks, ranks_per_trial, idle_allowed)


def test_each_trial_is_computed_by_one_team(plan):
    work = dealt(plan, 6, ranks_per_trial=2)
    assert (work.team, work.n_teams) == (2, 3)
    assert [work.of(rank) for rank in range(6)] == 2 * [((0, 0), (0, 1))] + 2 * [((0, 2),)] + 2 * [((0, 3),)]
    assert work.of(6) == ()


def test_trials_of_one_network_stay_together(plan):
    tasks = [(number, trial) for number in range(3) for trial in range(2)]
    work = deal(NeuronEngine(), [plan] * 3, tasks, 3, 1, True)
    assert [{number for number, _ in work.of(rank)} for rank in range(3)] == [{0}, {1}, {2}]


@pytest.mark.parametrize(
    ("n_ranks", "n_tasks", "team", "n_teams"),
    [
        (1, 4, 1, 1),
        (2, 4, 1, 2),  # trials first: they need no exchange
        (4, 4, 1, 4),
        (5, 4, 1, 4),
        (8, 4, 2, 4),
        (2, 1, 2, 1),
        (4, 2, 2, 2),
        (2, 3, 2, 1),  # three rounds of 0.66 (four of seven cells) rather than two of 1
        (4, 3, 1, 3),
        (7, 1, 7, 1),
        (9, 1, 7, 1),  # no more ranks than cells
    ],
)
def test_the_size_of_teams_is_the_quickest(plan, n_ranks, n_tasks, team, n_teams):
    work = dealt(plan, n_ranks, n_tasks)
    assert (work.team, work.n_teams) == (team, n_teams)


def test_an_engine_that_cannot_split_gets_whole_trials(plan):
    work = dealt(plan, 8, engine=FastEngine())
    assert (work.team, work.n_teams) == (1, 4)
    with pytest.raises(InvalidValue, match=r"ranks_per_trial: 2 must be 1: the engine 'fast' computes a trial in one"):
        dealt(plan, 8, engine=FastEngine(), ranks_per_trial=2)


def test_a_delay_of_one_step_keeps_trials_whole(plan):
    delay = plan.edges.delay_ms.copy()
    delay[3] = plan.run.dt_ms
    short = attrs.evolve(plan, edges=attrs.evolve(plan.edges, delay_ms=delay))
    assert dealt(short, 8).team == 1
    with pytest.raises(InvalidValue, match=r"ranks_per_trial: 2 must be 1: a connection .* delay of 0.025 ms"):
        dealt(short, 8, ranks_per_trial=2)
    idle = attrs.evolve(short, edges=attrs.evolve(short.edges, weight=np.where(delay < 1, 0, plan.edges.weight)))
    assert dealt(idle, 8).team == 2  # it never acts


def test_more_ranks_than_cells_are_refused(plan):
    with pytest.raises(InvalidValue, match=r"n_procs: 29 must be <= 28: 7 cells in each of 4 trials"):
        dealt(plan, 29, idle_allowed=False)
    assert dealt(plan, 28, idle_allowed=False).team == 7
    # of a run that goes on, only some trials may be left
    assert dealt(plan, 28, n_tasks=1, idle_allowed=False).n_teams == 1
    with pytest.raises(InvalidValue, match=r"ranks_per_trial: 8 must be <= 7, the number of cells"):
        dealt(plan, 8, ranks_per_trial=8)


def test_nothing_to_do(plan):
    assert dealt(plan, 4, n_tasks=0).of(0) == ()
