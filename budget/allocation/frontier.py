"""The same problem over a range of budgets, and over a range of shares for the pools."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from budget.allocation.evaluation import Evaluated, evaluate
from budget.allocation.goals import goal_values, kept, meets_targets
from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem
from budget.allocation.quick import quick
from budget.allocation.relaxation import relax
from budget.allocation.rows import Row
from budget.allocation.search import CLOSED, Search, search_at
from budget.allocation.table import Table

STEPS, REACH = 24, 2  # budgets from nothing to so many times the brief's
SHARES = 10
TURNS = 3  # of looking for pools by the prices of the last plan


@dataclass(frozen=True)
class Point:
    """What one budget brings: the best plan, with what the goal makes of it (`value`) and what no other plan exceeds
    (`bound`, infinite where that is not proved), or the reason why there is none."""

    budget: float
    plan: Evaluated | None
    value: float = np.nan
    bound: float = np.inf
    reason: str = ""


def along_budgets(
    table: Table,
    problem: Problem,
    known: Sequence[Choice],
    prices: Array | None,
    solver: str = "highs",
    steps: int = STEPS,
) -> list[Point]:
    """The best plans for so many steps of money from nothing to twice the budget.

    `known`: other plans; where one is affordable and better, it stands. For the goal `cheapest`, more money than needed
    buys the best mean score.
    """
    asked = replace(problem, goal="mean") if problem.goal == "cheapest" else problem
    budgets = [REACH * problem.budget * step / steps for step in range(steps + 1)] if problem.budget > 0 else [0.0]
    cases = [asked.with_budget(b) for b in budgets]
    least = sum((line.cost(line.least) for line in problem.lines), Fraction(0))
    some = [case for case in cases if least <= case.money]
    found = dict(zip((case.budget for case in some), quick(table, some, prices, solver, proofs=True), strict=True))
    plans = list(dict.fromkeys([*(each.choice for each in found.values() if each.choice is not None), *known]))
    own = {budget for budget, each in found.items() if each.choice is not None}
    best = _best_of(table, asked, cases, plans, known, own, solver)
    scored = dict(zip(best, evaluate(problem, [choice for _, choice in best.values()]), strict=True))
    return [
        Point(b, scored[b], best[b][0], found[b].bound if b in found else np.inf)
        if b in scored
        else Point(b, None, reason=_reason(problem, case, least))
        for b, case in zip(budgets, cases, strict=True)
    ]


def _best_of(
    table: Table,
    problem: Problem,
    cases: Sequence[Problem],
    plans: Sequence[Choice],
    known: Sequence[Choice],
    own: Collection[float],
    solver: str,
) -> dict[float, tuple[float, Choice]]:
    """By budget the best of the plans that keep to its case, and what the goal makes of it; where a poorer case has a
    better one, or no plan was found for this very budget (it is none of its `own`), plans like that one are looked
    for; before there is any, plans like the first of the `known`."""
    reaching = [choice for choice in plans if meets_targets(problem, choice)]
    ranked = sorted(zip(goal_values(problem, reaching), reaching, strict=True), key=lambda pair: -pair[0])
    priced = [(problem.cost(choice), value, choice) for value, choice in ranked]
    best: dict[float, tuple[float, Choice]] = {}
    money, near = problem.budget, next(iter(known), None)
    for case in cases:
        each = ((value, choice) for cost, value, choice in priced if cost <= case.money and not case.broken(choice))
        first = next(each, None)
        short = first is None or case.budget not in own or (money in best and first[0] < best[money][0])
        if short and near is not None:
            made = _like(table, case, near, money, solver)
            tried = [*zip(goal_values(problem, made), made, strict=True), *([] if first is None else [first])]
            first = max(tried, key=lambda pair: pair[0], default=None)
        if first is not None:
            best[case.budget] = first
            money, near = case.budget, first[1]
    return best


def _like(table: Table, case: Problem, plan: Choice, money: float, solver: str) -> list[Choice]:
    """The best plan at the pools of another one, which had `money`, at as large a share of the budget, and at those
    that the table calls best at the prices of the rows there: they may leave no plan at the pools that were looked at
    first."""
    more = case.budget / money if money > 0 else 1.0
    shared = tuple(line.down(buy * more) for line, buy in zip(case.pools, plan.pools, strict=True))
    search = Search(case, solver, None, CLOSED)
    for pools in (plan.pools, shared):
        search.attempt(pools, np.array(plan.tasks, float))
    for _ in range(TURNS if case.linear else 0):
        if search.best is None or not search.best.rows[1:].any():
            break
        tasks, pools = relax(table, case, search.best.rows[1:])
        search.attempt(pools, tasks)
    return [search.choice] if search.choice is not None and kept(case, search.choice) else []


def _reason(problem: Problem, case: Problem, least: Fraction) -> str:
    """Why there is no plan for this money."""
    if least > case.money:
        return f"the least that must be bought costs {float(least):.10g}"
    asked = [row.text for row in problem.rows] + [f"the target of {problem.scored[i].name}" for i in problem.targets]
    return f"no plan was found that keeps to {', '.join(asked) or 'all limits'}"


def along_shares(table: Table, problem: Problem, known: Choice, prices: Array | None) -> list[Evaluated]:
    """The best plans that spend up to each tenth of the budget on pools and the rest on tasks; and the plan itself. For
    the goal `cheapest` the money is what the plan needs."""
    if not problem.pools or problem.budget <= 0:
        return []
    asked = replace(problem.within(problem.cost(known)), goal="mean") if problem.goal == "cheapest" else problem
    if asked.budget <= 0:
        return []
    shared = {Fraction(step, SHARES): _shared(asked, Fraction(step, SHARES)) for step in range(SHARES + 1)}
    cases = {share: case for share, case in shared.items() if case is not None}
    paid = None if prices is None else np.append(prices, [0.0, 0.0])
    found = [each.choice for each in quick(table, list(cases.values()), paid, near=known)]
    found = [
        choice or _with_pools_for(case, known, share * asked.money)
        for choice, (share, case) in zip(found, cases.items(), strict=True)
    ]
    distinct = [c for c in dict.fromkeys([known, *found]) if c is not None and not problem.broken(c)]
    return sorted(evaluate(problem, distinct), key=lambda each: problem.pool_cost(each.choice))


def _with_pools_for(case: Problem, plan: Choice, money: Fraction) -> Choice | None:
    """The best plan whose pools are those of this plan, as far as this money pays for all of them alike."""
    part = float(min(money / cost, Fraction(1))) if (cost := case.pool_cost(plan)) > 0 else 1.0
    pools = tuple(line.down(buy * part) for line, buy in zip(case.pools, plan.pools, strict=True))
    return search_at(case, pools, np.array(plan.tasks, float))


def _shared(problem: Problem, share: Fraction) -> Problem | None:
    """The problem with this share of the budget for pools and the rest for tasks; None if that is too little for the
    least purchases."""
    rows = []
    for key, lines, part in (("pools", problem.pools, share), ("tasks", problem.tasks, 1 - share)):
        limit = part * problem.money
        if sum(line.cost(line.least) for line in lines) > limit:
            return None
        rows.append(Row(key, key, {}, dict.fromkeys((line.name for line in lines), Fraction(1)), limit))
    return replace(problem, rows=(*problem.rows, *rows))
