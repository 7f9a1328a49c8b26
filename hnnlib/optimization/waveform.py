"""Objectives that compare the simulated dipole with a recorded one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.analysis.filters import smooth_waveform
from hnnlib.analysis.spectra import band_power, psd
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import number
from hnnlib.optimization.objectives import Array, Objective, digest_of, trace_of
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec

__all__ = ["RMSE", "BandPower", "Correlation", "PeakAt", "Peaks", "Waveform"]

FINEST_MS = 0.5
"""Targets that are sampled more densely are compared at every n-th sample: a dipole smoothed over 30 ms has nothing
above some 60 Hz, and what is kept of every evaluation stays small."""
SLACK_MS = 1e-6


def simulated(result: Result, layer: str, smooth: float | None) -> tuple[Array, Array]:
    """Return times (ms) and the mean dipole of all trials (nAm), smoothed over a window (ms)."""
    dipole = result.dipole
    if layer not in dipole.data:
        raise UnknownName("layer", layer, "moment of the dipole", dipole.data)
    data = dipole.data[layer]
    return dipole.times, data if smooth is None else smooth_waveform(data, smooth, dipole.sfreq)


@attrs.frozen(eq=False, kw_only=True)
class Waveform(Objective):
    """What `RMSE` and `Correlation` share: target, window, weights, and how the simulated dipole is shown."""

    target: Any = attrs.field(kw_only=False)
    tstart: float | None = None
    tstop: float | None = None
    weights: Any = None
    smooth: float | None = None
    layer: str = "agg"
    _times: Array = attrs.field(init=False)
    _data: Array = attrs.field(init=False)
    _weights: Array = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        times, data = trace_of(self.target, self.layer)
        start = times[0] if self.tstart is None else number(self.tstart, "tstart", unit="ms")
        stop = times[-1] if self.tstop is None else number(self.tstop, "tstop", unit="ms")
        if start >= stop:
            raise InvalidValue("window", (start, stop), "is empty")
        if times[0] > start + SLACK_MS or times[-1] < stop - SLACK_MS:
            raise InvalidValue(
                "target",
                (float(times[0]), float(times[-1])),
                f"is shorter than the window: it must cover {start:g} to {stop:g} ms",
            )
        if self.smooth is not None:
            number(self.smooth, "smooth", unit="ms", ge=1)
        weights = np.ones(times.size) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        if weights.shape != times.shape:
            raise InvalidValue("weights.shape", weights.shape, f"must be that of the target, {times.shape}")
        inside = (times >= start - SLACK_MS) & (times <= stop + SLACK_MS)
        every = max(1, round(FINEST_MS / float(np.min(np.diff(times)))))
        kept = np.flatnonzero(inside)[::every]
        w = weights[kept]
        if not (np.all(np.isfinite(w)) and np.all(w >= 0) and w.sum() > 0):
            raise InvalidValue("weights", float(np.min(w)), "must be finite, >= 0, and not all 0 within the window")
        object.__setattr__(self, "_times", times[kept])
        object.__setattr__(self, "_data", data[kept])
        object.__setattr__(self, "_weights", w / w.sum())

    @property
    def needs(self) -> frozenset[str]:
        """The dipole."""
        return frozenset({"dipole"})

    @property
    def times(self) -> Array:
        """The times that are compared (ms)."""
        return self._times

    @property
    def data(self) -> Array:
        """The target there (nAm)."""
        return self._data

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where the simulation does not cover the window.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        Objective.check(self, network, tstop)
        if self._times[0] < -SLACK_MS or self._times[-1] > tstop + SLACK_MS:
            raise InvalidValue(
                self.name,
                (float(self._times[0]), float(self._times[-1])),
                f"is compared outside the simulation, 0 to {tstop:g} ms; choose tstart and tstop of the objective",
            )

    def trace(self, result: Result) -> Array:
        """Return the simulated dipole at the times that are compared, smoothed, not scaled (nAm).

        Parameters
        ----------
        result : Result
            A simulation.
        """
        times, data = simulated(result, self.layer, self.smooth)
        return np.interp(self._times, times, data)

    def shown(self, result: Result) -> Array:
        """Return the simulated dipole at `times` as it is compared with `data`: smoothed, and scaled if that is stated.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return self._shown(self.trace(result))[0]

    def traces(self, result: Result) -> dict[str, tuple[Array, Array, Array]]:
        """Return target and simulation, by the objective's name.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return {self.name: (self._times, self._data, self.shown(result))}

    @abstractmethod
    def _shown(self, trace: Array) -> tuple[Array, float]:
        """Return the trace scaled, and the factor."""

    def describe(self) -> dict[str, Any]:
        """Return target (as a hash), window and how the dipole is shown."""
        return {
            "objective": type(self).__name__,
            "name": self.name,
            "window": [float(self._times[0]), float(self._times[-1])],
            "target": digest_of(self._times, self._data, self._weights),
            "smooth": self.smooth,
            "layer": self.layer,
        }


@attrs.frozen(eq=False, kw_only=True)
class RMSE(Waveform):
    r"""The weighted root-mean-square difference of the simulated dipole and a recorded one (nAm).

    .. math:: \sqrt{\sum_k w_k (a\, s(t_k) - r(t_k))^2 / \sum_k w_k}

    The mean dipole of the trials, smoothed, is taken at the times of the target by straight lines between samples. With
    ``scale='fit'`` the factor is that of least squares, :math:`a = \sum w s r / \sum w s^2`, never below 0.

    Parameters
    ----------
    target : Target or Dipole
        What was recorded (nAm). It is never smoothed.
    tstart, tstop : float, optional
        The window (ms). Left out: all of the target.
    weights : array-like, shape (n_times,), optional
        Weight of each sample of the target, >= 0.
    smooth : float, optional
        Length of the Hamming window that smooths the simulated dipole (ms); left out: none.
    layer : str
        ``'agg'``, ``'L2'`` or ``'L5'``.
    scale : float or 'fit'
        Factor of the simulated dipole, e.g. 3000 columns like it; ``'fit'``: the best one, anew for every evaluation.
    name : str
        What it is called.

    Raises
    ------
    InvalidValue
        If the target has a NaN or is shorter than the window, the window is empty, or weights don't fit.
    """

    scale: float | str = 1.0
    name: str = "rmse"

    def __attrs_post_init__(self) -> None:
        Waveform.__attrs_post_init__(self)
        if isinstance(self.scale, str):
            if self.scale != "fit":
                raise UnknownName("scale", self.scale, "choice ('fit' or a factor)", ["fit"])
        else:
            number(self.scale, "scale", gt=0)

    def _shown(self, trace: Array) -> tuple[Array, float]:
        if isinstance(self.scale, str):
            power = float(np.sum(self._weights * trace**2))
            factor = max(float(np.sum(self._weights * trace * self._data)) / power, 0.0) if power > 0 else 0.0
        else:
            factor = float(self.scale)
        return factor * trace, factor

    def residuals(self, result: Result) -> Array:
        r"""Return :math:`\sqrt{w_k} (a s_k - r_k)`, weights summing to 1: the sum of squares is the loss squared.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return np.sqrt(self._weights) * (self.shown(result) - self._data)

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the difference, and the factor where it is fitted.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        trace, factor = self._shown(self.trace(result))
        loss = float(np.sqrt(np.sum(self._weights * (trace - self._data) ** 2)))
        return {self.name: loss, f"{self.name} scale": factor} if self.scale == "fit" else {self.name: loss}

    def describe(self) -> dict[str, Any]:
        """Return target (as a hash), window and how the dipole is shown."""
        return {**Waveform.describe(self), "scale": self.scale}


