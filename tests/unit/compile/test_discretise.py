"""Cells cut into segments: geometry, distances, membrane, sites; numbers of Jones et al. 2009, Kohl et al. 2022."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.compile.discretise import make_template
from hnnlib.models.cells.basket import basket
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal, l5_pyramidal_calcium
from hnnlib.plan.tables import Density, Template
from hnnlib.spec.cells import CellSpec, SectionSpec

DIAGONAL = 255.0 / math.sqrt(2.0)
# section -> L, diam, segments, path distance of the 0 end, 0 end (x, z), 1 end (x, z); y is 0
L2_PYRAMIDAL = {
    "soma": (22.1, 23.4, 1, 0.0, (0, 0), (0, 22.1)),
    "apical_trunk": (59.5, 4.25, 1, 22.1, (0, 22.1), (0, 81.6)),
    "apical_1": (306, 4.08, 7, 81.6, (0, 81.6), (0, 387.6)),
    "apical_tuft": (238, 3.4, 5, 387.6, (0, 387.6), (0, 625.6)),
    "apical_oblique": (340, 3.91, 7, 81.6, (0, 81.6), (-340, 81.6)),
    "basal_1": (85, 4.25, 1, 0.0, (0, 0), (0, -85)),
    "basal_2": (255, 2.72, 5, 85.0, (0, -85), (-DIAGONAL, -85 - DIAGONAL)),
    "basal_3": (255, 2.72, 5, 85.0, (0, -85), (DIAGONAL, -85 - DIAGONAL)),
}
L5_PYRAMIDAL = {
    "soma": (39, 28.9, 1, 0.0, (0, 0), (0, 39)),
    "apical_trunk": (102, 10.2, 3, 39.0, (0, 39), (0, 141)),
    "apical_1": (680, 7.48, 13, 141.0, (0, 141), (0, 821)),
    "apical_2": (680, 4.93, 13, 821.0, (0, 821), (0, 1501)),
    "apical_tuft": (425, 3.4, 9, 1501.0, (0, 1501), (0, 1926)),
    "apical_oblique": (255, 5.1, 5, 141.0, (0, 141), (-255, 141)),
    "basal_1": (85, 6.8, 1, 0.0, (0, 0), (0, -85)),
    "basal_2": (255, 8.5, 5, 85.0, (0, -85), (-DIAGONAL, -85 - DIAGONAL)),
    "basal_3": (255, 8.5, 5, 85.0, (0, -85), (DIAGONAL, -85 - DIAGONAL)),
}
CELLS = {"L2": (l2_pyramidal, L2_PYRAMIDAL, 32), "L5": (l5_pyramidal, L5_PYRAMIDAL, 55)}


def density(template: Template, mechanism: str) -> Density:
    return next(d for d in template.densities if d.mechanism == mechanism)


def values_in(template: Template, mechanism: str, parameter: str, section: str) -> np.ndarray:
    """Return a parameter at the segments of one section."""
    found = density(template, mechanism)
    rows = template.segments.section[found.segments] == template.sections.names.index(section)
    return found.parameters[parameter][rows]


@pytest.fixture(scope="module", params=CELLS)
def pyramidal(request):
    make, table, n_segments = CELLS[request.param]
    return make_template("cell", make()), table, n_segments


def test_sizes_of_sections(pyramidal):
    template, table, n_segments = pyramidal
    s = template.sections
    assert set(s.names) == set(table)
    for i, name in enumerate(s.names):
        length, diam, nseg, *_ = table[name]
        assert (s.L_um[i], s.nseg[i]) == (length, nseg), name
        assert s.diam_um[i] == np.float32(diam), name
    assert template.n_segments == n_segments
    assert np.array_equal(s.first_segment, np.cumsum(s.nseg) - s.nseg)


def test_path_distances_from_the_root(pyramidal):
    template, table, _ = pyramidal
    for i, name in enumerate(template.sections.names):
        length, _, nseg, distance, *_ = table[name]
        found = template.segments.distance_um[template.segments.section == i]
        expected = distance + length * (2 * np.arange(nseg) + 1) / (2 * nseg)
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=name)
        x = template.segments.x[template.segments.section == i]
        np.testing.assert_allclose(x, (np.arange(nseg) + 0.5) / nseg, rtol=1e-15)


def test_ends_of_sections(pyramidal):
    template, table, _ = pyramidal
    for i, name in enumerate(template.sections.names):
        *_, start, end = table[name]
        np.testing.assert_allclose(template.sections.start_um[i], (start[0], 0, start[1]), atol=1e-12, err_msg=name)
        np.testing.assert_allclose(template.sections.end_um[i], (end[0], 0, end[1]), atol=1e-12, err_msg=name)


def test_the_order_of_sections_is_that_of_creation(pyramidal):
    template, _, _ = pyramidal
    assert template.sections.names[-1] == "soma"
    assert template.sections.parent[-1] == -1
    assert (template.sections.parent >= 0).sum() == len(template.sections.names) - 1


def test_sites_of_a_pyramidal_cell(pyramidal):
    template, table, _ = pyramidal
    sites, names = template.sites, template.sections.names
    found = {(names[s], r) for s, r in zip(sites.section, sites.receptors, strict=True)}
    expected = {(name, r) for name in table if name != "soma" for r in ("ampa", "nmda", "gabaa", "gabab")}
    assert found == expected | {("soma", "gabaa"), ("soma", "gabab")}
    assert len(found) == template.n_sites
    assert set(sites.x) == {0.5}
    for section, segment in zip(sites.section, sites.segment, strict=True):
        assert segment == template.sections.middle_segment(section)
    constants = dict(zip(sites.receptors, sites.parameters, strict=True))
    assert constants["nmda"] == {"e": 0.0, "tau1": 1.0, "tau2": 20.0}
    assert constants["gabaa"] == {"e": -80.0, "tau1": 0.5, "tau2": 5.0}


def test_membrane_of_the_layer_2_cell():
    template = make_template("cell", l2_pyramidal())
    assert [d.mechanism for d in template.densities] == ["hh2", "km"]
    for name in L2_PYRAMIDAL:
        gnabar = 0.18 if name == "soma" else 0.15
        assert set(values_in(template, "hh2", "gnabar", name)) == {gnabar}
        assert set(values_in(template, "hh2", "el", name)) == {-65.0}
        assert set(values_in(template, "km", "gbar", name)) == {250.0}
    assert set(template.sections.cm_uF_cm2) == {0.6195}
    assert set(template.sections.v0_mV) == {-71.46}


def test_membrane_of_the_layer_5_cell():
    template = make_template("cell", l5_pyramidal())
    assert {d.mechanism for d in template.densities} == {"hh2", "ca", "cad", "kca", "km", "cat", "ar"}
    for name in L5_PYRAMIDAL:
        is_soma = name == "soma"
        assert set(values_in(template, "hh2", "gnabar", name)) == {0.16 if is_soma else 0.14}
        assert set(values_in(template, "hh2", "el", name)) == {-65.0 if is_soma else -71.0}
        x = template.segments.distance_um[template.segments.section == template.sections.names.index(name)]
        expected = [1e-6] if is_soma else 1e-6 * np.exp(0.003 * x)
        np.testing.assert_allclose(values_in(template, "ar", "gbar", name), expected, rtol=1e-14, err_msg=name)
    v0 = dict(zip(template.sections.names, template.sections.v0_mV, strict=True))
    assert (v0["soma"], v0["apical_1"], v0["apical_2"], v0["apical_tuft"]) == (-72.0, -71.32, -69.08, -67.30)


def test_graded_membrane_of_the_calcium_cell():
    template = make_template("cell", l5_pyramidal_calcium())
    trunk = values_in(template, "ca", "gbar", "apical_trunk")
    np.testing.assert_allclose(trunk, 10 + np.array([56.0, 90.0, 124.0]) * 30 / 1501, rtol=1e-14)
    np.testing.assert_allclose(trunk, [11.12, 11.80, 12.48], atol=0.005)
    assert set(values_in(template, "ca", "gbar", "apical_tuft")) == {40.0}
    assert values_in(template, "ca", "gbar", "soma").tolist() == [60.0]
    assert values_in(template, "hh2", "gnabar", "soma").tolist() == [0.32]
    # beyond 962 µm sodium stays as it is there
    far = values_in(template, "hh2", "gnabar", "apical_2")
    np.testing.assert_allclose(far[-8:], 0.0028, rtol=1e-12)
    assert np.all(np.diff(far[:4]) < 0)
    x = 85 + 255 * 0.1
    np.testing.assert_allclose(
        values_in(template, "hh2", "gkbar", "basal_2")[0], 0.06 * (math.exp(-0.006 * x) + 1e-4), rtol=1e-14
    )


@pytest.mark.parametrize(("distal", "sections"), [(True, ("soma",)), (False, ())])
def test_basket_cells(distal, sections):
    cell = basket(distal=distal)
    template = make_template("cell", cell)
    assert template.n_segments == 1
    assert template.sites.receptors == ("ampa", "gabaa", "nmda")
    assert density(template, "hh2").parameters == {}
    assert (cell.sections_at("proximal"), cell.sections_at("distal")) == (("soma",), sections)
    assert template.sections.v0_mV.tolist() == [-64.9737]


def test_a_parameter_that_some_sections_leave_out_is_marked():
    cell = CellSpec(
        sections={
            "soma": SectionSpec(L=10.0, diam=10.0, mechanisms={"pas": {"g": 1e-4}}),
            "a": SectionSpec(L=150.0, diam=1.0, parent="soma", mechanisms={"pas": {}}),
            "b": SectionSpec(L=10.0, diam=1.0, parent="soma"),
        }
    )
    template = make_template("cell", cell)
    found = density(template, "pas")
    assert found.sections.tolist() == [0, 1]
    assert found.segments.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.parameters["g"], [1e-4, np.nan, np.nan, np.nan])
    assert list(found.parameters) == ["g"]


def test_a_changed_length_moves_what_is_beyond():
    cell = l2_pyramidal()
    trunk = attrs.evolve(cell.sections["apical_trunk"], L=159.5)
    longer = attrs.evolve(cell, sections={**cell.sections, "apical_trunk": trunk})
    before, after = (make_template("cell", c).sections for c in (cell, longer))
    moved = after.end_um[:, 2] - before.end_um[:, 2]
    beyond = [n in ("apical_trunk", "apical_1", "apical_tuft", "apical_oblique") for n in after.names]
    np.testing.assert_allclose(moved, np.where(beyond, 100.0, 0.0), atol=1e-12)


def test_sections_may_be_named_in_any_order():
    """A child may stand before its parent."""
    cell = CellSpec(
        sections={
            "tip": SectionSpec(L=30.0, diam=1.0, parent="stem"),
            "stem": SectionSpec(L=20.0, diam=1.0, parent="soma", parent_end=0, direction=(0, 1, 0)),
            "soma": SectionSpec(L=10.0, diam=1.0),
        }
    )
    template = make_template("cell", cell)
    assert template.sections.parent.tolist() == [1, 2, -1]
    assert template.sections.start_um.tolist() == [[0, 20, 0], [0, 0, 0], [0, 0, 0]]
    assert template.segments.distance_um.tolist() == [35.0, 10.0, 5.0]
    assert template.spike_segment == 2
