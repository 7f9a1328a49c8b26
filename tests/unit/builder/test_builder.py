"""The builder: nodes in groups, edges by rule, what each synapse is like, and the files."""

from __future__ import annotations

from functools import partial

import libsonata
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError, UnknownName
from hnnlib.builder.network import NetworkBuilder
from hnnlib.builder.rules import distance_connector, positions_columnar, takes_arrays
from hnnlib.io.sonata.edges import read_edges
from hnnlib.io.sonata.nodes import read_nodes
from hnnlib.plan.circuit import join_circuits


@pytest.fixture
def net():
    """Three excitatory and two inhibitory nodes on a line."""
    net = NetworkBuilder("V1", seed=3)
    net.add_nodes(
        3, ei="e", model_type="point_process", x=[0.0, 1.0, 2.0], y=np.zeros(3), z=np.zeros(3), tag=["a", "b", "a"]
    )
    net.add_nodes(2, ei="i", model_type="point_process", positions=[(10.0, 0, 0), (11.0, 0, 0)], depth=4)
    return net


def edges_of(net, name="V1_to_V1"):
    return net.build().edges[name]


def pairs(edges):
    return list(zip(edges.source_node_id.tolist(), edges.target_node_id.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------- nodes


def test_scalars_are_of_the_type_and_arrays_of_the_nodes(net):
    nodes = net.build().nodes["V1"]
    assert nodes.node_types == {
        100: {"ei": "e", "model_type": "point_process"},
        101: {"ei": "i", "model_type": "point_process", "depth": 4},
    }
    assert nodes.node_type_id.tolist() == [100, 100, 100, 101, 101]
    assert nodes.column("x").tolist() == [0, 1, 2, 10, 11]
    assert nodes.column("tag").tolist() == ["a", "b", "a", None, None]
    np.testing.assert_array_equal(nodes.column("depth"), [np.nan] * 3 + [4, 4])


def test_a_property_may_be_of_nodes_here_and_of_the_type_there():
    net = NetworkBuilder("a")
    net.add_nodes(2, depth=[1, 2])
    net.add_nodes(2, depth=7, dynamics_params={"C_m": [0.5, 0.6], "g": 2.0}, vector=[(1, 2), (3, 4)])
    nodes = net.build().nodes["a"]
    assert nodes.column("depth").tolist() == [1, 2, 7, 7]
    np.testing.assert_array_equal(nodes.dynamics_params["C_m"], [np.nan, np.nan, 0.5, 0.6])
    np.testing.assert_array_equal(nodes.dynamics_params["g"], [np.nan, np.nan, 2, 2])
    assert nodes.column("vector")[2:].tolist() == [[1, 2], [3, 4]]


def test_nodes_are_chosen_by_property(net):
    assert net.nodes(ei="e").node_ids.tolist() == [0, 1, 2]
    assert net.nodes(tag=["a"], ei="e").node_ids.tolist() == [0, 2]
    assert len(net.nodes()) == 5
    node = net.nodes(ei="i").each()[1]
    assert (node.node_id, node["node_id"], node["ei"], node["x"], node.population) == (4, 4, "i", 11, "V1")
    assert node["positions"].tolist() == [11, 0, 0]
    with pytest.raises(UnknownName, match=r"V1\.nodes: 'taag' .* did you mean 'tag'"):
        net.nodes(taag="a")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"N": 0}, InvalidValue, "N: 0 must be a whole number of nodes, 1 or more"),
        ({"N": 2.5}, InvalidValue, "N: 2.5"),
        (
            {"N": 2, "x": [1.0]},
            InvalidValue,
            r"add_nodes\.x: .* has 1 entries; must be one value, or one for each of 2",
        ),
        ({"N": 2, "x": [(1, 2), (3,)]}, InvalidValue, "must have as many values for each node"),
        ({"N": 2, "node_id": [5, 6]}, InvalidValue, "'node_id' can't be given"),
        ({"node_type_id": 100}, InvalidValue, "node_type_id: 100 is the id of an earlier type"),
        ({"node_type_id": "a"}, InvalidType, "must be a whole number >= 0"),
    ],
)
def test_nodes_that_can_not_be(net, arguments, error, message):
    with pytest.raises(error, match=message):
        net.add_nodes(**arguments)


