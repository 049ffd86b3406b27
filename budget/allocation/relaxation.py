"""The concave relaxation, solved by prices: money goes to the steepest piece of every task's score until it is spent.

For fixed pool labels the tasks only share the money, so the best relaxed plan buys the pieces of each task's concave
envelope in the order of score per money (water-filling). Pool labels are searched around that.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import isotonic_regression

from budget.allocation.lines import Array
from budget.allocation.problem import Problem, Whole
from budget.allocation.table import Table

ZOOMS, ZOOM_POINTS = 4, 7
MISSED = 1e6  # what a plan counts less for every target missed, and for every budget that is lacking
KINK = 0.1  # a slope that rises by a smaller share is a flaw of interpolation and is levelled, not bridged


@dataclass(frozen=True)
class Filled:
    """m water-fillings at once: pieces of all tasks in the order they are bought, with money and score so far."""

    start: Array  # (m,) score before anything is bought
    order: Whole  # (m, T * (M - 1)) pieces, steepest first
    cost: Array  # (m, T * (M - 1) + 1) money spent up to there
    gain: Array  # the same for the score
    pieces: int  # M - 1

    def score(self, row: int, money: Array) -> Array:
        """Best relaxed score (k,) of water-filling `row` for k amounts of money; very low for less than none."""
        found = self.start[row] + np.interp(money, self.cost[row], self.gain[row])
        return np.where(money < 0, -1e9, found)

    def bought(self, row: int, money: float, grid: Array) -> Array:
        """(T,) what is bought of each task with that money, `grid` (T, M)."""
        whole = int(np.searchsorted(self.cost[row], money, side="right")) - 1
        steps = np.bincount(self.order[row, :whole] // self.pieces, minlength=len(grid))
        amount = grid[np.arange(len(grid)), steps]
        if whole < self.order.shape[1] and self.cost[row, whole + 1] > self.cost[row, whole]:
            line, piece = divmod(int(self.order[row, whole]), self.pieces)
            share = (money - self.cost[row, whole]) / (self.cost[row, whole + 1] - self.cost[row, whole])
            if self.gain[row, whole + 1] > self.gain[row, whole]:
                amount[line] += share * (grid[line, piece + 1] - grid[line, piece])
        return np.asarray(amount, float)


def fill(values: Array, costs: Array, forced: Array | None = None) -> Filled:
    """Water-filling for m tables of scores (m, T, M) over the money (T, M) of their points, rising along the last.

    `forced` (m, T): pieces before this point are bought first, whatever they bring.
    """
    spend = np.diff(costs, axis=1)
    gain = np.diff(values, axis=2)
    slope = gain / np.where(spend > 0, spend, np.inf)
    slope = np.where(np.cumsum(spend, axis=1) <= 0, slope.max(axis=2, keepdims=True), slope)
    for piece in np.flatnonzero((spend <= 0).any(axis=0) & (np.arange(spend.shape[1]) > 0)):
        slope[:, :, piece] = np.where(spend[:, piece] > 0, slope[:, :, piece], slope[:, :, piece - 1])
    for row, line in np.argwhere((slope[:, :, 1:] > (1 + KINK) * np.maximum(slope[:, :, :-1], 0)).any(axis=2)):
        slope[row, line] = envelope(costs[line], values[row, line])
    slope = np.maximum(np.minimum.accumulate(slope, axis=2), 0.0)
    first = slope if forced is None else np.where(np.arange(slope.shape[2]) < forced[:, :, None], np.inf, slope)
    flat = slope.reshape(len(values), -1)
    order = np.argsort(-first.reshape(len(values), -1), axis=1, kind="stable")
    money = np.broadcast_to(spend.ravel(), flat.shape)
    spent = np.take_along_axis(money, order, axis=1)
    gained = np.take_along_axis(flat * money, order, axis=1)
    nothing = np.zeros((len(values), 1))
    return Filled(
        values[:, :, 0].sum(axis=1), order,
        np.hstack([nothing, spent.cumsum(axis=1)]), np.hstack([nothing, gained.cumsum(axis=1)]), spend.shape[1],
    )  # fmt: skip


def envelope(cost: Array, score: Array) -> Array:
    """Slopes (M - 1,) of the least concave function above the points: the falling slopes nearest to those there are.

    >>> envelope(np.array([0.0, 1, 2]), np.array([0.0, 0.2, 1]))
    array([0.5, 0.5])
    """
    spend = np.maximum(np.diff(cost), 1e-12 * max(cost[-1] - cost[0], 1e-300))
    return np.asarray(isotonic_regression(np.diff(score) / spend, weights=spend, increasing=False).x)


def spare_money(problem: Problem) -> float:
    """Next to nothing, but something: labels that cost nothing are reckoned to cost this, so that the order of their
    pieces stays defined. So much more money there then is."""
    return 1e-12 * max(problem.budget, 1.0)


def piece_costs(problem: Problem, points: Array) -> Array:
    """(T, C) money for purchases of every task line, that of free labels next to nothing."""
    costs = np.stack([line.costs(row) for line, row in zip(problem.tasks, points, strict=True)])
    tiny = spare_money(problem) / max(len(problem.tasks), 1)
    for t, line in enumerate(problem.tasks):
        if line.price == 0:
            costs[t] += tiny * points[t] / max(line.most, 1)
    return costs


def charges(problem: Problem, prices: Array, first: int, points: Array) -> Array:
    """What purchases (lines, C) of the lines from `first` on take of the rows, at the rows' prices (R,)."""
    total = np.zeros(points.shape)
    for price, row in zip(prices, problem.rows, strict=True):
        for j, bought in enumerate(points):
            line = problem.lines[first + j]
            total[j] += price * float(row.buy.get(line.name, 0)) * bought
            if line.name in row.cost:
                total[j] += price * float(row.cost[line.name]) * line.costs(bought)
    return total


