"""
Gamma rhythm from weak noise
============================

Excitatory and inhibitory cells that are coupled to each other, and kept active by random input, tend to fire in
turns: pyramidal cells excite basket cells, which silence the pyramidal cells until their inhibition has worn off. The
time this takes sets a rhythm of some 50 cycles per second. Here we see it in the spikes and in the dipole of a column
in which each layer is such a loop of its own, and then make the inhibition shorter.
"""

# %%
# A column of two loops
# ---------------------
# In this parameter file only the weights between pyramidal and basket cells of the same layer are above zero. Every
# pyramidal cell has its own random (Poisson) input, too weak to make it fire in time with the others.

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import analysis, viz

params = hnnlib.read_params(hnnlib.param_file("gamma_L5weak_L2weak.json"))
net = hnnlib.jones_2009_model(params, add_drives_from_params=True)
print(net.external_drives["extpois"]["dynamics"])

result = hnnlib.simulate(net, tstop=250.0)
print(result.summary())

# %%
# Both layers fall into step
# --------------------------
# Basket cells fire in volleys, and pyramidal cells mostly shortly before them. The random input starts with the
# simulation, so the first 50 ms are the network finding its rhythm.

viz.plot_spikes_raster(result.cell_response)

# %%
# The raw dipole oscillates at the same pace. There is nothing to smooth: the rhythm is what we want to see. Morlet
# wavelets show the power at each frequency over time.

figure, axes = plt.subplots(2, 1, figsize=(8.0, 5.0), sharex=True, layout="constrained")
result.dipoles[0].plot(tmin=50, ax=axes[0], show=False)
result.dipoles[0].plot_tfr_morlet(np.arange(20.0, 101.0), tmin=50, ax=axes[1], show=False)
axes[0].set_xlabel("")
plt.show()

# %%
# Shorter inhibition, faster rhythm
# ---------------------------------
# If the decay of inhibition sets the pace, inhibition that decays in 2 ms in place of 5 ms must speed it up. Everything
# in a network has a path by which it can be set, here the synapses of the pyramidal cells.

faster = net.copy()
for population in ("L2_pyramidal", "L5_pyramidal"):
    faster.put(f"populations.{population}.cell.synapses.gabaa.parameters.tau2", 2.0)
faster_result = hnnlib.simulate(faster, tstop=250.0)

_, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for label, dipole, color in (
    ("τ = 5 ms", result.dipoles[0], "k"),
    ("τ = 2 ms", faster_result.dipoles[0], "tab:orange"),
):
    viz.plot_psd(dipole, tmin=50, fmin=10, fmax=120, color=color, label=label, ax=ax, show=False)
    late = dipole.times >= 50
    freqs, power = analysis.psd(dipole.data["agg"][late], dipole.sfreq, fmin=10.0, fmax=120.0)
    print(f"{label}: the power is largest at {freqs[power.argmax()]:.0f} Hz")
ax.legend(frameon=False)
plt.show()

# %%
# It does. (In 200 ms, frequencies can be told apart by 5 Hz; longer runs tell more.) The model says how: a pyramidal
# cell is ready again sooner, so the basket cells are called sooner.

viz.plot_spikes_raster(faster_result.cell_response)
