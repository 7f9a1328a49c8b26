"""Gains of whole classes of connections: excitatory or inhibitory cells to such cells."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import within
from hnnlib.spec.network import NetworkSpec

__all__ = ["class_gains", "with_gains"]

_CLASSES = ("e_e", "e_i", "i_e", "i_i")


def _members(spec: NetworkSpec) -> dict[str, list[int]]:
    """Return the indices of connections by class of source and target; cells of no class count nowhere."""
    found: dict[str, list[int]] = {name: [] for name in _CLASSES}
    for i, connection in enumerate(spec.connections):
        types = [spec.populations[name].electro_type for name in (connection.source, connection.target)]
        name = "_".join((t or "-")[0] for t in types)
        if name in found:
            found[name].append(i)
    return found


def with_gains(spec: NetworkSpec, gains: Mapping[str, float | None]) -> NetworkSpec:
    """Return a network with the gains of classes set; None leaves a class as it is."""
    connections = list(spec.connections)
    members = _members(spec)
    for name, gain in gains.items():
        if gain is None:
            continue
        with within(name):
            for i in members[name]:
                connections[i] = attrs.evolve(connections[i], gain=gain)
    return attrs.evolve(spec, connections=tuple(connections))


def class_gains(spec: NetworkSpec) -> dict[str, float]:
    """Return the gain of each class, 1 for a class without connections; raise where a class has several."""
    gains = {}
    for name, members in _members(spec).items():
        values = {spec.connections[i].gain for i in members} or {1.0}
        if len(values) > 1:
            raise InvalidValue(name, sorted(values), "is no single gain; look at the connections' own")
        gains[name] = values.pop()
    return gains
