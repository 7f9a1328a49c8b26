"""What can be said of a mechanism's equations without numbers: which names they use, and whether they are linear."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from hnnlib.base.errors import InvalidValue
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    Call,
    CallStatement,
    Equation,
    Expression,
    If,
    Name,
    Number,
    Statement,
    Unary,
    to_text,
)

__all__ = [
    "assigned_names",
    "calls",
    "depends_on",
    "expressions",
    "free_names",
    "linear_parts",
    "needed_names",
    "statements_in",
    "substitute",
]

ZERO, ONE = Number(0.0), Number(1.0)

# --------------------------------------------------------------------------------------------------------------- names


def free_names(expression: Expression) -> frozenset[str]:
    """Return the names of the variables in an expression."""
    match expression:
        case Name(name):
            return frozenset((name,))
        case Unary(_, operand):
            return free_names(operand)
        case Binary(_, left, right):
            return free_names(left) | free_names(right)
        case Call(_, arguments):
            return frozenset().union(*map(free_names, arguments))
    return frozenset()


def statements_in(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield statements and, after each choice, those in its branches."""
    for statement in statements:
        yield statement
        if isinstance(statement, If):
            yield from statements_in(statement.then)
            yield from statements_in(statement.otherwise)


def expressions(statement: Statement) -> tuple[Expression, ...]:
    """Return the expressions in a statement itself: a value, a condition, a call."""
    match statement:
        case Assign(_, value) | Equation(_, value):
            return (value,)
        case If(condition, _, _):
            return (condition,)
        case CallStatement(call):
            return (call,)
    return ()


def calls(node: Expression | Sequence[Statement]) -> Iterator[Call]:
    """Yield all calls in an expression or in statements, with those in the arguments of others."""
    if isinstance(node, Number | Name):
        return
    if isinstance(node, Unary):
        yield from calls(node.operand)
    elif isinstance(node, Binary):
        yield from calls(node.left)
        yield from calls(node.right)
    elif isinstance(node, Call):
        yield node
        for argument in node.arguments:
            yield from calls(argument)
    else:
        for statement in statements_in(node):
            for expression in expressions(statement):
                yield from calls(expression)


def assigned_names(statements: Sequence[Statement]) -> frozenset[str]:
    """Return the names that statements may set; the effect of calls is not followed."""
    return frozenset(
        s.target if isinstance(s, Assign) else s.state
        for s in statements_in(statements)
        if isinstance(s, Assign | Equation)
    )


def needed_names(statements: Sequence[Statement]) -> frozenset[str]:
    """Return the names whose value from before matters; the effect of calls is not followed."""
    return _needed(statements, frozenset())[0]


