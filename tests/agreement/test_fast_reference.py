"""The fast engine on the published networks: HNN-core's spikes, dipoles and potentials, and NEURON's without tables."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import calcium, law_2021, neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.results.records import TrialRecord
from hnnlib.spec.network import Electrodes, NetworkSpec, TonicBias
from hnnlib.spec.run import Record, RunSpec

pytestmark = pytest.mark.neuron

# `jones_2009_model` is another name of `neymotin_2020`, see test_both_names_of_the_column
MODELS = {"neymotin_2020": neymotin_2020, "law_2021": law_2021, "calcium": calcium}


@pytest.fixture(scope="module")
def fast():
    """One engine of each kind of rates, used for all networks in turn."""
    return {rates: FastEngine(rates=rates) for rates in ("exact", "tables")}


def network_of(meta, params) -> NetworkSpec:
    """Return the network of a reference file: its mesh, biases and electrodes."""
    network = add_drives(neymotin_2020(params, tuple(meta["mesh_shape"])), params)
    grid = attrs.evolve(
        network.grid, inplane_distance=meta["inplane_distance"], layer_separation=meta["layer_separation"]
    )
    biases = {
        name: {target: TonicBias(**bias) for target, bias in targets.items()}
        for name, targets in meta["external_biases"].items()
    }
    electrodes = {
        key: Electrodes(
            positions=array["positions_um"],
            **{field: array[field] for field in ("conductivity", "method", "min_distance")},
        )
        for key, array in meta.get("electrode_arrays", {}).items()
    }
    return attrs.evolve(network, grid=grid, biases=biases, electrodes=electrodes)


def relative_rms(found, expected):
    """Return the root mean square over time by the peak, for each row of (n_samples, n_rows)."""
    return np.sqrt(((found - expected) ** 2).mean(axis=0)) / np.abs(expected).max(axis=0)


@pytest.mark.parametrize("name", ["net3x3_evoked", "net3x3_tonic", "net3x3_lfp", "jones_default_trial1"])
def test_reference_file(name, reference, default_params, fast, agreement):
    arrays, meta = reference(name)
    run = RunSpec(tstop=meta["tstop_ms"], dt=meta["dt_ms"], record=Record(vsec="all", isec="all", ca="all"))
    if meta["mesh_shape"] == [10, 10]:
        run = attrs.evolve(run, record=Record())
    plan = compile_plan(network_of(meta, default_params), run)
    ours = fast["tables"].run(plan, [0]).trials[0]
    theirs = TrialRecord(
        trial=0,
        spike_times_ms=arrays["spike_times"],
        spike_gids=arrays["spike_gids"],
        samples={"dipole": arrays["dipole_raw_fAm"]},
        cpu_s=0.0,
    )
    found = agreement(plan, ours, theirs)
    assert found.n_spikes > 100
    assert found.same_gids
    assert found.spikes_ms <= meta["dt_ms"]
    assert found.rms <= 1e-4  # of the peak
    assert found.max <= 1e-3
    probes = {p.name: p for p in plan.probes}
    for key in meta.get("electrode_arrays", {}):
        potential = ours.samples[f"electrodes:{key}"]
        assert relative_rms(potential[1:], arrays[key].T[1:]).max() <= 1e-4, key
        assert not potential[0].any()
    for key, about in meta.get("recorded", {}).items():
        kind, every = key.split("__")[0].replace("vsoma64", "vsec"), about.get("decimate", 1)
        labels = [probes[kind].labels[c] for c in ("gid", "section", "receptor") if c in probes[kind].labels]
        row_of = {"_".join(map(str, row)): i for i, row in enumerate(zip(*labels, strict=True))}
        samples = ours.samples[kind][::every]
        expected = arrays[key].reshape(-1, len(samples)).T
        columns = [row_of[f"{about['gid']}_{row}"] for row in about["rows"]]
        assert relative_rms(samples[:, columns], expected).max() <= 1e-4, key


@pytest.mark.parametrize("model", MODELS)
def test_models_with_their_drives(model, default_params, fast, agreement):
    """The three evoked drives on 24 cells: with exact rates to the bit, with tables to the step."""
    network = attrs.evolve(add_drives(MODELS[model](default_params, (3, 3)), default_params), baseline=None)
    plan = compile_plan(network, RunSpec(tstop=170.0))
    ours = fast["exact"].run(plan, [0]).trials[0]
    found = agreement(plan, ours, NeuronEngine(rates="exact").run(plan, [0]).trials[0])
    assert found.n_spikes > 100
    assert found.same_gids
    assert found.spikes_ms <= 1e-9
    assert found.rms <= 1e-6
    assert found.max <= 2e-5
    if model == "neymotin_2020":
        return  # its tables are compared with the reference files
    ours = fast["tables"].run(plan, [0]).trials[0]
    found = agreement(plan, ours, NeuronEngine().run(plan, [0]).trials[0])
    assert found.same_gids
    assert found.spikes_ms <= plan.run.dt_ms
    assert found.rms <= 1e-4
    assert found.max <= 1e-3


def test_both_names_of_the_column():
    import hnnlib as hn

    assert hn.jones_2009_model(mesh_shape=(3, 3)).spec == hn.neymotin_2020_model(mesh_shape=(3, 3)).spec
