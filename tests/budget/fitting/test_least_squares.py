"""Known parameters come back from noiseless curves; noisy ones are fitted as well as scipy fits them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares as scipy_least_squares

from budget.fitting.laws import LAWS
from budget.fitting.least_squares import least_squares

LABELS = np.geomspace(0.01, 1, 12)
KNOWN = {
    "pow3": [0.6],
    "pow4": [0.6, 0.05],
    "mmf4": [0.8, 0.2],
    "wbl4": [0.6, 0.5],
    "logarithmic": [0.02, 30.0],
    "m4": [0.9, 0.3, 1.4],
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_parameters_come_back_to_six_digits(name: str) -> None:
    theta = np.array(KNOWN[name])
    shape = LAWS[name].shape(theta, LABELS, np.zeros((12, 0)))
    error = 0.07 + 0.11 * shape
    found = least_squares(LAWS[name], LABELS[None], error[None], steps=300)
    if name == "logarithmic":  # where it ends and its floor say the same, as long as the end is not measured
        np.testing.assert_allclose([found.theta[0, 0], found.scale[0]], [theta[0], 0.11], rtol=1e-6)
        return
    np.testing.assert_allclose(found.theta[0], theta, rtol=1e-6)
    np.testing.assert_allclose([found.floor[0], found.scale[0]], [0.07, 0.11], rtol=1e-6)


def test_noisy_curves_are_fitted_no_worse_than_by_scipy() -> None:
    random = np.random.default_rng(0)
    law, curves = LAWS["pow4"], []
    for _ in range(20):
        exponent, offset, floor, scale = random.uniform([0.2, 0.01, 0, 0.05], [1, 0.2, 0.2, 0.3])
        curves.append(floor + scale * (LABELS + offset) ** -exponent + 0.01 * random.standard_normal(12))
    found = least_squares(law, np.tile(LABELS, (20, 1)), np.array(curves))
    for error, mine in zip(curves, found.squares, strict=True):

        def residual(z: np.ndarray, error: np.ndarray = error) -> np.ndarray:
            return np.exp(z[2]) + np.exp(z[3]) * (LABELS + np.exp(z[1])) ** -np.exp(z[0]) - error

        starts = random.normal([-0.5, -3, -2, -2], [0.5, 1, 0.5, 0.5], (5, 4))
        theirs = min(2 * scipy_least_squares(residual, s, bounds=(-12, 6)).cost for s in starts)
        assert mine <= theirs * (1 + 1e-3)
