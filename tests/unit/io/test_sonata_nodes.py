"""SONATA's nodes: what we write is read by libsonata and by us, and what others write by us."""

from __future__ import annotations

import logging

import attrs
import h5py
import libsonata
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError, OutputExists
from hnnlib.io.sonata.nodes import read_nodes, write_nodes
from hnnlib.io.sonata.types_csv import read_types
from hnnlib.plan.circuit import NodePopulation


@pytest.fixture
def v1():
    rng = np.random.default_rng(1)
    return NodePopulation(
        name="V1",
        node_type_id=[100, 101, 101, 100, 100],
        node_types={
            100: {"model_type": "biophysical", "model_template": "hnn:L2 pyr", "ei": "e", "morphology": "a b.swc"},
            101: {"model_type": "biophysical", "ei": "i", "tau": 2.5, "n": 3, "sections": ["soma", 'a "dend"']},
        },
        attributes={
            **{axis: rng.normal(size=5) for axis in "xyz"},
            "layer": ["L2", "L5", None, "L2", "L5"],
            "is_live": np.array([True, False, True, True, False]),
            "count": np.arange(5, dtype=np.int32),
        },
        dynamics_params={"C_m": rng.random(5)},
    )


@pytest.fixture
def lgn():
    return NodePopulation(name="LGN", node_type_id=np.full(3, 100), node_types={100: {"model_type": "virtual"}})


@pytest.fixture
def files(tmp_path):
    return tmp_path / "nodes.h5", tmp_path / "node_types.csv"


def assert_same(a, b):
    assert a.name == b.name
    assert a.node_types == b.node_types
    np.testing.assert_array_equal(a.node_type_id, b.node_type_id)
    for table in ("attributes", "dynamics_params"):
        there, here = getattr(a, table), getattr(b, table)
        assert there.keys() == here.keys()
        for name in there:
            np.testing.assert_array_equal(there[name], here[name])


# ------------------------------------------------------------------------------------------------- round trip


def test_round_trip_of_several_populations(files, v1, lgn):
    write_nodes([v1, lgn], *files)
    back = read_nodes(*files)
    assert list(back) == ["LGN", "V1"]
    assert_same(back["V1"], v1)
    assert_same(back["LGN"], lgn)


def test_round_trip_of_no_nodes(files):
    write_nodes(NodePopulation(name="none", node_type_id=[], attributes={"x": []}), *files)
    back = read_nodes(*files)["none"]
    assert len(back) == 0
    assert back.column("x").shape == (0,)


def test_round_trip_of_no_population(files):
    write_nodes([], *files)
    assert read_nodes(*files) == {}


def test_the_table_of_types_is_text_that_people_read(files, v1):
    write_nodes(v1, *files)
    assert files[1].read_text() == (
        "node_type_id model_type model_template ei morphology tau n sections\n"
        '100 biophysical "hnn:L2 pyr" e "a b.swc" NULL NULL NULL\n'
        '101 biophysical NULL i NULL 2.5 3 "[""soma"", ""a \\""dend\\""""]"\n'
    )


# ------------------------------------------------------------------------------------------------- libsonata


def test_libsonata_reads_every_value(files, v1, lgn):
    write_nodes([v1, lgn], *files)
    storage = libsonata.NodeStorage(str(files[0]))
    assert storage.population_names == {"V1", "LGN"}
    nodes = storage.open_population("V1")
    assert nodes.size == 5
    # what libsonata can't find in the table of types stands in the HDF5 file too
    assert nodes.attribute_names == {*v1.attributes, "model_type", "model_template"}
    everything = libsonata.Selection([(0, 5)])
    for name in ("x", "y", "z", "count", "is_live"):
        np.testing.assert_array_equal(nodes.get_attribute(name, everything), v1.attributes[name])
    assert nodes.get_attribute("layer", everything).tolist() == ["L2", "L5", "NULL", "L2", "L5"]
    assert nodes.get_attribute("model_type", everything).tolist() == ["biophysical"] * 5
    assert nodes.get_attribute("model_template", everything).tolist() == [
        "hnn:L2 pyr",
        *["NULL"] * 2,
        *["hnn:L2 pyr"] * 2,
    ]
    some = libsonata.Selection([0, 3])
    np.testing.assert_array_equal(nodes.get_attribute("x", some), v1.attributes["x"][[0, 3]])
    assert nodes.dynamics_attribute_names == {"C_m"}
    np.testing.assert_array_equal(nodes.get_dynamics_attribute("C_m", some), v1.dynamics_params["C_m"][[0, 3]])
    assert storage.open_population("LGN").size == 3


