"""HNN-core's Optimizer and optimize_evoked: thin faces of hnnlib's searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from numbers import Real
from typing import Any

import attrs
import numpy as np

from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, UnknownName
from hnnlib.compat.callbacks import takes_network_first, with_params
from hnnlib.compat.measures import anticorrelation, rmse
from hnnlib.optimization.problem import Evaluation
from hnnlib.optimization.searches import CMAES, Bayesian, Local, Search
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.simulation import chosen_engine, simulate

__all__ = ["Optimizer", "generate_opt_history_table"]

_SOLVERS = ("bayesian", "cobyla", "cma")
_OBJECTIVES = ("dipole_rmse", "dipole_corr", "maximize_psd", "custom")


class _Spent(Exception):
    pass


@attrs.frozen
class _Task:
    """What every evaluation has in common."""

    net: Any
    set_params: Callable[..., Any]
    net_first: bool
    names: tuple[str, ...]
    loss: Callable[[list[Dipole], Mapping[str, Any]], float]
    kwargs: Mapping[str, Any]
    run: Mapping[str, Any]
    engine: Any  # one for all, so that what it compiles is kept


class Optimizer:
    """Find parameters of a network whose dipole is nearest to what is wanted.

    `hnnlib.fit` does the same with paths in place of callbacks, and with intervals, resuming and reports.

    Parameters
    ----------
    initial_net : Network
        The network, without the drives that ``set_params`` adds.
    tstop : float
        Duration of a simulation (ms).
    constraints : dict of str to tuple
        Parameter -> lowest and highest value. Every parameter keeps to its own.
    set_params : callable
        ``set_params(net, params)`` or ``set_params(params, net)``: puts parameters into a copy of the network. Which of
        the two, the arguments' names say; where they don't, the first.
    initial_params : dict of str to float, optional
        Where to begin, in any order; left out, the middles.
    solver : {'bayesian', 'cobyla', 'cma'}
        What searches.
    obj_fun : str or callable
        ``'dipole_rmse'``, ``'dipole_corr'``, ``'maximize_psd'``, or ``'custom'`` with ``loss_fun`` given to `fit`, or
        that function itself, called with the dipoles and the arguments of `fit`.
    max_iter : int
        Evaluations; for ``'cma'`` generations.

    Attributes
    ----------
    net_ : Network
        With the best parameters, after `fit`.
    obj_ : list of float
        The smallest loss so far, one for each iteration.
    opt_params_ : list of float
        The best parameters, in the order of ``constraints``.
    """

    def __init__(
        self,
        initial_net: Any,
        tstop: float,
        constraints: Mapping[str, Sequence[float]],
        set_params: Callable[..., Any],
        initial_params: Mapping[str, float] | None = None,
        solver: str = "bayesian",
        obj_fun: str | Callable[..., float] = "dipole_rmse",
        max_iter: int = 200,
    ) -> None:
        if solver not in _SOLVERS:
            raise UnknownName("solver", solver, "solver", _SOLVERS)
        if not callable(obj_fun) and obj_fun not in _OBJECTIVES:
            raise UnknownName("obj_fun", obj_fun, "objective", _OBJECTIVES)
        self.net, self.tstop, self.solver, self.obj_fun, self.max_iter = initial_net, tstop, solver, obj_fun, max_iter
        self.constraints = {name: _bounds(name, pair) for name, pair in constraints.items()}
        self._set_params, self._net_first = set_params, takes_network_first(set_params, otherwise=True)
        self.initial_params = self._checked(initial_params)
        self.obj_fun_name = obj_fun if isinstance(obj_fun, str) else None
        self.net_: Any = None
        self.obj_: list[float] = []
        self.opt_params_: list[float] | None = None

    def _checked(self, given: Mapping[str, float] | None) -> dict[str, float]:
        if given is None:
            return {name: (low + high) / 2 for name, (low, high) in self.constraints.items()}
        if not isinstance(given, Mapping):
            raise InvalidType("initial_params", given, "must be a dict parameter -> value")
        if set(given) != set(self.constraints):
            raise InvalidValue("initial_params", sorted(given), f"must have the keys {sorted(self.constraints)}")
        for name, (low, high) in self.constraints.items():
            value = given[name]
            if isinstance(value, bool) or not isinstance(value, Real):
                raise InvalidType(f"initial_params[{name!r}]", value, "must be a number")
            if not low <= value <= high:
                raise InvalidValue(f"initial_params[{name!r}]", value, f"must be between {low:g} and {high:g}")
        return {name: float(given[name]) for name in self.constraints}

    def __repr__(self) -> str:
        name = self.obj_fun if isinstance(self.obj_fun, str) else "custom"
        return f"<Optimizer | solver={self.solver} | objective={name} | fit={self.opt_params_ is not None}>"

    def fit(self, **kwargs: Any) -> None:
        """Search.

        Parameters
        ----------
        **kwargs
            ``target`` (Dipole), ``n_trials`` (1), ``scale_factor`` (1), ``smooth_window_len`` (ms), ``dt`` (0.025 ms);
            for ``'maximize_psd'``: ``f_bands`` (list of (low, high), Hz) and ``relative_bandpower`` (one number, or one
            for each band); for ``'custom'``: ``loss_fun``, called with the dipoles and these arguments. For ``'cma'``:
            ``sigma0`` (0.25 of each range, or one number for each parameter), ``popsize`` (16), ``n_jobs`` (1),
            ``seed`` (123).
        """
        run = {"tstop": self.tstop, "dt": kwargs.get("dt") or 0.025, "n_trials": kwargs.get("n_trials") or 1}
        begun = with_params(self.net, self._set_params, self.initial_params, self._net_first)
        task = _Task(
            net=self.net,
            set_params=self._set_params,
            net_first=self._net_first,
            names=tuple(self.constraints),
            loss=self._loss(kwargs),
            kwargs={"tstop": self.tstop, **kwargs},
            run=run,
            engine=chosen_engine(begun, tstop=run["tstop"], dt=run["dt"], engine=None),
        )
        search, seed = self._search(kwargs)
        low, high = np.array(list(self.constraints.values()), float).T
        start = (np.array(list(self.initial_params.values())) - low) / (high - low)
        walk = _Walk(task, low, high, self.max_iter, self.solver == "cma", int(kwargs.get("n_jobs", 1)))
        with suppress(_Spent):
            search.run(walk.evaluate, start, seed)
        self.obj_ = walk.smallest
        self.opt_params_ = walk.best.tolist()
        values = dict(zip(self.constraints, self.opt_params_, strict=True))
        self.net_ = with_params(self.net, self._set_params, values, self._net_first)

    def _search(self, kwargs: Mapping[str, Any]) -> tuple[Search, int]:
        seed = int(kwargs.get("seed", 123))
        if self.solver == "cobyla":
            return Local("cobyla", step=0.1, tolerance=1e-4), seed
        if self.solver == "bayesian":
            return Bayesian(initial=min(8, self.max_iter), batch=1), seed
        sigma0 = np.asarray(kwargs.get("sigma0", 0.25), float)
        if sigma0.ndim and sigma0.shape != (len(self.constraints),):
            raise InvalidValue("sigma0", sigma0, f"must be a number, or {len(self.constraints)} of them")
        if (sigma0 <= 0).any():
            raise InvalidValue("sigma0", kwargs["sigma0"], "must be > 0")
        return CMAES(sigma0=float(np.exp(np.mean(np.log(sigma0)))), popsize=int(kwargs.get("popsize", 16))), seed

    def _loss(self, kwargs: Mapping[str, Any]) -> Callable[[list[Dipole], Mapping[str, Any]], float]:
        if callable(self.obj_fun):
            return self.obj_fun
        if self.obj_fun in ("dipole_rmse", "dipole_corr") and not isinstance(kwargs.get("target"), Dipole):
            raise InvalidType("target", kwargs.get("target"), "must be a Dipole")
        if self.obj_fun == "custom":
            if not callable(kwargs.get("loss_fun")):
                raise InvalidType("loss_fun", kwargs.get("loss_fun"), "must be a function of the dipoles and a dict")
            custom: Callable[[list[Dipole], Mapping[str, Any]], float] = kwargs["loss_fun"]
            return custom
        if self.obj_fun == "maximize_psd":
            _parts_of(kwargs)
            return _minus_bandpower
        return _minus_likeness if self.obj_fun == "dipole_corr" else _difference

    def plot_convergence(self, ax: Any = None, show: bool = True) -> Any:
        """Plot the smallest loss so far over iterations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to plot; left out: a new figure.
        show : bool
            Whether to show the figure.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        ax.plot(np.arange(1, len(self.obj_) + 1), self.obj_, color="black")
        ax.set(xlabel="Iterations", ylabel="Objective value", title="Convergence")
        if show:
            plt.show()
        return ax.figure


