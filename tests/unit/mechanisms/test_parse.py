"""NEURON's parser is read right: every mechanism that comes with the package says what the published model says."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import scipy.constants

from hnnlib.base.errors import FileFormatError, MechanismBuildError, MissingFile, UnknownName
from hnnlib.base.resources import mod_dir
from hnnlib.mechanisms import nmodl
from hnnlib.mechanisms.catalogue import Parameter, catalogue
from hnnlib.mechanisms.evaluate import evaluate, execute, initial_values, rates_at, table_rows
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.parse import neuron_file, parse_mechanism
from hnnlib.mechanisms.scope import obstacles
from hnnlib.mechanisms.symbolic import linear_parts
from hnnlib.mechanisms.syntax import (
    Binary,
    Block,
    Call,
    Conductance,
    Ion,
    Name,
    Number,
    Solve,
    Table,
    Unary,
    Unsupported,
    to_text,
)

pytestmark = pytest.mark.neuron  # its parser is run, not the simulator

CHANNELS = ("ar", "ca", "cad", "cat", "hh2", "kca", "km")
FROM_NEURON = ("pas", "ExpSyn", "Exp2Syn", "hh")
# with the places where a rate's formula is 0/0, or changes, and their neighbours
V = np.unique(
    np.concatenate(
        [np.arange(-150.0, 80.0, 0.37), *([v, v - 1e-9, v + 1e-9, v + 1e-4] for v in (-81, -55, -40, -30, -27, 0))]
    )
)
PHI = 2.3 ** ((37 - 23 - 30.7) / 10)


@pytest.fixture(scope="module")
def codes():
    """All mechanisms by name."""
    files = [*sorted(mod_dir().glob("*.mod")), *map(neuron_file, FROM_NEURON)]
    return {code.name: code for code in map(parse_mechanism, files)}


@pytest.fixture
def parsed(tmp_path):
    """Return a reader of NMODL text."""

    def parse(text, name="x.mod"):
        (tmp_path / name).write_text(text)
        return parse_mechanism(tmp_path / name)

    return parse


# ---------------------------------------------------------------------------------------------------- what is declared


def test_every_file_is_read(codes):
    assert set(codes) == {*CHANNELS, *FROM_NEURON, "LinearProbe", "EventSource", "NMDA"}


def test_the_catalogue_says_the_same(codes):
    known = {name: catalogue()[name] for name in codes if name in catalogue()}
    assert {*CHANNELS, "pas", "ExpSyn", "Exp2Syn"} <= set(known)
    for name, mechanism in known.items():
        code = codes[name]
        assert (code.kind, dict(code.parameters)) == (mechanism.kind, dict(mechanism.parameters))
        assert sorted(n for ion in code.ions for n in ion.reads) == sorted(mechanism.reads)
        assert sorted(n for ion in code.ions for n in ion.writes) == sorted(mechanism.writes)


def test_declarations_of_a_channel(codes):
    hh2, ca, cad = codes["hh2"], codes["ca"], codes["cad"]
    assert hh2.states == ("m", "h", "n")
    assert hh2.assigned == ("il", "minf", "hinf", "ninf", "mtau", "htau", "ntau", "q")
    assert (hh2.global_parameters, hh2.global_assigned, hh2.constants) == ({}, (), {})
    assert hh2.ions == (
        Ion(name="na", reads=("ena",), writes=("ina",)),
        Ion(name="k", reads=("ek",), writes=("ik",)),
    )
    assert (hh2.nonspecific, hh2.currents) == (("il",), ("ina", "ik", "il"))
    assert hh2.conductances == (
        Conductance(variable="gna", ion="na"),
        Conductance(variable="gk", ion="k"),
        Conductance(variable="gl"),
    )
    assert (hh2.solve, hh2.is_thread_safe) == (Solve(block="states", method="cnexp"), True)
    assert hh2.routines["rates"].table == Table(
        variables=("minf", "mtau", "hinf", "htau", "ninf", "ntau"), depend=("celsius",), low=-100.0, high=100.0, n=200
    )
    assert hh2.routines["ratio"].arguments == ("x", "y")
    assert ca.ions == (Ion(name="ca", reads=("cai", "cao"), writes=("ica",)),)
    assert "eca" in ca.assigned  # its own, no ion's
    assert cad.currents == ()


@pytest.mark.parametrize(
    ("name", "routine", "low", "high", "n"),
    [
        ("hh2", "rates", -100, 100, 200),
        ("km", "rates", -120, 100, 199),
        ("ca", "rates", -120, 100, 199),
        ("cat", "rates", -120, 40, 641),
        ("ar", "rates", -120, 40, 641),
    ],
)
def test_tables_are_those_of_the_published_model(codes, name, routine, low, high, n):
    table = codes[name].routines[routine].table
    assert (table.low, table.high, table.n) == (low, high, n)
    nodes, rows = table_rows(codes[name], routine)
    assert set(rows) == set(table.variables)
    np.testing.assert_allclose(nodes, np.linspace(low, high, n + 1), atol=1e-11)
    exact = rates_at(codes[name], routine, nodes[[0, 17, n]])
    for variable, row in rows.items():
        np.testing.assert_array_equal(row[[0, 17, n]], exact[variable])


def test_what_has_no_table_says_so(codes):
    assert [name for name in CHANNELS if not any(r.table for r in codes[name].routines.values())] == ["cad", "kca"]


# ------------------------------------------------------------------------------------------------------------- scope


def test_the_models_mechanisms_are_in_scope(codes):
    assert {name: obstacles(codes[name]) for name in (*CHANNELS, *FROM_NEURON)} == dict.fromkeys(
        (*CHANNELS, *FROM_NEURON), ()
    )


def test_instruments_are_out_of_scope_with_line_and_reason(codes):
    source, probe = obstacles(codes["EventSource"]), obstacles(codes["LinearProbe"])
    assert str(source[0]) == f"{mod_dir() / 'event_source.mod'}:10: ARTIFICIAL_CELL EventSource: has no membrane"
    lines = (mod_dir() / "event_source.mod").read_text().splitlines()
    for found in source[1:]:
        assert found.statement.split("(")[0] in lines[found.line - 1]
    assert {o.statement for o in probe} == {"VERBATIM", "CONSTRUCTOR", "DESTRUCTOR", "AFTER"}
    assert {o.reason for o in probe if o.statement == "VERBATIM"} == {"C++ of its own"}


def test_lines_are_those_of_the_file(codes):
    lines = (mod_dir() / "hh2.mod").read_text().splitlines()
    hh2 = codes["hh2"]
    blocks = [hh2.initial, hh2.breakpoint, hh2.update, *hh2.routines.values()]
    for statement in (s for block in blocks for s in block.body):
        first = to_text(statement).split()[0]
        assert lines[statement.line - 1].split()[0].startswith(first.split("(")[0])
    assert [lines[b.line - 1].split()[0] for b in blocks[:3]] == ["INITIAL", "BREAKPOINT", "DERIVATIVE"]


# ------------------------------------------------------------------------------------------------------------ kinetics


def gate(alpha, beta, factor):
    return alpha / (alpha + beta), 1 / (factor * (alpha + beta))


def ratio(x, y):
    small = np.abs(x / y) < 1e-6
    return np.where(small, y * (1 - x / (2 * y)), x / np.expm1(np.where(small, 1.0, x) / y))


def hh2_rates(v):
    m = gate(0.1 * ratio(-(v + 40), 10), 4 * np.exp(-(v + 65) / 18), 1.0)
    h = gate(0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10)), 1.0)
    n = gate(0.01 * ratio(-(v + 55), 10), 0.125 * np.exp(-(v + 65) / 80), 1.0)
    return {"minf": m[0], "mtau": m[1], "hinf": h[0], "htau": h[1], "ninf": n[0], "ntau": n[1]}


def km_rates(v):
    x = v + 30
    x = np.where(np.abs(x) < 1e-6, 1e-6, x)
    n = gate(0.001 * x / (1 - np.exp(-x / 9)), -0.001 * x / (1 - np.exp(x / 9)), PHI)
    return {"ninf": n[0], "ntau": n[1]}


def ca_rates(v):
    x = -27 - v
    x = np.where(np.abs(x) < 1e-6, 1e-6, x)
    m = gate(0.055 * x / (np.exp(x / 3.8) - 1), 0.94 * np.exp((-75 - v) / 17), PHI)
    h = gate(0.000457 * np.exp((-13 - v) / 50), 0.0065 / (np.exp((-v - 15) / 28) + 1), PHI)
    return {"minf": m[0], "mtau": m[1], "hinf": h[0], "htau": h[1]}


def cat_rates(v):
    return {
        "minf": 1 / (1 + np.exp((-v - 56) / 6.2)),
        "mtau": 0.204 + 0.333 / (np.exp((v + 15.8) / 18.2) + np.exp((-v - 131) / 16.7)),
        "hinf": 1 / (1 + np.exp((v + 80) / 4)),
        "htau": np.where(v < -81, 0.333 * np.exp((v + 466) / 66.6), 9.32 + 0.333 * np.exp((-v - 21) / 10.5)),
    }


def ar_rates(v):
    return {
        "minf": 1 / (1 + np.exp((v + 75) / 5.5)),
        "mtau": 1 / (np.exp(-14.6 - 0.086 * v) + np.exp(-1.87 + 0.07 * v)),
    }


@pytest.mark.parametrize(
    ("name", "closed"),
    [("hh2", hh2_rates), ("km", km_rates), ("ca", ca_rates), ("cat", cat_rates), ("ar", ar_rates)],
)
def test_rates_are_those_of_the_published_model(codes, name, closed):
    found, expected = rates_at(codes[name], "rates", V), closed(V)
    assert set(found) == set(expected)
    for variable, values in expected.items():
        np.testing.assert_allclose(found[variable], values, rtol=1e-12, err_msg=variable)


def test_calcium_opens_its_potassium_channel(codes):
    cai = np.array([1e-5, 1e-4, 1e-2, 1.0])
    found = rates_at(codes["kca"], "rates", cai, v=-65.0)
    np.testing.assert_allclose(found["ninf"], 0.01 * cai / (0.01 * cai + 0.02), rtol=1e-12)
    np.testing.assert_allclose(found["ntau"], 1 / (PHI * (0.01 * cai + 0.02)), rtol=1e-12)


def test_rates_follow_the_temperature(codes):
    warm, cold = (rates_at(codes["hh2"], "rates", -50.0, celsius=t)["mtau"] for t in (37.0, 27.0))
    np.testing.assert_allclose(cold / warm, 3.0, rtol=1e-12)
    assert rates_at(codes["km"], "tempfactor", 37.0)["tempfactor"] == pytest.approx(PHI, rel=1e-14)


# ------------------------------------------------------------------------------------------- states and their currents


def test_states_start_as_published(codes):
    v = -64.0
    for name, expected in {
        "hh2": {"m": "minf", "h": "hinf", "n": "ninf"},
        "km": {"n": "ninf"},
        "ca": {"m": "minf", "h": "hinf"},
        "cat": {"m": 0.0, "h": "hinf"},
        "ar": {"m": 0.25},
        "kca": {"n": "ninf"},
        "cad": {"ca": 1e-4, "cai": 1e-4},
    }.items():
        after = initial_values(codes[name], v=v, cai=1e-4, cao=2.0)
        for state, value in expected.items():
            assert after[state] == (after[value] if isinstance(value, str) else value)
    assert initial_values(codes["ca"], v=v, cai=1e-4, cao=2.0)["eca"] == pytest.approx(132.32668565108486, abs=1e-12)


def test_every_state_is_linear_in_itself(codes):
    rng = np.random.default_rng(3)
    for name in (*CHANNELS, *FROM_NEURON):
        code = codes[name]
        assert [e.state for e in code.equations] == list(code.states)
        for equation in code.equations:
            env = {n: rng.uniform(0.5, 2.0) for n in (*code.variables, *code.states)}
            a, b = (evaluate(part, env) for part in linear_parts(equation.rhs, equation.state))
            assert a + b * env[equation.state] == pytest.approx(evaluate(equation.rhs, env), rel=1e-13)
            assert b < 0


CURRENTS = {
    "hh2": {
        "ina": (lambda e: e["gnabar"] * e["m"] ** 3 * e["h"], "ena"),
        "ik": (lambda e: e["gkbar"] * e["n"] ** 4, "ek"),
        "il": (lambda e: e["gl"], "el"),
    },
    "km": {"ik": (lambda e: 1e-4 * e["tadj"] * e["gbar"] * e["n"], "ek")},
    "ca": {"ica": (lambda e: 1e-4 * e["tadj"] * e["gbar"] * e["m"] ** 2 * e["h"], "eca")},
    "kca": {"ik": (lambda e: 1e-4 * e["tadj"] * e["gbar"] * e["n"], "ek")},
    "cat": {"i": (lambda e: e["gbar"] * e["m"] ** 2 * e["h"], "e")},
    "ar": {"i": (lambda e: e["gbar"] * e["m"], "e")},
    "pas": {"i": (lambda e: e["g"], "e")},
    "Exp2Syn": {"i": (lambda e: e["B"] - e["A"], "e")},
}


@pytest.mark.parametrize("name", CURRENTS)
def test_currents_and_conductances_are_those_of_the_published_model(codes, name):
    code = codes[name]
    rng = np.random.default_rng(4)
    env = {n: rng.uniform(0.5, 2.0, 5) for n in code.variables}
    flat = inline(code, code.breakpoint)
    after = execute(flat.body, env)
    assert set(code.currents) == set(CURRENTS[name])
    for statement in flat.body:
        if statement.target in code.currents:
            conductance, reversal = CURRENTS[name][statement.target]
            g = conductance(env)
            np.testing.assert_allclose(after[statement.target], g * (env["v"] - env[reversal]), rtol=1e-12)
            _, slope = linear_parts(statement.value, "v")
            np.testing.assert_allclose(evaluate(slope, after), g, rtol=1e-12)


def test_calcium_flows_in_only(codes):
    cad = codes["cad"]
    *before, equation, last = inline(cad, cad.update).body
    assert (to_text(equation), to_text(last)) == ("ca' = inflow + (cainf - ca)/taur", "cai = ca")
    ica = np.array([-0.01, 0.0, 0.02])
    after = execute(before, {"ica": ica, "depth": 0.1})
    np.testing.assert_allclose(after["inflow"], [1e4 * 0.01 / (2 * 96485.3 * 0.1), 0, 0], rtol=1e-13)


@pytest.mark.parametrize(("tau1", "tau2"), [(0.5, 5.0), (1.0, 20.0), (45.0, 200.0)])
def test_an_event_of_weight_one_peaks_at_one(codes, tau1, tau2):
    code = codes["Exp2Syn"]
    rest = initial_values(code, v=-65.0, tau1=tau1, tau2=tau2)
    peak = tau1 * tau2 / (tau2 - tau1) * np.log(tau2 / tau1)
    factor = 1 / (np.exp(-peak / tau2) - np.exp(-peak / tau1))
    after = execute(inline(code, code.net_receive).body, {**rest, "weight": 1.0})
    assert after["A"] == after["B"] == pytest.approx(factor, rel=1e-12)
    t = np.linspace(0, 5 * tau2, 20001)
    g = after["B"] * np.exp(-t / tau2) - after["A"] * np.exp(-t / tau1)
    assert g.max() == pytest.approx(1.0, rel=1e-6)


def test_a_rise_as_slow_as_the_decay_is_made_a_little_faster(codes):
    after = initial_values(codes["Exp2Syn"], v=-65.0, tau1=5.0, tau2=5.0)
    assert after["tau1"] == 0.9999 * 5.0
    assert np.isfinite(after["factor"])


# -------------------------------------------------------------------------------------------------- files of one's own

HEADER = "NEURON {{ SUFFIX x NONSPECIFIC_CURRENT i RANGE g {more} }}\nPARAMETER {{ g = 1 }}\nASSIGNED {{ v i }}\n"


def test_declarations_of_all_kinds(parsed):
    code = parsed(
        """NEURON { POINT_PROCESS x USEION zn READ zni, zno WRITE izn VALENCE 2 RANGE gmax GLOBAL low, shared }
        DEFINE N 20
        UNITS { (mV) = (millivolt)
            FARADAY = (faraday) (coulomb)
            R = (k-mole) (joule/degC)
            OLD = 96485.309 (coulombs) }
        CONSTANT { half = 0.5 }
        PARAMETER { gmax = -2e-3 (uS) <0, 1>
            low = -90 (mV)  celsius = 6.3  bare }
        LOCAL outer
        ASSIGNED { v (mV) izn (nA) shared zni own }
        STATE { m FROM 0 TO 1 }
        BREAKPOINT { rates(v) izn = m }
        PROCEDURE rates(v) { TABLE shared, own DEPEND gmax, celsius FROM low TO low*-1 + N WITH N
            shared = v own = FARADAY }
        FUNCTION f(v) { TABLE DEPEND low FROM 0 TO 1 WITH 10
            f = v*half }
        """
    )
    assert code.kind == "point"
    assert code.parameters == {"gmax": Parameter(-2e-3, "uS")}
    assert code.global_parameters == {"low": Parameter(-90.0, "mV"), "bare": Parameter(0.0, "")}
    faraday = scipy.constants.e * scipy.constants.N_A
    assert code.constants == {"N": 20, "FARADAY": faraday, "R": scipy.constants.R, "OLD": 96485.309, "half": 0.5}
    assert (code.states, code.assigned, code.global_assigned) == (("m",), ("own",), ("shared", "outer"))
    assert code.ions == (Ion(name="zn", reads=("zni", "zno"), writes=("izn",), valence=2.0),)
    depend = ("gmax", "celsius")
    assert code.routines["rates"].table == Table(variables=("shared", "own"), depend=depend, low=-90, high=110, n=20)
    assert code.routines["f"].table == Table(variables=("f",), depend=("low",), low=0, high=1, n=10)
    assert obstacles(code) == ()


def test_an_older_form_of_solving_calls_its_procedure_once_a_step(parsed):
    code = parsed(
        HEADER.format(more="") + "STATE { m }\nBREAKPOINT { SOLVE advance\n i = g*m*v }\n"
        "PROCEDURE advance() { m = m + 0.1*(1 - m) }"
    )
    assert code.solve == Solve(block="advance", method=None)
    assert [to_text(s) for s in inline(code, code.update).body] == ["m = m + 0.1*(1 - m)"]
    assert obstacles(code) == ()


def test_a_name_local_to_a_branch_hides_nothing_outside_it(parsed):
    code = parsed(
        HEADER.format(more="") + "BREAKPOINT { if (v > 0) { LOCAL g\n g = 5\n i = g } else { i = g } i = i + g }"
    )
    assert [execute(code.breakpoint.body, {"v": v, "g": 1.0})["i"] for v in (1.0, -1.0)] == [6.0, 2.0]


def test_jumps_of_a_state_are_assignments_wherever_they_stand(parsed):
    # the parser drops the whole choice around state_discontinuity, unless it is kept from knowing the word
    code = parsed(
        "NEURON { POINT_PROCESS x NONSPECIFIC_CURRENT i }\nASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { i = m }\n"
        "NET_RECEIVE (w) {\n if (flag == 0) {\n net_send(2, 1)\n state_discontinuity(m, m + w)\n }\n i = 3 }"
    )
    choice, last = code.net_receive.body
    assert to_text(choice) == "if (flag == 0) { net_send(2, 1); m = m + w }"
    assert ([s.line for s in choice.then], last.line) == ([7, 8], 10)
    assert obstacles(code) == ()


def test_a_tree_that_lacks_a_statement_is_noticed(parsed, monkeypatch):
    monkeypatch.setattr(nmodl, "DISCONTINUITY", "state_discontinuity")  # the parser's own way
    code = parsed(
        "NEURON { POINT_PROCESS x NONSPECIFIC_CURRENT i }\nASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { i = m }\n"
        "NET_RECEIVE (w) { if (flag == 0) { i = 2 state_discontinuity(m, m + w) } }"
    )
    assert code.net_receive.body[-1] == Unsupported("a statement that NEURON's nmodl leaves out")
    assert [(o.line, o.reason) for o in obstacles(code)] == [(5, "has no form in a generated engine")]


def test_expressions_mean_what_they_say(parsed):
    """Random expressions, written out and read back by NEURON's parser, keep their value."""
    rng = random.Random(11)

    def expression(depth):
        kind = (
            rng.choice(("number", "name", "unary", "call", *["binary"] * 5))
            if depth
            else rng.choice(("number", "name"))
        )
        if kind == "number":
            return Number(rng.choice((0.5, 2.0, 1e-3, -3.0, 7.25)))
        if kind == "name":
            return Name(rng.choice(("a", "b", "g")))
        if kind == "unary":
            return Unary("-", expression(depth - 1))
        if kind == "call":
            return Call("fabs", (expression(depth - 1),))
        return Binary(rng.choice(("+", "-", "*", "/", "^")), expression(depth - 1), expression(depth - 1))

    trees = [expression(4) for _ in range(120)]
    tests = [
        Binary("||", Binary("&&", Binary("<", a, b), Unary("!", Binary(">=", b, a))), Binary("!=", a, b))
        for a, b in zip(trees[::2], trees[1::2], strict=True)
    ]
    functions = "".join(f"FUNCTION f{k}(a, b) {{ f{k} = {to_text(tree)} }}\n" for k, tree in enumerate(trees))
    functions += "".join(
        f"FUNCTION t{k}(a, b) {{ if ({to_text(test)}) {{ t{k} = 1 }} }}\n" for k, test in enumerate(tests)
    )
    code = parsed(HEADER.format(more="") + functions)
    env = {"a": 1.7, "b": 0.3, "g": 2.5}
    for k, tree in enumerate(trees):
        (statement,) = code.routines[f"f{k}"].body
        np.testing.assert_equal(evaluate(statement.value, env), evaluate(tree, env), err_msg=to_text(tree))
    for k, test in enumerate(tests):
        (statement,) = code.routines[f"t{k}"].body
        assert bool(evaluate(statement.condition, env)) == bool(evaluate(test, env)), to_text(test)


