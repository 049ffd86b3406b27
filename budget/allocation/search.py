"""A search over pools for the best plan: at given pools, a program over whole choices finds the best tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from budget.allocation.fixed import Fixed, Relaxed, at_pools
from budget.allocation.goals import goal_value, kept
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import whole_pools
from budget.allocation.table import Table
from budget.allocation.whole_lots import by_whole_lots

SMOOTH, CLOSED = 1e-6, 1e-4  # gaps that count as none: of continuous problems, and of all others
NEARLY = 1e-5  # a gap that is worth no further search
STEPS = (0.5, 0.9, 0.98, 1.02, 1.1, 2.0)  # of a pool's labels: what is tried around the best plan


@dataclass
class Search:
    """The best plan so far, and the best at all pools that were tried."""

    problem: Problem
    solver: str
    seconds: float | None
    tolerance: float = SMOOTH
    tried: dict[tuple[int, ...], Relaxed | None] = field(default_factory=dict)
    best: Fixed | None = None
    choice: Choice | None = None
    value: float = -np.inf

    def offer(self, choice: Choice) -> None:
        """Take a plan if it keeps to the problem and is better."""
        if kept(self.problem, choice):
            value = goal_value(self.problem, choice)
            if value > self.value:
                self.choice, self.value = choice, value

    def attempt(self, pools: tuple[int, ...], near: Array | None = None) -> Relaxed | None:
        """The best plan at these pools, never below one that is known; where none is better than the best so far, only
        its bound."""
        if pools not in self.tried:
            known = self.choice if self.choice is not None and self.choice.pools == pools else None
            # Sums of draws wander between the purchases looked at: there, bounds are no reason not to look closer.
            floor = self.value if self.best is not None and self.problem.risk == 0 else -np.inf
            found = at_pools(self.problem, pools, near, self.solver, self.seconds, self.tolerance, known, floor)
            if isinstance(found, Fixed):
                if kept(self.problem, found.choice):
                    self.offer(found.choice)
                    self.best = found if self.best is None or found.value > self.best.value else self.best
                else:
                    found = None  # whole only to the solver
            self.tried[pools] = found
        return self.tried[pools]

    def attempt_any(self, table: Table) -> None:
        """Until there is a plan: at the pools of one that is known, without pools, with all of them, at all levels of
        the table, and at those of a plan in whole lots."""
        most = whole_pools(self.problem, np.array([float(line.most) for line in self.problem.pools]))
        mixes = [tuple(line.least for line in self.problem.pools), most]
        if self.choice is not None:
            mixes.insert(0, self.choice.pools)
            self.tried.pop(self.choice.pools, None)  # tried without knowing of this plan
        for mix in [*mixes, *(whole_pools(self.problem, mix) for mix in table.mixes)]:
            if self.attempt(mix) is not None:
                return
        self.attempt_whole_lots()

    def attempt_whole_lots(self) -> None:
        """What rows that leave few plans may hide: a plan in whole lots, and the best at its pools."""
        made = by_whole_lots(self.problem, self.solver, self.seconds) if self.problem.rows else None
        if made is not None and kept(self.problem, made):
            self.offer(made)
            self.tried.pop(made.pools, None)
            self.attempt(made.pools, np.array(made.tasks, float))

    def attempt_around(self) -> None:
        """At pools a little or much larger or smaller than the best plan's, one at a time or one for another, as long
        as that helps."""
        better = self.best is not None
        while better and self.best is not None:
            here = self.best
            for mix in nearby(self.problem.pools, here.choice.pools):
                self.attempt(mix, np.array(here.choice.tasks, float))
            better = self.best.value > here.value + SMOOTH


def search_at(problem: Problem, pools: tuple[int, ...], near: Array, solver: str = "highs") -> Choice | None:
    """The best plan at these pools, if there is one; `near` (T,): roughly what it buys of the tasks."""
    search = Search(problem, solver, None, CLOSED)
    search.attempt(pools, near)
    return search.choice


def nearby(pools: Sequence[Line], buys: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Purchases of pools around these: of one of them in STEPS, and by a lot; of two, a lot or half of the one given
    for as much money of the other."""
    found = []
    for j, (line, buy) in enumerate(zip(pools, buys, strict=True)):
        amounts = [(buy + line.owned + 1) * factor - line.owned - 1 for factor in STEPS]
        amounts += [buy - line.lot, max(buy + line.lot, line.first)]
        found += [(*buys[:j], int(near), *buys[j + 1 :]) for near in line.near(np.array(amounts, float))]
        for i, other in enumerate(pools):
            for given in {other.down(buys[i] - other.lot), other.down(buys[i] / 2)} if i != j and buys[i] else ():
                mix = [*buys]
                freed = other.cost(buys[i]) - other.cost(given)
                more = min(max(buy + line.lot, line.first), line.most)
                mix[i], mix[j] = given, max(line.affordable(line.cost(buy) + freed), more)
                found.append(tuple(mix))
    return found