class _Walk:
    """Evaluates points of the unit cube, notes the best, and ends the search when its iterations are spent."""

    def __init__(self, task: _Task, low: Any, high: Any, max_iter: int, by_generation: bool, n_jobs: int) -> None:
        self._task, self._low, self._high = task, low, high
        self._left, self._by_generation = max_iter, by_generation
        self._launcher = JoblibLauncher(n_jobs)
        self.smallest: list[float] = []
        self.best = low + (high - low) / 2
        self._least = np.inf

    def evaluate(self, points: Sequence[Any]) -> list[Evaluation]:
        """Return the losses at some points."""
        wanted = len(points)
        if not self._by_generation:
            points = points[: self._left]
        many = [self._low + np.asarray(point) * (self._high - self._low) for point in points if self._left > 0]
        found = [
            Evaluation(values, loss, {}, None, 0, 0.0) for values, loss in zip(many, self._losses(many), strict=True)
        ]
        for one in found:
            if one.loss < self._least:
                self._least, self.best = one.loss, one.values
            if not self._by_generation:
                self.smallest.append(self._least)
        if self._by_generation and found:
            self.smallest.append(self._least)
        self._left -= 1 if self._by_generation else len(found)
        if len(found) < wanted:
            raise _Spent
        return found

    def _losses(self, many: Sequence[Any]) -> list[float]:
        items = [tuple(values.tolist()) for values in many]
        done: dict[int, float] = {}
        with closing(self._launcher.map(_loss_at, items, self._task, what="evaluation")) as arriving:
            for number, loss in arriving:
                if isinstance(loss, HnnlibError):
                    raise loss
                done[number] = float(loss)
        return [done[number] for number in range(len(items))]


