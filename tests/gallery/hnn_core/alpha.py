"""A 10 Hz rhythm from bursts of proximal input, then distal input as well."""

import matplotlib.pyplot as plt
import numpy as np
from hnn_core import neymotin_2020_model, simulate_dipole
from hnn_core.viz import plot_dipole

net = neymotin_2020_model()
weights = {"L2_pyramidal": 5.4e-5, "L5_pyramidal": 5.4e-5}
options = {"tstart": 50.0, "burst_rate": 10, "numspikes": 2, "spike_isi": 10, "n_drive_cells": 10}
net.add_bursty_drive(
    "alpha_prox",
    location="proximal",
    burst_std=20,
    weights_ampa=weights,
    synaptic_delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.0},
    event_seed=284,
    **options,
)
dipole = simulate_dipole(net, tstop=310.0, n_trials=1)[0]


def plot_it(dipole):
    _, axes = plt.subplots(2, 1)
    raw, smooth = dipole.copy(), dipole.copy().smooth(20)
    plot_dipole([raw, smooth], ax=axes[0], show=False)
    smooth.plot_psd(fmin=1, fmax=40, tmin=50, ax=axes[1], show=False)


plot_it(dipole)
net.add_bursty_drive(
    "alpha_dist",
    location="distal",
    burst_std=15,
    weights_ampa=weights,
    synaptic_delays={"L2_pyramidal": 5.0, "L5_pyramidal": 5.0},
    event_seed=296,
    **options,
)
both = simulate_dipole(net, tstop=310.0, n_trials=1)[0]
net.cell_response.plot_spikes_hist(show=False)
plot_it(both)

after = dipole.times > 50
frequency = np.fft.rfftfreq(after.sum(), dipole.times[1] * 1e-3)
power = np.abs(np.fft.rfft(dipole.data["agg"][after] - dipole.data["agg"][after].mean())) ** 2
assert 7 < frequency[np.argmax(power * (frequency < 40))] < 13
