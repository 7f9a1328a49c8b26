"""Connections: cell by cell, population by population, and as a graph; with the weights that are simulated."""

from __future__ import annotations

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.editor.network import Network
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result
from hnnlib.spec.run import RunSpec
from hnnlib.viz import (
    plot_cell_connectivity,
    plot_connectivity_graph,
    plot_connectivity_matrix,
    plot_drive_strength,
    plot_population_matrix,
)
from hnnlib.viz.circuit import strengths
from hnnlib.viz.colors import drive_colors

AMPA = 1
"""Number of L2_pyramidal-L2_pyramidal-ampa-proximal in the column's connections."""


def shown(figure):
    """What the picture in the first axes shows, NaN where it is blank."""
    return np.ma.filled(figure.axes[0].images[0].get_array().astype(float), np.nan)


def decayed(circuit, connection):
    """Weights by the formula of `ConnectionSpec`, from the positions of a 3 by 3 grid."""
    c = circuit.connections[connection]
    xy = np.array([(x, y) for x in range(3) for y in range(3)], float) * circuit.grid.inplane_distance
    distance2 = ((xy[:, None] - xy[None]) ** 2).sum(axis=2)
    return c.weight * np.exp(-distance2 / (c.space_constant * circuit.grid.inplane_distance) ** 2)


def test_weights_of_a_connection(circuit):
    figure = plot_connectivity_matrix(circuit, AMPA)
    ax = figure.axes[0]
    expected = decayed(circuit, AMPA)
    np.fill_diagonal(expected, np.nan)  # no cell connects to itself
    np.testing.assert_allclose(shown(figure), expected)
    assert ax.get_title(loc="left") == "L2_pyramidal-L2_pyramidal-ampa-proximal"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Target: L2_pyramidal (gid)", "Source: L2_pyramidal (gid)")
    assert ax.images[0].get_extent() == [2.5, 11.5, 11.5, 2.5]  # gids 3 to 11, the first at the top
    assert ax.images[0].get_clim() == (0.0, np.nanmax(expected))
    assert ax.child_axes[0].get_ylabel() == "Weight of each of a pair's 3 contacts (µS)"


def test_which_pairs_are_connected(circuit):
    figure = plot_connectivity_matrix(circuit, AMPA, show_weight=False)
    expected = np.ones((9, 9))
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_array_equal(shown(figure), expected)
    assert figure.axes[0].child_axes == []


def test_numbers_are_those_of_the_connectivity_of_a_network(circuit):
    net = Network.from_spec(circuit)
    assert len(net.connectivity) == 16 + 4
    for i, connection in enumerate(net.connectivity):
        title = plot_connectivity_matrix(net, i, colorbar=False, show=False).axes[0].get_title(loc="left")
        names = (connection["src_type"], connection["target_type"], connection["receptor"], connection["loc"])
        assert title == "-".join(names)
        plt.close("all")


def test_a_drive_with_a_cell_for_each_target(circuit):
    figure = plot_connectivity_matrix(circuit, 17)
    weights = shown(figure)
    assert figure.axes[0].get_title(loc="left") == "prox-L5_pyramidal-ampa-proximal"
    assert weights.shape == (9, 9)
    np.testing.assert_array_equal(~np.isnan(weights), np.eye(9, dtype=bool))
    assert np.nanmax(weights) == 0.2


def test_pruned_pairs_are_those_of_the_run(circuit):
    sparse = attrs.evolve(circuit, connections=(attrs.evolve(circuit.connections[4], probability=0.4, conn_seed=None),))
    plan = compile_plan(sparse, RunSpec(tstop=1.0, seed=7))
    expected = np.full((3, 9), np.nan)
    of = plan.edges.take(plan.edges.connection == 0)
    expected[of.source_gid, of.target_gid - 3] = 1
    assert np.nansum(expected) == round(27 * 0.4)
    figures = [
        plot_connectivity_matrix(sparse, 0, show_weight=False, seed=7),
        plot_connectivity_matrix(plan, 0, show_weight=False),
        plot_connectivity_matrix(
            Result(
                dipoles=[],
                cell_response=CellResponse(["L2_basket"], [[]], [[]], [[]]),
                provenance={"network": to_plain(sparse), "seed": 7},
            ),
            0,
            show_weight=False,
        ),
    ]
    for figure in figures:
        np.testing.assert_array_equal(shown(figure), expected)
    assert not np.array_equal(shown(plot_connectivity_matrix(sparse, 0, show_weight=False)), expected, equal_nan=True)


@pytest.mark.parametrize("plot", [plot_connectivity_matrix, plot_cell_connectivity])
@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (20, InvalidValue, "conn_idx: 20 must be 0 to 19"),
        (-1, InvalidValue, "must be 0 to 19"),
        (1.5, InvalidType, "must be an integer"),
        (True, InvalidType, "must be an integer"),
    ],
)
def test_what_is_no_connection(circuit, plot, number, error, says):
    with pytest.raises(error, match=says):
        plot(circuit, number)
    assert plt.get_fignums() == []


