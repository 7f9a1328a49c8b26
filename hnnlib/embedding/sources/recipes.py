"""What presynaptic populations do: recipes for spikes, as values that add up.

Each cell of a population fires by its recipe, at continuous times. What is drawn hangs on (seed, population, stage,
trial) alone, so that neither another population nor the order of trials changes it. Rates that have a distribution are
drawn once for a study: a cell keeps its rate in all trials.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, documented, number, quantity
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.sources.noise import MS_PER_S, poisson_spikes, renewal_spikes
from hnnlib.embedding.sources.rates import Distribution, distributed
from hnnlib.embedding.sources.spikes import SourceSpikes

__all__ = ["PSTH", "InhomogeneousPoisson", "Ongoing", "Poisson", "Request", "Source", "Superposition"]

BLOCK = 1_000_000
"""Random numbers that are drawn at once for a PSTH, so that many bins of many cells fit into memory."""


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """What a source is asked for: the spikes of one population in one trial.

    Parameters
    ----------
    population : str
        Name of the population.
    n_sources : int
        Number of its cells.
    group : array of int32, shape (n_sources,)
        Functional group of each cell, -1: none.
    seed, trial : int
        Seed of the study, and trial, from 0.
    tstop : float
        Duration (ms).
    spikes : mapping of str to SourceSpikes
        Spikes in this trial of the populations that are followed.
    part : int
        Which part of a sum the source is.
    """

    population: str
    n_sources: int
    group: np.ndarray
    seed: int
    trial: int
    tstop: float
    spikes: Mapping[str, SourceSpikes]
    part: int = 0

    def stream(self, stage: str) -> np.random.Generator:
        """Return the stream of a stage in this trial.

        Parameters
        ----------
        stage : str
            E.g. ``spikes``.
        """
        return independent_stream(self.seed, self._name(stage), self.trial)

    def fixed(self, stage: str, distribution: Distribution) -> np.ndarray:
        """Return a value for each cell that is the same in all trials, shape (n_sources,).

        Parameters
        ----------
        stage : str
            Name of the stream.
        distribution : Distribution
            What they are drawn from.
        """
        return distribution.sample(independent_stream(self.seed, self._name(stage)), self.n_sources)

    def rates(self, distribution: Distribution) -> np.ndarray:
        """Return the rate of each cell (Hz), the same in all trials, shape (n_sources,).

        Parameters
        ----------
        distribution : Distribution
            What they are drawn from.

        Raises
        ------
        InvalidValue
            If one is negative.
        """
        rates = self.fixed("rates", distribution)
        if (rates < 0).any():
            raise InvalidValue("rate", float(rates.min()), "was drawn: must be >= 0 Hz for all cells")
        return rates

    def _name(self, stage: str) -> str:
        return f"{self.population}:{stage}" + (f".{self.part}" if self.part else "")


class Source(ABC):
    """A recipe for the spikes of a population. Two of them add up: ``a + b`` fires as a and as b."""

    @property
    def follows(self) -> tuple[str, ...]:
        """Populations whose spikes must be drawn first."""
        return ()

    @abstractmethod
    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes of a population in a trial; those before 0 or after ``tstop`` are left out by who asks.

        Parameters
        ----------
        request : Request
            What is asked for.
        """

    def __add__(self, other: Any) -> Superposition:
        return Superposition(parts=(self, other)) if isinstance(other, Source) else NotImplemented


