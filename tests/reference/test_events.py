"""Event times and surviving pairs equal HNN-core's, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.base.resources import param_file
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.params.params import Params
from hnnlib.params.read import read_params
from hnnlib.plan.tables import Plan
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

# the trains as they were given to HNN-core (README of the reference data): by source, and as (time, gid)
TRAINS = {
    "train_dict": ((40.2, 10.1), (), (5.5,)),
    "train_tuples": ((25.3,), (10.2, 15.1), (500.0,)),
}

# what was changed in the default parameters for `drive_events_params_custom` (its meta says so)
CUSTOM = {
    "t0_input_prox": 50.0,
    "tstop_input_prox": 150.0,
    "input_prox_A_weight_L2Pyr_ampa": 5.4e-05,
    "input_prox_A_weight_L5Pyr_ampa": 4.4e-05,
    "t0_input_dist": 60.0,
    "tstop_input_dist": 900.0,
    "t0_input_stdev_dist": 4.0,
    "f_input_dist": 14.0,
    "input_dist_A_weight_L2Pyr_ampa": 5.4e-05,
    "repeats_dist": 3,
    "events_per_cycle_dist": 1,
    "L2Pyr_Pois_A_weight_ampa": 0.001,
    "L2Pyr_Pois_lamtha": 50.0,
    "t0_pois": -5.0,
    "T_pois": 170.0,
    "L5Pyr_Gauss_A_weight": 0.001,
    "L2Basket_Gauss_mu": 90.0,
    "L2Basket_Gauss_sigma": 6.0,
}


def drive_of(name: str, meta: Mapping[str, Any], dynamics: Mapping[str, Any]) -> DriveSpec:
    """Return the drive that a reference file describes."""
    weights: dict[str, dict[str, float]] = {}
    for receptor in ("ampa", "nmda"):
        for target, weight in (meta[f"weights_{receptor}"] or {}).items():
            weights.setdefault(target, {})[receptor] = weight
    shared = {
        "location": meta["location"],
        "weights": weights,
        "delays": meta["synaptic_delays"],
        "probability": meta["probability"],
        "space_constant": meta["space_constant"],
        "n_drive_cells": "n_cells" if meta["cell_specific"] else meta["n_drive_cells"],
        "event_seed": meta["event_seed"],
        "conn_seed": meta["conn_seed"],
    }
    if meta["type"] == "spike_train":
        return SpikeTrainDrive(trains=TRAINS[name], **shared)
    if meta["type"] == "poisson":
        rates = dynamics["rate_constant"]
        return PoissonDrive(tstart=dynamics["tstart"], tstop=dynamics["tstop"], rate=rates, **shared)
    return {"evoked": EvokedDrive, "gaussian": EvokedDrive, "bursty": BurstyDrive}[meta["type"]](**dynamics, **shared)


def check_events(plan: Plan, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Compare gids, event times and offsets of all drives in all trials."""
    ranges = plan.populations.gid_ranges
    assert {name: [r.start, r.stop] for name, r in ranges.items()} == meta["gid_ranges"]
    assert plan.n_gids == meta["trial_seed_offset_n_gids"]
    assert len(plan.events) == meta["n_trials"]
    for trial, events in enumerate(plan.events):
        for name in meta["drives"]:
            first = ranges[name].start - plan.n_cells
            offset = events.offset[first : first + len(ranges[name]) + 1]
            expected = arrays[f"{name}__trial{trial}__offsets"]
            np.testing.assert_array_equal(offset - offset[0], expected, err_msg=f"{name}, trial {trial}")
            times = events.time_ms[offset[0] : offset[-1]]
            assert np.array_equal(times, arrays[f"{name}__trial{trial}__times"]), f"{name}, trial {trial}"


@pytest.fixture(scope="module")
def all_kinds(reference, default_params) -> tuple[Plan, dict[str, np.ndarray], dict[str, Any]]:
    """Plan of the network with sixteen drives of every kind and two pruned connections; the reference."""
    arrays, meta = reference("drive_events")
    network = neymotin_2020(default_params, tuple(meta["mesh_shape"]))
    drives = {name: drive_of(name, meta["drives"][name], meta["dynamics_as_given"][name]) for name in meta["drives"]}
    pruned = (
        ConnectionSpec(
            source="L2_pyramidal",
            target="L5_basket",
            receptor="nmda",
            location="soma",
            weight=1e-3,
            probability=0.35,
            conn_seed=55,
        ),
        ConnectionSpec(
            source="L5_pyramidal",
            target="L5_pyramidal",
            receptor="ampa",
            location="basal_1",
            weight=1e-3,
            allow_autapses=False,
            probability=0.5,
            conn_seed=56,
        ),
    )
    network = attrs.evolve(network, drives=drives, connections=network.connections + pruned)
    plan = compile_plan(network, RunSpec(tstop=meta["tstop_ms"], n_trials=meta["n_trials"]))
    return plan, arrays, meta


def test_events_of_every_kind_of_drive(all_kinds):
    check_events(*all_kinds)


def test_pairs_that_survive_pruning(all_kinds):
    plan, arrays, meta = all_kinds
    assert len(meta["surviving_pairs"]) == 11
    for key, meaning in meta["surviving_pairs"].items():
        ends, receptor, location, _ = meaning.split()
        label = "-".join([*ends.split("->"), receptor, location])
        edges = plan.edges.take(plan.edges.connection == plan.edges.connection_labels.index(label))
        n_sections = len(np.unique(edges.site[edges.target_gid == edges.target_gid[0]]))
        pairs = np.stack([edges.source_gid, edges.target_gid], axis=1)[::n_sections]
        assert np.array_equal(pairs, arrays[key]), meaning


def check_drives(network: NetworkSpec, meta: Mapping[str, Any]) -> None:
    """Compare drives made from a parameter file with what HNN-core made of it."""
    assert list(network.drives) == list(meta["drives"])
    for name, expected in meta["drives"].items():
        dynamics = meta["dynamics_as_given"][name]
        wanted = drive_of(name, expected, dynamics)
        found = network.drives[name]
        # event for event the same drive: order of targets included, since it decides gids
        assert [t for t in network.populations if t in found.weights] == expected["target_types"]
        assert {t: found.delay_to(t) for t in found.weights} == {t: wanted.delay_to(t) for t in wanted.weights}
        assert found == attrs.evolve(wanted, delays=found.delays), name


def test_drives_of_the_gamma_file(reference):
    arrays, meta = reference("drive_events_params_gamma")
    params = read_params(param_file("gamma_L5weak_L2weak"))
    network = add_drives(neymotin_2020(params, tuple(meta["mesh_shape"])), params)
    check_drives(network, meta)
    check_events(compile_plan(network, RunSpec(tstop=meta["tstop_ms"], n_trials=meta["n_trials"])), arrays, meta)


def test_drives_of_an_edited_default_file(reference, default_params):
    arrays, meta = reference("drive_events_params_custom")
    params = Params({**default_params, **CUSTOM})
    network = add_drives(neymotin_2020(params, tuple(meta["mesh_shape"])), params)
    check_drives(network, meta)
    check_events(compile_plan(network, RunSpec(tstop=meta["tstop_ms"], n_trials=meta["n_trials"])), arrays, meta)
