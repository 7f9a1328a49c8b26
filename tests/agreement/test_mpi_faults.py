"""Whatever dies in an MPI job: an error that says what and where, and nothing left behind.

Real processes throughout. The limit of 10 s is what hnnlib promises; all other limits are generous.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import MPIUnavailable
from hnnlib.compile.build import compile_plan

PROMISED = 10.0  # s, from the fault to the error
START = 20.0  # s, for ranks to come up on a busy machine, where the fault is in that
PATIENCE = 60.0  # s, for what only has to happen


def why_not():
    if not os.path.isdir("/proc/self"):
        return "processes are looked for in /proc"
    try:
        MPILauncher(n_procs=1)
    except MPIUnavailable as error:
        return str(error)
    return ""


pytestmark = [pytest.mark.neuron, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def wait_until(condition, limit=PATIENCE):
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def plan():
    """Four trials of four cells, of some seconds each: time enough for things to happen."""
    hn.mechanism_library()  # compiled before any clock runs
    net = hn.neymotin_2020_model(mesh_shape=(1, 1))
    net.add_poisson_drive("noise", rate_constant=20.0, location="proximal", weights_ampa={"L5_pyramidal": 0.004})
    return compile_plan(net.spec, hn.RunSpec(tstop=8000.0, n_trials=4))


@pytest.fixture(scope="module")
def short(plan):
    """The same with trials of 10 ms."""
    return attrs.evolve(plan, run=attrs.evolve(plan.run, tstop_ms=10.0))


@pytest.fixture(scope="module")
def bystander():
    """Somebody else's process, which looks like a rank."""
    command = [sys.executable, "-c", "import time; time.sleep(3600)", "-m", "hnnlib.backends.launch.mpi_rank"]
    other = subprocess.Popen(command, start_new_session=True)
    yield other
    alive = other.poll() is None
    other.kill()
    other.wait()
    assert alive


class Scene:
    """What a job has left in the world: its processes know a mark in their environment, its folder stands in ours."""

    def __init__(self, folder, mark):
        self.folder, self.mark = folder, mark

    def processes(self):
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and int(place.name) != os.getpid():
                try:
                    environment = (place / "environ").read_bytes()
                except OSError:
                    continue
                if self.mark.encode() in environment:  # one that has ended and was not waited for has none
                    found.append((int(place.name), (place / "cmdline").read_bytes()))
        return found

    def ranks(self, n):
        """Return the process numbers of all ranks, once all have begun a trial."""
        logs = [log.read_text().splitlines() for log in sorted(self.folder.glob("hnnlib-*/rank-*"))]
        begun = [log for log in logs if len(log) > 1]
        return [json.loads(log[0])["pid"] for log in begun] if len(begun) == n else None

    def soon(self, n, action):
        """Do something to the ranks when all have begun a trial; return where the time of it will stand."""
        done = []

        def wait_and_act():
            ranks = wait_until(lambda: self.ranks(n))
            done.append(time.monotonic())
            action(ranks)

        threading.Thread(target=wait_and_act, daemon=True).start()
        return done


@pytest.fixture
def scene(bystander, tmp_path, monkeypatch):
    """An empty folder for temporary files and a mark; at the end no process and no file may be left there."""
    scene = Scene(tmp_path / "tmp", uuid.uuid4().hex)
    scene.folder.mkdir()
    monkeypatch.setenv("HNNLIB_TEST_MARK", scene.mark)
    monkeypatch.setattr(tempfile, "tempdir", str(scene.folder))
    yield scene
    wait_until(lambda: not scene.processes(), PROMISED)
    assert list(scene.folder.glob("hnnlib-*")) == []
    assert bystander.poll() is None


def collect(launcher, engine, plan, trials=range(4)):
    """Return the trials that came, and the error."""
    came = []
    with pytest.raises(hn.HnnlibError) as caught:  # noqa: PT012
        for records in launcher.run(engine, plan, trials):
            came += [trial.trial for trial in records.trials]
    return came, caught.value


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_is_killed(scene, plan, victim):
    killed = scene.soon(2, lambda ranks: os.kill(ranks[victim], signal.SIGKILL))
    _, error = collect(MPILauncher(n_procs=2, ranks_per_trial=2), NeuronEngine(), plan)
    assert time.monotonic() - killed[0] < PROMISED
    assert isinstance(error, hn.TrialFailed)
    assert error.trial == 0
    assert f"trial 0 failed: rank {victim} (process" in str(error)
    assert "Killed" in str(error)


