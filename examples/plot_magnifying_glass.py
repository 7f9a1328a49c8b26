"""
One cell of the column, seen closely
====================================

A column's cells have eight or nine sections. Here one of its layer 5 cells is replaced, for a closer look, by a cell
with some two hundred sections, and hears exactly what the simple cell heard: each spike of the column and of its
drives, at the part of the dendrite that the simple cell received it on. It answers otherwise, and we find out why.
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
# Segments are up to 60 µm long, three times the default, to save time.

cell = embedding.DetailedCell("synthetic-l5", "l5_detailed", max_segment_um=60.0)
print(cell)

# %%
# Every synapse
# -------------
# Each contact of the simple cell becomes five synapses at random places of the part that stands for its section, and
# they share its weight. A contact of a drive stands for a bundle of axons and is much stronger, so it becomes fifty.
# The result is a table with a row for each synapse.

gids = net.gid_ranges["L5_pyramidal"]
gid = gids[len(gids) // 2]
cells, drives = list(net.cell_types), list(net.spec.drives)
contacts = dict.fromkeys(cells, 5) | dict.fromkeys(drives, 50)
synapses = embedding.from_network(net, gid, cell, contacts=contacts, network_seed=1)
print(synapses)

places = {name: synapses.segment[rows] for name, rows in synapses.rows.items()}
viz.plot_detailed_cell(cell.segments, synapses=places)

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
print(study)
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
# Why so weak?
# ------------
# The detailed cell answers the distal drive (65 ms) far more weakly, and fires only after the second proximal one. Are
# its synapses too weak? Let both hear the drives alone, with the column's own connections cut.

cut = net.copy()
cut.clear_connectivity()
drives_only = hnnlib.simulate(cut, tstop=170.0, seed=1, record=hnnlib.Record(vsec="soma"))
heard = embedding.simulate_cell(
    cell, synapses.silence(population=cells), embedding.Replay(spikes=drives_only), tstop=170.0, settle=100.0
)

releases = heard.events(0)
figure, ax = plt.subplots(figsize=(8.0, 3.2), layout="constrained")
ax.plot(drives_only.dipoles[0].times, drives_only.cell_response.vsec[0][gid]["soma"], color="C7", label="simple cell")
ax.plot(heard.recordings["v"].times, heard.recordings["v"].numpy(0)[0], color="C3", label="detailed cell")
for name in drives:
    of_drive = np.isin(releases.synapse, np.arange(len(synapses))[synapses.rows[name]])
    ax.annotate(name, (releases.time_ms[of_drive].min(), -85.0), (0, -1), textcoords="offset points", ha="center")
ax.set(xlabel="Time (ms)", ylabel="Voltage of the soma (mV)", ylim=(-92.0, 55.0))
ax.legend(loc="upper left")
plt.show()

# %%
# They are not: both hear the first proximal drive alike, by 2 to 3 mV, and fire together at the second. It is the tuft.
# The simple cell has nearly as many sodium channels in its dendrites as in its soma, so that the distal drive makes the
# tuft itself fire, even at an eighth of its weight. Here dendrites have few, as have those of real cells, and of 30 mV
# in the tuft some 6 mV arrive at the soma. So no factor on weights turns one cell into the other, be it one for
# ``scale_weight`` or what :func:`hnnlib.embedding.calibrate_unitary` finds; we try below. Which cell is right is a
# question to the model, and worth asking.

# %%
# A trial again, with other eyes
# ------------------------------
# A study keeps every event, so that any trial can be run again exactly, with more recorded or with something changed.
# Where does the voltage go?

trial = 1
again = study.replay(trial, record={"v": "all"}, record_every=4)
v = again.recordings["v"]
figure, axes = plt.subplots(1, 4, figsize=(11.0, 3.4), sharey=True, layout="constrained")
for ax, t in zip(axes, (60.0, 76.0, 145.0, 149.0)):
    now = v.numpy(trial)[:, np.searchsorted(v.times, t)]
    options = {"ylim": (-90, 40), "title": f"{t:g} ms", "show_legend": ax is axes[-1]}
    viz.plot_voltage_distance(cell.segments, now, ax=ax, show=False, **options)
    ax.set(xlabel="Distance (µm)", ylabel="Voltage (mV)" if ax is axes[0] else "")
plt.show()

# %%
# Nothing but what is changed differs from the first run: here the synapses of the tuft fall silent, or all excitation
# is five times as strong.

excitation = ["L2_pyramidal", "L5_pyramidal", *drives]
without = study.replay(trial, modify=lambda table: table.silence(domain="apical_tuft"))
stronger = study.replay(trial, modify=lambda table: table.scale_weight(5.0, population=excitation))
for label, run in (("as it was", study), ("without the tuft", without), ("five times the excitation", stronger)):
    print(f"{label}: spikes at {np.round(run.soma_spikes.numpy(trial)['time_ms'], 1)} ms")
times, sources = column.cell_response.spike_times[trial], column.cell_response.spike_gids[trial]
print(f"the simple cell: spikes at {np.round(np.array(times)[np.array(sources) == gid], 1)} ms")
