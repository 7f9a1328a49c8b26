"""The network in space, coloured by voltage, still and as a film."""

from __future__ import annotations

import base64
import io
import os
import re

import attrs
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError, UnknownName
from hnnlib.editor.network import Network
from hnnlib.results.cell_response import CellResponse
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz import NetworkPlotter
from hnnlib.viz.movie import check_movie_path, frame_numbers
from hnnlib.viz.network import sections_of

SETTINGS = [
    ("vmin", -90.0),
    ("vmax", 30.0),
    ("bg_color", "white"),
    ("colorbar", False),
    ("elev", 30.0),
    ("azim", 45.0),
    ("xlim", (-100.0, 100.0)),
    ("ylim", (-100.0, 100.0)),
    ("zlim", (0.0, 500.0)),
    ("trial_idx", 1),
    ("time_idx", 2),
]


def test_before_a_run_sections_have_their_first_voltages(circuit):
    plotter = NetworkPlotter(Network.from_spec(circuit))
    assert plotter.vsec_array.shape == (159, 1)
    assert plotter.color_array.shape == (159, 1, 4)
    soma = circuit.populations["L5_pyramidal"].cell.sections["soma"]
    sections = sections_of(circuit)
    row = list(zip(sections.gid.tolist(), sections.names, strict=True)).index((15, "soma"))
    assert plotter.vsec_array[row, 0] == soma.v0
    assert plotter.cbar.ax.get_ylabel() == "Voltage (mV)"


def test_sections_have_the_colours_of_their_voltages(recorded, circuit):
    plotter = NetworkPlotter(recorded, time_idx=3, trial_idx=1)
    sections = sections_of(circuit)
    np.testing.assert_allclose(plotter.vsec_array[:, 3], -80 + sections.gid + 30 + 5)
    (lines,) = plotter.ax.collections
    np.testing.assert_array_equal(lines.get_array(), plotter.vsec_array[:, 3])
    np.testing.assert_array_equal(np.array(lines._segments3d), sections.ends_um)
    assert lines.get_clim() == (-100.0, 50.0)
    assert [t.get_text() for t in plotter.ax.texts] == ["1.50 ms"]
    expected = mpl.colormaps["viridis"]((plotter.vsec_array + 100) / 150)
    np.testing.assert_allclose(plotter.color_array, expected)
    plotter.update_section_voltages(0)
    np.testing.assert_array_equal(lines.get_array(), plotter.vsec_array[:, 0])


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_settings_can_be_changed(recorded, name, value):
    plotter = NetworkPlotter(recorded)
    setattr(plotter, name, value)
    assert getattr(plotter, name) == value
    drawn = {
        "vmin": lambda: plotter.ax.collections[0].get_clim()[0],
        "vmax": lambda: plotter.ax.collections[0].get_clim()[1],
        "bg_color": lambda: "white" if plotter.fig.get_facecolor() == (1.0, 1.0, 1.0, 1.0) else "else",
        "colorbar": lambda: plotter.cbar.ax.get_visible(),
        "elev": lambda: plotter.ax.elev,
        "azim": lambda: plotter.ax.azim,
        "xlim": lambda: plotter.ax.get_xlim(),
        "ylim": lambda: plotter.ax.get_ylim(),
        "zlim": lambda: plotter.ax.get_zlim(),
        "trial_idx": lambda: 1 if plotter.ax.collections[0].get_array()[0] == -75 else "else",
        "time_idx": lambda: 2 if plotter.ax.collections[0].get_array()[0] == -60 else "else",
    }
    assert drawn[name]() == value


@pytest.mark.parametrize(
    ("name", "value", "error", "says"),
    [
        ("vmin", "low", InvalidType, "must be a number in mV"),
        ("vmin", 60.0, InvalidValue, "must rise"),
        ("bg_color", "nocolour", InvalidValue, "is no colour"),
        ("voltage_colormap", "virids", UnknownName, "did you mean 'viridis'"),
        ("elev", None, InvalidType, "must be a number in degrees"),
        ("xlim", (1.0,), InvalidType, "must be two numbers"),
        ("zlim", (5.0, 1.0), InvalidValue, "must be rising"),
        ("trial_idx", 2, InvalidValue, "must be 0 to 1"),
        ("trial_idx", 0.5, InvalidType, "must be an integer"),
        ("time_idx", 5, InvalidValue, "must be 0 to 4"),
        ("colorbar", "yes", InvalidType, "must be True or False"),
    ],
)
def test_what_is_not_allowed_changes_nothing(recorded, name, value, error, says):
    plotter = NetworkPlotter(recorded)
    before, shown = getattr(plotter, name), plotter.ax.collections[0].get_array().copy()
    with pytest.raises(error, match=says):
        setattr(plotter, name, value)
    assert getattr(plotter, name) == before
    np.testing.assert_array_equal(plotter.ax.collections[0].get_array(), shown)


@pytest.mark.parametrize(("elev", "azim"), [(10, -500), (0, 0), (80, 30)])
def test_all_of_the_network_is_seen_and_fills_the_picture(circuit, elev, azim):
    from mpl_toolkits.mplot3d.proj3d import proj_transform

    plotter = NetworkPlotter(circuit, elev=elev, azim=azim, inplane_distance=300.0)
    plotter.fig.draw_without_rendering()
    ends = sections_of(circuit, 300.0).ends_um.reshape(-1, 3)
    page = np.transpose(proj_transform(*ends.T, plotter.ax.get_proj())[:2])
    shown = plotter.ax.transAxes.inverted().transform(plotter.ax.transData.transform(page))
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert np.abs(shown - 0.5).max() > 0.42


