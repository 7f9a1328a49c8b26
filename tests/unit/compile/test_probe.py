"""Measurements as matrices: dipole, traces, electrodes."""

from __future__ import annotations

import math
from collections import defaultdict

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.compile.discretise import make_template
from hnnlib.compile.probe import dipole_weights, transfer_resistance
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal
from hnnlib.models.columns import column
from hnnlib.plan.tables import Plan, Probe, Template
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.layout import Grid
from hnnlib.spec.network import Electrodes, NetworkSpec
from hnnlib.spec.run import Record, RunSpec


def probes_of(network: NetworkSpec, **record: object) -> dict[str, Probe]:
    return {p.name: p for p in compile_plan(network, RunSpec(tstop=1.0, record=Record(**record))).probes}


def matrix_of(plan: Plan, probe: Probe) -> np.ndarray:
    matrix = np.zeros((probe.n_rows, int(plan.segment_offset[-1])))
    for row in range(probe.n_rows):
        entries = slice(probe.indptr[row], probe.indptr[row + 1])
        np.add.at(matrix[row], probe.index[entries], probe.weight[entries])
    return matrix


# ------------------------------------------------------------------------------------------------ dipole


def direct_dipole(template: Template, axis: str, v: np.ndarray) -> float:
    """Evaluate the published formula with explicit nodes at the ends of sections.

    The voltage of a node at a branch point is such that the axial currents into it add up to 0; the formula then sums
    axial current times length times cosine over all pairs of neighbouring nodes.
    """
    s = template.sections
    unit = (s.end_um - s.start_um) / np.linalg.norm(s.end_um - s.start_um, axis=1)[:, None]
    # two ends are one node where they touch: named by the section and end that they hang on
    node_of = {}
    for i in range(len(s.names)):
        node_of[i, 1] = (i, 1)
        node_of[i, 0] = (i, 0) if s.parent[i] < 0 else (int(s.parent[i]), int(s.parent_end[i]))
    while any(node_of[n] != n for n in node_of.values()):
        node_of = {end: node_of[n] for end, n in node_of.items()}
    neighbours = defaultdict(list)  # node -> (segment, resistance)
    for i in range(len(s.names)):
        n = int(s.nseg[i])
        half = 0.01 * s.Ra_ohm_cm[i] * (s.L_um[i] / (2 * n)) / (math.pi * s.diam_um[i] ** 2 / 4)
        first = int(s.first_segment[i])
        neighbours[node_of[i, 0]].append((first, half))
        neighbours[node_of[i, 1]].append((first + n - 1, half))
    v_node = {
        node: sum(v[seg] / r for seg, r in around) / sum(1 / r for _, r in around)
        for node, around in neighbours.items()
    }
    total = 0.0
    for i in range(len(s.names)):
        n = int(s.nseg[i])
        first = int(s.first_segment[i])
        x = [0.0, *((2 * k + 1) / (2 * n) for k in range(n)), 1.0]
        voltages = [v_node[node_of[i, 0]], *v[first : first + n], v_node[node_of[i, 1]]]
        cosine = float(unit[i] @ unit[s.names.index(axis)])
        for j in range(1, n + 2):
            length = (x[j] - x[j - 1]) * s.L_um[i]
            r = 0.01 * s.Ra_ohm_cm[i] * length / (math.pi * s.diam_um[i] ** 2 / 4)
            total += (voltages[j - 1] - voltages[j]) / r * length * cosine
    return total


def branched() -> CellSpec:
    """A cell with a section of even segments, branches on both ends of its root and on a branch."""
    up, down, side = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.6, 0.0, 0.8)
    return CellSpec(
        sections={
            "side": SectionSpec(L=90.0, diam=1.0, nseg=4, Ra=100.0, parent="trunk", direction=side),
            "trunk": SectionSpec(L=200.0, diam=3.0, parent="soma", direction=up),
            "twig": SectionSpec(L=60.0, diam=0.5, nseg=2, parent="side", parent_end=0, direction=down),
            "root": SectionSpec(L=80.0, diam=2.0, parent="soma", parent_end=0, direction=down),
            "soma": SectionSpec(L=20.0, diam=15.0),
        }
    )


@pytest.mark.parametrize(
    ("make", "axis"), [(l2_pyramidal, "apical_trunk"), (l5_pyramidal, "apical_trunk"), (branched, "side")]
)
def test_dipole_weights_equal_the_formula(make, axis):
    template = make_template("cell", make())
    weights = dipole_weights(template, axis)
    rng = np.random.default_rng(0)
    for _ in range(5):
        v = rng.uniform(-90.0, 50.0, template.n_segments)
        expected = direct_dipole(template, axis, v)
        assert weights @ v == pytest.approx(expected, rel=1e-11, abs=1e-11 * np.abs(weights).max() * 90)


@pytest.mark.parametrize("make", [l2_pyramidal, l5_pyramidal, branched])
def test_a_cell_at_one_voltage_has_no_dipole(make):
    weights = dipole_weights(make_template("cell", make()), "soma")
    assert abs(weights.sum()) <= 1e-12 * np.abs(weights).sum()


