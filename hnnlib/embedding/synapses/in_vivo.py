"""The input of a layer 5 pyramidal cell in vivo, by the densities and groups of L5NeuronSimulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.sources.rates import Lognormal, TruncatedNormal, Uniform
from hnnlib.embedding.synapses.clusters import clustered, clusters_of_group
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.stretches import allowed_stretches
from hnnlib.embedding.synapses.table import Embedding, ShortTermPlasticity, SynapseType
from hnnlib.spec.cells import SynapseSpec

__all__ = ["in_vivo_counts", "in_vivo_lengths", "l5_in_vivo"]

_EXC_PER_UM = 2.16
_INH_PER_UM = 0.22
_SOMA_CONTACTS = 150
_BORDER_UM = 50.0
_CELLS_PER_GROUP = 100
_EXC_CONTACTS = (2, 8)
_EXC_US = 5e-5
# mean, standard deviation, least, largest number of contacts of an inhibitory cell
_INH_CONTACTS: Mapping[str, tuple[float, float, int, int]] = immutabledict(
    {
        "pv_soma": (2.8, 1.9, 1, 5),
        "pv_basal": (2.8, 1.9, 1, 5),
        "som_basal": (2.7, 1.6, 1, 5),
        "som_apical": (12.0, 3.0, 6, 18),
    }
)


def in_vivo_lengths(cell: Any) -> dict[str, float]:
    """Return the lengths of dendrite that the counts follow from.

    Parameters
    ----------
    cell : DetailedCell or SegmentTable
        The cell.

    Returns
    -------
    lengths : dict
        ``basal_near`` (up to 50 µm from the soma), ``basal_far`` and ``apical`` (µm).
    """
    where: dict[str, dict[str, Any]] = {
        "basal_near": {"domain": "basal", "max_distance": np.nextafter(_BORDER_UM, 0)},
        "basal_far": {"domain": "basal", "min_distance": _BORDER_UM},
        "apical": {"domain": "apical"},
    }
    return {name: float(allowed_stretches(cell, **there).length_um.sum()) for name, there in where.items()}


def in_vivo_counts(lengths: Mapping[str, float], legacy: bool = False) -> dict[str, int]:
    """Return how many presynaptic cells, groups and clusters some dendrite has.

    There are 2.16 excitatory and 0.22 inhibitory synapses a µm, and 150 inhibitory ones on the soma; a number of cells
    is that of their synapses over the mean number of contacts of a cell.

    Parameters
    ----------
    lengths : mapping of str to float
        ``basal_near``, ``basal_far`` and ``apical`` (µm), as `in_vivo_lengths` gives.
    legacy : bool
        Whether cells are counted as in L5NeuronSimulation: rounded down, and inhibitory ones by the means of normal
        distributions, of which what is drawn is then cut to bounds and rounded down, so that there are 4 to 12 % fewer
        inhibitory synapses than the density says. Otherwise rounded, by the means of what is drawn.

    Returns
    -------
    counts : dict
        Cells: ``exc_basal``, ``exc_apical``, ``som_basal``, ``som_apical``, ``pv_basal``, ``pv_soma``; ``groups`` of
        excitatory cells, and ``clusters`` in each.

    Raises
    ------
    InvalidValue
        If a length is missing or negative.
    """
    for name in ("basal_near", "basal_far", "apical"):
        if name not in lengths:
            raise InvalidValue("lengths", dict(lengths), f"must give {name!r}, in µm")
        number(lengths[name], f"lengths[{name!r}]", unit="µm", ge=0)
    exc = sum(_EXC_CONTACTS) / 2
    synapses = {
        "exc_basal": lengths["basal_far"] * _EXC_PER_UM,
        "exc_apical": lengths["apical"] * _EXC_PER_UM,
        "som_basal": lengths["basal_far"] * _INH_PER_UM,
        "som_apical": lengths["apical"] * _INH_PER_UM,
        "pv_basal": lengths["basal_near"] * _INH_PER_UM,
        "pv_soma": float(_SOMA_CONTACTS),
    }
    means = {name: _INH_CONTACTS[name][0] if legacy else _truncated(name).mean for name in _INH_CONTACTS}
    counts = {name: (int if legacy else round)(synapses[name] / means.get(name, exc)) for name in synapses}
    counts["groups"] = sum(max(1, counts[name] // _CELLS_PER_GROUP) for name in ("exc_basal", "exc_apical"))
    counts["clusters"] = clusters_of_group(_EXC_PER_UM, exc, _CELLS_PER_GROUP)
    return counts


def l5_in_vivo(cell: Any, *, seed: int = 0, legacy: bool = False, fewer_clusters: bool = True) -> Embedding:
    """Return the synapses of a layer 5 pyramidal cell in vivo.

    Excitatory cells (population ``exc``, on basal dendrites from 50 µm on and on the apical tree) are in functional
    groups of about 100, in a sphere of 100 µm, whose synapses form 23 clusters of 10 µm radius; each has 2 to 8
    contacts. Inhibitory cells are like PV cells (``pv``: soma, basal dendrites within 50 µm) or SOM cells (``som``: the
    rest of the basal dendrites, apical tree), in no groups.

    Parameters
    ----------
    cell : DetailedCell or SegmentTable
        The cell.
    seed : int
        Seed of the layout.
    legacy : bool
        Whether cells and contacts are counted as in L5NeuronSimulation; see `in_vivo_counts`.
    fewer_clusters : bool
        As in `clustered`: a group at the tip of a dendrite may have less than its 23 clusters need.

    Returns
    -------
    embedding : Embedding
        Populations ``exc``, ``pv``, ``som``; kinds ``ampa+nmda`` and ``gabaa``.

    Raises
    ------
    InvalidValue
        If the cell has none of such dendrite.

    Notes
    -----
    Densities, contacts, groups and release probabilities (0.6 and 0.25) are those of L5NeuronSimulation's
    ``L5NetParams.json``. Its synapses saturate and have weights without a unit; here they are linear: AMPA with 0.2 and
    2 ms, NMDA of half its peak, and GABA-A at -75 mV with 1 and 20 ms. Excitatory ones depress by 0.8 at a release and
    recover with 250 ms, the slower of its two variables of depression. Excitatory weights are lognormal and as skewed
    as its own (0.345 / 0.45), with a mean of 0.05 nS: under its rates, 11 Hz in some 5000 excitatory cells, the shipped
    cell then fires about 10 times a second, and with five times as much its spikes are blocked. Inhibitory ones are
    1 nS, on the soma 0.6 nS, which is its ratio.
    """
    counts = in_vivo_counts(in_vivo_lengths(cell), legacy)
    exc: dict[str, Any] = {
        "kind": _excitatory(),
        "weight": Lognormal(mean=_EXC_US, sd=_EXC_US * 0.345 / 0.45),
        "release_p": 0.6,
        "contacts": Uniform(low=_EXC_CONTACTS[0], high=_EXC_CONTACTS[1], integer=True),
        "cells_per_group": _CELLS_PER_GROUP,
        "clusters_per_group": counts["clusters"],
        "fewer_clusters": fewer_clusters,
        "seed": seed,
    }
    inh: dict[str, Any] = {"kind": _inhibitory(), "release_p": 0.25, "seed": seed}
    far: dict[str, Any] = {"domain": "basal", "min_distance": _BORDER_UM}
    near: dict[str, Any] = {"domain": "basal", "max_distance": np.nextafter(_BORDER_UM, 0)}

    def of(name: str) -> dict[str, Any]:
        n = counts[name]
        if not legacy:
            return {"n_cells": n, "contacts": _truncated(name), **inh}
        return {"contacts": _legacy_contacts(name, n, seed), **inh}

    basal = clustered(cell, "exc", n_cells=counts["exc_basal"], **far, **exc)
    after: dict[str, Any] = {
        "first_source": counts["exc_basal"],
        "first_group": max(1, counts["exc_basal"] // _CELLS_PER_GROUP),
    }
    apical = clustered(cell, "exc", n_cells=counts["exc_apical"], domain="apical", **after, **exc)
    parts = [
        random(cell, "pv", domain="soma", weight=0.6e-3, **of("pv_soma")),
        random(cell, "pv", weight=1e-3, first_source=counts["pv_soma"], **near, **of("pv_basal")),
        random(cell, "som", weight=1e-3, **far, **of("som_basal")),
        random(cell, "som", domain="apical", weight=1e-3, first_source=counts["som_basal"], **of("som_apical")),
    ]
    return sum(parts, basal + apical)


def _truncated(name: str) -> TruncatedNormal:
    mu, sd, low, high = _INH_CONTACTS[name]
    return TruncatedNormal(mu=mu, sd=sd, low=low, high=high, integer=True)


def _legacy_contacts(name: str, n: int, seed: int) -> np.ndarray:
    mu, sd, low, high = _INH_CONTACTS[name]
    drawn = independent_stream(seed, f"{name}:contacts").normal(mu, sd, n)
    return np.clip(drawn, low, high).astype(np.int64)


def _excitatory() -> SynapseType:
    return SynapseType(
        receptors={
            "ampa": SynapseSpec(parameters={"e": 0.0, "tau1": 0.2, "tau2": 2.0}),
            "nmda": SynapseSpec(mechanism="NMDA"),
        },
        ratio={"nmda": 0.5},
        plasticity=ShortTermPlasticity(depression=0.8, tau_depression=250.0),
    )


def _inhibitory() -> SynapseType:
    return SynapseType(receptors={"gabaa": SynapseSpec(parameters={"e": -75.0, "tau1": 1.0, "tau2": 20.0})})
