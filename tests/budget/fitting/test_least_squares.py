"""Known parameters come back from noiseless curves; noisy ones are fitted as well as scipy fits them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import least_squares as scipy_least_squares

from budget.fitting.laws import LAWS
from budget.fitting.laws.base import RANGE
from budget.fitting.least_squares import least_squares

LABELS = np.geomspace(0.01, 1, 12)
KNOWN = {
    "pow3": [0.6],
    "pow4": [0.6, 0.05],
    "mmf4": [0.8, 0.2],
    "take-off": [2.5, 0.8],
    "no further gain": [0.6, 0.05],
    "wbl4": [0.6, 0.5],
    "logarithmic": [0.02, 30.0],
    "m4": [0.9, 0.3, 1.4],
}
KNOWN_JOINT = {  # one pool, then what a second adds
    "effective data": ([0.5, 0.4, 0.5, 0.6], [0.2, 0.4]),
    "effective odds": ([1.2, 0.4, 0.4, 0.5, 0.6], [0.2, 0.4]),
    "multiplicative": ([0.5, 0.1, 0.1, 0.3], [0.3, 0.5]),
    "additive": ([0.5, 0.05, 0.8, 0.1, 0.4], [0.5, 0.3, 0.7]),
    "odds": ([0.8, 0.3, 0.1, 0.7, 0.8], [0.3, 0.5, 1.5]),
    "transfer gap": ([0.5, 0.05, 0.8, 0.1, 0.4], [0.5, 0.3, 0.7]),
    "no further gain from pools": ([0.5, 0.1, 0.1, 0.3], [0.3, 0.5]),
}


def test_every_law_is_among_those_that_are_recovered() -> None:
    assert {*KNOWN, *KNOWN_JOINT} == set(LAWS)


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


@pytest.mark.parametrize("name", KNOWN_JOINT)
@pytest.mark.parametrize("pools", [1, 2])
def test_known_parameters_of_a_joint_law_come_back_to_six_digits(name: str, pools: int) -> None:
    first, second = KNOWN_JOINT[name]
    theta = np.array([*first, *second * (pools - 1)])
    mixes = np.array(list(product([0, 0.03, 0.2, 1.0], repeat=pools)))
    labels, pool = np.repeat(LABELS, len(mixes)), np.tile(mixes, (len(LABELS), 1))
    error = 0.07 + 0.11 * LAWS[name].shape(theta, labels, pool)
    found = least_squares(LAWS[name], labels[None], error[None], pool[None], starts=8, steps=400)
    answer = found.theta[0]
    if pools == 2:  # the pools were varied alike, but each has its own parameters, in its own place
        assert not np.allclose(answer[-len(second) :], answer[-2 * len(second) : -len(second)])
    np.testing.assert_allclose(answer, theta, rtol=1e-6)
    np.testing.assert_allclose([found.floor[0], found.scale[0]], [0.07, 0.11], rtol=1e-6)


@pytest.mark.parametrize("name", ["pow4", "mmf4", "wbl4", "m4"])
def test_noisy_curves_are_fitted_no_worse_than_by_scipy(name: str) -> None:
    random, law, curves = np.random.default_rng(0), LAWS[name], []
    for _ in range(12):
        exponent, offset, floor, scale = random.uniform([0.2, 0.01, 0, 0.05], [1, 0.2, 0.2, 0.3])
        curves.append(floor + scale * (LABELS + offset) ** -exponent + 0.01 * random.standard_normal(12))
    found = least_squares(law, np.tile(LABELS, (12, 1)), np.array(curves))
    mean, deviation = (np.array([getattr(p, key) for p in law.own]) for key in ("mean", "deviation"))
    for error, mine in zip(curves, found.squares, strict=True):

        def residual(z: np.ndarray, error: np.ndarray = error) -> np.ndarray:
            shape = law.shape(np.exp(mean + deviation * z[:-2]), LABELS, np.zeros((12, 0)))
            return np.asarray(z[-2] + z[-1] * shape - error)

        starts = np.column_stack([random.normal(0, 1, (5, len(mean))), np.full((5, 2), 0.1)])
        bounds = [-RANGE] * len(mean) + [0, 0], [RANGE] * len(mean) + [np.inf, np.inf]
        theirs = min(2 * scipy_least_squares(residual, s, bounds=bounds).cost for s in starts)
        assert mine <= theirs * (1 + 1e-6)


def test_a_curve_is_fitted_alike_alone_among_others_and_at_places_of_its_own() -> None:
    random = np.random.default_rng(1)
    labels = np.vstack([np.tile(LABELS, (70, 1)), np.sort(random.uniform(0.01, 1, (20, 12)), 1)])
    error = 0.1 + 0.1 * labels**-0.5 + 0.01 * random.standard_normal(labels.shape)
    together = least_squares(LAWS["pow4"], labels, error)
    for i in (0, 69, 70, 89):
        alone = least_squares(LAWS["pow4"], labels[i : i + 1], error[i : i + 1])
        np.testing.assert_allclose(alone.squares[0], together.squares[i], rtol=1e-7)


@pytest.mark.parametrize("error", [np.zeros(12), np.full(12, 0.3), LABELS, np.r_[np.ones(6), np.zeros(6)]])
@pytest.mark.parametrize("name", KNOWN)
def test_curves_that_no_law_likes_have_finite_fits_no_worse_than_a_constant(name: str, error: np.ndarray) -> None:
    labels = np.r_[0.0, LABELS[1:]]
    found = least_squares(LAWS[name], labels[None], error[None])
    assert np.isfinite(found.theta).all()
    assert found.floor[0] >= 0
    assert found.scale[0] >= 0
    assert found.squares[0] <= ((error - error.mean()) ** 2).sum() * (1 + 1e-12) + 1e-24
