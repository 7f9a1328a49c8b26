"""Frozen specs: checks with a path, plain data in and out, paths, digests."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import (
    checked,
    choice,
    digest,
    flag,
    from_plain,
    get_at,
    integer,
    mapping,
    nested,
    number,
    put_at,
    quantity,
    sequence,
    text,
    to_plain,
    within,
)


@attrs.frozen(kw_only=True)
class Disc:
    kind: ClassVar[str] = "disc"
    radius: float = quantity(unit="cm", gt=0)


@attrs.frozen(kw_only=True)
class Rod:
    kind: ClassVar[str] = "rod"
    length: float = quantity(unit="cm", gt=0, le=9)
    turns: int = integer(1, ge=1)


@attrs.frozen(kw_only=True)
class Link:
    label: str = text()
    weight: float | Mapping[str, float] = quantity(1.0, ge=0, per_name=True)


@attrs.frozen(kw_only=True)
class Machine:
    name: str = text("it")
    note: str | None = text(None, optional=True)
    running: bool = flag(False)
    mode: str | None = choice(("slow", "fast", None), "slow")
    n: int | str = integer(3, ge=2, words=("all",))
    limit: float | None = quantity(None, unit="V", optional=True, ge=0)
    parts: Mapping[str, Disc | Rod] = mapping({}, of=(Disc, Rod))
    links: tuple[Link, ...] = sequence((), of=Link)
    pairs: tuple[tuple[int, int], ...] | None = sequence(None, optional=True)
    main: Disc | Rod = nested((Disc, Rod), Disc(radius=1.0))
    even: int = checked(lambda value, path: value if value % 2 == 0 else _refuse(value, path), 2)


def _refuse(value, path):
    raise InvalidValue(path, value, "must be even")


@pytest.fixture
def machine():
    return Machine(
        parts={"a": Disc(radius=2.0), "b": Rod(length=3.0)},
        links=[Link(label="x", weight=2), Link(label="y", weight={"left": 0.5})],
        pairs=[(0, 1), (2, 3)],
    )


# ------------------------------------------------------------------------------------------------ fields


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), True + 2])
def test_number_is_a_float(value):
    result = number(value, "x")
    assert result == 3.0
    assert type(result) is float


@pytest.mark.parametrize("value", ["3", None, True, [3.0], Decimal(3), 3j, np.array([3.0])])
def test_number_refuses_other_types(value):
    with pytest.raises(InvalidType, match="must be a number in cm") as error:
        number(value, "a.b", unit="cm")
    assert error.value.path == "a.b"
    assert error.value.value is value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_number_refuses_what_is_not_finite(value):
    with pytest.raises(InvalidValue, match=r"x: .* must be a finite number"):
        number(value, "x", ge=-math.inf)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "phrase"),
    [
        ({"gt": 1}, 1.1, 1, "must be > 1 s"),
        ({"ge": 1}, 1, 0.9, "must be >= 1 s"),
        ({"lt": 1}, 0.9, 1, "must be < 1 s"),
        ({"le": 1}, 1, 1.1, "must be <= 1 s"),
        ({"gt": 0, "le": 1}, 1, 0, "must be > 0 s and <= 1 s"),
    ],
)
def test_bounds_of_a_number(bounds, inside, outside, phrase):
    assert number(inside, "x", unit="s", **bounds) == inside
    with pytest.raises(InvalidValue) as error:
        number(outside, "x", unit="s", **bounds)
    assert error.value.allowed == phrase
    assert str(error.value) == f"x: {outside!r} {phrase}"


def test_integers():
    assert Machine(n=4.0).n == 4
    assert type(Machine(n=np.int32(4)).n) is int
    assert Machine(n="all").n == "all"
    for value in (1, 2.5, math.nan, math.inf):
        with pytest.raises(InvalidValue, match=r"n: .* must be an integer >= 2 or 'all'"):
            Machine(n=value)
    for value in ("some", None, True):
        with pytest.raises(InvalidType, match="must be an integer >= 2 or 'all'"):
            Machine(n=value)


@pytest.mark.parametrize(
    ("field", "value", "kind", "allowed"),
    [
        ("name", "", InvalidType, "must be a non-empty string"),
        ("name", None, InvalidType, "must be a non-empty string"),
        ("running", "yes", InvalidType, "must be True or False"),
        ("running", 2, InvalidType, "must be True or False"),
        ("mode", "fest", UnknownName, "is no choice (has slow, fast, None)"),
        ("mode", True, UnknownName, "is no choice (has slow, fast, None)"),
        ("limit", -1, InvalidValue, "must be >= 0 V"),
        ("parts", [1], InvalidType, "must be a mapping of names"),
        ("parts", {1: Disc(radius=1)}, InvalidType, "must be a non-empty string as name"),
        ("parts", {"a": 3}, InvalidType, "must be a Disc or Rod"),
        ("links", "xy", InvalidType, "must be a sequence"),
        ("links", 5, InvalidType, "must be a sequence"),
        ("links", [Link(label="x"), 3], InvalidType, "must be a Link"),
        ("main", None, InvalidType, "must be a Disc or Rod"),
        ("even", 3, InvalidValue, "must be even"),
    ],
)
def test_every_kind_of_field_refuses_what_it_does_not_hold(field, value, kind, allowed):
    with pytest.raises(kind) as error:
        Machine(**{field: value})
    assert error.value.path.startswith(field)
    assert error.value.allowed == allowed


def test_the_place_of_a_wrong_element_is_named():
    with pytest.raises(InvalidType, match=r"^links\[1\]: 3 "):
        Machine(links=[Link(label="x"), 3])
    with pytest.raises(InvalidType, match=r"^parts\['a'\]: 3 "):
        Machine(parts={"a": 3})
    with pytest.raises(InvalidValue, match=r"^weight\['left'\]: -1 must be >= 0"):
        Link(label="x", weight={"left": -1})


def test_the_nearest_choice_is_suggested():
    with pytest.raises(UnknownName, match="did you mean 'fast'"):
        Machine(mode="fest")


def test_specs_are_frozen_values(machine):
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        machine.name = "other"
    with pytest.raises(TypeError):
        machine.parts["c"] = Disc(radius=1.0)
    assert machine == attrs.evolve(machine)
    assert hash(machine) == hash(attrs.evolve(machine))


def test_what_is_given_can_change_without_the_spec():
    parts = {"a": Disc(radius=1.0)}
    machine = Machine(parts=parts)
    parts["b"] = Disc(radius=2.0)
    assert list(machine.parts) == ["a"]


# ------------------------------------------------------------------------------------------------ prefixes of errors


@pytest.mark.parametrize(
    ("inner", "outer"),
    [("", "drives['x']"), ("sigma", "drives['x'].sigma"), ("['x']", "drives['x']['x']")],
)
def test_within_extends_the_path(inner, outer):
    with pytest.raises(InvalidValue) as error, within("drives['x']"):
        raise InvalidValue(inner, 1, "must be 2", "two")
    assert error.value.path == outer
    assert str(error.value) == f"{outer}: 1 must be 2; did you mean 'two'?"


@pytest.mark.parametrize("path", ["", "x"])
def test_within_keeps_the_class_of_an_error(path):
    with pytest.raises(InvalidType), within("a"):
        raise InvalidType(path, 1, "must be a string")
    with pytest.raises(UnknownName) as error, within("a"), within("b"):
        raise UnknownName(path, "fas", "choice", ["fast"])
    assert error.value.path == ("a.b.x" if path else "a.b")
    assert error.value.known == ("fast",)
    assert str(error.value) == f"{error.value.path}: 'fas' is no choice (has fast); did you mean 'fast'?"


# ------------------------------------------------------------------------------------------------ plain data


def test_plain_data_is_json_and_comes_back(machine):
    plain = to_plain(machine)
    assert plain["parts"]["b"] == {"kind": "rod", "length": 3.0, "turns": 1}
    assert plain["pairs"] == [[0, 1], [2, 3]]
    again = from_plain(Machine, json.loads(json.dumps(plain)))
    assert again == machine
    assert type(again.main) is Disc


@pytest.mark.parametrize("value", [Disc(radius=1.0), Rod(length=2.0)])
def test_a_union_is_told_apart_by_its_kind(value):
    assert from_plain(Disc | Rod, to_plain(value)) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"parts": {"a": {"kind": "dics", "radius": 1}}}, r"parts\['a'\]\.kind: 'dics' .*did you mean 'disc'"),
        ({"parts": {"a": {"radius": 1}}}, r"parts\['a'\]: .* needs a 'kind' \(one of disc, rod\)"),
        ({"parts": {"a": {"kind": "disc", "radios": 1}}}, r"parts\['a'\]: 'radios' .*did you mean 'radius'"),
        ({"parts": {"a": {"kind": "disc"}}}, r"parts\['a'\]: .* lacks radius"),
        ({"parts": {"a": {"kind": "disc", "radius": -1}}}, r"parts\['a'\]\.radius: -1 must be > 0 cm"),
        ({"parts": [1]}, "parts: .* must be an object"),
        ({"links": {"a": 1}}, "links: .* must be a list"),
        ({"links": [3]}, r"links\[0\]: 3 must be an object with the fields of Link"),
        ({"links": [{"label": "x", "weight": {"l": "b"}}]}, r"links\[0\]\.weight\['l'\]: 'b' must be a number"),
        ({"nam": "x"}, "'nam' is no field of Machine .*did you mean 'name'"),
        ([], "must be an object with the fields of Machine"),
        (None, "must be an object with the fields of Machine"),
    ],
)
def test_what_is_wrong_in_plain_data_is_named_with_its_place(data, message):
    with pytest.raises(InvalidValue, match=message):
        from_plain(Machine, data)


def test_fields_left_out_have_their_defaults():
    assert from_plain(Machine, {}) == Machine()


# ------------------------------------------------------------------------------------------------ digests


def test_equal_specs_have_equal_digests(machine):
    assert digest(machine) == digest(from_plain(Machine, to_plain(machine)))


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"pairs": [(0, 1), (2, 4)]}, {"main": Rod(length=1.0)}, {"limit": 0.0}]
)
def test_other_contents_have_another_digest(machine, change):
    assert digest(machine) != digest(attrs.evolve(machine, **change))


def test_the_order_of_names_counts():
    parts = {"a": Disc(radius=1.0), "b": Disc(radius=2.0)}
    assert digest(Machine(parts=parts)) != digest(Machine(parts=dict(reversed(parts.items()))))


# ------------------------------------------------------------------------------------------------ paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "it"),
        ("parts.b.length", 3.0),
        ("parts['b'].length", 3.0),
        ('parts["b"].turns', 1),
        ("links.0.label", "x"),
        ("links[1].weight.left", 0.5),
        ("links.-1.label", "y"),
        ("links.y.weight['left']", 0.5),
        ("pairs.1.0", 2),
    ],
)
def test_reading_at_a_path(machine, path, value):
    assert get_at(machine, path) == value


@pytest.mark.parametrize(
    ("path", "at", "message"),
    [
        ("nam", "", "did you mean 'name'"),
        ("parts.c.length", "parts", "'c' is no name"),
        ("parts.b.lenght", "parts.b", "did you mean 'length'"),
        ("links.2.label", "links", "must be an index below 2"),
        ("links.-3.label", "links", "must be an index below 2"),
        ("links.z.label", "links", "'z' is no label"),
        ("name.x", "name", "'x' is no part of a str"),
    ],
)
def test_a_path_that_leads_nowhere(machine, path, at, message):
    for walk in (lambda: get_at(machine, path), lambda: put_at(machine, path, 1)):
        with pytest.raises(InvalidValue, match=message) as error:
            walk()
        assert error.value.path == at


def test_names_with_dots_and_brackets():
    machine = Machine(parts={"a.b": Disc(radius=1.0), "c[0]": Disc(radius=2.0)})
    assert get_at(machine, "parts['a.b'].radius") == 1.0
    assert get_at(machine, "parts[a.b].radius") == 1.0
    assert get_at(put_at(machine, 'parts["c[0]"].radius', 3), "parts['c[0]'].radius") == 3.0


@pytest.mark.parametrize("path", ["", ".", "[]", "['']", "parts['a", "parts[a", "parts]"])
def test_no_path(machine, path):
    with pytest.raises(InvalidValue, match="must name a field"):
        get_at(machine, path)


def test_putting_gives_a_new_spec(machine):
    before = attrs.evolve(machine)
    changed = put_at(machine, "links[1].weight.left", 0.75)
    assert machine == before
    assert get_at(changed, "links.1.weight.left") == 0.75
    assert put_at(changed, "links[1].weight.left", 0.5) == machine
    assert list(changed.parts) == list(machine.parts)


def test_what_is_put_is_checked_and_the_whole_path_named(machine):
    with pytest.raises(InvalidValue) as error:
        put_at(machine, "parts.b.length", 10)
    assert str(error.value) == "parts.b.length: 10 must be > 0 cm and <= 9 cm"
    with pytest.raises(InvalidValue, match=r"^links\.1\.weight\['left'\]: -1 must be >= 0"):
        put_at(machine, "links.1.weight.left", -1)
    with pytest.raises(InvalidType, match=r"^parts\['b'\]: 3 must be a Disc or Rod"):
        put_at(machine, "parts.b", 3)


def test_putting_in_place_of_what_another_label_had(machine):
    changed = put_at(machine, "links.x", Link(label="z"))
    assert [link.label for link in changed.links] == ["z", "y"]


def test_a_mapping_can_be_extended(machine):
    changed = put_at(machine, "parts.c", Disc(radius=3.0))
    assert list(changed.parts) == ["a", "b", "c"]
    assert put_at(machine, "links.1.weight.right", 2).links[1].weight == {"left": 0.5, "right": 2.0}
    with pytest.raises(InvalidType, match=r"parts\['c'\]: 3 must be a Disc or Rod"):
        put_at(machine, "parts.c", 3)
