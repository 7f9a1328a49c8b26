"""Circuits of point cells as plans: ports, parameters one by one, synapses; no NEST needed."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.compile.circuit import compile_circuit
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import Electrodes, NetworkSpec, Population
from hnnlib.spec.points import PointCellSpec
from hnnlib.spec.run import Record, RunSpec


def spec(n=4, model="iaf_psc_alpha", **fields):
    cell = PointCellSpec(model=model, parameters={"C_m": 200.0, "tau_m": 10})
    place = AtPoints(points=((0.0, 0.0, 0.0),) * n)
    return NetworkSpec(populations={"A": Population(cell=cell, place=place)}, **fields)


def circuit(n=4, edge_types=None, dynamics_params=None, nodes=None, **attributes):
    edges = EdgePopulation(
        name="A_to_A",
        source="A",
        target="A",
        source_node_id=[0, 1, 2],
        target_node_id=[1, 2, 3],
        edge_type_id=[5, 6, 5],
        edge_types=edge_types or {5: {"syn_weight": 2.0, "delay": 1.0}, 6: {"syn_weight": -3.0, "delay": 1.5}},
        attributes={name: np.array(column) for name, column in attributes.items()},
        dynamics_params=dynamics_params or {},
    )
    cells = NodePopulation(name="A", node_type_id=[1] * n, dynamics_params=nodes or {})
    return Circuit(nodes={"A": cells}, edges={"A_to_A": edges})


def compiled(circuit, network=None, **run):
    return compile_circuit(circuit, network or spec(), RunSpec(**({"tstop": 10.0, "dt": 0.1} | run)), {})


def test_a_circuit_becomes_a_plan_of_points():
    plan = compiled(circuit(nsyns=[1, 2, 5]))
    (template,) = plan.templates
    assert (template.point.name, dict(template.point.parameters)) == ("iaf_psc_alpha", {"C_m": 200.0, "tau_m": 10})
    assert [dict(p) for p in template.sites.parameters] == [{"receptor_type": 0}]
    np.testing.assert_array_equal(plan.edges.weight, [2.0, -6.0, 10.0])
    assert [(s.model, dict(s.parameters)) for s in plan.synapses] == [("static_synapse", {})] * 2


def test_ports_are_those_that_edges_end_in():
    types = {
        5: {"syn_weight": 2.0, "delay": 1.0, "dynamics_params": {"receptor_type": 3}},
        6: {"syn_weight": 1.0, "delay": 1.0, "receptor_type": 1},
    }
    plan = compiled(circuit(edge_types=types))
    assert [dict(p) for p in plan.templates[0].sites.parameters] == [{"receptor_type": 1}, {"receptor_type": 3}]
    np.testing.assert_array_equal(plan.edges.site, [1, 0, 1])
    assert [dict(s.parameters) for s in plan.synapses] == [{}, {}]


def test_an_edge_says_more_of_its_port_than_its_type():
    types = {k: {"syn_weight": 1.0, "delay": 1.0, "receptor_type": 7} for k in (5, 6)}
    plan = compiled(circuit(edge_types=types, receptor_type=[1, 2, 1]))
    np.testing.assert_array_equal(plan.edges.site, [0, 1, 0])
    with pytest.raises(InvalidType, match="number of a port"):
        compiled(circuit(edge_types=types, receptor_type=[1.5, 2, 1]))


def test_synapses_have_models_and_parameters():
    types = {
        5: {"syn_weight": 1.0, "delay": 1.0, "model_template": "tsodyks2_synapse", "dynamics_params": {"U": 0.3}},
        6: {"syn_weight": 1.0, "delay": 1.0},
    }
    plan = compiled(circuit(edge_types=types, dynamics_params={"u": np.array([0.1, np.nan, 0.2])}))
    first, second = plan.synapses
    assert (first.model, dict(first.parameters)) == ("tsodyks2_synapse", {"U": 0.3})
    np.testing.assert_array_equal(first.of_edges["u"], [0.1, 0.2])
    assert not second.of_edges
    with pytest.raises(InvalidValue, match="for all edges of a type, or none"):
        compiled(circuit(edge_types=types, dynamics_params={"u": np.array([0.1, 0.2, np.nan])}))


def test_cells_with_parameters_of_their_own():
    plan = compiled(circuit(nodes={"C_m": np.array([np.nan, 1.0, 2.0, np.nan])}))
    np.testing.assert_array_equal(plan.templates[0].point.of_cells["C_m"], [200.0, 1.0, 2.0, 200.0])
    with pytest.raises(InvalidValue, match=r"V_th.*node 1"):
        compiled(circuit(nodes={"V_th": np.array([1.0, np.nan, 2.0, 3.0])}))


def test_only_some_cells_and_other_states_are_recorded():
    plan = compiled(circuit(), record=Record(vsec="soma", states=("I_syn_ex", "g_1"), cells={"A": (1, 3)}))
    found = {p.name: (p.quantity, p.unit, p.labels["gid"]) for p in plan.probes}
    assert found == {
        "vsec": ("v", "mV", (1, 3)),
        "state:I_syn_ex": ("I_syn_ex", "pA", (1, 3)),
        "state:g_1": ("g_1", "nS", (1, 3)),
    }
    with pytest.raises(InvalidValue, match=r"record\.cells"):
        compiled(circuit(), record=Record(vsec="soma", cells={"A": (4,)}))


def test_states_are_of_point_cells_only(small_column):
    from hnnlib.compile.build import compile_plan

    with pytest.raises(InvalidValue, match=r"record\.states"):
        compile_plan(small_column, RunSpec(tstop=10.0, record=Record(states=("g_1",))))


def test_other_engines_say_who_simulates_points():
    plan = compiled(circuit())
    for engine in (FastEngine(), NeuronEngine()):
        assert engine.obstacles(plan) == ["population 'A' is made of point cells, which the NEST engine simulates"]


def test_a_network_of_points_survives_plain_data():
    network = spec(current_clamps={"step": CurrentClamp(cells={"A": (0,)}, amplitude=0.1)})
    assert from_plain(NetworkSpec, to_plain(network)) == network


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"electrodes": {"e": Electrodes(positions=[(0.0, 0.0, 0.0)])}}, "its cells are points"),
        ({"current_clamps": {"c": CurrentClamp(cells={"A": None}, amplitude=1.0, section="dend")}}, "'dend' is no"),
    ],
)
def test_what_points_lack(change, message):
    with pytest.raises(InvalidValue, match=message):
        spec(**change)


def test_parameters_are_numbers():
    with pytest.raises(HnnlibError, match=r"parameters\['C_m'\]"):
        PointCellSpec(model="iaf_psc_alpha", parameters={"C_m": "high"})


def test_point_cells_measure_no_dipole():
    with pytest.raises(InvalidValue, match="dipole_axis"):
        Population(cell=PointCellSpec(model="x"), measure_dipole=True)
    with pytest.raises(InvalidValue, match="is a point"):
        _ = Population(cell=PointCellSpec(model="x")).detailed_cell


def test_a_probe_of_anything_needs_points(plan_of_compartments):
    import attrs

    from hnnlib.plan.check import check_plan

    plan = plan_of_compartments
    strange = attrs.evolve(plan, probes=(attrs.evolve(plan.probes[0], quantity="g_1"),))
    with pytest.raises(UnknownName, match="g_1"):
        check_plan(strange)


@pytest.fixture
def plan_of_compartments(small_column):
    from hnnlib.compile.build import compile_plan

    return compile_plan(small_column, RunSpec(tstop=1.0))
