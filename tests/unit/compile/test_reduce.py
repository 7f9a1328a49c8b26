"""Plans of cells with dendrites become plans of point cells."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnsupportedPlan
from hnnlib.compile import point_cells
from hnnlib.compile.build import compile_plan
from hnnlib.compile.point_cells import (
    PointCell,
    Port,
    cell_digest,
    read_point_cells,
    shipped_point_cells,
    write_point_cells,
)
from hnnlib.compile.reduce import reduce_plan, reduction_provenance
from hnnlib.models.columns import calcium, law_2021, neymotin_2020
from hnnlib.plan.tables import Plan
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.network import TonicBias
from hnnlib.spec.run import Record, RunSpec

PLACES = {"proximal": ("apical_oblique", "basal_2", "basal_3"), "distal": ("apical_tuft",), "soma": ("soma",)}
RECEPTORS = ("ampa", "nmda", "gabaa", "gabab")


def stand_in(plan: Plan, *names: str, **changes) -> PointCell:
    """A point cell with a port for each place and receptor that a cell has; its numbers mean nothing."""
    template = plan.templates[plan.populations.names.index(names[0])]
    has = {
        (template.sections.names[s], r) for s, r in zip(template.sites.section, template.sites.receptors, strict=True)
    }
    ports = [
        Port(name=f"{place}.{receptor}", sections=sections, receptor=receptor, gain=0.5, saturation_uS=0.1)
        for place, sections in PLACES.items()
        for receptor in RECEPTORS
        if all((section, receptor) in has for section in sections)
    ]
    n = len(ports)
    given = {
        "digest": cell_digest(template, plan.run.celsius),
        "names": names,
        "model": "aeif_cond_beta_multisynapse",
        "parameters": {"E_L": -70.0, "tau_rise": [0.5] * n, "tau_decay": [5.0] * n, "E_rev": [0.0] * n},
        "ports": ports,
        "errors": {"network": {names[0]: {"spikes": 1.0}}},
    }
    return PointCell(**{**given, **changes})


@pytest.fixture(scope="module")
def detailed(small_column) -> Plan:
    return compile_plan(small_column, RunSpec(tstop=50.0, n_trials=2, record=Record(vsec="soma")))


@pytest.fixture(scope="module")
def cells(detailed: Plan) -> tuple[PointCell, ...]:
    return (
        stand_in(detailed, "L2_basket", "L5_basket"),
        stand_in(detailed, "L2_pyramidal"),
        stand_in(detailed, "L5_pyramidal"),
    )


def test_equal_cells_have_one_digest_and_others_have_others(detailed, default_params):
    digests = {t.name: cell_digest(t, 37.0) for t in detailed.templates}
    assert digests["L2_basket"] == digests["L5_basket"]
    assert len(set(digests.values())) == 3
    for model, changed in ((calcium, {"L5_pyramidal"}), (law_2021, {"L2_pyramidal", "L5_pyramidal"})):
        other = compile_plan(model(default_params, (1, 1)), RunSpec(tstop=1.0))
        assert {t.name for t in other.templates if cell_digest(t, 37.0) != digests[t.name]} == changed


def test_a_digest_covers_temperature_and_mod_files_but_no_name_and_no_last_bit(detailed, monkeypatch, tmp_path):
    template = detailed.templates[1]
    first = cell_digest(template, 37.0)
    assert cell_digest(template, 36.0) != first
    assert cell_digest(attrs.evolve(template, name="other"), 37.0) == first
    s = template.sections
    assert cell_digest(attrs.evolve(template, sections=attrs.evolve(s, L_um=s.L_um * (1 + 1e-15))), 37.0) == first
    assert cell_digest(attrs.evolve(template, sections=attrs.evolve(s, L_um=s.L_um * (1 + 1e-6))), 37.0) != first
    lookup, edited = point_cells.lookup, tmp_path / "hh2.mod"
    edited.write_bytes(lookup("hh2").file.read_bytes() + b" ")

    def with_another_file(name):
        found = lookup(name)
        return attrs.evolve(found, file=edited) if name == "hh2" else found

    monkeypatch.setattr(point_cells, "lookup", with_another_file)
    assert cell_digest(template, 37.0) != first


def test_templates_become_points_with_ports_as_sites(detailed, cells):
    reduced = reduce_plan(detailed, cells, 0.1)
    assert reduced.run.dt_ms == 0.1
    assert reduced.n_cells == detailed.n_cells
    assert reduced.n_gids == detailed.n_gids
    for template in reduced.templates:
        assert template.point is not None
        assert (template.n_segments, template.sections.names, template.densities) == (1, ("soma",), ())
        assert template.sections.v0_mV == [-70.0]
    ports = reduced.templates[3].sites.receptors
    assert ports == tuple(
        f"{p}.{r}" for p in PLACES for r in RECEPTORS if (p, r) not in {("soma", "ampa"), ("soma", "nmda")}
    )
    for old, new in zip(detailed.events, reduced.events, strict=True):
        assert np.array_equal(old.time_ms, new.time_ms)


def test_contacts_of_one_event_at_one_port_are_one(detailed, cells):
    reduced = reduce_plan(detailed, cells, 0.1)
    label = detailed.edges.connection_labels.index("evprox1-L5_pyramidal-ampa-proximal")
    old = detailed.edges.take(detailed.edges.connection == label)
    new = reduced.edges.take(reduced.edges.connection == label)
    assert len(old) == 3 * len(new) == 3 * 9
    assert set(new.site) == {reduced.templates[3].sites.receptors.index("proximal.ampa")}
    for source, target, weight, delay in zip(new.source_gid, new.target_gid, new.weight, new.delay_ms, strict=True):
        mine = (old.source_gid == source) & (old.target_gid == target)
        assert np.unique(old.delay_ms[mine]) == [delay]
        w = old.weight[mine]
        assert weight == pytest.approx((1000 * 0.5 * w / (1 + w / 0.1)).sum(), rel=1e-12)


def test_weights_without_saturation_are_in_proportion():
    port = Port(name="soma.gabaa", sections=("soma",), receptor="gabaa", gain=2.0)
    assert port.weight_nS(np.array([0.0, 0.05, 50.0])) == pytest.approx([0.0, 100.0, 1e5])


def test_only_somatic_voltages_are_measured(small_column, detailed, cells):
    reduced = reduce_plan(detailed, cells, 0.1)
    (probe,) = reduced.probes
    assert (probe.name, probe.quantity) == ("vsec", "v")
    assert probe.index.tolist() == list(range(detailed.n_cells))
    everywhere = compile_plan(small_column, RunSpec(tstop=50.0, record=Record(vsec="all", isec="soma", ca="soma")))
    assert reduce_plan(everywhere, cells, 0.1).probes == ()


def test_a_cell_without_a_point_model_is_refused_by_name_with_the_command(detailed, cells):
    with pytest.raises(
        UnsupportedPlan, match=r"(?s)L5_pyramidal has no point model.*`hnnlib reduce` fits one"
    ) as refused:
        reduce_plan(detailed, cells[:2], 0.1)
    assert len(refused.value.obstacles) == 1


def test_a_contact_where_no_port_is_refused(detailed, cells):
    poor = attrs.evolve(cells[2], ports=cells[2].ports[1:])
    with pytest.raises(UnsupportedPlan, match=r"point model of L5_pyramidal has no port for ampa at apical_oblique"):
        reduce_plan(detailed, (*cells[:2], poor), 0.1)


def test_currents_flow_into_somata_only(small_column, cells):
    def plan(network):
        return compile_plan(network, RunSpec(tstop=10.0))

    on = attrs.evolve(small_column, biases={"on": {"L5_pyramidal": TonicBias(amplitude=0.5)}})
    reduced = reduce_plan(plan(on), cells, 0.1)
    assert reduced.biases.amplitude_nA.tolist() == [0.5] * 9
    assert reduced.biases.section.tolist() == [0] * 9
    clamp = CurrentClamp(cells={"L5_pyramidal": None}, amplitude=0.5, section="apical_tuft")
    tuft = attrs.evolve(small_column, current_clamps={"tuft": clamp})
    with pytest.raises(UnsupportedPlan, match="a current flows into apical_tuft of L5_pyramidal"):
        reduce_plan(plan(tuft), cells, 0.1)


def test_the_provenance_names_models_and_errors(detailed, cells):
    said = reduction_provenance(detailed, cells)
    assert list(said) == ["L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal"]
    assert said["L5_pyramidal"] == {
        "digest": cells[2].digest,
        "model": "aeif_cond_beta_multisynapse",
        "errors": {"network": {"L5_pyramidal": {"spikes": 1.0}}},
    }


def test_a_step_longer_than_the_run_is_refused(detailed, cells):
    with pytest.raises(InvalidValue, match="dt"):
        reduce_plan(detailed, cells, 60.0)


def test_point_cells_are_written_and_read(tmp_path, cells):
    write_point_cells(tmp_path / "cells.json", cells)
    assert read_point_cells(tmp_path / "cells.json") == cells
    with pytest.raises(MissingFile):
        read_point_cells(tmp_path / "none.json")
    for text in ("{}", "[1]", "{", '{"format": "hnnlib point cells, 1", "cells": [{"digest": "x"}]}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(FileFormatError, match=r"bad\.json"):
            read_point_cells(tmp_path / "bad.json")


def test_the_default_column_has_its_point_cells(default_params):
    plan = compile_plan(neymotin_2020(default_params, (2, 2)), RunSpec(tstop=10.0))
    reduced = reduce_plan(plan, shipped_point_cells(), 0.1)
    assert all(t.point is not None and t.n_sites > 0 for t in reduced.templates)
