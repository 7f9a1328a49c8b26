"""Detailed cells: sections and their membrane, segments, axon, identity; and a network that holds one."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.embedding.form.alignment import is_upright
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.swc import write_swc
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane
from hnnlib.embedding.membrane.cell import DetailedCell, electrotonic_length
from hnnlib.embedding.membrane.spatial import LinearRule
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population, TonicBias
from hnnlib.spec.profiles import Sampled
from hnnlib.spec.run import RunSpec

LEAK = {"pas": {"g": 5e-5, "e": -70.0}}
GROWING = LinearRule(near=0.0, far=400.0, end=400.0)  # the distance itself


@pytest.fixture(scope="module")
def membrane() -> Biophysics:
    """A leak everywhere, and a channel on the apical tree that tells each place's distance."""
    return Biophysics(
        domains={
            "all": Membrane(mechanisms=LEAK),
            "apical": Membrane(cm=2.0, v0=-68.0, mechanisms={"km": {"gbar": GROWING}}),
        },
        axon="keep",
    )


def test_segments_are_no_longer_than_asked_and_odd_in_number(fork, membrane):
    for longest in (300.0, 60.0, 7.0):
        cell = DetailedCell(fork, membrane, max_segment_um=longest)
        assert (cell.segments.length_um <= longest * (1 + 1e-9)).all()
        assert (cell.segments.n_of_section % 2 == 1).all()
        fewer = np.maximum(cell.segments.n_of_section - 2, 0)
        assert (fewer * longest < fork.lengths_um).all()


def test_segments_by_the_length_constant(fork, membrane):
    """A cylinder of 300 µm, 1 µm thick: its length constant at 100 Hz is 1e5 sqrt(1 / (4 pi 100 100 2)) = 199.5 µm."""
    points = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 300.0, 1.0]])
    assert electrotonic_length(points, 100.0, 2.0) == pytest.approx(300.0 / 199.47, rel=1e-4)
    cell = DetailedCell(fork, membrane, max_segment_um=None, d_lambda=0.1)
    for i, name in enumerate(fork.names):
        section = cell.spec.sections[name]
        length = electrotonic_length(fork.points[i], section.Ra, section.cm)
        n = section.nseg
        assert n % 2 == 1
        assert length / n <= 0.1
        assert n == 1 or length / (n - 2) > 0.1
    both = DetailedCell(fork, membrane, max_segment_um=5.0, d_lambda=0.1).segments.n_of_section
    alone = [DetailedCell(fork, membrane, max_segment_um=5.0).segments.n_of_section, cell.segments.n_of_section]
    np.testing.assert_array_equal(both, np.maximum(*alone))


def test_the_membrane_is_that_of_the_place(fork, membrane):
    cell = DetailedCell(fork, membrane, max_segment_um=25.0)
    spec, table = cell.spec, cell.segments
    assert list(spec.sections) == list(fork.names)
    assert (spec.spike_section, spec.dipole_axis) == ("soma", "soma")
    assert spec.sections["apical_1"].parent == "apical_0"
    assert (spec.sections["basal_0"].parent, spec.sections["basal_0"].parent_end) == ("soma", 0)
    assert (spec.sections["apical_0"].cm, spec.sections["basal_0"].cm) == (2.0, 1.0)
    assert (spec.sections["apical_0"].v0, spec.sections["basal_0"].v0) == (-68.0, -70.0)
    assert spec.sections["basal_0"].mechanisms == LEAK
    for name in ("apical_0", "apical_2"):
        found = spec.sections[name].mechanisms["km"]["gbar"]
        assert isinstance(found, Sampled)
        np.testing.assert_allclose(found.values, table.distance_um[table.section == fork.index(name)])
    assert dict(spec.locations) == {
        "apical_trunk": ("apical_0",),
        "apical_tuft": ("apical_1", "apical_2"),
        "basal": ("basal_0",),
        "axon": ("axon_0",),
        "apical": ("apical_0", "apical_1", "apical_2"),
    }


def test_the_table_of_segments(fork, membrane):
    table = DetailedCell(fork, membrane, max_segment_um=25.0).segments
    assert table.names == fork.names
    rows = table.section == 1
    assert rows.sum() == 13
    np.testing.assert_allclose(table.distance_um[rows], 10.0 + 300.0 * (np.arange(13) + 0.5) / 13)
    np.testing.assert_allclose(table.position_um[rows][:, 2], table.distance_um[rows], rtol=1e-6)
    np.testing.assert_allclose(table.end_um[rows][:-1], table.start_um[rows][1:], atol=1e-4)
    assert table.distance_um[0] == 0.0
    assert table.area_um2[0] == pytest.approx(math.pi * 20.0 * 20.0, rel=1e-6)
    # frusta: the whole lateral area of the trunk
    slant = [math.hypot(150.0, 0.5)] * 2
    area = math.pi * ((4 + 3) / 2 * slant[0] + (3 + 2) / 2 * slant[1])
    assert table.area_um2[rows].sum() == pytest.approx(area, rel=1e-6)
    assert (np.diff(table.diam_um[rows]) < 0).all()
    assert set(table.domain[table.section == 2]) == {"apical_tuft"}
    np.testing.assert_array_equal(np.unique(table.branch_order[table.section == 2]), [1])
    np.testing.assert_array_equal(table.at([1, 1], [0.0, 1.0]), np.flatnonzero(rows)[[0, -1]])


