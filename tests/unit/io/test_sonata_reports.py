"""SONATA's frame reports, read by us and by libsonata, which no one here wrote."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, OutputExists, UnknownName
from hnnlib.io.sonata.recordings import dipole_of, report_of_dipole, reports_of, traces_of
from hnnlib.io.sonata.reports import FrameReport, read_reports, write_reports
from hnnlib.results.dipole import Dipole
from hnnlib.results.traces import Traces

RANGES = {"L2": range(0, 3), "none": range(3, 3), "L5": range(3, 6), "drive": range(6, 9)}
N_FRAMES = 41
DT = 0.025


@pytest.fixture
def vsec() -> Traces:
    """Two trials of voltages: all sections of two cells of one type and one of another."""
    rows = [(0, "soma"), (0, "dend"), (2, "soma"), (2, "dend"), (5, "soma"), (5, "tuft"), (5, "dend")]
    data = np.random.default_rng(1).normal(-65, 5, (2, len(rows), N_FRAMES))
    gids, sections = zip(*rows, strict=True)
    return traces(data, gids, sections)


def traces(data, gids, sections, receptors=None, quantity="v", unit="mV", dt=DT) -> Traces:
    times = np.arange(data.shape[-1]) * dt
    return Traces(
        quantity=quantity, unit=unit, times=times, gids=gids, sections=sections, receptors=receptors, data=data
    )


def through_file(reports, path):
    write_reports(reports, path)
    return read_reports(path)


# ------------------------------------------------------------------------------------------------- libsonata


def test_libsonata_reads_compartments(tmp_path, vsec):
    libsonata = pytest.importorskip("libsonata")
    write_reports(reports_of(vsec, RANGES, trial=1), tmp_path / "v.h5")
    reader = libsonata.ElementReportReader(str(tmp_path / "v.h5"))
    assert reader.get_population_names() == ["L2", "L5"]
    population = reader["L5"]
    assert (population.time_units, population.data_units, population.sorted) == ("ms", "mV", True)
    assert population.times == pytest.approx((0.0, N_FRAMES * DT, DT), rel=1e-12)
    assert population.get_node_ids() == [2]
    # the columns of a cell are sorted by section: soma 0, tuft 1, dend 2, in the order in which they were recorded
    assert population.get_node_id_element_id_mapping().tolist() == [[2, 0], [2, 1], [2, 2]]
    frames = population.get()
    np.testing.assert_array_equal(frames.data, vsec.data[1][4:].T.astype(np.float32))
    np.testing.assert_allclose(frames.times, vsec.times, rtol=0, atol=1e-12)
    assert frames.ids.tolist() == [[2, 0], [2, 1], [2, 2]]

    other = reader["L2"]
    assert other.get_node_ids() == [0, 2]
    one = other.get(node_ids=libsonata.Selection([2]), tstart=0.25, tstop=0.5)
    np.testing.assert_array_equal(one.data, vsec.data[1][2:4, 10:21].T.astype(np.float32))
    np.testing.assert_allclose(one.times, vsec.times[10:21])
    strided = other.get(tstride=5)
    np.testing.assert_array_equal(strided.data, vsec.data[1][:4, ::5].T.astype(np.float32))


def test_libsonata_reads_somata(tmp_path):
    libsonata = pytest.importorskip("libsonata")
    data = np.random.default_rng(2).normal(size=(1, 3, N_FRAMES))
    write_reports(reports_of(traces(data, (4, 0, 5), ["soma"] * 3), RANGES), tmp_path / "v.h5")
    population = libsonata.SomaReportReader(str(tmp_path / "v.h5"))["L5"]
    assert population.get_node_ids() == [1, 2]
    frames = population.get(node_ids=libsonata.Selection([2]))
    np.testing.assert_array_equal(frames.data[:, 0], data[0, 2].astype(np.float32))
    assert frames.ids.tolist() == [2]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(2, 400), dt=st.sampled_from([0.025, 0.1, 1 / 3, 0.0125, 1e-3, 2.5]), start=st.sampled_from([0, 7.3])
)
def test_libsonata_finds_every_frame(tmp_path, n, dt, start):
    """The end is half-open, and no rounding takes the last frame away."""
    libsonata = pytest.importorskip("libsonata")
    report = FrameReport(
        data=np.arange(n, dtype=np.float32)[:, np.newaxis],
        unit="mV",
        start=start,
        dt=dt,
        node_ids=[0],
        index_pointers=[0, 1],
        element_ids=[0],
    )
    write_reports({"a": report}, tmp_path / "v.h5")
    frames = libsonata.SomaReportReader(str(tmp_path / "v.h5"))["a"].get()
    assert frames.data[:, 0].tolist() == list(range(n))
    np.testing.assert_allclose(frames.times, report.times, rtol=1e-12)
    back = read_reports(tmp_path / "v.h5")["a"]
    np.testing.assert_array_equal(back.times, report.times)


def test_libsonata_reads_a_dipole(tmp_path):
    libsonata = pytest.importorskip("libsonata")
    dpl = Dipole(np.arange(6801) * DT, np.random.default_rng(3).normal(size=(6801, 3)))
    write_reports(report_of_dipole(dpl), tmp_path / "dipole.h5")
    population = libsonata.ElementReportReader(str(tmp_path / "dipole.h5"))["dipole"]
    assert population.data_units == "nAm"
    assert population.get_node_ids() == [0, 1, 2]
    for node, name in enumerate(("agg", "L2", "L5")):
        frames = population.get(node_ids=libsonata.Selection([node]))
        np.testing.assert_array_equal(frames.data[:, 0], dpl.data[name].astype(np.float32))


def test_what_other_readers_look_for(tmp_path, vsec):
    write_reports(reports_of(vsec, RANGES), tmp_path / "v.h5")
    with h5py.File(tmp_path / "v.h5") as file:
        assert file.attrs["magic"] == 0x0A7A
        group = file["report/L2"]
        assert group["data"].dtype == np.float32
        assert group["data"].compression is None
        mapping = group["mapping"]
        assert mapping["index_pointer"] == mapping["index_pointers"]  # two names of one dataset
        assert mapping["index_pointers"][()].tolist() == [0, 2, 4]
        assert mapping["element_ids"].dtype == np.uint32
        assert mapping["element_pos"][()].tolist() == [0.5] * 4
        assert mapping["time"].attrs["units"] == "ms"


# ------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("trial", [0, 1])
def test_voltages_come_back(tmp_path, vsec, trial):
    back = traces_of(through_file(reports_of(vsec, RANGES, trial=trial), tmp_path / "v.h5"), RANGES)
    assert (back.gids, back.sections, back.quantity, back.unit) == (vsec.gids, vsec.sections, "v", "mV")
    np.testing.assert_array_equal(back.times, vsec.times)
    np.testing.assert_array_equal(back.data[0], vsec.data[trial].astype(np.float32))


def test_synaptic_currents_come_back(tmp_path):
    """Several receptors stand on one section; their columns stay side by side, whatever the order of recording."""
    rows = [(3, "soma", "gabaa"), (3, "dend", "ampa"), (3, "soma", "gabab"), (0, "soma", "ampa")]
    gids, sections, receptors = zip(*rows, strict=True)
    data = np.random.default_rng(4).normal(size=(1, 4, N_FRAMES)).astype(np.float32)
    isec = traces(data, gids, sections, receptors, "i", "nA")
    back = traces_of(through_file(reports_of(isec, RANGES), tmp_path / "i.h5"), RANGES)
    assert (back.quantity, back.unit) == ("i", "nA")
    mine, theirs = isec.by_trial[0], back.by_trial[0]
    for gid, section, receptor in rows:
        key = f"{section}_{receptor}"
        np.testing.assert_array_equal(theirs[gid][section][key], mine[gid][section][key])


def test_dipoles_of_cells_come_back(tmp_path):
    data = np.random.default_rng(4).normal(size=(1, 3, N_FRAMES)).astype(np.float32)
    cells = traces(data, (0, 3, 4), None, None, "dipole", "fAm")
    back = traces_of(through_file(reports_of(cells, RANGES), tmp_path / "d.h5"), RANGES)
    assert back == cells


def test_a_dipole_comes_back(tmp_path):
    dpl = Dipole(np.arange(100) * 0.1, {"agg": np.arange(100.0), "L4": np.ones(100)})
    back = dipole_of(through_file(report_of_dipole(dpl), tmp_path / "dipole.h5"))
    assert list(back.data) == ["agg", "L4"]
    np.testing.assert_allclose(back.times, dpl.times, rtol=1e-12)
    np.testing.assert_array_equal(back.data["agg"], dpl.data["agg"])


def test_ids_of_sections_can_be_given(vsec):
    names = {"L2": ("axon", "dend", "soma"), "L5": ("tuft", "soma", "dend")}
    reports = reports_of(vsec, RANGES, sections=names)
    assert reports["L2"].element_ids.tolist() == [1, 2, 1, 2]
    assert reports["L2"].element_names == names["L2"]
    np.testing.assert_array_equal(reports["L2"].of_node(2)[:, 0], vsec.data[0][3])  # dend
    np.testing.assert_array_equal(reports["L5"].of_node(2)[:, 0], vsec.data[0][5])  # tuft
    with pytest.raises(UnknownName, match="is no section"):
        reports_of(vsec, RANGES, sections={"L2": ("soma",)})


# ------------------------------------------------------------------------------------------------- others' files


def others_file(path, **changes):
    """A report as BMTK writes it: other names, double precision, no units."""
    parts = {
        "data": np.arange(6.0).reshape(3, 2),
        "node_ids": np.array([4, 9]),
        "index_pointer": np.array([0, 1, 2]),
        "element_ids": np.array([0, 0]),
        "time": np.array([0.0, 0.3, 0.1]),
        **changes,
    }
    with h5py.File(path, "w") as file:
        group = file.create_group("report/V1")
        for name, value in parts.items():
            if value is not None:
                group.create_dataset(name if name == "data" else f"mapping/{name}", data=value)
    return path


def test_names_and_types_of_others(tmp_path):
    report = read_reports(others_file(tmp_path / "v.h5"))["V1"]
    assert report.unit == ""
    assert report.data.dtype == np.float64
    assert report.of_node(9).tolist() == [[1.0], [3.0], [5.0]]
    np.testing.assert_allclose(report.times, [0.0, 0.1, 0.2])


def test_as_many_pointers_as_nodes(tmp_path):
    path = others_file(tmp_path / "v.h5", index_pointer=None, index_pointers=np.array([0, 1]))
    assert read_reports(path)["V1"].index_pointers.tolist() == [0, 1, 2]


def test_the_last_time_for_the_end(tmp_path):
    """BMTK's PointNet stores the time of the last frame; the frames are all there."""
    assert read_reports(others_file(tmp_path / "v.h5", time=np.array([0.0, 0.2, 0.1])))["V1"].data.shape == (3, 2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": None}, "has no 'data'"),
        ({"data": np.arange(6.0)}, "has 6 frames; its time says 3"),
        ({"data": np.arange(3.0)}, "must be (n_frames, n_columns)"),
        ({"node_ids": np.array([4.0, 9.0])}, "no column of whole numbers"),
        ({"index_pointer": np.array([0, 1, 1])}, "rise from 0 to 2"),
        ({"index_pointer": np.array([0, 2, 1, 2])}, "rise from 0 to 2"),
        ({"element_ids": np.array([0])}, "element_ids.shape"),
        ({"time": np.array([0.0, 1.0, 0.1])}, "has 3 frames; its time says 10"),
        ({"time": np.array([0.0, 0.3, 0.0])}, "has 3 frames"),
        ({"time": np.array([0.0, 0.3])}, "damaged or no SONATA file"),
        ({"time": None}, "damaged or no SONATA file"),
    ],
)
def test_files_with_faults(tmp_path, changes, told):
    path = others_file(tmp_path / "v.h5", **changes)
    with pytest.raises(FileFormatError) as caught:
        read_reports(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_none(tmp_path, vsec):
    with pytest.raises(MissingFile):
        read_reports(tmp_path / "none.h5")
    write_reports(reports_of(vsec, RANGES), tmp_path / "v.h5")
    whole = (tmp_path / "v.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"cut\.h5"):
        read_reports(tmp_path / "cut.h5")


# ------------------------------------------------------------------------------------------------- refusals


def test_what_can_be_no_report(tmp_path, vsec):
    with pytest.raises(InvalidValue, match="one of the 2 trials"):
        reports_of(vsec, RANGES, trial=2)
    with pytest.raises(InvalidValue, match="in none of gid_ranges"):
        reports_of(vsec, {"L2": range(0, 3)})
    uneven = Traces(
        quantity="v", unit="mV", times=[0.0, 1.0, 3.0], gids=[0], sections=["soma"], receptors=None,
        data=np.zeros((1, 1, 3)),
    )  # fmt: skip
    with pytest.raises(InvalidValue, match="evenly spaced"):
        reports_of(uneven, RANGES)
    with pytest.raises(InvalidType, match="must be a Dipole"):
        report_of_dipole(vsec)
    reports = reports_of(vsec, RANGES)
    with pytest.raises(UnknownName, match="is no population"):
        traces_of(reports, {"L2": range(3)})
    with pytest.raises(InvalidValue, match="must be < 2"):
        traces_of(reports, {"L2": range(3), "L5": range(3, 5)})
    with pytest.raises(InvalidValue, match="at least one population"):
        traces_of({}, RANGES)
    with pytest.raises(UnknownName, match="'dipole' is no population"):
        dipole_of(reports)
    with pytest.raises(InvalidValue, match="one of the 2 nodes"):
        reports["L2"].of_node(1)
    write_reports(reports, tmp_path / "v.h5")
    with pytest.raises(OutputExists):
        write_reports(reports, tmp_path / "v.h5", overwrite=False)
    with pytest.raises(InvalidValue, match="can't be a name"):
        write_reports({"a/b": reports["L2"]}, tmp_path / "w.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["v.h5"]
