"""Simulation-based inference: which parameters could have made a recording, learnt from simulations by the library sbi.

Where `hnnlib.optimization.intervals` looks around one fit along straight lines, this looks at the whole range of the
parameters: it finds several explanations where there are several, at the price of thousands of simulations.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.backends.protocol import Launcher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, MissingPackage, SimulationError
from hnnlib.base.log import logger
from hnnlib.base.seeds import independent_stream
from hnnlib.optimization.free import Space
from hnnlib.optimization.problem import Problem
from hnnlib.optimization.searches import sobol
from hnnlib.optimization.summaries import Summaries
from hnnlib.simulation import chosen_launcher

__all__ = ["Calibration", "Posterior", "infer", "learn_posterior", "simulate_waveforms"]

Array = NDArray[np.float64]


@attrs.frozen(kw_only=True, eq=False)
class Calibration:
    """Where known parameters rank among draws from their posteriors: evenly, if the posteriors are right [1]_.

    Parameters
    ----------
    ranks : ndarray of int, shape (n_tested, n_free)
        Number of draws below the known parameter.
    n_draws : int
        Number of draws from each posterior.
    names : tuple of str
        Paths of the parameters.

    References
    ----------
    .. [1] Talts et al. (2018), arXiv:1804.06788
    """

    ranks: NDArray[np.int64]
    n_draws: int
    names: tuple[str, ...]

    @property
    def p_values(self) -> Array:
        """Probability of ranks at least as uneven as these if they were even, by Kolmogorov and Smirnov, (n_free,)."""
        from scipy.stats import kstest

        even = (self.ranks + 0.5) / (self.n_draws + 1)
        return np.array([kstest(column, "uniform").pvalue for column in even.T])

    def coverage(self, level: float = 0.9) -> Array:
        """Return how often an interval of the draws holds the known parameter, shape (n_free,).

        Parameters
        ----------
        level : float
            What it should be.
        """
        part = (self.ranks + 0.5) / (self.n_draws + 1)
        return np.asarray(np.mean(np.abs(part - 0.5) <= 0.5 * level, axis=0))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Posterior:
    """What simulations tell of the parameters behind a recording.

    Parameters
    ----------
    space : Space
        The free parameters; within their bounds all values were equally likely beforehand.
    observed : ndarray, shape (n_numbers,)
        The numbers that stand for the recording.
    learnt : object
        sbi's posterior, over the unit cube.
    tested : tuple of (ndarray, ndarray)
        Points of the unit cube, and numbers of their simulations, that were kept from learning.
    n_simulations : int
        Number of simulations that it was learnt from.
    """

    space: Space
    observed: Array
    learnt: Any
    tested: tuple[Array, Array]
    n_simulations: int

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the parameters."""
        return self.space.names

    def sample(self, n_samples: int = 1000, seed: int = 0, observed: Any = None) -> Array:
        """Return draws of the parameters.

        Parameters
        ----------
        n_samples : int
            How many.
        seed : int
            Seed of the draws.
        observed : array-like, shape (n_numbers,), optional
            The numbers of another recording; nothing is learnt anew.

        Returns
        -------
        samples : ndarray, shape (n_samples, n_free)
            In their units, each within its bounds.
        """
        given = self.observed if observed is None else np.asarray(observed, dtype=np.float64)
        if given.shape != self.observed.shape:
            raise InvalidValue("observed.shape", given.shape, f"must be {self.observed.shape}")
        with _seeded(seed) as torch:
            drawn = self.learnt.sample((int(n_samples),), x=_tensor(torch, given), show_progress_bars=False)
        return np.array([self.space.from_unit(np.clip(row, 0.0, 1.0)) for row in drawn.numpy().astype(float)])

    def calibration(self, n_draws: int = 200, seed: int = 0) -> Calibration:
        """Rank known parameters among draws from their posteriors (simulation-based calibration).

        Parameters
        ----------
        n_draws : int
            Draws from each posterior.
        seed : int
            Seed of the draws.

        Returns
        -------
        calibration : Calibration
            Of the simulations that were kept from learning.
        """
        points, numbers = self.tested
        with _seeded(seed) as torch, contextlib.redirect_stdout(io.StringIO()):
            ranks = [
                (self.learnt.sample((n_draws,), x=_tensor(torch, x), show_progress_bars=False).numpy() < point).sum(0)
                for point, x in zip(points, numbers, strict=True)
            ]
        return Calibration(ranks=np.array(ranks, np.int64), n_draws=n_draws, names=self.names)

    def __repr__(self) -> str:
        return f"<Posterior: {len(self.names)} parameters, from {self.n_simulations} simulations>"


