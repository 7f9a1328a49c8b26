"""Problems whose loss is a formula: nothing is simulated."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.optimization import Custom, Evaluation, Free
from hnnlib.optimization.problem import Problem

FREE = (
    Free("drives.evprox1.mu", 20.0, 40.0),
    Free("drives.evprox1.weights.L5_pyramidal.ampa", 1e-4, 1e-1, "log", start=1e-3),
    Free("drives.evdist1.sigma", 1.0, 6.0),
)


class Formula(Problem):
    """A bowl in the unit cube around ``optimum``, which may lie outside; counts what is evaluated anew."""

    def __init__(self, net, free=FREE, optimum=(0.3, 0.6, 0.8), fails=lambda unit: False):
        super().__init__(net, free, Custom(lambda result: 0.0, name="bowl", needs=()), tstop=10.0)
        self.optimum, self.fails = np.array(optimum), fails
        self.asked = []

    def evaluate(self, many, launcher=None, *, seed=None, keep=None):
        rows = [self.space.values(values) for values in many]
        found = []
        with closing(SerialLauncher().map(lambda _, row: self.one(row), rows)) as arriving:
            for number, one in arriving:
                found.append(one)
                self.asked.append(tuple(one.values))
                if keep is not None:
                    keep(number, one)
        return found

    def one(self, row):
        unit = self.space.to_unit(row)
        if self.fails(unit):
            return Evaluation(row, np.inf, {}, None, 0, 0.0, "it diverged")
        residuals = (unit - self.optimum) * (1.0, 2.0, 3.0)
        loss = float(np.sqrt(np.sum(residuals**2)))
        return Evaluation(row, loss, {"bowl": loss}, residuals, 0, 0.0)

    def simulate(self, values, seed=None, **options):
        return None


@pytest.fixture(scope="session")
def net():
    return hn.jones_2009_model(hn.read_params(hn.param_file("default")), add_drives_from_params=True, mesh_shape=(2, 2))


@pytest.fixture
def formula(net):
    return lambda **options: Formula(net, **options)
