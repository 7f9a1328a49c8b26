"""Populations whose rates swing: with shared noise, with a rhythm, or with another population.

All of them multiply the mean rate of each cell by a gain that is never negative and 1 in the mean (over trials, for
noise; over whole periods, for a rhythm): however deep the modulation, cells fire as often as was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.schema import choice, documented, quantity, text
from hnnlib.embedding.sources.noise import MS_PER_S, coloured_noise, poisson_spikes
from hnnlib.embedding.sources.rates import Distribution, distributed
from hnnlib.embedding.sources.recipes import Request, Source
from hnnlib.embedding.sources.spikes import SourceSpikes

__all__ = ["Follow", "Rhythmic", "SharedNoise"]

NOISE_STEP = 1.0
"""How long noise keeps a value (ms)."""
_EXPONENTS: Mapping[str, float] = immutabledict({"pink": 1.0, "white": 0.0})


@documented
@attrs.frozen(kw_only=True)
class SharedNoise(Source):
    """Poisson processes whose rates share a slow fluctuation, drawn anew in each trial.

    The gain of a group reaches from ``1 - depth`` to ``1 + depth`` in each trial, and keeps its value for 1 ms. Cells
    without a group are a group of their own.
    """

    kind: ClassVar[str] = "shared_noise"
    rate: Distribution = distributed(doc="mean rate of each cell, in Hz")
    noise: str = choice(("pink", "white"), "pink", doc="spectrum: pink, power as 1/f; or white")
    by: str = choice(("group", "population"), "group", doc="who shares: a functional group, or all")
    depth: float = quantity(0.5, ge=0, le=1, doc="how far the rate swings, relative to its mean")

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        cells = request.group if self.by == "group" else np.zeros(request.n_sources, np.int64)
        groups, group = np.unique(cells, return_inverse=True)
        edges, gain = self.gain(request.stream("noise"), len(groups), request.tstop)
        return poisson_spikes(request.stream("spikes"), request.rates(self.rate), gain, edges, group)

    def gain(self, rng: np.random.Generator, n_groups: int, tstop: float) -> tuple[np.ndarray, np.ndarray]:
        """Return what rates are multiplied with.

        Parameters
        ----------
        rng : Generator
            What is drawn from.
        n_groups : int
            Number of groups.
        tstop : float
            Duration (ms).

        Returns
        -------
        edges_ms : array, shape (n_bins + 1,)
            Borders of the bins (ms), from 0 to ``tstop``.
        gain : array, shape (n_groups, n_bins)
            Each row reaches from ``1 - depth`` to ``1 + depth``.
        """
        n_bins = max(1, math.ceil(tstop / NOISE_STEP))
        noise = coloured_noise(rng, n_groups, n_bins, _EXPONENTS[self.noise])
        return np.minimum(np.arange(n_bins + 1) * NOISE_STEP, tstop), 1 + self.depth * (2 * noise - 1)


@documented
@attrs.frozen(kw_only=True)
class Follow(Source):
    """Poisson processes whose rates follow the spikes of another population, with a lag.

    The gain is ``1 + depth * (h / mean(h) - 1)``, where h(t) is how many spikes the other population has in the bin at
    ``t - lag``, and the mean is that over the trial. It is 1 before the lag is over, since nothing is known of what was
    before the trial, and where the other population is silent for all of it.
    """

    kind: ClassVar[str] = "follow"
    population: str = text(doc="name of the population that is followed")
    rate: Distribution = distributed(doc="mean rate of each cell, in Hz")
    lag: float = quantity(0.0, unit="ms", ge=0, doc="how far behind")
    depth: float = quantity(1.0, ge=0, le=1, doc="how much of the rate follows; 1: all")
    bin: float = quantity(1.0, unit="ms", gt=0, doc="width of the bins that spikes are counted in")

    @property
    def follows(self) -> tuple[str, ...]:
        """Populations whose spikes must be drawn first."""
        return (self.population,)

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        edges, gain = self.gain(request.spikes[self.population].time_ms, request.tstop)
        return poisson_spikes(request.stream("spikes"), request.rates(self.rate), gain[None], edges)

    def gain(self, time_ms: np.ndarray, tstop: float) -> tuple[np.ndarray, np.ndarray]:
        """Return what rates are multiplied with.

        Parameters
        ----------
        time_ms : array, shape (n_spikes,)
            Spikes of the population that is followed (ms), rising.
        tstop : float
            Duration (ms).

        Returns
        -------
        edges_ms : array, shape (n_bins + 1,)
            Borders of the bins (ms), from 0 to ``tstop``.
        gain : array, shape (n_bins,)
            Of mean 1 over the trial.
        """
        if self.lag >= tstop:
            return np.array([0.0, tstop]), np.ones(1)
        n_bins = math.ceil((tstop - self.lag) / self.bin)
        edges = np.minimum(self.lag + np.arange(n_bins + 1) * self.bin, tstop)
        count, width = np.diff(np.searchsorted(time_ms, edges - self.lag)), np.diff(edges)
        gain = np.ones(n_bins)
        if count.any():
            expected = count.sum() * width / (tstop - self.lag)
            follows = np.divide(count, expected, out=np.ones(n_bins), where=expected > 0)  # rounding may leave width 0
            gain += self.depth * (follows - 1)
        return (np.append(0.0, edges), np.append(1.0, gain)) if self.lag > 0 else (edges, gain)


@documented
@attrs.frozen(kw_only=True)
class Rhythmic(Source):
    """Poisson processes of rate ``r * (1 + depth * sin(2 pi frequency t + phase))``.

    Drawn by thinning, at continuous times (Lewis & Shedler 1979, doi:10.1002/nav.3800260304). A depth of at most 1
    keeps rates positive, and with it the mean. A depth m that is told as amplitude over peak is ``m / (1 - m)`` here.
    """

    kind: ClassVar[str] = "rhythmic"
    rate: Distribution = distributed(doc="mean rate of each cell, in Hz")
    frequency: float = quantity(unit="Hz", gt=0, doc="frequency of the rhythm")
    depth: float = quantity(ge=0, le=1, doc="amplitude of the rate's swing relative to its mean")
    phase: Distribution = distributed(0.0, doc="phase at t = 0, in rad")
    phase_by: str = choice(
        ("population", "cell", "trial"),
        "population",
        doc="what has a phase of its own: the population, the same in all trials; each cell, likewise; each trial",
    )

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.
        """
        rng = request.stream("spikes")
        rates = request.rates(self.rate) * (1 + self.depth)
        candidates = poisson_spikes(rng, rates, np.ones((1, 1)), np.array([0.0, request.tstop]))
        angle = 2 * np.pi * self.frequency / MS_PER_S * candidates.time_ms + self._phase(request)[candidates.source]
        kept = rng.random(len(candidates)) * (1 + self.depth) < 1 + self.depth * np.sin(angle)
        return SourceSpikes(source=candidates.source[kept], time_ms=candidates.time_ms[kept])

    def _phase(self, request: Request) -> np.ndarray:
        """Return the phase of each cell (rad), shape (n_sources,)."""
        if self.phase_by == "trial":
            return np.repeat(self.phase.sample(request.stream("phase"), 1), request.n_sources)
        phase = request.fixed("phase", self.phase)
        return phase if self.phase_by == "cell" else np.full(len(phase), phase[:1])