def reached(figure):
    """Position -> weight of the coloured targets."""
    dots = figure.axes[1].collections[1]
    return {tuple(at): w for at, w in zip(np.asarray(dots.get_offsets()).tolist(), dots.get_array(), strict=True)}


def test_targets_of_a_cell(circuit):
    figure = plot_cell_connectivity(circuit, AMPA, src_gid=3)
    expected = decayed(circuit, AMPA)[0]
    at = [(float(x), float(y)) for x in range(3) for y in range(3)]
    assert reached(figure) == pytest.approx(dict(zip(at[1:], expected[1:], strict=True)))
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "Source: L2_pyramidal, gid 3",
        "Targets: L2_pyramidal, 8 of 9",
    ]
    assert [ax.get_xlabel() for ax in figure.axes[:2]] == ["x (µm)"] * 2
    assert [ax.get_ylabel() for ax in figure.axes[:2]] == ["y (µm)"] * 2
    assert figure.axes[1].child_axes[0].get_ylabel().endswith("(µS)")


def test_a_click_shows_another_cell(circuit):
    figure = plot_cell_connectivity(circuit, AMPA)
    left, right = figure.axes[:2]
    assert left.get_title(loc="left") == "Source: L2_pyramidal, gid 7"  # the middle of the grid
    figure.canvas.draw()
    x, y = left.transData.transform((2.1, 1.9))
    figure.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", figure.canvas, x, y, MouseButton.LEFT)
    )
    assert left.get_title(loc="left") == "Source: L2_pyramidal, gid 11"
    assert (2.0, 2.0) not in reached(figure)
    figure.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", figure.canvas, *right.transData.transform((0, 0)))
    )
    assert left.get_title(loc="left") == "Source: L2_pyramidal, gid 11"


def test_axes_for_sources_and_targets(circuit):
    figure, axes = plt.subplots(1, 2)
    assert plot_cell_connectivity(circuit, 17, axes=axes, colorbar=False) is figure
    assert list(reached(figure).values()) == [0.2]
    with pytest.raises(InvalidValue, match="must be 2"):
        plot_cell_connectivity(circuit, 1, axes=axes[:1])
    with pytest.raises(InvalidValue, match="src_gid: 2 must be 3 to 11, a cell of L2_pyramidal"):
        plot_cell_connectivity(circuit, 1, src_gid=2)


def test_strengths_are_sums_over_contacts(plan):
    found = strengths(plan)
    assert found.sources == ("L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal", "prox", "noise")
    edges, names = plan.edges, plan.populations.gid_ranges
    for i, source in enumerate(found.sources):
        for j, target in enumerate(found.targets):
            of = np.isin(edges.source_gid, names[source]) & np.isin(edges.target_gid, names[target])
            of &= edges.weight > 0
            n = len(names[target])
            assert found.weight_uS[i, j] == pytest.approx(edges.weight[of].sum() / n)
            assert found.contacts[i, j] == pytest.approx(of.sum() / n)
            pairs = {*zip(edges.source_gid[of].tolist(), edges.target_gid[of].tolist(), strict=True)}
            assert found.probability[i, j] == pytest.approx(len(pairs) / (len(names[source]) * n))


def numbers(ax):
    """(row, column) -> what is written there."""
    return {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts}


def test_a_matrix_of_populations(circuit, plan):
    figure = plot_population_matrix(circuit, measure="probability", color_scale="linear")
    ax, found = figure.axes[0], strengths(plan).probability
    np.testing.assert_allclose(np.nan_to_num(shown(figure)), found)
    assert [t.get_text() for t in ax.get_yticklabels()] == list(plan.populations.names)
    assert [t.get_text() for t in ax.get_xticklabels()] == list(plan.populations.names[:4])
    written = numbers(ax)
    assert set(written) == {*zip(*(k.tolist() for k in np.nonzero(found)), strict=True)}
    assert written[0, 0] == "1"
    assert written[1, 1] == "0.889"  # 72 of 81 pairs
    assert ax.child_axes[0].get_ylabel() == "Part of pairs connected"


def test_a_matrix_of_one_receptor_without_drives(circuit, plan):
    figure = plot_population_matrix(circuit, receptor="gabaa", drives=False)
    values = shown(figure)
    assert values.shape == (4, 4)
    assert not np.isnan(values[[0, 2]]).all(axis=1).any()
    assert np.isnan(values[[1, 3]]).all()
    np.testing.assert_allclose(np.nan_to_num(values), strengths(plan, ["gabaa"]).weight_uS[:4])
    assert figure.axes[0].child_axes[0].get_ylabel() == "Weight on one target cell (µS)"


