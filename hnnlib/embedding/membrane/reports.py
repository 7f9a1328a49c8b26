"""What the protocols found."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.base.errors import UnknownName

__all__ = ["BACReport", "BackPropagation", "StepReport"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepReport:
    """What steps of current make a cell do; times count from the start of the step.

    Parameters
    ----------
    amplitude_nA : array, shape (n,)
        The steps (nA).
    duration_ms : float
        How long they were on (ms).
    spikes_ms : tuple of array
        Times of the soma's spikes (ms), for each step.
    rest_mV : float
        Potential of the soma just before the steps (mV).
    deflection_mV : array, shape (n,)
        Change of the soma's potential, over the last tenth of the step (mV); of use where the cell didn't fire.
    times_ms : array, shape (n_times,)
        Times of the samples (ms), from 20 ms before the step.
    soma_mV : array, shape (n, n_times)
        Potential of the soma (mV).
    """

    amplitude_nA: np.ndarray
    duration_ms: float
    spikes_ms: tuple[np.ndarray, ...]
    rest_mV: float
    deflection_mV: np.ndarray
    times_ms: np.ndarray
    soma_mV: np.ndarray

    @property
    def rate_Hz(self) -> np.ndarray:
        """Spikes per second during the step, shape (n,)."""
        return np.array([np.count_nonzero(t <= self.duration_ms) for t in self.spikes_ms]) / self.duration_ms * 1e3

    @property
    def first_spike_ms(self) -> np.ndarray:
        """Time of the first spike (ms), shape (n,); NaN: none."""
        return np.array([t[0] if len(t) else np.nan for t in self.spikes_ms])

    @property
    def input_MOhm(self) -> float:
        """Input resistance by the weakest step at which the cell was silent (MΩ); NaN: there is none."""
        silent = [len(t) == 0 and a != 0 for t, a in zip(self.spikes_ms, self.amplitude_nA, strict=True)]
        if not any(silent):
            return float("nan")
        k = int(np.where(silent, np.abs(self.amplitude_nA), np.inf).argmin())
        return float(self.deflection_mV[k] / self.amplitude_nA[k])

    def __repr__(self) -> str:
        rates = zip(self.amplitude_nA.tolist(), self.rate_Hz.tolist(), self.first_spike_ms.tolist(), strict=True)
        rows = [f"  {a:+.3g} nA: {r:.3g} Hz" + (f", first at {t:.1f} ms" if r else "") for a, r, t in rates]
        known = "" if np.isnan(self.input_MOhm) else f", input resistance {self.input_MOhm:.0f} MΩ"
        head = f"rest {self.rest_mV:.1f} mV{known}"
        return "\n".join([f"<StepReport | steps of {self.duration_ms:g} ms, {head}>", *rows])


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BackPropagation:
    """How high a spike of the soma is along the dendrites; a row for each section, at its middle.

    Parameters
    ----------
    section, domain : tuple of str
        Section and domain.
    distance_um : array, shape (n,)
        Path distance from the middle of the soma (µm).
    amplitude_mV : array, shape (n,)
        Peak above the potential before the current (mV).
    delay_ms : array, shape (n,)
        From the soma's peak to the section's (ms).
    n_spikes : int
        Spikes of the soma; what is reported is meant for one.
    """

    section: tuple[str, ...]
    domain: tuple[str, ...]
    distance_um: np.ndarray
    amplitude_mV: np.ndarray
    delay_ms: np.ndarray
    n_spikes: int

    def near(self, domain: str, distance_um: float) -> float:
        """Return the amplitude in the section of a domain that is nearest to a path distance (mV).

        Parameters
        ----------
        domain : str
            A domain, or ``apical``.
        distance_um : float
            Path distance from the soma (µm).

        Raises
        ------
        UnknownName
            If the cell has no section there.
        """
        rows = [k for k, d in enumerate(self.domain) if domain in (d, d.split("_")[0])]
        if not rows:
            raise UnknownName("domain", domain, "domain of this cell", sorted(set(self.domain)))
        return float(self.amplitude_mV[rows[np.abs(self.distance_um[rows] - distance_um).argmin()]])

    def __repr__(self) -> str:
        lines = [f"<BackPropagation | {self.n_spikes} spike{'s' * (self.n_spikes != 1)}>"]
        for domain in dict.fromkeys(self.domain):
            rows = np.array([k for k, d in enumerate(self.domain) if d == domain])
            near, far = rows[self.distance_um[rows].argmin()], rows[self.distance_um[rows].argmax()]
            ends = dict.fromkeys((int(near), int(far)))
            found = [f"{self.amplitude_mV[k]:.0f} mV at {self.distance_um[k]:.0f} µm" for k in ends]
            lines.append(f"  {domain}: {', '.join(found)}")
        return "\n".join(lines)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BACReport:
    """What a pulse into the soma and an input to the apical tree do alone and together (Larkum et al. 1999).

    Rows are ``soma``, ``tuft`` and ``both``; times count from the start of the pulse.

    Parameters
    ----------
    site : str
        Section that got the input to the apical tree, and where the plateau is measured.
    site_um : float
        Path distance of its middle from the soma (µm).
    spikes_ms : tuple of array
        Times of the soma's spikes (ms).
    peak_mV : array, shape (3,)
        Highest potential at the site.
    plateau_ms : array, shape (3,)
        How long the site was above -40 mV (ms).
    times_ms : array, shape (n_times,)
        Times of the samples (ms).
    soma_mV, site_mV : array, shape (3, n_times)
        Potentials (mV).
    """

    site: str
    site_um: float
    spikes_ms: tuple[np.ndarray, ...]
    peak_mV: np.ndarray
    plateau_ms: np.ndarray
    times_ms: np.ndarray
    soma_mV: np.ndarray
    site_mV: np.ndarray

    @property
    def n_spikes(self) -> np.ndarray:
        """Number of spikes of the soma: by the pulse, the input to the tuft, both; shape (3,)."""
        return np.array([len(t) for t in self.spikes_ms])

    def __repr__(self) -> str:
        rows = zip(("soma", "tuft", "both"), self.n_spikes.tolist(), self.peak_mV, self.plateau_ms, strict=True)
        lines = [
            f"  {name}: {n} spike{'s' * (n != 1)}, site's peak {p:.0f} mV, {w:.1f} ms above -40 mV"
            for name, n, p, w in rows
        ]
        return "\n".join([f"<BACReport | {self.site}, {self.site_um:.0f} µm from the soma>", *lines])
