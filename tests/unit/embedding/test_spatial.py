"""Rules of distance: their values, and what they refuse."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.embedding.membrane.spatial import (
    ExponentialRule,
    LinearRule,
    SigmoidRule,
    WindowRule,
    evaluate_rule,
    parameter,
    reaches,
)

X = np.array([0.0, 50.0, 100.0, 200.0, 400.0])  # µm
REACH = {"basal": 100.0, "apical": 400.0, "apical_trunk": 200.0}
RULES = {
    "a number": (3.0, [3, 3, 3, 3, 3]),
    "linear": (LinearRule(near=1.0, far=5.0, begin=100.0, end=200.0), [1, 1, 1, 5, 5]),
    "linear that falls": (LinearRule(near=1.0, far=0.0, end=200.0), [1, 0.75, 0.5, 0, 0]),
    "exponential": (
        ExponentialRule(scale=2.0, rate=np.log(2) / 100, offset=1.0, begin=100.0),
        [2, 1 + np.sqrt(2), 3, 5, 17],
    ),
    "capped": (ExponentialRule(scale=2.0, rate=np.log(2) / 100, begin=100.0, cap=3.0), [1, np.sqrt(2), 2, 3, 3]),
    "sigmoid": (
        SigmoidRule(near=1.0, far=3.0, middle=100.0, width=50.0),
        1 + 2 / (1 + np.exp(-(X - 100.0) / 50.0)),
    ),
    "window": (WindowRule(inside=2.0, outside=0.5, begin=50.0, end=100.0), [0.5, 2, 2, 0.5, 0.5]),
}


@pytest.mark.parametrize("name", RULES)
def test_values(name):
    rule, expected = RULES[name]
    np.testing.assert_allclose(evaluate_rule(rule, X, "basal", REACH), expected, rtol=1e-12)


def test_a_step_is_a_sigmoid_of_no_width():
    """Far from the middle of a steep one there is no overflow."""
    with np.errstate(all="raise"):
        found = evaluate_rule(SigmoidRule(near=1.0, far=3.0, middle=100.0, width=1e-3), X, "basal", REACH)
    np.testing.assert_allclose(found, [1, 1, 2, 3, 3])


@pytest.mark.parametrize(("relative_to", "largest"), [("domain", 200.0), ("apical", 400.0)])
def test_distances_may_be_parts_of_the_largest(relative_to, largest):
    part = WindowRule(inside=1.0, begin=0.4, end=0.6, relative_to=relative_to)
    micrometres = WindowRule(inside=1.0, begin=0.4 * largest, end=0.6 * largest)
    x = np.linspace(0, 200, 41)
    found = evaluate_rule(part, x, "apical_trunk", REACH)
    np.testing.assert_array_equal(found, evaluate_rule(micrometres, x, "apical_trunk", REACH))
    assert 0 < found.sum() < len(x)


def test_reaches_are_those_of_the_farthest_ends(fork):
    assert reaches(fork) == pytest.approx(
        {
            "soma": 10.0,
            "apical": 410.0,
            "apical_trunk": 310.0,
            "apical_tuft": 410.0,
            "basal": 110.0,
            "axon": 210.0,
            "all": 410.0,
        }
    )


@pytest.mark.parametrize("name", [n for n in RULES if n != "a number"])
def test_plain_data_round_trip(name):
    rule = RULES[name][0]
    plain = to_plain(attrs.evolve(rule, relative_to="apical"))
    assert plain["kind"] == rule.kind
    hint = LinearRule | ExponentialRule | SigmoidRule | WindowRule
    assert from_plain(hint, plain) == attrs.evolve(rule, relative_to="apical")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (LinearRule, {"near": 1.0, "far": 2.0, "begin": 5.0, "end": 5.0}, r"end: 5\.0 must be beyond begin \(5\)"),
        (WindowRule, {"inside": 1.0, "begin": 5.0, "end": 4.0}, r"end: 4\.0 must be beyond begin"),
        (SigmoidRule, {"near": 1.0, "far": 1.0, "middle": 5.0, "width": 0.0}, "width: 0.0 must be > 0"),
        (ExponentialRule, {"scale": float("nan"), "rate": 1.0}, "scale: nan must be a finite number"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, given, message):
    with pytest.raises(InvalidValue, match=message):
        kind(**given)


def test_bad_names_and_types_are_refused():
    with pytest.raises(UnknownName, match="apical"):
        WindowRule(inside=1.0, begin=0.0, end=1.0, relative_to="apicol")
    with pytest.raises(InvalidType, match=r"here: 'much' must be a number"):
        parameter("much", "here")
    with pytest.raises(InvalidValue, match="relative_to: 'apical' needs a morphology with apical sections"):
        evaluate_rule(WindowRule(inside=1.0, begin=0.0, end=1.0, relative_to="apical"), X, "basal", {"basal": 1.0})
