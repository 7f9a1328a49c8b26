"""What a kernel is made of: for each template its tree, its mechanisms' statements, and where every value lives.

A value is a *constant* (the same in all cells of a template: a row of numbers handed over at run time, so that other
densities or temperatures need no new kernel), a *stored* variable (one lane vector per node or site, kept from step to
step), or a local of the generated code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.backends.fast.tree import Tree, make_tree
from hnnlib.mechanisms.evaluate import evaluate, execute, table_rows
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.symbolic import assigned_names, free_names, linear_parts, needed_names
from hnnlib.mechanisms.syntax import (
    Assign,
    Binary,
    CallStatement,
    Equation,
    Expression,
    If,
    MechanismCode,
    Name,
    Number,
    Statement,
)
from hnnlib.plan.tables import Template

__all__ = ["ION_DEFAULTS", "Gate", "KernelModel", "Use", "make_model"]

# What NEURON starts ions with where no mechanism says otherwise (mV, mM)
ION_DEFAULTS = immutabledict(
    {
        "ena": 50.0,
        "ek": -77.0,
        "nai": 10.0,
        "nao": 140.0,
        "ki": 54.4,
        "ko": 2.5,
        "cai": 5e-5,
        "cao": 2.0,
    }
)


@attrs.frozen(kw_only=True, eq=False)
class Gate:
    """A state that relaxes: ``x += decay * (inf - x)`` once a step."""

    state: str
    inf: Expression
    rate: Expression  # 1/tau: decay = 1 - exp(-dt * rate)
    rate_as_written: Expression  # the same by the names of the file, whose tables hold tau
    tabulated: bool  # both depend on v alone: they stand in the rows of the table


@attrs.frozen(kw_only=True, eq=False)
class Use:
    """A mechanism in a template: at some nodes, or at some sites."""

    code: MechanismCode
    places: np.ndarray  # nodes or sites that have it
    current: tuple[Statement, ...]  # BREAKPOINT, flat
    update: tuple[Statement, ...]  # what is left of the state block after gates that stand in the table are taken out
    gates: tuple[Gate, ...]
    receive: tuple[Statement, ...]
    stored: tuple[str, ...]
    constants: Mapping[str, np.ndarray]  # name -> one value per place
    initial: Mapping[str, np.ndarray]  # stored name -> value per place at t = 0

    @property
    def is_point(self) -> bool:
        """Whether it is a point process."""
        return self.code.kind == "point"


@attrs.frozen(kw_only=True, eq=False)
class KernelModel:
    """All that is needed to write and feed the kernel of one template."""

    template: Template
    tree: Tree
    uses: tuple[Use, ...]  # in the order of their update: those that write concentrations first
    groups: tuple[tuple[int, int, tuple[int, ...]], ...]  # runs of nodes (first, end) with the same mechanisms
    ion_rows: tuple[str, ...]  # concentrations and currents of ions that must be kept per node
    initial_ions: Mapping[str, np.ndarray]  # name -> (n_nodes,), of `ion_rows`
    initial_v: np.ndarray  # (n_nodes,)


def make_model(
    template: Template, codes: Mapping[str, MechanismCode], *, celsius: float, dt: float, rates: str
) -> KernelModel:
    """Return the kernel model of a template.

    Parameters
    ----------
    template : Template
        The cell type.
    codes : dict
        Mechanism name -> what its file says.
    celsius : float
        Temperature (°C).
    dt : float
        Time step (ms).
    rates : str
        ``'tables'`` or ``'exact'``: whether start values come from the mod files' tables.
    """
    tree = make_tree(template)
    is_segment = tree.segment >= 0
    initial_v = np.zeros(len(tree))
    initial_v[is_segment] = template.sections.v0_mV[template.segments.section[tree.segment[is_segment]]]
    densities = sorted(template.densities, key=lambda d: (not _writes_concentration(codes[d.mechanism]), d.mechanism))
    ion_rows = _ion_rows([codes[d.mechanism] for d in densities])
    shared: dict[str, np.ndarray] = {name: np.full(len(tree), v) for name, v in ION_DEFAULTS.items()}
    for name in ion_rows:
        shared.setdefault(name, np.zeros(len(tree)))
    uses = []
    for density in densities:
        code = codes[density.mechanism]
        places = tree.node_of_segment[density.segments]
        values = {p: _column(density.parameters.get(p), code, p, len(places)) for p in code.parameters}
        uses.append(_use(code, places, values, initial_v[places], shared, celsius, dt, rates, ion_rows))
    uses += _site_uses(template, tree, codes, initial_v, celsius, dt, rates)
    return KernelModel(
        template=template,
        tree=tree,
        uses=tuple(uses),
        groups=_groups(len(tree), uses),
        ion_rows=ion_rows,
        initial_ions={x: np.zeros(len(tree)) if x.startswith("i") else shared[x] for x in ion_rows},
        initial_v=initial_v,
    )


def _column(values: np.ndarray | None, code: MechanismCode, name: str, n: int) -> np.ndarray:
    default = code.parameters[name].default
    column = np.full(n, np.nan) if values is None else np.array(values, float)
    column[np.isnan(column)] = default
    return column


def _writes_concentration(code: MechanismCode) -> bool:
    return any(w != f"i{ion.name}" for ion in code.ions for w in ion.writes)


def _ion_rows(codes: Sequence[MechanismCode]) -> tuple[str, ...]:
    """Return the ion variables that a mechanism writes and another one reads."""
    written = {w for code in codes for ion in code.ions for w in ion.writes}
    read = {r for code in codes for ion in code.ions for r in ion.reads}
    concentrations = {w for w in written if not w.startswith("i")}
    return tuple(sorted((written & read) | concentrations))


def _site_uses(
    template: Template,
    tree: Tree,
    codes: Mapping[str, MechanismCode],
    initial_v: np.ndarray,
    celsius: float,
    dt: float,
    rates: str,
) -> list[Use]:
    sites = template.sites
    uses = []
    for name in sorted(set(sites.mechanisms)):
        code = codes[name]
        places = np.array([i for i, m in enumerate(sites.mechanisms) if m == name], np.int64)
        values = {
            p: np.array([sites.parameters[i].get(p, code.parameters[p].default) for i in places], float)
            for p in code.parameters
        }
        v = initial_v[tree.node_of_segment[sites.segment[places]]]
        uses.append(_use(code, places, values, v, {}, celsius, dt, rates, ()))
    return uses


def _groups(n: int, uses: Sequence[Use]) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    members: list[list[int]] = [[] for _ in range(n)]
    for k, use in enumerate(uses):
        if not use.is_point:
            for node in use.places.tolist():
                members[node].append(k)
    groups: list[tuple[int, int, tuple[int, ...]]] = []
    for node, present in enumerate(members):
        key = tuple(present)
        if groups and groups[-1][2] == key:
            groups[-1] = (groups[-1][0], node + 1, key)
        else:
            groups.append((node, node + 1, key))
    return tuple(groups)


# ------------------------------------------------------------------------------------------------ one mechanism


def _use(
    code: MechanismCode,
    places: np.ndarray,
    parameters: Mapping[str, np.ndarray],
    v: np.ndarray,
    shared: dict[str, np.ndarray],
    celsius: float,
    dt: float,
    rates: str,
    ion_rows: Sequence[str],
) -> Use:
    n = len(places)
    current = tuple(inline(code, code.breakpoint).body)
    update = tuple(inline(code, code.update).body)
    receive = () if code.net_receive is None else tuple(inline(code, code.net_receive).body)
    changing = set(assigned_names(current)) | set(assigned_names(update)) | set(assigned_names(receive))
    own = [*code.states, *code.assigned, *code.global_assigned]
    early = set().union(*(_read_first(block) for block in (current, update, receive)))
    stored = tuple(dict.fromkeys([*code.states, *(x for x in own if x in changing and x in early)]))
    env: dict[str, Any] = {name: np.full(n, value) for name, value in code.constants.items()}
    env.update({name: np.full(n, p.default) for name, p in code.global_parameters.items()})
    env.update(parameters)
    env.update({x: np.zeros(n) for x in own})
    env.update(v=v, celsius=np.full(n, celsius), dt=np.full(n, dt), t=np.zeros(n))
    ions = {x for ion in code.ions for x in (*ion.reads, *ion.writes)}
    for x in ions:
        env[x] = shared[x][places] if x in shared else np.zeros(n)
    env = run(code, code.initial, env, rates, celsius)
    for x in ions & set(ion_rows):
        shared[x][places] = env[x]
    fixed = {name: env[name] for name in (*code.constants, *code.global_parameters, *code.parameters) if name in env}
    fixed.update({x: env[x] for x in own if x not in changing})
    fixed.update({x: env[x] for x in ions if x not in ion_rows and x not in code.currents})
    fixed.update(celsius=env["celsius"], dt=env["dt"])
    constants = {name: np.broadcast_to(np.asarray(x, float), (n,)) for name, x in fixed.items()}
    gates, rest = _split_gates(update, constants, rates)
    return Use(
        code=code,
        places=places,
        current=current,
        update=rest,
        gates=gates,
        receive=receive,
        stored=stored,
        constants=constants,
        initial={x: np.broadcast_to(np.asarray(env[x], float), (n,)) for x in stored},
    )


def run(code: MechanismCode, block: Any, env: Mapping[str, Any], rates: str, celsius: float) -> dict[str, Any]:
    """Run a block's statements on arrays; with ``rates='tables'`` tabulated routines give what their tables hold."""
    tabled = tuple(name for name, r in code.routines.items() if r.table is not None) if rates == "tables" else ()
    values = dict(env)
    for statement in inline(code, block, keep=tabled).body:
        if isinstance(statement, CallStatement) and statement.call.function in tabled:
            x = np.asarray(evaluate(statement.call.arguments[0], values), float)
            nodes, rows = table_rows(code, statement.call.function, celsius=celsius)
            values.update({name: np.interp(x, nodes, row) for name, row in rows.items()})
        elif isinstance(statement, Equation):
            continue
        else:
            values = dict(execute((statement,), values))
    return values