def test_text_and_numbers_do_not_mix_in_a_property(net):
    net.add_nodes(1, tag=[3])
    with pytest.raises(InvalidValue, match="tag: 'text and numbers' can't be one attribute"):
        net.build()


# ------------------------------------------------------------------------------------------------- rules


def test_a_number_connects_every_pair(net):
    net.add_edges({"ei": "i"}, {"ei": "e"}, 2, syn_weight=-1.0, delay=2.0)
    edges = edges_of(net)
    assert pairs(edges) == [(3, 0), (4, 0), (3, 1), (4, 1), (3, 2), (4, 2)]
    assert edges.attributes["nsyns"].tolist() == [2] * 6
    assert edges.edge_types[100] == {
        "source_query": "ei=='i'",
        "target_query": "ei=='e'",
        "syn_weight": -1.0,
        "delay": 2.0,
    }


def test_an_array_says_it_for_each_pair(net):
    net.add_edges({"ei": "i"}, {"ei": "e"}, [[0, 1, 2], [3, 0, 0]])
    assert (pairs(edges_of(net)), edges_of(net).attributes["nsyns"].tolist()) == ([(4, 0), (3, 1), (3, 2)], [3, 1, 2])


def by_pair(source, target, factor=1):
    return factor * target["node_id"] if source["ei"] == "i" and target["ei"] == "e" else None


def by_target(sources, target, factor=1):
    return [by_pair(source, target, factor) for source in sources]


def by_source(source, targets, factor=1):
    return np.array([by_pair(source, target, factor) or 0.0 for target in targets])


def at_once(sources, targets, factor=1):
    wanted = (sources.column("ei") == "i")[:, None] & (targets.column("ei") == "e")[None, :]
    return wanted * factor * targets.node_ids[None, :]


@pytest.mark.parametrize(
    ("iterator", "rule"),
    [
        ("one_to_one", by_pair),
        (None, by_pair),
        (None, partial(by_pair, factor=3)),
        ("all_to_one", by_target),
        ("one_to_all", by_source),
        ("all_to_all", at_once),
        (None, takes_arrays(partial(at_once))),
    ],
)
def test_iterators_give_the_same_network(net, iterator, rule):
    net.add_edges(connection_rule=rule, connection_params={"factor": 3}, iterator=iterator)
    assert pairs(edges_of(net)) == [(3, 1), (4, 1), (3, 2), (4, 2)]
    assert edges_of(net).attributes["nsyns"].tolist() == [3, 3, 6, 6]


def test_a_rule_that_takes_arrays_is_called_once(net):
    calls = []

    @takes_arrays
    def rule(sources, targets, rng):
        calls.append((len(sources), len(targets)))
        return rng.integers(0, 2, (len(sources), len(targets)))

    net.add_edges(connection_rule=rule)
    net.build()
    net.build()
    assert calls == [(5, 5)]


@pytest.mark.parametrize(
    ("rule", "iterator", "error", "message"),
    [
        (
            lambda s, t: 1.5,
            None,
            InvalidValue,
            r"V1\.add_edges\[0\]: what the rule returns: 1.5 must be a whole number",
        ),
        (lambda s, t: -1, None, InvalidValue, "-1.0 must be a whole number of synapses, 0 or more"),
        (lambda s, t: np.nan, None, InvalidValue, "nan must be a whole number"),
        (lambda s, t: "two", None, InvalidType, "must be numbers of synapses"),
        (lambda s, t: [1, 2], "all_to_one", InvalidValue, r"\(2,\) must have shape \(5,\)"),
        (lambda s, t: 1, "one_to_all", InvalidValue, r"\(\) must have shape \(5,\)"),
        (lambda s, t: np.ones((5, 4)), "all_to_all", InvalidValue, r"\(5, 4\) must have shape \(5, 5\)"),
    ],
)
def test_what_a_rule_must_not_return(net, rule, iterator, error, message):
    net.add_edges(connection_rule=rule, iterator=iterator)
    with pytest.raises(error, match=message):
        net.build()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"iterator": "all_to_none"}, UnknownName, r"add_edges\[0\]\.iterator: 'all_to_none' .* did you mean"),
        ({"connection_rule": distance_connector, "iterator": "one_to_one"}, InvalidValue, "takes all nodes at once"),
        ({"connection_rule": "random"}, InvalidType, "'random' must be a number, an array or a function"),
        ({"connection_rule": None}, InvalidType, "None must be a number"),
        ({"connection_rule": np.ones((2, 2))}, InvalidValue, r"\(2, 2\) must have shape \(5, 5\)"),
        ({"source": {"ei": "x"}}, InvalidValue, r"\.source: \{'ei': 'x'\} chooses no node of 'V1'"),
        ({"target": {"eye": "x"}}, UnknownName, r"add_edges\[0\]\.target: 'eye' is no attribute of the nodes"),
        ({"source": "e"}, InvalidType, r"\.source: 'e' must be what nodes\(\) returns, or a mapping"),
        ({"edge_type_id": -1}, InvalidType, "edge_type_id: -1"),
    ],
)
def test_edges_that_can_not_be(net, arguments, error, message):
    with pytest.raises(error, match=message):
        net.add_edges(**arguments)


