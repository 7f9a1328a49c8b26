"""SWC files: the points of a traced cell, one a line."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.embedding.form.domains import label_domains
from hnnlib.embedding.form.morphology import TYPES, Morphology
from hnnlib.embedding.form.trace import Trace, morphology_of

__all__ = ["parse_swc", "read_swc", "swc_text", "write_swc"]

_HEADER = "# id type x y z radius parent (µm); types: 1 soma, 2 axon, 3 basal, 4 apical"
_DOMAIN = "# hnnlib domain"
_LARGEST_UM = 1e7  # 10 m: axons of whales
_WORDS = "id, type, x, y, z, radius and parent"


def read_swc(path: str | os.PathLike[str], name: str | None = None) -> Morphology:
    """Read a morphology from an SWC file.

    The reader is strict, since tools differ in what they make of odd files: seven columns, no blank line between
    points, ids once each, parents before their children, one root that is of the soma, types 1 to 4, radii above 0.
    What follows a ``#`` is a comment. How points become sections, and those of the soma one, tells
    `hnnlib.embedding.form.trace.morphology_of`.

    Parameters
    ----------
    path : path-like
        The file.
    name : str, optional
        What the morphology is called; left out: as the file.

    Returns
    -------
    Morphology

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no sound SWC; names the line.
    """
    file = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise MissingFile(file) from None
    except OSError as error:
        raise FileFormatError(file, f"can't be read ({error.strerror or error})") from None
    if b"\0" in data:
        raise FileFormatError(file, "is no text: it has a NUL byte", data[: data.index(b"\0")].count(b"\n") + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # old files have it in comments; elsewhere a letter is an error anyway
    return parse_swc(text, name=name or Path(path).stem, file=file)


def parse_swc(text: str, *, name: str = "morphology", file: str = "SWC text") -> Morphology:
    """Return the morphology that the text of an SWC file describes.

    Parameters
    ----------
    text : str
        What the file holds.
    name : str
        What the morphology is called.
    file : str
        The file, for errors; the morphology's source is its name.

    Returns
    -------
    Morphology

    Raises
    ------
    FileFormatError
        If it is no sound SWC; names the line.
    """
    index: dict[int, int] = {}
    columns: list[tuple[int, list[float], int, int]] = []
    domains: dict[str, tuple[str, int]] = {}
    blank = 0
    for number, line in enumerate(re.split("\r\n|\n|\r", text), 1):
        if line.startswith(_DOMAIN):
            section, _, domain = line.removeprefix(_DOMAIN).partition("=")
            domains[section.strip()] = (domain.strip(), number)
        words = line.partition("#")[0].replace(",", " , ").split()
        if not words:
            blank = blank or (number if columns and not line.strip() else 0)
            continue
        if blank:
            raise FileFormatError(file, "is blank, inside the data", blank)
        point, kind, place, above = _point(words, file, number)
        if point in index:
            raise FileFormatError(file, f"id {point} is given twice; first in line {columns[index[point]][3]}", number)
        if above != -1 and above not in index:
            raise FileFormatError(file, f"parent {above} of point {point} is on no line before it", number)
        index[point] = len(columns)
        columns.append((kind, place, index.get(above, -1) if above != -1 else -1, number))
    if not columns:
        raise FileFormatError(file, "holds no points")
    table = np.array([place for _, place, _, _ in columns])
    trace = Trace(
        kind=np.array([kind for kind, _, _, _ in columns]),
        xyz=table[:, :3],
        diam=2 * table[:, 3],
        parent=np.array([above for _, _, above, _ in columns]),
        line=np.array([number for _, _, _, number in columns]),
        file=file,
    )
    morphology = morphology_of(trace, name, Path(file).name)
    for section, (domain, number) in domains.items():
        try:
            morphology = morphology.with_domains({section: domain})
        except UnknownName as error:
            raise FileFormatError(file, str(error), number) from None
    return morphology


def _point(words: list[str], file: str, number: int) -> tuple[int, int, list[float], int]:
    """Return id, type, [x, y, z, radius] and parent of a line."""
    if len(words) != 7:
        raise FileFormatError(file, f"has {len(words)} columns; must have 7: {_WORDS}", number)
    whole = []
    for word, what in ((words[0], "id"), (words[1], "type"), (words[6], "parent")):
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", word):
            raise FileFormatError(file, f"{what} {word[:40]!r} is no whole number", number)
        whole.append(int(word))
    place = []
    for word, what in zip(words[2:6], ("x", "y", "z", "radius"), strict=True):
        try:
            value = float(word) if "_" not in word else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise FileFormatError(file, f"{what} {word[:40]!r} is no finite number", number)
        if abs(value) > _LARGEST_UM:
            raise FileFormatError(file, f"{what} {word[:40]} is beyond any cell ({_LARGEST_UM:g} µm)", number)
        place.append(value)
    point, kind, above = whole
    if point < 0:
        raise FileFormatError(file, f"id {point} must be >= 0", number)
    if not 1 <= kind <= len(TYPES):
        raise FileFormatError(
            file, f"type {kind} is none of 1 (soma), 2 (axon), 3 (basal dendrite) and 4 (apical dendrite)", number
        )
    if place[3] <= 0:
        raise FileFormatError(file, f"radius {place[3]:g} must be > 0 µm", number)
    if above < -1:
        raise FileFormatError(file, f"parent {above} must be an id, or -1 for the root", number)
    return point, kind, place, above


def write_swc(morphology: Morphology, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write a morphology to an SWC file, from which `read_morphology` makes the same one again.

    It is the same to the last bit. Domains other than those by rule stand in comments, which hnnlib reads and others
    leave alone.

    Parameters
    ----------
    morphology : Morphology
        A cell.
    path : path-like
        The file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidValue
        If SWC can't hold it: its names, order or tree are not those that reading gives.
    OutputError
        If the file can't be written; an older one is then untouched.
    """
    atomic_write_text(path, swc_text(morphology), overwrite)


