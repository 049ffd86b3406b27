"""Tangent planes of scores: a concave score lies under each of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Problem
from budget.allocation.table import Table

LEVEL = 1e-9  # what differences of slopes leave of a touching plane
STEP = 1e-4  # of a point's labels: the width over which slopes are taken
Score = Callable[[int, Array, Array], Array]  # (scored task, labels (k,), bought pool labels (k, P)) -> (k,)


@dataclass(frozen=True)
class Planes:
    """c planes: of which scored `task` (c,), value at no purchase `at_zero` (c,), slopes along the labels of its line
    (c,) and along each pool (c, P)."""

    task: Array
    at_zero: Array
    labels: Array
    pools: Array


def joined(planes: list[Planes]) -> Planes:
    """All of them as one."""
    return Planes(
        np.concatenate([p.task for p in planes]),
        np.concatenate([p.at_zero for p in planes]),
        np.concatenate([p.labels for p in planes]),
        np.vstack([p.pools for p in planes]),
    )


def lowest(problem: Problem, planes: Planes, tasks: Array, pools: Array, count: int) -> Planes:
    """Of every scored task the planes that are lowest at one place: purchases tasks (T,), pools (P,)."""
    at = np.array([one.line for one in problem.scored])[planes.task]
    level = planes.at_zero + planes.labels * tasks[at] + planes.pools @ pools
    order = np.lexsort((level, planes.task))
    task = planes.task[order]
    rank = np.arange(len(order)) - np.searchsorted(task, task)
    kept = np.sort(order[rank < count])
    return Planes(planes.task[kept], planes.at_zero[kept], planes.labels[kept], planes.pools[kept])


def tangents(
    problem: Problem, score: Score, which: tuple[int, ...], tasks: Array, pools: Array
) -> tuple[Planes, Array]:
    """The planes that touch the scores of some scored tasks at k points (purchases tasks (k, T), pools (k, P)), and
    those scores (k, len(which)). Slopes are differences over a ten-thousandth of the labels."""
    planes, values = [], []
    for i in which:
        at = problem.scored[i].line
        labels = problem.tasks[at].owned + tasks[:, at]
        value, slopes = _slopes(problem, score, i, labels, pools)
        at_zero = value - slopes[0] * tasks[:, at] - (slopes[1:].T * pools).sum(axis=1)
        planes.append(Planes(np.full(len(tasks), i), at_zero, slopes[0], slopes[1:].T))
        values.append(value)
    return joined(planes), np.stack(values, axis=1)


def _slopes(problem: Problem, score: Score, index: int, labels: Array, pools: Array) -> tuple[Array, Array]:
    """Score (k,) and its slopes (1 + P, k) along the task's labels and each pool."""
    points = [(labels, pools)]
    widths = []
    for j in range(1 + pools.shape[1]):
        along = labels if j == 0 else problem.pools[j - 1].owned + pools[:, j - 1]
        step = np.where(along > 0, STEP * along, 1.0)
        below = np.where(along > 0, step, 0.0)
        for shift in (step, -below):
            near = pools.copy()
            if j > 0:
                near[:, j - 1] += shift
            points.append((labels + shift if j == 0 else labels, near))
        widths.append(step + below)
    found = score(index, np.concatenate([p[0] for p in points]), np.concatenate([p[1] for p in points]))
    value, *moved = found.reshape(len(points), -1)
    return value, np.stack([(moved[2 * j] - moved[2 * j + 1]) / width for j, width in enumerate(widths)])


def lifted(table: Table, values: Array, planes: Planes) -> Planes:
    """The planes raised until none of the sampled `values` (n, L..., K) lies above them.

    So a bound that rests on them also holds where a score is not concave, at every point that was sampled.
    """
    at_zero = planes.at_zero.copy()
    order = np.argsort(planes.task, kind="stable")
    starts = np.searchsorted(planes.task[order], np.arange(len(table.line) + 1))
    for i, line in enumerate(table.line):
        mine = order[starts[i] : starts[i + 1]]
        if len(mine):
            along = planes.labels[mine, None] * table.bought[line]
            across = planes.pools[mine] @ table.mixes.T
            level = at_zero[mine, None, None] + across[:, :, None] + along[:, None, :]
            above = values[i].reshape(level.shape[1:]) - level
            at_zero[mine] += peaks(above.reshape(len(mine), *values[i].shape))
    return Planes(planes.task, at_zero, planes.labels, planes.pools)


@dataclass(frozen=True)
class Points:
    """Purchases of tasks (k, T) and of pools (k, P), and some scored tasks' scores there (k,)."""

    tasks: Array
    pools: Array
    scores: dict[int, Array]


def points(problem: Problem, score: Score, which: tuple[int, ...], tasks: Array, pools: Array) -> Points:
    """Ask for the scores at these purchases."""
    at = {i: problem.scored[i].line for i in which}
    found = {i: score(i, problem.tasks[t].owned + tasks[:, t], pools) for i, t in at.items()}
    return Points(tasks, pools, found)


def raised(problem: Problem, planes: Planes, near: Points) -> Planes:
    """The planes raised until none of the scores at these points lies above them."""
    at_zero = planes.at_zero.copy()
    for i, found in near.scores.items():
        mine, at = np.flatnonzero(planes.task == i), problem.scored[i].line
        level = at_zero[mine, None] + planes.labels[mine, None] * near.tasks[:, at] + planes.pools[mine] @ near.pools.T
        at_zero[mine] += np.maximum((found - level).max(axis=1), 0.0)
    return Planes(planes.task, at_zero, planes.labels, planes.pools)


def peaks(above: Array) -> Array:
    """(c,) how far sampled differences (c, L..., K) rise above 0, at the tops of parabolas through the highest."""
    peak: Array = np.maximum(above.reshape(len(above), -1).max(axis=1), 0.0)
    rows = np.flatnonzero(peak > LEVEL)
    some = above[rows]
    where = np.unravel_index(some.reshape(len(rows), prod(above.shape[1:])).argmax(axis=1), above.shape[1:])
    for axis, size in enumerate(above.shape[1:]):
        if size > 2:
            middle = np.clip(where[axis], 1, size - 2)
            near = [(*where[:axis], middle + d, *where[axis + 1 :]) for d in (-1, 0, 1)]
            three = [some[(np.arange(len(rows)), *place)] for place in near]
            peak[rows] += np.maximum(2 * three[1] - three[0] - three[2], 0.0) / 8
    return peak
