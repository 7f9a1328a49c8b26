"""HNN-core's optimize_evoked: drives in time order, then all together, by hnnlib's stepwise fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.compat.network import Network
from hnnlib.optimization.fitting import fit
from hnnlib.optimization.free import Free
from hnnlib.optimization.problem import Problem
from hnnlib.optimization.searches import Local
from hnnlib.optimization.stepwise import stepwise
from hnnlib.optimization.waveform import RMSE
from hnnlib.results.dipole import Dipole
from hnnlib.spec.drives import EvokedDrive

__all__ = ["optimize_evoked"]

_LEAST = 12  # HNN-core runs no chunk for less than this
_RAISED = 1.0  # how far a weight of 0 may rise (µS)


def optimize_evoked(
    net: Any,
    tstop: float,
    n_trials: int,
    target_dpl: Dipole,
    initial_dpl: Any = None,
    maxiter: int = 50,
    timing_range_multiplier: float = 3.0,
    sigma_range_multiplier: float = 50.0,
    synweight_range_multiplier: float = 500.0,
    decay_multiplier: float = 1.6,
    scale_factor: float = 1.0,
    smooth_window_len: float | None = None,
    dt: float = 0.025,
    which_drives: str | Sequence[str] = "all",
    return_rmse: bool = False,
) -> Any:
    """Fit times, spreads and weights of evoked drives to a recorded dipole, one drive after another, then together.

    Parameters
    ----------
    net : Network
        With the drives to begin with; it stays as it is.
    tstop : float
        Duration (ms).
    n_trials : int
        Trials of an evaluation.
    target_dpl : Dipole
        What was recorded.
    initial_dpl : Dipole, optional
        Not needed: the start is simulated.
    maxiter : int
        Evaluations of each step, at least 12; 0: nothing is searched.
    timing_range_multiplier : float
        Mean times may move by so many spreads.
    sigma_range_multiplier, synweight_range_multiplier : float
        How far spreads and weights may change (%); a weight of 0 may rise to 1 µS.
    decay_multiplier : float
        Not needed: a drive's window ends where later drives set in.
    scale_factor : float
        Factor of the simulated dipole.
    smooth_window_len : float, optional
        Smoothing of the simulated dipole (ms).
    dt : float
        Time step (ms).
    which_drives : 'all' or list of str
        Drives to fit.
    return_rmse : bool
        Whether to return the loss of every evaluation as well.

    Returns
    -------
    net : Network
        A copy with the best parameters.
    rmse : list of float
        If asked for: of every evaluation.
    """
    names = [name for name, drive in net.spec.drives.items() if isinstance(drive, EvokedDrive)]
    if which_drives != "all":
        for name in which_drives:
            if name not in names:
                raise UnknownName("which_drives", name, "evoked drive of this network", names)
        names = list(which_drives)
    if not names:
        raise InvalidValue("net", list(net.external_drives), "has no evoked drives")
    free = _free(net, names, timing_range_multiplier, sigma_range_multiplier / 100, synweight_range_multiplier / 100)
    objective = RMSE(
        target=target_dpl, tstop=min(tstop, float(target_dpl.times[-1])), smooth=smooth_window_len, scale=scale_factor
    )
    problem = Problem(net, free, objective, tstop=tstop, dt=dt, n_trials=n_trials)
    made = net.copy()
    losses: list[float] = [problem.loss(problem.space.starts)]
    if maxiter > 0:
        each = max(_LEAST, maxiter)
        search = stepwise(problem, Local("cobyla", step=0.1), Local("cobyla", step=0.1))
        # a search of n parameters needs n + 1 evaluations before it takes a step
        budget = sum(max(each, 2 * len(stage.columns)) for stage in search.stages) + max(each, 2 * len(free))
        found = fit(problem, search, max_trials=(budget + 2) * n_trials)
        losses = [one.loss for one in found.evaluations]
        made._spec = problem.network_at(found.best)
    return (made, losses) if return_rmse else made


def _free(net: Network, names: Sequence[str], times: float, spreads: float, weights: float) -> list[Free]:
    found = []
    for name in names:
        drive: Any = net.spec.drives[name]
        path = f"drives['{name}']"
        reach = times * drive.sigma
        if reach > 0:
            found.append(Free(f"{path}.mu", max(0.0, drive.mu - reach), drive.mu + reach))
            found.append(Free(f"{path}.sigma", max(0.0, drive.sigma * (1 - spreads)), drive.sigma * (1 + spreads)))
        for target, receptors in drive.weights.items():
            for receptor, weight in receptors.items():
                high = weight * (1 + weights) if weight > 0 else _RAISED
                low = max(0.0, weight * (1 - weights))
                start = None if np.isclose(weight, 0) else weight
                found.append(Free(f"{path}.weights['{target}']['{receptor}']", low, high, start=start or low))
    return found
