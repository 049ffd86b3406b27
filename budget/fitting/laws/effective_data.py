"""Effective data: pool labels count as so many task labels (Hernandez et al. 2021).

n_e = n + sum_j k_j n^q P_j^c_j labels in all, and the error E + B n_e^-b, or E + B / (1 + (n_e / h)^b) for scores that
start near chance. b without a unit; the label power q, 0 to 1, is how the worth of a pool label grows with task labels;
the worth k_j, in units of the largest pilot, is how many task labels the largest pool pilot is worth at the largest
pilot; the pool power c_j, without a unit, is how fast that grows with the pool; h is the half point of mmf4. n_e is
concave in labels, in a pool where its c_j <= 1, and jointly where q + c_j <= 1 for every pool: there the power law is
convex.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, EXPONENT, TINY, Array, Convex, Law, Parameter, Value, decline, raised
from budget.fitting.laws.mmf4 import RATE, take_off
from budget.fitting.laws.odds import HALF

LABEL_POWER = Parameter(
    "label_power", "how the worth of a pool label grows with task labels", "none", -0.5, 1.5, BY_HAND, "logit"
)
WORTH = Parameter(
    "worth", "task labels that the largest pool pilot is worth", "largest pilot", -1.0, 2.0, BY_HAND, idle=True
)
POOL_POWER = Parameter("pool_power", "how fast the worth of a pool grows with its labels", "none", -0.7, 0.6, BY_HAND)


def _parts(theta: Array, pools: Array) -> list[Array]:
    """k_j P_j^c_j of every pool; theta (..., 2 J) holds k_j, c_j pool by pool."""
    return [theta[..., 2 * j] * raised(pools[..., j] + TINY, theta[..., 1 + 2 * j]) for j in range(pools.shape[-1])]


def effective_labels(label_power: Array, theta: Array, labels: Array, pools: Array) -> Array:
    """n + n^q sum_j k_j P_j^c_j; theta (..., 2 J) holds k_j, c_j pool by pool."""
    worth, *others = _parts(theta, pools)
    for other in others:
        worth += other
    total = raised(labels + TINY, label_power) * worth
    total += labels + TINY
    return total


def effective_slopes(label_power: Array, theta: Array, labels: Array, pools: Array) -> Value:
    """ln n_e, and its derivatives by logit q: q (1 - q) ln n sum_j w_j / n_e, w_j being the parts; by ln k_j: w_j /
    n_e; by ln c_j: c_j ln P_j w_j / n_e."""
    worth = raised(labels + TINY, label_power)
    parts = [worth * part for part in _parts(theta, pools)]
    effective = np.asarray(labels + TINY + sum(parts))
    shares = [part / effective for part in parts]
    each = [
        slope
        for j, share in enumerate(shares)
        for slope in (share, theta[..., 1 + 2 * j] * np.log(pools[..., j] + TINY) * share)
    ]
    power = np.asarray(label_power * (1 - label_power) * np.log(labels + TINY) * sum(shares))
    return np.log(effective), (power, *each)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + sum_j k_j n^q P_j^c_j)^-b."""
    return raised(effective_labels(theta[..., 1], theta[..., 2:], labels, pools), -theta[..., 0])


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """By ln b: -b ln n_e n_e^-b; else -b n_e^-b times those of ln n_e."""
    exponent = theta[..., 0]
    log_effective, slopes = effective_slopes(theta[..., 1], theta[..., 2:], labels, pools)
    value = np.exp(-exponent * log_effective)
    fall = -exponent * value
    return value, (log_effective * fall, *(slope * fall for slope in slopes))


def odds_shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + ((n + sum_j k_j n^q P_j^c_j) / h)^b)."""
    effective = effective_labels(theta[..., 2], theta[..., 3:], labels, pools)
    return decline(theta[..., 0] * (np.log(effective) - np.log(theta[..., 1])))


def odds_derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With s the shape, by ln b: -b ln(n_e / h) s (1 - s); by ln h: b s (1 - s); else -b s (1 - s) times those of ln
    n_e."""
    exponent, half = theta[..., 0], theta[..., 1]
    log_effective, slopes = effective_slopes(theta[..., 2], theta[..., 3:], labels, pools)
    log_ratio = log_effective - np.log(half)
    value = decline(exponent * log_ratio)
    fall = -exponent * value * (1 - value)
    return value, (log_ratio * fall, -fall, *(slope * fall for slope in slopes))


def convex(theta: Array) -> Convex:
    """Concave effective labels under a falling convex power."""
    powers = theta[3::2]
    return Convex(0.0, bool((powers <= 1).all()), bool((theta[1] + powers <= 1).all()))


def odds_convex(theta: Array) -> Convex:
    """Effective labels are at least the labels: from the take-off on convex in them, at any pools."""
    powers, start = theta[4::2], take_off(float(theta[0]), float(theta[1]))
    return Convex(start, start == 0 and bool((powers <= 1).all()), start == 0 and bool((theta[2] + powers <= 1).all()))


LAW = Law(
    "effective data",
    "E + B (n + sum_j k_j n^q P_j^c_j)^-b",
    "Hernandez et al. 2021",
    (EXPONENT, LABEL_POWER),
    (WORTH, POOL_POWER),
    shape,
    derivatives,
    "convex in labels; convex in each pool where every c_j <= 1; jointly where every q + c_j <= 1",
    convex,
)
ODDS_LAW = Law(
    "effective odds",
    "E + B / (1 + ((n + sum_j k_j n^q P_j^c_j) / h)^b)",
    "Hernandez et al. 2021, in the form of Morgan, Mercer, Flodin 1975",
    (RATE, HALF, LABEL_POWER),
    (WORTH, POOL_POWER),
    odds_shape,
    odds_derivatives,
    "convex as effective data for b <= 1, else in labels beyond their take-off",
    odds_convex,
)
