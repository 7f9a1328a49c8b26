"""Sweeps: which values stand at which paths in each run, made as they are asked for, the same every time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import number, to_plain
from hnnlib.base.seeds import independent_stream

__all__ = ["Range", "Sweep"]

SCALES = ("linear", "log")
BLOCK = 1024
"""Points that are drawn at a time; of Sobol's sequence, a power of 2 keeps its balance."""

Point = dict[str, Any]


@attrs.frozen
class Range:
    """The values between two bounds.

    Parameters
    ----------
    low, high : float
        The bounds, in the unit of what is swept.
    scale : str
        ``'linear'``, or ``'log'``: as many values from 0.1 to 1 as from 1 to 10.

    Raises
    ------
    InvalidValue
        If the bounds don't rise, are not finite, or the scale is ``'log'`` and ``low`` not above 0.
    UnknownName
        If there is no such scale.
    """

    low: float
    high: float
    scale: str = "linear"

    def __attrs_post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, number(_plain(getattr(self, name)), name))
        if self.scale not in SCALES:
            raise UnknownName("scale", self.scale, "scale", SCALES)
        if not self.low < self.high:
            raise InvalidValue("high", self.high, f"must be > low, {self.low:g}")
        if self.scale == "log" and self.low <= 0:
            raise InvalidValue("low", self.low, "must be > 0 on a log scale")

    def at(self, part: float) -> float:
        """Return the value at a part of the way from ``low`` (0) to ``high`` (1), on the scale."""
        if self.scale == "log":
            value = math.exp(math.log(self.low) + part * math.log(self.high / self.low))
        else:
            value = self.low + part * (self.high - self.low)
        return min(max(value, self.low), self.high)


@attrs.frozen(eq=False, repr=False)
class Sweep:
    """Which values stand at which paths, run by run; by `grid`, `zip`, `Sweep.random`, `sobol` or `latin_hypercube`.

    A path leads into the network (``drives.evprox1.mu``, ``connections.4.weight``: see `hnnlib.put_at`), or, after
    ``run.``, into what is asked of every run: ``run.seed``, ``run.tstop``, ``run.n_trials``, ``run.dt``. A sweep is a
    sequence of dicts of path to value that takes no room: its points are made when they are asked for, the same ones
    every time. Where values are set by a function in place of paths, the names are that function's.

    Parameters
    ----------
    method : str
        How it was made.
    axes : mapping of str to tuple or Range
        Values or bounds by path.
    n : int
        Number of points.
    seed : int
        Seed of what is drawn.
    """

    method: str
    axes: Mapping[str, Any]
    n: int
    seed: int = 0

    # ------------------------------------------------------------------------------------------------ how it is made

    @classmethod
    def grid(cls, axes: Mapping[str, Sequence[Any]]) -> Sweep:
        """Return all combinations of some values for each path; the last path's change fastest.

        Parameters
        ----------
        axes : mapping of str to sequence
            Values by path, e.g. ``{"drives.evprox1.mu": [20.0, 25.0, 30.0], "run.seed": range(4)}``.

        Raises
        ------
        InvalidValue
            If there is no path, or no value for one.
        """
        values = _values(axes)
        return cls("grid", values, math.prod(len(v) for v in values.values()))

    @classmethod
    def zip(cls, axes: Mapping[str, Sequence[Any]]) -> Sweep:
        """Return the first values of all paths, then the second ones, and so on.

        Parameters
        ----------
        axes : mapping of str to sequence
            Values by path, as many for each.

        Raises
        ------
        InvalidValue
            If there is no path, no value for one, or numbers of values differ.
        """
        values = _values(axes)
        lengths = {path: len(v) for path, v in values.items()}
        if len({*lengths.values()}) > 1:
            raise InvalidValue("axes", lengths, "must have as many values for each path")
        return cls("zip", values, next(iter(lengths.values())))

    @classmethod
    def random(cls, axes: Mapping[str, Any], n: int, seed: int = 0) -> Sweep:
        """Return points drawn at random, each path by itself; the first ones of more are the same.

        Parameters
        ----------
        axes : mapping of str to (low, high), (low, high, scale) or Range
            Bounds by path; the scale is ``'linear'`` or ``'log'``.
        n : int
            Number of points.
        seed : int
            Seed of the draws.

        Raises
        ------
        InvalidValue
            If there is no path, bounds don't rise, or ``n`` is below 1.
        """
        return cls("random", _ranges(axes), _count(n), _seed(seed))

    @classmethod
    def sobol(cls, axes: Mapping[str, Any], n: int, seed: int = 0) -> Sweep:
        """Return points of Sobol's sequence, scrambled, which fill space evenly; the first ones of more are the same.

        Powers of 2 are best for ``n`` [1]_.

        Parameters
        ----------
        axes : mapping of str to (low, high), (low, high, scale) or Range
            Bounds by path, as in `random`.
        n : int
            Number of points.
        seed : int
            Seed of what is drawn.

        Raises
        ------
        InvalidValue
            As `random`.

        References
        ----------
        .. [1] Owen AB (2020). On dropping the first Sobol' point. arXiv:2008.08051.
        """
        return cls("sobol", _ranges(axes), _count(n), _seed(seed))

    @classmethod
    def latin_hypercube(cls, axes: Mapping[str, Any], n: int, seed: int = 0) -> Sweep:
        """Return points of which each ``n``-th part of each path's range holds one [1]_; ``n`` changes them all.

        Parameters
        ----------
        axes : mapping of str to (low, high), (low, high, scale) or Range
            Bounds by path, as in `random`.
        n : int
            Number of points.
        seed : int
            Seed of what is drawn.

        Raises
        ------
        InvalidValue
            As `random`.

        References
        ----------
        .. [1] McKay MD, Beckman RJ, Conover WJ (1979). Technometrics 21(2):239-245. doi:10.2307/1268522
        """
        return cls("latin_hypercube", _ranges(axes), _count(n), _seed(seed))

    # ------------------------------------------------------------------------------------------------ what it holds

    @property
    def names(self) -> tuple[str, ...]:
        """The paths, in their order."""
        return tuple(self.axes)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Point]:
        if self.method == "grid":
            rows: Iterator[Sequence[Any]] = itertools.product(*self.axes.values())
        elif self.method == "zip":
            rows = zip(*self.axes.values(), strict=True)
        else:
            rows = self._drawn()
        return (dict(zip(self.axes, row, strict=True)) for row in rows)

    def __getitem__(self, number: int) -> Point:
        if not 0 <= number < self.n:
            raise InvalidValue("number", number, f"must be that of a point, 0 to {self.n - 1}")
        return next(itertools.islice(self, number, None))

    def _drawn(self) -> Iterator[Sequence[Any]]:
        blocks: Callable[..., Iterator[NDArray[np.float64]]] = {
            "random": _random_blocks,
            "sobol": _sobol_blocks,
            "latin_hypercube": _latin_blocks,
        }[self.method]
        ranges = list(self.axes.values())
        rows = itertools.chain.from_iterable(blocks(len(ranges), self.n, self.seed))
        for row in itertools.islice(rows, self.n):
            yield [axis.at(float(part)) for axis, part in zip(ranges, row, strict=True)]

    def described(self) -> dict[str, Any]:
        """Return what it is as plain data."""
        return {"method": self.method, "axes": to_plain(dict(self.axes)), "n": self.n, "seed": self.seed}

    def __repr__(self) -> str:
        return f"<Sweep | {self.method}, {self.n} points of {', '.join(self.axes)}>"


