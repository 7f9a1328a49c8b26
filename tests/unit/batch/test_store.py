"""The folder of a batch: every row that was written is read, and nothing else is taken for one."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputError
from hnnlib.batch.read import read_batch
from hnnlib.batch.store import BatchStore, Row

HEADER = {"n_runs": 5, "same": {"network": "n", "summary": [["Peaks", {"tmin": 1.0}]]}}


def planned(n=5):
    return [(k, f"d{k}") for k in range(n)]


def row(k, **more):
    return Row(number=k, seed=7, digest=f"d{k}", values={"a.b": 0.1 * k}, **more)


def store_of(folder, **options):
    store = BatchStore(folder, HEADER, ["a.b"], **options)
    return store, store.keep_known(planned())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "batch"


def test_what_was_written_is_read(folder):
    store, known = store_of(folder)
    assert known == set()
    with store:
        store.add(row(3, error="ValueError: of two\nlines, 'quoted', \"twice\"", seconds=0.5))
        store.add(row(1, summary={"peak": 1 / 3, "late": float("nan")}, seconds=0.25, cpu_s=0.125))
        found = read_batch(folder)  # while it goes on
        assert len(found) == 2
        store.add(row(0, summary={"peak": -np.inf}))
    found = read_batch(folder)
    columns = found.columns
    assert columns["number"].tolist() == [0, 1, 3]
    assert columns["status"].tolist() == ["done", "done", "failed"]
    assert found.failed == {3: "ValueError: of two lines, 'quoted', \"twice\""}
    assert found.missing == (2, 4)
    np.testing.assert_array_equal(columns["a.b"], [0.0, 0.1, 0.1 * 3])
    np.testing.assert_array_equal(columns["peak"], [-np.inf, 1 / 3, np.nan])
    np.testing.assert_array_equal(columns["late"], [np.nan] * 3)
    np.testing.assert_array_equal(columns["seconds"], [np.nan, 0.25, 0.5])
    assert repr(found) == f"<Batch | 2 of 5 runs done, 1 failed, {folder}>"


def test_the_table_is_a_data_frame_and_pandas_reads_the_file_too(folder, monkeypatch):
    pd = pytest.importorskip("pandas")
    store, _ = store_of(folder)
    with store:
        for k in (2, 0):
            store.add(row(k, summary={"peak": k / 3}))
    table = read_batch(folder).table()
    assert table.index.tolist() == [0, 2]
    assert table.loc[2, "peak"] == 2 / 3
    raw = pd.read_csv(folder / "index.csv").set_index("number").sort_index()
    assert raw["peak"].tolist() == pytest.approx(table["peak"].tolist(), rel=1e-15)
    monkeypatch.setitem(sys.modules, "pandas", None)
    plain = read_batch(folder).table()
    assert plain["peak"].tolist() == [0.0, 2 / 3]


def test_arrays_are_kept(folder):
    store, _ = store_of(folder)
    with store:
        for k in range(5):
            store.add(row(k), {"trace": np.arange(4.0) + k, "n": np.array(k)})
    found = read_batch(folder)
    for k in range(5):
        arrays = found.arrays(k)
        np.testing.assert_array_equal(arrays["trace"], np.arange(4.0) + k)
        assert arrays["n"] == k
    assert len(list((folder / "kept").iterdir())) < 5  # several runs in a file
    for number, told in ((7, "number: 7 is none of the 5 runs"), (1.0, "number: 1.0 must be the number of a run")):
        with pytest.raises(InvalidValue, match=told):
            found.arrays(number)
    with pytest.raises(InvalidValue, match="number: 2 is a run of which no dipole was kept"):
        found.dipole(2)
    with pytest.raises(InvalidValue, match="number: 2 is a run of which no result was kept"):
        found.result(2)
    (folder / "kept" / "0.h5").write_bytes(b"no file of HDF5")
    with pytest.raises(FileFormatError, match="can't be read as what was kept of run d0"):
        found.arrays(0)


def test_what_was_done_is_known_again(folder):
    store, _ = store_of(folder)
    with store:
        store.add(row(0, summary={"peak": 1.0}), {"x": np.ones(2)})
        store.add(row(1, error="failed"))
        store.add(row(2, summary={"peak": 3.0}))
    with open(folder / "index.csv", "ab") as index:
        index.write(b"4,done,,7,d4,0.1")  # cut off in the middle
    assert len(read_batch(folder)) == 3
    store, known = store_of(folder, resume=True)
    with store:
        assert known == {0, 2}  # what failed is run again
        assert read_batch(folder).columns["number"].tolist() == [0, 2]
        store.add(row(4, summary={"peak": 5.0, "new": 1.0}))
    found = read_batch(folder)
    assert found.columns["peak"].tolist() == [1.0, 3.0, 5.0]
    np.testing.assert_array_equal(found.columns["new"], [np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(found.arrays(0)["x"], np.ones(2))


def test_a_sweep_may_grow_and_be_put_in_another_order_but_not_lose_runs(folder):
    store, _ = store_of(folder)
    with store:
        for k in range(3):
            store.add(row(k, summary={"peak": float(k)}))
    before = (folder / "index.csv").read_bytes(), (folder / "batch.json").read_bytes()
    store = BatchStore(folder, {**HEADER, "n_runs": 2}, ["a.b"], resume=True)
    with pytest.raises(InvalidValue, match=r"out: .* holds 1 runs that are done and not in this sweep"):
        store.keep_known(planned(2))
    assert ((folder / "index.csv").read_bytes(), (folder / "batch.json").read_bytes()) == before
    store = BatchStore(folder, {**HEADER, "n_runs": 6}, ["a.b"], resume=True)
    known = store.keep_known([(0, "new"), (1, "d2"), (2, "d1"), (3, "d0"), (4, "d2"), (5, "more")])
    store.close()
    assert known == {1, 2, 3, 4}
    assert read_batch(folder).columns["peak"].tolist() == [2.0, 1.0, 0.0, 2.0]
    assert read_batch(folder).missing == (0, 5)


def test_other_batches_and_other_things_are_not_touched(folder):
    store, _ = store_of(folder)
    with store:
        store.add(row(0))
    with pytest.raises(OutputError, match="holds a batch already; go on with it"):
        store_of(folder)
    other = {**HEADER, "same": {**HEADER["same"], "network": "m"}}
    with pytest.raises(InvalidValue, match="holds another batch, which differs in: network"):
        BatchStore(folder, other, ["a.b"], resume=True)
    (folder / "notes.txt").write_text("mine")
    store, known = store_of(folder, overwrite=True)
    store.close()
    assert (known, len(read_batch(folder))) == (set(), 0)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder.parent / "things").mkdir()
    (folder.parent / "things" / "a").touch()
    for place, told in (
        (folder.parent / "things", "exists, and is no batch: it has no batch.json"),
        (folder.parent / "no" / "such", "its folder .* does not exist"),
    ):
        with pytest.raises(OutputError, match=told):
            store_of(place, overwrite=True)


def test_what_is_no_batch_is_told(folder, tmp_path):
    with pytest.raises(MissingFile, match="there is none"):
        read_batch(folder)
    with pytest.raises(FileNotFoundError, match=r"is no batch: it has no batch.json"):
        read_batch(tmp_path)
    store, _ = store_of(folder)
    store.close()
    (folder / "batch.json").write_text('{"format": "hnnlib batch 99"}')
    with pytest.raises(FileFormatError, match="is of another version than 'hnnlib batch 1'"):
        read_batch(folder)
    (folder / "batch.json").write_text("{")
    with pytest.raises(FileFormatError, match="can't be read as what a batch has in common"):
        read_batch(folder)


def test_a_batch_that_was_killed_before_its_first_run(folder):
    BatchStore(folder, HEADER, ["a.b"])
    assert len(read_batch(folder)) == 0
    _, known = store_of(folder, resume=True)
    assert known == set()
