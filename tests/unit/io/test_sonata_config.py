"""Configuration files and node sets."""

from __future__ import annotations

import json
from datetime import datetime

import attrs
import libsonata
import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, OutputError, UnknownName
from hnnlib.io.sonata.config import SimulationConfig, read_config, write_config
from hnnlib.io.sonata.node_sets import read_node_sets, write_node_sets


@pytest.fixture
def folder(tmp_path):
    """A folder as BMTK's tools make it: three configs, node sets, a network, inputs."""
    contents = {
        "config.json": {
            "manifest": {"$BASE_DIR": "${configdir}"},
            "network": "$BASE_DIR/circuit_config.json",
            "simulation": "$BASE_DIR/simulation_config.json",
        },
        "circuit_config.json": {
            "manifest": {
                "$BASE_DIR": "${configdir}",
                "$NETWORK_DIR": "$BASE_DIR/network",
                "$PARTS": "${BASE_DIR}/parts",
            },
            "components": {"synaptic_models_dir": "$PARTS/synapses", "mechanisms_dir": "$PARTS/mechanisms"},
            "networks": {
                "nodes": [{"nodes_file": "$NETWORK_DIR/V1_nodes.h5", "node_types_file": "$NETWORK_DIR/V1_types.csv"}],
                "edges": [
                    {"edges_file": "$NETWORK_DIR/e.h5", "edge_types_file": None},
                    {"edges_file": "$NETWORK_DIR/absent.h5", "enabled": False},
                ],
            },
        },
        "simulation_config.json": {
            "manifest": {"$OUTPUT_DIR": "./output_${date}_${time}"},
            "run": {"tstop": 3000.0, "dt": 0.1},
            "conditions": {"celsius": 34.0, "v_init": -80},
            "target_simulator": "NEST",
            "output": {"output_dir": "$OUTPUT_DIR", "spikes_file": "spikes.h5", "log_file": "log.txt"},
            "inputs": {
                "LGN_spikes": {
                    "input_type": "spikes",
                    "module": "csv",
                    "input_file": "./spikes.csv",
                    "node_set": "LGN",
                },
                "off": {"input_type": "spikes", "module": "csv", "input_file": "absent.csv", "enabled": False},
                "clamp": {
                    "input_type": "current_clamp",
                    "module": "IClamp",
                    "node_set": {"node_ids": [1]},
                    "amp": 230.0,
                },
                "forced": {"module": "syn_activity", "precell_filter": "V1", "timestamps": [1.0, 2.0]},
            },
            "reports": {
                "membrane_potential": {"module": "multimeter_report", "cells": [0], "variable_name": "V_m"},
                "off": {"enabled": False},
            },
            "node_sets_file": "node_sets.json",
        },
        "node_sets.json": {"L4": {"location": "L4"}, "two": ["L4", "LGN"]},
    }
    (tmp_path / "network").mkdir()
    for name in ("V1_nodes.h5", "V1_types.csv", "e.h5"):
        (tmp_path / "network" / name).touch()
    (tmp_path / "spikes.csv").touch()
    (tmp_path / "parts" / "synapses").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def edit(file, path, value):
    data = json.loads(file.read_text())
    *above, last = path.split("/")
    section = data
    for key in above:
        section = section[int(key) if isinstance(section, list) else key]
    section[last] = value
    file.write_text(json.dumps(data))


def test_a_linked_config_is_read_whole(folder, monkeypatch):
    monkeypatch.chdir("/")  # paths begin at the config's folder, not at the working directory
    config = read_config(folder / "config.json", now=datetime(2026, 1, 2, 3, 4, 5))
    assert config.file == str(folder / "config.json")
    assert config.run == {"tstop": 3000.0, "dt": 0.1}
    assert config.conditions == {"celsius": 34.0, "v_init": -80}
    assert config.target_simulator == "NEST"
    assert config.components["synaptic_models_dir"] == str(folder / "parts/synapses")
    network = folder / "network"
    assert config.networks == {
        "nodes": ({"nodes_file": f"{network}/V1_nodes.h5", "node_types_file": f"{network}/V1_types.csv"},),
        "edges": ({"edges_file": f"{network}/e.h5"},),
    }
    assert config.output["output_dir"] == str(folder / "output_2026-01-02_03-04-05")
    assert config.output["spikes_file"] == "spikes.h5"
    assert list(config.inputs) == ["LGN_spikes", "clamp", "forced"]
    assert config.inputs["LGN_spikes"]["input_file"] == str(folder / "spikes.csv")
    assert config.inputs["clamp"]["node_set"] == {"node_ids": (1,)}
    assert list(config.reports) == ["membrane_potential"]
    assert config.node_sets == {"L4": {"location": "L4"}, "two": ("L4", "LGN")}
    assert config.warnings == (
        f"{folder}/circuit_config.json: components.mechanisms_dir: there is no folder '{folder}/parts/mechanisms'",
    )


