"""
Spikes from a function
======================

A few lines of Python may say better than a table when the cells of a drive should fire. A function is called once for
each cell and returns its spike times. Here a wave runs over the cells of a drive: each fires in a rhythm, a little
later than the one before it.
"""

# %%
# When does a cell fire?
# ----------------------
# The function gets the cell, ``node``, and the run, ``sim``. A cell has a number, ``node.node_id``, and whatever is
# said of it below; the run has a start, an end and a time step (ms). The times may come in any order; an empty list
# keeps the cell silent.

import matplotlib.pyplot as plt

import hnnlib


def wave(node, sim):
    if node["broken"]:
        return []
    first = 20.0 + 0.5 * node.node_id
    return [t for t in (first, first + node["period"]) if t < sim.tstop]


# %%
# Twenty cells, the second half of which has a longer period; number 4 is broken.

nodes = {
    "wave": {
        "node_id": range(20),
        "period": [40.0] * 10 + [55.0] * 10,
        "broken": [number == 4 for number in range(20)],
    }
}
source = hnnlib.SpikesFromFunction(wave, tstop=120.0)
spikes = source.spikes(nodes)
for number in (0, 4, 19):
    print(number, spikes.trains("wave")[number])

# %%
# A column that feels the wave
# ----------------------------
# The function is called here and now. What is sent to the workers of a launcher is spikes, so that it may be defined
# anywhere.

net = hnnlib.jones_2009_model(hnnlib.read_params(hnnlib.param_file("default.json")), mesh_shape=(4, 4))
net.add_spike_train_drive(
    "wave",
    spike_data=source,
    population="wave",
    nodes=nodes["wave"],
    location="distal",
    weights_ampa={"L2_basket": 0.0003, "L2_pyramidal": 0.0005, "L5_pyramidal": 0.004},
    weights_nmda={"L2_basket": 0.0008, "L2_pyramidal": 0.0005, "L5_pyramidal": 0.004},
    space_constant=100.0,
)
result = hnnlib.simulate(net, tstop=120.0)
print(result.summary())

result.cell_response.plot_spikes_raster(show=False)

figure, axes = plt.subplots(layout="constrained")
result.dipole.copy().smooth(15).plot(ax=axes, show=False)
plt.show()
