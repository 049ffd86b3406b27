"""Multiplicative: labels and pools each scale the error down by a factor of their own (Zhang et al. 2024).

Error E + B (n + d)^-b prod_j (1 + P_j / p_j)^-a_j. b and d as in pow4; the pool's scale p_j, in units of its largest
pilot, is where it begins to help; its exponent a_j, without a unit, is how fast the error falls with its labels. The
logarithm is a sum of convex terms, so the error is convex in labels and pool labels together.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_SCALE, STRENGTH, TINY, Array, Law, Value, raised


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b prod_j (1 + P_j / p_j)^-a_j."""
    value = raised(labels + (theta[..., 1] + TINY), -theta[..., 0])
    for j in range(pools.shape[-1]):
        value = value * raised(1 + pools[..., j] / theta[..., 2 + 2 * j], -theta[..., 3 + 2 * j])
    return value


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With g the shape, by ln b: -b ln(n + d) g; by ln d: -b d g / (n + d); by ln p_j: a_j P_j g / (p_j + P_j); by ln
    a_j: -a_j ln(1 + P_j / p_j) g."""
    exponent, offset = theta[..., 0], theta[..., 1]
    total = labels + (offset + TINY)
    own, slopes = -exponent * np.log(total), []
    power = own
    for j in range(pools.shape[-1]):
        scale, rate = theta[..., 2 + 2 * j], theta[..., 3 + 2 * j]
        fall = -rate * np.log1p(pools[..., j] / scale)
        slopes += [rate * pools[..., j] / (scale + pools[..., j]), fall]
        power = power + fall
    value = np.exp(power)
    return value, tuple(slope * value for slope in (own, -exponent * offset / total, *slopes))


LAW = Law(
    "multiplicative",
    "E + B (n + d)^-b prod_j (1 + P_j / p_j)^-a_j",
    "Zhang et al. 2024",
    (EXPONENT, OFFSET),
    (POOL_SCALE, STRENGTH),
    shape,
    derivatives,
    "jointly convex",
)