def _loss_at(task: _Task, values: Sequence[float]) -> float:
    """Simulate with some parameters and return the loss, in a worker."""
    net = with_params(task.net, task.set_params, dict(zip(task.names, values, strict=True)), task.net_first)
    kwargs = task.kwargs
    result = simulate(net, launcher="serial", engine=task.engine, **task.run)
    dipoles = [dipole.copy().scale(kwargs.get("scale_factor") or 1.0) for dipole in result.dipoles]
    if kwargs.get("smooth_window_len"):
        for dipole in dipoles:
            dipole.smooth(kwargs["smooth_window_len"])
    return float(task.loss(dipoles, kwargs))


def _difference(dipoles: list[Dipole], kwargs: Mapping[str, Any]) -> float:
    return rmse(average_dipoles(dipoles), kwargs["target"], tstop=kwargs["tstop"])


def _minus_likeness(dipoles: list[Dipole], kwargs: Mapping[str, Any]) -> float:
    return anticorrelation(average_dipoles(dipoles), kwargs["target"], tstop=kwargs["tstop"])


def _parts_of(kwargs: Mapping[str, Any]) -> list[tuple[float, float, float]]:
    """Return low and high end (Hz) of each band, and its part in the objective."""
    bands = kwargs.get("f_bands")
    if bands is None:
        raise InvalidValue("f_bands", None, "must hold bands (low, high) in Hz")
    parts = kwargs.get("relative_bandpower", 1.0)
    parts = [parts] * len(bands) if isinstance(parts, Real) else list(parts)
    if len(parts) != len(bands):
        raise InvalidValue("relative_bandpower", parts, f"must have one number for each of {len(bands)} bands")
    return [(float(low), float(high), float(part)) for (low, high), part in zip(bands, parts, strict=True)]


def _minus_bandpower(dipoles: list[Dipole], kwargs: Mapping[str, Any]) -> float:
    from scipy.signal import periodogram

    dipole = dipoles[0]
    frequencies, power = periodogram(dipole.data["agg"], dipole.sfreq, window="hamming")
    parts = 0.0
    for low, high, part in _parts_of(kwargs):
        parts += part * float(power[(frequencies > low) & (frequencies < high)].sum())
    return -parts / float(power.sum())


def _bounds(name: str, pair: Any) -> tuple[float, float]:
    try:
        low, high = (float(v) for v in pair)
    except (TypeError, ValueError):
        raise InvalidType(f"constraints[{name!r}]", pair, "must be two numbers (low, high)") from None
    if not low < high:
        raise InvalidValue(f"constraints[{name!r}]", pair, "must be (low, high) with low < high")
    return low, high


def generate_opt_history_table(opt_results: Any, report_timestamp: Any = None) -> str:
    """Return what optimisations did, as text.

    Parameters
    ----------
    opt_results : Optimizer or list of Optimizer
        After `Optimizer.fit`.
    report_timestamp : object, optional
        Stands at the top.

    Returns
    -------
    text : str
        For each: solver, objective, parameters before and after, loss of every iteration.
    """
    lines = [] if report_timestamp is None else [f"Optimization history, {report_timestamp}", ""]
    for number, opt in enumerate(opt_results if isinstance(opt_results, list | tuple) else [opt_results], start=1):
        if opt.opt_params_ is None:
            raise InvalidValue("opt_results", opt, "must have been fitted: call fit() first")
        name = opt.obj_fun if isinstance(opt.obj_fun, str) else "custom"
        lines += [f"Run {number}: solver {opt.solver}, objective {name}, at most {opt.max_iter} iterations", ""]
        lines += [f"{'parameter':30s} {'initial':>14s} {'final':>14s} {'change':>14s}"]
        for (key, first), last in zip(opt.initial_params.items(), opt.opt_params_, strict=True):
            lines.append(f"{key:30s} {first:14.6g} {last:14.6g} {abs(last - first):14.6g}")
        lines += ["", f"{'iteration':>10s} {'objective':>14s}"]
        lines += [f"{k:10d} {loss:14.6g}" for k, loss in enumerate(opt.obj_, start=1)]
        lines += [f"change of the objective: {opt.obj_[0] - opt.obj_[-1]:.6g}", ""]
    return "\n".join(lines)
