"""A small plan in which every table has rows."""

from __future__ import annotations

import attrs
import pytest

from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.network import Electrodes, NetworkSpec, TonicBias
from hnnlib.spec.run import Record, RunSpec


@pytest.fixture(scope="session")
def plan(tiny_network: NetworkSpec) -> Plan:
    """Two trials of seven cells: 12 pairs on two sections each, seven drive cells, biases, every kind of probe."""
    network = attrs.evolve(
        tiny_network,
        connections=[
            ConnectionSpec(source="left", target="right", location="both", receptor="ampa", weight=0.1, delay=1.0)
        ],
        drives={
            "d": EvokedDrive(
                location="soma", weights={"left": {"ampa": 0.1}, "right": {"ampa": 0.2}}, mu=5.0, sigma=1.0
            )
        },
        biases={"b": {"left": TonicBias(amplitude=0.1, section="dend")}},
        electrodes={"e": Electrodes(positions=[(0, 0, 50), (0, 0, 100)])},
    )
    return compile_plan(network, RunSpec(tstop=10.0, n_trials=2, record=Record(vsec="all", isec="all")))
