"""Networks as SONATA folders: written, read back and run, they are the network that they were written from."""

from __future__ import annotations

import json
import subprocess
import sys

import attrs
import h5py
import libsonata
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.builder.network import NetworkBuilder
from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan, digest_of

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def exported(rich, rich_serial, tmp_path_factory):
    """The rich network's three trials as a folder."""
    folder = tmp_path_factory.mktemp("sonata") / "rich"
    hn.write_sonata(rich_serial, folder)
    return folder


def test_the_plan_comes_back_bit_by_bit(rich, exported):
    network = hn.read_sonata(exported)
    run = hn.RunSpec(tstop=rich.tstop, n_trials=3, record=rich.record)
    assert network.run == run
    plan, back = compile_plan(rich.net.spec, run), network.compile(network.run)
    for field in attrs.fields(Plan):
        assert digest_of(getattr(plan, field.name)) == digest_of(getattr(back, field.name)), field.name


def test_the_default_column_comes_back(tmp_path):
    net = hn.jones_2009_model(add_drives_from_params=True)
    hn.write_sonata(net, tmp_path / "column", tstop=170.0)
    network = hn.read_sonata(tmp_path / "column")
    assert digest_of(network.compile(network.run)) == digest_of(compile_plan(net.spec, hn.RunSpec(tstop=170.0)))


def test_what_was_read_simulates_the_same(rich, rich_serial, exported):
    network = hn.read_sonata(exported)
    again = hn.simulate(network, tstop=rich.tstop, n_trials=3, record=rich.record, engine="neuron")
    rich.assert_same(rich_serial, again)


def test_forced_events_and_clamps_travel_as_what_they_are(tmp_path):
    net = hn.jones_2009_model(mesh_shape=(2, 2), add_drives_from_params=True)
    net.add_synaptic_events("forced", times=[5.0, 9.0], pre="L2_pyramidal", post="L5_pyramidal", mode="isolate")
    net.add_current_clamp("steps", "L5_pyramidal", amplitude=[0.5, -0.2], delay=[1.0, 6.0], duration=[3.0, 2.0])
    first = hn.simulate(net, tstop=15.0, engine="neuron")
    hn.write_sonata(first, tmp_path / "net")
    again = hn.simulate(hn.read_sonata(tmp_path / "net"), tstop=15.0, engine="neuron")
    assert first.dipoles[0] == again.dipoles[0]
    assert "forced" in again.cell_response.spike_types[0]


def test_libsonata_knows_every_population_of_the_folder(rich, exported):
    config = libsonata.CircuitConfig.from_file(str(exported / "circuit_config.json"))
    assert config.config_status == libsonata.CircuitConfigStatus.complete
    assert config.node_populations == {*rich.net.spec.populations, *rich.net.spec.drives}
    edges = config.edge_population("L2_pyramidal_to_L5_pyramidal")
    assert (edges.source, edges.target) == ("L2_pyramidal", "L5_pyramidal")
    cells = config.node_population("L5_pyramidal")
    sets = libsonata.NodeSets.from_file(str(exported / "node_sets.json"))
    assert sets.materialize("cells", cells).flat_size == len(rich.net.gid_ranges["L5_pyramidal"])


