"""The plans of the least purchases: at given pools, what targets, least labels and rows that ask for more of one line
need, and nothing beyond it.

A row that only one line's purchases ease (`a.cost <= 2 * b.cost`, `b.buy >= 100`) asks for the more of that line the
more there is of the others. Of plans that keep to such rows the least purchases of each line make one again (Cottle and
Veinott, 1972), which is found by raising each line as far as its rows ask until none asks for more.

Rows that rise with every purchase, and the budget, are kept by such a plan if by any at these pools. So where it breaks
one of them there is no plan at these pools; where it keeps to all rows it is one; and only where it breaks a row that
several lines' purchases ease, a program has to tell.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
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
    if all(_rises(row, extra) or (row.key not in soft and _asked(case, row) is not None) for row in case.rows):
        open_ &= ~whole  # but for where the least plan was not found in time, or breaks a row by less than a hair
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
    """(m, lines) the least purchases allowed from these on, infinite where there are none, that keep to rows which ask
    for more of one line; or less than these, where rows ask in a circle and are not through in as many rounds as there
    are of them."""
    asking = [
        (_terms(case, row), float(row.right), *asked)
        for row in case.rows
        if row.key not in soft and (asked := _asked(case, row)) is not None
    ]
    buys = np.stack([line.up(low[:, j]) for j, line in enumerate(case.lines)], axis=1)
    for _ in range(len(asking) + 1):
        before = buys.copy()
        for terms, right, j, each in asking:
            over = _over(terms, right, buys)
            if over.any():
                buys[:, j] = np.maximum(buys[:, j], case.lines[j].up(buys[:, j] + over / each))
        if (buys == before).all():
            break
    return buys


def _terms(case: Problem, row: Row) -> list[tuple[int, Line, float, float]]:
    """The lines of a row, with what it takes a label of each and a unit of its cost."""
    return [
        (j, line, float(row.buy.get(line.name, 0)), float(row.cost.get(line.name, 0)))
        for j, line in enumerate(case.lines)
        if line.name in row.buy or line.name in row.cost
    ]


@np.errstate(invalid="ignore")
def _over(terms: Sequence[tuple[int, Line, float, float]], right: float, buys: Array) -> Array:
    """(m,) how far purchases (m, lines) are over a row of these terms; 0 for less than a hair, and where one of them is
    infinite."""
    parts = [buy * buys[:, j] + cost * line.costs(buys[:, j]) for j, line, buy, cost in terms]
    over, size = sum(parts) - right, sum(map(np.abs, parts)) + abs(right)
    return np.where(over > HAIR * size, over, 0.0)


def _asked(case: Problem, row: Row) -> tuple[int, float] | None:
    """The only line whose purchases ease a row, and by how much a label of it does; None if it is no such row."""
    easing = {name for side in (row.buy, row.cost) for name, factor in side.items() if factor < 0}
    if len(easing) != 1 or row.of_budget:
        return None
    (name,) = easing
    index, line = next((j, line) for j, line in enumerate(case.lines) if line.name == name)
    if name in row.cost and not _one_price(line):
        return None
    each = row.buy.get(name, Fraction(0)) + row.cost.get(name, Fraction(0)) * line.price
    return (index, -float(each)) if each < 0 else None


def _one_price(line: Line) -> bool:
    return len(line.tiers) == 1 and line.setup == 0
