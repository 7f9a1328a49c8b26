"""The plan: everything an engine needs, as flat columns by index. Column names carry their units.

Indices: a *gid* numbers cells first (gid = row of `Cells`), then drive cells. A *segment* or *site* is numbered within
its template; the flat index of segment s of cell g is ``plan.segment_offset[g] + s``, likewise for sites.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.plan.estimate import PopulationKernels

__all__ = [
    "Biases",
    "Cells",
    "Density",
    "DriveCells",
    "Edges",
    "Estimate",
    "Events",
    "Plan",
    "PointModel",
    "Populations",
    "Probe",
    "Run",
    "Sections",
    "Segments",
    "Sites",
    "Synapse",
    "Template",
    "digest_of",
]


@attrs.frozen(kw_only=True, eq=False)
class Run:
    """Clock, temperature and seed."""

    tstop_ms: float
    dt_ms: float
    n_trials: int
    celsius: float
    seed: int = 0  # of what an engine itself draws

    @property
    def n_steps(self) -> int:
        """Number of time steps; a trial has one sample more (t = 0)."""
        return round(self.tstop_ms / self.dt_ms)


@attrs.frozen(kw_only=True, eq=False)
class Populations:
    """Populations of cells, then drives, in gid order. One entry per population."""

    names: tuple[str, ...]
    gid_start: np.ndarray  # int32 (n,)
    gid_stop: np.ndarray  # int32 (n,)
    is_drive: np.ndarray  # bool (n,)
    layers: tuple[str | None, ...]
    measure_dipole: np.ndarray  # bool (n,)

    @property
    def gid_ranges(self) -> dict[str, range]:
        """Name -> range of gids."""
        return {n: range(int(a), int(b)) for n, a, b in zip(self.names, self.gid_start, self.gid_stop, strict=True)}


@attrs.frozen(kw_only=True, eq=False)
class Sections:
    """Sections of a template; the 0 end of each sits on its parent."""

    names: tuple[str, ...]
    parent: np.ndarray  # int32 (n,), -1 for the root
    parent_end: np.ndarray  # int8 (n,)
    L_um: np.ndarray
    diam_um: np.ndarray  # single-precision values, as NEURON keeps 3-D diameters
    Ra_ohm_cm: np.ndarray
    cm_uF_cm2: np.ndarray
    v0_mV: np.ndarray
    nseg: np.ndarray  # int32 (n,)
    first_segment: np.ndarray  # int32 (n,)
    start_um: np.ndarray  # (n, 3), cell at the origin
    end_um: np.ndarray  # (n, 3)
    points_um: tuple[np.ndarray | None, ...] = ()  # (k, 4) x, y, z, diameter of a section, None: straight; (): all are

    def points_of(self, section: int) -> np.ndarray | None:
        """Return the 3-D points of a section; None if it is straight."""
        return self.points_um[section] if self.points_um else None

    def middle_segment(self, section: int) -> int:
        """Return the segment that holds the middle of a section."""
        return int(self.first_segment[section] + self.nseg[section] // 2)


@attrs.frozen(kw_only=True, eq=False)
class Segments:
    """Segments of a template, section by section, from the 0 end to the 1 end."""

    section: np.ndarray  # int32 (n,)
    x: np.ndarray  # centre, 0..1 along the section
    distance_um: np.ndarray  # path distance of the centre from the root's 0 end
    start_um: np.ndarray  # (n, 3), border towards the 0 end of the section, cell at the origin
    centre_um: np.ndarray  # (n, 3)
    end_um: np.ndarray  # (n, 3), border towards the 1 end
    area_um2: np.ndarray  # membrane
    diam_um: np.ndarray  # mean
    near_MOhm: np.ndarray  # axial resistance from the border towards the 0 end to the centre
    far_MOhm: np.ndarray  # from the centre to the border towards the 1 end


@attrs.frozen(kw_only=True, eq=False)
class Density:
    """One density mechanism of a template: where it is and its parameters there."""

    mechanism: str
    sections: np.ndarray  # int32, sections that have it
    segments: np.ndarray  # int32, the segments of those sections
    parameters: Mapping[str, np.ndarray]  # name -> value at each of `segments`; absent: the mod file's default


@attrs.frozen(kw_only=True, eq=False)
class Sites:
    """Places of a template where events can act: one synapse each."""

    section: np.ndarray  # int32 (n,)
    segment: np.ndarray  # int32 (n,)
    x: np.ndarray  # 0..1 along the section
    receptors: tuple[str, ...]
    mechanisms: tuple[str, ...]
    parameters: tuple[Mapping[str, float], ...]


@attrs.frozen(kw_only=True, eq=False)
class PointModel:
    """A cell without extent, as NEST has it: the model's name, and parameters in the model's own names and units."""

    name: str  # e.g. aeif_cond_beta_multisynapse
    parameters: Mapping[str, Any]  # name -> number, or a list where the model takes one
    of_cells: Mapping[str, np.ndarray] = immutabledict()  # name -> value at each cell of the template, in gid order


@attrs.frozen(kw_only=True, eq=False)
class Synapse:
    """How the contacts of one connection work where cells are points: NEST's model of a synapse and its parameters."""

    model: str = "static_synapse"
    parameters: Mapping[str, float] = immutabledict()
    of_edges: Mapping[str, np.ndarray] = immutabledict()  # name -> value at each contact of the connection, in order


