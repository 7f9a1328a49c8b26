"""A fit's problem: a network with free parameters, and how far its simulations are from what is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.backends.protocol import Engine, Launcher
from hnnlib.base.errors import HnnlibError, InvalidValue, SimulationError
from hnnlib.base.schema import digest, to_plain
from hnnlib.optimization.free import Free, Space
from hnnlib.optimization.objectives import Objective, as_objective
from hnnlib.results.result import Result
from hnnlib.simulation import chosen_engine, chosen_launcher, simulate
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["Evaluation", "Problem"]

Values = Mapping[str, float] | Sequence[float] | NDArray[np.float64]


@attrs.frozen(eq=False)
class Evaluation:
    """What one evaluation of a problem gave.

    Parameters
    ----------
    values : ndarray, shape (n_free,)
        The parameters, in their units.
    loss : float
        The objective; infinite where the simulation failed.
    parts : mapping of str to float
        The loss by its parts, and what else the objective tells.
    residuals : ndarray, shape (n_residuals,), or None
        Numbers whose squares' sum rises and falls with the loss.
    seed : int
        Seed of the simulation.
    seconds : float
        How long it took in its worker, by the clock.
    error : str
        Why the simulation failed; empty where it did not.
    """

    values: NDArray[np.float64]
    loss: float
    parts: Mapping[str, float]
    residuals: NDArray[np.float64] | None
    seed: int
    seconds: float
    error: str = ""


class Problem:
    """A network with free parameters, and an objective to make small.

    Every evaluation simulates the same trials from the same seed (common random numbers), so that two sets of
    parameters differ in their loss by what they are, not by chance.

    Parameters
    ----------
    net : Network or NetworkSpec
        The network; it is not changed. What is not free is held at its values.
    free : sequence of Free
        What may change.
    objective : Objective or callable
        What is to be small; a function is called as ``function(result)``.
    tstop : float
        Duration of a simulation (ms).
    dt : float
        Time step (ms).
    n_trials : int
        Trials of an evaluation; objectives read their mean.
    seed : int
        Seed of every evaluation.
    engine : str or Engine, optional
        As in `hnnlib.simulate`.

    Attributes
    ----------
    trials_run : int
        Number of trials simulated so far, by whatever method was called.

    Raises
    ------
    InvalidValue
        If the network, a free parameter or the objective is not allowed; names which, and what is.
    UnsupportedPlan
        If the engine can't run this network.
    """

    def __init__(
        self,
        net: Any,
        free: Iterable[Free],
        objective: Objective | Callable[[Result], float],
        *,
        tstop: float,
        dt: float = 0.025,
        n_trials: int = 1,
        seed: int = 0,
        engine: str | Engine | None = None,
    ) -> None:
        run = RunSpec(tstop=tstop, dt=dt, n_trials=n_trials, seed=seed)
        self.engine = chosen_engine(net, tstop=run.tstop, dt=run.dt, engine=engine)
        self.network: NetworkSpec = getattr(net, "spec", net)
        self.space = Space.of(self.network, free)
        self.objective = as_objective(objective)
        self.tstop, self.dt, self.n_trials, self.seed = run.tstop, run.dt, run.n_trials, run.seed
        self.objective.check(self.network, self.tstop)
        self.trials_run = 0

    @property
    def free(self) -> tuple[Free, ...]:
        """The free parameters."""
        return self.space.free

    def network_at(self, values: Values) -> NetworkSpec:
        """Return the network with the parameters set.

        Parameters
        ----------
        values : mapping of path to value, or sequence of values
            In the parameters' units; of a mapping, parameters left out are at their start.

        Returns
        -------
        network : NetworkSpec
            A new one.

        Raises
        ------
        InvalidValue
            If a value is outside its bounds.
        """
        return self.space.apply(self.network, values)

    def simulate(self, values: Values, seed: int | None = None, **options: Any) -> Result:
        """Simulate with the parameters set.

        Parameters
        ----------
        values : mapping or sequence
            As in `network_at`.
        seed : int, optional
            Another seed than that of the evaluations.
        **options
            Passed on to `hnnlib.simulate`, e.g. ``n_trials`` or ``launcher``.

        Returns
        -------
        result : Result
            All trials.

        Raises
        ------
        InvalidValue, SimulationError
            As in `hnnlib.simulate`.
        """
        result = self._simulated(values, self.seed if seed is None else seed, **options)
        self.trials_run += result.n_trials
        return result

    def _simulated(self, values: Values, seed: int, **options: Any) -> Result:
        chosen = {"n_trials": self.n_trials, "launcher": "serial", "engine": self.engine, **options}
        return simulate(self.network_at(values), tstop=self.tstop, dt=self.dt, seed=seed, **chosen)

    def loss(self, values: Values) -> float:
        """Return the objective at some values.

        Parameters
        ----------
        values : mapping or sequence
            As in `network_at`.

        Returns
        -------
        loss : float
            The smaller the better.

        Raises
        ------
        InvalidValue
            If the objective gives no finite number; names it and the parameters.
        SimulationError
            If the simulation fails.
        """
        found = self.evaluate([values])[0]
        if found.error:
            raise SimulationError(found.error)
        return found.loss

    def losses(self, many: Iterable[Values], launcher: str | Launcher | None = None) -> NDArray[np.float64]:
        """Return the objective at many sets of values.

        Parameters
        ----------
        many : iterable of mapping or sequence
            Each as in `network_at`.
        launcher : str or Launcher, optional
            What spreads them, as in `hnnlib.simulate`; the losses are the same for any.

        Returns
        -------
        losses : ndarray, shape (n,)
            Infinite where a simulation failed.

        Raises
        ------
        InvalidValue
            As in `loss`.
        """
        return np.array([found.loss for found in self.evaluate(many, launcher)])

    def evaluate(
        self,
        many: Iterable[Values],
        launcher: str | Launcher | None = None,
        *,
        seed: int | None = None,
        keep: Callable[[int, Evaluation], None] | None = None,
    ) -> list[Evaluation]:
        """Evaluate many sets of values.

        Parameters
        ----------
        many : iterable of mapping or sequence
            Each as in `network_at`.
        launcher : str or Launcher, optional
            What spreads them, as in `hnnlib.simulate`; the numbers are the same for any.
        seed : int, optional
            Another seed than the problem's, for all of them.
        keep : callable, optional
            Called as ``keep(number, evaluation)`` as each ends, in any order.

        Returns
        -------
        evaluations : list of Evaluation
            In the order of ``many``.

        Raises
        ------
        InvalidValue
            If values are outside their bounds, or the objective gives no finite number.
        """
        rows = [self.space.values(values) for values in many]
        done: list[Evaluation | None] = [None] * len(rows)
        used = self.seed if seed is None else seed
        tasks = [(row, used) for row in rows]
        with closing(chosen_launcher(launcher).map(_evaluate, tasks, self, what="evaluation")) as arriving:
            for number, found in arriving:
                if isinstance(found, HnnlibError):
                    raise found
                done[number] = found
                self.trials_run += self.n_trials
                if keep is not None:
                    keep(number, found)
        return [found for found in done if found is not None]

    def describe(self) -> dict[str, Any]:
        """Return the problem as plain data: equal for problems whose evaluations are equal."""
        return {
            "network": to_plain(self.network),
            "network digest": digest(self.network),
            "free": [attrs.asdict(one) for one in self.free],
            "objective": self.objective.describe(),
            "tstop": self.tstop,
            "dt": self.dt,
            "n_trials": self.n_trials,
            "seed": self.seed,
            "engine": self.engine.name,
            "engine options": to_plain(self.engine.options),
        }

    def held_fixed(self) -> dict[str, float]:
        """Return path and value of every number of the drives that is not free."""
        found: dict[str, float] = {}
        for name, drive in self.network.drives.items():
            plain = to_plain(drive)
            _numbers(plain, f"drives.{name}", found)
        taken = set(self.space.names)
        return {path: value for path, value in found.items() if path not in taken}


def _numbers(plain: Any, path: str, found: dict[str, float]) -> None:
    if isinstance(plain, Mapping):
        for name, value in plain.items():
            _numbers(value, f"{path}.{name}", found)
    elif isinstance(plain, int | float) and not isinstance(plain, bool):
        found[path] = plain


def _evaluate(problem: Problem, task: tuple[NDArray[np.float64], int]) -> Evaluation:
    """Evaluate in a worker: a simulation that fails is a value, an objective that does is an error."""
    values, seed = task
    begin = time.perf_counter()
    try:
        result = problem._simulated(values, seed)
    except SimulationError as error:
        took = time.perf_counter() - begin
        return Evaluation(values, np.inf, {}, None, seed, took, str(error))
    parts = problem.objective.parts(result)
    loss = float(parts[problem.objective.name])
    if not np.isfinite(loss):
        bad = [name for name, part in parts.items() if not np.isfinite(part) and name != "loss"]
        where = ", ".join(f"{name} = {v:g}" for name, v in zip(problem.space.names, values, strict=True))
        name = bad[0] if bad else problem.objective.name
        raise InvalidValue(f"objective {name!r}", loss, f"must be a finite number; with {where}")
    residuals = problem.objective.residuals(result)
    return Evaluation(values, loss, dict(parts), residuals, seed, time.perf_counter() - begin)
