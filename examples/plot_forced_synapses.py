"""
One pathway at a time
=====================

In a network everything acts on everything: cells that one pathway excites excite others, which inhibit the first. To
see what a pathway does by itself, its synapses can be made to receive events at given times, whatever their source
cells do; with the other synapses left as they are, or kept silent. Here we force the synapses from layer 2/3 onto layer
5 pyramidal cells, and see what the rest of the column makes of it.
"""

# %%
# Events at given times
# ---------------------
# A column without any drive is silent. We let every contact from a layer 2/3 pyramidal cell onto a layer 5 pyramidal
# cell hear an event at 30 ms. This is the time at which it arrives at the synapse, and each contact keeps the weight
# that it has in the model. There may be many times, in a list or in a text file with one on each line.

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

params = hnnlib.read_params(hnnlib.param_file("default.json"))
silent = hnnlib.jones_2009_model(params)

net = silent.copy()
net.add_synaptic_events("pathway", [30.0], pre="L2_pyramidal", post="L5_pyramidal")
print(net.gid_ranges["pathway"])

# %%
# In the result, forced events are those of a drive of that name, with one cell. Layer 5 pyramidal cells fire, and make
# their basket cells fire, which inhibit them: they fire once more, and most of them are silent then.

whole = hnnlib.simulate(net, tstop=100.0)
response = whole.cell_response
print("events at", response.spike_times[0][response.spike_types[0] == "pathway"], "ms")
viz.plot_spikes_raster(response)

# %%
# The pathway alone
# -----------------
# With ``mode="isolate"`` no contact between cells hears its source cell any more, so that what we see is the effect of
# the forced synapses alone. (``mode="replace"`` disconnects only the forced ones.) Without the basket cells' answer all
# pyramidal cells fire a third time.

alone = silent.copy()
alone.add_synaptic_events("pathway", [30.0], pre="L2_pyramidal", post="L5_pyramidal", mode="isolate")
isolated = hnnlib.simulate(alone, tstop=100.0)
viz.plot_spikes_raster(isolated.cell_response)

# %%
# So the dipole has two parts: what the pathway does to layer 5 by itself, and what the column adds to it. In the first
# milliseconds after an event they can't be told apart, since the column has not answered yet.

_, ax = plt.subplots(figsize=(8.0, 3.5), layout="constrained")
for label, result, color in (("in the column", whole, "k"), ("alone", isolated, "tab:red")):
    result.dipoles[0].plot(ax=ax, color=color, show=False)
    ax.lines[-1].set_label(label)
ax.set_title("Dipole of one volley on one pathway")
ax.legend(frameon=False)

same = np.isclose(whole.dipoles[0].data["agg"], isolated.dipoles[0].data["agg"], rtol=0, atol=1e-6)
print(f"the dipoles part at {whole.dipoles[0].times[~same][0]:.1f} ms")

# %%
# Current in place of synapses
# ----------------------------
# Coarser, but what an experimenter could do: inject current. A current clamp takes steps, or any current over time from
# arrays or from a file; amplitudes are in nA, and negative ones hold cells back. Here the layer 2/3 pyramidal cells are
# made to fire, so that all that they project to is involved, their own layer too; and two fifths of the layer 5
# pyramidal cells are held back.

clamped = silent.copy()
clamped.add_current_clamp("push", "L2_pyramidal", amplitude=2.0, delay=30.0, duration=5.0)
n_cells = len(clamped.gid_ranges["L5_pyramidal"])
n_held = n_cells * 2 // 5
held = {"population": "L5_pyramidal", "node_id": range(n_held)}
clamped.add_current_clamp("hold", held, amplitude=-3.0, delay=20.0)
pushed = hnnlib.simulate(clamped, tstop=100.0)
viz.plot_spikes_raster(pushed.cell_response)

first = clamped.gid_ranges["L5_pyramidal"].start
fired = pushed.cell_response.spike_gids[0]
for name, cells in (("held back", range(first, first + n_held)), ("others", range(first + n_held, first + n_cells))):
    print(f"L5_pyramidal, {name}: {np.count_nonzero(np.isin(fired, cells)) / len(cells):.1f} spikes a cell")

plt.show()
