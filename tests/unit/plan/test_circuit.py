"""Circuits in memory: columns by row and type, selections, invariants."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation, join_circuits
from hnnlib.plan.circuit_check import check_circuit


@pytest.fixture
def circuit():
    v1 = NodePopulation(
        name="V1",
        node_type_id=[100, 100, 101, 101, 101],
        node_types={
            100: {"model_type": "biophysical", "ei": "e", "depth": 2, "morphology": "pyr.swc"},
            101: {"model_type": "biophysical", "ei": "i", "depth": 5.5},
        },
        attributes={"x": [0.0, 1, 2, 3, 4], "y": np.zeros(5), "z": np.ones(5), "layer": ["L2", "L5", "L2", None, "L5"]},
    )
    lgn = NodePopulation(name="LGN", node_type_id=np.full(3, 100), node_types={100: {"model_type": "virtual"}})
    edges = EdgePopulation(
        name="LGN_to_V1",
        source="LGN",
        target="V1",
        source_node_id=[0, 2, 2, 1],
        target_node_id=[0, 0, 4, 3],
        edge_type_id=[100, 100, 101, 101],
        edge_types={100: {"syn_weight": 1e-3, "delay": 2.0}, 101: {"syn_weight": 2e-3}},
        attributes={"nsyns": [1, 2, 3, 4]},
    )
    sets = {
        "excitatory": {"ei": "e"},
        "superficial": {"layer": "L2"},
        "either": ["excitatory", "superficial"],
        "two": [0, 4],
        "loop": ["either", "loop"],
    }
    return Circuit(nodes={"V1": v1, "LGN": lgn}, edges={"LGN_to_V1": edges}, node_sets=sets)


def lists(selection):
    return {name: ids.tolist() for name, ids in selection.items()}


def test_a_column_is_what_rows_say_then_what_types_say(circuit):
    nodes = circuit.nodes["V1"]
    assert nodes.column("x").tolist() == [0, 1, 2, 3, 4]
    assert nodes.column("depth").tolist() == [2, 2, 5.5, 5.5, 5.5]
    assert nodes.column("morphology").tolist() == ["pyr.swc", "pyr.swc", None, None, None]
    assert nodes.column("node_id").tolist() == [0, 1, 2, 3, 4]
    assert nodes.column("positions").tolist() == [[i, 0, 1] for i in range(5)]
    over = attrs.evolve(nodes, attributes={"depth": np.arange(5)})
    assert over.column("depth").tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(circuit.edges["LGN_to_V1"].column("delay"), [2, 2, np.nan, np.nan])
    assert circuit.edges["LGN_to_V1"].column("syn_weight").tolist() == [1e-3, 1e-3, 2e-3, 2e-3]


def test_whole_numbers_stay_whole(circuit):
    assert circuit.edges["LGN_to_V1"].column("nsyns").dtype.kind == "i"
    whole = attrs.evolve(circuit.nodes["LGN"], node_types={100: {"k": 3}})
    assert whole.column("k").dtype.kind == "i"


def test_an_unknown_column_is_named_with_the_nearest(circuit):
    with pytest.raises(UnknownName, match=r"nodes\['V1'\]: 'dept' is no attribute .* did you mean 'depth'"):
        circuit.nodes["V1"].column("dept")
    with pytest.raises(UnknownName, match=r"edges\['LGN_to_V1'\]: 'weight'"):
        circuit.edges["LGN_to_V1"].column("weight")


@pytest.mark.parametrize(
    ("node_set", "found"),
    [
        ("all", {"V1": [0, 1, 2, 3, 4], "LGN": [0, 1, 2]}),
        ("V1", {"V1": [0, 1, 2, 3, 4]}),
        ("excitatory", {"V1": [0, 1]}),
        ("either", {"V1": [0, 1, 2]}),
        (["excitatory", "LGN"], {"V1": [0, 1], "LGN": [0, 1, 2]}),
        ("two", {"V1": [0, 4]}),
        ([3, 1, 1], {"V1": [1, 3]}),
        ([], {}),
        ({"population": "V1"}, {"V1": [0, 1, 2, 3, 4]}),
        ({"population": ["V1", "LGN"], "node_id": [0, 2]}, {"V1": [0, 2], "LGN": [0, 2]}),
        ({"population": "V1", "node_ids": 3}, {"V1": [3]}),
        ({"node_id": np.array([0, 1]), "ei": "e"}, {"V1": [0, 1]}),
        ({"model_type": "virtual"}, {"LGN": [0, 1, 2]}),
        ({"model_type": ["virtual", "biophysical"], "ei": "i"}, {"V1": [2, 3, 4]}),
        ({"layer": ["L2", "L5"]}, {"V1": [0, 1, 2, 4]}),
        ({"depth": 5.5, "x": [2, 3]}, {"V1": [2, 3]}),
        ({"x": {"$gt": 0, "$lte": 3}}, {"V1": [1, 2, 3]}),
        ({"layer": {"$regex": "5$"}}, {"V1": [1, 4]}),
        ({"node_type_id": 101}, {"V1": [2, 3, 4]}),
        ({"population": "LGN", "node_type_id": 101}, {}),
        ({"ei": "x"}, {}),
    ],
)
def test_select(circuit, node_set, found):
    assert lists(circuit.select(node_set)) == found


@pytest.mark.parametrize(
    ("node_set", "error", "message"),
    [
        ("excitatry", UnknownName, "stim: 'excitatry' is no node set or population .* did you mean 'excitatory'"),
        (["excitatory", "v1"], UnknownName, r"stim\[1\]: 'v1'"),
        (
            {"population": "V2"},
            UnknownName,
            r"stim\.population: 'V2' is no population \(has V1, LGN\)",
        ),
        ({"layr": "L2"}, UnknownName, "stim: 'layr' is no attribute of nodes .* did you mean 'layer'"),
        ({"population": "LGN", "layer": "L2"}, UnknownName, "'layer' is no attribute of the nodes of 'LGN'"),
        ({"population": "V1", "node_id": [0, 5]}, InvalidValue, "5 is no node of 'V1', which has ids from 0 to 4"),
        ([-1], InvalidValue, "-1 is no node of 'V1'"),
        ({"population": "V1", "node_id": "0"}, InvalidType, "'0' must be a node's id"),
        ({"ei": 1}, InvalidType, r"stim\.ei: 1 must be text"),
        ({"x": ["a"]}, InvalidType, r"stim\.x: 'a' must be a number"),
        ({"x": {"$above": 1}}, UnknownName, r"stim\.x: '\$above' is no comparison"),
        ({"layer": {"$gt": 1}}, InvalidType, "must be a number"),
        ({"layer": {"$regex": "("}}, InvalidValue, "must be a regular expression"),
        ("loop", InvalidValue, "loop > loop' is a node set that holds itself"),
    ],
)
def test_what_can_not_be_selected(circuit, node_set, error, message):
    with pytest.raises(error, match=message):
        circuit.select(node_set, "stim")


def test_ids_that_could_mean_several_populations(circuit):
    two = attrs.evolve(circuit, nodes={**circuit.nodes, "V2": attrs.evolve(circuit.nodes["V1"], name="V2")})
    with pytest.raises(InvalidValue, match="must name its population: ids exist in V1, LGN, V2"):
        two.select([0])


def test_a_sound_circuit_passes(circuit):
    check_circuit(circuit)


def with_nodes(circuit, **changes):
    return attrs.evolve(circuit, nodes={**circuit.nodes, "V1": attrs.evolve(circuit.nodes["V1"], **changes)})


def with_edges(circuit, **changes):
    name = "LGN_to_V1"
    return attrs.evolve(circuit, edges={name: attrs.evolve(circuit.edges[name], **changes)})


@pytest.mark.parametrize(
    ("change", "changes", "message"),
    [
        (with_nodes, {"attributes": {"x": [1.0]}}, r"nodes\['V1'\]\.x: \(1,\) must have one entry for each of 5 rows"),
        (with_nodes, {"dynamics_params": {"C": 1.0}}, r"nodes\['V1'\]\.C"),
        (with_nodes, {"node_type_id": [100, 100, 7, 101, 101]}, r"node_type_id\[2\]: 7 is no type; there are 100, 101"),
        (with_nodes, {"name": "V2"}, r"nodes\['V1'\]\.name: 'V2' must be the name that it is kept under"),
        (with_edges, {"source": "LGM"}, r"edges\['LGN_to_V1'\]\.source: 'LGM' .* did you mean 'LGN'"),
        (with_edges, {"source_node_id": [0, 3, 2, 1]}, r"source_node_id\[1\]: 3 is no node of 'LGN', which has 3"),
        (with_edges, {"target_node_id": [0, 0, 4, -1]}, r"target_node_id\[3\]: -1 is no node of 'V1'"),
        (with_edges, {"target_node_id": [0]}, r"target_node_id: \(1,\) must have one entry for each of 4 rows"),
        (with_edges, {"edge_type_id": [100, 100, 101, 5]}, r"edge_type_id\[3\]: 5 is no type"),
        (with_edges, {"attributes": {"syn_weight": [0, 1, np.nan, 2]}}, r"syn_weight\[2\]: nan must be finite"),
        (with_edges, {"attributes": {"delay": [0, 1, -1, 2]}}, r"delay\[2\]: -1 must be >= 0 ms"),
        (with_edges, {"attributes": {"delay": [0, 1, np.nan, 2]}}, r"delay\[2\]: nan must be >= 0 ms"),
        (with_edges, {"attributes": {"nsyns": list("abcd")}}, "'a' is no number; must be >= 0"),
        (
            with_edges,
            {"edge_types": {100: {"delay": -2.0}, 101: {}}},
            r"edge_types\[100\]\.delay\[0\]: -2.0 must be >= 0",
        ),
    ],
)
def test_a_broken_circuit_is_told(circuit, change, changes, message):
    with pytest.raises(InvalidValue, match=message):
        check_circuit(change(circuit, **changes))


def test_no_type_and_an_endless_delay_are_allowed(circuit):
    check_circuit(with_nodes(circuit, node_type_id=[-1, 100, 100, 101, 101]))
    check_circuit(with_edges(circuit, attributes={"delay": [0, 1, np.inf, 2]}))


def test_ids_must_be_whole_numbers():
    with pytest.raises(InvalidType, match="must be one whole number per row"):
        NodePopulation(name="a", node_type_id=[1.0, 2.0])


def test_circuits_join(circuit):
    nodes = circuit.nodes["V1"]
    copy = attrs.evolve(nodes, attributes={name: column.copy() for name, column in nodes.attributes.items()})
    other = Circuit(nodes={"V1": copy}, components={"synaptic_models_dir": "s"})
    joined = join_circuits(circuit, other)
    assert list(joined.nodes) == ["V1", "LGN"]
    assert joined.components == {"synaptic_models_dir": "s"}
    changed = attrs.evolve(copy, attributes={"x": np.zeros(5)})
    with pytest.raises(InvalidValue, match=r"nodes\['V1'\]: 'V1' is the name of two different things"):
        join_circuits(circuit, Circuit(nodes={"V1": changed}))


def test_edges_taken(circuit):
    edges = circuit.edges["LGN_to_V1"].take(np.array([3, 0]))
    assert (edges.source_node_id.tolist(), edges.column("nsyns").tolist()) == ([1, 0], [4, 1])
    assert edges.column("syn_weight").tolist() == [2e-3, 1e-3]
