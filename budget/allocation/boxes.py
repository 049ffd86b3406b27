"""A bound over all pools where scores are not concave in labels and pools together: boxes of pools, ever smaller.

Within a box a score is taken to lie, at given labels of its own, under its tangent in the pools at the box's middle
(raised to the scores at the corners). At any prices of the rows the best that all tasks can then do is convex in the
pools, so that it is largest at a corner.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from budget.allocation.choice_program import right_sides, uses
from budget.allocation.fixed import Fixed
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Problem
from budget.allocation.shelf import listed

MOST_BOXES = 150
POINTS = 64  # purchases of a task line looked at in a box, besides those of the plan at its middle
STEP = 1e-3  # of a box's width: over which slopes in the pools are taken
Attempt = Callable[[tuple[int, ...]], Fixed | None]
Corner = tuple[int, ...]


@dataclass(order=True)
class Box:
    """Pools between two corners; `top`: minus the bound, so that the largest comes first."""

    top: float
    low: Corner
    high: Corner


def bound_over_boxes(
    problem: Problem, attempt: Attempt, best: Fixed, tolerance: float, seconds: float | None
) -> tuple[float, int]:
    """A bound on every plan with any pools, and how many boxes it took.

    `attempt` gives the best plan at given pools, and may find better plans than `best` on the way.
    """
    ends = time.monotonic() + (seconds if seconds is not None else 60.0)
    value, closed, count = best.value, -np.inf, 0
    queue = [Box(-np.inf, low, high) for low, high in _first(problem.pools)]
    heapq.heapify(queue)
    while queue and count < MOST_BOXES and time.monotonic() < ends:
        box = heapq.heappop(queue)
        if -box.top <= value + tolerance:
            heapq.heappush(queue, box)
            break
        count += 1
        for low, high in [(box.low, box.high)] if box.top == -np.inf else _halves(problem.pools, box):
            middle = tuple(_snapped(p, (a + b) / 2, a, b) for p, a, b in zip(problem.pools, low, high, strict=True))
            found = attempt(middle)
            value = max(value, found.value if found is not None else -np.inf)
            if low == high:
                closed = max(closed, found.bound if found is not None else -np.inf)
            else:
                limit = min(
                    -box.top if box.top > -np.inf else np.inf, _bound(problem, found or best, low, middle, high)
                )
                heapq.heappush(queue, Box(-limit, low, high))
    return max([closed, value, *(-box.top for box in queue)]), count


def _first(pools: tuple[Line, ...]) -> list[tuple[Corner, Corner]]:
    """The first boxes: every pool from its first order up, or not bought at all."""
    sides = []
    for line in pools:
        start = max(line.first, line.least)
        some = [(start, line.most)] if start <= line.most else []
        sides.append([*([(line.least, line.least)] if line.least < start or not some else []), *some])
    return [(tuple(s[0] for s in each), tuple(s[1] for s in each)) for each in product(*sides)]


def _snapped(line: Line, amount: float, low: int, high: int) -> int:
    return max(low, min(high, int(line.near(np.array([amount]))[0])))


def _halves(pools: tuple[Line, ...], box: Box) -> list[tuple[Corner, Corner]]:
    """The box divided along its widest side, by the ratio of the labels there are."""
    ratios = [
        (line.owned + b + line.lot) / (line.owned + a + line.lot) if b > a else 0.0
        for line, a, b in zip(pools, box.low, box.high, strict=True)
    ]
    j = int(np.argmax(ratios))
    line, low, high = pools[j], box.low[j], box.high[j]
    shift = line.owned + line.lot
    cut = _snapped(line, ((low + shift) * (high + shift)) ** 0.5 - shift, low, high - line.lot)
    first = (*box.high[:j], cut, *box.high[j + 1 :])
    second = (*box.low[:j], min(cut + line.lot, high), *box.low[j + 1 :])
    return [(box.low, first), (second, box.high)]


def _bound(problem: Problem, fixed: Fixed, low: Corner, middle: Corner, high: Corner) -> float:
    """What no plan with pools in this box exceeds, at the prices of a plan."""
    summed = replace(problem, goal=problem.goal if problem.goal == "cheapest" else "mean", mixture=fixed.mixture)
    prices = fixed.rows
    lists = [
        np.union1d(buys, listed(line, line.least, POINTS)) for buys, line in zip(fixed.buys, problem.tasks, strict=True)
    ]
    corners = [tuple(c) for c in product(*zip(low, high, strict=True))]
    planes = [_at_corners(summed, summed.expected, i, lists, middle, corners) for i in range(len(problem.scored))]
    allowed = [np.ones((len(corners), len(buys)), bool) for buys in lists]
    for i in problem.targets:
        line = problem.scored[i].line
        allowed[line] &= _at_corners(summed, summed.reaches, i, lists, middle, corners).max(axis=0) >= -1e-9
    best = []
    for c, corner in enumerate(corners):
        total = 0.0
        for t, buys in enumerate(lists):
            gain = np.zeros(len(buys))
            if problem.goal == "cheapest":
                gain -= problem.tasks[t].costs(buys) / max(problem.budget, 1e-12)
            else:
                for i, one in enumerate(problem.scored):
                    if one.line == t:
                        gain += fixed.weights[i] * planes[i][c]
            worth = np.where(allowed[t][c], gain - uses(problem, t, buys) @ prices, -np.inf)
            total += float(worth.max(initial=-np.inf))
        best.append(total + _pools(problem, prices, low, corner))
    return max(best)


def _at_corners(
    problem: Problem,
    score: Callable[[int, Array, Array], Array],
    index: int,
    lists: list[Array],
    middle: Corner,
    corners: list[Corner],
) -> Array:
    """(corners, C) bound on a score at its line's purchases, in each corner."""
    line = problem.scored[index].line
    labels = lists[line] + problem.tasks[line].owned
    here = np.array(middle, float)
    ends = np.array(corners, float)
    step = np.maximum(STEP * (ends.max(axis=0) - ends.min(axis=0)), 1e-6)
    points = [here, *ends]
    for j in range(len(here)):
        for way in (1, -1):
            moved = here.copy()
            moved[j] = max(moved[j] + way * step[j], -float(problem.pools[j].owned))
            points.append(moved)
    found = score(index, np.tile(labels, len(points)), np.repeat(np.array(points), len(labels), axis=0))
    found = found.reshape(len(points), -1)
    value, at_ends, moved = found[0], found[1 : 1 + len(ends)], found[1 + len(ends) :]
    planes = np.tile(value, (len(ends), 1))
    for j in range(len(here)):
        width = points[1 + len(ends) + 2 * j][j] - points[2 + len(ends) + 2 * j][j]
        planes += (ends[:, j, None] - here[j]) * (moved[2 * j] - moved[2 * j + 1]) / width
    return np.asarray(np.maximum(planes, at_ends))


def _pools(problem: Problem, prices: Array, low: Corner, corner: Corner) -> float:
    """What the rows' prices leave after the pools of a corner, each pool's cost at its cheapest tier within the box."""
    total = float(prices @ right_sides(problem, low))
    for j, line in enumerate(problem.pools):
        more = corner[j] - low[j]
        cheapest = min(float(price) for start, price in line.tiers if start < max(corner[j], 1))
        money = cheapest * more
        taken = [money] + [
            float(row.buy.get(line.name, 0)) * more + float(row.cost.get(line.name, 0)) * money for row in problem.rows
        ]
        total -= float(prices @ np.array(taken))
        if problem.goal == "cheapest":
            total -= (float(line.cost(low[j])) + money) / max(problem.budget, 1e-12)
    return total
