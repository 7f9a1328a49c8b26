"""What an engine returns: raw arrays with a header that explains them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

__all__ = ["Header", "ProbeHeader", "Records", "TrialRecord"]


@attrs.frozen(kw_only=True, eq=False)
class ProbeHeader:
    """What the arrays of one probe are."""

    name: str
    quantity: str
    unit: str
    every: int
    labels: Mapping[str, tuple[Any, ...]]  # column name -> one entry per row of the probe


@attrs.frozen(kw_only=True, eq=False)
class Header:
    """What the records are of; copied from the plan."""

    tstop_ms: float
    dt_ms: float
    n_steps: int
    cell_types: tuple[str, ...]
    drives: tuple[str, ...]
    gid_ranges: Mapping[str, range]  # cell types, then drives
    layers: Mapping[str, str | None]  # cell type -> layer
    probes: Mapping[str, ProbeHeader]

    def times(self, every: int = 1) -> np.ndarray:
        """Return the sample times (ms): every ``every``-th step from t = 0."""
        return np.arange(0, self.n_steps + 1, every) * self.dt_ms


@attrs.frozen(kw_only=True, eq=False)
class TrialRecord:
    """One trial."""

    trial: int
    spike_times_ms: np.ndarray  # (n_spikes,), cells and drive cells, sorted by time, then gid
    spike_gids: np.ndarray  # int32 (n_spikes,)
    samples: Mapping[str, np.ndarray]  # probe name -> (n_samples, n_rows)
    cpu_s: float


@attrs.frozen(kw_only=True, eq=False)
class Records:
    """All trials of a run, in their order, and what the engine says of its work."""

    header: Header
    trials: tuple[TrialRecord, ...]
    engine: str
    stats: Mapping[str, float]
