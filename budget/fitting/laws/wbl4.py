"""wbl4 (Weibull): a stretched exponential with a floor, which it reaches sooner than any power law."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import TINY, Array, Law, Parameter

STRETCH = Parameter("exponent", "how abruptly the error falls: 1 is exponential", -0.7, 0.6)
LIFE = Parameter("life", "labels at which the gain still to come has shrunk to 1 / e", 0.0, 1.5)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """exp(-(n / d)^b), convex for b <= 1; a hundredth of a billionth at the least, so that ratios stay finite."""
    exponent, life = theta[..., 0], theta[..., 1]
    return np.exp(-np.minimum(((labels + TINY) / life) ** exponent, 25.0))


LAW = Law(
    "wbl4",
    "E + B exp(-(n / d)^b)",
    "Gu et al. 2001",
    (STRETCH, LIFE),
    (),
    shape,
    "convex in labels for b <= 1, else beyond the take-off d ((b - 1) / b)^(1 / b)",
    weight=0.0,
)