def test_voltages_of_some_sections_are_not_enough(recorded, circuit):
    traces = recorded.cell_response.recordings["vsec"]
    some = attrs.evolve(traces, gids=traces.gids[:5], sections=traces.sections[:5], data=traces.data[:, :5])
    response = CellResponse(["L2_basket"], [[], []], [[], []], [[], []], vsec=some)
    with pytest.raises(InvalidValue, match="record_vsec='all'"):
        NetworkPlotter(attrs.evolve(recorded, cell_response=response))
    with pytest.raises(InvalidType, match="three-dimensional"):
        NetworkPlotter(circuit, ax=plt.subplots()[1])


# ---------------------------------------------------------------------------------------------------------- films


@pytest.fixture
def plotter(recorded, circuit):
    """One basket cell whose voltage rises from -80 to -40 mV in 5 samples, in a figure of 6.4 by 4.8 inches."""
    one = attrs.evolve(circuit.populations["L2_basket"], place=AtPoints(points=((0.0, 0.0, 0.0),)))
    network = NetworkSpec(populations={"L2_basket": one})
    net = Network.from_spec(network)
    net._result = recorded
    return NetworkPlotter(net, bg_color="white")


def frames_of(path):
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB")).astype(int)


def test_a_film_as_gif(plotter, tmp_path):
    path = tmp_path / "film.gif"
    plotter.time_idx = 1
    figure_before = (plotter.fig.canvas, plotter.fig.dpi)
    plotter.export_movie(path, decim=2, dpi=40, fps=20)
    frames = list(frames_of(path))
    assert [f.shape for f in frames] == [(192, 256, 3)] * 3
    for sample, frame in zip((0, 2, 4), frames, strict=True):
        color = 255 * np.array(plotter.color_array[0, sample, :3])
        # the cell stands in the left part of the picture, the bar of colours in the right
        assert np.abs(frame[30:, :190] - color).max(axis=2).min() < 12
        assert (frame[0, 0] == 255).all()
    with Image.open(path) as film:
        assert (film.info["duration"], film.info["loop"]) == (50, 0)
    assert (plotter.fig.canvas, plotter.fig.dpi) == figure_before
    assert plotter.ax.texts[0].get_text() == "0.50 ms"  # as before the film


def test_a_film_as_page_with_a_player(plotter, tmp_path):
    path = tmp_path / "film.html"
    plotter.export_movie(path, decim=1, dpi=20, frame_start=1, frame_stop=4)
    text = path.read_text()
    pictures = re.findall(r'"data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 3
    first, *_, last = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(p.replace("\\\n", "")))).convert("RGB")) for p in pictures
    )
    assert first.shape == (96, 128, 3)
    assert (first != last).any()


def test_a_film_as_mp4(plotter, tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "film.mp4"
    plotter.export_movie(path, decim=1, dpi=40, interval=100)
    n_frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert n_frames == 5
    assert seconds == pytest.approx(0.5, abs=0.02)


def test_films_that_cannot_be_made(plotter, circuit, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"must end in \.gif, \.html or \.mp4"):
        plotter.export_movie(tmp_path / "film.avi")
    with pytest.raises(InvalidValue, match=r"doesn't write \.gif files, 'pillow' does"):
        plotter.export_movie(tmp_path / "film.gif", writer="ffmpeg")
    with pytest.raises(UnknownName, match="did you mean 'pillow'"):
        plotter.export_movie(tmp_path / "film.gif", writer="pilow")
    with pytest.raises(InvalidValue, match="decim: 0 must be >= 1"):
        plotter.export_movie(tmp_path / "film.gif", decim=0)
    with pytest.raises(InvalidValue, match="hold none of 5 samples"):
        plotter.export_movie(tmp_path / "film.gif", frame_start=5)
    with pytest.raises(InvalidValue, match="fps: 0 must be > 0"):
        plotter.export_movie(tmp_path / "film.gif", fps=0)
    with pytest.raises(InvalidValue, match="must be simulated"):
        NetworkPlotter(circuit).export_movie(tmp_path / "film.gif")
    monkeypatch.setattr("hnnlib.viz.movie._ffmpeg", lambda: None)
    with pytest.raises(OutputError, match="needs ffmpeg"):
        check_movie_path(tmp_path / "film.mp4", None)
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_film(plotter, tmp_path, monkeypatch):
    path = tmp_path / "film.gif"
    path.write_text("old")
    monkeypatch.setattr(type(plotter), "_show", lambda self, sample: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plotter.export_movie(path)
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["film.gif"])


def test_which_samples_become_frames():
    assert list(frame_numbers(100, 25, 0, None)) == [0, 25, 50, 75]
    assert list(frame_numbers(100, 10, 5, 30)) == [5, 15, 25]
    with pytest.raises(InvalidType, match=r"decim: 1\.5 must be an integer"):
        frame_numbers(100, 1.5, 0, None)
