"""Every parameter file published with the HNN tutorials is read, made into a network and simulated."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn

FILES = (
    "AlphaAndBeta",
    "ERPYes100Trials",
    "ERPYesSupraT",
    "OnlyRhythmicProx",
    "SRJ_2007_Fig5A_Super",
    "default",
    "gamma_L5weak_L2weak",
    "gamma_rhythmic_drive",
)


@pytest.fixture(params=FILES)
def params(request, shared_dir):
    file = shared_dir / "data" / "param" / f"{request.param}.param"
    if not file.exists():
        pytest.skip("the published parameter files are not at hand")
    return hn.read_params(file)


@pytest.mark.neuron
def test_published_file_runs(params):
    net = hn.neymotin_2020_model(params, add_drives_from_params=True, mesh_shape=(2, 2))
    evoked = [name for name in params if name.startswith(("t_evprox_", "t_evdist_"))]
    assert {n for n in net.external_drives if n.startswith("ev")} == {name[2:].replace("_", "") for name in evoked}
    result = hn.simulate(net, tstop=params["tstop"], n_trials=1)
    dipole = result.dipoles[0]
    assert dipole.times[-1] == pytest.approx(params["tstop"])
    assert all(np.isfinite(x).all() for x in dipole.data.values())
    # what a file asks for acts: a drive that fires leaves its mark on the dipole
    fired = [n for n in net.external_drives if n in result.cell_response.cell_types]
    weighted = [n for n in fired if any(w > 0 for r in net.spec.drives[n].weights.values() for w in r.values())]
    if weighted:
        silent = net.copy()
        silent.clear_drives()
        rest = hn.simulate(silent, tstop=params["tstop"]).dipoles[0]
        assert np.abs(dipole.data["agg"] - rest.data["agg"]).max() > 1e-6
