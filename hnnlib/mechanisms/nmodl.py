"""NEURON's own NMODL tool: the syntax tree of a mechanism's file, and where in the file things stand."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hnnlib.base.errors import FileFormatError, MechanismBuildError, MissingFile, UnknownName

__all__ = ["DISCONTINUITY", "Node", "Source", "neuron_file", "syntax_tree"]

# What NEURON always has, and the file in its installation that says so.
_NEURON_FILES = (("pas", "passive"), ("ExpSyn", "expsyn"), ("Exp2Syn", "exp2syn"), ("hh", "hh"))

_TIMEOUT_S = 60.0

# What stands for state_discontinuity in the tree.
DISCONTINUITY = "state_discontinuity_"

# --------------------------------------------------------------------------------------------------------- syntax tree


class Node(NamedTuple):
    """One node of the tool's syntax tree; a leaf's kind is its text.

    Attributes
    ----------
    kind : str
        E.g. ``BinaryExpression``.
    children : tuple of Node
        In the tool's order.
    """

    kind: str
    children: tuple[Node, ...] = ()

    @property
    def text(self) -> str:
        """The first leaf's text: a name or a number."""
        return self.children[0].text if self.children else self.kind

    def all(self, *kinds: str) -> list[Node]:
        """Return the children of these kinds."""
        return [child for child in self.children if child.kind in kinds]

    def first(self, *kinds: str) -> Node | None:
        """Return the first child of one of these kinds, or None."""
        return next(iter(self.all(*kinds)), None)

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def syntax_tree(file: Path) -> Node:
    """Return the syntax tree of an NMODL file.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    Node
        Its children are the blocks in the tool's order.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is no NMODL, with the line.
    MechanismBuildError
        If NEURON's ``nmodl`` is missing.
    """
    if not file.is_file():
        raise MissingFile(file)
    tool, environment = _tool()
    # Only the tree is wanted. It is written before the tool makes any code, so neither its later complaints nor its
    # end matter; --force lets it go on where code for CoreNEURON could not be made.
    with tempfile.TemporaryDirectory(prefix="hnnlib-") as folder:
        copy = Path(folder) / "mechanism.mod"
        # The tool makes an assignment of it, and where that stands in a choice drops the whole choice (9.0.2).
        text = file.read_text(encoding="utf-8", errors="replace")
        copy.write_text(re.sub(r"\bstate_discontinuity\b", DISCONTINUITY, text), encoding="utf-8")
        command = [tool, copy.name, "-o", "out", "--scratch", "out", "passes", "--json-ast", "codegen", "--force"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
        )
        tree = Path(folder) / "out" / "mechanism.ast.json"
        with contextlib.suppress(FileNotFoundError):
            return _node(json.loads(tree.read_text(encoding="utf-8", errors="replace")))
    raise FileFormatError(file, *_complaint(done.stdout + done.stderr))


def neuron_file(name: str) -> Path:
    """Return the NMODL file of a mechanism that is compiled into NEURON.

    Parameters
    ----------
    name : {"pas", "ExpSyn", "Exp2Syn", "hh"}
        The mechanism.

    Returns
    -------
    Path
        The file in NEURON's installation.

    Raises
    ------
    UnknownName
        If it is none of these.
    MechanismBuildError
        If NEURON's installation lacks the file.
    """
    files = dict(_NEURON_FILES)
    if name not in files:
        raise UnknownName("mechanism", name, "mechanism of NEURON itself", files)
    data = _data()
    candidates = [root / "share" / "modfile" / f"{files[name]}.mod" for root in ([data] if data else [])]
    for file in candidates:
        if file.is_file():
            return file
    raise MechanismBuildError(f"NEURON's installation lacks {files[name]}.mod, which says what {name} does")


def _data() -> Path | None:
    """Return the folder of programs and files in NEURON's package; imports nothing."""
    spec = importlib.util.find_spec("neuron")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / ".data").is_dir():
            return Path(folder) / ".data"
    program = shutil.which("nmodl")
    return Path(program).resolve().parent.parent if program else None


