"""Expressions and statements as C++ on lane vectors, with what is constant taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from hnnlib.mechanisms.evaluate import evaluate
from hnnlib.mechanisms.symbolic import free_names
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    Call,
    Equation,
    Expression,
    If,
    Name,
    Number,
    Statement,
    Unary,
)

__all__ = ["Constants", "Scope", "number_text"]

_MAX_POWER = 8
_COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")


def number_text(value: float) -> str:
    """Return a number as C++ of the kernel's type."""
    return f"T({value!r})"


class Constants:
    """The rows of constants of one kernel; a row that several expressions need is kept once."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self.offsets: list[int] = []
        self.size = 0
        self._known: dict[tuple[object, ...], int] = {}

    def add(self, values: np.ndarray, key: tuple[object, ...]) -> int:
        """Return the offset of a row; equal keys share it."""
        if key not in self._known:
            self._known[key] = self.size
            self.rows.append(np.array(values, float))
            self.offsets.append(self.size)
            self.size += len(values)
        return self._known[key]

    def flat(self) -> np.ndarray:
        """Return all rows, one after another."""
        return np.concatenate(self.rows) if self.rows else np.zeros(0)


class Scope:
    """Names of one mechanism inside the loop over its places.

    Parameters
    ----------
    prefix : str
        Put before local names, so that mechanisms don't meet.
    constants : dict
        Constant name -> its values, one per place.
    add : callable
        ``add(values, key)`` keeps a row and returns the C++ text that reads it at the current place.
    stored : dict
        Stored name -> C++ text of its place in memory.
    given : dict
        Other names -> C++ text, e.g. ``v``.
    lanes : bool
        True for vectors; False for numbers of one lane.
    """

    def __init__(
        self,
        prefix: str,
        constants: Mapping[str, np.ndarray],
        add: Callable[[np.ndarray, tuple[object, ...]], str],
        stored: Mapping[str, str],
        given: Mapping[str, str],
        *,
        lanes: bool = True,
    ) -> None:
        self._prefix, self._constants, self._add = prefix, constants, add
        self._stored, self._given, self._lanes = stored, dict(given), lanes
        self._locals: dict[str, str] = {}
        self._dirty: dict[str, None] = {}
        self.lines: list[str] = []

    # ------------------------------------------------------------------------------------------- expressions

    def is_constant(self, e: Expression) -> bool:
        """Return whether an expression is the same in all lanes and steps."""
        return all(n in self._constants and n not in self._locals for n in free_names(e))

    def text(self, e: Expression) -> str:
        """Return an expression as C++."""
        if not isinstance(e, Number | Name) and self.is_constant(e):
            return self._hoist(e)
        match e:
            case Number(value):
                return number_text(value)
            case Name(name):
                return self._name(name)
            case Unary("-", operand):
                return f"(-{self.text(operand)})"
            case Unary("!", operand):
                return f"(~{self.text(operand)})" if self._lanes else f"(!{self.text(operand)})"
            case Binary("^", base, Number(power)) if power == int(power) and 0 < power <= _MAX_POWER:
                return "(" + "*".join([self.text(base)] * int(power)) + ")"
            case Binary("^", base, power):
                return self._function("pow", (base, power))
            case Binary(op, left, right) if op in _COMPARISONS:
                return f"({self._full(left)} {op} {self.text(right)})"
            case Binary("/", left, right) if self._lanes and self.is_constant(right):
                return f"({self.text(left)} * {self.text(Binary('/', Number(1.0), right))})"
            case Binary("&&", left, right):
                return f"({self.text(left)} & {self.text(right)})"
            case Binary("||", left, right):
                return f"({self.text(left)} | {self.text(right)})"
            case Binary(op, left, right):
                return f"({self.text(left)} {op} {self.text(right)})"
            case Call(function, arguments):
                return self._function(function, arguments)
        raise TypeError(type(e).__name__)

    def _hoist(self, e: Expression) -> str:
        names = sorted(free_names(e))
        values = np.asarray(evaluate(e, {n: self._constants[n] for n in names}), float)
        n = len(next(iter(self._constants.values()))) if self._constants else 1
        return self._add(np.broadcast_to(values, (n,)), (self._prefix, e))

    def _name(self, name: str) -> str:
        if name in self._locals:
            return self._locals[name]
        if name in self._given:
            return self._given[name]
        if name in self._stored:
            return self._stored[name]
        return self._add(self._constants[name], (self._prefix, Name(name)))

    def _full(self, e: Expression) -> str:
        """Return an expression as a whole vector, where the compiler would not widen a number by itself."""
        text = self.text(e)
        return f"splat({text})" if self._lanes and (isinstance(e, Number) or self.is_constant(e)) else text

    def _function(self, name: str, arguments: Iterable[Expression]) -> str:
        texts = ", ".join(self._full(a) for a in arguments)
        if name == "log10":
            return f"({self._function('log', arguments)} * T(0.43429448190325182765))"
        return f"{name}_({texts})" if self._lanes else f"std::{name}({texts})"

    # ------------------------------------------------------------------------------------------- statements

    def declare(self, name: str, text: str) -> str:
        """Make a local variable of a name; return its C++ name."""
        local = f"{self._prefix}{name}"
        kind = "vec" if self._lanes else "T"
        widened = f"wide({text})" if self._lanes else text
        self.lines.append(f"{kind} {local} = {widened};")
        self._locals[name] = local
        return local

    def assign(self, name: str, text: str) -> None:
        """Give a name a new value."""
        if name in self._locals:
            self.lines.append(f"{self._locals[name]} = {'wide' if self._lanes else ''}({text});")
        else:
            self.declare(name, text)
        if name in self._stored:
            self._dirty[name] = None

    def run(self, statements: Iterable[Statement]) -> None:
        """Write assignments and conditions; equations are left to the caller."""
        for s in statements:
            if isinstance(s, Assign):
                self.assign(s.target, self.text(s.value))
            elif isinstance(s, If):
                self._branch(s, None)
            elif isinstance(s, Equation):
                continue

    def _branch(self, s: If, outer: str | None) -> None:
        mask = f"{self._prefix}m{len(self.lines)}"
        condition = self.text(s.condition)
        kind = "ivec const" if self._lanes else "bool const"
        self.lines.append(f"{kind} {mask} = {condition};")
        opposite = f"(~{mask})" if self._lanes else f"(!{mask})"
        for branch, own in ((s.then, mask), (s.otherwise, opposite)):
            both = own if outer is None else f"({outer} & {own})"
            for inner in branch:
                if isinstance(inner, If):
                    self._branch(inner, both)
                elif isinstance(inner, Assign):
                    self._assign_where(inner, both)

    def _assign_where(self, s: Assign, mask: str) -> None:
        new = self.text(s.value)
        known = s.target in self._locals or s.target in self._stored or s.target in self._given
        old = self._name(s.target) if known else ("vec{}" if self._lanes else "T(0)")
        if self._lanes:
            self.assign(s.target, f"select({mask}, wide({new}), wide({old}))")
        else:
            self.assign(s.target, f"({mask} ? ({new}) : ({old}))")

    def write_back(self) -> None:
        """Store every stored variable that was given a new value."""
        for name in self._dirty:
            self.lines.append(f"{self._stored[name]} = {self._locals[name]};")
        self._dirty.clear()
