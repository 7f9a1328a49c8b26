"""A gamma rhythm: weak noise, then tonic current, then shorter inhibition."""

import os.path as op

import hnn_core
import numpy as np
from hnn_core import neymotin_2020_model, read_params, simulate_dipole
from hnn_core.viz import plot_dipole, plot_psd, plot_tfr_morlet

params = read_params(op.join(op.dirname(hnn_core.__file__), "param", "gamma_L5weak_L2weak.json"))
net = neymotin_2020_model(params)
net.add_poisson_drive(
    "poisson",
    rate_constant={"L2_pyramidal": 140.0, "L5_pyramidal": 40.0},
    weights_ampa={"L2_pyramidal": 0.0008, "L5_pyramidal": 0.0075},
    location="proximal",
    synaptic_delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.0},
    event_seed=1349,
)
dipoles = simulate_dipole(net, tstop=250.0)
net.cell_response.plot_spikes_raster(show=False)
dipoles[0].scale(30000).plot(show=False)
plot_tfr_morlet(dipoles[0], freqs=np.arange(20.0, 100.0, 5.0), n_cycles=7, show=False)

net.add_tonic_bias(amplitude={"L5_pyramidal": 6.0}, t0=0.0, tstop=250.0)
tonic = simulate_dipole(net, tstop=250.0)
plot_dipole(tonic, show=False)

for name in ("L2_pyramidal", "L5_pyramidal"):
    net.cell_types[name]["cell_object"].synapses["gabaa"]["tau2"] = 2
faster = simulate_dipole(net, tstop=250.0)
net.cell_response.plot_spikes_raster(show=False)
plot_psd(faster, fmin=20.0, fmax=100.0, tmin=20, show=False)
assert net.spec.populations["L2_pyramidal"].cell.synapses["gabaa"].parameters["tau2"] == 2
