"""Dipoles and results as HDF5: exact, readable by others, and never half-written."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import hnnlib.io.hdf5 as hdf5
from hnnlib.base.errors import FileFormatError, InvalidType, OutputError
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole, read_dipole
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result, read_result
from hnnlib.results.traces import Traces

TIMES = np.arange(4001) * 0.025
RNG = np.random.default_rng(7)


def example(n_trials: int = 2) -> Result:
    rows = {"times": TIMES, "gids": [3, 3, 8], "sections": ["soma", "apical_tuft", "soma"]}
    vsec = Traces("v", "mV", receptors=None, data=RNG.normal(size=(n_trials, 3, 4001)).astype(np.float32), **rows)
    isec = Traces("i", "nA", receptors=["gabaa", "ampa", "ampa"], data=RNG.normal(size=(n_trials, 3, 4001)), **rows)
    response = CellResponse(
        ["L2_basket", "silent"],
        [[1.0, 2.0 + 1e-10], *[[]] * (n_trials - 1)],
        [[3, 8], *[[]] * (n_trials - 1)],
        [["L2_basket", "évprox/1"], *[[]] * (n_trials - 1)],
        TIMES,
        vsec=vsec,
        isec=isec,
    )
    dipoles = [Dipole(TIMES, RNG.normal(size=(4001, 3))) for _ in range(n_trials)]
    dipoles[0].smooth(30).scale(3000)
    shank = ElectrodeRecording(RNG.normal(size=(4, 3)), 0.3, None, 0.5, TIMES, RNG.normal(size=(n_trials, 4, 4001)))
    provenance = {"seed": 3, "µ": [1.5, None], "spec": {"drives": {}}, "timings": {"trials": 0.1 + 0.2}}
    return Result(
        dipoles=dipoles, cell_response=response, potentials={"shank": shank, "a/b%": shank}, provenance=provenance
    )


def assert_same(back: Result, result: Result) -> None:
    assert back == result
    # Spikes compare to 3 decimals and without recordings: here every bit counts.
    for name in ("spike_times", "spike_gids", "spike_types"):
        for a, b in zip(getattr(back.cell_response, name), getattr(result.cell_response, name), strict=True):
            np.testing.assert_array_equal(a, b)
    assert back.cell_response.recordings == result.cell_response.recordings
    assert back.cell_response.cell_type_names == result.cell_response.cell_type_names
    np.testing.assert_array_equal(back.cell_response.times, result.cell_response.times)
    for name, traces in result.cell_response.recordings.items():
        assert back.cell_response.recordings[name].data.dtype == traces.data.dtype


@pytest.mark.parametrize("n_trials", [1, 2, 12])
def test_result_round_trip(tmp_path, n_trials):
    result = example(n_trials)
    result.write(tmp_path / "run.h5")
    assert_same(read_result(tmp_path / "run.h5"), result)
    assert list(read_result(tmp_path / "run.h5").potentials) == ["shank", "a/b%"]


def test_smallest_results(tmp_path):
    for result in (
        Result(dipoles=[], cell_response=CellResponse()),
        Result(dipoles=[], cell_response=CellResponse(["a"], [[], []], [[], []])),
        Result(dipoles=[Dipole([0, 1], [0, 1])], cell_response=CellResponse(None, [[1.0]], [[1]])),
    ):
        result.write(tmp_path / "run.h5")
        back = read_result(tmp_path / "run.h5")
        assert back == result
        assert back.n_trials == result.n_trials
        assert back.cell_response.cell_type_names == result.cell_response.cell_type_names
        assert back.cell_response.times is None


@given(
    hnp.arrays(np.float64, (6, 3), elements=st.floats(width=64)),
    st.lists(st.text(min_size=1, max_size=8).filter(lambda s: "\0" not in s and s.isprintable()), max_size=4),
    st.floats(1e-3, 1e5),
)
@settings(deadline=None, max_examples=40)
def test_dipole_is_kept_exactly(values, names, factor):
    data = {"agg": values[:, 0], **dict.fromkeys(names, values[:, 1])}
    dpl = Dipole(np.arange(6) / 7, data, nave=3)
    with np.errstate(over="ignore"):
        dpl.scale(factor)
    with tempfile.TemporaryDirectory() as folder:
        dpl.write(Path(folder) / "dpl.hdf5")
        back = read_dipole(Path(folder) / "dpl.hdf5")
    assert back == dpl
    assert (back.nave, back.scale_applied) == (3, factor)


def test_files_are_readable_without_hnnlib(tmp_path):
    dpl = Dipole(TIMES, RNG.normal(size=(4001, 3))).scale(3)
    dpl.write(tmp_path / "dpl.hdf5")
    with h5py.File(tmp_path / "dpl.hdf5") as file:
        assert file.attrs["object_type"] == "Dipole"
        assert file.attrs["format_version"] == 1
        assert (file.attrs["nave"], file.attrs["scale_applied"], file.attrs["sfreq"]) == (1, 3.0, 40_000.0)
        assert list(file["data"]) == ["agg", "L2", "L5"]
        assert file["data/L5"].attrs["units"] == "nAm"
        assert file["times"].attrs["units"] == "ms"
        np.testing.assert_array_equal(file["data/agg"], dpl.data["agg"])
    result = example()
    result.write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as file:
        spikes = file["cell_response/spikes"]
        assert spikes["trial_offsets"][()].tolist() == [0, 2, 2]
        assert spikes["type_names"].asstr()[spikes["types"][1]] == "évprox/1"
        assert file["cell_response/vsec/data"].attrs["units"] == "mV"
        assert file["potentials/a%2Fb%25/voltages"].attrs["units"] == "µV"
        # The times of equal dipoles are one dataset under two names.
        assert file["dipoles/0/times"] == file["dipoles/1/times"]
        assert file["cell_response/vsec/data"].compression == "gzip"
        assert file["cell_response/vsec/gids"].compression is None


def test_numpy_numbers_in_the_provenance(tmp_path):
    Result(dipoles=[], cell_response=CellResponse(), provenance={"dropped": np.int64(47)}).write(tmp_path / "run.h5")
    assert read_result(tmp_path / "run.h5").provenance["dropped"] == 47
    with pytest.raises(InvalidType, match=r"provenance: .* must be plain data"):
        Result(dipoles=[], cell_response=CellResponse(), provenance={"x": object()}).write(tmp_path / "new.h5")
    assert os.listdir(tmp_path) == ["run.h5"]


# ------------------------------------------------------------------------------------------------- bad files


def test_truncated_files(tmp_path):
    example().write(tmp_path / "run.h5")
    whole = (tmp_path / "run.h5").read_bytes()
    for length in (0, 7, 96, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"cut\.h5: is truncated or no HDF5 file"):
            read_result(tmp_path / "cut.h5")


def test_files_of_other_kinds(tmp_path):
    example().write(tmp_path / "run.h5")
    with pytest.raises(FileFormatError, match="holds a Result, not a Dipole"):
        read_dipole(tmp_path / "run.h5")
    (tmp_path / "text.hdf5").write_text("0 1\n1 2\n")
    with pytest.raises(FileFormatError, match="truncated or no HDF5"):
        read_dipole(tmp_path / "text.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["x"] = 1
    with pytest.raises(FileFormatError, match="was not written by hnnlib"):
        read_dipole(tmp_path / "other.hdf5")
    with pytest.raises(FileNotFoundError, match=r"none\.h5: there is no such file"):
        read_result(tmp_path / "none.h5")
    with pytest.raises(FileFormatError, match="is a folder"):
        read_result(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f.__delitem__("cell_response/spikes"),
        lambda f: f.__delitem__("provenance"),
        lambda f: f.__delitem__("dipoles/0/times"),
        lambda f: f["dipoles/0"].attrs.__delitem__("nave"),
        lambda f: f["dipoles/0/data"].move("agg", "L4"),
        lambda f: f.move("dipoles/0", "dipoles/7"),
        lambda f: f["cell_response/spikes/types"].__setitem__(0, 99),
        lambda f: f["provenance"].__setitem__((), "{"),
        lambda f: f.attrs.__delitem__("format_version"),
    ],
)
def test_damaged_files(tmp_path, damage):
    example().write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        damage(file)
    with pytest.raises(FileFormatError, match=r"run\.h5: is damaged"):
        read_result(tmp_path / "run.h5")


def test_file_of_a_newer_version(tmp_path):
    example().write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file.attrs["format_version"] = 2
        file.attrs["hnnlib_version"] = "9.1"
    with pytest.raises(FileFormatError, match=r"has format version 2; this hnnlib reads up to 1: update to 9\.1"):
        read_result(tmp_path / "run.h5")


# ------------------------------------------------------------------------------------------------- bad places


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("broken"), KeyboardInterrupt()])
def test_nothing_is_left_when_writing_fails_half_way(tmp_path, monkeypatch, error):
    result = example()
    result.write(tmp_path / "run.h5")
    before = (tmp_path / "run.h5").read_bytes()

    def fail(group, *given):
        group.file.flush()
        raise error

    monkeypatch.setattr(hdf5, "_put_recording", fail)
    expected = OutputError if isinstance(error, OSError) else type(error)
    for name in ("run.h5", "new.h5"):
        with pytest.raises(expected, match=r"new\.h5|run\.h5|broken|^$"):
            result.write(tmp_path / name)
    assert os.listdir(tmp_path) == ["run.h5"]
    assert (tmp_path / "run.h5").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits as POSIX has them")
def test_a_full_disk_is_an_error_and_nothing_else(tmp_path):
    # HDF5 itself can't close a file on a full disk: it prints pages, and may take the process with it
    program = """
