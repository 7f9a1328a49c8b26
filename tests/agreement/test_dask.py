"""Trials and networks over a Dask cluster: the same numbers, and clear words when workers or the scheduler are lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hnnlib as hn
from hnnlib.backends.launch.dask import DaskLauncher
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.compile.build import compile_plan

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def settings():
    """Fewer deaths before Dask gives a task up, and no long wait for the address of a dead worker."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.comm.timeouts.connect": "5s"}):
        yield


def make_cluster(n_workers):
    return distributed.LocalCluster(
        n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs="CRITICAL"
    )


@pytest.fixture(scope="module")
def client(settings):
    with make_cluster(2) as cluster, distributed.Client(cluster) as client:
        yield client


def start_worker(address, *options, **environment):
    """Start a worker by the command line, as on another machine."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", "worker", address, "--no-dashboard", "--no-nanny", *options],
        cwd=os.sep,  # -m lets modules of the current folder come first
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )


def stop(process):
    process.terminate()
    process.wait(timeout=60)


@pytest.mark.parametrize("how", ["client", "address", "by name", "joblib"])
def test_the_same_as_in_one_process(rich, rich_serial, client, how):
    launcher = {
        "client": DaskLauncher(client),
        "address": DaskLauncher(client.scheduler.address),
        "by name": "dask",
        "joblib": JoblibLauncher(n_jobs=2, backend="dask"),
    }[how]
    seen = []
    spread = rich.run(n_trials=3, launcher=launcher, progress=lambda *what: seen.append(what))
    rich.assert_same(rich_serial, spread)
    assert spread.provenance["launcher"] == ("joblib" if how == "joblib" else "dask")
    assert sorted(seen) == [(k, rich.tstop) for k in range(3)]
    assert client.status == "running"


def test_whole_networks(rich, rich_serial, other_network, client):
    nets = [rich.net, other_network, rich.net]
    with hn.DaskBackend(client, engine="neuron"):
        many = hn.simulate_many(nets, tstop=rich.tstop, n_trials=2, record=rich.record)
    for found, expected in zip(many, [rich_serial, rich.run(other_network, n_trials=2), rich_serial], strict=True):
        rich.assert_same(found, expected, n_trials=2)


def test_the_fast_engine_too(client):
    net = hn.jones_2009_model(mesh_shape=(2, 2), add_drives_from_params=True)
    alone = hn.simulate(net, tstop=20.0, n_trials=8, engine="fast")
    spread = hn.simulate(net, tstop=20.0, n_trials=8, engine="fast", launcher=DaskLauncher(client))
    assert [d.data["agg"].tobytes() for d in alone.dipoles] == [d.data["agg"].tobytes() for d in spread.dipoles]


def test_a_killed_workers_trials_are_run_elsewhere(rich, rich_serial, faulty_engine, client, tmp_path):
    folder = str(tmp_path)

    def killed_once(plan, trial):
        note = Path(folder, "killed")
        if not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return plan

    spread = rich.run(n_trials=3, engine=faulty_engine(killed_once, [1]), launcher=DaskLauncher(client))
    assert (tmp_path / "killed").exists()
    rich.assert_same(rich_serial, spread)


def test_a_trial_that_kills_every_worker_is_named(rich, rich_serial, faulty_engine, client):
    def dies(plan, trial):
        os._exit(3)

    with pytest.raises(
        hn.SimulationError, match=r"trial 0 was given to 2 workers, and all of them died, the last at tcp"
    ):
        rich.run(n_trials=1, engine=faulty_engine(dies, [0]), launcher=DaskLauncher(client))
    rich.assert_same(rich_serial, rich.run(n_trials=2, launcher=DaskLauncher(client)), n_trials=2)


def test_a_trial_that_fails_is_named_and_does_no_harm(rich, rich_serial, breaking_engine, faulty_engine, client):
    def fails(plan, trial):
        return {}["no such key"]

    launcher = DaskLauncher(client)
    with pytest.raises(hn.TrialFailed, match=r"trial 2 failed: .* is no finite number from t = .* ms on") as caught:
        rich.run(n_trials=4, engine=breaking_engine, launcher=launcher)
    assert caught.value.trial == 2
    assert caught.value.__cause__ is None  # what the worker's own frames were is noise
    with pytest.raises(hn.TrialFailed, match=r"trial 1 failed: KeyError: 'no such key' \(test_dask.py, line \d+\)"):
        rich.run(n_trials=2, engine=faulty_engine(fails, [1]), launcher=launcher)
    rich.assert_same(rich_serial, rich.run(n_trials=2, launcher=launcher), n_trials=2)


def test_whoever_stops_reading_leaves_nothing_on_the_cluster(rich, client, wait_until):
    def tasks():
        return client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.tasks))

    before = tasks()
    plan = compile_plan(rich.net.spec, hn.RunSpec(tstop=20.0, n_trials=12))
    arriving = DaskLauncher(client).run(hn.NeuronEngine(), plan, range(12))
    assert len(next(arriving).trials) == 1
    assert tasks() - before
    arriving.close()
    wait_until(lambda: not tasks() - before)
    assert client.status == "running"


def test_a_worker_that_comes_late_and_has_two_threads(rich, rich_serial, settings):
    with make_cluster(0) as cluster:
        worker = start_worker(cluster.scheduler_address, "--nthreads", "2")
        try:
            spread = rich.run(n_trials=3, launcher=DaskLauncher(cluster.scheduler_address, timeout=120))
        finally:
            stop(worker)
    rich.assert_same(rich_serial, spread)


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ('__version__ = "0.0.1"', r"tcp://\S+ has 0\.0\.1"),
        ("import no_such_module", r"tcp://\S+ has none \(.*no_such_mod"),
    ],
)
def test_a_worker_with_another_hnnlib_is_refused(rich, settings, tmp_path, package, told):
    (tmp_path / "hnnlib").mkdir()
    (tmp_path / "hnnlib" / "__init__.py").write_text(package)
    with make_cluster(0) as cluster:
        worker = start_worker(cluster.scheduler_address, PYTHONPATH=str(tmp_path))
        try:
            launcher = DaskLauncher(cluster.scheduler_address, timeout=120)
            with pytest.raises(hn.SimulationError, match=rf"Dask workers need hnnlib {hn.__version__}.*{told}"):
                rich.run(n_trials=1, launcher=launcher)
        finally:
            stop(worker)


def test_lost_workers_and_a_lost_scheduler_are_told(rich, settings):
    plan = compile_plan(rich.net.spec, hn.RunSpec(tstop=20.0, n_trials=20))
    with make_cluster(0) as cluster:
        launcher = DaskLauncher(cluster.scheduler_address, timeout=1.0)
        no_worker = r"Dask cluster of tcp://\S+ has had no worker for 1 s: start some \(dask worker tcp://\S+\)"
        with pytest.raises(hn.SimulationError, match=no_worker):
            next(launcher.run(hn.NeuronEngine(), plan, range(20)))
        for lose, told in ((lambda: cluster.scale(0), no_worker), (cluster.close, "the Dask scheduler is gone: ")):
            cluster.scale(1)
            cluster.wait_for_workers(1, timeout=120)
            arriving = launcher.run(hn.NeuronEngine(), plan, range(20))
            next(arriving)
            lose()
            begin = time.monotonic()
            with pytest.raises(hn.SimulationError, match=told):
                list(arriving)
            assert time.monotonic() - begin < 10.0


def test_a_closed_client_is_told(rich, settings):
    with make_cluster(0) as cluster:
        closed = distributed.Client(cluster)
        closed.close()
        with pytest.raises(hn.SimulationError, match=r"the Dask client .* is closed"):
            rich.run(n_trials=1, launcher=DaskLauncher(closed))
