"""Trials of a detailed cell, run and kept; and any of them run again, exactly."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

import attrs
import numpy as np

from hnnlib.backends.protocol import Engine, Launcher
from hnnlib.backends.registry import engine_with
from hnnlib.base.errors import InvalidValue
from hnnlib.base.log import logger
from hnnlib.base.progress import progress_bar
from hnnlib.base.resources import mod_digests
from hnnlib.base.schema import from_plain, number
from hnnlib.embedding.embedded import CELL, MOMENT, EmbeddedCell
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.sites import recordings_of
from hnnlib.embedding.sources.draw import draw_sources, source_to_plain
from hnnlib.embedding.sources.recipes import Source
from hnnlib.embedding.sources.release import draw_events
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.study.store import StudyWriter
from hnnlib.embedding.study.study import Study
from hnnlib.embedding.study.trial import CellTrial, StudyInputs, plain_data
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.results.records import Records, TrialRecord
from hnnlib.simulation import by_leader, chosen_engine, chosen_launcher, stream_trials
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.network import Electrodes

__all__ = ["run_again", "simulate_cell"]

_BLOCK = 64
"""Trials whose events are in memory at a time."""

_Shape = Callable[[Embedding, Sequence[TrialEvents]], EmbeddedCell]


def simulate_cell(
    cell: DetailedCell,
    embedding: Embedding,
    sources: Source | Mapping[str, Source],
    *,
    tstop: float,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    record: Mapping[str, str | Sequence[str]] | None = None,
    record_every: int = 1,
    site_threshold: float = -30.0,
    settle: float = 0.0,
    clamps: Mapping[str, CurrentClamp] | None = None,
    electrodes: Mapping[str, Electrodes] | None = None,
    threshold: float = 0.0,
    pool: bool = True,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    out: Any = None,
    overwrite: bool = False,
    resume: bool = False,
    tables: str = "hdf5",
    name: str = "study",
    progress: bool = False,
) -> Study:
    """Simulate a detailed cell under presynaptic spikes, trial by trial.

    What the presynaptic cells fire and which synapses release is drawn before a trial runs, so that the tables of a
    study are complete, and hang on seed, population and trial alone.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    embedding : Embedding
        Its synapses.
    sources : dict of str to Source, or Source
        What each presynaptic population fires; one that is not named is silent. One source alone: all of them, each
        for itself.
    tstop, dt : float
        Duration of a trial and time step (ms).
    n_trials, seed : int
        Number of trials, and the seed of all streams.
    record : dict of str to str or list of str, optional
        Quantity (``v``, ``i_membrane``, ``cai``, ``i_synapse``) -> places: ``'all'``, ``'soma'``, ``'apical_12(0.8)'``,
        ``'apical_tuft@600'`` (the segment of that domain nearest to so many µm from the soma). Left out: the soma's
        voltage. Spikes at recorded places of voltage are found, too. The dipole is always kept.
    record_every : int
        Keep every so many time steps.
    site_threshold : float
        Threshold of spikes at recorded places other than the soma (mV).
    settle : float
        Time before t = 0 in which the cell comes to rest without any event (ms); it is cut off.
    clamps : dict of str to CurrentClamp, optional
        Currents into sections of the cell, whose population is called ``cell``.
    electrodes : dict of str to Electrodes, optional
        Electrode arrays in the cell's coordinates; they are recorded under their names.
    threshold : float
        Threshold of the cell's own spikes (mV).
    pool : bool
        Whether synapses on one segment with the same kinetics share a point process, which is exact as they are
        linear in the events (those of a mechanism that may not be have one each anyway); False: one for each.
    engine, launcher : optional
        As in `hnnlib.simulate`.
    out : path, optional
        Folder to keep the study in; left out: it stays in memory.
    overwrite, resume : bool
        Whether ``out`` may be replaced, or its trials kept and only missing ones run.
    tables : str
        Format of the tables in ``out``: ``'hdf5'`` or ``'parquet'``.
    name : str
        What the study is called.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    study : Study
        Tables of trials, synapses, events and spikes, recordings, dipoles.

    Raises
    ------
    InvalidValue
        If an argument is not allowed, or the embedding belongs to another cell; before anything runs.
    UnsupportedPlan, TrialFailed, OutputError
        As in `hnnlib.simulate`.
    """
    launcher = chosen_launcher(launcher)
    _check_times(tstop, dt, settle, n_trials)
    run = {
        "seed": seed, "tstop": float(tstop), "dt": float(dt), "settle": float(settle), "pool": pool,
        "record": {"v": "soma"} if record is None else record, "record_every": record_every,
        "threshold": float(threshold), "site_threshold": float(site_threshold),
        "clamps": dict(clamps or {}), "electrodes": dict(electrodes or {}),
    }  # fmt: skip
    shape = _shape(cell, plain_data(run, "run"))
    engine = chosen_engine(shape(embedding, [_no_events()]), tstop=tstop + settle, dt=dt, engine=engine)
    inputs = StudyInputs(
        embedding=embedding,
        morphology=cell.morphology,
        cell={"biophysics": cell.biophysics, "max_segment_um": cell.max_segment_um, "d_lambda": cell.d_lambda},
        sources=_told(sources, embedding),
        run={**run, "engine": _engine_told(engine)},
        name=name,
    )
    draw = _Draw(embedding=embedding, sources=sources, seed=seed, tstop=tstop)
    draw(0)  # finds what is wrong with the sources before a folder is made

    def writer() -> StudyWriter:
        given: dict[str, Any] = {"tables": tables, "overwrite": overwrite, "resume": resume}
        return StudyWriter(out, inputs, n_trials, provenance={"mechanisms": mod_digests()}, **given)

    return _kept(inputs, writer, shape, draw, engine, launcher, n_trials if progress else None)


def _kept(
    inputs: StudyInputs,
    writer: Callable[[], StudyWriter],
    shape: _Shape,
    draw: _Draw,
    engine: Engine,
    launcher: Launcher,
    watched: int | None,
) -> Study:
    """Run the trials that are missing, and keep each as it ends; ``watched``: the trials of a progress bar."""
    run, embedding = inputs.run, inputs.embedding
    with ExitStack() as stack:
        writers: list[StudyWriter] = []  # one, in the process that leads

        def begin() -> list[int]:
            writers.append(stack.enter_context(writer()))
            return writers[0].missing

        missing = by_leader(launcher, begin)
        bar: Any = None
        if watched and launcher.leads:
            bar = stack.enter_context(progress_bar(watched, run["tstop"] + run["settle"]))
        n_events = 0
        for block in _blocks(missing):
            drawn = [draw(k) for k in block]
            n_events += sum(len(events) for _, events in drawn)
            embedded = shape(embedding, [events for _, events in drawn])
            for trial in _run(embedded, drawn, block, run, engine, launcher, bar):
                for one in writers:
                    one.add(trial)
        if missing and not n_events:
            logger.warning("no event hit any of the %d synapses in %d trials", len(embedding), len(missing))
        return by_leader(launcher, lambda: writers[0].finish())


def run_again(study: Study, trial: int, inputs: StudyInputs, engine: str | Engine | None) -> Study:
    """Return a study in memory of one trial of another, run again from its spikes and events.

    Parameters
    ----------
    study : Study
        The study that it is of.
    trial : int
        Which trial.
    inputs : StudyInputs
        The study's own, or changed ones with as many synapses.
    engine : str or Engine, optional
        What computes; left out: what the inputs name.
    """
    run = dict(inputs.run)
    drawn = [(study.spikes(trial), study.events(trial))]
    embedded = _shape(study.cell, run)(inputs.embedding, [drawn[0][1]])
    engine = chosen_engine(
        embedded, tstop=run["tstop"] + run["settle"], dt=run["dt"], engine=engine or engine_with(run["engine"])
    )
    run["engine"] = _engine_told(engine)
    writer = StudyWriter(None, attrs.evolve(inputs, run=run), 1, trials=(trial,))
    for done in _run(embedded, drawn, (trial,), run, engine, chosen_launcher("serial"), None):
        writer.add(done)
    return writer.finish()


# ------------------------------------------------------------------------------------------------- parts


def _check_times(tstop: float, dt: float, settle: float, n_trials: int) -> None:
    number(tstop, "tstop", unit="ms", gt=0)
    number(dt, "dt", unit="ms", gt=0)
    number(settle, "settle", unit="ms", ge=0)
    if abs(settle / dt - round(settle / dt)) > 1e-6:
        raise InvalidValue("settle", settle, f"must be a multiple of dt ({dt:g} ms)")
    if isinstance(n_trials, bool) or not isinstance(n_trials, int | np.integer) or n_trials < 1:
        raise InvalidValue("n_trials", n_trials, "must be a whole number >= 1")


def _shape(cell: DetailedCell, run: Mapping[str, Any]) -> Callable[[Embedding, Sequence[TrialEvents]], EmbeddedCell]:
    """Return what makes an embedded cell of some trials' events."""
    recordings = recordings_of(run["record"], run["record_every"])
    clamps = {k: from_plain(CurrentClamp, v, f"clamps[{k!r}]") for k, v in run["clamps"].items()}
    electrodes = {k: from_plain(Electrodes, v, f"electrodes[{k!r}]") for k, v in run["electrodes"].items()}

    def shaped(embedding: Embedding, events: Sequence[TrialEvents]) -> EmbeddedCell:
        return EmbeddedCell(
            cell=cell,
            embedding=embedding,
            events=events,
            recordings=recordings,
            settle_ms=run["settle"],
            pool=run["pool"],
            clamps=clamps,
            electrodes=electrodes,
            threshold=run["threshold"],
        )

    return shaped


