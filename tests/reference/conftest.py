"""The published networks, and runs of them that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.params.params import Params
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records, TrialRecord
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec


@pytest.fixture(scope="session")
def default_network(default_params: Params) -> Callable[[Mapping[str, Any]], NetworkSpec]:
    """Return a function: meta of a reference file -> the default column with its drives, on that file's mesh."""

    def make(meta: Mapping[str, Any]) -> NetworkSpec:
        return add_drives(neymotin_2020(default_params, tuple(meta["mesh_shape"])), default_params)

    return make


@attrs.frozen
class Simulation:
    """One call of `simulate`: what the engine returned and what became of it."""

    records: Records
    result: Result

    @property
    def trial(self) -> TrialRecord:
        """The first trial as the engine returned it."""
        return self.records.trials[0]


class KeepingEngine:
    """NEURON, with a memory of what it returned."""

    name, threads, splits_trials = "neuron", 1, False

    def __init__(self) -> None:
        from hnnlib.backends.neuron.engine import NeuronEngine

        self._engine = NeuronEngine()
        self.records: Records | None = None

    @property
    def options(self) -> dict[str, object]:
        return self._engine.options

    def obstacles(self, plan: Plan) -> list[str]:
        return self._engine.obstacles(plan)

    def run_many(self, plans: Any, progress: Any = None) -> list[Records]:
        return [self.run(plan, range(plan.run.n_trials)) for plan in plans]

    def run(self, plan: Plan, trials: Any, progress: Any = None) -> Records:
        self.records = self._engine.run(plan, trials, progress)
        return self.records


@pytest.fixture(scope="session")
def simulated() -> Callable[..., Simulation]:
    """Return a function that simulates a network as a user does, and keeps the raw records too."""

    def run(network: NetworkSpec, **options: Any) -> Simulation:
        from hnnlib.simulation import simulate

        engine = KeepingEngine()
        result = simulate(network, engine=engine, launcher="serial", **options)
        assert engine.records is not None
        return Simulation(engine.records, result)

    return run
