"""What a detailed cell costs: replaying a column onto it, pooling its synapses, keeping its trials, and each engine.

    python benchmarks/detailed_cell.py [--quick] [--only example pooled stored engines]

*example*: the default column's response, four trials on two workers, replayed onto the detailed layer 5 cell, by the
clock; kernels are compiled before, workers start in the time that is told. *pooled*: 24,000 synapses that share point
processes against one for each, on both engines in turn. *stored*: 16 trials of as many synapses, in both formats.
*engines*: the fast engine and NEURON in turn, with the same rates. Ten minutes on a quiet machine, ``--quick``: one.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hnnlib as hn
from hnnlib import embedding

PARTS = ("example", "pooled", "stored", "engines")
SYNAPSES = 24_000
WORKERS = 2
SETTLE = 100.0
PLACES = ["soma", "apical_tuft@900"]
READS = 15
SHORT = 5.0
"""Trials (ms) that only see to it that kernels are compiled."""


def clock(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and what it gives."""
    begin = time.perf_counter()
    found = action()
    return time.perf_counter() - begin, found


def heads(*names: str) -> Iterator[str]:
    """Yield the head of a table: the first two columns are words, the others are numbers."""
    yield f"\n| {' | '.join(names)} |"
    yield f"|---|---|{'--:|' * (len(names) - 2)}"


# ------------------------------------------------------------------------------------------------- a column, replayed


def example(tstop: float, n_trials: int) -> Iterator[str]:
    """The multi-scale example, part by part."""
    launcher = hn.JoblibBackend(n_jobs=WORKERS).launcher
    column = hn.jones_2009_model(add_drives_from_params=True)
    for drive in column.spec.drives:
        column.put(f"drives.{drive}.event_seed", None)  # other spikes in each trial

    def cell_and_synapses() -> tuple[embedding.DetailedCell, embedding.Embedding]:
        cell = embedding.DetailedCell("synthetic-l5", "l5_detailed")
        gids = column.gid_ranges["L5_pyramidal"]
        return cell, embedding.from_network(column, gids[len(gids) // 2], cell, contacts=5)

    # compiles what is not in the cache yet
    cell, synapses = cell_and_synapses()
    hn.simulate(column, tstop=SHORT, launcher="serial")
    embedding.simulate_cell(cell, synapses, embedding.Poisson(rate=20.0), tstop=SHORT, launcher="serial")

    column_s, result = clock(lambda: hn.simulate(column, tstop=tstop, n_trials=n_trials, seed=1, launcher=launcher))
    made_s, (cell, synapses) = clock(cell_and_synapses)
    options: dict[str, Any] = {"tstop": tstop, "n_trials": n_trials, "settle": SETTLE, "record": {"v": PLACES}}
    source = embedding.Replay(spikes=result)
    run_s, study = clock(lambda: embedding.simulate_cell(cell, synapses, source, launcher=launcher, **options))
    again_s, _ = clock(lambda: study.replay(0, record={"v": "all"}, record_every=4))
    events = study.trials.numpy()["n_synapse_events"].mean()
    yield from heads("the default column onto a detailed cell", "what", "s, by the clock")
    yield f"| the column | {n_trials} trials of {tstop:g} ms, {WORKERS} workers | {column_s:.1f} |"
    yield f"| cell and synapses | {len(cell.segments)} segments, {len(synapses):,} synapses | {made_s:.1f} |"
    yield (
        f"| the detailed cell | {n_trials} trials of {SETTLE:g} + {tstop:g} ms, {events:,.0f} events each, "
        f"{WORKERS} workers | {run_s:.1f} |"
    )
    yield f"| **all of it** |  | **{column_s + made_s + run_s:.1f}** |"
    yield f"| one trial again | the voltage of every segment | {again_s:.1f} |"


# ------------------------------------------------------------------------------------------------- many synapses


def bombarded(cell: embedding.DetailedCell, n: int, weight: float) -> embedding.Embedding:
    """Return so many synapses at random places, a tenth of them inhibitory."""
    excitatory = embedding.SynapseType(
        receptors={
            "ampa": hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.2, "tau2": 2.0}),
            "nmda": hn.SynapseSpec(mechanism="NMDA"),
        },
        plasticity=embedding.ShortTermPlasticity(depression=0.8, tau_depression=250.0),
    )
    inhibitory = embedding.SynapseType(
        receptors={"gabaa": hn.SynapseSpec(parameters={"e": -75.0, "tau1": 1.0, "tau2": 20.0})}
    )
    tree = ["basal", "apical"]
    usual: dict[str, Any] = {"contacts": 5, "delay": 1.0, "seed": 1}
    return embedding.random(
        cell, "exc", count=n - n // 10, kind=excitatory, weight=weight, release_p=0.6, domain=tree, **usual
    ) + embedding.random(
        cell, "inh", count=n // 10, kind=inhibitory, weight=1e-3, release_p=0.25, domain=["soma", *tree], **usual
    )


