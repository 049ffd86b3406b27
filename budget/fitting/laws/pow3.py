"""pow3: a power law with a floor, the plainest learning curve."""

from __future__ import annotations

from budget.fitting.laws.base import EXPONENT, TINY, Array, Law


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """n^-b, convex and falling in n; without labels as with a billionth of the largest pilot."""
    return (labels + TINY) ** -theta[..., 0]


LAW = Law("pow3", "E + B n^-b", "Hestness et al. 2017", (EXPONENT,), (), shape, "convex in labels")
