"""Rates over voltage, resampled to rows that one load serves."""

from __future__ import annotations

import numpy as np

from hnnlib.backends.fast.generate import Kernel
from hnnlib.backends.fast.model import KernelModel, run
from hnnlib.mechanisms.evaluate import evaluate

__all__ = ["LOW_MV", "STEP_MV", "rate_rows"]

LOW_MV, HIGH_MV = -120.0, 100.0
# 0.05 mV: finer than the mod files' own 0.25 to 1.1 mV, whose kinks the resampling rounds off
STEP_MV = 0.05


def rate_rows(model: KernelModel, kernel: Kernel, *, celsius: float, dt: float, rates: str) -> np.ndarray:
    """Return the table of a kernel.

    Parameters
    ----------
    model, kernel : KernelModel, Kernel
        Whose gates.
    celsius : float
        Temperature (°C).
    dt : float
        Time step (ms).
    rates : str
        As in `FastEngine`.

    Returns
    -------
    rows : array, shape (n_rows, n_columns)
        At ``LOW_MV + k * STEP_MV``: steady state, and ``1 - exp(-dt/tau)``, of each gate. With ``rates='tables'`` both
        come from the mod file's table, interpolated as NEURON does.
    """
    v = LOW_MV + STEP_MV * np.arange(round((HIGH_MV - LOW_MV) / STEP_MV) + 1)
    rows = np.empty((len(v), len(kernel.columns)))
    done: dict[int, dict[str, object]] = {}
    for column, (k, gate, what) in enumerate(kernel.columns):
        use = model.uses[k]
        if k not in done:
            env = {name: np.full(len(v), values[0]) for name, values in use.constants.items()}
            env.update({x: np.zeros(len(v)) for x in (*use.code.states, *use.code.assigned) if x not in env})
            for ion in use.code.ions:
                env.update({x: np.ones(len(v)) for x in (*ion.reads, *ion.writes) if x not in env})
            done[k] = run(use.code, use.code.update, {**env, "v": v}, rates, celsius)
        source = gate.inf if what == "inf" else gate.rate_as_written
        values = np.asarray(evaluate(source, done[k]), float)
        rows[:, column] = values if what == "inf" else -np.expm1(-dt * values)
    return rows
