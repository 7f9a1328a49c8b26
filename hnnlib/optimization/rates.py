"""Objectives that read spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, number
from hnnlib.optimization.objectives import Array, Objective
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec

__all__ = ["SpikeRate"]


@attrs.frozen
class SpikeRate(Objective):
    """The mean firing rate of a population's cells within a window, against a recorded one: ``abs(r - rate) / sd``.

    Parameters
    ----------
    population : str
        Whose spikes, e.g. ``'L5_pyramidal'``.
    rate : float
        The recorded rate (Hz); silent cells count.
    tstart, tstop : float
        The window (ms); its end is left out.
    sd : float
        A difference of this much (Hz) counts as 1; 0 stands for a tenth of the rate, at least 1 Hz.
    name : str, optional
        What it is called; ``'<population> rate'`` when left out.

    Raises
    ------
    InvalidValue
        If the window is empty, the rate below 0, or the standard deviation not above 0.
    """

    population: str
    rate: float
    tstart: float
    tstop: float
    sd: float = 0.0
    name: str = ""

    def __attrs_post_init__(self) -> None:
        number(self.rate, "rate", unit="Hz", ge=0)
        if not number(self.tstart, "tstart", unit="ms") < number(self.tstop, "tstop", unit="ms"):
            raise InvalidValue("window", (self.tstart, self.tstop), "is empty")
        if self.sd == 0:
            object.__setattr__(self, "sd", max(1.0, 0.1 * self.rate))
        number(self.sd, "sd", unit="Hz", gt=0)
        if not self.name:
            object.__setattr__(self, "name", f"{self.population} rate")

    @property
    def needs(self) -> frozenset[str]:
        """Spikes."""
        return frozenset({"spikes"})

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where there is no such population, or the window reaches outside the simulation.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        if self.population not in network.populations:
            raise UnknownName(self.name, self.population, "population", network.populations)
        if self.tstart < 0 or self.tstop > tstop:
            raise InvalidValue(self.name, (self.tstart, self.tstop), f"must lie within 0 to {tstop:g} ms")

    def residuals(self, result: Result) -> Array:
        """Return the difference in standard deviations, one number.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return np.array([(self._rate(result) - self.rate) / self.sd])

    def _rate(self, result: Result) -> float:
        network: NetworkSpec = from_plain(NetworkSpec, result.provenance["network"])
        n_cells = network.gid_counts()[self.population]
        silent = [np.zeros(0)] * result.n_trials
        spikes = result.cell_response.spike_times_by_type.get(self.population, silent)
        counts = [int(np.sum((t >= self.tstart) & (t < self.tstop))) for t in spikes]
        return float(np.mean(counts)) * 1000.0 / (n_cells * (self.tstop - self.tstart))

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the loss, and the rate (Hz).

        Parameters
        ----------
        result : Result
            A simulation.
        """
        rate = self._rate(result)
        return {self.name: abs(rate - self.rate) / self.sd, f"{self.name} (Hz)": rate}

    def describe(self) -> dict[str, Any]:
        """Return population, window and rate."""
        return {"objective": "SpikeRate", **attrs.asdict(self)}
