"""Forced synaptic events and current clamps: what they hold, what they refuse, how they are reached by path."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import digest, get_at, put_at
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents

ALL = {"left": None}


def told(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


# ------------------------------------------------------------------------------------------------ chosen cells


def test_a_choice_is_sorted_and_names_each_cell_once():
    clamp = CurrentClamp(cells={"left": np.array([3, 1, 3]), "right": None}, amplitude=1.0)
    assert dict(clamp.cells) == {"left": (1, 3), "right": None}


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ({}, InvalidValue, "cells: {} must choose at least one population"),
        ({"left": []}, InvalidValue, "cells['left']: [] must choose at least one cell"),
        ({"left": [0, -1]}, InvalidType, "cells['left']: -1 must be an index >= 0 within its population"),
        ({"left": [0.5]}, InvalidType, "cells['left']: 0.5 must be an index"),
        ({"left": [True]}, InvalidType, "cells['left']: True must be an index"),
        ({"left": 3}, InvalidType, "cells['left']: 3 must be a list of indices"),
        ({"left": "ab"}, InvalidType, "cells['left']: 'ab' must be a list of indices"),
        ("left", InvalidType, "cells: 'left' must be a mapping"),
        (None, InvalidType, "cells: None must be a mapping"),
    ],
)
def test_choices_that_are_none(cells, kind, message):
    with pytest.raises(kind) as error:
        CurrentClamp(cells=cells, amplitude=1.0)
    assert message in told(error)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"lft": None}, "cells: 'lft' is no cell type (has left, right); did you mean 'left'?"),
        ({"left": [3, 4]}, "cells['left']: 4 must be below the number of cells, 4"),
        ({"right": [3]}, "cells['right']: 3 must be below the number of cells, 3"),
    ],
)
def test_chosen_cells_must_exist(tiny_network, cells, message):
    with pytest.raises(InvalidValue) as error:
        attrs.evolve(tiny_network, current_clamps={"c": CurrentClamp(cells=cells, amplitude=1.0)})
    assert told(error) == f"current_clamps['c'].{message}"
    with pytest.raises(InvalidValue) as error:
        attrs.evolve(tiny_network, synaptic_events={"e": SynapticEvents(times=[1.0], post=cells)})
    assert told(error) == f"synaptic_events['e'].{message}".replace("cells", "post", 1)


# ------------------------------------------------------------------------------------------------ forced events


def test_times_are_sorted_and_may_repeat():
    assert SynapticEvents(times=np.array([7, 0.5, 7])).times == (0.5, 7.0, 7.0)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "times: () must hold at least one time (ms)"),
        ([1.0, math.nan], "times[1]: nan must be a finite number"),
        ([-0.1], "times[0]: -0.1 must be >= 0 ms"),
        (["1"], "times[0]: '1' must be a number in ms"),
        ("1", "times: '1' must be a list of times (ms)"),
        (5.0, "times: 5.0 must be a list of times (ms)"),
    ],
)
def test_times_that_are_none(times, message):
    with pytest.raises(InvalidValue) as error:
        SynapticEvents(times=times)
    assert told(error) == message


def test_modes_are_three():
    with pytest.raises(UnknownName, match=r"mode: 'isolated' .* did you mean 'isolate'\?"):
        SynapticEvents(times=[1.0], mode="isolated")


@pytest.mark.parametrize(
    ("changes", "matches"),
    [
        ({}, True),
        ({"pre": ALL}, True),
        ({"pre": {"left": [2], "right": None}, "post": {"right": [0]}, "receptor": "ampa"}, True),
        ({"pre": {"right": None}}, False),
        ({"post": ALL}, False),
        ({"receptor": "gabaa"}, False),
    ],
)
def test_connections_match_by_name(changes, matches):
    connection = ConnectionSpec(source="left", target="right", location="soma", receptor="ampa", weight=1.0)
    assert SynapticEvents(times=[1.0], **changes).may_match(connection) is matches


def test_forced_events_have_a_name_of_their_own(tiny_network):
    events = SynapticEvents(times=[1.0])
    for name in ("left", "d"):
        drive = SpikeTrainDrive(location="soma", weights={"left": {"ampa": 1.0}}, trains=[(1.0,)])
        network = attrs.evolve(tiny_network, drives={"d": drive})
        with pytest.raises(InvalidValue, match=rf"synaptic_events\['{name}'\]: '{name}' is the name of a population"):
            attrs.evolve(network, synaptic_events={name: events})


def test_a_receptor_that_no_cell_has(tiny_network):
    with pytest.raises(UnknownName, match=r"synaptic_events\['e'\]\.receptor: 'nmda' is no receptor of any cell"):
        attrs.evolve(tiny_network, synaptic_events={"e": SynapticEvents(times=[1.0], receptor="nmda")})


def test_each_entry_has_one_gid_after_those_of_drives(tiny_network):
    drive = SpikeTrainDrive(location="soma", weights={"left": {"ampa": 1.0}}, trains=[(1.0,), ()], n_drive_cells=2)
    forced = {"e": SynapticEvents(times=[1.0]), "f": SynapticEvents(times=[2.0, 3.0])}
    network = attrs.evolve(tiny_network, drives={"d": drive}, synaptic_events=forced)
    assert list(network.gid_counts().items()) == [("left", 4), ("right", 3), ("d", 2), ("e", 1), ("f", 1)]


# ------------------------------------------------------------------------------------------------ clamps


def test_one_step_lasts_to_the_end_unless_told_otherwise():
    assert CurrentClamp(cells=ALL, amplitude=-0.5).steps() == [(-0.5, 0.0, None)]
    assert CurrentClamp(cells=ALL, amplitude=1, delay=2, duration=3).steps() == [(1.0, 2.0, 3.0)]


def test_steps_stand_in_their_order():
    clamp = CurrentClamp(cells=ALL, amplitude=[1, -2], delay=np.array([5, 3]), duration=(4, None))
    assert clamp.steps() == [(1.0, 5.0, 4.0), (-2.0, 3.0, None)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amplitude": [1, 2], "delay": [1, 2]}, "'duration': 'one value'} must all be one value each"),
        ({"amplitude": 1, "delay": [1]}, "'delay': '1 in a list'"),
        ({"amplitude": [], "delay": [], "duration": []}, "amplitude: () must hold at least one step"),
        ({"amplitude": [1, math.inf], "delay": [1, 2], "duration": [1, 2]}, "amplitude[1]: inf must be a finite"),
        ({"amplitude": 1, "delay": -1}, "delay: -1 must be >= 0 ms"),
        ({"amplitude": 1, "duration": -1e-9}, "duration: -1e-09 must be >= 0 ms"),
        ({"amplitude": 1, "duration": math.nan}, "duration: nan must be a finite number"),
        ({"amplitude": "1"}, "amplitude: '1' must be a number in nA"),
        ({"amplitude": [None], "delay": [1], "duration": [1]}, "amplitude[0]: None must be a number in nA"),
    ],
)
def test_steps_that_can_not_be(changes, message):
    with pytest.raises(InvalidValue) as error:
        CurrentClamp(cells=ALL, **changes)
    assert message in told(error)


def test_every_chosen_population_must_have_the_section(tiny_network):
    clamp = CurrentClamp(cells={"left": None, "right": [0]}, amplitude=1.0, section="dnd")
    with pytest.raises(UnknownName) as error:
        attrs.evolve(tiny_network, current_clamps={"c": clamp})
    assert "current_clamps['c'].section: 'dnd' is no section of left (has soma, dend)" in told(error)
    assert error.value.suggestion == "dend"


# ------------------------------------------------------------------------------------------------ paths


def test_both_are_reached_by_path(tiny_network):
    network = attrs.evolve(
        tiny_network,
        synaptic_events={"e": SynapticEvents(times=[1.0])},
        current_clamps={
            "one": CurrentClamp(cells=ALL, amplitude=1.0),
            "two": CurrentClamp(cells=ALL, amplitude=[1, 2], delay=[3, 4], duration=[1, 1]),
        },
    )
    changed = network
    values = {
        "synaptic_events.e.times": (4.0, 5.0),
        "synaptic_events['e'].mode": "replace",
        "synaptic_events.e.pre": {"left": (1,)},
        "current_clamps.one.amplitude": 0.3,
        "current_clamps.two.amplitude[1]": 7.0,
    }
    for path, value in values.items():
        changed = put_at(changed, path, value)
        assert get_at(changed, path) == value
        assert digest(changed) != digest(network)
    assert changed.current_clamps["two"].amplitude == (1.0, 7.0)
    with pytest.raises(InvalidValue, match=r"synaptic_events\.e.*weight_scale: -1 must be >= 0"):
        put_at(network, "synaptic_events.e.weight_scale", -1)
    assert put_at(network, "synaptic_events", {}).synaptic_events == {}
