"""Dipole kernels fitted to detailed runs."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib import __version__
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.nest.estimate import most_spikes
from hnnlib.backends.nest.features import Arrivals, arrivals, bumps, convolve, term_signal
from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import InvalidValue
from hnnlib.base.log import logger
from hnnlib.base.seeds import independent_stream
from hnnlib.plan.estimate import DipoleKernels, PopulationKernels, Term
from hnnlib.reduction.kernel_lessons import KernelTrial, held_out, run_lesson, training_set
from hnnlib.reduction.kernel_scores import bound_kernels, score_kernels
from hnnlib.reduction.kernel_terms import cell_of, rounded, unfitted_kernels
from hnnlib.spec.network import NetworkSpec

__all__ = ["fit_kernels"]

_RIDGES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
_CELLS_PER_TRIAL = 20
_KEPT = 4  # every n-th sample of single cells goes into the fit
# Squares that are added up: single cells, their mean, their mean smoothed. The sum over cells is what is wanted; single
# cells keep the fit from leaning on what the cells of one mesh have in common.
_WEIGHTS = (1.0, 300.0, 1000.0)
_SMOOTHED_MS = 8.0


def fit_kernels(
    network: NetworkSpec,
    *,
    n_trials: int = 48,
    seed: int = 0,
    dt: float = 0.025,
    engine: Engine | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[DipoleKernels, ...]:
    """Fit the dipole kernels of all cell types of a network whose dipole is measured.

    Parameters
    ----------
    network : NetworkSpec
        A network with drives. It is run under these, varied, and where it has the published column's populations under
        rhythms too.
    n_trials : int
        Number of trials to fit to, rhythms not counted.
    seed : int
        Seed of everything that is drawn: the same gives the same kernels.
    dt : float
        Time step of the detailed runs (ms).
    engine : Engine, optional
        What runs them; left out: the fast engine.
    progress : callable, optional
        Called as ``progress(what, done, all)``.

    Returns
    -------
    kernels : tuple of DipoleKernels
        One per population, with scores in runs that were not fitted to.

    Raises
    ------
    InvalidValue
        If no dipole is measured, nothing drives the network, a synapse is no Exp2Syn, or ``n_trials`` is below 2.
    TrialFailed
        If a detailed run diverges.

    Notes
    -----
    The response to small events is that of a single cell at rest (Hagen et al. 2022, PLoS Comput Biol 18:e1010353).
    What goes beyond it is fitted: ridge regression on saturating conductances, products of conductances at two places,
    and own spikes by their place in a burst, each convolved with raised cosines. The ridge is chosen on a fifth of the
    trials.
    """
    engine = engine or FastEngine()
    names = [n for n, p in network.populations.items() if p.measure_dipole and cell_of(network, n).dipole_axis]
    if not names:
        raise InvalidValue("network.populations", list(network.populations), "must have one whose dipole is measured")
    if not network.drives:
        raise InvalidValue("network.drives", {}, "must drive the network that kernels are fitted to")
    if n_trials < 2:
        raise InvalidValue("n_trials", n_trials, "must be >= 2: kernels are fitted to some and compared by others")
    tell = progress or (lambda what, done, total: None)
    empty = {name: unfitted_kernels(network, name, engine, dt) for name in names}
    lessons = training_set(network, n_trials, seed)
    # sums over trials: those that a ridge is tried on, and those that it is chosen by
    grams: dict[tuple[str, bool], _Gram] = {}
    for k, lesson in enumerate(lessons):
        tell("training runs", k, len(lessons))
        trial = run_lesson(lesson, engine, empty[names[0]].step_ms, dt)
        stream = independent_stream(seed, "kernel cells", k)
        for name in names:
            gram = _gram_of(trial, name, empty[name], stream, checks=k % 5 == 0)
            key = (name, k % 5 == 0)
            grams[key] = grams[key].plus(gram) if key in grams else gram
    fitted = []
    for name in names:
        ridge, kernels = _chosen_ridge(empty[name], grams[name, False], grams[name, True])
        fitted.append(_with_provenance(kernels, network, name, dt, seed, n_trials, engine, ridge))
        logger.info("dipole kernels of %s: ridge %g", name, ridge)
    tests = held_out(network, seed)
    runs = []
    for k, lesson in enumerate(tests):
        tell("held-out runs", k, len(tests))
        runs.append((lesson.condition, run_lesson(lesson, engine, empty[names[0]].step_ms, dt)))
    scores = score_kernels(fitted, runs)
    return tuple(
        attrs.evolve(k, scores={c: {"own": of[name], "aggregate": of["aggregate"]} for c, of in scores.items()})
        for name, k in zip(names, fitted, strict=True)
    )


# ------------------------------------------------------------------------------------------------- the fit


@attrs.frozen(eq=False)
class _Check:
    """What tells how much of a trial's dipole a solution leaves unexplained."""

    matrix: np.ndarray
    vector: np.ndarray
    squares: float  # of what is fitted: the dipole less the response to small events
    dipole: float  # squares of the dipole itself

    def unexplained(self, x: np.ndarray) -> float:
        return float((self.squares - 2 * x @ self.vector + x @ self.matrix @ x) / self.dipole)


