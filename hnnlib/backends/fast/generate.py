"""Write the C++ of a kernel: one struct per template, with the loops over its nodes and sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from hnnlib.backends.fast.emit import Constants, Scope
from hnnlib.backends.fast.model import Gate, KernelModel, Use
from hnnlib.mechanisms.syntax import Binary, Call, Equation, Name, Number
from hnnlib.plan.tables import Template

__all__ = ["Kernel", "generate"]


_MOST_SITES = 64
"""Up to so many sites of a cell stand in its kernel's text."""
_MOST_RUNS = 24
"""Up to so many runs of nodes with the same mechanisms get a loop each, whose bounds the compiler knows."""


@attrs.frozen(kw_only=True, eq=False)
class Kernel:
    """The text of one template's kernel and what is handed to it at run time."""

    text: str
    constants: np.ndarray  # flat
    initial: np.ndarray  # one value per row of the state
    columns: tuple[tuple[int, Gate, str], ...]  # of the table: (use, gate, 'inf' or 'decay')
    rows: Mapping[str, int]  # name -> first row in the state: V, isyn, ion.cai, ...


class _Rows:
    """Rows of a block's state: one lane vector each."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}
        self.initial: list[np.ndarray] = []
        self.size = 0

    def add(self, name: str, values: np.ndarray) -> None:
        self.first[name] = self.size
        self.initial.append(np.asarray(values, float))
        self.size += len(values)


def generate(model: KernelModel, name: str) -> Kernel:
    """Return the kernel of a template."""
    return _Writer(model, name).kernel()


class _Writer:
    def __init__(self, model: KernelModel, name: str) -> None:
        self._m, self._name = model, name
        self._n = len(model.tree)
        self._constants = Constants()
        self._rows = _Rows()
        self._columns: list[tuple[int, Gate, str]] = []
        self._n_sites = _room(model.template)
        tree = model.tree
        inner = tree.parent < self._n
        below = np.zeros(self._n + 1)
        below[:-1][inner] = tree.conductance_uS[inner] * 100.0 / tree.area_um2[tree.parent[inner]]
        self._up = self._constants.add(np.append(tree.conductance_uS * 100.0 / tree.area_um2, 0.0), ("up",))
        self._down = self._constants.add(below, ("down",))
        for row in ("V", "D", "R"):
            self._rows.add(row, np.append(model.initial_v if row == "V" else np.zeros(self._n), 0.0))
        self._rows.add("isyn", np.zeros(self._n_sites))
        for k, use in enumerate(model.uses):
            size = self._n_sites if use.is_point else self._n
            for stored in use.stored:
                full = np.zeros(size)
                full[use.places] = use.initial[stored]
                self._rows.add(f"{k}.{stored}", full)
        for ion in model.ion_rows:
            self._rows.add(f"ion.{ion}", model.initial_ions[ion])

        self._told_sites, self._node, self._mechanism_of = self._site_columns()

    def _site_columns(self) -> tuple[str, str, str]:
        """Return what the struct tells of the sites, and the texts that give node and mechanism of site j.

        Few sites are told in the text. Where many synapses are laid out anew for each study they are data, and there is
        room for more of them, so that one kernel serves all layouts on a cell.
        """
        node, mechanism = np.zeros(max(1, self._n_sites), int), np.full(max(1, self._n_sites), -1)
        sites = self._m.template.sites
        node[: len(sites.segment)] = self._m.tree.node_of_segment[sites.segment]
        for k, use in enumerate(self._m.uses):
            if use.is_point:
                mechanism[use.places] = k
        if self._n_sites <= _MOST_SITES:
            told = f"static constexpr int node[] = {_list(node)}, mechanism[] = {_list(mechanism)};"
            return told, "node[j]", "mechanism[j]"
        first, second = self._constants.add(node, ("node of site",)), self._constants.add(mechanism, ("mechanism",))
        return "", f"int(c[{first} + j])", f"int(c[{second} + j])"

    # ------------------------------------------------------------------------------------------- pieces

    def _adder(self, use: Use, index: str) -> Callable[[np.ndarray, tuple[object, ...]], str]:
        size = self._n_sites if use.is_point else self._n

        def add(values: np.ndarray, key: tuple[object, ...]) -> str:
            full = np.zeros(size)
            full[use.places] = values
            return f"c[{self._constants.add(full, key)} + {index}]"

        return add

    def _stored(self, k: int, use: Use, index: str) -> dict[str, str]:
        return {x: f"s[{self._rows.first[f'{k}.{x}']} + {index}]" for x in use.stored}

    def _scope(self, k: int, use: Use, index: str, v: str, tag: str, given: Mapping[str, str] | None = None) -> Scope:
        prefix = f"{use.code.name}{tag}_"
        ions = {x: f"s[{self._rows.first[f'ion.{x}']} + {index}]" for x in self._m.ion_rows}
        names = {"v": v, **({} if use.is_point else ions), **(given or {})}
        currents = set(use.code.currents)
        return Scope(
            prefix,
            use.constants,
            self._adder(use, index),
            self._stored(k, use, index),
            {x: t for x, t in names.items() if x not in currents},
        )

    def _current(self, k: int, use: Use, index: str) -> tuple[list[str], str, str, dict[str, str]]:
        """Return lines, total current, conductance, and each ion current, of one mechanism at one place."""
        scope = self._scope(k, use, index, "v", "")
        lines: list[str] = []
        if use.code.conductances:
            scope.run(use.current)
            total = " + ".join(scope.text(Name(c)) for c in use.code.currents) or "vec{}"
            g = " + ".join(scope.text(Name(c.variable)) for c in use.code.conductances)
        elif use.code.currents:
            # NEURON's way where no conductance is stated: the difference over 0.001 mV
            near = self._scope(k, use, index, "(v + T(0.001))", "near")
            near.run(use.current)
            near.write_back()  # what it leaves behind, the second run finds
            above = " + ".join(near.text(Name(c)) for c in use.code.currents)
            lines += [*near.lines]
            scope.run(use.current)
            total = " + ".join(scope.text(Name(c)) for c in use.code.currents)
            g = f"(({above}) - ({total})) / T(0.001)"
        else:
            scope.run(use.current)
            total, g = "vec{}", "vec{}"
        ion_currents = {
            f"i{ion.name}": scope.text(Name(f"i{ion.name}")) for ion in use.code.ions if f"i{ion.name}" in ion.writes
        }
        scope.write_back()
        return [*lines, *scope.lines], total, g, ion_currents

    def _solve(self) -> list[str]:
        """Return pass 1: currents, from the leaves to the root, and elimination."""

        def body(members: Sequence[int]) -> list[str]:
            lines = ["vec const v = s[V + i]; vec r = s[R + i], d = s[D + i];"]
            written = {x: [] for x in self._m.ion_rows if x.startswith("i")}  # type: dict[str, list[str]]
            for k in members:
                current, total, g, ions = self._current(k, self._m.uses[k], "i")
                lines += [*current, f"r -= {total}; d += {g};"]
                for x, text in ions.items():
                    if x in written:
                        written[x].append(text)
            for x, parts in written.items():
                if parts:
                    lines.append(f"s[{self._rows.first[f'ion.{x}']} + i] = {' + '.join(parts)};")
            return [
                *lines,
                "int const p = parent[i];",
                "vec const step = s[V + p] - v;",
                f"T const up = c[{self._up} + i], down = c[{self._down} + i];",
                "if (i) { r += up * step; s[R + p] -= down * step; }",
                "vec const inverse = T(1) / d, factor = down * inverse;",
                "if (i) { s[R + p] += factor * r; s[D + p] -= factor * up; }",
                "s[R + i] = r; s[D + i] = inverse;",
            ]

        return self._over_nodes(body, backwards=True)

    def _over_nodes(self, body: Callable[[Sequence[int]], list[str]], *, backwards: bool = False) -> list[str]:
        """Return loops over all nodes, run by run of those that have the same mechanisms.

        A tree of many sections has a run for each, and few kinds of them: their loops are then written once a kind, as
        compilers take their time for each.
        """
        bodies = {members: body(members) for members in dict.fromkeys(members for _, _, members in self._m.groups)}
        loop = "for (int i = {1} - 1; i >= {0}; --i) {{" if backwards else "for (int i = {0}; i < {1}; ++i) {{"
        groups = self._m.groups[::-1] if backwards else self._m.groups
        if len(groups) <= _MOST_RUNS:
            return [
                line
                for first, end, members in groups
                if bodies[members]
                for line in (loop.format(first, end), *bodies[members], "}")
            ]
        lines, cases = [], []
        for kind, text in enumerate(bodies.values()):
            if text:
                head = f"auto const run_{kind} = [&](int const a, int const b) {{"
                lines += [head, loop.format("a", "b"), *text, "}};"]
                cases.append(f"case {kind}: run_{kind}(run[0], run[1]); break;")
        order = f"int q = {len(groups)} - 1; q >= 0; --q" if backwards else f"int q = 0; q < {len(groups)}; ++q"
        lines += [f"for ({order}) {{", "int const* const run = runs[q];", "switch (run[2]) {", *cases, "}}"]
        return ["{", *lines, "}"]  # a block of its own, for the names of its runs

    def _begin(self) -> list[str]:
        """Return the start of a step: matrix and right-hand side with what the sites add."""
        tree, template = self._m.tree, self._m.template
        cm = np.where(tree.segment >= 0, template.sections.cm_uF_cm2[template.segments.section[tree.segment]], 0.0)
        capacity = self._constants.add(np.append(cm * 1e-3, 0.0), ("capacity",))
        axial = tree.conductance_uS.copy()
        for i, p in enumerate(tree.parent.tolist()):
            if p < self._n:
                axial[p] += tree.conductance_uS[i]
        diagonal = self._constants.add(np.append(axial * 100.0 / tree.area_um2, 0.0), ("axial",))
        lines = [
            f"for (int i = 0; i <= {self._n}; ++i) {{",
            f"s[R + i] = vec{{}}; s[D + i] = splat(c[{capacity} + i] * per_dt + c[{diagonal} + i]);",
            "}",
        ]
        per_area = self._constants.add(np.append(100.0 / tree.area_um2, 0.0), ("per_area",))
        for k, use in enumerate(self._m.uses):
            if not use.is_point:
                continue
            body, total, g, _ = self._current(k, use, "j")
            lines += self._site_loop(use)
            lines += ["vec const v = s[V + i];", *body]
            lines.append(f"vec const total = {total};")
            lines.append(f"s[R + i] -= c[{per_area} + i] * total; s[D + i] += c[{per_area} + i] * ({g});")
            lines.append("s[isyn + j] = total; }")
        return lines

    def _site_loop(self, use: Use) -> list[str]:
        others = sum(other.is_point for other in self._m.uses) > 1
        inside = f" if ({self._mechanism_of} != {self._mechanism(use)}) continue;" if others else ""
        return [f"for (int q = 0; q < n_used; ++q) {{ int const j = used[q];{inside} int const i = {self._node};"]

    def _mechanism(self, use: Use) -> int:
        return next(k for k, other in enumerate(self._m.uses) if other is use)

    def _advance(self) -> list[str]:
        """Return pass 2: back-substitution and voltage from the root to the leaves, then states.

        Gates that stand in the table come last: they need the voltage only, and nothing of the block reads them.
        """
        lines = [
            f"for (int i = 0; i < {self._n}; ++i) {{",
            f"vec const change = s[D + i] * (s[R + i] + c[{self._up} + i] * s[R + parent[i]]);",
            "s[R + i] = change;",
            "s[V + i] += change;",
            "}",
        ]

        def updates(members: Sequence[int]) -> list[str]:
            found = [line for k in members for line in self._update(k, self._m.uses[k], "i")]
            return ["vec const v = s[V + i]; (void)v;", *found] if found else []

        def gates(members: Sequence[int]) -> list[str]:
            found = [line for k in members for line in self._tabulated(k, self._m.uses[k])]
            return ["vec row[n_chunks * W];", "look_up<n_chunks>(table, s[V + i], row);", *found] if found else []

        lines += [*self._over_nodes(updates), *self._over_nodes(gates)]
        for k, use in enumerate(self._m.uses):
            if use.is_point:
                lines += self._site_loop(use)
                lines += ["vec const v = s[V + i]; (void)v;", *self._update(k, use, "j"), "}"]
        return lines

    def _tabulated(self, k: int, use: Use) -> list[str]:
        """Return the steps of the gates that stand in the table."""
        lines = []
        for gate in use.gates:
            if gate.tabulated:
                x = self._stored(k, use, "i")[gate.state]
                inf, decay = (f"row[{self._column(k, gate, w)}]" for w in ("inf", "decay"))
                lines.append(f"{x} += {decay} * ({inf} - {x});")
        return lines

    def _column(self, k: int, gate: Gate, what: str) -> int:
        for number, (use, known, kind) in enumerate(self._columns):
            if use == k and known is gate and kind == what:
                return number
        self._columns.append((k, gate, what))
        return len(self._columns) - 1

    def _update(self, k: int, use: Use, index: str) -> list[str]:
        scope = self._scope(k, use, index, "v", "u")
        pending = list(use.update)
        gates = {g.state: g for g in use.gates if not g.tabulated}
        for statement in pending:
            if isinstance(statement, Equation):
                self._relax(scope, gates[statement.state])
            else:
                scope.run((statement,))
        scope.write_back()
        lines = scope.lines
        for x in self._m.ion_rows:
            if not use.is_point and any(x in ion.writes for ion in use.code.ions) and not x.startswith("i"):
                local = scope.text(Name(x))
                place = f"s[{self._rows.first[f'ion.{x}']} + {index}]"
                if local != place:
                    lines.append(f"{place} = {local};")
        return lines

    @staticmethod
    def _relax(scope: Scope, gate: Gate) -> None:
        x = scope.text(Name(gate.state))
        exponent = Binary("*", Binary("-", Number(0.0), Name("dt")), gate.rate)
        inf = scope.text(gate.inf)
        if scope.is_constant(gate.rate):
            decay = scope.text(Binary("-", Number(1.0), _exp(exponent)))
            scope.assign(gate.state, f"{x} + {decay} * ({inf} - {x})")
        else:
            scope.assign(gate.state, f"{x} + (T(1) - {scope.text(_exp(exponent))}) * ({inf} - {x})")

    def _receive(self) -> list[str]:
        lines = []
        for k, use in enumerate(self._m.uses):
            if not use.is_point or use.code.net_receive is None:
                continue
            weight = use.code.net_receive.arguments[0]
            stored = {x: f"at(s, {self._rows.first[f'{k}.{x}']} + j, lane)" for x in use.stored}
            scope = Scope(
                f"{use.code.name}r_", use.constants, self._adder(use, "j"), stored, {weight: "weight"}, lanes=False
            )
            scope.run(use.receive)
            scope.write_back()
            lines += [f"if ({self._mechanism_of} == {k}) {{", *scope.lines, "}"]
        return lines

    # ------------------------------------------------------------------------------------------- the whole

    def kernel(self) -> Kernel:
        m, tree = self._m, self._m.tree
        begin, solve, advance, receive = self._begin(), self._solve(), self._advance(), self._receive()
        spike = int(tree.node_of_segment[m.template.spike_segment])
        offsets = {x: self._rows.first[x] for x in ("V", "D", "R", "isyn")}
        declared = ", ".join(f"{x} = {v}" for x, v in offsets.items())
        cai = self._rows.first.get("ion.cai", -1)
        n_columns = len(self._columns)
        runs = ""
        if len(m.groups) > _MOST_RUNS:
            kinds = list(dict.fromkeys(members for _, _, members in m.groups))
            listed = ", ".join(f"{{{first}, {end}, {kinds.index(of)}}}" for first, end, of in m.groups)
            runs = f"\n    static constexpr int runs[][3] = {{{listed}}};"
        text = f"""
