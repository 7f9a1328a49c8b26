"""A network from the dict that HNN-core's network files hold, old forms included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.schema import digest, from_plain, within
from hnnlib.compat.network_dict import NATIVE, signed
from hnnlib.compat.network_wiring import Wiring, drive_of
from hnnlib.compat.node import Node
from hnnlib.editor.arguments import METADATA
from hnnlib.editor.network import Network
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.layout import AtPoints, Grid, OnGrid, Place, grid_origin, positions_of
from hnnlib.spec.network import Electrodes, NetworkSpec, Population, TonicBias
from hnnlib.spec.profiles import Sampled

__all__ = ["cell_from_node", "dict_to_network"]


def dict_to_network(
    net_data: Mapping[str, Any], read_drives: bool = True, read_external_biases: bool = True
) -> Network:
    """Return the network that a dict in the form of HNN-core's network files describes.

    Parameters
    ----------
    net_data : dict
        As `network_to_dict` or HNN-core's function of that name returns it, or as read from a JSON file.
    read_drives : bool
        Whether to keep the drives.
    read_external_biases : bool
        Whether to keep the tonic biases.

    Returns
    -------
    net : Network
        Without results. Pairs of cells are those of the file, the distance of neighbours is taken from the positions.

    Raises
    ------
    InvalidValue
        If the data is no network, or something in it is missing or not allowed; names the path.
    """
    data = Node(net_data)
    if data.get("object_type").value != "Network":
        raise InvalidValue("object_type", data.get("object_type").value, "The json should encode a Network object.")
    spec = _native(data) or _read(data)
    if not read_drives:
        spec = attrs.evolve(spec, drives={})
    if not read_external_biases:
        spec = attrs.evolve(spec, biases={})
    params = {"celsius": spec.celsius, "threshold": spec.threshold}
    return Network.from_spec(spec, params)


def _native(data: Node) -> NetworkSpec | None:
    """Return the spec that hnnlib wrote beside the rest, unless the rest was edited since."""
    if NATIVE not in data:
        return None
    entry = data[NATIVE]
    if entry["digest"].value != digest(signed(data.value)):
        logger.info("the network's file was edited since hnnlib wrote it; the form of HNN-core is read")
        return None
    with within(f"{NATIVE}.network"):
        spec: NetworkSpec = from_plain(NetworkSpec, entry["network"].value, "")
    return spec


def _read(data: Node) -> NetworkSpec:
    first = {name: gids["start"].integer() for name, gids in data["gid_ranges"].items()}
    cells = {name: _cell_type(name, entry) for name, entry in data["cell_types"].items()}
    grid, places = _places(data, cells)
    origin = data["pos_dict"]["origin"].point()
    for name in cells:
        if name not in first:
            raise UnknownName("gid_ranges", name, "entry", first)
    threshold = data["threshold"].number()
    wiring = Wiring(data, first, {name: len(data["pos_dict"][name].list()) for name in cells})
    populations = {}
    for name in sorted(cells, key=lambda n: first[n]):
        cell, metadata = cells[name]
        own = wiring.thresholds.get(name, threshold)
        with within(f"cell_types[{name!r}]"):
            populations[name] = Population(
                cell=cell, place=places[name], threshold=None if own == threshold else own, **metadata
            )
    drives = sorted(data["external_drives"].items(), key=lambda item: first.get(item[0], 0))
    standard = {p.layer for p in populations.values() if p.measure_dipole} <= {"2", "5"}
    return NetworkSpec(
        populations=populations,
        grid=grid,
        origin=None if np.allclose(origin, grid_origin(grid), rtol=1e-9, atol=0) else origin,
        connections=tuple(wiring.local),
        drives={name: drive_of(name, entry, wiring) for name, entry in drives},
        biases={
            name: {target: _bias(bias) for target, bias in biases.items()}
            for name, biases in data["external_biases"].items()
        },
        electrodes={name: _electrodes(entry) for name, entry in data.get("rec_arrays", {}).items()},
        threshold=threshold,
        celsius=data["celsius"].number(),
        baseline="hnn" if standard else None,
    )


# --------------------------------------------------------------------------------------------------------- cells

_LAYERS = ("2", "5")


def _cell_type(name: str, entry: Node) -> tuple[CellSpec, dict[str, Any]]:
    """Return a cell and its metadata; files older than metadata have the cell itself, under one of four names."""
    if "cell_object" in entry:
        given = entry["cell_metadata"]
        metadata: dict[str, Any] = {}
        for key, field in given.items():
            if key not in METADATA:
                raise UnknownName(given.path, key, "field", METADATA)
            metadata[key] = field.value
        cell = entry["cell_object"]
    else:
        pyramidal = name.endswith("pyramidal")
        if name not in (f"L{layer}_{kind}" for layer in _LAYERS for kind in ("basket", "pyramidal")):
            raise InvalidValue(entry.path, name, "has no cell_metadata, and is none of the four standard cell types")
        metadata = {
            "morpho_type": "pyramidal" if pyramidal else "basket",
            "electro_type": "excitatory" if pyramidal else "inhibitory",
            "layer": name[1],
            "measure_dipole": pyramidal,
        }
        cell = entry
    spec = cell_from_node(cell)
    if metadata.get("measure_dipole"):
        spec = attrs.evolve(spec, dipole_axis="apical_trunk" if "apical_trunk" in spec.sections else None)
    return spec, metadata


def cell_from_node(cell: Node) -> CellSpec:
    """Return the cell that data in the form of HNN-core's files describes.

    Parameters
    ----------
    cell : Node
        An object with ``sections``, ``synapses``, ``sect_loc`` and ``cell_tree``.
    """
    parents = _parents(cell)
    sections = {}
    for name, section in cell["sections"].items():
        with within(section.path):
            sections[name] = _section(Node(section.value), parents.get(name))
    groups = {group: tuple(m.text() for m in members.list()) for group, members in cell["sect_loc"].items()}
    synapses = {}
    for name, synapse in cell["synapses"].items():
        parameters = {key: value.number() for key, value in synapse.items() if key != "mechname"}
        with within(synapse.path):
            synapses[name] = SynapseSpec(mechanism=synapse.get("mechname").value or "Exp2Syn", parameters=parameters)
    with within(cell.path):
        return CellSpec(sections=sections, synapses=synapses, locations=groups)


def _parents(cell: Node) -> dict[str, tuple[str, int]]:
    """Return section -> (section, end) that its 0 end sits on, from a tree of nodes ``section,end``."""
    parents: dict[str, tuple[str, int]] = {}
    if cell.get("cell_tree").value is None:
        return parents
    for parent, children in cell["cell_tree"].items():
        at, _, end = parent.rpartition(",")
        for child in children.list():
            name, _, begin = child.text().rpartition(",")
            if end.strip() not in "01" or begin.strip() not in "01" or not name:
                raise InvalidValue(
                    child.path, f"{parent} -> {child.value}", "must join nodes 'section,0' and 'section,1'"
                )
            if name != at:
                parents[name] = (at, int(end))
    return parents


def _section(section: Node, parent: tuple[str, int] | None) -> SectionSpec:
    length = section["L"].number()
    start, end = (np.array(at.point()) for at in section["end_pts"].list(2))
    norm = float(np.linalg.norm(end - start))
    if norm == 0:
        raise InvalidValue("end_pts", section["end_pts"].value, "must be two different points")
    direction = np.round((end - start) / norm, 12) + 0.0  # + 0.0: no negative zeros
    direction /= np.linalg.norm(direction)
    return SectionSpec(
        L=length,
        diam=section["diam"].number(),
        Ra=section["Ra"].number(),
        cm=section["cm"].number(),
        v0=section.get("v0", -65.0).number(),
        nseg=section["nseg"].integer(),
        direction=tuple(direction.tolist()),
        parent=None if parent is None else parent[0],
        parent_end=1 if parent is None else parent[1],
        mechanisms={
            mechanism: {name: _parameter(value) for name, value in values.items()}
            for mechanism, values in section["mechs"].items()
        },
        receptors=tuple(receptor.text() for receptor in section["syns"].list()),
    )


def _parameter(value: Node) -> float | Sampled:
    if isinstance(value.value, int | float):
        return value.number()
    return Sampled(values=value.list(2)[1].numbers())  # [where the segments are, values]


def _bias(bias: Node) -> TonicBias:
    with within(bias.path):
        return TonicBias(
            amplitude=bias.value.get("amplitude"),
            t0=bias.value.get("t0", 0.0),
            tstop=bias.value.get("tstop"),
            section=bias.value.get("section", "soma"),
        )


def _electrodes(entry: Node) -> Electrodes:
    with within(entry.path):
        return Electrodes(
            positions=tuple(contact.point() for contact in Node(entry.value)["positions"].list()),
            conductivity=entry.value.get("conductivity", 0.3),
            method=entry.value.get("method", "psa"),
            min_distance=entry.value.get("min_distance", 0.5),
        )


# --------------------------------------------------------------------------------------------------------- places


def _places(data: Node, cells: Mapping[str, Any]) -> tuple[Grid, dict[str, Place]]:
    """Return the grid and where each population is: on the grid where its positions say so, else at points.

    HNN-core doesn't write the distance of neighbours, and its own reader takes 1 µm: lateral weights collapse. Here it
    is what the positions say.
    """
    points = {name: np.array([p.point() for p in data["pos_dict"][name].list()]).reshape(-1, 3) for name in cells}
    mesh = (data.get("N_pyr_x", 1).integer(), data.get("N_pyr_y", 1).integer())
    full = next((p for p in points.values() if len(p) == mesh[0] * mesh[1] > 1), None)
    steps = np.zeros(0) if full is None else np.concatenate([np.diff(np.unique(full[:, axis])) for axis in (0, 1)])
    spacing = float(steps.min()) if len(steps) else 1.0
    heights = [float(p[0, 2]) for p in points.values() if len(p)]
    separation = max(heights, default=0.0)
    grid = Grid(mesh_shape=mesh, inplane_distance=spacing, layer_separation=separation if separation > 0 else 1307.4)
    return grid, {name: _place(p, grid) for name, p in points.items()}


def _place(points: np.ndarray, grid: Grid) -> Place:
    if len(points) and np.ptp(points[:, 2]) == 0:
        depth = float(np.round(points[0, 2] / grid.layer_separation, 12))
        for pattern in ("full", "interleaved"):
            place = OnGrid(pattern=pattern, depth=depth)
            expected = positions_of(place, grid)
            if expected.shape == points.shape and np.allclose(expected, points, rtol=1e-9, atol=1e-9):
                return place
    return AtPoints(points=tuple(map(tuple, points.tolist())))
