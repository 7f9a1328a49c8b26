"""
A detailed cell as if in vivo
=============================

In an awake brain a layer 5 pyramidal cell hears thousands of cells at once, and fires a few times a second, at odd
times. Here a detailed cell gets 29,000 synapses by the densities, groups and contacts of a published model,
L5NeuronSimulation. Then we ask which events in its dendrites come before its spikes, and what a rhythm of inhibition
does to their times.
"""

# %%
# The cell and its synapses
# -------------------------
# Excitatory cells are in functional groups of a hundred, each within a sphere of 100 µm, where their synapses form
# small clusters. Inhibitory cells are like PV cells, at the soma and close to it, or like SOM cells, on the dendrites.
#
# Segments of up to 60 µm and a time step of 0.1 ms are coarse. Here they cost a quarter of the time of 20 µm and
# 0.025 ms, and move the cell's spikes by less than 1 ms in a second.

import matplotlib.pyplot as plt
import numpy as np

from hnnlib import analysis, embedding, viz

cell = embedding.DetailedCell("synthetic-l5", "l5_detailed", max_segment_um=60.0)
segments = cell.segments
synapses = embedding.l5_in_vivo(cell, seed=4)
print(cell)
print(synapses)

groups = {f"group {k}": synapses.segment[synapses.group == k] for k in (3, 25, 40)}
inhibition = {name: synapses.segment[synapses.rows[name]] for name in ("pv", "som")}
figure, axes = plt.subplots(1, 2, figsize=(9.0, 6.4), layout="constrained")
title = f"excitation: 3 of {synapses.group.max() + 1} groups"
viz.plot_detailed_cell(segments, synapses=groups, title=title, ax=axes[0], show=False)
viz.plot_detailed_cell(segments, synapses=inhibition, marker_size=2.0, title="inhibition", ax=axes[1], show=False)
plt.show()

# %%
# Rates and weights
# -----------------
# Cells that were recorded in layers 5 and 6 fire 4.5 times a second in the mean, some of them much faster: we give them
# a lognormal distribution. The rates of a group swing together, as slowly as pink noise; inhibition follows all
# excitation 2 ms behind.
#
# Weights are our choice. The published synapses saturate and ours don't, so theirs say little. With excitation 6 times
# the default (0.3 nS in the mean) and inhibition 4 times (4 nS on dendrites) the cell fires some 8 times a second. Both
# are large and hold each other in check: with half the inhibition it fires 50 times a second, with a quarter more it
# is nearly silent. (Input sets in all at once at 0 ms, and with it the first spike.)

synapses = synapses.scale_weight(6.0, population="exc").scale_weight(4.0, population=["pv", "som"])
pv_rate = embedding.TruncatedNormal(mu=16.9, sd=14.3, low=0.0, high=100.0)
som_rate = embedding.TruncatedNormal(mu=3.9, sd=4.9, low=0.0, high=100.0)
sources = {
    "exc": embedding.SharedNoise(rate=embedding.Lognormal(mean=4.5, sd=4.0), noise="pink", by="group"),
    "pv": embedding.Follow(population="exc", lag=2.0, rate=pv_rate),
    "som": embedding.Follow(population="exc", lag=2.0, rate=som_rate),
}
run = {"tstop": 1000.0, "dt": 0.1, "settle": 100.0, "seed": 1}
everywhere = {"v": "all", "cai": "all", "i_synapse": "all"}
study = embedding.simulate_cell(cell, synapses, sources, n_trials=2, record=everywhere, record_every=5, **run)

spikes = [study.soma_spikes.numpy(trial)["time_ms"] for trial in (0, 1)]
voltage = study.recordings["v"]
soma, tuft = segments.at(0, 0.5)[0], segments.select("apical_tuft", min_distance=900.0)[0]
figure, axes = plt.subplots(2, 1, figsize=(8.0, 4.4), sharex=True, layout="constrained")
for trial, ax in enumerate(axes):
    for place, color in ((tuft, "C1"), (soma, "k")):
        ax.plot(voltage.times, voltage.numpy(trial)[place], color=color, lw=0.8)
    ax.set_title(f"trial {trial}: {spikes[trial].size} spikes", loc="left")
    ax.set_ylabel("Voltage (mV)")
