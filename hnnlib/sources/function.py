"""Spikes from a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.nodes import Node, attributes_of

__all__ = ["SimulatedTime", "SpikesFromFunction"]


@attrs.frozen(kw_only=True)
class SimulatedTime:
    """What a function of the user's learns of the run: ``sim.tstart``, ``sim.tstop``, ``sim.dt``, all in ms."""

    tstart: float
    tstop: float
    dt: float


@attrs.frozen
class SpikesFromFunction:
    """Spikes that a function returns, called once for each node, here and now.

    Workers get the spikes, not the function, so that it may be any callable and need not be importable there.

    Parameters
    ----------
    function : callable
        Called as ``function(node, sim)``; returns spike times (ms) in any order, or an empty list. ``node`` is a
        `Node`: a mapping of its attributes with ``node_id`` and ``population_name``; ``sim`` has ``tstart``, ``tstop``
        and ``dt`` (ms).
    tstop : float
        End of the run (ms).
    dt : float
        Its time step (ms).
    tstart : float
        Its start (ms).
    """

    function: Callable[[Node, SimulatedTime], Any]
    tstop: float
    dt: float = 0.025
    tstart: float = 0.0

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes of some nodes.

        Parameters
        ----------
        nodes : mapping of str to (sequence of int or mapping)
            Population -> node ids; or population -> columns: ``node_id`` and other attributes that the function needs.

        Returns
        -------
        spikes : SpikeData
            Node after node, sorted in time.

        Raises
        ------
        InvalidType
            If there are no nodes, ``function`` can't be called or returns something else than times.
        InvalidValue
            If a time is negative or no finite number.
        """
        if not callable(self.function):
            raise InvalidType("function", self.function, "must be a function of node and sim")
        if nodes is None:
            raise InvalidType("nodes", None, "must be given: a function does not tell for which nodes it is")
        sim = SimulatedTime(tstart=self.tstart, tstop=self.tstop, dt=self.dt)
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        trains: dict[str, dict[int, Any]] = {population: {} for population in nodes}
        for node in attributes_of(nodes):
            path = f"{name}({node.population_name} {node.node_id})"
            trains[node.population_name][node.node_id] = _checked(self.function(node, sim), path)
        origin = {"source": "SpikesFromFunction", "function": f"{getattr(self.function, '__module__', '')}.{name}"}
        return SpikeData.from_trains(trains, origin={**origin, **attrs.asdict(sim)})


def _checked(value: Any, path: str) -> np.ndarray:
    if value is None:
        raise InvalidType(path, value, "must return a list of spike times (ms); [] for none")
    try:
        times = np.asarray(value)
    except ValueError:  # ragged
        times = np.asarray("ragged")
    if times.size == 0 and times.ndim == 1:
        return np.empty(0)
    if times.ndim != 1 or times.dtype.kind not in "fiu":
        raise InvalidType(path, value, "must return a flat list of spike times (ms)")
    bad = times[~(np.isfinite(times) & (times >= 0))]
    if bad.size:
        raise InvalidValue(path, float(bad[0]), "must return finite times >= 0 ms")
    return np.sort(times.astype(np.float64))
