"""A beta event before an evoked response, and the response alone."""

import matplotlib.pyplot as plt
import numpy as np
from hnn_core import average_dipoles, law_2021_model, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model
from hnn_core.viz import plot_dipole, plot_tfr_morlet


def add_beta_drives(net, start):
    shared = {"tstart": start, "tstart_std": 0.0, "tstop": start + 50.0, "burst_rate": 1.0, "spike_isi": 10}
    weak = {"L2_basket": 0.00032, "L2_pyramidal": 0.00008, "L5_pyramidal": 0.00004}
    net.add_bursty_drive(
        "beta_dist",
        location="distal",
        burst_std=10,
        numspikes=2,
        n_drive_cells=10,
        weights_ampa=weak,
        weights_nmda=weak,
        event_seed=290,
        **shared,
    )
    prox = {"L2_basket": 0.00004, "L2_pyramidal": 0.00002, "L5_basket": 0.00002, "L5_pyramidal": 0.00002}
    net.add_bursty_drive(
        "beta_prox",
        location="proximal",
        burst_std=20,
        numspikes=2,
        n_drive_cells=10,
        weights_ampa=prox,
        weights_nmda=prox,
        event_seed=300,
        **shared,
    )


beta, erp, both = law_2021_model(), law_2021_model(), law_2021_model()
add_beta_drives(beta, 50.0)
add_erp_drives_to_jones_model(erp, tstart=125.0)
add_beta_drives(both, 50.0)
add_erp_drives_to_jones_model(both, tstart=125.0)

dpl = {name: simulate_dipole(net, tstop=300.0)[0] for name, net in (("beta", beta), ("erp", erp), ("both", both))}
fig, axes = plt.subplots(3, 1, sharex=True)
beta.cell_response.plot_spikes_hist(ax=axes[0], show=False)
plot_dipole(dpl["beta"], ax=axes[1], show=False)
plot_tfr_morlet(dpl["beta"], np.arange(10.0, 45.0, 5.0), n_cycles=4.0, ax=axes[2], show=False)
beta.cell_response.plot_spikes_raster(show=False)

fig, ax = plt.subplots()
plot_dipole(dpl["erp"], ax=ax, label="evoked", show=False)
plot_dipole(dpl["both"], ax=ax, label="beta, then evoked", color="b", show=False)
for net in (erp, both):
    net.cell_response.plot_spikes_raster(show=False)
assert average_dipoles([dpl["erp"]]).nave == 1
