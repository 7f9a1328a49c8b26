"""The same numbers on any number of MPI ranks, whoever starts them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.launch.mpi_world import job_environment
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import MPIUnavailable
from hnnlib.base.schema import to_plain


def why_no_mpi():
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    try:
        MPILauncher(n_procs=1)
    except MPIUnavailable as error:
        return str(error)
    return ""


pytestmark = [pytest.mark.neuron, pytest.mark.skipif(bool(why_no_mpi()), reason=why_no_mpi())]


def assert_agrees(one, other):
    """The same spikes and recordings; what is summed over ranks agrees to the last bits."""
    assert one.n_trials == other.n_trials
    mine, theirs = one.cell_response, other.cell_response
    for trial in range(one.n_trials):
        for name in ("spike_times", "spike_gids", "spike_types"):
            np.testing.assert_array_equal(getattr(mine, name)[trial], getattr(theirs, name)[trial])
        for name in ("vsec", "isec", "ca"):
            np.testing.assert_array_equal(flat(getattr(mine, name)[trial]), flat(getattr(theirs, name)[trial]))
        for column, values in one.dipoles[trial].data.items():
            np.testing.assert_allclose(values, other.dipoles[trial].data[column], rtol=0, atol=1e-12)  # nAm
    for name, potentials in one.potentials.items():
        # 1e-13 µV was seen, of 40 µV
        np.testing.assert_allclose(potentials.voltages, other.potentials[name].voltages, rtol=0, atol=1e-11)


def flat(tree):
    return np.concatenate([flat(branch) for branch in tree.values()]) if hasattr(tree, "values") else np.ravel(tree)


@pytest.mark.parametrize(("n_procs", "ranks_per_trial"), [(1, 1), (2, 2), (3, 3), (4, 4), (4, 2), (3, 1)])
def test_ranks_give_what_one_process_gives(rich, rich_serial, n_procs, ranks_per_trial):
    seen = []
    launcher = MPILauncher(n_procs=n_procs, ranks_per_trial=ranks_per_trial)
    spread = rich.run(n_trials=3, launcher=launcher, progress=lambda trial, t_ms: seen.append((trial, t_ms)))
    assert (spread.provenance["engine"], spread.provenance["launcher"]) == ("neuron", "mpi")
    assert_agrees(rich_serial, spread)
    if ranks_per_trial == 1:
        rich.assert_same(rich_serial, spread)
    for trial in range(3):
        times = [t for k, t in seen if k == trial]
        assert len(times) == 21
        assert times == sorted(times)
        assert times[-1] == rich.tstop


def test_the_backend_and_its_name(rich, rich_serial):
    with hn.MPIBackend(n_procs=2, mpi_cmd="mpiexec", engine="neuron"):
        assert_agrees(rich_serial, rich.run(n_trials=3, engine=None))


def test_the_fast_engine_runs_on_ranks(rich):
    fast = rich.run(n_trials=2, engine="fast")
    rich.assert_same(fast, rich.run(n_trials=2, engine="fast", launcher="mpi"))


def test_many_networks_in_one_job(rich):
    other = rich.net.copy()
    other.put("drives.evoked.mu", 7.0)
    options = {"tstop": 12.0, "record": rich.record, "engine": "neuron", "n_trials": 2}
    launcher = MPILauncher(n_procs=2, ranks_per_trial=2)
    with closing(launcher.run_many(NeuronEngine(), [], None)) as nothing:
        assert list(nothing) == []
    spread = hn.simulate_many([rich.net, other], **options, launcher=launcher)
    for found, net in zip(spread, (rich.net, other), strict=True):
        assert_agrees(hn.simulate(net, **options), found)


def test_more_ranks_than_cells_are_refused(rich):
    with pytest.raises(hn.InvalidValue, match=r"n_procs: 4096 must be <= \d+: \d+ cells in each of 3 trials"):
        rich.run(n_trials=3, launcher=MPILauncher(n_procs=4096))


# ------------------------------------------------------------------------- scripts that are started by mpiexec

SCRIPT = """
import json, sys
import numpy as np
import hnnlib as hn
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.launch.mpi_world import job_environment
from hnnlib.base.schema import from_plain
folder, tstop = sys.argv[1], float(sys.argv[2])
net = from_plain(hn.NetworkSpec, json.load(open(f"{folder}/network.json")))
options = dict(tstop=tstop, record=from_plain(hn.Record, json.load(open(f"{folder}/record.json"))), n_trials=3)
def run(**given):
    return hn.simulate(net, engine="neuron", **options, **given)
