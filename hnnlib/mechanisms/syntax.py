"""What a mechanism's equations say, as values: expressions, statements, blocks, and the mechanism made of them.

Nothing here knows of an engine or of a language that it writes. Two values are equal if they say the same: where in a
file they stand is kept for error messages and left out of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs
from immutabledict import immutabledict

from hnnlib.mechanisms.catalogue import Kind, Parameter

__all__ = [
    "PROVIDED",
    "Assign",
    "Binary",
    "Block",
    "Call",
    "CallStatement",
    "Conductance",
    "Equation",
    "Expression",
    "If",
    "Ion",
    "MechanismCode",
    "Name",
    "NetReceive",
    "Number",
    "Obstacle",
    "Routine",
    "Solve",
    "Statement",
    "Table",
    "Unary",
    "Unsupported",
    "to_text",
]

# What the simulator sets for every mechanism.
PROVIDED = ("v", "t", "dt", "celsius", "area", "diam")

UnaryOperator = Literal["-", "!"]
BinaryOperator = Literal["+", "-", "*", "/", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||"]


def _line() -> int:
    return attrs.field(default=0, eq=False, repr=False)


# --------------------------------------------------------------------------------------------------------- expressions


@attrs.frozen
class Number:
    """A number; NMODL knows no integers, so ``1/2`` is 0.5."""

    value: float


@attrs.frozen
class Name:
    """The value of a variable."""

    name: str


@attrs.frozen
class Unary:
    """Minus or logical not."""

    operator: UnaryOperator
    operand: Expression


@attrs.frozen
class Binary:
    """Arithmetic, comparison or logic; ``^`` is the power."""

    operator: BinaryOperator
    left: Expression
    right: Expression


@attrs.frozen
class Call:
    """The value of a function: one of the mechanism's own, or a mathematical one."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Unary | Binary | Call

# ---------------------------------------------------------------------------------------------------------- statements


@attrs.frozen
class Assign:
    """``target = value``."""

    target: str
    value: Expression
    line: int = _line()


@attrs.frozen
class If:
    """A choice; ``else if`` is an `If` that stands alone in ``otherwise``."""

    condition: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()
    line: int = _line()


@attrs.frozen
class CallStatement:
    """A call for its effect: of one of the mechanism's procedures, or of ``net_send``, ``net_event``, ``net_move``."""

    call: Call
    line: int = _line()


@attrs.frozen
class Equation:
    """``state' = rhs``: stands only in the block that SOLVE names, and is replaced there by the method's step."""

    state: str
    rhs: Expression
    line: int = _line()


@attrs.frozen
class Unsupported:
    """A statement that has no form here: ``VERBATIM``, a loop, an array element, ..."""

    what: str
    line: int = _line()


Statement = Assign | If | CallStatement | Equation | Unsupported

# -------------------------------------------------------------------------------------------------------------- blocks


@attrs.frozen(kw_only=True)
class Block:
    """Statements with the names that are local to them.

    Attributes
    ----------
    body : tuple of Statement
        In the order in which they are run.
    locals : tuple of str
        Names that mean nothing outside. They may hide a variable of the mechanism.
    """

    body: tuple[Statement, ...] = ()
    locals: tuple[str, ...] = ()
    line: int = _line()


@attrs.frozen(kw_only=True)
class Table:
    """Values that are tabulated over the routine's one argument, and interpolated linearly between.

    Attributes
    ----------
    variables : tuple of str
        What is tabulated: variables of the mechanism, or the function itself.
    depend : tuple of str
        The table is made anew when one of these changes.
    low, high : float
        Ends of the table, in the argument's unit; beyond them the end value holds.
    n : int
        Number of intervals; the table has one more value.
    """

    variables: tuple[str, ...]
    depend: tuple[str, ...]
    low: float
    high: float
    n: int


