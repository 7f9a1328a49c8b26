"""Properties of specs: JSON and back, paths, checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import digest, from_plain, get_at, put_at, to_plain
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.layout import AtPoints, Grid, OnGrid
from hnnlib.spec.network import Electrodes, NetworkSpec, Population, TonicBias
from hnnlib.spec.run import Record, RunSpec

POPULATIONS = ("left", "right", "L2/3 cell", "a.b")
SECTIONS = ("soma", "dend")

names = st.text(st.characters(codec="utf-8", exclude_characters="'\"[]"), min_size=1, max_size=8).filter(
    lambda name: name not in POPULATIONS
)
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-9, max_value=1e9)
not_negative = st.floats(min_value=0.0, max_value=1e9)
points = st.tuples(finite, finite, finite)
part = st.floats(min_value=0.0, max_value=1.0, exclude_min=True)


@st.composite
def drives(draw: st.DrawFn, targets: list[str]) -> Any:
    chosen = draw(st.lists(st.sampled_from(targets), min_size=1, unique=True))

    def per_target(values: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
        return values | st.fixed_dictionaries(dict.fromkeys(chosen, values))

    shared = {
        "location": draw(st.sampled_from(["dend", "distal"])),
        "weights": {t: draw(st.dictionaries(st.sampled_from(["ampa", "gabaa"]), not_negative)) for t in chosen},
        "delays": draw(per_target(not_negative)),
        "probability": draw(per_target(part)),
        "space_constant": draw(positive),
        "event_seed": draw(st.none() | st.integers(-5, 2**33)),
        "conn_seed": draw(st.none() | st.integers(0, 2**33)),
    }
    size = {"n_drive_cells": draw(st.just("n_cells") | st.integers(1, 9))}
    kind = draw(st.sampled_from([EvokedDrive, PoissonDrive, BurstyDrive, SpikeTrainDrive]))
    if kind is EvokedDrive:
        own = {"mu": draw(finite), "sigma": draw(not_negative), "numspikes": draw(st.integers(1, 9)), **size}
    elif kind is PoissonDrive:
        rate = per_target(positive) if size["n_drive_cells"] == "n_cells" else positive
        own = {"rate": draw(rate), "tstart": draw(not_negative), **size}
    elif kind is BurstyDrive:
        own = {"burst_rate": draw(st.floats(0.1, 100.0)), "numspikes": 1, "burst_std": draw(not_negative), **size}
    else:
        trains = draw(st.lists(st.lists(not_negative, max_size=3), min_size=1, max_size=3))
        own = {"trains": trains, "n_drive_cells": len(trains)}
    return kind(**shared, **own)


@st.composite
def networks(draw: st.DrawFn, cell: Any, min_drives: int = 0) -> NetworkSpec:
    """Networks of the tiny cell with anything that a network may have."""
    chosen = draw(st.lists(st.sampled_from(POPULATIONS), min_size=1, unique=True))
    places = st.builds(OnGrid, pattern=st.sampled_from(["full", "interleaved"]), depth=finite) | st.builds(
        AtPoints, points=st.lists(points, max_size=3)
    )
    connections = st.builds(
        ConnectionSpec,
        source=st.sampled_from(chosen),
        target=st.sampled_from(chosen),
        location=st.sampled_from(["both", "dend"]),
        receptor=st.just("ampa"),
        weight=not_negative,
        delay=not_negative,
        space_constant=positive,
        probability=part,
        allow_autapses=st.booleans(),
        source_cells=st.none() | st.lists(st.integers(0, 9), max_size=3),
    )
    biases = st.dictionaries(
        st.sampled_from(chosen), st.builds(TonicBias, amplitude=finite, section=st.sampled_from(SECTIONS))
    )
    cells = st.dictionaries(st.sampled_from(chosen), st.none(), min_size=1)
    clamps = st.builds(
        CurrentClamp, cells=cells, amplitude=finite, delay=not_negative, duration=st.none() | not_negative
    )
    forced = st.builds(
        SynapticEvents,
        times=st.lists(not_negative, min_size=1, max_size=3),
        pre=st.none() | cells,
        post=st.none() | cells,
        receptor=st.sampled_from([None, "ampa"]),
        mode=st.sampled_from(["add", "replace", "isolate"]),
        weight_scale=not_negative,
    )
    electrodes = st.builds(
        Electrodes,
        positions=st.lists(points, min_size=1, max_size=2),
        conductivity=positive,
        method=st.sampled_from(["psa", "lsa", None]),
    )
    return NetworkSpec(
        populations={name: Population(cell=cell, place=draw(places)) for name in chosen},
        grid=Grid(mesh_shape=draw(st.tuples(st.integers(1, 9), st.integers(1, 9))), inplane_distance=draw(positive)),
        origin=draw(st.none() | points),
        connections=draw(st.lists(connections, max_size=3)),
        drives=draw(st.dictionaries(names, drives(chosen), min_size=min_drives, max_size=3)),
        biases=draw(st.dictionaries(names, biases, max_size=2)),
        synaptic_events=draw(st.dictionaries(names.map("forced {}".format), forced, max_size=2)),
        current_clamps=draw(st.dictionaries(names, clamps, max_size=2)),
        electrodes=draw(st.dictionaries(names, electrodes, max_size=2)),
        threshold=draw(finite),
        baseline=draw(st.sampled_from([None, "settle"])),
    )


def paths_in(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of everything in a spec."""
    if path:
        yield path
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from paths_in(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from paths_in(item, f"{path}[{i}]")
    elif hasattr(value, "items"):
        for key, item in value.items():
            yield from paths_in(item, f"{path}['{key}']")


@given(st.data())
def test_networks_go_through_json(tiny_cell, data):
    network = data.draw(networks(tiny_cell))
    again = from_plain(NetworkSpec, json.loads(json.dumps(to_plain(network), allow_nan=False)))
    assert again == network
    assert digest(again) == digest(network)
    assert list(again.drives) == list(network.drives)


@given(st.data())
def test_putting_what_is_there_changes_nothing(tiny_cell, data):
    network = data.draw(networks(tiny_cell))
    path = data.draw(st.sampled_from(list(paths_in(network))))
    assert put_at(network, path, get_at(network, path)) == network


@given(st.data(), not_negative)
def test_what_is_put_is_read_back_and_nothing_else_changes(tiny_cell, data, value):
    network = data.draw(networks(tiny_cell, min_drives=1))
    name = data.draw(st.sampled_from(list(network.drives)))
    path = f"drives['{name}'].space_constant"
    changed = put_at(network, path, value + 1)
    assert get_at(changed, path) == value + 1
    assert put_at(changed, path, get_at(network, path)) == network
    assert (digest(changed) == digest(network)) == (get_at(network, path) == value + 1)


@given(
    tstop=positive,
    dt=st.floats(1e-3, 1.0),
    n_trials=st.integers(1, 99),
    seed=st.integers(0, 2**70),
    vsec=st.sampled_from([False, "all", "soma"]) | st.lists(names, min_size=1, max_size=3),
    every=st.integers(1, 100),
)
def test_runs_go_through_json(tstop, dt, n_trials, seed, vsec, every):
    run = RunSpec(tstop=tstop + dt, dt=dt, n_trials=n_trials, seed=seed, record=Record(vsec=vsec, every=every))
    assert from_plain(RunSpec, json.loads(json.dumps(to_plain(run), allow_nan=False))) == run


@given(st.recursive(st.none() | st.booleans() | finite | st.text(max_size=3), lambda x: st.lists(x, max_size=2)))
def test_whatever_stands_in_a_quantity_is_a_number_or_refused_with_the_path(value):
    if isinstance(value, float) and value >= 0.025:
        assert RunSpec(tstop=value).tstop == value
    else:
        with pytest.raises(InvalidValue) as error:
            RunSpec(tstop=value)
        assert error.value.path == "tstop"
        assert error.value.value == value


@given(st.dictionaries(st.sampled_from(["populations", "drives", "grid", "kind", "x"]), st.none() | finite | st.text()))
def test_whatever_stands_in_a_file_is_refused_in_our_own_words(data):
    with pytest.raises(InvalidValue):
        from_plain(NetworkSpec, data)
