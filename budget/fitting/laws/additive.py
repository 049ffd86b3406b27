"""Additive: labels remove one part of the error, every pool another (Mahmood et al. 2022)."""

from __future__ import annotations

from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_EXPONENT, POOL_SCALE, TINY, Array, Law, Parameter

SHARE = Parameter("share", "the pool's part of the error at the largest pilot over the labels' part", 0.0, 1.5)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """((n + d) / (1 + d))^-b + sum_j q_j ((1 + P_j / p_j) / (1 + 1 / p_j))^-a_j, 1 being the largest pilot."""
    exponent, offset = theta[..., 0], theta[..., 1]
    value = ((labels + offset + TINY) / (1 + offset)) ** -exponent
    for j in range(pools.shape[-1]):
        share, scale, power = theta[..., 2 + 3 * j], theta[..., 3 + 3 * j], theta[..., 4 + 3 * j]
        value = value + share * ((scale + pools[..., j]) / (scale + 1)) ** -power
    return value


LAW = Law(
    "additive",
    "E + B (n + d)^-b + sum_j A_j (1 + P_j / p_j)^-a_j",
    "Mahmood et al. 2022",
    (EXPONENT, OFFSET),
    (SHARE, POOL_SCALE, POOL_EXPONENT),
    shape,
    "jointly convex",
)
