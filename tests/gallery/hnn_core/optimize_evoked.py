"""The strength and time of a proximal input found from a response: three parameters by a Gaussian process."""

from hnn_core import neymotin_2020_model, simulate_dipole
from hnn_core.optimization import Optimizer
from hnn_core.viz import plot_dipole

net = neymotin_2020_model()


def set_params(net, params):
    weights = {"L2_basket": 0.01, "L2_pyramidal": params["l2"], "L5_basket": 0.01, "L5_pyramidal": params["l5"]}
    net.add_evoked_drive(
        "evprox", mu=params["mu"], sigma=2, numspikes=1, location="proximal", weights_ampa=weights, synaptic_delays=0.1
    )


truth = net.copy()
set_params(truth, {"mu": 18.0, "l2": 0.01, "l5": 0.02})
exp_dpl = simulate_dipole(truth, tstop=40.0)[0].scale(40).smooth(5)
constraints = {"mu": (10.0, 30.0), "l2": (0.001, 0.03), "l5": (0.001, 0.03)}
optim = Optimizer(net, tstop=40.0, constraints=constraints, set_params=set_params, solver="bayesian", max_iter=12)
optim.fit(target=exp_dpl, scale_factor=40, smooth_window_len=5)
optimized = simulate_dipole(optim.net_, tstop=40.0)[0].scale(40).smooth(5)
plot_dipole([exp_dpl, optimized], show=False)
optim.plot_convergence(show=False)
assert optim.obj_[-1] <= optim.obj_[0]
