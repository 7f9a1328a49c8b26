"""What recording extracellular potentials adds to a run: the default column with and without electrodes, in turn.

Figures are CPU seconds of one process. The same network runs with and without an array of contacts one right after the
other, many times, and ratios are taken pair by pair: a machine that is at work slows both of a pair.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import attrs

import hnnlib as hn
from hnnlib.compile.build import compile_plan

CONTACTS = 25


def _networks() -> tuple[Any, Any]:
    bare = hn.jones_2009_model(add_drives_from_params=True).spec
    shank = hn.Electrodes(positions=hn.laminar_probe(CONTACTS, x=135.0, y=135.0))
    return bare, attrs.evolve(bare, electrodes={"shank": shank})


def _in_turn(one: Callable[[], float], other: Callable[[], float], pairs: int) -> tuple[list[float], list[float]]:
    one(), other()  # what is made once is made before
    found: tuple[list[float], list[float]] = ([], [])
    for k in range(pairs):
        # each goes first as often as the other
        for i in (0, 1) if k % 2 == 0 else (1, 0):
            found[i].append((one, other)[i]())
    return found


def _trial(engine: Any, network: Any, tstop: float) -> Callable[[], float]:
    plan = compile_plan(network, hn.RunSpec(tstop=tstop))
    return lambda: engine.run(plan, [0]).trials[0].cpu_s


def _call(engine: Any, network: Any, tstop: float) -> Callable[[], float]:
    def run() -> float:
        begin = time.process_time()
        hn.simulate(network, tstop=tstop, engine=engine)
        return time.process_time() - begin

    return run


def _print(what: str, bare: list[float], more: list[float]) -> None:
    added = sorted(b / a - 1 for a, b in zip(bare, more, strict=True))
    low, high = added[len(added) // 4], added[-1 - len(added) // 4]
    print(
        f"{what:<44} {statistics.median(bare):8.3f} s {statistics.median(more):8.3f} s "
        f"{statistics.median(added) * 100:+7.1f} %   half of {len(added)} pairs within {low * 100:+.1f} to "
        f"{high * 100:+.1f} %; least over least {(min(more) / min(bare) - 1) * 100:+.1f} %",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 ms trials, fewer pairs")
    quick = parser.parse_args().quick
    tstop, pairs = (20.0, 15) if quick else (170.0, 41)
    bare, shank = _networks()
    print(f"default column (10 x 10), {tstop:g} ms, one trial; load {os.getloadavg()[0]:.1f}")
    print(f"{'':<44} {'without':>10} {f'{CONTACTS} contacts':>12} {'added':>8}")
    # an engine each, or every trial of the fast one would begin by packing its plan anew
    engines = hn.FastEngine(), hn.FastEngine()
    _print("fast: a trial", *_in_turn(_trial(engines[0], bare, tstop), _trial(engines[1], shank, tstop), pairs))
    _print(
        "fast: a call of simulate(), planning included",
        *_in_turn(_call(engines[0], bare, tstop), _call(engines[1], shank, tstop), pairs),
    )
    # NEURON's network is built once and only its probes change; the first 20 ms cost what others do
    neuron = hn.NeuronEngine()
    _print(
        "NEURON: the first 20 ms of a trial",
        *_in_turn(_trial(neuron, bare, 20.0), _trial(neuron, shank, 20.0), 5 if quick else 11),
    )
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
