"""Every spec goes through JSON and comes back equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from hnnlib.base.schema import digest, from_plain, to_plain
from hnnlib.models.columns import calcium, law_2021, neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.layout import AtPoints, Grid, OnGrid, Place
from hnnlib.spec.network import Electrodes, NetworkSpec, TonicBias
from hnnlib.spec.profiles import Exponential, Linear, Profile, Sampled
from hnnlib.spec.run import Record, RunSpec

WEIGHTS = {"left": {"ampa": 0.1}, "right": {"ampa": 0.0, "gabaa": 1e-7}}
DRIVE = {"location": "dend", "weights": WEIGHTS}

SPECS: list[tuple[Any, Any]] = [
    (SectionSpec, SectionSpec(L=50, diam=2, nseg=3, direction=(0.6, 0, -0.8), parent="soma", parent_end=0)),
    (
        SectionSpec,
        SectionSpec(
            L=120.0,
            diam=2.0,
            mechanisms={
                "hh2": {
                    "gnabar": 0.1,
                    "gkbar": Linear(start=0.1, end=0.3, reach=90.0),
                    "gl": Sampled(values=[1e-4, 2e-4, 3e-4]),
                },
                "ar": {"gbar": Exponential(scale=1e-6, rate=0.003)},
                "pas": {},
            },
            receptors=("ampa",),
        ),
    ),
    (SynapseSpec, SynapseSpec(parameters={"e": -80, "tau1": 1})),
    (ConnectionSpec, ConnectionSpec(source="a", target="b", location="c", receptor="d", weight=0.1)),
    (
        ConnectionSpec,
        ConnectionSpec(
            source="a", target="b", location="c", receptor="d", weight=1, source_cells=[0, 2], target_cells=[], gain=2
        ),
    ),
    (
        ConnectionSpec,
        ConnectionSpec(source="a", target="b", location="c", receptor="d", weight=1, pairs=[(0, 1)], conn_seed=3),
    ),
    (DriveSpec, EvokedDrive(**DRIVE, mu=1, sigma=0, numspikes=3, event_seed=-3, conn_seed=0)),
    (DriveSpec, PoissonDrive(**DRIVE, rate={"left": 10, "right": 20}, delays={"left": 1, "right": 2}, tstop=9)),
    (DriveSpec, PoissonDrive(**DRIVE, rate=10, probability={"left": 0.5, "right": 1}, n_drive_cells=4)),
    (DriveSpec, BurstyDrive(**DRIVE, burst_rate=7, tstart=1, tstart_std=2, burst_std=3, numspikes=1)),
    (DriveSpec, SpikeTrainDrive(**DRIVE, trains=[(1.5, 0.5), ()], sources=("x", 7), n_drive_cells=2)),
    (DriveSpec, SpikeTrainDrive(**DRIVE, trains=[()], origin={"seed": 3, "map": [["a", 0, 1.5], [None, True]]})),
    (Grid, Grid(mesh_shape=(4, 7), inplane_distance=30)),
    (Place, OnGrid(pattern="interleaved", depth=0.8)),
    (Place, AtPoints(points=[(0, 1, 2), (0.1, 1e-9, -3)])),
    (TonicBias, TonicBias(amplitude=-0.1, t0=5, tstop=7, section="dend")),
    (CurrentClamp, CurrentClamp(cells={"left": None, "right": [2, 0]}, amplitude=-1, section="dend")),
    (CurrentClamp, CurrentClamp(cells={"left": [1]}, amplitude=[1, -2], delay=[0, 5], duration=[5, None])),
    (SynapticEvents, SynapticEvents(times=[5, 1.5, 5])),
    (
        SynapticEvents,
        SynapticEvents(
            times=[0], pre={"left": [3, 1]}, post={"right": None}, receptor="ampa", mode="isolate", weight_scale=0
        ),
    ),
    (Electrodes, Electrodes(positions=[(1, 2, 3)], method=None, min_distance=2)),
    (Electrodes, Electrodes(positions=[(1, 2, 3), (4, 5, 6)], method="lsa")),
    (Profile, Sampled(values=[1, 2])),
    (Record, Record(vsec="all", isec=["soma"], every=4)),
    (RunSpec, RunSpec(tstop=170, n_trials=2, seed=2**63, record=Record(ca="soma"))),
]


def through_json(kind: Any, value: Any) -> Any:
    return from_plain(kind, json.loads(json.dumps(to_plain(value), allow_nan=False)))


@pytest.mark.parametrize(("kind", "value"), SPECS, ids=lambda v: getattr(type(v), "__name__", None))
def test_specs(kind, value):
    again = through_json(kind, value)
    assert again == value
    assert type(again) is type(value)
    assert digest(again) == digest(value)
    assert hash(again) == hash(value)


@pytest.mark.parametrize("model", [neymotin_2020, law_2021, calcium])
def test_models(model: Callable[..., NetworkSpec], default_params):
    network = add_drives(model(default_params, (3, 3)), default_params)
    assert through_json(NetworkSpec, network) == network


def test_the_order_of_populations_and_drives_is_kept(small_column):
    """It decides gids."""
    again = through_json(NetworkSpec, small_column)
    assert list(again.populations) == list(small_column.populations)
    assert list(again.drives) == list(small_column.drives)


def test_a_network_with_everything(tiny_network, tiny_cell):
    network = attrs.evolve(
        tiny_network,
        origin=(1, 2, 3),
        connections=[
            ConnectionSpec(source="left", target="right", location="both", receptor="ampa", weight=1, probability=0.5)
        ],
        drives={
            "evoked": EvokedDrive(**DRIVE, mu=1, sigma=0),
            "poisson": PoissonDrive(**DRIVE, rate=10),
            "bursty": BurstyDrive(**DRIVE, burst_rate=7),
            "trains": SpikeTrainDrive(**DRIVE, trains=[(1.5, 0.5)]),
        },
        biases={"one": {"left": TonicBias(amplitude=1), "right": TonicBias(amplitude=2)}, "none": {}},
        synaptic_events={"forced": SynapticEvents(times=[1], pre={"left": [0]}), "more": SynapticEvents(times=[2, 3])},
        current_clamps={"step": CurrentClamp(cells={"right": None}, amplitude=0.1)},
        electrodes={"e": Electrodes(positions=[(1, 2, 3)])},
        threshold=-10,
        baseline="settle",
    )
    again = through_json(NetworkSpec, network)
    assert again == network
    assert digest(again) == digest(network)
    assert again.populations["left"].cell == tiny_cell
    assert isinstance(again.populations["left"].cell, CellSpec)
