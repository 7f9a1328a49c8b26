"""From presynaptic spikes to releases: at which synapse, when, and how strong. All of it before the run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.synapses.table import Embedding, ShortTermPlasticity

__all__ = ["draw_events", "plasticity_factors"]


def draw_events(
    embedding: Embedding, spikes: Mapping[str, SourceSpikes], *, seed: int, trial: int, tstop: float
) -> TrialEvents:
    """Return every release at every synapse in one trial.

    Each spike of a cell releases at each of its synapses or not, independently, with the synapse's ``release_p``. What
    does acts after the synapse's delay, with the factor that its short-term plasticity leaves (`ShortTermPlasticity`).

    Parameters
    ----------
    embedding : Embedding
        The synapses.
    spikes : dict of str to SourceSpikes
        Spikes of populations; those that are not named are silent.
    seed : int
        Seed of the study.
    trial : int
        From 0.
    tstop : float
        Duration (ms); what would act later is left out.

    Returns
    -------
    events : TrialEvents
        By synapse, then by time; with factors where some synapse has short-term plasticity.

    Raises
    ------
    UnknownName
        If the embedding has no such population.
    InvalidValue
        If a spike is before t = 0, or of a cell that the embedding doesn't have; names population, cell and time.
    """
    for name, found in spikes.items():
        _check(embedding, name, found)
    drawn = [_released(embedding, name, found, seed, trial) for name, found in spikes.items() if len(found)]
    empty = np.zeros(0, np.int64), np.zeros(0)
    synapse, time = (np.concatenate(parts) for parts in zip(empty, *drawn, strict=True))
    in_time = time <= tstop
    events = TrialEvents(synapse=synapse[in_time], time_ms=time[in_time])
    if all(kind.plasticity is None for kind in embedding.kinds.values()):
        return events
    factor = np.ones(len(events))
    kind_of = embedding.kind[events.synapse]
    for i, kind in enumerate(embedding.kinds.values()):
        if kind.plasticity is not None:
            own = kind_of == i
            factor[own] = plasticity_factors(kind.plasticity, events.synapse[own], events.time_ms[own])
    return TrialEvents(synapse=events.synapse, time_ms=events.time_ms, factor=factor)


def _check(embedding: Embedding, name: str, spikes: SourceSpikes) -> None:
    if name not in embedding.populations:
        raise UnknownName("spikes", name, "population of the embedding", embedding.populations)
    source, time, n = spikes.source, spikes.time_ms, embedding.n_sources[name]
    for bad, why in (
        (time < 0, "ms is before t = 0"),
        ((source < 0) | (source >= n), f"ms is of a cell that the embedding hasn't: it has {n}, from 0"),
    ):
        for i in np.flatnonzero(bad)[:1]:
            raise InvalidValue(f"spikes[{name!r}]: cell {source[i]}", float(time[i]), why)


def _released(
    embedding: Embedding, name: str, spikes: SourceSpikes, seed: int, trial: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return synapse and time of what the spikes of one population release, in the order of spikes."""
    rows = embedding.rows[name]
    source = embedding.source[rows]
    by_cell = np.argsort(source, kind="stable")
    n_synapses = np.bincount(source, minlength=embedding.n_sources[name])
    first = np.cumsum(n_synapses) - n_synapses
    n = n_synapses[spikes.source]
    spike = np.repeat(np.arange(len(spikes)), n)
    within = np.arange(len(spike)) - np.repeat(np.cumsum(n) - n, n)
    synapse = rows.start + by_cell[first[spikes.source[spike]] + within]
    # one number for each, certain or not: so a synapse's own chance changes no other's releases
    chance = independent_stream(seed, f"{name}:release", trial).random(len(synapse))
    kept = chance < embedding.release_p[synapse]
    synapse = synapse[kept]
    return synapse, spikes.time_ms[spike[kept]] + embedding.delay_ms[synapse]


def plasticity_factors(plasticity: ShortTermPlasticity, synapse: np.ndarray, time_ms: np.ndarray) -> np.ndarray:
    """Return how strong each release is, by those before it at the same synapse.

    A release acts with ``d * f``, then d is multiplied by ``depression`` and ``facilitation`` is added to f; between
    releases both go back to 1 exponentially (Varela et al. 1997, J Neurosci 17:7926).

    Parameters
    ----------
    plasticity : ShortTermPlasticity
        Of all these synapses.
    synapse : array of int, shape (n,)
        Synapse of each release, rising.
    time_ms : array, shape (n,)
        When (ms), rising for each synapse.

    Returns
    -------
    factor : array, shape (n,)
        1 for the first release of a synapse.
    """
    n = len(synapse)
    factor = np.ones(n)
    if not n:
        return factor
    starts = np.flatnonzero(np.concatenate([[True], synapse[1:] != synapse[:-1]]))
    index = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n)))
    rank = np.arange(n) - starts[index]
    by_rank = np.argsort(rank, kind="stable")
    borders = np.searchsorted(rank[by_rank], np.arange(rank.max() + 2))
    d, f = np.ones(len(starts)), np.ones(len(starts))
    for k in range(1, len(borders) - 1):  # the k-th releases of all synapses at once, each after the one before it
        now = by_rank[borders[k] : borders[k + 1]]
        i, since = index[now], time_ms[now] - time_ms[now - 1]
        d[i] = 1 + (d[i] * plasticity.depression - 1) * np.exp(-since / plasticity.tau_depression)
        f[i] = 1 + (f[i] + plasticity.facilitation - 1) * np.exp(-since / plasticity.tau_facilitation)
        factor[now] = d[i] * f[i]
    return factor
