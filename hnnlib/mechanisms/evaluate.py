"""A small interpreter for what mechanisms say: values of expressions and statements, floats or numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import ArrayLike

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.symbolic import assigned_names
from hnnlib.mechanisms.syntax import (
    PROVIDED,
    Assign,
    Binary,
    Block,
    Call,
    CallStatement,
    Expression,
    If,
    MechanismCode,
    Name,
    Number,
    Statement,
    Unary,
    to_text,
)

__all__ = ["FUNCTIONS", "evaluate", "execute", "initial_values", "rates_at", "table_rows"]

# The mathematical functions that mechanisms may call, with numpy's of the same meaning.
FUNCTIONS: Mapping[str, Callable[..., Any]] = immutabledict(
    {
        **{name: getattr(np, name) for name in ("exp", "log", "log10", "sqrt", "fabs", "floor", "ceil", "fmod")},
        **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "atan2": np.arctan2,
        "abs": np.abs,
        "pow": np.power,
    }
)
_OPERATORS: Mapping[str, Callable[..., Any]] = immutabledict(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "^": np.power,
        "<": np.less,
        ">": np.greater,
        "<=": np.less_equal,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
        "&&": np.logical_and,
        "||": np.logical_or,
    }
)


def evaluate(expression: Expression, env: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Parameters
    ----------
    expression : Expression
        Arithmetic; the functions that it calls must be those in `FUNCTIONS`.
    env : mapping of str to float or array
        Values by name; arrays must broadcast.

    Returns
    -------
    float or array
        As in C: infinite or NaN where a division by zero or the like occurs.

    Raises
    ------
    UnknownName
        If a name has no value, or a function is not known.
    """
    with np.errstate(all="ignore"):
        return _value(expression, env)


def execute(statements: Sequence[Statement], env: Mapping[str, Any]) -> dict[str, Any]:
    """Run assignments and choices.

    Parameters
    ----------
    statements : sequence of Statement
        `Assign` and `If` only; see `hnnlib.mechanisms.inline.inline` for the rest.
    env : mapping of str to float or array
        Values by name; arrays must broadcast.

    Returns
    -------
    dict of str to float or array
        ``env`` with what was assigned. Where a condition is an array, both branches are run and each element is taken
        from its own; it is NaN where its branch assigns nothing to a name that had no value.

    Raises
    ------
    InvalidValue
        If there is a statement of another kind.
    UnknownName
        As in `evaluate`.
    """
    values = dict(env)
    for statement in statements:
        match statement:
            case Assign(target, value):
                values[target] = evaluate(value, values)
            case If(condition, then, otherwise):
                values = _choose(evaluate(condition, values), then, otherwise, values)
            case _:
                raise InvalidValue("statement", to_text(statement), "is neither an assignment nor a choice")
    return values


def initial_values(code: MechanismCode, **given: ArrayLike) -> dict[str, Any]:
    """Return all values of a mechanism after its INITIAL block.

    Parameters
    ----------
    code : MechanismCode
        The mechanism.
    **given : float or array
        Values of parameters that differ from their defaults, and of what the simulator and the ions provide: ``v``
        (mV), ``celsius`` (degC, 37 if not given), ``ek`` (mV), ``cai`` (mM), ... What is not given is NaN.

    Returns
    -------
    dict of str to float or array
        Parameters, constants, states and assigned variables by name; zero where INITIAL sets nothing, as in NEURON.
    """
    parameters = {**code.parameters, **code.global_parameters}
    env: dict[str, Any] = {name: parameter.default for name, parameter in parameters.items()}
    env |= {**dict.fromkeys(PROVIDED, np.nan), "celsius": 37.0, **code.constants}
    env |= {name: np.nan for ion in code.ions for name in (*ion.reads, *ion.writes)}
    env |= dict.fromkeys((*code.states, *code.assigned, *code.global_assigned), 0.0)
    flat = inline(code, code.initial)
    after = execute(flat.body, env | given)
    return {name: value for name, value in after.items() if name not in flat.locals}


