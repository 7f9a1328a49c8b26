"""Configuration files: which files make a circuit, and how a simulation of it runs.

The dialect is SONATA's as BMTK uses it. A config may link to others by the keys ``network`` (the circuit) and
``simulation``; what stands in the linking file comes first. Relative paths begin at the folder of the file that they
stand in, whatever the working directory is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from immutabledict import immutabledict

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import InvalidType, InvalidValue, MissingFile
from hnnlib.base.log import logger
from hnnlib.io.sonata.config_keys import FILE_KEYS, NO_PATHS, unknown_keys
from hnnlib.io.sonata.manifest import expanded, standing_variables, variables_of
from hnnlib.io.sonata.node_sets import json_text, read_json, read_node_sets

__all__ = ["SimulationConfig", "config_texts", "read_config", "write_config"]

LINKS = ("network", "simulation")
SECTIONS = ("run", "conditions", "output", "components", "inputs", "reports")
_NUMBERS = (("run", ("tstart", "tstop", "duration", "dt")), ("conditions", ("celsius", "v_init")))


@attrs.frozen(kw_only=True)
class SimulationConfig:
    """What a configuration says: links followed, variables replaced, paths absolute, disabled entries left out.

    Parameters
    ----------
    file : str
        The file that was read.
    run : mapping
        ``tstop``, ``dt`` (ms) and others; empty in the config of a circuit alone.
    conditions : mapping
        ``celsius`` (°C), ``v_init`` (mV) and others.
    output : mapping
        ``output_dir`` and names of files in it.
    components : mapping of str to str
        Folders by their keys.
    networks : mapping of str to tuple of mapping
        Under ``nodes`` and ``edges``, the files of each.
    inputs, reports : mapping of str to mapping
        By name. Units are those of the target simulator.
    node_sets : mapping of str to filter
        From the file of node sets and from the config itself.
    target_simulator : str or None
        ``NEURON``, ``NEST`` or another.
    warnings : tuple of str
        What was found odd: unknown keys, folders that aren't there.
    """

    file: str = ""
    run: Mapping[str, Any] = immutabledict()
    conditions: Mapping[str, Any] = immutabledict()
    output: Mapping[str, Any] = immutabledict()
    components: Mapping[str, str] = immutabledict()
    networks: Mapping[str, tuple[Mapping[str, Any], ...]] = immutabledict(nodes=(), edges=())
    inputs: Mapping[str, Mapping[str, Any]] = immutabledict()
    reports: Mapping[str, Mapping[str, Any]] = immutabledict()
    node_sets: Mapping[str, Any] = immutabledict()
    target_simulator: str | None = None
    warnings: tuple[str, ...] = ()


def read_config(
    file: str | os.PathLike[str], variables: Mapping[str, str] | None = None, now: datetime | None = None
) -> SimulationConfig:
    """Read a configuration and those it links to.

    Parameters
    ----------
    file : path-like
        The config of a simulation, of a circuit, or one that links both.
    variables : mapping of str to str, optional
        Values of manifest variables, before those of the files.
    now : datetime, optional
        What ``${date}``, ``${time}`` and ``${datetime}`` mean; the time of the call if left out.

    Returns
    -------
    config : SimulationConfig
        Its warnings have been logged.

    Raises
    ------
    MissingFile
        If the config, or a file that it names, does not exist; names the config and the key.
    FileFormatError
        If a file is no JSON object.
    InvalidValue
        If a manifest variable is unknown or means itself, or a value is of the wrong type.
    """
    main = Path(file).resolve()
    parts = list(_parts(main, {}, variables or {}, now or datetime.now(), ()))
    warnings = tuple(message for part in parts for message in part.pop("warnings"))
    for message in warnings:
        logger.warning("%s", message)
    # The first that says something holds: a linking file comes before those that it links to.
    merged: dict[str, dict[str, Any]] = {section: {} for section in (*SECTIONS, "node_sets")}
    for part in reversed(parts):
        for section, entries in merged.items():
            entries.update(part[section])
    merged["output"].setdefault("output_dir", str(main.parent / "output"))
    networks = {kind: [entry for part in parts for entry in part["networks"][kind]] for kind in ("nodes", "edges")}
    simulators = [part["target_simulator"] for part in parts if part["target_simulator"] is not None]
    return SimulationConfig(
        file=str(main),
        **{section: _frozen(entries) for section, entries in merged.items()},
        networks=_frozen(networks),
        target_simulator=simulators[0] if simulators else None,
        warnings=warnings,
    )


def write_config(
    config: SimulationConfig, folder: str | os.PathLike[str], *, base_dir: str = ".", overwrite: bool = True
) -> Path:
    """Write a configuration as the files that BMTK's users know, all of them or none.

    Parameters
    ----------
    config : SimulationConfig
        The configuration.
    folder : path-like
        An existing folder, which gets ``config.json`` and what it links to, ``circuit_config.json`` and
        ``simulation_config.json``, and ``node_sets.json``. Paths below it are written relative to it.
    base_dir : str
        What the manifest's ``$BASE_DIR`` says. ``.`` is the config's folder for hnnlib and libsonata, and the working
        directory for BMTK; ``${configdir}`` is the config's folder for hnnlib and BMTK, and unknown to libsonata.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    file : pathlib.Path
        The file ``config.json``.

    Raises
    ------
    InvalidType
        If something is no plain data.
    OutputError
        If a file can't be written; older files are then as they were.
    """
    base = Path(folder).resolve()
    with ExitStack() as files:
        for name, text in config_texts(config, base, base_dir).items():
            files.enter_context(replacing(base / name, overwrite)).write_text(text, encoding="utf-8")
    return base / "config.json"


def config_texts(config: SimulationConfig, base: Path, base_dir: str) -> dict[str, str]:
    """Return the text of each file that `write_config` writes, by its name.

    Parameters
    ----------
    config : SimulationConfig
        The configuration.
    base : pathlib.Path
        The absolute folder that they are for.
    base_dir : str
        What the manifest's ``$BASE_DIR`` says.

    Raises
    ------
    InvalidType
        If something is no plain data.
    """
    node_sets_file = {"node_sets_file": str(base / "node_sets.json")}
    # libsonata does not read a simulation without a seed.
    run = {"run": {"random_seed": 0, **config.run}} if config.run else {}
    sections = {section: getattr(config, section) for section in ("conditions", "output", "inputs", "reports")}
    simulation = {"target_simulator": config.target_simulator, **run, **sections}
    files = {
        "config.json": {
            "network": str(base / "circuit_config.json"),
            "simulation": str(base / "simulation_config.json"),
        },
        "circuit_config.json": {"components": config.components, "networks": config.networks, **node_sets_file},
        "simulation_config.json": {key: value for key, value in simulation.items() if value} | node_sets_file,
    }
    texts = {
        name: json_text({"manifest": {"$BASE_DIR": base_dir}, **_below(data, base)}, name)
        for name, data in files.items()
    }
    return texts | {"node_sets.json": json_text(config.node_sets, "node_sets")}


def _below(data: Any, base: Path) -> Any:
    """Return plain data with the paths below a folder written relative to it."""
    if isinstance(data, Mapping):
        return {key: _below(value, base) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [_below(value, base) for value in data]
    if isinstance(data, str) and os.path.isabs(data) and Path(data).is_relative_to(base):
        return f"$BASE_DIR/{Path(data).relative_to(base).as_posix()}"
    return data


# ------------------------------------------------------------------------------------------------- one file


def _parts(
    file: Path, outer: Mapping[str, str], given: Mapping[str, str], now: datetime, above: tuple[Path, ...]
) -> Iterator[dict[str, Any]]:
    """Yield what a file says, then what those say that it links to."""
    if file in above:
        chain = " -> ".join(link.name for link in (*above, file))
        raise InvalidValue(str(above[-1]), chain, "are configs that link to each other")
    data = read_json(file)
    where = f"{file}: "
    variables = variables_of(data.pop("manifest", {}), {**outer, **standing_variables(file, now)}, given, str(file))
    node_sets = data.pop("node_sets", {})
    data = expanded(data, variables, where)
    part: dict[str, Any] = {"warnings": [f"{where}{message}" for message in unknown_keys(data)]}
    for section in SECTIONS:
        part[section] = {
            name: entry
            for name, entry in _section(data, section, where).items()
            if section not in ("inputs", "reports") or _is_enabled(entry, f"{where}{section}.{name}")
        }
    _check_numbers(part, where)
    paths = _Paths(file, part["warnings"])
    paths.replace(part)
    part["networks"] = {kind: paths.networks(_section(data, "networks", where), kind) for kind in ("nodes", "edges")}
    part["node_sets"] = dict(_section({"node_sets": node_sets}, "node_sets", where))
    if data.get("node_sets_file") is not None:
        node_sets_file = paths.existing(data["node_sets_file"], "node_sets_file")
        part["node_sets"] = read_node_sets(node_sets_file) | part["node_sets"]
    part["target_simulator"] = data.get("target_simulator")
    yield part
    for link in LINKS:
        if data.get(link) is not None:
            child = Path(paths.existing(data[link], link)).resolve()
            yield from _parts(child, variables, given, now, (*above, file))


def _section(data: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    section = data.get(name) or {}
    if not isinstance(section, dict):
        raise InvalidType(f"{where}{name}", section, "must be an object")
    return section


def _is_enabled(entry: Any, path: str) -> bool:
    if not isinstance(entry, dict):
        raise InvalidType(path, entry, "must be an object")
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidType(f"{path}.enabled", enabled, "must be true or false")
    return enabled


def _check_numbers(part: Mapping[str, Any], where: str) -> None:
    for section, names in _NUMBERS:
        for name in names:
            value = part[section].get(name, 0.0)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidType(f"{where}{section}.{name}", value, "must be a number")


class _Paths:
    """Makes the paths of one config absolute, and tells which of its files are not there."""

    def __init__(self, file: Path, warnings: list[str]) -> None:
        self.file, self.warnings = file, warnings

    def absolute(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise InvalidType(f"{self.file}: {key}", value, "must be a path")
        return os.path.normpath(self.file.parent / value)

    def existing(self, value: Any, key: str) -> str:
        path = self.absolute(value, key)
        if not os.path.exists(path):
            raise MissingFile(path, f"there is no such file; {self.file} names it in {key!r}")
        return path

    def replace(self, part: dict[str, dict[str, Any]]) -> None:
        """Make paths absolute in all sections but the networks."""
        for key, value in part["components"].items():
            if isinstance(value, str) and key not in NO_PATHS:
                part["components"][key] = path = self.absolute(value, f"components.{key}")
                if not os.path.isdir(path):
                    self.warnings.append(f"{self.file}: components.{key}: there is no folder {path!r}")
        if "output_dir" in part["output"]:
            part["output"]["output_dir"] = self.absolute(part["output"]["output_dir"], "output.output_dir")
        for section, keys in FILE_KEYS:
            for name, entry in part[section].items():
                for key in keys:
                    value, path = entry.get(key), f"{section}.{name}.{key}"
                    if isinstance(value, str):
                        entry[key] = self.existing(value, path)
                    elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
                        entry[key] = [self.existing(v, f"{path}[{i}]") for i, v in enumerate(value)]

    def networks(self, networks: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
        """Return the enabled entries of ``networks.nodes`` or ``networks.edges``."""
        entries = networks.get(kind) or []
        if not isinstance(entries, list):
            raise InvalidType(f"{self.file}: networks.{kind}", entries, "must be a list")
        found = []
        for i, entry in enumerate(entries):
            path = f"networks.{kind}[{i}]"
            if _is_enabled(entry, f"{self.file}: {path}"):
                rows, types = f"{kind}_file", f"{kind[:-1]}_types_file"
                files = {rows: self.existing(entry.get(rows), f"{path}.{rows}")}
                if entry.get(types) not in (None, "", "NULL"):
                    files[types] = self.existing(entry[types], f"{path}.{types}")
                found.append({key: value for key, value in entry.items() if key not in (types, "enabled")} | files)
        return found


def _frozen(data: Any) -> Any:
    if isinstance(data, dict):
        return immutabledict({key: _frozen(value) for key, value in data.items()})
    return tuple(_frozen(value) for value in data) if isinstance(data, list) else data
