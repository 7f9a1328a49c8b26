"""From recipes to the spikes of all presynaptic populations in one trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain, within
from hnnlib.embedding.sources.modulated import Follow, Rhythmic, SharedNoise
from hnnlib.embedding.sources.recipes import (
    PSTH,
    InhomogeneousPoisson,
    Ongoing,
    Poisson,
    Request,
    Source,
    Superposition,
)
from hnnlib.embedding.sources.recorded import Replay
from hnnlib.embedding.sources.spikes import SourceSpikes
from hnnlib.embedding.synapses.table import Embedding

__all__ = ["draw_sources", "source_from_plain", "source_to_plain"]

_Recipe = Ongoing | PSTH | Poisson | InhomogeneousPoisson | SharedNoise | Follow | Rhythmic


def draw_sources(
    sources: Source | Mapping[str, Source], embedding: Embedding, *, seed: int, trial: int, tstop: float
) -> dict[str, SourceSpikes]:
    """Return the spikes of all presynaptic populations in one trial.

    Parameters
    ----------
    sources : dict of str to Source, or Source
        Population -> what it does; those that are not named are silent. One source alone: what all populations do, each
        for itself.
    embedding : Embedding
        Whose populations they are.
    seed : int
        Seed of the study.
    trial : int
        From 0.
    tstop : float
        Duration (ms).

    Returns
    -------
    spikes : dict of str to SourceSpikes
        Of every population, from 0 to ``tstop``.

    Raises
    ------
    UnknownName
        If a population is named that the embedding doesn't have, or one is followed that has no source.
    InvalidValue
        If populations follow each other in a ring, or as the sources say.

    Notes
    -----
    What a population does hangs on (seed, its name, trial) alone, and on whom it follows.
    """
    recipes = _by_population(sources, embedding)
    drawn: dict[str, SourceSpikes] = {}
    for name in _in_order(recipes):
        request = Request(
            population=name,
            n_sources=embedding.n_sources[name],
            group=_groups(embedding, name),
            seed=seed,
            trial=trial,
            tstop=tstop,
            spikes=drawn,
        )
        with within(f"sources[{name!r}]"):
            found = recipes[name].draw(request)
        inside = (found.time_ms >= 0) & (found.time_ms <= tstop)
        if not inside.all():
            found = SourceSpikes(source=found.source[inside], time_ms=found.time_ms[inside])
        drawn[name] = found
    return {name: drawn.get(name, SourceSpikes.none()) for name in embedding.populations}


def _by_population(sources: Any, embedding: Embedding) -> dict[str, Source]:
    if isinstance(sources, Source):
        sources = dict.fromkeys(embedding.populations, sources)
    if not isinstance(sources, Mapping):
        raise InvalidType("sources", sources, "must be a source, or a mapping of populations to sources")
    for name, source in sources.items():
        if name not in embedding.populations:
            raise UnknownName("sources", name, "population of the embedding", embedding.populations)
        if not isinstance(source, Source):
            raise InvalidType(f"sources[{name!r}]", source, "must be a source, e.g. Poisson(rate=5)")
        for leader in source.follows:
            if leader not in sources:
                raise UnknownName(f"sources[{name!r}]", leader, "population with a source", sources)
    return dict(sources)


def _in_order(recipes: Mapping[str, Source]) -> list[str]:
    """Return the populations, each after those that it follows."""
    order: dict[str, None] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            ring = " -> ".join([*way[way.index(name) :], name])
            raise InvalidValue(f"sources[{name!r}]", ring, "is a ring of populations that follow each other")
        for leader in recipes[name].follows:
            visit(leader, (*way, name))
        order[name] = None

    for name in recipes:
        visit(name, ())
    return list(order)


def _groups(embedding: Embedding, population: str) -> np.ndarray:
    """Return the functional group of each cell of a population: that of its first synapse; -1 without one."""
    rows = embedding.rows[population]
    group = np.full(embedding.n_sources[population], -1, np.int32)
    group[embedding.source[rows][::-1]] = embedding.group[rows][::-1]
    return group


# ------------------------------------------------------------------------------------------------- plain data


def source_to_plain(source: Source) -> dict[str, Any]:
    """Return a source as JSON-ready data; of a `Replay`, what tells its spikes apart, not the spikes.

    Parameters
    ----------
    source : Source
        The source.
    """
    if isinstance(source, Superposition):
        return {"kind": source.kind, "parts": [source_to_plain(part) for part in source.parts]}
    if isinstance(source, Replay):
        spikes = {"digest": source.digest, "n_spikes": len(source.spikes), "n_trials": source.spikes.n_trials}
        return {"kind": source.kind, "population": source.population, "others": source.others, "spikes": spikes}
    plain: dict[str, Any] = to_plain(source)
    return plain


def source_from_plain(data: Any, path: str = "source", spikes: Any = None) -> Source:
    """Build a source from plain data.

    Parameters
    ----------
    data : dict
        As `source_to_plain` returns it.
    path : str
        Where it stands, for errors.
    spikes : SpikeData, CellResponse or Result, optional
        What a `Replay` plays; plain data don't hold it.

    Raises
    ------
    InvalidValue
        If it is no such data; or if it is a replay of other spikes, or of spikes that are not given.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == Superposition.kind:
        parts = data.get("parts")
        if not isinstance(parts, list | tuple):
            raise InvalidType(f"{path}.parts", parts, "must be a list of sources")
        return Superposition(
            parts=tuple(source_from_plain(part, f"{path}.parts[{i}]", spikes) for i, part in enumerate(parts))
        )
    if kind != Replay.kind:
        source = from_plain(_Recipe, data, path)
        if not isinstance(source, Source):
            raise InvalidType(path, data, "must be an object with the 'kind' of a source")
        return source
    if spikes is None:
        raise InvalidValue(path, dict(data), "is a replay: its spikes must be given")
    source = Replay(spikes=spikes, **{key: data[key] for key in ("population", "others") if key in data})
    if source.digest != data.get("spikes", {}).get("digest"):
        raise InvalidValue(f"{path}.spikes", source.spikes, "are other spikes than those that were played")
    return source
