"""The search over parameters between bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hnnlib.reduction.search import Free, search, spread

FREE = (Free(name="x", low=-1.0, high=3.0, start=0.0), Free(name="y", low=0.01, high=100.0, start=1.0, log=True))


def loss(values):
    return (values["x"] - 2.0) ** 2 + np.log10(values["y"] / 10.0) ** 2


def test_numbers_between_0_and_1_are_values_between_the_bounds():
    values = spread(FREE, np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    assert values["x"] == pytest.approx([-1.0, 3.0, 1.0])
    assert values["y"] == pytest.approx([0.01, 100.0, 1.0])
    for free in FREE:
        assert free.value(np.array([free.place()])) == pytest.approx([free.start])


def test_the_search_finds_the_best_and_the_same_again():
    pytest.importorskip("cma", reason="cma is not installed: pip install 'hnnlib[fit]'")
    told = []
    found, best = search(FREE, loss, budget=40, seed=3, report=lambda g, b: told.append((g, b)))
    assert found["x"] == pytest.approx(2.0, abs=0.01)
    assert found["y"] == pytest.approx(10.0, rel=0.05)
    assert best == pytest.approx(0.0, abs=1e-3)
    assert [g for g, _ in told] == list(range(40))
    assert all(b <= a for (_, a), (_, b) in itertools.pairwise(told))
    assert search(FREE, loss, budget=40, seed=3) == (found, best)
    assert search(FREE, loss, budget=2, seed=4)[0] != search(FREE, loss, budget=2, seed=5)[0]


def test_the_first_candidate_is_the_start():
    pytest.importorskip("cma", reason="cma is not installed: pip install 'hnnlib[fit]'")
    first = []
    search(FREE, lambda v: first.append({k: float(x[0]) for k, x in v.items()}) or loss(v), budget=1, seed=0)
    assert first[0] == pytest.approx({"x": 0.0, "y": 1.0})