OUT_OF_SCOPE = {
    "KINETIC": ("BREAKPOINT { SOLVE s METHOD sparse\n i = g }\nSTATE { c o }\nKINETIC s { ~ c <-> o (1, 2) }", (4, 7)),
    "POINTER": ("BREAKPOINT { i = g }", (1,)),
    "VERBATIM": ("BREAKPOINT {\n i = g\nVERBATIM\n x = 3;\nENDVERBATIM\n}", (6,)),
    "while": ("BREAKPOINT {\n i = g\n while (i < 3) { i = i + 1 }\n}", (6,)),
    "FROM": ("BREAKPOINT { i = g\n FROM k = 0 TO 3 { i = i + 1 }\n}", (5,)),
    "METHOD derivimplicit": (
        "BREAKPOINT { i = g\n SOLVE s METHOD derivimplicit }\nSTATE { m }\nDERIVATIVE s { m' = -m }",
        (5,),
    ),
    "is not linear": ("BREAKPOINT { i = g\n SOLVE s METHOD cnexp }\nSTATE { m }\nDERIVATIVE s {\n m' = -m*m }", (8,)),
    "a[]": ("ASSIGNED { a[3] }\nBREAKPOINT {\n i = a[1]\n}", (4, 6)),
    "nrn_ghk": ("BREAKPOINT {\n i = nrn_ghk(v, 1, 2, 2)\n}", (5,)),
    "printf()": ('BREAKPOINT {\n i = g\n printf("%g", i)\n}', (6,)),
    "is a current that BREAKPOINT does not set": ("BREAKPOINT { g = 1 }", (4,)),
    "a second SOLVE": (
        "BREAKPOINT {\n i = g\n SOLVE s METHOD cnexp\n SOLVE u }\nSTATE { m n }\n"
        "DERIVATIVE s { m' = -m }\nPROCEDURE u() { n = 1 }",
        (7,),
    ),
    "BEFORE": ("BREAKPOINT { i = g }\nBEFORE STEP { g = 1 }", (5,)),
    "FUNCTION_TABLE": ("BREAKPOINT { i = g }\nFUNCTION_TABLE f(v)", (5,)),
    "SOLVE": (
        "BREAKPOINT { i = g }\nSTATE { m }\nINITIAL {\n SOLVE s STEADYSTATE sparse\n}\nDERIVATIVE s { m' = -m }",
        (7,),
    ),
    "neither a DERIVATIVE": ("BREAKPOINT { i = g\n SOLVE absent METHOD cnexp }", (5,)),
    "TABLE": ("BREAKPOINT { i = g }\nPROCEDURE p(v) {\n TABLE g FROM 0 TO g WITH 3\n g = v }", (6,)),
    "(furlong)": ("UNITS { L = (furlong) (fathom) }\nBREAKPOINT { i = g }", (4,)),
}


