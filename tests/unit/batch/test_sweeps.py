"""Sweeps: the points that were asked for, lazily, and the same every time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.batch.sweeps import BLOCK, Range, Sweep

AXES = {"drives.a.mu": (10.0, 30.0), "weight": (1e-4, 1e-2, "log"), "other": Range(-1.0, 1.0)}
DRAWN = (Sweep.random, Sweep.sobol, Sweep.latin_hypercube)


def values_of(sweep):
    return np.array([list(point.values()) for point in sweep])


def test_a_grid_is_every_combination():
    sweep = Sweep.grid({"a": [1, 2], "b": np.array([0.5, 1.5, 2.5]), "c": ["x"]})
    assert len(sweep) == 6
    assert list(sweep) == [{"a": a, "b": b, "c": "x"} for a in (1, 2) for b in (0.5, 1.5, 2.5)]
    assert list(sweep) == list(sweep)
    assert type(next(iter(sweep))["b"]) is float  # not numpy's: specs and JSON take Python's numbers
    assert sweep.names == ("a", "b", "c")
    assert sweep[4] == list(sweep)[4]
    with pytest.raises(InvalidValue, match="number: 6 must be that of a point, 0 to 5"):
        sweep[6]


def test_a_grid_of_many_points_takes_no_room():
    sweep = Sweep.grid({name: range(1000) for name in "abcd"})
    assert len(sweep) == 10**12
    assert list(itertools.islice(sweep, 2)) == [dict(zip("abcd", (0, 0, 0, k), strict=True)) for k in (0, 1)]


def test_zip_takes_one_value_of_each():
    assert list(Sweep.zip({"a": [1, 2, 3], "b": range(3)})) == [{"a": k + 1, "b": k} for k in range(3)]
    with pytest.raises(InvalidValue, match=r"axes: \{'a': 3, 'b': 2\} must have as many values for each path"):
        Sweep.zip({"a": [1, 2, 3], "b": [1, 2]})


@pytest.mark.parametrize("make", DRAWN)
def test_what_is_drawn_lies_within_its_bounds_and_is_repeatable(make):
    n = BLOCK + 100
    sweep = make(AXES, n, seed=3)
    values = values_of(sweep)
    assert values.shape == (n, 3)
    np.testing.assert_array_equal(values, values_of(sweep))
    np.testing.assert_array_equal(values, values_of(make(AXES, n, seed=3)))
    assert not np.array_equal(values, values_of(make(AXES, n, seed=4)))
    low, high = np.array([10.0, 1e-4, -1.0]), np.array([30.0, 1e-2, 1.0])
    assert ((low <= values) & (values <= high)).all()
    # as many below the middle as above it: of a log scale, the geometric one
    below = (values < [20.0, 1e-3, 0.0]).mean(axis=0)
    np.testing.assert_allclose(below, 0.5, atol=0.06)
    assert abs(np.corrcoef(values[:, 0], values[:, 2])[0, 1]) < 0.1


@pytest.mark.parametrize("make", [Sweep.random, Sweep.sobol])
def test_the_first_of_more_points_are_the_same(make):
    few, many = values_of(make(AXES, 10)), values_of(make(AXES, BLOCK + 20))
    np.testing.assert_array_equal(few, many[:10])


def test_a_latin_hypercube_has_a_point_in_each_part():
    n = 50
    values = values_of(Sweep.latin_hypercube(AXES, n))
    parts = np.floor((values[:, 0] - 10.0) / 20.0 * n).astype(int)
    assert sorted(parts) == list(range(n))
    parts = np.floor(np.log(values[:, 1] / 1e-4) / np.log(100.0) * n).astype(int)
    assert sorted(parts) == list(range(n))


def test_sobol_fills_space_better_than_chance():
    from scipy.stats import qmc

    def discrepancy(make):
        return qmc.discrepancy(values_of(make({"a": (0.0, 1.0), "b": (0.0, 1.0)}, 256)))

    assert discrepancy(Sweep.sobol) < discrepancy(Sweep.random) / 5


@pytest.mark.parametrize(
    ("axes", "kind", "told"),
    [
        ({}, InvalidValue, "axes: {} must name at least one path"),
        ([("a", (0, 1))], InvalidType, "axes: .* must be a mapping of paths"),
        ({"a": (1.0, 1.0)}, InvalidValue, r"a: high: 1.0 must be > low, 1"),
        ({"a": (2.0, 1.0)}, InvalidValue, r"a: high: 1.0 must be > low, 2"),
        ({"a": (0.0, 1.0, "log")}, InvalidValue, r"a: low: 0.0 must be > 0 on a log scale"),
        ({"a": (0.0, 1.0, "lin")}, UnknownName, r"a: scale: 'lin' is no scale \(has linear, log\)"),
        ({"a": (0.0, float("inf"))}, InvalidValue, r"a: high: inf must be a finite number"),
        ({"a": (0.0, "x")}, InvalidType, r"a: high: 'x' must be a number"),
        ({"a": [1.0, 2.0, 3.0, 4.0]}, InvalidType, r"a: .* must be \(low, high\)"),
        ({3: (0.0, 1.0)}, InvalidType, "axes: 3 must be a path"),
    ],
)
@pytest.mark.parametrize("make", DRAWN)
def test_bounds_are_checked(make, axes, kind, told):
    with pytest.raises(kind, match=told):
        make(axes, 5)


def test_numbers_and_values_are_checked():
    for n, kind in ((0, InvalidValue), (2.0, InvalidType), (True, InvalidType)):
        with pytest.raises(kind, match="n: "):
            Sweep.random(AXES, n)
    with pytest.raises(InvalidValue, match="seed: -1 must be a whole number >= 0"):
        Sweep.sobol(AXES, 4, seed=-1)
    with pytest.raises(InvalidType, match="a: 'xyz' must be a sequence of values"):
        Sweep.grid({"a": "xyz"})
    with pytest.raises(InvalidType, match="a: 3 must be a sequence of values"):
        Sweep.zip({"a": 3})
    with pytest.raises(InvalidValue, match=r"a: .* must have at least one value"):
        Sweep.grid({"a": []})


def test_it_tells_what_it_is():
    assert repr(Sweep.sobol(AXES, 8)) == "<Sweep | sobol, 8 points of drives.a.mu, weight, other>"
    told = Sweep.sobol(AXES, 8, seed=2).described()
    assert told["axes"]["weight"] == {"low": 1e-4, "high": 1e-2, "scale": "log"}
    assert (told["method"], told["n"], told["seed"]) == ("sobol", 8, 2)
