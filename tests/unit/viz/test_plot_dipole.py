"""`plot_dipole`."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole
from hnnlib.viz import plot_dipole


def test_a_dipole_is_one_line_with_units(dipoles):
    (ax,) = plot_dipole(dipoles[0]).axes
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([dipoles[0].times, dipoles[0].data["agg"]]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Dipole moment (nAm)")
    assert ax.get_legend() is None
    assert ax.get_xlim() == (0.0, 100.0)


def test_the_axis_says_the_scale(dipoles):
    (ax,) = plot_dipole(dipoles[0].copy().scale(3000)).axes
    assert ax.get_ylabel() == "Dipole moment (nAm × 3000)"


def test_one_panel_for_each_layer(dipoles):
    axes = plot_dipole(dipoles, layer=["L2", "L5", "agg"]).axes
    assert [ax.get_title(loc="left") for ax in axes] == ["Layer 2/3", "Layer 5", "All layers"]
    assert [len(ax.lines) for ax in axes] == [2, 2, 2]
    np.testing.assert_array_equal(axes[1].lines[1].get_ydata(), dipoles[1].data["L5"])
    assert [ax.get_xlabel() for ax in axes] == ["", "", "Time (ms)"]


def test_the_average_is_thick_and_the_list_stays_as_it_was(dipoles):
    before = copy.deepcopy(dipoles)
    for _ in range(2):
        (ax,) = plot_dipole(dipoles, average=True, label="simulated", color="tab:blue").axes
        trial, _, mean = ax.lines
        np.testing.assert_allclose(mean.get_ydata(), (dipoles[0].data["agg"] + dipoles[1].data["agg"]) / 2, rtol=1e-12)
        assert mean.get_linewidth() > 2 * trial.get_linewidth()
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["simulated"]
        assert mean.get_color() == "tab:blue"
    assert dipoles == before


def test_a_label_of_one_line_is_in_the_legend(dipoles):
    figure, ax = plt.subplots()
    assert plot_dipole(dipoles[0], ax=ax, color="k", label="recorded") is figure
    plot_dipole(dipoles, ax=ax, average=True, color="r", label="simulated")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["recorded", "simulated"]


def test_window_and_decimation(dipoles):
    (ax,) = plot_dipole(dipoles[0], tmin=20, tmax=80, decim=[2, 2]).axes
    t, x = ax.lines[0].get_data()
    np.testing.assert_allclose(t, np.arange(20, 81), atol=1e-9)
    # Its band is far below the filter's: what is left out is between the samples.
    np.testing.assert_allclose(x, dipoles[0].data["agg"][80:321:4], atol=2e-5)
    assert dipoles[0].times.size == 401


def test_axes_that_are_given_are_used(dipoles):
    figure, axes = plt.subplots(1, 2)
    assert plot_dipole(dipoles, ax=axes, layer=["L2", "L5"]) is figure
    assert [len(ax.lines) for ax in axes] == [2, 2]


def test_axes_in_a_part_of_a_figure(dipoles):
    figure = plt.figure()
    ax = figure.subfigures(1, 2)[0].subplots()
    assert plot_dipole(dipoles[0], ax=ax) is figure


def test_the_methods_of_a_dipole_plot_it(dipoles):
    figure = dipoles[0].plot(layer="L5", show=False)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), dipoles[0].data["L5"])


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"layer": "L4"}, UnknownName, r"layer: 'L4' is no part of this dipole \(has agg, L2, L5\)"),
        ({"layer": []}, InvalidValue, "must name at least one part"),
        ({"tmin": 200}, InvalidValue, "the dipole is from 0 to 100 ms"),
        ({"tmin": 60, "tmax": 50}, InvalidValue, "fewer than 2 samples"),
        ({"tmin": "early"}, InvalidType, "tmin: 'early' must be a number in ms"),
        ({"decim": 0}, InvalidValue, "decim: 0 must be >= 1"),
        ({"decim": 2.5}, InvalidType, "decim: 2.5 must be an integer"),
        ({"color": "no colour"}, InvalidValue, "color: 'no colour' is no colour"),
        ({"ax": 3}, InvalidType, "ax: 3 must be matplotlib axes"),
    ],
)
def test_wrong_arguments(dipoles, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_dipole(dipoles, **arguments)
    assert plt.get_fignums() == []


def test_dipoles_of_different_scale(dipoles):
    dipoles[1].scale(3000)
    with pytest.raises(InvalidValue, match=r"dpl\[1\].scale_applied: 3000.0 must be that of the first dipole, 1"):
        plot_dipole(dipoles)


@pytest.mark.parametrize(
    ("dpl", "says"), [([], "at least one"), ([1.0], r"dpl\[0\]: 1.0"), ("dpl.txt", "list of them")]
)
def test_what_is_no_dipole(dpl, says):
    with pytest.raises(InvalidValue, match=says):
        plot_dipole(dpl)


def test_numbers_of_axes_and_layers_must_agree(dipoles):
    _, axes = plt.subplots(1, 3)
    with pytest.raises(InvalidValue, match=r"len\(ax\): 3 must be 2, one for each of L2, L5"):
        plot_dipole(dipoles, ax=axes, layer=["L2", "L5"])


def test_decimation_leaves_at_least_two_samples():
    short = Dipole([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    with pytest.raises(InvalidValue, match="fewer than 2 samples"):
        plot_dipole(short, decim=3)


def test_decimation_keeps_the_size_of_a_constant(times):
    (ax,) = plot_dipole(Dipole(times, np.full(times.size, 3.0)), decim=4).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 3.0, rtol=1e-9)