def test_a_rank_is_killed_after_trials_that_are_kept(scene, short, faulty_engine):
    flag = scene.folder / "flag"

    def dies(plan, trial):
        while not flag.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

    came = []
    with pytest.raises(hn.TrialFailed, match=r"trial 3 failed: rank 1 \(process"):  # noqa: PT012
        for records in MPILauncher(n_procs=2).run(faulty_engine(dies, [3]), short, range(4)):
            came.append(records.trials[0].trial)
            if len(came) == 3:
                flag.touch()
                begin = time.monotonic()
    assert time.monotonic() - begin < PROMISED
    assert sorted(came) == [0, 1, 2]


def test_a_rank_raises(scene, short, faulty_engine):
    moment = scene.folder / "moment"

    def raises(plan, trial):
        moment.write_text(str(time.time()))
        raise RuntimeError("no luck")

    _, error = collect(MPILauncher(n_procs=2), faulty_engine(raises, [2]), short)
    assert time.time() - float(moment.read_text()) < PROMISED
    assert str(error) == "trial 2 failed: rank 1: RuntimeError: no luck"


def test_a_trial_diverges_on_one_rank(scene, short):
    weight = np.where(short.edges.target_gid == 3, np.nan, short.edges.weight)
    broken = attrs.evolve(short, edges=attrs.evolve(short.edges, weight=weight))
    _, error = collect(MPILauncher(n_procs=2, ranks_per_trial=2), NeuronEngine(), broken)
    assert isinstance(error, hn.TrialFailed)
    assert "rank 0: the simulation diverged in trial 0: dipole" in str(error)


def test_a_rank_that_stands_still_is_waited_for_no_longer_than_asked(scene, plan):
    stopped = scene.soon(2, lambda ranks: os.kill(ranks[1], signal.SIGSTOP))
    _, error = collect(MPILauncher(n_procs=2, ranks_per_trial=2, timeout=6.0), NeuronEngine(), plan)
    assert time.monotonic() - stopped[0] < 6.0 + PROMISED
    assert "no sign of life for 6" in str(error)
    assert "rank 1 is stopped" in str(error)
    assert "in trial 0, last heard of at t = " in str(error)


def test_a_full_disk_for_records(scene, short, faulty_engine):
    moment = scene.folder / "moment"

    def fills(plan, trial):
        moment.write_text(str(time.time()))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return plan

    _, error = collect(MPILauncher(n_procs=2), faulty_engine(fills, [2]), short)
    assert time.time() - float(moment.read_text()) < PROMISED
    assert isinstance(error, hn.TrialFailed)
    assert str(error).startswith(f"trial 2 failed: rank 1: {scene.folder}")
    assert "can't take a trial's records (File too large); TMPDIR names another folder" in str(error)


def test_a_full_disk_for_the_network(scene, short):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        _, error = collect(MPILauncher(n_procs=2), NeuronEngine(), short)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, hn.OutputError)
    assert "can't take the network (File too large); TMPDIR names another folder" in str(error)


def fake_mpiexec(tmp_path, lines):
    file = tmp_path / "mpiexec"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)
    return str(file)


def test_an_mpiexec_without_mpi(scene, short, tmp_path):
    launcher = MPILauncher(n_procs=2, mpi_cmd=fake_mpiexec(tmp_path, 'shift 2; "$@" & "$@" & wait'))
    begin = time.monotonic()
    _, error = collect(launcher, NeuronEngine(), short)
    assert time.monotonic() - begin < START + PROMISED
    assert isinstance(error, MPIUnavailable)
    assert "2 processes were started together, but they don't see each other: mpi4py sees 1 (it uses " in str(error)


