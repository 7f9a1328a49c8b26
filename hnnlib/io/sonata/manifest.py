"""Variables of a configuration: ``$NAME`` or ``${NAME}`` in any text stands for what the manifest says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

__all__ = ["expanded", "standing_variables", "variables_of"]

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def standing_variables(file: Path, now: datetime) -> dict[str, str]:
    """Return the variables that every configuration has.

    Parameters
    ----------
    file : pathlib.Path
        The configuration.
    now : datetime
        What date and time mean.
    """
    return {
        "configdir": str(file.parent),
        "configfname": str(file),
        "workingdir": str(Path.cwd()),
        "date": f"{now:%Y-%m-%d}",
        "time": f"{now:%H-%M-%S}",
        "datetime": f"{now:%Y-%m-%d_%H-%M-%S}",
    }


def variables_of(manifest: Any, standing: Mapping[str, str], given: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the value of every variable, those that name others replaced.

    Parameters
    ----------
    manifest : mapping of str to str
        As in the file; a dollar sign before a name says nothing.
    standing : mapping of str to str
        Variables that hold unless the manifest says otherwise.
    given : mapping of str to str
        Values that come before the manifest's.
    where : str
        The file, for errors.

    Returns
    -------
    variables : dict of str to str
        By name, without dollar sign.

    Raises
    ------
    InvalidType
        If a value is no text.
    InvalidValue
        If a variable means itself.
    UnknownName
        If a value names a variable that isn't there.
    """
    if not isinstance(manifest, Mapping):
        raise InvalidType(f"{where}: manifest", manifest, "must be an object of variables")
    raw = {_name(key): value for key, value in {**standing, **manifest, **given}.items()}
    found: dict[str, str] = {}

    def value_of(name: str, above: tuple[str, ...], path: str) -> str:
        if name not in raw:
            raise UnknownName(path, f"${name}", "manifest variable", [f"${known}" for known in raw])
        if name in above:
            chain = " -> ".join(f"${step}" for step in (*above[above.index(name) :], name))
            raise InvalidValue(f"{where}: manifest", chain, "is a variable that means itself")
        if name not in found:
            if not isinstance(raw[name], str):
                raise InvalidType(f"{where}: manifest.{name}", raw[name], "must be text")
            below = f"{where}: manifest.{name}"
            found[name] = _VARIABLE.sub(lambda match: value_of(match[1] or match[2], (*above, name), below), raw[name])
        return found[name]

    for name in raw:
        value_of(name, (), f"{where}: manifest")
    return found


def expanded(data: Any, variables: Mapping[str, str], path: str) -> Any:
    """Return plain data with the variables in every text replaced.

    Parameters
    ----------
    data : object
        JSON's data.
    variables : mapping of str to str
        What `variables_of` returned.
    path : str
        Where the data stand, for errors.

    Raises
    ------
    UnknownName
        If there is no such variable.
    """
    if isinstance(data, Mapping):
        below = path if path.endswith(": ") else f"{path}."
        return {key: expanded(value, variables, f"{below}{key}") for key, value in data.items()}
    if isinstance(data, list):
        return [expanded(value, variables, f"{path}[{i}]") for i, value in enumerate(data)]
    if not isinstance(data, str):
        return data

    def value_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise UnknownName(path, match[0], "manifest variable", [f"${known}" for known in variables])
        return variables[name]

    return _VARIABLE.sub(value_of, data)


def _name(key: str) -> str:
    return key.lstrip("$").strip("{}")
