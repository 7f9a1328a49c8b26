"""Tables of a study as parquet files, for pandas, Dask, DuckDB and their like.

One file a table: columns and types as in ``hnnlib.embedding.study.columns.TABLES``, a category as a dictionary of text,
compressed by zstd with checksums. A row group holds whole trials, at least one and about 20,000 rows; the file's
metadata have under ``hnnlib`` which (JSON). Recordings are in an HDF5 file beside them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, MissingFile, MissingPackage
from hnnlib.embedding.study.columns import STATIC, TABLES, Labels, Rows, segment_rows, static_labels, synapse_rows
from hnnlib.embedding.study.hdf5 import HDF5Part, batches
from hnnlib.embedding.study.parts import Places, gather
from hnnlib.embedding.synapses.table import Embedding

__all__ = ["ParquetPart", "need_pyarrow", "write_parquet"]

FORMAT = "hnnlib study 1"
GROUP_ROWS = 20_000
"""A row group ends with the trial that fills it: small enough to read one trial fast, large enough to be worth it."""


def need_pyarrow() -> Any:
    """Return the package pyarrow, with its parquet part.

    Raises
    ------
    MissingPackage
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPackage("pyarrow", "tables") from None
    return pyarrow


@attrs.frozen
class ParquetPart:
    """Trials whose tables are parquet files; see `hnnlib.embedding.study.parts.Part`.

    Parameters
    ----------
    folder : Path
        The folder of the tables.
    recorded : HDF5Part
        Their recordings.
    labels : mapping of str to tuple of str
        Labels of categories.
    """

    folder: Path
    recorded: HDF5Part
    labels: Labels

    @property
    def trials(self) -> tuple[int, ...]:
        """Their numbers, rising."""
        return self.recorded.trials

    def check(self) -> None:
        """Check that files are there, are whole, and hold the trials.

        Raises
        ------
        FileFormatError
            If not.
        """
        self.recorded.check()
        for table in TABLES:
            if table not in STATIC:
                with self._open(table, self.trials):
                    pass

    def told(self) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
        """Return times and recordings; see `Part`."""
        return self.recorded.told()

    def samples(self, name: str, trial: int, rows: np.ndarray | None) -> np.ndarray:
        """Return a recording; see `Part`."""
        return self.recorded.samples(name, trial, rows)

    def rows(self, table: str, trials: Sequence[int], columns: Sequence[str]) -> Rows:
        """Return rows of a table; see `Part`."""
        wanted = set(trials)
        asked = list(dict.fromkeys(["trial", *columns]))
        with self._open(table, trials) as (file, groups):
            some = [i for i, group in enumerate(groups) if not wanted.isdisjoint(group)]
            read = file.read_row_groups(some, columns=asked, use_threads=False)
            every = {name: self._values(name, read[name]) for name in asked}
        if all(wanted.issuperset(groups[i]) for i in some):
            return {name: every[name] for name in columns}
        mask = np.isin(every["trial"], list(trials))
        return {name: every[name][mask] for name in columns}

    def _values(self, name: str, column: Any) -> np.ndarray:
        """Return a column as numbers, names as codes."""
        array = column.unify_dictionaries().combine_chunks()
        if name not in self.labels:
            return np.asarray(array.to_numpy(zero_copy_only=False))
        code = {label: k for k, label in enumerate(self.labels[name])}
        codes = np.array([code[label] for label in array.dictionary.to_pylist()], np.int32)
        return codes[array.indices.to_numpy(zero_copy_only=False)] if len(array) else np.zeros(0, np.int32)

    @contextmanager
    def _open(self, table: str, trials: Sequence[int]) -> Iterator[tuple[Any, list[list[int]]]]:
        pyarrow = need_pyarrow()
        path = self.folder / f"{table}.parquet"
        if not path.exists():
            raise MissingFile(path)
        try:
            with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
                groups = json.loads(file.schema_arrow.metadata[b"hnnlib"])["row_groups"]
                lost = set(trials) - {k for group in groups for k in group}
                if lost:
                    raise FileFormatError(path, f"lacks trials that the study has in it, {min(lost)} first")
                yield file, groups
        except FileFormatError:
            raise
        except (OSError, pyarrow.ArrowException, KeyError, TypeError, ValueError) as error:
            raise FileFormatError(path, f"is damaged, or no table of a study of hnnlib ({error})") from error


def write_parquet(folder: Path, places: Places, labels: Labels, embedding: Embedding) -> None:
    """Write all tables of a study, each to a file.

    Parameters
    ----------
    folder : Path
        An existing folder.
    places : mapping of int to Part
        Where each trial is, trials rising.
    labels : mapping of str to sequence of str
        Labels of categories.
    embedding : Embedding
        The synapses.

    Raises
    ------
    MissingPackage
        If pyarrow is not installed.
    OutputError
        If a file can't be written.
    FileFormatError
        If a part can't be read.
    """
    every = {**static_labels(embedding), **labels}
    for table in TABLES:
        if table in STATIC:
            rows = synapse_rows(embedding) if table == "synapses" else segment_rows(embedding.segments)
            _write(folder / f"{table}.parquet", table, iter([rows]), [[]], every)
        else:
            groups = list(_groups(places, table))
            pieces = (gather(places, table, trials, [c.name for c in TABLES[table]]) for trials in groups)
            _write(folder / f"{table}.parquet", table, pieces, groups, every)


def _groups(places: Places, table: str) -> Iterator[list[int]]:
    """Yield the trials of each row group."""
    group: list[int] = []
    n_rows = 0
    for some in batches(list(places)):
        column = gather(places, table, some, ["trial"])["trial"]
        for trial, n in zip(some, np.bincount(np.searchsorted(some, column), minlength=len(some)), strict=True):
            group.append(trial)
            n_rows += n
            if n_rows >= GROUP_ROWS:
                yield group
                group, n_rows = [], 0
    if group:
        yield group


def _write(
    path: str | os.PathLike[str], table: str, pieces: Iterator[Rows], groups: Sequence[Sequence[int]], labels: Labels
) -> None:
    pyarrow = need_pyarrow()
    told = {"format": FORMAT, "table": table, "row_groups": [list(group) for group in groups]}
    schema = pyarrow.schema(
        [_field(pyarrow, column) for column in TABLES[table]],
        metadata={"hnnlib": json.dumps(told)},
    )
    few = [c.name for c in TABLES[table] if c.dtype == "category" or c.name in ("trial", "seed", "tstop_ms", "dt_ms")]
    with (
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=few, write_page_checksum=True
        ) as writer,
    ):
        for rows in pieces:
            arrays = [_array(pyarrow, c.name, rows[c.name], labels) for c in TABLES[table]]
            whole = max(len(arrays[0]), 1)
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), row_group_size=whole)


def _field(pyarrow: Any, column: Any) -> Any:
    kind = (
        pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        if column.dtype == "category"
        else pyarrow.from_numpy_dtype(column.stored)
    )
    about = {"description": column.doc} | ({"unit": column.unit} if column.unit else {})
    return pyarrow.field(column.name, kind, metadata=about)


def _array(pyarrow: Any, name: str, values: np.ndarray, labels: Mapping[str, Sequence[str]]) -> Any:
    if name not in labels:
        return pyarrow.array(values)
    names = pyarrow.array(list(labels[name]), pyarrow.string())
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(values, pyarrow.int32()), names)
