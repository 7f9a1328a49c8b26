"""Compare a simulated response to touch with a recorded one.

    python benchmarks/recorded_response.py [FOLDER] [--n-trials 10] [--n-jobs 2] [--mesh 10] [--out FILE.png]

FOLDER holds `data/S1_SupraT.txt` (the recording: a supra-threshold tap, averaged) and `data/param/ERPYesSupraT.param`
(the parameters published for it). Left out: the folder named by the variable HNNLIB_SHARED, else `../shared` beside the
checkout. The recording is no part of the project: where the folder is absent, there is one line that says so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import hnnlib
from hnnlib import viz
from hnnlib.analysis.compare import correlation, rmse

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("HNNLIB_SHARED") or ROOT.parent / "shared"
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="folder that holds data/")
    parser.add_argument("--n-trials", type=int, default=10, help="trials that are averaged (10)")
    parser.add_argument("--n-jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--mesh", type=int, default=10, help="pyramidal cells along each side of a layer (10)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "recorded_response.png", help="the figure")
    return parser.parse_args()


def simulated(params: hnnlib.Params, mesh: int, n_trials: int, n_jobs: int) -> list[hnnlib.Dipole]:
    """Dipoles of all trials, smoothed and scaled as the parameters say."""
    net = hnnlib.jones_2009_model(params, add_drives_from_params=True, mesh_shape=(mesh, mesh))
    with hnnlib.JoblibBackend(n_jobs=n_jobs):
        dipoles = hnnlib.simulate_dipole(net, tstop=float(params["tstop"]), n_trials=n_trials)
    # The scale stands for a number of columns of 10 x 10 pyramidal cells per layer.
    factor = params["dipole_scalefctr"] * 100 / mesh**2
    return [dipole.smooth(params["dipole_smooth_win"]).scale(factor) for dipole in dipoles]


def draw(dipoles: list[hnnlib.Dipole], recorded: hnnlib.Dipole, title: str, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    ax.axhline(0.0, color="0.8", lw=0.8, zorder=0)
    viz.plot_dipole(
        dipoles, ax=ax, average=True, color="#0072B2", label=f"simulated, mean of {len(dipoles)} trials", show=False
    )
    ax.plot(recorded.times, recorded.data["agg"], color="#D55E00", lw=2.2, label="recorded (MEG, S1)")
    ax.set_ylabel(f"Dipole moment (nAm; simulated × {dipoles[0].scale_applied:g})")
    ax.set_xlim(0.0, max(dipoles[0].times[-1], recorded.times[-1]))
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    ax.legend(loc="upper left", frameon=False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    viz.save_figure(figure, path)


def main() -> int:
    options = arguments()
    recording, parameters = (options.folder / "data" / name for name in ("S1_SupraT.txt", "param/ERPYesSupraT.param"))
    for file in (recording, parameters):
        if not file.is_file():
            print(f"skipped: there is no {file} (name the folder that holds data/, or set HNNLIB_SHARED)")
            return 0
    recorded = hnnlib.read_dipole(recording)
    begin = time.perf_counter()
    dipoles = simulated(hnnlib.read_params(parameters), options.mesh, options.n_trials, options.n_jobs)
    seconds = time.perf_counter() - begin
    mean = hnnlib.average_dipoles(dipoles) if len(dipoles) > 1 else dipoles[0]
    traces = (mean.times, mean.data["agg"], recorded.times, recorded.data["agg"])
    title = f"RMSE {rmse(*traces):.1f} nAm, correlation {correlation(*traces):.3f}"
    draw(dipoles, recorded, title, options.out)
    print(f"{title}; {len(dipoles)} trials, {options.mesh} x {options.mesh} mesh, {seconds:.0f} s; {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
