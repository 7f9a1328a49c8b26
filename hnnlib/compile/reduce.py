"""From a plan of cells with dendrites to a plan of point cells: templates, sites, weights, probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnsupportedPlan
from hnnlib.base.schema import to_plain
from hnnlib.compile.discretise import point_segments
from hnnlib.compile.point_cells import PointCell, cell_digest
from hnnlib.plan.check import check_plan
from hnnlib.plan.tables import Edges, Plan, PointModel, Probe, Sections, Sites, Template

__all__ = ["point_cells_of", "reduce_plan", "reduction_provenance"]


def point_cells_of(plan: Plan, cells: Sequence[PointCell]) -> tuple[PointCell, ...]:
    """Return the point cell of each template of a plan.

    Parameters
    ----------
    plan : Plan
        Cells with dendrites.
    cells : sequence of PointCell
        What there is to choose from; of two for one cell, the later.

    Raises
    ------
    UnsupportedPlan
        If there is none for a cell type; names each, and the command that makes one.
    """
    known = {cell.digest: cell for cell in cells}
    digests = [cell_digest(template, plan.run.celsius) for template in plan.templates]
    used = np.bincount(plan.cells.template, minlength=len(plan.templates)) > 0
    missing = [t.name for t, d, u in zip(plan.templates, digests, used, strict=True) if u and d not in known]
    if missing:
        raise UnsupportedPlan(
            "nest",
            [
                f"{name} has no point model: none of the {len(known)} at hand was fitted to this cell (its sections, "
                f"membrane, synapses and temperature); `hnnlib reduce` fits one"
                for name in missing
            ],
        )
    return tuple(known[d] for d in digests if d in known)


def reduce_plan(plan: Plan, cells: Sequence[PointCell], dt: float) -> Plan:
    """Return the same network with point cells in place of cells with dendrites.

    Parameters
    ----------
    plan : Plan
        Cells with dendrites.
    cells : sequence of PointCell
        Point models; each cell type of the plan must have one.
    dt : float
        Time step of the new plan (ms).

    Returns
    -------
    reduced : Plan
        The same cells, drive cells and events by the same gids. A contact acts on the port that stands for its site,
        with the port's gain; contacts of one connection between the same two cells at one port are one. Of the probes
        those are left that ask for nothing but the soma's voltage.

    Raises
    ------
    UnsupportedPlan
        If a cell has no point model, or a contact acts or a current flows where its point model has nothing.
    """
    if dt > plan.run.tstop_ms:
        raise InvalidValue("dt", dt, f"must be at most the duration, {plan.run.tstop_ms:g} ms")
    chosen = point_cells_of(plan, cells)
    obstacles = [*_unreached(plan, chosen), *_beside_the_soma(plan)]
    if obstacles:
        raise UnsupportedPlan("nest", obstacles)
    reduced = attrs.evolve(
        plan,
        run=attrs.evolve(plan.run, dt_ms=dt),
        templates=tuple(_point(t, c) for t, c in zip(plan.templates, chosen, strict=True)),
        edges=_edges(plan, chosen),
        biases=attrs.evolve(plan.biases, section=np.zeros_like(plan.biases.section)),
        probes=_probes(plan),
    )
    check_plan(reduced)
    return reduced


def reduction_provenance(plan: Plan, cells: Sequence[PointCell]) -> dict[str, Any]:
    """Return which point model stands for which population, and how far it is from its cell, as plain data."""
    chosen = point_cells_of(plan, cells)
    return {
        template.name: {"digest": cell.digest, "model": cell.model, "errors": to_plain(cell.errors)}
        for template, cell in zip(plan.templates, chosen, strict=True)
    }


def _point(template: Template, cell: PointCell) -> Template:
    """Return a template of one section, as large as the soma."""
    old, root = template.sections, _soma(template)
    one = slice(root, root + 1)
    rest = cell.parameters.get("V_m", cell.parameters.get("E_L", old.v0_mV[root]))
    sections = Sections(
        names=("soma",),
        parent=np.array([-1], np.int32),
        parent_end=np.zeros(1, np.int8),
        L_um=old.L_um[one],
        diam_um=old.diam_um[one],
        Ra_ohm_cm=old.Ra_ohm_cm[one],
        cm_uF_cm2=old.cm_uF_cm2[one],
        v0_mV=np.array([rest], float),
        nseg=np.ones(1, np.int32),
        first_segment=np.zeros(1, np.int32),
        start_um=old.start_um[one],
        end_um=old.end_um[one],
    )
    n = len(cell.ports)
    return Template(
        name=template.name,
        sections=sections,
        segments=point_segments(old.L_um[root] / 2),
        densities=(),
        sites=Sites(
            section=np.zeros(n, np.int32),
            segment=np.zeros(n, np.int32),
            x=np.full(n, 0.5),
            receptors=tuple(p.name for p in cell.ports),
            mechanisms=("",) * n,
            parameters=({},) * n,
        ),
        spike_segment=0,
        point=PointModel(name=cell.model, parameters=dict(cell.parameters)),
    )


def _soma(template: Template) -> int:
    return int(template.segments.section[template.spike_segment])


def _port_of_site(template: Template, cell: PointCell) -> np.ndarray:
    """Return the port of each site; -1: none."""
    ports = {(section, p.receptor): k for k, p in enumerate(cell.ports) for section in p.sections}
    sites = zip(template.sites.section, template.sites.receptors, strict=True)
    return np.array([ports.get((template.sections.names[s], r), -1) for s, r in sites], np.int64)


def _unreached(plan: Plan, cells: Sequence[PointCell]) -> list[str]:
    """Return where contacts act for which a point cell has no port."""
    live = plan.live_edges()
    found = []
    target = plan.cells.template[plan.edges.target_gid]
    for number, (template, cell) in enumerate(zip(plan.templates, cells, strict=True)):
        used = np.unique(plan.edges.site[live & (target == number)])
        for site in used[_port_of_site(template, cell)[used] < 0]:
            place = template.sections.names[template.sites.section[site]]
            ports = ", ".join(p.name for p in cell.ports)
            found.append(
                f"the point model of {template.name} has no port for {template.sites.receptors[site]} at {place} (has "
                f"{ports}): it was fitted where nothing arrived there; `hnnlib reduce` fits one to this network"
            )
    return found


def _beside_the_soma(plan: Plan) -> list[str]:
    """Return where currents flow into dendrites."""
    template = plan.cells.template[plan.biases.gid]
    soma = np.array([_soma(t) for t in plan.templates], np.int64)
    away = plan.biases.section != soma[template]
    places = sorted({(int(t), int(s)) for t, s in zip(template[away], plan.biases.section[away], strict=True)})
    return [
        f"a current flows into {plan.templates[t].sections.names[s]} of {plan.templates[t].name}, and a point cell has "
        f"a soma only"
        for t, s in places
    ]


def _edges(plan: Plan, cells: Sequence[PointCell]) -> Edges:
    """Return contacts on ports, weights in nS; contacts of one connection and pair at one port are added up."""
    edges = plan.edges.take(plan.live_edges())  # NEST would keep the others, and deliver some, for nothing
    target = plan.cells.template[edges.target_gid]
    port = np.zeros(len(edges), np.int64)
    weight = np.zeros(len(edges))
    for number, (template, cell) in enumerate(zip(plan.templates, cells, strict=True)):
        rows = target == number
        port[rows] = _port_of_site(template, cell)[edges.site[rows]]
        for k, p in enumerate(cell.ports):
            here = rows & (port == k)
            weight[here] = p.weight_nS(edges.weight[here])
    kept = port >= 0  # what is on none is dead: `_unreached` has looked
    edges, port, weight = edges.take(kept), port[kept], weight[kept]
    order = np.lexsort((edges.delay_ms, port, edges.target_gid, edges.source_gid, edges.connection))
    edges, port, weight = edges.take(order), port[order], weight[order]
    columns = (edges.connection, edges.source_gid, edges.target_gid, port, edges.delay_ms)
    new = np.ones(len(edges), bool)
    new[1:] = np.any([c[1:] != c[:-1] for c in columns], axis=0)
    total = np.bincount(np.cumsum(new) - 1, weight) if len(edges) else weight
    return attrs.evolve(edges.take(new), site=port[new].astype(np.int16), weight=total)


def _probes(plan: Plan) -> tuple[Probe, ...]:
    """Return the probes that ask for nothing but voltages of somata."""
    owner = np.repeat(np.arange(plan.n_cells), np.diff(plan.segment_offset))
    spike_segment = np.array([t.spike_segment for t in plan.templates], np.int64)[plan.cells.template]
    soma = plan.segment_offset[:-1] + spike_segment
    kept = []
    for probe in plan.probes:
        if probe.quantity != "v" or len(probe.index) == 0 or not np.isin(probe.index, soma).all():
            continue
        kept.append(attrs.evolve(probe, index=owner[probe.index].astype(np.int32)))
    return tuple(kept)
