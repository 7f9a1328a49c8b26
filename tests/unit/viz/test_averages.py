"""Grand averages with bands, and simulated dipoles over recorded ones."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole
from hnnlib.viz import plot_comparison, plot_grand_average


@pytest.fixture
def trials(times):
    heights = np.array([1.0, 2.0, 3.0, 6.0])
    wave = np.sin(times / 10)
    return [Dipole(times, {"agg": h * wave, "L5": 2 * h * wave}) for h in heights]


def edges(ax):
    """Lower and upper edge of the band at each time."""
    (band,) = ax.collections
    (path,) = band.get_paths()
    x, y = path.vertices.T
    ends = {t: (y[x == t].min(), y[x == t].max()) for t in np.unique(x)}
    return np.array(list(ends)), np.transpose(list(ends.values()))


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("band", "low", "high", "name"),
    [
        ("range", 1.0, 6.0, "least to greatest"),
        ("sd", 3 - np.sqrt(14 / 3), 3 + np.sqrt(14 / 3), "± standard deviation"),
        ("sem", 3 - np.sqrt(14 / 3) / 2, 3 + np.sqrt(14 / 3) / 2, "± standard error"),
        (
            "ci",
            *stats.t.interval(0.95, 3, loc=3, scale=np.sqrt(14 / 3) / 2),
            "95 % confidence",
        ),
    ],
)
def test_bands(trials, times, band, low, high, name):
    (ax,) = plot_grand_average(trials, band=band).axes
    x, (lower, upper) = edges(ax)
    wave = np.sin(times / 10)
    np.testing.assert_array_equal(x, times)
    np.testing.assert_allclose(lower, np.minimum(low * wave, high * wave), atol=1e-12)
    np.testing.assert_allclose(upper, np.maximum(low * wave, high * wave), atol=1e-12)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 3 * wave, atol=1e-12)
    assert texts(ax) == [name, "mean (n = 4)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Dipole moment (nAm)")


def test_layers_window_and_level(trials):
    before = copy.deepcopy(trials)
    figure = plot_grand_average(trials, tmin=20, tmax=60, layer=["L5", "agg"], level=0.8, color="r", label="rest")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Layer 5", "All layers"]
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 2 * figure.axes[1].lines[0].get_ydata())
    assert figure.axes[0].get_xlim() == (20.0, 60.0)
    assert texts(figure.axes[0]) == ["80 % confidence", "rest (n = 4)"]
    assert figure.axes[1].get_legend() is None
    assert figure.axes[0].lines[0].get_color() == "r"
    assert trials == before


def test_given_axes_keep_their_legend(trials):
    figure, ax = plt.subplots()
    assert plot_grand_average(trials, ax=ax) is figure
    assert len(texts(ax)) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"band": "cl"}, UnknownName, r"'cl' is no band \(has ci, sem, sd, range\)"),
        ({"level": 95}, InvalidValue, "between 0 and 1"),
        ({"layer": "L2"}, UnknownName, "'L2' is no part"),
    ],
)
def test_wrong_arguments_of_an_average(trials, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_grand_average(trials, **arguments)
    assert plt.get_fignums() == []


def test_one_dipole_has_no_band(trials):
    with pytest.raises(InvalidValue, match="at least 2"):
        plot_grand_average(trials[:1])
    trials[1].scale(3000)
    with pytest.raises(InvalidValue, match="scale_applied"):
        plot_grand_average(trials)


@pytest.fixture
def recorded_dipole():
    """Once a ms from -50 to 49 ms: the mean trial 50 ms earlier, and 1 nAm more."""
    t = np.arange(-50.0, 50.0)
    return Dipole(t, 3 * np.sin((t + 50) / 10) + 1)


def test_a_simulated_dipole_over_a_recorded_one(trials, recorded_dipole):
    (ax,) = plot_comparison(trials, recorded_dipole, shift=-50.0).axes
    drawn = {line.get_label(): line for line in ax.lines}
    t, x = drawn["recorded"].get_data()
    np.testing.assert_array_equal(x, recorded_dipole.data["agg"])
    t, x = drawn["simulated (mean of 4)"].get_data()
    np.testing.assert_allclose(x, 3 * np.sin((t + 50) / 10), atol=1e-12)
    # the zero line, both, and each trial
    assert len(ax.lines) == 1 + 2 + 4
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Dipole moment (nAm)")
    assert ax.get_xlim() == (-50.0, 49.0)


def test_how_well_the_two_agree(trials, times):
    less = Dipole(times, trials[1].data["agg"] - 1)
    (ax,) = plot_comparison(trials[1], less).axes
    assert ax.get_title(loc="left") == "RMSE 1 nAm, r = 1.00"
    opposite = Dipole(times, -trials[1].data["agg"])
    assert plot_comparison(trials[1], opposite).axes[0].get_title(loc="left").endswith("r = −1.00")


def test_the_window_is_what_both_cover(trials, recorded_dipole):
    (ax,) = plot_comparison(trials[0], recorded_dipole, tmax=30, labels=("model", "MEG"), show_fit=False).axes
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    assert [(drawn[n][0], drawn[n][-1]) for n in ("model", "MEG")] == [(0.0, 30.0)] * 2
    assert ax.get_title(loc="left") == ""


def test_wrong_arguments_of_a_comparison(trials, recorded_dipole):
    with pytest.raises(InvalidValue, match="fewer than 2 samples; the recorded dipole is from -50 to 49 ms"):
        plot_comparison(trials, recorded_dipole, shift=200.0)
    with pytest.raises(InvalidType, match=r"recorded\[0\]: 'meg.txt' must be a Dipole"):
        plot_comparison(trials, "meg.txt")
    with pytest.raises(UnknownName, match="'L2'"):
        plot_comparison(trials, recorded_dipole, layer="L2")
    assert plt.get_fignums() == []