def _read_first(statements: Iterable[Statement]) -> set[str]:
    """Return the names that are read before they are surely assigned."""
    early: set[str] = set()
    done: set[str] = set()
    for s in statements:
        if isinstance(s, If):
            early |= set(free_names(s.condition)) - done
            branches = [(_read_first(b), set(assigned_names(b))) for b in (s.then, s.otherwise)]
            early |= (branches[0][0] | branches[1][0]) - done
            # assigned in one branch only: the other one keeps, that is reads, the old value
            early |= (branches[0][1] ^ branches[1][1]) - done
            done |= branches[0][1] & branches[1][1]
        elif isinstance(s, Equation):
            early |= (set(free_names(s.rhs)) | {s.state}) - done
        elif isinstance(s, Assign):
            early |= set(free_names(s.value)) - done
            done.add(s.target)
    return early


def _split_gates(
    update: Sequence[Statement], constants: Mapping[str, np.ndarray], rates: str
) -> tuple[tuple[Gate, ...], tuple[Statement, ...]]:
    """Take relaxation equations out of a state block; keep the statements that something else needs."""
    gates: list[Gate] = []
    rest: list[Statement] = []
    for i, s in enumerate(update):
        if isinstance(s, Equation):
            others = [x for j, x in enumerate(update) if j != i]
            gate = _gate(s, update[:i], constants, rates, free=s.state not in needed_names(others))
            gates.append(gate)
            if not gate.tabulated:
                rest.append(s)
        else:
            rest.append(s)
    return tuple(gates), tuple(rest)


