"""The figure of a whole result."""

from __future__ import annotations

import copy

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError
from hnnlib.base.schema import to_plain
from hnnlib.models.columns import column
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz import plot_result
from hnnlib.viz.summary import _spread


@pytest.fixture
def network():
    whole = column((3, 1))
    return attrs.evolve(whole, populations={n: whole.populations[n] for n in ("L2_basket", "L5_pyramidal")})


@pytest.fixture
def result(dipoles, response, network):
    return Result(dipoles=dipoles, cell_response=response, provenance={"network": to_plain(network)})


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_panels_from_drives_to_spikes(result):
    figure = plot_result(result)
    assert titles(figure) == ["Drives (all trials)", "Current dipole", "Layers (average)", "Spikes (trial 0)"]
    assert {ax.get_xlim() for ax in figure.axes} == {(0.0, 100.0)}
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "", "Time (ms)"]
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["Spikes per 2 ms", "Dipole moment (nAm)", "Moment (nAm)", ""]
    assert figure.get_suptitle() == "4 cells · 2 trials"


def test_trials_average_and_peaks_of_the_scaled_dipole(result, dipoles):
    before = copy.deepcopy(dipoles)
    ax = plot_result(result, scale=1000).axes[1]
    mean = next(line for line in ax.lines if line.get_label() == "average")
    np.testing.assert_allclose(mean.get_ydata(), 500 * (dipoles[0].data["agg"] + dipoles[1].data["agg"]), rtol=1e-12)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 1000 * dipoles[0].data["agg"], rtol=1e-12)
    assert [text.get_text() for text in ax.texts] == ["40 ms, −30 nAm", "70 ms, 30 nAm"]
    # Names of peaks stand beyond the larger trial, which reaches 40.
    assert [text.xy for text in ax.texts] == [(40.0, pytest.approx(-40, rel=1e-3)), (70.0, pytest.approx(40, rel=1e-3))]
    assert ax.get_ylabel() == "Dipole moment (nAm × 1000)"
    assert list(result.dipoles) == before


def test_smoothing_is_done_before_scaling_and_named(result, dipoles):
    figure = plot_result(result, scale=1000, smooth=20)
    expected = dipoles[0].copy().smooth(20).scale(1000)
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), expected.data["agg"], rtol=1e-12)
    assert figure.get_suptitle() == "4 cells · 2 trials · smoothed over 20 ms"
    assert plot_result(result, title="Evoked").get_suptitle() == "Evoked"


def test_layers_have_the_colour_of_their_measured_cells(result, network):
    ax = plot_result(result).axes[2]
    colors = {line.get_label(): line.get_color() for line in ax.lines}
    assert colors["Layer 5"] == network.populations["L5_pyramidal"].color


def test_spikes_are_named_by_population(result, network):
    ax = plot_result(result).axes[3]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["L2_basket\n1 cell", "L5_pyramidal\n3 cells"]
    assert list(ax.get_yticks()) == [0.0, 2.0]
    assert [text.get_color() for text in ax.get_yticklabels()] == [p.color for p in network.populations.values()]
    assert ax.get_ylim() == (3.5, -0.5)


def test_one_trial_without_network_drives_or_layers(times, dipoles):
    cells = CellResponse(["a"], [[10.0]], [[0]], [["a"]], times)
    aggregate = type(dipoles[0])(times, dipoles[0].data["agg"])
    figure = plot_result(Result(dipoles=[aggregate], cell_response=cells))
    assert titles(figure) == ["Current dipole", "Spikes"]
    assert figure.get_suptitle() == "1 trial"
    assert figure.axes[0].get_legend() is None


def test_spikes_alone(response):
    assert titles(plot_result(Result(dipoles=[], cell_response=response))) == [
        "Drives (all trials)",
        "Spikes (trial 0)",
    ]


def test_a_network_of_another_version_is_done_without(dipoles, response):
    result = Result(dipoles=dipoles, cell_response=response, provenance={"network": {"cells": 3}})
    assert plot_result(result).axes[3].get_ylabel() == "Cell (gid)"


def test_a_flat_dipole_has_no_peaks(times, response):
    flat = [Dipole(times, np.zeros(times.size))] * 2
    assert len(plot_result(Result(dipoles=flat, cell_response=response)).axes[1].texts) == 0


def test_the_figure_is_saved(result, tmp_path):
    plot_result(result, path=tmp_path / "result.png")
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def overlaps(artists, figure):
    figure.draw_without_rendering()
    boxes = [artist.get_window_extent() for artist in artists]
    return [(i, j) for j, b in enumerate(boxes) for i, a in enumerate(boxes[:j]) if a.overlaps(b)]


@pytest.fixture
def crowded(times):
    """A noisy dipole, nine drives with long names, and populations of one cell, one of them silent."""
    kinds = [f"population_{i}" for i in range(6)]
    whole = column((5, 5)).populations["L2_basket"]
    network = NetworkSpec(
        populations={
            name: attrs.evolve(whole, place=AtPoints(points=((0.0, 0.0, 0.0),) * (1 if i else 60)))
            for i, name in enumerate(kinds)
        }
    )
    drives = [f"background_noise_{i}" for i in range(9)]
    spikes = CellResponse(
        kinds, [np.arange(14.0)], [[*range(60, 65), *range(65, 74)]], [[*kinds[:5], *drives]], times=times
    )
    wave = np.sin(times) + 0.01 * times
    dipole = Dipole(times, {"agg": wave, "L2": wave / 3, "L5": wave})
    return Result(dipoles=[dipole], cell_response=spikes, provenance={"network": to_plain(network)})


def test_names_do_not_overlap_in_a_crowded_figure(crowded):
    figure = plot_result(crowded)
    drives, dipole, _, spikes = figure.axes
    legend = drives.get_legend()
    assert len(dipole.texts) > 2
    assert overlaps(dipole.texts, figure) == []
    assert overlaps(spikes.get_yticklabels(), figure) == []
    assert overlaps([legend, drives._left_title, *figure.texts], figure) == []
    width = figure.bbox.width
    assert legend.get_window_extent().x0 > 0
    assert drives.get_window_extent().width > 0.7 * width


def test_the_layout_is_the_same_however_often_it_is_drawn(crowded):
    figure = plot_result(crowded)
    figure.draw_without_rendering()
    before = [ax.get_position().bounds for ax in figure.axes]
    figure.draw_without_rendering()
    np.testing.assert_allclose([ax.get_position().bounds for ax in figure.axes], before, atol=1e-4)


def test_places_move_apart_no_more_than_needed():
    np.testing.assert_allclose(_spread(np.array([0.0, 5.0, 9.0, 9.5, 10.0]), 1.0), [0.0, 5.0, 8.0, 9.0, 10.0])
    np.testing.assert_allclose(_spread(np.array([2.0, 4.0]), 1.0), [2.0, 4.0])


def test_errors(result, tmp_path):
    with pytest.raises(InvalidType, match="must be a Result"):
        plot_result(result.cell_response)
    with pytest.raises(InvalidValue, match="factor"):
        plot_result(result, scale=float("nan"))
    with pytest.raises(InvalidValue, match="window_len"):
        plot_result(result, smooth=1000)
    with pytest.raises(InvalidValue, match="neither dipoles nor spikes"):
        plot_result(Result(dipoles=[], cell_response=CellResponse(["a"], [[]], [[]], [[]])))
    with pytest.raises(OutputError, match=r"\.doc"):
        plot_result(result, path=tmp_path / "result.doc")
    assert plt.get_fignums() == []
