"""Nothing is tied to four types, two layers or the word basket: a network of other cells runs like the published."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn

pytestmark = pytest.mark.neuron


@pytest.fixture
def stellate():
    """Return a cell of two passive dendrites and an active soma, with receptors of its own naming."""
    dendrite = {"L": 120.0, "diam": 2.0, "parent": "soma", "mechanisms": {"pas": {"g": 1e-4, "e": -70.0}}}
    return hn.CellSpec(
        sections={
            "soma": hn.SectionSpec(L=20.0, diam=20.0, v0=-70.0, mechanisms={"hh2": {}}, receptors=("fast",)),
            "up": hn.SectionSpec(**dendrite, v0=-70.0, receptors=("fast", "slow")),
            "down": hn.SectionSpec(**dendrite, parent_end=0, v0=-70.0, direction=(0.0, 0.0, -1.0), receptors=("slow",)),
        },
        synapses={
            "fast": hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 3.0}),
            "slow": hn.SynapseSpec(parameters={"e": -70.0, "tau1": 2.0, "tau2": 30.0}),
        },
        locations={"everywhere": ("soma", "up")},
        dipole_axis="up",
    )


@pytest.fixture
def net(stellate):
    points = [(x * 20.0, 0.0, 700.0) for x in range(5)]
    metadata = {"layer": "4", "measure_dipole": True, "electro_type": "excitatory"}
    net = hn.Network(
        hn.read_params(hn.param_file("default.json")),
        pos_dict={"stellate": points, "origin": (0.0, 0.0, 0.0)},
        cell_types={"stellate": {"cell_object": stellate, "cell_metadata": metadata}},
    )
    net.add_connection("stellate", "stellate", "up", "slow", 0.01, 1.0, 100.0, allow_autapses=False)
    return net


def add_drive(net, weight):
    """Drive receptors that are not called ampa or nmda: by the spec, since add_*_drive speaks of those two."""
    drive = hn.EvokedDrive(
        mu=10.0, sigma=1.0, location="everywhere", weights={"stellate": {"fast": weight}}, space_constant=1000.0
    )
    net.put("drives", {**net.spec.drives, "thalamus": drive})


def test_dipole_has_the_network_s_own_layers(net):
    add_drive(net, 0.02)
    result = hn.simulate(net, tstop=40.0)
    assert list(result.dipoles[0].data) == ["agg", "L4"]
    np.testing.assert_array_equal(result.dipoles[0].data["agg"], result.dipoles[0].data["L4"])
    assert set(result.cell_response.cell_types) == {"stellate", "thalamus"}


def test_settle_subtracts_the_undriven_network(net):
    add_drive(net, 0.0)
    settled = hn.simulate(net, tstop=20.0, baseline="settle").dipoles[0].data["agg"]
    raw = hn.simulate(net, tstop=20.0, baseline=None).dipoles[0].data["agg"]
    assert np.abs(raw).max() > 0
    np.testing.assert_array_equal(settled, 0.0)


def test_any_mesh_shape_runs():
    net = hn.jones_2009_model(add_drives_from_params=True, mesh_shape=(1, 2))
    result = hn.simulate(net, tstop=30.0)
    assert net.gid_ranges["L5_pyramidal"].stop == sum(net.spec.gid_counts()[n] for n in net.spec.populations)
    assert np.isfinite(result.dipoles[0].data["agg"]).all()


def test_added_cell_type_takes_part(net, stellate):
    net.add_cell_type("second", stellate, [(0.0, 0.0, 0.0)], layer="5", measure_dipole=True)
    net.add_connection("stellate", "second", "up", "fast", 0.05, 1.0, 1000.0)
    add_drive(net, 0.05)
    result = hn.simulate(net, tstop=30.0)
    assert list(result.dipoles[0].data) == ["agg", "L4", "L5"]
    assert "second" in result.cell_response.cell_types
