"""M4: between chance and floor, with its own sharpness at either end (Alabdulmohsin, Neyshabur, Zhai 2022)."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from budget.fitting.laws.base import TINY, Array, Law, Parameter
from budget.fitting.laws.mmf4 import HALF, RATE

SHARPNESS = Parameter("sharpness", "how long chance is held: 1 is mmf4", 0.0, 0.5)
STEPS = 8  # Newton steps; the function is smooth, increasing and nearly straight


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """s with s / (1 - s)^a = (n / d)^-b: s = (e - E) / (chance - E). Newton in the logit z of s, from z = -b ln(n / d):
    ln s - a ln(1 - s) + b ln(n / d) = 0 has the derivative (1 - s) + a s in z."""
    exponent, half, sharpness = theta[..., 0], theta[..., 1], theta[..., 2]
    target = -exponent * np.log((labels + TINY) / half)
    z = np.where(target > 0, target / np.maximum(sharpness, 0.05), target)
    for _ in range(STEPS):
        share = expit(z)
        z = z - (-np.logaddexp(0, -z) + sharpness * np.logaddexp(0, z) - target) / (1 - share + sharpness * share)
    return np.asarray(expit(z))


LAW = Law(
    "m4",
    "(e - E) / (E + B - e)^a = c n^-b",
    "Alabdulmohsin et al. 2022",
    (RATE, HALF, SHARPNESS),
    (),
    shape,
    "convex in labels beyond the take-off, everywhere where b <= 1 and a >= 1",
    weight=0.0,
)
