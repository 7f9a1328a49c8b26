"""Writing a study: trials as they end, safe from then on, and put together at the end."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import numpy as np

from hnnlib import __version__
from hnnlib.base.atomic import atomic_write_text, remove_leftovers
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.pace import Pace
from hnnlib.embedding.study.columns import STATIC, TABLES, Rows, segment_rows, static_labels, synapse_rows, trial_rows
from hnnlib.embedding.study.hdf5 import merge_hdf5, write_static, write_trials
from hnnlib.embedding.study.manifest import (
    EMBEDDING,
    MANIFEST,
    PARAMETERS,
    PARTS,
    TABLES_FOLDER,
    WHOLE,
    Manifest,
    parameter_file,
    read_manifest,
    read_parameters,
    read_study,
)
from hnnlib.embedding.study.parquet import need_pyarrow, write_parquet
from hnnlib.embedding.study.parts import MemoryPart, places_of
from hnnlib.embedding.study.study import Study
from hnnlib.embedding.study.trial import CellTrial, StudyInputs, plain_data
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.results.join import run_differences
from hnnlib.results.result import told

__all__ = ["StudyWriter", "read_study", "write_study"]

WRITE_EVERY_S = 0.5
"""Trials that end within this time (s) after others were written are written with those that follow."""
MOST_BYTES = 64_000_000
"""Trials that wait never take more room than this."""
SHOWN = 5
"""Differences of another study that an error tells."""


class StudyWriter:
    """Takes the trials of a study as they end, and keeps them safe; as a context manager, also when its block fails.

    Parameters
    ----------
    folder : path-like or None
        Where they are kept; None: in memory.
    inputs : StudyInputs
        What the trials follow from.
    n_trials : int
        How many there are to be.
    trials : sequence of int, optional
        Their numbers, where they are others than 0, 1, …; in memory only.
    tables : {"hdf5", "parquet"}
        How tables are kept once all trials are there; until then in HDF5.
    provenance : mapping
        How the study comes about, as plain data; versions, machine and time are added.
    overwrite : bool
        Whether an earlier study in the folder may be replaced.
    resume : bool
        Whether to go on with the study in the folder, if there is one.

    Raises
    ------
    UnknownName
        If there is no such kind of tables.
    MissingPackage
        If they need pyarrow, and it is not installed.
    OutputError
        If the folder can't be made, holds other things, or an earlier study that may not be replaced.
    InvalidValue
        If it is to be resumed and holds another study; tells where they differ.
    FileFormatError
        If it is to be resumed and can't be read, or its parameters were edited.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        inputs: StudyInputs,
        n_trials: int,
        *,
        trials: Sequence[int] | None = None,
        tables: str = "hdf5",
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        if tables not in WHOLE:
            raise UnknownName("tables", tables, "kind of tables", WHOLE)
        if trials is not None and folder is not None:
            raise InvalidValue("trials", list(trials), "can't be chosen where trials are kept in a folder")
        if tables == "parquet" and folder is not None:
            need_pyarrow()
        self._inputs = inputs
        self._held: dict[int, CellTrial] = {}  # without a folder: all of them
        self._waiting: list[tuple[CellTrial, dict[str, Rows]]] = []
        self._pace = Pace(WRITE_EVERY_S)
        self._known: tuple[np.ndarray, dict[str, Any]] | None = None  # what all trials have alike
        self._said = folder
        self._some = None if trials is None else tuple(trials)
        fresh = Manifest(
            folder=Path() if folder is None else Path(os.path.realpath(folder)),  # wherever the process goes meanwhile
            name=inputs.name,
            n_trials=n_trials,
            tables=tables,
            parameters=inputs.hashes,
            labels={**static_labels(inputs.embedding), "site": (), "host": ()},
            parts={},
            provenance=_provenance(provenance or {}),
        )
        self._manifest = fresh if folder is None else self._opened(fresh, overwrite, resume)

    # ---------------------------------------------------------------------------------------------- what there is

    @property
    def trials(self) -> tuple[int, ...]:
        """Numbers of the trials that are there."""
        waiting = (trial.trial for trial, _ in self._waiting)
        return tuple(sorted({*self._manifest.trials, *waiting, *self._held}))

    @property
    def planned(self) -> tuple[int, ...]:
        """Numbers of the trials that there are to be."""
        return tuple(range(self._manifest.n_trials)) if self._some is None else self._some

    @property
    def missing(self) -> list[int]:
        """Numbers of the trials that are still to be run."""
        here = set(self.trials)
        return [k for k in self.planned if k not in here]

    # ---------------------------------------------------------------------------------------------- trials

    def add(self, trial: CellTrial) -> None:
        """Take a trial that has ended; in a folder it may wait for a moment, so that files hold several.

        Parameters
        ----------
        trial : CellTrial
            The trial.

        Raises
        ------
        InvalidValue
            If it is there already, or does not fit to the embedding or to the other trials.
        OutputError
            If it can't be written.
        """
        self._check(trial)
        self._add_labels(trial)
        if self._said is None:
            self._held[trial.trial] = trial
            return
        self._waiting.append((trial, trial_rows(trial, self._inputs.run, self._manifest.labels)))
        n_bytes = sum(array.nbytes for one, _ in self._waiting for array in one.every_recording.values())
        if self._pace.due or n_bytes > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write trials that wait.

        Raises
        ------
        OutputError
            If they can't be written.
        """
        if not self._waiting:
            return
        waiting = sorted(self._waiting, key=lambda pair: pair[0].trial)
        numbers = tuple(trial.trial for trial, _ in waiting)
        name = f"{PARTS}/{numbers[0]}.h5"
        with self._pace.writing(), _told(self._manifest.folder):
            (self._manifest.folder / PARTS).mkdir(exist_ok=True)
            write_trials(self._manifest.folder / name, [trial for trial, _ in waiting], [rows for _, rows in waiting])
            manifest = attrs.evolve(self._manifest, parts={**self._manifest.parts, name: numbers})
            manifest.write()
        self._manifest, self._waiting = manifest, []

    def finish(self) -> Study:
        """Write what waits and, if all trials are there, put them together.

        Returns
        -------
        study : Study
            What there is.

        Raises
        ------
        OutputError
            If it can't be written; the trials are then as safe as they were.
        """
        if self._said is None:
            return self._in_memory()
        self.flush()
        whole = WHOLE[self._manifest.tables]
        if not self.missing and self._manifest.trials and set(self._manifest.parts) != {whole}:
            self._put_together(whole)
        return self._manifest.study()

    def __enter__(self) -> StudyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self._said is None:
            return
        try:
            self.flush()
        except OutputError as failed:
            if not isinstance(error, OutputError):
                logger.warning("%s", failed)
        n_kept = len(self._manifest.trials)
        if n_kept:
            rest = "runs the missing ones" if self.missing else "puts them together"
            logger.warning(
                "%d of %d trials are kept in %s; resume=True %s", n_kept, self._manifest.n_trials, self._said, rest
            )

    # ---------------------------------------------------------------------------------------------- within

    def _check(self, trial: CellTrial) -> None:
        if trial.trial in self.trials:
            raise InvalidValue("trial", trial.trial, "is there already")
        if trial.trial not in self.planned:
            raise InvalidValue(
                "trial", trial.trial, f"is none of the trials that there are to be: {told(self.planned)}"
            )
        self._inputs.check(trial)
        known = (trial.times, trial.told())
        if self._known is None:
            self._known = self._first_known() or known
        times, others = self._known
        if not np.array_equal(times, trial.times):
            raise InvalidValue(f"trial {trial.trial}: times", trial.times.shape, "must be those of the other trials")
        if json.dumps(others) != json.dumps(known[1]):  # as text, in which NaN is NaN
            raise InvalidValue(
                f"trial {trial.trial}: recordings",
                _shapes(known[1]),
                f"must be those of the other trials, with their labels: {_shapes(others)}",
            )

    def _first_known(self) -> tuple[np.ndarray, dict[str, Any]] | None:
        for file in self._manifest.parts:
            return self._manifest.part(file).told()
        return None

    def _add_labels(self, trial: CellTrial) -> None:
        """Give new names of places and machines a code; those that have one keep it."""
        labels = dict(self._manifest.labels)
        labels["site"] = tuple(dict.fromkeys([*labels["site"], *trial.site_spikes]))
        labels["host"] = tuple(dict.fromkeys([*labels["host"], trial.host]))
        self._manifest = attrs.evolve(self._manifest, labels=labels)

    def _in_memory(self) -> Study:
        manifest, embedding = self._manifest, self._inputs.embedding
        part = MemoryPart(held=dict(self._held), run=self._inputs.run, labels=manifest.labels)
        return Study(
            name=manifest.name,
            planned=self.planned,
            labels=manifest.labels,
            places=places_of([part]),
            load=functools.partial(_itself, self._inputs),
            static=functools.partial(_static, embedding),
            provenance=manifest.provenance,
        )

    def _put_together(self, whole: str) -> None:
        manifest = self._manifest
        folder, places = manifest.folder, places_of([manifest.part(file) for file in manifest.parts])
        with _told(folder):
            if manifest.tables == "parquet":
                (folder / TABLES_FOLDER).mkdir(exist_ok=True)
                write_parquet(folder / TABLES_FOLDER, places, manifest.labels, self._inputs.embedding)
            in_hdf5 = [name for name in TABLES if name not in STATIC] if manifest.tables == "hdf5" else []
            merge_hdf5(folder / whole, places, manifest.labels, in_hdf5)
            self._manifest = attrs.evolve(manifest, parts={whole: tuple(places)})
            self._manifest.write()
        _tidy(self._manifest)

    def _opened(self, fresh: Manifest, overwrite: bool, resume: bool) -> Manifest:
        folder = fresh.folder
        found = (folder / MANIFEST).is_file()
        if not found and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(self._said, f"exists, and is no study: it has no {MANIFEST}")
        if not folder.parent.is_dir():
            raise OutputError(self._said, f"its folder {str(folder.parent)!r} does not exist")
        if found and resume:
            return self._resumed(fresh)
        if found and not overwrite:
            raise OutputExists(self._said, "holds a study already; go on with it (resume=True), or allow overwriting")
        with _told(folder):
            if found:
                _remove(folder)
            (folder / PARAMETERS).mkdir(parents=True, exist_ok=True)
            for role, text in self._inputs.texts.items():
                atomic_write_text(parameter_file(folder, self._inputs.hashes[role]), text)
            write_static(folder / EMBEDDING, self._inputs.embedding)
            fresh.write()
        return fresh

    def _resumed(self, fresh: Manifest) -> Manifest:
        there = read_manifest(fresh.folder)
        found = _differences(there, fresh, self._inputs)
        if found:
            more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise InvalidValue("out", os.fspath(fresh.folder), f"holds another study: {'; '.join(found[:SHOWN])}{more}")
        parts = {}
        for file, trials in there.parts.items():
            try:
                there.part(file).check()
            except (FileFormatError, MissingFile) as problem:
                logger.warning("%s; its trials are run again", problem)
                continue
            parts[file] = trials
        kept = [
            k + 1 for trials in parts.values() for k in trials
        ]  # a trial that was kept stays, if fewer are asked for
        manifest = attrs.evolve(there, n_trials=max([fresh.n_trials, *kept]), tables=fresh.tables, parts=parts)
        with _told(fresh.folder):
            manifest.write()
        _tidy(manifest)
        return manifest


def write_study(
    study: Study, folder: str | os.PathLike[str], *, tables: str = "hdf5", overwrite: bool = False
) -> Study:
    """Write a study to a folder: one that is in memory, or with the other kind of tables.

    Parameters
    ----------
    study : Study
        The study.
    folder : path-like
        Where to; none that it is in.
    tables : {"hdf5", "parquet"}
        Kind of the tables.
    overwrite : bool
        Whether an earlier study there may be replaced.

    Returns
    -------
    study : Study
        The one in the folder.

    Raises
    ------
    OutputError
        If it can't be written.
    InvalidValue
        If it is of single trials, such as one that was run again.
    MissingPackage
        If parquet is asked for and pyarrow is not installed.
    """
    if study.folder is not None and study.folder == Path(os.path.realpath(folder)):
        raise OutputError(folder, "is the folder that the study is in")
    if study.planned != tuple(range(study.n_trials)):
        raise InvalidValue("study", list(study.planned), "is of single trials; a folder's are numbered from 0")
    provenance = study.provenance
    with StudyWriter(
        folder, study.inputs, study.n_trials, tables=tables, provenance=provenance, overwrite=overwrite
    ) as writer:
        for k in study.trial_numbers:
            writer.add(study.trial(k))
        return writer.finish()


def _provenance(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hnnlib": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "numpy": np.__version__,
        "host": platform.node(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **plain_data(given, "provenance"),
    }


def _differences(there: Manifest, here: Manifest, inputs: StudyInputs) -> list[str]:
    """Return what keeps two studies from being one, in a phrase each."""
    old = read_parameters(there)
    new = {role: inputs.parameters[role] for role in inputs.texts}
    found = run_differences(  # which tells what it finds under "network" by path
        {**there.provenance, "run": {}, "network": old},
        {**here.provenance, "run": {}, "network": plain_data(new, "parameters")},
    )
    rows = "the tables of synapses and segments are others"
    return [rows if phrase.startswith("synapses.digest ") else phrase for phrase in found]


def _shapes(recordings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one["shape"] for name, one in recordings.items()}


def _static(embedding: Embedding, table: str) -> Rows:
    return synapse_rows(embedding) if table == "synapses" else segment_rows(embedding.segments)


def _itself(inputs: StudyInputs) -> StudyInputs:
    return inputs


def _tidy(manifest: Manifest) -> None:
    """Remove what we once wrote and no manifest names any more."""
    folder = manifest.folder
    try:
        for file in [*(folder / PARTS).glob("*.h5"), *(folder / PARTS).glob(".*.h5")]:
            if f"{PARTS}/{file.name}" not in manifest.parts:
                file.unlink(missing_ok=True)
        with suppress(OSError):
            (folder / PARTS).rmdir()  # if it is empty
        for name in WHOLE.values():
            remove_leftovers(folder / name)
            if name not in manifest.parts:
                (folder / name).unlink(missing_ok=True)
        if WHOLE["parquet"] not in manifest.parts:
            _remove_tables(folder)
        remove_leftovers(folder / MANIFEST)
    except OSError as error:  # the study is none the worse
        logger.warning("%s: can't be tidied (%s)", folder, error.strerror or error)


def _remove_tables(folder: Path) -> None:
    for table in TABLES:
        (folder / TABLES_FOLDER / f"{table}.parquet").unlink(missing_ok=True)
    with suppress(OSError):
        (folder / TABLES_FOLDER).rmdir()


def _remove(folder: Path) -> None:
    """Remove a study, but nothing else that lies in its folder; what makes it one goes last."""
    for name in (PARTS, PARAMETERS):
        shutil.rmtree(folder / name, ignore_errors=True)
    _remove_tables(folder)
    for name in (*WHOLE.values(), EMBEDDING, MANIFEST):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Tell an error of the system as one of the folder."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if isinstance(error, MissingFile):
            raise
        raise OutputError(folder, f"can't be written ({error.strerror or error})") from error
