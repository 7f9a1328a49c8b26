"""Voltage along a cell, as a picture and as a film."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError
from hnnlib.editor.network import Network
from hnnlib.viz import export_cell_movie, plot_cell_voltage


def test_sections_from_base_to_tuft(recorded):
    figure = plot_cell_voltage(recorded, 16, trial_idx=1)
    ax = figure.axes[0]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [
        "basal_2, 212 µm",
        "basal_3, 212 µm",
        "basal_1, 42 µm",
        "soma, 20 µm",
        "apical_trunk, 90 µm",
        "apical_oblique, 268 µm",
        "apical_1, 481 µm",
        "apical_2, 1161 µm",
        "apical_tuft, 1714 µm",
    ]
    (image,) = ax.images
    expected = np.tile(-80 + 16 + 10.0 * np.arange(5) + 5, (9, 1))
    np.testing.assert_array_equal(image.get_array(), expected)
    assert image.get_clim() == (-100.0, 50.0)
    assert ax.get_title(loc="left") == "L5_pyramidal, gid 16"
    assert (ax.get_xlabel(), ax.child_axes[0].get_ylabel()) == ("Time (ms)", "Voltage (mV)")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_window_and_axes(recorded):
    figure, ax = plt.subplots()
    assert plot_cell_voltage(recorded, 0, tmin=0.5, tmax=1.5, ax=ax, colorbar=False) is figure
    assert ax.images[0].get_extent() == [0.5, 1.5, -0.5, 0.5]
    np.testing.assert_array_equal(ax.images[0].get_array(), [[-70.0, -60.0, -50.0]])


def test_a_film_of_one_cell(recorded, tmp_path):
    path = tmp_path / "cell.gif"
    export_cell_movie(recorded, 16, path, decim=1, dpi=30)
    assert plt.get_fignums() == []
    with Image.open(path) as film:
        assert (film.n_frames, film.size) == (5, (270, 150))
        pictures = []
        for k in range(5):
            film.seek(k)
            pictures.append(np.asarray(film.convert("RGB")).astype(int))
    left = [p[:, :80] for p in pictures]  # the branches, whose colour changes
    assert all((a != b).any() for a, b in itertools.pairwise(left))


def test_what_cannot_be_shown(recorded, circuit, tmp_path):
    with pytest.raises(InvalidValue, match="gid: 24 is no cell of the network: must be 0 to 23"):
        plot_cell_voltage(recorded, 24)
    with pytest.raises(InvalidType, match=r"gid: 1\.5 must be an integer"):
        plot_cell_voltage(recorded, 1.5)
    with pytest.raises(InvalidValue, match="trial_idx: 2 must be 0 to 1"):
        plot_cell_voltage(recorded, 0, trial_idx=2)
    with pytest.raises(InvalidValue, match="must be simulated"):
        plot_cell_voltage(Network.from_spec(circuit), 0)
    with pytest.raises(OutputError, match="must end in"):
        export_cell_movie(recorded, 0, tmp_path / "cell.png")
    assert plt.get_fignums() == []
