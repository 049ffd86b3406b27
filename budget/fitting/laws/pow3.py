"""pow3: a power law with a floor, the plainest learning curve.

Error E + B n^-b. The exponent b, without a unit, is how fast the error falls: 10 times the labels leave 10^-b of what
can still be gained (Hestness et al. 2017 found 0.07 to 0.35 for deep networks on large data). Convex everywhere.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import EXPONENT, TINY, Array, Law, Value, raised


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """n^-b; without labels as with a billionth of the largest pilot."""
    return raised(labels + TINY, -theta[..., 0])


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """By ln b: -b ln n n^-b."""
    power = -theta[..., 0] * np.log(labels + TINY)
    value = np.exp(power)
    return value, (power * value,)


LAW = Law("pow3", "E + B n^-b", "Hestness et al. 2017", (EXPONENT,), (), shape, derivatives, "convex in labels")
