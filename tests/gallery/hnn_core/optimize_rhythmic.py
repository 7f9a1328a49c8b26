"""Power between 8 and 30 Hz made large."""

from hnn_core import neymotin_2020_model, simulate_dipole
from hnn_core.optimization import Optimizer
from hnn_core.viz import plot_psd

net = neymotin_2020_model()


def set_params(net, params):
    for side in ("proximal", "distal"):
        net.add_bursty_drive(
            f"{side}_rhythm",
            tstart=0.0,
            burst_rate=10,
            burst_std=params[f"{side}_std"],
            numspikes=2,
            spike_isi=10,
            n_drive_cells=10,
            location=side,
            weights_ampa={"L2_pyramidal": params[f"{side}_weight"], "L5_pyramidal": params[f"{side}_weight"]},
        )


constraints = {f"{side}_{what}": bounds for side in ("proximal", "distal") for what, bounds in
               (("std", (5.0, 30.0)), ("weight", (1e-5, 1e-4)))}  # fmt: skip
optim = Optimizer(
    net,
    tstop=150.0,
    constraints=constraints,
    set_params=set_params,
    solver="cobyla",
    obj_fun="maximize_psd",
    max_iter=8,
)
optim.fit(f_bands=[(8, 15), (15, 30)], relative_bandpower=(1, 2))
dpl = simulate_dipole(optim.net_, tstop=150.0)[0]
dpl.plot(show=False)
plot_psd(dpl, fmin=2, fmax=60, show=False)
optim.plot_convergence(show=False)
