"""The command and the public functions give the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest

import hnnlib as hn

pytestmark = pytest.mark.neuron


def command(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "hnnlib", *words], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_the_command_writes_is_what_the_functions_return(tmp_path, jobs):
    words = [
        "--mesh",
        "3x3",
        "--tstop",
        "45",
        "--n-trials",
        "2",
        "--set",
        "drives.evprox1.mu=20",
        "--record-vsec",
        "soma",
    ]
    outputs = ["--out", "run.h5", "--figure", "run.pdf", "--dipoles", "dpl.txt"]
    done = command(tmp_path, "simulate", "default", *words, *outputs, "--jobs", jobs)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["dpl.txt", "dpl_0.txt", "dpl_1.txt", "run.h5", "run.pdf"]
    assert (tmp_path / "run.pdf").read_bytes().startswith(b"%PDF")

    net = hn.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))
    net.put("drives.evprox1.mu", 20.0)
    expected = hn.simulate(net, tstop=45.0, n_trials=2, record={"vsec": "soma"})
    found = hn.read_result(tmp_path / "run.h5")
    assert list(found.dipoles) == list(expected.dipoles)
    for trial in range(2):
        mine, theirs = found.cell_response, expected.cell_response
        np.testing.assert_array_equal(mine.spike_times[trial], theirs.spike_times[trial])
        np.testing.assert_array_equal(mine.spike_gids[trial], theirs.spike_gids[trial])
    assert found.provenance["digest"] == expected.provenance["digest"]
    polished = expected.dipoles[0].copy().smooth(30).scale(3000)
    np.testing.assert_allclose(
        hn.read_dipole(tmp_path / "dpl_0.txt").data["agg"], polished.data["agg"], rtol=1e-9, atol=1e-12
    )

    lines = done.stderr.splitlines()
    assert "24 cells, 3 drives (evdist1, evprox1, evprox2); 2 trials of 45 ms" in lines
    trials = [re.sub(r" after .*", "", line) for line in lines if line.startswith("trial ")]
    assert [line.split(" (")[1] for line in trials] == ["1 of 2)", "2 of 2)"]
    assert {line.split(" (")[0] for line in trials} == {"trial 0 done", "trial 1 done"}  # workers end in any order
    peak = polished.times[np.argmax(polished.data["agg"])]
    assert re.search(rf"^trial 0, scaled by 3000 +\S+ nAm at {peak:.2f} ms", done.stdout, re.MULTILINE)
    assert re.search(r"^evprox1 +24 +24$", done.stdout, re.MULTILINE)

    told = command(tmp_path, "info", "run.h5")
    assert told.returncode == 0
    assert re.search(rf"^launcher +{'serial' if jobs == '1' else 'joblib'}$", told.stdout, re.MULTILINE)
    assert re.search(r"^recorded +vsec$", told.stdout, re.MULTILINE)


def test_a_simulation_that_diverges_is_exit_code_1_and_leaves_nothing(tmp_path):
    words = ["--mesh", "2x2", "--tstop", "5", "--set", "celsius=1e5", "--out", "run.h5", "--quiet"]
    done = command(tmp_path, "simulate", "default", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"hnnlib: error: trial 0 failed: .* is no finite number from t = .* ms on; .*\n", done.stderr)
    assert os.listdir(tmp_path) == []
