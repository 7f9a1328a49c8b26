"""Straight lines through a spread of evaluations, and a search that walks by them."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.optimization.problem import Evaluation
from hnnlib.optimization.searches import Evaluate, sobol

__all__ = ["Lines", "Regression", "folded_signs", "lines_through"]

Array = NDArray[np.float64]

BEST_POINTS = 3
"""The walk starts at the middle of so many of the best sampled points: of the very best, part is luck."""
DAMPING = 2.0
"""Steps are damped as if this many times the noise of the slopes were known of each parameter beforehand."""


@attrs.frozen(eq=False)
class Lines:
    """Residuals as straight lines over the unit cube, about a centre.

    Parameters
    ----------
    centre : ndarray, shape (n_free,)
        The middle of the points.
    at_centre : ndarray, shape (n_residuals,)
        Mean of the residuals over all points.
    slopes : ndarray, shape (n_residuals, n_free)
        Change of each residual per unit of the cube.
    noise : float
        Sum over the residuals of the variance of one column of ``slopes``.
    """

    centre: Array
    at_centre: Array
    slopes: Array
    noise: float


def folded_signs(n_free: int, stream: np.random.Generator) -> Array:
    """Return a two-level design, half of it: the other half are the same points mirrored at the centre.

    Every point moves all parameters, so that each evaluation tells about each of them; columns are orthogonal, and by
    the mirrored half no slope is mixed up with a curvature or with a product of two parameters.

    Parameters
    ----------
    n_free : int
        Number of parameters.
    stream : numpy.random.Generator
        Chooses the columns and their signs.

    Returns
    -------
    signs : ndarray, shape (n_pairs, n_free)
        1 and -1; ``n_pairs`` is the smallest power of 2 that leaves at least a quarter of the pairs to tell the noise.

    References
    ----------
    .. [1] Plackett and Burman (1946), Biometrika 33:305-325, doi:10.1093/biomet/33.4.305; Box and Wilson (1951), J R
       Stat Soc B 13:1-45 for the mirrored half
    """
    from scipy.linalg import hadamard

    n_pairs = 4
    while 0.75 * n_pairs < n_free:
        n_pairs *= 2
    columns = stream.permutation(n_pairs)[:n_free]
    return np.asarray(hadamard(n_pairs)[:, columns] * stream.choice([-1, 1], n_free), dtype=np.float64)


def lines_through(centre: Array, steps: Array, plus: Array, minus: Array) -> Lines:
    """Return the straight lines through pairs of points that are mirrored at a centre, by least squares.

    Parameters
    ----------
    centre : ndarray, shape (n_free,)
        The centre.
    steps : ndarray, shape (n_pairs, n_free)
        From the centre to the first point of each pair.
    plus, minus : ndarray, shape (n_pairs, n_residuals)
        Residuals at the first and the second points.
    """
    halves = 0.5 * (plus - minus)
    slopes, *_ = np.linalg.lstsq(steps, halves, rcond=None)
    unexplained = halves - steps @ slopes
    spare = max(len(steps) - steps.shape[1], 1)
    power = float(np.mean(np.sum(steps**2, axis=0)))
    return Lines(
        centre=centre,
        at_centre=0.5 * (plus + minus).mean(axis=0),
        slopes=slopes.T,
        noise=float(np.sum(unexplained**2)) / spare / power,
    )


@attrs.frozen
class Regression:
    """Gauss-Newton steps on straight lines through a spread of evaluations, closer and closer around the best.

    Needs an objective with residuals. Where derivatives by single differences see the jitter of spikes, lines through
    a whole spread average over it: each of some 30 evaluations, which run in parallel, tells about all parameters. A
    Sobol sequence finds the valley.

    Parameters
    ----------
    samples : int
        Points of a Sobol sequence to begin with.
    radius : float
        First distance of the spread from its centre along each parameter, as a part of its range.
    shrink : float
        Factor of the distance from one spread to the next.
    least : float
        The smallest distance; the search ends after two spreads of it.
    """

    samples: int = 128
    radius: float = 0.2
    shrink: float = 0.75
    least: float = 0.07
    name: str = attrs.field(default="regression", init=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.samples, bool) or not isinstance(self.samples, int) or self.samples < 1:
            raise InvalidValue("samples", self.samples, "must be an integer >= 1")
        number(self.least, "least", gt=0, le=0.5)
        number(self.radius, "radius", ge=self.least, le=0.5)
        number(self.shrink, "shrink", gt=0, lt=1)

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Sample, then step from spread to spread.

        Parameters
        ----------
        evaluate : callable
            Evaluates points; evaluations must have residuals.
        start : ndarray, shape (n_free,)
            The first point of the sample.
        seed : int
            Seed of the sample and the spreads.
        """
        points = [start, *sobol(self.samples, start.size, seed, self.name)]
        losses = np.array([one.loss for one in evaluate(points)])
        best = np.argsort(losses, kind="stable")[:BEST_POINTS]
        here = np.mean([points[int(k)] for k in best if np.isfinite(losses[k])] or [start], axis=0)
        radius, turn, last = self.radius, 0, 0
        while last < 2:
            lines = self._spread(evaluate, here, radius, independent_stream(seed, self.name, turn))
            if lines is None:
                return
            here = _step(lines, min(2.0 * radius, 0.5))
            evaluate([here])  # the fit's best is one of the points that were evaluated
            last += radius <= self.least
            turn, radius = turn + 1, max(radius * self.shrink, self.least)

    def _spread(self, evaluate: Evaluate, here: Array, radius: float, stream: np.random.Generator) -> Lines | None:
        centre = np.clip(here, radius, 1.0 - radius)
        steps = radius * folded_signs(here.size, stream)
        found = evaluate([*(centre + steps), *(centre - steps)])
        known = [one.residuals is not None for one in found]
        whole = np.logical_and(known[: len(steps)], known[len(steps) :])
        if whole.sum() <= here.size:
            return None
        plus, minus = _residuals(found[: len(steps)], whole), _residuals(found[len(steps) :], whole)
        return lines_through(centre, steps[whole], plus, minus)


def _residuals(found: list[Evaluation], whole: NDArray[np.bool_]) -> Array:
    return np.array([one.residuals for one, kept in zip(found, whole, strict=True) if kept])


def _step(lines: Lines, reach: float) -> Array:
    """Return where the lines' squares are least, within the cube, no further off than ``reach`` along a parameter."""
    from scipy.optimize import lsq_linear

    n = lines.centre.size
    low, high = np.maximum(-lines.centre, -reach), np.minimum(1.0 - lines.centre, reach)
    slopes = np.vstack([lines.slopes, np.sqrt(DAMPING * lines.noise) * np.eye(n)])
    wanted = np.concatenate([-lines.at_centre, np.zeros(n)])
    step = lsq_linear(slopes, wanted, bounds=(low, high)).x
    return np.clip(lines.centre + step, 0.0, 1.0)
