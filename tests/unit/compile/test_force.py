"""Forced synaptic events in the plan: which contacts, which stay, whose events; all by hand on the tiny network."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan, digest_of
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import EvokedDrive, PoissonDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

RUN = RunSpec(tstop=50.0, n_trials=2)
WEIGHTS = {"left": {"ampa": 0.1}, "right": {"ampa": 0.2}}


def connection(source, target, location, receptor, weight, **more):
    where = {"source": source, "target": target, "location": location, "receptor": receptor}
    return ConnectionSpec(**where, weight=weight, space_constant=2.0, **more)


@pytest.fixture
def network(tiny_network) -> NetworkSpec:
    """Gids: left 0 to 3, right 4 to 6; connections of 24, 9 and 12 contacts; drives with 7 cells and 1."""
    return attrs.evolve(
        tiny_network,
        connections=(
            connection("left", "right", "both", "ampa", 0.1, delay=3.0),
            connection("right", "right", "dend", "gabaa", 0.2),
            connection("right", "left", "soma", "ampa", 0.3, gain=2.0),
        ),
        drives={
            "published": EvokedDrive(location="soma", weights=WEIGHTS, mu=20.0, sigma=5.0, numspikes=3, event_seed=7),
            "noise": PoissonDrive(location="soma", weights=WEIGHTS, rate=40.0, n_drive_cells=1),
        },
    )


def forced(network: NetworkSpec, **entries) -> Plan:
    return compile_plan(attrs.evolve(network, synaptic_events=entries), RUN)


def rows(plan: Plan, keep) -> list[tuple]:
    e = plan.edges.take(keep)
    return list(zip(e.source_gid.tolist(), e.target_gid.tolist(), e.site.tolist(), e.weight.tolist(), strict=True))


def local_rows(plan: Plan) -> list[tuple]:
    return rows(plan, plan.edges.source_gid < plan.n_cells)


def test_every_matching_contact_gets_a_row(network):
    plain = compile_plan(network, RUN)
    plan = forced(network, e=SynapticEvents(times=[5.0], pre={"left": None}))
    assert plan.edges.connection_labels[:-1] == plain.edges.connection_labels
    assert plan.edges.connection_labels[-1] == "e-left-right-ampa-both"
    n = len(plain.edges)
    for name in ("source_gid", "target_gid", "site", "weight", "delay_ms", "connection"):
        assert getattr(plan.edges, name)[:n].tolist() == getattr(plain.edges, name).tolist()
    new = slice(n, None)
    assert len(plan.edges) == n + 24
    assert set(plan.edges.source_gid[new]) == {15}  # 7 cells, 7 and 1 drive cells
    assert plan.edges.target_gid[new].tolist() == [4, 4, 5, 5, 6, 6] * 4
    assert plan.edges.site[new].tolist() == [0, 1] * 12
    assert plan.edges.weight[new].tolist() == plain.edges.weight[:24].tolist()
    assert set(plan.edges.delay_ms[new]) == {0.0}
    assert set(plan.edges.connection[new]) == {len(plain.edges.connection_labels)}
    assert plan.edges.source_gid.dtype == np.int32
    assert plan.edges.connection.dtype == np.int16


@pytest.mark.parametrize(
    ("choice", "targets", "apart"),
    [
        ({"pre": {"left": [1]}}, [4, 4, 5, 5, 6, 6], [1, 1, 0, 0, 1, 1]),
        ({"pre": {"left": [0, 3]}, "post": {"right": [2]}}, [6, 6, 6, 6], [2, 2, 1, 1]),
    ],
)
def test_cells_by_index(network, choice, targets, apart):
    plan = forced(network, e=SynapticEvents(times=[5.0], weight_scale=3.0, **choice))
    own = plan.edges.take(plan.edges.source_gid == 15)
    assert own.target_gid.tolist() == targets
    # that far apart in x, 2 µm in y
    expected = 3.0 * (0.1 * np.exp(-(np.array(apart) ** 2 + 4.0) / 4.0))
    np.testing.assert_allclose(own.weight, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("choice", "labels"),
    [
        ({}, ["e-left-right-ampa-both", "e-right-right-gabaa-dend", "e-right-left-ampa-soma"]),
        ({"receptor": "ampa"}, ["e-left-right-ampa-both", "e-right-left-ampa-soma"]),
        ({"post": {"right": None}}, ["e-left-right-ampa-both", "e-right-right-gabaa-dend"]),
        ({"pre": {"right": [0]}}, ["e-right-right-gabaa-dend", "e-right-left-ampa-soma"]),
        ({"pre": {"right": [0]}, "post": {"left": [1]}}, ["e-right-left-ampa-soma"]),
    ],
)
def test_connections_by_name(network, choice, labels):
    plan = forced(network, e=SynapticEvents(times=[5.0], **choice))
    found = plan.edges.connection[plan.edges.source_gid == 15]
    assert [plan.edges.connection_labels[i] for i in dict.fromkeys(found.tolist())] == labels


def test_gains_count(network):
    plan = forced(network, e=SynapticEvents(times=[5.0], pre={"right": [0]}, post={"left": [0]}, weight_scale=0.5))
    assert [w for *_, w in rows(plan, plan.edges.source_gid == 15)] == [0.5 * (0.3 * 2.0 * np.exp(-4.0 / 4.0))]


@pytest.mark.parametrize(("mode", "kept"), [("add", [0, 1, 2]), ("replace", [1, 2]), ("isolate", [])])
def test_modes(network, mode, kept):
    plain = compile_plan(network, RUN)
    plan = forced(network, e=SynapticEvents(times=[5.0], pre={"left": None}, mode=mode))
    keep = np.isin(plain.edges.connection, kept)
    assert local_rows(plan) == rows(plain, keep)
    drives = (plain.edges.source_gid >= 7, (plan.edges.source_gid >= 7) & (plan.edges.source_gid < 15))
    assert rows(plan, drives[1]) == rows(plain, drives[0])
    assert np.count_nonzero(plan.edges.source_gid == 15) == 24


def test_replace_takes_only_the_very_contacts(network):
    plain = compile_plan(network, RUN)
    events = SynapticEvents(times=[5.0], pre={"left": [1]}, post={"right": [0, 2]}, mode="replace")
    plan = forced(network, e=events)
    gone = [r for r in local_rows(plain) if r[0] == 1 and r[1] in (4, 6)]
    assert len(gone) == 4
    assert local_rows(plan) == [r for r in local_rows(plain) if r not in gone]


@pytest.mark.parametrize("order", [("add", "replace", "isolate"), ("isolate", "replace", "add")])
def test_entries_add_up_and_the_strictest_holds(network, order):
    """Events of one are not lost because another silences the contact, whatever their order."""
    choices = {
        "add": {"pre": {"left": [0]}, "post": {"right": [0]}},
        "replace": {"pre": {"left": [0]}},
        "isolate": {"pre": {"right": None}, "receptor": "gabaa"},
    }
    two = {m: SynapticEvents(times=[5.0], mode=m, **choices[m]) for m in order if m != "isolate"}
    plan = forced(network, **two)
    assert len(local_rows(plan)) == 45 - 6
    three = {m: SynapticEvents(times=[5.0], mode=m, **choices[m]) for m in order}
    plan = forced(network, **three)
    assert local_rows(plan) == []
    ranges = plan.populations.gid_ranges
    sizes = {m: np.count_nonzero(plan.edges.source_gid == ranges[m].start) for m in order}
    assert sizes == {"add": 2, "replace": 6, "isolate": 9}
    assert [ranges[m].start for m in order] == [15, 16, 17]


def test_the_same_contact_twice(network):
    plan = forced(
        network, a=SynapticEvents(times=[5.0], mode="replace"), b=SynapticEvents(times=[7.0], weight_scale=2.0)
    )
    a, b = (rows(plan, plan.edges.source_gid == gid) for gid in (15, 16))
    assert [(t, s, 2.0 * w) for _, t, s, w in a] == [(t, s, w) for _, t, s, w in b]
    assert len(a) == 45


def test_events_are_the_given_times_in_every_trial(network):
    plan = forced(network, a=SynapticEvents(times=[9.0, 5.0, 99.0]), b=SynapticEvents(times=[0.0]))
    for events in plan.events:
        assert len(events.offset) == 8 + 2 + 1
        assert events.of(8).tolist() == [5.0, 9.0, 99.0]
        assert events.of(9).tolist() == [0.0]


def test_no_other_drive_changes(network):
    """Neither gids nor events, those of published streams included, whose seeds count gids."""
    plain, plan = compile_plan(network, RUN), forced(network, e=SynapticEvents(times=[5.0]))
    assert digest_of(plan.cells) == digest_of(plain.cells)
    assert {**plain.populations.gid_ranges, "e": range(15, 16)} == plan.populations.gid_ranges
    for before, after in zip(plain.events, plan.events, strict=True):
        assert after.offset[:-1].tolist() == before.offset.tolist()
        assert after.time_ms[:-1].tolist() == before.time_ms.tolist()


def test_its_cell_is_a_live_drive_cell(network):
    plan = forced(network, e=SynapticEvents(times=[5.0]))
    assert plan.populations.is_drive.tolist() == [False, False, True, True, True]
    assert plan.populations.layers[-1] is None
    assert not plan.populations.measure_dipole[-1]
    assert plan.drive_cells.live.tolist() == [True] * 9


def test_pruned_contacts_are_not_there(network):
    """Of a connection with a probability, the contacts that were drawn."""
    sparse = attrs.evolve(
        network, connections=(connection("left", "right", "soma", "ampa", 0.1, probability=0.5, conn_seed=3),)
    )
    drawn = local_rows(compile_plan(sparse, RUN))
    assert len(drawn) == 6
    plan = forced(sparse, e=SynapticEvents(times=[5.0], mode="isolate"))
    assert [r[1:] for r in rows(plan, plan.edges.source_gid == 15)] == [r[1:] for r in drawn]


@pytest.mark.parametrize(
    "choice", [{"pre": {"left": [0]}, "post": {"right": [1]}}, {"pre": {"right": None}}, {"post": {"left": None}}]
)
def test_cells_that_are_not_connected(network, choice):
    one = attrs.evolve(network, connections=(connection("left", "right", "soma", "ampa", 0.1, pairs=[(0, 0), (1, 1)]),))
    with pytest.raises(InvalidValue, match=r"synaptic_events\['e'\]: .* matches no contact between cells"):
        forced(one, e=SynapticEvents(times=[5.0], **choice))


def test_networks_without_any_are_as_before(network):
    plain = compile_plan(network, RUN)
    assert (
        plain.edges.connection_labels
        == compile_plan(attrs.evolve(network, synaptic_events={}), RUN).edges.connection_labels
    )
    assert len(plain.drive_cells) == 8
