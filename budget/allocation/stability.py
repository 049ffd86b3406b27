"""How firm a plan's amounts are: over what the pilots leave open, and over plans that are nearly as good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from budget.allocation.goals import goal_value
from budget.allocation.lines import Array, Line
from budget.allocation.optimum import quick, search_at
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import relax, relaxed_score
from budget.allocation.table import Table, outline
from budget.plan import Limit

POINTS, LEVELS = 20, {1: 8, 2: 5, 3: 4}  # of the table that is made for every draw
DRAWS = 25  # equally likely truths for each of which the best plan is found
FIRM = 0.8  # share of them whose plans lie in a band
NEAR = 0.001  # of the score range: 0.1 points
HALVINGS = 4

Band = tuple[int, int]


def bands(problem: Problem) -> tuple[Band, ...]:
    """For every line, between how many labels the best plans buy, were a draw true: four in five of the draws."""
    table = outline(problem, POINTS, LEVELS)
    draws = [problem.draws(i, *table.places(i)) for i in range(len(problem.scored))]
    sampled = np.stack(draws, axis=1).reshape(-1, *table.values.shape)
    found = []
    for s in np.unique(np.linspace(0, len(sampled) - 1, DRAWS).round().astype(int)):
        tasks, pools = relax(replace(table, values=sampled[s], targets=()), problem)
        found.append([*tasks, *pools])
    low, high = np.quantile(np.array(found), [(1 - FIRM) / 2, (1 + FIRM) / 2], axis=0)
    return tuple((line.down(a), line.down(b)) for line, a, b in zip(problem.lines, low, high, strict=True))


def nearly_as_good(table: Table, problem: Problem, plan: Choice) -> tuple[Band, ...]:
    """For every line, the fewest and the most labels bought in plans within 0.1 points, everything else made anew."""
    found = []
    for j, line in enumerate(problem.lines):
        here = plan.all[j]
        floor = relaxed_score(table, problem, (j, float(here))) - NEAR

        def good(buy: float, j: int = j, floor: float = floor) -> bool:
            return relaxed_score(table, problem, (j, buy)) >= floor

        found.append((_furthest(line, here, line.least, good), _furthest(line, here, line.most, good)))
    return tuple(found)


def _furthest(line: Line, here: int, end: int, good: Callable[[float], bool]) -> int:
    """The purchase furthest from `here` towards `end` that is still good, halving the ratio of the labels."""
    if here == end or good(float(end)):
        return end
    shift = line.owned + 1.0
    near, far = float(here), float(end)
    for _ in range(HALVINGS):
        middle = ((near + shift) * (far + shift)) ** 0.5 - shift
        near, far = (middle, far) if good(middle) else (near, middle)
    return int(line.near(np.array([near]))[0])


def limits(table: Table, problem: Problem, plan: Choice, prices: Array, solver: str) -> tuple[Limit, ...]:
    """Every row of hours, groups and constraints, and what one unit more of one that binds would bring.

    That is reckoned over a hundredth of the limit, or one unit if that is more; where whole lots hide it, it is the
    price in the relaxed program.
    """
    buys, value = problem.buys(plan), goal_value(problem, plan)
    found = []
    for r, row in enumerate(problem.rows):
        price, limit = 0.0, row.limit(problem.money)
        if prices[r] > 0:
            step = max(abs(limit) / 100, Fraction(1))
            looser = tuple(replace(each, right=each.right + step * (each is row)) for each in problem.rows)
            case = replace(problem, rows=looser)
            made = [quick(table, [case], prices, solver, plan)[0].choice]
            if not case.plain:
                made.append(search_at(case, plan.pools, np.array(plan.tasks), solver))
            gain = max((goal_value(case, each) - value for each in made if each is not None), default=0.0)
            price = gain / float(step) if gain > 0 else float(prices[r])
        found.append(Limit(row.key, row.text, float(row.use(problem.lines, buys)), float(limit), price))
    return tuple(found)
