"""Spikes of recorded neurons as a source."""

from __future__ import annotations

import json
import logging

import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.sources.nwb import SpikesFromNWB

GRATINGS_90 = {"interval_name": "drifting_gratings", "orientation": 90}


def trains_of(spikes, population="default"):
    return {node: times.tolist() for node, times in spikes.trains(population).items()}


def units_of(source, nodes=None):
    return [unit.unit_id for unit in source.unit_map(nodes)]


# ------------------------------------------------------------------------------------------------- which units


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({}, {10, 11, 12, 13}),
        ({"quality": "good"}, {10, 11, 13}),
        ({"location": "CA1"}, {10}),
        ({"location": ["CA1", "CA3", "Po"]}, {10, 11}),
        ({"location": ""}, {13}),
        ({"unit_id": [11, 12]}, {11, 12}),
        ({"firing_rate": {"operation": ">", "value": 5.0}}, {12, 13}),
        ({"firing_rate": {"operation": ">=", "value": 5}}, {10, 12, 13}),
        ({"depth": {"operation": "<", "value": 50.0}, "quality": "good"}, {10, 11}),
        ({"quality": {"operation": "!=", "value": "good"}}, {12}),
        (
            {
                "firing_rate": {"operation": ">", "value": 1.0},
                "not too fast": {"operation": "<", "value": 8.0, "column": "firing_rate"},
            },
            {10, 12},
        ),
    ],
)
def test_conditions(session, units, expected):
    assert set(units_of(SpikesFromNWB(files=session(), units=units))) == expected


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ({"location": "CA2"}, "matches no unit of"),
        ({"region": "CA1"}, "'region' is no column"),
        ({"quality": 3}, "can't be compared with a column"),
        ({"firing_rate": "fast"}, "can't be compared with a column of numbers"),
        ({"firing_rate": {"operation": "=>", "value": 1}}, "'=>' is no operation"),
        ({"firing_rate": {"value": 1}}, "must have 'operation' and 'value'"),
        ({"firing_rate": {"operation": ">", "values": 1}}, "'values' is no part of a condition"),
        ({"firing_rate": {"operation": ">", "value": [1, 2]}}, "must be one value for '>'"),
    ],
)
def test_conditions_that_cannot_be_met(session, units, told):
    with pytest.raises(InvalidValue) as caught:
        SpikesFromNWB(files=session(), units=units).spikes()
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------------- which node


def test_each_unit_is_given_once_and_the_seed_decides(session):
    file = session()
    nodes = {"LGN": range(4)}
    maps = {tuple(units_of(SpikesFromNWB(files=file, seed=seed), nodes)) for seed in range(8)}
    assert all(sorted(units) == [10, 11, 12, 13] for units in maps)
    assert len(maps) > 3
    source = SpikesFromNWB(files=file, seed=3)
    assert source.unit_map(nodes) == SpikesFromNWB(files=file, seed=3).unit_map(nodes)
    # further nodes change nothing for the others
    assert source.unit_map({"LGN": range(2)}) == source.unit_map(nodes)[:2]


def test_with_replacement_there_may_be_more_nodes_than_units(session):
    source = SpikesFromNWB(files=session(), units={"quality": "good"}, mapping="sample_with_replacement", seed=1)
    units = units_of(source, {"LGN": range(60)})
    assert set(units) == {10, 11, 13}
    assert units_of(source, {"LGN": range(30, 90)})[:30] == units[30:]


def test_the_map_stands_with_the_spikes(session):
    file = session()
    source = SpikesFromNWB(files=[file], units={"quality": "good"}, seed=5, interval=[0, 1000.0])
    spikes = source.spikes({"LGN": [4, 7]})
    assert spikes.origin["unit_map"] == [
        [u.population, u.node_id, 0, u.unit_id] for u in source.unit_map({"LGN": [4, 7]})
    ]
    assert (spikes.origin["source"], spikes.origin["seed"]) == ("SpikesFromNWB", 5)
    assert spikes.origin["files"] == [str(file)]
    json.dumps(dict(spikes.origin))  # as a result's provenance will have it


