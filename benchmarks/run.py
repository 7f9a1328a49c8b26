"""What the default column costs on this machine: run it with ``make bench``.

All figures are CPU seconds of the process that did the work (the machine's other load moves them less than the clock);
ratios are taken from runs in turn within this one call. Give ``--quick`` for a 20 ms run in place of 170 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

_PLAN = """
import json, resource, sys, time
import hnnlib as hn
from hnnlib.compile.build import compile_plan
net = hn.neymotin_2020_model(add_drives_from_params=True, mesh_shape=({n}, {n})).spec
compile_plan(hn.neymotin_2020_model(mesh_shape=(2, 2)).spec, hn.RunSpec(tstop=1.0))  # imports are not the plan's cost
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
plan = compile_plan(net, hn.RunSpec(tstop=170.0))
cpu = time.process_time() - begin
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(json.dumps(dict(cpu=cpu, grown=grown, edges=len(plan.edges), table=plan.edges.nbytes / 1e6)))
"""

_TRIALS = """
import json, resource, time
import attrs
import hnnlib as hn
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
net = hn.neymotin_2020_model(add_drives_from_params=True).spec
plan = compile_plan(net, hn.RunSpec(tstop={tstop}, n_trials={n_trials}))
engine = NeuronEngine()
records = engine.run(plan, range({n_trials}))
trials = [t.cpu_s for t in records.trials]
again = engine.run(plan, [0])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
# the dipole's share: the same 20 ms with and without its probe, in turn
short = compile_plan(net, hn.RunSpec(tstop=20.0))
engine.run(short, [0])
bare = attrs.evolve(short, probes=())
ratio = []
for _ in range({pairs}):
    with_probe = engine.run(short, [0]).trials[0].cpu_s
    without = engine.run(bare, [0]).trials[0].cpu_s
    ratio.append(with_probe / without)
print(json.dumps(dict(build=records.stats["build_cpu_s"], rebuild=again.stats["build_cpu_s"], trials=trials,
                      ratio=sorted(ratio), peak=peak, live=int(plan.live_edges().sum()), edges=len(plan.edges))))
"""

_IMPORT = """
import time
import numpy
begin = time.perf_counter()
import hnnlib
print(time.perf_counter() - begin)
"""


def _python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"a benchmark failed:\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def _row(what: str, value: str, note: str = "") -> None:
    print(f"{what:<46} {value:>14}   {note}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 ms trials, fewer repeats")
    quick = parser.parse_args().quick
    tstop, n_trials, pairs = (20.0, 2, 3) if quick else (170.0, 2, 9)
    print(
        f"hnnlib {version('hnnlib')}, NEURON {version('neuron')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"default column (10 x 10), {tstop:g} ms, dt 0.025 ms, one process, one thread; CPU seconds\n")

    times = sorted(float(_python(_IMPORT)) for _ in range(5))
    _row("import hnnlib, over numpy's import", f"{times[2] * 1e3:.1f} ms", "median of 5, by the clock")
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        _python("import hnnlib; print(hnnlib.mechanism_library())", HNNLIB_CACHE_DIR=folder)
        _row(
            "compile the mechanisms (once per machine)",
            f"{time.perf_counter() - begin:.1f} s",
            "by the clock, cold cache",
        )
    for n in (10, 20):
        d = json.loads(_python(_PLAN.format(n=n)))
        _row(
            f"plan, {n} x {n}",
            f"{d['cpu']:.2f} s",
            f"{d['edges']:,} contacts, table {d['table']:.1f} MB, memory grew by {d['grown']:.0f} MB",
        )
    d = json.loads(_python(_TRIALS.format(tstop=tstop, n_trials=n_trials, pairs=pairs)))
    _row(
        "network build (once for all trials)",
        f"{d['build']:.2f} s",
        f"{d['live']:,} of {d['edges']:,} contacts can act",
    )
    _row("   again for the same network", f"{d['rebuild']:.2f} s")
    for i, cpu in enumerate(d["trials"]):
        _row(f"trial {i}", f"{cpu:.2f} s")
    middle = d["ratio"][len(d["ratio"]) // 2]
    spread = f"median of {pairs} pairs in turn, {(d['ratio'][0] - 1) * 100:+.1f} to {(d['ratio'][-1] - 1) * 100:+.1f} %"
    _row("dipole's share of a trial", f"{(middle - 1) * 100:.1f} %", spread)
    _row("peak memory", f"{d['peak']:.0f} MB")


if __name__ == "__main__":
    main()
