"""Frozen specs: fields with unit and bounds, plain data in and out, paths into them.

A *spec* is a frozen, keyword-only attrs class (``@attrs.frozen(kw_only=True)``). Its fields are declared once, by
`quantity`, `integer`, `text`, `mapping` and their like; the declaration carries unit, bounds and meaning, and every way
in which a value can come about (constructor, `put_at`, file) runs the same checks.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

__all__ = [
    "checked",
    "choice",
    "digest",
    "documented",
    "flag",
    "from_plain",
    "get_at",
    "integer",
    "mapping",
    "nested",
    "number",
    "put_at",
    "quantity",
    "sequence",
    "text",
    "to_plain",
    "within",
]

T = TypeVar("T")

_OPERATORS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))

# ------------------------------------------------------------------------------------------------- declaring fields


def _converter(check: Callable[[Any, str], Any]) -> Any:
    return attrs.Converter(lambda value, field: check(value, field.name), takes_field=True)


def _bounds_phrase(unit: str, gt: float | None, ge: float | None, lt: float | None, le: float | None) -> str:
    u = f" {unit}" if unit else ""
    bounds = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    parts = [f"{op} {bounds[b]:g}{u}" for b, op in _OPERATORS if bounds[b] is not None]
    return "must be " + " and ".join(parts)


def number(
    value: Any,
    path: str,
    *,
    unit: str = "",
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> float:
    """Return ``value`` as a finite float within bounds, or raise with the path.

    Raises
    ------
    InvalidType
        If it is no number.
    InvalidValue
        If it is not finite or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidType(path, value, f"must be a number{f' in {unit}' if unit else ''}")
    x = float(value)
    if not math.isfinite(x):
        raise InvalidValue(path, x, "must be a finite number")
    if not ((gt is None or x > gt) and (ge is None or x >= ge) and (lt is None or x < lt) and (le is None or x <= le)):
        raise InvalidValue(path, value, _bounds_phrase(unit, gt, ge, lt, le))
    return x


def quantity(
    default: Any = attrs.NOTHING,
    *,
    unit: str = "",
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    optional: bool = False,
    per_name: bool = False,
    doc: str = "",
) -> Any:
    """Declare a finite float with a unit and bounds.

    Parameters
    ----------
    default : float or None, optional
        Value when left out; without one the field must be given.
    unit : str
        Unit, for messages and documentation.
    gt, ge, lt, le : float, optional
        Bounds: greater than, at least, less than, at most.
    optional : bool
        Whether None is allowed.
    per_name : bool
        Whether a mapping of name to number is allowed too, e.g. one delay per target population.
    doc : str
        What it is.
    """
    bounds: dict[str, Any] = {"unit": unit, "gt": gt, "ge": ge, "lt": lt, "le": le}

    def check(value: Any, path: str) -> Any:
        if value is None and optional:
            return None
        if per_name and isinstance(value, Mapping):
            return immutabledict({k: number(v, f"{path}[{k!r}]", **bounds) for k, v in value.items()})
        return number(value, path, **bounds)

    return attrs.field(default=default, converter=_converter(check), metadata={**bounds, "doc": doc})


def integer(
    default: Any = attrs.NOTHING,
    *,
    ge: int | None = None,
    optional: bool = False,
    words: tuple[str, ...] = (),
    doc: str = "",
) -> Any:
    """Declare an integer with a lower bound; ``words`` are strings that are allowed in its place."""

    def check(value: Any, path: str) -> Any:
        if (value is None and optional) or (isinstance(value, str) and value in words):
            return value
        phrase = "must be an integer" + (f" >= {ge}" if ge is not None else "")
        phrase += "".join(f" or {w!r}" for w in words)
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise InvalidType(path, value, phrase)
        x = float(value)
        if not x.is_integer() or (ge is not None and x < ge):
            raise InvalidValue(path, value, phrase)
        return int(x)

    return attrs.field(default=default, converter=_converter(check), metadata={"unit": "", "ge": ge, "doc": doc})


def text(default: Any = attrs.NOTHING, *, optional: bool = False, doc: str = "") -> Any:
    """Declare a non-empty string."""

    def check(value: Any, path: str) -> Any:
        if value is None and optional:
            return None
        if not isinstance(value, str) or not value:
            raise InvalidType(path, value, "must be a non-empty string")
        return str(value)

    return attrs.field(default=default, converter=_converter(check), metadata={"doc": doc})


