"""pow4: a power law with an offset and a floor.

Error E + B (n + d)^-b. b, without a unit, is how fast the error falls in the end; the offset d, in units of the largest
pilot, is what was known before the first label: below it the curve is nearly straight. Convex everywhere.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, OFFSET, TINY, Array, Law, Value, raised


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b."""
    return raised(labels + (theta[..., 1] + TINY), -theta[..., 0])


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """By ln b: -b ln(n + d) (n + d)^-b; by ln d: -b d (n + d)^(-b - 1)."""
    exponent, offset = theta[..., 0], theta[..., 1]
    total = labels + (offset + TINY)
    power = -exponent * np.log(total)
    value = np.exp(power)
    return value, (power * value, -(exponent * offset) / total * value)


LAW = Law(
    "pow4", "E + B (n + d)^-b", "Viering and Loog 2022", (EXPONENT, OFFSET), (), shape, derivatives, "convex in labels"
)
