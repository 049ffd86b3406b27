"""What would change the plan: it is made again with one assumption moved at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from budget.allocation.evaluation import Evaluated, means
from budget.allocation.goals import kept, values_in
from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem
from budget.allocation.quick import quick
from budget.allocation.table import Table
from budget.plan import Sensitivity

KEPT = 10  # the assumptions that matter most
LINES, FEWER = 8, 4  # of the largest items of the plan, looked at; where each plan takes longer to find
PRICE, WEIGHT, GAIN, BUDGET = Fraction(1, 5), 0.5, 0.2, 0.1  # how far each kind is moved, both ways


@dataclass(frozen=True)
class Moved:
    """One assumption at one of its two values: the problem to solve, and what counts then: weights (n,), and the
    factor (n,) on what labels bring beyond those owned."""

    what: str
    name: str
    value: str
    problem: Problem
    weights: Array
    factor: Array


def sensitivity(table: Table, problem: Problem, plan: Evaluated, prices: Array | None) -> tuple[Sensitivity, ...]:
    """The assumptions that move most money, each at a low and a high value, largest first.

    Moved are each label price by a fifth, each weight by half, what labels bring beyond those owned by a fifth
    (`surface`), and the budget by a tenth.
    """
    moved = [side for pair in _pairs(problem, plan.choice) for side in pair]
    if not moved:
        return ()
    nothing = Choice((0,) * len(problem.tasks), (0,) * len(problem.pools))
    quickly = quick(table, [side.problem for side in moved], prices, near=plan.choice)
    plans = _best([side.problem for side in moved], [(each.choice, plan.choice) for each in quickly])
    before, *scored = means(problem, [nothing, *(each or nothing for each in plans)])
    ends = [
        (float(side.weights @ (before + side.factor * (each - before))), _elsewhere(problem, plan, choice or nothing))
        for side, each, choice in zip(moved, scored, plans, strict=True)
    ]
    found = [
        Sensitivity(
            low.what,
            low.name,
            low.value,
            high.value,
            ends[2 * k][0],
            ends[2 * k + 1][0],
            ends[2 * k][1],
            ends[2 * k + 1][1],
        )
        for k, (low, high) in enumerate(zip(moved[::2], moved[1::2], strict=True))
        if plans[2 * k] is not None and plans[2 * k + 1] is not None
    ]
    return tuple(sorted(found, key=_size)[:KEPT])


def _best(cases: Sequence[Problem], plans: Sequence[Sequence[Choice | None]]) -> list[Choice | None]:
    """For every case the best of those plans that keep to it; None where none does."""
    good = [
        [choice for choice in some if choice is not None and kept(case, choice)]
        for case, some in zip(cases, plans, strict=True)
    ]
    values = values_in(cases, good)
    return [some[int(np.argmax(each))] if some else None for some, each in zip(good, values, strict=True)]


def _size(each: Sensitivity) -> tuple[float, float, str, str]:
    return -max(each.low_moved, each.high_moved), -abs(each.high_score - each.low_score), each.what, each.name


def _elsewhere(problem: Problem, plan: Evaluated, other: Choice) -> float:
    """Share of the plan's money that the other plan spends elsewhere or not at all, both at the plan's prices."""
    shifts = [
        line.cost(buy) - line.cost(there)
        for line, buy, there in zip(
            problem.lines, plan.choice.tasks + plan.choice.pools, other.tasks + other.pools, strict=True
        )
    ]
    return float(sum(shift for shift in shifts if shift > 0) / plan.cost) if plan.cost > 0 else 0.0


def _pairs(problem: Problem, choice: Choice) -> list[tuple[Moved, Moved]]:
    spent = [line.cost(buy) for line, buy in zip(problem.lines, choice.tasks + choice.pools, strict=True)]
    largest = set(sorted(range(len(spent)), key=lambda j: -spent[j])[: LINES if problem.plain else FEWER])
    pairs = [(_price(problem, j, -1), _price(problem, j, 1)) for j in sorted(largest) if problem.lines[j].price > 0]
    if len(problem.scored) > 1:
        for i, one in enumerate(problem.scored):
            if one.line in largest and one.weight > 0:
                pairs += [
                    (_weight(problem, i, -1), _weight(problem, i, 1)),
                    (_gain(problem, i, -1), _gain(problem, i, 1)),
                ]
    if problem.budget > 0:
        pairs.append((_budget(problem, -1), _budget(problem, 1)))
    least = sum(line.cost(line.least) for line in problem.lines)
    return [pair for pair in pairs if all(_affords(side.problem) for side in pair)] if least else pairs


def _affords(problem: Problem) -> bool:
    return sum(line.cost(line.least) for line in problem.lines) <= problem.money


def _price(problem: Problem, index: int, way: int) -> Moved:
    lines, tasks = [*problem.lines], len(problem.tasks)
    tiers = tuple((start, price * (1 + way * PRICE)) for start, price in lines[index].tiers)
    lines[index] = replace(lines[index], tiers=tiers)
    case = replace(problem, tasks=tuple(lines[:tasks]), pools=tuple(lines[tasks:]))
    return _moved("label_cost", lines[index].name, float(lines[index].price), case, problem.weights)


def _weight(problem: Problem, index: int, way: int) -> Moved:
    weights = problem.weights
    weights[index] *= 1 + way * WEIGHT
    weights /= weights.sum()
    return _moved("weight", problem.scored[index].name, 1 + way * WEIGHT, _weighted(problem, weights), weights)


def _gain(problem: Problem, index: int, way: int) -> Moved:
    """A gain that is larger by a factor counts in the search like a weight that is."""
    factor = np.ones(len(problem.scored))
    factor[index] += way * GAIN
    case = _weighted(problem, problem.weights * factor)
    return Moved("surface", problem.scored[index].name, f"{factor[index]:.6g}", case, problem.weights, factor)


def _budget(problem: Problem, way: int) -> Moved:
    money = problem.budget * (1 + way * BUDGET)
    return _moved("budget", "", money, problem.with_budget(money), problem.weights)


def _moved(what: str, name: str, value: float, case: Problem, weights: Array) -> Moved:
    return Moved(what, name, f"{value:.6g}", case, weights, np.ones(len(weights)))


def _weighted(problem: Problem, weights: Array) -> Problem:
    scored = zip(problem.scored, weights.tolist(), strict=True)
    return replace(problem, scored=tuple(replace(one, weight=weight) for one, weight in scored))