@pytest.mark.parametrize("what", OUT_OF_SCOPE)
def test_what_is_out_of_scope_is_named_with_its_line(parsed, tmp_path, what):
    text, lines = OUT_OF_SCOPE[what]
    found = obstacles(parsed(HEADER.format(more="POINTER p" if what == "POINTER" else "") + text))
    assert [o.line for o in found] == list(lines)
    assert {o.file for o in found} == {str(tmp_path / "x.mod")}
    assert any(what in str(o) for o in found)


@pytest.mark.parametrize(
    ("method", "statements", "expected"),
    [
        ("cnexp", "", ["NET_RECEIVE(w, t0)", "net_send(1, w)", "t0 ="]),
        (
            "derivimplicit",
            "G' = 0.1*(on + off) - 0.03*G",
            ["G' =", "NET_RECEIVE(w, t0)", "SOLVE", "net_send(1, w)", "t0 ="],
        ),
    ],
    ids=["NMDA", "GABA-B"],
)
def test_pulse_synapses_go_only_as_far_as_their_form(parsed, method, statements, expected):
    """Synapses of transmitter pulses: their kinetics are in scope, what each connection keeps for itself is not."""
    code = parsed(
        f"""NEURON {{ POINT_PROCESS Pulse RANGE mg, e NONSPECIFIC_CURRENT i }}
        PARAMETER {{ mg = 1 (mM) e = 0 (mV) }}
        ASSIGNED {{ v i pulse }}
        STATE {{ on off G }}
        BREAKPOINT {{ SOLVE release METHOD {method}
            i = (on + off)*unblocked(v)*(v - e) }}
        DERIVATIVE release {{ on' = (pulse - on)/0.25
            off' = -0.01*off
            {statements} }}
        FUNCTION unblocked(v) {{ TABLE DEPEND mg FROM -140 TO 80 WITH 1000
            unblocked = 1/(1 + exp(-0.072*v)*mg/3.57) }}
        NET_RECEIVE (w, t0) {{ if (flag == 0) {{ t0 = t
            net_send(1, w) }} else {{ pulse = 0 }} }}"""
    )
    found = sorted(o.statement for o in obstacles(code))
    assert [any(statement.startswith(start) for start in expected) for statement in found] == [True] * len(expected)
    np.testing.assert_allclose(rates_at(code, "unblocked", 0.0)["unblocked"], 1 / (1 + 1 / 3.57), rtol=1e-14)


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NEURON { SUFFIX x }\nBREAKPOINT {\n  i = (3\n}\n", r"x\.mod, line 4: .*unexpected }"),
        ("nothing of the kind\n", r"x\.mod, line 1: .*unexpected NAME"),
        ("DERIVATIVE s { m' = -m }\nDERIVATIVE u { n' = -n }\n", r"x\.mod: .*several DERIVATIVE blocks"),
        ("", r"x\.mod: names no SUFFIX"),
        ("NEURON { RANGE g }\nPARAMETER { g = 1 }\n", r"x\.mod: names no SUFFIX"),
    ],
)
def test_a_file_that_is_no_mechanism_is_refused(parsed, text, message):
    with pytest.raises(FileFormatError, match=message):
        parsed(text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"absent\.mod"):
        parse_mechanism(tmp_path / "absent.mod")


