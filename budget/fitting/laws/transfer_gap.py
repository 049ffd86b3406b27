"""Transfer gap: pools scale the labels' power law down to a gap that they cannot close (Mikami 2021, Barnett 2024).

Error E + (G + sum_j A_j (1 + P_j / p_j)^-a_j) (n + d)^-b: however many pool labels, G stays, and only labels close it.
Parameters and units as in the additive law; the shares are against the gap G. Products of power laws are convex in
labels and pool labels together, and so is their sum.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.additive import SHARE, pool_parts, pool_slopes
from budget.fitting.laws.base import EXPONENT, OFFSET, POOL_EXPONENT, POOL_SCALE, TINY, Array, Law, Value, raised


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(1 + sum_j q_j ((p_j + P_j) / (p_j + 1))^-a_j) (n + d)^-b, 1 being the largest pilot."""
    own = raised(labels + (theta[..., 1] + TINY), -theta[..., 0])
    return np.asarray((1 + sum(pool_parts(theta[..., 2:], pools))) * own)


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With g the shape, by ln b: -b ln(n + d) g; by ln d: -b d g / (n + d); the pools' parts as in the additive law,
    times (n + d)^-b."""
    exponent, offset = theta[..., 0], theta[..., 1]
    total = labels + (offset + TINY)
    power = -exponent * np.log(total)
    own = np.exp(power)
    parts = pool_parts(theta[..., 2:], pools)
    slopes = pool_slopes(theta[..., 2:], pools)
    value = np.asarray((1 + sum(parts)) * own)
    each = [part * slope * own for j, part in enumerate(parts) for slope in slopes[3 * j : 3 * j + 3]]
    return value, (power * value, -exponent * offset / total * value, *each)


LAW = Law(
    "transfer gap",
    "E + (G + sum_j A_j (1 + P_j / p_j)^-a_j) (n + d)^-b",
    "Mikami et al. 2021; Barnett 2024",
    (EXPONENT, OFFSET),
    (SHARE, POOL_SCALE, POOL_EXPONENT),
    shape,
    derivatives,
    "jointly convex",
)
