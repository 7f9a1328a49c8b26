"""
A detailed cell as if in vivo
=============================

In an awake brain a layer 5 pyramidal cell hears thousands of cells at once, and fires a few times a second, at odd
times. Here a detailed cell gets 29,000 synapses by the densities, groups and rates of a published model
(L5NeuronSimulation); then we ask which events in its dendrites come before its spikes, and what rhythmic inhibition
does to their times.
"""

# %%
# The cell and its synapses
# -------------------------
# Segments of up to 60 µm are three times as long as usual, and a time step of 0.1 ms four times as long: together that
# is eight times as fast, and moves spikes by less than 1 ms. Excitatory cells are in functional groups of a hundred, in
# a sphere of 100 µm, whose synapses form small clusters. Inhibitory cells are like PV cells, at the soma, or like SOM
# cells, on the dendrites.

import matplotlib.pyplot as plt
import numpy as np

from hnnlib import analysis, embedding, viz

cell = embedding.DetailedCell("synthetic-l5", "l5_detailed", max_segment_um=60.0)
segments = cell.segments
synapses = embedding.l5_in_vivo(cell, seed=4)
synapses = synapses.scale_weight(6.0, population="exc").scale_weight(4.0, population=["pv", "som"])
print(cell)
print(synapses)

group = {f"group {k}": synapses.segment[synapses.group == k] for k in (3, 25, 40)}
inhibition = {name: synapses.segment[synapses.rows[name]] for name in ("pv", "som")}
figure, axes = plt.subplots(1, 2, figsize=(9.0, 6.4), layout="constrained")
viz.plot_detailed_cell(segments, synapses=group, title="three groups of some fifty", ax=axes[0], show=False)
viz.plot_detailed_cell(segments, synapses=inhibition, marker_size=2.0, title="inhibition", ax=axes[1], show=False)
plt.show()

# %%
# Rates and weights
# -----------------
# Recorded cells of layers 5 and 6 fire 4.5 times a second in the mean, some of them much more often: their rates are
# lognormal. Those of one group swing together, as slowly as pink noise; inhibition follows all of them 2 ms behind. The
# published model has faster cells with synapses that saturate. Ours don't, and their weights are small by default; here
# we make excitation 6 times and inhibition 3.5 times as strong (0.3 and 3.5 nS). These two numbers were found by
# trying: with half the inhibition the cell fires until its sodium channels no longer recover, with twice as much it is
# silent.

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
print("spikes:", *(np.round(times).tolist() for times in spikes))

voltage = study.recordings["v"]
soma = int(np.flatnonzero(segments.domain == "soma")[0])
tuft = int(np.argmin(np.abs(segments.distance_um - 900.0) + 1e6 * (segments.domain != "apical_tuft")))
figure, axes = plt.subplots(2, 1, figsize=(8.0, 4.4), sharex=True, layout="constrained")
for ax, trial in zip(axes, (0, 1)):
    for place, color in ((tuft, "C1"), (soma, "k")):
        ax.plot(voltage.times, voltage.numpy(trial)[place], color=color, lw=0.8)
    ax.set(title=f"trial {trial}", ylabel="Voltage (mV)")
axes[1].set_xlabel("Time (ms)")
axes[1].legend(["tuft, 900 µm away", "soma"], loc="upper right", ncols=2)
plt.show()

# %%
# Every release
# -------------
# A study keeps them all, 70,000 in a second. Here is a quarter of a second of two of the groups and of inhibition, around
# the cell's spikes.

events = study.synapse_events.numpy(trial=1)
at, when = synapses.segment[events["synapse"]], events["time_ms"]
groups = np.where(synapses.group[events["synapse"]] >= 0, synapses.group[events["synapse"]], -1)
population = synapses.population[events["synapse"]]
shown = {f"group {k}": (at[mask], when[mask]) for k in (3, 25) for mask in [groups == k]}
for name in ("som", "pv"):
    mask = population == synapses.populations.index(name)
    shown[name] = at[mask], when[mask]
viz.plot_activations(segments, shown, soma_spikes=spikes[1], tlim=(250.0, 500.0))

# %%
# Events in dendrites
# -------------------
# Three kinds are told apart: sodium spikes by their upstroke, NMDA and calcium plateaus by 26 ms above -40 mV with a
# current, or a concentration of calcium, that grows by itself. What counts is an :class:`hnnlib.analysis.EventCriteria`;
# each trial gives a table, :class:`hnnlib.analysis.DendriticEvents`.

current, calcium = study.recordings["i_synapse"], study.recordings["cai"]
nmda = current.where(receptor="nmda")
nmda_segments, calcium_segments = np.array(current.labels["segment"])[nmda], np.array(calcium.labels["segment"])
found = [
    analysis.dendritic_events(
        voltage.times,
        voltage.numpy(trial),
        nmda_current=(nmda_segments, current.numpy(trial, nmda)),
        calcium=(calcium_segments, calcium.numpy(trial)),
        soma_spikes=spikes[trial],
        criteria=analysis.EventCriteria(duration=26.0),
    )
    for trial in (0, 1)
]
print(found)
viz.plot_dendritic_events(segments, found, duration=1000.0)

# %%
# What comes before a spike
# -------------------------
# Dendrites are sorted by how much of their voltage reaches the soma at 25 Hz, in ten parts of as many segments each, and
# events are counted around the spikes, less what would be there by chance.

reaching = embedding.attenuation(cell, 25.0)
figure, axes = plt.subplots(2, 2, figsize=(11.0, 7.0), sharex=True, layout="constrained")
for column, domain in zip(axes.T, ("basal", "apical")):
    tree = np.isin(np.arange(len(segments)), segments.select(domain))
    for ax, kind in zip(column, ("na", "nmda")):
        average = analysis.spike_triggered_events(
            [events.of(kind) for events in found], spikes, np.where(tree, reaching, np.nan), 0.0, 1000.0, bin_width=5.0
        )
        viz.plot_spike_triggered_events(average, "Voltage that reaches the soma", title=f"{domain}: {kind}", ax=ax, show=False)
plt.show()

# %%
# Inhibition with a rhythm
# ------------------------

studies = {
    16.0: {**sources, "som": embedding.Rhythmic(rate=som_rate, frequency=16.0, depth=1.0)},
    64.0: {**sources, "pv": embedding.Rhythmic(rate=pv_rate, frequency=64.0, depth=1.0)},
}
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
for ax, (frequency, rhythmic) in zip(axes, studies.items()):
    rhythm = embedding.simulate_cell(cell, synapses, rhythmic, n_trials=3, **run)
    histogram = analysis.phase_histogram(rhythm.soma_spikes.numpy()["time_ms"], frequency, n_bins=12)
    viz.plot_phase_histogram(histogram, ax=ax, show=False)
plt.show()
