"""
Who is connected to whom
========================

A column has hundreds of thousands of contacts, laid down by sixteen rules. Four figures show them, from the whole to a
single cell; then we change rules and see what that does.
"""

# %%
# All at once
# -----------
# Populations and drives as a graph: arrows are as wide as the weight that they carry, and their colour says whether
# they excite.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

net = hnnlib.jones_2009_model(add_drives_from_params=True)
net.plot_connectivity_graph()

# %%
# The same as a matrix, with numbers: the sum of the weights of all contacts, as they would be simulated.

viz.plot_population_matrix(net)

# %%
# Of what arrives at each population from outside, how much comes from which drive?

viz.plot_drive_strength(net)

# %%
# One rule
# --------
# :func:`hnnlib.pick_connection` gives the numbers of the rules that fit a description. Layer 5 basket cells inhibit
# layer 5 pyramidal cells by two receptors.

for number in hnnlib.pick_connection(net, src_gids="L5_basket", target_gids="L5_pyramidal"):
    print(number, net.connectivity[number])

# %%
# The weight falls with distance, as a Gaussian with the rule's space constant. Excitation within a layer reaches few
# neighbours, which makes stripes in the matrix, since cells are numbered row by row; inhibition reaches all alike.

(excite,) = hnnlib.pick_connection(net, src_gids="L5_pyramidal", target_gids="L5_pyramidal", receptor="ampa")
(inhibit,) = hnnlib.pick_connection(net, src_gids="L5_basket", target_gids="L5_pyramidal", receptor="gabaa")
_, axes = plt.subplots(1, 2, figsize=(10.0, 4.2), layout="constrained")
for ax, number in zip(axes, (excite, inhibit)):
    viz.plot_connectivity_matrix(net, number, ax=ax, show=False)
plt.show()

# %%
# One cell, seen from the pia: whom it reaches, and how strongly.

gids = net.gid_ranges["L5_pyramidal"]
viz.plot_cell_connectivity(net, excite, src_gid=gids[len(gids) * 4 // 9])

# %%
# Rules of our own
# ----------------
# ``add_connection`` takes cell types or gids. We cut all inhibition of layer 5 down to a tenth of its contacts, chosen
# at random, and in another copy make each contact's weight a tenth: as much inhibition in all, spread over few or many.

rules = hnnlib.pick_connection(net, src_gids="L5_basket", target_gids="L5_pyramidal")
sparse, weak = net.copy(), net.copy()
for number in rules:
    sparse.connectivity[number]["probability"] = 0.1
    weak.connectivity[number]["nc_dict"]["A_weight"] *= 0.1

# %%
# Gains change whole classes of rules at once: here all inhibition of excitatory cells.

off = net.copy()
off.set_global_synaptic_gains(i_e=0.0)
print(off.get_global_synaptic_gains())

cases = {"as published": net, "a tenth of the contacts": sparse, "a tenth of the weight": weak, "no inhibition": off}
results = dict(zip(cases, hnnlib.simulate_many(list(cases.values()), tstop=170.0)))

figure, axes = plt.subplots(2, 2, figsize=(10.0, 6.0), sharex=True, sharey=True, layout="constrained")
for ax, (title, result) in zip(axes.flat, results.items()):
    viz.plot_spikes_raster(result.cell_response, ax=ax, show_legend=False, marker_size=3, show=False)
    n_spikes = len(result.cell_response.spike_times_by_type["L5_pyramidal"][0])
    ax.set_title(f"{title}: {n_spikes} spikes in L5_pyramidal", color=viz.population_colors(net.spec)["L5_pyramidal"])
plt.show()
