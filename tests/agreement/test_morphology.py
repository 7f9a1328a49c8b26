"""What NEURON's importer makes of a file, beside what we make of it; and what only NEURON reads."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError
from hnnlib.embedding.form.domains import totals_by_domain
from hnnlib.embedding.form.imported import neuron_demo_file
from hnnlib.embedding.form.reading import read_morphology
from hnnlib.embedding.form.swc import read_swc, swc_text, write_swc

pytestmark = pytest.mark.neuron

# A process of its own: Import3d makes names in NEURON's interpreter.
IMPORT = """
import json, sys
from neuron import h
h.load_file("stdlib.hoc")
h.load_file("import3d.hoc")
class Cell:
    def __str__(self):
        return "cell"
cell, reader = Cell(), h.Import3d_SWC_read()
reader.input(sys.argv[1])
h.Import3d_GUI(reader, 0).instantiate(cell)
rows = {}
for section in cell.all:
    name = section.name().rpartition(".")[2]
    seat = section.parentseg()
    points = [[f(i) for f in (section.x3d, section.y3d, section.z3d, section.diam3d)] for i in range(section.n3d())]
    above = None if seat is None else seat.sec.name().rpartition(".")[2]
    rows[name] = [above, section.L, sum(segment.area() for segment in section), points]
