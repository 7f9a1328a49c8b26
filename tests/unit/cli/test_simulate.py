"""`hnnlib simulate`: what it asks of `simulate`, what it writes, what it says. A stand-in does the simulating."""

from __future__ import annotations

import io
import os
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import hnnlib as hn


def test_everything_left_out_is_the_files(hnnlib, simulated):
    code, out, _ = hnnlib("simulate", "default")
    (call,) = simulated
    assert code == 0
    assert (call["tstop"], call["dt"], call["n_trials"], call["seed"]) == (170.0, 0.025, 1, 0)
    assert call["spec"].grid.mesh_shape == (10, 10)
    assert list(call["spec"].drives) == ["evdist1", "evprox1", "evprox2"]
    assert (call["engine"], call["jobs"], call["out"]) == ("auto", None, None)
    assert call["record"] == hn.Record()
    # smoothed with 30 ms and scaled by 3000, as default.json says
    expected = hn.Dipole(*bump(170.0)).smooth(30.0).scale(3000)
    assert f"{expected.data['agg'].max():.4g} nAm at 40.00 ms" in out
    assert "dipoles are shown smoothed with a window of 30 ms and scaled by 3000" in out


def bump(tstop):
    times = np.arange(round(tstop / 0.025) + 1) * 0.025
    return times, np.exp(-(((times - 40) / 8) ** 2))


def test_options_reach_the_simulation(hnnlib, simulated):
    words = "--tstop 60 --dt 0.05 --n-trials 3 --seed 7 --mesh 4x3 --jobs 2 --record-vsec soma --record-isec all"
    code, _, _ = hnnlib("simulate", "default", *words.split(), "--record-ca", "apical_1,soma", "--engine", "other")
    (call,) = simulated
    assert code == 0
    assert (call["tstop"], call["dt"], call["n_trials"], call["seed"]) == (60.0, 0.05, 3, 7)
    assert call["spec"].grid.mesh_shape == (4, 3)
    assert (call["engine"], call["jobs"]) == ("other", 2)
    assert call["record"] == hn.Record(vsec="soma", isec="all", ca=("apical_1", "soma"))


def test_resume_reaches_the_simulation(hnnlib, simulated, tmp_path):
    assert hnnlib("simulate", "default", "--out", "run.h5")[0] == 0
    code, _, err = hnnlib("simulate", "default", "--n-trials", "2", "--out", "run.h5", "--resume", "--no-overwrite")
    assert [call["resume"] for call in simulated] == [False, True]
    # the stand-in knows nothing of resuming, so it is it that minds --no-overwrite
    assert (code, "run.h5: exists already" in err) == (2, True)
    lines = [line.split(" after ")[0] for line in err.splitlines() if line.startswith("trial ")]
    assert lines == ["trial 0 done", "trial 1 done"]  # how many are done in all, the command does not know


def test_mpi_reaches_the_simulation(hnnlib, simulated, monkeypatch):
    made = []

    def backend(**given):
        made.append(given)
        return nullcontext()

    monkeypatch.setattr(hn, "MPIBackend", backend, raising=False)
    assert hnnlib("simulate", "default", "--mpi", "3", "--engine", "neuron")[0] == 0
    assert made == [{"n_procs": 3, "engine": "neuron"}]
    assert simulated[0]["engine"] == "neuron"


def test_models_differ(hnnlib, simulated):
    for model in ("neymotin_2020", "law_2021", "calcium"):
        assert hnnlib("simulate", "default", "--model", model, "--mesh", "2x2")[0] == 0
    assert len({call["spec"] for call in simulated}) == 3


def test_set_takes_numbers_lists_words_and_null(hnnlib, simulated):
    changes = ["drives.evprox1.mu=30", "grid.mesh_shape=[3,3]", "drives.evdist1.location=proximal", "baseline=null"]
    changes += ["drives.evprox2.event_seed = null", "connections.4.weight=1e-3"]
    code, _, err = hnnlib("simulate", "default", *(word for c in changes for word in ("--set", c)))
    (call,) = simulated
    spec = call["spec"]
    assert code == 0, err
    assert spec.drives["evprox1"].mu == 30.0
    assert spec.grid.mesh_shape == (3, 3)
    assert spec.drives["evdist1"].location == "proximal"
    assert spec.baseline is None
    assert spec.drives["evprox2"].event_seed is None
    assert spec.connections[4].weight == 1e-3


