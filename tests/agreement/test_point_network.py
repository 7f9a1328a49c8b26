"""A network of point cells in SONATA files: built by rule, run, perturbed; made from one of cells with sections."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import runpy
import subprocess
import sys
from pathlib import Path

import h5py
import libsonata
import matplotlib
import numpy as np
import pytest

import hnnlib as hn

# found, not imported: whoever imports NEST without hnnlib's care lets it share symbols with all that follows
if importlib.util.find_spec("nest") is None:
    pytest.skip("NEST is not installed: pip install 'hnnlib[nest]'", allow_module_level=True)

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plot_point_network.py"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the example has at its end: 400 cells of V1 and 500 of LGN, before and after a perturbation."""
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    plt.close("all")  # what tests before left open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", lambda: str(tmp_path_factory.mktemp("example")))
        found = runpy.run_path(str(EXAMPLE))
    found["n_figures"] = len(plt.get_fignums())
    plt.close("all")
    return found


def config_of(folder, **changes):
    """Write a changed configuration beside the example's, with outputs of its own; return its file."""
    config = json.loads((folder / "config.json").read_text()) | changes
    name = hashlib.blake2b(json.dumps(changes).encode(), digest_size=4).hexdigest()
    config["output"] = {"output_dir": f"output-{name}", "spikes_file": "spikes.h5"}
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    return file


def test_the_network_runs_and_is_drawn(example):
    network, result = example["network"], example["result"]
    assert [len(network.circuit.nodes[n]) for n in network.circuit.nodes] == [80, 20, 200, 100, 500]
    assert list(network.spec.populations) == ["Scnn1a", "PV", "LIF_exc", "LIF_inh"]
    rates = result.cell_response.mean_rates(0.0, 3000.0, result.cell_response.gid_ranges, mean_type="all")
    assert all(0.5 < rates[name] < 20.0 for name in network.spec.populations)
    assert example["n_figures"] == 4
    assert result.provenance["engine"] == "nest"


def test_outputs_are_what_libsonata_reads(example):
    folder, response = example["folder"], example["result"].cell_response
    spikes = libsonata.SpikeReader(str(folder / "output" / "spikes.h5"))["V1"].get_dict()
    cells = response.spike_gids[0] < 400
    np.testing.assert_array_equal(np.sort(spikes["timestamps"]), np.sort(response.spike_times[0][cells]))
    np.testing.assert_array_equal(np.bincount(spikes["node_ids"]), np.bincount(response.spike_gids[0][cells]))
    report = libsonata.SomaReportReader(str(folder / "output" / "membrane_potential.h5"))["V1"]
    found = report.get(node_ids=[100], tstart=0.0, tstop=3000.0)
    assert (report.data_units, len(found.data)) == ("mV", 30_001)
    np.testing.assert_allclose(found.data[:, 0], response.vsec[0][100]["soma"], rtol=1e-6)
    assert sorted(response.vsec[0]) == [0, 80, 100, 300]  # nobody else was recorded


def test_only_the_chosen_cells_are_pushed_and_held(example):
    before, after, chosen = example["before"], example["after"], example["chosen"]
    pushed, held = chosen["pushed"], chosen["held back"]
    assert (after[pushed] > before[pushed] + 10.0).all()
    assert before[held].mean() > 2.0
    assert (after[held] == 0.0).all()
    others = chosen["others"]
    assert abs(after[others].mean() - before[others].mean()) < 1.5  # what the chosen cells' spikes do to them


