"""How sure a fit is: intervals of its parameters, from the scatter of trials and an emulator of the simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.backends.protocol import Launcher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.optimization.emulator import draws_of, emulate
from hnnlib.optimization.free import Space
from hnnlib.optimization.problem import Problem
from hnnlib.optimization.searches import sobol
from hnnlib.results.dipole import average_dipoles
from hnnlib.simulation import chosen_launcher

__all__ = ["Intervals", "Simulated", "intervals", "intervals_of", "simulate_around"]

Array = NDArray[np.float64]

RIDGE = 0.02
"""Part of the mean variance that is added to every residual's: where hardly anything happens trials hardly scatter, and
the emulator would be trusted beyond what it is."""
MOST_OUTPUTS = 12
"""Most principal directions of the residuals, in units of their noise, that are emulated."""
AROUND = 0.12
"""Standard deviation of the first points around the fit, as a part of each parameter's range."""
CHAINS, STEPS = 120, 600


@attrs.frozen(kw_only=True, eq=False)
class Simulated:
    """Simulations around a fit, each with random drives of its own.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_free)
        Where, in the unit cube.
    residuals : ndarray, shape (n_points, n_residuals)
        Residuals of the mean of the trials.
    covariance : ndarray, shape (n_residuals, n_residuals)
        Covariance of the residuals from trial to trial, pooled over the points of the last round.
    n_trials : int
        Trials at each point.
    n_last : int
        Number of points of the last round, which stand at the end.
    """

    points: Array
    residuals: Array
    covariance: Array
    n_trials: int
    n_last: int

    @property
    def n_simulated(self) -> int:
        """Number of trials simulated."""
        return len(self.points) * self.n_trials


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Intervals:
    """Intervals of the free parameters of a fit.

    Parameters
    ----------
    space : Space
        The free parameters.
    level : float
        Probability that an interval holds the parameter.
    samples : ndarray, shape (n_samples, n_free)
        Draws of the parameters, in their units, each within its bounds.
    values : ndarray, shape (n_free,)
        The fit.
    inflation : float
        Factor of all standard deviations because the fit is further from the target than the scatter of trials
        explains; 1 if it is not.
    n_simulated : int
        Number of trials simulated.
    """

    space: Space
    level: float
    samples: Array
    values: Array
    inflation: float
    n_simulated: int

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the parameters."""
        return self.space.names

    @property
    def median(self) -> Array:
        """Median of each parameter, shape (n_free,): the estimate that goes with the intervals."""
        return np.asarray(np.median(self.samples, axis=0))

    @property
    def low(self) -> Array:
        """Lower end of each interval, shape (n_free,); as much probability lies below it as above the upper end."""
        return np.asarray(np.quantile(self.samples, 0.5 - 0.5 * self.level, axis=0))

    @property
    def high(self) -> Array:
        """Upper end of each interval, shape (n_free,)."""
        return np.asarray(np.quantile(self.samples, 0.5 + 0.5 * self.level, axis=0))

    @property
    def width(self) -> Array:
        """Width of each interval as a part of that of one who knows the bounds alone, shape (n_free,).

        Near 0: the data tell the parameter; near 1: they tell nothing of it.
        """
        unit = np.array([[f.to_unit(v) for f, v in zip(self.space.free, ends, strict=True)] for ends in self.ends])
        return np.asarray((unit[1] - unit[0]) / self.level)

    @property
    def ends(self) -> tuple[Array, Array]:
        """Lower and upper ends."""
        return self.low, self.high

    @property
    def correlations(self) -> Array:
        """Correlation of the parameters, on their scales, shape (n_free, n_free)."""
        on_scale = [np.log(x) if f.scale == "log" else x for f, x in zip(self.space.free, self.samples.T, strict=True)]
        return np.asarray(np.corrcoef(on_scale))

    def covers(self, values: Mapping[str, float] | Sequence[float] | Array) -> NDArray[np.bool_]:
        """Return which intervals hold given values.

        Parameters
        ----------
        values : mapping or sequence
            Values of the free parameters.

        Returns
        -------
        covered : ndarray of bool, shape (n_free,)
        """
        given = self.space.values(values)
        held: NDArray[np.bool_] = (given >= self.low) & (given <= self.high)
        return held

    def summary(self) -> str:
        """Return a table to print: value, interval, and how much the data tell.

        Returns
        -------
        text : str
            Without a newline at the end.
        """
        rows = [["parameter", "fit", "median", f"{100 * self.level:g} % interval", "bounds", "width"]]
        for k, one in enumerate(self.space.free):
            rows.append(
                [
                    one.path,
                    f"{self.values[k]:.4g}",
                    f"{self.median[k]:.4g}",
                    f"{self.low[k]:.4g} to {self.high[k]:.4g}",
                    f"{one.low:.4g} to {one.high:.4g}",
                    f"{100 * self.width[k]:.0f} %" + ("  (hardly known)" if self.width[k] > 0.8 else ""),
                ]
            )
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(field.ljust(w) for field, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.append("width: of the interval, by that of one who knows the bounds alone")
        if self.inflation > 1:
            lines.append(
                f"noise counted {self.inflation:.3g} times, since the model is that much further from the target"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Intervals: {100 * self.level:g} %, {len(self.names)} parameters, {self.n_simulated} trials>"


def intervals(
    problem: Problem,
    fit: Any,
    *,
    level: float = 0.9,
    n_averaged: int | None = None,
    n_trials: int = 4,
    n_points: int | None = None,
    rounds: int = 3,
    seed: int = 1,
    launcher: str | Launcher | None = None,
) -> Intervals:
    r"""Estimate how far the parameters may be from a fit, from simulations around it.

    The target is a mean of :math:`n` trials whose random drives were others than those of the simulations, so that at
    the true parameters the residuals are as random as such means are: of covariance :math:`S / n`, :math:`S` that of
    single trials. Between the points that are simulated an emulator (Gaussian processes) says what the residuals are
    and how surely. With all values within the bounds equally likely beforehand, both give a probability for each set of
    parameters, from which draws are taken. They say where to simulate in the next round, so that the emulator is best
    where the draws are.

    A parameter that hardly changes the residuals so gets an interval as wide as its bounds. Where the model is further
    from the target than all that explains (it can't make the recorded waveform), the standard deviation of the noise is
    multiplied by how much further it is (Birge's ratio [1]_).

    Parameters
    ----------
    problem : Problem
        What was fitted; its objective must be the dipole's and have residuals, e.g. `RMSE`.
    fit : Fit, mapping or sequence
        The fit, or values of the free parameters.
    level : float
        Probability that an interval holds the parameter.
    n_averaged : int, optional
        Number of recorded trials whose mean the target is. Left out: the target's ``n_averaged``.
    n_trials : int
        Trials at each point, at least 2.
    n_points : int, optional
        Points of a round; 16 and 4 per parameter when left out.
    rounds : int
        How often points are chosen. The first are half around the fit, half all over the bounds.
    seed : int
        Seed of the simulations; not that of the problem's evaluations, whose luck the fit has made use of.
    launcher : str or Launcher, optional
        What spreads the simulations, as in `hnnlib.simulate`.

    Returns
    -------
    intervals : Intervals
        Ends, median and draws.

    Raises
    ------
    InvalidValue
        If it is not known how many trials the target is the mean of, or an argument is not allowed.
    InvalidType
        If the objective has no residuals that can be had from dipoles.
    SimulationError
        If a simulation fails.

    References
    ----------
    .. [1] Birge (1932), Phys Rev 40:207-227, doi:10.1103/PhysRev.40.207
    """
    averaged = _averaged(problem, n_averaged)
    number(level, "level", gt=0, lt=1)
    simulated = simulate_around(
        problem, fit, n_averaged=averaged, n_trials=n_trials, n_points=n_points, rounds=rounds, seed=seed,
        launcher=launcher,
    )  # fmt: skip
    return intervals_of(simulated, problem.space, _values_of(problem, fit), n_averaged=averaged, level=level, seed=seed)


def simulate_around(
    problem: Problem,
    fit: Any,
    *,
    n_averaged: int | None = None,
    n_trials: int = 4,
    n_points: int | None = None,
    rounds: int = 3,
    seed: int = 1,
    launcher: str | Launcher | None = None,
) -> Simulated:
    """Simulate around a fit, round after round.

    Parameters
    ----------
    problem, fit, n_averaged, n_trials, n_points, rounds, seed, launcher
        As in `intervals`.

    Returns
    -------
    simulated : Simulated
        What `intervals_of` takes.

    Raises
    ------
    InvalidValue, InvalidType, SimulationError
        As in `intervals`.
    """
    if problem.objective.needs != {"dipole"} or not problem.objective.has_residuals:
        raise InvalidType("objective", problem.objective.name, "must be one of the dipole with residuals, e.g. RMSE")
    n_free, averaged = len(problem.space), _averaged(problem, n_averaged)
    n = 16 + 4 * n_free if n_points is None else n_points
    for name, value, least in (("n_trials", n_trials, 2), ("rounds", rounds, 1), ("n_points", n, n_free + 4)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InvalidValue(name, value, f"must be an integer >= {least}")
    if seed == problem.seed:
        raise InvalidValue("seed", seed, "must be another than the problem's, whose luck the fit has made use of")
    here = problem.space.to_unit(_values_of(problem, fit))
    stream = independent_stream(seed, "intervals/points")
    near = np.clip(here + AROUND * stream.standard_normal((n - n // 2, n_free)), 0.0, 1.0)
    new = np.vstack([near, *sobol(n // 2, n_free, seed, "intervals")])
    points, residuals = np.zeros((0, n_free)), None
    for turn in range(rounds):
        seeds = [int(independent_stream(seed, "intervals", turn, k).integers(2**31)) for k in range(n)]
        found, covariance = _simulate(problem, new, seeds, n_trials, launcher)
        points = np.vstack([points, new])
        residuals = found if residuals is None else np.vstack([residuals, found])
        simulated = Simulated(points=points, residuals=residuals, covariance=covariance, n_trials=n_trials, n_last=n)
        if turn + 1 < rounds:
            draws, _ = _draws(simulated, averaged, independent_stream(seed, "intervals/round", turn), STEPS // 2)
            new = draws[stream.choice(len(draws), n, replace=False)]
    return simulated


def _averaged(problem: Problem, n_averaged: int | None) -> int:
    n = n_averaged
    if n is None:
        n = getattr(getattr(problem.objective, "target", None), "n_averaged", None)
    if n is None:
        raise InvalidValue("n_averaged", None, "must say of how many recorded trials the target is the mean")
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InvalidValue("n_averaged", n, "must be an integer >= 1")
    return int(n)


def _values_of(problem: Problem, fit: Any) -> Array:
    return problem.space.values(fit if isinstance(fit, Mapping) else getattr(fit, "values", fit))


def _simulate(
    problem: Problem, points: Array, seeds: Sequence[int], n_trials: int, launcher: str | Launcher | None
) -> tuple[Array, Array]:
    """Return the residuals at points, and their covariance from trial to trial."""
    items = [(problem.space.from_unit(point), seed) for point, seed in zip(points, seeds, strict=True)]
    found: list[tuple[Array, Array] | None] = [None] * len(items)
    with closing(chosen_launcher(launcher).map(_residuals_of, items, (problem, n_trials), what="point")) as arriving:
        for which, value in arriving:
            if isinstance(value, HnnlibError):
                raise value
            found[which] = value
    scatter = np.vstack([one[1] for one in found if one is not None])
    return np.array([one[0] for one in found if one is not None]), scatter.T @ scatter / len(items)


@attrs.frozen
class _Some:
    """Some trials of a result, as objectives of the dipole read them."""

    dipoles: tuple[Any, ...]

    @property
    def dipole(self) -> Any:
        return average_dipoles(self.dipoles)


def _residuals_of(given: tuple[Problem, int], item: tuple[Array, int]) -> tuple[Array, Array]:
    """Return the residuals of the mean of all trials, and a square root of their covariance from trial to trial.

    By the jackknife, since the residuals of a mean are no mean of residuals where the scale is fitted.
    """
    problem, n = given
    values, seed = item
    dipoles = problem.simulate(values, seed, n_trials=n).dipoles

    def residuals(some: tuple[Any, ...]) -> Array:
        found = problem.objective.residuals(_Some(some))  # type: ignore[arg-type]
        if found is None:
            raise InvalidType("objective", problem.objective.name, "must have residuals")
        return found

    without = np.array([residuals(dipoles[:k] + dipoles[k + 1 :]) for k in range(n)])
    # covariance of the mean: (n - 1) / n times the sum of squares; n times as much from trial to trial
    return residuals(dipoles), np.sqrt(n - 1.0) * (without - without.mean(axis=0))


def intervals_of(
    simulated: Simulated, space: Space, values: Any, *, n_averaged: int, level: float = 0.9, seed: int = 1
) -> Intervals:
    """Return the intervals that simulations around a fit give.

    Parameters
    ----------
    simulated : Simulated
        The simulations.
    space : Space
        The free parameters.
    values : mapping or sequence
        The fit.
    n_averaged, level, seed
        As in `intervals`.

    Returns
    -------
    intervals : Intervals
        Ends, median and draws.
    """
    draws, inflation = _draws(simulated, n_averaged, independent_stream(seed, "intervals/draws"), STEPS)
    return Intervals(
        space=space,
        level=level,
        samples=np.array([space.from_unit(row) for row in draws]),
        values=space.values(values),
        inflation=inflation,
        n_simulated=simulated.n_simulated,
    )


def _draws(simulated: Simulated, n_averaged: int, stream: np.random.Generator, n_steps: int) -> tuple[Array, float]:
    """Return draws of the parameters in the unit cube, and by how much noise was inflated."""
    outputs, beside, n_directions = _in_units_of_noise(simulated, n_averaged)
    # in units of the target's noise, of variance 1, the mean of a point's trials has more
    emulator = emulate(simulated.points, outputs, np.full(len(outputs), n_averaged / simulated.n_trials))

    def log_probability(at: Array, inflation: float = 1.0) -> Array:
        mean, variance = emulator.predict(at)
        variance = inflation**2 + variance
        return np.asarray(-0.5 * np.sum(mean**2 / variance + np.log(variance), axis=1))

    # the most probable of many points: those that were simulated, points near the last of them, and points all over
    near = np.repeat(simulated.points[-simulated.n_last :], 5, axis=0)
    near = np.clip(near + 0.05 * stream.standard_normal(near.shape), 0.0, 1.0)
    tried = np.vstack([simulated.points, near, stream.random((1000, near.shape[1]))])
    order = np.argsort(-log_probability(tried))
    mean, variance = emulator.predict(tried[order[:1]])
    along = float(np.sum(mean**2 / (1.0 + variance)))  # what the emulator's own doubt does not explain
    inflation = float(np.sqrt(max((along + beside) / n_directions, 1.0)))
    starts = tried[order[:CHAINS]]
    return draws_of(lambda at: log_probability(at, inflation), starts, stream, n_steps), inflation


def _in_units_of_noise(simulated: Simulated, n_averaged: int) -> tuple[Array, float, float]:
    """Return the residuals in units of the target's noise along their principal directions.

    Also the square of the target's distance beside all of these directions, where no parameter helps, and in how many
    directions there is noise. Principal directions that do not stand out of the scatter of the simulations (beyond the
    edge of Marchenko and Pastur) are left out: chance would be taken for slopes.
    """
    power, axes = np.linalg.eigh(simulated.covariance)
    power = np.maximum(power, 0.0)
    ridge = RIDGE * float(np.mean(power))
    n_directions = float(np.sum(power / (power + ridge)))
    whole = simulated.residuals @ (axes / np.sqrt((power + ridge) / n_averaged))
    _, strength, directions = np.linalg.svd(whole - whole.mean(axis=0), full_matrices=False)
    n = len(whole)
    edge = n_averaged / simulated.n_trials * (1.0 + np.sqrt(n_directions / n)) ** 2
    kept = directions[: int(np.clip(np.sum(strength**2 / n > edge), 1, MOST_OUTPUTS))]
    last = whole[-simulated.n_last :].mean(axis=0)
    beside = float(last @ last - np.sum((kept @ last) ** 2))
    # of which the scatter of the simulations is as much as is to be expected
    beside -= n_averaged / (simulated.n_last * simulated.n_trials) * max(n_directions - len(kept), 0.0)
    return whole @ kept.T, max(beside, 0.0), n_directions
