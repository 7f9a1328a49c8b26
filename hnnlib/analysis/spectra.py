"""Spectra: power over frequency, and over frequency and time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, time_series, traces
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName

__all__ = ["PADDINGS", "PSD_METHODS", "band_power", "morlet", "psd", "tfr_morlet", "tfr_multitaper"]

PSD_METHODS = ("periodogram", "welch")
PADDINGS = ("zeros", "mirror")

HALF_WIDTH = 5.0
"""A Morlet wavelet reaches this many standard deviations to each side, as in MNE-Python."""


def psd(
    data: Any,
    sfreq: float,
    method: str = "periodogram",
    fmin: float = 0.0,
    fmax: float | None = None,
    window: str = "hamming",
    segment_len: float | None = None,
    overlap: float = 0.5,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the one-sided power spectral density of traces.

    Summed over all frequencies and multiplied by their spacing it is the variance of the trace (Parseval), exactly so
    with the periodogram and ``window='boxcar'``. The mean is taken off first.

    Parameters
    ----------
    data : array-like, shape (..., n_times)
        Traces, e.g. of a dipole (nAm).
    sfreq : float
        Sampling rate (Hz).
    method : str
        ``'periodogram'``: one window over all of the trace; ``'welch'``: the mean over segments that overlap [1]_.
    fmin, fmax : float, optional
        The frequencies that are returned (Hz). Left out: up to half the sampling rate.
    window : str
        Window function, by a name that ``scipy.signal.get_window`` knows.
    segment_len : float, optional
        Length of Welch's segments (ms). Left out: a quarter of the trace.
    overlap : float
        Part of a segment that the next one shares, at least 0 and below 1.

    Returns
    -------
    freqs : ndarray, shape (n_freqs,)
        Frequencies (Hz).
    power : ndarray, shape (..., n_freqs)
        Power spectral density, in the square of the unit of ``data`` per Hz (nAm²/Hz).

    Raises
    ------
    UnknownName
        If there is no such method.
    InvalidValue
        If the trace has fewer than 4 samples, a segment is longer than the trace, or a number is out of its range.

    References
    ----------
    .. [1] Welch (1967), IEEE Transactions on Audio and Electroacoustics 15:70-73, doi:10.1109/TAU.1967.1161901
    """
    from scipy import signal

    x, rate = traces("data", data, least=4), positive_number("sfreq", sfreq, "Hz")
    if method not in PSD_METHODS:
        raise UnknownName("method", method, "method of spectral density", PSD_METHODS)
    low, high = _frequency_range(fmin, fmax, rate)
    try:
        signal.get_window(window, 8)
    except (ValueError, TypeError):
        raise InvalidValue("window", window, "must be a window function of scipy.signal, e.g. 'hamming'") from None
    if method == "periodogram":
        freqs, power = signal.periodogram(x, rate, window=window)
    else:
        n_segment, n_overlap = _segments(x.shape[-1], rate, segment_len, overlap)
        freqs, power = signal.welch(x, rate, window=window, nperseg=n_segment, noverlap=n_overlap)
    slack = 1e-9 * rate  # frequencies are rounded, the highest one may lie above half the rate
    kept = (freqs >= low - slack) & (freqs <= high + slack)
    return freqs[kept], power[..., kept]


def _frequency_range(fmin: Any, fmax: Any, rate: float) -> tuple[float, float]:
    low = finite_number("fmin", fmin, "Hz")
    high = rate / 2 if fmax is None else finite_number("fmax", fmax, "Hz")
    if low < 0:
        raise InvalidValue("fmin", fmin, "must be >= 0 Hz")
    if high <= low:
        raise InvalidValue("fmax", fmax, f"must be > fmin, {low:g} Hz")
    return low, high


