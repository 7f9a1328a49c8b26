"""Plans of point cells that say how their dipole is worked out."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, MissingFile, UnknownName, UnsupportedPlan
from hnnlib.compile.build import compile_plan
from hnnlib.compile.dipole_kernels import read_dipole_kernels, write_dipole_kernels
from hnnlib.compile.estimate import bind_kernels, dipole_provenance, twin_of, with_dipole
from hnnlib.compile.point_cells import cell_digest
from hnnlib.plan.estimate import Channel, DipoleKernels, Term
from hnnlib.plan.tables import Plan
from hnnlib.spec.network import Electrodes
from hnnlib.spec.run import Record, RunSpec

PLACES = {"proximal": ("apical_oblique", "basal_2", "basal_3"), "distal": ("apical_tuft",), "soma": ("soma",)}
SCORES = {"new seeds": {"own": {"30 ms": 0.9}, "aggregate": {"30 ms": 0.875}}}


@pytest.fixture(scope="module")
def detailed(small_column) -> Plan:
    """The 3 by 3 column, its dipole and the voltages of its tufts."""
    return compile_plan(small_column, RunSpec(tstop=170.0, record=Record(vsec=("apical_tuft",), every=4)))


@pytest.fixture(scope="module")
def reduced(detailed: Plan) -> Plan:
    """A plan that measures nothing itself, as of point cells; what they are makes no difference here."""
    return attrs.evolve(detailed, probes=())


def kernels_for(plan: Plan, population: str, heaviest_uS: float = 10.0, **changes) -> DipoleKernels:
    template = plan.templates[plan.cells.template[plan.populations.gid_ranges[population].start]]
    channels = [
        Channel(
            name=f"{place}.{receptor}",
            sections=sections,
            receptor=receptor,
            tau1=0.5,
            tau2=5.0,
            kernel=(1.0, 2.0, 3.0),
            heaviest_uS=heaviest_uS,
        )
        for place, sections in PLACES.items()
        for receptor in (("gabaa", "gabab") if place == "soma" else ("ampa", "nmda", "gabaa", "gabab"))
    ]
    given = {
        "digest": cell_digest(template, plan.run.celsius),
        "names": (population,),
        "n_bumps": 3,
        "rest_ms": (0.0, 200.0),
        "rest_fAm": (0.0, 1.0),
        "channels": channels,
        "terms": [Term(signal="spike", nth=0, kernel=(1.0, 0.0, 0.0))],
        "most_spikes": 9,
        "scores": SCORES,
    }
    return DipoleKernels(**{**given, **changes})


def both(plan: Plan, **changes) -> list[DipoleKernels]:
    return [kernels_for(plan, name, **changes) for name in ("L2_pyramidal", "L5_pyramidal")]


# ------------------------------------------------------------------------------------------------- replay


def test_twin_has_the_measured_cells_and_no_contacts_among_them(detailed: Plan) -> None:
    twin = twin_of(detailed, detailed.run)
    ranges = detailed.populations.gid_ranges
    kept = [*ranges["L2_pyramidal"], *ranges["L5_pyramidal"]]
    assert twin.n_cells == len(kept)
    np.testing.assert_array_equal(twin.cells.position_um, detailed.cells.position_um[kept])
    assert (twin.edges.source_gid >= twin.n_cells).all()
    # drive cell k stands for gid k
    assert len(twin.drive_cells) == detailed.n_gids
    mine = detailed.edges.take(detailed.live_edges() & np.isin(detailed.edges.target_gid, kept))
    np.testing.assert_array_equal(twin.edges.source_gid - twin.n_cells, mine.source_gid)
    np.testing.assert_array_equal(np.array(kept)[twin.edges.target_gid], mine.target_gid)
    for column in ("site", "weight", "delay_ms"):
        np.testing.assert_array_equal(getattr(twin.edges, column), getattr(mine, column))


def test_twin_measures_the_same_segments(detailed: Plan) -> None:
    twin = twin_of(detailed, detailed.run)
    kept = np.unique(twin.edges.target_gid)
    assert len(kept) == twin.n_cells
    ranges = detailed.populations.gid_ranges
    old_gid = np.array([*ranges["L2_pyramidal"], *ranges["L5_pyramidal"]])
    for old, new in zip(detailed.probes, twin.probes, strict=True):
        np.testing.assert_array_equal(new.weight, old.weight)
        owner = np.searchsorted(twin.segment_offset, new.index, side="right") - 1
        there = detailed.segment_offset[old_gid[owner]] + new.index - twin.segment_offset[owner]
        np.testing.assert_array_equal(there, old.index)


def test_twin_keeps_its_smaller_step_where_samples_still_meet(detailed: Plan) -> None:
    coarse = attrs.evolve(detailed.run, dt_ms=0.1)
    twin = twin_of(detailed, coarse)
    assert twin.run.dt_ms == pytest.approx(0.025)
    assert [p.every for p in twin.probes] == [4 * p.every for p in detailed.probes]
    assert twin.run.n_steps // twin.probes[0].every == coarse.n_steps
    odd = attrs.evolve(detailed.run, dt_ms=0.04)
    twin = twin_of(detailed, odd)
    assert twin.run.dt_ms == 0.04
    assert [p.every for p in twin.probes] == [p.every for p in detailed.probes]


def test_replay_gives_what_points_can_not(detailed: Plan, reduced: Plan) -> None:
    plan = with_dipole(reduced, detailed, "replay")
    assert [p.name for p in plan.measured] == ["dipole", "vsec"]
    assert plan.estimate.twin is not None
    taken = with_dipole(attrs.evolve(reduced, probes=detailed.probes[1:]), detailed, "replay")
    assert [p.name for p in taken.estimate.twin.probes] == ["dipole"]
    assert [p.name for p in taken.measured] == ["vsec", "dipole"]


def test_replay_keeps_currents_into_measured_cells(small_column) -> None:
    from hnnlib.spec.network import TonicBias

    bias = {"b": {"L2_basket": TonicBias(amplitude=0.1), "L5_pyramidal": TonicBias(amplitude=0.3)}}
    plan = compile_plan(attrs.evolve(small_column, biases=bias), RunSpec(tstop=20.0))
    twin = twin_of(plan, plan.run)
    assert len(twin.biases.gid) == 9
    assert (twin.biases.gid >= 9).all()  # layer 5 comes after layer 2
    assert (twin.biases.amplitude_nA == 0.3).all()


# ------------------------------------------------------------------------------------------------- kernels


def test_unknown_method(detailed: Plan, reduced: Plan) -> None:
    with pytest.raises(UnknownName, match="did you mean 'kernel'"):
        with_dipole(reduced, detailed, "kernels")


def test_none_gives_no_dipole(small_column) -> None:
    detailed = compile_plan(small_column, RunSpec(tstop=10.0))
    plan = with_dipole(attrs.evolve(detailed, probes=()), detailed, "none")
    assert plan.measured == ()
    assert dipole_provenance(plan) == {"method": "none", "approximate": False, "scores": {}, "warnings": []}


def test_kernels_of_another_cell_are_refused(small_column) -> None:
    detailed = compile_plan(small_column, RunSpec(tstop=10.0))
    reduced = attrs.evolve(detailed, probes=())
    l2, l5 = both(detailed)
    with pytest.raises(UnsupportedPlan) as caught:
        with_dipole(reduced, detailed, "kernel", [l2, attrs.evolve(l5, digest="another")])
    (obstacle,) = caught.value.obstacles
    assert obstacle.startswith("L5_pyramidal has no dipole kernels")
    assert "`hnnlib reduce --kernels`" in obstacle
    warmer = compile_plan(attrs.evolve(small_column, celsius=36.0), RunSpec(tstop=10.0))
    with pytest.raises(UnsupportedPlan, match="L2_pyramidal has no dipole kernels"):
        with_dipole(attrs.evolve(warmer, probes=()), warmer, "kernel", [l2, l5])


def test_what_kernels_do_not_give_is_an_obstacle(small_column) -> None:
    network = attrs.evolve(small_column, electrodes={"e": Electrodes(positions=[(0, 0, 50)])})
    detailed = compile_plan(network, RunSpec(tstop=10.0))
    for method in ("kernel", "none"):
        with pytest.raises(UnsupportedPlan, match=r"electrodes:e is measured.*dipole='replay'"):
            with_dipole(attrs.evolve(detailed, probes=()), detailed, method, both(detailed))


def test_contacts_beside_all_channels_are_an_obstacle(detailed: Plan) -> None:
    l5 = kernels_for(detailed, "L5_pyramidal")
    l5 = attrs.evolve(l5, channels=tuple(c for c in l5.channels if c.name != "distal.gabaa"))
    _, obstacles = bind_kernels(detailed, ["L5_pyramidal"], [l5])
    assert len(obstacles) == 1
    assert "know nothing of gabaa at apical_tuft" in obstacles[0]


def test_contacts_on_all_sections_of_a_place_are_one_event(detailed: Plan) -> None:
    (bound,), _ = bind_kernels(detailed, ["L5_pyramidal"], both(detailed))
    gids = detailed.populations.gid_ranges["L5_pyramidal"]
    edges = detailed.edges.take(detailed.live_edges() & np.isin(detailed.edges.target_gid, np.array(gids)))
    names = [c.name for c in bound.kernels.channels]
    template = detailed.templates[detailed.cells.template[gids.start]]
    section = np.array(template.sections.names)[template.sites.section[edges.site]]
    receptor = np.array(template.sites.receptors)[edges.site]
    ampa = (section == "basal_2") & (receptor == "ampa")
    mine = bound.channel == names.index("proximal.ampa")
    assert mine.sum() == ampa.sum() > 0
    # the weight is that on each section, however many there are
    assert bound.weight_uS[mine].sum() == pytest.approx(edges.weight[ampa].sum(), rel=1e-12)
    one = np.flatnonzero(mine)[0]
    same = ampa & (edges.source_gid == bound.source_gid[one]) & (edges.target_gid - gids.start == bound.cell[one])
    assert bound.weight_uS[one] == pytest.approx(edges.weight[same][0], rel=1e-12)
    assert bound.delay_ms[one] == edges.delay_ms[same][0]


def test_beyond_the_training_set_is_told(small_column) -> None:
    detailed = compile_plan(small_column, RunSpec(tstop=10.0))
    reduced = attrs.evolve(detailed, probes=())
    within = with_dipole(reduced, detailed, "kernel", both(detailed, heaviest_uS=2.0))
    assert within.estimate.warnings == ()
    l2, l5 = both(detailed, heaviest_uS=2.0)
    some = {"proximal.ampa": 0.1, "soma.gabaa": 0.0}
    l5 = attrs.evolve(
        l5, channels=tuple(attrs.evolve(c, heaviest_uS=some.get(c.name, c.heaviest_uS)) for c in l5.channels)
    )
    plan = with_dipole(reduced, detailed, "kernel", [l2, l5])
    (warning,) = plan.estimate.warnings
    assert warning.startswith("L5_pyramidal gets proximal.ampa events of")
    assert "(fitted to up to 0.1 µS)" in warning
    assert "soma.gabaa events of 0.025 µS (fitted to no events there)" in warning
    said = dipole_provenance(plan)
    assert said == {"method": "kernel", "approximate": True, "scores": {"new seeds": 0.875}, "warnings": [warning]}


def test_kernels_to_file_and_back(detailed: Plan, tmp_path) -> None:
    kernels = tuple(both(detailed))
    file = tmp_path / "kernels.json"
    write_dipole_kernels(file, kernels)
    assert read_dipole_kernels(file) == kernels
    assert len(file.read_text().splitlines()) < 600
    with pytest.raises(MissingFile):
        read_dipole_kernels(tmp_path / "none.json")
    for text in ("{", '{"format": "other"}', file.read_text().replace('"proximal.ampa"', "3")):
        file.write_text(text)
        with pytest.raises(FileFormatError):
            read_dipole_kernels(file)
