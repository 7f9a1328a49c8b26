"""A tactile evoked response, by names of HNN-core alone: asynchronous, then synchronous drives."""

import os.path as op

import hnn_core
import matplotlib.pyplot as plt
from hnn_core import JoblibBackend, neymotin_2020_model, simulate_dipole
from hnn_core.viz import plot_dipole

root = op.dirname(hnn_core.__file__)
net = neymotin_2020_model(op.join(root, "param", "default.json"))
net.plot_cells()
net.cell_types["L5_pyramidal"]["cell_object"].plot_morphology()

proximal_1 = {"L2_basket": 0.08831, "L2_pyramidal": 0.01525, "L5_basket": 0.19934, "L5_pyramidal": 0.00865}
proximal_2 = {"L2_basket": 3e-6, "L2_pyramidal": 1.43884, "L5_basket": 0.008958, "L5_pyramidal": 0.684013}
delays = {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0}
distal = {
    "weights_ampa": {"L2_basket": 0.006562, "L2_pyramidal": 7e-6, "L5_pyramidal": 0.1423},
    "weights_nmda": {"L2_basket": 0.019482, "L2_pyramidal": 0.004317, "L5_pyramidal": 0.080074},
    "synaptic_delays": {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_pyramidal": 0.1},
}


def add_drives(net, **sharing):
    net.add_evoked_drive(
        "evdist1", mu=63.53, sigma=3.85, numspikes=1, location="distal", event_seed=274, **distal, **sharing
    )
    for name, mu, sigma, weights, seed in (
        ("evprox1", 26.61, 2.47, proximal_1, 544),
        ("evprox2", 137.12, 8.33, proximal_2, 814),
    ):
        net.add_evoked_drive(
            name,
            mu=mu,
            sigma=sigma,
            numspikes=1,
            location="proximal",
            weights_ampa=weights,
            synaptic_delays=delays,
            event_seed=seed,
            **sharing,
        )


together = net.copy()
add_drives(net)
with JoblibBackend(n_jobs=2):
    dipoles = simulate_dipole(net, tstop=170.0, n_trials=2)
for dipole in dipoles:
    dipole.smooth(30).scale(3000)

fig, axes = plt.subplots(2, 1, sharex=True)
net.cell_response.plot_spikes_hist(ax=axes[0], spike_types=["evprox", "evdist"], show=False)
plot_dipole(dipoles, average=False, ax=axes[1], layer=["agg"], show=False)
plot_dipole(dipoles, average=False, layer=["L2", "L5", "agg"], show=False)

add_drives(together, n_drive_cells=1, cell_specific=False)
dipoles_sync = simulate_dipole(together, tstop=170.0, n_trials=1)
dipoles_sync[0].smooth(30).scale(3000).plot(show=False)
together.cell_response.plot_spikes_hist(show=False)
assert all(len(events) == 1 for events in together.external_drives["evprox1"]["events"][0])
