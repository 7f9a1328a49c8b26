"""What is read from each result."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.batch.summaries import BandPowers, DipoleMean, DipolePeaks, SpikeRates, summarise
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.result import Result

TIMES = np.arange(0.0, 200.0, 0.5)


@pytest.fixture
def result():
    """Two trials: a bump of 4 and one of 2 nAm at 50 ms, a trough at 120 ms, and some spikes."""

    def dipole(size):
        wave = size * np.exp(-0.5 * ((TIMES - 50) / 5) ** 2) - np.exp(-0.5 * ((TIMES - 120) / 5) ** 2)
        return Dipole(TIMES, {"agg": wave, "L2": 0.25 * wave})

    response = CellResponse(
        cell_type_names=["L2", "L5"],
        spike_times=[[10.0, 20.0, 30.0], [10.0]],
        spike_gids=[[0, 4, 9], [0]],
        spike_types=[["L2", "L5", "drive"], ["L2"]],
        times=TIMES,
        gid_ranges={"L2": range(4), "L5": range(4, 9), "drive": range(9, 10)},
    )
    return Result(dipoles=[dipole(4.0), dipole(2.0)], cell_response=response)


def test_peaks_of_the_mean(result):
    found = DipolePeaks()(result)
    assert list(found) == ["positive_peak", "positive_latency", "negative_peak", "negative_latency"]
    assert list(found.values()) == pytest.approx([3.0, 50.0, -1.0, 120.0])
    assert DipolePeaks(tmin=100.0, name="late", scale=10.0)(result)["late_negative_peak"] == pytest.approx(-10.0)
    assert np.isnan(DipolePeaks(tmin=100.0)(result)["positive_latency"])
    assert DipolePeaks(part="L2")(result)["positive_peak"] == pytest.approx(0.75)
    assert DipolePeaks(smooth=20.0)(result)["positive_peak"] < 2.9
    with pytest.raises(UnknownName, match="part: 'L3' is no part of the dipole"):
        DipolePeaks(part="L3")(result)


def test_mean_over_a_window(result):
    assert DipoleMean(tmin=50.0, tmax=50.0)(result) == pytest.approx({"dipole_mean": 3.0})
    assert DipoleMean(tmin=118.0, tmax=122.0, name="N1")(result)["N1_dipole_mean"] == pytest.approx(-0.96, abs=0.02)
    with pytest.raises(InvalidValue, match=r"tmax: 301.0 the window from tmin = 300.0 ms holds no sample"):
        DipoleMean(tmin=300.0, tmax=301.0)(result)


def test_rates_and_counts_of_cells_not_of_drives(result):
    duration = TIMES[-1] / 1000.0  # s
    assert SpikeRates()(result) == pytest.approx({"rate.L2": 1 / 4 / duration, "rate.L5": 0.5 / 5 / duration})
    assert SpikeRates(counts=True)(result) == {"spikes.L2": 1.0, "spikes.L5": 0.5}
    assert SpikeRates(tmin=15.0, tmax=25.0, counts=True)(result) == {"spikes.L2": 0.0, "spikes.L5": 0.5}
    with pytest.raises(InvalidValue, match=r"tmax: 5.0 must be > tmin, 5 ms"):
        SpikeRates(tmin=5.0, tmax=5.0)(result)


def test_power_of_bands():
    wave = np.sin(2 * np.pi * 0.02 * TIMES)  # 20 Hz, 1 nAm: power 1/2 nAm²
    response = CellResponse(spike_times=[[]], spike_gids=[[]], times=TIMES)
    result = Result(dipoles=[Dipole(TIMES, {"agg": wave})], cell_response=response)
    bands = BandPowers({"beta": (13.0, 30.0), "gamma": (30.0, 80.0)})
    found = bands(result)
    assert found["beta_power"] == pytest.approx(0.5, rel=0.05)
    assert found["gamma_power"] < 0.02
    assert BandPowers({"beta": (13.0, 30.0)}, relative=True)(result)["beta_power"] == pytest.approx(1.0, abs=0.05)


def test_several_are_put_together_and_checked(result):
    found = summarise(result, [DipolePeaks(), lambda r: {"n": np.int64(r.n_trials), "yes": True}])
    assert (found["n"], found["yes"], len(found)) == (2.0, 1.0, 6)
    for summary, kind, told in (
        (lambda r: 3, InvalidType, "summary: 3 must be a mapping"),
        (lambda r: {"x": "high"}, InvalidType, r"summary\['x'\]: 'high' must be a number"),
        (lambda r: {"x": np.zeros(2)}, InvalidType, r"summary\['x'\]: .* must be a number"),
        (lambda r: {4: 1.0}, InvalidType, "summary: 4 must be a name"),
        (lambda r: {"positive_peak": 1.0}, InvalidValue, "is given by two summaries"),
    ):
        with pytest.raises(kind, match=told):
            summarise(result, [DipolePeaks(), summary])


def test_without_a_dipole_it_is_told():
    response = CellResponse(spike_times=[[]], spike_gids=[[]], times=TIMES)
    with pytest.raises(InvalidValue, match="no cell of this network measures the dipole"):
        DipolePeaks()(Result(dipoles=[], cell_response=response))
