"""Potentials and sources over depth."""

from __future__ import annotations

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result
from hnnlib.viz import plot_laminar, plot_laminar_csd, plot_laminar_lfp

Z = [0.0, 100.0, 200.0, 300.0, 400.0]


@pytest.fixture
def recording(times):
    """Five contacts from z = 0 to 400 µm, two trials; contact k has a sine of 10 k µV, trial 1 half of that."""
    wave = np.sin(times / 5)
    voltages = np.array([[10.0 * k * wave for k in range(5)], [5.0 * k * wave for k in range(5)]])
    return ElectrodeRecording(
        positions=[(0.0, 0.0, z) for z in Z],
        conductivity=0.3,
        method="psa",
        min_distance=0.5,
        times=times,
        voltages=voltages,
    )


def traces(ax):
    """Label -> values over time of the first trace with that label."""
    return {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_traces_stand_above_each_other(recording):
    (ax,) = plot_laminar_lfp(recording.times, recording.voltages[0], Z, voltage_offset=50, voltage_scalebar=20).axes
    for k, values in enumerate(traces(ax).values()):
        np.testing.assert_allclose(values, recording.voltages[0, k] + 50 * k)
    assert list(ax.get_yticks()) == [0, 50, 100, 150, 200]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "100", "200", "300", "400"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "z (µm)")
    assert ax.get_xlim() == (0.0, 100.0)
    bar = ax.lines[-1].get_ydata()
    assert (bar[1] - bar[0], ax.texts[0].get_text()) == (20.0, "20 µV")


def test_contacts_from_top_to_bottom_are_drawn_so(recording):
    (ax,) = plot_laminar_lfp(recording.times, recording.voltages[0, ::-1], Z[::-1], voltage_offset=50).axes
    shown = traces(ax)
    assert shown["400"].mean() > shown["0"].mean()
    np.testing.assert_allclose(shown["0"], 0.0)


def test_the_offset_keeps_ordinary_traces_apart(recording):
    (ax,) = plot_laminar_lfp(recording.times, recording.voltages[0], Z).axes
    steps = np.diff(ax.get_yticks())
    # three of four traces have a range of at most 60 µV
    assert steps.min() == steps.max() == 20.0
    assert ax.texts[0].get_text() == "20 µV"


def test_without_offset_the_axis_is_one_of_potential(recording):
    (ax,) = plot_laminar_lfp(recording.times, recording.voltages, Z, voltage_offset=None, color="k").axes
    assert ax.get_ylabel() == "Potential (µV)"
    assert len(ax.texts) == 0
    assert len(ax.lines) == 10
    np.testing.assert_allclose(traces(ax)["400"], recording.voltages[0, 4])
    assert {line.get_color() for line in ax.lines} == {"k"}


def test_colours_window_and_decimation(recording):
    named = list("rgbck")
    (ax,) = plot_laminar_lfp(
        recording.times, recording.voltages[0], [f"c{k}" for k in range(5)], 20, 40, decim=4, color=named
    ).axes
    assert [line.get_color() for line in ax.lines[:5]] == named
    np.testing.assert_allclose(ax.lines[1].get_xdata(), np.arange(20, 41))
    assert ax.get_ylabel() == "Contact"
    (ax,) = plot_laminar_lfp(recording.times, recording.voltages[0], Z).axes
    assert len({tuple(line.get_color()) for line in ax.lines[:5]}) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"data": np.zeros((4, 401))}, InvalidValue, r"data.shape: \(4, 401\) must be \(5, 401\)"),
        ({"data": "lfp"}, InvalidType, "must be an array of numbers"),
        ({"color": ["r"]}, InvalidValue, r"len\(color\): 1 must be 5"),
        ({"color": "no"}, InvalidValue, "'no' is no colour"),
        ({"voltage_offset": -1}, InvalidValue, "must be > 0 µV"),
        ({"tmin": 99.9}, InvalidValue, "the recording is from 0 to 100 ms"),
        ({"decim": 0}, InvalidValue, "must be >= 1"),
    ],
)
def test_wrong_arguments_of_potentials(recording, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_laminar_lfp(**{"times": recording.times, "data": recording.voltages, "contact_labels": Z, **arguments})
    assert plt.get_fignums() == []


def test_sources_over_time_and_depth(times):
    density = np.outer([0.0, -2.0, 0.0, 1.0], np.ones(times.size))
    figure = plot_laminar_csd(times, density, Z[:4], interpolation=None)
    ax = figure.axes[0]
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), density)
    assert image.get_extent() == [0.0, 100.0, -0.5, 3.5]
    assert image.get_clim() == (-2.0, 2.0)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "100", "200", "300"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "z (µm)")
    assert figure.axes[0].child_axes[0].get_ylabel() == "CSD (µV/µm²)"


