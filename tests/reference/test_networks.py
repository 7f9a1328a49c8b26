"""Networks on NEURON equal HNN-core's: spikes, dipoles, recordings of single cells, extracellular potentials."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.spec.network import Electrodes, NetworkSpec, TonicBias
from hnnlib.spec.run import Record

pytestmark = pytest.mark.neuron

FILES = ("net3x3_evoked", "net3x3_tonic", "net3x3_lfp", "jones_default_trial1")
COMPONENTS = ("agg", "L2", "L5")
POTENTIAL_ATOL = 1e-6  # µV
POTENTIAL_RTOL = 1e-6


def network_of(meta: dict[str, Any], network: NetworkSpec) -> NetworkSpec:
    """Return the network of a reference file: with its biases, its grid and its electrodes."""
    grid = attrs.evolve(
        network.grid, inplane_distance=meta["inplane_distance"], layer_separation=meta["layer_separation"]
    )
    biases = {
        name: {target: TonicBias(**bias) for target, bias in targets.items()}
        for name, targets in meta["external_biases"].items()
    }
    electrodes = {
        name.removeprefix("lfp__"): Electrodes(
            positions=[tuple(p) for p in array["positions_um"]],
            conductivity=array["conductivity"],
            method=array["method"],
            min_distance=array["min_distance"],
        )
        for name, array in meta.get("electrode_arrays", {}).items()
    }
    return attrs.evolve(network, grid=grid, biases=biases, electrodes=electrodes)


def record_of(meta: dict[str, Any]) -> Record:
    """Return the recordings that a reference file has of some cells."""
    kinds = {key.split("__")[0] for key in meta.get("recorded", {})}
    return Record(
        vsec="all" if "vsec" in kinds else "soma" if "vsoma64" in kinds else False,
        isec="all" if "isec" in kinds else False,
        ca="all" if "ca" in kinds else False,
    )


def traces_of(simulation: Any, kind: str, gid: int) -> dict[str, np.ndarray]:
    """Return what was recorded of one cell: by section, or by section and receptor."""
    by_section = getattr(simulation.result.cell_response, kind)[0][gid]
    if kind == "isec":
        return {name: trace for receptors in by_section.values() for name, trace in receptors.items()}
    return dict(by_section)


def check_spikes(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    # the reference has them in the order in which NEURON emitted them, we sort by time, then gid
    order = np.lexsort((arrays["spike_gids"], arrays["spike_times"]))
    assert np.array_equal(simulation.trial.spike_times_ms, arrays["spike_times"][order])
    assert np.array_equal(simulation.trial.spike_gids, arrays["spike_gids"][order])
    names = np.array([meta["spike_type_codes"][str(k)] for k in range(len(meta["spike_type_codes"]))])
    response = simulation.result.cell_response
    assert np.array_equal(response.spike_types[0], names[arrays["spike_types"][order]])


def check_events_of_drives(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Drive cells are recorded like cells: each has the spikes that its events are."""
    trial = simulation.trial
    assert list(simulation.records.header.drives) == list(meta["drives"])
    for name in meta["drives"]:
        gids = simulation.records.header.gid_ranges[name]
        events = [trial.spike_times_ms[trial.spike_gids == gid] for gid in gids]
        assert np.array_equal(np.concatenate(events), arrays[f"events__{name}__times"]), name
        offsets = np.cumsum([0, *map(len, events)])
        assert np.array_equal(offsets, arrays[f"events__{name}__offsets"]), name