def choice(options: tuple[Any, ...], default: Any = attrs.NOTHING, *, doc: str = "") -> Any:
    """Declare a value out of a few."""

    def check(value: Any, path: str) -> Any:
        if value not in options or isinstance(value, bool) != any(value is o for o in options if isinstance(o, bool)):
            raise UnknownName(path, value, "choice", [str(o) for o in options])
        return value

    return attrs.field(default=default, converter=_converter(check), metadata={"choices": options, "doc": doc})


def flag(default: Any = attrs.NOTHING, *, doc: str = "") -> Any:
    """Declare a truth value."""

    def check(value: Any, path: str) -> bool:
        if isinstance(value, bool) or (isinstance(value, numbers.Real) and value in (0, 1)):
            return bool(value)
        raise InvalidType(path, value, "must be True or False")

    return attrs.field(default=default, converter=_converter(check), metadata={"doc": doc})


def mapping(default: Any = attrs.NOTHING, *, of: Any = None, doc: str = "") -> Any:
    """Declare a mapping from names; ``of`` checks each value: a spec class, or ``of(value, path) -> value``."""
    check_item = _item_check(of)

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise InvalidType(path, value, "must be a mapping of names")
        for key in value:
            if not isinstance(key, str) or not key:
                raise InvalidType(path, key, "must be a non-empty string as name")
        return immutabledict({k: check_item(v, f"{path}[{k!r}]") for k, v in value.items()})

    return attrs.field(default=default, converter=_converter(check), metadata={"doc": doc})


def sequence(default: Any = attrs.NOTHING, *, of: Any = None, optional: bool = False, doc: str = "") -> Any:
    """Declare a tuple; ``of`` checks each element as in `mapping`."""
    check_item = _item_check(of)

    def check(value: Any, path: str) -> Any:
        if value is None and optional:
            return None
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise InvalidType(path, value, "must be a sequence")
        return tuple(check_item(v, f"{path}[{i}]") for i, v in enumerate(value))

    return attrs.field(default=default, converter=_converter(check), metadata={"doc": doc})


def checked(
    check: Callable[[Any, str], Any], default: Any = attrs.NOTHING, *, doc: str = "", rare: bool = False
) -> Any:
    """Declare a field that ``check(value, path)`` converts or refuses; a rare one is not written where it is None."""
    return attrs.field(default=default, converter=_converter(check), metadata={"doc": doc, "rare": rare})


def nested(kind: Any, default: Any = attrs.NOTHING, *, doc: str = "") -> Any:
    """Declare a field that holds a spec of class ``kind`` (or one of a tuple of classes)."""
    return attrs.field(default=default, converter=_converter(_item_check(kind)), metadata={"doc": doc})


def _item_check(of: Any) -> Callable[[Any, str], Any]:
    if of is None:
        return lambda value, path: value
    if isinstance(of, type | tuple):
        kinds = of if isinstance(of, tuple) else (of,)

        def check(value: Any, path: str) -> Any:
            if not isinstance(value, kinds):
                names = " or ".join(k.__name__ for k in kinds)
                raise InvalidType(path, value, f"must be a {names}")
            return value

        return check
    return typing.cast("Callable[[Any, str], Any]", of)


@contextmanager
def within(prefix: str) -> Iterator[None]:
    """Put ``prefix`` before the path of every error that leaves the block."""
    try:
        yield
    except InvalidValue as error:
        raise _with_prefix(error, prefix) from None


def _with_prefix(error: InvalidValue, prefix: str) -> InvalidValue:
    joined = prefix + (error.path if error.path.startswith("[") or not error.path else "." + error.path)
    kind = InvalidType if isinstance(error, InvalidType) else InvalidValue
    if isinstance(error, UnknownName):
        renamed: InvalidValue = error
        renamed.args = (str(error).replace(error.path, joined, 1) if error.path else f"{joined}: {error}",)
        renamed.path = joined
        return renamed
    return kind(joined, error.value, error.allowed, error.suggestion)


