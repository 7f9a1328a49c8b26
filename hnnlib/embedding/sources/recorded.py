"""Spikes that were simulated or measured before, played to a detailed cell."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, choice, documented, text
from hnnlib.embedding.sources.recipes import Request, Source
from hnnlib.embedding.sources.spikes import SourceSpikes
from hnnlib.plan.tables import digest_of
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.gids import gid_ranges_of, nodes_of
from hnnlib.results.result import Result
from hnnlib.results.spike_data import SpikeData

__all__ = ["Replay"]


def _spike_data(value: Any, path: str) -> SpikeData:
    """Return spikes by population, cell and trial."""
    if isinstance(value, Result) and value.trials != tuple(range(value.n_trials)):
        raise InvalidValue(
            f"{path}.trials", value.trials, "must be all trials up to the last: they are played by number"
        )
    response = getattr(value, "cell_response", value)  # of a Result; or of a network, its last
    if isinstance(response, CellResponse):
        _check_times(response, path)
        return SpikeData.from_cell_response(response)
    found = response.spikes() if callable(getattr(response, "spikes", None)) else response
    if not isinstance(found, SpikeData):
        allowed = "must be a Result, a CellResponse, a SpikeData, or have a method `spikes` that returns one"
        raise InvalidType(path, value, allowed)
    return found


def _check_times(response: CellResponse, path: str) -> None:
    ranges = gid_ranges_of(response)
    for trial, (times, gids) in enumerate(zip(response.spike_times, response.spike_gids, strict=True)):
        for i in np.flatnonzero(~(times >= 0))[:1]:
            (code,), (cell,) = nodes_of(gids[[i]], ranges)
            where = f"{path}: trial {trial}, population {list(ranges)[code]!r}, cell {cell}"
            raise InvalidValue(where, float(times[i]), "ms is before t = 0")


@documented
@attrs.frozen(kw_only=True)
class Replay(Source):
    """Spikes of a column that was simulated, or that were recorded: trial k of them in trial k of the cell.

    Cell i of a population is the i-th of that name there: of a column's cell types and drives, in the order of gids.
    """

    kind: ClassVar[str] = "replay"
    spikes: SpikeData = checked(
        _spike_data,
        doc="what a network's simulation returned, its cell response, spikes, or a source of hnnlib.sources",
    )
    population: str | None = text(None, optional=True, doc="name of the population there; None: the same as here")
    others: str = choice(
        ("error", "ignore"), "error", doc="what to do about spikes of cells beyond those that the embedding has"
    )

    def draw(self, request: Request) -> SourceSpikes:
        """Return spikes as `Source.draw` says.

        Parameters
        ----------
        request : Request
            What is asked for.

        Raises
        ------
        InvalidValue
            If there is no such trial; or if cells fire that the embedding doesn't have.
        UnknownName
            If there is no such population.
        """
        spikes, name = self.spikes, self.population or request.population
        if request.trial >= spikes.n_trials:
            raise InvalidValue(
                "trial", request.trial, f"can't be replayed: there are {spikes.n_trials} trials of spikes"
            )
        spikes = spikes.select(name, trial=request.trial)
        beyond = spikes.node_ids >= request.n_sources
        if beyond.any() and self.others == "error":
            i = int(np.flatnonzero(beyond)[0])
            where = f"population {name!r}, cell {spikes.node_ids[i]}"
            last = request.n_sources - 1
            allowed = f"ms is of a cell that the embedding hasn't: it has 0 to {last}; others='ignore' leaves such out"
            raise InvalidValue(where, float(spikes.times[i]), allowed)
        return SourceSpikes(source=spikes.node_ids[~beyond], time_ms=spikes.times[~beyond])

    @property
    def digest(self) -> str:
        """Hash of all its spikes."""
        s = self.spikes
        trials = np.zeros(len(s), np.int64) if s.trials is None else s.trials
        return digest_of(s.times, s.node_ids, s.codes, trials, s.populations, s.n_trials)