def test_a_circuit_alone(folder):
    config = read_config(folder / "circuit_config.json")
    assert len(config.networks["nodes"]) == 1
    assert (config.run, config.inputs) == ({}, {})


def test_a_config_is_a_value(folder):
    config = read_config(folder / "config.json")
    now = datetime.now()
    assert read_config(folder / "config.json", now=now) == read_config(folder / "config.json", now=now)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.run = {}
    with pytest.raises(TypeError):
        config.inputs["clamp"]["amp"] = 1.0


def test_what_links_comes_before_what_is_linked(folder):
    edit(folder / "config.json", "run", {"tstop": 10.0})
    edit(folder / "config.json", "node_sets", {"L4": {"location": "VisL4"}})
    config = read_config(folder / "config.json")
    assert config.run == {"tstop": 10.0, "dt": 0.1}
    assert config.node_sets["L4"] == {"location": "VisL4"}


def test_variables_can_be_given(folder):
    config = read_config(folder / "config.json", {"$OUTPUT_DIR": "elsewhere"})
    assert config.output["output_dir"] == str(folder / "elsewhere")
    edit(folder / "simulation_config.json", "output/output_dir", "$MINE/out")
    assert read_config(folder / "config.json", {"MINE": "/x"}).output["output_dir"] == "/x/out"


def test_unknown_keys_are_told_by_path(folder, caplog):
    edit(folder / "simulation_config.json", "inputs/clamp/modul", "IClamp")
    edit(folder / "simulation_config.json", "run/tstopp", 3)
    edit(folder / "simulation_config.json", "zzz", 1)
    edit(folder / "circuit_config.json", "networks/nodes/0/node_file", "x")
    file, circuit = folder / "simulation_config.json", folder / "circuit_config.json"
    expected = {
        f"{file}: inputs.clamp.modul: unknown key; did you mean 'module'?",
        f"{file}: run.tstopp: unknown key; did you mean 'tstop'?",
        f"{file}: zzz: unknown key",
        f"{circuit}: networks.nodes[0].node_file: unknown key; did you mean 'nodes_file'?",
    }
    config = read_config(folder / "config.json")
    assert set(config.warnings) > expected
    assert all(message in caplog.text for message in expected)


@pytest.mark.parametrize(
    ("manifest", "error", "message"),
    [
        ({"$A": "$B/x", "$B": "${C}", "$C": "$A"}, InvalidValue, r"manifest: '\$A -> \$B -> \$C -> \$A' is a variable"),
        ({"$A": "$A"}, InvalidValue, r"'\$A -> \$A' is a variable that means itself"),
        ({"$A": "$BASE_DRI"}, UnknownName, r"manifest\.A: '\$BASE_DRI' is no manifest variable .* '\$BASE_DIR'\?"),
        ({"$A": 3}, InvalidType, r"manifest\.A: 3 must be text"),
        ([], InvalidType, "must be an object of variables"),
    ],
)
def test_bad_manifests(folder, manifest, error, message):
    edit(folder / "simulation_config.json", "manifest", manifest)
    with pytest.raises(error, match=message):
        read_config(folder / "config.json")


def test_an_unknown_variable_is_told_where_it_stands(folder):
    edit(folder / "circuit_config.json", "networks/nodes/0/nodes_file", "$NETWORK_DRI/V1.h5")
    with pytest.raises(
        UnknownName, match=r"circuit_config.json: networks\.nodes\[0\]\.nodes_file: '\$NETWORK_DRI' .* '\$NETWORK_DIR'"
    ):
        read_config(folder / "config.json")