@pytest.mark.parametrize(("sink", "rgb"), [("b", 2), ("r", 0)])
def test_the_colour_of_sinks(times, sink, rgb):
    density = np.outer([0.0, -2.0, 0.0, 1.0], np.ones(times.size))
    image = plot_laminar_csd(times, density, Z[:4], sink=sink, colorbar=False).axes[0].images[0]
    strongest = image.cmap(image.norm(-2.0))
    assert np.argmax(strongest[:3]) == rgb


def test_a_spline_goes_through_the_contacts(times):
    density = np.outer([0.0, -2.0, 3.0, 1.0], np.linspace(1, 2, times.size))
    (image,) = plot_laminar_csd(times, density, Z[:4]).axes[0].images
    fine = np.asarray(image.get_array())
    centres = np.linspace(-0.5, 3.5, fine.shape[0] + 1)
    centres = (centres[1:] + centres[:-1]) / 2
    for column in (0, 200, 400):
        inner = np.interp([1, 2], centres, fine[:, column])
        np.testing.assert_allclose(inner, density[1:3, column], atol=0.01)
    # half a contact beyond the outermost it is as there
    np.testing.assert_allclose(fine[[0, -1]], density[[0, -1]], atol=1e-12)


def test_depths_from_top_to_bottom_turn_the_axis(times):
    (ax,) = plot_laminar_csd(times, np.zeros((4, times.size)), Z[:4][::-1], colorbar=False).axes
    assert ax.yaxis_inverted()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"sink": "blue"}, UnknownName, "'blue' is no colour of sinks"),
        ({"interpolation": "splin"}, UnknownName, "did you mean 'spline"),
        ({"vmin": 1.0, "vmax": -1.0}, InvalidValue, "must rise"),
    ],
)
def test_wrong_arguments_of_sources(times, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_laminar_csd(times, np.ones((4, times.size)), Z[:4], **arguments)
    assert plt.get_fignums() == []


def test_the_methods_of_a_recording_plot_it(recording):
    (ax,) = recording.plot_lfp(trial_no=1, contact_no=[1, 3], voltage_offset=None, show=False).axes
    assert list(traces(ax)) == ["100", "300"]
    np.testing.assert_allclose(traces(ax)["300"], recording.voltages[1, 3])
    assert len(recording.plot_lfp(show=False, voltage_scalebar=None).axes[0].lines) == 10
    image = recording.plot_csd(interpolation=None, trial_no=1, sink="r", vmax=3.0, show=False).axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), recording.csd()[1])
    assert image.get_clim()[1] == 3.0
    with pytest.raises(InvalidValue, match="trial_no: 2 must be 0 to 1"):
        recording.plot_lfp(trial_no=2)
    with pytest.raises(InvalidType, match="contact_no"):
        recording.plot_lfp(contact_no="tip")


@pytest.fixture
def result(dipoles, response, recording):
    return Result(dipoles=dipoles, cell_response=response, potentials={"shank": recording})


def test_one_panel_below_the_other(result, recording, circuit):
    figure = plot_laminar(result, trial_idx=1, tmin=10, tmax=60)
    lfp, csd, raster = figure.axes[:3]
    assert [ax.get_title(loc="left") for ax in (lfp, csd, raster)] == ["Potentials", "Sinks and sources", "Spikes"]
    assert {ax.get_xlim() for ax in (lfp, csd, raster)} == {(10.0, 60.0)}
    assert [ax.get_xlabel() for ax in (lfp, csd, raster)] == ["", "", "Time (ms)"]
    np.testing.assert_allclose(traces(lfp)["0"], 0.0)
    assert csd.images[0].get_extent()[:2] == [10.0, 60.0]
    np.testing.assert_array_equal(raster.lines[1].get_xdata(), [43.0, 44.0])
    figure.draw_without_rendering()
    widths = {round(ax.get_window_extent().width) for ax in (lfp, csd, raster)}
    assert len(widths) == 1  # the bar of colours takes nothing from its axes
    named = attrs.evolve(result, provenance={"network": to_plain(circuit)})
    colors = {line.get_label(): line.get_color() for line in plot_laminar(named).axes[2].lines}
    assert to_rgb(colors["L5_pyramidal"]) == to_rgb(circuit.populations["L5_pyramidal"].color)


def test_which_array_is_meant(result, recording):
    with pytest.raises(UnknownName, match="did you mean 'shank'"):
        plot_laminar(result, "shnk")
    two = attrs.evolve(result, potentials={"a": recording, "b": recording})
    with pytest.raises(InvalidValue, match=r"one of the electrode arrays \(a, b\)"):
        plot_laminar(two)
    with pytest.raises(InvalidValue, match="there is none"):
        plot_laminar(attrs.evolve(result, potentials={}))
    with pytest.raises(InvalidValue, match="trial_idx: 2"):
        plot_laminar(result, trial_idx=2)
    with pytest.raises(InvalidType, match="must be a Result"):
        plot_laminar(recording)
    assert plt.get_fignums() == []
