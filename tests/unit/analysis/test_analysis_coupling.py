"""Phase-amplitude coupling and spikes in a field, on signals that were made with a known coupling."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis import pairwise_phase_consistency, phase_amplitude_coupling, spike_field_coherence
from hnnlib.base.errors import InvalidType, InvalidValue

SFREQ = 1000.0
T = np.arange(10_000) / SFREQ
SLOW = 2 * np.pi * 6.0 * T


def modulated(depth: float) -> np.ndarray:
    """A 6 Hz rhythm and a 60 Hz one that is largest at the slow one's peaks."""
    fast = (1 + depth * np.cos(SLOW)) * np.cos(2 * np.pi * 60.0 * T)
    return np.cos(SLOW) + 0.3 * fast


def drifting(depth: float) -> np.ndarray:
    """The same in noise, with a slow rhythm whose phase wanders, as a brain's does."""
    rng = np.random.default_rng(3)
    phase = SLOW + np.cumsum(rng.normal(size=T.size)) * 0.06
    fast = (1 + depth * np.cos(phase)) * np.cos(2 * np.pi * 60.0 * T)
    return np.cos(phase) + 0.3 * fast + 0.5 * rng.normal(size=T.size)


def couple(x, **options):
    return phase_amplitude_coupling(x, SFREQ, (4.0, 8.0), (45.0, 75.0), **options)


# ------------------------------------------------------------------------------------------------ phase and amplitude


@pytest.mark.parametrize("depth", [0.3, 0.8])
def test_known_coupling(depth):
    """The amplitude in a bin is 1 + m cos(phase): bins and index follow."""
    found = couple(modulated(depth))
    expected = 1 + depth * np.cos(found.phases)
    expected /= expected.sum()
    # the band-pass passes the side bands at 54 and 66 Hz almost whole; 5 % of the mean are left
    np.testing.assert_allclose(found.amplitudes, expected, atol=0.05 / 18)
    index = 1 + (expected * np.log(expected)).sum() / np.log(18)
    assert found.modulation_index == pytest.approx(index, rel=0.1)
    assert found.phases[np.argmax(found.amplitudes)] == pytest.approx(0.0, abs=0.2)


def test_no_coupling():
    assert couple(modulated(0.0)).modulation_index < 1e-5


def test_all_amplitude_in_one_bin_is_an_index_of_one():
    bursts = np.cos(SLOW) + 0.3 * (np.cos(SLOW) > 0.999) * np.cos(2 * np.pi * 200.0 * T)
    found = phase_amplitude_coupling(bursts, SFREQ, (4.0, 8.0), (100.0, 300.0), n_bins=4)
    assert 0.3 < found.modulation_index <= 1.0


def test_surrogates_tell_coupling_from_chance():
    coupled, chance = couple(drifting(0.5), n_surrogates=99, seed=4), couple(drifting(0.0), n_surrogates=99)
    assert coupled.surrogates.shape == (99,)
    assert coupled.p_value == pytest.approx(0.01)
    assert coupled.z_score > 5
    assert chance.p_value > 0.05


def test_surrogates_come_from_the_seed():
    x = drifting(0.5)
    one, again, other = (couple(x, n_surrogates=5, seed=seed).surrogates for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.isnan(couple(x).p_value)
    assert np.isnan(couple(x, n_surrogates=1).z_score)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"phase_band": (8.0, 4.0)}, r"phase_band: \(8.0, 4.0\) must rise, above 0 and below 500 Hz"),
        ({"amplitude_band": (45.0, 600.0)}, "amplitude_band: .* must rise"),
        ({"phase_band": (0.05, 0.09)}, "phase_band: .* hold no period of 0.05 Hz"),
        ({"phase_band": 6.0}, "phase_band: 6.0 must be two frequencies"),
        ({"n_bins": 1}, "n_bins: 1 must be >= 2"),
        ({"n_surrogates": 1.5}, "n_surrogates: 1.5 must be an integer"),
        ({"n_bins": 9000}, "leaves a bin of 9000 without a sample"),
    ],
)
def test_bad_options_of_coupling(options, message):
    with pytest.raises(InvalidValue, match=message):
        phase_amplitude_coupling(
            modulated(0.5), SFREQ, **{"phase_band": (4.0, 8.0), "amplitude_band": (45.0, 75.0), **options}
        )


# ------------------------------------------------------------------------------------------------ spikes and field

TIMES = np.arange(0.0, 4000.0, 1.0)
FIELD = np.cos(2 * np.pi * 20.0 * TIMES / 1000.0)
PERIODS = 500.0 + 50.0 * np.arange(60)


