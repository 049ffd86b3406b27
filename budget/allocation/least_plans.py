"""The plans of the least purchases: at given pools, what targets and least labels need, and nothing beyond it.

Rows that rise with every purchase, and the budget, are kept by such a plan if by any at these pools. So where it breaks
one of them there is no plan at these pools; where it keeps to all rows it is one; and only where it breaks a row that
more purchases may mend, a program has to tell.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.rows import Row

Flags = NDArray[np.bool_]
HAIR = 1e-9  # of a limit: where a plan is over it by less, exact arithmetic tells


@dataclass(frozen=True)
class LeastPlans:
    """Of m purchases of pools: `best`, the plan with which limits give the least (`given`), if it is one of the least
    plans; `open` (m,): where there may be a better one; `far` (m,): by how much of the firm limits the least plan is
    over them, infinite where there is none; `cost` (m,): its money."""

    best: Choice | None
    given: float
    open: Flags
    far: Array
    cost: Array


def least_plans(
    case: Problem, soft: Mapping[str, float], extra: float | None, mixes: Array, needs: Array
) -> LeastPlans:
    """The least plans for purchases of pools (m, P) where tasks need labels (m, T). `soft` rows give, by their weights;
    `extra`: the weight with which the budget does, None where it does not."""
    buys = _purchases(case, soft, np.hstack([needs, mixes]))
    fine: Flags = np.asarray(np.isfinite(buys).all(axis=1))
    buys = np.where(fine[:, None], buys, 0.0)
    costs = np.stack([line.costs(buys[:, j]) for j, line in enumerate(case.lines)], axis=1)
    cost, unit = costs.sum(axis=1), money_unit(case)
    money = np.full(len(cost), case.budget) if extra is None else np.maximum(cost, case.budget)
    far, given, whole = (
        np.maximum((cost - money) / unit - HAIR, 0.0),
        (extra or 0.0) * (money - case.budget) / unit,
        fine,
    )
    least = given
    for row in case.rows:
        limit = float(row.right) + float(row.of_budget) * money
        over = (_used(case, row, buys, costs) - limit) / row_unit(case, row)
        over = np.where(over > HAIR, over, 0.0)
        if row.key in soft:
            given = given + soft[row.key] * over
            least = least + soft[row.key] * over * _rises(row, extra)
        elif _rises(row, extra):
            far = far + over
        else:
            whole = whole & (over == 0)
    open_, far = fine & (far == 0), np.where(fine, far, np.inf)
    for k in np.argsort(np.where(open_ & whole, given, np.inf), kind="stable"):
        if not (open_[k] and whole[k]) or given[k] > least[open_].min() + HAIR:
            break
        every = tuple(round(buy) for buy in buys[k])
        choice = Choice(every[: len(case.tasks)], every[len(case.tasks) :])
        broken = breaks(case, soft, choice, case.money if extra is None else paid(case, choice))
        if not broken:
            return LeastPlans(choice, float(given[k]), open_, far, cost)
        open_[k] = not any(row is None or _rises(row, extra) for row in broken)
        whole[k] = False
    if all(_rises(row, extra) or (row.key not in soft and _least(case, row) is not None) for row in case.rows):
        open_[:] = False
    return LeastPlans(None, np.inf, open_, far, cost)


def most_beside(case: Problem, mixes: Array, needs: Array, task: int) -> Array:
    """(m,) the most labels of one task line that the least purchases of all others leave by the budget and by rows that
    only forbid more; below 0 where even the least are too many."""
    buys, line = _purchases(case, (), np.hstack([needs, mixes])), case.tasks[task]
    fine: Flags = np.asarray(np.isfinite(buys).all(axis=1))
    buys = np.where(fine[:, None], buys, 0.0)
    least = buys[:, task].copy()
    buys[:, task] = 0.0
    costs = np.stack([each.costs(buys[:, j]) for j, each in enumerate(case.lines)], axis=1)
    most, money = np.full(len(buys), float(line.most)), case.budget - costs.sum(axis=1)
    for row in (row for row in case.rows if _rises(row, None)):
        left = float(row.limit(case.money)) - _used(case, row, buys, costs)
        buy, cost = (float(side.get(line.name, 0)) for side in (row.buy, row.cost))
        if buy > 0:
            most = np.minimum(most, np.where(left < 0, -1.0, left / buy))
        money = np.minimum(money, left / cost) if cost > 0 else np.where(left < -HAIR * (1 + abs(left)), -1.0, money)
    whole = [
        min(line.affordable(Fraction(max(left, -1.0))), line.down(max(n, 0.0))) if n >= 0 else -1
        for left, n in zip(money.tolist(), most.tolist(), strict=True)
    ]
    return np.where(fine & (np.array(whole) >= least), whole, -1.0)


def _used(case: Problem, row: Row, buys: Array, costs: Array) -> Array:
    """(m,) what purchases (m, lines) at these costs take of a row."""
    used, places = np.zeros(len(buys)), {line.name: j for j, line in enumerate(case.lines)}
    for side, amounts in ((row.buy, buys), (row.cost, costs)):
        for name, factor in side.items():
            used += float(factor) * amounts[:, places[name]]
    return used


def breaks(case: Problem, soft: Collection[str], choice: Choice, budget: Fraction) -> list[Row | None]:
    """The firm rows that a plan breaks under a budget, exactly; None stands for the budget."""
    buys = case.buys(choice)
    broken: list[Row | None] = [None] if case.cost(choice) > budget else []
    return broken + [row for row in case.rows if row.key not in soft and row.use(case.lines, buys) > row.limit(budget)]


def paid(case: Problem, choice: Choice) -> Fraction:
    """The budget that pays for a plan, in whole steps of money beyond the one there is."""
    step = step_of(money_unit(case))
    return case.money + step * max(math.ceil((case.cost(choice) - case.money) / step), 0)


def money_unit(case: Problem) -> float:
    """What money that the budget gives is measured by."""
    return max(case.budget, *(line.order_cost for line in case.lines), 1e-9)


def row_unit(case: Problem, row: Row) -> float:
    """What a row that gives is measured by: its limit, or a lot's use where that is more."""
    lots = (
        abs(float(row.buy.get(line.name, 0)) * line.lot + float(row.cost.get(line.name, 0)) * line.lot_cost)
        for line in case.lines
        if line.name in row.buy or line.name in row.cost
    )
    return max(abs(float(row.limit(case.money))), *lots, 0.0) or 1.0


