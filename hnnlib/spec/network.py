"""The whole network as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import checked, choice, documented, flag, mapping, nested, quantity, sequence, text, within
from hnnlib.spec.cells import CellSpec, point3
from hnnlib.spec.chosen import check_chosen
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, Drive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.layout import AtPoints, Grid, OnGrid, Place, cell_count, grid_origin
from hnnlib.spec.points import PointCellSpec, section_names

__all__ = ["Electrodes", "NetworkSpec", "Population", "TonicBias"]


@documented
@attrs.frozen(kw_only=True)
class Population:
    """Cells of one type and where they are."""

    cell: CellSpec | PointCellSpec = nested((CellSpec, PointCellSpec), doc="what each cell is")
    place: Place = nested((OnGrid, AtPoints), OnGrid(), doc="where the cells are")
    layer: str | None = text(None, optional=True, doc="cortical layer, e.g. '2' or '5'; names the dipole's component")
    morpho_type: str | None = text(None, optional=True, doc="e.g. 'pyramidal' or 'basket'")
    electro_type: str | None = text(
        None, optional=True, doc="'excitatory' or 'inhibitory', the classes of global gains"
    )
    measure_dipole: bool = flag(False, doc="whether its currents count for the dipole")
    reference: str | None = text(None, optional=True, doc="where the cell was published")
    color: str | None = text(None, optional=True, doc="colour in figures")
    marker: str | None = text(None, optional=True, doc="marker in figures")
    threshold: float | None = quantity(None, unit="mV", optional=True, doc="spike threshold; None: the network's")

    def __attrs_post_init__(self) -> None:
        if self.measure_dipole and (isinstance(self.cell, PointCellSpec) or self.cell.dipole_axis is None):
            raise InvalidValue("measure_dipole", True, "needs cell.dipole_axis, the section to measure along")

    @property
    def detailed_cell(self) -> CellSpec:
        """What each cell is, where cells have sections.

        Raises
        ------
        InvalidValue
            If they are points.
        """
        if isinstance(self.cell, PointCellSpec):
            raise InvalidValue("cell", self.cell.model, "is a point: there are no sections")
        return self.cell


@documented
@attrs.frozen(kw_only=True)
class TonicBias:
    """A constant current into the middle of a section of every cell of a population."""

    amplitude: float = quantity(unit="nA", doc="positive depolarises")
    t0: float = quantity(0.0, unit="ms", ge=0, doc="start")
    tstop: float | None = quantity(None, unit="ms", ge=0, optional=True, doc="end; None: the end of the run")
    section: str = text("soma", doc="section")

    def __attrs_post_init__(self) -> None:
        if self.tstop is not None and self.tstop < self.t0:
            raise InvalidValue("tstop", self.tstop, f"must be >= t0 ({self.t0:g} ms)")


@documented
@attrs.frozen(kw_only=True)
class Electrodes:
    """An array of point contacts in a homogeneous medium."""

    positions: tuple[tuple[float, float, float], ...] = sequence(of=point3, doc="contacts (x, y, z) in µm")
    conductivity: float = quantity(0.3, unit="S/m", gt=0, doc="of the medium")
    method: str | None = choice(
        ("psa", "lsa", None), "psa", doc="point source, line source; None: plain sum of currents"
    )
    min_distance: float = quantity(0.5, unit="µm", gt=0, doc="nearer membrane counts as this far away")

    def __attrs_post_init__(self) -> None:
        if not self.positions:
            raise InvalidValue("positions", self.positions, "must hold at least one contact")


def _biases(value: Any, path: str) -> Mapping[str, TonicBias]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping population -> TonicBias")
    for name, bias in value.items():
        if not isinstance(bias, TonicBias):
            raise InvalidType(f"{path}[{name!r}]", bias, "must be a TonicBias")
    return immutabledict(value)


@documented
@attrs.frozen(kw_only=True)
class NetworkSpec:
    """Populations and connections, what acts on them, and electrodes.

    Gids number cells by population, then the cells of the drives, then one for each entry of ``synaptic_events``, each
    in the order of its mapping.
    """

    populations: Mapping[str, Population] = mapping(of=Population, doc="name -> population")
    grid: Grid = nested(Grid, Grid(), doc="the grid that populations share")
    origin: tuple[float, float, float] | None = checked(
        lambda value, path: None if value is None else point3(value, path),
        None,
        doc="where drive cells sit; None: the grid point next to the centre",
    )
    connections: tuple[ConnectionSpec, ...] = sequence((), of=ConnectionSpec, doc="connections between cells")
    drives: Mapping[str, DriveSpec] = mapping(
        {}, of=(EvokedDrive, PoissonDrive, BurstyDrive, SpikeTrainDrive), doc="name -> drive"
    )
    biases: Mapping[str, Mapping[str, TonicBias]] = mapping({}, of=_biases, doc="name -> population -> bias")
    synaptic_events: Mapping[str, SynapticEvents] = mapping(
        {}, of=SynapticEvents, doc="name -> events forced on contacts between cells"
    )
    current_clamps: Mapping[str, CurrentClamp] = mapping({}, of=CurrentClamp, doc="name -> currents into chosen cells")
    electrodes: Mapping[str, Electrodes] = mapping({}, of=Electrodes, doc="name -> electrode array")
    threshold: float = quantity(0.0, unit="mV", doc="spike threshold")
    celsius: float = quantity(37.0, unit="°C", doc="temperature")
    baseline: str | None = choice(
        (None, "hnn", "settle"), None, doc="what is taken off the dipole: nothing, HNN's formula, a drive-free run"
    )

    def __attrs_post_init__(self) -> None:
        for i, connection in enumerate(self.connections):
            with within(f"connections[{i}]"):
                self._population(connection.source, "source")
                self._check_target(connection.target, connection.location, (connection.receptor,), "receptor")
        for name, drive in self.drives.items():
            if name in self.populations:
                raise InvalidValue(f"drives[{name!r}]", name, "is the name of a population; choose another")
            with within(f"drives[{name!r}]"):
                self._check_drive(drive)
        for name, biases in self.biases.items():
            for target, bias in biases.items():
                with within(f"biases[{name!r}]"):
                    sections = section_names(self._population(target, "").cell)
                    if bias.section not in sections:
                        raise UnknownName(f"[{target!r}].section", bias.section, "section", sections)
        self._check_events()
        self._check_clamps()
        self._check_electrodes()
        self._check_baseline()

    def gid_counts(self) -> dict[str, int]:
        """Return the number of gids of each population, of each drive, of each entry of forced synaptic events (1)."""
        counts = self._cell_counts()
        for name, drive in self.drives.items():
            own = sum(counts[t] for t in drive.weights)
            counts[name] = own if drive.cell_specific else int(drive.n_drive_cells)
        return counts | dict.fromkeys(self.synaptic_events, 1)

    def _cell_counts(self) -> dict[str, int]:
        return {name: cell_count(p.place, self.grid) for name, p in self.populations.items()}

    @property
    def drive_origin(self) -> tuple[float, float, float]:
        """Where drive cells sit (µm)."""
        return self.origin if self.origin is not None else grid_origin(self.grid)

    def _population(self, name: str, path: str) -> Population:
        if name not in self.populations:
            raise UnknownName(path, name, "cell type", self.populations)
        return self.populations[name]

    def _check_target(self, target: str, location: str, receptors: tuple[str, ...], path: str) -> None:
        cell = self._population(target, "target").cell
        if isinstance(cell, PointCellSpec):
            raise InvalidValue(
                "target",
                target,
                "is made of point cells, which have no places; build such networks with NetworkBuilder",
            )
        sections = cell.sections_at(location)
        if not sections:
            usable = [name for name in (*cell.locations, *cell.sections) if cell.sections_at(name)]
            raise InvalidValue("location", location, f"has no section in {target} (has {', '.join(usable)})")
        for receptor in receptors:
            for section in sections:
                present = cell.sections[section].receptors
                if receptor not in present:
                    at = f"{location!r}" if location == section else f"{location!r} ({section})"
                    raise UnknownName(path, receptor, f"receptor of {target} at {at}", present)

    def _check_drive(self, drive: Drive) -> None:
        for target, weights in drive.weights.items():
            if target not in self.populations:
                raise UnknownName("weights", target, "cell type", self.populations)
            if weights:
                self._check_target(target, drive.location, tuple(weights), f"weights[{target!r}]")

    def _check_events(self) -> None:
        cells = [p.cell for p in self.populations.values()]
        receptors = dict.fromkeys(r for cell in cells if isinstance(cell, CellSpec) for r in cell.synapses)
        for name, events in self.synaptic_events.items():
            with within(f"synaptic_events[{name!r}]"):
                if name in self.populations or name in self.drives:
                    raise InvalidValue("", name, "is the name of a population or drive; choose another")
                for side in ("pre", "post"):
                    if (cells := getattr(events, side)) is not None:
                        check_chosen(cells, self._cell_counts(), side)
                if events.receptor is not None and events.receptor not in receptors:
                    raise UnknownName("receptor", events.receptor, "receptor of any cell", receptors)

    def _check_clamps(self) -> None:
        for name, clamp in self.current_clamps.items():
            with within(f"current_clamps[{name!r}]"):
                check_chosen(clamp.cells, self._cell_counts(), "cells")
                for target in clamp.cells:
                    sections = section_names(self.populations[target].cell)
                    if clamp.section not in sections:
                        raise UnknownName("section", clamp.section, f"section of {target}", sections)

    def _check_electrodes(self) -> None:
        for name, population in self.populations.items():
            if self.electrodes and isinstance(population.cell, PointCellSpec):
                raise InvalidValue(
                    "electrodes", list(self.electrodes), f"hear nothing of {name!r}: its cells are points"
                )

    def _check_baseline(self) -> None:
        if self.baseline == "hnn":
            layers = {p.layer for p in self.populations.values() if p.measure_dipole}
            if not layers <= {"2", "5"}:
                raise InvalidValue(
                    "baseline",
                    "hnn",
                    f"is HNN's formula for layers 2 and 5; this network has {sorted(map(str, layers))}",
                )
