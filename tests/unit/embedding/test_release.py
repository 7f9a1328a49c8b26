"""From spikes to releases: at which synapses, when, how often, how strong."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.embedding.sources.release import draw_events, plasticity_factors
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.synapses.table import ShortTermPlasticity

DEPRESSION = ShortTermPlasticity(depression=0.6, tau_depression=200.0)
BOTH = ShortTermPlasticity(depression=0.7, tau_depression=250.0, facilitation=0.4, tau_facilitation=60.0)


def volley(n_cells, n_spikes, tstop=1000.0, seed=1):
    rng = np.random.default_rng(seed)
    return SourceSpikes(source=rng.integers(0, n_cells, n_spikes), time_ms=rng.uniform(0, tstop, n_spikes))


def one_by_one(embedding, spikes):
    """Return (synapse, time) of all releases where every spike releases, by loops."""
    events = []
    for name, rows in embedding.rows.items():
        for row in range(rows.start, rows.stop):
            for cell, time in zip(spikes[name].source, spikes[name].time_ms, strict=True):
                if cell == embedding.source[row]:
                    events.append((row, time + embedding.delay_ms[row]))
    return sorted(events)


def pairs(events):
    return list(zip(events.synapse.tolist(), events.time_ms.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------- which and when


def test_every_spike_reaches_every_synapse_of_its_cell(make_embedding):
    emb = make_embedding({"exc": 40, "pv": 15}, n_sources=6)
    spikes = {"exc": volley(6, 30), "pv": volley(6, 10, seed=2)}
    events = draw_events(emb, spikes, seed=0, trial=0, tstop=2000.0)
    assert pairs(events) == one_by_one(emb, spikes)
    assert events.factor is None
    assert events.synapse.dtype == np.int32


def test_what_would_act_after_the_end_is_left_out(make_embedding):
    emb = make_embedding({"exc": 2}, n_sources=1, delay_ms=[1.0, 5.0])
    spikes = {"exc": SourceSpikes(source=[0, 0], time_ms=[0.0, 8.0])}
    events = draw_events(emb, spikes, seed=0, trial=0, tstop=10.0)
    assert pairs(events) == [(0, 1.0), (0, 9.0), (1, 5.0)]


def test_silent_cells_cells_without_synapses_and_populations_that_are_not_named(make_embedding):
    emb = attrs.evolve(make_embedding({"exc": 5, "pv": 5}, n_sources=2), n_sources={"exc": 9, "pv": 2})
    alone = SourceSpikes(source=[7, 8], time_ms=[1.0, 2.0])
    assert len(draw_events(emb, {"exc": alone}, seed=0, trial=0, tstop=10.0)) == 0
    assert len(draw_events(emb, {}, seed=0, trial=0, tstop=10.0)) == 0
    assert len(draw_events(emb, {"exc": SourceSpikes.none()}, seed=0, trial=0, tstop=10.0)) == 0


@pytest.mark.parametrize("p", [0.25, 0.6])
def test_spikes_release_as_often_as_they_should(make_embedding, p):
    emb = make_embedding({"exc": 300}, n_sources=50, release_p=p)
    spikes = {"exc": volley(50, 5000)}
    every = one_by_one(emb, spikes)
    events = draw_events(emb, spikes, seed=5, trial=0, tstop=2000.0)
    n = len(every)
    assert abs(len(events) - n * p) < 4 * np.sqrt(n * p * (1 - p))
    assert set(pairs(events)) <= set(every)


def test_synapses_of_one_cell_release_independently(make_embedding):
    emb = make_embedding({"exc": 2}, n_sources=1, release_p=0.5, delay_ms=[0.0, 0.0])
    spikes = {"exc": SourceSpikes(source=np.zeros(8000), time_ms=np.arange(8000.0))}
    events = draw_events(emb, spikes, seed=5, trial=0, tstop=8000.0)
    first, second = (np.isin(np.arange(8000.0), events.time_ms[events.synapse == k]) for k in (0, 1))
    assert abs((first & second).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 8000)
    # nor does a release tell of the next
    assert abs((first[1:] & first[:-1]).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 8000) * np.sqrt(2)


def test_release_p_0_and_1_are_never_and_always(make_embedding):
    emb = make_embedding({"exc": 2}, n_sources=1, release_p=[0.0, 1.0], delay_ms=0.0)
    spikes = {"exc": SourceSpikes(source=np.zeros(3000), time_ms=np.arange(3000.0))}
    events = draw_events(emb, spikes, seed=5, trial=0, tstop=3000.0)
    assert (events.synapse == 1).all()
    assert len(events) == 3000


def test_another_synapses_chance_changes_no_others_releases(make_embedding):
    spikes = {"exc": volley(5, 400)}
    emb = make_embedding({"exc": 20}, n_sources=5, release_p=0.5)
    changed = attrs.evolve(emb, release_p=np.where(np.arange(20) == 3, 1.0, 0.5))
    a, b = (draw_events(e, spikes, seed=5, trial=0, tstop=2000.0) for e in (emb, changed))
    assert [p for p in pairs(a) if p[0] != 3] == [p for p in pairs(b) if p[0] != 3]
    assert len(b) > len(a)


# ------------------------------------------------------------------------------------------------- how strong


def stepwise(plasticity, times):
    """Return the factors of one synapse's releases, one after the other."""
    d = f = 1.0
    factors, last = [], None
    for t in times:
        if last is not None:
            d = 1 - (1 - d) * math.exp(-(t - last) / plasticity.tau_depression)
            f = 1 + (f - 1) * math.exp(-(t - last) / plasticity.tau_facilitation)
        factors.append(d * f)
        d, f, last = d * plasticity.depression, f + plasticity.facilitation, t
    return factors


