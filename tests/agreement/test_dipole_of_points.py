"""The dipole of point cells: exact from a replay on detailed cells, close from kernels, given the true spikes."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.nest.estimate import beyond_training, estimate
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.compile.estimate import with_dipole
from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.plan.tables import Plan
from hnnlib.results.records import TrialRecord
from hnnlib.spec.network import Electrodes
from hnnlib.spec.run import Record, RunSpec


def spikes_of_cells(plan: Plan, trial: TrialRecord) -> tuple[np.ndarray, np.ndarray]:
    cells = trial.spike_gids < plan.n_cells
    return trial.spike_times_ms[cells], trial.spike_gids[cells]


@pytest.mark.parametrize(
    ("engine", "tolerance"), [(FastEngine(), 1e-12), (NeuronEngine(), 0.0)], ids=["fast", "neuron"]
)
def test_replay_of_a_run_is_that_run(small_column, engine, tolerance: float) -> None:
    """On the fast engine events of one step reach a synapse in another order: that is rounding, and all there is."""
    network = attrs.evolve(small_column, electrodes={"e": Electrodes(positions=[(100, 100, 400)])})
    record = Record(vsec=("apical_tuft",), isec=("soma",), cell_dipoles=True, every=10)
    plan = compile_plan(network, RunSpec(tstop=80.0, record=record))
    trial = engine.run(plan, [0]).trials[0]
    assert np.count_nonzero(trial.spike_gids < plan.n_cells) > 50
    asked = with_dipole(attrs.evolve(plan, probes=()), plan, "replay")
    found = estimate(asked, {0: spikes_of_cells(plan, trial)}, engine)[0]
    assert set(found) == {"dipole", "cell_dipoles", "vsec", "isec", "electrodes:e"}
    for name, samples in trial.samples.items():
        off = np.abs(found[name] - samples).max()
        assert off <= tolerance * np.abs(samples).max(), name


def test_replay_at_the_samples_of_a_coarser_run(small_column) -> None:
    plan = compile_plan(small_column, RunSpec(tstop=60.0))
    trial = FastEngine().run(plan, [0]).trials[0]
    reduced = attrs.evolve(plan, probes=(), run=attrs.evolve(plan.run, dt_ms=0.1))
    found = estimate(with_dipole(reduced, plan, "replay"), {0: spikes_of_cells(plan, trial)})[0]["dipole"]
    assert found.shape == (601, 2)
    np.testing.assert_allclose(found, trial.samples["dipole"][::4], rtol=0, atol=1e-12 * np.abs(found).max())


@pytest.fixture(scope="module")
def unseen(default_params) -> tuple[Plan, list[TrialRecord]]:
    """Two trials of the evoked response on a 6 by 6 mesh, of a seed that no kernel was fitted to."""
    network = add_drives(neymotin_2020(default_params, (6, 6)), default_params)
    drives = {name: attrs.evolve(drive, event_seed=None) for name, drive in network.drives.items()}
    plan = compile_plan(attrs.evolve(network, drives=drives), RunSpec(tstop=170.0, n_trials=2, seed=20261122))
    return plan, list(FastEngine().run(plan, [0, 1]).trials)


def test_kernels_with_true_spikes(unseen: tuple[Plan, list[TrialRecord]]) -> None:
    plan, trials = unseen
    asked = with_dipole(attrs.evolve(plan, probes=()), plan, "kernel")
    assert asked.estimate.warnings == ()
    assert beyond_training(asked, trials) == []
    found = estimate(asked, {t.trial: spikes_of_cells(plan, t) for t in trials})
    window = np.hamming(round(30.0 / plan.run.dt_ms))
    window /= window.sum()
    ranges = plan.populations.gid_ranges
    rest = [
        len(ranges[b.population]) * np.interp(170.0, b.kernels.rest_ms, b.kernels.rest_fAm)
        for b in asked.estimate.kernels
    ]
    for trial in trials:
        moments = [trial.samples["dipole"][1:] - rest, found[trial.trial]["dipole"][1:] - rest]
        by_layer = [[np.convolve(m, window, "same") for m in (*moment.T, moment.sum(axis=1))] for moment in moments]
        for name, true, guess in zip(("L2", "L5", "agg"), *by_layer, strict=True):
            explained = 1.0 - ((true - guess) ** 2).sum() / ((true - true.mean()) ** 2).sum()
            assert explained > 0.85, name


def test_kernels_at_rest_are_the_cells_own_dipole(small_column) -> None:
    plan = compile_plan(attrs.evolve(small_column, drives={}), RunSpec(tstop=60.0))
    trial = FastEngine().run(plan, [0]).trials[0]
    asked = with_dipole(attrs.evolve(plan, probes=()), plan, "kernel")
    found = estimate(asked, {0: spikes_of_cells(plan, trial)})[0]["dipole"]
    true = trial.samples["dipole"]
    assert np.abs(found - true)[40:].max() < 1e-3 * np.abs(true).max()
