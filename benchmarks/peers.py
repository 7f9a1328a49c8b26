"""HNN-core's release and hnnlib's two engines on the same column, in turn: run it with ``make bench-peers``.

Each engine runs in a process of its own, one after another, through its public functions, with one thread. A trial is
170 ms of the default column with its three evoked drives. *One call* is a call with one trial, *of many* is what a
trial takes in a second call with several: in both, all is counted, from making the network to the dipoles. HNN-core
builds its network anew for each trial. For all three, imports are done and compiled code is in the cache.

Prints a table, and leaves it in ``out/peers.md`` and as a picture in ``out/peers.png``. Give ``--quick`` to leave out
the 20 x 20 mesh, on which HNN-core takes minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
TSTOP = 170.0
HNN_CORE, NEURON, FAST = "HNN-core", "hnnlib, NEURON", "hnnlib, fast"
COLORS = {HNN_CORE: "#7F7F7F", NEURON: "#E69F00", FAST: "#0072B2"}
# Rounds by mesh, and trials in the second call; 0: there is none, a trial of many is taken to be the first one.
ROUNDS = {5: 3, 10: 3, 20: 1}
TRIALS = {HNN_CORE: {5: 1, 10: 1, 20: 0}, NEURON: {5: 2, 10: 1, 20: 1}, FAST: {5: 10, 10: 10, 20: 4}}


# Workers: each in a process of its own; HNN-core's in an environment of its own, which has no hnnlib.


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def _work(n: int, n_trials: int, call: Callable[[int, float, int], tuple[Any, Any, Any]]) -> Facts:
    """Time ``call(mesh, tstop, n_trials)``, which returns network, spikes and first dipole."""
    call(2, 1.0, 1)  # imports and caches
    found: Facts = {"before": _peak_mb()}
    for name, count in (("one", 1), ("many", n_trials)):
        if not count:
            break
        begin = time.process_time(), time.perf_counter()
        net, response, dipole = call(n, TSTOP, count)
        found[name] = [(time.process_time() - begin[0]) / count, (time.perf_counter() - begin[1]) / count]
    found["peak"] = _peak_mb()
    n_cells = sum(len(gids) for name, gids in net.gid_ranges.items() if name in net.cell_types)
    pairs = zip(response.spike_gids[0], response.spike_times[0], strict=True)
    # what agreement is judged by: spikes of the cells, and the dipole, of the first trial
    spikes = sorted((int(gid), float(t)) for gid, t in pairs if gid < n_cells)
    return {"many": found["one"], **found, "cells": n_cells, "spikes": spikes, "dipole": dipole.data["agg"].tolist()}


def work_hnn_core(n: int, n_trials: int) -> Facts:
    """Time HNN-core."""
    from importlib.metadata import version

    from hnn_core import jones_2009_model, simulate_dipole

    def call(n: int, tstop: float, n_trials: int) -> tuple[Any, Any, Any]:
        net = jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
        dipoles = simulate_dipole(net, tstop=tstop, n_trials=n_trials, verbose=False)
        return net, net.cell_response, dipoles[0]

    with contextlib.redirect_stdout(io.StringIO()):
        return {**_work(n, n_trials, call), "version": version("hnn-core")}


def work_hnnlib(n: int, n_trials: int, engine: str) -> Facts:
    """Time one of hnnlib's engines."""
    import hnnlib as hn

    def call(n: int, tstop: float, n_trials: int) -> tuple[Any, Any, Any]:
        net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
        dipoles = hn.simulate_dipole(net, tstop=tstop, n_trials=n_trials, verbose=False, engine=engine)
        return net, net.cell_response, dipoles[0]

    return {**_work(n, n_trials, call), "version": hn.__version__}


