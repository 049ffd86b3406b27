"""Can this brief be met? Every reason why not, each with its smallest repair."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from budget.allocation.forecasts import Forecast
from budget.allocation.optimum import optimum
from budget.allocation.problem import Choice, Problem, Scored, labels_of
from budget.allocation.problem import problem as posed
from budget.allocation.rows import Row
from budget.allocation.table import Table, tabulate
from budget.allocation.tangent_program import least_use
from budget.errors import CannotBeMet, Shortfall

if TYPE_CHECKING:
    from budget.brief import Brief

ANY = 10**6  # budgets: as good as no limit on the money
RICHER = (2, 8)  # budgets that the cheapest plan is looked for in
DIGITS = 4  # of a score in a repair, rounded to the side that helps


def check(problem: Problem) -> None:
    """Raises CannotBeMet if the least purchases alone exceed the budget."""
    least = {line.name: line.cost(line.least) for line in problem.lines if line.least > 0}
    total = sum(least.values(), Fraction(0))
    if total > problem.money:
        parts = ", ".join(f"{name} {float(cost):.10g}" for name, cost in least.items())
        reason = (
            f"the least that must be bought costs {float(total):.10g} ({parts}), the budget is {problem.budget:.10g}"
        )
        raise CannotBeMet((Shortfall(reason, f"raise the budget to {_money(total)}"),))


def explained(brief: Brief, surfaces: Mapping[str, Forecast], solver: str) -> CannotBeMet:
    """Why no plan was found: limits that contradict each other, targets out of reach, targets that cost too much."""
    problem = posed(brief, surfaces)
    table = tabulate(problem)
    found = _contradiction(posed(brief, surfaces, ANY), solver)
    if not found:
        found = [each for i in problem.targets if (each := _beyond_reach(table, problem, i))]
    if not found and problem.targets:
        found = [_too_dear(posed(brief, surfaces, RICHER[-1]), solver)]
    if not found:
        limits = ", ".join(["the budget", *(row.text for row in problem.rows)])
        found = [Shortfall(f"no whole lots keep to all limits at once ({limits})", "smaller lots, or a looser limit")]
    return CannotBeMet(tuple(found))


def _contradiction(problem: Problem, solver: str) -> list[Shortfall]:
    """An irreducible set of limits that cannot hold together: without any one of them the others can.

    Found by leaving out one limit after another (deletion filter; Chinneck, 2008).
    """
    if _possible(problem, list(problem.rows), problem.money, solver):
        return []
    rows = list(problem.rows)
    for row in problem.rows:
        fewer = [each for each in rows if each is not row]
        if not _possible(problem, fewer, problem.money, solver):
            rows = fewer
    rich = sum((line.cost(line.most) for line in problem.lines), Fraction(1))
    with_budget = _possible(problem, rows, rich, solver)
    names = [row.text for row in rows] + ([f"the budget {problem.budget:.10g}"] if with_budget else [])
    repairs = [repair for row in rows if (repair := _loosened(problem, row, rows, solver))]
    if with_budget:
        cost = least_use(problem, None, rows, rich, solver)
        repairs.append(f"the budget to {_money(cost)}" if cost is not None else "")
    together = "cannot hold" if len(names) == 1 else "contradict each other"
    return [
        Shortfall(f"these limits {together}: {'; '.join(names)}", "move one: " + ", or ".join(filter(None, repairs)))
    ]


def _possible(problem: Problem, rows: list[Row], money: Fraction, solver: str) -> bool:
    return least_use(problem, None, rows, money, solver) is not None


def _loosened(problem: Problem, row: Row, rows: list[Row], solver: str) -> str:
    """The smallest limit of one row with which the others can hold."""
    others = [each for each in rows if each is not row]
    use = least_use(problem, row, others, problem.money, solver)
    if use is None:
        return ""
    beyond = use - float(row.limit(problem.money))
    return f"{row.text} (by {_up(beyond)})"


def _beyond_reach(table: Table, problem: Problem, index: int) -> Shortfall | None:
    """A target that is missed even if all money goes to its own labels and to the pools that help it most."""
    one = problem.scored[index]
    line = problem.tasks[one.line]
    best, price = -math.inf, Fraction(0)
    for mix in table.mixes:
        pools = [int(each.near(np.array([amount]))[0]) for each, amount in zip(problem.pools, mix, strict=True)]
        on_pools = sum((each.cost(buy) for each, buy in zip(problem.pools, pools, strict=True)), Fraction(0))
        others = sum((each.cost(each.least) for each in problem.tasks if each is not line), Fraction(0))
        most = line.affordable(problem.money - on_pools - others)
        if most >= 0:
            grid = np.unique(line.near(np.linspace(line.least, most, 9)))
            reach = problem.reaches(index, grid + line.owned, np.tile(np.array(pools, float), (len(grid), 1)))
            if reach.max() > best:
                best, price = float(reach.max()), on_pools + others + line.cost(int(grid[int(reach.argmax())]))
    if best >= 0:
        return None
    assert one.target is not None
    sure = "" if one.confidence is None else f" with probability {one.confidence:g}"
    allowed = _allowed(one, best)
    reason = (
        f"the target {one.target:g} of {one.name}{sure} is out of reach; {allowed:g} is all that {_money(price)} buys"
    )
    return Shortfall(reason, _lower(one, best))


def _too_dear(problem: Problem, solver: str) -> Shortfall:
    """Targets that can be reached one by one, but not together for this money."""
    names, table = ", ".join(problem.scored[i].name for i in problem.targets), tabulate(problem)
    for times in RICHER:
        found = optimum(table, replace(problem, goal="cheapest", risk=0.0, budget=times * problem.budget), solver)
        if found is not None:
            cost = problem.cost(found.choice)
            reason = f"the targets of {names} together cost {_money(cost)}, the budget is {problem.budget:.10g}"
            if cost > problem.money:
                return Shortfall(reason, f"raise the budget to {_money(cost)}")
    reason = f"the targets of {names} cannot be reached together, not even for {RICHER[-1]} times the budget"
    lowered = _one_lowered(problem, solver) or _all_lowered(problem, solver)
    return Shortfall(reason, lowered or "lower these targets, or loosen a limit")


def _one_lowered(problem: Problem, solver: str) -> str:
    """The targets that make room for all others if one of them alone is lowered, the least lowered first."""
    found = []
    for i in problem.targets:
        scored = tuple(
            replace(one, weight=float(k == i), target=None if k == i else one.target)
            for k, one in enumerate(problem.scored)
        )
        case = replace(problem, goal="mean", risk=0.0, scored=scored)
        best = optimum(tabulate(case), case, solver)
        if best is not None:
            found.append((-_above(problem, best.choice, i), i))
    return ", or ".join(_lower(problem.scored[i], -short) for short, i in sorted(found))


def _all_lowered(problem: Problem, solver: str) -> str:
    """The targets missed by the plan that raises the lowest score relative to its target, as low as they are there."""
    case = replace(problem, goal="worst", risk=0.0)
    best = optimum(tabulate(case), case, solver)
    above = {} if best is None else {i: _above(problem, best.choice, i) for i in problem.targets}
    return " and ".join(_lower(problem.scored[i], reach) for i, reach in above.items() if reach < 0)


def _above(problem: Problem, choice: Choice, index: int) -> float:
    labels, bought = labels_of(problem, [choice])
    return float(problem.reaches(index, labels[:, index], bought)[0])


def _lower(one: Scored, reach: float) -> str:
    return f"set the target of {one.name} to {_allowed(one, reach):g}"


def _allowed(one: Scored, reach: float) -> float:
    """The target that is just reached where the one asked for is exceeded by `reach`, rounded so that it is."""
    towards = math.floor if one.best > one.worst else math.ceil
    reached = float(one.own(one.normal(np.array(one.target)) + reach))
    return float(towards(reached * 10**DIGITS) / 10**DIGITS)


def _money(amount: float | Fraction) -> str:
    """Money rounded up to the cent."""
    return f"{math.ceil(Fraction(amount) * 100 - Fraction(1, 10**6)) / 100:.10g}"


def _up(amount: float) -> str:
    """A figure rounded up to four digits after the point."""
    return f"{math.ceil(amount * 1e4 - 1e-6) / 1e4:.10g}"
