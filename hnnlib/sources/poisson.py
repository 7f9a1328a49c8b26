"""Random spike trains: Poisson processes with constant or changing rates, and with refractory nodes.

Without refractoriness the number of spikes in a window of length T (s) is Poisson with mean r T, and given their number
they are independent and uniform (Daley & Vere-Jones 2003, An Introduction to the Theory of Point Processes, §2.1). A
rate that changes is reached by thinning: candidates at the largest rate are kept with probability r(t) / r_max (Lewis &
Shedler 1979, doi:10.1002/nav.3800260304).

A refractory node fires, s seconds after its last spike, with the hazard

    h(s) = 0 for s < a,    λ (1 - exp(-(s - a) / τ)) for s >= a,

a being ``abs_ref`` and τ ``tau_ref``. The rate that is asked for is the mean rate of spikes, so λ is larger: with
k = λ τ, and γ the lower incomplete gamma function, the mean interval is

    M(λ) = a + ∫ exp(-λ (u - τ (1 - exp(-u / τ)))) du = a + τ e^k k^-k γ(k, k),

(substitute x = exp(-u / τ)), and λ solves M(λ) = 1 / r; for τ = 0 that is λ = r / (1 - r a). Intervals are drawn
exactly: with E exponential of mean 1, u solves λ (u - τ (1 - exp(-u / τ))) = E, so u = τ (y + W(-exp(-y))) with
y = 1 + E / k and W the main branch of Lambert's function. At its start a node is as if it had been firing for ever: the
age s of its last spike has the density S(s) / M, S being the survivor function of intervals, so the rate is r from the
start on.

Where the rate of a refractory node changes, λ is that of the rate of the moment, and spikes are found by thinning; then
the rate is as asked for so long as it changes little within an interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.results.spike_columns import flat, node_ids_of
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.nodes import pick

__all__ = ["PoissonGenerator"]

MS_PER_S = 1000.0
TABLE = 1001
"""Points of a table of rate by λ, and of the distribution of ages."""


@attrs.frozen(kw_only=True, eq=False)
class _Process:
    """What one node does: its rate (Hz) at times (s), between which it changes linearly."""

    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    abs_ref: float
    tau_ref: float

    def draw(self, stream: np.random.Generator) -> NDArray[np.float64]:
        """Return spike times (s), sorted."""
        start, stop, top = self.times[0], self.times[-1], self.rates.max()
        if top == 0:
            return np.empty(0)
        constant = self.rates.min() == top
        if self.abs_ref or self.tau_ref:
            if constant:
                return start + _renewal(top, stop - start, self.abs_ref, self.tau_ref, stream)
            return self._thinned_refractory(stream)
        candidates = np.sort(stream.uniform(start, stop, stream.poisson(top * (stop - start))))
        if constant:
            return candidates
        kept = stream.uniform(0, top, candidates.size) < np.interp(candidates, self.times, self.rates)
        return candidates[kept]

    def _thinned_refractory(self, stream: np.random.Generator) -> NDArray[np.float64]:
        start, stop, top = self.times[0], self.times[-1], self.rates.max()
        most = _drive(top, self.abs_ref, self.tau_ref)
        drive = most * np.linspace(0.0, 1.0, TABLE) ** 2  # rates bend most at small λ
        rate = np.concatenate([[0.0], 1.0 / (self.abs_ref + _mean_recovery(drive[1:], self.tau_ref))])
        candidates = np.sort(stream.uniform(start, stop, stream.poisson(most * (stop - start))))
        level = np.interp(np.interp(candidates, self.times, self.rates), rate, drive) / most
        chance = stream.uniform(size=candidates.size)
        # as if the first rate had been there for ever; a node that never fired has no last spike
        last = start - _age(self.rates[0], self.abs_ref, self.tau_ref, stream) if self.rates[0] else -np.inf
        spikes = []
        for t, a, b in zip(candidates.tolist(), level.tolist(), chance.tolist(), strict=True):
            since = t - last - self.abs_ref
            if since >= 0 and b < a * (1.0 if self.tau_ref == 0 else -np.expm1(-since / self.tau_ref)):
                spikes.append(t)
                last = t
        return np.array(spikes, dtype=np.float64)


class PoissonGenerator:
    """Random spike trains; each node has a stream of its own, so that further nodes change no others.

    Parameters
    ----------
    seed : int
        Seed of all streams.
    population : str
        Population of nodes that are added without one.

    Notes
    -----
    The module's docstring states what is drawn.

    Examples
    --------
    >>> generator = PoissonGenerator(seed=1, population="LGN")
    >>> generator.add(range(100), 15.0, times=(0.0, 2.0))
    >>> generator.spikes().nodes["LGN"].size
    100
    """

    def __init__(self, seed: int, population: str = "default") -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise InvalidType("seed", seed, "must be an integer")
        self.seed, self.population = int(seed), population
        self._processes: dict[str, dict[int, list[_Process]]] = {}

    def add(
        self,
        node_ids: Any,
        rate: Any,
        population: str | None = None,
        times: Any = (0.0, 1.0),
        *,
        per_node: bool = False,
        abs_ref: float = 0.0,
        tau_ref: float = 0.0,
    ) -> None:
        """Add spikes of some nodes; those of a node that is added twice are both its spikes.

        Parameters
        ----------
        node_ids : int or sequence of int
            The nodes.
        rate : float or array-like
            Rate (Hz): one number; or an array of shape (n_times,), the rate of each node at ``times``, linear in
            between. With ``per_node``: an array of shape (n_nodes,) or (n_nodes, n_times).
        population : str, optional
            Their population. Left out: the generator's.
        times : sequence of float
            Start and end (s); or the times (s), rising, at which rates are given.
        per_node : bool
            Whether each node has a rate of its own.
        abs_ref, tau_ref : float
            How long a node can't fire after a spike, and time constant of its recovery after that (s).

        Raises
        ------
        InvalidType, InvalidValue
            If an argument is not allowed, e.g. a rate is as large as the refractory time lets no node fire.
        """
        ids = node_ids_of(node_ids, "node_ids")
        at = flat("times", times, np.float64, "fiu", "times in s")
        if at.size < 2 or not np.isfinite(at).all() or at[0] < 0 or np.any(np.diff(at) <= 0):
            raise InvalidValue("times", at.tolist(), "must be two or more finite times (s) >= 0 that rise")
        rates = _rates(rate, ids.size, at.size, per_node)
        absolute = number(abs_ref, "abs_ref", unit="s", ge=0)
        relative = number(tau_ref, "tau_ref", unit="s", ge=0)
        if rates.size and rates.max() * absolute >= 1:
            allowed = f"must be < 1 / abs_ref, {1 / absolute:g} Hz"
            raise InvalidValue("rate", float(rates.max()), allowed)
        nodes = self._processes.setdefault(self.population if population is None else population, {})
        for node, own in zip(ids.tolist(), rates, strict=True):
            process = _Process(times=at, rates=own, abs_ref=absolute, tau_ref=relative)
            nodes.setdefault(node, []).append(process)

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes, the same at every call.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            Population -> node ids. Left out: all that were added.

        Returns
        -------
        spikes : SpikeData
            Node after node, sorted in time (ms).

        Raises
        ------
        UnknownName, InvalidValue
            If a population or node was not added.
        """
        trains: dict[str, dict[int, Any]] = {}
        for name, processes in self._processes.items():
            trains[name] = {}
            for node, own in processes.items():
                # the stream hangs on the node and on how often it was added, not on what else there is
                parts = [p.draw(independent_stream(self.seed, f"Poisson {name}", node, i)) for i, p in enumerate(own)]
                trains[name][node] = np.sort(np.concatenate(parts)) * MS_PER_S
        origin = {"source": "PoissonGenerator", "seed": self.seed, "added": self._described()}
        return pick(SpikeData.from_trains(trains, origin=origin), nodes, "ignore")

    def _described(self) -> list[dict[str, Any]]:
        """Return what was added, equal nodes put together."""
        rows: dict[str, dict[str, Any]] = {}
        for name, processes in self._processes.items():
            for node, own in processes.items():
                for p in own:
                    rates = p.rates.tolist() if p.rates.min() < p.rates.max() else float(p.rates[0])
                    row = {"population": name, "rate": rates, "times": p.times.tolist()}
                    row |= {"abs_ref": p.abs_ref, "tau_ref": p.tau_ref}
                    rows.setdefault(repr(row), {**row, "node_ids": []})["node_ids"].append(node)
        return list(rows.values())


