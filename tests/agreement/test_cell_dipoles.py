"""Dipoles of single cells add up to that of the column, on both engines, and come through a file."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn

pytestmark = pytest.mark.neuron


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_they_add_up(engine, tmp_path):
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(2, 2))
    record = hn.Record(cell_dipoles=True, every=4)
    result = hn.simulate(net, tstop=40.0, baseline=None, record=record, engine=engine, out=tmp_path / "run.h5")
    (cells,) = result.cell_response.dipole
    measured = [*net.gid_ranges["L2_pyramidal"], *net.gid_ranges["L5_pyramidal"]]
    assert list(cells) == measured
    total = np.sum([cells[gid] for gid in net.gid_ranges["L5_pyramidal"]], axis=0) * 1e-6  # fAm to nAm
    np.testing.assert_allclose(total, result.dipoles[0].data["L5"][::4], rtol=0, atol=1e-15)
    assert np.ptp([cells[gid].max() for gid in measured]) > 0
    back = hn.read_result(tmp_path / "run.h5")
    assert back.cell_response.recordings["dipole"] == result.cell_response.recordings["dipole"]
