"""What a law is: a shape that falls with labels and pool labels, its parameters with units and priors, its derivatives,
where it is convex, and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Value = tuple[Array, tuple[Array, ...]]  # a shape and its derivatives

SEARCHED = "search on half of the LCDB curves: benchmarks/calibration.py"
BY_HAND = "by hand, from what the parameter means"
IDLE = 1.0  # prior deviations below its mean where a pool's strength is halved: one pool in six does less
FADE = 2.0  # by so many factors e a deviation does it come to nothing beyond that
RANGE = 4.0  # prior deviations either side of the mean within which least squares looks


@dataclass(frozen=True)
class Parameter:
    """One shape parameter. Its logarithm (or logit, for a share) is normal a priori with `mean` and `deviation`.

    Labels and pool labels are counted in units of the largest pilot: `unit` is "largest pilot", or "none" for a number.
    `idle`: a strength of a pool, which a priori fades to nothing in its lowest sixth: not every pool
    helps.
    """

    name: str
    meaning: str
    unit: Literal["largest pilot", "none"]
    mean: float
    deviation: float
    source: str = SEARCHED
    scale: Literal["log", "logit"] = "log"
    idle: bool = False

    def prior(self, normal: Array) -> Array:
        """Standard normal value -> the parameter: equally likely values have equally likely normals.

        >>> strength = Parameter("worth", "of a pool", "none", 0.0, 1.0, idle=True)
        >>> strength.prior(np.array([-3.0, -1.0, 0.0, 1.0])).round(3).tolist()
        [0.001, 0.184, 0.881, 2.669]
        """
        value = self.natural(self.mean + self.deviation * normal)
        return value * decline(-FADE * (normal + IDLE)) if self.idle else value

    def natural(self, latent: Array) -> Array:
        """Latent normal value -> the parameter as the formula has it."""
        if self.scale == "log":
            return np.exp(latent)
        return np.asarray(1 / (1 + np.exp(-latent)))


@dataclass(frozen=True)
class Convex:
    """Where the error is convex, so that the score is concave: along labels from `labels_from` on (0: everywhere) at
    any pools, along each pool's labels (`pools`), and along all of them together (`jointly`)."""

    labels_from: float = 0.0
    pools: bool = True
    jointly: bool = True


@dataclass(frozen=True)
class Law:
    """`shape(theta, labels, pools)` falls to 0 or stays; theta (..., p), labels (...), pools (..., J) broadcast.

    The error is `level * (f + (1 - f) * shape / shape at the largest pilot)`: `level` is the error at the largest
    pilot, `f` the share of it that no label removes. `own` are the parameters of the labels, `each_pool` those of every
    pool. `derivatives` gives the shape and its derivatives by the logarithm (logit, for a share) of every parameter.
    `convex(theta)` says where the shape of these parameters (p,) is convex, `curvature` the same in words.
    `weight` is the prior weight in the average; a law with 0 is fitted only where it is asked for. `inside`: another
    law with the same parameters that is the same up to the largest pilot, so that no pilot tells the two apart.
    """

    name: str
    formula: str
    source: str
    own: tuple[Parameter, ...]
    each_pool: tuple[Parameter, ...]
    shape: Callable[[Array, Array, Array], Array]
    derivatives: Callable[[Array, Array, Array], Value]
    curvature: str
    convex: Callable[[Array], Convex] = lambda theta: Convex()
    weight: float = 1.0
    inside: Law | None = None
    floor: Parameter = Parameter(
        "floor share", "share of the error at the largest pilot that no label removes", "none", -1.6, 2.0, scale="logit"
    )

    @property
    def joint(self) -> bool:
        return bool(self.each_pool)

    def parameters(self, pools: int) -> tuple[Parameter, ...]:
        """All shape parameters for so many pools: the labels' own first, then pool by pool."""
        return self.own + self.each_pool * pools


OFFSET = Parameter("offset", "labels that were worth having before the first", "largest pilot", -2.7, 3.5)
EXPONENT = Parameter("exponent", "how fast the error falls with labels", "none", -0.5, 0.46)
POOL_SCALE = Parameter(
    "pool_scale", "pool labels at which the pool begins to help", "largest pilot", -2.0, 2.0, BY_HAND
)
POOL_EXPONENT = Parameter(
    "pool_exponent", "how fast the error falls with pool labels", "none", float(np.log(0.3)), 0.7, BY_HAND
)
STRENGTH = replace(POOL_EXPONENT, idle=True)
TINY = 1e-9  # labels are at least this share of the largest pilot inside a shape: n = 0 is legal everywhere


def raised(base: Array, exponent: Array) -> Array:
    """base^exponent, exp(exponent ln base), in memory of its own: the laws are asked more than anything else.

    >>> raised(np.array([4.0, 9.0]), np.array(-0.5)).round(3).tolist()
    [0.5, 0.333]
    """
    answer = np.asarray(exponent * np.log(base))
    np.exp(answer, out=answer)
    return answer


def decline(log_odds: Array) -> Array:
    """1 / (1 + e^z): from 1 to 0 as the logarithm of the odds z rises.

    >>> decline(np.array([-900.0, 0.0, 900.0])).round(3).tolist()
    [1.0, 0.5, 0.0]
    """
    answer = np.asarray(np.minimum(log_odds, 700.0))
    np.exp(answer, out=answer)
    answer += 1
    return np.asarray(np.divide(1, answer, out=answer))
