"""Rates as the parser reads them are those that NEURON computes, with its tables and without."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.resources import mod_dir
from hnnlib.mechanisms.evaluate import initial_values, table_rows
from hnnlib.mechanisms.parse import parse_mechanism

pytestmark = pytest.mark.neuron

TABULATED = ("hh2", "km", "ca", "cat", "ar")
CHANNELS = (*TABULATED, "kca", "cad")
IONS = {"cai": 1e-4, "cao": 2.0, "ek": -77.0, "ena": 50.0}
# with places where a formula is 0/0, and beyond the ends of tables
VOLTAGES = (-130.0, -119.3, -81.0, -70.2, -65.0, -55.0, -40.0, -30.0, -27.0, 0.3, 39.9, 120.0)


@pytest.fixture
def segment():
    """One compartment with all channels; tables are on again afterwards."""
    from hnnlib.backends.neuron.session import session

    h = session().h
    section = h.Section(name="compartment")
    for name in CHANNELS:
        section.insert(name)
    session().prepare(0.025, 37.0)
    yield section(0.5)
    for name in TABULATED:
        setattr(h, f"usetable_{name}", 1)


def interpolated(code, v):
    """Look all tabulated variables up as NEURON does."""
    nodes, rows = table_rows(code, "rates", **IONS)
    return {name: np.interp(v, nodes, row) for name, row in rows.items()}


@pytest.mark.parametrize("tables", [True, False])
def test_rates_are_those_of_neuron(segment, tables):
    from hnnlib.backends.neuron.session import session

    h = session().h
    for name in TABULATED:
        setattr(h, f"usetable_{name}", int(tables))
    codes = {name: parse_mechanism(mod_dir() / f"{name}.mod") for name in CHANNELS}
    n_compared = 0
    for v in VOLTAGES:
        h.finitialize(v)
        for name, code in codes.items():
            expected = initial_values(code, v=v, **IONS)
            if tables and name in TABULATED:
                expected |= interpolated(code, v)
            here = getattr(segment, name)
            for variable in set(code.assigned) - set(code.currents):
                found = getattr(here, variable)
                assert found == pytest.approx(expected[variable], rel=1e-13), (name, variable, v)
                n_compared += 1
    assert n_compared == 27 * len(VOLTAGES)
