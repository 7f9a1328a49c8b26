"""The whole plan: the same for the same arguments, biases, nothing in it for nothing."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import digest_of
from hnnlib.spec.network import NetworkSpec, TonicBias
from hnnlib.spec.run import RunSpec


def test_the_same_arguments_give_the_same_plan(small_column):
    run = RunSpec(tstop=20.0, n_trials=2)
    assert digest_of(compile_plan(small_column, run)) == digest_of(compile_plan(small_column, run))


def test_other_arguments_give_another_plan(small_column):
    digests = {
        digest_of(compile_plan(network, run))
        for network in (small_column, attrs.evolve(small_column, celsius=36.0))
        for run in (
            RunSpec(tstop=20.0),
            RunSpec(tstop=20.0, n_trials=2),
            RunSpec(tstop=21.0),
            RunSpec(tstop=20.0, dt=0.05),
        )
    }
    assert len(digests) == 8


def test_biases_are_one_row_per_cell(tiny_network):
    network = attrs.evolve(
        tiny_network,
        biases={
            "a": {"left": TonicBias(amplitude=0.1, t0=2.0, tstop=7.0), "right": TonicBias(amplitude=-0.2)},
            "b": {"right": TonicBias(amplitude=0.3, t0=15.0, section="dend")},
        },
    )
    biases = compile_plan(network, RunSpec(tstop=10.0)).biases
    assert biases.gid.tolist() == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6]
    assert biases.section.tolist() == [0] * 7 + [1] * 3
    assert biases.amplitude_nA.tolist() == [0.1] * 4 + [-0.2] * 3 + [0.3] * 3
    assert biases.delay_ms.tolist() == [2.0] * 4 + [0.0] * 3 + [15.0] * 3
    # without an end a bias lasts as long as the run; one that starts after it never flows
    assert biases.duration_ms.tolist() == [5.0] * 4 + [10.0] * 3 + [0.0] * 3


def test_a_network_of_nothing():
    plan = compile_plan(NetworkSpec(populations={}), RunSpec(tstop=1.0))
    assert (plan.n_cells, plan.n_gids, len(plan.edges), plan.probes) == (0, 0, 0, ())
    assert plan.segment_offset.tolist() == [0]


def test_trials_share_everything_but_their_events(small_column):
    plan = compile_plan(small_column, RunSpec(tstop=170.0, n_trials=3))
    assert len(plan.events) == 3
    assert len({digest_of(events) for events in plan.events}) == 3
    assert {len(events.offset) for events in plan.events} == {70}


def test_default_column_in_numbers(default_params):
    from hnnlib.models.columns import neymotin_2020
    from hnnlib.params.flat import add_drives

    network = add_drives(neymotin_2020(default_params), default_params)
    plan = compile_plan(network, RunSpec(tstop=170.0))
    assert len(plan.edges) == 192_365
    assert plan.edges.nbytes < 6e6
    assert (plan.n_cells, plan.n_gids) == (270, 1045)
    assert int(plan.segment_offset[-1]) == 70 + 100 * 32 + 100 * 55
    assert np.isfinite(plan.edges.delay_ms).all()