@attrs.frozen(kw_only=True, eq=False)
class _Gram:
    """Sums of squares and products of trials: all that a regression needs of them."""

    matrix: np.ndarray  # (n, n)
    vector: np.ndarray  # (n,)
    checks: tuple[_Check, ...]  # of the mean cell, as it is and smoothed, of each trial that chooses the ridge
    heaviest_uS: dict[str, float]  # by channel
    open_uS: np.ndarray  # by term: largest conductances of a cell that its levels are held against
    by_open_uS: np.ndarray
    most_spikes: int

    def plus(self, other: _Gram) -> _Gram:
        heaviest = {
            name: max(self.heaviest_uS.get(name, 0.0), other.heaviest_uS.get(name, 0.0))
            for name in {**self.heaviest_uS, **other.heaviest_uS}
        }
        return _Gram(
            matrix=self.matrix + other.matrix,
            vector=self.vector + other.vector,
            checks=self.checks + other.checks,
            heaviest_uS=heaviest,
            open_uS=np.maximum(self.open_uS, other.open_uS),
            by_open_uS=np.maximum(self.by_open_uS, other.by_open_uS),
            most_spikes=max(self.most_spikes, other.most_spikes),
        )


def _gram_of(trial: KernelTrial, name: str, kernels: DipoleKernels, stream: np.random.Generator, checks: bool) -> _Gram:
    bound = bound_kernels(trial.plan, name, kernels)
    tstop = trial.plan.run.n_steps * trial.plan.run.dt_ms
    reached = arrivals(bound, trial.times_ms, trial.gids, trial.plan.n_gids, tstop)
    table = bumps(kernels)
    small = np.zeros(reached.n_times)
    for c in kernels.channels:
        if c.name in reached.events:
            small += convolve(reached.events[c.name].sum(axis=0), np.array(c.kernel) @ table)
    rest = np.interp(np.arange(reached.n_times) * kernels.step_ms, kernels.rest_ms, kernels.rest_fAm)
    dipole = trial.moment_fAm[name][:: trial.every] / bound.n_cells - rest
    mean = dipole - small / bound.n_cells
    dipole[0] = mean[0] = 0.0
    cells = np.sort(stream.permutation(bound.n_cells)[:_CELLS_PER_TRIAL])
    single = _of_cells(trial.cells_fAm[name], cells, reached, kernels, table) - rest
    single[:, 0] = 0.0
    window = np.hamming(round(_SMOOTHED_MS / kernels.step_ms))
    window /= window.sum()
    together = _design(kernels, reached, table, None)
    smooth = np.array([np.convolve(row, window, "same") for row in together])
    target = np.convolve(mean, window, "same")
    apart = _design(kernels, reached, table, cells)
    share = 1.0 / np.sqrt(float(dipole @ dipole) + 1e4)  # weak trials count for more than by their squares
    slow = np.convolve(dipole, window, "same")
    wc, wm, ws = (share * w for w in _WEIGHTS)
    return _Gram(
        matrix=wc * apart @ apart.T + wm * together @ together.T + ws * smooth @ smooth.T,
        vector=wc * apart @ single[:, ::_KEPT].ravel() + wm * together @ mean + ws * smooth @ target,
        checks=(
            _Check(together @ together.T, together @ mean, float(mean @ mean), float(dipole @ dipole)),
            _Check(smooth @ smooth.T, smooth @ target, float(target @ target), float(slow @ slow)),
        )
        if checks
        else (),
        heaviest_uS={
            c.name: float(f"{bound.weight_uS[bound.channel == k].max(initial=0.0):.6g}")
            for k, c in enumerate(kernels.channels)
            if c.name in reached.events
        },
        open_uS=np.array([_largest(reached.total(t.channels)) for t in kernels.terms]),
        by_open_uS=np.array([_largest(reached.total(t.by)) for t in kernels.terms]),
        most_spikes=_own_most(bound, trial),
    )


def _largest(conductance: np.ndarray | None) -> float:
    return 0.0 if conductance is None else float(conductance.max())


def _own_most(bound: PopulationKernels, trial: KernelTrial) -> int:
    cell = trial.gids - bound.gid_start
    own = (cell >= 0) & (cell < bound.n_cells)
    return most_spikes(cell[own], trial.times_ms[own])


