"""A detailed cell: a morphology with a membrane, cut into segments."""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import digest, number
from hnnlib.compile.discretise import make_template
from hnnlib.embedding.form.alignment import aligned, is_upright
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.reading import read_morphology
from hnnlib.embedding.membrane.biophysics import Biophysics, read_biophysics
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.membrane.spatial import reaches
from hnnlib.plan.tables import Template, digest_of
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.profiles import Profile, Sampled

__all__ = ["DetailedCell"]

_STUB_UM = (30.0, 1.0)  # length and diameter of each of the two pieces, as in Hay et al. 2011
_LAMBDA_HZ = 100.0


def _morphology(value: Any) -> Morphology:
    if isinstance(value, Morphology):
        return value
    read = read_morphology(value)
    return read if is_upright(read) else aligned(read)


def _biophysics(value: Any) -> Biophysics:
    if not isinstance(value, Biophysics | str | os.PathLike):
        raise InvalidType("biophysics", value, "must be a Biophysics, or a file or name that it can be read from")
    return value if isinstance(value, Biophysics) else read_biophysics(value)


@attrs.frozen(kw_only=False, eq=False, repr=False)
class DetailedCell:
    """A cell of many sections with its membrane.

    Parameters
    ----------
    morphology : Morphology, str or path
        Its form, or what `read_morphology` makes it of; what is read is turned upright, as `aligned` does it, so that
        its dipole is along the apical tree. The cell's own ``morphology`` has the axon that the biophysics asks for: as
        traced, none, or a stub of two pieces, 30 µm long and 1 µm thick each (Hay et al. 2011, PLoS Comput Biol
        7:e1002107), straight down from the soma, after all other sections.
    biophysics : Biophysics, str or path
        Its membrane, or what `read_biophysics` reads it from.
    max_segment_um : float or None
        No segment is longer (µm). Default 20.
    d_lambda : float or None
        No segment is longer than this part of the length constant of its section at 100 Hz (Hines & Carnevale 2001,
        Neuroscientist 7:123, who advise 0.1). With both bounds, both are kept. Default None.

    Raises
    ------
    InvalidValue
        If neither bound is given, one is not above 0, or the membrane doesn't fit the morphology; names where.

    Notes
    -----
    Sections have an odd number of segments, so that one has its middle where the section has.
    """

    morphology: Morphology = attrs.field(converter=_morphology)
    biophysics: Biophysics = attrs.field(converter=_biophysics)
    max_segment_um: float | None = 20.0
    d_lambda: float | None = None

    def __attrs_post_init__(self) -> None:
        bounds = {"max_segment_um": "µm", "d_lambda": ""}
        for name, unit in bounds.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, number(value, name, unit=unit, gt=0))
        if self.max_segment_um is None and self.d_lambda is None:
            raise InvalidValue("max_segment_um", None, "must be given where d_lambda is not")
        object.__setattr__(self, "morphology", _with_axon(self.morphology, self.biophysics.axon))

    @cached_property
    def spec(self) -> CellSpec:
        """The cell as a network takes it: no receptors; groups of sections by domain, and ``apical``."""
        form = self.morphology
        reach = reaches(form)
        sections = {}
        for i, name in enumerate(form.names):
            domain = form.domains[i]
            plain = self.biophysics.plain(domain)
            nseg = self._n_segments(i, plain["Ra"], plain["cm"])
            membrane = self.biophysics.mechanisms(domain, self._distances(i, nseg), reach)
            above = int(form.parent[i])
            sections[name] = SectionSpec.from_points(
                form.points[i],
                parent=None if above < 0 else form.names[above],
                parent_end=1 if above < 0 else int(form.parent_end[i]),
                nseg=nseg,
                mechanisms={
                    mechanism: {parameter: _profile(value) for parameter, value in values.items()}
                    for mechanism, values in membrane.items()
                },
                **plain,
            )
        domains = dict.fromkeys([*form.domains[1:], "apical"])
        groups = {domain: tuple(form.names[i] for i in form.sections_of(domain)) for domain in domains}
        locations = {domain: members for domain, members in groups.items() if members}
        return CellSpec(sections=sections, locations=locations, dipole_axis=form.names[0], spike_section=form.names[0])

    def _n_segments(self, section: int, Ra: float, cm: float) -> int:
        length = float(self.morphology.lengths_um[section])
        n = 1 if self.max_segment_um is None else math.ceil(length / self.max_segment_um - 1e-9)
        if self.d_lambda is not None:
            n = max(n, math.ceil(electrotonic_length(self.morphology.points[section], Ra, cm) / self.d_lambda - 1e-9))
        return n if n % 2 else n + 1

    def _distances(self, section: int, nseg: int) -> np.ndarray:
        """Return the path distances of the middles of a section's segments from the middle of the soma (µm)."""
        form = self.morphology
        x = (2 * np.arange(nseg) + 1) / (2 * nseg)
        length = form.lengths_um[section]
        return np.abs(x - 0.5) * length if section == 0 else form.start_distance_um[section] + x * length

    @cached_property
    def template(self) -> Template:
        """The cell as engines take it: sections, segments and membrane as columns."""
        return make_template(self.morphology.name, self.spec)

    @cached_property
    def segments(self) -> SegmentTable:
        """Where each segment is, and of what size."""
        form, cut, counts = self.morphology, self.template.segments, self.template.sections.nseg.tolist()
        ends = np.stack([cut.start_um, cut.end_um])
        return SegmentTable(
            section=cut.section,
            x=cut.x,
            domain=np.array(form.domains)[cut.section],
            distance_um=np.concatenate([self._distances(i, n) for i, n in enumerate(counts)]),
            branch_order=form.branch_order[cut.section],
            position_um=cut.centre_um,
            start_um=ends[0],
            end_um=ends[1],
            length_um=form.lengths_um[cut.section] / np.array(counts)[cut.section],
            diam_um=cut.diam_um,
            area_um2=cut.area_um2,
            names=form.names,
        )

    @cached_property
    def digest(self) -> str:
        """Hash of form, membrane and segments."""
        return digest_of(self.morphology.digest, digest(self.biophysics), self.template.sections.nseg)

    def nearest_section(self, domain: str, distance_um: float) -> str:
        """Return the section of a domain whose middle is nearest to a path distance from the soma.

        Parameters
        ----------
        domain : str
            A domain, or ``apical``.
        distance_um : float
            Path distance from the middle of the soma (µm).

        Returns
        -------
        section : str
            Its name.

        Raises
        ------
        UnknownName
            If there is no such domain.
        InvalidValue
            If the cell has no section in it.
        """
        members = self.morphology.sections_of(domain)
        if not len(members):
            raise InvalidValue("domain", domain, f"has no section in {self.morphology.name}")
        middles = self.morphology.start_distance_um[members] + self.morphology.lengths_um[members] / 2
        return self.morphology.names[members[np.abs(middles - distance_um).argmin()]]

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, DetailedCell) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        form, n = self.morphology, int(self.template.sections.nseg.sum())
        return f"<DetailedCell {form.name} | {form.n_sections} sections, {n} segments, {form.lengths_um.sum():.0f} µm>"


