"""mmf4 (Morgan, Mercer, Flodin): flat at first, then a power law, then the floor."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from budget.fitting.laws.base import TINY, Array, Law, Parameter

RATE = Parameter("exponent", "how fast the error falls with labels", -0.3, 1.0)
HALF = Parameter("half", "labels at which half of what can be gained is gained", -2.0, 2.0)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + (n / d)^b): convex for b <= 1, with a take-off before d for b > 1."""
    exponent, half = theta[..., 0], theta[..., 1]
    return np.asarray(expit(-exponent * np.log((labels + TINY) / half)))


STEEP = Parameter("exponent", "how steeply the error falls once it falls", 1.33, 0.6)
AHEAD = Parameter("half", "labels at which half of what can be gained is gained", 0.7, 1.5)


LAW = Law(
    "mmf4",
    "E + B / (1 + (n / d)^b)",
    "Morgan, Mercer, Flodin 1975",
    (RATE, HALF),
    (),
    shape,
    "convex in labels for b <= 1, else beyond the take-off d ((b - 1) / (b + 1))^(1 / b)",
)

TAKE_OFF = Law(
    "take-off",
    "E + B / (1 + (n / d)^b), steep and possibly all beyond the pilot",
    "Viering and Loog 2022",
    (STEEP, AHEAD),
    (),
    shape,
    "convex beyond the take-off d ((b - 1) / (b + 1))^(1 / b)",
    weight=0.19,
)