def _of_cells(
    cells_fAm: np.ndarray, cells: np.ndarray, reached: Arrivals, kernels: DipoleKernels, table: np.ndarray
) -> np.ndarray:
    """Return the dipoles of some cells less their response to small events."""
    dipoles = cells_fAm[cells].copy()
    for c in kernels.channels:
        if c.name in reached.events:
            dipoles -= convolve(reached.events[c.name][cells], np.array(c.kernel) @ table)
    return dipoles


def _design(kernels: DipoleKernels, reached: Arrivals, table: np.ndarray, cells: np.ndarray | None) -> np.ndarray:
    """Return the signals of all terms times all bumps, a row each: of some cells in turn, or of the mean cell."""
    n_bumps, n = len(table), reached.n_times
    length = n if cells is None else len(cells) * len(range(0, n, _KEPT))
    rows = np.zeros((len(kernels.terms) * n_bumps, length))
    for k, term in enumerate(kernels.terms):
        signal = term_signal(term, reached)
        if signal is None:
            continue
        at = slice(k * n_bumps, (k + 1) * n_bumps)
        if cells is None:
            rows[at] = convolve(signal.mean(axis=0), table)
        else:
            rows[at] = convolve(signal[cells][None], table[:, None])[:, :, ::_KEPT].reshape(n_bumps, -1)
    return rows


def _chosen_ridge(kernels: DipoleKernels, fitted: _Gram, checked: _Gram) -> tuple[float, DipoleKernels]:
    """Return a ridge chosen on some trials, the others fitted, and kernels fitted to all.

    It is the largest that does as well as the best, but for one standard error (Hastie et al. 2009, The Elements of
    Statistical Learning, 7.10).
    """
    together = fitted.plus(checked)
    kept = _reached(kernels.terms, together)
    used = np.repeat(kept, kernels.n_bumps)
    checks = [check for check in checked.checks if check.dipole > 0]
    lost = np.array(
        [[min(1.0, check.unexplained(x)) for check in checks] for x in (_solved(fitted, r, used) for r in _RIDGES)]
    )
    best = int(lost.mean(axis=1).argmin())
    limit = lost[best].mean() + lost[best].std() / np.sqrt(len(checks))
    ridge = max(r for r, mean in zip(_RIDGES, lost.mean(axis=1), strict=True) if mean <= limit)
    coefficients = _solved(together, ridge, used).reshape(len(kernels.terms), -1)
    most = {
        t.channels[0]: float(g)
        for t, g in zip(kernels.terms, rounded(together.open_uS), strict=True)
        if t.signal == "saturation"
    }
    return ridge, attrs.evolve(
        kernels,
        channels=tuple(
            attrs.evolve(c, heaviest_uS=together.heaviest_uS.get(c.name, 0.0), most_open_uS=most.get(c.name, 0.0))
            for c in kernels.channels
        ),
        terms=tuple(
            attrs.evolve(term, kernel=rounded(row))
            for term, row, keep in zip(kernels.terms, coefficients, kept, strict=True)
            if keep
        ),
        most_spikes=together.most_spikes,
    )


def _reached(terms: Sequence[Term], gram: _Gram) -> np.ndarray:
    """Return which terms the training set can fix: those whose levels the conductances reach.

    Far below its level a term is a power of the conductance. Its coefficient is then large, and a network of more
    cells or stronger weights would be told nonsense.
    """
    return np.array(
        [
            t.signal == "spike" or (t.level <= g and (t.signal == "saturation" or t.by_level <= h))
            for t, g, h in zip(terms, gram.open_uS, gram.by_open_uS, strict=True)
        ]
    )


def _solved(gram: _Gram, ridge: float, used: np.ndarray) -> np.ndarray:
    """Return the coefficients that a ridge gives, 0 for those that are not used."""
    matrix, vector = gram.matrix[np.ix_(used, used)], gram.vector[used]
    scale = np.sqrt(np.diag(matrix))
    scale[scale == 0.0] = 1.0
    normal = matrix / scale / scale[:, None] + ridge * np.eye(len(scale))
    solution = np.zeros(len(used))
    solution[used] = np.linalg.solve(normal, vector / scale) / scale
    return solution


def _with_provenance(
    kernels: DipoleKernels,
    network: NetworkSpec,
    name: str,
    dt: float,
    seed: int,
    n_trials: int,
    engine: Engine,
    ridge: float,
) -> DipoleKernels:
    mechanisms: Any = sorted({m for s in cell_of(network, name).sections.values() for m in s.mechanisms})
    provenance = {
        "hnnlib": __version__,
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "engine": engine.name,
        "dt": dt,
        "celsius": network.celsius,
        "mechanisms": mechanisms,
        "drives": list(network.drives),
        "trials": n_trials,
        "seed": seed,
        "ridge": ridge,
    }
    return attrs.evolve(kernels, provenance=provenance)
