"""Dipoles and spikes as text."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists
from hnnlib.io.text import read_dipole_text
from hnnlib.results.cell_response import CellResponse, read_spikes
from hnnlib.results.dipole import Dipole, average_dipoles, read_dipole

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def dpl() -> Dipole:
    times = np.arange(401) * 0.025
    return Dipole(times, np.random.default_rng(3).normal(size=(401, 3)) * 0.02)


# ------------------------------------------------------------------------------------------------- dipoles


def test_dipole_round_trip(tmp_path, dpl):
    dpl.write(tmp_path / "dpl.txt")
    back = read_dipole(tmp_path / "dpl.txt")
    np.testing.assert_allclose(back.times, dpl.times, rtol=0, atol=5.1e-4)
    for name in ("agg", "L2", "L5"):
        # 10 significant digits; HNN-core's 4 decimals would leave 5e-5 nAm of 0.02 nAm.
        np.testing.assert_allclose(back.data[name], dpl.data[name], rtol=1e-9)
    assert (back.nave, back.scale_applied) == (1, 1.0)
    assert back.sfreq == pytest.approx(40_000)


def test_dipole_with_the_decimals_of_hnn_core(tmp_path, dpl):
    dpl.scale(1000).write(tmp_path / "dpl.txt", decimals=4)
    first = (tmp_path / "dpl.txt").read_text().splitlines()[0]
    assert first == "\t".join(["0.000", *(f"{dpl.data[name][0]:.4f}" for name in dpl.data)])
    back = read_dipole(tmp_path / "dpl.txt")
    np.testing.assert_allclose(back.data["L5"], dpl.data["L5"], rtol=0, atol=5.1e-5)


@pytest.mark.parametrize("dt", [0.0125, 1 / 3, 1e-4])
def test_sampling_rate_survives_text(tmp_path, dt):
    dpl = Dipole(np.arange(50) * dt, np.zeros(50))
    dpl.write(tmp_path / "dpl.txt")
    assert read_dipole(tmp_path / "dpl.txt").sfreq == pytest.approx(dpl.sfreq, rel=1e-4)


def test_aggregate_alone(tmp_path, dpl):
    alone = Dipole(dpl.times, dpl.data["agg"])
    alone.write(tmp_path / "dpl.txt")
    assert list(read_dipole(tmp_path / "dpl.txt").data) == ["agg"]


def test_dipole_to_and_from_streams(dpl):
    stream = io.StringIO()
    dpl.write(stream)
    stream.seek(0)
    np.testing.assert_allclose(read_dipole_text(stream).data["L2"], dpl.data["L2"], rtol=1e-9)


def test_dipole_from_csv(tmp_path):
    (tmp_path / "dpl.csv").write_text("time,agg,L2,L5\n0,1,2,3\n0.5,4,5,6\n")
    dpl = read_dipole(tmp_path / "dpl.csv")
    assert dpl.data["L5"].tolist() == [3, 6]
    assert dpl.times.tolist() == [0, 0.5]


def test_recorded_dipole(shared_dir):
    dpl = read_dipole(shared_dir / "data" / "S1_SupraT.txt")
    assert dpl.times.size > 100
    assert np.abs(dpl.data["agg"]).max() > 1


def test_layers_that_text_can_not_name(tmp_path, dpl):
    odd = Dipole(dpl.times, {"agg": dpl.data["agg"], "L4": dpl.data["L2"]})
    with pytest.raises(InvalidValue, match=r"can't be told apart .* write \.hdf5"):
        odd.write(tmp_path / "dpl.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 2\n1 2 3\n", "line 1: has 3 columns; must be 2 .* or 4"),
        ("0 1\n1 2 3 4\n", "line 2: has 4 columns, the first row 2"),
        ("0 1\n1 zwei\n", "line 2: '1 zwei' are not all numbers"),
        ("0 1\n", "has 1 rows of numbers; a dipole needs at least 2"),
        ("", "has 0 rows"),
        ("0 1\n0 2\n", r"is no dipole: times\[1\]"),
        ("0 1\nnan 2\n", r"is no dipole: times\[1\]"),
    ],
)
def test_text_that_is_no_dipole(tmp_path, text, message):
    (tmp_path / "dpl.txt").write_text(text)
    with pytest.raises(FileFormatError, match=f"dpl.txt.*{message}"):
        read_dipole(tmp_path / "dpl.txt")


def test_dipole_files_that_can_not_be_read(tmp_path, dpl):
    with pytest.raises(FileNotFoundError, match=r"missing\.txt: there is no such file"):
        read_dipole(tmp_path / "missing.txt")
    for method in (read_dipole, dpl.write):
        with pytest.raises(InvalidValue, match=r"fname: .*dpl.mat' must end in .*\.txt"):
            method(str(tmp_path / "dpl.mat"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(FileFormatError, match="not text in UTF-8"):
        read_dipole(tmp_path / "binary.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(FileFormatError, match=r"folder\.txt: can't be read \(Is a directory\)"):
        read_dipole(tmp_path / "folder.txt")


@pytest.mark.parametrize("extension", ["txt", "hdf5"])
def test_dipole_is_not_overwritten_unasked(tmp_path, dpl, extension):
    path = tmp_path / f"dpl.{extension}"
    dpl.write(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        average_dipoles([dpl]).scale(2).write(path, overwrite=False)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [MissingFile("a.txt"), OutputExists("b.h5", "exists already")])
def test_file_errors_cross_process_borders(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), back.file) == (str(error), error.file)
    assert str(error).startswith(error.file)


# ------------------------------------------------------------------------------------------------- spikes

RANGES = {"L2_basket": range(0, 10), "L5 pyramidal": range(10, 20), "evprox1": range(20, 30)}


def spikes(trials) -> CellResponse:
    response = CellResponse(list(RANGES)[:2], [[s[0] for s in t] for t in trials], [[s[1] for s in t] for t in trials])
    response.update_types(RANGES)
    return response


@given(st.lists(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 29)), max_size=8), min_size=1, max_size=12))
@same_folder
def test_spikes_round_trip(tmp_path_factory, trials):
    folder = tmp_path_factory.mktemp("spikes")
    response = spikes(trials)
    response.write(folder / "spk_%d.txt")
    # More than ten trials: by name alone, trial 10 would come before trial 2.
    back = read_spikes(folder / "spk_*.txt")
    assert back == response
    # Without the column of types they come from the gids.
    for path in folder.iterdir():
        lines = [line.split("\t")[:2] for line in path.read_text().splitlines()]
        path.write_text("".join("\t".join(line) + "\n" for line in lines))
    assert read_spikes(folder / "spk_*.txt", RANGES) == response


def test_form_of_a_spike_file(tmp_path):
    spikes([[(2.3456, 3), (7.89, 25)]]).write(tmp_path / "spk.txt")
    assert (tmp_path / "spk.txt").read_text() == "2.346\t3\tL2_basket\n7.890\t25\tevprox1\n"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("spk_%d.txt", ["spk_0.txt", "spk_1.txt"]),
        ("spk_%03d.txt", ["spk_000.txt", "spk_001.txt"]),
        ("spk_{0}.txt", ["spk_0.txt", "spk_1.txt"]),
        ("100%_{}.txt", ["100%_0.txt", "100%_1.txt"]),
    ],
)
def test_place_of_the_trial_in_the_name(tmp_path, name, made):
    spikes([[(1.0, 1)], []]).write(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == made


def test_several_trials_need_several_names(tmp_path):
    # HNN-core writes each trial over the last.
    with pytest.raises(InvalidValue, match=r"must have %d or \{0\} in the file's name: there are 2 trials"):
        spikes([[(1.0, 1)], [(2.0, 1)]]).write(tmp_path / "spk.txt")
    with pytest.raises(InvalidValue, match="no spikes to write"):
        CellResponse().write(tmp_path / "spk_%d.txt")
    assert not list(tmp_path.iterdir())


def test_no_trial_is_written_where_one_can_not_be(tmp_path):
    (tmp_path / "spk_1.txt").mkdir()
    with pytest.raises(OutputError, match=r"spk_1\.txt: is a folder"):
        spikes([[(1.0, 1)], [(2.0, 1)]]).write(tmp_path / "spk_%d.txt")
    assert os.listdir(tmp_path) == ["spk_1.txt"]


def test_read_spikes_can_be_analysed_by_type(tmp_path):
    # HNN-core gives {} here.
    spikes([[(2.0, 3), (7.0, 12), (8.0, 25)]]).write(tmp_path / "spk_%d.txt")
    rates = read_spikes(str(tmp_path / "spk_0.txt")).mean_rates(0, 10, RANGES)
    assert rates == pytest.approx({"L2_basket": 10, "L5 pyramidal": 10, "evprox1": 10})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.0\t2\n", "no third column with types: give gid_ranges"),
        ("1.0\t2\tL2_basket\n3.0\n", "line 2: '3.0' is no spike"),
        ("1.0\t2.5\tL2_basket\n", "line 1: .* is no spike"),
        ("early\t2\tL2_basket\n", "line 1"),
    ],
)
def test_text_that_is_no_spikes(tmp_path, text, message):
    (tmp_path / "spk_0.txt").write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read_spikes(tmp_path / "spk_*.txt")


def test_no_spike_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches"):
        read_spikes(tmp_path / "spk_*.txt")


def test_a_dipole_array_survives_text_whatever_it_holds(tmp_path):
    finite = st.floats(allow_nan=False, allow_infinity=False, width=32)

    @given(hnp.arrays(np.float64, (5, 3), elements=finite))
    @same_folder
    def check(values):
        Dipole(np.arange(5.0), values).write(tmp_path / "dpl.txt")
        back = read_dipole(tmp_path / "dpl.txt")
        np.testing.assert_allclose(np.column_stack(list(back.data.values())), values, rtol=1e-9)

    check()
