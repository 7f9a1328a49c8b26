"""Dealing cells to parts: all cells, about the same cost, always the same."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidValue
from hnnlib.plan.partition import cell_costs, largest_share, partition


def with_cells(plan, templates):
    """Return a plan with one cell of each of these templates; only its cells are of use."""
    n = len(templates)
    cells = attrs.evolve(
        plan.cells,
        template=np.array(templates, np.int32),
        population=np.zeros(n, np.int32),
        position_um=np.zeros((n, 3)),
        threshold_mV=np.zeros(n),
    )
    return attrs.evolve(plan, cells=cells)


@pytest.fixture(scope="session")
def unequal(plan):
    """A plan whose second template has nine times as many segments with a mechanism as its first."""
    first = plan.templates[0]
    density = first.densities[0]
    big = attrs.evolve(density, segments=np.tile(density.segments, 9))
    return attrs.evolve(plan, templates=(first, attrs.evolve(first, densities=(big,))))


def test_a_cell_costs_its_voltages_and_mechanisms(plan, unequal):
    # soma of one segment and dendrite of three, each with a leak
    assert cell_costs(plan).tolist() == [8] * 7
    assert cell_costs(with_cells(unequal, [0, 1, 0])).tolist() == [8, 40, 8]


def test_equal_cells_are_dealt_in_turn(plan):
    assert [part.tolist() for part in partition(plan, 3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [part.tolist() for part in partition(plan, 1)] == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_dear_cell_is_alone(unequal):
    assert [part.tolist() for part in partition(with_cells(unequal, [0, 0, 1, 0, 0]), 2)] == [[2], [0, 1, 3, 4]]


def test_more_parts_than_cells_leave_some_empty(plan):
    assert [len(part) for part in partition(plan, 9)] == [1] * 7 + [0] * 2


def test_there_is_at_least_one_part(plan):
    with pytest.raises(InvalidValue, match=r"n_parts: 0 must be >= 1"):
        partition(plan, 0)


@given(templates=st.lists(st.integers(0, 1), min_size=1, max_size=40), n_parts=st.integers(1, 12))
def test_every_cell_once_and_loads_within_one_cell(unequal, templates, n_parts):
    net = with_cells(unequal, templates)
    parts = partition(net, n_parts)
    costs = cell_costs(net)
    assert len(parts) == n_parts
    assert all(part.dtype == np.int32 and (np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(templates)))
    loads = [costs[part].sum() for part in parts]
    assert max(loads) - min(loads) <= costs.max()
    assert all(len(part) > 0 for part in parts) == (n_parts <= len(templates))
    assert [part.tolist() for part in parts] == [part.tolist() for part in partition(net, n_parts)]
    assert largest_share(net, n_parts) <= max(loads) / costs.sum() <= 1.0
    assert largest_share(net, n_parts) >= 1.0 / n_parts


def test_the_share_of_the_largest_part_is_told_without_dealing(plan, unequal):
    assert largest_share(plan, 7) == pytest.approx(1 / 7)
    assert largest_share(plan, 4) == pytest.approx(2 / 7)  # seven equal cells: some part has two
    assert largest_share(with_cells(unequal, [0, 1, 0]), 2) == pytest.approx(40 / 56)
