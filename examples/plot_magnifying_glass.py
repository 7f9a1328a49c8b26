"""
One cell of the column, seen closely
====================================

A column's cells have eight or nine sections. Here one of its layer 5 cells is replaced, for a closer look, by a cell with
some two hundred sections, and hears exactly what the simple cell heard: each spike of the column and of its drives, at the
part of the dendrite that the simple cell received it on.
"""

# %%
# The column
# ----------
# The default evoked response, four trials.

import time

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import embedding, viz

begin = time.perf_counter()
net = hnnlib.jones_2009_model(add_drives_from_params=True)
for drive in net.spec.drives:
    net.put(f"drives.{drive}.event_seed", None)  # other spikes in each trial
column = hnnlib.simulate(net, tstop=170.0, n_trials=4, seed=1, record=hnnlib.Record(cell_dipoles=True))

# %%
# The detailed cell
# -----------------
# Its form was made by rule and comes with the package, its membrane has the column's own channels, graded along the
# dendrites: a spike travels back into them, and together with an input to the tuft it sets off a calcium plateau.

cell = embedding.DetailedCell("synthetic-l5", "l5_detailed")
print(cell)

# %%
# Every synapse
# -------------
# Each contact of the simple cell becomes five synapses at random places of the part that stands for its section, and
# they share its weight. The result is a table with a row for each synapse.

gids = net.gid_ranges["L5_pyramidal"]
gid = gids[len(gids) // 2]
synapses = embedding.from_network(net, gid, cell, contacts=5, network_seed=1)
print(synapses)

places = {name: synapses.segment[rows] for name, rows in synapses.rows.items()}
viz.plot_detailed_cell(cell.segments, synapses=places, show=False)
plt.show()

# %%
# Four trials
# -----------
# Trial k of the column is played to the cell in its trial k. Before t = 0 the cell has 100 ms to come to rest.

study = embedding.simulate_cell(
    cell,
    synapses,
    embedding.Replay(spikes=column),
    tstop=170.0,
    n_trials=4,
    settle=100.0,
    record={"v": ["soma", "apical_tuft@900"]},
    launcher=hnnlib.JoblibBackend(n_jobs=2).launcher,
)
print(study, study.soma_spikes.numpy())
print(f"column, cell and all: {time.perf_counter() - begin:.0f} s")

figure, axes = plt.subplots(2, 1, figsize=(8.0, 5.0), sharex=True, layout="constrained")
voltage = study.recordings["v"]
for ax, place in zip(axes, ("soma", "apical_tuft@900")):
    ax.plot(voltage.times, voltage.numpy(rows=voltage.where(site=place))[:, 0].T, lw=0.8)
    ax.set(ylabel="Voltage (mV)", title=place)
axes[1].set_xlabel("Time (ms)")
plt.show()

# %%
# Its dipole and the simple cell's
# --------------------------------
# Both are what the axial currents add up to, along the axis of the apical dendrite.

simple = [trial[gid] * 1e-6 for trial in column.cell_response.dipole]  # fAm to nAm
detailed = [dipole.data["agg"] for dipole in study.dipoles]
figure, ax = plt.subplots(figsize=(8.0, 3.2), layout="constrained")
for label, moments, color in (("simple cell", simple, "C7"), ("detailed cell", detailed, "C3")):
    mean = 1e6 * np.mean(moments, axis=0)
    ax.plot(column.dipoles[0].times, mean - mean[0], color=color, label=label)
ax.set(xlabel="Time (ms)", ylabel="Dipole (fAm), mean of 4")
ax.legend()
plt.show()

# %%
# A trial again, with other eyes
# ------------------------------
# A study keeps every event, so that any trial can be run again exactly, with more recorded or with something taken away.
# Where does the voltage go?

trial = 1
again = embedding.replay(study, trial, record={"v": "all", "cai": "all"}, record_every=4)
v = again.recordings["v"]
moments = [60.0, 68.0, 72.0, 80.0]
figure, axes = plt.subplots(1, 4, figsize=(11.0, 3.4), sharey=True, layout="constrained")
for ax, t in zip(axes, moments):
    viz.plot_voltage_distance(
        cell.segments, v.numpy(trial)[:, np.searchsorted(v.times, t)], ylim=(-90, 40), title=f"{t:g} ms", ax=ax, show=False
    )
plt.show()

without = embedding.replay(study, trial, modify=lambda table: table.silence(domain="apical_tuft"))
for label, run in (("as it was", study), ("without the tuft's synapses", without)):
    print(f"{label}: spikes at {np.round(run.soma_spikes.numpy(trial)['time_ms'], 1)} ms")
