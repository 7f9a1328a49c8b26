"""Docstrings tell the truth about signatures. (Their form and mood are ruff's business: rules D.)"""

from __future__ import annotations

import importlib
import inspect
import re

import hnnlib


def documented_parameters(text):
    """Return the names in a numpydoc Parameters section in order, or None where there is no such section."""
    lines = inspect.cleandoc(text or "").splitlines()
    headers = [i for i in range(1, len(lines)) if re.fullmatch(r"-{3,}", lines[i].strip())]
    for k, underline in enumerate(headers):
        if lines[underline - 1].strip() == "Parameters":
            end = headers[k + 1] - 1 if k + 1 < len(headers) else len(lines)
            entries = [line for line in lines[underline + 1 : end] if line and not line[0].isspace()]
            return [name.strip().lstrip("*\\") for line in entries for name in line.split(" : ")[0].split(",")]
    return None


def signature_parameters(thing, *, is_method):
    names = [name for name in inspect.signature(thing).parameters if not name.startswith("_")]
    return names[1:] if is_method else names


def callables_of(module):
    """Yield (label, object with docstring, parameter names) of a module's public functions, classes and methods."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield f"{module.__name__}.{name}", thing, signature_parameters(thing, is_method=False)
        elif inspect.isclass(thing):
            if "__init__" in vars(thing):  # else what its base class says holds
                yield f"{module.__name__}.{name}", thing, signature_parameters(thing.__init__, is_method=True)
            for method_name, entry in vars(thing).items():
                method = entry.__func__ if isinstance(entry, classmethod | staticmethod) else entry
                if inspect.isfunction(method) and not method_name.startswith("_"):
                    names = signature_parameters(method, is_method=not isinstance(entry, staticmethod))
                    yield f"{module.__name__}.{name}.{method_name}", method, names


def all_callables(library):
    for module in library:
        if not module.name.endswith("__main__"):
            yield from callables_of(importlib.import_module(module.name))


def test_documented_parameters_are_those_of_the_signature(library):
    wrong = [
        f"{label}: documents {documented}, takes {names}"
        for label, thing, names in all_callables(library)
        if (documented := documented_parameters(thing.__doc__)) not in (None, names)
    ]
    assert wrong == []


def test_public_names_document_their_parameters(library):
    public = {getattr(hnnlib, name) for name in hnnlib.__all__ if callable(getattr(hnnlib, name))}
    labels = {f"{thing.__module__}.{thing.__qualname__}" for thing in public}
    silent = [
        label
        for label, thing, names in all_callables(library)
        if names and documented_parameters(thing.__doc__) is None
        if label in labels or label.rpartition(".")[0] in labels
    ]
    assert silent == []


def test_the_parser_reads_numpydoc():
    text = """Do it.

    Parameters
    ----------
    a, b : float
        Two numbers (ms).
    *rest : str
        More.
    **options
        Passed on.

    Returns
    -------
    float
    """
    assert documented_parameters(text) == ["a", "b", "rest", "options"]
    assert documented_parameters("Do it.") is None
