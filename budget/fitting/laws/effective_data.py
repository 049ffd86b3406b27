"""Effective data: pool labels count as so many task labels (Hernandez et al. 2021)."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, TINY, Array, Law, Parameter

LABEL_POWER = Parameter(
    "label_power", "how the worth of a pool label grows with task labels, 0 to 1", -0.5, 1.0, "logit"
)
WORTH = Parameter("worth", "task labels that the largest pool pilot is worth, in units of the largest pilot", 0.0, 1.5)
POOL_POWER = Parameter("pool_power", "how fast the worth of a pool grows with its labels", float(np.log(0.5)), 0.6)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + sum_j k_j n^d P_j^c_j)^-b."""
    exponent, label_power = theta[..., 0], theta[..., 1]
    effective = labels + TINY
    log_labels = label_power * np.log(effective)
    for j in range(pools.shape[-1]):
        worth, power = theta[..., 2 + 2 * j], theta[..., 3 + 2 * j]
        effective = effective + worth * np.exp(log_labels + power * np.log(pools[..., j] + TINY))
    return effective**-exponent


LAW = Law(
    "effective data",
    "E + B (n + sum_j k_j n^d P_j^c_j)^-b",
    "Hernandez et al. 2021",
    (EXPONENT, LABEL_POWER),
    (WORTH, POOL_POWER),
    shape,
    "convex in labels; convex in each pool where c <= 1",
)
