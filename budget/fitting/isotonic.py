"""Isotonic regression: the nearest sequence that never rises."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def falling(values: Array, weights: Array) -> Array:
    """Nearest non-increasing sequence in weighted squares (pool adjacent violators).

    >>> falling(np.array([3.0, 1.0, 2.0]), np.ones(3)).tolist()
    [3.0, 1.5, 1.5]
    """
    blocks: list[tuple[float, float, int]] = []  # value, weight and length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        length = 1
        while blocks and blocks[-1][0] < value:
            before, heavy, many = blocks.pop()
            value = (before * heavy + value * weight) / (heavy + weight)
            weight, length = heavy + weight, many + length
        blocks.append((value, weight, length))
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
