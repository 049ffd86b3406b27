"""Logarithmic: every doubling of the labels brings the same, down to the floor (Sun et al. 2017)."""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import Array, Law, Parameter

OFFSET = Parameter("offset", "labels that were worth having before the first, in units of the largest pilot", -5.0, 2.0)
SPAN = Parameter("span", "labels at which the floor is reached, in units of the largest pilot", 6.0, 2.0)


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """max(ln((m + d) / (n + d)), 0): falls in equal steps and ends at n = m. theta: d, m, m at least twice the
    pilot."""
    offset, span = theta[..., 0], 2 + theta[..., 1]
    return np.log((span + offset) / (np.minimum(labels, span) + offset))


LAW = Law(
    "logarithmic",
    "E + B ln((m + d) / (n + d)) for n < m, then E",
    "Sun et al. 2017",
    (OFFSET, SPAN),
    (),
    shape,
    "convex in labels",
    weight=0.0,
)