def test_a_clamp_reaches_nobody_else(example):
    """Without connections among cells, all but the chosen fire as if there were no clamp."""
    folder, clamps = example["folder"], example["clamps"]
    networks = json.loads((folder / "config.json").read_text())["networks"]
    networks["edges"] = networks["edges"][1:]
    inputs = {"LGN_spikes": example["config"]["inputs"]["LGN_spikes"]}
    run = {"tstop": 500.0, "dt": 0.1}
    plain = hn.read_sonata(config_of(folder, networks=networks, inputs=inputs, run=run, reports={}))
    clamped = hn.read_sonata(config_of(folder, networks=networks, inputs=inputs | clamps, run=run, reports={}))
    spikes = []
    for network in (plain, clamped):
        response = hn.run_config(network)[0].cell_response
        spikes.append({gid: response.spike_times[0][response.spike_gids[0] == gid].tolist() for gid in range(400)})
    changed = [gid for gid in range(400) if spikes[0][gid] != spikes[1][gid]]
    assert set(changed) <= {*example["chosen"]["pushed"].tolist(), *example["chosen"]["held back"].tolist()}
    assert set(changed) >= set(example["chosen"]["pushed"].tolist())


def test_the_command_and_workers_give_the_same(example):
    file = config_of(example["folder"], run={"tstop": 300.0, "dt": 0.1, "n_trials": 2}, reports={})
    done = subprocess.run(
        [sys.executable, "-m", "hnnlib", "run", str(file), "--engine", "nest", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "engine nest; launcher joblib" in done.stdout
    result = hn.simulate(hn.read_sonata(file), tstop=300.0, dt=0.1)
    for trial in (0, 1):
        name = file.with_name(f"output-{file.stem}") / f"spikes_{trial}.h5"
        with h5py.File(name) as written:
            times = written["spikes/V1/timestamps"][()]
        mine = result.cell_response.spike_times[0][result.cell_response.spike_gids[0] < 400]
        np.testing.assert_array_equal(np.sort(times), np.sort(mine))


def test_a_report_of_several_variables_has_a_file_for_each(example):
    run = {"tstop": 100.0, "dt": 0.1}
    report = {"module": "multimeter_report", "cells": {"ei": "i"}, "variable_name": ["I_syn_ex", "I_syn_in"], "dt": 1.0}
    result, files = hn.run_config(config_of(example["folder"], run=run, reports={"synapses": report}))
    assert [file.name for file in files] == ["spikes.h5", "synapses_I_syn_ex.h5", "synapses_I_syn_in.h5", "result.h5"]
    assert {name: t.data.shape for name, t in result.cell_response.recordings.items()} == {
        "I_syn_ex": (1, 120, 101),
        "I_syn_in": (1, 120, 101),
    }


def test_a_variable_that_a_model_lacks_is_told_before_the_run(example):
    report = {"module": "multimeter_report", "cells": {"ei": "i"}, "variable_name": "g_ex"}
    network = hn.read_sonata(config_of(example["folder"], reports={"g": report}))
    with pytest.raises(ValueError, match=r"'g_ex' is no recordable of population 'PV' \(has I_syn_ex, I_syn_in, V_m\)"):
        hn.run_config(network)


def test_states_are_kept_in_files(tmp_path):
    builder = hn.NetworkBuilder("A", seed=1)
    builder.add_nodes(2, model_type="point_neuron", model_template="nest:iaf_psc_exp")
    builder.add_edges(connection_rule=1, syn_weight=5.0, delay=1.0)
    builder.save(tmp_path)
    entry = {"nodes_file": "A_nodes.h5", "node_types_file": "A_node_types.csv"}
    edges = {"edges_file": "A_A_edges.h5", "edge_types_file": "A_A_edge_types.csv"}
    report = {"module": "multimeter_report", "cells": "A", "variable_name": ["V_m", "I_syn_ex"]}
    clamp = {"input_type": "current_clamp", "node_set": {"node_id": [0]}, "amp": 800.0, "duration": 40.0}
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "run": {"tstop": 50.0, "dt": 0.1},
                "networks": {"nodes": [entry], "edges": [edges]},
                "inputs": {"step": clamp},
                "reports": {"both": report},
                "output": {"output_dir": "out"},
            }
        )
    )
    result, files = hn.run_config(tmp_path)
    assert [file.name for file in files] == ["spikes.h5", "both_vsec.h5", "both_I_syn_ex.h5", "result.h5"]
    with h5py.File(files[2]) as report:
        assert report["report/A/data"].attrs["units"] in (b"pA", "pA")
        np.testing.assert_allclose(
            report["report/A/data"][:, 1], result.cell_response.states["I_syn_ex"][0][1], rtol=1e-6
        )
    again = hn.read_result(files[3])
    assert again.cell_response.recordings["I_syn_ex"] == result.cell_response.recordings["I_syn_ex"]
    assert list(again.cell_response.states) == ["I_syn_ex"]
    assert again.cell_response.states["I_syn_ex"][0][1].max() >= 4.9  # pA, a weight of 5, at its peak


