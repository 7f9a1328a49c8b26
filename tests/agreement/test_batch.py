"""Batches: what each run gives is what it gives alone, failures are noted, and what was done survives a kill."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.launch.mpi_world import job_environment

SCRIPT = """
import sys
import hnnlib as hn

def net():
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
    net.put("drives.evprox1.mu", 8.0)
    return net

def rows(result):
    return {"n_spikes": len(result.cell_response.spike_times[0])}

def batch(n, **options):
    sweep = hn.Sweep.sobol({"drives.evprox1.mu": (5.0, 12.0), "connections.4.weight": (1e-4, 1e-2, "log")}, n)
    summary = [hn.DipolePeaks(), hn.SpikeRates(counts=True), rows]
    options = {"tstop": 20.0, "engine": "fast", "vary_seed": True, "keep": "dipole", **options}
    return hn.run_batch(net(), sweep, summary=summary, **options)

if __name__ == "__main__":
    batch(int(sys.argv[2]), out=sys.argv[1])
"""
TIMES = ("seconds", "cpu_s", "kept")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    file = tmp_path_factory.mktemp("script") / "sweeping.py"
    file.write_text(SCRIPT)
    return file


@pytest.fixture(scope="module")
def batch(script):
    return runpy.run_path(str(script), run_name="sweeping")["batch"]


@pytest.fixture(scope="module")
def whole(batch):
    """The batch, run without interruption in this process."""
    return batch(60)


def assert_same(one, other):
    assert list(one.columns) == list(other.columns)
    for name, column in one.columns.items():
        if name not in TIMES:
            np.testing.assert_array_equal(column, other.columns[name], err_msg=name)
    for number in one.columns["number"]:
        mine, theirs = one.dipole(number), other.dipole(number)
        assert mine.data["agg"].tobytes() == theirs.data["agg"].tobytes()


def test_each_run_is_what_it_is_alone(whole):
    assert len(whole) == whole.n_runs == 60
    assert (whole.missing, whole.failed) == ((), {})
    table = whole.table()
    assert list(table.index) == list(range(60))
    assert table["positive_peak"].nunique() > 30  # the sweep does something
    for number in (0, 17, 59):
        row = table.loc[number]
        net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
        for path in ("drives.evprox1.mu", "connections.4.weight"):
            net.put(path, row[path])
        alone = hn.simulate(net, tstop=20.0, engine="fast", seed=int(row["seed"]))
        assert row["seed"] == number
        assert whole.dipole(number).data["agg"].tobytes() == alone.dipole.data["agg"].tobytes()
        assert row["n_spikes"] == len(alone.cell_response.spike_times[0])
        for name, value in hn.DipolePeaks()(alone).items():
            np.testing.assert_equal(row[name], value)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_give_the_same(batch, whole, backend, tmp_path):
    assert_same(whole, batch(60, launcher=JoblibLauncher(2, backend), out=tmp_path / "kept"))


def test_a_batch_that_is_killed_and_resumed_equals_one_that_was_not(script, batch, whole, tmp_path, wait_until):
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, script, out, "60"])
    try:
        wait_until(lambda: process.poll() is not None or n_lines(out) > 15, limit=120.0)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL
    n_done = len(hn.read_batch(out))
    assert 15 <= n_done < 60
    with open(out / "index.csv", "ab") as index:
        index.write(b"59,done,,0,abc")  # a row that was cut off in the middle
    assert len(hn.read_batch(out)) == n_done
    seen = []
    resumed = batch(60, out=out, resume=True, progress=lambda *told: seen.append(told))
    assert seen == [(k, 60) for k in range(n_done + 1, 61)]  # no run is done twice
    assert_same(whole, resumed)
    assert_same(whole, hn.read_batch(out))
    larger = batch(64, out=out, resume=True)
    assert len(larger) == 64
    with pytest.raises(hn.InvalidValue, match=r"out: .* holds 4 runs that are done and not in this sweep"):
        batch(60, out=out, resume=True)
    assert len(hn.read_batch(out)) == 64


def n_lines(out):
    index = Path(out) / "index.csv"
    return index.read_bytes().count(b"\n") if index.exists() else 0


def test_a_hundred_runs_of_which_some_fail(tmp_path, caplog):
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(3, 3))
    celsius = [6.3] * 100
    celsius[40] = 1e5  # diverges
    sigma = [2.0 + 0.01 * k for k in range(100)]
    sigma[70] = -1.0  # is not allowed
    sweep = hn.Sweep.zip({"celsius": celsius, "drives.evprox1.sigma": sigma})

    def fussy(result):
        spread = result.provenance["network"]["drives"]["evprox1"]["sigma"]
        return {"inverse": 1.0 / (spread - sigma[20])}

    options = {"tstop": 5.0, "engine": "fast", "summary": [hn.SpikeRates(), fussy]}
    batch = hn.run_batch(net, sweep, launcher=JoblibLauncher(2), out=tmp_path / "batch", **options)
    assert len(batch) == 100
    assert sorted(batch.failed) == [20, 40, 70]
    assert batch.failed[20].startswith("run 20 failed: ZeroDivisionError: float division by zero (test_batch.py, line")
    assert "no finite number" in batch.failed[40]
    assert batch.failed[70] == "InvalidValue: drives.evprox1.sigma: -1.0 must be >= 0 ms"
    done = batch.columns["status"] == "done"
    assert done.sum() == 97
    assert np.isfinite(batch.columns["inverse"][done]).all()
    assert np.isnan(batch.columns["inverse"][~done]).all()
    assert np.isfinite(batch.columns["cpu_s"][done]).all()
    with pytest.raises(hn.InvalidValue, match=r"number: 40 failed: .*no finite number"):
        batch.dipole(40)
    with pytest.raises(hn.InvalidValue, match="number: 3 is a run of which nothing was kept"):
        batch.dipole(3)


def test_whole_results_and_a_function_that_sets_parameters(tmp_path):
    net = hn.jones_2009_model(mesh_shape=(2, 2))
    before = net.spec

    def set_params(net, values):
        net.add_evoked_drive(
            "only", mu=values["when"], sigma=0.5, numspikes=1, location="proximal", weights_ampa={"L5_pyramidal": 0.1}
        )

    sweep = hn.Sweep.grid({"when": [2.0, 6.0], "run.tstop": [8.0, 12.0]})
    options = {"tstop": 10.0, "engine": "fast", "keep": "result", "summary": hn.SpikeRates(), "n_trials": 2}
    batch = hn.run_batch(net, sweep, set_params=set_params, out=tmp_path / "results", **options)
    assert net.spec is before
    for number, (when, tstop) in enumerate([(2.0, 8.0), (2.0, 12.0), (6.0, 8.0), (6.0, 12.0)]):
        result = hn.read_batch(tmp_path / "results").result(number)
        assert result.n_trials == 2
        assert result.dipoles[0].times[-1] == pytest.approx(tstop)
        assert result.provenance["network"]["drives"]["only"]["mu"] == when
        assert batch.dipole(number).nave == 2
    with pytest.raises(hn.InvalidValue, match="holds another batch, which differs in: set_params"):
        hn.run_batch(net, sweep, set_params=lambda net, values: None, out=batch.folder, resume=True, **options)


ON_RANKS = """
import sys
import hnnlib as hn
net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
sweep = hn.Sweep.zip({"drives.evprox1.sigma": [1.0, 2.0, -1.0, 3.0, 4.0]})
launcher = hn.MPIBackend().launcher
for options in ({"out": sys.argv[1]}, {}, {"out": sys.argv[1], "resume": True}):
    batch = hn.run_batch(net, sweep, tstop=15.0, engine="fast", launcher=launcher, keep="dipole", **options)
    assert (len(batch), list(batch.failed), batch.dipole(4).nave) == (5, [2], 1)
