"""What is read from each run's result: numbers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.analysis.peaks import largest_peaks
from hnnlib.analysis.spectra import band_power, psd
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result

__all__ = [
    "DEFAULT_SUMMARIES",
    "BandPowers",
    "DipoleMean",
    "DipolePeaks",
    "SpikeRates",
    "Summary",
    "mean_dipole",
    "summarise",
]

Summary = Callable[[Result], Mapping[str, float]]


@attrs.frozen(kw_only=True)
class DipolePeaks:
    """Amplitude (nAm) and latency (ms) of the largest positive and the largest negative peak of the mean dipole.

    Gives ``positive_peak``, ``positive_latency``, ``negative_peak`` and ``negative_latency``; NaN where there is none.

    Parameters
    ----------
    tmin, tmax : float, optional
        The window (ms); left out: the whole run.
    smooth : float, optional
        Length of the window (ms) that the dipole is smoothed with before.
    scale : float
        Factor on the dipole.
    part : str
        ``'agg'``, or a layer, e.g. ``'L5'``.
    name : str
        Comes before the names, e.g. ``'P1'`` makes ``P1_positive_peak``.
    """

    tmin: float | None = None
    tmax: float | None = None
    smooth: float | None = None
    scale: float = 1.0
    part: str = "agg"
    name: str = ""

    def __call__(self, result: Result) -> dict[str, float]:
        """Return the four numbers of a result."""
        dpl = mean_dipole(result, self.smooth, self.scale)
        found: dict[str, float] = {}
        peaks = largest_peaks(dpl.times, _part(dpl, self.part), self.tmin, self.tmax)
        for sign, peak in zip(("positive", "negative"), peaks, strict=True):
            found[f"{sign}_peak"] = np.nan if peak is None else peak.amplitude
            found[f"{sign}_latency"] = np.nan if peak is None else peak.time
        return _named(self.name, found)


@attrs.frozen(kw_only=True)
class DipoleMean:
    """Mean (nAm) of the mean dipole over a window: ``dipole_mean``.

    Parameters
    ----------
    tmin, tmax : float, optional
        The window (ms), its ends included; left out: the whole run.
    scale : float
        Factor on the dipole.
    part : str
        ``'agg'``, or a layer, e.g. ``'L5'``.
    name : str
        Comes before the name.
    """

    tmin: float | None = None
    tmax: float | None = None
    scale: float = 1.0
    part: str = "agg"
    name: str = ""

    def __call__(self, result: Result) -> dict[str, float]:
        """Return the mean of a result."""
        dpl = mean_dipole(result, scale=self.scale)
        inside = _inside(dpl.times, self.tmin, self.tmax)
        return _named(self.name, {"dipole_mean": float(_part(dpl, self.part)[inside].mean())})


@attrs.frozen
class BandPowers:
    """Power (nAm²) of the dipole in bands of frequencies, the mean over trials: ``alpha_power`` for a band ``alpha``.

    Parameters
    ----------
    bands : mapping of str to (fmin, fmax)
        The bands (Hz) by name.
    tmin, tmax : float, optional
        The window (ms); left out: the whole run.
    relative : bool
        Whether to divide by the power at all frequencies.
    """

    bands: Mapping[str, tuple[float, float]]
    tmin: float | None = attrs.field(default=None, kw_only=True)
    tmax: float | None = attrs.field(default=None, kw_only=True)
    relative: bool = attrs.field(default=False, kw_only=True)

    def __call__(self, result: Result) -> dict[str, float]:
        """Return a number for each band."""
        dipoles = _dipoles(result)
        inside = _inside(dipoles[0].times, self.tmin, self.tmax)
        freqs, power = psd(np.array([dpl.data["agg"][inside] for dpl in dipoles]), dipoles[0].sfreq)
        return {
            f"{name}_power": float(np.mean(band_power(freqs, power, *band, relative=self.relative)))
            for name, band in self.bands.items()
        }


@attrs.frozen(kw_only=True)
class SpikeRates:
    """Mean rate (Hz) of the cells of each population: ``rate.L5_pyramidal``; or how many spikes they fire in a trial.

    Parameters
    ----------
    tmin, tmax : float, optional
        The window (ms); left out: the whole run.
    counts : bool
        True: ``spikes.L5_pyramidal``, spikes of the whole population, the mean over trials.
    """

    tmin: float | None = None
    tmax: float | None = None
    counts: bool = False

    def __call__(self, result: Result) -> dict[str, float]:
        """Return a number for each population of cells."""
        response = result.cell_response
        start = 0.0 if self.tmin is None else self.tmin
        if self.tmax is not None:
            stop = self.tmax
        elif response.times is not None:
            stop = float(response.times[-1])
        else:
            raise InvalidValue("tmax", None, "must be given: the duration of this result is not known")
        if not start < stop:
            raise InvalidValue("tmax", stop, f"must be > tmin, {start:g} ms")
        found = {}
        for name in response.cell_type_names or ():
            n_spikes = [
                np.count_nonzero((types == name) & (start <= times) & (times <= stop))
                for times, types in zip(response.spike_times, response.spike_types, strict=True)
            ]
            n_cells = len((response.gid_ranges or {}).get(name, ()))
            if self.counts:
                found[f"spikes.{name}"] = float(np.mean(n_spikes))
            else:
                found[f"rate.{name}"] = float(np.mean(n_spikes)) * 1000.0 / (stop - start) / max(n_cells, 1)
        return found


DEFAULT_SUMMARIES: tuple[Summary, ...] = (DipolePeaks(), SpikeRates())


def summarise(result: Result, summaries: Iterable[Summary]) -> dict[str, float]:
    """Return what some summaries read from a result.

    Parameters
    ----------
    result : Result
        What was simulated.
    summaries : iterable of callable
        Each is called with the result.

    Returns
    -------
    numbers : dict of str to float

    Raises
    ------
    InvalidType
        If a summary gives something else than a mapping of names to numbers.
    InvalidValue
        If two give the same name.
    """
    found: dict[str, float] = {}
    for summary in summaries:
        numbers = summary(result)
        if not isinstance(numbers, Mapping):
            raise InvalidType("summary", numbers, "must be a mapping of names to numbers, as a summary function gives")
        for name, value in numbers.items():
            if not isinstance(name, str) or not name:
                raise InvalidType("summary", name, "must be a name")
            if name in found:
                raise InvalidValue(f"summary[{name!r}]", name, "is given by two summaries; name one of them otherwise")
            if not isinstance(value, bool | int | float | np.number) or isinstance(value, np.complexfloating):
                raise InvalidType(f"summary[{name!r}]", value, "must be a number")
            found[name] = float(value)
    return found


def _dipoles(result: Result) -> tuple[Dipole, ...]:
    if not result.dipoles:
        raise InvalidValue("result.dipoles", (), "must not be empty: no cell of this network measures the dipole")
    return result.dipoles


def mean_dipole(result: Result, smooth: float | None = None, scale: float = 1.0) -> Dipole:
    """Return the mean dipole of all trials, smoothed and scaled, or say that there is none."""
    _dipoles(result)
    dpl = result.dipole
    if smooth is not None:
        dpl.smooth(smooth)
    return dpl if scale == 1.0 else dpl.scale(scale)


def _part(dpl: Dipole, part: str) -> Any:
    if part not in dpl.data:
        raise UnknownName("part", part, "part of the dipole", dpl.data)
    return dpl.data[part]


def _inside(times: Any, tmin: float | None, tmax: float | None) -> Any:
    inside = (times >= (-np.inf if tmin is None else tmin)) & (times <= (np.inf if tmax is None else tmax))
    if not inside.any():
        raise InvalidValue("tmax", tmax, f"the window from tmin = {tmin} ms holds no sample")
    return inside


def _named(name: str, numbers: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}_{key}" if name else key: value for key, value in numbers.items()}
