"""Measurements as sparse matrices on node quantities: dipole, traces, electrodes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.plan.tables import Cells, Probe, Sections, Template
from hnnlib.spec.chosen import check_chosen
from hnnlib.spec.network import Electrodes, NetworkSpec
from hnnlib.spec.run import Record

__all__ = ["STATES", "dipole_weights", "make_probes", "transfer_resistance"]

STATES = "state:"
"""How names of probes begin that record a state of point cells; its name follows."""


def dipole_weights(template: Template, axis: str | np.ndarray) -> np.ndarray:
    """Return the weights w with which segment voltages make a cell's current dipole, ``Q = w @ V``.

    Parameters
    ----------
    template : Template
        The cell.
    axis : str or array, shape (3,)
        What the dipole is measured along: the direction of a section, or a unit vector.

    Returns
    -------
    weights : array, shape (n_segments,)
        In fAm/mV (nA·µm per mV).

    Notes
    -----
    The dipole is the axial current between neighbouring nodes times the length between them times the cosine of the
    angle between the section and the axis, summed over the cell (Jones et al. 2009, J Neurophysiol 102:3554; as in
    HNN-core 0.6.1). At a branch point no membrane takes up current, so its voltage is the mean of the voltages around
    it, weighted by their axial conductance; it is eliminated here, which leaves a fixed row on segment voltages.
    """
    s = template.sections
    n_sections, n_segments = len(s.names), template.n_segments
    junction = _junctions(s)  # (n_sections, 2): which branch point the 0 and the 1 end of a section is
    n_nodes = n_segments + int(junction.max()) + 1
    direction = s.end_um - s.start_um
    direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    unit = direction[s.names.index(axis)] if isinstance(axis, str) else axis
    cosine = direction @ unit
    weight = np.zeros(n_nodes)
    conductance = np.zeros((n_nodes - n_segments, n_segments))
    for i in range(n_sections):
        n = int(s.nseg[i])
        segments = s.first_segment[i] + np.arange(n)
        parts = template.segments
        resistance = np.append(0.0, parts.far_MOhm[segments]) + np.append(parts.near_MOhm[segments], 0.0)
        if s.points_of(i) is None:
            places = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
            along = np.diff(places) * s.L_um[i] * cosine[i]
        else:
            # from the parent's end, even where the first point lies elsewhere: the current bridges that gap
            parent, ends = int(s.parent[i]), (s.start_um, s.end_um)
            begin = s.start_um[i] if parent < 0 else ends[int(s.parent_end[i])][parent]
            along = np.diff(np.vstack([begin, parts.centre_um[segments], s.end_um[i]]), axis=0) @ unit
        nodes = np.concatenate([[n_segments + junction[i, 0]], segments, [n_segments + junction[i, 1]]])
        moment = along / resistance
        np.add.at(weight, nodes[:-1], moment)
        np.add.at(weight, nodes[1:], -moment)
        conductance[junction[i, 0], segments[0]] += 1 / resistance[0]
        conductance[junction[i, 1], segments[-1]] += 1 / resistance[-1]
    mean = conductance / conductance.sum(axis=1, keepdims=True)
    return weight[:n_segments] + weight[n_segments:] @ mean


def _junctions(s: Sections) -> np.ndarray:
    """Give the ends of sections numbers, the same to ends which touch."""
    junction = np.full((len(s.names), 2), -1, np.int64)
    count = 0
    for i in range(len(s.names)):
        junction[i, 1] = count
        count += 1
    root = int(np.flatnonzero(s.parent < 0)[0])
    junction[root, 0] = count
    pending = [i for i in range(len(s.names)) if i != root]
    while pending:
        rest = []
        for i in pending:
            j = junction[s.parent[i], s.parent_end[i]]
            if j < 0:
                rest.append(i)
            else:
                junction[i, 0] = j
        pending = rest
    return junction


def transfer_resistance(
    electrodes: Electrodes, start: np.ndarray, end: np.ndarray, length: float, nseg: int
) -> np.ndarray:
    """Return the potential at each contact per current out of each segment of a section, in one or many cells.

    Parameters
    ----------
    electrodes : Electrodes
        Contacts and medium.
    start, end : array, shape (..., 3)
        Ends of the section (µm).
    length : float
        Their distance (µm), which the rounded ends below no longer have exactly.
    nseg : int
        Number of segments.

    Returns
    -------
    resistance : array, shape (..., n_contacts, nseg)
        In µV/nA. All 1 for method None (the plain sum of currents).

    Notes
    -----
    Point sources ``1000 / (4 π σ r)`` and line sources (Holt & Koch 1999, J Comput Neurosci 6:169; Parasuram et al.
    2016, Front Comput Neurosci 10:65), as in HNN-core 0.6.1: an inner line reaches from one neighbouring centre to the
    other.
    """
    contacts = np.array(electrodes.positions, float)
    if electrodes.method is None:
        return np.ones((*start.shape[:-1], len(contacts), nseg))
    start, end = _as_in_neuron(start, end, length)
    x = (2 * np.arange(nseg) + 1) / (2 * nseg)
    centres = start[..., None, :] + x[:, None] * (end - start)[..., None, :]
    if electrodes.method == "psa":
        distance = np.linalg.norm(contacts[:, None] - centres[..., None, :, :], axis=-1)
        psi = 1.0 / np.maximum(distance, electrodes.min_distance)
    else:
        half = np.full(nseg, length / nseg)
        half[[0, -1]] = length / (2 * nseg)
        unit = (end - start) / np.linalg.norm(end - start, axis=-1, keepdims=True)
        psi = _line_source(contacts, centres, half, unit, electrodes.min_distance)
    return 1000.0 * psi / (4 * np.pi * electrodes.conductivity)


def _as_in_neuron(start: np.ndarray, end: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of a section as NEURON holds them: single precision, stretched to the length, rounded again.

    Near a contact a unit in the last place counts: left out, potentials are off by up to 1e-5 µV of 100 µV.
    """
    first, last = start.astype(np.float32), end.astype(np.float32)
    arc = np.sqrt(((last - first).astype(float) ** 2).sum(axis=-1, keepdims=True))
    first, last = first.astype(float), last.astype(float)
    stretched = first + (last - first) * (length / arc)
    return first, stretched.astype(np.float32).astype(float)