"""


@pytest.fixture
def script(rich, tmp_path):
    """Return a function that runs lines of Python on ranks, with the rich network."""
    (tmp_path / "network.json").write_text(json.dumps(to_plain(rich.net.spec)))
    (tmp_path / "record.json").write_text(json.dumps(to_plain(rich.record)))

    def start(n_ranks, lines):
        file = tmp_path / "script.py"
        file.write_text(SCRIPT + lines)
        command = [*MPILauncher(n_procs=1).mpi_cmd, "-n", str(n_ranks), sys.executable, file, tmp_path, str(rich.tstop)]
        environment = job_environment(
            os.environ, sys.path, own_mpi=True
        )  # some MPIs refuse root, or 4 ranks on 2 cores
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    return start


def test_a_script_under_mpiexec_uses_its_ranks(rich, rich_serial, script, tmp_path):
    done = script(
        4,
        """
launcher = MPILauncher(n_procs=4)
from mpi4py import MPI
rank = MPI.COMM_WORLD.rank
assert launcher.leads == (rank == 0)
assert launcher.share(f"from {rank}") == "from 0"
progress = []
for ranks_per_trial in (2, 4):  # what a team has exchanged must not be seen by the next
    launcher = MPILauncher(ranks_per_trial=ranks_per_trial)
    result = run(launcher=launcher, progress=lambda trial, t_ms: progress.append((trial, t_ms)))
    result.write(f"{folder}/{ranks_per_trial}-{rank}.h5")
assert {t for t in progress if t[1] == tstop} == ({(k, tstop) for k in range(3)} if launcher.leads else set())
options["n_trials"] = 1
run(launcher="serial").write(f"{folder}/alone-{rank}.h5")  # every rank for itself
""",
    )
    assert done.returncode == 0, done.stderr
    for rank in range(4):
        rich.assert_same(rich_serial, hn.read_result(tmp_path / f"alone-{rank}.h5"), n_trials=1)
        for ranks_per_trial in (2, 4):
            found = hn.read_result(tmp_path / f"{ranks_per_trial}-{rank}.h5")
            assert_agrees(rich_serial, found)
            rich.assert_same(found, hn.read_result(tmp_path / f"{ranks_per_trial}-0.h5"))


def test_only_the_first_rank_writes_the_result(rich, rich_serial, script, tmp_path):
    done = script(2, 'run(launcher="mpi", out=f"{folder}/run.h5")\n')
    assert done.returncode == 0, done.stderr
    assert_agrees(rich_serial, hn.read_result(tmp_path / "run.h5"))
    assert [file.name for file in tmp_path.glob("*.h5*")] == ["run.h5"]


def test_an_error_on_one_rank_ends_them_all(script):
    done = script(
        2,
        """
launcher = MPILauncher()
if not launcher.leads:
    raise KeyError("on the second rank only")
run(launcher=launcher)
""",
    )
    assert done.returncode != 0
    assert "KeyError: 'on the second rank only'" in done.stderr


def test_all_ranks_get_the_same_error(script, tmp_path):
    done = script(
        2,
        """
from hnnlib.backends.neuron.engine import NeuronEngine
class Fails(NeuronEngine):
    def run(self, plan, trials, progress=None, part=None):
        if trials[0] == 2:
            raise hn.TrialFailed(2, "no luck")
        return super().run(plan, trials, progress, part)
engine = Fails()
launcher = MPILauncher(ranks_per_trial=1)
try:
    hn.simulate(net, engine=engine, launcher=launcher, **options)
except hn.TrialFailed as error:
    file = f"{folder}/error-{'first' if launcher.leads else 'second'}"
    open(file, "w").write(str(error))
# and all of them go on
assert run(launcher=MPILauncher(ranks_per_trial=2)).n_trials == 3
""",
    )
    assert done.returncode == 0, done.stderr
    for name in ("first", "second"):
        assert (tmp_path / f"error-{name}").read_text() == "trial 2 failed: rank 1: no luck"


def test_ranks_that_run_different_things_are_found_out(script):
    done = script(2, 'run(launcher="mpi", seed=3 if MPILauncher().leads else 4)\n')
    assert done.returncode != 0
    assert "ranks 0 and 1 of this MPI job are to simulate different things" in done.stderr


def test_neuron_that_has_run_alone_is_told(script):
    done = script(2, 'run(launcher="serial")\nrun(launcher=MPILauncher(ranks_per_trial=2))\n')
    assert done.returncode != 0
    assert "use the MPI backend from a script's first simulation on" in done.stderr


def test_a_script_whose_ranks_do_not_see_each_other():
    """Started by the mpiexec of another MPI than mpi4py's, each takes itself for the only one."""
    other = "OMPI_COMM_WORLD_SIZE" if "MPICH" in version_of_mpi() else "PALS_SIZE"
    done = subprocess.run(
        [sys.executable, "-c", "import hnnlib as hn; hn.MPIBackend()"],
        env={**os.environ, other: "3"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "3 processes were started together, but they don't see each other: mpi4py sees 1 (it uses" in done.stderr


def version_of_mpi():
    # in a process of its own: to ask is to start MPI
    program = "from mpi4py import MPI; print(MPI.Get_library_version())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60).stdout
