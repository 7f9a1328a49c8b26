"""A plan's network inside NEURON: built once, reset and run for every trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from hnnlib.backends.neuron.probe import ProbeRecorder
from hnnlib.backends.neuron.session import Session
from hnnlib.backends.protocol import Part, Progress
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.plan.tables import Biases, Edges, Events, Plan, Probe, Template, digest_of

__all__ = ["NeuronNetwork"]

_PARTS = 20
_MOST_CLAMPS = 4  # IClamps on one section: each costs at every step, a played current only when it changes


class NeuronNetwork:
    """Sections, synapses and connections of a plan, as NEURON objects.

    Parts are made anew only when the plan's own part has changed: cells and local connections, drives, biases, probes.
    What exists in NEURON follows from the plan alone, never from what was run before, so that results don't either.

    Parameters
    ----------
    session : Session
        The process's NEURON; the caller holds its lock.
    plan : Plan
        The plan whose cells and local connections to build.
    part : Part, optional
        The cells to build, and with them what acts on them; left out: all.
    """

    def __init__(self, session: Session, plan: Plan, part: Part | None = None) -> None:
        self._s = session
        self.key = self.key_of(plan, part)
        self.stats: dict[str, float] = {}
        begin = time.process_time()
        self._here = _cells_of(plan, part)
        self._cells = {
            gid: _Cell(session.h, plan.templates[plan.cells.template[gid]], plan.cells.position_um[gid], f"gid{gid}")
            for gid in np.flatnonzero(self._here).tolist()
        }
        self._register(plan)
        self._add_synapses(plan)
        local = plan.edges.source_gid < plan.n_cells
        self._netcons = self._connect_cells(plan, plan.edges.take(local & _live_edges(plan, self._here)))
        self._drive_key = self._bias_key = self._probe_key = ""
        self._sources: list[Any] = []
        self._drive_netcons: list[Any] = []
        self._clamps: list[Any] = []
        self._probes: list[tuple[Probe, ProbeRecorder]] = []
        self.stats["build_cpu_s"] = time.process_time() - begin

    # --------------------------------------------------------------------------------------------- building

    @staticmethod
    def key_of(plan: Plan, part: Part | None = None) -> str:
        """Return what decides whether a built network can run a plan, or a part of it."""
        here = _cells_of(plan, part)
        local = (plan.edges.source_gid < plan.n_cells) & _live_edges(plan, here)
        return digest_of(plan.templates, plan.cells, plan.edges.take(local), _needed_sites(plan, here), here)

    def _register(self, plan: Plan) -> None:
        pc, h = self._s.pc, self._s.h
        pc.gid_clear()
        for gid, cell in self._cells.items():
            soma = cell.spike_segment
            pc.set_gid2node(gid, pc.id())
            netcon = h.NetCon(soma._ref_v, None, sec=soma.sec)
            netcon.threshold = plan.cells.threshold_mV[gid]
            pc.cell(gid, netcon)
        self._spike_times, self._spike_gids = h.Vector(), h.Vector()
        pc.spike_record(-1, self._spike_times, self._spike_gids)

    def _add_synapses(self, plan: Plan) -> None:
        """Make the synapses that a live edge or a probe uses; the others would add exactly 0 to every current."""
        offset = plan.site_offset
        needed = _needed_sites(plan, self._here)
        self._synapses = {
            flat: self._cells[gid].synapse(self._s.h, flat - int(offset[gid]))
            for flat, gid in zip(needed.tolist(), _owners(offset, needed).tolist(), strict=True)
        }
        self._site_offset = offset

    def _targets(self, edges: Edges) -> list[Any]:
        flat = self._site_offset[edges.target_gid] + edges.site
        return [self._synapses[i] for i in flat.tolist()]

    def _connect_cells(self, plan: Plan, edges: Edges) -> list[Any]:
        connect = self._s.pc.gid_connect
        made = []
        rows = zip(
            edges.source_gid.tolist(),
            self._targets(edges),
            edges.weight.tolist(),
            edges.delay_ms.tolist(),
            strict=True,
        )
        for source, target, weight, delay in rows:
            netcon = connect(source, target)
            netcon.weight[0] = weight
            netcon.delay = delay
            made.append(netcon)
        return made

    def fit(self, plan: Plan) -> None:
        """Bring drives, biases and probes in line with the plan."""
        from_drive = plan.edges.source_gid >= plan.n_cells
        drives = plan.edges.take(from_drive & _live_edges(plan, self._here))
        key = digest_of(drives, len(plan.drive_cells))
        if key != self._drive_key:
            self._connect_drives(plan, drives)
            self._drive_key = key
        key = digest_of(plan.biases)
        if key != self._bias_key:
            self._clamps = self._make_clamps(plan.biases)
            self._bias_key = key
        key = digest_of(plan.probes, plan.run)
        if key != self._probe_key:
            self._probes = []
            self._s.cvode.use_fast_imem(int(any(p.quantity == "i_membrane" for p in plan.probes)))
            self._probes = [(p, self._make_probe(plan, p)) for p in plan.probes]
            self._probe_key = key

    def _connect_drives(self, plan: Plan, edges: Edges) -> None:
        h = self._s.h
        self._drive_netcons = []
        used = np.unique(edges.source_gid)
        sources = {int(gid): h.EventSource() for gid in used}
        rows = zip(
            edges.source_gid.tolist(),
            self._targets(edges),
            edges.weight.tolist(),
            edges.delay_ms.tolist(),
            strict=True,
        )
        for source, target, weight, delay in rows:
            self._drive_netcons.append(h.NetCon(sources[source], target, 0.0, delay, weight))
        self._sources = [(gid - plan.n_cells, source) for gid, source in sources.items()]
        self._drive_edges = edges

    def _make_clamps(self, biases: Biases) -> list[Any]:
        """Make an IClamp for each row; of many rows on one section, one IClamp that plays their sum."""
        rows = np.flatnonzero(self._here[biases.gid])
        section = biases.section[rows]
        order = np.lexsort((section, biases.gid[rows]))  # stable: rows of one section stay in their order
        rows, section = rows[order], section[order]
        apart = (np.diff(biases.gid[rows]) != 0) | (np.diff(section) != 0)
        clamps: list[Any] = []
        played: dict[bytes, tuple[Any, Any]] = {}
        for own in np.split(rows, np.flatnonzero(apart) + 1) if len(rows) else []:
            place = self._cells[biases.gid[own[0]]].sections[biases.section[own[0]]](0.5)
            steps = np.stack([biases.delay_ms[own], biases.duration_ms[own], biases.amplitude_nA[own]])
            if len(own) <= _MOST_CLAMPS:
                clamps += [self._clamp(place, *step) for step in steps.T.tolist()]
                continue
            key = steps.tobytes()  # cells that get the same current share it
            if key not in played:
                times, currents = _staircase(*steps)
                played[key] = (self._s.h.Vector(times), self._s.h.Vector(currents))
            clamp = self._clamp(place, 0.0, 1e9, 0.0)
            played[key][1].play(clamp._ref_amp, played[key][0])
            clamps.append((clamp, *played[key]))
        return clamps

    def _clamp(self, place: Any, delay: float, duration: float, amplitude: float) -> Any:
        clamp = self._s.h.IClamp(place)
        clamp.delay, clamp.dur, clamp.amp = delay, duration, amplitude
        return clamp

    def _make_probe(self, plan: Plan, probe: Probe) -> ProbeRecorder:
        offset = plan.site_offset if probe.quantity == "i_synapse" else plan.segment_offset
        kept = self._here[_owners(offset, probe.index)]
        indptr = np.concatenate([[0], np.cumsum(kept)])[probe.indptr]
        used, index = np.unique(probe.index[kept], return_inverse=True)
        refs = self._refs(plan, probe.quantity, used)
        n_samples = plan.run.n_steps // probe.every + 1
        return ProbeRecorder(self._s, refs, indptr, index, probe.weight[kept], n_samples, probe.every)

    def _refs(self, plan: Plan, quantity: str, flat: np.ndarray) -> list[Any]:
        if quantity == "i_synapse":
            return [self._synapses[int(i)]._ref_i for i in flat]
        attribute = {"v": "_ref_v", "i_membrane": "_ref_i_membrane_", "cai": "_ref_cai"}[quantity]
        offset = plan.segment_offset
        return [
            getattr(self._cells[gid].segment(i - int(offset[gid])), attribute)
            for i, gid in zip(flat.tolist(), _owners(offset, flat).tolist(), strict=True)
        ]

    # --------------------------------------------------------------------------------------------- running

    def run(
        self, plan: Plan, trial: int, rates: str, progress: Progress | None
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Run one trial from its start; return spike times (ms), gids, and the samples of each probe."""
        h, pc = self._s.h, self._s.pc
        self._s.prepare(plan.run.dt_ms, plan.run.celsius)
        for mechanism in {d.mechanism for t in plan.templates for d in t.densities}:
            if hasattr(h, f"usetable_{mechanism}"):
                setattr(h, f"usetable_{mechanism}", int(rates == "tables"))
        events = plan.events[trial]
        for k, source in self._sources:
            source.set_times(h.Vector(np.sort(events.of(k)) if events.factor is None else []))
        self._spike_times.resize(0)
        self._spike_gids.resize(0)
        for cell in self._cells.values():
            cell.set_initial_voltage()
        pc.set_maxstep(10)
        h.finitialize()
        single = self._single_events(plan, events)  # held until the run ends: a NetCon without a reference is no more
        h.fcurrent()
        for _, recorder in self._probes:
            recorder.start()
        # in parts, for progress and so that Ctrl-C is heard: Python sees no signal inside psolve
        for t in np.linspace(0.0, plan.run.n_steps * plan.run.dt_ms, _PARTS + 1)[1:]:
            pc.psolve(float(t))
            if progress is not None:
                progress(trial, float(t))
        del single
        samples = {probe.name: recorder.read() for probe, recorder in self._probes}
        return self._spike_times.as_numpy().copy(), self._spike_gids.as_numpy().astype(np.int32), samples

    def _single_events(self, plan: Plan, events: Events) -> list[Any]:
        """Put events with factors of their own into the queue; a NetCon has one weight, so each event has its own."""
        if events.factor is None:
            return []
        edges, h = self._drive_edges, self._s.h
        made = []
        rows = zip(
            (edges.source_gid - plan.n_cells).tolist(),
            self._targets(edges),
            edges.weight.tolist(),
            edges.delay_ms.tolist(),
            strict=True,
        )
        for k, target, weight, delay in rows:
            own = slice(int(events.offset[k]), int(events.offset[k + 1]))
            for time_ms, factor in zip(events.time_ms[own].tolist(), events.factor[own].tolist(), strict=True):
                netcon = h.NetCon(None, target, 0.0, 0.0, weight * factor)
                netcon.event(time_ms + delay)
                made.append(netcon)
        return made

    def close(self) -> None:
        """Take everything out of NEURON."""
        self._probes, self._clamps, self._drive_netcons, self._sources, self._netcons = [], [], [], [], []
        self._synapses = {}
        self._s.pc.gid_clear()
        self._cells = {}


