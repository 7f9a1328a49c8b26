"""What each spec refuses beside numbers out of bounds: names that aren't there, things of the wrong form."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import put_at
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec, segment_count
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.layout import AtPoints, Grid, OnGrid, cell_count, grid_origin, positions_of
from hnnlib.spec.network import Electrodes, Population, TonicBias
from hnnlib.spec.profiles import Exponential, Linear, Sampled, evaluate
from hnnlib.spec.run import Record, RunSpec


def connection(**changes):
    given = {"source": "left", "target": "right", "location": "soma", "receptor": "ampa", "weight": 0.1}
    return ConnectionSpec(**{**given, **changes})


def evoked(**changes):
    given = {"location": "soma", "weights": {"left": {"ampa": 0.1}}, "mu": 20.0, "sigma": 1.0}
    return EvokedDrive(**{**given, **changes})


# ------------------------------------------------------------------------------------------------ sections and cells


@pytest.mark.parametrize(
    ("length", "n"), [(1, 1), (22.1, 1), (100, 1), (100.1, 3), (102, 3), (149, 3), (150, 3), (200, 5), (238, 5)]
)
def test_segment_count(length, n):
    assert segment_count(length) == n


def test_segment_count_of_the_published_sections():
    lengths = {306: 7, 340: 7, 255: 5, 680: 13, 425: 9, 85: 1, 39: 1}
    assert {length: segment_count(length) for length in lengths} == lengths


def test_a_section_may_have_another_number_of_segments():
    assert SectionSpec(L=300.0, diam=1.0, nseg=2).n_segments == 2
    assert SectionSpec(L=300.0, diam=1.0).n_segments == 7


@pytest.mark.parametrize("value", [(0, 0, 2), (0, 0, 0), (1, 1, 0)])
def test_directions_are_unit_vectors(value):
    with pytest.raises(InvalidValue, match=r"direction: .* must be a unit vector"):
        SectionSpec(L=1.0, diam=1.0, direction=value)


@pytest.mark.parametrize("value", [(0, 1), (0, 0, "z"), 3, None, "xyz"])
def test_directions_are_three_numbers(value):
    with pytest.raises(InvalidType, match=r"direction: .* must be three numbers"):
        SectionSpec(L=1.0, diam=1.0, direction=value)


@pytest.mark.parametrize("value", [2, -1, 0.5, True, "1"])
def test_a_section_sits_on_an_end(value):
    with pytest.raises(UnknownName, match=r"parent_end: .* is no choice \(has 0, 1\)"):
        SectionSpec(L=1.0, diam=1.0, parent="soma", parent_end=value)


@pytest.mark.parametrize(
    ("mechanisms", "path", "message"),
    [
        ({"hh3": {}}, "sections['a'].mechanisms", "did you mean 'hh2'"),
        ({"Exp2Syn": {}}, "sections['a'].mechanisms", "is no density mechanism"),
        ({"hh2": {"gnabr": 1.0}}, "sections['a'].mechanisms['hh2']", "did you mean 'gnabar'"),
        ({"hh2": {"gl": Sampled(values=[1.0, 2.0])}}, "sections['a'].mechanisms['hh2']['gl']", "each of the 1 segm"),
    ],
)
def test_mechanisms_and_their_parameters_must_exist(mechanisms, path, message):
    with pytest.raises(InvalidValue) as error:
        CellSpec(sections={"a": SectionSpec(L=1.0, diam=1.0, mechanisms=mechanisms)}, spike_section="a")
    assert error.value.path == path
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("mechanisms", "path"),
    [
        ({"hh2": {"gl": math.nan}}, "mechanisms['hh2']['gl']"),
        ({"hh2": {"gl": "high"}}, "mechanisms['hh2']['gl']"),
        ({"hh2": 3}, "mechanisms['hh2']"),
    ],
)
def test_parameters_of_mechanisms_are_numbers_or_profiles(mechanisms, path):
    with pytest.raises(InvalidValue) as error:
        SectionSpec(L=1.0, diam=1.0, mechanisms=mechanisms)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"mechanism": "Exp2syn"}, "mechanism", "did you mean 'Exp2Syn'"),
        ({"mechanism": "hh2"}, "mechanism", "is no point process"),
        ({"parameters": {"tau3": 1.0}}, "parameters", "did you mean 'tau"),
        ({"parameters": {"tau1": 0.0}}, "parameters['tau1']", "must be > 0 ms"),
        ({"parameters": {"tau2": -1.0}}, "parameters['tau2']", "must be > 0 ms"),
        ({"parameters": {"e": math.nan}}, "parameters['e']", "must be a finite number"),
    ],
)
def test_synapses(changes, path, message):
    with pytest.raises(InvalidValue) as error:
        SynapseSpec(**changes)
    assert error.value.path == path
    assert message in str(error.value)


def section(**changes):
    return SectionSpec(**{"L": 1.0, "diam": 1.0, **changes})


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"sections": {}}, "sections", "must have exactly one root"),
        ({"sections": {"soma": section(), "b": section()}}, "sections", "must have exactly one root"),
        ({"sections": {"soma": section(), "b": section(parent="sona")}}, "sections['b'].parent", "did you mean 'soma'"),
        (
            {"sections": {"soma": section(), "b": section(parent="c"), "c": section(parent="b")}},
            "sections['b'].parent",
            "closes a loop",
        ),
        ({"sections": {"soma": section(receptors=["ampa"])}}, "sections['soma'].receptors", "is no receptor"),
        ({"locations": {"distal": ("tuft",)}}, "locations['distal']", "is no section"),
        ({"locations": {"distal": "soma"}}, "locations['distal']", "must be a list of section names"),
        ({"locations": {"distal": 3}}, "locations['distal']", "must be a list of section names"),
        ({"dipole_axis": "trunk"}, "dipole_axis", "is no section"),
        ({"spike_section": "some"}, "spike_section", "did you mean 'soma'"),
    ],
)
def test_cells(changes, path, message):
    with pytest.raises(InvalidValue) as error:
        CellSpec(**{"sections": {"soma": section()}, **changes})
    assert error.value.path == path
    assert message in str(error.value)


def test_locations_are_groups_or_sections(tiny_cell):
    assert tiny_cell.sections_at("both") == ("soma", "dend")
    assert tiny_cell.sections_at("dend") == ("dend",)
    with pytest.raises(UnknownName, match=r"location: 'distel' is no location .*did you mean 'distal'"):
        tiny_cell.sections_at("distel")


# ------------------------------------------------------------------------------------------------ profiles


def test_profiles():
    x = np.array([0.0, 100.0, 962.0, 1501.0])
    assert np.array_equal(evaluate(3.0, x), [3.0] * 4)
    found = evaluate(Exponential(scale=0.06, rate=-0.006, offset=1e-4), x)
    np.testing.assert_allclose(found, 0.06 * (np.exp(-0.006 * x) + 1e-4), rtol=1e-15)
    found = evaluate(Linear(start=0.32, end=0.0028, reach=962.0), x)
    expected = [0.32, 0.32 + 100 * (0.0028 - 0.32) / 962, 0.0028, 0.0028]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.array_equal(evaluate(Sampled(values=[1, 2, 3, 4]), x), [1, 2, 3, 4])
    with pytest.raises(InvalidValue, match="one value for each of the 4 segments"):
        evaluate(Sampled(values=[1, 2]), x)


# ------------------------------------------------------------------------------------------------ layout


@pytest.mark.parametrize("value", [3, "33", (3,), (3, 3, 3), (3, 2.5), (3, math.nan), (3, math.inf), (True, 3), None])
def test_a_mesh_is_two_integers(value):
    with pytest.raises(InvalidType, match=r"mesh_shape: .* must be two integers"):
        Grid(mesh_shape=value)


@pytest.mark.parametrize("value", [(0, 3), (3, -1)])
def test_a_mesh_has_cells(value):
    with pytest.raises(InvalidValue, match=r"mesh_shape: .* must be two integers >= 1"):
        Grid(mesh_shape=value)


def test_a_mesh_may_come_from_numpy():
    assert Grid(mesh_shape=np.array([3, 4])).mesh_shape == (3, 4)
    assert Grid(mesh_shape=(3.0, np.int32(4))).mesh_shape == (3, 4)


@pytest.mark.parametrize("points", [[(0, 0)], [(0, 0, math.nan)], [3], [("a", 0, 0)]])
def test_points_are_triples_of_numbers(points):
    with pytest.raises(InvalidValue, match=r"^points\[0\]: .* must be three"):
        AtPoints(points=points)


@pytest.mark.parametrize("pattern", ["full", "interleaved"])
@pytest.mark.parametrize("mesh", [(1, 1), (1, 5), (3, 3), (4, 7), (10, 10), (7, 2)])
def test_the_count_of_cells_is_that_of_positions(pattern, mesh):
    grid = Grid(mesh_shape=mesh)
    place = OnGrid(pattern=pattern, depth=0.2)
    positions = positions_of(place, grid)
    assert cell_count(place, grid) == len(positions) == len(np.unique(positions, axis=0))
    assert positions[:, 0].max() < mesh[0]
    assert positions[:, 1].max() < mesh[1]


def test_the_order_of_cells_on_a_grid():
    grid = Grid(mesh_shape=(4, 3), inplane_distance=2.0, layer_separation=100.0)
    full = positions_of(OnGrid(depth=1.0), grid)
    assert full[:, :2].tolist() == [[2.0 * x, 2.0 * y] for x in range(4) for y in range(3)]
    assert set(full[:, 2]) == {100.0}
    interleaved = positions_of(OnGrid(pattern="interleaved", depth=0.5), grid)
    assert interleaved.tolist() == [[0, 0, 50], [6, 0, 50], [2, 2, 50], [0, 4, 50], [6, 4, 50]]


def test_baskets_of_the_default_grid():
    assert cell_count(OnGrid(pattern="interleaved"), Grid()) == 35
    assert cell_count(OnGrid(pattern="interleaved"), Grid(mesh_shape=(3, 3))) == 3


@pytest.mark.parametrize(
    ("mesh", "origin"), [((10, 10), (4, 4, 653)), ((3, 3), (1, 1, 653)), ((4, 7), (1, 3, 653)), ((1, 2), (0, 0, 653))]
)
def test_the_origin_is_a_grid_point(mesh, origin):
    assert grid_origin(Grid(mesh_shape=mesh)) == origin


# ------------------------------------------------------------------------------------------------ connections, drives


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"source_cells": [0, -1]}, "source_cells[1]"),
        ({"source_cells": ["a"]}, "source_cells[0]"),
        ({"source_cells": [True]}, "source_cells[0]"),
        ({"target_cells": [0.5]}, "target_cells[0]"),
        ({"target_cells": [math.nan]}, "target_cells[0]"),
        ({"target_cells": 3}, "target_cells"),
        ({"pairs": [(0, 1, 2)]}, "pairs[0]"),
        ({"pairs": [3]}, "pairs[0]"),
        ({"pairs": ["01"]}, "pairs[0]"),
        ({"pairs": [(0, 1), (0, -1)]}, "pairs[1]"),
    ],
)
def test_cells_of_a_connection_are_indices(changes, path):
    with pytest.raises(InvalidType) as error:
        connection(**changes)
    assert error.value.path == path


def test_indices_may_come_from_numpy():
    made = connection(pairs=np.array([[0, 1], [2, 1]]))
    assert made.pairs == ((0, 1), (2, 1))
    assert type(made.pairs[0][0]) is int


def test_the_label_of_a_connection():
    assert connection().label == "left-right-ampa-soma"


@pytest.mark.parametrize(
    ("make", "path", "message"),
    [
        (lambda: evoked(weights={}), "weights", "must name at least one target"),
        (lambda: evoked(weights={"left": 0.1}), "weights['left']", "must be a mapping receptor -> weight"),
        (lambda: evoked(weights={"left": {"ampa": math.nan}}), "weights['left']['ampa']", "must be a finite number"),
        (lambda: evoked(weights={"left": {"ampa": -0.1}}), "weights['left']['ampa']", "must be >= 0 µS"),
        (lambda: evoked(delays={"right": 0.1}), "delays", "must have exactly the targets ['left']"),
        (lambda: evoked(delays={"left": -0.1}), "delays['left']", "must be >= 0 ms"),
        (lambda: evoked(probability={"left": 0}), "probability['left']", "must be > 0 and <= 1"),
        (lambda: evoked(n_drive_cells="n_cell"), "n_drive_cells", "must be an integer >= 1 or 'n_cells'"),
        (lambda: evoked(mu=None), "mu", "must be a number in ms"),
    ],
)
def test_drives(make, path, message):
    with pytest.raises(InvalidValue) as error:
        make()
    assert error.value.path == path
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("rate", "n_drive_cells", "message"),
    [
        ({"left": 10.0, "rihgt": 20.0}, "n_cells", "did you mean 'right'"),
        ({"left": 10.0}, "n_cells", "lacks ['right']"),
        ({"left": 10.0, "right": 20.0}, 3, "only with n_drive_cells='n_cells'"),
        ({"left": 10.0, "right": 0.0}, "n_cells", "must be > 0 Hz"),
    ],
)
def test_rates_by_target(rate, n_drive_cells, message):
    weights = {"left": {"ampa": 0.1}, "right": {"ampa": 0.1}}
    with pytest.raises(InvalidValue) as error:
        PoissonDrive(location="soma", weights=weights, rate=rate, n_drive_cells=n_drive_cells)
    assert error.value.path.startswith("rate")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("trains", "path"),
    [
        ([(1.0, -0.1)], "trains[0][1]"),
        ([(), (math.nan,)], "trains[1][0]"),
        ([3], "trains[0]"),
        ([("a",)], "trains[0]"),
        (3, "trains"),
    ],
)
def test_spike_trains_are_times(trains, path):
    with pytest.raises(InvalidValue) as error:
        SpikeTrainDrive(location="soma", weights={"left": {"ampa": 0.1}}, trains=trains, n_drive_cells=len([trains]))
    assert error.value.path == path


def test_what_drives_know_of_their_targets():
    weights = {"left": {"ampa": 0.1}, "right": {"ampa": 0.1}}
    drive = evoked(weights=weights, delays={"left": 1, "right": 2}, probability=0.5)
    assert (drive.delay_to("left"), drive.delay_to("right")) == (1.0, 2.0)
    assert drive.probability_of("left") == 0.5
    assert drive.cell_specific
    assert not evoked(n_drive_cells=1).cell_specific
    poisson = PoissonDrive(location="soma", weights=weights, rate={"left": 3, "right": 4})
    assert (poisson.rate_of("left"), poisson.rate_of("right")) == (3.0, 4.0)


# ------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"source": "lefd"}, "connections[1].source", "did you mean 'left'"),
        ({"target": "rihgt"}, "connections[1].target", "did you mean 'right'"),
        ({"receptor": "amap"}, "connections[1].receptor", "did you mean 'ampa'"),
        ({"receptor": "gabaa"}, "connections[1].receptor", "is no receptor of right at 'soma' (has ampa)"),
        ({"receptor": "gabaa", "location": "both"}, "connections[1].receptor", "at 'both' (soma) (has ampa)"),
        ({"location": "somma"}, "connections[1].location", "did you mean 'soma'"),
    ],
)
def test_connections_within_a_network(tiny_network, change, path, message):
    with pytest.raises(UnknownName) as error:
        attrs.evolve(tiny_network, connections=[connection(), connection(**change)])
    assert error.value.path == path
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")


def test_a_location_without_sections(tiny_network):
    network = put_at(tiny_network, "populations.right.cell.locations.distal", ())
    with pytest.raises(InvalidValue, match=r"connections\[0\]\.location: 'distal' has no section in right"):
        attrs.evolve(network, connections=[connection(location="distal")])


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"weights": {"lefd": {"ampa": 1.0}}}, "drives['d'].weights", "did you mean 'left'"),
        ({"weights": {"left": {"amap": 1.0}}}, "drives['d'].weights['left']", "did you mean 'ampa'"),
        ({"location": "somma"}, "drives['d'].location", "did you mean 'soma'"),
    ],
)
def test_drives_within_a_network(tiny_network, change, path, message):
    with pytest.raises(UnknownName) as error:
        attrs.evolve(tiny_network, drives={"d": evoked(**change)})
    assert error.value.path == path
    assert message in str(error.value)


def test_a_drive_may_not_have_the_name_of_a_population(tiny_network):
    with pytest.raises(InvalidValue, match=r"drives\['left'\]: 'left' is the name of a population"):
        attrs.evolve(tiny_network, drives={"left": evoked()})


@pytest.mark.parametrize(
    ("biases", "message"),
    [
        ({"b": {"lefd": TonicBias(amplitude=1.0)}}, r"biases\['b'\]: 'lefd' is no cell type .*did you mean 'left'"),
        (
            {"b": {"left": TonicBias(amplitude=1.0, section="some")}},
            r"biases\['b'\]\['left'\]\.section: 'some' is no section .*did you mean 'soma'",
        ),
        ({"b": {"left": 1.0}}, r"biases\['b'\]\['left'\]: 1.0 must be a TonicBias"),
        ({"b": TonicBias(amplitude=1.0)}, r"biases\['b'\]: .* must be a mapping population -> TonicBias"),
    ],
)
def test_biases_within_a_network(tiny_network, biases, message):
    with pytest.raises(InvalidValue, match=message):
        attrs.evolve(tiny_network, biases=biases)


def test_the_published_baseline_is_for_layers_2_and_5(tiny_network, small_column):
    assert small_column.baseline == "hnn"
    network = put_at(small_column, "populations.L2_pyramidal.layer", "5")
    assert network.baseline == "hnn"
    with pytest.raises(InvalidValue, match=r"baseline: 'hnn' is HNN's formula for layers 2 and 5.*'4'"):
        put_at(small_column, "populations.L2_pyramidal.layer", "4")
    with pytest.raises(UnknownName, match="did you mean 'settle'"):
        attrs.evolve(tiny_network, baseline="setle")


def test_a_dipole_needs_an_axis(tiny_cell):
    with pytest.raises(InvalidValue, match=r"measure_dipole: True needs cell\.dipole_axis"):
        Population(cell=tiny_cell, measure_dipole=True)


@pytest.mark.parametrize("positions", [[(0, 0)], [(0, 0, math.inf)], 3])
def test_contacts_are_triples_of_numbers(positions):
    with pytest.raises(InvalidValue, match=r"^positions"):
        Electrodes(positions=positions)


def test_methods_of_electrodes():
    assert [Electrodes(positions=[(0, 0, 0)], method=m).method for m in ("psa", "lsa", None)] == ["psa", "lsa", None]
    with pytest.raises(UnknownName, match="did you mean 'psa'"):
        Electrodes(positions=[(0, 0, 0)], method="spa")


@pytest.mark.parametrize("origin", [(0, 0), "here", (0, 0, math.nan)])
def test_an_origin_is_a_point(tiny_network, origin):
    with pytest.raises(InvalidValue, match=r"^origin: .* must be three"):
        attrs.evolve(tiny_network, origin=origin)


def test_gid_counts_of_cells_and_drives(tiny_network):
    weights = {"left": {"ampa": 0.1}, "right": {"ampa": 0.1}}
    network = attrs.evolve(
        tiny_network,
        drives={
            "own": evoked(weights=weights),
            "right_only": evoked(weights={"right": {"ampa": 1.0}}),
            "common": evoked(weights=weights, n_drive_cells=5),
        },
    )
    assert network.gid_counts() == {"left": 4, "right": 3, "own": 7, "right_only": 3, "common": 5}


# ------------------------------------------------------------------------------------------------ runs


@pytest.mark.parametrize("value", ["every", "some", True, [], [3], 3])
def test_what_may_be_recorded(value):
    with pytest.raises(InvalidValue, match=r"^vsec: "):
        Record(vsec=value)


def test_recordings_by_word_or_section():
    record = Record(vsec="all", isec=["soma", "dend"], ca=None)
    assert (record.vsec, record.isec, record.ca) == ("all", ("soma", "dend"), False)


def test_a_record_must_be_one():
    with pytest.raises(InvalidType, match=r"^record: .* must be a Record"):
        RunSpec(tstop=1.0, record={"vsec": "all"})
