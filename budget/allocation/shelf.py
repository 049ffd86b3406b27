"""What can be bought of every task at given pool labels, and what it brings: lists that grow where that matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem

FULL = 48  # a line with no more purchases than this is listed whole
COARSE, WINDOW, BETWEEN = 24, 1.08, 9
AT_ONCE, FINER, SOUGHT = 256, 3, 31  # purchases that are looked at together for the first that reaches a target: about
# so many in all, and between two of one line at least and at most
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Shelf:
    """`buys` by task line (C,), rising; `scores` by scored task: (C,) expected, or (S, C) draws where risk counts."""

    problem: Problem
    pools: tuple[int, ...]
    buys: tuple[Array, ...]
    scores: tuple[Array, ...]

    @property
    def empty(self) -> bool:
        """Is there a task for which nothing is allowed, or do the least purchases cost too much?"""
        if any(len(each) == 0 for each in self.buys):
            return True
        least = Choice(tuple(round(each.min()) for each in self.buys), self.pools)
        return self.problem.cost(least) > self.problem.money

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
            points = [between(line, buys, int(j)) for j in np.flatnonzero(share > 1e-7)]
            found.append(np.unique(np.concatenate([np.zeros(0), *points])))
        return found


def between(line: Line, buys: Array, index: int) -> Array:
    """Purchases between one of a list and its neighbours there, unless these are next to it."""
    points = [np.zeros(0)]
    for a, b in ((index - 1, index), (index, index + 1)):
        if a >= 0 and b < len(buys) and buys[b] - buys[a] > line.lot and _apart(line, buys[a], buys[b]):
            points.append(line.near(np.linspace(buys[a], buys[b], BETWEEN)))
    return np.setdiff1d(np.concatenate(points), buys)


def tops(line: Line, buys: Array, loss: Array) -> float:
    """How much more than the best one listed, which loses least, purchases between it and its neighbours may be worth:
    the top of a parabola through the three, where these are further than a lot away."""
    k = int(np.clip(loss.argmin(), 1, len(buys) - 2)) if len(buys) > 2 else 0
    if not k or buys[k + 1] - buys[k - 1] <= 2 * line.lot:
        return 0.0
    left, right = buys[k] - buys[k - 1], buys[k + 1] - buys[k]
    bend = 2 * ((loss[k - 1] - loss[k]) / left + (loss[k + 1] - loss[k]) / right) / (left + right)
    return float(max(bend, 0.0) * max(left, right) ** 2 / 8)


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
    mine = [i for i in problem.targets if problem.scored[i].line == task]
    needed = max([problem.tasks[task].least, *(fewest(problem, i, np.array([pools], float))[0] for i in mine)])
    return None if np.isinf(needed) else int(needed)


def least_at(cases: Sequence[Problem], pools: Sequence[tuple[int, ...]]) -> list[Problem | None]:
    """Cases with the same lines and targets, each at its pools: with the fewest labels that reach the targets as least
    purchases; None where no money does."""
    first = cases[0]
    least = np.array([[line.least for line in case.tasks] for case in cases], float)
    for i in first.targets:
        needed = fewest(first, i, np.array(pools, float).reshape(len(cases), -1))
        least[:, first.scored[i].line] = np.maximum(least[:, first.scored[i].line], needed)
    return [_raised(case, row, mix) for case, row, mix in zip(cases, least.tolist(), pools, strict=True)]


def _raised(case: Problem, least: Sequence[float], pools: tuple[int, ...]) -> Problem | None:
    if not case.targets:
        return case
    if np.isinf(least).any() or case.cost(Choice(tuple(int(low) for low in least), pools)) > case.money:
        return None
    tasks = (replace(line, least=int(low)) for line, low in zip(case.tasks, least, strict=True))
    return replace(case, tasks=tuple(tasks))


def fewest(problem: Problem, index: int, mixes: Array) -> Array:
    """(m,) fewest labels to buy with which a target is reached, at several purchases of pools (m, P); infinite where
    none reaches it. Scores are taken to rise with labels."""
    line = problem.tasks[problem.scored[index].line]
    shift, start = 1.0 + line.owned, max(line.first, line.least)
    points = int(np.clip(AT_ONCE // max(len(mixes), 1), FINER, SOUGHT)) + 2
    apart = np.geomspace(shift + line.least, shift + line.most, points) - shift - line.least
    share, evenly = apart[1:-1] / max(line.most - line.least, 1), np.linspace(0, 1, points)[1:-1]

    def enough(which: Flags, buys: Array) -> Flags:
        """(m', c) do purchases (m', c) reach the target at some of the pools?"""
        labels, mix = (buys + line.owned).ravel(), np.repeat(mixes[which], buys.shape[1], axis=0)
        return np.asarray(problem.reaches(index, labels, mix).reshape(buys.shape) >= -1e-12)

    low, high = (np.full(len(mixes), end) for end in (float(line.least), line.near(np.array([line.most]))[0]))
    good = enough(np.ones(len(mixes), bool), np.stack([low, high], axis=1))
    high, wide = np.where(good[:, 0], low, np.where(good[:, 1], high, np.inf)), good[:, 1] & ~good[:, 0]
    while (wide := wide & (high - low > line.lot) & (high > start)).any():
        ends = low[wide, None], high[wide, None]
        tried, share = line.near(ends[0] + (ends[1] - ends[0]) * share), evenly
        good = np.hstack([enough(wide, tried), np.ones((len(tried), 1), bool)])
        first, each, every = good.argmax(axis=1), np.arange(len(tried)), np.hstack([ends[0], tried, ends[1]])
        low[wide], high[wide] = every[each, first], every[each, first + 1]
    return high
