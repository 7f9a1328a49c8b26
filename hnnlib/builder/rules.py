"""Rules that come with the builder: where nodes stand, and which are connected.

A rule of one's own is any function. It is called for each pair of nodes, or as the ``iterator`` of its connection says;
one that is marked with `takes_arrays` is called once. What is drawn at random is drawn from the generator that a rule
gets if it has a parameter ``rng``: one stream per connection, made from the builder's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.seeds import independent_stream
from hnnlib.builder.pool import NodePool

__all__ = ["distance_connector", "positions_columnar", "takes_arrays"]

Rule = TypeVar("Rule", bound=Callable[..., Any])


def takes_arrays(rule: Rule) -> Rule:
    """Mark a rule that is called once for all nodes, in place of once for each pair.

    Parameters
    ----------
    rule : callable
        As a rule of connections: ``rule(sources, targets, **params)`` gets two `NodePool` and returns the number of
        synapses of each pair, shape (n_sources, n_targets). As a rule of properties: it gets two `NodePool` with one
        entry per synapse and returns an array of that length, or one for each property.

    Returns
    -------
    rule : callable
        The same function.
    """
    rule.takes_arrays = True  # type: ignore[attr-defined]
    return rule


@takes_arrays
def distance_connector(
    sources: NodePool,
    targets: NodePool,
    d_weight_min: float,
    d_weight_max: float,
    d_max: float,
    nsyn_min: int,
    nsyn_max: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Connect with a probability that falls linearly with distance.

    At distance r < d_max the probability is ``d_weight_max + (d_weight_min - d_weight_max) r / d_max``, beyond it is 0;
    a connected pair has a number of synapses that is drawn uniformly. No node is connected with itself. The rule is
    that of BMTK (Dai et al. 2020, doi:10.1371/journal.pcbi.1008386).

    Parameters
    ----------
    sources, targets : NodePool
        Nodes with positions.
    d_weight_min, d_weight_max : float
        Probability at ``d_max`` and at distance 0; above 1 is as 1, below 0 as 0.
    d_max : float
        Where connections end (µm).
    nsyn_min, nsyn_max : int
        Least and greatest number of synapses.
    rng : numpy.random.Generator
        What is drawn from.

    Returns
    -------
    nsyns : array of int, shape (n_sources, n_targets)
        Number of synapses of each pair.

    Raises
    ------
    InvalidValue
        If a parameter is out of range.
    UnknownName
        If the nodes have no positions.
    """
    if not d_max > 0:
        raise InvalidValue("d_max", d_max, "must be > 0 µm")
    if not 0 <= nsyn_min <= nsyn_max:
        raise InvalidValue("nsyn_min", nsyn_min, f"must be from 0 to nsyn_max, {nsyn_max}")
    here, there = sources.column("positions"), targets.column("positions")
    square = sum((here[:, None, axis] - there[None, :, axis]) ** 2 for axis in range(3))
    part = np.sqrt(square) / d_max
    probability = np.where(part < 1.0, d_weight_max + (d_weight_min - d_weight_max) * part, 0.0)
    if sources.population == targets.population:
        probability[sources.node_ids[:, None] == targets.node_ids[None, :]] = 0.0
    drawn = rng.random(probability.shape) < probability
    nsyns = np.zeros(probability.shape, np.int64)
    nsyns[drawn] = rng.integers(nsyn_min, nsyn_max, size=int(drawn.sum()), endpoint=True)
    return nsyns


def positions_columnar(
    N: int,
    center: Sequence[float] = (0.0, 50.0, 0.0),
    height: float = 100.0,
    min_radius: float = 0.0,
    max_radius: float = 1.0,
    *,
    seed: int | np.random.Generator,
) -> np.ndarray:
    """Draw positions uniformly in an upright cylinder, or in the shell between two (BMTK's ``positions_columinar``).

    Parameters
    ----------
    N : int
        Number of positions.
    center : sequence of float
        Centre of the cylinder (µm).
    height : float
        Its extent along y (µm).
    min_radius, max_radius : float
        Distances from its axis (µm).
    seed : int or numpy.random.Generator
        What is drawn from. Groups that share a cylinder need seeds of their own, or one generator in turn: equal seeds
        give equal positions.

    Returns
    -------
    positions : array, shape (N, 3)
        x, y and z (µm).

    Raises
    ------
    InvalidValue
        If a size is negative, or the inner radius larger than the outer.
    """
    if N < 0:
        raise InvalidValue("N", N, "must be >= 0")
    if len(center) != 3:
        raise InvalidValue("center", center, "must be three coordinates")
    if not height >= 0:
        raise InvalidValue("height", height, "must be >= 0 µm")
    if not 0 <= min_radius <= max_radius:
        raise InvalidValue("min_radius", min_radius, f"must be from 0 µm to max_radius, {max_radius}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer | np.random.Generator):
        raise InvalidType("seed", seed, "must be a whole number or a numpy Generator")
    rng = seed if isinstance(seed, np.random.Generator) else independent_stream(int(seed), "positions_columnar")
    # uniform over the area: the square of the radius is uniform
    radius = np.sqrt(rng.uniform(min_radius**2, max_radius**2, N))
    angle = rng.uniform(0.0, 2.0 * np.pi, N)
    up = rng.uniform(-0.5, 0.5, N) * height
    return np.asarray(center, float) + np.column_stack([radius * np.cos(angle), up, radius * np.sin(angle)])
