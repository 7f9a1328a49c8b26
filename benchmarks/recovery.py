"""Find known parameters again, and see whether their intervals hold them.

    python benchmarks/recovery.py [--draws 20] [--out FOLDER] [--summary] [--n-jobs 1] [--method NAME]

Each draw takes the times, spreads and six weights of the three evoked drives at random within their bounds, simulates
the target (mean of 100 trials), fits it from the middle of the bounds with other seeds, and estimates intervals. One
file per draw is kept in the folder: draws that are there are not run again, so the study can be stopped and continued.

What is simulated: a column of 4 x 4 pyramidal cells per layer, 180 ms in steps of 0.05 ms, single precision. Target and
simulations are smoothed over 20 ms; the target is sampled at 1000 Hz. A fit may use 2,000 trials, its intervals among
them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import hnnlib as hn
from hnnlib.analysis.compare import correlation, rmse
from hnnlib.base.seeds import independent_stream
from hnnlib.optimization.fitting import fit
from hnnlib.optimization.free import Free, Space
from hnnlib.optimization.problem import Problem
from hnnlib.optimization.regression import Regression
from hnnlib.optimization.target import Target
from hnnlib.optimization.uncertainty import Simulated, intervals_of, simulate_around
from hnnlib.optimization.waveform import RMSE

ROOT = Path(__file__).resolve().parent.parent
MESH, TSTOP, DT, SMOOTH = 4, 180.0, 0.05, 20.0
SCALE = 3000.0 * 100 / MESH**2
TARGET_TRIALS, FIT_TRIALS, POINT_TRIALS, HELD_OUT_TRIALS = 100, 2, 4, 20
ROUNDS, POINTS = 3, 64
OF_SIMULATED = ("points", "residuals", "covariance")
WEIGHTS = {
    "evprox1": ("L2_pyramidal.ampa", "L5_pyramidal.ampa"),
    "evdist1": ("L2_pyramidal.nmda", "L5_pyramidal.ampa"),
    "evprox2": ("L2_pyramidal.ampa", "L5_pyramidal.ampa"),
}
TIMES = {"evprox1": 8.0, "evdist1": 12.0, "evprox2": 12.0}
SPREADS = {"evprox1": (1.0, 6.0), "evdist1": (1.5, 9.0), "evprox2": (3.0, 15.0)}


def network() -> hn.Network:
    """Return the published column and drives, each drive with a stream of its own."""
    net = hn.neymotin_2020_model(
        hn.read_params(hn.param_file("default.json")), add_drives_from_params=True, mesh_shape=(MESH, MESH)
    )
    for drive in WEIGHTS:
        net.put(f"drives.{drive}.event_seed", None)
    return net


def free_parameters(net: hn.Network) -> list[Free]:
    """Return times (8 or 12 ms to each side), spreads, and weights (a third to three times the published ones)."""
    drives = net.spec.drives
    times = [Free(f"drives.{d}.mu", drives[d].mu - w, drives[d].mu + w) for d, w in TIMES.items()]
    spreads = [Free(f"drives.{d}.sigma", low, high) for d, (low, high) in SPREADS.items()]
    weights = []
    for drive, paths in WEIGHTS.items():
        for path in paths:
            value = hn.get_at(net.spec, f"drives.{drive}.weights.{path}")
            weights.append(Free(f"drives.{drive}.weights.{path}", value / 3, value * 3, "log"))
    return [Free(f.path, f.low, f.high, f.scale, f.middle) for f in (*times, *spreads, *weights)]


def shown(result: hn.Result) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean dipole as a recording would show it."""
    dipole = result.dipole.smooth(SMOOTH).scale(SCALE)
    return dipole.times[:-1:20], dipole.data["agg"][:-1:20]


def one_draw(number: int, method: Any, max_trials: int, launcher: Any) -> dict[str, Any]:
    """Simulate a target, fit it, estimate intervals; return all of it."""
    net = network()
    free = free_parameters(net)
    engine = hn.FastEngine(precision="float32")
    space = Space.of(net.spec, free)
    truth = space.from_unit(independent_stream(number, "recovery/truth").random(len(free)))
    recorded = hn.simulate(
        space.apply(net.spec, truth), tstop=TSTOP, dt=DT, n_trials=TARGET_TRIALS, seed=10**6 + number, engine=engine,
        launcher=launcher,
    )  # fmt: skip
    times, data = shown(recorded)
    target = Target(times, data, f"draw {number}", n_averaged=TARGET_TRIALS)
    problem = Problem(
        net, free, RMSE(target, smooth=SMOOTH, scale=SCALE), tstop=TSTOP, dt=DT, n_trials=FIT_TRIALS, seed=100 + number,
        engine=engine,
    )  # fmt: skip
    begin = time.perf_counter()
    for_intervals = ROUNDS * POINTS * POINT_TRIALS
    found = fit(problem, method, max_trials=max_trials - for_intervals, seed=number, launcher=launcher)
    fitted = time.perf_counter()
    around = simulate_around(
        problem, found, n_trials=POINT_TRIALS, n_points=POINTS, rounds=ROUNDS, seed=50_000 + number, launcher=launcher
    )
    estimate = intervals_of(around, space, found.values, n_averaged=TARGET_TRIALS, seed=number)
    seconds = {"fit": fitted - begin, "intervals": time.perf_counter() - fitted}
    said = {}
    for name, values in (("fit", found.values), ("median", estimate.median)):
        t, y = shown(problem.simulate(values, seed=2 * 10**6 + number, n_trials=HELD_OUT_TRIALS, launcher=launcher))
        said[name] = {"correlation": correlation(t, y, times, data), "rmse": rmse(t, y, times, data)}
    return {
        "said": {**said, "trials": found.n_trials + around.n_simulated, "seconds": seconds, "names": list(space.names)},
        "truth": truth, "fit": found.values, "target": np.array([times, data]),
        "evaluated": np.array([one.values for one in found.evaluations]),
        "losses": np.array([one.loss for one in found.evaluations]),
        **{name: getattr(around, name) for name in OF_SIMULATED},
    }  # fmt: skip


