"""Searches for the smallest loss within the unit cube, each by a well-kept library.

A search asks for evaluations in batches, by ``evaluate(points)``, and learns nothing else: what it asks for next
depends on its seed and the evaluations alone. So it walks the same way whatever spreads the batches, and a fit that was
stopped goes on by walking again, past evaluations that are recorded, to where it stood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, MissingPackage, UnknownName
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.optimization.problem import Evaluation

__all__ = ["CMAES", "SOLVERS", "Bayesian", "LeastSquares", "Local", "MultiStart", "Search", "sobol", "within_cube"]

Array = NDArray[np.float64]
Evaluate = Callable[[Sequence[Array]], list[Evaluation]]
"""Evaluates points of the unit cube; raises where the budget is spent."""

SOLVERS = ("nelder-mead", "cobyla", "cobyqa")


class Search(Protocol):
    """A way to look for the smallest loss."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Ask for evaluations until there is nothing more to gain, or ``evaluate`` raises."""


def within_cube(point: Any) -> tuple[Array, float]:
    """Return the point of the unit cube that is nearest, and how far away it is.

    Parameters
    ----------
    point : array-like, shape (n_free,)
        Where a solver wants to go.
    """
    x = np.asarray(point, dtype=np.float64)
    inside = np.clip(x, 0.0, 1.0)
    return inside, float(np.linalg.norm(x - inside))


