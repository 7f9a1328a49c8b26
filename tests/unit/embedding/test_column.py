"""A column's contacts on a detailed cell: nothing is lost, every place has its counterpart."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.compile.build import compile_plan
from hnnlib.embedding.sources.rates import Uniform
from hnnlib.embedding.synapses.column import from_network
from hnnlib.spec.run import RunSpec


@pytest.fixture(scope="module")
def net():
    """A small column with a common and a cell-specific drive."""
    net = hn.jones_2009_model(mesh_shape=(3, 3))
    net.add_evoked_drive(
        "evprox1", mu=20.0, sigma=2.0, numspikes=1, location="proximal",
        weights_ampa={"L5_pyramidal": 1e-3, "L2_pyramidal": 1e-3}, weights_nmda={"L5_pyramidal": 5e-4},
        synaptic_delays=0.1,
    )  # fmt: skip
    net.add_poisson_drive(
        "beta", rate_constant=10.0, location="distal", n_drive_cells=4, cell_specific=False,
        weights_ampa={"L5_pyramidal": 2e-3},
    )  # fmt: skip
    return net


@pytest.fixture(scope="module")
def plan(net):
    return compile_plan(net.spec, RunSpec(tstop=10.0))


@pytest.fixture(scope="module")
def heard(plan):
    """The contacts of the fifth L5 pyramidal cell."""
    gid = plan.populations.gid_ranges["L5_pyramidal"][4]
    return gid, plan.edges.take(plan.edges.target_gid == gid)


def test_every_contact_of_the_column_is_there_once(net, plan, heard, pyramid):
    gid, edges = heard
    emb = from_network(net, gid, pyramid)
    sites = plan.templates[plan.cells.template[gid]].sites
    ranges = plan.populations.gid_ranges
    starts = np.array([ranges[p].start for p in emb.populations])
    ours = list(zip(
        (emb.source + starts[emb.population]).tolist(), np.array(list(emb.kinds))[emb.kind].tolist(),
        emb.weight_uS.tolist(), emb.delay_ms.tolist(), strict=True,
    ))  # fmt: skip
    theirs = list(zip(
        edges.source_gid.tolist(), [sites.receptors[s] for s in edges.site], edges.weight.tolist(),
        edges.delay_ms.tolist(), strict=True,
    ))  # fmt: skip
    assert sorted(ours) == sorted(theirs)
    assert (emb.release_p == 1).all()
    assert from_network(net, ("L5_pyramidal", 4), pyramid).digest == emb.digest


def test_populations_keep_names_sizes_and_numbers(net, plan, heard, pyramid):
    emb = from_network(net, heard[0], pyramid)
    ranges = plan.populations.gid_ranges
    assert emb.n_sources == {name: len(ranges[name]) for name in emb.populations}
    assert set(emb.populations) == {
        *("L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal", "evprox1", "beta")
    }  # fmt: skip
    # no contact with itself; its own cell of the cell-specific drive; all four of the common one
    of = {name: set(emb.source[rows].tolist()) for name, rows in emb.rows.items()}
    assert of["L5_pyramidal"] == set(range(9)) - {4}
    assert of["beta"] == {0, 1, 2, 3}
    assert len(of["evprox1"]) == 1


def test_sections_have_their_counterparts(net, plan, heard, pyramid):
    gid, edges = heard
    template = plan.templates[plan.cells.template[gid]]
    names = np.array(template.sections.names)[template.sites.section[edges.site]]
    emb = from_network(net, gid, pyramid)
    basal, near = emb.domain == "basal", emb.distance_um < 100
    assert (basal & near).sum() == (names == "basal_1").sum()
    assert (basal & ~near).sum() == np.isin(names, ["basal_2", "basal_3"]).sum() > 0
    assert (emb.domain == "apical_trunk").sum() == np.isin(names, ["apical_trunk", "apical_1", "apical_2"]).sum()
    for name in ("soma", "apical_oblique", "apical_tuft"):
        assert (emb.domain == name).sum() == (names == name).sum() > 0


def test_receptors_keep_the_kinetics_of_the_column(net, pyramid):
    cell = net.spec.populations["L5_pyramidal"].cell
    emb = from_network(net, ("L5_pyramidal", 0), pyramid)
    assert set(emb.kinds) == {"ampa", "nmda", "gabaa", "gabab"}
    for name, kind in emb.kinds.items():
        assert kind.receptors == {name: cell.synapses[name]}


@pytest.mark.parametrize("contacts", [5, Uniform(low=1, high=9, integer=True), {"L2_pyramidal": 3, "beta": 7}])
def test_weight_is_conserved_over_contacts(net, heard, pyramid, contacts):
    one, many = (from_network(net, heard[0], pyramid, contacts=c) for c in (1, contacts))
    assert len(many) > 1.5 * len(one)
    for name, rows in one.rows.items():
        for receptor in range(len(one.kinds)):
            total = [
                np.bincount(e.source[r], e.weight_uS[r] * (e.kind[r] == receptor))
                for e, r in ((one, rows), (many, many.rows[name]))
            ]
            np.testing.assert_allclose(total[1], total[0], rtol=1e-12)


def test_or_each_contact_has_all_of_it(net, heard, pyramid):
    one = from_network(net, heard[0], pyramid)
    many = from_network(net, heard[0], pyramid, contacts=3, weight="each")
    assert many.weight_uS.sum() == pytest.approx(3 * one.weight_uS.sum())
    assert set(many.weight_uS) == set(one.weight_uS)


def test_another_drive_moves_no_other_synapse(net, heard, pyramid):
    before = from_network(net, heard[0], pyramid)
    more = net.copy()
    more.add_evoked_drive(
        "late", mu=90.0, sigma=2.0, numspikes=1, location="soma", weights_ampa={"L2_basket": 1e-3}, synaptic_delays=0.1
    )
    more.add_evoked_drive(
        "evdist1",
        mu=60.0,
        sigma=2.0,
        numspikes=1,
        location="distal",
        weights_ampa={"L5_pyramidal": 1e-3},
        synaptic_delays=0.1,
    )
    after = from_network(more, ("L5_pyramidal", 4), pyramid)
    assert len(after) > len(before)
    for name, rows in before.rows.items():
        assert np.array_equal(before.x[rows], after.x[after.rows[name]])


def test_seeds_of_layout_and_network(net, heard, pyramid):
    a, b = (from_network(net, heard[0], pyramid, seed=seed) for seed in (1, 2))
    assert not np.isin(a.x, b.x).any()
    assert np.array_equal(a.weight_uS, b.weight_uS)


def test_places_can_be_chosen(net, pyramid):
    emb = from_network(net, ("L5_pyramidal", 0), pyramid, places={"apical_oblique": {"domain": "apical_tuft"}})
    assert "apical_oblique" not in set(emb.domain)


def test_a_layer_2_cell_too(net, pyramid):
    emb = from_network(net, ("L2_pyramidal", 1), pyramid)
    assert {"L2_basket", "L2_pyramidal", "evprox1"} <= set(emb.populations)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (10_000, r"must be the gid of a cell \(L2_basket 0 to"),
        (-1, "must be the gid of a cell"),
        (True, "must be the gid of a cell"),
        (("L5_pyramid", 0), "did you mean 'L5_pyramidal'"),
        (("evprox1", 0), "is no population of cells"),
        (("L5_pyramidal", 9), "is no cell of L5_pyramidal, which has cells 0 to 8"),
    ],
)
def test_targets_that_are_none(net, pyramid, target, told):
    with pytest.raises(InvalidValue, match=told):
        from_network(net, target, pyramid)


def test_what_from_network_refuses(net, pyramid, make_segments):
    to = ("L5_pyramidal", 0)
    with pytest.raises(InvalidType, match="must be a Network, a NetworkSpec or a SonataNetwork"):
        from_network("net", to, pyramid)
    with pytest.raises(UnknownName, match="did you mean 'conserve'"):
        from_network(net, to, pyramid, weight="conserved")
    with pytest.raises(UnknownName, match="'L2_basquet' is no population"):
        from_network(net, to, pyramid, contacts={"L2_basquet": 2})
    with pytest.raises(UnknownName, match="is no section of L5_pyramidal"):
        from_network(net, to, pyramid, places={"tuft": {"domain": "apical_tuft"}})
    with pytest.raises(InvalidType, match=r"places\['soma'\]: .* must be a mapping of 'domain'"):
        from_network(net, to, pyramid, places={"soma": {"where": "soma"}})
    with pytest.raises(UnknownName, match="domain"):
        from_network(net, to, pyramid, places={"soma": {"domain": "body"}})
    ball = make_segments({"soma": ("soma", (0, 0, -10), (0, 0, 10), 0)})
    with pytest.raises(InvalidValue, match=r"places\['.*'\]: '.*' has no segment .* the cell has soma, up to 0 µm"):
        from_network(net, to, ball)
    bare = hn.jones_2009_model(mesh_shape=(3, 3))
    bare.clear_connectivity()
    with pytest.raises(InvalidValue, match="receives no contact"):
        from_network(bare, to, pyramid)
