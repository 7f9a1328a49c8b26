"""What is done to a dipole or potential after a run, on the reference's own numbers: no simulator is needed."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis.csd import csd
from hnnlib.analysis.filters import smooth_waveform
from hnnlib.results.baseline import hnn_baseline
from hnnlib.results.dipole import Dipole

NETWORKS = ("net3x3_evoked", "net3x3_tonic", "net3x3_lfp", "jones_default_trial1")


def dipole_of(arrays, meta) -> Dipole:
    return Dipole(np.arange(meta["n_samples"]) * meta["dt_ms"], arrays["dipole_nAm"])


@pytest.mark.parametrize("name", NETWORKS)
def test_baseline(name, reference):
    arrays, meta = reference(name)
    times = np.arange(meta["n_samples"]) * meta["dt_ms"]
    n_x, n_y = meta["mesh_shape"]
    layers = [
        (arrays["dipole_raw_fAm"][:, i] - hnn_baseline(times, layer, n_x * n_y)) * 1e-6
        for i, layer in enumerate(("2", "5"))
    ]
    for i, moment in enumerate([layers[0] + layers[1], *layers]):
        np.testing.assert_allclose(moment, arrays["dipole_nAm"][:, i], rtol=0, atol=1e-16)


@pytest.mark.parametrize("name", ["net3x3_evoked", "jones_default_trial1"])
def test_smoothing_and_scaling(name, reference):
    arrays, meta = reference(name)
    dipole = dipole_of(arrays, meta).smooth(30.0).scale(3000.0)
    for i, component in enumerate(("agg", "L2", "L5")):
        np.testing.assert_allclose(dipole.data[component], arrays["dipole_post"][:, i], rtol=0, atol=1e-12)


def test_savitzky_golay(reference):
    arrays, meta = reference("jones_default_trial1")
    dipole = dipole_of(arrays, meta).savgol_filter(60.0)
    for i, component in enumerate(("agg", "L2", "L5")):
        np.testing.assert_allclose(dipole.data[component], arrays["dipole_savgol60"][:, i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("array", ["psa", "lsa"])
def test_current_source_density(array, reference):
    arrays, _ = reference("net3x3_lfp")
    found = csd(arrays[f"lfp64_dec20__{array}"], 500.0)
    np.testing.assert_allclose(found, arrays[f"csd64_dec20__{array}"], rtol=0, atol=1e-18)


@pytest.mark.parametrize("array", ["psa", "lsa"])
def test_smoothing_of_potentials(array, reference):
    """From the potentials in single precision: the smoothed ones are within its rounding."""
    arrays, _ = reference("net3x3_lfp")
    for potential, expected in zip(arrays[f"lfp__{array}"], arrays[f"lfp64_smooth10_dec20__{array}"], strict=True):
        found = smooth_waveform(potential.astype(float), 10.0, 40_000.0)[::20]
        np.testing.assert_allclose(found, expected, rtol=0, atol=6e-8 * np.abs(potential).max())
