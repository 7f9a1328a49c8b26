"""What the fast engine can't do it refuses by name; what goes wrong in a run is told with time, cell and section."""

from __future__ import annotations

import logging

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.fast import build
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.registry import make_engine
from hnnlib.base.errors import InvalidValue, MechanismBuildError, TrialFailed, UnknownName, UnsupportedPlan
from hnnlib.compile.build import compile_plan
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.network import Electrodes, TonicBias
from hnnlib.spec.run import RunSpec

pytestmark = pytest.mark.neuron  # its parser reads the mechanisms; the simulator is not run


@pytest.fixture
def firing(tiny_network):
    """The tiny network with a connection whose delay is below one step."""
    connection = ConnectionSpec(
        source="left", target="right", location="both", receptor="ampa", weight=1e-3, delay=0.02, space_constant=1e3
    )
    return attrs.evolve(tiny_network, connections=(connection,))


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"rates": "table"}, UnknownName, "rates: 'table' is no choice (has tables, exact); did you mean 'tables'?"),
        ({"precision": "double"}, UnknownName, "precision: 'double' is no choice (has float64, float32)"),
        ({"threads": 0}, InvalidValue, "threads: 0 must be an integer >= 1"),
        ({"threads": 1.5}, InvalidValue, "threads: 1.5 must be an integer >= 1"),
        ({"threads": True}, InvalidValue, "threads: True must be an integer >= 1"),
    ],
)
def test_choices_that_there_are_not(options, error, told):
    with pytest.raises(error) as caught:
        FastEngine(**options)
    assert str(caught.value) == told


def test_exact_rates_in_single_precision_are_refused(tiny_network):
    with pytest.raises(UnsupportedPlan, match="exact rates need float64") as caught:
        hn.simulate(tiny_network, tstop=1.0, engine=FastEngine(rates="exact", precision="float32"))
    assert caught.value.engine == "fast"
    assert len(caught.value.obstacles) == 1


def test_every_obstacle_is_listed(firing):
    with pytest.raises(UnsupportedPlan) as caught:
        hn.simulate(firing, tstop=1.0, engine=FastEngine(rates="exact", precision="float32"))
    assert len(caught.value.obstacles) == 2
    assert "\n  - a connection has a delay below one step (0.025 ms)" in str(caught.value)
    assert all(f"\n  - {obstacle}" in str(caught.value) for obstacle in caught.value.obstacles)


def test_auto_takes_the_fast_engine_where_it_can_and_says_why_where_not(firing, tiny_network, caplog):
    caplog.set_level(logging.INFO, logger="hnnlib")
    assert make_engine("auto", compile_plan(tiny_network, RunSpec(tstop=1.0))).name == "fast"
    assert make_engine("auto", compile_plan(firing, RunSpec(tstop=1.0))).name == "neuron"
    assert make_engine("auto", compile_plan(firing, RunSpec(tstop=1.0, dt=0.0125))).name == "fast"
    told = [record.getMessage() for record in caplog.records if "engine" in record.getMessage()]
    assert len(told) == 3
    assert "delay below one step (0.025 ms)" in told[1]


def test_a_connection_that_never_acts_is_no_obstacle(firing, tiny_network):
    silent = attrs.evolve(firing, connections=(attrs.evolve(firing.connections[0], weight=0.0),))
    assert FastEngine().obstacles(compile_plan(silent, RunSpec(tstop=1.0))) == []
    drive = SpikeTrainDrive(location="both", weights={"left": {"ampa": 1e-3}}, delays=0.0, trains=[(0.5,)])
    driven = attrs.evolve(tiny_network, drives={"d": drive})
    assert FastEngine().obstacles(compile_plan(driven, RunSpec(tstop=1.0))) == []


def test_a_missing_compiler_is_told(tiny_network, monkeypatch):
    monkeypatch.setattr(build, "find_compiler", lambda: None)
    build._cpu.cache_clear()
    build.kernel_library.cache_clear()
    try:
        with pytest.raises(MechanismBuildError, match=r"fast engine needs a C\+\+17 compiler"):
            hn.simulate(tiny_network, tstop=1.0, engine="fast")
    finally:
        build._cpu.cache_clear()
        build.kernel_library.cache_clear()


# ------------------------------------------------------------------------------------------------------- divergence


def run(network, trials=(0,), threads=1, **options):
    plan = compile_plan(network, RunSpec(**{"tstop": 5.0, "n_trials": 1 + max(trials), **options}))
    return FastEngine(threads=threads).run(plan, trials)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_current_without_bound_is_told_with_time_cell_and_section(tiny_network, threads):
    network = attrs.evolve(tiny_network, biases={"b": {"right": TonicBias(amplitude=1e308, t0=3.0)}})
    with np.errstate(over="ignore"), pytest.raises(TrialFailed) as caught:
        run(network, (1, 2), threads=threads)
    assert caught.value.trial == 1
    told = "the simulation diverged: the voltage of gid 4 (right, soma) is no finite number from t = 3.025 ms on"
    assert str(caught.value).startswith(f"trial 1 failed: {told}")
    run(tiny_network)  # and nothing of it is left


def test_a_conductance_without_bound_is_told(tiny_network):
    drive = SpikeTrainDrive(
        location="distal", weights={"left": {"gabaa": 1.7e308}}, delays=0.0, space_constant=100.0, trains=[(2.0,)]
    )
    with pytest.raises(TrialFailed, match=r"voltage of gid 0 \(left, \w+\) is no finite number from t = 2\.\d+ ms on"):
        run(attrs.evolve(tiny_network, drives={"d": drive}))


def test_a_probe_without_bound_is_told_where_voltages_still_are_finite(tiny_network):
    network = attrs.evolve(
        tiny_network,
        biases={"b": {"right": TonicBias(amplitude=1e300, t0=1.0, section="dend")}},
        electrodes={"near": Electrodes(positions=[(0.0, 2.0, 9.0)], conductivity=1e-9)},
    )
    with (
        np.errstate(over="ignore"),
        pytest.raises(TrialFailed, match=r"electrodes:near .* no finite number from t = 1\.\d+"),
    ):
        run(network)


def test_a_diverging_trial_ends_at_once(tiny_network):
    """No connection, so one window is the whole run; still the first bad step is told."""
    network = attrs.evolve(tiny_network, biases={"b": {"left": TonicBias(amplitude=1e308, t0=0.5)}})
    with np.errstate(over="ignore"), pytest.raises(TrialFailed, match=r"gid 0 \(left, soma\) .* from t = 0\.525 ms on"):
        run(network, tstop=300.0)