def test_the_axon(fork, membrane):
    with_stub = DetailedCell(fork, attrs.evolve(membrane, axon="stub"))
    without = DetailedCell(fork, attrs.evolve(membrane, axon="none"))
    assert without.morphology.names == ("soma", "apical_0", "apical_1", "apical_2", "basal_0")
    assert with_stub.morphology.names == (*without.morphology.names, "axon_0", "axon_1")
    first, second = (with_stub.spec.sections[n] for n in ("axon_0", "axon_1"))
    assert (first.parent, first.parent_end, second.parent, second.parent_end) == ("soma", 0, "axon_0", 1)
    assert (first.L, first.diam, second.L, second.diam) == pytest.approx((30.0, 1.0, 30.0, 1.0))
    np.testing.assert_allclose(with_stub.spec.section_ends()["axon_1"], [[0.0, 0.0, -40.0], [0.0, 0.0, -70.0]])
    again = DetailedCell(with_stub.morphology, with_stub.biophysics)
    assert again == with_stub  # a stub in the place of a stub
    assert again.segments.digest == with_stub.segments.digest


def test_a_dendrite_on_the_axon_needs_it(fork, membrane):
    parent = fork.parent.copy()
    odd = Morphology(
        names=(*fork.names[:4], "axon_0", "basal_0"),
        types=(*fork.types[:4], "axon", "basal"),
        parent=np.array([*parent[:4], 0, 4]),
        parent_end=np.array([1, 1, 1, 1, 0, 1]),
        points=(*fork.points[:4], fork.points[5], fork.points[4]),
        domains=(*fork.domains[:4], "axon", "basal"),
    )
    assert DetailedCell(odd, membrane).spec.sections["basal_0"].parent == "axon_0"
    with pytest.raises(InvalidValue, match=r"axon: 'none' can't be: basal_0 sits on the axon \(axon_0\)"):
        DetailedCell(odd, attrs.evolve(membrane, axon="none"))


def test_identity(fork, membrane):
    cell = DetailedCell(fork, membrane)
    assert cell == DetailedCell(fork, membrane)
    assert len({cell, DetailedCell(fork, membrane)}) == 1
    others = [
        DetailedCell(fork, membrane, max_segment_um=10.0),
        DetailedCell(fork, attrs.evolve(membrane, Ra=101.0)),
        DetailedCell(fork.with_domains({"apical_1": "apical_oblique"}), membrane),
    ]
    assert len({cell.digest, *(other.digest for other in others)}) == 4
    assert repr(cell) == "<DetailedCell fork | 6 sections, 42 segments, 820 µm>"


def test_what_is_not_allowed_is_refused(fork, membrane):
    with pytest.raises(InvalidValue, match="max_segment_um: None must be given where d_lambda is not"):
        DetailedCell(fork, membrane, max_segment_um=None)
    with pytest.raises(InvalidValue, match="max_segment_um: 0 must be > 0 µm"):
        DetailedCell(fork, membrane, max_segment_um=0)
    with pytest.raises(InvalidType, match="biophysics"):
        DetailedCell(fork, {"domains": {}})
    with pytest.raises(InvalidValue, match=r"domain: 'apical_oblique' has no section in fork"):
        DetailedCell(fork, membrane).nearest_section("apical_oblique", 100.0)


def test_nearest_section(fork, membrane):
    cell = DetailedCell(fork, membrane)
    assert cell.nearest_section("apical", 100.0) == "apical_0"
    assert cell.nearest_section("apical", 1000.0) == "apical_1"
    assert cell.nearest_section("apical_trunk", 1000.0) == "apical_0"


def test_an_ordinary_network_takes_the_cell(fork, membrane, tiny_cell):
    """Beside cells of another kind, with a bias, as its spec says."""
    cell = DetailedCell(fork, membrane)
    places = AtPoints(points=[(0.0, 0.0, 0.0), (50.0, 0.0, 100.0)])
    network = NetworkSpec(
        populations={
            "detailed": Population(cell=cell.spec, place=places, measure_dipole=True),
            "simple": Population(cell=tiny_cell, place=AtPoints(points=[(100.0, 0.0, 0.0)])),
        },
        biases={"b": {"detailed": TonicBias(amplitude=0.1, section="apical_2")}},
    )
    plan = compile_plan(network, RunSpec(tstop=10.0))
    assert [t.n_segments for t in plan.templates] == [len(cell.segments), 4]
    assert plan.n_cells == 3
    np.testing.assert_array_equal(plan.biases.section, [fork.index("apical_2")] * 2)
    np.testing.assert_allclose(plan.templates[0].segments.area_um2, cell.segments.area_um2)


def test_a_file_is_read_and_turned_upright(fork, membrane, tmp_path):
    lying = attrs.evolve(fork, points=tuple(p[:, [2, 0, 1, 3]] + [100.0, 0.0, 0.0, 0.0] for p in fork.points))
    write_swc(lying, tmp_path / "lying.swc")
    cell = DetailedCell(tmp_path / "lying.swc", membrane)
    assert is_upright(cell.morphology)
    assert not is_upright(lying)
    assert DetailedCell(lying, membrane).morphology.points[1][-1, 0] == pytest.approx(410.0)  # a value stays as it is
