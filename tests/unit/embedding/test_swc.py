"""SWC files: what they mean, what is refused, and that writing loses nothing."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError
from hnnlib.embedding.form.alignment import scaled
from hnnlib.embedding.form.swc import parse_swc, read_swc, swc_text, write_swc
from hnnlib.embedding.form.synthesis import synthesize

CELL = """\
# a soma of one point, a basal dendrite that forks, an axon from it, and an apical one
1 1 1 2 3 5 -1
2 3 6 2 3 1 1
3 3 16 2 3 0.5 2
4 3 16 12 3 0.4 3
5 3 16 22 3 0.3 4
6 3 26 2 3 0.4 3
# comments may stand anywhere
7 2 26 2 -7 0.3 6   # even here
8 2 26 2 -17 0.3 7
9 4 1 2 8 2 1
10 4 1 2 58 1 9
"""
SOMA = "1 1 0 0 0 5 -1\n"


def area(points):
    steps = np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1)
    return (np.pi / 2 * (points[1:, 3] + points[:-1, 3]) * np.hypot(steps, np.diff(points[:, 3]) / 2)).sum()


def test_points_become_sections():
    cell = parse_swc(CELL, name="cell")
    assert cell.names == ("soma", "basal_0", "basal_1", "basal_2", "axon_0", "apical_0")
    assert cell.parent.tolist() == [-1, 0, 1, 1, 3, 0]
    assert cell.parent_end.tolist() == [0, 0, 1, 1, 1, 1]
    # a branch on a dendrite begins at that one's end, with its diameter; one on the soma where it was first traced
    assert cell.points[1].tolist() == [[6, 2, 3, 2], [16, 2, 3, 1]]
    assert cell.points[2].tolist() == [[16, 2, 3, 1], [16, 12, 3, 0.8], [16, 22, 3, 0.6]]
    assert cell.points[4].tolist() == [[26, 2, 3, 0.8], [26, 2, -7, 0.6], [26, 2, -17, 0.6]]
    np.testing.assert_allclose(cell.lengths_um, [10, 10, 20, 10, 20, 50])
    np.testing.assert_allclose(cell.start_distance_um, [0, 5, 15, 15, 25, 5])
    assert cell.branch_order.tolist() == [0, 0, 1, 1, 1, 0]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems(end):
    assert parse_swc(CELL.replace("\n", end)) == parse_swc(CELL)


def test_a_first_point_at_the_end_of_the_parent_brings_its_own_diameter():
    cell = parse_swc(CELL.replace("6 3 26 2 3 0.4 3", "60 3 16 2 3 0.2 3\n6 3 26 2 3 0.4 60"))
    assert cell.points[3].tolist() == [[16, 2, 3, 0.4], [26, 2, 3, 0.8]]
    assert parse_swc(swc_text(cell)) == cell


def test_dendrites_of_one_point_and_those_that_fork_at_once():
    cell = parse_swc(SOMA + "2 3 5 0 0 1 1\n3 4 0 0 5 1 1\n4 4 0 9 9 1 3\n5 4 0 -9 9 1 3\n")
    assert cell.names == ("soma", "basal_0", "apical_0", "apical_1")
    assert cell.parent.tolist() == [-1, 0, 0, 0]
    assert [points.tolist() for points in cell.points[1:]] == [
        [[0, 0, 0, 2], [5, 0, 0, 2]],
        [[0, 0, 5, 2], [0, 9, 9, 2]],
        [[0, 0, 5, 2], [0, -9, 9, 2]],
    ]
    assert parse_swc(swc_text(cell)) == cell


# ------------------------------------------------------------------------------------------------- the soma


def test_a_soma_of_one_point_is_a_sphere_and_points_to_the_apical_tree():
    soma = parse_swc(CELL).points[0]
    assert soma.tolist() == [[1, 2, -2, 10], [1, 2, 3, 10], [1, 2, 8, 10]]
    np.testing.assert_allclose(area(soma), 4 * np.pi * 5**2)
    sideways = parse_swc(SOMA + "2 4 5 0 0 1 1\n3 4 50 0 0 1 2\n").points[0]
    np.testing.assert_allclose(sideways, [[-5, 0, 0, 10], [0, 0, 0, 10], [5, 0, 0, 10]])


def test_a_soma_of_three_points_as_neuromorpho_has_it_is_the_same_sphere():
    three = "1 1 1 2 3 5 -1\n100 1 1 -3 3 5 1\n101 1 1 7 3 5 1\n"
    assert parse_swc(CELL.replace("1 1 1 2 3 5 -1\n", three)) == parse_swc(CELL)


@pytest.mark.parametrize("n_points", [2, 3])
def test_a_soma_of_two_or_three_points_in_a_chain_is_taken_as_it_stands(n_points):
    rows = [[0, 0, 9, 6], [0, 1, 0, 14], [0, 0, -9, 4]][:n_points]
    text = "".join(f"{i + 1} 1 {x} {y} {z} {d / 2} {i or -1}\n" for i, (x, y, z, d) in enumerate(rows))
    down = parse_swc(text + "4 4 0 0 -9 1 1\n5 4 0 0 -99 1 4\n")
    assert down.points[0].tolist() == rows
    up = parse_swc(text + "4 4 0 0 9 1 1\n5 4 0 0 99 1 4\n")
    assert up.points[0].tolist() == rows[::-1]


def test_a_soma_of_frusta_keeps_its_membrane_and_place():
    rows = np.array([[0, 0, 0, 4.0], [0, 0, 5, 12], [0, 0, 10, 12], [0, 0, 15, 4], [0, 0, 30, 2]])
    text = "".join(f"{i + 1} 1 {x} {y} {z} {d / 2} {i or -1}\n" for i, (x, y, z, d) in enumerate(rows))
    soma = parse_swc(text + "6 3 9 0 9 1 1\n7 3 99 0 9 1 6\n").points[0]
    np.testing.assert_allclose(area(soma), area(rows))
    np.testing.assert_allclose(np.ptp(soma[:, 2]), soma[0, 3])
    assert 7.5 < soma[1, 2] < 12


@pytest.mark.parametrize(("a", "b"), [(8, 8), (15, 6)])
def test_a_soma_that_is_a_contour_is_a_body_of_revolution(a, b):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = 3 + a * np.cos(angle) * np.cos(0.4), 4 + a * np.cos(angle) * np.sin(0.4)
    x, y = x - b * np.sin(angle) * np.sin(0.4), y + b * np.sin(angle) * np.cos(0.4)
    rows = [f"{i + 1} 1 {x[i]:.6f} {y[i]:.6f} 0 0.1 {i or -1}\n" for i in range(40)]
    soma = parse_swc("".join(rows) + "41 4 3 12 0 1 1\n42 4 3 99 0 1 41\n").points[0]
    e = np.sqrt(1 - b**2 / a**2)  # area of a prolate spheroid
    expected = 2 * np.pi * b**2 * (1 + (a / b * np.arcsin(e) / e if e > 0 else 1))
    assert area(soma) == pytest.approx(expected, rel=0.01)
    np.testing.assert_allclose(soma[1, :3], [3, 4, 0], atol=1e-5)


# ------------------------------------------------------------------------------------------------- what is refused

BAD = {
    "missing parent": (SOMA + "2 3 5 0 0 1 7\n", 2, "parent 7 of point 2 is on no line before it"),
    "parent after child": (SOMA + "2 3 9 0 0 1 3\n3 3 5 0 0 1 1\n", 2, "parent 3"),
    "own parent": (SOMA + "2 3 5 0 0 1 2\n", 2, "parent 2"),
    "two roots": (SOMA + "2 3 5 0 0 1 1\n3 3 9 0 0 1 -1\n", 3, "second root .* line 1"),
    "root is no soma": ("1 3 0 0 0 5 -1\n2 1 5 0 0 1 1\n", 1, "must be a point of the soma"),
    "soma on a dendrite": (SOMA + "2 3 5 0 0 1 1\n3 1 9 0 0 1 2\n", 3, "hangs on one of a dendrite"),
    "zero radius": (SOMA + "2 3 5 0 0 0 1\n", 2, "radius 0 must be > 0 µm"),
    "negative radius": (SOMA + "2 3 5 0 0 -1 1\n", 2, "radius -1 must be > 0 µm"),
    "blank line": (SOMA + "2 3 5 0 0 1 1\n\n3 3 9 0 0 1 2\n", 3, "blank"),
    "type 0": (SOMA + "2 0 5 0 0 1 1\n", 2, "type 0 is none of 1"),
    "type 5": (SOMA + "2 5 5 0 0 1 1\n", 2, "type 5"),
    "type by name": (SOMA + "2 basal 5 0 0 1 1\n", 2, "type 'basal' is no whole number"),
    "broken id": (SOMA + "2.5 3 5 0 0 1 1\n", 2, "id '2.5'"),
    "negative id": (SOMA + "-2 3 5 0 0 1 1\n", 2, "id -2"),
    "odd root": ("1 1 0 0 0 5 -3\n", 1, "parent -3"),
    "six columns": (SOMA + "2 3 5 0 0 1\n", 2, "6 columns; must have 7"),
    "eight columns": (SOMA + "2 3 5 0 0 1 1 1\n", 2, "8 columns"),
    "commas": ("1,1,0,0,0,5,-1\n", 1, "columns"),
    "duplicate id": (SOMA + "2 3 5 0 0 1 1\n2 3 9 0 0 1 1\n", 3, "id 2 is given twice; first in line 2"),
    "not a number": (SOMA + "2 3 5 zero 0 1 1\n", 2, "y 'zero' is no finite number"),
    "nan": (SOMA + "2 3 nan 0 0 1 1\n", 2, "x 'nan' is no finite number"),
    "inf": (SOMA + "2 3 5 0 0 inf 1\n", 2, "radius 'inf' is no finite number"),
    "too large": (SOMA + "2 3 5 0 1e200 1 1\n", 2, "z 1e200 is beyond any cell"),
    "no soma": ("1 3 0 0 0 5 -1\n2 3 5 0 0 1 1\n", None, "no soma"),
    "empty": ("", None, "no points"),
    "comments only": ("# nothing\n\n# here\n", None, "no points"),
    "no length": (SOMA + "2 3 5 0 0 1 1\n3 3 5 0 0 1 2\n", 3, "no length"),
    "soma without length": ("1 1 0 0 0 5 -1\n2 1 0 0 0 5 1\n", 2, "no length"),
    "prose": ("There was once a neuron that had no branches at all.\n", 1, "columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_odd_files_are_refused_with_the_line(name, tmp_path):
    text, line, reason = BAD[name]
    file = tmp_path / "cell.swc"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=reason) as error:
        read_swc(file)
    assert error.value.line == line
    assert str(file) in str(error.value)


def test_blank_lines_around_the_data_and_old_encodings_are_fine(tmp_path):
    file = tmp_path / "cell.swc"
    file.write_bytes(b"# radius in \xb5m\n\n" + CELL.encode() + b"\n  \n")
    assert read_swc(file) == parse_swc(CELL)


def test_what_is_no_text_or_not_there(tmp_path):
    (tmp_path / "picture.swc").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(FileFormatError, match="is no text") as error:
        read_swc(tmp_path / "picture.swc")
    assert error.value.line == 3
    with pytest.raises(MissingFile):
        read_swc(tmp_path / "none.swc")
    with pytest.raises(FileFormatError, match="can't be read"):
        read_swc(tmp_path)


# ------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["synthetic-l5", "synthetic-l23"])
def test_writing_and_reading_gives_the_same_to_the_last_bit(kind, seed, tmp_path):
    cell = synthesize(kind, seed)
    # places that no short decimal number holds, and branches that begin thinner than their parents end
    cell = scaled(scaled(cell, length=1 / 3, domains="apical"), diameter=np.pi, domains=["apical_tuft", "basal"])
    write_swc(cell, tmp_path / "cell.swc")
    again = read_swc(tmp_path / "cell.swc", name=cell.name)
    assert again.digest == cell.digest
    assert again.digest != synthesize(kind, seed).digest


def test_domains_against_the_rule_are_kept(tmp_path):
    cell = parse_swc(CELL).with_domains({"apical_0": "apical_tuft", "basal_1": "apical_oblique"})
    write_swc(cell, tmp_path / "cell.swc")
    assert read_swc(tmp_path / "cell.swc") == cell
    assert read_swc(tmp_path / "cell.swc") != parse_swc(CELL)


def test_domains_of_no_section_are_refused():
    with pytest.raises(FileFormatError, match="basal_9") as error:
        parse_swc("# hnnlib domain basal_9 = basal\n" + CELL)
    assert error.value.line == 1


def test_a_morphology_that_swc_can_not_hold_is_refused(tmp_path):
    cell = parse_swc(CELL)
    odd = attrs.evolve(cell, names=("soma", "basal_0", "basal_1", "basal_2", "axon_0", "trunk"))
    with pytest.raises(InvalidValue, match="can't be written as SWC"):
        write_swc(odd, tmp_path / "cell.swc")
    assert not list(tmp_path.iterdir())


def test_an_older_file_is_replaced_only_where_that_is_wanted(tmp_path):
    file = tmp_path / "cell.swc"
    file.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_swc(parse_swc(CELL), file, overwrite=False)
    assert file.read_text() == "mine"
    with pytest.raises(OutputError, match="does not exist"):
        write_swc(parse_swc(CELL), tmp_path / "none" / "cell.swc")