def test_fewer_units_than_nodes(session, caplog):
    file = session()
    with pytest.raises(InvalidValue, match="5 are more than the 4 units that match"):
        SpikesFromNWB(files=file).spikes({"LGN": range(5)})
    with caplog.at_level(logging.WARNING):
        spikes = SpikesFromNWB(files=file, missing="silent").spikes({"LGN": range(5)})
    assert "4 units match for 5 nodes: the last 1 are silent" in caplog.text
    assert spikes.nodes["LGN"].tolist() == [0, 1, 2, 3, 4]
    assert [times != [] for times in trains_of(spikes, "LGN").values()] == [True] * 4 + [False]


def test_a_table_says_which(session, tmp_path):
    file = session()
    (tmp_path / "map.csv").write_text("node_ids unit_ids\n0 13\n5 10\n2 13\n")
    source = SpikesFromNWB(files=file, mapping="units_map", units=tmp_path / "map.csv")
    assert trains_of(source.spikes()) == {
        0: [1750.0, 2000.0],
        2: [1750.0, 2000.0],
        5: [500.0, 1250.0, 1500.0, 2750.0, 9000.0],
    }
    assert trains_of(source.spikes({"LGN": [5]}), "LGN") == {5: [500.0, 1250.0, 1500.0, 2750.0, 9000.0]}
    with pytest.raises(InvalidValue, match="has no unit in"):
        source.spikes({"LGN": [5, 6]})


def test_a_table_with_populations_and_windows(session, tmp_path):
    (tmp_path / "map.csv").write_text(
        "unit_ids,node_ids,population,start_times,stop_times\n10,0,a,1000,2000\n10,0,b,2000,9500\n"
    )
    source = SpikesFromNWB(files=session(), mapping="units_map", units=tmp_path / "map.csv", interval=[0, 1])
    spikes = source.spikes()
    assert trains_of(spikes, "a") == {0: [250.0, 500.0]}
    assert trains_of(spikes, "b") == {0: [750.0, 7000.0]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("node unit_ids\n", "line 1: the header has no column 'node_ids'"),
        ("node_ids unit_ids\n0 x\n", "line 2: column 'unit_ids': 'x' is no integer"),
        ("node_ids unit_ids\n-1 10\n", "line 2: column 'node_ids': '-1' must be >= 0"),
        ("node_ids unit_ids\n0\n", "line 2: has 1 columns, the header 2"),
        ("node_ids unit_ids start_times stop_times\n0 10 5 5\n", "5 ms must be before stop_times, 5 ms"),
        ("node_ids unit_ids start_times\n0 10 5\n", "both or none of start_times and stop_times"),
        ("node_ids unit_ids file\n0 10 b.nwb\n", "'b.nwb' is no NWB file"),
    ],
)
def test_tables_with_faults(session, tmp_path, text, told):
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(FileFormatError) as caught:
        SpikesFromNWB(files=session(), mapping="units_map", units=tmp_path / "map.csv").spikes()
    assert told in str(caught.value)
    assert "map.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [("node_ids unit_ids\n0 77\n", "77 is no unit"), ("node_ids unit_ids\n0 10\n0 11\n", "gives one node two units")],
)
def test_tables_that_fit_no_file(session, tmp_path, text, told):
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(InvalidValue, match=told):
        SpikesFromNWB(files=session(), mapping="units_map", units=tmp_path / "map.csv").spikes()


# ------------------------------------------------------------------------------------------------- which time


def test_a_window_in_ms_begins_at_zero(session):
    source = SpikesFromNWB(files=session(), units={"unit_id": 10}, interval=[1250, 2750.0], offset=100.0)
    assert trains_of(source.spikes()) == {0: [100.0, 350.0, 1600.0]}  # both ends are included


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ({**GRATINGS_90, "interval_index": 0}, [0.25, 0.5]),
        ({**GRATINGS_90, "interval_index": 1}, []),
        ({**GRATINGS_90, "interval_index": -1}, [0.25]),
        ({**GRATINGS_90, "temporal_frequency": 4.0, "interval_index": 1}, [0.25]),
        ({"interval_name": "drifting_gratings_presentations", "orientation": [0.0]}, [0.0]),
        ({**GRATINGS_90, "orientation": {"operation": "<", "value": 45}}, [0.0]),
    ],
)
def test_a_window_by_a_table_of_intervals(session, interval, expected):
    source = SpikesFromNWB(files=session(), units={"unit_id": 10}, interval=interval)
    assert trains_of(source.spikes()) == {0: [1000 * t for t in expected]}


