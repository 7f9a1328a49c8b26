"""HNN-core's Network: hnnlib's editor with HNN-core's defaults, and parts that can be edited in place."""

from __future__ import annotations

import copy as copying
import os
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, cast

import attrs

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.compat.cells import Cell
from hnnlib.compat.connections import Connections
from hnnlib.compat.network_dict import network_to_dict
from hnnlib.compat.network_files import write_network_configuration
from hnnlib.compile.build import compile_plan
from hnnlib.editor.arguments import METADATA, deprecated
from hnnlib.editor.network import Network as Editor
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["Network", "as_spec"]

_EVENT_SEED, _CONN_SEED = 2, 3  # what HNN-core gives every drive that is given none


class Network(Editor):
    """A network of cells as HNN-core has it.

    Cells (``net.cell_types[name]['cell_object']``), their metadata and the entries of ``net.connectivity`` can be
    edited in place. Drives that are given no seed have HNN-core's: 2 for events, 3 for connections.

    Parameters
    ----------
    params : dict
        Flat parameters, as `hnnlib.read_params` returns them.
    add_drives_from_params : bool
        Whether to add the drives and tonic biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.
    pos_dict : dict, optional
        Cell type -> list of positions (x, y, z) in µm, and ``'origin'``.
    cell_types : dict, optional
        Cell type -> `Cell`, or ``{"cell_object": Cell, "cell_metadata": {...}}``.
    """

    delay = 1.0
    _frozen: NetworkSpec

    def __init__(
        self,
        params: Mapping[str, Any],
        add_drives_from_params: bool = False,
        legacy_mode: bool = False,
        mesh_shape: tuple[int, int] = (10, 10),
        pos_dict: Mapping[str, Any] | None = None,
        cell_types: Mapping[str, Any] | None = None,
    ) -> None:
        if cell_types is not None:
            cell_types = {name: _with_spec(entry) for name, entry in cell_types.items()}
        super().__init__(params, add_drives_from_params, legacy_mode, mesh_shape, pos_dict, cell_types)
        self._early = tuple(self._frozen.drives)

    @classmethod
    def of(cls, net: Editor) -> Network:
        """Return HNN-core's face of a network.

        Parameters
        ----------
        net : hnnlib.Network
            The network; its drives stand first in ``connectivity``, as where HNN-core's models add them.
        """
        made = cls.from_spec(net.spec, net._params)
        made.__dict__["_drives_first"] = tuple(net.spec.drives)
        return cast("Network", made)

    # ------------------------------------------------------------------------------------- the spec, kept in step

    # Cells and metadata that were handed out may have been edited since: whoever asks for the spec gets them too.

    @property
    def _spec(self) -> NetworkSpec:
        handed: dict[str, _Handed] = self.__dict__.setdefault("_handed", {})
        for name, entry in handed.items():
            population = self._frozen.populations[name]
            changed = entry.changes(population)
            if changed:
                populations = {**self._frozen.populations, name: attrs.evolve(population, **changed)}
                self._frozen = attrs.evolve(self._frozen, populations=populations)
        return self._frozen

    @_spec.setter
    def _spec(self, spec: NetworkSpec) -> None:
        self._frozen = spec

    @property
    def _early(self) -> tuple[str, ...]:
        early: tuple[str, ...] = self.__dict__.get("_drives_first", ())
        return early

    @_early.setter
    def _early(self, names: tuple[str, ...]) -> None:
        self.__dict__["_drives_first"] = names

    @property
    def cell_types(self) -> CellTypes:  # type: ignore[override]
        """Cell type -> ``cell_object`` (`Cell`) and ``cell_metadata``, to read and to edit."""
        return CellTypes(self)

    @property
    def connectivity(self) -> Connections:  # type: ignore[override]
        """Connections, those of drives that the model came with first; their entries can be edited and deleted."""
        return Connections(self, self._early)

    def drive_events(self, name: str) -> list[list[Any]]:
        """Return a drive's events in the last run, or those that were drawn by hand; see `hnnlib.Network`."""
        drawn: dict[str, list[list[Any]]] = self.__dict__.get("_drawn", {})
        return super().drive_events(name) or drawn.get(name, [])

    @property
    def _inplane_distance(self) -> float:
        return self._spec.grid.inplane_distance

    @property
    def _layer_separation(self) -> float:
        return self._spec.grid.layer_separation

    @property
    def _n_cells(self) -> int:
        return sum(count for name, count in self._spec.gid_counts().items() if name in self._spec.populations)

    # ------------------------------------------------------------------------------------------------- drives

    def add_evoked_drive(self, name: str, **options: Any) -> None:
        """Add an evoked drive; arguments as in `hnnlib.Network`, seeds 2 and 3 where none are given."""
        super().add_evoked_drive(name, **_seeded(options))

    def add_poisson_drive(self, name: str, **options: Any) -> None:
        """Add a Poisson drive; arguments as in `hnnlib.Network`, seeds 2 and 3 where none are given."""
        super().add_poisson_drive(name, **_seeded(options))

    def add_bursty_drive(self, name: str, **options: Any) -> None:
        """Add a rhythmic drive; arguments as in `hnnlib.Network`, seeds 2 and 3 where none are given."""
        super().add_bursty_drive(name, **_seeded(options))

    def _instantiate_drives(self, tstop: float, n_trials: int = 1) -> None:
        """Draw the events of all drives without a run: ``external_drives[name]['events']``."""
        plan = compile_plan(self.spec, RunSpec(tstop=tstop, n_trials=n_trials))
        first = plan.drive_cells.first_gid
        self.__dict__["_drawn"] = {
            name: [[events.of(gid - first).tolist() for gid in self.gid_ranges[name]] for events in plan.events]
            for name in self.spec.drives
        }

    # ------------------------------------------------------------------------------------------------- cell types

    def _add_cell_type(self, cell_name: str, pos: Any, cell_template: Any = None) -> None:
        """Add a population of cells, after those that exist."""
        entry = _with_spec(cell_template)
        self.add_cell_type(cell_name, entry["cell_object"], list(pos), **entry["cell_metadata"])

    def _rename_cell_types(self, update_cell_types: Mapping[str, str]) -> None:
        """Rename cell types wherever they are named."""
        existing = list(self._spec.populations)
        for old, new in update_cell_types.items():
            if old not in existing:
                raise UnknownName("update_cell_types", old, "cell type", existing)
            if new in existing or new in self._spec.drives:
                raise InvalidValue("update_cell_types", new, "is the name of a cell type or drive already")
        self._spec = from_plain(NetworkSpec, _renamed(to_plain(self._spec), dict(update_cell_types)))
        self.__dict__["_handed"] = {}

    # ------------------------------------------------------------------------------------------------- gains

    def update_weights(self, **gains: Any) -> Network | None:
        """Set gains: the deprecated name of `set_global_synaptic_gains`."""
        deprecated("update_weights; use set_global_synaptic_gains")
        return cast("Network | None", self.set_global_synaptic_gains(**gains))

    # ------------------------------------------------------------------------------------------------- files, copies

    def to_dict(self, write_output: bool = False) -> dict[str, Any]:
        """Return the network as plain data.

        Parameters
        ----------
        write_output : bool
            Whether to include the last run.

        Returns
        -------
        data : dict
            See `network_to_dict`.
        """
        return network_to_dict(self, write_output)

    def write_configuration(self, fname: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the network as HNN-core's hierarchical JSON.

        Parameters
        ----------
        fname : path-like or text stream
            Where to write.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        write_network_configuration(self, fname, overwrite)

    def copy(self) -> Network:
        """Return a network with the same spec and no results."""
        made = type(self).from_spec(self._spec, copying.deepcopy(self._params))
        made.__dict__["_drives_first"] = self._early
        return cast("Network", made)

    def clear_drives(self) -> None:
        """Remove all drives with their connections; biases stay."""
        super().clear_drives()
        self._early = ()


def _seeded(options: dict[str, Any]) -> dict[str, Any]:
    return {"event_seed": _EVENT_SEED, "conn_seed": _CONN_SEED, **options}


def _renamed(plain: Any, names: Mapping[str, str]) -> Any:
    """Return plain data of a network with cell types renamed: they are keys of mappings, sources and targets."""
    if isinstance(plain, dict):
        return {
            names.get(key, key): names.get(value, value) if key in ("source", "target") else _renamed(value, names)
            for key, value in plain.items()
        }
    return [_renamed(value, names) for value in plain] if isinstance(plain, list) else plain


# ------------------------------------------------------------------------------------------------------- cell types


def as_spec(cell: Any, measure_dipole: bool) -> CellSpec:
    """Return what a cell is, whether it comes as HNN-core's object or as hnnlib's value.

    Parameters
    ----------
    cell : Cell or CellSpec
        The cell.
    measure_dipole : bool
        Whether its dipole is measured: along ``apical_trunk``, as in HNN-core.
    """
    if isinstance(cell, CellSpec):
        return cell
    if not isinstance(cell, Cell):
        raise InvalidType("cell_object", cell, "must be a Cell")
    spec = cell.spec
    return (
        attrs.evolve(spec, dipole_axis="apical_trunk") if measure_dipole and "apical_trunk" in spec.sections else spec
    )


def _with_spec(entry: Any) -> dict[str, Any]:
    given = dict(entry) if isinstance(entry, Mapping) else {"cell_object": entry, "cell_metadata": {}}
    metadata = dict(given.get("cell_metadata") or {})
    return {
        "cell_object": as_spec(given.get("cell_object"), bool(metadata.get("measure_dipole"))),
        "cell_metadata": metadata,
    }


class _Handed:
    """An entry of `CellTypes` that was given out, and what it said then."""

    def __init__(self, name: str, population: Any) -> None:
        metadata = {key: getattr(population, key) for key in METADATA}
        self.entry: dict[str, Any] = {"cell_object": Cell.from_spec(name, population.cell), "cell_metadata": metadata}
        self._was = self._now()

    def _now(self) -> tuple[Any, ...]:
        cell = self.entry["cell_object"]
        return (cell if isinstance(cell, CellSpec) else cell.to_dict(), dict(self.entry["cell_metadata"]))

    def changes(self, population: Any) -> dict[str, Any]:
        now = self._now()
        if now == self._was:
            return {}
        unknown = [key for key in now[1] if key not in METADATA]
        if unknown:
            raise UnknownName("cell_metadata", unknown[0], "field", METADATA)
        changed = dict(now[1])
        if now[0] != self._was[0]:
            axis = population.cell.dipole_axis
            cell = as_spec(self.entry["cell_object"], bool(changed.get("measure_dipole")))
            changed["cell"] = attrs.evolve(cell, dipole_axis=axis) if axis in cell.sections else cell
        self._was = now
        return changed


class CellTypes(MutableMapping[str, Any]):
    """``net.cell_types``: name -> ``{"cell_object": Cell, "cell_metadata": {...}}``; all of it can be edited.

    Parameters
    ----------
    net : Network
        The network.
    """

    def __init__(self, net: Network) -> None:
        self._net = net

    def __getitem__(self, name: str) -> dict[str, Any]:
        populations = self._net._spec.populations
        if name not in populations:
            raise KeyError(name)
        handed: dict[str, _Handed] = self._net.__dict__["_handed"]
        if name not in handed:
            handed[name] = _Handed(name, populations[name])
        return handed[name].entry

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._net._spec.populations:
            known = ", ".join(self._net._spec.populations)
            raise InvalidValue("cell_types", name, f"has no positions (has {known}); add_cell_type adds a population")
        entry = self[name]
        given = dict(value) if isinstance(value, Mapping) else {"cell_object": value}
        entry["cell_object"] = given["cell_object"]
        entry["cell_metadata"].update(given.get("cell_metadata", {}))
        self._net._spec  # noqa: B018  what is wrong is told now

    def __delitem__(self, name: str) -> None:
        raise InvalidValue("cell_types", name, "can't be deleted")

    def __iter__(self) -> Iterator[str]:
        return iter(self._net._spec.populations)

    def __len__(self) -> int:
        return len(self._net._spec.populations)

    def __repr__(self) -> str:
        return repr({name: self[name] for name in self})
