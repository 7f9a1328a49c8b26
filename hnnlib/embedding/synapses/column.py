"""What a cell of a column hears, laid onto a detailed cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.compile.build import compile_plan
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.sources.rates import Distribution
from hnnlib.embedding.synapses.placement import Cells, contacts_of
from hnnlib.embedding.synapses.stretches import Stretches, allowed_stretches, along_section, segments_of
from hnnlib.embedding.synapses.table import Embedding, SynapseType
from hnnlib.plan.tables import Plan, Sites
from hnnlib.spec.cells import SynapseSpec
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["PLACES", "from_network"]

_FIRST_BASAL_UM = 100.0  # about the length of the column's first basal section (85 µm)

PLACES: Mapping[str, Mapping[str, Any]] = immutabledict(
    {
        "soma": immutabledict(domain="soma"),
        "basal_1": immutabledict(domain="basal", max_distance=_FIRST_BASAL_UM),
        "basal_2": immutabledict(domain="basal", min_distance=_FIRST_BASAL_UM),
        "basal_3": immutabledict(domain="basal", min_distance=_FIRST_BASAL_UM),
        "apical_trunk": immutabledict(domain="apical_trunk"),
        "apical_1": immutabledict(domain="apical_trunk"),
        "apical_2": immutabledict(domain="apical_trunk"),
        "apical_oblique": immutabledict(domain="apical_oblique"),
        "apical_tuft": immutabledict(domain="apical_tuft"),
    }
)
"""Section of the column's pyramidal cells -> where on a detailed cell, as `SegmentTable.select` is told it."""


def from_network(
    net: Any,
    target: int | tuple[str, int],
    cell: Any,
    *,
    contacts: int | Distribution | Mapping[str, int | Distribution] = 1,
    weight: str = "conserve",
    places: Mapping[str, Mapping[str, Any]] | None = None,
    network_seed: int = 0,
    seed: int = 0,
) -> Embedding:
    """Lay the contacts that a cell of a column receives onto a detailed cell.

    Each contact onto a section of the simple cell becomes synapses at random places of the part of the detailed cell
    that stands for it, with the same kinetics and delay. Populations and cells keep their names and numbers, drives
    too: a column's result replayed (`Replay`) drives the detailed cell as it drove the simple one.

    Parameters
    ----------
    net : Network, NetworkSpec or SonataNetwork
        The column.
    target : int or tuple of (str, int)
        The cell whose place the detailed cell takes: its gid, or its population and number within it.
    cell : DetailedCell or SegmentTable
        The detailed cell, or its segments.
    contacts : int, Distribution or mapping of str to either
        Synapses for each of the column's contacts; by population, where those left out have one.
    weight : 'conserve' or 'each'
        Whether a contact's weight is shared out among its synapses, or each has all of it.
    places : mapping of str to mapping, optional
        Section of the simple cell -> ``domain``, ``min_distance`` and ``max_distance`` on the detailed one, beside or
        in place of what there is: the domain of that name; ``apical_1`` and ``apical_2`` are the trunk, ``basal_1`` is
        basal up to 100 µm, the others are basal from there on.
    network_seed : int
        Seed that the column is simulated with; pairs that are drawn hang on it.
    seed : int
        Seed of where synapses are.

    Returns
    -------
    embedding : Embedding
        Kinds are the column's receptors. Contacts of weight 0 are left out.

    Raises
    ------
    InvalidValue
        If there is no such cell, it has no dendrites or receives nothing, or the detailed cell lacks a part; names it.
    UnknownName
        If there is no such population, or a section of the simple cell has no place.
    """
    if weight not in ("conserve", "each"):
        raise UnknownName("weight", weight, "choice", ("conserve", "each"))
    plan = _plan_of(net, network_seed)
    ranges = plan.populations.gid_ranges
    for name in contacts if isinstance(contacts, Mapping) else ():
        if name not in ranges:
            raise UnknownName("contacts", name, "population of the network", ranges)
    gid = _gid(plan, target)
    edges, sites = plan.edges, plan.templates[plan.cells.template[gid]].sites
    heard = edges.take((edges.target_gid == gid) & (edges.weight != 0) & np.isfinite(edges.delay_ms))
    if not len(heard):
        raise InvalidValue("target", target, "receives no contact in this network")
    segments = segments_of(cell)
    where = _stretches(segments, plan, gid, np.unique(sites.section[heard.site]), places or {})
    parts = []
    for name, gids in ranges.items():
        rows = np.flatnonzero((heard.source_gid >= gids.start) & (heard.source_gid < gids.stop))
        if len(rows):
            each = contacts.get(name, 1) if isinstance(contacts, Mapping) else contacts
            cells = Cells(population=name, first=0, seed=seed)
            numbers = contacts_of(cells, each, 0.0, n_cells=len(rows))
            of = np.repeat(rows, numbers)
            share = np.repeat(numbers, numbers) if weight == "conserve" else 1
            place = _placed(cells, sites.section[heard.site[of]], where)
            parts.append((name, gids, of, heard.weight[of] / share, *place))
    names, gids_of, rows_of, weights, placed_on, at = zip(*parts, strict=True)
    row = np.concatenate(rows_of)
    population = np.repeat(np.arange(len(names)), [len(of) for of in rows_of])
    kinds = _kinds(sites)
    none = np.full(len(row), -1)
    return Embedding(
        segments=segments,
        populations=names,
        kinds={kind: SynapseType(receptors={kind: synapse}) for kind, synapse in kinds.items()},
        population=population,
        source=heard.source_gid[row] - np.array([gids.start for gids in gids_of])[population],
        kind=np.array([list(kinds).index(receptor) for receptor in sites.receptors])[heard.site[row]],
        section=np.concatenate(placed_on),
        x=np.concatenate(at),
        weight_uS=np.concatenate(weights),
        delay_ms=heard.delay_ms[row],
        release_p=np.ones(len(row)),
        group=none,
        cluster=none,
        n_sources={name: len(gids) for name, gids in zip(names, gids_of, strict=True)},
    )