def _tool() -> tuple[str, dict[str, str]]:
    data = _data()
    if data is None or not (data / "bin" / "nmodl").is_file():
        raise MechanismBuildError("NEURON's nmodl, which reads the mechanisms, was not found: pip install 'neuron>=9'")
    # It looks for its units file where it was built unless told otherwise.
    return str(data / "bin" / "nmodl"), {**os.environ, "NMODLHOME": str(data)}


def _node(value: dict[str, Any]) -> Node:
    ((kind, content),) = value.items()
    if kind == "name":  # a leaf, or a node without content
        return Node(content)
    return Node(kind, tuple(_node(child) for child in content))


def _complaint(output: str) -> tuple[str, int | None]:
    """Return what the tool found wrong, and the line if it told."""
    found = re.search(r"what\(\):\s*(.*?)(?:\[Location : (\d+)|$)", output, re.MULTILINE)
    if found:
        return found[1].strip(), int(found[2]) if found[2] else None
    marks = ("[error]", "[critical]")
    lines = [line.split("::", 1)[-1].strip() for line in output.splitlines() if any(m in line for m in marks)]
    return "; ".join(lines) or "nmodl can't read it", None


# ---------------------------------------------------------------------------------------------------- place in the file

_WORDS = re.compile(r"\d[\w.]*(?:(?<=[eE])[-+]\d+)?|\w+|[<>=!]=|&&|\|\||\S")


class Source:
    """The words of an NMODL file with their lines: the tool's tree has no lines, and drops a word here and there.

    Statements are looked for in the order in which they stand, each from where the last one was found.

    Parameters
    ----------
    file : Path
        The file.
    """

    def __init__(self, file: Path) -> None:
        text = _blank(file.read_text(encoding="utf-8", errors="replace"))
        found = [(m[0], number) for number, line in enumerate(text.split("\n"), 1) for m in _WORDS.finditer(line)]
        self.words = [word for word, _ in found]
        self.lines = [line for _, line in found]
        self._start, self._place, self._end = 0, 0, len(self.words)

    @property
    def line(self) -> int:
        """The line of the last find."""
        return self.lines[self._place] if self.lines else 0

    def enter(self, *header: str) -> int:
        """Go to a block outside of any other, e.g. ``PROCEDURE``, ``rates``; return its line, or 0 if there is none."""
        depth, start = 0, None
        for k, word in enumerate(self.words):
            if start is None and depth == 0 and tuple(self.words[k : k + len(header)]) == header:
                start = k
            depth += {"{": 1, "}": -1}.get(word, 0)
            if start is not None and word == "}" and depth == 0:
                self._start, self._place, self._end = start, start, k
                return self.line
        return 0

    def anywhere(self, *words: str) -> int:
        """Return the line where a sequence of words stands first in the file; 0 if there is none."""
        for k, line in enumerate(self.lines):
            if tuple(self.words[k : k + len(words)]) == words:
                return line
        return 0

    def go_to(self, *alternatives: tuple[str, ...]) -> int:
        """Go to the next of some sequences of words in this block and return its line; stay where there is none."""
        for k in range(self._place + 1, self._end):
            if any(tuple(self.words[k : k + len(words)]) == words for words in alternatives):
                self._place = k
                break
        return self.line

    def count(self, *words: str) -> int:
        """Return how often some words stand in this block."""
        return sum(word in words for word in self.words[self._start : self._end])

    def until(self, *ends: str) -> list[str]:
        """Return the words after the last find, up to one of ``ends``."""
        found: list[str] = []
        for word in self.words[self._place + 1 :]:
            if word in ends:
                break
            found.append(word)
        return found


def _blank(text: str) -> str:
    """Return the text without comments, title and embedded C++, every line in its place."""

    def emptied(match: re.Match[str]) -> str:
        # what stays of VERBATIM is the word, so that it can be found
        word = "VERBATIM" if match[0].lstrip().startswith("VERBATIM") else ""
        return word + "\n" * match[0].count("\n")

    for word in ("COMMENT", "VERBATIM"):
        text = re.sub(rf"^[ \t]*{word}\b.*?\bEND{word}\b", emptied, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^[ \t]*TITLE\b.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"[:?].*$", "", text, flags=re.MULTILINE)
