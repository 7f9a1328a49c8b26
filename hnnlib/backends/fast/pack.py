"""A plan as the memory that a kernel reads: C structures in numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np

from hnnlib.backends.fast.generate import Kernel
from hnnlib.backends.fast.model import KernelModel
from hnnlib.backends.fast.table import LOW_MV, STEP_MV
from hnnlib.backends.fast.tree import Tree
from hnnlib.plan.tables import Plan, Probe

__all__ = ["Packed", "TrialData", "pack", "pack_trial"]


def _struct(*fields: tuple[str, str]) -> np.dtype:
    return np.dtype(list(fields), align=True)


_P = "u8"  # a pointer
_TEMPLATE = _struct(
    ("n_cells", "i8"), ("first_gid", "i8"), ("constants", _P), ("initial", _P), ("table", _P), ("table_low", "f8"),
    ("table_per_mV", "f8"), ("table_rows", "i8"), ("n_used", "i8"), ("most_clamped", "i8"), ("used", _P),
    ("threshold", _P),
)  # fmt: skip
_EDGE = _struct(("block", "i4"), ("site", "i4"), ("lane", "i4"), ("pad", "i4"), ("weight", "f8"), ("delay", "f8"))
_EVENT = _struct(("step", "i4"), ("site", "i4"), ("lane", "i4"), ("pad", "i4"), ("weight", "f8"))
_CLAMP = _struct(
    ("segment", "i4"), ("lane", "i4"), ("place", "i4"), ("pad", "i4"), ("amplitude", "f8"), ("absolute", "f8"),
    ("start", "f8"), ("stop", "f8"),
)  # fmt: skip
_PICK = _struct(
    ("kind", "i4"), ("index", "i4"), ("lane", "i4"), ("every", "i4"), ("weight", "f8"), ("out", _P), ("stride", "i8")
)
_DENSE = _struct(("every", "i8"), ("n_rows", "i8"), ("weight", _P), ("out", _P), ("stride", "i8"))
_BLOCK = _struct(
    ("template", "i8"), ("first_cell", "i8"), ("n_lanes", "i8"), ("n_clamps", "i8"), ("n_clamped", "i8"),
    ("n_picks", "i8"), ("n_dense", "i8"), ("clamps", _P), ("picks", _P), ("dense", _P), ("events", _P),
    ("event_row", _P),
)  # fmt: skip
_SPIKE = _struct(("time", "f8"), ("gid", "i8"))
_JOB = _struct(
    ("n_steps", "i8"), ("window", "i8"), ("n_blocks", "i8"), ("n_templates", "i8"), ("n_gids", "i8"), ("dt", "f8"),
    ("templates", _P), ("blocks", _P), ("edges", _P), ("edge_row", _P), ("spikes", _P), ("n_spikes", "i8"),
    ("max_spikes", "i8"), ("bad_step", "i8"), ("bad_gid", "i8"), ("bad_segment", "i8"), ("progress", _P), ("stop", _P),
)  # fmt: skip
_PICKED = ("v", "cai", "i_synapse")


@attrs.frozen(kw_only=True, eq=False)
class Packed:
    """What all trials of a plan share."""

    templates: np.ndarray
    block_of: np.ndarray  # gid -> block
    lane_of: np.ndarray  # gid -> lane
    blocks: np.ndarray  # without pointers to a trial's own memory
    edges: np.ndarray
    edge_row: np.ndarray
    window: int
    drive_rows: tuple[np.ndarray, ...]  # of live drive edges: drive cell, block, site, lane, weight, delay
    probes: list[_ProbeParts]
    step_end: np.ndarray  # t + dt/2 of each step, as NEURON adds it up
    keep: list[np.ndarray]  # memory that the structures point to


@attrs.frozen(kw_only=True, eq=False)
class _Clamps:
    """The clamps of a block."""

    rows: np.ndarray
    segments: np.ndarray  # that have any


@attrs.frozen(kw_only=True, eq=False)
class _ProbeParts:
    probe: Probe
    picks: list[tuple[int, np.ndarray]]  # block, picks without out; "stride" holds the row for now
    dense: list[tuple[int, int, np.ndarray]]  # block, first row, weights (rows, values, lanes)


@attrs.frozen(kw_only=True, eq=False)
class TrialData:
    """One trial's own memory."""

    job: np.ndarray
    spikes: np.ndarray
    samples: dict[str, np.ndarray]
    keep: list[np.ndarray]


