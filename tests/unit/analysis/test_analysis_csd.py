"""Current source density."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis.csd import csd, laminar_spacing
from hnnlib.base.errors import InvalidValue


@pytest.mark.parametrize("array", ["psa", "lsa"])
def test_csd_equals_the_published_one(reference, array):
    arrays, _ = reference("net3x3_lfp")
    expected = arrays[f"csd64_dec20__{array}"]
    np.testing.assert_allclose(csd(arrays[f"lfp64_dec20__{array}"], 500.0), expected, rtol=0, atol=1e-18)


def test_csd_of_a_cubic_profile_is_its_second_derivative_everywhere():
    # Second differences of a cubic are exact and linear in depth, so the extrapolated borders are exact too.
    z = np.arange(6) * 100.0
    potential = (2e-6 * z**3 - 3e-4 * z**2 + z)[:, np.newaxis] * [1.0, 2.0]
    expected = -(12e-6 * z - 6e-4)[:, np.newaxis] * [1.0, 2.0]
    np.testing.assert_allclose(csd(potential, 100.0), expected, rtol=1e-9, atol=1e-15)


def test_csd_keeps_leading_axes():
    potential = np.random.default_rng(0).normal(size=(3, 5, 7))
    stacked = csd(potential, 20.0)
    assert stacked.shape == (3, 5, 7)
    np.testing.assert_array_equal(stacked[1], csd(potential[1], 20.0))


def test_csd_errors():
    with pytest.raises(InvalidValue, match="at least 4 contacts"):
        csd(np.zeros((3, 10)), 100.0)
    with pytest.raises(InvalidValue, match="spacing: 0 must be > 0 µm"):
        csd(np.zeros((5, 10)), 0)


def test_spacing_along_a_slanted_electrode():
    assert laminar_spacing([(1, 2, 1000), (2, 3, 3000), (3, 4, 5000), (4, 5, 7000)]) == 2000.0
    assert laminar_spacing([(0, 0, 300), (0, 0, 200), (0, 0, 100)]) == 100.0


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([(0, 0, 0)], "at least 2 contacts"),
        ([(0, 0), (1, 1)], "n_contacts, 3"),
        ([(0, 0, 0), (0, 0, 100), (50, 0, 200)], "one line"),
        ([(0, 0, 0), (0, 0, 100), (0, 0, 50)], "one line, in order"),
        ([(0, 0, 0), (0, 0, 0), (0, 0, 0)], "one line"),
        ([(0, 0, 0), (0, 0, 100), (0, 0, 250)], "evenly spaced"),
        ([(0, 0, 5), (100, 0, 5), (200, 0, 5)], "differ in z"),
    ],
)
def test_geometry_that_is_no_laminar_electrode(positions, message):
    with pytest.raises(InvalidValue, match=message):
        laminar_spacing(positions)