def sources(rate: float) -> dict[str, embedding.Source]:
    """Return what both populations fire (Hz)."""
    return {"exc": embedding.Poisson(rate=rate), "inh": embedding.Poisson(rate=7.0)}


def in_turn(runs: dict[Any, Callable[[int], embedding.Study]], rounds: int) -> dict[Any, tuple[float, float, Any]]:
    """Return of each run, given a number of trials: CPU s of a call with one, of a trial more, and a study of two.

    Rounds in turn, medians of them. NEURON keeps its last network: it builds one in a first call, and not in those that
    a trial more is taken from; what it takes to do away with another run's is in none.
    """
    other = hn.jones_2009_model(mesh_shape=(1, 1))
    found: dict[Any, list[tuple[float, float]]] = {name: [] for name in runs}
    studies = {}
    for run in runs.values():
        run(0)  # kernels
    for _ in range(rounds):
        for name, run in runs.items():
            hn.simulate(other, tstop=1.0, engine="neuron", launcher="serial")
            gc.collect()
            times = [time.process_time()]
            for n_trials in (1, 1, 2):
                studies[name] = run(n_trials)
                times.append(time.process_time())
            first, one, two = np.diff(times).tolist()
            found[name].append((first, two - one))
    return {
        name: (*(statistics.median(column) for column in zip(*rows, strict=True)), studies[name])
        for name, rows in found.items()
    }


def apart(one: embedding.Study, other: embedding.Study) -> float:
    """Return the largest difference of the voltages (mV)."""
    return float(np.abs(one.recordings["v"].numpy() - other.recordings["v"].numpy()).max())


def point_processes(cell: embedding.DetailedCell, table: embedding.Embedding, pool: bool) -> int:
    """Return how many there are."""
    nothing = embedding.TrialEvents(synapse=np.zeros(0, np.int32), time_ms=np.zeros(0))
    plan = embedding.EmbeddedCell(cell=cell, embedding=table, events=[nothing], pool=pool).compile(hn.RunSpec(tstop=1))
    return len(plan.templates[0].sites.segment)


def pooled(tstop: float, n: int, rounds: int) -> Iterator[str]:
    """Synapses that share point processes against one for each."""
    cell = embedding.DetailedCell("synthetic-l5", "l5_detailed")
    table = bombarded(cell, n, 0.3e-3)
    runs = {
        (engine, pool): lambda k, engine=engine, pool=pool: embedding.simulate_cell(
            cell, table, sources(1.5), tstop=tstop if k else SHORT, n_trials=k or 1, record={"v": PLACES}, pool=pool,
            engine=engine, launcher="serial",
        )
        for engine in ("fast", "neuron")
        for pool in (True, False)
    }  # fmt: skip
    found = in_turn(runs, rounds)
    number = {pool: point_processes(cell, table, pool) for pool in (True, False)}
    yield from heads(
        f"{n:,} synapses, {tstop:g} ms", "engine", "point processes", "a call with one trial", "each further trial",
        "times pooled", "largest difference of voltage, mV",
    )  # fmt: skip
    for engine, name in (("fast", "fast engine"), ("neuron", "NEURON")):
        (few, few_more, together), (many, many_more, single) = found[engine, True], found[engine, False]
        yield f"| pooled | {name} | {number[True]:,} | {few:.2f} | {few_more:.2f} |  |  |"
        yield (
            f"| one for each | {name} | {number[False]:,} | {many:.2f} | {many_more:.2f} | "
            f"{many / few:.1f}, {many_more / few_more:.1f} | {apart(together, single):.0e} |"
        )


# ------------------------------------------------------------------------------------------------- trials on disk


