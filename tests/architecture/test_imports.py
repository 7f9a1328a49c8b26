"""Who may import whom: docs/architecture.md's table, kept for every import statement, nested ones included."""

from __future__ import annotations

import ast
import graphlib
import re
from dataclasses import dataclass

import pytest

import hnnlib

# An entry allows that module and all below it. "hnnlib" allows the public names and nothing else.
MAY_IMPORT = {
    "base": set(),
    "mechanisms": {"base"},
    "analysis": {"base"},
    "spec": {"base", "mechanisms.catalogue"},
    "plan": {"base", "mechanisms.catalogue"},
    "results": {"base", "analysis"},
    "params": {"base", "mechanisms.catalogue", "spec"},
    "models": {"base", "mechanisms.catalogue", "spec", "params"},
    "compile": {"base", "mechanisms", "spec", "plan"},
    "backends": {"base", "mechanisms", "plan", "results.records"},
    "io": {"base", "plan", "results"},
    "builder": {"base", "plan", "io"},
    "sources": {"base", "results", "io"},
    "viz": {"base", "analysis", "spec", "plan", "compile", "results"},
    "editor": {"base", "spec", "params", "models", "results"},
    "simulation": {"base", "spec", "plan", "compile", "backends", "results", "io"},
    "sonata": {
        *("base", "spec", "params", "models", "editor", "plan", "compile", "backends", "results", "sources", "io"),
        "simulation",
    },
    "reduction": {
        *("base", "analysis", "mechanisms", "spec", "params", "models", "editor", "plan", "compile", "backends"),
        *("results", "simulation"),
    },
    "batch": {"base", "analysis", "spec", "plan", "compile", "backends", "results", "io", "simulation"},
    "optimization": {
        *("base", "analysis", "spec", "params", "editor", "plan", "compile", "backends", "results", "io", "viz"),
        *("simulation", "batch"),
    },
    "embedding": {
        *("base", "analysis", "mechanisms", "spec", "params", "models", "editor", "plan", "compile", "backends"),
        *("results", "sources", "io", "viz", "simulation"),
    },
    "compat": {
        *("base", "analysis", "spec", "params", "models", "editor", "plan", "compile", "backends", "results", "io"),
        *("viz", "simulation", "batch", "optimization"),
    },
    "cli": {"hnnlib"},
    "__main__": {"cli"},
}

# The agreed exceptions: inside a function of this room whose name starts so, that room may be imported.
DOORS = {
    *(("results", "plot", "viz"), ("editor", "plot", "viz")),
    *(("results", prefix, "io") for prefix in ("write", "read", "to_", "from_")),
    ("embedding", "replay", "embedding"),
}


@dataclass(frozen=True)
class Import:
    """One imported thing: its module, its name if it is none, the line and the functions around it."""

    target: str
    name: str | None
    line: int
    inside: tuple[str, ...]

    @property
    def room(self) -> str:
        return [*self.target.split("."), ""][1]


class _Collector(ast.NodeVisitor):
    """Collects every import of hnnlib's modules, relative ones resolved."""

    def __init__(self, module, known):
        self.module, self.known = module, known
        self.functions, self.found = [], []

    def visit_FunctionDef(self, node):
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Import(self, node):
        for alias in node.names:
            self._add(alias.name, None, node.lineno)

    def visit_ImportFrom(self, node):
        source = node.module or ""
        if node.level:
            # A package is its own level 1; a plain module's level 1 is the package that holds it.
            package = self.module.name.split(".")[: None if self.module.is_package else -1]
            package = package[: len(package) - node.level + 1]
            source = ".".join([*package, *filter(None, [node.module])])
        for alias in node.names:
            full = f"{source}.{alias.name}"
            self._add(*((full, None) if full in self.known else (source, alias.name)), node.lineno)

    def visit_Call(self, node):
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
            self._add(str(node.args[0].value), None, node.lineno)
        self.generic_visit(node)

    def _add(self, target, name, line):
        if target.split(".")[0] == "hnnlib":
            self.found.append(Import(target, name, line, tuple(self.functions)))


def imports_of(module, known):
    collector = _Collector(module, known)
    collector.visit(module.tree)
    return collector.found


def passes_a_door(module, imported):
    return any(
        module.room == room and imported.room == target and any(name.startswith(prefix) for name in imported.inside)
        for room, prefix, target in DOORS
    )


