"""Synapses in clusters: cells of one functional group share short stretches of dendrite."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.log import logger
from hnnlib.base.schema import number
from hnnlib.embedding.sources.rates import Distribution, as_distribution
from hnnlib.embedding.synapses.placement import Cells, contacts_of, one_population, whole
from hnnlib.embedding.synapses.stretches import Stretches, allowed_stretches, along_section, positions_um
from hnnlib.embedding.synapses.table import Embedding, SynapseType

__all__ = ["clustered", "clusters_of_group"]


def clustered(
    cell: Any,
    population: str,
    *,
    kind: SynapseType,
    weight: float | Distribution,
    density: float | None = None,
    count: int | None = None,
    n_cells: int | None = None,
    domain: str | list[str] | None = None,
    min_distance: float = 0.0,
    max_distance: float = np.inf,
    contacts: int | Distribution | np.ndarray = 1,
    cells_per_group: int = 100,
    group_radius: float = 100.0,
    clusters_per_group: int | None = None,
    cluster_radius: float = 10.0,
    cluster_spacing: float = 5.0,
    fewer_clusters: bool = False,
    delay: float | Distribution = 0.0,
    release_p: float | Distribution = 1.0,
    kind_name: str | None = None,
    cell_type: str | None = None,
    first_source: int = 0,
    first_group: int = 0,
    seed: int = 0,
) -> Embedding:
    """Place synapses in functional groups and clusters, as L5NeuronSimulation does.

    The cells are dealt into groups of nearly one size. The dendrite of a group is what is allowed within a sphere
    around a place that is drawn from it; clusters are smaller spheres around places drawn from the group's dendrite.
    Each contact of a cell is in another cluster of its group.

    Parameters
    ----------
    cell, population, kind, weight, density, count, n_cells, domain, min_distance, max_distance, contacts : object
        As in `random`.
    cells_per_group : int
        Cells that share a group; those that are left over are dealt to the first groups.
    group_radius : float
        Straight distance of all synapses of a group from its middle, at most (µm).
    clusters_per_group : int, optional
        Number of clusters in each group; left out: as `clusters_of_group` says.
    cluster_radius : float
        Straight distance of all synapses of a cluster from its middle, at most (µm).
    cluster_spacing : float
        Dendrite that each cluster's middle has for itself (µm), so that no two are one.
    fewer_clusters : bool
        Whether a group with too little dendrite has as many clusters as find room, and cells with more contacts than
        that lose the surplus (which is logged). Otherwise such a group is an error.
    delay, release_p, kind_name, cell_type, first_source : object
        As in `random`.
    first_group : int
        Number of the first group.
    seed : int
        Seed; each population has streams of its own.

    Returns
    -------
    embedding : Embedding
        With ``group`` and ``cluster``, from 0 within the group. Rows cell by cell.

    Raises
    ------
    InvalidValue
        If a group has too little dendrite, a cell more contacts than there are clusters, or an argument is not allowed.
    """
    allowed = allowed_stretches(cell, domain, min_distance, max_distance)
    cells = Cells(population=population, first=first_source, seed=seed)
    length = float(allowed.length_um.sum())
    numbers = contacts_of(cells, contacts, length, density, count, n_cells)
    if clusters_per_group is None:
        mean = float(numbers.mean()) if isinstance(contacts, np.ndarray) else as_distribution(contacts, "contacts").mean
        clusters_per_group = clusters_of_group(density or numbers.sum() / length, mean, cells_per_group)
    rule = _Rule(
        cells_per_group=cells_per_group,
        clusters=clusters_per_group,
        group_radius=group_radius,
        cluster_radius=cluster_radius,
        spacing=cluster_spacing,
        fewer=fewer_clusters,
    )
    if numbers.max(initial=0) > rule.clusters and not rule.fewer:
        raise InvalidValue("contacts", int(numbers.max()), f"must be at most the clusters of a group, {rule.clusters}")
    columns = _laid_out(cells, allowed, numbers, rule)
    groups = {"group": columns["group"] + whole(first_group, "first_group"), "cluster": columns["cluster"]}
    of_synapses = {"weight": weight, "delay": delay, "release_p": release_p}
    where = columns["segment"], columns["fraction"]
    return one_population(
        cells,
        allowed.segments,
        kind,
        columns["source"],
        *where,
        of_synapses,
        len(numbers),
        kind_name,
        cell_type,
        groups,
    )


def clusters_of_group(density: float, contacts: float, cells_per_group: int = 100, length: float = 10.0) -> int:
    """Return how many clusters a group needs, if each is to hold its stretch's share of the group's synapses.

    Parameters
    ----------
    density : float
        Synapses per µm of dendrite.
    contacts : float
        Mean number of contacts of a cell.
    cells_per_group : int
        Cells of a group.
    length : float
        Dendrite that a cluster fills (µm); in L5NeuronSimulation 10, whatever the clusters' radius.

    Returns
    -------
    clusters : int
        Rounded down, at least 1.
    """
    _at_least_one(cells_per_group, "cells_per_group")
    if density <= 0 or contacts <= 0:
        return 1
    return max(1, int(cells_per_group * contacts / (density * length)))


@attrs.frozen(kw_only=True)
class _Rule:
    """Sizes of groups and clusters."""

    cells_per_group: int
    clusters: int
    group_radius: float
    cluster_radius: float
    spacing: float
    fewer: bool

    def __attrs_post_init__(self) -> None:
        _at_least_one(self.cells_per_group, "cells_per_group")
        _at_least_one(self.clusters, "clusters_per_group")
        number(self.group_radius, "group_radius", unit="µm", gt=0)
        number(self.cluster_radius, "cluster_radius", unit="µm", gt=0)
        number(self.spacing, "cluster_spacing", unit="µm", gt=0)


def _at_least_one(value: Any, path: str) -> None:
    if whole(value, path) < 1:
        raise InvalidValue(path, value, "must be a whole number >= 1")


def _laid_out(cells: Cells, allowed: Stretches, numbers: np.ndarray, rule: _Rule) -> dict[str, np.ndarray]:
    """Return source, group, cluster, segment and fraction of every contact."""
    rng = cells.stream("layout")
    members = np.array_split(np.arange(len(numbers)), max(1, len(numbers) // rule.cells_per_group))
    middles = _places(allowed, *allowed.draw(rng, len(members)))
    of_group, inside = allowed.near(middles, rule.group_radius)
    parts, short, lost = [], [], 0
    for g, of in enumerate(members):
        rows = of_group == g
        group = attrs.evolve(inside, segment=inside.segment[rows], low=inside.low[rows], high=inside.high[rows])
        clusters, n = _clusters(rng, group, rule, g)
        kept = np.minimum(numbers[of], n)
        lost += int((numbers[of] - kept).sum())
        short += [n] if n < rule.clusters else []
        parts.append({"group": np.full(kept.sum(), g), **_contacts(rng, clusters, n, of, kept)})
    if short:
        logger.info(
            "%s: %d of %d groups have room for fewer than %d clusters (at least %d); %d contacts fewer",
            *(cells.population, len(short), len(members), rule.clusters, min(short), lost),
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _places(stretches: Stretches, segment: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    return positions_um(stretches.segments, *along_section(stretches.segments, segment, fraction))


def _clusters(rng: np.random.Generator, group: Stretches, rule: _Rule, g: int) -> tuple[tuple[Any, Stretches], int]:
    """Return the stretches of each cluster of a group, and the number of clusters."""
    length = float(group.length_um.sum())
    room = int(length / rule.spacing)
    if room < rule.clusters and not rule.fewer:
        raise InvalidValue(
            "clusters_per_group",
            rule.clusters,
            f"needs {rule.clusters * rule.spacing:g} µm of dendrite, {rule.spacing:g} µm for each; group {g} has "
            f"{length:.0f} µm within {rule.group_radius:g} µm of its middle, room for {room}: choose fewer, a larger "
            "group_radius, or fewer_clusters=True",
        )
    n = min(rule.clusters, max(room, 1))
    slots = np.sort(rng.choice(max(room, 1), n, replace=False))
    middles = _places(group, *group.at((slots + rng.random(n)) * length / max(room, 1)))
    return group.near(middles, rule.cluster_radius), n


def _contacts(
    rng: np.random.Generator, clusters: tuple[Any, Stretches], n_clusters: int, members: np.ndarray, numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return source, cluster, segment and fraction of the contacts of a group's cells."""
    of_cluster, stretches = clusters
    shuffled = rng.random((len(members), n_clusters)).argsort(axis=1)
    taken = np.arange(n_clusters) < numbers[:, None]
    cluster = shuffled[taken]
    length = np.bincount(of_cluster, stretches.length_um, n_clusters)
    begin = np.cumsum(length) - length
    # just below 1, so that no place falls into the next cluster by rounding
    along = begin[cluster] + length[cluster] * rng.uniform(1e-6, 1 - 1e-6, len(cluster))
    segment, fraction = stretches.at(along)
    return {"source": np.repeat(members, numbers), "cluster": cluster, "segment": segment, "fraction": fraction}
