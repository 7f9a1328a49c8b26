"""The embedding: every synapse of a cell, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.schema import documented, mapping, nested, number, quantity
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.plan.tables import digest_of
from hnnlib.spec.cells import SynapseSpec

__all__ = ["Embedding", "ShortTermPlasticity", "SynapseType"]


@documented
@attrs.frozen(kw_only=True)
class ShortTermPlasticity:
    """How the effect of a release depends on those before it, at one synapse.

    Each release acts with the factor ``d * f`` and then multiplies d by ``depression`` and adds ``facilitation`` to f;
    between releases both go back to 1 with their time constants (Varela et al. 1997, J Neurosci 17:7926).
    """

    depression: float = quantity(1.0, gt=0, le=1, doc="factor on d at each release; 1: none")
    tau_depression: float = quantity(100.0, unit="ms", gt=0, doc="time constant of recovery")
    facilitation: float = quantity(0.0, ge=0, doc="added to f at each release; 0: none")
    tau_facilitation: float = quantity(100.0, unit="ms", gt=0, doc="time constant of its decay")


@documented
@attrs.frozen(kw_only=True)
class SynapseType:
    """What a release at a synapse opens: one kind of receptor or several, e.g. AMPA and NMDA."""

    receptors: Mapping[str, SynapseSpec] = mapping(of=SynapseSpec, doc="receptor name -> kinetics")
    ratio: Mapping[str, float] = mapping(
        {}, of=number, doc="receptor name -> peak conductance relative to the synapse's weight; left out: 1"
    )
    plasticity: ShortTermPlasticity | None = nested(
        (ShortTermPlasticity, type(None)), None, doc="short-term plasticity"
    )

    def __attrs_post_init__(self) -> None:
        if not self.receptors:
            raise InvalidValue("receptors", dict(self.receptors), "must name at least one receptor")
        for name, ratio in self.ratio.items():
            if name not in self.receptors:
                raise UnknownName("ratio", name, "receptor of this synapse", self.receptors)
            if ratio < 0:
                raise InvalidValue(f"ratio[{name!r}]", ratio, "must be >= 0")


_COLUMNS: Mapping[str, type] = immutabledict(
    {
        "population": np.int32,
        "source": np.int32,
        "kind": np.int32,
        "section": np.int32,
        "x": np.float64,
        "weight_uS": np.float64,
        "delay_ms": np.float64,
        "release_p": np.float64,
        "group": np.int32,
        "cluster": np.int32,
    }
)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Embedding:
    """An immutable table of synapses on a detailed cell; the row is the synapse's number.

    Rows stand population by population (a constructor's rows are sorted so, else left in their order). Made by
    `hnnlib.embedding.random` and its like; ``a + b`` joins two, `filter`, `scale_weight` and `silence` change one.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments: what ``section`` and ``x`` mean.
    populations : tuple of str
        Names of the presynaptic populations.
    kinds : mapping of str to SynapseType
        What synapses open, by name.
    population : array of int32, shape (n,)
        Index in ``populations``.
    source : array of int32, shape (n,)
        Presynaptic cell, from 0 within its population. Synapses of one cell hear the same spikes.
    kind : array of int32, shape (n,)
        Index in ``kinds``.
    section : array of int32, shape (n,)
        Section of the cell.
    x : array, shape (n,)
        Place along it (0 to 1).
    weight_uS : array, shape (n,)
        Peak conductance of a release (µS).
    delay_ms : array, shape (n,)
        From the presynaptic spike to the release (ms).
    release_p : array, shape (n,)
        Probability that a spike releases.
    group, cluster : array of int32, shape (n,)
        Functional group of the presynaptic cell, and cluster of synapses within it; -1: none.
    n_sources : mapping of str to int
        Number of cells of each population, those without a synapse included; left out: as many as ``source`` says.
    cell_types : mapping of str to str
        Population -> type of its cells; left out: the population's name.

    Raises
    ------
    InvalidValue
        If a column has another length, or a value is not allowed; names column, row and value.
    """

    segments: SegmentTable
    populations: tuple[str, ...]
    kinds: Mapping[str, SynapseType]
    population: np.ndarray
    source: np.ndarray
    kind: np.ndarray
    section: np.ndarray
    x: np.ndarray
    weight_uS: np.ndarray
    delay_ms: np.ndarray
    release_p: np.ndarray
    group: np.ndarray
    cluster: np.ndarray
    n_sources: Mapping[str, int] = immutabledict()
    cell_types: Mapping[str, str] = immutabledict()

    def __attrs_post_init__(self) -> None:
        put = object.__setattr__
        n = len(self.source)
        for name, kind in _COLUMNS.items():
            column = np.asarray(getattr(self, name))
            if column.shape != (n,):
                raise InvalidValue(name, column.shape, f"must be a column of {n} rows, as source is")
            put(self, name, column.astype(kind))
        self._check(n)
        if n and (np.diff(self.population) < 0).any():
            order = np.argsort(self.population, kind="stable")
            for name in _COLUMNS:
                put(self, name, getattr(self, name)[order])
        for name in _COLUMNS:
            getattr(self, name).setflags(write=False)
        put(self, "populations", tuple(self.populations))
        put(self, "kinds", immutabledict(self.kinds))
        largest = {p: int(self.source[rows].max(initial=-1)) + 1 for p, rows in self.rows.items()}
        for name, given in self.n_sources.items():
            if given < largest.get(name, 0):
                raise InvalidValue(f"n_sources[{name!r}]", given, f"must be at least {largest[name]}: source says so")
        put(self, "n_sources", immutabledict({p: int(self.n_sources.get(p, largest[p])) for p in self.populations}))
        put(self, "cell_types", immutabledict({p: self.cell_types.get(p, p) for p in self.populations}))

    def _check(self, n: int) -> None:
        limits = {
            "population": (0, len(self.populations) - 1),
            "source": (0, np.inf),
            "kind": (0, len(self.kinds) - 1),
            "section": (0, len(self.segments.names) - 1),
            "x": (0, 1),
            "weight_uS": (0, np.inf),
            "delay_ms": (0, np.inf),
            "release_p": (0, 1),
        }
        for name, (low, high) in limits.items():
            column = getattr(self, name)
            bad = ~((column >= low) & (column <= high)) | (column == np.inf)
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                bounds = f"from {low} to {high}" if np.isfinite(high) else f">= {low} and finite"
                what = f"must be {bounds}" if name != "section" else f"is no section of the cell ({bounds})"
                raise InvalidValue(f"{name}[{row}]", column[row].item(), what)

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def rows(self) -> dict[str, slice]:
        """Population -> its rows."""
        starts = np.searchsorted(self.population, np.arange(len(self.populations) + 1))
        return {p: slice(int(a), int(b)) for p, a, b in zip(self.populations, starts[:-1], starts[1:], strict=True)}

    @cached_property
    def segment(self) -> np.ndarray:
        """Segment of each synapse, shape (n,)."""
        return self.segments.at(self.section, self.x) if len(self) else np.zeros(0, np.int64)

    @property
    def distance_um(self) -> np.ndarray:
        """Path distance of each synapse's segment from the soma (µm), shape (n,)."""
        return self.segments.distance_um[self.segment]

    @property
    def domain(self) -> np.ndarray:
        """Domain of each synapse, shape (n,)."""
        return self.segments.domain[self.segment]

    @property
    def position_um(self) -> np.ndarray:
        """Middle of each synapse's segment (µm), shape (n, 3)."""
        return self.segments.position_um[self.segment]

    @cached_property
    def digest(self) -> str:
        """Hash of the whole table."""
        columns = [getattr(self, name) for name in _COLUMNS]
        named = (self.populations, dict(self.kinds), dict(self.n_sources), dict(self.cell_types))
        return digest_of(self.segments.digest, *columns, *named)

    def take(self, rows: Any) -> Embedding:
        """Return the synapses of some rows (a mask or rising indices), numbered anew; populations stay.

        Parameters
        ----------
        rows : array of bool or int
            Which.
        """
        return attrs.evolve(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def where(
        self,
        *,
        population: str | list[str] | None = None,
        domain: str | list[str] | None = None,
        kind: str | list[str] | None = None,
        min_distance: float = 0.0,
        max_distance: float = np.inf,
    ) -> np.ndarray:
        """Return which synapses meet all conditions.

        Parameters
        ----------
        population, domain, kind : str or list of str, optional
            Names; ``apical`` stands for all parts of the apical tree.
        min_distance, max_distance : float
            Path distance from the soma (µm).

        Returns
        -------
        mask : array of bool, shape (n,)

        Raises
        ------
        UnknownName
            If there is no such population, domain or kind.
        """
        mask = np.ones(len(self), bool)
        for path, given, known, column in (
            ("population", population, self.populations, self.population),
            ("kind", kind, tuple(self.kinds), self.kind),
        ):
            if given is None:
                continue
            wanted = [given] if isinstance(given, str) else list(given)
            for name in wanted:
                if name not in known:
                    raise UnknownName(path, name, path, known)
            mask &= np.isin(column, [known.index(name) for name in wanted])
        if domain is not None or min_distance > 0 or max_distance < np.inf:
            domains = sorted(set(self.segments.domain)) if domain is None else domain
            mask &= np.isin(self.segment, self.segments.select(domains, min_distance, max_distance))
        return mask

    def filter(self, **conditions: Any) -> Embedding:
        """Return the synapses that meet all conditions of `where`, numbered anew.

        Parameters
        ----------
        **conditions : object
            As in `where`.
        """
        return self.take(self.where(**conditions))

    def scale_weight(self, factor: float, **conditions: Any) -> Embedding:
        """Return the table with the weights of some synapses multiplied.

        Parameters
        ----------
        factor : float
            At least 0.
        **conditions : object
            As in `where`; none: all synapses.
        """
        mask = self.where(**conditions)
        return attrs.evolve(self, weight_uS=np.where(mask, self.weight_uS * factor, self.weight_uS))

    def silence(self, **conditions: Any) -> Embedding:
        """Return the table in which some synapses do nothing; they stay, so that all keep their numbers.

        Parameters
        ----------
        **conditions : object
            As in `where`; none: all synapses.
        """
        return self.scale_weight(0.0, **conditions)

    def __add__(self, other: Embedding) -> Embedding:
        """Join two tables on the same cell; populations and kinds of one name are one, and must be alike."""
        if self.segments.digest != other.segments.digest:
            raise InvalidValue("embedding", repr(other), "is on another morphology, or one cut into other segments")
        for name, kind in other.kinds.items():
            if name in self.kinds and self.kinds[name] != kind:
                raise InvalidValue(f"kinds[{name!r}]", kind, "is another kind of synapse of the same name")
        kinds = {**self.kinds, **other.kinds}
        populations = tuple(dict.fromkeys([*self.populations, *other.populations]))
        moved = {
            "population": np.array([populations.index(p) for p in other.populations], np.int32)[other.population],
            "kind": np.array([list(kinds).index(k) for k in other.kinds], np.int32)[other.kind],
        }
        columns = {
            name: np.concatenate([getattr(self, name), moved.get(name, getattr(other, name))]) for name in _COLUMNS
        }
        n_sources = {p: max(self.n_sources.get(p, 0), other.n_sources.get(p, 0)) for p in populations}
        return Embedding(
            segments=self.segments,
            populations=populations,
            kinds=kinds,
            n_sources=n_sources,
            cell_types={**other.cell_types, **self.cell_types},
            **columns,
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{p} {rows.stop - rows.start}" for p, rows in self.rows.items())
        return f"<Embedding | {len(self)} synapses ({counts}) on {len(self.segments)} segments>"