@attrs.frozen(kw_only=True, eq=False)
class Template:
    """A cell type: tree, membrane, sites. Cells of a template differ only in position.

    A point cell has one section of one segment, whose membrane is its ``point`` model; its sites are the model's ports.
    """

    name: str
    sections: Sections
    segments: Segments
    densities: tuple[Density, ...]
    sites: Sites
    spike_segment: int
    point: PointModel | None = None

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.segments.section)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.sites.section)


@attrs.frozen(kw_only=True, eq=False)
class Cells:
    """One row per cell; the row is the gid."""

    template: np.ndarray  # int32 (n,)
    population: np.ndarray  # int32 (n,)
    position_um: np.ndarray  # (n, 3)
    threshold_mV: np.ndarray  # (n,)


@attrs.frozen(kw_only=True, eq=False)
class Edges:
    """One row per synaptic contact: an event of ``source_gid`` acts on ``site`` of ``target_gid`` after the delay."""

    source_gid: np.ndarray  # int32
    target_gid: np.ndarray  # int32
    site: np.ndarray  # int16, within the target's template
    weight: np.ndarray  # float64, µS; onto a point cell, in the unit of its model's port (nS, pA, mV)
    delay_ms: np.ndarray  # float64, inf where the distance rule overflows
    connection: np.ndarray  # int16, row of `connection_labels`
    connection_labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source_gid)

    @property
    def nbytes(self) -> int:
        """Size of the columns in bytes."""
        columns = (self.source_gid, self.target_gid, self.site, self.weight, self.delay_ms, self.connection)
        return sum(c.nbytes for c in columns)

    def take(self, rows: np.ndarray) -> Edges:
        """Return the edges of some rows (a mask or indices)."""
        names = ("source_gid", "target_gid", "site", "weight", "delay_ms", "connection")
        return attrs.evolve(self, **{name: getattr(self, name)[rows] for name in names})


@attrs.frozen(kw_only=True, eq=False)
class DriveCells:
    """Drive cells, in gid order after the cells."""

    first_gid: int
    live: np.ndarray  # bool (n,): False where pruning left a cell-specific drive cell without target

    def __len__(self) -> int:
        return len(self.live)


@attrs.frozen(kw_only=True, eq=False)
class Events:
    """Event times of all drive cells in one trial: cell k has ``time_ms[offset[k]:offset[k + 1]]``."""

    time_ms: np.ndarray
    offset: np.ndarray  # int64 (n_drive_cells + 1,)
    factor: np.ndarray | None = None  # (n_events,), on the weight of the contact; None: 1

    def of(self, k: int) -> np.ndarray:
        """Return the event times of drive cell ``k`` (ms)."""
        return self.time_ms[self.offset[k] : self.offset[k + 1]]


@attrs.frozen(kw_only=True, eq=False)
class Biases:
    """Constant currents, one row for each cell and step of current; what flows into one section at a time adds up."""

    gid: np.ndarray  # int32
    section: np.ndarray  # int32, within the template
    amplitude_nA: np.ndarray
    delay_ms: np.ndarray
    duration_ms: np.ndarray


@attrs.frozen(kw_only=True, eq=False)
class Probe:
    """A linear measurement: rows of a sparse matrix times node quantities, taken every ``every`` steps.

    ``quantity`` is ``v`` (mV), ``i_membrane`` (nA) or ``cai`` (mM) of segments, or ``i_synapse`` (nA) of sites;
    ``index`` holds flat segment or site numbers. Row r is ``sum(weight[k] * q[index[k]])`` over
    ``k in indptr[r]:indptr[r + 1]``.
    """

    name: str
    quantity: str
    unit: str
    every: int
    indptr: np.ndarray  # int64 (n_rows + 1,)
    index: np.ndarray  # int32
    weight: np.ndarray  # float64
    zero_first: bool  # whether the sample at t = 0 is 0 by definition
    labels: Mapping[str, tuple[Any, ...]]  # column name -> one entry per row, e.g. gid, section, receptor

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1


