"""The linear program over tangent planes: the one place that builds it, and the bound that its prices prove.

    maximise    sum_i w_i s_i
    subject to  s_i <= a_ic + b_ic . x          for every tangent plane c of task i      (price y_ic)
                sum_j price_j x_j <= budget                                              (price y)
                least_j <= x_j <= most_j

x are the labels to buy, of tasks and of pools. A concave score lies under each of its tangent planes, so the program's
optimum is above every plan's score. Weak duality makes a bound of any prices y >= 0 with sum_c y_ic = w_i, however
exactly the solver has reckoned:

    bound = sum_ic y_ic a_ic + y budget + sum_j max over x_j of (sum_ic y_ic b_icj - y price_j) x_j
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pulp

from budget.allocation.problem import Array, Problem
from budget.allocation.solver import Solved, solve

STEP = 1e-4  # of a point's labels: the width over which slopes are taken


@dataclass(frozen=True)
class Planes:
    """Tangent planes of all tasks: `task` (c,), value at no purchase `at_zero` (c,), `slope` (c, lines)."""

    task: Array
    at_zero: Array
    slope: Array

    def joined(self, other: Planes) -> Planes:
        return Planes(
            np.concatenate([self.task, other.task]),
            np.concatenate([self.at_zero, other.at_zero]),
            np.vstack([self.slope, other.slope]),
        )


def tangents(problem: Problem, tasks: Array, pools: Array) -> tuple[Planes, Array]:
    """The planes that touch every scored task at k points (purchases tasks (k, T), pools (k, P)), and the
    weighted score (k,) there. Slopes are differences of the surfaces over a ten-thousandth of the labels."""
    planes, score = [], np.zeros(len(tasks))
    first = len(problem.tasks)
    for i, one in enumerate(problem.scored):
        line = problem.tasks[one.line]
        value, along = _slope(problem, i, line.owned + tasks[:, one.line], pools, None)
        slope = np.zeros((len(tasks), len(problem.lines)))
        slope[:, one.line] = along
        for j in range(len(problem.pools)):
            slope[:, first + j] = _slope(problem, i, line.owned + tasks[:, one.line], pools, j)[1]
        at_zero = value - slope[:, one.line] * tasks[:, one.line] - (slope[:, first:] * pools).sum(axis=1)
        planes.append(Planes(np.full(len(tasks), i), at_zero, slope))
        score += one.weight * value
    joined = planes[0]
    for each in planes[1:]:
        joined = joined.joined(each)
    return joined, score


def _slope(problem: Problem, index: int, labels: Array, pools: Array, pool: int | None) -> tuple[Array, Array]:
    """Score (k,) and its slope (k,) along the task's labels or, given its number, a pool."""
    along = labels if pool is None else problem.pools[pool].owned + pools[:, pool]
    step = np.where(along > 0, STEP * along, 1.0)
    below = np.where(along > 0, step, 0.0)
    moved = []
    for shift in (np.zeros_like(step), step, -below):
        near = pools.copy()
        if pool is not None:
            near[:, pool] += shift
        moved.append((labels + shift if pool is None else labels, near))
    points = problem.expected(index, np.concatenate([m[0] for m in moved]), np.concatenate([m[1] for m in moved]))
    value, above, under = points.reshape(3, -1)
    return value, (above - under) / (step + below)


@dataclass(frozen=True)
class Bounded:
    """The optimum of the program: where, and what no plan exceeds by weak duality."""

    tasks: Array
    pools: Array
    bound: float
    solver: str


def best_under(problem: Problem, planes: Planes, solver: str) -> Bounded:
    """Solve the program over these planes."""
    program, scale = _build(problem, planes)
    solved = solve(program, solver)
    if solved.status != "optimal":
        raise ArithmeticError(f"{solved.solver} ended a feasible linear program as {solved.status}")
    share = np.array([solved.values.get(f"x{j}", 0.0) for j in range(len(problem.lines))])
    least = np.array([line.least for line in problem.lines], float)
    bought = np.clip(least + share * scale, least, least + scale)
    tasks = len(problem.tasks)
    return Bounded(bought[:tasks], bought[tasks:], _bound(problem, planes, solved), solved.solver)


def _build(problem: Problem, planes: Planes) -> tuple[pulp.LpProblem, Array]:
    """The program in shares x of each line's room, so that all its numbers are of one size."""
    lines = problem.lines
    scale = np.array([line.most - line.least for line in lines], float)
    least = np.array([line.least for line in lines], float)
    program = pulp.LpProblem("plan", pulp.LpMaximize)
    share = [program.add_variable(f"x{j}", 0, 1) for j in range(len(lines))]
    score = [program.add_variable(f"s{i}") for i in range(len(problem.scored))]
    program.setObjective(pulp.LpAffineExpression(zip(score, problem.weights.tolist(), strict=True)))
    constants = planes.at_zero + planes.slope @ least
    coefficients = planes.slope * scale
    for c, task in enumerate(planes.task.tolist()):
        used = np.flatnonzero(coefficients[c])
        terms = [(score[task], 1.0), *((share[j], -float(coefficients[c, j])) for j in used)]
        program.addConstraint(pulp.LpAffineExpression(terms) <= float(constants[c]), f"c{c}")
    unit = max(problem.budget, 1e-300)
    costs = np.array([float(line.price) for line in lines])
    money = pulp.LpAffineExpression([(share[j], float(costs[j] * scale[j] / unit)) for j in range(len(lines))])
    program.addConstraint(money <= float((problem.budget - costs @ least) / unit), "budget")
    return program, scale


def _bound(problem: Problem, planes: Planes, solved: Solved) -> float:
    """Weak duality, reckoned here from the program's own numbers."""
    price = np.array([solved.prices.get(f"c{c}", 0.0) for c in range(len(planes.task))])
    for i, weight in enumerate(problem.weights):
        mine = planes.task == i
        total = price[mine].sum()
        price[mine] = price[mine] * (weight / total) if total > 0 else weight / mine.sum()
    money = solved.prices.get("budget", 0.0) / max(problem.budget, 1e-300)
    costs = np.array([float(line.price) for line in problem.lines])
    gain = price @ planes.slope - money * costs
    least = np.array([line.least for line in problem.lines], float)
    most = np.array([line.most for line in problem.lines], float)
    return float(price @ planes.at_zero + money * problem.budget + np.maximum(gain * least, gain * most).sum())
