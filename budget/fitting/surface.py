"""Surface: what a fitted task answers. The one face that allocation and the page see of everything in fitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Surface(Protocol):
    """SKETCH of the interface; the fitting room replaces this Protocol by its frozen dataclass with these members.

    labels: (k,); pools: {name: one number or (k,)}, a pool that is not named has 0 labels. Scores in the task's unit."""

    task: str
    pools: tuple[str, ...]
    most_labels: int               # largest pilot
    most_pools: Mapping[str, int]
    direction: str                 # maximize | minimize, best, worst from the metric
    best: float
    worst: float

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array: ...
    """(k,) posterior mean; exactly the mean over draws, so that it is linear in the draws."""
    def interval(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, level: float = 0.9) -> tuple[Array, Array]: ...
    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array: ...
    """(S, k): draw s is one possible truth, the same one at every point; widened as the interval is. S = 200."""
    def slope(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array: ...
    """(k,) d expected / d label."""
    # evidence for the page: laws {name: weight}, exponent, floor (plan.Score), noise, trust (status, reason, remedy), pool effect
