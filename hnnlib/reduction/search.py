"""The search for a point cell's parameters: covariance matrix adaptation over those that are free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from hnnlib.base.errors import MissingPackage

__all__ = ["Free", "search", "spread"]


@attrs.frozen(kw_only=True)
class Free:
    """A parameter that is searched for: ``name``, or ``port:name`` of one port, between two bounds."""

    name: str
    low: float
    high: float
    start: float
    log: bool = False

    def value(self, x: np.ndarray) -> np.ndarray:
        """Return values for numbers between 0 and 1."""
        if self.log:
            return self.low * (self.high / self.low) ** x
        return self.low + (self.high - self.low) * x

    def place(self) -> float:
        """Return the number between 0 and 1 of the start."""
        if self.log:
            return float(np.log(self.start / self.low) / np.log(self.high / self.low))
        return (self.start - self.low) / (self.high - self.low)


def spread(free: Sequence[Free], x: np.ndarray) -> dict[str, np.ndarray]:
    """Return values by name for candidates ``x`` of shape (n_candidates, n_free)."""
    return {f.name: f.value(x[:, i]) for i, f in enumerate(free)}


def search(
    free: Sequence[Free],
    loss: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    *,
    budget: int,
    seed: int,
    width: float = 0.2,
    population: int = 16,
    report: Callable[[int, float], None] | None = None,
) -> tuple[dict[str, float], float]:
    """Return the best parameters found (Hansen & Ostermeier 2001, Evol Comput 9:159, by package ``cma``).

    Parameters
    ----------
    free : sequence of Free
        What is searched for.
    loss : callable
        Given values by name, each of shape (n_candidates,), returns what is to be small, of the same shape.
    budget : int
        Number of generations.
    seed : int
        Of the search; the same seed gives the same parameters.
    width : float
        Standard deviation of the first generation, of the range between the bounds.
    population : int
        Candidates per generation.
    report : callable, optional
        Called as ``report(generation, best_loss)``.

    Raises
    ------
    MissingPackage
        If ``cma`` is not installed.
    """
    try:
        import cma
    except ImportError:
        raise MissingPackage("cma", "fit") from None
    start = np.clip([f.place() for f in free], 0.02, 0.98)
    options = {"bounds": [0, 1], "popsize": population, "seed": seed + 1, "verbose": -9, "maxiter": budget}
    strategy = cma.CMAEvolutionStrategy(start, width, options)
    best, best_loss = start, np.inf
    for generation in range(budget):
        asked = np.array(strategy.ask())
        if generation == 0:
            asked[0] = start
        losses = loss(spread(free, asked))
        strategy.tell(list(asked), list(losses))
        if losses.min() < best_loss:
            best, best_loss = asked[losses.argmin()], float(losses.min())
        if report is not None:
            report(generation, best_loss)
    return {name: float(value[0]) for name, value in spread(free, best[None]).items()}, best_loss