struct {self._name} {{
    static constexpr int n_nodes = {self._n}, n_rows = {self._rows.size}, n_constants = {self._constants.size};
    static constexpr int {declared}, cai = {cai}, spike_node = {spike}, n_sites = {self._n_sites};
    static constexpr int n_columns = {n_columns}, n_chunks = (n_columns + W - 1) / W;
    static constexpr int parent[] = {_list(tree.parent)};
    {self._told_sites}
    static constexpr int node_of_segment[] = {_list(tree.node_of_segment)};{runs}

    static inline void begin(vec* __restrict s, T const* __restrict c, int const* used, int n_used, T per_dt) {{
        (void)used; (void)n_used;
        {_body(begin)}
    }}
    static inline void solve(vec* __restrict s, T const* __restrict c) {{
        {_body(solve)}
    }}
    static inline void advance(
        vec* __restrict s, T const* __restrict c, Table const& table, int const* used, int n_used) {{
        (void)table; (void)used; (void)n_used;
        {_body(advance)}
    }}
    static inline void receive(vec* s, T const* c, int j, int lane, T weight) {{
        (void)s; (void)c; (void)j; (void)lane; (void)weight;
        {_body(receive)}
    }}
}};
"""
        return Kernel(
            text=text,
            constants=self._constants.flat(),
            initial=np.concatenate(self._rows.initial),
            columns=tuple(self._columns),
            rows=dict(self._rows.first),
        )


def _room(template: Template) -> int:
    """Return the sites that a kernel has room for.

    Where they are many: each receptor on each segment, else the next power of 2.
    """
    n, sites = template.n_sites, template.sites
    if n <= _MOST_SITES:
        return n
    pooled = template.n_segments * len(set(zip(sites.receptors, sites.mechanisms, strict=True)))
    return pooled if n <= pooled else 1 << (n - 1).bit_length()


def _exp(e: Binary) -> Call:
    return Call("exp", (e,))


def _list(values: Sequence[int] | np.ndarray) -> str:
    return "{" + ", ".join(str(int(v)) for v in values) + "}"


def _body(lines: Sequence[str]) -> str:
    return "\n        ".join(lines)
