"""Multiplicative: labels and pools each scale the error down by a factor of their own (Zhang et al. 2024)."""

from __future__ import annotations

from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_EXPONENT, POOL_SCALE, TINY, Array, Law


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b prod_j (1 + P_j / p_j)^-a_j."""
    value = (labels + theta[..., 1] + TINY) ** -theta[..., 0]
    for j in range(pools.shape[-1]):
        scale, exponent = theta[..., 2 + 2 * j], theta[..., 3 + 2 * j]
        value = value * (1 + pools[..., j] / scale) ** -exponent
    return value


LAW = Law(
    "multiplicative",
    "E + B (n + d)^-b prod_j (1 + P_j / p_j)^-a_j",
    "Zhang et al. 2024",
    (EXPONENT, OFFSET),
    (POOL_SCALE, POOL_EXPONENT),
    shape,
    "jointly convex",
)
