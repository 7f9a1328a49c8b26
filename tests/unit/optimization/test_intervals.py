"""Intervals of a simulator whose answer is known: a straight line of the parameters, and white noise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.optimization.emulator import draws_of, emulate
from hnnlib.optimization.free import Free, Space
from hnnlib.optimization.objectives import Custom
from hnnlib.optimization.target import Target
from hnnlib.optimization.uncertainty import intervals, intervals_of, simulate_around
from hnnlib.optimization.waveform import RMSE
from hnnlib.results.dipole import Dipole

TIMES = np.arange(40.0)
SHAPES = np.array([np.sin(TIMES / 5.0), np.cos(TIMES / 8.0), np.zeros(40)]).T  # the third parameter does nothing
FREE = (Free("a", 0.0, 10.0), Free("b", 1e-3, 1.0, "log"), Free("c", -1.0, 1.0))
NOISE, N_AVERAGED = 1.0, 50


class Line:
    """Stands for a Problem: dipoles are shapes times the parameters in the unit cube, and each trial's own noise."""

    seed, n_trials = 0, 2

    def __init__(self, unit, seed=7, scale=1.0, wrong=0.0, noise=NOISE):
        self.noise = noise
        self.space = Space(FREE, [f.middle for f in FREE])
        rng = np.random.default_rng(seed)
        recorded = SHAPES @ unit + rng.normal(0.0, noise / np.sqrt(N_AVERAGED), 40) + wrong * np.sin(TIMES)
        self.objective = RMSE(Target(TIMES, recorded, n_averaged=N_AVERAGED), scale=scale)
        self.recorded = recorded

    def simulate(self, values, seed=None, n_trials=2):
        mean = SHAPES @ self.space.to_unit(values)
        noise = np.random.default_rng(seed).normal(0.0, self.noise, (n_trials, 40))
        return SimpleNamespace(dipoles=tuple(Dipole(TIMES, mean + one) for one in noise))

    def expected(self):
        """Mean and standard deviation of a and b in the unit cube, were there no bounds."""
        shapes = SHAPES[:, :2]
        information = shapes.T @ shapes * N_AVERAGED / NOISE**2
        mean = np.linalg.solve(information, shapes.T @ self.recorded * N_AVERAGED / NOISE**2)
        return mean, np.sqrt(np.diag(np.linalg.inv(information)))


def unit_ends(found):
    return np.array([[f.to_unit(v) for f, v in zip(FREE, ends, strict=True)] for ends in (found.low, found.high)])


def test_a_straight_line_has_the_known_intervals():
    problem = Line(np.array([0.4, 0.6, 0.5]))
    # the walls are 10 standard deviations away
    found = intervals(problem, {"a": 5.0, "b": 0.03, "c": 0.0}, n_trials=20, rounds=3)
    mean, sd = problem.expected()
    low, high = unit_ends(found)
    np.testing.assert_allclose((0.5 * (low + high))[:2], mean, atol=0.5 * sd.max())
    np.testing.assert_allclose((high - low)[:2], 2 * 1.645 * sd, rtol=0.2)
    assert found.n_simulated == 20 * 3 * 28
    # of what does nothing, one knows the bounds
    assert 0.85 < found.width[2] < 1.1
    assert (found.width[:2] < 0.25).all()
    assert "hardly known" in found.summary().splitlines()[3]
    assert found.inflation == pytest.approx(1.0, abs=0.2)
    assert ((found.samples >= [f.low for f in FREE]) & (found.samples <= [f.high for f in FREE])).all()


def test_bounds_are_kept_where_the_fit_stands_at_one():
    problem = Line(np.array([0.0, 0.6, 0.5]), seed=3)
    found = intervals(problem, {"a": 0.0, "b": 0.06, "c": 0.0}, n_trials=10, rounds=2)
    assert found.low[0] >= 0.0
    assert found.median[0] < 1.0


def test_intervals_hold_the_known_values_as_often_as_they_say():
    held = []
    for draw in range(14):
        unit = np.random.default_rng(100 + draw).uniform(0.1, 0.9, 3)
        problem = Line(unit, seed=200 + draw)
        values = problem.space.from_unit(unit)
        held.append(intervals(problem, values, n_trials=4, rounds=2, n_points=16, seed=draw + 1).covers(values))
    # of 42 intervals of 90 %, fewer than 32 hold by chance in 1 of 400 studies
    assert np.sum(held) >= 32


def test_a_target_that_the_model_cannot_make_widens_all():
    fit = {"a": 4.0, "b": 0.06, "c": 0.0}
    right = intervals(Line(np.array([0.4, 0.6, 0.5])), fit, n_trials=10, rounds=2)
    wrong = intervals(Line(np.array([0.4, 0.6, 0.5]), wrong=2.0), fit, n_trials=10, rounds=2)
    assert wrong.inflation > 6
    assert (wrong.width[:2] > 1.8 * right.width[:2]).all()
    assert f"{wrong.inflation:.3g} times" in wrong.summary()