def measure(engine: str, n: int, n_trials: int, peer_python: Path) -> Facts:
    """Run one engine on one mesh in a process of its own."""
    python = os.fspath(peer_python) if engine == HNN_CORE else sys.executable
    load = os.getloadavg()[0]
    done = subprocess.run(
        [python, __file__, "--work", engine, str(n), str(n_trials)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{engine} failed on the {n} x {n} mesh:\n{done.stderr[-3000:]}")
    facts: Facts = json.loads(done.stdout.strip().splitlines()[-1])
    cpu = f"one call {facts['one'][0]:7.2f} CPU s, of many {facts['many'][0]:7.2f} a trial"
    rest = f"{facts['peak']:5.0f} MB, {len(facts['spikes'])} spikes (load before {load:.1f})"
    print(f"{n:>2} x {n:<2}  {engine:<15} {cpu}, {rest}", flush=True)
    return {**facts, "load": load}


def measure_all(meshes: Sequence[int], rounds: dict[int, int], peer_python: Path) -> dict[tuple[int, str], Facts]:
    """Run all engines on all meshes, in turn and in rounds; of several rounds, times are medians."""
    found = {}
    for n in meshes:
        runs: dict[str, list[Facts]] = {engine: [] for engine in COLORS}
        for _ in range(rounds[n]):
            for engine, done in runs.items():
                done.append(measure(engine, n, TRIALS[engine][n], peer_python))
        for engine, done in runs.items():
            times = {k: [statistics.median(d[k][i] for d in done) for i in (0, 1)] for k in ("one", "many")}
            found[n, engine] = {**done[0], **times, "loads": [d["load"] for d in done]}
    return found


# The report.


def agreement(facts: Facts, peer: Facts) -> str:
    """Return how spikes and dipole of the first trial compare with HNN-core's, in words."""
    ours, theirs = facts["spikes"], peer["spikes"]
    if [gid for gid, _ in ours] == [gid for gid, _ in theirs]:
        apart = max((abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True)), default=0.0)
        spikes = "the same spikes" if apart < 1e-6 else f"spikes within {apart:.3g} ms"
    else:
        spikes = f"{len(ours) - len(theirs):+d} spikes"
    peak = max(abs(x) for x in peer["dipole"])
    squares = sum((a - b) ** 2 for a, b in zip(facts["dipole"], peer["dipole"], strict=True))
    return f"{spikes}, dipole rms {math.sqrt(squares / len(peer['dipole'])) / peak:.1e} of its peak"


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(found: dict[tuple[int, str], Facts], about: str) -> str:
    """Return the table as markdown."""
    lines = [
        "| mesh | engine | one call, CPU s (wall) | of many, CPU s (wall) | speed | memory, MB | spikes "
        "| compared with HNN-core |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for (n, engine), d in found.items():
        peer = found[n, HNN_CORE]
        one, many = ("{} ({})".format(*map(_seconds, d[name])) for name in ("one", "many"))
        mesh = f"{n} × {n}, {d['cells']} cells" if engine == HNN_CORE else ""
        same = "" if engine == HNN_CORE else agreement(d, peer)
        speed = f"{peer['many'][0] / d['many'][0]:.1f} ×"
        row = (mesh, engine, one, many, speed, f"{d['peak']:.0f}", len(d["spikes"]), same)
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return "\n".join([*lines, "", about, ""])


def draw(found: dict[tuple[int, str], Facts], path: Path) -> None:
    """Draw CPU seconds of a trial of many, on a logarithmic scale."""
    from hnnlib import viz
    from hnnlib.viz.style import legend_above, new_axes, put_title

    meshes = list(dict.fromkeys(n for n, _ in found))
    figure, (ax,) = new_axes(size=(7.6, 4.0))
    width = 0.27
    bars = []
    for i, (engine, color) in enumerate(COLORS.items()):
        values = [found[n, engine]["many"][0] for n in meshes]
        at = [k + (i - 1) * (width + 0.02) for k in range(len(meshes))]
        bars.append(ax.bar(at, values, width, color=color, label=engine, zorder=2))
        for x, n, value in zip(at, meshes, values, strict=True):
            times = found[n, HNN_CORE]["many"][0] / value
            faster = "" if engine == HNN_CORE else f"\n{times:.1f} ×" if times < 10 else f"\n{times:.0f} ×"
            text = _seconds(value) + " s" + faster
            label = ax.annotate(text, (x, value), (0, 4), textcoords="offset points", ha="center", fontsize=9)
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # the grid stays behind it
    ax.set_yscale("log")
    lowest = min(d["many"][0] for d in found.values())
    highest = max(d["many"][0] for d in found.values())
    ax.set_ylim(10 ** math.floor(math.log10(lowest)), highest * 2.5)
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    ax.set_xticks(range(len(meshes)), [f"{n} × {n} mesh\n{found[n, FAST]['cells']} cells" for n in meshes])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("CPU seconds per trial")
    ax.grid(axis="y", color="#E4E4E4", lw=0.8, zorder=0)
    ax.set_axisbelow(True)
    put_title(ax, f"A trial of {TSTOP:g} ms on one thread, and how many times HNN-core's speed that is\n")
    legend_above(ax, bars)
    path.parent.mkdir(parents=True, exist_ok=True)
    viz.save_figure(figure, path)


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def about_of(found: dict[tuple[int, str], Facts], rounds: dict[int, int]) -> str:
    """Return what stands below the table: what was run, and where."""
    loads = [load for d in found.values() for load in d["loads"]]
    first = {engine: found[5, engine] for engine in COLORS}
    before = {engine: f"{d['before']:.0f} MB" for engine, d in first.items()}
    turns = ", ".join(f"{rounds[n]} on {n} × {n}" for n in dict.fromkeys(n for n, _ in found))
    return (
        f"{TSTOP:g} ms, dt 0.025 ms, one thread, medians of rounds in turn ({turns}). HNN-core "
        f"{first[HNN_CORE]['version']}, hnnlib {first[FAST]['version']} (fast: float64, tables). {_processor()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, load {min(loads):.1f} to {max(loads):.1f} before "
        f"the runs. Memory is the whole process; after its imports it was {before[HNN_CORE]} for HNN-core, "
        f"{before[NEURON]} for hnnlib on NEURON, {before[FAST]} for fast."
    )


def main() -> None:
    """Measure, print, write the table, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the 20 x 20 mesh")
    parser.add_argument(
        "--peer-python", type=Path, default=ROOT / ".venv-peers/bin/python", help="a Python that has HNN-core"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for peers.md and peers.png")
    parser.add_argument("--work", nargs=3, metavar=("ENGINE", "N", "TRIALS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        engine, n, n_trials = options.work[0], int(options.work[1]), int(options.work[2])
        if engine == HNN_CORE:
            print(json.dumps(work_hnn_core(n, n_trials)))
        else:
            print(json.dumps(work_hnnlib(n, n_trials, "fast" if engine == FAST else "neuron")))
        return
    meshes = (5, 10) if options.quick else (5, 10, 20)
    rounds = dict.fromkeys(meshes, 1) if options.quick else ROUNDS
    found = measure_all(meshes, rounds, options.peer_python)
    text = table(found, about_of(found, rounds))
    print(f"\n{text}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.md").write_text(text, encoding="utf-8")
    draw(found, options.out / "peers.png")
    print(f"{options.out / 'peers.md'}, {options.out / 'peers.png'}")


if __name__ == "__main__":
    main()
