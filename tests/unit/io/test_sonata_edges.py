"""SONATA's edges: what we write is read by libsonata and by us, and what others write by us."""

from __future__ import annotations

import attrs
import h5py
import libsonata
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.io.sonata.edges import read_edges, write_edges
from hnnlib.plan.circuit import EdgePopulation

N_NODES = {"a": 6, "b": 9}
PARTS = ("node_id_to_ranges", "range_to_edge_id")
INDICES = [f"{way}/{part}" for way in ("source_to_target", "target_to_source") for part in PARTS]


def make(n=200, seed=1, name="a_to_b", lonely=1):
    """Random edges; some nodes at both ends have none."""
    rng = np.random.default_rng(seed)
    return EdgePopulation(
        name=name,
        source="a",
        target="b",
        source_node_id=rng.integers(lonely, 6, n),
        target_node_id=rng.choice([0, 2, 3, 7], n),
        edge_type_id=rng.integers(100, 103, n),
        edge_types={100 + k: {"model_template": "Exp2Syn", "delay": 1.0 + k} for k in range(3)},
        attributes={
            "syn_weight": rng.normal(size=n),
            "afferent_section_id": rng.integers(0, 9, n).astype(np.uint32),
            "afferent_section_pos": rng.random(n).astype(np.float32),
            "receptor": rng.choice(["ampa", "nmda"], n),
        },
        dynamics_params={"tau": rng.random(n)},
    )


@pytest.fixture
def files(tmp_path):
    return tmp_path / "edges.h5", tmp_path / "edge_types.csv"


def in_order(edges):
    return edges.take(np.lexsort((edges.source_node_id, edges.target_node_id)))


