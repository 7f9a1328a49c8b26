"""A study: the trials of a detailed cell as tables and recordings, in memory or in a folder, read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain
from hnnlib.embedding.membrane.biophysics import Biophysics
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.study import views
from hnnlib.embedding.study.columns import TABLES, Labels, Rows
from hnnlib.embedding.study.parts import Places
from hnnlib.embedding.study.tables import Recording, Table, chosen_trials
from hnnlib.embedding.study.trial import DIPOLE, CellTrial, StudyInputs
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.spec.clamps import CurrentClamp

__all__ = ["CellTrial", "Modify", "Recording", "Study", "StudyInputs", "Table"]

Modify = Callable[[Embedding], Embedding]
"""What may be done to the synapses before a trial is run again."""


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class Study:
    """The trials of a detailed cell, as `simulate_cell` and `read_study` return them.

    Parameters
    ----------
    name : str
        What it is called.
    planned : tuple of int
        Numbers of the trials that it is to have.
    labels : mapping of str to sequence of str
        Labels of the categories in its tables.
    places : mapping of int to Part
        Where each finished trial is, trials rising.
    load : callable
        Returns what the trials follow from.
    static : callable
        Returns the rows of a table that is the same in all trials.
    provenance : mapping
        How it came about: versions, machine, time.
    folder : Path, optional
        The folder that it is in; None: it is in memory.
    """

    name: str
    planned: tuple[int, ...]
    labels: Labels
    places: Places
    load: Callable[[], StudyInputs]
    static: Callable[[str], Rows]
    provenance: Mapping[str, Any] = immutabledict()
    folder: Path | None = None

    # ---------------------------------------------------------------------------------------------- what there is

    @property
    def trial_numbers(self) -> tuple[int, ...]:
        """Numbers of the trials that are there, rising."""
        return tuple(self.places)

    @property
    def n_trials(self) -> int:
        """How many trials it is to have."""
        return len(self.planned)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the trials that are still to be run: the study was stopped, or goes on."""
        return tuple(k for k in self.planned if k not in self.places)

    @cached_property
    def inputs(self) -> StudyInputs:
        """What all trials follow from: cell, synapses, sources, run."""
        return self.load()

    @property
    def embedding(self) -> Embedding:
        """The synapses."""
        return self.inputs.embedding

    @cached_property
    def cell(self) -> DetailedCell:
        """The cell, made of what the study keeps of it."""
        told = self.inputs.cell
        return DetailedCell(
            self.inputs.morphology,
            from_plain(Biophysics, told["biophysics"], "biophysics"),
            max_segment_um=told["max_segment_um"],
            d_lambda=told["d_lambda"],
        )

    def table(self, name: str) -> Table:
        """Return a table.

        Parameters
        ----------
        name : str
            Its name, e.g. ``synapse_events``.

        Raises
        ------
        UnknownName
            If there is no such table.
        """
        if name not in TABLES:
            raise UnknownName("table", name, "table of a study", TABLES)
        return Table(name=name, labels=self.labels, places=self.places, static=self.static)

    @property
    def trials(self) -> Table:
        """A row for each trial: seed, numbers of spikes, time taken."""
        return self.table("trials")

    @property
    def synapses(self) -> Table:
        """A row for each synapse: whose it is, where, how strong."""
        return self.table("synapses")

    @property
    def segments(self) -> Table:
        """A row for each segment of the cell."""
        return self.table("segments")

    @property
    def synapse_events(self) -> Table:
        """A row for each release, by trial, synapse and time."""
        return self.table("synapse_events")

    @property
    def source_spikes(self) -> Table:
        """A row for each presynaptic spike, by trial, population and time."""
        return self.table("source_spikes")

    @property
    def soma_spikes(self) -> Table:
        """A row for each spike of the cell."""
        return self.table("soma_spikes")

    @property
    def site_spikes(self) -> Table:
        """A row for each spike at another place that was watched."""
        return self.table("site_spikes")

    @cached_property
    def recordings(self) -> Mapping[str, Recording]:
        """What was recorded, by name; the dipole (nAm) is one of them, with x, y and z as rows."""
        if not self.places:
            return immutabledict()
        times, known = next(iter(self.places.values())).told()
        return immutabledict(
            {
                name: Recording(
                    name=name,
                    unit=one["unit"],
                    labels=immutabledict({column: tuple(rows) for column, rows in one["labels"].items()}),
                    times=times,
                    shape=(len(self.places), *one["shape"]),
                    dtype=one["dtype"],
                    places=self.places,
                )
                for name, one in known.items()
            }
        )

    # ---------------------------------------------------------------------------------------------- trials as values

    def spikes(self, trial: int) -> dict[str, SourceSpikes]:
        """Return the spikes of every presynaptic population in one trial.

        Parameters
        ----------
        trial : int
            Its number.
        """
        rows = self.source_spikes.rows(trial, ("population", "source", "time_ms"))
        found = {}
        for code, name in enumerate(self.labels["population"]):
            mine = rows["population"] == code
            found[name] = SourceSpikes(source=rows["source"][mine], time_ms=rows["time_ms"][mine])
        return found

    def events(self, trial: int) -> TrialEvents:
        """Return every release in one trial.

        Parameters
        ----------
        trial : int
            Its number.
        """
        rows = self.synapse_events.rows(trial, ("synapse", "time_ms", "factor"))
        factor = None if (rows["factor"] == 1).all() else rows["factor"]
        return TrialEvents(synapse=rows["synapse"], time_ms=rows["time_ms"], factor=factor)

    def trial(self, trial: int) -> CellTrial:
        """Return all of one trial.

        Parameters
        ----------
        trial : int
            Its number.

        Returns
        -------
        trial : CellTrial
            As it was given.

        Raises
        ------
        InvalidValue
            If there is no such trial.
        FileFormatError
            If the file that it is in is damaged.
        """
        about = self.trials.rows(trial, ("wall_s", "host"))
        sites = self.site_spikes.rows(trial, ("site", "time_ms"))
        recordings = {name: recording.numpy(trial) for name, recording in self.recordings.items()}
        dipole = recordings.pop(DIPOLE, None)
        known = [recording for name, recording in self.recordings.items() if name != DIPOLE]
        first = next(iter(self.recordings.values()), None)
        return CellTrial(
            trial=int(trial),
            spikes=self.spikes(trial),
            events=self.events(trial),
            soma_spikes=self.soma_spikes.rows(trial, ("time_ms",))["time_ms"],
            site_spikes={s: sites["time_ms"][sites["site"] == code] for code, s in enumerate(self.labels["site"])},
            recordings=recordings,
            labels={recording.name: recording.labels for recording in known},
            units={recording.name: recording.unit for recording in known},
            dipole=None if dipole is None else dipole.T,
            times=np.zeros(0) if first is None else first.times,
            wall_s=float(about["wall_s"][0]),
            host=self.labels["host"][about["host"][0]],
        )

    @property
    def dipoles(self) -> tuple[Dipole, ...]:
        """The cell's dipole along z in each trial; empty if it was not recorded."""
        if DIPOLE not in self.recordings:
            return ()
        recording = self.recordings[DIPOLE]
        z = recording.numpy(rows=recording.where(axis="z"))[:, 0]
        return tuple(Dipole(recording.times, {"agg": one}) for one in z)

    @property
    def dipole(self) -> Dipole:
        """The mean of `dipoles`."""
        return average_dipoles(self.dipoles)

    def replay(
        self,
        trial: int,
        *,
        record: Mapping[str, str | Sequence[str]] | None = None,
        record_every: int | None = None,
        modify: Modify | Sequence[Modify] | None = None,
        clamps: Mapping[str, CurrentClamp] | None = None,
        engine: str | Engine | None = None,
    ) -> Study:
        """Run a trial again, from its table of events: nothing is drawn.

        Parameters
        ----------
        trial : int
            Which trial.
        record : dict, optional
            As in `simulate_cell`; left out: as in the study.
        record_every : int, optional
            As in `simulate_cell`; left out: as in the study.
        modify : callable or sequence of callable, optional
            What to do to the synapses: ``lambda e: e.silence(domain="apical_tuft")``. Rows must stay.
        clamps : dict of str to CurrentClamp, optional
            Currents in place of the study's.
        engine : str or Engine, optional
            What computes; left out: the study's engine.

        Returns
        -------
        study : Study
            In memory, with this trial only. Without changes its voltages are those of the study, bit by bit on the same
            machine.

        Raises
        ------
        InvalidValue
            If there is no such trial, or ``modify`` gives something else than a table of as many synapses.
        """
        from hnnlib.embedding.run import run_again

        told = self.inputs
        given = {"record": record, "record_every": record_every, "clamps": clamps}
        inputs = attrs.evolve(
            told,
            embedding=_modified(told.embedding, modify),
            run={**told.run, **{name: value for name, value in given.items() if value is not None}},
            name=f"{told.name}, trial {trial} again",
        )
        return run_again(self, trial, inputs, engine)

    # ---------------------------------------------------------------------------------------------- ISF's tables

    def synapse_activation(self, wide: bool = True, trial: int | Sequence[int] | None = None) -> Any:
        """Return releases as the In Silico Framework has them: a row for each synapse that released in a trial.

        Parameters
        ----------
        wide : bool
            Whether times stand in columns 0, 1, …, NaN where a synapse released less often; else each has a row.
        trial : int or sequence of int, optional
            Which; left out: all.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by ``trial``; ``synapse_type`` (population), ``synapse_ID`` (from 0 within it), ``soma_distance``
            (µm), ``section_ID``, ``section_pt_ID`` (segment, from 0 within its section), ``dendrite_label`` (domain),
            and the times (ms), or one column ``time``.

        Raises
        ------
        MissingPackage
            If pandas is not installed.
        """
        return views.synapse_activation(
            self.synapse_events.rows(trial), self.static("synapses"), self.static("segments"), self.labels, wide
        )

    def cell_activation(self, wide: bool = True, trial: int | Sequence[int] | None = None) -> Any:
        """Return presynaptic spikes as the In Silico Framework has them: a row for each cell that fired in a trial.

        Parameters
        ----------
        wide : bool
            As in `synapse_activation`.
        trial : int or sequence of int, optional
            Which; left out: all.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by ``trial``; ``presynaptic_cell_type`` (population), ``cell_ID`` (from 0 within it), and the times
            (ms), or one column ``time``.

        Raises
        ------
        MissingPackage
            If pandas is not installed.
        """
        return views.cell_activation(self.source_spikes.rows(trial), self.labels, wide)

    def voltage_traces(
        self, site: str = "soma", trial: int | Sequence[int] | None = None, name: str = "v", column: str = "site"
    ) -> Any:
        """Return a recording at one place as the In Silico Framework has it: rows are trials, columns are times.

        Parameters
        ----------
        site : str
            Label of the place.
        trial : int or sequence of int, optional
            Which; left out: all.
        name : str
            Name of the recording.
        column : str
            Column of its labels that ``site`` is in.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by ``trial``; columns are times (ms).

        Raises
        ------
        UnknownName
            If there is no such recording or place.
        MissingPackage
            If pandas is not installed.
        """
        pd = views.need_pandas()
        if name not in self.recordings:
            raise UnknownName("name", name, "recording of the study", self.recordings)
        recording = self.recordings[name]
        chosen = chosen_trials(trial, self.places)
        samples = recording.numpy(chosen, recording.where(**{column: site})[:1])[:, 0]
        return pd.DataFrame(samples, index=pd.Index(chosen, name="trial"), columns=recording.times)

    def spike_times(self, site: str | None = None, trial: int | Sequence[int] | None = None) -> Any:
        """Return spikes as the In Silico Framework has them: a row for each trial, NaN where it has fewer than others.

        Parameters
        ----------
        site : str, optional
            Another place that was watched; left out: the soma.
        trial : int or sequence of int, optional
            Which; left out: all.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by ``trial``; columns 0, 1, … with times (ms).

        Raises
        ------
        UnknownName
            If that place was not watched.
        MissingPackage
            If pandas is not installed.
        """
        chosen = sorted(set(chosen_trials(trial, self.places)))
        if site is None:
            return views.spike_times(self.soma_spikes.rows(chosen), chosen)
        if site not in self.labels["site"]:
            raise UnknownName("site", site, "place that was watched", self.labels["site"])
        rows = self.site_spikes.rows(chosen)
        here = rows["site"] == list(self.labels["site"]).index(site)
        return views.spike_times({name: column[here] for name, column in rows.items()}, chosen)

    def __repr__(self) -> str:
        n = "" if not self.missing else f" of {self.n_trials}"
        where = "in memory" if self.folder is None else str(self.folder)
        return f"<Study {self.name} | {len(self.places)}{n} trials, {where}>"


def _modified(embedding: Embedding, modify: Modify | Sequence[Modify] | None) -> Embedding:
    for step in () if modify is None else (modify,) if callable(modify) else modify:
        changed = step(embedding)
        if not isinstance(changed, Embedding):
            raise InvalidType("modify", changed, "must return an Embedding")
        if len(changed) != len(embedding):
            raise InvalidValue("modify", len(changed), f"must keep the {len(embedding)} synapses; silence() keeps them")
        embedding = changed
    return embedding