def test_a_file_here_comes_before_a_shipped_one(hnnlib, simulated, tmp_path):
    (tmp_path / "default.json").write_text('{"tstop": 55.0, "N_trials": 2, "N_pyr_x": 3, "N_pyr_y": 4}')
    assert hnnlib("simulate", "default.json")[0] == 0
    assert hnnlib("simulate", str(tmp_path / "default.json"))[0] == 0
    assert hnnlib("simulate", "default")[0] == 0
    assert [call["tstop"] for call in simulated] == [55.0, 55.0, 170.0]
    assert simulated[0]["n_trials"] == 2
    assert simulated[0]["spec"].grid.mesh_shape == (3, 4)


def test_lenient_leaves_out_what_is_no_parameter(hnnlib, simulated, tmp_path):
    (tmp_path / "old.param").write_text("tstop: 50.\nfavourite_colour: 3\n")
    code, _, err = hnnlib("simulate", "old.param")
    assert (code, simulated) == (2, [])
    assert "favourite_colour" in err
    assert "--lenient" in err
    code, _, err = hnnlib("simulate", "old.param", "--lenient")
    assert code == 0
    assert err.startswith("hnnlib: warning: old.param: left out 1 key(s)")


def test_everything_asked_for_is_written(hnnlib, simulated, tmp_path):
    outputs = ["--out", "run.h5", "--figure", "run.png", "--dipoles", "dpl.txt"]
    code, out, err = hnnlib("simulate", "default", "--tstop", "60", "--n-trials", "2", *outputs)
    assert code == 0, err
    names = ["run.h5", "run.png", "dpl.txt", "dpl_0.txt", "dpl_1.txt"]
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert [line for line in out.splitlines() if line.startswith("wrote")] == [f"wrote {name}" for name in names]
    raw = hn.read_result("run.h5")
    assert raw.dipoles[0].scale_applied == 1.0
    np.testing.assert_allclose(raw.dipoles[0].data["agg"], bump(60.0)[1], rtol=0, atol=0)
    shown = hn.Dipole(*bump(60.0)).smooth(30.0).scale(3000)
    for name in names[2:]:
        np.testing.assert_allclose(hn.read_dipole(name).data["agg"], shown.data["agg"], rtol=1e-9)
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert "in run.h5 they are as simulated" in out