def test_libsonata_reads_the_folder(rich, rich_serial, exported):
    plan = compile_plan(rich.net.spec, hn.RunSpec(tstop=rich.tstop, n_trials=3, record=rich.record))
    ranges = plan.populations.gid_ranges
    everything = libsonata.Selection([(0, len(ranges["L5_pyramidal"]))])
    nodes = libsonata.NodeStorage(str(exported / "network/L5_pyramidal_nodes.h5")).open_population("L5_pyramidal")
    position = plan.cells.position_um[ranges["L5_pyramidal"].start : ranges["L5_pyramidal"].stop]
    for axis, expected in zip("xyz", position.T, strict=True):
        np.testing.assert_array_equal(nodes.get_attribute(axis, everything), expected)
    edges = libsonata.EdgeStorage(str(exported / "network/L2_pyramidal_L5_pyramidal_edges.h5")).open_population(
        "L2_pyramidal_to_L5_pyramidal"
    )
    ours = plan.edges
    mine = np.isin(ours.source_gid, ranges["L2_pyramidal"]) & np.isin(ours.target_gid, ranges["L5_pyramidal"])
    assert edges.size == mine.sum() > 0
    reached = edges.afferent_edges([4])
    expected = mine & (ours.target_gid == ranges["L5_pyramidal"].start + 4)
    np.testing.assert_array_equal(np.sort(edges.get_attribute("syn_weight", reached)), np.sort(ours.weight[expected]))
    np.testing.assert_array_equal(
        np.sort(edges.source_nodes(reached)), np.sort(ours.source_gid[expected] - ranges["L2_pyramidal"].start)
    )
    for trial in range(3):
        spikes = libsonata.SpikeReader(str(exported / f"output/spikes_{trial}.h5"))
        response = rich_serial.cell_response
        for name in response.cell_type_names:
            found = spikes[name].get_dict()
            theirs = response.spike_types[trial] == name
            np.testing.assert_array_equal(found["timestamps"], response.spike_times[trial][theirs])
            np.testing.assert_array_equal(found["node_ids"] + ranges[name].start, response.spike_gids[trial][theirs])
        elements = libsonata.ElementReportReader(str(exported / f"output/isec_{trial}.h5"))["L5_pyramidal"]
        sections = list(rich.net.spec.populations["L5_pyramidal"].cell.sections)
        assert {section for _, section in elements.get_node_id_element_id_mapping()} == {sections.index("apical_tuft")}
        report = libsonata.SomaReportReader(str(exported / f"output/vsec_{trial}.h5"))["L5_pyramidal"].get()
        voltages = response.vsec[trial][ranges["L5_pyramidal"].start + 2]["soma"]
        np.testing.assert_array_equal(report.data[:, list(report.ids).index(2)], voltages.astype(np.float32))


def column_by_rule(folder, **simulation):
    """Two populations of shipped cells and a source, built by rule; both cell types are of one population."""
    source = NetworkBuilder("input")
    source.add_nodes(3, model_type="virtual")
    column = NetworkBuilder("column")
    for name, n, depth in (("L2_basket", 2, 0.0), ("L5_pyramidal", 4, -1300.0)):
        column.add_nodes(
            n,
            pop_name=name,
            model_type="biophysical",
            model_template=f"hnnlib:{name}",
            x=np.arange(n) * 50.0,
            y=np.zeros(n),
            z=np.full(n, depth),
        )
    column.add_edges(
        source.nodes(),
        column.nodes(pop_name="L5_pyramidal"),
        connection_rule=1,
        syn_weight=0.02,
        delay=1.5,
        receptor="ampa",
        location="proximal",
    )
    column.add_edges(
        column.nodes(pop_name="L5_pyramidal"),
        column.nodes(pop_name="L2_basket"),
        connection_rule=2,
        syn_weight=0.05,
        delay=2.0,
        receptor="ampa",
        location="soma",
    )
    source.save(folder / "network")
    column.save(folder / "network")
    files = sorted(p.name for p in (folder / "network").iterdir())
    pairs = {
        kind: [
            {
                f"{kind}_file": f"network/{name}",
                f"{kind[:-1]}_types_file": f"network/{name.replace(f'{kind}.h5', f'{kind[:-1]}_types.csv')}",
            }
            for name in files
            if name.endswith(f"_{kind}.h5")
        ]
        for kind in ("nodes", "edges")
    }
    config = {"run": {"tstop": 40.0, "dt": 0.025}, "networks": pairs, "output": {"output_dir": "out"}, **simulation}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


SPIKES = "timestamps population node_ids\n5.0 input 0\n5.5 input 1\n6.0 input 2\n9.0 input 0\n"