try:
    hn.run_batch(net, sweep, tstop=15.0, engine="fast", launcher=launcher, out=sys.argv[1])
except hn.OutputError as error:
    open(f"{sys.argv[1]}/told-{launcher.leads}", "w").write(str(error))
"""


def test_ranks_that_run_a_script_together_share_a_batch(tmp_path):
    pytest.importorskip("mpi4py")
    try:
        mpiexec = MPILauncher(n_procs=2).mpi_cmd
    except hn.MPIUnavailable as error:
        pytest.skip(str(error))
    (tmp_path / "script.py").write_text(ON_RANKS)
    done = subprocess.run(
        [*mpiexec, "-n", "2", sys.executable, "script.py", str(tmp_path / "batch")],
        env=job_environment(os.environ, sys.path, own_mpi=True),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told = {file.name: file.read_text() for file in (tmp_path / "batch").glob("told-*")}
    assert sorted(told) == ["told-False", "told-True"]  # an error of the first rank is one on all
    assert all("holds a batch already" in text for text in told.values())


def test_what_cannot_be_run_is_told_before_anything_runs(tmp_path, monkeypatch):
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
    out = tmp_path / "none"
    for sweep, told in (
        (hn.Sweep.grid({"drives.evprox1.muu": [1.0]}), r"drives.evprox1: 'muu' is no field .*did you mean 'mu'"),
        (
            hn.Sweep.random({"drives.evporx1.mu": (1.0, 2.0)}, 5),
            r"drives: 'evporx1' is no name .*did you mean 'evprox1'",
        ),
        ([{"run.tstop": 5.0}, {"run.tsop": 5.0}], r"'tsop' is no field .*did you mean 'tstop'"),
        ([{"drives.evprox1.sigma": -2.0}], r"sigma: -2.0 must be >= 0 ms"),
        ([], "sweep: .* must hold at least one run"),
        (iter([{"run.seed": 1}]), "sweep: .* must be a Sweep, or a list"),
        ([3], "sweep: 3 must be a mapping"),
    ):
        with pytest.raises(hn.InvalidValue, match=told):
            hn.run_batch(net, sweep, tstop=5.0, out=out)
    fine = hn.Sweep.grid({"run.seed": [1]})
    for options, told in (
        ({"keep": "dipoles"}, "keep: 'dipoles' is no choice, nor a function .*did you mean 'dipole'"),
        ({"summary": ["peaks"]}, r"summary\[0\]: 'peaks' must be a function"),
        ({"resume": True}, "resume: True needs out"),
        ({"tstop": -1.0}, "tstop: -1.0 must be > 0 ms"),
        ({"engine": "fsat"}, "engine: 'fsat' is no engine .*did you mean 'fast'"),
    ):
        with pytest.raises(hn.InvalidValue, match=told):
            hn.run_batch(net, fine, **{"tstop": 5.0, **options})
    assert not out.exists()
