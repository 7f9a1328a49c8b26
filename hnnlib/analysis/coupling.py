"""Coupling of rhythms: of a slow one's phase with a fast one's amplitude, and of spikes with a field."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, rising_times, time_series
from hnnlib.analysis.spectra import morlet
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.seeds import independent_stream

__all__ = ["PhaseAmplitudeCoupling", "pairwise_phase_consistency", "phase_amplitude_coupling", "spike_field_coherence"]

FILTER_ORDER = 3
"""Order of the Butterworth band-pass filter, which runs forwards and backwards."""


@attrs.frozen(eq=False)
class PhaseAmplitudeCoupling:
    """How the amplitude of a fast rhythm hangs on the phase of a slow one.

    Parameters
    ----------
    modulation_index : float
        0 where the amplitude is the same at all phases, 1 where all of it is in one bin.
    phases : ndarray, shape (n_bins,)
        Centres of the bins (rad), from -π to π.
    amplitudes : ndarray, shape (n_bins,)
        Mean amplitude in each bin, as a part of their sum.
    surrogates : ndarray, shape (n_surrogates,)
        The modulation index of surrogates.
    """

    modulation_index: float
    phases: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    surrogates: NDArray[np.float64]

    @property
    def p_value(self) -> float:
        """Part of the surrogates that are at least as large, the data counted as one of them; NaN without any."""
        if not self.surrogates.size:
            return float("nan")
        return float((1 + np.sum(self.surrogates >= self.modulation_index)) / (1 + self.surrogates.size))

    @property
    def z_score(self) -> float:
        """Standard deviations of the surrogates above their mean; NaN with fewer than 2 surrogates."""
        if self.surrogates.size < 2:
            return float("nan")
        return float((self.modulation_index - self.surrogates.mean()) / self.surrogates.std(ddof=1))


def phase_amplitude_coupling(
    data: Any,
    sfreq: float,
    phase_band: tuple[float, float],
    amplitude_band: tuple[float, float],
    n_bins: int = 18,
    n_surrogates: int = 0,
    seed: int = 0,
) -> PhaseAmplitudeCoupling:
    r"""Return the coupling of a slow rhythm's phase with a fast one's amplitude: Tort's modulation index.

    .. math:: (\ln N + \sum_j p_j \ln p_j) / \ln N

    with :math:`p_j` the part of the amplitude that is in the :math:`j`-th of :math:`N` bins of phase [1]_. Phase and
    amplitude are those of the analytic signal of the trace within each band. In surrogates the amplitudes are moved
    in time by a random number of samples, round the end, at least a tenth of the trace from where they were. (They tell
    nothing of a rhythm that is as regular as a clock: moved, it is coupled as before, at another phase.)

    Parameters
    ----------
    data : array-like, shape (n_times,)
        The trace.
    sfreq : float
        Sampling rate (Hz).
    phase_band, amplitude_band : tuple of float
        Lowest and highest frequency (Hz) of the slow and of the fast rhythm. The fast one's band must be as wide as
        twice the slow rhythm's frequency to hold its side bands.
    n_bins : int
        Number of bins of phase, at least 2.
    n_surrogates : int
        Number of surrogates.
    seed : int
        Seed of the surrogates.

    Returns
    -------
    coupling : PhaseAmplitudeCoupling
        Modulation index, the distribution that it is of, and surrogates.

    Raises
    ------
    InvalidValue
        If a band is empty or not within half the sampling rate, or the trace holds no whole period of the slow rhythm.

    References
    ----------
    .. [1] Tort et al. (2010), Journal of Neurophysiology 104:1195-1210, doi:10.1152/jn.00106.2010
    """
    x, rate = time_series("data", data), positive_number("sfreq", sfreq, "Hz")
    bins, count = _count("n_bins", n_bins, 2), _count("n_surrogates", n_surrogates, 0)
    phase = np.angle(_analytic(x, rate, "phase_band", phase_band))
    amplitude = np.abs(_analytic(x, rate, "amplitude_band", amplitude_band))
    place = np.minimum(((phase + np.pi) / (2 * np.pi) * bins).astype(int), bins - 1)
    if len(np.unique(place)) < bins:
        raise InvalidValue("phase_band", phase_band, f"leaves a bin of {bins} without a sample: the trace is too short")
    parts = _by_phase(place, amplitude, bins)
    shifts = independent_stream(seed, "phase_amplitude_coupling").integers(x.size // 10, x.size - x.size // 10, count)
    surrogates = [_modulation_index(_by_phase(place, np.roll(amplitude, shift), bins)) for shift in shifts]
    centres = -np.pi + (np.arange(bins) + 0.5) * 2 * np.pi / bins
    return PhaseAmplitudeCoupling(_modulation_index(parts), centres, parts, np.array(surrogates))


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidType(name, value, "must be an integer")
    if value < least:
        raise InvalidValue(name, value, f"must be >= {least}")
    return int(value)


def _analytic(x: NDArray[np.float64], rate: float, name: str, band: Any) -> NDArray[np.complex128]:
    from scipy import signal

    try:
        low, high = (finite_number(name, edge, "Hz") for edge in band)
    except (TypeError, ValueError):
        raise InvalidType(name, band, "must be two frequencies in Hz, lowest and highest") from None
    if not 0 < low < high < rate / 2:
        raise InvalidValue(name, band, f"must rise, above 0 and below {rate / 2:g} Hz, half the sampling rate")
    if x.size < rate / low:
        raise InvalidValue(name, band, f"begins too low: {x.size} samples at {rate:g} Hz hold no period of {low:g} Hz")
    sections = signal.butter(FILTER_ORDER, (low, high), btype="bandpass", fs=rate, output="sos")
    filtered = signal.sosfiltfilt(sections, x, padlen=min(x.size - 1, round(3 * rate / low)))
    return np.asarray(signal.hilbert(filtered), np.complex128)


def _by_phase(place: NDArray[np.int_], amplitude: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    mean = np.bincount(place, amplitude, bins) / np.bincount(place, minlength=bins)
    return mean / mean.sum()


def _modulation_index(parts: NDArray[np.float64]) -> float:
    seen = parts[parts > 0]
    return float(1 + np.sum(seen * np.log(seen)) / np.log(parts.size))


def pairwise_phase_consistency(
    spike_times: Sequence[Any], times: Any, data: Any, freqs: Any, n_cycles: Any = 7.0
) -> NDArray[np.float64]:
    r"""Return how consistently spikes come at one phase of a field, at each frequency.

    .. math:: \left(|\sum_k e^{i \varphi_k}|^2 - N\right) / N (N - 1)

    the mean cosine of the difference of two spikes' phases [1]_: 1 where all have one phase, 0 on average where they
    have any, however few spikes there are (a phase-locking value is larger with fewer). Phases are those of `morlet`.

    Parameters
    ----------
    spike_times : sequence of array-like, n_trials of shape (n_spikes,)
        Spike times of each trial (ms); those outside ``times`` are left out.
    times : array-like, shape (n_times,)
        Times of the field (ms), evenly spaced.
    data : array-like, shape (n_trials, n_times)
        The field, e.g. the potential at one contact (µV).
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz).
    n_cycles : float or array-like, shape (n_freqs,)
        Cycles of the wavelet.

    Returns
    -------
    consistency : ndarray, shape (n_freqs,)
        At most 1; a little below 0 is possible by chance. NaN with fewer than 2 spikes.

    Raises
    ------
    InvalidValue
        If shapes don't match, times are not evenly spaced, or a frequency is out of its range.

    References
    ----------
    .. [1] Vinck et al. (2010), NeuroImage 51:112-122, doi:10.1016/j.neuroimage.2010.01.073
    """
    t, field, rate = _field(spike_times, times, data)
    transform = morlet(field, rate, freqs, n_cycles)
    units = []
    for trial, spikes in enumerate(spike_times):
        inside = _inside(f"spike_times[{trial}]", spikes, t)
        # between samples the transform is straight: a phase itself would jump there
        at = (inside - t[0]) * rate / 1000.0
        below = np.minimum(at.astype(int), t.size - 2)
        part = at - below
        value = (1 - part) * transform[trial][:, below] + part * transform[trial][:, below + 1]
        units.append(np.exp(1j * np.angle(value)))
    unit = np.concatenate(units, axis=1)
    n = unit.shape[1]
    if n < 2:
        return np.full(unit.shape[0], np.nan)
    return (np.abs(unit.sum(axis=1)) ** 2 - n) / (n * (n - 1))


def spike_field_coherence(
    spike_times: Sequence[Any], times: Any, data: Any, segment_len: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the coherence of a spike train with a field.

    .. math:: |S_{xy}|^2 / S_{xx} S_{yy}

    with spectra that are means over all trials and over Hann-windowed segments that overlap by half [1]_. With one
    segment in all it is 1 whatever the signals; with :math:`K` that don't overlap it is 1/K on average by chance.

    Parameters
    ----------
    spike_times : sequence of array-like, n_trials of shape (n_spikes,)
        Spike times of each trial (ms); those outside ``times`` are left out.
    times : array-like, shape (n_times,)
        Times of the field (ms), evenly spaced.
    data : array-like, shape (n_trials, n_times)
        The field, e.g. the potential at one contact (µV).
    segment_len : float, optional
        Length of the segments (ms). Left out: a quarter of a trial.

    Returns
    -------
    freqs : ndarray, shape (n_freqs,)
        Frequencies (Hz).
    coherence : ndarray, shape (n_freqs,)
        0 to 1; NaN where one of the signals has no power.

    Raises
    ------
    InvalidValue
        If shapes don't match, times are not evenly spaced, or a segment is longer than a trial.

    References
    ----------
    .. [1] Carter, Knapp and Nuttall (1973), IEEE Transactions on Audio and Electroacoustics 21:337-344,
       doi:10.1109/TAU.1973.1162496
    """
    from scipy import signal

    t, field, rate = _field(spike_times, times, data)
    length = (
        t.size // 4 if segment_len is None else round(positive_number("segment_len", segment_len, "ms") * rate / 1000)
    )
    if not 4 <= length <= t.size:
        raise InvalidValue("segment_len", segment_len, f"must have 4 to {t.size} samples (a trial); it has {length}")
    step = 1000.0 / rate
    edges = t[0] + (np.arange(t.size + 1) - 0.5) * step
    train = [np.histogram(np.asarray(s, np.float64), edges)[0] * rate / 1000.0 for s in spike_times]
    options = {"fs": rate, "window": "hann", "nperseg": length}
    freqs, cross = signal.csd(np.array(train), field, **options)
    own = [signal.welch(x, **options)[1].mean(axis=0) for x in (np.array(train), field)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return freqs, np.abs(cross.mean(axis=0)) ** 2 / (own[0] * own[1])


def _field(spike_times: Sequence[Any], times: Any, data: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return times, the field and its sampling rate (Hz)."""
    t = rising_times("times", times)
    field = np.asarray(data, np.float64)
    if field.shape != (len(spike_times), t.size):
        allowed = f"must be (n_trials, n_times): ({len(spike_times)}, {t.size}) of spike_times and times"
        raise InvalidValue("data.shape", field.shape, allowed)
    steps = np.diff(t)
    if t.size < 2 or np.ptp(steps) > 1e-3 * steps[0]:
        raise InvalidValue("times", t, "must be evenly spaced, at least 2 of them")
    return t, field, float(1000.0 * (t.size - 1) / (t[-1] - t[0]))


def _inside(name: str, spikes: Any, t: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.asarray(spikes, np.float64)
    if found.ndim != 1:
        raise InvalidValue(f"{name}.shape", found.shape, "must be (n_spikes,)")
    return found[(found >= t[0]) & (found <= t[-1])]