def test_without_neuron_the_parser_is_asked_for(monkeypatch):
    monkeypatch.setattr(nmodl, "_data", lambda: None)
    with pytest.raises(MechanismBuildError, match="pip install"):
        parse_mechanism(mod_dir() / "hh2.mod")
    with pytest.raises(MechanismBuildError, match=r"lacks exp2syn\.mod"):
        neuron_file("Exp2Syn")


def test_only_mechanisms_of_neuron_itself_are_looked_for_there():
    with pytest.raises(UnknownName, match=r"'Exp3Syn' is no mechanism of NEURON .*did you mean 'ExpSyn'"):
        neuron_file("Exp3Syn")


def test_the_place_of_a_file_makes_no_difference(codes, tmp_path):
    shutil.copyfile(mod_dir() / "hh2.mod", tmp_path / "hh2.mod")
    text = (tmp_path / "hh2.mod").read_text()
    (tmp_path / "hh2.mod").write_text("\n\n" + text)
    moved = parse_mechanism(tmp_path / "hh2.mod")
    assert moved == codes["hh2"]
    assert moved.initial.line == codes["hh2"].initial.line + 2


def test_reading_neither_loads_neuron_nor_leaves_files(tmp_path):
    program = (
        "import sys; from hnnlib.base.resources import mod_dir; from hnnlib.mechanisms.parse import parse_mechanism;"
        "print(parse_mechanism(mod_dir() / 'km.mod').name, 'neuron' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["km", "False"]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_block_is_no_block(codes):
    assert (codes["pas"].initial, codes["pas"].update, codes["pas"].solve) == (Block(), Block(), None)
