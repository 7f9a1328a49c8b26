"""The spikes of one network, written and read, drive another."""

import os.path as op
import tempfile

from hnn_core import neymotin_2020_model, read_spikes, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model

net_a, net_b = neymotin_2020_model(), neymotin_2020_model()
add_erp_drives_to_jones_model(net_a)
simulate_dipole(net_a, tstop=100.0)
with tempfile.TemporaryDirectory() as folder:
    net_a.cell_response.write(op.join(folder, "spk_%d.txt"))
    response = read_spikes(op.join(folder, "spk_*.txt"))
chosen = set(net_a.gid_ranges["L2_pyramidal"])
pairs = [(t, g) for t, g in zip(response.spike_times[0], response.spike_gids[0], strict=True) if g in chosen]
net_b.add_spike_train_drive(
    "from_a",
    spike_data=[(float(t), int(g)) for t, g in pairs],
    location="proximal",
    weights_ampa={"L2_pyramidal": 0.001, "L5_pyramidal": 0.001},
    conn_seed=1,
)
simulate_dipole(net_b, tstop=100.0)
net_a.cell_response.plot_spikes_raster(show=False)
net_b.cell_response.plot_spikes_raster(show=False)
