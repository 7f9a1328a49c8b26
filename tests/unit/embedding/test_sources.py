"""What populations do by their recipes: rates, bins, rhythms, lags, and what is refused."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.embedding.sources.draw import source_from_plain, source_to_plain
from hnnlib.embedding.sources.modulated import Follow, Rhythmic, SharedNoise
from hnnlib.embedding.sources.rates import Empirical, Fixed, Lognormal, TruncatedNormal, Uniform
from hnnlib.embedding.sources.recipes import PSTH, InhomogeneousPoisson, Ongoing, Poisson, Request, Superposition
from hnnlib.embedding.sources.spikes import SourceSpikes

RATES = Lognormal(mean=8.0, sd=6.0)


def request(n=500, *, population="exc", seed=3, trial=0, tstop=1000.0, group=None, spikes=None):
    group = np.full(n, -1) if group is None else group
    return Request(
        population=population, n_sources=n, group=group, seed=seed, trial=trial, tstop=tstop, spikes=spikes or {}
    )


def counts(spikes, n):
    return np.bincount(spikes.source, minlength=n)


# ------------------------------------------------------------------------------------------------- mean rates

MEAN_RATES = {
    "poisson": (Poisson(rate=12.0), 12.0),
    "poisson, drawn": (Poisson(rate=Empirical(values=(4.0, 20.0))), 12.0),
    "ongoing by rate": (Ongoing(rate=12.0, noise=0.7), 12.0),
    "ongoing by interval": (Ongoing(interval=125.0), 8.0),
    "inhomogeneous": (InhomogeneousPoisson(edges=(0, 250, 1000), rates=(30, 6)), 12.0),
    "noise": (SharedNoise(rate=12.0, by="population", depth=1.0), 12.0),
    "rhythm of depth 1": (Rhythmic(rate=12.0, frequency=16.0, depth=1.0), 12.0),
    "rhythm of depth 0.7": (Rhythmic(rate=12.0, frequency=64.0, depth=0.7, phase=1.0), 12.0),
    "sum": (Poisson(rate=5.0) + Ongoing(rate=7.0), 12.0),
}


@pytest.mark.parametrize("name", MEAN_RATES)
def test_cells_fire_as_often_as_was_asked_for(name):
    source, rate = MEAN_RATES[name]
    n, trials = 500, 40
    per_trial = np.array([len(source.draw(request(n, trial=k))) for k in range(trials)])
    # noise spreads more between trials than Poisson processes do, so the spread is taken from the trials
    error = max(per_trial.std(ddof=1), np.sqrt(n * rate)) / np.sqrt(trials)
    drawn_rates = 8.0 / np.sqrt(n) * n if "drawn" in name else 0.0  # the same in all trials
    assert abs(per_trial.mean() - n * rate) < 4 * (error + drawn_rates)


def test_a_cell_keeps_its_rate_in_all_trials():
    rates = [request(trial=k).rates(RATES) for k in range(3)]
    assert np.array_equal(rates[0], rates[1])
    assert np.array_equal(rates[0], rates[2])
    first, second = (counts(Poisson(rate=RATES).draw(request(trial=k, tstop=5000.0)), 500) for k in (0, 1))
    assert np.corrcoef(first, second)[0, 1] > 0.9
    assert np.abs(first - 5 * rates[0]).max() < 6 * np.sqrt(5 * rates[0].max())


def test_silent_cells_are_silent():
    rate = Empirical(values=(0.0, 10.0))
    silent = request().rates(rate) == 0
    for source in (Poisson(rate=rate), Ongoing(rate=rate, noise=0.5), SharedNoise(rate=rate)):
        assert not counts(source.draw(request()), 500)[silent].any()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Poisson(rate=Uniform(low=-1.0, high=1.0)), "rate: -0.99.* was drawn: must be >= 0 Hz for all cells"),
        (Ongoing(rate=-2.0), "rate: -2.0 was drawn"),
        (Ongoing(interval=0.0), "interval: 0.0 was drawn: must be > 0 ms"),
    ],
)
def test_rates_that_cannot_be_are_refused(source, message):
    with pytest.raises(InvalidValue, match=message):
        source.draw(request())


# ------------------------------------------------------------------------------------------------- ongoing, PSTH


def test_ongoing_activity_begins_when_it_is_told_to():
    spikes = Ongoing(rate=20.0, start=400.0).draw(request())
    assert spikes.time_ms.min() >= 400.0
    assert abs(len(spikes) - 500 * 20 * 0.6) < 4 * np.sqrt(500 * 20 * 0.6)


def test_a_psth_has_the_spikes_of_its_bins():
    edges = ((0.0, 1.0), (1.0, 3.0), (10.0, 10.5), (20.0, 40.0))
    chance = np.array([0.3, -0.1, 1.0, 0.05])
    n = 4000
    spikes = PSTH(edges=edges, probability=chance, offset=245.0).draw(request(n))
    inside = [(spikes.time_ms >= 245 + a) & (spikes.time_ms < 245 + b) for a, b in edges]
    assert np.sum(inside, axis=0).tolist() == [1] * len(spikes)
    p = np.clip(chance, 0, 1)
    for k, of_bin in enumerate(inside):
        assert abs(of_bin.sum() - n * p[k]) <= 4 * np.sqrt(n * p[k] * (1 - p[k]))
        assert counts(SourceSpikes(source=spikes.source[of_bin], time_ms=spikes.time_ms[of_bin]), n).max(initial=0) <= 1
    assert abs(len(spikes) - n * p.sum()) <= 4 * np.sqrt((n * p * (1 - p)).sum())


def test_a_psth_spreads_over_its_bin():
    times = PSTH(edges=[0, 8], probability=[1.0], offset=2.0).draw(request(4000)).time_ms
    found, _ = np.histogram(times, 8, (2, 10))
    assert (np.abs(found - 500) < 4 * np.sqrt(500)).all()


def test_borders_are_bins_without_gaps():
    assert PSTH(edges=[0, 1, 5], probability=[0, 1]) == PSTH(edges=[(0, 1), (1, 5)], probability=[0, 1])


def test_many_bins_of_many_cells_are_drawn_in_blocks():
    source = PSTH(edges=np.arange(301.0), probability=np.full(300, 0.01))
    found = counts(source.draw(request(20_000)), 20_000)
    assert abs(found.sum() - 60_000) < 4 * np.sqrt(60_000 * 0.99)
    assert abs(found[:10_000].sum() - 30_000) < 4 * np.sqrt(30_000 * 0.99)


def test_a_psth_by_number_has_exactly_so_many_cells():
    source = PSTH(edges=[0, 5, 10, 20], n_active=[3, 0, 200], offset=100.0)
    spikes = source.draw(request(200))
    early = spikes.time_ms < 105
    assert early.sum() == 3
    assert np.array_equal(np.sort(spikes.source[~early]), np.arange(200))
    assert spikes.time_ms[~early].min() >= 110
    with pytest.raises(InvalidValue, match=r"n_active\[2\]: 200 must be at most the number of cells of 'exc', 150"):
        source.draw(request(150))


def test_the_rate_changes_at_the_bins_and_the_offset_counts():
    spikes = InhomogeneousPoisson(edges=(0, 100, 300), rates=(50, 10), offset=200.0).draw(request())
    found, _ = np.histogram(spikes.time_ms, [0, 200, 300, 500, 1000])
    expected = np.array([0, 500 * 50 * 0.1, 500 * 10 * 0.2, 0])
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected)).all()


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Ongoing, {}, "interval: None must be given where rate is not"),
        (Ongoing, {"rate": 1, "interval": 1}, "interval: .* only there"),
        (Ongoing, {"rate": 1, "noise": 1.5}, "noise: 1.5 must be >= 0 and <= 1"),
        (Poisson, {"rate": "high"}, "rate: 'high' must be a number or a distribution"),
        (InhomogeneousPoisson, {"edges": [0, 1, 1], "rates": [1, 1]}, "edges: .* must be at least two rising times"),
        (InhomogeneousPoisson, {"edges": [0, 1, 2], "rates": [1]}, "rates: .* one value for each of the 2 bins, not 1"),
        (InhomogeneousPoisson, {"edges": [0, 1], "rates": [-1]}, r"rates\[0\]: -1 must be >= 0 Hz"),
        (PSTH, {"edges": [0, 1], "probability": [1.5]}, r"probability\[0\]: 1.5 must be <= 1"),
        (PSTH, {"edges": [0, 1], "probability": [np.nan]}, r"probability\[0\]: nan must be a finite number"),
        (PSTH, {"edges": [(0, 2), (1, 3)], "probability": [0, 0]}, r"edges\[1\]: .* after the bin before it"),
        (PSTH, {"edges": [(0, 2, 3)], "probability": [0]}, r"edges\[0\]: .* start and end"),
        (PSTH, {"edges": [2, 1], "probability": [0]}, "edges: .* rising"),
        (PSTH, {"edges": [], "probability": []}, "edges: .* at least two"),
        (PSTH, {"edges": "early", "probability": [0]}, "edges: 'early' must be rising times"),
        (PSTH, {"edges": [0, 1]}, "probability: None must be given where n_active is not"),
        (PSTH, {"edges": [0, 1], "n_active": [1.5]}, r"n_active\[0\]: 1.5 must be a whole number"),
        (PSTH, {"edges": [0, 1], "probability": [0.1, 0.2]}, "one value for each of the 1 bins, not 2"),
        (SharedNoise, {"rate": 1, "noise": "pnk"}, "noise: 'pnk' is no choice .* did you mean 'pink'"),
        (SharedNoise, {"rate": 1, "depth": 1.1}, "depth: 1.1 must be >= 0 and <= 1"),
        (Follow, {"population": "", "rate": 1}, "population: '' must be a non-empty string"),
        (Follow, {"population": "exc", "rate": 1, "lag": -1}, "lag: -1 must be >= 0 ms"),
        (Rhythmic, {"rate": 1, "frequency": 16, "depth": 2}, "depth: 2 must be >= 0 and <= 1"),
        (Rhythmic, {"rate": 1, "frequency": 0, "depth": 1}, "frequency: 0 must be > 0 Hz"),
        (Superposition, {"parts": [3]}, r"parts\[0\]: 3 must be a source"),
    ],
)
def test_bad_recipes_are_refused(kind, given, message):
    with pytest.raises(InvalidValue, match=message):
        kind(**given)


# ------------------------------------------------------------------------------------------------- shared noise


@pytest.mark.parametrize("depth", [0.5, 1.0])
def test_shared_noise_swings_about_1_by_its_depth(depth):
    edges, gain = SharedNoise(rate=1.0, depth=depth).gain(np.random.default_rng(2), 200, 300.5)
    assert edges[[0, 1, -2, -1]].tolist() == [0.0, 1.0, 300.0, 300.5]
    assert gain.shape == (200, 301)
    assert gain.min(axis=1) == pytest.approx(np.full(200, 1 - depth))
    assert gain.max(axis=1) == pytest.approx(np.full(200, 1 + depth))
    means = gain.mean(axis=1)
    assert abs(means.mean() - 1) < 4 * means.std() / np.sqrt(200)


def test_a_group_shares_its_noise_and_groups_do_not():
    group = np.repeat([0, 1, 2, -1], 200)
    spikes = SharedNoise(rate=40.0, depth=1.0).draw(request(800, group=group, tstop=8000.0))
    rows = np.zeros((8, 80))  # halves of the four groups by 100 ms: slow enough to see noise through the spikes
    half = 2 * np.searchsorted([0, 1, 2, 3], group[spikes.source] % 4) + spikes.source % 2
    np.add.at(rows, (half, np.minimum(spikes.time_ms // 100, 79).astype(int)), 1)
    c = np.corrcoef(rows)
    same = [c[2 * k, 2 * k + 1] for k in range(4)]
    assert min(same) > 0.9
    other = [c[2 * a, 2 * b + 1] for a in range(4) for b in range(4) if a != b]
    assert max(map(abs, other)) < min(same) - 0.2


def test_noise_by_population_is_shared_by_all():
    group = np.repeat([0, 1], 250)
    spikes = SharedNoise(rate=40.0, depth=1.0, by="population").draw(request(500, group=group, tstop=8000.0))
    a, b = (np.histogram(spikes.time_ms[group[spikes.source] == k], 80)[0] for k in (0, 1))
    assert np.corrcoef(a, b)[0, 1] > 0.9


def test_noise_is_another_in_every_trial():
    a, b = (
        np.histogram(SharedNoise(rate=40.0, depth=1.0, by="population").draw(request(trial=k)).time_ms, 50)[0]
        for k in (0, 1)
    )
    assert np.corrcoef(a, b)[0, 1] < 0.9


# ------------------------------------------------------------------------------------------------- follow


def lag_found(leader, follower, tstop, bin_ms=0.5):
    """Return the lag (ms) at which the cross-correlation of two spike trains is largest."""
    a, b = (np.histogram(s.time_ms, int(tstop / bin_ms), (0, tstop))[0].astype(float) for s in (leader, follower))
    a, b = a - a.mean(), b - b.mean()
    n = len(a)
    correlation = np.fft.irfft(np.conj(np.fft.rfft(a, 2 * n)) * np.fft.rfft(b, 2 * n))
    lags = np.arange(-50, 51)
    return lags[np.argmax(correlation[lags])] * bin_ms


@pytest.mark.parametrize("lag", [0.0, 2.0, 7.5])
def test_a_follower_lags_by_what_it_was_told(lag):
    leader = SharedNoise(rate=20.0, noise="white", by="population", depth=1.0).draw(request(300, tstop=4000.0))
    follow = Follow(population="exc", lag=lag, rate=TruncatedNormal(mu=16.9, sd=14.3, high=100.0))
    spikes = follow.draw(request(200, population="pv", tstop=4000.0, spikes={"exc": leader}))
    assert abs(lag_found(leader, spikes, 4000.0) - lag) <= 0.5


@pytest.mark.parametrize(("lag", "depth"), [(0.0, 1.0), (2.0, 1.0), (3.3, 0.4)])
def test_following_keeps_the_mean_rate_and_does_not_wrap_around(lag, depth):
    late = SourceSpikes(source=np.zeros(300), time_ms=np.linspace(900.0, 999.9, 300))
    follow = Follow(population="exc", lag=lag, rate=10.0, depth=depth)
    edges, gain = follow.gain(late.time_ms, 1000.0)
    assert edges[0] == 0
    assert edges[-1] == 1000.0
    assert gain @ np.diff(edges) == pytest.approx(1000.0)
    assert gain.min() >= 1 - depth - 1e-12
    before = (edges[1:] <= 900.0) & (edges[:-1] >= lag)
    assert gain[before] == pytest.approx(np.full(before.sum(), 1 - depth))
    assert (gain[edges[1:] <= lag] == 1).all()
    n = len(follow.draw(request(spikes={"exc": late})))
    assert abs(n - 5000) < 4 * np.sqrt(5000)


def test_a_lag_beyond_the_end_or_a_silent_leader_leave_the_rate_as_it_is():
    some = SourceSpikes(source=[0], time_ms=[5.0])
    for follow, leader in (
        (Follow(population="exc", lag=1000.0, rate=10.0), some),
        (Follow(population="exc", lag=2.0, rate=10.0), SourceSpikes.none()),
    ):
        edges, gain = follow.gain(leader.time_ms, 1000.0)
        assert edges[-1] == 1000.0
        assert (gain == 1).all()


@given(
    times=st.lists(st.floats(0, 50), max_size=30),
    lag=st.floats(0, 60),
    depth=st.floats(0, 1),
    width=st.floats(0.1, 70),
)
def test_the_gain_of_a_follower_is_never_negative_and_1_in_the_mean(times, lag, depth, width):
    follow = Follow(population="exc", rate=1.0, lag=lag, depth=depth, bin=width)
    edges, gain = follow.gain(np.sort(times), 50.0)
    assert (np.diff(edges) >= 0).all()
    assert (edges[0], edges[-1]) == (0.0, 50.0)
    assert gain.min() >= 0
    assert np.isfinite(gain).all()
    assert gain @ np.diff(edges) == pytest.approx(50.0)


# ------------------------------------------------------------------------------------------------- rhythm


@pytest.mark.parametrize(("frequency", "depth"), [(16.0, 0.3), (64.0, 1.0)])
def test_a_rhythm_has_its_frequency_and_depth(frequency, depth):
    tstop = 10_000.0  # whole periods
    spikes = Rhythmic(rate=20.0, frequency=frequency, depth=depth).draw(request(tstop=tstop))
    power = np.abs(np.fft.rfft(np.histogram(spikes.time_ms, 10_000, (0, tstop))[0]))[1:]
    assert (np.argmax(power) + 1) * 1000 / tstop == pytest.approx(frequency)
    phasor = np.exp(-2j * np.pi * frequency * spikes.time_ms / 1000).mean()
    # of r (1 + depth sin) the first Fourier coefficient is -i depth / 2, with an error of 1 / sqrt(2 n) a part
    assert abs(phasor - -0.5j * depth) < 4 / np.sqrt(len(spikes))


def test_phases_are_of_the_population_of_cells_or_of_trials():
    def phases(phase_by):
        source = Rhythmic(rate=50.0, frequency=10.0, depth=1.0, phase=Uniform(low=0, high=2 * np.pi), phase_by=phase_by)
        found = []
        for trial in (0, 1):
            spikes = source.draw(request(40, trial=trial, tstop=4000.0))
            for half in (0, 1):
                own = spikes.time_ms[spikes.source % 2 == half]
                found.append(2 * np.exp(-2j * np.pi * own / 100).mean())
        return np.array(found)  # trial 0: even, odd cells; trial 1: even, odd cells

    population, cell, trial = phases("population"), phases("cell"), phases("trial")
    assert np.abs(population) == pytest.approx(1, abs=0.1)
    assert np.abs(population - population[0]).max() < 0.1
    assert np.abs(cell).max() < 0.6
    assert np.abs(trial) == pytest.approx(1, abs=0.1)
    assert abs(trial[0] - trial[1]) < 0.1
    assert abs(trial[0] - trial[2]) > 0.2


# ------------------------------------------------------------------------------------------------- sums, plain data


def test_a_sum_has_all_spikes_of_its_parts_and_each_draws_as_alone():
    ongoing, evoked = Ongoing(rate=5.0), PSTH(edges=[0, 5], probability=[0.5], offset=245.0)
    both = (ongoing + evoked).draw(request())
    alone = ongoing.draw(request()), evoked.draw(attrs.evolve(request(), part=1))
    assert both == SourceSpikes.joined(*alone)
    assert len(both) == len(alone[0]) + len(alone[1])


def test_two_of_the_same_in_a_sum_draw_apart():
    spikes = (Poisson(rate=5.0) + Poisson(rate=5.0)).draw(request())
    assert len(np.unique(spikes.time_ms)) == len(spikes)


def test_sums_are_flat():
    a, b, c = Poisson(rate=1.0), Poisson(rate=2.0), Follow(population="exc", rate=3.0)
    assert ((a + b) + c).parts == (a + (b + c)).parts == (a, b, c)
    assert (a + (b + c)).follows == ("exc",)
    with pytest.raises(TypeError):
        a + 3


RECIPES = [
    Ongoing(interval=Lognormal(mean=300, sd=10), noise=0.5, start=2.0),
    Ongoing(rate=3.0),
    Poisson(rate=RATES),
    InhomogeneousPoisson(edges=[0, 1, 4], rates=[3, 4], offset=2.0),
    PSTH(edges=[(0, 1), (3, 4)], probability=[-0.5, 0.1], offset=245.0),
    PSTH(edges=[0, 1], n_active=[4]),
    SharedNoise(rate=RATES, noise="white", by="population", depth=0.2),
    Follow(population="exc", lag=2.0, rate=RATES, depth=0.5, bin=2.0),
    Rhythmic(rate=Fixed(value=3.0), frequency=16.0, depth=0.3, phase=Uniform(low=0, high=6), phase_by="cell"),
    Ongoing(rate=3.0) + PSTH(edges=[0, 1], probability=[1.0]),
]


@pytest.mark.parametrize("source", RECIPES, ids=lambda s: type(s).__name__)
def test_recipes_are_json_and_back(source):
    plain = json.loads(json.dumps(source_to_plain(source)))
    assert plain["kind"] == source.kind
    again = source_from_plain(plain)
    assert again == source
    assert again.draw(request(20, spikes={"exc": SourceSpikes.none()})) == source.draw(
        request(20, spikes={"exc": SourceSpikes.none()})
    )


def test_a_recipe_may_be_written_by_hand():
    plain = {"kind": "psth", "edges": [0, 1, 2], "probability": [0.5, 0.1]}
    assert source_from_plain(plain) == PSTH(edges=[(0, 1), (1, 2)], probability=[0.5, 0.1])
    assert source_from_plain({"kind": "poisson", "rate": 3}) == Poisson(rate=3.0)


@pytest.mark.parametrize(
    ("plain", "error", "message"),
    [
        ({"kind": "posson", "rate": 3}, UnknownName, r"source.kind: 'posson' .* did you mean 'poisson'"),
        ({"rate": 3}, InvalidValue, "source: .* needs a 'kind'"),
        ({"kind": "poisson"}, InvalidValue, "source: .* lacks rate"),
        ({"kind": "poisson", "rte": 3}, UnknownName, "'rte' is no field of Poisson .* did you mean 'rate'"),
        ({"kind": "superposition"}, InvalidType, r"source.parts: None must be a list of sources"),
        (
            {"kind": "superposition", "parts": [{"kind": "poisson", "rate": "x"}]},
            InvalidType,
            r"source.parts\[0\].rate",
        ),
        ("poisson", InvalidType, "source: 'poisson' must be an object with the 'kind' of a source"),
    ],
)
def test_bad_plain_data_name_their_path(plain, error, message):
    with pytest.raises(error, match=message):
        source_from_plain(plain)
