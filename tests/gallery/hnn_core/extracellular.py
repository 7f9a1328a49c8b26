"""Potentials of a shank through the column."""

import matplotlib.pyplot as plt
from hnn_core import neymotin_2020_model, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model
from hnn_core.viz import plot_dipole

net = neymotin_2020_model()
add_erp_drives_to_jones_model(net)
net.set_cell_positions(inplane_distance=30.0)
depths = list(range(-325, 2150, 100))
net.add_electrode_array("shank1", [(135, 135, dep) for dep in depths])
net.plot_cells(show=False)
dpl = simulate_dipole(net, tstop=170.0)
fig, axes = plt.subplots(4, 1, sharex=True, figsize=(6, 8))
plot_dipole(dpl, ax=axes[0], show=False)
net.rec_arrays["shank1"][0].smooth(window_len=10).plot_lfp(ax=axes[1], show=False)
net.cell_response.plot_spikes_raster(ax=axes[2], show=False)
net.rec_arrays["shank1"].plot_csd(ax=axes[3], show=False)
assert net.rec_arrays["shank1"].voltages.shape[:2] == (1, 25)
