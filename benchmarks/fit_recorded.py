"""Fit recorded responses to touch, starting at the published parameters; does the fit hold for other random drives?

    python benchmarks/fit_recorded.py [FOLDER] [--case supra|detected|undetected] [--mesh 10] [--n-jobs 2] [--out DIR]

FOLDER holds `data/` with the recordings (S1_SupraT.txt, yes_trial_S1_ERP_all_avg.txt, no_trial_S1_ERP_all_avg.txt: MEG,
averaged) and `data/param/ERPYesSupraT.param`. Left out: the folder named by HNNLIB_SHARED, else `../shared` beside the
checkout. The recordings are no part of the project: where they are absent, there is one line that says so.

Fits begin at the published parameters: those of the file above for the supra-threshold response, the ones that are
shipped as `default.json` for both responses at threshold. Free are times, spreads and the weights on pyramidal cells;
smoothing and scale are as published. Published and fitted parameters are then simulated with seeds that the fit has
never seen. For each case there is an HTML report, a figure and a line of numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import hnnlib as hn
from hnnlib import viz
from hnnlib.optimization import intervals, simulate_waveforms, write_report

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "supra": ("S1_SupraT.txt", "param/ERPYesSupraT.param"),
    "detected": ("yes_trial_S1_ERP_all_avg.txt", None),
    "undetected": ("no_trial_S1_ERP_all_avg.txt", None),
}
DT, N_AVERAGED = 0.05, 100


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("HNNLIB_SHARED") or ROOT.parent / "shared"
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="folder that holds data/")
    parser.add_argument("--case", choices=list(CASES), action="append", help="which response; all if left out")
    parser.add_argument("--mesh", type=int, default=10, help="pyramidal cells along each side of a layer (10)")
    parser.add_argument("--n-trials", type=int, default=3, help="trials of an evaluation (3)")
    parser.add_argument("--max-trials", type=int, default=1200, help="trials of a fit (1200)")
    parser.add_argument("--points", type=int, default=64, help="points of a round of the intervals (64); 0: none")
    parser.add_argument("--held-out", type=int, default=5, help="seeds that the fit has not seen, 10 trials each (5)")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "fit_recorded", help="folder of reports and figures")
    return parser.parse_args()


def free_parameters(net: hn.Network) -> list[hn.Free]:
    """Return times, spreads, and the weights on pyramidal cells, of each the larger of its two receptors'."""
    found = []
    for name, drive in net.spec.drives.items():
        if not isinstance(drive, hn.EvokedDrive) or not any(any(row.values()) for row in drive.weights.values()):
            continue  # the files have other drives too, of no weight
        found += hn.free_of_drives(net, name, mu=(-15.0, 30.0), sigma=(0.4, 2.5), weights=None)
        for target, receptors in drive.weights.items():
            if target.endswith("pyramidal"):
                receptor, weight = max(receptors.items(), key=lambda item: item[1])
                path = f"drives.{name}.weights.{target}.{receptor}"
                if weight > 0:
                    found.append(hn.Free(path, weight / 4, weight * 4, "log"))
    return found


def problem_of(case: str, options: argparse.Namespace) -> hn.Problem:
    """Return the recording, and the network with its published parameters, as a problem."""
    recording, parameters = CASES[case]
    data = options.folder / "data"
    params = hn.read_params(data / parameters if parameters else hn.param_file("default.json"))
    net = hn.jones_2009_model(params, add_drives_from_params=True, mesh_shape=(options.mesh, options.mesh))
    for drive in net.spec.drives:
        net.put(f"drives.{drive}.event_seed", None)  # so that the seed of a simulation is that of its drives
    target = hn.read_target(data / recording, unit="nAm", name=case, n_averaged=N_AVERAGED)
    tstop = float(np.ceil(target.times[-1]))
    # the published scale stands for a number of columns of 10 x 10 pyramidal cells per layer
    scale = params["dipole_scalefctr"] * 100 / options.mesh**2
    return hn.Problem(
        net, free_parameters(net), hn.RMSE(target, smooth=params["dipole_smooth_win"], scale=scale), tstop=tstop, dt=DT,
        n_trials=options.n_trials, seed=1, engine=hn.FastEngine(precision="float32"),
    )  # fmt: skip


def held_out(problem: hn.Problem, values: Any, n_seeds: int, launcher: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return RMSE (nAm) and waveforms of means of 10 trials with seeds of their own."""
    rows = simulate_waveforms(problem, [values] * n_seeds, n_trials=10, seed=987, launcher=launcher)
    return np.sqrt(np.mean((rows - problem.objective.data) ** 2, axis=1)), rows


def run(case: str, options: argparse.Namespace, launcher: Any) -> dict[str, Any]:
    problem = problem_of(case, options)
    begin = time.perf_counter()
    out = options.out / f"{case}.h5"
    found = hn.fit(problem, max_trials=options.max_trials, seed=1, launcher=launcher, out=out, resume=True)
    fitted = time.perf_counter()
    sure = intervals(problem, found, n_points=options.points, seed=2, launcher=launcher) if options.points else None
    told = time.perf_counter()
    chosen = {"published": problem.space.starts, "fit": found.values}
    if sure is not None:
        chosen["median"] = sure.median
    errors, rows = {}, {}
    for name, values in chosen.items():
        errors[name], rows[name] = held_out(problem, values, options.held_out, launcher)
    write_report(found, options.out / f"{case}.html", intervals=sure, title=f"Recorded response: {case}")
    figure = viz.plot_predictive(
        problem.objective.times, rows["fit"], problem.objective.data, rows["published"].mean(axis=0), show=False
    )
    viz.save_figure(figure, options.out / f"{case}.png")
    if sure is not None:
        viz.save_figure(viz.plot_intervals(sure, show=False), options.out / f"{case}_intervals.png")
    return {
        "case": case,
        "mesh": options.mesh,
        "trials": found.n_trials + (0 if sure is None else sure.n_simulated),
        "seconds": [round(fitted - begin), round(told - fitted)],
        "rmse on held-out seeds (mean, sd)": {k: [round(e.mean(), 2), round(e.std(), 2)] for k, e in errors.items()},
        "fit better on each seed": bool((errors["fit"] < errors["published"]).all()),
        "inflation": None if sure is None else round(sure.inflation, 2),
    }


def main() -> int:
    options = arguments()
    for name in options.case or CASES:
        for file in filter(None, CASES[name]):
            if not (options.folder / "data" / file).is_file():
                print(f"skipped: there is no {options.folder / 'data' / file} (name the folder that holds data/)")
                return 0
    options.out.mkdir(parents=True, exist_ok=True)
    launcher = "serial" if options.n_jobs == 1 else hn.JoblibBackend(n_jobs=options.n_jobs).launcher
    for name in options.case or CASES:
        told = run(name, options, launcher)
        (options.out / f"{name}.json").write_text(json.dumps(told, indent=1))
        print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
