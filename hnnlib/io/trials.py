"""The finished trials of a run, kept beside its file until all are there.

While a run goes on, ``run.h5`` is a small index with links to the files of a folder ``run.h5.trials``, each a result of
one or a few trials. Both are written whole or not at all, the index after the file that it is to name: what the index
names is kept, whatever happens. At the end ``run.h5`` becomes the whole result, and the folder goes.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from hnnlib.base.atomic import check_writable, remove_leftovers
from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists
from hnnlib.base.log import logger
from hnnlib.base.pace import Pace
from hnnlib.io.hdf5 import read_index_hdf5, read_result_hdf5, write_index_hdf5, write_result_hdf5
from hnnlib.results.join import join_results, run_differences
from hnnlib.results.result import Result, told

__all__ = ["Kept", "TrialStore", "check_output", "read_kept", "read_run"]

WRITE_EVERY_S = 0.5
"""Trials that end within this time (s) after others were written are written with those that follow."""
SHOWN = 5
"""Differences of another run that an error tells."""

_OURS = re.compile(r"\.?\d+(-[0-9a-f]{12})?\.h5")
"""Names of our files in the folder: parts, and temporary ones that a killed run left."""


@attrs.frozen(kw_only=True)
class Kept:
    """What the file of a run holds, part by part; of a run that came to its end, the file itself is the one part."""

    provenance: Mapping[str, Any]
    parts: tuple[tuple[Path, Result], ...]
    whole: bool  # whether the run came to its end
    damaged: tuple[str, ...] = ()  # what is wrong with each part that can't be read


def read_run(path: str | os.PathLike[str]) -> Result:
    """Read the result of a run that came to its end, or the finished trials of one that did not.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    result : Result
        With a warning where trials are missing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file, or each part of it, is truncated, is no HDF5 file, or holds something else.
    """
    kept = _read(path)
    if not kept.parts:
        raise FileFormatError(path, f"none of its trials can be read: {'; '.join(kept.damaged)}")
    parts = [part for _, part in kept.parts]
    result = parts[0] if kept.whole else join_results(parts, kept.provenance["run"]["n_trials"])
    if result.missing_trials:
        n_trials = result.n_trials + len(result.missing_trials)
        lost = f" (can't be read: {'; '.join(kept.damaged)})" if kept.damaged else ""
        warnings.warn(
            f"{os.fspath(path)}: {result.n_trials} of {n_trials} trials: {told(result.trials)}{lost}; "
            "simulate(..., resume=True) runs the missing ones",
            UserWarning,
            stacklevel=3,
        )
    return result


def check_output(out: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Check that the file of a run and its folder of trials can be written, before the run.

    Parameters
    ----------
    out : path-like
        The file.
    overwrite : bool
        Whether they may be replaced.

    Raises
    ------
    OutputError
        If they can't be written, or exist and ``overwrite`` is False.
    """
    check_writable(out, overwrite)
    folder = _folder(out)
    if folder.exists() and not folder.is_dir():
        raise OutputError(folder, "is no folder; finished trials are to be kept there")
    if folder.exists() and not overwrite:
        raise OutputExists(folder, "exists already; allow overwriting or choose another name")


def read_kept(out: str | os.PathLike[str], provenance: Mapping[str, Any]) -> Kept | None:
    """Read what there is of a run, to go on with it.

    Parameters
    ----------
    out : path-like
        The file of the run.
    provenance : mapping
        What the trials to come will have as provenance, as plain data.

    Returns
    -------
    kept : Kept or None
        None if there is no such file.

    Raises
    ------
    InvalidValue
        If the file is of another run; tells where they differ.
    FileFormatError
        If the file is none of a run.
    """
    if not os.path.exists(out):
        return None
    kept = _read(out)
    found = run_differences(kept.provenance, provenance)
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InvalidValue("out", os.fspath(out), f"holds another run: {'; '.join(found[:SHOWN])}{more}")
    for problem in kept.damaged:
        logger.warning("%s; its trials are run again", problem)
    return kept


def _read(path: str | os.PathLike[str]) -> Kept:
    index, real = read_index_hdf5(path), Path(os.path.realpath(path))
    if index is None:
        result = read_result_hdf5(path)
        return Kept(provenance=result.provenance, parts=((real, result),), whole=True)
    provenance, files = index
    parts, damaged = [], []
    for file in map(real.parent.joinpath, files.values()):
        try:
            part = read_result_hdf5(file)
        except (FileFormatError, MissingFile) as error:
            damaged.append(str(error))
            continue
        if run_differences(provenance, part.provenance):  # of a run that was to take this one's place, and was killed
            damaged.append(f"{file}: is of another run")
            continue
        parts.append((file, part))
    return Kept(provenance=provenance, parts=tuple(parts), whole=False, damaged=tuple(damaged))


def _folder(out: str | os.PathLike[str]) -> Path:
    return Path(os.path.realpath(out) + ".trials")


