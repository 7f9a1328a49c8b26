"""SONATA's spike files, read by us and by libsonata, which no one here wrote."""

from __future__ import annotations

import itertools
import subprocess
import sys

import h5py
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists, UnknownName
from hnnlib.io.sonata import spikes as sonata
from hnnlib.io.sonata.spikes import SonataSpikeWriter, read_spikes_sonata
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.spike_data import SpikeData

SORTING = {"none": 0, "by_id": 1, "by_time": 2}


@pytest.fixture
def spikes() -> SpikeData:
    """Three populations, one of them without spikes, times on a grid so that many are equal."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 2, 300)
    return SpikeData(
        rng.integers(0, 4000, 300) * 0.025,
        rng.integers(0, 20, 300),
        codes,
        ("L5_pyramidal", "LGN", "silent"),
        node_sets={"L5_pyramidal": range(20), "LGN": range(20), "silent": range(3)},
    )


@pytest.fixture
def trials(spikes) -> list[SpikeData]:
    """Spikes of four trials, one of them without any."""
    return [spikes.select(t0=0.0, t1=t1) for t1 in (30.0, 1e-9, 60.0, 100.0)]


def in_trials(parts):
    """Return the spikes of each trial as one value."""
    merged = parts[0].merge(*parts[1:])
    trials = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return SpikeData(
        merged.times, merged.node_ids, merged.codes, merged.populations, trials=trials, n_trials=len(parts)
    )


def write(path, parts, numbers=None):
    with SonataSpikeWriter(path) as writer:
        for i, part in enumerate(parts):
            writer.append(part, None if numbers is None else numbers[i])


# ------------------------------------------------------------------------------------------------- libsonata


@pytest.mark.parametrize(("sort", "order"), [("by_time", "time"), ("by_id", "id"), ("none", None), (None, None)])
def test_libsonata_reads_what_is_written(tmp_path, spikes, sort, order):
    libsonata = pytest.importorskip("libsonata")
    path = tmp_path / "spikes.h5"
    spikes.to_sonata(path, sort)
    reader = libsonata.SpikeReader(str(path))
    assert reader.get_population_names() == ["L5_pyramidal", "LGN", "silent"]
    for name in spikes.populations:
        expected = spikes.select(name).sort(order)
        population = reader[name]
        assert str(population.sorting).split(".")[-1] == (sort or "none")
        assert population.time_units == "ms"
        if sort == "by_time" and len(expected):
            assert population.times == (expected.times[0], expected.times[-1])
        columns = population.get_dict()
        np.testing.assert_array_equal(columns["timestamps"], expected.times)
        np.testing.assert_array_equal(columns["node_ids"], expected.node_ids)
        assert population.get() == list(zip(expected.node_ids.tolist(), expected.times.tolist(), strict=True))


def test_libsonata_selects(tmp_path, spikes):
    libsonata = pytest.importorskip("libsonata")
    path = tmp_path / "spikes.h5"
    spikes.to_sonata(path)
    found = libsonata.SpikeReader(str(path))["LGN"].get(node_ids=[2, 7], tstart=10.0, tstop=50.0)
    mine = spikes.select("LGN", [2, 7]).sort("time")
    inside = (mine.times >= 10) & (mine.times <= 50)
    assert found == list(zip(mine.node_ids[inside].tolist(), mine.times[inside].tolist(), strict=True))
    assert len(found) > 5


def test_libsonata_reads_all_trials_as_one(tmp_path, trials):
    libsonata = pytest.importorskip("libsonata")
    path = tmp_path / "spikes.h5"
    in_trials(trials).to_sonata(path)
    reader = libsonata.SpikeReader(str(path))
    assert reader.get_population_names() == ["L5_pyramidal", "LGN", "silent"]
    population = reader["LGN"]
    assert str(population.sorting).endswith("none")
    expected = np.concatenate([part.select("LGN").sort("time").times for part in trials])
    np.testing.assert_array_equal(population.get_dict()["timestamps"], expected)
    assert reader["silent"].get() == []


def test_marks_of_the_format(tmp_path, spikes, trials):
    for name, value in (("one", spikes), ("many", in_trials(trials))):
        value.to_sonata(tmp_path / f"{name}.h5")
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert file.attrs["magic"] == 0x0A7A
            assert file.attrs["version"].tolist() == [0, 1]
            for group in file["spikes"].values():
                assert h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype) == SORTING
                assert group["timestamps"].compression is None
                assert (group["timestamps"].dtype, group["node_ids"].dtype) == (np.float64, np.uint64)
                assert group["timestamps"].attrs["units"] == "ms"


# ------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("sort", ["by_time", "by_id", None])
def test_round_trip(tmp_path, spikes, sort):
    spikes.to_sonata(tmp_path / "spikes.h5", sort)
    back = SpikeData.from_sonata(tmp_path / "spikes.h5")
    assert set(back.populations) == set(spikes.populations)
    for name in spikes.populations:
        assert back.select(name) == spikes.select(name).sort({"by_time": "time", "by_id": "id", None: None}[sort])


def test_seconds(tmp_path, spikes):
    libsonata = pytest.importorskip("libsonata")
    spikes.to_sonata(tmp_path / "spikes.h5", "by_id", units="s")
    population = libsonata.SpikeReader(str(tmp_path / "spikes.h5"))["LGN"]
    assert population.time_units == "s"
    expected = spikes.select("LGN").sort("id").times
    np.testing.assert_allclose(population.get_dict()["timestamps"], expected / 1000, rtol=1e-15)
    back = SpikeData.from_sonata(tmp_path / "spikes.h5").select("LGN")
    np.testing.assert_allclose(back.times, expected, rtol=1e-15)


def test_nothing(tmp_path):
    for number, value in enumerate((SpikeData.from_trains({}), SpikeData.from_arrays([], []))):
        value.to_sonata(tmp_path / f"{number}.h5")
        back = SpikeData.from_sonata(tmp_path / f"{number}.h5")
        assert (len(back), back.populations) == (0, value.populations)


def test_trials_come_back(tmp_path, trials):
    many = in_trials([*trials, trials[1]])  # the last has no spikes
    many.to_sonata(tmp_path / "spikes.h5")
    back = SpikeData.from_sonata(tmp_path / "spikes.h5")
    assert back.n_trials == 5
    assert back.sort("id") == many.sort("id")


def test_compressed_where_it_is_asked_for(tmp_path, spikes):
    spikes.to_sonata(tmp_path / "spikes.h5", compression="gzip")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert file["spikes/LGN/timestamps"].compression == "gzip"
    assert SpikeData.from_sonata(tmp_path / "spikes.h5").sort("id") == spikes.sort("id")


# ------------------------------------------------------------------------------------------------- the writer


def test_a_writer_writes_what_is_written_at_once(tmp_path, trials, monkeypatch):
    monkeypatch.setattr(sonata, "FLUSH_ROWS", 64)  # so that blocks end within a trial
    in_trials(trials).to_sonata(tmp_path / "once.h5")
    with SonataSpikeWriter(tmp_path / "streamed.h5") as writer:
        for number in (2, 0, 1, 3):  # as workers bring them
            writer.append(trials[number], number)
    once, streamed = (SpikeData.from_sonata(tmp_path / name) for name in ("once.h5", "streamed.h5"))
    assert streamed == once
    assert once.sort("id") == in_trials(trials).sort("id")


def test_a_writer_holds_little_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(sonata, "FLUSH_ROWS", 256)
    trial = SpikeData.from_arrays(np.linspace(0, 100, 100), np.arange(100) % 7)
    most = 0
    with SonataSpikeWriter(tmp_path / "spikes.h5") as writer:
        for _ in range(1000):
            writer.append(trial)
            most = max(most, sum(part[0].size for parts in writer._waiting.values() for part in parts))
    assert most <= 256 + 100
    back = SpikeData.from_sonata(tmp_path / "spikes.h5")
    assert (len(back), back.n_trials) == (100_000, 1000)
    assert np.array_equal(back.trials, np.repeat(np.arange(1000), 100))


def test_a_writer_refuses(tmp_path, trials):
    with SonataSpikeWriter(tmp_path / "spikes.h5") as writer:
        writer.append(trials[0])
        with pytest.raises(InvalidValue, match="added already"):
            writer.append(trials[0], 0)
        with pytest.raises(InvalidValue, match="trial by trial"):
            writer.append(in_trials(trials))
    with pytest.raises(InvalidValue, match="trial 1 before it never came"):
        write(tmp_path / "b.h5", [trials[0], trials[2]], numbers=(0, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["spikes.h5"]


def test_a_failed_export_leaves_nothing(tmp_path, trials, monkeypatch):
    path = tmp_path / "spikes.h5"
    with pytest.raises(AttributeError):
        write(path, [trials[0], None])
    assert list(tmp_path.iterdir()) == []
    trials[0].to_sonata(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SonataSpikeWriter, "_make_sure_of_room", full)
    with pytest.raises(OutputError, match="No space left"):
        in_trials(trials).to_sonata(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["spikes.h5"]


FULL_DISK = """
import resource, sys
import numpy as np
from hnnlib.base.errors import OutputError
from hnnlib.results.spike_data import SpikeData

