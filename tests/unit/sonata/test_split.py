"""Populations of several cell types are cut into their types, and put together again in what is written."""

from __future__ import annotations

import numpy as np

from hnnlib.io.sonata.reports import FrameReport
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.sonata.outputs import _by_file_population
from hnnlib.sonata.split import split_by_type

KIND = np.array([7, 5, 7, 5, 7])


def circuit():
    cells = NodePopulation(
        name="V1",
        node_type_id=KIND,
        node_types={5: {"pop_name": "pv", "model_type": "biophysical"}, 7: {"model_type": "biophysical"}},
        attributes={"x": np.arange(5.0)},
    )
    source = NodePopulation(name="in", node_type_id=[1, 2], node_types={i: {"model_type": "virtual"} for i in (1, 2)})
    inner = EdgePopulation(
        name="V1_to_V1",
        source="V1",
        target="V1",
        source_node_id=[0, 1, 2, 3],
        target_node_id=[1, 0, 4, 3],
        edge_type_id=[9, 9, 9, 9],
        attributes={"syn_weight": [0.1, 0.2, 0.3, 0.4]},
    )
    outer = EdgePopulation(
        name="in_to_V1", source="in", target="V1", source_node_id=[1, 0], target_node_id=[3, 2], edge_type_id=[8, 8]
    )
    return Circuit(nodes={"V1": cells, "in": source}, edges={"V1_to_V1": inner, "in_to_V1": outer})


def test_every_node_and_edge_is_found_again():
    whole = circuit()
    split, origin = split_by_type(whole)
    assert list(split.nodes) == ["V1:7", "pv", "in"]
    assert split.nodes["in"] is whole.nodes["in"]
    np.testing.assert_array_equal(split.nodes["pv"].column("x"), [1.0, 3.0])
    found = set()
    for edges in split.edges.values():
        (source, source_ids), (target, target_ids) = origin[edges.source], origin[edges.target]
        ends = zip(source_ids[edges.source_node_id], target_ids[edges.target_node_id], strict=True)
        found |= {(source, target, int(a), int(b)) for a, b in ends}
    expected = {("V1", "V1", *pair) for pair in [(0, 1), (1, 0), (2, 4), (3, 3)]} | {
        ("in", "V1", 1, 3),
        ("in", "V1", 0, 2),
    }
    assert found == expected
    weights = [w for e in split.edges.values() if "syn_weight" in e.attributes for w in e.attributes["syn_weight"]]
    assert sorted(weights) == [0.1, 0.2, 0.3, 0.4]


def test_one_type_stays_as_it_is():
    whole = circuit()
    one = Circuit(nodes={"in": whole.nodes["in"]})
    assert split_by_type(one)[0] is one


def test_reports_of_parts_become_one_by_id():
    def report(nodes, sections, names):
        columns = len(nodes) * sections
        data = np.repeat(np.array(nodes, float), sections) + np.tile(np.arange(sections) * 10.0, len(nodes))
        return FrameReport(
            data=np.tile(data, (3, 1)),
            unit="mV",
            dt=0.1,
            node_ids=nodes,
            index_pointers=np.arange(len(nodes) + 1) * sections,
            element_ids=np.tile(np.arange(sections), len(nodes)),
            element_pos=np.full(columns, 0.5),
            element_names=names,
        )

    _, origin = split_by_type(circuit())
    parts = {"V1:7": report([0, 1, 2], 2, ("soma", "tuft")), "pv": report([0, 1], 1, ("soma",))}
    whole = _by_file_population(parts, origin)["V1"]
    np.testing.assert_array_equal(whole.node_ids, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(whole.index_pointers, [0, 2, 3, 5, 6, 8])
    np.testing.assert_array_equal(whole.data[0], [0, 10, 0, 1, 11, 1, 2, 12])
    assert [whole.element_names[i] for i in whole.element_ids] == ["soma", "tuft", "soma"] * 2 + ["soma", "tuft"]
