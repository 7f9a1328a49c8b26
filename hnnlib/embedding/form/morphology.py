"""The form of a cell: unbranched sections of 3-D points in a tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName

__all__ = ["DOMAINS", "TYPES", "Morphology"]

TYPES = ("soma", "axon", "basal", "apical")
"""What a section is; SWC numbers them from 1."""
DOMAINS = ("soma", "axon", "basal", "apical_trunk", "apical_oblique", "apical_tuft")
"""Where on the cell a section is: types, and of the apical tree its parts."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Morphology:
    """Sections of a cell in a tree, the soma first, each parent before its children.

    Parameters
    ----------
    names : tuple of str
        Names of the sections: ``soma``, and ``axon_0``, ``basal_3``, ``apical_12``: the type, and the number within it.
    types : tuple of str
        Type of each section: ``soma``, ``axon``, ``basal``, ``apical``.
    parent : array of int32, shape (n_sections,)
        Section that the 0 end of each sits on; -1 for the soma.
    parent_end : array of int8, shape (n_sections,)
        Which end of the parent: of the soma, 0 for basal dendrites and axons, and 1 for the apical tree.
    points : tuple of array, shape (n_points, 4)
        x, y, z and diameter (µm) of each section, from its 0 end to its 1 end, at least two. A section that sits on
        another dendrite begins at that one's end; one that sits on the soma begins where it was first traced.
    domains : tuple of str
        Domain of each section: ``soma``, ``axon``, ``basal``, and of the apical tree ``apical_trunk``,
        ``apical_oblique``, ``apical_tuft``.
    name : str
        What it is called.
    source : str
        Where it comes from: a file's name, or how it was made.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    parent: np.ndarray
    parent_end: np.ndarray
    points: tuple[np.ndarray, ...]
    domains: tuple[str, ...]
    name: str = "morphology"
    source: str = ""

    @property
    def n_sections(self) -> int:
        """Number of sections."""
        return len(self.names)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the sections: tree, points and domains; names of files don't matter."""
        h = hashlib.sha256()
        for part in (self.names, self.types, self.domains):
            h.update("\n".join(part).encode() + b"\0")
        h.update(np.asarray(self.parent, np.int64).tobytes() + np.asarray(self.parent_end[1:], np.int64).tobytes())
        for points in self.points:
            h.update(len(points).to_bytes(8, "little") + np.ascontiguousarray(points, float).tobytes())
        return h.hexdigest()

    @cached_property
    def lengths_um(self) -> np.ndarray:
        """Length of each section along its points (µm), shape (n_sections,)."""
        return np.array([np.linalg.norm(np.diff(p[:, :3], axis=0), axis=1).sum() for p in self.points])

    @cached_property
    def start_distance_um(self) -> np.ndarray:
        """Path distance of each section's 0 end from the middle of the soma (µm), shape (n_sections,).

        Within the soma distance grows from its middle to either end. The way from the soma to where a dendrite was
        first traced counts as nothing.
        """
        distance = np.zeros(self.n_sections)
        for i, above in enumerate(self.parent.tolist()):
            if above == 0:
                distance[i] = self.lengths_um[0] / 2
            elif above > 0:
                distance[i] = distance[above] + self.lengths_um[above] * self.parent_end[i]
        return distance

    @cached_property
    def branch_order(self) -> np.ndarray:
        """Number of branch points between each section and the soma, 0 for those that sit on it; (n_sections,)."""
        order = np.zeros(self.n_sections, np.int32)
        children = np.bincount(self.parent[1:], minlength=self.n_sections)
        for i, above in enumerate(self.parent.tolist()):
            if above > 0:
                order[i] = order[above] + (children[above] > 1)
        return order

    def sections_of(self, *domains: str) -> np.ndarray:
        """Return the sections of some domains.

        Parameters
        ----------
        *domains : str
            Which; or ``apical`` for all parts of the apical tree.

        Returns
        -------
        sections : array of int64
            Indices, rising.

        Raises
        ------
        UnknownName
            If there is no such domain.
        """
        for domain in domains:
            if domain not in (*DOMAINS, "apical"):
                raise UnknownName("domain", domain, "domain", (*DOMAINS, "apical"))
        wanted = [d in domains or (d.startswith("apical") and "apical" in domains) for d in self.domains]
        return np.flatnonzero(wanted)

    def index(self, section: str | int, path: str = "section") -> int:
        """Return the index of a section.

        Parameters
        ----------
        section : str or int
            Its name, or the index itself.
        path : str
            Where it stands, for the error.

        Raises
        ------
        UnknownName
            If there is no section of that name.
        InvalidValue
            If there is none of that number.
        """
        if isinstance(section, str):
            if section not in self.names:
                raise UnknownName(path, section, f"section of {self.name}", self.names)
            return self.names.index(section)
        if not 0 <= int(section) < self.n_sections:
            raise InvalidValue(
                path, section, f"is no section of {self.name}, which has sections 0 to {self.n_sections - 1}"
            )
        return int(section)

    def with_domains(self, domains: Mapping[str, str]) -> Morphology:
        """Return the morphology with other domains of some sections.

        Parameters
        ----------
        domains : dict of str to str
            Section -> domain.

        Raises
        ------
        UnknownName
            If there is no such section or domain.
        """
        changed: list[str] = list(self.domains)
        for name, domain in domains.items():
            if domain not in DOMAINS:
                raise UnknownName(f"domains[{name!r}]", domain, "domain", DOMAINS)
            changed[self.index(name, "domains")] = domain
        return attrs.evolve(self, domains=tuple(changed))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Morphology) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        n = sum(len(p) for p in self.points)
        return f"<Morphology {self.name} | {self.n_sections} sections, {self.lengths_um.sum():.0f} µm, {n} points>"
