"""What a figure needs of a network: its spec, its contacts, and where its sections are."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import from_plain
from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan
from hnnlib.results.result import Result
from hnnlib.spec.layout import positions_of
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["NetworkSections", "network_of", "plan_of", "recorded_network", "sections_of", "seed_of"]


def network_of(net: Any) -> NetworkSpec:
    """Return the spec of a network, or of the one that a result came from.

    Raises
    ------
    InvalidType
        If ``net`` is neither network nor result.
    InvalidValue
        If a result doesn't know its network.
    """
    if isinstance(net, Result):
        network = recorded_network(net)
        if network is None:
            raise InvalidValue("net", net, "doesn't know its network: give the network in its place")
        return network
    network = getattr(net, "spec", net)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("net", net, "must be a Network, a NetworkSpec or a Result")
    return network


def recorded_network(result: Result) -> NetworkSpec | None:
    """Return the network that a result came from, or None where that is not known."""
    plain = result.provenance.get("network")
    try:
        return None if plain is None else from_plain(NetworkSpec, plain)
    except InvalidValue:
        # Written by another version: a figure can do without names and colours of its populations.
        return None


def seed_of(net: Any, seed: int | None) -> int:
    """Return ``seed``, or for None that of the run that a result came from, else 0."""
    if seed is not None:
        return seed
    return int(net.provenance.get("seed", 0)) if isinstance(net, Result) else 0


def plan_of(net: Any, seed: int | None = None) -> Plan:
    """Return the plan of one trial, with each contact and its weight as they would be simulated.

    Electrodes are left out: no figure of contacts or events needs them, and they take most of the time.
    """
    if isinstance(net, Plan):
        return net
    return compile_plan(attrs.evolve(network_of(net), electrodes={}), RunSpec(tstop=1.0, seed=seed_of(net, seed)))


@attrs.frozen(kw_only=True, eq=False)
class NetworkSections:
    """Every section of every cell, in the order of gids and of the cell's sections."""

    gid: NDArray[np.int64]  # (n_sections,)
    names: tuple[str, ...]
    ends_um: NDArray[np.float64]  # (n_sections, 2, 3)
    diam_um: NDArray[np.float64]  # (n_sections,)
    v0_mV: NDArray[np.float64]  # (n_sections,)


def sections_of(network: NetworkSpec, inplane_distance: float | None = None) -> NetworkSections:
    """Return every section of a network.

    Parameters
    ----------
    network : NetworkSpec
        The network.
    inplane_distance : float, optional
        Distance of neighbours on the grid (µm). Left out: the network's own.

    Returns
    -------
    sections : NetworkSections
    """
    grid = network.grid
    if inplane_distance is not None:
        grid = attrs.evolve(grid, inplane_distance=inplane_distance)
    gids, names, ends, diam, v0, first = [], [], [], [], [], 0
    for population in network.populations.values():
        at = positions_of(population.place, grid)
        of_cell = population.detailed_cell.section_ends()
        lines = np.array(list(of_cell.values()))
        specs = [population.detailed_cell.sections[name] for name in of_cell]
        gids.append(np.repeat(np.arange(first, first + len(at)), len(specs)))
        names += list(of_cell) * len(at)
        ends.append((at[:, None, None, :] + lines[None]).reshape(-1, 2, 3))
        diam.append(np.tile([s.diam for s in specs], len(at)))
        v0.append(np.tile([s.v0 for s in specs], len(at)))
        first += len(at)
    if not gids:
        raise InvalidValue("net", network, "has no cells")
    return NetworkSections(
        gid=np.concatenate(gids),
        names=tuple(names),
        ends_um=np.concatenate(ends),
        diam_um=np.concatenate(diam),
        v0_mV=np.concatenate(v0),
    )
