"""The truth's deviation from every law: a random walk away from the largest pilot and a smooth field everywhere.

The same deviation stands in the likelihood (as covariance between cells) and in the draws (as one smooth path a
truth), so that what no law fits is neither forced into one nor left out of the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.cells import Cells
from budget.fitting.noise import magnitude

Array = NDArray[np.float64]
FIELD = 0.1  # variance of the smooth field over that of a walk at a distance of a factor e
LENGTH = 0.5  # over which the field changes, in factors e


def offsets(task: Cells) -> Array:
    """(1 + J,) what stands for none, along labels and every varied pool: a factor e below the smallest pilot with
    some where none was measured too, else 0; in units of the largest pilot."""
    return np.array([_offset(x) for x in _positions(task)])


def _offset(position: Array) -> float:
    positive = position[position > 0]
    return float(positive.min() / np.e) if len(positive) and (position == 0).any() else 0.0


def _positions(task: Cells) -> list[Array]:
    largest, pools = task.largest
    return [task.labels / largest, *(task.pool_labels[:, j] / pools[j] for j in task.varied)]


def distance(position: Array, offset: float) -> Array:
    """ln of the largest pilot over `position`, 0 at the pilot and negative beyond.

    >>> distance(np.array([0.5, 2.0]), 0.0).round(3).tolist()
    [0.693, -0.693]
    """
    return np.asarray(-np.log((np.maximum(position, 1e-9) + offset) / (1 + offset)))


def pool_walk(near: Array, away: Array) -> Array:
    """Covariance at two distances of half a walk of the level and half one of the slope: what a pool brings turns more
    often than what labels bring."""
    return np.asarray((near + near * near * (3 * away - near) / 2) / 2)


def covariance(task: Cells) -> Array:
    """(N, N) of the cells' errors at rate 1."""
    far = [
        distance(x, s) if x.any() else np.zeros_like(x) for x, s in zip(_positions(task), offsets(task), strict=True)
    ]
    apart = [((u[:, None] - u[None]) / LENGTH) ** 2 for u in far]
    total = FIELD * np.exp(-sum(apart) / 2) if task.varied else np.zeros((len(task.labels),) * 2)
    for i, u in enumerate(far):
        near, away = np.minimum(u[:, None], u[None]), np.maximum(u[:, None], u[None])
        others = np.exp(-(sum(apart) - apart[i]) / 2)
        total = total + (pool_walk(near, away) if i else near) * others
    scale = magnitude(task.error)
    return np.asarray(total * np.outer(scale, scale))


@dataclass(frozen=True)
class Deviation:
    """S paths. `rate` (S,); `beyond`, `inside` (S, 1 + J): standard normals of the walks on either side of the largest
    pilot; `waves` (S, 1 + J) frequencies and `heights` (S, 2) standard normals of the field; `items` (S,)
    standard normals: how easy the test items are; `offset` (1 + J,)."""

    rate: Array
    beyond: Array
    inside: Array
    waves: Array
    heights: Array
    items: Array
    offset: Array

    def logits(self, labels: Array, pools: Array) -> Array:
        """(S, k): deviation of each truth at labels (k,) and pools (k, J), in logits of the error."""
        far = np.stack([distance(x, s) for x, s in zip((labels, *pools.T), self.offset, strict=True)])  # (1 + J, k)
        within = np.clip(far, 0.0, FARTHEST)
        spread = np.concatenate([within[:1], pool_walk(within[1:], within[1:])])
        total = self.beyond @ np.sqrt(np.maximum(-far, 0.0)) + self.inside @ np.sqrt(spread)
        if pools.shape[1]:
            phase = self.waves @ far
            waves = self.heights[:, :1] * np.cos(phase) + self.heights[:, 1:] * np.sin(phase)
            total += np.sqrt(FIELD) * waves
        return np.asarray(self.rate[:, None] * total)


FARTHEST = 7.0  # factors e below the largest pilot from which the walks stand still


def deviation(rate: Array, offset: Array, random: np.random.Generator) -> Deviation:
    """Paths at these rates (S,), evenly spread over their normals."""
    normal = ndtri((np.arange(len(rate)) + 0.5) / len(rate))

    def normals(columns: int) -> Array:
        return np.stack([random.permutation(normal) for _ in range(columns)], 1)

    axes = len(offset)
    return Deviation(rate, normals(axes), normals(axes), normals(axes) / LENGTH, normals(2), normals(1)[:, 0], offset)
