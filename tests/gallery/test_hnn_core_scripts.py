"""Scripts in the manner of HNN-core's gallery, by its names alone, run as they stand and draw what they should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "hnn_core"

# script -> number of figures that are open at its end
FIGURES = {
    "alpha": 3,
    "animation": 1,
    "batch_simulate": 1,
    "beta": 5,
    "connectivity": 8,
    "evoked": 6,
    "extracellular": 2,
    "firing_pattern": 4,
    "gamma": 6,
    "mpi": 1,
    "optimize_evoked": 2,
    "optimize_rhythmic": 3,
    "replay": 2,
    "somato": 2,
}
NEEDS = {"mpi": "mpi4py", "optimize_evoked": "bayes_opt"}

# make the published columns small, let `import hnn_core` give hnnlib, run the script
RUN = """
import runpy, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import hnnlib
from hnnlib.editor import models
def small(model):
    def build(*args, **options):
        args = (*args[:3], (2, 2)) if len(args) > 3 else args
        return model(*args, **options)
    return build
for name in models.__all__:
    setattr(models, name, small(getattr(models, name)))
hnnlib.install_as_hnn_core()
runpy.run_path(sys.argv[1], run_name="__main__")
print("FIGURES", len(plt.get_fignums()))
"""


def test_every_script_is_here():
    assert {file.stem for file in FOLDER.glob("*.py")} == set(FIGURES)


@pytest.mark.neuron
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_script_runs(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(FOLDER / f"{name}.py")],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split("FIGURES")[-1]) == FIGURES[name]