@dataclass(frozen=True)
class Relaxation:
    """The relaxed problem. `prices` (R,) of the problem's rows, which are else left out; `pool_money`: so much is set
    aside for pools, and tasks share the rest whether or not the pools take it all; `held`: (line, its purchase)."""

    table: Table
    problem: Problem
    prices: Array
    pool_money: float | None = None
    held: tuple[int, float] | None = None

    def filled(self, mixes: Array) -> tuple[Filled, Array, Array]:
        """Water-filling at m purchases of pools (m, P): with it the money for tasks (m,), and what else counts (m,)."""
        problem, table = self.problem, self.table
        costs, count = piece_costs(problem, table.fine), len(problem.tasks)
        values = table.at(mixes, problem.weights) - charges(problem, self.prices, 0, table.fine)
        values = bridged(problem, costs, table.fine, values)
        if self.held is not None and self.held[0] < count:
            self._hold(costs, values, *self.held)
        free = problem.budget - float(costs[:, 0].sum()) + spare_money(problem)
        spent = sum((line.costs(mixes[:, j]) for j, line in enumerate(problem.pools)), np.zeros(len(mixes)))
        if self.pool_money is None:
            money = free - spent
        else:
            money = np.where(spent <= self.pool_money * (1 + 1e-9), free - self.pool_money, -1.0)
        first = table.needed(mixes)
        missed = (first >= table.fine.shape[1]).sum(axis=1)
        forced = np.minimum(first, table.fine.shape[1] - 1)
        need = (costs[np.arange(count), forced] - costs[:, 0]).sum(axis=1)
        lack = missed + np.maximum(need - money, 0.0) / max(problem.budget, 1e-12)
        worth = -charges(problem, self.prices, count, mixes.T).sum(axis=0) - MISSED * lack
        if problem.goal == "cheapest":
            money = np.minimum(money, need)
            worth = worth - (spent + need) / max(problem.budget, 1e-12)
        return fill(values, costs, forced if table.targets else None), money, worth

    def _hold(self, costs: Array, values: Array, task: int, amount: float) -> None:
        """Nothing to choose for one task line: one cost and one score at all its points."""
        points = self.table.fine[task]
        place = min(int(np.searchsorted(points, amount)), len(points) - 1)
        below = max(place - 1, 0)
        width = points[place] - points[below]
        share = (amount - points[below]) / width if width > 0 else 0.0
        score = values[:, task, below] * (1 - share) + values[:, task, place] * share
        values[:, task] = score[:, None]
        costs[task] = self.problem.tasks[task].costs(np.array([amount]))[0]

    def scores(self, mixes: Array) -> Array:
        """(m,) the best relaxed plan's worth at m purchases of pools."""
        found, money, worth = self.filled(mixes)
        if self.problem.goal == "cheapest":
            return worth
        return np.array([float(found.score(k, money[k : k + 1])[0]) for k in range(len(mixes))]) + worth

    def pools(self) -> Array:
        """The best pools: all grid levels, then ever finer steps along one pool at a time."""
        mixes = self._pinned(self.table.mixes)
        best = np.asarray(mixes[0])
        if len(mixes) == 1:
            return best
        best = mixes[int(np.argmax(self.scores(mixes)))]
        for zoom in range(ZOOMS):
            for j, grid in enumerate(self.table.pools):
                width = 1.5 / 3.0**zoom
                centre = grid.position(best[j : j + 1])
                steps = np.clip(centre + np.linspace(-width, width, ZOOM_POINTS), 0, grid.size - 1)
                mixes = np.repeat(best[None], ZOOM_POINTS + 1, axis=0)
                mixes[:-1, j] = grid.at(steps)
                mixes = self._pinned(mixes)
                best = mixes[int(np.argmax(self.scores(mixes)))]
        return np.asarray(best)

    def _pinned(self, mixes: Array) -> Array:
        """The mixes with the pool that is held at its purchase."""
        pool = -1 if self.held is None else self.held[0] - len(self.problem.tasks)
        if self.held is None or pool < 0:
            return mixes
        pinned = mixes.copy()
        pinned[:, pool] = self.held[1]
        return np.unique(pinned, axis=0)


