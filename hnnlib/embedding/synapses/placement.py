"""Synapses placed at random: by density or number, on some part of the cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.sources.rates import Distribution, as_distribution
from hnnlib.embedding.synapses.stretches import allowed_stretches, along_section
from hnnlib.embedding.synapses.table import Embedding, SynapseType

__all__ = ["Cells", "contacts_of", "drawn_values", "one_population", "random", "whole"]


def random(
    cell: Any,
    population: str,
    *,
    kind: SynapseType,
    weight: float | Distribution,
    density: float | None = None,
    count: int | None = None,
    n_cells: int | None = None,
    domain: str | list[str] | None = None,
    min_distance: float = 0.0,
    max_distance: float = np.inf,
    contacts: int | Distribution | np.ndarray = 1,
    delay: float | Distribution = 0.0,
    release_p: float | Distribution = 1.0,
    kind_name: str | None = None,
    cell_type: str | None = None,
    first_source: int = 0,
    seed: int = 0,
) -> Embedding:
    """Place the synapses of a population at random, every micrometre of what is allowed as likely as any other.

    Give one of ``density``, ``count`` and ``n_cells``.

    Parameters
    ----------
    cell : DetailedCell or SegmentTable
        The cell, or its segments.
    population : str
        Name of the presynaptic population.
    kind : SynapseType
        What its synapses open.
    weight : float or Distribution
        Peak conductance of each synapse (µS).
    density : float, optional
        Synapses per µm of what is allowed.
    count : int, optional
        Number of synapses. The last cell has fewer contacts where the others leave less.
    n_cells : int, optional
        Number of presynaptic cells.
    domain : str or list of str, optional
        Where they may be; ``apical`` stands for all parts of the apical tree. Left out: all but the axon.
    min_distance, max_distance : float
        Bounds of the path distance from the soma, of the middles of segments (µm).
    contacts : int, Distribution or array of int, shape (n_cells,)
        Synapses of each presynaptic cell; what is drawn is rounded to whole numbers.
    delay : float or Distribution
        From spike to release (ms).
    release_p : float or Distribution
        Probability that a spike releases.
    kind_name : str, optional
        Name of the kind of synapse; left out: its receptors, e.g. ``ampa+nmda``.
    cell_type : str, optional
        Type of the population's cells; left out: its name.
    first_source : int
        Number of the first cell, for more cells of a population: ``basal + apical`` joins both.
    seed : int
        Seed; each population has streams of its own.

    Returns
    -------
    embedding : Embedding
        Rows cell by cell.

    Raises
    ------
    InvalidValue
        If nothing is allowed, or an argument is not; names which.
    """
    allowed = allowed_stretches(cell, domain, min_distance, max_distance)
    cells = Cells(population=population, first=first_source, seed=seed)
    numbers = contacts_of(cells, contacts, float(allowed.length_um.sum()), density, count, n_cells)
    source = np.repeat(np.arange(len(numbers)), numbers)
    segment, fraction = allowed.draw(cells.stream("layout"), len(source))
    of_synapses = {"weight": weight, "delay": delay, "release_p": release_p}
    return one_population(
        cells, allowed.segments, kind, source, segment, fraction, of_synapses, len(numbers), kind_name, cell_type
    )


@attrs.frozen(kw_only=True)
class Cells:
    """Cells of a population from the first on, and their random streams.

    Parameters
    ----------
    population : str
        Name of the population.
    first : int
        Number of the first of them in the population.
    seed : int
        Seed.
    """

    population: str
    first: int
    seed: int

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.population, str) or not self.population:
            raise InvalidType("population", self.population, "must be a name")
        whole(self.first, "first_source")
        whole(self.seed, "seed")

    def stream(self, stage: str) -> np.random.Generator:
        """Return the stream of a stage.

        Parameters
        ----------
        stage : str
            E.g. ``layout``.
        """
        return independent_stream(self.seed, f"{self.population}:{stage}", self.first)


def contacts_of(
    cells: Cells,
    contacts: Any,
    length_um: float,
    density: float | None = None,
    count: int | None = None,
    n_cells: int | None = None,
) -> np.ndarray:
    """Return how many synapses each presynaptic cell has.

    Parameters
    ----------
    cells : Cells
        The cells.
    contacts : int, Distribution or array of int
        As in `random`.
    length_um : float
        Length of the membrane that is allowed (µm).
    density, count, n_cells
        As in `random`.

    Returns
    -------
    contacts : array of int64, shape (n_cells,)

    Raises
    ------
    InvalidValue
        If not just one of the three is given, or fewer than one contact is drawn.
    """
    given = {"density": density, "count": count, "n_cells": n_cells}
    named = [name for name, value in given.items() if value is not None]
    if isinstance(contacts, np.ndarray):
        if named and named != ["n_cells"]:
            raise InvalidValue(named[0], given[named[0]], "can't be given where contacts says them for each cell")
        if n_cells is not None and contacts.shape != (n_cells,):
            raise InvalidValue("contacts", contacts.shape, f"must be one number for each of {n_cells} cells")
        return _at_least_one(contacts)
    if len(named) != 1:
        raise InvalidValue("density", given, "one of density, count and n_cells must be given, and only one")
    distribution = as_distribution(contacts, "contacts")
    rng = cells.stream("contacts")
    if n_cells is not None:
        return _at_least_one(distribution.sample(rng, whole(n_cells, "n_cells")))
    if density is not None:
        count = round(number(density, "density", unit="synapses per µm", ge=0) * length_um)
    total = whole(count, "count")
    if distribution.mean < 1:
        raise InvalidValue("contacts", contacts, "must have a mean >= 1")
    drawn = np.zeros(0, np.int64)
    while drawn.sum() < total:
        # as many as will do almost always: means of n draws differ little from the distribution's
        drawn = np.append(drawn, _at_least_one(distribution.sample(rng, int(1.1 * total / distribution.mean) + 10)))
    ends = np.cumsum(drawn)
    last = int(np.searchsorted(ends, total)) + 1 if total else 0
    numbers = drawn[:last]
    numbers[-1:] -= ends[last - 1] - total if total else 0
    return numbers


def _at_least_one(drawn: np.ndarray) -> np.ndarray:
    numbers = np.rint(drawn).astype(np.int64)
    if (numbers < 1).any():
        raise InvalidValue("contacts", int(numbers.min()), "was drawn: every cell must have at least one contact")
    return numbers


def whole(value: Any, path: str) -> int:
    """Return ``value`` as a whole number >= 0, or raise with the path."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InvalidValue(path, value, "must be a whole number >= 0")
    return int(value)