def read_draw(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files}
    return {**kept, "said": json.loads(str(kept["said"]))}


def write_draw(path: Path, draw: dict[str, Any]) -> None:
    half = path.with_suffix(".half.npz")
    np.savez_compressed(half, **{**draw, "said": json.dumps(draw["said"])})
    half.replace(path)


def summary(draws: dict[int, dict[str, Any]]) -> str:
    """Return the tables: by draw, by parameter, and against what was to be shown."""
    space = Space.of(network().spec, free_parameters(network()))
    times = [k for k, name in enumerate(space.names) if name.endswith(".mu")]
    truths, medians, covered, widths, lines = [], [], [], [], []
    lines.append("draw  trials  seconds  r of fit  r of median  drive times, median - truth (ms)  held by 90 %")
    for number, draw in draws.items():
        around = Simulated(**{name: draw[name] for name in OF_SIMULATED}, n_trials=POINT_TRIALS, n_last=POINTS)
        estimate = intervals_of(around, space, draw["fit"], n_averaged=TARGET_TRIALS, seed=number)
        truths.append(draw["truth"])
        medians.append(estimate.median)
        covered.append(estimate.covers(draw["truth"]))
        widths.append(estimate.width)
        said, off = draw["said"], (estimate.median - draw["truth"])[times]
        lines.append(
            f"{number:4d}  {said['trials']:6d}  {sum(said['seconds'].values()):7.0f}  {said['fit']['correlation']:8.3f}"
            f"  {said['median']['correlation']:11.3f}  {'  '.join(f'{x:6.2f}' for x in off):>33s}"
            f"  {covered[-1].sum():5d} of {len(space)}"
        )
    off = np.abs(np.array(medians) - np.array(truths))
    held, width = np.array(covered), np.array(widths)
    lines += [
        "",
        "parameter                                    median error  median width  90 % intervals that hold it",
    ]
    for k, one in enumerate(space.free):
        error = f"{np.median(off[:, k]):.3g}"
        if one.scale == "log":
            ratio = np.abs(np.log(np.array(medians)[:, k] / np.array(truths)[:, k]))
            error = f"x {np.exp(np.median(ratio)):.2f}"
        lines.append(
            f"{one.path:44s} {error:>12s}  {100 * np.median(width[:, k]):10.0f} %  {100 * held[:, k].mean():6.0f} %"
        )
    for name in ("fit", "median"):
        r = np.array([draw["said"][name]["correlation"] for draw in draws.values()])
        lines.append(
            f"correlation, {name} and target, >= 0.95 in {np.sum(r >= 0.95)} of {len(r)} (least {r.min():.3f})"
        )
    of_fit = np.abs(np.array([draw["fit"] for draw in draws.values()]) - np.array(truths))[:, times]
    lines.append(
        f"median error of drive times: {np.median(of_fit):.2f} ms (fit), {np.median(off[:, times]):.2f} ms (median)"
    )
    lines.append(f"coverage of 90 % intervals: {100 * held.mean():.1f} % of {held.size}")
    lines.append(f"most trials of a draw: {max(draw['said']['trials'] for draw in draws.values())}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20, help="number of draws (20)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "recovery", help="folder of the draws' files")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--method", default=None, help="search; regression if left out")
    parser.add_argument("--max-trials", type=int, default=2000, help="trials of a fit, its intervals included (2000)")
    parser.add_argument("--summary", action="store_true", help="only summarise the draws that are there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    launcher = "serial" if options.n_jobs == 1 else hn.JoblibBackend(n_jobs=options.n_jobs).launcher
    draws: dict[int, dict[str, Any]] = {}
    for number in range(options.draws):
        path = options.out / f"draw{number:02d}.npz"
        if not path.exists() and not options.summary:
            write_draw(path, one_draw(number, options.method or Regression(samples=96), options.max_trials, launcher))
        if path.exists():
            draws[number] = read_draw(path)
            said = draws[number]["said"]
            if not options.summary:
                print(number, json.dumps({k: said[k] for k in ("fit", "median", "trials", "seconds")}), flush=True)
    if not draws:
        print(f"no draws in {options.out}")
        return 1
    print(summary(draws))
    return 0


if __name__ == "__main__":
    sys.exit(main())
