"""Effective data: pool labels count as so many task labels (Hernandez et al. 2021)."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from budget.fitting.laws.base import EXPONENT, TINY, Array, Law, Parameter
from budget.fitting.laws.mmf4 import RATE
from budget.fitting.laws.odds import HALF

LABEL_POWER = Parameter(
    "label_power", "how the worth of a pool label grows with task labels, 0 to 1", -0.5, 1.5, "logit"
)
WORTH = Parameter("worth", "task labels that the largest pool pilot is worth, in units of the largest pilot", -1.0, 2.0)
POOL_POWER = Parameter("pool_power", "how fast the worth of a pool grows with its labels", -0.7, 0.6)


def effective_labels(label_power: Array, theta: Array, labels: Array, pools: Array) -> Array:
    """n + sum_j k_j n^d P_j^c_j; theta (..., 2 J) holds k_j, c_j pool by pool."""
    effective = labels + TINY
    log_labels = label_power * np.log(effective)
    for j in range(pools.shape[-1]):
        worth, power = theta[..., 2 * j], theta[..., 2 * j + 1]
        effective = effective + worth * np.exp(log_labels + power * np.log(pools[..., j] + TINY))
    return np.asarray(effective)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + sum_j k_j n^d P_j^c_j)^-b."""
    return effective_labels(theta[..., 1], theta[..., 2:], labels, pools) ** -theta[..., 0]


def odds_shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + ((n + sum_j k_j n^d P_j^c_j) / h)^b)."""
    effective = effective_labels(theta[..., 2], theta[..., 3:], labels, pools)
    return np.asarray(expit(-theta[..., 0] * np.log(effective / theta[..., 1])))


LAW = Law(
    "effective data",
    "E + B (n + sum_j k_j n^d P_j^c_j)^-b",
    "Hernandez et al. 2021",
    (EXPONENT, LABEL_POWER),
    (WORTH, POOL_POWER),
    shape,
    "convex in labels; convex in each pool where c <= 1",
)
ODDS_LAW = Law(
    "effective odds",
    "E + B / (1 + ((n + sum_j k_j n^d P_j^c_j) / h)^b)",
    "Hernandez et al. 2021, in the form of Morgan, Mercer, Flodin 1975",
    (RATE, HALF, LABEL_POWER),
    (WORTH, POOL_POWER),
    odds_shape,
    "convex in labels beyond their take-off where b > 1, everywhere where b <= 1; not jointly",
)