def _segments(n_times: int, rate: float, segment_len: Any, overlap: Any) -> tuple[int, int]:
    """Return the samples of a segment of Welch's and of what two of them share."""
    if segment_len is None:
        n_segment = max(4, n_times // 4)
    else:
        n_segment = round(1e-3 * positive_number("segment_len", segment_len, "ms") * rate)
    if not 4 <= n_segment <= n_times:
        allowed = f"must have 4 to {n_times} samples (the trace); it has {n_segment} at {rate:g} Hz"
        raise InvalidValue("segment_len", segment_len, allowed)
    share = finite_number("overlap", overlap)
    if not 0 <= share < 1:
        raise InvalidValue("overlap", overlap, "must be >= 0 and < 1")
    return n_segment, int(share * n_segment)


def band_power(
    freqs: Any, power: Any, fmin: float, fmax: float, relative: bool = False
) -> NDArray[np.float64] | np.float64:
    """Return the power within a band of frequencies: the integral of the spectral density.

    The density is taken as straight between the frequencies it is known at, so that bands side by side add up.

    Parameters
    ----------
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz), rising.
    power : array-like, shape (..., n_freqs)
        Power spectral density, e.g. of `psd`.
    fmin, fmax : float
        The band (Hz), within ``freqs``.
    relative : bool
        Whether to divide by the power at all ``freqs``.

    Returns
    -------
    power : float or ndarray, shape (...)
        In the unit of ``power`` times Hz (nAm²); a part of 1 if relative.

    Raises
    ------
    InvalidValue
        If the shapes differ, frequencies don't rise, or the band is empty or outside them.
    """
    f, p = time_series("freqs", freqs), traces("power", power, least=2)
    if f.size != p.shape[-1]:
        raise InvalidValue("power.shape", p.shape, f"must end in that of freqs, {f.shape}")
    if not np.all(np.diff(f) > 0):
        raise InvalidValue("freqs", f, "must rise")
    low, high = finite_number("fmin", fmin, "Hz"), finite_number("fmax", fmax, "Hz")
    if not f[0] <= low < high <= f[-1]:
        raise InvalidValue("band", (fmin, fmax), f"must rise, within {f[0]:g} to {f[-1]:g} Hz")
    # integral from the first frequency on, and its value within the interval that an end of the band lies in
    steps = 0.5 * (p[..., 1:] + p[..., :-1]) * np.diff(f)
    integral = np.concatenate([np.zeros_like(p[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)

    def up_to(end: float) -> NDArray[np.float64]:
        k = min(int(np.searchsorted(f, end, side="right")) - 1, f.size - 2)
        part = end - f[k]
        slope = (p[..., k + 1] - p[..., k]) / (f[k + 1] - f[k])
        return integral[..., k] + part * (p[..., k] + 0.5 * slope * part)

    found = up_to(high) - up_to(low)
    return found / integral[..., -1] if relative else found


def tfr_morlet(data: Any, sfreq: float, freqs: Any, n_cycles: Any = 7.0, padding: str = "zeros") -> NDArray[np.float64]:
    r"""Return power over frequency and time by Morlet wavelets.

    The squared modulus of `morlet`: a one-sided power spectral density, so that it can be read beside `psd`. It is that
    of MNE-Python's ``tfr_array_morlet`` divided by the sampling rate. A sine of amplitude :math:`A` at one of the
    frequencies has :math:`A^2 \sqrt{\pi} \sigma_t`.

    Parameters
    ----------
    data : array-like, shape (..., n_times)
        Traces, e.g. of a dipole (nAm).
    sfreq : float
        Sampling rate (Hz).
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz), above 0 and at most half the sampling rate.
    n_cycles : float or array-like, shape (n_freqs,)
        Cycles of a wavelet: more make it finer in frequency and coarser in time.
    padding : str
        What the trace is beyond its ends, as in `morlet`.

    Returns
    -------
    power : ndarray, shape (..., n_freqs, n_times)
        Power, in the square of the unit of ``data`` per Hz (nAm²/Hz).

    Raises
    ------
    InvalidValue
        As in `morlet`.
    """
    return np.abs(morlet(data, sfreq, freqs, n_cycles, padding)) ** 2


def morlet(data: Any, sfreq: float, freqs: Any, n_cycles: Any = 7.0, padding: str = "zeros") -> NDArray[np.complex128]:
    r"""Return the convolution of traces with Morlet wavelets: an amplitude and a phase at each frequency and time.

    .. math:: w(t) \propto (e^{2 \pi i f t} - e^{-n^2 / 2})\, e^{-t^2 / 2 \sigma_t^2}, \quad \sigma_t = n / 2 \pi f

    with :math:`n` cycles [1]_. The second term takes off the wavelet's mean. Wavelets have the energy 2 over ``sfreq``,
    so that the squared modulus is a one-sided spectral density.

    Parameters
    ----------
    data : array-like, shape (..., n_times)
        Traces, e.g. of a dipole (nAm).
    sfreq : float
        Sampling rate (Hz).
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz), above 0 and at most half the sampling rate.
    n_cycles : float or array-like, shape (n_freqs,)
        Cycles of a wavelet: more make it finer in frequency and coarser in time.
    padding : str
        What the trace is beyond its ends: ``'zeros'``, or ``'mirror'``, its mirror image. Within :math:`2 \sigma_t` of
        the ends what is returned hangs on this choice.

    Returns
    -------
    transform : ndarray of complex, shape (..., n_freqs, n_times)
        In the unit of ``data`` over the root of Hz.

    Raises
    ------
    UnknownName
        If there is no such padding.
    InvalidValue
        If a frequency or number of cycles is out of its range.

    References
    ----------
    .. [1] Tallon-Baudry et al. (1997), Journal of Neuroscience 17:722-734, doi:10.1523/JNEUROSCI.17-02-00722.1997
    """
    x, rate, f, cycles = _checked(data, sfreq, freqs, n_cycles, padding)
    found = np.empty((*x.shape[:-1], f.size, x.shape[-1]), np.complex128)
    for k, (frequency, n) in enumerate(zip(f, cycles, strict=True)):
        sigma = n / (2 * np.pi * frequency)
        t = np.arange(0.0, HALF_WIDTH * sigma, 1.0 / rate)
        t = np.concatenate([-t[:0:-1], t])
        wavelet = (np.exp(2j * np.pi * frequency * t) - np.exp(-(n**2) / 2)) * np.exp(-(t**2) / (2 * sigma**2))
        found[..., k, :] = _convolve(x, wavelet, rate, padding)
    return found


def tfr_multitaper(
    data: Any,
    sfreq: float,
    freqs: Any,
    n_cycles: Any = 7.0,
    time_bandwidth: float = 4.0,
    padding: str = "zeros",
) -> NDArray[np.float64]:
    r"""Return power over frequency and time by several tapers.

    For each frequency the power within a window of ``n_cycles / freq`` seconds is the mean over orthogonal tapers
    (Slepian's), weighted by how much of a taper's energy lies in the band [1]_: less noisy than one wavelet and
    :math:`b / T` Hz wide, with the time-bandwidth product :math:`b` and the length :math:`T` of the window (s).

    Parameters
    ----------
    data : array-like, shape (..., n_times)
        Traces, e.g. of a dipole (nAm).
    sfreq : float
        Sampling rate (Hz).
    freqs : array-like, shape (n_freqs,)
        Frequencies (Hz), above 0 and at most half the sampling rate.
    n_cycles : float or array-like, shape (n_freqs,)
        Length of the window, in cycles.
    time_bandwidth : float
        Time-bandwidth product, at least 2: ``floor(time_bandwidth - 1)`` tapers are taken.
    padding : str
        What the trace is beyond its ends, as in `morlet`.

    Returns
    -------
    power : ndarray, shape (..., n_freqs, n_times)
        One-sided power spectral density, in the square of the unit of ``data`` per Hz (nAm²/Hz).

    Raises
    ------
    InvalidValue
        As in `morlet`, or if a window is so short that it doesn't hold the tapers.

    References
    ----------
    .. [1] Thomson (1982), Proceedings of the IEEE 70:1055-1096, doi:10.1109/PROC.1982.12433
    """
    from scipy.signal.windows import dpss

    x, rate, f, cycles = _checked(data, sfreq, freqs, n_cycles, padding)
    product = finite_number("time_bandwidth", time_bandwidth)
    if product < 2:
        raise InvalidValue("time_bandwidth", time_bandwidth, "must be >= 2, or no taper keeps to its band")
    n_tapers = int(product - 1)
    found = np.empty((*x.shape[:-1], f.size, x.shape[-1]))
    for k, (frequency, n) in enumerate(zip(f, cycles, strict=True)):
        length = n / frequency
        t = np.arange(0.0, length, 1.0 / rate)
        if t.size <= max(product, n_tapers):
            allowed = (
                f"leaves {t.size} samples at {frequency:g} Hz: too few for a time-bandwidth product of {product:g}"
            )
            raise InvalidValue("n_cycles", float(n), allowed)
        tapers, kept = dpss(t.size, product / 2, n_tapers, sym=False, return_ratios=True)
        wave = np.exp(2j * np.pi * frequency * (t - length / 2))
        power = 0.0
        for taper, weight in zip(tapers, kept, strict=True):
            wavelet = wave * taper
            power = power + weight * np.abs(_convolve(x, wavelet - wavelet.mean(), rate, padding)) ** 2
        found[..., k, :] = power / kept.sum()
    return found


def _checked(
    data: Any, sfreq: Any, freqs: Any, n_cycles: Any, padding: Any
) -> tuple[NDArray[np.float64], float, NDArray[np.float64], NDArray[np.float64]]:
    x, rate = traces("data", data, least=2), positive_number("sfreq", sfreq, "Hz")
    if padding not in PADDINGS:
        raise UnknownName("padding", padding, "padding", PADDINGS)
    f = time_series("freqs", np.atleast_1d(freqs))
    for k in np.flatnonzero(~((f > 0) & (f <= rate / 2)))[:1]:
        allowed = f"must be > 0 and <= {rate / 2:g} Hz, half the sampling rate"
        raise InvalidValue(f"freqs[{k}]", float(f[k]), allowed)
    try:
        cycles = np.broadcast_to(np.asarray(n_cycles, np.float64), f.shape)
    except (TypeError, ValueError):
        raise InvalidType("n_cycles", n_cycles, f"must be a number, or one for each of {f.size} frequencies") from None
    for k in np.flatnonzero(~(np.isfinite(cycles) & (cycles > 0)))[:1]:
        raise InvalidValue(f"n_cycles[{k}]", float(cycles[k]), "must be > 0")
    return x, rate, f, cycles


def _convolve(
    x: NDArray[np.float64], wavelet: NDArray[np.complex128], rate: float, padding: str
) -> NDArray[np.complex128]:
    """Return traces convolved with a wavelet that is scaled to the energy 2 over the rate."""
    from scipy import signal

    kernel = wavelet * np.sqrt(2.0 / rate) / np.linalg.norm(wavelet)
    kernel = kernel.reshape((1,) * (x.ndim - 1) + (-1,))
    if padding == "zeros":
        return signal.fftconvolve(x, kernel, mode="same", axes=-1)
    width = kernel.shape[-1] // 2 + 1
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(width, width)], mode="reflect")
    return signal.fftconvolve(padded, kernel, mode="same", axes=-1)[..., width : width + x.shape[-1]]
