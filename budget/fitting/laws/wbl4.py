"""wbl4 (Weibull): a stretched exponential with a floor, which it reaches sooner than any power law.

Error E + B exp(-(n / d)^b). b, without a unit, is how abruptly the error falls (1: exponentially); d, in units of the
largest pilot, is where the gain still to come has shrunk to 1 / e. For b <= 1 convex everywhere, else beyond the
take-off at d ((b - 1) / b)^(1 / b). A fifth of a law's weight in the average: docs/method.md says why.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, TINY, Array, Convex, Law, Parameter, Value

STRETCH = Parameter("exponent", "how abruptly the error falls: 1 is exponential", "none", -0.7, 0.6, BY_HAND)
LIFE = Parameter(
    "life", "labels at which the gain still to come has shrunk to 1 / e", "largest pilot", 0.0, 1.5, BY_HAND
)
END = 25.0  # (n / d)^b at the most: a hundredth of a billionth is left, so that ratios stay finite


def _age(theta: Array, labels: Array) -> tuple[Array, Array]:
    """ln (n / d)^b and (n / d)^b, at the most END."""
    log_age = np.minimum(theta[..., 0] * (np.log(labels + TINY) - np.log(theta[..., 1])), np.log(END))
    return log_age, np.exp(log_age)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """exp(-(n / d)^b)."""
    return np.exp(-_age(theta, labels)[1])


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With a = (n / d)^b, by ln b: -a ln a exp(-a); by ln d: b a exp(-a); 0 where a has reached its end."""
    log_age, age = _age(theta, labels)
    value = np.exp(-age)
    fall = value * age * (log_age < np.log(END))
    return value, (-log_age * fall, theta[..., 0] * fall)


def convex(theta: Array) -> Convex:
    """Convex in labels beyond the take-off."""
    exponent, life = float(theta[0]), float(theta[1])
    return Convex(life * ((exponent - 1) / exponent) ** (1 / exponent) if exponent > 1 else 0.0)


LAW = Law(
    "wbl4",
    "E + B exp(-(n / d)^b)",
    "Gu et al. 2001",
    (STRETCH, LIFE),
    (),
    shape,
    derivatives,
    "convex in labels for b <= 1, else beyond the take-off d ((b - 1) / b)^(1 / b)",
    convex,
    weight=0.2,
)
