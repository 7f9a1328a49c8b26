"""
The response to a touch
=======================

A brief tap on the hand evokes a sequence of deflections in the magnetic field over somatosensory cortex. Here we
simulate such a response: a column of layer 2/3 and layer 5 cells receives one volley from the thalamus, one from
higher areas, and a second one from the thalamus, and we look at the current dipole that its pyramidal cells make.
"""

# %%
# A column and its cells
# ----------------------
# Parameters come from a file that holds the values of a published fit (Jones et al. 2009; Neymotin et al. 2020). Any of
# them can be looked up, or a whole family with a wildcard.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

params = hnnlib.read_params(hnnlib.param_file("default.json"))
print(params["L5Pyr_soma*"])

net = hnnlib.jones_2009_model(params)
net.plot_cells()

# %%
# Pyramidal cells make the dipole: current that enters a dendrite far from the soma and leaves near it flows along the
# trunk, and the trunks of all cells are parallel. This is the layer 5 cell, with its soma marked.

viz.plot_cell_morphology(net.cell_types["L5_pyramidal"], color={"soma": "k"})

# %%
# Three volleys of input
# ----------------------
# Each volley is a drive. Its cells fire once in a trial, at times scattered around ``mu`` with standard deviation
# ``sigma`` (ms). Thalamic input contacts proximal dendrites, input from higher areas distal ones. Weights are peak
# conductances in µS; cell types that are left out get no input.

net.add_evoked_drive(
    "thalamus_1",
    mu=26.61,
    sigma=2.47,
    numspikes=1,
    location="proximal",
    weights_ampa={"L2_basket": 0.08831, "L2_pyramidal": 0.01525, "L5_basket": 0.19934, "L5_pyramidal": 0.00865},
    synaptic_delays={"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0},
    event_seed=544,
)
net.add_evoked_drive(
    "cortex",
    mu=63.53,
    sigma=3.85,
    numspikes=1,
    location="distal",
    weights_ampa={"L2_basket": 0.006562, "L2_pyramidal": 7e-6, "L5_pyramidal": 0.1423},
    weights_nmda={"L2_basket": 0.019482, "L2_pyramidal": 0.004317, "L5_pyramidal": 0.080074},
    synaptic_delays=0.1,
    event_seed=274,
)
net.add_evoked_drive(
    "thalamus_2",
    mu=137.12,
    sigma=8.33,
    numspikes=1,
    location="proximal",
    weights_ampa={"L2_basket": 3e-6, "L2_pyramidal": 1.43884, "L5_basket": 0.008958, "L5_pyramidal": 0.684013},
    synaptic_delays={"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0},
    event_seed=814,
)
print(net)

# %%
# Two trials
# ----------
# The drives' spike times are drawn anew in each trial. A launcher spreads trials over processes; the numbers don't
# depend on it. :func:`hnnlib.simulate` returns everything in one :class:`hnnlib.Result`.

with hnnlib.JoblibBackend(n_jobs=2):
    result = hnnlib.simulate(net, tstop=170.0, n_trials=2)
print(result.summary())

# %%
# What the sensors see is smoother and larger than one column's dipole: many columns respond, not all at the same
# moment. Smoothing over 30 ms and scaling by 3000 stand for that, in the published fit as here.

viz.plot_result(result, smooth=30, scale=3000)

# %%
# The dipole falls when distal input drives current down the dendrites, and rises when proximal input drives it up.
# Layer 5 has the longer dendrites and makes most of it.

dipoles = [dipole.copy().smooth(30).scale(3000) for dipole in result.dipoles]
viz.plot_dipole(dipoles, layer=["L2", "L5", "agg"], average=True)

# %%
# Does the scatter matter?
# ------------------------
# A drive can also send all its spikes at one moment. We change that in a copy of the network, simulate one trial, and
# compare it with the first trial from above.

together = net.copy()
for drive in together.external_drives.values():
    drive["dynamics"]["sync_within_trial"] = True
synchronous = hnnlib.simulate_dipole(together, tstop=170.0, n_trials=1)[0].smooth(30).scale(3000)

figure, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.0), layout="constrained", height_ratios=[1, 2])
together.cell_response.plot_spikes_hist(ax=axes[0], show=False)
axes[0].set_xlabel("")
dipoles[0].plot(ax=axes[1], color="0.6", label="scattered", show=False)
synchronous.plot(ax=axes[1], color="k", label="at one moment", show=False)
plt.show()
