"""Rules of docs/architecture.md that the source itself shows."""

from __future__ import annotations

import ast

import pytest

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60

# name -> reason. An entry that is no longer needed fails the test, so these lists only shrink by themselves.
LONG_FILES: dict[str, str] = {
    "hnnlib.editor.network": "the one class that users know: most lines are its methods' signatures and docstrings"
}
LONG_FUNCTIONS: dict[str, str] = {}
MUTABLE_NAMES: dict[str, str] = {}

MUTABLE_CALLS = {
    *(
        "list",
        "dict",
        "set",
        "bytearray",
        "defaultdict",
        "OrderedDict",
        "Counter",
        "deque",
        "ChainMap",
        "SimpleNamespace",
    ),
    *("WeakKeyDictionary", "WeakValueDictionary", "WeakSet"),
    *("array", "asarray", "zeros", "ones", "empty", "full", "arange", "linspace"),
}
# Where random numbers may be made, and what everyone may name (types, for annotations).
RANDOM_HOME = "hnnlib.base.seeds"
RANDOM_TYPES = {"Generator", "RandomState", "BitGenerator", "SeedSequence"}
# Errors that have a class of our own in base/errors.py, with path and value as fields.
UNNAMED_ERRORS = {"Exception", "BaseException", "ValueError", "RuntimeError", "OSError", "IOError", "EnvironmentError"}


def dotted(node):
    """Return `a.b.c` for a chain of names, else an empty string."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def code_lines(function):
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def is_mutable(value):
    """Whether an expression makes a container that can be changed in place (looked for in tuples too)."""
    if isinstance(value, ast.Tuple):
        return any(is_mutable(element) for element in value.elts)
    if isinstance(value, ast.Call):
        return dotted(value.func).split(".")[-1] in MUTABLE_CALLS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def shared_assignments(tree):
    """Yield (name, value, line) of assignments that run at import: of modules, classes and their if/try/with blocks."""
    blocks = [tree.body]
    while blocks:
        for node in blocks.pop():
            if isinstance(node, ast.Assign):
                yield from ((dotted(target), node.value, node.lineno) for target in node.targets)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                yield dotted(node.target), node.value, node.lineno
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                blocks += [getattr(node, field) for field in ("body", "orelse", "finalbody") if hasattr(node, field)]
                blocks += [handler.body for handler in getattr(node, "handlers", ())]


def prints(module):
    if module.room != "cli":
        yield from (n.lineno for n in module.nodes if isinstance(n, ast.Call) and dotted(n.func) == "print")


def global_statements(module):
    yield from (node.lineno for node in module.nodes if isinstance(node, ast.Global))


def mutable_state(module):
    for name, value, line in shared_assignments(module.tree):
        if name != "__all__" and is_mutable(value) and f"{module.name}.{name}" not in MUTABLE_NAMES:
            yield line


def context_variables(module):
    """The active backend is the one ContextVar; it lives with the launchers."""
    if not module.name.startswith("hnnlib.backends.launch"):
        for node in module.nodes:
            if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "ContextVar":
                yield node.lineno


def random_outside_its_home(module):
    if module.name == RANDOM_HOME:
        return
    for node in module.nodes:
        if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in ("random", "numpy.random"):
            if node.module == "random" or not {alias.name for alias in node.names} <= RANDOM_TYPES:
                yield node.lineno
        elif isinstance(node, ast.Attribute) and dotted(node).startswith(("np.random.", "numpy.random.")):
            if dotted(node).split(".")[2] not in RANDOM_TYPES:
                yield node.lineno
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in RANDOM_TYPES:
            yield node.lineno


def asserts(module):
    yield from (node.lineno for node in module.nodes if isinstance(node, ast.Assert))


def unnamed_errors(module):
    for node in module.nodes:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if dotted(raised) in UNNAMED_ERRORS:
                yield node.lineno


def swallowed_errors(module):
    """A bare `except:` also catches Ctrl-C."""
    yield from (n.lineno for n in module.nodes if isinstance(n, ast.ExceptHandler) and n.type is None)


RULES = {
    "print outside cli": (prints, "print('x')"),
    "global statement": (global_statements, "def f():\n    global X"),
    "module-level mutable container": (mutable_state, "class C:\n    known: dict = {}"),
    "ContextVar outside backends/launch": (context_variables, "import contextvars\nX = contextvars.ContextVar('x')"),
    "random numbers outside base/seeds.py": (random_outside_its_home, "def f():\n    return np.random.default_rng(0)"),
    "assert in the library": (asserts, "def f(x):\n    assert x"),
    "error that is none of ours": (unnamed_errors, "def f():\n    raise ValueError('x')"),
    "bare except": (swallowed_errors, "try:\n    x()\nexcept:\n    y()"),
}


def test_rules_are_kept(library):
    # all rules at once: parsing takes longer than looking
    breaches = {
        rule: [f"{module.name}:{line}" for module in library for line in find(module)]
        for rule, (find, _) in RULES.items()
    }
    assert breaches == {rule: [] for rule in RULES}


@pytest.mark.parametrize("rule", RULES)
def test_rule_sees_its_breach(make_module, rule):
    find, breach = RULES[rule]
    assert len(list(find(make_module("hnnlib.spec.example", False, breach)))) == 1


def test_files_are_short(library):
    long = {m.name for m in library if len(m.text.splitlines()) > MAX_FILE_LINES}
    assert long == set(LONG_FILES)


def test_functions_are_short(library):
    long = {
        f"{module.name}.{function.name}": code_lines(function)
        for module in library
        for function in functions_of(module.tree)
        if code_lines(function) > MAX_FUNCTION_LINES
    }
    assert {name: lines for name, lines in long.items() if name not in LONG_FUNCTIONS} == {}
    assert set(LONG_FUNCTIONS) <= set(long)


def test_no_exception_is_stale(library):
    names = {f"{m.name}.{name}" for m in library for name, value, _ in shared_assignments(m.tree) if is_mutable(value)}
    assert set(MUTABLE_NAMES) <= names
