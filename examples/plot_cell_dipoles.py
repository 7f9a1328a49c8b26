"""
Which cells make the dipole?
============================

The dipole of a column is the sum of what its pyramidal cells add. With ``cell_dipoles=True`` each cell's part is
recorded, so that we can ask who makes a peak: many cells a little, or a few cells much?
"""

# %%
# Record each cell
# ----------------

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

net = hnnlib.jones_2009_model(add_drives_from_params=True)
result = hnnlib.simulate(net, tstop=170.0, record=hnnlib.Record(cell_dipoles=True, every=4))

# %%
# All cells at once: a row for each, red where it points up, blue where it points down.

viz.plot_cell_dipoles(result)

# %%
# A single cell
# -------------
# ``cell_response.dipole[trial][gid]`` is the moment of one cell, in fAm as it comes from the engine. Here is the layer
# 5 cell that moved most, and one that never fired. A spike makes a dipole many times as large as a synaptic input, but
# only for some milliseconds.

moments = result.cell_response.dipole[0]
gids = list(net.gid_ranges["L5_pyramidal"])
fired = set(result.cell_response.spike_gids[0].tolist())
largest = max(gids, key=lambda gid: np.ptp(moments[gid]))
calmest = min(gids, key=lambda gid: np.ptp(moments[gid]))
times = np.arange(len(moments[gids[0]])) * 0.1

_, ax = plt.subplots(figsize=(8.0, 3.4), layout="constrained")
for gid, color in ((largest, "tab:red"), (calmest, "0.5")):
    ax.plot(times, moments[gid], color=color, label=f"cell {gid}, {'fires' if gid in fired else 'silent'}", lw=0.9)
ax.set(xlabel="Time (ms)", ylabel="Dipole moment of one cell (fAm)")
ax.legend(frameon=False)
plt.show()

# %%
# Many or few?
# ------------
# At the deepest point of the smoothed response, cells are put in the order of what they add. Were all the same, the sum
# would be a straight line.

smoothed = result.dipoles[0].copy().smooth(30)
deepest = smoothed.times[np.argmin(smoothed.data["agg"])]
window = (times >= deepest - 15.0) & (times <= deepest + 15.0)
pyramidal = [*net.gid_ranges["L2_pyramidal"], *gids]
added = np.array([moments[gid][window].mean() - moments[gid][times < 20.0].mean() for gid in pyramidal])
order = np.sort(added)

_, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
ax.plot(np.arange(1, len(order) + 1), np.cumsum(order) / order.sum(), color="k")
ax.plot([0, len(order)], [0, 1], color="0.7", ls="--")
ax.set(xlabel="Cells, the most negative first", ylabel="Part of the dipole", title=f"within 15 ms of {deepest:.0f} ms")
plt.show()

layer = added[len(net.gid_ranges["L2_pyramidal"]) :]
print(f"layer 5 makes {layer.sum() / added.sum():.0%} of this trough")
