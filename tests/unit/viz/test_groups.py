"""Rasters, rates and traces by any grouping of cells."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib import viz
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.traces import Traces


@pytest.fixture
def response():
    """Cells 0 to 3 of one type, 4 and 5 of another; gid 6 is a drive; 1 and 5 are silent."""
    times = np.arange(0.0, 101.0)
    gids = np.array([0, 0, 2, 3, 4, 4, 4, 6])
    data = np.stack([np.full((3, times.size), -70.0) + np.arange(3)[:, None]] * 2)
    return CellResponse(
        cell_type_names=["a", "b"],
        spike_times=[np.array([10.0, 20.0, 100.0, 30.0, 40.0, 50.0, 60.0, 5.0])] * 2,
        spike_gids=[gids] * 2,
        spike_types=[np.array(["a"] * 4 + ["b"] * 3 + ["d"])] * 2,
        times=times,
        vsec=Traces("v", "mV", times, [0, 2, 4], ["soma"] * 3, None, data),
        states={"g_1": Traces("g_1", "nS", times, [4], None, None, data[:, :1] + 75.0)},
        gid_ranges={"a": range(4), "b": range(4, 6), "d": range(6, 7)},
    )


GROUPS = {"odd": [5, 3, 1], "even": [0, 2, 4]}


def dots(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines if line.get_marker() == "."}


def test_a_raster_has_a_row_for_every_cell_of_its_groups(response):
    (ax,) = viz.plot_spikes_raster(response, groups=GROUPS, trial_idx=0, show=False).axes
    assert dots(ax)["odd"].tolist() == [[30.0, 1.0]]
    assert sorted(dots(ax)["even"].tolist()) == [
        [10.0, 3.0], [20.0, 3.0], [40.0, 5.0], [50.0, 5.0], [60.0, 5.0], [100.0, 4.0],
    ]  # fmt: skip


def test_a_raster_of_groups_takes_no_types_beside(response):
    with pytest.raises(InvalidValue, match="beside groups"):
        viz.plot_spikes_raster(response, groups=GROUPS, cell_types=["a"], show=False)


def test_rates_count_silent_cells_and_the_last_spike(response):
    (ax,) = viz.plot_rates(response, show=False).axes
    heights = [sorted(line.get_ydata().tolist()) for line in ax.lines if line.get_marker() == "."]
    np.testing.assert_allclose(heights[0], [0.0, 10.0, 10.0, 20.0])
    np.testing.assert_allclose(heights[1], [0.0, 30.0])
    means = [line.get_ydata()[0] for line in ax.lines if line.get_marker() != "."]
    np.testing.assert_allclose(means, [10.0, 15.0])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a\n4 cells, 1 silent", "b\n2 cells, 1 silent"]


def test_rates_of_groups_in_a_window(response):
    (ax,) = viz.plot_rates(response, groups=GROUPS, tmin=0.0, tmax=25.0, show=False).axes
    heights = [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "."]
    assert heights == [[0.0, 0.0, 0.0], [0.0, 0.0, 80.0]]


def test_traces_have_a_panel_for_each_group_that_was_recorded(response):
    figure = viz.plot_traces(response, groups=GROUPS | {"two": [2], "even": [0, 4]}, show=False)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["even (2 cells)", "two"]
    assert [ax.lines[0].get_ydata()[0] for ax in figure.axes] == [-70.0, -69.0]


def test_traces_of_other_states_and_of_a_window(response):
    (ax,) = viz.plot_traces(response, "g_1", tmin=10.0, tmax=20.0, show=False).axes
    assert ax.get_title(loc="left") == "b"
    assert ax.lines[0].get_ydata().tolist() == [5.0] * 11
    assert ax.figure.get_supylabel() == "g_1 (nS)"


@pytest.mark.parametrize(
    ("groups", "kind", "message"),
    [
        ({"x": [0, 7]}, InvalidValue, r"groups\['x'\]: 7 is no gid"),
        ({"x": [0], "y": [0]}, InvalidValue, r"groups\['y'\]: 0 is in group 'x' already"),
        ({"x": [0.5]}, InvalidType, "list of gids"),
        ([0, 1], InvalidType, "mapping from names to gids"),
    ],
)
@pytest.mark.parametrize("plot", [viz.plot_rates, viz.plot_traces, viz.plot_spikes_raster])
def test_groups_are_checked(response, plot, groups, kind, message):
    with pytest.raises(kind, match=message):
        plot(response, groups=groups, show=False)


def test_what_was_not_recorded_is_told(response):
    with pytest.raises(UnknownName, match="'g_2' is no recording"):
        viz.plot_traces(response, "g_2", show=False)
    with pytest.raises(InvalidValue, match="hold no cell of which"):
        viz.plot_traces(response, groups={"silent": [1]}, show=False)
    with pytest.raises(InvalidValue, match="trial_idx"):
        viz.plot_traces(response, trial_idx=2, show=False)


def test_gids_must_be_known():
    unknown = CellResponse(spike_times=[[1.0]], spike_gids=[[0]], spike_types=[["a"]])
    with pytest.raises(InvalidValue, match="must be given"):
        viz.plot_rates(unknown, show=False)
