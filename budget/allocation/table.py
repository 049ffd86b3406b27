"""The surfaces sampled once on a grid of labels and pool labels, and read between its points by cubic interpolation.

It steers the search; whatever is reported is asked of the surfaces again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from budget.allocation.lines import Array, Line
from budget.allocation.problem import Problem
from budget.fitting.isotonic import falling

FLAW = 1e-6  # a slope that rises by no greater share is a flaw of reckoning
LABEL_POINTS = 40
FINER = 2  # steps read between two sampled points
POOL_POINTS = {0: 1, 1: 16, 2: 8, 3: 5}  # levels a pool, by how many pools there are; 3 beyond


@dataclass(frozen=True)
class Grid:
    """Purchases of one line between `least` and `most`, evenly spaced in the logarithm of the labels there are.

    >>> Grid(owned=100, least=0, most=900, size=3).bought.round()
    array([  0., 216., 900.])
    """

    owned: int
    least: int
    most: int
    size: int

    @property
    def shift(self) -> float:
        """Added to the labels, so that no labels have a logarithm."""
        return float(self.owned) if self.owned + self.least > 0 else 1.0

    @property
    def bought(self) -> Array:
        return self.at(np.arange(self.size, dtype=float))

    def at(self, position: Array) -> Array:
        """Purchases at positions (0 is the first point, size - 1 the last): the inverse of `position`."""
        if self.size == 1:
            return np.full(len(position), float(self.least))
        return _spaced(self.least, self.most, self.shift, position / (self.size - 1))

    def position(self, bought: Array) -> Array:
        """Where purchases lie on the grid: 0 is the first point, size - 1 the last."""
        if self.size == 1:
            return np.zeros(len(bought))
        low, high = self.least + self.shift, self.most + self.shift
        return np.asarray((self.size - 1) * np.log((bought + self.shift) / low) / np.log(high / low))


def _spaced(least: Array | int, most: Array | int, shift: Array | float, share: Array) -> Array:
    """Purchases at shares of the way from the least to the most, in the logarithm of the labels there are."""
    low, high = least + shift, most + shift
    return np.asarray(np.clip(low * (high / low) ** share - shift, least, most))


@dataclass(frozen=True)
class Table:
    """`values` (n, L..., K): normalised expected score of each scored task on the pools' grids and at the purchases
    `bought` (T, K) of its line, of which `owned` (T,) labels are there.

    `reaches` (n, L..., K): how far each is above its target, where that has to be kept. `fine` (T, M): the purchases
    that `at` reads the scores for."""

    bought: Array
    owned: Array
    pools: tuple[Grid, ...]
    values: Array
    reaches: Array
    targets: tuple[int, ...]
    line: tuple[int, ...]
    fine: Array
    to_fine: Array

    @property
    def mixes(self) -> Array:
        """Every combination of the pools' grid points (L1 * L2 ..., P), in the order of `values`."""
        return np.array(list(product(*(g.bought for g in self.pools))), float).reshape(self.count, len(self.pools))

    @property
    def count(self) -> int:
        """How many combinations of pool grid points there are; 1 without pools."""
        return prod(g.size for g in self.pools)

    def places(self, index: int) -> tuple[Array, Array]:
        """Labels (k,) and bought pool labels (k, P) of all grid points of one scored task, in the order of `values`."""
        line = self.line[index]
        labels = self.bought[line] + self.owned[line]
        return np.tile(labels, self.count), np.repeat(self.mixes, len(labels), axis=0)

    def by_line(self, weights: Array) -> Array:
        """(T, L1 * L2 ..., K) sampled weighted scores of the task lines."""
        values = self.values.reshape(len(self.line), self.count, self.values.shape[-1])
        weighted = weights[:, None, None] * values
        if self.line == tuple(range(len(self.bought))):
            return weighted
        scores = np.zeros((len(self.bought), *values.shape[1:]))
        np.add.at(scores, list(self.line), weighted)
        return scores

    @cached_property
    def bulges(self) -> Array:
        """(n,) how far sampled scores lie below the least concave function along their labels that is above them."""
        labels = self.bought[list(self.line)]
        width = np.maximum(np.diff(labels, axis=1), 1e-300)
        scores = self.values.reshape(len(labels), self.count, -1)
        slope = np.diff(scores, axis=-1) / width[:, None]
        rises = (slope[..., 1:] > (1 + FLAW) * np.maximum(slope[..., :-1], 0.0) + FLAW * 1e-6).any(axis=2)
        most = np.zeros(len(labels))
        for i, level in np.argwhere(rises):
            above = np.cumsum(falling(slope[i, level], width[i]) * width[i])
            most[i] = max(most[i], float((above - (scores[i, level, 1:] - scores[i, level, 0])).max()))
        return most

    @property
    def bulge(self) -> float:
        """The largest of them."""
        return float(self.bulges.max(initial=0.0))

    def at(self, pools: Array, weights: Array) -> Array:
        """(m, T, M): weighted score of each task line on the fine grid, at m purchases of pool labels (m, P)."""
        weighted = self._read(self.values * weights.reshape(-1, *[1] * (self.values.ndim - 1)), pools)
        if self.line == tuple(range(len(self.fine))):
            return weighted
        lines = np.zeros((len(pools), *self.fine.shape))
        for i, line in enumerate(self.line):
            lines[:, line] += weighted[:, i]
        return lines

    def lowest(self, pools: Array, scales: Array) -> Array:
        """(m, T, M): the lowest score of each task line over its scale (n,), as `at`, made to rise along the labels."""
        scaled = self._read(self.values / scales.reshape(-1, *[1] * (self.values.ndim - 1)), pools)
        lines = np.full((len(pools), *self.fine.shape), np.inf)
        for i, line in enumerate(self.line):
            lines[:, line] = np.minimum(lines[:, line], scaled[:, i])
        return np.asarray(np.maximum.accumulate(lines, axis=2))

    def needed(self, pools: Array) -> Array:
        """(m, T) about the fewest purchases with which all targets of a line are reached; infinite where none does
        it."""
        fewest = np.repeat(self.fine[None, :, 0], len(pools), axis=0)
        if self.targets:
            above = self._read(self.reaches, pools)  # (m, targets, M)
            first = (above >= 0).argmax(axis=2)[..., None]
            before = np.maximum(first - 1, 0)
            low, high = (np.take_along_axis(above, place, axis=2)[..., 0] for place in (before, first))
            share = np.where(low < 0, -low / np.where(high > low, high - low, 1.0), 1.0)
            for k, line in enumerate(self.line[i] for i in self.targets):
                less, more = self.fine[line][before[:, k, 0]], self.fine[line][first[:, k, 0]]
                buys = np.where(high[:, k] >= 0, less + share[:, k] * (more - less), np.inf)
                fewest[:, line] = np.maximum(fewest[:, line], buys)
        return fewest

    def reached_by(self, tasks: Array, pools: Array) -> Table:
        """The same, read so that a plan (T,), (P,) reaches all targets that are kept: between grid points it may seem
        to miss them by a hair."""
        if not self.targets:
            return self
        above = self._read(self.reaches, pools[None])[0]
        lines = [self.line[i] for i in self.targets]
        here = [np.interp(tasks[line], self.fine[line], row) for line, row in zip(lines, above, strict=True)]
        short = np.minimum(here, 0.0).reshape(-1, *[1] * (self.reaches.ndim - 1))
        return replace(self, reaches=self.reaches - short)

    def _read(self, values: Array, pools: Array) -> Array:
        """(m, n, M) sampled values (n, L..., K) at m purchases of pool labels, on the fine grid."""
        if not self.pools:
            return np.broadcast_to(values @ self.to_fine, (len(pools), len(values), self.to_fine.shape[1])).copy()
        share = np.ones((len(pools), 1))
        for j, grid in enumerate(self.pools):
            one = interpolation(grid.position(pools[:, j]), grid.size)
            share = (share[:, :, None] * one[:, None, :]).reshape(len(pools), -1)
        levels = np.moveaxis(values.reshape(len(values), share.shape[1], values.shape[-1]), 1, 0)
        found = (share @ levels.reshape(share.shape[1], -1)).reshape(len(pools) * len(values), -1)
        return np.asarray((found @ self.to_fine).reshape(len(pools), len(values), -1))