def _needed(statements: Sequence[Statement], known: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that are read before they are surely set, and those that are surely set at the end."""
    needed: frozenset[str] = frozenset()
    for statement in statements:
        for expression in expressions(statement):
            needed |= free_names(expression) - known
        match statement:
            case Assign(target, _):
                known |= {target}
            case Equation(state, _):
                needed |= {state} - known
            case If(_, then, otherwise):
                (one, set_in_one), (other, set_in_other) = _needed(then, known), _needed(otherwise, known)
                needed, known = needed | one | other, set_in_one & set_in_other
    return needed, known


def depends_on(statements: Sequence[Statement], names: Collection[str]) -> frozenset[str]:
    """Return the names whose values, after the statements, depend on some names' values before; calls are not followed.

    Parameters
    ----------
    statements : sequence of Statement
        See `inline` for statements without calls of the mechanism's own routines.
    names : collection of str
        E.g. ``{"v"}``.

    Returns
    -------
    frozenset of str
        With those of ``names`` that are not set anew.
    """
    found = frozenset(names)
    for statement in statements:
        touched = any(free_names(expression) & found for expression in expressions(statement))
        match statement:
            case Assign(target, _):
                found = found | {target} if touched else found - {target}
            case Equation(state, _) if touched:
                found |= {state}
            case If(_, then, otherwise):
                within = depends_on(then, found) | depends_on(otherwise, found)
                found = within | assigned_names((*then, *otherwise)) if touched else within
    return found


# --------------------------------------------------------------------------------------------------------- expressions


def substitute(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Return the expression with some names replaced.

    Parameters
    ----------
    expression : Expression
        Any.
    values : mapping of str to Expression
        What stands in place of each name.

    Returns
    -------
    Expression
        Otherwise the same.
    """
    match expression:
        case Name(name):
            return values.get(name, expression)
        case Unary(operator, operand):
            return Unary(operator, substitute(operand, values))
        case Binary(operator, left, right):
            return Binary(operator, substitute(left, values), substitute(right, values))
        case Call(function, arguments):
            return Call(function, tuple(substitute(argument, values) for argument in arguments))
    return expression


def linear_parts(rhs: Expression, name: str) -> tuple[Expression, Expression]:
    """Split an expression that is linear in one name: ``rhs = a + b*name``.

    Parameters
    ----------
    rhs : Expression
        E.g. the right-hand side of a state's equation, or a current.
    name : str
        E.g. the state, or ``v``.

    Returns
    -------
    a, b : Expression
        Free of the name; products and sums with 0 and 1 are left out. ``b`` is the derivative.

    Raises
    ------
    InvalidValue
        If the expression is not linear in the name as it stands.
    """
    parts = _linear(rhs, name)
    if parts is None:
        raise InvalidValue("rhs", to_text(rhs), f"must be linear in {name}")
    return parts


def _linear(node: Expression, name: str) -> tuple[Expression, Expression] | None:
    if node == Name(name):
        return ZERO, ONE
    if name not in free_names(node):
        return node, ZERO
    match node:
        case Unary("-", operand) if parts := _linear(operand, name):
            return _minus(parts[0]), _minus(parts[1])
        case Binary("+" | "-" | "*" | "/" as operator, left, right):
            one, other = _linear(left, name), _linear(right, name)
            if one is None or other is None:
                return None
            (a, b), (c, d) = one, other
            if operator == "+":
                return _sum(a, c), _sum(b, d)
            if operator == "-":
                return _difference(a, c), _difference(b, d)
            if operator == "*" and d == ZERO:
                return _product(a, c), _product(b, c)
            if operator == "*" and b == ZERO:
                return _product(a, c), _product(a, d)
            if operator == "/" and d == ZERO:
                return _quotient(a, c), _quotient(b, c)
    return None


def _minus(a: Expression) -> Expression:
    match a:
        case Number(value):
            return Number(-value) if value else ZERO
        case Unary("-", operand):
            return operand
    return Unary("-", a)


def _sum(a: Expression, b: Expression) -> Expression:
    if isinstance(b, Unary) and b.operator == "-":
        return _difference(a, b.operand)
    return b if a == ZERO else a if b == ZERO else Binary("+", a, b)


def _difference(a: Expression, b: Expression) -> Expression:
    return _minus(b) if a == ZERO else a if b == ZERO else Binary("-", a, b)


def _product(a: Expression, b: Expression) -> Expression:
    if ZERO in (a, b):
        return ZERO
    if isinstance(a, Unary) and a.operator == "-":
        return _minus(_product(a.operand, b))
    if isinstance(b, Unary) and b.operator == "-":
        return _minus(_product(a, b.operand))
    if Number(-1.0) in (a, b):
        return _minus(b if a == Number(-1.0) else a)
    return b if a == ONE else a if b == ONE else Binary("*", a, b)


def _quotient(a: Expression, b: Expression) -> Expression:
    if a == ZERO:
        return ZERO
    if isinstance(a, Unary) and a.operator == "-":
        return _minus(_quotient(a.operand, b))
    return a if b == ONE else Binary("/", a, b)
