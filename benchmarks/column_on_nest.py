"""The column of point cells on NEST: how close it is to the detailed column, and what it costs. Prints markdown.

The detailed side of the accuracy table runs on the fast engine, whose spikes are NEURON's (`accuracy.py`). Seeds are
none that point cells or kernels were fitted to. Costs are CPU seconds, engines in turn within this one call. Not named
nest.py: a script's folder comes first where Python looks for the package of that name.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

import hnnlib as hn
from hnnlib.backends.nest.estimate import estimate
from hnnlib.compile.build import compile_plan
from hnnlib.compile.estimate import with_dipole
from hnnlib.compile.point_cells import shipped_point_cells
from hnnlib.compile.reduce import reduce_plan
from hnnlib.reduction.compare import agreement
from hnnlib.results.baseline import hnn_baseline

DT = 0.1
SMOOTH_MS = 30.0
FIRST_SEED = 5001
MESH_MS = 30.0
"""What NEURON runs for the table of meshes, and the fast engine on the largest; scaled up to the whole run."""


def free(net: Any) -> Any:
    """Let the events of all drives hang on the run's seed."""
    drives = {name: attrs.evolve(drive, event_seed=None) for name, drive in net.spec.drives.items()}
    return attrs.evolve(net.spec, drives=drives)


def cases() -> Iterator[tuple[str, Any, float]]:
    """Name, network and duration (ms) of what is compared."""
    yield "default evoked drives", free(hn.jones_2009_model(add_drives_from_params=True)), 170.0
    yield (
        "gamma (file gamma_L5weak_L2weak)",
        free(hn.jones_2009_model(hn.param_file("gamma_L5weak_L2weak"), True)),
        250.0,
    )
    alpha = hn.jones_2009_model()
    for name, place, delays, seed in (
        ("proximal", "proximal", {"L2_pyramidal": 0.1, "L5_pyramidal": 1.0}, 284),
        ("distal", "distal", 5.0, 296),
    ):
        alpha.add_bursty_drive(
            name,
            tstart=50.0,
            burst_rate=10.0,
            burst_std=20.0,
            numspikes=2,
            spike_isi=10.0,
            n_drive_cells=10,
            location=place,
            weights_ampa={"L2_pyramidal": 5.4e-5, "L5_pyramidal": 5.4e-5},
            synaptic_delays=delays,
            event_seed=seed,
        )
    yield "alpha (10 Hz bursts, proximal and distal)", free(alpha), 250.0


def aggregate(plan: Any, dipole: np.ndarray) -> np.ndarray:
    """Return the dipole less HNN's baseline, smoothed; its first 15 ms, in which cells settle, are left out."""
    times = np.arange(len(dipole)) * DT
    n = len(plan.populations.gid_ranges["L2_pyramidal"])  # as many as there are of layer 5
    moment = dipole.sum(axis=1) - hnn_baseline(times, "2", n) - hnn_baseline(times, "5", n)
    found = hn.Dipole(times, moment * 1e-6).smooth(SMOOTH_MS).data["agg"]
    return found[round(15.0 / DT) :]


def r2(real: np.ndarray, guess: np.ndarray) -> float:
    """Return the share of the real signal's variance that a guess explains."""
    return float(1 - ((real - guess) ** 2).sum() / ((real - real.mean()) ** 2).sum())


