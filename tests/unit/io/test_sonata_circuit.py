"""Whole circuits as folders, read back and by libsonata."""

from __future__ import annotations

import json

import attrs
import libsonata
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile
from hnnlib.io.sonata.circuit import read_circuit, write_circuit
from hnnlib.io.sonata.config import read_config, write_config
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation, join_circuits


@pytest.fixture
def circuit():
    rng = np.random.default_rng(2)
    v1 = NodePopulation(
        name="V1",
        node_type_id=np.repeat([100, 101], [6, 4]),
        node_types={100: {"model_type": "point_neuron", "ei": "e"}, 101: {"model_type": "point_neuron", "ei": "i"}},
        attributes={"x": rng.random(10), "layer": np.repeat(["L2", "L5"], 5)},
    )
    lgn = NodePopulation(name="LGN", node_type_id=[100] * 4, node_types={100: {"model_type": "virtual"}})
    edges = {}
    for source, n in (("V1", 10), ("LGN", 4)):
        name = f"{source}_to_V1"
        edges[name] = EdgePopulation(
            name=name,
            source=source,
            target="V1",
            source_node_id=np.sort(rng.integers(0, n, 30)),
            target_node_id=np.repeat(np.arange(10), 3),
            edge_type_id=[100] * 30,
            edge_types={100: {"syn_weight": 0.5, "delay": 2.0}},
            attributes={"nsyns": rng.integers(1, 9, 30)},
        )
    sets = {
        "excitatory": {"ei": "e", "population": "V1"},
        "upper": {"layer": "L2"},
        "either": ["excitatory", "upper"],
        "far": {"x": {"$gt": 0.5}},
        "some": {"population": "V1", "node_id": [1, 7]},
    }
    return Circuit(nodes={"V1": v1, "LGN": lgn}, edges=edges, node_sets=sets)


def test_round_trip(circuit, tmp_path):
    written = write_circuit(circuit, tmp_path / "new" / "folder")
    back = read_circuit(tmp_path / "new" / "folder" / "circuit_config.json")
    # joining refuses two different things of one name
    joined = join_circuits(circuit, attrs.evolve(back, node_sets=circuit.node_sets))
    assert list(joined.nodes) == ["V1", "LGN"]
    assert list(joined.edges) == ["V1_to_V1", "LGN_to_V1"]
    for name in circuit.node_sets:
        here, there = circuit.select(name), back.select(name)
        assert {p: ids.tolist() for p, ids in there.items()} == {p: ids.tolist() for p, ids in here.items()}
    assert read_config(tmp_path / "new" / "folder" / "circuit_config.json").networks == written.networks
    assert sorted(path.name for path in (tmp_path / "new" / "folder" / "network").iterdir()) == [
        *("LGN_V1_edge_types.csv", "LGN_V1_edges.h5", "LGN_node_types.csv", "LGN_nodes.h5"),
        *("V1_V1_edge_types.csv", "V1_V1_edges.h5", "V1_node_types.csv", "V1_nodes.h5"),
    ]


def test_a_simulation_of_a_written_circuit(circuit, tmp_path):
    config = write_circuit(circuit, tmp_path)
    file = write_config(attrs.evolve(config, run={"tstop": 10.0, "dt": 0.1}, target_simulator="NEURON"), tmp_path)
    assert len(read_circuit(file).edges["LGN_to_V1"]) == 30
    assert read_config(file).run["tstop"] == 10.0
    assert read_config(file).warnings == ()


def test_libsonata_reads_circuit_and_node_sets(circuit, tmp_path):
    write_circuit(circuit, tmp_path, in_both=["ei"])  # libsonata's node sets know nothing of types
    there = libsonata.CircuitConfig.from_file(str(tmp_path / "circuit_config.json"))
    assert there.config_status == libsonata.CircuitConfigStatus.complete
    assert there.node_populations == {"V1", "LGN"}
    assert there.edge_populations == {"V1_to_V1", "LGN_to_V1"}
    assert there.node_population_properties("LGN").type == "virtual"
    assert there.edge_population("LGN_to_V1").source == "LGN"
    nodes = there.node_population("V1")
    sets = libsonata.NodeSets.from_file(str(tmp_path / "node_sets.json"))
    assert sets.names == set(circuit.node_sets)
    for name in circuit.node_sets:
        assert sets.materialize(name, nodes).flatten().tolist() == circuit.select(name)["V1"].tolist()


def test_libsonata_reads_a_biophysical_circuit_with_its_folders(circuit, tmp_path):
    nodes = {
        **circuit.nodes,
        "V1": attrs.evolve(circuit.nodes["V1"], node_types={100: {"model_type": "biophysical"}, 101: {}}),
    }
    write_circuit(attrs.evolve(circuit, nodes=nodes), tmp_path)
    there = libsonata.CircuitConfig.from_file(str(tmp_path / "circuit_config.json"))
    assert there.config_status == libsonata.CircuitConfigStatus.complete
    folders = {"morphologies_dir": str(tmp_path / "m"), "biophysical_neuron_models_dir": str(tmp_path / "b")}
    write_circuit(attrs.evolve(circuit, nodes=nodes, components=folders), tmp_path)
    there = libsonata.CircuitConfig.from_file(str(tmp_path / "circuit_config.json"))
    assert there.node_population_properties("V1").type == "biophysical"


def test_nothing_changes_where_an_export_fails(circuit, tmp_path):
    write_circuit(circuit, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    odd = attrs.evolve(circuit.edges["LGN_to_V1"], attributes={"odd": np.array([1, "a"] * 15, object)})
    with pytest.raises(InvalidValue, match="must be all text or all numbers"):
        write_circuit(attrs.evolve(circuit, edges={**circuit.edges, "LGN_to_V1": odd}), tmp_path)
    lost = attrs.evolve(circuit.edges["LGN_to_V1"], target="V2")
    with pytest.raises(InvalidValue, match=r"edges\['LGN_to_V1'\]\.target: 'V2'"):
        write_circuit(attrs.evolve(circuit, edges={"LGN_to_V1": lost}), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_circuit_that_is_not_whole(circuit, tmp_path):
    write_circuit(circuit, tmp_path)
    file = tmp_path / "circuit_config.json"
    data = json.loads(file.read_text())
    whole = json.dumps(data)
    del data["networks"]["nodes"][1]
    file.write_text(json.dumps(data))
    with pytest.raises(FileFormatError, match=r"isn't whole: edges\['LGN_to_V1'\]\.source: 'LGN' is no population"):
        read_circuit(file)
    data = json.loads(whole)
    data["networks"]["nodes"].append(data["networks"]["nodes"][0])
    file.write_text(json.dumps(data))
    with pytest.raises(FileFormatError, match="holds population 'V1', which another file of the circuit holds too"):
        read_circuit(file)
    file.write_text(whole)
    (tmp_path / "network" / "LGN_nodes.h5").unlink()
    with pytest.raises(MissingFile, match=r"LGN_nodes\.h5"):
        read_circuit(file)
