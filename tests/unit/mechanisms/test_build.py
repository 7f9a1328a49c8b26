"""Compiling once per machine: cache, errors, processes that come together. All but one test use a stand-in compiler."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hnnlib.base.errors import InvalidValue, MechanismBuildError, OutputError
from hnnlib.base.resources import mod_dir
from hnnlib.mechanisms.build import cache_dir, compiled_library, mechanism_library

# Stands in for bash running NEURON's compile script: notes how it was called, then makes a library or fails.
FAKE_BASH = """#!{python} -I
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
with open(here / "calls.jsonl", "a") as stream:
    stream.write(json.dumps(dict(argv=sys.argv[1:], env=dict(os.environ), files=sorted(os.listdir(".")))) + "\\n")
time.sleep({sleep_s})
print("x" * 5000 + " Illegal block at line 20")
os.mkdir("x86_64")
if {code} == 0:
    pathlib.Path("x86_64/libnrnmech.so").write_text("compiled")
sys.exit({code})
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with stand-ins for bash, make and compiler, and an empty cache."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("make", "c++"):
        (bin_dir / name).write_text("#!/bin/sh\n")
        (bin_dir / name).chmod(0o755)
    for name in ("HNNLIB_MECH_LIB", "CXX", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(bin_dir))
    monkeypatch.setenv("HNNLIB_CACHE_DIR", str(tmp_path / "cache"))

    class Machine:
        cache = tmp_path / "cache"

        @staticmethod
        def set_compiler(code=0, sleep_s=0.0):
            text = FAKE_BASH.format(python=sys.executable, code=code, sleep_s=sleep_s)
            (bin_dir / "bash").write_text(text)
            (bin_dir / "bash").chmod(0o755)

        @staticmethod
        def remove(*names):
            for name in names:
                (bin_dir / name).unlink()

        @staticmethod
        def calls():
            notes = bin_dir / "calls.jsonl"
            return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []

    Machine.set_compiler()
    return Machine


def test_the_library_is_compiled_once_and_kept_with_its_log(machine, caplog):
    library = mechanism_library()
    assert library.read_text() == "compiled"
    assert "Illegal block" in (library.parent / "build.log").read_text()
    assert mechanism_library() == library
    assert len(machine.calls()) == 1
    assert [r.getMessage().startswith("compiling the mechanisms") for r in caplog.records] == [True]
    key = library.parent.name
    assert sorted(p.name for p in machine.cache.iterdir()) == [key, f"{key}.lock"]


