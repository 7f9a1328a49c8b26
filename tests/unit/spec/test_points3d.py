"""Sections of 3-D points."""

import math

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import from_plain, put_at, to_plain
from hnnlib.compile.discretise import make_template
from hnnlib.spec.cells import CellSpec, SectionSpec

CONE = ((0.0, 0.0, 0.0, 4.0), (0.0, 0.0, 100.0, 2.0))
BENT = ((0.0, 0.0, 0.0, 2.0), (30.0, 0.0, 0.0, 2.0), (30.0, 0.0, 40.0, 2.0), (30.0, 30.0, 40.0, 1.0))


def template_of(points, nseg=1, **fields):
    section = SectionSpec.from_points(points, nseg=nseg, **fields)
    return make_template("cell", CellSpec(sections={"soma": section}))


def test_a_cylinder_in_its_place():
    section = SectionSpec.from_points(CONE)
    slant = math.sqrt(100.0**2 + 1.0)
    assert section.L == 100.0
    assert section.diam * section.L == pytest.approx(3.0 * slant)
    assert section.direction == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("nseg", [1, 3, 7])
def test_membrane_and_resistance_of_a_cone(nseg):
    """Lateral area of a frustum, and the integral of dx / (pi r²) along it; both known in closed form."""
    s = template_of(CONE, nseg, Ra=150.0).segments
    x = np.arange(2 * nseg + 1) * 100.0 / (2 * nseg)
    d = 4.0 - 0.02 * x
    slant = math.sqrt(1 + 0.01**2)
    assert s.area_um2 == pytest.approx(math.pi / 2 * (d[:-2:2] + d[2::2]) * (100.0 / nseg) * slant)
    resistance = 0.01 * 150.0 * 4 / math.pi * (x[1:] - x[:-1]) / (d[1:] * d[:-1])
    assert s.near_MOhm == pytest.approx(resistance[::2])
    assert s.far_MOhm == pytest.approx(resistance[1::2])
    assert s.diam_um == pytest.approx((d[:-2:2] + d[2::2]) / 2)


def test_segments_lie_on_the_path():
    s = template_of(BENT, 5).segments
    assert np.allclose(s.centre_um, [[10, 0, 0], [30, 0, 0], [30, 0, 20], [30, 0, 40], [30, 20, 40]])
    assert np.allclose(s.end_um[:-1], s.start_um[1:])
    assert np.allclose(s.end_um[-1], [30, 30, 40])


def test_a_path_of_one_diameter_is_a_cylinder():
    straight = ((0, 0, 0, 2.0), (0, 0, 13.0, 2.0), (0, 0, 60.0, 2.0))
    of_points = template_of(straight, 3).segments
    cylinder = SectionSpec(L=60.0, diam=2.0, nseg=3)
    of_cylinder = make_template("cell", CellSpec(sections={"soma": cylinder})).segments
    for name in ("area_um2", "near_MOhm", "far_MOhm", "diam_um", "centre_um", "start_um", "end_um", "distance_um"):
        assert np.allclose(getattr(of_points, name), getattr(of_cylinder, name), rtol=1e-12), name


def test_plain_data_and_back():
    section = SectionSpec.from_points(BENT)
    assert from_plain(SectionSpec, to_plain(section)) == section
    assert "points" not in to_plain(SectionSpec(L=10.0, diam=1.0))


def test_length_and_points_must_agree():
    section = SectionSpec.from_points(CONE)
    with pytest.raises(InvalidValue, match=r"L: 50.0 must be the length of the points' path \(100 µm\)"):
        put_at(section, "L", 50.0)


@pytest.mark.parametrize(
    ("points", "error", "text"),
    [
        ([(0, 0, 0, 1)], InvalidValue, "at least two points"),
        ([(0, 0, 0, 1), (0, 0, 1, 0)], InvalidValue, r"points\[1\].*diameter > 0"),
        ([(0, 0, 0, 1), (0, 0, math.nan, 1)], InvalidValue, r"points\[1\]"),
        ([(0, 0, 0, 1), (0, 0, 1)], InvalidType, r"points\[1\].*four numbers"),
        ([(0, 0, 0, 1), (0, 0, 0, 1)], InvalidValue, "must have a length"),
        ("abc", InvalidType, "list of points"),
    ],
)
def test_points_that_are_none(points, error, text):
    with pytest.raises(error, match=text):
        SectionSpec.from_points(points)
