"""The time stepper converges to first order, as the implicit Euler method does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hnnlib.models.cells.basket import basket
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.spec.network import TonicBias
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron


def voltages(one_cell, run_trial, cell, dt: float, amplitude: float) -> np.ndarray:
    """Return the soma's voltage every millisecond under a weak current that leaves the cell below threshold."""
    network = one_cell(cell, biases={"b": {"cell": TonicBias(amplitude=amplitude, t0=2.0)}})
    _, trial = run_trial(network, tstop=12.0, dt=dt, record=Record(vsec="soma", every=round(1 / dt)))
    return trial.samples["vsec"][:, 0]


@pytest.mark.parametrize(("make", "amplitude"), [(lambda: basket(distal=True), 0.02), (l2_pyramidal, 0.05)])
def test_order_of_convergence(one_cell, run_trial, make, amplitude):
    steps = (0.1, 0.05, 0.025, 0.0125)
    v = [voltages(one_cell, run_trial, make(), dt, amplitude) for dt in steps]
    assert v[0].max() < -50.0
    differences = [np.abs(a - b).max() for a, b in itertools.pairwise(v)]
    assert differences[0] > 1e-4, "there is something to resolve"
    order = np.log2(np.array(differences[:-1]) / differences[1:])
    np.testing.assert_allclose(order, 1.0, atol=0.1)
    assert abs(order[-1] - 1) < abs(order[0] - 1) + 0.01
