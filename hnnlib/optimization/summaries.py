"""A waveform told in few numbers, for inference that learns from simulations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import rising_times, traces
from hnnlib.analysis.spectra import band_power, psd
from hnnlib.base.errors import InvalidValue

__all__ = ["Summaries"]

Array = NDArray[np.float64]


@attrs.frozen(kw_only=True, eq=False)
class Summaries:
    """Peaks, principal components and band power of waveforms; made from many by `learnt`.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Times of the waveforms (ms).
    mean : ndarray, shape (n_times,)
        Mean of the waveforms that were learnt from (nAm).
    components : ndarray, shape (n_components, n_times)
        Their principal components.
    bands : tuple of (float, float)
        Bands of frequencies (Hz).
    """

    times: Array
    mean: Array
    components: Array
    bands: tuple[tuple[float, float], ...]

    @classmethod
    def learnt(
        cls,
        times: Any,
        waveforms: Any,
        n_components: int = 12,
        bands: Sequence[tuple[float, float]] = ((1.0, 15.0), (15.0, 30.0), (30.0, 80.0)),
    ) -> Summaries:
        """Return the summaries that tell most of many waveforms.

        Parameters
        ----------
        times : array-like, shape (n_times,)
            Times (ms), evenly spaced.
        waveforms : array-like, shape (n_waveforms, n_times)
            Simulations over the whole range of the parameters (nAm).
        n_components : int
            Number of principal components.
        bands : sequence of (float, float)
            Bands of frequencies whose power is told (Hz).

        Returns
        -------
        summaries : Summaries
            To be called with waveforms.

        Raises
        ------
        InvalidValue
            If there are fewer waveforms than components, or shapes don't fit.
        """
        t, rows = rising_times("times", times), traces("waveforms", waveforms)
        if rows.ndim != 2 or rows.shape[1] != t.size:
            raise InvalidValue("waveforms.shape", rows.shape, f"must be (n_waveforms, {t.size})")
        if not 1 <= n_components < min(rows.shape):
            raise InvalidValue("n_components", n_components, f"must be 1 to {min(rows.shape) - 1}")
        mean = rows.mean(axis=0)
        *_, directions = np.linalg.svd(rows - mean, full_matrices=False)
        return cls(
            times=t, mean=mean, components=directions[:n_components], bands=tuple((low, high) for low, high in bands)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers are."""
        return (
            *(f"component {k + 1}" for k in range(len(self.components))),
            *(f"{what} of the {sign} peak" for sign in ("positive", "negative") for what in ("height", "time")),
            *(f"log power {low:g}-{high:g} Hz" for low, high in self.bands),
        )

    def __call__(self, waveforms: Any) -> Array:
        """Return the numbers that stand for waveforms.

        Parameters
        ----------
        waveforms : array-like, shape (n_waveforms, n_times)
            Waveforms (nAm) at `times`.

        Returns
        -------
        numbers : ndarray, shape (n_waveforms, n_summaries)
            Components (nAm), peaks (nAm, ms), logarithms of powers (nAm²).
        """
        rows = np.atleast_2d(traces("waveforms", waveforms))
        columns = [(rows - self.mean) @ self.components.T]
        for sign in (1.0, -1.0):
            at = np.argmax(sign * rows, axis=1)
            columns.append(np.column_stack([rows[np.arange(len(rows)), at], self.times[at]]))
        sfreq = 1e3 * (self.times.size - 1) / (self.times[-1] - self.times[0])
        # a short window knows few frequencies: zeros on both sides, up to 1 s, so that every band holds some
        room = max(0, round(sfreq) - rows.shape[1])
        padded = np.pad(rows, ((0, 0), (room // 2, room - room // 2)))
        frequencies, density = psd(padded, sfreq)
        smallest = np.finfo(float).tiny
        powers = [band_power(frequencies, density, low, min(high, frequencies[-1])) for low, high in self.bands]
        columns.append(np.log(np.maximum(np.array(powers).T, smallest)))
        return np.column_stack(columns)
