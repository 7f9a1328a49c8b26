"""
A network of point neurons
==========================

A patch of visual cortex, V1, with 400 point neurons of four kinds, driven by 500 cells of the thalamus, LGN, of which
only the spikes are known. We build both by rule, save them in the SONATA format, simulate them with the NEST simulator
(``pip install 'hnnlib[nest]'``), and then push some cells with a current. Other programs that read SONATA, such as
BMTK, run the same files.
"""

# %%
# Nodes
# -----
# Two kinds of cells stand in the middle of a column, two around it. What all cells of a kind have in common goes into
# the table of node types, what each has of its own, here its position, into a file beside it. The model has NEST's
# name, and ``dynamics_params`` names the file with its parameters.

import json
import tempfile
from pathlib import Path

import numpy as np

import hnnlib
from hnnlib import viz

folder = Path(tempfile.mkdtemp())
point = {"model_type": "point_neuron", "model_template": "nest:iaf_psc_alpha"}
positions = np.random.default_rng(1)

v1 = hnnlib.NetworkBuilder("V1", seed=1)
for n, name, location, ei, radii in [
    (80, "Scnn1a", "VisL4", "e", (0.0, 30.0)),
    (20, "PV", "VisL4", "i", (0.0, 30.0)),
    (200, "LIF_exc", "L4", "e", (30.0, 60.0)),
    (100, "LIF_inh", "L4", "i", (30.0, 60.0)),
]:
    v1.add_nodes(
        n,
        pop_name=name,
        location=location,
        ei=ei,
        positions=hnnlib.positions_columnar(n, min_radius=radii[0], max_radius=radii[1], seed=positions),
        dynamics_params=f"{name}.json",
        **point,
    )

# %%
# Edges
# -----
# Cells are connected the more likely the closer they are, by 3 to 7 synapses. Weights are in NEST's unit, for this
# model pA; inhibition has a minus sign. A connection of n synapses weighs n times as much.

for source, target, weight, reach, probability in [
    ("e", ["Scnn1a", "LIF_exc"], 1.0, 300.0, 0.34),
    ("e", ["PV", "LIF_inh"], 2.0, 300.0, 0.26),
    ("i", ["Scnn1a", "LIF_exc", "PV", "LIF_inh"], -3.0, 160.0, 1.0),
]:
    v1.add_edges(
        source={"ei": source},
        target={"pop_name": target},
        connection_rule=hnnlib.distance_connector,
        connection_params={
            "d_weight_min": 0.0,
            "d_weight_max": probability,
            "d_max": reach,
            "nsyn_min": 3,
            "nsyn_max": 7,
        },
        syn_weight=weight,
        delay=2.0,
        model_template="static_synapse",
        dynamics_params="static.json",
    )

# %%
# Cells of which only the spikes are known are *virtual*. Each cell of V1 hears between 10 and 30 of them. The rule is a
# function of ours: it is called for each cell with all possible sources, and returns the number of synapses from each.

lgn = hnnlib.NetworkBuilder("LGN", seed=2)
lgn.add_nodes(500, pop_name="tON", model_type="virtual")


def some_of(sources, target, least, most, rng):
    synapses = np.zeros(len(sources), int)
    chosen = rng.choice(len(sources), rng.integers(least, most), replace=False)
    synapses[chosen] = rng.integers(3, 12, len(chosen))
    return synapses


for name, weight, least, most in [
    ("Scnn1a", 15.0, 10, 25),
    ("PV", 6.0, 15, 35),
    ("LIF_exc", 10.0, 10, 25),
    ("LIF_inh", 10.0, 15, 30),
]:
    lgn.add_edges(
        source=lgn.nodes(),
        target=v1.nodes(pop_name=name),
        iterator="all_to_one",
        connection_rule=some_of,
        connection_params={"least": least, "most": most},
        syn_weight=weight,
        delay=2.0,
        model_template="static_synapse",
        dynamics_params="static.json",
    )

for network in (v1, lgn):
    network.save(folder / "network")

# %%
# What the types name
# -------------------
# Parameters are in NEST's units: mV, ms, pF.

cells = {
    "Scnn1a": {"E_L": -75.0, "V_m": -75.0, "V_reset": -75.0, "V_th": -50.0, "C_m": 200.0, "tau_m": 20.0, "t_ref": 3.0},
    "PV": {"E_L": -72.0, "V_m": -72.0, "V_reset": -58.0, "V_th": -50.0, "C_m": 60.0, "tau_m": 10.0, "t_ref": 2.0},
    "LIF_exc": {"E_L": -70.0, "V_m": -70.0, "V_reset": -65.0, "V_th": -50.0, "C_m": 180.0, "tau_m": 25.0, "t_ref": 3.0},
    "LIF_inh": {"E_L": -70.0, "V_m": -70.0, "V_reset": -65.0, "V_th": -50.0, "C_m": 120.0, "tau_m": 12.0, "t_ref": 2.0},
}
for name, parameters in cells.items():
    file = folder / "components" / "cells" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(parameters))
(folder / "components" / "synapses").mkdir()
(folder / "components" / "synapses" / "static.json").write_text("{}")

# %%
# What such a cell does by itself can be seen without files. Here copies of one get currents of 0 to 0.7 nA.

