"""Additive: labels remove one part of the error, every pool another (Mahmood et al. 2022).

Error E + B (n + d)^-b + sum_j A_j (1 + P_j / p_j)^-a_j. b and d as in pow4; the share q_j, without a unit, is the
pool's part of the error at the largest pilot over the labels' part; p_j (in units of the pool's largest pilot) and a_j
as in the multiplicative law. A sum of convex terms: convex in labels and pool labels together.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import (
    BY_HAND,
    EXPONENT,
    OFFSET,
    POOL_EXPONENT,
    POOL_SCALE,
    TINY,
    Array,
    Law,
    Parameter,
    Value,
    raised,
)

SHARE = Parameter(
    "share",
    "the pool's part of the error at the largest pilot over the labels' part",
    "none",
    0.0,
    1.5,
    BY_HAND,
    idle=True,
)


def pool_parts(theta: Array, pools: Array) -> list[Array]:
    """For every pool q_j ((p_j + P_j) / (p_j + 1))^-a_j, 1 being the largest pilot; theta (..., 3 J) holds q, p, a."""
    parts = []
    for j in range(pools.shape[-1]):
        share, scale, rate = theta[..., 3 * j], theta[..., 1 + 3 * j], theta[..., 2 + 3 * j]
        part = raised((scale + pools[..., j]) / (scale + 1), -rate)
        part *= share
        parts.append(part)
    return parts


def pool_slopes(theta: Array, pools: Array) -> list[Array]:
    """Of every pool's part, over that part: the derivatives by ln q_j, ln p_j and ln a_j, pool by pool."""
    slopes = []
    for j in range(pools.shape[-1]):
        scale, rate, labels = theta[..., 1 + 3 * j], theta[..., 2 + 3 * j], pools[..., j]
        slopes.append(np.ones(1))
        slopes.append(-rate * scale * (1 / (scale + labels) - 1 / (scale + 1)))
        slopes.append(-rate * np.log((scale + labels) / (scale + 1)))
    return slopes


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """((n + d) / (1 + d))^-b + sum_j q_j ((p_j + P_j) / (p_j + 1))^-a_j, 1 being the largest pilot."""
    offset = theta[..., 1]
    value = raised((labels + (offset + TINY)) / (1 + offset), -theta[..., 0])
    for part in pool_parts(theta[..., 2:], pools):
        value = value + part
    return value


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With A = ((n + d) / (1 + d))^-b, by ln b: A ln A; by ln d: -b d A (1 / (n + d) - 1 / (1 + d)); and of the pools'
    parts q r^-a, r = (p + P) / (p + 1), by ln q: q r^-a; by ln p: -a p (1 / (p + P) - 1 / (p + 1)) q r^-a; by ln a:
    -a ln r q r^-a."""
    exponent, offset = theta[..., 0], theta[..., 1]
    total = labels + (offset + TINY)
    power = -exponent * np.log(total / (1 + offset))
    own = np.exp(power)
    parts = pool_parts(theta[..., 2:], pools)
    slopes = pool_slopes(theta[..., 2:], pools)
    each = [part * slope for j, part in enumerate(parts) for slope in slopes[3 * j : 3 * j + 3]]
    return own + sum(parts), (power * own, -exponent * offset * (1 / total - 1 / (1 + offset)) * own, *each)


LAW = Law(
    "additive",
    "E + B (n + d)^-b + sum_j A_j (1 + P_j / p_j)^-a_j",
    "Mahmood et al. 2022",
    (EXPONENT, OFFSET),
    (SHARE, POOL_SCALE, POOL_EXPONENT),
    shape,
    derivatives,
    "jointly convex",
)
