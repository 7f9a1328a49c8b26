"""The two commands on a machine that lacks something: one line that says what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or sys.platform == "win32", reason="needs make and a POSIX shell"
)

OLD_PYTHON = "#!/bin/sh\ncase $1 in -c) exit 1;; -V) echo 'Python 3.9.2';; esac\n"
PYTHON_WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n'
GOOD_PYTHON = "#!/bin/sh\n"
COMPILER = "#!/bin/sh\n"


@pytest.fixture
def checkout(repository, tmp_path):
    """A folder with a space in its name that holds what set-up reads."""
    folder = tmp_path / "my checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(repository / name, folder)
    return folder


def make(folder, target, programs, *words, **variables):
    """Run make where PATH has a bare system's tools and `programs` (name -> script) only."""
    path = folder.parent / "bin"
    path.mkdir()
    for name in ("sh", "bash", "cat", "mkdir", "rm", "touch", "find"):
        os.symlink(shutil.which(name), path / name)
    for name, script in programs.items():
        (path / name).write_text(script)
        (path / name).chmod(0o755)
    command = [shutil.which("make"), "--no-print-directory", target, *words]
    environment = {"PATH": str(path), "LC_ALL": "C", **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target", ["demo", "test"])
@pytest.mark.parametrize(
    ("programs", "told"),
    [
        ({"python3": GOOD_PYTHON}, "sudo apt-get install g++"),
        ({"c++": COMPILER}, "sudo apt-get install python3 python3-venv"),
        ({"c++": COMPILER, "python3": PYTHON_WITHOUT_VENV}, "sudo apt-get install python3-venv"),
        ({"c++": COMPILER, "python3": OLD_PYTHON}, "Python 3.9.2 is too old"),
        ({}, "sudo apt-get install python3 python3-venv g++"),
    ],
    ids=["compiler", "python", "venv", "old python", "all"],
)
def test_what_is_missing_is_told_in_one_line(checkout, target, programs, told):
    done = make(checkout, target, programs)
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert told in line
    assert not (checkout / ".venv").exists()


def test_compiled_mechanisms_need_no_compiler(checkout):
    done = make(checkout, "demo", {"python3": GOOD_PYTHON}, "--dry-run", HNNLIB_MECH_LIB="/somewhere/libnrnmech.so")
    assert done.returncode == 0, done.stderr


def test_another_interpreter_can_be_named(checkout):
    programs = {"c++": COMPILER, "python3": OLD_PYTHON, "python3.12": GOOD_PYTHON}
    done = make(checkout, "demo", programs, "--dry-run", "PYTHON=python3.12")
    assert done.returncode == 0, done.stderr
    assert "'python3.12' -m venv" in done.stdout


def test_set_up_runs_once(checkout):
    scripts = checkout / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").write_text(GOOD_PYTHON)
    (scripts / "python").chmod(0o755)
    (checkout / ".venv" / ".ready").write_text(f"{os.path.realpath(checkout)}\n")
    done = make(checkout, "demo", {}, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "pip" not in done.stdout
    assert "hnnlib simulate default.json" in done.stdout


def test_a_moved_checkout_is_set_up_again(checkout):
    scripts = checkout / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").write_text(GOOD_PYTHON)
    (scripts / "python").chmod(0o755)
    (checkout / ".venv" / ".ready").write_text("/where/it/was\n")
    done = make(checkout, "demo", {"c++": COMPILER, "python3": GOOD_PYTHON}, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "-m venv --clear" in done.stdout


def test_help_names_every_command(repository):
    done = subprocess.run(["make", "--no-print-directory"], cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "demo",
        "test",
        "bench",
        "bench-peers",
        "lint",
        "docs",
        "clean",
    ]


def test_ci_runs_the_command_of_the_readme(repository: Path):
    script = (repository / ".ci" / "run").read_text("utf-8")
    assert subprocess.run(["bash", "-n", repository / ".ci" / "run"], timeout=60).returncode == 0
    assert "make test" in script
    assert "make test" in (repository / "README.md").read_text("utf-8")