@given(
    trains=st.lists(st.lists(st.floats(0, 500), min_size=1, max_size=12), max_size=6),
    plasticity=st.sampled_from([DEPRESSION, BOTH, ShortTermPlasticity(facilitation=0.3)]),
)
def test_factors_are_those_of_each_synapse_stepwise(trains, plasticity):
    synapse = np.repeat(np.arange(len(trains)) * 3, [len(t) for t in trains]).astype(int)
    times = [sorted(t) for t in trains]
    expected = [x for t in times for x in stepwise(plasticity, t)]
    assert plasticity_factors(plasticity, synapse, np.concatenate([[], *times])) == pytest.approx(np.array(expected))


def test_depression_in_a_regular_train_comes_to_its_steady_state():
    """d = (1 - e) / (1 - depression e), with e = exp(-interval / tau)."""
    factor = plasticity_factors(DEPRESSION, np.zeros(200, int), np.arange(200) * 50.0)
    e = math.exp(-50 / 200)
    assert factor[:2] == pytest.approx([1.0, 1 - 0.4 * e])
    assert factor[-1] == pytest.approx((1 - e) / (1 - 0.6 * e))


def test_only_what_was_released_depresses_and_only_plastic_kinds(make_embedding):
    emb = make_embedding({"exc": 40, "pv": 10}, n_sources=5, release_p=0.5, plasticity={"exc": DEPRESSION})
    spikes = {name: volley(5, 300, seed=k) for k, name in enumerate(("exc", "pv"))}
    events = draw_events(emb, spikes, seed=5, trial=0, tstop=2000.0)
    assert (events.factor[events.synapse >= 40] == 1).all()
    for row in range(40):
        own = events.synapse == row
        assert events.factor[own] == pytest.approx(stepwise(DEPRESSION, events.time_ms[own]))
    assert (events.factor[events.synapse < 40] < 1).any()
    plain = draw_events(
        make_embedding({"exc": 40, "pv": 10}, n_sources=5, release_p=0.5), spikes, seed=5, trial=0, tstop=2e3
    )
    assert pairs(events) == pairs(plain)  # plasticity changes how strong, not when


# ------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("source", "time", "message"),
    [
        ([0, 3], [4.0, -2.5], r"spikes\['exc'\]: cell 3: -2.5 ms is before t = 0"),
        ([0, 9], [4.0, 5.0], r"spikes\['exc'\]: cell 9: 5.0 ms is of a cell that the embedding hasn't: it has 6"),
        ([-1], [4.0], r"spikes\['exc'\]: cell -1"),
    ],
)
def test_impossible_spikes_are_refused(make_embedding, source, time, message):
    emb = make_embedding({"exc": 12}, n_sources=6)
    with pytest.raises(InvalidValue, match=message):
        draw_events(emb, {"exc": SourceSpikes(source=source, time_ms=time)}, seed=0, trial=0, tstop=10.0)


def test_spikes_of_an_unknown_population_are_refused(make_embedding):
    with pytest.raises(UnknownName, match=r"'ecx' is no population of the embedding .* did you mean 'exc'"):
        draw_events(make_embedding({"exc": 2}, n_sources=1), {"ecx": SourceSpikes.none()}, seed=0, trial=0, tstop=1.0)


# ------------------------------------------------------------------------------------------------- columns


def test_spikes_and_events_are_sorted_and_locked():
    spikes = SourceSpikes(source=[2, 1, 0], time_ms=[3.0, 1.0, 3.0])
    assert spikes.time_ms.tolist() == [1.0, 3.0, 3.0]
    assert spikes.source.tolist() == [1, 0, 2]
    events = TrialEvents(synapse=[5, 2, 5], time_ms=[3.0, 1.0, 2.0], factor=[1.0, 0.5, 0.25])
    assert pairs(events) == [(2, 1.0), (5, 2.0), (5, 3.0)]
    assert events.factor.tolist() == [0.5, 0.25, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        spikes.time_ms[0] = 9.0


def test_columns_are_copies():
    times = np.array([1.0, 2.0])
    spikes = SourceSpikes(source=[0, 0], time_ms=times)
    times[0] = 0.5
    assert spikes.time_ms[0] == 1.0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": [0, 1], "time_ms": [1.0]}, r"time_ms: \(1,\) must be a column of 2 rows"),
        ({"source": [0], "time_ms": [np.nan]}, "time_ms: nan must be a time"),
    ],
)
def test_bad_columns_are_refused(columns, message):
    with pytest.raises(InvalidValue, match=message):
        SourceSpikes(**columns)


def test_equality_is_of_what_is_in_them():
    a = TrialEvents(synapse=[1], time_ms=[2.0])
    assert a == TrialEvents(synapse=[1], time_ms=[2.0])
    assert a != TrialEvents(synapse=[1], time_ms=[2.0], factor=[1.0])
    assert TrialEvents(synapse=[1], time_ms=[2.0], factor=[0.5]) != TrialEvents(
        synapse=[1], time_ms=[2.0], factor=[1.0]
    )
    assert SourceSpikes(source=[1], time_ms=[2.0]) != SourceSpikes(source=[1], time_ms=[2.5])
