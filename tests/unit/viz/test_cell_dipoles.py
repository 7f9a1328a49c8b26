"""What each cell adds to the dipole."""

from __future__ import annotations

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces
from hnnlib.viz import plot_cell_dipoles
from hnnlib.viz.cell_dipoles import cell_moments

TIMES = np.arange(0.0, 20.0, 0.5)


@pytest.fixture
def moments(circuit):
    """Raw moments (fAm) of the 9 + 9 pyramidal cells: 100 g sin t, and 50 at rest in layer 5."""
    layer2 = np.arange(9)[:, None] * 100 * np.sin(TIMES)
    layer5 = np.arange(9)[::-1, None] * 100 * np.sin(TIMES) + 50
    return layer2, layer5


@pytest.fixture
def result(circuit, moments):
    gids = [*range(3, 12), *range(15, 24)]
    traces = Traces("dipole", "fAm", TIMES, gids, None, None, np.concatenate(moments)[None])
    fine = np.arange(0.0, 20.0, 0.25)
    layer2 = np.interp(fine, TIMES, moments[0].sum(axis=0))
    layer5 = np.interp(fine, TIMES, moments[1].sum(axis=0)) - 9 * 50
    dipole = Dipole(fine, {"agg": 1e-6 * (layer2 + layer5), "L2": 1e-6 * layer2, "L5": 1e-6 * layer5}).scale(3000)
    spikes = CellResponse(list(circuit.populations), [[]], [[]], [[]], times=fine, dipole=traces)
    return Result(dipoles=[dipole], cell_response=spikes, provenance={"network": to_plain(circuit)})


def test_cells_sum_to_the_dipole(result, circuit, moments):
    times, found = cell_moments(result, circuit, 0)
    np.testing.assert_array_equal(times, TIMES)
    assert list(found) == ["L2_pyramidal", "L5_pyramidal"]
    np.testing.assert_allclose(found["L2_pyramidal"], moments[0], atol=1e-9)
    np.testing.assert_allclose(found["L5_pyramidal"], moments[1] - 50, atol=1e-9)
    total = 1e-6 * 3000 * sum(x.sum(axis=0) for x in found.values())
    np.testing.assert_allclose(total, np.interp(TIMES, result.dipoles[0].times, result.dipoles[0].data["agg"]))


def test_populations_and_cells_are_drawn(result, circuit, moments):
    figure = plot_cell_dipoles(result, vmax=500.0)
    top, below = figure.axes[:2]
    drawn = {line.get_label(): line for line in top.lines}
    np.testing.assert_allclose(drawn["L2_pyramidal"].get_ydata(), 1e-6 * moments[0].sum(axis=0), atol=1e-15)
    assert to_rgb(drawn["L5_pyramidal"].get_color()) == to_rgb(circuit.populations["L5_pyramidal"].color)
    (image,) = below.images
    np.testing.assert_allclose(image.get_array(), np.concatenate([moments[0], moments[1] - 50]), atol=1e-9)
    assert image.get_clim() == (-500.0, 500.0)
    assert [t.get_text() for t in below.get_yticklabels()] == ["L2_pyramidal\n9 cells", "L5_pyramidal\n9 cells"]
    assert list(below.get_yticks()) == [4.0, 13.0]
    assert (top.get_ylabel(), below.get_xlabel()) == ("Moment (nAm)", "Time (ms)")
    assert below.child_axes[0].get_ylabel() == "Moment of one cell (fAm)"
    assert [ax.get_title(loc="left") for ax in (top, below)] == ["Populations", "Cells, by gid"]


def test_the_largest_on_top_within_the_window(result, moments):
    figure = plot_cell_dipoles(result, tmin=1.0, tmax=3.0, order="moment")
    image = figure.axes[1].images[0]
    inside = (TIMES >= 1) & (TIMES <= 3)  # the sine is positive: gid 11 has the most of layer 2/3, gid 15 of layer 5
    np.testing.assert_allclose(image.get_array()[:9], moments[0][::-1, inside], atol=1e-9)
    np.testing.assert_allclose(image.get_array()[9:], moments[1][:, inside] - 50, atol=1e-9)
    assert figure.axes[0].get_xlim() == (1.0, 3.0)


def test_without_baseline_cells_are_as_recorded(result, circuit, moments):
    _, found = cell_moments(attrs.evolve(result, dipoles=[]), circuit, 0)
    np.testing.assert_array_equal(found["L5_pyramidal"], moments[1])


def test_what_cannot_be_drawn(result, response):
    with pytest.raises(InvalidType, match="must be a Result"):
        plot_cell_dipoles(result.cell_response)
    with pytest.raises(InvalidValue, match=r"simulate with Record\(cell_dipoles=True\)"):
        plot_cell_dipoles(attrs.evolve(result, cell_response=CellResponse(["a"], [[]], [[]], [[]])))
    with pytest.raises(InvalidValue, match="doesn't know its network"):
        plot_cell_dipoles(attrs.evolve(result, provenance={}))
    with pytest.raises(InvalidValue, match="trial_idx: 1"):
        plot_cell_dipoles(result, trial_idx=1)
    with pytest.raises(UnknownName, match="'size' is no order"):
        plot_cell_dipoles(result, order="size")
    with pytest.raises(InvalidValue, match="must be > 0 fAm"):
        plot_cell_dipoles(result, vmax=0.0)
    assert plt.get_fignums() == []
