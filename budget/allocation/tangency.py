"""The program over tangent planes, with new planes where it wants to go, until score and bound meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.planes import Planes, joined, lifted, tangents
from budget.allocation.problem import Problem
from budget.allocation.table import Table
from budget.allocation.tangent_program import Continuous, best_under

ROUNDS, CLOSE = 25, 1e-9
# Of a good plan's labels: where the first planes touch.
SPREAD, ALONE = (0.97, 0.999, 1.0, 1.001, 1.03), (0.97, 1.03)  # all lines together; each pool by itself


@dataclass(frozen=True)
class Proof:
    """`bound`: of the goal, over all plans; where the program ends; `prices` of the budget and of each row."""

    found: bool
    bound: float
    tasks: Array
    pools: Array
    prices: Array
    solver: str


def prove(
    table: Table, problem: Problem, start: tuple[Array, tuple[int, ...]], solver: str, seconds: float | None = None
) -> Proof:
    """Bound the weighted mean of the expected scores (or, for `cheapest`, minus the share of the budget spent)."""
    around = _around(problem, start)
    every = tuple(range(len(problem.scored)))
    scores, targets = _touch(table, problem, every, *around)[0], _targets(table, problem, *around)
    best, bound = -np.inf, np.inf
    place: Continuous | None = None
    for _ in range(ROUNDS):
        found = best_under(problem, scores, targets, solver, seconds)
        if not found.found:
            break
        bound, last = min(bound, found.bound), bound
        half = (
            found
            if place is None
            else replace(found, tasks=(found.tasks + place.tasks) / 2, pools=(found.pools + place.pools) / 2)
        )
        tasks, pools = np.stack([found.tasks, half.tasks]), np.stack([found.pools, half.pools])
        more, reached = _touch(table, problem, every, tasks, pools)
        values = reached @ problem.weights
        value = found.bound if problem.goal == "cheapest" else float(values[0])
        missed = _missed(problem, found)
        if place is None or (value > best and not missed):
            best, place = value, found
        if problem.goal != "cheapest" and values[1] > best and not (missed or _missed(problem, half)):
            best, place = float(values[1]), half
        if (not missed and bound - best <= CLOSE) or (last - bound < CLOSE / 10 and not missed):
            break
        scores = joined([scores, more])
        fresh = _targets(table, problem, tasks, pools)
        targets = joined([targets, fresh]) if targets is not None and fresh is not None else targets
    if place is None:
        return Proof(False, np.inf, start[0], np.array(start[1], float), np.zeros(1 + len(problem.rows)), found.solver)
    return Proof(True, bound, place.tasks, place.pools, place.prices, place.solver)


def _touch(table: Table, problem: Problem, which: tuple[int, ...], tasks: Array, pools: Array) -> tuple[Planes, Array]:
    planes, values = tangents(problem, problem.expected, which, tasks, pools)
    return lifted(table, table.values, planes), values


def _targets(table: Table, problem: Problem, tasks: Array, pools: Array) -> Planes | None:
    if not problem.targets:
        return None
    sampled = np.zeros(table.values.shape)
    sampled[list(problem.targets)] = table.reaches
    planes, _ = tangents(problem, problem.reaches, problem.targets, tasks, pools)
    return lifted(table, sampled, planes)


def _missed(problem: Problem, place: Continuous) -> bool:
    """Does the program's place miss a target by more than nothing?"""
    for i in problem.targets:
        line = problem.tasks[problem.scored[i].line]
        labels = place.tasks[problem.scored[i].line : problem.scored[i].line + 1] + line.owned
        if problem.reaches(i, labels, place.pools[None])[0] < -CLOSE:
            return True
    return False


def _around(problem: Problem, start: tuple[Array, tuple[int, ...]]) -> tuple[Array, Array]:
    """Points around a plan: all its labels scaled together, each pool by itself, and the ends."""
    owned = np.array([line.owned for line in problem.lines], float)
    least = np.array([line.least for line in problem.lines], float)
    most = np.array([line.most for line in problem.lines], float)
    here = np.concatenate([start[0], start[1]])
    count = len(problem.tasks)
    points = [least, most]
    points += [np.clip((here + owned + 1) * factor - owned - 1, least, most) for factor in SPREAD]
    for j in range(count, len(here)):
        for factor in ALONE:
            moved = here.copy()
            moved[j] = np.clip((here[j] + owned[j] + 1) * factor - owned[j] - 1, least[j], most[j])
            points.append(moved)
    stacked = np.unique(np.array(points), axis=0)
    return stacked[:, :count], stacked[:, count:]