def test_from_the_first_to_the_last_interval(session, caplog):
    source = SpikesFromNWB(files=session(), units={"unit_id": 10}, interval=GRATINGS_90)
    with caplog.at_level(logging.WARNING):
        assert trains_of(source.spikes()) == {0: [250.0, 500.0, 1750.0]}
    assert "1 that don't match are included" in caplog.text


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        ({**GRATINGS_90, "orientation": 45.0}, "matches none of the 4 intervals of 'drifting_gratings'"),
        ({"interval_name": "flashes"}, "'flashes' is no table of intervals (has drifting_gratings_presentations)"),
        ({**GRATINGS_90, "contrast": 1.0}, "'contrast' is no column"),
        ({**GRATINGS_90, "interval_index": 3}, "must be 'all' or an index below 3"),
        ({"orientation": 90}, "must have 'interval_name'"),
    ],
)
def test_intervals_that_cannot_be_found(session, interval, told):
    with pytest.raises(InvalidValue) as caught:
        SpikesFromNWB(files=session(), interval=interval).spikes()
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------------- several files


def test_every_file_has_its_window_and_units_of_one_id_differ(session):
    """BMTK windows the first file only, and fails for equal ids."""
    other = ((10, (1.25, 4.0), 1.0, "good", 100),)
    files = [session(), session("b.nwb", other, ((1.0, 2.0, 90.0, "4.0"),))]
    source = SpikesFromNWB(files=files, units={"unit_id": 10}, interval={**GRATINGS_90, "interval_index": 0})
    spikes = source.spikes()
    by_file = {unit.file: unit.node_id for unit in source.unit_map()}
    assert trains_of(spikes) == {by_file[0]: [250.0, 500.0], by_file[1]: [250.0]}
    each = SpikesFromNWB(files=files, units={"unit_id": 10}, interval=[(1000, 2000), (3000, 5000)])
    assert trains_of(each.spikes()) == {by_file[0]: [250.0, 500.0], by_file[1]: [1000.0]}


def test_a_file_without_a_match_is_told(session, caplog):
    files = [session(), session("b.nwb", ((10, (1.0,), 1.0, "noise", 100),))]
    with caplog.at_level(logging.WARNING):
        assert len(SpikesFromNWB(files=files, units={"quality": "good"}).unit_map()) == 3
    assert "no unit of" in caplog.text
    assert "b.nwb" in caplog.text


def test_a_table_names_the_file_where_ids_are_the_same(session, tmp_path):
    files = [session(), session("b.nwb", ((10, (4.0,), 1.0, "good", 100),))]
    (tmp_path / "map.csv").write_text("node_ids unit_ids\n0 10\n")
    source = SpikesFromNWB(files=files, mapping="units_map", units=tmp_path / "map.csv")
    with pytest.raises(InvalidValue, match="in several of the files"):
        source.spikes()
    (tmp_path / "map.csv").write_text("node_ids unit_ids file\n0 10 b.nwb\n1 10 0\n")
    assert trains_of(source.spikes()) == {0: [4000.0], 1: [500.0, 1250.0, 1500.0, 2750.0, 9000.0]}


# ------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"files": []}, InvalidValue, "at least one NWB file"),
        ({"mapping": "random"}, UnknownName, "'random' is no choice"),
        ({"missing": "warn"}, UnknownName, "'warn' is no choice"),
        ({"units": "map.csv"}, InvalidType, "a mapping of conditions"),
        ({"mapping": "units_map"}, InvalidType, "a path of a table"),
        ({"offset": -1.0}, InvalidValue, "offset"),
        ({"interval": [5, 5]}, InvalidValue, "the second after the first"),
        ({"interval": [5]}, InvalidType, "two times"),
        ({"interval": "all"}, InvalidType, "two times"),
        ({"interval": [(0, 1), (0, 1)]}, InvalidValue, "number of files, 1"),
    ],
)
def test_bad_arguments(options, error, told):
    with pytest.raises(error) as caught:
        SpikesFromNWB(**{"files": "a.nwb", **options})
    assert told in str(caught.value)


def test_missing_files(session, tmp_path):
    with pytest.raises(MissingFile):
        SpikesFromNWB(files=tmp_path / "none.nwb").spikes()
    with pytest.raises(MissingFile):
        SpikesFromNWB(files=session(), mapping="units_map", units=tmp_path / "none.csv").spikes()
