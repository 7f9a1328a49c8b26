"""What the pages need beyond sphinx: the gallery's order, links to names from anywhere, tables made from the code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from hnnlib.embedding import read_biophysics
from hnnlib.embedding.study.columns import tables_text
from hnnlib.params.table import EVOKED, FIXED, Key
from hnnlib.results import references
from hnnlib.results.cite import as_text

FIRST = ("evoked_response", "alpha", "beta_event", "gamma", "somatosensory_n20", "calcium_model")
ENVIRONMENT = dict(os.environ)


def example_order(file: str) -> tuple[int, str]:
    """Return what an example is sorted by: first those that newcomers read, in their order, then the others by name."""
    name = file.removesuffix(".py").removeprefix("plot_")
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def reset_environment(gallery_conf: Mapping[str, Any], file: str) -> None:
    """Take back what an example has set in the environment: all are run in one process."""
    os.environ.clear()
    os.environ.update(ENVIRONMENT)


def resolve(app: Any, env: Any, node: Any, content: nodes.TextElement) -> nodes.reference | None:
    """Link a name that docstrings give without its module, or with the one it is defined in, to its public page."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.domains["py"], node["reftarget"]
    for name in (target, target.rpartition(".")[2]):
        found = [f for f in domain.find_obj(env, None, None, name, None, searchmode=1) if not f[1].aliased]
        if len(found) == 1:
            (full, entry) = found[0]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, full)
    return None


class Generated(SphinxDirective):
    """Text in Markdown that code makes."""

    def lines(self) -> Iterable[str]:
        """Return the text."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return what the text stands for."""
        return self.parse_text_to_nodes("\n".join(self.lines()))


class References(Generated):
    """All papers, by what makes a result rest on them."""

    def lines(self) -> Iterator[str]:
        """Return a list for each subject."""
        tables = {
            "Model: what the populations say": {"": references.MODELS},
            "Ion channels: mechanisms that the cells have": references.CHANNELS,
            "Simulator: the engine": references.ENGINES,
            "Electrodes: the method": references.ELECTRODES,
            "Files: where spikes were read from": references.INPUTS,
        }
        for title, table in tables.items():
            yield from (f"**{title}**", "")
            papers: dict[str, list[str]] = {}
            for what, keys in table.items():
                for key in keys:
                    papers.setdefault(key, []).append(what)
            for key, names in papers.items():
                why = ", ".join(f"`{name}`" for name in names if name)
                yield f"- {why + ': ' if why else ''}{_entry(key)}"
            yield ""
        yield from ("**What a result can't know of**", "")
        for key, occasion in references.OTHERS.items():
            yield f"- Where {occasion}: {_entry(key)}"


def _entry(key: str) -> str:
    text, doi = as_text(references.REFERENCES[key]), references.REFERENCES[key].doi
    if doi is None:
        return f"{text} (We could not confirm its DOI.)"
    link = f"https://doi.org/{doi}"
    return text.replace(link, f"<{link}>")


class Parameters(Generated):
    """All keys of a flat parameter file, but leftovers that nothing reads."""

    def lines(self) -> Iterator[str]:
        """Return a table for each group."""
        groups: dict[str, list[Key]] = {}
        for key in (*FIXED.values(), *EVOKED.values()):
            if key.used_by != "gui":
                groups.setdefault(key.group, []).append(key)
        for group, keys in groups.items():
            yield from (f"**{group[0].upper()}{group[1:]}**", "")
            yield from ("| key | default | unit | meaning |", "|---|---|---|---|")
            for key in keys:
                yield f"| `{key.name}` | `{key.default!r}` | {key.unit} | {key.meaning} |"
            yield ""


class Shipped(Generated):
    """What a membrane that is shipped says of itself."""

    required_arguments = 1

    def lines(self) -> Iterator[str]:
        """Return its notes as a quotation."""
        (name,) = self.arguments
        yield f"> `{name}`: {' '.join((read_biophysics(name).notes or '').split())}"


class StudyTables(Generated):
    """The tables of a study: columns, types, units."""

    def lines(self) -> Iterable[str]:
        """Return a table for each."""
        return tables_text().replace("### ", "#### ").splitlines()


def setup(app: Any) -> dict[str, bool]:
    """Tell sphinx what pages need."""
    app.connect("missing-reference", resolve)
    app.add_directive("references", References)
    app.add_directive("parameters", Parameters)
    app.add_directive("biophysics", Shipped)
    app.add_directive("study-tables", StudyTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
