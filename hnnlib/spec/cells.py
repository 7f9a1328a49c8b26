"""What a cell is: sections in a tree, membrane mechanisms, receptors and where each is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import checked, choice, documented, integer, mapping, number, quantity, sequence, text, within
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.spec.profiles import Exponential, Linear, Profile, Sampled

__all__ = ["CellSpec", "SectionSpec", "SynapseSpec", "point3", "segment_count"]


def segment_count(length: float) -> int:
    """Return the number of segments of a section: 1 up to 100 µm, else about one for each 50 µm, made odd.

    Parameters
    ----------
    length : float
        Length of the section (µm).

    Notes
    -----
    The rule of the published model (Jones et al. 2009, J Neurophysiol 102:3554; as in HNN-core 0.6.1).
    """
    if length <= 100.0:
        return 1
    n = int(length / 50.0)
    return n if n % 2 else n + 1


def _parameters(value: Any, path: str) -> Mapping[str, float | Profile]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping of parameter names")
    return immutabledict({name: _parameter(item, f"{path}[{name!r}]") for name, item in value.items()})


def _parameter(value: Any, path: str) -> float | Profile:
    return value if isinstance(value, Exponential | Linear | Sampled) else number(value, path)


def point3(value: Any, path: str) -> tuple[float, float, float]:
    """Return ``value`` as three finite floats, or raise with the path."""
    try:
        x, y, z = (float(v) for v in value)
    except (TypeError, ValueError):
        raise InvalidType(path, value, "must be three numbers (x, y, z)") from None
    if not all(map(math.isfinite, (x, y, z))):
        raise InvalidValue(path, value, "must be three finite numbers (x, y, z)")
    return (x, y, z)


def _points(value: Any, path: str) -> tuple[tuple[float, float, float, float], ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidType(path, value, "must be a list of points (x, y, z, diameter)")
    points = []
    for i, point in enumerate(value):
        try:
            x, y, z, diam = (float(v) for v in point)
        except (TypeError, ValueError):
            raise InvalidType(f"{path}[{i}]", point, "must be four numbers (x, y, z, diameter)") from None
        if not all(map(math.isfinite, (x, y, z))) or not 0 < diam < math.inf:
            raise InvalidValue(f"{path}[{i}]", point, "must be finite, and its diameter > 0 µm")
        points.append((x, y, z, diam))
    if len(points) < 2:
        raise InvalidValue(path, points, "must hold at least two points")
    return tuple(points)


def _direction(value: Any, path: str) -> tuple[float, float, float]:
    point = point3(value, path)
    if not math.isclose(math.hypot(*point), 1.0, rel_tol=1e-6):
        raise InvalidValue(path, value, "must be a unit vector (length 1)")
    return point


@documented
@attrs.frozen(kw_only=True)
class SectionSpec:
    """An unbranched piece of membrane: a cylinder, or frusta between 3-D points.

    The 0 end of a section sits on ``parent`` at ``parent_end``. Where a cylinder is in space follows from the tree, so
    that a changed length moves everything beyond it. A section of ``points`` is where they are: its ``L`` is the length
    of their path, ``diam`` and ``direction`` are those of a cylinder in its place (`from_points` works them out).
    """

    L: float = quantity(unit="µm", gt=0, doc="length")
    diam: float = quantity(unit="µm", gt=0, doc="diameter")
    Ra: float = quantity(200.0, unit="Ω·cm", gt=0, doc="axial resistivity")
    cm: float = quantity(1.0, unit="µF/cm²", gt=0, doc="specific membrane capacitance")
    v0: float = quantity(-65.0, unit="mV", doc="membrane potential at the start")
    nseg: int | None = integer(None, ge=1, optional=True, doc="number of segments; None: by ``segment_count``")
    direction: tuple[float, float, float] = checked(
        _direction, (0.0, 0.0, 1.0), doc="unit vector from the 0 end to the 1 end; +z points to the pia"
    )
    parent: str | None = text(None, optional=True, doc="section that the 0 end sits on; None for the root")
    parent_end: int = choice((0, 1), 1, doc="which end of the parent")
    mechanisms: Mapping[str, Mapping[str, float | Profile]] = mapping(
        {}, of=_parameters, doc="mechanism name -> its parameters; what is left out has the mod file's value"
    )
    receptors: tuple[str, ...] = sequence((), doc="names in the cell's ``synapses``; one synapse each, at the middle")
    points: tuple[tuple[float, float, float, float], ...] | None = checked(
        _points, None, doc="x, y, z and diameter (µm) from the 0 end to the 1 end; None: a cylinder", rare=True
    )

    def __attrs_post_init__(self) -> None:
        if self.points is not None and not math.isclose(self.L, _path_length(self.points), rel_tol=1e-6):
            raise InvalidValue(
                "L", self.L, f"must be the length of the points' path ({_path_length(self.points):g} µm)"
            )

    @classmethod
    def from_points(cls, points: Iterable[Iterable[float]], **fields: Any) -> SectionSpec:
        """Return a section of 3-D points.

        Parameters
        ----------
        points : array-like, shape (n_points, 4)
            x, y, z and diameter (µm), from the 0 end to the 1 end.
        **fields : object
            The others, without ``L``, ``diam`` and ``direction``: they become the length of the path, the diameter of
            a cylinder of as much membrane, and the way from the first point to the last.

        Raises
        ------
        InvalidValue
            If there are fewer than two points, a diameter is not positive, or all points are one.
        """
        kept = _points(points, "points") or ()
        length = _path_length(kept)
        if length <= 0:
            raise InvalidValue("points", kept[:2], "must have a length: all points are one")
        array = np.array(kept)
        along = np.linalg.norm(np.diff(array[:, :3], axis=0), axis=1)
        slant = np.sqrt(along**2 + np.diff(array[:, 3]) ** 2 / 4)
        area = float((np.pi / 2 * (array[1:, 3] + array[:-1, 3]) * slant).sum())
        chord = array[-1, :3] - array[0, :3]
        size = float(np.linalg.norm(chord))
        direction = tuple(chord / size) if size > 0 else (0.0, 0.0, 1.0)
        return cls(points=kept, L=length, diam=area / (math.pi * length), direction=direction, **fields)

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return self.nseg if self.nseg is not None else segment_count(self.L)


@documented
@attrs.frozen(kw_only=True)
class SynapseSpec:
    """A point process that events act on; the weight of an event is its peak conductance in µS for ``Exp2Syn``.

    For ``NMDA`` it is that peak without magnesium.
    """

    mechanism: str = text("Exp2Syn", doc="name of a point process")
    parameters: Mapping[str, float] = mapping({}, of=number, doc="e.g. e (mV), tau1 and tau2 (ms)")

    def __attrs_post_init__(self) -> None:
        mechanism = lookup(self.mechanism, "mechanism")
        if mechanism.kind != "point":
            raise InvalidValue("mechanism", self.mechanism, "is no point process, so it can't be a synapse")
        for name in self.parameters:
            if name not in mechanism.parameters:
                raise UnknownName("parameters", name, f"parameter of {self.mechanism}", mechanism.parameters)
        if self.mechanism in ("Exp2Syn", "NMDA"):
            for name in ("tau1", "tau2"):
                if name in self.parameters and self.parameters[name] <= 0:
                    raise InvalidValue(f"parameters[{name!r}]", self.parameters[name], "must be > 0 ms")


def _path_length(points: tuple[tuple[float, float, float, float], ...]) -> float:
    return float(sum(math.dist(a[:3], b[:3]) for a, b in pairwise(points)))


def _section_names(value: Any, path: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(v, str) for v in value):
        raise InvalidType(path, value, "must be a list of section names")
    return tuple(value)


@documented
@attrs.frozen(kw_only=True)
class CellSpec:
    """A cell type: sections in order of creation, receptors, named groups of sections."""

    sections: Mapping[str, SectionSpec] = mapping(of=SectionSpec, doc="name -> section; one of them is the root")
    synapses: Mapping[str, SynapseSpec] = mapping({}, of=SynapseSpec, doc="receptor name -> synapse")
    locations: Mapping[str, tuple[str, ...]] = mapping(
        {}, of=_section_names, doc="group name, e.g. 'proximal' -> the sections that get one synapse each"
    )
    dipole_axis: str | None = text(None, optional=True, doc="section whose direction the dipole is measured along")
    spike_section: str = text("soma", doc="section at whose middle the spike threshold is watched")

    def __attrs_post_init__(self) -> None:
        roots = [name for name, s in self.sections.items() if s.parent is None]
        if len(roots) != 1:
            raise InvalidValue("sections", roots, "must have exactly one root (a section without parent)")
        for name, section in self.sections.items():
            with within(f"sections[{name!r}]"):
                self._check_section(section)
        for name in self.sections:
            self._ancestors(name)
        for group, members in self.locations.items():
            for member in members:
                if member not in self.sections:
                    raise UnknownName(f"locations[{group!r}]", member, "section", self.sections)
        for field in ("dipole_axis", "spike_section"):
            name = getattr(self, field)
            if name is not None and name not in self.sections:
                raise UnknownName(field, name, "section", self.sections)

    def _check_section(self, section: SectionSpec) -> None:
        if section.parent is not None and section.parent not in self.sections:
            raise UnknownName("parent", section.parent, "section", self.sections)
        for receptor in section.receptors:
            if receptor not in self.synapses:
                raise UnknownName("receptors", receptor, "receptor", self.synapses)
        for name, values in section.mechanisms.items():
            mechanism = lookup(name, "mechanisms")
            if mechanism.kind != "density":
                raise InvalidValue("mechanisms", name, "is no density mechanism")
            for parameter, value in values.items():
                where = f"mechanisms[{name!r}]"
                if parameter not in mechanism.parameters:
                    raise UnknownName(where, parameter, f"parameter of {name}", mechanism.parameters)
                if isinstance(value, Sampled) and len(value.values) != section.n_segments:
                    raise InvalidValue(
                        f"{where}[{parameter!r}]",
                        value.values,
                        f"must hold one value for each of the {section.n_segments} segments",
                    )

    def _ancestors(self, name: str) -> list[str]:
        chain = [name]
        while (parent := self.sections[chain[-1]].parent) is not None:
            if parent in chain:
                raise InvalidValue(f"sections[{name!r}].parent", parent, "closes a loop; sections must form a tree")
            chain.append(parent)
        return chain

    @property
    def root(self) -> str:
        """Name of the root section."""
        return next(name for name, s in self.sections.items() if s.parent is None)

    def section_ends(self) -> dict[str, np.ndarray]:
        """Return where each section lies, the root's 0 end at the origin unless points say where it is.

        Returns
        -------
        ends : dict
            Section name -> array of shape (2, 3): its 0 end and its 1 end (µm).
        """
        ends: dict[str, np.ndarray] = {}

        def lay(name: str) -> np.ndarray:
            if name not in ends:
                section = self.sections[name]
                if section.points is not None:
                    ends[name] = np.array([section.points[0][:3], section.points[-1][:3]])
                    return ends[name]
                start = np.zeros(3) if section.parent is None else lay(section.parent)[section.parent_end]
                ends[name] = np.array([start, start + section.L * np.array(section.direction)])
            return ends[name]

        for name in self.sections:
            lay(name)
        return {name: ends[name] for name in self.sections}

    def root_distance(self, name: str) -> float:
        """Return the path distance of a section's 0 end from the root's 0 end (µm).

        Parameters
        ----------
        name : str
            The section.
        """
        section = self.sections[name]
        if section.parent is None:
            return 0.0
        along = self.sections[section.parent].L if section.parent_end == 1 else 0.0
        return self.root_distance(section.parent) + along

    def sections_at(self, location: str, path: str = "location") -> tuple[str, ...]:
        """Return the sections that a location stands for: a group of ``locations``, or one section by its name.

        Parameters
        ----------
        location : str
            Name of a group or section.
        path : str
            Where the name stands, for the error.

        Raises
        ------
        UnknownName
            If it is neither.
        """
        if location in self.locations:
            return self.locations[location]
        if location in self.sections:
            return (location,)
        raise UnknownName(path, location, "location", [*self.locations, *self.sections])
