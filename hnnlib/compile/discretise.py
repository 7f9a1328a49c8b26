"""Cut cells into segments, paint their membrane, list their synaptic sites."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from hnnlib.base.schema import within
from hnnlib.plan.tables import Density, PointModel, Sections, Segments, Sites, Template
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.points import POINT_SECTIONS, PointCellSpec
from hnnlib.spec.profiles import evaluate

__all__ = ["make_point_template", "make_template", "point_segments"]


def _sections(cell: CellSpec) -> tuple[Sections, np.ndarray]:
    """Return the section table and the path distance of each section's 0 end from the root's 0 end (µm)."""
    names = tuple(cell.sections)
    row = {name: i for i, name in enumerate(names)}
    ends = np.array(list(cell.section_ends().values()))
    distance = np.array([cell.root_distance(name) for name in names])
    parts = list(cell.sections.values())
    nseg = np.array([s.n_segments for s in parts], np.int32)
    sections = Sections(
        names=names,
        parent=np.array([-1 if s.parent is None else row[s.parent] for s in parts], np.int32),
        parent_end=np.array([s.parent_end for s in parts], np.int8),
        L_um=np.array([s.L for s in parts]),
        # NEURON holds 3-D diameters in single precision, and the published numbers contain that
        diam_um=np.array([s.diam for s in parts], np.float32).astype(float),
        Ra_ohm_cm=np.array([s.Ra for s in parts]),
        cm_uF_cm2=np.array([s.cm for s in parts]),
        v0_mV=np.array([s.v0 for s in parts]),
        nseg=nseg,
        first_segment=(np.cumsum(nseg) - nseg).astype(np.int32),
        start_um=ends[:, 0],
        end_um=ends[:, 1],
        points_um=tuple(_points(s) for s in parts) if any(s.points is not None for s in parts) else (),
    )
    return sections, distance


def _points(section: SectionSpec) -> np.ndarray | None:
    """Return a section's points as NEURON holds them, in single precision."""
    return None if section.points is None else np.array(section.points, np.float32).astype(float)


def _segments(sections: Sections, distance: np.ndarray) -> Segments:
    section = np.repeat(np.arange(len(sections.names), dtype=np.int32), sections.nseg)
    k = np.arange(len(section)) - sections.first_segment[section]
    n = sections.nseg[section]
    length = sections.L_um[section] / n
    diam = sections.diam_um[section]
    span = sections.end_um[section] - sections.start_um[section]
    borders = [sections.start_um[section] + (share / n)[:, None] * span for share in (k, k + 0.5, k + 1)]
    # from border to border; half of it is exact, so that the sum of two halves is, too
    resistance = 0.01 * sections.Ra_ohm_cm[section] * length / (np.pi * diam**2 / 4)
    segments = Segments(
        section=section,
        x=(2 * k + 1) / (2 * n),
        distance_um=distance[section] + sections.L_um[section] * (2 * k + 1) / (2 * n),
        start_um=borders[0],
        centre_um=borders[1],
        end_um=borders[2],
        area_um2=np.pi * diam * sections.L_um[section] / n,
        diam_um=diam.copy(),
        near_MOhm=resistance / 2,
        far_MOhm=resistance / 2,
    )
    for i, points in enumerate(sections.points_um):
        if points is not None:
            rows = slice(int(sections.first_segment[i]), int(sections.first_segment[i] + sections.nseg[i]))
            for name, column in _frusta(points, int(sections.nseg[i]), float(sections.Ra_ohm_cm[i])).items():
                getattr(segments, name)[rows] = column
    return segments


def _frusta(points: np.ndarray, nseg: int, ra: float) -> dict[str, np.ndarray]:
    """Cut a path of frusta into segments of one length.

    Membrane and axial resistance are integrals over the frusta, of which a piece between diameters a and b of length s
    has the lateral area ``π (a + b) / 2 sqrt(s² + (a - b)² / 4)`` and the resistance ``4 Ra s / (π a b)``, as in NEURON
    (Carnevale & Hines 2006, The NEURON Book, chapter 5).
    """
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
    borders = arc[-1] * np.arange(2 * nseg + 1) / (2 * nseg)  # of halves of segments
    at = np.unique(np.concatenate([arc, borders]))
    column = [np.interp(at, arc, points[:, j]) for j in range(4)]
    step, a, b = np.diff(at), column[3][:-1], column[3][1:]
    area = np.pi * (a + b) / 2 * np.sqrt(step**2 + (a - b) ** 2 / 4)
    resistance = 0.01 * ra * step * 4 / (np.pi * a * b)
    first = np.searchsorted(at, borders[:-1])
    halves = {"area": np.add.reduceat(area, first), "ohm": np.add.reduceat(resistance, first)}
    diam = np.add.reduceat((a + b) / 2 * step, first).reshape(nseg, 2).sum(axis=1) / (arc[-1] / nseg)
    place = np.column_stack([np.interp(borders, arc, points[:, j]) for j in range(3)])
    return {
        "start_um": place[:-1:2],
        "centre_um": place[1::2],
        "end_um": place[2::2],
        "area_um2": halves["area"].reshape(nseg, 2).sum(axis=1),
        "diam_um": diam,
        "near_MOhm": halves["ohm"][::2],
        "far_MOhm": halves["ohm"][1::2],
    }