def documented(cls: type[T]) -> type[T]:
    """Write the fields of a spec class into its docstring: name, type, default, meaning, unit, bounds.

    Parameters
    ----------
    cls : type
        An attrs class whose fields were declared with the functions above.

    Returns
    -------
    cls : type
        The same class.
    """
    lines = ["", "", "Parameters", "----------"]
    for field in attrs.fields(cls):  # type: ignore[arg-type]
        meta = field.metadata
        given = "" if field.default is attrs.NOTHING else ", optional"
        lines.append(f"{field.name} : {str(field.type).replace('typing.', '')}{given}")
        notes = [meta.get("unit", "")]
        notes += [f"{op} {meta[b]:g}" for b, op in _OPERATORS if meta.get(b) is not None]
        if meta.get("choices"):
            notes.append("one of " + ", ".join(map(repr, meta["choices"])))
        if given and isinstance(field.default, bool | int | float | str | None):
            notes.append(f"default {field.default!r}")
        doc = meta.get("doc", "")
        detail = ", ".join(n for n in notes if n)
        lines.append(f"    {doc[:1].upper()}{doc[1:]}{f' ({detail})' if detail else ''}.")
    cls.__doc__ = inspect.cleandoc(cls.__doc__ or "") + "\n".join(lines)
    return cls


# ------------------------------------------------------------------------------------------------- plain data


def to_plain(value: Any) -> Any:
    """Return ``value`` as JSON-ready data: dicts, lists, numbers, strings; specs in a union carry a ``kind`` tag."""
    if value is None or isinstance(value, str | float | int):  # most of what there is, and dear to ask the rest of
        return value
    if attrs.has(type(value)):
        kind = getattr(type(value), "kind", None)
        plain = {} if kind is None else {"kind": kind}
        for field in attrs.fields(type(value)):
            item = getattr(value, field.name)
            if item is not None or not field.metadata.get("rare"):
                plain[field.name] = to_plain(item)
        return plain
    if isinstance(value, Mapping):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(v) for v in value]
    return value


def from_plain(kind: Any, data: Any, path: str = "") -> Any:
    """Build a value of type ``kind`` (a spec class or a typing form of specs) from plain data.

    Raises
    ------
    InvalidValue
        With the path of what is missing, unknown or not allowed.
    """
    origin = typing.get_origin(kind)
    args = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _from_union(args, data, path)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise InvalidType(path, data, "must be a list")
        item = args[0]
        return tuple(from_plain(item, v, f"{path}[{i}]") for i, v in enumerate(data))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise InvalidType(path, data, "must be an object")
        return {k: from_plain(args[1], v, f"{path}[{k!r}]") for k, v in data.items()}
    if isinstance(kind, type) and attrs.has(kind):
        return _from_object(kind, data, path)
    return data


