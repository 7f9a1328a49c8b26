"""The design and the lines that the default search walks by."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.optimization.regression import Regression, folded_signs, lines_through


@pytest.mark.parametrize("n_free", [1, 2, 3, 4, 7, 12, 20])
def test_the_design_tells_every_parameter_apart(n_free):
    signs = folded_signs(n_free, np.random.default_rng(0))
    n_pairs = len(signs)
    np.testing.assert_array_equal(np.abs(signs), 1.0)
    np.testing.assert_array_equal(signs.T @ signs, n_pairs * np.eye(n_free))
    assert n_free <= 0.75 * n_pairs  # some are left to tell the noise


def test_curvature_and_products_do_not_disturb_slopes():
    rng = np.random.default_rng(1)
    slopes, bent = rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 3))
    steps = 0.1 * folded_signs(3, rng)

    def outputs(d):
        return 2.0 + d @ slopes.T + np.einsum("ni,kij,nj->nk", d, bent, d)

    lines = lines_through(np.full(3, 0.5), steps, outputs(steps), outputs(-steps))
    np.testing.assert_allclose(lines.slopes, slopes, atol=1e-12)
    assert lines.noise == pytest.approx(0.0, abs=1e-20)


def test_the_noise_of_slopes_is_told():
    rng = np.random.default_rng(2)
    steps, sd = 0.1 * folded_signs(12, rng), 0.3
    found = [lines_through(np.full(12, 0.5), steps, *rng.normal(0.0, sd, (2, 16, 40))) for _ in range(50)]
    # a slope is a mean of 16 halved differences over steps of 0.1
    expected = 40 * sd**2 / 2 / 16 / 0.1**2
    assert np.mean([one.noise for one in found]) == pytest.approx(expected, rel=0.1)
    assert np.mean([np.sum(one.slopes**2) / 12 for one in found]) == pytest.approx(expected, rel=0.1)


def test_settings_are_checked():
    with pytest.raises(InvalidValue, match="samples"):
        Regression(samples=0)
    with pytest.raises(InvalidValue, match="radius"):
        Regression(radius=0.01)
    with pytest.raises(InvalidValue, match="shrink"):
        Regression(shrink=1.0)
