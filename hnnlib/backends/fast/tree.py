"""A cell's tree as the fast engine solves it: nodes in an order in which parents come before children."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.plan.tables import Template

__all__ = ["Tree", "make_tree"]


@attrs.frozen(kw_only=True, eq=False)
class Tree:
    """Nodes and the resistive tree between them.

    Nodes are segments and those branch points where three or more segments meet. A branch point of two segments is two
    resistances in series, and one at a free end carries no current: neither needs an equation.
    """

    segment: np.ndarray  # int (n,): template's segment, -1 for a branch point
    parent: np.ndarray  # int (n,): node, n for the root
    conductance_uS: np.ndarray  # (n,): to the parent, 0 for the root
    area_um2: np.ndarray  # (n,): of the membrane; 100 at branch points, so that densities there are absolute numbers
    node_of_segment: np.ndarray  # int (n_segments,)

    def __len__(self) -> int:
        return len(self.segment)


def make_tree(template: Template) -> Tree:
    """Return the tree of a template."""
    s = template.sections
    links, n_junctions = _links(template)
    links = _without_series(links, template.n_segments, n_junctions)
    neighbours: dict[int, list[tuple[int, float]]] = {}
    for a, b, g in links:
        neighbours.setdefault(a, []).append((b, g))
        neighbours.setdefault(b, []).append((a, g))
    root = int(s.first_segment[int(np.flatnonzero(s.parent < 0)[0])])
    parent, conductance = {root: -1}, {root: 0.0}
    stack = [root]
    while stack:
        node = stack.pop()
        for other, g in sorted(neighbours.get(node, []), reverse=True):
            if other not in parent:
                parent[other], conductance[other] = node, g
                stack.append(other)
    # depth first, so that unbranched runs are contiguous
    order = _depth_first(root, parent)
    row = {node: i for i, node in enumerate(order)}
    row[-1] = len(order)
    segment = np.array([node if node < template.n_segments else -1 for node in order], np.int64)
    area = template.segments.area_um2
    return Tree(
        segment=segment,
        parent=np.array([row[parent[node]] for node in order], np.int64),
        conductance_uS=np.array([conductance[node] for node in order]),
        area_um2=np.where(segment >= 0, area[segment], 100.0),
        node_of_segment=np.array([row[i] for i in range(template.n_segments)], np.int64),
    )


def _depth_first(root: int, parent: dict[int, int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for node, above in parent.items():
        if above >= 0:
            children.setdefault(above, []).append(node)
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack += sorted(children.get(node, []), reverse=True)
    return order


def _links(template: Template) -> tuple[list[tuple[int, int, float]], int]:
    """Return (node, node, conductance in µS) with every end of a section as a node, numbered from ``n_segments``."""
    s, n_segments = template.sections, template.n_segments
    n = len(s.names)
    far = n_segments + np.arange(n)  # the 1 end of each section
    near = np.full(n, -1, np.int64)
    root = int(np.flatnonzero(s.parent < 0)[0])
    near[root] = n_segments + n
    pending = [i for i in range(n) if i != root]
    while pending:
        for i in list(pending):
            above = far[s.parent[i]] if s.parent_end[i] == 1 else near[s.parent[i]]
            if above >= 0:
                near[i] = above
                pending.remove(i)
    links = []
    for i in range(n):
        k, first = int(s.nseg[i]), int(s.first_segment[i])
        nodes = [int(near[i]), *range(first, first + k), int(far[i])]
        to, of = (
            list(column[first : first + k]) for column in (template.segments.near_MOhm, template.segments.far_MOhm)
        )
        links += [
            (nodes[j], nodes[j + 1], 1.0 / (a + b)) for j, (a, b) in enumerate(zip([0.0, *of], [*to, 0.0], strict=True))
        ]
    return links, n + 1


def _without_series(
    links: list[tuple[int, int, float]], n_segments: int, n_junctions: int
) -> list[tuple[int, int, float]]:
    for junction in range(n_segments, n_segments + n_junctions):
        here = [link for link in links if junction in link[:2]]
        if len(here) > 2:
            continue
        links = [link for link in links if junction not in link[:2]]
        if len(here) == 2:
            (a, g), (b, h) = (((q if p == junction else p), g) for p, q, g in here)
            links.append((a, b, g * h / (g + h)))
    return links