def _random_blocks(n_axes: int, n: int, seed: int) -> Iterator[NDArray[np.float64]]:
    for block in range(-(-n // BLOCK)):
        yield independent_stream(seed, "sweep random", block).random((BLOCK, n_axes))


def _sobol_blocks(n_axes: int, n: int, seed: int) -> Iterator[NDArray[np.float64]]:
    from scipy.stats import qmc

    sequence = qmc.Sobol(n_axes, scramble=True, seed=independent_stream(seed, "sweep sobol"))
    for _ in range(-(-n // BLOCK)):
        yield sequence.random(BLOCK)


def _latin_blocks(n_axes: int, n: int, seed: int) -> Iterator[NDArray[np.float64]]:
    from scipy.stats import qmc

    yield qmc.LatinHypercube(n_axes, seed=independent_stream(seed, "sweep latin hypercube")).random(n)


# ------------------------------------------------------------------------------------------------- checks


def _axes(axes: Any) -> Mapping[str, Any]:
    if not isinstance(axes, Mapping):
        raise InvalidType("axes", axes, "must be a mapping of paths, e.g. {'drives.evprox1.mu': [20.0, 30.0]}")
    if not axes:
        raise InvalidValue("axes", dict(axes), "must name at least one path")
    for path in axes:
        if not isinstance(path, str) or not path:
            raise InvalidType("axes", path, "must be a path, e.g. 'drives.evprox1.mu'")
    return axes


def _values(axes: Any) -> dict[str, tuple[Any, ...]]:
    found = {}
    for path, values in _axes(axes).items():
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
            raise InvalidType(path, values, "must be a sequence of values")
        found[path] = tuple(_plain(value) for value in values)
        if not found[path]:
            raise InvalidValue(path, [], "must have at least one value")
    return found


def _ranges(axes: Any) -> dict[str, Range]:
    found = {}
    for path, given in _axes(axes).items():
        if not isinstance(given, Range):
            if not isinstance(given, tuple | list) or len(given) not in (2, 3):
                raise InvalidType(path, given, "must be (low, high), (low, high, 'log') or a Range")
            try:
                given = Range(*given)
            except UnknownName as error:
                raise UnknownName(f"{path}: scale", error.value, "scale", SCALES) from None
            except InvalidValue as error:
                raise type(error)(f"{path}: {error.path}", error.value, error.allowed) from None
        found[path] = given
    return found


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's, which specs and JSON know."""
    return value.item() if isinstance(value, np.generic) else value


def _count(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise InvalidType("n", n, "must be a whole number of points")
    if n < 1:
        raise InvalidValue("n", n, "must be >= 1")
    return int(n)


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidValue("seed", seed, "must be a whole number >= 0")
    return int(seed)
