"""What all figures share: style, showing, saving."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from hnnlib.base.errors import InvalidType, OutputError, OutputExists
from hnnlib.viz import check_figure_path, plot_dipole, save_figure
from hnnlib.viz.style import finish


def test_importing_viz_does_not_load_matplotlib():
    code = "import sys, hnnlib.viz; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_backend_without_windows_shows_nothing_and_warns_of_nothing(dipoles, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: shown.append(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_dipole(dipoles, show=True)
    assert shown == []


@pytest.mark.parametrize(("show", "times_shown"), [(True, 1), (False, 0)])
def test_a_backend_with_windows_shows_when_asked(monkeypatch, show, times_shown):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    figure = plt.figure()
    monkeypatch.setattr(type(figure.canvas), "required_interactive_framework", "qt", raising=False)
    assert finish(figure, show) is figure
    assert len(shown) == times_shown


def test_the_style_is_left_again(dipoles):
    before = mpl.rcParams.copy()
    (ax,) = plot_dipole(dipoles).axes
    assert mpl.rcParams == before
    assert not ax.spines["top"].get_visible()
    assert min(label.get_fontsize() for label in ax.get_xticklabels()) >= 9


@pytest.mark.parametrize(
    ("ending", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")]
)
def test_a_figure_is_saved_in_the_format_of_its_ending(dipoles, tmp_path, ending, magic):
    path = tmp_path / f"figure{ending}"
    save_figure(plot_dipole(dipoles), path)
    assert path.read_bytes().startswith(magic)
    assert os.listdir(tmp_path) == [path.name]


def test_an_existing_figure_can_be_kept(dipoles, tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")
    with pytest.raises(OutputExists):
        save_figure(plot_dipole(dipoles), path, overwrite=False)
    assert path.read_text() == "old"
    save_figure(plot_dipole(dipoles), path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is a folder"),
        ("figure", "has no ending; a figure's file must end in .*.pdf, .*.png"),
        ("figure.doc", "ends in '.doc'"),
        ("missing/figure.png", "does not exist"),
    ],
)
def test_where_a_figure_cannot_be_saved(dipoles, tmp_path, name, says):
    for attempt in (lambda p: save_figure(plot_dipole(dipoles), p), check_figure_path):
        with pytest.raises(OutputError, match=says):
            attempt(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_read_only_folder(dipoles, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="can't be written to"):
        save_figure(plot_dipole(dipoles), tmp_path / "figure.png")


def test_a_failure_while_drawing_leaves_the_old_file(dipoles, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_text("old")
    figure = plot_dipole(dipoles)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full)
    with pytest.raises(OutputError, match="No space left"):
        save_figure(figure, path)
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["figure.png"])


def test_a_path_must_be_one(dipoles):
    with pytest.raises(InvalidType, match="must be the path of a file"):
        save_figure(plot_dipole(dipoles), 3)