def _cells_of(plan: Plan, part: Part | None) -> np.ndarray:
    """Return which cells are in a part."""
    if part is None:
        return np.ones(plan.n_cells, bool)
    here = np.zeros(plan.n_cells, bool)
    here[part.gids] = True
    return here


def _live_edges(plan: Plan, here: np.ndarray) -> np.ndarray:
    return plan.live_edges() & here[plan.edges.target_gid]


def _needed_sites(plan: Plan, here: np.ndarray) -> np.ndarray:
    """Return the flat numbers of the sites of some cells that a live edge reaches or a probe records, sorted."""
    offset = plan.site_offset
    live = _live_edges(plan, here)
    reached = offset[plan.edges.target_gid[live]] + plan.edges.site[live]
    recorded = [p.index[here[_owners(offset, p.index)]] for p in plan.probes if p.quantity == "i_synapse"]
    return np.unique(np.concatenate([reached, *recorded]))


def _owners(offset: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return the cells that flat segment or site numbers belong to."""
    return np.searchsorted(offset, flat, side="right") - 1


def _staircase(delay: np.ndarray, duration: np.ndarray, amplitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when the sum of several steps of current changes (ms, from 0 on), and what it is from then (nA).

    NEURON switches a played value at the step whose middle has reached its time: the rule of IClamp.
    """
    stop = delay + duration
    times = np.unique(np.concatenate([[0.0], delay, stop]))
    first, last = np.searchsorted(times, delay), np.searchsorted(times, stop)
    currents = np.zeros(len(times))
    for a, b, current in zip(first, last, amplitude, strict=True):
        currents[a:b] += current
    return times, currents


class _Cell:
    """Sections of one cell."""

    def __init__(self, h: Any, template: Template, position: np.ndarray, name: str) -> None:
        self.template = template
        s = template.sections
        self.sections = [h.Section(name=f"{name}_{section}") for section in s.names]
        for i in _connection_order(s.parent.tolist()):
            self.sections[i].connect(self.sections[s.parent[i]](float(s.parent_end[i])), 0)
        start, end = (s.start_um + position).tolist(), (s.end_um + position).tolist()
        for i, section in enumerate(self.sections):
            section.pt3dclear()
            points = s.points_of(i)
            if points is not None:
                for x, y, z, diam in points.tolist():  # not moved: NEURON only asks how far they are from each other
                    section.pt3dadd(x, y, z, diam)
            else:
                diam = float(s.diam_um[i])
                section.pt3dadd(*start[i], diam)
                section.pt3dadd(*end[i], diam)
                section.L = float(s.L_um[i])  # 3-D points are single precision; this keeps the length exact
            section.Ra = float(s.Ra_ohm_cm[i])
            section.cm = float(s.cm_uF_cm2[i])
            section.nseg = int(s.nseg[i])
        self._paint(h)
        self._v0 = s.v0_mV.tolist()
        self._segments: list[Any] | None = None

    def _paint(self, h: Any) -> None:
        nseg = self.template.sections.nseg
        reads: dict[int, set[str]] = {}
        writes: dict[int, set[str]] = {}
        for density in self.template.densities:
            row = 0
            mechanism = lookup(density.mechanism)
            for i in density.sections.tolist():
                section = self.sections[i]
                section.insert(density.mechanism)
                reads.setdefault(i, set()).update(mechanism.reads)
                writes.setdefault(i, set()).update(mechanism.writes)
                rows = slice(row, row + int(nseg[i]))
                row += int(nseg[i])
                for parameter, values in density.parameters.items():
                    self._set(section, f"{parameter}_{density.mechanism}", values[rows])
        for i, written in writes.items():
            if "cai" in written and "eca" not in reads[i]:
                # NEURON need not compute a reversal potential at every step that nothing reads: 3 % of a run
                h.ion_style("ca_ion", 3, 2, 1, 0, 1, sec=self.sections[i])

    @staticmethod
    def _set(section: Any, attribute: str, values: np.ndarray) -> None:
        if np.isnan(values[0]):
            return  # the mod file's default
        if (values == values[0]).all():
            setattr(section, attribute, float(values[0]))
            return
        for segment, value in zip(section, values.tolist(), strict=True):
            setattr(segment, attribute, value)

    def set_initial_voltage(self) -> None:
        for section, v0 in zip(self.sections, self._v0, strict=True):
            section.v = v0

    def segment(self, number: int) -> Any:
        if self._segments is None:
            self._segments = [segment for section in self.sections for segment in section]
        return self._segments[number]

    @property
    def spike_segment(self) -> Any:
        return self.segment(self.template.spike_segment)

    def synapse(self, h: Any, site: int) -> Any:
        sites = self.template.sites
        point = getattr(h, sites.mechanisms[site])(self.sections[sites.section[site]](float(sites.x[site])))
        for name, value in sites.parameters[site].items():
            setattr(point, name, value)
        return point


def _connection_order(parent: Sequence[int]) -> list[int]:
    """Return the sections so that each comes after its parent."""
    order: list[int] = []
    placed = {i for i, p in enumerate(parent) if p < 0}
    pending = [i for i, p in enumerate(parent) if p >= 0]
    while pending:
        ready = [i for i in pending if parent[i] in placed]
        order += ready
        placed |= set(ready)
        pending = [i for i in pending if i not in placed]
    return order
