"""The concave relaxation, solved by prices: money goes to the steepest piece of every task's score until it is spent.

For fixed pool labels that is water-filling (`filling`); pool labels are searched around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from budget.allocation.filling import AT_ONCE, Filled, fill
from budget.allocation.lines import Array
from budget.allocation.problem import Problem, Whole
from budget.allocation.program import FAR
from budget.allocation.table import Table

THIN = 3  # of the table's label points, as many as a rough guess needs: every third, both ends among them
ZOOMS, ZOOM_POINTS = 4, 7
BISECTIONS = 30  # of the level that the money pays for
MISSED = 1e6  # what a plan counts less for every target missed, and for every budget that is lacking
FEWER = 4  # purchases of a pool, each a lot smaller than the one before, that are tried to keep limits on pools


def spare_money(problem: Problem) -> float:
    """Next to nothing, but something: labels that cost nothing are reckoned to cost this, so that the order of their
    pieces stays defined. So much more money there then is."""
    return 1e-12 * max(problem.budget, 1.0)


def piece_costs(problem: Problem, points: Array) -> Array:
    """(T, C) money for purchases of every task line, that of free labels next to nothing."""
    costs = np.array([line.about for line in problem.tasks])[:, None] * points
    tiny = spare_money(problem) / max(len(problem.tasks), 1)
    for t, line in enumerate(problem.tasks):
        if len(line.tiers) > 1 or line.setup:
            costs[t] = line.costs(points[t])
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
class Mixed:
    """Water-filling at m purchases of pools, for whatever money, from the least purchases on with which the targets are
    reached. `points` (T, M) or (m, T, M): purchases of tasks, which cost `costs` and are worth `values` (m, T, M).
    (m,) each: `first` is money for what has to be bought in any case, `need` what the targets need beyond it, `spent`
    that on pools; `missed` targets, `worth` of what rows cost."""

    found: Filled
    points: Array
    costs: Array
    values: Array
    first: Array
    need: Array
    spent: Array
    missed: Array
    worth: Array


@dataclass(frozen=True)
class Relaxation:
    """The relaxed problem for k `budgets` at once, of which tasks may cost `tasks` (k,). `prices` (R,) of the problem's
    rows, which are else left out."""

    table: Table
    problem: Problem
    prices: Array
    budgets: Array
    tasks: Array

    def filled(self, mixes: Array) -> Mixed:
        """Water-filling at m purchases of pools (m, P)."""
        problem, table = self.problem, self.table
        points, costs = table.fine, piece_costs(problem, table.fine)
        values = table.at(mixes, problem.weights) - charges(problem, self.prices, 0, table.fine)
        values = bridged(problem, costs, table.fine, values)
        spent = sum((line.costs(mixes[:, j]) for j, line in enumerate(problem.pools)), np.zeros(len(mixes)))
        worth = -charges(problem, self.prices, len(problem.tasks), mixes.T).sum(axis=0)
        first, none = np.full(len(mixes), costs[:, 0].sum()), np.zeros(len(mixes))
        if not table.targets:
            return Mixed(fill(values, costs), points, costs, values, first, none, spent, none, worth)
        needed = table.needed(mixes)
        missed = np.isinf(needed).sum(axis=1)
        points, costs, values = _from(problem, np.where(np.isinf(needed), points[:, -1], needed), points, costs, values)
        need = costs[:, :, 0].sum(axis=1) - first
        return Mixed(fill(values, costs), points, costs, values, first, need, spent, missed, worth)

    def money(self, at: Mixed, rows: Whole, cases: Whole) -> Array:
        """(n,) what tasks share beyond their least purchases, in some mixes under some budgets; below 0: too little."""
        left = np.minimum(self.budgets[cases] - at.spent[rows], self.tasks[cases])
        money = left - (at.first + at.need)[rows] + spare_money(self.problem)
        return np.minimum(money, 0.0) if self.problem.goal == "cheapest" else money

    def scores(self, at: Mixed, rows: Whole, cases: Whole) -> Array:
        """(n,) the best relaxed plan's worth in some mixes under some budgets."""
        money, unit = self.money(at, rows, cases), np.maximum(self.budgets[cases], 1e-12)
        worth = at.worth[rows] - MISSED * (at.missed[rows] + np.maximum(-money, 0.0) / unit)
        if self.problem.goal == "cheapest":
            return np.asarray(worth - (at.first + at.need + at.spent)[rows] / unit)
        shared = np.where(money + at.need[rows] < 0, money, np.maximum(money, 0.0))
        each = zip(rows.tolist(), shared.tolist(), strict=True)
        return np.array([float(at.found.score(row, np.array(left))) for row, left in each]) + worth

    def pools(self) -> Array:
        """(k, P) the best pools: all grid levels, then ever finer steps along one pool at a time."""
        count = len(self.budgets)
        mixes = self.table.mixes
        if len(mixes) == 1:
            return np.repeat(mixes, count, axis=0)
        best = mixes[self._best(mixes, np.tile(np.arange(len(mixes)), (count, 1)))]
        for zoom in range(ZOOMS):
            for j, grid in enumerate(self.table.pools):
                width = 1.5 / 3.0**zoom
                steps = grid.position(best[:, j])[:, None] + np.linspace(-width, width, ZOOM_POINTS)
                tried = np.repeat(best[:, None], ZOOM_POINTS + 1, axis=1)
                tried[:, :-1, j] = grid.at(np.clip(steps, 0, grid.size - 1).ravel()).reshape(steps.shape)
                mixes, rows = np.unique(tried.reshape(-1, best.shape[1]), axis=0, return_inverse=True)
                best = mixes[self._best(mixes, rows.reshape(count, -1))]
        return np.asarray(best)

    def about(self) -> Array:
        """(k, P) about the best pools: the tops of the parabolas through the best grid level and its neighbours."""
        mixes, count = self.table.mixes, len(self.budgets)
        scores = self._scores(mixes, np.tile(np.arange(len(mixes)), (count, 1)))
        return np.array([_top(self.table, each, int(each.argmax())) for each in scores]).reshape(count, -1)

    def _best(self, mixes: Array, rows: Whole) -> Whole:
        """(k,) for every budget the best of the mixes that its row (k, n) names."""
        return np.asarray(rows[np.arange(len(rows)), self._scores(mixes, rows).argmax(axis=1)])

    def _scores(self, mixes: Array, rows: Whole) -> Array:
        """(k, n) for every budget the scores in the mixes that its row names."""
        cases = np.repeat(np.arange(len(rows)), rows.shape[1])
        return self.scores(self.filled(mixes), rows.ravel(), cases).reshape(rows.shape)


