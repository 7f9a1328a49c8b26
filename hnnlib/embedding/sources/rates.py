"""Distributions that rates, contacts, weights and the like are drawn from: values, not functions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, documented, flag, number, quantity, sequence

__all__ = [
    "Distribution",
    "Empirical",
    "Fixed",
    "LevyStable",
    "Lognormal",
    "TruncatedNormal",
    "Uniform",
    "as_distribution",
    "distributed",
]


@documented
@attrs.frozen(kw_only=True)
class Fixed:
    """The same value for all."""

    kind: ClassVar[str] = "fixed"
    value: float = quantity(doc="the value")

    @property
    def mean(self) -> float:
        """Expected value."""
        return self.value

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values; nothing is drawn here.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.

        Returns
        -------
        values : array, shape (n,)
            float64; int64 of a distribution with ``integer=True``.
        """
        return np.full(n, self.value)


@documented
@attrs.frozen(kw_only=True)
class Uniform:
    """All values between two bounds alike; real, or whole numbers with both bounds among them."""

    kind: ClassVar[str] = "uniform"
    low: float = quantity(doc="least value")
    high: float = quantity(doc="largest value")
    integer: bool = flag(False, doc="whether values are whole numbers")

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise InvalidValue("high", self.high, f"must be >= low, {self.low:g}")
        for name in ("low", "high"):
            if self.integer and not getattr(self, name).is_integer():
                raise InvalidValue(name, getattr(self, name), "must be a whole number where integer=True")

    @property
    def mean(self) -> float:
        """Expected value."""
        return (self.low + self.high) / 2

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values as `Fixed.sample` says.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.
        """
        if self.integer:
            return rng.integers(int(self.low), int(self.high), n, endpoint=True)
        return rng.uniform(self.low, self.high, n)


@documented
@attrs.frozen(kw_only=True)
class TruncatedNormal:
    """A normal distribution cut to bounds: what lies outside does not happen, so the mean differs from ``mu``.

    Drawn by the inverse of its distribution function. Whole numbers have the chance of what is rounded to them.
    """

    kind: ClassVar[str] = "truncated_normal"
    mu: float = quantity(doc="mean of the normal distribution before it is cut")
    sd: float = quantity(gt=0, doc="its standard deviation")
    low: float = quantity(0.0, doc="least value")
    high: float | None = quantity(None, optional=True, doc="largest value; None: no bound")
    integer: bool = flag(False, doc="whether values are whole numbers")

    def __attrs_post_init__(self) -> None:
        if self.high is not None and self.high <= self.low:
            raise InvalidValue("high", self.high, f"must be > low, {self.low:g}")
        for name in ("low", "high"):
            bound = getattr(self, name)
            if self.integer and bound is not None and not bound.is_integer():
                raise InvalidValue(name, bound, "must be a whole number where integer=True")
        if not self._mass(*self._bounds) > 1e-12:
            raise InvalidValue("low", self.low, "leaves next to nothing of the distribution between low and high")

    @property
    def _bounds(self) -> tuple[float, float]:
        """Where the distribution is cut; of whole numbers, halfway to the next beyond."""
        margin = 0.5 if self.integer else 0.0
        return self.low - margin, (math.inf if self.high is None else self.high) + margin

    def _mass(self, low: float, high: float) -> float:
        """Return how much of the uncut distribution lies between two values."""
        a, b = (low - self.mu) / self.sd, (high - self.mu) / self.sd
        # of the complement where both are in the upper tail: there 1 - F keeps its digits
        return _phi(-a) - _phi(-b) if a > 0 else _phi(b) - _phi(a)

    @property
    def mean(self) -> float:
        """Expected value (Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions 1, §13.10.1)."""
        low, high = self._bounds
        mass = self._mass(low, high)
        if self.integer:
            last = min(high, max(self.low, self.mu) + 10 * self.sd)  # beyond, nothing that a float could hold
            return sum(k * self._mass(k - 0.5, k + 0.5) for k in range(int(self.low), int(last) + 1)) / mass
        a, b = (low - self.mu) / self.sd, (high - self.mu) / self.sd
        return self.mu + self.sd * (math.exp(-a * a / 2) - math.exp(-b * b / 2)) / math.sqrt(2 * math.pi) / mass

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values as `Fixed.sample` says.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.
        """
        from scipy.special import ndtri

        a, b = ((bound - self.mu) / self.sd for bound in self._bounds)
        sign = -1.0 if a > 0 else 1.0  # mirrored where only the upper tail is left: 1 - F keeps its digits there
        first, last = sorted((_phi(sign * a), _phi(sign * b)))
        values = self.mu + sign * self.sd * ndtri(rng.uniform(first, last, n))
        values = np.rint(values) if self.integer else values
        values = np.clip(values, self.low, math.inf if self.high is None else self.high)
        return values.astype(np.int64) if self.integer else values