def test_virtual_nodes_are_told_by_their_table_alone(files, v1, lgn):
    # BMTK takes what an HDF5 file calls virtual for a neuron without a model
    write_nodes([v1, lgn], *files)
    with h5py.File(files[0]) as file:
        assert "model_type" in file["nodes/V1/0"]
        assert "model_type" not in file["nodes/LGN/0"]
    assert read_nodes(*files)["LGN"].is_virtual


def test_more_can_be_written_by_node(files, v1):
    write_nodes(v1, *files, in_both=["ei", "tau"])
    nodes = libsonata.NodeStorage(str(files[0])).open_population("V1")
    everything = libsonata.Selection([(0, 5)])
    assert nodes.get_attribute("ei", everything).tolist() == ["e", "i", "i", "e", "e"]
    np.testing.assert_array_equal(nodes.get_attribute("tau", everything), [np.nan, 2.5, 2.5, np.nan, np.nan])
    assert_same(attrs.evolve(read_nodes(*files)["V1"], attributes=v1.attributes), v1)


def test_libsonata_opens_an_empty_population(files):
    write_nodes(NodePopulation(name="none", node_type_id=[]), *files)
    assert libsonata.NodeStorage(str(files[0])).open_population("none").size == 0


def test_the_marks_of_the_format(files, v1):
    write_nodes(v1, *files)
    with h5py.File(files[0]) as file:
        assert (file.attrs["magic"], file.attrs["magic"].dtype) == (0x0A7A, np.uint32)
        assert (file.attrs["version"].tolist(), file.attrs["version"].dtype) == ([0, 1], np.uint32)
        group = file["nodes/V1"]
        assert group["node_id"].dtype == np.uint64
        assert group["node_group_index"][()].tolist() == [0, 1, 2, 3, 4]
        assert group["0/x"].dtype == np.float64
        assert group["0/is_live"].dtype == np.int8
        assert group["0/x"].compression is None


def test_compression_is_warned_of_and_read(files, v1, caplog):
    with caplog.at_level(logging.WARNING, "hnnlib"):
        write_nodes(v1, *files, compression="gzip")
    assert "libsonata" in caplog.text
    with h5py.File(files[0]) as file:
        assert file["nodes/V1/0/x"].compression == "gzip"
    assert_same(read_nodes(*files)["V1"], v1)
    with pytest.raises(InvalidValue, match="compression: 'lzf' must be None, 'gzip'"):
        write_nodes(v1, *files, compression="lzf")


# ------------------------------------------------------------------------------------------------- other writers


def foreign(file, n=4, **datasets):
    """Write a population "p" the way others do: only what the format demands, and what the test adds."""
    with h5py.File(file, "w") as opened:
        group = opened.create_group("nodes/p")
        group["node_type_id"] = np.full(n, 7)
        for name, data in datasets.items():
            group[name.replace("__", "/")] = data


def test_ids_and_groups_may_be_left_out(tmp_path):
    foreign(tmp_path / "n.h5", **{"0__x": np.arange(4.0)})
    nodes = read_nodes(tmp_path / "n.h5")["p"]
    assert nodes.column("x").tolist() == [0, 1, 2, 3]
    assert nodes.column("node_type_id").tolist() == [7] * 4


def test_the_dialect_of_bmtk(tmp_path, v1):
    with h5py.File(tmp_path / "n.h5", "w") as file:
        group = file.create_group("nodes/p")
        for name in ("node_type_id", "node_id", "node_group_id", "node_group_index"):
            values = {"node_type_id": np.full(3, 100), "node_group_id": np.zeros(3, int)}.get(name, np.arange(3))
            group.create_dataset(name, data=values, compression="gzip")
        positions = np.arange(9.0).reshape(3, 3)
        group.create_dataset("0/positions", data=positions, compression="gzip")
        group.create_dataset("0/tuning", data=np.array([b"a", b"bc", b"NULL"]), compression="gzip")
        group.create_group("0/dynamics_params")
    (tmp_path / "t.csv").write_text("node_type_id model_type ei\n100 point_process e\n")
    nodes = read_nodes(tmp_path / "n.h5", tmp_path / "t.csv")["p"]
    assert nodes.column("z").tolist() == [2, 5, 8]
    assert nodes.column("positions").tolist() == positions.tolist()
    assert nodes.column("tuning").tolist() == ["a", "bc", None]
    assert nodes.column("model_type").tolist() == ["point_process"] * 3
    assert "positions" not in nodes.attributes


def test_rows_are_put_in_the_order_of_ids(tmp_path):
    foreign(tmp_path / "n.h5", node_id=[2, 0, 3, 1], **{"0__x": [2.0, 0, 3, 1], "0__dynamics_params__g": [2, 0, 3, 1]})
    nodes = read_nodes(tmp_path / "n.h5")["p"]
    assert nodes.column("x").tolist() == [0, 1, 2, 3]
    assert nodes.dynamics_params["g"].tolist() == [0, 1, 2, 3]


