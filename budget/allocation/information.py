"""What further pilots are worth before they are run: the expected value of sample information.

A pilot's mean score y tells something about every point x of its task's curve. By linear regression over the draws
(Strong, Oakley and Brennan, 2014, with one linear term; in other words linear Bayes, Goldstein and Wooff, 2007),

    E[score(x) | y] = E[score(x)] + s(x) Z,   s(x) = Cov(score(x), score(pilot)) / sqrt(Var(score(pilot)) + scatter^2),

with Z standard normal before the pilot is run. Whoever plans afterwards takes the best of the plans a, whose scores
are V(a) + s(a) Z by then; the pilot is worth E max (V(a) + s(a) Z) - max V(a) (Raiffa and Schlaifer, 1961), which is
never negative. What moves all plans alike decides nothing: scores count as differences to the best plan now. The plans
looked at: every mix of pools and every amount of the task's own labels on a grid, coarse but for a part around the best
plan now, and for each of them the best that the other tasks can make of the money left.

Several pilots, one after the other: given the scores of those before, V(a) is what they make of it, in CASES of what
they may show, and the covariances are those that they leave (the update of a Kalman filter).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from budget.allocation.lines import Array, Line
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.problem import Problem
from budget.allocation.rows import Row
from budget.allocation.table import Grid, tabulate
from budget.plan import NextPilot

LABEL_POINTS = (10, 15)  # all over, and from half to twice the labels in the best plan now
POOL_POINTS = {1: (6, 7), 2: (3, 3), 3: (2, 2)}  # the same a pool, by how many pools there are
MANY_POOLS = (2, 1)
PRICES = 64  # of money, at which the other tasks' best answers are found
DRAWS = 1600  # of each task, for a ranking: of 200, chance makes up much of what a pilot seems to be worth
REACH = 4.5  # standard deviations over which Z is integrated
NODES, FEW_NODES = 55, 7  # points for it: in one case, and in each of several
CASES = np.array([NormalDist().inv_cdf((case + 0.5) / 32) for case in range(32)])  # of Z of a pilot before
CHANCE = 2.0  # standard deviations by which a covariance must differ from none
NEGLIGIBLE = 1e-6  # a gain that is nothing but rounding


@dataclass(frozen=True)
class Options:
    """What can be chosen for one task: L mixes of pools by K amounts of its labels, flattened to A = L K options.

    `labels` (A,) and bought pool labels `bought` (A, P); `score` (A,): expected score of the best plan with them, minus
    infinity where the money does not suffice.
    """

    labels: Array
    bought: Array
    score: Array

    def affordable(self) -> Options:
        """Those that the money suffices for."""
        kept = np.isfinite(self.score)
        return Options(self.labels[kept], self.bought[kept], self.score[kept])


def worth(problem: Problem, pilots: Iterable[NextPilot], now: Optimum | None = None) -> tuple[NextPilot, ...]:
    """The pilots with their gains, those that bring most for a second of training first (for a run, where the seconds
    of one are not known); of repeats of one cell only the best number, and none that brings nothing.

    `now`: the best plan as things stand, made here unless given; nothing is worth anything where there is none. What
    counts is the expected mean score, whatever the risk and the targets. A limit on one line is kept to; limits over
    several count at their prices in that plan, which values pilots rather too high. A pilot that needs labels beyond
    those owned leaves only the plans that buy them.
    """
    best: dict[object, NextPilot] = {}
    for asked in questions(problem, pilots, now):
        for found in asked.valued():
            if found.gain > NEGLIGIBLE and (cell(found) not in best or pace(found) > pace(best[cell(found)])):
                best[cell(found)] = found
    return tuple(sorted(_alike(best.values()), key=_order))


def in_turn(
    problem: Problem,
    pilots: Iterable[NextPilot],
    most: int,
    least: float = 0.0,
    seconds: float = math.inf,
    now: Optimum | None = None,
) -> tuple[NextPilot, ...]:
    """At most so many pilots of no more than so many seconds in all, to be run one after the other: each brings most
    for a second of those left, given the scores of those before it, and no less than `least`. Their gains add up to
    what all of them are worth together.

    Everything else as in `worth`. What pilots of several tasks are worth is taken to add up.
    """
    asked = questions(problem, _alike(pilots), now)
    valued = [each.valued() for each in asked]
    chosen: list[NextPilot] = []
    while len(chosen) < most:
        taken, left = {cell(pilot) for pilot in chosen}, seconds - sum(pilot.seconds or 0.0 for pilot in chosen)
        found = [
            (_order(pilot), task, row)
            for task, some in enumerate(valued)
            for row, pilot in enumerate(some)
            if pilot.gain > max(least, NEGLIGIBLE) and (pilot.seconds or 0.0) <= left and cell(pilot) not in taken
        ]
        if not found:
            break
        _, task, row = min(found)
        chosen.append(valued[task][row])
        asked[task] = asked[task].answered(row, len(chosen))
        valued[task] = asked[task].valued()
    return tuple(chosen)


def pace(pilot: NextPilot) -> float:
    """Gain a second of training, or a run."""
    return pilot.gain / (pilot.seconds or pilot.repeats)


def cell(pilot: NextPilot) -> tuple[object, ...]:
    """What repeats have in common."""
    return (pilot.task, pilot.labels, *sorted(pilot.pools.items()))


def _order(pilot: NextPilot) -> tuple[float, str, int, list[tuple[str, int]], int]:
    return (-pace(pilot), pilot.task, pilot.labels, sorted(pilot.pools.items()), pilot.repeats)


def _alike(pilots: Iterable[NextPilot]) -> list[NextPilot]:
    """Seconds of all of them or of none."""
    found = list(pilots)
    known = all(pilot.seconds is not None for pilot in found)
    return found if known else [replace(pilot, seconds=None) for pilot in found]


@dataclass(frozen=True)
class Question:
    """What C pilots of one task would tell of its A options.

    `score` (N, A): what the options may score, N equally likely cases: one, and more once pilots were answered. The
    draws' covariances: `across` (C, A) of what the pilots would show with how much more each option brings than the
    best one now, `among` (C, C) of what the pilots would show, and the variances of the former `variance` (A,).
    `scatter` (C,): variance of each pilot's score around the truth. `allowed` (C, A): options left after the pilot.
    """

    pilots: tuple[NextPilot, ...]
    draws: int
    score: Array
    across: Array
    among: Array
    variance: Array
    scatter: Array
    allowed: NDArray[np.bool_]

    def slopes(self) -> Array:
        """(C, A) s(x) of each pilot.

        A covariance over S draws is uncertain by sd sd / sqrt(S). So much, times CHANCE, is taken off its square: with
        many pilots and few draws, some would seem to tell something by chance alone.
        """
        shown = np.diagonal(self.among)
        total = np.maximum(shown + self.scatter, 1e-24)
        squares = self.across**2 / total[:, None] - CHANCE**2 / self.draws * np.outer(shown / total, self.variance)
        return np.asarray(np.sign(self.across) * np.sqrt(np.maximum(squares, 0.0)))

    def valued(self) -> list[NextPilot]:
        """The pilots with what each is worth; below 0: it costs more in labels than it tells."""
        now = float(self.score.max(axis=1).mean())
        return [
            replace(pilot, gain=expected_best(self.score[:, kept], moved[kept]) - now if kept.any() else -np.inf)
            for pilot, moved, kept in zip(self.pilots, self.slopes(), self.allowed, strict=True)
        ]

    def answered(self, row: int, place: int) -> Question:
        """What is left to be asked once this pilot was run as the one in `place` of a list: the cases are moved by what
        it may show, and the covariances are those given its score."""
        moved, deviation = self.slopes()[row], np.sqrt(max(self.among[row, row] + self.scatter[row], 1e-24))
        across, among = self.across[row] / deviation, self.among[row] / deviation
        luck = np.random.default_rng(place).permutation(CASES)
        score = self.score + luck[:, None] * moved
        score[:, ~self.allowed[row]] = -np.inf
        return replace(
            self,
            score=score,
            across=self.across - np.outer(among, across),
            among=self.among - np.outer(among, among),
            variance=np.maximum(self.variance - across**2, 0.0),
        )


def questions(problem: Problem, pilots: Iterable[NextPilot], now: Optimum | None = None) -> list[Question]:
    """One for every scored task with pilots; none where there is no plan."""
    if now is None:
        now = optimum(tabulate(problem), problem, "highs")
    if now is None:
        return []
    by_task: dict[str, list[NextPilot]] = {}
    for pilot in pilots:
        by_task.setdefault(pilot.task, []).append(pilot)
    every = options(problem, now)
    return [
        question(problem, index, every[one.line].affordable(), by_task[one.name])
        for index, one in enumerate(problem.scored)
        if one.name in by_task
    ]


def question(problem: Problem, index: int, chosen: Options, pilots: Sequence[NextPilot]) -> Question:
    """The pilots of one scored task and these options."""
    one = problem.scored[index]
    labels = np.array([pilot.labels for pilot in pilots], float)
    pools = np.array([[pilot.pools.get(line.name, 0) for line in problem.pools] for pilot in pilots], float)
    owned = np.array([line.owned for line in problem.pools], float)
    repeats = np.array([pilot.repeats for pilot in pilots], float)
    mixes = {line.name: pools[:, j] for j, line in enumerate(problem.pools)}
    scatter = one.surface.scatter(labels, mixes, repeats) / abs(one.best - one.worst)
    cells, place = np.unique(np.column_stack([labels, pools]), axis=0, return_inverse=True)
    seen = _centred(problem.draws(index, cells[:, 0], cells[:, 1:] - owned))[:, place.reshape(-1)]
    points = one.weight * _centred(problem.draws(index, chosen.labels, chosen.bought))
    points = points - points[:, [chosen.score.argmax()]]
    allowed = np.ones((len(pilots), len(chosen.score)), bool)
    for row, pilot in enumerate(pilots):
        if pilot.cost > 0:
            allowed[row] = (chosen.labels >= pilot.labels) & (chosen.bought + owned >= pools[row]).all(axis=1)
    draws = len(seen)
    return Question(
        tuple(pilots), draws, chosen.score[None], seen.T @ points / draws, seen.T @ seen / draws,
        (points**2).mean(axis=0), scatter**2, allowed,
    )  # fmt: skip


def _centred(draws: Array) -> Array:
    return np.asarray(draws - draws.mean(axis=0))


def expected_best(score: Array, moved: Array) -> float:
    """E max_a (score_a + moved_a Z), Z standard normal: moved (A,), mean over cases of score (N, A).

    >>> round(expected_best(np.zeros((1, 2)), np.array([1.0, -1.0])), 2)  # E |Z| = sqrt(2 / pi)
    0.8
    """
    reach = REACH * np.abs(moved)
    close = (score + reach >= (score - reach).max(axis=1, keepdims=True)).any(axis=0)
    nodes = np.linspace(-REACH, REACH, FEW_NODES if len(score) > 1 else NODES)
    weights = np.exp(-(nodes**2) / 2)
    best = (score[:, None, close] + nodes[:, None] * moved[close]).max(axis=2)
    return float((best @ weights).mean() / weights.sum())


def options(problem: Problem, now: Optimum) -> list[Options]:
    """For every task line its options (see Options)."""
    prices, points, levels = now.prices, sum(LABEL_POINTS), POOL_POINTS.get(len(problem.pools), MANY_POOLS)
    around = zip(problem.tasks, now.choice.tasks, strict=True)
    grids = [_purchases(problem, line, here, LABEL_POINTS) for line, here in around]
    shared = zip(problem.pools, now.choice.pools, strict=True)
    mixes = np.array(list(product(*(_purchases(problem, line, here, levels) for line, here in shared))), float)
    mixes = mixes.reshape(sum(levels) ** len(problem.pools), len(problem.pools))
    costs = np.stack([line.costs(row) for line, row in zip(problem.tasks, grids, strict=True)])
    spent, charged = np.zeros(len(mixes)), np.zeros(len(mixes))
    for line, bought in zip(problem.pools, mixes.T, strict=True):
        spent += line.costs(bought)
        charged += _charge(problem, prices, line, bought)
    labels = np.stack([line.owned + bought for line, bought in zip(problem.tasks, grids, strict=True)])
    scores = problem.scores(problem.of_scored(np.tile(labels, len(mixes))), np.repeat(mixes, points, axis=0))
    weighted = problem.by_line(problem.weights[:, None] * scores)
    values = np.moveaxis(weighted.reshape(len(grids), len(mixes), -1), 1, 0).copy()
    for t, line in enumerate(problem.tasks):
        values[:, t] -= _charge(problem, prices, line, grids[t])
    left = (problem.budget - spent)[:, None, None] - costs  # money for the other tasks
    total = values + _others(values, costs, left) - charged[:, None, None]
    return [
        Options(np.tile(line.owned + grids[t], len(mixes)), np.repeat(mixes, points, axis=0), total[:, t].ravel())
        for t, line in enumerate(problem.tasks)
    ]


def _purchases(problem: Problem, line: Line, here: int, points: tuple[int, int]) -> Array:
    """Allowed purchases of a line that the budget pays for: some evenly spaced in the logarithm of the labels from the
    fewest to the most, some from half to twice the labels that there are with a purchase of `here`."""
    most = max(line.least, min(line.most, line.affordable(problem.money)))
    everywhere = Grid(line.owned, line.least, most, points[0]).at(np.arange(points[0], dtype=float))
    near = (here + line.owned) * 2.0 ** (np.linspace(-1, 1, points[1]) if points[1] > 1 else np.zeros(1))
    found = line.near(np.clip(np.concatenate([everywhere, near - line.owned]), line.least, most))
    for row in problem.rows:
        if _concerned(row) == {line.name}:
            found[_use(row, line, found) > float(row.limit(problem.money))] = here
    return np.sort(found)


def _others(values: Array, costs: Array, left: Array) -> Array:
    """(L, T, K) the best that all tasks but one make of the money `left` (L, T, K): values (L, T, K), costs (T, K).

    At each price of money every task has a best answer; what they cost and bring together are points of the envelope
    of all plans, between which the two best are mixed. Minus infinity where the money does not pay for the least.
    """
    money, worth = _answers(values, costs)
    money_left, worth_left = (part.sum(axis=1, keepdims=True) - part for part in (money, worth))
    found = np.empty(left.shape)
    for at in np.ndindex(*left.shape[:2]):
        found[at] = np.interp(left[at], money_left[at], worth_left[at])
    return np.where(left >= money_left[..., :1] - 1e-9, found, -np.inf)


def _answers(values: Array, costs: Array) -> tuple[Array, Array]:
    """What each task's best answer costs and brings, (L, T, J) each, from the dearest money to money for nothing."""
    spend = np.diff(costs, axis=1)
    slope = np.diff(values, axis=2) / np.where(spend > 0, spend, np.inf)
    steep = slope[slope > 0]
    high, low = (2 * steep.max(), steep.min() / 2) if len(steep) else (1.0, 1.0)
    paid = np.append(np.geomspace(high, max(low, high * 1e-9), PRICES), 0.0)
    best = (values[..., None] - paid * costs[..., None]).argmax(axis=2)  # (L, T, J)
    best[..., 0] = costs.argmin(axis=1)
    money = np.take_along_axis(np.broadcast_to(costs, values.shape), best, axis=2)
    return money, np.take_along_axis(values, best, axis=2)


def _charge(problem: Problem, prices: Array, line: Line, bought: Array) -> Array:
    """What purchases of one line take of the rows over several lines, at their prices."""
    shared = [(price, row) for price, row in zip(prices, problem.rows, strict=True) if len(_concerned(row)) > 1]
    return sum((price * _use(row, line, bought) for price, row in shared), np.zeros(len(bought)))


def _concerned(row: Row) -> set[str]:
    return {*row.buy, *row.cost}


def _use(row: Row, line: Line, bought: Array) -> Array:
    """What purchases of one line take of a row."""
    return float(row.buy.get(line.name, 0)) * bought + float(row.cost.get(line.name, 0)) * line.costs(bought)
