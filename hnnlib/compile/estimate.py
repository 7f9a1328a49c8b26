"""What goes into a plan of point cells so that its dipole can be worked out from its spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import UnknownName, UnsupportedPlan
from hnnlib.base.log import logger
from hnnlib.compile.dipole_kernels import shipped_dipole_kernels
from hnnlib.compile.point_cells import cell_digest
from hnnlib.plan.check import check_plan
from hnnlib.plan.estimate import DipoleKernels, PopulationKernels
from hnnlib.plan.tables import Biases, DriveCells, Estimate, Events, Plan, Populations, Probe, Run, Template

__all__ = ["DIPOLES", "bind_kernels", "dipole_provenance", "twin_of", "with_dipole"]

DIPOLES = ("kernel", "replay", "none")
"""Ways to a dipole of point cells."""


def with_dipole(reduced: Plan, detailed: Plan, method: str, kernels: Sequence[DipoleKernels] | None = None) -> Plan:
    """Return a plan of point cells that also says how its dipole is worked out.

    Parameters
    ----------
    reduced : Plan
        Point cells, gid by gid those of ``detailed``.
    detailed : Plan
        The cells of compartments that they stand for.
    method : str
        ``'kernel'``: the dipole, by kernels of what reaches the cells and what they fire. ``'replay'``: the spikes act
        on the detailed cells, which are not connected among themselves; all that is measured in ``detailed`` and can't
        be in ``reduced`` is taken from those. ``'none'``: no dipole.
    kernels : sequence of DipoleKernels, optional
        Kernels to choose from; of two for one cell, the later. Left out: those that come with the package.

    Returns
    -------
    plan : Plan
        ``reduced`` with an `Estimate`; without one where there is nothing to estimate.

    Raises
    ------
    UnknownName
        If there is no such method.
    UnsupportedPlan
        If a cell type has no kernels or they lack a synapse that is used, or something is measured that the method
        doesn't give; lists every obstacle.
    """
    if method not in DIPOLES:
        raise UnknownName("dipole", method, "way to a dipole of point cells", DIPOLES)
    there = {probe.name for probe in reduced.probes}
    wanted = tuple(probe for probe in detailed.probes if probe.name not in there)
    if method == "replay":
        if not wanted:
            return attrs.evolve(reduced, estimate=None)
        twin = twin_of(attrs.evolve(detailed, probes=wanted), reduced.run)
        return attrs.evolve(reduced, estimate=Estimate(method=method, probes=wanted, twin=twin))
    obstacles = [
        f"{probe.name} is measured, which a point cell has not; dipole='replay' gives it"
        for probe in wanted
        if probe.name != "dipole"
    ]
    dipole = [probe for probe in wanted if probe.name == "dipole"]
    bound: tuple[PopulationKernels, ...] = ()
    missing: tuple[str, ...] = ()
    if method == "kernel" and dipole:
        bound, missing = bind_kernels(detailed, dipole[0].labels["population"], kernels)
    if obstacles or missing:
        raise UnsupportedPlan("nest", [*obstacles, *missing])
    if not bound:
        return attrs.evolve(reduced, estimate=None)
    warnings = tuple(w for b in bound for w in _beyond_training(detailed, b))
    for warning in warnings:
        logger.warning("dipole by kernels: %s", warning)
    estimate = Estimate(
        method=method,
        probes=(_without_weights(dipole[0]),),
        kernels=bound,
        scores=_scores(bound),
        warnings=warnings,
    )
    return attrs.evolve(reduced, estimate=estimate)


def dipole_provenance(plan: Plan) -> dict[str, Any]:
    """Return how the dipole of a plan of point cells comes about, as plain data for the result's provenance.

    Returns
    -------
    provenance : dict
        ``method``; ``approximate``, whether there is an estimate; ``scores``, R² of the dipole of all populations
        together in held-out runs with true spikes, smoothed by 30 ms, by condition; ``warnings``.
    """
    e = plan.estimate
    if e is None:
        return {"method": "none", "approximate": False, "scores": {}, "warnings": []}
    return {"method": e.method, "approximate": True, "scores": dict(e.scores), "warnings": list(e.warnings)}


def _scores(bound: Sequence[PopulationKernels]) -> dict[str, float]:
    """Return the held-out scores of all populations together: the worst of what their kernels say."""
    conditions = [set(b.kernels.scores) for b in bound]
    shared = [c for c in bound[0].kernels.scores if all(c in of for of in conditions)]
    return {c: min(float(b.kernels.scores[c]["aggregate"]["30 ms"]) for b in bound) for c in shared}


def _without_weights(probe: Probe) -> Probe:
    return attrs.evolve(
        probe,
        indptr=np.zeros(probe.n_rows + 1, np.int64),
        index=np.zeros(0, np.int32),
        weight=np.zeros(0),
    )


def bind_kernels(
    detailed: Plan, populations: Sequence[str], kernels: Sequence[DipoleKernels] | None = None
) -> tuple[tuple[PopulationKernels, ...], tuple[str, ...]]:
    """Return the kernels of some populations with the contacts that end on their cells, and what stands against it.

    Parameters
    ----------
    detailed : Plan
        Cells of compartments.
    populations : sequence of str
        The populations whose dipole is asked for.
    kernels : sequence of DipoleKernels, optional
        Kernels to choose from; left out: those that come with the package.

    Returns
    -------
    bound : tuple of PopulationKernels
        One per population that has kernels.
    obstacles : tuple of str
        One sentence each; none if all have.
    """
    known = {k.digest: k for k in (shipped_dipole_kernels() if kernels is None else kernels)}
    bound, obstacles = [], []
    for name in populations:
        gids = detailed.populations.gid_ranges[name]
        template = detailed.templates[detailed.cells.template[gids.start]]
        found = known.get(cell_digest(template, detailed.run.celsius))
        if found is None:
            obstacles.append(
                f"{name} has no dipole kernels: none of the {len(known)} at hand were fitted to this cell (its "
                f"sections, membrane, synapses and temperature); `hnnlib reduce --kernels` fits them, and "
                f"dipole='replay' needs none"
            )
            continue
        contacts, unknown = _contacts(detailed, name, gids, template, found)
        bound.append(contacts)
        obstacles += [
            f"the dipole kernels of {name} know nothing of {place}; `hnnlib reduce --kernels` fits them to this "
            f"network, and dipole='replay' needs none"
            for place in unknown
        ]
    return tuple(bound), tuple(obstacles)


def _contacts(
    plan: Plan, name: str, gids: range, template: Template, kernels: DipoleKernels
) -> tuple[PopulationKernels, list[str]]:
    channel = np.full(template.n_sites, -1, np.int16)
    part = np.zeros(template.n_sites)  # of an event on the whole place
    for number, c in enumerate(kernels.channels):
        for site, (section, receptor) in enumerate(zip(template.sites.section, template.sites.receptors, strict=True)):
            if receptor == c.receptor and template.sections.names[section] in c.sections:
                channel[site], part[site] = number, 1.0 / len(c.sections)
    mine = (plan.edges.target_gid >= gids.start) & (plan.edges.target_gid < gids.stop)
    edges = plan.edges.take(mine & plan.live_edges())
    bad = np.unique(edges.site[channel[edges.site] < 0])
    unknown = [f"{template.sites.receptors[s]} at {template.sections.names[template.sites.section[s]]}" for s in bad]
    if unknown:
        edges = edges.take(channel[edges.site] >= 0)
    # contacts of a pair that differ in their section only are one event
    columns = (edges.delay_ms, channel[edges.site], edges.target_gid, edges.source_gid)
    order = np.lexsort(columns)
    new = np.ones(len(order), bool)
    new[1:] = np.any([c[order][1:] != c[order][:-1] for c in columns], axis=0)
    weight = (edges.weight * part[edges.site])[order]
    rows = order[new]
    contacts = PopulationKernels(
        population=name,
        gid_start=gids.start,
        n_cells=len(gids),
        kernels=kernels,
        source_gid=edges.source_gid[rows],
        cell=(edges.target_gid[rows] - gids.start).astype(np.int32),
        channel=channel[edges.site[rows]],
        weight_uS=np.bincount(np.cumsum(new) - 1, weight) if len(order) else weight,
        delay_ms=edges.delay_ms[rows],
    )
    return contacts, unknown


_MARGIN = 1.05  # beyond the training set is what is larger by more than 5 %


def _beyond_training(plan: Plan, bound: PopulationKernels) -> list[str]:
    """Return what of a plan is beyond what kernels were fitted to, one phrase for each population and kind."""
    found = []
    for number, channel in enumerate(bound.kernels.channels):
        heaviest = bound.weight_uS[bound.channel == number].max(initial=0.0)
        if heaviest > _MARGIN * channel.heaviest_uS:
            most = f"up to {channel.heaviest_uS:.3g} µS" if channel.heaviest_uS else "no events there"
            found.append(f"{channel.name} events of {heaviest:.3g} µS (fitted to {most})")
    gids = np.arange(bound.gid_start, bound.gid_start + bound.n_cells)
    if np.isin(plan.biases.gid, gids).any():
        found.append("currents into its cells (fitted to none)")
    return [f"{bound.population} gets {', '.join(found)}"] if found else []


def twin_of(detailed: Plan, run: Run) -> Plan:
    """Return the cells that probes measure, not connected, with a drive cell in the place of each gid.

    Parameters
    ----------
    detailed : Plan
        Connected cells of compartments.
    run : Run
        The run whose spikes are to act on them. Where its step is a multiple of the detailed plan's, the twin keeps
        the smaller one and measures at the larger; else it has the run's.

    Returns
    -------
    twin : Plan
        One trial in which nothing fires; drive cell k stands for gid k of ``detailed``. Each contact that ends on a
        kept cell is there, with its site, weight and delay.
    """
    kept = np.unique(np.concatenate([_owners(detailed, probe) for probe in detailed.probes]))
    new_gid = np.full(detailed.n_cells, -1, np.int32)
    new_gid[kept] = np.arange(len(kept))
    edges = detailed.edges.take(detailed.live_edges() & (new_gid[detailed.edges.target_gid] >= 0))
    finer = max(1, round(run.dt_ms / detailed.run.dt_ms))
    if not np.isclose(finer * detailed.run.dt_ms, run.dt_ms, rtol=1e-9, atol=0.0):
        finer = 1
    biases = detailed.biases
    rows = new_gid[biases.gid] >= 0
    twin = Plan(
        run=Run(tstop_ms=run.n_steps * run.dt_ms, dt_ms=run.dt_ms / finer, n_trials=1, celsius=detailed.run.celsius),
        populations=_populations(detailed, kept),
        templates=detailed.templates,
        cells=attrs.evolve(
            detailed.cells,
            **{name: getattr(detailed.cells, name)[kept] for name in attrs.fields_dict(type(detailed.cells))},
        ),
        edges=attrs.evolve(
            edges,
            source_gid=(edges.source_gid + len(kept)).astype(np.int32),
            target_gid=new_gid[edges.target_gid],
        ),
        drive_cells=DriveCells(first_gid=len(kept), live=np.ones(detailed.n_gids, bool)),
        events=(Events(time_ms=np.zeros(0), offset=np.zeros(detailed.n_gids + 1, np.int64)),),
        biases=Biases(
            gid=new_gid[biases.gid[rows]],
            **{name: getattr(biases, name)[rows] for name in ("section", "amplitude_nA", "delay_ms", "duration_ms")},
        ),
        probes=(),
    )
    twin = attrs.evolve(twin, probes=tuple(_probe(p, detailed, twin, new_gid, finer) for p in detailed.probes))
    check_plan(twin)
    return twin


def _offset(plan: Plan, probe: Probe) -> np.ndarray:
    return plan.site_offset if probe.quantity == "i_synapse" else plan.segment_offset


def _owners(plan: Plan, probe: Probe) -> np.ndarray:
    """Return the cell of each entry of a probe."""
    return np.searchsorted(_offset(plan, probe), probe.index, side="right") - 1


def _probe(probe: Probe, detailed: Plan, twin: Plan, new_gid: np.ndarray, finer: int) -> Probe:
    owner = _owners(detailed, probe)
    shift = _offset(twin, probe)[new_gid[owner]] - _offset(detailed, probe)[owner]
    return attrs.evolve(probe, index=(probe.index + shift).astype(np.int32), every=probe.every * finer)


def _populations(detailed: Plan, kept: np.ndarray) -> Populations:
    """Return the populations of kept cells, then one of drive cells for each population of the detailed plan."""
    p = detailed.populations
    members = [int(((kept >= a) & (kept < b)).sum()) for a, b in zip(p.gid_start, p.gid_stop, strict=True)]
    sizes: Sequence[int] = [n for n, drive in zip(members, p.is_drive, strict=True) if not drive]
    stop = np.cumsum([*sizes, *(p.gid_stop - p.gid_start).tolist()]).astype(np.int32)
    n_cells = len(sizes)
    return Populations(
        names=(*p.names[:n_cells], *(f"spikes of {name}" for name in p.names)),
        gid_start=np.concatenate([np.zeros(1, np.int32), stop[:-1]]),
        gid_stop=stop,
        is_drive=np.arange(len(stop)) >= n_cells,
        layers=(*p.layers[:n_cells], *(None for _ in p.names)),
        measure_dipole=np.concatenate([p.measure_dipole[:n_cells], np.zeros(len(p.names), bool)]),
    )
