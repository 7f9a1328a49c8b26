"""Positions and gids."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.compile.place import place_cells
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population


def test_gids_run_over_populations_then_drives(small_column):
    populations, cells = place_cells(small_column)
    assert populations.gid_ranges == {
        "L2_basket": range(3),
        "L2_pyramidal": range(3, 12),
        "L5_basket": range(12, 15),
        "L5_pyramidal": range(15, 24),
        "evdist1": range(24, 45),
        "evprox1": range(45, 69),
        "evprox2": range(69, 93),
    }
    assert populations.is_drive.tolist() == [False] * 4 + [True] * 3
    assert populations.layers == ("2", "2", "5", "5", None, None, None)
    assert populations.measure_dipole.tolist() == [False, True, False, True, False, False, False]
    assert len(cells.template) == 24
    assert np.array_equal(np.bincount(cells.population), [3, 9, 3, 9])


def test_the_order_of_populations_decides(tiny_network):
    swapped = attrs.evolve(tiny_network, populations=dict(reversed(tiny_network.populations.items())))
    populations, cells = place_cells(swapped)
    assert populations.gid_ranges == {"right": range(3), "left": range(3, 7)}
    assert cells.position_um[0].tolist() == [0.0, 2.0, 9.0]


def test_given_points_are_positions(tiny_network):
    _, cells = place_cells(tiny_network)
    assert cells.position_um[:4].tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]


def test_thresholds(tiny_network, tiny_cell):
    network = attrs.evolve(
        tiny_network,
        threshold=-10.0,
        populations={
            **tiny_network.populations,
            "right": Population(cell=tiny_cell, place=AtPoints(points=[(0, 0, 0)]), threshold=-30.0),
        },
    )
    _, cells = place_cells(network)
    assert cells.threshold_mV.tolist() == [-10.0] * 4 + [-30.0]


def test_a_proximal_drive_has_more_cells_than_a_distal_one(default_params):
    """On the default grid 270, and 235 without the L5 basket cells."""
    from hnnlib.models.columns import neymotin_2020

    network = neymotin_2020(default_params)
    proximal = {name: {"ampa": 0.1} for name in network.populations}
    distal = {name: {"ampa": 0.1} for name in network.populations if name != "L5_basket"}
    network = attrs.evolve(
        network,
        drives={
            "p": EvokedDrive(location="proximal", weights=proximal, mu=1.0, sigma=0.0),
            "d": EvokedDrive(location="distal", weights=distal, mu=1.0, sigma=0.0),
        },
    )
    populations, _ = place_cells(network)
    assert populations.gid_ranges["p"] == range(270, 540)
    assert populations.gid_ranges["d"] == range(540, 775)


def test_a_network_without_cells():
    populations, cells = place_cells(NetworkSpec(populations={}))
    assert populations.gid_ranges == {}
    assert cells.position_um.shape == (0, 3)