def check_raw_dipole(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    assert simulation.records.header.probes["dipole"].labels["population"] == ("L2_pyramidal", "L5_pyramidal")
    np.testing.assert_allclose(simulation.trial.samples["dipole"], arrays["dipole_raw_fAm"], rtol=0, atol=1e-5)


def check_dipole_that_a_user_sees(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    assert simulation.result.n_trials == 1
    dipole = simulation.result.dipoles[0]
    assert len(dipole.times) == meta["n_samples"]
    np.testing.assert_allclose(dipole.times[[0, -1]], [meta["t_first"], meta["t_last"]], rtol=0, atol=1e-9)
    for i, name in enumerate(COMPONENTS):
        np.testing.assert_allclose(dipole.data[name], arrays["dipole_nAm"][:, i], rtol=0, atol=1e-12, err_msg=name)


def check_processed_dipole(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    processed = {"dipole_post": simulation.result.dipoles[0].copy().smooth(30.0).scale(3000.0)}
    if "dipole_savgol60" in arrays:
        processed["dipole_savgol60"] = simulation.result.dipoles[0].copy().savgol_filter(60.0)
    for key, dipole in processed.items():
        # the tolerance is that of the unscaled dipole
        atol = 1e-12 * dipole.scale_applied
        for i, name in enumerate(COMPONENTS):
            np.testing.assert_allclose(dipole.data[name], arrays[key][:, i], rtol=0, atol=atol, err_msg=f"{key} {name}")


def check_recordings_of_single_cells(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    for key, about in meta["recorded"].items():
        kind = key.split("__")[0]
        found = traces_of(simulation, "vsec" if kind == "vsoma64" else kind, about["gid"])
        every = about.get("decimate", 1)
        assert set(about["rows"]) | set(about.get("zero_rows", [])) <= set(found), key
        for row in about.get("zero_rows", []):
            assert not found[row].any(), f"{key} {row}"
        if kind == "vsoma64":
            np.testing.assert_allclose(found["soma"], arrays[key], rtol=0, atol=1e-6, err_msg=key)
            continue
        # float32 keeps 24 bits: values differ by at most half a unit of their last place
        for row, name in enumerate(about["rows"]):
            np.testing.assert_allclose(
                found[name][::every], arrays[key][row], rtol=6e-8, atol=1e-12, err_msg=f"{key} {name}"
            )


def check_potentials(simulation: Any, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    for key in meta["electrode_arrays"]:
        name = key.removeprefix("lfp__")
        recording = simulation.result.potentials[name]
        found = recording.voltages[0]
        assert not found[:, 0].any(), "the first sample is 0 by definition"
        np.testing.assert_allclose(found, arrays[key], rtol=6e-8, atol=POTENTIAL_ATOL, err_msg=key)
        off, peak = np.abs(found - arrays[key]).max(axis=1), np.abs(arrays[key]).max(axis=1)
        assert (off <= POTENTIAL_RTOL * peak).all(), f"{key}: of each contact's peak"
        np.testing.assert_allclose(recording.times[::20], arrays["lfp_times_dec20"], rtol=0, atol=1e-9)
        if f"lfp64_dec20__{name}" in arrays:
            for what, potential in {
                "lfp64_dec20": found,
                "lfp64_smooth10_dec20": recording.smooth(10.0).voltages[0],
            }.items():
                np.testing.assert_allclose(
                    potential[:, ::20], arrays[f"{what}__{name}"], rtol=0, atol=POTENTIAL_ATOL, err_msg=what
                )
            # a second difference of four potentials over the square of the spacing, extrapolated by up to 3 rows
            np.testing.assert_allclose(
                recording.csd()[0][:, ::20],
                arrays[f"csd64_dec20__{name}"],
                rtol=0,
                atol=12 * POTENTIAL_ATOL / 500.0**2,
                err_msg=name,
            )


@pytest.mark.parametrize("name", FILES)
def test_network(name, reference, default_network, simulated):
    """One test for a file, and so one simulation, however many processes share the tests."""
    arrays, meta = reference(name)
    network = network_of(meta, default_network(meta))
    simulation = simulated(network, tstop=meta["tstop_ms"], dt=meta["dt_ms"], record=record_of(meta))
    check_spikes(simulation, arrays, meta)
    check_events_of_drives(simulation, arrays, meta)
    check_raw_dipole(simulation, arrays, meta)
    check_dipole_that_a_user_sees(simulation, arrays, meta)
    if "dipole_post" in arrays:
        check_processed_dipole(simulation, arrays, meta)
    if "recorded" in meta:
        check_recordings_of_single_cells(simulation, arrays, meta)
    if "electrode_arrays" in meta:
        check_potentials(simulation, arrays, meta)
    compared = {
        *("spike_", "events__", "dipole_raw_fAm", "dipole_nAm", "dipole_post", "dipole_savgol60"),
        *("vsoma64__", "vsec__", "isec__", "ca__", "lfp__", "lfp64_", "csd64_", "lfp_times_dec20"),
    }
    assert [key for key in arrays if not key.startswith(tuple(compared))] == [], "all that the file has is compared"
