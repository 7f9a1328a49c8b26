"""How far the engines are from each other, from the published model, and from a finer time step: a table in markdown.

The published model is compared where its files of numbers are at hand (``HNNLIB_SHARED``, as for the tests).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hnnlib as hn
from hnnlib.compile.build import compile_plan

TSTOP = 170.0
Row = tuple[str, str, str, str]
"""What is compared, on which column, the spikes, the dipole."""


def plan_of(n: int, dt: float = 0.025) -> Any:
    """The default column on an n by n mesh with its three evoked drives."""
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
    return compile_plan(net.spec, hn.RunSpec(tstop=TSTOP, dt=dt))


def spikes_of(plan: Any, times: np.ndarray, gids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of the cells alone, in one order."""
    cells = np.asarray(gids) < plan.n_cells
    times, gids = np.asarray(times)[cells], np.asarray(gids)[cells]
    order = np.lexsort((gids, times))
    return times[order], gids[order]


def told_spikes(plan: Any, ours: Any, theirs: tuple[np.ndarray, np.ndarray]) -> str:
    """How two trials' spikes differ, in words."""
    (t, g), (u, h) = spikes_of(plan, ours.spike_times_ms, ours.spike_gids), spikes_of(plan, *theirs)
    if len(g) != len(h) or not np.array_equal(np.sort(g), np.sort(h)):
        return f"{len(g)} and {len(h)}"
    # by cell, each in its order of time
    apart = np.abs(t[np.lexsort((t, g))] - u[np.lexsort((u, h))]).max(initial=0.0)
    return f"all {len(g)} the same" if apart == 0 else f"all {len(g)}, within {apart:.2g} ms"


def told_dipole(ours: np.ndarray, theirs: np.ndarray) -> str:
    """The largest difference of two dipoles, over the larger one's peak."""
    off, peak = np.abs(ours - theirs).max(), np.abs(theirs).max()
    if off == 0:
        return "the same to the last bit"
    return f"{off / peak:.0e} of the peak" if off < 0.01 * peak else f"{off / peak:.0%} of the peak"


def dipole_of(trial: Any) -> np.ndarray:
    """The raw moment of all populations together, shape (n_samples,)."""
    total: np.ndarray = trial.samples["dipole"].sum(axis=1)
    return total


def pair(what: str, n: int, engines: tuple[Any, Any]) -> Row:
    """One trial on two engines."""
    plan = plan_of(n)
    ours, theirs = (engine.run(plan, [0]).trials[0] for engine in engines)
    spikes = told_spikes(plan, ours, (theirs.spike_times_ms, theirs.spike_gids))
    return what, f"{n} × {n}", spikes, told_dipole(dipole_of(ours), dipole_of(theirs))


def published(folder: Path) -> Iterator[Row]:
    """One trial against the published model's file of numbers."""
    meta = json.loads((folder / "jones_default_trial1.json").read_text())
    arrays = np.load(folder / "jones_default_trial1.npz")
    theirs = (arrays["spike_times"], arrays["spike_gids"])
    n = meta["mesh_shape"][0]
    plan = plan_of(n)
    for name, engine in (("NEURON", hn.NeuronEngine()), ("fast", hn.FastEngine())):
        ours = engine.run(plan, [0]).trials[0]
        dipole = told_dipole(dipole_of(ours), arrays["dipole_raw_fAm"].sum(axis=1))
        yield f"{name} engine against HNN-core 0.6.1", f"{n} × {n}", told_spikes(plan, ours, theirs), dipole


def finer(n: int) -> Row:
    """The time step against one of a fourth of it, exact rates."""
    engine = hn.FastEngine(rates="exact")
    plan, fine = plan_of(n), plan_of(n, dt=0.00625)
    ours, theirs = (engine.run(p, [0]).trials[0] for p in (plan, fine))
    spikes = told_spikes(plan, ours, (theirs.spike_times_ms, theirs.spike_gids))
    return "dt 0.025 ms against 0.00625 ms", f"{n} × {n}", spikes, told_dipole(dipole_of(ours), dipole_of(theirs)[::4])


def rows() -> Iterator[Row]:
    """All comparisons."""
    shared = os.environ.get("HNNLIB_SHARED")
    if shared:
        yield from published(Path(shared) / "reference")
    exact = {"rates": "exact"}
    yield pair("fast against NEURON, tabulated rates", 10, (hn.FastEngine(), hn.NeuronEngine()))
    yield pair("fast against NEURON, exact rates", 3, (hn.FastEngine(**exact), hn.NeuronEngine(**exact)))
    yield pair("fast: single against double precision", 10, (hn.FastEngine(precision="float32"), hn.FastEngine()))
    yield pair("fast: exact against tabulated rates", 10, (hn.FastEngine(**exact), hn.FastEngine()))
    yield finer(3)


def main() -> None:
    """Measure and print."""
    print("| one trial of 170 ms | column | spikes of its cells | dipole, largest difference |")
    print("|---|---|---|---|")
    for row in rows():
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
