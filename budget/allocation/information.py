"""What a further pilot is worth before it is run: the expected value of sample information.

A pilot's mean score y tells something about every point x of its task's curve. By linear regression over the draws
(Strong, Oakley and Brennan, 2014, with one linear term; in other words linear Bayes, Goldstein and Wooff, 2007),

    E[score(x) | y] = E[score(x)] + s(x) Z,   s(x) = Cov(score(x), score(pilot)) / sqrt(Var(score(pilot)) + scatter^2),

with Z standard normal before the pilot is run. Whoever plans afterwards takes the best of the plans a, whose scores
are V(a) + s(a) Z by then; the pilot is worth E max (V(a) + s(a) Z) - max V(a) (Raiffa and Schlaifer, 1961), which is
never negative. The plans looked at: every mix of pools and every amount of the task's own labels on a coarse grid, and
for each of them the best that the other tasks can make of the money left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from budget.allocation.lines import Array, Line
from budget.allocation.optimum import optimum
from budget.allocation.problem import Problem
from budget.allocation.table import Grid, tabulate
from budget.plan import NextPilot

LABEL_POINTS = 20
POOL_POINTS = {1: 10, 2: 5, 3: 4}  # levels a pool, by how many pools there are; 3 beyond
PRICES = 64  # of money, at which the other tasks' best answers are found
REACH, NODES = 4.5, 55  # standard deviations, and points, over which Z is integrated
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


def worth(problem: Problem, pilots: Iterable[NextPilot], prices: Array | None = None) -> tuple[NextPilot, ...]:
    """The pilots with their gains, those that bring most for a second of training first (for a run, where the seconds
    of one are not known); of repeats of one cell only the best number, and none that brings nothing.

    The goal is the expected mean score, whatever the risk and the targets; further limits count at `prices` (R,), those
    of the best plan unless given. A pilot that needs labels beyond those owned leaves only the plans that buy them.
    """
    if prices is None:
        prices = _prices(problem)
    by_task: dict[str, list[NextPilot]] = {}
    for pilot in pilots:
        by_task.setdefault(pilot.task, []).append(pilot)
    every = options(problem, prices)
    best: dict[object, NextPilot] = {}
    for index, one in enumerate(problem.scored):
        asked = by_task.get(one.name, [])
        for pilot, gain in zip(asked, gains(problem, index, every[one.line], asked), strict=True):
            cell = (pilot.task, pilot.labels, *sorted(pilot.pools.items()))
            found = replace(pilot, gain=float(gain))
            if gain > NEGLIGIBLE and (cell not in best or pace(found) > pace(best[cell])):
                best[cell] = found
    if any(pilot.seconds is None for pilot in best.values()):
        best = {cell: replace(pilot, seconds=None) for cell, pilot in best.items()}
    return tuple(sorted(best.values(), key=lambda p: (-pace(p), p.task, p.labels, sorted(p.pools.items()), p.repeats)))


def pace(pilot: NextPilot) -> float:
    """Gain a second of training, or a run."""
    return pilot.gain / (pilot.seconds or pilot.repeats)


def gains(problem: Problem, index: int, options: Options, pilots: Sequence[NextPilot]) -> Array:
    """(C,) what each pilot of one scored task is worth; below 0: it costs more in labels than it tells."""
    if not pilots:
        return np.zeros(0)
    one = problem.scored[index]
    possible = np.isfinite(options.score)
    labels = np.array([pilot.labels for pilot in pilots], float)
    pools = {line.name: np.array([pilot.pools.get(line.name, 0) for pilot in pilots], float) for line in problem.pools}
    repeats = np.array([pilot.repeats for pilot in pilots], float)
    seen = one.normal(one.surface.draws(labels, pools))
    seen = seen - seen.mean(axis=0)
    scatter = one.surface.scatter(labels, pools, repeats) / abs(one.best - one.worst)
    spread = np.sqrt((seen**2).mean(axis=0) + scatter**2)
    points = problem.draws(index, options.labels[possible], options.bought[possible])
    points = points - points.mean(axis=0)
    moved = one.weight * (seen.T @ points) / len(points) / np.maximum(spread, 1e-12)[:, None]  # (C, A)
    score = options.score[possible]
    owned = {line.name: line.owned for line in problem.pools}
    found = []
    for row, pilot in enumerate(pilots):
        kept = np.ones(len(score), bool)
        if pilot.cost > 0:
            kept &= options.labels[possible] >= pilot.labels
            for j, line in enumerate(problem.pools):
                kept &= options.bought[possible, j] + owned[line.name] >= pilot.pools.get(line.name, 0)
        found.append(expected_best(score[kept], moved[row, kept]) - score.max() if kept.any() else -np.inf)
    return np.array(found)


def expected_best(score: Array, moved: Array) -> float:
    """E max_a (score_a + moved_a Z), Z standard normal: score and moved (A,).

    >>> round(expected_best(np.zeros(2), np.array([1.0, -1.0])), 2)  # E |Z| = sqrt(2 / pi)
    0.8
    """
    close = score + REACH * np.abs(moved - moved[score.argmax()]) >= score.max()
    nodes = np.linspace(-REACH, REACH, NODES)
    weights = np.exp(-(nodes**2) / 2)
    return float(weights @ (score[close] + nodes[:, None] * moved[close]).max(axis=1) / weights.sum())


def options(problem: Problem, prices: Array) -> list[Options]:
    """For every task line its options (see Options), `prices` (R,) being those of the problem's rows."""
    grids = [_purchases(problem, line, LABEL_POINTS) for line in problem.tasks]
    levels = POOL_POINTS.get(len(problem.pools), 3)
    mixes = np.array(list(product(*(_purchases(problem, line, levels) for line in problem.pools))), float)
    mixes = mixes.reshape(levels ** len(problem.pools), len(problem.pools))
    costs = np.stack([line.costs(row) for line, row in zip(problem.tasks, grids, strict=True)])
    spent, charged = np.zeros(len(mixes)), np.zeros(len(mixes))
    for line, bought in zip(problem.pools, mixes.T, strict=True):
        spent += line.costs(bought)
        charged += _charge(problem, prices, line, bought)
    values = np.zeros((len(mixes), *costs.shape))
    for i, one in enumerate(problem.scored):
        labels = np.tile(problem.tasks[one.line].owned + grids[one.line], len(mixes))
        score = problem.expected(i, labels, np.repeat(mixes, LABEL_POINTS, axis=0))
        values[:, one.line] += one.weight * score.reshape(len(mixes), -1)
    for t, line in enumerate(problem.tasks):
        values[:, t] -= _charge(problem, prices, line, grids[t])
    left = (problem.budget - spent)[:, None, None] - costs  # money for the other tasks
    total = values + _others(values, costs, left) - charged[:, None, None]
    return [
        Options(np.tile(line.owned + grids[t], len(mixes)), np.repeat(mixes, LABEL_POINTS, axis=0), total[:, t].ravel())
        for t, line in enumerate(problem.tasks)
    ]


def _purchases(problem: Problem, line: Line, points: int) -> Array:
    """Allowed purchases of a line that the budget pays for, about evenly spaced in the logarithm of the labels."""
    most = max(line.least, min(line.most, line.affordable(problem.money)))
    return np.sort(line.near(Grid(line.owned, line.least, most, points).at(np.arange(points, dtype=float))))


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
    """What purchases of one line take of the problem's rows, at their prices."""
    total = np.zeros(len(bought))
    for price, row in zip(prices, problem.rows, strict=True):
        total += price * float(row.buy.get(line.name, 0)) * bought
        total += price * float(row.cost.get(line.name, 0)) * line.costs(bought)
    return total


def _prices(problem: Problem) -> Array:
    """The rows' prices in the best plan: 0 for those that do not bind."""
    found = optimum(tabulate(problem), problem, "highs") if problem.rows else None
    return np.zeros(len(problem.rows)) if found is None else found.prices