@pytest.mark.parametrize(
    ("file", "path", "value", "key"),
    [
        ("config.json", "network", "circuit.json", "network"),
        (
            "circuit_config.json",
            "networks/nodes/0/nodes_file",
            "$NETWORK_DIR/V2.h5",
            r"networks\.nodes\[0\]\.nodes_file",
        ),
        ("circuit_config.json", "networks/nodes/0/node_types_file", "t.csv", r"networks\.nodes\[0\]\.node_types_file"),
        ("simulation_config.json", "inputs/LGN_spikes/input_file", ["spikes.csv", "s.csv"], r"input_file\[1\]"),
        ("simulation_config.json", "inputs/forced/timestamps", "times.txt", r"inputs\.forced\.timestamps"),
        ("simulation_config.json", "node_sets_file", "sets.json", "node_sets_file"),
    ],
)
def test_a_missing_file_is_told_with_config_and_key(folder, file, path, value, key):
    edit(folder / file, path, value)
    missing = (value[-1] if isinstance(value, list) else value).rpartition("/")[2]
    with pytest.raises(MissingFile, match=rf"{missing}: there is no such file; \S*{file} names it in '.*{key}'"):
        read_config(folder / "config.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("run/dt", "0.1", r"run\.dt: '0.1' must be a number"),
        ("run", [1], r"run: \[1\] must be an object"),
        ("inputs/clamp", 3, r"inputs\.clamp: 3 must be an object"),
        ("inputs/clamp/enabled", "no", r"inputs\.clamp\.enabled: 'no' must be true or false"),
        ("networks", {"nodes": {}, "edges": 3}, r"networks\.edges: 3 must be a list"),
        ("networks", {"nodes": [{}]}, r"networks\.nodes\[0\]\.nodes_file: None must be a path"),
        ("output/output_dir", 3, r"output\.output_dir: 3 must be a path"),
    ],
)
def test_values_of_the_wrong_type(folder, path, value, message):
    edit(folder / "simulation_config.json", path, value)
    with pytest.raises(InvalidType, match=message):
        read_config(folder / "simulation_config.json")


def test_files_that_are_no_config(folder):
    with pytest.raises(MissingFile, match=r"other\.json: there is no such file"):
        read_config(folder / "other.json")
    (folder / "config.json").write_text('{\n"run": }')
    with pytest.raises(FileFormatError, match=r"config\.json, line 2: is no JSON"):
        read_config(folder / "config.json")
    (folder / "config.json").write_text("[1]")
    with pytest.raises(FileFormatError, match="holds a JSON list, not an object"):
        read_config(folder / "config.json")


def test_configs_that_link_to_each_other(folder):
    edit(folder / "simulation_config.json", "simulation", "config.json")
    with pytest.raises(InvalidValue, match=r"config\.json -> simulation_config\.json -> config\.json"):
        read_config(folder / "config.json")


# ------------------------------------------------------------------------------------------------- writing


def test_a_config_is_written_and_read(folder, tmp_path_factory):
    config = read_config(folder / "config.json")
    file = write_config(config, folder)
    assert file == folder / "config.json"
    circuit = json.loads((folder / "circuit_config.json").read_text())
    assert circuit["networks"]["nodes"][0]["nodes_file"] == "$BASE_DIR/network/V1_nodes.h5"
    run = {**config.run, "random_seed": 0}  # libsonata asks for one
    assert read_config(file) == attrs.evolve(config, run=run)
    # elsewhere, the paths are absolute
    other = tmp_path_factory.mktemp("other")
    back = read_config(write_config(config, other, base_dir="${configdir}"))
    assert attrs.evolve(back, file=config.file, warnings=()) == attrs.evolve(config, run=run, warnings=())


def test_libsonata_reads_the_circuit_config(folder):
    write_config(read_config(folder / "config.json"), folder)
    circuit = libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))
    assert circuit.config_status == libsonata.CircuitConfigStatus.complete


def test_nothing_is_left_of_a_failed_export(tmp_path):
    config = SimulationConfig(run={"tstop": 1.0}, node_sets={"odd": object()})
    with pytest.raises(InvalidType, match=r"node_sets: .* must be plain data as in JSON"):
        write_config(config, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="does not exist"):
        write_config(SimulationConfig(), tmp_path / "absent")


def test_node_sets_round_trip(tmp_path):
    sets = {"L2": {"layer": ["L2", "L3"], "x": {"$gt": 1.5}}, "both": ["L2", "more"], "more": {"node_id": [0, 1]}}
    write_node_sets(sets, tmp_path / "node_sets.json")
    assert read_node_sets(tmp_path / "node_sets.json") == sets
    (tmp_path / "node_sets.json").write_text('{"L2": 3}')
    with pytest.raises(FileFormatError, match="node set 'L2' is 3: must be an object of attributes or a list"):
        read_node_sets(tmp_path / "node_sets.json")