@attrs.frozen(kw_only=True)
class Routine:
    """A PROCEDURE or FUNCTION of the mechanism.

    Attributes
    ----------
    name : str
        Its name; a function's value is what its body assigns to this name.
    is_function : bool
        Whether it has a value.
    arguments : tuple of str
        Passed by value; they may hide a variable of the mechanism.
    body, locals
        As in `Block`.
    table : Table or None
        What is tabulated. A call then sets the table's variables from it, and runs nothing of the body.
    """

    name: str
    is_function: bool
    arguments: tuple[str, ...] = ()
    body: tuple[Statement, ...] = ()
    locals: tuple[str, ...] = ()
    table: Table | None = None
    line: int = _line()


@attrs.frozen(kw_only=True)
class NetReceive:
    """What an event does.

    Attributes
    ----------
    arguments : tuple of str
        The first is the connection's weight; each further one is a value that every connection keeps for itself.
    body, locals
        As in `Block`. ``flag`` is 0 for an event from a connection, else the second argument of ``net_send``.
    initial : Block or None
        Run for every connection at initialisation.
    """

    arguments: tuple[str, ...] = ()
    body: tuple[Statement, ...] = ()
    locals: tuple[str, ...] = ()
    initial: Block | None = None
    line: int = _line()


@attrs.frozen(kw_only=True)
class Ion:
    """An ion that the mechanism uses.

    Attributes
    ----------
    name : str
        E.g. ``ca``.
    reads, writes : tuple of str
        Its variables by their full names: ``cai, cao, ica, eca``.
    valence : float or None
        As stated; None if NEURON knows it.
    """

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    valence: float | None = None


@attrs.frozen(kw_only=True)
class Conductance:
    """A promise that ``variable`` is the derivative of a current by v.

    Attributes
    ----------
    variable : str
        Set in BREAKPOINT.
    ion : str or None
        The ion whose current it belongs to; None for the non-specific ones.
    """

    variable: str
    ion: str | None = None


@attrs.frozen(kw_only=True)
class Solve:
    """How the states are advanced.

    Attributes
    ----------
    block : str
        Name of the DERIVATIVE block or PROCEDURE.
    method : str or None
        E.g. ``cnexp``; None for a procedure, which is then called once a step.
    """

    block: str
    method: str | None = None
    line: int = _line()


@attrs.frozen(kw_only=True)
class Obstacle:
    """Why a mechanism is out of a generated engine's scope.

    Attributes
    ----------
    file : str
        The mechanism's file.
    line : int
        1-based; 0 where it is not known.
    statement : str
        What stands there.
    reason : str
        Why it is out of scope.
    """

    file: str
    line: int
    statement: str
    reason: str

    def __str__(self) -> str:
        """Return ``file:line: statement: reason``."""
        return f"{self.file}:{self.line}: {self.statement}: {self.reason}"


