"""
A channel of your own
=====================

The membrane's equations stand in NMODL files, one channel a file, as NEURON users know them. A file of your own, in a
folder that the variable ``HNNLIB_MOD_PATH`` names, joins them: on NEURON, and on the fast engine, which writes its code
from the same file. Here we give layer 5 pyramidal cells a persistent sodium current.
"""

# %%
# The file
# --------
# A current that opens below the threshold and doesn't close while the cell is depolarised. Everything that a cell may
# set stands under RANGE.

import os
import tempfile
from pathlib import Path

import attrs
import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

folder = Path(tempfile.mkdtemp())
(folder / "nap.mod").write_text("""
TITLE Persistent sodium current

NEURON {
    SUFFIX nap
    USEION na READ ena WRITE ina
    RANGE gbar, half, slope
}
UNITS {
    (mA) = (milliamp)
    (mV) = (millivolt)
    (S) = (siemens)
}
PARAMETER {
    gbar = 0.0001 (S/cm2)   : largest conductance
    half = -52 (mV)         : where half of it is open
    slope = 5 (mV)
    tau = 3 (ms)
}
ASSIGNED { v (mV) ena (mV) ina (mA/cm2) }
STATE { m }
INITIAL { m = minf(v) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gbar * m * (v - ena)
}
DERIVATIVE states { m' = (minf(v) - m) / tau }
FUNCTION minf(v (mV)) { minf = 1 / (1 + exp(-(v - half) / slope)) }
""")
os.environ["HNNLIB_MOD_PATH"] = str(folder)

# %%
# Into the cell
# -------------
# A mechanism is used by its name. Cells are values: we make a changed copy of the layer 5 pyramidal cell, with the
# current in its soma and apical trunk.


def with_current(net, gbar):
    """Return a copy of a network in which layer 5 pyramidal cells have the channel (S/cm²)."""
    changed = net.copy()
    cell = net.cell_types["L5_pyramidal"]["cell_object"]
    sections = dict(cell.sections)
    for name in ("soma", "apical_trunk"):
        mechanisms = {**sections[name].mechanisms, "nap": {"gbar": gbar}}
        sections[name] = attrs.evolve(sections[name], mechanisms=mechanisms)
    changed.put("populations.L5_pyramidal.cell", attrs.evolve(cell, sections=sections))
    return changed


# %%
# What it does to a cell
# ----------------------
# The same weak step of current into the same cell, at three densities: without the current it doesn't fire, with more
# of it it fires sooner. All three have the channel, so that they share compiled code.

densities = (0.0, 2e-4, 5e-4)
column = hnnlib.jones_2009_model(mesh_shape=(2, 2))
column.add_current_clamp("step", "L5_pyramidal", amplitude=0.12, delay=50.0, duration=200.0)
steps = hnnlib.simulate_many(
    [with_current(column, gbar) for gbar in densities], tstop=350.0, record=hnnlib.Record(vsec="soma", every=4)
)
gid = column.gid_ranges["L5_pyramidal"].start
figure, axes = plt.subplots(3, 1, figsize=(7.5, 5.6), sharex=True, sharey=True, layout="constrained")
for ax, gbar, result in zip(axes, densities, steps):
    voltage = result.cell_response.vsec[0][gid]["soma"]
    ax.plot(np.arange(len(voltage)) * 0.1, voltage, color="tab:red", lw=0.9)
    ax.set_ylabel("Potential (mV)")
    ax.set_title(f"{gbar:g} S/cm²", loc="left")
axes[-1].set_xlabel("Time (ms)")
plt.show()

# %%
# What it does to the column
# --------------------------
# Volleys of input make the cells fire anyhow; now they do so a little sooner and more.

touch = hnnlib.jones_2009_model(add_drives_from_params=True)
responses = hnnlib.simulate_many([with_current(touch, gbar) for gbar in densities], tstop=170.0)

figure, axes = plt.subplots(2, 1, figsize=(8.0, 5.6), sharex=True, layout="constrained")
for gbar, result, color in zip(densities, responses, ("0.6", "tab:orange", "tab:red")):
    result.dipoles[0].copy().smooth(30).scale(3000).plot(ax=axes[0], color=color, label=f"{gbar:g} S/cm²", show=False)
axes[0].legend(frameon=False)
axes[0].set_xlabel("")
viz.plot_spikes_raster(responses[-1].cell_response, ax=axes[1], show_legend=False, show=False)
plt.show()

for gbar, result in zip(densities, responses):
    print(f"{gbar:g} S/cm²: {len(result.cell_response.spike_times_by_type['L5_pyramidal'][0])} spikes in layer 5")

# %%
# A script has the variable set where it is started; what else runs in this process goes on without our folder.

del os.environ["HNNLIB_MOD_PATH"]