def _plan_of(net: Any, seed: int) -> Plan:
    network = getattr(net, "spec", net)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("net", net, "must be a Network, a NetworkSpec or a SonataNetwork")
    run = RunSpec(tstop=1.0, seed=seed)  # the contacts are the same for every duration
    plan: Plan = net.compile(run) if hasattr(net, "compile") else compile_plan(network, run)
    return plan


def _gid(plan: Plan, target: Any) -> int:
    ranges = {
        name: gids
        for (name, gids), is_drive in zip(plan.populations.gid_ranges.items(), plan.populations.is_drive, strict=True)
        if not is_drive
    }
    if isinstance(target, tuple) and len(target) == 2:
        name, number = target
        if name not in ranges:
            raise UnknownName("target", name, "population of cells", ranges)
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < len(ranges[name]):
            raise InvalidValue("target", target, f"is no cell of {name}, which has cells 0 to {len(ranges[name]) - 1}")
        gid = ranges[name][number]
    elif isinstance(target, int | np.integer) and not isinstance(target, bool) and 0 <= target < plan.n_cells:
        gid = int(target)
    else:
        known = ", ".join(f"{name} {gids.start} to {gids.stop - 1}" for name, gids in ranges.items())
        raise InvalidValue("target", target, f"must be the gid of a cell ({known}), or its population and number")
    template = plan.templates[plan.cells.template[gid]]
    if template.point is not None:
        raise InvalidValue("target", target, f"is one of {template.name}, which are points: nothing says where to")
    return gid


def _stretches(
    segments: SegmentTable, plan: Plan, gid: int, sections: np.ndarray, places: Mapping[str, Mapping[str, Any]]
) -> dict[int, Stretches]:
    """Return section of the simple cell -> where on the detailed one."""
    template = plan.templates[plan.cells.template[gid]]
    for name in places:
        if name not in template.sections.names:
            raise UnknownName("places", name, f"section of {template.name}", template.sections.names)
    known = {**PLACES, **places}
    found = {}
    for section in sections.tolist():
        name = template.sections.names[section]
        if name not in known:
            raise UnknownName("places", name, "section with a place on the detailed cell; give places", known)
        path = f"places[{name!r}]"
        try:
            found[section] = allowed_stretches(segments, **known[name], path=path)
        except TypeError:
            allowed = "must be a mapping of 'domain', 'min_distance' and 'max_distance'"
            raise InvalidType(path, known[name], allowed) from None
    return found


def _placed(cells: Cells, section: np.ndarray, where: Mapping[int, Stretches]) -> tuple[np.ndarray, np.ndarray]:
    """Return section and place along it of a population's synapses."""
    rng = cells.stream("layout")
    on, at = np.zeros(len(section), np.int64), np.zeros(len(section))
    for simple, stretches in where.items():
        rows = np.flatnonzero(section == simple)
        on[rows], at[rows] = along_section(stretches.segments, *stretches.draw(rng, len(rows)))
    return on, at


def _kinds(sites: Sites) -> dict[str, SynapseSpec]:
    """Return receptor -> kinetics; a receptor is the same on all sections."""
    every = zip(sites.receptors, sites.mechanisms, sites.parameters, strict=True)
    return {receptor: SynapseSpec(mechanism=m, parameters=dict(p)) for receptor, m, p in every}
