"""The voltage of every section, as pictures and as a film."""

import os.path as op
import tempfile

from hnn_core import neymotin_2020_model, simulate_dipole
from hnn_core.network_models import add_erp_drives_to_jones_model
from hnn_core.viz import NetworkPlotter

net = neymotin_2020_model(mesh_shape=(3, 3))
add_erp_drives_to_jones_model(net)
net.set_cell_positions(inplane_distance=300)
simulate_dipole(net, tstop=30.0, record_vsec="all")
plotter = NetworkPlotter(net)
plotter.azim, plotter.elev = 45.0, 20.0
plotter.update_section_voltages(400)
with tempfile.TemporaryDirectory() as folder:
    path = op.join(folder, "hnn.gif")
    plotter.export_movie(path, fps=30, dpi=50, decim=40, frame_start=0, frame_stop=1000)
    assert op.getsize(path) > 1000
