"""
Spikes of recorded neurons
==========================

Recordings with many electrodes are shared as files of *Neurodata Without Borders* (NWB). Such a file holds the spikes
of sorted neurons, called units, what is known of each, and when which stimulus was shown. Here we make a small file of
that kind, take the good units of one region while one stimulus was on, and let them drive a column. (``pip install
'hnnlib[nwb]'`` brings what is needed.)
"""

# %%
# A recording
# -----------
# Thirty units on three electrodes, ten on each, fire faster in the half seconds in which a grating was shown. A real
# file would be read where ours is written.

import datetime
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pynwb

import hnnlib

GRATINGS = [(1.0, 1.5, 0.0), (2.0, 2.5, 90.0), (3.0, 3.5, 0.0)]  # start, stop (s), orientation (degrees)
generator = hnnlib.PoissonGenerator(seed=3, population="units")
generator.add(range(30), 5.0, times=(0.0, 4.0))
for start, stop, _ in GRATINGS:
    generator.add(range(30), 25.0, times=(start, stop))
recorded = generator.spikes().trains("units")

session = pynwb.NWBFile(
    session_description="gratings",
    identifier="example",
    session_start_time=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
)
device = session.create_device(name="probe")
for channel, location in enumerate(("LGN", "VISp", "CA1")):
    group = session.create_electrode_group(name=location, description="", location=location, device=device)
    session.add_electrode(id=channel, group=group, location=location)
session.add_unit_column("peak_channel_id", "the electrode with the largest spikes")
session.add_unit_column("quality", "whether the unit is well isolated")
for unit, times in recorded.items():
    session.add_unit(
        id=unit, spike_times=times / 1000, peak_channel_id=unit // 10, quality="noise" if unit % 10 == 3 else "good"
    )
table = pynwb.epoch.TimeIntervals(name="drifting_gratings_presentations", description="what was shown")
table.add_column("orientation", "orientation (degrees)")
for start, stop, orientation in GRATINGS:
    table.add_row(start_time=start, stop_time=stop, orientation=orientation)
session.add_time_intervals(table)

file = Path(tempfile.mkdtemp()) / "session.nwb"
with pynwb.NWBHDF5IO(str(file), "w") as writer:
    writer.write(session)

# %%
# Which units, and when
# ---------------------
# Conditions are on what the file says of a unit and of its electrode. The interval is one of those in the file's
# tables; its first moment becomes time 0. Each cell of the drive gets another unit, chosen at random: the seed decides
# which.

source = hnnlib.SpikesFromNWB(
    files=file,
    units={"location": "LGN", "quality": "good"},
    interval={"interval_name": "drifting_gratings", "orientation": 90.0},
    seed=1,
)
spikes = source.spikes({"thalamus": range(8)})
for row in source.unit_map({"thalamus": range(8)})[:3]:
    print(f"cell {row.node_id} fires as unit {row.unit_id} of file {row.file}")

# %%
# A column that sees the grating
# ------------------------------
# The first 120 ms after its onset.

net = hnnlib.jones_2009_model(hnnlib.read_params(hnnlib.param_file("default.json")), mesh_shape=(4, 4))
net.add_spike_train_drive(
    "thalamus",
    spike_data=spikes,
    location="proximal",
    weights_ampa={"L2_basket": 0.015, "L2_pyramidal": 0.006, "L5_basket": 0.03, "L5_pyramidal": 0.004},
    synaptic_delays={"L2_basket": 0.1, "L2_pyramidal": 0.1, "L5_basket": 1.0, "L5_pyramidal": 1.0},
    space_constant=100.0,
)
result = hnnlib.simulate(net, tstop=120.0)
print(result.summary())

result.cell_response.plot_spikes_raster(show=False)

figure, axes = plt.subplots(layout="constrained")
result.dipole.copy().smooth(15).plot(ax=axes, show=False)

# %%
# Which unit each cell got stands in the result: the run can be made again without drawing anew.

print(result.provenance["network"]["drives"]["thalamus"]["origin"]["unit_map"][:3])
plt.show()