def assert_same(a, b):
    assert (a.name, a.source, a.target, a.edge_types) == (b.name, b.source, b.target, b.edge_types)
    for name in ("source_node_id", "target_node_id", "edge_type_id"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for table in ("attributes", "dynamics_params"):
        there, here = getattr(a, table), getattr(b, table)
        assert there.keys() == here.keys()
        for name in there:
            np.testing.assert_array_equal(there[name], here[name])


@pytest.mark.parametrize("n", [0, 1, 200])
def test_round_trip_in_the_order_of_targets(files, n):
    edges = make(n)
    write_edges(edges, *files, N_NODES)
    assert_same(read_edges(*files)["a_to_b"], in_order(edges))


def test_round_trip_in_the_order_given(files):
    edges = make()
    write_edges(edges, *files, N_NODES, sort=False)
    assert_same(read_edges(*files)["a_to_b"], edges)


def test_round_trip_of_several_populations(files):
    edges = [make(), make(30, 2, "second"), make(0, 3, "none")]
    write_edges(edges, *files, N_NODES)
    back = read_edges(*files)
    assert set(back) == {"a_to_b", "second", "none"}
    for population in edges:
        assert_same(back[population.name], in_order(population))


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize(("n", "lonely"), [(0, 1), (1, 0), (200, 0), (200, 2)])
def test_indices_are_those_of_libsonata(files, tmp_path, n, lonely, sort):
    write_edges(make(n, lonely=lonely), *files, N_NODES, sort=sort)
    copy = tmp_path / "copy.h5"
    copy.write_bytes(files[0].read_bytes())
    with h5py.File(copy, "a") as file:
        del file["edges/a_to_b/indices"]
    libsonata.EdgePopulation.write_indices(str(copy), "a_to_b", N_NODES["a"], N_NODES["b"])
    with h5py.File(files[0]) as ours, h5py.File(copy) as theirs:
        for name in INDICES:
            here, there = (file[f"edges/a_to_b/indices/{name}"] for file in (ours, theirs))
            assert here.dtype == there.dtype
            assert here[()].tolist() == there[()].tolist()
        # BMTK's name is the same dataset, not a copy
        indices = ours["edges/a_to_b/indices/target_to_source"]
        assert indices["node_id_to_range"].id == indices["node_id_to_ranges"].id


def test_libsonata_reads_every_value(files):
    edges = make()
    write_edges([edges, make(3, 2, "second")], *files, N_NODES, in_both=["delay"])
    storage = libsonata.EdgeStorage(str(files[0]))
    assert storage.population_names == {"a_to_b", "second"}
    there = storage.open_population("a_to_b")
    assert (there.source, there.target, there.size) == ("a", "b", 200)
    everything = libsonata.Selection([(0, 200)])
    here = in_order(edges)
    assert there.source_nodes(everything).tolist() == here.source_node_id.tolist()
    assert there.target_nodes(everything).tolist() == here.target_node_id.tolist()
    assert there.attribute_names == {*here.attributes, "delay"}
    for name in there.attribute_names:
        np.testing.assert_array_equal(there.get_attribute(name, everything), here.column(name))
    np.testing.assert_array_equal(there.get_dynamics_attribute("tau", everything), here.dynamics_params["tau"])
    for node in range(N_NODES["b"]):
        ids = np.flatnonzero(here.target_node_id == node).tolist()
        assert there.afferent_edges([node]).flatten().tolist() == ids
    for node in range(N_NODES["a"]):
        ids = np.flatnonzero(here.source_node_id == node).tolist()
        assert there.efferent_edges([node]).flatten().tolist() == ids
    both = np.flatnonzero((here.source_node_id == 3) & (here.target_node_id == 7)).tolist()
    assert both
    assert there.connecting_edges([3], [7]).flatten().tolist() == both


def test_libsonata_reads_no_edges(files):
    write_edges(make(0), *files, N_NODES)
    there = libsonata.EdgeStorage(str(files[0])).open_population("a_to_b")
    assert there.size == 0
    assert there.afferent_edges([2]).flatten().tolist() == []


def test_edges_of_one_target_stand_together(files):
    write_edges(make(), *files, N_NODES)
    with h5py.File(files[0]) as file:
        ranges = file["edges/a_to_b/indices/target_to_source/node_id_to_ranges"][()].astype(int)
    assert np.diff(ranges, axis=1).max() == 1


def test_the_dialect_of_bmtk(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        group = file.create_group("edges/a_to_b")
        for name, values in {
            "source_node_id": [0, 1, 2],
            "target_node_id": [1, 1, 0],
            "edge_type_id": [100, 100, 101],
            "edge_group_id": [0, 0, 1],
            "edge_group_index": [0, 1, 0],
            "0/nsyns": [3, 4],
            "1/sec_id": [5],
            "1/sec_x": [0.25],
            "1/syn_weight": [0.5],
        }.items():
            group.create_dataset(name, data=values, compression="gzip")
        group["source_node_id"].attrs["node_population"] = np.bytes_("a")
        group["target_node_id"].attrs["node_population"] = "b"
        group["indices/target_to_source/node_id_to_range"] = [[0, 1]]
    (tmp_path / "t.csv").write_text(
        "edge_type_id target_query source_query syn_weight delay dynamics_params\n"
        "100 ei=='e' \"ei=='i'&pop_name=='x y'\" 2.0 1 a.json\n101 * * 1 1 NULL\n"
    )
    edges = read_edges(tmp_path / "e.h5", tmp_path / "t.csv")["a_to_b"]
    assert (edges.source, edges.target) == ("a", "b")
    np.testing.assert_array_equal(edges.column("nsyns"), [3, 4, 1])
    np.testing.assert_array_equal(edges.column("afferent_section_id"), [np.nan, np.nan, 5])
    np.testing.assert_array_equal(edges.column("afferent_section_pos"), [np.nan, np.nan, 0.25])
    assert edges.column("syn_weight").tolist() == [2, 2, 0.5]
    assert edges.column("source_query").tolist() == ["ei=='i'&pop_name=='x y'"] * 2 + ["*"]
    assert edges.column("dynamics_params").tolist() == ["a.json", "a.json", None]


def change(file, **datasets):
    with h5py.File(file, "a") as opened:
        for name, data in datasets.items():
            del opened["edges/a_to_b"][name.replace("__", "/")]
            if data is not None:
                opened["edges/a_to_b"][name.replace("__", "/")] = data


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"source_node_id": None}, "/edges/a_to_b has no dataset 'source_node_id'"),
        ({"source_node_id": [1]}, "source_node_id has no attribute 'node_population'"),
        ({"edge_type_id": [100]}, "does not give a group to each of its 1 rows"),
        ({"edge_type_id": np.full(200, 99)}, r"edge_type_id\[0\]: 99 is no type"),
        ({"0__syn_weight": np.full(200, np.nan)}, r"syn_weight\[0\]: nan must be finite"),
        ({"0__syn_weight": np.zeros(3)}, "0/syn_weight has 3 entries, too few"),
    ],
)
def test_bad_files(files, datasets, message):
    write_edges(make(), *files, N_NODES)
    change(files[0], **datasets)
    with pytest.raises(FileFormatError, match=message):
        read_edges(*files)


def test_missing_and_truncated_files(files):
    with pytest.raises(MissingFile):
        read_edges(*files)
    write_edges(make(), *files, N_NODES)
    files[0].write_bytes(files[0].read_bytes()[:3000])
    with pytest.raises(FileFormatError, match=r"edges\.h5: is truncated"):
        read_edges(*files)
    files[1].write_text("edge_type_id delay\n100 soon\n")
    with pytest.raises(FileFormatError, match=r"edge_types\.csv, line 2: column 'delay': 'soon' is no number"):
        read_edges(*files)


def test_nothing_is_left_of_a_failed_export(tmp_path, files):
    edges = make()
    with pytest.raises(InvalidValue, match=r"target_node_id\[\d+\]: 7 is no node of 'b', which has 7"):
        write_edges(edges, *files, {"a": 6, "b": 7})
    with pytest.raises(UnknownName, match="n_nodes: 'b' is no population with a known number of nodes"):
        write_edges(edges, *files, {"a": 6})
    odd = attrs.evolve(edges, attributes={"odd": np.array([1, "a"] * 100, object)})
    with pytest.raises(InvalidValue, match="must be all text or all numbers"):
        write_edges([edges, attrs.evolve(odd, name="odd")], *files, N_NODES)
    assert list(tmp_path.iterdir()) == []
