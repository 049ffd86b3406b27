"""mmf4 (Morgan, Mercer, Flodin): flat at first, then a power law, then the floor."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, TINY, Array, Law, Parameter

HALF = Parameter("half", "labels at which half of what can be gained is gained", -2.0, 2.0)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """1 / (1 + (n / d)^b): convex for b <= 1, with a take-off before d for b > 1."""
    exponent, half = theta[..., 0], theta[..., 1]
    return 1 / (1 + np.exp(exponent * np.log((labels + TINY) / half)))


LAW = Law(
    "mmf4",
    "E + B / (1 + (n / d)^b)",
    "Morgan, Mercer, Flodin 1975",
    (EXPONENT, HALF),
    (),
    shape,
    "convex in labels for b <= 1, else beyond the take-off d ((b - 1) / (b + 1))^(1 / b)",
)