names = [f"tuft, {segments.distance_um[tuft]:.0f} µm away", "soma"]
axes[0].legend(names, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
axes[1].set_xlabel("Time (ms)")
plt.show()

# %%
# Every release
# -------------
# A study keeps each of them, some 70,000 in a trial: here those of two groups and of inhibition in a quarter of a
# second. Lines are spikes of the cell.

window = (200.0, 450.0)
releases = study.synapse_events.numpy(trial=1)
recent = (releases["time_ms"] >= window[0]) & (releases["time_ms"] < window[1])
synapse, time = releases["synapse"][recent], releases["time_ms"][recent]
of_group, of_population = synapses.group[synapse], np.array(synapses.populations)[synapses.population[synapse]]
kinds = {f"group {k}": of_group == k for k in (3, 25)} | {name: of_population == name for name in ("som", "pv")}
active = {name: (synapses.segment[synapse[which]], time[which]) for name, which in kinds.items()}
viz.plot_activations(segments, active, soma_spikes=spikes[1], tlim=window)

# %%
# Events in the dendrites
# -----------------------
# Three kinds are told apart: sodium spikes by their upstroke; NMDA and calcium plateaus by 26 ms above -40 mV in which
# the current of the receptors, or the concentration of calcium, grows on its own. The thresholds are those of
# :class:`hnnlib.analysis.EventCriteria`; each trial gives a table, :class:`hnnlib.analysis.DendriticEvents`.

current, calcium = study.recordings["i_synapse"], study.recordings["cai"]
nmda = current.where(receptor="nmda")
found = [
    analysis.dendritic_events(
        voltage.times,
        voltage.numpy(trial),
        nmda_current=(np.array(current.labels["segment"])[nmda], current.numpy(trial, nmda)),
        calcium=(calcium.labels["segment"], calcium.numpy(trial)),
        soma_spikes=spikes[trial],
        criteria=analysis.EventCriteria(duration=26.0),
    )
    for trial in (0, 1)
]
print(found)
viz.plot_dendritic_events(segments, found, duration=run["tstop"])

# %%
# Sodium spikes are mostly the cell's own, on their way back into the dendrites; plateaus are at home in the tuft.
#
# What comes before a spike
# -------------------------
# Segments are sorted into ten parts of one size, and the events around spikes counted, less those that would be there
# by chance (a :class:`hnnlib.analysis.SpikeTriggeredEvents`). To the left, sodium spikes of basal dendrites, sorted by
# how much of their voltage reaches the soma: they come with the action potential, the later the worse connected. To the
# right, NMDA plateaus of the apical tree by distance: in the tuft they begin in the 30 ms before. Two seconds with a
# dozen spikes are few, so take this as a hint, and run it overnight.


def sorted_by(coordinate, domain):
    """Return the coordinate of each segment of a domain, and nan elsewhere."""
    return np.where(np.isin(np.arange(len(segments)), segments.select(domain)), coordinate, np.nan)


reaching = sorted_by(embedding.attenuation(cell, frequency=25.0), "basal")
distance = sorted_by(segments.distance_um, "apical")
sodium = analysis.spike_triggered_events(
    [events.of("na") for events in found], spikes, reaching, 0.0, run["tstop"], window=(-5.0, 5.0), bin_width=0.5
)
plateaus = analysis.spike_triggered_events(
    [events.of("nmda") for events in found], spikes, distance, 0.0, run["tstop"], window=(-60.0, 60.0), bin_width=10.0
)
figure, axes = plt.subplots(1, 2, figsize=(11.0, 3.8), layout="constrained")
label = "Part of the voltage that reaches the soma"
viz.plot_spike_triggered_events(sodium, label, title="basal sodium spikes", ax=axes[0], show=False)
viz.plot_spike_triggered_events(plateaus, title="apical NMDA plateaus", ax=axes[1], show=False)
plt.show()

# %%
# Inhibition with a rhythm
# ------------------------
# Inhibition of dendrites may come at 16 Hz, that of somata at 64 Hz. A :class:`hnnlib.analysis.PhaseHistogram` shows
# where in the cycle the cell fires; the thin line is the rate of the inhibitory cells.

rhythms = {
    16.0: {**sources, "som": embedding.Rhythmic(rate=som_rate, frequency=16.0, depth=1.0)},
    64.0: {**sources, "pv": embedding.Rhythmic(rate=pv_rate, frequency=64.0, depth=1.0)},
}
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
for ax, (frequency, rhythmic) in zip(axes, rhythms.items()):
    times = embedding.simulate_cell(cell, synapses, rhythmic, n_trials=3, **run).soma_spikes.numpy()["time_ms"]
    histogram = analysis.phase_histogram(times, frequency, n_bins=12)
    viz.plot_phase_histogram(histogram, ax=ax, show=False)
    print(f"{frequency:g} Hz: {times.size / 3:.0f} spikes a second, vector strength {histogram.vector_strength:.2f}")
plt.show()

# %%
# At 16 Hz spikes keep to the gaps of the inhibition, and as SOM cells no longer follow the excitation, there are twice
# as many of them. At 64 Hz the hold is weaker: a conductance that decays in 20 ms hardly swings so fast. It also lags
# by a quarter of a cycle, the cell by another, so that most spikes come just when PV cells fire most.