def _gate(
    equation: Equation, before: Sequence[Statement], constants: Mapping[str, np.ndarray], rates: str, *, free: bool
) -> Gate:
    """Return the gate of an equation; ``free``: no other statement of the block reads its state."""
    inf, rate = relaxation(equation)
    uniform = {x for x, values in constants.items() if len(values) == 0 or (values == values[0]).all()}
    needed = _dependencies(free_names(inf) | free_names(rate), before)
    varies = bool(needed & {"v"})
    tabulated = free and rates == "tables" and varies and needed <= (uniform | {"v"})
    return Gate(
        state=equation.state,
        inf=inf,
        rate=_reciprocal(rate, before),
        rate_as_written=rate,
        tabulated=tabulated,
    )


def relaxation(equation: Equation) -> tuple[Expression, Expression]:
    """Return ``inf`` and ``1/tau`` of an equation ``x' = (inf - x) / tau`` or any linear one."""
    match equation.rhs:
        case Binary("/", Binary("-", inf, Name(x)), tau) if x == equation.state and x not in (
            free_names(inf) | free_names(tau)
        ):
            return inf, Binary("/", Number(1.0), tau)
    a, b = linear_parts(equation.rhs, equation.state)
    rate: Expression = Binary("-", Number(0.0), b)
    return Binary("/", a, rate), rate


def _reciprocal(rate: Expression, before: Sequence[Statement]) -> Expression:
    """Write ``1/tau`` as the rate that tau was made from, where it was made so: saves two divisions."""
    match rate:
        case Binary("/", Number(1.0), Name(tau)):
            made = [s for s in before if tau in assigned_names((s,))]
            if len(made) == 1 and isinstance(made[0], Assign):
                match made[0].value:
                    case Binary("/", Number(1.0), inverse):
                        later = before[list(before).index(made[0]) + 1 :]
                        if not (free_names(inverse) & assigned_names(later)):
                            return inverse
    return rate


def _surely_assigned(s: Statement) -> set[str]:
    """Return the names that a statement assigns whatever its conditions say."""
    if isinstance(s, If):
        then, otherwise = (set().union(*(_surely_assigned(x) for x in b)) for b in (s.then, s.otherwise))
        return then & otherwise
    return set(assigned_names((s,)))


def _dependencies(names: Iterable[str], before: Sequence[Statement]) -> set[str]:
    """Return what the values of names depend on, traced back through the statements before."""
    needed = set(names)
    for s in reversed(before):
        if set(assigned_names((s,))) & needed:
            needed = (needed - _surely_assigned(s)) | set(needed_names((s,)))
    return needed
