"""SONATA's HDF5 files: opened, checked, written whole or not at all; and columns in them.

Readers differ in what they take: libsonata reads no compressed data and no text of fixed length, BMTK no encoded text.
What is written here is read by both; what either writes is read here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, HnnlibError, InvalidType, InvalidValue, MissingFile
from hnnlib.base.log import logger
from hnnlib.plan.columns import is_text, merged

__all__ = ["get_attributes", "get_column", "get_ids", "new_file", "open_file", "population_group", "put_column"]

MAGIC = 0x0A7A
VERSION = (0, 1)
MISSING = "NULL"
"""What stands for missing text, as in SONATA's tables of types."""


@contextmanager
def open_file(file: str | os.PathLike[str], root: str) -> Iterator[Any]:
    """Open a SONATA file and yield its populations.

    Parameters
    ----------
    file : path-like
        The file.
    root : str
        The group that its populations are in: ``nodes``, ``edges``, ``spikes`` or ``report``.

    Yields
    ------
    populations : h5py.Group
        The group; what fails in reading it is told as an error of the file.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is truncated, damaged, no HDF5 file, or holds something else.
    """
    import h5py

    name = os.fspath(file)
    if not os.path.exists(name):
        raise MissingFile(name)
    if os.path.isdir(name):
        raise FileFormatError(name, "is a folder, not a file")
    try:
        with h5py.File(name, "r") as opened:
            if not isinstance(opened.get(root), h5py.Group):
                raise FileFormatError(name, f"has no group '/{root}' (has {', '.join(opened) or 'nothing'})")
            yield opened[root]
    except (FileFormatError, MissingFile):
        raise
    except InvalidValue as error:
        raise FileFormatError(name, str(error)) from error
    except HnnlibError:
        raise
    except PermissionError as error:
        raise FileFormatError(name, f"can't be opened: no permission ({error})") from error
    except OSError as error:
        raise FileFormatError(name, f"is truncated or no HDF5 file ({error})") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        # h5py tells a missing or damaged part by any of these.
        raise FileFormatError(name, f"is damaged or no SONATA file ({error})") from error


@contextmanager
def new_file(
    file: str | os.PathLike[str], compression: str | int | None = None, overwrite: bool = True
) -> Iterator[Any]:
    """Make a SONATA file and yield it; it takes its name when the block has succeeded.

    Parameters
    ----------
    file : path-like
        The file.
    compression : str or int, optional
        What the block will compress with; only checked and warned of here.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    file : h5py.File
        An empty file with SONATA's marks.

    Raises
    ------
    OutputError
        If the file can't be written; nothing is left there, or the older file as it was.
    """
    import h5py

    if compression is not None:
        if compression != "gzip" and (isinstance(compression, bool) or compression not in range(10)):
            raise InvalidValue("compression", compression, "must be None, 'gzip' or gzip's level, 0 to 9")
        logger.warning("%s is compressed: libsonata, and what is built on it, can't read it", os.fspath(file))
    # Put together in memory: where the disk is full, HDF5 can't close its file any more, and crashes.
    image = BytesIO()
    with replacing(file, overwrite) as temporary:
        with h5py.File(image, "w") as opened:
            opened.attrs["magic"] = np.uint32(MAGIC)
            opened.attrs["version"] = np.array(VERSION, np.uint32)
            yield opened
        temporary.write_bytes(image.getbuffer())


def population_group(file: Any, root: str, name: str) -> Any:
    """Return a new group for a population.

    Parameters
    ----------
    file : h5py.File
        The file.
    root : str
        ``nodes`` or ``edges``, ...
    name : str
        Name of the population.

    Raises
    ------
    InvalidValue
        If a group can't have this name, or has it already.
    """
    if not name or "/" in name or not name.strip("."):
        raise InvalidValue(f"{root} population", name, "can't be a name in an HDF5 file: no slash, not dots alone")
    if f"{root}/{name}" in file:
        raise InvalidValue(f"{root} population", name, "is there twice")
    return file.create_group(f"{root}/{name}")


def put_column(group: Any, name: str, column: np.ndarray, compression: str | int | None = None) -> Any:
    """Write a column: text in variable length, truth values as int8, numbers as they are.

    Parameters
    ----------
    group : h5py.Group
        Where to.
    name : str
        Its name there.
    column : array, shape (n, ...)
        Its values.
    compression : str or int, optional
        As h5py takes it.

    Raises
    ------
    InvalidType
        If the column mixes text with other things.
    """
    import h5py

    kind: Any = column.dtype
    if is_text(column):
        if not all(value is None or isinstance(value, str) for value in column.flat):
            raise InvalidType(f"{group.name}/{name}", column, "must be all text or all numbers")
        column, kind = np.where(column == np.array(None), MISSING, column), h5py.string_dtype()
    elif kind.kind == "b":
        column, kind = column.astype(np.int8), np.dtype(np.int8)
    return group.create_dataset(
        name, data=column, dtype=kind, compression=compression, shuffle=True if compression is not None else None
    )