def rates_at(code: MechanismCode, routine: str, x: ArrayLike, **given: ArrayLike) -> dict[str, Any]:
    """Return what a PROCEDURE sets, or a FUNCTION's value, without its table.

    Parameters
    ----------
    code : MechanismCode
        The mechanism.
    routine : str
        Name of a procedure or function with one argument.
    x : float or array
        The argument, e.g. v (mV). It is also the ``v`` at which INITIAL is run before, unless ``v`` is given.
    **given : float or array
        As in `initial_values`.

    Returns
    -------
    dict of str to float or array
        By the names of the mechanism's variables that the procedure sets, or of the function.

    Raises
    ------
    UnknownName
        If there is no such routine.
    InvalidValue
        If it has not one argument.
    """
    if routine not in code.routines:
        raise UnknownName(f"{code.name}.routines", routine, "procedure or function", code.routines)
    called = code.routines[routine]
    if len(called.arguments) != 1:
        raise InvalidValue(f"{code.name}.{routine}", called.arguments, "must be one argument")
    env = initial_values(code, **{"v": x, **given})
    # names that no file can contain, so that they hide nothing
    call = Call(routine, (Name("argument of"),))
    statement = Assign("value of", call) if called.is_function else CallStatement(call)
    flat = inline(code, Block(body=(statement,)))
    after = execute(flat.body, env | {"argument of": np.asarray(x, dtype=float)[()]})
    if called.is_function:
        return {routine: after["value of"]}
    return {name: after[name] for name in sorted(assigned_names(flat.body) - set(flat.locals))}


def table_rows(code: MechanismCode, routine: str, **given: ArrayLike) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a routine's table as NEURON makes it.

    Parameters
    ----------
    code : MechanismCode
        The mechanism.
    routine : str
        Name of a procedure or function with a table.
    **given : float or array
        As in `initial_values`.

    Returns
    -------
    nodes : array of shape (n + 1,)
        Values of the argument, made by adding up the interval as NEURON does.
    rows : dict of str to array of shape (n + 1,)
        The tabulated variables by name.

    Raises
    ------
    UnknownName
        If there is no such routine.
    InvalidValue
        If it has no table.
    """
    if routine not in code.routines:
        raise UnknownName(f"{code.name}.routines", routine, "procedure or function", code.routines)
    table = code.routines[routine].table
    if table is None:
        raise InvalidValue(f"{code.name}.{routine}", None, "has no table")
    interval = (table.high - table.low) / table.n
    nodes = np.cumsum(np.concatenate([[table.low], np.full(table.n, interval)]))
    rates = rates_at(code, routine, nodes, **given)
    return nodes, {name: np.broadcast_to(rates[name], nodes.shape) for name in table.variables}


def _value(expression: Expression, env: Mapping[str, Any]) -> Any:
    match expression:
        case Number(value):
            return value
        case Name(name):
            if name not in env:
                raise UnknownName("expression", name, "name with a value", env)
            return env[name]
        case Unary(operator, operand):
            value = _value(operand, env)
            return np.negative(value) if operator == "-" else np.logical_not(value)
        case Binary(operator, left, right):
            return _OPERATORS[operator](_value(left, env), _value(right, env))
        case Call(function, arguments):
            if function not in FUNCTIONS:
                raise UnknownName("expression", function, "function with a value", FUNCTIONS)
            return FUNCTIONS[function](*(_value(argument, env) for argument in arguments))


def _choose(
    condition: Any, then: Sequence[Statement], otherwise: Sequence[Statement], env: dict[str, Any]
) -> dict[str, Any]:
    if np.ndim(condition) == 0:
        return execute(then if condition else otherwise, env)
    one, other = execute(then, env), execute(otherwise, env)
    for name in assigned_names((*then, *otherwise)):
        env = {**env, name: np.where(condition, one.get(name, np.nan), other.get(name, np.nan))}
    return env
