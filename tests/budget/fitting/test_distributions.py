"""Known distributions against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from budget.fitting.distributions import f_above, normal_quantiles, t_above, t_reached

FREEDOMS = (0.5, 1, 2, 3.3, 7, 20, 300.5, 1e4)


@pytest.mark.parametrize("below", FREEDOMS)
@pytest.mark.parametrize("above", [1, 2, 5, 20, 400])
def test_fishers_f_is_above_a_value_as_often_as_scipy_says(above: float, below: float) -> None:
    ratios = np.array([0.0, *np.geomspace(1e-9, 1e4, 60), np.inf])
    found = [f_above(above, below, float(ratio)) for ratio in ratios]
    np.testing.assert_allclose(found, special.fdtrc(above, below, ratios), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_students_t_is_above_a_value_as_often_as_scipy_says(freedom: float) -> None:
    side = np.array([0.0, *np.geomspace(1e-4, 1e3, 40), np.inf])
    values = np.concatenate([-side, side])
    found = [t_above(freedom, float(value)) for value in values]
    np.testing.assert_allclose(found, special.stdtr(freedom, -values), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("share", [1e-4, 0.05, 0.4])
@pytest.mark.parametrize("freedom", [1, 2, 3.3, 7, 20, 300.5, 1e4])
def test_students_t_reaches_what_scipy_says(freedom: float, share: float) -> None:
    assert t_reached(freedom, share) == pytest.approx(special.stdtrit(freedom, 1 - share), rel=1e-9)


def test_the_normal_has_the_quantiles_of_scipy() -> None:
    tail = np.geomspace(1e-12, 0.5, 50)
    shares = np.stack([tail, 1 - tail])
    np.testing.assert_allclose(normal_quantiles(shares), special.ndtri(shares), atol=1e-13)
