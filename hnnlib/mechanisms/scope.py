"""What a generated engine can't do: each obstacle by file, line and statement, so that NEURON can run it instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue
from hnnlib.mechanisms.evaluate import FUNCTIONS
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.symbolic import assigned_names, calls, expressions, free_names, linear_parts, statements_in
from hnnlib.mechanisms.syntax import (
    Block,
    Call,
    CallStatement,
    Equation,
    MechanismCode,
    NetReceive,
    Number,
    Obstacle,
    Statement,
    Unsupported,
    to_text,
)

__all__ = ["obstacles"]

_NO_FORM: Mapping[str, str] = immutabledict(
    {
        "VERBATIM": "C++ of its own",
        "WATCH": "conditions are not watched",
        "SOLVE": "states are advanced from BREAKPOINT only",
        "while": "loops are not run",
        "FROM": "loops are not run",
        "FOR_NETCONS": "loops are not run",
    }
)

_Found = tuple[int, str, str]  # line, statement, reason


def obstacles(code: MechanismCode) -> tuple[Obstacle, ...]:
    """Return why an engine that is generated from a mechanism's code can't have this one; nothing if it can.

    Parameters
    ----------
    code : MechanismCode
        The mechanism.

    Returns
    -------
    tuple of Obstacle
        In the file's order. In scope are density mechanisms and synapses with explicit currents, concentrations, and
        states that are each linear in themselves and solved by cnexp; events may change them, and send events to
        the synapse itself with a flag that is a number.
    """
    found: list[_Found] = []
    for check in (_of_kind, _of_solve, _of_equations, _of_currents, _of_events, _of_statements, _of_tables):
        found += check(code)
    listed = [Obstacle(file=code.file, line=line, statement=what, reason=why) for line, what, why in found]
    return tuple(sorted({*listed, *code.outside}, key=lambda o: (o.line, o.statement, o.reason)))


def _of_kind(code: MechanismCode) -> Iterator[_Found]:
    if code.kind == "artificial":
        yield code.line, f"ARTIFICIAL_CELL {code.name}", "has no membrane"


def _of_solve(code: MechanismCode) -> Iterator[_Found]:
    solve = code.solve
    if solve is None:
        return
    text = f"SOLVE {solve.block}" + (f" METHOD {solve.method}" if solve.method else "")
    is_called = solve.method is None and solve.block in code.routines
    if not is_called and solve.method != "cnexp":
        yield solve.line, text, "only cnexp is solved"


def _of_equations(code: MechanismCode) -> Iterator[_Found]:
    for statement in statements_in(code.update.body):
        if not isinstance(statement, Equation):
            continue
        line, text = statement.line, to_text(statement)
        others = free_names(statement.rhs) & {*code.states} - {statement.state}
        if statement not in code.update.body:
            yield line, text, "stands in a choice"
        if others:
            yield line, text, f"is coupled to {', '.join(sorted(others))}"
        try:
            linear_parts(statement.rhs, statement.state)
        except InvalidValue:
            yield line, text, f"is not linear in {statement.state}"


def _of_currents(code: MechanismCode) -> Iterator[_Found]:
    try:
        body = inline(code, code.breakpoint).body
    except InvalidValue:
        return  # said by _of_statements
    known = assigned_names(body)
    is_read = not any(isinstance(statement, Unsupported) for statement in statements_in(body))
    for current in code.currents:
        if is_read and current not in known:
            yield code.breakpoint.line, current, "is a current that BREAKPOINT does not set"
    for ion in code.ions:
        for name in ion.writes:
            if name == f"e{ion.name}":
                yield code.line, f"USEION {ion.name} WRITE {name}", "reversal potentials are not written"


def _of_events(code: MechanismCode) -> Iterator[_Found]:
    receive = code.net_receive
    if receive is None:
        return
    if len(receive.arguments) > 1 or receive.initial is not None:
        text = f"NET_RECEIVE({', '.join(receive.arguments)})"
        yield receive.line, text, "keeps values of its own for each connection"
    for name in assigned_names(receive.body) & set(receive.arguments):
        yield receive.line, f"{name} =", "changes a connection"
    for name in {*code.variables, *code.routines} & set(receive.arguments):
        yield receive.line, f"NET_RECEIVE({name})", "hides a variable"


def _of_statements(code: MechanismCode) -> Iterator[_Found]:
    blocks: list[Block | NetReceive] = [code.initial, code.breakpoint, code.update]
    blocks += [code.net_receive] if code.net_receive else []
    for block in blocks:
        try:
            flat = inline(code, block)
        except InvalidValue as error:
            yield block.line, error.path, error.allowed
            continue
        may_send = block is code.initial or block is code.net_receive
        yield from _of_body(flat.body, may_send)
    # what nothing calls is for the user's scripts


def _of_body(body: Sequence[Statement], may_send: bool) -> Iterator[_Found]:
    for statement in statements_in(body):
        if isinstance(statement, Unsupported):
            yield statement.line, statement.what, _NO_FORM.get(statement.what, "has no form in a generated engine")
        elif isinstance(statement, CallStatement) and not (may_send and _is_plain_send(statement.call)):
            yield statement.line, to_text(statement), _why_not(statement.call)
        for call in (c for e in expressions(statement) for c in calls(e)):
            top = isinstance(statement, CallStatement) and call is statement.call
            if not top and call.function not in FUNCTIONS:
                yield statement.line, to_text(statement), f"{call.function} is no function that is known here"


def _is_plain_send(call: Call) -> bool:
    return call.function == "net_send" and len(call.arguments) == 2 and isinstance(call.arguments[1], Number)


def _why_not(call: Call) -> str:
    if call.function == "net_send":
        return "only INITIAL and NET_RECEIVE send events, with a number as their flag"
    if call.function in ("net_event", "net_move"):
        return "synapses send events to nobody else, and take none back"
    return f"{call.function} is nothing that is known here"


def _of_tables(code: MechanismCode) -> Iterator[_Found]:
    for routine in code.routines.values():
        if routine.table is not None and len(routine.arguments) != 1:
            yield routine.line, f"TABLE in {routine.name}", "has not one argument"