def relax(
    table: Table, problem: Problem, prices: Array | None = None, pool_money: float | None = None
) -> tuple[Array, tuple[int, ...]]:
    """The relaxed optimum: purchases of tasks (T,), not yet whole lots, and allowed purchases of pools (P,)."""
    paid = np.zeros(len(problem.rows)) if prices is None else prices
    relaxation = Relaxation(table, problem, paid, pool_money)
    whole = whole_pools(problem, relaxation.pools())
    found, money, _ = relaxation.filled(np.array(whole, float)[None])
    return found.bought(0, max(float(money[0]), 0.0), table.fine), whole


def relaxed_score(table: Table, problem: Problem, held: tuple[int, float]) -> float:
    """The best relaxed plan's worth with one line held at a purchase."""
    relaxation = Relaxation(table, problem, np.zeros(len(problem.rows)), held=held)
    return float(relaxation.scores(relaxation.pools()[None])[0])


def bridged(problem: Problem, costs: Array, points: Array, values: Array) -> Array:
    """Scores (m, T, M) with those between nothing and a least order laid on the line between the two.

    The costs (T, M) are changed in place alike: there is nothing to be bought there."""
    for t, line in enumerate(problem.tasks):
        if line.least < line.first and line.first > line.lot:
            start = min(int(np.searchsorted(points[t], line.first)), points.shape[1] - 1)
            share = np.arange(start + 1) / start
            costs[t, : start + 1] = share * costs[t, start]
            values[:, t, : start + 1] = values[:, t, :1] + share * (values[:, t, start, None] - values[:, t, :1])
    return values


def whole_pools(problem: Problem, pools: Array) -> tuple[int, ...]:
    """The nearest allowed purchase of each pool that the budget affords after every least purchase."""
    left = problem.money - sum((line.cost(line.least) for line in problem.lines), Fraction(0))
    bought = []
    for line, amount in zip(problem.pools, pools, strict=True):
        buy = int(line.near(np.array([amount]))[0])
        buy = min(buy, line.affordable(left + line.cost(line.least)))
        buy = max(buy, line.least)
        left -= line.cost(buy) - line.cost(line.least)
        bought.append(buy)
    return tuple(bought)
