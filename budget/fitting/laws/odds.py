"""Odds: labels and pools each multiply the odds of success by a power, flat before the take-off (mmf4 for several
axes)."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from budget.fitting.laws.base import TINY, Array, Law, Parameter
from budget.fitting.laws.mmf4 import RATE

HALF = Parameter("half", "labels at which half of what can be gained is gained", -0.5, 2.5)
SCALE = Parameter("pool_scale", "pool labels at which the pool begins to help", -2.0, 2.0)
POWER = Parameter("pool_exponent", "how fast the odds grow with pool labels", -0.4, 0.7)
FULL = Parameter("pool_saturation", "pool labels beyond which more of them bring little", 0.0, 1.5)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + (n / d)^b prod_j (1 + Q_j / p_j)^a_j), Q_j = P_j / (1 + P_j / s_j)."""
    log_odds = theta[..., 0] * np.log((labels + TINY) / theta[..., 1])
    for j in range(pools.shape[-1]):
        scale, power, full = theta[..., 2 + 3 * j], theta[..., 3 + 3 * j], theta[..., 4 + 3 * j]
        useful = pools[..., j] / (1 + pools[..., j] / full)
        # against the largest pilot, so that d keeps its meaning: labels that halve the error there
        log_odds = log_odds + power * np.log((scale + useful) / (scale + full / (full + 1)))
    return np.asarray(expit(-log_odds))


LAW = Law(
    "odds",
    "E + B / (1 + (n / d)^b prod_j (1 + P_j / (1 + P_j / s_j) / p_j)^a_j)",
    "Morgan, Mercer, Flodin 1975, extended to pools",
    (RATE, HALF),
    (SCALE, POWER, FULL),
    shape,
    "convex in labels beyond their take-off where b > 1, everywhere where b <= 1; not jointly",
)