def test_groups_are_joined(tmp_path):
    text = h5py.string_dtype()
    foreign(
        tmp_path / "n.h5",
        node_group_id=[0, 1, 0, 1],
        node_group_index=[1, 0, 0, 1],
        **{
            "0__x": [10.0, 11.0],
            "0__only": [1, 2],
            "0__name": np.array(["a", "b"], text),
            "1__x": [20, 21],
            "1__other": [5, 6],
            "1__dynamics_params__g": [0.5, 0.6],
        },
    )
    (tmp_path / "t.csv").write_text("node_type_id other ei\n7 9 e\n")
    nodes = read_nodes(tmp_path / "n.h5", tmp_path / "t.csv")["p"]
    assert nodes.column("x").tolist() == [11, 20, 10, 21]
    np.testing.assert_array_equal(nodes.column("only"), [2, np.nan, 1, np.nan])
    assert nodes.column("other").tolist() == [9, 5, 9, 6]  # where a group says nothing, the type does
    assert nodes.column("other").dtype.kind == "i"
    assert nodes.column("name").tolist() == ["b", None, "a", None]
    np.testing.assert_array_equal(nodes.dynamics_params["g"], [np.nan, 0.5, np.nan, 0.6])


def test_coded_text_is_decoded(tmp_path):
    library = np.array(["L2", "L5"], h5py.string_dtype())
    foreign(tmp_path / "n.h5", **{"0__layer": [1, 0, 0, 1], "0__@library__layer": library})
    assert read_nodes(tmp_path / "n.h5")["p"].column("layer").tolist() == ["L5", "L2", "L2", "L5"]
    foreign(tmp_path / "n.h5", **{"0__layer": [1, 0, 0, 2], "0__@library__layer": library})
    with pytest.raises(FileFormatError, match="@library/layer has 2 entries; a code leads out of it"):
        read_nodes(tmp_path / "n.h5")


def test_what_a_node_says_comes_before_its_type(files, v1, caplog):
    write_nodes(v1, *files)
    files[1].write_text(files[1].read_text().replace("100 biophysical", "100 point_neuron"))
    with caplog.at_level(logging.WARNING, "hnnlib"):
        nodes = read_nodes(*files)["V1"]
    assert nodes.column("model_type").tolist() == ["biophysical"] * 5
    assert "model_type of population 'V1' differs from the table of types" in caplog.text


def test_a_table_alone_can_be_edited(files, v1):
    write_nodes(v1, *files, in_both=())
    files[1].write_text(files[1].read_text().replace("biophysical", "point_neuron"))
    assert read_nodes(*files)["V1"].column("model_type").tolist() == ["point_neuron"] * 5


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"node_id": [0, 1, 1, 2]}, "nodes/p/node_id must hold each id from 0 to 3 once"),
        ({"node_id": [1.5, 0, 1, 2]}, "nodes/p/node_id is no column of whole numbers"),
        ({"0__x": [1.0], "1__x": [2.0]}, "has groups 0, 1, but no 'node_group_id'"),
        ({"0__x": [1.0, 2.0]}, "nodes/p/0/x has 2 entries, too few"),
        ({"node_group_id": [0], "node_group_index": [0]}, "does not give a group to each of its 4 rows"),
        ({"node_group_id": [0] * 4}, "has no dataset 'node_group_index'"),
        (
            {
                "node_group_id": [0, 0, 1, 1],
                "node_group_index": [0, 1, 0, 1],
                "0__a": [1.0, 2.0],
                "1__a": np.array(["x", "y"], h5py.string_dtype()),
            },
            "/nodes/p/a: 'text and numbers' can't be one attribute",
        ),
        (
            {"node_group_id": [0, 0, 1, 1], "node_group_index": [0, 1, 0, 1], "0__a": [1, 2], "1__a": [[1, 2], [3, 4]]},
            "can't be one attribute: its groups differ in shape",
        ),
    ],
)
def test_files_that_contradict_themselves(tmp_path, datasets, message):
    foreign(tmp_path / "n.h5", **datasets)
    with pytest.raises(FileFormatError, match=message):
        read_nodes(tmp_path / "n.h5")