def _whole(value: Any, field: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValue(field.name, value, "must be an integer >= 1")
    return value


def _whole_field(default: int) -> Any:
    return attrs.field(default=default, converter=attrs.Converter(_whole, takes_field=True))


def sobol(n_points: int, n_free: int, seed: int, name: str) -> list[Array]:
    """Return points that fill the unit cube evenly: a scrambled Sobol sequence (`scipy.stats.qmc`).

    Parameters
    ----------
    n_points, n_free : int
        How many, and of how many numbers.
    seed : int
        Seed of the scrambling.
    name : str
        Who asks: different names get different sequences.
    """
    from scipy.stats import qmc

    if n_points == 0:
        return []
    sampler = qmc.Sobol(n_free, scramble=True, seed=independent_stream(seed, name))
    # drawn by powers of 2, where the sequence is balanced
    return list(sampler.random_base2(max(n_points - 1, 1).bit_length())[:n_points])


@attrs.frozen
class Local:
    """One walk downhill, by ``scipy.optimize.minimize``, without derivatives.

    Each solver is given the bounds. COBYLA may ask for points outside them all the same: such a point is evaluated at
    the nearest one inside, and its loss is raised by its distance, so that the solver turns back.

    Parameters
    ----------
    solver : str
        ``'nelder-mead'``, ``'cobyla'`` or ``'cobyqa'``.
    step : float
        First step, as a part of each parameter's range.
    tolerance : float
        The walk ends when its steps are smaller than this part of the ranges.
    """

    solver: str = "nelder-mead"
    step: float = attrs.field(default=0.1)
    tolerance: float = attrs.field(default=1e-3)

    def __attrs_post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise UnknownName("solver", self.solver, "solver", SOLVERS)
        number(self.step, "step", gt=0, le=0.5)
        number(self.tolerance, "tolerance", gt=0, lt=self.step)

    @property
    def name(self) -> str:
        """The solver's name."""
        return self.solver

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Walk until the steps are small.

        Parameters
        ----------
        evaluate : callable
            Evaluates points.
        start : ndarray, shape (n_free,)
            Where to start.
        seed : int
            Not used: the walk has no chance in it.
        """
        from scipy.optimize import Bounds, minimize

        def loss(x: Array) -> float:
            inside, beyond = within_cube(x)
            return evaluate([inside])[0].loss * (1.0 + beyond)

        settings: dict[str, dict[str, Any]] = {
            "nelder-mead": {"initial_simplex": _simplex(start, self.step), "xatol": self.tolerance, "fatol": 0.0},
            "cobyla": {"rhobeg": self.step, "tol": self.tolerance, "catol": 0.0},
            "cobyqa": {"initial_tr_radius": self.step, "final_tr_radius": self.tolerance},
        }
        everlasting = 10**6  # the budget is kept by evaluate
        key = "maxfev" if self.solver != "cobyla" else "maxiter"
        minimize(
            loss,
            start,
            method=self.solver,
            bounds=Bounds(np.zeros(start.size), np.ones(start.size)),
            options={**settings[self.solver], key: everlasting},
        )


def _simplex(start: Array, step: float) -> Array:
    """Return a simplex within the cube: the start, and one step along each axis, to the side where there is room."""
    corners = np.tile(start, (start.size + 1, 1))
    for k in range(start.size):
        corners[k + 1, k] += step if start[k] + step <= 1 else -step
    return corners


@attrs.frozen
class CMAES:
    """Evolution of a population with an adapted covariance matrix (CMA-ES), by the library ``cma`` [1]_.

    Parameters
    ----------
    sigma0 : float
        First standard deviation, as a part of each parameter's range.
    popsize : int, optional
        Evaluations of a generation, which run in parallel; when left out, the library's ``4 + 3 ln(n)``, rounded up to
        a multiple of four, so that two or four workers are busy to its end.
    tolerance : float
        The search ends when the population spans less than this part of the ranges.

    References
    ----------
    .. [1] Hansen and Ostermeier (2001), Evolutionary Computation 9:159-195, doi:10.1162/106365601750190398
    """

    sigma0: float = 0.25
    popsize: int | None = None
    tolerance: float = 1e-3
    name: str = attrs.field(default="cma", init=False)

    def __attrs_post_init__(self) -> None:
        number(self.sigma0, "sigma0", gt=0, le=1)
        number(self.tolerance, "tolerance", gt=0)
        if self.popsize is not None and (isinstance(self.popsize, bool) or self.popsize < 2):
            raise InvalidValue("popsize", self.popsize, "must be an integer >= 2")

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Evolve until the population is small.

        Parameters
        ----------
        evaluate : callable
            Evaluates points.
        start : ndarray, shape (n_free,)
            Mean of the first generation.
        seed : int
            Seed of the draws.
        """
        try:
            import cma
        except ImportError:
            raise MissingPackage("cma", "fit") from None
        stream = independent_stream(seed, "cma")
        given = {
            "bounds": [0.0, 1.0],
            "randn": lambda *shape: stream.standard_normal(shape),
            "seed": np.nan,  # it would seed numpy's global stream
            "verbose": -9,
            "tolx": self.tolerance,
            "tolfun": 0.0,
            "tolfunhist": 0.0,
            "tolflatfitness": 50,
        }
        given["popsize"] = self.popsize or 4 * math.ceil((4 + int(3 * math.log(len(start)))) / 4)
        strategy = cma.CMAEvolutionStrategy(start, self.sigma0, given)
        while not strategy.stop():
            points = strategy.ask()
            found = evaluate([np.clip(point, 0.0, 1.0) for point in points])
            strategy.tell(points, _ranked([one.loss for one in found]))


def _ranked(losses: Sequence[float]) -> list[float]:
    """Return losses in which that of a failed simulation is finite, and the worst."""
    finite = [loss for loss in losses if np.isfinite(loss)]
    worst = 2.0 * max(map(abs, finite), default=1.0) + 1.0
    return [loss if np.isfinite(loss) else worst for loss in losses]


@attrs.frozen
class Bayesian:
    """A Gaussian process over what was evaluated proposes what to evaluate, by ``bayesian-optimization`` [1]_.

    For few, dear evaluations: its own work grows with their number cubed; beyond some 300 it takes longer than
    simulations do.

    Parameters
    ----------
    initial : int
        Points of a Sobol sequence to begin with.
    batch : int
        Proposals that are evaluated together. Those after the first of a batch are made as if the ones before had
        already given the process's own prediction.

    References
    ----------
    .. [1] F. Nogueira (2014), Bayesian Optimization: open source constrained global optimization tool for Python
    """

    initial: int = _whole_field(24)
    batch: int = _whole_field(4)
    name: str = attrs.field(default="bayesian", init=False)

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Propose and evaluate until the budget is spent.

        Parameters
        ----------
        evaluate : callable
            Evaluates points.
        start : ndarray, shape (n_free,)
            Evaluated first.
        seed : int
            Seed of the first points and of the proposals.
        """
        try:
            from bayes_opt import BayesianOptimization
        except ImportError:
            raise MissingPackage("bayesian-optimization", "fit") from None
        import warnings

        names = [f"x{k:03d}" for k in range(start.size)]
        points = [start, *sobol(self.initial, start.size, seed, "bayesian")]
        seen: list[tuple[Array, float]] = []
        for turn in range(10**6):
            seen += zip(points, _ranked([one.loss for one in evaluate(points)]), strict=True)
            points = []
            model = BayesianOptimization(
                f=None,
                pbounds=dict.fromkeys(names, (0.0, 1.0)),
                random_state=int(independent_stream(seed, "bayesian", turn).integers(2**31)),
                verbose=0,
                allow_duplicate_points=True,
            )
            for point, loss in seen:
                model.register(params=dict(zip(names, point, strict=True)), target=-loss)
            for _ in range(self.batch):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # on how its kernel's length scale was found
                    proposed = model.suggest()
                    point = np.array([proposed[name] for name in names])
                    prediction: Any = model.predict(proposed)
                    believed = float(np.ravel(prediction)[0])
                model.register(params=proposed, target=believed)
                points.append(within_cube(point)[0])


@attrs.frozen
class MultiStart:
    """Several walks of another search: from the start, and from the best points of a Sobol sequence.

    Parameters
    ----------
    search : Search
        What walks.
    samples : int
        Points of the sequence.
    walks : int
        How many of them, the best ones, a walk starts at; ``start`` is one of the points.
    """

    search: Search = attrs.field(factory=Local)
    samples: int = _whole_field(64)
    walks: int = _whole_field(4)

    def __attrs_post_init__(self) -> None:
        if not hasattr(self.search, "run"):
            raise InvalidType("search", self.search, "must be a search, e.g. Local('nelder-mead')")

    @property
    def name(self) -> str:
        """Its own name, and that of what walks."""
        return f"multi-start {self.search.name}"

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Sample, then walk from the best points, the best first.

        Parameters
        ----------
        evaluate : callable
            Evaluates points.
        start : ndarray, shape (n_free,)
            The first point of the sample.
        seed : int
            Seed of the sample and the walks.
        """
        points = [start, *sobol(self.samples, start.size, seed, "multi-start")]
        losses = [one.loss for one in evaluate(points)]
        for k in np.argsort(losses, kind="stable")[: self.walks]:
            self.search.run(evaluate, points[int(k)], seed + int(k))


@attrs.frozen
class LeastSquares:
    """Gauss-Newton steps within a region of trust, by ``scipy.optimize.least_squares`` ('trf'), from several starts.

    Needs an objective with residuals (`RMSE`, `Correlation`, `Peaks`, `SpikeRate`): it learns from the whole
    waveform of an evaluation what others learn from one number. Derivatives are differences over a step that is wide
    beside the jitter of spikes, evaluated in parallel. When all walks have ended, the best is walked on with half the
    step, twice.

    Parameters
    ----------
    samples : int
        Points of a Sobol sequence to begin with.
    walks : int
        How many of them, the best ones, a walk starts at.
    step : float
        Step of the differences, as a part of each parameter's range.
    tolerance : float
        A walk ends when its steps, or its gains, are smaller than this part.
    """

    samples: int = _whole_field(64)
    walks: int = _whole_field(4)
    step: float = 0.04
    tolerance: float = 1e-3
    name: str = attrs.field(default="least-squares", init=False)

    def __attrs_post_init__(self) -> None:
        number(self.step, "step", gt=0, le=0.5)
        number(self.tolerance, "tolerance", gt=0)

    def run(self, evaluate: Evaluate, start: Array, seed: int) -> None:
        """Sample, walk, walk on.

        Parameters
        ----------
        evaluate : callable
            Evaluates points; evaluations must have residuals.
        start : ndarray, shape (n_free,)
            The first point of the sample.
        seed : int
            Seed of the sample.
        """
        points = [start, *sobol(self.samples, start.size, seed, "least-squares")]
        found = evaluate(points)
        order = np.argsort([one.loss for one in found], kind="stable")
        ends = [
            _gauss_newton(evaluate, points[int(k)], self.step, self.tolerance)
            for k in order[: self.walks]
            if found[int(k)].residuals is not None
        ]
        if not ends:
            return
        best, _ = min(ends, key=lambda end: end[1])
        for finer in (0.5, 0.25):
            best, _ = _gauss_newton(evaluate, best, finer * self.step, finer * self.tolerance)


def _gauss_newton(evaluate: Evaluate, start: Array, step: float, tolerance: float) -> tuple[Array, float]:
    from scipy.optimize import least_squares

    def residuals(x: Array) -> Array:
        one = evaluate([within_cube(x)[0]])[0]
        if one.residuals is None:
            return np.full(known[0].size if known else 1, np.nan)  # a failed simulation: the solver steps less far
        known.append(one.residuals)
        return one.residuals

    def jacobian(x: Array) -> Array:
        x = within_cube(x)[0]
        # towards the side where there is room
        steps = np.where(x + step <= 1, step, -step)
        columns = evaluate([*(x + np.eye(x.size) * steps)])
        here = known[-1]
        rows = [
            (np.zeros_like(here) if one.residuals is None else (one.residuals - here) / h)
            for one, h in zip(columns, steps, strict=True)
        ]
        return np.array(rows).T

    known: list[Array] = []
    inside = np.clip(start, 1e-6, 1 - 1e-6)  # the solver wants its start off the walls
    solved = least_squares(
        residuals,
        inside,
        jac=jacobian,
        bounds=(0.0, 1.0),
        method="trf",
        ftol=tolerance,
        xtol=tolerance,
        gtol=None,
    )
    return within_cube(solved.x)[0], float(solved.cost)