def interpolation(position: Array, size: int) -> Array:
    """(m, size) weights of the cubic through the four nearest of `size` evenly spaced points.

    >>> interpolation(np.array([1.5]), 4).round(4)
    array([[-0.0625,  0.5625,  0.5625, -0.0625]])
    """
    order = min(4, size)
    first = np.clip(np.floor(position).astype(int) - (order // 2 - 1), 0, size - order)
    weights = np.zeros((len(position), size))
    rows = np.arange(len(position))
    for a in range(order):
        share = np.ones(len(position))
        for b in range(order):
            if b != a:
                share *= (position - first - b) / (a - b)
        weights[rows, first + a] += share
    return weights


def grid(line: Line, points: int) -> Grid:
    """The grid of a line; one point where nothing is to be chosen."""
    return Grid(line.owned, line.least, line.most, points if line.most > line.least else 1)


def purchases(lines: Sequence[Line], size: int) -> Array:
    """(T, size) purchases of several lines from the fewest to the most, spaced as those of a grid."""
    ends = ("owned", "least", "most")
    owned, least, most = (np.array([getattr(line, end) for line in lines], float)[:, None] for end in ends)
    return _spaced(least, most, np.where(owned + least > 0, owned, 1.0), np.linspace(0, 1, size))


def outline(problem: Problem, points: int, levels: Mapping[int, int]) -> Table:
    """The grids of a problem's table, with so many points a task and, by how many pools there are, levels a pool."""
    pools = tuple(grid(line, levels.get(len(problem.pools), 3)) for line in problem.pools)
    size = (points - 1) * FINER + 1
    to_fine = interpolation(np.linspace(0, points - 1, size), points).T
    nothing = np.zeros((len(problem.scored), *(g.size for g in pools), points))
    lines = tuple(one.line for one in problem.scored)
    bought, fine = (purchases(problem.tasks, count) for count in (points, size))
    owned = np.array([line.owned for line in problem.tasks], float)
    return Table(bought, owned, pools, nothing, nothing[:0], problem.targets, lines, fine, to_fine)


def tabulate(problem: Problem, points: int = LABEL_POINTS, levels: Mapping[int, int] = POOL_POINTS) -> Table:
    """Ask every surface once for all grid points."""
    table = outline(problem, points, levels)
    shape = table.values.shape[1:]
    labels = (table.bought + table.owned[:, None])[list(table.line)]
    mixes = np.repeat(table.mixes, points, axis=0)
    values = problem.scores(np.tile(labels, table.count), mixes)
    reaches = [problem.reaches(i, *table.places(i)) for i in problem.targets]
    return replace(table, values=values.reshape(-1, *shape), reaches=np.array(reaches).reshape(-1, *shape))
