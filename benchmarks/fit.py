"""How long a fit takes, and how much of it is not simulation: run with ``make bench``.

    python benchmarks/fit.py [--trials 100] [--jobs 2] [--mesh 10]

Twelve parameters (times, spreads and two weights each of the three evoked drives) of the default column are fitted to a
dipole that was simulated from another seed; 170 ms, one trial an evaluation, every evaluation written to disk. In
``make bench`` 100 trials are run and those of 2,000 extrapolated, by the clock; ``--trials 2000`` runs them.

Overhead is what is left of the workers' time when simulations are taken off: their wall-clock seconds, over jobs times
the seconds of the fit. It holds the start of the workers, the search, writing, and workers that wait for the last of
their batch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import hnnlib as hn

WEIGHTS = {
    "evprox1": ("L2_pyramidal.ampa", "L5_pyramidal.ampa"),
    "evdist1": ("L2_pyramidal.nmda", "L5_pyramidal.ampa"),
    "evprox2": ("L2_pyramidal.ampa", "L5_pyramidal.ampa"),
}
TSTOP = 170.0
FULL = 2000


def problem(mesh: int) -> hn.Problem:
    """Twelve parameters, off their places, and a target simulated at their places."""
    net = hn.neymotin_2020_model(
        hn.read_params(hn.param_file("default")), add_drives_from_params=True, mesh_shape=(mesh, mesh)
    )
    for drive in WEIGHTS:
        net.put(f"drives.{drive}.event_seed", None)
    target = hn.simulate(net, tstop=TSTOP, n_trials=2, seed=1).dipole.smooth(20).scale(3000)
    free = []
    for name, paths in WEIGHTS.items():
        drive = net.spec.drives[name]
        free.append(hn.Free(f"drives.{name}.mu", drive.mu - 10, drive.mu + 10, start=drive.mu + 5))
        free.append(hn.Free(f"drives.{name}.sigma", drive.sigma / 2, drive.sigma * 2, start=drive.sigma * 1.5))
        for path in paths:
            weight = hn.get_at(net.spec, f"drives.{name}.weights.{path}")
            free.append(hn.Free(f"drives.{name}.weights.{path}", weight / 4, weight * 4, "log", weight * 1.5))
    return hn.Problem(net, free, hn.RMSE(target, smooth=20, scale=3000.0), tstop=TSTOP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100, help=f"trials of the fit (in full: {FULL})")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--mesh", type=int, default=10, help="pyramidal cells per layer along x and y")
    given = parser.parse_args()
    case = problem(given.mesh)
    serial = simulated(case)
    launcher = hn.JoblibBackend(n_jobs=given.jobs).launcher
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        fit = hn.fit(case, "cma", max_trials=given.trials, launcher=launcher, out=Path(folder) / "fit.h5")
        seconds = time.perf_counter() - begin
    worked = fit.ending["seconds of evaluations"]
    n = fit.n_trials
    print(f"fit of 12 parameters, {given.mesh} x {given.mesh}, {TSTOP:g} ms, {given.jobs} workers, cma")
    print(f"  {n} trials in {seconds:.1f} s: {seconds / n:.3f} s each by the clock; loss {fit.evaluations[0].loss:.3g}"
          f" -> {fit.loss:.3g}")  # fmt: skip
    if n < FULL:
        print(f"  {FULL} trials: {seconds / n * FULL / 60:.1f} min, extrapolated")
    print(f"  an evaluation in a worker: {worked / len(fit.evaluations):.3f} s; a bare simulation here: {serial:.3f} s")
    print(f"  workers idle or waiting: {100 * (1 - worked / (given.jobs * seconds)):.1f} % of their time")
    print(f"  machinery in this process: {100 * machinery(case) / serial:.2f} % of a simulation")


def simulated(case: hn.Problem, rounds: int = 4) -> float:
    """Seconds of a simulation without a fit around it; the smallest of some."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        hn.simulate(case.network_at(case.space.starts), tstop=TSTOP, engine=case.engine, launcher="serial")
        found.append(time.perf_counter() - begin)
    return min(found)


def machinery(case: hn.Problem, n: int = 60) -> float:
    """Seconds that one evaluation costs beside its simulation: search, values into the spec, objective, writing.

    The same fit with one result in place of all simulations.
    """
    kept = case.simulate(case.space.starts)
    case._simulated = lambda values, seed, **options: (case.network_at(values), kept)[1]  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        hn.fit(case, "cma", max_trials=6, out=Path(folder) / "first.h5")  # what is imported once
        begin = time.perf_counter()
        fit = hn.fit(case, "cma", max_trials=n, out=Path(folder) / "fit.h5")
        return (time.perf_counter() - begin) / len(fit.evaluations)


if __name__ == "__main__":
    main()