def test_shares_of_drives(circuit, plan):
    figure = plot_drive_strength(circuit)
    ax = figure.axes[0]
    weights = strengths(plan).weight_uS[4:]
    share = 100 * weights[:, [0, 3]] / weights[:, [0, 3]].sum(axis=0)
    np.testing.assert_allclose(np.nan_to_num(shown(figure))[:, [0, 3]], share)
    assert np.isnan(shown(figure)[:, [1, 2]]).all()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["prox", "noise"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Target", "Drive")
    assert ax.child_axes[0].get_ylabel() == "Share of all drives' weight (%)"
    assert numbers(ax)[0, 0] == "100"


def test_delays_are_no_strength(circuit, plan):
    slow = attrs.evolve(circuit, drives={name: attrs.evolve(d, delays=7.0) for name, d in circuit.drives.items()})
    np.testing.assert_array_equal(
        shown(plot_drive_strength(slow, normalize=False)), shown(plot_drive_strength(circuit, normalize=False))
    )


def test_contacts_of_drives_on_a_logarithmic_scale(circuit, plan):
    figure = plot_drive_strength(circuit, show_weight=False, normalize=False, color_scale="log")
    np.testing.assert_allclose(np.nan_to_num(shown(figure)), strengths(plan).contacts[4:])
    assert type(figure.axes[0].images[0].norm).__name__ == "LogNorm"
    assert figure.axes[0].child_axes[0].get_ylabel() == "Contacts on one target cell"


def arrows(ax):
    return [patch for patch in ax.patches if hasattr(patch, "get_arrowstyle")]


def test_the_graph_has_an_arrow_for_each_pair_that_acts(circuit, plan):
    (ax,) = plot_connectivity_graph(circuit).axes
    found = strengths(plan)
    assert len(arrows(ax)) == np.count_nonzero(found.weight_uS)
    assert [t.get_text() for t in ax.texts] == list(found.sources)
    widths = {round(arrow.get_linewidth(), 6) for arrow in arrows(ax)}
    assert (min(widths), max(widths)) == (0.7, 5.0)
    colors = {name: p.color for name, p in circuit.populations.items()} | drive_colors(circuit)
    for name in found.sources:
        of = [a for a in arrows(ax) if to_rgb(a.get_edgecolor()) == to_rgb(colors[name])]
        assert len(of) == np.count_nonzero(found.weight_uS[found.sources.index(name)])
        ends = {type(a.get_arrowstyle()).__name__ for a in of}
        assert ends == ({"BarAB"} if name.endswith("basket") else {"CurveFilledB"})
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "Sum of weights on one target cell; a tip excites, a bar inhibits"
    assert all(t.get_text().endswith("µS") for t in legend.get_texts())


def test_populations_stand_in_the_graph_as_in_the_cortex(circuit):
    (ax,) = plot_connectivity_graph(circuit).axes
    at = {t.get_text(): t.get_position() for t in ax.texts}
    assert at["L2_pyramidal"][1] > at["L2_basket"][1] > at["L5_basket"][1] > at["L5_pyramidal"][1]
    assert at["noise"][1] > at["prox"][1]  # distal above proximal
    assert at["prox"][0] < at["L5_pyramidal"][0] < at["L5_basket"][0]


def test_a_graph_of_some_receptors(circuit):
    (ax,) = plot_connectivity_graph(circuit, receptor=["gabaa", "gabab"], drives=False).axes
    assert len(arrows(ax)) == 5
    assert "prox" not in [t.get_text() for t in ax.texts]


def test_a_plan_without_its_spec(plan):
    (ax,) = plot_connectivity_graph(plan).axes
    assert len(arrows(ax)) == np.count_nonzero(strengths(plan).weight_uS)


def test_boxes_and_names_do_not_overlap(circuit):
    figure = plot_connectivity_graph(circuit)
    (ax,) = figure.axes
    figure.draw_without_rendering()
    texts = [t.get_window_extent() for t in [*ax.texts, *ax.get_legend().get_texts()]]
    assert not any(a.overlaps(b) for i, a in enumerate(texts) for b in texts[:i])
    assert all(figure.bbox.x0 <= t.x0 and t.x1 <= figure.bbox.x1 for t in texts)


def test_wrong_arguments_of_a_circuit(circuit):
    with pytest.raises(UnknownName, match="did you mean 'gabaa'"):
        plot_population_matrix(circuit, receptor="gaba_a")
    with pytest.raises(UnknownName, match="did you mean 'weight'"):
        plot_population_matrix(circuit, measure="weights")
    with pytest.raises(UnknownName, match="'ln' is no scale"):
        plot_drive_strength(circuit, color_scale="ln")
    with pytest.raises(InvalidValue, match="has no drives"):
        plot_drive_strength(attrs.evolve(circuit, drives={}))
    with pytest.raises(InvalidType, match="must be a Network"):
        plot_connectivity_graph("column")
    assert plt.get_fignums() == []


def test_the_methods_of_a_network_plot_it(circuit):
    net = Network.from_spec(circuit)
    assert len(arrows(net.plot_connectivity_graph(show=False).axes[0])) > 0
    assert len(net.plot_drive_schedule(tstop=50.0, show=False).axes) == 2
