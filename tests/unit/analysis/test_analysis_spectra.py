"""Spectra against signals whose spectrum is known, and against MNE-Python where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.analysis import band_power, morlet, psd, tfr_morlet, tfr_multitaper
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

SFREQ = 1000.0
T = np.arange(4000) / SFREQ
RNG = np.random.default_rng(7)
# variance 9 over the one-sided 500 Hz
NOISE = 3.0 * RNG.normal(size=(40, 4000))
NOISE_LEVEL = 9.0 / 500.0


def sine(frequency: float, amplitude: float) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * T + 0.3)


# ------------------------------------------------------------------------------------------------ density


@pytest.mark.parametrize("window", ["boxcar", "hamming"])
def test_a_sine_in_the_periodogram(window):
    """At a frequency of the transform: the peak is there, and what is around it is the sine's power, A²/2."""
    freqs, power = psd(sine(12.0, 5.0), SFREQ, window=window)
    assert freqs[1] == 0.25
    assert freqs[np.argmax(power)] == 12.0
    assert band_power(freqs, power, 10.0, 14.0) == pytest.approx(12.5, rel=1e-3)
    # a window spreads the power over 1/4 s times its noise bandwidth: 1 for boxcar, 1.363 for Hamming
    assert power.max() == pytest.approx(12.5 / (0.25 * {"boxcar": 1.0, "hamming": 1.363}[window]), rel=1e-3)


def test_a_sine_in_welchs_estimate():
    freqs, power = psd(sine(12.0, 5.0), SFREQ, method="welch", segment_len=1000.0, overlap=0.5)
    assert freqs[1] == 1.0
    assert freqs[np.argmax(power)] == 12.0
    assert band_power(freqs, power, 8.0, 16.0) == pytest.approx(12.5, rel=1e-3)


@pytest.mark.parametrize("method", ["periodogram", "welch"])
def test_white_noise_is_flat_at_its_level(method):
    freqs, power = psd(NOISE, SFREQ, method=method)
    assert power.shape == (40, freqs.size)
    low, high = (power[:, (freqs > a) & (freqs < b)].mean() for a, b in ((5, 250), (250, 495)))
    # 40 trials of some 1000 frequencies each: the means scatter by about 0.5 %
    assert low == pytest.approx(NOISE_LEVEL, rel=0.02)
    assert high == pytest.approx(NOISE_LEVEL, rel=0.02)


@given(st.lists(st.floats(-100, 100), min_size=4, max_size=80), st.floats(1.0, 1e5))
def test_parseval(values, sfreq):
    """The sum over frequencies is the variance, for any trace, even and odd lengths."""
    freqs, power = psd(values, sfreq, window="boxcar")
    variance = np.var(values)
    assert power.sum() * freqs[1] == pytest.approx(variance, rel=1e-9, abs=1e-9)


def test_range_of_frequencies():
    freqs, power = psd(NOISE[0], SFREQ, fmin=10.0, fmax=20.0)
    everything = psd(NOISE[0], SFREQ)
    assert (freqs[0], freqs[-1], freqs.size) == (10.0, 20.0, 41)
    np.testing.assert_array_equal(power, everything[1][40:81])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "wech"}, "'wech' is no method of spectral density .* did you mean 'welch'"),
        ({"fmin": -1.0}, "fmin: -1.0 must be >= 0 Hz"),
        ({"fmin": 20.0, "fmax": 10.0}, "fmax: 10.0 must be > fmin, 20 Hz"),
        ({"window": "hammer"}, "window: 'hammer' must be a window function"),
        ({"method": "welch", "segment_len": 5000.0}, r"segment_len: 5000.0 must have 4 to 4000 samples .* it has 5000"),
        ({"method": "welch", "overlap": 1.0}, "overlap: 1.0 must be >= 0 and < 1"),
    ],
)
def test_bad_options_of_psd(options, message):
    with pytest.raises(InvalidValue, match=message):
        psd(NOISE[0], SFREQ, **options)


def test_bad_traces():
    for function in (psd, lambda x, f: tfr_morlet(x, f, [10.0])):
        with pytest.raises(InvalidType, match="data: 'abc' must be an array of numbers"):
            function("abc", SFREQ)
        with pytest.raises(InvalidValue, match=r"data.shape: \(1,\) must be \(..., n_times\)"):
            function([1.0], SFREQ)
        with pytest.raises(InvalidValue, match="data: nan must be finite"):
            function([1.0, np.nan, 2.0, 3.0], SFREQ)
        with pytest.raises(InvalidValue, match="sfreq: 0 must be > 0 Hz"):
            function(NOISE[0], 0)


