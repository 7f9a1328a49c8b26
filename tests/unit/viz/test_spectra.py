"""Dipoles over frequency, and over time and frequency."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hnnlib.analysis.spectra import psd, tfr_morlet
from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.dipole import Dipole
from hnnlib.viz import plot_psd, plot_tfr_morlet

FREQS = np.arange(20.0, 81.0, 2.0)


@pytest.fixture
def trials():
    """Two trials of 500 ms at 1 kHz: a sine at 40 Hz of 1 and of 2 nAm; layer 5 has one at 60 Hz."""
    t = np.arange(500.0)
    return [
        Dipole(t, {"agg": a * np.sin(2 * np.pi * 0.04 * t), "L5": a * np.sin(2 * np.pi * 0.06 * t)}) for a in (1.0, 2.0)
    ]


def test_the_spectrum_of_one_dipole(trials):
    (ax,) = plot_psd(trials[0], fmin=10, fmax=100, label="simulated").axes
    (line,) = ax.lines
    freqs, power = psd(trials[0].data["agg"], 1000.0, fmin=10, fmax=100)
    np.testing.assert_allclose(line.get_xydata(), np.column_stack([freqs, power]))
    assert line.get_xdata()[np.argmax(line.get_ydata())] == 40.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Frequency (Hz)", "Power density (nAm²/Hz)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["simulated"]
    assert ax.get_xlim() == (10.0, 100.0)


def test_the_spectrum_of_trials_is_their_mean_and_each_is_shown(trials):
    (ax,) = plot_psd(trials, layer="L5", color="r").axes
    one, two, mean = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(two, 4 * one)
    np.testing.assert_allclose(mean, 2.5 * one)
    assert ax.lines[2].get_xdata()[np.argmax(mean)] == 60.0
    assert {line.get_color() for line in ax.lines} == {"r"}
    assert ax.get_legend() is None


def test_the_axis_says_the_scale(trials):
    (ax,) = plot_psd(trials[0].scale(3000)).axes
    assert ax.get_ylabel() == "Power density ((nAm × 3000)²/Hz)"


def test_the_window_decides_how_fine_the_spectrum_is(trials):
    (ax,) = plot_psd(trials[0], tmin=100, tmax=199).axes
    assert np.diff(ax.lines[0].get_xdata())[0] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"fmin": 40.5, "fmax": 41.0}, "fewer than 2 values: the spectrum has one each 2 Hz"),
        ({"fmin": 50, "fmax": 40}, "fmax"),
        ({"tmin": 600}, "fewer than 2 samples"),
        ({"layer": "L4"}, "'L4' is no part of this dipole"),
    ],
)
def test_wrong_arguments_of_a_spectrum(trials, arguments, says):
    with pytest.raises(InvalidValue, match=says):
        plot_psd(trials, **arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [plot_psd, lambda dpl: plot_tfr_morlet(dpl, FREQS)])
def test_dipoles_that_do_not_fit_together(trials, plot):
    slow = Dipole(np.arange(0.0, 500.0, 2.0), np.zeros(250))
    with pytest.raises(InvalidValue, match=r"dpl\[1\].sfreq: 500.0 must be that of the first dipole, 1000 Hz"):
        plot([trials[0], slow])
    with pytest.raises(InvalidValue, match=r"len\(dpl\[1\].times\): 400 must be that of the first dipole, 500"):
        plot([trials[0], Dipole(np.arange(400.0), np.zeros(400))])
    with pytest.raises(InvalidValue, match=r"dpl\[1\].scale_applied"):
        plot([trials[0], trials[1].copy().scale(2)])
    assert plt.get_fignums() == []


def test_power_over_time_and_frequency_is_the_mean_of_trials(trials):
    figure = plot_tfr_morlet(trials, FREQS, n_cycles=5.0, tmin=100, tmax=400)
    ax = figure.axes[0]
    (image,) = ax.images
    expected = np.mean([tfr_morlet(d.data["agg"], 1000.0, FREQS, 5.0) for d in trials], axis=0)[:, 100:401]
    np.testing.assert_allclose(image.get_array(), expected)
    assert np.all(FREQS[np.argmax(expected, axis=0)] == 40.0)
    assert image.get_extent() == [99.5, 400.5, 19.0, 81.0]
    assert (ax.get_xlim(), ax.get_ylim()) == ((100.0, 400.0), (20.0, 80.0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Frequency (Hz)")
    assert ax.child_axes[0].get_ylabel() == "Power density (nAm²/Hz)"


def test_falling_frequencies_turn_the_axis_over(trials):
    ax = plot_tfr_morlet(trials[0], FREQS[::-1], colorbar=False).axes[0]
    assert ax.get_ylim() == (80.0, 20.0)
    expected = tfr_morlet(trials[0].data["agg"], 1000.0, FREQS)
    np.testing.assert_allclose(ax.images[0].get_array(), expected)
    assert ax.child_axes == []


def test_uneven_frequencies(trials):
    freqs = np.geomspace(10, 80, 12)
    (mesh,) = plot_tfr_morlet(trials[0], freqs).axes[0].collections
    np.testing.assert_allclose(mesh.get_array(), tfr_morlet(trials[0].data["agg"], 1000.0, freqs))


def test_what_hangs_on_padding_can_be_left_out(trials):
    image = plot_tfr_morlet(trials[0], FREQS, padding=None).axes[0].images[0].get_array()
    shown = ~np.ma.getmaskarray(image)
    for row, f in enumerate(FREQS):
        reach = 2 * 7.0 / (2 * np.pi * f) * 1000  # ms: two standard deviations
        assert np.flatnonzero(shown[row])[0] == np.ceil(reach)
    assert shown[-1].sum() > shown[0].sum()
    mirrored = plot_tfr_morlet(trials[0], FREQS, padding="mirror").axes[0].images[0].get_array()
    assert not np.ma.is_masked(mirrored)
    assert mirrored[10, 0] != pytest.approx(tfr_morlet(trials[0].data["agg"], 1000.0, FREQS)[10, 0])


def test_a_bar_inside_the_axes(trials):
    figure, ax = plt.subplots()
    plot_tfr_morlet(trials[0], FREQS, ax=ax, colorbar_inside=True, decim=2)
    (bar,) = ax.child_axes
    figure.draw_without_rendering()
    inner, outer = bar.get_window_extent(), ax.get_window_extent()
    assert outer.x0 < inner.x0 < inner.x1 < outer.x1
    assert bar.yaxis.get_ticks_position() == "left"
    assert ax.images[0].get_array().shape == (FREQS.size, 250)


@pytest.mark.parametrize(
    ("freqs", "arguments", "error", "says"),
    [
        (FREQS, {"padding": "reflect"}, UnknownName, r"has zeros, mirror, None"),
        ([40.0], {}, InvalidValue, "at least 2, all rising or all falling"),
        ([40.0, 20.0, 30.0], {}, InvalidValue, "all rising or all falling"),
        ([20.0, 600.0], {}, InvalidValue, "half the sampling rate"),
        (FREQS, {"n_cycles": -1.0}, InvalidValue, "n_cycles"),
        (FREQS, {"colormap": "infrno"}, UnknownName, "did you mean 'inferno'"),
    ],
)
def test_wrong_arguments_of_a_transform(trials, freqs, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_tfr_morlet(trials, freqs, **arguments)
    assert plt.get_fignums() == []


def test_the_methods_of_a_dipole_plot_its_spectra(trials):
    assert len(trials[0].plot_psd(fmax=100, show=False).axes[0].lines) == 1
    assert len(trials[0].plot_tfr_morlet(FREQS, n_cycles=3.0, show=False).axes[0].images) == 1
