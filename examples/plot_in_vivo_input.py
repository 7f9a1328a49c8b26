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
synapses = synapses.scale_weight(6.0, population="exc").scale_weight(3.5, population=["pv", "som"])
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
