"""`CellResponse` and its recordings."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.traces import Traces

TYPES = ["L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal"]
TIMES = [[2.3456, 7.89], [4.2812, 93.2]]
GIDS = [[1, 3], [5, 7]]
SPIKE_TYPES = [["L2_basket", "L2_pyramidal"], ["L5_basket", "L5_pyramidal"]]
RANGES = {"L2_basket": range(1, 2), "L2_pyramidal": range(3, 4), "L5_basket": range(5, 6), "L5_pyramidal": range(7, 8)}


@pytest.fixture
def response() -> CellResponse:
    return CellResponse(TYPES, TIMES, GIDS, SPIKE_TYPES, np.arange(0, 100, 0.025))


def test_what_was_put_in_comes_out(response):
    assert response.n_trials == 2
    assert [t.tolist() for t in response.spike_times] == TIMES
    assert [g.tolist() for g in response.spike_gids] == GIDS
    assert [t.tolist() for t in response.spike_types] == SPIKE_TYPES
    assert response.cell_types == TYPES
    by_type = response.spike_times_by_type
    assert [t.tolist() for t in by_type["L2_basket"]] == [[2.3456], []]
    assert [t.tolist() for t in by_type["L5_pyramidal"]] == [[], [93.2]]
    assert repr(response) == "<CellResponse | 2 simulation trials>"
    assert response.to_dict()["spike_gids"] == GIDS
    assert CellResponse().n_trials == 0


def test_spikes_are_read_only(response):
    with pytest.raises(ValueError, match="read-only"):
        response.spike_times[0][0] = 1.0
    response.spike_gids.clear()
    assert response.n_trials == len(response.spike_gids)


def test_mean_rates(response):
    rate = 1000 / 98.3
    assert response.mean_rates(0.1, 98.4, RANGES) == pytest.approx(dict.fromkeys(TYPES, rate / 2))
    by_trial = response.mean_rates(0.1, 98.4, RANGES, mean_type="trial")
    by_cell = response.mean_rates(0.1, 98.4, RANGES, mean_type="cell")
    for name in TYPES:
        expected = [rate, 0.0] if name.startswith("L2") else [0.0, rate]
        assert by_trial[name] == pytest.approx(expected)
        assert np.ravel(by_cell[name]) == pytest.approx(expected)
        assert np.shape(by_cell[name]) == (2, 1)


def test_mean_rates_count_only_the_window(response):
    # HNN-core 0.6.1 ignores its window: here it would give 50 Hz for L5_pyramidal.
    rates = response.mean_rates(0.0, 10.0, RANGES)
    assert rates == pytest.approx({"L2_basket": 50, "L2_pyramidal": 50, "L5_basket": 50, "L5_pyramidal": 0})
    assert response.mean_rates(2.3456, 7.89, RANGES)["L2_basket"] > 0
    assert response.mean_rates(2.3456, 7.89, RANGES)["L2_pyramidal"] == 0


def test_mean_rates_of_silent_and_empty_types(response):
    ranges = {**RANGES, "L2_basket": range(50, 60), "L5_basket": range(0), "evprox1": range(70, 80)}
    rates = response.mean_rates(0, 100, ranges)
    assert rates["L2_basket"] == rates["L5_basket"] == 0.0
    assert "evprox1" not in rates


def test_mean_rates_where_types_are_not_known():
    response = CellResponse(None, TIMES, GIDS)
    assert set(response.mean_rates(0, 100, RANGES)) == set(RANGES)
    assert CellResponse().mean_rates(0, 100, RANGES) == dict.fromkeys(RANGES, 0.0)


def test_mean_rates_errors(response):
    for tstop in (5.0, 4.0):
        with pytest.raises(ValueError, match="must be > tstart, 5 ms"):
            response.mean_rates(5.0, tstop, RANGES)
    with pytest.raises(UnknownName, match="did you mean 'trial'"):
        response.mean_rates(0, 10, RANGES, mean_type="trials")


def test_update_types():
    response = CellResponse(TYPES, TIMES, GIDS)
    assert response.cell_types == []
    response.update_types(RANGES)
    assert [t.tolist() for t in response.spike_types] == SPIKE_TYPES
    response.update_types({"a": [7, 1], "a_longer_name": {3}})
    assert [t.tolist() for t in response.spike_types] == [["a", "a_longer_name"], ["", "a"]]


def test_update_types_of_overlapping_ranges(response):
    with pytest.raises(ValueError, match=r"gid_ranges\['b'\]: 4 is a cell of 'a' too"):
        response.update_types({"a": range(5), "b": range(4, 8)})
    assert response.cell_types == TYPES


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"spike_times": "abc"}, InvalidType, "spike_times"),
        ({"spike_times": [1.0, 2.0]}, InvalidType, r"spike_times\[0\]: 1.0 must be a list"),
        ({"spike_times": [["a"]]}, InvalidType, "times in ms"),
        ({"spike_gids": [[1, 2.5], [5, 7]]}, InvalidType, r"spike_gids\[0\]: .* integers"),
        ({"spike_types": [[1, 2], [3, 4]]}, InvalidType, r"spike_types\[0\]: .* names"),
        ({"spike_gids": [[1, 3]]}, InvalidValue, r"len\(spike_gids\): 1 must be .* 2"),
        ({"spike_gids": [[1], [5, 7]]}, InvalidValue, r"len\(spike_gids\[0\]\): 1 must be .* 2"),
        ({"spike_types": [["a"], ["b", "c"]]}, InvalidValue, r"len\(spike_types\[0\]\)"),
        ({"cell_type_names": "L2_basket"}, InvalidType, "cell_type_names"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    valid = {"cell_type_names": TYPES, "spike_times": TIMES, "spike_gids": GIDS, "spike_types": SPIKE_TYPES}
    with pytest.raises(error, match=message):
        CellResponse(**{**valid, **arguments})


def test_equality_to_three_decimals(response):
    def with_times(times):
        return CellResponse(TYPES, times, GIDS, SPIKE_TYPES)

    assert response == with_times([[2.346, 7.89], [4.281, 93.2]])
    assert response != with_times([[2.347, 7.89], [4.281, 93.2]])
    assert response != CellResponse(TYPES, TIMES, [[1, 4], [5, 7]], SPIKE_TYPES)
    assert response != CellResponse(TYPES, TIMES, GIDS)
    assert response != CellResponse(TYPES, TIMES[:1], GIDS[:1], SPIKE_TYPES[:1])
    assert response != "spikes"


def test_empty_trials():
    response = CellResponse(TYPES, [[], []], [[], []], [[], []])
    assert response.n_trials == 2
    assert response.spike_times_by_type == {}
    assert response.spike_gids[0].dtype == np.int64
    assert response == pickle.loads(pickle.dumps(response))


# ------------------------------------------------------------------------------------------------- recordings

SAMPLES = np.arange(5) * 0.5


def voltages(n_trials: int = 2) -> Traces:
    data = np.arange(n_trials * 3 * 5, dtype=np.float32).reshape(n_trials, 3, 5)
    return Traces("v", "mV", SAMPLES, [10, 10, 12], ["soma", "apical_tuft", "soma"], None, data)


def currents() -> Traces:
    data = np.arange(2 * 3 * 5.0).reshape(2, 3, 5)
    return Traces("i", "nA", SAMPLES, [10, 10, 12], ["soma"] * 3, ["gabaa", "gabab", "gabaa"], data)


def test_recordings_look_like_nested_mappings():
    response = CellResponse(TYPES, TIMES, GIDS, SPIKE_TYPES, vsec=voltages(), isec=currents())
    assert list(response.vsec[0]) == [10, 12]
    assert set(response.vsec[1][10]) == {"soma", "apical_tuft"}
    np.testing.assert_array_equal(response.vsec[1][10]["apical_tuft"], [20, 21, 22, 23, 24])
    np.testing.assert_array_equal(response.isec[0][12]["soma"]["soma_gabaa"], [10, 11, 12, 13, 14])
    assert list(response.isec[0][10]["soma"]) == ["soma_gabaa", "soma_gabab"]
    assert isinstance(response.vsec[0][10], Mapping)
    assert 11 not in response.vsec[0]
    assert [dict(trial) for trial in response.ca] == [{}, {}]
    assert repr(response.vsec[0]) == "<TraceMap | 2 entries: 10, 12>"
    with pytest.raises(KeyError, match="11"):
        response.vsec[0][11]


def test_recordings_are_not_copied_and_can_not_be_changed():
    data = np.zeros((1, 1, 5))
    traces = Traces("v", "mV", SAMPLES, [0], ["soma"], None, data)
    assert np.shares_memory(traces.data, data)
    with pytest.raises(ValueError, match="read-only"):
        traces.by_trial[0][0]["soma"][0] = 1
    assert data.flags.writeable


def test_traces_equality_pickle_repr():
    assert voltages() == voltages() == pickle.loads(pickle.dumps(voltages()))
    assert voltages() != currents()
    assert voltages() != "traces"
    changed = np.array(voltages().data)
    changed[0, 0, 0] += 1
    assert voltages() != Traces("v", "mV", SAMPLES, [10, 10, 12], ["soma", "apical_tuft", "soma"], None, changed)
    assert repr(voltages()) == "<Traces | v (mV), 2 trials, 3 rows, 5 samples>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": np.zeros((3, 5))}, r"data.shape: \(3, 5\) must be \(n_trials, 3, 5\)"),
        ({"data": np.zeros((2, 3, 4))}, "data.shape"),
        ({"sections": ["soma"]}, r"len\(sections\): 1 must be that of gids, 3"),
        ({"receptors": ["ampa"]}, r"len\(receptors\)"),
        ({"gids": [10, 10, 10], "sections": ["soma"] * 3}, "must each be another"),
        ({"gids": ["a", "b", "c"]}, "gids"),
        ({"sections": "abc"}, "sections"),
        ({"times": np.zeros((5, 1))}, "times.shape"),
    ],
)
def test_traces_that_do_not_fit(arguments, message):
    valid = {
        "quantity": "v",
        "unit": "mV",
        "times": SAMPLES,
        "gids": [10, 10, 12],
        "sections": ["soma", "apical_tuft", "soma"],
        "receptors": None,
        "data": np.zeros((2, 3, 5)),
    }
    with pytest.raises(InvalidValue, match=message):
        Traces(**{**valid, **arguments})


def test_recordings_of_other_trials_are_refused():
    with pytest.raises(InvalidValue, match=r"vsec.n_trials: 3 must be that of the spikes, 2"):
        CellResponse(TYPES, TIMES, GIDS, SPIKE_TYPES, vsec=voltages(3))
