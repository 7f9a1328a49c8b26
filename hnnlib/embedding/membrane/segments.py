"""The segments of a detailed cell as a table: where each is, and of what size."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.embedding.form.morphology import DOMAINS
from hnnlib.plan.tables import digest_of

__all__ = ["SegmentTable"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SegmentTable:
    """One row per segment, section by section, from the 0 end of each to its 1 end.

    Parameters
    ----------
    section : array of int32, shape (n,)
        Section of the morphology.
    x : array, shape (n,)
        Middle of the segment along its section (0 to 1).
    domain : array of str, shape (n,)
        Domain of each, as in `Morphology`.
    distance_um : array, shape (n,)
        Path distance of the middle from the middle of the soma (µm).
    branch_order : array of int32, shape (n,)
        Branch points between the segment and the soma.
    position_um : array, shape (n, 3)
        The middle (µm).
    start_um, end_um : array, shape (n, 3)
        The borders towards the 0 and the 1 end of the section (µm).
    length_um, diam_um, area_um2 : array, shape (n,)
        Length (µm), mean diameter (µm), membrane (µm²).
    names : tuple of str
        Names of the sections.
    """

    section: np.ndarray
    x: np.ndarray
    domain: np.ndarray
    distance_um: np.ndarray
    branch_order: np.ndarray
    position_um: np.ndarray
    start_um: np.ndarray
    end_um: np.ndarray
    length_um: np.ndarray
    diam_um: np.ndarray
    area_um2: np.ndarray
    names: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        # the types that the columns have after a file, too: they count in the digest
        for name in ("section", "branch_order"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int32))
        for name in ("x", "distance_um", "position_um", "start_um", "end_um", "length_um", "diam_um", "area_um2"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        object.__setattr__(self, "domain", np.asarray(self.domain, np.str_))
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))

    def __len__(self) -> int:
        return len(self.section)

    @cached_property
    def digest(self) -> str:
        """Hash of where the segments are: what an embedding belongs to."""
        places = (self.section, self.x, self.distance_um, self.position_um, self.area_um2)
        return digest_of(*places, self.domain.tolist(), self.names)  # plain text: numpy's differs between versions

    @cached_property
    def sections_digest(self) -> str:
        """Hash of the sections and where they begin and end, however they are cut: what section and x refer to."""
        last = self.first_of_section + self.n_of_section - 1
        return digest_of(self.names, self.start_um[self.first_of_section].round(3), self.end_um[last].round(3))

    @cached_property
    def n_of_section(self) -> np.ndarray:
        """Number of segments of each section, shape (n_sections,)."""
        return np.bincount(self.section, minlength=len(self.names))

    @cached_property
    def first_of_section(self) -> np.ndarray:
        """First segment of each section, shape (n_sections,)."""
        return np.cumsum(self.n_of_section) - self.n_of_section

    def at(self, section: Any, x: Any) -> np.ndarray:
        """Return the segments that hold places.

        Parameters
        ----------
        section : int or array of int, shape (k,)
            Sections.
        x : float or array, shape (k,)
            Places along them (0 to 1); 1 belongs to the last segment.

        Returns
        -------
        segment : array of int64, shape (k,)

        Raises
        ------
        InvalidValue
            If there is no such section, or x is outside.
        """
        section, x = np.broadcast_arrays(np.atleast_1d(section).astype(np.int64), np.atleast_1d(x).astype(float))
        bad = (section < 0) | (section >= len(self.names))
        if bad.any():
            raise InvalidValue(
                "section", int(section[bad][0]), f"is no section of the cell, which has 0 to {len(self.names) - 1}"
            )
        bad = ~((x >= 0) & (x <= 1))
        if bad.any():
            raise InvalidValue("x", float(x[bad][0]), "must be from 0 to 1, along the section")
        n = self.n_of_section[section]
        return self.first_of_section[section] + np.minimum((x * n).astype(np.int64), n - 1)

    def select(
        self,
        domain: str | list[str] | tuple[str, ...] | None = None,
        min_distance: float = 0.0,
        max_distance: float = np.inf,
    ) -> np.ndarray:
        """Return segments by where they are.

        Parameters
        ----------
        domain : str or list of str, optional
            Domains; ``apical`` stands for all parts of the apical tree. Left out: all but the axon.
        min_distance, max_distance : float
            Bounds of the path distance of the middle from the soma (µm), both included.

        Returns
        -------
        segments : array of int64
            Rising; empty if there is none.

        Raises
        ------
        UnknownName
            If there is no such domain.
        """
        wanted = [d for d in DOMAINS if d != "axon"] if domain is None else domain
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        for name in wanted:
            if name not in (*DOMAINS, "apical"):
                raise UnknownName("domain", name, "domain", (*DOMAINS, "apical"))
        if "apical" in wanted:
            wanted += [d for d in DOMAINS if d.startswith("apical_")]
        far_enough = (self.distance_um >= min_distance) & (self.distance_um <= max_distance)
        return np.flatnonzero(np.isin(self.domain, wanted) & far_enough)

    def __repr__(self) -> str:
        return f"<SegmentTable | {len(self)} segments of {len(self.names)} sections>"
