"""Mechanisms of the user's own, with all that a file may say: the fast engine computes them or refuses them by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.neuron

UNITS = "UNITS { (mA) = (milliamp) (nA) = (nanoamp) (mV) = (millivolt) (S) = (siemens) (uS) = (microsiemens) }"

# one folder for all that NEURON has to compile: it takes its time for each
MOD_FILES = Path(__file__).parent / "mod"

NETWORK = """
import json, sys
import numpy as np
import hnnlib as hn
from hnnlib.compile.build import compile_plan

def cell(odd, v0):
    soma = hn.SectionSpec(L=25.0, diam=20.0, v0=v0, receptors=("nmda", "two", "fast"), mechanisms={
        "hh2": {"gl": 1e-4, "el": -65.0}, "km": {"gbar": 20.0}, "odd": odd})
    dend = hn.SectionSpec(L=160.0, diam=2.0, v0=v0, parent="soma", receptors=("nmda", "two"), mechanisms={
        "odd": {"g": hn.Linear(start=1e-4, end=5e-4, reach=100.0)}})
    synapses = {
        "nmda": hn.SynapseSpec(mechanism="MgSyn", parameters={"mg": 1.2}),
        "two": hn.SynapseSpec(mechanism="TwoSpeeds"),
        "fast": hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 3.0}),
    }
    return hn.CellSpec(sections={"soma": soma, "dend": dend}, synapses=synapses, dipole_axis="dend")

def connect(source, target, location, receptor, weight, delay):
    return hn.ConnectionSpec(source=source, target=target, location=location, receptor=receptor, weight=weight,
                             delay=delay, space_constant=1000.0)

points = [(20.0 * k, 0.0, 0.0) for k in range(5)]
cells = {"a": (cell({"g": 4e-4, "e": -40.0}, -65.0), points),
         "b": (cell({"g": 2e-4, "shift": -5.0}, -73.0), points[:2])}
net = hn.NetworkSpec(
    populations={name: hn.Population(cell=c, place=hn.AtPoints(points=p), measure_dipole=True)
                 for name, (c, p) in cells.items()},
    celsius=30.0,
    connections=(connect("a", "b", "dend", "nmda", 0.003, 1.0), connect("b", "a", "dend", "two", 0.002, 0.7),
                 connect("a", "a", "soma", "two", 0.0015, 0.5), connect("b", "b", "soma", "nmda", 0.002, 0.6)),
    drives={"p": hn.PoissonDrive(location="soma", rate=200.0, space_constant=1000.0, weights={
        "a": {"fast": 0.01, "nmda": 0.002, "two": 0.001}, "b": {"fast": 0.015}})},
    biases={"x": {"a": hn.TonicBias(amplitude=0.1, t0=20.0, tstop=40.0), "b": hn.TonicBias(amplitude=-0.3, t0=45.0)}},
)
plan = compile_plan(net, hn.RunSpec(tstop=80.0, record=hn.Record(vsec="all", isec="all")))
told = {"obstacles": hn.FastEngine().obstacles(plan)}
for rates in ("exact", "tables"):
    ours, theirs = (e(rates=rates).run(plan, [0]).trials[0] for e in (hn.FastEngine, hn.NeuronEngine))
    told[rates] = {p.name: float(np.abs(ours.samples[p.name] - theirs.samples[p.name]).max()
                                 / np.abs(theirs.samples[p.name]).max()) for p in plan.probes}
    told[rates]["gids"] = [ours.spike_gids.tolist(), theirs.spike_gids.tolist()]
    told[rates]["spikes"] = float(np.abs(ours.spike_times_ms - theirs.spike_times_ms).max())
    told["n_spikes"] = int((theirs.spike_gids < plan.n_cells).sum())
    told["v"] = [float(theirs.samples["vsec"].min()), float(theirs.samples["vsec"].max())]
print(json.dumps(told))
"""


def run(script, folder):
    """Run a script where the user has the mechanisms in a folder; return what it prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HNNLIB_MOD_PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_both_engines_compute_the_same():
    told = run(NETWORK, MOD_FILES)
    assert told["obstacles"] == []
    assert told["n_spikes"] > 15
    assert told["v"][0] < -100.0  # all branches of BREAKPOINT are taken
    assert told["v"][1] > 20.0
    for rates, tolerance in (("exact", 1e-9), ("tables", 1e-4)):
        found = told[rates]
        assert found["gids"][0] == found["gids"][1]
        assert found["spikes"] <= (1e-9 if rates == "exact" else 0.026)
        for probe in ("dipole", "vsec", "isec"):
            assert found[probe] <= tolerance, (rates, probe)


POINT = """
NEURON {
    POINT_PROCESS %s
    NONSPECIFIC_CURRENT i
    RANGE i
}
ASSIGNED { v (mV) i (nA) }
STATE { s (uS) d }
INITIAL {
    s = 0
    d = 1
    %s
}
BREAKPOINT {
    SOLVE state METHOD %s
    i = s*v
}
DERIVATIVE state {
    s' = -s/4
    d' = %s
}
NET_RECEIVE(weight (uS)) {
    %s
}
"""
REFUSED = {
    # file: (text, line, statement, reason)
    "Coupled": (("", "cnexp", "s - d", "s = s + weight"), 20, "d' = s - d", "is coupled to s"),
    "Stiff": (("", "derivimplicit", "-d", "s = s + weight"), 15, "SOLVE state METHOD derivimplicit", "only cnexp"),
    "Curved": (("", "cnexp", "-d*d", "s = s + weight"), 20, "d' = -d*d", "is not linear in d"),
    "Tired": (("", "cnexp", "1 - d", "s = s + weight*d\n d = d*0.7"), 24, "d = d*0.7", "order of events"),
    "Full": (("", "cnexp", "-d", "s = s + weight*(1 - s)"), 23, "s = s + weight*(1 - s)", "order of events"),
    "Caller": (("net_send(5, 1)", "cnexp", "-d", "s = s + weight"), None, "Caller", "net_send"),
}
ASK = """
import json, sys
import hnnlib as hn
from hnnlib.base.errors import UnsupportedPlan

names = sys.argv[1:] or json.loads(%r)
synapses = {name: hn.SynapseSpec(mechanism=name) for name in names}
soma = hn.SectionSpec(L=20.0, diam=20.0, mechanisms={"hh2": {}}, receptors=tuple(synapses))
cell = hn.CellSpec(sections={"soma": soma}, synapses=synapses)
population = hn.Population(cell=cell, place=hn.AtPoints(points=[(0.0, 0.0, 0.0)]))
net = hn.NetworkSpec(populations={"cell": population}, origin=(0.0, 0.0, 0.0))
try:
    hn.simulate(net, tstop=1.0, engine="fast")
except UnsupportedPlan as error:
    print(json.dumps([str(error), *error.obstacles]))
"""


def test_what_is_refused_is_told_by_file_line_and_statement(tmp_path):
    for name, (parts, *_) in REFUSED.items():
        (tmp_path / f"{name}.mod").write_text(f"{POINT % (name, *parts)}\n{UNITS}\n")
    text, *obstacles = run(ASK % json.dumps(list(REFUSED)), tmp_path)
    assert text.startswith("engine 'fast' can't run this plan:\n  - ")
    for name, (_, line, statement, reason) in REFUSED.items():
        place = statement if line is None else f"{tmp_path / name}.mod:{line}: {statement}: "
        found = [o for o in obstacles if o.startswith(place)]
        assert len(found) == 1, (name, obstacles)
        assert reason in found[0]
        assert found[0] in text
