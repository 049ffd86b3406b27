"""The truth's deviation from every law: random walks away from the largest pilot and a smooth field.

The same deviation stands in the likelihood (as covariance between cells) and in the draws (as one path a truth, led
past the measured cells), so that what no law fits is neither forced into one nor left out of the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.distributions import normal_quantiles
from budget.fitting.noise import magnitude

Array = NDArray[np.float64]
FIELD = 0.1  # variance of the smooth field over that of a walk at a distance of a factor e
LENGTH = 0.5  # over which the field changes, in factors e
FARTHEST = 7.0  # factors e below the largest pilot from which the walks stand still
TERMS = 24  # sines that a walk is made of
WIDEST = 3.0  # at most so many times are the paths inside the pilots' range widened


class Places(NamedTuple):
    """Where cells lie, in units of the largest pilot: `points` (N, 1 + J), labels and the varied pools' labels; what
    stands for none of them, `offset` (1 + J,); and their distances (N, 1 + J) with the `kernel` (N, N) between
    these."""

    points: Array
    offset: Array
    far: Array
    kernel: Array


def places(task: Cells) -> Places:
    """Of a task's cells; tasks that are measured at the same places share them."""
    labels, pools = task.largest
    points = np.column_stack([task.labels / labels, (task.pool_labels / pools)[:, list(task.varied)]])
    return _places(points.tobytes(), points.shape[1])


@lru_cache(maxsize=1024)
def _places(points: bytes, axes: int) -> Places:
    table = np.frombuffer(points).reshape(-1, axes)
    offset = np.array([_offset(x) for x in table.T])
    far = distance(table, offset)
    return Places(table, offset, far, kernel(far, far))


def _offset(position: Array) -> float:
    """What stands for none: a factor e below the smallest pilot with some where none was measured too, else 0, and 1
    where there are no others."""
    positive = position[position > 0]
    if not len(positive):
        return 1.0
    return float(positive.min() / np.e) if (position == 0).any() else 0.0


def distance(position: Array, offset: Array | float) -> Array:
    """ln of the largest pilot over `position`, 0 at the pilot and negative beyond.

    >>> distance(np.array([0.5, 2.0]), 0.0).round(3).tolist()
    [0.693, -0.693]
    """
    return np.asarray(-np.log((np.maximum(position, 1e-9) + offset) / (1 + offset)))


def pool_walk(near: Array, away: Array) -> Array:
    """Covariance at two distances of half a walk of the level and half one of the slope: what a pool brings turns more
    often than what labels bring."""
    return np.asarray((near + near * near * (3 * away - near) / 2) / 2)


def kernel(one: Array, other: Array) -> Array:
    """(k, N) covariance at rate 1, in logits, between places at distances (k, 1 + J) and (N, 1 + J)."""
    apart = ((one[:, None] - other[None]) / LENGTH) ** 2
    whole = apart.sum(2)
    total = FIELD * np.exp(-whole / 2) if one.shape[1] > 1 else np.zeros(whole.shape)
    here, there = (np.clip(x, 0.0, FARTHEST) for x in (one, other))
    for i in range(one.shape[1]):
        near, away = np.minimum(here[:, None, i], there[None, :, i]), np.maximum(here[:, None, i], there[None, :, i])
        total = total + (pool_walk(near, away) if i else near) * np.exp(-(whole - apart[:, :, i]) / 2)
    return np.asarray(total)


def covariance(task: Cells) -> Array:
    """(N, N) of the cells' errors at rate 1."""
    scale = magnitude(task.error)
    return np.asarray(places(task).kernel * np.outer(scale, scale))


@dataclass(frozen=True)
class Deviation:
    """S paths. `rate` (S,); `beyond` (S, 1 + J) standard normals of the walks beyond the largest pilot; inside it
    `waves` (S, 1 + J) frequencies and `heights` (S, 2) standard normals of the field, `walks` (S, 1 + J, 2, 2 TERMS)
    those of the walks, shared with other tasks and taken in `order` (S,); `items` (S,) standard normals: how easy the
    test items are; `offset` (1 + J,); `cells` (N, 1 + J) distances of the measured cells, `pull` (S, N) what leads the
    paths past them, and `widening` of the rest."""

    rate: Array
    beyond: Array
    waves: Array
    heights: Array
    walks: Array
    order: NDArray[np.intp]
    items: Array
    offset: Array
    cells: Array
    pull: Array
    widening: float = 1.0

    def logits(self, points: Array) -> Array:
        """(S, k): deviation of each truth at places (k, 1 + J), in logits of the error."""
        far = distance(points, self.offset)
        ahead = self.beyond @ np.sqrt(np.maximum(-far, 0.0)).T
        inside = self.widening * self.paths(far) + self.pull @ kernel(far, self.cells).T
        return np.asarray(self.rate[:, None] * (ahead + inside))

    def paths(self, far: Array) -> Array:
        """(S, k): paths at rate 1 and distances (k, 1 + J), whatever was measured; their covariance is the kernel.

        A walk along one axis fades over the others as a wave of random frequency and phase does (Rahimi, Recht 2007).
        """
        within = np.clip(far, 0.0, FARTHEST)
        if far.shape[1] == 1:
            return np.asarray(self.walks[:, 0, 0, :TERMS] @ _walk(within[:, 0])[0])[self.order]
        phases = self.waves @ far.T
        total = np.sqrt(FIELD) * (self.heights[:, :1] * _cos(phases) + self.heights[:, 1:] * _sin(phases))
        for i, u in enumerate(within.T):
            begun = np.flatnonzero(u)  # at the largest pilot and beyond it the walk stands at 0
            level, slope = _walk(u[begun])
            basis = np.concatenate([level, slope]) / np.sqrt(2) if i else level
            phase = phases[:, begun] - np.outer(self.waves[:, i], far[begun, i])
            one, other = (walk[:, : len(basis)] @ basis for walk in self.walks[:, i].swapaxes(0, 1))
            total[:, begun] += _cos(phase) * one[self.order] + _sin(phase) * other[self.order]
        return np.asarray(total)


