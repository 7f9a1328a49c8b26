"""Dict-like views of a network's parts: reading looks into its frozen spec, writing puts a new one in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, Drive, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec

__all__ = ["BiasViews", "ConnectionViews", "DriveViews"]

_SYNC = "sync_within_trial"


class _Editor(Protocol):
    """What a view needs of a network."""

    @property
    def spec(self) -> NetworkSpec: ...

    def put(self, path: str, value: Any) -> None: ...

    def drive_events(self, name: str) -> list[list[Any]]: ...


class _Fields(MutableMapping[str, Any]):
    """Fields of one spec under the names that users know."""

    def __init__(self, net: _Editor, read: Callable[[], dict[str, Any]], paths: Mapping[str, str], where: str) -> None:
        self._net, self._read, self._paths, self._where = net, read, paths, where

    def __getitem__(self, name: str) -> Any:
        fields = self._read()
        if name not in fields:
            raise KeyError(name)
        return fields[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._paths:
            if name in self._read():
                raise InvalidValue(f"{self._where}[{name!r}]", value, "follows from other values and can't be set")
            raise UnknownName(self._where, name, "name", [*self._read()])
        self._net.put(self._paths[name], value)

    def __delitem__(self, name: str) -> None:
        raise InvalidValue(f"{self._where}[{name!r}]", name, "can't be deleted")

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(dict(self._read()))


_DYNAMICS: Mapping[type, tuple[str, ...]] = immutabledict(
    {
        EvokedDrive: ("mu", "sigma", "numspikes"),
        PoissonDrive: ("tstart", "tstop", "rate"),
        BurstyDrive: ("tstart", "tstart_std", "tstop", "burst_rate", "burst_std", "numspikes", "spike_isi"),
        SpikeTrainDrive: (),
    }
)


class _Dynamics(_Fields):
    """When a drive fires. ``sync_within_trial`` (one drive cell for all targets) is offered for evoked drives."""

    def __init__(self, net: _Editor, name: str) -> None:
        drive = net.spec.drives[name]
        known = {("rate_constant" if f == "rate" else f): f for f in _DYNAMICS[type(drive)]}
        paths = {shown: f"drives['{name}'].{field}" for shown, field in known.items()}

        def read() -> dict[str, Any]:
            current = net.spec.drives[name]
            values = {shown: to_plain(getattr(current, field)) for shown, field in known.items()}
            if isinstance(current, SpikeTrainDrive):
                values["times"] = [t for train in current.trains for t in train]
                values["gids"] = [k for k, train in enumerate(current.trains) for _ in train]
            if isinstance(current, EvokedDrive) and current.n_drive_cells == 1:
                values[_SYNC] = True
            return values

        super().__init__(net, read, paths, f"external_drives[{name!r}]['dynamics']")
        self._name, self._evoked = name, isinstance(drive, EvokedDrive)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == _SYNC and self._evoked:
            if not isinstance(value, bool):
                raise InvalidType(f"{self._where}[{name!r}]", value, "must be True or False")
            self._net.put(f"drives['{self._name}'].n_drive_cells", 1 if value else "n_cells")
            return
        super().__setitem__(name, value)


class DriveViews(Mapping[str, Mapping[str, Any]]):
    """``net.external_drives``: name -> drive."""

    def __init__(self, net: _Editor) -> None:
        self._net = net

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        if name not in self._net.spec.drives:
            raise KeyError(name)
        return _Fields(self._net, lambda: self._describe(name), self._paths(name), f"external_drives[{name!r}]")

    @staticmethod
    def _paths(name: str) -> dict[str, str]:
        path = f"drives['{name}']"
        fields = ("location", "n_drive_cells", "event_seed", "conn_seed", "probability", "space_constant")
        return {**{f: f"{path}.{f}" for f in fields}, "synaptic_delays": f"{path}.delays"}

    def _describe(self, name: str) -> dict[str, Any]:
        spec = self._net.spec
        drive: Drive = spec.drives[name]
        targets = [t for t in spec.populations if t in drive.weights]
        weights = {
            receptor: {t: drive.weights[t][receptor] for t in targets if receptor in drive.weights[t]}
            for receptor in dict.fromkeys(r for t in targets for r in ("ampa", "nmda", *drive.weights[t]))
        }
        return {
            "name": name,
            "type": "gaussian" if name == "extgauss" else drive.kind,  # type: ignore[attr-defined]
            "location": drive.location,
            "n_drive_cells": spec.gid_counts()[name],
            "cell_specific": drive.cell_specific,
            "event_seed": drive.event_seed,
            "conn_seed": drive.conn_seed,
            "dynamics": _Dynamics(self._net, name),
            **{f"weights_{receptor}": values for receptor, values in weights.items()},
            "synaptic_delays": to_plain(drive.delays),
            "probability": to_plain(drive.probability),
            "space_constant": drive.space_constant,
            "target_types": targets,
            "events": self._net.drive_events(name),
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._net.spec.drives)

    def __len__(self) -> int:
        return len(self._net.spec.drives)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name!r}: {drive.kind}" for name, drive in self._net.spec.drives.items())
        return f"<{len(self)} external drives | {kinds}>" if kinds else "<no external drives>"


class BiasViews(Mapping[str, Mapping[str, Mapping[str, Any]]]):
    """``net.external_biases``: name -> cell type -> bias."""

    def __init__(self, net: _Editor) -> None:
        self._net = net

    def __getitem__(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        found = {}
        for target in self._net.spec.biases[name]:
            path = f"biases['{name}']['{target}']"
            paths = {f: f"{path}.{f}" for f in ("amplitude", "t0", "tstop", "section")}

            def read(target: str = target) -> dict[str, Any]:
                return dict(to_plain(self._net.spec.biases[name][target]))

            found[target] = _Fields(self._net, read, paths, f"external_biases[{name!r}][{target!r}]")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._net.spec.biases)

    def __len__(self) -> int:
        return len(self._net.spec.biases)

    def __repr__(self) -> str:
        return repr({name: dict(self[name]) for name in self})


class _Contact(_Fields):
    """What a drive's connection to one cell type says; its delay may differ from those to others."""

    def __init__(
        self,
        net: _Editor,
        read: Callable[[], dict[str, Any]],
        paths: Mapping[str, str],
        where: str,
        ends: tuple[str, str],
    ) -> None:
        super().__init__(net, read, paths, where)
        self._name, self._target = ends

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "A_delay":
            drive = self._net.spec.drives[self._name]
            delays = {target: drive.delay_to(target) for target in drive.weights}
            self._net.put(f"drives['{self._name}'].delays", {**delays, self._target: value})
            return
        super().__setitem__(name, value)


