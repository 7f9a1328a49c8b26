"""
How sure is a fit?
==================

A fit gives one set of parameters. Often others make nearly the same response: a drive may come earlier and be stronger,
and who sees the dipole alone can't tell. Here we simulate a "recording" whose parameters we know, fit it, and ask how
far each parameter may be from the fit.
"""

# %%
# A recording with known parameters
# ---------------------------------
# A small column, two drives, and three parameters to be found: when the first drive comes, how scattered it is, and how
# strongly it excites the cells of layer 5. The recording is the mean of 40 trials.

import hnnlib as hn
from hnnlib import viz
from hnnlib.optimization import intervals, simulate_waveforms

net = hn.jones_2009_model(mesh_shape=(3, 3))
net.add_evoked_drive(
    "thalamus",
    mu=25.0,
    sigma=3.0,
    numspikes=1,
    location="proximal",
    weights_ampa={"L2_pyramidal": 0.01, "L5_pyramidal": 0.012},
    synaptic_delays={"L2_pyramidal": 0.1, "L5_pyramidal": 1.0},
)
run = {"tstop": 70.0, "dt": 0.05, "engine": "fast"}

recorded = hn.simulate(net, n_trials=40, seed=100, **run).dipole.smooth(15).scale(3000)
target = hn.Target(recorded.times[:-1:20], recorded.data["agg"][:-1:20], name="known", n_averaged=40)
print(target)

# %%
# ``n_averaged`` says how many trials the mean is of: the fewer, the more of it is chance. Recordings come from text or
# CSV files by :func:`hnnlib.read_target`, and from MNE-Python by ``Target.from_mne``, with unit and sign stated.
#
# A fit
# -----
# The simulations have other random drives (another seed) than the recording, as any recording has.

free = [
    hn.Free("drives.thalamus.mu", 15.0, 35.0, start=20.0),
    hn.Free("drives.thalamus.sigma", 1.0, 6.0, start=2.0),
    hn.Free("drives.thalamus.weights.L5_pyramidal.ampa", 0.004, 0.04, "log"),
    hn.Free("drives.thalamus.weights.L2_pyramidal.ampa", 0.003, 0.03, "log"),
]
problem = hn.Problem(net, free, hn.RMSE(target, smooth=15, scale=3000), n_trials=2, seed=1, **run)
fit = hn.fit(problem, hn.optimization.Regression(samples=32), max_trials=260)
print(fit.summary())

# %%
# Intervals
# ---------
# :func:`hnnlib.optimization.intervals` simulates around the fit and compares how far the residuals are from zero with
# how far chance takes the mean of 40 trials. Nothing but numpy and scipy is needed.

sure = intervals(problem, fit, n_trials=3, n_points=24, rounds=2, seed=2)
print(sure.summary())

known = [25.0, 3.0, 0.012, 0.01]
viz.plot_intervals(sure, truth=known)

# %%
# A parameter whose bar fills its row is not told by the recording. How parameters stand in for each other shows where
# two are drawn together.

viz.plot_pairs(sure.samples, sure.space, truth=dict(zip(sure.names, known)))

# %%
# What do the draws predict? Each is a set of parameters that the recording does not speak against, simulated with
# random drives of its own.

waveforms = simulate_waveforms(problem, sure.samples[::400], n_trials=5, seed=3)
viz.plot_predictive(problem.objective.times, waveforms, target=problem.objective.data)
