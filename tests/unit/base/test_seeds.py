"""Random streams: the published ones bit for bit, the independent ones independent."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.seeds import independent_stream, pruning_stream, published_stream


def test_the_published_stream_is_numpys_legacy_generator():
    expected = np.random.RandomState(2 + 3 * 1045 + 7).normal(63.53, 3.85, 5)
    assert np.array_equal(published_stream(2, 3, 1045, 7).normal(63.53, 3.85, 5), expected)


def test_neighbouring_published_seeds_overlap():
    """As published: cell k + 1 of seed s has the stream of cell k of seed s + 1."""
    assert np.array_equal(published_stream(4, 0, 100, 1).normal(size=9), published_stream(5, 0, 100, 0).normal(size=9))


def test_negative_published_seeds_are_usable():
    draws = [published_stream(seed, 0, 10).normal() for seed in (-3, -2, 0)]
    assert len(set(draws)) == 3


def test_independent_streams_depend_on_their_arguments_alone():
    first = independent_stream(1, "evprox1", 2, 3).normal(size=9)
    independent_stream(1, "evdist1", 2, 3).normal(size=9)
    assert np.array_equal(independent_stream(1, "evprox1", 2, 3).normal(size=9), first)


@pytest.mark.parametrize(
    "arguments",
    [(2, "evprox1", 2, 3), (1, "evprox2", 2, 3), (1, "evprox1", 3, 3), (1, "evprox1", 2, 4), (1, "evprox1", 2)],
)
def test_every_argument_makes_another_independent_stream(arguments):
    first = independent_stream(1, "evprox1", 2, 3).normal(size=9)
    assert not np.any(independent_stream(*arguments).normal(size=9) == first)


def test_independent_streams_are_uncorrelated():
    draws = np.stack(
        [independent_stream(0, "d", trial, cell).normal(size=500) for trial in range(4) for cell in range(8)]
    )
    correlation = np.corrcoef(draws)[np.triu_indices(len(draws), 1)]
    # 496 coefficients of standard deviation 1 / sqrt(500) each
    assert np.abs(correlation).max() < 4.5 / np.sqrt(500)


def test_pruning_with_a_seed_is_the_published_stream():
    expected = np.random.default_rng(17 + 2).choice(range(90), 45, replace=False)
    assert np.array_equal(pruning_stream(17, 2, 0, "x").choice(90, 45, replace=False), expected)


def test_pruning_without_a_seed_depends_on_run_and_name():
    def drawn(seed, name):
        return tuple(pruning_stream(None, 0, seed, name).choice(1000, 5, replace=False))

    assert drawn(0, "a") == drawn(0, "a")
    assert len({drawn(0, "a"), drawn(1, "a"), drawn(0, "b")}) == 3