def test_edges_must_touch_their_builder(net):
    other = NetworkBuilder("other")
    with pytest.raises(InvalidValue, match="'other' must be at one end of its edges"):
        other.add_edges(net.nodes(), net.nodes())


# ------------------------------------------------------------------------------------------------- properties


def test_properties_make_one_edge_per_synapse(net):
    some = net.add_edges({"ei": "i"}, {"ei": "e"}, [[0, 1, 2], [3, 0, 0]], syn_weight=0.5)
    some.add_properties(["sec_id", "sec_x"], rule=lambda s, t: (10 * s.node_id + t.node_id, 0.25), dtypes=[int, float])
    some.add_properties("syn_weight", values=np.arange(6.0))
    some.add_properties("label", values="near", dtypes=str)
    net.add_edges({"ei": "e"}, {"ei": "i"}, 4, syn_weight=9.0)
    edges = edges_of(net)
    assert pairs(edges)[:6] == [(4, 0), (4, 0), (4, 0), (3, 1), (3, 2), (3, 2)]
    assert edges.column("afferent_section_id")[:6].tolist() == [40, 40, 40, 31, 32, 32]
    assert edges.column("afferent_section_pos")[:6].tolist() == [0.25] * 6
    assert edges.column("syn_weight").tolist() == [0, 1, 2, 3, 4, 5, *[9] * 6]
    assert edges.column("label").tolist() == ["near"] * 6 + [None] * 6
    # where a row stands for one synapse and where for several
    assert edges.column("nsyns").tolist() == [1] * 6 + [4] * 6


def test_no_number_of_synapses_where_each_has_its_row(net):
    net.add_edges(connection_rule=1).add_properties("delay", values=1.0)
    assert list(edges_of(net).attributes) == ["delay"]


def test_a_property_rule_that_takes_arrays(net):
    calls = []

    @takes_arrays
    def place(sources, targets, scale, rng):
        calls.append(len(sources))
        return scale * np.abs(sources.column("x") - targets.column("x")), rng.integers(0, 9, len(sources))

    some = net.add_edges({"ei": "i"}, {"ei": "e"}, 2)
    some.add_properties(["delay", "afferent_section_id"], rule=place, rule_params={"scale": 0.1})
    assert edges_of(net).column("delay").tolist() == pytest.approx([1, 1, 1.1, 1.1, 0.9, 0.9, 1, 1, 0.8, 0.8, 0.9, 0.9])
    assert calls == [12]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"names": "a"}, InvalidValue, "needs either a rule or values"),
        ({"names": "a", "rule": len, "values": 1}, InvalidValue, "needs either"),
        ({"names": ["a", "b"], "values": [1, 2], "dtypes": [int]}, InvalidValue, "one for each of a, b"),
        ({"names": "a", "values": 1, "dtypes": "fload"}, InvalidType, "'fload' must be a type that numpy knows"),
        ({"names": "a", "values": [1, 2]}, InvalidValue, r"a: \(2,\) must be one value, or one for each of 6"),
        ({"names": ["a", "b"], "values": [1]}, InvalidValue, "1 values were given"),
        ({"names": ["a", "b"], "rule": lambda s, t: 1}, InvalidValue, "1 must be a value for each of"),
        ({"names": "a", "rule": lambda s, t: "x", "dtypes": float}, InvalidType, "must be of type"),
    ],
)
def test_properties_that_can_not_be(net, arguments, error, message):
    some = net.add_edges({"ei": "i"}, {"ei": "e"}, 1)

    def add_and_build():
        some.add_properties(**arguments)
        net.build()

    with pytest.raises(error, match=message):
        add_and_build()