def test_spikes_at_one_phase_are_consistent():
    spikes = PERIODS + 12.3
    found = pairwise_phase_consistency([spikes], TIMES, [FIELD], [20.0])
    np.testing.assert_allclose(found, 1.0, rtol=1e-6)


def test_consistency_of_two_phases_in_turn():
    """Of N spikes half are at phase 0, half at a quarter turn: |Σ|² = N²/2."""
    spikes = PERIODS + np.where(np.arange(60) % 2, 0.0, 12.5)
    n = 60
    expected = (n**2 / 2 - n) / (n * (n - 1))
    np.testing.assert_allclose(pairwise_phase_consistency([spikes], TIMES, [FIELD], 20.0), expected, rtol=1e-4)


def test_consistency_has_no_bias_with_few_spikes():
    rng = np.random.default_rng(5)
    field = np.broadcast_to(FIELD, (400, TIMES.size))
    found = [pairwise_phase_consistency([rng.uniform(500, 3500, 4)], TIMES, row[None], 20.0)[0] for row in field]
    # the standard error is 1/sqrt(2 * 6 pairs * 400 draws) = 0.014; a phase-locking value would be near 0.45
    assert abs(np.mean(found)) < 0.05


def test_consistency_over_trials():
    fields = np.array([FIELD, -FIELD])
    spikes = [PERIODS[:30], PERIODS[:30] + 25.0]  # the troughs of the second are where the peaks of the first are
    np.testing.assert_allclose(pairwise_phase_consistency(spikes, TIMES, fields, 20.0), 1.0, rtol=1e-6)


def test_consistency_without_spikes():
    assert np.isnan(pairwise_phase_consistency([[-5.0, 100.0, 1e6]], TIMES, [FIELD], [10.0, 20.0])).all()


def test_coherence_of_spikes_with_a_field():
    rng = np.random.default_rng(1)
    n_trials = 30
    phases = rng.uniform(0, 2 * np.pi, n_trials)
    fields = np.cos(2 * np.pi * 20.0 * TIMES / 1000.0 + phases[:, None]) + rng.normal(size=(n_trials, TIMES.size))
    # more spikes at the crests; the rate is 20 Hz on average
    rate = 0.02 * (1 + np.cos(2 * np.pi * 20.0 * TIMES / 1000.0 + phases[:, None]))
    spikes = [TIMES[rng.uniform(size=TIMES.size) < p] for p in rate]
    freqs, coherence = spike_field_coherence(spikes, TIMES, fields, segment_len=500.0)
    at = {f: coherence[np.argmin(np.abs(freqs - f))] for f in (20.0, 60.0, 100.0, 200.0)}
    assert freqs[np.argmax(coherence)] == 20.0
    assert at[20.0] > 0.5
    # 30 trials of 15 half-overlapping segments: chance is at most 1/240 on average
    assert max(at[f] for f in (60.0, 100.0, 200.0)) < 0.05


def test_coherence_of_a_field_with_its_own_events_is_one():
    """Spikes that are the field: its samples are 1 where a spike is."""
    rng = np.random.default_rng(2)
    spikes = np.sort(rng.choice(TIMES, 300, replace=False))
    field = np.isin(TIMES, spikes).astype(float)
    _, coherence = spike_field_coherence([spikes], TIMES, [field])
    np.testing.assert_allclose(coherence, 1.0, rtol=1e-9)


def test_coherence_without_spikes_is_not_known():
    assert np.isnan(spike_field_coherence([[]], TIMES, [FIELD])[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], TIMES, FIELD), r"data.shape: \(4000,\) must be \(n_trials, n_times\): \(1, 4000\)"),
        (([[1.0], [2.0]], TIMES, [FIELD]), "data.shape"),
        (([[1.0]], TIMES**1.1, [FIELD]), "(?s)times: .* must be evenly spaced"),
        (([[[1.0]]], TIMES, [FIELD]), r"spike_times\[0\].shape"),
    ],
)
def test_spikes_and_fields_that_do_not_fit(arguments, message):
    with pytest.raises(InvalidValue, match=message):
        pairwise_phase_consistency(*arguments, [20.0])


def test_segments_of_coherence():
    with pytest.raises(InvalidValue, match=r"segment_len: 5000.0 must have 4 to 4000 samples"):
        spike_field_coherence([[1.0]], TIMES, [FIELD], segment_len=5000.0)
    with pytest.raises(InvalidType, match="segment_len: 'x' must be a number"):
        spike_field_coherence([[1.0]], TIMES, [FIELD], segment_len="x")
