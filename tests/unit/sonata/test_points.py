"""Point networks from files: parameters, weights by function, units of currents, reports; no NEST needed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import HnnlibError, InvalidValue, MissingFile, UnknownName
from hnnlib.plan.circuit import NodePopulation
from hnnlib.plan.tables import digest_of
from hnnlib.sonata.points import is_point, point_cell

CELL = {"C_m": 200.0, "tau_m": 10.0, "V_th": -50.0}


@pytest.fixture
def folder(tmp_path):
    """Six cells of two kinds, four virtual ones, and what a configuration can say of them."""
    cells = hn.NetworkBuilder("V1", seed=1)
    point = {"model_type": "point_neuron", "model_template": "nest:iaf_psc_alpha"}
    cells.add_nodes(4, pop_name="exc", ei="e", dynamics_params="exc.json", depth=[1.0, 2.0, 1.0, 2.0], **point)
    cells.add_nodes(2, pop_name="inh", ei="i", dynamics_params={"V_th": [-40.0, -45.0]}, **point)
    cells.add_edges(
        source={"ei": "e"}, target={"ei": "i"}, connection_rule=3, syn_weight=2.0, delay=1.5, weight_function="wmax"
    )
    source = hn.NetworkBuilder("LGN", seed=2)
    source.add_nodes(4, model_type="virtual", x0=[0.0, 1.0, 2.0, 3.0])
    source.add_edges(
        source=source.nodes(),
        target=cells.nodes(pop_name="exc"),
        connection_rule=2,
        syn_weight=1.0,
        delay=1.0,
        weight_function="steep",
        model_template="tsodyks2_synapse",
        dynamics_params="short.json",
    )
    for network in (cells, source):
        network.save(tmp_path / "network")
    (tmp_path / "exc.json").write_text(json.dumps(CELL))
    (tmp_path / "short.json").write_text(json.dumps({"U": 0.2, "receptor_type": 0}))
    config = {
        "target_simulator": "NEST",
        "run": {"tstop": 50.0, "dt": 0.1},
        "components": {"point_neuron_models_dir": ".", "synaptic_models_dir": "."},
        "networks": {
            "nodes": [
                {"nodes_file": f"network/{n}_nodes.h5", "node_types_file": f"network/{n}_node_types.csv"}
                for n in ("V1", "LGN")
            ],
            "edges": [
                {"edges_file": f"network/{n}_edges.h5", "edge_types_file": f"network/{n}_edge_types.csv"}
                for n in ("V1_V1", "LGN_V1")
            ],
        },
        "output": {"output_dir": "output"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def steep(edges, sources, targets):
    """Weight by the distance of a made-up place from the target's depth."""
    return edges["syn_weight"] * edges["nsyns"] * (1.0 + sources["x0"]) / targets["depth"]