def _line_source(
    contacts: np.ndarray, centres: np.ndarray, half: np.ndarray, unit: np.ndarray, min_distance: float
) -> np.ndarray:
    a = 2 * half  # (nseg,)
    along = half[:, None] * unit[..., None, :]
    b = contacts[:, None] - (centres + along)[..., None, :, :]  # from the line's end to the contact
    h = (b @ unit[..., None, :, None])[..., 0]
    upper = h + a
    r2 = np.maximum((b**2).sum(axis=-1) - h**2, min_distance**2)
    root_h, root_u = np.sqrt(h**2 + r2), np.sqrt(upper**2 + r2)
    before = (upper < 0) & (h < 0)
    beside = (upper > 0) & (h < 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        psi = np.where(
            before,
            np.log((root_h - h) / (root_u - upper)),
            np.where(
                beside,
                np.log((root_h - h) * (root_u + upper) / r2),
                np.log((root_u + upper) / (root_h + h)),
            ),
        )
    return psi / a


def _of_points(electrodes: Electrodes, template: Template, section: int, position: np.ndarray) -> np.ndarray:
    """Return what `transfer_resistance` gives for a section of 3-D points: each segment is straight, for itself.

    Of shape (n_contacts, n_cells, n_segments).
    """
    first = int(template.sections.first_segment[section])
    rows = range(first, first + int(template.sections.nseg[section]))
    start, end = template.segments.start_um, template.segments.end_um
    of_each = [
        transfer_resistance(
            electrodes, start[k] + position, end[k] + position, float(np.linalg.norm(end[k] - start[k])), 1
        )[..., 0]
        for k in rows
    ]
    return np.stack(of_each, axis=-1).swapaxes(0, 1)


def make_probes(
    network: NetworkSpec, cells: Cells, templates: tuple[Template, ...], record: Record
) -> tuple[Probe, ...]:
    """Return all measurements of a run: dipole first, then traces, then electrode arrays."""
    sizes = np.array([t.n_segments for t in templates], np.int64)
    site_sizes = np.array([t.n_sites for t in templates], np.int64)
    segment_offset = np.concatenate([[0], np.cumsum(sizes[cells.template])])
    site_offset = np.concatenate([[0], np.cumsum(site_sizes[cells.template])])
    recorded = _recorded(network, cells, record)
    probes = [_dipole_probe(network, cells, templates, segment_offset)]
    if record.cell_dipoles:
        probes.append(_cell_dipole_probe(network, cells, templates, segment_offset, record))
    if record.vsec:
        probes.append(_segment_probe("vsec", "v", "mV", record.vsec, record, recorded, templates, segment_offset))
    if record.isec:
        probes.append(_site_probe(record, recorded, templates, site_offset))
    if record.ca:
        probes.append(_segment_probe("ca", "cai", "mM", record.ca, record, recorded, templates, segment_offset))
    probes += [_state_probe(name, record, recorded, templates, segment_offset) for name in record.states]
    for name, electrodes in network.electrodes.items():
        probes.append(_electrode_probe(name, electrodes, cells, templates, segment_offset, record))
    return tuple(p for p in probes if p.n_rows)


Recorded = tuple[tuple[int, int], ...]
"""Gid and template of each cell whose traces are kept."""


def _recorded(network: NetworkSpec, cells: Cells, record: Record) -> Recorded:
    kept = np.ones(len(cells.template), bool)
    if record.cells is not None:
        names = list(network.populations)
        gids = {name: np.flatnonzero(cells.population == number) for number, name in enumerate(names)}
        check_chosen(record.cells, {name: len(of) for name, of in gids.items()}, "record.cells")
        kept[:] = False
        for name, indices in record.cells.items():
            kept[gids[name] if indices is None else gids[name][list(indices)]] = True
    return tuple((int(gid), int(cells.template[gid])) for gid in np.flatnonzero(kept))


def _state_probe(
    name: str, record: Record, recorded: Recorded, templates: tuple[Template, ...], offset: np.ndarray
) -> Probe:
    """Return what records a state of point cells, by NEST's name of it."""
    gids = [gid for gid, t in recorded if templates[t].point is not None]
    if not gids:
        raise InvalidValue("record.states", name, "is of point cells, and none is recorded")
    return _single(f"{STATES}{name}", name, _unit(name), record.every, [int(offset[gid]) for gid in gids], gid=gids)


def _unit(name: str) -> str:
    """Return the unit in which NEST tells a state, as its names have it; empty where they don't tell."""
    if name == "g" or name.startswith("g_"):
        return "nS"
    if name.startswith(("V_", "E_")) or name in ("threshold", "theta"):
        return "mV"
    return "pA" if name == "w" or name.startswith("I_") else ""


def _dipole_probe(network: NetworkSpec, cells: Cells, templates: tuple[Template, ...], offset: np.ndarray) -> Probe:
    index, weight, names = [], [], []
    for name, gids, row in _dipole_rows(network, cells, templates):
        index.append((offset[gids][:, None] + np.arange(len(row))).ravel())
        weight.append(np.tile(row, len(gids)))
        names.append(name)
    return _probe("dipole", "v", "fAm", 1, index, weight, zero_first=True, population=names)


def _cell_dipole_probe(
    network: NetworkSpec, cells: Cells, templates: tuple[Template, ...], offset: np.ndarray, record: Record
) -> Probe:
    index, weight, of = [], [], []
    for _, gids, row in _dipole_rows(network, cells, templates):
        index += list(offset[gids][:, None] + np.arange(len(row)))
        weight += [row] * len(gids)
        of += gids.tolist()
    return _probe("cell_dipoles", "v", "fAm", record.every, index, weight, zero_first=True, gid=of)


def _dipole_rows(
    network: NetworkSpec, cells: Cells, templates: tuple[Template, ...]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, gids and dipole weights of each population that measures its dipole."""
    for number, (name, population) in enumerate(network.populations.items()):
        gids = np.flatnonzero(cells.population == number)
        if not population.measure_dipole or not len(gids):
            continue
        axis = population.detailed_cell.dipole_axis
        if axis is not None:
            yield name, gids, dipole_weights(templates[number], axis)


def _probe(
    name: str,
    quantity: str,
    unit: str,
    every: int,
    index: list[np.ndarray],
    weight: list[np.ndarray],
    *,
    zero_first: bool,
    **labels: list,
) -> Probe:
    return Probe(
        name=name,
        quantity=quantity,
        unit=unit,
        every=every,
        indptr=np.concatenate([[0], np.cumsum([len(i) for i in index])]).astype(np.int64),
        index=np.concatenate(index).astype(np.int32) if index else np.zeros(0, np.int32),
        weight=np.concatenate(weight) if weight else np.zeros(0),
        zero_first=zero_first,
        labels={k: tuple(v) for k, v in labels.items()},
    )


def _chosen(template: Template, what: bool | str | tuple[str, ...]) -> list[int]:
    names = template.sections.names
    if what == "all":
        return list(range(len(names)))
    wanted = ("soma",) if what == "soma" else tuple(what)  # type: ignore[arg-type]
    return [names.index(w) for w in wanted if w in names]


def _check_sections(what: bool | str | tuple[str, ...], templates: tuple[Template, ...], field: str) -> None:
    if isinstance(what, tuple):
        known = dict.fromkeys(n for t in templates for n in t.sections.names)
        for name in what:
            if name not in known:
                raise UnknownName(f"record.{field}", name, "section of any cell", known)


def _segment_probe(
    name: str,
    quantity: str,
    unit: str,
    what: bool | str | tuple[str, ...],
    record: Record,
    recorded: Recorded,
    templates: tuple[Template, ...],
    offset: np.ndarray,
) -> Probe:
    _check_sections(what, templates, name)
    rows: list[tuple[int, str, int]] = []
    for gid, t in recorded:
        template = templates[t]
        with_calcium = {int(s) for d in template.densities if d.mechanism == "cad" for s in d.sections}
        for section in _chosen(template, what):
            if quantity == "cai" and section not in with_calcium:
                continue
            flat = int(offset[gid]) + template.sections.middle_segment(section)
            rows.append((gid, template.sections.names[section], flat))
    return _single(
        name, quantity, unit, record.every, [r[2] for r in rows], gid=[r[0] for r in rows], section=[r[1] for r in rows]
    )


def _site_probe(record: Record, recorded: Recorded, templates: tuple[Template, ...], offset: np.ndarray) -> Probe:
    _check_sections(record.isec, templates, "isec")
    rows: list[tuple[int, str, str, int]] = []
    for gid, t in recorded:
        template = templates[t]
        chosen = set(_chosen(template, record.isec))
        for i, section in enumerate(template.sites.section):
            if int(section) in chosen:
                name = template.sections.names[section]
                rows.append((gid, name, template.sites.receptors[i], int(offset[gid]) + i))
    gids, sections, receptors, flat = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [], [])
    return _single("isec", "i_synapse", "nA", record.every, flat, gid=gids, section=sections, receptor=receptors)


def _single(name: str, quantity: str, unit: str, every: int, flat: list[int], **labels: list) -> Probe:
    """Return a probe whose rows are single quantities."""
    index = [np.array([i]) for i in flat]
    return _probe(name, quantity, unit, every, index, [np.ones(1)] * len(flat), zero_first=False, **labels)


def _electrode_probe(
    name: str,
    electrodes: Electrodes,
    cells: Cells,
    templates: tuple[Template, ...],
    offset: np.ndarray,
    record: Record,
) -> Probe:
    n_contacts = len(electrodes.positions)
    matrix = np.empty((n_contacts, int(offset[-1])))
    for t, template in enumerate(templates):
        s = template.sections
        gids = np.flatnonzero(cells.template == t)
        position = cells.position_um[gids]
        for i in range(len(s.names)):
            columns = offset[gids][:, None] + int(s.first_segment[i]) + np.arange(int(s.nseg[i]))
            if s.points_of(i) is not None:
                matrix[:, columns] = _of_points(electrodes, template, i, position)
                continue
            resistance = transfer_resistance(
                electrodes, s.start_um[i] + position, s.end_um[i] + position, float(s.L_um[i]), int(s.nseg[i])
            )
            matrix[:, columns] = resistance.swapaxes(0, 1)
    everything = np.arange(matrix.shape[1])
    return _probe(
        f"electrodes:{name}",
        "i_membrane",
        "nA" if electrodes.method is None else "µV",
        record.every,
        [everything] * n_contacts,
        list(matrix),
        zero_first=True,
        contact=list(range(n_contacts)),
    )
