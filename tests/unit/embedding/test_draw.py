"""Trials of all populations: who follows whom, streams of their own, and a column's spikes played again."""

from __future__ import annotations

import itertools
import pickle

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.embedding.sources.draw import draw_sources, source_from_plain, source_to_plain
from hnnlib.embedding.sources.modulated import Follow, Rhythmic, SharedNoise
from hnnlib.embedding.sources.rates import LevyStable, TruncatedNormal
from hnnlib.embedding.sources.recipes import PSTH, Ongoing, Poisson
from hnnlib.embedding.sources.recorded import Replay
from hnnlib.embedding.sources.release import draw_events
from hnnlib.embedding.synapses.table import ShortTermPlasticity
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result
from hnnlib.results.spike_data import SpikeData

NAMES = ("exc", "pv", "som", "vpm")
SOURCES = {
    "exc": SharedNoise(rate=LevyStable(alpha=1.37, beta=-1.0, loc=1.84, scale=0.44)),
    "pv": Follow(population="exc", lag=2.0, rate=TruncatedNormal(mu=16.9, sd=14.3, high=100.0)),
    "som": Rhythmic(rate=5.0, frequency=16.0, depth=0.5),
    "vpm": Ongoing(interval=200.0, noise=0.5) + PSTH(edges=[0, 1, 2], probability=[0.5, 0.2], offset=245.0),
}


@pytest.fixture(scope="module")
def emb(make_embedding):
    plasticity = {"exc": ShortTermPlasticity(depression=0.7)}
    counts = dict.fromkeys(NAMES, 300)
    return make_embedding(counts, n_sources=60, release_p=0.6, group=np.arange(1200) % 5, plasticity=plasticity)


def drawn(sources, embedding, trial, seed=1, tstop=600.0):
    spikes = draw_sources(sources, embedding, seed=seed, trial=trial, tstop=tstop)
    return spikes, draw_events(embedding, spikes, seed=seed, trial=trial, tstop=tstop)


# ------------------------------------------------------------------------------------------------- streams


def test_trials_are_the_same_in_any_order_and_any_process(emb):
    first = {k: drawn(SOURCES, emb, k) for k in (0, 1, 2)}
    sources, copy = pickle.loads(pickle.dumps((SOURCES, emb)))  # as a worker gets them
    for k in (2, 0, 1):
        spikes, events = drawn(sources, copy, k)
        assert spikes == first[k][0]
        assert events == first[k][1]
    for a, b in itertools.combinations(first, 2):
        for name in NAMES:
            assert not np.isin(first[a][0][name].time_ms, first[b][0][name].time_ms).any()


def test_order_of_populations_and_of_sources_does_not_matter(emb):
    backwards = dict(reversed(SOURCES.items()))
    assert drawn(backwards, emb, 0)[0] == drawn(SOURCES, emb, 0)[0]


def test_another_population_changes_nothing_of_the_others(emb, make_embedding):
    more = emb + make_embedding({"vip": 50}, n_sources=20)
    spikes, events = drawn({**SOURCES, "vip": Poisson(rate=20.0)}, more, 0)
    alone, of_others = drawn(SOURCES, emb, 0)
    assert {name: spikes[name] for name in NAMES} == alone
    assert len(spikes["vip"]) > 0
    rows = events.synapse < len(emb)
    assert np.array_equal(events.synapse[rows], of_others.synapse)
    assert np.array_equal(events.time_ms[rows], of_others.time_ms)
    fewer, _ = drawn({"exc": SOURCES["exc"], "som": SOURCES["som"]}, emb, 0)
    assert fewer["exc"] == alone["exc"]
    assert fewer["som"] == alone["som"]
    assert len(fewer["pv"]) == 0


def test_seeds_that_follow_each_other_share_nothing(emb):
    """No trial or population of one seed is one of the next."""
    times: dict = {}
    for seed, trial in itertools.product((0, 1, 2), (0, 1, 2)):
        spikes = draw_sources(Poisson(rate=8.0), emb, seed=seed, trial=trial, tstop=600.0)
        times |= {(seed, trial, name): spikes[name].time_ms for name in NAMES}
    everything = np.concatenate(list(times.values()))
    assert len(np.unique(everything)) == len(everything)


