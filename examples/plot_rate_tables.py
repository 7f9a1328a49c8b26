"""
Rate tables on and off
======================

How fast an ion channel opens depends on voltage by formulas with exponentials. To save time, the published model looks
these up in tables, with a row for each millivolt and straight lines between them. What does that cost in accuracy? The
fast engine can do both.
"""

# %%
# Twice the same
# --------------
# ``"tables"`` is the default: it reproduces published results. ``"exact"`` evaluates the formulas.

import matplotlib.pyplot as plt
import numpy as np

import hnnlib

net = hnnlib.jones_2009_model(add_drives_from_params=True)
results = {
    rates: hnnlib.simulate(net, tstop=170.0, engine=hnnlib.FastEngine(rates=rates)) for rates in ("tables", "exact")
}
for rates, result in results.items():
    print(rates, f"{result.dipoles[0].data['agg'].min():.6f} nAm,", result.cell_response)

# %%
# The dipoles
# -----------
# On the scale of the response the two can't be told apart; below is their difference.

tables, exact = (result.dipoles[0] for result in results.values())
difference = hnnlib.Dipole(tables.times, {"agg": exact.data["agg"] - tables.data["agg"]})

figure, axes = plt.subplots(2, 1, figsize=(8.0, 5.6), sharex=True, layout="constrained")
tables.plot(ax=axes[0], color="k", label="tables", show=False)
exact.plot(ax=axes[0], color="tab:orange", label="exact", show=False)
axes[0].lines[-1].set_linestyle("--")
axes[0].legend(frameon=False)
axes[0].set_xlabel("")
difference.plot(ax=axes[1], color="tab:red", show=False)
axes[1].set_ylabel("Exact − tables (nAm)")
plt.show()

# %%
# Spikes
# ------
# Until cells fire in the distal volley, at 63 ms, the two agree closely. Then spikes move a little, and where many
# cells fire a network carries that on.

counts = {
    rates: {name: len(times[0]) for name, times in result.cell_response.spike_times_by_type.items()}
    for rates, result in results.items()
}
for name in net.cell_types:
    print(f"{name}: {counts['tables'][name]} spikes with tables, {counts['exact'][name]} without")

_, ax = plt.subplots(figsize=(7.0, 3.4), layout="constrained")
for rates, color, height in (("tables", "k", 0), ("exact", "tab:orange", 1)):
    times = results[rates].cell_response.spike_times_by_type["L5_pyramidal"][0]
    ax.plot(times, np.full(len(times), height), "|", color=color, ms=22)
ax.set(xlabel="Time (ms)", ylim=(-0.7, 1.7))
ax.set_yticks([0, 1], ["tables", "exact"])
ax.set_title("all spikes of layer 5 pyramidal cells")
plt.show()

# %%
# What it means for a figure
# --------------------------
# Trials of one condition differ far more than this, and smoothing takes most of it away.

trials = hnnlib.simulate(net, tstop=170.0, n_trials=3).dipoles
_, ax = plt.subplots(figsize=(7.0, 3.4), layout="constrained")
for trial in trials:
    trial.smooth(30).plot(ax=ax, color="0.75", show=False)
tables.copy().smooth(30).plot(ax=ax, color="k", show=False)
exact.copy().smooth(30).plot(ax=ax, color="tab:orange", show=False)
ax.lines[-1].set_linestyle("--")
ax.set_title("three trials (grey); the first with tables (black) and without (orange)")
plt.show()
