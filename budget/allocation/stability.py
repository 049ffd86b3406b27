"""How firm a plan's amounts are: over what the pilots leave open, and over plans that are nearly as good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from budget.allocation.goals import goal_at, goal_value
from budget.allocation.held import Held
from budget.allocation.lines import Array, Line
from budget.allocation.plain import summed
from budget.allocation.problem import Choice, Problem
from budget.allocation.quick import quick
from budget.allocation.relaxation import level, relax
from budget.allocation.rows import Row
from budget.allocation.search import search_at
from budget.allocation.smooth import cases_of, climb
from budget.allocation.table import Table, outline
from budget.plan import Limit

POINTS, LEVELS = 20, {1: 8, 2: 5, 3: 4}  # of the table that is made for every draw
DRAWS = 25  # equally likely truths for each of which the best plan is found
FIRM = 0.8  # share of them whose plans lie in a band
NEAR, SHARE = 0.001, 0.01  # of the score range: 0.1 points; of the money, where the least of it is sought
HALVED, LOOKED_UP = (4, 1), (2, 15)  # rounds and points of the way to an end: of plans, of the table
KEPT = 1e-6  # of a row: what a plan in parts of labels may be over it

Band = tuple[int, int]
Good = Callable[[Sequence[tuple[int, float]]], list[bool]]  # of (line, purchase), each held in a plan of its own


def bands(problem: Problem, prices: Array) -> tuple[Band, ...]:
    """For every line, between how many labels the best plans buy, were a draw true: four in five of the draws. Rows
    count at their `prices` (R,) in the plan."""
    table = outline(problem, POINTS, LEVELS)
    draws = [problem.draws(i, *table.places(i)) for i in range(len(problem.scored))]
    sampled = np.stack(draws, axis=1).reshape(-1, *table.values.shape)
    aims = [problem.scored[i].normal(np.array(problem.scored[i].target)) for i in problem.targets]
    case, found = replace(problem, risk=0.0), []
    for s in np.unique(np.linspace(0, len(sampled) - 1, DRAWS).round().astype(int)):
        truth = sampled[s]
        reaches = np.array([truth[i] - aim for i, aim in zip(problem.targets, aims, strict=True)])
        true = replace(table, values=truth, reaches=reaches.reshape(-1, *truth.shape[1:]))
        tasks, pools = level(true, case)[1:] if problem.goal == "worst" else relax(true, case, prices, roughly=True)
        found.append([*tasks, *pools])
    low, high = np.quantile(np.array(found), [(1 - FIRM) / 2, (1 + FIRM) / 2], axis=0)
    return tuple((line.down(a), line.down(b)) for line, a, b in zip(problem.lines, low, high, strict=True))


def nearly_as_good(table: Table, problem: Problem, plan: Choice, prices: Array) -> tuple[Band, ...]:
    """For every line, the fewest and the most labels bought in plans that are nearly as good, everything else made
    anew: within 0.1 points of what the goal counts, or for the goal `cheapest` a hundredth of the money.

    For the goal `mean`, where prices and lots are all there is, plans are made in parts of labels and keep to every
    row; else they are read off the table, rows at their `prices` (R,) in the plan, for the goal `worst` without them.
    """
    every = range(len(problem.lines))
    if problem.smooth and problem.goal == "mean":
        return _ranges(problem, plan, every, _of_plans(problem, plan), *HALVED)
    good = _of_table(table, problem, plan, prices)
    return tuple(
        _ranges(problem, plan, [j], good, *(HALVED if problem.goal == "worst" else LOOKED_UP))[0] for j in every
    )


def _ranges(
    problem: Problem, plan: Choice, which: Sequence[int], good: Good, rounds: int, points: int
) -> tuple[Band, ...]:
    """The fewest and the most labels of some lines with which a plan is good, by rounds of so many points a side."""
    here = np.array([float(plan.all[j]) for j in which for _ in range(2)])
    far = np.array([float(end) for j in which for end in (problem.lines[j].least, _most(problem, problem.lines[j]))])
    lines = np.repeat(np.array(which), 2)
    shift = np.array([problem.lines[j].owned + 1.0 for j in lines])
    near, open_ = here.copy(), here != far
    if open_.any():
        fine = np.array(good(list(zip(lines[open_].tolist(), far[open_].tolist(), strict=True))))
        near[np.flatnonzero(open_)[fine]] = far[np.flatnonzero(open_)[fine]]
        open_ &= near != far
    share = np.linspace(0, 1, points + 2)
    for _ in range(rounds if open_.any() else 0):
        low, high = (near + shift)[open_, None], (far + shift)[open_, None]
        tried = low * (high / low) ** share - shift[open_, None]
        held = zip(np.repeat(lines[open_], points).tolist(), tried[:, 1:-1].ravel().tolist(), strict=True)
        fine = np.array(good(list(held))).reshape(-1, points)
        last = np.cumprod(fine, axis=1).sum(axis=1)  # so many from the plan on are good
        each = np.arange(len(tried))
        near[open_], far[open_] = tried[each, last], tried[each, last + 1]
    ends = zip(which, near[::2].tolist(), near[1::2].tolist(), strict=True)
    return tuple(_inside(problem.lines[j], plan.all[j], low, high) for j, low, high in ends)


def _inside(line: Line, buy: int, low: float, high: float) -> Band:
    """The allowed purchases between a plan's and these ends, next to the ends: what lies beyond may be no good."""
    return min(int(line.up(np.array([min(low, buy)]))[0]), buy), max(line.down(max(high, buy)), buy)


