"""`Dipole`: what users of HNN-core know, with its defects mended."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.dipole import Dipole, average_dipoles


@pytest.fixture
def dpl() -> Dipole:
    times = np.arange(4001) * 0.025
    l2, l5 = np.sin(times / 9), 2 * np.cos(times / 13)
    return Dipole(times, np.column_stack([l2 + l5, l2, l5]))


@pytest.fixture
def published(reference):
    arrays, _ = reference("jones_default_trial1")
    return arrays, Dipole(np.arange(6801) * 0.025, arrays["dipole_nAm"])


def test_published_post_processing(published):
    arrays, dpl = published
    post = np.column_stack(list(dpl.copy().smooth(30).scale(3000).data.values()))
    # 1e-12 nAm of the dipole itself, before it is multiplied by 3000.
    np.testing.assert_allclose(post / 3000, arrays["dipole_post"] / 3000, rtol=0, atol=1e-12)
    savgol = np.column_stack(list(dpl.copy().savgol_filter(60).data.values()))
    np.testing.assert_allclose(savgol, arrays["dipole_savgol60"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shape", "names"), [((4,), ["agg"]), ((4, 1), ["agg"]), ((4, 3), ["agg", "L2", "L5"])])
def test_array_data(shape, names):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    dpl = Dipole(np.arange(4.0), values)
    assert list(dpl.data) == names
    np.testing.assert_array_equal(np.column_stack(list(dpl.data.values())), values.reshape(4, -1))


def test_named_data_puts_the_aggregate_first():
    dpl = Dipole([0, 1, 2], {"L4": [1, 2, 3], "agg": [1, 2, 4], "L2/3": [0, 0, 1]})
    assert list(dpl.data) == ["agg", "L4", "L2/3"]


@pytest.mark.parametrize(
    ("times", "data", "message"),
    [
        ([0, 1, 2], np.zeros((3, 2)), r"data.shape: \(3, 2\) must be \(3,\), \(3, 1\) or \(3, 3\)"),
        ([0, 1, 2], np.zeros((3, 4)), "data.shape"),
        ([0, 1, 2], np.zeros(4), "data.shape"),
        ([0, 1, 2], np.zeros((3, 3, 1)), "data.shape"),
        ([0, 1, 2], {"L2": [0, 1, 2]}, "must name the aggregate 'agg'"),
        ([0, 1, 2], {"agg": [0, 1]}, r"data\['agg'\].shape: \(2,\) must be that of times, \(3,\)"),
        ([0, 1, 2], "abc", "data: 'abc' must be an array of numbers in nAm"),
        ([0], [0], "at least 2 samples"),
        ([[0, 1]], [0, 1], "times.shape"),
        ([0, 1, 1], [0, 1, 2], r"times\[2\]: 1.0 must be a time in ms, later"),
        ([0, np.nan, 1], [0, 1, 2], r"times\[1\]: nan"),
        (None, [0, 1, 2], "times"),
    ],
)
def test_wrong_data(times, data, message):
    with pytest.raises(InvalidValue, match=message):
        Dipole(times, data)


@pytest.mark.parametrize("nave", [0, -1, 1.5, "2", True])
def test_wrong_nave(nave):
    with pytest.raises(InvalidValue, match="nave"):
        Dipole([0, 1], [0, 1], nave=nave)


def test_dipole_keeps_its_own_data():
    times, data = np.arange(3.0), np.zeros((3, 3))
    dpl = Dipole(times, data)
    dpl.data["agg"][0] = dpl.times[0] = 7
    assert times[0] == 0
    assert not data.any()


def test_methods_change_in_place_and_chain(dpl):
    raw = dpl.copy()
    assert dpl.sfreq == pytest.approx(40_000)
    assert dpl.scale(3).scale(0.5) is dpl
    assert dpl.scale_applied == 1.5
    np.testing.assert_allclose(dpl.data["L5"], 1.5 * raw.data["L5"])
    assert dpl.smooth(5) is dpl
    assert dpl.savgol_filter(100) is dpl
    assert list(dpl.data) == ["agg", "L2", "L5"]
    np.testing.assert_allclose(dpl.data["agg"], dpl.data["L2"] + dpl.data["L5"], atol=1e-12)
    assert raw.scale_applied == 1.0
    assert raw != dpl


@pytest.mark.parametrize("change", [lambda d: d.smooth(0), lambda d: d.savgol_filter(-1), lambda d: d.scale("3")])
def test_failed_change_leaves_the_dipole_alone(dpl, change):
    before = dpl.copy()
    with pytest.raises(InvalidValue):
        change(dpl)
    assert dpl == before


def test_smoothing_window_of_1200_samples():
    with pytest.raises(InvalidValue, match="1200 samples"):
        Dipole(np.arange(1199) * 0.025, np.ones(1199)).smooth(30)
    Dipole(np.arange(1200) * 0.025, np.ones(1200)).smooth(30)


def test_equality_and_pickle(dpl):
    assert dpl == dpl.copy()
    assert pickle.loads(pickle.dumps(dpl)) == dpl
    assert dpl != "dipole"
    for change in (
        lambda d: d.scale(2),
        lambda d: d.data.update(agg=d.data["agg"] + 1e-15),
        lambda d: setattr(d, "nave", 2),
        lambda d: d.data.pop("L2"),
    ):
        other = dpl.copy()
        change(other)
        assert other != dpl


def test_repr_tells_peak_and_scale(dpl):
    peaked = Dipole([0.0, 1.0, 2.5], [0.0, -4.0, 1.0]).scale(2)
    assert repr(peaked) == "<Dipole | 3 samples, 0 to 2.5 ms, agg; peak -8 nAm (scaled by 2) at 1 ms>"
    assert "mean of 2 trials" in repr(average_dipoles([dpl, dpl]))


def test_average(dpl):
    other = dpl.copy()
    for name in other.data:
        other.data[name] = -3 * other.data[name]
    mean = average_dipoles([dpl, other])
    assert mean.nave == 2
    np.testing.assert_allclose(mean.data["L2"], -dpl.data["L2"])
    assert average_dipoles([dpl, dpl]).data["agg"].tolist() == dpl.data["agg"].tolist()
    assert average_dipoles([dpl]) == dpl
    alone = Dipole(dpl.times, dpl.data["agg"]).scale(3)
    assert average_dipoles([alone, alone]).scale_applied == 3
    assert mean.times is not dpl.times


def test_average_errors(dpl):
    mean = average_dipoles([dpl, dpl])
    with pytest.raises(ValueError, match="dipole 0 is an average of 2 trials"):
        average_dipoles([mean, dpl])
    with pytest.raises(InvalidValue, match=r"dpls\[1\].scale_applied: 2.0 must be that of the first dipole, 1.0"):
        average_dipoles([dpl, dpl.copy().scale(2)])
    with pytest.raises(InvalidType, match=r"dpls\[1\]: 'x' must be a Dipole"):
        average_dipoles([dpl, "x"])
    with pytest.raises(InvalidValue, match="at least one"):
        average_dipoles([])
    with pytest.raises(InvalidValue, match=r"dpls\[1\].data"):
        average_dipoles([dpl, Dipole(dpl.times, dpl.data["agg"])])
    with pytest.raises(InvalidValue, match=r"dpls\[1\].times"):
        average_dipoles([dpl, Dipole(dpl.times + 1, dpl.data)])
