"""Objectives: what they say of results whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.optimization import BandPower, Custom, PeakAt, Peaks, SpikeRate, stepwise
from hnnlib.optimization.problem import Problem

TIMES = np.arange(0, 170.001, 0.05)


def bump(at, height=1.0, width=8.0):
    return height * np.exp(-(((TIMES - at) / width) ** 2))


def result(*trials, **given):
    dipoles = [hn.Dipole(TIMES, data) for data in trials]
    nothing = [[]] * len(trials)
    return hn.Result(
        dipoles=dipoles, cell_response=hn.CellResponse(["L5_pyramidal"], nothing, nothing, nothing), **given
    )


def target(data, every=20):
    return hn.Target(TIMES[::every], data[::every])


def test_rmse_is_that_of_the_mean_of_the_trials():
    objective = hn.RMSE(target(bump(60)))
    assert objective(result(bump(60))) == pytest.approx(0.0, abs=1e-12)
    assert objective(result(bump(60) + 2.0)) == pytest.approx(2.0)
    assert objective(result(bump(60) + 3.0, bump(60) - 1.0)) == pytest.approx(1.0)
    assert np.sum(objective.residuals(result(bump(60) + 2.0)) ** 2) == pytest.approx(4.0)


def test_rmse_window_and_weights():
    off = bump(60) + np.where(TIMES > 100, 5.0, 0.0)
    assert hn.RMSE(target(bump(60)), tstop=95)(result(off)) == pytest.approx(0.0, abs=1e-12)
    weights = np.where(TIMES[::20] > 99, 0.0, 1.0)
    assert hn.RMSE(target(bump(60)), weights=weights)(result(off)) == pytest.approx(0.0, abs=1e-12)
    by_hand = hn.RMSE(target(bump(60)), weights=np.linspace(0, 1, TIMES[::20].size))
    w, d = np.linspace(0, 1, TIMES[::20].size), (off - bump(60))[::20]
    assert by_hand(result(off)) == pytest.approx(np.sqrt(np.sum(w * d**2) / np.sum(w)))


def test_scale_is_fixed_or_the_best_one():
    recorded = target(3000 * bump(60))
    assert hn.RMSE(recorded, scale=3000.0)(result(bump(60))) == pytest.approx(0.0, abs=1e-9)
    fitted = hn.RMSE(recorded, scale="fit")
    assert fitted.parts(result(bump(60))) == pytest.approx({"rmse": 0.0, "rmse scale": 3000.0}, abs=1e-6)
    assert fitted.parts(result(-bump(60)))["rmse scale"] == 0.0  # never turned over
    assert fitted.parts(result(0.0 * bump(60)))["rmse"] == pytest.approx(np.sqrt(np.mean(recorded.data**2)))
    noisy = bump(55) + 0.1
    a = fitted.parts(result(noisy))["rmse scale"]
    nearby = [hn.RMSE(recorded, scale=a * f)(result(noisy)) for f in (0.99, 1.0, 1.01)]
    assert nearby[1] == min(nearby) == pytest.approx(fitted(result(noisy)))


def test_smoothing_is_the_dipoles_own():
    dipole = hn.Dipole(TIMES, bump(60, width=4)).smooth(30)
    assert hn.RMSE(target(dipole.data["agg"]), smooth=30)(result(bump(60, width=4))) == pytest.approx(0.0, abs=1e-12)


def test_correlation_knows_no_scale():
    objective = hn.Correlation(target(bump(60)))
    assert objective(result(3 * bump(60) + 7)) == pytest.approx(0.0, abs=1e-9)
    assert objective(result(-bump(60))) == pytest.approx(2.0)
    other = bump(80)
    assert objective(result(other)) == pytest.approx(1 - np.corrcoef(bump(60)[::20], other[::20])[0, 1])
    assert np.sum(objective.residuals(result(other)) ** 2) == pytest.approx(objective(result(other)))
    assert objective(result(0 * other)) == pytest.approx(1.0)


def test_peaks():
    found = Peaks([PeakAt(40, 80, latency=60, amplitude=1.0, latency_sd=2.0, amplitude_sd=0.5)])
    assert found(result(bump(60))) == pytest.approx(0.0, abs=1e-9)
    # 4 ms is 2 standard deviations, 0.5 nAm is 1: the root of (4 + 1) / 2
    assert found(result(bump(64, 1.5))) == pytest.approx(np.sqrt(2.5))
    trough = Peaks([PeakAt(90, 130, latency=110, amplitude=-2.0)], scale=10.0)
    assert trough(result(bump(60) - bump(110, 0.2))) == pytest.approx(0.0, abs=1e-2)
    with pytest.raises(InvalidValue, match="not be 0"):
        PeakAt(0, 10, 5, 0.0)


def test_band_power():
    rhythm = np.sin(2 * np.pi * 20 * TIMES / 1000)
    # 170 ms tell frequencies apart by some 6 Hz
    within, beside = BandPower(8, 32), BandPower(40, 60)
    assert within(result(rhythm)) < 0.2
    assert beside(result(rhythm)) > 0.9
    power = within.parts(result(rhythm))["band power power"]
    assert BandPower(8, 32, power=power, relative=True)(result(rhythm)) == pytest.approx(0.0, abs=1e-12)
    absolute = BandPower(8, 32, power=0.05)
    assert absolute(result(10 * rhythm)) == pytest.approx(absolute(result(rhythm)) + 2.0)  # two decades


def test_spike_rate(net):
    gids = list(net.gid_ranges["L5_pyramidal"])
    spikes = hn.CellResponse(
        ["L5_pyramidal"],
        [[10.0, 20.0, 99.0], [30.0]],
        [gids[:1] * 3, gids[1:2]],
        [["L5_pyramidal"] * 3, ["L5_pyramidal"]],
    )
    given = hn.Result(dipoles=(), cell_response=spikes, provenance={"network": to_plain(net.spec), "trials": [0, 1]})
    # (2 + 1) spikes in 2 trials of 4 cells and 50 ms
    rate = 1.5 / 4 / 0.050
    objective = SpikeRate("L5_pyramidal", rate=rate, tstart=0, tstop=50, sd=2.0)
    assert objective.parts(given)["L5_pyramidal rate (Hz)"] == pytest.approx(rate)
    assert objective(given) == pytest.approx(0.0)
    assert SpikeRate("L5_pyramidal", rate=rate + 4, tstart=0, tstop=50, sd=2.0)(given) == pytest.approx(2.0)
    with pytest.raises(UnknownName, match="did you mean 'L5_pyramidal'"):
        SpikeRate("L5_pyramidl", 1.0, 0, 50).check(net.spec, 100.0)


def test_sums():
    a, b = hn.RMSE(target(bump(60))), hn.Correlation(target(bump(60)))
    both = 0.7 * a + 0.3 * b
    given = result(bump(70) + 0.5)
    assert both(given) == pytest.approx(0.7 * a(given) + 0.3 * b(given))
    assert set(both.parts(given)) == {"loss", "rmse", "correlation"}
    assert both.needs == {"dipole"}
    assert not both.has_residuals  # two roots of sums of squares are no sum of squares
    assert (2.0 * a).has_residuals
    three = both + Custom(lambda r: 1.0, name="one")
    assert three(given) == pytest.approx(both(given) + 1.0)
    with pytest.raises(InvalidValue, match="two parts"):
        a + a


def test_a_target_shorter_than_the_window_is_refused(net):
    short = hn.Target(TIMES[:1000:20], bump(60)[:1000:20])
    with pytest.raises(InvalidValue, match="shorter than the window: it must cover 0 to 100 ms"):
        hn.RMSE(short, tstart=0, tstop=100)
    with pytest.raises(InvalidValue, match="outside the simulation, 0 to 100 ms"):
        hn.RMSE(target(bump(60))).check(net.spec, 100.0)


def test_nan_in_the_target_is_refused():
    data = bump(60)
    data[400] = np.nan
    with pytest.raises(InvalidValue, match="t = 20 ms"):
        hn.RMSE(hn.Target(TIMES[::20], data[::20]))

    class Bare:
        times, data = TIMES, None

    Bare.data = data
    with pytest.raises(InvalidValue, match="t = 20 ms"):
        hn.RMSE(Bare())
    with pytest.raises(InvalidType, match="must be a Target"):
        hn.RMSE(data)


def test_an_objective_that_gives_nan_is_named_with_the_parameters(net, monkeypatch):
    problem = Problem(net, [hn.Free("drives.evprox1.mu", 20.0, 40.0)], lambda r: float("nan"), tstop=10.0)
    monkeypatch.setattr(problem, "_simulated", lambda values, seed, **options: result(bump(60)))
    with pytest.raises(InvalidValue, match=r"objective 'lambda'.*drives.evprox1.mu = 33"):
        problem.loss([33.0])
    named = Problem(
        net,
        [hn.Free("drives.evprox1.mu", 20.0, 40.0)],
        hn.RMSE(target(bump(60)), tstop=9.0) + Custom(lambda r: np.nan, name="late"),
        tstop=10.0,
    )
    monkeypatch.setattr(named, "_simulated", lambda values, seed, **options: result(bump(60)))
    with pytest.raises(InvalidValue, match="objective 'late'"):
        hn.fit(named, max_trials=10)


def test_what_is_no_objective_is_refused(net):
    with pytest.raises(InvalidType, match="objective"):
        Problem(net, [hn.Free("drives.evprox1.mu", 20.0, 40.0)], 3.0, tstop=10.0)
    with pytest.raises(InvalidType, match="must return a number"):
        Custom(lambda r: "1")(result(bump(60)))


def test_stages_of_a_stepwise_fit(net):
    free = hn.free_of_drives(net, ["evprox2", "evprox1", "evdist1"], weights=None)
    problem = Problem(net, free, hn.RMSE(target(bump(60))), tstop=170.0)
    search = stepwise(problem)
    assert [stage.drive for stage in search.stages] == ["evprox1", "evdist1", "evprox2"]  # in time, not as named
    first, second, last = (stage.weights for stage in search.stages)
    times = problem.objective.times
    mu = {name: net.spec.drives[name].mu for name in ("evprox1", "evdist1", "evprox2")}
    # factors of residuals, so their squares are the weights
    assert first[times > mu["evdist1"] + 10].max() ** 2 < 0.01
    assert last[times < mu["evdist1"]].max() ** 2 < 0.01
    assert second[np.argmin(abs(times - mu["evdist1"] - 5))] ** 2 > 0.9
