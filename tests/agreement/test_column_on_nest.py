"""The column of point cells on NEST beside the detailed one, and a look at the fit."""

from __future__ import annotations

import importlib.util

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.base.errors import InvalidValue, UnsupportedPlan
from hnnlib.cli.main import main
from hnnlib.compile.build import compile_plan
from hnnlib.compile.point_cells import read_point_cells, shipped_point_cells
from hnnlib.compile.reduce import reduce_plan
from hnnlib.models.columns import calcium, neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.reduction.compare import agreement

# found, not imported: whoever imports NEST without hnnlib's care lets it share symbols with all that follows
if importlib.util.find_spec("nest") is None:
    pytest.skip("NEST is not installed: pip install 'hnnlib[nest]'", allow_module_level=True)
pytest.importorskip("cma", reason="cma is not installed: pip install 'hnnlib[fit]'")

from hnnlib.backends.nest.engine import NestEngine

DT = 0.1
UNSEEN = 77001  # a seed that nothing was fitted to


def free(network):
    """Let the drives' events hang on the run's seed."""
    return attrs.evolve(
        network, drives={name: attrs.evolve(drive, event_seed=None) for name, drive in network.drives.items()}
    )


@pytest.fixture(scope="module")
def column(default_params):
    return free(add_drives(neymotin_2020(default_params, (5, 5)), default_params))


@pytest.fixture(scope="module")
def trials(column):
    """Six trials of the evoked response on a 5 by 5 mesh, in detail and on NEST."""
    plan = compile_plan(column, hn.RunSpec(tstop=170.0, n_trials=6, seed=UNSEEN))
    points = NestEngine(dt=DT, dipole="none").run(reduce_plan(plan, shipped_point_cells(), DT), range(6))
    return plan, FastEngine().run(plan, range(6)).trials, points.trials


def test_populations_fire_as_often_and_as_soon(trials):
    """Within 30 % and 3 ms here, with few cells and trials; what the limits are on the full column, the page tells."""
    plan, cells, points = trials
    found = agreement(plan, cells, points)
    assert {name: round(a.ratio, 2) for name, a in found.items() if abs(a.ratio - 1) > 0.3} == {}
    assert {name: round(a.later_ms, 2) for name, a in found.items() if abs(a.later_ms) > 3.0} == {}


def test_simulate_reduces_the_column_by_itself(column):
    result = hn.simulate(column, tstop=30.0, engine=hn.NestEngine(dt=DT, dipole="none"), record={"vsec": "soma"})
    assert list(result.provenance["reduction"]) == ["L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal"]
    errors = result.provenance["reduction"]["L5_pyramidal"]["errors"]
    assert errors["network"]["L5_pyramidal"]["new seeds"]["spikes of cells"] > 100
    assert result.provenance["run"]["dt"] == DT
    assert result.cell_response.vsec[0][0]["soma"].shape == (301,)
    again = hn.simulate(column, tstop=30.0, engine=hn.NestEngine(dt=DT, dipole="none"))
    assert len(again.cell_response.spike_times[0]) > 50
    np.testing.assert_array_equal(again.cell_response.spike_times[0], result.cell_response.spike_times[0])


def test_what_point_cells_cannot_give_is_refused(column):
    with pytest.raises(UnsupportedPlan, match="isec"):
        hn.simulate(column, tstop=10.0, engine=hn.NestEngine(dt=DT, dipole="none"), record={"isec": "soma"})


def test_a_changed_cell_is_refused_with_the_command(default_params):
    network = add_drives(calcium(default_params, (2, 2)), default_params)
    changed = attrs.evolve(network, celsius=36.0)
    with pytest.raises(UnsupportedPlan, match=r"no point model.*`hnnlib reduce`"):
        hn.simulate(changed, tstop=10.0, engine=NestEngine(dt=DT))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Point cells of a 3 by 3 column after a few generations."""
    file = tmp_path_factory.mktemp("reduce") / "cells.json"
    words = ["reduce", "default", "--mesh", "3x3", "--quick", "--quiet", "--from-scratch", "--out", str(file)]
    assert main(words) == 0
    return file


def test_the_command_fits_cells_that_run(written, column):
    cells = read_point_cells(written)
    assert [cell.names for cell in cells] == [("L2_basket", "L5_basket"), ("L2_pyramidal",), ("L5_pyramidal",)]
    for cell in cells:
        assert cell.provenance["engine"] == "fast"
        assert set(cell.errors) == {"single cells", "network"}
        assert set(cell.errors["network"]) == set(cell.names)
    engine = hn.NestEngine(dt=DT, dipole="none", point_cells=written)
    result = hn.simulate(column, tstop=60.0, engine=engine)
    assert len(result.cell_response.spike_times[0]) > 50


def test_a_network_without_drives_teaches_nothing(default_params):
    with pytest.raises(InvalidValue, match="drives"):
        hn.fit_point_cells(neymotin_2020(default_params, (2, 2)))