def read(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    return hn.read_sonata(folder, functions={"steep": steep})


def test_types_are_populations_and_their_files_parameters(folder):
    network = read(folder)
    cells = {name: population.cell for name, population in network.spec.populations.items()}
    assert {name: cell.model for name, cell in cells.items()} == {"exc": "iaf_psc_alpha", "inh": "iaf_psc_alpha"}
    assert dict(cells["exc"].parameters) == CELL
    assert dict(cells["inh"].parameters) == {}
    assert [p.electro_type for p in network.spec.populations.values()] == ["excitatory", "inhibitory"]
    plan = network.compile(network.run)
    np.testing.assert_array_equal(plan.templates[1].point.of_cells["V_th"], [-40.0, -45.0])


def test_weights_by_function_and_synapses_with_parameters(folder):
    plan = read(folder).compile(hn.RunSpec(tstop=5.0, dt=0.1))
    edges = plan.edges
    driven = edges.source_gid >= 6
    place, depth = edges.source_gid[driven] - 6, np.array([1.0, 2.0, 1.0, 2.0])[edges.target_gid[driven]]
    np.testing.assert_allclose(edges.weight[driven], 2.0 * (1.0 + place) / depth)
    np.testing.assert_allclose(edges.weight[~driven], 6.0)  # wmax: that of each synapse
    by_label = dict(zip(edges.connection_labels, plan.synapses, strict=True))
    label = edges.connection_labels[edges.connection[driven][0]]
    assert (by_label[label].model, dict(by_label[label].parameters)) == ("tsodyks2_synapse", {"U": 0.2})


def test_a_network_from_files_is_not_written_without_its_edges(folder, tmp_path):
    network = read(folder)
    with pytest.raises(HnnlibError, match=r"write_circuit\(network\.files, folder\) copies it"):
        hn.write_sonata(network, tmp_path / "copy", tstop=10.0)
    hn.write_circuit(network.files, tmp_path / "copy")
    again = hn.read_sonata(tmp_path / "copy" / "circuit_config.json", functions={"steep": steep})
    run = hn.RunSpec(tstop=5.0, dt=0.1)
    assert digest_of(again.compile(run)) == digest_of(network.compile(run))


def test_functions_of_weights_are_checked(folder):
    with pytest.raises(UnknownName, match=r"weight_function.*'steep' is no function of weights.*wmax"):
        hn.read_sonata(folder)
    for bad in (lambda *tables: np.nan, lambda *tables: [1.0, 2.0], lambda *tables: "x"):
        with pytest.raises(InvalidValue, match="must return 16 finite numbers"):
            hn.read_sonata(folder, functions={"steep": bad})


def test_cells_by_any_attribute(folder):
    network = read(folder)
    assert {k: v.tolist() for k, v in network.groups("ei").items()} == {"e": [0, 1, 2, 3], "i": [4, 5]}
    assert {k: v.tolist() for k, v in network.groups("depth").items()} == {"1.0": [0, 2], "2.0": [1, 3]}
    assert network.groups("population")["V1"].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(UnknownName, match=r"'eii'.*did you mean 'ei'"):
        network.groups("eii")


def test_currents_into_points_are_picoamperes(folder):
    clamp = {"input_type": "current_clamp", "module": "IClamp", "delay": [1.0, 4.0], "duration": [2.0, 2.0]}
    by_id = clamp | {"node_set": {"population": "V1", "node_ids": [1, 5]}, "amp": [230.0, -230.0]}
    network = read(folder, inputs={"push": by_id})
    (found,) = network.spec.current_clamps.values()
    assert found.cells == {"exc": (1,), "inh": (1,)}
    np.testing.assert_allclose(found.amplitude, [0.23, -0.23])
    by_attribute = {"node_set": {"ei": "i"}, "amp": -230.0, "delay": 0.0, "duration": 9.0}
    network = read(folder, inputs={"hold": clamp | by_attribute})
    (found,) = network.spec.current_clamps.values()
    assert (found.cells, found.amplitude) == ({"inh": (0, 1)}, pytest.approx(-0.23))


def test_reports_name_cells_and_variables(folder):
    report = {"module": "multimeter_report", "cells": {"population": "V1", "node_id": [0, 5]}}
    network = read(
        folder,
        reports={
            "v": report | {"variable_name": "V_m", "sections": "soma"},
            "currents": report | {"cells": {"ei": "i"}, "variable_name": ["I_syn_ex", "I_syn_in"]},
        },
    )
    assert network.run.record == hn.Record(
        vsec="soma", states=("I_syn_ex", "I_syn_in"), cells={"exc": (0,), "inh": (0, 1)}
    )


def test_a_missing_file_of_parameters_is_named(folder):
    (folder / "exc.json").unlink()
    with pytest.raises(MissingFile, match=r"exc\.json.*nodes\['exc'\]"):
        read(folder)
    (folder / "exc.json").write_text(json.dumps(CELL))
    (folder / "short.json").unlink()
    with pytest.raises(MissingFile, match=r"short\.json.*LGN_to_V1"):
        read(folder)


def test_synapses_of_another_simulator_are_refused(folder):
    (folder / "short.json").write_text(json.dumps({"level_of_detail": "exp2syn", "tau1": 1.0}))
    with pytest.raises(InvalidValue, match=r"short\.json\['level_of_detail'\]: 'exp2syn' must be a number"):
        read(folder)


def nodes(**columns):
    of_type = {"model_type": "point_process", "model_template": "nest:iaf_psc_exp"}
    return NodePopulation(name="A", node_type_id=[1, 1], node_types={1: of_type}, attributes=columns)


def test_files_of_parameters_by_node(tmp_path):
    for name, value in (("a", 1.0), ("b", 2.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"C_m": value, "tau_m": 5.0}))
    components = {"point_neuron_models_dir": str(tmp_path)}
    cell, found = point_cell(nodes(dynamics_params=["a.json", "b.json"]), components)
    assert dict(cell.parameters) == {"tau_m": 5.0}
    np.testing.assert_array_equal(found.dynamics_params["C_m"], [1.0, 2.0])
    (tmp_path / "b.json").write_text(json.dumps({"C_m": 1.0}))
    with pytest.raises(InvalidValue, match=r"node 1.*same parameters as node 0"):
        point_cell(nodes(dynamics_params=["a.json", "b.json"]), components)


def test_one_model_a_population():
    assert is_point(nodes())
    mixed = nodes(model_template=["nest:iaf_psc_exp", "nest:iaf_psc_delta"])
    with pytest.raises(InvalidValue, match="must be one: give each model a node type of its own"):
        point_cell(mixed, {})
    assert not is_point(nodes(model_template=["nest:iaf_psc_exp", "ctdb:x.hoc"]))
    assert not is_point(nodes(model_type=["virtual", "virtual"]))


def test_parameters_need_their_folder(folder):
    with pytest.raises(HnnlibError, match=r"components\.point_neuron_models_dir"):
        read(folder, components={"synaptic_models_dir": "."})
