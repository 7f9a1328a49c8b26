"""What the fast engine knows of mechanisms, and what it must refuse."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from hnnlib.backends.fast.model import ION_DEFAULTS
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.mechanisms.inline import inline
from hnnlib.mechanisms.parse import neuron_file, parse_mechanism
from hnnlib.mechanisms.scope import obstacles
from hnnlib.mechanisms.symbolic import assigned_names, calls, free_names, statements_in
from hnnlib.mechanisms.syntax import Assign, Binary, Call, If, MechanismCode, Name, Obstacle, to_text
from hnnlib.plan.tables import Plan

__all__ = ["code_of", "obstacles_of"]


@functools.cache
def code_of(name: str) -> MechanismCode:
    """Return what a mechanism's file says: one of ours, or NEURON's own."""
    file = lookup(name).file
    return parse_mechanism(neuron_file(name) if file is None else file)


def _event_calls(code: MechanismCode) -> list[Call]:
    event = code.net_receive
    blocks = [] if event is None else [event.body, *([event.initial.body] if event.initial else [])]
    return [call for body in (*blocks, code.initial.body) for call in calls(body)]


def _order_matters(code: MechanismCode) -> Iterator[Obstacle]:
    """Yield the statements by which several events of one step do more than add up; they come in no order here."""
    if code.net_receive is None or obstacles(code):
        return
    body = inline(code, code.net_receive).body
    changed = set(assigned_names(body))
    for statement in statements_in(body):
        match statement:
            case Assign(target, Binary("+" | "-", Name(same), added)) if same == target:
                reads = set(free_names(added))
            case Assign():
                reads = changed
            case If(condition):
                reads = set(free_names(condition))
            case _:
                continue
        if reads & changed:
            why = "depends on the order of events within a step, which the fast engine does not keep"
            what = to_text(statement) if isinstance(statement, Assign) else f"if ({to_text(statement.condition)})"
            yield Obstacle(file=code.file, line=statement.line, statement=what, reason=why)


@functools.cache
def _of_mechanism(name: str) -> tuple[str, ...]:
    """Return what of a mechanism the fast engine can't do, whatever other mechanisms there are."""
    code = code_of(name)
    found = [str(o) for o in (*obstacles(code), *_order_matters(code))]
    if any(call.function == "net_send" for call in _event_calls(code)):
        found.append(f"{name} sends events to itself (net_send), which the fast engine does not")
    return tuple(found)


def obstacles_of(plan: Plan, precision: str, rates: str) -> list[str]:
    """Return what of a plan the fast engine can't do, one sentence each."""
    found: list[str] = []
    names = dict.fromkeys(
        name for t in plan.templates for name in (*(d.mechanism for d in t.densities), *t.sites.mechanisms)
    )
    written = {x for name in names for ion in code_of(name).ions for x in ion.writes}
    for name in names:
        found += _of_mechanism(name)
        for variable in (x for ion in code_of(name).ions for x in ion.reads):
            if variable not in ION_DEFAULTS and not variable.startswith("i") and variable not in written:
                found.append(
                    f"{name} reads {variable}, which NEURON computes from concentrations; the fast engine does not"
                )
    if precision == "float32" and rates == "exact":
        found.append("exact rates need float64: in float32 they lose their digits near the formulas' singular points")
    local = plan.live_edges() & (plan.edges.source_gid < plan.n_cells)
    if local.any() and plan.edges.delay_ms[local].min() < plan.run.dt_ms:
        found.append(f"a connection has a delay below one step ({plan.run.dt_ms:g} ms)")
    return found
