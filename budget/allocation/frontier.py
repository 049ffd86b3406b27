"""The same problem over a range of budgets, and over a range of shares for the pools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from budget.allocation.evaluation import Evaluated, evaluate, expected
from budget.allocation.optimum import quick
from budget.allocation.problem import Array, Choice, Problem
from budget.allocation.relaxation import relax
from budget.allocation.rounding import to_lots
from budget.allocation.table import Table

STEPS = 12  # budgets up to the brief's, and as many beyond it
SHARES = 10


def along_budgets(table: Table, problem: Problem, known: Sequence[Choice]) -> list[tuple[float, Evaluated]]:
    """(budget, best plan for it) from nothing to twice the budget; budgets below the least purchases are left out.

    `known`: other plans; where one is affordable and better, it stands.
    """
    budgets = [problem.budget * step / STEPS for step in range(2 * STEPS + 1)] if problem.budget > 0 else [0.0]
    least = float(sum(line.cost(line.least) for line in problem.lines))
    cases = [problem.with_budget(b) for b in budgets if b >= least]
    if not cases:
        return []
    found = quick(table, cases)
    pool = [*found, *known]
    scores = expected(problem, pool)
    best = [_best(case, pool, scores) for case in cases]
    return list(zip([case.budget for case in cases], evaluate(problem, best), strict=True))


def _best(case: Problem, choices: Sequence[Choice], scores: Array) -> Choice:
    """The best of the plans that this budget affords."""
    order = np.argsort(-scores, kind="stable")
    return next(choices[int(k)] for k in order if case.cost(choices[int(k)]) <= case.money)


def along_shares(table: Table, problem: Problem, known: Choice) -> list[Evaluated]:
    """The best plans that spend up to each tenth of the budget on pools and the rest on tasks; and the plan itself."""
    if not problem.pools or problem.budget <= 0:
        return []
    cases = []
    for step in range(SHARES + 1):
        aside = problem.budget * step / SHARES
        relaxed, pools = relax(table, problem, aside)
        on_pools = float(sum(line.cost(buy) for line, buy in zip(problem.pools, pools, strict=True)))
        cases.append((problem.with_budget(on_pools + problem.budget - aside), relaxed, pools))
    found = [known, *to_lots(*(list(each) for each in zip(*cases, strict=True)))]
    return sorted(evaluate(problem, list(dict.fromkeys(found))), key=lambda each: problem.pool_cost(each.choice))
