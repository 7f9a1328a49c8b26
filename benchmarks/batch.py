"""What a batch costs beside its simulations, and that many runs take no more memory than few.

Run it with ``make bench``, or by itself: ``python benchmarks/batch.py --runs 10000`` is what the project promises.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import hnnlib as hn
from hnnlib.backends.launch.joblib import JoblibLauncher

TSTOP = 170.0
CASES = ((3, 40), (10, 8))  # cells along a side of the mesh, runs that are timed
SHORT_MS = 20.0
FAILS_EVERY = 100


def rss_mb() -> float:
    """Return the memory that this process has now."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        return float("nan")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def launchers() -> dict[str, Any]:
    """Return launchers by name, with the number of runs that they have under way at a time."""
    return {"serial": ("serial", 1), "joblib, 2 workers": (JoblibLauncher(2), 2)}


def overhead(n: int, n_runs: int) -> None:
    """Print what runs of a column take beside the CPU seconds of their trials."""
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
    axes = {"drives.evprox1.mu": (15.0, 40.0), "connections.4.weight": (1e-4, 1e-2, "log")}
    sweep = hn.Sweep.random(axes, n_runs)
    for name, (launcher, workers) in launchers().items():
        few = hn.Sweep.random(axes, 2 * workers, seed=1)
        hn.run_batch(net, few, tstop=TSTOP, engine="fast", launcher=launcher)  # workers and kernels are there
        begin, begin_cpu = time.perf_counter(), time.process_time()
        batch = hn.run_batch(net, sweep, tstop=TSTOP, engine="fast", launcher=launcher)
        wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        trials, inside = batch.columns["cpu_s"].sum(), batch.columns["seconds"].sum()
        row = [f"{n} x {n}", name, n_runs, f"{trials / n_runs * 1e3:.0f} ms", f"{wall * workers / trials:.3f}"]
        row += [f"{wall * workers / inside:.3f}", f"{cpu / trials:.3f}"]
        print("".join(f"{cell:>18}" for cell in row), flush=True)


def memory_in_worker(result: hn.Result) -> dict[str, float]:
    """Summarise a run by the memory of the process that it ran in."""
    return {"worker_mb": rss_mb()}


def many(n_runs: int, workers: int) -> None:
    """Run many short simulations, some of which fail, and print what memory they take."""
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(3, 3))
    celsius = np.where(np.arange(n_runs) % FAILS_EVERY == FAILS_EVERY // 2, 1e5, 6.3)  # which diverge
    sweep = hn.Sweep.zip({"celsius": celsius, "drives.evprox1.mu": np.linspace(5.0, 15.0, n_runs)})
    marks = {n_runs // 10, n_runs}
    seen: dict[int, float] = {}

    def watch(n_ended: int, n_all: int) -> None:
        if n_ended in marks:
            seen[n_ended] = rss_mb()

    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        batch = hn.run_batch(
            net,
            sweep,
            tstop=SHORT_MS,
            engine="fast",
            launcher=JoblibLauncher(workers),
            summary=[hn.DipolePeaks(), hn.SpikeRates(), memory_in_worker],
            out=Path(folder) / "batch",
            progress=watch,
        )
        wall = time.perf_counter() - begin
        n_bytes = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    n_failed = len(batch.failed)
    expected = np.flatnonzero(celsius > 100).tolist()
    right = len(batch) == n_runs and sorted(batch.failed) == expected
    print(f"\n{n_runs:,} runs of {SHORT_MS:g} ms, 3 x 3 mesh, {workers} workers: {wall:.0f} s, {n_bytes / 1e6:.1f} MB")
    print(f"{len(batch) - n_failed:,} done, {n_failed:,} failed, as they were made to: {'yes' if right else 'NO'}")
    worker = batch.columns["worker_mb"]
    for mark, here in sorted(seen.items()):
        there = np.nanmean(worker[max(mark - 50, 0) : mark])
        print(f"memory after {mark:>6,} runs: {here:.0f} MB here, {there:.0f} MB in a worker", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=300, help="how many short runs (300)")
    parser.add_argument("--workers", type=int, default=2, help="how many run them (2)")
    parser.add_argument("--quick", action="store_true", help="the short runs only")
    arguments = parser.parse_args()
    print(f"Batches of {TSTOP:g} ms, fast engine; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if not arguments.quick:
        print("wall: time by the clock times workers; own CPU: of this process, where trials of serial runs are in it")
        heads = ["mesh", "launcher", "runs", "CPU per trial", "wall / trials", "wall / in workers", "own CPU / trials"]
        print("".join(f"{head:>18}" for head in heads))
        for n, n_runs in CASES:
            overhead(n, n_runs)
    many(arguments.runs, arguments.workers)


if __name__ == "__main__":
    main()