def step_of(amount: float, digits: int = 2) -> Fraction:
    """A unit to round an amount to: so many digits after the point, more for small amounts, fewer for huge ones."""
    size = math.floor(math.log10(amount)) if amount > 0 else 0
    return Fraction(10) ** max(min(-digits, size - 4), size - 11)


def _rises(row: Row, extra: float | None) -> bool:
    """Does a row only forbid more?"""
    return all(f >= 0 for side in (row.buy, row.cost) for f in side.values()) and (not row.of_budget or extra is None)


def _purchases(case: Problem, soft: Collection[str], low: Array) -> Array:
    """(m, lines) the least purchases allowed from these on, infinite where there are none, that keep to rows which only
    ask for more of one line."""
    for row in case.rows:
        asked = None if row.key in soft else _least(case, row)
        if asked is not None:
            low[:, asked[0]] = np.maximum(low[:, asked[0]], asked[1])
    return np.stack([line.up(low[:, j]) for j, line in enumerate(case.lines)], axis=1)


def _least(case: Problem, row: Row) -> tuple[int, float] | None:
    """The line of which alone a row asks for more, and how many labels it asks for; None if it is no such row."""
    if len(row.buy) + len(row.cost) != 1 or row.of_budget:
        return None
    ((name, factor),) = (row.buy or row.cost).items()
    index, line = next((j, line) for j, line in enumerate(case.lines) if line.name == name)
    each = factor if row.buy else factor * line.price if _one_price(line) else Fraction(0)
    return (index, float(row.right / each)) if each < 0 else None


def _one_price(line: Line) -> bool:
    return len(line.tiers) == 1 and line.setup == 0
