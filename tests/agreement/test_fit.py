"""Fits of simulated columns: any launcher, a process that is killed, the command, the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.cli.main import main
from hnnlib.optimization import CMAES, write_report

SCRIPT = """
import sys
import numpy as np
import hnnlib as hn
from hnnlib.optimization import CMAES

def problem():
    net = hn.jones_2009_model(
        hn.read_params(hn.param_file("default")), add_drives_from_params=True, mesh_shape=(2, 2)
    )
    times = np.arange(0.0, 50.5, 0.5)
    target = hn.Target(times, 30.0 * np.exp(-(((times - 35.0) / 6.0) ** 2)))
    free = [
        hn.Free("drives.evprox1.mu", 15.0, 40.0),
        hn.Free("drives.evprox1.weights.L5_pyramidal.ampa", 1e-3, 1e-1, "log"),
    ]
    return hn.Problem(net, free, hn.RMSE(target, smooth=10, scale="fit"), tstop=50.0, dt=0.05)

if __name__ == "__main__":
    hn.fit(problem(), CMAES(popsize=6), max_trials=int(sys.argv[2]), seed=3, out=sys.argv[1],
           resume="resume" in sys.argv)
"""
TRIALS = 44


@pytest.fixture(scope="module")
def problem():
    scope = {"__name__": "fit_script"}
    exec(compile(SCRIPT, "fit_script.py", "exec"), scope)
    return scope["problem"]


@pytest.fixture(scope="module")
def whole(problem):
    return hn.fit(problem(), CMAES(popsize=6), max_trials=TRIALS, seed=3)


def same(one, other):
    for a, b in zip(one.evaluations, other.evaluations, strict=True):
        assert np.array_equal(a.values, b.values)
        assert (a.loss, dict(a.parts)) == (b.loss, dict(b.parts))
        assert np.array_equal(a.residuals, b.residuals)
    assert one.best == other.best


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_a_fit_is_the_same_for_any_number_of_workers(problem, whole, n_jobs):
    launcher = hn.JoblibBackend(n_jobs=n_jobs).launcher
    same(hn.fit(problem(), CMAES(popsize=6), max_trials=TRIALS, seed=3, launcher=launcher), whole)


def test_common_random_numbers(problem):
    one = problem()
    again = one.losses([{}, {"drives.evprox1.mu": 30.0}, {}])
    assert again[0] == again[2] != again[1]
    assert one.trials_run == 3


def test_a_fit_that_is_killed_goes_on_to_the_same_end(whole, tmp_path):
    script, out = tmp_path / "script.py", tmp_path / "fit.h5"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(out), str(TRIALS)]
    running = subprocess.Popen(words)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and running.poll() is None:
            try:
                if len(hn.read_fit(out).evaluations) >= TRIALS // 2:
                    break
            except (FileNotFoundError, hn.HnnlibError):  # nothing is there yet
                pass
            time.sleep(0.01)
    finally:
        running.kill()
        running.wait()
    killed = hn.read_fit(out)
    assert len(killed.evaluations) >= TRIALS // 2
    if killed.finished:
        pytest.skip("the machine was too slow to be killed in time")
    subprocess.run([*words, "resume"], check=True)
    resumed = hn.read_fit(out)
    assert resumed.ending["evaluations of earlier runs"] == len(killed.evaluations)
    same(resumed, whole)


def test_the_fit_can_be_simulated_and_reported(problem, whole, tmp_path):
    traces = whole.traces["rmse"]
    simulated = hn.simulate(whole.network, tstop=50.0, dt=0.05)
    objective = problem().objective
    assert np.array_equal(objective.shown(simulated), traces["fit"])
    assert objective(simulated) == whole.loss
    write_report(whole, tmp_path / "fit.html", title="A <fit>")
    page = (tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "A &lt;fit&gt;" in page
    assert page.count("<img") == 2
    assert "http" not in page.replace("http://www.w3.org", "")  # it needs nothing else
    for path in (*whole.names, "drives.evprox2.mu"):
        assert path in page


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    assert main(["fit", "--example", str(folder), "--quiet"]) == 0
    plain = json.loads((folder / "fit.json").read_text())
    plain["simulation"]["n_trials"] = 1
    plain["search"] = {"method": "regression", "max_trials": 60, "samples": 12}
    (folder / "fit.json").write_text(json.dumps(plain))
    return folder


def test_the_command_fits_the_example(example, capsys):
    assert main(["fit", str(example)]) == 0
    said = capsys.readouterr().out
    assert "drives.evprox1.mu" in said
    fit = hn.read_fit(example / "fit.h5")
    assert fit.finished
    assert fit.loss < 0.8 * fit.evaluations[0].loss
    assert (example / "fit.html").is_file()
    before = [tuple(one.values) for one in fit.evaluations]
    assert main(["fit", str(example), "--resume", "--jobs", "2", "--quiet"]) == 0
    again = hn.read_fit(example / "fit.h5")
    assert [tuple(one.values) for one in again.evaluations] == before
    assert again.ending["evaluations of earlier runs"] == len(before)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"serch": {}}, "did you mean 'search'"),
        ({"search": {"method": "cma", "popsise": 3}}, "did you mean 'popsize'"),
        ({"search": {"method": "cmo"}}, "did you mean 'cma'"),
        ({"free": [{"path": "drives.evprox1.sigmma", "low": 1, "high": 2}]}, "did you mean 'sigma'"),
        ({"free": [{"path": "drives.evprox1.mu", "low": 2, "high": 2}]}, "are equal"),
        ({"free": [{"path": "drives.evprox1.mu", "low": 0, "high": 2, "scale": "log"}]}, "log scale"),
        ({"free": [{"path": "drives.evprox1.mu", "low": 2}]}, "lacks high"),
        ({"objective": {"kind": "RSME"}}, "did you mean 'RMSE'"),
        ({"objective": {"kind": "RMSE", "tstop": 170.0}}, "shorter than the window"),
        ({"target": {"file": "none.csv", "unit": "nAm"}}, "none.csv"),
        ({"target": {"file": "target.csv"}}, "lacks unit"),
        ({"simulation": {"dt": 0.05}}, "lacks tstop"),
    ],
)
def test_mistakes_in_a_configuration_are_told(example, tmp_path, capsys, change, told):
    plain = {**json.loads((example / "fit.json").read_text()), **change}
    (tmp_path / "target.csv").write_text((example / "target.csv").read_text())
    (tmp_path / "fit.json").write_text(json.dumps(plain))
    assert main(["fit", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "fit.h5")


def test_a_nan_in_the_target_file_is_told(example, tmp_path, capsys):
    lines = (example / "target.csv").read_text().splitlines()
    lines[11] = "10,nan"
    (tmp_path / "target.csv").write_text("\n".join(lines))
    (tmp_path / "fit.json").write_text((example / "fit.json").read_text())
    assert main(["fit", str(tmp_path)]) == 2
    assert "10 ms" in capsys.readouterr().err


def test_no_configuration(tmp_path, capsys):
    assert main(["fit"]) == 2
    assert main(["fit", str(tmp_path / "none.json")]) == 2
    assert "--example" in capsys.readouterr().err
    (tmp_path / "fit.json").write_text("{")
    assert main(["fit", str(tmp_path)]) == 2
    assert "line 1" in capsys.readouterr().err