def test_a_fitted_scale_takes_what_it_explains_out_of_the_scatter():
    fit, shape = {"a": 8.0, "b": 2e-3, "c": 0.0}, SHAPES[:, 0] / np.linalg.norm(SHAPES[:, 0])
    scatter = {
        scale: shape @ simulate_around(
            Line(np.array([0.8, 0.0, 0.5]), scale=scale, noise=0.1), fit, n_trials=20, rounds=2
        ).covariance @ shape
        for scale in (1.0, "fit")
    }  # fmt: skip
    assert scatter[1.0] == pytest.approx(0.1**2 / 40, rel=0.3)  # residuals are over the root of their number
    assert scatter["fit"] < 0.05 * scatter[1.0]


def test_same_seed_same_intervals_and_other_seeds_others():
    problem = Line(np.array([0.4, 0.6, 0.5]))
    around = simulate_around(problem, [4.0, 0.06, 0.0], n_trials=4, rounds=2, n_points=12)
    again = simulate_around(problem, [4.0, 0.06, 0.0], n_trials=4, rounds=2, n_points=12)
    np.testing.assert_array_equal(around.residuals, again.residuals)
    one, same, other = (
        intervals_of(around, problem.space, [4.0, 0.06, 0.0], n_averaged=N_AVERAGED, seed=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"seed": 0}, InvalidValue, "another than the problem's"),
        ({"n_trials": 1}, InvalidValue, "n_trials: 1 must be an integer >= 2"),
        ({"rounds": 0}, InvalidValue, "rounds"),
        ({"n_points": 5}, InvalidValue, "n_points: 5 must be an integer >= 7"),
        ({"level": 1.0}, InvalidValue, "level"),
        ({"n_averaged": 0}, InvalidValue, "n_averaged"),
        ({"fit": [20.0, 0.06, 0.0]}, InvalidValue, "must lie within 0 to 10"),
    ],
)
def test_what_is_refused(given, error, says):
    with pytest.raises(error, match=says):
        intervals(Line(np.array([0.4, 0.6, 0.5])), **{"fit": [4.0, 0.06, 0.0], **given})


def test_the_number_of_recorded_trials_and_residuals_are_needed():
    problem = Line(np.array([0.4, 0.6, 0.5]))
    problem.objective = RMSE(Target(TIMES, problem.recorded))
    with pytest.raises(InvalidValue, match="of how many recorded trials"):
        intervals(problem, [4.0, 0.06, 0.0])
    problem.objective = Custom(lambda result: 0.0, name="mine")
    with pytest.raises(InvalidType, match="with residuals"):
        intervals(problem, [4.0, 0.06, 0.0], n_averaged=10)


def test_the_emulator_knows_what_it_does_not_know():
    rng = np.random.default_rng(1)
    points = rng.random((60, 2))

    def outputs(at):
        return np.array([np.sin(4 * at[:, 0]) + at[:, 1], at[:, 0] * at[:, 1]]).T

    noise = 0.05**2
    emulator = emulate(points, outputs(points) + rng.normal(0, 0.05, (60, 2)), np.full(60, noise))
    at = rng.uniform(0.1, 0.9, (200, 2))
    mean, variance = emulator.predict(at)
    off = (mean - outputs(at)) / np.sqrt(variance)
    assert np.abs(mean - outputs(at)).max() < 0.1
    assert 0.5 < off.std() < 1.6
    # far from all points it knows little
    few = emulate(
        points[points[:, 0] < 0.4], outputs(points[points[:, 0] < 0.4]), np.full((points[:, 0] < 0.4).sum(), noise)
    )
    far, near = few.predict(np.array([[1.0, 0.5], [0.2, 0.5]]))[1][:, 0]
    assert far > 10 * near


def test_draws_are_those_of_a_known_probability():
    centre, sd = np.array([0.5, 0.02]), np.array([0.05, 0.1])  # the second is cut at 0
    start = np.random.default_rng(0).random((60, 2))
    draws = draws_of(
        lambda at: -0.5 * np.sum(((at - centre) / sd) ** 2, axis=1), start, np.random.default_rng(1), n_steps=1500
    )
    from scipy.stats import truncnorm

    expected = truncnorm(-0.2, 9.8, loc=0.02, scale=0.1)
    np.testing.assert_allclose(draws[:, 0].mean(), 0.5, atol=0.005)
    np.testing.assert_allclose(draws[:, 0].std(), 0.05, rtol=0.1)
    np.testing.assert_allclose(np.quantile(draws[:, 1], [0.05, 0.95]), expected.ppf([0.05, 0.95]), rtol=0.1, atol=0.002)
    assert draws.min() >= 0
