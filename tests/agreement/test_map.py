"""Any function over any launcher: values as they end, lazily made items, errors as values, and nothing left behind."""

from __future__ import annotations

import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

import hnnlib as hn
from hnnlib.backends.launch.dask import DaskLauncher
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.launch.mpi_world import job_environment
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.base.errors import MPIUnavailable


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs="CRITICAL"
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def make(request, tmp_path, monkeypatch):
    """Return a function that makes a launcher of two workers by name; what it writes, it writes into a new folder."""

    def launcher(name):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        if name == "serial":
            return SerialLauncher()
        if name == "dask":
            return DaskLauncher(request.getfixturevalue("client"))
        if name == "mpi":
            if importlib.util.find_spec("mpi4py") is None:
                pytest.skip("mpi4py is not installed")
            try:
                return MPILauncher(n_procs=2)
            except MPIUnavailable as error:
                pytest.skip(str(error))
        return JoblibLauncher(n_jobs=2, backend=name)

    yield launcher
    assert list(tmp_path.glob("hnnlib-*")) == []


NAMES = ("serial", "loky", "threading", "dask", "mpi")
APART = ("loky", "dask", "mpi")  # whose workers are other processes


class Counts:
    """Something that is dear to make: how many calls it has served is told with each."""

    def __init__(self):
        self.calls = 0


@pytest.mark.parametrize("name", NAMES)
def test_every_item_once_with_what_was_given_once(make, name):
    factor = 3  # of the closure

    def times(given, item):
        given.calls += 1
        return factor * item, os.getpid(), given.calls

    launcher = make(name)
    done = dict(launcher.map(times, range(20), Counts()))
    assert {number: value[0] for number, value in done.items()} == {k: 3 * k for k in range(20)}
    pids = {pid for _, pid, _ in done.values()}
    assert (os.getpid() in pids) == (name not in APART)
    for pid in pids:  # in each worker the same object, all along
        calls = sorted(n for _, where, n in done.values() if where == pid)
        assert calls == list(range(1, len(calls) + 1))
    assert list(launcher.map(times, [], Counts())) == []


@pytest.mark.parametrize("name", NAMES)
def test_items_are_made_as_they_are_needed_and_closing_ends_the_work(make, name):
    made = []

    def items():
        for k in itertools.count():
            made.append(k)
            yield {"k": k}

    with closing(make(name).map(lambda given, item: given["offset"] + item["k"], items(), {"offset": 10})) as arriving:
        seen = dict(itertools.islice(arriving, 5))
    assert all(value == 10 + number for number, value in seen.items())
    assert len(made) < 500


def fails(given, item):
    if item == 1:
        raise hn.InvalidValue("weight", -1.0, "must be >= 0")
    return 1 / (item - 2)


@pytest.mark.parametrize("name", NAMES)
def test_errors_come_back_as_values(make, name):
    done = dict(make(name).map(fails, range(4), what="run"))
    assert (done[0], done[3]) == (-0.5, 1.0)
    assert isinstance(done[1], hn.InvalidValue)
    assert (done[1].path, str(done[1])) == ("weight", "weight: -1.0 must be >= 0")
    assert isinstance(done[2], hn.SimulationError)
    assert str(done[2]).startswith("run 2 failed: ZeroDivisionError: division by zero (test_map.py, line ")


@pytest.mark.parametrize("name", NAMES)
def test_an_error_of_the_items_is_the_callers(make, name):
    def items():
        yield 5
        raise KeyError("no more of these")

    with pytest.raises(KeyError, match="no more of these"):
        list(make(name).map(lambda given, item: item, items()))


@pytest.mark.parametrize("name", ["loky", "mpi"])
def test_a_killed_worker_is_told(make, name):
    def killed(given, item):
        if item == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    launcher = make(name)
    begin = time.monotonic()
    with pytest.raises(hn.SimulationError, match=r"(?s)runs? .*\b3\b|in run 3\b"):
        list(launcher.map(killed, range(8), what="run"))
    assert time.monotonic() - begin < 60.0
    assert dict(launcher.map(lambda given, item: item, range(3))) == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("name", ["loky", "mpi"])
def test_closing_leaves_no_process_at_work(make, name, tmp_path, wait_until, is_gone):
    folder = str(tmp_path)

    def sleeps(given, item):
        if item:
            Path(folder, f"pid-{os.getpid()}").touch()
            time.sleep(600)

    with closing(make(name).map(sleeps, range(3))) as arriving:
        assert next(arriving) == (0, None)
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) >= 1)
    wait_until(lambda: all(is_gone(int(note.name.removeprefix("pid-"))) for note in tmp_path.glob("pid-*")))


SCRIPT = """
import sys
from hnnlib.backends.launch.mpi import MPILauncher
launcher = MPILauncher()
rank = int(not launcher.leads)
done = dict(launcher.map(lambda given, item: (given + item) / (item - 3), iter(range(5)), 10, what="run"))
assert str(done.pop(3)).startswith("run 3 failed: ZeroDivisionError"), done
assert done == {k: (10 + k) / (k - 3) for k in (0, 1, 2, 4)}, done
open(f"{sys.argv[1]}/fine-{rank}", "w")
list(launcher.map(lambda given, item: item, range(2 + 2 * rank)))
"""


def test_ranks_that_run_a_script_together(make, tmp_path):
    mpiexec = make("mpi").mpi_cmd
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [*mpiexec, "-n", "2", sys.executable, "script.py", str(tmp_path)],
        env=job_environment(os.environ, sys.path, own_mpi=True),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert sorted(file.name for file in tmp_path.glob("fine-*")) == ["fine-0", "fine-1"], done.stderr
    assert done.returncode != 0
    assert "the ranks of this MPI job have different numbers of items" in done.stderr
