"""Histograms and rasters of spikes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.viz import plot_spikes_hist, plot_spikes_raster
from hnnlib.viz.colors import COLORS, DRIVE_COLORS


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def heights(ax):
    """Label -> heights of the filled outline above zero."""
    return {patch.get_label(): patch.get_path().vertices[:, 1] for patch in ax.patches}


def test_histogram_shows_the_drives(response):
    (ax,) = plot_spikes_hist(response).axes
    assert texts(ax.get_legend()) == ["evdist1", "evprox1", "evprox2"]
    assert [to_rgb(patch.get_facecolor()) for patch in ax.patches] == [to_rgb(c) for c in DRIVE_COLORS[:3]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Spikes per 2 ms in 2 trials")
    assert ax.get_xlim() == (0.0, 100.0)
    # Both trials' events at 50 and 50.5 ms are in the bin from 50 to 52.
    assert heights(ax)["evdist1"].max() == 2


def test_bins_are_the_same_for_all_drives(response):
    (ax,) = plot_spikes_hist(response, bins=np.arange(0, 101, 5), trial_idx=[0]).axes
    assert ax.get_ylabel() == "Spikes per 5 ms"
    for patch in ax.patches:
        assert np.all(patch.get_path().vertices[:, 0] % 5 == 0)
    assert [h.max() for h in heights(ax).values()] == [1, 1, 1]


def test_densities(response):
    (ax,) = plot_spikes_hist(response, spike_types="evprox1", bins=4, density=True).axes
    assert heights(ax)["evprox1"].max() == pytest.approx(1 / 25)
    assert ax.get_ylim() == (0, pytest.approx(1.08 / 25))
    assert ax.get_ylabel() == "Spike density (1/ms)"


def test_counts_have_ticks_at_whole_numbers(response):
    (ax,) = plot_spikes_hist(response, trial_idx=0).axes
    assert all(tick == int(tick) for tick in ax.get_yticks())


def test_logarithmic_counts_stay_so(response):
    _, ax = plt.subplots()
    ax.set_yscale("log")
    plot_spikes_hist(response, ax=ax, bins=1)
    assert ax.get_yscale() == "log"


def test_a_beginning_of_names_counts_them_together(response):
    (ax,) = plot_spikes_hist(response, spike_types="evprox", bins=1).axes
    assert {label: h.max() for label, h in heights(ax).items()} == {"evprox": 4}


def test_groups_with_labels_and_colours(response):
    figure = plot_spikes_hist(
        response,
        spike_types={"proximal": ["evprox1", "evprox2"], "distal": "evdist"},
        color={"distal": "tab:red"},
        invert_spike_types="distal",
    )
    ax, mirror = figure.axes
    assert (list(heights(ax)), list(heights(mirror))) == (["proximal"], ["distal"])
    assert to_rgb(mirror.patches[0].get_facecolor()) == to_rgb("tab:red")
    assert texts(ax.get_legend()) == ["proximal", "distal"]
    # One hangs from the top, to the same scale, and they can't overlap.
    assert mirror.get_ylim() == ax.get_ylim()[::-1]
    assert ax.get_ylim()[1] > heights(ax)["proximal"].max() + heights(mirror)["distal"].max()


def test_cells_can_be_counted(response):
    (ax,) = plot_spikes_hist(response, spike_types=["L5_pyramidal"], color=["k"], bins=1).axes
    assert heights(ax)["L5_pyramidal"].max() == 4


def test_a_response_without_drives_shows_its_cells():
    cells = CellResponse(["a", "b"], [[1.0, 2.0]], [[0, 1]], [["a", "a"]])
    (ax,) = plot_spikes_hist(cells).axes
    assert texts(ax.get_legend()) == ["a", "b"]
    (ax,) = plot_spikes_hist(CellResponse(["a"], [[]], [[]], [[]])).axes
    assert heights(ax)["a"].max() == 0


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"spike_types": "evporx1"}, UnknownName, "did you mean 'evprox1'"),
        ({"spike_types": ["ev", "evprox1"]}, InvalidValue, "counts 'evprox1', which 'ev' counts already"),
        ({"spike_types": 3}, InvalidType, "must be a string, a list of strings, or a dict"),
        ({"spike_types": [3]}, InvalidType, "must be a string"),
        ({"invert_spike_types": "distal"}, UnknownName, "'distal' is no histogram"),
        ({"color": ["r", "g"]}, InvalidValue, r"len\(color\): 2 must be 3"),
        ({"color": {"evprox": "r"}}, UnknownName, "did you mean 'evprox"),
        ({"trial_idx": "all"}, InvalidType, "must be an integer or a list of integers"),
        ({"trial_idx": [0, 2]}, InvalidValue, "trial_idx: 2 must be 0 to 1"),
        ({"ax": "here"}, InvalidType, "must be matplotlib axes"),
    ],
)
def test_wrong_arguments_of_a_histogram(response, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_spikes_hist(response, **arguments)
    assert plt.get_fignums() == []


def test_raster_shows_the_cells(response):
    (ax,) = plot_spikes_raster(response, trial_idx=0).axes
    basket, pyramidal = ax.lines
    np.testing.assert_array_equal(basket.get_xydata(), [[30.0, 1]])
    np.testing.assert_array_equal(pyramidal.get_xydata(), [[41.0, 2], [42.0, 4]])
    assert [line.get_color() for line in ax.lines] == list(COLORS[:2])
    assert texts(ax.get_legend()) == ["L2_basket", "L5_pyramidal"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Cell (gid)")
    assert ax.yaxis_inverted()


def test_raster_of_all_trials_and_chosen_types(response):
    (ax,) = plot_spikes_raster(
        response, cell_types=["L5_pyramidal", "evdist1"], colors=["r", "b"], marker_size=3.0, show_legend=False
    ).axes
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [41.0, 42.0, 43.0, 44.0])
    assert [(line.get_color(), line.get_markersize()) for line in ax.lines] == [("r", 3.0), ("b", 3.0)]
    assert ax.get_legend() is None


def test_a_second_raster_in_the_same_axes_does_not_turn_them_over(response):
    _, ax = plt.subplots()
    plot_spikes_raster(response, trial_idx=0, ax=ax)
    plot_spikes_raster(response, trial_idx=1, ax=ax)
    assert ax.yaxis_inverted()


def test_dipoles_over_a_raster(response, dipoles):
    figure = plot_spikes_raster(response, dpl=dipoles, overlay_dipoles=True)
    ax, twin = figure.axes
    np.testing.assert_allclose(twin.lines[1].get_ydata(), (dipoles[0].data["L5"] + dipoles[1].data["L5"]) / 2)
    assert texts(ax.get_legend())[2:] == ["Layer 2/3 dipole", "Layer 5 dipole"]
    assert twin.get_ylabel() == "Dipole moment (nAm)"
    assert ax.get_zorder() > twin.get_zorder()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"overlay_dipoles": True}, InvalidValue, "dpl: None must be given to overlay dipoles"),
        ({"cell_types": ["L5_pyramidial"]}, UnknownName, "did you mean 'L5_pyramidal'"),
        ({"colors": ["r"]}, InvalidValue, r"len\(colors\): 1 must be 2"),
        ({"colors": {"L2_pyramidal": "r"}}, UnknownName, "'L2_pyramidal' is no name of what is drawn"),
        ({"trial_idx": 5}, InvalidValue, "trial_idx: 5 must be 0 to 1"),
        ({"trial_idx": 0.5}, InvalidType, "must be an integer"),
    ],
)
def test_wrong_arguments_of_a_raster(response, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_spikes_raster(response, **arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [plot_spikes_hist, plot_spikes_raster])
def test_a_network_that_was_not_simulated_has_nothing_to_plot(plot):
    with pytest.raises(InvalidType, match="after simulate_dipole"):
        plot(None)


def test_the_methods_of_a_response_plot_it(response):
    assert len(response.plot_spikes_raster(show=False).axes[0].lines) == 2
    assert len(response.plot_spikes_hist(trial_idx=[0], show=False).axes[0].patches) == 3
