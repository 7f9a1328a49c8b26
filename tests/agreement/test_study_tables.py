"""Studies as others read them, at the size of a real one; and what is left of a process that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from hnnlib.embedding.study.columns import STATIC, TABLES
from hnnlib.embedding.study.store import StudyWriter, read_study

N_TRIALS, N_SYNAPSES, N_EVENTS = 16, 24_000, 20_000
MOST_BYTES = 20_000_000


@pytest.fixture(scope="module")
def folders(make_study_inputs, make_cell_trial, tmp_path_factory):
    """The same study with either kind of tables: 24,000 synapses, 20,000 releases in each of 16 trials."""
    inputs = make_study_inputs(N_SYNAPSES, n_sources=10_000)
    found = {kind: tmp_path_factory.mktemp("studies") / kind for kind in ("hdf5", "parquet")}
    writers = [StudyWriter(folder, inputs, N_TRIALS, tables=kind) for kind, folder in found.items()]
    for k in range(N_TRIALS):
        factor = np.random.default_rng(k).uniform(0.5, 1, N_EVENTS)
        trial = make_cell_trial(inputs, k, n_events=N_EVENTS, n_spikes=7_500, n_times=2_001)
        events = type(trial.events)(synapse=trial.events.synapse, time_ms=trial.events.time_ms, factor=factor)
        trial = make_cell_trial(inputs, k, n_spikes=7_500, n_times=2_001, events=events)
        for writer in writers:
            writer.add(trial)
    for writer in writers:
        writer.finish()
    return found


@pytest.mark.parametrize("kind", ["hdf5", "parquet"])
def test_sixteen_trials_of_24000_synapses_are_small(folders, kind):
    files = [path for path in folders[kind].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert len(files) < 20


def same(found, expected):
    """Two frames hold the same, whatever they take texts for."""
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        one, other = found[name].to_numpy(), expected[name].to_numpy()
        if other.dtype.kind in "OUT" or str(expected[name].dtype) in ("category", "str"):
            one, other = one.astype(str), other.astype(str)
        assert np.array_equal(one, other), name


@pytest.mark.parametrize("table", TABLES)
def test_pandas_dask_and_duckdb_read_the_same(folders, table):
    import dask.dataframe as dd
    import duckdb

    file = folders["parquet"] / "tables" / f"{table}.parquet"
    expected = read_study(folders["hdf5"]).table(table).to_pandas()
    by_pandas = pd.read_parquet(file)
    same(by_pandas, expected)
    assert by_pandas.dtypes.astype(str).tolist() == expected.dtypes.astype(str).tolist()
    same(dd.read_parquet(file, split_row_groups=True).compute().reset_index(drop=True), expected)
    order = ", ".join(f'"{column.name}"' for column in TABLES[table])
    same(duckdb.sql(f"SELECT {order} FROM read_parquet('{file}')").df(), expected)


@pytest.mark.parametrize("kind", ["hdf5", "parquet"])
def test_dask_has_a_partition_for_each_trial_and_knows_the_labels(folders, kind):
    study = read_study(folders[kind])
    spikes = study.source_spikes.to_dask()
    assert spikes.npartitions == N_TRIALS
    assert spikes["population"].cat.known
    assert list(spikes["population"].cat.categories) == ["L4ss_C2", "VPM_C2", "silent"]
    assert set(spikes.get_partition(3)["trial"].compute()) == {3}
    same(spikes.compute().reset_index(drop=True), study.source_spikes.to_pandas())
    mean = study.synapse_events.to_dask().groupby("trial")["factor"].mean().compute()
    expected = study.synapse_events.to_pandas(columns=["trial", "factor"]).groupby("trial")["factor"].mean()
    assert np.allclose(mean.sort_index(), expected, rtol=1e-12)
    assert study.synapses.to_dask().npartitions == 1


def test_row_groups_end_with_trials(folders):
    import pyarrow.parquet as pq

    for table in TABLES:
        if table not in STATIC:
            with pq.ParquetFile(folders["parquet"] / "tables" / f"{table}.parquet") as file:
                groups = [set(file.read_row_group(i)["trial"].to_pylist()) for i in range(file.num_row_groups)]
            assert sum(map(len, groups)) == len(set.union(*groups))
            assert table != "synapse_events" or len(groups) == N_TRIALS


def test_a_query_joins_events_with_their_synapses(folders):
    import duckdb

    study, tables = read_study(folders["parquet"]), folders["parquet"] / "tables"
    found = duckdb.sql(
        f"SELECT cell_type, avg(distance_um) AS um FROM '{tables}/synapse_events.parquet' "
        f"JOIN '{tables}/synapses.parquet' USING (synapse) GROUP BY cell_type ORDER BY cell_type"
    ).df()
    joined = study.synapse_events.to_pandas().merge(study.synapses.to_pandas(), on="synapse")
    expected = (
        joined.astype({"distance_um": float}).groupby("cell_type", observed=True)["distance_um"].mean().sort_index()
    )
    assert found["cell_type"].tolist() == ["L4ss", "VPM"] == [*expected.sort_index(key=lambda i: i.astype(str)).index]
    assert np.allclose(found["um"], expected.sort_index(key=lambda i: i.astype(str)))


def test_a_killed_process_leaves_what_it_wrote(make_study_inputs, make_cell_trial, tmp_path):
    """The child is killed while it writes; what it said to be written is there, and the rest is run."""
    inputs = make_study_inputs()
    trials = [make_cell_trial(inputs, k) for k in range(8)]
    import pickle

    (tmp_path / "trials.pickle").write_bytes(pickle.dumps((inputs, trials)))
    code = """
        import pickle, sys
        from hnnlib.embedding.study.store import StudyWriter
        with open(sys.argv[1] + "/trials.pickle", "rb") as file:
            inputs, trials = pickle.load(file)
        writer = StudyWriter(sys.argv[1] + "/study", inputs, 8)
        for k in (5, 2, 0):
            writer.add(trials[k])
            writer.flush()
            print(k, flush=True)
        while True:  # from here on it may be killed at any moment of writing
            for k in (1, 3, 4, 6, 7):
                if k in writer.missing:
                    writer.add(trials[k])
                    writer.flush()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        said = [int(child.stdout.readline()) for _ in range(3)]
        child.send_signal(signal.SIGKILL)
    assert said == [5, 2, 0]
    assert {0, 2, 5} <= set(read_study(tmp_path / "study").trial_numbers)
    with StudyWriter(tmp_path / "study", inputs, 8, resume=True) as writer:
        for k in writer.missing:
            writer.add(trials[k])
        study = writer.finish()
    assert study.missing == ()
    assert all(study.trial(k).events == trials[k].events for k in range(8))