def infer(
    problem: Problem,
    *,
    n_simulations: int = 2000,
    n_trials: int | None = None,
    n_components: int = 12,
    estimator: str = "maf",
    seed: int = 1,
    launcher: str | Launcher | None = None,
) -> Posterior:
    """Learn from simulations which parameters could have made the target.

    Simulates parameters from all over their bounds, tells each waveform in few numbers (`Summaries`), and trains a
    neural network to give the probability of the parameters behind such numbers (neural posterior estimation [1]_).

    Parameters
    ----------
    problem : Problem
        Network, free parameters, and an objective that compares waveforms (`RMSE`, `Correlation`): it says how the
        dipole is shown and what it is compared with.
    n_simulations : int
        Number of simulations; a tenth is kept for `Posterior.calibration`.
    n_trials : int, optional
        Trials of a simulation; the problem's when left out. They stand for the trials that were averaged in the
        recording: with fewer, the answer is less sure than it could be.
    n_components : int
        Principal components of the waveforms among the summaries.
    estimator : str
        sbi's density estimator: ``'maf'``, ``'nsf'``, ``'mdn'``.
    seed : int
        Seed of parameters, simulations and training.
    launcher : str or Launcher, optional
        What spreads the simulations, as in `hnnlib.simulate`.

    Returns
    -------
    posterior : Posterior
        To draw from.

    Raises
    ------
    MissingPackage
        If sbi is not installed.
    InvalidType
        If the objective compares no waveforms.
    InvalidValue
        If there are too few simulations.
    SimulationError
        If more than half of the simulations fail.

    References
    ----------
    .. [1] Greenberg, Nonnenmacher and Macke (2019), Automatic posterior transformation for likelihood-free inference,
       ICML; Tejero-Cantero et al. (2020), J Open Source Softw 5:2505, doi:10.21105/joss.02505
    """
    _import_sbi()  # before hours of simulation
    _check_waveform(problem)
    points = np.array(sobol(n_simulations, len(problem.space), seed, "infer"))
    values = [problem.space.from_unit(point) for point in points]
    waveforms = simulate_waveforms(problem, values, n_trials=n_trials, seed=seed, launcher=launcher)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(waveforms).all(axis=1))
    if known.sum() < 0.5 * len(known):
        raise SimulationError(f"{len(known) - known.sum()} of {len(known)} simulations failed")
    objective: Any = problem.objective
    summaries = Summaries.learnt(objective.times, waveforms[known], n_components)
    return learn_posterior(
        problem.space,
        points[known],
        summaries(waveforms[known]),
        summaries(objective.data)[0],
        estimator=estimator,
        seed=seed,
    )


