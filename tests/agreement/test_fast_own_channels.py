"""Mechanisms of the user's own, with all that a file may say: the fast engine computes them or refuses them by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.neuron

UNITS = "UNITS { (mA) = (milliamp) (nA) = (nanoamp) (mV) = (millivolt) (S) = (siemens) (uS) = (microsiemens) }"

# A channel with all in it: choices, powers, functions, tables, constants, globals, three currents, no CONDUCTANCE
ODD = """
NEURON {
    SUFFIX odd
    NONSPECIFIC_CURRENT i
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    RANGE g, e, shift, open, late
    GLOBAL steep, q
}
CONSTANT { base = 1.7 }
PARAMETER {
    g = 1e-4 (S/cm2)
    e = -60 (mV)
    shift = 3 (mV)
    steep = 7 (mV)
}
STATE { a b c w }
ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    i (mA/cm2)
    ina (mA/cm2)
    ik (mA/cm2)
    ainf
    atau (ms)
    binf
    btau (ms)
    wtau (ms)
    q
    open
    late
}
INITIAL {
    q = base^((celsius - 20)/10)
    smooth(v)
    stepped(v)
    a = ainf
    b = 0.3
    c = 0.1
    w = 0.5
    late = 0
}
BREAKPOINT {
    LOCAL x
    SOLVE states METHOD cnexp
    x = a*a*b*(1 + 0.1*floor(fabs(v)/25))
    if (v > -50) {
        x = x + 0.1*c
        late = x
    } else if (v < -90) {
        x = x*2
    } else {
        x = x + 0.01*c*sqrt(fabs(v)/50)
    }
    open = x
    i = g*x*goldman(v - e) + 0.01*g*late*(v - e)
    ina = g*0.1*x*(v - ena)
    ik = g*w^1.5*tanh((v - ek)/40)*20
}
DERIVATIVE states {
    smooth(v)
    stepped(v)
    a' = q*(ainf - a)/atau
    b' = (binf - b)/btau
    c' = 0.2*(1 - c)*ainf - c/5
    w' = (0.5 + 0.4*cos(v/30) - w)/wtau
}
PROCEDURE smooth(v (mV)) {
    TABLE ainf, atau DEPEND steep FROM -150 TO 150 WITH 300
    ainf = 1/(1 + exp(-(v + 50)/steep))
    atau = 0.5 + 2*exp(-((v + 60)/30)^2)
}
PROCEDURE stepped(v (mV)) {
    LOCAL y
    y = (v + 45 - shift)/6
    if (fabs(y) < 1e-4) {
        btau = 4*(1 - y/2)
    } else if (y > 0 && v < 0) {
        btau = 4*y/(exp(y) - 1)
    } else {
        btau = 4*fabs(y)/fabs(exp(y) - 1)
    }
    wtau = 3 + sin(v/40)^2
    binf = 0.9*logistic(-y) + log10(1 + exp(y/10))*0.05
}
FUNCTION logistic(y) { logistic = 1/(1 + exp(-y)) }
FUNCTION goldman(y (mV)) (mV) {
    LOCAL z
    z = y/25
    if (fabs(z) < 1e-3) {
        goldman = 25*(1 + z/2 + z*z/12)
    } else {
        goldman = 25*z/(1 - exp(-z))
    }
}
"""

# NMDA receptors with the block by magnesium of Jahr & Stevens (1990, J Neurosci 10:3178)
MG_SYN = """
NEURON {
    POINT_PROCESS MgSyn
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e, mg, g, i
}
PARAMETER {
    tau1 = 2 (ms)
    tau2 = 50 (ms)
    e = 0 (mV)
    mg = 1
}
ASSIGNED { v (mV) i (nA) g (uS) factor }
STATE { A (uS) B (uS) }
INITIAL {
    LOCAL tp
    A = 0
    B = 0
    tp = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = 1/(exp(-tp/tau2) - exp(-tp/tau1))
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    g = (B - A)*block(v)
    i = g*(v - e)
}
DERIVATIVE state {
    A' = -A/tau1
    B' = -B/tau2
}
NET_RECEIVE(weight (uS)) {
    A = A + weight*factor
    B = B + weight*factor
}
FUNCTION block(v (mV)) { block = 1/(1 + mg/3.57*exp(-0.062*v)) }
"""

# Strong events open a slow part too
TWO_SPEEDS = """
NEURON {
    POINT_PROCESS TwoSpeeds
    NONSPECIFIC_CURRENT i
    RANGE tau, slow, e, limit, i
}
PARAMETER {
    tau = 4 (ms)
    slow = 30 (ms)
    e = -85 (mV)
    limit = 0.0011 (uS)
}
ASSIGNED { v (mV) i (nA) }
STATE { s (uS) d (uS) }
INITIAL {
    s = 0
    d = 0
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    i = (s + d)*(v - e)
}
DERIVATIVE state {
    s' = -s/tau
    d' = -d/slow
}
NET_RECEIVE(weight (uS)) {
    s = s + weight
    if (weight > limit) {
        d = d + 0.3*(weight - limit)
    } else {
        s = s - 0.1*weight
    }
}
"""

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


def run(script, folder, files):
    """Run a script where the user has these mechanisms; return what it prints last, as JSON."""
    for name, text in files.items():
        (folder / f"{name}.mod").write_text(f"{text}\n{UNITS}\n")
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


def test_both_engines_compute_the_same(tmp_path):
    told = run(NETWORK, tmp_path, {"odd": ODD, "mgsyn": MG_SYN, "twospeeds": TWO_SPEEDS})
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
    files = {name: POINT % (name, *parts) for name, (parts, *_) in REFUSED.items()}
    text, *obstacles = run(ASK % json.dumps(list(files)), tmp_path, files)
    assert text.startswith("engine 'fast' can't run this plan:\n  - ")
    for name, (_, line, statement, reason) in REFUSED.items():
        place = statement if line is None else f"{tmp_path / name}.mod:{line}: {statement}: "
        found = [o for o in obstacles if o.startswith(place)]
        assert len(found) == 1, (name, obstacles)
        assert reason in found[0]
        assert found[0] in text
