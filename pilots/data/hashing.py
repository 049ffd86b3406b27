"""Random numbers as a function of what they are for, in integers only: the same on every machine, in any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that scrambles 64 bits."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def hashed(*keys: int | NDArray[np.int64]) -> NDArray[np.uint64]:
    """64 random bits for each combination of keys; integer arrays broadcast against each other.

    >>> hashed(7, np.arange(3)).shape
    (3,)
    >>> bool(hashed(7, np.array([1]))[0] == hashed(7, np.arange(3))[1])
    True
    """
    state = np.zeros(1, dtype=np.uint64)
    for key in keys:
        state = _mix(state + np.asarray(key, dtype=np.int64).astype(np.uint64) + _STEP)
    return state


def integers(bits: NDArray[np.uint64], low: int, high: int) -> NDArray[np.int64]:
    """Uniform whole numbers in low..high (both included) from 64 random bits each.

    >>> integers(hashed(1, np.arange(5)), 3, 3).tolist()
    [3, 3, 3, 3, 3]
    """
    return low + ((bits >> np.uint64(32)) * np.uint64(high - low + 1) >> np.uint64(32)).astype(np.int64)


def shuffled(items: NDArray[np.int64], *keys: int) -> NDArray[np.int64]:
    """`items` in a random order that depends on the keys and on each item's own number only.

    So the first n are nested in the first n + 1, and an item added later moves none of the others.

    >>> some, more = shuffled(np.arange(5), 3), shuffled(np.arange(9), 3)
    >>> [item for item in more.tolist() if item < 5] == some.tolist()
    True
    """
    return items[np.argsort(hashed(*keys, items))]  # different items have different hashes
