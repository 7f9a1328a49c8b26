"""Studies: trials as tables and recordings, in memory and in folders of either kind alike."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, MissingPackage, UnknownName
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.study.columns import STATIC, TABLES, tables_text
from hnnlib.embedding.study.store import StudyWriter
from hnnlib.embedding.study.trial import CellTrial, morphology_from_plain, morphology_to_plain

N_TRIALS = 5


@pytest.fixture(scope="module")
def inputs(make_study_inputs):
    return make_study_inputs()


@pytest.fixture(scope="module")
def trials(inputs, make_cell_trial):
    return [make_cell_trial(inputs, k) for k in range(N_TRIALS)]


@pytest.fixture(scope="module", params=["memory", "hdf5", "parquet", "parts"])
def study(request, inputs, trials, tmp_path_factory):
    """The same study, wherever it is; "parts": one that goes on, whose trials are in two files."""
    folder = None if request.param == "memory" else tmp_path_factory.mktemp("study") / request.param
    n_trials = N_TRIALS + (request.param == "parts")
    tables = "parquet" if request.param == "parquet" else "hdf5"
    with StudyWriter(folder, inputs, n_trials, tables=tables) as writer:
        for k in (3, 0, 4, 1, 2):  # trials end in any order
            writer.add(trials[k])
            if k == 4:
                writer.flush()
        return writer.finish()


def same_trial(one: CellTrial, other: CellTrial) -> bool:
    return (
        one.trial == other.trial
        and dict(one.spikes) == dict(other.spikes)
        and one.events == other.events
        and one.told() == other.told()
        and np.array_equal(one.soma_spikes, other.soma_spikes)
        and one.site_spikes.keys() == other.site_spikes.keys()
        and all(np.array_equal(one.site_spikes[s], other.site_spikes[s]) for s in one.site_spikes)
        and all(np.array_equal(one.every_recording[n], other.every_recording[n]) for n in one.every_recording)
        and np.array_equal(one.times, other.times)
        and (one.wall_s, one.host) == (other.wall_s, other.host)
    )


def test_trials_come_back_as_they_were_given(study, trials):
    assert study.trial_numbers == tuple(range(N_TRIALS))
    assert all(same_trial(study.trial(k), trials[k]) for k in range(N_TRIALS))


@pytest.mark.parametrize("table", TABLES)
def test_tables_have_the_columns_and_types_that_are_told(study, table):
    found = study.table(table).numpy()
    assert list(found) == [column.name for column in TABLES[table]]
    for column in TABLES[table]:
        array = found[column.name]
        assert array.dtype.kind == "U" if column.dtype == "category" else array.dtype == column.dtype
        assert array.shape == next(iter(found.values())).shape


def test_events_are_those_of_the_trials(study, trials):
    found = study.synapse_events.numpy()
    assert np.array_equal(found["trial"], np.repeat(np.arange(N_TRIALS), 80))
    assert np.array_equal(found["synapse"], np.concatenate([t.events.synapse for t in trials]))
    assert np.array_equal(found["time_ms"], np.concatenate([t.events.time_ms for t in trials]))
    factors = [np.ones(80) if t.events.factor is None else t.events.factor for t in trials]
    assert np.array_equal(found["factor"], np.concatenate(factors))


def test_source_spikes_are_those_of_the_trials(study, trials):
    found = study.source_spikes.numpy(trial=2)
    assert set(found["population"]) == {"VPM_C2", "L4ss_C2"}
    for name, spikes in trials[2].spikes.items():
        mine = found["population"] == name
        assert np.array_equal(found["source"][mine], spikes.source)
        assert np.array_equal(found["time_ms"][mine], spikes.time_ms)


def test_synapses_are_those_of_the_embedding(study, inputs):
    found, embedding = study.synapses.numpy(), inputs.embedding
    assert np.array_equal(found["synapse"], np.arange(len(embedding)))
    assert found["population"].tolist() == [embedding.populations[p] for p in embedding.population]
    assert found["cell_type"].tolist() == [embedding.cell_types[p] for p in found["population"]]
    assert found["domain"].tolist() == embedding.domain.tolist()
    assert np.array_equal(found["weight_uS"], embedding.weight_uS)
    assert np.array_equal(found["segment"], embedding.segment)
    assert np.allclose(found["z_um"], embedding.position_um[:, 2])


def test_trials_have_a_row_each(study):
    found = study.trials.numpy()
    assert found["trial"].tolist() == list(range(N_TRIALS))
    assert set(found["seed"]) == {7}
    assert set(found["n_synapse_events"]) == {80}
    assert set(found["n_source_spikes"]) == {40}
    assert found["n_soma_spikes"].tolist() == [0, 1, 2, 3, 0]
    assert set(found["host"]) == {"here"}


@pytest.mark.parametrize("table", [name for name in TABLES if name not in STATIC])
def test_rows_of_a_trial_are_those_of_the_whole(study, table):
    whole, some = study.table(table).numpy(), study.table(table).numpy(trial=[4, 1])
    wanted = np.isin(whole["trial"], [1, 4])
    assert all(np.array_equal(some[name], whole[name][wanted]) for name in whole)
    one = study.table(table).numpy(trial=np.int64(3), columns=["trial"])
    assert list(one) == ["trial"]
    assert np.array_equal(one["trial"], whole["trial"][whole["trial"] == 3])


def test_recordings_by_trial_and_row(study, trials):
    v = study.recordings["v"]
    assert (v.unit, v.shape, v.dtype) == ("mV", (N_TRIALS, 2, 101), "float32")
    assert np.array_equal(v.numpy(), np.stack([t.recordings["v"] for t in trials]))
    assert np.array_equal(v.numpy(trial=3), trials[3].recordings["v"])
    assert np.array_equal(v.numpy(trial=[2, 0]), np.stack([trials[k].recordings["v"] for k in (2, 0)]))
    assert np.array_equal(v.numpy(trial=1, rows=[1, 0]), trials[1].recordings["v"][[1, 0]])
    assert v.where(site="apical_0").tolist() == [1]
    assert v.numpy(rows=[]).shape == (N_TRIALS, 0, 101)
    assert np.array_equal(v.times, trials[0].times)


def test_the_dipole_is_along_z(study, trials):
    assert len(study.dipoles) == N_TRIALS
    assert np.array_equal(study.dipoles[2].data["agg"], trials[2].dipole[:, 2])
    assert np.allclose(study.dipole.data["agg"], np.mean([t.dipole[:, 2] for t in trials], axis=0), atol=1e-20)


def test_inputs_come_back(study, inputs):
    assert study.inputs.hashes == inputs.hashes
    assert study.embedding.digest == inputs.embedding.digest
    assert dict(study.embedding.kinds) == dict(inputs.embedding.kinds)
    assert dict(study.embedding.n_sources) == dict(inputs.embedding.n_sources)
    assert study.inputs.run["tstop"] == 50.0


def test_provenance_says_where_it_comes_from(study):
    assert {"hnnlib", "python", "platform", "numpy", "host", "started"} <= set(study.provenance)


def test_a_study_goes_to_other_processes(study, trials):
    other = pickle.loads(pickle.dumps(study))
    assert same_trial(other.trial(1), trials[1])
    assert other.embedding.digest == study.embedding.digest


def test_what_is_not_there_is_told(study):
    with pytest.raises(InvalidValue, match="trial: 9 is no finished trial of the study, which has 0 to 4"):
        study.synapse_events.numpy(trial=9)
    with pytest.raises(InvalidType, match="trial"):
        study.synapse_events.numpy(trial="first")
    with pytest.raises(InvalidValue, match="synapses are the same in all trials"):
        study.synapses.numpy(trial=0)
    with pytest.raises(UnknownName, match="did you mean 'time_ms'"):
        study.synapse_events.numpy(columns=["times_ms"])
    with pytest.raises(UnknownName, match="did you mean 'soma_spikes'"):
        study.table("soma_spike")
    with pytest.raises(InvalidValue, match="from 0 to 1"):
        study.recordings["v"].numpy(rows=[2])
    with pytest.raises(UnknownName, match="site that was recorded"):
        study.recordings["v"].where(site="tuft")


def test_frames_have_the_labels_of_the_whole_study(study):
    events = study.source_spikes.to_pandas(trial=1)
    assert list(events["population"].cat.categories) == ["L4ss_C2", "VPM_C2", "silent"]
    assert events["population"].astype(str).tolist() == study.source_spikes.numpy(trial=1)["population"].tolist()
    assert str(events["time_ms"].dtype) == "float64"


def test_missing_pandas_is_told(study, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    for ask in (study.soma_spikes.to_pandas, study.soma_spikes.to_dask, study.spike_times, study.synapse_activation):
        with pytest.raises(MissingPackage, match=r"hnnlib\[tables\]"):
            ask()


def test_a_study_without_spikes_or_recordings(inputs, tmp_path):
    none = TrialEvents(synapse=np.zeros(0, np.int32), time_ms=np.zeros(0))
    for folder, tables in ((None, "hdf5"), (tmp_path / "h", "hdf5"), (tmp_path / "p", "parquet")):
        writer = StudyWriter(folder, inputs, 2, tables=tables)
        for k in range(2):
            writer.add(CellTrial(trial=k, spikes={}, events=none, soma_spikes=[]))
        study = writer.finish()
        assert dict(study.recordings) == {}
        assert study.dipoles == ()
        assert len(study.synapse_events.numpy()["trial"]) == 0
        assert len(study.soma_spikes.numpy(trial=1)["time_ms"]) == 0
        assert study.spikes(1)["VPM_C2"] == SourceSpikes.none()
        assert same_trial(study.trial(1), CellTrial(trial=1, spikes=study.spikes(1), events=none, soma_spikes=[]))
        assert len(study.synapse_activation()) == 0


def test_a_study_before_its_first_trial(inputs, tmp_path):
    for folder in (None, tmp_path / "s"):
        study = StudyWriter(folder, inputs, 2).finish()
        assert study.missing == (0, 1)
        assert len(study.synapse_events.numpy()["trial"]) == 0
        assert dict(study.recordings) == {}
        assert len(study.synapses.numpy()["synapse"]) == 60


def test_a_single_trial_keeps_its_number(inputs, trials):
    writer = StudyWriter(None, inputs, 1, trials=(3,))
    writer.add(trials[3])
    study = writer.finish()
    assert (study.trial_numbers, study.n_trials, study.missing) == ((3,), 1, ())
    assert same_trial(study.trial(3), trials[3])


# ------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"recordings": {"v": np.zeros((2, 5))}}, r"recordings\['v'\]: \(2, 5\) must have the shape \(n_rows, 101\)"),
        ({"labels": {"v": {"site": ("soma",)}}}, r"labels\['v'\]\['site'\]: 1 must be 2, one per row"),
        ({"dipole": np.zeros((101, 2))}, r"dipole: \(101, 2\) must have the shape \(101, 3\)"),
        ({"recordings": {"dipole": np.zeros((3, 101))}}, "is the name of the dipole's own recording"),
        ({"site_spikes": {"tuft": np.zeros((2, 2))}}, r"site_spikes\['tuft'\]"),
    ],
)
def test_a_trial_whose_parts_do_not_fit_is_refused(inputs, make_cell_trial, changes, told):
    with pytest.raises(InvalidValue, match=told):
        make_cell_trial(inputs, 0, **changes)


def test_a_negative_number_is_refused():
    none = TrialEvents(synapse=np.zeros(0, np.int32), time_ms=np.zeros(0))
    with pytest.raises(InvalidValue, match="trial: -1 must be a number from 0"):
        CellTrial(trial=-1, spikes={}, events=none, soma_spikes=[])


def test_factors_of_one_are_no_factors(inputs, make_cell_trial):
    events = TrialEvents(synapse=np.arange(3), time_ms=np.ones(3), factor=np.ones(3))
    assert make_cell_trial(inputs, 0, events=events).events.factor is None


def test_a_trial_that_does_not_fit_the_study_is_refused(inputs, trials, make_cell_trial):
    writer = StudyWriter(None, inputs, 2)
    writer.add(trials[0])
    events = TrialEvents(synapse=np.array([3, 60]), time_ms=np.array([1.0, 2.0]))
    early = TrialEvents(synapse=np.array([3]), time_ms=np.array([-0.1]))
    for trial, told in (
        (trials[0], "trial: 0 is there already"),
        (trials[2], "is none of the trials that there are to be: 0, 1"),
        (make_cell_trial(inputs, 1, events=events), r"events.synapse\[1\]: 60 is no synapse of the embedding"),
        (make_cell_trial(inputs, 1, events=early), r"events.time_ms\[0\]: -0.1 must be >= 0 ms"),
        (make_cell_trial(inputs, 1, spikes={"VPM": SourceSpikes.none()}), "did you mean 'VPM_C2'"),
        (make_cell_trial(inputs, 1, n_times=51), "must be those of the other trials"),
        (make_cell_trial(inputs, 1, labels={"v": {"site": ("soma", "tuft")}}), "with their labels"),
        (make_cell_trial(inputs, 1, dipole=None), "must be those of the other trials"),
    ):
        with pytest.raises(InvalidValue, match=told):
            writer.add(trial)
    writer.add(trials[1])
    assert writer.missing == []


def test_inputs_are_plain_data(inputs, make_study_inputs):
    arrays = make_study_inputs(sources={"VPM_C2": {"kind": "replay", "times": np.arange(3.0)}})
    assert arrays.sources["VPM_C2"]["times"]["shape"] == [3]
    assert arrays.hashes["sources"] != inputs.hashes["sources"]
    assert arrays.hashes["run"] == inputs.hashes["run"]
    with pytest.raises(InvalidType, match=r"run\['record'\]\[0\]"):
        make_study_inputs(run={"record": [object()]})


def test_morphologies_are_plain_data(fork):
    again = morphology_from_plain(morphology_to_plain(fork))
    assert again == fork
    assert (again.name, again.source) == (fork.name, fork.source)
    with pytest.raises(InvalidValue, match="sections"):
        morphology_from_plain({"name": "fork"})


def test_the_tables_can_be_told():
    text = tables_text()
    assert all(f"### {name}\n" in text for name in TABLES)
    assert "| `weight_uS` | float64 | µS |" in text
