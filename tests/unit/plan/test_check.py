"""Every invariant of a plan, broken once."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.plan.check import check_plan
from hnnlib.plan.tables import Plan


def with_value(table: Any, column: str, row: int, value: Any) -> Any:
    """Return a table with one value of one column replaced."""
    changed = getattr(table, column).copy()
    changed[row] = value
    return attrs.evolve(table, **{column: changed})


def in_edges(plan: Plan, column: str, value: Any) -> Plan:
    return attrs.evolve(plan, edges=with_value(plan.edges, column, 3, value))


def in_biases(plan: Plan, column: str, value: Any) -> Plan:
    return attrs.evolve(plan, biases=with_value(plan.biases, column, 3, value))


def in_events(plan: Plan, column: str, row: int, value: Any) -> Plan:
    return attrs.evolve(plan, events=(plan.events[0], with_value(plan.events[1], column, row, value)))


def in_probe(plan: Plan, change: Any) -> Plan:
    return attrs.evolve(plan, probes=(change(plan.probes[0]), *plan.probes[1:]))


def test_a_compiled_plan_is_sound(plan):
    assert {p.name for p in plan.probes} == {"vsec", "isec", "electrodes:e"}
    check_plan(plan)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("source_gid", 14, "14 must be an index below 14"),
        ("source_gid", -1, "-1 must be an index below 14"),
        ("target_gid", 7, "7 must be an index below 7"),
        ("site", 3, "3 must be a site of its target"),
        ("site", -1, "-1 must be a site of its target"),
        ("weight", np.nan, "nan must be finite"),
        ("delay_ms", -0.1, "-0.1 must be >= 0 ms"),
        ("delay_ms", np.nan, "nan must be >= 0 ms"),
    ],
)
def test_edges(plan, column, value, message):
    with pytest.raises(InvalidValue) as error:
        check_plan(in_edges(plan, column, value))
    assert str(error.value) == f"plan.edges.{column}[3]: {message}"


def test_an_infinite_delay_is_allowed(plan):
    check_plan(in_edges(plan, "delay_ms", np.inf))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_times_of_events(plan, value):
    with pytest.raises(InvalidValue, match=r"plan\.events\[1\]\.time_ms\[2\]: .* must be a time >= 0 ms"):
        check_plan(in_events(plan, "time_ms", 2, value))


@pytest.mark.parametrize(("row", "value"), [(0, 1), (-1, 99), (3, 0)])
def test_offsets_of_events(plan, row, value):
    with pytest.raises(InvalidValue, match=r"plan\.events\[1\]\.offset: .* must delimit every drive cell: 8 numbers"):
        check_plan(in_events(plan, "offset", row, value))


def test_events_of_every_drive_cell(plan):
    short = attrs.evolve(plan.events[1], offset=plan.events[1].offset[:-1])
    with pytest.raises(InvalidValue, match="must delimit every drive cell"):
        check_plan(attrs.evolve(plan, events=(plan.events[0], short)))


def test_events_of_every_trial(plan):
    with pytest.raises(InvalidValue, match=r"plan\.events: 1 must hold one table for each of 2 trials"):
        check_plan(attrs.evolve(plan, events=plan.events[:1]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("gid", 7, "7 must be an index below 7"),
        ("section", 2, "2 must be a section of its cell"),
        ("section", -1, "-1 must be a section of its cell"),
        ("amplitude_nA", np.nan, "nan must be finite"),
        ("delay_ms", np.inf, "inf must be finite"),
        ("duration_ms", np.nan, "nan must be finite"),
    ],
)
def test_biases(plan, column, value, message):
    with pytest.raises(InvalidValue) as error:
        check_plan(in_biases(plan, column, value))
    assert str(error.value) == f"plan.biases.{column}[3]: {message}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: with_value(p, "index", 3, 28), r"\.index\[3\]: 28 must be an index below 28"),
        (lambda p: with_value(p, "index", 3, -1), r"\.index\[3\]: -1 must be an index below 28"),
        (lambda p: with_value(p, "weight", 3, np.nan), r"\.weight\[3\]: nan must be finite"),
        (lambda p: with_value(p, "indptr", -1, 99), r"\.indptr: .* must delimit every row: 15 numbers from 0 to 14"),
        (lambda p: with_value(p, "indptr", 3, 9), r"\.indptr: .* must delimit every row"),
        (lambda p: attrs.evolve(p, every=0), r"\.every: 0 must be >= 1"),
        (lambda p: attrs.evolve(p, quantity="V"), r"\.quantity: 'V' is no quantity \(has v, i_membrane"),
    ],
)
def test_probes(plan, change, message):
    with pytest.raises(InvalidValue, match=r"^plan\.probes\['vsec'\]" + message):
        check_plan(in_probe(plan, change))


def test_probes_of_synapses_are_limited_by_sites(plan):
    probe = next(p for p in plan.probes if p.name == "isec")
    check_plan(attrs.evolve(plan, probes=(with_value(probe, "index", 0, 20),)))
    with pytest.raises(InvalidValue, match="21 must be an index below 21"):
        check_plan(attrs.evolve(plan, probes=(with_value(probe, "index", 0, 21),)))
