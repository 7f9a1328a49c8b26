"""Extracellular potentials recorded by an electrode array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.csd import csd, inverse_csd, laminar_spacing
from hnnlib.analysis.filters import smooth_waveform
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.traces import read_only

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ElectrodeRecording"]

UNEVEN = 1e-3
"""Times may deviate from even sampling by this much (ms)."""


def _array(value: Any) -> NDArray[np.float64]:
    return read_only(value, np.float64)


@attrs.frozen(eq=False, repr=False)
class ElectrodeRecording:
    """Potentials at the contacts of one electrode array, for all trials.

    Immutable: `smooth` and indexing return new recordings. ``len(recording)`` is the number of trials, and
    ``recording[0]``, ``recording[1:]`` or ``recording[[0, 2]]`` is a recording of those trials.

    Parameters
    ----------
    positions : array-like, shape (n_contacts, 3)
        Contact positions x, y, z (µm).
    conductivity : float
        Conductivity of the extracellular medium (S/m).
    method : str or None
        How transfer resistances were computed: ``'psa'`` (point sources), ``'lsa'`` (line sources) or None (plain sum
        of the currents).
    min_distance : float
        Least distance between a contact and a source (µm).
    times : array-like, shape (n_times,)
        Times (ms).
    voltages : array-like, shape (n_trials, n_contacts, n_times)
        Potentials (µV).

    Raises
    ------
    InvalidValue
        If shapes don't agree.
    """

    positions: NDArray[np.float64] = attrs.field(converter=_array)
    conductivity: float
    method: str | None
    min_distance: float
    times: NDArray[np.float64] = attrs.field(converter=_array)
    voltages: NDArray[np.float64] = attrs.field(converter=_array)

    def __attrs_post_init__(self) -> None:
        if self.positions.ndim != 2 or self.positions.shape[1] != 3:
            raise InvalidValue("positions.shape", self.positions.shape, "must be (n_contacts, 3)")
        if self.times.ndim != 1:
            raise InvalidValue("times.shape", self.times.shape, "must be (n_times,)")
        shape = (len(self.positions), self.times.size)
        if self.voltages.ndim != 3 or self.voltages.shape[1:] != shape:
            raise InvalidValue("voltages.shape", self.voltages.shape, f"must be (n_trials, {shape[0]}, {shape[1]})")

    def __len__(self) -> int:
        return int(self.voltages.shape[0])

    def __getitem__(self, trials: int | slice | Sequence[int]) -> ElectrodeRecording:
        """Return a recording of some trials."""
        try:
            chosen = self.voltages[_trial_index(trials)]
        except IndexError:
            # The built-in error: Python ends a loop over trials by it.
            raise IndexError(f"trials: {trials} is out of range; there are {len(self)}") from None
        return attrs.evolve(self, voltages=chosen)

    @property
    def sfreq(self) -> float:
        """Sampling rate (Hz); an `InvalidValue` where there are no two samples or they are not evenly spaced."""
        steps = np.diff(self.times)
        if steps.size == 0:
            raise InvalidValue("times.shape", self.times.shape, "must have at least 2 samples to have a sampling rate")
        if np.ptp(steps) > UNEVEN or steps[0] <= 0:
            found = (float(steps.min()), float(steps.max()))
            raise InvalidValue("steps of times", found, "ms must be equal and > 0 to have a sampling rate")
        return float(1000.0 / steps[0])

    def smooth(self, window_len: float) -> ElectrodeRecording:
        """Return the recording smoothed with a Hamming window.

        Parameters
        ----------
        window_len : float
            Length of the window (ms); see `hnnlib.analysis.smooth_waveform`.

        Returns
        -------
        recording : ElectrodeRecording
            A new recording.

        Raises
        ------
        InvalidValue
            If the window is shorter than 1 ms or a sample, or longer than the recording.
        """
        sfreq = self.sfreq
        smoothed = np.empty_like(self.voltages)
        for trial, contact in np.ndindex(self.voltages.shape[:2]):
            smoothed[trial, contact] = smooth_waveform(self.voltages[trial, contact], window_len, sfreq)
        return attrs.evolve(self, voltages=smoothed)

    def csd(self, spacing: float | None = None) -> NDArray[np.float64]:
        """Return the current source density of every trial.

        Parameters
        ----------
        spacing : float, optional
            Distance between neighbouring contacts (µm). Left out: the depth between the first two.

        Returns
        -------
        csd : ndarray, shape (n_trials, n_contacts, n_times)
            Current source density (µV/µm²); see `hnnlib.analysis.csd`.

        Raises
        ------
        InvalidValue
            If the contacts don't lie on one line, evenly spaced, along z, or are fewer than 4.
        """
        depth = laminar_spacing(self.positions)
        return csd(self.voltages, depth if spacing is None else spacing)

    def inverse_csd(self, diameter: float = 500.0, profile: str = "spline") -> NDArray[np.float64]:
        """Return the current sources of every trial, if they fill a disc round the electrode at each depth.

        Parameters
        ----------
        diameter : float
            Diameter of the discs (µm): about that of the active patch.
        profile : str
            What the density is between the contacts: ``'spline'`` or ``'delta'``.

        Returns
        -------
        csd : ndarray, shape (n_trials, n_contacts, n_times)
            Current source density (µA/mm³) in the recording's conductivity; see `hnnlib.analysis.inverse_csd`.

        Raises
        ------
        InvalidValue
            If the contacts don't lie on one line, evenly spaced, along z, or are too few.
        """
        return inverse_csd(self.voltages, laminar_spacing(self.positions), diameter, self.conductivity, profile)

    def plot_lfp(
        self,
        *,
        trial_no: int | Sequence[int] | None = None,
        contact_no: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> Figure:
        """Plot the potentials as one trace for each contact, above each other.

        Parameters
        ----------
        trial_no, contact_no : int or sequence of int, optional
            The trials, drawn over each other, and the contacts. Left out: all.
        **kwargs
            Passed on to `hnnlib.viz.plot_laminar_lfp`: ``tmin``, ``tmax``, ``ax``, ``decim``, ``color``,
            ``voltage_offset``, ``voltage_scalebar``, ``show``.

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_laminar_lfp

        trials = _chosen("trial_no", trial_no, len(self))
        contacts = _chosen("contact_no", contact_no, len(self.positions))
        labels = self.positions[contacts, 2].tolist()
        return plot_laminar_lfp(self.times, self.voltages[np.ix_(trials, contacts)], labels, **kwargs)

    def plot_csd(
        self,
        vmin: float | None = None,
        vmax: float | None = None,
        interpolation: str | None = "spline",
        sink: str = "b",
        colorbar: bool = True,
        ax: Any = None,
        show: bool = True,
        *,
        trial_no: int = 0,
        **kwargs: Any,
    ) -> Figure:
        """Plot the current source density of one trial over time and depth.

        Parameters
        ----------
        vmin, vmax : float, optional
            Densities at the ends of the colours (µV/µm²). Left out: the largest, on both sides of 0.
        interpolation : str or None
            Between contacts: ``'spline'``, or one of ``matplotlib.axes.Axes.imshow``'s. None: none.
        sink : 'b' or 'r'
            Whether sinks are blue and sources red, or the other way round.
        colorbar : bool
            Whether to explain the colours.
        ax : matplotlib.axes.Axes, optional
            Where to plot. Left out: in a new figure.
        show : bool
            Whether to show the figure, where the backend has windows.
        trial_no : int
            The trial.
        **kwargs
            Passed on to `hnnlib.viz.plot_laminar_csd`: ``tmin``, ``tmax``.

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_laminar_csd

        (trial,) = _chosen("trial_no", trial_no, len(self))
        density = self[int(trial)].csd()[0]
        labels = self.positions[:, 2].tolist()
        return plot_laminar_csd(
            self.times, density, labels, ax, colorbar, vmin, vmax, sink, interpolation, show, **kwargs
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ElectrodeRecording):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name) for name in ("conductivity", "method", "min_distance")
        ) and all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True)
            for name in ("positions", "times", "voltages")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        n_trials, n_contacts, n_times = self.voltages.shape
        return (
            f"<ElectrodeRecording | {n_trials} trials, {n_contacts} contacts, {n_times} samples (µV); "
            f"conductivity {self.conductivity:g} S/m, method {self.method}>"
        )


def _trial_index(trials: Any) -> slice | NDArray[np.int64]:
    if isinstance(trials, slice):
        return trials
    index = np.asarray(trials)
    if index.ndim > 1 or index.dtype.kind not in "iu":
        raise InvalidType("trials", trials, "must be an integer, a slice or a list of integers")
    return np.atleast_1d(index)


def _chosen(name: str, value: int | Sequence[int] | None, size: int) -> NDArray[np.int64]:
    """Return the numbers asked for, all of them for None, or raise unless each is below ``size``."""
    chosen = np.arange(size) if value is None else np.atleast_1d(np.asarray(value))
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise InvalidType(name, value, "must be an integer or a list of integers")
    for number in chosen[(chosen < 0) | (chosen >= size)][:1].tolist():
        raise InvalidValue(name, number, f"must be 0 to {size - 1}")
    return chosen
