"""A channel of the user's own: a mod file in a folder that HNNLIB_MOD_PATH names, on both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MOD = """
NEURON {
    SUFFIX slowleak
    NONSPECIFIC_CURRENT i
    RANGE g, e, half
}
UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}
PARAMETER {
    g = 1e-4 (S/cm2)
    e = -70 (mV)
    half = -40 (mV)
}
ASSIGNED { v (mV) i (mA/cm2) }
STATE { w }
INITIAL { w = winf(v) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g*(1 + w)*(v - e)
}
DERIVATIVE states { w' = (winf(v) - w)/5 }
FUNCTION winf(v (mV)) { winf = 1/(1 + exp(-(v - half)/5)) }
"""

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


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "slowleak.mod").write_text(MOD)
    return tmp_path


def run(script, folder):
    env = {**os.environ, "HNNLIB_MOD_PATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.neuron
def test_both_engines_take_it(folder):
    done = run(SCRIPT, folder)
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


def test_a_second_mechanism_of_one_name_is_refused(folder):
    (folder / "other.mod").write_text(MOD)
    done = run("import hnnlib as hn; hn.jones_2009_model()", folder)
    assert done.returncode != 0
    assert "slowleak" in done.stderr