def pack(
    plan: Plan, models: Sequence[KernelModel], kernels: Sequence[Kernel], tables: Sequence[np.ndarray], lanes: int
) -> Packed:
    """Return what all trials of a plan share."""
    keep: list[np.ndarray] = []
    live = plan.live_edges()
    used = _used_sites(plan, live)
    templates = np.zeros(len(models), _TEMPLATE)
    starts = [
        int(np.flatnonzero(plan.cells.template == k)[0]) if (plan.cells.template == k).any() else 0
        for k in range(len(models))
    ]
    for k, (kernel, table) in enumerate(zip(kernels, tables, strict=True)):
        cells = np.flatnonzero(plan.cells.template == k)
        constants, initial = np.ascontiguousarray(kernel.constants), np.ascontiguousarray(kernel.initial)
        sites = used[k].astype(np.int32)
        threshold, table = plan.cells.threshold_mV[cells], np.ascontiguousarray(table)
        keep += [constants, initial, sites, threshold, table]
        templates[k] = (
            len(cells), starts[k], constants.ctypes.data, initial.ctypes.data, table.ctypes.data, LOW_MV, 1 / STEP_MV,
            len(table), len(sites), 0, sites.ctypes.data, threshold.ctypes.data,
        )  # fmt: skip
    blocks, block_of, lane_of = _blocks(plan, len(models), starts, lanes)
    edges, edge_row, window = _edges(plan, live, block_of, lane_of)
    clamps = _clamps(plan, models, block_of, lane_of, len(blocks))
    for block, own in zip(blocks, clamps, strict=True):
        block["n_clamps"], block["clamps"] = len(own.rows), own.rows.ctypes.data
        block["n_clamped"] = len(own.segments)
    np.maximum.at(templates["most_clamped"], blocks["template"], blocks["n_clamped"])
    half = 0.5 * plan.run.dt_ms
    t = np.cumsum(np.full(2 * plan.run.n_steps, half))  # one addition after another, as NEURON does
    step_end = np.concatenate([[0.0], t[1::2][:-1]]) + half
    drive = live & (plan.edges.source_gid >= plan.n_cells)
    target = plan.edges.target_gid[drive]
    return Packed(
        templates=templates,
        block_of=block_of,
        lane_of=lane_of,
        blocks=blocks,
        edges=edges,
        edge_row=edge_row,
        window=window,
        drive_rows=(
            plan.edges.source_gid[drive] - plan.n_cells,
            block_of[target],
            plan.edges.site[drive],
            lane_of[target],
            plan.edges.weight[drive],
            plan.edges.delay_ms[drive],
        ),
        probes=[_probe_parts(plan, p, models, clamps, block_of, lane_of, lanes) for p in plan.probes],
        step_end=step_end,
        keep=[*keep, *(own.rows for own in clamps)],
    )


def _used_sites(plan: Plan, live: np.ndarray) -> list[np.ndarray]:
    """Return for each template the sites that an event reaches or a probe records, in any of its cells."""
    template = plan.cells.template[plan.edges.target_gid[live]]
    found = [set(np.unique(plan.edges.site[live][template == k]).tolist()) for k in range(len(plan.templates))]
    offset = plan.site_offset
    for probe in plan.probes:
        if probe.quantity == "i_synapse":
            owner = np.searchsorted(offset, probe.index, side="right") - 1
            for gid, site in zip(owner.tolist(), (probe.index - offset[owner]).tolist(), strict=True):
                found[plan.cells.template[gid]].add(site)
    return [np.array(sorted(sites), np.int64) for sites in found]


