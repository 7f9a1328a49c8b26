"""Free parameters: paths into a network with bounds, and their map to the unit cube that searches walk in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import get_at, number, put_at
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.network import NetworkSpec

__all__ = ["Free", "Space", "free_of_drives"]

SCALES = ("linear", "log")
ROUNDING = 1e-9
"""Part of the range by which a value may lie outside it through rounding alone."""


@attrs.frozen
class Free:
    """A parameter that a fit may change.

    Parameters
    ----------
    path : str
        Where it stands in the network, e.g. ``drives.evprox1.mu`` or ``drives.evprox1.weights.L5_pyramidal.ampa``; also
        its name.
    low, high : float
        Its bounds, in its own unit; a fit never leaves them.
    scale : str
        ``'linear'``, or ``'log'`` where orders of magnitude count: searches then step along the logarithm.
    start : float, optional
        Where a search starts. Left out: the network's own value if that lies within the bounds, else their middle on
        the scale.

    Raises
    ------
    InvalidValue
        If the bounds are equal or reversed, the scale is ``'log'`` and ``low`` not above 0, or the start lies outside.
    UnknownName
        If there is no such scale.
    """

    path: str
    low: float
    high: float
    scale: str = "linear"
    start: float | None = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise InvalidType("path", self.path, "must be a path into the network, e.g. 'drives.evprox1.mu'")
        for name in ("low", "high", "start"):
            value = getattr(self, name)
            if value is not None or name != "start":
                object.__setattr__(self, name, number(value, f"{self.path}: {name}"))
        if self.scale not in SCALES:
            raise UnknownName(f"{self.path}: scale", self.scale, "scale", SCALES)
        if self.low == self.high:
            raise InvalidValue(
                f"{self.path}: bounds", (self.low, self.high), "are equal; what is not free is set in the network"
            )
        if self.low > self.high:
            raise InvalidValue(f"{self.path}: bounds", (self.low, self.high), "must rise")
        if self.scale == "log" and self.low <= 0:
            raise InvalidValue(f"{self.path}: low", self.low, "must be > 0 on a log scale")
        if self.start is not None and not self.low <= self.start <= self.high:
            raise InvalidValue(f"{self.path}: start", self.start, f"must lie within {self.low:g} to {self.high:g}")

    @property
    def middle(self) -> float:
        """The middle of the range, on its scale."""
        return math.sqrt(self.low * self.high) if self.scale == "log" else 0.5 * (self.low + self.high)

    def to_unit(self, value: float) -> float:
        """Return where a value stands between the bounds, 0 to 1.

        Parameters
        ----------
        value : float
            The value.

        Raises
        ------
        InvalidValue
            If it lies outside the bounds.
        """
        v = number(value, self.path)
        if not self.low <= v <= self.high:
            raise InvalidValue(self.path, v, f"must lie within {self.low:g} to {self.high:g}")
        if self.scale == "log":
            return math.log(v / self.low) / math.log(self.high / self.low)
        return (v - self.low) / (self.high - self.low)

    def from_unit(self, unit: float) -> float:
        """Return the value at a place between the bounds.

        Parameters
        ----------
        unit : float
            0 for ``low`` to 1 for ``high``.

        Raises
        ------
        InvalidValue
            If it lies outside 0 to 1 by more than rounding: a search has left the bounds.
        """
        u = number(unit, self.path)
        if not -ROUNDING <= u <= 1 + ROUNDING:
            raise InvalidValue(self.path, u, "must lie within 0 to 1, the unit range of its bounds")
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** u
        else:
            value = self.low + u * (self.high - self.low)
        return min(max(value, self.low), self.high)


@attrs.frozen
class Space:
    """The free parameters of a fit, in a fixed order.

    Parameters
    ----------
    free : sequence of Free
        The parameters; no path twice.
    starts : tuple of float
        Where a search starts, in their units.
    """

    free: tuple[Free, ...]
    starts: tuple[float, ...]

    @classmethod
    def of(cls, network: NetworkSpec, free: Iterable[Free]) -> Space:
        """Return the space of a network's free parameters.

        Parameters
        ----------
        network : NetworkSpec
            The network that the paths lead into.
        free : iterable of Free
            The parameters.

        Returns
        -------
        space : Space
            With every start known.

        Raises
        ------
        InvalidValue
            If there is none, one stands twice, a path leads to nothing or to no number (names the nearest), or the
            network can't hold one of its bounds.
        """
        chosen = tuple(free)
        if not chosen:
            raise InvalidValue("free", [], "must name at least one parameter")
        for k, one in enumerate(chosen):
            if not isinstance(one, Free):
                raise InvalidType(f"free[{k}]", one, "must be a Free(path, low, high)")
        names = [one.path for one in chosen]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValue("free", name, "stands there twice")
        return cls(chosen, tuple(_start(network, one) for one in chosen))

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the parameters."""
        return tuple(one.path for one in self.free)

    def __len__(self) -> int:
        return len(self.free)

    def values(self, given: Mapping[str, float] | Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values in the order of the parameters, checked.

        Parameters
        ----------
        given : mapping of path to value, or sequence of values
            In the parameters' units; of a mapping, parameters left out are at their start.

        Returns
        -------
        values : ndarray, shape (n_free,)
            None is ever moved into its bounds.

        Raises
        ------
        InvalidValue
            If a value lies outside its bounds or is no finite number, or the number of values is wrong.
        UnknownName
            If a path is no free parameter.
        """
        if isinstance(given, Mapping):
            for name in given:
                if name not in self.names:
                    raise UnknownName("values", name, "free parameter", self.names)
            row = [given.get(name, start) for name, start in zip(self.names, self.starts, strict=True)]
        else:
            row = list(given)
            if len(row) != len(self):
                raise InvalidValue("values", len(row), f"must be {len(self)} values, one per free parameter")
        for one, value in zip(self.free, row, strict=True):
            one.to_unit(float(value) if isinstance(value, np.number) else value)
        return np.array(row, dtype=np.float64)

    def to_unit(self, values: Mapping[str, float] | Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the point of the unit cube that stands for values.

        Parameters
        ----------
        values : mapping or sequence
            As in `values`.

        Returns
        -------
        unit : ndarray, shape (n_free,)
            Each within 0 to 1.
        """
        return np.array([one.to_unit(float(v)) for one, v in zip(self.free, self.values(values), strict=True)])

    def from_unit(self, unit: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values that a point of the unit cube stands for.

        Parameters
        ----------
        unit : array-like, shape (n_free,)
            Each within 0 to 1.

        Returns
        -------
        values : ndarray, shape (n_free,)
            In the parameters' units.

        Raises
        ------
        InvalidValue
            If the point lies outside the cube.
        """
        return np.array([one.from_unit(float(u)) for one, u in zip(self.free, unit, strict=True)])

    def apply(
        self, network: NetworkSpec, values: Mapping[str, float] | Sequence[float] | NDArray[np.float64]
    ) -> NetworkSpec:
        """Return the network with the parameters set.

        Parameters
        ----------
        network : NetworkSpec
            The network; it is not changed.
        values : mapping or sequence
            As in `values`.

        Returns
        -------
        network : NetworkSpec
            A new one.
        """
        for one, value in zip(self.free, self.values(values), strict=True):
            network = put_at(network, one.path, float(value))
        return network


def _start(network: NetworkSpec, one: Free) -> float:
    here = get_at(network, one.path)
    if isinstance(here, bool) or not isinstance(here, int | float):
        raise InvalidType(one.path, here, "is no number, so it can't be a free parameter")
    for bound in (one.low, one.high, one.middle):
        put_at(network, one.path, bound)  # what the network can't hold is told now, not in the middle of a fit
    if one.start is not None:
        return one.start
    return float(here) if one.low <= here <= one.high else one.middle


def free_of_drives(
    net: Any,
    drives: str | Iterable[str],
    mu: tuple[float, float] | None = (-10.0, 10.0),
    sigma: tuple[float, float] | None = (0.5, 2.0),
    weights: tuple[float, float] | None = (0.1, 10.0),
) -> tuple[Free, ...]:
    """Return the free parameters of evoked drives: their times, spreads and weights.

    Parameters
    ----------
    net : Network or NetworkSpec
        The network that has the drives.
    drives : str or iterable of str
        Names of evoked drives.
    mu : tuple of float, optional
        How far the mean time may move (ms), e.g. 10 ms to each side; never below 0 ms. None: it is held fixed.
    sigma : tuple of float, optional
        Factors of the spread. None: it is held fixed.
    weights : tuple of float, optional
        Factors of every weight that is not 0, on a log scale. None: they are held fixed.

    Returns
    -------
    free : tuple of Free
        For each drive time, spread, weights.

    Raises
    ------
    UnknownName
        If there is no such drive.
    InvalidValue
        If a drive is not evoked, or a factor is not above 0.
    """
    network: NetworkSpec = getattr(net, "spec", net)
    found: list[Free] = []
    for name in [drives] if isinstance(drives, str) else drives:
        if name not in network.drives:
            raise UnknownName("drives", name, "drive of this network", network.drives)
        drive = network.drives[name]
        if not isinstance(drive, EvokedDrive):
            raise InvalidValue(f"drives[{name!r}]", drive.kind, "must be an evoked drive")
        path = f"drives[{name!r}]" if any(c in name for c in ".[]") else f"drives.{name}"
        if mu is not None:
            low, high = max(drive.mu + mu[0], 0.0), drive.mu + mu[1]
            found.append(Free(f"{path}.mu", low, high))
        if sigma is not None and drive.sigma > 0:
            found.append(Free(f"{path}.sigma", drive.sigma * sigma[0], drive.sigma * sigma[1]))
        if weights is None:
            continue
        for target, receptors in drive.weights.items():
            inner = f"[{target!r}]" if any(c in target for c in ".[]") else f".{target}"
            found += [
                Free(f"{path}.weights{inner}.{receptor}", w * weights[0], w * weights[1], "log")
                for receptor, w in receptors.items()
                if w > 0
            ]
    return tuple(found)
