"""What was recorded and is to be fitted: a source's moment over time, its unit and sign stated, never guessed."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number, positive_number, rising_times, time_series
from hnnlib.base.errors import (
    FileFormatError,
    InvalidType,
    InvalidValue,
    MissingFile,
    MissingPackage,
    UnknownName,
)

__all__ = ["Target", "read_target"]

Array = NDArray[np.float64]

UNITS: Mapping[str, float] = immutabledict(
    {"Am": 1e9, "mAm": 1e6, "uAm": 1e3, "µAm": 1e3, "nAm": 1.0, "pAm": 1e-3, "fAm": 1e-6}
)
"""What one of each unit is in nAm."""
TIME_UNITS: Mapping[str, float] = immutabledict({"ms": 1.0, "s": 1e3})
"""What one of each unit is in ms."""
UNEVEN = 0.02
"""Part of a sampling interval by which times may be rounded in a file and still count as evenly spaced."""


@attrs.frozen(eq=False, repr=False)
class Target:
    """A recorded moment over time.

    Objectives take it as their first argument: ``RMSE(target, smooth=20)``. Where unit or sign are others, make it by
    `from_arrays`, `from_mne` or `read_target`.

    Parameters
    ----------
    times : array-like, shape (n_times,)
        Times (ms), rising, on the clock of the simulation: 0 ms is where it starts.
    data : array-like, shape (n_times,)
        Moment (nAm); positive is a current up the apical dendrites, towards the surface of the cortex.
    name : str
        What it is called in tables and figures.
    n_averaged : int, optional
        Number of recorded trials that were averaged; uncertainty is estimated with it.

    Raises
    ------
    InvalidValue
        If times don't rise, a value is no finite number (names the sample and its time), or there are fewer than 2.
    """

    times: Array
    data: Array
    name: str = "target"
    n_averaged: int | None = None

    def __attrs_post_init__(self) -> None:
        times = rising_times("target.times", self.times)
        data = time_series("target.data", self.data)
        if times.size != data.size or times.size < 2:
            raise InvalidValue(
                "target.shape", (times.shape, data.shape), "must be two arrays of one length, at least 2 samples"
            )
        for k in np.flatnonzero(~np.isfinite(data))[:1]:
            raise InvalidValue(f"target.data[{k}]", float(data[k]), f"must be a finite number (t = {times[k]:g} ms)")
        n = self.n_averaged
        if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1):
            raise InvalidValue("target.n_averaged", n, "must be an integer >= 1, or None where it is not known")
        for field, array in (("times", times), ("data", data)):
            array = array.copy()
            array.flags.writeable = False
            object.__setattr__(self, field, array)

    @classmethod
    def from_arrays(
        cls,
        times: Any,
        data: Any,
        *,
        unit: str,
        time_unit: str = "ms",
        sign: int = 1,
        name: str = "target",
        n_averaged: int | None = None,
    ) -> Target:
        """Return a target from arrays in some unit.

        Parameters
        ----------
        times : array-like, shape (n_times,)
            Times, rising.
        data : array-like, shape (n_times,)
            Moment.
        unit : str
            Unit of ``data``: ``'Am'``, ``'nAm'``, ``'pAm'``, ``'fAm'``, …
        time_unit : str
            ``'ms'`` or ``'s'``.
        sign : int
            -1 where a positive number stands for a current away from the cortical surface.
        name : str
            What it is called.
        n_averaged : int, optional
            Number of trials that were averaged.

        Returns
        -------
        target : Target
            In ms and nAm.

        Raises
        ------
        UnknownName
            If there is no such unit.
        InvalidValue
            As for `Target`, or if the sign is neither 1 nor -1.
        """
        if unit not in UNITS:
            raise UnknownName("unit", unit, "unit of a moment", UNITS)
        if time_unit not in TIME_UNITS:
            raise UnknownName("time_unit", time_unit, "unit of time", TIME_UNITS)
        if isinstance(sign, bool) or sign not in (1, -1):
            raise InvalidValue("sign", sign, "must be 1 or -1")
        in_ms = time_series("target.times", times) * TIME_UNITS[time_unit]
        return cls(in_ms, time_series("target.data", data) * (UNITS[unit] * sign), name, n_averaged)

    @classmethod
    def from_mne(cls, recorded: Any, *, unit: str, sign: int = 1, pick: Any = None, name: str = "") -> Target:
        """Return a target from a value of MNE-Python's.

        Parameters
        ----------
        recorded : mne.Evoked, mne.SourceEstimate or mne.VolSourceEstimate
            The average of the recorded trials. Of an ``Evoked``, a channel that holds a source's moment is meant (a
            virtual electrode); what sensors see of a source is no moment.
        unit : str
            Unit of the numbers, as in `from_arrays`. Minimum-norm estimates are in ``'Am'``; dSPM, sLORETA and eLORETA
            have no unit of a moment and can be fitted only up to a factor (``scale='fit'``): say ``'nAm'``.
        sign : int
            -1 where a positive number stands for a current away from the cortical surface.
        pick : str or int, optional
            Of an ``Evoked``, the channel by name or number; of a source estimate, the number of the source, or
            ``'mean'`` of all its sources. It may be left out where there is only one.
        name : str
            What it is called; the channel or the comment when left out.

        Returns
        -------
        target : Target
            In ms and nAm, with ``n_averaged`` if MNE knows it.

        Raises
        ------
        MissingPackage
            If MNE-Python is not installed.
        InvalidType
            If it is none of these values.
        UnknownName
            If there is no such channel, source or unit.
        InvalidValue
            If there are several and none is picked; as for `Target`.
        """
        try:
            import mne
        except ImportError:
            raise MissingPackage("mne", "mne") from None
        if isinstance(recorded, mne.Evoked):
            names = list(recorded.ch_names)
            row, label = _row(recorded.data, names, pick, "channel"), recorded.comment or "recorded"
            averaged = int(recorded.nave) if recorded.nave and recorded.nave >= 1 else None
        elif isinstance(recorded, mne.SourceEstimate | mne.VolSourceEstimate):
            sources = [str(k) for k in range(len(recorded.data))]
            row, label, averaged = _row(recorded.data, sources, pick, "source"), "recorded", None
        else:
            raise InvalidType("recorded", recorded, "must be an mne.Evoked or a scalar source estimate of MNE's")
        return cls.from_arrays(
            recorded.times, row, unit=unit, time_unit="s", sign=sign, name=name or label, n_averaged=averaged
        )

    def crop(self, tstart: float | None = None, tstop: float | None = None) -> Target:
        """Return the part within a window, ends included.

        Parameters
        ----------
        tstart, tstop : float, optional
            The window (ms). Left out: from the first sample, or to the last.

        Returns
        -------
        target : Target
            A new one.

        Raises
        ------
        InvalidValue
            If the target is shorter than the window, or the window is empty.
        """
        kept = self._inside(tstart, tstop)
        if kept.sum() < 2:
            raise InvalidValue("window", (tstart, tstop), "must hold at least 2 samples of the target")
        return attrs.evolve(self, times=self.times[kept], data=self.data[kept])

    def baseline(self, tstart: float | None = None, tstop: float | None = None) -> Target:
        """Return the target with its mean over a window taken off.

        Parameters
        ----------
        tstart, tstop : float, optional
            The window (ms), e.g. up to the stimulus.

        Returns
        -------
        target : Target
            A new one.

        Raises
        ------
        InvalidValue
            If the target is shorter than the window, or the window is empty.
        """
        kept = self._inside(tstart, tstop)
        if not kept.any():
            raise InvalidValue("window", (tstart, tstop), "must hold at least 1 sample of the target")
        return attrs.evolve(self, data=self.data - self.data[kept].mean())

    def shift(self, by: float) -> Target:
        """Return the target later on the clock, e.g. by the time that a simulated network has to settle.

        Parameters
        ----------
        by : float
            How much later (ms).

        Returns
        -------
        target : Target
            A new one.
        """
        return attrs.evolve(self, times=self.times + finite_number("by", by, "ms"))

    def resample(self, sfreq: float) -> Target:
        """Return the target at another sampling rate, low-passed below half of it where that is lower.

        Parameters
        ----------
        sfreq : float
            Samples per second (Hz).

        Returns
        -------
        target : Target
            A new one from the same first time on, by ``scipy.signal.resample_poly`` (its ends continued by a line).

        Raises
        ------
        InvalidValue
            If the rate is not above 0, leaves fewer than 2 samples, or the target is not evenly sampled.
        """
        from scipy.signal import resample_poly

        rate = positive_number("sfreq", sfreq, "Hz")
        step = (self.times[-1] - self.times[0]) / (self.times.size - 1)
        off = np.abs(self.times - (self.times[0] + step * np.arange(self.times.size)))
        if off.max() > UNEVEN * step:
            k = int(np.argmax(off))
            raise InvalidValue(
                f"target.times[{k}]", float(self.times[k]), "is not evenly spaced: it can't be resampled"
            )
        ratio = Fraction(rate * step / 1e3).limit_denominator(1000)
        if ratio * (self.times.size - 1) < 1:
            raise InvalidValue("sfreq", rate, "leaves fewer than 2 samples of the target")
        data = resample_poly(self.data, ratio.numerator, ratio.denominator, padtype="line")
        times = self.times[0] + step * float(1 / ratio) * np.arange(data.size)
        return attrs.evolve(self, times=times, data=data)

    def _inside(self, tstart: float | None, tstop: float | None) -> NDArray[np.bool_]:
        start = self.times[0] if tstart is None else finite_number("tstart", tstart, "ms")
        stop = self.times[-1] if tstop is None else finite_number("tstop", tstop, "ms")
        step = float(np.max(np.diff(self.times)))
        # a window that ends between two samples is covered by the samples on its inner side
        if start < self.times[0] - step or stop > self.times[-1] + step:
            raise InvalidValue(
                "target",
                (float(self.times[0]), float(self.times[-1])),
                f"is shorter than the window: it must cover {start:g} to {stop:g} ms",
            )
        inside: NDArray[np.bool_] = (self.times >= start) & (self.times <= stop)
        return inside

    def __repr__(self) -> str:
        peak = int(np.argmax(np.abs(self.data)))
        of = "" if self.n_averaged is None else f"; mean of {self.n_averaged} trials"
        return (
            f"<Target | {self.name}: {self.times.size} samples, {self.times[0]:g} to {self.times[-1]:g} ms; "
            f"peak {self.data[peak]:.4g} nAm at {self.times[peak]:g} ms{of}>"
        )


def read_target(
    fname: str | os.PathLike[str],
    *,
    unit: str,
    times: str | int = 0,
    data: str | int = 1,
    time_unit: str = "ms",
    sign: int = 1,
    delimiter: str | None = None,
    name: str = "",
    n_averaged: int | None = None,
) -> Target:
    """Read a target from a table: one row a time.

    Parameters
    ----------
    fname : path-like
        A text file; lines that begin with ``#`` are left out.
    unit : str
        Unit of the moments: ``'Am'``, ``'nAm'``, …
    times, data : str or int
        The columns: by name, as the first line has it, or by number from 0.
    time_unit : str
        ``'ms'`` or ``'s'``.
    sign : int
        -1 where a positive number stands for a current away from the cortical surface.
    delimiter : str, optional
        What stands between columns. Left out: a comma in files whose name ends in ``.csv``, a tab in ``.tsv``, any
        white space in others.
    name : str
        What it is called; the file's name when left out.
    n_averaged : int, optional
        Number of trials that were averaged.

    Returns
    -------
    target : Target
        In ms and nAm.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If a row has not that column or no number in it; names the line.
    UnknownName
        If there is no such column or unit.
    InvalidValue
        As for `Target`.
    """
    path = Path(fname)
    if delimiter is None:
        delimiter = {".csv": ",", ".tsv": "\t"}.get(path.suffix.lower())
    rows = _rows(path, delimiter)
    header = None if all(map(_is_number, rows[0][1])) else [field.strip().strip('"') for field in rows[0][1]]
    columns = [_column(path, column, header, what) for what, column in (("times", times), ("data", data))]
    values = [[_number_in(path, line, fields, k) for k in columns] for line, fields in rows[header is not None :]]
    if len(values) < 2:
        raise FileFormatError(path, f"has {len(values)} rows of numbers; a target needs at least 2")
    table = np.array(values)
    return Target.from_arrays(
        table[:, 0],
        table[:, 1],
        unit=unit,
        time_unit=time_unit,
        sign=sign,
        name=name or path.stem,
        n_averaged=n_averaged,
    )


def _rows(path: Path, delimiter: str | None) -> list[tuple[int, list[str]]]:
    """Return number (from 1) and fields of each line that has any."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFile(path) from None
    except UnicodeDecodeError:
        raise FileFormatError(path, "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(path, f"can't be read ({error.strerror or error})") from None
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise FileFormatError(path, "holds no numbers")
    if delimiter is None:
        return [(k, line.split()) for k, line in lines]
    fields = csv.reader((line for _, line in lines), delimiter=delimiter)
    return [(k, row) for (k, _), row in zip(lines, fields, strict=True)]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _column(path: Path, column: str | int, header: Sequence[str] | None, what: str) -> int:
    if isinstance(column, str):
        if header is None:
            raise FileFormatError(path, f"has no line of names, so {what}={column!r} can't be found: give a number")
        if column not in header:
            raise UnknownName(what, column, f"column of {path.name}", header)
        return header.index(column)
    if isinstance(column, bool) or not isinstance(column, int) or column < 0:
        raise InvalidValue(what, column, "must be a column's name, or its number from 0")
    return column


def _number_in(path: Path, line: int, fields: Sequence[str], column: int) -> float:
    if column >= len(fields):
        raise FileFormatError(path, f"has {len(fields)} columns, so there is no column {column}", line)
    if not _is_number(fields[column]):
        raise FileFormatError(path, f"{fields[column]!r} in column {column} is no number", line)
    return float(fields[column])


def _row(data: Any, names: Sequence[str], pick: Any, what: str) -> Array:
    """Return one row of (n_rows, n_times), by name or number."""
    if pick is None:
        if len(names) != 1:
            raise InvalidValue("pick", None, f"must say which of {len(names)} {what}s is meant")
        return np.asarray(data[0], dtype=np.float64)
    if pick == "mean" and what == "source":
        return np.asarray(data, dtype=np.float64).mean(axis=0)
    if isinstance(pick, int) and not isinstance(pick, bool) and 0 <= pick < len(names):
        return np.asarray(data[pick], dtype=np.float64)
    if pick in names:
        return np.asarray(data[names.index(pick)], dtype=np.float64)
    raise UnknownName("pick", pick, what, names)