class TrialStore:
    """Takes the trials of a run as they end, keeps them safe, and puts them together.

    As a context manager it holds on to what is there when its block is left by an error, and tells so.

    Parameters
    ----------
    n_trials : int
        How many trials are asked for.
    out : path-like, optional
        The file of the run. Left out: trials are held in memory only.
    kept : Kept, optional
        What was done before.
    overwrite : bool
        Whether an existing file may be replaced.
    """

    def __init__(
        self,
        n_trials: int,
        out: str | os.PathLike[str] | None = None,
        kept: Kept | None = None,
        overwrite: bool = True,
    ) -> None:
        self._n_trials = n_trials
        self._name = out
        self._path = None if out is None else Path(os.path.realpath(out))  # wherever the process goes meanwhile
        self._overwrite = overwrite
        self._parts: list[Result] = []
        self._before: list[Result] = []  # of those: what was done before and lies elsewhere than in our folder
        self._new: list[Result] = []  # of those: what is in no file yet
        self._files: dict[str, tuple[int, ...]] = {}  # the others: their trials by name of the file
        self._whole = kept is not None and kept.whole  # whether the file holds all that is here
        self._pace = Pace(WRITE_EVERY_S)
        self._tidied = False  # of what an earlier run left behind
        for file, part in kept.parts if kept is not None else ():
            self._parts.append(part)
            if self._path is not None and file.parent == _folder(self._path):
                self._files[file.name] = part.trials
            else:
                self._before.append(part)

    @property
    def trials(self) -> tuple[int, ...]:
        """Numbers of the trials that are there."""
        return tuple(sorted(k for part in self._parts for k in part.trials))

    @property
    def missing(self) -> list[int]:
        """Numbers of the trials that are still to be run."""
        here = {*self.trials}
        return [k for k in range(self._n_trials) if k not in here]

    def add(self, part: Result) -> None:
        """Take trials that have ended.

        Parameters
        ----------
        part : Result
            One or more trials.
        """
        self._parts.append(part)
        self._new.append(part)
        self._whole = False

    def save(self) -> None:
        """Write what was added, if it is time to.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        # the last ones go straight into the whole
        if self._path is not None and self.missing and self._pace.due:
            with self._pace.writing():
                self._write(self._path)

    def finish(self) -> None:
        """Write the whole result, and remove the files of its parts.

        Raises
        ------
        OutputError
            If it can't be written; the trials are then as safe as they were.
        """
        if self._path is None or self._whole:
            return
        planned = self._planned()
        if len(self.trials) < planned:  # fewer were asked for than the file is to hold
            self._write(self._path)
            return
        result = join_results(self._parts, planned)
        write_result_hdf5(result, self._path, self._overwrite)
        self._parts, self._before, self._new, self._files, self._whole = [result], [], [], {}, True
        self._tidy(_folder(self._path))
        with suppress(OSError):
            remove_leftovers(self._path)

    def result(self) -> Result:
        """Return the trials that were asked for, in their order."""
        return join_results(self._parts, self._n_trials)

    def __enter__(self) -> TrialStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self._path is None:
            return
        try:
            self._write(self._path)
        except OutputError as failed:
            if not isinstance(error, OutputError):
                logger.warning("%s", failed)
        in_files = sum(len(trials) for trials in self._files.values())
        n_kept = in_files + sum(part.n_trials for part in self._before)
        if n_kept:
            rest = "runs the missing ones" if self.missing else "puts them together"
            logger.warning("%d of %d trials are kept in %s; resume=True %s", n_kept, self._planned(), self._name, rest)

    def _planned(self) -> int:
        # a trial that was kept stays, even if fewer are asked for now
        return max([self._n_trials, *(k + 1 for k in self.trials)])

    def _write(self, path: Path) -> None:
        """Write what is in no file yet to one, and name it in the index."""
        if not self._new:
            return
        part, folder = join_results([*self._before, *self._new], self._planned()), _folder(path)
        name = f"{part.trials[0]}.h5"
        files = {**self._files, name: part.trials}
        provenance = {key: value for key, value in part.provenance.items() if key != "timings"}
        provenance["trials"] = sorted(k for trials in files.values() for k in trials)
        links = {file.removesuffix(".h5"): f"{folder.name}/{file}" for file in files}
        try:
            folder.mkdir(exist_ok=True)
            write_result_hdf5(part, folder / name, compress=False)
            write_index_hdf5(path, provenance, links, self._overwrite)
        except OSError as error:
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)  # what no index names is not kept
                folder.rmdir()  # if it is empty
            if isinstance(error, OutputError):
                raise
            raise OutputError(folder, f"can't be made ({error.strerror or error})") from error
        if not self._tidied:
            self._tidy(folder, files)
            self._tidied = True
        self._overwrite = True  # from now on it is our own
        self._before, self._new, self._files = [], [], files

    @staticmethod
    def _tidy(folder: Path, files: Collection[str] = ()) -> None:
        """Remove what we once wrote into the folder, but for some files, and the folder if it is empty then."""
        try:
            for file in [*folder.iterdir()] if folder.is_dir() else []:
                if _OURS.fullmatch(file.name) and file.name not in files:
                    file.unlink()
            if not files and folder.is_dir():
                folder.rmdir()
        except OSError as error:  # the run is none the worse
            logger.warning("%s: can't be removed (%s)", folder, error.strerror or error)
