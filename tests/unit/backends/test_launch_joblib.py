"""What goes to joblib's workers and how, without starting any."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import tempfile

import joblib
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.parcel import read_parcel, write_parcel
from hnnlib.backends.launch.work import call, run_network, run_trial
from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import digest_of


@pytest.fixture(scope="module")
def plan(small_column):
    return compile_plan(small_column, hn.RunSpec(tstop=170.0, n_trials=300))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "file")


class Engine:
    """Takes what it is given, and gives back what that was."""

    threads = 1

    def run(self, plan, trials, progress=None):
        return digest_of(plan), list(trials)


class Fails(Engine):
    def run(self, plan, trials, progress=None):
        raise hn.TrialFailed(trials[0], "diverged") if plan is None else ZeroDivisionError("nothing left")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n_jobs": 0}, r"n_jobs: 0 must be >= 1, or -1 for all cores"),
        ({"n_jobs": True}, r"n_jobs: True must be an integer"),
        ({"n_jobs": 2.0}, r"n_jobs: 2.0 must be an integer"),
        ({"backend": "lokky"}, r"backend: 'lokky' is no joblib backend \(has .*\); did you mean 'loky'"),
    ],
)
def test_what_joblib_can_not_do_is_refused(given, told):
    with pytest.raises(hn.InvalidValue, match=told):
        JoblibLauncher(**given)
    with pytest.raises(hn.InvalidValue, match=told):
        hn.JoblibBackend(**given)


def test_minus_one_is_all_cores():
    assert JoblibLauncher(n_jobs=-1)._workers(10_000) == joblib.effective_n_jobs(-1)
    assert JoblibLauncher(n_jobs=-1)._workers(1) == 1


def test_a_plan_is_read_as_it_was_written(plan, path):
    found = read_parcel(write_parcel(plan, path))
    assert digest_of(found) == digest_of(plan)
    columns = [found.edges.weight, found.edges.site, found.events[7].time_ms, found.cells.position_um]
    assert not any(column.flags.writeable for column in columns)
    assert all(column.ctypes.data % 64 == 0 for column in columns)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_plan_of_many_trials_takes_one_file_handle(plan, path):
    write_parcel(plan, path)
    before = len(os.listdir("/proc/self/fd"))
    found = read_parcel(path)
    assert len(found.events) == 300
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.fixture
def tasks(monkeypatch):
    """Run joblib's tasks in this process, each from its pickle; return the sizes of these (bytes)."""
    sizes = []

    class InThisProcess:
        def __init__(self, *given, **options):
            pass

        def __call__(self, tasks):
            for task in tasks:
                sizes.append(len(pickle.dumps(task)))
                function, arguments, options = pickle.loads(pickle.dumps(task))
                yield function(*arguments, **options)

    monkeypatch.setattr(joblib, "Parallel", InThisProcess)
    monkeypatch.setattr(JoblibLauncher, "_workers", lambda self, n_tasks: 2)
    return sizes


def test_a_task_is_a_number_and_two_names(plan, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    same = digest_of(plan)
    done = list(JoblibLauncher(n_jobs=2).run(Engine(), plan, [3, 1, 2]))
    assert done == [(same, [3]), (same, [1]), (same, [2])]
    seen = []

    class Here(Engine):
        """Has no name that another process could import it by."""

    many = JoblibLauncher(n_jobs=2).run_many(Here(), [plan, plan], lambda *what: seen.append(what))
    assert list(many) == [(k, (same, list(range(300)))) for k in (0, 1)]
    assert seen == [(0, 170.0), (1, 170.0)]
    assert len(tasks) == 5
    assert max(tasks) < 600
    assert os.listdir(tmp_path) == []


@contextlib.contextmanager
def full_disk(n_bytes):
    """No file may grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("how", ["run", "run_many"])
def test_no_room_for_the_plan(plan, tasks, tmp_path, monkeypatch, how):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    launcher = JoblibLauncher(n_jobs=2)
    arriving = launcher.run(Engine(), plan, [0, 1]) if how == "run" else launcher.run_many(Engine(), [plan])
    with (
        full_disk(50_000),
        pytest.raises(hn.OutputError, match=r"hnnlib-\S*: can't take the network \(File too large\); TMPDIR"),
    ):
        list(arriving)
    assert os.listdir(tmp_path) == []


def test_no_folder_for_temporary_files(plan, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(hn.OutputError, match=r"gone: can't take a folder for the workers \(No such file"):
        list(JoblibLauncher(n_jobs=2).run(Engine(), plan, [0, 1]))


def test_errors_come_back_with_the_trial():
    told = call(run_trial, (Fails(), None), 4, "trial", 4)
    assert isinstance(told, hn.TrialFailed)
    assert str(told) == "trial 4 failed: diverged"
    told = call(run_trial, (Fails(), np.zeros(1)), 4, "trial", 4)
    assert isinstance(told, hn.TrialFailed)
    assert str(told).startswith("trial 4 failed: ZeroDivisionError: nothing left (test_launch_joblib.py, line ")


def test_errors_come_back_with_the_network(plan):
    told = call(run_network, Fails(), plan, "network", 7)
    assert isinstance(told, hn.SimulationError)
    assert str(told).startswith("network 7 failed: ZeroDivisionError: nothing left (test_launch_joblib.py, line ")
