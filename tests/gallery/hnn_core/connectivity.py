"""All to all, and a tenth of the connections."""

import matplotlib.pyplot as plt
from hnn_core import neymotin_2020_model, pick_connection, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model
from hnn_core.viz import plot_cell_connectivity, plot_connectivity_matrix, plot_dipole, plot_drive_strength

net_erp = neymotin_2020_model()
add_erp_drives_to_jones_model(net_erp)
assert len(net_erp.connectivity) == 30
assert "L2_pyramidal -> L2_pyramidal" in repr(net_erp.connectivity[0:2])
indices = pick_connection(net=net_erp, src_gids="L5_basket", target_gids="L5_pyramidal", loc="soma", receptor="gabaa")
plot_connectivity_matrix(net_erp, indices[0], show=False)
plot_cell_connectivity(net_erp, indices[0], show=False)


def rewired(probability):
    net = neymotin_2020_model()
    add_erp_drives_to_jones_model(net)
    net.clear_connectivity()
    for source in ("L2_basket", "L5_basket"):
        target = source.replace("basket", "pyramidal")
        net.add_connection(
            src_gids=source,
            target_gids=target,
            loc="soma",
            receptor="gabaa",
            weight=0.02,
            delay=1.0,
            lamtha=70.0,
            probability=probability,
            conn_seed=3,
        )
    return net


dipoles = []
for net in (net_erp, rewired(1.0), rewired(0.1)):
    dipoles.append(simulate_dipole(net, tstop=170.0)[0])
    net.cell_response.plot_spikes_raster(show=False)
plot_drive_strength(net_erp, normalize=True, show=False)
plot_drive_strength(net_erp, normalize=False, show=False)
fig, axes = plt.subplots(2, 1, sharex=True)
for dipole, label in zip(dipoles, ("default", "all to all", "sparse"), strict=True):
    plot_dipole(dipole, ax=axes[0], label=label, show=False)
net_erp.cell_response.plot_spikes_hist(ax=axes[1], show=False)
