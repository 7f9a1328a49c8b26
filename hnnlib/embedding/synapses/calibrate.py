"""How much single presynaptic cells move the soma, and weights that make it a wanted amount."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.base.log import logger
from hnnlib.base.schema import number
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.run import simulate_cell
from hnnlib.embedding.sources.recorded import Replay
from hnnlib.embedding.synapses.placement import whole
from hnnlib.embedding.synapses.table import Embedding
from hnnlib.results.spike_data import SpikeData

__all__ = ["UnitaryPSPs", "calibrate_unitary", "unitary_psps"]

_SPIKE_MS = 1.0
_ROUNDS = 8
_LARGEST_STEP = 30.0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnitaryPSPs:
    """Postsynaptic potentials at the soma after one spike of one presynaptic cell, all of whose synapses release.

    Parameters
    ----------
    population : str
        The presynaptic population.
    source : array of int, shape (n,)
        The cells that were tried, rising.
    peak_mV : array, shape (n,)
        Largest deflection from the voltage without input, negative if downwards (mV).
    peak_ms : array, shape (n,)
        When, after the spike (ms).
    fired : array of bool, shape (n,)
        Whether the cell fired a spike.
    """

    population: str
    source: np.ndarray
    peak_mV: np.ndarray
    peak_ms: np.ndarray
    fired: np.ndarray

    @property
    def mean_mV(self) -> float:
        """Mean of the peaks (mV)."""
        return float(self.peak_mV.mean())

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        spread = f"{self.peak_mV.min():.3g} to {self.peak_mV.max():.3g}"
        return f"<UnitaryPSPs of {self.population} | {len(self)} cells, {self.mean_mV:.3g} mV ({spread})>"


def unitary_psps(
    cell: Any,
    embedding: Embedding,
    population: str,
    *,
    n_cells: int = 10,
    window: float = 60.0,
    settle: float = 100.0,
    dt: float = 0.1,
    seed: int = 0,
    **options: Any,
) -> UnitaryPSPs:
    """Measure what single cells of a population do to the soma.

    Each is tried alone: one spike, all of its synapses release, nothing else happens. What the cell does without input
    is taken off.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    embedding : Embedding
        Its synapses.
    population : str
        The presynaptic population.
    n_cells : int
        How many cells are tried, drawn from those that have synapses; all, if there are fewer.
    window : float
        How long after the spike the peak is looked for (ms).
    settle : float
        How long the cell comes to rest before (ms).
    dt : float
        Time step (ms); coarse, as peaks hardly hang on it.
    seed : int
        Seed of which cells are tried.
    **options : object
        Of `simulate_cell`: ``clamps`` (e.g. a current that holds the cell away from a reversal potential), ``engine``,
        ``launcher``, ``threshold``, ``pool``.

    Returns
    -------
    psps : UnitaryPSPs

    Raises
    ------
    UnknownName
        If there is no such population.
    InvalidValue
        If it has no synapses, or the cell fires without any input.
    """
    if population not in embedding.populations:
        raise UnknownName("population", population, "population of the embedding", embedding.populations)
    number(window, "window", unit="ms", gt=0)
    alone = embedding.filter(population=population)
    alone = attrs.evolve(alone, release_p=np.ones(len(alone)))
    known = np.unique(alone.source)
    if not len(known) or whole(n_cells, "n_cells") == 0:
        raise InvalidValue(
            "population", population, f"has {len(known)} cells with synapses, of which {n_cells} are tried"
        )
    rng = independent_stream(seed, f"{population}:calibration")
    tried = np.sort(rng.choice(known, min(n_cells, len(known)), replace=False))
    spikes = SpikeData.from_arrays(
        np.full(len(tried), _SPIKE_MS), tried, population, trials=np.arange(len(tried)), n_trials=len(tried) + 1
    )
    study = simulate_cell(
        cell,
        alone,
        {population: Replay(spikes=spikes)},
        tstop=_SPIKE_MS + window,
        dt=dt,
        n_trials=len(tried) + 1,  # the last one: without input
        record={"v": "soma"},
        settle=settle,
        seed=seed,
        **options,
    )
    v = study.recordings["v"]
    traces = v.numpy()[:, 0].astype(float)
    counts = np.bincount(study.soma_spikes.numpy()["trial"], minlength=len(traces))
    if counts[-1]:
        raise InvalidValue("cell", repr(cell), f"fires {counts[-1]} spikes without any input, within {window:g} ms")
    moved = traces[:-1] - traces[-1]
    at = np.abs(moved).argmax(axis=1)
    return UnitaryPSPs(
        population=population,
        source=tried,
        peak_mV=moved[np.arange(len(tried)), at],
        peak_ms=v.times[at] - _SPIKE_MS,
        fired=counts[:-1] > 0,
    )


def calibrate_unitary(
    cell: Any, embedding: Embedding, population: str, target_mV: float, *, tolerance: float = 0.02, **options: Any
) -> Embedding:
    """Return the synapses with the weights of a population multiplied so that its unitary PSPs have a wanted mean.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    embedding : Embedding
        Its synapses. Weights of the population keep their ratios.
    population : str
        The presynaptic population.
    target_mV : float
        Mean peak at the soma that single cells are to have (mV); negative where they hyperpolarise.
    tolerance : float
        How far from it the mean may be, relative.
    **options : object
        As in `unitary_psps`.

    Returns
    -------
    embedding : Embedding

    Raises
    ------
    InvalidValue
        If the synapses move the soma the other way or not at all, or the mean can't be reached: the cell fires, or the
        driving force is too small.
    UnknownName
        If there is no such population.
    """
    number(tolerance, "tolerance", gt=0)
    if number(target_mV, "target_mV", unit="mV") == 0:
        raise InvalidValue("target_mV", target_mV, "must not be 0; silence() makes a population do nothing")
    total = 1.0
    for _ in range(_ROUNDS):
        psps = unitary_psps(cell, embedding, population, **options)
        mean = psps.mean_mV
        if mean * target_mV <= 0:
            allowed = f"mV can't be reached: cells of {population!r} move the soma by {mean:.3g} mV"
            raise InvalidValue("target_mV", target_mV, allowed)
        if abs(mean / target_mV - 1) <= tolerance and not psps.fired.any():
            logger.info("%s: weights times %.4g give unitary PSPs of %.3g mV", population, total, mean)
            return embedding
        factor = float(np.clip(target_mV / mean, 1 / _LARGEST_STEP, _LARGEST_STEP))
        total *= factor
        embedding = embedding.scale_weight(factor, population=population)
    fired = f", and {int(psps.fired.sum())} of {len(psps)} make the cell fire" if psps.fired.any() else ""
    allowed = (
        f"mV is not reached in {_ROUNDS} rounds: with weights times {total / factor:.3g}, it is {mean:.3g} mV{fired}"
    )
    raise InvalidValue("target_mV", target_mV, allowed)