def test_a_column_built_by_rule_runs_from_its_config(tmp_path):
    (tmp_path / "spikes.csv").write_text(SPIKES)
    config = column_by_rule(
        tmp_path,
        inputs={
            "in": {"input_type": "spikes", "module": "csv", "input_file": "spikes.csv", "node_set": "input"},
            "step": {
                "input_type": "current_clamp",
                "module": "IClamp",
                "node_set": {"population": "column", "node_id": [5]},
                "amp": -0.5,
                "delay": 0.0,
                "duration": 40.0,
            },
            "off": {"enabled": False, "input_type": "no such thing"},
        },
        reports={"v": {"module": "membrane_report", "variable_name": "v", "cells": {"node_id": [1, 2, 5]}, "dt": 0.5}},
    )
    result, files = hn.run_config(config, engine="neuron")
    ranges = result.cell_response.gid_ranges
    # by hand: the file's spikes are the input's, the source cells in the order of their ids
    at = ranges["input"].start
    mine = result.cell_response.spike_types[0] == "input"
    found = zip(result.cell_response.spike_times[0][mine], result.cell_response.spike_gids[0][mine] - at, strict=True)
    assert list(found) == [(5.0, 0), (5.5, 1), (6.0, 2), (9.0, 0)]
    network = hn.read_sonata(config)
    edges = network.compile(network.run).edges
    proximal = network.spec.populations["L5_pyramidal"].cell.sections_at("proximal")
    assert (edges.source_gid >= at).sum() == 3 * 4 * len(proximal)
    twice = edges.source_gid < at
    assert set(edges.weight[twice]) == {0.1}  # two synapses in one row weigh twice
    assert twice.sum() == 4 * 2
    assert {f.name for f in files} == {"spikes.h5", "v.h5", "result.h5"}
    assert all(f.parent == tmp_path / "out" for f in files)
    report = libsonata.SomaReportReader(str(tmp_path / "out/v.h5"))["column"].get()
    assert list(report.ids) == [1, 2, 5]
    assert report.data.shape == (81, 3)
    assert report.data[-1, 2] < report.data[-1, 1] - 1  # the clamp pulls cell 5 down
    with h5py.File(tmp_path / "out/spikes.h5") as file:
        assert list(file["spikes"]) == ["column"]
        fired = set(file["spikes/column/node_ids"][()].tolist())
    assert fired
    assert fired <= set(range(6))


def test_synaptic_activity_from_a_config_is_forced_and_isolates(tmp_path):
    (tmp_path / "times.txt").write_text("3.0\n8.0\n")
    activity = {
        "input_type": "syn_activity",
        "module": "syn_activity",
        "precell_filter": {"population": "column", "pop_name": "L5_pyramidal"},
        "postcell_filter": {"pop_name": "L2_basket"},
        "timestamps": "times.txt",
    }
    network = hn.read_sonata(column_by_rule(tmp_path, inputs={"forced": activity}))
    plan = network.compile(network.run)
    forced = plan.populations.gid_ranges["forced"].start
    assert set(plan.edges.source_gid[plan.edges.source_gid < plan.n_cells]) == set()
    assert (plan.edges.source_gid == forced).sum() == 4 * 2
    np.testing.assert_array_equal(plan.events[0].of(forced - plan.n_cells), [3.0, 8.0])


