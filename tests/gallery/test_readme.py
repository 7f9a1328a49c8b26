"""README's commands and script work as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[str]:
    return [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


def test_every_command_is_known_here():
    # what can't run inside the tests (they would set up an environment in an environment) is run by .ci/run and by
    # tests/architecture/test_commands.py
    elsewhere = {"make demo", "make test", "pip install ."}
    assert {c for c in commands() if not c.startswith("hnnlib ")} == elsewhere


@pytest.mark.neuron
def test_command_lines_run(tmp_path):
    for command in commands():
        if not command.startswith("hnnlib "):
            continue
        words = shlex.split(command)
        if words[1] == "simulate":
            words += ["--mesh", "3x3", "--quiet"]  # the same on a small column
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "run.h5").exists()


@pytest.mark.neuron
def test_script_runs(tmp_path):
    (script,) = blocks("python")
    lines = [line for line in script.splitlines() if line.strip()]
    assert len(lines) <= 10
    end = "\nimport matplotlib.pyplot as plt\nplt.savefig('script.png')\n"
    done = subprocess.run(
        [sys.executable, "-c", "import matplotlib; matplotlib.use('Agg')\n" + script + end],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert (tmp_path / "script.png").stat().st_size > 10_000


def test_its_links_and_pictures_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
