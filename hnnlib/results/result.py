"""All that a simulation gave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.analysis.peaks import Peak, largest_peaks
from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import to_plain
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.cite import citations
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.results.potentials import ElectrodeRecording

__all__ = ["Result", "read_result", "told"]


def _dipoles(value: Iterable[Dipole]) -> tuple[Dipole, ...]:
    return tuple(value)


def _plain(value: Mapping[str, Any]) -> Mapping[str, Any]:
    # As it will come back from a file: lists for tuples, dicts for mappings.
    return immutabledict(to_plain(value))


@attrs.frozen(kw_only=True, repr=False)
class Result:
    """All that a simulation gave: dipoles, spikes, potentials, and how they came about.

    Parameters
    ----------
    dipoles : tuple of Dipole
        One per trial; empty for a network in which no cell's dipole is measured.
    cell_response : CellResponse
        Spikes and recordings of all trials.
    potentials : mapping of str to ElectrodeRecording
        Extracellular potentials by name of the electrode array.
    provenance : mapping of str to plain data
        How the result came about, JSON-ready: versions, engine, launcher, seed, the specs, digests, dropped
        connections, ``trials``, the numbers of the trials that are here, and ``timings``, a mapping of what was done to
        seconds.

    Raises
    ------
    InvalidValue
        If numbers of trials don't agree.
    """

    dipoles: tuple[Dipole, ...] = attrs.field(converter=_dipoles)
    cell_response: CellResponse
    potentials: Mapping[str, ElectrodeRecording] = attrs.field(factory=dict, converter=immutabledict)
    provenance: Mapping[str, Any] = attrs.field(factory=dict, converter=_plain)

    def __attrs_post_init__(self) -> None:
        n_trials = self.cell_response.n_trials
        if self.dipoles and len(self.dipoles) != n_trials:
            raise InvalidValue(
                "len(dipoles)", len(self.dipoles), f"must be the number of trials with spikes, {n_trials}"
            )
        for name, recording in self.potentials.items():
            if len(recording) != n_trials:
                raise InvalidValue(f"len(potentials[{name!r}])", len(recording), f"must be {n_trials}, one per trial")
        if len(self.trials) != n_trials:
            raise InvalidValue("provenance['trials']", list(self.trials), f"must be {n_trials} numbers of trials")

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return self.cell_response.n_trials

    @property
    def trials(self) -> tuple[int, ...]:
        """The number of each trial in the run, as its seeds know it: 0, 1, …, unless some are missing."""
        return tuple(self.provenance.get("trials", range(self.n_trials)))

    @property
    def missing_trials(self) -> tuple[int, ...]:
        """Numbers of the trials that were asked for and not run, since the run was stopped."""
        here = set(self.trials)
        planned = self.provenance.get("run", {}).get("n_trials", 0)
        return tuple(k for k in range(planned) if k not in here)

    @property
    def approximate(self) -> bool:
        """Whether the dipoles are estimates from the spikes of point cells; ``provenance['dipole']`` says how good."""
        return bool(self.provenance.get("dipole", {}).get("approximate", False))

    @property
    def dipole(self) -> Dipole:
        """The mean dipole of all trials."""
        return average_dipoles(self.dipoles)

    def summary(self) -> str:
        """Return what happened as a table to print: peaks of the dipole, spikes of each population, time taken.

        Returns
        -------
        text : str
            Several lines, without a newline at the end.
        """
        blocks = [self._headline(), self._peak_table(), self._spike_table(), self._timing_table()]
        return "\n\n".join("\n".join(lines) for lines in blocks if lines)

    def _headline(self) -> list[str]:
        times = self.dipoles[0].times if self.dipoles else self.cell_response.times
        parts = [f"{self.n_trials} trial{'' if self.n_trials == 1 else 's'}"]
        if self.missing_trials:
            parts = [f"{self.n_trials} of {self.n_trials + len(self.missing_trials)} trials: {told(self.trials)}"]
        if times is not None and len(times) > 1:
            parts.append(f"{times[0]:g} to {times[-1]:.6g} ms, one sample each {times[1] - times[0]:.6g} ms")
        parts += [f"{key} {self.provenance[key]}" for key in ("engine", "launcher") if key in self.provenance]
        return ["; ".join(parts), *self._estimate_line()]

    def _estimate_line(self) -> list[str]:
        if not self.approximate:
            return []
        told = self.provenance["dipole"]
        if told["method"] == "replay":
            return ["dipole: approximate, of detailed cells on which the point cells' spikes acted (replay)"]
        score = told.get("scores", {}).get("new seeds")
        how_good = "" if score is None else f"; with true spikes R² {score:.2f} after smoothing by 30 ms"
        beyond = "; beyond what they were fitted to: " + ", ".join(told["warnings"]) if told["warnings"] else ""
        return [f"dipole: approximate, by kernels of the point cells' spikes{how_good}{beyond}"]

    def _peak_table(self) -> list[str]:
        if not self.dipoles:
            return []
        scales = {dpl.scale_applied for dpl in self.dipoles}
        rows = [(f"trial {k}", dpl) for k, dpl in zip(self.trials, self.dipoles, strict=True)]
        if len(rows) > 1 and len(scales) == 1 and all(dpl.nave == 1 for dpl in self.dipoles):
            rows.append(("average", self.dipole))
        table = [["dipole peaks", "largest positive", "largest negative"]]
        for label, dpl in rows:
            scaled = "" if dpl.scale_applied == 1 else f", scaled by {dpl.scale_applied:g}"
            table.append([label + scaled, *map(_peak_text, largest_peaks(dpl.times, dpl.data["agg"]))])
        return _columns(table)

    def _spike_table(self) -> list[str]:
        spikes = self.cell_response.spike_types
        if not spikes:
            return []
        cells = list(self.cell_response.cell_type_names or ())
        names = cells + [name for name in self.cell_response.cell_types if name not in cells]
        table = [["spikes", *(f"trial {k}" for k in self.trials)]]
        table += [[name, *(str(int(np.sum(types == name))) for types in spikes)] for name in names]
        return _columns(table)

    def _timing_table(self) -> list[str]:
        timings = self.provenance.get("timings", {})
        if not timings:
            return []
        return _columns([["time taken", ""], *([str(name), f"{seconds:.2f} s"] for name, seconds in timings.items())])

    def cite(self, style: str = "text") -> str:
        """Return the papers that this result rests on: its model and channels, the simulator, electrodes and files.

        They follow from the provenance: a population's ``reference`` says where its cells and their connections were
        published, and what it says of papers that hnnlib doesn't know stands in the list as it is.

        Parameters
        ----------
        style : str
            ``'text'``: by subject, a line each; ``'bibtex'``: entries for a bibliography.

        Returns
        -------
        text : str
            Several lines, without a newline at the end.

        Raises
        ------
        UnknownName
            If there is no such style.
        """
        return citations(self.provenance, style)

    def write(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write everything to an HDF5 file, exactly.

        Parameters
        ----------
        path : path-like
            The file; its layout is described in `hnnlib.io.hdf5`.
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        OutputError
            If the file can't be written; nothing is left there, or the older file as it was.
        """
        from hnnlib.io.hdf5 import write_result_hdf5

        write_result_hdf5(self, path, overwrite)

    def __repr__(self) -> str:
        arrays = f", potentials {', '.join(self.potentials)}" if self.potentials else ""
        recorded = "".join(f", {name}" for name in self.cell_response.recordings)
        return f"<Result | {self.n_trials} trials, {len(self.dipoles)} dipoles{recorded}{arrays}>"


def told(trials: Sequence[int]) -> str:
    """Return numbers of trials, rising, as text: ``0 to 57, 60``.

    Parameters
    ----------
    trials : sequence of int
        The numbers.

    Returns
    -------
    text : str
        Three or more in a row are told by their ends.
    """
    rows: list[list[int]] = []
    for k in trials:
        if rows and rows[-1][-1] == k - 1:
            rows[-1].append(k)
        else:
            rows.append([k])
    return ", ".join(f"{row[0]} to {row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows)


def _peak_text(peak: Peak | None) -> str:
    return "none" if peak is None else f"{peak.amplitude:.4g} nAm at {peak.time:.2f} ms"


def _columns(table: list[list[str]]) -> list[str]:
    """Lay out rows with the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in table
    ]


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result written by `Result.write` or ``simulate(..., out=path)``.

    Parameters
    ----------
    path : path-like
        The HDF5 file.

    Returns
    -------
    result : Result
        Equal to the one that was written. Of a run that was stopped, the trials that it had done, with a warning;
        ``result.trials`` says which.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, is no HDF5 file, or holds something else.
    """
    from hnnlib.io.trials import read_run

    return read_run(path)
