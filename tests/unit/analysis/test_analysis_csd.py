"""Current source density."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.analysis import csd, inverse_csd, laminar_spacing
from hnnlib.base.errors import InvalidValue, UnknownName


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


# ------------------------------------------------------------------------------------------------ known sources


@pytest.mark.parametrize("waves", [2, 5])
def test_second_difference_of_a_plane_wave_of_sources(waves):
    """Of sources that are the same in all the plane, C = σ k² φ, it has sinc²(kh/2): next to 1 for close contacts."""
    h, n = 20.0, 101
    z = np.arange(n) * h
    k = 2 * np.pi * waves / (n * h)
    potential = np.cos(k * z)[:, np.newaxis]
    expected = k**2 * potential
    np.testing.assert_allclose(csd(potential, h)[1:-1], expected[1:-1] * np.sinc(k * h / 2 / np.pi) ** 2, rtol=1e-6)
    assert np.sinc(k * h / 2 / np.pi) ** 2 > 0.99


def disc_potential(source, z, radius, conductivity):
    """The potential (µV) on the axis of discs with a density (µA/mm³) over depth, by adaptive quadrature."""
    from scipy.integrate import quad

    def at(here):
        def integrand(there):
            return source(there) * (np.hypot(here - there, radius) - abs(here - there))

        return quad(integrand, z[0], z[-1], points=[here], limit=300, epsabs=1e-10, epsrel=1e-10)[0]

    # µA/mm³ times µm² over S/m make 1e-3 µV
    return 1e-3 * np.array([at(here) for here in z]) / (2 * conductivity)


def sink_and_source(z):
    return np.exp(-(((z - 900) / 150) ** 2)) - 0.7 * np.exp(-(((z - 1400) / 120) ** 2))


@pytest.mark.parametrize(("spacing", "tolerance"), [(100.0, 0.006), (50.0, 0.0006)])
@pytest.mark.parametrize("radius", [25.0, 250.0, 1000.0])
def test_spline_finds_a_known_source(radius, spacing, tolerance):
    """As well as a spline through the source itself: to the fourth order in the spacing (tolerances of a peak of 1)."""
    z = np.arange(0.0, 2000.1, spacing)
    potential = disc_potential(sink_and_source, z, radius, 0.3)[:, np.newaxis]
    found = inverse_csd(potential, spacing, 2 * radius, 0.3)[:, 0]
    np.testing.assert_allclose(found, sink_and_source(z), rtol=0, atol=tolerance)
    # where sources don't reach far sideways, the second difference misses most of them
    second = csd(potential, spacing)[:, 0] * 0.3 * 1e3
    assert np.abs(second - sink_and_source(z)).max() > 10 * tolerance


def test_thin_discs_are_found_exactly():
    """The forward model written out: φ_i = Σ_j h C_j (√(d² + R²) - d) / 2σ."""
    source = np.random.default_rng(4).normal(size=(2, 16, 5))
    distance = np.abs(np.subtract.outer(np.arange(16), np.arange(16))) * 80.0
    potential = 1e-3 * 80.0 * (np.hypot(distance, 300.0) - distance) @ source / (2 * 0.25)
    found = inverse_csd(potential, 80.0, diameter=600.0, conductivity=0.25, profile="delta")
    np.testing.assert_allclose(found, source, rtol=1e-9)


def test_second_difference_finds_sources_that_reach_far_sideways():
    """In planes nothing else bends the potential: the difference times conductivity is the source, but for h² terms."""
    z = np.arange(0.0, 2000.1, 50.0)
    potential = disc_potential(sink_and_source, z, 1e6, 0.3)[:, np.newaxis]
    second = csd(potential, 50.0)[:, 0] * 0.3 * 1e3
    np.testing.assert_allclose(second[2:-2], sink_and_source(z)[2:-2], rtol=0, atol=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": 0.0}, "spacing: 0.0 must be > 0 µm"),
        ({"diameter": -1.0}, "diameter: -1.0 must be > 0 µm"),
        ({"conductivity": 0.0}, "conductivity: 0.0 must be > 0 S/m"),
        ({"potential": np.zeros((3, 9))}, "at least 4 contacts"),
        ({"potential": np.zeros((1, 9)), "profile": "delta"}, "at least 2 contacts"),
    ],
)
def test_bad_inverse_csd(options, message):
    with pytest.raises(InvalidValue, match=message):
        inverse_csd(**{"potential": np.zeros((5, 9)), "spacing": 100.0, **options})


def test_unknown_profile():
    with pytest.raises(UnknownName, match=r"'splin' is no profile of source density .* did you mean 'spline'"):
        inverse_csd(np.zeros((5, 9)), 100.0, profile="splin")
