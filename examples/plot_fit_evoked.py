"""
Fit an evoked response
======================

When did the input arrive, and how strong was it? We take a dipole whose parameters we know, forget two times and a
weight, and let a fit find them again.
"""

# %%
# A response to fit
# -----------------
# The target is the mean of ten trials of a small column, smoothed and scaled as a recording would be. The drives of
# parameter files fire alike in every run; without event seeds of their own, their spikes depend on the run's seed.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import hnnlib
from hnnlib import viz

net = hnnlib.jones_2009_model(
    hnnlib.read_params(hnnlib.param_file("default")), add_drives_from_params=True, mesh_shape=(3, 3)
)
for drive in ("evprox1", "evdist1", "evprox2"):
    net.put(f"drives.{drive}.event_seed", None)

truth = {
    "drives.evprox1.mu": 31.0,
    "drives.evdist1.mu": 58.0,
    "drives.evprox1.weights.L5_pyramidal.ampa": 0.02,
}
recorded = net.copy()
for path, value in truth.items():
    recorded.put(path, value)
dipole = hnnlib.simulate(recorded, tstop=90.0, dt=0.05, n_trials=10, seed=1).dipole.smooth(15).scale(3000)
target = hnnlib.Target(dipole.times[::20], dipole.data["agg"][::20], n_averaged=10)

# %%
# What may change, and what is to be small
# ----------------------------------------
# Each free parameter is a path into the network with bounds. The weight is searched on a logarithmic scale. Every
# evaluation simulates the same two trials, from another seed than the target. Where all times, spreads and weights of
# some drives are to be free, ``hnnlib.free_of_drives(net, ["evprox1", "evdist1"])`` lists them.

free = [
    hnnlib.Free("drives.evprox1.mu", 20.0, 40.0),
    hnnlib.Free("drives.evdist1.mu", 50.0, 75.0),
    hnnlib.Free("drives.evprox1.weights.L5_pyramidal.ampa", 0.002, 0.1, scale="log"),
]
objective = hnnlib.RMSE(target, smooth=15, scale=3000.0)
problem = hnnlib.Problem(net, free, objective, tstop=90.0, dt=0.05, n_trials=2)

# %%
# The fit
# -------
# Every evaluation is kept as it ends: a fit that was stopped goes on with ``resume=True``, and `read_fit` reads what is
# there, while it runs, too.

file = Path(tempfile.mkdtemp()) / "fit.h5"
fit = hnnlib.fit(problem, hnnlib.optimization.Regression(samples=24), max_trials=200, out=file)
print(hnnlib.read_fit(file).summary())
for path, value in truth.items():
    print(f"{path}: {fit.best[path]:.4g}, in truth {value:.4g}")

# %%
# It starts from the published parameters and ends close to the target.

viz.plot_fit(fit)

# %%
# Evaluations come in spreads around the best so far, closer and closer.

viz.plot_convergence(fit)
plt.show()
