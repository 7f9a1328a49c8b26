"""Networks as HNN-core's hierarchical JSON: written, read back, and bad files told apart."""

from __future__ import annotations

import io
import json

import attrs
import pytest

import hnnlib
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputExists
from hnnlib.compat.network_dict import cell_to_dict, network_to_dict
from hnnlib.compat.network_files import read_network_configuration, write_network_configuration
from hnnlib.compat.network_read import dict_to_network
from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import digest_of
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.run import RunSpec

MODELS = (hnnlib.jones_2009_model, hnnlib.law_2021_model, hnnlib.calcium_model)
WEIGHTS = {"L2_pyramidal": 0.001, "L5_pyramidal": 0.002}


def rich(model=hnnlib.jones_2009_model, mesh=(3, 3)):
    """Return a network with every kind of drive, pruned and partial connections, a bias and electrodes."""
    net = model(mesh_shape=mesh, add_drives_from_params=True)
    net.set_cell_positions(inplane_distance=30.0)
    net.add_poisson_drive(
        "poisson",
        rate_constant={"L2_pyramidal": 10.0, "L5_pyramidal": 20.0},
        location="proximal",
        weights_ampa=WEIGHTS,
        probability=0.5,
        event_seed=3,
        conn_seed=4,
    )
    net.add_bursty_drive(
        "bursty",
        burst_rate=10.0,
        location="distal",
        n_drive_cells=5,
        weights_ampa=WEIGHTS,
        weights_nmda=WEIGHTS,
        synaptic_delays={"L2_pyramidal": 1.0, "L5_pyramidal": 2.0},
        event_seed=4,
        conn_seed=3,
    )
    net.add_spike_train_drive(
        "trains", spike_data={"a": [1.0, 2.0], "b": [3.0]}, location="proximal", weights_ampa=WEIGHTS, conn_seed=1
    )
    net.add_tonic_bias(amplitude={"L2_basket": 0.1}, t0=5.0, tstop=20.0)
    net.add_connection([0, 1], "L5_pyramidal", "proximal", "ampa", 0.01, 1.0, 3.0, probability=0.5, conn_seed=7)
    net.add_electrode_array("probe", [(1.0, 2.0, 100.0), (1.0, 2.0, 200.0)])
    return net


def in_their_form(net):
    """Return what HNN-core would see, as it comes from a file."""
    data = json.loads(json.dumps(network_to_dict(net)))
    del data["hnnlib"]
    return data