import os, resource, sys
import numpy as np
import hnnlib as hn
times = np.arange(20_000) * 0.025
dipoles = [hn.Dipole(times, np.random.default_rng(1).normal(size=(20_000, 3))) for _ in range(2)]
result = hn.Result(dipoles=dipoles, cell_response=hn.CellResponse(None, [[1.0]] * 2, [[1]] * 2))
result.write("run.h5")
size = os.path.getsize("run.h5")
for limit in (0, 100, 10_000, size // 2, size - 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        result.write("new.h5")
    except hn.OutputError as error:
        print(error)
    print(os.listdir("."))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
result.write("new.h5")
assert hn.read_result("new.h5") == result
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "new.h5: could not be written (File too large)\n['run.h5']\n" * 5


def test_places_that_can_not_be_written(tmp_path):
    result = example(1)
    with pytest.raises(OutputError, match="is a folder, not a file"):
        result.write(tmp_path)
    with pytest.raises(OutputError, match="missing' does not exist"):
        result.write(tmp_path / "missing" / "run.h5")
    with pytest.raises(OutputError, match="/dev/null"):
        result.write("/dev/null")
    assert not Path("/dev/null").is_file()
    assert not list(tmp_path.iterdir())


def test_read_only_folder():
    # Root may write anywhere, so that the test gives its rights away for the moment of writing; whom it gives them to
    # must be able to see the folder, which it may not be below root's own temporary folder.
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(dir="/tmp" if root else None) as folder:
        os.chmod(folder, 0o555)
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(OutputError, match=r"run\.h5: .*(can't be written to|Permission denied)"):
                example(1).write(Path(folder) / "run.h5")
        finally:
            if root:
                os.seteuid(0)
            os.chmod(folder, 0o755)
        assert os.listdir(folder) == []
