"""Trials and networks over joblib's workers: the same numbers, and nothing left behind when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import pytest

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.compile.build import compile_plan

pytestmark = pytest.mark.neuron


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A folder of its own for temporary files, seen by this process only."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_the_same_as_in_one_process(rich, rich_serial, scratch, backend):
    seen = []
    launcher = JoblibLauncher(n_jobs=2, backend=backend)
    spread = rich.run(n_trials=3, launcher=launcher, progress=lambda *what: seen.append(what))
    rich.assert_same(rich_serial, spread)
    assert (spread.provenance["engine"], spread.provenance["launcher"]) == ("neuron", "joblib")
    assert sorted(seen) == [(k, rich.tstop) for k in range(3)]
    assert list(scratch.glob("hnnlib-*")) == []


def test_whole_networks(rich, rich_serial, other_network, scratch):
    nets = [rich.net, other_network, rich.net]
    options = {"tstop": rich.tstop, "n_trials": 2, "record": rich.record, "engine": "neuron"}
    many = hn.simulate_many(nets, launcher=JoblibLauncher(n_jobs=2), **options)
    for found, expected in zip(many, [rich_serial, rich.run(other_network, n_trials=2), rich_serial], strict=True):
        rich.assert_same(found, expected, n_trials=2)
    assert list(scratch.glob("hnnlib-*")) == []


def test_settings_for_other_code_do_not_matter(rich, rich_serial):
    with joblib.parallel_config(backend="threading", n_jobs=1, prefer="threads", require="sharedmem", max_nbytes=10):
        rich.assert_same(rich_serial, rich.run(n_trials=2, launcher=JoblibLauncher(n_jobs=2)), n_trials=2)


def test_a_backend_that_lacks_something_is_refused(rich):
    pytest.importorskip("distributed")
    launcher = JoblibLauncher(n_jobs=2, backend="dask")
    with pytest.raises(hn.InvalidValue, match=r"backend: 'dask' can't be used: .*first create a Dask Client"):
        rich.run(n_trials=2, launcher=launcher)


def test_a_killed_worker_is_told(rich, rich_serial, faulty_engine, scratch, wait_until, is_gone):
    folder = str(scratch)

    def killed(plan, trial):
        Path(folder, f"pid-{os.getpid()}").touch()
        if trial == 1:
            Path(folder, "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return plan

    launcher = JoblibLauncher(n_jobs=2)
    with pytest.raises(hn.SimulationError, match=r"a worker process died \(running: trials? [\d, ]*\b1\b.*SIGKILL"):
        rich.run(n_trials=4, engine=faulty_engine(killed, range(4)), launcher=launcher)
    assert time.time() - (scratch / "killed").stat().st_mtime < 10.0
    pids = [int(note.name.removeprefix("pid-")) for note in scratch.glob("pid-*")]
    assert pids
    wait_until(lambda: all(is_gone(pid) for pid in pids))
    assert list(scratch.glob("hnnlib-*")) == []
    rich.assert_same(rich_serial, rich.run(n_trials=2, launcher=launcher), n_trials=2)


def test_an_error_that_no_engine_foresaw_names_the_trial(rich, faulty_engine):
    def fails(plan, trial):
        return {}["no such key"]

    for launcher in (JoblibLauncher(n_jobs=2), JoblibLauncher(n_jobs=2, backend="threading")):
        with pytest.raises(
            hn.TrialFailed, match=r"trial 1 failed: KeyError: 'no such key' \(test_joblib.py, line \d+\)"
        ):
            rich.run(n_trials=2, engine=faulty_engine(fails, [1]), launcher=launcher)


def test_whoever_stops_reading_ends_the_workers(rich, faulty_engine, scratch, wait_until, is_gone):
    folder = str(scratch)

    def sleeps(plan, trial):
        Path(folder, f"pid-{os.getpid()}").touch()
        time.sleep(600)

    plan = compile_plan(rich.net.spec, hn.RunSpec(tstop=1.0, n_trials=3))
    arriving = JoblibLauncher(n_jobs=2).run(faulty_engine(sleeps, [1, 2]), plan, range(3))
    assert [t.trial for t in next(arriving).trials] == [0]
    wait_until(lambda: len(list(scratch.glob("pid-*"))) == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arriving.close()
    wait_until(lambda: all(is_gone(int(note.name.removeprefix("pid-"))) for note in scratch.glob("pid-*")))
    assert list(scratch.glob("hnnlib-*")) == []


CTRL_C = """
import os, sys, time
from pathlib import Path
import hnnlib as hn

class Sleeps:
    name, options, threads, splits_trials = "sleeps", {}, 1, False
    folder = sys.argv[1]
    def obstacles(self, plan):
        return []
    def run(self, plan, trials, progress=None):
        Path(self.folder, f"pid-{os.getpid()}").touch()
        time.sleep(600)

if __name__ == "__main__":
    net = hn.neymotin_2020_model(mesh_shape=(1, 1))
    with hn.JoblibBackend(n_jobs=2):
        hn.simulate(net, tstop=1.0, n_trials=4, engine=Sleeps())
"""


def test_ctrl_c_ends_the_workers_without_noise(tmp_path, wait_until, is_gone):
    (tmp_path / "script.py").write_text(CTRL_C)
    (tmp_path / "temporary").mkdir()
    script = subprocess.Popen(
        [sys.executable, "script.py", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: script.poll() is not None or len(list(tmp_path.glob("pid-*"))) == 2)
    os.killpg(script.pid, signal.SIGINT)  # as a terminal does: all of its processes hear it
    begin = time.monotonic()
    _, said = script.communicate(timeout=60)
    assert time.monotonic() - begin < 10.0
    assert said.count("Traceback") == 1, said
    assert said.rstrip().endswith("KeyboardInterrupt"), said
    wait_until(lambda: all(is_gone(int(note.name.removeprefix("pid-"))) for note in tmp_path.glob("pid-*")))
    assert list((tmp_path / "temporary").glob("hnnlib-*")) == []


def test_workers_never_hear_ctrl_c():
    """It is the parent's: a worker that hears it while it starts prints a traceback."""
    program = (
        "import signal\n"
        "from joblib import Parallel, delayed\n"
        "from hnnlib.backends.launch.joblib import _ctrl_c_held\n"
        "with _ctrl_c_held():\n"
        "    held = Parallel(2)(delayed(signal.pthread_sigmask)(signal.SIG_BLOCK, []) for _ in range(8))\n"
        "assert all(signal.SIGINT in mask for mask in held), held\n"
        "assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
