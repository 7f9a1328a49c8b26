"""HNN-core's published numbers and its tests' recipes that simulate, by the names that its users use."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import hnnlib
from hnnlib.compat.install import install_as_hnn_core

WEIGHTS = {"L2_basket": 0.01, "L2_pyramidal": 0.02, "L5_pyramidal": 0.03}


@pytest.fixture(scope="module")
def hnn_core():
    install_as_hnn_core()
    import hnn_core

    yield hnn_core
    for name in [name for name in sys.modules if name.split(".")[0] == "hnn_core"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def reduced(hnn_core):
    """Return a small column with three early drives, run once with everything recorded."""
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))
    for name, mu in (("evprox1", 5.0), ("evdist1", 10.0), ("evprox2", 20.0)):
        net.external_drives[name]["dynamics"]["mu"] = mu
    net.add_electrode_array("sum", (1.0, 2.0, 3.0), method=None)
    hnn_core.simulate_dipole(
        net, tstop=40.0, n_trials=2, record_vsec="all", record_isec="soma", record_ca="all", verbose=False
    )
    return net


def test_spikes_of_the_default_column_in_legacy_mode(hnn_core):
    # HNN-core 0.6.1, NEURON 8.2.7: default.json, legacy mode, 170 ms
    with pytest.warns(DeprecationWarning, match="legacy_mode"):
        net = hnn_core.neymotin_2020_model(None, add_drives_from_params=True, legacy_mode=True)
    hnn_core.simulate_dipole(net, tstop=170.0, verbose=False)
    counts = Counter(net.cell_response.spike_types[0].tolist())
    drives = {"evprox1": 270, "evdist1": 270, "evprox2": 270}
    assert counts == {**drives, "L2_basket": 55, "L2_pyramidal": 114, "L5_basket": 86, "L5_pyramidal": 396}


def test_what_is_recorded(reduced):
    response = reduced.cell_response
    l2, l5 = reduced.gid_ranges["L2_pyramidal"][0], reduced.gid_ranges["L5_pyramidal"][0]
    assert len(response.vsec[0][l2]) == 8
    assert list(response.isec[0][l2]) == ["soma"]
    assert set(response.isec[0][l2]["soma"]) == {"soma_gabaa", "soma_gabab"}
    assert len(response.ca[0][l5]) == 9


def test_events_are_the_spikes_of_drive_cells(reduced):
    response = reduced.cell_response
    for name in reduced.external_drives:
        for trial, events in enumerate(reduced.external_drives[name]["events"]):
            for gid, times in zip(reduced.gid_ranges[name], events, strict=True):
                np.testing.assert_array_equal(response.spike_times[trial][response.spike_gids[trial] == gid], times)


def test_currents_sum_to_zero(reduced):
    assert np.abs(reduced.rec_arrays["sum"].voltages).max() < 1e-9


def test_voltages_at_the_start(reduced):
    for name, cell in reduced.cell_types.items():
        recorded = reduced.cell_response.vsec[0][reduced.gid_ranges[name][0]]
        for label, section in cell["cell_object"].sections.items():
            assert recorded[label][0] == pytest.approx(section.v0, abs=0.1)


def test_samples(hnn_core):
    net = hnn_core.neymotin_2020_model(mesh_shape=(2, 2))
    with pytest.warns(UserWarning, match="no drives"):
        (dipole,) = hnn_core.simulate_dipole(net, tstop=10.0, verbose=False)
    assert dipole.times.size == 401
    assert (net._tstop, net._dt) == (10.0, 0.025)


def test_what_is_said_while_it_runs(hnn_core, capsys):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(2, 2))
    hnn_core.simulate_dipole(net, tstop=10.0, verbose=True)
    assert "Trial 1" in capsys.readouterr().out
    hnn_core.simulate_dipole(net, tstop=10.0, verbose=False)
    assert capsys.readouterr().out == ""


def test_workers_give_the_same(hnn_core):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(2, 2))
    alone = hnn_core.simulate_dipole(net, tstop=30.0, n_trials=2, verbose=False)
    with hnn_core.JoblibBackend(n_jobs=2):
        spread = hnn_core.simulate_dipole(net, tstop=30.0, n_trials=2, verbose=False)
    for one, other in zip(alone, spread, strict=True):
        np.testing.assert_array_equal(one.data["agg"], other.data["agg"])


def test_a_network_to_look_at(hnn_core, tmp_path):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))
    before = hnn_core.viz.NetworkPlotter(net)
    assert before.vsec_array.shape == (159, 1)
    hnn_core.simulate_dipole(net, tstop=10.0, dt=0.5, record_vsec="all", verbose=False)
    plotter = hnn_core.viz.NetworkPlotter(net)
    assert plotter.vsec_array.shape == (159, 21)
    assert plotter.color_array.shape == (159, 21, 4)
    plotter.export_movie(tmp_path / "net.gif", dpi=40, decim=10)
    assert (tmp_path / "net.gif").stat().st_size > 1000


def test_a_cell_that_was_edited_runs(hnn_core):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(2, 2))
    (before,) = hnn_core.simulate_dipole(net, tstop=40.0, verbose=False)
    net.cell_types["L5_pyramidal"]["cell_object"].modify_section("soma", diam=10.0)
    (after,) = hnn_core.simulate_dipole(net, tstop=40.0, verbose=False)
    assert np.abs(after.data["L5"] - before.data["L5"]).max() > 1e-4


def test_a_fresh_process_is_quick_and_finds_parameter_files(tmp_path):
    code = """
import sys
import hnnlib
hnnlib.install_as_hnn_core()
import hnn_core, os.path as op
print(op.exists(op.join(op.dirname(hnn_core.__file__), "param", "default.json")))
print(sorted({"scipy", "matplotlib", "neuron", "h5py", "joblib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["True", "[]"]


def test_who_wins_where_hnn_core_is_installed_as_well(tmp_path):
    (tmp_path / "hnn_core").mkdir()
    (tmp_path / "hnn_core" / "__init__.py").write_text("def simulate_dipole(): pass\n")
    code = """
import hnnlib
hnnlib.install_as_hnn_core()
import hnn_core
print(hnn_core.simulate_dipole.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("hnnlib.")
    assert "HNN-core is installed, too: 'import hnn_core' now gives hnnlib" in done.stderr


def test_public_names_need_no_alias():
    assert hnnlib.read_network_configuration.__module__ == "hnnlib.compat.network_files"
