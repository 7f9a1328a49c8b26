"""Dipoles for a row of weights, and their peaks."""

import matplotlib.pyplot as plt
import numpy as np
from hnn_core import neymotin_2020_model
from hnn_core.batch_simulate import BatchSimulate

net = neymotin_2020_model(mesh_shape=(3, 3))


def set_params(param_values, net=None):
    weights = {"L2_basket": param_values["weight_basket"], "L2_pyramidal": param_values["weight_pyr"]}
    weights |= {"L5_basket": param_values["weight_basket"], "L5_pyramidal": param_values["weight_pyr"]}
    net.add_evoked_drive(
        "evprox", mu=20, sigma=5, numspikes=1, location="proximal", weights_ampa=weights, synaptic_delays=0.1
    )


def summary_func(results):
    return [{"min_peak": r["dpl"][0].data["agg"].min(), "max_peak": r["dpl"][0].data["agg"].max()} for r in results]


grid = {"weight_basket": np.logspace(-4, -1, 6), "weight_pyr": np.logspace(-4, -1, 6)}
batch = BatchSimulate(net=net, set_params=set_params, summary_func=summary_func, tstop=50.0)
out = batch.run(grid, n_jobs=2, combinations=False, backend="loky")
fig, (waves, peaks) = plt.subplots(1, 2)
for result in out["simulated_data"]:
    waves.plot(result["dpl"][0].times, result["dpl"][0].data["agg"])
(summary,) = out["summary_statistics"]
peaks.semilogx(grid["weight_pyr"], [row["max_peak"] for row in summary])
assert len(summary) == 6
