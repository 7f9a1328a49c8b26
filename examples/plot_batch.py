"""
Many variants at once
=====================

What does a parameter do to the response? One simulation can't tell; a batch of them can. A sweep says which values
stand where, workers simulate and keep a few numbers of each run, and what comes back is a table. The runs may be ten or
a hundred thousand.
"""

# %%
# A sweep
# -------
# Here: how strongly basket cells inhibit the somata of layer 5, on a logarithmic scale, at two times of the distal
# input. Paths lead into the network, as everywhere. Other sweeps take values in step (``zip``), at random, or spread
# evenly over many dimensions (``sobol``, ``latin_hypercube``).

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib

net = hnnlib.jones_2009_model(add_drives_from_params=True, mesh_shape=(6, 6))
(rule,) = hnnlib.pick_connection(net, src_gids="L5_basket", target_gids="L5_pyramidal", receptor="gabaa")
path, time = f"connections.{rule}.weight", "drives.evdist1.mu"
weights = np.geomspace(1e-3, 0.1, 9)
sweep = hnnlib.Sweep.grid({path: weights.tolist(), time: [55.0, 70.0]})
print(len(sweep), "runs; the first:", next(iter(sweep)))

# %%
# What to keep
# ------------
# A summary gives numbers by name: peaks, means, powers in bands, rates, :class:`hnnlib.Correlation` with a recording,
# or any function of a result. ``keep="dipole"`` keeps the mean dipole of each run as well. The runs are written as they
# end, and a batch that was stopped goes on with ``resume=True``.


def how_early(result):
    """The median time of layer 5 pyramidal spikes (ms)."""
    times = result.cell_response.spike_times_by_type.get("L5_pyramidal", [[]])[0]
    return {"median_spike": float(np.median(times)) if len(times) else np.nan}


summaries = [
    hnnlib.DipolePeaks(tmin=45.0, tmax=110.0, smooth=30.0, scale=3000.0),
    hnnlib.DipoleMean(tmin=120.0, scale=3000.0, name="late"),
    hnnlib.SpikeRates(tmin=50.0, tmax=110.0),
    hnnlib.BandPowers({"gamma": (30.0, 80.0)}),
    how_early,
]
folder = Path(tempfile.mkdtemp()) / "batch"
batch = hnnlib.run_batch(
    net, sweep, tstop=170.0, summary=summaries, keep="dipole", out=folder, engine=hnnlib.FastEngine(threads=2)
)
print(batch)

# %%
# The table
# ---------
# With pandas it is a DataFrame, with the values and the numbers of each run. A run that fails would be a row with its
# error, and leave the others alone.

table = batch.table()
print(list(table.columns))

_, axes = plt.subplots(1, 3, figsize=(12.0, 3.4), layout="constrained")
names = {
    "negative_peak": "Deepest point (nAm)",
    "rate.L5_pyramidal": "Rate of L5 pyramidal cells (Hz)",
    "median_spike": "Median spike time (ms)",
}
for ax, (name, label) in zip(axes, names.items()):
    for mu in (55.0, 70.0):
        rows = table[time] == mu
        ax.semilogx(table[path][rows], table[name][rows], "o-", ms=4, label=f"at {mu:g} ms")
    ax.set(xlabel="Weight of inhibition (µS)", ylabel=label)
axes[0].legend(frameon=False)
plt.show()

# %%
# The stronger the inhibition, the less layer 5 fires, and the deeper is the trough: inhibition at the soma lets current
# out there, which has come down the dendrite.
#
# The waveforms
# -------------
# From the weakest inhibition (pale) to the strongest.

_, ax = plt.subplots(figsize=(7.0, 3.6), layout="constrained")
colors = plt.cm.viridis(np.linspace(0.9, 0.0, len(weights)))
early = np.flatnonzero(table[time] == 55.0)
for number, color in zip(early, colors):
    batch.dipole(int(number)).smooth(30).scale(3000).plot(ax=ax, color=color, show=False)
plt.show()

# %%
# Tomorrow, the folder can be read again, as the same `Batch`.

again = hnnlib.read_batch(folder)
print(type(again).__name__, again.n_runs, "runs,", len(again.failed), "failed")
