"""Targets: units, signs, tables, MNE's values, windows."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, UnknownName
from hnnlib.optimization.target import Target, read_target

TIMES = np.arange(0.0, 100.0, 2.0)
DATA = np.sin(TIMES / 15.0)


def test_arrays_in_other_units():
    target = Target.from_arrays(TIMES / 1e3, DATA * 1e-9, unit="Am", time_unit="s", sign=-1, n_averaged=80)
    np.testing.assert_allclose(target.times, TIMES)
    np.testing.assert_allclose(target.data, -DATA)
    assert target.n_averaged == 80
    np.testing.assert_allclose(Target.from_arrays(TIMES, DATA, unit="fAm").data, DATA * 1e-6)


def test_arrays_cannot_be_changed_and_are_copies():
    data = DATA.copy()
    target = Target(TIMES, data)
    data[0] = 5.0
    assert target.data[0] == DATA[0]
    with pytest.raises(ValueError, match="read-only"):
        target.data[0] = 1.0


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"unit": "nA"}, UnknownName, "did you mean 'nAm'"),
        ({"time_unit": "min"}, UnknownName, "unit of time"),
        ({"sign": 0}, InvalidValue, "must be 1 or -1"),
        ({"data": np.where(TIMES == 10.0, np.nan, DATA)}, InvalidValue, r"target.data\[5\].*t = 10 ms"),
        ({"times": TIMES[::-1]}, InvalidValue, r"target.times\[1\]"),
        ({"data": DATA[:-1]}, InvalidValue, "two arrays of one length"),
        ({"n_averaged": 0}, InvalidValue, "integer >= 1"),
        ({"data": "abc"}, InvalidType, "target.data"),
    ],
)
def test_what_is_refused(given, error, says):
    with pytest.raises(error, match=says):
        Target.from_arrays(**{"times": TIMES, "data": DATA, "unit": "nAm", **given})


def test_window_and_baseline():
    target = Target(TIMES, DATA + 3.0)
    cropped = target.crop(10.0, 40.0)
    assert (cropped.times[0], cropped.times[-1]) == (10.0, 40.0)
    np.testing.assert_allclose(target.baseline(0.0, 20.0).data[:11].mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(target.baseline(0.0, 20.0).data, DATA - DATA[:11].mean(), atol=1e-12)
    np.testing.assert_allclose(target.shift(50.0).times, TIMES + 50.0)
    with pytest.raises(InvalidValue, match="shorter than the window: it must cover 0 to 170 ms"):
        target.crop(0.0, 170.0)
    with pytest.raises(InvalidValue, match="at least 2 samples"):
        target.crop(20.5, 21.5)


def test_resampling_keeps_a_slow_wave_and_takes_out_a_fast_one():
    times = np.arange(0.0, 300.0)
    slow, fast = np.sin(2 * np.pi * times / 100.0), np.sin(2 * np.pi * times / 3.0)  # 10 Hz and 333 Hz
    down = Target(times, slow + fast).resample(250.0)
    np.testing.assert_allclose(np.diff(down.times), 4.0)
    inner = (down.times > 60.0) & (down.times < 240.0)
    np.testing.assert_allclose(down.data[inner], np.sin(2 * np.pi * down.times / 100.0)[inner], atol=0.02)
    up = Target(times, slow).resample(2000.0)
    inner = (up.times > 60.0) & (up.times < 240.0)
    np.testing.assert_allclose(up.data[inner], np.sin(2 * np.pi * up.times / 100.0)[inner], atol=0.01)


def test_resampling_needs_even_times():
    uneven = np.cumsum(np.where(np.arange(50) % 2, 1.0, 2.0))
    with pytest.raises(InvalidValue, match="not evenly spaced"):
        Target(uneven, np.zeros(50)).resample(500.0)
    rounded = Target(np.round(np.arange(50) / 0.6, 2), np.zeros(50))
    assert rounded.resample(1200.0).times.size == 100


def test_text_and_csv(tmp_path):
    text = tmp_path / "recorded.txt"
    text.write_text("# time, moment\n" + "\n".join(f"{t:e} {x:e}" for t, x in zip(TIMES, DATA, strict=True)))
    target = read_target(text, unit="nAm", n_averaged=100)
    np.testing.assert_allclose(target.data, DATA, atol=1e-6)
    assert (target.name, target.n_averaged) == ("recorded", 100)
    rows = "\n".join(f"x,{t / 1e3},{x},{-x * 1e-9}" for t, x in zip(TIMES, DATA, strict=True))
    table = tmp_path / "table.csv"
    table.write_text(f"who,time (s),other,S1\n{rows}\n")
    target = read_target(table, unit="Am", times="time (s)", data="S1", time_unit="s", sign=-1)
    np.testing.assert_allclose(target.times, TIMES)
    np.testing.assert_allclose(target.data, DATA)
    np.testing.assert_allclose(read_target(table, unit="nAm", times=1, data=2, time_unit="s").data, DATA)


def test_bad_tables(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_target(tmp_path / "none.txt", unit="nAm")
    table = tmp_path / "t.csv"
    table.write_text("time,S1\n0,1\n1,two\n")
    with pytest.raises(FileFormatError, match=r"line 3.*'two'"):
        read_target(table, unit="nAm")
    with pytest.raises(UnknownName, match="did you mean 'time'"):
        read_target(table, unit="nAm", times="times")
    with pytest.raises(FileFormatError, match="no column 4"):
        read_target(table, unit="nAm", data=4)
    table.write_text("0,1\n1,2\n")
    with pytest.raises(FileFormatError, match="no line of names"):
        read_target(table, unit="nAm", data="S1")
    table.write_text("")
    with pytest.raises(FileFormatError, match="holds no numbers"):
        read_target(table, unit="nAm")


def test_values_of_mne():
    mne = pytest.importorskip("mne")
    info = mne.create_info(["left", "right"], 500.0, "misc")
    both = np.array([DATA, 2 * DATA]) * 1e-9
    evoked = mne.EvokedArray(both, info, tmin=-0.02, comment="tap", nave=90)
    target = Target.from_mne(evoked, unit="Am", sign=-1, pick="right")
    np.testing.assert_allclose(target.data, -2 * DATA)
    np.testing.assert_allclose(target.times, TIMES - 20.0, atol=1e-9)
    assert (target.name, target.n_averaged) == ("tap", 90)
    with pytest.raises(UnknownName, match="did you mean 'right'"):
        Target.from_mne(evoked, unit="Am", pick="rigt")
    with pytest.raises(InvalidValue, match="which of 2 channels"):
        Target.from_mne(evoked, unit="Am")
    sources = mne.SourceEstimate(both, [np.array([3]), np.array([8])], tmin=0.0, tstep=0.002, subject="s")
    np.testing.assert_allclose(Target.from_mne(sources, unit="Am", pick=1).data, 2 * DATA)
    np.testing.assert_allclose(Target.from_mne(sources, unit="Am", pick="mean").data, 1.5 * DATA)
    with pytest.raises(InvalidType, match=r"mne\.Evoked"):
        Target.from_mne(DATA, unit="Am")
