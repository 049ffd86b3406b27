"""No further gain: a power law up to the largest pilot, constant beyond it, along labels or along every pool.

Parameters as in pow4 and in the multiplicative law, whose shapes these are up to the largest pilot. Convex: the kink at
the largest pilot turns upwards. They stand for curves that end where the pilots end, which no smooth law says.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws import multiplicative, pow4
from budget.fitting.laws.base import Array, Law, Value


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(min(n, 1) + d)^-b, 1 being the largest pilot."""
    return pow4.shape(theta, np.minimum(labels, 1.0), pools)


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """As pow4 at min(n, 1)."""
    return pow4.derivatives(theta, np.minimum(labels, 1.0), pools)


def pool_shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b prod_j (1 + min(P_j, 1) / p_j)^-a_j: labels go on helping, pools do not."""
    return multiplicative.shape(theta, labels, np.minimum(pools, 1.0))


def pool_derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """As the multiplicative law at min(P_j, 1)."""
    return multiplicative.derivatives(theta, labels, np.minimum(pools, 1.0))


LAW = Law(
    "no further gain",
    "E + B (min(n, largest pilot) + d)^-b",
    "no further gain, the bound from below",
    pow4.LAW.own,
    (),
    shape,
    derivatives,
    "convex in labels",
    inside=pow4.LAW,
)
POOL_LAW = Law(
    "no further gain from pools",
    "E + B (n + d)^-b prod_j (1 + min(P_j, largest pilot) / p_j)^-a_j",
    "no further gain, the bound from below",
    multiplicative.LAW.own,
    multiplicative.LAW.each_pool,
    pool_shape,
    pool_derivatives,
    "jointly convex",
    inside=multiplicative.LAW,
)
