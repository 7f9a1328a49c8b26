"""Every bound of every spec: what is outside is refused, with path, value and what is allowed."""

from __future__ import annotations

import math

import attrs
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.spec.cells import SectionSpec
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.layout import Grid, OnGrid
from hnnlib.spec.network import Electrodes, NetworkSpec, Population, TonicBias
from hnnlib.spec.profiles import Exponential, Linear
from hnnlib.spec.run import Record, RunSpec

DRIVE = {"location": "soma", "weights": {"left": {"ampa": 0.1}}}
DRIVE_BOUNDS = {"delays": {"ge": 0}, "probability": {"gt": 0, "le": 1}, "space_constant": {"gt": 0}}
# class -> arguments that are fine; field -> its bounds ({}: any finite number)
QUANTITIES = {
    SectionSpec: (
        {"L": 50.0, "diam": 2.0},
        {"L": {"gt": 0}, "diam": {"gt": 0}, "Ra": {"gt": 0}, "cm": {"gt": 0}, "v0": {}},
    ),
    ConnectionSpec: (
        {"source": "left", "target": "right", "location": "soma", "receptor": "ampa", "weight": 0.1},
        {
            "weight": {"ge": 0},
            "delay": {"ge": 0},
            "space_constant": {"gt": 0},
            "gain": {"ge": 0},
            "probability": {"gt": 0, "le": 1},
        },
    ),
    EvokedDrive: ({**DRIVE, "mu": 20.0, "sigma": 2.0}, {**DRIVE_BOUNDS, "mu": {}, "sigma": {"ge": 0}}),
    PoissonDrive: (
        {**DRIVE, "rate": 10.0},
        {**DRIVE_BOUNDS, "tstart": {"ge": 0}, "tstop": {"ge": 0}, "rate": {"gt": 0}},
    ),
    BurstyDrive: (
        {**DRIVE, "burst_rate": 10.0},
        {
            **DRIVE_BOUNDS,
            "tstart": {"ge": 0},
            "tstart_std": {"ge": 0},
            "tstop": {"ge": 0},
            "burst_rate": {"gt": 0},
            "burst_std": {"ge": 0},
            "spike_isi": {"ge": 0},
        },
    ),
    SpikeTrainDrive: ({**DRIVE, "trains": [(1.0,)]}, DRIVE_BOUNDS),
    Grid: ({}, {"inplane_distance": {"gt": 0}, "layer_separation": {"gt": 0}}),
    OnGrid: ({}, {"depth": {}}),
    TonicBias: ({"amplitude": 0.1}, {"amplitude": {}, "t0": {"ge": 0}, "tstop": {"ge": 0}}),
    SynapticEvents: ({"times": [1.0]}, {"weight_scale": {"ge": 0}}),
    Electrodes: (
        {"positions": [(0.0, 0.0, 0.0)]},
        {"conductivity": {"gt": 0}, "min_distance": {"gt": 0}},
    ),
    NetworkSpec: ({"populations": {}}, {"threshold": {}, "celsius": {}}),
    Exponential: ({"scale": 1.0, "rate": 0.1}, {"scale": {}, "rate": {}, "offset": {}}),
    Linear: ({"start": 0.0, "end": 1.0, "reach": 9.0}, {"start": {}, "end": {}, "reach": {"gt": 0}}),
    RunSpec: ({"tstop": 10.0}, {"tstop": {"gt": 0}, "dt": {"gt": 0}}),
}
# class -> field -> lowest allowed integer
INTEGERS = {
    SectionSpec: {"nseg": 1},
    ConnectionSpec: {"conn_seed": 0},
    EvokedDrive: {"n_drive_cells": 1, "conn_seed": 0, "numspikes": 1},
    PoissonDrive: {"n_drive_cells": 1},
    BurstyDrive: {"n_drive_cells": 1, "numspikes": 1},
    RunSpec: {"n_trials": 1, "seed": 0},
    Record: {"every": 1},
}
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def bounds_of(field: attrs.Attribute) -> dict[str, float]:
    return {name: field.metadata[name] for name in SIGNS if field.metadata.get(name) is not None}


