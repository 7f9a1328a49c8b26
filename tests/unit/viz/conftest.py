"""Figures are drawn without windows and closed again."""

from __future__ import annotations

import attrs
import matplotlib
import numpy as np
import pytest

from hnnlib.base.schema import to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import WEIGHT_KEYS, column, local_connections
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces
from hnnlib.spec.drives import EvokedDrive, PoissonDrive
from hnnlib.spec.network import TonicBias
from hnnlib.spec.run import RunSpec
from hnnlib.viz.network import sections_of


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg", force=True)
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def times():
    return np.arange(0.0, 100.25, 0.25)


@pytest.fixture
def dipoles(times):
    """Two trials: a trough at 40 ms, a peak at 70 ms; layer 5 has twice the share of layer 2/3."""

    def dipole(height):
        x = height * (np.exp(-(((times - 70) / 6) ** 2)) - np.exp(-(((times - 40) / 6) ** 2)))
        return Dipole(times, {"agg": x, "L2": x / 3, "L5": 2 * x / 3})

    return [dipole(0.02), dipole(0.04)]


@pytest.fixture
def response(times):
    """Two cell types with gids 0-1 and 2-4, drives evprox1, evprox2, evdist1 with one event each and trial."""
    types = ["L2_basket", "L5_pyramidal", "L5_pyramidal", "evprox1", "evprox2", "evdist1"]
    return CellResponse(
        cell_type_names=["L2_basket", "L5_pyramidal"],
        spike_times=[[30.0, 41.0, 42.0, 25.0, 75.0, 50.0], [31.0, 43.0, 44.0, 25.5, 76.0, 50.5]],
        spike_gids=[[1, 2, 4, 5, 6, 7]] * 2,
        spike_types=[types] * 2,
        times=times,
    )


@pytest.fixture(scope="session")
def circuit():
    """A column of 3 by 3 with connections of round weights, one drive for each cell, one shared by all, and a bias."""
    weights = {key: 0.001 * (i + 1) for i, key in enumerate(WEIGHT_KEYS)}
    drives = {
        "prox": EvokedDrive(
            mu=20.0,
            sigma=2.0,
            location="proximal",
            weights={"L2_basket": {"ampa": 0.1}, "L5_pyramidal": {"ampa": 0.2, "nmda": 0.0}},
            event_seed=3,
        ),
        "noise": PoissonDrive(
            rate=50.0, location="distal", weights={"L5_pyramidal": {"ampa": 0.01}}, n_drive_cells=2, tstop=80.0
        ),
    }
    return attrs.evolve(
        column((3, 3)),
        connections=local_connections(weights),
        drives=drives,
        biases={"tonic": {"L5_pyramidal": TonicBias(amplitude=0.5, t0=10.0, tstop=60.0)}},
    )


@pytest.fixture(scope="session")
def plan(circuit):
    return compile_plan(circuit, RunSpec(tstop=1.0))


@pytest.fixture
def recorded(circuit):
    """Two trials, 5 samples in 2 ms: at sample k every section of gid g has -80 + g + 10 k mV, in trial 1 5 more."""
    sections = sections_of(circuit)
    times = np.arange(5) * 0.5
    voltages = -80.0 + sections.gid[:, np.newaxis] + 10.0 * np.arange(5)
    traces = Traces("v", "mV", times, sections.gid, sections.names, None, np.stack([voltages, voltages + 5.0]))
    spikes = CellResponse(list(circuit.populations), [[], []], [[], []], [[], []], times=times, vsec=traces)
    return Result(dipoles=[], cell_response=spikes, provenance={"network": to_plain(circuit)})
