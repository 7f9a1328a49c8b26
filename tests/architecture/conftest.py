"""The library's source."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, whether it is a package's `__init__`, its text and its tree."""

    name: str
    is_package: bool
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree."""
        return tuple(ast.walk(self.tree))

    @property
    def room(self) -> str:
        """First name below the root package; empty for the root package itself."""
        return [*self.name.split("."), ""][1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def make_module() -> type[Module]:
    """Constructor of modules that exist only in a test."""
    return Module


@pytest.fixture
def library() -> tuple[Module, ...]:
    """Every module of hnnlib; made for each test, as trees that stay would take 100 MB."""
    modules = []
    for path in sorted((ROOT / "hnnlib").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        modules.append(Module(".".join(parts[:-1] if is_package else parts), is_package, path.read_text("utf-8")))
    return tuple(modules)
