"""Synapses as the In Silico Framework has them: a text file of places (``.syn``), one of presynaptic cells (``.con``).

Both have four lines of header. A row of the first is population, section and place along it (0 to 1), separated by
tabs; its number within the population, from 0, is the synapse's. A row of the second is population, presynaptic cell
and synapse.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnnlib import __version__
from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.base.log import logger
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.sources.rates import Distribution
from hnnlib.embedding.synapses.placement import Cells, drawn_values
from hnnlib.embedding.synapses.stretches import segments_of
from hnnlib.embedding.synapses.table import Embedding, SynapseType

__all__ = ["read_syn_con", "write_syn_con"]

_HEADER = 4
_CELL = re.compile(r"#\s*cell: (?P<sections>\d+) sections, (?P<digest>[0-9a-f]+)\s*")

_Given = float | Distribution | Mapping[str, float | Distribution]


def read_syn_con(
    syn: str | os.PathLike[str],
    con: str | os.PathLike[str],
    cell: Any,
    *,
    kinds: SynapseType | Mapping[str, SynapseType],
    weight: _Given,
    delay: _Given = 0.0,
    release_p: _Given = 1.0,
    sections: Sequence[str | int] | None = None,
    n_sources: Mapping[str, int] | None = None,
    cell_types: Mapping[str, str] | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Embedding:
    """Read an embedding of the In Silico Framework.

    Parameters
    ----------
    syn, con : path-like
        The file of places and the file of presynaptic cells.
    cell : DetailedCell or SegmentTable
        The cell that they are for, or its segments.
    kinds : SynapseType or mapping of str to SynapseType
        What synapses open, of all populations or by population: the files don't say.
    weight, delay, release_p : float, Distribution or mapping of str to either
        Peak conductance (µS), delay (ms) and release probability, of all populations or by population.
    sections : sequence of str or int, optional
        The cell's section for each number in the file, whose order is that of the morphology's ``.hoc`` file; left out:
        the cell's own order.
    n_sources : mapping of str to int, optional
        Number of cells of populations of which some have no synapse here.
    cell_types : mapping of str to str, optional
        Population -> type of its cells; left out: its name up to the first ``_``, as the framework has it.
    seed : int
        Seed of what is drawn from distributions.
    strict : bool
        Whether it is an error if a header names another file of places or another cell, or if a synapse has no
        presynaptic cell. Otherwise headers are passed over and such synapses left out, which is logged.

    Returns
    -------
    embedding : Embedding
        Populations in the order of the file of places, rows in its order.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If a row is not as it must be, e.g. names a section that the cell hasn't, or a synapse that isn't there or has a
        cell already; names file and line.
    UnknownName
        If something is given by population and one is missing.
    """
    segments = segments_of(cell)
    of_number = _sections(segments, sections)
    population, section, x, names = _read_places(syn, of_number, segments, strict)
    source = _read_cells(con, Path(os.fspath(syn)).name, names, population, strict)
    kept = source >= 0
    if not kept.all():
        logger.info("%s: %d of %d synapses have no presynaptic cell", os.fspath(con), (~kept).sum(), len(kept))
    table, kind = _kinds_of(kinds, names)
    values = {
        name: _by_population(given, name, names, population, seed)
        for name, given in (("weight", weight), ("delay", delay), ("release_p", release_p))
    }
    none = np.full(int(kept.sum()), -1)
    return Embedding(
        segments=segments,
        populations=tuple(names),
        kinds=table,
        population=population[kept],
        source=source[kept],
        kind=kind[population[kept]] if len(names) else none,
        section=section[kept],
        x=x[kept],
        weight_uS=values["weight"][kept],
        delay_ms=values["delay"][kept],
        release_p=values["release_p"][kept],
        group=none,
        cluster=none,
        n_sources=n_sources or {},
        cell_types={name: (cell_types or {}).get(name, name.split("_")[0]) for name in names},
    )


def write_syn_con(
    embedding: Embedding,
    syn: str | os.PathLike[str],
    con: str | os.PathLike[str],
    *,
    sections: Sequence[str | int] | None = None,
    overwrite: bool = True,
) -> None:
    """Write an embedding for the In Silico Framework: what its files hold, places and presynaptic cells.

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    syn, con : path-like
        The files to be written.
    sections : sequence of str or int, optional
        The cell's section for each number in the file, as in `read_syn_con`.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    InvalidValue
        If a population's name has spaces, or a synapse is on a section that ``sections`` leaves out.
    OutputError
        If a file can't be written.
    """
    segments = embedding.segments
    for name in embedding.populations:
        if not name or len(name.split()) != 1:
            raise InvalidValue("populations", name, "must be a name without spaces")
    of_number = _sections(segments, sections)
    number = np.full(len(segments.names), -1)
    number[of_number] = np.arange(len(of_number))
    left_out = number[embedding.section] < 0
    if left_out.any():
        name = segments.names[embedding.section[left_out][0]]
        raise InvalidValue("sections", sections, f"must hold {name!r}, which has synapses")
    names = np.array(embedding.populations)[embedding.population].tolist() if len(embedding) else []
    first = np.array([rows.start for rows in embedding.rows.values()], np.int64)[embedding.population]
    cell = f"# cell: {len(segments.names)} sections, {segments.sections_digest}"
    places = [f"# synapses, written by hnnlib {__version__}", cell, "# population\tsection\tx", ""]
    places += map("{}\t{}\t{!r}".format, names, number[embedding.section].tolist(), embedding.x.tolist())
    cells = [
        "# presynaptic cells of the synapses in",
        f"# {Path(os.fspath(syn)).name}",
        "# population\tcell\tsynapse",
        "",
    ]
    numbers = (np.arange(len(embedding)) - first).tolist()
    cells += map("{}\t{}\t{}".format, names, embedding.source.tolist(), numbers)
    with replacing(syn, overwrite) as syn_file, replacing(con, overwrite) as con_file:
        syn_file.write_text("\n".join(places) + "\n", encoding="utf-8")
        con_file.write_text("\n".join(cells) + "\n", encoding="utf-8")


# ------------------------------------------------------------------------------------------------- parts


def _sections(segments: SegmentTable, sections: Sequence[str | int] | None) -> np.ndarray:
    """Return the cell's section for each number in the file."""
    if sections is None:
        return np.arange(len(segments.names))
    found = []
    for i, section in enumerate(sections):
        path = f"sections[{i}]"
        if isinstance(section, str):
            if section not in segments.names:
                raise UnknownName(path, section, "section of the cell", segments.names)
            section = segments.names.index(section)
        if not 0 <= section < len(segments.names):
            raise InvalidValue(path, section, f"is no section of the cell, which has 0 to {len(segments.names) - 1}")
        if section in found:
            raise InvalidValue(path, sections[i], "is there twice")
        found.append(int(section))
    return np.array(found, np.int64)