def one_population(
    cells: Cells,
    segments: SegmentTable,
    kind: SynapseType,
    source: np.ndarray,
    segment: np.ndarray,
    fraction: np.ndarray,
    of_synapses: Mapping[str, Any],
    n_cells: int,
    kind_name: str | None = None,
    cell_type: str | None = None,
    groups: Mapping[str, np.ndarray] = immutabledict(),
) -> Embedding:
    """Return the table of a population whose synapses have been placed.

    Parameters
    ----------
    cells : Cells
        The cells.
    segments : SegmentTable
        Segments of the cell that the synapses are on.
    kind : SynapseType
        What they open.
    source : array of int, shape (n,)
        Presynaptic cell of each synapse, counted from ``cells.first``.
    segment, fraction : array, shape (n,)
        Where: segment, and place along it (0 to 1).
    of_synapses : mapping
        ``weight``, ``delay`` and ``release_p``: a number, a distribution, or an array of shape (n,).
    n_cells : int
        Number of cells, those without a synapse included.
    kind_name, cell_type : str, optional
        As in `random`.
    groups : mapping of str to array of int, shape (n,)
        ``group`` and ``cluster``; left out: none.

    Raises
    ------
    InvalidValue
        If a drawn value is not allowed.
    """
    if not isinstance(kind, SynapseType):
        raise InvalidType("kind", kind, "must be a SynapseType")
    n, none = len(source), np.full(len(source), -1, np.int32)
    section, x = along_section(segments, segment, fraction)
    values = {name: drawn_values(value, name, cells, n) for name, value in of_synapses.items()}
    return Embedding(
        segments=segments,
        populations=(cells.population,),
        kinds={kind_name or "+".join(kind.receptors): kind},
        population=np.zeros(n, np.int32),
        source=source + cells.first,
        kind=np.zeros(n, np.int32),
        section=section,
        x=x,
        weight_uS=values["weight"],
        delay_ms=values["delay"],
        release_p=values["release_p"],
        group=groups.get("group", none),
        cluster=groups.get("cluster", none),
        n_sources={cells.population: cells.first + n_cells},
        cell_types={cells.population: cell_type or cells.population},
    )


def drawn_values(value: Any, name: str, cells: Cells, n: int) -> np.ndarray:
    """Return one value for each synapse.

    Parameters
    ----------
    value : float, Distribution or array, shape (n,)
        What was given.
    name : str
        Name of the value and of its stream.
    cells : Cells
        The cells.
    n : int
        Number of synapses.

    Raises
    ------
    InvalidType
        If it is none of these.
    """
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(as_distribution(value, name).sample(cells.stream(name), n), float)
