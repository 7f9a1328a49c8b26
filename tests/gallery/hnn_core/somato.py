"""A median-nerve response, four synchronous drives."""

import os.path as op

import hnn_core
import matplotlib.pyplot as plt
from hnn_core import average_dipoles, neymotin_2020_model, simulate_dipole

net = neymotin_2020_model(op.join(op.dirname(hnn_core.__file__), "param", "N20.json"))
proximal = {"L2_basket": 0.0036, "L2_pyramidal": 0.0039, "L5_basket": 0.0019, "L5_pyramidal": 0.0020}
distal = {"L2_basket": 0.0041, "L2_pyramidal": 0.0039, "L5_pyramidal": 0.0005}
for name, mu, location, weights in (
    ("evprox1", 21.0, "proximal", proximal),
    ("evdist1", 32.0, "distal", distal),
    ("evdist2", 84.0, "distal", distal),
    ("evprox2", 134.0, "proximal", proximal),
):
    net.add_evoked_drive(
        name,
        mu=mu,
        sigma=3.0,
        numspikes=1,
        location=location,
        weights_ampa=weights,
        weights_nmda=weights,
        n_drive_cells=1,
        cell_specific=False,
    )
dpls = simulate_dipole(net, tstop=170.0, n_trials=2)
for dpl in dpls:
    dpl.smooth(20).scale(12)
fig, axes = plt.subplots(2, 1, sharex=True)
net.cell_response.plot_spikes_hist(ax=axes[0], show=False)
average_dipoles(dpls).plot(ax=axes[1], show=False)
net.cell_response.plot_spikes_raster(show=False)
