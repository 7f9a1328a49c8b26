"""
One column drives another
=========================

The spikes of one simulation can be the input of the next: two areas, one after the other, or the same input for many
variants of a network. Here the layer 5 cells of one column, which answer a touch, project to the proximal dendrites of
a second column.
"""

# %%
# The first area
# --------------

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

first = hnnlib.jones_2009_model(add_drives_from_params=True)
sender = hnnlib.simulate(first, tstop=170.0)

# %%
# The second area
# ---------------
# :class:`hnnlib.Replay` takes a population's spikes from a result. Each cell of it becomes a cell of the drive;
# ``synaptic_delays`` are the way between the areas, 8 ms.

second = hnnlib.jones_2009_model()
weights = {"L2_basket": 1e-4, "L2_pyramidal": 1e-4, "L5_basket": 1e-4, "L5_pyramidal": 6e-4}
second.add_spike_train_drive(
    "first_area",
    spike_data=hnnlib.Replay(sender, populations="L5_pyramidal"),
    location="proximal",
    weights_ampa=weights,
    synaptic_delays=8.0,
    space_constant=100.0,
)
receiver = hnnlib.simulate(second, tstop=170.0)

figure, axes = plt.subplots(2, 2, figsize=(11.0, 5.6), sharex=True, sharey="row", layout="constrained")
for column, title, result in zip(axes.T, ("first area", "second area"), (sender, receiver)):
    viz.plot_spikes_raster(result.cell_response, ax=column[0], show_legend=result is sender, marker_size=3, show=False)
    result.dipoles[0].copy().smooth(15).plot(ax=column[1], show=False)
    column[1].set_title(title)
plt.show()

# %%
# By way of a file
# ----------------
# Spikes can also wait in a file. SONATA's format is what most simulators of large networks read and write.

file = Path(tempfile.mkdtemp()) / "spikes.h5"
sender.cell_response.to_sonata(file)
from_file = second.copy()
from_file.clear_drives()
from_file.add_spike_train_drive(
    "first_area",
    spike_data=hnnlib.SpikesFromSonata(file=file),
    population="L5_pyramidal",
    nodes=range(len(first.gid_ranges["L5_pyramidal"])),
    location="proximal",
    weights_ampa=weights,
    synaptic_delays=8.0,
    space_constant=100.0,
)
repeated = hnnlib.simulate(from_file, tstop=170.0)
pair = [result.cell_response.spike_times[0] for result in (repeated, receiver)]
print("the same spikes:", np.array_equal(*pair))

# %%
# How much arrives when
# ---------------------
# The second area answers only where the first one's cells fire within a short time of each other.

figure, ax = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
groups = {"first area, L5_pyramidal": ["first_area"], "second area, L5_pyramidal": ["L5_pyramidal"]}
viz.plot_spikes_hist(receiver.cell_response, spike_types=groups, ax=ax, bins=85, show=False)
plt.show()