def within(
    problem: Problem, plan: Choice, ranges: Sequence[Band], reach: Sequence[tuple[float, float]]
) -> tuple[Band, ...]:
    """Ranges within the fewest and the most labels that plans buy at all."""
    found = []
    each = zip(problem.lines, plan.all, ranges, reach, strict=True)
    for line, buy, (low, high), (fewest, most) in each:
        first, last = _inside(line, buy, fewest, most)
        found.append((min(max(low, first), last), min(max(high, first), last)))
    return tuple(found)


def _most(problem: Problem, line: Line) -> int:
    """The most of a line that the money pays for."""
    return max(min(line.most, line.affordable(problem.money)), line.least)


def _of_plans(problem: Problem, plan: Choice) -> Good:
    """Whether plans with one line held at an amount are good, of those with the best mean score in parts of labels."""
    floor, count = goal_value(problem, plan) - NEAR, len(problem.tasks)

    def good(held: Sequence[tuple[int, float]]) -> list[bool]:
        start, cases = np.tile(np.array(plan.all, float), (len(held), 1)), []
        for k, (j, amount) in enumerate(held):
            name, exact = problem.lines[j].name, Fraction(amount)
            ends = Row("", "", {name: Fraction(1)}, {}, exact), Row("", "", {name: Fraction(-1)}, {}, -exact)
            cases.append(replace(problem, rows=(*problem.rows, *ends)))
            start[k, j] = amount
        here = start[:, :count], start[:, count:]
        mean = climb(cases_of([summed(case, case.weights) for case in cases]), *here, rise=NEAR / 1000)
        tasks, pools = mean.tasks, mean.pools
        rows = cases_of(cases)
        over = (rows.tasks @ tasks[..., None] + rows.pools @ pools[..., None])[..., 0] - rows.right
        kept = (over <= KEPT * (1 + np.abs(rows.right))).all(axis=1)
        return list(kept & (goal_at(problem, tasks, pools) >= floor))

    return good


def _of_table(table: Table, problem: Problem, plan: Choice, prices: Array) -> Good:
    """The same by the table, one line at a time; the plan itself is read off it too."""
    share = SHARE * float(problem.cost(plan)) / max(problem.budget, 1e-12)
    slack = share if problem.goal == "cheapest" else NEAR
    reached = table.reached_by(np.array(plan.tasks, float), np.array(plan.pools, float))
    held = Held(reached, problem, prices, plan)

    def worths(index: int, buys: Array) -> Array:
        if problem.goal == "worst":
            return np.array([level(table, problem, (index, float(buy)))[0] for buy in buys])
        return held.worths(index, buys)

    def good(held: Sequence[tuple[int, float]]) -> list[bool]:
        index = held[0][0]
        here, *found = worths(index, np.array([float(plan.all[index]), *(buy for _, buy in held)]))
        return [bool(each >= here - slack) for each in found]

    return good


def limits(table: Table, problem: Problem, plan: Choice, prices: Array, solver: str) -> tuple[Limit, ...]:
    """Every row of hours, groups and constraints, and what one unit more of one that binds would bring.

    That is reckoned over a hundredth of the limit, or one unit if that is more; where whole lots hide it, it is the
    price in the relaxed program. A limit from below (`>=`) stands as it is written: one unit more of it costs. An
    equation is one limit, at the price of the side that binds.
    """
    buys, value = problem.buys(plan), goal_value(problem, plan)
    found: dict[str, Limit] = {}
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
            price *= problem.budget if problem.goal == "cheapest" else 1.0
        sign = -1 if row.turned else 1
        price *= sign
        price = price or (found[row.key].price if row.key in found else 0.0)
        found[row.key] = Limit(
            row.key, row.text, sign * float(row.use(problem.lines, buys)) + 0.0, sign * float(limit) + 0.0, price
        )
    return tuple(found.values())
