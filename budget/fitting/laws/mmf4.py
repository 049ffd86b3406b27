"""mmf4 (Morgan, Mercer, Flodin): flat at first, then a power law, then the floor.

Error E + B / (1 + (n / d)^b): E + B is the error without labels. The exponent b, without a unit, is how fast the odds
of success grow with labels; the half point d, in units of the largest pilot, is where half of what can be gained is.
For b <= 1 convex everywhere; else only beyond the take-off at d ((b - 1) / (b + 1))^(1 / b).
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, TINY, Array, Convex, Law, Parameter, Value, decline

RATE = Parameter("exponent", "how fast the error falls with labels", "none", -0.3, 1.0)
HALF = Parameter("half", "labels at which half of what can be gained is gained", "largest pilot", -2.0, 2.0, BY_HAND)
STEEP = Parameter("exponent", "how steeply the error falls once it falls", "none", 1.33, 0.6)
AHEAD = Parameter("half", "labels at which half of what can be gained is gained", "largest pilot", 0.7, 1.5)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + (n / d)^b)."""
    return decline(theta[..., 0] * (np.log(labels + TINY) - np.log(theta[..., 1])))


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With s the shape, by ln b: -b ln(n / d) s (1 - s); by ln d: b s (1 - s)."""
    exponent = theta[..., 0]
    log_odds = exponent * (np.log(labels + TINY) - np.log(theta[..., 1]))
    value = decline(log_odds)
    spread = value * (1 - value)
    return value, (-log_odds * spread, exponent * spread)


def take_off(exponent: float, half: float) -> float:
    """Labels at which 1 / (1 + (n / d)^b) turns from concave to convex: d ((b - 1) / (b + 1))^(1 / b).

    >>> take_off(3.0, 2.0) == 2 * 0.5 ** (1 / 3), take_off(0.9, 2.0)
    (True, 0.0)
    """
    return half * ((exponent - 1) / (exponent + 1)) ** (1 / exponent) if exponent > 1 else 0.0


def convex(theta: Array) -> Convex:
    """Convex in labels beyond the take-off."""
    return Convex(take_off(float(theta[0]), float(theta[1])))


LAW = Law(
    "mmf4",
    "E + B / (1 + (n / d)^b)",
    "Morgan, Mercer, Flodin 1975",
    (RATE, HALF),
    (),
    shape,
    derivatives,
    "convex in labels for b <= 1, else beyond the take-off d ((b - 1) / (b + 1))^(1 / b)",
    convex,
)

TAKE_OFF = Law(
    "take-off",
    "E + B / (1 + (n / d)^b), steep and possibly all beyond the pilot",
    "Viering and Loog 2022",
    (STEEP, AHEAD),
    (),
    shape,
    derivatives,
    "convex beyond the take-off d ((b - 1) / (b + 1))^(1 / b)",
    convex,
    weight=0.19,
)
