"""Spikes as a value: when which node of which population fired."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.rates import cell_rates
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import number
from hnnlib.results import spike_columns as columns
from hnnlib.results.gids import SpikesByGid, gid_ranges_of, nodes_of

__all__ = ["SpikeData"]

SORTS = ("time", "id", None)


# No slots: cached_property keeps its value in __dict__.
@attrs.frozen(eq=False, repr=False, slots=False)
class SpikeData:
    """Spikes of nodes, one row a spike. A node is known by population and id: ids of two populations may be the same.

    `from_arrays`, `from_trains` and `from_cell_response` are handier than the constructor, which takes the columns.

    Parameters
    ----------
    times : array-like, shape (n_spikes,)
        Spike times (ms), finite and >= 0.
    node_ids : array-like of int, shape (n_spikes,)
        The node of each spike within its population, >= 0.
    codes : array-like of int, shape (n_spikes,)
        The population of each spike, as index into ``populations``.
    populations : sequence of str
        Names of the populations; one may have no spikes.
    trials : array-like of int, shape (n_spikes,), optional
        The trial of each spike, from 0. Left out: all are of one trial.
    n_trials : int, optional
        Number of trials. Left out: up to the last that has a spike.
    node_sets : mapping of str to sequence of int, optional
        All nodes of a population, silent ones too, in any order. Left out for a population: those that fired.
    origin : mapping, optional
        Where the spikes come from, as plain data: file, seed, which unit became which node, …

    Raises
    ------
    InvalidType
        If a column is not a flat list of numbers.
    InvalidValue
        If lengths differ, a time is negative or no number, or an id is negative or no node of its population.
    """

    times: NDArray[np.float64] = attrs.field(converter=columns.times)
    node_ids: NDArray[np.int64] = attrs.field(converter=columns.node_ids)
    codes: NDArray[np.int32] = attrs.field(converter=columns.codes)
    populations: tuple[str, ...] = attrs.field(converter=columns.populations)
    trials: NDArray[np.int64] | None = attrs.field(default=None, converter=columns.trials, kw_only=True)
    n_trials: int = attrs.field(default=None, converter=columns.n_trials, kw_only=True)
    node_sets: Mapping[str, NDArray[np.int64]] = attrs.field(default=None, converter=columns.node_sets, kw_only=True)
    origin: Mapping[str, Any] = attrs.field(factory=dict, converter=columns.origin, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name in ("node_ids", "codes", "trials"):
            column = getattr(self, name)
            if column is not None and column.size != self.times.size:
                raise InvalidValue(f"len({name})", column.size, f"must be that of times, {self.times.size}")
        bad = np.flatnonzero(~(np.isfinite(self.times) & (self.times >= 0)))
        if bad.size:
            raise InvalidValue(f"times[{bad[0]}]", float(self.times[bad[0]]), "must be a finite time >= 0 ms")
        for name, top in (("node_ids", None), ("codes", len(self.populations)), ("trials", self.n_trials)):
            columns.check_range(name, getattr(self, name), top)
        if self.n_trials is None:
            last = int(self.trials.max()) if self.trials is not None and self.trials.size else 0
            object.__setattr__(self, "n_trials", last + 1)
        if self.node_sets is None:
            object.__setattr__(self, "node_sets", immutabledict())
        for name, ids in self.node_sets.items():
            if name not in self.populations:
                raise UnknownName("node_sets", name, "population of these spikes", self.populations)
            fired = self.node_ids[self.codes == self.populations.index(name)]
            columns.check_known("node_ids", fired, ids, name)

    # ------------------------------------------------------------------------------------------------- making

    @classmethod
    def from_arrays(
        cls,
        times: Any,
        node_ids: Any,
        population: str | Sequence[str] | NDArray[np.str_] = "default",
        *,
        trials: Any = None,
        n_trials: int | None = None,
        node_sets: Mapping[str, Any] | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> SpikeData:
        """Return spikes from one array a column.

        Parameters
        ----------
        times : array-like, shape (n_spikes,)
            Spike times (ms).
        node_ids : array-like of int, shape (n_spikes,)
            The node of each spike.
        population : str, or sequence of str of length n_spikes
            The population of all spikes, or of each.
        trials : array-like of int, optional
            As in the class, like all that follow.
        n_trials : int, optional
            Number of trials.
        node_sets, origin : mapping, optional
            Named selections, and where the spikes come from.
        """
        if isinstance(population, str):
            names: tuple[str, ...] = (population,)
            codes: Any = np.zeros(columns.times(times).size, np.int32)
        else:
            each = columns.flat("population", population, np.str_, "U", "names, one a spike, or one name for all")
            found, codes = np.unique(each, return_inverse=True)
            names = tuple(str(name) for name in found)
        silent = [name for name in (node_sets or {}) if name not in names]
        return cls(
            times,
            node_ids,
            codes,
            (*names, *silent),
            trials=trials,
            n_trials=n_trials,
            node_sets=node_sets,
            origin=origin or {},
        )

    @classmethod
    def from_trains(
        cls, trains: Mapping[str, Mapping[int, Any]], *, origin: Mapping[str, Any] | None = None
    ) -> SpikeData:
        """Return spikes from the trains of single nodes.

        Parameters
        ----------
        trains : mapping of str to mapping of int to array-like
            Population -> node id -> spike times (ms). A node with an empty train is a silent one.
        origin : mapping, optional
            As in the class.

        Returns
        -------
        spikes : SpikeData
            Node after node; within a node in the order given.
        """
        if not isinstance(trains, Mapping) or not all(isinstance(nodes, Mapping) for nodes in trains.values()):
            raise InvalidType("trains", trains, "must be a mapping population -> node id -> times (ms)")
        parts, ids, codes = [np.empty(0)], [], []
        for code, (name, nodes) in enumerate(trains.items()):
            for node, times in nodes.items():
                part = columns.flat(f"trains[{name!r}][{node!r}]", times, np.float64, "fiu", "times in ms")
                parts.append(part)
                ids.append((node, part.size))
                codes.append(code)
        counts = [count for _, count in ids]
        return cls(
            np.concatenate(parts),
            np.repeat([node for node, _ in ids], counts) if ids else [],
            np.repeat(codes, counts),
            tuple(trains),
            node_sets={name: list(nodes) for name, nodes in trains.items()},
            origin=origin or {},
        )

    @classmethod
    def from_cell_response(
        cls,
        response: SpikesByGid,
        *,
        trial: int | None = None,
        populations: str | Sequence[str] | None = None,
        gid_ranges: Mapping[str, range] | None = None,
    ) -> SpikeData:
        """Return the spikes of a simulation: node 0 of a cell type or drive is its first gid.

        Parameters
        ----------
        response : CellResponse
            The spikes of cells and drives.
        trial : int, optional
            The trial. Left out: all.
        populations : str or sequence of str, optional
            Cell types or drives. Left out: all.
        gid_ranges : mapping of str to range, optional
            The gids of each cell type and drive, e.g. ``net.gid_ranges``. Left out: those that the response knows.

        Returns
        -------
        spikes : SpikeData
            In the order of the simulation, trial after trial; silent cells are among ``node_sets``.

        Raises
        ------
        InvalidValue
            If the response does not know its gids (spikes from text) and they are not given.
        UnknownName
            If there is no such population.
        """
        ranges = gid_ranges_of(response, gid_ranges)
        chosen = columns.chosen_trials(response.n_trials, trial)
        times = [response.spike_times[k] for k in chosen]
        codes, ids = nodes_of(
            np.concatenate([np.empty(0, np.int64), *(response.spike_gids[k] for k in chosen)]), ranges
        )
        many = trial is None and response.n_trials > 1
        spikes = cls(
            np.concatenate([np.empty(0), *times]),
            ids,
            codes,
            tuple(ranges),
            trials=np.repeat(chosen, [part.size for part in times]) if many else None,
            n_trials=len(chosen) if many else 1,
            node_sets={name: range(len(gids)) for name, gids in ranges.items()},
        )
        return spikes if populations is None else spikes.select(populations)

    # ------------------------------------------------------------------------------------------------- reading

    def __len__(self) -> int:
        return int(self.times.size)

    @cached_property
    def nodes(self) -> Mapping[str, NDArray[np.int64]]:
        """The nodes of each population, silent ones too where they are known, sorted."""
        found = {}
        for code, name in enumerate(self.populations):
            known = self.node_sets.get(name)
            found[name] = np.unique(self.node_ids[self.codes == code] if known is None else known)
        return immutabledict(found)

    def population_of_spikes(self) -> NDArray[np.str_]:
        """Return the name of each spike's population, shape (n_spikes,)."""
        return np.array(self.populations or ("",))[self.codes]

    def select(
        self,
        population: str | Sequence[str] | None = None,
        node_ids: Any = None,
        *,
        t0: float | None = None,
        t1: float | None = None,
        trial: int | None = None,
    ) -> SpikeData:
        """Return some of the spikes, in their order; times are not shifted.

        Parameters
        ----------
        population : str or sequence of str, optional
            Populations that are kept. Left out: all.
        node_ids : int or sequence of int, optional
            Nodes that are kept, of each of these populations. Left out: all.
        t0, t1 : float, optional
            Window (ms): spikes with ``t0 <= time < t1`` are kept.
        trial : int, optional
            The trial that is kept; the result is of one trial.

        Returns
        -------
        spikes : SpikeData
            The selected spikes, of the selected populations and nodes.

        Raises
        ------
        UnknownName
            If there is no such population.
        InvalidValue
            If there is no such trial or, where all nodes are known, no such node, or the window is empty.
        """
        names = self._chosen_populations(population)
        keep = np.ones(self.times.size, bool)
        if len(names) < len(self.populations):
            keep &= np.isin(self.codes, [self.populations.index(name) for name in names])
        node_sets = {name: ids for name, ids in self.node_sets.items() if name in names}
        if node_ids is not None:
            wanted = columns.node_ids_of(node_ids, "node_ids")
            for name, ids in node_sets.items():
                columns.check_known("node_ids", wanted, ids, name)
            keep &= np.isin(self.node_ids, wanted)
            node_sets = dict.fromkeys(names, wanted)
        start = 0.0 if t0 is None else number(t0, "t0", unit="ms")
        stop = np.inf if t1 is None else number(t1, "t1", unit="ms")
        if stop <= start:
            raise InvalidValue("t1", t1, f"must be > t0, {start:g} ms")
        if t0 is not None or t1 is not None:
            keep &= (self.times >= start) & (self.times < stop)
        chosen = columns.chosen_trials(self.n_trials, trial)
        changes: dict[str, Any] = {"populations": names, "node_sets": node_sets}
        if trial is not None:
            if self.n_trials > 1:
                keep &= _filled(self) == chosen[0]
            changes |= {"trials": None, "n_trials": 1}
        codes = np.full(len(self.populations), -1, np.int32)
        codes[[self.populations.index(name) for name in names]] = np.arange(len(names))
        return self._rows(keep, codes=codes[self.codes[keep]] if names else [], **changes)

    def sort(self, by: str | None = "time") -> SpikeData:
        """Return the same spikes in another order; trials stay one after another.

        Parameters
        ----------
        by : 'time', 'id' or None
            ``'time'``: by time, spikes of one moment as they are; ``'id'``: by name of the population and id, then
            time; None: as they are.

        Returns
        -------
        spikes : SpikeData
            The sorted spikes.

        Raises
        ------
        UnknownName
            If ``by`` is none of these.
        """
        if by not in SORTS:
            raise UnknownName("by", by, "order", [str(sort) for sort in SORTS])
        if by is None or not len(self):
            return self
        keys: list[NDArray[Any]] = [self.times]
        if by == "id":
            rank = np.argsort(np.argsort(self.populations))  # names, since files don't keep the order of populations
            keys = [self.times, self.node_ids, rank[self.codes]]
        order = np.lexsort(keys if self.trials is None else [*keys, self.trials])
        return self._rows(order)

    def merge(self, *others: SpikeData) -> SpikeData:
        """Return these spikes followed by those of others; nodes of one population and id are the same node.

        Parameters
        ----------
        *others : SpikeData
            With the same number of trials.

        Returns
        -------
        spikes : SpikeData
            All spikes; `sort` them where order matters.

        Raises
        ------
        InvalidValue
            If numbers of trials differ.
        """
        parts = (self, *others)
        for i, part in enumerate(others):
            if part.n_trials != self.n_trials:
                raise InvalidValue(f"others[{i}].n_trials", part.n_trials, f"must be {self.n_trials}, as in the first")
        names = tuple(dict.fromkeys(name for part in parts for name in part.populations))
        recode = [np.array([names.index(name) for name in part.populations], np.int32) for part in parts]
        trials = None
        if any(part.trials is not None for part in parts):
            trials = np.concatenate([np.zeros(len(p), np.int64) if p.trials is None else p.trials for p in parts])
        # what is silent is known of a population only where all of its parts say so
        node_sets = {}
        for name in names:
            holders = [part for part in parts if name in part.populations]
            if all(name in part.node_sets for part in holders):
                node_sets[name] = np.unique(np.concatenate([part.node_sets[name] for part in holders]))
        return SpikeData(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.node_ids for part in parts]),
            np.concatenate([m[part.codes] if len(part) else m[:0] for m, part in zip(recode, parts, strict=True)]),
            names,
            trials=trials,
            n_trials=self.n_trials,
            node_sets=node_sets,
            origin={"merged": [part.origin for part in parts]} if any(part.origin for part in parts) else {},
        )

    def trains(self, population: str | None = None, *, trial: int | None = None) -> dict[int, NDArray[np.float64]]:
        """Return the spike train of each node of a population.

        Parameters
        ----------
        population : str, optional
            The population; may be left out where there is only one.
        trial : int, optional
            The trial; may be left out where there is only one.

        Returns
        -------
        trains : dict of int to ndarray, shape (n_spikes,)
            Node id -> its spike times (ms), sorted; ids sorted, silent nodes too where they are known.

        Raises
        ------
        InvalidValue
            If a population or trial must be named.
        UnknownName
            If there is no such population.
        """
        if population is None and len(self.populations) != 1:
            raise InvalidValue("population", None, f"must be one of {', '.join(self.populations)}")
        if trial is None and self.n_trials > 1:
            raise InvalidValue("trial", None, f"must be one of the {self.n_trials} trials, from 0")
        (name,) = self._chosen_populations(population)
        if len(self.populations) > 1 or trial is not None:
            return self.select(name, trial=trial).trains()
        order = np.lexsort((self.times, self.node_ids))
        nodes = self.nodes[name]
        cuts = np.searchsorted(self.node_ids[order], nodes)
        parts = np.split(self.times[order], cuts[1:])
        return dict(zip(nodes.tolist(), parts, strict=True)) if nodes.size else {}

    def rates(
        self, t0: float, t1: float, *, population: str | Sequence[str] | None = None, include_silent: bool = True
    ) -> dict[str, dict[int, float]]:
        """Return the firing rate of each node within a window, the mean over trials.

        Parameters
        ----------
        t0, t1 : float
            The window (ms): spikes with ``t0 <= time < t1`` count.
        population : str or sequence of str, optional
            The populations. Left out: all.
        include_silent : bool
            Whether nodes without a spike in the window are reported, with rate 0.

        Returns
        -------
        rates : dict of str to dict of int to float
            Population -> node id -> rate (Hz).

        Raises
        ------
        InvalidValue
            If the window is empty.
        UnknownName
            If there is no such population.
        """
        rates = {}
        for name in self._chosen_populations(population):
            mine, nodes = self.codes == self.populations.index(name), self.nodes[name]
            hz = cell_rates([self.times[mine]], [self.node_ids[mine]], nodes, t0, t1)[0] / self.n_trials  # type: ignore[arg-type]
            kept = (hz > 0) | include_silent
            rates[name] = dict(zip(nodes[kept].tolist(), hz[kept].tolist(), strict=True))
        return rates

    def by_trial(self) -> Iterator[SpikeData]:
        """Yield the spikes of each trial, as spikes of one trial."""
        trials = _filled(self)
        order = np.argsort(trials, kind="stable")
        cuts = np.searchsorted(trials[order], np.arange(self.n_trials + 1))
        for start, stop in itertools.pairwise(cuts):
            yield self._rows(order[start:stop], trials=None, n_trials=1)

    def _rows(self, rows: NDArray[Any], **changes: Any) -> SpikeData:
        every = {name: getattr(self, name) for name in ("times", "node_ids", "codes", "trials")}
        taken = {name: None if column is None else column[rows] for name, column in every.items()}
        return attrs.evolve(self, **{**taken, **changes})

    def _chosen_populations(self, population: str | Sequence[str] | None) -> tuple[str, ...]:
        if population is None:
            return self.populations
        names = (population,) if isinstance(population, str) else tuple(population)
        for name in names:
            if name not in self.populations:
                raise UnknownName("population", name, "population of these spikes", self.populations)
        return tuple(dict.fromkeys(names))

    def __eq__(self, other: object) -> bool:
        """Whether the same nodes fired at the same times, in the same order; silent nodes are not compared."""
        if not isinstance(other, SpikeData):
            return NotImplemented
        return (
            self.n_trials == other.n_trials
            and np.array_equal(self.times, other.times)
            and np.array_equal(self.node_ids, other.node_ids)
            and np.array_equal(_same_codes(self, other), other.codes)
            and (self.n_trials == 1 or np.array_equal(_filled(self), _filled(other)))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        trials = "" if self.n_trials == 1 else f" in {self.n_trials} trials"
        sizes = ", ".join(f"{name} ({ids.size} nodes)" for name, ids in self.nodes.items()) or "no population"
        return f"<SpikeData | {len(self)} spikes{trials}; {sizes}>"

    # ------------------------------------------------------------------------------------------------- files

    def to_sonata(self, path: str | os.PathLike[str], sort: str | None = "by_time", **options: Any) -> None:
        """Write the spikes to a SONATA file.

        Parameters
        ----------
        path : path-like
            The file.
        sort : 'by_time', 'by_id' or None
            Order of the rows. Several trials are written one after another, each in this order.
        **options
            Passed on to `hnnlib.io.sonata.spikes.write_spikes_sonata`: ``units``, ``overwrite``.
        """
        from hnnlib.io.sonata.spikes import write_spikes_sonata

        write_spikes_sonata(self, path, sort, **options)

    def to_csv(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the spikes to a text file, one row a spike: ``timestamps population node_ids``.

        Parameters
        ----------
        path : path-like
            The file.
        **options
            Passed on to `hnnlib.io.spikes_csv.write_spikes_csv`: ``separator``, ``unit``, ``overwrite``.
        """
        from hnnlib.io.spikes_csv import write_spikes_csv

        write_spikes_csv(self, path, **options)

    def to_nwb(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the spikes to an NWB file, one unit a node and trial.

        Parameters
        ----------
        path : path-like
            The file.
        **options
            Passed on to `hnnlib.io.nwb.write_spikes_nwb`: ``session_description``, ``overwrite``, …
        """
        from hnnlib.io.nwb import write_spikes_nwb

        write_spikes_nwb(self, path, **options)

    @classmethod
    def from_sonata(cls, path: str | os.PathLike[str], population: str = "default") -> SpikeData:
        """Read spikes from a SONATA file.

        Parameters
        ----------
        path : path-like
            The file, in the present or the old layout.
        population : str
            Name for the population of a file in the old layout, which has none.

        """
        from hnnlib.io.sonata.spikes import read_spikes_sonata

        return read_spikes_sonata(path, population)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], population: str = "default", unit: str = "ms") -> SpikeData:
        """Read spikes from a text file, one row a spike.

        Parameters
        ----------
        path : path-like
            The file; see `hnnlib.io.spikes_csv`.
        population : str
            Name for the population of a file without such a column.
        unit : 'ms' or 's'
            Unit of the times in the file.

        """
        from hnnlib.io.spikes_csv import read_spikes_csv

        return read_spikes_csv(path, population, unit)

    @classmethod
    def from_nwb(cls, path: str | os.PathLike[str], population: str = "default") -> SpikeData:
        """Read the spikes of all units of an NWB file.

        Parameters
        ----------
        path : path-like
            The file.
        population : str
            Name for the population of a file without such a column of units, as other programs write.

        """
        from hnnlib.io.nwb import read_spikes_nwb

        return read_spikes_nwb(path, population)


def _same_codes(mine: SpikeData, theirs: SpikeData) -> NDArray[np.int64]:
    """Return the populations of my spikes as indices into their populations, -1 for one that they don't have."""
    index = {name: i for i, name in enumerate(theirs.populations)}
    return np.array([index.get(name, -1) for name in mine.populations] or [-1])[mine.codes]


def _filled(spikes: SpikeData) -> NDArray[np.int64]:
    return np.zeros(len(spikes), np.int64) if spikes.trials is None else spikes.trials