@pytest.mark.parametrize("cls", QUANTITIES)
def test_no_quantity_is_forgotten_here(cls):
    declared = {f.name: bounds_of(f) for f in attrs.fields(cls) if set(SIGNS) <= set(f.metadata)}
    assert declared == QUANTITIES[cls][1]


@pytest.mark.parametrize(("cls", "field"), [(c, f) for c, (_, fields) in QUANTITIES.items() for f in fields])
def test_bounds(cls, field):
    fine, fields = QUANTITIES[cls]
    wrong = {math.nan: "must be a finite number", math.inf: "must be a finite number"}
    for name, bound in fields[field].items():
        outside = {"gt": bound, "ge": bound - 1e-9, "lt": bound, "le": bound + 1e-9}[name]
        wrong[outside] = f"{SIGNS[name]} {bound}"
    for value, allowed in wrong.items():
        with pytest.raises(InvalidValue) as error:
            cls(**{**fine, field: value})
        assert error.value.path == field
        assert error.value.value == value or math.isnan(value)
        assert allowed in error.value.allowed
        assert repr(value) in str(error.value)
    with pytest.raises(InvalidType, match=f"^{field}: 'a' must be a number"):
        cls(**{**fine, field: "a"})


@pytest.mark.parametrize(("cls", "field", "low"), [(c, f, low) for c, fs in INTEGERS.items() for f, low in fs.items()])
def test_bounds_of_integers(cls, field, low):
    fine = QUANTITIES[cls][0] if cls in QUANTITIES else {}
    assert getattr(cls(**{**fine, field: low}), field) == low
    for value in (low - 1, low + 0.5, math.nan):
        with pytest.raises(InvalidValue, match=f"^{field}: {value!r} must be an integer >= {low}"):
            cls(**{**fine, field: value})


def test_the_threshold_of_a_population(tiny_cell):
    assert Population(cell=tiny_cell, threshold=-20).threshold == -20.0
    with pytest.raises(InvalidValue, match="threshold: nan must be a finite number"):
        Population(cell=tiny_cell, threshold=math.nan)


# ------------------------------------------------------------------------------------------------ bounds on each other


@pytest.mark.parametrize(
    ("make", "path", "message"),
    [
        (lambda: RunSpec(tstop=0.01, dt=0.025), "tstop", "at least one time step (dt = 0.025 ms)"),
        (lambda: TonicBias(amplitude=1.0, t0=20.0, tstop=10.0), "tstop", "must be >= t0 (20 ms)"),
        (lambda: PoissonDrive(**DRIVE, rate=1.0, tstart=20.0, tstop=10.0), "tstop", "must be >= tstart (20 ms)"),
        (lambda: BurstyDrive(**DRIVE, burst_rate=1.0, tstart=20.0, tstop=10.0), "tstop", "must be >= tstart (20 ms)"),
        (lambda: BurstyDrive(**DRIVE, burst_rate=20.0, numspikes=5, spike_isi=20.0), "spike_isi", "Burst duration"),
        (lambda: Electrodes(positions=[]), "positions", "must hold at least one contact"),
        (lambda: SpikeTrainDrive(**DRIVE, trains=[]), "trains", "must hold at least one spike train"),
        (
            lambda: SpikeTrainDrive(**DRIVE, trains=[(1.0,)], n_drive_cells=2),
            "n_drive_cells",
            "must be the number of trains, 1",
        ),
        (
            lambda: ConnectionSpec(**QUANTITIES[ConnectionSpec][0], pairs=[(0, 1)], source_cells=[0]),
            "pairs",
            "excludes source_cells and target_cells",
        ),
    ],
)
def test_values_that_do_not_fit_each_other(make, path, message):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.path == path
    assert message in str(error.value)


def test_bursts_may_fill_their_period_exactly():
    drive = BurstyDrive(**DRIVE, burst_rate=20.0, numspikes=6, spike_isi=10.0)
    assert (drive.numspikes - 1) * drive.spike_isi == 1000 / drive.burst_rate


def test_one_step_is_a_run():
    assert RunSpec(tstop=0.025, dt=0.025).n_steps == 1
    assert RunSpec(tstop=170.0, dt=0.025).n_steps == 6800
    # the quotient is 3999.9999999999995: rounding, not cutting off
    assert RunSpec(tstop=0.1 * 4000, dt=0.1).n_steps == 4000