def roughly(table: Table, cases: Sequence[Problem]) -> tuple[Array, Array]:
    """About the best purchases of tasks (k, T) and pools (k, P), for cases that only share money at one price a label.

    The best of the table's levels of pools for each case, moved to the top of the parabola through its neighbours.
    """
    tasks, pools = np.zeros((len(cases), len(table.bought))), np.zeros((len(cases), len(table.pools)))
    bought, mixes = table.bought[:, ::THIN], table.mixes
    for group in alike(cases):
        first, budgets = cases[group[0]], np.array([cases[k].budget for k in group])
        costs = piece_costs(first, bought)
        found = fill(np.moveaxis(table.by_line(first.weights)[..., ::THIN], 1, 0), costs)
        spent = mixes @ np.array([line.about for line in first.pools])
        money = budgets[:, None] - spent - costs[:, 0].sum() + spare_money(first)  # (g, L)
        scores = np.stack([found.score(row, money[:, row]) for row in range(len(mixes))], axis=1)
        for g, k in enumerate(group):
            best = int(scores[g].argmax())
            tasks[k] = found.bought(best, max(float(money[g, best]), 0.0), bought)
            pools[k] = _top(table, scores[g], best)
    return tasks, pools


def _top(table: Table, scores: Array, best: int) -> Array:
    """(P,) the top of the parabolas through the best level of the pools and its neighbours; at an end of the levels,
    through the last three."""
    shape = tuple(grid.size for grid in table.pools)
    at, places = np.unravel_index(best, shape), []
    for j, grid in enumerate(table.pools):
        k, place = int(at[j]), float(at[j])
        if grid.size > 2:
            middle = min(max(k, 1), grid.size - 2)
            near = [[*at[:j], middle + step, *at[j + 1 :]] for step in (-1, 0, 1)]
            left, here, right = scores[np.ravel_multi_index(np.array(near).T, shape)]
            bend = 2 * here - left - right
            if bend > 0 and min(left, here, right) > -FAR:
                place = float(np.clip(middle + (right - left) / (2 * bend), max(k - 1, 0), min(k + 1, grid.size - 1)))
        places.append(float(grid.at(np.array([place]))[0]))
    return np.array(places)


