"""Logarithmic: every doubling of the labels brings the same, down to the floor (Sun et al. 2017).

Error E + B ln((m + d) / (n + d)) up to n = m, then E. The offset d, in units of the largest pilot, is what was known
before the first label; the span m, at least twice the largest pilot, is where the floor is reached. Convex everywhere.
Weight 0 in the average: docs/method.md says what it was measured to bring.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, Array, Law, Parameter, Value

OFFSET = Parameter("offset", "labels that were worth having before the first", "largest pilot", -5.0, 2.0, BY_HAND)
SPAN = Parameter("span", "labels beyond two pilots at which the floor is reached", "largest pilot", 6.0, 2.0, BY_HAND)
LEAST = 2.0  # the floor is not reached before twice the largest pilot


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """ln((m + d) / (n + d)), 0 beyond m; theta: d and m - 2."""
    offset, end = theta[..., 0], LEAST + theta[..., 1]
    return np.log((end + offset) / (np.minimum(labels, end) + offset))


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """By ln d: d / (m + d) - d / (n + d); by ln(m - 2): (m - 2) / (m + d); both 0 beyond m."""
    offset, span = theta[..., 0], theta[..., 1]
    end = LEAST + span
    total = np.minimum(labels, end) + offset
    return np.log((end + offset) / total), (
        offset / (end + offset) - offset / total,
        span / (end + offset) * (labels < end),
    )


LAW = Law(
    "logarithmic",
    "E + B ln((m + d) / (n + d)) for n < m, then E",
    "Sun et al. 2017",
    (OFFSET, SPAN),
    (),
    shape,
    derivatives,
    "convex in labels",
    weight=0.0,
)
