"""Free parameters: bounds, scales, paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.optimization import Free, Space, free_of_drives

MU, WEIGHT = "drives.evprox1.mu", "drives.evprox1.weights.L5_pyramidal.ampa"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((MU, 5.0, 5.0), "equal"),
        ((MU, 6.0, 5.0), "must rise"),
        ((WEIGHT, 0.0, 1.0, "log"), "must be > 0 on a log scale"),
        ((WEIGHT, -1.0, 1.0, "log"), "must be > 0 on a log scale"),
        ((MU, 1.0, 2.0, "linear", 3.0), "must lie within 1 to 2"),
        ((MU, math.nan, 2.0), "finite"),
        ((MU, 1.0, 2.0, "lg"), "did you mean 'log'"),
    ],
)
def test_what_is_no_parameter_is_told_with_its_path(given, told):
    with pytest.raises(InvalidValue, match=told) as caught:
        Free(*given)
    assert given[0] in str(caught.value)


def test_a_path_that_does_not_exist_is_told_with_the_nearest(net):
    with pytest.raises(UnknownName, match="did you mean 'evprox1'"):
        Space.of(net.spec, [Free("drives.evprx1.mu", 1.0, 2.0)])
    with pytest.raises(UnknownName, match="did you mean 'sigma'"):
        Space.of(net.spec, [Free("drives.evprox1.sigm", 1.0, 2.0)])


def test_what_is_no_number_or_stands_twice_is_refused(net):
    with pytest.raises(InvalidType, match="is no number"):
        Space.of(net.spec, [Free("drives.evprox1.location", 1.0, 2.0)])
    with pytest.raises(InvalidValue, match="twice"):
        Space.of(net.spec, [Free(MU, 1.0, 2.0), Free(MU, 1.0, 3.0)])
    with pytest.raises(InvalidValue, match="at least one"):
        Space.of(net.spec, [])


def test_bounds_that_the_network_cannot_hold_are_refused_at_once(net):
    with pytest.raises(InvalidValue, match="sigma"):
        Space.of(net.spec, [Free("drives.evprox1.sigma", -1.0, 2.0)])


def test_starts_are_the_networks_own_values_where_they_can_be(net):
    own = hn.get_at(net.spec, MU)
    space = Space.of(net.spec, [Free(MU, own - 1, own + 5), Free(WEIGHT, 1.0, 100.0, "log")])
    assert space.starts == pytest.approx((own, 10.0))  # the weight's own value is outside: the middle on the scale


def test_unit_cube_and_back(net):
    space = Space.of(net.spec, [Free(MU, 10.0, 50.0), Free(WEIGHT, 1e-4, 1e-1, "log")])
    assert space.to_unit([20.0, 1e-3]) == pytest.approx([0.25, 1 / 3])
    unit = np.random.default_rng(1).random((50, 2))
    for point in unit:
        assert space.to_unit(space.from_unit(point)) == pytest.approx(point)
    assert list(space.from_unit([1.0, 1.0])) == [50.0, 1e-1]  # exactly: rounding doesn't leave the bounds
    assert list(space.from_unit([0.0, 0.0])) == [10.0, 1e-4]


def test_nothing_is_moved_into_its_bounds_silently(net):
    space = Space.of(net.spec, [Free(MU, 10.0, 50.0), Free(WEIGHT, 1e-4, 1e-1, "log")])
    for values in ([9.9, 1e-3], [20.0, 0.2], {MU: 51.0}):
        with pytest.raises(InvalidValue, match="must lie within"):
            space.values(values)
    with pytest.raises(InvalidValue, match="must lie within 0 to 1"):
        space.from_unit([0.5, 1.01])
    with pytest.raises(UnknownName):
        space.values({"drives.evprox1.m": 20.0})
    with pytest.raises(InvalidValue, match="2 values"):
        space.values([20.0])


def test_values_belong_to_names_not_to_places(net):
    # HNN-core 0.6.1 matches bounds to initial parameters by position
    space = Space.of(net.spec, [Free(MU, 10.0, 50.0), Free(WEIGHT, 1e-4, 1e-1, "log")])
    assert list(space.values({WEIGHT: 0.01, MU: 30.0})) == [30.0, 0.01]
    changed = space.apply(net.spec, {WEIGHT: 0.01, MU: 30.0})
    assert (hn.get_at(changed, MU), hn.get_at(changed, WEIGHT)) == (30.0, 0.01)
    assert hn.get_at(net.spec, MU) != 30.0


def test_free_parameters_of_drives(net):
    found = {one.path: one for one in free_of_drives(net, ["evprox1", "evdist1"], mu=(-5, 8), sigma=(0.5, 2))}
    drive = net.spec.drives["evprox1"]
    assert (found[MU].low, found[MU].high) == (drive.mu - 5, drive.mu + 8)
    assert found["drives.evdist1.sigma"].high == 2 * net.spec.drives["evdist1"].sigma
    assert found[WEIGHT].scale == "log"
    weights = [path for path in found if ".weights." in path]
    assert all(hn.get_at(net.spec, path) > 0 for path in weights)  # a weight of 0 is no synapse
    assert len(weights) == 4 + 6
    assert [one.path for one in free_of_drives(net, "evprox1", sigma=None, weights=None)] == [MU]
    with pytest.raises(UnknownName, match="did you mean 'evprox1'"):
        free_of_drives(net, "evprx1")