def _rates(rate: Any, n_nodes: int, n_times: int, per_node: bool) -> NDArray[np.float64]:
    """Return rates as an array of shape (n_nodes, n_times)."""
    try:
        given = np.asarray(rate, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType("rate", rate, "must be a rate (Hz) or an array of rates") from None
    shapes = {(n_nodes,), (n_nodes, n_times)} if per_node else {(), (n_times,)}
    if given.shape not in shapes:
        if per_node:
            allowed = f"must be ({n_nodes},), one rate a node, or ({n_nodes}, {n_times}), one a node and time"
        else:
            allowed = f"must be (), or ({n_times},), one rate a time; per_node=True gives each node its own"
        raise InvalidValue("rate.shape", given.shape, allowed)
    if given.size and not (np.isfinite(given).all() and given.min() >= 0):
        bad = given[~(np.isfinite(given) & (given >= 0))].flat[0]
        raise InvalidValue("rate", float(bad), "must be finite and >= 0 Hz")
    if per_node and given.ndim == 1:
        given = given[:, np.newaxis]
    return np.broadcast_to(given, (n_nodes, n_times))


# ------------------------------------------------------------------------------------------------- refractory nodes


def _mean_recovery(drive: Any, tau: float) -> Any:
    """Return the mean time from the end of the absolute refractory period to the next spike (s), for each λ."""
    from scipy.special import gammainc, gammaln

    if tau == 0:
        return 1.0 / drive
    k = np.asarray(drive * tau)
    small = np.minimum(k, 100.0)
    # e^k k^-k Γ(k); large terms would cancel where k is large, so Stirling's series is used there
    factor = np.where(
        k <= 100.0,
        np.exp(small - small * np.log(small) + gammaln(small)),
        np.sqrt(2 * np.pi / k) * np.exp(1 / (12 * k) - 1 / (360 * k**3)),
    )
    return tau * factor * gammainc(k, k)


def _drive(rate: float, absolute: float, tau: float) -> float:
    """Return λ, for which the mean rate of a refractory node is ``rate`` (Hz)."""
    from scipy.optimize import brentq

    if rate == 0 or tau == 0:
        return rate / (1.0 - rate * absolute)
    wanted = 1.0 / rate - absolute
    low, high = 0.5 / wanted, 2.0 / wanted  # the mean is at least 1 / λ, so λ is at least 1 / wanted
    while _mean_recovery(high, tau) > wanted:
        high *= 2.0
    return float(brentq(lambda drive: _mean_recovery(drive, tau) - wanted, low, high, rtol=1e-12))


def _recoveries(exponential: NDArray[np.float64], drive: float, tau: float, after: float = 0.0) -> NDArray[np.float64]:
    """Return when the integral of the hazard has grown by ``exponential`` (s), from ``after`` (s) on."""
    from scipy.special import lambertw

    if tau == 0:
        return after + exponential / drive
    e = exponential / (drive * tau) + after / tau + np.expm1(-after / tau)
    # beside the branch point of W, which is not exact there, the series of its inverse
    exact = 1.0 + e + lambertw(-np.exp(-1.0 - np.maximum(e, 1e-6))).real
    return tau * np.where(e < 1e-6, np.sqrt(2.0 * e) + e / 3.0, exact)


def _age(rate: float, absolute: float, tau: float, stream: np.random.Generator) -> float:
    """Return how long ago (s) a node has fired that has been firing for ever."""
    drive = _drive(rate, absolute, tau)
    recovery = 1.0 / rate - absolute
    if stream.uniform() < rate * absolute:
        return absolute * stream.uniform()
    if tau == 0:
        return absolute + stream.exponential(recovery)
    # quantiles of the density S(u) by the trapezoid rule, on a grid that is denser where S falls
    u = _recoveries(np.concatenate([np.linspace(0, 1, TABLE), np.linspace(1, 40, TABLE)[1:]]), drive, tau)
    survivor = np.exp(-drive * (u + tau * np.expm1(-u / tau)))
    mass = np.concatenate([[0.0], np.cumsum(np.diff(u) * (survivor[1:] + survivor[:-1]) / 2)])
    return absolute + float(np.interp(stream.uniform() * mass[-1], mass, u))


def _renewal(
    rate: float, duration: float, absolute: float, tau: float, stream: np.random.Generator
) -> NDArray[np.float64]:
    """Return the spikes within ``duration`` (s) of a refractory node that has been firing for ever."""
    drive = _drive(rate, absolute, tau)
    age = _age(rate, absolute, tau, stream)
    after = max(age - absolute, 0.0)
    spike = _recoveries(stream.exponential(size=1), drive, tau, after) + absolute - age
    parts = [spike]
    while parts[-1][-1] < duration:
        n = int(rate * (duration - parts[-1][-1]) * 1.1) + 10
        intervals = absolute + _recoveries(stream.exponential(size=n), drive, tau)
        parts.append(parts[-1][-1] + np.cumsum(intervals))
    spikes = np.concatenate(parts)
    return spikes[spikes < duration]
