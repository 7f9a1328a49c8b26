"""
A beta event before a touch
===========================

Beta rhythm comes in short events, and a weak touch that follows one closely is less likely to be felt. Law et al.
(2022) propose why: the strong distal burst that makes a beta event also makes inhibitory cells of layer 2/3 fire, and
their slow (GABA-B) inhibition, which lasts for hundreds of milliseconds, keeps the column from answering the touch.
Here we look at the event, at the response, and at the two together.
"""

# %%
# The column of that study
# ------------------------
# It differs from the default one in the slow inhibition and in the calcium channels of layer 5.

import matplotlib.pyplot as plt

import hnnlib

column = hnnlib.law_2021_model()
print(column)
print(column.get_global_synaptic_gains())

# %%
# A beta event
# ------------
# Two bursts reach the column around 50 ms: a broad one at proximal dendrites, and in its middle a shorter, stronger one
# at distal dendrites.


def add_beta_event(net, to_basket=6e-4):
    """Add the two bursts; ``to_basket`` is the distal weight on layer 2/3 basket cells (µS)."""
    burst = {"tstart": 50.0, "tstop": 100.0, "burst_rate": 1.0, "numspikes": 2, "spike_isi": 10.0, "n_drive_cells": 10}
    net.add_bursty_drive(
        "beta_proximal",
        burst_std=40.0,
        location="proximal",
        weights_ampa={"L2_basket": 4e-5, "L2_pyramidal": 2e-5, "L5_basket": 4e-5, "L5_pyramidal": 2e-5},
        synaptic_delays={"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0},
        event_seed=20,
        **burst,
    )
    net.add_bursty_drive(
        "beta_distal",
        burst_std=10.0,
        location="distal",
        weights_ampa={"L2_basket": to_basket, "L2_pyramidal": 8e-5, "L5_pyramidal": 4e-5},
        synaptic_delays=0.5,
        event_seed=20,
        **burst,
    )


event = column.copy()
add_beta_event(event)
beta = hnnlib.simulate(event, tstop=400.0)

figure, axes = plt.subplots(3, 1, figsize=(7.0, 6.4), sharex=True, layout="constrained", height_ratios=[1, 2, 2])
beta.cell_response.plot_spikes_hist(ax=axes[0], invert_spike_types="beta_distal", show=False)
beta.dipoles[0].plot(ax=axes[1], tmin=5, show=False)
beta.cell_response.plot_spikes_raster(ax=axes[2], show=False)
for ax in axes[:2]:
    ax.set_xlabel("")
plt.show()

# %%
# The dipole dips while the distal burst lasts, as in recorded beta events, and comes back beyond zero. Basket cells of
# layer 2/3 fire once, and the slow wave that remains is their GABA-B inhibition wearing off.
#
# The response to a touch
# -----------------------
# Three volleys, at 25, 70 and 135 ms after a touch at 125 ms, each from one cell that reaches the whole column.


def add_touch(net, time=125.0):
    to_all = {"sigma": 0.0, "numspikes": 1, "n_drive_cells": 1, "cell_specific": False}
    delays = {"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0}
    first = {"L2_basket": 0.002, "L2_pyramidal": 0.0011, "L5_basket": 0.001, "L5_pyramidal": 0.001}
    distal = {"L2_basket": 0.0005, "L2_pyramidal": 0.004, "L5_pyramidal": 0.0005}
    second = {"L2_basket": 0.002, "L2_pyramidal": 0.005, "L5_basket": 0.02, "L5_pyramidal": 0.02}
    net.add_evoked_drive(
        "first", mu=time + 25, location="proximal", weights_ampa=first, synaptic_delays=delays, **to_all
    )
    net.add_evoked_drive(
        "feedback", mu=time + 70, location="distal", weights_ampa=distal, weights_nmda=distal, **to_all
    )
    net.add_evoked_drive(
        "second", mu=time + 135, location="proximal", weights_ampa=second, synaptic_delays=delays, **to_all
    )


touch, both = column.copy(), event.copy()
for net in (touch, both):
    add_touch(net)
alone, after_event = hnnlib.simulate_many([touch, both], tstop=400.0)

figure, axes = plt.subplots(2, 2, figsize=(10.0, 6.0), sharex=True, sharey="row", layout="constrained")
for column_of_axes, title, result in zip(axes.T, ("touch alone", "touch after a beta event"), (alone, after_event)):
    result.cell_response.plot_spikes_raster(
        ax=column_of_axes[0], show_legend=result is alone, marker_size=3, show=False
    )
    result.dipoles[0].plot(ax=column_of_axes[1], tmin=5, color="0.7", show=False)
    result.dipoles[0].copy().smooth(15).plot(ax=column_of_axes[1], tmin=5, color="k", show=False)
    column_of_axes[1].set_title(title)
plt.show()

# %%
# The event was over a hundred milliseconds before the touch. Yet layer 2/3 pyramidal cells don't fire any more, and
# layer 5 fires only with the last volley.

for title, result in (("touch alone", alone), ("touch after a beta event", after_event)):
    trains = result.cell_response.spike_times_by_type
    counts = {name: len(trains.get(name, [[]])[0]) for name in column.cell_types}
    print(f"{title}: {counts}")

# %%
# Is it the basket cells?
# -----------------------
# If so, an event whose distal burst is too weak for them must leave the response as it is. At half the weight they stay
# silent.

weaker = column.copy()
add_beta_event(weaker, to_basket=3e-4)
add_touch(weaker)
spared = hnnlib.simulate(weaker, tstop=400.0)

_, ax = plt.subplots(figsize=(7.0, 3.4), layout="constrained")
cases = (
    ("touch alone", alone, "0.75"),
    ("after a weaker event", spared, "tab:blue"),
    ("after the event", after_event, "k"),
)
for label, result, color in cases:
    result.dipoles[0].copy().smooth(15).plot(ax=ax, tmin=5, color=color, label=label, show=False)
ax.lines[0].set(linewidth=5.0)  # the next one lies upon it
ax.legend(frameon=False)
plt.show()

# %%
# The weights of these drives were chosen for this example, so that each step of the argument can be seen; those of the
# study were fitted to recordings.
#
# References
# ----------
# Law et al. (2022), Cerebral Cortex 32:668. Shin et al. (2017), eLife 6:e29086.
