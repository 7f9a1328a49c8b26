"""Domains by rule, and how much of a cell is in each."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.embedding.form.domains import label_domains, totals_by_domain
from hnnlib.embedding.form.swc import parse_swc


def cell_of(*branches):
    """Return a cell of straight branches: (type, id of the begin, x and z of the end); ids from 2 on."""
    rows = ["1 1 0 0 0 10 -1"]
    for i, (kind, above, x, z) in enumerate(branches, 2):
        rows.append(f"{i} {kind} {x} 0 {z} 0.5 {above}")
    return parse_swc("\n".join(rows))


# trunk to z = 100 with an oblique at 60; from there two branches, of which one forks again
PYRAMID = (
    (4, 1, 0, 10),
    (4, 2, 0, 60),
    (4, 3, 50, 60),
    (4, 3, 0, 100),
    (4, 5, -50, 100),
    (4, 5, 0, 150),
    (4, 7, 40, 150),
    (4, 7, 0, 200),
    (3, 1, 0, -10),
    (3, 10, 0, -90),
    (2, 1, 5, -10),
    (2, 12, 5, -60),
)


def test_the_tuft_begins_at_the_first_fork_of_weight():
    cell = cell_of(*PYRAMID)
    assert dict(zip(cell.names, cell.domains, strict=True)) == {
        "soma": "soma",
        "apical_0": "apical_trunk",
        "apical_1": "apical_oblique",
        "apical_2": "apical_trunk",
        "apical_3": "apical_tuft",
        "apical_4": "apical_tuft",
        "apical_5": "apical_tuft",
        "apical_6": "apical_tuft",
        "basal_0": "basal",
        "axon_0": "axon",
    }


def test_how_far_up_and_of_what_weight_can_be_said():
    cell = cell_of(*PYRAMID)
    # at 50 of 190 µm, but light: 50 µm against 280
    assert label_domains(cell, tuft_from=0.2).domains == cell.domains
    assert label_domains(cell, tuft_from=0.2, tuft_share=0.1).domains[1:4] == (
        "apical_trunk",
        "apical_tuft",
        "apical_tuft",
    )
    later = label_domains(cell, tuft_from=0.6)
    assert later.domains[1:8] == (
        "apical_trunk",
        "apical_oblique",
        "apical_trunk",
        "apical_oblique",
        "apical_trunk",
        "apical_tuft",
        "apical_tuft",
    )
    with pytest.raises(InvalidValue, match="tuft_from"):
        label_domains(cell, tuft_from=1.5)
    with pytest.raises(InvalidValue, match="tuft_share"):
        label_domains(cell, tuft_share=float("nan"))


def test_a_second_apical_tree_is_oblique():
    cell = cell_of(*PYRAMID, (4, 1, 9, 9), (4, 14, 60, 60))
    assert cell.domains[-1] == "apical_oblique"
    assert cell.parent[-1] == 0
    assert cell.parent_end[-1] == 1


def test_an_apical_dendrite_that_never_forks_is_all_trunk():
    cell = cell_of((4, 1, 0, 10), (4, 2, 0, 300))
    assert cell.domains == ("soma", "apical_trunk")


def test_a_cell_without_apical_dendrites():
    assert cell_of((3, 1, 0, -10), (3, 2, 0, -90)).domains == ("soma", "basal")
    assert parse_swc("1 1 0 0 0 10 -1\n").domains == ("soma",)


def test_an_override_wins_and_can_be_taken_back():
    cell = cell_of(*PYRAMID)
    changed = cell.with_domains({"apical_3": "apical_oblique"})
    assert changed.domains[cell.index("apical_3")] == "apical_oblique"
    assert changed != cell
    assert label_domains(changed) == cell
    with pytest.raises(UnknownName, match="apical_tuft"):
        cell.with_domains({"apical_3": "apical_tuff"})
    with pytest.raises(UnknownName, match="apical_99"):
        cell.with_domains({"apical_99": "apical_tuft"})


def test_totals():
    totals = totals_by_domain(cell_of(*PYRAMID))
    assert list(totals) == ["soma", "axon", "basal", "apical_trunk", "apical_oblique", "apical_tuft"]
    assert totals["soma"] == pytest.approx(
        {"n_sections": 1, "n_tips": 0, "length_um": 20, "area_um2": 400 * np.pi, "reach_um": 10}
    )
    assert totals["apical_trunk"] == pytest.approx(
        {"n_sections": 2, "n_tips": 0, "length_um": 90, "area_um2": 90 * np.pi, "reach_um": 100}
    )
    assert totals["apical_tuft"] == pytest.approx(
        {"n_sections": 4, "n_tips": 3, "length_um": 190, "area_um2": 190 * np.pi, "reach_um": 200}
    )
    assert totals["basal"]["reach_um"] == pytest.approx(90)
