"""The best plan for one problem, with the bound that proves how good it is.

Water-filling over the table finds where to look; the linear program over tangent planes, with new planes where it wants
to go until score and bound meet, finds the continuous optimum; whole lots are then chosen around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.evaluation import expected
from budget.allocation.problem import Array, Choice, Problem
from budget.allocation.program import Planes, best_under, tangents
from budget.allocation.relaxation import relax, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.table import Table

ROUNDS, CLOSE = 25, 1e-9
SPREAD = (0.5, 0.9, 0.99, 0.999, 1.0, 1.001, 1.01, 1.1, 2.0)  # of a good plan's labels: where the first planes touch


@dataclass(frozen=True)
class Optimum:
    """`bound`: no plan's expected score exceeds it."""

    choice: Choice
    expected: float
    bound: float
    solver: str
    form: str


def quick(table: Table, cases: Sequence[Problem]) -> list[Choice]:
    """Good plans for several cases at once (same lines and surfaces), without a proof."""
    relaxed = [relax(table, case) for case in cases]
    return to_lots(cases, [tasks for tasks, _ in relaxed], [pools for _, pools in relaxed])


def optimum(table: Table, problem: Problem, solver: str, others: Sequence[Choice] = ()) -> Optimum:
    """The best plan found, never below any of `others` that keeps to the problem, and its bound."""
    (start,) = quick(table, [problem])
    tasks, pools, bound, used = _continuous(table, problem, start, solver)
    found = to_lots([problem], [tasks], [whole_pools(problem, pools)])
    candidates = [choice for choice in (start, *found, *others) if problem.feasible(choice)]
    scores = expected(problem, candidates)
    best = int(np.argmax(scores))
    form = "linear program over tangent planes: no score lies above them"
    return Optimum(candidates[best], float(scores[best]), max(bound, float(scores[best])), used, form)


def _continuous(table: Table, problem: Problem, start: Choice, solver: str) -> tuple[Array, Array, float, str]:
    """Solve, touch the surfaces where the program wants to go, solve again: score and bound close in on each other."""
    planes = lifted(table, tangents(problem, *_around(problem, start))[0])
    best, bound = -np.inf, np.inf
    place = np.array(start.tasks, float), np.array(start.pools, float)
    for _ in range(ROUNDS):
        found = best_under(problem, planes, solver)
        bound = min(bound, found.bound)
        more, scores = tangents(problem, found.tasks[None], found.pools[None])
        if scores[0] > best:
            best, place = float(scores[0]), (found.tasks, found.pools)
        if bound - best <= CLOSE:
            break
        planes = planes.joined(lifted(table, more))
    return *place, bound, found.solver


def _around(problem: Problem, plan: Choice) -> tuple[Array, Array]:
    """Points around a plan: all its labels scaled together, each pool by itself, and the ends."""
    owned = np.array([line.owned for line in problem.lines], float)
    least = np.array([line.least for line in problem.lines], float)
    most = np.array([line.most for line in problem.lines], float)
    here = np.array(plan.tasks + plan.pools, float)
    count = len(plan.tasks)
    points = [least, most]
    points += [np.clip((here + owned + 1) * factor - owned - 1, least, most) for factor in SPREAD]
    for j in range(count, len(here)):
        for factor in SPREAD:
            moved = here.copy()
            moved[j] = np.clip((here[j] + owned[j] + 1) * factor - owned[j] - 1, least[j], most[j])
            points.append(moved)
    stacked = np.array(points)
    return stacked[:, :count], stacked[:, count:]


def lifted(table: Table, planes: Planes) -> Planes:
    """The planes raised until no sampled score lies above them: so the bound also holds there where
    a score is not concave."""
    at_zero = planes.at_zero.copy()
    first = len(table.tasks)
    for i, line in enumerate(table.line):
        mine = np.flatnonzero(planes.task == i)
        along = planes.slope[mine, line, None] * table.tasks[line].bought
        across = planes.slope[mine, first:] @ table.mixes.T
        level = at_zero[mine, None, None] + across[:, :, None] + along[:, None, :]
        at_zero[mine] += np.maximum(table.values[i].reshape(level.shape[1:]) - level, 0.0).max(axis=(1, 2))
    return Planes(planes.task, at_zero, planes.slope)
