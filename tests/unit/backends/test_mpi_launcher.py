"""What MPI launching asks of its surroundings, and how it refuses; nothing is started here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from hnnlib.backends.launch import mpi
from hnnlib.backends.launch.mpi import MPIBackend, MPILauncher
from hnnlib.backends.launch.mpi_process import Process, end_processes, start_time
from hnnlib.backends.launch.mpi_world import job_environment, started_together
from hnnlib.base.errors import InvalidType, InvalidValue, MPIUnavailable

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc")


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Return a function that puts an executable file on an otherwise empty search path."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for name in mpi_variables():
        monkeypatch.delenv(name)

    def make(name, place="path"):
        folder = tmp_path / "prefix" / "bin" if place == "prefix" else tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
        return str(file)

    return make


def mpi_variables():
    return [name for name in os.environ if name.startswith(("OMPI_", "PMI", "PALS_", "SLURM_STEP"))]


def test_the_command_of_this_environment_comes_first(program):
    on_path = program("mpirun")
    assert MPILauncher(n_procs=2).mpi_cmd == [on_path]
    mpiexec = program("mpiexec")
    assert MPILauncher(n_procs=2).mpi_cmd == [mpiexec]
    own = program("mpiexec", place="prefix")
    assert MPILauncher(n_procs=2).mpi_cmd == [own]
    assert MPIBackend(n_procs=2, mpi_cmd="mpiexec").mpi_cmd == [own]
    assert MPILauncher(n_procs=2, mpi_cmd=mpiexec).mpi_cmd == [mpiexec]
    srun = program("srun")
    assert MPILauncher(n_procs=2, mpi_cmd="srun --mpi=pmix -c '1 2'").mpi_cmd == [srun, "--mpi=pmix", "-c", "1 2"]
    assert MPILauncher(n_procs=2, mpi_cmd=["srun", "-v"]).mpi_cmd == [srun, "-v"]


def test_what_is_missing_is_told_before_anything_runs(program, monkeypatch):
    with pytest.raises(MPIUnavailable, match=r"neither mpiexec nor mpirun in .*; pip install 'hnnlib\[mpi\]'"):
        MPILauncher()
    with pytest.raises(MPIUnavailable, match=r"mpi_cmd: there is no 'mpiexec' in .*hnnlib\[mpi\]"):
        MPIBackend(mpi_cmd="mpiexec")
    with pytest.raises(MPIUnavailable, match=r"mpi_cmd: there is no '/no/mpiexec' that can be run"):
        MPIBackend(mpi_cmd="/no/mpiexec -x")
    program("mpiexec")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MPIUnavailable, match=r"mpi4py is not installed: pip install 'hnnlib\[mpi\]'"):
        MPILauncher()


def test_numbers_are_checked(program, monkeypatch):
    program("mpiexec")
    monkeypatch.setattr(mpi, "_n_cores", lambda: 6)
    assert MPILauncher().n_procs == MPIBackend().n_procs == 6
    assert MPILauncher(ranks_per_trial=3, timeout=2).ranks_per_trial == 3
    for name, value, message in (
        ("n_procs", 0, "n_procs: 0 must be >= 1"),
        ("ranks_per_trial", -2, "ranks_per_trial: -2 must be >= 1"),
        ("ranks_per_trial", 4, "ranks_per_trial: 4 must divide the number of ranks, 6"),
        ("timeout", 0, "timeout: 0 must be > 0 s"),
        ("timeout", float("nan"), "timeout: nan must be > 0 s"),
    ):
        with pytest.raises(InvalidValue, match=message):
            MPILauncher(**{name: value})
    for name, value in (("n_procs", 2.0), ("n_procs", True), ("ranks_per_trial", "2"), ("timeout", "2")):
        with pytest.raises(InvalidType, match=f"{name}: "):
            MPILauncher(**{name: value})
    for value in ("", [], ["mpiexec", 3]):
        with pytest.raises(InvalidType, match=r"mpi_cmd: .* must be a command"):
            MPILauncher(mpi_cmd=value)


@pytest.mark.parametrize(
    ("environment", "size"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, 3),
        ({"PMI_SIZE": "4", "PMI_RANK": "0"}, 4),
        ({"SLURM_STEP_NUM_TASKS": "8", "PMIX_RANK": "1"}, 8),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, 1),  # the script of a batch job, before its srun
        ({"SLURM_STEP_NUM_TASKS": "1"}, 1),  # an interactive shell
        ({"PMI_SIZE": ""}, 1),
    ],
)
def test_how_many_were_started_together(environment, size):
    assert started_together(environment) == size


def test_a_script_under_mpiexec_knows_its_number_of_ranks(program, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "3")
    with pytest.raises(InvalidValue, match=r"n_procs: 2 must be 3, with which this script was started"):
        MPILauncher(n_procs=2)


def test_the_environment_of_a_job():
    made = job_environment({"HOME": "/h", "OMP_NUM_THREADS": "4", "PMI_RANK": "0"}, ["a", "/b"], own_mpi=True)
    assert made["HOME"] == "/h"
    assert made["OMP_NUM_THREADS"] == "4"  # what the user sets stands
    assert "PMI_RANK" not in made
    assert made["PYTHONPATH"].split(os.pathsep) == [os.path.abspath("a"), "/b"]
    assert made["OMPI_ALLOW_RUN_AS_ROOT"] == made["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"
    assert made["OMPI_MCA_btl"] == "^ofi"
    assert "OMPI_MCA_btl" not in job_environment({}, [], own_mpi=False)


def test_settings_of_the_user_stand_and_those_of_a_parent_job_do_not():
    mine = {"OMPI_MCA_btl": "self"}
    assert job_environment(mine, [], own_mpi=True)["OMPI_MCA_btl"] == "self"
    in_job = {**mine, "OMPI_COMM_WORLD_SIZE": "1", "OMPI_MCA_ess": "pmi", "PMIX_RANK": "0"}
    made = job_environment(in_job, [], own_mpi=False)
    assert not {"OMPI_COMM_WORLD_SIZE", "OMPI_MCA_ess", "PMIX_RANK"} & set(made)


@needs_proc
def test_a_process_is_ended_by_number_and_start():
    children = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    try:
        mine, other = (Process(child.pid, start_time(child.pid)) for child in children)
        assert mine.state != ""
        later = Process(other.pid, other.started - 1)  # the number now belongs to another process
        assert later.state == ""
        begin = time.monotonic()
        end_processes([mine, later], patience=20.0)
        assert time.monotonic() - begin < 20.0  # a process that has ended and was not waited for is gone, too
        assert mine.state == ""
        assert other.state != ""
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert Process(children[1].pid, other.started).state == ""
    end_processes([other])
