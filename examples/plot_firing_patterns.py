"""
How single cells fire
=====================

Before cells are connected, it helps to know each by itself. We inject current into cells of every type and see how they
answer: layer 2/3 pyramidal cells fire regularly, layer 5 pyramidal cells in bursts, basket cells fast.
"""

# %%
# Cells without a network
# -----------------------
# :class:`hnnlib.Network` makes the cells of the column and no connections. We take sixteen pyramidal cells of each
# layer, and let each get another current, all in one run: a current clamp is a step of current (nA) into the soma of
# chosen cells.

import warnings

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import analysis, viz

params = hnnlib.read_params(hnnlib.param_file("default.json"))
net = hnnlib.Network(params, mesh_shape=(4, 4))
print(net)

START, LENGTH = 50.0, 400.0  # ms
currents = {}
for name, largest in (("L2_pyramidal", 1.5), ("L5_pyramidal", 3.0), ("L2_basket", 1.0)):
    currents[name] = np.linspace(0.0, largest, len(net.gid_ranges[name]))
    for number, current in enumerate(currents[name]):
        cell = {"population": name, "node_id": [number]}
        net.add_current_clamp(f"{name} {number}", cell, amplitude=current, delay=START, duration=LENGTH)

# %%
# Cells without connections deserve a warning in most scripts, not in this one.

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    result = hnnlib.simulate(net, tstop=500.0, record=hnnlib.Record(vsec="soma", every=4))
response = result.cell_response
print(response)

# %%
# Voltage at the soma
# -------------------
# A weak and a strong step for each type. Layer 5 cells begin with a burst of spikes, which calcium makes, and return to
# bursts after pauses, which it makes too, by the potassium channels that it opens.

colors = viz.population_colors(net.spec)
times = np.arange(0, 500.0 + 0.05, 0.1)
figure, axes = plt.subplots(3, 2, figsize=(10.0, 6.0), sharex=True, sharey=True, layout="constrained")
for row, name in zip(axes, currents):
    last = len(currents[name]) - 1
    for ax, number in zip(row, (last // 3, last)):
        voltage = response.vsec[0][net.gid_ranges[name].start + number]["soma"]
        ax.plot(times[: len(voltage)], voltage, color=colors[name], lw=0.9)
        ax.set_title(f"{name}, {currents[name][number]:.1f} nA", loc="left")
    row[0].set_ylabel("Potential (mV)")
for ax in axes[-1]:
    ax.set_xlabel("Time (ms)")
plt.show()

# %%
# The same as spikes: within each type the current grows from the first to the last cell.

viz.plot_spikes_raster(response, cell_types=list(currents))

# %%
# Rate against current
# --------------------

_, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
for name, current in currents.items():
    (rates,) = analysis.cell_rates(
        response.spike_times, response.spike_gids, net.gid_ranges[name], START, START + LENGTH
    )
    ax.plot(current, rates, "o-", ms=3, color=colors[name], label=name)
ax.set(xlabel="Injected current (nA)", ylabel="Firing rate (Hz)")
ax.legend(frameon=False)
plt.show()

# %%
# Regular or in bursts
# --------------------
# A correlogram tells how often a spike follows another one of the same cell after how long. Summed over all cells of a
# type, whose rates differ, it has a peak only where an interval is common to all: some 10 ms within the bursts of layer
# 5.

_, axes = plt.subplots(1, 2, figsize=(9.0, 3.0), layout="constrained")
for ax, name in zip(axes, ("L2_pyramidal", "L5_pyramidal")):
    trains = [response.spike_times[0][response.spike_gids[0] == gid] for gid in net.gid_ranges[name]]
    correlograms = [analysis.correlogram(train, bin_width=2.0, max_lag=100.0) for train in trains]
    lags = correlograms[0][0]
    ax.bar(lags, sum(counts for _, counts in correlograms), width=2.0, color=colors[name])
    ax.set(xlabel="Lag (ms)", ylabel="Pairs of spikes", title=name)
plt.show()

# %%
# The method that HNN-core's users know tells the rates of whole types.

print(response.mean_rates(START, START + LENGTH, net.gid_ranges, mean_type="all"))
