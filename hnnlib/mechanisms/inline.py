"""A mechanism's procedures and functions put in place of their calls, so that only plain statements are left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hnnlib.base.errors import InvalidValue
from hnnlib.mechanisms.symbolic import assigned_names, calls
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    CallStatement,
    Equation,
    Expression,
    If,
    MechanismCode,
    Name,
    NetReceive,
    Number,
    Routine,
    Statement,
    Unary,
)

__all__ = ["inline"]


def inline(code: MechanismCode, block: Block | NetReceive, keep: Collection[str] = ()) -> Block:
    """Put the bodies of a mechanism's own routines in place of their calls.

    Parameters
    ----------
    code : MechanismCode
        The mechanism.
    block : Block or NetReceive
        One of its blocks.
    keep : collection of str
        Routines whose calls stay as they are, e.g. those with a table.

    Returns
    -------
    Block
        The same with other statements: what a call in an expression runs stands before the statement that it is in. No
        local name is that of a variable of the mechanism or stands for two; all are in ``locals``.

    Raises
    ------
    InvalidValue
        If a routine calls itself, is called with a wrong number of arguments, or is a procedure whose value is asked.
    """
    inliner = _Inliner(code, keep)
    names = {}
    if isinstance(block, NetReceive):  # their names are known outside
        inliner.taken |= set(block.arguments)
        names = {name: name for name in block.arguments}
    names |= {name: inliner.fresh(name) for name in block.locals}
    body = inliner.statements(block.body, names)
    return Block(body=tuple(body), locals=tuple(inliner.locals), line=block.line)


class _Inliner:
    """Collects statements and local names; `names` maps the arguments and locals in scope to what stands for them."""

    def __init__(self, code: MechanismCode, keep: Collection[str]) -> None:
        self.code, self.keep = code, keep
        self.taken = {*code.variables, *code.routines, "flag"}
        self.locals: list[str] = []
        self.active: list[str] = []

    def fresh(self, name: str) -> str:
        own, n = name, 0
        while own in self.taken:
            n += 1
            own = f"{name}_{n}"
        self.taken.add(own)
        self.locals.append(own)
        return own

    def statements(self, body: Sequence[Statement], names: Mapping[str, str]) -> list[Statement]:
        found: list[Statement] = []
        for statement in body:
            match statement:
                case Assign(target, value, line):
                    written = self.expression(value, names, found, line)
                    found.append(Assign(names.get(target, target), written, line))
                case Equation(state, rhs, line):
                    found.append(Equation(state, self.expression(rhs, names, found, line), line))
                case If(condition, then, otherwise, line):
                    test = self.expression(condition, names, found, line)
                    one, other = self.statements(then, names), self.statements(otherwise, names)
                    found.append(If(test, tuple(one), tuple(other), line))
                case CallStatement(Call(function, arguments), line):
                    values = tuple(self.expression(argument, names, found, line) for argument in arguments)
                    if self._is_inlined(function):
                        self.run(self.code.routines[function], values, found, line)
                    else:
                        found.append(CallStatement(Call(function, values), line))
                case _:
                    found.append(statement)
        return found

    def expression(self, node: Expression, names: Mapping[str, str], found: list[Statement], line: int) -> Expression:
        """Return the expression without calls of routines; what they run is added to ``found``."""
        match node:
            case Name(name):
                return Name(names.get(name, name))
            case Unary(operator, operand):
                return Unary(operator, self.expression(operand, names, found, line))
            case Binary(operator, left, right):
                one = self.expression(left, names, found, line)
                return Binary(operator, one, self.expression(right, names, found, line))
            case Call(function, arguments):
                values = tuple(self.expression(argument, names, found, line) for argument in arguments)
                if not self._is_inlined(function):
                    return Call(function, values)
                routine = self.code.routines[function]
                if not routine.is_function:
                    raise InvalidValue(f"{self.code.name}.{function}", None, "is a procedure and has no value")
                return Name(self.run(routine, values, found, line))
        return node

    def run(self, routine: Routine, values: Sequence[Expression], found: list[Statement], line: int) -> str:
        """Add what a call runs; return the name of its value."""
        path = f"{self.code.name}.{routine.name}"
        if routine.name in self.active:
            raise InvalidValue(path, None, "calls itself")
        if len(values) != len(routine.arguments):
            raise InvalidValue(path, len(values), f"must be called with {len(routine.arguments)} arguments")
        self.active.append(routine.name)
        names = {}
        changed = self._changed(routine)
        for argument, value in zip(routine.arguments, values, strict=True):
            if isinstance(value, Name) and value.name not in changed and argument not in changed:
                names[argument] = value.name  # passed by value, but neither side changes
            else:
                names[argument] = self.fresh(argument)
                found.append(Assign(names[argument], value, line))
        names |= {name: self.fresh(name) for name in routine.locals}
        if routine.is_function:
            names[routine.name] = self.fresh(routine.name)
            if not _surely_sets(routine.body, routine.name):
                found.append(Assign(names[routine.name], Number(0.0), line))
        found += self.statements(routine.body, names)
        self.active.pop()
        return names.get(routine.name, "")

    def _changed(self, routine: Routine, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the names that a routine or what it calls may set, its own local ones included."""
        found = assigned_names(routine.body)
        for call in calls(routine.body):
            if call.function in self.code.routines and call.function not in seen:
                found |= self._changed(self.code.routines[call.function], seen | {routine.name})
        return found

    def _is_inlined(self, function: str) -> bool:
        return function in self.code.routines and function not in self.keep


def _surely_sets(statements: Sequence[Statement], name: str) -> bool:
    return any(
        (isinstance(s, Assign) and s.target == name)
        or (isinstance(s, If) and _surely_sets(s.then, name) and _surely_sets(s.otherwise, name))
        for s in statements
    )