def _lines(file: str | os.PathLike[str]) -> tuple[list[str], Iterable[tuple[int, list[str]]]]:
    """Return the header, and number and fields of each row."""
    name = os.fspath(file)
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise MissingFile(name) from None
    except UnicodeDecodeError:
        raise FileFormatError(name, "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(name, f"can't be read ({error.strerror or error})") from None
    header = lines[:_HEADER]
    for i, line in enumerate(header):
        if line.strip() and not line.lstrip().startswith("#"):
            raise FileFormatError(name, f"must have {_HEADER} lines of header, each empty or beginning with #", i + 1)
    if len(header) < _HEADER:
        raise FileFormatError(name, f"has {len(header)} lines, fewer than the {_HEADER} of the header")
    rows = ((i, line.split()) for i, line in enumerate(lines[_HEADER:], _HEADER + 1) if line.strip())
    return header, rows


def _fields(name: str, line: int, fields: list[str], columns: str, parse: tuple[Any, Any]) -> tuple[str, Any, Any]:
    if len(fields) != 3:
        raise FileFormatError(name, f"has {len(fields)} fields; must have three: {columns}", line)
    values = []
    for text, kind in zip(fields[1:], parse, strict=True):
        try:
            values.append(kind(text))
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise FileFormatError(name, f"{text!r} is no {what}; a row is {columns}", line) from None
    return fields[0], values[0], values[1]


def _read_places(
    file: str | os.PathLike[str], of_number: np.ndarray, segments: SegmentTable, strict: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]:
    """Return population, section and x of each synapse, and the populations' indices by name."""
    path = os.fspath(file)
    header, rows = _lines(file)
    told = _CELL.fullmatch(header[1])
    if told and told["digest"] != segments.sections_digest:
        text = f"was written for another cell, of {told['sections']} sections; this one has {len(segments.names)}"
        if strict:
            raise FileFormatError(path, f"{text}. strict=False reads it nevertheless", 2)
        logger.info("%s %s", path, text)
    names: dict[str, int] = {}
    population, section, places = [], [], []
    for line, fields in rows:
        name, number, x = _fields(path, line, fields, "population, section, x", (int, float))
        if not 0 <= number < len(of_number):
            raise FileFormatError(
                path, f"section {number} is none of the cell, which has 0 to {len(of_number) - 1}", line
            )
        if not 0 <= x <= 1:
            raise FileFormatError(path, f"x = {x:g} must be from 0 to 1, along the section", line)
        population.append(names.setdefault(name, len(names)))
        section.append(number)
        places.append(x)
    return np.array(population, np.int64), of_number[np.array(section, np.int64)], np.array(places, float), names


def _read_cells(
    file: str | os.PathLike[str], syn: str, names: Mapping[str, int], population: np.ndarray, strict: bool
) -> np.ndarray:
    """Return the presynaptic cell of each synapse, -1 where it has none."""
    path = os.fspath(file)
    header, rows = _lines(file)
    told = Path(header[1].lstrip("# \t").strip()).name
    if told != syn:
        text = f"belongs to the synapses in {told!r}, not to those in {syn!r}"
        if strict:
            raise FileFormatError(path, f"{text}. strict=False reads it nevertheless", 2)
        logger.info("%s %s", path, text)
    of_population = [np.flatnonzero(population == p) for p in names.values()]
    source = np.full(len(population), -1, np.int64)
    for line, fields in rows:
        name, cell, synapse = _fields(path, line, fields, "population, cell, synapse", (int, int))
        if name not in names:
            raise FileFormatError(path, f"population {name!r} has no synapses in {syn}", line)
        own = of_population[names[name]]
        if not 0 <= synapse < len(own):
            raise FileFormatError(path, f"{name} has no synapse {synapse}: {syn} has 0 to {len(own) - 1}", line)
        if cell < 0:
            raise FileFormatError(path, f"cell {cell} must be >= 0", line)
        if source[own[synapse]] >= 0:
            raise FileFormatError(path, f"synapse {synapse} of {name} is there twice, of cell {cell} too", line)
        source[own[synapse]] = cell
    if strict and (source < 0).any():
        row = int(np.flatnonzero(source < 0)[0])
        name = list(names)[population[row]]
        synapse = int(np.flatnonzero(of_population[population[row]] == row)[0])
        raise FileFormatError(
            path, f"synapse {synapse} of {name} has no presynaptic cell. strict=False leaves such out"
        )
    return source


def _kinds_of(
    kinds: SynapseType | Mapping[str, SynapseType], names: Mapping[str, int]
) -> tuple[dict[str, SynapseType], np.ndarray]:
    """Return the kinds by name, and the kind of each population."""
    table: dict[str, SynapseType] = {}
    of = np.zeros(len(names), np.int64)
    for population, i in names.items():
        kind = kinds if isinstance(kinds, SynapseType) else _of(kinds, "kinds", population)
        if not isinstance(kind, SynapseType):
            raise InvalidType(f"kinds[{population!r}]", kind, "must be a SynapseType")
        plain = "+".join(kind.receptors)
        name = plain if table.get(plain, kind) == kind else f"{plain} of {population}"
        table[name] = kind
        of[i] = list(table).index(name)
    return table, of


def _of(given: Any, path: str, population: str) -> Any:
    if not isinstance(given, Mapping):
        return given
    if population not in given:
        raise UnknownName(path, population, "population that it is given for", given)
    return given[population]


def _by_population(given: Any, name: str, names: Mapping[str, int], population: np.ndarray, seed: int) -> np.ndarray:
    values = np.zeros(len(population))
    for of, i in names.items():
        rows = np.flatnonzero(population == i)
        values[rows] = drawn_values(_of(given, name, of), name, Cells(population=of, first=0, seed=seed), len(rows))
    return values
