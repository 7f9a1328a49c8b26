"""Record linear functions of anything that NEURON holds, at every step, without Python at work in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hnnlib.backends.neuron.session import Session
from hnnlib.base.errors import InvalidValue, SimulationError

__all__ = ["ProbeRecorder"]


class ProbeRecorder:
    """Record ``y = W x`` at every ``every``-th step.

    Dipole moment, extracellular potential and plain traces are all of this form. Values are those that NEURON's
    ``Vector.record`` sees at that time: voltages at the end of the step, currents as the step's evaluation left them.

    Parameters
    ----------
    session : Session
        The process's NEURON.
    refs : sequence of NEURON references, length n_sources
        The values x: ``seg._ref_v``, ``seg._ref_i_membrane_``, ``syn._ref_i``, ``seg._ref_cai``, …
    indptr : array-like of int, shape (n_rows + 1,)
        Row starts of W in CSR form.
    indices : array-like of int, shape (n_entries,)
        Index into ``refs`` of each entry of W.
    weights : array-like of float, shape (n_entries,)
        Entries of W; their units are the reader's affair.
    n_samples : int
        Number of samples to keep, the one at t = 0 included.
    every : int
        Keep step k when ``k % every == 0``.

    Raises
    ------
    InvalidValue
        If the matrix doesn't fit itself or ``refs``, or a number is out of range.
    """

    def __init__(
        self,
        session: Session,
        refs: Sequence[Any],
        indptr: ArrayLike,
        indices: ArrayLike,
        weights: ArrayLike,
        n_samples: int,
        every: int = 1,
    ) -> None:
        rows, columns = np.asarray(indptr, dtype=np.int64), np.asarray(indices, dtype=np.int64)
        entries = np.asarray(weights, dtype=np.float64)
        _check(rows, columns, entries, len(refs), n_samples, every)
        h = session.h
        self._n_samples, self._n_rows = int(n_samples), len(rows) - 1
        # The probe is a point process without current; its compartment of its own touches no cell.
        self._host = h.Section(name="hnnlib_probe")
        self._probe = h.LinearProbe(self._host(0.5))
        self._out = h.Vector(self._n_samples * self._n_rows)
        add = self._probe.add_source
        for ref in refs:
            add(ref)
        self._probe.set_matrix(h.Vector(rows), h.Vector(columns), h.Vector(entries), self._out, int(every))

    def start(self) -> None:
        """Clear, take the addresses and record sample 0; call it in every trial after ``finitialize``, ``fcurrent``."""
        self._out.fill(0)
        self._probe.start()

    def read(self) -> NDArray[np.float64]:
        """Return what was recorded since `start`.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_rows)
            A copy.

        Raises
        ------
        SimulationError
            If the run ended before all samples were taken.
        """
        taken = int(self._probe.n_taken)
        if taken != self._n_samples:
            raise SimulationError(f"the run ended after {taken} of {self._n_samples} samples")
        data: NDArray[np.float64] = self._out.as_numpy()
        return data.reshape(self._n_samples, self._n_rows).copy()


def _check(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    entries: NDArray[np.float64],
    n_sources: int,
    n_samples: int,
    every: int,
) -> None:
    # The compiled probe trusts these: a wrong index there reads foreign memory.
    if n_samples < 1:
        raise InvalidValue("n_samples", n_samples, "must be >= 1")
    if every < 1:
        raise InvalidValue("every", every, "must be >= 1")
    if rows.ndim != 1 or len(rows) < 2 or rows[0] != 0 or np.any(np.diff(rows) < 0) or rows[-1] != len(columns):
        raise InvalidValue("indptr", rows, "must rise from 0 to the number of indices, one more than there are rows")
    if columns.shape != entries.shape:
        raise InvalidValue("weights", entries.shape, f"must have the shape of indices, {columns.shape}")
    if len(columns) and (columns.min() < 0 or columns.max() >= n_sources):
        raise InvalidValue("indices", columns, f"must be >= 0 and < {n_sources}, the number of refs")