# ------------------------------------------------------------------------------------------------- what is drawn


def draw(sources, target, rng):
    return rng.integers(0, 3, len(sources))


def random_net(seed, extra=False):
    net = NetworkBuilder("a", seed=seed)
    net.add_nodes(20, positions=positions_columnar(20, max_radius=50.0, seed=seed))
    connected = net.add_edges(connection_rule=draw, iterator="all_to_one")
    connected.add_properties("delay", rule=lambda s, t, rng: rng.random())
    if extra:
        net.add_edges(connection_rule=draw, iterator="all_to_one", delay=1.0)
    return net.build().edges["a_to_a"]


def test_a_seed_gives_one_network_and_another_another():
    first, again, other = random_net(1), random_net(1), random_net(2)
    assert pairs(first) == pairs(again)
    assert first.column("delay").tolist() == again.column("delay").tolist()
    assert pairs(first) != pairs(other)


def test_a_connection_more_changes_no_earlier_one():
    first, more = random_net(1), random_net(1, extra=True)
    assert pairs(more)[: len(first)] == pairs(first)
    assert more.column("delay")[: len(first)].tolist() == first.column("delay").tolist()
    assert pairs(more)[len(first) :] != pairs(first)


def test_nothing_draws_from_the_global_stream():
    np.random.seed(0)  # noqa: NPY002
    random_net(1)
    after = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002


def test_distance_connector_follows_its_law():
    n, d_max = 400, 100.0
    net = NetworkBuilder("line", seed=5)
    x = np.linspace(0, 150, n)
    net.add_nodes(n, x=x, y=np.zeros(n), z=np.zeros(n))
    net.add_edges(
        connection_rule=distance_connector,
        connection_params={"d_weight_min": 0.2, "d_weight_max": 0.8, "d_max": d_max, "nsyn_min": 3, "nsyn_max": 7},
    )
    edges = net.build().edges["line_to_line"]
    distance = np.abs(x[edges.source_node_id] - x[edges.target_node_id])
    assert distance.max() < d_max
    assert not np.any(edges.source_node_id == edges.target_node_id)
    nsyns = edges.attributes["nsyns"]
    assert (nsyns.min(), nsyns.max()) == (3, 7)
    assert nsyns.mean() == pytest.approx(5.0, abs=5 * np.sqrt(2 / len(nsyns)))
    every = np.abs(x[:, None] - x[None, :])
    for low in range(0, 100, 10):
        possible = np.sum((every >= low) & (every < low + 10)) - n * (low == 0)
        found = np.sum((distance >= low) & (distance < low + 10)) / possible
        expected = 0.8 - 0.6 * (low + 5) / d_max
        assert found == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / possible) + 0.01)


def test_distance_connector_joins_two_populations_with_equal_ids():
    nets = [NetworkBuilder(name) for name in "ab"]
    for net in nets:
        net.add_nodes(3, positions=np.zeros((3, 3)))
    certain = {"d_weight_min": 1, "d_weight_max": 1, "d_max": 1.0, "nsyn_min": 1, "nsyn_max": 1}
    nets[0].add_edges(nets[0].nodes(), nets[1].nodes(), distance_connector, certain)
    assert len(nets[0].build().edges["a_to_b"]) == 9


@pytest.mark.parametrize(("name", "value"), [("d_max", 0.0), ("nsyn_min", 8)])
def test_distance_connector_refuses(net, name, value):
    params = {"d_weight_min": 0.0, "d_weight_max": 1.0, "d_max": 1.0, "nsyn_min": 1, "nsyn_max": 2, name: value}
    net.add_edges(connection_rule=distance_connector, connection_params=params)
    with pytest.raises(InvalidValue, match=name):
        net.build()


