"""What can be bought of every task at given pool labels, and what it brings: lists that grow where that matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.lines import Array, Line
from budget.allocation.problem import Problem

FULL = 48  # a line with no more purchases than this is listed whole
COARSE, WINDOW, BETWEEN = 24, 1.08, 9


@dataclass(frozen=True)
class Shelf:
    """`buys` by task line (C,), rising; `scores` by scored task: (C,) expected, or (S, C) draws where risk counts."""

    problem: Problem
    pools: tuple[int, ...]
    buys: tuple[Array, ...]
    scores: tuple[Array, ...]

    @property
    def empty(self) -> bool:
        """Is there a task for which nothing is allowed?"""
        return any(len(each) == 0 for each in self.buys)

    def grown(self, more: Sequence[Array]) -> Shelf:
        """With further purchases by task line; those that miss a target are left out."""
        fresh = _shelf(self.problem, self.pools, [np.setdiff1d(a, b) for a, b in zip(more, self.buys, strict=True)])
        buys = [np.concatenate(pair) for pair in zip(self.buys, fresh.buys, strict=True)]
        orders = [np.argsort(each, kind="stable") for each in buys]
        scores = [
            np.concatenate([old, new], axis=-1)[..., orders[one.line]]
            for one, old, new in zip(self.problem.scored, self.scores, fresh.scores, strict=True)
        ]
        return Shelf(self.problem, self.pools, tuple(b[o] for b, o in zip(buys, orders, strict=True)), tuple(scores))

    def around(self, shares: Sequence[Array]) -> list[Array]:
        """By task line, purchases between those that have a share and their neighbours on the shelf."""
        found = []
        for line, buys, share in zip(self.problem.tasks, self.buys, shares, strict=True):
            points = [np.zeros(0)]
            for j in np.flatnonzero(share > 1e-7):
                for a, b in ((j - 1, j), (j, j + 1)):
                    if a >= 0 and b < len(buys) and buys[b] - buys[a] > line.lot and _apart(line, buys[a], buys[b]):
                        points.append(line.near(np.linspace(buys[a], buys[b], BETWEEN)))
            found.append(np.setdiff1d(np.concatenate(points), buys))
        return found


CLOSE = 3e-4  # purchases that differ by less than this share of the labels are not told apart


def _apart(line: Line, less: float, more: float) -> bool:
    return more - less > CLOSE * (line.owned + more)


def stocked(problem: Problem, pools: tuple[int, ...], near: Array | None = None) -> Shelf:
    """The first lists: everything where that is little, else a wide grid, and closely around `near` (T,)."""
    lists = []
    for t, line in enumerate(problem.tasks):
        low = _least(problem, t, pools)
        if low is None:
            lists.append(np.zeros(0))
            continue
        every = listed(line, low, COARSE)
        if near is not None:
            shift = 1.0 + line.owned
            close = (near[t] + shift) * np.geomspace(1 / WINDOW, WINDOW, 2 * BETWEEN + 1) - shift
            every = np.union1d(every, line.near(close))
        lists.append(every[every >= low])
    return _shelf(problem, pools, lists)


def listed(line: Line, low: int, points: int) -> Array:
    """All purchases from `low` up where they are few, else so many, closer together the fewer labels they are."""
    start = max(line.first, line.least)
    if (line.most - start) // line.lot < FULL:
        every = np.arange(start, line.most + 1, line.lot, dtype=float)
    else:
        shift = 1.0 + line.owned
        every = np.geomspace(low + shift, line.most + shift, points) - shift
    every = np.unique(np.concatenate([line.near(every), [float(line.least), float(low)]]))
    return every[every >= low]


def _shelf(problem: Problem, pools: tuple[int, ...], lists: Sequence[Array]) -> Shelf:
    """These purchases, less those that miss a target, and what they bring."""
    mix = np.array(pools, float)
    kept = list(lists)
    for i in problem.targets:
        t = problem.scored[i].line
        labels = kept[t] + problem.tasks[t].owned
        if len(labels):
            kept[t] = kept[t][problem.reaches(i, labels, np.tile(mix, (len(labels), 1))) >= -1e-12]
    scores = []
    for i, one in enumerate(problem.scored):
        labels = kept[one.line] + problem.tasks[one.line].owned
        ask = problem.draws if problem.risk > 0 else problem.expected
        scores.append(ask(i, labels, np.tile(mix, (len(labels), 1))))
    return Shelf(problem, pools, tuple(kept), tuple(scores))


def _least(problem: Problem, task: int, pools: tuple[int, ...]) -> int | None:
    """The fewest labels of a task line with which all its targets are reached; None if no purchase reaches them."""
    line, mix = problem.tasks[task], np.array(pools, float)
    mine = [i for i in problem.targets if problem.scored[i].line == task]
    if not mine:
        return line.least

    def first(buys: Array) -> int:
        labels = buys + line.owned
        mixes = np.tile(mix, (len(labels), 1))
        fine = np.all([problem.reaches(i, labels, mixes) >= -1e-12 for i in mine], axis=0)
        return int(np.argmax(fine)) if fine.any() else -1

    shift = 1.0 + line.owned
    buys = np.unique(line.near(np.geomspace(line.least + shift, line.most + shift, 65) - shift))
    buys = np.unique(np.concatenate([[float(line.least)], buys, [float(line.near(np.array([line.most]))[0])]]))
    while (at := first(buys)) > 0 and buys[at] - buys[at - 1] > line.lot:
        finer = np.unique(line.near(np.linspace(buys[at - 1], buys[at], 33)))
        if len(finer) <= 2:
            break
        buys = finer
    return None if at < 0 else int(buys[at])
