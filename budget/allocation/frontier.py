"""The same problem over a range of budgets, and over a range of shares for the pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from budget.allocation.evaluation import Evaluated, evaluate
from budget.allocation.goals import goal_values, meets_targets
from budget.allocation.lines import Array
from budget.allocation.optimum import quick, search_at
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import relax_all
from budget.allocation.rounding import to_lots
from budget.allocation.table import Table

STEPS = 12  # budgets up to the brief's, and as many beyond it
SHARES = 10


def along_budgets(
    table: Table, problem: Problem, known: Sequence[Choice], prices: Array | None
) -> list[tuple[float, Evaluated]]:
    """(budget, best plan for it) from nothing to twice the budget; budgets that no plan keeps to are left out.

    `known`: other plans; where one is affordable and better, it stands. For the goal `cheapest`, more money than needed
    buys the best mean score.
    """
    asked = replace(problem, goal="mean") if problem.goal == "cheapest" else problem
    budgets = [problem.budget * step / STEPS for step in range(2 * STEPS + 1)] if problem.budget > 0 else [0.0]
    cases = [asked.with_budget(b) for b in budgets]
    cases = [case for case in cases if sum(line.cost(line.least) for line in case.lines) <= case.money]
    found = [choice for choice in quick(table, cases, prices) if choice is not None]
    plans = list(dict.fromkeys([*found, *known]))
    if problem.targets:
        plans = [choice for choice in plans if meets_targets(problem, choice)]
    values = goal_values(asked, plans)
    order = sorted(range(len(plans)), key=lambda k: -values[k])
    best = []
    for case in cases:
        first = next((plans[k] for k in order if not case.broken(plans[k])), None)
        if first is not None:
            best.append((case.budget, first))
    return list(zip([b for b, _ in best], evaluate(problem, [choice for _, choice in best]), strict=True))


def along_shares(table: Table, problem: Problem, known: Choice, prices: Array | None) -> list[Evaluated]:
    """The best plans that spend up to each tenth of the budget on pools and the rest on tasks; and the plan itself."""
    if not problem.pools or problem.budget <= 0:
        return []
    asked = replace(problem, goal="mean") if problem.goal == "cheapest" else problem
    cases = []
    asides = [problem.budget * step / SHARES for step in range(SHARES + 1)]
    found_pools = relax_all(table, [asked] * len(asides), prices, asides)
    for aside, (relaxed, pools) in zip(asides, found_pools, strict=True):
        on_pools = float(sum(line.cost(buy) for line, buy in zip(problem.pools, pools, strict=True)))
        cases.append((asked.with_budget(on_pools + problem.budget - aside), relaxed, pools))
    if problem.of_lots:
        found = to_lots([c for c, _, _ in cases], [r for _, r, _ in cases], [p for _, _, p in cases])
    else:
        found = [c for c in (search_at(case, pools, relaxed) for case, relaxed, pools in cases) if c is not None]
    distinct = [c for c in dict.fromkeys([known, *found]) if not problem.broken(c)]
    return sorted(evaluate(problem, distinct), key=lambda each: problem.pool_cost(each.choice))
