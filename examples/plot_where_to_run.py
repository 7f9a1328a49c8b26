"""
Where to run, with the same numbers
===================================

A script says what to simulate. Where it is computed is one line more: in this process, on all cores, by MPI, on a
cluster; by the fast engine or by NEURON. The numbers are the same everywhere, which we check here instead of asking you
to believe it.
"""

# %%
# Here, one trial after the other
# -------------------------------
# Without a word about it, trials run in this process, on the fast engine where it supports the network.

import time

import matplotlib.pyplot as plt
import numpy as np

import hnnlib

net = hnnlib.jones_2009_model(add_drives_from_params=True, mesh_shape=(3, 3))
TSTOP, N_TRIALS = 100.0, 4
print("engines:", *hnnlib.ENGINES, "| launchers:", *hnnlib.LAUNCHERS)

took, results = {}, {}


def run(label, **where):
    start = time.perf_counter()
    results[label] = hnnlib.simulate(net, tstop=TSTOP, n_trials=N_TRIALS, **where)
    took[label] = time.perf_counter() - start


run("this process")

# %%
# On several cores
# ----------------
# joblib starts worker processes and deals out the trials. The fast engine can use threads, too, which start at once.

with hnnlib.JoblibBackend(n_jobs=2):
    run("joblib")
run("threads", engine=hnnlib.FastEngine(threads=2))

# %%
# By MPI
# ------
# ``pip install 'hnnlib[mpi]'`` brings an MPI; clusters have one. With NEURON even the cells of one trial can be spread.

try:
    with hnnlib.MPIBackend(n_procs=2):
        run("MPI")
except hnnlib.MPIUnavailable as error:
    print(f"left out: {error}")

# %%
# On a cluster with Dask the same line reads ``with hnnlib.DaskBackend(client):``.
#
# Another engine
# --------------
# NEURON computes the same model. It is slower, and takes any mechanism.

run("NEURON", engine=hnnlib.NeuronEngine())

# %%
# The same numbers
# ----------------
# Spikes are identical. Dipoles of one engine are identical, too; between engines they differ by what the order of
# additions and the resampling of rate tables make of the last digits.

reference = results["this process"]
peak = max(np.abs(dipole.data["agg"]).max() for dipole in reference.dipoles)
for label, result in results.items():
    same = all(
        np.array_equal(a, b) for a, b in zip(reference.cell_response.spike_gids, result.cell_response.spike_gids)
    )
    off = max(np.abs(a.data["agg"] - b.data["agg"]).max() for a, b in zip(reference.dipoles, result.dipoles))
    print(f"{label:13} same cells fire: {same}; largest difference of dipoles: {off / peak:.1e} of the peak")

_, axes = plt.subplots(1, 2, figsize=(10.0, 3.4), layout="constrained")
for label, result in results.items():
    result.dipole.copy().smooth(10).plot(ax=axes[0], label=label, color=f"C{list(results).index(label)}", show=False)
axes[0].set_title("mean dipole, all places over each other")
axes[1].barh(list(took), list(took.values()), color=[f"C{k}" for k in range(len(took))])
axes[1].set(xlabel="Time by the clock (s)", title="four trials of a small column")
axes[1].invert_yaxis()
plt.show()

# %%
# For a column as small as this, starting workers takes longer than the trials; with hundreds of trials it doesn't
# matter any more. Many networks in place of many trials go to :func:`hnnlib.simulate_many`, which spreads whole
# networks in the same way.
