"""Odds: labels and pools each multiply the odds of success by a power, flat before the take-off (mmf4 for several
axes).

Error E + B / (1 + (n / d)^b prod_j (1 + Q_j / p_j)^a_j), Q_j = P_j / (1 + P_j / s_j). b without a unit; d in units of
the largest pilot: labels that halve the error at the largest pools; a_j without a unit; p_j, where a pool begins to
help, and its saturation s_j, where more of it brings little, in units of its largest pilot. Convex in labels for b <=
1, else beyond their take-off, which is the later the fewer pool labels; convex in the pools where every a_j <= 1.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, TINY, Array, Convex, Law, Parameter, Value, decline
from budget.fitting.laws.mmf4 import RATE, take_off

HALF = Parameter("half", "labels at which half of what can be gained is gained", "largest pilot", -0.5, 2.5, BY_HAND)
SCALE = Parameter("pool_scale", "pool labels at which the pool begins to help", "largest pilot", -2.0, 2.0, BY_HAND)
POWER = Parameter("pool_exponent", "how fast the odds grow with pool labels", "none", -0.4, 0.7, BY_HAND, idle=True)
FULL = Parameter(
    "pool_saturation", "pool labels beyond which more of them bring little", "largest pilot", 0.0, 1.5, BY_HAND
)
MOST = 350.0  # logarithm of the odds by labels and by pools at the most, so that their product is a number


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + (n / d)^b prod_j ((p_j + Q_j) / (p_j + Q_j(1)))^a_j), 1 being the largest pilot: so d keeps its meaning,
    labels that halve the error there."""
    own, gain = theta[..., 0] * (np.log(labels + TINY) - np.log(theta[..., 1])), np.zeros(1)
    for j in range(pools.shape[-1]):
        scale, power, full = theta[..., 2 + 3 * j], theta[..., 3 + 3 * j], theta[..., 4 + 3 * j]
        useful = full * pools[..., j] / (full + pools[..., j])
        gain = gain + power * np.log((scale + useful) / (scale + full / (full + 1)))
    return np.asarray(1 / (1 + np.exp(np.minimum(own, MOST)) * np.exp(np.minimum(gain, MOST))))


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """-g (1 - g) times those of the log odds z = b ln(n / d) + sum_j a_j ln((p_j + Q_j) / (p_j + Q_j(1))): by ln b: b
    ln(n / d); by ln d: -b; by ln p: a p (1 / (p + Q) - 1 / (p + Q(1))); by ln a: a ln(...); by ln s: a s (Q' / (p + Q)
    - Q'(1) / (p + Q(1))), Q' = P^2 / (s + P)^2."""
    exponent = theta[..., 0]
    log_odds = exponent * (np.log(labels + TINY) - np.log(theta[..., 1]))
    slopes = [log_odds, -exponent]
    for j in range(pools.shape[-1]):
        scale, power, full = theta[..., 2 + 3 * j], theta[..., 3 + 3 * j], theta[..., 4 + 3 * j]
        share, pilot = pools[..., j] / (full + pools[..., j]), 1 / (full + 1)
        here, there = scale + full * share, scale + full * pilot
        gain = power * np.log(here / there)
        log_odds = log_odds + gain
        slopes += [power * scale * (1 / here - 1 / there), gain, power * full * (share**2 / here - pilot**2 / there)]
    value = decline(log_odds)
    spread = value * (value - 1)
    return value, tuple(spread * slope for slope in slopes)


def convex(theta: Array) -> Convex:
    """Along labels beyond the take-off without any pool labels, where it is latest."""
    exponent, half = float(theta[0]), float(theta[1])
    scale, power, full = theta[2::3], theta[3::3], theta[4::3]
    lost = float((power * np.log((scale + full / (full + 1)) / scale)).sum())
    return Convex(take_off(exponent, half * np.exp(min(lost / exponent, 700.0))), bool((power <= 1).all()), False)


LAW = Law(
    "odds",
    "E + B / (1 + (n / d)^b prod_j (1 + P_j / (1 + P_j / s_j) / p_j)^a_j)",
    "Morgan, Mercer, Flodin 1975, extended to pools",
    (RATE, HALF),
    (SCALE, POWER, FULL),
    shape,
    derivatives,
    "convex in labels for b <= 1, else beyond their take-off; convex in a pool where every a_j <= 1; not jointly",
    convex,
)
