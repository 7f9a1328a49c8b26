"""The current dipole moment of a network over time."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, rising_times
from hnnlib.analysis.filters import savgol_filter, smooth_waveform
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.forward import source_estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Dipole", "average_dipoles", "read_dipole"]

COLUMNS = ("agg", "L2", "L5")
"""Names of the columns where a dipole is given as an array, as in HNN-core 0.6.1."""


class Dipole:
    """The current dipole moment of a network over time.

    `scale`, `smooth` and `savgol_filter` change the dipole in place and return it, so that they can be chained:
    ``dpl.copy().smooth(30).scale(3000)``.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms), at least 2, rising.
    data : array-like, shape (n_times,), (n_times, 1) or (n_times, 3), or mapping of str to array-like (n_times,)
        Dipole moments (nAm). The columns of an array are the aggregate and layers 2/3 and 5; a mapping has the
        aggregate as ``'agg'`` and any other names for its parts.
    nave : int
        Number of trials that were averaged.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        Times (ms).
    data : dict of str to ndarray, shape (n_times,)
        Moments (nAm, multiplied by ``scale_applied``) by name, ``'agg'`` first.
    nave : int
        Number of trials that were averaged.
    scale_applied : float
        Product of all factors given to `scale`.

    Raises
    ------
    InvalidValue
        If times don't rise, shapes don't fit, or a mapping has no ``'agg'``.
    InvalidType
        If times or data are not numbers.
    """

    def __init__(self, times: Any, data: Any, nave: int = 1) -> None:
        self.times = _times(times)
        self.data = _moments(data, self.times.size)
        if isinstance(nave, bool) or not isinstance(nave, int | np.integer):
            raise InvalidType("nave", nave, "must be an integer")
        if nave < 1:
            raise InvalidValue("nave", nave, "must be >= 1 trial")
        self.nave = int(nave)
        self.scale_applied = 1.0

    @property
    def sfreq(self) -> float:
        """Sampling rate (Hz), from the first two times."""
        return float(1000.0 / (self.times[1] - self.times[0]))

    def copy(self) -> Dipole:
        """Return an independent copy.

        Returns
        -------
        dipole : Dipole
            The copy.
        """
        return copy.deepcopy(self)

    def scale(self, factor: float) -> Dipole:
        """Multiply all moments by a factor, in place.

        Parameters
        ----------
        factor : float
            The factor, e.g. how many columns like the simulated one a source is made of.

        Returns
        -------
        dipole : Dipole
            The dipole itself.

        Raises
        ------
        InvalidValue
            If the factor is not a finite number.
        """
        number = finite_number("factor", factor)
        for name in self.data:
            self.data[name] = self.data[name] * number
        self.scale_applied *= number
        return self

    def smooth(self, window_len: float) -> Dipole:
        """Smooth all moments with a Hamming window, in place.

        Parameters
        ----------
        window_len : float
            Length of the window (ms); see `hnnlib.analysis.smooth_waveform`.

        Returns
        -------
        dipole : Dipole
            The dipole itself.

        Raises
        ------
        InvalidValue
            If the window is shorter than 1 ms or a sample, or longer than the dipole.
        """
        self.data = {name: smooth_waveform(x, window_len, self.sfreq) for name, x in self.data.items()}
        return self

    def savgol_filter(self, h_freq: float) -> Dipole:
        """Low-pass all moments with a Savitzky-Golay filter of fifth order, in place.

        Parameters
        ----------
        h_freq : float
            Approximate upper cut-off frequency (Hz); see `hnnlib.analysis.savgol_filter`.

        Returns
        -------
        dipole : Dipole
            The dipole itself.

        Raises
        ------
        InvalidValue
            If the frequency is not positive, above half the sampling rate, or makes an unusable window.
        """
        self.data = {name: savgol_filter(x, h_freq, self.sfreq) for name, x in self.data.items()}
        return self

    def plot(self, **kwargs: Any) -> Figure:
        """Plot the dipole over time.

        Parameters
        ----------
        **kwargs
            Passed on to `hnnlib.viz.plot_dipole`: ``layer``, ``decim``, ``ax``, ``color``, ``show``, …

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_dipole

        return plot_dipole(self, **kwargs)

    def plot_psd(self, **kwargs: Any) -> Figure:
        """Plot the power spectral density of the dipole.

        Parameters
        ----------
        **kwargs
            Passed on to `hnnlib.viz.plot_psd`: ``fmin``, ``fmax``, ``tmin``, ``tmax``, ``layer``, ``color``,
            ``label``, ``ax``, ``show``.

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_psd

        return plot_psd(self, **kwargs)

    def plot_tfr_morlet(self, freqs: Any, **kwargs: Any) -> Figure:
        """Plot the power of the dipole over time and frequency.

        Parameters
        ----------
        freqs : array-like, shape (n_freqs,)
            Frequencies (Hz).
        **kwargs
            Passed on to `hnnlib.viz.plot_tfr_morlet`: ``n_cycles``, ``tmin``, ``tmax``, ``layer``, ``padding``, …

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_tfr_morlet

        return plot_tfr_morlet(self, freqs, **kwargs)

    def to_mne(
        self, forward: Any, position: Any, orientation: Any = None, layer: str = "agg", max_distance: float = 0.01
    ) -> Any:
        """Hand the dipole over to MNE-Python, at a place in a head.

        Smooth and scale it first: the scale is how many columns like the simulated one are active.

        Parameters
        ----------
        forward : mne.Forward
            Forward solution.
        position : array-like, shape (3,)
            Where the dipole is (m), in the coordinates of ``forward``; the nearest source is taken.
        orientation : array-like, shape (3,), optional
            Direction of a positive moment. Left out: the normal of that source.
        layer : str
            Which of the moments, e.g. ``'L5'``.
        max_distance : float
            How far away the nearest source may be (m).

        Returns
        -------
        estimate : mne.SourceEstimate or one of its kin
            Moments (Am) over time (s); what sensors see is ``mne.apply_forward(forward, estimate, info)``. See
            ``hnnlib.results.forward.source_estimate``.

        Raises
        ------
        MissingPackage
            If MNE-Python is not installed.
        UnknownName
            If there is no such layer.
        InvalidValue
            If no source is near enough.
        """
        if layer not in self.data:
            raise UnknownName("layer", layer, "layer of this dipole", self.data)
        return source_estimate(self.times, self.data[layer], forward, position, orientation, max_distance)

    def write(
        self, fname: str | os.PathLike[str] | TextIO, overwrite: bool = True, decimals: int | None = None
    ) -> None:
        """Write the dipole to a text or HDF5 file.

        Parameters
        ----------
        fname : path-like or text stream
            Where to: a name that ends in ``.txt``, ``.hdf5`` or ``.h5``, or an open text stream. Text has one row a
            time (ms and nAm), tab-separated; HDF5 keeps everything exactly (see `hnnlib.io.hdf5`).
        overwrite : bool
            Whether an existing file may be replaced.
        decimals : int, optional
            Decimals of the moments in a text file. Left out: 10 significant digits. 4 gives HNN-core's files, which
            keep little of a dipole that has not been scaled.

        Raises
        ------
        OutputError
            If the file can't be written; nothing is left there, or the older file as it was.
        InvalidValue
            If the name ends in something else.
        """
        from hnnlib.io.hdf5 import write_dipole_hdf5
        from hnnlib.io.text import write_dipole_text

        if hasattr(fname, "write") or _extension(fname, (".txt", ".hdf5", ".h5")) == ".txt":
            write_dipole_text(self, fname, overwrite, decimals)
        else:
            write_dipole_hdf5(self, fname, overwrite)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dipole):
            return NotImplemented
        return (
            self.nave == other.nave
            and self.scale_applied == other.scale_applied
            and list(self.data) == list(other.data)
            and np.array_equal(self.times, other.times)
            and all(np.array_equal(x, other.data[name], equal_nan=True) for name, x in self.data.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        peak = int(np.argmax(np.abs(self.data["agg"])))
        scaled = "" if self.scale_applied == 1 else f" (scaled by {self.scale_applied:g})"
        trials = "" if self.nave == 1 else f", mean of {self.nave} trials"
        return (
            f"<Dipole | {self.times.size} samples, {self.times[0]:g} to {self.times[-1]:g} ms, {', '.join(self.data)}; "
            f"peak {self.data['agg'][peak]:.4g} nAm{scaled} at {self.times[peak]:g} ms{trials}>"
        )


def _times(times: Any) -> NDArray[np.float64]:
    array = rising_times("times", times)
    if array.size < 2:
        raise InvalidValue("times.shape", array.shape, "must be (n_times,) with at least 2 samples")
    return array.copy()


def _moments(data: Any, n_times: int) -> dict[str, NDArray[np.float64]]:
    if isinstance(data, Mapping):
        if "agg" not in data:
            raise InvalidValue("data", list(data), "must name the aggregate 'agg'")
        names = ["agg", *(name for name in data if name != "agg")]
        columns = [_numbers(f"data[{name!r}]", data[name]) for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.shape != (n_times,):
                raise InvalidValue(f"data[{name!r}].shape", column.shape, f"must be that of times, ({n_times},)")
        return dict(zip(names, columns, strict=True))
    array = _numbers("data", data)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[0] != n_times or array.shape[1] not in (1, len(COLUMNS)):
        raise InvalidValue(
            "data.shape", np.shape(data), f"must be ({n_times},), ({n_times}, 1) or ({n_times}, 3): agg, L2, L5"
        )
    return {name: array[:, i].copy() for i, name in enumerate(COLUMNS[: array.shape[1]])}


def _numbers(path: str, value: Any) -> NDArray[np.float64]:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(path, value, "must be an array of numbers in nAm") from None


def _extension(fname: str | os.PathLike[str] | TextIO, allowed: tuple[str, ...]) -> str:
    name = os.fspath(fname)  # type: ignore[arg-type]
    extension = os.path.splitext(name)[1].lower()
    if extension not in allowed:
        raise InvalidValue("fname", name, f"must end in {', '.join(allowed[:-1])} or {allowed[-1]}")
    return extension


def average_dipoles(dpls: Sequence[Dipole]) -> Dipole:
    """Return the mean of the dipoles of several trials.

    Parameters
    ----------
    dpls : sequence of Dipole
        Single trials with the same times, parts and scale.

    Returns
    -------
    dipole : Dipole
        The mean, with ``nave`` the number of trials.

    Raises
    ------
    InvalidValue
        If there is none, one is an average already, or times, parts or scales differ.
    InvalidType
        If an element is no `Dipole`.
    """
    dpls = list(dpls)
    if not dpls:
        raise InvalidValue("dpls", dpls, "must hold at least one dipole")
    for i, dpl in enumerate(dpls):
        if not isinstance(dpl, Dipole):
            raise InvalidType(f"dpls[{i}]", dpl, "must be a Dipole")
    first = dpls[0]
    for i, dpl in enumerate(dpls):
        if dpl.nave > 1:
            raise InvalidValue(f"dpls[{i}].nave", dpl.nave, f"must be 1: dipole {i} is an average of {dpl.nave} trials")
        if dpl.scale_applied != first.scale_applied:
            raise InvalidValue(
                f"dpls[{i}].scale_applied",
                dpl.scale_applied,
                f"must be that of the first dipole, {first.scale_applied}",
            )
        if list(dpl.data) != list(first.data):
            raise InvalidValue(f"dpls[{i}].data", list(dpl.data), f"must have the parts {list(first.data)}")
        if not np.array_equal(dpl.times, first.times):
            raise InvalidValue(f"dpls[{i}].times", dpl.times, "must be those of the first dipole")
    mean = {name: np.mean([dpl.data[name] for dpl in dpls], axis=0) for name in first.data}
    average = Dipole(first.times, mean, nave=len(dpls))
    average.scale_applied = first.scale_applied
    return average


def read_dipole(fname: str | os.PathLike[str]) -> Dipole:
    """Read a dipole from a text, CSV or HDF5 file.

    Parameters
    ----------
    fname : path-like
        A name that ends in ``.txt`` (columns time and aggregate, or time, aggregate, L2, L5), ``.csv`` (the same with
        commas and one header line), ``.hdf5`` or ``.h5`` (as written by `Dipole.write`).

    Returns
    -------
    dipole : Dipole
        The dipole. Text doesn't say how often it was averaged or scaled: ``nave`` and ``scale_applied`` are 1.

    Raises
    ------
    InvalidValue
        If the name ends in something else.
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is no dipole.
    """
    from hnnlib.io.hdf5 import read_dipole_hdf5
    from hnnlib.io.text import read_dipole_text

    extension = _extension(fname, (".txt", ".csv", ".hdf5", ".h5"))
    if extension in (".txt", ".csv"):
        return read_dipole_text(fname, extension)
    return read_dipole_hdf5(fname)
