"""What the best relaxed plan is worth with one line held at a purchase: many purchases, line by line, out of one
water-filling.

The money of all tasks is filled in once, at all purchases of pools that are looked at. Without the pieces of one task
what is left is the water-filling of the others, so that whatever is bought of that task only moves their money.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import MISSED, Mixed, Relaxation
from budget.allocation.table import Table

HAIR = 1e-9  # of a purchase
CLOSE = (0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0)  # times a plan's pool labels: looked at beside the table's levels


@dataclass(frozen=True)
class Held:
    """The relaxed problem around a plan, rows at their `prices` (R,)."""

    table: Table
    problem: Problem
    prices: Array
    plan: Choice

    @cached_property
    def relaxation(self) -> Relaxation:
        budget, tasks = np.array([self.problem.budget]), np.array([float(self.problem.for_tasks)])
        return Relaxation(self.table, self.problem, self.prices, budget, tasks)

    @cached_property
    def levels(self) -> list[Array]:
        """By pool, the purchases that are looked at."""
        found = []
        for line, grid, buy in zip(self.problem.pools, self.table.pools, self.plan.pools, strict=True):
            close = np.clip((buy + line.owned + 1) * np.array(CLOSE) - line.owned - 1, line.least, line.most)
            found.append(np.unique([*grid.bought, *close, float(buy)]))
        return found

    @cached_property
    def filled(self) -> tuple[Array, Mixed]:
        """Water-filling at every combination of these."""
        mixes = np.array(list(product(*self.levels)), float).reshape(prod(map(len, self.levels)), len(self.levels))
        return mixes, self.relaxation.filled(mixes)

    def worths(self, index: int, buys: Array) -> Array:
        """(k,) of the best relaxed plans with one line held at its purchases (k,)."""
        count = len(self.problem.tasks)
        return self._of_task(index, buys) if index < count else self._of_pool(index - count, buys)

    def _of_pool(self, pool: int, buys: Array) -> Array:
        sides = [buys if j == pool else levels for j, levels in enumerate(self.levels)]
        mixes = np.array(list(product(*sides)), float)
        every = np.arange(len(mixes))
        scores = self.relaxation.scores(self.relaxation.filled(mixes), every, 0 * every)
        sizes = [len(side) for side in sides]
        return np.asarray(np.moveaxis(scores.reshape(sizes), pool, 0).reshape(len(buys), -1).max(axis=1))

    def _of_task(self, task: int, buys: Array) -> Array:
        mixes, at = self.filled
        cheapest, unit = self.problem.goal == "cheapest", max(self.problem.budget, 1e-12)
        points, costs = (np.broadcast_to(each, at.values.shape)[:, task] for each in (at.points, at.costs))
        paid = self.problem.tasks[task].costs(buys)
        mine = at.found.order // at.found.pieces == task
        cost, gain = (
            np.hstack([each[:, :1], np.where(mine, 0.0, np.diff(each, axis=1)).cumsum(axis=1)])
            for each in (at.found.cost, at.found.gain)
        )
        best = np.full(len(buys), -np.inf)
        spent, tasks = at.first + at.need - costs[:, 0], float(self.problem.for_tasks)
        for m in range(len(mixes)):
            value = np.interp(buys, points[m], at.values[m, task])
            missed = at.missed[m] + (buys < points[m, 0] * (1 - HAIR) - HAIR)
            money = min(self.problem.budget - at.spent[m], tasks) - spent[m] - paid
            worth = at.worth[m] - MISSED * (missed + np.maximum(-money, 0.0) / unit)
            if cheapest:
                worth -= (at.spent[m] + spent[m] + paid) / unit
            else:
                others = at.found.start[m] - at.values[m, task, 0]
                worth += value + others + np.interp(money, cost[m], gain[m])
            best = np.maximum(best, worth)
        return best