def get_column(dataset: Any) -> np.ndarray:
    """Read a column; text as objects, None where it is missing.

    Parameters
    ----------
    dataset : h5py.Dataset
        The column.

    Returns
    -------
    column : array, shape (n, ...)
        Its values.
    """
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is None:
        values: np.ndarray = dataset[()]
        return values
    text: np.ndarray = dataset.asstr()[()].astype(object)
    text[text == MISSING] = None
    return text


def get_ids(population: Any, name: str) -> np.ndarray:
    """Read a column of ids that a population must have.

    Parameters
    ----------
    population : h5py.Group
        The population.
    name : str
        Name of the column.

    Returns
    -------
    ids : array of int64, shape (n,)
        The ids.

    Raises
    ------
    FileFormatError
        If it is absent or no column of whole numbers.
    """
    import h5py

    dataset = population.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise FileFormatError(population.file.filename, f"{population.name} has no dataset {name!r}")
    if dataset.ndim != 1 or dataset.dtype.kind not in "iu":
        raise FileFormatError(population.file.filename, f"{dataset.name} is no column of whole numbers")
    ids: np.ndarray = dataset[()].astype(np.int64)
    return ids


def get_attributes(
    population: Any, kind: str, n_rows: int, default: Callable[[str], np.ndarray | None]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Read attributes and dynamics parameters from all numbered groups of a population.

    Parameters
    ----------
    population : h5py.Group
        The population.
    kind : str
        ``node`` or ``edge``.
    n_rows : int
        Number of its nodes or edges.
    default : callable
        Name -> column of all rows from the types, or None, for rows whose group lacks an attribute.

    Returns
    -------
    attributes, dynamics_params : dict of str to array, shape (n_rows, ...)
        Columns of all rows.

    Raises
    ------
    FileFormatError, InvalidValue
        If an index leads out of a group, or groups don't fit together.
    """
    import h5py

    names = sorted((name for name in population if name.isdigit()), key=int)
    names = [name for name in names if isinstance(population[name], h5py.Group)]
    if f"{kind}_group_id" in population:
        group_id, group_index = (get_ids(population, f"{kind}_group_{part}") for part in ("id", "index"))
        if len(group_id) != n_rows or len(group_index) != n_rows:
            raise FileFormatError(
                population.file.filename, f"{population.name} does not give a group to each of its {n_rows} rows"
            )
    elif len(names) > 1:
        raise FileFormatError(
            population.file.filename, f"{population.name} has groups {', '.join(names)}, but no '{kind}_group_id'"
        )
    else:
        group_id, group_index = np.full(n_rows, int(names[0]) if names else 0), np.arange(n_rows)
    attributes, dynamics = [], []
    for name in names:
        rows = np.flatnonzero(group_id == int(name))
        index = group_index[rows]
        attributes.append((rows, _columns_of(population[name], index)))
        if isinstance(population[name].get("dynamics_params"), h5py.Group):
            dynamics.append((rows, _columns_of(population[name]["dynamics_params"], index)))
    path = str(population.name)
    return merged(n_rows, attributes, default, path), merged(n_rows, dynamics, lambda name: None, path)


def _columns_of(group: Any, index: np.ndarray) -> dict[str, np.ndarray]:
    import h5py

    libraries: Mapping[str, Any] = group.get("@library", {})
    columns = {}
    for name, dataset in group.items():
        if isinstance(dataset, h5py.Dataset):
            column = get_column(dataset)
            if column.ndim == 0:
                raise FileFormatError(group.file.filename, f"{dataset.name} is one value, not a column")
            if len(index) and not 0 <= index.min() <= index.max() < len(column):
                raise FileFormatError(
                    group.file.filename, f"{dataset.name} has {len(column)} entries, too few for the rows that use it"
                )
            column = column[index] if len(index) != len(column) or np.any(np.diff(index) != 1) else column
            columns[name] = _decoded(column, libraries[name]) if name in libraries else column
    return columns


def _decoded(codes: np.ndarray, library: Any) -> np.ndarray:
    texts = get_column(library)
    if len(codes) and (codes.dtype.kind not in "iu" or not 0 <= codes.min() <= codes.max() < len(texts)):
        raise FileFormatError(library.file.filename, f"{library.name} has {len(texts)} entries; a code leads out of it")
    decoded: np.ndarray = texts[codes]
    return decoded
