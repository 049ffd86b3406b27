"""pow4: a power law with an offset and a floor."""

from __future__ import annotations

from budget.fitting.laws.base import EXPONENT, OFFSET, TINY, Array, Law


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """(n + d)^-b, convex and falling in n."""
    exponent, offset = theta[..., 0], theta[..., 1]
    return (labels + offset + TINY) ** -exponent


LAW = Law("pow4", "E + B (n + d)^-b", "Viering and Loog 2022", (EXPONENT, OFFSET), (), shape, "convex in labels")
