"""What a law is: a shape that falls with labels and pool labels, its parameters with units and priors, and its
source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """One shape parameter. Its logarithm (or logit, for a share) is normal a priori with `mean` and `deviation`.

    Labels and pool labels are counted in units of the largest pilot, so that a parameter in labels has no unit here.
    """

    name: str
    meaning: str
    mean: float
    deviation: float
    scale: Literal["log", "logit"] = "log"

    def natural(self, latent: Array) -> Array:
        """Latent normal value -> the parameter as the formula has it."""
        if self.scale == "log":
            return np.exp(latent)
        return np.asarray(1 / (1 + np.exp(-latent)))


FLOOR = Parameter("floor share", "share of the error at the largest pilot that no label removes", -1.6, 2.0, "logit")


@dataclass(frozen=True)
class Law:
    """`shape(theta, labels, pools)` falls to 0 or stays; theta (..., p), labels (...), pools (..., J) broadcast.

    The error is `level * (f + (1 - f) * shape / shape at the largest pilot)`: `level` is the error at the largest
    pilot, `f` the share of it that no label removes. `own` are the parameters of the labels, `each_pool` those of every
    pool. `weight` is the prior weight in the average; a law with 0 is fitted only where it is asked for.
    """

    name: str
    formula: str
    source: str
    own: tuple[Parameter, ...]
    each_pool: tuple[Parameter, ...]
    shape: Callable[[Array, Array, Array], Array]
    curvature: str
    weight: float = 1.0
    floor: Parameter = FLOOR

    @property
    def joint(self) -> bool:
        return bool(self.each_pool)

    def parameters(self, pools: int) -> tuple[Parameter, ...]:
        """All shape parameters for so many pools: the labels' own first, then pool by pool."""
        return self.own + self.each_pool * pools


OFFSET = Parameter("offset", "labels that were worth having before the first, in units of the largest pilot", -2.7, 3.5)
EXPONENT = Parameter("exponent", "how fast the error falls with labels", -0.5, 0.46)
POOL_SCALE = Parameter("pool_scale", "pool labels at which the pool begins to help", -2.0, 2.0)
POOL_EXPONENT = Parameter("pool_exponent", "how fast the error falls with pool labels", float(np.log(0.3)), 0.7)
TINY = 1e-9  # labels are at least this share of the largest pilot inside a shape: n = 0 is legal everywhere