def told(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def accuracy(n_seeds: int) -> Iterator[str]:
    """Spikes, latencies and dipoles of the point column beside the detailed one."""
    spikes = ["| case | population | spikes a trial | on NEST | ratio | median first spike | on NEST | later by |"]
    spikes.append("|---|---|--:|--:|--:|--:|--:|--:|")
    dipoles = [
        "| case | kernels | replay | kernels, given the true spikes | the detailed column once more, exact rates | "
        "mean of trials: kernels | replay |"
    ]
    dipoles.append("|---|--:|--:|--:|--:|--:|--:|")
    cells, fast, nest = shipped_point_cells(), hn.FastEngine(), hn.NestEngine(dt=DT)
    exact = hn.FastEngine(rates="exact")
    for case, network, tstop in cases():
        ours, theirs = [], []
        signals: dict[str, list[np.ndarray]] = {"real": [], "kernel": [], "replay": [], "true": [], "exact": []}
        n = n_seeds if case.startswith("default") else -(-n_seeds // 2)
        for seed in range(FIRST_SEED, FIRST_SEED + n):
            plan = compile_plan(network, hn.RunSpec(tstop=tstop, seed=seed))
            real = fast.run(plan, [0]).trials[0]
            reduced = reduce_plan(plan, cells, DT)
            points = nest.run(reduced, [0]).trials[0]
            ours.append(real)
            theirs.append(points)
            every = round(DT / plan.run.dt_ms)
            signals["real"].append(aggregate(plan, real.samples["dipole"][::every]))
            once_more = exact.run(plan, [0]).trials[0]
            signals["exact"].append(aggregate(plan, once_more.samples["dipole"][::every]))
            for name, method, trial in (
                ("kernel", "kernel", points),
                ("replay", "replay", points),
                ("true", "kernel", real),
            ):
                own = trial.spike_gids < plan.n_cells
                asked = with_dipole(reduced, plan, method)
                found = estimate(asked, {0: (trial.spike_times_ms[own], trial.spike_gids[own])}, fast)
                signals[name].append(aggregate(plan, found[0]["dipole"]))
        for name, a in agreement(plan, ours, theirs).items():
            silent = a.spikes == a.point_spikes == 0
            spikes.append(
                f"| {case} | {name} | {a.spikes:.1f} | {a.point_spikes:.1f} | {'–' if silent else f'{a.ratio:.2f}'} | "
                + (
                    "– | – | – |"
                    if silent
                    else f"{a.first_ms:.2f} ms | {a.point_first_ms:.2f} ms | {a.later_ms:+.2f} ms |"
                )
            )
        each = {
            name: told([r2(x, y) for x, y in zip(signals["real"], signals[name], strict=True)])
            for name in ("kernel", "replay", "true", "exact")
        }
        mean = {name: np.mean(values, axis=0) for name, values in signals.items()}
        dipoles.append(
            f"| {case} | {each['kernel']} | {each['replay']} | {each['true']} | {each['exact']} | "
            f"{r2(mean['real'], mean['kernel']):.2f} | {r2(mean['real'], mean['replay']):.2f} |"
        )
    yield (
        f"{n_seeds} seeds that nothing was fitted to, half as many for gamma and alpha; 10 × 10 column; NEST's step "
        f"{DT} ms.\n"
    )
    yield from spikes
    yield f"\nR² of the aggregate dipole, smoothed over {SMOOTH_MS:g} ms: median over single trials (range).\n"
    yield from dipoles


def cost(engine: Any, plan: Any) -> float:
    """Return CPU seconds of one trial, building included where an engine builds anew for each."""
    begin = time.process_time()
    engine.run(plan, [0])
    return time.process_time() - begin


def speed(meshes: tuple[int, ...], rounds: int) -> Iterator[str]:
    """CPU seconds per trial, engines in turn."""
    cells = shipped_point_cells()
    yield "\n| mesh | cells | NEURON | fast engine | NEST, no dipole | NEST, dipole by kernels | reducing the plan |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for n in meshes:
        network = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n)).spec
        plan = compile_plan(network, hn.RunSpec(tstop=170.0))
        short = compile_plan(network, hn.RunSpec(tstop=MESH_MS))
        begin = time.process_time()
        reduced = reduce_plan(plan, cells, DT)
        reducing = time.process_time() - begin
        asked = with_dipole(reduced, plan, "kernel")
        whole = n <= 10
        neuron = hn.NeuronEngine() if n <= 20 else None
        runs = {"fast": (hn.FastEngine(), plan if n <= 20 else short)}
        runs |= {"none": (hn.NestEngine(dt=DT), reduced), "kernel": (hn.NestEngine(dt=DT), asked)}
        if neuron is not None:
            runs["neuron"] = (neuron, plan if whole else short)
        cost(runs["fast"][0], short)  # its kernels are compiled and loaded once
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds if whole else 1):
            for name, (engine, what) in runs.items():
                seconds[name].append(cost(engine, what))
        found = {
            name: statistics.median(values) * (170.0 / runs[name][1].run.tstop_ms) for name, values in seconds.items()
        }
        scaled = {name: "≈ " if what is short else "" for name, (_, what) in runs.items()}
        columns = [
            f"{scaled[k]}{found[k]:.2f}" if k in found else "not run" for k in ("neuron", "fast", "none", "kernel")
        ]
        yield f"| {n} × {n} | {plan.n_cells:,} | {' | '.join(columns)} | {reducing:.2f} |"
        del plan, short, reduced, asked, runs
        gc.collect()
    yield f"\nCPU seconds per trial of 170 ms. ≈: scaled up from a run of {MESH_MS:g} ms, building included."


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds, small meshes")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds (default: 10)")
    parser.add_argument("--meshes", default="5,10,20,40", help="meshes to time (default: 5,10,20,40)")
    parser.add_argument("--only", choices=("accuracy", "speed"), help="one of the two tables")
    arguments = parser.parse_args()
    try:
        hn.NestEngine()
    except hn.HnnlibError as error:
        print(f"left out: {error}")
        return
    meshes = (5, 10) if arguments.quick else tuple(int(n) for n in arguments.meshes.split(","))
    if arguments.only != "speed":
        for line in accuracy(2 if arguments.quick else arguments.seeds):
            print(line, flush=True)
    if arguments.only != "accuracy":
        for line in speed(meshes, 1 if arguments.quick else 3):
            print(line, flush=True)


if __name__ == "__main__":
    main()
