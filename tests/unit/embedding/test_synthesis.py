"""Cells that are grown: what they are asked to be, and that those that are shipped are what the code makes."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import UnknownName
from hnnlib.embedding.form.alignment import aligned
from hnnlib.embedding.form.domains import totals_by_domain
from hnnlib.embedding.form.reading import read_morphology
from hnnlib.embedding.form.synthesis import FORMS, synthesize

KINDS = ["synthetic-l5", "synthetic-l23"]


def basal_within(cell, way):
    """Return the length of basal dendrite within a path distance of the soma's middle, and beyond it."""
    basal = cell.sections_of("basal")
    near = np.clip(way - cell.start_distance_um[basal], 0, cell.lengths_um[basal]).sum()
    return near, cell.lengths_um[basal].sum() - near


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_cells_are_what_the_code_grows(kind):
    shipped = read_morphology(kind)
    assert shipped == synthesize(kind)
    assert shipped == synthesize(kind, FORMS[kind].seed)
    assert shipped.name == kind


def test_the_thick_tufted_cell_has_room_for_the_synapses_of_l5neuronsimulation():
    cell = read_morphology("synthetic-l5")
    near, far = basal_within(cell, 50.0)
    apical = cell.lengths_um[cell.sections_of("apical")].sum()
    # densities and contacts per cell of its parameter file; counts that its code makes of 4649, 483 and 7440 µm
    assert [
        int(far * 2.16 / 5),
        int(apical * 2.16 / 5),
        int(far * 0.22 / 2.7),
        int(apical * 0.22 / 12),
        int(near * 0.22 / 2.8),
    ] == [2008, 3214, 378, 136, 37]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_each_seed_gives_a_cell_of_the_form(kind, seed):
    form, cell = FORMS[kind], synthesize(kind, seed)
    totals = totals_by_domain(cell)
    apical = [totals[domain] for domain in ("apical_trunk", "apical_oblique", "apical_tuft")]
    assert sum(t["length_um"] for t in apical) == pytest.approx(form.apical_length, rel=1e-3)
    assert totals["apical_tuft"]["reach_um"] == pytest.approx(form.apical_reach, rel=1e-3)
    assert totals["basal"]["length_um"] == pytest.approx(form.basal_length, rel=1e-3)
    assert basal_within(cell, 50.0)[0] == pytest.approx(form.basal_near, rel=1e-2)
    # the rule for domains finds the parts as they were grown
    assert totals["basal"]["n_sections"] == 2 * form.basal_tips - form.basal_trees
    assert totals["apical_trunk"]["n_sections"] == len(form.oblique_tips) + 1
    assert totals["apical_oblique"]["n_tips"] == sum(form.oblique_tips)
    assert totals["apical_tuft"]["n_tips"] == form.tuft_tips
    assert (np.flatnonzero(cell.parent == 0).size) == form.basal_trees + 2  # and an axon, and one apical tree
    points = np.concatenate(cell.points)
    assert points[:, 2].max() <= form.pia * 1.05
    assert points[:, 2].max() > 0.8 * form.pia
    # no plane: it spreads about as far in x as in y
    spread = np.std(points[:, :2], axis=0)
    assert spread.max() < 2.5 * spread.min()


@pytest.mark.parametrize("kind", KINDS)
def test_dendrites_taper_and_step_evenly(kind):
    cell = read_morphology(kind)
    for points, name in zip(cell.points[1:], cell.names[1:], strict=True):
        assert points[-1, 3] <= points[0, 3], name
        assert points[:, 3].min() > 0.4, name
        assert np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1).max() < 13, name


@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_upright_at_the_origin(kind):
    cell = synthesize(kind, 9)
    moved = [a - b for a, b in zip(aligned(cell).points, cell.points, strict=True)]
    assert np.abs(np.concatenate(moved)).max() < 0.01 * np.sqrt(3)
    height, width = FORMS[kind].soma
    assert cell.points[0].tolist() == [[0, 0, -height / 2, width], [0, 0, 0, width], [0, 0, height / 2, width]]


def test_seeds_are_cells():
    cells = [synthesize("synthetic-l23", seed) for seed in (0, 1, 1, 2)]
    assert cells[1] == cells[2]
    assert len({cell.digest for cell in cells}) == 3


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownName, match="synthetic-l23"):
        synthesize("synthetic-l2")
