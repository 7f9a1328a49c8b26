"""
Field potentials and their sources
==================================

A probe with many contacts, pushed through cortex, records the potential at each depth. Where current enters cells there
is a sink, where it leaves them a source. The second spatial difference of the potential, the current source density
(CSD), brings them out. Here a column with such a probe gets the volleys of the evoked response.
"""

# %%
# A probe
# -------
# Cells of the default column stand 1 µm apart, which doesn't matter for dipoles; for potentials we spread them. A
# laminar probe has its contacts in one line, upright; this one stands in the middle of the column. Any other positions
# can be given too.

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import analysis, viz

net = hnnlib.jones_2009_model(add_drives_from_params=True)
net.set_cell_positions(inplane_distance=30.0)
net.add_electrode_array("probe", hnnlib.laminar_probe(n_contacts=25, spacing=100.0, lowest=-325.0, x=135.0, y=135.0))
net.plot_cells()

# %%
# One volley at a time
# --------------------
# First the simplest case: ten cells fire around 30 ms, onto the distal or onto the proximal dendrites of layer 5, too
# weakly to make any cell fire. ``every=4`` keeps each fourth sample of the potentials, one in 0.1 ms. The dipole of the
# resting cells is taken off as it was without the volley (``baseline="settle"``).

volleys = {}
for location in ("distal", "proximal"):
    quiet = net.copy()
    quiet.clear_drives()
    quiet.add_evoked_drive(
        "volley",
        mu=30.0,
        sigma=2.0,
        numspikes=1,
        location=location,
        n_drive_cells=10,
        cell_specific=False,
        weights_ampa={"L5_pyramidal": 5e-5},
        space_constant=100.0,
        event_seed=1,
    )
    volleys[location] = hnnlib.simulate(quiet, tstop=70.0, record=hnnlib.Record(every=4), baseline="settle")

# %%
# Cells at rest have currents too, since not all their parts rest at one voltage. As in recordings, we look at what
# changes: potentials minus those just before the volley.

figure, axes = plt.subplots(3, 2, figsize=(10.0, 9.0), layout="constrained", sharex=True, height_ratios=[3, 3, 2])
for column, (location, result) in zip(axes.T, volleys.items()):
    probe = result.potentials["probe"]
    change = probe.voltages[0] - probe.voltages[0][:, probe.times.searchsorted(25.0), None]
    density = analysis.csd(change, analysis.laminar_spacing(probe.positions))
    depths = probe.positions[:, 2]
    viz.plot_laminar_lfp(probe.times, change, depths, ax=column[0], tmin=20, show=False)
    viz.plot_laminar_csd(probe.times, density, depths, ax=column[1], tmin=20, show=False)
    result.dipoles[0].plot(ax=column[2], tmin=20, show=False)
    column[0].set(title=f"{location} volley", xlabel="")
    column[1].set_xlabel("")
plt.show()

# %%
# Synapses open and current enters: sinks (blue) where they are, at the tuft, 1700 µm above the somata, or at the
# dendrites just below and above these; and sources (red) where it leaves again. From the one to the other it flows
# inside the cells: down from the tuft, or up from the base. That is the dipole.
#
# The evoked response
# -------------------
# With the three volleys of the evoked response cells fire, and the picture has it all at once: potentials, their
# sources and sinks, and the spikes, on one time axis.

response = hnnlib.simulate(net, tstop=170.0, record=hnnlib.Record(every=4))
viz.plot_laminar(response, "probe")

# %%
# The strongest sources are at the somata of layer 5: that is inhibition, which lets current out there, and the pauses
# after spikes. Smoothing over 5 ms takes the spikes themselves away.
#
# Which density?
# --------------
# The plain second difference supposes that potentials don't change sideways. The inverse method looks for the currents
# in discs round the probe, as wide as the column, that would make this potential; its unit is that of a current
# density.

recording = response.potentials["probe"].smooth(5)
spacing = analysis.laminar_spacing(recording.positions)
difference = analysis.csd(recording.voltages[0], spacing)
inverse = analysis.inverse_csd(recording.voltages[0], spacing, diameter=300.0)

_, axes = plt.subplots(1, 2, figsize=(11.0, 4.2), layout="constrained")
for ax, density, unit in zip(axes, (difference, inverse), ("µV/µm²", "µA/mm³")):
    viz.plot_laminar_csd(recording.times, density, depths, ax=ax, tmin=50, tmax=110, unit=unit, show=False)
axes[0].set_title("second difference")
axes[1].set_title("inverse method")
plt.show()

# %%
# Potential and dipole
# --------------------
# Far away only the dipole is left of all this. Close by, it depends on where one measures.

_, axes = plt.subplots(2, 1, figsize=(8.0, 5.0), sharex=True, layout="constrained")
near = [2, 12, 22]
viz.plot_laminar_lfp(recording.times, recording.voltages[0][near], depths[near], ax=axes[0], show=False)
response.dipoles[0].copy().smooth(5).plot(ax=axes[1], show=False)
axes[0].set_xlabel("")
plt.show()
