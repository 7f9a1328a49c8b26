"""Every public name stands in the API reference, and is shown in use."""

from __future__ import annotations

import re

import pytest

import hnnlib
import hnnlib.analysis
import hnnlib.embedding
import hnnlib.optimization
import hnnlib.viz

MODULES = {"hnnlib": hnnlib, "hnnlib.analysis": hnnlib.analysis, "hnnlib.viz": hnnlib.viz}

# Names that no example uses, with the reason; a page of the documentation shows them. One that an example has come to
# use must leave this table.
NO_EXAMPLE = {
    "MechanismBuildError": "an error",
    "OutputError": "an error",
    "SimulationError": "an error",
    "TrialFailed": "an error",
    "cache_dir": "where compiled code is, needed to clean up",
    "compiled_library": "asks whether something was compiled, without compiling it",
    "mechanism_library": "compiles what the first run compiles anyway",
    "vector_unit": "a fact of the machine",
    "check_writable": "what simulate does with its argument out",
    "check_figure_path": "the same for a figure",
    "install_as_hnn_core": "for scripts that know no other name of ours",
    **dict.fromkeys(
        ("fit_point_cells", "fit_kernels", "shipped_point_cells", "write_point_cells", "write_dipole_kernels"),
        "the work of `hnnlib reduce`, which takes an hour",
    ),
    "plot_calibration": "needs thousands of simulations",
}


def names():
    return [(module, name) for module, thing in MODULES.items() for name in thing.__all__]


@pytest.fixture(scope="module")
def examples(repository):
    return "\n".join(file.read_text("utf-8") for file in sorted((repository / "examples").glob("*.py")))


@pytest.fixture(scope="module")
def pages(repository):
    """The pages that people write, by name; not what is generated."""
    docs = repository / "docs"
    files = [*docs.glob("*.md"), *(docs / "guide").glob("*.md")]
    return {str(file.relative_to(docs)): file.read_text("utf-8") for file in files}


def listed_names(text):
    """Return module -> names that the reference lists: entries of autosummary, data and modules themselves."""
    found: dict[str, list[str]] = {}
    module = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\.\. module:: (\S+)", line):
            module = match[1]
            parent, _, name = module.rpartition(".")
            if parent:
                found.setdefault(parent, []).append(name)
        elif match := re.fullmatch(r"\.\. py:data:: (\w+)|   ([\w.]+)", line):
            found.setdefault(module, []).append(match[1] or match[2])
    return found


def is_word_of(name, text):
    return re.search(rf"\b{name}\b", text) is not None


def test_the_reference_lists_every_public_name_once(repository):
    found = listed_names((repository / "docs" / "api.rst").read_text("utf-8"))
    for module, thing in MODULES.items():
        # an entry with a dot is a class that public names return
        assert sorted(name for name in found[module] if "." not in name) == sorted(thing.__all__), module
    # what hnnlib itself offers of fits stands there
    further = set(hnnlib.optimization.__all__) - set(hnnlib.__all__)
    assert sorted(found["hnnlib.optimization"]) == sorted(further)
    assert sorted(found["hnnlib.embedding"]) == sorted(hnnlib.embedding.__all__)


def test_every_name_is_used_in_an_example(examples):
    missing = [f"{module}.{name}" for module, name in names() if not is_word_of(name, examples)]
    assert sorted(missing) == sorted(f"{module}.{name}" for module, name in names() if name in NO_EXAMPLE)


def test_names_without_an_example_stand_in_a_page(pages):
    text = "\n".join(pages.values())
    assert [name for name in NO_EXAMPLE if not is_word_of(name, text)] == []


def test_every_page_is_in_a_table_of_contents(repository, pages):
    """Sphinx says so too, but only where it is installed."""
    docs = repository / "docs"
    blocks = [block for text in pages.values() for block in re.findall(r"```{toctree}\n(.*?)```", text, re.DOTALL)]
    entries = {line for block in blocks for line in block.splitlines() if line and not line.startswith(":")}
    written = {str(file.relative_to(docs).with_suffix("")) for file in [*docs.glob("*.rst"), *docs.rglob("*.md")]}
    written = {page for page in written if not page.startswith(("_build", "api/", "gallery/", "index"))}
    assert entries - {"gallery/index"} == written


def test_tables_of_the_readme_are_what_was_measured(repository):
    """Its figures are typed, since GitHub includes no files: they are those of the benchmark's own table."""
    readme = (repository / "README.md").read_text("utf-8")
    measured = (repository / "benchmarks" / "measured" / "peers.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in measured.splitlines() if "×" in line]
    columns = {}
    for row in rows:
        mesh = row[0].split(",")[0] or mesh  # noqa: F821  the first row of a mesh names it
        seconds = row[3].split(" ")[0]
        columns.setdefault(mesh, []).append((float(seconds), float(row[4].rstrip(" ×")), row[5]))
    for mesh, found in columns.items():
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| {mesh} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        told = [float(cell.split(" ")[0]) for cell in cells[1:4]]
        assert told == pytest.approx([seconds for seconds, _, _ in found], rel=0.02)
        speeds = [float(cell.split("(")[1].rstrip(" ×)")) for cell in cells[2:4]]
        assert speeds == pytest.approx([speed for _, speed, _ in found[1:]], rel=0.03)
        assert cells[4].split(" / ") == [memory for _, _, memory in found]
