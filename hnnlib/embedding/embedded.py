"""A detailed cell with its synapses and the events at them, as a plan that every engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.schema import digest
from hnnlib.compile.build import compile_plan
from hnnlib.compile.probe import dipole_weights
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.sites import Recording, recorded_rows
from hnnlib.embedding.sources.spikes import TrialEvents
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.plan.check import check_plan
from hnnlib.plan.tables import DriveCells, Edges, Events, Plan, Populations, Probe, Sites, Template
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import Electrodes, NetworkSpec, Population
from hnnlib.spec.run import RunSpec

__all__ = ["CELL", "MOMENT", "EmbeddedCell"]

CELL = "cell"
"""Name of the detailed cell's population in its network of one."""
MOMENT = "moment"
"""Name of the probe of the current dipole moment, of three rows: x, y, z (fAm)."""
LINEAR = ("ExpSyn", "Exp2Syn", "NMDA")
"""Receptors whose conductance is a sum over events: many synapses are as one."""
_PLACE = "place:"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class EmbeddedCell:
    """A detailed cell, its synapses, and what arrives at them; `hnnlib.simulate` takes it like a network.

    In its plan each synapse is a drive cell, whose events are its releases. Synapses of one segment with receptors of
    one kind act on one site where their conductances add up: those of ``ExpSyn``, ``Exp2Syn`` and ``NMDA`` do.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    embedding : Embedding
        Its synapses.
    events : sequence of TrialEvents
        What arrives in each trial.
    recordings : tuple of Recording
        What is recorded beside the dipole moment.
    settle_ms : float
        Time without events before t = 0 (ms), in which the cell comes to rest.
    pool : bool
        Whether synapses share sites; False: each has its own, as those that are not linear always have.
    clamps : mapping of str to CurrentClamp
        Currents; their times count from t = 0.
    electrodes : mapping of str to Electrodes
        Electrode arrays, in the cell's coordinates.
    threshold : float
        Of spikes at the soma (mV).

    Raises
    ------
    InvalidValue
        If the embedding belongs to another cell.
    """

    cell: DetailedCell
    embedding: Embedding
    events: Sequence[TrialEvents]
    recordings: tuple[Recording, ...] = ()
    settle_ms: float = 0.0
    pool: bool = True
    clamps: Mapping[str, CurrentClamp] = immutabledict()
    electrodes: Mapping[str, Electrodes] = immutabledict()
    threshold: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.embedding.segments.digest != self.cell.segments.digest:
            raise InvalidValue(
                "embedding",
                repr(self.embedding),
                "belongs to another morphology, or to one that is cut into other segments "
                f"({self.embedding.segments!r}; the cell has {self.cell.segments!r})",
            )
        if CELL in self.embedding.populations:
            raise InvalidValue("embedding.populations", CELL, "is the name of the detailed cell; choose another")

    @cached_property
    def spec(self) -> NetworkSpec:
        """The network of one cell, without its synapses."""
        return NetworkSpec(
            populations={
                CELL: Population(
                    cell=self.cell.spec, place=AtPoints(points=((0.0, 0.0, 0.0),)), layer="5", measure_dipole=True
                )
            },
            current_clamps=self.clamps,
            electrodes=self.electrodes,
            threshold=self.threshold,
            celsius=self.cell.biophysics.celsius,
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """What tells this cell and its input apart."""
        return {"embedding": {"cell": digest(self.cell.spec), "synapses": self.embedding.digest}}

    def compile(self, run: RunSpec) -> Plan:
        """Return the plan of a run.

        Parameters
        ----------
        run : RunSpec
            As many trials as there are events for. ``tstop`` counts from the begin of the settling time.

        Raises
        ------
        InvalidValue
            If there are more or fewer trials.
        """
        if run.n_trials != len(self.events):
            raise InvalidValue("n_trials", run.n_trials, f"must be {len(self.events)}, the trials with events")
        plan = compile_plan(self.spec, run)
        template, site, contact, weight = self._sites(plan.templates[0])
        biases = attrs.evolve(plan.biases, delay_ms=plan.biases.delay_ms + self.settle_ms)
        population = self.embedding.population[contact]
        plan = attrs.evolve(
            plan,
            populations=self._populations(plan.populations),
            templates=(template,),
            edges=Edges(
                source_gid=(1 + contact).astype(np.int32),
                target_gid=np.zeros(len(contact), np.int32),
                site=site,
                weight=weight,
                delay_ms=np.zeros(len(contact)),  # events stand where they arrive
                connection=population.astype(np.int16),
                connection_labels=self.embedding.populations,
            ),
            drive_cells=DriveCells(first_gid=1, live=np.ones(len(self.embedding), bool)),
            events=tuple(self._events(events) for events in self.events),
            biases=biases,
            probes=(*plan.probes, *self._probes(template)),
        )
        check_plan(plan)
        return plan

    def _sites(self, template: Template) -> tuple[Template, np.ndarray, np.ndarray, np.ndarray]:
        """Return the template with its sites; and of each contact site, synapse and weight (µS)."""
        kinds = list(self.embedding.kinds.values())
        parts: list[tuple[int, str, float]] = []  # kinetics, receptor and ratio, kind by kind
        kinetics: list[Any] = []
        first = [0]
        for kind in kinds:
            for name, synapse in kind.receptors.items():
                if (name, synapse) not in kinetics:
                    kinetics.append((name, synapse))
                parts.append((kinetics.index((name, synapse)), name, kind.ratio.get(name, 1.0)))
            first.append(len(parts))
        n_parts = np.diff(first)[self.embedding.kind] if len(self.embedding) else np.zeros(0, np.int64)
        contact = np.repeat(np.arange(len(self.embedding)), n_parts)
        within = np.arange(len(contact)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
        part = np.array(first, np.int64)[self.embedding.kind[contact]] + within
        which = np.array([p[0] for p in parts], np.int64)[part] if parts else np.zeros(0, np.int64)
        weight = self.embedding.weight_uS[contact] * (np.array([p[2] for p in parts])[part] if parts else 1.0)
        segment = self.embedding.segment[contact]
        linear = np.array([synapse.mechanism in LINEAR for _, synapse in kinetics], bool)[which]
        alone = np.arange(1, len(contact) + 1) if not self.pool else np.where(linear, 0, np.arange(1, len(contact) + 1))
        place = np.column_stack([segment, which, alone])
        _, first_there, site = np.unique(place, axis=0, return_index=True, return_inverse=True)
        site = site.ravel()  # numpy 2.0 gave it a second axis
        at, of = segment[first_there], which[first_there]
        sites = Sites(
            section=template.segments.section[at].astype(np.int32),
            segment=at.astype(np.int32),
            x=template.segments.x[at],
            receptors=tuple(kinetics[k][0] for k in of.tolist()),
            mechanisms=tuple(kinetics[k][1].mechanism for k in of.tolist()),
            parameters=tuple(dict(kinetics[k][1].parameters) for k in of.tolist()),
        )
        return attrs.evolve(template, sites=sites), site.astype(np.int32), contact, weight

    def _populations(self, own: Populations) -> Populations:
        """Add the presynaptic populations, whose gids are synapses."""
        rows = self.embedding.rows
        return Populations(
            names=(*own.names, *rows),
            gid_start=np.array([0, *(1 + r.start for r in rows.values())], np.int32),
            gid_stop=np.array([1, *(1 + r.stop for r in rows.values())], np.int32),
            is_drive=np.array([False] + [True] * len(rows)),
            layers=(*own.layers, *[None] * len(rows)),
            measure_dipole=np.array([True] + [False] * len(rows)),
        )

    def _events(self, events: TrialEvents) -> Events:
        offset = np.searchsorted(events.synapse, np.arange(len(self.embedding) + 1)).astype(np.int64)
        return Events(time_ms=events.time_ms + self.settle_ms, offset=offset, factor=events.factor)

    def _probes(self, template: Template) -> list[Probe]:
        n = template.n_segments
        rows = np.concatenate([dipole_weights(template, axis) for axis in np.eye(3)])
        moment = Probe(
            name=MOMENT,
            quantity="v",
            unit="fAm",
            every=1,
            indptr=n * np.arange(4),
            index=np.tile(np.arange(n, dtype=np.int32), 3),
            weight=rows,
            zero_first=False,
            labels={"axis": ("x", "y", "z")},
        )
        return [moment, *(self._recording(r, template) for r in self.recordings)]

    def _recording(self, recording: Recording, template: Template) -> Probe:
        index, labels = recorded_rows(recording, self.cell, template)
        if not len(index):
            raise UnknownName(f"record[{recording.quantity!r}]", recording.where, "place with it", ())
        return Probe(
            name=f"{_PLACE}{recording.quantity}",
            quantity=recording.quantity,
            unit=recording.unit,
            every=recording.every,
            indptr=np.arange(len(index) + 1),
            index=index.astype(np.int32),
            weight=np.ones(len(index)),
            zero_first=False,
            labels=labels,
        )

    def __repr__(self) -> str:
        return f"<EmbeddedCell | {self.cell!r}, {self.embedding!r}, {len(self.events)} trials>"
