"""
Spikes from a table
===================

A network can be driven by spikes that were recorded, or that another program made. Most often they come as a table of
text: one row a spike, with its time (ms), its population and the number of the cell in it. Here we write such a table,
look at it, and let its cells drive a column.
"""

# %%
# A table of spikes
# -----------------
# Forty cells of the thalamus fire at random, at a rate that rises and falls within 80 ms. The seed decides the spikes;
# every cell has random numbers of its own, so that with more cells the first forty would fire as they do now.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib

generator = hnnlib.PoissonGenerator(seed=7, population="thalamus")
generator.add(range(40), [0.0, 0.0, 60.0, 0.0, 0.0], times=(0.0, 0.02, 0.04, 0.06, 0.08))

table = Path(tempfile.mkdtemp()) / "thalamus.csv"
generator.spikes().to_csv(table)
print(table.read_text()[:120])

# %%
# Any table with these columns can be read, in any order, with spaces, commas or tabs between them; without a header
# there are two columns, times and cells. Here we read our own, as if we had it from elsewhere. The cells that are asked
# for are there even if they don't fire.

source = hnnlib.SpikesFromCSV(file=table)
spikes = source.spikes({"thalamus": range(40)})
print(spikes)
rates = spikes.rates(20.0, 60.0)["thalamus"]
print(
    f"{np.mean(list(rates.values())):.0f} Hz between 20 and 60 ms, {sum(r == 0 for r in rates.values())} cells silent"
)

# %%
# Driving a column
# ----------------
# Each cell of the table becomes a cell of the drive that is connected to all its targets. What the drive needs is where
# its synapses are and how strong (µS).

net = hnnlib.jones_2009_model(hnnlib.read_params(hnnlib.param_file("default.json")), mesh_shape=(4, 4))
net.add_spike_train_drive(
    "thalamus",
    spike_data=spikes,
    location="proximal",
    weights_ampa={"L2_basket": 0.004, "L2_pyramidal": 0.0015, "L5_basket": 0.008, "L5_pyramidal": 0.0008},
    synaptic_delays={"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0},
    space_constant=100.0,
)
result = hnnlib.simulate(net, tstop=120.0)
print(result.summary())

# %%
# The column answers to the volley and settles again.

result.cell_response.plot_spikes_raster(show=False)

figure, axes = plt.subplots(layout="constrained")
result.dipole.copy().smooth(15).plot(ax=axes, show=False)

# %%
# Where the spikes came from is kept with the result, and the spikes of all cells can be written for other programs.

print(dict(result.provenance["network"]["drives"]["thalamus"]["origin"]))
result.cell_response.to_csv(table.with_name("cells.csv"), populations=["L2_pyramidal", "L5_pyramidal"])
result.cell_response.to_sonata(table.with_name("cells.h5"))
plt.show()
