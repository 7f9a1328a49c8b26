"""Spikes from files, functions and other simulations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.files import Replay, SpikesFromCSV, SpikesFromSonata
from hnnlib.sources.function import SpikesFromFunction

SPIKES = SpikeData.from_arrays([10.0, 20.0, 5.0], [0, 0, 3], ["LGN", "VISl", "LGN"])


@pytest.fixture(params=[SpikesFromCSV, SpikesFromSonata])
def source(request, tmp_path):
    """Return a function that makes a source of either kind of a file with `SPIKES`."""
    path = tmp_path / "spikes"
    (SPIKES.to_csv if request.param is SpikesFromCSV else SPIKES.to_sonata)(path)
    return lambda **options: request.param(file=path, **options)


def trains_of(spikes, population):
    return {node: times.tolist() for node, times in spikes.trains(population).items()}


# ------------------------------------------------------------------------------------------------- files


def test_all_that_is_there(source):
    assert source().spikes().sort("id") == SPIKES.sort("id")


def test_populations_are_kept_apart(source):
    """BMTK merges them: node 0 would fire at 10 and at 20 ms."""
    spikes = source().spikes({"LGN": range(5)})
    assert spikes.populations == ("LGN",)
    assert trains_of(spikes, "LGN") == {0: [10.0], 1: [], 2: [], 3: [5.0], 4: []}
    both = source().spikes({"VISl": [0], "LGN": {"node_id": [3, 0], "pop_name": ["a", "b"]}})
    assert trains_of(both, "VISl") == {0: [20.0]}
    assert trains_of(both, "LGN") == {0: [10.0], 3: [5.0]}


def test_nodes_out_of_range(source):
    with pytest.raises(InvalidValue, match=r"3 has spikes and is none of the 3 nodes .*\(ids 0 to 2\)"):
        source().spikes({"LGN": range(3)})
    assert trains_of(source(others="ignore").spikes({"LGN": range(2)}), "LGN") == {0: [10.0], 1: []}


def test_unknown_population(source):
    with pytest.raises(
        UnknownName, match=r"'LNG' is no population of these spikes \(has LGN, VISl\); did you mean 'LGN'"
    ):
        source().spikes({"LNG": range(3)})


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([0, 1], "mapping population -> node ids"),
        ({}, "mapping population -> node ids"),
        ({"LGN": [0, 0]}, "nodes['LGN']: 0 is a node id that occurs twice"),
        ({"LGN": [-1]}, "nodes['LGN']: -1 must be a node id >= 0"),
        ({"LGN": {"id": [0]}}, "'node_id' is no column (has id); did you mean"),
    ],
)
def test_nodes_that_are_none(source, nodes, told):
    with pytest.raises(InvalidValue) as caught:
        source().spikes(nodes)
    assert told.removesuffix("; did you mean") in str(caught.value)


def test_where_they_come_from(source):
    made = source()
    origin = made.spikes({"LGN": range(5)}).origin
    assert (origin["source"], origin["file"]) == (type(made).__name__, str(made.file))
    with pytest.raises(UnknownName, match="others"):
        source(others="warn").spikes({"LGN": range(5)})


def test_a_table_without_population_is_of_the_one_that_is_asked_for(tmp_path):
    (tmp_path / "s.csv").write_text("0.010 0\n0.005 3\n")
    source = SpikesFromCSV(file=tmp_path / "s.csv", unit="s")
    assert source.spikes({"LGN": range(4)}) == SpikeData.from_arrays([10.0, 5.0], [0, 3], "LGN")
    assert source.spikes().populations == ("default",)
    assert SpikesFromCSV(file=tmp_path / "s.csv", population="a").spikes().populations == ("a",)


def test_an_empty_file_is_silence(tmp_path):
    (tmp_path / "s.csv").write_text("timestamps population node_ids\n")
    spikes = SpikesFromCSV(file=tmp_path / "s.csv").spikes({"LGN": range(3), "V1": [7]})
    assert (len(spikes), spikes.nodes["V1"].tolist()) == (0, [7])


def test_faults_of_a_file_are_told(tmp_path):
    (tmp_path / "s.csv").write_text("timestamps node_ids\n1 a\n")
    with pytest.raises(FileFormatError, match="line 2: column 2"):
        SpikesFromCSV(file=tmp_path / "s.csv").spikes()


# ------------------------------------------------------------------------------------------------- functions


def test_a_function_is_called_once_a_node():
    seen = []

    def every(node, sim):
        seen.append((node.population_name, node.node_id, dict(node), sim.tstart, sim.tstop, sim.dt))
        if node["pop_name"] == "silent":
            return []
        return np.arange(sim.tstop, sim.tstart, -40.0) + node.node_id  # backwards

    nodes = {"LGN": {"node_id": [3, 5], "pop_name": ["fast", "silent"]}}
    spikes = SpikesFromFunction(every, tstop=100.0, dt=0.1).spikes(nodes)
    assert trains_of(spikes, "LGN") == {3: [23.0, 63.0, 103.0], 5: []}
    expected = {"node_id": 3, "pop_name": "fast", "population": "LGN"}
    assert seen[0] == ("LGN", 3, expected, 0.0, 100.0, 0.1)
    assert len(seen) == 2
    assert spikes.origin["source"] == "SpikesFromFunction"
    assert "every" in spikes.origin["function"]
    json.dumps(dict(spikes.origin))


@pytest.mark.parametrize(
    ("returned", "error", "told"),
    [
        (None, InvalidType, "must return a list of spike times (ms); [] for none"),
        (5.0, InvalidType, "must return a flat list"),
        ("abc", InvalidType, "must return a flat list"),
        ([[1.0], [2.0, 3.0]], InvalidType, "must return a flat list"),
        ([1.0, -2.0], InvalidValue, "-2.0 must return finite times >= 0 ms"),
        ([np.nan], InvalidValue, "nan must return finite times"),
    ],
)
def test_what_a_function_may_not_return(returned, error, told):
    def mine(node, sim):
        return returned

    with pytest.raises(error) as caught:
        SpikesFromFunction(mine, tstop=10.0).spikes({"LGN": [4]})
    assert told in str(caught.value)
    assert "mine(LGN 4)" in str(caught.value)


def test_a_function_needs_nodes():
    with pytest.raises(InvalidType, match="does not tell for which nodes"):
        SpikesFromFunction(lambda node, sim: [], tstop=10.0).spikes()
    with pytest.raises(InvalidType, match="must be a function of node and sim"):
        SpikesFromFunction("f", tstop=10.0).spikes({"LGN": [0]})
    with pytest.raises(InvalidValue, match="must be 2, one a node"):
        SpikesFromFunction(lambda node, sim: [], tstop=10.0).spikes({"LGN": {"node_id": [0, 1], "x": [1]}})


# ------------------------------------------------------------------------------------------------- replay


@pytest.fixture
def result() -> Result:
    ranges = {"L2": range(0, 2), "L5": range(2, 5), "drive": range(5, 7)}
    response = CellResponse(
        ("L2", "L5"), [[1.0, 2.0, 2.5], [0.5]], [[4, 0, 6], [3]], [["L5", "L2", "drive"], ["L5"]], gid_ranges=ranges
    )
    return Result(dipoles=(), cell_response=response, provenance={"seed": 3, "digest": "abc", "network": {}})


def test_cells_of_a_simulation_fire_again(result):
    spikes = Replay(result).spikes()
    assert spikes.populations == ("L2", "L5")
    assert trains_of(spikes, "L5") == {0: [], 1: [], 2: [1.0]}
    assert trains_of(Replay(result, trial=1).spikes(), "L5") == {0: [], 1: [0.5], 2: []}
    assert trains_of(Replay(result.cell_response, "drive").spikes(), "drive") == {0: [], 1: [2.5]}
    assert trains_of(Replay(result).spikes({"L5": [2, 1]}), "L5") == {1: [], 2: [1.0]}
    assert dict(spikes.origin) == {"source": "Replay", "trial": 0, "seed": 3, "digest": "abc"}


def test_spikes_fire_again(result):
    spikes = SpikeData.from_cell_response(result.cell_response)
    assert trains_of(Replay(spikes, "L2").spikes(), "L2") == {0: [2.0], 1: []}


def test_what_cannot_be_replayed(result):
    with pytest.raises(InvalidValue, match="one of the 2 trials"):
        Replay(result, trial=2).spikes()
    with pytest.raises(UnknownName, match="L4"):
        Replay(result, "L4").spikes()
    with pytest.raises(InvalidValue, match="node_ids: 3 is none of the 3 nodes of 'L5'"):
        Replay(result).spikes({"L5": [3]})
    with pytest.raises(InvalidType, match="must be a Result"):
        Replay([1.0]).spikes()