def learn_posterior(
    space: Space,
    points: Any,
    numbers: Any,
    observed: Any,
    *,
    held_out: float = 0.1,
    estimator: str = "maf",
    seed: int = 1,
) -> Posterior:
    """Learn a posterior from simulations that are there.

    Parameters
    ----------
    space : Space
        The free parameters.
    points : array-like, shape (n_simulations, n_free)
        Parameters of the simulations, spread evenly over the unit cube of the bounds (`Space.to_unit`).
    numbers : array-like, shape (n_simulations, n_numbers)
        What each simulation gave, in few numbers.
    observed : array-like, shape (n_numbers,)
        What was recorded.
    held_out : float
        Part of the simulations that is kept for `Posterior.calibration`.
    estimator : str
        sbi's density estimator.
    seed : int
        Seed of the training.

    Returns
    -------
    posterior : Posterior
        To draw from.

    Raises
    ------
    MissingPackage
        If sbi is not installed.
    InvalidValue
        If shapes don't fit, numbers are not finite, or there are fewer than 50 simulations to learn from.
    """
    npe, box = _import_sbi()
    theta, x, seen = (np.asarray(a, dtype=np.float64) for a in (points, numbers, observed))
    if theta.ndim != 2 or theta.shape[1] != len(space) or x.ndim != 2 or len(x) != len(theta):
        raise InvalidValue(
            "shapes", (theta.shape, x.shape), f"must be (n_simulations, {len(space)}) and (n_simulations, n_numbers)"
        )
    if seen.shape != x.shape[1:]:
        raise InvalidValue("observed.shape", seen.shape, f"must be {x.shape[1:]}")
    if not (np.isfinite(x).all() and np.isfinite(seen).all()):
        raise InvalidValue("numbers", float("nan"), "must be finite")
    # points of a sequence come in an order; those that are kept back are of all of it
    order = independent_stream(seed, "posterior/held out").permutation(len(theta))
    n_tested = round(held_out * len(theta))
    tested, used = order[:n_tested], order[n_tested:]
    if len(used) < 50:
        raise InvalidValue("n_simulations", len(used), "must be at least 50 to learn from")
    with _seeded(seed) as torch, contextlib.redirect_stdout(io.StringIO()) as said:
        prior = box(torch.zeros(len(space)), torch.ones(len(space)))
        trainer = npe(prior, density_estimator=estimator, show_progress_bars=False, tracker=_NoTracker())
        trainer.append_simulations(_tensor(torch, theta[used]), _tensor(torch, x[used]))
        trainer.train(training_batch_size=min(200, max(20, len(used) // 10)))
        learnt = trainer.build_posterior()
    for line in filter(None, map(str.strip, said.getvalue().splitlines())):
        logger.info("sbi: %s", line)
    return Posterior(
        space=space, observed=seen, learnt=learnt, tested=(theta[tested], x[tested]), n_simulations=len(used)
    )


def simulate_waveforms(
    problem: Problem,
    values: Iterable[Any],
    *,
    n_trials: int | None = None,
    seed: int = 1,
    launcher: str | Launcher | None = None,
) -> Array:
    """Simulate many sets of parameters, each with random drives of its own, e.g. draws from a posterior.

    Parameters
    ----------
    problem : Problem
        Network, free parameters, and an objective that compares waveforms.
    values : iterable of mapping or sequence
        Values of the free parameters.
    n_trials : int, optional
        Trials that are averaged; the problem's when left out.
    seed : int
        Seed of all simulations.
    launcher : str or Launcher, optional
        What spreads them, as in `hnnlib.simulate`.

    Returns
    -------
    waveforms : ndarray, shape (n, n_times)
        The dipole as the objective shows it (nAm), at the objective's times; NaN where a simulation failed.

    Raises
    ------
    InvalidType
        If the objective compares no waveforms.
    InvalidValue
        If values are not allowed.
    """
    objective = _check_waveform(problem)
    n = problem.n_trials if n_trials is None else n_trials
    items = [
        (problem.space.values(row), int(independent_stream(seed, "waveforms", k).integers(2**31)))
        for k, row in enumerate(values)
    ]
    found = np.full((len(items), len(objective.times)), np.nan)
    with contextlib.closing(
        chosen_launcher(launcher).map(_waveform, items, (problem, n), what="simulation")
    ) as arriving:
        for number, value in arriving:
            if isinstance(value, SimulationError):
                logger.warning("simulation %d failed: %s", number, value)
            elif isinstance(value, HnnlibError):
                raise value
            else:
                found[number] = value
    return found


def _waveform(given: tuple[Problem, int], item: tuple[Array, int]) -> Array:
    (problem, n_trials), (values, seed) = given, item
    objective: Any = problem.objective
    return np.asarray(objective.shown(problem.simulate(values, seed, n_trials=n_trials)))


def _check_waveform(problem: Problem) -> Any:
    objective = problem.objective
    if not all(hasattr(objective, name) for name in ("times", "data", "shown")):
        raise InvalidType("objective", objective.name, "must compare waveforms, e.g. RMSE or Correlation")
    return objective


class _NoTracker:
    """Keeps nothing: left to itself, sbi writes logs for TensorBoard into the working folder."""

    log_dir = None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None: ...

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...

    def log_params(self, params: dict[str, Any]) -> None: ...

    def add_figure(self, name: str, figure: Any, step: int | None = None) -> None: ...

    def flush(self) -> None: ...


def _import_sbi() -> tuple[Any, Any]:
    try:
        from sbi.inference import NPE
        from sbi.utils import BoxUniform
    except ImportError:
        raise MissingPackage("sbi", "sbi") from None
    return NPE, BoxUniform


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[Any]:
    """Give torch a seed; its global stream, which sbi draws from, is afterwards as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(independent_stream(seed, "torch").integers(2**31)))
        yield torch


def _tensor(torch: Any, array: Array) -> Any:
    return torch.as_tensor(np.asarray(array), dtype=torch.float32)
