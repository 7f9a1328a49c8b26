"""Single cells on NEURON equal HNN-core's: voltages, spikes, dipole, calcium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hnnlib.models.cells.basket import basket
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal, l5_pyramidal_calcium
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec, TonicBias
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron

FILES = (
    "cell_L2_basket_clamp0p5",
    "cell_L2_basket_rest",
    "cell_L2_pyramidal_clamp1p0",
    "cell_L2_pyramidal_rest",
    "cell_L5_basket_clamp1p0",
    "cell_L5_pyramidal_calcium_clamp2p0",
    "cell_L5_pyramidal_clamp1p5",
    "cell_L5_pyramidal_rest",
    "cell_L5_pyramidal_synapses",
)


def network_of(meta: dict[str, Any], one_cell: Callable[..., NetworkSpec]) -> NetworkSpec:
    """Return a network of the one cell that a reference file is about, with its clamps and synaptic events."""
    cells = {
        "L2_basket": lambda: basket(distal=True),
        "L2_pyramidal": l2_pyramidal,
        "L5_basket": lambda: basket(distal=False),
        "L5_pyramidal": l5_pyramidal,
        "L5_pyramidal_calcium": l5_pyramidal_calcium,
    }
    assert {clamp["loc"] for clamp in meta["clamps"]} <= {0.5}, "a tonic bias acts at the middle of a section"
    return one_cell(
        cells[meta["cell"]](),
        biases={
            f"clamp{i}": {
                "cell": TonicBias(
                    amplitude=clamp["amp"],
                    t0=clamp["delay"],
                    tstop=clamp["delay"] + clamp["dur"],
                    section=clamp["section"],
                )
            }
            for i, clamp in enumerate(meta["clamps"])
        },
        drives={
            f"events{i}": SpikeTrainDrive(
                trains=(event["times"],),
                location=event["section"],
                weights={"cell": {event["receptor"]: event["weight"]}},
                delays=event["delay"],
            )
            for i, event in enumerate(meta["synaptic_events"])
        },
        threshold=meta["spike_threshold_mV"],
        celsius=meta["celsius"],
    )


@pytest.mark.parametrize("name", FILES)
def test_cell(name, reference, one_cell, run_trial):
    arrays, meta = reference(name)
    sections = tuple(dict.fromkeys(["soma", *meta["vdend_rows"]]))
    record = Record(vsec=sections, ca=tuple(meta["cai_rows"]) or False)
    plan, trial = run_trial(network_of(meta, one_cell), meta["tstop_ms"], dt=meta["dt_ms"], record=record)
    probes = {probe.name: probe for probe in plan.probes}

    rows = dict(zip(probes["vsec"].labels["section"], trial.samples["vsec"].T, strict=True))
    assert len(rows["soma"]) == meta["n_samples"]
    np.testing.assert_allclose(rows["soma"], arrays["vsoma"], rtol=0, atol=1e-6)
    for i, section in enumerate(meta["vdend_rows"]):
        # float32 rounds a value of up to 128 mV by at most 4e-6 mV
        np.testing.assert_allclose(rows[section], arrays["vdend"][i], rtol=0, atol=4e-6, err_msg=section)
    cells = trial.spike_gids == 0
    np.testing.assert_allclose(trial.spike_times_ms[cells], arrays["spike_times"], rtol=0, atol=1e-12)
    if "dipole_fAm" in arrays:
        np.testing.assert_allclose(trial.samples["dipole"][:, 0], arrays["dipole_fAm"], rtol=0, atol=1e-5)
    if meta["cai_rows"]:
        rows = dict(zip(probes["ca"].labels["section"], trial.samples["ca"].T, strict=True))
        for i, section in enumerate(meta["cai_rows"]):
            np.testing.assert_allclose(rows[section], arrays["cai_mM"][i], rtol=6e-8, atol=0, err_msg=section)
