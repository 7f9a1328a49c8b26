"""Properties of plans: what events depend on and where they are, how many edges there are."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.compile.build import compile_plan
from hnnlib.plan.tables import Plan, digest_of
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

SIZES = {"left": 4, "right": 3}
SECTIONS = {"both": 2, "soma": 1, "distal": 1}

targets = st.lists(st.sampled_from(list(SIZES)), min_size=1, unique=True)


NO_SEED = st.none()


@st.composite
def drives(draw: st.DrawFn, seeds: st.SearchStrategy[int | None] = NO_SEED) -> DriveSpec:
    """Drives of every kind that draws its events."""
    shared = {
        "location": "soma",
        "weights": {t: {"ampa": 0.1} for t in draw(targets)},
        "n_drive_cells": draw(st.just("n_cells") | st.integers(1, 5)),
        "probability": draw(st.floats(0.05, 1.0)),
        "event_seed": draw(seeds),
    }
    kind = draw(st.sampled_from([EvokedDrive, PoissonDrive, BurstyDrive]))
    if kind is EvokedDrive:
        mu, sigma = draw(st.floats(-20.0, 120.0)), draw(st.floats(0.0, 50.0))
        return EvokedDrive(**shared, mu=mu, sigma=sigma, numspikes=draw(st.integers(1, 5)))
    start = draw(st.floats(0.0, 120.0))
    stop = draw(st.none() | st.floats(start, 300.0))
    if kind is PoissonDrive:
        return PoissonDrive(**shared, rate=draw(st.floats(0.1, 300.0)), tstart=start, tstop=stop)
    return BurstyDrive(
        **shared,
        burst_rate=draw(st.floats(1.0, 50.0)),
        numspikes=draw(st.integers(1, 2)),
        spike_isi=draw(st.floats(0.0, 20.0)),
        tstart=start,
        tstop=stop,
        tstart_std=draw(st.floats(0.0, 20.0)),
        burst_std=draw(st.floats(0.0, 20.0)),
    )


several = st.dictionaries(st.sampled_from(["a", "b", "c"]), drives(), min_size=1)


def events_of(plan: Plan, name: str, trial: int) -> list[list[float]]:
    gids = plan.populations.gid_ranges[name]
    return [plan.events[trial].of(gid - plan.n_cells).tolist() for gid in gids]


def driven(network: NetworkSpec, some: dict[str, DriveSpec], n_trials: int = 2, tstop: float = 100.0) -> Plan:
    return compile_plan(attrs.evolve(network, drives=some), RunSpec(tstop=tstop, n_trials=n_trials))


@given(some=several, new=drives(), first=st.booleans())
def test_adding_a_drive_changes_no_other_drives_events(tiny_network, some, new, first):
    more = {"new": new, **some} if first else {**some, "new": new}
    before, after = driven(tiny_network, some), driven(tiny_network, more)
    for name in some:
        for trial in range(2):
            assert events_of(before, name, trial) == events_of(after, name, trial)
    # nor which of its pairs survive
    labels = {label: number for number, label in enumerate(after.edges.connection_labels)}
    for number, label in enumerate(before.edges.connection_labels):
        old = before.edges.take(before.edges.connection == number)
        new_edges = after.edges.take(after.edges.connection == labels[label])
        assert np.array_equal(old.target_gid, new_edges.target_gid)


@given(some=st.dictionaries(st.sampled_from(["a", "b"]), drives(st.none() | st.integers(0, 9)), min_size=1))
def test_the_first_trials_of_many_are_those_of_few(tiny_network, some):
    many, few = driven(tiny_network, some, n_trials=5), driven(tiny_network, some, n_trials=3)
    assert [digest_of(events) for events in many.events[:3]] == [digest_of(events) for events in few.events]
    same = attrs.evolve(many, run=few.run, events=many.events[:3])
    assert digest_of(same) == digest_of(few)


@given(drive=drives(st.none() | st.integers(0, 9)), tstop=st.floats(1.0, 200.0))
def test_events_are_within_the_run_and_sorted(tiny_network, drive, tstop):
    plan = driven(tiny_network, {"d": drive}, tstop=tstop)
    for events in plan.events:
        assert np.all((events.time_ms > 0) & (events.time_ms <= tstop))
        for k in range(len(plan.drive_cells)):
            assert np.all(np.diff(events.of(k)) >= 0)


@given(
    source=st.sampled_from(list(SIZES)),
    target=st.sampled_from(list(SIZES)),
    location=st.sampled_from(list(SECTIONS)),
    probability=st.floats(0.01, 1.0),
    autapses=st.booleans(),
    seed=st.none() | st.integers(0, 99),
)
def test_the_number_of_edges(tiny_network, source, target, location, probability, autapses, seed):
    connection = ConnectionSpec(
        source=source,
        target=target,
        location=location,
        receptor="ampa",
        weight=0.1,
        probability=probability,
        allow_autapses=autapses,
        conn_seed=seed,
    )
    plan = compile_plan(attrs.evolve(tiny_network, connections=[connection]), RunSpec(tstop=1.0))
    n_pairs = SIZES[source] * SIZES[target]
    if source == target and not autapses:
        n_pairs -= SIZES[source]
    assert len(plan.edges) == round(n_pairs * probability) * SECTIONS[location]
    rows: list[tuple[Any, ...]] = list(
        zip(plan.edges.source_gid.tolist(), plan.edges.target_gid.tolist(), plan.edges.site.tolist(), strict=True)
    )
    assert len(set(rows)) == len(rows)


@given(drive=drives())
def test_the_number_of_contacts_of_a_drive(tiny_network, drive):
    plan = driven(tiny_network, {"d": drive})
    expected = 0
    for target in drive.weights:
        n_sources = 1 if drive.cell_specific else drive.n_drive_cells
        expected += round(SIZES[target] * n_sources * drive.probability_of(target))
    assert len(plan.edges) == expected
    live = plan.drive_cells.live
    assert live.sum() == (expected if drive.cell_specific else len(live))
