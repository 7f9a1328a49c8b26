"""What the default column costs on this machine, NEURON and the fast engine in turn: run it with ``make bench``.

All figures are CPU seconds of the process that did the work, unless a line says "by the clock"; ratios are taken from
runs in turn within this one call. Give ``--quick`` for a look of a minute: 20 ms trials, fewer repeats, small meshes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Facts = dict[str, Any]

MESH_MS = 30.0
"""What NEURON runs on every mesh: the whole run would take it minutes on the larger ones."""

_VARIANTS: dict[str, dict[str, Any]] = {
    "float64, tables": {},
    "float64, exact": {"rates": "exact"},
    "float32, tables": {"precision": "float32"},
}


# Parts: each runs in a process of its own, one after another, and prints what it found as JSON. What they import is
# imported inside, so that a part pays for (and measures) only what it uses.


def _plan(n: int, tstop: float, n_trials: int = 1) -> Any:
    import hnnlib as hn
    from hnnlib.compile.build import compile_plan

    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n)).spec
    return compile_plan(net, hn.RunSpec(tstop=tstop, n_trials=n_trials))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def _clock(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def part_import() -> Facts:
    """Time of ``import hnnlib`` over numpy's own."""
    import numpy  # noqa: F401

    begin = time.perf_counter()
    import hnnlib  # noqa: F401

    return {"wall": time.perf_counter() - begin}


def part_mechanisms() -> Facts:
    """Make the library of mechanisms."""
    import hnnlib

    return {"wall": _clock(hnnlib.mechanism_library)}


def part_kernels() -> Facts:
    """First call and second call of each variant of the fast engine, on a plan of one step."""
    import hnnlib as hn

    plan = _plan(10, 0.025)
    found = {}
    for name, options in _VARIANTS.items():
        walls = []
        for _ in range(2):
            begin = time.perf_counter()
            hn.FastEngine(**options).run(plan, [0])
            walls.append(time.perf_counter() - begin)
        found[name] = walls[0] - walls[1]
    return found


def part_plan(n: int) -> Facts:
    """Turn a network into a plan."""
    _plan(2, 1.0)  # imports are not the plan's cost
    before = _peak_mb()
    begin = time.process_time()
    plan = _plan(n, 170.0)
    cpu = time.process_time() - begin
    edges = plan.edges
    return {"cpu": cpu, "grown": _peak_mb() - before, "edges": len(edges), "table": edges.nbytes / 1e6}


def part_engines(tstop: float, rounds: int, pairs: int) -> Facts:
    """Trials of NEURON and of all variants of the fast engine in turn; the dipole's share of NEURON's."""
    import attrs

    import hnnlib as hn

    plan = _plan(10, tstop)
    neuron = hn.NeuronEngine()
    fast = {name: hn.FastEngine(**options) for name, options in _VARIANTS.items()}
    for engine in fast.values():
        engine.run(plan, [0])
    times: dict[str, list[float]] = {name: [] for name in ("NEURON", *fast)}
    builds = []
    for _ in range(rounds):
        records = neuron.run(plan, [0])
        builds.append(records.stats["build_cpu_s"])
        times["NEURON"].append(records.trials[0].cpu_s)
        for _ in range(3):
            for name, engine in fast.items():
                times[name].append(engine.run(plan, [0]).trials[0].cpu_s)
    # the dipole's share: the same 20 ms with and without its probe, in turn
    short = _plan(10, 20.0)
    bare = attrs.evolve(short, probes=())
    neuron.run(short, [0])
    share = [neuron.run(short, [0]).trials[0].cpu_s / neuron.run(bare, [0]).trials[0].cpu_s - 1 for _ in range(pairs)]
    return {
        "times": times,
        "build": builds[0],
        "rebuild": builds[-1],
        "share": sorted(share),
        "peak": _peak_mb(),
        "live": int(plan.live_edges().sum()),
        "edges": len(plan.edges),
    }


def part_batches(tstop: float, sizes: list[int], repeats: int) -> Facts:
    """Cost per trial of batches, and ten trials by the clock with one and two threads."""
    import hnnlib as hn

    plan = _plan(10, tstop, max(*sizes, 10))
    one, two = hn.FastEngine(threads=1), hn.FastEngine(threads=2)
    one.run(plan, [0])
    two.run(plan, [0])
    batches = {}
    for n in sizes:
        cpus = []
        for _ in range(5 if n == 1 else 1):
            begin = time.process_time()
            one.run(plan, range(n))
            cpus.append((time.process_time() - begin) / n)
        batches[n] = statistics.median(cpus)
    walls: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(repeats):
        walls["1"].append(_clock(lambda: one.run(plan, range(10))))
        walls["2"].append(_clock(lambda: two.run(plan, range(10))))
    return {"batches": batches, "walls": walls}