# ------------------------------------------------------------------------------------------------ bands


def test_bands_side_by_side_add_up():
    freqs, power = psd(NOISE[:3], SFREQ)
    whole = band_power(freqs, power, 3.1, 47.3)
    parts = band_power(freqs, power, 3.1, 13.7) + band_power(freqs, power, 13.7, 47.3)
    assert whole.shape == (3,)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    relative = band_power(freqs, power, 3.1, 47.3, relative=True)
    np.testing.assert_allclose(relative * band_power(freqs, power, freqs[0], freqs[-1]), whole, rtol=1e-12)


def test_band_of_a_straight_density():
    f = np.array([0.0, 1.0, 4.0, 10.0])
    assert band_power(f, 2 * f, 0.5, 9.0) == pytest.approx(81.0 - 0.25)


def test_bands_that_are_none():
    f = np.arange(10.0)
    for band in ((-1.0, 5.0), (5.0, 5.0), (2.0, 9.5)):
        with pytest.raises(InvalidValue, match=r"band: .* must rise, within 0 to 9 Hz"):
            band_power(f, f, *band)
    with pytest.raises(InvalidValue, match=r"power.shape"):
        band_power(f, f[:-1], 1.0, 2.0)
    with pytest.raises(InvalidValue, match=r"freqs: .* must rise"):
        band_power(f[::-1], f, 1.0, 2.0)


# ------------------------------------------------------------------------------------------------ over time


@pytest.mark.parametrize("n_cycles", [4.0, 7.0])
def test_a_sine_in_wavelets(n_cycles):
    """At its frequency and away from the ends the power is A² √π σ; elsewhere less; the phase is the sine's."""
    freqs = np.array([20.0, 25.0, 30.0])
    power = tfr_morlet(sine(25.0, 2.0), SFREQ, freqs, n_cycles)
    assert power.shape == (3, 4000)
    inner = power[:, 1000:3000]
    np.testing.assert_allclose(inner[1], 4.0 * np.sqrt(np.pi) * n_cycles / (2 * np.pi * 25.0), rtol=1e-3)
    assert (inner[1] > 1.5 * inner[[0, 2]]).all()
    phase = np.angle(morlet(sine(25.0, 2.0), SFREQ, 25.0, n_cycles)[0, 1000:3000])
    turned = np.angle(np.exp(1j * (phase - (2 * np.pi * 25.0 * T[1000:3000] + 0.3 - np.pi / 2))))
    assert np.abs(turned).max() < 1e-3


@pytest.mark.parametrize("transform", [tfr_morlet, tfr_multitaper])
def test_white_noise_over_time_has_the_level_of_its_density(transform):
    power = transform(NOISE, SFREQ, [20.0, 60.0, 150.0])[..., 1000:3000]
    # the slowest frequency has some 40 x 15 independent windows
    np.testing.assert_allclose(power.mean(axis=(0, 2)), NOISE_LEVEL, rtol=0.1)


@pytest.mark.parametrize(("transform", "resolution"), [(tfr_morlet, 0.0), (tfr_multitaper, 2 * 40.0 / 7)])
def test_a_burst_is_found_when_it_is(transform, resolution):
    burst = sine(40.0, 1.0) * np.exp(-(((T - 2.5) / 0.1) ** 2))
    power = transform(burst, SFREQ, np.arange(20.0, 80.0, 5.0))
    frequency, time = np.unravel_index(np.argmax(power), power.shape)
    # tapers are flat over half a band of 2/T, here 7 periods
    assert abs(np.arange(20.0, 80.0, 5.0)[frequency] - 40.0) <= resolution
    assert abs(T[time] - 2.5) < 0.01


@pytest.mark.parametrize("transform", [tfr_morlet, tfr_multitaper])
def test_a_constant_has_no_power(transform):
    found = transform(np.full(4000, 5.0), SFREQ, [10.0, 40.0])[:, 1500:2500]
    assert found.max() < 1e-12  # of 25: the wavelet's mean is taken off by its formula, not by its samples


