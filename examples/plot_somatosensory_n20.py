"""
The first 150 milliseconds after a nerve shock
==============================================

An electric shock to the median nerve reaches primary somatosensory cortex after 20 ms. The deflection that it causes
there, N20, is among the earliest and steadiest that EEG and MEG can record. In this model it is the first volley from
the thalamus to proximal dendrites; what follows depends on input to distal dendrites, and changes more from trial to
trial.
"""

# %%
# Parameters for this response
# ----------------------------
# The file ``N20.json`` holds the connections of a column that was adjusted to such recordings: among others, inhibition
# of layer 5 is weaker than in the default file. Two :class:`hnnlib.Params` can be compared like dicts.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import analysis, viz

params = hnnlib.read_params(hnnlib.param_file("N20.json"))
default = hnnlib.read_params(hnnlib.param_file("default.json"))
for key in params["gbar_L*"]:
    if params[key] != default[key]:
        print(f"{key}: {params[key]:g} µS (default {default[key]:g})")

net = hnnlib.jones_2009_model(params)

# %%
# Four volleys
# ------------
# Each volley is the spike of one cell that reaches the whole column, at a time that is drawn anew in each trial. The
# file leaves the weights of the drives at zero, so that we choose them: AMPA and NMDA receptors get the same.

to_all = {"numspikes": 1, "n_drive_cells": 1, "cell_specific": False}
thalamic_delays = {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0}


def add_volley(name, mu, sigma, location, weights, seed):
    delays = thalamic_delays if location == "proximal" else 0.1
    net.add_evoked_drive(
        name,
        mu=mu,
        sigma=sigma,
        location=location,
        weights_ampa=weights,
        weights_nmda=weights,
        synaptic_delays=delays,
        event_seed=seed,
        **to_all,
    )


thalamus = {"L2_basket": 0.003, "L2_pyramidal": 0.0015, "L5_basket": 0.002, "L5_pyramidal": 0.003}
distal = {"L2_basket": 0.0041, "L2_pyramidal": 0.0019, "L5_pyramidal": 0.0025}
add_volley("thalamus_1", 21.0, 0.5, "proximal", thalamus, 276)
add_volley("cortex_1", 32.0, 1.5, "distal", distal, 277)
add_volley("thalamus_2", 84.0, 4.5, "proximal", thalamus, 278)
add_volley("cortex_2", 134.0, 4.5, "distal", distal, 279)
net.plot_drive_schedule(tstop=170.0)

# %%
# Ten trials
# ----------

result = hnnlib.simulate(net, tstop=170.0, n_trials=10, engine=hnnlib.FastEngine(threads=2))
dipoles = [dipole.copy().smooth(10).scale(12) for dipole in result.dipoles]
viz.plot_dipole(dipoles, average=True)

# %%
# The mean, and how far it can be trusted: a band of 95 % confidence around it.

viz.plot_grand_average(dipoles, layer=["agg", "L2", "L5"])

# %%
# Peaks
# -----
# A :class:`hnnlib.analysis.Peak` has a time and an amplitude. Here are those of the mean, and how much the latencies of
# the largest two scatter over trials.

mean = hnnlib.average_dipoles(dipoles)
for peak in analysis.find_peaks(mean.times, mean.data["agg"], tmin=10.0, prominence=0.02):
    print(f"{peak.amplitude:+.3f} nAm at {peak.time:.1f} ms")

first, second = [], []
for dipole in dipoles:
    positive, negative = analysis.largest_peaks(dipole.times, dipole.data["agg"], tmin=15.0, tmax=50.0)
    first.append(positive.time)
    second.append(negative.time)

_, ax = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
ax.eventplot([first, second], colors=["tab:red", "tab:blue"], linelengths=0.6)
ax.set(xlabel="Latency (ms)", xlim=(15, 50), ylim=(-0.6, 1.6))
ax.set_yticks([0, 1], ["largest, up", "largest, down"])
plt.show()

# %%
# Who fires
# ---------
# Basket cells answer the first volley, and hardly any pyramidal cell: the first peak is the current of the thalamic
# synapses themselves, and of the channels that it opens in the dendrites. Layer 5 fires with the second one.

viz.plot_spikes_raster(result.cell_response, trial_idx=0)

# %%
# With MNE-Python a simulated dipole can be seen by sensors: ``dipole.to_mne(forward, position)`` gives a source
# estimate at a place in a head, for a forward solution of your own.
#
# References
# ----------
# Jones et al. (2009), Journal of Neurophysiology 102:3554.
