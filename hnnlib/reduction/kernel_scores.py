"""How well dipole kernels do with the true spikes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from hnnlib.backends.nest.estimate import estimate
from hnnlib.base.errors import InvalidValue
from hnnlib.compile.estimate import bind_kernels
from hnnlib.plan.estimate import DipoleKernels, PopulationKernels
from hnnlib.plan.tables import Estimate, Plan
from hnnlib.reduction.kernel_lessons import KernelTrial

__all__ = ["bound_kernels", "score_kernels"]


def bound_kernels(plan: Plan, name: str, kernels: DipoleKernels) -> PopulationKernels:
    """Return the kernels of a population with its contacts in a detailed plan.

    Parameters
    ----------
    plan : Plan
        Cells of compartments.
    name : str
        The population.
    kernels : DipoleKernels
        Its cell's.

    Raises
    ------
    InvalidValue
        If they are another cell's, or lack a synapse that is used.
    """
    bound, obstacles = bind_kernels(plan, [name], [kernels])
    if obstacles:
        raise InvalidValue("populations", name, f"can't be estimated: {'; '.join(obstacles)}")
    return bound[0]


def score_kernels(
    kernels: Sequence[DipoleKernels], runs: Sequence[tuple[str, KernelTrial]], start_ms: float = 0.0
) -> dict[str, dict[str, dict[str, float]]]:
    """Return how well kernels do with the true spikes.

    Parameters
    ----------
    kernels : sequence of DipoleKernels
        One per population that measures its dipole.
    runs : sequence of (str, KernelTrial)
        Conditions and trials; trials of one condition are averaged.
    start_ms : float
        What comes before does not count.

    Returns
    -------
    scores : dict
        Condition -> population or ``'aggregate'`` -> ``'raw'``, ``'15 ms'``, ``'30 ms'`` -> R² of the dipole as it is,
        and after smoothing by a Hamming window of that length, less the dipole at rest.
    """
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for condition, trial in runs:
        for name, true, guess in _both(kernels, trial):
            of = found.setdefault(condition, {}).setdefault(name, {"raw": [], "15 ms": [], "30 ms": []})
            first = round(start_ms / trial.plan.run.dt_ms)
            for window, scores in of.items():
                one, other = (_smoothed(x, window, trial.plan.run.dt_ms)[first:] for x in (true, guess))
                scores.append(1.0 - float(((one - other) ** 2).sum() / ((one - one.mean()) ** 2).sum()))
    return {
        condition: {name: {w: round(float(np.mean(s)), 4) for w, s in of.items()} for name, of in by_name.items()}
        for condition, by_name in found.items()
    }


def _both(kernels: Sequence[DipoleKernels], trial: KernelTrial) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, true and estimated moment (fAm) of each population and of all together, the resting one taken off."""
    plan = trial.plan
    names = list(trial.moment_fAm)
    probe = next(p for p in plan.probes if p.name == "dipole")
    bound = tuple(bound_kernels(plan, name, k) for name, k in zip(names, kernels, strict=True))
    asked = attrs.evolve(plan, estimate=Estimate(method="kernel", probes=(probe,), kernels=bound))
    cells = trial.gids < plan.n_cells
    moments = estimate(asked, {0: (trial.times_ms[cells], trial.gids[cells])})[0]["dipole"]
    times = np.arange(plan.run.n_steps + 1) * plan.run.dt_ms
    true_sum, guess_sum = np.zeros(len(times)), np.zeros(len(times))
    for k, b in enumerate(bound):
        rest = b.n_cells * np.interp(times, b.kernels.rest_ms, b.kernels.rest_fAm)
        true, guess = trial.moment_fAm[names[k]] - rest, moments[:, k] - rest
        true[0] = guess[0] = 0.0
        true_sum, guess_sum = true_sum + true, guess_sum + guess
        yield names[k], true, guess
    yield "aggregate", true_sum, guess_sum


def _smoothed(values: np.ndarray, window: str, dt: float) -> np.ndarray:
    if window == "raw":
        return values
    weights = np.hamming(round(float(window.split()[0]) / dt))
    smooth: np.ndarray = np.convolve(values, weights / weights.sum(), "same")
    return smooth