@attrs.frozen(kw_only=True, eq=False)
class Estimate:
    """What point cells can't have, to be worked out from their spikes: the samples of some probes."""

    method: str  # 'kernel' or 'replay'
    probes: tuple[Probe, ...]  # what is worked out; of kernels, a row for each population and no weights
    kernels: tuple[PopulationKernels, ...] = ()  # one per row of the probe
    twin: Plan | None = None  # detailed cells without contacts among them; its drive cell k fires when gid k does
    scores: Mapping[str, Any] = immutabledict()  # how close it comes, as measured when the kernels were fitted
    warnings: tuple[str, ...] = ()  # where it is used for what it was not fitted to


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """Everything an engine needs, and nothing else."""

    run: Run
    populations: Populations
    templates: tuple[Template, ...]
    cells: Cells
    edges: Edges
    drive_cells: DriveCells
    events: tuple[Events, ...]  # one per trial
    biases: Biases
    probes: tuple[Probe, ...]
    synapses: tuple[Synapse, ...] = ()  # one per connection label; none: all static
    estimate: Estimate | None = None  # of point cells: their dipoles

    @property
    def measured(self) -> tuple[Probe, ...]:
        """All probes of the records: what an engine measures, then what is estimated."""
        return self.probes if self.estimate is None else (*self.probes, *self.estimate.probes)

    @property
    def n_cells(self) -> int:
        """Number of cells, drive cells not counted."""
        return len(self.cells.template)

    @property
    def n_gids(self) -> int:
        """Number of gids, drive cells included."""
        return self.n_cells + len(self.drive_cells)

    @property
    def segment_offset(self) -> np.ndarray:
        """Flat number of the first segment of each cell, and the total at the end."""
        return self._offset([t.n_segments for t in self.templates])

    @property
    def site_offset(self) -> np.ndarray:
        """Flat number of the first site of each cell, and the total at the end."""
        return self._offset([t.n_sites for t in self.templates])

    def undriven(self) -> Plan:
        """Return one trial of the same network in which no drive cell fires and no bias flows."""
        silent = Events(time_ms=np.zeros(0), offset=np.zeros(len(self.drive_cells) + 1, np.int64))
        gids, none = np.zeros(0, np.int32), np.zeros(0)
        biases = Biases(gid=gids, section=gids, amplitude_nA=none, delay_ms=none, duration_ms=none)
        return attrs.evolve(self, run=attrs.evolve(self.run, n_trials=1), events=(silent,), biases=biases)

    def _offset(self, sizes: list[int]) -> np.ndarray:
        per_cell = np.array(sizes, np.int64)[self.cells.template] if sizes else np.zeros(0, np.int64)
        return np.concatenate([[0], np.cumsum(per_cell)])

    def live_edges(self) -> np.ndarray:
        """Return which edges can act within the run: weight not 0 and delay within the duration.

        Leaving the others out changes no number: an event of weight 0 adds 0, and one that is sent at or after t = 0
        with a longer delay is never delivered.
        """
        horizon = self.run.tstop_ms + self.run.dt_ms
        return (self.edges.weight != 0.0) & (self.edges.delay_ms <= horizon)


def digest_of(*values: Any) -> str:
    """Return a short hash of plan tables, arrays and plain values."""
    h = hashlib.blake2b(digest_size=16)
    for value in values:
        _feed(h, value)
    return h.hexdigest()


def _feed(h: Any, value: Any) -> None:
    if value is None or isinstance(value, str | float | int):  # most of what there is, and dear to ask the rest of
        h.update(repr(value).encode() + b"\0")  # ended, or (1, 12) would be hashed as (11, 2)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            h.update(field.name.encode())
            _feed(h, getattr(value, field.name))
    elif isinstance(value, np.ndarray):
        h.update(f"{value.dtype}{value.shape}".encode())
        h.update(np.ascontiguousarray(value).data)
    elif isinstance(value, Mapping):
        h.update(f"{{{len(value)}".encode())
        for key, item in value.items():
            _feed(h, key)
            _feed(h, item)
    elif isinstance(value, tuple | list):
        h.update(f"[{len(value)}".encode())
        for item in value:
            _feed(h, item)
    else:
        h.update(repr(value).encode() + b"\0")
