"""Read what a mechanism's NMODL file says, with NEURON's own parser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from immutabledict import immutabledict

from hnnlib.base.errors import FileFormatError, HnnlibError
from hnnlib.mechanisms.catalogue import Kind, Parameter
from hnnlib.mechanisms.evaluate import evaluate
from hnnlib.mechanisms.nmodl import Node, Source, neuron_file, syntax_tree
from hnnlib.mechanisms.statements import BodyReader, read_expression
from hnnlib.mechanisms.syntax import (
    PROVIDED,
    Block,
    Call,
    CallStatement,
    Ion,
    MechanismCode,
    NetReceive,
    Obstacle,
    Routine,
    Solve,
    Table,
)

__all__ = ["neuron_file", "parse_mechanism"]

_KINDS: Mapping[str, Kind] = immutabledict(
    {"SUFFIX": "density", "POINT_PROCESS": "point", "ARTIFICIAL_CELL": "artificial"}
)

# Numbers behind the units that mechanisms are known to name, as NEURON 9 takes them: CODATA 2018, exact in SI.
_K, _E, _MOLE = 1.380649e-23, 1.602176634e-19, 6.02214076e23
_FACTORS: Mapping[tuple[str, ...], float] = immutabledict(
    {
        ("faraday", "coulomb"): _E * _MOLE,
        ("faraday", "coulombs"): _E * _MOLE,
        ("faraday", "kilocoulombs"): _E * _MOLE / 1000,
        ("k-mole", "joule/degC"): _K * _MOLE,
        ("k", "joule/degC"): _K,
        ("e", "coulomb"): _E,
        ("e", "coulombs"): _E,
        ("pi", "1"): math.pi,
    }
)

# Blocks that change nothing of what is computed, or are read elsewhere.
_SILENT = frozenset(("Model", "BlockComment", "LineComment", "UnitState", "IndependentBlock"))
_DECLARING = frozenset(
    (
        *("NeuronBlock", "UnitBlock", "ConstantBlock", "ParamBlock", "StateBlock", "AssignedBlock", "Define"),
        *("LocalListStatement", "InitialBlock", "BreakpointBlock", "DerivativeBlock", "ProcedureBlock"),
        *("FunctionBlock", "NetReceiveBlock"),
    )
)
# How NMODL spells what has no form here, and why it has none.
_OUTSIDE: Mapping[str, tuple[str, str]] = immutabledict(
    {
        "Verbatim": ("VERBATIM", "C++ of its own"),
        "KineticBlock": ("KINETIC", "reaction schemes are not solved"),
        "LinearBlock": ("LINEAR", "systems of equations are not solved"),
        "NonLinearBlock": ("NONLINEAR", "systems of equations are not solved"),
        "DiscreteBlock": ("DISCRETE", "difference equations are not solved"),
        "FunctionTableBlock": ("FUNCTION_TABLE", "its values come from the caller"),
        "ConstructorBlock": ("CONSTRUCTOR", "C++ of its own"),
        "DestructorBlock": ("DESTRUCTOR", "C++ of its own"),
        "BeforeBlock": ("BEFORE", "runs at times of its own"),
        "AfterBlock": ("AFTER", "runs at times of its own"),
        "Include": ("INCLUDE", "its other file is not read"),
        "Pointer": ("POINTER", "reads or writes what other mechanisms own"),
        "BbcorePointer": ("BBCOREPOINTER", "memory of its own"),
        "External": ("EXTERNAL", "reads or writes what other mechanisms own"),
        "ElectrodeCurrent": ("ELECTRODE_CURRENT", "electrodes are not modelled"),
        "RandomVarList": ("RANDOM", "random numbers of its own"),
    }
)


def parse_mechanism(file: Path) -> MechanismCode:
    """Read all that an NMODL file says.

    Parameters
    ----------
    file : Path
        An NMODL file.

    Returns
    -------
    MechanismCode
        With `Unsupported` statements and a list of obstacles (``outside``) where it says what has no form here; see
        `hnnlib.mechanisms.scope.obstacles`.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no NMODL, with the line, or describes no mechanism.
    MechanismBuildError
        If NEURON's ``nmodl`` is missing.

    Notes
    -----
    Takes some 30 ms: the caller keeps the result.
    """
    file = Path(file)
    return _FileReader(file, syntax_tree(file), Source(file)).mechanism()


class _FileReader:
    """Reads the blocks of one file: declarations first, as blocks may stand in any order."""

    def __init__(self, file: Path, tree: Node, source: Source) -> None:
        self.file, self.tree, self.source = file, tree, source
        self.outside: list[Obstacle] = []
        self.read_neuron_block()
        self.read_declarations()
        self.read_constants()
        for block in tree.children:
            if block.kind not in _SILENT and block.kind not in _DECLARING:
                word, reason = _OUTSIDE.get(block.kind, (block.kind, "is not known here"))
                self.refuse(self.source.anywhere(word), word, reason)

    # ------------------------------------------------------------------------------------------------- declarations

    def blocks(self, *kinds: str) -> list[Node]:
        return self.tree.all(*kinds)

    def refuse(self, line: int, statement: str, reason: str) -> None:
        self.outside.append(Obstacle(file=str(self.file), line=line, statement=statement, reason=reason))

    def read_neuron_block(self) -> None:
        neuron = next(iter(self.blocks("NeuronBlock")), None)
        suffix = next((n for n in neuron.walk() if n.kind == "Suffix"), None) if neuron else None
        if neuron is None or suffix is None or suffix.children[0].text not in _KINDS:
            raise FileFormatError(self.file, "names no SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL in a NEURON block")
        self.kind, self.name = _KINDS[suffix.children[0].text], suffix.children[1].text
        self.ions: list[Ion] = []
        names: dict[str, list[str]] = {"Range": [], "Global": [], "Nonspecific": []}
        self.is_thread_safe = False
        for statement in (s for block in neuron.children for s in block.children):
            if statement.kind == "Useion":
                self.ions.append(_ion(statement))
            elif statement.kind in names:
                names[statement.kind] += [child.text for child in statement.children]
            elif statement.kind == "ThreadSafe":
                self.is_thread_safe = True
            elif statement.kind not in ("Suffix", "LineComment", "BlockComment"):
                word, reason = _OUTSIDE.get(statement.kind, (statement.kind, "is not known here"))
                self.refuse(self.source.anywhere(word), word, reason)
        self.ranged, self.shared, self.nonspecific = names["Range"], names["Global"], names["Nonspecific"]

    def read_declarations(self) -> None:
        not_own = {*PROVIDED, *(name for ion in self.ions for name in (*ion.reads, *ion.writes))}
        parameters = {}
        for node in (n for block in self.blocks("ParamBlock") for n in block.children if n.kind == "ParamAssign"):
            value, unit = node.first("Double", "Integer"), node.first("Unit")
            self.refuse_array(node)
            if node.text not in not_own:
                parameters[node.text] = Parameter(float(value.text) if value else 0.0, unit.text if unit else "")
        self.parameters = {name: p for name, p in parameters.items() if name in self.ranged}
        self.global_parameters = {name: p for name, p in parameters.items() if name not in self.ranged}
        self.states = self.variables("StateBlock")
        own = [name for name in self.variables("AssignedBlock") if name not in not_own]
        outer = [local.text for node in self.blocks("LocalListStatement") for local in node.children]
        self.assigned = [name for name in own if name not in self.shared]
        self.global_assigned = [name for name in own if name in self.shared] + outer

    def variables(self, kind: str) -> list[str]:
        nodes = [n for block in self.blocks(kind) for n in block.children if n.kind == "AssignedDefinition"]
        for node in nodes:
            self.refuse_array(node)
        return [node.text for node in nodes]

    def refuse_array(self, node: Node) -> None:
        # a lone whole number after the name is a length, a pair is FROM and TO
        if node.first("IndexedName") or (node.kind == "AssignedDefinition" and len(node.all("Integer")) == 1):
            self.refuse(self.source.anywhere(node.text, "["), f"{node.text}[]", "arrays are not modelled")

    def read_constants(self) -> None:
        self.constants: dict[str, float] = {}
        for node in (n for block in self.tree.children for n in block.walk()):
            if node.kind in ("ConstantVar", "Define"):
                self.constants[node.text] = float(node.children[1].text)
            elif node.kind == "FactorDef":
                number, units = node.first("Double"), tuple(unit.text for unit in node.all("Unit"))
                if number is not None:
                    self.constants[node.text] = float(number.text)
                elif units in _FACTORS:
                    self.constants[node.text] = _FACTORS[units]
                else:
                    line, text = self.source.anywhere(node.text, "=", "("), " ".join(f"({unit})" for unit in units)
                    self.refuse(line, f"{node.text} = {text}", "the number behind these units is not known here")

    # ------------------------------------------------------------------------------------------------------- blocks

    def body_reader(self, node: Node, *header: str) -> BodyReader:
        line = self.source.enter(*header)
        # the tool puts _l before the names of arguments
        arguments = {a.text: a.text.removeprefix("_l") for a in node.all("Argument")}
        return BodyReader(self.source, line, arguments, node)

    def block(self, kind: str, *header: str, name: str | None = None) -> BodyReader | None:
        for node in self.blocks(kind):
            if name is None or node.text == name:
                return self.body_reader(node, *header)
        return None

    def routine(self, node: Node) -> Routine:
        is_function = node.kind == "FunctionBlock"
        reader = self.body_reader(node, "FUNCTION" if is_function else "PROCEDURE", node.text)
        table = None if reader.table is None else self.table(node.text, *reader.table)
        return Routine(
            name=node.text,
            is_function=is_function,
            arguments=reader.arguments,
            body=reader.body,
            locals=tuple(reader.locals),
            table=table,
            line=reader.line,
        )

    def table(self, routine: str, node: Node, n_variables: int, line: int) -> Table | None:
        *names, low, high, n = node.children
        known = {name: p.default for name, p in self.global_parameters.items()} | self.constants
        words = tuple(name.text for name in names)
        try:
            ends = [float(evaluate(read_expression(end, {}), known)) for end in (low, high, n)]
        except HnnlibError:
            self.refuse(line, "TABLE", "its ends must be numbers that are the same for all")
            return None
        return Table(
            variables=words[:n_variables] or (routine,),
            depend=words[n_variables:],
            low=ends[0],
            high=ends[1],
            n=int(ends[2]),
        )

    def net_receive(self) -> NetReceive | None:
        reader = self.block("NetReceiveBlock", "NET_RECEIVE")
        if reader is None:
            return None
        return NetReceive(
            arguments=reader.arguments,
            body=reader.body,
            locals=tuple(reader.locals),
            initial=reader.initial,
            line=reader.line,
        )

    def update(self, solve: Solve | None, routines: Mapping[str, Routine]) -> Block:
        """Return what SOLVE runs once a step."""
        if solve is None:
            return Block()
        if solve.block in routines:
            call = CallStatement(Call(solve.block, ()), solve.line)
            return Block(body=(call,), line=routines[solve.block].line)
        reader = self.block("DerivativeBlock", "DERIVATIVE", solve.block, name=solve.block)
        if reader is None and solve.method in (None, "cnexp"):  # else the method tells
            self.refuse(solve.line, f"SOLVE {solve.block}", "is neither a DERIVATIVE block nor a PROCEDURE")
        return reader.block() if reader else Block()

    def mechanism(self) -> MechanismCode:
        initial = self.block("InitialBlock", "INITIAL")
        breakpoint_ = self.block("BreakpointBlock", "BREAKPOINT")
        solves = breakpoint_.solves if breakpoint_ else []
        for further in solves[1:]:
            self.refuse(further.line, f"SOLVE {further.block}", "a second SOLVE")
        routines = {node.text: self.routine(node) for node in self.blocks("ProcedureBlock", "FunctionBlock")}
        solve = solves[0] if solves else None
        update = self.update(solve, routines)
        return MechanismCode(
            name=self.name,
            kind=self.kind,
            file=str(self.file),
            line=self.source.enter("NEURON"),
            parameters=immutabledict(self.parameters),
            global_parameters=immutabledict(self.global_parameters),
            constants=immutabledict(self.constants),
            states=tuple(self.states),
            assigned=tuple(self.assigned),
            global_assigned=tuple(self.global_assigned),
            ions=tuple(self.ions),
            nonspecific=tuple(self.nonspecific),
            initial=initial.block() if initial else Block(),
            breakpoint=breakpoint_.block() if breakpoint_ else Block(),
            conductances=tuple(breakpoint_.conductances) if breakpoint_ else (),
            solve=solve,
            update=update,
            routines=immutabledict(routines),
            net_receive=self.net_receive(),
            is_thread_safe=self.is_thread_safe,
            outside=tuple(self.outside),
        )


def _ion(node: Node) -> Ion:
    valence = node.first("Valence")
    return Ion(
        name=node.text,
        reads=tuple(child.text for child in node.all("ReadIonVar")),
        writes=tuple(child.text for child in node.all("WriteIonVar")),
        valence=float(valence.children[-1].text) if valence else None,
    )