BAD = {
    "a module that is unknown": (
        {"input_type": "spikes", "module": "scv", "input_file": "spikes.csv", "node_set": "input"},
        r"inputs\.in\.module: 'scv' is no module of spikes .*did you mean 'csv'",
    ),
    "a node set that is unknown": (
        {"input_type": "spikes", "module": "csv", "input_file": "spikes.csv", "node_set": "inputs"},
        r"inputs\.in.*'inputs' is no node set or population .*did you mean 'input'",
    ),
    "a file that is missing": (
        {"input_type": "spikes", "module": "csv", "input_file": "spike.csv", "node_set": "input"},
        r"spike\.csv",
    ),
    "spikes for cells that are simulated": (
        {"input_type": "spikes", "module": "csv", "input_file": "spikes.csv", "node_set": "column"},
        r"'column' is no virtual population",
    ),
    "spikes of a population with another name": (
        {"input_type": "spikes", "module": "csv", "input_file": "others.csv", "node_set": "input"},
        r"inputs\.in.*'input' is no population of the file of spikes \(has inptu\); did you mean 'inptu'",
    ),
    "a clamp off the middle of its section": (
        {"input_type": "current_clamp", "amp": 1.0, "node_set": "column", "section_dist": 0.2},
        r"section_dist: 0\.2 must be 0\.5",
    ),
    "a clamp without current": (
        {"input_type": "current_clamp", "module": "IClamp", "node_set": "column"},
        r"inputs\.in\.amp: None must be a current in nA",
    ),
    "a node that is not there": (
        {"input_type": "current_clamp", "amp": 1.0, "node_set": {"population": "column", "node_id": [6]}},
        r"6 is no node of 'column', which has ids from 0 to 5",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_named(tmp_path, name):
    entry, told = BAD[name]
    (tmp_path / "spikes.csv").write_text(SPIKES)
    (tmp_path / "others.csv").write_text(SPIKES.replace("input", "inptu"))
    config = column_by_rule(tmp_path, inputs={"in": entry})
    with pytest.raises(hn.HnnlibError, match=told):
        hn.run_config(config)
    assert not (tmp_path / "out").exists()


def test_cells_of_other_simulators_are_refused(tmp_path):
    points = NetworkBuilder("points")
    points.add_nodes(2, model_type="point_neuron", model_template="pynn:IF_curr_alpha")
    points.save(tmp_path / "network")
    nodes = {"nodes_file": "network/points_nodes.h5", "node_types_file": "network/points_node_types.csv"}
    (tmp_path / "config.json").write_text(json.dumps({"run": {"tstop": 5.0}, "networks": {"nodes": [nodes]}}))
    with pytest.raises(hn.HnnlibError, match=r"'points' has model_template 'pynn:IF_curr_alpha'.*points \(nest:MODEL"):
        hn.read_sonata(tmp_path)


def test_by_command(tmp_path):
    def command(*words):
        return subprocess.run([sys.executable, "-m", "hnnlib", *words], cwd=tmp_path, capture_output=True, text=True)

    made = command("init-config", "example", "--tstop", "20")
    assert (made.returncode, made.stderr) == (0, "")
    done = command("run", "example")
    assert done.returncode == 0, done.stderr
    assert "wrote " in done.stdout
    assert hn.read_result(tmp_path / "example/output/result.h5").n_trials == 1
    refused = command("run", "example/confg.json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("hnnlib: error: ")
    assert "Traceback" not in refused.stderr
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    refused = command("init-config", "other")
    assert refused.returncode == 2
    assert "holds other things" in refused.stderr
    assert [p.name for p in other.iterdir()] == ["mine.txt"]


def test_a_failed_export_leaves_what_was_there(rich, exported, monkeypatch):
    before = sorted(p.relative_to(exported) for p in exported.rglob("*"))
    text = (exported / "simulation_config.json").read_text()

    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hnnlib.sonata.export.write_spikes_sonata", full)
    with pytest.raises(hn.OutputError, match="No space left on device"):
        hn.write_sonata(rich.net, exported, tstop=10.0)
    assert sorted(p.relative_to(exported) for p in exported.rglob("*")) == before
    assert (exported / "simulation_config.json").read_text() == text
    assert [p.name for p in exported.parent.iterdir()] == [exported.name]


def test_a_function_gives_spikes_by_node(tmp_path):
    entry = {"input_type": "spikes", "module": "function", "spikes_function": "mine", "node_set": "input"}
    config = column_by_rule(tmp_path, inputs={"in": entry})

    def mine(node, sim):
        assert (node.population_name, sim.tstop) == ("input", 40.0)
        return [3.0 + node.node_id, 20.0] if node.node_id < 2 else []

    result, _ = hn.run_config(config, {"mine": mine}, engine="fast")
    response = result.cell_response
    theirs = response.spike_types[0] == "input"
    at = response.gid_ranges["input"].start
    found = sorted(zip(response.spike_times[0][theirs], response.spike_gids[0][theirs] - at, strict=True))
    assert found == [(3.0, 0), (4.0, 1), (20.0, 0), (20.0, 1)]
    assert result.provenance["files"]["sources"]["input"]["in"]["source"] == "SpikesFromFunction"
    with pytest.raises(hn.InvalidValue, match=r"inputs\.in\.spikes_function: 'mine' is no function that was given"):
        hn.read_sonata(config)


def test_recorded_units_drive_cells_and_the_map_is_kept(tmp_path):
    """As the seed tutorials do: units of a session, sampled, cut to a window, and which became which cell is stored."""
    pytest.importorskip("pynwb", reason="pynwb is an extra")
    units = {7: [0.0105, 0.5], 8: [0.012, 0.013], 9: [0.02]}
    write_units(tmp_path / "session.nwb", units)
    entry = {
        "input_type": "spikes",
        "module": "ecephys_probe",
        "input_file": "session.nwb",
        "node_set": "input",
        "interval": [10.0, 30.0],
        "seed": 3,
    }
    result, _ = hn.run_config(column_by_rule(tmp_path, inputs={"in": entry}), engine="fast")
    chosen = result.provenance["files"]["sources"]["input"]["in"]["unit_map"]
    unit_of = {row[1]: row[3] for row in chosen}
    assert sorted(unit_of) == [0, 1, 2]
    assert sorted(unit_of.values()) == [7, 8, 9]
    expected = sorted(
        (round(1000 * t - 10.0, 9), node) for node, unit in unit_of.items() for t in units[unit] if 0.01 <= t <= 0.03
    )
    response = result.cell_response
    theirs = response.spike_types[0] == "input"
    at = response.gid_ranges["input"].start
    found = zip(response.spike_times[0][theirs].round(9), response.spike_gids[0][theirs] - at, strict=True)
    assert sorted(found) == expected


def write_units(file, units):
    """Write an NWB file with some units: id -> spike times (s)."""
    from datetime import datetime, timezone

    import pynwb

    session = pynwb.NWBFile("test", "test", datetime(2026, 1, 1, tzinfo=timezone.utc))
    for unit, times in units.items():
        session.add_unit(spike_times=times, id=unit)
    with pynwb.NWBHDF5IO(str(file), "w") as io:
        io.write(session)


def test_spikes_without_a_population_a_report_of_a_while_and_no_overwriting(tmp_path, recwarn):
    (tmp_path / "spikes.csv").write_text("timestamps node_ids\n5.0 0\n6.0 2\n")
    config = column_by_rule(
        tmp_path,
        inputs={"in": {"input_type": "spikes", "module": "csv", "input_file": "spikes.csv", "node_set": "input"}},
        reports={
            "v": {"module": "membrane_report", "variable_name": "v", "start_time": 2.0, "end_time": 5.0, "dt": 0.5}
        },
        output={"output_dir": "out", "overwrite_output_dir": False},
    )
    result, _ = hn.run_config(config, engine="fast")
    mine = result.cell_response.spike_types[0] == "input"
    np.testing.assert_array_equal(result.cell_response.spike_times[0][mine], [5.0, 6.0])
    report = libsonata.SomaReportReader(str(tmp_path / "out/v.h5"))["column"]
    assert report.times == (2.0, 5.0, 0.5)
    np.testing.assert_allclose(report.get().times, np.arange(2.0, 5.0, 0.5))
    assert report.get().data.shape == (6, 6)
    with pytest.raises(hn.OutputError, match="exists already"):
        hn.run_config(config, engine="fast")
    dipoles = hn.simulate_dipole(hn.read_sonata(config), tstop=2.0, verbose=False)
    assert len(dipoles) == 1
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]  # its contacts and spikes are in the files
