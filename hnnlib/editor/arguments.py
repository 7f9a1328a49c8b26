"""What users pass to the editor's methods, made into fields of specs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import within
from hnnlib.params.params import Params
from hnnlib.results.spike_data import SpikeData
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population

__all__ = ["METADATA", "check_keys", "custom_network", "deprecated", "drive_targets", "seeds", "spike_trains"]

METADATA = ("morpho_type", "electro_type", "layer", "measure_dipole", "reference", "color", "marker")


def check_keys(params: Mapping[str, Any]) -> None:
    """Raise for a key that is no parameter: a slip in a plain dict would else leave the default in force."""
    if not isinstance(params, Params):
        Params(params)


def deprecated(what: str) -> None:
    """Warn that something goes; called from a public method, so that the warning points at the user's line."""
    warnings.warn(f"deprecated: {what}", DeprecationWarning, stacklevel=4)


def seeds(event_seed: int | None, conn_seed: int | None, seedcore: int | None) -> dict[str, int | None]:
    """Return the seed fields of a drive; ``seedcore`` is the old name of ``event_seed``."""
    if seedcore is not None:
        deprecated("seedcore; use event_seed")
        event_seed = seedcore
    return {"event_seed": event_seed, "conn_seed": conn_seed}


def drive_targets(
    n_drive_cells: int | str,
    cell_specific: bool,
    weights_ampa: Mapping[str, float] | None,
    weights_nmda: Mapping[str, float] | None,
    space_constant: float,
    synaptic_delays: float | Mapping[str, float],
    probability: float | Mapping[str, float],
) -> dict[str, Any]:
    """Return the fields that say what a drive acts on, from the arguments of the ``add_*_drive`` methods."""
    if cell_specific != (n_drive_cells == "n_cells"):
        allowed = "must be 'n_cells' when cell_specific is True" if cell_specific else "must be a number of cells"
        raise InvalidValue("n_drive_cells", n_drive_cells, f"{allowed} (cell_specific={cell_specific})")
    weights: dict[str, dict[str, float]] = {}
    for receptor, given in (("ampa", weights_ampa), ("nmda", weights_nmda)):
        if given is not None and not isinstance(given, Mapping):
            raise InvalidType(f"weights_{receptor}", given, "must be a dict cell type -> weight (µS), or None")
        for target, weight in (given or {}).items():
            weights.setdefault(target, {})[receptor] = weight
    if not weights:
        raise InvalidValue("weights_ampa", weights_ampa, "and weights_nmda name no target cell type")
    return {
        "weights": weights,
        "n_drive_cells": n_drive_cells,
        "space_constant": space_constant,
        "delays": synaptic_delays,
        "probability": probability,
    }


def spike_trains(data: Any, population: str | None = None, nodes: Any = None) -> dict[str, Any]:
    """Return the fields ``sources``, ``trains`` (ms) and ``origin`` of a drive, however its spikes are given."""
    if hasattr(data, "spikes"):  # a source, see hnnlib.sources
        data = data.spikes(None if nodes is None else {"default" if population is None else population: nodes})
    elif isinstance(data, SpikeData) and nodes is not None:
        data = data.select(population, nodes)
    elif nodes is not None:
        raise InvalidType("nodes", nodes, "must be left out: only a source or SpikeData has nodes to choose from")
    if not isinstance(data, SpikeData):
        if population is not None:
            raise InvalidType("population", population, "must be left out: only a source or SpikeData has populations")
        sources, times = _trains_of(data)
        return {"sources": sources, "trains": times}
    trains = data.trains(population)
    return {"sources": tuple(trains), "trains": [train.tolist() for train in trains.values()], "origin": data.origin}


def _trains_of(data: Any) -> tuple[tuple[str | int, ...], tuple[tuple[float, ...], ...]]:
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        from hnnlib.results.cell_response import read_spikes

        response = read_spikes(data, gid_ranges={})
        pairs = list(zip(response.spike_times[0].tolist(), response.spike_gids[0].tolist(), strict=True))
        order = list(dict.fromkeys(gid for _, gid in pairs))
    elif isinstance(data, Mapping):
        return tuple(data), tuple(data.values())
    elif isinstance(data, Iterable):
        try:
            pairs = [(time, gid) for time, gid in data]
            order = sorted({gid for _, gid in pairs})
        except (TypeError, ValueError):
            raise InvalidType("spike_data", data, "must hold pairs (time, source), the sources of one type") from None
    else:
        raise InvalidType(
            "spike_data", data, "must be a dict source -> times, a list of (time, source), a file name or a source"
        )
    return tuple(order), tuple(tuple(t for t, g in pairs if g == gid) for gid in order)


def custom_network(pos_dict: Mapping[str, Any], cell_types: Mapping[str, Any], options: dict[str, Any]) -> NetworkSpec:
    """Return a network of the user's own cell types at given positions."""
    populations = {}
    for name, entry in cell_types.items():
        if name not in pos_dict:
            raise UnknownName("pos_dict", name, "entry", list(pos_dict))
        cell, metadata = entry, {}
        if isinstance(entry, Mapping):
            cell, metadata = entry.get("cell_object"), dict(entry.get("cell_metadata", {}))
        for key in metadata:
            if key not in METADATA:
                raise UnknownName(f"cell_types[{name!r}]['cell_metadata']", key, "field", METADATA)
        with within(f"cell_types[{name!r}]"):
            populations[name] = Population(cell=cell, place=AtPoints(points=pos_dict[name]), **metadata)
    return NetworkSpec(populations=populations, origin=pos_dict.get("origin"), **options)
