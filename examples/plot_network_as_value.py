"""
A network, written out
======================

Behind the editor that most examples use, a network is one value: nested records, each with a few named fields, checked
when they are made. Who builds networks by program may prefer to write them so. Here is a small loop of excitatory and
inhibitory cells with every kind of input that there is.
"""

# %%
# A cell
# ------
# A soma with Hodgkin and Huxley's channels, a dendrite that only leaks, and a receptor on each. Lengths are in µm,
# times in ms, potentials in mV.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

receptors = {
    "ampa": hnnlib.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0}),
    "gabaa": hnnlib.SynapseSpec(parameters={"e": -80.0, "tau1": 0.5, "tau2": 8.0}),
}
soma = hnnlib.SectionSpec(L=30.0, diam=20.0, cm=0.85, v0=-65.0, mechanisms={"hh2": {}}, receptors=("gabaa",))
leak = {"hh2": {"gnabar": 0.0, "gkbar": 0.0, "el": -65.0}}
dendrite = hnnlib.SectionSpec(L=90.0, diam=4.0, cm=0.85, v0=-65.0, parent="soma", mechanisms=leak, receptors=("ampa",))
cell = hnnlib.CellSpec(sections={"soma": soma, "dendrite": dendrite}, synapses=receptors)

# %%
# Two populations
# ---------------
# Excitatory cells stand on the points of a grid, three inhibitory ones where we say.

populations = {
    "E": hnnlib.Population(cell=cell, place=hnnlib.OnGrid(), electro_type="excitatory", color="#0072B2"),
    "I": hnnlib.Population(
        cell=cell,
        place=hnnlib.AtPoints(points=((10.0, 10.0, 0.0), (40.0, 10.0, 0.0), (25.0, 40.0, 0.0))),
        electro_type="inhibitory",
        color="#CC79A7",
    ),
}
connections = (
    hnnlib.ConnectionSpec(
        source="E", target="I", location="dendrite", receptor="ampa", weight=2e-3, space_constant=50.0
    ),
    hnnlib.ConnectionSpec(source="I", target="E", location="soma", receptor="gabaa", weight=2e-2, space_constant=50.0),
)

# %%
# Input of every kind
# -------------------
# Drives have cells that fire; biases and clamps are currents; synaptic events act on contacts that exist.

to_dendrites = {"location": "dendrite", "space_constant": 100.0}
drives = {
    "noise": hnnlib.PoissonDrive(rate=60.0, tstart=20.0, weights={"E": {"ampa": 1.2e-3}}, **to_dendrites),
    "volley": hnnlib.EvokedDrive(mu=150.0, sigma=3.0, weights={"E": {"ampa": 4e-3}}, **to_dendrites),
    "bursts": hnnlib.BurstyDrive(
        burst_rate=20.0, tstart=220.0, tstop=360.0, burst_std=2.0, weights={"E": {"ampa": 4e-3}}, **to_dendrites
    ),
    "given": hnnlib.SpikeTrainDrive(
        trains=((400.0, 405.0, 410.0), (402.0,)), n_drive_cells=2, weights={"I": {"ampa": 6e-3}}, **to_dendrites
    ),
}
network = hnnlib.NetworkSpec(
    populations=populations,
    grid=hnnlib.Grid(mesh_shape=(4, 4), inplane_distance=15.0),
    connections=connections,
    drives=drives,
    biases={"tonic": {"E": hnnlib.TonicBias(amplitude=0.05, t0=20.0)}},
    current_clamps={"step": hnnlib.CurrentClamp(cells={"E": (0, 1)}, amplitude=0.3, delay=440.0, duration=40.0)},
    synaptic_events={"forced": hnnlib.SynapticEvents(times=(185.0,), pre={"I": None}, post={"E": None})},
    electrodes={"tip": hnnlib.Electrodes(positions=((25.0, 25.0, 20.0),))},
)
viz.plot_drive_schedule(network, tstop=500.0)

# %%
# Run it
# ------
# :class:`hnnlib.RunSpec` says how long, how often and what to keep; ``simulate`` makes one from its arguments, so that
# it is rarely needed by itself.

run = hnnlib.RunSpec(tstop=500.0, n_trials=1, record=hnnlib.Record(vsec="soma", every=8))
result = hnnlib.simulate(network, tstop=run.tstop, n_trials=run.n_trials, record=run.record)
viz.plot_spikes_raster(result.cell_response, colors=viz.population_colors(network))

# %%
# What the electrode in the middle hears of it, and the voltage of the first cell:

_, axes = plt.subplots(2, 1, figsize=(8.0, 4.6), sharex=True, layout="constrained")
tip = result.potentials["tip"]
axes[0].plot(tip.times, tip.voltages[0, 0], color="k", lw=0.7)
axes[0].set_ylabel("Potential (µV)")
axes[1].plot(tip.times, result.cell_response.vsec[0][0]["soma"], color="#0072B2", lw=0.7)
axes[1].set(xlabel="Time (ms)", ylabel="Cell 0 (mV)")
plt.show()

# %%
# A value can be looked at, compared and changed
# ----------------------------------------------
# A change gives a new value; the old one stays as it is. What is not allowed is refused, with its place and what would
# be.

stronger = hnnlib.put_at(network, "connections.1.weight", 0.05)
print(hnnlib.get_at(network, "connections.1.weight"), "->", hnnlib.get_at(stronger, "connections.1.weight"))
print("equal:", network == stronger)

try:
    hnnlib.put_at(network, "drives.noise.rate", -5.0)
except hnnlib.InvalidValue as error:
    print(error)

# %%
# And from a value to the editor is one step, for whoever wants its methods.

print(hnnlib.Network.from_spec(stronger))
