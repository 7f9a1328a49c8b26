"""Soma voltages, rasters written and read back, mean rates."""

import os.path as op
import tempfile

import matplotlib.pyplot as plt
from hnn_core import neymotin_2020_model, read_spikes, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model

net = neymotin_2020_model()
add_erp_drives_to_jones_model(net)
dpls = simulate_dipole(net, tstop=170.0, record_vsec="soma")
trial_idx = 0
gid = net.gid_ranges["L2_pyramidal"][0]
vsec = net.cell_response.vsec[trial_idx]
plt.figure()
plt.plot(net.cell_response.times, vsec[gid]["soma"])
net.cell_response.plot_spikes_raster(show=False)
with tempfile.TemporaryDirectory() as folder:
    net.cell_response.write(op.join(folder, "spk_%d.txt"))
    back = read_spikes(op.join(folder, "spk_*.txt"))
back.plot_spikes_raster(show=False)
assert back == net.cell_response

all_rates = net.cell_response.mean_rates(tstart=0, tstop=170, gid_ranges=net.gid_ranges, mean_type="all")
assert all_rates["L5_pyramidal"] > 0
fig, axes = plt.subplots(3, 1, sharex=True)
for name in ("L5_basket", "L5_pyramidal"):
    axes[0].plot(net.cell_response.times, vsec[net.gid_ranges[name][0]]["soma"])
net.cell_response.plot_spikes_raster(ax=axes[1], show=False)
net.cell_response.plot_spikes_hist(ax=axes[2], spike_types=["L5_pyramidal", "L2_pyramidal"], show=False)
