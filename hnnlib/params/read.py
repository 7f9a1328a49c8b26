"""Read HNN's flat parameter files: ``.json``, and the older ``.param`` with one ``key: value`` a line."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue
from hnnlib.base.resources import located
from hnnlib.params.params import Params, check, suggestion_for
from hnnlib.params.table import FIXED, canonical, evoked_input, evoked_keys, is_evoked_time, lookup

__all__ = ["read_params"]


def read_params(
    params_fname: str | os.PathLike[str], file_contents: str | bytes | None = None, strict: bool = True
) -> Params:
    """Read a flat parameter file.

    Parameters
    ----------
    params_fname : path-like
        The file: ``.json``, one object of keys and values, or ``.param``, lines of the form ``key: value``.
    file_contents : str or bytes, optional
        The text of the file, if it is at hand already. ``params_fname`` then only says what form it has.
    strict : bool
        What happens to keys that are no parameter: an error that lists them all, or, if False, one warning that does.

    Returns
    -------
    params : Params
        All parameters; those that the file doesn't give have the defaults of the table. Keys of older files are
        replaced by those they stand for, e.g. ``gbar_evprox_1_L2Pyr`` by ``gbar_evprox_1_L2Pyr_ampa`` and ``…_nmda``.

    Raises
    ------
    FileFormatError
        If the file can't be read, is no parameter file, has unknown or repeated keys, or a value that is not allowed.

    Warns
    -----
    UserWarning
        If ``strict`` is False and the file has unknown keys.
    """
    if not isinstance(params_fname, (str, os.PathLike)):
        raise InvalidType("params_fname", params_fname, "must be the path of a .json or .param file")
    path = located(Path(params_fname))
    parsers = {".json": _parse_json, ".param": _parse_param}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise FileFormatError(path, f"a parameter file ends in .json or .param, not {path.suffix!r}")
    text = _text(path, file_contents)
    given = parse(path, text)
    known, unknown = _sort_out(given)
    if unknown:
        listed = "; ".join(f"{name!r} {why}" for name, why in unknown.items())
        if strict:
            reason = f"has {len(unknown)} key(s) that can't be used: {listed}. With strict=False they are left out"
            raise FileFormatError(path, reason, _line_of(next(iter(unknown)), text))
        warnings.warn(f"{path}: left out {len(unknown)} key(s): {listed}", UserWarning, stacklevel=2)
    for name, item in known.items():
        try:
            for key in canonical(name):
                check(key, item)
        except InvalidValue as error:
            raise FileFormatError(path, f"{name}: {error.value!r} {error.allowed}", _line_of(name, text)) from None
    return Params(known)


def _text(path: Path, contents: str | bytes | None) -> str:
    if contents is None:
        try:
            contents = path.read_bytes()
        except FileNotFoundError:
            raise FileFormatError(path, "there is no such file") from None
        except IsADirectoryError:
            raise FileFormatError(path, "is a folder, not a parameter file") from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise FileFormatError(path, f"can't be read ({getattr(error, 'strerror', None) or error})") from error
    if isinstance(contents, bytes):
        contents = _decode(path, contents)
    if not isinstance(contents, str):
        raise InvalidType("file_contents", contents, "must be the text of a parameter file")
    contents = contents.removeprefix("\ufeff")  # the byte order mark that Windows editors put first
    if not contents.strip():
        raise FileFormatError(path, "is empty")
    return contents


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"is not text in UTF-8 (byte {data[error.start]:#04x} at {error.start}); is it a binary file?"
        raise FileFormatError(path, reason, line) from None


class _RepeatedKey(Exception):
    """A key that stands twice in one JSON object; never leaves this module."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in pairs:
        if name in found:
            raise _RepeatedKey(name)
        found[name] = item
    return found


def _parse_json(path: Path, text: str) -> dict[str, Any]:
    try:
        given = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        cut = " (is the file cut off?)" if at_end else ""
        reason = f"column {error.colno}: not valid JSON{cut}: {error.msg}"
        raise FileFormatError(path, reason, error.lineno) from None
    except _RepeatedKey as error:
        name = str(error)
        line = _line_of(name, text, last=True)
        raise FileFormatError(path, f"key {name!r} stands there more than once", line) from None
    except (RecursionError, ValueError) as error:  # ValueError: an integer with thousands of digits
        raise FileFormatError(path, f"not usable as JSON: {error}") from None
    if not isinstance(given, dict):
        reason = f'holds a JSON {type(given).__name__}; a parameter file holds one object: {{"key": value, ...}}'
        raise FileFormatError(path, reason, 1)
    kind = given.get("object_type")
    if kind == "Network":
        raise FileFormatError(path, "holds a whole network, not flat parameters; read_network_configuration() reads it")
    if kind is not None:
        raise FileFormatError(path, f"holds an object of type {kind!r}, not flat parameters")
    return given


def _parse_param(path: Path, text: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, colon, item = (part.strip() for part in line.partition(":"))
        if not (name and colon):
            raise FileFormatError(path, f"expected 'key: value', found {line.strip()[:60]!r}", number)
        if name in given:
            raise FileFormatError(path, f"key {name!r} stands there more than once", number)
        given[name] = _number_or_text(name, item)
    return given


def _number_or_text(name: str, item: str) -> Any:
    key = lookup(canonical(name)[0])
    if key is not None and key.kind == "text":
        return item
    if item.lower() in ("true", "false"):
        return item.lower() == "true"
    for number in (int, float):
        try:
            # Python reads 1_000 as a number; in a file it is a slip.
            return item if "_" in item else number(item)
        except ValueError:
            continue
    return item


def _sort_out(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the keys to keep, and key -> reason of those that can't be used."""
    stems = {evoked_input(name) for name in given if is_evoked_time(name)}
    names = [*FIXED, *(key for stem in stems if stem for key, _ in evoked_keys(stem))]
    known: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for name, item in given.items():
        keys = [lookup(key) for key in canonical(name)]
        stem = evoked_input(name)
        if None in keys:
            near = suggestion_for(name, names)
            unknown[name] = "is no parameter" + (f" (did you mean {near!r}?)" if near else "")
        elif stem is not None and stem not in stems:
            # HNN's graphical interface wrote seeds for inputs that a file doesn't have: nothing is lost with them.
            if not name.startswith("prng_seedcore_"):
                unknown[name] = f"belongs to no input (there is no 't_{stem}')"
        elif not any(key.dropped for key in keys if key is not None):
            known[name] = item
    return known, unknown


def _line_of(name: str, text: str, last: bool = False) -> int | None:
    """Return the 1-based line where a key stands, or None if it is written in another way (escapes)."""
    found = [match.start(1) for match in re.finditer(rf'(?:^\s*|")({re.escape(name)})"?\s*:', text, re.MULTILINE)]
    return text.count("\n", 0, found[-1 if last else 0]) + 1 if found else None
