"""Where on the cell each section is, by rule, and how much of the cell is where."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.embedding.form.morphology import DOMAINS, Morphology

__all__ = ["TUFT_FROM", "TUFT_SHARE", "label_domains", "totals_by_domain"]

TUFT_FROM = 0.3
"""Where a tuft may begin, as a part of the way to the farthest apical tip: cells of layer 5 fork near its middle, those
of layer 2/3 earlier."""
TUFT_SHARE = 0.2
"""What the lesser branches must hold of all dendrite beyond a fork, for it to be the tuft's and no oblique's."""


def label_domains(
    morphology: Morphology, *, tuft_from: float = TUFT_FROM, tuft_share: float = TUFT_SHARE
) -> Morphology:
    """Return the morphology with its domains found anew by rule.

    Somata, axons and basal dendrites are what their types say. Of the apical tree (of several: the one that reaches
    farthest) the trunk leads from the soma towards the farthest tip, up to the first fork that lies beyond
    ``tuft_from`` of that way and whose branches but the largest hold ``tuft_share`` of all dendrite beyond it. What
    is beyond that fork is the tuft; what leaves the trunk before it is oblique, further apical trees included. Where
    the rule errs, `Morphology.with_domains` overrides it.

    Parameters
    ----------
    morphology : Morphology
        A cell.
    tuft_from : float
        From 0 to 1.
    tuft_share : float
        From 0 to 1.

    Returns
    -------
    Morphology

    Raises
    ------
    InvalidValue
        If a parameter is outside 0 to 1.
    """
    for path, value in (("tuft_from", tuft_from), ("tuft_share", tuft_share)):
        if not 0 <= value <= 1:
            raise InvalidValue(path, value, "must be from 0 to 1")
    labels = ["apical_oblique" if kind == "apical" else kind for kind in morphology.types]
    branches, reach, total = _apical_tree(morphology)
    roots = [i for i in reach if morphology.types[morphology.parent[i]] != "apical"]
    trunk, way = max(roots, key=lambda i: reach[i], default=-1), 0.0
    farthest = reach.get(trunk, 0.0)
    while trunk >= 0:
        labels[trunk] = "apical_trunk"
        way += morphology.lengths_um[trunk]
        beyond = [total[i] for i in branches[trunk]]
        if way >= tuft_from * farthest and sum(beyond) - max(beyond, default=0.0) >= tuft_share * sum(beyond) > 0:
            tuft = list(branches[trunk])
            while tuft:
                labels[tuft[-1]] = "apical_tuft"
                tuft += branches[tuft.pop()]
            break
        trunk = max(branches[trunk], key=lambda i: reach[i], default=-1)
    return attrs.evolve(morphology, domains=tuple(labels))


def _apical_tree(morphology: Morphology) -> tuple[dict[int, list[int]], dict[int, float], dict[int, float]]:
    """Return, per apical section: its apical branches, the way from its 0 end to the farthest tip, all dendrite."""
    apical = [i for i, kind in enumerate(morphology.types) if kind == "apical"]
    branches: dict[int, list[int]] = {i: [] for i in apical}
    for i in apical:
        if (above := int(morphology.parent[i])) in branches:
            branches[above].append(i)
    reach: dict[int, float] = {}
    total: dict[int, float] = {}
    for i in reversed(apical):
        length = float(morphology.lengths_um[i])
        reach[i] = length + max((reach[j] for j in branches[i]), default=0.0)
        total[i] = length + sum(total[j] for j in branches[i])
    return branches, reach, total


def totals_by_domain(morphology: Morphology) -> dict[str, dict[str, float]]:
    """Return how much of the cell is in each domain.

    Parameters
    ----------
    morphology : Morphology
        A cell.

    Returns
    -------
    totals : dict of str to dict
        Domain, from the soma to the tuft -> ``n_sections``, ``n_tips`` (sections that nothing sits on), ``length_um``,
        ``area_um2`` (of the frusta's sides), and ``reach_um`` (path distance of the farthest end from the middle of the
        soma). Domains that the cell lacks are left out.
    """
    ends = morphology.start_distance_um + morphology.lengths_um
    ends[0] /= 2
    tips = np.setdiff1d(np.arange(morphology.n_sections), morphology.parent)
    totals = {}
    for domain in DOMAINS:
        members = [i for i, d in enumerate(morphology.domains) if d == domain]
        if members:
            totals[domain] = {
                "n_sections": len(members),
                "n_tips": int(np.isin(members, tips).sum()),
                "length_um": float(morphology.lengths_um[members].sum()),
                "area_um2": float(sum(_area(morphology.points[i]) for i in members)),
                "reach_um": float(ends[members].max()),
            }
    return totals


def _area(points: np.ndarray) -> float:
    steps = np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1)
    slant = np.hypot(steps, np.diff(points[:, 3]) / 2)
    return float((np.pi / 2 * (points[1:, 3] + points[:-1, 3]) * slant).sum())
