"""hnnlib's own network files: the spec as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnnlib import __version__
from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.spec.network import NetworkSpec

__all__ = ["OBJECT_TYPE", "parsed", "spec_from", "write_spec"]

OBJECT_TYPE = "NetworkSpec"
"""What such a file says that it holds."""


def write_spec(spec: NetworkSpec, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a network's spec to a file; `spec_from` gives an equal one.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    path : path-like
        The file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If it can't be written; nothing is left there, or the older file as it was.
    """
    data = {"object_type": OBJECT_TYPE, "hnnlib": __version__, "network": to_plain(spec)}
    atomic_write_text(path, json.dumps(data, indent=2) + "\n", overwrite)


def parsed(path: str | os.PathLike[str]) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is cut off or no JSON; names the line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFile(file) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(file, f"can't be read as text ({error})") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = " (is the file cut off?)" if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg else ""
        raise FileFormatError(file, f"not valid JSON{cut}: {error.msg}", error.lineno) from None


def spec_from(data: Mapping[str, Any], path: str | os.PathLike[str]) -> NetworkSpec:
    """Return the spec that the data of such a file means.

    Parameters
    ----------
    data : dict
        What the file holds.
    path : path-like
        Its name, for errors.

    Raises
    ------
    FileFormatError
        If something in it is missing, unknown or not allowed; names the place within the file.
    """
    try:
        spec: NetworkSpec = from_plain(NetworkSpec, data.get("network"), "network")
    except InvalidValue as error:
        raise FileFormatError(path, str(error)) from error
    return spec
