"""A bound over all pools where scores are not concave in labels and pools together: boxes of pools, ever smaller.

Within a box a score is taken to lie, at given labels of its own, under its tangent in the pools at the box's middle
(raised to the scores at the corners). At any prices of the rows the best that all tasks can then do is convex in the
pools, so that it is largest at a corner. The prices are those at which that is lowest.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from budget.allocation.box_prices import Corner, Inside, Lists, Prices
from budget.allocation.fixed import Fixed, Relaxed
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Problem
from budget.allocation.shelf import listed

MOST_BOXES = 150
PATIENCE, LITTLE = 40, 0.1  # boxes over which the gap has to shrink, and by what share of it
IN_VAIN = 10  # plans looked for in the middle of boxes, one after another without a better one, that end that
POINTS = 20  # purchases of a task line looked at in any box
Attempt = Callable[[tuple[int, ...], Array | None], Relaxed | None]


@dataclass(order=True)
class Box:
    """Pools between two corners; `top`: minus the bound, so that the largest comes first. `prices` proved it, with
    purchases `near` the best ones by task line."""

    top: float
    low: Corner
    high: Corner
    prices: Prices = field(compare=False)
    near: Lists = field(compare=False)


def bound_over_boxes(
    problem: Problem, attempt: Attempt, best: Fixed, tolerance: float, seconds: float | None, solver: str
) -> tuple[float, int]:
    """A bound on every plan with any pools, and how many boxes it took.

    `attempt` gives the best plan at given pools (near labels of tasks), and may find better plans than `best` on the
    way. It ends where the gap closes, after MOST_BOXES, or where boxes bring little; by the clock only if `seconds` are
    given.
    """
    ends = np.inf if seconds is None else time.monotonic() + seconds
    value, closed, count, vain = best.value, -np.inf, 0, 0
    coarse = [listed(line, line.least, POINTS) for line in problem.tasks]
    prices = Prices(best.rows, best.weights)
    queue = [Box(-np.inf, low, high, prices, best.buys) for low, high in _first(problem.pools)]
    heapq.heapify(queue)
    gaps: list[float] = []
    while queue and count < MOST_BOXES and time.monotonic() < ends and not _stalled(gaps):
        box = heapq.heappop(queue)
        if -box.top <= value + tolerance:
            heapq.heappush(queue, box)
            break
        count += 1
        for low, high in [(box.low, box.high)] if box.top == -np.inf else _halves(problem.pools, box):
            middle = tuple(_snapped(p, (a + b) / 2, a, b) for p, a, b in zip(problem.pools, low, high, strict=True))
            found = attempt(middle, None) if low == high or problem.risk > 0 else None
            if low == high:
                value = max(value, _value(found))
                closed = max(closed, found.bound if found is not None else -np.inf)
                continue
            start = box.prices if found is None else Prices(found.rows, found.weights)
            mixture = best.mixture if found is None else found.mixture
            lists = [np.union1d(a, b) for a, b in zip(coarse, box.near, strict=True)]
            inside = Inside(problem, low, middle, high, mixture, lists)
            proof = inside.bound(start, value + tolerance, tolerance / 4, solver)
            if problem.risk == 0 and proof.at_middle > value + tolerance and vain < IN_VAIN:
                found = attempt(middle, proof.tasks)
            if found is not None:
                vain = 0 if _value(found) > value else vain + 1
                value = max(value, _value(found))
            top = max(box.top, -proof.bound) if box.top > -np.inf else -proof.bound
            heapq.heappush(queue, Box(top, low, high, proof.prices, proof.near))
        gaps.append(max([closed, *(-each.top for each in queue)]) - value)
    return max([closed, value, *(-box.top for box in queue)]), count


def _value(found: Relaxed | None) -> float:
    return found.value if isinstance(found, Fixed) else -np.inf


def _stalled(gaps: list[float]) -> bool:
    """Have the last boxes brought little?"""
    return len(gaps) > PATIENCE and gaps[-1] > (1 - LITTLE) * gaps[-1 - PATIENCE]


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