def part_memory(tstop: float, n: int) -> Facts:
    """How much the process grows from one trial in flight to ``n`` more."""
    import hnnlib as hn

    plan = _plan(10, tstop, n + 1)
    engine = hn.FastEngine(threads=n + 1)
    before = _peak_mb()
    first = engine.run(plan, [0])
    one = _peak_mb()
    del first
    gc.collect()
    engine.run(plan, range(n + 1))
    return {"first": one - before, "each": (_peak_mb() - one) / n, "peak": _peak_mb()}


def part_overhead(repeats: int) -> Facts:
    """What a call takes over its trial, by the clock, once the kernels are in the cache."""
    import hnnlib as hn

    net = hn.jones_2009_model(add_drives_from_params=True)
    engine = hn.FastEngine()
    plan = _plan(10, 20.0)

    def run() -> float:
        return engine.run(plan, [0]).trials[0].cpu_s

    def simulate() -> float:
        return float(hn.simulate(net, tstop=20.0, engine=engine).provenance["timings"]["trials"])

    def by_name() -> float:
        return float(hn.simulate(net, tstop=20.0, engine="fast").provenance["timings"]["trials"])

    found = {}
    for name, call in (("run", run), ("simulate", simulate), ("name", by_name)):
        call()
        over = []
        for _ in range(repeats):
            begin = time.perf_counter()
            trial = call()
            over.append(time.perf_counter() - begin - trial)
        found[name] = statistics.median(over)
    return found


def part_mesh(n: int, tstop: float, repeats: int) -> Facts:
    """One mesh: the fast engine on the whole run, both engines on its first part."""
    import hnnlib as hn

    plan, short = _plan(n, tstop), _plan(n, MESH_MS)
    engine = hn.FastEngine()
    engine.run(short, [0])
    fast = statistics.median(engine.run(plan, [0]).trials[0].cpu_s for _ in range(repeats))
    fast_short = statistics.median(engine.run(short, [0]).trials[0].cpu_s for _ in range(repeats))
    fast_mb = _peak_mb()
    records = hn.NeuronEngine().run(short, [0])
    return {
        "cells": plan.n_cells,
        "contacts": len(plan.edges),
        "fast": fast,
        "fast_short": fast_short,
        "fast_mb": fast_mb,
        "neuron_build": records.stats["build_cpu_s"],
        "neuron_short": records.trials[0].cpu_s,
        "neuron_mb": _peak_mb(),
    }


