"""Positions, gids and every connection equal those that HNN-core built in NEURON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hnnlib.base.resources import param_file
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import calcium, law_2021, neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.params.read import read_params
from hnnlib.plan.tables import Edges, Plan
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

# file -> (model, parameter file, whether the drives of the parameter file are added)
MODELS = {
    "digest_jones_2009": (neymotin_2020, "default", True),
    "digest_neymotin_2020": (neymotin_2020, "default", True),
    "digest_jones_3x3": (neymotin_2020, "default", True),
    "digest_jones_4x7": (neymotin_2020, "default", True),
    "digest_law_2021": (law_2021, "default", False),
    "digest_calcium": (calcium, "default", False),
    "digest_gamma_params": (neymotin_2020, "gamma_L5weak_L2weak", False),
}
SUM_RTOL = 1e-12


@pytest.fixture(scope="module", params=list(MODELS))
def built(request, reference) -> tuple[NetworkSpec, Plan, dict[str, Any]]:
    model, file, with_drives = MODELS[request.param]
    _, digest = reference(request.param)
    params = read_params(param_file(file))
    network = model(params, tuple(digest["mesh_shape"]))
    if with_drives:
        network = add_drives(network, params)
    return network, compile_plan(network, RunSpec(tstop=170.0)), digest


def edges_of(plan: Plan, connection: dict[str, Any]) -> Edges:
    """Return the edges of a connection of the digest, found by its ends, receptor and location."""
    label = "{src}-{target}-{receptor}-{loc}".format(**connection)
    assert plan.edges.connection_labels.count(label) == 1
    return plan.edges.take(plan.edges.connection == plan.edges.connection_labels.index(label))


def section_of(plan: Plan, edges: Edges) -> list[str]:
    """Return the name of the section that each edge acts on."""
    templates = [plan.templates[t] for t in plan.cells.template[edges.target_gid]]
    return [t.sections.names[t.sites.section[s]] for t, s in zip(templates, edges.site, strict=True)]


def test_gids(built):
    _, plan, digest = built
    found = {name: [r.start, r.stop] for name, r in plan.populations.gid_ranges.items()}
    assert found == digest["gid_ranges"]
    assert list(found) == list(digest["gid_ranges"])


def test_positions(built):
    network, plan, digest = built
    for name, expected in digest["positions"].items():
        if name in network.populations:
            members = plan.populations.gid_ranges[name]
            assert np.array_equal(plan.cells.position_um[members.start : members.stop], expected), name
        else:  # the origin itself, and the drives, all of whose cells sit there
            assert np.array_equal(network.drive_origin, np.ravel(expected)), name


def test_number_of_connections(built):
    _, plan, digest = built
    assert len(plan.edges) == digest["n_netcons_total"]
    assert len(plan.edges.connection_labels) == len(digest["connections"])


def test_connections(built):
    network, plan, digest = built
    for connection in digest["connections"]:
        edges = edges_of(plan, connection)
        where = str(connection["idx"])
        sections = network.populations[connection["target"]].cell.sections_at(connection["loc"])
        assert list(sections) == connection["sections"], where
        assert len(edges) == connection["n_netcons"] == connection["n_pairs"] * len(sections), where
        template = plan.templates[list(network.populations).index(connection["target"])]
        assert {template.sites.receptors[s] for s in np.unique(edges.site)} == {connection["receptor"]}, where
        for column, values in (("weight", edges.weight), ("delay", edges.delay_ms)):
            for what, reduce in (("sum", np.sum), ("min", np.min), ("max", np.max)):
                expected = connection[f"{what}_{column}"]
                np.testing.assert_allclose(reduce(values), expected, rtol=SUM_RTOL, err_msg=f"{where} {what} {column}")
        source, target = edges.source_gid.astype(np.int64), edges.target_gid.astype(np.int64)
        assert source.sum() == connection["sum_src_gid"], where
        assert target.sum() == connection["sum_target_gid"], where
        assert (source * target).sum() == connection["sum_src_times_target"], where


def test_single_contacts(built):
    """The 50 sampled contacts, each at its own place in the order of creation."""
    _, plan, digest = built
    assert len(digest["sample_50"]) == 50
    first = np.cumsum([0, *(c["n_netcons"] for c in digest["connections"])])
    for contact in digest["sample_50"]:
        number = contact["conn_idx"]
        edges = edges_of(plan, digest["connections"][number])
        row = contact["order"] - first[number]
        edge = edges.take(np.array([row]))
        assert (edge.source_gid[0], edge.target_gid[0]) == (contact["src_gid"], contact["target_gid"])
        sites = plan.templates[plan.cells.template[edge.target_gid[0]]].sites
        assert section_of(plan, edge) == [contact["section"]]
        assert (sites.x[edge.site[0]], sites.receptors[edge.site[0]]) == (contact["x"], contact["receptor"])
        np.testing.assert_allclose(edge.weight[0], contact["weight"], rtol=1e-12)
        np.testing.assert_allclose(edge.delay_ms[0], contact["delay"], rtol=1e-12)
        if contact["src_gid"] < plan.n_cells:
            assert plan.cells.threshold_mV[contact["src_gid"]] == contact["threshold"]
