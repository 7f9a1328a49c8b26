"""What can be said of equations without a file: text, names, linearity, values, calls replaced by routines."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.mechanisms.catalogue import Parameter
from hnnlib.mechanisms.evaluate import evaluate, execute, initial_values, rates_at
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.scope import obstacles
from hnnlib.mechanisms.symbolic import (
    assigned_names,
    calls,
    depends_on,
    free_names,
    linear_parts,
    needed_names,
    substitute,
)
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    CallStatement,
    Equation,
    If,
    MechanismCode,
    Name,
    NetReceive,
    Number,
    Routine,
    Solve,
    Unary,
    Unsupported,
    to_text,
)

A, B, M, V, X = (Name(name) for name in "abmvx")
ONE, TWO = Number(1.0), Number(2.0)


def add(left, right):
    return Binary("+", left, right)


def sub(left, right):
    return Binary("-", left, right)


def mul(left, right):
    return Binary("*", left, right)


def div(left, right):
    return Binary("/", left, right)


def call(name, *arguments):
    return Call(name, arguments)


# ------------------------------------------------------------------------------------------------------------- values


def test_the_place_in_a_file_makes_no_difference():
    assert Assign("a", ONE, 3) == Assign("a", ONE, 7)
    assert hash(If(A, (Assign("a", ONE, 3),), (), 1)) == hash(If(A, (Assign("a", ONE, 9),), (), 2))
    assert Block(body=(Assign("a", ONE),), line=3) != Block(body=(Assign("a", TWO),), line=3)
    one, other = (MechanismCode(name="x", kind="density", file=file, line=line) for file, line in (("p", 1), ("q", 2)))
    assert one == other


def test_code_can_be_sent_to_another_process():
    code = MechanismCode(name="x", kind="point", initial=Block(body=(If(A, (Assign("a", ONE),)),)))
    assert pickle.loads(pickle.dumps(code)) == code


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (sub(A, sub(B, ONE)), "a - (b - 1)"),
        (sub(sub(A, B), ONE), "a - b - 1"),
        (div(A, mul(B, TWO)), "a/(b*2)"),
        (mul(div(A, B), add(A, B)), "a/b*(a + b)"),
        (Binary("^", A, Binary("^", B, TWO)), "a^(b^2)"),
        (Binary("^", Number(-2.0), TWO), "(-2)^2"),
        (Unary("-", Binary("^", A, TWO)), "-a^2"),
        (Unary("-", mul(A, B)), "-(a*b)"),
        (Binary("&&", Binary("<", A, B), Unary("!", Binary("==", A, B))), "a < b && !(a == b)"),
        (call("exp", div(A, Number(96485.309))), "exp(a/96485.309)"),
        (Equation("m", div(sub(A, M), B)), "m' = (a - m)/b"),
        (
            If(A, (Assign("b", ONE),), (CallStatement(call("net_send", ONE, TWO)),)),
            "if (a) { b = 1 } else { net_send(1, 2) }",
        ),
        (Unsupported("VERBATIM"), "VERBATIM"),
    ],
)
def test_text_is_what_one_would_write(node, text):
    assert to_text(node) == text


# -------------------------------------------------------------------------------------------------------------- names


def test_names_in_expressions():
    expression = mul(add(A, call("exp", V)), Unary("-", call("f", X, A)))
    assert free_names(expression) == {"a", "v", "x"}
    assert [c.function for c in calls(expression)] == ["exp", "f"]
    assert substitute(expression, {"a": ONE, "v": X}) == mul(add(ONE, call("exp", X)), Unary("-", call("f", X, ONE)))


def test_only_names_read_before_they_are_surely_set_are_needed():
    body = (
        Assign("a", B),
        If(Binary("<", A, ONE), (Assign("x", ONE),), (Assign("m", TWO),)),
        Assign("v", add(X, A)),
        Equation("m", V),
    )
    assert needed_names(body) == {"b", "x", "m"}
    assert assigned_names(body) == {"a", "x", "m", "v"}
    both = (If(B, (Assign("x", ONE),), (Assign("x", TWO),)), Assign("a", X))
    assert needed_names(both) == {"b"}


def test_dependence_follows_values_and_choices():
    body = (
        Assign("a", mul(V, TWO)),
        Assign("b", A),
        Assign("a", ONE),
        If(Binary("<", B, ONE), (Assign("m", ONE),), ()),
        If(X, (Assign("y", V),), ()),
    )
    assert depends_on(body, {"v"}) == {"v", "b", "m", "y"}
    assert depends_on(body, {"x"}) == {"x", "y"}
    assert depends_on((Assign("v", ONE),), {"v"}) == frozenset()


# ----------------------------------------------------------------------------------------------------------- linearity


@pytest.mark.parametrize(
    ("rhs", "a", "b"),
    [
        (div(sub(A, M), B), "a/b", "-1/b"),
        (sub(mul(A, sub(ONE, M)), mul(B, M)), "a", "-a - b"),
        (div(Unary("-", M), B), "0", "-1/b"),
        (add(A, mul(M, call("f", V))), "a", "f(v)"),
        (call("exp", A), "exp(a)", "0"),
        (M, "0", "1"),
        (sub(A, Unary("-", mul(TWO, M))), "a", "2"),
    ],
)
def test_a_linear_equation_is_split(rhs, a, b):
    assert tuple(map(to_text, linear_parts(rhs, "m"))) == (a, b)


def test_the_conductance_is_what_multiplies_the_voltage():
    intercept, slope = linear_parts(mul(Name("g"), sub(V, Name("e"))), "v")
    assert slope == Name("g")
    assert to_text(intercept) == "-(g*e)"


@pytest.mark.parametrize(
    "rhs",
    [mul(M, M), div(A, M), call("exp", M), Binary("^", M, TWO), add(A, mul(M, sub(ONE, M))), Unary("!", M)],
    ids=to_text,
)
def test_an_equation_that_is_not_linear_is_refused_with_its_text(rhs):
    with pytest.raises(InvalidValue, match="must be linear in m") as caught:
        linear_parts(rhs, "m")
    assert to_text(rhs) in str(caught.value)


# -------------------------------------------------------------------------------------------------------------- values


def test_values_are_those_of_c():
    env = {"a": 7.0, "b": 2.0}
    values = {op: evaluate(Binary(op, A, B), env) for op in ("+", "-", "*", "/", "^", "<", ">=", "!=", "&&")}
    assert values == {"+": 9, "-": 5, "*": 14, "/": 3.5, "^": 49, "<": False, ">=": True, "!=": True, "&&": True}
    assert evaluate(div(ONE, Number(0.0)), {}) == np.inf
    assert np.isnan(evaluate(call("log", Number(-1.0)), {}))
    assert evaluate(call("pow", Number(2.0), call("fabs", Number(-3.0))), {}) == 8


def test_a_choice_takes_each_element_from_its_own_branch():
    # the branch not taken divides by zero, which must not be heard of
    body = (If(Binary("==", X, Number(0.0)), (Assign("y", ONE),), (Assign("y", div(ONE, X)), Assign("z", X))),)
    after = execute(body, {"x": np.array([0.0, 2.0, 4.0])})
    np.testing.assert_array_equal(after["y"], [1.0, 0.5, 0.25])
    np.testing.assert_array_equal(after["z"], [np.nan, 2.0, 4.0])
    assert "z" not in execute(body, {"x": 0.0})


def test_what_has_no_value_is_named():
    with pytest.raises(UnknownName, match=r"'alhpa' is no name with a value .*did you mean 'alpha'"):
        evaluate(Name("alhpa"), {"alpha": 1.0})
    with pytest.raises(UnknownName, match="'nrn_ghk' is no function"):
        evaluate(call("nrn_ghk", ONE), {})
    with pytest.raises(InvalidValue, match="'VERBATIM' is neither an assignment nor a choice"):
        execute((Unsupported("VERBATIM"),), {})


# ------------------------------------------------------------------------------------------------------------- routines


def function(name, arguments, body, **more):
    return Routine(name=name, is_function=True, arguments=arguments, body=body, **more)


def procedure(name, arguments, body, **more):
    return Routine(name=name, is_function=False, arguments=arguments, body=body, **more)


def mechanism(*routines, **more):
    return MechanismCode(name="x", kind="density", routines={r.name: r for r in routines}, **more)


def texts(block):
    return [to_text(statement) for statement in block.body]


def test_calls_become_statements_before_the_one_they_are_in():
    square = function("square", ("a",), (Assign("square", mul(A, A)),))
    code = mechanism(square, assigned=("y",))
    block = Block(body=(Assign("y", add(call("square", V), call("square", TWO))),))
    flat = inline(code, block)
    assert texts(flat) == ["square_1 = v*v", "a = 2", "square_2 = a*a", "y = square_1 + square_2"]
    assert flat.locals == ("square_1", "a", "square_2")
    assert inline(code, block, keep=["square"]).body == block.body


def test_nested_calls_and_calls_in_else_if_stand_where_they_are_run():
    f = function("f", ("x",), (Assign("f", add(X, ONE)),))
    code = mechanism(f, assigned=("y",))
    body = (If(Binary("<", call("f", call("f", V)), ONE), (), (If(call("f", A), (Assign("y", ONE),)),)),)
    flat = inline(code, Block(body=body))
    assert texts(flat) == [
        "f_1 = v + 1",
        "f_2 = f_1 + 1",
        "if (f_2 < 1) {  } else { f_3 = a + 1; if (f_3) { y = 1 } }",
    ]


def test_local_names_hide_variables_and_not_the_other_way_round():
    # x is a variable of the mechanism, an argument, and a local name
    reader = procedure("reader", (), (Assign("y", X),))
    taker = procedure("taker", ("x",), (Assign("x", add(X, ONE)), CallStatement(call("reader")), Assign("z", X)))
    code = mechanism(reader, taker, assigned=("x", "y", "z"))
    block = Block(body=(Assign("x", Number(5.0)), CallStatement(call("taker", X))), locals=("x",))
    flat = inline(code, block)
    assert texts(flat) == ["x_1 = 5", "x_2 = x_1", "x_2 = x_2 + 1", "y = x", "z = x_2"]
    after = execute(flat.body, {"x": 10.0})
    assert (after["x"], after["y"], after["z"]) == (10.0, 10.0, 6.0)


def test_an_argument_keeps_its_value_where_the_routine_changes_what_was_passed():
    inner = procedure("inner", (), (Assign("y", Number(9.0)),))
    outer = procedure("outer", ("a",), (CallStatement(call("inner")), Assign("z", A)))
    code = mechanism(inner, outer, assigned=("y", "z"))
    flat = inline(code, Block(body=(Assign("y", ONE), CallStatement(call("outer", Name("y"))))))
    assert execute(flat.body, {})["z"] == 1.0


def test_a_function_is_zero_where_it_sets_no_value():
    f = function("f", ("x",), (If(Binary(">", X, ONE), (Assign("f", TWO),)),))
    code = mechanism(f)
    np.testing.assert_array_equal(rates_at(code, "f", [0.0, 3.0])["f"], [0.0, 2.0])


def test_what_an_event_brings_keeps_its_name():
    code = mechanism(function("f", ("w",), (Assign("f", mul(Name("w"), TWO)),)), states=("m",))
    receive = NetReceive(arguments=("weight",), body=(Assign("m", add(M, call("f", Name("weight")))),))
    flat = inline(code, receive)
    assert execute(flat.body, {"m": 1.0, "weight": 3.0})["m"] == 7.0
    assert "weight" not in flat.locals


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (CallStatement(call("again")), "x.again: None calls itself"),
        (CallStatement(call("p")), "x.p: 0 must be called with 1 arguments"),
        (Assign("y", call("p", ONE)), "x.p: None is a procedure and has no value"),
    ],
)
def test_calls_that_can_not_be_meant_are_refused(statement, message):
    again = procedure("again", (), (CallStatement(call("again")),))
    code = mechanism(again, procedure("p", ("a",), ()), assigned=("y",), initial=Block(body=(statement,), line=4))
    with pytest.raises(InvalidValue, match=message):
        inline(code, code.initial)
    assert [(o.line, o.statement, o.reason) for o in obstacles(code)] == [(4, *message_parts(message))]


def message_parts(message):
    path, _, rest = message.partition(": ")
    return path, rest.partition(" ")[2]


# ---------------------------------------------------------------------------------------------------------- mechanisms


def test_initial_values_start_from_defaults_and_what_is_given():
    code = mechanism(
        parameters={"g": Parameter(2.0, "S/cm2")},
        constants={"k": 3.0},
        states=("m", "n"),
        assigned=("y",),
        initial=Block(body=(Assign("t0", mul(Name("g"), Name("k"))), Assign("m", add(Name("t0"), V))), locals=("t0",)),
    )
    after = initial_values(code, v=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(after["m"], [7.0, 8.0])
    assert (after["n"], after["y"], after["celsius"], "t0" in after) == (0.0, 0.0, 37.0, False)
    assert initial_values(code, v=0.0, g=1.0)["m"] == 3.0
    assert np.isnan(initial_values(code)["m"])


def test_rates_are_asked_for_by_name():
    code = mechanism(procedure("none", (), ()))
    with pytest.raises(UnknownName, match="'rtes' is no procedure or function"):
        rates_at(code, "rtes", 0.0)
    with pytest.raises(InvalidValue, match=r"x\.none: \(\) must be one argument"):
        rates_at(code, "none", 0.0)


def reasons(**more):
    return [(o.statement, o.reason) for o in obstacles(MechanismCode(name="x", kind="density", **more))]


@pytest.mark.parametrize(
    ("rhs", "expected"),
    [
        (sub(A, M), []),
        (sub(A, mul(M, M)), [("m' = a - m*m", "is not linear in m")]),
        (sub(Name("h"), M), [("m' = h - m", "is coupled to h")]),
    ],
)
def test_only_states_that_are_linear_in_themselves_are_in_scope(rhs, expected):
    found = reasons(states=("m", "h"), solve=Solve(block="s", method="cnexp"), update=Block(body=(Equation("m", rhs),)))
    assert found == expected


def test_a_state_that_advances_only_at_times_is_out_of_scope():
    body = (If(A, (Equation("m", Unary("-", M)),)),)
    found = reasons(states=("m",), solve=Solve(block="s", method="cnexp"), update=Block(body=body))
    assert found == [("m' = -m", "stands in a choice")]


def test_only_synapses_that_talk_to_themselves_send_events():
    send = CallStatement(call("net_send", ONE, TWO))
    named = CallStatement(call("net_send", ONE, A))
    other = CallStatement(call("net_event", ONE))
    assert reasons(initial=Block(body=(send,)), net_receive=NetReceive(arguments=("w",), body=(send,))) == []
    found = reasons(breakpoint=Block(body=(send,)), net_receive=NetReceive(arguments=("w",), body=(named, other)))
    assert sorted(found) == [
        ("net_event(1)", "synapses send events to nobody else, and take none back"),
        ("net_send(1, 2)", "only INITIAL and NET_RECEIVE send events, with a number as their flag"),
        ("net_send(1, a)", "only INITIAL and NET_RECEIVE send events, with a number as their flag"),
    ]
