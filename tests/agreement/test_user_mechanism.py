"""A channel of the user's own: a mod file in a folder that HNNLIB_MOD_PATH names, on both engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MOD_FILES = Path(__file__).parent / "mod"

SCRIPT = """
import json, sys
import attrs
import numpy as np
import hnnlib as hn
from hnnlib.compile.build import compile_plan

net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
cell = net.spec.populations["L5_pyramidal"].cell
sections = {
    name: attrs.evolve(s, mechanisms={**s.mechanisms, "slowleak": {"g": 2e-5 * (1 + k)}})
    for k, (name, s) in enumerate(cell.sections.items())
}
net.put("populations.L5_pyramidal.cell", attrs.evolve(cell, sections=sections))
plan = compile_plan(net.spec, hn.RunSpec(tstop=60.0))
fast, neuron = (e(rates="exact").run(plan, [0]).trials[0] for e in (hn.FastEngine, hn.NeuronEngine))
peak = np.abs(neuron.samples["dipole"]).max()
off = np.abs(fast.samples["dipole"] - neuron.samples["dipole"]).max() / peak
print(json.dumps([fast.spike_gids.tolist(), neuron.spike_gids.tolist(), off]))
"""


def run(script, folder):
    env = {**os.environ, "HNNLIB_MOD_PATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.neuron
def test_both_engines_take_it():
    done = run(SCRIPT, MOD_FILES)
    assert done.returncode == 0, done.stderr
    fast, neuron, off = json.loads(done.stdout.splitlines()[-1])
    assert fast == neuron
    assert len(fast) > 20
    assert off < 1e-9  # its conductance isn't stated, so that both take it as a difference over 0.001 mV


def test_a_missing_folder_is_named(tmp_path):
    done = run("import hnnlib as hn; hn.jones_2009_model()", tmp_path / "nowhere")
    assert done.returncode != 0
    assert "HNNLIB_MOD_PATH" in done.stderr
    assert "nowhere" in done.stderr


def test_a_second_mechanism_of_one_name_is_refused(tmp_path):
    for name in ("slowleak", "other"):
        shutil.copyfile(MOD_FILES / "slowleak.mod", tmp_path / f"{name}.mod")
    done = run("import hnnlib as hn; hn.jones_2009_model()", tmp_path)
    assert done.returncode != 0
    assert "slowleak" in done.stderr
