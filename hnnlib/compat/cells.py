"""HNN-core's cells: objects to edit in place, each of which stands for a `CellSpec`."""

from __future__ import annotations

import copy as copying
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.compat.network_dict import cell_to_dict
from hnnlib.compat.network_read import cell_from_node
from hnnlib.compat.node import Node
from hnnlib.spec.cells import CellSpec, segment_count

__all__ = ["Cell", "Section"]

_End = tuple[str, int]


class Section:
    """An unbranched cylinder of membrane.

    Parameters
    ----------
    L, diam : float
        Length and diameter (µm).
    Ra : float
        Axial resistivity (Ω·cm).
    cm : float
        Specific membrane capacitance (µF/cm²).
    v0 : float
        Membrane potential at the start (mV).
    end_pts : array-like, shape (2, 3), optional
        Where the 0 end and the 1 end are (µm); left out, the section stands upright on the origin.

    Attributes
    ----------
    mechs : dict of str to dict
        Mechanism -> parameter -> a number, a function of the path distance (µm) from the soma's 0 end, or two lists:
        where the segments are (0 to 1) and the value in each.
    syns : list of str
        Receptors.
    nseg : int
        Number of segments.
    """

    def __init__(self, L: float, diam: float, Ra: float, cm: float, v0: float = -65.0, end_pts: Any = None) -> None:
        self._L, self._diam, self._Ra, self._cm, self._v0 = L, diam, Ra, cm, v0
        self._end_pts = (
            [[0.0, 0.0, 0.0], [0.0, 0.0, float(L)]] if end_pts is None else np.array(end_pts, float).tolist()
        )
        self.mechs: dict[str, dict[str, Any]] = {}
        self.syns: list[str] = []
        self.nseg = segment_count(L)

    @property
    def L(self) -> float:
        """Length (µm)."""
        return self._L

    @property
    def diam(self) -> float:
        """Diameter (µm)."""
        return self._diam

    @property
    def Ra(self) -> float:
        """Axial resistivity (Ω·cm)."""
        return self._Ra

    @property
    def cm(self) -> float:
        """Specific membrane capacitance (µF/cm²)."""
        return self._cm

    @property
    def v0(self) -> float:
        """Membrane potential at the start (mV)."""
        return self._v0

    @property
    def end_pts(self) -> list[list[float]]:
        """Where the 0 end and the 1 end are (µm)."""
        return self._end_pts

    def to_dict(self) -> dict[str, Any]:
        """Return the section as plain data, functions among its values excepted."""
        return {
            **{"L": self.L, "diam": self.diam, "cm": self.cm, "Ra": self.Ra},
            **{"end_pts": copying.deepcopy(self.end_pts), "nseg": self.nseg, "v0": self.v0},
            **{"mechs": copying.deepcopy(self.mechs), "syns": list(self.syns)},
        }

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Section) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"L={self.L}, diam={self.diam}, cm={self.cm}, Ra={self.Ra}"


