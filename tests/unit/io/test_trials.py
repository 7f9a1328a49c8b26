"""Finished trials are kept beside the file of a run, whatever ends it."""

from __future__ import annotations

import os
import warnings

import h5py
import numpy as np
import pytest

import hnnlib.base.pace as pace_room
import hnnlib.io.trials as trials_room
from hnnlib.base.errors import FileFormatError, InvalidValue, OutputError, OutputExists
from hnnlib.io.trials import TrialStore, check_output, read_kept
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result, read_result

TIMES = np.arange(5) * 0.25


@pytest.fixture(autouse=True)
def write_at_once(monkeypatch):
    monkeypatch.setattr(trials_room, "WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(pace_room, "TIME_SHARE", 0)


def provenance_of(**more):
    return {"hnnlib": "1", "engine": "fast", "network": {"drives": {"evdist1": {"mu": 63.53}}}, "launcher": "a"} | more


def part(*numbers, n_trials=5, mu=63.53):
    """Some trials; the numbers of each are its own."""
    return Result(
        dipoles=[Dipole(TIMES, np.full(5, float(k))) for k in numbers],
        cell_response=CellResponse(["L2_basket"], [[k + 0.5] for k in numbers], [[0] for _ in numbers], None, TIMES),
        provenance=provenance_of(
            network={"drives": {"evdist1": {"mu": mu}}}, run={"n_trials": n_trials, "dt": 0.025}, trials=list(numbers)
        ),
    )


def run(out, parts, n_trials=5, kept=None, then=lambda: None):
    """Run some parts, and then whatever is asked for; return the store."""
    with TrialStore(n_trials, out, kept) as store:
        for each in parts:
            store.add(each)
            store.save()
        then()
        store.finish()
    return store


def interrupt():
    raise KeyboardInterrupt


def stopped(out, *parts, kept=None):
    """Run some parts and stop."""
    with pytest.raises(KeyboardInterrupt):
        run(out, parts, kept=kept, then=interrupt)


def resumed(out, n_trials=5, mu=63.53):
    """Go on to the end; return what was run and the result."""
    kept = read_kept(out, part(0, mu=mu).provenance)
    missing = TrialStore(n_trials, out, kept).missing
    store = run(out, [part(k, n_trials=n_trials, mu=mu) for k in missing], n_trials, kept)
    assert store.missing == []
    return missing, store.result()


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------------------------------- stopped runs


def test_a_whole_run_leaves_its_file_alone(tmp_path):
    out = tmp_path / "run.h5"
    store = run(out, [part(k, n_trials=3) for k in (1, 0, 2)], n_trials=3)
    assert os.listdir(tmp_path) == ["run.h5"]
    assert read_result(out) == store.result() == part(0, 1, 2, n_trials=3)
    with h5py.File(out) as file:
        assert "dipoles" in file


def test_a_run_of_one_trial_writes_once(tmp_path, monkeypatch):
    monkeypatch.setattr(trials_room, "write_index_hdf5", None)
    seen = []
    run(tmp_path / "run.h5", [part(0, n_trials=1)], n_trials=1, then=lambda: seen.extend(os.listdir(tmp_path)))
    assert seen == []
    assert os.listdir(tmp_path) == ["run.h5"]


def test_a_stopped_run_is_readable_by_us_and_others(tmp_path, caplog):
    out = tmp_path / "run.h5"
    stopped(out, part(3), part(0), part(1))
    assert files_of(tmp_path) == ["run.h5", "run.h5.trials/0.h5", "run.h5.trials/1.h5", "run.h5.trials/3.h5"]
    assert caplog.messages == [f"3 of 5 trials are kept in {out}; resume=True runs the missing ones"]
    with pytest.warns(UserWarning, match=r"run\.h5: 3 of 5 trials: 0, 1, 3; simulate\(.*resume=True\) runs the miss"):
        found = read_result(out)
    assert found == part(0, 1, 3)
    assert (found.trials, found.missing_trials) == ((0, 1, 3), (2, 4))
    with pytest.warns(UserWarning, match=r"3\.h5: 1 of 5 trials: 3; "):
        assert read_result(tmp_path / "run.h5.trials" / "3.h5") == part(3)
    with h5py.File(out) as file:
        assert file.attrs["object_type"] == "Result"
        assert set(file["trials"]) == {"0", "1", "3"}
        assert file["trials/3/dipoles/0/data/agg"][()].tolist() == [3.0] * 5


def test_the_folder_can_be_moved_and_the_file_renamed(tmp_path):
    (tmp_path / "before").mkdir()
    stopped(tmp_path / "before" / "run.h5", part(0), part(1))
    os.rename(tmp_path / "before", tmp_path / "after")
    os.rename(tmp_path / "after" / "run.h5", tmp_path / "after" / "other.h5")
    out = tmp_path / "after" / "other.h5"
    stopped(out, part(2), kept=read_kept(out, part(0).provenance))
    with pytest.warns(UserWarning, match="other.h5: 3 of 5 trials: 0 to 2"):
        assert read_result(out) == part(0, 1, 2)
    assert resumed(out) == ([3, 4], part(0, 1, 2, 3, 4))
    assert files_of(tmp_path / "after") == ["other.h5", "run.h5.trials/0.h5", "run.h5.trials/1.h5"]


def test_nothing_kept_nothing_left(tmp_path, caplog):
    stopped(tmp_path / "run.h5")
    assert os.listdir(tmp_path) == []
    assert caplog.messages == []


def test_short_trials_are_written_together(tmp_path, monkeypatch):
    monkeypatch.setattr(trials_room, "WRITE_EVERY_S", 1e6)
    out = tmp_path / "run.h5"
    stopped(out, part(2), part(4), part(1), part(0))
    assert files_of(tmp_path) == ["run.h5", "run.h5.trials/0.h5", "run.h5.trials/2.h5"]
    with pytest.warns(UserWarning, match="4 of 5 trials: 0 to 2, 4"):
        assert read_result(out) == part(0, 1, 2, 4)
    assert resumed(out) == ([3], part(0, 1, 2, 3, 4))


def test_an_older_file_stays_until_a_trial_is_kept(tmp_path):
    out = tmp_path / "run.h5"
    part(0, n_trials=1, mu=1.0).write(out)
    stopped(out)
    assert read_result(out) == part(0, n_trials=1, mu=1.0)
    stopped(out, part(0))
    assert kept_trials(out) == (0,)


def kept_trials(out):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_result(out).trials


def test_memory_only():
    store = run(None, [part(1, n_trials=2), part(0, n_trials=2)], n_trials=2)
    assert store.result() == part(0, 1, n_trials=2)


# ------------------------------------------------------------------------------------------------- going on


def test_only_missing_trials_are_run(tmp_path):
    out = tmp_path / "run.h5"
    assert read_kept(out, provenance_of()) is None
    stopped(out, part(0), part(3))
    missing, result = resumed(out)
    assert missing == [1, 2, 4]
    assert os.listdir(tmp_path) == ["run.h5"]
    assert read_result(out) == result == part(0, 1, 2, 3, 4)
    assert resumed(out) == ([], part(0, 1, 2, 3, 4))


def test_stopped_again_and_again(tmp_path, caplog):
    out = tmp_path / "run.h5"
    for k in (4, 2, 0):
        stopped(out, part(k), kept=read_kept(out, part(0).provenance))
    assert caplog.messages[-1].startswith("3 of 5 trials are kept")
    assert resumed(out) == ([1, 3], part(0, 1, 2, 3, 4))


def test_a_run_that_was_stopped_when_all_were_there(tmp_path, caplog):
    out = tmp_path / "run.h5"
    stopped(out, *map(part, range(5)))
    assert caplog.messages == [f"5 of 5 trials are kept in {out}; resume=True puts them together"]
    assert resumed(out) == ([], part(0, 1, 2, 3, 4))
    assert os.listdir(tmp_path) == ["run.h5"]


def test_more_trials_than_before(tmp_path, caplog):
    out = tmp_path / "run.h5"
    part(0, 1, 2, n_trials=3).write(out)
    before = out.read_bytes()
    stopped(out, kept=read_kept(out, part(0).provenance))
    assert out.read_bytes() == before
    assert caplog.messages == [f"3 of 5 trials are kept in {out}; resume=True runs the missing ones"]
    stopped(out, part(3), kept=read_kept(out, part(0).provenance))
    assert kept_trials(out) == (0, 1, 2, 3)
    missing, result = resumed(out)
    assert missing == [4]
    assert read_result(out) == result == part(0, 1, 2, 3, 4)


def test_fewer_trials_than_before(tmp_path):
    out = tmp_path / "run.h5"
    part(0, 1, 2, 3, 4).write(out)
    before = out.read_bytes()
    assert resumed(out, n_trials=2) == ([], part(0, 1, n_trials=2))
    assert out.read_bytes() == before
    # of an unfinished run what was kept stays, too
    stopped(out, part(0), part(1), part(4))
    assert resumed(out, n_trials=3) == ([2], part(0, 1, 2, n_trials=3))
    assert kept_trials(out) == (0, 1, 2, 4)
    assert resumed(out, n_trials=4) == ([3], part(0, 1, 2, 3, n_trials=4))
    assert read_result(out) == part(0, 1, 2, 3, 4)
    stopped(out, part(0), part(1))
    assert resumed(out, n_trials=2) == ([], part(0, 1, n_trials=2))
    assert read_result(out) == part(0, 1, n_trials=2)


def test_another_run_is_refused_and_left_as_it_is(tmp_path):
    out = tmp_path / "run.h5"
    told = r"out: '.*run\.h5' holds another run: drives\.evdist1\.mu is 63\.53 there and 70\.0 here$"
    stopped(out, part(0))
    with pytest.raises(InvalidValue, match=told):
        resumed(out, mu=70.0)
    assert kept_trials(out) == (0,)
    part(0, 1, 2, 3, 4).write(out)
    with pytest.raises(InvalidValue, match=told):
        resumed(out, mu=70.0)
    many = provenance_of(network={f"name{k}": k for k in range(9)})
    with pytest.raises(InvalidValue, match=r"name2 is None there and 2 here; and 6 more$"):
        read_kept(out, many)


def test_a_file_that_is_none_of_a_run_is_refused(tmp_path):
    out = tmp_path / "run.h5"
    out.write_text("my notes")
    with pytest.raises(FileFormatError, match="truncated or no HDF5 file"):
        resumed(out)
    Dipole(TIMES, np.zeros(5)).write(out)
    with pytest.raises(FileFormatError, match="holds a Dipole, not a Result"):
        resumed(out)


@pytest.mark.parametrize("damage", ["cut", "gone", "another run's"])
def test_a_damaged_part_is_run_again(tmp_path, caplog, damage):
    out, file = tmp_path / "run.h5", tmp_path / "run.h5.trials" / "1.h5"
    stopped(out, part(0), part(1), part(2))
    caplog.clear()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "gone":
        file.unlink()
    else:
        part(1, mu=1.0).write(file)
    with pytest.warns(UserWarning, match=r"2 of 5 trials: 0, 2 \(can't be read: .*1\.h5: .*\); simulate"):
        assert read_result(out) == part(0, 2)
    assert resumed(out) == ([1, 3, 4], part(0, 1, 2, 3, 4))
    (message,) = caplog.messages
    assert message.startswith(f"{file}: ")
    assert message.endswith("; its trials are run again")
    assert os.listdir(tmp_path) == ["run.h5"]


def test_an_index_whose_parts_are_all_gone(tmp_path):
    out = tmp_path / "run.h5"
    stopped(out, part(0))
    (tmp_path / "run.h5.trials" / "0.h5").unlink()
    with pytest.raises(
        FileFormatError, match=r"run\.h5: none of its trials can be read: .*0\.h5: there is no such file"
    ):
        read_result(out)
    assert resumed(out) == ([0, 1, 2, 3, 4], part(0, 1, 2, 3, 4))


# ------------------------------------------------------------------------------------------------- starting afresh


def test_trials_of_an_earlier_run_are_replaced_without_resume(tmp_path):
    out = tmp_path / "run.h5"
    stopped(out, *(part(k, mu=1.0) for k in (0, 2, 3)))
    for left in (".run-0123456789ab.h5", "run.h5.trials/.2-0123456789ab.h5"):  # by a process that was killed
        (tmp_path / left).write_bytes(b"half of")
    stopped(out)
    assert kept_trials(out) == (0, 2, 3)  # until there is something new
    stopped(out, part(1))
    assert files_of(tmp_path / "run.h5.trials") == ["1.h5"]
    assert resumed(out) == ([0, 2, 3, 4], part(0, 1, 2, 3, 4))
    assert os.listdir(tmp_path) == ["run.h5"]


def test_files_of_others_in_the_folder_stay(tmp_path, caplog):
    out = tmp_path / "run.h5"
    (tmp_path / "run.h5.trials").mkdir()
    for name in ("notes.txt", "0.txt", "x.h5"):
        (tmp_path / "run.h5.trials" / name).write_text("mine")
    stopped(out, part(0), part(1))
    caplog.clear()
    assert resumed(out)[1] == read_result(out)
    assert files_of(tmp_path) == ["run.h5", *(f"run.h5.trials/{n}" for n in ("0.txt", "notes.txt", "x.h5"))]
    assert "can't be removed" in caplog.text


def test_places_are_checked_before_the_run(tmp_path):
    out = tmp_path / "run.h5"
    check_output(out, overwrite=False)
    with pytest.raises(OutputError, match=r"its folder .* does not exist"):
        check_output(tmp_path / "none" / "run.h5")
    stopped(out, part(0))
    check_output(out)
    with pytest.raises(OutputExists, match=r"run\.h5: exists already"):
        check_output(out, overwrite=False)
    out.unlink()
    with pytest.raises(OutputExists, match=r"run\.h5\.trials: exists already"):
        check_output(out, overwrite=False)
    other = tmp_path / "other.h5"
    (tmp_path / "other.h5.trials").write_text("mine")
    with pytest.raises(OutputError, match=r"other\.h5\.trials: is no folder; finished trials are to be kept there"):
        check_output(other)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    out = tmp_path / "run.h5"
    with TrialStore(5, out, overwrite=False) as store:
        out.write_text("another process was faster")
        store.add(part(0))
        with pytest.raises(OutputExists):
            store.save()
    assert files_of(tmp_path) == ["run.h5"]
    assert out.read_text() == "another process was faster"


# ------------------------------------------------------------------------------------------------- full disks


def full_disk(*given, **more):
    raise OutputError("run.h5", "could not be written (the disk is full)")


@pytest.mark.parametrize("failing", ["write_result_hdf5", "write_index_hdf5"])
def test_a_disk_that_fills_up(tmp_path, monkeypatch, caplog, failing):
    out = tmp_path / "run.h5"

    def parts():
        yield from (part(2), part(0))
        monkeypatch.setattr(trials_room, failing, full_disk)
        yield part(1)

    with pytest.raises(OutputError, match="the disk is full"):
        run(out, parts())
    assert files_of(tmp_path) == ["run.h5", "run.h5.trials/0.h5", "run.h5.trials/2.h5"]
    assert kept_trials(out) == (0, 2)
    assert caplog.messages == [f"2 of 5 trials are kept in {out}; resume=True runs the missing ones"]
    monkeypatch.undo()
    assert resumed(out) == ([1, 3, 4], part(0, 1, 2, 3, 4))


def test_a_disk_that_is_full_at_the_first_trial(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trials_room, "write_index_hdf5", full_disk)
    with pytest.raises(OutputError, match="the disk is full"):
        run(tmp_path / "run.h5", [part(0)])
    assert os.listdir(tmp_path) == []
    assert caplog.messages == []


def test_a_disk_that_is_full_at_the_end(tmp_path, monkeypatch, caplog):
    out = tmp_path / "run.h5"
    write = trials_room.write_result_hdf5

    def no_room_for_all(result, *given, **more):
        if result.n_trials > 2:
            full_disk()
        write(result, *given, **more)

    monkeypatch.setattr(trials_room, "write_result_hdf5", no_room_for_all)
    with pytest.raises(OutputError, match="the disk is full"):
        run(out, map(part, range(5)))
    assert kept_trials(out) == (0, 1, 2, 3, 4)
    assert caplog.messages == [f"5 of 5 trials are kept in {out}; resume=True puts them together"]
    monkeypatch.undo()
    assert resumed(out) == ([], part(0, 1, 2, 3, 4))


def test_a_full_disk_does_not_hide_why_the_run_ended(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trials_room, "WRITE_EVERY_S", 1e6)

    def fill_and_interrupt():
        monkeypatch.setattr(trials_room, "write_result_hdf5", full_disk)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run.h5", [part(0), part(1)], then=fill_and_interrupt)
    assert caplog.messages[0] == "run.h5: could not be written (the disk is full)"
    assert caplog.messages[1].startswith("1 of 5 trials are kept")
