"""Attenuation towards the soma against cable theory (Rall 1959; Koch 1999, Biophysics of Computation, ch. 2)."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.membrane.attenuation import attenuation
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane
from hnnlib.embedding.membrane.cell import DetailedCell

RA, CM, G, DIAM = 150.0, 1.0, 1e-4, 2.0  # Ω·cm, µF/cm², S/cm², µm
LENGTH, SOMA = 800.0, 20.0  # µm


def stick(leak: dict | None = None, **options) -> DetailedCell:
    """Return a sphere with one dendrite."""
    leak = {"pas": {"g": G, "e": -70.0}} if leak is None else leak
    form = Morphology(
        names=("soma", "apical_0"),
        types=("soma", "apical"),
        parent=np.array([-1, 0]),
        parent_end=np.array([1, 1]),
        points=(
            np.array([[0.0, 0.0, -SOMA / 2, SOMA], [0.0, 0.0, SOMA / 2, SOMA]]),
            np.array([[0.0, 0.0, SOMA / 2, DIAM], [0.0, 0.0, SOMA / 2 + LENGTH, DIAM]]),
        ),
        domains=("soma", "apical_trunk"),
    )
    # next to no resistance inside the soma
    domains = {"all": Membrane(mechanisms=leak), "soma": Membrane(Ra=1e-3)}
    return DetailedCell(form, Biophysics(domains=domains, Ra=RA, cm=CM, axon="none"), **options)


@pytest.mark.parametrize("frequency", [0.0, 10.0, 100.0])
def test_a_sphere_with_a_stick(frequency):
    """The soma loads the cable's end: V(soma) / V(x) = 1 / (cosh X + (Y_soma / Y_inf) sinh X), X = x / lambda."""
    cell = stick(max_segment_um=4.0)
    leak = G + 2j * math.pi * frequency * CM * 1e-6  # S/cm²
    length_constant = cmath.sqrt(DIAM * 1e-4 / (4 * RA * leak)) * 1e4  # µm
    infinite = math.pi / 2 * cmath.sqrt(leak / RA) * (DIAM * 1e-4) ** 1.5  # S
    load = leak * math.pi * (SOMA * 1e-4) ** 2
    dendrite = cell.segments.section == 1
    x = (cell.segments.distance_um[dendrite] - SOMA / 2) / length_constant
    expected = np.abs(1 / (np.cosh(x) + load / infinite * np.sinh(x)))
    found = attenuation(cell, frequency)
    np.testing.assert_allclose(found[~dendrite], 1.0, rtol=1e-6)
    np.testing.assert_allclose(found[dendrite], expected, rtol=3e-5)
    assert expected.min() < 0.5


def test_higher_frequencies_are_attenuated_more():
    ratios = [attenuation(stick(), f)[-1] for f in (0.0, 10.0, 50.0, 200.0)]
    assert (np.diff(ratios) < 0).all()


def test_leaks_add_up_and_other_channels_do_not_count():
    both = stick({"pas": {"g": 0.3 * G}, "hh2": {"gl": 0.7 * G, "gnabar": 0.5}, "km": {"gbar": 500.0}})
    np.testing.assert_allclose(attenuation(both, 20.0), attenuation(stick(), 20.0), rtol=1e-12)


def test_what_is_not_allowed_is_refused():
    with pytest.raises(InvalidValue, match=r"frequency: -1\.0 must be >= 0 Hz"):
        attenuation(stick(), -1.0)
    with pytest.raises(InvalidValue, match="has no leak"):
        attenuation(stick({"km": {"gbar": 10.0}}))
