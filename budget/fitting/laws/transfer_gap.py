"""Transfer gap: pools scale the labels' power law down to a gap that they cannot close (Mikami 2021, Barnett 2024)."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.additive import SHARE
from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_EXPONENT, POOL_SCALE, TINY, Array, Law


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(1 + sum_j q_j ((1 + P_j / p_j) / (1 + 1 / p_j))^-a_j) (n + d)^-b, 1 being the largest pilot."""
    exponent, offset = theta[..., 0], theta[..., 1]
    value = np.ones(1)
    for j in range(pools.shape[-1]):
        share, scale, power = theta[..., 2 + 3 * j], theta[..., 3 + 3 * j], theta[..., 4 + 3 * j]
        value = value + share * ((scale + pools[..., j]) / (scale + 1)) ** -power
    return value * (labels + offset + TINY) ** -exponent


LAW = Law(
    "transfer gap",
    "E + (G + sum_j A_j (1 + P_j / p_j)^-a_j) (n + d)^-b",
    "Mikami et al. 2021; Barnett 2024",
    (EXPONENT, OFFSET),
    (SHARE, POOL_SCALE, POOL_EXPONENT),
    shape,
    "convex in labels and in each pool",
)
