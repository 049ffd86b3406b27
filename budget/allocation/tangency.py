"""The program over tangent planes, with new planes where it wants to go, until score and bound meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.planes import Planes, Points, joined, lifted, lowest, points, raised, tangents
from budget.allocation.problem import Problem
from budget.allocation.table import Table
from budget.allocation.tangent_program import Continuous, best_under

ROUNDS, CLOSE = 25, 1e-9
CARRIED = 7  # planes of a score that are carried on to the next round: any of them bound it, few shape the program
CLOSELY = (0.6, 0.8, 0.9, 0.96, 1.0, 1.04, 1.1, 1.25, 1.6)  # times a plan's labels: where planes are checked
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
    table: Table,
    problem: Problem,
    start: tuple[Array, tuple[int, ...]],
    solver: str,
    seconds: float | None = None,
    rounds: int = ROUNDS,
) -> Proof:
    """Bound the weighted mean of the expected scores (or, for `cheapest`, minus the share of the budget spent)."""
    around, close = _around(problem, start), _near(problem, start)
    every = tuple(range(len(problem.scored)))
    near = points(problem, problem.expected, every, *close)
    goals = points(problem, problem.reaches, problem.targets, *close)
    scores, targets = _touch(table, problem, every, near, *around)[0], _targets(table, problem, goals, *around)
    best, bound = -np.inf, np.inf
    place: Continuous | None = None
    for _ in range(rounds):
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
        more, reached = _touch(table, problem, every, near, tasks, pools)
        values = reached @ problem.weights
        value = found.bound if problem.goal == "cheapest" else float(values[0])
        missed = _missed(problem, found)
        if place is None or (value > best and not missed):
            best, place = value, found
        if problem.goal != "cheapest" and values[1] > best and not (missed or _missed(problem, half)):
            best, place = float(values[1]), half
        if (not missed and bound - best <= CLOSE) or (last - bound < CLOSE / 10 and not missed):
            break
        scores = joined([lowest(problem, scores, found.tasks, found.pools, CARRIED), more])
        fresh = _targets(table, problem, goals, tasks, pools)
        targets = joined([targets, fresh]) if targets is not None and fresh is not None else targets
    if place is None:
        return Proof(False, np.inf, start[0], np.array(start[1], float), np.zeros(1 + len(problem.rows)), found.solver)
    return Proof(True, bound, place.tasks, place.pools, place.prices, place.solver)


def _touch(
    table: Table, problem: Problem, which: tuple[int, ...], near: Points, tasks: Array, pools: Array
) -> tuple[Planes, Array]:
    planes, values = tangents(problem, problem.expected, which, tasks, pools)
    return raised(problem, lifted(table, table.values, planes), near), values


def _targets(table: Table, problem: Problem, near: Points, tasks: Array, pools: Array) -> Planes | None:
    if not problem.targets:
        return None
    sampled = np.zeros(table.values.shape)
    sampled[list(problem.targets)] = table.reaches
    planes, _ = tangents(problem, problem.reaches, problem.targets, tasks, pools)
    return raised(problem, lifted(table, sampled, planes), near)


def _missed(problem: Problem, place: Continuous) -> bool:
    """Does the program's place miss a target by more than nothing?"""
    for i in problem.targets:
        line = problem.tasks[problem.scored[i].line]
        labels = place.tasks[problem.scored[i].line : problem.scored[i].line + 1] + line.owned
        if problem.reaches(i, labels, place.pools[None])[0] < -CLOSE:
            return True
    return False


def _near(problem: Problem, start: tuple[Array, tuple[int, ...]]) -> tuple[Array, Array]:
    """Points close together around a plan, where planes are held against the surfaces: purchases (k, T) and (k, P)."""
    sides = []
    factors = np.array(CLOSELY if len(problem.pools) < 3 else CLOSELY[::4])
    for line, amount in zip(problem.pools, start[1], strict=True):
        shift = line.owned + 1.0
        sides.append(np.unique(np.clip((amount + shift) * factors - shift, line.least, line.most)))
    mixes = np.array(list(product(*sides)), float).reshape(prod(len(side) for side in sides), len(sides))
    owned = np.array([line.owned for line in problem.tasks]) + 1.0
    least, most = (np.array([getattr(line, end) for line in problem.tasks], float) for end in ("least", "most"))
    labels = [np.clip((start[0] + owned) * factor - owned, least, most) for factor in CLOSELY]
    return np.repeat(np.array(labels), len(mixes), axis=0), np.tile(mixes, (len(CLOSELY), 1))


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
