"""The users' own example script, with the import name changed, on the full mesh.

The script is HNN-core's first example, "Simulate dipole for evoked inputs" (Jas, Neymotin, Caldwell, Bailey), as its
users know it: old argument names and all.
"""

from __future__ import annotations

import os.path as op
import warnings
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

import hnnlib
from hnnlib import JoblibBackend, Network, read_params, simulate_dipole
from hnnlib.viz import plot_dipole

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def script():
    """All that the script leaves behind, and the deprecation warnings on the way."""
    mpl.use("Agg")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        left = SimpleNamespace(**run_script())
    left.deprecations = [
        str(w.message)
        for w in told
        if w.category is DeprecationWarning and not w.filename.startswith(op.dirname(hnnlib.__file__))
    ]
    yield left
    mpl.pyplot.close("all")


def run_script():
    hnnlib_root = op.dirname(hnnlib.__file__)
    params_fname = op.join(hnnlib_root, "param", "default.json")
    params = read_params(params_fname)

    net = Network(params)
    cells = net.plot_cells(show=False)

    weights_ampa_d1 = {"L2_basket": 0.006562, "L2_pyramidal": 0.000007, "L5_pyramidal": 0.142300}
    weights_nmda_d1 = {"L2_basket": 0.019482, "L2_pyramidal": 0.004317, "L5_pyramidal": 0.080074}
    synaptic_delays_d1 = {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_pyramidal": 0.1}
    net.add_evoked_drive(
        "evdist1",
        mu=63.53,
        sigma=3.85,
        numspikes=1,
        weights_ampa=weights_ampa_d1,
        weights_nmda=weights_nmda_d1,
        location="distal",
        synaptic_delays=synaptic_delays_d1,
        seedcore=4,
    )
    weights_ampa_p1 = {"L2_basket": 0.08831, "L2_pyramidal": 0.01525, "L5_basket": 0.19934, "L5_pyramidal": 0.00865}
    synaptic_delays_prox = {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0}
    net.add_evoked_drive(
        "evprox1",
        mu=26.61,
        sigma=2.47,
        numspikes=1,
        weights_ampa=weights_ampa_p1,
        weights_nmda=None,
        location="proximal",
        synaptic_delays=synaptic_delays_prox,
        seedcore=4,
    )
    weights_ampa_p2 = {"L2_basket": 0.000003, "L2_pyramidal": 1.438840, "L5_basket": 0.008958, "L5_pyramidal": 0.684013}
    net.add_evoked_drive(
        "evprox2",
        mu=137.12,
        sigma=8.33,
        numspikes=1,
        weights_ampa=weights_ampa_p2,
        location="proximal",
        synaptic_delays=synaptic_delays_prox,
        seedcore=4,
    )

    with JoblibBackend(n_jobs=1):
        dpls = simulate_dipole(net, n_trials=2, postproc=True)

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(6, 6), constrained_layout=True)
    plot_dipole(dpls, ax=axes[0], layer="agg", show=False)
    net.cell_response.plot_spikes_hist(ax=axes[1], spike_types=["evprox", "evdist"], show=False)

    net_sync = net.copy()
    net_sync.external_drives["evdist1"]["dynamics"]["sync_within_trial"] = True
    net_sync.external_drives["evprox1"]["dynamics"]["sync_within_trial"] = True
    net_sync.external_drives["evprox2"]["dynamics"]["sync_within_trial"] = True
    dynamics = str(net_sync.external_drives["evdist1"]["dynamics"])
    outputs_of_the_copy = net_sync.cell_response

    with JoblibBackend(n_jobs=1):
        dpls_sync = simulate_dipole(net_sync, n_trials=1)
    dipole_figure = dpls_sync[0].plot(show=False)
    histogram = net_sync.cell_response.plot_spikes_hist(show=False)
    return locals()


def test_the_parameters_are_those_of_the_page(script):
    assert str(script.params["L2Pyr_soma*"]).split() == [
        *("{", '"L2Pyr_soma_L":', "22.1,", '"L2Pyr_soma_Ra":', "200.0,", '"L2Pyr_soma_cm":', "0.6195,"),
        *('"L2Pyr_soma_diam":', "23.4,", '"L2Pyr_soma_el_hh2":', "-65.0,", '"L2Pyr_soma_gbar_km":', "250.0,"),
        *(
            '"L2Pyr_soma_gkbar_hh2":',
            "0.01,",
            '"L2Pyr_soma_gl_hh2":',
            "4.26e-05,",
            '"L2Pyr_soma_gnabar_hh2":',
            "0.18",
            "}",
        ),
    ]
    assert (script.params["tstop"], script.params["prng_seedcore_evdist_1"]) == (170, 2)


def test_what_is_old_is_accepted_with_a_warning(script):
    told = script.deprecations
    assert sum("seedcore" in text for text in told) == 3
    assert sum("without tstop" in text for text in told) == 2
    assert sum("postproc" in text for text in told) == 1
    assert len(told) == 6
    assert {drive["event_seed"] for drive in script.net.external_drives.values()} == {4}


def test_the_dipoles_are_smoothed_and_scaled_ones_of_the_files_duration(script):
    assert len(script.dpls) == 2
    for dipole in script.dpls:
        assert dipole.scale_applied == 3000
        assert (dipole.times[0], dipole.times[-1]) == (0.0, 170.0)
        assert np.abs(dipole.data["agg"]).max() > 1.0
    assert not np.array_equal(script.dpls[0].data["agg"], script.dpls[1].data["agg"])


def test_postproc_is_what_the_file_says(script):
    net = hnnlib.neymotin_2020_model(script.params, add_drives_from_params=True, mesh_shape=(2, 2))
    (raw,) = simulate_dipole(net, tstop=50.0, verbose=False)
    with pytest.warns(DeprecationWarning, match="postproc"):
        (processed,) = simulate_dipole(net, tstop=50.0, postproc=True, verbose=False)
    assert processed == raw.smooth(30).scale(3000)


def test_one_drive_cell_serves_all_cells_where_that_is_asked_for(script):
    assert script.dynamics == "{'mu': 63.53, 'sigma': 3.85, 'numspikes': 1, 'sync_within_trial': True}"
    assert script.outputs_of_the_copy is None
    for name, cells in {"evdist1": 235, "evprox1": 270, "evprox2": 270}.items():
        for net, number in ((script.net, cells), (script.net_sync, 1)):
            assert len(net.gid_ranges[name]) == number
            types = net.cell_response.spike_types[0]
            assert sum(types == name) == number
        # one time for all targets, where each had its own
        assert (
            len(np.unique(script.net.cell_response.spike_times[0][script.net.cell_response.spike_types[0] == name]))
            > 200
        )
    assert "sync_within_trial" not in script.net.external_drives["evdist1"]["dynamics"]


def test_the_figures_show_what_was_simulated(script):
    assert len(script.axes[0].lines) == 2
    assert script.axes[1].get_legend() is not None
    labels = {text.get_text() for text in script.axes[1].get_legend().get_texts()}
    assert labels == {"evprox", "evdist"}
    assert script.axes[1].patches
    for figure in (script.cells, script.figure, script.dipole_figure, script.histogram):
        figure.canvas.draw()
        image = np.asarray(figure.canvas.buffer_rgba())
        assert len(np.unique(image.reshape(-1, 4), axis=0)) > 10  # not blank
