"""Cells in space."""

from __future__ import annotations

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.models.columns import column
from hnnlib.spec.cells import CellSpec, SectionSpec
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import Electrodes, NetworkSpec, Population
from hnnlib.viz import plot_cell_morphology, plot_cells
from hnnlib.viz.colors import COLORS, population_colors


@pytest.fixture
def cell():
    sections = {
        "dend": SectionSpec(L=100.0, diam=2.0, parent="trunk", direction=(1.0, 0.0, 0.0)),
        "soma": SectionSpec(L=20.0, diam=10.0),
        "trunk": SectionSpec(L=50.0, diam=4.0, parent="soma"),
        "basal": SectionSpec(L=30.0, diam=3.0, parent="soma", parent_end=0, direction=(0.0, 0.0, -1.0)),
    }
    return CellSpec(sections=sections)


def points(collection):
    return np.column_stack(collection._offsets3d)


def lines_of(ax):
    return {line.get_label(): np.transpose(line.get_data_3d()) for line in ax.lines}


def test_somata_of_each_population():
    network = column((2, 3))
    figure = plot_cells(network)
    (ax,) = figure.axes
    shown = {c.get_label(): points(c) for c in ax.collections}
    assert {name: len(p) for name, p in shown.items()} == {k: network.gid_counts()[k] for k in network.populations}
    assert set(shown["L2_pyramidal"][:, 2]) == {network.grid.layer_separation}
    colors = {c.get_label(): to_rgb(c.get_facecolor()[0]) for c in ax.collections}
    assert colors == {name: to_rgb(p.color) for name, p in network.populations.items()}
    labels = [ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()]
    assert labels == ["x (µm)", "y (µm)", "z (µm)"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(network.populations)


def test_electrodes_are_shown_and_the_origin_of_drives_is_not():
    contacts = ((1.0, 1.0, 0.0), (1.0, 1.0, 100.0))
    network = attrs.evolve(column((2, 2)), electrodes={"shank": Electrodes(positions=contacts)}, origin=(9.0, 9.0, 9.0))
    (ax,) = plot_cells(network).axes
    np.testing.assert_array_equal(points(ax.collections[-1]), contacts)
    assert ax.collections[-1].get_label() == "shank (electrodes)"
    assert not any((points(c) == 9.0).all(axis=1).any() for c in ax.collections)


def test_cells_in_given_axes():
    figure = plt.figure()
    ax = figure.add_subplot(projection="3d")
    assert plot_cells(column((2, 2)), ax=ax, show=False) is figure
    assert len(ax.get_legend().get_texts()) == 4


def test_populations_without_colours_get_free_ones(cell):
    place = AtPoints(points=((0.0, 0.0, 0.0),))
    network = NetworkSpec(
        populations={
            "a": Population(cell=cell, place=place),
            "b": Population(cell=cell, place=place, color=COLORS[0]),
            "c": Population(cell=cell, place=place),
        }
    )
    assert population_colors(network) == {"a": COLORS[1], "b": COLORS[0], "c": COLORS[2]}


def test_what_is_no_network(cell):
    with pytest.raises(InvalidType, match="must be a Network, a NetworkSpec or a Result"):
        plot_cells(cell)
    with pytest.raises(InvalidType, match="three-dimensional"):
        plot_cells(column((2, 2)), ax=plt.subplots()[1])


def test_sections_hang_together(cell):
    ax = plot_cell_morphology(cell, pos=(5.0, 0.0, 10.0))
    shown = lines_of(ax)
    np.testing.assert_allclose(shown["soma"], [[5, 0, 10], [5, 0, 30]])
    np.testing.assert_allclose(shown["trunk"], [[5, 0, 30], [5, 0, 80]])
    np.testing.assert_allclose(shown["dend"], [[5, 0, 80], [105, 0, 80]])
    np.testing.assert_allclose(shown["basal"], [[5, 0, 10], [5, 0, -20]])


def test_lines_are_as_wide_as_sections_to_the_same_scale_as_their_lengths(cell):
    ax = plot_cell_morphology(cell)
    ax.figure.draw_without_rendering()
    widths = {line.get_label(): line.get_linewidth() for line in ax.lines}
    low, high = page(ax, "soma")
    points_per_um = np.linalg.norm(high - low) * 72 / ax.figure.dpi / 20.0
    assert {n: widths[n] for n in cell.sections} == pytest.approx(
        {n: s.diam * points_per_um for n, s in cell.sections.items()}, rel=1e-3
    )


def page(ax, name):
    """Ends of a section in pixels."""
    from mpl_toolkits.mplot3d.proj3d import proj_transform

    ends = [proj_transform(*end, ax.get_proj())[:2] for end in lines_of(ax)[name]]
    return ax.transData.transform(ends)


def test_thin_sections_widen_all_alike():
    sections = {"soma": SectionSpec(L=20.0, diam=20.0), "axon": SectionSpec(L=5000.0, diam=1.0, parent="soma")}
    ax = plot_cell_morphology(CellSpec(sections=sections))
    widths = {line.get_label(): line.get_linewidth() for line in ax.lines}
    assert widths["soma"] == pytest.approx(20 * widths["axon"])


def test_a_scale_bar_takes_the_place_of_axes(cell):
    ax = plot_cell_morphology(cell)
    (text,) = ax.texts
    bar = np.transpose(ax.lines[-1].get_data_3d())
    assert text.get_text().strip() == f"{bar[1, 2] - bar[0, 2]:g} µm"
    assert not ax.axison
    assert bar[0, 0] > 100.0  # beside the cell


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        (None, {"soma": "#0072B2", "dend": "#0072B2"}),
        ("r", {"soma": "r", "dend": "r"}),
        ({"soma": "r"}, {"soma": "r", "dend": "#0072B2"}),
    ],
)
def test_colours_of_sections(cell, color, expected):
    population = Population(cell=cell, color="#0072B2")
    shown = {line.get_label(): line.get_color() for line in plot_cell_morphology(population, color=color).lines}
    assert {name: shown[name] for name in expected} == expected