def test_a_mirror_keeps_the_level_at_the_ends():
    x = np.cos(2 * np.pi * 25.0 * T[:1001])  # even about both ends
    level = np.sqrt(np.pi) * 7 / (2 * np.pi * 25.0)
    mirrored = tfr_morlet(x, SFREQ, 25.0, padding="mirror")[0]
    np.testing.assert_allclose(mirrored, level, rtol=1e-3)
    assert tfr_morlet(x, SFREQ, 25.0)[0, 0] < 0.5 * level


def test_wavelets_may_be_longer_than_the_trace():
    x = sine(10.0, 1.0)[:170]
    for padding in ("zeros", "mirror"):
        assert tfr_morlet(x, SFREQ, [5.0, 10.0], padding=padding).shape == (2, 170)
        assert tfr_multitaper(x, SFREQ, [5.0, 10.0], padding=padding).shape == (2, 170)


def test_cycles_for_each_frequency():
    freqs = np.array([10.0, 40.0])
    both = tfr_morlet(NOISE[:2], SFREQ, freqs, freqs / 4)
    for k in range(2):
        np.testing.assert_array_equal(both[:, [k]], tfr_morlet(NOISE[:2], SFREQ, freqs[k], freqs[k] / 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freqs": [10.0, 0.0]}, r"freqs\[1\]: 0.0 must be > 0 and <= 500 Hz"),
        ({"freqs": [501.0]}, r"freqs\[0\]: 501.0 must be > 0"),
        ({"freqs": [10.0, 20.0], "n_cycles": [1.0, -1.0]}, r"n_cycles\[1\]: -1.0 must be > 0"),
        ({"freqs": [10.0], "n_cycles": [1.0, 2.0]}, "n_cycles: .* one for each of 1 frequencies"),
    ],
)
def test_bad_frequencies(options, message):
    for transform in (tfr_morlet, tfr_multitaper):
        with pytest.raises(InvalidValue, match=message):
            transform(NOISE[0], SFREQ, **options)


def test_bad_paddings_and_tapers():
    with pytest.raises(UnknownName, match=r"'zero' is no padding .* did you mean 'zeros'"):
        tfr_morlet(NOISE[0], SFREQ, 10.0, padding="zero")
    with pytest.raises(InvalidValue, match=r"time_bandwidth: 1.9 must be >= 2"):
        tfr_multitaper(NOISE[0], SFREQ, 10.0, time_bandwidth=1.9)
    with pytest.raises(InvalidValue, match=r"n_cycles: 1.0 leaves 3 samples at 400 Hz"):
        tfr_multitaper(NOISE[0], SFREQ, 400.0, n_cycles=1.0)


# ------------------------------------------------------------------------------------------------ beside MNE-Python

FREQS = np.array([8.0, 13.0, 25.0, 40.0, 80.0])


@pytest.fixture(scope="module")
def time_frequency():
    # since 1.10 tapers are weighted by their concentration
    return pytest.importorskip("mne", minversion="1.10").time_frequency


@pytest.mark.parametrize("n_cycles", [7.0, FREQS / 4])
def test_wavelets_equal_mnes(time_frequency, n_cycles):
    theirs = time_frequency.tfr_array_morlet(NOISE[None, :3], SFREQ, FREQS, n_cycles, output="power")[0]
    np.testing.assert_allclose(tfr_morlet(NOISE[:3], SFREQ, FREQS, n_cycles), theirs / SFREQ, rtol=1e-9)


@pytest.mark.parametrize("n_cycles", [7.0, FREQS / 4])
def test_tapers_equal_mnes(time_frequency, n_cycles):
    theirs = time_frequency.tfr_array_multitaper(
        NOISE[None, :3], SFREQ, FREQS, n_cycles, time_bandwidth=4.0, output="power"
    )[0]
    # MNE's power of several tapers has twice the scale of its wavelets'
    np.testing.assert_allclose(tfr_multitaper(NOISE[:3], SFREQ, FREQS, n_cycles), theirs / (2 * SFREQ), rtol=1e-9)


def test_welchs_estimate_equals_mnes(time_frequency):
    theirs, freqs = time_frequency.psd_array_welch(NOISE[:3], SFREQ, n_fft=500, n_overlap=250, verbose="ERROR")
    ours = psd(NOISE[:3], SFREQ, method="welch", segment_len=500.0, overlap=0.5)
    np.testing.assert_array_equal(ours[0], freqs)
    np.testing.assert_allclose(ours[1], theirs, rtol=1e-9)
