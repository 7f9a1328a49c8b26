"""Edges: their order, weights, delays, which pairs survive pruning, which drive cells are left without a target."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.compile.connect import connection_pairs
from hnnlib.plan.tables import Edges, Plan
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.layout import AtPoints, Grid
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

RUN = RunSpec(tstop=10.0)


def connection(**changes):
    given = {"source": "left", "target": "right", "location": "soma", "receptor": "ampa", "weight": 0.1}
    return ConnectionSpec(**{**given, **changes})


def edges_of(network: NetworkSpec, *connections: ConnectionSpec, seed: int = 0) -> Edges:
    plan = compile_plan(attrs.evolve(network, connections=connections), attrs.evolve(RUN, seed=seed))
    return plan.edges


def drive(**changes):
    weights = {"left": {"ampa": 0.1}, "right": {"ampa": 0.2}}
    return EvokedDrive(**{"location": "soma", "weights": weights, "mu": 5.0, "sigma": 1.0, **changes})


def driven(network: NetworkSpec, made: EvokedDrive, seed: int = 0) -> Plan:
    return compile_plan(attrs.evolve(network, drives={"d": made}), attrs.evolve(RUN, seed=seed))


def pairs(edges: Edges) -> list[tuple[int, int]]:
    return list(zip(edges.source_gid.tolist(), edges.target_gid.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------ local connections


def test_rows_run_over_sources_then_targets_then_sections(tiny_network):
    edges = edges_of(tiny_network, connection(location="both"))
    assert pairs(edges) == [(s, t) for s in range(4) for t in range(4, 7) for _ in range(2)]
    assert edges.site.tolist() == [0, 1] * 12  # ampa on soma, ampa on dend
    assert edges.connection_labels == ("left-right-ampa-both",)


def test_connections_follow_each_other(tiny_network):
    edges = edges_of(tiny_network, connection(), connection(source="right", receptor="gabaa", location="dend"))
    assert edges.connection.tolist() == [0] * 12 + [1] * 9
    assert set(edges.site[12:]) == {2}


def test_a_group_gives_every_section_the_full_weight(tiny_network):
    network = edges_of(tiny_network, connection(location="both", space_constant=1e9))
    assert set(network.weight) == {0.1}


def test_weight_and_delay_of_a_pair(tiny_network):
    edges = edges_of(tiny_network, connection(weight=0.3, gain=2.0, delay=1.5, space_constant=3.0))
    x = np.array([0, 1, 2, 3])[edges.source_gid] - np.array([0, 1, 2])[edges.target_gid - 4]
    factor = np.exp(-(x**2 + 2.0**2) / 9.0)  # the heights, 0 and 9 µm, don't count
    np.testing.assert_allclose(edges.weight, 0.6 * factor, rtol=1e-14)
    np.testing.assert_allclose(edges.delay_ms, 1.5 / factor, rtol=1e-14)


def test_a_pair_five_apart(tiny_network):
    """Space constant 3, distance 5: weight times 0.0622, delay times 16.1."""
    place = AtPoints(points=[(3.0, 4.0, 700.0)])
    network = attrs.evolve(
        tiny_network,
        populations={
            **tiny_network.populations,
            "right": attrs.evolve(tiny_network.populations["right"], place=place),
        },
    )
    edges = edges_of(network, connection(weight=1.0, source_cells=[0]))
    assert edges.weight[0] == pytest.approx(0.0622, abs=5e-5)
    assert edges.delay_ms[0] == pytest.approx(16.1, abs=0.05)


def test_a_very_large_space_constant_leaves_weights_as_given(tiny_network):
    assert set(edges_of(tiny_network, connection(space_constant=1e9)).weight) == {0.1}


def test_distances_count_in_units_of_the_grid(small_column):
    """Moving the cells apart with the grid changes neither weights nor delays."""
    wider = attrs.evolve(small_column, grid=Grid(mesh_shape=(3, 3), inplane_distance=30.0))
    before, after = (compile_plan(n, RUN).edges for n in (small_column, wider))
    np.testing.assert_allclose(after.weight, before.weight, rtol=1e-12)
    np.testing.assert_allclose(after.delay_ms, before.delay_ms, rtol=1e-12)


def test_a_connection_without_delay(tiny_network):
    assert set(edges_of(tiny_network, connection(delay=0.0)).delay_ms) == {0.0}


def test_cells_out_of_reach(tiny_network):
    """The factor underflows: weight 0, delay infinite, and nothing complains."""
    far = edges_of(tiny_network, connection(space_constant=0.05))
    assert set(far.weight) == {0.0}
    assert set(far.delay_ms) == {math.inf}
    assert set(edges_of(tiny_network, connection(space_constant=0.05, delay=0.0)).delay_ms) == {0.0}


@pytest.mark.parametrize(("allowed", "n"), [(True, 16), (False, 12)])
def test_autapses(tiny_network, allowed, n):
    edges = edges_of(tiny_network, connection(target="left", allow_autapses=allowed))
    assert len(edges) == n
    assert np.any(edges.source_gid == edges.target_gid) == allowed


def test_autapses_are_pairs_of_one_population_only(tiny_network):
    assert len(edges_of(tiny_network, connection(allow_autapses=False))) == 12


def test_some_cells_of_the_populations(tiny_network):
    edges = edges_of(tiny_network, connection(source_cells=[2, 0], target_cells=[1]))
    assert pairs(edges) == [(2, 5), (0, 5)]


def test_from_two_to_two_on_a_group_of_three(default_params):
    """4 pairs: 12 contacts on the proximal group, 4 on one section."""
    from hnnlib.models.columns import column

    def between_two(location):
        c = ConnectionSpec(
            source="L2_pyramidal",
            target="L2_pyramidal",
            location=location,
            receptor="ampa",
            weight=1.0,
            source_cells=[0, 1],
            target_cells=[0, 1],
        )
        return edges_of(column((3, 3)), c)

    assert len(between_two("proximal")) == 12
    assert len(between_two("apical_trunk")) == 4


def test_explicit_pairs_are_taken_in_their_order(tiny_network):
    edges = edges_of(tiny_network, connection(pairs=[(3, 0), (0, 2), (3, 0)]))
    assert pairs(edges) == [(3, 4), (0, 6), (3, 4)]


def test_no_pairs(tiny_network):
    assert len(edges_of(tiny_network, connection(pairs=[]))) == 0
    assert len(edges_of(tiny_network, connection(source_cells=[]))) == 0


@pytest.mark.parametrize(
    ("changes", "path", "allowed"),
    [
        ({"source_cells": [4]}, "connections[1].source_cells", "must be below the number of cells, 4"),
        ({"target_cells": [0, 3]}, "connections[1].target_cells", "must be below the number of cells, 3"),
        ({"pairs": [(4, 0)]}, "connections[1].pairs", "is no cell of the source (it has 4)"),
        ({"pairs": [(0, 3)]}, "connections[1].pairs", "is no cell of the target (it has 3)"),
    ],
)
def test_cells_that_a_population_lacks(tiny_network, changes, path, allowed):
    with pytest.raises(InvalidValue) as error:
        edges_of(tiny_network, connection(), connection(**changes))
    assert error.value.path == path
    assert error.value.allowed == allowed


# ------------------------------------------------------------------------------------------------ pruning


@pytest.mark.parametrize(("n", "p", "kept"), [(9, 0.5, 40), (9, 0.35, 28), (3, 0.5, 4), (5, 0.1, 2), (2, 0.1, 0)])
def test_the_number_of_surviving_pairs_is_exact(n, p, kept):
    """Rounded half to even: 40.5 to 40, 4.5 to 4, 2.5 to 2."""
    for seed in range(5):
        source, target = connection_pairs(connection(probability=p), n, n, seed)
        assert len(source) == len(target) == kept


def test_surviving_pairs_keep_their_order():
    source, target = connection_pairs(connection(probability=0.5), 20, 30, 0)
    number = source * 30 + target
    assert np.all(np.diff(number) > 0)


def test_autapses_are_dropped_before_pruning():
    source, target = connection_pairs(connection(target="left", allow_autapses=False, probability=0.5), 9, 9, 0)
    assert len(source) == 36
    assert not np.any(source == target)


def test_explicit_pairs_are_pruned_too():
    given = [(i, i) for i in range(10)]
    source, target = connection_pairs(connection(pairs=given, probability=0.3), 10, 10, 0)
    assert len(source) == 3
    assert np.array_equal(source, target)


def test_what_pruning_depends_on(tiny_network):
    def survivors(seed, **changes):
        return tuple(pairs(edges_of(tiny_network, connection(probability=0.5, **changes), seed=seed)))

    assert survivors(0) == survivors(0)
    assert len({survivors(seed) for seed in range(8)}) > 4
    # a published seed does not depend on the run's
    assert len({survivors(seed, conn_seed=3) for seed in range(8)}) == 1
    assert survivors(0, conn_seed=3) != survivors(0, conn_seed=4)


# ------------------------------------------------------------------------------------------------ drives


def test_every_target_has_a_drive_cell_of_its_own(tiny_network):
    plan = driven(tiny_network, drive())
    assert pairs(plan.edges) == [(7 + k, k) for k in range(7)]
    assert plan.edges.connection_labels == ("d-left-ampa-soma", "d-right-ampa-soma")
    assert plan.drive_cells.first_gid == 7
    assert plan.drive_cells.live.all()


def test_targets_are_ordered_as_populations(tiny_network):
    """Whatever the order of the weights."""
    swapped = drive(weights={"right": {"ampa": 0.2}, "left": {"ampa": 0.1}})
    assert pairs(driven(tiny_network, swapped).edges) == [(7 + k, k) for k in range(7)]


def test_common_drive_cells_reach_all_targets(tiny_network):
    plan = driven(tiny_network, drive(n_drive_cells=2))
    expected = [(d, t) for d in (7, 8) for t in range(4)] + [(d, t) for d in (7, 8) for t in range(4, 7)]
    assert pairs(plan.edges) == expected


def test_drive_cells_sit_at_the_origin(tiny_network):
    network = attrs.evolve(tiny_network, origin=(1.0, 2.0, 500.0))
    plan = driven(network, drive(delays={"left": 0.5, "right": 0.25}, space_constant=3.0))
    xy = plan.cells.position_um[plan.edges.target_gid, :2]
    factor = np.exp(-((xy - [1.0, 2.0]) ** 2).sum(axis=1) / 9.0)
    weight = np.where(plan.edges.target_gid < 4, 0.1, 0.2)
    delay = np.where(plan.edges.target_gid < 4, 0.5, 0.25)
    np.testing.assert_allclose(plan.edges.weight, weight * factor, rtol=1e-14)
    np.testing.assert_allclose(plan.edges.delay_ms, delay / factor, rtol=1e-14)


def test_the_first_contacts_of_the_default_drives(small_column):
    edges = compile_plan(small_column, RUN).edges
    first = edges.take(edges.connection == edges.connection_labels.index("evdist1-L2_basket-ampa-distal"))
    assert pairs(first) == [(24, 0), (25, 1), (26, 2)]
    assert first.weight.max() == 0.006562
    assert first.delay_ms.min() == 0.1


@pytest.mark.parametrize("n_drive_cells", ["n_cells", 10])
def test_pruning_of_drives_is_exact(default_params, n_drive_cells):
    from hnnlib.models.columns import column

    probability = {"L2_basket": 0.1, "L2_pyramidal": 0.25, "L5_pyramidal": 0.5}
    made = EvokedDrive(
        location="proximal",
        weights={name: {"ampa": 0.1, "nmda": 0.2} for name in probability},
        probability=probability,
        n_drive_cells=n_drive_cells,
        mu=1.0,
        sigma=0.0,
    )
    plan = driven(column((10, 10)), made)
    sizes = {"L2_basket": 35, "L2_pyramidal": 100, "L5_pyramidal": 100}
    for name, p in probability.items():
        kept = {}
        for receptor in ("ampa", "nmda"):
            label = plan.edges.connection_labels.index(f"d-{name}-{receptor}-proximal")
            kept[receptor] = set(pairs(plan.edges.take(plan.edges.connection == label)))
        n_pairs = sizes[name] * (1 if n_drive_cells == "n_cells" else n_drive_cells)
        assert len(kept["ampa"]) == round(n_pairs * p)
        assert kept["ampa"] == kept["nmda"]


def test_drive_cells_that_pruning_left_without_target(tiny_network):
    plan = driven(tiny_network, drive(probability=0.5, conn_seed=3))
    reached = np.isin(np.arange(7, 14), plan.edges.source_gid)
    assert plan.drive_cells.live.tolist() == reached.tolist()
    assert reached.sum() == 4  # 2 of 4 and round(1.5) = 2 of 3
    common = driven(tiny_network, drive(n_drive_cells=7, probability={"left": 0.01, "right": 0.01}))
    assert len(common.edges) == 0
    assert common.drive_cells.live.all()


def test_receptors_of_a_drive_follow_the_published_order(tiny_network):
    made = drive(location="dend", weights={"left": {"gabaa": 0.1, "ampa": 0.2}})
    labels = driven(tiny_network, made).edges.connection_labels
    assert labels == ("d-left-ampa-dend", "d-left-gabaa-dend")