def test_all_mechanism_files_are_compiled_in_a_folder_of_their_own(machine, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mechanism_library()
    (call,) = machine.calls()
    assert call["files"] == sorted(p.name for p in mod_dir().glob("*.mod"))
    assert call["argv"][1:] == ["-incflags", "-O3"]
    assert not (tmp_path / "x86_64").exists()


def test_what_mpi_and_make_left_in_the_environment_is_kept_out(machine, monkeypatch):
    foreign = {"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_ID", "PRTE_X", "MPIR_CVAR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    for name in foreign:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")
    mechanism_library()
    seen = set(machine.calls()[0]["env"])
    assert seen & foreign == set()
    assert {"KEPT", "CXX", "NRNHOME"} <= seen


def test_another_file_makes_another_library(machine, tmp_path):
    extra = tmp_path / "mine.mod"
    extra.write_text("NEURON { SUFFIX mine }")
    libraries = [mechanism_library(), mechanism_library([extra])]
    extra.write_text("NEURON { SUFFIX mine RANGE g }")
    libraries.append(mechanism_library([extra]))
    assert len({library.parent for library in libraries}) == 3
    assert "mine.mod" in machine.calls()[1]["files"]


@pytest.mark.parametrize("name", ["absent.mod", "hh2.mod", "notes.txt"])
def test_an_extra_file_that_can_not_be_meant_is_refused(machine, tmp_path, name):
    if name != "absent.mod":
        (tmp_path / name).write_text("NEURON { SUFFIX hh2 }")
    with pytest.raises(InvalidValue, match=re.escape(name)):
        mechanism_library([tmp_path / name])


def test_everything_that_is_missing_is_named_at_once_before_any_compile(machine):
    machine.remove("make", "c++")
    with pytest.raises(MechanismBuildError) as caught:
        mechanism_library()
    text = str(caught.value)
    assert "- a C++17 compiler" in text
    assert "- make" in text
    assert "- bash" not in text
    assert "sudo apt-get install g++ make" in text
    assert machine.calls() == []


def test_a_failed_compilation_shows_the_end_of_its_log_and_leaves_no_library(machine):
    machine.set_compiler(code=3)
    with pytest.raises(MechanismBuildError, match=r"exit code 3") as caught:
        mechanism_library()
    text = str(caught.value)
    log = re.search(r"whole log is in (\S+);", text)[1]
    assert len(Path(log).read_text()) > 5000
    assert text.endswith("Illegal block at line 20\n")
    assert 1500 < len(text) < 2500
    assert not [p for p in machine.cache.iterdir() if p.is_dir()]
    machine.set_compiler()
    assert mechanism_library().is_file()


def test_a_cache_folder_that_the_user_named_must_be_writable(machine, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HNNLIB_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match=r"file/cache: HNNLIB_CACHE_DIR must name .* \(Not a directory\)"):
        mechanism_library()
    assert machine.calls() == []


@pytest.fixture
def homeless(machine, monkeypatch, tmp_path):
    """The same machine for a user whose home can't be written to."""
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("HNNLIB_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"hnnlib-{os.getuid()}"


def test_without_a_home_a_private_temporary_folder_serves(homeless, machine):
    library = mechanism_library()
    assert library.parent.parent == homeless
    assert homeless.stat().st_mode & 0o777 == 0o700
    assert mechanism_library() == library
    assert len(machine.calls()) == 1


def test_a_temporary_folder_that_others_can_write_to_is_refused(homeless, machine):
    homeless.mkdir()
    homeless.chmod(0o777)
    with pytest.raises(OutputError, match="open to other users"):
        mechanism_library()


def test_the_cache_is_where_the_user_keeps_caches(machine, monkeypatch, tmp_path):
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("HNNLIB_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "hnnlib"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "hnnlib"


def test_a_library_that_the_user_named_is_used_as_it_is(machine, monkeypatch, tmp_path):
    monkeypatch.setenv("HNNLIB_MECH_LIB", str(tmp_path / "own.so"))
    with pytest.raises(InvalidValue, match=r"HNNLIB_MECH_LIB: .*own\.so"):
        mechanism_library()
    (tmp_path / "own.so").write_text("")
    assert mechanism_library() == tmp_path / "own.so"
    assert machine.calls() == []


def test_only_old_leftovers_of_killed_processes_are_swept(machine):
    key = mechanism_library().parent.name
    old, young = machine.cache / f".{key}-old", machine.cache / f".{key}-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (time.time() - 90000,) * 2)
    for file in (machine.cache / key).iterdir():
        file.unlink()
    mechanism_library()
    assert (old.exists(), young.exists()) == (False, True)


def start_process(code):
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_of_two_processes_at_once_one_compiles(machine):
    machine.set_compiler(sleep_s=0.5)
    code = "from hnnlib.mechanisms.build import mechanism_library; print(mechanism_library())"
    processes = [start_process(code) for _ in range(2)]
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(machine.calls()) == 1
    assert answers[0] == answers[1]


@pytest.mark.neuron
def test_two_processes_at_once_compile_and_run_for_real(tmp_path, monkeypatch):
    monkeypatch.delenv("HNNLIB_MECH_LIB", raising=False)
    monkeypatch.setenv("HNNLIB_CACHE_DIR", str(tmp_path / "a cache"))
    code = (
        "from hnnlib.backends.neuron.session import session\n"
        "s = session(); cell = s.h.Section(name='cell'); cell.insert('hh2'); cell.v = -65; s.prepare(0.025, 37.0)\n"
        "s.h.finitialize(); s.pc.psolve(1.0); print(s.library, cell(0.5).v)"
    )
    processes = [start_process(code) for _ in range(2)]
    answers = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1]
    assert len([p for p in (tmp_path / "a cache").iterdir() if p.is_dir()]) == 1


def test_asking_for_the_library_compiles_nothing(machine):
    assert compiled_library() is None
    assert not machine.cache.exists()
    library = mechanism_library()
    assert compiled_library() == library
    assert len(machine.calls()) == 1


def test_compiling_again_puts_a_new_library_in_the_old_ones_place(machine):
    old = mechanism_library()
    old.write_text("of yesterday")
    assert mechanism_library(again=True) == old
    assert old.read_text() == "compiled"
    assert len(machine.calls()) == 2
    key = old.parent.name
    assert sorted(p.name for p in machine.cache.iterdir()) == [key, f"{key}.lock"]


def test_a_failure_to_compile_again_leaves_the_old_library(machine):
    old = mechanism_library()
    machine.set_compiler(code=1)
    with pytest.raises(MechanismBuildError):
        mechanism_library(again=True)
    assert old.read_text() == "compiled"
