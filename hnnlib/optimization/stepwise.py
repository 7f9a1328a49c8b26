"""Evoked responses drive by drive: each drive is fitted to its part of the response, in time order, then all together.

The idea is that of HNN's workflow for evoked responses [1]_: the first drive shapes the first deflection, whatever
comes later; so its parameters are found first, on a window that later drives hardly reach, and then those of the next.

References
----------
.. [1] Neymotin et al. (2020), eLife 9:e51214, doi:10.7554/eLife.51214
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidValue
from hnnlib.optimization.objectives import Objective, Sum
from hnnlib.optimization.problem import Evaluation, Problem
from hnnlib.optimization.searches import Evaluate, LeastSquares, Search
from hnnlib.optimization.waveform import Waveform
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.network import NetworkSpec

__all__ = ["Stage", "Stepwise", "stepwise"]

Array = NDArray[np.float64]


@attrs.frozen(eq=False)
class Stage:
    """One drive's turn.

    Parameters
    ----------
    drive : str
        Its name.
    columns : tuple of int
        Which of the problem's parameters are searched.
    weights : ndarray, shape (n_residuals,)
        Factor of each residual: near 1 where the drive acts and the later ones don't yet.
    """

    drive: str
    columns: tuple[int, ...]
    weights: Array

    def __repr__(self) -> str:
        return f"Stage({self.drive}: {len(self.columns)} parameters)"


@attrs.frozen
class Stepwise:
    """Searches the parameters of one drive after another, then all together from where that led. Made by `stepwise`.

    Parameters
    ----------
    stages : tuple of Stage
        The drives' turns, in time order.
    each : Search
        What searches in a turn.
    together : Search
        What searches all parameters at the end.
    """

    stages: tuple[Stage, ...]
    each: Search
    together: Search
    name: str = attrs.field(default="stepwise", init=False)

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Go through the stages, then search all together.

        Parameters
        ----------
        evaluate : callable
            Evaluates points; evaluations must have residuals.
        start : ndarray, shape (n_free,)
            Where to start.
        seed : int
            Seed of the searches.
        """
        here = start
        for number, stage in enumerate(self.stages):
            turn = _Turn(stage, here, evaluate)
            self.each.run(turn.evaluate, here[list(stage.columns)], seed + 1 + number)
            here = turn.best
        self.together.run(evaluate, here, seed)


class _Turn:
    """Evaluates points of a stage's parameters, the others held, and judges them by the stage's weights."""

    def __init__(self, stage: Stage, here: Array, evaluate: Evaluate) -> None:
        self._stage, self._here, self._evaluate = stage, here, evaluate
        self.best, self._smallest = here, np.inf

    def evaluate(self, points: Sequence[Array]) -> list[Evaluation]:
        """Return evaluations whose residuals and loss are those of the stage."""
        whole = np.tile(self._here, (len(points), 1))
        whole[:, list(self._stage.columns)] = points
        found = [self._judged(one) for one in self._evaluate([*whole])]
        for point, one in zip(whole, found, strict=True):
            if one.loss < self._smallest:
                self.best, self._smallest = point, one.loss
        return found

    def _judged(self, one: Evaluation) -> Evaluation:
        if one.residuals is None:
            return one
        residuals = self._stage.weights * one.residuals
        return attrs.evolve(one, residuals=residuals, loss=float(np.sqrt(np.sum(residuals**2))))


def stepwise(problem: Problem, each: Search | None = None, together: Search | None = None) -> Stepwise:
    r"""Return the search that fits a problem's evoked drives one after another, then together.

    The turn of drive k is judged with the weights

    .. math:: w_k(t) = \Phi\left(\frac{t - \mu_k}{\sigma_k} + 2\right) \prod_{j > k} \left[1 - \Phi\left(\frac{t -
        \mu_j}{\sigma_j}\right)\right]

    (:math:`\Phi` the normal distribution, drives in the order of their mean times): they rise two standard deviations
    before the drive and fall as the later drives set in. Each turn searches the free parameters of its drive; those
    that belong to no drive are searched at the end, with all.

    Parameters
    ----------
    problem : Problem
        Whose objective is an `RMSE` or a `Correlation`.
    each : Search, optional
        What searches in a turn; a short `LeastSquares` when left out.
    together : Search, optional
        What searches at the end; one walk of `LeastSquares` when left out.

    Returns
    -------
    search : Stepwise
        For ``fit(problem, method=search)``.

    Raises
    ------
    InvalidValue
        If the objective is of another kind, or no free parameter belongs to an evoked drive.
    """
    waveform = _waveform_of(problem.objective)
    columns = _by_drive(problem)
    if not columns:
        raise InvalidValue("free", list(problem.space.names), "must hold a parameter of an evoked drive")
    network = problem.network_at(problem.space.starts)
    order = sorted(columns, key=lambda name: _evoked(network, name).mu)
    stages = tuple(
        Stage(name, tuple(columns[name]), _window(waveform.times, network, name, order[number + 1 :]))
        for number, name in enumerate(order)
    )
    return Stepwise(
        stages,
        LeastSquares(samples=16, walks=2) if each is None else each,
        LeastSquares(samples=1, walks=1) if together is None else together,
    )


def _waveform_of(objective: Objective) -> Waveform:
    if isinstance(objective, Sum) and len(objective.terms) == 1:
        objective = objective.terms[0][1]
    if not isinstance(objective, Waveform):
        raise InvalidValue("objective", objective.name, "must be an RMSE or a Correlation for a stepwise fit")
    return objective


def _by_drive(problem: Problem) -> dict[str, list[int]]:
    """Return the columns of the parameters of each evoked drive."""
    found: dict[str, list[int]] = {}
    for name, drive in problem.network.drives.items():
        starts = (f"drives.{name}.", f"drives['{name}'].", f'drives["{name}"].')
        mine = [k for k, path in enumerate(problem.space.names) if path.startswith(starts)]
        if mine and isinstance(drive, EvokedDrive):
            found[name] = mine
    return found


def _evoked(network: NetworkSpec, name: str) -> Any:
    return network.drives[name]


def _window(times: Array, network: NetworkSpec, name: str, later: Sequence[str]) -> Array:
    from scipy.special import ndtr

    drive = _evoked(network, name)
    least = 0.5  # ms; a drive without spread would cut like a knife
    weights: Array = ndtr((times - drive.mu) / max(drive.sigma, least) + 2.0)
    for other in later:
        next_drive = _evoked(network, other)
        weights = weights * (1.0 - ndtr((times - next_drive.mu) / max(next_drive.sigma, least)))
    # the residuals are squared: their factor is the root of the weight
    return np.sqrt(weights)