def test_a_rank_is_killed_and_mpiexec_goes_on(scene, plan, tmp_path):
    real = MPILauncher(n_procs=2).mpi_cmd[0]
    launcher = MPILauncher(
        n_procs=2, ranks_per_trial=2, mpi_cmd=fake_mpiexec(tmp_path, f'"{real}" "$@"; exec sleep 3600')
    )
    killed = scene.soon(2, lambda ranks: os.kill(ranks[1], signal.SIGKILL))
    _, error = collect(launcher, NeuronEngine(), plan)
    assert time.monotonic() - killed[0] < PROMISED
    assert "trial 0 failed: rank 1 (process" in str(error)
    assert "did not notice" in str(error)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "echo this is no MPI; exit 7",
            r"ended with exit code 7 before all trials were done; its last lines:\nthis is no",
        ),
        ("exit 0", r"ended with exit code 0 before all trials were done; it said nothing"),
    ],
)
def test_an_mpiexec_that_starts_nothing(scene, short, tmp_path, lines, message):
    with pytest.raises(hn.SimulationError, match=message):
        list(MPILauncher(n_procs=2, mpi_cmd=fake_mpiexec(tmp_path, lines)).run(NeuronEngine(), short, [0]))


def test_an_mpiexec_that_hangs(scene, short, tmp_path):
    launcher = MPILauncher(n_procs=2, mpi_cmd=fake_mpiexec(tmp_path, "sleep 3600"), timeout=0.5)
    with pytest.raises(hn.SimulationError, match=r"no sign of life .*: rank 0 has not started; rank 1 has not started"):
        list(launcher.run(NeuronEngine(), short, [0]))


def test_neuron_that_sees_one_rank_of_two(scene, short, monkeypatch):
    monkeypatch.setenv("MPI_LIB_NRN_PATH", "/nowhere/libmpi.so.12")
    launcher = MPILauncher(n_procs=2, ranks_per_trial=2)
    begin = time.monotonic()
    try:
        list(launcher.run(NeuronEngine(), short, [0]))
        pytest.skip("NEURON finds the system's MPI library without being told where it is")
    except MPIUnavailable as error:
        said = str(error)
    assert time.monotonic() - begin < START + PROMISED
    assert "NEURON sees 1 of the 2 ranks of this MPI job: mpi4py uses " in said
    assert "NEURON was sent to /nowhere/libmpi.so.12 (MPI_LIB_NRN_PATH)" in said


def test_no_mpiexec(scene, short):
    with pytest.raises(MPIUnavailable, match=r"there is no 'no-such-mpiexec' .*; pip install 'hnnlib\[mpi\]'"):
        MPILauncher(mpi_cmd="no-such-mpiexec")


def test_whoever_stops_reading_ends_the_job(scene, short, faulty_engine):
    def hangs(plan, trial):
        time.sleep(3600)

    arriving = MPILauncher(n_procs=2).run(faulty_engine(hangs, [1, 3]), short, range(4))
    assert {next(arriving).trials[0].trial, next(arriving).trials[0].trial} == {0, 2}
    arriving.close()


# ----------------------------------------------------------------------------- the script itself

SCRIPT = """
import hnnlib as hn
net = hn.neymotin_2020_model(mesh_shape=(1, 1))
net.add_poisson_drive("noise", rate_constant=20.0, location="proximal", weights_ampa={"L5_pyramidal": 0.004})
if __name__ == "__main__":
    with hn.MPIBackend(n_procs=2, ranks_per_trial=2, engine="neuron"):
        hn.simulate_dipole(net, tstop=60000.0, verbose=False)
"""


@pytest.fixture
def script(scene, tmp_path):
    """A script at work on two ranks: its process."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    environment = {**os.environ, "TMPDIR": str(scene.folder)}
    process = subprocess.Popen([sys.executable, file], env=environment, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: scene.ranks(2))
        yield process
    finally:
        process.kill()
        process.wait()


def test_ctrl_c(scene, script):
    os.killpg(script.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, said = script.communicate(timeout=PROMISED)
    assert script.returncode != 0
    assert said.decode().rstrip().endswith("KeyboardInterrupt")


def test_the_script_is_killed(scene, script):
    script.kill()
    script.wait()
    wait_until(lambda: not scene.processes(), PROMISED)
    assert list(scene.folder.iterdir()) == []
