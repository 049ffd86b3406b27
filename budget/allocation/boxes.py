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


@dataclass
class Cover:
    """The boxes in the `queue` cover all pools but single points, whose highest bound is `closed`. `value` is that of
    the best plan so far, `vain` how many others were looked for since. `mixture` of the draws; `lists`: purchases
    looked at in any box."""

    problem: Problem
    attempt: Attempt
    mixture: Array | None
    lists: Lists
    tolerance: float
    solver: str
    value: float
    queue: list[Box]
    closed: float = -np.inf
    vain: int = 0

    @property
    def enough(self) -> float:
        """A bound that need not be lower."""
        return self.value + self.tolerance

    @property
    def bound(self) -> float:
        """What no plan with any pools exceeds."""
        return max([self.closed, *(-box.top for box in self.queue)])

    def add(self, low: Corner, high: Corner, part_of: Box) -> None:
        """Bound the plans in a part of a box, and look for one in its middle."""
        pools = self.problem.pools
        middle = tuple(_snapped(p, (a + b) / 2, a, b) for p, a, b in zip(pools, low, high, strict=True))
        found = self.attempt(middle, None) if low == high or self.problem.risk > 0 else None
        if low == high:
            self.value = max(self.value, _value(found))
            self.closed = max(self.closed, found.bound if found is not None else -np.inf)
            return
        start = part_of.prices if found is None else Prices(found.rows, found.weights)
        mixture = self.mixture if found is None else found.mixture
        lists = [np.union1d(a, b) for a, b in zip(self.lists, part_of.near, strict=True)]
        proof = Inside(self.problem, low, middle, high, mixture, lists).bound(
            start, self.enough, self.tolerance / 4, self.solver
        )
        if self.problem.risk == 0 and proof.at_middle > self.enough and self.vain < IN_VAIN:
            found = self.attempt(middle, proof.tasks)
        if found is not None:
            self.vain = 0 if _value(found) > self.value else self.vain + 1
            self.value = max(self.value, _value(found))
        top = max(part_of.top, -proof.bound)  # no part has more than the whole
        heapq.heappush(self.queue, Box(top, low, high, proof.prices, proof.near))


def bound_over_boxes(
    problem: Problem, attempt: Attempt, best: Fixed, tolerance: float, seconds: float | None, solver: str
) -> tuple[float, int]:
    """A bound on every plan with any pools, and how many boxes it took.

    `attempt` gives the best plan at given pools (near labels of tasks), and may find better plans than `best` on the
    way. It ends where the gap closes, after MOST_BOXES, or where boxes bring little; by the clock only if `seconds` are
    given.
    """
    until = np.inf if seconds is None else time.monotonic() + seconds
    lists = tuple(listed(line, line.least, POINTS) for line in problem.tasks)
    first = [Box(-np.inf, *ends, Prices(best.rows, best.weights), best.buys) for ends in _first(problem.pools)]
    cover = Cover(problem, attempt, best.mixture, lists, tolerance, solver, best.value, first)
    gaps: list[float] = []
    while cover.queue and len(gaps) < MOST_BOXES and time.monotonic() < until and not _stalled(gaps):
        if -cover.queue[0].top <= cover.enough:
            break
        box = heapq.heappop(cover.queue)
        for low, high in [(box.low, box.high)] if box.top == -np.inf else _halves(problem.pools, box):
            cover.add(low, high, box)
        gaps.append(cover.bound - cover.value)
    return max(cover.bound, cover.value), len(gaps)


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
