"""Runs that something ends: what was done is kept, and going on gives what an uninterrupted run gives."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.io.trials import read_kept

pytestmark = [
    pytest.mark.neuron,  # the fast engine's parser reads the mechanisms
    pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them"),
]


def network():
    """Electrodes, and a drive with a random stream of its own beside those with seeds."""
    net = hn.neymotin_2020_model(mesh_shape=(2, 2), add_drives_from_params=True)
    net.put("drives.evprox1.mu", 15.0)
    net.add_poisson_drive("noise", rate_constant=50.0, location="distal", weights_ampa={"L2_pyramidal": 0.01})
    net.add_electrode_array("shank", [(0.0, 0.0, 100.0), (0.0, 0.0, 900.0)])
    return net


def run(net=None, n_trials=5, **given):
    fixed = {"tstop": 25.0, "record": {"vsec": "soma"}, "engine": "fast"}
    return hn.simulate(net or network(), n_trials=n_trials, **fixed | given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Five trials without an interruption, from their file."""
    out = tmp_path_factory.mktemp("whole") / "run.h5"
    run(out=out)
    return hn.read_result(out)


def assert_same(found, expected):
    """All but the timings, bit by bit; the launcher's name only where one launcher did all."""
    assert list(found.dipoles) == list(expected.dipoles)
    assert found.cell_response == expected.cell_response
    for one, other in zip(found.cell_response.spike_times, expected.cell_response.spike_times, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.cell_response.recordings == expected.cell_response.recordings
    assert found.potentials == expected.potentials
    skipped = ("timings", "launcher")
    mine, theirs = ({k: v for k, v in r.provenance.items() if k not in skipped} for r in (found, expected))
    assert mine == theirs


def kept(out):
    """The trials that an unfinished file holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return hn.read_result(out)


def go_on(out, whole, **given):
    result = run(out=out, resume=True, **given)
    assert_same(result, whole)
    assert_same(hn.read_result(out), whole)
    assert os.listdir(out.parent) == ["run.h5"]
    return result


def start(folder, program):
    """Start a script that has `run`."""
    script = folder / "script.py"
    imports = "import os, resource, time\nimport hnnlib as hn\nimport hnnlib.io.trials\n"
    script.write_text("\n".join([imports, inspect.getsource(network), inspect.getsource(run), program]))
    return subprocess.Popen(
        [sys.executable, str(script)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path, process):
    """Wait until a file is there, as long as the process lives."""
    until = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"{path} does not come"
        time.sleep(0.01)


WAITS_IN_TRIAL_2 = """
def progress(trial, t_ms):
    if trial == 2:
        open("waiting", "w").close()
        while True:
            time.sleep(1)

hnnlib.io.trials.WRITE_EVERY_S = hnnlib.base.pace.TIME_SHARE = 0  # each trial at once, so that it is known which
run(out="out/run.h5", progress=progress)
"""


def test_a_killed_run_leaves_a_readable_file_and_goes_on(tmp_path, whole):
    out = tmp_path / "out" / "run.h5"
    out.parent.mkdir()
    with start(tmp_path, WAITS_IN_TRIAL_2) as script:
        wait_for(tmp_path / "waiting", script)
        script.kill()
    assert kept(out).trials == (0, 1)
    assert kept(out).dipoles == whole.dipoles[:2]
    result = go_on(out, whole, launcher=JoblibLauncher(n_jobs=2))
    assert result.provenance["launcher"] == "serial, joblib"
    assert go_on(out, whole).provenance["timings"] == result.provenance["timings"]  # nothing was run


def failing_engine(how):
    # Classes of a function travel to workers by value; they can't import a test module.
    class Fails(hn.FastEngine):
        """The fast engine, until trial 2."""

        def __init__(self, how):
            super().__init__()
            self.how = how

        def __reduce__(self):
            return (type(self), (self.how,))

        def run(self, plan, trials, progress=None):
            if 2 in trials:
                self.how()
            return super().run(plan, trials, progress)

    return Fails(how)


def once_there_is(out):
    """Wait, in a worker, until this process has written the trials of the other."""
    until = time.monotonic() + 120
    while not out.exists() and time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.parametrize("launcher", ["serial", "joblib"])
def test_a_trial_that_fails_leaves_those_before_it(tmp_path, whole, launcher, caplog):
    def fail():
        once_there_is(out)
        raise hn.TrialFailed(2, "by agreement")

    out = tmp_path / "run.h5"
    with pytest.raises(hn.TrialFailed, match="trial 2 failed: by agreement"):
        run(out=out, engine=failing_engine(fail), launcher=launcher)
    found = kept(out)
    assert set(found.trials) & {0, 1}
    assert 2 not in found.trials
    assert f"{found.n_trials} of 5 trials are kept in {out}; resume=True runs the missing ones" in caplog.messages
    go_on(out, whole)


def test_a_worker_that_is_killed(tmp_path, whole):
    out = tmp_path / "run.h5"

    def die():
        once_there_is(out)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(hn.SimulationError, match="a worker process died"):
        run(out=out, engine=failing_engine(die), launcher=JoblibLauncher(n_jobs=2))
    assert set(kept(out).trials) & {0, 1}
    assert 2 not in kept(out).trials
    go_on(out, whole, launcher=JoblibLauncher(n_jobs=2))


FULL = """
hnnlib.io.trials.WRITE_EVERY_S = hnnlib.base.pace.TIME_SHARE = 0

def progress(trial, t_ms):
    if trial == {trial}:
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))

try:
    run(out="out/run.h5", progress=progress)
