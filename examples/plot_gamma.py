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
from scipy import signal

import hnnlib
from hnnlib import viz

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
# The raw dipole oscillates at the same pace. There is nothing to smooth: the rhythm is what we want to see.


def spectrum(dipole, tmin=50.0):
    """Frequencies (Hz) and power (nAm²/Hz) of the aggregate dipole after ``tmin`` (ms)."""
    inside = dipole.times >= tmin
    moments = signal.detrend(dipole.data["agg"][inside])
    return signal.periodogram(moments, fs=dipole.sfreq, window="hamming", nfft=2**17)


def plot_rhythm(dipoles):
    _, (over_time, over_frequency) = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
    for i, (label, dipole) in enumerate(dipoles.items()):
        color = ("k", "tab:orange")[i]
        dipole.plot(tmin=50, ax=over_time, color=color, show=False)
        frequencies, power = spectrum(dipole)
        band = (frequencies >= 10) & (frequencies <= 120)
        over_frequency.plot(frequencies[band], power[band], color=color, label=label)
        print(f"{label}: the power is largest at {frequencies[band][np.argmax(power[band])]:.0f} Hz")
    over_frequency.set(xlabel="Frequency (Hz)", ylabel="Power (nAm²/Hz)", xlim=(10, 120), ylim=(0, None))
    over_frequency.legend(frameon=False)
    plt.show()


plot_rhythm({"τ = 5 ms": result.dipoles[0]})

# %%
# Shorter inhibition, faster rhythm
# ---------------------------------
# If the decay of inhibition sets the pace, inhibition that decays in 2 ms in place of 5 ms must speed it up. Everything
# in a network has a path by which it can be set, here the synapses of the pyramidal cells.

faster = net.copy()
for population in ("L2_pyramidal", "L5_pyramidal"):
    faster.put(f"populations.{population}.cell.synapses.gabaa.parameters.tau2", 2.0)
faster_result = hnnlib.simulate(faster, tstop=250.0)

plot_rhythm({"τ = 5 ms": result.dipoles[0], "τ = 2 ms": faster_result.dipoles[0]})

# %%
# It does. The model says how: a pyramidal cell is ready again sooner, so the basket cells are called sooner.

viz.plot_spikes_raster(faster_result.cell_response)