def test_the_dipole_of_a_cylinder():
    """The sum telescopes: cross-section over resistivity, times the voltage between the ends."""
    cell = CellSpec(sections={"soma": SectionSpec(L=500.0, diam=2.0, Ra=150.0, nseg=9)})
    weights = dipole_weights(make_template("cell", cell), "soma")
    expected = math.pi * 2.0**2 / 4 / (0.01 * 150.0)
    np.testing.assert_allclose(weights, [expected, *[0.0] * 7, -expected], atol=1e-12 * expected)


def test_sections_across_the_axis_count_nothing():
    """Of a straight cable with a branch at a right angle, only the load of the branch is felt, at its base."""
    stem = SectionSpec(L=100.0, diam=2.0, nseg=1)
    across = SectionSpec(L=100.0, diam=2.0, nseg=1, parent="soma", parent_end=0, direction=(1.0, 0.0, 0.0))
    weights = dipole_weights(make_template("cell", CellSpec(sections={"soma": stem, "across": across})), "soma")
    factor = math.pi / (0.01 * 200.0)
    # the branch point has the mean voltage of the two; the stem's dipole is from there to its middle
    np.testing.assert_allclose(weights, [-0.5 * factor, 0.5 * factor], rtol=1e-12)


def test_dipole_rows_are_populations(small_column):
    plan = compile_plan(small_column, RunSpec(tstop=1.0))
    probe = plan.probes[0]
    assert (probe.name, probe.quantity, probe.unit, probe.every) == ("dipole", "v", "fAm", 1)
    assert probe.zero_first
    assert probe.labels == {"population": ("L2_pyramidal", "L5_pyramidal")}
    matrix = matrix_of(plan, probe)
    offset = plan.segment_offset
    for row, (first, last, number) in enumerate([(3, 12, 1), (15, 24, 3)]):
        weights = dipole_weights(plan.templates[number], "apical_trunk")
        for gid in range(plan.n_cells):
            expected = weights if first <= gid < last else 0.0
            assert np.array_equal(
                matrix[row, offset[gid] : offset[gid + 1]], np.broadcast_to(expected, offset[gid + 1] - offset[gid])
            )


def test_a_network_whose_dipole_is_not_measured(tiny_network):
    assert probes_of(tiny_network) == {}


# ------------------------------------------------------------------------------------------------ traces


def test_voltages_of_all_sections(small_column):
    plan = compile_plan(small_column, RunSpec(tstop=1.0, record=Record(vsec="all", every=4)))
    probe = plan.probes[1]
    assert (probe.name, probe.quantity, probe.unit, probe.every) == ("vsec", "v", "mV", 4)
    assert probe.n_rows == 3 + 9 * 8 + 3 + 9 * 9 == 159
    assert np.array_equal(probe.weight, np.ones(159))
    assert not probe.zero_first
    for gid, section, index in zip(probe.labels["gid"], probe.labels["section"], probe.index, strict=True):
        s = plan.templates[plan.cells.template[gid]].sections
        assert index == plan.segment_offset[gid] + s.middle_segment(s.names.index(section))


def test_recording_somata_or_some_sections(small_column):
    soma = probes_of(small_column, vsec="soma")["vsec"]
    assert soma.labels["gid"] == tuple(range(24))
    assert set(soma.labels["section"]) == {"soma"}
    some = probes_of(small_column, vsec=["apical_2", "soma"])["vsec"]
    assert some.n_rows == 24 + 9
    with pytest.raises(InvalidValue, match=r"record\.vsec: 'apical_3' is no section of any cell"):
        probes_of(small_column, vsec=["soma", "apical_3"])


def test_synaptic_currents_by_section_and_receptor(small_column):
    everything = probes_of(small_column, isec="all")["isec"]
    assert (everything.quantity, everything.unit) == ("i_synapse", "nA")
    assert everything.n_rows == 3 * 3 + 9 * 30 + 3 * 3 + 9 * 34
    somata = probes_of(small_column, isec="soma")["isec"]
    rows = list(zip(*(somata.labels[k] for k in ("gid", "section", "receptor")), strict=True))
    assert rows[:5] == [
        (0, "soma", "ampa"),
        (0, "soma", "gabaa"),
        (0, "soma", "nmda"),
        (1, "soma", "ampa"),
        (1, "soma", "gabaa"),
    ]
    assert [r for g, _, r in rows if g == 3] == ["gabaa", "gabab"]


def test_calcium_where_there_is_calcium(small_column):
    probe = probes_of(small_column, ca="all")["ca"]
    assert (probe.quantity, probe.unit) == ("cai", "mM")
    assert set(probe.labels["gid"]) == set(range(15, 24))
    assert probe.n_rows == 9 * 9


def test_recording_calcium_where_there_is_none(tiny_network):
    assert probes_of(tiny_network, ca="all") == {}


# ------------------------------------------------------------------------------------------------ electrodes


