"""The program over tangent planes: labels of tasks and pools together, with a bound that holds for every plan.

    maximise    sum_i w_i s_i                      (goal cheapest: minus the money spent)
    subject to  s_i <= a_ic + b_ic . x             for every tangent plane c of scored task i
                0   <= a_tc + b_tc . x             for every tangent plane c of how far a target is exceeded
                money spent <= budget              and every row of hours, groups and constraints
                x within each line's limits

x are the labels bought. Where nothing else is in the brief this is a linear program. A set-up cost, a least order or
tiers bring one binary each for "anything bought" and "this tier is full"; lots are left to the rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from budget.allocation.lines import Array, Line
from budget.allocation.planes import Planes
from budget.allocation.problem import Problem
from budget.allocation.program import FAR, Answer, Program


@dataclass(frozen=True)
class Parts:
    """A line's purchase and cost as sums over variables: labels = least + labels . v, money = at_least + money . v."""

    index: tuple[int, ...]
    labels: Array
    money: Array
    least: float
    at_least: float


@dataclass(frozen=True)
class Continuous:
    """The optimum of the program: where, what no plan exceeds, and the prices of the problem's rows (budget first)."""

    tasks: Array
    pools: Array
    bound: float
    prices: Array
    solver: str
    found: bool


def best_under(
    problem: Problem, planes: Planes, targets: Planes | None, solver: str, seconds: float | None = None
) -> Continuous:
    """Solve the program over these planes."""
    program = Program()
    parts = [_parts(program, line) for line in problem.lines]
    unit = max(problem.budget, 1e-12)
    if problem.goal == "cheapest":
        for part in parts:
            for j, money in zip(part.index, part.money, strict=True):
                program.gain[j] = -float(money) / unit
        constant = -sum(part.at_least for part in parts) / unit
    else:
        scores = [program.variable(-FAR, FAR, weight) for weight in problem.weights.tolist()]
        _under(program, problem, parts, planes, scores)
        constant = 0.0
    if targets is not None:
        _under(program, problem, parts, targets, None)
    first = _limits(program, problem, parts)
    answer = program.solve(solver, seconds)
    return _read(problem, parts, answer, constant, first)


def _parts(program: Program, line: Line) -> Parts:
    """The variables of one line."""
    if line.plain:
        room, price = float(line.most - line.least), line.about
        x = program.variable(0.0, 1.0 if room > 0 else 0.0)
        return Parts((x,), np.array([room]), np.array([price * room]), float(line.least), price * line.least)
    start = max(line.first, line.least)
    if start > line.most:
        return Parts((), np.zeros(0), np.zeros(0), float(line.least), float(line.cost(line.least)))
    anything = program.variable(1.0 if line.least > 0 else 0.0, 1.0, whole=True)
    starts = [s for s, _ in line.tiers if s < line.most]
    lengths = np.diff([*starts, line.most]).astype(float)
    prices = [float(price) for _, price in line.tiers[: len(starts)]]
    shares = [program.variable(0.0, 1.0) for _ in starts]
    program.row([shares[0], anything], [1.0, -1.0], 0.0)
    program.row([anything, *shares], [float(start) / line.most, *(-lengths / line.most)], 0.0)
    falls = any(later < earlier for earlier, later in pairwise(prices))
    for m in range(len(shares) - 1):
        full = program.variable(0.0, 1.0, whole=falls)
        program.row([full, shares[m]], [1.0, -1.0], 0.0)
        program.row([shares[m + 1], full], [1.0, -1.0], 0.0)
    return Parts(
        (anything, *shares), np.array([0.0, *lengths]), np.array([float(line.setup), *(lengths * prices)]), 0.0, 0.0
    )


def _under(program: Program, problem: Problem, parts: list[Parts], planes: Planes, scores: list[int] | None) -> None:
    """Rows that keep the scores, or 0 where there are none, under the planes."""
    pools = parts[len(problem.tasks) :]
    lines = [parts[one.line] for one in problem.scored]
    across = [j for part in pools for j in part.index]
    for task, at_zero, slope, rises in zip(
        planes.task.tolist(), planes.at_zero.tolist(), planes.labels.tolist(), planes.pools.tolist(), strict=True
    ):
        own = lines[task]
        index = [*([] if scores is None else [scores[task]]), *own.index, *across]
        factor = [1.0] * (scores is not None) + [-slope * labels for labels in own.labels.tolist()]
        right = at_zero + slope * own.least
        for rise, part in zip(rises, pools, strict=True):
            factor += [-rise * labels for labels in part.labels.tolist()]
            right += rise * part.least
        program.row(index, factor, right)


def _limits(program: Program, problem: Problem, parts: list[Parts]) -> int:
    """The rows of budget, hours, groups and constraints; the number of the first."""
    unit = max(problem.budget, 1e-12)
    index = [j for part in parts for j in part.index]
    money = np.concatenate([part.money for part in parts]) / unit
    spent = sum(part.at_least for part in parts)
    first = program.row(index, money.tolist(), (problem.budget - spent) / unit)
    for row in problem.rows:
        factors, right = [], float(row.limit(problem.money))
        for line, part in zip(problem.lines, parts, strict=True):
            buy, cost = float(row.buy.get(line.name, 0)), float(row.cost.get(line.name, 0))
            factors += (buy * part.labels + cost * part.money).tolist()
            right -= buy * part.least + cost * part.at_least
        size = max((abs(f) for f in factors), default=1.0) or 1.0
        program.row(index, [f / size for f in factors], right / size)
    return first


def _read(problem: Problem, parts: list[Parts], answer: Answer, constant: float, first: int) -> Continuous:
    bought = np.array([part.least + part.labels @ answer.values[list(part.index)] for part in parts])
    count = len(problem.tasks)
    prices = answer.prices[first : first + 1 + len(problem.rows)]
    return Continuous(bought[:count], bought[count:], answer.bound + constant, prices, answer.solver, answer.found)
