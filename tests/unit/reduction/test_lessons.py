"""What point cells are taught with: who received what when, and how far a candidate's spikes are from a cell's."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.reduction.candidates import make_design
from hnnlib.reduction.integrate import STEP_MS, candidate_spikes, make_schedule
from hnnlib.reduction.lessons import Lessons, join_lessons, lessons_of
from hnnlib.reduction.score import Yardstick
from hnnlib.results.records import TrialRecord
from hnnlib.spec.run import RunSpec

PLACES = {"soma": ("soma",), "proximal": ("apical_oblique", "basal_2", "basal_3"), "distal": ("apical_tuft",)}


def lessons(events=(), spikes=(), n_lanes=1, tstop_ms=50.0) -> Lessons:
    """Events are lane, site, ms, µS; spikes lane, ms."""
    e = np.array(events, float).reshape(-1, 4)
    s = np.array(spikes, float).reshape(-1, 2)
    return Lessons(
        tstop_ms=tstop_ms,
        condition=np.zeros(n_lanes, np.int64),
        event_lane=e[:, 0].astype(np.int64),
        event_site=e[:, 1].astype(np.int64),
        event_ms=e[:, 2],
        event_uS=e[:, 3],
        spike_lane=s[:, 0].astype(np.int64),
        spike_ms=s[:, 1],
    )


def test_a_cell_receives_each_spike_of_its_sources_after_the_delay(small_column):
    plan = compile_plan(small_column, RunSpec(tstop=50.0))
    trial = TrialRecord(
        trial=0,
        spike_times_ms=np.array([10.0, 20.0, 45.0, 12.0]),
        spike_gids=np.array([3, 3, 3, 16]),
        samples={},
        cpu_s=0.0,
    )
    found = lessons_of(plan, trial, np.array([15, 16]), condition=7)
    edges = plan.edges
    for lane, gid in enumerate((15, 16)):
        expected = []
        for source, times in ((3, (10.0, 20.0, 45.0)), (16, (12.0,))):
            rows = np.flatnonzero((edges.source_gid == source) & (edges.target_gid == gid) & (edges.weight > 1e-8))
            expected += [
                (t + edges.delay_ms[r], edges.site[r], edges.weight[r])
                for r in rows
                for t in times
                if t + edges.delay_ms[r] <= 50.0
            ]
        own = found.event_lane == lane
        got = zip(found.event_ms[own], found.event_site[own], found.event_uS[own], strict=True)
        assert len(expected) > 0
        np.testing.assert_allclose(sorted(got), sorted(expected))
    assert (found.spike_lane.tolist(), found.spike_ms.tolist()) == ([1], [12.0])
    assert found.condition.tolist() == [7, 7]


def test_lessons_are_joined_and_parted_lane_by_lane():
    one, two = lessons([(0, 0, 1.0, 0.1)], [(0, 5.0)]), lessons([(1, 0, 2.0, 0.2)], [(1, 6.0)], n_lanes=2)
    both = join_lessons([one, two])
    assert (both.n_lanes, both.event_lane.tolist(), both.spike_lane.tolist()) == (3, [0, 2], [0, 2])
    last = both.take(np.array([2, 0]))
    assert (last.event_lane.tolist(), last.event_ms.tolist()) == ([1, 0], [1.0, 2.0])


def test_contacts_of_one_event_are_one_row_and_weak_ones_add_up():
    events = [(0, 0, 1.0, 0.2), (0, 0, 1.0, 0.2), (0, 0, 1.0, 0.3), (0, 0, 1.0, 4e-4), (0, 0, 1.0, 2e-4), (0, 1, 1, 1)]
    schedule = make_schedule(lessons(events), np.array([0, -1]), 1)
    rows = sorted(zip(schedule.weight_uS.tolist(), schedule.count.tolist(), strict=True))
    assert rows == [pytest.approx((6e-4, 1.0)), pytest.approx((0.2, 2.0)), pytest.approx((0.3, 1.0))]
    assert schedule.step.tolist() == [10, 10, 10]


def test_equal_spikes_have_no_distance_and_a_silent_candidate_has_one():
    taught = lessons(spikes=[(0, 10.0), (0, 20.0), (1, 15.0)], n_lanes=2)
    yardstick = Yardstick(taught, widths_ms=(2.0,))
    steps = [(0, 0, 100), (0, 0, 200), (0, 1, 150)]
    score = yardstick.score(np.array(steps), 2)
    assert score.total[0] == pytest.approx(0.0, abs=1e-12)
    assert (score.trains[1], score.rates[1], score.counts[1]) == pytest.approx((1.0, 1.0, 1.0))


def test_the_distance_is_that_of_smoothed_trains():
    """Against the integral of the squared difference, done step by step."""
    width, spikes, own = 3.0, [10.0, 12.0, 30.0], [10.4, 13.0, 24.0, 30.0]
    times = np.arange(0, 200, 1e-3)

    def smooth(train):
        return sum(np.where(times >= t, np.exp(-(times - t) / width), 0.0) for t in train)

    real, mine = smooth(spikes), smooth(own)
    expected = ((real - mine) ** 2).sum() / (real**2).sum()
    yardstick = Yardstick(lessons(spikes=[(0, t) for t in spikes], tstop_ms=200.0), widths_ms=(width,))
    score = yardstick.score(np.array([(0, 0, round(t / STEP_MS)) for t in own]), 1)
    assert score.trains[0] == pytest.approx(expected, rel=2e-3)
    assert score.rates[0] == pytest.approx(expected, rel=2e-3)


def test_a_candidate_without_threshold_follows_the_membrane_equation():
    """One event on a passive cell: the time at which a threshold is crossed is that of an integral in small steps."""
    g_l, c_m, e_l, gain, tau_r, tau_d, v_th = 10.0, 100.0, -70.0, 2.0, 0.5, 5.0, -60.0
    one = {"C_m": c_m, "g_L": g_l, "E_L": e_l, "V_reset": e_l, "V_th": 0.0, "Delta_T": 0.5, "a": 0.0, "b": 0.0}
    one |= {"tau_w": 10.0, "t_ref": 100.0}
    given = {name: np.array([value]) for name, value in (one | {"V_peak": v_th}).items()}
    port = {"gain": gain, "saturation_uS": 0.01, "tau_rise": tau_r, "tau_decay": tau_d, "E_rev": 0.0}
    given |= {name: np.array([[value]]) for name, value in port.items()}
    schedule = make_schedule(lessons([(0, 0, 5.0, 0.01)]), np.array([0]), 1)
    ((candidate, lane, step),) = candidate_spikes(schedule, given).tolist()
    peak = tau_r * tau_d / (tau_d - tau_r) * np.log(tau_d / tau_r)
    weight = 1000 * gain * 0.01 / 2 / (np.exp(-peak / tau_d) - np.exp(-peak / tau_r))
    v, t, h = e_l, 5.0, 1e-3
    while v < v_th:
        g = weight * (np.exp(-(t - 5.0) / tau_d) - np.exp(-(t - 5.0) / tau_r))
        v += h * (g_l * (e_l - v) - g * v) / c_m
        t += h
    assert (candidate, lane) == (0, 0)
    assert step * STEP_MS == pytest.approx(t, abs=2 * STEP_MS)


def test_a_design_has_a_port_for_each_place_and_receptor_that_is_used(small_column):
    plan = compile_plan(small_column, RunSpec(tstop=1.0))
    template = plan.templates[3]
    used = np.unique(plan.edges.site[(plan.cells.template[plan.edges.target_gid] == 3) & (plan.edges.weight > 0)])
    design = make_design(template, PLACES, used)
    assert {name for name, _, _ in design.ports} == {
        *("proximal.ampa", "proximal.nmda", "distal.ampa", "distal.nmda", "distal.gabaa", "soma.gabaa", "soma.gabab")
    }
    assert (design.port_of_site[used] >= 0).all()
    start = {f.name: f.start for f in design.free}
    cell = design.cell("digest", ["L5_pyramidal"], start)
    assert [p.name for p in cell.ports] == [name for name, _, _ in design.ports]
    assert len(cell.parameters["tau_rise"]) == len(cell.ports)
    moved = design.starting_from(attrs.evolve(cell, parameters={**cell.parameters, "V_th": -50.0}))
    assert {f.name: f.start for f in moved.free}["V_th"] == -50.0


def test_a_synapse_that_no_point_model_has_is_refused(small_column):
    template = compile_plan(small_column, RunSpec(tstop=1.0)).templates[0]
    other = attrs.evolve(template, sites=attrs.evolve(template.sites, mechanisms=("NMDA",) * template.n_sites))
    with pytest.raises(InvalidValue, match="must be Exp2Syn"):
        make_design(other, PLACES, np.array([0]))