def test_positions_fill_the_shell_evenly():
    center = np.array([5.0, 50.0, -3.0])
    positions = (
        positions_columnar(20_000, center=center, height=100.0, min_radius=30.0, max_radius=60.0, seed=1) - center
    )
    radius = np.hypot(positions[:, 0], positions[:, 2])
    assert 30 <= radius.min() < radius.max() <= 60
    assert -50 <= positions[:, 1].min() < positions[:, 1].max() <= 50
    # even over the area: the squares of radii, and angles and heights, are uniform
    for values, low, high in (
        (radius**2, 900.0, 3600.0),
        (np.arctan2(positions[:, 2], positions[:, 0]), -np.pi, np.pi),
        (positions[:, 1], -50.0, 50.0),
    ):
        counts = np.histogram(values, 10, (low, high))[0]
        assert np.sum((counts - 2000) ** 2 / 2000) < 33.7  # chi square with 9 degrees of freedom, p = 1e-4


def test_positions_come_from_their_seed():
    same = [positions_columnar(5, seed=1).tolist() for _ in range(2)]
    assert same[0] == same[1]
    rng = np.random.default_rng(1)
    assert positions_columnar(5, seed=rng).tolist() != positions_columnar(5, seed=rng).tolist()
    with pytest.raises(InvalidType, match="seed: None must be a whole number or a numpy Generator"):
        positions_columnar(5, seed=None)
    with pytest.raises(InvalidValue, match=r"min_radius: 2\.0 must be from 0 µm to max_radius"):
        positions_columnar(5, min_radius=2.0, seed=1)


# ------------------------------------------------------------------------------------------------- files


def test_two_builders_are_saved_and_joined(net, tmp_path):
    lgn = NetworkBuilder("LGN", seed=3)
    lgn.add_nodes(4, model_type="virtual", potential="exc")
    lgn.add_edges(lgn.nodes(), net.nodes(ei="e"), 2, syn_weight=15.0, delay=2.0, target_sections=["soma", "dend"])
    net.add_edges({"ei": "e"}, {"ei": "i"}, 1, syn_weight=3.0, delay=2.0)
    net.save(tmp_path / "new" / "network")
    lgn.save(tmp_path / "new" / "network")
    folder = tmp_path / "new" / "network"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("LGN_V1_edge_types.csv", "LGN_V1_edges.h5", "LGN_node_types.csv", "LGN_nodes.h5"),
        *("V1_V1_edge_types.csv", "V1_V1_edges.h5", "V1_node_types.csv", "V1_nodes.h5"),
    ]
    joined = join_circuits(net.build(), lgn.build())
    assert (list(joined.nodes), list(joined.edges)) == (["V1", "LGN"], ["V1_to_V1", "LGN_to_V1"])
    edges = read_edges(folder / "LGN_V1_edges.h5", folder / "LGN_V1_edge_types.csv")["LGN_to_V1"]
    assert pairs(edges) == pairs(joined.edges["LGN_to_V1"])
    assert edges.edge_types[100]["target_sections"] == ["soma", "dend"]
    nodes = read_nodes(folder / "V1_nodes.h5", folder / "V1_node_types.csv")["V1"]
    assert nodes.column("tag").tolist() == ["a", "b", "a", None, None]
    there = libsonata.EdgeStorage(str(folder / "LGN_V1_edges.h5")).open_population("LGN_to_V1")
    assert there.afferent_edges([1]).flat_size == 4
    assert libsonata.NodeStorage(str(folder / "V1_nodes.h5")).open_population("V1").attribute_names == set("xyz") | {
        "tag"
    }


def test_types_are_edited_in_their_table(net, tmp_path):
    net.save(tmp_path)
    table = tmp_path / "V1_node_types.csv"
    table.write_text(table.read_text().replace("point_process", "biophysical"))
    assert read_nodes(tmp_path / "V1_nodes.h5", table)["V1"].column("model_type").tolist() == ["biophysical"] * 5


def test_nothing_is_left_of_a_failed_save(net, tmp_path):
    net.add_edges(connection_rule=lambda s, t: -1)
    with pytest.raises(InvalidValue):
        net.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be made"):
        NetworkBuilder("a").save(tmp_path / "file")


def test_a_builder_needs_a_name_and_a_seed():
    with pytest.raises(InvalidType, match="name: 3 must be a name"):
        NetworkBuilder(3)
    with pytest.raises(InvalidType, match="seed: None must be a whole number"):
        NetworkBuilder("a", seed=None)