def _from_union(options: tuple[Any, ...], data: Any, path: str) -> Any:
    if data is None or not isinstance(data, Mapping):
        specs = [o for o in options if not (isinstance(o, type) and attrs.has(o))]
        if isinstance(data, list | tuple):
            for option in specs:
                if typing.get_origin(option) is tuple:
                    return from_plain(option, data, path)
        return data
    kinds = {o.kind: o for o in options if isinstance(o, type) and attrs.has(o) and hasattr(o, "kind")}
    if "kind" in data and kinds:
        if data["kind"] not in kinds:
            raise UnknownName(f"{path}.kind" if path else "kind", data["kind"], "kind", kinds)
        return _from_object(kinds[data["kind"]], data, path)
    for option in options:
        origin = typing.get_origin(option)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return from_plain(option, data, path)
    specs = [o for o in options if isinstance(o, type) and attrs.has(o)]
    plain_specs = [o for o in specs if not hasattr(o, "kind")] or specs
    if len(plain_specs) == 1:
        return _from_object(plain_specs[0], data, path)
    raise InvalidValue(path, dict(data), f"needs a 'kind' (one of {', '.join(kinds)})")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _from_object(cls: type, data: Any, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise InvalidType(path, data, f"must be an object with the fields of {cls.__name__}")
    names = [f.name for f in attrs.fields(cls)]
    for key in data:
        if key not in names and key != "kind":
            raise UnknownName(path, key, f"field of {cls.__name__}", names)
    hints = _hints(cls)
    values = {k: from_plain(hints[k], v, f"{path}.{k}" if path else k) for k, v in data.items() if k != "kind"}
    missing = [f.name for f in attrs.fields(cls) if f.default is attrs.NOTHING and f.name not in values]
    if missing:
        raise InvalidValue(path, sorted(data), f"lacks {', '.join(missing)}")
    with within(path):
        return cls(**values)


def digest(value: Any) -> str:
    """Return a short hash of a spec; the order of names counts, since it decides indices."""
    return hashlib.blake2b(json.dumps(to_plain(value)).encode(), digest_size=16).hexdigest()


# ------------------------------------------------------------------------------------------------- paths


# a name in brackets may hold dots, in quotes brackets too
_PART = re.compile(r"""\['([^']+)'\]|\["([^"]+)"\]|\[([^\]'"]+)\]|([^.\[\]]+)""")


def _split(path: str) -> list[str]:
    """Split ``drives.evprox1.weights['L5_pyramidal'].ampa`` at dots and brackets."""
    parts = [next(filter(None, match.groups())) for match in _PART.finditer(path)]
    if not parts or _PART.sub("", path).strip("."):
        raise InvalidValue("path", path, "must name a field, e.g. drives.evprox1.mu or drives['evprox1'].mu")
    return parts


def get_at(root: Any, path: str) -> Any:
    """Return what stands at ``path`` in a spec.

    Parameters
    ----------
    root : spec
        Where to start.
    path : str
        Names and indices joined by dots, e.g. ``drives.evprox1.mu`` or ``connections.4.weight``.

    Raises
    ------
    UnknownName
        If a part of the path does not exist; names the nearest.
    """
    value = root
    done = ""
    for part in _split(path):
        value = _child(value, part, done)
        done = f"{done}.{part}" if done else part
    return value


def _child(value: Any, part: str, done: str) -> Any:
    if attrs.has(type(value)):
        names = [f.name for f in attrs.fields(type(value))]
        if part not in names:
            raise UnknownName(done, part, "field", names)
        return getattr(value, part)
    if isinstance(value, Mapping):
        if part not in value:
            raise UnknownName(done, part, "name", [str(k) for k in value])
        return value[part]
    if isinstance(value, tuple):
        return value[_position(value, part, done)]
    raise UnknownName(done, part, f"part of a {type(value).__name__}", [])


def _position(value: tuple[Any, ...], part: str, done: str) -> int:
    labels = [getattr(v, "label", str(i)) for i, v in enumerate(value)]
    try:
        index = int(part)
    except ValueError:
        if labels.count(part) != 1:
            raise UnknownName(done, part, "label", labels) from None
        return labels.index(part)
    if not -len(value) <= index < len(value):
        raise InvalidValue(done, index, f"must be an index below {len(value)}")
    return index


def put_at(root: T, path: str, value: Any) -> T:
    """Return a copy of a spec with the value at ``path`` replaced and everything checked again.

    Parameters
    ----------
    root : spec
        The spec to start from; it is not changed.
    path : str
        As in `get_at`. The last name may be new only where a mapping is extended by an allowed name.
    value : object
        The new value.

    Returns
    -------
    spec
        A new spec of the same class.

    Raises
    ------
    InvalidValue
        If the path does not exist or the value is not allowed there.
    """
    return typing.cast("T", _put(root, _split(path), value, ""))


def _put(node: Any, parts: list[str], value: Any, done: str) -> Any:
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    here = f"{done}.{part}" if done else part
    if isinstance(node, Mapping) and not rest and part not in node:
        return immutabledict({**node, part: value})  # whether the name is allowed there, the specs around it check
    child = _child(node, part, done)
    new = _put(child, rest, value, here)
    try:
        if attrs.has(type(node)):
            return attrs.evolve(node, **{part: new})
    except InvalidValue as error:
        if done and not error.path.startswith(done):
            raise _with_prefix(error, done) from None
        raise
    if isinstance(node, Mapping):
        return immutabledict({k: (new if k == part else v) for k, v in node.items()})
    index = _position(node, part, done) % len(node)
    return (*node[:index], new, *node[index + 1 :])
