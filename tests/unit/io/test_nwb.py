"""Spikes in NWB files."""

from __future__ import annotations

import datetime
import sys

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, MissingFile, MissingPackage, OutputExists
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.spike_data import SpikeData


@pytest.fixture
def pynwb():
    return pytest.importorskip("pynwb")


@pytest.fixture
def spikes() -> SpikeData:
    return SpikeData.from_trains({"LGN": {0: [5.0, 1.0], 3: [2.0], 4: []}, "V1": {0: [1.0]}})


def sorted_rows(spikes):
    found = spikes.sort("id")
    return found.node_ids.tolist(), found.population_of_spikes().tolist(), found.times


def same(one, other):
    """Whether the spikes are the same; seconds round the times."""
    (ids, names, times), (other_ids, other_names, other_times) = sorted_rows(one), sorted_rows(other)
    np.testing.assert_allclose(times, other_times, rtol=1e-14)
    return ids == other_ids and names == other_names and one.n_trials == other.n_trials


def write_units(pynwb, path, trains, **columns):
    """Write units as another program would."""
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    file = pynwb.NWBFile(session_description="a session", identifier="1", session_start_time=start)
    for name in columns:
        file.add_unit_column(name, name)
    for row, train in enumerate(trains):
        file.add_unit(spike_times=train, **{name: values[row] for name, values in columns.items()})
    with pynwb.NWBHDF5IO(str(path), "w") as writer:
        writer.write(file)
    return path


def test_pynwb_reads_what_is_written(tmp_path, pynwb, spikes):
    start = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    spikes.to_nwb(tmp_path / "spikes.nwb", session_description="a column", identifier="x", session_start_time=start)
    with pynwb.NWBHDF5IO(str(tmp_path / "spikes.nwb"), "r") as reader:
        file = reader.read()
        assert (file.session_description, file.identifier, file.session_start_time) == ("a column", "x", start)
        units = file.units
        assert units["population"][:].tolist() == ["LGN", "LGN", "LGN", "V1"]
        assert units["node_id"][:].tolist() == [0, 3, 4, 0]
        assert [units.get_unit_spike_times(i).tolist() for i in range(4)] == [[0.001, 0.005], [0.002], [], [0.001]]
    assert pynwb.validate(path=str(tmp_path / "spikes.nwb")) in ([], ([], 0))


def test_round_trip(tmp_path, pynwb, spikes):
    spikes.to_nwb(tmp_path / "spikes.nwb")
    back = SpikeData.from_nwb(tmp_path / "spikes.nwb")
    assert same(back, spikes)
    assert {name: ids.tolist() for name, ids in back.nodes.items()} == {"LGN": [0, 3, 4], "V1": [0]}


def test_round_trip_of_trials_and_of_nothing(tmp_path, pynwb, spikes):
    merged = spikes.merge(spikes)
    trials = SpikeData(
        merged.times,
        merged.node_ids,
        merged.codes,
        merged.populations,
        trials=[0, 0, 0, 0, 2, 2, 2, 2],
        n_trials=4,
        node_sets=merged.node_sets,
    )
    trials.to_nwb(tmp_path / "trials.nwb")
    back = SpikeData.from_nwb(tmp_path / "trials.nwb")
    assert same(back, trials)
    assert [len(part) for part in back.by_trial()] == [4, 0, 4, 0]
    SpikeData.from_arrays([], []).to_nwb(tmp_path / "none.nwb")
    assert len(SpikeData.from_nwb(tmp_path / "none.nwb")) == 0


def test_cells(tmp_path, pynwb):
    response = CellResponse(("a",), [[1.5], [2.5]], [[3], [4]], [["a"], ["a"]], gid_ranges={"a": range(2, 5)})
    response.to_nwb(tmp_path / "one.nwb", trial=1, populations="a")
    back = SpikeData.from_nwb(tmp_path / "one.nwb")
    assert {node: times.tolist() for node, times in back.trains("a").items()} == {0: [], 1: [], 2: [2.5]}


def test_units_of_others(tmp_path, pynwb):
    path = write_units(pynwb, tmp_path / "s.nwb", [[0.5, 0.25], [], [1.0]], quality=["good", "bad", "good"])
    spikes = SpikeData.from_nwb(path, "units")
    assert spikes.populations == ("units",)
    assert {n: t.tolist() for n, t in spikes.trains().items()} == {0: [250.0, 500.0], 1: [], 2: [1000.0]}


def test_files_with_faults(tmp_path, pynwb, spikes):
    with pytest.raises(MissingFile):
        SpikeData.from_nwb(tmp_path / "none.nwb")
    with pytest.raises(FileFormatError, match="folder"):
        SpikeData.from_nwb(tmp_path)
    spikes.to_nwb(tmp_path / "spikes.nwb")
    whole = (tmp_path / "spikes.nwb").read_bytes()
    for length in (0, 500, len(whole) // 2):
        (tmp_path / "cut.nwb").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"cut\.nwb"):
            SpikeData.from_nwb(tmp_path / "cut.nwb")
    spikes.to_sonata(tmp_path / "spikes.h5")
    with pytest.raises(FileFormatError, match="no NWB file"):
        SpikeData.from_nwb(tmp_path / "spikes.h5")
    with pytest.raises(FileFormatError, match="has no units"):
        SpikeData.from_nwb(write_units(pynwb, tmp_path / "empty.nwb", []))
    with pytest.raises(FileFormatError, match=r"early\.nwb: times\[0\]: -500.0 must be a finite time >= 0 ms"):
        SpikeData.from_nwb(write_units(pynwb, tmp_path / "early.nwb", [[-0.5, 1.0]]))
    with pytest.raises(OutputExists):
        spikes.to_nwb(tmp_path / "spikes.nwb", overwrite=False)


def test_without_pynwb(tmp_path, monkeypatch, spikes):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    for action in (lambda: spikes.to_nwb(tmp_path / "s.nwb"), lambda: SpikeData.from_nwb(tmp_path / "s.nwb")):
        with pytest.raises(MissingPackage, match=r"pip install 'hnnlib\[nwb\]'"):
            action()
    assert list(tmp_path.iterdir()) == []