def _engine_told(engine: Engine) -> dict[str, Any]:
    """Return what of an engine changes a result."""
    return {"name": engine.name, "options": {k: v for k, v in engine.options.items() if k != "threads"}}


def _no_events() -> TrialEvents:
    return TrialEvents(synapse=np.zeros(0, np.int32), time_ms=np.zeros(0))


def _told(sources: Source | Mapping[str, Source], embedding: Embedding) -> dict[str, Any]:
    named = sources if isinstance(sources, Mapping) else dict.fromkeys(embedding.populations, sources)
    return {k: source_to_plain(v) for k, v in named.items() if isinstance(v, Source)}


@attrs.frozen(kw_only=True, eq=False)
class _Draw:
    embedding: Embedding
    sources: Source | Mapping[str, Source]
    seed: int
    tstop: float

    def __call__(self, trial: int) -> tuple[dict[str, SourceSpikes], TrialEvents]:
        spikes = draw_sources(self.sources, self.embedding, seed=self.seed, trial=trial, tstop=self.tstop)
        return spikes, draw_events(self.embedding, spikes, seed=self.seed, trial=trial, tstop=self.tstop)


def _blocks(trials: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for first in range(0, len(trials), _BLOCK):
        yield tuple(trials[first : first + _BLOCK])


def _run(
    embedded: EmbeddedCell,
    drawn: Sequence[tuple[Mapping[str, SourceSpikes], TrialEvents]],
    trials: Sequence[int],
    run: Mapping[str, Any],
    engine: Engine,
    launcher: Launcher,
    progress: Callable[[int, float], None] | None,
) -> Iterator[CellTrial]:
    report = None if progress is None else lambda k, t: progress(trials[k], t)
    _, arriving = stream_trials(
        embedded,
        tstop=run["tstop"] + run["settle"],
        dt=run["dt"],
        n_trials=len(trials),
        seed=run["seed"],
        engine=engine,
        launcher=launcher,
        progress=report,
    )
    since = time.perf_counter()
    with closing(arriving) as arrived:
        for records in arrived:
            now = time.perf_counter()
            for record in records.trials:
                spikes, events = drawn[record.trial]
                yield _trial(records, record, trials[record.trial], spikes, events, run, now - since)
            since = time.perf_counter()


def _trial(
    records: Records,
    record: TrialRecord,
    number_: int,
    spikes: Mapping[str, SourceSpikes],
    events: TrialEvents,
    run: Mapping[str, Any],
    wall_s: float,
) -> CellTrial:
    """Return a trial as it is kept: the settling time is cut off."""
    header, settle, every = records.header, run["settle"], run["record_every"]
    first = round(settle / run["dt"])
    if first % every:
        first += every - first % every  # samples are kept from the first one at or after t = 0 on
    kept, labels, units = {}, {}, {}
    for name, probe in header.probes.items():
        kind, _, rest = name.partition(":")
        if kind in ("place", "electrodes"):
            kept[rest] = record.samples[name][first // probe.every :: every // probe.every].T
            labels[rest], units[rest] = probe.labels, probe.unit
    moment = record.samples[MOMENT][first::every] * 1e-6  # fAm to nAm
    times = np.arange(len(moment)) * run["dt"] * every + (first * run["dt"] - settle)
    own = record.spike_times_ms[record.spike_gids == header.gid_ranges[CELL].start] - settle
    return CellTrial(
        trial=number_,
        spikes=spikes,
        events=events,
        soma_spikes=own[own >= 0],
        site_spikes=_crossings(kept.get("v"), labels.get("v", {}), times, run["site_threshold"]),
        recordings=kept,
        labels=labels,
        units=units,
        dipole=moment,
        times=times,
        wall_s=wall_s,
        host=socket.gethostname(),
    )


def _crossings(
    v: np.ndarray | None, labels: Mapping[str, Sequence[Any]], times: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Return when the voltage at each recorded place, all but the soma, rises through the threshold (ms)."""
    found = {}
    for place, trace in zip(labels.get("site", ()), () if v is None else v, strict=True):
        if place != "soma":
            before = np.flatnonzero((trace[:-1] < threshold) & (trace[1:] >= threshold))
            share = (threshold - trace[before]) / (trace[before + 1] - trace[before])
            found[place] = times[before] + share * (times[before + 1] - times[before])
    return found