def _blocks(plan: Plan, n_templates: int, starts: list[int], lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows: list[tuple[int, int, int]] = []
    block_of = np.zeros(plan.n_cells, np.int32)
    lane_of = np.zeros(plan.n_cells, np.int32)
    for k in range(n_templates):
        n = int((plan.cells.template == k).sum())
        for first in range(0, n, lanes):
            size = min(lanes, n - first)
            gids = starts[k] + first + np.arange(size)
            block_of[gids], lane_of[gids] = len(rows), np.arange(size)
            rows.append((k, first, size))
    blocks = np.zeros(len(rows), _BLOCK)
    for i, (k, first, size) in enumerate(rows):
        blocks[i]["template"], blocks[i]["first_cell"], blocks[i]["n_lanes"] = k, first, size
    return blocks, block_of, lane_of


def _edges(
    plan: Plan, live: np.ndarray, block_of: np.ndarray, lane_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    local = np.flatnonzero(live & (plan.edges.source_gid < plan.n_cells))
    local = local[np.argsort(plan.edges.source_gid[local], kind="stable")]
    target = plan.edges.target_gid[local]
    edges = np.zeros(len(local), _EDGE)
    edges["block"], edges["lane"] = block_of[target], lane_of[target]
    edges["site"] = plan.edges.site[local]
    edges["weight"], edges["delay"] = plan.edges.weight[local], plan.edges.delay_ms[local]
    counts = np.bincount(plan.edges.source_gid[local], minlength=plan.n_cells)
    row = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    # a spike at the start of step k arrives at step k + ceil(delay/dt - 1/2) or later
    shortest = float(edges["delay"].min()) if len(edges) else np.inf
    window = plan.run.n_steps if not np.isfinite(shortest) else int(np.ceil(shortest / plan.run.dt_ms - 0.5))
    return edges, row, max(1, min(window, plan.run.n_steps))


def _clamps(
    plan: Plan, models: Sequence[KernelModel], block_of: np.ndarray, lane_of: np.ndarray, n_blocks: int
) -> list[_Clamps]:
    """Return the clamps of each block, sorted by their start, so that a step looks only at those that flow."""
    b = plan.biases
    template = plan.cells.template[b.gid]
    segment, area = np.zeros(len(template), np.int64), np.zeros(len(template))
    for number in np.unique(template):
        model, mine = models[number], template == number
        middle = np.array(
            [model.template.sections.middle_segment(i) for i in range(len(model.template.sections.names))]
        )
        segment[mine] = middle[b.section[mine]]
        area[mine] = model.tree.area_um2[model.tree.node_of_segment[segment[mine]]]
    table = np.zeros(len(template), _CLAMP)
    table["segment"], table["lane"] = segment, lane_of[b.gid]
    table["amplitude"], table["absolute"] = b.amplitude_nA * 100.0 / area, b.amplitude_nA
    table["start"], table["stop"] = b.delay_ms, b.delay_ms + b.duration_ms
    order = np.lexsort((table["start"], block_of[b.gid]))
    limits = np.searchsorted(block_of[b.gid][order], np.arange(n_blocks + 1))
    clamps = []
    for first, last in pairwise(limits.tolist()):
        rows = np.ascontiguousarray(table[order[first:last]])
        segments, rows["place"] = np.unique(rows["segment"], return_inverse=True)
        clamps.append(_Clamps(rows=rows, segments=segments))
    return clamps


def _probe_parts(
    plan: Plan,
    probe: Probe,
    models: Sequence[KernelModel],
    clamps: Sequence[_Clamps],
    block_of: np.ndarray,
    lane_of: np.ndarray,
    lanes: int,
) -> _ProbeParts:
    offset = plan.site_offset if probe.quantity == "i_synapse" else plan.segment_offset
    owner = np.searchsorted(offset, probe.index, side="right") - 1
    local = probe.index - offset[owner]
    row = np.repeat(np.arange(probe.n_rows), np.diff(probe.indptr))
    block = block_of[owner]
    picks: list[tuple[int, np.ndarray]] = []
    dense: list[tuple[int, int, np.ndarray]] = []
    order = np.argsort(block, kind="stable")
    bounds = np.flatnonzero(np.diff(block[order])) + 1
    is_dense = probe.quantity == "i_membrane" or (probe.quantity == "v" and len(probe.index) > 4 * probe.n_rows)
    for members in np.split(order, bounds) if len(order) else []:
        b = int(block[members[0]])
        if is_dense:
            first, last = int(row[members].min()), int(row[members].max())
            model = models[plan.cells.template[owner[members[0]]]]
            shape = (model.template.n_segments, last + 1 - first, lanes)
            place = np.ravel_multi_index((local[members], row[members] - first, lane_of[owner[members]]), shape)
            weights = np.bincount(place, probe.weight[members], int(np.prod(shape))).reshape(shape)
            weights = _on_values(weights, probe.quantity, model.tree, clamps[b].segments)
            dense.append((b, first, _aligned(weights.swapaxes(0, 1))))
        else:
            part = np.zeros(len(members), _PICK)
            part["kind"] = _PICKED.index(probe.quantity)
            part["index"], part["lane"] = local[members], lane_of[owner[members]]
            part["every"], part["weight"] = probe.every, probe.weight[members]
            part["stride"] = row[members]
            picks.append((b, part))
    return _ProbeParts(probe=probe, picks=picks, dense=dense)


def _on_values(weights: np.ndarray, quantity: str, tree: Tree, clamped: np.ndarray) -> np.ndarray:
    """Return weights on segments, shape (n_segments, …), as weights on what a kernel has: voltages, currents of clamps.

    What leaves a membrane has come along the tree or from a clamp, so that membrane currents are no quantity of their
    own: they are differences of voltages times conductances.
    """
    on_nodes = np.zeros((len(tree), *weights.shape[1:]))
    on_nodes[tree.node_of_segment] = weights
    if quantity == "v":
        return np.concatenate([on_nodes, np.zeros((len(clamped), *weights.shape[1:]))])
    # the current from a parent to its child leaves there and not here
    flow = tree.conductance_uS[1:, None, None] * (on_nodes[1:] - on_nodes[tree.parent[1:]])
    on_voltages = np.concatenate([np.zeros_like(on_nodes[:1]), -flow])
    for child, node in enumerate(tree.parent[1:]):
        on_voltages[node] += flow[child]
    return np.concatenate([on_voltages, weights[clamped]])


def _aligned(array: np.ndarray) -> np.ndarray:
    """Return a copy at an address that a kernel's vectors don't straddle cache lines from."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    copy = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy


def _drive_events(plan: Plan, packed: Packed, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all drive events by block and window, steps rising, and where each (block, window) starts."""
    cell, block, site, lane, weight, delay = packed.drive_rows
    events = plan.events[trial]
    counts = np.diff(events.offset)[cell]
    edge = np.repeat(np.arange(len(cell)), counts)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    event = events.offset[:-1][cell[edge]] + within
    arrival = events.time_ms[event] + delay[edge]
    step = np.searchsorted(packed.step_end, arrival, side="left")
    n_windows = -(-plan.run.n_steps // packed.window)
    keep = step < plan.run.n_steps
    event, edge, step = event[keep], edge[keep], step[keep]
    order = np.lexsort((step, block[edge]))
    event, edge, step = event[order], edge[order], step[order]
    table = np.zeros(len(edge), _EVENT)
    table["step"], table["site"], table["lane"], table["weight"] = step, site[edge], lane[edge], weight[edge]
    if events.factor is not None:
        table["weight"] *= events.factor[event]
    slot = block[edge].astype(np.int64) * n_windows + step // packed.window
    starts = np.searchsorted(slot, np.arange(len(packed.blocks) * n_windows + 1))
    return table, starts.astype(np.int64)


def pack_trial(plan: Plan, packed: Packed, trial: int, max_spikes: int | None = None) -> TrialData:
    """Return one trial's own memory, with everything pointing where it should; room for a spike per cell and ms."""
    n_windows = -(-plan.run.n_steps // packed.window)
    events, starts = _drive_events(plan, packed, trial)
    blocks = packed.blocks.copy()
    samples: dict[str, np.ndarray] = {}
    picks: list[list[np.ndarray]] = [[] for _ in blocks]
    dense: list[list[np.ndarray]] = [[] for _ in blocks]
    for parts in packed.probes:
        p = parts.probe
        out = np.zeros((plan.run.n_steps // p.every + 1, p.n_rows))
        samples[p.name] = out
        for b, part in parts.picks:
            own = part.copy()
            own["out"] = out.ctypes.data + 8 * part["stride"]
            own["stride"] = p.n_rows
            picks[b].append(own)
        for b, first, weights in parts.dense:
            table = np.zeros(1, _DENSE)
            table[0] = (p.every, len(weights), weights.ctypes.data, out.ctypes.data + 8 * first, p.n_rows)
            dense[b].append(table)
    keep = [events, starts, blocks, *packed.keep]
    for b in range(len(blocks)):
        own_picks = np.concatenate(picks[b]) if picks[b] else np.zeros(0, _PICK)
        own_dense = np.concatenate(dense[b]) if dense[b] else np.zeros(0, _DENSE)
        keep += [own_picks, own_dense]
        blocks[b]["n_picks"], blocks[b]["picks"] = len(own_picks), own_picks.ctypes.data
        blocks[b]["n_dense"], blocks[b]["dense"] = len(own_dense), own_dense.ctypes.data
        blocks[b]["events"] = events.ctypes.data
        blocks[b]["event_row"] = starts.ctypes.data + 8 * b * n_windows
    spikes = np.zeros(max_spikes or max(1024, plan.n_cells * (int(plan.run.tstop_ms) + 1)), _SPIKE)
    flags = np.zeros(2, np.int64)
    job = np.zeros(1, _JOB)
    job[0] = (
        plan.run.n_steps, packed.window, len(blocks), len(packed.templates), plan.n_cells, plan.run.dt_ms,
        packed.templates.ctypes.data, blocks.ctypes.data, packed.edges.ctypes.data, packed.edge_row.ctypes.data,
        spikes.ctypes.data, 0, len(spikes), -1, -1, -1, flags.ctypes.data, flags.ctypes.data + 8,
    )  # fmt: skip
    return TrialData(job=job, spikes=spikes, samples=samples, keep=[*keep, flags])
