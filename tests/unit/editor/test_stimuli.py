"""What users pass as cells, times and currents of forced events and clamps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hnnlib as hn
from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, UnknownName
from hnnlib.editor.stimuli import chosen_cells

EVERYONE = {"L2_basket": None, "L2_pyramidal": None, "L5_basket": None, "L5_pyramidal": None}
INHIBITORY = {"L2_basket": None, "L5_basket": None}


@pytest.fixture(scope="module")
def column():
    """Gids: L2_basket 0 to 2, L2_pyramidal 3 to 11, L5_basket 12 to 14, L5_pyramidal 15 to 23, drives from 24 on."""
    return hn.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))


@pytest.fixture
def net(column):
    return column.copy()


# ------------------------------------------------------------------------------------------------ which cells


@pytest.mark.parametrize(
    ("cells", "chosen"),
    [
        ("L2_basket", {"L2_basket": None}),
        (["L5_basket", "L2_basket", "L5_basket"], INHIBITORY),
        (2, {"L2_basket": (2,)}),
        (np.int64(12), {"L5_basket": (0,)}),
        (range(3), {"L2_basket": None}),
        ([13, 5, 3, 13], {"L2_pyramidal": (0, 2), "L5_basket": (1,)}),
        (np.arange(24), EVERYONE),
        ({}, EVERYONE),
        ({"population": "L5_pyramidal"}, {"L5_pyramidal": None}),
        ({"population": ["L5_basket", "L2_basket"]}, INHIBITORY),
        ({"population": "L5_pyramidal", "node_id": [3, 1]}, {"L5_pyramidal": (3, 1)}),
        ({"population": "L5_pyramidal", "node_ids": 3}, {"L5_pyramidal": (3,)}),
        ({"electro_type": "inhibitory"}, INHIBITORY),
        ({"electro_type": "inhibitory", "layer": ["5"]}, {"L5_basket": None}),
        ({"layer": ("2", "5"), "morpho_type": "basket", "node_id": range(2), "population": "L2_basket"}, None),
        ({"gids": [0, 1, 12]}, {"L2_basket": (0, 1), "L5_basket": (0,)}),
        ({"gids": range(2, 20), "layer": "5"}, {"L5_basket": None, "L5_pyramidal": (0, 1, 2, 3, 4)}),
        ({"gids": [15, 16, 17], "population": "L5_pyramidal", "node_id": [2, 5]}, {"L5_pyramidal": (2,)}),
    ],
)
def test_cells(column, cells, chosen):
    assert chosen_cells(column.spec, "cells", cells) == ({"L2_basket": (0, 1)} if chosen is None else chosen)


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ("L2_baskt", UnknownName, "cells: 'L2_baskt' is no cell type"),
        (["L2_basket", "evprox1"], InvalidValue, "cells: 'evprox1' is a drive; it must be a cell type"),
        ([], InvalidType, "cells: [] must be a cell type, a gid, a list of either, or a dict of conditions"),
        (["L2_basket", 3], InvalidType, "cells: ['L2_basket', 3] must be a cell type"),
        ([0.5], InvalidType, "cells: [0.5] must be"),
        (True, InvalidType, "cells: True must be"),
        (None, InvalidType, "cells: None must be"),
        ([3, 24], InvalidValue, "cells: 24 is no gid of a cell; must be one from 0 to 23"),
        (-1, InvalidValue, "cells: -1 is no gid of a cell"),
        ({"populaton": "L2_basket"}, UnknownName, "did you mean 'population'?"),
        ({"population": "L2_baskt"}, UnknownName, "cells['population']: 'L2_baskt' is no cell type"),
        ({"electro_type": "inhibitry"}, InvalidValue, "cells: {'electro_type': 'inhibitry'} matches no cell type"),
        ({"layer": "5", "node_id": 0}, InvalidValue, "cells['node_id']: 0 needs one population, not L5_basket, L5_pyr"),
        ({"gids": [24]}, InvalidValue, "cells['gids']: 24 is no gid of a cell"),
        ({"gids": [0], "population": "L5_basket"}, InvalidValue, "matches no cell"),
    ],
)
def test_cells_that_are_none(column, cells, kind, message):
    with pytest.raises(kind) as error:
        chosen_cells(column.spec, "cells", cells)
    assert message in str(error.value)


@pytest.mark.parametrize("ids", [[9], [-1], [0.5], []])
def test_node_ids_are_indices_of_cells(net, ids):
    with pytest.raises(InvalidValue, match=r"current_clamps\['c'\].cells\['L5_pyramidal'\]"):
        net.add_current_clamp("c", {"population": "L5_pyramidal", "node_id": ids}, amplitude=1.0)


# ------------------------------------------------------------------------------------------------ forced events


def test_forced_events(net):
    net.add_synaptic_events("forced", [9.0, 3.0], "L2_pyramidal", {"electro_type": "inhibitory"}, receptor="ampa")
    expected = hn.SynapticEvents(times=(3.0, 9.0), pre={"L2_pyramidal": None}, post=INHIBITORY, receptor="ampa")
    assert net.spec.synaptic_events == {"forced": expected}
    net.add_synaptic_events("more", np.array([1]), mode="isolate", weight_scale=0.5)
    assert net.spec.synaptic_events["more"] == hn.SynapticEvents(times=(1.0,), mode="isolate", weight_scale=0.5)


def test_times_of_a_file(net, tmp_path):
    path = tmp_path / "times.txt"
    path.write_text("12.5\n2\n")
    net.add_synaptic_events("forced", path)
    net.add_synaptic_events("again", str(path))
    path.unlink()  # they were read at once
    assert [e.times for e in net.spec.synaptic_events.values()] == [(2.0, 12.5)] * 2
    path.write_text("1\ntwo\n")
    with pytest.raises(FileFormatError, match=r"times\.txt, line 2: 'two' is no number"):
        net.add_synaptic_events("third", path)


def test_names_are_new(net):
    net.add_synaptic_events("forced", [1.0])
    net.add_current_clamp("step", 0, amplitude=1.0)
    with pytest.raises(InvalidValue, match="name: 'forced' is the name of synaptic events already"):
        net.add_synaptic_events("forced", [1.0])
    with pytest.raises(InvalidValue, match="name: 'step' is the name of a current clamp already"):
        net.add_current_clamp("step", 0, amplitude=1.0)
    with pytest.raises(InvalidValue, match="'evprox1' is the name of a population or drive"):
        net.add_synaptic_events("evprox1", [1.0])
    with pytest.raises(InvalidValue, match="'forced' is the name of a population or drive"):
        net.add_spike_train_drive(
            "forced", spike_data={0: [1.0]}, location="proximal", weights_ampa={"L5_pyramidal": 0.1}
        )


def test_gids_of_cells_and_drives_stay(net):
    before, places = net.gid_ranges, net.pos_dict
    net.add_synaptic_events("forced", [1.0])
    n = max(r.stop for r in before.values())
    assert net.gid_ranges == {**before, "forced": range(n, n + 1)}
    assert net.gid_to_type(n) == "forced"
    assert net.pos_dict == {**places, "forced": [places["origin"]]}


def test_networks_with_other_stimuli_differ(column):
    one, other, same = column.copy(), column.copy(), column.copy()
    one.add_synaptic_events("a", [1.0])
    one.add_synaptic_events("b", [1.0])
    other.add_synaptic_events("b", [1.0])
    other.add_synaptic_events("a", [1.0])
    same.add_synaptic_events("a", [1.0])
    same.add_synaptic_events("b", [1.0])
    assert one == same == one.copy()
    assert one != other  # their order decides gids
    assert one != column
    same.add_current_clamp("step", 0, amplitude=1.0)
    assert one != same


# ------------------------------------------------------------------------------------------------ clamps


def test_clamps_by_steps(net):
    net.add_current_clamp("step", "L5_pyramidal", amplitude=-0.5, delay=3, duration=4, section="apical_tuft")
    net.add_current_clamp("two", [0, 1], amplitude=[1, 2], delay=[3, 4], duration=[5, None])
    net.add_current_clamp("on", {"layer": "2"}, amplitude=0.1)
    clamps = net.spec.current_clamps
    assert clamps["step"] == hn.CurrentClamp(
        cells={"L5_pyramidal": None}, amplitude=-0.5, delay=3.0, duration=4.0, section="apical_tuft"
    )
    assert clamps["two"].steps() == [(1.0, 3.0, 5.0), (2.0, 4.0, None)]
    assert dict(clamps["on"].cells) == {"L2_basket": None, "L2_pyramidal": None}
    assert clamps["on"].steps() == [(0.1, 0.0, None)]


def test_clamps_by_values(net):
    """From each time to the next, what stays the same in one step, the last one to the end."""
    net.add_current_clamp("c", 0, times=[2, 3, 5, 6, 9], amplitudes=np.array([0.1, 0.1, -0.2, 0.0, 0.3]))
    assert net.spec.current_clamps["c"].steps() == [
        (0.1, 2.0, 3.0),
        (-0.2, 5.0, 1.0),
        (0.0, 6.0, 3.0),
        (0.3, 9.0, None),
    ]


def test_clamps_by_file(net, tmp_path):
    path = tmp_path / "current.csv"
    path.write_text("timestamps,amps\n0,0.1\n10,0.2\n")
    net.add_current_clamp("c", "L2_basket", csv=path)
    path.write_text("timestamps,amps\n0,0.1\n10,zero\n")
    assert net.spec.current_clamps["c"].steps() == [(0.1, 0.0, 10.0), (0.2, 10.0, None)]
    with pytest.raises(FileFormatError, match=r"current\.csv, line 3: column 'amps': 'zero' is no number"):
        net.add_current_clamp("d", "L2_basket", csv=path)


@given(st.lists(st.floats(0.0, 1e5), min_size=2, max_size=20, unique=True))
def test_each_step_ends_where_the_next_begins(column, times):
    """At the very same floating-point number, since engines compare ``delay + duration`` with the time."""
    net = column.copy()
    net.add_current_clamp("c", 0, times=sorted(times), amplitudes=range(len(times)))
    steps = net.spec.current_clamps["c"].steps()
    assert len(steps) == len(times)
    for (_, delay, duration), (_, following, _) in itertools.pairwise(steps):
        assert delay + duration == following
    np.testing.assert_allclose([delay for _, delay, _ in steps], sorted(times), rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "current_clamps['c']: [] must be one of: amplitude (with delay and duration), times and amplitudes, csv"),
        ({"times": [0.0]}, "current_clamps['c']: ['times'] must be one of"),
        ({"amplitude": 1.0, "csv": "x.csv"}, "current_clamps['c']: ['amplitude', 'csv'] must be one of"),
        ({"csv": "x.csv", "delay": 1.0}, "current_clamps['c']: ['delay', 'csv'] must be one of"),
        (
            {"times": [0, 1], "amplitudes": [1]},
            "current_clamps['c'].amplitudes: 1 values; must be one for each time (2)",
        ),
        ({"times": [], "amplitudes": []}, "current_clamps['c'].amplitudes: 0 values"),
        ({"times": [0, 2, 2], "amplitudes": [1, 2, 3]}, "current_clamps['c'].times[2]: 2.0 must be after 2 ms"),
        ({"times": [0, -1], "amplitudes": [1, 2]}, "current_clamps['c'].times[1]: -1 must be >= 0 ms"),
        ({"times": [0], "amplitudes": [float("nan")]}, "current_clamps['c'].amplitudes[0]: nan must be a finite"),
        ({"times": 0, "amplitudes": [1]}, "current_clamps['c'].times: 0 must be a list of numbers"),
    ],
)
def test_currents_that_are_none(net, given_, message):
    with pytest.raises(InvalidValue) as error:
        net.add_current_clamp("c", 0, **given_)
    assert message in str(error.value)