def test_an_entry_of_cell_types_is_a_cell(cell):
    entry = {"cell_object": cell, "cell_metadata": {"color": "#D55E00"}}
    assert plot_cell_morphology(entry).lines[0].get_color() == "#D55E00"
    assert plot_cell_morphology(cell).lines[0].get_color() == "k"


def test_several_cells_in_given_axes(cell):
    ax = plt.figure().add_subplot(projection="3d")
    for x in (0.0, 300.0):
        assert plot_cell_morphology(cell, ax=ax, pos=(x, 0.0, 0.0), show=False) is ax
    assert len(ax.lines) == 8
    assert [line.get_linewidth() for line in ax.lines if line.get_label() == "dend"] == [0.5, 0.5]
    assert ax.get_zlabel() == "z (µm)"


def test_limits(cell):
    ax = plot_cell_morphology(cell, zlim=(-100, 400))
    assert ax.get_zlim() == (-100, 400)
    ax = plot_cell_morphology(cell, ax=plt.figure().add_subplot(projection="3d"), xlim=(-250, 150))
    assert ax.get_xlim() == (-250, 150)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"color": {"tuft": "r"}}, UnknownName, "color: 'tuft'"),
        ({"pos": (1.0, 2.0)}, InvalidType, "pos"),
        ({"xlim": (3.0, 1.0)}, InvalidValue, "xlim"),
        ({"zlim": 3.0}, InvalidType, "zlim"),
    ],
)
def test_wrong_arguments_of_a_morphology(cell, arguments, error, says):
    with pytest.raises(error, match=says):
        plot_cell_morphology(cell, **arguments)
    assert plt.get_fignums() == []


def test_what_is_no_cell():
    with pytest.raises(InvalidType, match="must be a CellSpec"):
        plot_cell_morphology("L5_pyramidal")
