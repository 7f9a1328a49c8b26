"""Spikes from files of spikes, and from other simulations."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from hnnlib.base.errors import InvalidType
from hnnlib.io.sonata.spikes import read_spikes_sonata
from hnnlib.io.spikes_csv import read_spikes_csv
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.nodes import pick

__all__ = ["Replay", "SpikesFromCSV", "SpikesFromSonata"]


@attrs.frozen(kw_only=True)
class SpikesFromCSV:
    """Spikes from a text file, one row a spike.

    Parameters
    ----------
    file : path-like
        The file: ``timestamps population node_ids`` in any order; see `hnnlib.io.spikes_csv`.
    population : str, optional
        Name for the population of a file without such a column. Left out: the one that is asked for, else ``default``.
    unit : 'ms' or 's'
        Unit of the times in the file.
    separator : ' ', ',' or tab, optional
        What separates columns. Left out: found in the first line.
    others : 'error' or 'ignore'
        What to do about spikes of nodes that are not asked for, of the populations that are.
    """

    file: str | os.PathLike[str]
    population: str | None = None
    unit: str = "ms"
    separator: str | None = None
    others: str = "error"

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes of some nodes.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            Population -> node ids; those without spikes are silent. Left out: all nodes that have spikes.

        Returns
        -------
        spikes : SpikeData
            In the order of the file.

        Raises
        ------
        FileNotFoundError, FileFormatError
            If the file can't be read; names line and column.
        UnknownName, InvalidValue
            If it has no such population, or spikes of other nodes.
        """
        name = self.population or _only(nodes)
        found = read_spikes_csv(self.file, name, self.unit, self.separator)
        return pick(_with_origin(found, self, unit=self.unit), nodes, self.others)


@attrs.frozen(kw_only=True)
class SpikesFromSonata:
    """Spikes from a SONATA file.

    Parameters
    ----------
    file : path-like
        The file, in the present or the old layout.
    population : str, optional
        Name for the population of a file in the old layout. Left out: the one that is asked for, else ``default``.
    others : 'error' or 'ignore'
        What to do about spikes of nodes that are not asked for, of the populations that are.
    """

    file: str | os.PathLike[str]
    population: str | None = None
    others: str = "error"

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes of some nodes.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            Population -> node ids; those without spikes are silent. Left out: all nodes that have spikes.

        Returns
        -------
        spikes : SpikeData
            In the order of the file.

        Raises
        ------
        FileNotFoundError, FileFormatError
            If the file can't be read.
        UnknownName, InvalidValue
            If it has no such population, or spikes of other nodes.
        """
        found = read_spikes_sonata(self.file, self.population or _only(nodes))
        return pick(_with_origin(found, self), nodes, self.others)


@attrs.frozen
class Replay:
    """Spikes of a simulation that has been run: node 0 of a cell type or drive is its first cell.

    Parameters
    ----------
    response : Result, CellResponse or SpikeData
        What was simulated.
    populations : str or sequence of str, optional
        Cell types or drives. Left out: the cell types.
    trial : int
        The trial, from 0.
    """

    response: Result | CellResponse | SpikeData
    populations: str | Sequence[str] | None = None
    trial: int = 0

    def spikes(self, nodes: Mapping[str, Any] | None = None) -> SpikeData:
        """Return the spikes of some cells.

        Parameters
        ----------
        nodes : mapping of str to sequence of int, optional
            Cell type or drive -> indices of cells. Left out: all.

        Returns
        -------
        spikes : SpikeData
            In the order of the simulation; silent cells are among its nodes.

        Raises
        ------
        InvalidValue
            If there is no such trial, or the response does not know its gids.
        UnknownName
            If there is no such population.
        """
        origin: dict[str, Any] = {"source": "Replay", "trial": self.trial}
        names = self.populations if nodes is None else list(nodes)
        response = self.response
        if isinstance(response, Result):
            known = ("hnnlib", "engine", "seed", "digest")
            origin |= {key: response.provenance[key] for key in known if key in response.provenance}
            response = response.cell_response
        if isinstance(response, CellResponse):
            names = response.cell_type_names if names is None else names
            found = SpikeData.from_cell_response(response, trial=self.trial, populations=names)
        elif isinstance(response, SpikeData):
            found = response.select(names, trial=self.trial)
            origin |= {"of": response.origin} if response.origin else {}
        else:
            raise InvalidType("response", response, "must be a Result, a CellResponse or a SpikeData")
        return pick(attrs.evolve(found, origin=origin), nodes, "ignore")


def _only(nodes: Mapping[str, Any] | None) -> str:
    """Return the population that is asked for, where there is but one."""
    return next(iter(nodes)) if isinstance(nodes, Mapping) and len(nodes) == 1 else "default"


def _with_origin(spikes: SpikeData, source: Any, **more: Any) -> SpikeData:
    return attrs.evolve(spikes, origin={"source": type(source).__name__, "file": os.fspath(source.file), **more})
