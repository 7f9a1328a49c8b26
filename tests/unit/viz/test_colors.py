"""The palette, and who has which colour."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.spec.layout import AtPoints
from hnnlib.viz.colors import (
    COLORS,
    DRIVE_COLORS,
    checked_colormap,
    colors_of,
    drive_colors,
    ink_on,
    population_colors,
    type_colors,
)

# What light of each primary becomes for full protanopia, deuteranopia, tritanopia: Machado et al. 2009, table 1.
SIGHT = {
    "normal": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def lab(color, sight):
    """CIE L*a*b* of a colour as it is seen."""
    c = np.array(to_rgb(color))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    xyz = np.array(TO_XYZ) @ np.clip(np.array(sight) @ linear, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_can_be_told_apart(sight):
    # A distance of 2 is just seen where colours touch; dots and lines that lie apart need several times that.
    for n, least in ((16, 16.0), (24, 14.0)):
        seen = [lab(color, SIGHT[sight]) for color in COLORS[:n]]
        nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
        assert nearest > least, (n, nearest)


def test_colours_are_dark_enough_for_white_paper():
    assert max(lab(color, SIGHT["normal"])[0] for color in COLORS) < 80


def test_drives_begin_with_what_the_standard_populations_leave_free():
    assert sorted(DRIVE_COLORS) == sorted(COLORS)
    assert not set(DRIVE_COLORS[:8]) & set(COLORS[:4])


def test_populations_beyond_eight_have_colours_of_their_own(circuit):
    one = attrs.evolve(circuit.populations["L2_basket"], place=AtPoints(points=((0.0, 0.0, 0.0),)), color=None)
    many = {f"p{i}": one for i in range(20)}
    many["p3"] = attrs.evolve(one, color=COLORS[0])
    found = population_colors(
        attrs.evolve(circuit, populations=many, connections=(), drives={}, biases={}, baseline=None)
    )
    assert len(set(found.values())) == 20
    assert found["p3"] == COLORS[0]


def test_what_is_left_out_of_a_figure_changes_no_colour(response, circuit):
    assert type_colors(response) == {
        "L2_basket": COLORS[0],
        "L5_pyramidal": COLORS[1],
        "evdist1": DRIVE_COLORS[0],
        "evprox1": DRIVE_COLORS[1],
        "evprox2": DRIVE_COLORS[2],
    }
    (one,) = response.plot_spikes_raster(cell_types=["L5_pyramidal"], show=False).axes[0].lines
    assert one.get_color() == COLORS[1]
    (patch,) = response.plot_spikes_hist(spike_types="evprox2", show=False).axes[0].patches
    assert to_rgb(patch.get_facecolor()) == to_rgb(DRIVE_COLORS[2])


def test_drives_have_one_colour_in_figures_of_the_network_and_of_its_spikes(circuit):
    ranges = {"L2_basket": range(3), "prox": range(3, 6), "noise": range(6, 8)}
    silent = CellResponse(["L2_basket"], [[1.0]], [[6]], [["noise"]], gid_ranges=ranges)
    assert {n: c for n, c in type_colors(silent).items() if n in circuit.drives} == drive_colors(circuit)


def test_given_colours():
    assert colors_of(["a", "b"], "r") == {"a": "r", "b": "r"}
    assert colors_of(["a", "b"], ["r", "g"]) == {"a": "r", "b": "g"}
    assert colors_of(["a", "b"], {"b": "g"}) == {"a": COLORS[0], "b": "g"}
    assert list(colors_of([str(i) for i in range(25)]).values()) == [*COLORS, COLORS[0]]
    with pytest.raises(InvalidValue, match=r"color\[1\]: 'no' is no colour"):
        colors_of(["a", "b"], ["r", "no"])


def test_colormaps_by_name():
    assert checked_colormap("colormap", "viridis").name == "viridis"
    assert checked_colormap("colormap", checked_colormap("colormap", "RdBu_r")).name == "RdBu_r"
    with pytest.raises(UnknownName, match="did you mean 'viridis'"):
        checked_colormap("colormap", "virids")


def test_text_can_be_read_on_its_ground():
    assert [ink_on(c) for c in ("white", "yellow", "#E69F00", "black", "navy")] == ["black"] * 3 + ["white"] * 2
