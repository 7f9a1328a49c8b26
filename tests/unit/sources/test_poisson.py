"""Random spike trains: laws that they must follow, and streams that don't hang on one another.

Seeds are fixed, so that each test gives one number for ever; bounds are those that a sound generator passes in all but
one of 10,000 seeds.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import integrate, stats

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.sources.poisson import PoissonGenerator, _drive

P = 1e-4
N = 400


def drawn(rate, *, n=N, seed=11, **options):
    generator = PoissonGenerator(seed, "a")
    generator.add(range(n), rate, **options)
    return generator.spikes()


def counts(spikes, t0=0.0, t1=np.inf):
    return np.array([np.sum((times >= t0) & (times < t1)) for times in spikes.trains().values()])


def mean_recovery(drive, tau):
    """The mean interval after the absolute refractory period, by quadrature of its survivor function."""

    def survivor(u):
        return np.exp(-drive * (u - tau * (1 - np.exp(-u / tau))))

    return integrate.quad(survivor, 0, 50 / drive + 10 * tau, limit=500)[0]


# ------------------------------------------------------------------------------------------------- laws


def test_counts_of_a_constant_rate_are_poisson():
    spikes = drawn(20.0, times=(0.5, 2.0))
    n = counts(spikes)
    total, mean = n.sum(), 20.0 * 1.5
    assert stats.poisson(mean * N).cdf(total) == pytest.approx(0.5, abs=0.5 - P)
    dispersion = ((n - mean) ** 2).sum() / mean  # chi-squared with N degrees of freedom, to first order
    assert stats.chi2(N).cdf(dispersion) == pytest.approx(0.5, abs=0.5 - P)
    # given their number, times are uniform
    assert stats.kstest(spikes.times, stats.uniform(500, 1500).cdf).pvalue > P
    assert spikes.times.min() >= 500
    assert spikes.times.max() < 2000


def test_intervals_of_a_constant_rate_are_exponential():
    spikes = drawn(1000.0, n=1, times=(0.0, 20.0))
    assert stats.kstest(np.diff(spikes.times), stats.expon(scale=1.0).cdf).pvalue > P


def test_rates_of_nodes():
    rates = np.linspace(0, 100, 50)
    spikes = drawn(rates, n=50, times=(0.0, 10.0), per_node=True)
    n = counts(spikes)
    assert n[0] == 0
    chi2 = ((n[1:] - 10 * rates[1:]) ** 2 / (10 * rates[1:])).sum()
    assert stats.chi2(49).cdf(chi2) == pytest.approx(0.5, abs=0.5 - P)


def test_a_changing_rate_is_linear_in_between():
    spikes = drawn([0.0, 40.0, 10.0], times=(1.0, 2.0, 4.0))
    # the integral of the rate up to t is the distribution of times
    grid = np.linspace(1000, 4000, 30001)
    rate = np.interp(grid, [1000, 2000, 4000], [0.0, 40.0, 10.0])
    cumulated = integrate.cumulative_trapezoid(rate, grid, initial=0)
    assert stats.kstest(spikes.times, lambda t: np.interp(t, grid, cumulated / cumulated[-1])).pvalue > P
    assert stats.poisson(N * (20 + 50)).cdf(len(spikes)) == pytest.approx(0.5, abs=0.5 - P)


def test_changing_rates_of_nodes():
    spikes = drawn([[0.0, 20.0], [50.0, 50.0]], n=2, times=(0.0, 100.0), per_node=True)
    n = counts(spikes)
    for count, mean in zip(n, (1000, 5000), strict=True):
        assert stats.poisson(mean).cdf(count) == pytest.approx(0.5, abs=0.5 - P)


@pytest.mark.parametrize(
    ("rate", "abs_ref", "tau_ref"),
    [(50.0, 0.003, 0.0), (50.0, 0.0, 0.01), (50.0, 0.003, 0.01), (150.0, 0.005, 0.002), (0.5, 0.002, 0.02)],
)
def test_the_drive_gives_the_mean_rate(rate, abs_ref, tau_ref):
    drive = _drive(rate, abs_ref, tau_ref)
    recovery = mean_recovery(drive, tau_ref) if tau_ref else 1 / drive
    assert 1 / (abs_ref + recovery) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize(("abs_ref", "tau_ref"), [(0.005, 0.0), (0.0, 0.005), (0.004, 0.006)])
@pytest.mark.parametrize("changing", [False, True], ids=["exact", "thinned"])
def test_refractory_nodes_have_the_rate_and_the_intervals_that_are_asked_for(abs_ref, tau_ref, changing):
    """By thinning too: a rate that changes by nothing to speak of."""
    rate = 60.0
    spikes = drawn([rate, rate * (1 + 1e-9)] if changing else rate, times=(0.0, 2.0), abs_ref=abs_ref, tau_ref=tau_ref)
    drive = _drive(rate, abs_ref, tau_ref)
    n = counts(spikes)
    # from the first moment on: a node is as if it had fired for ever
    for t0, t1 in ((0, 10), (0, 2000)):
        inside = counts(spikes, t0, t1)
        error = inside.std(ddof=1) / np.sqrt(N)
        assert inside.mean() == pytest.approx(rate * (t1 - t0) / 1000, abs=3.9 * error)
    assert n.var() < 0.8 * n.mean()  # more regular than Poisson
    intervals = np.concatenate([np.diff(times) for times in spikes.trains().values()]) / 1000
    assert intervals.min() >= abs_ref * (1 - 1e-9)

    def cdf(s):
        u = np.maximum(s - abs_ref, 0)
        return -np.expm1(-drive * (u if tau_ref == 0 else u - tau_ref * -np.expm1(-u / tau_ref)))

    # intervals that fit into two seconds are a little shorter; those of the first half all fit
    early = np.concatenate([np.diff(times)[times[:-1] < 1000] for times in spikes.trains().values()]) / 1000
    assert stats.kstest(early, cdf).pvalue > P


def test_a_changing_rate_of_refractory_nodes():
    spikes = drawn([0.0, 100.0], times=(0.0, 4.0), abs_ref=0.002, tau_ref=0.003)
    for t0 in range(0, 4000, 500):
        inside = counts(spikes, t0, t0 + 500)
        expected = 100 * (t0 + 250) / 4000 * 0.5
        error = inside.std(ddof=1) / np.sqrt(N)
        # the rate of the moment, which changes by 1 Hz in 40 ms; over an interval, that is less than 1 %
        assert inside.mean() == pytest.approx(expected, abs=3.9 * error + 0.01 * expected)


# ------------------------------------------------------------------------------------------------- streams


def test_a_seed_gives_the_same_spikes_at_every_call():
    generator = PoissonGenerator(3, "a")
    generator.add([4, 2], 30.0)
    assert generator.spikes() == generator.spikes()
    assert generator.spikes() != drawn(30.0, n=5, seed=4).select(node_ids=[4, 2])


def test_nodes_hang_on_nothing_else():
    alone = PoissonGenerator(3, "a")
    alone.add(2, 30.0)
    many = PoissonGenerator(3, "a")
    many.add(range(5), 30.0)
    many.add(2, 80.0, population="b")
    assert many.spikes().select("a", [2]) == alone.spikes()
    first, second = many.spikes().trains("a")[1], many.spikes().trains("a")[2]
    assert not np.intersect1d(first, second).size
    # a second part of a node leaves its first as it is
    many.add(2, 30.0, "a", times=(1.0, 2.0))
    both = many.spikes().trains("a")[2]
    assert np.array_equal(both[both < 1000], second)
    assert both[both >= 1000].size
    assert np.all(np.diff(both) > 0)


def test_global_random_numbers_are_left_alone():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    drawn(30.0, n=3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_nodes_that_are_asked_for():
    generator = PoissonGenerator(3, "a")
    generator.add(range(5), 0.0)
    assert generator.spikes({"a": [1, 3]}).nodes["a"].tolist() == [1, 3]
    assert len(generator.spikes()) == 0
    with pytest.raises(InvalidValue, match="node_ids: 5 is none of the 5 nodes of 'a'"):
        generator.spikes({"a": range(6)})


def test_where_they_come_from():
    generator = PoissonGenerator(3, "a")
    generator.add([1, 2], [10.0, 20.0], abs_ref=0.001)
    generator.add([3], 5.0)
    origin = json.loads(json.dumps(dict(generator.spikes().origin)))
    assert (origin["source"], origin["seed"]) == ("PoissonGenerator", 3)
    assert origin["added"] == [
        {
            "population": "a",
            "rate": [10.0, 20.0],
            "times": [0.0, 1.0],
            "abs_ref": 0.001,
            "tau_ref": 0.0,
            "node_ids": [1, 2],
        },
        {"population": "a", "rate": 5.0, "times": [0.0, 1.0], "abs_ref": 0.0, "tau_ref": 0.0, "node_ids": [3]},
    ]


# ------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"rate": -1.0}, InvalidValue, "rate: -1.0 must be finite and >= 0 Hz"),
        ({"rate": [1.0, np.nan]}, InvalidValue, "rate: nan must be finite"),
        ({"rate": "fast"}, InvalidType, "must be a rate (Hz)"),
        ({"rate": [1.0, 2.0, 3.0]}, InvalidValue, "per_node=True gives each node its own"),
        ({"rate": [1.0, 2.0], "per_node": True}, InvalidValue, "must be (3,), one rate a node, or (3, 2)"),
        ({"times": (1.0, 1.0)}, InvalidValue, "that rise"),
        ({"times": (0.0,)}, InvalidValue, "that rise"),
        ({"times": (-1.0, 1.0)}, InvalidValue, "that rise"),
        ({"times": (0.0, np.inf)}, InvalidValue, "that rise"),
        ({"abs_ref": -0.001}, InvalidValue, "abs_ref"),
        ({"rate": 200.0, "abs_ref": 0.005}, InvalidValue, "must be < 1 / abs_ref, 200 Hz"),
        ({"node_ids": [0, 0]}, InvalidValue, "occurs twice"),
        ({"node_ids": [0.5]}, InvalidType, "flat list of node ids"),
    ],
)
def test_bad_arguments(options, error, told):
    generator = PoissonGenerator(1)
    with pytest.raises(error) as caught:
        generator.add(**{"node_ids": range(3), "rate": 1.0, **options})
    assert told in str(caught.value)
    assert len(generator.spikes()) == 0


def test_bad_seed_and_population():
    with pytest.raises(InvalidType, match="seed"):
        PoissonGenerator(None)
    generator = PoissonGenerator(1, "a")
    generator.add(0, 1000.0)
    with pytest.raises(UnknownName, match="'b' is no population"):
        generator.spikes({"b": [0]})
