"""What is taken off a raw dipole: a named rule, applied once, never in silence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["hnn_baseline", "layer_moments"]


def hnn_baseline(times: np.ndarray, layer: str, n_cells: int) -> np.ndarray:
    """Return the resting dipole of one layer of HNN's column.

    Parameters
    ----------
    times : array, shape (n_times,)
        Sample times (ms).
    layer : str
        ``'2'`` or ``'5'``.
    n_cells : int
        Number of pyramidal cells of the layer.

    Returns
    -------
    moment : array, shape (n_times,)
        In fAm.

    Notes
    -----
    Constants fitted to the undriven column and used for all published HNN results (as in HNN-core 0.6.1). The rule
    steps by 2.05 fAm per cell at 37 ms, which shows in the published dipoles too.
    """
    if layer == "2":
        return np.full(len(times), 0.0443 * n_cells)
    early = np.full(len(times), -49.0502)
    middle = 3.4770508e-3 * times - 51.231085
    late = 1.01e-4 * times - 48.412078
    return n_cells * np.where(times <= 37.0, early, np.where(times < 750.0, middle, late))


def layer_moments(moments: Mapping[str, np.ndarray], layers: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """Add the moments of cell types up to layers: ``L2``, ``L5``, … (types without a layer keep their own name)."""
    found: dict[str, np.ndarray] = {}
    for name, moment in moments.items():
        layer = layers[name]
        key = name if layer is None else f"L{layer}"
        found[key] = found[key] + moment if key in found else moment
    return found
