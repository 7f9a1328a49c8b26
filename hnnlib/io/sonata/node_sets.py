"""Node sets as SONATA's JSON file: a name -> a filter, or a list of names whose nodes are joined."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, InvalidType, MissingFile

__all__ = ["json_text", "read_json", "read_node_sets", "write_node_sets"]


def read_node_sets(file: str | os.PathLike[str]) -> dict[str, Any]:
    """Read node sets.

    Parameters
    ----------
    file : path-like
        The file.

    Returns
    -------
    node_sets : dict of str to filter
        As `hnnlib.plan.circuit.Circuit` takes them.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no JSON, or an entry is no filter.
    """
    node_sets = read_json(file)
    for name, value in node_sets.items():
        if not isinstance(value, dict | list):
            raise FileFormatError(file, f"node set {name!r} is {value!r}: must be an object of attributes or a list")
    return node_sets


def write_node_sets(node_sets: Mapping[str, Any], file: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write node sets.

    Parameters
    ----------
    node_sets : mapping of str to filter
        The node sets.
    file : path-like
        The file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidType
        If a filter is no plain data.
    OutputError
        If the file can't be written; an older file is then as it was.
    """
    atomic_write_text(file, json_text(node_sets, "node_sets"), overwrite)


def read_json(file: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    file : path-like
        The file.

    Returns
    -------
    data : dict
        What it holds.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it holds no JSON object; names the line.
    """
    try:
        data = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MissingFile(os.fspath(file)) from None
    except json.JSONDecodeError as error:
        raise FileFormatError(os.fspath(file), f"is no JSON: {error.msg}, column {error.colno}", error.lineno) from None
    except UnicodeDecodeError:
        raise FileFormatError(os.fspath(file), "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(os.fspath(file), f"can't be read ({error.strerror or error})") from None
    if not isinstance(data, dict):
        raise FileFormatError(os.fspath(file), f"holds a JSON {type(data).__name__}, not an object")
    return data


def json_text(data: Mapping[str, Any], path: str) -> str:
    """Return the text of a JSON file.

    Parameters
    ----------
    data : mapping
        Plain data; mappings, tuples and numpy's numbers and arrays included.
    path : str
        What the data are, for errors.

    Returns
    -------
    text : str
        The text, indented.

    Raises
    ------
    InvalidType
        If something can't be written.
    """
    try:
        return json.dumps(dict(data), indent=2, ensure_ascii=False, default=_plain) + "\n"
    except (TypeError, ValueError) as error:
        raise InvalidType(path, data, f"must be plain data as in JSON ({error})") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy's
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}")
