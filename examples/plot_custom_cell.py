"""
A cell of your own
==================

Martinotti cells of layer 5 excite nobody: they are excited by pyramidal cells and inhibit their tufts, a millimetre
above. The default column has none. We make a simple one, add it to the column, connect it, and see what inhibition at
the tuft does to the response.
"""

# %%
# Sections
# --------
# A soma and a dendrite towards the pia. Each section has mechanisms, with parameters that are numbers or profiles over
# the distance from the soma: potassium channels here get fewer with a length constant of 100 µm.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

soma = hnnlib.SectionSpec(L=20.0, diam=15.0, cm=1.0, v0=-65.0, mechanisms={"hh2": {}}, receptors=("gabaa",))
dendrite = hnnlib.SectionSpec(
    L=300.0,
    diam=2.0,
    cm=1.0,
    v0=-65.0,
    parent="soma",
    mechanisms={"hh2": {"gnabar": 0.02, "gkbar": hnnlib.Exponential(scale=0.02, rate=-0.01)}},
    receptors=("ampa", "nmda"),
)
martinotti = hnnlib.CellSpec(
    sections={"soma": soma, "dendrite": dendrite},
    synapses={
        "ampa": hnnlib.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0}),
        "nmda": hnnlib.SynapseSpec(parameters={"e": 0.0, "tau1": 1.0, "tau2": 20.0}),
        "gabaa": hnnlib.SynapseSpec(parameters={"e": -80.0, "tau1": 0.5, "tau2": 5.0}),
    },
    locations={"proximal": ("dendrite",), "distal": ("dendrite",)},
)
viz.plot_cell_morphology(martinotti, color={"soma": "k", "dendrite": "tab:green"})

# %%
# A mistake is told before anything runs.

try:
    hnnlib.CellSpec(sections={"soma": hnnlib.SectionSpec(L=20.0, diam=15.0, mechanisms={"hh2": {"gnabarr": 0.1}})})
except hnnlib.HnnlibError as error:
    print(error)

# %%
# Into the column
# ---------------
# Martinotti cells stand between the layer 5 basket cells. They get input from pyramidal cells near them, and inhibit
# the tufts of all.

column = hnnlib.jones_2009_model(add_drives_from_params=True)
net = column.copy()
net.add_cell_type(
    "L5_martinotti",
    martinotti,
    hnnlib.OnGrid(pattern="interleaved", depth=0.1),
    layer="5",
    morpho_type="martinotti",
    electro_type="inhibitory",
    color="#009E73",
    marker="s",
)
net.add_connection("L5_pyramidal", "L5_martinotti", "proximal", "ampa", weight=1e-3, delay=1.0, lamtha=3.0)
net.add_connection("L5_martinotti", "L5_pyramidal", "distal", "gabaa", weight=0.02, delay=2.0, lamtha=70.0)
net.plot_connectivity_graph(drives=False)

# %%
# By itself
# ---------
# A step of current into three of them shows how the new cell fires.

alone = net.copy()
alone.clear_drives()
gids = alone.gid_ranges["L5_martinotti"]
for number, current in enumerate((0.05, 0.1, 0.2)):
    alone.add_current_clamp(f"step {current}", [gids[number]], amplitude=current, delay=20.0, duration=100.0)
steps = hnnlib.simulate(alone, tstop=150.0, record=hnnlib.Record(vsec="soma"))

figure, axes = plt.subplots(3, 1, figsize=(7.0, 5.0), sharex=True, sharey=True, layout="constrained")
for number, ax in enumerate(axes):
    ax.plot(steps.dipoles[0].times, steps.cell_response.vsec[0][gids[number]]["soma"], color="#009E73", lw=0.8)
    ax.set_title(f"{(0.05, 0.1, 0.2)[number]:g} nA", loc="left")
    ax.set_ylabel("Potential (mV)")
axes[-1].set_xlabel("Time (ms)")
plt.show()

# %%
# The response to a touch
# -----------------------

colors = viz.population_colors(net.spec)
without, with_them = hnnlib.simulate_many([column, net], tstop=170.0)
figure, axes = plt.subplots(2, 2, figsize=(11.0, 6.0), sharex=True, sharey="row", layout="constrained")
for axis, title, result in zip(axes.T, ("default column", "with Martinotti cells"), (without, with_them)):
    shown = {name: colors[name] for name in result.cell_response.cell_type_names}
    viz.plot_spikes_raster(result.cell_response, ax=axis[0], colors=shown, show_legend=False, marker_size=3, show=False)
    result.dipoles[0].copy().smooth(30).scale(3000).plot(ax=axis[1], show=False)
    axis[1].set_title(title)
plt.show()

# %%
# Martinotti cells (green) fire as soon as pyramidal cells do, and then the tufts are held down: the first trough is
# shorter, and layer 5 is calmer after it.

for title, result in (("default", without), ("with Martinotti cells", with_them)):
    print(
        f"{title}: {len(result.cell_response.spike_times_by_type['L5_pyramidal'][0])} spikes of layer 5 pyramidal cells"
    )