currents = np.linspace(0.0, 0.7, 8)
kind = hnnlib.PointCellSpec(model="iaf_psc_alpha", parameters=cells["PV"])
alone = hnnlib.NetworkSpec(
    populations={"PV": hnnlib.Population(cell=kind, place=hnnlib.AtPoints(points=[(0.0, 0.0, 0.0)] * len(currents)))},
    current_clamps={
        f"{current:.1f} nA": hnnlib.CurrentClamp(cells={"PV": [number]}, amplitude=current)
        for number, current in enumerate(currents)
    },
)
with hnnlib.NestBackend(dt=0.1):  # with n_jobs=2 two processes would share the trials of a longer run
    response = hnnlib.simulate(alone, tstop=500.0).cell_response
for current, spikes in zip(currents, np.bincount(response.spike_gids[0], minlength=len(currents)), strict=True):
    print(f"{current:.1f} nA: {2 * spikes} spikes a second")

# %%
# What the thalamus fires
# -----------------------
# Each cell fires at random, on average 15 times a second.

generator = hnnlib.PoissonGenerator(seed=3, population="LGN")
generator.add(range(500), 15.0, times=(0.0, 3.0))
generator.spikes().to_sonata(folder / "lgn_spikes.h5")

# %%
# The simulation
# --------------
# A configuration says which files make the network, what drives it, and what to record: beside the spikes of all cells,
# here the membrane potential of four.

config = {
    "manifest": {"$BASE": "."},
    "target_simulator": "NEST",
    "run": {"tstop": 3000.0, "dt": 0.1},
    "networks": {
        "nodes": [
            {"nodes_file": "$BASE/network/V1_nodes.h5", "node_types_file": "$BASE/network/V1_node_types.csv"},
            {"nodes_file": "$BASE/network/LGN_nodes.h5", "node_types_file": "$BASE/network/LGN_node_types.csv"},
        ],
        "edges": [
            {"edges_file": "$BASE/network/V1_V1_edges.h5", "edge_types_file": "$BASE/network/V1_V1_edge_types.csv"},
            {"edges_file": "$BASE/network/LGN_V1_edges.h5", "edge_types_file": "$BASE/network/LGN_V1_edge_types.csv"},
        ],
    },
    "components": {
        "point_neuron_models_dir": "$BASE/components/cells",
        "synaptic_models_dir": "$BASE/components/synapses",
    },
    "inputs": {
        "LGN_spikes": {
            "input_type": "spikes",
            "module": "sonata",
            "input_file": "$BASE/lgn_spikes.h5",
            "node_set": "LGN",
        }
    },
    "reports": {
        "membrane_potential": {
            "module": "multimeter_report",
            "cells": {"population": "V1", "node_id": [0, 80, 100, 300]},
            "variable_name": "V_m",
        }
    },
    "output": {"output_dir": "$BASE/output", "spikes_file": "spikes.h5"},
}
(folder / "config.json").write_text(json.dumps(config, indent=1))

network = hnnlib.read_sonata(folder / "config.json")
result, files = hnnlib.run_config(network)  # or, in a shell: hnnlib run config.json
print(result.summary())

# %%
# Who fires when, and how much
# ----------------------------
# Any attribute of the cells can group a figure. Cells that never fire have a place in it, too.

by_name = network.groups("pop_name")
viz.plot_spikes_raster(result.cell_response, groups=by_name, marker_size=3.0)

# %%

viz.plot_rates(result.cell_response, groups=by_name)

# %%
# The traces that the report asked for, of the first 300 ms: of excitatory cells above, of inhibitory ones below.

viz.plot_traces(result.cell_response, groups=network.groups("ei"), tmax=300.0)

# %%
# Pushing some cells
# ------------------
# A current clamp excites cells 20 to 39, and another one holds back the inhibitory cells in the middle. The first
# names its cells by number, the second by what they are. Currents into point cells are in pA.

pushed = {"population": "V1", "node_id": list(range(20, 40))}
held = {"population": "V1", "ei": "i", "location": "VisL4"}
clamps = {
    name: {
        "input_type": "current_clamp",
        "module": "IClamp",
        "node_set": cells,
        "amp": amp,
        "delay": 1.0,
        "duration": 3000.0,
    }
    for name, cells, amp in [("push", pushed, 230.0), ("hold", held, -230.0)]
}


def rates_with(*names):
    """Rate of each cell of V1 (Hz), without or with some of the clamps."""
    config["inputs"] = {"LGN_spikes": config["inputs"]["LGN_spikes"]} | {name: clamps[name] for name in names}
    config["output"]["output_dir"] = "$BASE/perturbed"
    (folder / "perturbed.json").write_text(json.dumps(config, indent=1))
    network = hnnlib.read_sonata(folder / "perturbed.json")
    response = hnnlib.run_config(network, engine=hnnlib.NestEngine())[0].cell_response
    return np.bincount(response.spike_gids[0], minlength=400)[:400] / 3.0, response


before, _ = rates_with()
after, response = rates_with("push", "hold")
chosen = {"pushed": np.arange(20, 40), "held back": network.groups("pop_name")["PV"]}
chosen["others"] = np.setdiff1d(np.arange(400), np.concatenate(list(chosen.values())))
for name, gids in chosen.items():
    print(f"{name}: {before[gids].mean():.2f} spikes a second and cell before, {after[gids].mean():.2f} after")

viz.plot_spikes_raster(response, groups=chosen, marker_size=3.0)