def test_release_is_drawn_apart_for_seeds_trials_and_populations(make_embedding):
    emb = make_embedding({"a": 1, "b": 1}, n_sources=1, release_p=0.5, delay_ms=0.0)
    data = SpikeData.from_arrays(np.tile(np.arange(4000.0), 2), np.zeros(8000, int), ["a"] * 4000 + ["b"] * 4000)
    both = draw_sources(Replay(spikes=data), emb, seed=0, trial=0, tstop=4000.0)
    rows = []
    for seed, trial in itertools.product((0, 1), (0, 1)):
        events = draw_events(emb, both, seed=seed, trial=trial, tstop=4000.0)
        rows += [np.isin(np.arange(4000.0), events.time_ms[events.synapse == k]) for k in (0, 1)]
    c = np.corrcoef(np.array(rows, float))
    assert np.abs(c - np.eye(len(rows))).max() < 4 / np.sqrt(4000)


def test_seed_0_is_a_seed(emb):
    assert drawn(SOURCES, emb, 0, seed=0)[0] != drawn(SOURCES, emb, 0, seed=1)[0]
    assert drawn(SOURCES, emb, 0, seed=0)[0] == drawn(SOURCES, emb, 0, seed=0)[0]


def test_rates_of_two_populations_of_one_recipe_are_drawn_apart(emb):
    rate = TruncatedNormal(mu=20.0, sd=10.0)
    spikes, _ = drawn({"pv": Poisson(rate=rate), "som": Poisson(rate=rate)}, emb, 0, tstop=5000.0)
    a, b = (np.bincount(spikes[name].source, minlength=60) for name in ("pv", "som"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(60)


# ------------------------------------------------------------------------------------------------- who follows whom


def test_all_spikes_are_within_the_trial(emb):
    early = PSTH(edges=[-50.0, 50.0], probability=[1.0])
    spikes, _ = drawn({"exc": early, "vpm": PSTH(edges=[500.0, 700.0], probability=[1.0])}, emb, 0)
    assert 0 < len(spikes["exc"]) < 60
    assert spikes["exc"].time_ms.min() >= 0
    assert 0 < len(spikes["vpm"]) < 60
    assert spikes["vpm"].time_ms.max() <= 600.0


def test_one_source_for_all_populations(emb):
    spikes, _ = drawn(Poisson(rate=10.0), emb, 0)
    assert spikes == drawn(dict.fromkeys(NAMES, Poisson(rate=10.0)), emb, 0)[0]


def test_a_chain_of_followers_is_drawn_from_its_head(emb):
    chain = {
        "pv": Follow(population="som", lag=1.0, rate=5.0),
        "som": Poisson(rate=1.0) + Follow(population="exc", lag=1.0, rate=5.0),
        "exc": Poisson(rate=10.0),
    }
    spikes, _ = drawn(chain, emb, 0)
    assert all(len(spikes[name]) for name in chain)


@pytest.mark.parametrize(
    ("sources", "error", "message"),
    [
        ({"ecx": Poisson(rate=1.0)}, UnknownName, "sources: 'ecx' .* did you mean 'exc'"),
        ({"exc": 3.0}, InvalidType, r"sources\['exc'\]: 3.0 must be a source"),
        (3.0, InvalidType, "sources: 3.0 must be a source, or a mapping"),
        (
            {"pv": Follow(population="exc", rate=1.0)},
            UnknownName,
            r"sources\['pv'\]: 'exc' is no population with a source",
        ),
        ({"pv": Follow(population="pv", rate=1.0)}, InvalidValue, "'pv -> pv' is a ring"),
        (
            {
                "exc": Poisson(rate=1.0) + Follow(population="som", rate=1.0),
                "pv": Follow(population="exc", rate=1.0),
                "som": Follow(population="pv", rate=1.0),
            },
            InvalidValue,
            "'exc -> som -> pv -> exc' is a ring of populations that follow each other",
        ),
        ({"pv": Poisson(rate=-1.0)}, InvalidValue, r"sources\['pv'\].rate: -1.0 was drawn: must be >= 0 Hz"),
    ],
)
def test_bad_sources_name_the_population(emb, sources, error, message):
    with pytest.raises(error, match=message):
        drawn(sources, emb, 0)


def test_the_group_of_a_cell_is_that_of_its_synapses(make_embedding):
    emb = make_embedding({"exc": 400}, n_sources=40)
    emb = attrs.evolve(emb, group=emb.source % 2)
    spikes = draw_sources(SharedNoise(rate=60.0, depth=1.0), emb, seed=3, trial=0, tstop=8000.0)["exc"]
    rows = np.array([np.histogram(spikes.time_ms[spikes.source % 4 == k], 40, (0, 8000))[0] for k in range(4)])
    c = np.corrcoef(rows)
    assert min(c[0, 2], c[1, 3]) > 0.8
    assert max(abs(c[0, 1]), abs(c[2, 3])) < 0.6


# ------------------------------------------------------------------------------------------------- replay


@pytest.fixture
def column():
    """Two trials of a column: gids 0 to 4 are pyramids, 5 and 6 baskets, 7 a drive."""
    return CellResponse(
        cell_type_names=["L5_pyramidal", "L5_basket"],
        spike_times=[[3.5, 1.25, 2.0], [5.0]],
        spike_gids=[[6, 2, 7], [4]],
        spike_types=[["L5_basket", "L5_pyramidal", "evprox1"], ["L5_pyramidal"]],
        gid_ranges={"L5_pyramidal": range(5), "L5_basket": range(5, 7), "evprox1": range(7, 8)},
    )


@pytest.fixture(scope="module")
def small(make_embedding):
    return make_embedding({"evprox1": 4, "L5_pyramidal": 10, "L5_basket": 6}, n_sources=5)


def replayed(source, embedding, trial, tstop=100.0):
    spikes = draw_sources(source, embedding, seed=0, trial=trial, tstop=tstop)
    return {k: list(zip(v.source.tolist(), v.time_ms.tolist(), strict=True)) for k, v in spikes.items() if len(v)}


def test_trial_k_of_the_column_is_trial_k_of_the_cell(small, column):
    expected = [
        {"L5_pyramidal": [(2, 1.25)], "L5_basket": [(1, 3.5)], "evprox1": [(0, 2.0)]},
        {"L5_pyramidal": [(4, 5.0)]},
    ]
    result = Result(dipoles=(), cell_response=column, provenance={"trials": [0, 1]})
    data = SpikeData.from_cell_response(column)

    class Recording:
        def spikes(self):
            return data

    for given in (column, result, data, Recording()):
        for trial in (0, 1):
            assert replayed(Replay(spikes=given), small, trial) == expected[trial]


def test_a_population_may_have_another_name_in_the_column(small, column):
    spikes = replayed({"evprox1": Replay(spikes=column, population="L5_pyramidal")}, small, 0)
    assert spikes == {"evprox1": [(2, 1.25)]}


def test_spikes_after_the_end_are_left_out(small, column):
    assert "L5_basket" not in replayed(Replay(spikes=column), small, 0, tstop=3.0)


def test_too_few_trials_are_an_error(small, column):
    with pytest.raises(InvalidValue, match=r"sources\['evprox1'\].trial: 2 can't be replayed: there are 2 trials"):
        replayed(Replay(spikes=column), small, 2)


def test_a_result_with_gaps_is_refused(column):
    with pytest.raises(InvalidValue, match=r"spikes.trials: \(0, 3\) must be all trials"):
        Replay(spikes=Result(dipoles=(), cell_response=column, provenance={"trials": [0, 3]}))


def test_a_population_that_the_column_has_not_is_an_error(emb, column):
    with pytest.raises(UnknownName, match=r"'exc' is no population"):
        replayed(Replay(spikes=column), emb, 0)


def test_cells_beyond_the_embeddings_are_an_error_or_ignored(make_embedding, column):
    few = make_embedding({"L5_pyramidal": 3}, n_sources=2)
    with pytest.raises(InvalidValue, match=r"population 'L5_pyramidal', cell 2: 1.25 ms is of a cell .* has 0 to 1"):
        replayed(Replay(spikes=column), few, 0)
    assert replayed(Replay(spikes=column, others="ignore"), few, 0) == {}


def test_spikes_before_the_begin_name_population_cell_and_time(column):
    early = CellResponse(
        spike_times=[[3.5], [-0.5]], spike_gids=[[6], [6]], spike_types=[["a"], ["a"]], gid_ranges=column.gid_ranges
    )
    with pytest.raises(InvalidValue, match=r"trial 1, population 'L5_basket', cell 1: -0.5 ms is before t = 0"):
        Replay(spikes=early)


@pytest.mark.parametrize("given", [None, "spikes.txt", [[1.0, 2.0]]])
def test_what_holds_no_spikes_is_refused(given):
    with pytest.raises(InvalidType, match=r"spikes: .* must be a Result, a CellResponse, a SpikeData"):
        Replay(spikes=given)


def test_a_replay_is_told_by_its_digest_and_needs_its_spikes(column):
    source = Replay(spikes=column) + Poisson(rate=1.0)
    plain = source_to_plain(source)
    assert plain["parts"][0]["spikes"] == {"digest": source.parts[0].digest, "n_spikes": 4, "n_trials": 2}
    assert source_from_plain(plain, spikes=column) == source
    with pytest.raises(InvalidValue, match=r"source.parts\[0\]: .* is a replay: its spikes must be given"):
        source_from_plain(plain)
    other = SpikeData.from_arrays([1.0], [0], "L5_pyramidal")
    with pytest.raises(InvalidValue, match=r"parts\[0\].spikes: .* are other spikes than those that were played"):
        source_from_plain(plain, spikes=other)