def _parts(value: Any, path: str) -> tuple[Source, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidType(path, value, "must be a sequence of sources")
    flat: list[Source] = []
    for i, part in enumerate(value):
        if not isinstance(part, Source):
            raise InvalidType(f"{path}[{i}]", part, "must be a source, e.g. Poisson(rate=5)")
        flat += part.parts if isinstance(part, Superposition) else [part]
    return tuple(flat)


@documented
@attrs.frozen(kw_only=True)
class Superposition(Source):
    """All spikes of several sources, in the same cells; each draws as it would alone."""

    kind: ClassVar[str] = "superposition"
    parts: tuple[Source, ...] = checked(_parts, doc="the sources; sums among them are taken apart")

    @property
    def follows(self) -> tuple[str, ...]:
        """Populations whose spikes must be drawn first."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.follows))

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        return SourceSpikes.joined(*(p.draw(attrs.evolve(request, part=i)) for i, p in enumerate(self.parts)))


@documented
@attrs.frozen(kw_only=True)
class Ongoing(Source):
    """Ongoing activity: intervals of ``1 - noise`` times the mean, plus an exponential one of ``noise`` times the mean.

    Give either ``interval`` or ``rate``. Cells are independent, and have been firing so before the trial began.
    """

    kind: ClassVar[str] = "ongoing"
    interval: Distribution | None = distributed(None, optional=True, doc="mean interval of each cell, in ms")
    rate: Distribution | None = distributed(None, optional=True, doc="rate of each cell, in Hz")
    noise: float = quantity(1.0, ge=0, le=1, doc="0: regular, 1: a Poisson process")
    start: float = quantity(0.0, unit="ms", ge=0, doc="when it begins")

    def __attrs_post_init__(self) -> None:
        if (self.interval is None) == (self.rate is None):
            raise InvalidValue("interval", self.interval, "must be given where rate is not, and only there")

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        return renewal_spikes(request.stream("spikes"), self._intervals(request), self.noise, self.start, request.tstop)

    def _intervals(self, request: Request) -> np.ndarray:
        if self.interval is None:
            rates = request.rates(cast("Distribution", self.rate))
            return np.divide(MS_PER_S, rates, out=np.full(len(rates), np.inf), where=rates > 0)
        intervals = request.fixed("rates", self.interval)
        if (intervals <= 0).any():
            raise InvalidValue("interval", float(intervals.min()), "was drawn: must be > 0 ms for all cells")
        return intervals


@documented
@attrs.frozen(kw_only=True)
class Poisson(Source):
    """A Poisson process of constant rate in each cell."""

    kind: ClassVar[str] = "poisson"
    rate: Distribution = distributed(doc="rate of each cell, in Hz")

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        whole = np.array([0.0, request.tstop])
        return poisson_spikes(request.stream("spikes"), request.rates(self.rate), np.ones((1, 1)), whole)


def _edges(value: Any, path: str) -> tuple[float, ...]:
    edges = _numbers(value, path)
    if len(edges) < 2 or any(b <= a for a, b in itertools.pairwise(edges)):
        raise InvalidValue(path, edges, "must be at least two rising times (ms)")
    return edges


def _numbers(value: Any, path: str, **bounds: Any) -> tuple[float, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidType(path, value, "must be a sequence of numbers")
    return tuple(number(v, f"{path}[{i}]", **bounds) for i, v in enumerate(value))


def _one_a_bin(path: str, given: Sequence[float], n_bins: int) -> None:
    if len(given) != n_bins:
        raise InvalidValue(path, given, f"must have one value for each of the {n_bins} bins, not {len(given)}")


@documented
@attrs.frozen(kw_only=True)
class InhomogeneousPoisson(Source):
    """A Poisson process in each cell, whose rate changes from bin to bin; silent outside the bins."""

    kind: ClassVar[str] = "inhomogeneous_poisson"
    edges: tuple[float, ...] = checked(_edges, doc="borders of the bins, in ms")
    rates: tuple[float, ...] = checked(
        lambda value, path: _numbers(value, path, unit="Hz", ge=0), doc="rate in each bin, in Hz"
    )
    offset: float = quantity(0.0, unit="ms", doc="when the time of the bins begins")

    def __attrs_post_init__(self) -> None:
        _one_a_bin("rates", self.rates, len(self.edges) - 1)

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        edges = np.array(self.edges) + self.offset
        return poisson_spikes(request.stream("spikes"), np.ones(request.n_sources), np.array([self.rates]), edges)


def _bins(value: Any, path: str) -> tuple[tuple[float, float], ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidType(path, value, "must be rising times (ms), or pairs of them")
    given = list(value)
    if not given or not isinstance(given[0], Iterable):
        edges = _edges(given, path)
        return tuple(itertools.pairwise(edges))
    pairs: list[tuple[float, float]] = []
    for i, pair in enumerate(given):
        edges = _edges(pair, f"{path}[{i}]")
        if len(edges) != 2 or (pairs and edges[0] < pairs[-1][1]):
            raise InvalidValue(f"{path}[{i}]", edges, "must be start and end (ms) of a bin, after the bin before it")
        pairs.append((edges[0], edges[1]))
    return tuple(pairs)


def _chances(value: Any, path: str) -> tuple[float, ...] | None:
    return None if value is None else _numbers(value, path, le=1)


def _counts(value: Any, path: str) -> tuple[int, ...] | None:
    counts = () if value is None else _numbers(value, path, ge=0)
    for i, n in enumerate(counts):
        if not n.is_integer():
            raise InvalidValue(f"{path}[{i}]", n, "must be a whole number of cells")
    return None if value is None else tuple(int(n) for n in counts)


@documented
@attrs.frozen(kw_only=True)
class PSTH(Source):
    """Activity that is locked to a stimulus: a cell fires at most once in a bin, at any of its times alike.

    Give either ``probability`` or ``n_active``.
    """

    kind: ClassVar[str] = "psth"
    edges: Sequence[tuple[float, float]] = checked(
        _bins, doc="start and end of each bin, in ms, with gaps or without; or the borders of bins without gaps"
    )
    probability: tuple[float, ...] | None = checked(
        _chances, None, doc="chance that a cell fires in each bin; below 0, never (baseline subtracted)"
    )
    n_active: tuple[int, ...] | None = checked(
        _counts, None, doc="in place of the chance: how many cells fire in each bin"
    )
    offset: float = quantity(0.0, unit="ms", doc="when the time of the bins begins: onset of the stimulus")

    def __attrs_post_init__(self) -> None:
        if (self.probability is None) == (self.n_active is None):
            raise InvalidValue("probability", self.probability, "must be given where n_active is not, and only there")
        name = "n_active" if self.probability is None else "probability"
        _one_a_bin(name, getattr(self, name), len(self.edges))

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        rng = request.stream("spikes")
        bins, cell = self._counted(rng, request) if self.probability is None else self._by_chance(rng, request)
        start, stop = np.array(self.edges).T
        time = self.offset + start[bins] + rng.random(len(bins)) * (stop - start)[bins]
        return SourceSpikes(source=cell, time_ms=time)

    def _by_chance(self, rng: np.random.Generator, request: Request) -> tuple[np.ndarray, np.ndarray]:
        chance = np.array(self.probability)
        possible = np.flatnonzero(chance > 0)
        found = [(np.zeros(0, np.int64),) * 2]
        for some in np.array_split(possible, len(possible) * request.n_sources // BLOCK + 1):
            row, cell = np.nonzero(rng.random((len(some), request.n_sources)) < chance[some, None])
            found.append((some[row], cell))
        bins, cells = zip(*found, strict=True)
        return np.concatenate(bins), np.concatenate(cells)

    def _counted(self, rng: np.random.Generator, request: Request) -> tuple[np.ndarray, np.ndarray]:
        counts = np.array(self.n_active, np.int64)
        for i in np.flatnonzero(counts > request.n_sources)[:1]:
            allowed = f"must be at most the number of cells of {request.population!r}, {request.n_sources}"
            raise InvalidValue(f"n_active[{i}]", int(counts[i]), allowed)
        cells = [rng.choice(request.n_sources, n, replace=False) for n in counts.tolist()]
        return np.repeat(np.arange(len(counts)), counts), np.concatenate([np.zeros(0, np.int64), *cells])