def _densities(cell: CellSpec, sections: Sections, segments: Segments) -> tuple[Density, ...]:
    mechanisms = dict.fromkeys(name for s in cell.sections.values() for name in s.mechanisms)
    found = []
    for mechanism in mechanisms:
        having = [i for i, s in enumerate(cell.sections.values()) if mechanism in s.mechanisms]
        members = [np.flatnonzero(segments.section == i).astype(np.int32) for i in having]
        names = dict.fromkeys(p for i in having for p in cell.sections[sections.names[i]].mechanisms[mechanism])
        values: dict[str, list[np.ndarray]] = {p: [] for p in names}
        for i, segment in zip(having, members, strict=True):
            given = cell.sections[sections.names[i]].mechanisms[mechanism]
            for p in names:
                with within(f"sections[{sections.names[i]!r}].mechanisms[{mechanism!r}][{p!r}]"):
                    value = evaluate(given[p], segments.distance_um[segment]) if p in given else None
                # NaN: this section leaves the parameter at the mod file's default
                values[p].append(np.full(len(segment), np.nan) if value is None else value)
        found.append(
            Density(
                mechanism=mechanism,
                sections=np.array(having, np.int32),
                segments=np.concatenate(members),
                parameters={p: np.concatenate(v) for p, v in values.items()},
            )
        )
    return tuple(found)


def _sites(cell: CellSpec, sections: Sections) -> Sites:
    rows = [(i, receptor) for i, s in enumerate(cell.sections.values()) for receptor in s.receptors]
    return Sites(
        section=np.array([i for i, _ in rows], np.int32),
        segment=np.array([sections.middle_segment(i) for i, _ in rows], np.int32),
        x=np.full(len(rows), 0.5),
        receptors=tuple(r for _, r in rows),
        mechanisms=tuple(cell.synapses[r].mechanism for _, r in rows),
        parameters=tuple(dict(cell.synapses[r].parameters) for _, r in rows),
    )


def point_segments(distance: float = 0.0) -> Segments:
    """Return the one segment of a cell without extent.

    Parameters
    ----------
    distance : float
        Path distance of its centre (µm).
    """
    none, place = np.zeros(1), np.zeros((1, 3))
    return Segments(
        section=np.zeros(1, np.int32), x=np.full(1, 0.5), distance_um=np.full(1, float(distance)),
        start_um=place, centre_um=place, end_um=place, area_um2=none, diam_um=none, near_MOhm=none, far_MOhm=none,
    )  # fmt: skip


def make_point_template(
    name: str, point: PointModel, receptors: Sequence[str] = (), ports: Sequence[Mapping[str, float]] = ()
) -> Template:
    """Return the template of a type of point cells: one section of one segment, and the model's ports as its sites.

    Parameters
    ----------
    name : str
        Name of the population, for messages.
    point : PointModel
        What the cell is.
    receptors : sequence of str
        Names of the ports.
    ports : sequence of dict
        What each port is; ``receptor_type`` is NEST's number of it.
    """
    root = np.full(1, -1, np.int32)
    one, zero = np.ones(1), np.zeros(1, np.int32)
    return Template(
        name=name,
        sections=Sections(
            names=POINT_SECTIONS,
            parent=root,
            parent_end=np.zeros(1, np.int8),
            L_um=0.0 * one,
            diam_um=0.0 * one,
            Ra_ohm_cm=0.0 * one,
            cm_uF_cm2=0.0 * one,
            v0_mV=0.0 * one,
            nseg=np.ones(1, np.int32),
            first_segment=zero,
            start_um=np.zeros((1, 3)),
            end_um=np.zeros((1, 3)),
        ),
        segments=point_segments(),
        densities=(),
        sites=Sites(
            section=np.zeros(len(ports), np.int32),
            segment=np.zeros(len(ports), np.int32),
            x=np.full(len(ports), 0.5),
            receptors=tuple(receptors),
            mechanisms=(point.name,) * len(ports),
            parameters=tuple(ports),
        ),
        spike_segment=0,
        point=point,
    )


@functools.lru_cache(maxsize=64)  # of variants of a network, most have the same cells
def make_template(name: str, cell: CellSpec | PointCellSpec) -> Template:
    """Return the template of a cell type.

    Parameters
    ----------
    name : str
        Name of the population, for messages.
    cell : CellSpec or PointCellSpec
        What the cell is.
    """
    if isinstance(cell, PointCellSpec):
        return make_point_template(name, PointModel(name=cell.model, parameters=cell.parameters))
    sections, distance = _sections(cell)
    segments = _segments(sections, distance)
    with within(f"populations[{name!r}].cell"):
        densities = _densities(cell, sections, segments)
    return Template(
        name=name,
        sections=sections,
        segments=segments,
        densities=densities,
        sites=_sites(cell, sections),
        spike_segment=sections.middle_segment(sections.names.index(cell.spike_section)),
    )
