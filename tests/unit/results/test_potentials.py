"""`ElectrodeRecording`."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.results.potentials import ElectrodeRecording

LAMINAR = [(0, 0, z) for z in (0, 100, 200, 300, 400)]
TIMES = np.arange(400) * 0.5


def recording(positions=LAMINAR, times=TIMES, n_trials=3, **changes) -> ElectrodeRecording:
    voltages = np.random.default_rng(1).normal(size=(n_trials, len(positions), len(times)))
    values = {"conductivity": 0.3, "method": "psa", "min_distance": 0.5, "voltages": voltages, **changes}
    return ElectrodeRecording(positions=positions, times=times, **values)


@pytest.mark.parametrize("array", ["psa", "lsa"])
def test_published_potentials(reference, array):
    arrays, meta = reference("net3x3_lfp")
    geometry = meta["electrode_arrays"][f"lfp__{array}"]
    values = {"positions": geometry["positions_um"], "n_trials": 1, "method": array}
    full = recording(times=np.arange(6801) * 0.025, voltages=arrays[f"lfp__{array}"][np.newaxis], **values)
    smoothed = full.smooth(10).voltages[0, :, ::20]
    # The full-rate potentials are stored in single precision: half a unit of its last place at the largest value.
    single = np.abs(arrays[f"lfp__{array}"]).max() * 2.0**-24
    np.testing.assert_allclose(smoothed, arrays[f"lfp64_smooth10_dec20__{array}"], rtol=0, atol=single)
    coarse = recording(times=arrays["lfp_times_dec20"], voltages=arrays[f"lfp64_dec20__{array}"][np.newaxis], **values)
    np.testing.assert_allclose(coarse.csd()[0], arrays[f"csd64_dec20__{array}"], rtol=0, atol=1e-18)


def test_trials_are_chosen_by_index():
    whole = recording()
    assert len(whole) == 3
    np.testing.assert_array_equal(whole[1].voltages, whole.voltages[1:2])
    np.testing.assert_array_equal(whole[-1].voltages, whole.voltages[2:])
    assert len(whole[1:]) == 2
    np.testing.assert_array_equal(whole[[2, 0]].voltages, whole.voltages[[2, 0]])
    assert whole[0].min_distance == whole.min_distance
    assert [len(trial) for trial in whole] == [1, 1, 1]
    for wrong in (3, [0, 7]):
        with pytest.raises(IndexError, match="out of range; there are 3"):
            whole[wrong]
    for wrong in ("0", None, 1.5, True):
        with pytest.raises(InvalidType, match="trials"):
            whole[wrong]


def test_recording_is_immutable():
    whole = recording()
    with pytest.raises(AttributeError):
        whole.times = TIMES
    with pytest.raises(ValueError, match="read-only"):
        whole.voltages[0, 0, 0] = 1
    smoothed = whole.smooth(5)
    assert smoothed != whole
    assert smoothed.positions.tolist() == whole.positions.tolist()
    assert np.std(smoothed.voltages) < np.std(whole.voltages)


def test_sampling_rate():
    assert recording().sfreq == 2000.0
    assert recording(times=TIMES + 1e-5 * np.sin(TIMES)).sfreq == pytest.approx(2000, rel=1e-3)
    for times in ([1.0], [0.0, 1.0, 2.5], [3.0, 2.0, 1.0]):
        with pytest.raises(InvalidValue, match="sampling rate"):
            recording(times=times).sfreq  # noqa: B018


def test_csd_spacing():
    whole = recording()
    assert whole.csd().shape == whole.voltages.shape
    np.testing.assert_allclose(whole.csd(200.0), whole.csd() / 4)
    with pytest.raises(InvalidValue, match="evenly spaced"):
        recording([(0, 0, 0), (0, 0, 1), (0, 0, 3), (0, 0, 4)]).csd()
    with pytest.raises(InvalidValue, match="at least 4 contacts"):
        recording(LAMINAR[:3]).csd()


def test_equality_pickle_repr():
    assert recording() == recording() == pickle.loads(pickle.dumps(recording()))
    assert recording() != recording(method="lsa")
    assert recording() != recording(n_trials=2)
    assert recording() != 3
    assert repr(recording(method=None)) == (
        "<ElectrodeRecording | 3 trials, 5 contacts, 400 samples (µV); conductivity 0.3 S/m, method None>"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [(0, 0)]}, "positions.shape"),
        ({"times": TIMES[:, np.newaxis]}, "times.shape"),
        ({"voltages": np.zeros((5, 400))}, r"voltages.shape: \(5, 400\) must be \(n_trials, 5, 400\)"),
        ({"voltages": np.zeros((1, 5, 399))}, "voltages.shape"),
    ],
)
def test_shapes_that_do_not_fit(changes, message):
    with pytest.raises(InvalidValue, match=message):
        recording(**changes)
