"""Deal the cells of a plan to parts that take about the same time."""

from __future__ import annotations

import heapq

import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.plan.tables import Plan

__all__ = ["cell_costs", "largest_share", "partition"]


def cell_costs(plan: Plan) -> np.ndarray:
    """Return what each cell costs per time step, in units of one mechanism in one segment.

    A segment costs one unit for its voltage and one for each density mechanism in it; synapses are few beside these.

    Returns
    -------
    costs : ndarray of int64, shape (n_cells,)
    """
    per_template = [t.n_segments + sum(len(d.segments) for d in t.densities) for t in plan.templates]
    return np.array(per_template, np.int64)[plan.cells.template]


def partition(plan: Plan, n_parts: int) -> tuple[np.ndarray, ...]:
    """Deal the cells to parts: the dearest first, each to the part that has least so far.

    This is the rule "longest processing time first" of R. L. Graham (1969), SIAM J. Appl. Math. 17(2), 416-429,
    doi:10.1137/0117039: no part exceeds another by more than one cell.

    Parameters
    ----------
    plan : Plan
        Whose cells to deal.
    n_parts : int
        Number of parts.

    Returns
    -------
    parts : tuple of n_parts arrays of int32
        Sorted gids; each cell is in one part, and no part is empty unless there are more parts than cells. The same
        for the same plan.

    Raises
    ------
    InvalidValue
        If ``n_parts`` is below 1.
    """
    if n_parts < 1:
        raise InvalidValue("n_parts", n_parts, "must be >= 1")
    costs = cell_costs(plan)
    loads = [(0, part) for part in range(n_parts)]
    owner = np.zeros(len(costs), np.int64)
    for gid in np.argsort(-costs, kind="stable").tolist():
        load, part = loads[0]
        owner[gid] = part
        heapq.heapreplace(loads, (load + int(costs[gid]), part))
    return tuple(np.flatnonzero(owner == part).astype(np.int32) for part in range(n_parts))


def largest_share(plan: Plan, n_parts: int) -> float:
    """Return a lower bound for the share of a plan's cost that the dearest of some parts has, without dealing.

    It is the largest of: an equal share; the dearest cell; the cheapest cells, as many as one part must have at least.
    """
    costs = np.sort(cell_costs(plan))
    if not len(costs):
        return 1.0
    at_least = -(-len(costs) // n_parts)
    return float(max(1.0 / n_parts, costs[-1] / costs.sum(), costs[:at_least].sum() / costs.sum()))