def swc_text(morphology: Morphology) -> str:
    """Return a morphology as the text of an SWC file.

    Parameters
    ----------
    morphology : Morphology
        A cell.

    Returns
    -------
    text : str

    Raises
    ------
    InvalidValue
        If SWC can't hold it: its names, order or tree are not those that reading gives.
    """
    by_rule = label_domains(morphology).domains
    lines = [f"# {morphology.name}", _HEADER]
    for section, domain, rule in zip(morphology.names, morphology.domains, by_rule, strict=True):
        if domain != rule:
            lines.append(f"{_DOMAIN} {section} = {domain}")
    number = 0
    last: list[int] = []  # id of each section's last point
    for i, points in enumerate(morphology.points):
        kind = TYPES.index(morphology.types[i]) + 1
        above = int(morphology.parent[i])
        if above < 0:
            before = -1
        elif above == 0:
            # Of three points, all sit on the middle one: to NEURON the way from there is then no dendrite. The reader
            # knows the end by the type.
            n_soma = len(morphology.points[0])
            before = (n_soma + 1) // 2 if n_soma != 2 else 1 + int(morphology.parent_end[i])
        else:
            before = last[above]
        repeated = above > 0 and (points[0] == morphology.points[above][-1]).all()
        for x, y, z, diam in points[int(repeated) :].tolist():
            number += 1
            lines.append(f"{number} {kind} {_short(x)} {_short(y)} {_short(z)} {_short(diam / 2)} {before}")
            before = number
        last.append(number)
    text = "\n".join(lines) + "\n"
    try:
        same = parse_swc(text, name=morphology.name) == morphology
    except FileFormatError as error:
        raise InvalidValue("morphology", repr(morphology), f"can't be written as SWC ({error.reason})") from None
    if not same:
        raise InvalidValue(
            "morphology",
            repr(morphology),
            "can't be written as SWC: its sections, their names or order are not those that reading it gives",
        )
    return text


def _short(value: float) -> str:
    return repr(value).removesuffix(".0")
