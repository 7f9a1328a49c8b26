"""`import hnnlib` is light: what is heavy is imported by the function that needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("scipy", "matplotlib", "neuron", "h5py", "joblib", "mpi4py", "pandas", "pynwb", "plotly", "PIL")


def heavy_after(code, folder):
    """Return which heavy packages a fresh interpreter has loaded after `code`."""
    code += f"; import json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_hnnlib_loads_nothing_heavy(repository):
    assert heavy_after("import hnnlib", repository) == []


def test_no_module_imports_anything_heavy_at_its_top(repository, library):
    names = ", ".join(module.name for module in library if not module.name.endswith("__main__"))
    assert heavy_after(f"import {names}", repository) == []


@pytest.mark.parametrize("name", ["hnnlib", "hnnlib.editor.network", "hnnlib.simulation"])
def test_import_prints_nothing(repository, name):
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], cwd=repository, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
