"""What a fit makes small: how far a simulation is from what was recorded, as values that can be added."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import number
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec

__all__ = ["Custom", "Objective", "Sum", "as_objective", "trace_of"]

Array = NDArray[np.float64]


class Objective(ABC):
    """How far a simulation is from what is wanted; the smaller the better.

    Objectives are added and multiplied by numbers: ``0.7 * RMSE(target) + 0.3 * SpikeRate("L5_pyramidal", 10.0)``.
    """

    name: str
    """What it is called in tables and errors."""

    @property
    @abstractmethod
    def needs(self) -> frozenset[str]:
        """The parts of a simulation that it reads: ``'dipole'``, ``'spikes'``."""

    @abstractmethod
    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the loss by the objective's name, and what else it tells (a fitted scale) by further names.

        Parameters
        ----------
        result : Result
            A simulation.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what it is as plain data: equal for equal objectives."""

    def __call__(self, result: Result) -> float:
        """Return the loss of a simulation."""
        return float(self.parts(result)[self.name])

    def residuals(self, result: Result) -> Array | None:
        """Return numbers whose squares' sum rises and falls with the loss, for least squares; None if there are none.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return None

    @property
    def has_residuals(self) -> bool:
        """Whether `residuals` gives numbers for least squares."""
        return type(self).residuals is not Objective.residuals

    def traces(self, result: Result) -> dict[str, tuple[Array, Array, Array]]:
        """Return what can be drawn, by name: times (ms), target, and the simulation as it is compared with it (nAm).

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return {}

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where simulations of this network and duration (ms) can't be judged.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        measured = [name for name, population in network.populations.items() if population.measure_dipole]
        if "dipole" in self.needs and not measured:
            raise InvalidValue(self.name, list(network.populations), "needs a dipole, and no population measures one")

    def __add__(self, other: Objective) -> Sum:
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum((*_terms(self), *_terms(other)))

    def __mul__(self, factor: float) -> Sum:
        return Sum(
            tuple((weight * number(factor, "factor of an objective", ge=0), one) for weight, one in _terms(self))
        )

    __rmul__ = __mul__


def _terms(one: Objective) -> tuple[tuple[float, Objective], ...]:
    return one.terms if isinstance(one, Sum) else ((1.0, one),)


@attrs.frozen
class Sum(Objective):
    """A weighted sum of objectives, made by ``+`` and ``*``.

    Parameters
    ----------
    terms : tuple of (float, Objective)
        Weights and objectives.

    Raises
    ------
    InvalidValue
        If two have one name; give one of them another, e.g. ``RMSE(..., name='late')``.
    """

    terms: tuple[tuple[float, Objective], ...]
    name: str = attrs.field(default="loss", init=False)

    def __attrs_post_init__(self) -> None:
        names = [one.name for _, one in self.terms]
        for name in names:
            if names.count(name) > 1 or name == self.name:
                raise InvalidValue("objective", name, "is the name of two parts of the sum; give one name='...'")

    @property
    def needs(self) -> frozenset[str]:
        """What any of its parts reads."""
        return frozenset().union(*(one.needs for _, one in self.terms))

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the sum, and each part without its weight.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        found: dict[str, float] = {self.name: 0.0}
        for weight, one in self.terms:
            mine = one.parts(result)
            found.update(mine)
            found[self.name] += weight * mine[one.name]
        return found

    @property
    def has_residuals(self) -> bool:
        """Whether it has one part only, and that has residuals."""
        return len(self.terms) == 1 and self.terms[0][1].has_residuals

    def traces(self, result: Result) -> dict[str, tuple[Array, Array, Array]]:
        """Return what can be drawn of its parts.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        found: dict[str, tuple[Array, Array, Array]] = {}
        for _, one in self.terms:
            found.update(one.traces(result))
        return found

    def residuals(self, result: Result) -> Array | None:
        """Return those of its only part; several can't be had as one sum of squares.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        if len(self.terms) > 1:
            return None
        weight, one = self.terms[0]
        mine = one.residuals(result)
        return None if mine is None else math.sqrt(weight) * mine

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where one of its parts can't be judged.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        for _, one in self.terms:
            one.check(network, tstop)

    def describe(self) -> dict[str, Any]:
        """Return weights and parts as plain data."""
        return {"objective": "sum", "terms": [[weight, one.describe()] for weight, one in self.terms]}


@attrs.frozen
class Custom(Objective):
    """An objective of your own.

    Parameters
    ----------
    function : callable
        Called as ``function(result)`` with the `Result` of all trials; returns a finite number.
    name : str, optional
        What it is called; the function's name when left out.
    needs : iterable of str
        What it reads: ``'dipole'``, ``'spikes'``.
    """

    function: Callable[[Result], float]
    name: str = ""
    needs: frozenset[str] = attrs.field(default=frozenset({"spikes"}), converter=frozenset)

    def __attrs_post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidType("objective", self.function, "must be an objective or a function of a result")
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", "custom").strip("<>"))

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return what the function gives.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        value = self.function(result)
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise InvalidType(f"objective {self.name!r}", value, "must return a number")
        return {self.name: float(value)}

    def describe(self) -> dict[str, Any]:
        """Return its name: what the function does can't be told."""
        return {"objective": "custom", "name": self.name}


def as_objective(given: Objective | Callable[[Result], float]) -> Objective:
    """Return an objective as it is, and a function as an objective.

    Parameters
    ----------
    given : Objective or callable
        A function is called as ``function(result)``.

    Raises
    ------
    InvalidType
        If it is neither.
    """
    return given if isinstance(given, Objective) else Custom(given)


def trace_of(target: Any, layer: str = "agg") -> tuple[Array, Array]:
    """Return times (ms) and moments (nAm) of a target, checked.

    Parameters
    ----------
    target : Target or Dipole
        Something with ``times`` and ``data``.
    layer : str
        Which moment of a dipole.

    Raises
    ------
    InvalidValue
        If shapes differ, times don't rise, or there is a NaN; names the sample.
    """
    if not (hasattr(target, "times") and hasattr(target, "data")):
        raise InvalidType("target", target, "must be a Target(times, data) or a Dipole")
    data = target.data
    if isinstance(data, Mapping):
        if layer not in data:
            raise InvalidValue("layer", layer, f"is no moment of the target (has {', '.join(data)})")
        data = data[layer]
    times, data = np.asarray(target.times, dtype=np.float64), np.asarray(data, dtype=np.float64)
    if times.ndim != 1 or times.shape != data.shape or times.size < 2:
        raise InvalidValue("target.shape", (times.shape, data.shape), "must be two arrays of one length, at least 2")
    for name, array in (("times", times), ("data", data)):
        for k in np.flatnonzero(~np.isfinite(array))[:1]:
            raise InvalidValue(f"target.{name}[{k}]", float(array[k]), f"must be a finite number (t = {times[k]:g} ms)")
    if not np.all(np.diff(times) > 0):
        raise InvalidValue("target.times", float(times[int(np.argmin(np.diff(times)))]), "must rise")
    return times, data


def digest_of(*arrays: Array) -> str:
    """Return a short hash of arrays."""
    found = hashlib.blake2b(digest_size=8)
    for array in arrays:
        found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()