n = 200_000
spikes = SpikeData.from_arrays(np.zeros(n), np.zeros(n, int), trials=np.arange(n) // 20_000)
for limit in (100_000, 1_000_000, 3_000_000, 4_800_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        spikes.to_sonata(sys.argv[1])
    except OutputError:
        print("refused", limit)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_no_room_on_the_disk(tmp_path):
    """In a process of its own: where HDF5 itself finds that there is no room, it takes the process down."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "spikes.h5")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == 4
    assert list(tmp_path.iterdir()) == []


def test_no_bytes_are_left_over(tmp_path, trials):
    """Room is made for HDF5 before it writes; what it did not need is gone in the end."""
    in_trials(trials).to_sonata(tmp_path / "spikes.h5")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert file.id.get_filesize() == (tmp_path / "spikes.h5").stat().st_size
        needed = sum(d.id.get_storage_size() for group in file["spikes"].values() for d in group.values())
    assert (tmp_path / "spikes.h5").stat().st_size < needed + 32_000


def test_bad_options(tmp_path, spikes, trials):
    path = tmp_path / "spikes.h5"
    with pytest.raises(UnknownName, match="by_time"):
        spikes.to_sonata(path, "by_times")
    with pytest.raises(UnknownName, match="has ms, s"):
        spikes.to_sonata(path, units="us")
    with pytest.raises(InvalidValue, match="population"):
        SpikeData.from_arrays([1.0], [0], "a/b").to_sonata(path)
    with pytest.raises(InvalidValue, match="None for several trials"):
        in_trials(trials).to_sonata(path, compression="gzip")
    with pytest.raises(OutputError, match="does not exist"):
        spikes.to_sonata(tmp_path / "no" / "spikes.h5")
    assert list(tmp_path.iterdir()) == []
    spikes.to_sonata(path)
    for value in (spikes, in_trials(trials)):
        with pytest.raises(OutputExists):
            value.to_sonata(path, overwrite=False)


# ------------------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize("n_trials", [1, 3])
def test_cells_by_type_and_index(tmp_path, n_trials):
    ranges = {"L2": range(0, 2), "L5": range(2, 5), "drive": range(5, 7)}
    response = CellResponse(
        ("L2", "L5"),
        [[3.0, 1.0, 2.0]] * n_trials,
        [[4, 0, 6]] * n_trials,
        [["L5", "L2", "drive"]] * n_trials,
        gid_ranges=ranges,
    )
    response.to_sonata(tmp_path / "all.h5")
    back = SpikeData.from_sonata(tmp_path / "all.h5")
    assert back.n_trials == n_trials
    assert {name: back.select(name, trial=0).node_ids.tolist() for name in ranges} == {
        "L2": [0],
        "L5": [2],
        "drive": [1],
    }
    response.to_sonata(tmp_path / "one.h5", trial=0, populations="L5")
    assert SpikeData.from_sonata(tmp_path / "one.h5") == SpikeData.from_arrays([3.0], [2], "L5")
    with h5py.File(tmp_path / "one.h5") as file:
        assert list(file["spikes/L5"]) == ["node_ids", "timestamps"]


def test_csv_of_cells(tmp_path):
    response = CellResponse(("a",), [[1.5], []], [[3], []], [["a"], []])
    response.to_csv(tmp_path / "spikes.csv", gid_ranges={"a": range(2, 5)}, separator=",")
    assert (tmp_path / "spikes.csv").read_text() == "timestamps,population,node_ids,trial\n1.5,a,1,0\n"


# ------------------------------------------------------------------------------------------------- others' files


def put(
    path, population="LGN", times=(1.0, 2.0), ids=(3, 4), sorting=None, units="ms", names=("timestamps", "node_ids")
):
    with h5py.File(path, "w") as file:
        group = file.create_group(f"spikes/{population}" if population else "spikes")
        group[names[0]] = np.asarray(times)
        group[names[1]] = np.asarray(ids)
        if units is not None:
            group[names[0]].attrs["units"] = units
        if sorting is not None:
            group.attrs["sorting"] = sorting
    return path


@pytest.mark.parametrize(
    ("sorting", "units"),
    list(itertools.product([None, "by_time", b"none", np.uint8(2), np.int32(0)], [None, "ms", b"ms"])),
)
def test_sorting_of_any_kind(tmp_path, sorting, units):
    spikes = read_spikes_sonata(put(tmp_path / "s.h5", times=(2.0, 1.0), sorting=sorting, units=units))
    assert spikes == SpikeData.from_arrays([2.0, 1.0], [3, 4], "LGN")


@pytest.mark.parametrize("units", ["s", "seconds", b"sec"])
def test_units_of_others(tmp_path, units):
    assert read_spikes_sonata(put(tmp_path / "s.h5", units=units)).times.tolist() == [1000.0, 2000.0]


def test_the_old_layout(tmp_path):
    path = put(tmp_path / "s.h5", population="", names=("timestamps", "gids"))
    assert read_spikes_sonata(path) == SpikeData.from_arrays([1.0, 2.0], [3, 4], "default")
    assert read_spikes_sonata(path, "LGN").populations == ("LGN",)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"times": (1.0, np.nan)}, "/spikes/LGN/timestamps, row 1: nan must be a finite time >= 0"),
        ({"times": (-1.0, 1.0)}, "/spikes/LGN/timestamps, row 0: -1.0 must be a finite time >= 0"),
        ({"times": (1.0,)}, "has 1 timestamps and 2 node ids"),
        ({"times": [b"a", b"b"]}, "is no column of numbers"),
        ({"ids": (1.0, 2.0)}, "is no column of whole numbers"),
        ({"ids": (-1, 2)}, "node_ids: -1 must be >= 0"),
        ({"ids": np.array([1, 2**63], np.uint64)}, "must be >= 0 and < 2**63"),
        ({"units": "us"}, "has unit 'us'; known are ms and s"),
        ({"names": ("times", "node_ids")}, "has no dataset 'timestamps'"),
        ({"names": ("timestamps", "nodes")}, "has no dataset 'gids'"),
    ],
)
def test_files_with_faults(tmp_path, options, told):
    path = put(tmp_path / "s.h5", **options)
    with pytest.raises(FileFormatError) as caught:
        read_spikes_sonata(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_none(tmp_path, spikes):
    with pytest.raises(MissingFile):
        read_spikes_sonata(tmp_path / "none.h5")
    spikes.to_sonata(tmp_path / "spikes.h5")
    whole = (tmp_path / "spikes.h5").read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"cut\.h5"):
            read_spikes_sonata(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("nodes")
    with pytest.raises(FileFormatError, match="no group '/spikes'"):
        read_spikes_sonata(tmp_path / "other.h5")
