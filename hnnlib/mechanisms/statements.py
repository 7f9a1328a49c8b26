"""The tool's syntax tree of one block as statements and expressions of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from immutabledict import immutabledict

from hnnlib.base.errors import HnnlibError
from hnnlib.mechanisms.nmodl import DISCONTINUITY, Node, Source
from hnnlib.mechanisms.symbolic import statements_in
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    CallStatement,
    Conductance,
    Equation,
    Expression,
    If,
    Name,
    Number,
    Solve,
    Statement,
    Unary,
    Unsupported,
)

__all__ = ["BodyReader", "NoFormError", "read_expression"]

# How NMODL spells the statements that have no form here.
_SPELLED: Mapping[str, str] = immutabledict(
    {
        "Verbatim": "VERBATIM",
        "WhileStatement": "while",
        "FromStatement": "FROM",
        "ForNetcon": "FOR_NETCONS",
        "WatchStatement": "WATCH",
        "ReactionStatement": "~",
        "LinEquation": "~",
        "Conserve": "CONSERVE",
        "Compartment": "COMPARTMENT",
        "LonDifuse": "LONGITUDINAL_DIFFUSION",
        "TableStatement": "TABLE",
        "SolveBlock": "SOLVE",
        "ConductanceHint": "CONDUCTANCE",
    }
)
# Locks keep threads from each other's GLOBAL variables; they change no value.
_SILENT = frozenset(("UnitState", "LineComment", "BlockComment", "MutexLock", "MutexUnlock"))
_WRAPPERS = frozenset(("ExpressionStatement", "WrappedExpression", "ParenExpression", "ProtectStatement"))


class NoFormError(HnnlibError, ValueError):
    """Something that has no form as an expression.

    Parameters
    ----------
    what : str
        As NMODL spells it.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} has no form here")


class BodyReader:
    """Reads one block, and notes what stands in it beside statements.

    Parameters
    ----------
    source : Source
        The file's words, standing at the block.
    line : int
        The block's line.
    rename : mapping of str to str
        The tool's names of the arguments, and those in the file.
    node : Node
        The block.

    Attributes
    ----------
    arguments : tuple of str
        As the file names them.
    body : tuple of Statement
        What is run.
    locals : list of str
        LOCAL names, those of inner blocks too.
    table : tuple of (Node, int, int) or None
        TABLE as it stands, its number of variables and its line.
    solves : list of Solve
        The SOLVE statements.
    conductances : list of Conductance
        The CONDUCTANCE statements.
    initial : Block or None
        An INITIAL block inside (of NET_RECEIVE).
    """

    def __init__(self, source: Source, line: int, rename: Mapping[str, str], node: Node) -> None:
        self.source, self.line = source, line
        self.rename: Mapping[str, str] = rename
        self.arguments = tuple(rename.values())
        self.locals: list[str] = []
        self.table: tuple[Node, int, int] | None = None
        self.solves: list[Solve] = []
        self.conductances: list[Conductance] = []
        self.initial: Block | None = None
        self._depth, self._is_breakpoint = 0, node.kind == "BreakpointBlock"
        block = node.first("StatementBlock")
        self.body = self._statements(block) if block else ()
        if not self._is_complete():
            self.body += (Unsupported("a statement that NEURON's nmodl leaves out", line),)

    def block(self) -> Block:
        """Return what is run, with the local names."""
        return Block(body=self.body, locals=tuple(self.locals), line=self.line)

    def _is_complete(self) -> bool:
        """Whether all assignments of the block are there: the tool has been seen to lose some."""
        body = (*self.body, *(self.initial.body if self.initial else ()))
        if any(isinstance(statement, Unsupported) for statement in statements_in(body)):
            return True  # refused anyway, and not read to the end
        n_read = sum(isinstance(statement, Assign | Equation) for statement in statements_in(body))
        return n_read == self.source.count("=", "state_discontinuity")

    def _statements(self, block: Node) -> tuple[Statement, ...]:
        outer = self.rename
        self._depth += 1
        found = tuple(s for node in block.children if node.kind not in _SILENT for s in self._statement(node))
        self._depth -= 1
        self.rename = outer  # what was LOCAL to this block
        return found

    def _statement(self, node: Node) -> tuple[Statement, ...]:
        inner = _unwrapped(node)
        try:
            match inner.kind:
                case "StatementBlock":
                    return self._statements(inner)
                case "LocalListStatement":
                    self._declare([child.text for child in inner.children])
                    return ()
                case "IfStatement":
                    return (self._choice(inner.children),)
                case "DiffEqExpression":
                    return (self._equation(inner.children[0]),)
                case "FunctionCall" if inner.text == DISCONTINUITY:
                    return (self._assignment(inner.children[1], inner.children[2]),)
                case "FunctionCall":
                    line = self.source.go_to((inner.text, "("))
                    call = read_expression(inner, self.rename)
                    return (CallStatement(call, line),) if isinstance(call, Call) else ()
                case "BinaryExpression" if inner.children[1].text == "=":
                    return (self._assignment(inner.children[0], inner.children[2]),)
                case "TableStatement" if self.table is None and self._depth == 1:
                    line = self.source.go_to(("TABLE",))
                    n_variables = len([word for word in self.source.until("DEPEND", "FROM") if word != ","])
                    self.table = (inner, n_variables, line)
                    return ()
                case "SolveBlock" | "ConductanceHint" if self._depth == 1 and self._is_breakpoint:
                    self._directive(inner)
                    return ()
                case "InitialBlock" if self._depth == 1:
                    reader = BodyReader(self.source, self.source.go_to(("INITIAL",)), self.rename, inner)
                    self.initial = reader.block()
                    return ()
            word = _SPELLED.get(inner.kind, inner.kind)
            return (Unsupported(word, self.source.go_to((word,))),)
        except NoFormError as error:
            return (Unsupported(error.what, self.source.line),)

    def _declare(self, names: list[str]) -> None:
        for name in names:
            own = name
            # a name of an inner block may hide one that the statements around it use
            while self._depth > 1 and (own in self.source.words or own in self.locals):
                own += "_"
            self.locals.append(own)
            self.rename = {**self.rename, name: own}

    def _choice(self, parts: tuple[Node, ...]) -> If:
        condition, then, *rest = parts
        line = self.source.go_to(("if",), ("IF",))
        test = read_expression(condition, self.rename)
        statements = self._statements(then)
        if not rest:
            return If(test, statements, (), line)
        if rest[0].kind == "ElseIfStatement":
            return If(test, statements, (self._choice((*rest[0].children, *rest[1:])),), line)
        return If(test, statements, self._statements(rest[0].children[0]), line)

    def _equation(self, node: Node) -> Equation:
        left, operator, right = node.children
        prime = left.children[0]
        line = self.source.go_to((prime.text, "'"))
        if prime.kind != "PrimeName" or operator.text != "=" or prime.children[-1].text != "1":
            raise NoFormError(f"{left.text}'")
        return Equation(prime.text, read_expression(right, self.rename), line)

    def _assignment(self, left: Node, right: Node) -> Assign:
        target = left.text
        named = self.rename.get(target, target)
        line = self.source.go_to((target, "="), (named, "="), ("state_discontinuity", "(", target))
        place = read_expression(left, self.rename)
        if not isinstance(place, Name):
            raise NoFormError(f"{target} =")
        return Assign(place.name, read_expression(right, self.rename), line)

    def _directive(self, node: Node) -> None:
        words = [child.text for child in node.children]
        second = words[1] if len(words) > 1 else None
        if node.kind == "ConductanceHint":
            self.conductances.append(Conductance(variable=words[0], ion=second))
        else:
            self.solves.append(Solve(block=words[0], method=second, line=self.source.go_to(("SOLVE",))))


