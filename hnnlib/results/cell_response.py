"""Spikes and recordings of the cells of a network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.rates import cell_rates
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.spike_data import SpikeData
from hnnlib.results.traces import TraceMap, Traces, read_only

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CellResponse", "read_spikes"]

MEAN_TYPES = ("all", "trial", "cell")
TIME_TOLERANCE = 0.5e-3 + 1e-9
"""Two spike times are the same if they agree to the 3 decimals (ms) that spike files have."""


class CellResponse:
    """Spikes and recordings of the cells of a network, trial by trial.

    Spikes of a drive's cells are among them, with the name of the drive as type.

    Parameters
    ----------
    cell_type_names : sequence of str, optional
        Names of the cell types (without drives). Left out: not known, as when spikes are read from text.
    spike_times : sequence of array-like, n_trials of shape (n_spikes,), optional
        Spike times (ms).
    spike_gids : sequence of array-like, n_trials of shape (n_spikes,), optional
        The cell of each spike.
    spike_types : sequence of sequence of str, n_trials of length n_spikes, optional
        The type or drive of each spike. Left out: not known until `update_types` is called.
    times : array-like, shape (n_times,), optional
        Times of the simulation (ms).
    vsec, isec, ca, dipole : Traces, optional
        Recorded section voltages (mV), synaptic currents (nA), calcium concentrations (mM), dipoles of cells (fAm).
    states : mapping of str to Traces, optional
        Other states of point cells that were recorded, by NEST's names, e.g. ``g_1`` (nS).
    gid_ranges : mapping of str to range, optional
        The gids of each cell type and drive. Left out: not known, as when spikes are read from text.

    Raises
    ------
    InvalidType
        If an argument is not a list of trials.
    InvalidValue
        If numbers of trials or spikes don't agree.
    """

    def __init__(
        self,
        cell_type_names: Iterable[str] | None = None,
        spike_times: Sequence[Any] | None = None,
        spike_gids: Sequence[Any] | None = None,
        spike_types: Sequence[Any] | None = None,
        times: Any = None,
        *,
        vsec: Traces | None = None,
        isec: Traces | None = None,
        ca: Traces | None = None,
        dipole: Traces | None = None,
        states: Mapping[str, Traces] | None = None,
        gid_ranges: Mapping[str, range] | None = None,
    ) -> None:
        if isinstance(cell_type_names, str):
            raise InvalidType("cell_type_names", cell_type_names, "must be a sequence of names")
        self.cell_type_names = None if cell_type_names is None else tuple(str(name) for name in cell_type_names)
        self._times = _trials("spike_times", spike_times, np.float64)
        self._gids = _trials("spike_gids", spike_gids, np.int64)
        if spike_types is None:
            self._types = [read_only(np.full(t.size, "")) for t in self._times]
        else:
            self._types = _trials("spike_types", spike_types, np.str_)
        for name, trials in (("spike_gids", self._gids), ("spike_types", self._types)):
            _check_lengths(name, trials, self._times)
        self.times = None if times is None else read_only(times, np.float64)
        self.gid_ranges: Mapping[str, range] | None = None if gid_ranges is None else immutabledict(gid_ranges)
        given = {"vsec": vsec, "isec": isec, "ca": ca, "dipole": dipole}
        self._states = tuple(states or ())
        self.recordings = {name: t for name, t in given.items() if t is not None} | dict(states or {})
        for name, traces in self.recordings.items():
            if traces.n_trials != self.n_trials:
                raise InvalidValue(f"{name}.n_trials", traces.n_trials, f"must be that of the spikes, {self.n_trials}")

    # ------------------------------------------------------------------------------------------------- what happened

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return len(self._times)

    @property
    def spike_times(self) -> list[NDArray[np.float64]]:
        """Spike times (ms): one array of shape (n_spikes,) per trial, read-only."""
        return list(self._times)

    @property
    def spike_gids(self) -> list[NDArray[np.int64]]:
        """The cell of each spike: one array of shape (n_spikes,) per trial, read-only."""
        return list(self._gids)

    @property
    def spike_types(self) -> list[NDArray[np.str_]]:
        """The type or drive of each spike: one array of shape (n_spikes,) per trial; ``''`` where it is not known."""
        return list(self._types)

    @property
    def cell_types(self) -> list[str]:
        """Types and drives that have spikes, sorted by name."""
        return sorted({str(name) for types in self._types for name in np.unique(types) if name})

    @property
    def spike_times_by_type(self) -> dict[str, list[NDArray[np.float64]]]:
        """Spike times (ms) of each type or drive: one array per trial."""
        trials = list(zip(self._times, self._types, strict=True))
        return {name: [times[types == name] for times, types in trials] for name in self.cell_types}

    @property
    def vsec(self) -> list[TraceMap]:
        """Section voltages (mV): ``vsec[trial][gid][section]``, arrays of shape (n_times,)."""
        return self._by_trial("vsec")

    @property
    def isec(self) -> list[TraceMap]:
        """Synaptic currents (nA): ``isec[trial][gid][section]['<section>_<receptor>']``, arrays of shape (n_times,)."""
        return self._by_trial("isec")

    @property
    def ca(self) -> list[TraceMap]:
        """Calcium concentrations (mM): ``ca[trial][gid][section]``, arrays of shape (n_times,)."""
        return self._by_trial("ca")

    @property
    def dipole(self) -> list[TraceMap]:
        """Dipoles of single cells as they come from the simulator (fAm): ``dipole[trial][gid]``, arrays (n_times,)."""
        return self._by_trial("dipole")

    @property
    def states(self) -> dict[str, list[TraceMap]]:
        """Other states of point cells, by NEST's names: ``states['g_1'][trial][gid]``, arrays of shape (n_times,)."""
        return {name: self._by_trial(name) for name in self._states}

    def _by_trial(self, name: str) -> list[TraceMap]:
        if name in self.recordings:
            return self.recordings[name].by_trial
        return [TraceMap({}, np.empty((0, 0))) for _ in range(self.n_trials)]

    # ------------------------------------------------------------------------------------------------- analysis

    def update_types(self, gid_ranges: Mapping[str, Iterable[int]]) -> None:
        """Name the type of every spike anew.

        Parameters
        ----------
        gid_ranges : mapping of str to iterable of int
            The cells of each type or drive. Spikes of other cells get the type ``''``.

        Raises
        ------
        InvalidValue
            If a cell is in two ranges.
        """
        cells = {name: np.fromiter(gids, dtype=np.int64) for name, gids in gid_ranges.items()}
        owner: dict[int, str] = {}
        for name, gids in cells.items():
            for gid in gids.tolist():
                if owner.setdefault(gid, name) != name:
                    raise InvalidValue(f"gid_ranges[{name!r}]", gid, f"is a cell of {owner[gid]!r} too: ranges overlap")
        names = np.array(["", *cells])
        updated = []
        for gids in self._gids:
            index = np.zeros(gids.size, dtype=np.intp)
            for i, members in enumerate(cells.values(), start=1):
                index[np.isin(gids, members)] = i
            updated.append(read_only(names[index]))
        self._types = updated

    def mean_rates(
        self, tstart: float, tstop: float, gid_ranges: Mapping[str, Sequence[int]], mean_type: str = "all"
    ) -> dict[str, Any]:
        """Return the firing rates of each cell type within a window.

        Only spikes with ``tstart <= time < tstop`` count (HNN-core 0.6.1 counts all of the run).

        Parameters
        ----------
        tstart, tstop : float
            The window (ms).
        gid_ranges : mapping of str to sequence of int
            The cells of each type, e.g. ``net.gid_ranges``. Of these, the types in ``cell_type_names`` are reported;
            all of them where that is not known.
        mean_type : str
            ``'all'``: one rate, the mean over cells and trials; ``'trial'``: one for each trial, the mean over cells;
            ``'cell'``: for each trial one for each cell.

        Returns
        -------
        rates : dict of str to float, list of float, or list of list of float
            Rates (Hz) of each type; 0 for a type without cells.

        Raises
        ------
        InvalidValue
            If the window is empty.
        UnknownName
            If ``mean_type`` is none of the three.
        """
        if mean_type not in MEAN_TYPES:
            raise UnknownName("mean_type", mean_type, "mean type", MEAN_TYPES)
        rates: dict[str, Any] = {}
        for name, gids in gid_ranges.items():
            if self.cell_type_names is not None and name not in self.cell_type_names:
                continue
            cells = cell_rates(self._times, self._gids, gids, tstart, tstop)
            if mean_type == "cell":
                rates[name] = cells.tolist()
            else:
                by_trial = cells.mean(axis=1) if cells.shape[1] else np.zeros(self.n_trials)
                rates[name] = (
                    by_trial.tolist() if mean_type == "trial" else float(by_trial.sum() / max(self.n_trials, 1))
                )
        return rates

    # ------------------------------------------------------------------------------------------------- out

    def plot_spikes_raster(self, trial_idx: Any = None, ax: Any = None, **kwargs: Any) -> Figure:
        """Plot which cell fired when.

        Parameters
        ----------
        trial_idx : int or list of int, optional
            The trials. Left out: all.
        ax : matplotlib.axes.Axes, optional
            Where to plot. Left out: in a new figure.
        **kwargs
            Passed on to `hnnlib.viz.plot_spikes_raster`: ``show``, ``cell_types``, …

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_spikes_raster

        return plot_spikes_raster(self, trial_idx=trial_idx, ax=ax, **kwargs)

    def plot_spikes_hist(self, trial_idx: Any = None, ax: Any = None, **kwargs: Any) -> Figure:
        """Plot a histogram of spike times.

        Parameters
        ----------
        trial_idx : int or list of int, optional
            The trials. Left out: all.
        ax : matplotlib.axes.Axes, optional
            Where to plot. Left out: in a new figure.
        **kwargs
            Passed on to `hnnlib.viz.plot_spikes_hist`: ``spike_types``, ``color``, ``show``, …

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure.
        """
        from hnnlib.viz import plot_spikes_hist

        return plot_spikes_hist(self, trial_idx=trial_idx, ax=ax, **kwargs)

    def write(self, fname: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the spikes to text files, one per trial.

        Each row is time (ms, 3 decimals), gid and type, tab-separated.

        Parameters
        ----------
        fname : path-like
            Name of the files, with ``%d`` or ``{0}`` where the number of the trial goes: ``'spk_%d.txt'``.
        overwrite : bool
            Whether existing files may be replaced.

        Raises
        ------
        InvalidValue
            If there are several trials and the name has no place for their number.
        OutputError
            If a file can't be written.
        """
        from hnnlib.io.text import write_spikes_text

        write_spikes_text(self, fname, overwrite)

    def to_sonata(
        self,
        path: str | os.PathLike[str],
        sort: str | None = "by_time",
        *,
        trial: int | None = None,
        populations: str | Sequence[str] | None = None,
        gid_ranges: Mapping[str, range] | None = None,
        overwrite: bool = True,
    ) -> None:
        """Write the spikes to a SONATA file: node 0 of a cell type or drive is its first gid.

        Parameters
        ----------
        path : path-like
            The file.
        sort : 'by_time', 'by_id' or None
            Order of the rows; of several trials, within each.
        trial : int, optional
            The trial that is written. Left out: all, one after another, with a dataset ``trial`` beside the others;
            other programs read all of them as one.
        populations : str or sequence of str, optional
            Cell types or drives. Left out: all.
        gid_ranges : mapping of str to range, optional
            The gids of each, e.g. ``net.gid_ranges``, for spikes that don't know them (read from text).
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        InvalidValue
            If the gids of the cell types are not known.
        OutputError
            If the file can't be written; nothing is left there, or the older file as it was.
        """
        from hnnlib.io.sonata.spikes import SonataSpikeWriter, write_spikes_sonata

        chosen: dict[str, Any] = {"populations": populations, "gid_ranges": gid_ranges}
        if trial is not None or self.n_trials == 1:
            write_spikes_sonata(
                SpikeData.from_cell_response(self, trial=trial, **chosen), path, sort, overwrite=overwrite
            )
            return
        with SonataSpikeWriter(path, sort, overwrite=overwrite) as writer:
            for k in range(self.n_trials):  # one at a time: a second copy of all could be too much
                writer.append(SpikeData.from_cell_response(self, trial=k, **chosen))

    def to_csv(self, path: str | os.PathLike[str], *, trial: int | None = None, **options: Any) -> None:
        """Write the spikes to a text file, one row a spike: ``timestamps population node_ids``.

        Parameters
        ----------
        path : path-like
            The file.
        trial : int, optional
            The trial that is written. Left out: all, with a column ``trial`` where there are several.
        **options
            ``populations`` and ``gid_ranges`` as in `to_sonata`; ``separator``, ``unit`` and ``overwrite`` as in
            `hnnlib.io.spikes_csv.write_spikes_csv`.
        """
        chosen = {name: options.pop(name) for name in ("populations", "gid_ranges") if name in options}
        SpikeData.from_cell_response(self, trial=trial, **chosen).to_csv(path, **options)

    def to_nwb(self, path: str | os.PathLike[str], *, trial: int | None = None, **options: Any) -> None:
        """Write the spikes to an NWB file, one unit a cell and trial.

        Parameters
        ----------
        path : path-like
            The file.
        trial : int, optional
            The trial that is written. Left out: all.
        **options
            ``populations`` and ``gid_ranges`` as in `to_sonata`; ``session_description``, ``overwrite``, … as in
            `hnnlib.io.nwb.write_spikes_nwb`.
        """
        chosen = {name: options.pop(name) for name in ("populations", "gid_ranges") if name in options}
        SpikeData.from_cell_response(self, trial=trial, **chosen).to_nwb(path, **options)

    def to_dict(self) -> dict[str, Any]:
        """Return spikes and times as plain lists; recordings are left out.

        Returns
        -------
        plain : dict
            With ``cell_type_names``, ``spike_times``, ``spike_gids``, ``spike_types`` and ``times``.
        """
        return {
            "cell_type_names": None if self.cell_type_names is None else list(self.cell_type_names),
            "spike_times": [t.tolist() for t in self._times],
            "spike_gids": [g.tolist() for g in self._gids],
            "spike_types": [t.tolist() for t in self._types],
            "times": None if self.times is None else self.times.tolist(),
        }

    def __eq__(self, other: object) -> bool:
        """Whether the spikes are the same, times to 3 decimals (ms)."""
        if not isinstance(other, CellResponse):
            return NotImplemented
        return self.n_trials == other.n_trials and all(
            t.shape == u.shape
            and bool(np.all(np.abs(t - u) <= TIME_TOLERANCE))
            and np.array_equal(self._gids[i], other._gids[i])
            and np.array_equal(self._types[i], other._types[i])
            for i, (t, u) in enumerate(zip(self._times, other._times, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<CellResponse | {self.n_trials} simulation trial{'' if self.n_trials == 1 else 's'}>"


def _trials(name: str, value: Any, dtype: Any) -> list[NDArray[Any]]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise InvalidType(name, value, "must be a list with one list of spikes for each trial")
    trials = []
    for i, trial in enumerate(value):
        if isinstance(trial, str) or not isinstance(trial, Sequence | np.ndarray):
            raise InvalidType(f"{name}[{i}]", trial, "must be a list of spikes: one list for each trial")
        array = np.asarray(trial)
        if array.size == 0:
            array = np.empty(0, dtype=dtype)
        # 'safe' kinds only: a gid of 1.5 or a time given as text would be bent silently.
        kinds = {np.float64: "fiu", np.int64: "iu", np.str_: "U"}[dtype]
        if array.ndim != 1 or array.dtype.kind not in kinds:
            what = {np.float64: "times in ms", np.int64: "integers", np.str_: "names"}[dtype]
            raise InvalidType(f"{name}[{i}]", trial, f"must be a flat list of {what}")
        trials.append(read_only(array, None if dtype is np.str_ else dtype))
    return trials


def _check_lengths(name: str, trials: list[NDArray[Any]], times: list[NDArray[np.float64]]) -> None:
    if len(trials) != len(times):
        raise InvalidValue(f"len({name})", len(trials), f"must be the number of trials in spike_times, {len(times)}")
    for i, (trial, t) in enumerate(zip(trials, times, strict=True)):
        if trial.size != t.size:
            raise InvalidValue(f"len({name}[{i}])", trial.size, f"must be the number of spike times, {t.size}")


def read_spikes(fname: str | os.PathLike[str], gid_ranges: Mapping[str, Iterable[int]] | None = None) -> CellResponse:
    """Read spikes from text files, one per trial.

    Parameters
    ----------
    fname : path-like
        Pattern of the file names, e.g. ``'spk_*.txt'``. Trials are in the order of the names, with numbers in them
        taken as numbers (2 before 10).
    gid_ranges : mapping of str to iterable of int, optional
        The cells of each type or drive; needed for old files without a column of types, and takes the place of that
        column where given.

    Returns
    -------
    cell_response : CellResponse
        The spikes; an empty file is a trial without spikes.

    Raises
    ------
    FileNotFoundError
        If no file matches.
    FileFormatError
        If a file is no table of spikes, or has no types and ``gid_ranges`` is not given.
    """
    from hnnlib.io.text import read_spikes_text

    return read_spikes_text(fname, gid_ranges)
