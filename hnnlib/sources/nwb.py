"""Spikes of recorded neurons, from NWB files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.io.nwb import MS_PER_S, open_units
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.nodes import ids_by_population
from hnnlib.sources.units import UnitOfNode, matching_units, pair, read_units_map, window_of

__all__ = ["SpikesFromNWB"]

MAPPINGS = ("sample", "sample_with_replacement", "units_map")
MISSING = ("error", "silent")


@attrs.frozen(kw_only=True)
class SpikesFromNWB:
    """Spikes of the units of NWB files: each node gets those of one unit, within a window of the session.

    A unit is known by its file and id: units of two files may have one id. Every file is cut to its window, the start
    of which becomes time 0.

    Parameters
    ----------
    files : path-like or sequence of path-like
        The NWB files.
    units : mapping or path-like, optional
        Which units may be taken: conditions on columns of units and of their electrodes, all of which must hold. A
        value that a column must have; a list of values of which it must have one; or
        ``{"operation": ">", "value": 2.0}`` (``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``), with ``"column"`` where two
        conditions are on one column. Left out: all. With ``mapping='units_map'``: the path of a table, see
        ``hnnlib.sources.units.read_units_map``.
    mapping : str
        ``'sample'``: nodes get units at random, each another one; ``'sample_with_replacement'``: each node gets any;
        ``'units_map'``: as the table says.
    interval : pair of float, mapping, or a sequence of one of these for each file, optional
        What is taken of a session: two times (ms), or ``{"interval_name": table, column: value, …, "interval_index": i
        or "all"}``, the rows of a table of intervals that fulfil the conditions. Left out: all from time 0.
    offset : float
        When the window begins in the simulation (ms).
    missing : 'error' or 'silent'
        What to do if there are fewer units than nodes: the nodes left over may be silent, with a warning.
    seed : int
        Seed of the choice. The same seed, files and nodes give the same units.
    """

    files: tuple[str, ...] = attrs.field(
        converter=lambda given: tuple(
            os.fspath(f) for f in ([given] if isinstance(given, str | os.PathLike) else given)
        )
    )
    units: Mapping[str, Any] | str | os.PathLike[str] = attrs.field(factory=dict)
    mapping: str = "sample"
    interval: Any = None
    offset: float = 0.0
    missing: str = "error"
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        if not self.files:
            raise InvalidValue("files", self.files, "must name at least one NWB file")
        for name, choices in (("mapping", MAPPINGS), ("missing", MISSING)):
            if getattr(self, name) not in choices:
                raise UnknownName(name, getattr(self, name), "choice", choices)
        if isinstance(self.units, Mapping) == (self.mapping == "units_map"):
            allowed = "a path of a table" if self.mapping == "units_map" else "a mapping of conditions"
            raise InvalidType("units", self.units, f"must be {allowed} with mapping={self.mapping!r}")
        number(self.offset, "offset", unit="ms", ge=0)
        self._intervals()

    def unit_map(self, nodes: Mapping[str, Any] | None = None) -> tuple[UnitOfNode, ...]:
        """Return which unit each node gets its spikes from; `spikes` returns it too, as ``origin['unit_map']``.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            As in `spikes`.

        Returns
        -------
        units : tuple of UnitOfNode
            In the order of the nodes; nodes without a unit are left out.

        Raises
        ------
        FileNotFoundError, FileFormatError
            If a file can't be read.
        UnknownName
            If a column does not exist.
        InvalidValue
            If no unit matches, or there are fewer than nodes.
        """
        return self._chosen(None if nodes is None else ids_by_population(nodes))

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes of some nodes.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            Population -> node ids. Left out: a population ``default`` with one node for each unit that matches, or the
            nodes of the table.

        Returns
        -------
        spikes : SpikeData
            Node after node, sorted in time, ``offset`` at the start of the window. Its ``origin['unit_map']`` has a row
            (population, node id, index of the file, unit id) for each node that has a unit.

        Raises
        ------
        MissingPackage
            If pynwb is not installed.
        FileNotFoundError, FileFormatError
            If a file can't be read.
        UnknownName
            If a column or table of intervals does not exist.
        InvalidValue
            If no unit or no interval matches, or there are fewer units than nodes.
        """
        wanted = None if nodes is None else ids_by_population(nodes)
        chosen = self._chosen(wanted)
        trains: dict[str, dict[int, Any]] = {}
        for name, ids in (wanted or {}).items():
            trains[name] = dict.fromkeys(ids.tolist(), ())
        for file in range(len(self.files)):
            mine = [unit for unit in chosen if unit.file == file]
            for unit, times in zip(mine, self._times(file, mine), strict=True):
                trains.setdefault(unit.population, {})[unit.node_id] = times
        return SpikeData.from_trains(trains, origin=self._origin(chosen))

    def _origin(self, chosen: Sequence[UnitOfNode]) -> dict[str, Any]:
        fields = attrs.asdict(self, recurse=False)
        if isinstance(self.units, os.PathLike):
            fields["units"] = os.fspath(self.units)
        rows = [[unit.population, unit.node_id, unit.file, unit.unit_id] for unit in chosen]
        return {"source": type(self).__name__, **fields, "unit_map": rows}

    # ------------------------------------------------------------------------------------------------- choosing

    def _chosen(self, wanted: dict[str, NDArray[np.int64]] | None) -> tuple[UnitOfNode, ...]:
        if not isinstance(self.units, Mapping):
            return self._of_table(wanted)
        pool: list[tuple[int, int]] = []
        for i, file in enumerate(self.files):
            with open_units(file) as opened:
                ids = matching_units(opened, self.units).tolist()
            pool += [(i, unit) for unit in ids]
            if not ids:
                logger.warning("no unit of %s matches %s", file, dict(self.units))
        if not pool:
            raise InvalidValue("units", dict(self.units), f"matches no unit of {', '.join(self.files)}")
        if wanted is None:
            wanted = {"default": np.arange(len(pool))}
        nodes = [(name, node) for name, ids in wanted.items() for node in ids.tolist()]
        if self.mapping == "sample_with_replacement":
            # a stream for each node, so that further nodes change nothing for the others
            rows = [int(independent_stream(self.seed, f"units of {p}", n).integers(len(pool))) for p, n in nodes]
        else:
            self._check_number(len(pool), len(nodes))
            rows = independent_stream(self.seed, "units").permutation(len(pool))[: len(nodes)].tolist()
        return tuple(
            UnitOfNode(population=name, node_id=node, file=pool[row][0], unit_id=pool[row][1])
            for (name, node), row in zip(nodes, rows, strict=False)  # nodes may be left over
        )

    def _check_number(self, n_units: int, n_nodes: int) -> None:
        if n_units >= n_nodes:
            return
        if self.missing == "error":
            raise InvalidValue(
                "nodes",
                n_nodes,
                f"are more than the {n_units} units that match: choose mapping='sample_with_replacement', or "
                "missing='silent'",
            )
        logger.warning("%d units match for %d nodes: the last %d are silent", n_units, n_nodes, n_nodes - n_units)

    def _of_table(self, wanted: dict[str, NDArray[np.int64]] | None) -> tuple[UnitOfNode, ...]:
        table = read_units_map(str(self.units), self.files)
        only = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else "default"
        table = [attrs.evolve(unit, population=unit.population or only) for unit in table]
        placed = self._placed(table)
        by_node = {(unit.population, unit.node_id): unit for unit in placed}
        if len(by_node) < len(placed):
            raise InvalidValue("units", str(self.units), "gives one node two units")
        if wanted is None:
            return tuple(placed)
        nodes = [(name, node) for name, ids in wanted.items() for node in ids.tolist()]
        without = [node for node in nodes if node not in by_node]
        if without and self.missing == "error":
            raise InvalidValue("nodes", without[0], f"has no unit in {self.units}; missing='silent' allows it")
        if without:
            logger.warning("%s has no unit for %d of %d nodes: they are silent", self.units, len(without), len(nodes))
        return tuple(by_node[node] for node in nodes if node in by_node)

    def _placed(self, table: Sequence[UnitOfNode]) -> list[UnitOfNode]:
        """Return a table's units with their files, all of which must exist."""
        known = []
        for file in self.files:
            with open_units(file) as opened:
                known.append(set(opened.ids.tolist()))
        placed = []
        for unit in table:
            files = [i for i, ids in enumerate(known) if unit.unit_id in ids and unit.file in (None, i)]
            if len(files) != 1:
                allowed = (
                    "is in several of the files: name it in a column 'file'" if files else "is no unit of the files"
                )
                raise InvalidValue(f"units {self.units}: unit_ids", unit.unit_id, allowed)
            placed.append(attrs.evolve(unit, file=files[0]))
        return placed

    # ------------------------------------------------------------------------------------------------- times

    def _intervals(self) -> list[Any]:
        """Return one interval for each file."""
        given = self.interval
        alone = given is None or isinstance(given, Mapping | str) or not isinstance(given, Sequence)
        if alone or all(not isinstance(each, Mapping | Sequence) for each in given):
            if given is not None and not isinstance(given, Mapping):
                pair(given, "interval")
            return [given] * len(self.files)
        if len(given) != len(self.files):
            raise InvalidValue("len(interval)", len(given), f"must be 1 or the number of files, {len(self.files)}")
        return list(given)

    def _times(self, file: int, units: Sequence[UnitOfNode]) -> list[NDArray[np.float64]]:
        """Return the times (ms) of some units of one file, from the start of the window on."""
        if not units:
            return []
        trains = []
        with open_units(self.files[file]) as opened:
            window = window_of(opened, self._intervals()[file])
            row_of = {unit: row for row, unit in enumerate(opened.ids.tolist())}
            for unit in units:
                start, stop = unit.window or window
                times = np.sort(opened.times_s(row_of[unit.unit_id]) * MS_PER_S)
                times = times[(times >= start) & (times <= stop)]
                zero = start if np.isfinite(start) else 0.0
                trains.append(times - zero + self.offset)
        return trains
