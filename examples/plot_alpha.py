"""
Alpha and beta rhythm from rhythmic input
=========================================

Over somatosensory cortex, MEG shows a rhythm with power near 10 and near 20 Hz. In this model neither is made by the
column itself: bursts of input that return ten times a second, too weak to make any cell fire, push current up and down
the dendrites. Input to proximal dendrites alone makes 10 Hz; when input to distal dendrites comes at the same time,
each push up is cut in two by a push down, and 20 Hz appears (Jones et al. 2009; Sherman et al. 2016).
"""

# %%
# Bursts that return
# ------------------
# A bursty drive has cells that fire a few spikes around every beat. Here ten cells fire pairs of spikes, 10 ms apart,
# ten times a second. Each pair is scattered around the beat by ``burst_std`` (ms), so that a whole burst lasts for some
# 50 ms. A spike reaches all pyramidal cells.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import analysis, viz

weak = {"L2_pyramidal": 5.4e-5, "L5_pyramidal": 5.4e-5}  # µS

net = hnnlib.jones_2009_model()
net.add_bursty_drive(
    "proximal_rhythm",
    tstart=50.0,
    burst_rate=10.0,
    burst_std=20.0,
    numspikes=2,
    spike_isi=10.0,
    n_drive_cells=10,
    location="proximal",
    weights_ampa=weak,
    synaptic_delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.0},
    event_seed=284,
)
net.plot_drive_schedule(tstop=400.0)

# %%
# Alpha
# -----
# Peaks that are 10 Hz apart can only be told apart in a trace that is much longer than 100 ms, so we simulate a whole
# second, three times. Trials of the fast engine can run on several threads.

engine = hnnlib.FastEngine(threads=2)
alpha = hnnlib.simulate(net, tstop=1000.0, n_trials=3, engine=engine)
print(alpha.summary())

# %%
# No cell of the column fires. Still there is a dipole: current that enters a dendrite leaves it elsewhere, whether or
# not the cell fires. What looks noisy in the raw dipole is the single input spikes; smoothing over 20 ms shows the
# rhythm.

figure, (over_time, over_frequency) = plt.subplots(1, 2, figsize=(10.0, 3.4), layout="constrained")
alpha.dipoles[0].plot(ax=over_time, tmin=40, color="0.7", show=False)
alpha.dipoles[0].copy().smooth(20).plot(ax=over_time, tmin=40, color="k", show=False)
over_time.set_title("first trial, raw and smoothed")
viz.plot_psd(alpha.dipoles, tmin=60, fmin=3, fmax=40, ax=over_frequency, label="proximal", show=False)
over_frequency.set_title("all trials")
plt.show()

# %%
# Beta
# ----
# A second drive contacts distal dendrites, at the same beats but in shorter bursts. It pulls the dipole down in the
# middle of each push up.

both = net.copy()
both.add_bursty_drive(
    "distal_rhythm",
    tstart=50.0,
    burst_rate=10.0,
    burst_std=10.0,
    numspikes=2,
    spike_isi=10.0,
    n_drive_cells=10,
    location="distal",
    weights_ampa=weak,
    synaptic_delays=5.0,
    event_seed=296,
)
beta = hnnlib.simulate(both, tstop=1000.0, n_trials=3, engine=engine)

figure, axes = plt.subplots(2, 1, figsize=(9.0, 5.0), layout="constrained", sharex=True, height_ratios=[1, 2])
beta.cell_response.plot_spikes_hist(trial_idx=0, ax=axes[0], invert_spike_types="distal_rhythm", show=False, bins=200)
axes[0].set_xlabel("")
alpha.dipoles[0].copy().smooth(20).plot(ax=axes[1], tmin=40, color="0.6", label="proximal", show=False)
beta.dipoles[0].copy().smooth(20).plot(ax=axes[1], tmin=40, color="k", label="proximal and distal", show=False)
axes[1].set_xlim(40, 600)
plt.show()

# %%
# Where the power is
# ------------------
# The spectra, and how much of the power up to 60 Hz lies in each band. The distal drive moves it from alpha to beta.

_, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for label, result, color in (("proximal", alpha, "0.6"), ("proximal and distal", beta, "k")):
    viz.plot_psd(result.dipoles, tmin=60, fmin=3, fmax=40, ax=ax, color=color, label=label, show=False)
    late = result.dipoles[0].times >= 60
    traces = [dipole.data["agg"][late] for dipole in result.dipoles]
    freqs, power = analysis.psd(traces, result.dipoles[0].sfreq, fmax=60.0)
    in_alpha, in_beta = (
        analysis.band_power(freqs, power.mean(axis=0), *band, relative=True) for band in ((8, 13), (15, 29))
    )
    print(f"{label}: {in_alpha:.0%} at 8 to 13 Hz, {in_beta:.0%} at 15 to 29 Hz")
ax.legend(frameon=False)
plt.show()

# %%
# References
# ----------
# Jones et al. (2009), Journal of Neurophysiology 102:3554. Sherman et al. (2016), PNAS 113:E4885.