def alike(cases: Sequence[Problem]) -> list[list[int]]:
    """The numbers of the cases that differ in nothing but the budget, group by group: they share their lines."""
    groups: dict[object, list[int]] = {}
    for k, case in enumerate(cases):
        groups.setdefault((id(case.tasks), id(case.pools), case.goal, case.weights.tobytes()), []).append(k)
    return list(groups.values())


def relax(
    table: Table, problem: Problem, prices: Array | None = None, roughly: bool = False
) -> tuple[Array, tuple[int, ...]]:
    """The relaxed optimum: purchases of tasks (T,), not yet whole lots, and allowed purchases of pools (P,), these
    `roughly` or as exactly as the table tells."""
    return relax_all(table, [problem], prices, roughly)[0]


def relax_all(
    table: Table, cases: Sequence[Problem], prices: Array | None = None, roughly: bool = False
) -> list[tuple[Array, tuple[int, ...]]]:
    """The same for several cases: those that differ in nothing but the budget are filled at once."""
    found: dict[int, tuple[Array, tuple[int, ...]]] = {}
    most = max(AT_ONCE // (table.fine.size * (ZOOM_POINTS + 1)), 1)
    for group in (each[k : k + most] for each in alike(cases) for k in range(0, len(each), most)):
        first = cases[group[0]]
        paid = np.zeros(len(first.rows)) if prices is None else prices
        budgets = np.array([cases[k].budget for k in group])
        relaxation = Relaxation(table, first, paid, budgets, np.array([float(cases[k].for_tasks) for k in group]))
        mixes = relaxation.about() if roughly else relaxation.pools()
        whole = [whole_pools(cases[k], mix) for k, mix in zip(group, mixes, strict=True)]
        at, every = relaxation.filled(np.array(whole, float).reshape(len(group), -1)), np.arange(len(group))
        for row, (k, money) in enumerate(zip(group, relaxation.money(at, every, every).tolist(), strict=True)):
            points = at.points if at.points.ndim == 2 else at.points[row]
            found[k] = at.found.bought(row, max(money, 0.0), points), whole[row]
    return [found[k] for k in range(len(cases))]


def level(
    table: Table, problem: Problem, held: tuple[int, float] | None = None
) -> tuple[float, Array, tuple[int, ...]]:
    """For the goal `worst`, without rows: the highest level that the money brings all scores to, over their scales, and
    about the purchases of tasks (T,) and pools, lines that can rise no further aside; with one line `held`."""
    pool = held[0] - len(problem.tasks) if held is not None else -1
    mixes = table.mixes
    if held is not None and pool >= 0:
        mixes[:, pool] = held[1]
    mixes = np.vstack([mixes, *(_all_on(problem, mixes, j) for j in range(len(problem.pools)) if j != pool)])
    costs, lines = piece_costs(problem, table.fine), table.lowest(mixes, problem.scales)  # (T, M), (m, T, M)
    if held is not None and held[0] < len(problem.tasks):
        for row in lines[:, held[0]]:
            row[:] = np.interp(held[1], table.fine[held[0]], row)
        costs[held[0]] = problem.tasks[held[0]].costs(np.array([held[1]]))[0]
    spent = sum((line.costs(mixes[:, j]) for j, line in enumerate(problem.pools)), np.zeros(len(mixes)))
    money = problem.budget + spare_money(problem) - spent
    afforded = np.flatnonzero(money >= costs[:, 0].sum())
    if not len(afforded):
        return -np.inf, table.fine[:, 0], whole_pools(problem, mixes[0])
    found = _levels(lines[afforded], costs, money[afforded], lines[afforded, :, -1].min(axis=1))
    best = afforded[[int(np.argmax(found))]]
    highest = _levels(lines[best], costs, money[best], lines[best, :, -1].max(axis=1))
    tasks = _reaching(lines[best], table.fine, highest)[0]
    return float(found.max()), tasks, whole_pools(problem, mixes[best[0]])


def _all_on(problem: Problem, mixes: Array, pool: int) -> Array:
    """The mixes (m, P) with as much of one pool as the money pays for beside the others: between the table's points."""
    others = [j for j in range(len(problem.pools)) if j != pool]
    spent = sum((problem.pools[j].costs(mixes[:, j]) for j in others), np.zeros(len(mixes)))
    line, full = problem.pools[pool], mixes.copy()
    left = {money: line.affordable(Fraction(max(money, 0.0))) for money in (problem.budget - spent).tolist()}
    full[:, pool] = [np.clip(left[money], line.least, line.most) for money in (problem.budget - spent).tolist()]
    return np.unique(full, axis=0)


def _levels(lines: Array, costs: Array, money: Array, high: Array) -> Array:
    """(m,) the highest levels up to `high` (m,) that the money (m,) brings every line (m, T, M) to that can get there,
    by halving."""
    low = lines[:, :, 0].min(axis=1)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        paid = _reaching(lines, costs, middle).sum(axis=1) <= money
        low, high = np.where(paid, middle, low), np.where(paid, high, middle)
    return np.asarray(low)


def _reaching(lines: Array, amounts: Array, level: Array) -> Array:
    """(m, T) the least amounts, of (T, M), at which the rising lines (m, T, M) reach a level (m,); else the most."""
    above = (lines < level[:, None, None]).sum(axis=2)
    place = np.clip(above, 1, lines.shape[2] - 1)
    left, right = (np.take_along_axis(lines, (place - k)[..., None], axis=2)[..., 0] for k in (1, 0))
    each = np.arange(lines.shape[1])
    less, more = amounts[each, place - 1], amounts[each, place]
    share = np.clip((level[:, None] - left) / np.where(right > left, right - left, 1.0), 0.0, 1.0)
    return np.asarray(less + share * (more - less))


def _from(problem: Problem, least: Array, points: Array, costs: Array, values: Array) -> tuple[Array, Array, Array]:
    """Points (T, M), their costs (T, M) and values (m, T, M) from the purchases `least` (m, T) on, all (m, T, M): those
    before it are laid on it."""
    begin = np.array([max(line.first, line.least) for line in problem.tasks], float)
    least = np.where(least > points[:, 0], np.maximum(least, np.minimum(begin, points[:, -1])), least)
    above = (points < least[..., None]).sum(axis=2)  # (m, T) the first point that is not before it
    place, each = np.clip(above, 1, points.shape[1] - 1), np.arange(len(points))
    width = points[each, place] - points[each, place - 1]
    share = np.where(width > 0, (least - points[each, place - 1]) / np.where(width > 0, width, 1.0), 0.0)
    cost = costs[each, place - 1] + share * (costs[each, place] - costs[each, place - 1])
    ends = [np.take_along_axis(values, at[..., None], axis=2)[..., 0] for at in (place - 1, place)]
    value = ends[0] + share * (ends[1] - ends[0])
    before = np.arange(points.shape[1]) < above[..., None]
    return (
        np.where(before, least[..., None], points),
        np.where(before, cost[..., None], costs),
        np.where(before, value[..., None], values),
    )


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
    """The nearest allowed purchase of each pool that the budget affords after every least purchase, or of the next
    lower ones the first with which limits on pools alone are kept."""
    left = problem.money - sum((line.cost(line.least) for line in problem.lines if line.least), Fraction(0))
    bought = {line.name: line.least for line in problem.pools}
    alone = [row for row in problem.rows if not any(line.name in (*row.buy, *row.cost) for line in problem.tasks)]
    for line, amount in zip(problem.pools, pools, strict=True):
        most = line.affordable(left + line.cost(line.least))
        lower = [line.down(float(amount) - fewer * line.lot) for fewer in range(FEWER if alone else 1)]
        wanted = [max(min(buy, most), line.least) for buy in (int(line.near(np.array([amount]))[0]), *lower)]
        kept = (
            buy
            for buy in wanted
            if all(row.use(problem.pools, bought | {line.name: buy}) <= row.limit(problem.money) for row in alone)
        )
        bought[line.name] = next(kept, wanted[1])
        left -= line.cost(bought[line.name]) - line.cost(line.least)
    return tuple(bought.values())
