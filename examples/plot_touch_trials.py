"""
A touch, trial by trial
=======================

A whisker is touched sixteen times, and a layer 5 pyramidal cell answers each time a little differently. Which synapses
were active, when, and where on its dendrites? Here every release of every trial is kept in tables, in the manner of the
In Silico Framework; then one trial is run again with all voltages, and filmed.
"""

# %%
# Who is connected, and where
# ---------------------------
# Eight populations of two columns of barrel cortex, C2 and its neighbour D2. Their numbers, places and rates are made
# up, in plausible proportions. They stand in a table: cells, synapses of each cell, where, spikes a second at rest, and
# the chance of a spike in six stretches of time after the touch.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import analysis, embedding, viz

ONSET, STRETCHES = 100.0, (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0)  # ms; the stretches count from the onset
POPULATIONS = {
    "VPM_C2": (200, 3, ["basal", "apical_oblique"], 2.0, (0.0, 0.05, 0.35, 0.1, 0.05, 0.02)),
    "L4_C2": (400, 2, ["basal", "apical_oblique"], 0.5, (0.0, 0.01, 0.1, 0.08, 0.03, 0.02)),
    "L2_C2": (500, 3, ["apical"], 0.4, (0.0, 0.0, 0.03, 0.05, 0.02, 0.01)),
    "L5_C2": (300, 4, ["basal", "apical"], 2.5, (0.0, 0.04, 0.2, 0.12, 0.08, 0.08)),
    "L5_D2": (300, 4, ["basal", "apical"], 2.5, (0.0, 0.01, 0.05, 0.06, 0.05, 0.03)),
    "L6_C2": (300, 2, ["basal"], 0.5, (0.0, 0.02, 0.06, 0.04, 0.02, 0.01)),
    "PV_C2": (100, 8, ["soma", "basal"], 7.0, (0.0, 0.1, 0.4, 0.4, 0.2, 0.15)),
    "SOM_C2": (80, 12, ["basal", "apical"], 7.0, (0.0, 0.0, 0.05, 0.1, 0.15, 0.2)),
}

# %%
# Excitatory synapses open AMPA and NMDA receptors and release at 60 % of spikes, inhibitory ones GABA-A receptors at
# 25 %. A population is an embedding, a table with a row for each synapse; sums join them.

excitatory = embedding.SynapseType(
    receptors={
        "ampa": hnnlib.SynapseSpec(parameters={"e": 0.0, "tau1": 0.2, "tau2": 2.0}),
        "nmda": hnnlib.SynapseSpec(mechanism="NMDA"),
    },
    ratio={"nmda": 0.5},
)
inhibitory = embedding.SynapseType(
    receptors={"gabaa": hnnlib.SynapseSpec(parameters={"e": -75.0, "tau1": 1.0, "tau2": 20.0})}
)
cell = embedding.DetailedCell("synthetic-l5", "l5_detailed", max_segment_um=60.0)
parts = []
for name, (n_cells, contacts, domain, _, _) in POPULATIONS.items():
    cell_type = name.split("_")[0]
    release = {"kind": excitatory, "weight": 0.75e-3, "release_p": 0.6}
    if cell_type in ("PV", "SOM"):
        release = {"kind": inhibitory, "weight": 1.2e-3, "release_p": 0.25}
    where = {"domain": domain, "n_cells": n_cells, "contacts": contacts, "seed": 3}
    parts.append(embedding.random(cell, name, cell_type=cell_type, **where, **release))
synapses = sum(parts[1:], parts[0])
print(synapses)

# %%
# Sixteen trials
# --------------
# Sources add up: each cell fires at rest, and by chance after the touch. Two workers share the trials; what they draw
# hangs on the seed and the number of a trial alone. The folder is written as trials end, so that a run that was stopped
# can go on (``resume=True``). Its tables are parquet files, which need ``pip install 'hnnlib[tables]'``; by default
# they are HDF5.