class Cell:
    """A cell type, or one cell of it, as HNN-core has them.

    Parameters
    ----------
    name : str
        Name of the cell type.
    pos : tuple of float
        Where the soma is (µm).
    sections : dict of str to Section
        Sections by name, ``'soma'`` among them.
    synapses : dict of str to dict
        Receptor -> ``e`` (mV), ``tau1`` and ``tau2`` (ms); or ``mechname``, the name of a point process, with its
        parameters.
    sect_loc : dict of str to list
        Groups of sections: ``'proximal'``, ``'distal'``.
    cell_tree : dict or None
        Node -> nodes that sit on it, each a section with an end, e.g. ``('soma', 1)``; None for a single section.
    gid : int, optional
        Number of the cell; can be given once.

    Raises
    ------
    KeyError
        If there is no ``'soma'``.
    """

    def __init__(
        self,
        name: str,
        pos: Any,
        sections: Mapping[str, Section],
        synapses: Mapping[str, Mapping[str, Any]],
        sect_loc: Mapping[str, Any],
        cell_tree: Mapping[_End, list[_End]] | None,
        gid: int | None = None,
    ) -> None:
        if "soma" not in sections:
            raise KeyError("soma must be defined for cell")
        self.name, self.pos = name, pos
        self.sections = dict(sections)
        self.synapses = {receptor: dict(synapse) for receptor, synapse in synapses.items()}
        self.sect_loc = {group: list(members) for group, members in sect_loc.items()}
        self.cell_tree = cell_tree
        self._gid: int | None = None
        if gid is not None:
            self.gid = gid
        self._evaluate()

    @classmethod
    def from_spec(cls, name: str, spec: CellSpec, pos: Any = (0.0, 0.0, 0.0), gid: int | None = None) -> Cell:
        """Return a cell to edit that stands for a spec.

        Parameters
        ----------
        name : str
            Name of the cell type.
        spec : CellSpec
            What it is.
        pos : tuple of float
            Where its soma is (µm).
        gid : int, optional
            Number of the cell.
        """
        data = cell_to_dict(name, spec)
        sections = {}
        for label, entry in data["sections"].items():
            section = sections[label] = Section(
                **{key: entry[key] for key in ("L", "diam", "Ra", "cm", "v0", "end_pts")}
            )
            section.mechs, section.syns, section.nseg = entry["mechs"], entry["syns"], entry["nseg"]
        tree = data["cell_tree"]
        if tree is not None:
            tree = {_end(node): [_end(child) for child in children] for node, children in tree.items()}
        return cls(name, pos, sections, data["synapses"], data["sect_loc"], tree, gid)

    @property
    def gid(self) -> int | None:
        """Number of the cell."""
        return self._gid

    @gid.setter
    def gid(self, gid: int) -> None:
        if isinstance(gid, bool) or not isinstance(gid, int | np.integer):
            raise InvalidType("gid", gid, "must be an integer")
        if self._gid is not None:
            raise InvalidValue("gid", gid, f"can't be given to a cell that has one already ({self._gid})")
        self._gid = int(gid)

    @property
    def spec(self) -> CellSpec:
        """The cell as hnnlib's own value; errors name section and parameter."""
        self._evaluate()
        return cell_from_node(Node(self.to_dict(), f"cell_types[{self.name!r}]"))

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as plain data, as HNN-core's network files hold it."""
        tree = self.cell_tree
        return {
            "name": self.name,
            "pos": list(self.pos),
            "sections": {label: section.to_dict() for label, section in self.sections.items()},
            "synapses": copying.deepcopy(self.synapses),
            "cell_tree": None
            if tree is None
            else {_node(parent): [_node(child) for child in children] for parent, children in tree.items()},
            "sect_loc": copying.deepcopy(self.sect_loc),
            "gid": self.gid,
            **{"dipole_pp": [], "vsec": {}, "isec": {}, "ca": {}, "tonic_biases": []},
        }

    def copy(self) -> Cell:
        """Return an independent copy."""
        return copying.deepcopy(self)

    def modify_section(
        self,
        sec_name: str,
        L: float | None = None,
        diam: float | None = None,
        cm: float | None = None,
        Ra: float | None = None,
        v0: float | None = None,
    ) -> None:
        """Change a section; where it ends, and all that hangs on it, follows. The number of segments stays.

        Parameters
        ----------
        sec_name : str
            The section.
        L, diam : float, optional
            Length and diameter (µm).
        cm : float, optional
            Specific membrane capacitance (µF/cm²).
        Ra : float, optional
            Axial resistivity (Ω·cm).
        v0 : float, optional
            Membrane potential at the start (mV).

        Raises
        ------
        UnknownName
            If there is no such section.
        """
        if sec_name not in self.sections:
            raise UnknownName("sec_name", sec_name, "section", self.sections)
        section = self.sections[sec_name]
        for field, value in {"_L": L, "_diam": diam, "_cm": cm, "_Ra": Ra, "_v0": v0}.items():
            if value is not None:
                setattr(section, field, value)
        self.define_shape(("soma", 0))

    def define_shape(self, node: _End) -> None:
        """Lay the sections out anew from a node on, in the directions that they have, as long as they are.

        Parameters
        ----------
        node : tuple
            Section and end, e.g. ``('soma', 0)``.
        """
        parents = {
            child: (parent, end)
            for (parent, end), children in (self.cell_tree or {}).items()
            for child, _ in children
            if child != parent
        }
        for label in sorted(self.sections, key=lambda name: len(_chain(name, parents))):  # ancestors first
            section = self.sections[label]
            start, end = (np.array(point, float) for point in section.end_pts)
            direction = (end - start) / np.linalg.norm(end - start)
            if label in parents and label != node[0]:
                on, at = parents[label]
                start = np.array(self.sections[on].end_pts[at])
            laid = np.array([start, start + direction * section.L])
            if not np.allclose(laid, section.end_pts, rtol=0, atol=1e-9):  # what is in its place stays, to the last bit
                section._end_pts = laid.tolist()

    def distance_section(self, target_sec_name: str, curr_node: _End) -> float:
        """Return the path distance from a node to the middle of a section (µm); NaN where no path leads there.

        Parameters
        ----------
        target_sec_name : str
            The section.
        curr_node : tuple
            Section and end, e.g. ``('soma', 0)``.
        """
        if target_sec_name not in self.sections:
            raise UnknownName("target_sec_name", target_sec_name, "section", self.sections)
        tree = dict(self.cell_tree) if self.cell_tree else {("soma", 0): [("soma", 1)]}
        pending: list[tuple[_End, float]] = [(curr_node, 0.0)]
        seen: set[_End] = set()
        while pending:
            (label, end), distance = pending.pop()
            if (label, end) in seen:
                continue
            seen.add((label, end))
            for child in tree.get((label, end), []):
                step = self.sections[label].L if child[0] == label else 0.0
                if child[0] == target_sec_name == label:
                    return distance + step / 2
                pending.append(((child[0], child[1]), distance + step))
        return math.nan

    def _evaluate(self) -> None:
        """Put values at the segments in the place of functions of distance."""
        begin: dict[str, float] = {}
        for label, section in self.sections.items():
            for values in section.mechs.values():
                for parameter, value in values.items():
                    if callable(value):
                        if not begin:
                            begin = self._starts()
                        values[parameter] = _sampled(value, begin[label], section)

    def _starts(self) -> dict[str, float]:
        """Return the path distance of each section's 0 end from the soma's 0 end (µm)."""
        return {label: self.distance_section(label, ("soma", 0)) - s.L / 2 for label, s in self.sections.items()}

    def plot_morphology(
        self, ax: Any = None, color: Any = None, pos: Any = (0, 0, 0), show: bool = True, **kw: Any
    ) -> Any:
        """Plot the sections in space, see `hnnlib.viz.plot_cell_morphology`."""
        from hnnlib.viz import plot_cell_morphology

        return plot_cell_morphology(self.spec, ax=ax, color=color, pos=pos, show=show, **kw)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Cell) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Cell | {self.name}, {len(self.sections)} sections>"


def _sampled(function: Callable[[float], float], start: float, section: Section) -> list[list[float]]:
    x = [(2 * k + 1) / (2 * section.nseg) for k in range(section.nseg)]
    return [x, [float(function(start + at * section.L)) for at in x]]


def _chain(label: str, parents: Mapping[str, _End]) -> list[str]:
    chain = [label]
    while chain[-1] in parents and len(chain) <= len(parents):
        chain.append(parents[chain[-1]][0])
    return chain


def _end(node: str) -> _End:
    label, _, end = node.rpartition(",")
    return label, int(end)


def _node(end: Any) -> str:
    return f"{end[0]},{end[1]}"