@attrs.frozen(kw_only=True)
class MechanismCode:
    """All that a mechanism's file says.

    Attributes
    ----------
    name : str
        As it is inserted or made in NEURON.
    kind : {"density", "point", "artificial"}
        As in `hnnlib.mechanisms.catalogue.Mechanism`.
    file, line
        Where it was read, and the line of its NEURON block.
    parameters : mapping of str to Parameter
        One value per segment or instance (PARAMETER and RANGE). INITIAL may change them, as Exp2Syn's does tau1.
    global_parameters : mapping of str to Parameter
        One value for all (PARAMETER, not RANGE).
    constants : mapping of str to float
        From UNITS, CONSTANT and DEFINE, e.g. FARADAY; never assigned.
    states : tuple of str
        STATE variables; one value per segment or instance.
    assigned : tuple of str
        ASSIGNED variables of the mechanism itself: one value per segment or instance, kept from step to step. What the
        simulator and the ions provide (v, celsius, dt, ena, cai, ...) is not among them.
    global_assigned : tuple of str
        Like ``assigned``, but one for all: declared GLOBAL, or LOCAL outside of any block.
    ions : tuple of Ion
        As in USEION.
    nonspecific : tuple of str
        Names of the NONSPECIFIC_CURRENT variables.
    initial : Block
        INITIAL.
    breakpoint : Block
        BREAKPOINT without SOLVE and CONDUCTANCE: what makes the currents, before the states are advanced.
    conductances : tuple of Conductance
        As stated by CONDUCTANCE.
    solve : Solve or None
        None if there is nothing to advance.
    update : Block
        What SOLVE runs once a step, at the new voltage: statements and `Equation` values in the file's order (those
        after an equation see the new state); the call of the procedure where SOLVE names one.
    routines : mapping of str to Routine
        The procedures and functions by name.
    net_receive : NetReceive or None
        What an event does.
    is_thread_safe : bool
        Whether the file says THREADSAFE.
    outside : tuple of Obstacle
        Whole blocks and declarations that have no form here (KINETIC, POINTER, ...).
    """

    name: str
    kind: Kind
    file: str = attrs.field(default="", eq=False)
    line: int = _line()
    parameters: Mapping[str, Parameter] = immutabledict()
    global_parameters: Mapping[str, Parameter] = immutabledict()
    constants: Mapping[str, float] = immutabledict()
    states: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    global_assigned: tuple[str, ...] = ()
    ions: tuple[Ion, ...] = ()
    nonspecific: tuple[str, ...] = ()
    initial: Block = Block()
    breakpoint: Block = Block()
    conductances: tuple[Conductance, ...] = ()
    solve: Solve | None = None
    update: Block = Block()
    routines: Mapping[str, Routine] = immutabledict()
    net_receive: NetReceive | None = None
    is_thread_safe: bool = False
    outside: tuple[Obstacle, ...] = attrs.field(default=(), eq=False)

    @property
    def currents(self) -> tuple[str, ...]:
        """Variables that hold membrane currents: those written to ions, then the non-specific ones."""
        written = tuple(name for ion in self.ions for name in ion.writes if name == f"i{ion.name}")
        return written + self.nonspecific

    @property
    def variables(self) -> frozenset[str]:
        """All names that mean a value in every block: own ones, the ions' and what the simulator provides."""
        of_ions = (name for ion in self.ions for name in (*ion.reads, *ion.writes))
        own = (*self.states, *self.assigned, *self.global_assigned, *self.nonspecific)
        return frozenset((*PROVIDED, *of_ions, *own, *self.parameters, *self.global_parameters, *self.constants))

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations of ``update``."""
        return tuple(s for s in self.update.body if isinstance(s, Equation))


# ---------------------------------------------------------------------------------------------------------------- text

_PRECEDENCE = immutabledict(
    {op: k for k, ops in enumerate(("||", "&&", "< > <= >= == !=", "+ -", "* /", "^")) for op in ops.split()}
)
_UNARY = 4.5  # binds more tightly than a product, less than a power


def to_text(node: Expression | Statement) -> str:
    """Return an expression or statement as one would write it in NMODL, on one line.

    Parameters
    ----------
    node : Expression or Statement
        What to write.

    Returns
    -------
    str
        E.g. ``m' = (minf - m)/mtau``.
    """
    match node:
        case Assign(target, value):
            return f"{target} = {to_text(value)}"
        case Equation(state, rhs):
            return f"{state}' = {to_text(rhs)}"
        case CallStatement(call):
            return to_text(call)
        case Unsupported(what):
            return what
        case If(condition, then, otherwise):
            text = f"if ({to_text(condition)}) {{ {'; '.join(map(to_text, then))} }}"
            return text + (f" else {{ {'; '.join(map(to_text, otherwise))} }}" if otherwise else "")
    return _written(node)[0]


def _written(node: Expression) -> tuple[str, float]:
    """Return the text and how tightly it holds together."""
    match node:
        case Number(value):
            return repr(value).removesuffix(".0"), 9 if value >= 0 else _UNARY
        case Name(name):
            return name, 9
        case Call(function, arguments):
            return f"{function}({', '.join(map(to_text, arguments))})", 9
        case Unary(operator, operand):
            text, strength = _written(operand)
            return operator + (text if strength > _UNARY else f"({text})"), _UNARY
        case Binary(operator, left, right):
            own = _PRECEDENCE[operator]
            (a, strength_a), (b, strength_b) = _written(left), _written(right)
            a = a if (strength_a >= own and operator != "^") or strength_a > own else f"({a})"
            b = b if strength_b > own else f"({b})"
            return (f"{a}{operator}{b}" if own >= _PRECEDENCE["*"] else f"{a} {operator} {b}"), own