sources = {
    name: embedding.Ongoing(rate=rate) + embedding.PSTH(edges=STRETCHES, probability=probability, offset=ONSET)
    for name, (_, _, _, rate, probability) in POPULATIONS.items()
}
folder = Path(tempfile.mkdtemp())
embedding.simulate_cell(
    cell,
    synapses,
    sources,
    tstop=200.0,
    dt=0.1,
    n_trials=16,
    seed=1,
    settle=50.0,
    launcher=hnnlib.JoblibBackend(n_jobs=2).launcher,
    out=folder / "touch",
    tables="parquet",
)
files = [file for file in (folder / "touch").rglob("*") if file.is_file()]
print(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")

# %%
# Tables
# ------
# :func:`hnnlib.embedding.read_study` reads nothing until it is asked. Tables come as pandas frames (or Dask's, where
# they don't fit into memory). How far from the soma are the synapses of each type of cell?

study = embedding.read_study(folder / "touch")
print(study.synapse_events)
placed = study.synapses.to_pandas()
print(placed.groupby("cell_type", observed=True)["distance_um"].agg(["count", "mean"]).round())

# %%
# What the In Silico Framework calls *synapse activation* has a row for each synapse that was active in a trial, with
# its releases side by side; its spike times have a row for each trial.

print(study.synapse_activation(wide=True, trial=[0, 1]).head().round(1).to_string())
print(study.spike_times().head().round(1))

# %%
# The cell's answer
# -----------------
# :func:`hnnlib.analysis.psth` counts spikes around the stimulus. The cell fires once 13 ms after each touch, hardly by
# chance; what may come later differs from trial to trial.

traces, spikes = study.voltage_traces(), study.soma_spikes.to_pandas()
times, counts = analysis.psth(spikes["time_ms"], 0.0, 200.0, bin_width=5.0, n_trials=16)
figure, axes = plt.subplots(2, 1, figsize=(7.0, 4.6), sharex=True, layout="constrained")
axes[0].plot(traces.columns, traces.T, color="0.3", lw=0.4)
axes[0].set(ylabel="Voltage (mV)")
viz.plot_psth(times, counts, label="Spikes per trial and 5 ms", onset=ONSET, ax=axes[1], show=False)
plt.show()

# %%
# Who spoke, and where
# --------------------
# Releases know their synapse, and with it the type of cell, the distance from the soma, and all else in its row:
# :func:`hnnlib.analysis.bin_events` counts them by any such column, :func:`hnnlib.analysis.space_time` over time and
# distance.

releases = study.synapse_events.to_pandas().merge(placed, on="synapse")
window = {"tstart": 80.0, "tstop": 160.0, "bin_width": 2.0, "trial": releases["trial"], "n_trials": 16}
times, types, counts = analysis.bin_events(
    releases["time_ms"], releases["cell_type"], groups=["VPM", "L4", "L5", "PV"], **window
)
label = "Releases per trial and 2 ms"
viz.plot_psth(times, dict(zip(types, counts.mean(axis=0))), label=label, onset=ONSET)

apical = releases["domain"].str.startswith("apical") & ~releases["cell_type"].isin(["PV", "SOM"])
window["trial"] = releases["trial"][apical]
times, distances, counts = analysis.space_time(releases["time_ms"][apical], releases["distance_um"][apical], **window)
viz.plot_space_time(times, distances, counts, label="Excitation of the apical tree\n(releases per bin and trial)")

# %%
# One trial again
# ---------------
# The table of events is all that a trial needs to be run again, to the last bit, with more recorded. Here is the cell
# in the moment that it fires, with the synapses that were active in the two milliseconds before.

trial = 0
again = study.replay(trial, record={"v": "all"}, record_every=5)
same = np.array_equal(again.soma_spikes.numpy()["time_ms"], spikes["time_ms"][spikes["trial"] == trial])
print("the same spikes:", same)

voltage = again.recordings["v"]
v, segments = voltage.numpy(trial), cell.segments
played = releases[releases["trial"] == trial]
active = {
    name: (rows["segment"].to_numpy(), rows["time_ms"].to_numpy())
    for name, rows in played.groupby("cell_type", observed=True)
}
fired = spikes["time_ms"][(spikes["trial"] == trial) & (spikes["time_ms"] > ONSET)].iloc[0]
now = np.searchsorted(voltage.times, fired)
recent = {name: where[(when > fired - 2.0) & (when <= fired)] for name, (where, when) in active.items()}
figure, axes = plt.subplots(1, 2, figsize=(11.0, 6.0), layout="constrained")
viz.plot_detailed_cell(
    segments,
    v[:, now],
    "Voltage (mV)",
    synapses=recent,
    clim=(-80.0, 20.0),
    colormap="coolwarm",
    ax=axes[0],
    show=False,
)
viz.plot_voltage_distance(segments, v[:, now], ax=axes[1], show=False)
plt.show()

# %%
# Two films
# ---------
# Both show the spike, a frame each millisecond: the voltage along the dendrites, and the cell in space, from a camera
# that goes around it. Dots are synapses that were active in the last two milliseconds.

film = {"activations": active, "tstart": ONSET + 5.0, "tstop": ONSET + 25.0, "tstep": 1.0, "fps": 10.0, "dpi": 60.0}
viz.export_voltage_distance_movie(segments, voltage.times, v, folder / "distance.gif", **film)
viz.export_morphology_movie(segments, voltage.times, v, folder / "cell.gif", turn=3.0, **film)
print({file.name: f"{file.stat().st_size / 1e6:.1f} MB" for file in sorted(folder.glob("*.gif"))})