except hn.OutputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("trial", "limit", "n_kept", "told"),
    [
        (0, "1000", 0, ""),
        (2, "1000", 2, "2 of 5 trials are kept in out/run.h5; resume=True runs the missing ones\n"),
        # room for a trial, not for all
        (
            4,
            "os.path.getsize('out/run.h5.trials/0.h5') + 1000",
            5,
            "5 of 5 trials are kept in out/run.h5; resume=True puts them together\n",
        ),
    ],
    ids=["at the first trial", "during the run", "at the end"],
)
def test_a_full_disk(tmp_path, whole, trial, limit, n_kept, told):
    out = tmp_path / "out" / "run.h5"
    out.parent.mkdir()
    with start(tmp_path, FULL.format(trial=trial, limit=limit)) as script:
        printed, err = script.communicate(timeout=120)
    assert (script.returncode, err) == (0, told)
    assert printed.endswith("could not be written (File too large)\n")
    assert printed.count("\n") == 1
    if n_kept == 0:
        assert os.listdir(out.parent) == []
        return
    assert kept(out).trials == tuple(range(n_kept))
    go_on(out, whole)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_the_command_goes_on(tmp_path, jobs):
    words = [
        sys.executable,
        "-m",
        "hnnlib",
        "simulate",
        "default",
        "--mesh",
        "2x2",
        "--tstop",
        "100",
        "--out",
        "run.h5",
    ]
    begun = subprocess.Popen(
        [*words, "--n-trials", "1000", "--jobs", jobs],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(tmp_path / "run.h5", begun)
    begin = time.perf_counter()
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = begun.communicate(timeout=60)
    assert time.perf_counter() - begin < 10
    assert (begun.returncode, out) == (130, "")
    *_, told, last = err.splitlines()
    found = kept(tmp_path / "run.h5")
    assert told == f"hnnlib: {found.n_trials} of 1000 trials are kept in run.h5; --resume runs the missing ones"
    assert last == "hnnlib: interrupted"
    assert "Traceback" not in err

    n_trials = found.trials[-1] + 2
    done = subprocess.run(
        [*words, "--n-trials", str(n_trials), "--resume"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\ntrial ") == n_trials - found.n_trials
    assert os.listdir(tmp_path) == ["run.h5"]
    net = hn.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(2, 2))
    assert_same(hn.read_result(tmp_path / "run.h5"), hn.simulate(net, tstop=100.0, n_trials=n_trials))


class Watched(SerialLauncher):
    """Notes what it is asked to run."""

    def __init__(self):
        self.asked = []

    def run(self, engine, plan, trials, progress=None):
        self.asked.append((len(plan.events[0].time_ms) > 0, list(trials)))
        yield from super().run(engine, plan, trials, progress)


def test_the_resting_dipole_is_run_once_by_the_launcher(tmp_path):
    net = network()
    net.put("baseline", "settle")
    expected, out, launcher = run(net), tmp_path / "run.h5", Watched()
    run(net, n_trials=2, out=out, launcher=launcher)
    assert_same(run(net, out=out, resume=True, launcher=launcher), expected)
    run(net, out=out, resume=True, launcher=launcher)
    assert launcher.asked == [(False, [0]), (True, [0, 1]), (False, [0]), (True, [2, 3, 4])]
    (together,) = hn.simulate_many([net.spec], tstop=25.0, n_trials=5, record={"vsec": "soma"}, engine="fast")
    assert list(together.dipoles) == list(expected.dipoles)


class Follower(SerialLauncher):
    """A process that does not lead: it has what the leading one said."""

    leads = False

    def __init__(self, said):
        self.said = said

    def share(self, value):
        assert value == (None, None)
        return self.said.pop(0)


def test_processes_that_do_not_lead_touch_no_file(tmp_path, whole):
    out = tmp_path / "run.h5"
    run(n_trials=3, out=tmp_path / "kept.h5")
    known = read_kept(tmp_path / "kept.h5", whole.provenance)
    nothing = (None, None)
    # checked, resumed, saved twice, finished
    said = [nothing, (pickle.loads(pickle.dumps(known)), None), nothing, nothing, nothing]
    follower = Follower(said)
    assert_same(run(out=out, resume=True, launcher=follower), whole)
    assert said == []
    refused = hn.OutputError(out, "the disk is full")
    for told in ([(None, refused)], [nothing, (None, refused)], [nothing] * 6 + [(None, refused)]):
        with pytest.raises(hn.OutputError, match="the disk is full"):
            run(out=out, launcher=Follower(told))
        assert told == []
    assert os.listdir(tmp_path) == ["kept.h5"]


def test_what_is_refused_is_refused_before_the_run(tmp_path, whole):
    out = tmp_path / "run.h5"
    whole.write(out)
    with pytest.raises(hn.InvalidValue, match="resume: True needs out"):
        run(resume=True)
    with pytest.raises(hn.OutputError, match="exists already"):
        run(out=out, overwrite=False)
    net = network()
    net.put("drives.evdist1.mu", 70.0)
    told = (
        r"run\.h5' holds another run: dt is 0\.025 there and 0\.05 here; drives\.evdist1\.mu is 63\.53 there and 70\.0 "
    )
    with pytest.raises(hn.InvalidValue, match=told):
        run(net, out=out, dt=0.05, resume=True, launcher=Watched())
    with pytest.raises(hn.InvalidValue, match=r"engine\.rates is 'tables' there and 'exact' here$"):
        run(out=out, engine=hn.FastEngine(rates="exact"), resume=True)
    # no other numbers by these
    launcher = Watched()
    assert_same(run(out=out, engine=hn.FastEngine(threads=2), overwrite=False, resume=True, launcher=launcher), whole)
    assert launcher.asked == []
    assert_same(hn.read_result(out), whole)
