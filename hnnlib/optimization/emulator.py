"""Gaussian processes that stand for a simulator: what it would give at points where it was not run, and how surely."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Emulator", "draws_of", "emulate"]

Array = NDArray[np.float64]

SHORTEST, LONGEST = 0.1, 10.0
"""Limits of the length scales, as parts of the parameters' ranges."""
VAGUE = 10.0
"""Variance of the lines beforehand, by the sum of squares of what was simulated."""


@attrs.frozen(eq=False)
class Emulator:
    """One Gaussian process for each output, about straight lines; all have the same length scales [1]_.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_free)
        Where the simulator was run, in the unit cube.
    lengths : ndarray, shape (n_free,)
        Over which distance outputs forget each parameter.
    powers : ndarray, shape (n_outputs,)
        Variance of each output about its lines.
    vague : ndarray, shape (n_outputs,)
        Variance of the lines' height and slopes beforehand, so large that only what was simulated counts.
    weights : ndarray, shape (n_points, n_outputs)
        Weights of the points.
    roots : ndarray, shape (n_outputs, n_points, n_points)
        Inverses of the Cholesky factors of the covariances.

    References
    ----------
    .. [1] Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, chapters 2 and 5; Kennedy and O'Hagan
       (2001), J R Stat Soc B 63:425-464, doi:10.1111/1467-9868.00294
    """

    points: Array
    lengths: Array
    powers: Array
    vague: Array
    weights: Array
    roots: Array

    def predict(self, at: Array) -> tuple[Array, Array]:
        """Return mean and variance of the outputs, each of shape (n, n_outputs).

        Parameters
        ----------
        at : ndarray, shape (n, n_free)
            Points of the unit cube.
        """
        alike, lines = _alike(at, self.points, self.lengths), _basis(at)
        along = lines @ _basis(self.points).T
        own = np.sum(lines**2, axis=1)
        mean, variance = np.empty((2, len(at), len(self.powers)))
        for k, (power, vague) in enumerate(zip(self.powers, self.vague, strict=True)):
            covariance = power * alike + vague * along
            mean[:, k] = covariance @ self.weights[:, k]
            variance[:, k] = power + vague * own - np.sum((covariance @ self.roots[k].T) ** 2, axis=1)
        return mean, np.maximum(variance, 0.0)


def emulate(points: Array, outputs: Array, noise: Array) -> Emulator:
    """Return the Gaussian processes under which what was simulated is most probable.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_free)
        Where the simulator was run, in the unit cube.
    outputs : ndarray, shape (n_points, n_outputs)
        What it gave.
    noise : ndarray, shape (n_points,)
        Variance of what it gave at each point, the same for all outputs.

    Returns
    -------
    emulator : Emulator
        To predict with.
    """
    from scipy.optimize import minimize

    n, n_free = points.shape
    basis = _basis(points)
    lines = np.linalg.lstsq(basis, outputs, rcond=None)[0]
    squares = np.mean((outputs - basis @ lines) ** 2, axis=0)
    first = np.log(np.maximum(squares - np.mean(noise), 0.1 * squares))
    vague = VAGUE * (np.sum(lines**2, axis=0) + squares)
    along = basis @ basis.T
    apart = (points[:, None, :] - points[None, :, :]) ** 2

    def unlikeliness(x: Array) -> tuple[float, Array]:
        lengths, powers = np.exp(x[:n_free]), np.exp(x[n_free:])
        alike = np.exp(-0.5 * apart @ lengths**-2)
        # lengths near the cube's are likely beforehand, or few points would be fitted by very short ones
        value, pull, of_powers = 0.5 * float(x[:n_free] @ x[:n_free]), np.zeros((n, n)), np.zeros(len(powers))
        for k, power in enumerate(powers):
            inverse, log_det = _inverse(power * alike + vague[k] * along + np.diag(noise))
            weights = inverse @ outputs[:, k]
            value += 0.5 * float(outputs[:, k] @ weights) + 0.5 * log_det
            change = power * (np.outer(weights, weights) - inverse) * alike
            pull += change
            of_powers[k] = -0.5 * float(np.sum(change))
        of_lengths = np.array([-0.5 * np.sum(pull * apart[:, :, j]) / lengths[j] ** 2 for j in range(n_free)])
        return value, np.concatenate([of_lengths + x[:n_free], of_powers])

    limits = [(np.log(SHORTEST), np.log(LONGEST))] * n_free + [(low - 7.0, low + 7.0) for low in first]
    start = np.concatenate([np.zeros(n_free), first])
    found = minimize(unlikeliness, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 30}).x
    lengths, powers = np.exp(found[:n_free]), np.exp(found[n_free:])
    alike = _alike(points, points, lengths)
    roots: Array = np.array(
        [
            np.linalg.inv(np.linalg.cholesky(power * alike + wide * along + np.diag(noise)))
            for power, wide in zip(powers, vague, strict=True)
        ]
    )
    weights: Array = np.array([root.T @ (root @ column) for root, column in zip(roots, outputs.T, strict=True)]).T
    return Emulator(points, lengths, powers, vague, weights, roots)


def _inverse(matrix: Array) -> tuple[Array, float]:
    from scipy.linalg import lapack

    factor, _ = lapack.dpotrf(matrix, lower=True)
    lower, _ = lapack.dpotri(factor, lower=True)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    return inverse, 2.0 * float(np.sum(np.log(np.diag(factor))))


def _basis(points: Array) -> Array:
    return np.column_stack([np.ones(len(points)), points - 0.5])


def _alike(one: Array, other: Array, lengths: Array) -> Array:
    a, b = one / lengths, other / lengths
    apart = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :] - 2.0 * a @ b.T
    return np.asarray(np.exp(-0.5 * np.maximum(apart, 0.0)))


def draws_of(
    log_probability: Callable[[Array], Array], start: Array, stream: np.random.Generator, n_steps: int
) -> Array:
    """Return draws from a probability over the unit cube, by differential evolution Markov chains [1]_.

    Parameters
    ----------
    log_probability : callable
        Gives the logarithm, but for a constant, at points of shape (n, n_free).
    start : ndarray, shape (n_chains, n_free)
        Where the chains begin.
    stream : numpy.random.Generator
        Random numbers.
    n_steps : int
        Steps of each chain; the first third is thrown away.

    Returns
    -------
    draws : ndarray, shape (n_draws, n_free)
        The chains' places after every fifth step.

    References
    ----------
    .. [1] ter Braak (2006), Stat Comput 16:239-249, doi:10.1007/s11222-006-8769-1
    """
    n_chains, n_free = start.shape
    here, at, kept, rows = start.copy(), log_probability(start), [], np.arange(n_chains)
    for step in range(n_steps):
        first = stream.integers(1, n_chains, n_chains)
        second = stream.integers(1, n_chains - 1, n_chains)
        second += second >= first  # two others, and not one twice
        # a long jump now and then lets chains change places
        factor = 1.0 if step % 10 == 0 else 2.38 / np.sqrt(2.0 * n_free)
        jump = here[(rows + first) % n_chains] - here[(rows + second) % n_chains]
        there = here + factor * jump + 1e-4 * stream.standard_normal(here.shape)
        inside = np.all((there >= 0.0) & (there <= 1.0), axis=1)
        new = np.full(n_chains, -np.inf)
        if inside.any():
            new[inside] = log_probability(there[inside])
        taken = np.log(stream.random(n_chains)) < new - at
        here, at = np.where(taken[:, None], there, here), np.where(taken, new, at)
        if step >= n_steps // 3 and step % 5 == 0:
            kept.append(here)
    return np.concatenate(kept)
