"""The few values of known distributions that a fit asks for, from the standard library: to import scipy's takes a fit
as long as half of the fit itself."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def normal_quantiles(shares: Array) -> Array:
    """Below which a standard normal lies with these probabilities, between 0 and 1.

    >>> normal_quantiles(np.array([0.5, 0.975])).round(2).tolist()
    [0.0, 1.96]
    """
    return np.array([NormalDist().inv_cdf(share) for share in shares.ravel().tolist()]).reshape(shares.shape)


def f_above(above: float, below: float, ratio: float) -> float:
    """Probability that Fisher's F, with so many degrees of freedom above and below its line, is more than `ratio`.

    >>> round(f_above(2, 10, 4.10), 3)
    0.05
    """
    return _beta(below, above * ratio, below / 2, above / 2)


def t_above(freedom: float, value: float) -> float:
    """Probability that Student's t is more than `value`.

    >>> round(t_above(10, 1.812), 3), round(t_above(10, -1.812), 3)
    (0.05, 0.95)
    """
    tail = _beta(freedom, value**2, freedom / 2, 0.5) / 2
    return tail if value > 0 else 1 - tail


def t_reached(freedom: float, share: float) -> float:
    """What Student's t is more than with this probability, below a half.

    >>> round(t_reached(10, 0.05), 3)
    1.812
    """
    low, high = 0.0, 1.0
    while t_above(freedom, high) > share:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_above(freedom, middle) > share else (low, middle)
    return high


def _beta(part: float, rest: float, a: float, b: float) -> float:
    """The incomplete beta function I_x(a, b) at x = part / (part + rest), by its continued fraction (Abramowitz and
    Stegun, 26.5.8), from its end: with c_2m = m (b - m) x / ((a + 2m - 1) (a + 2m)) and c_2m+1 = -(a + m) (a + b + m) x
    / ((a + 2m) (a + 2m + 1)),

        I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) / (1 + c_1 / (1 + c_2 / (1 + ...)))

    It converges fast up to x = (a + 1) / (a + b + 2); beyond that I_x(a, b) = 1 - I_1-x(b, a).
    """
    x = 0.0 if part == 0 else 1 / (1 + rest / part)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(rest, part, b, a)
    if x == 0:
        return 0.0
    fraction = 1.0
    for m in range(20 + round(3 * math.sqrt(a + b)), 0, -1):
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        fraction = 1 + even / (1 + odd / fraction)
    fraction = 1 - (a + b) * x / (a + 1) / fraction
    log = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log) / (a * fraction)
