"""Spikes as a value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result, read_result
from hnnlib.results.spike_data import SpikeData

TRAINS = {"LGN": {0: [5.0, 1.0], 3: [2.0], 4: []}, "V1": {0: [1.0], 1: []}}


@pytest.fixture
def spikes() -> SpikeData:
    return SpikeData.from_trains(TRAINS, origin={"seed": 3})


@pytest.fixture
def trials() -> SpikeData:
    return SpikeData([3.0, 1.0, 2.0, 2.5], [0, 1, 1, 0], [0, 0, 1, 1], ("a", "b"), trials=[1, 0, 1, 1], n_trials=4)


def spike_lists():
    row = st.tuples(st.floats(0, 100), st.integers(0, 5), st.sampled_from(["a", "b", "c"]))
    return st.lists(row, max_size=30)


def of_rows(rows):
    times, ids, names = zip(*rows, strict=True) if rows else ([], [], [])
    return SpikeData.from_arrays(list(times), list(ids), list(names))


def rows_of(spikes):
    return list(
        zip(spikes.times.tolist(), spikes.node_ids.tolist(), spikes.population_of_spikes().tolist(), strict=True)
    )


# ------------------------------------------------------------------------------------------------- making


def test_trains_become_columns(spikes):
    assert rows_of(spikes) == [(5.0, 0, "LGN"), (1.0, 0, "LGN"), (2.0, 3, "LGN"), (1.0, 0, "V1")]
    assert {name: ids.tolist() for name, ids in spikes.nodes.items()} == {"LGN": [0, 3, 4], "V1": [0, 1]}
    assert spikes.origin["seed"] == 3
    assert len(spikes) == 4


def test_one_population_for_all_or_one_a_spike():
    one = SpikeData.from_arrays([1, 2], [0, 1], "a")
    assert one.populations == ("a",)
    assert one.times.dtype == np.float64
    assert one == SpikeData.from_arrays([1.0, 2.0], [0, 1], ["a", "a"])


def test_nothing_is_a_value_too():
    none = SpikeData.from_arrays([], [])
    assert (len(none), none.n_trials) == (0, 1)
    assert none == SpikeData.from_trains({}) == none.sort("id").sort() == none.merge(none)
    assert SpikeData.from_trains({}).rates(0, 1) == {}
    assert none.trains() == {}


def test_columns_cannot_be_written(spikes):
    with pytest.raises(ValueError, match="read-only"):
        spikes.times[0] = 1.0
    with pytest.raises(AttributeError):
        spikes.times = np.zeros(4)


@pytest.mark.parametrize(
    ("make", "path", "told"),
    [
        (lambda: SpikeData.from_arrays([1.0, np.nan], [0, 0]), "times[1]", "finite time >= 0 ms"),
        (lambda: SpikeData.from_arrays([-1e-9], [0]), "times[0]", "finite time >= 0 ms"),
        (lambda: SpikeData.from_arrays([np.inf], [0]), "times[0]", "finite time >= 0 ms"),
        (lambda: SpikeData.from_arrays(["1"], [0]), "times", "flat list of times in ms"),
        (lambda: SpikeData.from_arrays([[1.0]], [0]), "times", "flat list of times in ms"),
        (lambda: SpikeData.from_arrays([[1.0], [1.0, 2.0]], [0]), "times", "flat list of times in ms"),
        (lambda: SpikeData.from_arrays([1.0], [0, 1]), "len(node_ids)", "must be that of times, 1"),
        (lambda: SpikeData.from_arrays([1.0], [0.0]), "node_ids", "flat list of integers"),
        (lambda: SpikeData.from_arrays([1.0], [-1]), "node_ids[0]", ">= 0"),
        (lambda: SpikeData.from_arrays([1.0], np.array([2**63], np.uint64)), "node_ids", "< 2**63"),
        (lambda: SpikeData.from_arrays([1.0], [0], ["a", "b"]), "len(codes)", "must be that of times, 1"),
        (lambda: SpikeData.from_arrays([1.0], [0], ""), "populations", "names that are not empty"),
        (lambda: SpikeData([1.0], [0], [1], ("a",)), "codes[0]", ">= 0 and < 1"),
        (lambda: SpikeData([], [], [], ("a", "a")), "populations", "each be another name"),
        (lambda: SpikeData.from_arrays([1.0], [0], trials=[-1]), "trials[0]", ">= 0"),
        (lambda: SpikeData.from_arrays([1.0], [0], trials=[2], n_trials=2), "trials[0]", ">= 0 and < 2"),
        (lambda: SpikeData.from_arrays([1.0], [0], n_trials=0), "n_trials", "integer >= 1"),
        (
            lambda: SpikeData.from_arrays([1.0], [7], node_sets={"default": range(5)}),
            "node_ids",
            "the 5 nodes of 'default', ids",
        ),
        (lambda: SpikeData.from_arrays([], [], node_sets={"default": [1, 1]}), "nodes['default']", "occurs twice"),
        (lambda: SpikeData.from_arrays([], [], node_sets={"default": [-1]}), "nodes['default']", "node id >= 0"),
        (lambda: SpikeData([], [], [], ("a",), node_sets={"b": []}), "node_sets", "is no population"),
        (lambda: SpikeData.from_trains([1.0]), "trains", "population -> node id -> times"),
        (lambda: SpikeData.from_trains({"a": {0: ["x"]}}), "trains['a'][0]", "flat list of times in ms"),
    ],
)
def test_bad_columns(make, path, told):
    with pytest.raises(InvalidValue) as caught:
        make()
    assert path in caught.value.path
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------------- select and sort


def test_select_by_population_node_and_window(spikes):
    assert rows_of(spikes.select("LGN", t0=1.0, t1=5.0)) == [(1.0, 0, "LGN"), (2.0, 3, "LGN")]
    chosen = spikes.select(node_ids=[0])
    assert rows_of(chosen) == [(5.0, 0, "LGN"), (1.0, 0, "LGN"), (1.0, 0, "V1")]
    assert {name: ids.tolist() for name, ids in chosen.nodes.items()} == {"LGN": [0], "V1": [0]}
    assert spikes.select(["V1", "LGN"]).populations == ("V1", "LGN")
    assert spikes.select([]).populations == ()
    assert spikes.select("V1").origin == spikes.origin


def test_select_a_trial(trials):
    assert rows_of(trials.select(trial=1)) == [(3.0, 0, "a"), (2.0, 1, "b"), (2.5, 0, "b")]
    assert len(trials.select(trial=3)) == 0
    assert trials.select(trial=1).n_trials == 1
    assert trials.select("b").n_trials == 4
    assert [len(part) for part in trials.by_trial()] == [1, 3, 0, 0]
    assert list(trials.by_trial()) == [trials.select(trial=k) for k in range(4)]


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ({"population": "LNG"}, "is no population of these spikes (has LGN, V1); did you mean 'LGN'?"),
        ({"population": "LGN", "node_ids": [3, 9]}, "node_ids: 9 is none of the 3 nodes of 'LGN', ids 0 to 4"),
        ({"node_ids": 1.5}, "node_ids: 1.5 must be a flat list"),
        ({"t0": 3.0, "t1": 3.0}, "t1: 3.0 must be > t0, 3 ms"),
        ({"trial": 1}, "trial: 1 must be one of the 1 trials"),
        ({"trial": True}, "trial: True must be one of the 1 trials"),
    ],
)
def test_what_is_not_there_cannot_be_selected(spikes, select, told):
    with pytest.raises(InvalidValue) as caught:
        spikes.select(**select)
    assert told in str(caught.value)


@given(spike_lists())
def test_sorting(rows):
    spikes = of_rows(rows)
    assert rows_of(spikes.sort(None)) == rows
    assert rows_of(spikes.sort("time")) == sorted(rows, key=lambda row: row[0])
    assert rows_of(spikes.sort("id")) == sorted(rows, key=lambda row: (row[2], row[1], row[0]))


def test_sorting_keeps_trials_together(trials):
    assert rows_of(trials.sort("time")) == [(1.0, 1, "a"), (2.0, 1, "b"), (2.5, 0, "b"), (3.0, 0, "a")]
    assert trials.sort("time").trials.tolist() == [0, 1, 1, 1]
    assert rows_of(trials.sort("id")) == [(1.0, 1, "a"), (3.0, 0, "a"), (2.5, 0, "b"), (2.0, 1, "b")]
    with pytest.raises(UnknownName, match="by_time"):
        trials.sort("by_time")


@given(spike_lists(), spike_lists())
def test_merge_and_take_apart(one, other):
    merged = of_rows(one).merge(of_rows(other))
    assert rows_of(merged) == one + other
    for name in merged.populations:
        trains = merged.trains(name)
        assert list(trains) == sorted({node for _, node, p in one + other if p == name})
        for node, times in trains.items():
            assert times.tolist() == sorted(t for t, n, p in one + other if (n, p) == (node, name))


def test_merge_keeps_what_is_known(spikes, trials):
    more = SpikeData.from_trains({"V1": {7: [1.0]}, "new": {0: []}})
    merged = spikes.merge(more)
    assert {name: ids.tolist() for name, ids in merged.node_sets.items()} == {
        "LGN": [0, 3, 4],
        "V1": [0, 1, 7],
        "new": [0],
    }
    assert merged.origin["merged"][0] == {"seed": 3}
    assert trials.merge(trials).trials.tolist() == [1, 0, 1, 1, 1, 0, 1, 1]
    with pytest.raises(InvalidValue, match="must be 1, as in the first"):
        spikes.merge(trials)


# ------------------------------------------------------------------------------------------------- trains and rates


def test_trains_have_silent_nodes(spikes):
    trains = spikes.trains("LGN")
    assert {node: times.tolist() for node, times in trains.items()} == {0: [1.0, 5.0], 3: [2.0], 4: []}


def test_trains_need_one_population_and_trial(spikes, trials):
    with pytest.raises(InvalidValue, match="must be one of LGN, V1"):
        spikes.trains()
    with pytest.raises(InvalidValue, match="one of the 4 trials"):
        trials.trains("a")
    assert {n: t.tolist() for n, t in trials.trains("b", trial=1).items()} == {0: [2.5], 1: [2.0]}


def test_rates_of_a_window(spikes, trials):
    assert spikes.rates(1.0, 5.0) == {"LGN": {0: 250.0, 3: 250.0, 4: 0.0}, "V1": {0: 250.0, 1: 0.0}}
    assert spikes.rates(1.0, 5.0, population="LGN", include_silent=False) == {"LGN": {0: 250.0, 3: 250.0}}
    # the mean over four trials
    assert trials.rates(0, 1000)["b"] == {0: 0.25, 1: 0.25}
    with pytest.raises(InvalidValue, match="must be > tstart"):
        spikes.rates(5.0, 5.0)


def test_equality_is_of_the_spikes(spikes, trials):
    assert spikes == SpikeData.from_arrays([5, 1, 2, 1], [0, 0, 3, 0], ["LGN"] * 3 + ["V1"])
    assert spikes != spikes.sort("time")
    assert spikes != SpikeData.from_arrays([5, 1, 2, 1], [0, 0, 3, 0], "LGN")
    assert trials != SpikeData(trials.times, trials.node_ids, trials.codes, ("a", "b"))
    assert trials != SpikeData(trials.times, trials.node_ids, trials.codes, ("a", "b"), trials=[0, 0, 1, 1], n_trials=4)
    assert spikes != "spikes"


# ------------------------------------------------------------------------------------------------- simulations


RANGES = {"L2": range(0, 2), "none": range(2, 2), "L5": range(2, 5), "drive": range(5, 7)}


@pytest.fixture
def response() -> CellResponse:
    return CellResponse(
        ("L2", "L5"),
        [[1.0, 2.0, 2.5], [0.5]],
        [[4, 0, 6], [5]],
        [["L5", "L2", "drive"], ["drive"]],
        gid_ranges=RANGES,
    )


def test_gids_become_population_and_node(response):
    spikes = SpikeData.from_cell_response(response)
    assert rows_of(spikes) == [(1.0, 2, "L5"), (2.0, 0, "L2"), (2.5, 1, "drive"), (0.5, 0, "drive")]
    assert spikes.trials.tolist() == [0, 0, 0, 1]
    assert {name: ids.tolist() for name, ids in spikes.nodes.items()} == {
        "L2": [0, 1],
        "none": [],
        "L5": [0, 1, 2],
        "drive": [0, 1],
    }
    one = SpikeData.from_cell_response(response, trial=0, populations=["L5", "L2"])
    assert rows_of(one) == [(1.0, 2, "L5"), (2.0, 0, "L2")]
    assert (one.trials, one.n_trials) == (None, 1)


def test_a_response_without_spikes():
    response = CellResponse(("L2",), [[]], [[]], [[]], gid_ranges=RANGES)
    assert len(SpikeData.from_cell_response(response)) == 0


def test_where_spikes_come_from_is_plain_data():
    given = {
        "seed": np.int64(3),
        "ids": np.arange(2),
        "deep": {"file": Path("a.csv"), "window": (0.0, np.float32(1.5))},
    }
    origin = SpikeData.from_arrays([1.0], [0], origin=given).origin
    expected = {"seed": 3, "ids": [0, 1], "deep": {"file": "a.csv", "window": [0.0, 1.5]}}
    assert json.loads(json.dumps(dict(origin))) == expected
    with pytest.raises(InvalidType, match="origin"):
        SpikeData.from_arrays([1.0], [0], origin="a.csv")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"gid_ranges": {"L2": range(0, 2)}}, "gid: 4 is in none of gid_ranges"),
        ({"gid_ranges": {"L2": range(0, 8), "L5": range(7, 9)}}, "must not overlap"),
        ({"gid_ranges": {"L2": [0, 1]}}, "must be a range with step 1"),
        ({"populations": "L4"}, "'L4' is no population"),
        ({"trial": 2}, "one of the 2 trials"),
    ],
)
def test_what_a_response_cannot_give(response, options, told):
    with pytest.raises(InvalidValue, match=told):
        SpikeData.from_cell_response(response, **options)


def test_a_response_that_does_not_know_its_gids():
    response = CellResponse(None, [[1.0]], [[0]])
    with pytest.raises(InvalidValue, match="don't know the gids"):
        SpikeData.from_cell_response(response)
    assert len(SpikeData.from_cell_response(response, gid_ranges={"a": range(3)})) == 1


def test_types_are_told_apart():
    with pytest.raises(InvalidType):
        SpikeData.from_arrays([1.0], ["a"])


def test_gids_of_cell_types_are_kept_in_a_result(tmp_path, response):
    result = Result(dipoles=(), cell_response=response)
    result.write(tmp_path / "result.h5")
    back = read_result(tmp_path / "result.h5").cell_response
    assert back.gid_ranges == RANGES
    assert list(back.gid_ranges) == list(RANGES)
    assert SpikeData.from_cell_response(back) == SpikeData.from_cell_response(response)