def test_a_type_that_is_not_in_the_table(tmp_path):
    foreign(tmp_path / "n.h5")
    (tmp_path / "t.csv").write_text("node_type_id ei\n8 e\n")
    with pytest.raises(FileFormatError, match=r"n\.h5: nodes\['p'\]\.node_type_id\[0\]: 7 is no type; there are 8"):
        read_nodes(tmp_path / "n.h5", tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("node_type_id population ei\n7 q e\n")
    with pytest.raises(FileFormatError, match=r"t\.csv: has no types of population 'p' \('q'\)"):
        read_nodes(tmp_path / "n.h5", tmp_path / "t.csv")


# ------------------------------------------------------------------------------------------------- bad files


def test_missing_and_damaged_files(tmp_path, files, v1):
    with pytest.raises(MissingFile, match=r"nodes\.h5: there is no such file"):
        read_nodes(files[0])
    with pytest.raises(FileFormatError, match="is a folder"):
        read_nodes(tmp_path)
    write_nodes(v1, *files)
    whole = files[0].read_bytes()
    for size in (0, 100, len(whole) // 2):
        files[0].write_bytes(whole[:size])
        with pytest.raises(FileFormatError, match=r"nodes\.h5: is truncated or no HDF5 file"):
            read_nodes(*files)
    with h5py.File(files[0], "w") as file:
        file.create_group("edges/a_to_b")
    with pytest.raises(FileFormatError, match=r"has no group '/nodes' \(has edges\)"):
        read_nodes(files[0])
    with h5py.File(files[0], "w") as file:
        file.create_group("nodes/p")
    with pytest.raises(FileFormatError, match="/nodes/p has no dataset 'node_type_id'"):
        read_nodes(files[0])


def test_nothing_is_left_of_a_failed_export(tmp_path, files, v1):
    mixed = attrs.evolve(v1, attributes={"odd": np.array(["a", 1, "b", 2, "c"], object)}, name="mixed")
    with pytest.raises(InvalidValue, match=r"odd.*must be all text or all numbers"):
        write_nodes([v1, mixed], *files)
    assert list(tmp_path.iterdir()) == []
    write_nodes(v1, *files)
    before = [file.read_bytes() for file in files]
    with pytest.raises(InvalidValue, match="must be all text"):
        write_nodes(mixed, *files)
    with pytest.raises(InvalidValue, match="'V1' is there twice"):
        write_nodes([v1, v1], *files)
    with pytest.raises(OutputExists, match="exists already"):
        write_nodes(v1, *files, overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        write_nodes(v1, files[0], tmp_path / "absent" / "types.csv")
    assert [file.read_bytes() for file in files] == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_names_that_hdf5_can_not_have(files, lgn, name):
    with pytest.raises(InvalidValue, match="can't be a name in an HDF5 file"):
        write_nodes(attrs.evolve(lgn, name=name), *files)


# ------------------------------------------------------------------------------------------------- tables of types


def test_tables_in_other_spellings(tmp_path):
    file = tmp_path / "t.csv"
    rows = ["node_type_id,ei,syn_weight,where", "100,e,1e-3,'x'", '101,NULL,,"[""soma""]"', ""]
    expected = {None: {100: {"ei": "e", "syn_weight": 1e-3, "where": "'x'"}, 101: {"where": ["soma"]}}}
    file.write_text("\r\n".join(rows))
    assert read_types(file, "node") == expected
    file.write_text("\ufeff" + "\n".join(row.replace(",", "\t") for row in rows), encoding="utf-8")
    assert read_types(file, "node") == expected
    file.write_text("  node_type_id  ei   syn_weight  where \n100 e 1e-3 'x'\n\n101 NONE None \"['soma']\"\n")
    assert read_types(file, "node") == expected


def test_populations_share_a_table(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("node_type_id population ei\n100 a e\n100 b i\n101 NULL x\n")
    assert read_types(file, "node") == {"a": {100: {"ei": "e"}}, "b": {100: {"ei": "i"}}, None: {101: {"ei": "x"}}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("node_type_id syn_weight\n100 1.0\n101 heavy\n", 3, "column 'syn_weight': 'heavy' is no number"),
        ("node_type_id ei\n100 e\nx i\n", 3, "column 'node_type_id': 'x' is no number"),
        ("node_type_id ei\n100.5 e\n", 2, "column 'node_type_id': 100.5 is no whole number"),
        ("node_type_id ei\n100 e\nNULL i\n", 3, "column 'node_type_id': None is no whole number"),
        ("node_type_id ei\n100 e\n100 i\n", 3, "column 'node_type_id': 100 is there twice"),
        ("node_type_id ei\n100 e f\n", 2, "has 3 fields, but the header names 2 columns"),
        ("node_type_id ei ei\n100 e f\n", 1, "column 'ei' is there twice"),
        ("edge_type_id ei\n100 e\n", 1, "names no column 'node_type_id'"),
        ("", 1, "names no column 'node_type_id'"),
    ],
)
def test_bad_tables_are_told_by_line_and_column(tmp_path, text, line, message):
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_types(file, "node")
    assert (caught.value.file, caught.value.line) == (str(file), line)


def test_a_table_that_is_no_text(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"node_type_id\n\xff\n")
    with pytest.raises(FileFormatError, match="is not text in UTF-8"):
        read_types(tmp_path / "t.csv", "node")
    with pytest.raises(MissingFile):
        read_types(tmp_path / "absent.csv", "node")