@attrs.frozen(eq=False, kw_only=True)
class Correlation(Waveform):
    """One minus Pearson's correlation of the simulated and the recorded dipole: 0 for one shape, 2 for opposite ones.

    Both are weighted about their weighted means. The scale of the simulated dipole does not count. A dipole that is
    constant over the window has no correlation and counts as uncorrelated: 1.

    Parameters
    ----------
    target : Target or Dipole
        What was recorded (nAm). It is never smoothed.
    tstart, tstop : float, optional
        The window (ms). Left out: all of the target.
    weights : array-like, shape (n_times,), optional
        Weight of each sample of the target, >= 0.
    smooth : float, optional
        Length of the Hamming window that smooths the simulated dipole (ms); left out: none.
    layer : str
        ``'agg'``, ``'L2'`` or ``'L5'``.
    name : str
        What it is called.

    Raises
    ------
    InvalidValue
        As in `RMSE`, and if the target is constant over the window.
    """

    name: str = "correlation"

    def __attrs_post_init__(self) -> None:
        Waveform.__attrs_post_init__(self)
        if np.ptp(self._data) == 0:
            raise InvalidValue("target", float(self._data[0]), "is the same at all times: it has no correlation")

    def _shown(self, trace: Array) -> tuple[Array, float]:
        # as large as the target, for the eye
        mine, its = self._spread(trace), self._spread(self._data)
        factor = its / mine if mine > 0 else 0.0
        mean = float(np.sum(self._weights * trace)), float(np.sum(self._weights * self._data))
        return (trace - mean[0]) * factor + mean[1], factor

    def _spread(self, trace: Array) -> float:
        mean = np.sum(self._weights * trace)
        return float(np.sqrt(np.sum(self._weights * (trace - mean) ** 2)))

    def residuals(self, result: Result) -> Array:
        """Return the difference of the two, each of length 1, over √2: the sum of squares is the loss.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        trace, its = self.trace(result), self._spread(self._data)
        parts = 2.0 if self._spread(trace) > 0 else 1.0
        return np.sqrt(self._weights / parts) * (self._shown(trace)[0] - self._data) / its

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return 1 - r.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return {self.name: float(np.sum(self.residuals(result) ** 2))}


@attrs.frozen
class PeakAt:
    """One peak of a recorded response.

    Parameters
    ----------
    tstart, tstop : float
        The window (ms) in which the simulation's peak is sought: its largest sample if ``amplitude`` is positive, its
        smallest if it is negative.
    latency : float
        When the peak was recorded (ms).
    amplitude : float
        How large it was (nAm); not 0.
    latency_sd : float
        A difference of this much (ms) counts as 1.
    amplitude_sd : float, optional
        A difference of this much (nAm) counts as 1; a tenth of the amplitude when left out.

    Raises
    ------
    InvalidValue
        If the window is empty, the amplitude 0, or a standard deviation not above 0.
    """

    tstart: float
    tstop: float
    latency: float
    amplitude: float
    latency_sd: float = 2.0
    amplitude_sd: float | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("tstart", "tstop", "latency"):
            number(getattr(self, name), name, unit="ms")
        if self.tstart >= self.tstop:
            raise InvalidValue("window", (self.tstart, self.tstop), "is empty")
        if number(self.amplitude, "amplitude", unit="nAm") == 0:
            raise InvalidValue("amplitude", self.amplitude, "must not be 0: its sign tells peaks from troughs")
        number(self.latency_sd, "latency_sd", unit="ms", gt=0)
        if self.amplitude_sd is None:
            object.__setattr__(self, "amplitude_sd", 0.1 * abs(self.amplitude))
        number(self.amplitude_sd, "amplitude_sd", unit="nAm", gt=0)


def _peaks(given: Any) -> tuple[PeakAt, ...]:
    peaks = (given,) if isinstance(given, PeakAt) else tuple(given)
    for k, peak in enumerate(peaks):
        if not isinstance(peak, PeakAt):
            raise InvalidType(f"peaks[{k}]", peak, "must be a PeakAt(tstart, tstop, latency, amplitude)")
    if not peaks:
        raise InvalidValue("peaks", (), "must hold at least one PeakAt")
    return peaks


@attrs.frozen
class Peaks(Objective):
    """Latencies and amplitudes of peaks: the root mean square of their differences, each in its standard deviations.

    Parameters
    ----------
    peaks : sequence of PeakAt
        The recorded peaks.
    smooth : float, optional
        Window that smooths the simulated dipole (ms).
    scale : float
        Factor of the simulated dipole.
    layer : str
        ``'agg'``, ``'L2'`` or ``'L5'``.
    name : str
        What it is called.
    """

    peaks: tuple[PeakAt, ...] = attrs.field(converter=_peaks)
    smooth: float | None = None
    scale: float = 1.0
    layer: str = "agg"
    name: str = "peaks"

    @property
    def needs(self) -> frozenset[str]:
        """The dipole."""
        return frozenset({"dipole"})

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where a peak's window reaches outside the simulation.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        Objective.check(self, network, tstop)
        for peak in self.peaks:
            if peak.tstart < 0 or peak.tstop > tstop + SLACK_MS:
                raise InvalidValue(
                    self.name, (peak.tstart, peak.tstop), f"must lie within the simulation, 0 to {tstop:g} ms"
                )

    def residuals(self, result: Result) -> Array:
        """Return the differences in standard deviations, over the root of their number: latency, amplitude of each.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        times, data = simulated(result, self.layer, self.smooth)
        found = []
        for peak in self.peaks:
            inside = (times >= peak.tstart) & (times <= peak.tstop)
            k = int(np.argmax(np.sign(peak.amplitude) * data[inside]))
            found.append((times[inside][k] - peak.latency) / peak.latency_sd)
            found.append((self.scale * data[inside][k] - peak.amplitude) / peak.amplitude_sd)
        return np.array(found) / np.sqrt(len(found))

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the root mean square.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        return {self.name: float(np.sqrt(np.sum(self.residuals(result) ** 2)))}

    def describe(self) -> dict[str, Any]:
        """Return the peaks and how the dipole is shown."""
        return {"objective": "Peaks", **attrs.asdict(self)}