def _profile(value: float | np.ndarray) -> float | Profile:
    return Sampled(values=tuple(value.tolist())) if isinstance(value, np.ndarray) else value


def electrotonic_length(points: np.ndarray, Ra: float, cm: float) -> float:
    """Return the length of a section in length constants at 100 Hz.

    Parameters
    ----------
    points : array, shape (n_points, 4)
        x, y, z and diameter (µm).
    Ra : float
        Axial resistivity (Ω·cm).
    cm : float
        Capacitance of the membrane (µF/cm²).

    Notes
    -----
    The length constant at a frequency f so high that currents through the membrane are capacitive is
    ``sqrt(diameter / (4 π f Ra cm))`` (Hines & Carnevale 2001, Neuroscientist 7:123), taken piece by piece.
    """
    pieces = np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1)
    diam = (points[1:, 3] + points[:-1, 3]) / 2
    length_constant = 1e5 * np.sqrt(diam / (4 * np.pi * _LAMBDA_HZ * Ra * cm))  # µm
    return float((pieces / length_constant).sum())


def _with_axon(form: Morphology, axon: str) -> Morphology:
    """Return the morphology with its axon kept, taken off, or replaced by a stub."""
    if axon == "keep":
        return form
    kept = [i for i, kind in enumerate(form.types) if kind != "axon"]
    row = {old: new for new, old in enumerate(kept)}
    for i in kept:
        if form.parent[i] >= 0 and int(form.parent[i]) not in row:
            raise InvalidValue(
                "axon", axon, f"can't be: {form.names[i]} sits on the axon ({form.names[form.parent[i]]})"
            )
    parent = [row.get(int(form.parent[i]), -1) for i in kept]
    columns: dict[str, list[Any]] = {
        name: [getattr(form, name)[i] for i in kept] for name in ("names", "types", "parent_end", "points", "domains")
    }
    if axon == "stub":
        length, diam = _STUB_UM
        soma = form.points[0]
        down = soma[0, :3] - soma[-1, :3]
        down = down / np.linalg.norm(down)
        for k in range(2):
            ends = [[*(soma[0, :3] + (k + i) * length * down), diam] for i in range(2)]
            parent.append(0 if k == 0 else len(kept))  # the first sits on the soma's 0 end, the other on its 1 end
            for name, value in zip(columns, (f"axon_{k}", "axon", k, np.array(ends), "axon"), strict=True):
                columns[name].append(value)
    return Morphology(
        names=tuple(columns["names"]),
        types=tuple(columns["types"]),
        parent=np.array(parent, np.int32),
        parent_end=np.array(columns["parent_end"], np.int8),
        points=tuple(columns["points"]),
        domains=tuple(columns["domains"]),
        name=form.name,
        source=form.source,
    )
