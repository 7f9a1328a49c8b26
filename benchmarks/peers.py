"""HNN-core's release and hnnlib's two engines on the same column, in turn: run it with ``make bench-peers``.

Each engine runs in a process of its own, one after another, through its public ``simulate_dipole``. A trial is the
default column with its three evoked drives, 170 ms. *First trial* is all that one call takes beside its further trials:
placing, connecting and building the network, and the first run. *Further trial* is what each trial more adds; HNN-core
builds its network anew for each. Compiled code is in the cache, imports are done, for all three.

Prints the table, and leaves it in ``out/peers.md`` and as a picture in ``out/peers.png``. Give ``--quick`` to leave out
the 20 x 20 mesh, on which HNN-core takes minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
TSTOP = 170.0
HNN_CORE, NEURON, FAST = "HNN-core", "hnnlib, NEURON", "hnnlib, fast"
COLORS = {HNN_CORE: "#7F7F7F", NEURON: "#E69F00", FAST: "#0072B2"}
# Trials in one call, by mesh: enough for a median where trials are cheap.
TRIALS = {HNN_CORE: {5: 3, 10: 2, 20: 1}, NEURON: {5: 4, 10: 3, 20: 2}, FAST: {5: 10, 10: 10, 20: 4}}


# Workers: each in a process of its own; HNN-core's in an environment of its own, which has no hnnlib.


class _Marks(io.TextIOBase):
    """A standard output that notes the CPU time when a line begins with one of some words."""

    def __init__(self, *words: str) -> None:
        self.cpu: dict[str, list[float]] = {word: [] for word in words}

    def write(self, text: str) -> int:
        for line in text.splitlines():
            for word, times in self.cpu.items():
                if line.startswith(word):
                    times.append(time.process_time())
        return len(text)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def _facts(begin: float, wall: float, further: list[float], before_mb: float) -> Facts:
    cpu = time.process_time() - begin
    return {
        "first": cpu - sum(further),
        "further": further,
        "wall": time.perf_counter() - wall,
        "cpu": cpu,
        "before_mb": before_mb,
        "peak_mb": _peak_mb(),
    }


def _response(net: Any, n_cells: int, dipole: Any) -> Facts:
    """Return what agreement is judged by: spikes of cells, and the dipole, of the first trial."""
    response = net.cell_response
    pairs = zip(response.spike_gids[0], response.spike_times[0], strict=True)
    spikes = sorted((int(gid), float(t)) for gid, t in pairs if gid < n_cells)
    return {"spikes": spikes, "dipole": [float(x) for x in dipole.data["agg"]], "cells": n_cells}


def work_hnn_core(n: int, n_trials: int) -> Facts:
    """Time HNN-core, which says on standard output when it begins to build and to run."""
    import hnn_core

    hnn_core.simulate_dipole(hnn_core.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2)), tstop=1.0)
    before = _peak_mb()
    begin, wall = time.process_time(), time.perf_counter()
    marks = _Marks("Building", "[Done]")
    with contextlib.redirect_stdout(marks):
        net = hnn_core.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
        dipoles = hnn_core.simulate_dipole(net, tstop=TSTOP, n_trials=n_trials)
    starts = [*marks.cpu["Building"], time.process_time()]
    further = [b - a for a, b in zip(starts[1:-1], starts[2:], strict=True)]
    facts = _facts(begin, wall, further, before)
    build = [b - a for a, b in zip(marks.cpu["Building"], marks.cpu["[Done]"], strict=True)]
    n_cells = sum(len(gids) for name, gids in net.gid_ranges.items() if name in net.cell_types)
    version = getattr(hnn_core, "__version__", "")
    return {**facts, **_response(net, n_cells, dipoles[0]), "build": build[0], "version": version}


def work_hnnlib(n: int, n_trials: int, engine: str) -> Facts:
    """Time one of hnnlib's engines."""
    import hnnlib as hn

    chosen = {"fast": hn.FastEngine, "neuron": hn.NeuronEngine}[engine]()
    hn.simulate_dipole(
        hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2)), tstop=1.0, verbose=False, engine=chosen
    )
    before = _peak_mb()
    begin, wall = time.process_time(), time.perf_counter()
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(n, n))
    dipoles = hn.simulate_dipole(net, tstop=TSTOP, n_trials=n_trials, verbose=False, engine=chosen)
    timings = net._result.provenance["timings"]
    cpu = time.process_time() - begin
    further = [timings["trials"] / n_trials] * (n_trials - 1)
    del cpu
    facts = _facts(begin, wall, further, before)
    n_cells = sum(len(gids) for name, gids in net.gid_ranges.items() if name in net.cell_types)
    return {**facts, **_response(net, n_cells, dipoles[0]), "build": timings["build"], "version": hn.__version__}