def _cos(phase: Array) -> Array:
    """In single precision, which a random phase deserves: thirty times as fast."""
    return np.cos(phase.astype(np.float32)).astype(np.float64)


def _sin(phase: Array) -> Array:
    """As the cosine."""
    return np.sin(phase.astype(np.float32)).astype(np.float64)


def _walk(within: Array) -> tuple[Array, Array]:
    """(TERMS, k) each: what the sines of a random walk, and of 3^0.5 times its integral, come to at distances (k,)
    (Karhunen and Loeve)."""
    frequency = (np.arange(TERMS) + 0.5)[:, None] * np.pi / FARTHEST
    size = np.sqrt(2 / FARTHEST) / frequency
    return size * np.sin(frequency * within), np.sqrt(3) * size / frequency * (1 - np.cos(frequency * within))


@dataclass(frozen=True)
class Noise:
    """Of N measured cells in logits: `seeds` (N, N), the covariance by seeds, of which a truth has the square of its
    `times` (S,), and `items` (N,), the variance by test items."""

    times: Array
    seeds: Array
    items: Array

    def covariance(self, times: float) -> Array:
        """(N, N), for one value of `times`; nothing is measured without any noise."""
        return np.asarray(times**2 * self.seeds + np.diag(self.items + 1e-9))


def deviation(rate: Array, task: Cells, random: np.random.Generator) -> Deviation:
    """Paths at these rates (S,), evenly spread over their normals, not yet led past the cells."""
    normal = normal_quantiles((np.arange(len(rate)) + 0.5) / len(rate))

    def normals(columns: int) -> Array:
        return np.stack([random.permutation(normal) for _ in range(columns)], 1)

    _, offset, cells, _ = places(task)
    axes = len(offset)
    beyond, waves, heights, items = normals(axes), normals(axes) / LENGTH, normals(2), normals(1)[:, 0]
    walks, order = _luck(len(rate), axes, 2, 2 * TERMS), random.permutation(len(rate))
    return Deviation(
        rate, beyond, waves, heights, walks, order, items, offset, cells, np.zeros((len(rate), len(cells)))
    )


@lru_cache(maxsize=8)
def _luck(*shape: int) -> Array:
    """Standard normals that all tasks share, each in an order of its own: they are many."""
    return np.random.default_rng(0).standard_normal(shape)


def led(
    path: Deviation, covariances: Array, off: Array, noise: Noise, random: np.random.Generator
) -> tuple[Deviation, Array]:
    """Paths that pass the measured cells, and (S, N) what pulls their mean there, times the rate.

    covariances (N, N): of the paths at the cells; off (S, N): how far the cells lie from each truth's law, in logits. A
    path of the right covariance is moved by
    what kriging says of the difference to the cells (Matheron's rule), and widened by as much as the cells, left out
    one at a time, miss what the others say of them.
    """
    luck, chance = path.paths(path.cells), random.standard_normal(off.shape)
    mean, own, missed = np.zeros_like(off), np.zeros_like(off), 0.0
    middle = np.median(off, axis=0)
    for rate, times in product(np.unique(path.rate), np.unique(noise.times)):
        some = np.flatnonzero((path.rate == rate) & (noise.times == times))
        if not len(some):
            continue
        scatter = noise.covariance(times)
        inverse = np.linalg.inv(covariances + scatter / rate**2)
        mean[some] = off[some] / rate @ inverse
        own[some] = (luck[some] + chance[some] @ np.linalg.cholesky(scatter).T / rate) @ inverse
        missed += len(some) * float(((middle / rate @ inverse) ** 2 / np.diag(inverse)).sum())
    left = max(off.shape[1] - 1 - path.cells.shape[1], 1)
    widening = float(np.clip(missed / len(off) / left, 1.0, WIDEST**2)) ** 0.5
    pull = mean - widening * own
    return replace(path, pull=pull, widening=widening), path.rate[:, None] * mean
