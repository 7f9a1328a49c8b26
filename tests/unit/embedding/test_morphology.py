"""Morphologies by name and path, moved, turned and stretched."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.embedding.form.alignment import aligned, scaled, soma_middle
from hnnlib.embedding.form.reading import read_morphology
from hnnlib.embedding.form.swc import parse_swc, write_swc
from hnnlib.embedding.form.synthesis import synthesize

# traced lying: the apical tree along -y
LYING = """\
1 1 10 20 30 6 -1
2 4 10 14 30 2 1
3 4 10 -86 30 1 2
4 4 40 -126 30 0.5 3
5 4 -20 -126 30 0.5 3
6 3 10 26 30 1 1
7 3 10 86 30 0.5 6
"""


# ------------------------------------------------------------------------------------------------- reading


def test_a_file_and_a_name_of_the_package(tmp_path):
    cell = synthesize("synthetic-l23")
    write_swc(cell, tmp_path / "my_cell.SWC")
    assert read_morphology(tmp_path / "my_cell.SWC") == read_morphology("synthetic-l23") == cell
    assert read_morphology(str(tmp_path / "my_cell.SWC")).name == "my_cell"
    assert read_morphology(tmp_path / "my_cell.SWC").source == "my_cell.SWC"


def test_what_can_not_be_read_is_named(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'synthetic-l5'"):
        read_morphology("syntetic-l5")
    with pytest.raises(MissingFile):
        read_morphology(tmp_path / "none.swc")
    with pytest.raises(MissingFile):
        read_morphology(tmp_path / "none.asc")
    with pytest.raises(InvalidValue, match=r"must be a file \.swc or \.asc"):
        read_morphology(tmp_path / "cell.hoc")
    with pytest.raises(InvalidType):
        read_morphology(5)
    (tmp_path / "folder.asc").mkdir()
    with pytest.raises(FileFormatError, match="is a folder"):
        read_morphology(tmp_path / "folder.asc")


def test_sections_by_name_and_number():
    cell = parse_swc(LYING)
    assert cell.index("basal_0") == 4
    assert cell.index(4) == 4
    with pytest.raises(UnknownName, match="apical_9"):
        cell.index("apical_9")
    with pytest.raises(InvalidValue, match="sections 0 to 4"):
        cell.index(5)


# ------------------------------------------------------------------------------------------------- moving


def test_aligning_puts_the_soma_at_the_origin_and_the_apical_tree_upwards():
    cell = parse_swc(LYING)
    np.testing.assert_allclose(soma_middle(cell), [10, 20, 30])
    upright = aligned(cell)
    np.testing.assert_allclose(upright.points[0], [[0, 0, -6, 12], [0, 0, 0, 12], [0, 0, 6, 12]], atol=1e-12)
    np.testing.assert_allclose(upright.points[1], [[0, 0, 6, 4], [0, 0, 106, 2]], atol=1e-12)
    np.testing.assert_allclose(upright.points[4][-1], [0, 0, -66, 1], atol=1e-12)
    np.testing.assert_allclose(upright.lengths_um, cell.lengths_um)
    assert upright.domains == cell.domains


def test_aligning_keeps_handedness_and_ends_together():
    rng = np.random.default_rng(3)
    cell = synthesize("synthetic-l23", 4)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    rows = [np.column_stack([points[:, :3] @ turn.T + [300, -20, 7], points[:, 3]]) for points in cell.points]
    for i in range(1, cell.n_sections):  # to the last bit, as a file has it
        if cell.parent[i] > 0:
            rows[i][0, :3] = rows[cell.parent[i]][-1, :3]
    turned = type(cell)(
        names=cell.names,
        types=cell.types,
        parent=cell.parent,
        parent_end=cell.parent_end,
        points=tuple(rows),
        domains=cell.domains,
    )
    back = aligned(turned)
    for i in range(1, cell.n_sections):
        if cell.parent[i] > 0:
            assert (back.points[i][0, :3] == back.points[cell.parent[i]][-1, :3]).all()
    # what is left is a turn about z
    a, b = np.concatenate(cell.points)[:, :3], np.concatenate(back.points)[:, :3]
    np.testing.assert_allclose(b[:, 2], a[:, 2], atol=0.02)
    best, *_ = np.linalg.lstsq(a[:, :2], b[:, :2], rcond=None)
    assert np.linalg.det(best) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(a[:, :2] @ best, b[:, :2], atol=0.05)


def test_a_cell_that_stands_on_its_head_and_one_without_apical_dendrites():
    head = parse_swc("1 1 0 0 0 5 -1\n2 4 0 0 -5 1 1\n3 4 0 0 -95 1 2\n4 3 5 0 0 1 1\n5 3 9 9 0 1 4\n")
    up = aligned(head)
    np.testing.assert_allclose(up.points[1][-1], [0, 0, 95, 2], atol=1e-12)
    np.testing.assert_allclose(np.abs(up.points[2][-1]), [9, 9, 0, 2], atol=1e-12)
    basal = parse_swc("1 1 1 2 3 5 -1\n2 3 6 2 3 1 1\n3 3 96 2 3 1 2\n")
    np.testing.assert_allclose(aligned(basal).points[1], [[5, 0, 0, 2], [95, 0, 0, 2]])


def test_scaling_all_of_it():
    cell = parse_swc(LYING)
    twice = scaled(cell, length=2, diameter=3)
    np.testing.assert_allclose(twice.lengths_um, 2 * cell.lengths_um)
    np.testing.assert_allclose(twice.start_distance_um, 2 * cell.start_distance_um)
    np.testing.assert_allclose(soma_middle(twice), soma_middle(cell))
    np.testing.assert_allclose(twice.points[1][:, 3], 3 * cell.points[1][:, 3])
    np.testing.assert_allclose(twice.points[1][0, :3], [10, 8, 30])


def test_scaling_a_domain_moves_what_is_beyond():
    cell = parse_swc(LYING)
    longer = scaled(cell, length=1.5, domains="apical_trunk")
    np.testing.assert_allclose(longer.lengths_um, cell.lengths_um * [1, 1.5, 1, 1, 1])
    np.testing.assert_allclose(longer.points[1][:, :3], [[10, 14, 30], [10, -136, 30]])
    np.testing.assert_allclose(longer.points[2][:, :3], [[10, -136, 30], [40, -176, 30]])
    np.testing.assert_allclose(longer.points[4], cell.points[4])
    assert scaled(cell) == cell
    with pytest.raises(InvalidValue, match="length"):
        scaled(cell, length=0)
    with pytest.raises(InvalidValue, match="diameter"):
        scaled(cell, diameter=float("inf"))
    with pytest.raises(UnknownName, match="apical_trunk"):
        scaled(cell, length=2, domains="trunk")
