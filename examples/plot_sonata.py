"""
Networks as SONATA files
========================

SONATA is the format in which large networks, their inputs and their outputs are exchanged. A column can be written as
such files and read back, by hnnlib and by other programs; and a network that was built elsewhere, or by rule, can be
simulated. (More on the format is in the user guide.)
"""

# %%
# A column as a folder
# --------------------
# Cells, contacts, the spikes of the drives, what is to be recorded: everything goes into a folder with a configuration.

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import viz

folder = Path(tempfile.mkdtemp())
net = hnnlib.jones_2009_model(add_drives_from_params=True, mesh_shape=(5, 5))
result = hnnlib.simulate(net, tstop=170.0)
hnnlib.write_sonata(result, folder / "column")
print(*sorted(str(path.relative_to(folder)) for path in (folder / "column").iterdir()), sep="\n")

# %%
# Back again
# ----------
# Reading gives a :class:`hnnlib.SonataNetwork`, which can be simulated as any network.

network = hnnlib.read_sonata(folder / "column")
again = hnnlib.simulate(network, tstop=170.0)
print("the same spikes:", np.array_equal(result.cell_response.spike_times[0], again.cell_response.spike_times[0]))

_, ax = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
result.dipoles[0].plot(ax=ax, color="0.6", label="as it was built", show=False)
again.dipoles[0].plot(ax=ax, color="tab:red", label="from its files", show=False)
ax.lines[-1].set_linestyle(":")
ax.legend(frameon=False)
plt.show()

# %%
# As a configuration says
# -----------------------
# A configuration can also be run as a whole; its outputs go where it says. ``init_config`` writes an example to begin
# with, to be edited by hand. On the command line it is ``hnnlib run example/config.json``.

config = hnnlib.init_config(folder / "example", tstop=120.0)
print((folder / "example" / "simulation_config.json").read_text()[:600])
output, files = hnnlib.run_config(config)
print(output.summary())
print("written:", *sorted(path.name for path in files))

# %%
# The tables behind it
# --------------------
# :func:`hnnlib.read_circuit` gives nodes and edges as tables, a :class:`hnnlib.Circuit`, without making cells of them.
# So one can count: how many contacts does a layer 5 pyramidal cell get, and from whom?

circuit = hnnlib.read_circuit(folder / "column" / "config.json")
n_cells = len(circuit.nodes["L5_pyramidal"])
counts = {e.source: len(e) / n_cells for e in circuit.edges.values() if e.target == "L5_pyramidal"}
_, ax = plt.subplots(figsize=(6.0, 2.8), layout="constrained")
ax.barh(list(counts), list(counts.values()), color="0.5")
ax.set(xlabel="Contacts on one layer 5 pyramidal cell")
ax.invert_yaxis()
plt.show()

# %%
# Circuits can be written as well, also those that never were a network of hnnlib.

hnnlib.write_circuit(circuit, folder / "copy")
print(*sorted(path.name for path in (folder / "copy" / "network").iterdir())[:4], "...")

# %%
# Built by rule
# -------------
# A :class:`hnnlib.NetworkBuilder` places nodes in groups and connects them by functions. Twenty pyramidal cells stand
# in a cylinder; they excite basket cells with a probability that falls with distance, and each basket cell inhibits
# those that are near.

patch = hnnlib.NetworkBuilder("patch", seed=4)
groups = (("L2_pyramidal", 20, 150.0), ("L2_basket", 6, 100.0))
for number, (name, n, radius) in enumerate(groups):
    x, height, y = hnnlib.positions_columnar(n, center=(0.0, 0.0, 0.0), height=50.0, max_radius=radius, seed=number).T
    patch.add_nodes(
        n,
        pop_name=name,
        model_type="biophysical",
        model_template=f"hnnlib:{name}",
        positions=np.column_stack([x, y, height]),
    )

to_basket = {"receptor": "ampa", "location": "soma", "delay": 1.0}
patch.add_edges(
    patch.nodes(pop_name="L2_pyramidal"),
    patch.nodes(pop_name="L2_basket"),
    connection_rule=hnnlib.distance_connector,
    connection_params={"d_weight_min": 0.1, "d_weight_max": 0.9, "d_max": 250.0, "nsyn_min": 1, "nsyn_max": 3},
    syn_weight=5e-3,
    **to_basket,
)


# %%
# A rule of one's own is any function. Marked with :func:`hnnlib.takes_arrays` it is called once for all pairs.


@hnnlib.takes_arrays
def near(sources, targets, reach):
    here, there = sources.column("positions"), targets.column("positions")
    return (np.linalg.norm(here[:, None] - there[None], axis=-1) < reach).astype(int)


patch.add_edges(
    patch.nodes(pop_name="L2_basket"),
    patch.nodes(pop_name="L2_pyramidal"),
    connection_rule=near,
    connection_params={"reach": 120.0},
    syn_weight=0.02,
    receptor="gabaa",
    location="soma",
    delay=1.0,
)
built = patch.build()
pyramidal = patch.nodes(pop_name="L2_pyramidal").column("positions")
basket = patch.nodes(pop_name="L2_basket").column("positions")
everyone = patch.nodes().column("positions")

_, ax = plt.subplots(figsize=(5.0, 5.0), layout="constrained")
for edges in built.edges.values():
    for a, b in zip(edges.source_node_id, edges.target_node_id):
        inhibits = a >= len(pyramidal)
        ax.plot(*everyone[[a, b], :2].T, color="tab:pink" if inhibits else "tab:blue", lw=0.5, alpha=0.5)
ax.plot(*pyramidal[:, :2].T, "^", color="tab:blue", label="pyramidal")
ax.plot(*basket[:, :2].T, "o", color="tab:pink", label="basket")
ax.set(xlabel="x (µm)", ylabel="y (µm)", aspect="equal")
ax.legend(frameon=False)
plt.show()

# %%
# Input comes from virtual nodes, whose spikes are in a file. A configuration names all of it.

source = hnnlib.NetworkBuilder("input")
source.add_nodes(10, model_type="virtual")
patch.add_edges(
    source.nodes(),
    patch.nodes(pop_name="L2_pyramidal"),
    syn_weight=1e-3,
    receptor="ampa",
    location="proximal",
    delay=1.0,
)
source.save(folder / "patch" / "network")
patch.save(folder / "patch" / "network")
generator = hnnlib.PoissonGenerator(seed=2, population="input")
generator.add(range(10), 60.0, times=(0.0, 0.2))
generator.spikes().to_sonata(folder / "patch" / "spikes.h5")

network_files = {
    "nodes": [
        {"nodes_file": f"network/{name}_nodes.h5", "node_types_file": f"network/{name}_node_types.csv"}
        for name in ("patch", "input")
    ],
    "edges": [
        {"edges_file": f"network/{name}_edges.h5", "edge_types_file": f"network/{name}_edge_types.csv"}
        for name in ("patch_patch", "input_patch")
    ],
}
spikes = {"input_type": "spikes", "module": "sonata", "input_file": "spikes.h5", "node_set": "input"}
text = {"run": {"tstop": 200.0}, "networks": network_files, "inputs": {"spikes": spikes}}
(folder / "patch" / "config.json").write_text(json.dumps(text))

simulated, _ = hnnlib.run_config(folder / "patch")
colors = {"L2_pyramidal": "tab:blue", "L2_basket": "tab:pink"}
viz.plot_spikes_raster(simulated.cell_response, colors=colors)
