"""Data from a file that may hold anything, read with the path of what is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["Node"]


@attrs.frozen
class Node:
    """A value within parsed JSON, and where it stands.

    Every method returns what it is named for or raises `InvalidValue` (`InvalidType`) with the path.

    Parameters
    ----------
    value : object
        The value.
    path : str
        Where it stands, e.g. ``connectivity[3].nc_dict``; empty for the whole.
    """

    value: Any
    path: str = ""

    def _at(self, key: str | int) -> str:
        if isinstance(key, str) and key.isidentifier():
            return f"{self.path}.{key}" if self.path else key
        return f"{self.path}[{key!r}]"

    def keys(self) -> list[str]:
        """Return the keys of an object."""
        if not isinstance(self.value, Mapping):
            raise InvalidType(self.path or "the whole", self.value, "must be an object, {key: value, ...}")
        return list(self.value)

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    def __getitem__(self, key: str) -> Node:
        keys = self.keys()
        if key not in keys:
            raise InvalidValue(self.path or "the whole", ", ".join(map(str, keys[:8])), f"lacks the key {key!r}")
        return Node(self.value[key], self._at(key))

    def get(self, key: str, default: Any = None) -> Node:
        """Return what stands under a key, or a default in its place."""
        return Node(self.value[key] if key in self else default, self._at(key))

    def items(self) -> Iterator[tuple[str, Node]]:
        """Yield the entries of an object."""
        for key in self.keys():
            yield key, self[key]

    def list(self, size: int | None = None) -> list[Node]:
        """Return the entries of a list, which must be ``size`` if that is given."""
        if not isinstance(self.value, list | tuple):
            raise InvalidType(self.path, self.value, "must be a list")
        if size is not None and len(self.value) != size:
            raise InvalidValue(self.path, self.value, f"must have {size} entries, it has {len(self.value)}")
        return [Node(value, f"{self.path}[{i}]") for i, value in enumerate(self.value)]

    def number(self) -> float:
        """Return a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise InvalidType(self.path, self.value, "must be a number")
        if not math.isfinite(self.value):
            raise InvalidValue(self.path, self.value, "must be finite")
        return float(self.value)

    def integer(self) -> int:
        """Return a whole number, also one that is written as ``2.0``."""
        number = self.number()
        if not number.is_integer():
            raise InvalidType(self.path, self.value, "must be a whole number")
        return int(number)

    def text(self) -> str:
        """Return text."""
        if not isinstance(self.value, str):
            raise InvalidType(self.path, self.value, "must be text")
        return self.value

    def point(self) -> tuple[float, float, float]:
        """Return three numbers."""
        x, y, z = self.numbers(3)
        return x, y, z

    def numbers(self, size: int | None = None) -> tuple[float, ...]:
        """Return a list of numbers."""
        return tuple(entry.number() for entry in self.list(size))