def same_plan(net, other):
    run = RunSpec(tstop=30.0, n_trials=2)
    mine, theirs = compile_plan(net.spec, run), compile_plan(other.spec, run)
    return [
        f.name
        for f in attrs.fields(type(mine))
        if digest_of(getattr(mine, f.name)) != digest_of(getattr(theirs, f.name))
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_written_and_read_a_network_is_equal(model, tmp_path):
    net = rich(model)
    file = tmp_path / "net.json"
    write_network_configuration(net, file)
    assert read_network_configuration(file) == net


@pytest.mark.parametrize("mesh", [(3, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_their_form_alone_compiles_to_the_same_plan(model, mesh):
    net = rich(model, mesh)
    assert same_plan(net, dict_to_network(in_their_form(net))) == []


def test_a_single_column_of_cells():
    # one cell a layer says nothing of a distance, and a network may lack classes of connections: HNN-core fails on both
    net = hnnlib.jones_2009_model(mesh_shape=(1, 1), add_drives_from_params=True)
    assert same_plan(net, dict_to_network(in_their_form(net))) == []
    net.clear_connectivity()
    assert same_plan(net, dict_to_network(in_their_form(net))) == []


def test_forced_events_and_clamps_come_back(tmp_path):
    net = rich()
    net.add_synaptic_events("volley", [5.0], pre="L2_pyramidal", post="L5_pyramidal", mode="isolate")
    net.add_current_clamp("step", "L5_pyramidal", amplitude=0.5, delay=20.0, duration=50.0)
    assert dict_to_network(network_to_dict(net)) == net
    # contacts that the events silence are still connections of the network
    assert len(in_their_form(net)["connectivity"][0]["gid_pairs"]) == 9


def test_an_edit_by_hand_counts():
    data = network_to_dict(rich())
    data["connectivity"][4]["nc_dict"]["A_weight"] = 0.5
    assert dict_to_network(data).connectivity[4]["nc_dict"]["A_weight"] == 0.5


def test_pairs_of_the_file_are_not_pruned_again():
    net = rich()
    data = in_their_form(net)
    pruned = data["connectivity"][16]
    kept = sum(len(targets) for targets in pruned["gid_pairs"].values())
    assert (pruned["probability"], kept) == (0.5, 9)
    again = in_their_form(dict_to_network(data))["connectivity"][16]
    assert again["gid_pairs"] == pruned["gid_pairs"]


def test_the_distance_of_neighbours_is_that_of_the_positions():
    assert dict_to_network(in_their_form(rich())).spec.grid.inplane_distance == 30.0


def test_drives_and_biases_can_be_left_out():
    data = network_to_dict(rich())
    assert not dict_to_network(data, read_drives=False).external_drives
    assert not dict_to_network(data, read_external_biases=False).external_biases


def test_old_files_without_metadata():
    net = hnnlib.jones_2009_model(mesh_shape=(3, 3))
    data = in_their_form(net)
    data["cell_types"] = {name: entry["cell_object"] for name, entry in data["cell_types"].items()}
    for cell in data["cell_types"].values():
        for section in cell["sections"].values():
            del section["v0"]
    for connection in data["connectivity"]:
        del connection["nc_dict"]["gain"]
    back = dict_to_network(data)
    assert back.filter_cell_types(measure_dipole=True) == ["L2_pyramidal", "L5_pyramidal"]
    assert back.get_global_synaptic_gains() == {"e_e": 1.0, "e_i": 1.0, "i_e": 1.0, "i_i": 1.0}
    assert back.spec.populations["L5_pyramidal"].cell.sections["soma"].v0 == -65.0


def test_files_and_streams(tmp_path):
    net = hnnlib.jones_2009_model(mesh_shape=(3, 3))
    stream = io.StringIO()
    write_network_configuration(net, stream)
    file = tmp_path / "net.json"
    file.write_text(stream.getvalue())
    assert read_network_configuration(file) == net
    with pytest.raises(OutputExists):
        write_network_configuration(net, file, overwrite=False)
    with pytest.raises(MissingFile):
        read_network_configuration(tmp_path / "none.json")


def test_a_file_that_is_cut_off(tmp_path):
    stream = io.StringIO()
    write_network_configuration(hnnlib.jones_2009_model(mesh_shape=(3, 3)), stream)
    file = tmp_path / "net.json"
    file.write_text(stream.getvalue()[:5000])
    with pytest.raises(FileFormatError, match=r"net\.json, line \d+: not valid JSON"):
        read_network_configuration(file)


@pytest.mark.parametrize("text", ['{"object_type": "Params"}', '{"tstop": 170.0}', "[1, 2]", '"net"'])
def test_a_foreign_file(tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=r"Network object|not a network"):
        read_network_configuration(file)


def put(data, path, value):
    for key in path[:-1]:
        data = data[key]
    if value is None:
        del data[path[-1]]
    else:
        data[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("threshold",), None, "lacks the key 'threshold'"),
        (("celsius",), "warm", "celsius: 'warm' must be a number"),
        (("cell_types", "L2_basket", "cell_object", "sections", "soma", "L"), -1.0, r"soma\.L: -1"),
        (("cell_types", "L2_basket", "cell_object", "sections", "soma", "mechs", "hh3"), {}, "hh3"),
        (("connectivity", 3, "nc_dict", "A_delay"), "x", r"connectivity\[3\]\.nc_dict\.A_delay: 'x' must be a number"),
        (("connectivity", 3, "gid_pairs"), {"900": [3]}, r"connectivity\[3\]\.gid_pairs: 900 is no gid"),
        (("connectivity", 3, "src_type"), "L7", r"connectivity\[3\]\.src_type: 'L7' is no cell type"),
        (("connectivity", 3, "receptor"), "amap", r"did you mean 'ampa'"),
        (("external_drives", "evprox1", "type"), "evokd", r"did you mean 'evoked'"),
        (("external_drives", "evprox1", "dynamics", "sigma"), -2.0, r"evprox1.*sigma: -2"),
        (("pos_dict", "L2_basket", 0), [1.0, 2.0], r"L2_basket\[0\].*must have 3 entries"),
    ],
)
def test_an_edited_file_is_told_with_the_path(path, value, message):
    data = in_their_form(rich())
    put(data, path, value)
    with pytest.raises(InvalidValue, match=message):
        dict_to_network(data)


def test_drive_cells_that_legacy_mode_made_for_nobody_come_back():
    net = hnnlib.neymotin_2020_model(None, True, legacy_mode=True, mesh_shape=(3, 3))
    assert len(net.gid_ranges["evdist1"]) == 24  # three of them for the L5 basket cells, which it can't reach
    assert same_plan(net, dict_to_network(in_their_form(net))) == []


def test_sections_of_points_have_no_form_there():
    section = SectionSpec.from_points([(0, 0, 0, 2.0), (0, 0, 30, 1.0)])
    with pytest.raises(InvalidValue, match=r"cells?.*points.*can't be written in HNN-core's format"):
        cell_to_dict("bent", CellSpec(sections={"soma": section}))
