"""Figures are drawn without windows and closed again."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole


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
