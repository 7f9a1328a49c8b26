"""
A simulated and a recorded response
===================================

How close is a model to a recording, and what should be changed? Here the "recording" is made by the script itself, so
that we know the truth: the default column, with a later distal input and with noise. Any file with times and moments
takes its place.
"""

# %%
# The recording
# -------------
# A text file with two columns, as HNN's programs write them: time (ms), dipole moment (nAm). Six hundred samples a
# second, noise of the kind that averaging leaves.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hnnlib
from hnnlib import analysis, viz

net = hnnlib.jones_2009_model(add_drives_from_params=True)
hidden = net.copy()
hidden.external_drives["evdist1"]["dynamics"]["mu"] = 75.0
truth = hnnlib.average_dipoles(hnnlib.simulate(hidden, tstop=170.0, n_trials=2, seed=99).dipoles).smooth(30).scale(3000)

times = np.arange(0.0, 170.0, 1000.0 / 600.0)
noise = np.random.default_rng(5).normal(0.0, 20.0, len(times))
noise = analysis.smooth_waveform(noise, 6.0, 600.0)
file = Path(tempfile.mkdtemp()) / "recorded.txt"
np.savetxt(file, np.column_stack([times, np.interp(times, truth.times, truth.data["agg"]) + noise]), fmt="%.4f")

recorded = hnnlib.read_dipole(file)
print(recorded, f"{recorded.sfreq:.0f} Hz")

# %%
# Noise above 30 Hz can be taken away: ``savgol_filter`` for arrays, or the method of the same name of a dipole.

clean = recorded.copy()
clean.data["agg"] = analysis.savgol_filter(recorded.data["agg"], 30.0, recorded.sfreq)

_, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
recorded.plot(ax=ax, color="0.7", show=False)
clean.plot(ax=ax, color="k", show=False)
plt.show()

# %%
# How far is the model?
# ---------------------
# Simulated dipoles are smoothed and scaled as in the published fit. Each trace keeps its own time axis.

simulated = [d.smooth(30).scale(3000) for d in hnnlib.simulate(net, tstop=170.0, n_trials=3).dipoles]
viz.plot_comparison(simulated, clean)

# %%
# :func:`hnnlib.analysis.compare` returns a :class:`hnnlib.analysis.Comparison`. With ``max_lag`` it also tries whether
# the simulation fits better earlier or later.

mean = hnnlib.average_dipoles(simulated)
pair = (mean.times, mean.data["agg"], clean.times, clean.data["agg"])
print(analysis.compare(*pair))
print(analysis.compare(*pair, max_lag=20.0))

# %%
# Shifting the whole response helps only so far: its early part was right. Weights can say which part of the trace
# counts; here the trough alone.

trough = np.exp(-0.5 * ((mean.times - 80.0) / 15.0) ** 2)
for label, weights in (("all", None), ("the trough", trough)):
    print(
        f"{label}: RMSE {analysis.rmse(*pair, weights=weights):.1f} nAm, "
        f"r = {analysis.correlation(*pair, weights=weights):.2f}, "
        f"1 - r = {analysis.anticorrelation(*pair, weights=weights):.2f}"
    )

# %%
# Moving one input
# ----------------
# The trough follows the distal input, so we move that one, in ten variants of the network. One call simulates all; they
# share compiled code.

mus = np.arange(55.0, 92.0, 4.0)
variants = []
for mu in mus:
    variant = net.copy()
    variant.put("drives.evdist1.mu", float(mu))
    variants.append(variant)
results = hnnlib.simulate_many(variants, tstop=170.0, n_trials=2, engine=hnnlib.FastEngine(threads=2))
scan = [hnnlib.average_dipoles(result.dipoles).smooth(30).scale(3000) for result in results]
errors = [analysis.rmse(d.times, d.data["agg"], clean.times, clean.data["agg"]) for d in scan]

_, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
ax.plot(mus, errors, "o-", color="k")
ax.axvline(75.0, color="tab:red", ls="--", label="the hidden truth")
ax.set(xlabel="Mean time of the distal input (ms)", ylabel="RMSE (nAm)", ylim=(0, None))
ax.legend(frameon=False)
plt.show()

best = int(np.argmin(errors))
print(f"the best of them is {mus[best]:g} ms")
viz.plot_comparison(scan[best], clean)

# %%
# Many parameters at once are the business of the optimizers.
