"""
Rhythms and how they are coupled
================================

A slow rhythm often decides when a fast one is strong. Here the gamma loops of a column get an input that swells eight
times a second. We look at power over frequency and time, ask whether gamma's amplitude follows the slow phase, and
which cells fire at which phase of the field potential.
"""

# %%
# Gamma on a slow swell
# ---------------------
# The column of the gamma example, for one second, with and without a rhythmic drive to its pyramidal cells. A probe
# records the potential beside the somata of layer 5. ``every=20`` keeps one sample of it each 0.5 ms.

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import analysis, viz

params = hnnlib.read_params(hnnlib.param_file("gamma_L5weak_L2weak.json"))
steady = hnnlib.jones_2009_model(params, add_drives_from_params=True)
steady.put("drives.extpois.tstop", 1000.0)  # the file's noise ends at 250 ms
steady.add_electrode_array("probe", [(5.0, 5.0, 975.0), (5.0, 5.0, 0.0)])
swelling = steady.copy()
swelling.add_bursty_drive(
    "swell",
    tstart=60.0,
    burst_rate=8.0,
    burst_std=15.0,
    numspikes=2,
    spike_isi=10.0,
    n_drive_cells=10,
    location="proximal",
    weights_ampa={"L2_pyramidal": 1e-3, "L5_pyramidal": 1e-3},
    event_seed=3,
)
results = {
    name: hnnlib.simulate(net, tstop=1000.0, record=hnnlib.Record(every=20))
    for name, net in (("steady", steady), ("swelling", swelling))
}

# %%
# Power over time
# ---------------
# Morlet wavelets show gamma, near 53 Hz, as an even band in the steady column, and in portions in the other.

freqs = np.arange(20.0, 101.0, 2.0)
_, axes = plt.subplots(2, 1, figsize=(8.0, 5.6), sharex=True, layout="constrained")
for ax, (name, result) in zip(axes, results.items()):
    viz.plot_tfr_morlet(result.dipoles, freqs, n_cycles=5, tmin=60, decim=[5, 4], ax=ax, show=False)
    ax.set_title(name, loc="left")
axes[0].set_xlabel("")
plt.show()

# %%
# Ways to estimate a spectrum
# ---------------------------
# A periodogram has the finest resolution and the largest scatter. Welch's method takes the mean over segments, several
# tapers the mean over windows of different shape; so do wavelets over time. All three are smoother and broader. The
# power within a band is the integral.

dipole = results["swelling"].dipoles[0]
late = dipole.times >= 60.0
trace, sfreq = dipole.data["agg"][late][::20], dipole.sfreq / 20  # what is above 1000 Hz doesn't matter here
plain = analysis.psd(trace, sfreq, fmax=120.0)
welch = analysis.psd(trace, sfreq, method="welch", segment_len=300.0, fmax=120.0)
tapers = analysis.tfr_multitaper(trace, sfreq, freqs, n_cycles=10).mean(axis=-1)
wavelets = analysis.tfr_morlet(trace, sfreq, freqs, n_cycles=7).mean(axis=-1)

_, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.semilogy(*plain, color="0.75", label="periodogram")
ax.semilogy(*welch, color="k", label="Welch")
ax.semilogy(freqs, tapers, color="tab:orange", label="multitaper")
ax.semilogy(freqs, wavelets, color="tab:blue", label="Morlet")
ax.set(xlabel="Frequency (Hz)", ylabel="Power density (nAm²/Hz)", xlim=(2, 120), ylim=(1e-9, None))
ax.legend(frameon=False)
plt.show()
print(f"35 to 75 Hz: {analysis.band_power(*plain, 35.0, 75.0, relative=True):.0%} of the power")

# %%
# Does gamma follow the slow phase?
# ---------------------------------
# :class:`hnnlib.analysis.PhaseAmplitudeCoupling` holds gamma's amplitude in each part of the slow cycle, and the
# modulation index: 0 if it is the same in all. Shifted copies of the data tell what chance would give.

_, axes = plt.subplots(1, 2, figsize=(8.0, 3.0), sharey=True, layout="constrained")
for ax, (name, result) in zip(axes, results.items()):
    trace = result.dipoles[0].data["agg"][late][::20]
    coupling = analysis.phase_amplitude_coupling(trace, sfreq, (6.0, 10.0), (35.0, 75.0), n_surrogates=200)
    ax.bar(np.degrees(coupling.phases), coupling.amplitudes, width=18.0, color="0.4")
    ax.set(title=f"{name}: index {coupling.modulation_index:.4f}, p = {coupling.p_value:.3f}")
    ax.set(xlabel="Phase at 6 to 10 Hz (degrees)", xticks=(-180, -90, 0, 90, 180))
axes[0].set_ylabel("Part of gamma amplitude")
plt.show()

# %%
# The two rhythms themselves: the complex wavelet transform has a phase and an amplitude at each moment.

trace = results["swelling"].dipoles[0].data["agg"][late][::20]
slow, fast = analysis.morlet(trace, sfreq, [8.0, 54.0], n_cycles=[3.0, 5.0])
times = dipole.times[late][::20]
_, axes = plt.subplots(2, 1, figsize=(8.0, 3.8), sharex=True, layout="constrained")
axes[0].plot(times, slow.real, color="tab:blue")
axes[0].set_ylabel("At 8 Hz (nAm/√Hz)")
axes[1].plot(times, fast.real, color="0.6", lw=0.8)
axes[1].plot(times, np.abs(fast), color="tab:red")
axes[1].set(ylabel="At 54 Hz (nAm/√Hz)", xlabel="Time (ms)")
plt.show()

# %%
# Who fires when?
# ---------------
# Rates of the layer 5 cells over time, and how well their spikes and the field potential go together at each frequency.
# Pairwise phase consistency is not larger for cells that fire more; coherence also counts how strong both are.

result = results["swelling"]
recording = result.potentials["probe"]
inside = recording.times >= 60.0
field_times, field = recording.times[inside], recording.voltages[:, 1, inside]
spikes = result.cell_response.spike_times_by_type
colors = viz.population_colors(swelling.spec)
lines = np.arange(4.0, 101.0, 2.0)

_, axes = plt.subplots(3, 1, figsize=(8.0, 8.0), layout="constrained")
for name in ("L5_basket", "L5_pyramidal"):
    n_cells = len(swelling.gid_ranges[name])
    bins, rate = analysis.spike_rates(spikes[name], n_cells, 0.0, 1000.0, bin_width=2.0, sigma=4.0)
    axes[0].plot(bins, rate.mean(axis=0), color=colors[name], label=name)
    consistency = analysis.pairwise_phase_consistency(spikes[name], field_times, field, lines)
    axes[1].plot(lines, consistency, color=colors[name])
    axes[2].plot(
        *analysis.spike_field_coherence(spikes[name], field_times, field, segment_len=200.0), color=colors[name]
    )
axes[0].set(xlabel="Time (ms)", ylabel="Rate (Hz)", xlim=(60, 1000))
axes[1].set(xlabel="Frequency (Hz)", ylabel="Phase consistency", xlim=(4, 100))
axes[2].set(xlabel="Frequency (Hz)", ylabel="Coherence", xlim=(4, 100), ylim=(0, 1))
axes[0].legend(frameon=False, loc="upper right")
plt.show()

# %%
# Basket cells fire at one phase of gamma; pyramidal cells, driven by their own noise, at looser ones.