def along_y(electrodes: Electrodes) -> np.ndarray:
    """Transfer resistances of a section of 300 µm along y, in five segments."""
    return transfer_resistance(electrodes, np.zeros(3), np.array([0.0, 300.0, 0.0]), 300.0, 5)[0]


def test_point_sources():
    found = along_y(Electrodes(positions=[(10.0, 150.0, 0.0)]))
    y = np.array([30.0, 90.0, 150.0, 210.0, 270.0])
    np.testing.assert_allclose(found, 1000 / (4 * math.pi * 0.3 * np.sqrt(100 + (150 - y) ** 2)), rtol=1e-12)


def test_line_sources():
    """The closed form of the integral of 1 / r along each line; inner lines are 120 µm long, the outer ones 60."""
    found = along_y(Electrodes(positions=[(10.0, 150.0, 0.0)], method="lsa"))
    lines = [(0, 60), (30, 150), (90, 210), (150, 270), (240, 300)]
    expected = [(math.asinh((b - 150) / 10) - math.asinh((a - 150) / 10)) / (b - a) for a, b in lines]
    np.testing.assert_allclose(found, 1000 / (4 * math.pi * 0.3) * np.array(expected), rtol=1e-12)


@pytest.mark.parametrize("contact", [(0.0, -50.0, 0.0), (0.0, 350.0, 0.0), (3.0, 70.0, 4.0), (0.0, 150.0, 0.0)])
def test_line_sources_before_beside_beyond(contact):
    """All branches against the integral by quadrature."""
    from scipy.integrate import quad

    found = along_y(Electrodes(positions=[contact], method="lsa", min_distance=2.0))
    off_axis = max(math.hypot(contact[0], contact[2]), 2.0)
    lines = [(0, 60), (30, 150), (90, 210), (150, 270), (240, 300)]
    for psi, (a, b) in zip(found, lines, strict=True):
        integral, _ = quad(lambda y: 1 / math.hypot(y - contact[1], off_axis), a, b, points=[contact[1]], limit=200)
        assert psi == pytest.approx(1000 / (4 * math.pi * 0.3) * integral / (b - a), rel=1e-7)


def test_far_away_both_kinds_of_source_agree():
    psa, lsa = (along_y(Electrodes(positions=[(1e5, 2e5, 3e5)], method=m)) for m in ("psa", "lsa"))
    np.testing.assert_allclose(lsa, psa, rtol=1e-3)


def test_membrane_at_the_contact_counts_as_the_minimum_distance_away():
    near = along_y(Electrodes(positions=[(0.0, 30.0, 0.0)], min_distance=2.0))
    assert near[0] == pytest.approx(1000 / (4 * math.pi * 0.3 * 2.0), rel=1e-12)
    assert near[1] == pytest.approx(1000 / (4 * math.pi * 0.3 * 60.0), rel=1e-12)


def test_resistance_falls_with_conductivity():
    position = [(10.0, 150.0, 0.0)]
    one, other = (along_y(Electrodes(positions=position, conductivity=c)) for c in (0.3, 0.6))
    np.testing.assert_allclose(one, 2 * other, rtol=1e-14)


def test_the_plain_sum_of_currents():
    assert along_y(Electrodes(positions=[(1.0, 2.0, 3.0)], method=None)).tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("population", "gid", "z", "expected"),
    [
        ("L2_pyramidal", 4, 1300.0, 14.37713079),
        ("L2_pyramidal", 4, -50.0, 0.19383846),
        ("L5_pyramidal", 16, -50.0, 3.8166653),
        ("L5_pyramidal", 16, 1300.0, 0.20715208),
    ],
)
def test_resistance_of_a_soma_in_the_column(population, gid, z, expected):
    """Values of HNN-core 0.6.1 for the soma of the second pyramidal cell, mesh 3 by 3, 30 µm apart."""
    network = attrs.evolve(
        column((3, 3)),
        grid=Grid(mesh_shape=(3, 3), inplane_distance=30.0),
        electrodes={"e": Electrodes(positions=[(0.0, 30.0, z)])},
    )
    plan = compile_plan(network, RunSpec(tstop=1.0))
    probe = plan.probes[1]
    assert (probe.name, probe.quantity, probe.unit) == ("electrodes:e", "i_membrane", "µV")
    assert probe.zero_first
    assert gid == plan.populations.gid_ranges[population].start + 1
    template = plan.templates[plan.cells.template[gid]]
    soma = plan.segment_offset[gid] + template.sections.first_segment[template.sections.names.index("soma")]
    assert matrix_of(plan, probe)[0, soma] == pytest.approx(expected, rel=3e-8)  # known to eight digits


def test_every_contact_sees_every_segment(small_column):
    contacts = [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0)]
    network = attrs.evolve(small_column, electrodes={"e": Electrodes(positions=contacts, method=None)})
    plan = compile_plan(network, RunSpec(tstop=1.0))
    assert plan.probes[1].unit == "nA"
    assert plan.probes[1].labels == {"contact": (0, 1)}
    assert np.array_equal(matrix_of(plan, plan.probes[1]), np.ones((2, 6 + 9 * 32 + 9 * 55)))
