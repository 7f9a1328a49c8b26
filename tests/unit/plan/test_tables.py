"""Tables of a plan: offsets, rows, what can act, digests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.plan.tables import Edges, Events, Plan, Run, digest_of


def test_offsets_run_over_cells(plan):
    assert [t.n_segments for t in plan.templates] == [4, 4]
    assert plan.segment_offset.tolist() == [0, 4, 8, 12, 16, 20, 24, 28]
    assert [t.n_sites for t in plan.templates] == [3, 3]
    assert plan.site_offset.tolist() == [0, 3, 6, 9, 12, 15, 18, 21]


def test_numbers_of_cells_and_gids(plan):
    assert (plan.n_cells, plan.n_gids) == (7, 14)
    assert plan.populations.gid_ranges == {"left": range(4), "right": range(4, 7), "d": range(7, 14)}


def test_events_of_a_drive_cell():
    events = Events(time_ms=np.array([1.0, 2.0, 3.0]), offset=np.array([0, 1, 1, 3]))
    assert [events.of(k).tolist() for k in range(3)] == [[1.0], [], [2.0, 3.0]]


def test_the_number_of_steps_is_rounded():
    assert Run(tstop_ms=0.3, dt_ms=0.1, n_trials=1, celsius=37.0).n_steps == 3
    assert Run(tstop_ms=170.0, dt_ms=0.025, n_trials=1, celsius=37.0).n_steps == 6800


@pytest.mark.parametrize(("section", "segment"), [(0, 0), (1, 2)])
def test_the_middle_of_a_section(plan, section, segment):
    assert plan.templates[0].sections.middle_segment(section) == segment


def test_the_middle_of_an_even_number_of_segments(plan):
    """NEURON's segment at 0.5 of an even number is the one beyond the middle."""
    sections = attrs.evolve(plan.templates[0].sections, nseg=np.array([1, 4], np.int32))
    assert sections.middle_segment(1) == 1 + 2


def edges_with(**columns: Any) -> Edges:
    n = len(next(iter(columns.values())))
    given = {
        "source_gid": np.zeros(n, np.int32),
        "target_gid": np.zeros(n, np.int32),
        "site": np.zeros(n, np.int16),
        "weight": np.ones(n),
        "delay_ms": np.ones(n),
        "connection": np.zeros(n, np.int16),
        "connection_labels": ("c",),
    }
    return Edges(**{**given, **{name: np.asarray(column) for name, column in columns.items()}})


def test_edges_that_can_act(plan):
    step, tstop = plan.run.dt_ms, plan.run.tstop_ms
    delays = [0.0, tstop, tstop + step, tstop + 2 * step, np.inf, 1.0]
    weights = [1.0, 1e-300, 1.0, 1.0, 1.0, 0.0]
    plan = attrs.evolve(plan, edges=edges_with(weight=weights, delay_ms=delays))
    assert plan.live_edges().tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True, False])])
def test_taking_some_edges(rows):
    edges = edges_with(delay_ms=np.arange(4.0), weight=np.arange(4.0) * 10)
    taken = edges.take(rows)
    assert len(taken) == 2
    assert taken.delay_ms.tolist() == edges.delay_ms[rows].tolist()
    assert taken.weight.tolist() == edges.weight[rows].tolist()
    assert taken.connection_labels == ("c",)
    assert len(edges) == 4


def test_size_of_edges(plan):
    assert plan.edges.nbytes == len(plan.edges) * (4 + 4 + 2 + 8 + 8 + 2)


# ------------------------------------------------------------------------------------------------ digests


def arrays_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every array with elements: names of fields, keys and positions."""
    if isinstance(value, np.ndarray):
        if value.size:
            yield path
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from arrays_in(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from arrays_in(item, (*path, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from arrays_in(item, (*path, i))


def array_at(value: Any, path: tuple[Any, ...]) -> np.ndarray:
    for part in path:
        value = value[part] if isinstance(value, dict | tuple) else getattr(value, part)
    return value


def test_equal_contents_have_equal_digests(plan):
    assert digest_of(copy.deepcopy(plan)) == digest_of(plan)


def test_every_array_counts(plan):
    paths = list(arrays_in(plan))
    assert len(paths) > 60, "the plan of this test has rows in every table"
    first = digest_of(plan)
    for path in paths:
        changed: Plan = copy.deepcopy(plan)
        array = array_at(changed, path)
        array.flat[-1] = not array.flat[-1] if array.dtype == bool else array.flat[-1] + 1
        if np.array_equal(array, array_at(plan, path), equal_nan=True):
            array.flat[-1] = 0  # NaN + 1 is NaN, infinity + 1 infinity
        assert digest_of(changed) != first, path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 12), (11, 2)),
        ((1.0, 12.0), (1.01, 2.0)),
        (((1,), 2), ((1, 2),)),
        (("a", "bc"), ("ab", "c")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 12}, {11: 2}),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2), np.zeros(2, np.int64)),
        (np.array([0.0]), np.array([-0.0])),
        (None, "None"),
        (True, 1),
    ],
)
def test_different_values_have_different_digests(one, other):
    assert digest_of(one) != digest_of(other)


def test_the_memory_layout_of_an_array_does_not_count():
    array = np.arange(12.0).reshape(3, 4)
    assert digest_of(array) == digest_of(np.asfortranarray(array)) == digest_of(np.tile(array, 2)[:, :4])