@documented
@attrs.frozen(kw_only=True)
class Lognormal:
    """The logarithm is normal; ``mean`` and ``sd`` are those of the values themselves.

    The variance of the logarithm is ``log(1 + (sd / mean)**2)``, its mean ``log(mean)`` less half of that (Johnson,
    Kotz & Balakrishnan 1994, Continuous Univariate Distributions 1, §14.3).
    """

    kind: ClassVar[str] = "lognormal"
    mean: float = quantity(gt=0, doc="mean of the values")
    sd: float = quantity(gt=0, doc="their standard deviation")

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values as `Fixed.sample` says.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.
        """
        variance = math.log1p((self.sd / self.mean) ** 2)
        return rng.lognormal(math.log(self.mean) - variance / 2, math.sqrt(variance), n)


@documented
@attrs.frozen(kw_only=True)
class LevyStable:
    """A Lévy-stable distribution, of the values or of their logarithm.

    In the form S1 of Nolan (2020, Univariate Stable Distributions), which is scipy's. Rates of cortical cells are
    skewed like the exponential of one with ``beta=-1``, whose mean exists.
    """

    kind: ClassVar[str] = "levy_stable"
    alpha: float = quantity(gt=0, le=2, doc="stability; 2: normal")
    beta: float = quantity(ge=-1, le=1, doc="skewness")
    loc: float = quantity(0.0, doc="location")
    scale: float = quantity(1.0, gt=0, doc="scale")
    log: bool = flag(True, doc="whether it is the logarithm of the values that is so distributed")

    @property
    def mean(self) -> float:
        """Expected value.

        With ``log`` and ``beta=-1``, ``exp(loc - scale**alpha / cos(pi alpha / 2))`` (Samorodnitsky & Taqqu 1994,
        Stable Non-Gaussian Random Processes, Proposition 1.2.12); without ``log``, ``loc``.

        Raises
        ------
        InvalidValue
            If there is none.
        """
        if not self.log and self.alpha > 1:
            return self.loc
        if self.log and self.alpha != 1 and (self.beta == -1 or self.alpha == 2):
            return math.exp(self.loc - self.scale**self.alpha / math.cos(math.pi * self.alpha / 2))
        allowed = "beta=-1 and alpha other than 1" if self.log else "alpha > 1"
        raise InvalidValue("mean", (self.alpha, self.beta), f"(alpha, beta) has no known mean: must have {allowed}")

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values as `Fixed.sample` says.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.
        """
        from scipy.stats import levy_stable

        values = levy_stable.rvs(self.alpha, self.beta, self.loc, self.scale, size=n, random_state=rng)
        return np.exp(values) if self.log else np.asarray(values)


@documented
@attrs.frozen(kw_only=True)
class Empirical:
    """Values that were measured: each as likely as any other, drawn with replacement."""

    kind: ClassVar[str] = "empirical"
    values: tuple[float, ...] = sequence(of=number, doc="the values")

    def __attrs_post_init__(self) -> None:
        if not self.values:
            raise InvalidValue("values", self.values, "must hold at least one value")

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(np.mean(self.values))

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return values as `Fixed.sample` says.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n : int
            How many.
        """
        return np.array(self.values)[rng.integers(0, len(self.values), n)]


Distribution = Fixed | Uniform | TruncatedNormal | Lognormal | LevyStable | Empirical


def as_distribution(value: Any, path: str) -> Distribution:
    """Return a distribution; a number stands for `Fixed`.

    Parameters
    ----------
    value : float or Distribution
        What was given.
    path : str
        Where, for the error.

    Raises
    ------
    InvalidType
        If it is neither.
    """
    if isinstance(value, Distribution):
        return value
    try:
        return Fixed(value=number(value, path))
    except InvalidType:
        names = ", ".join(kind.__name__ for kind in Distribution.__args__)
        raise InvalidType(path, value, f"must be a number or a distribution ({names})") from None


def distributed(default: Any = attrs.NOTHING, *, optional: bool = False, doc: str = "") -> Any:
    """Declare a field of a spec that holds a distribution, given as one or as a number.

    Parameters
    ----------
    default : float, Distribution or None, optional
        Value when left out; without one the field must be given.
    optional : bool
        Whether None is allowed.
    doc : str
        What it is.
    """
    return checked(
        lambda value, path: None if value is None and optional else as_distribution(value, path), default, doc=doc
    )


def _phi(z: float) -> float:
    """Return the standard normal distribution function, exact in its lower tail."""
    return math.erfc(-z / math.sqrt(2)) / 2
