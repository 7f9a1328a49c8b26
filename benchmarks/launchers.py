"""What the launchers add to trials, and what a second worker brings: run with ``make bench``, after the engines.

All launchers in one call, in turn, on the same plans, by the clock; medians of rounds. What a run takes to start
(processes, their imports, handing the plan over, building the network) is told apart from what each trial takes: a run
of few trials and one of more differ by trials only. Launchers whose packages are not installed are left out.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

import hnnlib as hn
from hnnlib.backends.launch import joblib as by_joblib
from hnnlib.backends.launch.parcel import write_parcel
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.compile.build import compile_plan

SHORT_MS = 1.0
"""A trial so short that nearly all it takes is what the launcher adds."""

ROUNDS = 2
FEW, MORE = 2, 10
"""Short trials in two runs that differ by trials only."""

CASES = (
    # engine, mesh, duration of a trial (ms), trials in a run
    (hn.NeuronEngine(), 3, 100.0, 4),
    (hn.FastEngine(), 10, 100.0, 4),
)


def plan_of(n: int, tstop: float, n_trials: int) -> Any:
    """The default column on an n by n mesh with its three evoked drives."""
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
    return compile_plan(net.spec, hn.RunSpec(tstop=tstop, n_trials=n_trials))


@contextlib.contextmanager
def launchers() -> Iterator[dict[tuple[str, int], Any]]:
    """Launchers by name and number of workers; joblib's one worker is this process, so it has no row of its own."""
    found: dict[tuple[str, int], Any] = {("serial", 1): SerialLauncher(), ("joblib", 2): by_joblib.JoblibLauncher(2)}
    with contextlib.ExitStack() as stack:
        if importlib.util.find_spec("distributed"):
            from distributed import Client, LocalCluster

            from hnnlib.backends.launch.dask import DaskLauncher

            for n in (1, 2):
                cluster = LocalCluster(
                    n_workers=n, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs="ERROR"
                )
                client = Client(stack.enter_context(cluster), set_as_default=False)
                found["Dask", n] = DaskLauncher(stack.enter_context(client))
        if importlib.util.find_spec("mpi4py"):
            with contextlib.suppress(hn.MPIUnavailable):
                for n in (1, 2):
                    launcher = hn.MPIBackend(n_procs=n).launcher
                    clock(launcher, hn.FastEngine(), plan_of(2, SHORT_MS, n), n)  # or there is no MPI to be had
                    found["MPI", n] = launcher
        yield found


def clock(launcher: Any, engine: Any, plan: Any, n_trials: int) -> float:
    """Seconds that a run of so many trials takes."""
    begin = time.perf_counter()
    done = [record for records in launcher.run(engine, plan, range(n_trials)) for record in records.trials]
    seconds = time.perf_counter() - begin
    assert sorted(record.trial for record in done) == list(range(n_trials))
    return seconds


def measure(found: dict[tuple[str, int], Any], engine: Any, n: int, tstop: float, n_trials: int) -> None:
    """Print the table of one engine."""
    plan = plan_of(n, tstop, FEW + MORE)
    short = attrs.evolve(plan, run=attrs.evolve(plan.run, tstop_ms=SHORT_MS))
    print(f"\n{engine.name}, {n} x {n} mesh (load {os.getloadavg()[0]:.1f})")
    head = ["launcher", "workers", "first run", f"{SHORT_MS:g} ms trial", "added", f"{tstop:g} ms trial", "speed"]
    print("".join(f"{h:>14}" for h in head))
    first = {key: clock(launcher, engine, short, FEW) for key, launcher in found.items()}
    times: dict[tuple[str, int], list[tuple[float, float]]] = {key: [] for key in found}
    for _ in range(ROUNDS):
        for key, launcher in found.items():
            few = clock(launcher, engine, short, FEW)
            each = (clock(launcher, engine, short, FEW + MORE) - few) / MORE
            whole = (clock(launcher, engine, plan, n_trials) - few + FEW * each) / n_trials
            times[key].append((each, whole))
    medians = {key: [statistics.median(values) for values in zip(*rows, strict=True)] for key, rows in times.items()}
    serial = medians["serial", 1]
    for (name, workers), (each, whole) in medians.items():
        each *= workers  # with two workers two trials take that long, side by side
        added = f"{(each - serial[0]) * 1e3:+.0f} ms" if name != "serial" else ""
        row = [name, workers, f"{first[name, workers]:.2f} s", f"{each * 1e3:.0f} ms", added]
        row += [f"{whole:.2f} s", f"{serial[1] / whole:.2f} x"]
        print("".join(f"{c:>14}" for c in row), flush=True)


def print_bytes(found: dict[tuple[str, int], Any], n: int) -> None:
    """Print what goes to workers, once per run and with each trial."""
    n_trials = 20
    plan = attrs.evolve(p := plan_of(n, 100.0, n_trials), run=attrs.evolve(p.run, tstop_ms=SHORT_MS))
    print(f"\nHanded to workers, {n} x {n} mesh, {n_trials} trials, {len(plan.edges):,} contacts")
    print("".join(f"{h:>20}" for h in ["launcher", "once per run", "with each trial"]))
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("engine", "plan")]
        write_parcel(hn.NeuronEngine(), files[0])
        write_parcel(plan, files[1])
        task = pickle.dumps((by_joblib._work, (by_joblib.run_trial, 0, *files), {}))
        row("joblib", sum(Path(file).stat().st_size for file in files), len(task))
    if ("Dask", 1) in found:
        launcher = found["Dask", 1]
        clock(launcher, hn.NeuronEngine(), plan, 1)  # the network is built
        sent = [bytes_sent(launcher.client)]
        for count in (1, n_trials):
            clock(launcher, hn.NeuronEngine(), plan, count)
            sent.append(bytes_sent(launcher.client))
        each = (sent[2] - sent[1] - (sent[1] - sent[0])) / (n_trials - 1)
        row("Dask", sent[1] - sent[0] - each, each)


def row(name: str, once: float, each: float) -> None:
    """Print a line of the table of bytes."""
    print(f"{name:>20}{once / 1e6:>17.2f} MB{each / 1e3:>17.2f} kB", flush=True)


def bytes_sent(client: Any) -> int:
    """Return how much the scheduler has sent to its workers."""

    def count(dask_scheduler: Any) -> int:
        return sum(comm.byte_count for comm in dask_scheduler.stream_comms.values())

    total: int = client.run_on_scheduler(count)
    return total


def main() -> None:
    """Measure and print."""
    begin = time.perf_counter()
    with launchers() as found:
        print(f"Launchers: {', '.join(dict.fromkeys(name for name, _ in found))}; {os.cpu_count()} cores")
        print("first run: with starting workers and making the network there; added: to a trial, after that")
        for case in CASES:
            measure(found, *case)
        print_bytes(found, 10)
    print(f"\n{time.perf_counter() - begin:.0f} s in all, load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
