"""Every random stream that hnnlib draws from, made here and passed on as an argument.

Two families. *Published* streams are those of HNN-core: Mersenne twister, one per drive cell, seeded by
``event_seed + trial * n_gids + cell``; they make published event times come out bit for bit. *Independent* streams hang
on (network seed, name, trial, cell) alone, so that adding a drive changes no other drive's events.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["engine_seed", "independent_stream", "pruning_stream", "published_stream"]


def published_stream(
    event_seed: int, trial: int, n_gids: int, cell: int = 0, reuse: np.random.RandomState | None = None
) -> np.random.RandomState:
    """Return HNN-core's stream of one drive cell in one trial.

    Parameters
    ----------
    event_seed : int
        Seed of the drive.
    trial : int
        0-based index of the trial.
    n_gids : int
        Number of gids in the network, all drive cells included.
    cell : int
        0-based index of the drive cell within its drive.
    reuse : RandomState, optional
        A stream that nobody draws from any more: it becomes the new one, in 5 µs in place of 180.
    """
    seed = (event_seed + trial * n_gids + cell) % 2**32
    if reuse is None:
        return np.random.RandomState(seed)
    reuse.seed(seed)
    return reuse


def independent_stream(seed: int, name: str, *indices: int) -> np.random.Generator:
    """Return a stream that depends on nothing but its arguments.

    Parameters
    ----------
    seed : int
        The run's seed.
    name : str
        Name of the drive or connection.
    *indices : int
        E.g. trial and cell.
    """
    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(np.random.SeedSequence([seed % 2**64, word, *indices]))


def pruning_stream(conn_seed: int | None, offset: int, seed: int, name: str) -> np.random.Generator:
    """Return the stream that chooses which pairs of a connection survive.

    Parameters
    ----------
    conn_seed : int or None
        HNN-core's seed of the connection or drive; None for an independent stream.
    offset : int
        Position of the target type in the drive's list of targets; 0 for local connections.
    seed : int
        The run's seed, used when ``conn_seed`` is None.
    name : str
        Name of the drive or connection, used when ``conn_seed`` is None.
    """
    if conn_seed is not None:
        return np.random.default_rng(conn_seed + offset)
    return independent_stream(seed, name, offset)


def engine_seed(seed: int, engine: str, trial: int) -> int:
    """Return the seed that an engine with random numbers of its own gets for a trial.

    Parameters
    ----------
    seed : int
        The run's seed.
    engine : str
        Name of the engine.
    trial : int
        0-based index of the trial.

    Returns
    -------
    seed : int
        From 1 to 2**32 - 1: NEST refuses 0.
    """
    return int(independent_stream(seed, engine, trial).integers(1, 2**32))
