"""
Currents of any shape
=====================

An experimenter's pipette can inject steps, ramps, noise or a sine that sweeps through frequencies. So can a current
clamp. Here a sweep shows how a layer 5 pyramidal cell answers to slow and to fast input: its impedance.
"""

# %%
# A current from arrays
# ---------------------
# ``times`` (ms) and ``amplitudes`` (nA) say a current that keeps each value until the next time. This one rises from 1
# to 100 Hz within two seconds (a *chirp*), too weakly to make the cell fire; it begins and ends softly.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy import signal

import hnnlib

SETTLE, LENGTH, STEP = 200.0, 2000.0, 0.25  # ms
times = np.arange(0.0, LENGTH, STEP)
chirp = 0.02 * signal.chirp(times, f0=0.001, t1=LENGTH, f1=0.1) * signal.windows.tukey(len(times), 0.1)

# %%
# Three cells
# -----------
# One cell of each pyramidal type gets the sweep, and another layer 5 cell in addition a constant current that makes its
# membrane some millivolts more negative. Currents into one place add up.

params = hnnlib.read_params(hnnlib.param_file("default.json"))
net = hnnlib.Network(params, mesh_shape=(2, 2))
cells = {"layer 2/3": ("L2_pyramidal", 0), "layer 5": ("L5_pyramidal", 0), "layer 5, held down": ("L5_pyramidal", 1)}
for label, (name, number) in cells.items():
    cell = {"population": name, "node_id": [number]}
    net.add_current_clamp(f"sweep {label}", cell, times=SETTLE + times, amplitudes=chirp)
net.add_current_clamp("hold", {"population": "L5_pyramidal", "node_id": [1]}, amplitude=-0.2)
print(net.spec.current_clamps["hold"])

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # there are no connections
    result = hnnlib.simulate(net, tstop=SETTLE + LENGTH, record=hnnlib.Record(vsec="soma", every=10))

# %%
# What the soma does
# ------------------

sampled = np.arange(0.0, SETTLE + LENGTH, STEP)
late = sampled >= SETTLE
voltages = {}
figure, axes = plt.subplots(4, 1, figsize=(9.0, 7.0), sharex=True, layout="constrained")
axes[0].plot(SETTLE + times, chirp, color="0.4", lw=0.8)
axes[0].set_ylabel("Current (nA)")
for ax, (label, (name, number)) in zip(axes[1:], cells.items()):
    trace = result.cell_response.vsec[0][net.gid_ranges[name].start + number]["soma"]
    voltages[label] = trace[: len(sampled)][late]
    ax.plot(sampled[late], voltages[label], color="k", lw=0.8)
    ax.set(ylabel="Potential (mV)")
    ax.set_title(label, loc="left")
axes[-1].set_xlabel("Time (ms)")
plt.show()

# %%
# Impedance
# ---------
# The ratio of voltage to current at each frequency: how many millivolts a nanoampere makes. The membrane's capacitance
# carries fast currents, so the impedance falls. In layer 2/3 it first rises, to a resonance near 10 Hz: potassium
# channels that open slowly oppose slow changes. The layer 5 cell is larger, so that the same current moves it less.

_, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for label, color in zip(voltages, ("tab:blue", "tab:red", "tab:purple")):
    voltage = signal.detrend(voltages[label][: len(chirp)])
    freqs = np.fft.rfftfreq(len(chirp), STEP / 1000.0)
    given, taken = np.fft.rfft(chirp), np.fft.rfft(voltage)
    # means over neighbouring frequencies, so that what does not come from the sweep averages out
    cross = np.convolve(taken * given.conj(), np.ones(9), "same")
    impedance = np.abs(cross / np.convolve(np.abs(given) ** 2, np.ones(9), "same"))
    band = (freqs >= 3.0) & (freqs <= 95.0)
    ax.plot(freqs[band], impedance[band], color=color, label=label)
ax.set(xlabel="Frequency (Hz)", ylabel="Impedance (MΩ)", ylim=(0, None))
ax.legend(frameon=False)
plt.show()

# %%
# A tonic bias
# ------------
# For a constant current into all cells of a type, which is what most models of attention or of a drug need, there is a
# shorter way. Here it makes layer 5 fire by itself.

column = hnnlib.jones_2009_model(params)
column.add_tonic_bias(amplitude={"L5_pyramidal": 1.0}, t0=20.0, tstop=120.0)
biased = hnnlib.simulate(column, tstop=170.0)
hnnlib.viz.plot_spikes_raster(biased.cell_response)
