"""
Keep a result and read it again
===============================

A run that took a night should not be lost, and in a year one should know how it was made. A result file holds dipoles,
spikes, recordings, and everything that they came from. Parts of it can be written for other programs.
"""

# %%
# While it runs
# -------------
# With ``out`` each trial is in the file as soon as it has ended. Here "the machine stops" after two trials of four.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

folder = Path(tempfile.mkdtemp())
net = hnnlib.jones_2009_model(add_drives_from_params=True)
hnnlib.simulate(net, tstop=170.0, n_trials=2, out=folder / "run.h5")

# %%
# The same call with ``resume=True`` keeps what is there and runs what is missing. The seeds know the number of a trial,
# so the four are those of a run without a break.

result = hnnlib.simulate(net, tstop=170.0, n_trials=4, out=folder / "run.h5", resume=True)
print(result.summary())

# %%
# A year later
# ------------
# Reading gives the same :class:`hnnlib.Result`, to the last bit, with its provenance: network, seeds, versions, engine.

again = hnnlib.read_result(folder / "run.h5")
same = all(np.array_equal(a.data["agg"], b.data["agg"]) for a, b in zip(result.dipoles, again.dipoles))
print("the same dipoles:", same)
print({key: again.provenance[key] for key in ("hnnlib", "engine", "seed", "digest")})
viz.plot_result(again, smooth=30, scale=3000)

# %%
# A figure that was made once can be made again, as a file of any kind that matplotlib writes.

figure = viz.plot_grand_average([dipole.copy().smooth(30) for dipole in again.dipoles])
viz.save_figure(figure, folder / "average.pdf")

# %%
# The network by itself
# ---------------------
# A network can be kept without a run, in a file of a few kB that can be read and compared. HNN-core's own form, with
# every pair of cells, is written by :func:`hnnlib.write_network_configuration` and read by
# :func:`hnnlib.read_network_configuration`; :func:`hnnlib.network_to_dict` and :func:`hnnlib.dict_to_network` are the
# same without a file.

hnnlib.write_network(net, folder / "network.json")
print("the same network:", hnnlib.read_network(folder / "network.json") == net)

# %%
# For other programs
# ------------------
# Dipoles and spikes as text, in the formats of HNN's programs; spikes also as a table, for SONATA and for NWB. A
# :class:`hnnlib.CellResponse` writes one text file a trial.

again.dipoles[0].write(folder / "dipole.txt")
again.cell_response.write(folder / "spikes_%d.txt")
again.cell_response.to_csv(folder / "spikes.csv")
print(*sorted(path.name for path in folder.iterdir()), sep=", ")

dipole = hnnlib.read_dipole(folder / "dipole.txt")
response = hnnlib.read_spikes(str(folder / "spikes_*.txt"))
_, axes = plt.subplots(2, 1, figsize=(7.0, 5.0), sharex=True, layout="constrained")
dipole.plot(ax=axes[0], show=False)
response.plot_spikes_raster(trial_idx=0, ax=axes[1], cell_types=list(net.cell_types), show=False)
axes[0].set_xlabel("")
plt.show()

# %%
# Spikes as data
# --------------
# :class:`hnnlib.SpikeData` is what all spike files hold: a time, a population and a cell for each spike. It can be
# filtered, merged and counted.

spikes = hnnlib.SpikeData.from_cell_response(again.cell_response)
evoked = spikes.select("L5_pyramidal", t0=60.0, t1=100.0)
print(evoked)
rates = list(evoked.rates(60.0, 100.0)["L5_pyramidal"].values())

_, ax = plt.subplots(figsize=(5.6, 3.0), layout="constrained")
ax.hist(rates, bins=20, color="0.4")
ax.set(xlabel="Rate of a layer 5 pyramidal cell, 60 to 100 ms (Hz)", ylabel="Cells")
plt.show()