print("RESULT", json.dumps(rows))
"""
SOMATA = {
    "one point": "1 1 0 0 0 8 -1\n",
    "three points": "1 1 0 0 0 8 -1\n2 1 0 -8 0 8 1\n3 1 0 8 0 8 1\n",
    "two in a chain": "1 1 0 0 -9 6 -1\n2 1 0 0 9 8 1\n",
    "five in a chain": "".join(f"{i + 1} 1 0 0 {5 * i} {r} {i or -1}\n" for i, r in enumerate((2, 6, 8, 5, 3))),
}
TREE = """\
10 3 9 0 -2 1.2 1
11 3 21 1 -8 0.9 10
12 3 30 9 -20 0.7 11
13 3 44 2 -9 0.6 11
14 3 60 2 -30 0.5 13
15 2 0 0 -40 0.5 14
16 2 0 3 -90 0.4 15
20 4 0 1 12 2 1
21 4 2 0 80 1.6 20
22 4 40 9 99 0.6 21
23 4 3 -2 160 1.2 21
24 4 50 40 230 0.5 23
25 4 -60 9 240 0.5 23
26 4 -90 9 260 0.4 25
30 2 0 0 -12 0.6 1
31 2 0 4 -99 0.4 30
"""
ASC = """\
; a cell by hand
("Cell Body"
  (CellBody)
  (-6 -8 0 0) (6 -8 0 0) (8 0 0 0) (3 10 0 0) (-3 10 0 0) (-8 0 0 0)
)
((Axon)
  (0 -9 0 1.5) (1 -30 0 1.0) (2 -50 1 0.8)
)
((Dendrite)
  (7 -6 0 2.0) (15 -10 0 1.5) (30 -20 2 1.2)
  (
    (30 -20 2 1.0) (45 -20 2 0.8) (60 -25 5 0.8)
  |
    (38 -38 2 0.9) (42 -60 -3 0.7)
  )
)
((Apical)
  (0 11 0 4.0) (0 60 3 3.0)
  (
    (20 70 3 1.0) (60 90 3 0.8)
  |
    (-2 120 5 2.5)
    (
      (30 160 5 1.0) (50 200 5 0.6)
    |
      (-30 160 5 1.0) (-50 210 5 0.6)
    )
  )
)
"""


def neurons_sections(file, folder):
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(file)], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout.rpartition("RESULT")[2])


def our_name(section):
    kind, _, number = section.partition("[")
    if kind == "soma":
        return "soma"
    return f"{ {'dend': 'basal', 'apic': 'apical'}.get(kind, kind) }_{number.rstrip(']')}"


def compare(cell, sections):
    """Sections of both: names, parents, points from the first one that was traced on, and their lengths."""
    assert sorted(cell.names) == sorted(our_name(name) for name in sections)
    for name, (above, length, _, points) in sections.items():
        i = cell.index(our_name(name))
        if above is None:
            continue
        assert cell.names[cell.parent[i]] == our_name(above), name
        if above.startswith("soma") and len(points) == len(cell.points[i]) + 1:
            # NEURON makes a way from the end of a soma to the first point a part of the dendrite
            length -= np.linalg.norm(np.subtract(points[1], points[0])[:3])
            points = points[1:]
        np.testing.assert_allclose(points, cell.points[i], rtol=1e-5, atol=1e-4, err_msg=name)
        assert cell.lengths_um[i] == pytest.approx(length, rel=1e-5), name


@pytest.mark.parametrize("soma", SOMATA)
def test_swc_as_neuron_reads_it(soma, tmp_path):
    file = tmp_path / "cell.swc"
    file.write_text(SOMATA[soma] + TREE)
    cell, sections = read_swc(file), neurons_sections(file, tmp_path)
    compare(cell, sections)
    assert totals_by_domain(cell)["soma"]["area_um2"] == pytest.approx(sections["soma[0]"][2], rel=0.01)


def test_the_thick_tufted_cell_as_neuron_reads_it(tmp_path):
    cell = read_morphology("synthetic-l5")
    write_swc(cell, tmp_path / "cell.swc")
    sections = neurons_sections(tmp_path / "cell.swc", tmp_path)
    compare(cell, sections)
    for kind, theirs in (("axon", "axon"), ("basal", "dend"), ("apical", "apic")):
        total = sum(row[1] for name, row in sections.items() if name.startswith(theirs))
        members = [i for i, name in enumerate(cell.types) if name == kind]
        assert cell.lengths_um[members].sum() == pytest.approx(total, rel=1e-5)
    assert sections["soma[0]"][1] == pytest.approx(cell.lengths_um[0])


def test_asc(tmp_path):
    from neuron import h

    before = [section.name() for section in h.allsec()]
    (tmp_path / "cell.asc").write_text(ASC)
    cell = read_morphology(tmp_path / "cell.asc")
    assert [section.name() for section in h.allsec()] == before
    assert cell.name == "cell"
    assert dict(zip(cell.names, cell.domains, strict=True)) == {
        "soma": "soma",
        "axon_0": "axon",
        "basal_0": "basal",
        "basal_1": "basal",
        "basal_2": "basal",
        "apical_0": "apical_trunk",
        "apical_1": "apical_oblique",
        "apical_2": "apical_trunk",
        "apical_3": "apical_tuft",
        "apical_4": "apical_tuft",
    }
    # branches begin where their parents end, with their own first diameter
    assert cell.points[cell.index("basal_2")].tolist()[:2] == [[30, -20, 2, 0.9], [38, -38, 2, 0.9]]
    assert cell.points[cell.index("apical_0")].tolist() == [[0, 11, 0, 4], [0, 60, 3, 3]]
    # the contour is some 16 by 19 µm: the membrane of about a sphere of 17 µm
    assert totals_by_domain(cell)["soma"]["area_um2"] == pytest.approx(np.pi * 17**2, rel=0.15)
    np.testing.assert_allclose(cell.points[0][1, :3], [0, 0, 0], atol=1.5)
    write_swc(cell, tmp_path / "cell.swc")
    assert read_swc(tmp_path / "cell.swc") == cell


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        (ASC.partition("((Apical)")[0] + "((Apical) (0 11 0 4.0) (0 60", "the end of the file", 17),
        ("1 1 0 0 0 5 -1\n", "out of place", 1),
        ("", "NEURON can't read it", None),
        ("; a comment\n((Dendrite) (7 -6 0 2.0) (15 -10 0 1.5))\n", "no soma", None),
        (ASC.replace("(38 -38 2 0.9)", "(38 -38 2 0)"), "no diameter", None),
    ],
    ids=["cut off", "swc", "empty", "no soma", "no diameter"],
)
def test_bad_asc(text, reason, line, tmp_path):
    (tmp_path / "cell.asc").write_text(text)
    with pytest.raises(FileFormatError, match=reason) as error:
        read_morphology(tmp_path / "cell.asc")
    assert error.value.line == line


@pytest.mark.skipif(not neuron_demo_file().is_file(), reason="NEURON is installed without its demonstration")
def test_the_pyramid_of_neurons_demonstration():
    from neuron import h

    before = [section.name() for section in h.allsec()]
    cell = read_morphology("neuron-demo-pyramid")
    assert [section.name() for section in h.allsec()] == before
    assert not hasattr(h, "dendrite_1")
    assert cell.n_sections == 79
    dendrite = np.array(cell.types) != "soma"
    assert cell.lengths_um[dendrite].sum() == pytest.approx(5349.55, rel=1e-4)  # as its header says
    assert cell.lengths_um[cell.sections_of("apical")].sum() == pytest.approx(2594, abs=1)
    assert totals_by_domain(cell)["soma"]["area_um2"] == pytest.approx(np.pi * 33.34**2, rel=0.01)
    assert cell.types.count("axon") == 1
    assert swc_text(cell)