def is_allowed(module, imported, public_names):
    allowed = MAY_IMPORT.get(module.room, set())
    if imported.target == "hnnlib":
        if imported.name is None or "hnnlib" not in allowed:
            return imported.name == "__version__" or "hnnlib" in allowed
        return imported.name in public_names or imported.name == "__version__"
    if imported.room == module.room or passes_a_door(module, imported):
        return True
    path = imported.target.removeprefix("hnnlib.")
    return any(path == entry or path.startswith(entry + ".") for entry in allowed)


def violations(modules, public_names=frozenset()):
    known = {module.name for module in modules}
    return [
        f"{module.name}:{found.line} imports {found.target}{f' ({found.name})' if found.name else ''}"
        for module in modules
        if module.room  # the root package only loads public names
        for found in imports_of(module, known)
        if not is_allowed(module, found, public_names)
    ]


def import_cycle(modules):
    """Return a cycle as module names, or None; doors are left out, being open only while a call runs."""
    known = {module.name for module in modules}
    graph = {
        module.name: {
            found.target
            for found in imports_of(module, known)
            if found.target not in ("hnnlib", module.name) and not passes_a_door(module, found)
        }
        for module in modules
        if module.room
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_every_import_is_in_the_table(library):
    assert violations(library, set(hnnlib.__all__)) == []


def test_no_import_cycle(library):
    assert import_cycle(library) is None


def test_every_room_is_in_the_table(library):
    assert {module.room for module in library} - {""} == set(MAY_IMPORT)


def test_the_documented_table_is_this_one(repository):
    page = (repository / "docs" / "architecture.md").read_text("utf-8")
    rows = re.search(r"^\| room \| may import \|\n\|[-| ]+\|\n((?:\|.*\|\n)+)", page, re.M).group(1)
    documented = {}
    for row in rows.splitlines():
        room, allowed = (re.findall(r"`([^`]+)`", cell) for cell in row.strip("|").split("|"))
        documented[room[0].removesuffix(".py").removesuffix("/")] = {name.removesuffix("/") for name in allowed}
    assert documented == MAY_IMPORT


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hnnlib.backends.neuron.session", "from hnnlib.spec.network import NetworkSpec"),
        ("hnnlib.backends.neuron.session", "from ...spec.network import NetworkSpec"),
        ("hnnlib.backends.neuron.session", "def run():\n    import hnnlib.spec.network"),
        ("hnnlib.backends.neuron.session", "def run():\n    importlib.import_module('hnnlib.spec.network')"),
        ("hnnlib.backends.neuron.session", "from hnnlib.results import dipole"),
        ("hnnlib.backends.neuron.session", "from hnnlib import simulate"),
        ("hnnlib.plan.tables", "if TYPE_CHECKING:\n    from hnnlib.spec.network import NetworkSpec"),
        ("hnnlib.results.dipole", "from hnnlib.io.text import write_dipole"),
        ("hnnlib.results.dipole", "def average():\n    from hnnlib.io.text import write_dipole"),
        ("hnnlib.cli.main", "from hnnlib.spec.network import NetworkSpec"),
        ("hnnlib.cli.main", "from hnnlib import _private"),
    ],
)
def test_a_forbidden_import_is_seen(make_module, name, text):
    others = [make_module(n, False, "") for n in ("hnnlib.spec.network", "hnnlib.results.dipole", "hnnlib.simulation")]
    assert len(violations([*others, make_module(name, False, text)], {"simulate"})) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hnnlib.backends.neuron.session", "from hnnlib.results.records import Records"),
        ("hnnlib.backends.neuron.session", "from . import cells"),
        ("hnnlib.backends.neuron.session", "from hnnlib import __version__"),
        (
            "hnnlib.results.dipole",
            "class Dipole:\n    def write(self):\n        from hnnlib.io.text import write_dipole",
        ),
        (
            "hnnlib.editor.network",
            "class Network:\n    def plot_cells(self):\n        from hnnlib.viz import plot_cells",
        ),
        ("hnnlib.cli.main", "from hnnlib import Network"),
    ],
)
def test_an_allowed_import_passes(make_module, name, text):
    assert violations([make_module(name, False, text)], {"Network"}) == []


def test_a_cycle_is_seen_in_nested_imports(make_module):
    there = make_module("hnnlib.spec.cells", False, "from hnnlib.spec import layout")
    back = make_module("hnnlib.spec.layout", False, "def place():\n    from .cells import CellSpec")
    assert set(import_cycle([there, back])) == {"hnnlib.spec.cells", "hnnlib.spec.layout"}