def stored(tstop: float, n: int, n_trials: int) -> Iterator[str]:
    """Size of a study's folder, and reading one trial of it."""
    cell = embedding.DetailedCell("synthetic-l5", "l5_detailed")
    table = bombarded(cell, n, 0.1e-3)
    study = embedding.simulate_cell(
        cell, table, sources(4.5), tstop=tstop, n_trials=n_trials, record={"v": PLACES},
        launcher=hn.JoblibBackend(n_jobs=WORKERS).launcher,
    )  # fmt: skip
    events = study.trials.numpy()["n_synapse_events"].mean()
    yield from heads(
        f"{n_trials} trials of {tstop:g} ms, {n:,} synapses, {events:,.0f} events each", "tables", "MB",
        "written, s", "opened, ms", "one trial read, ms",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as parent:
        for tables in ("hdf5", "parquet"):
            folder = Path(parent) / tables
            try:
                written, _ = clock(lambda: embedding.write_study(study, folder, tables=tables))  # noqa: B023
            except hn.HnnlibError as error:
                yield f"| left out: {error} | {tables} |  |  |  |  |"
                continue
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
            opened, read = [], []
            for k in range(READS):
                seconds, found = clock(lambda: embedding.read_study(folder))  # noqa: B023
                opened.append(1e3 * seconds)
                seconds, _ = clock(lambda: found.trial(k % n_trials))  # noqa: B023
                read.append(1e3 * seconds)
            yield (
                f"| spikes, events, two voltages, dipole | {tables} | {size:.1f} | {written:.1f} | "
                f"{statistics.median(opened):.0f} | {statistics.median(read):.0f} (slowest {max(read):.0f}) |"
            )


# ------------------------------------------------------------------------------------------------- engines


def engines(tstop: float, n: int, rounds: int) -> Iterator[str]:
    """The fast engine and NEURON on the same trials."""
    cells = {
        "layer 5": ("synthetic-l5", "l5_detailed", n, 0.3e-3),
        "layer 2/3": ("synthetic-l23", "l23_detailed", n // 3, 0.2e-3),
    }
    yield from heads(
        f"pooled synapses, {tstop:g} ms", "rates", "fast: a call with one trial, a further one", "NEURON", "ratios",
        "spikes of two trials", "largest difference of voltage, mV",
    )  # fmt: skip
    for name, (form, membrane, count, weight) in cells.items():
        cell = embedding.DetailedCell(form, membrane)
        table = bombarded(cell, count, weight)
        made = {(e.name, e.rates): e for r in ("tables", "exact") for e in (hn.FastEngine(rates=r), hn.NeuronEngine(r))}
        runs = {
            key: lambda k, cell=cell, table=table, engine=engine: embedding.simulate_cell(
                cell, table, sources(1.5), tstop=tstop if k else SHORT, n_trials=k or 1, record={"v": PLACES},
                engine=engine, launcher="serial",
            )
            for key, engine in made.items()
        }  # fmt: skip
        found = in_turn(runs, rounds)
        for rates in ("tables", "exact"):
            (one, more, ours), (neuron, neuron_more, theirs) = found["fast", rates], found["neuron", rates]
            yield (
                f"| {name}: {len(cell.segments)} segments, {count:,} synapses | {rates} | {one:.2f}, {more:.2f} | "
                f"{neuron:.2f}, {neuron_more:.2f} | {neuron / one:.1f}, {neuron_more / more:.1f} | "
                f"{told_spikes(ours, theirs)} | {apart(ours, theirs):.0e} |"
            )


def told_spikes(one: embedding.Study, other: embedding.Study) -> str:
    """How two studies' spikes differ, in words."""
    ours, theirs = (study.soma_spikes.numpy() for study in (one, other))
    if not np.array_equal(ours["trial"], theirs["trial"]):
        return f"{len(ours['trial'])} and {len(theirs['trial'])}"
    off = np.abs(ours["time_ms"] - theirs["time_ms"]).max(initial=0.0)
    return f"all {len(ours['trial'])}, {'the same' if off < 1e-9 else f'within {off:.3g} ms'}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short trials, fewer synapses, one round")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the tables")
    options = parser.parse_args()
    quick = options.quick
    tstop, n, rounds = (20.0, SYNAPSES // 10, 1) if quick else (100.0, SYNAPSES, 3)
    parts = {
        "example": lambda: example(30.0 if quick else 170.0, 2 if quick else 4),
        "pooled": lambda: pooled(tstop, n, rounds),
        "stored": lambda: stored(tstop if quick else 300.0, n, 4 if quick else 16),
        "engines": lambda: engines(tstop, n, rounds),
    }
    load = os.getloadavg()[0]
    for name in options.only:
        for line in parts[name]():
            print(line, flush=True)
    print(
        "\nCPU seconds where nothing else is said; a call is one of `simulate_cell`, everything counted. Medians of "
        f"rounds in turn; dt 0.025 ms. Load {load:.1f} before, {os.getloadavg()[0]:.1f} after."
    )


if __name__ == "__main__":
    main()
