"""
Calcium channels along the dendrite
===================================

In the default layer 5 pyramidal cell, calcium channels have the same density everywhere. In living cells they are
denser towards the tuft, and sodium channels sparser. Kohl et al. (2022) changed the model accordingly. Where channels
are decides where a dendrite can spike, and a dendrite's spike moves far more current than its synapses. So the same
input makes another dipole.
"""

# %%
# Where the channels are
# ----------------------
# A parameter of a mechanism is a number, or a profile over the path distance from the soma: here a
# :class:`hnnlib.Linear` one. Everything in a network has a path.

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

models = {
    "default": hnnlib.neymotin_2020_model(add_drives_from_params=True),
    "calcium": hnnlib.calcium_model(add_drives_from_params=True),
}
for name, net in models.items():
    print(name, hnnlib.get_at(net.spec, "populations.L5_pyramidal.cell.sections.apical_1.mechanisms.ca.gbar"))

# %%
# Drawn over distance, with the soma at 0. (The soma has a density of its own.)


def density(value, distance):
    """Return a parameter at path distances (µm)."""
    if isinstance(value, hnnlib.Linear):
        return value.start + (value.end - value.start) * np.minimum(distance / value.reach, 1.0)
    return np.full(distance.shape, value)


distance = np.linspace(0.0, 1900.0, 200)
_, axes = plt.subplots(1, 2, figsize=(8.0, 3.0), layout="constrained")
for name, color in (("default", "0.5"), ("calcium", "tab:red")):
    section = models[name].cell_types["L5_pyramidal"]["cell_object"].sections["apical_1"]
    axes[0].plot(distance, density(section.mechanisms["ca"]["gbar"], distance), color=color, label=name)
    axes[1].plot(distance, 1e4 * density(section.mechanisms["hh2"]["gnabar"], distance), color=color)
axes[0].set(xlabel="Distance from soma (µm)", ylabel="Calcium (pS/µm²)", ylim=(0, None))
axes[1].set(xlabel="Distance from soma (µm)", ylabel="Sodium (pS/µm²)", ylim=(0, None))
axes[0].legend(frameon=False)
plt.show()

# %%
# The same input
# --------------
# Both columns get the volleys of the default evoked response. We keep the voltage of all sections, every fourth sample.

results = {
    name: hnnlib.simulate(net, tstop=170.0, record=hnnlib.Record(vsec="all", every=4)) for name, net in models.items()
}

_, axes = plt.subplots(2, 2, figsize=(10.0, 5.6), layout="constrained", sharex=True, sharey="row")
for ax, (name, result) in zip(axes.T, results.items()):
    result.dipoles[0].copy().smooth(30).scale(3000).plot(ax=ax[0], show=False)
    ax[0].set(title=name, xlabel="")
    viz.plot_spikes_raster(result.cell_response, ax=ax[1], show_legend=False, marker_size=3, show=False)
plt.show()

# %%
# What a dendrite does
# --------------------
# The distal input at 63 ms is what the two models answer differently: the dipole goes down further, and the cells fire
# later. Here is one layer 5 pyramidal cell in the middle of the column, from its tuft down to its basal dendrites.

gids = models["default"].gid_ranges["L5_pyramidal"]
gid = gids[len(gids) * 5 // 9]
_, axes = plt.subplots(2, 1, figsize=(8.0, 6.0), layout="constrained")
for ax, (name, result) in zip(axes, results.items()):
    viz.plot_cell_voltage(result, gid=gid, tmin=50, tmax=110, ax=ax, show=False)
    ax.set_title(f"{name}: {ax.get_title(loc='left')}", loc="left")
plt.show()

# %%
# In the default cell the tuft fires a spike, which runs down to the soma and starts a burst there. In the other one the
# tuft has few sodium channels: it stays depolarised for tens of milliseconds, and current flows down the trunk all that
# time, while the soma is at rest. That is the deeper trough of the dipole.

_, axes = plt.subplots(1, 2, figsize=(9.0, 3.0), layout="constrained", sharey=True)
for ax, (name, result) in zip(axes, results.items()):
    voltage = result.cell_response.vsec[0][gid]
    times = result.cell_response.times[::4][: len(voltage["soma"])]
    for section, color in (("apical_tuft", "tab:purple"), ("soma", "k")):
        ax.plot(times, voltage[section], color=color, label=section)
    ax.set(title=name, xlabel="Time (ms)", xlim=(50, 110))
axes[0].set_ylabel("Membrane potential (mV)")
axes[0].legend(frameon=False)
plt.show()

# %%
# References
# ----------
# Kohl et al. (2022), Brain Topography 35:19.
