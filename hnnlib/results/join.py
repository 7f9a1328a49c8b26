"""Results of some trials of a run each, put together to one; and whether two results are of the same run."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces

__all__ = ["join_results", "run_differences"]

_Places = Sequence[tuple[int, int]]
"""For each trial of the whole, in order: the part that it is in, and its row there."""


def join_results(parts: Sequence[Result], n_trials: int | None = None) -> Result:
    """Return the results of some trials each as one result, trials in the order of their numbers.

    Parameters
    ----------
    parts : sequence of Result
        Results of one run.
    n_trials : int, optional
        How many trials the run has; later ones are left out. Left out: as many as any part says.

    Returns
    -------
    result : Result
        Its timings are the sums of the parts'; where they ran on different launchers or machines, all are named.

    Raises
    ------
    InvalidValue
        If there is no trial, one is in two parts, or the parts are not of the same cells and times.
    """
    planned = n_trials or max((part.provenance.get("run", {}).get("n_trials", 0) for part in parts), default=0)
    numbered = sorted(
        (trial, p, row)
        for p, part in enumerate(parts)
        for row, trial in enumerate(part.trials)
        if n_trials is None or trial < n_trials
    )
    if not numbered:
        raise InvalidValue("parts", list(parts), "must have a trial of the run")
    trials = [trial for trial, _, _ in numbered]
    for before, trial in itertools.pairwise(trials):
        if before == trial:
            raise InvalidValue("parts", trial, "is the number of a trial in two of them")
    places = [(p, row) for _, p, row in numbered]
    provenance = _provenance([part.provenance for part in parts], trials, planned)
    if places == [(0, row) for row in range(parts[0].n_trials)]:
        return attrs.evolve(parts[0], provenance=provenance)
    has_dipoles = _same("names of dipoles", [[list(dpl.data) for dpl in part.dipoles[:1]] for part in parts])
    return Result(
        dipoles=[parts[p].dipoles[row] for p, row in places] if has_dipoles else (),
        cell_response=_cell_response([part.cell_response for part in parts], places),
        potentials={
            name: _potentials(name, [part.potentials[name] for part in parts], places)
            for name in _same("names of potentials", [list(part.potentials) for part in parts])
        },
        provenance=provenance,
    )


def _provenance(parts: Sequence[Mapping[str, Any]], trials: list[int], n_trials: int) -> dict[str, Any]:
    joined = dict(parts[0])
    for name, value in parts[0].items():
        if isinstance(value, str):  # e.g. the launcher: all that there were
            each = (text for part in parts for text in str(part.get(name, value)).split(", "))
            joined[name] = ", ".join(dict.fromkeys(each))
    if "run" in joined:
        joined["run"] = {**joined["run"], "n_trials": n_trials}
    if "dipole" in joined:  # what was found beyond its range hangs on the spikes of each part
        warnings = {text for part in parts for text in part.get("dipole", {}).get("warnings", ())}
        joined["dipole"] = {**joined["dipole"], "warnings": sorted(warnings)}
    joined["trials"] = trials
    timings: dict[str, float] = {}
    for part in parts:
        for name, seconds in part.get("timings", {}).items():
            timings[name] = timings.get(name, 0.0) + seconds
    return joined | ({"timings": timings} if timings else {})


def _cell_response(parts: Sequence[CellResponse], places: _Places) -> CellResponse:
    _same_arrays("times of cell responses", [part.times for part in parts])
    names = _same("recordings", [list(part.recordings) for part in parts])
    times, gids, types = (
        [getattr(part, column) for part in parts] for column in ("spike_times", "spike_gids", "spike_types")
    )
    recordings: dict[str, Any] = {
        name: _traces(name, [part.recordings[name] for part in parts], places) for name in names
    }
    return CellResponse(
        cell_type_names=_same("cell_type_names", [part.cell_type_names for part in parts]),
        spike_times=[times[p][row] for p, row in places],
        spike_gids=[gids[p][row] for p, row in places],
        spike_types=[types[p][row] for p, row in places],
        times=parts[0].times,
        gid_ranges=_same("gid_ranges", [part.gid_ranges for part in parts]),
        states={name: recordings.pop(name) for name in parts[0].states},
        **recordings,
    )


def _traces(name: str, parts: Sequence[Traces], places: _Places) -> Traces:
    for label in ("quantity", "unit", "gids", "sections", "receptors"):
        _same(f"{label} of {name}", [getattr(part, label) for part in parts])
    _same_arrays(f"times of {name}", [part.times for part in parts])
    return attrs.evolve(parts[0], data=np.stack([parts[p].data[row] for p, row in places]))


def _potentials(name: str, parts: Sequence[ElectrodeRecording], places: _Places) -> ElectrodeRecording:
    for label in ("conductivity", "method", "min_distance"):
        _same(f"{label} of {name}", [getattr(part, label) for part in parts])
    for label in ("positions", "times"):
        _same_arrays(f"{label} of {name}", [getattr(part, label) for part in parts])
    return attrs.evolve(parts[0], voltages=np.stack([parts[p].voltages[row] for p, row in places]))


def _same(what: str, values: Sequence[Any]) -> Any:
    for value in values:
        if value != values[0]:
            raise InvalidValue(f"parts, {what}", value, f"must be the same in all; {values[0]!r} in the first")
    return values[0]


def _same_arrays(what: str, arrays: Sequence[np.ndarray | None]) -> None:
    first = arrays[0]
    for array in arrays:
        if array is not first and (array is None or first is None or not np.array_equal(array, first)):
            shape = None if array is None else array.shape
            raise InvalidValue(f"parts, {what}", shape, "must be the same in all, value by value")


# ------------------------------------------------------------------------------------------------- the same run


def run_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return what keeps two results from being trials of one run.

    Parameters
    ----------
    there, here : mapping
        The provenance of each, as plain data. The number of trials doesn't count, nor does who spread them (launcher,
        threads), since neither changes a trial.

    Returns
    -------
    differences : list of str
        One phrase each, with the path as `simulate` and ``net.put`` know it: ``drives.evdist1.mu is 63.53 there and
        70.0 here``.
    """
    found = list(_differences(_identity(there), _identity(here), ""))
    if there.get("engine") != here.get("engine"):  # its options then are others, too
        found = [difference for difference in found if not difference.startswith("engine.")]
    return found


def _identity(provenance: Mapping[str, Any]) -> dict[str, Any]:
    run = {name: value for name, value in provenance.get("run", {}).items() if name != "n_trials"}
    options = provenance.get("engine options", {})
    return {
        **{name: provenance.get(name) for name in ("hnnlib", "engine", "mechanisms", "files")},
        **{f"engine.{name}": value for name, value in options.items() if name != "threads"},
        **run,
        **provenance.get("network", {}),
    }


def _differences(there: Any, here: Any, path: str) -> Iterator[str]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for name in dict.fromkeys([*there, *here]):
            yield from _differences(there.get(name), here.get(name), f"{path}.{name}" if path else name)
        if path and set(there) == set(here) and list(there) != list(here):  # it decides gids
            yield f"the order of {path} is {', '.join(there)} there and {', '.join(here)} here"
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for i, (one, other) in enumerate(zip(there, here, strict=True)):
            yield from _differences(one, other, f"{path}.{i}")
    elif there != here:
        yield f"{path} is {reprlib.repr(there)} there and {reprlib.repr(here)} here"
