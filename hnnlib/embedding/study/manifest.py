"""The manifest of a study's folder, what it names, and the study that can be read from it.

::

    manifest.json           format, name, n_trials, tables ("hdf5" or "parquet"), parameters (what they are about ->
                            SHA-256), labels of categories, parts (file -> first and last of its trials in a row),
                            provenance
    parameters/HASH.json    parameters by the SHA-256 of the file: morphology, cell, synapses (kinds and names),
                            sources, run
    embedding.h5            tables of synapses and segments
    parts/K.h5              some finished trials each, the first of them K, while the study goes on
    trials.h5               all of them, when it is finished                          (tables: "hdf5")
    recordings.h5, tables/NAME.parquet    the same, recordings and tables apart       (tables: "parquet")

Each file is written under another name and then renamed, the manifest after the files that it names: what the manifest
names is there. The columns of tables are told in `hnnlib.embedding.study.columns`, the insides of HDF5 files in
`hnnlib.embedding.study.hdf5`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from immutabledict import immutabledict

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, HnnlibError, MissingFile
from hnnlib.embedding.study.columns import Rows, embedding_of, segments_of
from hnnlib.embedding.study.hdf5 import HDF5Part, read_static
from hnnlib.embedding.study.parquet import ParquetPart
from hnnlib.embedding.study.parts import places_of, slices
from hnnlib.embedding.study.study import Study
from hnnlib.embedding.study.trial import StudyInputs, morphology_from_plain

__all__ = [
    "EMBEDDING",
    "MANIFEST",
    "PARAMETERS",
    "PARTS",
    "TABLES_FOLDER",
    "WHOLE",
    "Manifest",
    "parameter_file",
    "read_inputs",
    "read_manifest",
    "read_parameters",
    "read_study",
]

FORMAT = "hnnlib study 1"
MANIFEST, PARAMETERS, EMBEDDING, PARTS, TABLES_FOLDER = "manifest.json", "parameters", "embedding.h5", "parts", "tables"
WHOLE: Mapping[str, str] = immutabledict({"hdf5": "trials.h5", "parquet": "recordings.h5"})
"""File of all trials of a finished study, by the kind of its tables."""


@attrs.frozen(kw_only=True)
class Manifest:
    """What a study's folder says of itself.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        What the study is called.
    n_trials : int
        How many trials it is to have.
    tables : {"hdf5", "parquet"}
        Kind of its tables, once it is finished.
    parameters : mapping of str to str
        What parameters are about -> SHA-256 of their file.
    labels : mapping of str to tuple of str
        Labels of categories.
    parts : mapping of str to tuple of int
        File -> its trials.
    provenance : mapping
        How it came about.
    """

    folder: Path
    name: str
    n_trials: int
    tables: str
    parameters: Mapping[str, str]
    labels: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, tuple[int, ...]]
    provenance: Mapping[str, Any]

    @property
    def trials(self) -> tuple[int, ...]:
        """Numbers of the trials that are there."""
        return tuple(sorted(k for trials in self.parts.values() for k in trials))

    def write(self) -> None:
        """Write it.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        plain = {
            "format": FORMAT,
            "name": self.name,
            "n_trials": self.n_trials,
            "tables": self.tables,
            "parameters": dict(self.parameters),
            "labels": {name: list(labels) for name, labels in self.labels.items()},
            "parts": {file: [[s.start, s.stop - 1] for s in slices(trials)] for file, trials in self.parts.items()},
            "provenance": dict(self.provenance),
        }
        atomic_write_text(self.folder / MANIFEST, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")

    def part(self, file: str) -> HDF5Part | ParquetPart:
        """Return a part, not read yet.

        Parameters
        ----------
        file : str
            Its file.
        """
        recorded = HDF5Part(self.folder / file, self.parts[file])
        if file == WHOLE["parquet"]:
            return ParquetPart(self.folder / TABLES_FOLDER, recorded, self.labels)
        return recorded

    def study(self) -> Study:
        """Return the study, of which nothing is read yet."""
        return Study(
            name=self.name,
            planned=tuple(range(self.n_trials)),
            labels=self.labels,
            places=places_of([self.part(file) for file in self.parts]),
            load=functools.partial(read_inputs, self),
            static=functools.partial(_static, self.folder / EMBEDDING),
            provenance=self.provenance,
            folder=self.folder,
        )


def parameter_file(folder: Path, content: str) -> Path:
    """Return the file of parameters.

    Parameters
    ----------
    folder : Path
        The study's folder.
    content : str
        Their SHA-256.
    """
    return folder / PARAMETERS / f"{content}.json"


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of a study, and check that its parameters are as they were written.

    Parameters
    ----------
    folder : path-like
        The folder.

    Raises
    ------
    MissingFile
        If there is none, or it has no manifest.
    FileFormatError
        If the manifest can't be read, or parameters were edited; names the file.
    """
    where = Path(os.path.realpath(folder))
    file = where / MANIFEST
    if not file.is_file():
        raise MissingFile(folder, f"is no study: it has no {MANIFEST}" if where.is_dir() else "there is no such folder")
    try:
        plain = json.loads(file.read_text("utf-8"))
        if plain["format"] != FORMAT:
            raise FileFormatError(file, f"is of another version than {FORMAT!r}: {plain['format']!r}")
        manifest = Manifest(
            folder=where,
            name=plain["name"],
            n_trials=int(plain["n_trials"]),
            tables=plain["tables"],
            parameters=dict(plain["parameters"]),
            labels={name: tuple(labels) for name, labels in plain["labels"].items()},
            parts={f: tuple(k for a, b in rows for k in range(a, b + 1)) for f, rows in plain["parts"].items()},
            provenance=plain["provenance"],
        )
    except FileFormatError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(file, f"can't be read as the manifest of a study ({error!r})") from error
    read_parameters(manifest)
    return manifest


def read_parameters(manifest: Manifest) -> dict[str, Any]:
    """Read the parameters that a manifest names.

    Parameters
    ----------
    manifest : Manifest
        The manifest.

    Returns
    -------
    parameters : dict
        What they are about -> plain data.

    Raises
    ------
    FileFormatError
        If a file was edited, or is missing.
    """
    found = {}
    for role, content in manifest.parameters.items():
        file = parameter_file(manifest.folder, content)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise FileFormatError(file, f"the study's {role} parameters can't be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != content:
            raise FileFormatError(
                file, f"was edited: the study's {role} parameters are no longer those that its trials were run with"
            )
        found[role] = json.loads(data)
    return found


def read_inputs(manifest: Manifest) -> StudyInputs:
    """Read what all trials follow from.

    Parameters
    ----------
    manifest : Manifest
        The manifest.

    Raises
    ------
    FileFormatError
        If something was edited, is missing or is damaged; names the file.
    """
    parameters = read_parameters(manifest)
    about, file = parameters["synapses"], manifest.folder / EMBEDDING
    rows = read_static(file)
    try:
        embedding = embedding_of(
            rows["synapses"],
            segments_of(rows["segments"], about["section_names"]),
            about["populations"],
            StudyInputs.kinds_of(about),
            about["n_sources"],
            about["cell_types"],
        )
    except (HnnlibError, IndexError) as error:
        raise FileFormatError(file, f"was edited, or is damaged ({error})") from error
    if embedding.digest != about["digest"]:
        raise FileFormatError(
            file, "was edited: its synapses are no longer those that the study's trials were run with"
        )
    form = parameters.get("morphology")
    return StudyInputs(
        embedding=embedding,
        morphology=None if form is None else morphology_from_plain(form),
        cell=parameters["cell"],
        sources=parameters["sources"],
        run=parameters["run"],
        name=manifest.name,
    )


def _static(file: Path, table: str) -> Rows:
    return read_static(file)[table]


def read_study(folder: str | os.PathLike[str]) -> Study:
    """Open the study in a folder; its tables and recordings are read when they are asked for.

    Parameters
    ----------
    folder : path-like
        What ``simulate_cell(..., out=folder)`` wrote, finished or not.

    Returns
    -------
    study : Study
        Its ``missing`` tells trials that are still to be run.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is no study's.
    FileFormatError
        If the manifest can't be read, or parameters were edited since; names the file.
    """
    return read_manifest(folder).study()
