"""No further gain: a power law up to the largest pilot, constant beyond it, along labels and along every pool."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_EXPONENT, POOL_SCALE, TINY, Array, Law


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(min(n, 1) + d)^-b, 1 being the largest pilot."""
    exponent, offset = theta[..., 0], theta[..., 1]
    return (np.minimum(labels, 1.0) + offset + TINY) ** -exponent


def pool_shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b prod_j (1 + min(P_j, 1) / p_j)^-a_j: labels go on helping, pools do not."""
    value = (labels + theta[..., 1] + TINY) ** -theta[..., 0]
    for j in range(pools.shape[-1]):
        scale, exponent = theta[..., 2 + 2 * j], theta[..., 3 + 2 * j]
        value = value * (1 + np.minimum(pools[..., j], 1.0) / scale) ** -exponent
    return value


LAW = Law(
    "no further gain", "E + B (min(n, largest pilot) + d)^-b", "", (EXPONENT, OFFSET), (), shape, "convex in labels"
)
POOL_LAW = Law(
    "no further gain from pools",
    "E + B (n + d)^-b prod_j (1 + min(P_j, largest pilot) / p_j)^-a_j",
    "",
    (EXPONENT, OFFSET),
    (POOL_SCALE, POOL_EXPONENT),
    pool_shape,
    "convex in labels and in each pool",
)
