"""The folder of a study: safe whatever happens, resumed, and honest about what was changed in it."""

from __future__ import annotations

import json
import logging
import shutil
import sys

import h5py
import numpy as np
import pytest

from hnnlib.base.errors import (
    FileFormatError,
    InvalidValue,
    MissingFile,
    MissingPackage,
    OutputError,
    OutputExists,
    UnknownName,
)
from hnnlib.embedding.study import store
from hnnlib.embedding.study.columns import STATIC, TABLES
from hnnlib.embedding.study.manifest import Manifest
from hnnlib.embedding.study.store import StudyWriter, read_study, write_study

KINDS = ("hdf5", "parquet")


@pytest.fixture(scope="module")
def inputs(make_study_inputs, fork):
    return make_study_inputs(morphology=fork)


@pytest.fixture(scope="module")
def trials(inputs, make_cell_trial):
    return [make_cell_trial(inputs, k) for k in range(6)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "touch"


def write(folder, inputs, trials, numbers=None, apart=False, **options):
    """Write trials; apart: each to a file of its own."""
    writer = StudyWriter(folder, inputs, len(trials), **options)
    for k in range(len(trials)) if numbers is None else numbers:
        writer.add(trials[k])
        if apart:
            writer.flush()
    return writer.finish()


def every(study, table):
    return {name: column.tolist() for name, column in study.table(table).numpy().items()}


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("tables", KINDS)
def test_a_folder_tells_what_memory_does(inputs, trials, folder, tables):
    write(folder, inputs, trials, tables=tables)
    read, held = read_study(folder), write(None, inputs, trials)
    assert read.folder == folder
    assert all(every(read, name) == every(held, name) for name in TABLES)
    assert np.array_equal(read.recordings["v"].numpy(), held.recordings["v"].numpy())
    assert read.inputs.morphology == held.inputs.morphology
    assert read.inputs.cell == held.inputs.cell


def test_a_finished_study_is_few_files(inputs, trials, folder):
    write(folder, inputs, trials, tables="hdf5")
    parameters = {f"parameters/{content}.json" for content in inputs.hashes.values()}
    assert files(folder) == {"manifest.json", "embedding.h5", "trials.h5", *parameters}
    write(folder, inputs, trials, tables="parquet", overwrite=True)
    tables = {f"tables/{name}.parquet" for name in TABLES}
    assert files(folder) == {"manifest.json", "embedding.h5", "recordings.h5", *tables, *parameters}


def test_opening_reads_no_table(inputs, trials, folder):
    write(folder, inputs, trials)
    (folder / "trials.h5").unlink()
    (folder / "embedding.h5").unlink()
    study = read_study(folder)
    assert study.trial_numbers == tuple(range(6))
    assert study.missing == ()
    with pytest.raises(MissingFile, match=r"trials\.h5"):
        study.synapse_events.numpy()
    with pytest.raises(MissingFile, match=r"embedding\.h5"):
        study.synapses.numpy()


@pytest.mark.parametrize("tables", KINDS)
def test_a_stopped_study_can_be_read_and_resumed(inputs, trials, folder, tables):
    write(folder, inputs, trials, numbers=(4, 1), tables=tables)
    stopped = read_study(folder)
    assert (stopped.trial_numbers, stopped.missing) == ((1, 4), (0, 2, 3, 5))
    assert np.array_equal(stopped.trial(4).recordings["v"], trials[4].recordings["v"])
    writer = StudyWriter(folder, inputs, 6, tables=tables, resume=True)
    assert writer.missing == [0, 2, 3, 5]
    for k in writer.missing:
        writer.add(trials[k])
    study = writer.finish()
    assert all(every(study, name) == every(write(None, inputs, trials), name) for name in TABLES)
    assert not (folder / "parts").exists()


@pytest.mark.parametrize(
    ("before", "after"), [("hdf5", "hdf5"), ("parquet", "parquet"), ("hdf5", "parquet"), ("parquet", "hdf5")]
)
def test_a_study_grows(inputs, trials, folder, before, after):
    write(folder, inputs, trials[:4], tables=before)
    grown = write(folder, inputs, trials, numbers=(5, 4), tables=after, resume=True)
    assert all(every(grown, name) == every(write(None, inputs, trials), name) for name in TABLES)
    assert (folder / "tables").exists() == (after == "parquet")
    assert (folder / "trials.h5").exists() == (after == "hdf5")


def test_fewer_trials_lose_none(inputs, trials, folder):
    write(folder, inputs, trials)
    writer = StudyWriter(folder, inputs, 2, resume=True)
    assert writer.missing == []
    assert writer.finish().trial_numbers == tuple(range(6))


def test_trials_wait_for_each_other(inputs, trials, folder):
    writer = StudyWriter(folder, inputs, 7)
    for trial in trials:
        writer.add(trial)
    writer.flush()
    assert files(folder / "parts") == {"0.h5", "1.h5"}  # the first at once, those that follow together
    assert read_study(folder).trial_numbers == tuple(range(6))


def test_what_waits_is_written_when_a_block_fails(inputs, trials, folder, caplog):
    def stop():
        with StudyWriter(folder, inputs, 6) as writer:
            for trial in trials[:3]:
                writer.add(trial)
            raise ZeroDivisionError

    with caplog.at_level(logging.WARNING, logger="hnnlib"), pytest.raises(ZeroDivisionError):
        stop()
    assert read_study(folder).trial_numbers == (0, 1, 2)
    assert "3 of 6 trials are kept" in caplog.text
    assert "resume=True runs the missing ones" in caplog.text


@pytest.mark.parametrize("tables", KINDS)
def test_a_process_that_ends_before_the_manifest_loses_nothing(inputs, trials, folder, tables, monkeypatch):
    """Files of the whole are there, the manifest still names the parts."""
    write(folder, inputs, trials, numbers=range(5), tables=tables)
    writer = StudyWriter(folder, inputs, 6, tables=tables, resume=True)
    writer.add(trials[5])
    kept, said = Manifest.write, []

    def interrupted(self):
        if set(self.parts) == {store.WHOLE[tables]}:
            said.append(self)
            raise KeyboardInterrupt
        kept(self)

    monkeypatch.setattr(Manifest, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.finish()
    assert said
    monkeypatch.undo()
    assert every(read_study(folder), "synapse_events") == every(write(None, inputs, trials), "synapse_events")
    study = StudyWriter(folder, inputs, 6, tables=tables, resume=True).finish()
    assert every(study, "synapse_events") == every(write(None, inputs, trials), "synapse_events")
    assert not (folder / "parts").exists()


def test_leftovers_of_a_killed_process_go(inputs, trials, folder):
    write(folder, inputs, trials, numbers=(0,))
    for name in (".1-0123456789ab.h5", "3.h5"):  # not written to its end; written, but not named yet
        (folder / "parts" / name).write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    study = write(folder, inputs, trials, numbers=range(1, 6), resume=True)
    assert study.missing == ()
    assert not (folder / "parts").exists()
    assert (folder / "notes.txt").exists()


# ------------------------------------------------------------------------------------------------- other studies


def test_an_existing_study_is_not_replaced_unasked(inputs, trials, folder):
    write(folder, inputs, trials)
    with pytest.raises(OutputExists, match="go on with it"):
        StudyWriter(folder, inputs, 6)
    (folder / "notes.txt").write_text("mine")
    assert StudyWriter(folder, inputs, 6, overwrite=True).missing == list(range(6))
    assert read_study(folder).trial_numbers == ()
    assert (folder / "notes.txt").exists()


def test_another_folder_is_never_taken(inputs, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"has no manifest\.json"):
        StudyWriter(tmp_path, inputs, 6, overwrite=True, resume=True)
    with pytest.raises(OutputError, match="does not exist"):
        StudyWriter(tmp_path / "no" / "folder", inputs, 6)
    with pytest.raises(MissingFile, match=r"has no manifest\.json"):
        read_study(tmp_path)
    with pytest.raises(MissingFile, match="no such folder"):
        read_study(tmp_path / "nothing")


def test_another_study_is_not_gone_on_with(inputs, trials, folder, make_study_inputs, fork):
    write(folder, inputs, trials, numbers=(0,))
    run = {**inputs.run, "tstop": 60.0}
    with pytest.raises(InvalidValue, match=r"holds another study: run\.tstop is 50\.0 there and 60\.0 here"):
        StudyWriter(folder, make_study_inputs(morphology=fork, run=run), 6, resume=True)
    sources = {"VPM_C2": {"kind": "poisson", "rate": 6.0}}
    with pytest.raises(InvalidValue, match=r"sources\.VPM_C2\.rate is 5\.0 there and 6\.0 here"):
        StudyWriter(folder, make_study_inputs(morphology=fork, sources=sources), 6, resume=True)
    with pytest.raises(InvalidValue, match="the tables of synapses and segments are others"):
        StudyWriter(folder, make_study_inputs(61, morphology=fork), 6, resume=True)
    with pytest.raises(InvalidValue, match=r"engine is None there and 'fast' here"):
        StudyWriter(folder, inputs, 6, resume=True, provenance={"engine": "fast"})


# ------------------------------------------------------------------------------------------------- changed files


@pytest.mark.parametrize("role", ["run", "sources", "cell", "synapses", "morphology"])
def test_edited_parameters_are_found_out(inputs, trials, folder, role):
    write(folder, inputs, trials)
    file = folder / "parameters" / f"{inputs.hashes[role]}.json"
    file.write_text(file.read_text().replace("{", "{ ", 1))
    for attempt in (lambda: read_study(folder), lambda: StudyWriter(folder, inputs, 6, resume=True)):
        with pytest.raises(FileFormatError, match=f"{inputs.hashes[role]}.*was edited: the study's {role} parameters"):
            attempt()
    file.unlink()
    with pytest.raises(FileFormatError, match=f"{role} parameters can't be read"):
        read_study(folder)


def test_edited_synapses_are_found_out(inputs, trials, folder):
    write(folder, inputs, trials)
    with h5py.File(folder / "embedding.h5", "r+") as file:
        file["tables/synapses/weight_uS"][3] *= 2
    study = read_study(folder)
    assert len(study.synapse_events.numpy()["trial"]) == 6 * 80
    with pytest.raises(FileFormatError, match=r"embedding\.h5: was edited"):
        study.inputs  # noqa: B018


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "hnnlib study 1"}', '{"format": "hnnlib study 9"}'])
def test_a_damaged_manifest_is_told(inputs, trials, folder, text):
    write(folder, inputs, trials)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(FileFormatError, match=r"manifest\.json: (can't be read|is of another version)"):
        read_study(folder)


def test_a_damaged_part_leaves_other_trials(inputs, trials, folder, caplog):
    write(folder, inputs, trials, numbers=range(5), apart=True)
    part = folder / "parts" / "2.h5"
    part.write_bytes(part.read_bytes()[:-100])
    study = read_study(folder)
    with pytest.raises(FileFormatError, match=r"parts/2\.h5: is truncated"):
        study.synapse_events.numpy()
    with pytest.raises(FileFormatError, match=r"parts/2\.h5"):
        study.trial(2)
    assert study.trial(3).events == trials[3].events
    assert len(study.synapse_events.numpy(trial=[0, 1, 3, 4])["trial"]) == 4 * 80
    with caplog.at_level(logging.WARNING, logger="hnnlib"):
        writer = StudyWriter(folder, inputs, 6, resume=True)
    assert "its trials are run again" in caplog.text
    assert writer.missing == [2, 5]
    for k in writer.missing:
        writer.add(trials[k])
    assert every(writer.finish(), "synapse_events") == every(write(None, inputs, trials), "synapse_events")


def test_damage_within_a_finished_file_leaves_other_trials(inputs, trials, folder):
    write(folder, inputs, trials)
    with h5py.File(folder / "trials.h5", "r") as file:
        place = file["recordings/v/data"].id.get_chunk_info_by_coord((2, 0, 0)).byte_offset
    with open(folder / "trials.h5", "r+b") as file:
        file.seek(place + 20)
        file.write(b"\0" * 40)
    v = read_study(folder).recordings["v"]
    with pytest.raises(FileFormatError, match=r"trials\.h5"):
        v.numpy(trial=2)
    assert np.array_equal(v.numpy(trial=3), trials[3].recordings["v"])


def test_a_damaged_parquet_table_is_told(inputs, trials, folder):
    study = write(folder, inputs, trials, tables="parquet")
    table = folder / "tables" / "synapse_events.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[:40] + b"\0" * 200 + whole[240:])
    with pytest.raises(FileFormatError, match=r"synapse_events\.parquet: is damaged"):
        study.synapse_events.numpy()
    table.write_bytes(whole[:-10])
    with pytest.raises(FileFormatError, match=r"synapse_events\.parquet: is damaged"):
        study.synapse_events.numpy()
    assert len(study.source_spikes.numpy()["trial"]) == 6 * 40
    assert StudyWriter(folder, inputs, 6, tables="parquet", resume=True).missing == list(range(6))


def test_a_file_of_other_trials_is_told(inputs, trials, folder, tmp_path):
    study = write(folder, inputs, trials)
    write(tmp_path / "short", inputs, trials[:2])
    shutil.copy(tmp_path / "short" / "trials.h5", folder / "trials.h5")
    with pytest.raises(FileFormatError, match="lacks trials that the study has in it, 2 first"):
        study.synapse_events.numpy()


# ------------------------------------------------------------------------------------------------- what it needs


def test_missing_pyarrow_is_told_before_anything_runs(inputs, trials, folder, monkeypatch):
    finished = write(folder, inputs, trials, tables="parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackage, match=r"pyarrow is not installed: pip install 'hnnlib\[tables\]'"):
        StudyWriter(folder.parent / "other", inputs, 6, tables="parquet")
    assert not (folder.parent / "other").exists()
    with pytest.raises(MissingPackage, match="pyarrow"):
        finished.synapse_events.numpy()


def test_other_kinds_of_tables_are_refused(inputs, folder):
    with pytest.raises(UnknownName, match="kind of tables"):
        StudyWriter(folder, inputs, 6, tables="csv")
    with pytest.raises(InvalidValue, match="can't be chosen"):
        StudyWriter(folder, inputs, 1, trials=(3,))


def test_a_full_disk_keeps_the_parts(inputs, trials, folder, monkeypatch):
    writer = StudyWriter(folder, inputs, 6)
    for trial in trials:
        writer.add(trial)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(OutputError, match="has no room"):
        writer.finish()
    monkeypatch.undo()
    assert not (folder / "trials.h5").exists()
    assert every(read_study(folder), "synapse_events") == every(write(None, inputs, trials), "synapse_events")


@pytest.mark.parametrize("tables", KINDS)
def test_a_study_in_memory_can_be_kept(inputs, trials, folder, tables):
    held = write(None, inputs, trials)
    kept = write_study(held, folder, tables=tables)
    assert all(every(kept, name) == every(held, name) for name in TABLES)
    assert kept.provenance == held.provenance
    with pytest.raises(OutputError, match="is the folder that the study is in"):
        write_study(kept, folder, overwrite=True)
    writer = StudyWriter(None, inputs, 1, trials=(3,))
    writer.add(trials[3])
    with pytest.raises(InvalidValue, match="is of single trials"):
        write_study(writer.finish(), folder, overwrite=True)


def test_large_recordings_are_cut_into_chunks(inputs, folder, make_cell_trial):
    v = np.random.default_rng(0).normal(size=(7, 60_000)).astype(np.float32)
    labels = {"v": {"site": tuple(f"place {i}" for i in range(7))}}
    large = [
        make_cell_trial(inputs, k, recordings={"v": v + k}, labels=labels, times=np.arange(60_000.0), dipole=None)
        for k in range(2)
    ]
    study = write(folder, inputs, large)
    with h5py.File(folder / "trials.h5", "r") as file:
        assert file["recordings/v/data"].chunks == (1, 4, 60_000)
    assert np.array_equal(study.recordings["v"].numpy(), np.stack([v, v + 1]))
    assert np.array_equal(study.recordings["v"].numpy(trial=1, rows=[6, 2, 2]), (v + 1)[[6, 2, 2]])


def test_a_manifest_is_short_however_many_trials(inputs, make_cell_trial, folder):
    writer = StudyWriter(folder, inputs, 300)
    for k in range(300):
        writer.add(make_cell_trial(inputs, k, n_events=3, n_spikes=2, n_times=3))
    study = writer.finish()
    assert study.trial_numbers == tuple(range(300))
    assert json.loads((folder / "manifest.json").read_text())["parts"] == {"trials.h5": [[0, 299]]}
    assert study.events(299) == make_cell_trial(inputs, 299, n_events=3, n_spikes=2, n_times=3).events
    for name in TABLES:
        if name not in STATIC:
            assert set(study.table(name).numpy()["trial"]) <= set(range(300))