# --------------------------------------------------------------------------------- from cells with sections to points


def rewritten(file, change):
    """Change the rows of a table of types, as one would in an editor."""
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text, delimiter=" "))
    for row in rows:
        row.update(change(row))
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]), delimiter=" ")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.neuron
def test_two_tables_make_points_of_cells_with_sections(tmp_path):
    cells = hn.NetworkBuilder("column", seed=1)
    for number, name in enumerate(("L2_pyramidal", "L2_basket")):
        cells.add_nodes(
            4,
            pop_name=name,
            model_type="biophysical",
            model_template=f"hnnlib:{name}",
            dynamics_params="of the template",
            positions=[(float(i), float(number), 0.0) for i in range(4)],
        )
    source = hn.NetworkBuilder("input", seed=1)
    source.add_nodes(6, model_type="virtual")
    common = {"delay": 1.0, "model_template": "exp2syn", "dynamics_params": "ampa.json", "receptor": "ampa"}
    cells.add_edges(
        source={"pop_name": "L2_pyramidal"},
        target={"pop_name": "L2_basket"},
        syn_weight=0.001,
        location="soma",
        **common,
    )
    for name, location in (("L2_pyramidal", "proximal"), ("L2_basket", "soma")):
        target = cells.nodes(pop_name=name)
        source.add_edges(source=source.nodes(), target=target, syn_weight=0.001, location=location, **common)
    for network in (cells, source):
        network.save(tmp_path / "network")
    hn.SpikeData([20.0, 21.0, 22.0, 23.0, 24.0, 25.0], range(6), [0] * 6, ["input"]).to_sonata(tmp_path / "spikes.h5")
    names = [("column", "column"), ("input", "column")]
    config = {
        "run": {"tstop": 50.0, "dt": 0.05},
        "components": {"point_neuron_models_dir": ".", "synaptic_models_dir": "."},
        "networks": {
            "nodes": [
                {"nodes_file": f"network/{n}_nodes.h5", "node_types_file": f"network/{n}_node_types.csv"}
                for n in ("column", "input")
            ],
            "edges": [
                {"edges_file": f"network/{a}_{b}_edges.h5", "edge_types_file": f"network/{a}_{b}_edge_types.csv"}
                for a, b in names
            ],
        },
        "inputs": {"in": {"module": "sonata", "input_file": "spikes.h5", "node_set": "input"}},
        "output": {"output_dir": "out"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    detailed = hn.run_config(tmp_path)[0]
    assert detailed.provenance["engine"] == "fast"
    topology = {file.name: file.read_bytes() for file in (tmp_path / "network").glob("*.h5")}

    def as_point(row):
        parameters = f"{row['pop_name']}_point.json"
        return {"model_type": "point_process", "model_template": "nest:iaf_psc_alpha", "dynamics_params": parameters}

    rewritten(tmp_path / "network/column_node_types.csv", as_point)
    for a, b in names:
        rewritten(
            tmp_path / f"network/{a}_{b}_edge_types.csv",
            lambda row: {"model_template": "static_synapse", "dynamics_params": "NULL", "syn_weight": "400.0"},
        )
    for name, c in (("L2_pyramidal", 250.0), ("L2_basket", 100.0)):
        (tmp_path / f"{name}_point.json").write_text(json.dumps({"C_m": c}))
    points = hn.run_config(tmp_path)[0]
    assert {file.name: file.read_bytes() for file in (tmp_path / "network").glob("*.h5")} == topology
    assert points.provenance["engine"] == "nest"
    for result in (detailed, points):
        assert {"L2_pyramidal", "L2_basket"} <= set(result.cell_response.cell_types)