def run_part(name: str, env: dict[str, str] | None = None, **arguments: object) -> Facts:
    """Run one part in a process of its own and return what it found."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", name, json.dumps(arguments)],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the part '{name}' failed:\n{done.stderr}")
    facts: Facts = json.loads(done.stdout.strip().splitlines()[-1])
    return facts


# What is printed.


def _row(what: str, value: str, note: str = "") -> None:
    print(f"{what:<56} {value:>9}   {note}".rstrip(), flush=True)


def _title(text: str) -> None:
    print(f"\n{text} (load {os.getloadavg()[0]:.1f})", flush=True)


def _between(values: list[float]) -> str:
    return f"median of {len(values)}, {min(values):.2f} to {max(values):.2f}"


def print_setup() -> None:
    """Import, compile, plan."""
    _title("Before the first trial")
    walls = sorted(run_part("import")["wall"] for _ in range(5))
    _row("import hnnlib, over numpy's import", f"{walls[2] * 1e3:.1f} ms", "median of 5, by the clock")
    with tempfile.TemporaryDirectory() as folder:
        cold = {"HNNLIB_CACHE_DIR": folder}
        wall = run_part("mechanisms", cold)["wall"]
        _row("NEURON: compile the mechanisms (once)", f"{wall:.1f} s", "by the clock, cold cache")
        for name, wall in run_part("kernels", cold).items():
            _row(f"fast: compile the kernels (once), {name}", f"{wall:.1f} s", "by the clock, cold cache")
    for n in (10, 20):
        d = run_part("plan", n=n)
        note = f"{d['edges']:,} contacts, table {d['table']:.1f} MB, memory grew by {d['grown']:.0f} MB"
        _row(f"plan, {n} x {n}", f"{d['cpu']:.2f} s", note)
    d = run_part("overhead", repeats=7)
    _row("fast: a call over its trial, plan at hand", f"{d['run'] * 1e3:.0f} ms", "by the clock: engine.run(plan)")
    _row("   planning included", f"{d['simulate'] * 1e3:.0f} ms", "simulate(net, engine=FastEngine())")
    _row("   and a new engine", f"{d['name'] * 1e3:.0f} ms", "simulate(net, engine='fast')")


def print_engines(tstop: float, rounds: int, pairs: int) -> None:
    """NEURON and the variants of the fast engine, in turn."""
    _title(f"A trial of {tstop:g} ms, engines in turn, one thread")
    d = run_part("engines", tstop=tstop, rounds=rounds, pairs=pairs)
    neuron = statistics.median(d["times"]["NEURON"])
    _row("NEURON", f"{neuron:.2f} s", _between(d["times"]["NEURON"]))
    for name in _VARIANTS:
        times = d["times"][name]
        cpu, least = statistics.median(times), min(d["times"]["NEURON"]) / min(times)
        faster = f"{neuron / cpu:.1f} x NEURON's speed (least over least {least:.1f})"
        _row(f"fast, {name}", f"{cpu:.3f} s", f"{faster}; {_between(times)}")
    _row("NEURON: network build", f"{d['build']:.2f} s", f"{d['live']:,} of {d['edges']:,} contacts can act")
    _row("   again for the same network", f"{d['rebuild']:.2f} s")
    share = d["share"]
    spread = f"median of {pairs} pairs in turn, {share[0] * 100:+.1f} to {share[-1] * 100:+.1f} %"
    _row("NEURON: dipole's share of a trial", f"{share[len(share) // 2] * 100:.1f} %", spread)
    _row("peak memory, both engines in one process", f"{d['peak']:.0f} MB")


def print_batches(tstop: float, sizes: list[int], repeats: int) -> None:
    """Many trials in one call."""
    _title(f"Many trials of {tstop:g} ms in one call (fast, float64, tables)")
    d = run_part("batches", tstop=tstop, sizes=sizes, repeats=repeats)
    for n, cpu in d["batches"].items():
        note = "the whole call over the number of trials"
        _row(f"per trial, {n} trial{'s' if int(n) > 1 else ''} in the call", f"{cpu:.3f} s", note)
    one, two = d["walls"]["1"], d["walls"]["2"]
    ratio = statistics.median(a / b for a, b in zip(one, two, strict=True))
    _row("ten trials, 1 thread", f"{statistics.median(one):.2f} s", f"by the clock; {_between(one)}")
    _row("ten trials, 2 threads", f"{statistics.median(two):.2f} s", f"{ratio:.2f} x as fast; {_between(two)}")
    d = run_part("memory", tstop=tstop, n=8)
    _row("each further trial in flight", f"{d['each']:.1f} MB", f"from 1 to 9 trials; the first {d['first']:.1f} MB")


def print_meshes(tstop: float, meshes: list[int]) -> None:
    """How cost grows with the mesh."""
    _title("Meshes: CPU s of a trial, peak memory of the process in MB")
    short = f"{MESH_MS:g} ms"
    print(f"The fast engine (float64, tables) runs {tstop:g} ms. Both engines run the first {short}, up to the first")
    print("drive's peak, so that NEURON can be asked on large meshes too.")
    head = [
        "mesh",
        "cells",
        "contacts",
        f"fast, {tstop:g} ms",
        f"fast, {short}",
        f"NEURON, {short}",
        "ratio",
        "its build",
    ]
    print("".join(f"{h:>15}" for h in [*head, "memory: fast", "NEURON"]))
    for n in meshes:
        d = run_part("mesh", n=n, tstop=tstop, repeats=3 if n <= 10 else 1)
        row = [f"{n} x {n}", d["cells"], f"{d['contacts']:,}", f"{d['fast']:.2f}", f"{d['fast_short']:.3f}"]
        row += [f"{d['neuron_short']:.2f}", f"{d['neuron_short'] / d['fast_short']:.1f}", f"{d['neuron_build']:.1f}"]
        print("".join(f"{c:>15}" for c in [*row, f"{d['fast_mb']:.0f}", f"{d['neuron_mb']:.0f}"]), flush=True)


PARTS = {name.removeprefix("part_"): part for name, part in list(globals().items()) if name.startswith("part_")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 ms trials, fewer repeats, small meshes")
    parser.add_argument("--part", nargs=2, metavar=("NAME", "JSON"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, arguments = options.part
        print(json.dumps(PARTS[name](**json.loads(arguments))))
        return
    begin = time.perf_counter()
    print(f"hnnlib {version('hnnlib')}, NEURON {version('neuron')}, {os.cpu_count()} cores")
    print("default column (10 x 10, three evoked drives) where no mesh is named, dt 0.025 ms; CPU seconds")
    print_setup()
    if options.quick:
        print_engines(20.0, rounds=2, pairs=3)
        print_batches(20.0, [1, 10], repeats=2)
        print_meshes(20.0, [5, 10])
    else:
        print_engines(170.0, rounds=3, pairs=5)
        print_batches(170.0, [1, 10, 100], repeats=3)
        print_meshes(170.0, [5, 10, 20, 30])
    print(f"\n{time.perf_counter() - begin:.0f} s in all, load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
