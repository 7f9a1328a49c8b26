"""Every script of the gallery runs, draws, and says nothing that it shouldn't; here on small columns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# those that drive a column with spikes from elsewhere are run by test_drives.py
EXAMPLES = sorted(
    file
    for file in (Path(__file__).resolve().parents[2] / "examples").glob("*.py")
    if not file.stem.startswith("plot_drive_from") and file.stem != "plot_point_network"  # in test_point_network.py
)

# make the published columns small, run the script as it stands, then count what it drew
RUN = """
import runpy, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from hnnlib.editor import models
def small(model):
    def build(*args, mesh_shape=(10, 10), **options):
        return model(*args, mesh_shape=tuple(min(n, 3) for n in mesh_shape), **options)
    return build
for name in models.__all__:
    setattr(models, name, small(getattr(models, name)))
runpy.run_path(sys.argv[1], run_name="__main__")
print("FIGURES", len(plt.get_fignums()))
"""


@pytest.mark.neuron
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:__main__", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert int(done.stdout.split("FIGURES")[-1]) >= 1
