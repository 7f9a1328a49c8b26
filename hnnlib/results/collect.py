"""Records to result: names, units and containers for the scientist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.results.baseline import hnn_baseline, layer_moments
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.records import Header, Records, TrialRecord
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces

__all__ = ["ElectrodeGeometry", "collect"]

_TRACES = immutabledict({"vsec": "vsec", "isec": "isec", "ca": "ca", "dipole": "cell_dipoles"})
_QUANTITY = immutabledict({"vsec": "v", "isec": "i", "ca": "cai", "cell_dipoles": "dipole"})
_STATE = "state:"
_FAM_TO_NAM = 1e-6


@attrs.frozen(kw_only=True)
class ElectrodeGeometry:
    """What the records don't know of an electrode array."""

    positions: tuple[tuple[float, float, float], ...]
    conductivity: float
    method: str | None
    min_distance: float


def collect(
    records: Records,
    *,
    baseline: str | None = None,
    settled: Records | None = None,
    electrodes: Mapping[str, ElectrodeGeometry] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Result:
    """Return the result of a run.

    Parameters
    ----------
    records : Records
        What the engine returned.
    baseline : str or None
        What is taken off the dipole: None, ``'hnn'`` (HNN's formula), ``'settle'`` (the dipole of ``settled``).
    settled : Records, optional
        One trial of the same network without drives and biases.
    electrodes : dict, optional
        Geometry of each electrode array.
    provenance : dict, optional
        How the result came about.

    Returns
    -------
    result : Result
    """
    header = records.header
    rest = _moments(header, settled.trials[0]) if settled is not None else None
    dipoles = []
    if "dipole" in header.probes:
        dipoles = [_dipole(header, _moments(header, trial), baseline, rest) for trial in records.trials]
    potentials = {
        name: _potentials(records, f"electrodes:{name}", geometry) for name, geometry in (electrodes or {}).items()
    }
    return Result(
        dipoles=tuple(dipoles),
        cell_response=_cell_response(records),
        potentials=potentials,
        provenance=provenance or {},
    )


def _moments(header: Header, trial: TrialRecord) -> dict[str, np.ndarray]:
    """Return the raw moment (fAm) of each cell type."""
    names = header.probes["dipole"].labels["population"]
    return dict(zip(names, trial.samples["dipole"].T, strict=True))


def _dipole(
    header: Header, moments: dict[str, np.ndarray], baseline: str | None, rest: dict[str, np.ndarray] | None
) -> Dipole:
    times = header.times()
    if rest is not None:
        moments = {name: moment - rest[name] for name, moment in moments.items()}
    elif baseline == "hnn":
        moments = {
            name: moment - hnn_baseline(times, str(header.layers[name]), len(header.gid_ranges[name]))
            for name, moment in moments.items()
        }
    layers = layer_moments(moments, header.layers)
    data = {"agg": np.sum(list(layers.values()), axis=0), **layers}
    return Dipole(times, {name: moment * _FAM_TO_NAM for name, moment in data.items()})


def _cell_response(records: Records) -> CellResponse:
    header = records.header
    names = np.array([*header.gid_ranges, ""])
    # gid -> row of `names`; gids are dense, so one lookup table serves all trials
    n_gids = max((r.stop for r in header.gid_ranges.values()), default=0)
    kind = np.full(n_gids, len(names) - 1)
    for row, gids in enumerate(header.gid_ranges.values()):
        kind[gids.start : gids.stop] = row
    return CellResponse(
        cell_type_names=header.cell_types,
        spike_times=[t.spike_times_ms for t in records.trials],
        spike_gids=[t.spike_gids for t in records.trials],
        spike_types=[names[kind[t.spike_gids]] for t in records.trials],
        times=header.times(),
        gid_ranges=header.gid_ranges,
        states={name.removeprefix(_STATE): _traces(records, name) for name in header.probes if name.startswith(_STATE)},
        **{name: _traces(records, probe) for name, probe in _TRACES.items() if probe in header.probes},
    )


def _traces(records: Records, name: str) -> Traces:
    probe = records.header.probes[name]
    return Traces(
        quantity=_QUANTITY.get(name, probe.quantity),
        unit=probe.unit,
        times=records.header.times(probe.every),
        gids=probe.labels["gid"],
        sections=probe.labels.get("section"),
        receptors=probe.labels.get("receptor"),
        data=np.stack([t.samples[name].T for t in records.trials]),
    )


def _potentials(records: Records, probe: str, geometry: ElectrodeGeometry) -> ElectrodeRecording:
    return ElectrodeRecording(
        positions=np.array(geometry.positions),
        conductivity=geometry.conductivity,
        method=geometry.method,
        min_distance=geometry.min_distance,
        times=records.header.times(records.header.probes[probe].every),
        voltages=np.stack([t.samples[probe].T for t in records.trials]),
    )