class ConnectionViews(Sequence[Mapping[str, Any]]):
    """``net.connectivity``: connections between cells, then those of drives, each by cell type and receptor."""

    def __init__(self, net: _Editor, delete: Callable[[int], None]) -> None:
        self._net, self._delete = net, delete

    def _drive_rows(self) -> list[tuple[str, str, str]]:
        spec = self._net.spec
        return [
            (name, target, receptor)
            for name, drive in spec.drives.items()
            for target in spec.populations
            if target in drive.weights
            for receptor in sorted(drive.weights[target], key=lambda r: (r != "ampa", r != "nmda"))
        ]

    def __len__(self) -> int:
        return len(self._net.spec.connections) + len(self._drive_rows())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"connectivity[{index}]: there are {len(self)} connections")
        n_local = len(self._net.spec.connections)
        return self._local(i) if i < n_local else self._of_drive(*self._drive_rows()[i - n_local])

    def __delitem__(self, index: int) -> None:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self._net.spec.connections):
            raise InvalidValue(f"connectivity[{index}]", index, "must be a connection between cells to be deleted")
        self._delete(i)

    def _local(self, i: int) -> Mapping[str, Any]:
        path = f"connections.{i}"
        shown = {"A_weight": "weight", "A_delay": "delay", "lamtha": "space_constant", "gain": "gain"}
        nc_paths = {name: f"{path}.{field}" for name, field in shown.items()}

        def connection() -> ConnectionSpec:
            return self._net.spec.connections[i]

        def nc_dict() -> dict[str, Any]:
            c = connection()
            source = self._net.spec.populations[c.source].threshold
            threshold = self._net.spec.threshold if source is None else source
            return {**{name: getattr(c, field) for name, field in shown.items()}, "threshold": threshold}

        def read() -> dict[str, Any]:
            c = connection()
            return {
                "src_type": c.source,
                "target_type": c.target,
                "loc": c.location,
                "receptor": c.receptor,
                "nc_dict": _Fields(self._net, nc_dict, nc_paths, f"connectivity[{i}]['nc_dict']"),
                "allow_autapses": c.allow_autapses,
                "probability": c.probability,
            }

        fields = {
            "loc": "location",
            "receptor": "receptor",
            "allow_autapses": "allow_autapses",
            "probability": "probability",
        }
        return _Fields(self._net, read, {k: f"{path}.{v}" for k, v in fields.items()}, f"connectivity[{i}]")

    def _of_drive(self, name: str, target: str, receptor: str) -> Mapping[str, Any]:
        path = f"drives['{name}']"
        where = f"external_drives[{name!r}]"

        def drive() -> Drive:
            return self._net.spec.drives[name]

        def nc_dict() -> dict[str, Any]:
            d = drive()
            return {
                "A_weight": d.weights[target][receptor],
                "A_delay": d.delay_to(target),
                "lamtha": d.space_constant,
                "gain": 1.0,
                "threshold": self._net.spec.threshold,
            }

        paths = {"A_weight": f"{path}.weights['{target}']['{receptor}']", "lamtha": f"{path}.space_constant"}

        def read() -> dict[str, Any]:
            return {
                "src_type": name,
                "target_type": target,
                "loc": drive().location,
                "receptor": receptor,
                "nc_dict": _Contact(self._net, nc_dict, paths, where, (name, target)),
                "allow_autapses": True,
                "probability": drive().probability_of(target),
            }

        return _Fields(self._net, read, {"loc": f"{path}.location"}, where)

    def __repr__(self) -> str:
        return f"<{len(self)} connections, {len(self._net.spec.connections)} of them between cells>"