def test_one_trial_is_one_dipole_file(hnnlib, simulated, tmp_path):
    assert hnnlib("simulate", "default", "--dipoles", "dpl.txt", "--smooth", "0", "--scale", "1")[0] == 0
    assert os.listdir(tmp_path) == ["dpl.txt"]
    np.testing.assert_allclose(hn.read_dipole("dpl.txt").data["agg"], bump(170.0)[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "missing/run.h5"], "missing/run.h5: its folder 'missing' does not exist"),
        (["--out", "folder"], "folder: is a folder, not a file"),
        (["--figure", "folder/"], "folder: is a folder, not a file"),
        (["--figure", "run.txt"], "--figure run.txt: must end in "),
        (["--figure", "run"], "--figure run: must end in "),
        (["--dipoles", "dpl.csv"], "--dipoles dpl.csv: must end in .txt"),
        (["--dipoles", "missing/dpl.txt"], "missing/dpl.txt: its folder"),
        (["--n-trials", "2", "--dipoles", "taken.txt"], "taken_1.txt: is a folder"),
        (["--out", "one.h5", "--figure", "./one.h5"], "two outputs have one name"),
        (["--out", "there.h5", "--no-overwrite"], "there.h5: exists already"),
        (["--figure", "there.png", "--no-overwrite"], "there.png: exists already"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_outputs_are_checked_before_the_run(hnnlib, simulated, tmp_path, words, told):
    for folder in ("folder", "taken_1.txt"):
        (tmp_path / folder).mkdir()
    for file in ("there.h5", "there.png"):
        (tmp_path / file).write_text("mine")
    before = sorted(os.listdir(tmp_path))
    code, out, err = hnnlib("simulate", "default", *words)
    assert (code, out, simulated) == (2, "", [])
    assert err.startswith(f"hnnlib: error: {told}")
    assert len(err.splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "there.h5").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--smooth", "0.5"], "--smooth 0.5 or --scale 3000: window_len: 0.5 must be >= 1 ms"),
        (["--smooth", "-3"], "--smooth -3 or --scale 3000: window_len: -3.0 must be >= 1 ms"),
        (["--smooth", "300"], "must fit into the trace"),
        (["--scale", "nan"], "factor: nan must be a finite number"),
        (["--jobs", "0"], "argument --jobs: 0 must be >= 1, or -1 for one per core (see hnnlib simulate --help)"),
        (["--mpi", "0"], "argument --mpi: 0 must be >= 1 (see hnnlib simulate --help)"),
        (["--mpi", "2", "--jobs", "2"], "--mpi and --jobs are two ways to spread a run: choose one"),
        (["--resume"], "--resume needs --out: the file of the run to go on with"),
        (["--mesh", "10"], "argument --mesh: '10' must be two numbers of cells, e.g. 10x10"),
        (["--mesh", "0x3"], "mesh_shape"),
        (["--set", "drives.evprox1.mu"], "--set drives.evprox1.mu: must be PATH=VALUE"),
        (["--set", "=3"], "--set =3: must be PATH=VALUE"),
        (["--model", "jones"], "argument --model: invalid choice: 'jones'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(hnnlib, words, told):
    code, out, err = hnnlib("simulate", "default", *words)
    assert (code, out) == (2, "")
    assert err.startswith("hnnlib: error: ")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_window_of_the_file_that_is_longer_than_the_run_is_left_out(hnnlib, simulated):
    code, out, err = hnnlib("simulate", "default", "--tstop", "20")
    assert code == 0
    assert "hnnlib: warning: the file's smoothing window of 30 ms is longer than the run: not smoothed" in err
    assert "dipoles are shown scaled by 3000" in out


def test_a_seed_without_effect_is_told(hnnlib, simulated):
    assert "--seed changes nothing" in hnnlib("simulate", "default", "--seed", "5")[2]
    assert "--seed" not in hnnlib("simulate", "default", "--seed", "5", "--set", "drives.evprox1.event_seed=null")[2]


def test_a_line_for_each_trial_where_nobody_watches(hnnlib, simulated):
    code, _, err = hnnlib("simulate", "default", "--n-trials", "2", "--mesh", "3x3")
    first, *lines = err.splitlines()
    assert code == 0
    assert first == "24 cells, 3 drives (evdist1, evprox1, evprox2); 2 trials of 170 ms"
    assert [line.split(" after ")[0] for line in lines] == ["trial 0 done (1 of 2)", "trial 1 done (2 of 2)"]


def test_a_line_is_written_in_one_piece(hnnlib, simulated, monkeypatch):
    class Unbuffered(io.StringIO):
        def write(self, text):
            pieces.append(text)

    pieces = []
    monkeypatch.setattr(sys, "stderr", Unbuffered())
    assert hnnlib("simulate", "default", "--n-trials", "2")[0] == 0
    assert len(pieces) == 3
    assert all(piece.endswith("\n") for piece in pieces)  # or Ctrl-C may come before the end of a line


def test_a_bar_on_a_terminal(hnnlib, simulated, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for choice in ((), ("--progress", "bar"), ("--progress", "none"), ("--progress", "lines")):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", Terminal())
            assert hnnlib("simulate", "default", *choice)[0] == 0
    shown = [call["progress"] for call in simulated]
    assert shown[:3] == [True, True, False]
    assert callable(shown[3])


def test_quiet_prints_errors_only(hnnlib, simulated):
    assert hnnlib("simulate", "default", "--quiet", "--seed", "5", "--tstop", "20", "--out", "run.h5") == (0, "", "")
    assert hnnlib("simulate", "default", "--quiet", "--tstop", "-1")[2].startswith("hnnlib: error: tstop")