@attrs.frozen
class BandPower(Objective):
    """Power of the dipole within a band of frequencies, against a recorded power or as much of it as can be.

    With ``power`` the loss is the distance in decades, ``abs(log10(simulated / power))``; without, it is 1 minus the
    band's part of all power. The density is the mean of the trials' periodograms (`hnnlib.analysis.psd`).

    Parameters
    ----------
    fmin, fmax : float
        The band (Hz).
    power : float, optional
        The recorded power: in nAm², or a part of 1 if ``relative``.
    relative : bool
        Whether power is counted as part of all power up to ``fmax_all``.
    fmax_all : float
        What "all power" reaches to (Hz).
    tstart : float
        Simulated dipoles count from here on (ms), when the network has settled.
    scale : float
        Factor of the simulated dipole.
    name : str
        What it is called.
    """

    fmin: float
    fmax: float
    power: float | None = None
    relative: bool = False
    fmax_all: float = 200.0
    tstart: float = 0.0
    scale: float = 1.0
    name: str = "band power"

    def __attrs_post_init__(self) -> None:
        if not 0 <= number(self.fmin, "fmin", unit="Hz") < number(self.fmax, "fmax", unit="Hz"):
            raise InvalidValue("band", (self.fmin, self.fmax), "must rise, from 0 Hz on")
        if self.fmax > number(self.fmax_all, "fmax_all", unit="Hz"):
            raise InvalidValue("fmax_all", self.fmax_all, f"must be >= fmax, {self.fmax:g} Hz")
        if self.power is not None:
            number(self.power, "power", gt=0)

    @property
    def needs(self) -> frozenset[str]:
        """The dipole."""
        return frozenset({"dipole"})

    def check(self, network: NetworkSpec, tstop: float) -> None:
        """Raise where the simulation is too short to tell the band from its neighbours.

        Parameters
        ----------
        network : NetworkSpec
            What is to be simulated.
        tstop : float
            Duration (ms).
        """
        Objective.check(self, network, tstop)
        if tstop - self.tstart < 1000.0 / (self.fmax - self.fmin):
            least = 1000.0 / (self.fmax - self.fmin)
            raise InvalidValue(self.name, tstop - self.tstart, f"needs at least {least:g} ms after tstart")

    def parts(self, result: Result) -> Mapping[str, float]:
        """Return the loss, and the power.

        Parameters
        ----------
        result : Result
            A simulation.
        """
        dipoles = result.dipoles
        kept = dipoles[0].times >= self.tstart
        traces = np.array([d.data["agg"][kept] for d in dipoles]) * self.scale
        freqs, density = psd(traces, dipoles[0].sfreq, fmax=self.fmax_all)
        relative = self.relative or self.power is None
        found = float(band_power(freqs, density.mean(axis=0), self.fmin, min(self.fmax, freqs[-1]), relative))
        if self.power is None:
            return {self.name: 1.0 - found, f"{self.name} power": found}
        loss = abs(float(np.log10(max(found, np.finfo(float).tiny) / self.power)))
        return {self.name: loss, f"{self.name} power": found}

    def describe(self) -> dict[str, Any]:
        """Return band and power."""
        return {"objective": "BandPower", **attrs.asdict(self)}
