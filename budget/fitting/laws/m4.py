"""M4: between chance and floor, with its own sharpness at either end (Alabdulmohsin, Neyshabur, Zhai 2022).

The error e solves (e - E) / (E + B - e)^a = c n^-b; with the share s = (e - E) / B of the gain still to come that is
s / (1 - s)^a = (n / d)^-b. b, without a unit, is how fast the error falls in the end; d, in units of the largest pilot,
is where the power law alone would reach 1; the sharpness a, without a unit, is how long chance is held (1: mmf4). For
b <= a convex everywhere, else beyond the take-off.
"""

from __future__ import annotations

import numpy as np

from budget.fitting.laws.base import BY_HAND, TINY, Array, Convex, Law, Parameter, Value, decline
from budget.fitting.laws.mmf4 import HALF, RATE

SHARPNESS = Parameter("sharpness", "how long chance is held: 1 is mmf4", "none", 0.0, 0.5, BY_HAND)
STEPS = 3  # Halley's, to 15 digits


def _solve(theta: Array, labels: Array) -> tuple[Array, Array]:
    """t = -b ln(n / d), and the root z; s = 1 / (1 + e^-z).

    z solves f(z) = z + (a - 1) ln(1 + e^z) = t, which is ln s - a ln(1 - s) = t; f' = 1 + (a - 1) s, f'' = (a - 1) s
    (1 - s). f lies above its asymptotes z and a z and its tangent at 0 for a > 1, below them for a < 1: the nearest of
    the three starts.
    """
    sharpness = theta[..., 2]
    bend = sharpness - 1
    side = np.where(bend < 0, -1.0, 1.0)
    target = theta[..., 0] * (np.log(theta[..., 1]) - np.log(labels + TINY))
    toward = side * target
    tangent = (toward - np.abs(bend) * np.log(2)) * (2 / (1 + sharpness))
    z = side * np.minimum(np.minimum(toward, toward / sharpness), tangent)
    for _ in range(STEPS):
        softplus, share, rest = _soft(z)
        curve = bend * share
        rise = 1 + curve
        step = (z + bend * softplus - target) / rise
        z = z - step / (1 - step * curve * rest / (2 * rise))
    return target, z


def _soft(z: Array) -> tuple[Array, Array, Array]:
    """ln(1 + e^z), s = 1 / (1 + e^-z) and 1 - s."""
    odds = np.exp(np.minimum(z, 700.0))
    more = 1 + odds
    rest = 1 / more
    return np.maximum(np.log(more), z), odds * rest, rest


def shape(theta: Array, labels: Array, pools: Array) -> Array:
    """s with s / (1 - s)^a = (n / d)^-b."""
    return decline(-_solve(theta, labels)[1])


def derivatives(theta: Array, labels: Array, pools: Array) -> Value:
    """With q = s (1 - s) / (1 - s + a s), the slope of s by t: by ln b: t q; by ln d: b q; by ln a: a ln(1 - s) q."""
    sharpness = theta[..., 2]
    target, z = _solve(theta, labels)
    softplus, share, rest = _soft(z)
    slope = share * rest / (rest + sharpness * share)
    return share, (target * slope, theta[..., 0] * slope, -sharpness * softplus * slope)


def convex(theta: Array) -> Convex:
    """Convex in labels where s <= s*, the root of (a - 1 - b) ((a - 1) s^2 + 2 s) + b + 1 = 0: with K = (b + 1) / (b +
    1 - a), s* = K / (1 + sqrt(a b / (b + 1 - a))); everywhere for b <= a."""
    exponent, half, sharpness = (float(v) for v in theta)
    if exponent <= sharpness:
        return Convex()
    rest = exponent + 1 - sharpness
    share = (exponent + 1) / rest / (1 + (sharpness * exponent / rest) ** 0.5)
    return Convex(half * (share / (1 - share) ** sharpness) ** (-1 / exponent))


LAW = Law(
    "m4",
    "(e - E) / (E + B - e)^a = c n^-b",
    "Alabdulmohsin et al. 2022",
    (RATE, HALF, SHARPNESS),
    (),
    shape,
    derivatives,
    "convex in labels for b <= a, else beyond the take-off",
    convex,
)
