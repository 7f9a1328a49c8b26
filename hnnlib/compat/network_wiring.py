"""The connections and drives of HNN-core's network files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.schema import within
from hnnlib.compat.node import Node
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive

__all__ = ["Wiring", "drive_of"]


class Wiring:
    """The entries under ``connectivity``, sorted into connections between cells and those of drives.

    Parameters
    ----------
    data : Node
        The network.
    first : dict
        Cell type or drive -> its first gid.
    sizes : dict
        Cell type -> number of cells.
    """

    def __init__(self, data: Node, first: Mapping[str, int], sizes: Mapping[str, int]) -> None:
        self._first, self.sizes = first, sizes
        self.local: list[ConnectionSpec] = []
        self.thresholds: dict[str, float] = {}
        self.of_drives: dict[str, list[tuple[str, str, Node]]] = {}
        known = (*sizes, *data["external_drives"].keys())
        for entry in data["connectivity"].list():
            source, target = entry["src_type"].text(), entry["target_type"].text()
            if target not in sizes:
                raise UnknownName(f"{entry.path}.target_type", target, "cell type", sizes)
            if source not in known:
                raise UnknownName(f"{entry.path}.src_type", source, "cell type or drive", known)
            if source in sizes:
                # the last one wins, as where NEURON is told: a cell has one threshold
                self.thresholds[source] = entry["nc_dict"]["threshold"].number()
                self.local.append(self._connection(entry, source, target))
            else:
                self.of_drives.setdefault(source, []).append((target, entry["receptor"].text(), entry))

    def _connection(self, entry: Node, source: str, target: str) -> ConnectionSpec:
        nc = entry["nc_dict"]
        with within(entry.path):
            return ConnectionSpec(
                source=source,
                target=target,
                location=entry["loc"].text(),
                receptor=entry["receptor"].text(),
                weight=nc["A_weight"].number(),
                delay=nc["A_delay"].number(),
                space_constant=nc["lamtha"].number(),
                gain=nc.get("gain", 1.0).number(),
                **self._pairs(entry, source, target),
            )

    def _pairs(self, entry: Node, source: str, target: str) -> dict[str, Any]:
        """Return the fields that say which pairs are joined: all of two groups of cells, or the very pairs.

        Pairs that HNN-core pruned stay as they were; its own reader prunes them once more.
        """
        pairs = [
            (_gid(key, entry) - self._first[source], gid.integer() - self._first[target])
            for key, targets in entry["gid_pairs"].items()
            for gid in targets.list()
        ]
        for side, name, k in (("source", source, 0), ("target", target, 1)):
            wrong = [pair[k] for pair in pairs if not 0 <= pair[k] < self.sizes[name]]
            if wrong:
                raise InvalidValue("gid_pairs", wrong[0] + self._first[name], f"is no gid of the {side}, {name}")
        sources, targets = sorted({i for i, _ in pairs}), sorted({j for _, j in pairs})
        autapses = bool(entry.get("allow_autapses", 1).value)
        everyone = [(i, j) for i in sources for j in targets if autapses or source != target or i != j]
        fields: dict[str, Any] = {"allow_autapses": autapses}
        if not pairs or sorted(pairs) != everyone:
            return {**fields, "pairs": tuple(pairs)}
        if sources != list(range(self.sizes[source])):
            fields["source_cells"] = tuple(sources)
        if targets != list(range(self.sizes[target])):
            fields["target_cells"] = tuple(targets)
        return fields


def _gid(key: str, entry: Node) -> int:
    if not key.lstrip("-").isdigit():
        raise InvalidValue("gid_pairs", key, "must be the gid of a source cell")
    return int(key)


# --------------------------------------------------------------------------------------------------------- drives

_KINDS: tuple[tuple[str, type, tuple[str, ...]], ...] = (
    ("evoked", EvokedDrive, ("mu", "sigma", "numspikes")),
    ("gaussian", EvokedDrive, ("mu", "sigma", "numspikes")),
    ("poisson", PoissonDrive, ("tstart", "tstop", "rate_constant")),
    ("bursty", BurstyDrive, ("tstart", "tstart_std", "tstop", "burst_rate", "burst_std", "numspikes", "spike_isi")),
    ("spike_train", SpikeTrainDrive, ("times", "gids")),
)


def drive_of(name: str, entry: Node, wiring: Wiring) -> DriveSpec:
    """Return a drive; what its connections say counts, since they can be edited for themselves."""
    kinds = {kind: (cls, fields) for kind, cls, fields in _KINDS}
    kind = entry["type"].text()
    if kind not in kinds:
        raise UnknownName(f"{entry.path}.type", kind, "kind of drive", kinds)
    cls, names = kinds[kind]
    targets = _targets(entry, wiring.of_drives.get(name, []))
    if entry["cell_specific"].value:
        _add_unheard(targets, entry["n_drive_cells"].integer(), wiring.sizes)
    given = {field: entry["dynamics"].get(field).value for field in names}
    if cls is SpikeTrainDrive:
        fields = _trains(entry)
    else:
        fields = {"rate" if field == "rate_constant" else field: value for field, value in given.items()}
        fields["n_drive_cells"] = "n_cells" if entry["cell_specific"].value else entry["n_drive_cells"].integer()
        fields["event_seed"] = entry.get("event_seed").value
        if isinstance(fields.get("rate"), Mapping):
            fields["rate"] = _rate(fields["rate"], targets["weights"], fields["n_drive_cells"])
    with within(f"external_drives[{name!r}]"):
        drive: DriveSpec = cls(
            location=entry["location"].text(), conn_seed=entry.get("conn_seed").value, **targets, **fields
        )
    return drive


def _targets(entry: Node, connections: list[tuple[str, str, Node]]) -> dict[str, Any]:
    if not connections:
        raise InvalidValue(entry.path, entry["name"].value, "has no connection under connectivity, so it does nothing")
    weights: dict[str, dict[str, float]] = {}
    delays, probability, lengths = {}, {}, set()
    for target, receptor, c in connections:
        nc = c["nc_dict"]
        weights.setdefault(target, {})[receptor] = nc["A_weight"].number() * nc.get("gain", 1.0).number()
        delays[target] = nc["A_delay"].number()
        probability[target] = c.get("probability", 1.0).number()
        lengths.add(nc["lamtha"].number())
    if len(lengths) > 1:
        raise InvalidValue(
            entry.path, sorted(lengths), "are the space constants (lamtha) of its connections; one is allowed"
        )
    return {
        "weights": weights,
        "delays": _common(delays, entry.get("synaptic_delays").value),
        "probability": _common(probability, entry.get("probability").value),
        "space_constant": lengths.pop(),
    }


def _add_unheard(targets: dict[str, Any], n_drive_cells: int, sizes: Mapping[str, int]) -> None:
    """Add the cell types for which legacy mode made drive cells that nobody hears."""
    others = [name for name in sizes if name not in targets["weights"]]
    if others and n_drive_cells == sum(sizes.values()):
        targets["weights"] |= {key: {} for key in others}
        for field, value in (("delays", 0.1), ("probability", 1.0)):
            if isinstance(targets[field], dict):
                targets[field] |= dict.fromkeys(others, value)


def _common(values: dict[str, float], given: Any) -> float | dict[str, float]:
    """Return one number for all targets where the file has one and the connections agree."""
    if not isinstance(given, Mapping) and len(set(values.values())) == 1:
        return next(iter(values.values()))
    return values


def _rate(rates: Mapping[str, float], targets: Mapping[str, Any], n_drive_cells: Any) -> Any:
    kept = {target: rate for target, rate in rates.items() if target in targets}
    if n_drive_cells != "n_cells" and len(set(kept.values())) == 1:
        return next(iter(kept.values()))
    return kept


def _trains(entry: Node) -> dict[str, Any]:
    """Return one train of spikes for each drive cell."""
    n = entry["n_drive_cells"].integer()
    sources = list(entry.get("source_to_gid_map", {}).items())
    names = [source for source, _ in sorted(sources, key=lambda item: item[1].integer())] or [str(k) for k in range(n)]
    times, owners = (
        entry["dynamics"]["times"].list(),
        entry["dynamics"]["gids"].list(len(entry["dynamics"]["times"].list())),
    )
    trains: list[list[float]] = [[] for _ in range(n)]
    number = {name: k for k, name in enumerate(names)}
    for time, owner in zip(times, owners, strict=True):
        k = number.get(str(owner.value), owner.value if isinstance(owner.value, int) else -1)
        if not 0 <= k < n:
            raise InvalidValue(owner.path, owner.value, f"is none of the drive's {n} sources")
        trains[k].append(time.number())
    return {"trains": tuple(map(tuple, trains)), "sources": tuple(names), "n_drive_cells": n}
