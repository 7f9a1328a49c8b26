"""Morphologies through NEURON's importers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hnnlib.backends.launch.mpi_world import job_environment
from hnnlib.base.errors import FileFormatError, MissingFile
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.trace import Trace, morphology_of

__all__ = ["neuron_demo_file", "read_asc", "read_neuron_demo"]

_Read = tuple[str, int, float, list[list[float]]]  # what `neuron_reader` writes of a section
# not as a module: the whole package would be loaded; nor as a script: modules beside it would hide others
_RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
_TIMEOUT_S = 120.0  # NEURON takes half a second to start; a machine may be busy


def read_asc(path: str | os.PathLike[str], name: str | None = None) -> Morphology:
    """Read a morphology from a Neurolucida ASC file, as NEURON's Import3d understands it.

    NEURON runs in a process of its own: this one's is left alone. The soma is the body that Import3d makes of the
    contour or contours, and becomes one cylinder of the same membrane; see `hnnlib.embedding.form.trace.morphology_of`.

    Parameters
    ----------
    path : path-like
        The file.
    name : str, optional
        What the morphology is called; left out: as the file.

    Returns
    -------
    Morphology

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If NEURON can't read it, or it holds no cell with a soma.
    """
    file = os.fspath(path)
    if not os.path.exists(file):
        raise MissingFile(file)
    if os.path.isdir(file):
        raise FileFormatError(file, "is a folder, not a file")
    return _morphology("asc", Path(path), name or Path(path).stem, Path(path).name, _asc_kind)


def _asc_kind(section: str) -> int:
    return {"soma": 1, "axon": 2, "dend": 3, "apic": 4}.get(section.partition("[")[0], 0)


def read_neuron_demo() -> Morphology:
    """Read the pyramidal cell that NEURON's demonstration shows.

    A Golgi-stained cell (Pat McAllister 1992), in NEURON's installation. The file has no types: ``dendrite_1``, the one
    that reaches far, is taken as apical, and ``dendrite_5``, a single short one that the demonstration gives other
    channels than the dendrites, as the axon.

    Returns
    -------
    Morphology

    Raises
    ------
    MissingFile
        If NEURON's installation has no such file.
    """
    file = neuron_demo_file()
    if not file.is_file():
        raise MissingFile(file, "NEURON's installation has no demonstration with a pyramidal cell")

    def kind(section: str) -> int:
        if section == "soma":
            return 1
        return {"dendrite_1": 4, "dendrite_5": 2}.get(section.partition("[")[0], 3)

    return _morphology("hoc", file, "neuron-demo-pyramid", f"NEURON's {file.name}", kind)


def neuron_demo_file() -> Path:
    """Return where NEURON's installation has its pyramidal cell, whether or not it is there."""
    found = find_spec("neuron")
    folder = Path(found.origin).parent if found is not None and found.origin else Path("neuron")
    return folder / ".data" / "share" / "nrn" / "demo" / "pyramid.nrn"


def _morphology(kind: str, path: Path, name: str, source: str, kind_of: Callable[[str], int]) -> Morphology:
    reader = Path(__file__).with_name("neuron_reader.py")
    with tempfile.TemporaryDirectory(prefix="hnnlib-") as folder:
        result = Path(folder) / "sections.json"
        try:
            done = subprocess.run(
                [sys.executable, "-c", _RUN, str(reader), kind, str(path.absolute()), str(result)],
                cwd=folder,  # away from mechanisms, which NEURON loads where it finds them
                env=job_environment(os.environ, sys.path, False),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise FileFormatError(path, f"NEURON did not come to the end of it in {_TIMEOUT_S:g} s") from None
        said = done.stdout + done.stderr
        if (complaint := re.search(r"parse error\s+itok=\S* on line (\d+) token=(\S*)", said)) is not None:
            what = {"eof": "the end of the file"}.get(complaint[2], f"something ({complaint[2]}) that is out of place")
            raise FileFormatError(path, f"NEURON can't read it: it came upon {what}", int(complaint[1]) or None)
        if done.returncode != 0 or not result.is_file():
            last = (said.strip().splitlines() or ["it said nothing"])[-1]
            raise FileFormatError(path, f"NEURON can't read it ({last})")
        sections = json.loads(result.read_text(encoding="utf-8"))
    return morphology_of(_trace(sections, str(path), kind_of), name, source)


def _trace(sections: list[_Read], file: str, kind_of: Callable[[str], int]) -> Trace:
    """Return the points of NEURON's sections, in the order of these but parents first."""
    kinds: list[int] = []
    rows: list[list[float]] = []
    parents: list[int] = []
    ends: dict[int, tuple[int, int]] = {}  # section -> the points at its ends
    for i in _parents_first([above for _, above, _, _ in sections]):
        name, above, place, points = sections[i]
        if (kind := kind_of(name)) == 0:
            raise FileFormatError(file, f"has a section {name}, which is no soma, axon or dendrite")
        if len(points) < (1 if above < 0 else 2):
            raise FileFormatError(file, f"has a section {name} without points")
        if not np.isfinite(points).all() or not all(point[3] > 0 for point in points):
            raise FileFormatError(file, f"has a section {name} with a point that is not finite, or has no diameter")
        before = ends[above][place > 0.5] if above >= 0 else -1
        repeated = above >= 0 and kinds[before] != 1 and points[0] == rows[before]
        first = before if repeated else len(rows)
        for point in points[int(repeated) :]:
            kinds.append(kind)
            rows.append(point)
            parents.append(before)
            before = len(rows) - 1
        ends[i] = (first, before)
    if not rows:
        raise FileFormatError(file, "holds no sections")
    table = np.array(rows)
    return Trace(kind=np.array(kinds), xyz=table[:, :3], diam=table[:, 3], parent=np.array(parents), file=file)


def _parents_first(parents: list[int]) -> list[int]:
    """Return sections in their order, but for those that stand before what they sit on: they follow that."""
    order: dict[int, None] = {}

    def put(i: int) -> None:
        if i >= 0 and i not in order:
            put(parents[i])
            order[i] = None

    for i in range(len(parents)):
        put(i)
    return list(order)