def read_expression(node: Node, rename: Mapping[str, str]) -> Expression:
    """Return the expression that a node of the tree means.

    Parameters
    ----------
    node : Node
        A node of the tool's tree.
    rename : mapping of str to str
        The tool's names of the arguments, and those in the file.

    Returns
    -------
    Expression
        The same with wrappers, brackets and units left out.

    Raises
    ------
    NoFormError
        If it is no arithmetic: an array's element, a string, a value at another time.
    """
    inner = _unwrapped(node)
    children = inner.children
    match inner.kind:
        case "Double" | "Float" | "Integer" | "DoubleUnit":
            return _number(inner.text)
        case "VarName" if len(children) == 1 and children[0].kind == "Name":
            return Name(rename.get(inner.text, inner.text))
        case "Name":
            return Name(rename.get(inner.text, inner.text))
        case "UnaryExpression":
            operand = read_expression(children[1], rename)
            operator: Any = children[0].text
            # a negative number is a number, as the tool takes it elsewhere
            return (
                Number(-operand.value) if operator == "-" and isinstance(operand, Number) else Unary(operator, operand)
            )
        case "BinaryExpression":
            symbol: Any = children[1].text
            return Binary(symbol, read_expression(children[0], rename), read_expression(children[2], rename))
        case "FunctionCall":
            if any(child.kind == "String" for child in children[1:]):
                raise NoFormError(f"{inner.text}()")
            return Call(inner.text, tuple(read_expression(child, rename) for child in children[1:]))
    raise NoFormError(f"{inner.text}[]" if any(n.kind == "IndexedName" for n in inner.walk()) else inner.text)


def _unwrapped(node: Node) -> Node:
    while node.kind in _WRAPPERS:
        node = node.children[0]
    return node


def _number(text: str) -> Expression:
    try:
        return Number(float(text))
    except ValueError:
        return Name(text)  # from DEFINE
