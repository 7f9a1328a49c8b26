"""Distributions: what they promise of their values, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.embedding.sources.rates import (
    Distribution,
    Empirical,
    Fixed,
    LevyStable,
    Lognormal,
    TruncatedNormal,
    Uniform,
    as_distribution,
)

N = 40_000
EVERY = [
    Fixed(value=3.0),
    Uniform(low=2.0, high=8.0),
    Uniform(low=2, high=8, integer=True),
    TruncatedNormal(mu=16.9, sd=14.3, high=100.0),
    TruncatedNormal(mu=2.8, sd=1.9, low=1, high=5, integer=True),
    TruncatedNormal(mu=2.8, sd=1.9, low=1, integer=True),
    TruncatedNormal(mu=-5.0, sd=1.0, low=1.0),
    Lognormal(mean=0.45, sd=0.345),
    LevyStable(alpha=1.37, beta=-1.0, loc=1.84, scale=0.44),
    LevyStable(alpha=2.0, beta=0.0, loc=1.0, scale=0.3, log=False),
    Empirical(values=(1.0, 2.0, 9.0)),
]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("distribution", EVERY, ids=str)
def test_values_have_the_mean_that_is_told(distribution, rng):
    values = distribution.sample(rng, N)
    assert values.shape == (N,)
    assert abs(values.mean() - distribution.mean) <= 4 * values.std() / np.sqrt(N) + 1e-12


@pytest.mark.parametrize("distribution", EVERY, ids=str)
def test_plain_data_and_back(distribution):
    assert from_plain(Distribution, to_plain(distribution)) == distribution


@pytest.mark.parametrize("distribution", [d for d in EVERY if getattr(d, "integer", False)], ids=str)
def test_whole_numbers_are_whole_and_reach_both_bounds(distribution, rng):
    values = distribution.sample(rng, N)
    assert values.dtype == np.int64
    assert values.min() == distribution.low
    if distribution.high is not None:
        assert values.max() == distribution.high


def test_the_rates_of_l5_neuron_simulation():
    """Inhibitory rates of normal distributions cut to 0 to 100 Hz: 20.1 and 5.7 Hz in the mean."""
    assert TruncatedNormal(mu=16.9, sd=14.3, high=100.0).mean == pytest.approx(20.1, abs=0.05)
    assert TruncatedNormal(mu=3.9, sd=4.9, high=100.0).mean == pytest.approx(5.7, abs=0.05)


def test_excitatory_rates_of_l5_neuron_simulation(rng):
    """The 5th, 50th and 95th percentile of its 5222 cells, as it was run, are 0.85, 10.6 and 24.6 Hz."""
    values = LevyStable(alpha=1.37, beta=-1.0, loc=1.84, scale=0.44).sample(rng, N)
    below = (values[:, None] < [0.85, 10.6, 24.6]).mean(axis=0)
    part = np.array([0.05, 0.5, 0.95])
    assert (np.abs(below - part) < 4 * np.sqrt(part * (1 - part) / 5222)).all()


def test_the_cut_normal_distribution_is_scipys(rng):
    cut = stats.truncnorm((0 - 3.9) / 4.9, (8 - 3.9) / 4.9, 3.9, 4.9)
    assert stats.kstest(TruncatedNormal(mu=3.9, sd=4.9, high=8.0).sample(rng, 4000), cut.cdf).pvalue > 1e-3


def test_a_far_tail_keeps_its_digits(rng):
    values = TruncatedNormal(mu=0.0, sd=1.0, low=6.0).sample(rng, 1000)
    assert len(np.unique(values)) == 1000
    assert values.min() >= 6.0
    assert stats.kstest(values, stats.truncnorm(6, np.inf).cdf).pvalue > 1e-3


def test_lognormal_has_the_standard_deviation_of_the_values(rng):
    assert Lognormal(mean=5.0, sd=2.0).sample(rng, N).std() == pytest.approx(2.0, rel=0.05)


def test_a_number_is_a_fixed_value():
    assert as_distribution(2, "rate") == Fixed(value=2.0)
    assert as_distribution(np.float32(2.5), "rate") == Fixed(value=2.5)


@pytest.mark.parametrize("value", ["fast", None, True, [1.0]])
def test_what_is_no_distribution_is_refused(value):
    with pytest.raises(InvalidType, match=r"rate: .* must be a number or a distribution \(Fixed, Uniform"):
        as_distribution(value, "rate")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Uniform, {"low": 3, "high": 2}, "high: 2.0 must be >= low, 3"),
        (Uniform, {"low": 0.5, "high": 2, "integer": True}, "low: 0.5 must be a whole number"),
        (TruncatedNormal, {"mu": 1, "sd": 0}, "sd: 0 must be > 0"),
        (TruncatedNormal, {"mu": 1, "sd": 1, "high": -1}, "high: -1.0 must be > low, 0"),
        (TruncatedNormal, {"mu": 1, "sd": 1, "low": 40}, "low: 40.0 leaves next to nothing"),
        (TruncatedNormal, {"mu": 1, "sd": 1, "high": 2.5, "integer": True}, "high: 2.5 must be a whole number"),
        (Lognormal, {"mean": 0, "sd": 1}, "mean: 0 must be > 0"),
        (LevyStable, {"alpha": 2.5, "beta": 0}, "alpha: 2.5 must be > 0 and <= 2"),
        (Empirical, {"values": []}, "must hold at least one value"),
        (Empirical, {"values": [1, np.nan]}, r"values\[1\]: nan must be a finite number"),
        (Fixed, {"value": np.inf}, "value: inf must be a finite number"),
    ],
)
def test_bad_parameters_are_refused(kind, given, message):
    with pytest.raises(InvalidValue, match=message):
        kind(**given)


@pytest.mark.parametrize("given", [{"alpha": 1.5, "beta": 0.0}, {"alpha": 0.9, "beta": 0.0, "log": False}])
def test_a_mean_that_does_not_exist_is_an_error(given):
    with pytest.raises(InvalidValue, match="has no known mean"):
        _ = LevyStable(**given).mean


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'lognormal'"):
        from_plain(Distribution, {"kind": "log_normal", "mean": 1, "sd": 1})
